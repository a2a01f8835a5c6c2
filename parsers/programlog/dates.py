"""Dates of a log whose form of date is not known: told from the whole log, or not at all.

A form is taken only where one reading is possible: the year first, the month in letters, a day above 12 that shows
which number is the month, or an order in which only one reading makes the entries follow each other. Two digits are no
year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from parsers.times import filetime_from_datetime

if TYPE_CHECKING:
    from datetime import tzinfo


class DateForm(StrEnum):
    """In which order a log writes its dates. The value is what a case stores."""

    YEAR_FIRST = "year-month-day"
    MONTH_NAMED = "month in letters"
    DAY_FIRST = "day/month/year"
    MONTH_FIRST = "month/day/year"
    UNKNOWN = "unknown"


_CLOCK: Final = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,7}))?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_YEAR_FIRST: Final = re.compile(
    r"\s*(?P<year>[0-9]{4})([-/.])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})\.?(?:[T ]|, ) {0,3}"
    + _CLOCK
    + r"\s*,?\s*\Z"
)
_NUMBERS: Final = re.compile(
    r"\s*(?P<one>[0-9]{1,2})([-/.])(?P<two>[0-9]{1,2})\2(?P<year>[0-9]{4})(?:,? ) {0,3}" + _CLOCK + r"\s*,?\s*\Z"
)
# As asctime() of C writes it, and as people do.
_ASCTIME: Final = re.compile(
    r"\s*(?:[A-Za-z]{3,9},? )?(?P<name>[A-Za-z]{3}) {1,2}(?P<day>[0-9]{1,2}) "
    + _CLOCK
    + r" (?P<year>[0-9]{4})\s*,?\s*\Z"
)
_NAMED: Final = re.compile(
    r"\s*(?:[A-Za-z]{3,9},? )?(?P<day>[0-9]{1,2})[- ](?P<name>[A-Za-z]{3})[- ](?P<year>[0-9]{4}),? "
    + _CLOCK
    + r"\s*,?\s*\Z"
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FORMS: Final = {
    DateForm.YEAR_FIRST: (_YEAR_FIRST,),
    DateForm.MONTH_NAMED: (_ASCTIME, _NAMED),
    DateForm.DAY_FIRST: (_NUMBERS,),
    DateForm.MONTH_FIRST: (_NUMBERS,),
}
# A day above 12 that damage made must not decide against a thousand others.
_OUTWEIGHS: Final = 20


@dataclass(slots=True)
class DateEvidence:
    """What the dates of a log, met one by one in the order of the file, say of their form; holds counts only."""

    forms: dict[DateForm, int] = field(default_factory=dict)
    _above_12: list[int] = field(default_factory=lambda: [0, 0])
    _same: bool = True
    _falls: list[int] = field(default_factory=lambda: [0, 0])
    _before: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def add(self, text: str) -> None:
        """Count one date."""
        for form in (DateForm.YEAR_FIRST, DateForm.MONTH_NAMED):
            if any(pattern.match(text) for pattern in _FORMS[form]):
                self.forms[form] = self.forms.get(form, 0) + 1
                return
        found = _NUMBERS.match(text)
        if found is None:
            self.forms[DateForm.UNKNOWN] = self.forms.get(DateForm.UNKNOWN, 0) + 1
            return
        self.forms[DateForm.DAY_FIRST] = self.forms.get(DateForm.DAY_FIRST, 0) + 1
        one, two, year = int(found["one"]), int(found["two"]), int(found["year"])
        self._above_12[0] += one > 12
        self._above_12[1] += two > 12
        self._same = self._same and one == two
        now = (year, two, one), (year, one, two)
        if self._before is not None:
            for which in (0, 1):
                self._falls[which] += now[which] < self._before[which]
        self._before = now

    def form(self) -> tuple[DateForm, bool]:
        """The form, and whether it rests on the order of the entries only."""
        most = max(self.forms, key=lambda form: (self.forms[form], form), default=DateForm.UNKNOWN)
        if most is not DateForm.DAY_FIRST:
            return most, False
        day_first, month_first = self._above_12
        if day_first > month_first * _OUTWEIGHS or self._same:
            return DateForm.DAY_FIRST, False
        if month_first > day_first * _OUTWEIGHS:
            return DateForm.MONTH_FIRST, False
        if not (day_first or month_first) and 0 in self._falls and any(self._falls):
            return (DateForm.MONTH_FIRST if self._falls[0] else DateForm.DAY_FIRST), True
        return DateForm.UNKNOWN, False


@lru_cache(maxsize=1024)
def filetime(text: str, form: DateForm, zone: tzinfo) -> int | None:
    """FILETIME of a date and time written in `form`; None where it is none.

    Of an hour that a change of clocks repeats, the first one is taken: nothing in a line tells them apart.
    """
    found = next((match for pattern in _FORMS.get(form, ()) if (match := pattern.match(text))), None)
    hour = None if found is None else _hour(int(found["hour"]), found["half"])
    if found is None or hour is None:
        return None
    parts = found.groupdict()
    if form is DateForm.MONTH_NAMED:
        name = parts["name"].lower()
        month, day = _MONTHS.index(name) + 1 if name in _MONTHS else 0, int(parts["day"])
    elif form is DateForm.YEAR_FIRST:
        month, day = int(parts["month"]), int(parts["day"])
    else:
        one, two = int(parts["one"]), int(parts["two"])
        month, day = (two, one) if form is DateForm.DAY_FIRST else (one, two)
    try:
        there = datetime(int(parts["year"]), month, day, hour, int(parts["minute"]), int(parts["second"]), tzinfo=zone)
        moment = there.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    ticks = filetime_from_datetime(moment) + int((parts["fraction"] or "0").ljust(7, "0"))
    return ticks if ticks >= 0 else None


def _hour(hour: int, half: str | None) -> int | None:
    """The hour of the day; None for what no clock shows."""
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half in "pP" else 0)
