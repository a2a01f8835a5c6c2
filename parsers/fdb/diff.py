"""Two versions of a file compared: which bytes stayed, which are elsewhere now, and which changed.

Correct by construction: the ranges tile the newer content, each is equal to bytes of the older one or is marked as
changed, and equality is established by comparing bytes, never by hashes alone. So `rebuilt` gives the newer content
from the older one and the bytes of the changed ranges. Where the program stops searching, the answer has fewer copies
and is no less exact.

It is not the shortest answer: that would take quadratic time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from parsers.fdb.chunks import Cutter
from parsers.fdb.matching import (
    Content,
    Copy,
    Span,
    copies_by_chunks,
    copies_in_place,
    in_order,
    joined,
    outside,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

MOST_RANGES = 20_000
"""Copies that are kept, the longest; what the others hold is called changed."""
LEAST_MOVED = 32
"""Bytes that must be equal before they are said to stand elsewhere: a few bytes are equal anywhere by chance."""
LEAST_KEPT = 8
"""Bytes that must be equal, between two changes, before they count as unchanged."""
_AVERAGE_LEAST, _AVERAGE_MOST = 64, 16384
_CHUNKS_WANTED = 1 << 16
_FINEST = Cutter(4, 4, 128)
# How much is searched again for smaller pieces in each round, in bytes cut into large chunks; small chunks cost more.
_REFINED = 48 << 20
_COST = ((256, 1), (64, 4), (0, 12))  # of a byte, by the least average of the chunks
_SMALL_GAP = 4096
_EQUAL = re.compile(rb"\A\0+|\0{%d,}|\0+\Z" % LEAST_KEPT)
_BLOCK = 1 << 16


class RangeKind(StrEnum):
    """What became of a range. The value is what a user reads."""

    UNCHANGED = "unchanged"
    MOVED = "moved"
    CHANGED = "changed"


class Range(NamedTuple):
    """A range of the newer content, and where the older one has it.

    Attributes:
        kind: `UNCHANGED`: the same bytes at the same offset; `MOVED`: the same bytes at another offset;
            `CHANGED`: bytes of a were replaced by bytes of b, either of which may be none (inserted, removed).
        a_offset, a_length: in the older content; for bytes that were inserted, where.
        b_offset, b_length: in the newer content; for bytes that were removed, where they would stand.
        reordered: of a moved range: it was taken past other content, and not only shifted by what was inserted or
            removed before it. Bytes of a may stand in several places of b.
    """

    kind: RangeKind
    a_offset: int
    a_length: int
    b_offset: int
    b_length: int
    reordered: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """How b differs from a.

    Attributes:
        a_size, b_size: bytes.
        ranges: in the order of b, which they tile; removed bytes stand between.
        coarse: True where a limit ended the search, so that some of what is called changed may stand elsewhere.
    """

    a_size: int
    b_size: int
    ranges: tuple[Range, ...]
    coarse: bool = False

    @property
    def identical(self) -> bool:
        """True where both contents are the same bytes."""
        return self.a_size == self.b_size and all(item.kind is RangeKind.UNCHANGED for item in self.ranges)

    def of(self, kind: RangeKind) -> list[Range]:
        """The ranges of one kind."""
        return [item for item in self.ranges if item.kind is kind]

    def size_of(self, kind: RangeKind) -> int:
        """How many bytes of b are of that kind."""
        return sum(item.b_length for item in self.ranges if item.kind is kind)


def compare(older: BinaryIO, newer: BinaryIO) -> Difference:
    """Compare two seekable streams; raises OSError where one cannot be read.

    Linear time and bounded memory: some seconds for two files of 100 MB.
    """
    a, b = Content(older), Content(newer)
    fixed = copies_in_place(a, b)
    a_spans = list(outside((Span(copy.a, copy.a_end) for copy in fixed), 0, a.size))
    b_spans = list(outside((Span(copy.b, copy.b_end) for copy in fixed), 0, b.size))
    total = _size(a_spans) + _size(b_spans)
    average = min(_AVERAGE_MOST, max(_AVERAGE_LEAST, total // _CHUNKS_WANTED))
    copies, coarse = fixed, False
    if a_spans and b_spans:
        found = copies_by_chunks(a, b, a_spans, b_spans, Cutter.for_average(average), LEAST_MOVED)
        copies = _merged([*fixed, *found])
        for cutter in _finer(average):
            copies, left_out = _refined(a, b, copies, cutter)
            coarse = coarse or left_out
    if len(copies) > MOST_RANGES:
        copies, coarse = sorted(nlargest(MOST_RANGES, copies, key=_length), key=_by_b), True
    tiles = _Tiles(a, b, copies)
    ranges = tuple(tiles.ranges())
    return Difference(a.size, b.size, ranges, coarse or tiles.cut_short)


def rebuilt(older: BinaryIO, newer: BinaryIO, ranges: Sequence[Range]) -> Iterator[bytes]:
    """The newer content, block by block: copies from the older one, and of the newer one only what changed."""
    for item in ranges:
        moved = item.kind is not RangeKind.CHANGED
        stream, offset = (older, item.a_offset) if moved else (newer, item.b_offset)
        done = 0
        while done < item.b_length:
            stream.seek(offset + done)
            data = stream.read(min(_BLOCK, item.b_length - done))
            if not data:
                return
            yield data
            done += len(data)


def _size(spans: Sequence[Span]) -> int:
    return sum(span.end - span.start for span in spans)


def _length(copy: Copy) -> tuple[int, int]:
    return copy.length, -copy.b


def _by_b(copy: Copy) -> int:
    return copy.b


def _merged(copies: list[Copy]) -> list[Copy]:
    return joined(sorted(copies, key=_by_b))


class _Gap(NamedTuple):
    """What lies between two copies that are in order.

    Attributes:
        a: all of it in a; ends before it starts where the two copies share bytes of a.
        b: what of it in b no copy covers.
        b_start: where it begins in b.
    """

    a: Span
    b: list[Span]
    b_start: int


def _gaps(copies: Sequence[Copy], kept: Sequence[bool], a_size: int, b_size: int) -> Iterator[_Gap]:
    """The gaps between the copies that are in order (`kept`), from start to end; the empty ones too."""
    last = Copy(0, 0, 0)
    between: list[Span] = []
    for copy, chosen in zip(copies, kept, strict=True):
        if chosen:
            yield _Gap(Span(last.a_end, copy.a), list(outside(between, last.b_end, copy.b)), last.b_end)
            last, between = copy, []
        else:
            between.append(Span(copy.b, copy.b_end))
    yield _Gap(Span(last.a_end, a_size), list(outside(between, last.b_end, b_size)), last.b_end)


def _finer(average: int) -> list[Cutter]:
    """Ever smaller chunks, for the gaps that larger ones leave."""
    cutters = []
    while average > 256:
        average //= 16
        cutters.append(Cutter.for_average(average))
    return [*cutters, _FINEST]


def _refined(a: Content, b: Content, copies: list[Copy], cutter: Cutter) -> tuple[list[Copy], bool]:
    """The copies with those added that are found between them by smaller chunks; and whether some gap was left out."""
    found: list[Copy] = []
    budget, left_out = _REFINED, False
    for gap in _gaps(copies, in_order(copies), a.size, b.size):
        size = gap.a.end - gap.a.start
        whole = size + _size(gap.b)
        if size <= 0 or not gap.b or whole < 2 * LEAST_KEPT:
            continue
        # A small gap takes the finest chunks at once; a larger one comes again.
        fitting = _FINEST if whole <= _SMALL_GAP else cutter
        cost = whole * next(cost for least, cost in _COST if 1 << fitting.bits >= least)
        if cost > budget:
            left_out = True
            continue
        budget -= cost
        inside = copies_by_chunks(a, b, [gap.a], gap.b, fitting, LEAST_KEPT)
        chosen = in_order(inside)
        found += [copy for copy, fits in zip(inside, chosen, strict=True) if fits or copy.length >= LEAST_MOVED]
    return (_merged([*copies, *found]) if found else copies), left_out


class _Tiles:
    """Makes ranges of copies."""

    def __init__(self, a: Content, b: Content, copies: list[Copy]) -> None:
        self._a, self._b = a, b
        self._copies = copies
        self._kept = in_order(copies)
        self._used = _union(sorted(Span(copy.a, copy.a_end) for copy in copies))
        self._starts = [span.start for span in self._used]
        self._made = 0
        self.cut_short = False

    def ranges(self) -> list[Range]:
        """All ranges, in the order of b."""
        every = [
            Range(
                RangeKind.UNCHANGED if copy.a == copy.b else RangeKind.MOVED,
                copy.a, copy.length, copy.b, copy.length,
                reordered=not chosen and copy.a != copy.b,
            )
            for copy, chosen in zip(self._copies, self._kept, strict=True)
        ]  # fmt: skip
        for gap in _gaps(self._copies, self._kept, self._a.size, self._b.size):
            every += self._changed(self._gone(gap.a), gap)
        every.sort(key=lambda item: (item.b_offset, item.b_length > 0, item.a_offset))
        return _neighbours_joined(every)

    def _gone(self, span: Span) -> list[Span]:
        """What of a span of a no copy takes."""
        if span.end <= span.start:
            return []
        first = max(0, bisect_right(self._starts, span.start) - 1)
        used = (self._used[i] for i in range(first, len(self._used)))
        return list(outside(used, span.start, span.end))

    def _changed(self, gone: Sequence[Span], gap: _Gap) -> Iterator[Range]:
        """What replaced what, in one gap: the first that is gone by the first that is new, and so on."""
        a_at, b_at = gap.a.start, gap.b_start
        for old, new in zip_longest(gone, gap.b):
            if old is None:
                yield Range(RangeKind.CHANGED, a_at, 0, new.start, new.end - new.start)
                continue
            if new is None:
                yield Range(RangeKind.CHANGED, old.start, old.end - old.start, b_at, 0)
            else:
                yield from self._in_place(old, new)
                b_at = new.end
            a_at = old.end

    def _in_place(self, old: Span, new: Span) -> Iterator[Range]:
        """Two spans; of equal length, cut where at least `LEAST_KEPT` bytes between two changes are equal."""
        size = new.end - new.start
        if old.end - old.start != size:
            yield Range(RangeKind.CHANGED, old.start, old.end - old.start, new.start, size)
            return
        kind = RangeKind.UNCHANGED if old.start == new.start else RangeKind.MOVED
        for equal, start, end in self._runs(old.start, new.start, size):
            length = end - start
            yield Range(kind if equal else RangeKind.CHANGED, old.start + start, length, new.start + start, length)

    def _runs(self, at_a: int, at_b: int, size: int) -> Iterator[tuple[bool, int, int]]:
        """Equal and different runs of two spans of equal length, in turn."""
        start = 0  # of the different run that is open
        for at in range(0, size, _BLOCK):
            if self._made >= MOST_RANGES:
                self.cut_short = True
                break
            count = min(_BLOCK, size - at)
            left, right = self._a.read(at_a + at, count), self._b.read(at_b + at, count)
            different = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
            for match in _EQUAL.finditer(different.to_bytes(count, "little")):
                if at + match.start() > start:
                    yield False, start, at + match.start()
                yield True, at + match.start(), at + match.end()
                self._made += 2
                start = at + match.end()
        if start < size:
            yield False, start, size


def _union(spans: Sequence[Span]) -> list[Span]:
    """The spans, sorted by start, those that touch or overlap put together."""
    result: list[Span] = []
    for span in spans:
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def _neighbours_joined(ranges: Sequence[Range]) -> list[Range]:
    """The ranges, those of one kind that go on into each other put together."""
    result: list[Range] = []
    for item in ranges:
        last = result[-1] if result else None
        if (
            last is not None
            and last.kind is item.kind
            and last.reordered is item.reordered
            and last.a_offset + last.a_length == item.a_offset
            and last.b_offset + last.b_length == item.b_offset
        ):
            result[-1] = last._replace(a_length=last.a_length + item.a_length, b_length=last.b_length + item.b_length)
        else:
            result.append(item)
    return result
