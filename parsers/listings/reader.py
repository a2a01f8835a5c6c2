"""Files as listings name them: Sleuth Kit bodyfiles, and what `dir /s` of an English Windows prints.

Bodyfile: https://wiki.sleuthkit.org/index.php?title=Body_file. The form of `dir` is that of cmd.exe; its dates follow
the machine's locale, so which number is the day is told from the whole listing, or the times are left out.

Survives: lines of any length, cut files, lines that are no entry (they are counted where an entry was meant).
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from parsers.problems import Problem, ProblemKind
from parsers.times import FILETIME_MAX, filetime_from_datetime, filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

FOLDERS_MAX: Final = 100_000
_LINE_MAX: Final = 64 << 10
_BODY: Final = re.compile(
    r"[0-9A-Fa-f]{0,64}\|.+\|[^|]*\|[^|]*\|-?[0-9]*\|-?[0-9]*\|-?[0-9]{1,18}(?:\|-?[0-9]{1,18}(?:\.[0-9]+)?){4}\s*\Z"
)
_DIRECTORY: Final = re.compile(r" Directory of (?P<folder>\S.*)")
_ENTRY: Final = re.compile(
    r"(?P<one>\d{1,4})(?P<sep>[-/.])(?P<two>\d{1,2})(?P=sep)(?P<three>\d{2,4})\.? {1,3}"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?: ?(?P<half>[AaPp])[Mm]?)? {1,40}"
    r"(?P<size><[A-Z]{1,20}>|\d[\d,.\u00a0]{0,40}) {1,40}(?P<name>\S.*)"
)


class Form(StrEnum):
    """Which listing it is. The value is what a case stores."""

    BODYFILE = "bodyfile"
    DIR = "dir"


class Listed(NamedTuple):
    """One file of a listing.

    Attributes:
        path: with slashes; a drive is a folder.
        size: bytes; None where the listing's number is none.
        modified: FILETIME; None where it is not known, or ambiguous.
        resolution: ticks by which `modified` may be too early.
    """

    path: str
    size: int | None
    modified: int | None
    resolution: int


@dataclass(slots=True)
class Account:
    """What reading found beside the files; complete when they are used up.

    `assumed_zone`: times were read as UTC; `folders`: those that the listing shows, as many as `FOLDERS_MAX`.
    """

    form: Form
    problems: list[Problem] = field(default_factory=list)
    assumed_zone: bool = False
    folders: set[str] = field(default_factory=set, compare=False)

    def shows(self, folder: str) -> None:
        """Note a folder."""
        if len(self.folders) < FOLDERS_MAX:
            self.folders.add(folder)


def form_of(text: str) -> Form | None:
    """The form of a listing by its first lines; None for other texts."""
    lines = [line.rstrip()[:_LINE_MAX] for line in islice(filter(str.strip, text.splitlines()), 50)]
    bodies = sum(_BODY.match(line) is not None for line in lines)
    if lines and 2 * bodies >= len(lines):
        return Form.BODYFILE
    if any(_DIRECTORY.match(line) for line in lines) and any(_ENTRY.match(line) for line in lines):
        return Form.DIR
    return None


def read_listing(opened: Callable[[], BinaryIO], form: Form, zone: tzinfo | None, account: Account) -> Iterator[Listed]:
    """The files of a listing, in its order, folders left out. OSError where it cannot be read.

    Args:
        opened: gives the listing from its start; a `dir` is read twice, first to tell the form of its dates.
        form: as `form_of` says.
        zone: of times that are written without one; None: nothing is known, so UTC, and the account says so.
        account: takes the problems.
    """
    if form is Form.BODYFILE:
        yield from _bodyfile(opened, account)
    else:
        yield from _dir(opened, zone, account)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    """Offset and text of each line; of one beyond any honest length the rest comes as a further line."""
    start = stream.read(2)
    wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(start)
    if wide is not None:
        reader = codecs.getreader(wide)(stream, "replace")
        while line := reader.readline(_LINE_MAX):
            yield stream.tell(), line
        return
    stream.seek(0)
    at = 0
    while raw := stream.readline(_LINE_MAX):
        try:
            yield at, raw.decode("utf-8-sig" if at == 0 else "utf-8")
        except UnicodeDecodeError:
            yield at, raw.decode("latin-1")
        at += len(raw)


def _bodyfile(opened: Callable[[], BinaryIO], account: Account) -> Iterator[Listed]:
    bad = 0
    with opened() as stream:
        for _, line in _lines(stream):
            if not line.strip() or line.startswith("#"):
                continue
            if not _BODY.match(line):
                bad += 1
                continue
            parts = line.rstrip("\r\n").split("|")
            mode, size, mtime = parts[-8], parts[-5], parts[-3]
            # A name can hold the separator: the nine fields behind it are counted from the end.
            name = "|".join(parts[1:-9])
            if name.endswith("($FILE_NAME)"):
                continue
            if mode.startswith("d") or "/d" in mode:
                account.shows(_path(name))
                continue
            seconds, _, fraction = mtime.partition(".")
            nanoseconds = int(fraction[:9].ljust(9, "0"))
            modified = filetime_from_unix(int(seconds), nanoseconds) if int(seconds) else None
            if modified is not None and not 0 <= modified <= FILETIME_MAX:
                modified = None
            resolution = 1 if fraction else 10_000_000
            yield Listed(_path(name.removesuffix(" (deleted)")), int(size), modified, resolution)
    if bad:
        account.problems.append(Problem(ProblemKind.BAD_RECORD, 0, 0, f"{bad} lines that are no entries of a bodyfile"))


def _path(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    clean = [part.rstrip(":") if at == 0 else part for at, part in enumerate(parts)]
    return "/".join(part for part in clean if part not in {"", ".", ".."})


def _dir(opened: Callable[[], BinaryIO], zone: tzinfo | None, account: Account) -> Iterator[Listed]:
    above = [0, 0]
    with opened() as stream:
        for _, line in _lines(stream):
            found = _ENTRY.match(line)
            if found is not None and len(found["one"]) <= 2:
                above[0] += int(found["one"]) > 12
                above[1] += int(found["two"]) > 12
    # Where no day is above 12, or damage shows both, no reading is the only one.
    day_first = None if (above[0] > 0) == (above[1] > 0) else above[0] > 0
    ambiguous = 0
    folder = ""
    with opened() as stream:
        for _, line in _lines(stream):
            line = line.rstrip()  # noqa: PLW2901  (spaces at the end are no part of a name)
            heading = _DIRECTORY.match(line)
            if heading is not None:
                folder = _path(heading["folder"])
                account.shows(folder)
                continue
            found = _ENTRY.match(line)
            if found is None or found["size"].startswith("<"):
                continue
            modified = _moment(found, day_first, zone or UTC)
            ambiguous += modified is None
            digits = re.sub(r"\D", "", found["size"])
            size = int(digits) if digits and len(digits) < 19 else None
            yield Listed(f"{folder}/{_path(found['name'])}".lstrip("/"), size, modified, 600_000_000)
    account.assumed_zone = zone is None
    if ambiguous:
        detail = f"which number of {ambiguous} dates is the day cannot be told; these files have no time"
        account.problems.append(Problem(ProblemKind.BAD_VALUE, 0, 0, detail))


def _moment(found: re.Match[str], day_first: bool | None, zone: tzinfo) -> int | None:  # noqa: FBT001  (three answers)
    one, two, three = int(found["one"]), int(found["two"]), int(found["three"])
    if len(found["one"]) == 4:
        year, month, day = one, two, three
    elif len(found["three"]) != 4 or (day_first is None and one != two):
        return None
    else:
        year, month, day = (three, two, one) if day_first else (three, one, two)
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    try:
        there = datetime(year, month, day, hour, int(found["minute"]), tzinfo=zone)
        ticks = filetime_from_datetime(there.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
    return ticks if 0 <= ticks <= FILETIME_MAX else None
