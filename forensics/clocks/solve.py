"""Difference constraints between clocks: the tightest offsets that they allow, and what to do where they contradict.

Each bound says `offset[upper] - offset[lower] <= limit`. Where all are true, the tightest limits are lengths of
shortest paths. Evidence can be wrong, so limits that contradict each other are neither trusted nor averaged: the
offsets that the fewest events speak against are kept, with those that hardly more speak against.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.clocks.bounds import Strength

_RELAXED_MAX: Final = 500
STEP_MIN: Final = TICKS_PER_SECOND
"""Limits that contradict each other by less are no sign of a step."""


class Edge(NamedTuple):
    """`offset[upper] - offset[lower] <= limit`, spans by index.

    Attributes:
        upper_raw, lower_raw: when, by the two clocks.
        refs: the two events.
        crosses: whether the spans are of two nodes.
    """

    upper: int
    lower: int
    limit: int
    strength: Strength
    upper_raw: int
    lower_raw: int
    refs: tuple[str, ...]
    why: str
    crosses: bool = True


class Rift(NamedTuple):
    """Bounds between two spans that agree up to some moment, agree after it, and not with each other.

    Attributes:
        one, other: the spans.
        times: for each of the two, the last raw time before the change and the first after it.
    """

    one: int
    other: int
    times: tuple[tuple[int, int], tuple[int, int]]


class Settled(NamedTuple):
    """What is left of contradicting edges: none of these contradict each other, pair by pair.

    `overruled` are edges that were not followed.
    """

    edges: list[Edge]
    overruled: list[Edge]


def by_pair(edges: Iterable[Edge]) -> dict[tuple[int, int], list[Edge]]:
    """Edges by (upper, lower), tightest first."""
    found: dict[tuple[int, int], list[Edge]] = defaultdict(list)
    for edge in sorted(set(edges)):
        found[edge.upper, edge.lower].append(edge)
    for line in found.values():
        line.sort(key=lambda edge: (edge.limit, edge))
    return dict(sorted(found.items()))


def _events(edges: Iterable[Edge]) -> int:
    """At least how many events must be wrong if all these edges are: those on one side, or those on the other."""
    first, second = set[str](), set[str]()
    for edge in edges:
        first.add(edge.refs[0] if edge.refs else f"{edge.upper_raw}")
        second.add(edge.refs[-1] if edge.refs else f"{edge.lower_raw}")
    return min(len(first), len(second))


def rifts(pairs: Mapping[tuple[int, int], Sequence[Edge]]) -> list[Rift]:
    """Where the bounds of two spans show that one of the clocks was stepped without a record of it."""
    found = []
    for (one, other), ups in pairs.items():
        if one > other or (other, one) not in pairs:
            continue
        downs = pairs[other, one]
        least, most = -downs[0].limit, ups[0].limit
        if least - most <= STEP_MIN or not ups[0].crosses:
            continue
        # Edges that say: at most so much, and edges that say: at least so much, and both cannot be.
        items = [(edge.upper_raw, edge.lower_raw, True, edge) for edge in ups if edge.limit < least]
        items += [(edge.lower_raw, edge.upper_raw, False, edge) for edge in downs if -edge.limit > most]
        items.sort(key=lambda item: (item[0], item[1], item[2]))
        found += _changes(one, other, items)
    return found


def _changes(one: int, other: int, items: Sequence[tuple[int, int, bool, Edge]]) -> list[Rift]:
    runs: list[list[tuple[int, int, bool, Edge]]] = []
    for item in items:
        if runs and runs[-1][-1][2] == item[2]:
            runs[-1].append(item)
        else:
            runs.append([item])
    kept: list[list[tuple[int, int, bool, Edge]]] = []
    for run in runs:
        if _events(item[3] for item in run) < 2:
            continue  # one event that contradicts the others is not believed
        if kept and kept[-1][-1][2] == run[0][2]:
            kept[-1] += run
        else:
            kept.append(run)
    found = []
    for before, after in pairwise(kept):
        mine = (max(item[0] for item in before), min(item[0] for item in after))
        theirs = (max(item[1] for item in before), min(item[1] for item in after))
        if mine[0] < mine[1] and theirs[0] < theirs[1]:
            found.append(Rift(one, other, (mine, theirs)))
    return found


def settle_pairs(pairs: Mapping[tuple[int, int], Sequence[Edge]]) -> Settled:
    """Edges without those that contradict better ones of the same two spans."""
    kept: list[Edge] = []
    overruled: list[Edge] = []
    for (one, other), ups in pairs.items():
        downs = pairs.get((other, one), ())
        if one > other and downs:
            continue  # done with its twin
        if not downs or -downs[0].limit <= ups[0].limit:
            kept += [*ups, *downs]
            continue
        low, high = _region(ups, downs)
        for edge in ups:
            (kept if high is not None and edge.limit >= high else overruled).append(edge)
        for edge in downs:
            (kept if low is not None and -edge.limit <= low else overruled).append(edge)
    return Settled(kept, overruled)


def _region(ups: Sequence[Edge], downs: Sequence[Edge]) -> tuple[int | None, int | None]:
    """Lowest and highest difference that fewest events speak against, or hardly more; None: open on that side."""
    points = sorted({edge.limit for edge in ups} | {-edge.limit for edge in downs})
    against = _against(points, ups, downs)
    everything = (_events(downs), _events(ups))  # what speaks against very low and very high values
    least = min(against)
    for spare in (1, 0):
        allowed = [point for point, count in zip(points, against, strict=True) if count <= least + spare]
        is_open = min(everything) <= least + spare
        if not is_open:
            return allowed[0], allowed[-1]
    low = None if everything[0] <= least else allowed[0]
    high = None if everything[1] <= least else allowed[-1]
    return low, high


def _against(points: Sequence[int], ups: Sequence[Edge], downs: Sequence[Edge]) -> list[int]:
    """How many events speak against each of the points, which rise."""
    up_limits = [edge.limit for edge in ups]
    down_limits = [edge.limit for edge in downs]
    above, below = _counts(ups), _counts(downs)
    found = []
    for point in points:
        first, second = above[bisect_left(up_limits, point)]
        third, fourth = below[bisect_left(down_limits, -point)]
        # The cause of an edge one way is on the node of the effect of an edge the other way.
        found.append(min(first + fourth, second + third))
    return found


def _counts(edges: Sequence[Edge]) -> list[tuple[int, int]]:
    """For each number of tightest edges how many events they have on either side."""
    first, second = set[str](), set[str]()
    found = [(0, 0)]
    for edge in edges:
        first.add(edge.refs[0] if edge.refs else f"{edge.upper_raw}")
        second.add(edge.refs[-1] if edge.refs else f"{edge.lower_raw}")
        found.append((len(first), len(second)))
    return found


class Distances:
    """Tightest limits between one span and all others, with the edges that make them."""

    def __init__(self, count: int, edges: Sequence[Edge], root: int) -> None:
        self.root = root
        self.most, self._up = _shortest(count, [(e.lower, e.upper, e) for e in edges], root)
        least, self._down = _shortest(count, [(e.upper, e.lower, e) for e in edges], root)
        self.least = [None if distance is None else -distance for distance in least]

    def chain(self, span: int, *, highest: bool) -> list[Edge]:
        """The edges that bound a span on one side, from it to the root."""
        steps = self._up if highest else self._down
        found: list[Edge] = []
        while span != self.root and len(found) < len(steps):
            edge = steps[span]
            if edge is None:
                break
            found.append(edge)
            span = edge.lower if highest else edge.upper
        return found


def _shortest(
    count: int, arcs: Sequence[tuple[int, int, Edge]], root: int
) -> tuple[list[int | None], list[Edge | None]]:
    distance: list[int | None] = [None] * count
    by: list[Edge | None] = [None] * count
    distance[root] = 0
    for _ in range(count):
        changed = False
        for source, target, edge in arcs:
            begin, now = distance[source], distance[target]
            if begin is not None and (now is None or begin + edge.limit < now) and target != root:
                distance[target], by[target], changed = begin + edge.limit, edge, True
        if not changed:
            break
    return distance, by


def tightest(edges: Iterable[Edge]) -> list[Edge]:
    """The first of each (upper, lower) by limit."""
    return [line[0] for line in by_pair(edges).values()]


def consistent(count: int, edges: Sequence[Edge]) -> tuple[list[Edge], list[Edge]]:
    """(edges of which no chain contradicts itself, those that were loosened for it, as they were).

    Of a chain that contradicts itself nobody knows which link is wrong: every link of the least strength in it is
    loosened by all that it lacks, so that whichever it is, the true offsets are allowed.
    """
    now = list(edges)
    loosened: list[Edge] = []
    for _ in range(_RELAXED_MAX):
        loop = _negative(count, now)
        if not loop:
            return now, loosened
        lacking = -sum(edge.limit for edge in loop)
        weakest = min(edge.strength for edge in loop)
        bad = {edge for edge in loop if edge.strength == weakest}
        loosened += sorted(bad)
        now = [edge._replace(limit=edge.limit + lacking) if edge in bad else edge for edge in now]
    # More contradictions than evidence: nothing across nodes is believed.
    return [edge for edge in now if not edge.crosses], [*loosened, *(edge for edge in now if edge.crosses)]


def _negative(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """A chain that leads back to its beginning and lacks something; empty where there is none."""
    distance = [0] * count
    by: list[Edge | None] = [None] * count
    changed = -1
    for _ in range(count):
        changed = -1
        for edge in edges:
            if distance[edge.lower] + edge.limit < distance[edge.upper]:
                distance[edge.upper] = distance[edge.lower] + edge.limit
                by[edge.upper], changed = edge, edge.upper
        if changed < 0:
            return []
    # So many steps back lead into the loop itself, and then around it.
    walk: list[Edge] = []
    span = changed
    for _ in range(2 * count):
        before = by[span]
        if before is None:
            return []
        walk.append(before)
        span = before.lower
    loop: list[Edge] = []
    for edge in walk[count:]:
        loop.append(edge)
        if edge.lower == walk[count].upper:
            return loop
    return []


__all__ = ["Distances", "Edge", "Rift", "Settled", "by_pair", "consistent", "rifts", "settle_pairs", "tightest"]
