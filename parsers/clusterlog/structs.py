"""Lines of a cluster log, after https://learn.microsoft.com/previous-versions/windows/it-pro/windows-2000-server/cc962179(v=technet.10).

`pid.tid::yyyy/mm/dd-hh:mm:ss.sss [LEVEL] [COMPONENT] text`: identifiers in hexadecimal, times in GMT. Component and
level may be missing; the level came with Windows Server 2003. Lines of a resource's DLL name the resource in place of
the component, which is left in the text. State codes: https://support.microsoft.com/kb/286052.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from parsers.lines import LINE_START

HEAD: Final = re.compile(
    LINE_START + r"([0-9a-fA-F]{1,8})\.([0-9a-fA-F]{1,8})::"
    r"([0-9]{4}/[0-9]{2}/[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})(?!\S)"
)
"""The beginning of an entry: process, thread, time."""

UNDATED_HEAD: Final = re.compile(
    LINE_START + r"[0-9a-fA-F]{1,8}(?:\.[0-9a-fA-F]{1,8})?::[0-9]{1,2}-[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,3}(?!\S)"
)
"""As Windows NT 4.0 writes it: of the date there is the day of the month only (https://support.microsoft.com/kb/234767)."""

CUT_HEAD: Final = re.compile(r"[0-9a-fA-F]{3,8}\.[0-9a-fA-F]{0,8}(?:::?[0-9/:.-]{0,23})?\Z")
"""What is left of a beginning where a file ends within it."""

REST: Final = re.compile(r"[ \t]*(?:(INFO|WARN|ERR)(?!\S)[ \t]*)?(?:\[([^\[\]\n]{1,40})\]:?[ \t]*)?")
"""What stands between the beginning and the text: level and component."""

LEVELS: Final = {"INFO": 4, "WARN": 3, "ERR": 2}
"""On the scale of .evtx."""


class GroupState(IntEnum):
    """CLUSTER_GROUP_STATE."""

    UNKNOWN = -1
    ONLINE = 0
    OFFLINE = 1
    FAILED = 2
    PARTIAL_ONLINE = 3


class NodeState(IntEnum):
    """CLUSTER_NODE_STATE."""

    UNKNOWN = -1
    UP = 0
    DOWN = 1
    PAUSED = 2
    JOINING = 3


class ResourceState(IntEnum):
    """CLUSTER_RESOURCE_STATE."""

    UNKNOWN = -1
    INHERITED = 0
    INITIALIZING = 1
    ONLINE = 2
    OFFLINE = 3
    FAILED = 4
    PENDING = 128
    ONLINE_PENDING = 129
    OFFLINE_PENDING = 130
