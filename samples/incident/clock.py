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


class NodeClock:
    """A clock that is off by a constant, until it is stepped."""

    def __init__(self, offset: int) -> None:
        self.steps: list[tuple[int, int]] = [(0, offset)]

    def read(self, true: int) -> int:
        """What the clock shows at a true time."""
        for since, offset in reversed(self.steps):
            if true >= since:
                return true + offset
        raise AssertionError("a clock has shown something since the beginning of time")

    def step(self, true: int, offset: int) -> None:
        """From this true time on the clock is off by `offset`; steps are given in the order of time."""
        self.steps.append((true, offset))
