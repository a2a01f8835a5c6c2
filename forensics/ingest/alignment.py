"""Which entry of a receiver's log is the copy of which entry of the origin's, where only the clocks' times tell.

Server 2003 clusters copy entries from node to node (KB283078). Whether a copy's time is the origin's or the receiver's
is not documented. Where the times are not the same, equal entries are paired in their order by what the copies have in
common: the two clocks are some constant apart, from one step of a clock to the next, and an entry takes seconds to
arrive. Pure functions over times in FILETIME ticks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from statistics import median_low
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TOLERANCE: Final = 15 * 60 * TICKS_PER_SECOND
"""How far two entries may lie apart where too few are there to tell how far the clocks are."""
FARTHEST: Final = 26 * 3600 * TICKS_PER_SECOND
"""Clocks are never taken to be further apart: a day, and what a wrong zone adds, is the most that was ever seen."""

# Two differences that are no further apart than this speak of the same offset: what copies take to arrive.
_ALIKE = 10 * TICKS_PER_SECOND
_LEAST_WINDOW = 5 * TICKS_PER_SECOND
_ARRIVED = 60 * TICKS_PER_SECOND  # what a copy takes, at most, and once more for the way back
_AROUND = 5  # anchors looked at on each side of an entry
_FEW = 10  # with so many anchors, none of which agree, the entries are no copies of each other
_EQUAL_COUNTS = 16  # groups as large are anchors when both sides have equally many
_VOTES = 64  # entries on each side of a group that still votes, and of pairs in all: bounds what a hostile log costs
_ALL_VOTES = 1_000_000


class Entry(NamedTuple):
    """One entry: its time, where it lies in the evidence (so that equal times have an order), and its id."""

    time: int
    place: int
    id: int


class Group(NamedTuple):
    """Entries of equal content, sorted, in the origin's log and in the receiver's."""

    origin: list[Entry]
    receiver: list[Entry]


def groups_of(rows: Iterable[tuple[bytes, int, int, int, int]]) -> Iterator[Group]:
    """Equal entries that both logs hold, from (content, whether the receiver's, time, place, id) in this order."""
    for _, same in groupby(rows, itemgetter(0)):
        group = Group([], [])
        for _, received, time, place, event_id in same:
            (group.receiver if received else group.origin).append(Entry(time, place, event_id))
        if group.origin and group.receiver:
            yield group


class Anchor(NamedTuple):
    """Two entries that are taken for one: time at the receiver, and how much later that is than at the origin."""

    time: int
    apart: int


class Offset(NamedTuple):
    """How far the receiver's times are from the origin's: anchors by time, and the window around each."""

    times: list[int]
    apart: list[int]
    window: int

    def candidates(self, time: int) -> list[int]:
        """The differences that hold around a receiver's time, the likeliest first."""
        at = bisect_left(self.times, time)
        before, after = self.apart[max(0, at - _AROUND) : at], self.apart[at : at + _AROUND]
        medians = [median_low(side) for side in (before, after) if side]
        return list(dict.fromkeys([*medians, *reversed(before), *after]))

    def among_others(self) -> Offset:
        """The same for entries of a third node, of which either may be the later one: they travelled, too."""
        return self._replace(window=self.window + _ALIKE)

    def turned(self) -> Offset:
        """The same with the receiver's and the origin's part changed."""
        anchors = sorted((time - apart, -apart) for time, apart in zip(self.times, self.apart, strict=True))
        return Offset([time for time, _ in anchors], [apart for _, apart in anchors], self.window)


class Trust(StrEnum):
    """How much it takes to believe that entries are copies of each other."""

    OWN = "own"  # the origin's log is the origin's own: what is in another node's log was copied from it
    REST = "rest"  # the same, of entries that an alignment has left over
    OTHERS = "others"  # two logs of nodes that did not write the entries: they may have nothing to do with each other


def offset_of(groups: Callable[[], Iterable[Group]], trust: Trust) -> Offset | None:
    """How far apart the times are that the groups show; None where they show that these are no copies.

    Args:
        groups: gives the groups, each time it is called.
        trust: how much it takes to believe it.
    """
    least = _LEAST[trust]
    anchors = sorted(_anchors(groups()))
    agreeing = _agreeing(anchors)
    if trust is Trust.OTHERS and 2 * len(agreeing) < len(anchors):
        return None
    if trust is not Trust.OTHERS and len(agreeing) < least:
        agreeing = _agreeing(sorted(_elected(groups(), least)))
    if len(agreeing) >= least:
        times, apart = [anchor.time for anchor in agreeing], [anchor.apart for anchor in agreeing]
        return Offset(times, apart, _window(Offset(times, apart, 0)))
    return Offset([0], [0], TOLERANCE) if trust is Trust.OWN and len(anchors) < _FEW else None


_LEAST: Final = {Trust.OWN: 3, Trust.REST: 5, Trust.OTHERS: 5}


def lag(first: Iterable[Group], second: Iterable[Group]) -> int | None:
    """How much later one node's entries are in the receiver's log than another node's, by the same two clocks.

    Twice the time that a copy takes where the origin wrote the first and the receiver the second, and minus that where
    it is the other way round, whatever the clocks show. None where too few agree, or a step of a clock lies between.
    """
    one, other = (_agreeing(sorted(_anchors(groups))) for groups in (first, second))
    if min(len(one), len(other)) < _LEAST[Trust.OWN]:
        return None
    offset = Offset([anchor.time for anchor in other], [anchor.apart for anchor in other], 0)
    apart = [
        anchor.apart - min(offset.candidates(anchor.time), key=lambda at: abs(at - anchor.apart)) for anchor in one
    ]
    return median_low(apart)


def _anchors(groups: Iterable[Group]) -> Iterator[Anchor]:
    """Entries that both logs hold equally often: almost always the same ones."""
    for origin, receiver in groups:
        if len(origin) == len(receiver) <= _EQUAL_COUNTS:
            for before, after in zip(origin, receiver, strict=True):
                if abs(after.time - before.time) <= FARTHEST:
                    yield Anchor(after.time, after.time - before.time)


def _agreeing(anchors: list[Anchor]) -> list[Anchor]:
    """Those that two others near them in time agree with."""
    kept = []
    for at, anchor in enumerate(anchors):
        around = anchors[max(0, at - _AROUND) : at + _AROUND + 1]
        if sum(abs(other.apart - anchor.apart) <= _ALIKE for other in around) > 2:
            kept.append(anchor)
    return kept


def _elected(groups: Iterable[Group], least: int) -> list[Anchor]:
    """Pairs with the difference that most pairs have, where one stands out: for entries that say the same often."""
    votes: list[Anchor] = []
    for origin, receiver in groups:
        if len(origin) <= _VOTES and len(receiver) <= _VOTES:
            votes += (
                Anchor(after.time, after.time - before.time)
                for after in receiver
                for before in origin
                if abs(after.time - before.time) <= FARTHEST
            )
        if len(votes) > _ALL_VOTES:
            break
    bins = Counter(anchor.apart // _ALIKE for anchor in votes)
    # Two neighbouring bins together: an offset lies on a border as often as not.
    sums = {at: count + bins[at + 1] for at, count in bins.items()}
    best = max(sums, key=lambda at: (sums[at], -abs(at), at), default=None)
    if best is None:
        return []
    second = max((count for at, count in sums.items() if abs(at - best) > 1), default=0)
    if sums[best] < least or sums[best] < 2 * second:
        return []
    return [anchor for anchor in votes if best <= anchor.apart // _ALIKE <= best + 1]


def _window(offset: Offset) -> int:
    """How far an entry may be from where the anchors put it, as far as the anchors themselves are."""
    off = sorted(
        min(abs(apart - candidate) for candidate in offset.candidates(time)[:2])
        for time, apart in zip(offset.times, offset.apart, strict=True)
    )
    return min(TOLERANCE, max(_LEAST_WINDOW, 2 * off[len(off) * 9 // 10] + 3 * TICKS_PER_SECOND))


def pairs_at(groups: Iterable[Group], offset: Offset) -> list[tuple[int, int]]:
    """Pairs (id in the receiver's log, id in the origin's) of entries that are one occurrence, by this offset.

    No entry is in two pairs; entries of a group are paired in their order. Time is n log n in the entries of a group.
    """
    return [pair for group in groups for pair in _pair(group, offset)]


def _pair(group: Group, offset: Offset) -> Iterator[tuple[int, int]]:
    times = [entry.time for entry in group.origin]
    window = offset.window
    expected = []
    for time, place, event_id in group.receiver:
        for apart in offset.candidates(time):
            low = bisect_left(times, time - apart - window)
            if low < len(times) and times[low] <= time - apart + window:
                expected.append((time - apart, place, event_id))
                break
    expected.sort()
    at = 0
    for moment, _, event_id in expected:
        # The earliest that is possible: where a copy was dropped, a pair is never made to say that an entry arrived
        # before it was written.
        while at < len(times) and times[at] < moment - window:
            at += 1
        if at < len(times) and times[at] <= moment + window:
            yield event_id, group.origin[at].id
            at += 1
