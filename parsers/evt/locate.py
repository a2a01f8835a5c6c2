"""Where the live records of an .evt file begin and end: by its header, its end-of-file record, or neither."""

from __future__ import annotations

import heapq
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from parsers.evt.ring import BLOCK_SIZE, HEAD_FORMAT, MAX_RECORD_SIZE, MIN_RECORD_SIZE, Ring, read_at
from parsers.evt.structs import (
    EOF_RECORD_MAGIC,
    EOF_RECORD_SIZE,
    FIXED_RECORD_SIZE,
    FLAG_ARCHIVE_SET,
    FLAG_DIRTY,
    FLAG_LOGFULL_WRITTEN,
    FLAG_WRAP,
    HEADER_SIZE,
    PADDING,
    SIGNATURE,
)
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_FORMAT = struct.Struct("<I4s10I")
EOF_FORMAT = struct.Struct("<10I")

# Hostile files can hold any number of end-of-file records; so many of the most likely ones are looked at.
_MAX_CANDIDATES = 64
# How far behind MaxSize records are looked for, before what lies there is taken for foreign bytes.
_GROWTH_PROBE = 1 << 16


@dataclass(frozen=True, slots=True)
class EvtHeader:
    """What is known of the log as a whole, healed: where the header was stale, the end-of-file record's values.

    Attributes:
        size: bytes of the stream.
        dirty, wrapped, full, archived: the header's flags as stored; None where there is no header.
        retention: the header's retention in seconds, as stored; None where there is no header.
        first_offset: offset of the oldest live record; None where nothing tells.
        eof_offset: offset behind the newest live record; None where nothing tells.
        oldest_record_number: 0 in an empty log; None where nothing tells.
        next_record_number: number of the next record to be written; None where nothing tells.
        healed: these values are not the header's own.
    """

    size: int
    dirty: bool | None = None
    wrapped: bool | None = None
    full: bool | None = None
    archived: bool | None = None
    retention: int | None = None
    first_offset: int | None = None
    eof_offset: int | None = None
    oldest_record_number: int | None = None
    next_record_number: int | None = None
    healed: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read the file.

    Attributes:
        header: the facts.
        ring: the bytes to read, position 0 being the oldest record.
        live_end: position behind the newest live record, where leftovers may begin; None where only the record numbers
            can tell.
        problems: what was found wrong on the way.
        cut: to be reported if live records turn out to be damaged at the ring's end; the file is shorter than MaxSize,
            which is no damage where nothing is missing.
    """

    header: EvtHeader
    ring: Ring
    live_end: int | None
    problems: tuple[Problem, ...]
    cut: Problem | None = None


class _Stored(NamedTuple):
    start_offset: int
    end_offset: int
    current_record_number: int
    oldest_record_number: int
    max_size: int
    flags: int
    retention: int


class _End(NamedTuple):
    """An end of the log, as an end-of-file record at `offset` (or the header) states it."""

    offset: int
    begin_record: int
    end_record: int
    current_record_number: int
    oldest_record_number: int


def locate(stream: BinaryIO, size: int) -> Layout:
    """Find the live part of the log in a stream of `size` bytes. Never raises for damage; OSError as the stream does.

    In this order:

    1. A clean header whose end-of-file record stands where it says and repeats its values, or (copies made by the
       backup functions) whose newest record ends there.
    2. The end-of-file record found by scanning the whole file. Of several, those count that state their own offset and
       are tied to a record (the oldest one begins where they say, or the newest one ends where they stand); failing
       these, any whose newest record ends where they stand. Of the ones that count, the highest next record number
       wins, since the service numbers upwards. At most 64 are compared.
    3. A header without any end-of-file record: live is what follows the oldest record while the numbers rise.
    4. Neither: nothing is known to be live, and all records are leftovers.

    Where the log's own end-of-file record is destroyed and one of an earlier lap is not, the log seems to end there;
    the newer records are then found as leftovers.
    """
    stored = _stored_header(stream)
    last = _ring_end(stream, size, stored)
    problems: list[Problem] = []
    if stored is None:
        problems.append(Problem(ProblemKind.BAD_HEADER, 0, min(size, HEADER_SIZE), "there is no file header"))
    if last - HEADER_SIZE >= MIN_RECORD_SIZE or (stored is not None and last > HEADER_SIZE):
        probe = _Probe(stream, last)
        end = _end_of_header(probe, stored) if stored is not None else None
        healed = end is None
        others = 0
        if end is None:
            end, others = _scan(probe, trusted_only=stored is None)
        if end is not None:
            return _known(probe, size, stored, end, problems, others if healed else None)
        if stored is not None:
            return _open_ended(probe, size, stored, problems)
    if stored is not None:
        if stored.max_size > size:
            problems.append(_truncated(size, stored))
        empty = _facts(size, stored, None, healed=False)
        return Layout(empty, Ring(stream, HEADER_SIZE, HEADER_SIZE, HEADER_SIZE), 0, tuple(problems))
    return Layout(EvtHeader(size), Ring(stream, 0, size, 0), 0, tuple(problems))


def _stored_header(stream: BinaryIO) -> _Stored | None:
    raw = read_at(stream, 0, HEADER_SIZE)
    if len(raw) < HEADER_SIZE:
        return None
    size, signature, _major, _minor, *values, end_size = HEADER_FORMAT.unpack(raw)
    # One of the two sizes may be damaged: the signature alone also stands in every record.
    if signature != SIGNATURE or HEADER_SIZE not in {size, end_size}:
        return None
    return _Stored._make(values)


def _ring_end(stream: BinaryIO, size: int, stored: _Stored | None) -> int:
    """End of the ring: MaxSize where the file is longer and no records lie behind it, else the end of the file."""
    if stored is None or not HEADER_SIZE + MIN_RECORD_SIZE <= stored.max_size < size:
        return size
    behind = read_at(stream, stored.max_size, min(_GROWTH_PROBE, size - stored.max_size))
    return size if SIGNATURE in behind or EOF_RECORD_MAGIC in behind else stored.max_size


class _Probe:
    """Questions about single places of the ring behind the header."""

    def __init__(self, stream: BinaryIO, last: int) -> None:
        self.stream = stream
        self.last = last

    def inside(self, offset: int) -> bool:
        return HEADER_SIZE <= offset < self.last

    def ring(self, origin: int) -> Ring:
        return Ring(self.stream, HEADER_SIZE, self.last, origin)

    def end_record(self, offset: int, raw: bytes = b"") -> _End | None:
        """The end-of-file record at `offset`, be it split by the ring's end; `raw` is what is known of its bytes."""
        if len(raw) < EOF_RECORD_SIZE:
            raw = self.ring(offset).read(0, EOF_RECORD_SIZE)
        if len(raw) < EOF_RECORD_SIZE or not raw.startswith(EOF_RECORD_MAGIC):
            return None
        *_magic, begin, end, current, oldest, _size = EOF_FORMAT.unpack(raw)
        return _End(offset, begin, end, current, oldest)

    def record_number_at(self, offset: int) -> int | None:
        """Number of the record that begins at `offset`, by its signature."""
        raw = self.ring(offset).read(0, 12) if self.inside(offset) else b""
        return int.from_bytes(raw[8:], "little") if len(raw) == 12 and raw[4:8] == SIGNATURE else None

    def record_number_before(self, offset: int) -> int | None:
        """Number of the record that ends at `offset`, or ends before the padding that does."""
        ring = self.ring(offset)
        position = ring.length
        tail = ring.read(max(0, position - FIXED_RECORD_SIZE), FIXED_RECORD_SIZE)
        if offset == HEADER_SIZE:
            # Padding fills less than the fixed part of a record, so the loop is short.
            while tail.endswith(PADDING):
                tail = tail[: -len(PADDING)]
                position -= len(PADDING)
        size = int.from_bytes(tail[-4:], "little")
        if not MIN_RECORD_SIZE <= size <= min(position, MAX_RECORD_SIZE):
            return None
        raw = ring.read(position - size, 12)
        if len(raw) < 12 or HEAD_FORMAT.unpack_from(raw) != (size, int.from_bytes(SIGNATURE, "little")):
            return None
        return int.from_bytes(raw[8:], "little")

    def begins(self, end: _End) -> bool:
        """Whether the oldest record begins where `end` says; in an empty log, whether it says that."""
        if end.begin_record == end.offset:
            return end.oldest_record_number in {0, end.current_record_number}
        return self.record_number_at(end.begin_record) == end.oldest_record_number

    def ends(self, end: _End) -> bool:
        """Whether the newest record ends where `end` stands."""
        newest = (end.current_record_number - 1) & 0xFFFFFFFF
        return self.record_number_before(end.offset) == newest


def _end_of_header(probe: _Probe, stored: _Stored) -> _End | None:
    """The end that the header states, if it is clean and the bytes there agree."""
    # A copy without end-of-file record may end with its newest record, at the end of the ring.
    in_ring = probe.inside(stored.end_offset) or stored.end_offset == probe.last
    if stored.flags & FLAG_DIRTY or not in_ring or not probe.inside(stored.start_offset):
        return None
    stated = _End(
        stored.end_offset,
        stored.start_offset,
        stored.end_offset,
        stored.current_record_number,
        stored.oldest_record_number,
    )
    record = probe.end_record(stored.end_offset)
    if record is not None:
        return record if record == stated else None
    if probe.ends(stated) and probe.record_number_at(stated.offset) != stated.current_record_number:
        return stated
    return None


def _candidates(probe: _Probe) -> Iterator[_End]:
    """Every end-of-file record of the ring, in the order of the file; the one split by the ring's end comes last."""
    overlap = len(EOF_RECORD_MAGIC) - 1
    at = HEADER_SIZE
    while at < probe.last:
        window = read_at(probe.stream, at, min(BLOCK_SIZE, probe.last - at))
        hit = window.find(EOF_RECORD_MAGIC)
        while hit >= 0:
            if end := probe.end_record(at + hit, window[hit : hit + EOF_RECORD_SIZE]):
                yield end
            hit = window.find(EOF_RECORD_MAGIC, hit + len(EOF_RECORD_MAGIC))
        if len(window) < BLOCK_SIZE:
            break
        at += len(window) - overlap
    for start in range(max(HEADER_SIZE, probe.last - overlap), probe.last):
        if end := probe.end_record(start):
            yield end


def _scan(probe: _Probe, *, trusted_only: bool) -> tuple[_End | None, int]:
    """The end-of-file record that is the log's, and how many others there are."""
    best: list[tuple[bool, int, int, _End]] = []
    count = 0
    for end in _candidates(probe):
        count += 1
        entry = (end.end_record == end.offset, end.current_record_number, end.offset, end)
        if len(best) < _MAX_CANDIDATES:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    ranked: list[tuple[bool, int, int, _End]] = []
    for own_offset, number, offset, end in best:
        trusted = own_offset and (probe.begins(end) or probe.ends(end))
        if trusted or (not trusted_only and probe.ends(end)):
            ranked.append((trusted, number, offset, end))
    if not ranked:
        return None, count
    return max(ranked)[3], count - 1


def _known(
    probe: _Probe, size: int, stored: _Stored | None, end: _End, problems: list[Problem], others: int | None
) -> Layout:
    """The layout for a known end; `others` is None when the header stated it."""
    first = end.begin_record
    if not probe.begins(end):
        if stored is not None and probe.record_number_at(stored.start_offset) == end.oldest_record_number:
            first = stored.start_offset
        elif not probe.inside(first):
            first = HEADER_SIZE
    healed = stored is None or (stored.start_offset, stored.end_offset, *stored[2:4]) != (
        first,
        end.offset,
        end.current_record_number,
        end.oldest_record_number,
    )
    if healed and stored is not None:
        more = f", of {others + 1} such records the newest" if others else ""
        text = (
            f"the header says next record {stored.current_record_number}, end at {stored.end_offset}; the end-of-file "
            f"record found at {end.offset} says {end.current_record_number}{more}"
        )
        problems.append(Problem(ProblemKind.STALE_HEADER, 0, HEADER_SIZE, text))
    cut = _truncated(size, stored) if stored is not None and stored.max_size > size else None
    ring = Ring(probe.stream, HEADER_SIZE, probe.last, first, cut=cut is not None)
    live_end = (end.offset - first) % ring.length
    if not live_end and end.begin_record != end.offset:
        live_end = ring.length
    found = end._replace(begin_record=first)
    return Layout(_facts(size, stored, found, healed=healed), ring, live_end, tuple(problems), cut)


def _open_ended(probe: _Probe, size: int, stored: _Stored, problems: list[Problem]) -> Layout:
    first = stored.start_offset if probe.inside(stored.start_offset) else HEADER_SIZE
    if probe.record_number_at(first) is None:
        first = HEADER_SIZE
    cut = max(stored.max_size, stored.end_offset) > size
    if cut:
        problems.append(_truncated(size, stored))
    else:
        kind = ProblemKind.STALE_HEADER if stored.flags & FLAG_DIRTY else ProblemKind.BAD_HEADER
        text = "there is no end-of-file record where the header says, nor elsewhere; live is what has rising numbers"
        problems.append(Problem(kind, 0, HEADER_SIZE, text))
    ring = Ring(probe.stream, HEADER_SIZE, probe.last, first, cut=cut)
    return Layout(_facts(size, stored, None, healed=True), ring, None, tuple(problems))


def _truncated(size: int, stored: _Stored) -> Problem:
    whole = max(stored.max_size, stored.end_offset)
    return Problem(ProblemKind.TRUNCATED, size, 0, f"the file ends after {size} of {whole} bytes")


def _facts(size: int, stored: _Stored | None, end: _End | None, *, healed: bool) -> EvtHeader:
    flags = stored.flags if stored is not None else None
    return EvtHeader(
        size=size,
        dirty=None if flags is None else bool(flags & FLAG_DIRTY),
        wrapped=None if flags is None else bool(flags & FLAG_WRAP),
        full=None if flags is None else bool(flags & FLAG_LOGFULL_WRITTEN),
        archived=None if flags is None else bool(flags & FLAG_ARCHIVE_SET),
        retention=None if stored is None else stored.retention,
        first_offset=None if end is None else end.begin_record,
        eof_offset=None if end is None else end.offset,
        oldest_record_number=None if end is None else end.oldest_record_number,
        next_record_number=None if end is None else end.current_record_number,
        healed=healed,
    )
