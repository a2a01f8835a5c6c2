"""Framing of .evtx logs and the damage that a chunk survives, on logs built for the purpose."""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
import zlib
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING

import pyevtx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.evtx import structs
from parsers.evtx.chunk import EvtxChunk, read_chunk_header
from parsers.evtx.reader import EvtxReader, NotEvtxError, read_file_header
from parsers.problems import HARMLESS, Problem, ProblemKind
from parsers.records import Decoded, EventRecord, read_all
from samples.builders.evtx import FLAG_DIRTY, FLAG_FULL, Classic, EvtxEvent, EvtxWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER, CHUNK, CHUNK_HEADER = 4096, 65536, 512
NOON = 128_444_400_000_000_000
SIGNATURE = b"\x2a\x2a\0\0"


def event(number: int, text: str = "") -> EvtxEvent:
    """A classic event that tells its number in every field that it can."""
    strings = (f"event {number}", "", text or "x" * (number % 7))
    return EvtxEvent(NOON + number, "MSExchangeIS", number & 0xFFFF, "Application", "EXNODE1", Classic(strings))


def log(chunks: int = 3, each: int = 4, *, maximum: int | None = None, **closing: int) -> bytes:
    """A log of so many chunks with so many records each, numbered from 1."""
    stream = io.BytesIO()
    writer = EvtxWriter(stream, maximum_chunks=maximum)
    for number in range(1, chunks * each + 1):
        writer.add(event(number))
        if number % each == 0 and number < chunks * each:
            writer.end_chunk()
    writer.close(**closing)
    return stream.getvalue()


def with_texts(*texts: str, flags: int = 0) -> bytes:
    """A log of one chunk with an event for each text."""
    stream = io.BytesIO()
    writer = EvtxWriter(stream)
    for number, text in enumerate(texts, 1):
        writer.add(event(number, text))
    writer.close(flags=flags)
    return stream.getvalue()


def read(data: bytes) -> Decoded:
    return read_all(EvtxReader(data))


def numbers(decoded: Decoded, *, recovered: bool = False) -> list[int]:
    return [record.record_number for record in decoded.records if record.recovered == recovered]


def kinds(decoded: Decoded) -> list[ProblemKind]:
    return [problem.kind for problem in decoded.problems]


def content(records: list[EventRecord]) -> list[EventRecord]:
    """The records without what depends on where and how they were found."""
    return [record._replace(offset=0, recovered=False) for record in records]


def put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def spans(data: bytes) -> list[tuple[int, int]]:
    """First and last byte of each record that its signature and two equal copies of its size show."""
    found, at = [], 0
    while (at := data.find(SIGNATURE, at)) >= 0:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if size >= 28 and data[at + size - 4 : at + size] == data[at + 4 : at + 8]:
            found.append((at, at + size))
            at += size
        else:
            at += 1
    return found


def sealed(data: bytes, chunk: int = 0) -> bytes:
    """The log with both checksums of a chunk set right again, and the flags of the file header with theirs."""
    base = HEADER + chunk * CHUNK
    free = int.from_bytes(data[base + 48 : base + 52], "little")
    data = put(data, base + 52, struct.pack("<I", zlib.crc32(data[base + 512 : base + free])))
    crc = zlib.crc32(data[base + 128 : base + 512], zlib.crc32(data[base : base + 120]))
    return put(data, base + 124, struct.pack("<I", crc))


def with_header(data: bytes, *, flags: int | None = None, chunks: int | None = None) -> bytes:
    """The log with other flags or another count, and the checksum that belongs to them."""
    head = data[:128]
    if chunks is not None:
        head = put(head, 42, struct.pack("<H", chunks))
    if flags is not None:
        head = put(head, 120, struct.pack("<I", flags))
    return put(head, 124, struct.pack("<I", zlib.crc32(head[:120]))) + data[128:]


class TestWholeLogs:
    def test_every_record_is_read_in_order(self) -> None:
        """A log without damage gives all its records, live, in order, at the offsets of their signatures."""
        data = log()
        decoded = read(data)
        assert numbers(decoded) == list(range(1, 13))
        assert decoded.problems == []
        assert [record.offset for record in decoded.records] == [start for start, _ in spans(data)]
        assert [record.strings[0] for record in decoded.records] == [f"event {n}" for n in range(1, 13)]

    def test_libevtx_reads_the_same(self) -> None:
        """Numbers, times and identifiers are those that libevtx reads in the same bytes."""
        data = log()
        other = pyevtx.file()
        other.open_file_object(io.BytesIO(data))
        theirs = [other.get_record(i) for i in range(other.number_of_records)]
        assert [(r.identifier, r.get_written_time_as_integer(), r.event_identifier) for r in theirs] == [
            (r.record_number, r.written, r.event_id) for r in read(data).records
        ]
        other.close()

    def test_header_facts(self) -> None:
        """The file header's facts are given as recorded."""
        header = EvtxReader(log(flags=FLAG_DIRTY | FLAG_FULL)).header
        assert header is not None
        assert (header.dirty, header.full, header.no_checksums, header.intact) == (True, True, False, True)
        assert (header.chunks, header.next_record, header.oldest_chunk, header.newest_chunk) == (3, 13, 0, 2)
        assert header.version == (3, 1)

    def test_the_count_of_a_log_above_four_gigabytes(self) -> None:
        """A count of chunks that has overflowed its 16 bits is taken from the newest chunk's number."""
        head = put(log()[:128], 16, struct.pack("<Q", 70_000))
        counted = read_file_header(with_header(head, chunks=70_001 & 0xFFFF))
        assert counted is not None
        assert counted.chunks == 70_001
        foreign = read_file_header(with_header(head, chunks=3))
        assert foreign is not None
        assert foreign.chunks == 3

    def test_chunks_of_zeros_behind_the_last_are_no_damage(self) -> None:
        """Space that the log service allocated ahead is neither a problem nor a record."""
        decoded = read(log(empty_chunks=2))
        assert numbers(decoded) == list(range(1, 13))
        assert decoded.problems == []

    def test_a_circular_log_has_its_last_records(self) -> None:
        """Of a log that went round, the records that were not overwritten are live, whatever their chunk's place."""
        decoded = read(log(chunks=5, each=4, maximum=3))
        assert sorted(numbers(decoded)) == list(range(9, 21))
        assert decoded.problems == []

    def test_slack_of_a_circular_log_is_recovered(self) -> None:
        """Old records behind the free space of a chunk that was overwritten are read and marked recovered."""
        stream = io.BytesIO()
        writer = EvtxWriter(stream, maximum_chunks=1)
        for number in range(1, 9):
            writer.add(event(number, "old"))
        writer.end_chunk()
        writer.add(event(9, "new"))
        writer.close()
        decoded = read(stream.getvalue())
        assert numbers(decoded) == [9]
        left = [r for r in decoded.records if r.recovered]
        # The first old record lies under the new one; names and templates of the others lay in it, or in the new one.
        assert {r.record_number for r in left} >= set(range(4, 9))
        assert [r.offset for r in decoded.records] == sorted(r.offset for r in decoded.records)
        assert set(kinds(decoded)) <= HARMLESS

    def test_a_log_that_was_never_closed(self) -> None:
        """A dirty log whose header counts no chunk is read whole."""
        stream = io.BytesIO()
        writer = EvtxWriter(stream)
        for number in range(1, 4):
            writer.add(event(number))
        writer.end_chunk()
        decoded = read(stream.getvalue())
        assert numbers(decoded) == [1, 2, 3]
        assert kinds(decoded) == [ProblemKind.STALE_HEADER]


class TestHeadersThatLie:
    def test_uncounted_chunks_of_a_log_in_use_are_live(self) -> None:
        """Chunks behind the count of a dirty header are live; one harmless problem says which bytes they are."""
        decoded = read(log(flags=FLAG_DIRTY, counted_chunks=1))
        assert numbers(decoded) == list(range(1, 13))
        (problem,) = decoded.problems
        assert (problem.kind, problem.offset, problem.length) == (
            ProblemKind.STALE_HEADER,
            HEADER + CHUNK,
            2 * CHUNK,
        )

    def test_uncounted_chunks_of_a_clean_log_are_recovered(self) -> None:
        """Chunks behind the count of a clean header are left from before: their records are recovered ones."""
        decoded = read(log(counted_chunks=1))
        assert numbers(decoded) == [1, 2, 3, 4]
        assert numbers(decoded, recovered=True) == list(range(5, 13))

    def test_zeros_between_live_chunks_are_lost_records(self) -> None:
        """Where zeros stand before a live chunk that the header does not count, a chunk is lost there."""
        data = log(flags=FLAG_DIRTY, counted_chunks=1)
        decoded = read(put(data, HEADER + CHUNK, bytes(CHUNK)))
        assert numbers(decoded) == [1, 2, 3, 4, 9, 10, 11, 12]
        assert [(p.kind, p.offset, p.length) for p in decoded.problems if p.kind not in HARMLESS] == [
            (ProblemKind.LOST_RANGE, HEADER + CHUNK, CHUNK)
        ]

    def test_slack_of_a_log_in_use_does_not_continue_it(self) -> None:
        """Old records right behind the last one of a dirty log are recovered ones when their numbers do not go on."""
        stream = io.BytesIO()
        writer = EvtxWriter(stream, maximum_chunks=1)
        for number in range(1, 9):
            writer.add(event(number, "same"))
        writer.end_chunk()
        writer.add(event(9, "same"))
        writer.close(flags=FLAG_DIRTY)
        decoded = read(stream.getvalue())
        assert numbers(decoded) == [9]
        assert numbers(decoded, recovered=True) == list(range(2, 9))

    @pytest.mark.parametrize("span", [(500, 1), (0, 1 << 63), (0, 0xFFFFFFFFFFFFFFFF)])
    def test_a_range_of_numbers_that_no_chunk_has(self, span: tuple[int, int]) -> None:
        """Where the chunk's own range of numbers makes no sense, records behind a break stay live."""
        data = log(chunks=1, each=6)
        start, end = spans(data)[2]
        data = put(put(data, HEADER + 24, struct.pack("<QQ", *span)), start, bytes(end - start))
        assert numbers(read(sealed(data))) == [1, 2, 4, 5, 6]

    def test_old_chunks_behind_a_log_in_use_are_recovered(self) -> None:
        """In a dirty log, a chunk whose identifiers do not go on is of an earlier time."""
        new, old = log(chunks=2), log(chunks=1, each=3)
        data = with_header(new, flags=FLAG_DIRTY, chunks=1) + old[HEADER:]
        decoded = read(data)
        assert numbers(decoded) == list(range(1, 9))
        assert numbers(decoded, recovered=True) == [1, 2, 3]

    def test_a_damaged_header_is_noted_and_not_believed(self) -> None:
        """With a wrong checksum in the file header, chunks that it does not count are live when they go on."""
        data = put(log(counted_chunks=1), 60, b"\1")
        decoded = read(data)
        assert numbers(decoded) == list(range(1, 13))
        assert kinds(decoded) == [ProblemKind.BAD_CHECKSUM, ProblemKind.STALE_HEADER]

    def test_more_chunks_counted_than_there_are(self) -> None:
        """A file that ends before its header says is truncated by so many chunks."""
        data = log()[: HEADER + 2 * CHUNK]
        decoded = read(data)
        assert numbers(decoded) == list(range(1, 9))
        assert decoded.problems == [
            Problem(
                ProblemKind.TRUNCATED,
                len(data),
                CHUNK,
                "the file header counts 3 chunks, the file ends after 2",
            )
        ]

    @pytest.mark.parametrize("missing", [1, 7, 8, 100, 3900])
    def test_bytes_missing_from_the_file_header(self, missing: int) -> None:
        """A first chunk that begins too early, inside the file header's bytes, is read like any other."""
        data = log()
        decoded = read(data[:150] + data[150 + missing :])
        assert numbers(decoded) == list(range(1, 13))
        assert kinds(decoded) == [ProblemKind.BAD_HEADER]

    @pytest.mark.parametrize("start", [HEADER, 100, 4095])
    def test_no_file_header(self, start: int) -> None:
        """Chunks without the file's header, or with the rest of it, are all live."""
        decoded = read(log()[start:])
        assert numbers(decoded) == list(range(1, 13))
        assert ProblemKind.BAD_HEADER in kinds(decoded)

    @pytest.mark.parametrize("data", [b"\0" * 5000, b"not a log", b"ElfFil", b"ElfChn", b"\xff" * 200_000])
    def test_no_log_at_all(self, data: bytes) -> None:
        """Bytes without file header and without chunk are no log; that is an error and no damage."""
        with pytest.raises(NotEvtxError):
            read(data)

    def test_no_bytes(self) -> None:
        """An empty stream is said to be no log at once."""
        with pytest.raises(NotEvtxError):
            EvtxReader(b"")

    def test_a_header_without_chunks(self) -> None:
        """A file header alone is a log without records."""
        assert read(with_header(log()[:HEADER], chunks=0)) == Decoded([], [])

    def test_stale_last_chunk_of_a_log_in_use(self) -> None:
        """Records behind the free space that a dirty log's last chunk states are live; one problem says how many."""
        decoded = read(log(flags=FLAG_DIRTY, stale_last_chunk=True))
        assert numbers(decoded) == list(range(1, 13))
        (problem,) = decoded.problems
        assert problem.kind == ProblemKind.STALE_HEADER
        assert "3 records" in problem.detail

    def test_stale_last_chunk_of_a_clean_log(self) -> None:
        """In a clean log the records behind the free space are recovered ones."""
        decoded = read(log(stale_last_chunk=True))
        assert numbers(decoded) == list(range(1, 10))
        assert numbers(decoded, recovered=True) == [10, 11, 12]
        assert decoded.problems == []


class TestChecksums:
    @pytest.mark.parametrize(("at", "what"), [(126, "header"), (54, "header"), (200, "header")])
    def test_a_wrong_header_checksum_drops_nothing(self, at: int, what: str) -> None:
        """A chunk whose header or header checksum is altered is noted, and all its records are read."""
        data = log()
        place = HEADER + at
        decoded = read(put(data, place, bytes([data[place] ^ 0xFF])))
        assert numbers(decoded) == list(range(1, 13))
        assert ProblemKind.BAD_CHECKSUM in kinds(decoded)
        assert any(what in problem.detail for problem in decoded.problems)

    def test_wrong_records_checksum_drops_nothing(self) -> None:
        """A record that was altered after its chunk was sealed is read as it is, and the chunk is noted."""
        data = log()
        altered = data.replace("event 2".encode("utf-16-le"), "Event 2".encode("utf-16-le"))
        decoded = read(altered)
        assert decoded.records[1].strings[0] == "Event 2"
        assert kinds(decoded) == [ProblemKind.BAD_CHECKSUM]

    def test_a_log_without_checksums(self) -> None:
        """Where the flag says that checksums are not kept, they are not looked at."""
        data = put(log(), HEADER + 52, bytes(4))
        data = put(data, HEADER + 124, bytes(4))
        assert kinds(read(data)).count(ProblemKind.BAD_CHECKSUM) == 2
        assert read(with_header(data, flags=structs.FileFlag.NO_CRC32)).problems == []


class TestMovedBytes:
    @pytest.mark.parametrize("count", [1, 7, 8, 511, 512, 4096, 65_535, 70_000, 140_000])
    @pytest.mark.parametrize("place", [0, 1, 2])
    @pytest.mark.parametrize("flags", [0, FLAG_DIRTY])
    def test_inserted_bytes_only_move_the_chunks(self, count: int, place: int, flags: int) -> None:
        """Bytes before or between chunks cost no record and make none a recovered one."""
        data = log(flags=flags)
        at = HEADER + place * CHUNK
        decoded = read(data[:at] + b"\xee" * count + data[at:])
        assert numbers(decoded) == list(range(1, 13))
        assert content(decoded.records) == content(read(data).records)
        lost = [problem for problem in decoded.problems if problem.kind == ProblemKind.LOST_RANGE]
        assert [(problem.offset, problem.length) for problem in lost] == [(at, count)]

    @pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 504, 511, 512, 513, 5000, 60_000])
    @pytest.mark.parametrize("flags", [0, FLAG_DIRTY])
    def test_missing_bytes_cost_their_own_chunk_at_most(self, count: int, flags: int) -> None:
        """Bytes missing inside a chunk cost nothing of the next one, which begins early, nor what lies before them."""
        data = log(each=20, flags=flags)
        cut = spans(data)[20 + 10][0] + 40
        shorter = data[:cut] + data[cut + count :]
        decoded = read(shorter)
        live = numbers(decoded)
        assert set(range(1, 31)) <= set(live)
        assert set(range(41, 61)) <= set(live)
        assert len(live) == len(set(live))
        first, last = content(read(data).records)[:30], content(read(data).records)[40:]
        assert [r for r in content(decoded.records) if r in first or r in last] == first + last

    def test_a_whole_chunk_missing(self) -> None:
        """Where a whole chunk is missing, the records of the others are read, and the end is said to be missing."""
        data = log()
        decoded = read(data[: HEADER + CHUNK] + data[HEADER + 2 * CHUNK :])
        assert numbers(decoded) == [1, 2, 3, 4, 9, 10, 11, 12]
        assert kinds(decoded) == [ProblemKind.TRUNCATED]

    def test_a_destroyed_signature_recovers_the_records(self) -> None:
        """Records of a chunk whose signature is gone are recovered with their content; the other chunks are as ever."""
        data = log()
        decoded = read(put(data, HEADER + CHUNK, b"\0" * 8))
        assert numbers(decoded) == [1, 2, 3, 4, 9, 10, 11, 12]
        assert numbers(decoded, recovered=True) == [5, 6, 7, 8]
        assert content(decoded.records) == content(read(data).records)
        assert {ProblemKind.LOST_RANGE, ProblemKind.BAD_HEADER} == set(kinds(decoded))

    @pytest.mark.parametrize("crc_breaks", [False, True])
    @pytest.mark.parametrize("flags", [0, structs.FileFlag.NO_CRC32])
    def test_a_chunk_inside_an_event_is_none(self, crc_breaks: bool, flags: int) -> None:
        """The bytes of a chunk with good checksums inside an event's text cut nothing, even where a CRC is wrong."""
        inner = log(1)[HEADER : HEADER + 3000]
        text = inner.decode("utf-16-le", "surrogatepass").replace("\0", "\ufffe")
        raw = text.encode("utf-16-le", "surrogatepass")
        data = with_texts("a", "b" * 2000, "c")
        place = data.find("b".encode("utf-16-le") * 1500)
        data = with_header(sealed(put(data, place, inner)), flags=flags)
        assert read_chunk_header(data[place:]) is not None
        assert len(raw) == 3000
        if crc_breaks:
            data = put(data, data.find("event 3".encode("utf-16-le")), b"E")
        decoded = read(data)
        assert numbers(decoded) == [1, 2, 3]
        assert [r.record_number for r in decoded.records] == [1, 2, 3]
        assert all(problem.kind in HARMLESS for problem in decoded.problems)

    def test_a_signature_in_an_event_is_no_chunk(self) -> None:
        """The eight bytes of a chunk's signature inside an event's text mean nothing."""
        text = b"ElfChnk\0".decode("utf-16-le")
        decoded = read(with_texts("a", text * 50, "c"))
        assert numbers(decoded) == [1, 2, 3]
        assert decoded.problems == []

    def test_a_signature_in_a_broken_event_is_no_chunk(self) -> None:
        """A chunk's signature with any bytes behind it cuts nothing, even where neither checksum nor size holds."""
        text = b"ElfChnk\0".decode("utf-16-le")
        data = with_texts("a", text * 400, "c")
        start, _ = spans(data)[1]
        decoded = read(put(data, start + 4, struct.pack("<I", 77)))
        assert numbers(decoded) == [1, 2, 3]
        assert set(kinds(decoded)) == {ProblemKind.BAD_CHECKSUM, ProblemKind.BAD_RECORD}

    def test_records_inside_an_event_are_none(self) -> None:
        """A whole record inside an event's text is text, as long as the event around it is whole."""
        data = with_texts("a", "b" * 2000, "c")
        start, end = spans(data)[0]
        place = data.find("b".encode("utf-16-le") * 1500)
        decoded = read(sealed(put(data, place, data[start:end])))
        assert [r.record_number for r in decoded.records] == [1, 2, 3]


class TestTruncation:
    def _hold(self, data: bytes, whole: list[EventRecord], cut: int) -> None:
        decoded = read(data[:cut])
        before = [record for record, (_, end) in zip(whole, spans(data), strict=True) if end <= cut]
        live = [record for record in decoded.records if not record.recovered]
        assert live[: len(before)] == before, cut
        # At most the record that the cut goes through may stand behind them, with what is left of it.
        assert len(decoded.records) <= len(before) + 1, cut
        assert any(p.kind == ProblemKind.TRUNCATED for p in decoded.problems) or cut >= len(data), cut
        assert all(0 <= p.offset <= cut for p in decoded.problems), cut

    def test_cut_at_sampled_positions(self) -> None:
        """Wherever the last chunk is cut off, every record that lies before the cut is read, live and unaltered."""
        data = log(chunks=2, each=6)
        whole = read(data).records
        edges = [at + d for start, end in spans(data) for at in (start, end) for d in (-1, 0, 1, 4, 23, 24, 25)]
        start = HEADER + CHUNK
        cuts = {*edges, *range(start, len(data), 997), start + 8, start + 511, start + 512}
        for cut in sorted(c for c in cuts if start <= c < len(data)):
            self._hold(data, whole, cut)

    @pytest.mark.long
    def test_cut_at_every_position(self) -> None:
        """The same for every single position of the last chunk in which records lie."""
        data = log(chunks=2, each=6)
        whole = read(data).records
        for cut in range(HEADER + CHUNK, spans(data)[-1][1] + 600):
            self._hold(data, whole, cut)

    def test_the_cut_record_keeps_what_is_left(self) -> None:
        """A record that the cut goes through keeps its head and the strings before the cut, and is noted as damaged."""
        data = with_texts("a", "first" * 300)
        start, end = spans(data)[1]
        decoded = read(data[: end - 1000])
        last = decoded.records[-1]
        assert (last.record_number, last.offset, last.source, last.event_id) == (2, start, "MSExchangeIS", 2)
        assert last.strings[0] == "event 2"
        assert last.strings[2].startswith("firstfirst")
        assert ProblemKind.BAD_RECORD in kinds(decoded)


class TestDamagedRecords:
    @pytest.mark.parametrize("size", [0, 1, 27, 28, 40, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF, "+4", "-4", "+8"])
    @pytest.mark.parametrize("copy", [False, True])
    def test_one_wrong_size_costs_one_record_at_most(self, size: int | str, copy: bool) -> None:
        """With one of the two sizes of a record wrong, all records around it are live, and it is read and noted."""
        data = log(chunks=1, each=6)
        start, end = spans(data)[2]
        value = size if isinstance(size, int) else end - start + int(size)
        at = end - 4 if copy else start + 4
        decoded = read(sealed(put(data, at, struct.pack("<I", value))))
        assert numbers(decoded) == [1, 2, 3, 4, 5, 6]
        assert decoded.records[2].strings[0] == "event 3"
        assert kinds(decoded) == [ProblemKind.BAD_RECORD]
        assert decoded.problems[0].offset == start

    def test_a_destroyed_record_costs_itself(self) -> None:
        """Where a record is overwritten with zeros, the ones around it are live, and the range is said to be lost."""
        data = log(chunks=1, each=6)
        start, end = spans(data)[2]
        decoded = read(sealed(put(data, start, bytes(end - start))))
        assert numbers(decoded) == [1, 2, 4, 5, 6]
        assert decoded.problems == [Problem(ProblemKind.LOST_RANGE, start, end - start, "no record can be found here")]

    def test_a_record_without_an_event_is_noted(self) -> None:
        """A record whose content was zeroed keeps number and time of its head, and is a damaged record."""
        data = log(chunks=1, each=6)
        start, end = spans(data)[2]
        decoded = read(sealed(put(data, start + 24, bytes(end - start - 28))))
        assert numbers(decoded) == [1, 2, 3, 4, 5, 6]
        assert decoded.records[2].source is None
        assert decoded.records[2].written == NOON + 3
        assert [(p.kind, p.offset) for p in decoded.problems] == [(ProblemKind.BAD_RECORD, start)]

    @pytest.mark.parametrize("at", range(24, 700, 36))
    def test_zeros_in_the_middle_of_a_record_stay_in_it(self, at: int) -> None:
        """Bytes zeroed inside a record cost no other record, and no record is made up."""
        data = log(chunks=1, each=6)
        start, end = spans(data)[3]
        at = min(at, end - start - 20)
        decoded = read(sealed(put(data, start + at, bytes(16))))
        assert numbers(decoded) == [1, 2, 3, 4, 5, 6]
        others = [n for n in range(6) if n != 3]
        whole = read(data).records
        assert [decoded.records[n] for n in others] == [whole[n] for n in others]

    def test_a_block_of_another_time_is_recovered(self) -> None:
        """Behind a break, records with numbers outside the chunk's own range are of another time, so recovered."""
        data, foreign = log(chunks=1, each=8), log(chunks=2, each=8)
        (at, _), (start, _), (_, end) = spans(data)[3], spans(foreign)[9], spans(foreign)[11]
        decoded = read(sealed(put(data, at + 28, foreign[start:end])))
        assert {1, 2, 3, 8} <= set(numbers(decoded)) <= set(range(1, 9))
        assert numbers(decoded, recovered=True) == [10, 11, 12]

    @pytest.mark.parametrize("free", [0, 100, 511, 65_537, 0xFFFFFFFF])
    def test_free_space_outside_the_chunk(self, free: int) -> None:
        """A free space that no chunk can have is noted and not believed."""
        data = put(log(chunks=1), HEADER + 48, struct.pack("<I", free))
        decoded = read(data)
        assert numbers(decoded) == [1, 2, 3, 4]
        assert ProblemKind.BAD_HEADER in kinds(decoded)


class Stretched(io.RawIOBase):
    """A log of any size that is nowhere held: its chunks are one chunk again and again; reads come short."""

    def __init__(self, data: bytes, chunks: int, most: int = 50_000) -> None:
        super().__init__()
        self._head, self._chunk = data[:HEADER], data[HEADER : HEADER + CHUNK]
        self._size = HEADER + chunks * CHUNK
        self._most = most
        self._at = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        left = self._size - self._at
        size = min(size if size >= 0 else left, left, self._most)
        if self._at < HEADER:
            part = self._head[self._at : self._at + size]
        else:
            place = (self._at - HEADER) % CHUNK
            part = self._chunk[place : place + size]
        self._at += len(part)
        return part


class TestBounds:
    def test_short_reads_are_no_ends(self) -> None:
        """A stream that gives fewer bytes than asked for is read on to its end."""
        data = log(chunks=1)
        decoded = read_all(EvtxReader(Stretched(with_header(data, chunks=3), 3, most=1000)))  # type: ignore[arg-type]
        assert numbers(decoded) == [1, 2, 3, 4] * 3
        assert decoded.problems == []

    def test_framing_holds_a_few_chunks_only(self) -> None:
        """Cutting a log of 200 MB into chunks takes less than 2 MB of memory at any time."""
        stream = Stretched(log(chunks=1), 3200)
        tracemalloc.start()
        try:
            count = sum(1 for _ in EvtxReader(stream).blocks())  # type: ignore[arg-type]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 3200
        assert peak < 2 << 20

    def test_a_chunk_survives_pickling(self) -> None:
        """A chunk that went to another process gives the same records and problems."""
        data = put(log(flags=FLAG_DIRTY), HEADER + 52, bytes(4))
        for chunk in EvtxReader(data).blocks():
            again = pickle.loads(pickle.dumps(chunk))  # noqa: S301  # made in the line itself
            assert again == chunk
            assert again.decode() == chunk.decode()

    def test_decoding_twice_gives_the_same(self) -> None:
        """Decoding is a function of the chunk alone, whatever was decoded before."""
        chunks = list(EvtxReader(log()).blocks())
        first = [chunk.decode() for chunk in chunks]
        assert [chunk.decode() for chunk in reversed(chunks)] == first[::-1]

    @pytest.mark.parametrize(("step", "size"), [(12, 36), (12, 28), (16, 0xFFFF), (24, 60), (28, 28), (8, 40)])
    def test_signatures_all_over_a_chunk(self, step: int, size: int) -> None:
        """A chunk full of signatures without records is gone through in time that grows with its bytes."""
        filler = (SIGNATURE + struct.pack("<I", size)).ljust(step, b"\x77") * (CHUNK // step + 1)
        data = log(chunks=1)
        for start in (512, 0):
            chunk = EvtxChunk((data[HEADER : HEADER + 48] + struct.pack("<I", CHUNK)).ljust(start, b"\0")[:start]
                              + filler[: CHUNK - start], HEADER)  # fmt: skip
            began = time.process_time()
            chunk.decode()
            assert time.process_time() - began < 2

    def test_many_small_chunks(self) -> None:
        """A log made of chunk headers alone is framed in time and problems that grow with its bytes."""
        header = log(chunks=1)[HEADER : HEADER + 512]
        data = with_header(log()[:HEADER], flags=FLAG_DIRTY, chunks=0) + b"".join(
            self._numbered(header, n) for n in range(8000)
        )
        began = time.process_time()
        reader = EvtxReader(data)
        assert sum(1 for _ in reader.blocks()) == 8000
        assert time.process_time() - began < 10
        assert len(reader.problems) <= 8001

    @staticmethod
    def _numbered(header: bytes, number: int) -> bytes:
        head = put(header, 8, struct.pack("<4Q", *[number + 1] * 4))
        crc = zlib.crc32(head[128:512], zlib.crc32(head[:120]))
        return put(head, 124, struct.pack("<I", crc))


class TestStructs:
    @pytest.mark.parametrize(
        ("declared", "packed"),
        [
            (structs.FileHeader, structs.FILE_HEADER),
            (structs.ChunkHeader, structs.CHUNK_HEADER),
            (structs.EventRecordHeader, structs.RECORD_HEADER),
            (structs.TemplateDefinitionHeader, structs.TEMPLATE_HEADER),
            (structs.NameHeader, structs.NAME_HEADER),
        ],
    )
    def test_sizes_agree(self, declared: object, packed: struct.Struct) -> None:
        """The declaration of a structure and the format of the hot path are of one size."""
        assert declared.sizeof() == packed.size  # type: ignore[attr-defined]  # construct has no types

    def test_values_agree(self) -> None:
        """Both ways read the same values from the same bytes."""
        data = log(flags=FLAG_FULL)
        chunk = data[HEADER : HEADER + CHUNK]
        template = chunk.find(b"\x0f\1\1\0\x0c\1") + 14
        assert template > 512
        name = int.from_bytes(chunk[template + 24 + 4 + 7 : template + 24 + 4 + 11], "little")
        for declared, packed, raw in (
            (structs.FileHeader, structs.FILE_HEADER, data),
            (structs.ChunkHeader, structs.CHUNK_HEADER, chunk),
            (structs.TemplateDefinitionHeader, structs.TEMPLATE_HEADER, chunk[template:]),
            (structs.NameHeader, structs.NAME_HEADER, chunk[name:]),
        ):
            parsed = declared.parse(raw)
            values = [value for key, value in parsed.items() if key != "_io" and value is not None]
            assert values == list(packed.unpack_from(raw))
        record = structs.EventRecordHeader.parse(chunk[512:])
        signature, *fields = structs.RECORD_HEADER.unpack_from(chunk, 512)
        assert [record.size, record.event_record_identifier, record.written] == fields
        assert signature == structs.RECORD_SIGNATURE_VALUE
        assert struct.pack("<I", signature) == structs.RECORD_SIGNATURE == record.signature


SMALL = log(chunks=2, each=5, flags=FLAG_DIRTY, counted_chunks=1)
BUSY = [at for start, end in spans(SMALL) for at in range(start, end)]


def hold_sane(data: bytes) -> None:
    """What holds of any bytes: no exception but one, problems inside the stream, records at signatures, in order."""
    began = time.process_time()
    try:
        decoded = read(data)
    except NotEvtxError:
        return
    assert time.process_time() - began < 5
    for record in decoded.records:
        assert data[record.offset : record.offset + 4] == SIGNATURE
    assert all(a.offset < b.offset for a, b in pairwise(decoded.records))
    for problem in decoded.problems:
        assert 0 <= problem.offset <= len(data), problem
        assert problem.length >= 0, problem


EDITS = st.tuples(
    st.sampled_from(["flip", "set", "delete", "insert", "move", "cut"]),
    st.sampled_from(BUSY) | st.integers(0, len(SMALL) - 1),
    st.binary(min_size=1, max_size=40),
    st.sampled_from(BUSY),
    st.integers(4, 3000) | st.integers(60_000, 70_000),
)


def edited(data: bytes, edit: tuple[str, int, bytes, int, int]) -> bytes:
    """The log with some bytes changed, removed, inserted, or overwritten by others of its own."""
    kind, at, new, start, length = edit
    if kind == "flip":
        return put(data, at, bytes([data[at % len(data)] ^ 1 << length % 8]))
    if kind == "set":
        return put(data, at, new[:8])
    if kind == "delete":
        return (data[:at] + data[at + length :]) or b"\0"
    if kind == "insert":
        return data[:at] + new + data[at:]
    if kind == "move":
        return put(data, at, data[start : start + length])
    return data[: max(at, 1)]


class TestAnyBytes:
    @settings(max_examples=200, deadline=None)
    @given(st.lists(EDITS, min_size=1, max_size=6))
    def test_damage_anywhere_is_survived(self, edits: list[tuple[str, int, bytes, int, int]]) -> None:
        """Whatever happens to the bytes of a log, reading ends soon, without exceptions, with offsets that are true."""
        hold_sane(reduce(edited, edits, SMALL))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=3000), st.booleans(), st.booleans())
    def test_arbitrary_bytes_in_a_chunk_are_survived(self, body: bytes, record: bool, fragment: bool) -> None:
        """Arbitrary bytes as a chunk, as a record of it, or as the binary XML of one, are survived."""
        if record:
            inner = b"\x0f\1\1\0\x0c\1" + body if fragment else body
            size = 28 + len(inner)
            body = SIGNATURE + struct.pack("<IQQ", size, 1, NOON) + inner + struct.pack("<I", size)
        hold_sane(put(SMALL, HEADER + 512, body))

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_one_altered_byte_costs_one_record_at_most(self, choose: st.DataObject) -> None:
        """A byte altered behind the records that define names and templates spoils its own record at most."""
        data = log(chunks=1, each=6)
        start, end = choose.draw(st.sampled_from(spans(data)[2:]))
        at = choose.draw(st.integers(start, end - 1))
        whole = read(data).records
        decoded = read(put(data, at, bytes([data[at] ^ choose.draw(st.integers(1, 255))])))
        others = [record for record in whole if record.offset != start]
        assert [record for record in decoded.records if record.offset != start] == others
        assert not any(record.recovered for record in decoded.records if record.offset != start)


def test_blocks_are_cut_without_reading_ahead() -> None:
    """Framing reads the stream as blocks are taken, never more than a chunk and a header ahead."""
    stream = io.BytesIO(log())
    blocks: Iterator[EvtxChunk] = EvtxReader(stream).blocks()
    next(blocks)
    assert stream.tell() <= HEADER + CHUNK + CHUNK_HEADER
