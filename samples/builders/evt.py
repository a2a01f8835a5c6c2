"""A writer of .evt logs (Windows NT to Server 2003), in the states in which such logs are found.

Layout: Microsoft, "Event Log File Format" (win32 documentation, eventlog), and libevt, "Windows Event Log (EVT)
format". Where the last string or data ends on a multiple of four, real records have four bytes of padding all the same.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samples.builders.evtx_values import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER_SIZE, END_RECORD_SIZE, FIXED_SIZE = 0x30, 0x28, 0x38
FLAG_DIRTY, FLAG_WRAPPED, FLAG_FULL, FLAG_ARCHIVE = 0x1, 0x2, 0x4, 0x8
PADDING = struct.pack("<I", 0x27)
ALLOCATION = 0x10000  # a log that has not wrapped grows by 64 KiB
_HEADER = struct.Struct("<I4s10I")
_END_RECORD = struct.Struct("<10I")
_RECORD = struct.Struct("<I4sIIIIHHHHIIIIII")


@dataclass(frozen=True, slots=True)
class EvtEvent:
    """One event. Times are Unix seconds; `type` is 1 error, 2 warning, 4 information, 8 and 16 audits, 0 success."""

    number: int
    generated: int
    written: int
    event_id: int
    source: str
    computer: str
    strings: tuple[str, ...] = ()
    qualifiers: int = 0
    type: int = 4
    category: int = 0
    sid: bytes = b""
    data: bytes = b""


def record(event: EvtEvent) -> bytes:
    """Bytes of one record; ValueError for a text that holds a NUL, struct.error for a number that fits no field."""
    texts = (event.source, event.computer, *event.strings)
    if any("\0" in text for text in texts):
        raise ValueError("a text of a record ends at its NUL")
    names = b"".join(encoded(text) + b"\0\0" for text in texts[:2])
    strings = b"".join(encoded(text) + b"\0\0" for text in event.strings)
    sid_at = FIXED_SIZE + len(names)
    strings_at = sid_at + len(event.sid)
    data_at = strings_at + len(strings)
    end = data_at + len(event.data)
    size = end + 4 - end % 4 + 4
    fixed = _RECORD.pack(
        size,
        b"LfLe",
        event.number,
        event.generated,
        event.written,
        event.qualifiers << 16 | event.event_id,
        event.type,
        len(event.strings),
        event.category,
        0,
        0,
        strings_at,
        len(event.sid),
        sid_at,
        len(event.data),
        data_at,
    )
    return (fixed + names + event.sid + strings + event.data).ljust(size - 4, b"\0") + struct.pack("<I", size)


@dataclass(frozen=True, slots=True)
class _State:
    """What a header and an end-of-file record say of a log."""

    oldest_at: int = HEADER_SIZE
    end_at: int = HEADER_SIZE
    following: int = 1
    oldest: int = 0
    wrapped: bool = False


class _Ring:
    """The area behind the header. Positions count on without end; where one lies in the file is `place`."""

    def __init__(self, maximum_size: int) -> None:
        self.area = maximum_size - HEADER_SIZE
        self.buffer = bytearray(self.area)
        self.end = 0
        self.live: deque[tuple[int, int]] = deque()  # (position, number)
        self.following = 1

    def place(self, position: int) -> int:
        return HEADER_SIZE + position % self.area

    def add(self, event: EvtEvent) -> None:
        raw = record(event)
        left = self.area - self.end % self.area
        if left < FIXED_SIZE:
            # The fixed part of a record is never divided.
            self._make_room(self.end + left)
            self.put(self.end, PADDING * (left // 4))
            self.end += left
        if len(raw) + END_RECORD_SIZE > self.area:
            raise ValueError("the event does not fit in the log")
        self._make_room(self.end + len(raw) + END_RECORD_SIZE)
        self.put(self.end, raw)
        self.live.append((self.end, event.number))
        self.end += len(raw)
        self.following = event.number + 1
        self.put(self.end, self.end_record())

    def _make_room(self, upto: int) -> None:
        while self.live and upto - self.live[0][0] > self.area:
            self.live.popleft()

    def put(self, position: int, raw: bytes) -> None:
        at = position % self.area
        head = raw[: self.area - at]
        self.buffer[at : at + len(head)] = head
        self.buffer[: len(raw) - len(head)] = raw[len(head) :]

    def state(self) -> _State:
        if not self.live:
            return _State(self.place(self.end), self.place(self.end), self.following)
        position, number = self.live[0]
        wrapped = self.end + END_RECORD_SIZE > self.area
        return _State(self.place(position), self.place(self.end), self.following, number, wrapped)

    def end_record(self) -> bytes:
        now = self.state()
        marks = (0x11111111, 0x22222222, 0x33333333, 0x44444444)
        fields = (now.oldest_at, now.end_at, now.following, now.oldest)
        return _END_RECORD.pack(END_RECORD_SIZE, *marks, *fields, END_RECORD_SIZE)


def build(
    events: Iterable[EvtEvent],
    *,
    maximum_size: int = 0x80000,
    closed_after: int | None = None,
    full: bool = False,
    archived: bool = False,
    retention: int = 0,
) -> bytes:
    """A log of the events, given in the order in which they were written.

    When they need more than `maximum_size` the oldest are overwritten, as a log service set to overwrite does; what of
    them is not covered stays as slack. ValueError for a `maximum_size` that is no multiple of four or holds no record.

    Args:
        events: what is logged.
        maximum_size: where the ring turns, header included.
        closed_after: None for a clean log; else a log in use, whose header is that of the last clean close, after so
            many events, and is marked dirty.
        full: the service could not write an event, for the log may not overwrite.
        archived: a log saved to a file: it ends with its end-of-file record, and its archive flag is set.
        retention: seconds for which records may not be overwritten, as the header says it.
    """
    if maximum_size % 4 or maximum_size < HEADER_SIZE + FIXED_SIZE + END_RECORD_SIZE:
        raise ValueError("a log's size is a multiple of four and holds at least a record")
    ring = _Ring(maximum_size)
    ring.put(0, ring.end_record())
    head = ring.state()
    for count, event in enumerate(events, 1):
        ring.add(event)
        if closed_after is None or count == closed_after:
            head = ring.state()
    flags = (FLAG_DIRTY if closed_after is not None else 0) | (FLAG_WRAPPED if head.wrapped else 0)
    flags |= (FLAG_FULL if full else 0) | (FLAG_ARCHIVE if archived else 0)
    places = (head.oldest_at, head.end_at, head.following, head.oldest)
    header = _HEADER.pack(HEADER_SIZE, b"LfLe", 1, 1, *places, maximum_size, flags, retention, HEADER_SIZE)
    return header + bytes(ring.buffer[: _used(ring, archived=archived)])


def _used(ring: _Ring, *, archived: bool) -> int:
    """Bytes of the ring that are in the file: all of them once it has turned."""
    need = ring.end + END_RECORD_SIZE
    if need > ring.area:
        return ring.area
    if archived:
        return need
    return min(ring.area, -(-(need + HEADER_SIZE) // ALLOCATION) * ALLOCATION - HEADER_SIZE)
