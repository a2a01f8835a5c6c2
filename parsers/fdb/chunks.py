"""Content cut into chunks where its own bytes say so, so that equal content is cut alike wherever it lies.

A rolling hash of a window of 8 or 16 bytes (https://en.wikipedia.org/wiki/Rolling_hash#Cyclic_polynomial) says where: a
chunk ends behind each window whose hash has its low bits clear. Byte by byte that is slow in Python; here the hashes of
all windows of a buffer are found at once, by whole-buffer operations (table look-up, shift and exclusive or of one long
integer), at some 30 ns a byte. The tables come from SHA-256, so that every run and every Python cuts alike.
"""

from __future__ import annotations

import re
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BUFFER = 1 << 20
_ZERO = re.compile(b"\0")


def _table(name: str) -> bytes:
    """A permutation of all bytes, the same one for the same name."""
    return bytes(sorted(range(256), key=lambda value: sha256(f"{name} {value}".encode()).digest()))


_FIRST = _table("first")
_TURNS = tuple(_table(f"turn {i}") for i in range(4))
_SECOND_LANE = _table("second lane")


class Cutter(NamedTuple):
    """How large chunks are.

    Attributes:
        bits: one of 2 ** bits windows ends a chunk; from 1 to 14.
        least, most: bytes of a chunk; a window that would make a smaller one is passed over.
    """

    bits: int
    least: int
    most: int

    @classmethod
    def for_average(cls, average: int) -> Cutter:
        """Chunks of about so many bytes, from 16 to 16,384."""
        bits = min(14, max(4, average.bit_length() - 1))
        return cls(bits, (1 << bits) // 4, (1 << bits) * 8)

    @property
    def window(self) -> int:
        """Bytes of a window."""
        return 8 if self.bits < 8 else 16

    def ends(self, data: bytes) -> list[int]:
        """The offsets in `data` behind each window that ends a chunk."""
        size = len(data)
        if size < self.window:
            return []
        # The hash of 2n bytes is the turned hash of the first n, exclusive-or that of the next n. At offset i of
        # `lane` stands the hash of the window that begins there; the last ones, cut off by the end, do not count.
        lane = data.translate(_FIRST)
        number = int.from_bytes(lane, "little")
        width = 1
        while width < self.window:
            shifted = number >> (8 * width)
            number = int.from_bytes(lane.translate(_TURNS[width.bit_length() - 1]), "little") ^ shifted
            width *= 2
            if width == self.window and self.bits > 8:
                second = int.from_bytes(lane.translate(_SECOND_LANE), "little") ^ shifted
                number |= int.from_bytes(second.to_bytes(size, "little").translate(_low_bits(self.bits - 8)), "little")
            lane = number.to_bytes(size, "little")
        if self.bits < 8:
            lane = lane.translate(_low_bits(self.bits))
        last = size - width + 1
        return [match.end() - 1 + width for match in _ZERO.finditer(lane, 0, last)]


def _low_bits(count: int) -> bytes:
    return bytes(value & ((1 << count) - 1) for value in range(256))


class Chunk(NamedTuple):
    """A stretch of content: where it lies, and 16 bytes that only equal content has."""

    offset: int
    length: int
    digest: bytes


def chunks(read: Callable[[int, int], bytes], start: int, end: int, cutter: Cutter) -> Iterator[Chunk]:
    """Cut the bytes from `start` to `end` into chunks, forward, in the memory of a buffer.

    Args:
        read: gives so many bytes from an offset; fewer only at the end of the content, where cutting ends too.
        start: of the range, which is a border of chunks.
        end: of the range, another one.
        cutter: how large chunks are.
    """
    open_at = at = start
    held = b""  # the chunk that is open: from `open_at` to `at`
    while at < end:
        part = read(at, min(_BUFFER, end - at))
        if not part:
            break
        # A window may begin in what is held; a whole one in there has been seen.
        before = held[-(cutter.window - 1) :]
        border = at - len(before)
        data = held + part
        at += len(part)
        first = open_at
        for place in cutter.ends(before + part):
            for cut in _cuts(open_at, border + place, cutter):
                yield _chunk(data, first, open_at, cut)
                open_at = cut
        while at - open_at >= cutter.most:
            cut = open_at + cutter.most
            yield _chunk(data, first, open_at, cut)
            open_at = cut
        held = data[open_at - first :]
    if held:
        yield _chunk(held, open_at, open_at, at)


def _cuts(start: int, place: int, cutter: Cutter) -> Iterator[int]:
    """Where an open chunk that begins at `start` is cut, given that `place` is where a window ends."""
    while place - start > cutter.most:
        start += cutter.most
        yield start
    if place - start >= cutter.least:
        yield place


def _chunk(data: bytes, first: int, start: int, end: int) -> Chunk:
    return Chunk(start, end - start, blake2b(data[start - first : end - first], digest_size=16).digest())
