"""The ring of an .evt file as a straight line of bytes, and the walk from record to record along it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from parsers.evt.decode import LEVELS, Fixed, read_fixed, read_names
from parsers.evt.structs import FIXED_RECORD_SIZE, PADDING, SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_SIZE = 256 << 10
# The format bounds a record only by the file. No record of this size is known; it bounds what one record can take.
MAX_RECORD_SIZE = (1 << 24) - 1
MIN_RECORD_SIZE = FIXED_RECORD_SIZE + 4

HEAD_FORMAT = struct.Struct("<II")  # EVENTLOGRECORD.Length, .Reserved
_SIGNATURE_NUMBER = int.from_bytes(SIGNATURE, "little")
_SIZE_FORMAT = struct.Struct("<I")
# The last byte of a size that is not above MAX_RECORD_SIZE, and the signature: four bytes alone are found in any text.
_MARK = b"\0" + SIGNATURE


def read_at(stream: BinaryIO, offset: int, count: int) -> bytes:
    """`count` bytes at `offset`, fewer only where the stream ends; OSError as the stream raises it."""
    stream.seek(offset)
    data = stream.read(count)
    while len(data) < count and (more := stream.read(count - len(data))):
        data += more
    return data


@dataclass(frozen=True, slots=True)
class Ring:
    """The bytes `first` to `last` of a stream, read round from `origin`: position 0 is `origin`, and all are positive.

    `cut` says that the stream ends before the ring did. What lies before the seam and what lies behind it are then
    joined only where the sizes of a record prove that they belong together.
    """

    stream: BinaryIO
    first: int
    last: int
    origin: int
    cut: bool = False

    @property
    def length(self) -> int:
        """Bytes of the ring."""
        return self.last - self.first

    @property
    def seam(self) -> int:
        """Position of the ring's end in the stream, where reading goes on at `first`."""
        return self.last - self.origin

    def offset(self, position: int) -> int:
        """Offset in the stream."""
        offset = self.origin + position
        return offset if offset < self.last else offset - self.length

    def read(self, position: int, count: int) -> bytes:
        """Bytes from `position` on, joined across the seam; never more than once round."""
        count = max(0, min(count, self.length - position))
        offset = self.offset(position)
        straight = min(count, self.last - offset)
        data = read_at(self.stream, offset, straight)
        if straight < count and len(data) == straight:
            data += read_at(self.stream, self.first, count - straight)
        return data


class Run(NamedTuple):
    """Whole records, one behind the other; none but the last crosses the seam."""

    position: int
    raw: bytes
    starts: list[int]


class Maimed(NamedTuple):
    """A record of which a part is left: its fixed part and both names are sound, its frame is not."""

    position: int
    raw: bytes
    length: int


class Gap(NamedTuple):
    """Bytes from `position` to `end` in which no record was found."""

    position: int
    end: int


class Walk:
    """The records between two positions of a ring, found by their sizes and, behind damage, by their signature.

    A record counts as whole when its signature is there and its size stands at both ends. Reading goes forward in
    windows of `BLOCK_SIZE` (more for a larger record), so memory does not depend on the ring. Time is linear in the
    bytes, whatever they are.
    """

    def __init__(self, ring: Ring, start: int, end: int) -> None:
        self._ring = ring
        self._start = start
        self._end = min(end, ring.length)
        self._window = b""
        self._window_at = start

    def __iter__(self) -> Iterator[Run | Maimed | Gap]:
        """Yield what lies there in order; padding at the seam is passed over in silence."""
        gap: Gap | None = None
        for piece in self._pieces():
            if isinstance(piece, Gap) and gap is not None and gap.end == piece.position:
                gap = Gap(gap.position, piece.end)
                continue
            if gap is not None:
                yield gap
            gap = piece if isinstance(piece, Gap) else None
            if gap is None:
                yield piece
        if gap is not None:
            yield gap

    def _pieces(self) -> Iterator[Run | Maimed | Gap]:
        position = self._start
        while position < self._end:
            run = self._run(position) or self._long_run(position)
            if run:
                yield run
                position += len(run.raw)
            elif self._padding(position):
                position = self._ring.seam
            else:
                found = self._find(position + 1)
                maimed = self._maimed(position, found)
                if maimed:
                    yield maimed
                    position += len(maimed.raw)
                if position < found:
                    yield Gap(position, found)
                position = found

    def _long_run(self, position: int) -> Run | None:
        """Frame again where the first record is whole and only the window did not hold all of it."""
        size = self._record_size(position)
        if not size:
            return None
        joined = self._ring.cut and position < self._ring.seam < position + size
        # Where bytes are missing, a size behind the seam can be that of another record by chance: see what follows it.
        if joined and position + size < self._end and not self._record_size(position + size):
            return None
        return self._run(position, joined=joined) if self._fill(position, size) >= size else None

    def _fill(self, position: int, count: int = 0) -> int:
        self._window = self._ring.read(position, min(max(count, BLOCK_SIZE), self._end - position))
        self._window_at = position
        return len(self._window)

    def _run(self, position: int, *, joined: bool = False) -> Run | None:
        """Frame the whole records from `position` to the end of the window or the seam.

        Over the seam of a cut ring only with `joined`.
        """
        first = position - self._window_at
        if first + MIN_RECORD_SIZE > len(self._window):
            self._fill(position)
            first = 0
        window = self._window
        size = len(window)
        last_start = size - 8
        if position < self._ring.seam:
            seam = self._ring.seam - self._window_at
            last_start = min(last_start, seam - 1)
            if self._ring.cut and not joined:
                size = min(size, seam)
                last_start = min(last_start, size - 8)
        head, closing = HEAD_FORMAT.unpack_from, _SIZE_FORMAT.unpack_from
        starts: list[int] = []
        at = first
        while at <= last_start:
            length, signature = head(window, at)
            behind = at + length
            if (
                signature != _SIGNATURE_NUMBER
                or behind > size
                or length < MIN_RECORD_SIZE
                or closing(window, behind - 4)[0] != length
            ):
                break
            starts.append(at - first)
            at = behind
        return Run(position, window[first:at], starts) if starts else None

    def _padding(self, position: int) -> bool:
        return 0 < self._ring.seam - position < FIXED_RECORD_SIZE and self._ring.read(position, 4) == PADDING

    def _bytes(self, position: int, count: int) -> bytes:
        """Bytes of the window where it holds them, else of the ring; the window stays."""
        count = max(0, min(count, self._end - position))
        at = position - self._window_at
        if at >= 0 and at + count <= len(self._window):
            return self._window[at : at + count]
        return self._ring.read(position, count)

    def _record_size(self, position: int) -> int:
        """Size of the whole record at `position`; 0 where there is none."""
        length = self._framed_size(position)
        return length if length and self._bytes(position + 4, 4) == SIGNATURE else 0

    def _framed_size(self, position: int) -> int:
        raw = self._bytes(position, 4)
        if len(raw) < 4:
            return 0
        length: int = _SIZE_FORMAT.unpack(raw)[0]
        if not MIN_RECORD_SIZE <= length <= min(MAX_RECORD_SIZE, self._end - position):
            return 0
        return length if self._bytes(position + length - 4, 4) == raw else 0

    def _find(self, position: int) -> int:
        """Next position of a whole or plausible record, else the end."""
        while position + MIN_RECORD_SIZE <= self._end:
            at = position - self._window_at
            if at + MIN_RECORD_SIZE > len(self._window):
                if self._fill(position) < MIN_RECORD_SIZE:
                    return self._end
                at = 0
            hit = self._window.find(_MARK, at + 3)
            if hit < 0:
                # The last seven bytes can be the start of a size and signature that the next window completes.
                position = max(position + 1, self._window_at + len(self._window) - 7)
                continue
            position = self._window_at + hit - 3
            head = self._bytes(position, FIXED_RECORD_SIZE)
            if len(head) < FIXED_RECORD_SIZE:
                return self._end
            if _plausible(read_fixed(head)) or self._record_size(position):
                return position
            position += 1
        return self._end

    def _maimed(self, position: int, found: int) -> Maimed | None:
        """What is left of a damaged record at `position`, when the next one begins at `found`.

        Accepted with one part of its frame broken: signature, or size at the front, or size at the end, the last also
        where its tail was overwritten or cut off.
        """
        room = found - position
        head = self._bytes(position, FIXED_RECORD_SIZE)
        if len(head) < FIXED_RECORD_SIZE or room < MIN_RECORD_SIZE:
            return None
        fixed = read_fixed(head)
        if head[4:8] != SIGNATURE and not self._framed_size(position):
            return None
        length = fixed.length
        if not _plausible(fixed):
            fixed = fixed._replace(length=room)
            if room > MAX_RECORD_SIZE or not _plausible(fixed):
                return None
            length = room
        if self._ring.cut and position < self._ring.seam:
            room = min(room, self._ring.seam - position)
        raw = self._ring.read(position, min(length, room))
        names_end = fixed.user_sid_offset if fixed.user_sid_length else fixed.string_offset
        if read_names(raw[FIXED_RECORD_SIZE:names_end]) is None:
            return None
        return Maimed(position, raw, length)


def _plausible(fixed: Fixed) -> bool:
    """Whether the fields fit each other, so that bytes without a sound frame may be taken for a record."""
    room = fixed.length - 4
    names_end = fixed.user_sid_offset if fixed.user_sid_length else fixed.string_offset
    return (
        fixed.event_type in LEVELS
        and MIN_RECORD_SIZE <= fixed.length <= MAX_RECORD_SIZE
        and FIXED_RECORD_SIZE < names_end <= fixed.string_offset <= room
        and fixed.user_sid_offset + fixed.user_sid_length <= fixed.string_offset
        and (not fixed.data_length or fixed.string_offset <= fixed.data_offset <= room - fixed.data_length)
    )
