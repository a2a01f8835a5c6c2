"""One chunk of an .evtx: find its records, live and left over, and decode them.

A chunk survives: a header whose checksum, free space or record range is wrong or older than the records; a missing
header; records whose size is damaged (the next record is searched); a cut end; the remains of older records behind
the free space. Each is reported as a `Problem`, and no record that can be found is dropped.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

from parsers.evtx.records import RecordDecoder
from parsers.evtx.structs import (
    CHUNK_HEADER,
    CHUNK_HEADER_SIZE,
    CHUNK_SIGNATURE,
    CHUNK_SIZE,
    RECORD_HEADER,
    RECORD_HEADER_SIZE,
    RECORD_MIN_SIZE,
    RECORD_SIGNATURE,
    RECORD_SIGNATURE_VALUE,
    FileFlag,
)
from parsers.evtx.templates import COMPILE_AFTER, TemplateStore
from parsers.problems import Problem, ProblemKind
from parsers.records import Decoded, EventRecord

# Templates compiled in this process; what they give depends on the chunk alone.
_STORE = TemplateStore()
_NO_FLAGS = FileFlag(0)
_MAX_IDENTIFIERS = CHUNK_SIZE // RECORD_MIN_SIZE


class ChunkHeaderFields(NamedTuple):
    """What the header of a chunk says, and whether its checksum holds."""

    first_number: int
    last_number: int
    first_identifier: int
    last_identifier: int
    free_space: int
    records_checksum: int
    intact: bool


def read_chunk_header(data: bytes) -> ChunkHeaderFields | None:
    """The header of the chunk that `data` begins with; None where there is no signature or not enough bytes."""
    if len(data) < CHUNK_HEADER_SIZE or not data.startswith(CHUNK_SIGNATURE):
        return None
    _, first_number, last_number, first, last, _, _, free, records_crc, _, crc = CHUNK_HEADER.unpack_from(data)
    intact = zlib.crc32(data[128:CHUNK_HEADER_SIZE], zlib.crc32(data[:120])) == crc
    return ChunkHeaderFields(first_number, last_number, first, last, free, records_crc, intact)


class _Span(NamedTuple):
    """Where one record lies in its chunk. `sound`: both copies of its size agree."""

    start: int
    end: int
    number: int
    written: int
    sound: bool


@dataclass(frozen=True, slots=True)
class EvtxChunk:
    """A chunk as it was cut from its stream: everything that decoding needs, and nothing else.

    Attributes:
        data: up to 64 KiB; fewer where the file ends or the next chunk begins early.
        offset: of `data` in the stream.
        live: False for a chunk that the log no longer counts among its own: its records are recovered ones.
        flags: of the file header.
        compile_after: see `RecordDecoder`.
    """

    data: bytes
    offset: int
    live: bool = True
    flags: FileFlag = _NO_FLAGS
    compile_after: int = COMPILE_AFTER

    @property
    def size(self) -> int:
        """Bytes of the chunk."""
        return len(self.data)

    def decode(self) -> Decoded:
        """Every record of the chunk in the order of the bytes, and the chunk's damage."""
        return _ChunkDecoder(self).decode()


class _ChunkDecoder:
    def __init__(self, chunk: EvtxChunk) -> None:
        self._chunk = chunk
        self._data = chunk.data
        self._decoder = RecordDecoder(chunk.data, _STORE, compile_after=chunk.compile_after)
        self._records: list[EventRecord] = []
        self._problems: list[Problem] = []
        self._searched = (0, -1)  # from where `_find` searched last, and what it found

    def decode(self) -> Decoded:
        header = read_chunk_header(self._data)
        if header is None:
            self._slack(0)
            if self._records:
                self._problem(ProblemKind.BAD_HEADER, 0, len(self._data), "records without a chunk header")
            return Decoded(self._records, self._problems)
        free = self._check(header)
        end = self._live(header, free)
        if self._chunk.flags & FileFlag.DIRTY and self._chunk.live:
            end = self._continuation(header, end)
        self._slack(end)
        return Decoded(self._records, self._problems)

    def _problem(self, kind: ProblemKind, start: int, end: int, detail: str) -> None:
        self._problems.append(Problem(kind, self._chunk.offset + start, end - start, detail))

    def _check(self, header: ChunkHeaderFields) -> int:
        """Report what the header gets wrong; the offset behind the last live record, as far as it can be believed."""
        data, size = self._data, len(self._data)
        checked = not self._chunk.flags & FileFlag.NO_CRC32
        if checked and not header.intact:
            self._problem(ProblemKind.BAD_CHECKSUM, 0, CHUNK_HEADER_SIZE, "checksum of the chunk header")
        free = header.free_space
        if not CHUNK_HEADER_SIZE <= free <= CHUNK_SIZE:
            self._problem(ProblemKind.BAD_HEADER, 48, 52, f"free space at {free}, outside the chunk")
            return size
        if free <= size and checked and zlib.crc32(data[CHUNK_HEADER_SIZE:free]) != header.records_checksum:
            self._problem(ProblemKind.BAD_CHECKSUM, CHUNK_HEADER_SIZE, free, "checksum of the chunk's records")
        return min(free, size)

    def _live(self, header: ChunkHeaderFields, free: int) -> int:
        """Decode the records up to the free space; returns where they end."""
        first, last = header.first_identifier, header.last_identifier
        believed = 0 <= last - first < _MAX_IDENTIFIERS
        at, broken = CHUNK_HEADER_SIZE, False
        while at < free:
            if not broken:
                base = self._chunk.offset
                records, at = self._decoder.sound_records(at, free, base, recovered=not self._chunk.live)
                self._records += records
                if at >= free:
                    break
            span = self._span_at(at, free)
            if span is None:
                found = self._find(at + 1, free)
                if found is None:
                    self._lost(at, free)
                    break
                self._lost(at, found)
                at, broken = found, True
                continue
            # Behind a break, a number outside the chunk's own range shows a block of another time. An unbroken
            # chain of records from the chunk's start is live whatever the numbers are: merged logs keep foreign ones.
            foreign = broken and believed and not first <= span.number <= last
            self._record(span, recovered=foreign or not self._chunk.live)
            at, broken = span.end, broken or not span.sound
        return max(at, free)

    def _lost(self, start: int, end: int) -> None:
        if self._data.count(0, start, end) != end - start or end - start >= RECORD_MIN_SIZE:
            self._problem(ProblemKind.LOST_RANGE, start, end, "no record can be found here")

    def _span_at(self, at: int, limit: int) -> _Span | None:
        """The record whose signature is at `at`; its end is searched where its size cannot be right."""
        data = self._data
        if at + RECORD_HEADER_SIZE > len(data):
            return None
        signature, size, number, written = RECORD_HEADER.unpack_from(data, at)
        if signature != RECORD_SIGNATURE_VALUE:
            return None
        end = at + size
        # A record that two equal copies of its size enclose is whole, even where it ends behind the stated free space.
        if size >= RECORD_MIN_SIZE and end <= len(data) and data[end - 4 : end] == data[at + 4 : at + 8]:
            return _Span(at, end, number, written, sound=True)
        following = self._find(at + RECORD_HEADER_SIZE, limit)
        stop = limit if following is None else following
        # Right before the next record stands the copy of the true size, where it was the first one that was damaged.
        copied = int.from_bytes(data[stop - 4 : stop], "little") == stop - at
        if size < RECORD_MIN_SIZE or end > limit or stop < end or copied:
            end = stop
        return _Span(at, end, number, written, sound=False)

    def _find(self, start: int, limit: int) -> int | None:
        """Offset of the next whole record that begins before `limit`: signature, size, and its copy at the end.

        The last answer is kept: in a chunk full of broken records each one asks, and all get the same answer.
        """
        data = self._data
        since, at = self._searched
        if not since <= start <= at:
            since, at = start, data.find(RECORD_SIGNATURE, start)
            while at >= 0:
                size = int.from_bytes(data[at + 4 : at + 8], "little")
                end = at + size
                if size >= RECORD_MIN_SIZE and end <= len(data) and data[end - 4 : end] == data[at + 4 : at + 8]:
                    break
                at = data.find(RECORD_SIGNATURE, at + 1)
            if at < 0:
                at = len(data)
            self._searched = (since, at)
        return at if at < limit else None

    def _continuation(self, header: ChunkHeaderFields, at: int) -> int:
        """Records that follow the counted ones without a gap, in a log in use: the header is older than they."""
        start, number = at, header.last_identifier
        while (span := self._span_at(at, len(self._data))) and span.sound and span.number == number + 1:
            self._record(span, recovered=False)
            at, number = span.end, span.number
        if at > start:
            self._problem(ProblemKind.STALE_HEADER, start, at, f"{number - header.last_identifier} records not counted")
        return at

    def _slack(self, at: int) -> None:
        """Decode the whole records that older contents of the chunk left behind."""
        while (found := self._find(at, len(self._data))) is not None:
            span = self._span_at(found, len(self._data))
            if span is None:
                break
            self._record(span, recovered=True)
            at = span.end

    def _record(self, span: _Span, *, recovered: bool) -> None:
        offset = self._chunk.offset + span.start
        end = span.end - 4 if span.sound else span.end
        record, faults = self._decoder.decode(
            span.start + RECORD_HEADER_SIZE, end, offset, span.number, span.written, recovered=recovered
        )
        self._records.append(record)
        if not span.sound:
            faults = [*faults, "its size and the copy of it differ: values near its end may be foreign bytes"]
        if faults:
            detail = f"record {span.number}: {'; '.join(faults[:4])}"
            kind = ProblemKind.REMAINS if recovered else ProblemKind.BAD_RECORD
            self._problem(kind, span.start, span.end, detail)
