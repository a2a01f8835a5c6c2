"""Which of two holdings of one thing came first: coarsely by a vote on the offset, then by what is known of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from forensics.clocks.bounds import Bound, Place, Strength
from forensics.clocks.model import ASSUMED_LIMIT
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from forensics.clocks.holdings import Holding

Coarse: TypeAlias = "Callable[[Place], int]"
"""A place's time on a time line common to all nodes, good to `APART`."""

Passed: TypeAlias = "Callable[[Place, Place], tuple[int, int]]"
"""Least and greatest time that passed really from one place to another; negative where the second came first."""

APART: Final = 2 * ASSUMED_LIMIT
"""Two clocks, each off by no more than is assumed, are no further apart than this."""

_FAR: Final = 26 * 3600 * TICKS_PER_SECOND
"""A day, for a wrong date or time zone, and what clocks are off besides."""

_GAP: Final = 120 * TICKS_PER_SECOND
"""In an ordinary move a thing is on its way to the new node within this time."""

_TOLERANCE: Final = 2 * TICKS_PER_SECOND
_VOTERS_MAX: Final = 400
_NEIGHBOURS_MAX: Final = 40


class Rivals(NamedTuple):
    """Two holdings of one thing by two nodes: one of them was over before the other began."""

    one: Holding
    other: Holding


class _Poll:
    """Votes for and against ranges of offsets."""

    def __init__(self) -> None:
        self.fits: dict[int, int] = defaultdict(int)
        self.overlaps: dict[int, int] = defaultdict(int)

    def count(self, mine: tuple[int, int], theirs: tuple[int, int], one: Holding, other: Holding) -> None:
        """Add the votes of two holdings, each given by its begin and end."""
        low, high = mine[0] - theirs[1] + _TOLERANCE, mine[1] - theirs[0] - _TOLERANCE
        if low > _FAR + _GAP or high < -_FAR - _GAP:
            return
        if low < high:
            self.overlaps[low] += 1
            self.overlaps[high] -= 1
        if one.lost and other.gained:
            self.fits[high] += 1
            self.fits[high + _TOLERANCE + _GAP] -= 1
        if other.lost and one.gained:
            self.fits[low - _TOLERANCE - _GAP] += 1
            self.fits[low] -= 1

    def result(self) -> tuple[int, int]:
        """The offset that most speaks for, and how much; (0, 0) where nothing does."""
        points = sorted(self.fits.keys() | self.overlaps.keys())
        fits = overlaps = near_fits = 0
        near, far = (0, 0, 0, 0), (0, 0, 0, 0)
        for index, point in enumerate(points):
            fits += self.fits.get(point, 0)
            overlaps += self.overlaps.get(point, 0)
            follower = points[index + 1] if index + 1 < len(points) else point
            if not fits or point > _FAR or follower < -_FAR:
                continue
            middle = (point + follower) // 2
            entry = (fits - 2 * overlaps, -abs(middle), middle, fits)
            far = max(far, entry)
            if abs(middle) <= APART:
                near = max(near, entry)
                near_fits = max(near_fits, fits)
        # Moves at regular times fit after any shift by their period, and a step in between spoils what is true.
        best = far if far[0] > near[0] + 1 and far[3] >= 2 * near_fits else near
        return best[2], best[0]


def vote(mine: Sequence[Holding], theirs: Sequence[Holding], coarse: Coarse) -> tuple[int, int]:
    """(ticks to add to the times of the second node, how much speaks for it), from all things that both held.

    Each holding given up on one node just before the other got it speaks for an offset, each overlap of two holdings
    speaks against it twice. Far offsets need to be much better than near ones.
    """
    poll = _Poll()
    for key in sorted({holding.key for holding in mine} & {holding.key for holding in theirs}):
        ours = [(coarse(h.begin), coarse(h.end), h) for h in mine if h.key == key][:_VOTERS_MAX]
        for other in [h for h in theirs if h.key == key][:_VOTERS_MAX]:
            line = (coarse(other.begin), coarse(other.end))
            for begin, end, one in ours:
                poll.count((begin, end), line, one, other)
    return poll.result()


def rivals(holdings: Iterable[Holding], coarse: Coarse) -> list[Rivals]:
    """Pairs of holdings of two nodes that are neighbours in time, or may be."""
    by_key: dict[str, dict[str, list[tuple[int, int, Holding]]]] = defaultdict(lambda: defaultdict(list))
    for holding in holdings:
        line = by_key[holding.key][holding.node]
        line.append((coarse(holding.begin), coarse(holding.end), holding))
    found = []
    for _, lines in sorted(by_key.items()):
        nodes = sorted(lines)
        for line in lines.values():
            line.sort(key=lambda item: item[:2])
        for place, node in enumerate(nodes):
            for other in nodes[place + 1 :]:
                found += _neighbours(lines[node], lines[other])
    return found


def _neighbours(mine: list[tuple[int, int, Holding]], theirs: list[tuple[int, int, Holding]]) -> list[Rivals]:
    begins = [begin for begin, _, _ in theirs]
    found = []
    for begin, end, one in mine:
        low = max(0, bisect_left(begins, begin - APART) - 2)
        high = bisect_right(begins, end + APART) + 1
        found += [Rivals(one, other) for _, _, other in theirs[low : min(high, low + _NEIGHBOURS_MAX)]]
    return found


def settle(pairs: Iterable[Rivals], passed: Passed) -> tuple[list[Bound], list[Rivals], list[Rivals]]:
    """(bounds from pairs whose order is clear, pairs that may have been either way, pairs that cannot be both true)."""
    bounds, still_open, impossible = [], [], []
    for pair in pairs:
        one, other = pair
        first = passed(one.until, other.since)[1] >= 0
        second = passed(other.until, one.since)[1] >= 0
        if not first and not second:
            # What a node held beyond its own events is taken for granted last.
            first = passed(one.end, other.begin)[1] >= 0
            second = passed(other.end, one.begin)[1] >= 0
        if first and second:
            still_open.append(pair)
        elif first:
            bounds += _bounds(one, other)
        elif second:
            bounds += _bounds(other, one)
        else:
            impossible.append(pair)
    return bounds, still_open, impossible


def _bounds(before: Holding, after: Holding) -> list[Bound]:
    strength = min(before.strength, after.strength)
    why = f"{before.node} held {before.name} before {after.node} did"
    found = [Bound(before.end, after.begin, strength, why)]
    if before.died and after.gained and before.until != before.end:
        why = f"{after.node} took {after.name} over when {before.node} had died"
        found.append(Bound(before.until, after.begin, Strength.WEAK, why))
    return found
