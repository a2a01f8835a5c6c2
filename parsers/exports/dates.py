"""Times as Event Viewer writes them: in the format and the zone of the machine that exported, and naming neither.

Which number is the day is told from the whole file, in this order, and everything but the first two is an assumption
that is stated: a year in front; a number above 12; dots between the numbers (no Windows format has the month first
then); rows that are in order in one reading only; the time of the file, which no event can be later than; the
shorter time from first to last; the AM and PM of the format `M/d/yyyy`. What is still open stays without a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from parsers.times import TICKS_PER_SECOND, filetime_from_datetime

if TYPE_CHECKING:
    from datetime import tzinfo

_DAY = 86_400 * TICKS_PER_SECOND
_NEVER = 1 << 63
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e]")
_MOMENT = re.compile(
    r"([0-9]{4}|[0-9]{1,2})([./-])\s?([0-9]{1,2})\2\s?([0-9]{4}|[0-9]{1,2})\.?[\sT,]{1,3}"
    r"([0-9]{1,2})[:.]([0-9]{2})(?:[:.]([0-9]{2})(?:[.,]([0-9]{1,9}))?)?(?:\s?([AaPp])\.?\s?[Mm]\.?)?"
)


class Order(StrEnum):
    """Where the day stands."""

    YEAR_FIRST = "year first"
    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"


class Moment(NamedTuple):
    """A date and time as written: three numbers whose meaning is open, and the time of day in ticks."""

    numbers: tuple[int, int, int]
    separator: str
    year_first: bool
    ticks: int
    marked: bool  # with AM or PM

    def naive(self, order: Order) -> datetime | None:
        """The day in this order, without zone and time of day; None where the calendar has no such day."""
        a, b, c = self.numbers
        if self.year_first:
            year, month, day = a, b, c
        elif order is Order.MONTH_FIRST:
            year, month, day = c, a, b
        else:
            year, month, day = c, b, a
        if year < 100 and not self.year_first:
            year += 2000 if year < 70 else 1900
        try:
            return datetime(year, month, day)  # noqa: DTZ001  (its zone is not known here)
        except ValueError:
            return None

    def place(self, order: Order) -> int | None:
        """Ticks on a line without zone, to compare moments of one file."""
        day = self.naive(order)
        return None if day is None else filetime_from_datetime(day.replace(tzinfo=UTC)) + self.ticks


def parse_moment(text: str) -> Moment | None:
    """The numbers of a date and time; None for any other text, and for a time of day that no clock shows."""
    found = _MOMENT.fullmatch(_MARKS.sub("", text).strip())
    if found is None:
        return None
    a, separator, b, c, hour, minute, second, fraction, half = found.groups()
    hours = int(hour)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "pP" else 0)
    if hours > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    if (len(a), len(c)) == (4, 4) or (len(a) < 4 and len(c) == 1):  # two years, or none
        return None
    ticks = ((hours * 60 + int(minute)) * 60 + int(second or 0)) * TICKS_PER_SECOND
    ticks += int(fraction[:7].ljust(7, "0")) if fraction else 0
    return Moment((int(a), int(b), int(c)), separator, len(a) > 2, ticks, half is not None)


class Decision(NamedTuple):
    """The order of a file's dates; `order` None where it cannot be told; `why` where it rests on an assumption."""

    order: Order | None
    why: str | None = None


@dataclass(slots=True)
class _Reading:
    """The moments of a file in one order: how often time rises and falls from row to row, and how far it reaches."""

    order: Order
    rises: int = 0
    falls: int = 0
    first: int = _NEVER
    last: int = 0
    before: int | None = None
    impossible: int = 0

    def add(self, moment: Moment) -> None:
        place = moment.place(self.order)
        if place is None:
            self.impossible += 1
            return
        if self.before is not None:
            self.rises += place > self.before
            self.falls += place < self.before
        self.before = place
        self.first = min(self.first, place)
        self.last = max(self.last, place)

    @property
    def disorder(self) -> int:
        """Rows that break the order in which most of them stand: exports are sorted by time, either way."""
        return min(self.rises, self.falls)

    @property
    def length(self) -> int:
        return self.last - self.first


@dataclass(slots=True)
class Survey:
    """All moments of a file, to tell their order."""

    day: _Reading = field(default_factory=lambda: _Reading(Order.DAY_FIRST))
    month: _Reading = field(default_factory=lambda: _Reading(Order.MONTH_FIRST))
    count: int = 0
    year_first: int = 0
    twofold: int = 0  # moments whose two readings differ
    dots: int = 0
    marked: int = 0

    def add(self, moment: Moment) -> None:
        """Take one more row into account, in the order of the file."""
        self.count += 1
        if moment.year_first:
            self.year_first += 1
            return
        self.twofold += moment.numbers[0] != moment.numbers[1]
        self.dots += moment.separator == "."
        self.marked += moment.marked
        self.day.add(moment)
        self.month.add(moment)

    def decide(self, modified: int | None = None) -> Decision:
        """The order of the dates; `modified` is the FILETIME of the file's last change, where it is known."""
        if 2 * self.year_first > self.count:
            return Decision(Order.YEAR_FIRST)
        day, month = self.day, self.month
        if day.impossible != month.impossible:
            better = day if day.impossible < month.impossible else month
            # A few impossible dates are damage, and then the other reading is no certainty either.
            return Decision(better.order, "fewer of the dates are impossible so" if better.impossible else None)
        if not self.twofold:
            return Decision(Order.DAY_FIRST)
        return self._assume(modified)

    def _assume(self, modified: int | None) -> Decision:
        """The order where every date can be read in both."""
        day, month = self.day, self.month
        if 2 * self.dots > self.count:
            return Decision(Order.DAY_FIRST, "the numbers have dots between them")
        if day.disorder != month.disorder:
            return Decision((day if day.disorder < month.disorder else month).order, "the rows are in order so")
        if modified is not None:
            # A day of grace: the rows are in a zone that may not be known.
            possible = [reading for reading in (day, month) if reading.last <= modified + _DAY]
            if len(possible) == 1:
                return Decision(possible[0].order, "the file would be older than its events otherwise")
        if day.length != month.length:
            return Decision((day if day.length < month.length else month).order, "the events lie closer together so")
        if 2 * self.marked > self.count and not self.dots:
            return Decision(Order.MONTH_FIRST, "they are written with AM and PM, as in the United States")
        return Decision(None)


class Placed(NamedTuple):
    """A moment on the time line: FILETIME, or None; `twice` where the zone's clock showed it twice."""

    filetime: int | None
    twice: bool = False


def place_moment(moment: Moment, order: Order | None, zone: tzinfo) -> Placed:
    """When a moment was, in `zone`; of an hour that the clock showed twice the first."""
    if order is None and not moment.year_first and moment.numbers[0] != moment.numbers[1]:
        return Placed(None)
    day = moment.naive(order or Order.DAY_FIRST)
    if day is None:
        return Placed(None)
    seconds, rest = divmod(moment.ticks, TICKS_PER_SECOND)
    local = day.replace(hour=seconds // 3600, minute=seconds // 60 % 60, second=seconds % 60, tzinfo=zone)
    try:
        first, second = (filetime_from_datetime(local.replace(fold=fold).astimezone(UTC)) for fold in (0, 1))
    except (OverflowError, ValueError):
        return Placed(None)
    return Placed(first + rest, first < second)
