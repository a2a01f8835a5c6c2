"""Runs of printable characters in any bytes, in ASCII and in UTF-16LE, with their offsets.

What `strings` of the GNU binutils finds, streamed, and with the letters of Western and Central European languages in
UTF-16LE. That a run of printable characters is text is a guess: compressed data has short runs by chance.
"""

from __future__ import annotations

import re
from enum import StrEnum
from heapq import merge
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULT_LENGTH = 4
"""Least characters of a run, as `strings` has it."""
LONGEST = 4096
"""Most characters of one string: a longer run is given in pieces, so that no run can fill the memory."""

# Tab and the printable characters of ASCII; in UTF-16LE also U+00A1 to U+017F but for U+0100, half
# of which could be the end of anything, and the soft hyphen.
_ASCII_UNIT = rb"[\t\x20-\x7e]"
_WIDE_UNIT = rb"(?:[\t\x20-\x7e\xa1-\xac\xae-\xff]\x00|[\x01-\x7f]\x01)"


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
    """Finds the runs of one encoding in a stream that comes block by block."""

    def __init__(self, encoding: Encoding, least: int) -> None:
        self._encoding = encoding
        self._unit = 1 if encoding is Encoding.ASCII else 2
        pattern = _ASCII_UNIT if self._unit == 1 else _WIDE_UNIT
        self._pattern = re.compile(pattern + b"{%d,%d}" % (least, LONGEST))
        self._least = least * self._unit
        self._longest = LONGEST * self._unit
        self._kept = b""
        self._at = 0  # offset of the first byte of `_kept`

    def feed(self, block: bytes, *, last: bool) -> Iterator[FoundString]:
        """The runs that are known to have ended, with this block; with `last` all that are left."""
        # A block of zeros, as in a sparse file, holds nothing and costs next to nothing.
        if not self._kept and not last and not block.strip(b"\0"):
            self._at += len(block)
            return
        data = self._kept + block if self._kept else block
        start = 0
        keep = max(0, len(data) - self._least - self._unit)
        for match in self._pattern.finditer(data):
            size = match.end() - match.start()
            # What reaches the end of the data may go on in the next block, unless it is as long as any can be.
            if not last and match.end() + self._unit > len(data) and size < self._longest:
                keep = min(keep, match.start())
                break
            start = match.end()
            # Numbers of one byte each, of which 1 is the most common, look like letters of U+0101 to U+017F.
            if self._unit == 2 and 2 * match[0][1::2].count(0) < size // 2:
                continue
            yield FoundString(self._at + match.start(), size, self._encoding, match[0].decode(self._encoding))
        keep = len(data) if last else max(start, keep)
        self._at += keep
        self._kept = data[keep:]
        if not self._kept.strip(b"\0"):
            self._at += len(self._kept)
            self._kept = b""


def strings_in(blocks: Iterable[bytes], *, least: int = DEFAULT_LENGTH, start: int = 0) -> Iterator[FoundString]:
    """The runs of at least `least` characters, by offset; forward, in the memory of a block.

    Args:
        blocks: the content, cut anywhere.
        least: characters, from 1 to `LONGEST`.
        start: offset of the first block in the file.
    """
    scanners = [_Scanner(encoding, least) for encoding in Encoding]
    for scanner in scanners:
        scanner._at = start  # noqa: SLF001  (its own module)
    held: list[FoundString] = []
    at = start
    for block in blocks:
        at += len(block)
        yield from _settled(scanners, block, held, at, last=False)
    yield from _settled(scanners, b"", held, at, last=True)


def _settled(
    scanners: list[_Scanner], block: bytes, held: list[FoundString], end: int, *, last: bool
) -> Iterator[FoundString]:
    """What no run that is still open can come before."""
    found = list(merge(held, *(scanner.feed(block, last=last) for scanner in scanners)))
    # An open run began at most a longest one before the end.
    border = end if last else end - 3 * LONGEST
    cut = next((i for i, item in enumerate(found) if item.offset >= border), len(found))
    if last:
        cut = len(found)
    held[:] = found[cut:]
    yield from found[:cut]
