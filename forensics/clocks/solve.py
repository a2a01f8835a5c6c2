"""Difference constraints between clocks: the tightest offsets that they allow, and what to do where they contradict.

Each bound says `offset[upper] - offset[lower] <= limit`. Where all are true, the tightest limits are lengths of
shortest paths. Evidence can be wrong, so limits that contradict each other are neither trusted nor averaged: the
offsets that the fewest events speak against are kept, with those that hardly more speak against.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.clocks.bounds import Strength
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_RELAXED_MAX: Final = 500
STEP_MIN: Final = TICKS_PER_SECOND
"""Limits that contradict each other by less are no sign of a step."""

_CUT_COST: Final = 1.5
_ITEMS_MAX: Final = 100


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

    @property
    def is_firm(self) -> bool:
        """Whether more than one event must be wrong for it to be: the places of copies, a difference measured."""
        return self.strength is Strength.PROOF or len(self.refs) == 1


_PAIR: Final = attrgetter("upper", "lower")
_TIGHTNESS: Final = attrgetter("limit", "upper_raw", "lower_raw", "strength", "refs", "why")


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
    """Edges by (upper, lower), each once, tightest first."""
    found: dict[tuple[int, int], list[Edge]] = defaultdict(list)
    for edge in set(edges):
        found[edge.upper, edge.lower].append(edge)
    for line in found.values():
        line.sort(key=_TIGHTNESS)
    return dict(sorted(found.items()))


def tightest(edges: Iterable[Edge], key: Callable[[Edge], object] = _PAIR) -> list[Edge]:
    """The tightest edge of each (upper, lower), or of whatever the key tells apart."""
    found: dict[object, Edge] = {}
    for edge in edges:
        group = key(edge)
        known = found.get(group)
        if known is None or _TIGHTNESS(edge) < _TIGHTNESS(known):
            found[group] = edge
    return sorted(found.values(), key=lambda edge: (edge.upper, edge.lower, _TIGHTNESS(edge)))


def _names(edge: Edge, side: int) -> set[str]:
    """The event on one side of an edge (0: of `upper`, 1: of `lower`), twice if it takes more than one to be wrong."""
    raw = (edge.upper_raw, edge.lower_raw)[side]
    name = edge.refs[-side] if edge.refs else f"{raw}"
    return {name, f"{name}/{raw}"} if edge.is_firm else {name}


def _events(edges: Iterable[Edge]) -> int:
    """At least how many events must be wrong if all these edges are: those on one side, or those on the other."""
    first, second = set[str](), set[str]()
    for edge in edges:
        first |= _names(edge, 0)
        second |= _names(edge, 1)
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
        items = [_Item(e.upper_raw, e.lower_raw, e.limit, None, e) for e in ups if e.limit < least]
        items += [_Item(e.lower_raw, e.upper_raw, None, -e.limit, e) for e in downs if -e.limit > most]
        found += [Rift(one, other, times) for times in _changes(_thinned(_in_time(items)))]
    return found


class _Item(NamedTuple):
    """What one edge says of the difference of two clocks, and when by each of them; one of the limits is None."""

    mine: int
    theirs: int
    most: int | None
    least: int | None
    edge: Edge

    @property
    def weight(self) -> int:
        """One event is an error sooner than two."""
        return 2 if self.edge.is_firm else 1

    def allows(self, value: int) -> bool:
        """Whether the difference can be this, to within what is no step."""
        most = self.most is None or value <= self.most + STEP_MIN // 2
        return most and (self.least is None or value >= self.least - STEP_MIN // 2)


def _thinned(items: list[_Item]) -> list[_Item]:
    """The tightest items of each stretch of time, where there are very many."""
    size = -(-len(items) // (_ITEMS_MAX // 2))
    if len(items) <= _ITEMS_MAX:
        return items
    kept: set[_Item] = set()
    for begin in range(0, len(items), size):
        part = items[begin : begin + size]
        kept |= set(sorted((i for i in part if i.most is not None), key=lambda i: i.most or 0)[:1])
        kept |= set(sorted((i for i in part if i.least is not None), key=lambda i: -(i.least or 0))[:1])
    return _in_time(kept)


def _in_time(items: Iterable[_Item]) -> list[_Item]:
    return sorted(items, key=lambda item: (item.mine, item.theirs, item.edge))


def _changes(items: list[_Item]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The cuts, by both clocks, that leave least unexplained: each must explain more than one event that is wrong.

    Found over all ways to cut, from the end to the beginning.
    """
    count = len(items)
    values = sorted({value for item in items for value in (item.most, item.least) if value is not None})
    best: list[tuple[float, int]] = [(0.0, 0)] * (count + 1)
    for begin in range(count - 1, -1, -1):
        against = [0] * len(values)
        choices: list[tuple[float, int]] = []
        for end in range(begin + 1, count + 1):
            item = items[end - 1]
            against = [n if item.allows(v) else n + item.weight for n, v in zip(against, values, strict=True)]
            later = best[end][0] + _CUT_COST if end < count else 0.0
            choices.append((min(against) + later, -end))
        cost, end = min(choices)
        best[begin] = (cost, -end)
    cuts, at = [], best[0][1] if count else 0
    while 0 < at < count:
        cuts.append(at)
        at = best[at][1]
    found = []
    for before, after in zip([0, *cuts], [*cuts, count], strict=True):
        if after < count:
            found.append(_around(items, before, after, next((cut for cut in cuts if cut > after), count), values))
    return [times for times in found if times is not None]


def _around(
    items: Sequence[_Item], begin: int, at: int, end: int, values: Sequence[int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The time in which a change lies: items near it that fit what was before and what came after tell nothing."""
    before, after = _agreed(items[begin:at], values), _agreed(items[at:end], values)
    old = [item for item in items[begin:at] if not _fits(item, after) and _fits(item, before)]
    new = [item for item in items[at:end] if not _fits(item, before) and _fits(item, after)]
    if not old or not new:
        return None
    mine = (max(item.mine for item in old), min(item.mine for item in new))
    theirs = (max(item.theirs for item in old), min(item.theirs for item in new))
    return (mine, theirs) if mine[0] < mine[1] and theirs[0] < theirs[1] else None


def _agreed(items: Sequence[_Item], values: Sequence[int]) -> tuple[int, int]:
    """Lowest and highest of the values that fewest of the items speak against."""
    against = [sum(item.weight for item in items if not item.allows(value)) for value in values]
    fit = [value for value, count in zip(values, against, strict=True) if count == min(against)]
    return fit[0], fit[-1]


def _fits(item: _Item, values: tuple[int, int]) -> bool:
    return item.allows(values[0]) or item.allows(values[1])


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
        first |= _names(edge, 0)
        second |= _names(edge, 1)
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
