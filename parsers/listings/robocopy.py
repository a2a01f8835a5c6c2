"""Logs of robocopy, as `/V`, `/TS`, `/FP`, `/BYTES`, `/NP` and their like make them.

https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy

Lines begin with a tab; then come the class of the file (`New File`, `Newer`, `same` ..., left out with `/NC`), tabs,
the size (left out with `/NS`, rounded to `18.0 m` without `/BYTES`), with `/TS` the file's time, a tab, and the name
(with `/FP` the full path). A line whose path ends with a backslash is a folder's. Without `/NP` each file is followed
by how far it got, in per cent, parted by carriage returns. Told by structure: the words are in the machine's language.

A file of the log lay in the source when robocopy looked; one that is `*EXTRA` lay in the destination. Whether `/TS`
writes UTC or local time is not documented: the zone that the analyst names holds, and UTC is said to be assumed. No
folder counts as shown whole: without `/V` files that were skipped are not in the log.

Survives: jobs one after the other in one log, cut lines, headers that were left out (`/NJH`), any language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.listings.model import Listed
from parsers.listings.text import lines, logical_path
from parsers.problems import Problem, ProblemKind
from parsers.times import FILETIME_MAX, TICKS_PER_SECOND, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo

    from parsers.listings.model import Account

_BANNER: Final = re.compile(r" {0,8}ROBOCOPY {1,20}:: ")
_ROOT: Final = re.compile(r" {1,12}[^\s:]{1,20} ?: (?P<path>(?:[A-Za-z]:\\|\\\\[^\\\s]).*)")
_OPTIONS: Final = re.compile(r" {1,12}[^\s:]{1,20} ?: .*/[A-Z]{1,8}[:\s]")
_DEEP: Final = re.compile(r"/(?:S|E|MIR)(?:\s|\Z)", re.IGNORECASE)
_FOLDER: Final = re.compile(r"\t(?P<kind>[^\t]{0,40}?) *(?:-?\d{1,12})?\t(?P<path>[^\t]+\\)\Z")
_FILE: Final = re.compile(
    r"\t(?P<kind>[^\t]{0,40})\t{1,3} {0,20}(?P<size>\d{1,19}|\d{1,6}[.,]\d{1,3} ?[kmgt]|)"
    r"(?: {1,20}(?P<time>\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}))?\t(?P<name>[^\t]*[^\t\\])\Z"
)
_DONE: Final = re.compile(r" {0,8}\d{1,3}(?:[.,]\d)?% *")
_DONE_BEHIND: Final = re.compile(r"(?: {1,4}|(?<=%))\d{1,3}(?:[.,]\d)?% {0,4}\Z")
_DONE_LONGEST: Final = 16
_ABSOLUTE: Final = re.compile(r"[A-Za-z]:\\|\\\\")


def is_robocopy(head: Sequence[str]) -> bool:
    """Whether the first lines of a text are those of a log of robocopy: its banner, or half of them its entries."""
    if any(_BANNER.match(line) for line in head):
        return True
    files = sum(_entry(line) is not None for line in head)
    folders = sum(_FOLDER.match(line) is not None for line in head)
    return files > 0 and 2 * (files + folders) >= len(head)


@dataclass(slots=True)
class _Job:
    """What a log has said of one run so far: where from, where to, where it is; None: not known."""

    source: str | None = None
    target: str | None = None
    folder: str | None = None
    has_flat: bool = False  # without folders below

    def place(self, name: str, *, extra: bool) -> str | None:
        """The full path of a file; None where the log does not say in which folder it lies."""
        if _ABSOLUTE.match(name):
            return name
        folder = self.folder or (self.source if self.has_flat else None)
        if folder is None or not extra:
            return None if folder is None else folder + name
        if self.source is None or self.target is None or not folder.casefold().startswith(self.source.casefold()):
            return None
        return self.target + folder[len(self.source) :] + name


def read_robocopy(opened: Callable[[], BinaryIO], zone: tzinfo | None, account: Account) -> Iterator[Listed]:
    """The files of a log of robocopy, each run in its turn."""
    job = _Job()
    lost = timed = 0
    with opened() as stream:
        for _, line in lines(stream):
            text = line.rstrip("\r\n")
            if _BANNER.match(text):
                job = _Job()
                continue
            folder = _FOLDER.match(text)
            if folder is not None:
                if "*" not in folder["kind"]:
                    job.folder = folder["path"]
                continue
            found = _entry(text)
            if found is None:
                _note(text, job)
                continue
            kind = found["kind"].strip()
            extra = kind.startswith("*EXTRA")
            if kind.startswith("*") and not extra:
                continue  # a file in one place is a folder in the other
            path = job.place(found["name"], extra=extra)
            if path is None:
                lost += 1
                continue
            modified = _moment(found["time"], zone or UTC)
            timed += modified is not None
            size = int(found["size"]) if found["size"].isdecimal() else None
            yield Listed(logical_path(path), size, modified, TICKS_PER_SECOND)
    account.assumed_zone = zone is None and timed > 0
    if lost:
        detail = f"{lost} files whose folder the log does not name"
        account.problems.append(Problem(ProblemKind.BAD_VALUE, 0, 0, detail))


def _note(text: str, job: _Job) -> None:
    """Keep what a line of the header says: first the source, then the destination, then the options."""
    root = _ROOT.match(text)
    if root is not None and job.folder is None:
        path = root["path"].rstrip()
        path += "" if path.endswith("\\") else "\\"
        if job.source is None:
            job.source = path
        elif job.target is None:
            job.target = path
    elif _OPTIONS.match(f"{text} "):
        job.has_flat = _DEEP.search(text) is None


def _entry(line: str) -> re.Match[str] | None:
    """A file's line, without how far it got; None for other lines."""
    for part in line.rstrip("\r\n").split("\r"):
        begun = _DONE.match(part)
        text = _without_done(part[begun.end() :] if begun is not None else part)
        # Its tab is lost where the line begins with how far the file before it got.
        found = _FILE.match(text) or (_FILE.match(f"\t{text}") if begun is not None else None)
        if found is not None and (found["size"] or found["time"]):
            return found
    return None


def _without_done(text: str) -> str:
    """A line without what stands behind its name of how far the copy got: `  0.0%  2.6% ...`."""
    end = len(text)
    while (found := _DONE_BEHIND.search(text, max(0, end - _DONE_LONGEST), end)) is not None:
        end = found.start()
    return text[:end]


def _moment(text: str | None, zone: tzinfo) -> int | None:
    if text is None:
        return None
    try:
        there = datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=zone)
        ticks = filetime_from_datetime(there.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
    return ticks if 0 <= ticks <= FILETIME_MAX else None
