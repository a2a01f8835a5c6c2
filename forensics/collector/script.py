"""`collect.cmd`: the part that is the same for every product, and what the profile adds to it.

The script runs on what Server 2003 and 2008 have, and lays out what it copies so that `ingest` understands it: a folder
for each node, in it the logs, and files below `Files` under their own paths, the drive as a folder.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from forensics import __version__
from forensics.errors import ProfileError
from parsers.listings.model import CREATED_HEADING, WRITTEN_HEADING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.profile import Profile

NAME: Final = "collect.cmd"
_DATA: Final = "Data"
# What could end a quoted text, or begin a command, in the shell of the node.
_UNSAFE: Final = re.compile(r'[^ -~]|["^&|<>!]')


def collector_script(profile: Profile) -> bytes:
    """The script for what `profile` knows: ASCII, lines ending in CR LF.

    Raises:
        ProfileError: a name or a key of the profile cannot stand in a command of Windows.
    """
    text = (resources.files("forensics.collector") / NAME).read_text("ascii")
    parts = {
        "VERSION": [__version__],
        "PROFILE": [_safe(profile.name or "of your own")],
        "CREATED": [CREATED_HEADING],
        "WRITTEN": [WRITTEN_HEADING],
        "LOGS": _logs(profile),
        "KEYS": _keys(profile),
        "PLACES": _places(profile),
        "SOURCES": _sources(profile),
        "FILES": _files(profile),
    }
    for mark, lines in parts.items():
        text = text.replace(f"@@{mark}@@", "\n".join(lines))
    return text.replace("\n", "\r\n").encode("ascii")


def both_views(key: str) -> tuple[str, ...]:
    r"""A key relative to HKEY_LOCAL_MACHINE in both registry views: below SOFTWARE, and below SOFTWARE\Wow6432Node."""
    first, _, rest = key.partition("\\")
    if first.upper() != "SOFTWARE" or rest.upper().startswith("WOW6432NODE\\"):
        return (key,)
    return key, f"{first}\\Wow6432Node\\{rest}"


def _safe(text: str) -> str:
    """`text` as it stands between quotes of a batch file, read once; ProfileError for what cannot stand there."""
    if _UNSAFE.search(text):
        raise ProfileError("the profile", f"{text!r} cannot stand in a command of Windows, so no script can ask for it")
    return text.replace("%", "%%")


def _set(**values: str) -> list[str]:
    return [f'set "{name}={value}"' for name, value in values.items()]


def _unique(texts: Iterable[str]) -> list[str]:
    """Each text once, compared without case, in its order."""
    first: dict[str, str] = {}
    for text in texts:
        first.setdefault(text.casefold(), text)
    return list(first.values())


def _logs(profile: Profile) -> Iterator[str]:
    """Each log by name: the file that Server 2008 has it in, and that of Server 2003, where there is one."""
    files: dict[str, dict[str, str]] = {}
    for row in profile.logs:
        files.setdefault(row.log, {}).setdefault(PurePosixPath(row.file).suffix.lower(), row.file)
    for log, of in files.items():
        name = of.get(".evtx") or f"{log.replace('/', '%4')}.evtx"
        yield from _set(LOGNAME=_safe(log), EVTX=_safe(name), EVT=_safe(of.get(".evt", "")))
        yield "call :event_log"


def _keys(profile: Profile) -> Iterator[str]:
    """The checkpoints' keys and those that are collected beside, in both views."""
    wanted = [*(row.key for row in profile.checkpoint_keys), *(row.key for row in profile.collected_keys)]
    for key in _unique(view for one in wanted for view in both_views(one)):
        yield from _set(KEY=_safe(key), NAME=_safe(re.sub(r"[\\/:*?]", "_", key)))
        yield "call :key"


def _places(profile: Profile) -> Iterator[str]:
    """Where the registry may tell of the product, then the folders where it lies by default."""
    for key in _unique(view for row in profile.checkpoint_keys for view in both_views(row.key)):
        if key.upper().startswith("SOFTWARE\\"):
            yield from _set(KEY=_safe(key))
            yield "call :product"
    for row in profile.data_folders:
        below = row.pattern.removeprefix("*/").replace("/", "\\")
        if below.endswith(f"\\{_DATA}") and not re.search(r"[*?\[]", below):
            yield from _set(SRC="%SystemDrive%\\" + _safe(below.removesuffix(f"\\{_DATA}")))
            yield "if not defined PRODUCT_FOUND call :installed"


def _sources(profile: Profile) -> Iterator[str]:
    for row in profile.log_sources:
        key = f"SYSTEM\\CurrentControlSet\\Services\\EventLog\\{row.log}\\{row.event_source}"
        yield from _set(KEY=_safe(key))
        yield "call :source"


def _files(profile: Profile) -> Iterator[str]:
    """Masks of files that are copied from anywhere below the product's folder."""
    stems = [f"*{PurePosixPath(row.name).stem}*" for row in profile.replicated_files]
    for mask in _unique([*stems, *(row.mask for row in profile.collected_files)]):
        yield from _set(SRC="%PLACE%", MASK=_safe(mask))
        yield "call :matching"
