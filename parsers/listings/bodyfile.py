"""Bodyfiles of the Sleuth Kit: https://wiki.sleuthkit.org/index.php?title=Body_file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.listings.model import Listed
from parsers.listings.text import lines, logical_path
from parsers.problems import Problem, ProblemKind
from parsers.times import FILETIME_MAX, TICKS_PER_SECOND, filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.listings.model import Account

_ENTRY: Final = re.compile(
    r"[0-9A-Fa-f]{0,64}\|.+\|[^|]*\|[^|]*\|-?[0-9]*\|-?[0-9]*\|-?[0-9]{1,18}(?:\|-?[0-9]{1,18}(?:\.[0-9]+)?){4}\s*\Z"
)


def is_bodyfile(head: Sequence[str]) -> bool:
    """Whether the first lines of a text are those of a bodyfile: half of them at least."""
    return bool(head) and 2 * sum(_ENTRY.match(line) is not None for line in head) >= len(head)


def read_bodyfile(opened: Callable[[], BinaryIO], account: Account) -> Iterator[Listed]:
    """The files of a bodyfile; second entries of names and folders are left out, bad lines counted."""
    bad = 0
    with opened() as stream:
        for _, line in lines(stream):
            if not line.strip() or line.startswith("#"):
                continue
            if not _ENTRY.match(line):
                bad += 1
                continue
            parts = line.rstrip("\r\n").split("|")
            mode, size, mtime = parts[-8], parts[-5], parts[-3]
            # A name can hold the separator: the nine fields behind it are counted from the end.
            name = "|".join(parts[1:-9])
            if name.endswith("($FILE_NAME)"):
                continue
            if mode.startswith("d") or "/d" in mode:
                account.shows(logical_path(name))
                continue
            seconds, _, fraction = mtime.partition(".")
            nanoseconds = int(fraction[:9].ljust(9, "0"))
            modified = filetime_from_unix(int(seconds), nanoseconds) if int(seconds) else None
            if modified is not None and not 0 <= modified <= FILETIME_MAX:
                modified = None
            resolution = 1 if fraction else TICKS_PER_SECOND
            yield Listed(logical_path(name.removesuffix(" (deleted)")), int(size), modified, resolution)
    if bad:
        account.problems.append(Problem(ProblemKind.BAD_RECORD, 0, 0, f"{bad} lines that are no entries of a bodyfile"))
