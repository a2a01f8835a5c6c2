"""`Clocks`: recorded times of every node put on one time line, and the offsets as the output states them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from forensics.clocks.model import ASSUMED_LIMIT, ClockSpan, Moment
from forensics.roles.model import ClockOffset
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ALWAYS: Final = 1 << 62
"""Beyond every FILETIME: the reach of a clock that was never stepped."""

_TENTH: Final = TICKS_PER_SECOND // 10


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of all nodes. The common time line is the reference's clock in its longest span.

    Attributes:
        reference: first node by name; empty where no node is known.
        spans: sorted by node, within a node in the order in which they were lived through.
        reach: for each span the raw times which an event in it can have, for events that record numbers do not place.
            Reaches of neighbours overlap where a raw time was passed twice, or where it is not known how often.
        apart: offset of one span against one span of the reference, (lowest, highest), by their indexes in `spans`,
            where that is known better than the difference of their bounds tells.
        overruled: sentences on references that contradict better ones and were not followed, sorted.
    """

    reference: str
    spans: tuple[ClockSpan, ...]
    reach: tuple[tuple[int, int], ...]
    apart: Mapping[tuple[int, int], tuple[int | None, int | None]] = field(default_factory=dict)
    overruled: tuple[str, ...] = ()
    _indexes: dict[str, list[int]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for index, span in enumerate(self.spans):
            self._indexes.setdefault(span.node, []).append(index)

    @classmethod
    def of(cls, spans: Iterable[ClockSpan]) -> Clocks:
        """Clocks of given spans, in the order in which each node lived through them."""
        kept = tuple(sorted(spans, key=lambda span: span.node))
        return cls(kept[0].node if kept else "", kept, tuple(_plain_reach(kept)))

    def moment(self, node: str, raw: int, log: tuple[str, str] | None = None, number: int | None = None) -> Moment:
        """Where a recorded time lies on the common time line.

        Args:
            node: the event's own Computer field. A name that is no node (an alias) is read by the clock of the log's
                owner.
            raw: FILETIME as recorded.
            log: (owner, log name) that it was read from, where known. Which clock set the time of an entry copied to
                another node's log is not known: low and high then cover both.
            number: record number in that log, where known.
        """
        owner = log[0] if log else node
        if not self._of(node):
            return self._read(owner, raw, log, number)
        if owner == node or not self._of(owner):
            return self._read(node, raw, log if owner == node else None, number)
        own, receiver = self._read(node, raw, None, None), self._read(owner, raw, log, number)
        low, high = min(own.low, receiver.low), max(own.high, receiver.high)
        return Moment(own.time, low, high, own.bounded and receiver.bounded)

    def _read(self, node: str, raw: int, log: tuple[str, str] | None, number: int | None) -> Moment:
        passed = TICKS_PER_SECOND if raw % TICKS_PER_SECOND == 0 else 1
        found = self.candidates(node, raw, log, number)
        if not found:
            return Moment(raw, raw - ASSUMED_LIMIT, raw + ASSUMED_LIMIT + passed, bounded=False)
        bounds = [_assumed(self.spans[index]) for index in found]
        low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
        bounded = all(self.spans[index].bounded for index in found)
        return Moment(raw + self._likeliest(found, raw).offset, raw + low, raw + high + passed, bounded)

    def span_of(
        self, node: str, raw: int, log: tuple[str, str] | None = None, number: int | None = None
    ) -> ClockSpan | None:
        """The span in which an event most likely lies; None for a node that is not known."""
        found = self.candidates(node, raw, log, number)
        return self._likeliest(found, raw) if found else None

    def candidates(
        self, node: str, raw: int, log: tuple[str, str] | None = None, number: int | None = None
    ) -> Sequence[int]:
        """Indexes of the spans in which an event of the node can lie: one where its number or its time tells."""
        indexes: Sequence[int] = self._of(node)
        if len(indexes) < 2:
            return indexes
        if log is not None and number is not None:
            indexes = _by_number(self.spans, indexes, log, number)
        reached = [index for index in indexes if self.reach[index][0] <= raw <= self.reach[index][1]]
        return reached or [min(indexes, key=lambda index: (_distance(self.spans[index], raw), index))]

    def _of(self, node: str) -> list[int]:
        return self._indexes.get(node, [])

    def _likeliest(self, indexes: Sequence[int], raw: int) -> ClockSpan:
        return self.spans[min(indexes, key=lambda index: (_distance(self.spans[index], raw), index))]

    def shown(self, time: int) -> int:
        """What the reference's clock showed at a time of the common time line: the same, unless it was stepped."""
        own = self._of(self.reference)
        if len(own) < 2:
            return time
        for index, follower in pairwise(own):
            if time < self._begin(follower):
                # Between the last event before a step and the first after it: the clock had not been stepped yet,
                # as far as anybody saw.
                return time - self.spans[index].offset
        return time - self.spans[own[-1]].offset

    def _begin(self, index: int) -> int:
        return self.spans[index].first + self.spans[index].offset

    def offsets(self) -> tuple[ClockOffset, ...]:
        """Offsets as the output states them, sorted by node and time; none where not bounded on both sides."""
        own = self._of(self.reference)
        found: list[ClockOffset] = []
        for node in sorted({span.node for span in self.spans} - {self.reference}):
            indexes = self._of(node)
            pieces = [
                (index, against, piece)
                for index in indexes
                for against in own
                if (piece := self._piece(index, against, indexes, own)) is not None
            ]
            single = len(indexes) == 1 and len(own) == 1
            for index, against, (since, until) in pieces:
                row = self._row(index, against, None if single else (since, until))
                if row is not None:
                    found.append(row)
        return tuple(found)

    def _piece(
        self, index: int, against: int, indexes: Sequence[int], own: Sequence[int]
    ) -> tuple[int | None, int | None] | None:
        """The part of a span that lies in a span of the reference, by the node's own clock; None: open on that side."""
        span = self.spans[index]
        since = span.first if index != indexes[0] else None
        until = span.last if index != indexes[-1] else None
        if against != own[0]:
            begin = self._begin(against) - span.offset
            since = begin if since is None else max(since, begin)
        if against != own[-1]:
            end = self._begin(against + 1) - span.offset
            until = end if until is None else min(until, end)
        if (since is not None and since > span.last and index != indexes[-1]) or (
            until is not None and until < span.first and index != indexes[0]
        ):
            return None
        if since is not None and until is not None and since >= until:
            return None
        return since, until

    def _row(self, index: int, against: int, within: tuple[int | None, int | None] | None) -> ClockOffset | None:
        span, reference = self.spans[index], self.spans[against]
        low, high = self.apart.get((index, against), (_less(span.low, reference.high), _less(span.high, reference.low)))
        if low is None or high is None or high - low > 2 * ASSUMED_LIMIT:
            return None  # a bound looser than what is assumed of any clock bounds nothing
        middle = (low + high) // 2
        tenths = round(middle / _TENTH) if abs(middle) < 1 << 50 else middle // _TENTH
        # Rounded outwards: what is printed covers what was found.
        reach = max(high - tenths * _TENTH, tenths * _TENTH - low)
        return ClockOffset(
            node=span.node,
            reference=self.reference,
            seconds=tenths / 10,
            uncertainty=-(-reach // _TENTH) / 10,
            pairs=span.pairs,
            evidence=span.evidence,
            why=span.why,
            since=within[0] if within else None,
            until=within[1] if within else None,
        )


def _plain_reach(spans: Sequence[ClockSpan]) -> Iterable[tuple[int, int]]:
    for index, span in enumerate(spans):
        is_first = index == 0 or spans[index - 1].node != span.node
        is_last = index + 1 == len(spans) or spans[index + 1].node != span.node
        yield (-ALWAYS if is_first else span.first), (ALWAYS if is_last else span.last)


def _by_number(spans: Sequence[ClockSpan], indexes: Sequence[int], log: tuple[str, str], number: int) -> Sequence[int]:
    """Those of a node's spans in which a record of a log can lie by its number."""
    low, high = 0, len(indexes)
    for place, index in enumerate(indexes):
        start = spans[index].starts.get(log)
        if start is None:
            continue
        if number >= start:
            low = max(low, place)
        else:
            high = min(high, place)
    # Numbers that start anew when a log is cleared can contradict each other: then they place nothing.
    return indexes[low:high] if low < high else indexes


def _distance(span: ClockSpan, raw: int) -> int:
    return max(span.first - raw, raw - span.last, 0)


def _assumed(span: ClockSpan) -> tuple[int, int]:
    """Lowest and highest offset; the assumption stands in where nothing bounds it."""
    low = span.offset - ASSUMED_LIMIT if span.low is None else span.low
    high = span.offset + ASSUMED_LIMIT if span.high is None else span.high
    return low, high


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other
