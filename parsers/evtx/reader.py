"""Cut a stream into the chunks of an .evtx log.

Survives: a stale header (chunks behind its count), no file header at all, bytes before, between or missing from chunks,
a chunk whose signature is gone, a last chunk that is cut off. Reads forward only, two chunks in memory at most.
Work and problems grow with the bytes and no faster, whatever they hold.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from parsers.evtx.chunk import EvtxChunk, read_chunk_header
from parsers.evtx.structs import (
    CHUNK_HEADER_SIZE,
    CHUNK_SIGNATURE,
    CHUNK_SIZE,
    FILE_HEADER,
    FILE_HEADER_SIZE,
    FILE_SIGNATURE,
    RECORD_HEADER,
    RECORD_MIN_SIZE,
    RECORD_SIGNATURE,
    RECORD_SIGNATURE_VALUE,
    FileFlag,
)
from parsers.evtx.templates import COMPILE_AFTER
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

# A chunk that begins too early is known by its whole header, which may reach into the bytes behind this chunk.
_LOOK_AHEAD = CHUNK_HEADER_SIZE - 1
_MAX_COUNT = 0xFFFF
_MAX_CHUNKS = 1 << 32


class NotEvtxError(ValueError):
    """Neither a file header nor a single chunk is in the bytes."""


@dataclass(frozen=True, slots=True)
class EvtxHeader:
    """Facts of the file header, as recorded: a log in use has values of its last clean moment.

    Attributes:
        dirty, full, no_checksums: the flags.
        chunks: number of chunks the header counts.
        next_record: the identifier that the next record will get.
        oldest_chunk, newest_chunk: indexes; the oldest lies behind the newest in a log that has wrapped.
        version: major and minor.
        intact: whether the header's checksum holds.
    """

    dirty: bool
    full: bool
    no_checksums: bool
    chunks: int
    next_record: int
    oldest_chunk: int
    newest_chunk: int
    version: tuple[int, int]
    intact: bool


def read_file_header(data: bytes) -> EvtxHeader | None:
    """The file header in the first 128 bytes of `data`; None where there is none."""
    if len(data) < FILE_HEADER.size or not data.startswith(FILE_SIGNATURE):
        return None
    _, first, last, following, _, minor, major, _, count, _, flags, crc = FILE_HEADER.unpack_from(data)
    if _MAX_COUNT <= last < _MAX_CHUNKS and (last + 1) & _MAX_COUNT == count:
        count = last + 1  # the field has 16 bits; a log of 4 GiB and more overflows it
    return EvtxHeader(
        dirty=bool(flags & FileFlag.DIRTY),
        full=bool(flags & FileFlag.FULL),
        no_checksums=bool(flags & FileFlag.NO_CRC32),
        chunks=count,
        next_record=following,
        oldest_chunk=first,
        newest_chunk=last,
        version=(major, minor),
        intact=zlib.crc32(data[:120]) == crc,
    )


class _Gap(NamedTuple):
    """Bytes that are no chunk. `counted`: the file header counts a chunk in them, or there is none to say."""

    start: int
    length: int
    zeros: bool
    counted: bool


class EvtxReader:
    """Reads one .evtx log from a binary stream or bytes; satisfies `parsers.records.LogReader`.

    Which chunks are live: those the header counts; of a log in use, or whose header is damaged, or in which bytes
    were inserted or are missing, also those behind them whose record identifiers go on rising; all of them where there
    is no header. Records of any other chunk are recovered ones.
    """

    def __init__(self, source: BinaryIO | bytes, *, compile_after: int = COMPILE_AFTER) -> None:
        """Read the file header.

        Raises:
            NotEvtxError: when `blocks` could not find anything either; said at once where the source is empty.
        """
        self._stream = io.BytesIO(source) if isinstance(source, bytes) else source
        self._compile_after = compile_after
        self._pending = self._read(FILE_HEADER_SIZE)
        self.problems: list[Problem] = []
        self.header = read_file_header(self._pending)
        if not self._pending:
            raise NotEvtxError("no bytes")
        self._last_identifier = 0
        self._uncounted: int | None = None  # where in `problems` the one about chunks not counted stands
        self._lost: list[_Gap] = []  # seen since the last chunk
        self._displaced = False  # chunks do not stand where their place in the log says

    def blocks(self) -> Iterator[EvtxChunk]:
        """Yield the chunks in the order of the file.

        Raises:
            NotEvtxError: at the end, when there was neither a file header nor a chunk.
        """
        at, window = 0, self._pending
        if self.header is not None:
            at, window = self._behind_header()
        index = chunks = 0
        while True:
            window += self._read(CHUNK_SIZE + _LOOK_AHEAD - len(window))
            if not window:
                break
            if window.startswith(CHUNK_SIGNATURE):
                data = window[: _cut(window)]
                chunk = self._chunk(data, at, index)
                self._report_gap(behind_is_live=chunk.live)
                yield chunk
                chunks += 1
                index += 1
            else:
                found = window.find(CHUNK_SIGNATURE, 0, CHUNK_SIZE + len(CHUNK_SIGNATURE) - 1)
                data = window[: found if found > 0 else CHUNK_SIZE]
                if RECORD_SIGNATURE in data:
                    yield self._headerless(data, at)
                self._gap(data, at, index)
                if len(data) == CHUNK_SIZE:
                    index += 1  # the place of a chunk; fewer bytes only move the chunks behind them
                else:
                    self._displaced = True
            at += len(data)
            window = window[len(data) :]
        self._end(at, index, chunks)

    def _behind_header(self) -> tuple[int, bytes]:
        """Where the file header ends, and the bytes behind it that were read: early where bytes of it are missing."""
        if self.header is not None and not self.header.intact:
            self._problem(ProblemKind.BAD_CHECKSUM, 0, FILE_HEADER_SIZE, "checksum of the file header")
        window = self._pending + self._read(len(CHUNK_SIGNATURE) - 1)
        end = min(len(window), FILE_HEADER_SIZE)
        found = window.find(CHUNK_SIGNATURE, FILE_HEADER.size)
        if 0 <= found < end or end < FILE_HEADER_SIZE:
            end = found if found >= 0 else end
            self._problem(ProblemKind.BAD_HEADER, 0, end, f"{end} of {FILE_HEADER_SIZE} bytes of the file header")
        return end, window[end:]

    def _read(self, count: int) -> bytes:
        """Up to `count` bytes; fewer only at the end: a raw stream may give fewer at any time."""
        parts = []
        while count > 0 and (part := self._stream.read(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _problem(self, kind: ProblemKind, offset: int, length: int, detail: str) -> None:
        self.problems.append(Problem(kind, offset, length, detail))

    @property
    def _flags(self) -> FileFlag:
        header = self.header
        if header is None:
            return FileFlag.DIRTY
        return (FileFlag.DIRTY if header.dirty else FileFlag(0)) | (
            FileFlag.NO_CRC32 if header.no_checksums else FileFlag(0)
        )

    def _chunk(self, data: bytes, at: int, index: int) -> EvtxChunk:
        fields = read_chunk_header(data)
        if len(data) < CHUNK_SIZE:
            detail = f"{len(data)} of {CHUNK_SIZE} bytes of a chunk"
            self._problem(ProblemKind.TRUNCATED, at + len(data), CHUNK_SIZE - len(data), detail)
            self._displaced = True
        header = self.header
        live = header is None or index < header.chunks
        if fields is not None:
            stale = header is not None and (header.dirty or not header.intact)
            if not live and (stale or self._displaced):
                live = fields.first_identifier > self._last_identifier
                if live and stale:
                    self._not_counted(at, len(data))
            if live and fields.last_identifier < 1 << 63:
                self._last_identifier = max(self._last_identifier, fields.last_identifier)
        return EvtxChunk(data, at, live, self._flags, self._compile_after)

    def _headerless(self, data: bytes, at: int) -> EvtxChunk:
        return EvtxChunk(data, at, live=False, flags=self._flags, compile_after=self._compile_after)

    def _not_counted(self, at: int, length: int) -> None:
        """One problem for all chunks that the header does not count."""
        detail = "chunks that the file header does not count"
        if self._uncounted is None:
            self._uncounted = len(self.problems)
            self._problem(ProblemKind.STALE_HEADER, at, length, detail)
        else:
            first = self.problems[self._uncounted].offset
            self.problems[self._uncounted] = Problem(ProblemKind.STALE_HEADER, first, at + length - first, detail)

    def _gap(self, data: bytes, at: int, index: int) -> None:
        """Remember a place where a chunk should be and is not, as one with the like bytes before it."""
        zeros = data.count(0) == len(data)
        counted = self.header is None or index < self.header.chunks
        if self._lost and self._lost[-1].zeros == zeros:
            last = self._lost[-1]
            self._lost[-1] = last._replace(length=last.length + len(data), counted=last.counted or counted)
        else:
            self._lost.append(_Gap(at, len(data), zeros, counted))

    def _report_gap(self, *, behind_is_live: bool) -> None:
        """Report what was remembered; unused space behind the last chunk is no damage."""
        for gap in self._lost:
            if gap.counted or behind_is_live:
                detail = "all zeros where a chunk should be" if gap.zeros else "no chunk where one should be"
                self._problem(ProblemKind.LOST_RANGE, gap.start, gap.length, detail)
        self._lost.clear()

    def _end(self, size: int, places: int, chunks: int) -> None:
        self._report_gap(behind_is_live=False)
        if self.header is None:
            if not chunks:
                raise NotEvtxError("neither a file header nor a chunk in the bytes")
            self._problem(ProblemKind.BAD_HEADER, 0, FILE_HEADER_SIZE, "no file header")
        elif places < self.header.chunks:
            missing = self.header.chunks - places
            detail = f"the file header counts {self.header.chunks} chunks, the file ends after {places}"
            self._problem(ProblemKind.TRUNCATED, size, missing * CHUNK_SIZE, detail)


def _cut(window: bytes) -> int:
    """Length of the chunk that `window` begins with: less than all where the next one begins too early.

    Then bytes are missing from the chunk. A chunk's signature inside an event's text is no chunk: the header that it
    begins must be intact, the outer chunk must be damaged or have no records there, and no whole record may hold it.
    """
    whole = min(len(window), CHUNK_SIZE)
    found = window.find(CHUNK_SIGNATURE, CHUNK_HEADER_SIZE, CHUNK_SIZE + len(CHUNK_SIGNATURE) - 1)
    if found < 0:
        return whole
    outer = read_chunk_header(window)
    records_end = CHUNK_HEADER_SIZE
    if (
        outer is not None
        and CHUNK_HEADER_SIZE <= outer.free_space <= whole
        and zlib.crc32(window[CHUNK_HEADER_SIZE : outer.free_space]) == outer.records_checksum
    ):
        records_end = outer.free_space
    record_end = CHUNK_HEADER_SIZE
    while found >= 0:
        while record_end <= found and (size := _record_size(window, record_end)):
            record_end += size
        if found >= max(records_end, record_end):
            inner = read_chunk_header(window[found : found + CHUNK_HEADER_SIZE])
            if inner is not None and inner.intact:
                return found
        found = window.find(CHUNK_SIGNATURE, found + 1, CHUNK_SIZE + len(CHUNK_SIGNATURE) - 1)
    return whole


def _record_size(data: bytes, at: int) -> int:
    """Size of the record at `at`, where its two copies agree; else 0."""
    if at + RECORD_MIN_SIZE > len(data):
        return 0
    signature, size, _, _ = RECORD_HEADER.unpack_from(data, at)
    end = at + size
    if signature != RECORD_SIGNATURE_VALUE or size < RECORD_MIN_SIZE or end > len(data):
        return 0
    return size if data[end - 4 : end] == data[at + 4 : at + 8] else 0
