"""One .evt record: what each of its values becomes, and what is said of a value that cannot be."""

from __future__ import annotations

import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.evt.decode import RECORD_FORMAT, EvtBlock, read_fixed
from parsers.evt.locate import EOF_FORMAT, HEADER_FORMAT
from parsers.evt.structs import (
    ELF_EOF_RECORD,
    ELF_LOGFILE_HEADER,
    EOF_RECORD_MAGIC,
    EOF_RECORD_SIZE,
    EVENTLOGRECORD,
    FIXED_RECORD_SIZE,
    HEADER_SIZE,
)
from parsers.problems import ProblemKind
from parsers.records import EventRecord
from parsers.times import iso_utc

SID = bytes.fromhex("01 05 000000000005 15000000 01000000 02000000 03000000 f4010000")


def utf16(text):
    return text.encode("utf-16-le", "surrogatepass")


def record(*, source="FSECCRService", computer="EXNODE1", strings=(), sid=b"", data=b"", text=None, **fields):
    """One EVENTLOGRECORD as the service lays it out; `text` replaces the strings' bytes, `fields` any field."""
    names = utf16(f"{source}\0{computer}\0")
    names += b"\0" * (-len(names) % 4)
    body = text if text is not None else b"".join(utf16(s) + b"\0\0" for s in strings)
    sid_offset = FIXED_RECORD_SIZE + len(names)
    string_offset = sid_offset + len(sid)
    data_offset = string_offset + len(body)
    padding = -(data_offset + len(data)) % 4
    length = data_offset + len(data) + padding + 4
    values = {
        "Length": length, "RecordNumber": 7, "TimeGenerated": 1_199_966_435, "TimeWritten": 1_199_966_436,
        "EventID": 0x4000_24C2, "EventType": 4, "NumStrings": len(strings), "EventCategory": 3, "ReservedFlags": 0,
        "ClosingRecordNumber": 0, "StringOffset": string_offset, "UserSidLength": len(sid),
        "UserSidOffset": sid_offset, "DataLength": len(data), "DataOffset": data_offset,
    }  # fmt: skip
    fixed = EVENTLOGRECORD.build(values | fields)
    return fixed + names + sid + body + data + b"\0" * padding + struct.pack("<I", length)


def decode(raw, **block):
    return EvtBlock(raw, (0,), block.pop("offset", 48), 1 << 20, **block).decode()


def only(raw):
    records, problems = decode(raw)
    assert problems == []
    assert len(records) == 1
    return records[0]


def complaint(raw):
    """The record and what its one problem says, which names its own bytes."""
    records, (problem,) = decode(raw)
    assert (problem.kind, problem.offset, problem.length) == (ProblemKind.BAD_VALUE, 48, len(raw))
    return records[0], problem.detail.split("; ")


@pytest.mark.parametrize(
    ("declared", "hot", "size"),
    [
        (ELF_LOGFILE_HEADER, HEADER_FORMAT, HEADER_SIZE),
        (EVENTLOGRECORD, RECORD_FORMAT, FIXED_RECORD_SIZE),
        (ELF_EOF_RECORD, EOF_FORMAT, EOF_RECORD_SIZE),
    ],
)
def test_the_hot_formats_have_the_sizes_of_the_declarations(declared, hot, size):
    """A struct format and its construct declaration cover the same bytes."""
    assert declared.sizeof() == hot.size == size


@given(st.binary(min_size=56, max_size=56))
def test_the_hot_format_reads_what_the_declaration_reads(noise):
    """Every field of a record has the same value by struct and by construct, whatever the bytes."""
    raw = noise[:4] + b"LfLe" + noise[8:]
    said, fixed = EVENTLOGRECORD.parse(raw), read_fixed(raw)
    assert fixed == (
        said.Length, said.RecordNumber, said.TimeGenerated, said.TimeWritten, said.EventID & 0xFFFF, said.EventID >> 16,
        said.EventType, said.NumStrings, said.EventCategory, said.StringOffset, said.UserSidLength, said.UserSidOffset,
        said.DataLength, said.DataOffset,
    )  # fmt: skip


@given(st.lists(st.integers(0, 0xFFFFFFFF), min_size=7, max_size=7))
def test_header_and_end_formats_read_what_was_declared(numbers):
    """Header and end-of-file record, built by construct, give the same numbers in the same order by struct."""
    names = ("StartOffset", "EndOffset", "CurrentRecordNumber", "OldestRecordNumber", "MaxSize", "Flags", "Retention")
    header = dict(zip(names, numbers, strict=True)) | {"MajorVersion": 1, "MinorVersion": 1}
    assert list(HEADER_FORMAT.unpack(ELF_LOGFILE_HEADER.build(header)))[4:11] == numbers
    names = ("BeginRecord", "EndRecord", "CurrentRecordNumber", "OldestRecordNumber")
    raw = ELF_EOF_RECORD.build(dict(zip(names, numbers[:4], strict=True)))
    assert raw.startswith(EOF_RECORD_MAGIC)
    assert list(EOF_FORMAT.unpack(raw))[5:9] == numbers[:4]


def test_every_field_of_a_record_is_where_it_belongs():
    """A full record gives each value of its bytes, and nothing for what .evt does not have."""
    got = only(record(strings=("a", "b"), sid=SID, data=b"\x01\x02\x03"))
    assert got == EventRecord(
        offset=48, record_number=7, event_record_id=None, generated=got.generated, written=got.written, log=None,
        source="FSECCRService", event_id=9410, qualifiers=0x4000, level=4, raw_type=4, category=3, computer="EXNODE1",
        user_sid="S-1-5-21-1-2-3-500", strings=["a", "b"], data=b"\x01\x02\x03",
    )  # fmt: skip
    assert len(got) == len(EventRecord._fields)
    assert iso_utc(got.generated) == "2008-01-10T12:00:35.000000Z"
    assert iso_utc(got.written) == "2008-01-10T12:00:36.000000Z"


@given(st.integers(0, 0xFFFFFFFF))
def test_no_time_of_32_bits_is_lost(seconds):
    """Times are unsigned seconds, exact up to 2106."""
    got = only(record(TimeGenerated=seconds, TimeWritten=0xFFFFFFFF - seconds))
    assert got.generated == (seconds + 11_644_473_600) * 10_000_000
    assert got.generated + got.written == (0xFFFFFFFF + 2 * 11_644_473_600) * 10_000_000


@pytest.mark.parametrize(("raw_type", "level"), [(1, 2), (2, 3), (4, 4), (0, 4), (8, 0), (16, 0)])
def test_types_become_levels(raw_type, level):
    """Each event type has its level, and stays as stored beside it."""
    got = only(record(EventType=raw_type))
    assert (got.raw_type, got.level) == (raw_type, level)


def test_an_unknown_type_is_kept_and_said():
    """A type that Windows does not have gives no level and one problem."""
    got, said = complaint(record(EventType=3, strings=("x",)))
    assert (got.raw_type, got.level, got.strings) == (3, None, ["x"])
    assert said == ["the event type 3 is none"]


texts = st.text(st.characters(codec=None, exclude_characters="\0"), max_size=20)


@given(st.lists(texts, max_size=8), texts, texts, st.binary(max_size=20), st.sampled_from([b"", SID]))
def test_any_record_comes_back_as_it_was_written(strings, source, computer, data, sid):
    """Strings with lone surrogates, empty strings, empty names and data survive, in order and without a problem."""
    got = only(record(strings=strings, source=source, computer=computer, data=data, sid=sid))
    assert got.strings == strings
    assert (got.source, got.computer, got.data) == (source, computer, data)
    assert got.user_sid == ("S-1-5-21-1-2-3-500" if sid else None)


@pytest.mark.parametrize(
    ("text", "count", "strings", "said"),
    [
        ("a\0b\0", 3, ["a", "b"], "the header counts 3 strings, 2 end with a NUL"),
        ("a\0b", 2, ["a", "b"], "the header counts 2 strings, 1 end with a NUL"),
        ("", 1, [], "the header counts 1 strings, 0 end with a NUL"),
        ("a\0b\0c\0", 2, ["a", "b", "c"], "more text than the 2 strings that the header counts"),
        ("a\0b", 1, ["a", "b"], "more text than the 1 strings that the header counts"),
        ("a\0\0\0b\0", 1, ["a", "", "", "b"], "more text than the 1 strings that the header counts"),
        ("rest", 0, ["rest"], "more text than the 0 strings that the header counts"),
    ],
)
def test_strings_that_do_not_fit_their_count_are_kept_and_said(text, count, strings, said):
    """All text of the strings' area is given, counted or not, and one problem says what does not fit."""
    got, details = complaint(record(text=utf16(text), NumStrings=count))
    assert got.strings == strings
    assert details == [said]


@pytest.mark.parametrize("padding", [1, 2, 3, 4, 6])
def test_zeros_behind_the_strings_are_padding(padding):
    """Bytes of zero between the last NUL and the data are neither strings nor damage."""
    assert only(record(text=utf16("a\0\0") + b"\0" * padding, NumStrings=2)).strings == ["a", ""]


def test_half_a_character_is_said():
    """A byte that is left over behind the strings and is not zero is a problem; the strings are given."""
    got, details = complaint(record(text=utf16("a\0") + b"x", NumStrings=1))
    assert got.strings == ["a"]
    assert details == ["more text than the 1 strings that the header counts"]


@pytest.mark.parametrize("offset", [0, 0xFFFFFFFF])
def test_offsets_of_nothing_may_be_nonsense(offset):
    """Where there is no SID and no data, their offsets are not looked at; the strings come whole."""
    assert only(record(strings=("a", ""), UserSidOffset=offset, DataOffset=offset)).strings == ["a", ""]


@pytest.mark.parametrize("offset", [0, 55, 0x7FFFFFFF])
def test_strings_outside_the_record_are_said(offset):
    """An offset of strings that leads out of the record loses the strings and nothing else."""
    got, details = complaint(record(strings=("a",), StringOffset=offset, data=b"d"))
    assert (got.source, got.computer, got.strings, got.data) == ("FSECCRService", "EXNODE1", [], b"d")
    assert details == ["the 1 strings lie outside the record"]


def test_garbage_is_no_sid():
    """A SID of the wrong revision is None and a problem; the rest of the record stands."""
    got, details = complaint(record(sid=b"\x02" + SID[1:], strings=("a",)))
    assert (got.user_sid, got.strings, got.computer) == (None, ["a"], "EXNODE1")
    assert details == ["the user SID is none"]


def test_a_padded_sid_is_read():
    """Bytes behind a SID that its length includes do not matter, however many."""
    assert only(record(sid=SID + bytes(40_000), strings=("a",))).user_sid == "S-1-5-21-1-2-3-500"


@pytest.mark.parametrize("fields", [{"UserSidOffset": 12}, {"UserSidLength": 0xFFFFFFF0}])
def test_a_sid_outside_the_record_is_said(fields):
    """A SID whose place lies outside the record is None and a problem."""
    got, details = complaint(record(sid=SID, strings=("a",), **fields))
    assert (got.user_sid, got.source) == (None, "FSECCRService")
    assert "the user SID lies outside the record" in details


def test_a_sid_is_not_completed_from_the_next_record():
    """A SID whose length reaches over the end of its record is none, although the bytes behind would do."""
    raw = record(sid=b"\x01\x0f" + SID[2:8], UserSidLength=68)
    records, problems = EvtBlock(raw + record(strings=("a" * 60,)), (0, len(raw)), 48, 4096).decode()
    assert [r.user_sid for r in records] == [None, None]
    assert [p.detail for p in problems] == ["the user SID lies outside the record"]


def test_data_beyond_the_record_are_cut():
    """Data that claim more than the record has are given as far as they go, never from the bytes behind."""
    got, details = complaint(record(data=b"1234", DataLength=0x7FFFFFFF))
    assert got.data == b"1234"
    assert details == ["4 of 2147483647 bytes of data lie inside the record"]


def test_names_without_end_are_kept_and_said():
    """A computer name that runs into the strings' area is given to its end, with a problem."""
    raw = record(source="ABC", computer="DEFGHIJ", strings=("x",))
    raw = raw.replace(utf16("J\0"), utf16("JK"))
    got, details = complaint(raw)
    assert (got.source, got.computer, got.strings) == ("ABC", "DEFGHIJK", ["x"])
    assert details == ["the names of source and computer are not two texts with a NUL each"]


def test_a_block_survives_pickling():
    """A block decodes to the same records and problems in another process."""
    block = EvtBlock(record(strings=("a",)) + record(EventType=9), (0, len(record(strings=("a",)))), 48, 4096, True)
    again = pickle.loads(pickle.dumps(block))  # noqa: S301 - the test's own bytes
    assert again.decode() == block.decode()
    assert [r.recovered for r in again.decode().records] == [True, True]
    assert len(again.decode().problems) == 1


def test_a_problem_ends_with_the_ring():
    """The range of a problem does not reach over the end of the ring."""
    raw = record(EventType=9)
    (problem,) = EvtBlock(raw, (0,), 1000, 1020).decode().problems
    assert (problem.offset, problem.length) == (1000, 20)


@given(st.binary(min_size=60, max_size=200), st.booleans())
def test_no_bytes_make_decoding_raise(noise, maimed):
    """A framed record of any content gives one record, and no values from outside its bytes."""
    size = len(noise) & ~3
    raw = struct.pack("<I", size) + b"LfLe" + noise[8 : size - 4] + struct.pack("<I", size)
    records, _problems = decode(raw, maimed=maimed)
    assert len(records) == 1
    assert len(records[0].data) <= size
    assert sum(map(len, records[0].strings)) <= size
