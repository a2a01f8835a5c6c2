"""Sparse members of a tar: files whose holes were not stored.

https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html (old GNU, pax 0.0, 0.1, 1.0)
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import BinaryIO

from parsers.containers.streams import Readable, Window, read_at, read_up_to
from parsers.containers.tarformat import BLOCK, SPARSE_EXTENSION_MORE, number

_MAP_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the stored pieces of a sparse file belong.

    Attributes:
        size: bytes of the whole file.
        starts, lengths: the pieces, ascending, none overlapping another.
        stored_at: where each piece begins in the stored data.
    """

    size: int
    starts: list[int]
    lengths: list[int]
    stored_at: list[int]


def _layout(size: int, pieces: list[tuple[int, int]], stored_from: int, stored: int) -> Layout:
    at, end = stored_from, 0
    layout = Layout(size, [], [], [])
    for start, length in pieces:
        if start < end or length < 0 or start + length > size or at + length > stored:
            raise ValueError("a piece lies outside the file or its data")
        if length:
            layout.starts.append(start)
            layout.lengths.append(length)
            layout.stored_at.append(at)
        at, end = at + length, start + length
    return layout


def old_gnu(block: bytes, stream: BinaryIO, at: int, stored: int, *, extended: bool) -> tuple[Layout, int]:
    """The layout in a GNU header of type S and the extension blocks behind it, and where the data begins.

    ValueError for a map that contradicts itself.
    """
    fields, size = block[386:482], number(block[483:495])
    pieces: list[tuple[int, int]] = []
    while True:
        for entry in range(0, len(fields), 24):
            start, length = number(fields[entry : entry + 12]), number(fields[entry + 12 : entry + 24])
            if start is None or length is None:
                raise ValueError("no number")
            pieces.append((start, length))
        if not extended:
            break
        extension = read_at(stream, at, BLOCK)
        if len(extension) < BLOCK or len(pieces) > _MAP_MAX:
            raise ValueError("cut or too long")
        at += BLOCK
        fields, extended = extension[:504], bool(extension[SPARSE_EXTENSION_MORE])
    if size is None:
        raise ValueError("no size")
    # Unused places of the map are zero, and so may its last piece be that only marks the end.
    return _layout(size, [piece for piece in pieces if piece[1]], 0, stored), at


def from_pax(stated: dict[str, bytes], stream: BinaryIO, at: int, stored: int) -> Layout | None:
    """The layout that pax headers give; None where they give none. ValueError for a map that contradicts itself."""
    text = stated.get("GNU.sparse.realsize") or stated.get("GNU.sparse.size")
    if text is None:
        return None
    if stated.get("GNU.sparse.major") == b"1":
        numbers, length = _map_before_data(stream, at, stored)
    else:
        numbers = [_decimal(part) for part in stated.get("GNU.sparse.map", b"").split(b",") if part]
        length = 0
    pieces = list(zip(numbers[::2], numbers[1::2], strict=False))
    return _layout(_decimal(text), pieces, length, stored)


def _map_before_data(stream: BinaryIO, at: int, stored: int) -> tuple[list[int], int]:
    """Format 1.0: the number of pieces and the pieces, one number a line, before the data in whole blocks."""
    text = read_at(stream, at, min(BLOCK, stored))
    count = 2 * _decimal(text.partition(b"\n")[0])
    if count > 2 * _MAP_MAX:
        raise ValueError("too long")
    while text.count(b"\n") <= count:
        more = read_up_to(stream, BLOCK)
        if not more or len(text) + len(more) > stored:
            raise ValueError("cut")
        text += more
    return [_decimal(line) for line in text.split(b"\n")[1 : count + 1]], len(text)


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise ValueError("no number")
    return int(text)


class SparseFile(Readable):
    """The whole file: stored pieces where they belong, zeros between them."""

    def __init__(self, stored: Window, layout: Layout) -> None:
        super().__init__()
        self._stored = stored
        self._layout = layout
        self.cheap_seek = stored.cheap_seek

    def close(self) -> None:
        """Close the stored data as well."""
        self._stored.close()
        super().close()

    def _end(self) -> int:
        return self._layout.size

    def _give(self, count: int) -> bytes:
        layout = self._layout
        count = min(count, layout.size - self._at)
        if count <= 0:
            return b""
        before = bisect_right(layout.starts, self._at) - 1
        inside = self._at - layout.starts[before] if before >= 0 else 0
        if before >= 0 and inside < layout.lengths[before]:
            self._stored.seek(layout.stored_at[before] + inside)
            return self._stored.read(min(count, layout.lengths[before] - inside)) or b""
        following = layout.starts[before + 1] if before + 1 < len(layout.starts) else layout.size
        return bytes(min(count, following - self._at))
