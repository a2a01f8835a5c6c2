"""The axis of the picture: a few round moments in a span of any length."""

from __future__ import annotations

from typing import Final, NamedTuple

from parsers.times import TICKS_PER_SECOND, iso_utc

_MOST: Final = 9
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000)),
)


class Tick(NamedTuple):
    """One moment of the axis: `day` is "" where it is that of the tick before, `clock` the time of day."""

    x: float
    a: float
    day: str
    clock: str


def ticks(start: int, end: int, left: float, right: float) -> tuple[Tick, ...]:
    """Between two and nine moments, at whole seconds, minutes, hours or days. FILETIME; `start` is before `end`."""
    span = end - start
    seconds = next((step for step in _STEPS if span // (step * TICKS_PER_SECOND) < _MOST), _STEPS[-1])
    step = seconds * TICKS_PER_SECOND
    found: list[Tick] = []
    day_before = ""
    moment = -(-start // step) * step
    while moment <= end and len(found) < _MOST:
        text = iso_utc(moment) or ""
        day, clock = text[:10], text[11:19] if seconds < _MINUTE else text[11:16]
        a = (moment - start) / span
        found.append(Tick(left + a * (right - left), a, "" if day == day_before else day, clock))
        day_before = day
        moment += step
    return tuple(found)
