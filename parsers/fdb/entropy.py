"""How evenly the values of bytes are spread, block by block: Shannon's entropy in bits a byte.

0 where all bytes are equal, near 8 for compressed or encrypted data, which cannot be told apart by it. A small block
has less than 8 even of random bytes (1,024 of them about 7.8), so blocks are not made smaller than that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BLOCKS = 256
SMALLEST_BLOCK = 1024
COUNTED = 32 * 1024
"""Bytes of a block that are counted: of a larger block its beginning."""
_LOW, _HIGH = 3.0, 7.2


class Level(StrEnum):
    """How full of information a block is."""

    CONSTANT = "constant"  # one value only
    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"  # as of compressed or encrypted data


@dataclass(frozen=True, slots=True)
class Area:
    """Neighbouring blocks of one level.

    Attributes:
        offset, length: in bytes.
        level: of each of its blocks.
        least, most: bits a byte, of its blocks.
    """

    offset: int
    length: int
    level: Level
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Entropy:
    """The entropy of a file.

    Attributes:
        whole: bits a byte over all that was counted; None of an empty file.
        block_size: bytes.
        blocks: bits a byte of each block; the last may be a shorter one.
        areas: the blocks, put together.
        sampled: True where blocks are larger than what is counted of each.
    """

    whole: float | None
    block_size: int
    blocks: tuple[float, ...]
    areas: tuple[Area, ...]
    sampled: bool


def block_size_for(size: int) -> int:
    """The power of two, at least `SMALLEST_BLOCK`, that cuts so many bytes into at most `MOST_BLOCKS` blocks."""
    wanted = -(-size // MOST_BLOCKS)
    return max(SMALLEST_BLOCK, 1 << max(0, wanted - 1).bit_length())


def bits(counts: Mapping[int, int]) -> float:
    """Shannon's entropy of values that were seen so many times each, in bits a value, rounded to 0.01."""
    total = sum(counts.values())
    if len(counts) < 2:
        return 0.0
    # By sorted counts: the sum of floats depends on their order, and equal blocks shall have equal figures.
    return round(log2(total) - sum(n * log2(n) for n in sorted(counts.values())) / total, 2)


class EntropyMeter:
    """Measures a stream that comes block by block, of any sizes. `size` of the whole fixes the size of its blocks."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._block = block_size_for(size)
        self._at = 0
        self._counts: Counter[int] = Counter()
        self._whole: Counter[int] = Counter()
        self._blocks: list[float] = []
        self._levels: list[Level] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        at = 0
        while at < len(data):
            inside = self._at % self._block
            step = min(self._block - inside, len(data) - at)
            counted = min(step, COUNTED - inside)
            if counted > 0:
                self._count(data[at : at + counted])
            at += step
            self._at += step
            if self._at % self._block == 0:
                self._end_block()

    def _count(self, part: bytes) -> None:
        # Runs of one value are what sparse files are made of.
        if part.count(part[:1]) == len(part):
            self._counts[part[0]] += len(part)
        else:
            self._counts.update(part)

    def _end_block(self) -> None:
        value = bits(self._counts)
        self._blocks.append(value)
        self._levels.append(
            Level.CONSTANT if len(self._counts) < 2
            else Level.LOW if value < _LOW
            else Level.HIGH if value >= _HIGH
            else Level.MIDDLE
        )  # fmt: skip
        self._whole.update(self._counts)
        self._counts = Counter()

    def result(self) -> Entropy:
        """What was measured; the meter is at its end then."""
        if self._counts:
            self._end_block()
        whole = bits(self._whole) if self._whole else None
        return Entropy(whole, self._block, tuple(self._blocks), tuple(self._areas()), self._block > COUNTED)

    def _areas(self) -> list[Area]:
        areas: list[Area] = []
        for index, (level, value) in enumerate(zip(self._levels, self._blocks, strict=True)):
            start = index * self._block
            length = min(self._block, self._at - start)
            last = areas[-1] if areas else None
            if last is not None and last.level is level:
                least, most = min(last.least, value), max(last.most, value)
                areas[-1] = Area(last.offset, last.length + length, level, least, most)
            else:
                areas.append(Area(start, length, level, value, value))
        return areas
