"""Where two contents have the same bytes: copies that are exact to the byte, found by chunks and widened.

Nothing here rests on a hash: a chunk that is found again is compared, byte by byte, before it counts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from parsers.fdb.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from parsers.fdb.chunks import Cutter

_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)
# Equal blocks of one repeated byte at the same offsets say little: zeros are equal to zeros wherever they came from.
_PLAIN_RUN = 16 * _BLOCK
# Places of one chunk's content that are remembered.
_PLACES = 4


class Copy(NamedTuple):
    """`length` bytes at `a` of the older content that stand at `b` of the newer one."""

    a: int
    b: int
    length: int

    @property
    def a_end(self) -> int:
        """Behind its last byte in the older content."""
        return self.a + self.length

    @property
    def b_end(self) -> int:
        """Behind its last byte in the newer content."""
        return self.b + self.length


class Span(NamedTuple):
    """The bytes from `start` to `end`."""

    start: int
    end: int


class Content:
    """A seekable stream, read at offsets. `size` is what it held when it was opened."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, 2)

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes; fewer only at the end, or where the content was cut off meanwhile."""
        self._stream.seek(offset)
        data = self._stream.read(count)
        while len(data) < count and (more := self._stream.read(count - len(data))):
            data += more
        return data


def equal_ahead(a: Content, b: Content, at_a: int, at_b: int, most: int) -> int:
    """How many bytes are equal from two offsets on, at most `most`."""
    done = 0
    block = 256
    while done < most:
        count = min(block, most - done)
        left, right = a.read(at_a + done, count), b.read(at_b + done, count)
        if left != right or len(left) < count:
            return done + first_difference(left, right)
        done += count
        block = min(4 * block, _BLOCK)
    return done


def equal_behind(a: Content, b: Content, at_a: int, at_b: int, most: int) -> int:
    """How many bytes before two offsets are equal, at most `most`."""
    done = 0
    block = 256
    while done < most:
        count = min(block, most - done)
        left, right = a.read(at_a - done - count, count), b.read(at_b - done - count, count)
        if left != right or len(left) < count:
            return done + first_difference(left[::-1], right[::-1])
        done += count
        block = min(4 * block, _BLOCK)
    return done


def first_difference(left: bytes, right: bytes) -> int:
    """How many bytes are equal from the start on."""
    size = min(len(left), len(right))
    # One exclusive or of long integers: its lowest bit that is set lies in the first byte that differs.
    different = int.from_bytes(left[:size], "little") ^ int.from_bytes(right[:size], "little")
    return size if not different else ((different & -different).bit_length() - 1) // 8


def copies_in_place(a: Content, b: Content) -> list[Copy]:
    """What is equal at the same offsets in large blocks, the common beginning, and the common end; in order.

    Files that are edited in place are almost all of that, and it is found as fast as they can be read.
    """
    both = min(a.size, b.size)
    found: list[Copy] = []
    start = equal_ahead(a, b, 0, 0, both)
    if start:
        found.append(Copy(0, 0, start))
    at = -(-start // _BLOCK) * _BLOCK
    run, telling = at, False
    while at < both:
        count = min(_BLOCK, both - at)
        left, right = a.read(at, count), b.read(at, count)
        equal = left == right and len(left) == count
        if equal:
            telling = telling or (left != _ZEROS[:count] and left.count(left[:1]) != count)
            at += count
        if (not equal or at >= both) and at > run:
            if telling or at - run >= _PLAIN_RUN:
                border = found[-1].b_end if found else 0
                back = equal_behind(a, b, run, run, run - border)
                on = first_difference(left, right) if not equal else 0
                found.append(Copy(run - back, run - back, at - run + back + on))
            telling = False
        if not equal:
            at += count
            run = at
    border = found[-1].b_end if found else 0
    tail = equal_behind(a, b, a.size, b.size, both - border)
    if tail:
        found.append(Copy(a.size - tail, b.size - tail, tail))
    return joined(found)


def copies_by_chunks(
    a: Content, b: Content, a_spans: Sequence[Span], b_spans: Sequence[Span], cutter: Cutter, least: int
) -> list[Copy]:
    """What of `b_spans` stands somewhere in `a_spans`, in the order of b, without overlap in b.

    Each copy is as long as it can be within the spans, and at least `least` bytes.
    """
    places: dict[bytes, tuple[int, ...]] = {}
    for span in a_spans:
        for chunk in chunks(a.read, span.start, span.end, cutter):
            known = places.get(chunk.digest, ())
            if len(known) < _PLACES:
                places[chunk.digest] = (*known, chunk.offset)
    if not places:
        return []
    starts = [span.start for span in a_spans]
    found: list[Copy] = []
    shift = used = 0
    for span in b_spans:
        done = span.start
        for chunk in chunks(b.read, span.start, span.end, cutter):
            if chunk.offset < done:
                continue
            known = places.get(chunk.digest, ())
            if not known:
                continue
            # The place where the last copy would go on; else the same offset; else the nearest.
            wanted = chunk.offset - shift
            at = min(known, key=lambda place: (place != wanted, abs(place - chunk.offset)))
            home = a_spans[bisect_right(starts, at) - 1]
            on = equal_ahead(a, b, at, chunk.offset, min(home.end - at, span.end - chunk.offset))
            # What the last copy took of a is not taken again for a few bytes that are equal by chance.
            behind = max(home.start, used if used <= at else 0)
            back = equal_behind(a, b, at, chunk.offset, min(at - behind, chunk.offset - done))
            if back + on >= least:
                found.append(Copy(at - back, chunk.offset - back, back + on))
                done, used = chunk.offset + on, at + on
                shift = chunk.offset - at
    return found


def joined(copies: Iterable[Copy]) -> list[Copy]:
    """The copies, in the order of b, neighbours that are one put together."""
    result: list[Copy] = []
    for copy in copies:
        last = result[-1] if result else None
        if last is not None and last.a_end == copy.a and last.b_end == copy.b:
            result[-1] = Copy(last.a, last.b, last.length + copy.length)
        else:
            result.append(copy)
    return result


def in_order(copies: Sequence[Copy]) -> list[bool]:
    """Which copies, given in the order of b, begin in the order of a too: the selection that holds most bytes.

    The heaviest rising sequence, by a Fenwick tree over the starts in a: n log n. Ends do not count: where something
    stands twice in b, two copies share bytes of a, and neither was taken past the other.
    """
    starts = sorted({copy.a for copy in copies})
    best: list[tuple[int, int]] = [(0, -1)] * (len(starts) + 1)
    before = [-1] * len(copies)
    top = (0, -1)
    for index, copy in enumerate(copies):
        weight, last = 0, -1
        place = bisect_left(starts, copy.a)
        at = place
        while at:
            if best[at][0] > weight:
                weight, last = best[at]
            at &= at - 1
        before[index] = last
        entry = (weight + copy.length, index)
        if entry[0] > top[0]:
            top = entry
        at = place + 1
        while at < len(best):
            if entry[0] > best[at][0]:
                best[at] = entry
            at += at & -at
    kept = [False] * len(copies)
    index = top[1]
    while index >= 0:
        kept[index] = True
        index = before[index]
    return kept


def outside(spans: Iterable[Span], start: int, end: int) -> Iterator[Span]:
    """What of `start` to `end` none of the spans covers; they come by their starts, and may overlap."""
    at = start
    for span in spans:
        if span.start > at:
            yield Span(at, min(span.start, end))
        at = max(at, span.end)
        if at >= end:
            return
    if at < end:
        yield Span(at, end)
