"""One attempt at the offsets, with the steps known so far: bounds gathered, ordered and settled."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from forensics.clocks.bounds import Bound, Place, Strength
from forensics.clocks.claimed import TOLERANCE, Difference, differences, passive_bounds, removal_bounds
from forensics.clocks.holdings import Logs, group_holdings, store_holdings
from forensics.clocks.model import ClockSpan
from forensics.clocks.ordering import APART, Rivals, rivals, settle, vote
from forensics.clocks.solve import Distances, Edge, Rift, by_pair, consistent, rifts, settle_pairs, tightest
from forensics.clocks.spans import CORRECTION, Step, Stretch, cut, step_bounds
from forensics.clocks.timeline import Clocks
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.clocks.holdings import Holding
    from forensics.observations import Evidence, Observation

_ROUNDS: Final = 4
_CLEAR: Final = 120 * TICKS_PER_SECOND


def _by_hour(edge: Edge) -> tuple[int, int, int]:
    return edge.upper, edge.lower, edge.upper_raw // (3600 * TICKS_PER_SECOND)


class Trial:
    """Bounds between the stretches of all clocks, under given steps.

    Attributes:
        stretches: of all nodes, sorted by node, in order within a node.
        starts_of: index of a stretch -> the step that begins it.
        centre: for each node the ticks that bring its longest stretch near the reference's clock.
        root: index of the reference's longest stretch.
        edges: what bounds the offsets in the end; no chain of them contradicts itself.
        used: every edge that was believed, not only the tightest.
        overruled: sentences on what was not.
        distances: from each stretch of the reference.
    """

    def __init__(
        self,
        evidence: Evidence,
        seen: Sequence[Observation],
        groups: Sequence[str],
        steps: Mapping[str, Sequence[Step]],
        given: Iterable[Bound],
    ) -> None:
        self.evidence = evidence
        self.steps = steps
        self.stretches: list[Stretch] = []
        self.starts_of: dict[int, Step] = {}
        self.reference = min(evidence.nodes, default="")
        for node, (first, last) in sorted(evidence.nodes.items()):
            begin = len(self.stretches)
            self.stretches += cut(node, first, last, steps.get(node, ()))
            self._number_steps(begin, steps.get(node, ()))
        self._where = _provisional(self.reference, self.stretches)
        own = [index for index, stretch in enumerate(self.stretches) if stretch.node == self.reference]
        self.references = own
        self.root = max(
            own, key=lambda index: (not self.stretches[index].between, self._length(index), -index), default=0
        )
        self.centre: dict[str, int] = dict.fromkeys(evidence.nodes, 0)
        self._spots: dict[Place, int | None] = {}
        self._given = [
            *given,
            *(
                bound
                for node in evidence.nodes
                for bound in step_bounds(node, steps.get(node, ()), sorted(set(evidence.falls)))
            ),
        ]
        logs = Logs(evidence)
        self._groups = [h for h in group_holdings(seen, groups, logs) if self._is_placed(h)]
        stores = [h for h in store_holdings(seen, logs) if self._is_placed(h)]
        self._stores = stores if len(evidence.nodes) == 2 else []
        self._seen = [one for one in seen if one.node in self.centre]
        self._differences = [d for d in differences(seen, evidence.nodes) if self.spot(d.where) is not None]
        self.edges: list[Edge] = []
        self.used: list[Edge] = []
        self.overruled: set[str] = set()
        self.distances: dict[int, Distances] = {}

    def _number_steps(self, begin: int, steps: Sequence[Step]) -> None:
        index = begin
        for step in steps:
            index += 1
            self.starts_of[index] = step
            if step.between:
                index += 1
                self.starts_of[index] = step

    def _length(self, index: int) -> int:
        return self.stretches[index].last - self.stretches[index].first

    def spot(self, place: Place) -> int | None:
        """Index of the stretch in which an event lies; None where that is not clear."""
        if place not in self._spots:
            found = self._where.candidates(place.node, place.raw, place.log, place.number)
            clear = len(found) == 1 and not self.stretches[found[0]].between
            self._spots[place] = found[0] if clear else None
        return self._spots[place]

    def _is_placed(self, holding: Holding) -> bool:
        return all(self.spot(place) is not None for place in (holding.begin, holding.end, holding.since, holding.until))

    def coarse(self, place: Place) -> int:
        """A place on a time line common to all nodes, good to `APART`."""
        index = self.spot(place)
        return place.raw + self.centre[place.node] + (0 if index is None else self.stretches[index].rough)

    # -- the attempt ------------------------------------------------------------------------------------------------

    def solve(self) -> list[Rift]:
        """Settle the offsets, or say where a clock was stepped that was not known to be."""
        # A log may hold a million copies: the tightest of each hour tell as much.
        strong = tightest(self._edges(bound for bound in self._given if bound.strength > Strength.WEAK), _by_hour)
        strong += self._step_edges()
        pairs = by_pair(strong)
        found = rifts(pairs)
        if found:
            return found
        self._close(pairs)
        self._vote()
        believed: list[Bound] = []
        unsettled = rivals(self._groups, self.coarse)
        logged = list(self._differences)
        for turn in range(_ROUNDS):
            bounds, unsettled, impossible = settle(unsettled, self._passed)
            believed += bounds
            strong += self._edges(bound for bound in bounds if bound.strength > Strength.WEAK)
            self._note_impossible(impossible)
            pairs = by_pair(strong)
            found = rifts(pairs)
            if found:
                return found
            self._close(pairs)
            more, logged, against = self._by_differences(logged, last=turn == _ROUNDS - 1)
            strong += more
            if against:
                found = rifts(by_pair([*strong, *against]))
                if found:
                    return found
            if not bounds and not more:
                break
        self._add_weak(strong, believed)
        return []

    def _centred(self) -> list[str]:
        """Bring near the reference the clocks whose offsets are bounded already; which these are."""
        done = [self.reference]
        for index in self._longest():
            least, most = self._apart(self.root, index)
            # The middle of what is bounded to many minutes only is no place to look from.
            if index != self.root and least is not None and most is not None and most - least <= _CLEAR:
                self.centre[self.stretches[index].node] = (least + most) // 2
                done.append(self.stretches[index].node)
        return done

    def _within(self, node: str, centre: int) -> int:
        """What lies nearest to a centre within the bounds of the node's longest stretch."""
        for index in self._longest():
            if self.stretches[index].node == node:
                least, most = self._apart(self.root, index)
                centre = max(centre, least) if least is not None else centre
                centre = min(centre, most) if most is not None else centre
        return centre

    def _longest(self) -> list[int]:
        """Index of each node's stretch whose offset its rough ones are told from."""
        return [index for index, stretch in enumerate(self.stretches) if stretch.rough == 0 and not stretch.between]

    def _vote(self) -> None:
        """Bring the other clocks near, one node after another, by what they held."""
        lines: dict[str, list[Holding]] = defaultdict(list)
        for holding in [*self._groups, *self._stores]:
            lines[holding.node].append(holding)
        done = self._centred()
        left = sorted(set(self.centre) - set(done))
        votes = {
            (one, other): vote(lines[one], lines[other], self.coarse)
            for one in sorted(self.centre)
            for other in sorted(self.centre)
            if one != other
        }
        while left:
            score, node, base = max(
                ((votes[base, node][1], node, base) for base in done for node in left),
                key=lambda item: (item[0], [-ord(c) for c in item[1]], [-ord(c) for c in item[2]]),
            )
            if score > 1:
                # One move alone is no vote: it may as well be two.
                self.centre[node] = self._within(node, self.centre[base] + votes[base, node][0])
            done.append(node)
            left.remove(node)

    def _edges(self, bounds: Iterable[Bound]) -> list[Edge]:
        found = []
        for bound in bounds:
            upper, lower = self.spot(bound.cause), self.spot(bound.effect)
            if upper is None or lower is None or upper == lower:
                continue
            found.append(
                Edge(
                    upper=upper,
                    lower=lower,
                    limit=bound.limit,
                    strength=bound.strength,
                    upper_raw=bound.cause.raw,
                    lower_raw=bound.effect.raw,
                    refs=(*bound.cause.reference, *bound.effect.reference),
                    why=bound.why,
                    crosses=bound.cause.node != bound.effect.node,
                )
            )
        return found

    def _step_edges(self) -> list[Edge]:
        """The size of a step that an event gives."""
        found = []
        for index, step in sorted(self.starts_of.items()):
            if not step.exact:
                continue
            size = step.old - step.new  # what the offset grows by
            refs = tuple(f"event:{event}" for event in step.events)
            why = f"{self.stretches[index].node} logged how its clock was set"
            for upper, lower, limit in ((index, index - 1, size), (index - 1, index, -size)):
                found.append(
                    Edge(
                        upper, lower, limit + CORRECTION, Strength.STRONG, step.new, step.old, refs, why, crosses=False
                    )
                )
        return found

    def _passed(self, one: Place, other: Place) -> tuple[int, int]:
        low, high = self._between(one, other)
        return other.raw - one.raw + low, other.raw + other.resolution - one.raw + high

    def _between(self, one: Place, other: Place) -> tuple[int, int]:
        """Lowest and highest offset of the second place's clock, less that of the first's."""
        centre = self.coarse(other) - other.raw - (self.coarse(one) - one.raw)
        low, high = centre - APART, centre + APART
        first, second = self.spot(one), self.spot(other)
        if first is not None and second is not None and self.edges:
            least, most = self._apart(first, second)
            low = low if least is None else max(low, least)
            high = high if most is None else min(high, most)
        # What is known goes before what is assumed: where they exclude each other the assumption falls.
        return (low, high) if low <= high else (high, low)

    def _apart(self, first: int, second: int) -> tuple[int | None, int | None]:
        if first not in self.distances:
            self.distances[first] = Distances(len(self.stretches), self.edges, first)
        return self.distances[first].least[second], self.distances[first].most[second]

    def _close(self, pairs: Mapping[tuple[int, int], Sequence[Edge]]) -> None:
        settled = settle_pairs(pairs)
        self.used = settled.edges
        kept, loosened = consistent(len(self.stretches), tightest(settled.edges))
        self.edges = kept
        self.distances = {}
        self.overruled |= {_sentence(edge) for edge in [*settled.overruled, *loosened]}

    def _by_differences(
        self, logged: Sequence[Difference], *, last: bool
    ) -> tuple[list[Edge], list[Difference], list[Edge]]:
        """Edges from logged differences, those whose direction is not clear yet, and edges that others exclude."""
        found: list[Edge] = []
        unclear: list[Difference] = []
        excluded: list[Edge] = []
        for one in logged:
            here, there = self.spot(one.where), self._other_spot(one)
            if here is None or there is None:
                continue
            least, most = self._apart(here, there)
            signs = sorted({one.ticks, -one.ticks})
            fit = [
                sign
                for sign in signs
                if (most is None or sign - TOLERANCE <= most) and (least is None or sign + TOLERANCE >= least)
            ]
            if fit:
                if len(fit) > 1 and not last:
                    unclear.append(one)
                found += _difference_edges(one, here, there, fit[0] - TOLERANCE, fit[-1] + TOLERANCE)
                continue
            pair = f"{one.where.node} and {one.other}"
            self.overruled.add(f"{_reference(one)} gives a difference between {pair} that other events exclude")
            middle = ((most if least is None else least) or 0) + ((least if most is None else most) or 0)
            nearest = min(signs, key=lambda sign: (abs(2 * sign - middle), sign))
            excluded += _difference_edges(one, here, there, nearest - TOLERANCE, nearest + TOLERANCE)
        return found, unclear, excluded

    def _other_spot(self, one: Difference) -> int | None:
        """The stretch of the other node's clock at that moment, where both directions agree on it."""
        moment = self.coarse(one.where) - self.centre[one.other]
        spots = {self.spot(Place(one.other, moment + sign, None, None, None)) for sign in (-one.ticks, one.ticks)}
        found = self._where.candidates(one.other, moment)
        return spots.pop() if len(spots) == 1 and len(found) == 1 else None

    def _note_impossible(self, pairs: Iterable[Rivals]) -> None:
        for one, other in pairs:
            refs = sorted({*one.begin.reference, *one.end.reference, *other.begin.reference, *other.end.reference})
            claim = f"{one.node} and {other.node} both claim {one.name} at one time, whatever their clocks"
            self.overruled.add(f"{claim}: {', '.join(refs)}")

    def _add_weak(self, strong: list[Edge], believed: Sequence[Bound]) -> None:
        """Let weak bounds in where the others leave a side open."""
        bounds, _, _ = settle(rivals(self._stores, self.coarse), self._passed)
        weak = [bound for bound in [*believed, *bounds, *self._given] if bound.strength is Strength.WEAK]
        self._centred()
        weak += removal_bounds(self._seen, list(self.centre), self.coarse)
        weak += passive_bounds(self._seen, self._groups, believed)
        wanted = [edge for edge in self._edges(weak) if self._is_open(edge)]
        if wanted:
            self._close(by_pair([*strong, *wanted]))

    def _is_open(self, edge: Edge) -> bool:
        """Whether nothing strong bounds that side, and nothing strong on the other speaks against the edge."""
        least, most = self._apart(edge.lower, edge.upper)
        return most is None and (least is None or least <= edge.limit)


def _provisional(reference: str, stretches: Sequence[Stretch]) -> Clocks:
    """Clocks that only tell which stretch an event lies in."""
    spans = tuple(ClockSpan(s.node, s.first, s.last, s.starts, s.rough, None, None, 0, (), "") for s in stretches)
    return Clocks(reference, spans, tuple((s.earliest, s.latest) for s in stretches))


def _difference_edges(one: Difference, here: int, there: int, low: int, high: int) -> list[Edge]:
    """`low <= offset[there] - offset[here] <= high`."""
    why = f"{one.where.node} logged how far its clock was from that of {one.other}"
    refs, raw = one.where.reference, one.where.raw
    return [
        Edge(there, here, high, Strength.STRONG, raw, raw, refs, why),
        Edge(here, there, -low, Strength.STRONG, raw, raw, refs, why),
    ]


def _reference(one: Difference) -> str:
    return ", ".join(one.where.reference) or f"An entry of {one.where.node}"


def _sentence(edge: Edge) -> str:
    return f"Not followed, because better references contradict it: {edge.why} ({', '.join(edge.refs) or 'no event'})."
