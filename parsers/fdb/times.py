"""Values that could be times. Never more than that: which fields a file of an unknown format has, its bytes do not say.

Looked for: FILETIME, seconds of Unix in 32 and 64 bits, OLE automation dates and SYSTEMTIME structures, all
little-endian and aligned, within a span of years. Each form is named with how often chance alone would find it in as
many random bytes: where there are not more than that, it found nothing.
"""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple

from parsers.times import TICKS_PER_SECOND, UNIX_EPOCH_AS_FILETIME, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_YEAR, LAST_YEAR = 1995, 2015
LOOKED_AT = 16 * 1024 * 1024
"""Bytes of a file, from its start, in which times are looked for."""
KEPT = 1000
"""Candidates of each form that are kept."""

# https://learn.microsoft.com/dotnet/api/system.datetime.tooadate: days since 1899-12-30, as a double
_OLE_EPOCH = date(1899, 12, 30)
_TICKS_PER_DAY = 86_400 * TICKS_PER_SECOND
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {9, 10, 13}
_EIGHT = struct.Struct("<Q")


class Form(StrEnum):
    """A form of time, the most telling first."""

    SYSTEMTIME = "systemtime"
    FILETIME = "filetime"
    UNIX_64 = "unix_64"
    OLE_DATE = "ole_date"
    UNIX_32 = "unix_32"


_RANK = {form: rank for rank, form in enumerate(Form)}


class Candidate(NamedTuple):
    """A value that could be a time.

    Attributes:
        offset: of its first byte in the file.
        form: as what it was read.
        filetime: the moment, in FILETIME ticks; of a SYSTEMTIME and an OLE date, which have no zone, as if it were UTC.
        whole: True where it has no fraction of a second, as times that people or older programs write.
    """

    offset: int
    form: Form
    filetime: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was found.

    Attributes:
        items: the most telling first: by form, whole seconds before others, then by offset; at most `KEPT` of a form.
        found: how many there were of each form.
        by_chance: how many of each form random bytes of that size would have, rounded.
        looked_at: bytes, from the start.
    """

    items: tuple[Candidate, ...]
    found: dict[Form, int]
    by_chance: dict[Form, int]
    looked_at: int


class TimeSearch:
    """Looks through a stream that comes block by block.

    Args:
        first, last: years; the last one does not count any more. From 1970 to 2106.
    """

    def __init__(self, first: int = FIRST_YEAR, last: int = LAST_YEAR) -> None:
        self._low = filetime_from_datetime(datetime(first, 1, 1, tzinfo=UTC))
        self._high = filetime_from_datetime(datetime(last, 1, 1, tzinfo=UTC))
        self._unix = tuple((ticks - UNIX_EPOCH_AS_FILETIME) // TICKS_PER_SECOND for ticks in (self._low, self._high))
        self._days = ((date(first, 1, 1) - _OLE_EPOCH).days, (date(last, 1, 1) - _OLE_EPOCH).days)
        # Upper halves of 8-byte values within the span.
        self._file_halves = (self._low >> 32, self._high >> 32)
        ole: list[int] = [_EIGHT.unpack(struct.pack("<d", float(day)))[0] for day in self._days]
        self._ole_halves = (ole[0] >> 32, ole[1] >> 32)
        self._ole_values = ole[1] - ole[0]
        self._years = (first, last)
        self._kept = b""
        self._at = 0  # offset of the first byte of `_kept`, a multiple of 4
        self._done = 0
        self._best: dict[Form, list[Candidate]] = {form: [] for form in Form}
        self._found = dict.fromkeys(Form, 0)

    def feed(self, block: bytes) -> None:
        """Take the next bytes; what lies behind `LOOKED_AT` is passed over."""
        block = block[: max(0, LOOKED_AT - self._done)]
        if not block:
            return
        self._done += len(block)
        data = self._kept + block
        # The last 16 bytes, and a rest that is not aligned, come again with the next block.
        keep = max(0, (len(data) - 16) & ~3)
        if data.strip(b"\0"):
            self._search(data, keep)
        self._at += keep
        self._kept = data[keep:]

    def result(self) -> Candidates:
        """What was found; the search is at its end then."""
        if self._kept:
            self._search(self._kept, len(self._kept))
            self._kept = b""
        items = [item for form in Form for item in sorted(self._best[form], key=_order)]
        chance = {form: round(self._done // 4 * self._share(form)) for form in Form}
        return Candidates(tuple(items), dict(self._found), chance, self._done)

    def _share(self, form: Form) -> float:
        """How many of all values of a form lie in the span."""
        seconds = self._unix[1] - self._unix[0]
        if form is Form.FILETIME:
            return seconds * TICKS_PER_SECOND / 2**64
        if form is Form.UNIX_32:
            return seconds / 2**32
        if form is Form.UNIX_64:
            return seconds / 2**64
        if form is Form.OLE_DATE:
            return self._ole_values / 2**64
        return seconds * 1000 / 2**128

    def _search(self, data: bytes, end: int) -> None:
        """Find what begins before `end`."""
        words = array("I", data[: len(data) & ~3])
        if sys.byteorder == "big":
            words.byteswap()
        count = min(len(words), -(-end // 4))
        low, high = self._file_halves
        self._take(
            Form.FILETIME, self._filetimes(data, [i for i, word in enumerate(words) if low <= word <= high], end)
        )
        low, high = self._ole_halves
        self._take(
            Form.OLE_DATE, self._ole_dates(data, [i for i, word in enumerate(words) if low <= word <= high], end)
        )
        low, high = self._unix
        places = [i for i, word in enumerate(words[:count]) if low <= word < high]
        self._unix_times(data, words, places)
        # Year and month of a SYSTEMTIME are one such word.
        places = [i for i, word in enumerate(words[:count]) if 0x1_0000 <= word < 0xD_0000]
        self._take(Form.SYSTEMTIME, self._systemtimes(data, places))

    def _take(self, form: Form, found: Iterator[Candidate]) -> None:
        best = self._best[form]
        before = len(best)
        best += found
        self._found[form] += len(best) - before
        if len(best) > KEPT:
            best[:] = nsmallest(KEPT, best, key=_order)

    def _filetimes(self, data: bytes, places: list[int], end: int) -> Iterator[Candidate]:
        for at in (4 * index - 4 for index in places):
            if 0 <= at < end:
                value = _EIGHT.unpack_from(data, at)[0]
                if self._low <= value < self._high:
                    yield Candidate(self._at + at, Form.FILETIME, value, value % TICKS_PER_SECOND == 0)

    def _ole_dates(self, data: bytes, places: list[int], end: int) -> Iterator[Candidate]:
        for at in (4 * index - 4 for index in places):
            if 0 <= at < end and not _PRINTABLE.issuperset(data[at : at + 8]):
                numerator, denominator = struct.unpack_from("<d", data, at)[0].as_integer_ratio()
                if self._days[0] * denominator <= numerator < self._days[1] * denominator:
                    # A double holds such a date to about a microsecond: to the nearest millisecond, as it is shown.
                    thousandths = (numerator * 86_400_000 + denominator // 2) // denominator
                    ticks = thousandths * 10_000 + (_OLE_EPOCH - date(1601, 1, 1)).days * _TICKS_PER_DAY
                    yield Candidate(self._at + at, Form.OLE_DATE, ticks, thousandths % 1000 == 0)

    def _unix_times(self, data: bytes, words: array[int], places: list[int]) -> None:
        for index in places:
            at = 4 * index
            # Four letters are a number of that size, and hardly ever a time.
            if _PRINTABLE.issuperset(data[at : at + 4]):
                continue
            form = Form.UNIX_64 if data[at + 4 : at + 8] == b"\0\0\0\0" else Form.UNIX_32
            self._found[form] += 1
            if len(self._best[form]) < KEPT:
                ticks = UNIX_EPOCH_AS_FILETIME + words[index] * TICKS_PER_SECOND
                self._best[form].append(Candidate(self._at + at, form, ticks, whole=True))

    def _systemtimes(self, data: bytes, places: list[int]) -> Iterator[Candidate]:
        for at in (4 * index for index in places):
            if at + 16 > len(data):
                continue
            # https://learn.microsoft.com/windows/win32/api/minwinbase/ns-minwinbase-systemtime
            year, month, weekday, day, hour, minute, second, thousandths = struct.unpack_from("<8H", data, at)
            if not self._years[0] <= year < self._years[1] or thousandths > 999:
                continue
            try:
                moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                continue
            if moment.isoweekday() % 7 == weekday:
                ticks = filetime_from_datetime(moment) + thousandths * 10_000
                yield Candidate(self._at + at, Form.SYSTEMTIME, ticks, thousandths == 0)


def _order(item: Candidate) -> tuple[int, bool, int]:
    return _RANK[item.form], not item.whole, item.offset
