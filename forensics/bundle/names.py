"""Safe names for files of evidence: such as every system, every unpacker and every BagIt tool take as they stand.

Real logs are called `...%4Operational.evtx`; a bag's manifest escapes `%`, and tools disagree on how. Windows has names
that are devices, drops dots and spaces at the end, and takes `A` and `a` for one. So a file is stored under a name of
plain characters, alike to its own, and a table has the true one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART_MOST: Final = 80
_PATH_MOST: Final = 160
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._ ()+,=@-]", re.ASCII)
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: with any extension, too.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(?=\.|\Z)", re.IGNORECASE)


def safe_part(name: str) -> str:
    """One component of a path in plain characters, at most 80 of them; different names can become one."""
    text = _UNSAFE.sub("_", name)
    # A leading dot hides a file, a leading hyphen is an option, an equals sign or a plus begins a formula.
    text = re.sub(r"\A[ .\-=+@]+", lambda found: "_" * len(found[0]), text)
    text = re.sub(r"[ .]+\Z", lambda found: "_" * len(found[0]), text)
    if _DEVICES.match(text):
        text = "_" + text
    if len(text) > _PART_MOST:
        stem, dot, extension = text.rpartition(".")
        tail = dot + extension if stem and len(extension) <= 10 else ""
        text = text[: _PART_MOST - len(tail)] + tail
    return text or "_"


def safe_paths(paths: Iterable[tuple[str, ...]]) -> list[str]:
    """For each path, given as its components, a stored path below one folder: all different, even without case.

    No stored path is a folder of another one. Depends on the set of paths and their order, on nothing else. Paths that
    would be too long for Windows go into the folder `_long`.
    """
    tree = _Names()
    stored = []
    for number, parts in enumerate(paths, 1):
        path = tree.place(parts)
        if len(path) > _PATH_MOST:
            path = tree.place(("_long", f"{number:06}", parts[-1]))
        stored.append(path)
    return stored


class _Names:
    """Names given so far, folder by folder."""

    def __init__(self) -> None:
        self._taken: dict[str, set[str]] = {}
        self._folders: dict[tuple[str, str], str] = {}

    def place(self, parts: tuple[str, ...]) -> str:
        folder = ""
        for part in parts[:-1]:
            known = self._folders.get((folder, part))
            if known is None:
                known = self._folders[(folder, part)] = self._fresh(folder, part)
            folder = f"{folder}{known}/"
        return folder + self._fresh(folder, parts[-1])

    def _fresh(self, folder: str, part: str) -> str:
        taken = self._taken.setdefault(folder.casefold(), set())
        plain = name = safe_part(part)
        number = 1
        while name.casefold() in taken:
            number += 1
            stem, dot, extension = plain.rpartition(".")
            name = f"{stem}_{number}{dot}{extension}" if stem else f"{plain}_{number}"
        taken.add(name.casefold())
        return name
