"""Names from file systems and archives as logical paths that can be stored, compared and shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from parsers.containers.sources import Limits

_TO_ESCAPE = re.compile("[\x00\\\\\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:(?=/|$)")
_SHOWN = 200


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that is no text
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def is_absolute(name: str) -> bool:
    """Whether a member's name, as its archive states it, begins at a root or a drive of Windows or Unix."""
    return name.startswith(("/", "\\")) or _DRIVE.match(name.replace("\\", "/")) is not None


def escape(name: str) -> str:
    """One name (no path) with NUL, backslash, lone surrogates and undecodable bytes escaped; reversible."""
    return _TO_ESCAPE.sub(_escape, name)


class MemberPaths:
    """Gives each member of one archive a logical path of its own below the archive.

    Backslashes are taken as separators, as Windows programs write them; a leading slash goes, a drive letter becomes
    a folder. What could lead out of the archive or stands there twice is given all the same, since nothing is ever
    written by these names, and stated.
    """

    def __init__(self, archive: str, limits: Limits) -> None:
        self._archive = archive
        self._limit = limits.name
        # Hashes instead of the paths: two hundred thousand long names would fill the memory.
        self._given: dict[int, int] = {}

    def too_long(self, name: str) -> bool:
        """Whether the limits refuse this name."""
        return len(name) > self._limit

    def shown(self, name: str) -> str:
        """A path for problems about a member that gets no path of its own; long names are cut."""
        return f"{self._archive}/{self._clean(name[:_SHOWN])[0]}"

    def folder(self, name: str) -> str:
        """The path of a folder; the same for the same name, since members are put into it."""
        return f"{self._archive}/{self._clean(name)[0]}"

    def place(self, name: str) -> tuple[str, list[Problem]]:
        """The member's path, and what had to be done to its name."""
        clean, stated = self._clean(name)
        path = unique = f"{self._archive}/{clean}"
        if hash(path) in self._given:
            stated.append("the archive has several members of this name; all are read, the later ones numbered")
            number = self._given[hash(path)]
            while hash(unique) in self._given:
                number += 1
                unique = f"{path}#{number}"
            self._given[hash(path)] = number
        self._given[hash(unique)] = 1
        return unique, [Problem(ProblemKind.BAD_VALUE, 0, 0, text) for text in stated]

    @staticmethod
    def _clean(name: str) -> tuple[str, list[str]]:
        stated = []
        if "\0" in name:
            stated.append("the name holds a NUL character, shown escaped")
        slashed = name.replace("\\", "/").lstrip("/")
        slashed = _DRIVE.sub(lambda drive: drive[0][0], slashed, count=1) if _DRIVE.match(slashed) else slashed
        parts = [part for part in slashed.split("/") if part not in ("", ".")]
        if ".." in parts:
            stated.append("the name leads out of the archive; its '..' are shown escaped")
        parts = ["\\x2e\\x2e" if part == ".." else escape(part) for part in parts]
        if not parts:
            stated.append("the member has no name")
        return "/".join(parts) or "unnamed", stated
