"""Runs of printable characters in any bytes, in ASCII and in UTF-16LE, with their offsets.

What `strings` of the GNU binutils finds, streamed, and in UTF-16LE with the letters of Western European languages. That
a run of printable characters is text is a guess: compressed data has short runs by chance.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULT_LENGTH = 4
"""Least characters of a run, as `strings` has it."""
LONGEST = 4096
"""Most characters of one string: a longer run is given in pieces, so that no run can fill the memory."""

_ZEROS = bytes(1 << 20)

# Each byte by what it can be: a character (1), the upper half of one in UTF-16LE (2), or neither (0). Runs of them are
# then found by a plain search for as many 1s, or pairs of 1 and 2, as a string must have at least.
_ASCII = frozenset({0x09, *range(0x20, 0x7F)})
_LATIN_1 = _ASCII | frozenset(range(0xA1, 0x100)) - {0xAD}  # without the soft hyphen, which is no sign
_ASCII_CLASSES = bytes(value in _ASCII for value in range(256))
_WIDE_CLASSES = bytes(1 if value in _LATIN_1 else 2 if value == 0 else 0 for value in range(256))


class Encoding(StrEnum):
    """How a string's characters are stored."""

    ASCII = "ascii"
    UTF16LE = "utf-16le"


class FoundString(NamedTuple):
    """One run.

    Attributes:
        offset: of its first byte in the file.
        size: bytes it takes there.
        encoding: how it is stored.
        text: its characters.
    """

    offset: int
    size: int
    encoding: Encoding
    text: str


class _Scanner:
    """Finds the runs of one encoding in a stream that comes block by block.

    Attributes:
        encoding: which one.
        at: offset, in the file, of the first byte of what comes next.
    """

    def __init__(self, encoding: Encoding, least: int, start: int = 0) -> None:
        self.encoding = encoding
        self.at = start
        self._unit = 1 if encoding is Encoding.ASCII else 2
        self._classes = _ASCII_CLASSES if self._unit == 1 else _WIDE_CLASSES
        one = b"\x01" if self._unit == 1 else b"\x01\x02"
        self._pattern = re.compile(one * least + b"(?:" + one + b"){0,%d}" % (LONGEST - least))
        self._least = least * self._unit
        self._longest = LONGEST * self._unit
        self._kept = b""

    def feed(self, block: bytes, *, last: bool) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of the runs that are known to have ended, with this block; with `last` of all."""
        data = self._kept + block if self._kept else block
        at = self.at
        start = 0
        keep = max(0, len(data) - self._least - self._unit)
        for match in self._pattern.finditer(data.translate(self._classes)):
            begin, end = match.span()
            # What reaches the end of the data may go on in the next block, unless it is as long as any can be.
            if not last and end + self._unit > len(data) and end - begin < self._longest:
                keep = min(keep, begin)
                break
            start = end
            yield at + begin, data[begin:end]
        keep = len(data) if last else max(start, keep)
        self._kept = data[keep:]
        # Zeros begin no run: what is kept of a sparse file is nothing.
        if not self._kept.strip(b"\0"):
            keep, self._kept = len(data), b""
        self.at = at + keep

    def skip_zeros(self, count: int) -> bool:
        """Pass over so many zero bytes, if nothing is open that they could belong to."""
        if self._kept:
            return False
        self.at += count
        return True


def runs_in(blocks: Iterable[bytes], encoding: Encoding, least: int) -> Iterator[bytes]:
    """The bytes of the runs of one encoding, as `strings_in` finds them, at less cost."""
    scanner = _Scanner(encoding, least)
    for block in blocks:
        if not (_is_zero(block) and scanner.skip_zeros(len(block))):
            for _, raw in scanner.feed(block, last=False):
                yield raw
    for _, raw in scanner.feed(b"", last=True):
        yield raw


def strings_in(blocks: Iterable[bytes], *, least: int = DEFAULT_LENGTH, start: int = 0) -> Iterator[FoundString]:
    """The runs of at least `least` characters, by offset; forward, in the memory of a block.

    Args:
        blocks: the content, cut anywhere.
        least: characters, from 1 to `LONGEST`.
        start: offset of the first block in the file.
    """
    scanners = [_Scanner(encoding, least, start) for encoding in Encoding]
    held: list[FoundString] = []
    at = start
    for block in blocks:
        at += len(block)
        zero = _is_zero(block)
        for scanner in scanners:
            if not (zero and scanner.skip_zeros(len(block))):
                held += _found(scanner, block, last=False)
        if held:
            held.sort(key=_by_offset)
            # A run that is still open began at most a longest one before the end.
            cut = bisect_left(held, at - 3 * LONGEST, key=_by_offset)
            yield from held[:cut]
            del held[:cut]
    for scanner in scanners:
        held += _found(scanner, b"", last=True)
    yield from sorted(held, key=_by_offset)


_by_offset = itemgetter(0)


def _is_zero(block: bytes) -> bool:
    return block == (_ZEROS if len(block) == len(_ZEROS) else bytes(len(block)))


def _found(scanner: _Scanner, block: bytes, *, last: bool) -> Iterator[FoundString]:
    encoding = scanner.encoding
    for offset, raw in scanner.feed(block, last=last):
        yield FoundString(offset, len(raw), encoding, raw.decode(encoding))
