"""What the answers of `cluster res` and WMI tell of one resource: no more than can be read in any language and layout.

How `cluster` lays out its answers is not documented, so nothing is read by columns. A key is looked for wherever it
stands, also across line ends; a state is taken from WMI's number, else from the documented words at the end of a line.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

_STATE: Final = re.compile(r"^\s*State\s*=\s*([0-9]{1,10})\s*$", re.IGNORECASE | re.MULTILINE | re.ASCII)
_WORD: Final = re.compile(r"\s(Online|Offline|Pending|Failed)[^\S\n]*\r*$", re.IGNORECASE | re.MULTILINE | re.ASCII)
_SPACE: Final = re.compile(r"\s+")
# https://learn.microsoft.com/windows/win32/api/clusapi/ne-clusapi-cluster_resource_state: inherited, initializing,
# online, pending, online pending, offline pending
_ONLINE: Final = frozenset({0, 1, 2, 128, 129, 130})
_OFFLINE: Final = 3


class State(StrEnum):
    """What is known of a resource: `ONLINE` also where it is about to be; `FAILED` may come online by itself."""

    ONLINE = "online"
    OFFLINE = "offline"
    FAILED = "failed"
    UNKNOWN = "unknown"


def state_of(status: str, wmi: str) -> State:
    """The state that `cluster res NAME /status` and the WMI query tell together; doubt is `UNKNOWN`."""
    words = {found.lower() for found in _WORD.findall(status)}
    numbers = {int(found) for found in _STATE.findall(wmi)}
    if words & {"online", "pending"} or numbers & _ONLINE:
        return State.ONLINE
    if numbers:
        return State.OFFLINE if numbers == {_OFFLINE} else State.FAILED if numbers == {4} else State.UNKNOWN
    if words == {"offline"}:
        return State.OFFLINE
    return State.FAILED if words == {"failed"} else State.UNKNOWN


def is_listed(key: str, listing: str) -> bool:
    """Whether a listing shows a checkpoint of exactly this key; a longer key that begins so is another."""
    wanted = re.escape(_SPACE.sub("", key).casefold())
    return re.search(rf"(?<!\\){wanted}(?!\\)", _SPACE.sub("", listing).casefold()) is not None
