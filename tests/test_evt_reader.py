"""The ring of an .evt file in every state in which it is found: which records, where, and what is said of damage."""

from __future__ import annotations

import io
import pickle
import struct

import pyevt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.evt.reader import EvtHeader, EvtReader, NotEvtError
from parsers.evt.ring import BLOCK_SIZE
from parsers.evt.structs import (
    ELF_EOF_RECORD,
    ELF_LOGFILE_HEADER,
    EVENTLOGRECORD,
    FLAG_ARCHIVE_SET,
    FLAG_DIRTY,
    FLAG_LOGFULL_WRITTEN,
    FLAG_WRAP,
    PADDING,
)
from parsers.problems import ProblemKind
from parsers.records import read_all

HEADER, FIXED, EOF = 48, 56, 40


def record(number, text="text"):
    """A record with one string, as long as the text makes it."""
    names = "Src\0NODE1\0".encode("utf-16-le")
    body = f"{text}\0".encode("utf-16-le")
    behind = FIXED + len(names) + len(body)
    padding = -behind % 4
    fields = {
        "Length": behind + padding + 4, "RecordNumber": number, "TimeGenerated": number, "TimeWritten": number,
        "EventID": 1, "EventType": 4, "NumStrings": 1, "EventCategory": 0, "ReservedFlags": 0,
        "ClosingRecordNumber": 0, "StringOffset": FIXED + len(names), "UserSidLength": 0, "UserSidOffset": 0,
        "DataLength": 0, "DataOffset": behind,
    }  # fmt: skip
    return EVENTLOGRECORD.build(fields) + names + body + b"\0" * padding + struct.pack("<I", behind + padding + 4)


class Log:
    """A writer of rings for these tests: it puts records where it is told and forgets nothing that it overwrites."""

    def __init__(self, size=4096, at=HEADER, fill=b"\0"):
        self.bytes = bytearray(fill * size)
        self.size, self.at, self.first = size, at, at
        self.offsets = {}
        self.oldest = 0
        self.next = 1

    def put(self, offset, raw):
        straight = min(len(raw), self.size - offset)
        self.bytes[offset : offset + straight] = raw[:straight]
        self.bytes[HEADER : HEADER + len(raw) - straight] = raw[straight:]
        end = offset + len(raw)
        return end if end < self.size else end - self.size + HEADER

    def write(self, raw, *, pad=True):
        if pad and self.size - self.at < FIXED:
            self.bytes[self.at :] = PADDING * ((self.size - self.at) // 4)
            self.at = HEADER
        number = int.from_bytes(raw[8:12], "little")
        self.offsets[number] = self.at
        if not self.oldest:
            self.oldest, self.first = number, self.at
        self.at = self.put(self.at, raw)
        self.next = number + 1
        return self

    def forget(self, number):
        """The service drops all records before this one."""
        self.oldest, self.first = number, self.offsets[number]
        return self

    def end(self):
        fields = {"BeginRecord": self.first, "EndRecord": self.at, "CurrentRecordNumber": self.next}
        self.put(self.at, ELF_EOF_RECORD.build(fields | {"OldestRecordNumber": self.oldest}))
        return self

    def head(self, flags=0, **fields):
        values = {
            "MajorVersion": 1, "MinorVersion": 1, "StartOffset": self.first, "EndOffset": self.at,
            "CurrentRecordNumber": self.next, "OldestRecordNumber": self.oldest, "MaxSize": self.size,
            "Flags": flags, "Retention": 0,
        }  # fmt: skip
        self.bytes[:HEADER] = ELF_LOGFILE_HEADER.build(values | fields)
        return self

    def close(self, flags=0, **fields):
        return bytes(self.end().head(flags, **fields).bytes)


def numbered(first, last, text="text"):
    return [record(n, text) for n in range(first, last + 1)]


def log_of(records, size=4096, at=HEADER, **options):
    log = Log(size, at, **options)
    for raw in records:
        log.write(raw)
    return log


def outline(data):
    """Numbers and offsets of the live and of the recovered records, and the problems."""
    records, problems = read_all(EvtReader(data))
    live = [(r.record_number, r.offset) for r in records if not r.recovered]
    recovered = [(r.record_number, r.offset) for r in records if r.recovered]
    return live, recovered, problems


def kinds(problems):
    return [p.kind for p in problems]


def peer_numbers(data):
    """What libevt finds: (number, offset) of its live records."""
    peer = pyevt.file()
    peer.open_file_object(io.BytesIO(data))
    # libevt's records share a cache: each is asked before the next is taken.
    return [(r.identifier, r.offset) for r in (peer.get_record(i) for i in range(peer.number_of_records))]


def test_a_clean_log_is_read_whole():
    """Every record of a clean log comes in order, without a problem, and the header is taken as it is."""
    log = log_of(numbered(1, 20))
    data = log.close()
    live, recovered, problems = outline(data)
    assert live == list(log.offsets.items()) == peer_numbers(data)
    assert (recovered, problems) == ([], [])
    assert EvtReader(data).header == EvtHeader(
        4096, False, False, False, False, 0, 48, log.at, 1, 21, healed=False
    )  # fmt: skip


def test_the_flags_are_facts():
    """Full, wrapped and archived are said as the header has them."""
    flags = FLAG_WRAP | FLAG_LOGFULL_WRITTEN | FLAG_ARCHIVE_SET
    header = EvtReader(log_of(numbered(1, 3)).close(flags)).header
    assert (header.dirty, header.wrapped, header.full, header.archived) == (False, True, True, True)


@pytest.mark.parametrize("flags", [0, FLAG_DIRTY])
def test_an_empty_log_has_no_records_and_no_problem(flags):
    """A log that was just created or cleared is whole."""
    assert outline(Log(1024).close(flags)) == ([], [], [])


def test_a_stale_header_is_healed():
    """The records written after the last close of the log are found by the end-of-file record, and it is said."""
    log = log_of(numbered(1, 5))
    log.head(FLAG_DIRTY)
    for raw in numbered(6, 9):
        log.write(raw)
    log.end()
    live, recovered, problems = outline(bytes(log.bytes))
    assert [n for n, _ in live] == list(range(1, 10))
    assert recovered == []
    assert [(p.kind, p.offset, p.length) for p in problems] == [(ProblemKind.STALE_HEADER, 0, 48)]
    header = EvtReader(bytes(log.bytes)).header
    assert (header.eof_offset, header.next_record_number, header.healed) == (log.at, 10, True)


def test_a_dirty_flag_alone_is_no_problem():
    """A log in use whose header was just flushed is read without complaint."""
    live, _, problems = outline(log_of(numbered(1, 5)).close(FLAG_DIRTY))
    assert (len(live), problems) == (5, [])


@pytest.mark.parametrize("flags", [FLAG_WRAP, FLAG_WRAP | FLAG_DIRTY])
@pytest.mark.parametrize("pad", [True, False])
def test_a_record_may_cross_the_end_anywhere(flags, pad):
    """With the seam at every multiple of 4 through two records, all records come, joined, each from its place.

    With `pad` the service's rule holds (no fixed part is split); without, even that is split, and is read too.
    libevt reads the same where a record is split; where the seam lies between two (padding or none) it stops there.
    """
    size, one = 2048, len(record(1))
    for shift in range(0, 2 * one + 4, 4):
        log = Log(size, size - 3 * one + shift)
        for raw in numbered(1, 8):
            log.write(raw, pad=pad)
        data = log.close(flags)
        live, recovered, problems = outline(data)
        assert live == list(log.offsets.items())
        assert (recovered, problems) == ([], [])
        assert {tuple(r.strings) for r in read_all(EvtReader(data)).records} == {("text",)}
        if pad:
            before = [(n, o) for n, o in live if o >= live[0][1]]
            split = before[-1][1] + one > size
            assert peer_numbers(data) == (live if split else before)


@pytest.mark.parametrize("dirty", [0, FLAG_DIRTY])
def test_the_end_of_file_record_may_cross_the_end_anywhere(dirty):
    """With the seam at every multiple of 4 through the end-of-file record, the log is whole."""
    size, one = 2048, len(record(1))
    for shift in range(0, EOF + 4, 4):
        log = log_of(numbered(1, 5), size, size - EOF - 5 * one + shift)
        header = {"EndOffset": HEADER, "CurrentRecordNumber": 1} if dirty else {}
        live, recovered, problems = outline(log.close(FLAG_WRAP | dirty, **header))
        assert live == list(log.offsets.items())
        assert recovered == []
        assert kinds(problems) == ([ProblemKind.STALE_HEADER] if dirty else [])
        assert EvtReader(log.close(FLAG_WRAP | dirty, **header)).header.eof_offset == log.at


def test_the_newest_end_of_file_record_wins():
    """Of end-of-file records left over from earlier laps, and one inside an event's data, the log's own is chosen."""
    log = log_of(numbered(1, 4))
    log.end()
    stale = bytes(log.bytes[log.at : log.at + EOF])
    for raw in numbered(5, 9):
        log.write(raw)
    log.end().head(FLAG_DIRTY, EndOffset=HEADER, CurrentRecordNumber=1)
    far = bytearray(log.bytes)
    far[3000 : 3000 + EOF] = stale  # states another place than its own
    earlier = ELF_EOF_RECORD.build(
        {"BeginRecord": 48, "EndRecord": 3200, "CurrentRecordNumber": 3, "OldestRecordNumber": 1}
    )
    far[3200 : 3200 + EOF] = earlier  # states its own place, and the oldest record begins where it says
    fields = {"BeginRecord": 60, "EndRecord": 3400, "CurrentRecordNumber": 99, "OldestRecordNumber": 1}
    far[3400 : 3400 + EOF] = ELF_EOF_RECORD.build(fields)  # states its own place, and is tied to no record
    live, _, problems = outline(bytes(far))
    assert live == list(log.offsets.items())
    assert kinds(problems) == [ProblemKind.STALE_HEADER]
    assert "of 4 such records the newest" in problems[0].detail


@pytest.mark.parametrize("before", [0, 1, 10, 19, 20, 39, 40])
def test_the_end_of_file_record_is_found_across_windows(before):
    """An end-of-file record that two windows of the search share is found like any other."""
    log = Log(2 << 20)
    while HEADER + BLOCK_SIZE - before - log.at > 400_000:
        log.write(record(log.next, "x" * 100_000))
    # Both ends of the text are odd, so the length is settled by trial.
    missing = HEADER + BLOCK_SIZE - before - log.at
    text = next(t for t in range(missing // 2, 0, -1) if len(record(1, "x" * t)) <= missing)
    log.write(record(log.next, "x" * text))
    data = log.close(FLAG_DIRTY, EndOffset=HEADER, CurrentRecordNumber=1)
    assert abs(log.at - (HEADER + BLOCK_SIZE - before)) < 4
    assert EvtReader(data).header.eof_offset == log.at


def test_a_wrong_clean_flag_is_not_believed():
    """A header that calls itself clean is stale all the same when the next record stands where it says the end is."""
    log = log_of(numbered(1, 5))
    log.head()
    for raw in numbered(6, 9):
        log.write(raw)
    log.end()
    live, _, problems = outline(bytes(log.bytes))
    assert live == list(log.offsets.items())
    assert kinds(problems) == [ProblemKind.STALE_HEADER]


def test_a_wrong_begin_is_corrected_by_the_header():
    """When the end-of-file record misstates where the oldest record begins, the header's word is taken if it fits."""
    log = log_of(numbered(1, 9))
    data = bytearray(log.close(FLAG_DIRTY, CurrentRecordNumber=4))
    data[log.at + 20 : log.at + 24] = (2000).to_bytes(4, "little")
    live, _, problems = outline(bytes(data))
    assert live == list(log.offsets.items())
    assert kinds(problems) == [ProblemKind.STALE_HEADER]


@pytest.mark.parametrize("pad", [0, 4, 52])
def test_the_end_is_known_behind_padding(pad):
    """The newest record ties the end-of-file record to the log across padding, when the oldest one is destroyed."""
    one = len(record(1))
    log = log_of(numbered(1, 3), 2048, 2048 - 3 * one - pad)
    log.bytes[log.size - pad :] = PADDING * (pad // 4)
    log.at = HEADER
    data = bytearray(log.close(FLAG_WRAP | FLAG_DIRTY, CurrentRecordNumber=1))
    data[log.offsets[1] : log.offsets[2]] = bytes(one)
    live, _, problems = outline(bytes(data))
    assert [n for n, _ in live] == [2, 3]
    assert sorted(kinds(problems)) == [ProblemKind.LOST_RANGE, ProblemKind.STALE_HEADER]
    assert EvtReader(bytes(data)).header.next_record_number == 4


def test_leftovers_in_the_slack_are_recovered():
    """Old records between the end-of-file record and the oldest live one come behind the live ones, marked.

    The one that the newest records overwrote in part is passed over, and its loss is no problem.
    """
    log = log_of(numbered(1, 30), 4096)
    before = dict(log.offsets)
    log.oldest, log.at = 0, HEADER + 12
    for raw in numbered(31, 35):
        log.write(raw)
    live, recovered, problems = outline(log.close(FLAG_WRAP))
    assert live == [(n, log.offsets[n]) for n in range(31, 36)]
    assert recovered == [(n, o) for n, o in before.items() if o >= log.at + EOF]
    assert len(recovered) > 20
    assert problems == []


def test_leftovers_may_cross_the_end_too():
    """An old record split by the ring's end is recovered when both its parts are still there."""
    one = len(record(1))
    log = log_of(numbered(1, 6), 2048, 2048 - 2 * one - one // 2 // 4 * 4)
    crossing = dict(log.offsets)
    log.oldest, log.at = 0, 1000
    log.write(record(7))
    live, recovered, problems = outline(log.close())
    assert live == [(7, 1000)]
    assert recovered == list(crossing.items())
    assert problems == []


def test_a_record_whose_tail_was_overwritten_is_kept_as_far_as_it_goes():
    """A leftover with sound names and a foreign tail is given, and said to be damaged."""
    log = log_of(numbered(1, 3))
    log.close()
    data = bytearray(log.bytes)
    cut = record(77, "a long text that is cut")
    data[2000 : 2000 + len(cut) - 20] = cut[:-20]
    live, recovered, problems = outline(bytes(data))
    assert len(live) == 3
    assert recovered == [(77, 2000)]
    assert [(p.kind, p.offset, p.length) for p in problems] == [(ProblemKind.BAD_RECORD, 2000, len(cut))]


@pytest.mark.parametrize("at_ring_end", [False, True])
def test_a_backup_without_end_of_file_record_is_whole(at_ring_end):
    """A clean copy whose header tells where the newest record ends needs no end-of-file record there."""
    log = log_of(numbered(1, 9), HEADER + 9 * len(record(1)) if at_ring_end else 4096)
    if at_ring_end:
        log.at = log.size
    data = bytes(log.head(FLAG_ARCHIVE_SET).bytes)
    live, recovered, problems = outline(data)
    assert live == list(log.offsets.items())
    assert (recovered, problems) == ([], [])


def test_without_any_end_live_is_what_rises():
    """No end-of-file record and a stale header: numbers tell the live records from the leftovers."""
    log = log_of(numbered(40, 60), 4096)
    old = dict(log.offsets)
    log.oldest, log.at = 0, HEADER
    for raw in numbered(61, 65):
        log.write(raw)
    data = bytes(log.head(FLAG_DIRTY, EndOffset=HEADER, CurrentRecordNumber=1).bytes)
    live, recovered, problems = outline(data)
    assert live == [(n, log.offsets[n]) for n in range(61, 66)]
    assert recovered == [(n, o) for n, o in old.items() if o >= log.at]
    assert kinds(problems) == [ProblemKind.STALE_HEADER]
    assert EvtReader(data).header.next_record_number is None


def test_without_any_end_damage_is_said_once():
    """A hole and a damaged record with a wild number, in a log without end, do not end what is live."""
    log = log_of(numbered(1, 9))
    data = bytearray(log.head(FLAG_DIRTY, EndOffset=HEADER, CurrentRecordNumber=1).bytes)
    hole, wild = log.offsets[3], log.offsets[6]
    data[hole : hole + len(record(3))] = bytes(len(record(3)))
    data[wild + 8 : wild + 12] = b"\xff" * 4
    data[log.offsets[7] - 4 : log.offsets[7]] = b"\xee" * 4
    live, recovered, problems = outline(bytes(data))
    assert [n for n, _ in live] == [1, 2, 4, 5, 0xFFFFFFFF, 7, 8, 9]
    assert recovered == []
    said = [(p.kind, p.offset) for p in problems if p.offset]
    assert said == [(ProblemKind.LOST_RANGE, hole), (ProblemKind.BAD_RECORD, wild)]


@pytest.mark.parametrize("before", range(0, 80, 4))
@pytest.mark.parametrize("odd", [0, 1])
def test_a_record_is_found_across_windows(before, odd):
    """A record behind a long hole is found wherever the window that searches for it ends."""
    at = BLOCK_SIZE - before + odd
    _live, recovered, _ = outline(b"\xee" * at + record(1))
    assert recovered == [(1, at)]


def test_a_destroyed_header_does_not_matter_while_the_end_is_there():
    """Without header the end-of-file record gives the same live records, also around the seam."""
    log = log_of(numbered(1, 9), 2048, 1500)
    data = bytes(HEADER) + log.close()[HEADER:]
    live, recovered, problems = outline(data)
    assert live == list(log.offsets.items())
    assert recovered == []
    assert kinds(problems) == [ProblemKind.BAD_HEADER]
    header = EvtReader(data).header
    assert (header.dirty, header.first_offset, header.next_record_number) == (None, 1500, 10)


def test_a_slice_without_header_is_carved():
    """Records in bytes that are no file are found at any offset; nothing says that they are live."""
    one = len(record(1))
    data = b"junk!" + record(1) + b"\xff" * 33 + record(2)
    live, recovered, problems = outline(data)
    assert live == []
    assert recovered == [(1, 5), (2, 38 + one)]
    assert kinds(problems) == [ProblemKind.BAD_HEADER]


@pytest.mark.parametrize("data", [b"", b"LfLe", bytes(100_000), b"no log " * 9000, Log(256).end().bytes[48:]])
def test_what_has_neither_header_nor_record_is_no_log(data):
    """Bytes without a header and without a single record are refused."""
    with pytest.raises(NotEvtError):
        EvtReader(bytes(data))


def test_a_lone_header_is_a_log():
    """A file cut right behind its header is a log without records, and said to be cut."""
    live, recovered, problems = outline(log_of(numbered(1, 9)).close()[:HEADER])
    assert (live, recovered, kinds(problems)) == ([], [], [ProblemKind.TRUNCATED])


@pytest.mark.parametrize("flags", [0, FLAG_DIRTY])
def test_a_cut_file_gives_every_record_before_the_cut(flags):
    """Cut at every byte: whole records are live, a missing one is said, and nothing is made up."""
    log = log_of(numbered(1, 9), 1024)
    data = log.close(flags)
    one = len(record(1))
    for size in range(HEADER, log.at):
        live, recovered, problems = outline(data[:size])
        whole = (size - HEADER) // one
        assert live[:whole] == list(log.offsets.items())[:whole]
        assert live[whole:] in ([], [(whole + 1, HEADER + whole * one)])
        assert recovered == []
        assert kinds(problems).count(ProblemKind.TRUNCATED) == 1
        assert all(p.offset + p.length <= size for p in problems)


def test_a_cut_wrapped_file_keeps_both_parts():
    """When the end of a wrapped ring is missing, what is before the cut and behind the header is live."""
    one = len(record(1))
    for records, at in ((9, 1500), (9, 2048 - 5 * one)):  # the sixth is split by the seam, or begins at the header
        log = log_of(numbered(1, records), 2048, at)
        data = log.close(FLAG_WRAP)
        for size in range(at + one, 2048):
            live, _, problems = outline(data[:size])
            assert all("text".startswith("".join(r.strings)) for r in read_all(EvtReader(data[:size])).records)
            assert kinds(problems).count(ProblemKind.TRUNCATED) == 1
            left = [(n, o) for n, o in log.offsets.items() if o < at or o + one <= size]
            assert [entry for entry in live if entry in left] == left
            assert len(live) - len(left) <= 1  # what is left of the record that was cut


def test_a_destroyed_record_is_a_lost_range():
    """Damage among the live records is said byte for byte, and reading goes on behind it."""
    log = log_of(numbered(1, 9))
    data = bytearray(log.close())
    data[log.offsets[4] : log.offsets[6]] = b"\xee" * (log.offsets[6] - log.offsets[4])
    live, recovered, problems = outline(bytes(data))
    assert live == [(n, o) for n, o in log.offsets.items() if n not in {4, 5}]
    assert recovered == []
    said = [(p.kind, p.offset, p.length) for p in problems]
    assert said == [(ProblemKind.LOST_RANGE, log.offsets[4], log.offsets[6] - log.offsets[4])]


def test_a_loss_across_the_end_is_two_ranges():
    """A lost range that the ring's end cuts is said as the two ranges that it is in the file."""
    one = len(record(1))
    log = log_of(numbered(1, 5), 2048, 2048 - one - 64)
    data = bytearray(log.close(FLAG_WRAP))
    data[log.offsets[2] :] = bytes(64)
    data[HEADER : log.offsets[3]] = bytes(one - 64)
    live, _, problems = outline(bytes(data))
    assert [n for n, _ in live] == [1, 3, 4, 5]
    assert sorted((p.kind, p.offset, p.length) for p in problems) == [
        (ProblemKind.LOST_RANGE, 48, one - 64),
        (ProblemKind.LOST_RANGE, 1984, 64),
    ]


@pytest.mark.parametrize("part", [0, 4, -4])
def test_a_record_with_a_broken_frame_is_kept(part):
    """With its size, its signature or its closing size destroyed, a record is given whole and said to be damaged."""
    log = log_of(numbered(1, 9))
    data = bytearray(log.close())
    at = log.offsets[5 if part >= 0 else 6] + part
    data[at : at + 4] = b"\xee" * 4
    records, problems = read_all(EvtReader(bytes(data)))
    assert [r.record_number for r in records] == list(range(1, 10))
    assert {tuple(r.strings) for r in records} == {("text",)}
    said = [(p.kind, p.offset, p.length) for p in problems]
    assert said == [(ProblemKind.BAD_RECORD, log.offsets[5], len(record(5)))]


def test_a_gap_in_the_numbers_is_no_damage():
    """Records whose numbers jump, with nothing between them, are whole."""
    live, _, problems = outline(log_of([record(1), record(2), record(9)]).close())
    assert ([n for n, _ in live], problems) == ([1, 2, 9], [])


@pytest.mark.parametrize("flags", [FLAG_WRAP, FLAG_WRAP | FLAG_DIRTY])
def test_foreign_bytes_behind_the_ring_are_not_the_ring(flags):
    """A file carved with what follows it wraps where its header says that it ends."""
    log = log_of(numbered(1, 9), 2048, 1500)
    live, recovered, problems = outline(log.close(flags) + b"\xaa" * 5000)
    assert live == list(log.offsets.items())
    assert (recovered, problems) == ([], [])


def test_a_log_that_grew_wraps_at_its_new_end():
    """A header from before the file grew does not make the records behind its size foreign."""
    log = log_of(numbered(1, 9), 2048, 1500)
    live, _, problems = outline(log.close(FLAG_WRAP | FLAG_DIRTY, MaxSize=1024, CurrentRecordNumber=4))
    assert live == list(log.offsets.items())
    assert kinds(problems) == [ProblemKind.STALE_HEADER]


class Meter(io.BytesIO):
    """Bytes that remember how much was asked for at once."""

    most = 0

    def read(self, size=-1, /):
        assert size is not None
        assert size >= 0
        self.most = max(self.most, size)
        return super().read(size)


@pytest.mark.parametrize("flags", [0, FLAG_DIRTY])
def test_a_large_log_is_read_in_blocks(flags):
    """Reading asks for one block at most, blocks decode alone in any order, and a second pass gives the same."""
    raw = numbered(1, 2000, "x" * 900)
    log = log_of(raw, 4 << 20, 3 << 20)
    stream = Meter(log.close(flags | FLAG_WRAP))
    reader = EvtReader(stream)
    blocks = list(reader.blocks())
    assert (4 << 20) // BLOCK_SIZE <= len(blocks) <= 6 * (1 << 20) // BLOCK_SIZE
    assert stream.most <= BLOCK_SIZE
    assert all(len(block.raw) <= BLOCK_SIZE for block in blocks)
    parts = [pickle.loads(pickle.dumps(block)).decode().records for block in reversed(blocks)]  # noqa: S301
    assert [r.record_number for part in reversed(parts) for r in part] == list(range(1, 2001))
    assert [(r.record_number, r.offset) for part in reversed(parts) for r in part] == list(log.offsets.items())
    assert all(part == sorted(part, key=lambda r: r.offset) for part in parts)
    assert list(reader.blocks()) == blocks
    assert reader.problems == []


def test_a_record_larger_than_a_block_is_whole():
    """The window grows for a record that does not fit, and only for that."""
    raw = [record(1), record(2, "y" * 700_000), record(3)]
    log = log_of(raw, 4 << 20, (4 << 20) - 500_000)
    records, problems = read_all(EvtReader(log.close(FLAG_WRAP)))
    assert [len(r.strings[0]) for r in records] == [4, 700_000, 4]
    assert problems == []


def test_problems_are_bounded():
    """Bytes that make a problem of every record do not make a list without end: the rest is counted."""
    maimed = [raw[:-4] + b"\xee" * 4 for raw in numbered(1, 10_050)]
    data = log_of(maimed, 1 << 20).close()
    _live, _, problems = outline(data)
    assert len(problems) == 10_001
    (limit,) = [p for p in problems if p.kind is ProblemKind.LIMIT]
    assert limit.detail == "50 more problems are not listed"


def base_log():
    """A wrapped log with leftovers and a seam through a record, small enough for thousands of runs."""
    log = log_of(numbered(1, 12), 1024 + 48, 300)
    log.forget(8)
    return log.close(FLAG_WRAP)


BASE = base_log()
BYTES = st.one_of(st.binary(max_size=60), st.sampled_from([b"LfLe", BASE[:48], record(5), record(6)[:-9]]))
HARM = st.tuples(st.sampled_from(["cut", "put", "insert", "drop"]), st.integers(0, len(BASE)), BYTES)


@settings(max_examples=400, deadline=None)
@given(st.lists(HARM, min_size=1, max_size=4))
def test_no_damage_breaks_reading(harms):
    """Cut, overwritten, inserted and missing bytes give records that are in the file and problems that lie in it."""
    data = BASE
    for kind, at, raw in harms:
        if kind == "cut":
            data = data[:at]
        elif kind == "put":
            data = data[:at] + raw + data[at + len(raw) :]
        elif kind == "insert":
            data = data[:at] + raw + data[at:]
        else:
            data = data[:at] + data[at + len(raw) :]
    try:
        reader = EvtReader(data)
    except NotEvtError:
        assert data[4:8] != b"LfLe" or len(data) < HEADER or 48 not in {data[0], data[44]}
        return
    problems = []
    seen = set()
    for block in reader.blocks():
        ring = data[block.offset : block.end] + data[HEADER : block.offset]
        assert ring.startswith(block.raw)
        decoded = block.decode()
        problems += decoded.problems
        assert len(decoded.records) == len(block.starts)
        for got, start in zip(decoded.records, block.starts, strict=True):
            assert got.offset == block.offset + start < block.end <= len(data)
            assert got.offset not in seen
            seen.add(got.offset)
            assert got.record_number == int.from_bytes(block.raw[start + 8 : start + 12], "little")
    assert all(0 <= p.offset <= p.offset + p.length <= len(data) for p in problems + reader.problems)


@settings(max_examples=200, deadline=None)
@given(st.integers(48, len(BASE) - 1), st.binary(min_size=1, max_size=1))
def test_one_bad_byte_costs_at_most_one_record(at, byte):
    """Any one byte changed behind the header leaves all live records but the one that it hit."""
    before, _, _ = outline(BASE)
    after, _, _ = outline(BASE[:at] + byte + BASE[at + 1 :])
    assert len({n for n, _ in before} - {n for n, _ in after}) <= 1
