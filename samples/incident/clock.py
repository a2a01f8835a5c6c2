"""Time in the simulation: true time and what a node's clock shows, both as FILETIME integers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TICKS = 10_000_000
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
UNIX_EPOCH = 116_444_736_000_000_000


def filetime(moment: datetime) -> int:
    """FILETIME of an aware datetime."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * TICKS + delta.microseconds * 10


def moment(ticks: int) -> datetime:
    """Aware UTC datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


def iso(ticks: int) -> str:
    """`2008-01-10T12:00:35.000000Z`."""
    return moment(ticks).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def exact(ticks: int) -> str:
    """`2008-01-10T12:00:35.0000000Z`: all seven digits, as times among the values of an .evtx event are read."""
    return f"{iso(ticks)[:-1]}{ticks % 10}Z"


def ticks(text: str) -> int:
    """FILETIME of what `iso` or `exact` wrote."""
    return filetime(datetime.fromisoformat(f"{text[:26]}+00:00")) + int(text[26:-1] or 0)


class NodeClock:
    """A clock that is off by a constant until it is stepped, and that may run fast or slow.

    Args:
        offset: what it shows minus true time, in ticks, at `start`.
        ppm: how much it gains on true time, in millionths.
        start: true time from which the gain is counted.
    """

    def __init__(self, offset: int, ppm: int = 0, start: int = 0) -> None:
        self.steps: list[tuple[int, int]] = [(0, offset)]
        self.ppm = ppm
        self.start = start

    def read(self, true: int) -> int:
        """What the clock shows at a true time."""
        for since, offset in reversed(self.steps):
            if true >= since:
                return true + offset + (true - self.start) * self.ppm // 1_000_000
        raise AssertionError("a clock has shown something since the beginning of time")

    def step(self, true: int, offset: int) -> None:
        """From this true time on the clock is off by `offset`; steps are given in the order of time."""
        self.steps.append((true, offset))

    def shift(self, true: int, ticks: int) -> None:
        """At this true time the clock is set forwards by so many ticks, or back; steps are given in order."""
        self.step(true, self.steps[-1][1] + ticks)
