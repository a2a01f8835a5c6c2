"""What .evtx records say: typed values, binary XML, templates, and the two ways of reading them."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import uuid
import zlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import evtx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from parsers.evtx import chunk as chunk_module
from parsers.evtx import templates
from parsers.evtx.binxml import BinXmlError, Element, Names, Sub, TreeParser
from parsers.evtx.reader import EvtxReader
from parsers.evtx.records import RecordDecoder
from parsers.evtx.structs import ValueType
from parsers.evtx.templates import TemplateStore
from parsers.evtx.values import (
    BadValueError,
    array_texts,
    as_filetime,
    as_int,
    filetime_from_iso,
    filetime_text,
    guid_text,
    natural,
    real_text,
    value_text,
)
from parsers.problems import ProblemKind
from parsers.records import Decoded, EventRecord, read_all
from parsers.times import FILETIME_MAX
from samples.builders import evtx_values as v
from samples.builders.evtx import Classic, EvtxEvent, EvtxWriter, Named, UserData
from samples.builders.evtx_templates import ChunkNames, Template
from samples.builders.evtx_templates import Element as Built
from samples.builders.evtx_templates import Sub as Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEADER, CHUNK, CHUNK_HEADER = 4096, 65536, 512
NOON = 128_444_400_000_000_001  # an odd number of ticks: the last digit must not get lost
SID = "S-1-5-21-1004336348-1177238915-682003330-512"
NULL = v.NULL


def log_of(*events: EvtxEvent) -> bytes:
    stream = io.BytesIO()
    with EvtxWriter(stream) as writer:
        for event in events:
            writer.add(event)
    return stream.getvalue()


def named(*values: tuple[str | None, v.Value], **fields: object) -> EvtxEvent:
    return EvtxEvent(NOON, "Provider-X", 4624, "Security", "EXNODE1", Named(values), **fields)  # type: ignore[arg-type]


def classic(strings: Sequence[str] = (), data: bytes = b"", **fields: object) -> EvtxEvent:
    payload = Classic(strings, data)
    return EvtxEvent(NOON, "MSExchangeIS", 9523, "Application", "EXNODE1", payload, **fields)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _fresh_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads with what another one compiled."""
    monkeypatch.setattr(chunk_module, "_STORE", TemplateStore())


def read(data: bytes, compile_after: int = templates.COMPILE_AFTER) -> Decoded:
    return read_all(EvtxReader(data, compile_after=compile_after))


class BothWays(NamedTuple):
    """A log read by the interpreter alone, and by compiled functions wherever there are some."""

    interpreted: Decoded
    compiled: Decoded
    functions: int


def both_ways(data: bytes) -> BothWays:
    before = chunk_module._STORE
    try:
        chunk_module._STORE = TemplateStore()
        interpreted = read(data, 1 << 30)
        assert not any(template.functions for template in chunk_module._STORE._templates.values())
        chunk_module._STORE = TemplateStore()
        for _ in range(3):  # the outermost template is compiled first, and only then the one inside is met
            compiled = read(data, 0)
        functions = sum(len(template.functions) for template in chunk_module._STORE._templates.values())
    finally:
        chunk_module._STORE = before
    return BothWays(interpreted, compiled, functions)


def agreed(data: bytes) -> Decoded:
    """What a log holds, read both ways with one result."""
    ways = both_ways(data)
    assert ways.compiled == ways.interpreted
    assert ways.functions
    return ways.compiled


def only(data: bytes) -> EventRecord:
    """The one record of a log without damage, read both ways with one result."""
    decoded = agreed(data)
    (record,) = decoded.records
    assert decoded.problems == []
    return record


class TestSystem:
    def test_classic_event(self) -> None:
        """A classic event has its header, its System fields and its strings; what it has not is None."""
        record = only(log_of(classic(("a", "b"), qualifiers=0x8004, level=2, task=6, written=NOON + 7)))
        assert record == EventRecord(
            offset=HEADER + CHUNK_HEADER,
            record_number=1,
            event_record_id=1,
            generated=NOON,
            written=NOON + 7,
            log="Application",
            source="MSExchangeIS",
            event_id=9523,
            qualifiers=0x8004,
            level=2,
            raw_type=None,
            category=6,
            computer="EXNODE1",
            user_sid=None,
            strings=["a", "b"],
            keywords=0x0080_0000_0000_0000,
        )

    def test_modern_event(self) -> None:
        """A manifest provider's event has version, opcode, process, thread, activity and user."""
        activity = uuid.UUID("a68ca8b7-004f-d7b6-a698-07e2de0f1f5d")
        record = only(
            log_of(
                named(
                    ("A", v.string("x")),
                    modern=True,
                    version=3,
                    opcode=7,
                    keywords=0x8020_0000_0000_0000,
                    process_id=4_000_000_000,
                    thread_id=12,
                    activity_id=activity,
                    user_sid=v.sid_bytes(SID),
                    provider_guid=activity,
                )
            )
        )
        assert (record.version, record.opcode, record.keywords) == (3, 7, 0x8020_0000_0000_0000)
        assert (record.process_id, record.thread_id, record.user_sid) == (4_000_000_000, 12, SID)
        assert record.activity_id == f"{{{activity}}}"
        assert record.names == ("A",)

    def test_both_record_numbers_are_kept(self) -> None:
        """The number in the record's header and the one inside are each given, also where they differ."""
        record = only(log_of(classic(record_number=7, event_record_id=1 << 40)))
        assert (record.record_number, record.event_record_id) == (7, 1 << 40)

    def test_event_source_name(self) -> None:
        """A provider's classic name stands beside its own."""
        record = only(log_of(classic(("a",), event_source_name="Service Control Manager")))
        assert (record.source, record.event_source_name) == ("MSExchangeIS", "Service Control Manager")

    @pytest.mark.parametrize("ticks", [0, 1, NOON, FILETIME_MAX, (1 << 64) - 1])
    def test_times_are_raw(self, ticks: int) -> None:
        """Times are the 100 ns as stored, even where no calendar holds them."""
        record = only(log_of(EvtxEvent(ticks, "P", 1, "L", "C", Classic(("x",)), written=ticks)))
        assert (record.generated, record.written) == (ticks, ticks)

    def test_the_largest_numbers(self) -> None:
        """Identifiers, qualifiers and keywords at the end of their range are as they are."""
        record = only(
            log_of(
                EvtxEvent(
                    NOON, "P", 0xFFFF, "L", "C", qualifiers=0xFFFF, keywords=(1 << 64) - 1, task=0xFFFF, level=0xFF
                )
            )
        )
        assert (record.event_id, record.qualifiers, record.keywords) == (0xFFFF, 0xFFFF, (1 << 64) - 1)
        assert (record.category, record.level) == (0xFFFF, 0xFF)


class TestStrings:
    @pytest.mark.parametrize(
        "strings",
        [
            (),
            ("",),
            ("", ""),
            ("a", "", "b", ""),
            ("z", "y", "x"),
            ("lone \ud800 surrogate", "\udfff"),
            ("\U0001f512 \u202e", "\x01\x1b[31m", "\r\n\t"),
            tuple(str(n) for n in range(300)),
        ],
    )
    def test_insertion_strings_in_order(self, strings: tuple[str, ...]) -> None:
        """The insertion strings of a classic event are as many, in the order, and as empty as they were logged."""
        record = only(log_of(classic(strings)))
        assert record.strings == list(strings)
        assert record.names is None

    def test_binary_data(self) -> None:
        """The binary data of a classic event stands apart from its strings."""
        record = only(log_of(classic(("a",), bytes(range(256)))))
        assert (record.data, record.strings) == (bytes(range(256)), ["a"])
        record = only(log_of(classic((), b"\0")))
        assert (record.data, record.strings) == (b"\0", [])

    def test_repeated_names(self) -> None:
        """Two values of one name are two values."""
        pairs = [("LogonGuid", "1"), ("LogonGuid", "2"), ("Other", ""), ("LogonGuid", "2")]
        record = only(log_of(named(*((name, v.string(text)) for name, text in pairs))))
        assert record.names == tuple(name for name, _ in pairs)
        assert record.strings == [text for _, text in pairs]

    def test_some_values_without_name(self) -> None:
        """A value without name stands among named ones with None."""
        record = only(log_of(named(("A", v.string("1")), (None, v.string("2")))))
        assert (record.names, record.strings) == (("A", None), ["1", "2"])

    def test_payload_name(self) -> None:
        """The name of EventData is kept."""
        event = EvtxEvent(NOON, "P", 1, "L", "C", Named((("A", v.string("1")),), name="Template1"))
        assert only(log_of(event)).payload == "Template1"

    def test_user_data(self) -> None:
        """Elements below UserData are values named by their element; the element above them is the payload's name."""
        values = (("Group", v.string("CMS1")), ("Node", v.string("")), ("Count", v.number(v.ValueType.INT32, -3)))
        record = only(log_of(EvtxEvent(NOON, "P", 1201, "L", "C", UserData("ClusterEvent", "urn:x", values))))
        assert record.payload == "ClusterEvent"
        assert record.names == ("Group", "Node", "Count")
        assert record.strings == ["CMS1", "", "-3"]

    def test_nul_inside_a_string(self) -> None:
        """A NUL inside a string stays; NULs at its end are its terminator."""
        record = only(log_of(named(("A", v.string("a\0b\0\0")), ("B", v.string("\0")))))
        assert record.strings == ["a\0b", ""]

    def test_an_empty_value_keeps_its_place(self) -> None:
        """A null value of a named element is an empty string, not a missing one."""
        record = only(log_of(named(("A", NULL), ("B", v.string("b")))))
        assert (record.names, record.strings) == (("A", "B"), ["", "b"])


MOMENT = datetime(2008, 1, 10, 12, 0, 35, 7000, tzinfo=UTC)
GUID = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
T = v.ValueType
TEXTS: list[tuple[v.Value, str]] = [
    (v.string("text"), "text"),
    (v.ansi(b"caf\xe9"), "café"),
    (v.number(T.INT8, -128), "-128"),
    (v.number(T.UINT8, 255), "255"),
    (v.number(T.INT16, -32768), "-32768"),
    (v.number(T.UINT16, 65535), "65535"),
    (v.number(T.INT32, -(1 << 31)), "-2147483648"),
    (v.number(T.UINT32, (1 << 32) - 1), "4294967295"),
    (v.number(T.INT64, -(1 << 63)), "-9223372036854775808"),
    (v.number(T.UINT64, (1 << 64) - 1), "18446744073709551615"),
    (v.number(T.REAL32, 0.1), "0.1"),
    (v.number(T.REAL64, 0.1), "0.1"),
    (v.number(T.REAL64, float("-inf")), "-inf"),
    (v.boolean(value=True), "true"),
    (v.boolean(value=False), "false"),
    (v.Value(T.BOOL, struct.pack("<I", 0xFFFFFFFF)), "true"),
    (v.binary(b"\x00\xab\xff"), "00ABFF"),
    (v.binary(b""), ""),
    (v.guid(GUID), f"{{{GUID}}}"),
    (v.size(0x1000), "0x1000"),
    (v.size(0x1000, wide=False), "0x1000"),
    (v.number(T.FILETIME, 128_444_400_350_000_001), "2008-01-10T12:00:35.0000001Z"),
    (v.number(T.FILETIME, (1 << 64) - 1), str((1 << 64) - 1)),
    (v.systemtime(MOMENT), "2008-01-10T12:00:35.007Z"),
    (v.Value(T.SYSTEMTIME, struct.pack("<8H", 2008, 13, 0, 40, 25, 61, 61, 1000)), "2008-13-40T25:61:61.1000Z"),
    (v.sid(v.sid_bytes(SID)), SID),
    (v.sid(v.sid_bytes(SID) + b"\xee\xee"), SID),
    (v.sid(b""), ""),
    (v.number(T.HEX32, 0xC0000022), "0xc0000022"),
    (v.number(T.HEX64, 1 << 63), "0x8000000000000000"),
    (v.Value(T.INT32, b""), ""),
]
BAD: list[tuple[v.Value, str]] = [
    (v.Value(T.STRING, b"a\0b"), "610062"),
    (v.Value(T.INT32, b"\1\2\3"), "010203"),
    (v.Value(T.GUID, b"\1"), "01"),
    (v.Value(T.SIZE, b"\1\2"), "0102"),
    (v.Value(T.SID, b"\2" + bytes(11)), "02" + "00" * 11),
    (v.Value(T.SID, b"\1\xff" + bytes(6)), "01FF" + "00" * 6),
    (v.Value(0x42, b"\1"), "01"),
    (v.Value(v.ARRAY | T.INT32, b"\1\2\3"), "010203"),
    (v.Value(v.ARRAY | T.STRING, b"\1\2\3"), "010203"),
    (v.Value(v.ARRAY | T.SID, b"\2" + bytes(11)), "02" + "00" * 11),
    (v.Value(v.ARRAY | T.BINXML, b"\1"), "01"),
]


class TestTypes:
    @pytest.mark.parametrize(("value", "text"), TEXTS, ids=lambda x: repr(x)[:40])
    def test_every_type_has_its_text(self, value: v.Value, text: str) -> None:
        """A value of each type prints as Windows renders it, whichever way it is read."""
        record = only(log_of(named(("A", value), ("B", v.string("behind")))))
        assert record.strings == [text, "behind"]

    def test_all_types_in_one_record(self) -> None:
        """Values of all types side by side are each read from their own bytes."""
        record = only(log_of(named(*((f"N{i}", value) for i, (value, _) in enumerate(TEXTS)))))
        assert record.strings == [text for _, text in TEXTS]

    @pytest.mark.parametrize(("value", "shown"), BAD, ids=lambda x: repr(x)[:40])
    def test_a_value_that_is_not_of_its_type(self, value: v.Value, shown: str) -> None:
        """Bytes that cannot be what their type says are given in hexadecimal, the record is noted, the rest is read."""
        decoded = agreed(log_of(named(("A", value), ("B", v.string("behind"))), classic(("x",))))
        assert decoded.records[0].strings == [shown, "behind"]
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]

    @pytest.mark.parametrize(
        "items",
        [
            [v.number(T.INT8, n) for n in (-1, 0, 127)],
            [v.number(T.UINT8, n) for n in (0, 255)],
            [v.number(T.INT16, n) for n in (-1, 300)],
            [v.number(T.UINT16, 65535)],
            [v.number(T.INT32, n) for n in (-70000, 1)],
            [v.number(T.UINT32, n) for n in range(40)],
            [v.number(T.INT64, n) for n in (-(1 << 60), 5)],
            [v.number(T.UINT64, 1 << 63)],
            [v.number(T.REAL32, n) for n in (0.5, -2.25)],
            [v.number(T.REAL64, n) for n in (1e300, 0.1)],
            [v.boolean(value=n) for n in (True, False)],
            [v.guid(GUID), v.guid(uuid.UUID(int=0))],
            [v.size(n) for n in (1, 2)],
            [v.number(T.FILETIME, n) for n in (NOON, 0)],
            [v.systemtime(MOMENT)] * 2,
            [v.sid(v.sid_bytes(SID))] * 2,
            [v.number(T.HEX32, n) for n in (1, 0xFFFFFFFF)],
            [v.number(T.HEX64, n) for n in (1, 2)],
        ],
        ids=lambda items: T(items[0].type).name,
    )
    def test_an_array_is_as_many_values(self, items: list[v.Value]) -> None:
        """Each item of an array is a value of its own, of the array's name, with the text that it has alone."""
        record = only(log_of(named(("A", v.array(items)), ("B", v.string("behind")))))
        texts = [value_text(natural(item.raw, item.type), item.type) for item in items]
        assert record.strings == [*texts, "behind"]
        assert record.names == ("A",) * len(items) + ("B",)

    def test_sids_of_different_lengths(self) -> None:
        """An array of SIDs is cut by their own counts."""
        raw = v.sid_bytes("S-1-1-0") + v.sid_bytes(SID) + v.sid_bytes("S-1-5-18")
        assert array_texts(raw, ValueType.SID) == ["S-1-1-0", SID, "S-1-5-18"]

    @pytest.mark.parametrize(
        ("raw", "texts"),
        [
            ("", []),
            ("\0", [""]),
            ("a\0", ["a"]),
            ("a\0\0b\0", ["a", "", "b"]),
            ("a\0b", ["a", "b"]),
        ],
    )
    def test_arrays_of_strings(self, raw: str, texts: list[str]) -> None:
        """Every string of an array ends with a NUL; only a rest that is not empty may lack it."""
        assert array_texts(raw.encode("utf-16-le"), ValueType.STRING) == texts
        assert array_texts(raw.encode("cp1252"), ValueType.ANSI_STRING) == texts

    @given(st.uuids())
    def test_guids(self, guid: uuid.UUID) -> None:
        """A GUID prints in braces, lower case, its first three fields turned."""
        assert guid_text(guid.bytes_le) == f"{{{guid}}}"

    @given(st.floats(width=32, allow_nan=False, allow_infinity=False))
    def test_single_floats_read_back(self, value: float) -> None:
        """A 32-bit float prints so that it reads back as itself, with no more digits than needed."""
        text = real_text(value, single=True)
        assert struct.unpack("<f", struct.pack("<f", float(text)))[0] == value
        assert len(text.lstrip("-").replace(".", "").split("e")[0].strip("0")) <= 9

    @given(st.integers(0, FILETIME_MAX))
    def test_times_read_back(self, ticks: int) -> None:
        """The text of a FILETIME holds all its 100 ns."""
        assert filetime_from_iso(filetime_text(ticks)) == ticks

    @pytest.mark.parametrize("text", ["", "x", "2008-01-10", "2008-01-10T12:00:35.1x", "2008-13-10T12:00:35", "9" * 99])
    def test_text_that_is_no_time(self, text: str) -> None:
        """Text that is no ISO time is None, not an exception."""
        assert filetime_from_iso(text) is None

    @given(st.binary(max_size=70), st.integers(0, 255))
    def test_any_bytes_as_any_type(self, raw: bytes, kind: int) -> None:
        """Any bytes as any type are a value or a BadValueError, and every value has a text."""
        try:
            value = natural(raw, kind)
        except BadValueError:
            return
        assert isinstance(value_text(value, kind & 0x7F), str)
        assert as_filetime(value, kind) is None or isinstance(as_filetime(value, kind), int)

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (5, 5),
            ("5", 5),
            ("0x1F", 31),
            (" 7 ", 7),
            ("", None),
            ("x", None),
            (b"1", None),
            (1.5, None),
            ("9" * 9999, None),
        ],
    )
    def test_numbers_of_texts(self, value: object, number: int | None) -> None:
        """A number may be written as text; anything else is None."""
        assert as_int(value) == number  # type: ignore[arg-type]


VALUES = st.one_of(
    st.text(max_size=20).map(v.string),
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), max_size=5).map(v.strings),
    st.binary(max_size=30).map(v.binary),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda n: v.number(T.INT64, n)),
    st.integers(0, (1 << 32) - 1).map(lambda n: v.number(T.HEX32, n)),
    st.integers(0, (1 << 64) - 1).map(lambda n: v.number(T.FILETIME, n)),
    st.floats().map(lambda n: v.number(T.REAL64, n)),
    st.uuids().map(v.guid),
    st.booleans().map(lambda b: v.boolean(value=b)),
    st.just(NULL),
    st.sampled_from([value for value, _ in [*TEXTS, *BAD]]),
    st.builds(v.Value, st.integers(0, 0x25) | st.integers(0x80, 0xA5), st.binary(max_size=24)),
)
LABELS = st.none() | st.sampled_from(["A", "LogonGuid", "Zeit", "_x"])
PAYLOADS = st.one_of(
    st.builds(
        Classic,
        st.lists(st.text(st.characters(exclude_characters="\0"), max_size=30), max_size=6),
        st.binary(max_size=40),
    ),
    st.builds(
        Named,
        st.lists(st.tuples(LABELS, VALUES), max_size=8),
        st.none() | st.just("Name"),
        st.none() | st.binary(max_size=9),
    ),
    st.builds(
        UserData,
        st.just("E"),
        st.none() | st.just("urn:e"),
        st.lists(st.tuples(st.sampled_from("ABC"), VALUES), max_size=6),
    ),
)
EVENTS = st.builds(
    EvtxEvent,
    created=st.integers(0, (1 << 64) - 1),
    provider=st.sampled_from(["P", "Provider-X", "ü"]),
    event_id=st.integers(0, 0xFFFF),
    channel=st.sampled_from(["Application", "X/Operational"]),
    computer=st.sampled_from(["EXNODE1", "exnode2.example.com"]),
    payload=PAYLOADS,
    record_number=st.none() | st.integers(1, 1 << 50),
    qualifiers=st.none() | st.integers(0, 0xFFFF),
    modern=st.booleans(),
    activity_id=st.none() | st.uuids(),
    user_sid=st.none() | st.sampled_from([v.sid_bytes(SID), v.sid_bytes("S-1-5-18"), b"\1\1", b"\2" * 12]),
)


class TestTwoWays:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(EVENTS, min_size=1, max_size=8))
    def test_compiled_is_interpreted(self, events: list[EvtxEvent]) -> None:
        """For any events, the compiled functions and the interpreter give the same records and problems."""
        decoded = agreed(log_of(*events))
        assert len(decoded.records) == len(events)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(EVENTS, min_size=1, max_size=4), st.data())
    def test_damage_is_the_same_both_ways(self, events: list[EvtxEvent], choose: st.DataObject) -> None:
        """Where a byte of the records is altered, both ways still give the same records and problems."""
        data = bytearray(log_of(*events))
        start = HEADER + CHUNK_HEADER
        free = int.from_bytes(data[HEADER + 48 : HEADER + 52], "little")
        for _ in range(choose.draw(st.integers(1, 3))):
            data[choose.draw(st.integers(start, HEADER + free - 1))] = choose.draw(st.integers(0, 255))
        ways = both_ways(bytes(data))
        assert ways.compiled == ways.interpreted

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), min_size=1, max_size=9),
            min_size=1,
            max_size=6,
        )
    )
    def test_the_rust_reader_sees_the_same_strings(self, strings: list[str]) -> None:
        """Strings are those that an independent reader renders from the same bytes."""
        assume(all(text.strip() == text for text in strings))  # that reader's XML does not keep blanks at the ends
        data = log_of(classic(strings), named(*(("N", v.string(text)) for text in strings)))
        theirs = []
        for record in evtx.PyEvtxParser(io.BytesIO(data)).records():
            root = ET.fromstring(record["data"])  # noqa: S314  # rendered from our own bytes
            theirs.append(
                [(e.text or "") for e in root.iter("{http://schemas.microsoft.com/win/2004/08/events/event}Data")]
            )
        assert [record.strings for record in read(data).records] == theirs

    def test_functions_are_made_after_a_while(self) -> None:
        """A shape that comes often is compiled, and what it gives does not change by that."""
        data = log_of(*(classic((f"string {n}",)) for n in range(40)))
        decoded = read(data)
        assert any(template.functions for template in chunk_module._STORE._templates.values())
        assert [record.strings for record in decoded.records] == [[f"string {n}"] for n in range(40)]
        assert read(data) == decoded

    def test_what_is_compiled_is_not_interpreted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once every shape of a log has been compiled, none of its records goes to the interpreter."""
        data = log_of(*(classic((f"string {n}",)) for n in range(60)))
        expected = read(data, 0)
        assert read(data, 0) == expected
        monkeypatch.setattr(RecordDecoder, "decode", None)
        assert read(data, 0) == expected

    def test_four_byte_pointers(self) -> None:
        """Pointers of 32-bit providers are read by the interpreter in the middle of compiled ones."""
        data = log_of(*(named(("P", v.size(n, wide=n % 2 == 0))) for n in range(30)))
        assert [record.strings for record in agreed(data).records] == [[f"0x{n:x}"] for n in range(30)]


# --- Hand-made chunks -------------------------------------------------------------------------------------------------

Body = "Callable[[int], bytes]"


def chunk_of(*bodies: Callable[[int], bytes]) -> bytes:
    """A log of one chunk whose records hold what each body gives for its offset in the chunk."""
    return file_of(records_of(*bodies))


def records_of(*bodies: Callable[[int], bytes]) -> bytes:
    out = b""
    for number, body in enumerate(bodies, 1):
        inner = body(CHUNK_HEADER + len(out) + 24)
        size = 28 + len(inner)
        out += struct.pack("<4sIQQ", b"**\0\0", size, number, NOON) + inner + struct.pack("<I", size)
    return out


def file_of(*chunks: bytes) -> bytes:
    head = struct.pack("<8sQQQIHHHH76sI", b"ElfFile\0", 0, len(chunks) - 1, 99, 128, 1, 3, 4096, len(chunks), b"", 0)
    out = (head + struct.pack("<I", zlib.crc32(head[:120]))).ljust(HEADER, b"\0")
    for records in chunks:
        free = CHUNK_HEADER + len(records)
        assert free <= CHUNK
        top = struct.pack("<8s4QIIII64sI", b"ElfChnk\0", 1, 9999, 1, 9999, 128, free, free, zlib.crc32(records), b"", 1)
        crc = zlib.crc32(bytes(384), zlib.crc32(top[:120]))
        out += (top + struct.pack("<I", crc) + bytes(384) + records).ljust(CHUNK, b"\0")
    return out


def values_of(values: Sequence[v.Value]) -> bytes:
    sizes = b"".join(struct.pack("<HBx", len(value.raw), value.type) for value in values)
    return struct.pack("<I", len(values)) + sizes + b"".join(value.raw for value in values)


def instance(names: ChunkNames, template: Template, values: Sequence[v.Value]) -> Callable[[int], bytes]:
    return lambda at: names.refer(template, at) + values_of(values)


def system(*inner: Built | Slot | str, source: str = "P") -> Built:
    provider = Built("Provider", (("Name", source),))
    return Built("Event", content=(Built("System", content=(provider, Built("EventID", content=("7",)))), *inner))


def data_of(*parts: Built | Slot | str) -> Template:
    """A template of a whole event whose EventData holds one Data of these parts."""
    return Template(system(Built("EventData", content=(Built("Data", content=parts),))))


def text_element(name: str, text: str = "t") -> Built:
    return Built(name, content=(text,))


def guid_as(template: Template, guid: bytes) -> Template:
    template.__dict__["guid"] = guid
    return template


def raw_fragment(names: ChunkNames, root: Built, *, dependency_ids: bool) -> Callable[[int], bytes]:
    """An element without a template, with or without dependency identifiers; no attributes inside."""

    def element(node: Built, at: int) -> bytes:
        out = b"\x01" + (b"\xff\xff" if dependency_ids else b"") + bytes(4)
        body = bytearray()
        names._name(node.name, body, at + len(out))
        out += bytes(body) + b"\x02"
        for child in node.content:
            if isinstance(child, Built):
                out += element(child, at + len(out))
            else:
                assert isinstance(child, str)
                out += b"\x05\x01" + struct.pack("<H", len(child)) + child.encode("utf-16-le")
        return out + b"\x04"

    return lambda at: b"\x0f\1\1\0" + element(root, at + 4) + b"\0"


class TestTemplates:
    def test_one_guid_two_bodies(self) -> None:
        """Templates of one GUID and size with different bodies in two chunks are two templates."""
        guid = b"G" * 16
        logs = []
        for source in ("Alpha", "Gamma"):
            template = guid_as(Template(system(source=source)), guid)
            logs.append(records_of(instance(ChunkNames(), template, []), instance(ChunkNames(), template, [])))
        for _ in range(12):  # until compiled
            decoded = read(file_of(*logs, logs[0]))
            assert [r.source for r in decoded.records] == ["Alpha"] * 2 + ["Gamma"] * 2 + ["Alpha"] * 2

    def test_one_layout_two_names(self) -> None:
        """Where the same bytes point to another name than before, they are another template."""
        guid = b"G" * 16
        logs = []
        for name in ("Alpha", "Gamma"):
            names = ChunkNames()
            # Both names are there already, so that the template itself holds nothing but a pointer.
            first = Template(
                system(Built("UserData", content=(Built("E", content=(text_element("Alpha"), text_element("Gamma"))),)))
            )
            second = Template(system(Built("UserData", content=(Built("E", content=(text_element(name),)),))))
            logs.append(records_of(instance(names, first, []), instance(names, guid_as(second, guid), [])))
        assert len({len(log) for log in logs}) == 1
        for _ in range(12):
            decoded = read(file_of(*logs))
            assert [r.names for r in decoded.records][1::2] == [("Alpha",), ("Gamma",)]

    def test_a_definition_is_found_again_in_any_chunk(self) -> None:
        """The same definition in many chunks, at other offsets, is one template."""
        log = b"".join([log_of(classic(("a",)))[:HEADER]])
        chunks = []
        for n in range(5):
            names = ChunkNames()
            fill = raw_fragment(names, text_element("Pad" * (n + 1)), dependency_ids=False)
            chunks.append(records_of(fill, instance(names, data_of(Slot(0, 1)), [v.string(str(n))])))
        decoded = read(file_of(*chunks))
        assert [r.strings for r in decoded.records][1::2] == [[str(n)] for n in range(5)]
        assert len(chunk_module._STORE._templates) == 1
        assert log

    def test_a_definition_whose_names_lie_elsewhere(self) -> None:
        """The bytes of a known definition whose pointers lead elsewhere are not taken for it."""
        logs = []
        for moved in (0, 2):
            records = bytearray(records_of(instance(ChunkNames(), data_of(Slot(0, 1)), [v.string("a")])))
            at = records.find("Provider".encode("utf-16-le")) - 12
            pointer = int.from_bytes(records[at : at + 4], "little")
            assert pointer == CHUNK_HEADER + at + 4
            records[at : at + 4] = struct.pack("<I", pointer + moved)
            logs.append(bytes(records))
        good, bad = read(file_of(*logs)).records
        assert (good.source, bad.source) == ("P", None)

    def test_an_event_inside_an_event(self) -> None:
        """A whole event where a payload should be is read the same both ways."""
        names = ChunkNames()
        outer, whole = Template(system(Slot(0, 0x21))), data_of(Slot(0, 1))

        def body(at: int) -> bytes:
            head = names.refer(outer, at)
            inner = names.refer(whole, at + len(head) + 8) + values_of([v.string("inside")])
            return head + values_of([v.Value(0x21, inner)])

        decoded = agreed(chunk_of(body, *[body] * 3, *[instance(names, whole, [v.string("alone")])] * 3))
        assert [r.strings for r in decoded.records] == [["inside"]] * 4 + [["alone"]] * 3

    def test_a_damaged_number_is_none(self) -> None:
        """A number of the wrong size is no number, and not the hexadecimal text of its bytes read as one."""
        root = Built("Event", content=(Built("System", content=(Built("EventID", content=(Slot(0, T.UINT16),)),)),))
        body = instance(ChunkNames(), Template(root), [v.Value(T.UINT16, b"\x05")])
        decoded = read(chunk_of(body))
        assert decoded.records[0].event_id is None
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]

    @pytest.mark.parametrize("depth", [10, 60, 70, 100])
    def test_elements_deeper_than_the_limit(self, depth: int) -> None:
        """Elements nested up to the limit are read; deeper ones make a damaged record and no exception."""
        node: Built = text_element("Leaf")
        for _ in range(depth - 4):
            node = Built("N", content=(node,))
        data = chunk_of(instance(ChunkNames(), Template(system(Built("EventData", content=(node,)))), []))
        decoded = read(data)
        assert len(decoded.records) == 1
        if depth <= 60:
            assert (decoded.records[0].strings, decoded.problems) == (["t"], [])
        else:
            assert decoded.records[0].record_number == 1
            assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]

    @pytest.mark.parametrize("depth", [2, 14, 15, 16, 17, 40, 400])
    def test_fragments_deeper_than_the_limit(self, depth: int) -> None:
        """Fragments within fragments are read to one depth, compiled or not; what lies deeper is damage."""
        names = ChunkNames()
        wrapper = Template(Built("UserData", content=(Slot(0, 0x21),)))
        outer = Template(system(Slot(0, 0x21)))
        leaf = Template(Built("UserData", content=(Built("E", content=(Built("D", content=(Slot(0, 1),)),)),)))

        def body(at: int, depth: int = depth) -> bytes:
            # Every level but the innermost refers to the same two templates and is a value of the one around it.
            layers = [outer, *[wrapper] * (depth - 2), leaf]
            heads = []
            for template in layers:
                head = names.refer(template, at)
                heads.append(head)
                at += len(head) + 4 + 4
            inner = heads.pop() + values_of([v.string("deep")])
            while heads:
                inner = heads.pop() + values_of([v.Value(0x21, inner)])
            return inner

        # Shallow ones first, so that every template has been met and is compiled.
        ways = both_ways(chunk_of(partial(body, depth=2), partial(body, depth=3), body, body, body))
        assert ways.compiled == ways.interpreted
        assert ways.functions >= 3
        assert [record.strings for record in ways.compiled.records[:2]] == [["deep"]] * 2
        for record in ways.compiled.records[2:]:
            assert record.source == "P"
            assert record.strings == (["deep"] if depth <= 16 else [])
        assert bool(ways.compiled.problems) == (depth > 16)

    def test_fewer_values_than_substitutions(self) -> None:
        """An instance with fewer values than its template has places gives those, and the record is noted."""
        parts = Built("EventData", content=tuple(Built("Data", content=(Slot(n, 1),)) for n in range(3)))
        names = ChunkNames()
        body = instance(names, Template(system(parts)), [v.string("a"), v.string("b")])
        decoded = agreed_or_interpreted(chunk_of(body, body))
        assert [r.strings for r in decoded.records] == [["a", "b", ""]] * 2
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD] * 2

    def test_more_values_than_substitutions(self) -> None:
        """Values that no place refers to are skipped."""
        names = ChunkNames()
        body = instance(names, data_of(Slot(1, 1)), [v.binary(b"zzz"), v.string("a"), v.number(T.INT64, 5)])
        decoded = agreed(chunk_of(body, body))
        assert [r.strings for r in decoded.records] == [["a"]] * 2
        assert decoded.problems == []

    @pytest.mark.parametrize("count", [3, 1000, 0xFFFF, 0xFFFFFFFF])
    def test_a_count_beyond_the_record(self, count: int) -> None:
        """A count of values that the record cannot hold is damage of that record alone."""
        names = ChunkNames()
        good = instance(names, data_of(Slot(0, 1)), [v.string("a")])
        bad = lambda at: names.refer(data_of(Slot(0, 1)), at) + struct.pack("<I", count) + b"\1\1\1\1"  # noqa: E731
        decoded = agreed(chunk_of(good, bad, good))
        assert [r.source for r in decoded.records] == ["P", None, "P"]
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]

    def test_a_size_beyond_the_record(self) -> None:
        """A value larger than its record is cut at the record's end, and those behind it are empty."""
        names = ChunkNames()
        template = data_of(Slot(0, 1), Slot(1, 1))
        good = instance(names, template, [v.string("a"), v.string("b")])
        short = lambda at: (  # noqa: E731
            names.refer(template, at) + struct.pack("<IHBxHBx", 2, 400, 1, 4, 1) + "cut".encode("utf-16-le")
        )
        decoded = agreed(chunk_of(good, short, good))
        assert [r.strings for r in decoded.records] == [["ab"], ["cut"], ["ab"]]
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]

    @pytest.mark.parametrize("offset", [0, 10, 536, 65_530, 65_536, 0x7FFFFFFF, 0xFFFFFFFF])
    def test_a_definition_that_is_none(self, offset: int) -> None:
        """An instance whose definition lies outside the chunk, in itself, or where none is, is a damaged record."""
        bad = lambda at: b"\x0f\1\1\0\x0c\1" + struct.pack("<II", 5, offset) + values_of([v.string("a")])  # noqa: E731
        good = instance(ChunkNames(), data_of(Slot(0, 1)), [v.string("a")])
        decoded = read(chunk_of(bad, bad))
        assert [r.record_number for r in decoded.records] == [1, 2]
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD] * 2
        assert read(chunk_of(good)).problems == []

    @pytest.mark.parametrize("pointer", ["itself", "zero", "end", "far"])
    def test_a_name_that_is_none(self, pointer: str) -> None:
        """A name that points to its own pointer, outside the chunk, or to no name, is damage and no loop."""

        def body(at: int) -> bytes:
            place = at + 4 + 5
            target = {"itself": place, "zero": 0, "end": 65_535, "far": 0xFFFFFFF0}[pointer]
            return b"\x0f\1\1\0\x01" + bytes(4) + struct.pack("<I", target) + b"\x02\x04\0"

        decoded = read(chunk_of(body))
        assert [r.record_number for r in decoded.records] == [1]
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]


def agreed_or_interpreted(data: bytes) -> Decoded:
    """Read both ways with one result, also where no function can be made."""
    ways = both_ways(data)
    assert ways.compiled == ways.interpreted
    return ways.compiled


class TestBinXml:
    @pytest.mark.parametrize("dependency_ids", [False, True])
    def test_an_event_without_template(self, dependency_ids: bool) -> None:
        """A record may hold its elements without a template, with and without dependency identifiers."""
        names = ChunkNames()
        inner = Built(
            "Event",
            content=(
                Built("System", content=(text_element("EventID", "42"), text_element("Computer", "EXNODE1"))),
                Built("EventData", content=(text_element("Data", "one"), text_element("Data", "two"))),
            ),
        )
        decoded = read(chunk_of(raw_fragment(names, inner, dependency_ids=dependency_ids)))
        (record,) = decoded.records
        assert (record.event_id, record.computer, record.strings) == (42, "EXNODE1", ["one", "two"])
        assert decoded.problems == []

    @pytest.mark.parametrize(
        ("tokens", "text"),
        [
            (b"\x05\x01\x02\x00a\0b\0", "ab"),
            (b"\x45\x01\x01\x00a\0\x05\x01\x01\x00b\0", "ab"),
            (b"\x07\x02\x00<\0>\0", "<>"),
            (b"\x08\x41\x00\x48\x00\xd8", "A\ud800"),
            (b"\x0f\1\1\0\x05\x01\x01\x00a\0", "a"),
            (b"\x05\x01\x00\x00", ""),
            (b"\x0b\x01\x00x\0\x05\x01\x01\x00a\0", "a"),
        ],
    )
    def test_tokens_of_text(self, tokens: bytes, text: str) -> None:
        """Text, CDATA, character references and processing data inside an element are what they say."""
        assert parsed(tokens) == text

    @pytest.mark.parametrize(
        ("entity", "text"), [("lt", "<"), ("amp", "&"), ("quot", '"'), ("apos", "'"), ("gt", ">"), ("x", "&x;")]
    )
    def test_entities(self, entity: str, text: str) -> None:
        """The five entities of XML are their characters; any other stays as it is written."""
        name = struct.pack("<IHH", 0, 0, len(entity)) + entity.encode("utf-16-le") + b"\0\0"
        assert parsed(b"\x09" + struct.pack("<I", PARSED_AT + 5) + name) == text

    @pytest.mark.parametrize(
        "tokens",
        [
            b"\x10",
            b"\x1f\1",
            b"\x05\x03\x01\x00",
            b"\x05\x81\x01\x00a\0",
            b"\x05\x01\xff\xff",
            b"\x07\xff\xff",
            b"\x0c\1",
            b"\x04\x04",
        ],
    )
    def test_tokens_that_are_none(self, tokens: bytes) -> None:
        """Unknown tokens, literals of other types, texts that run out of the chunk and ends too many are refused."""
        with pytest.raises(BinXmlError):
            parsed(tokens)

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_a_tree_reads_back(self, choose: st.DataObject) -> None:
        """Any tree of elements, attributes, texts and places, once written, reads back as itself."""
        root = choose.draw(TREES)
        offset = choose.draw(st.integers(0, 300))
        written = ChunkNames().refer(Template(root), offset)
        chunk = bytes(offset) + written
        start = offset + 4 + 10 + 24
        tree, end = TreeParser(chunk, Names(chunk), dependency_ids=True).parse(start, len(chunk))
        assert tree == (expected(root),)
        assert end == len(chunk)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.booleans())
    def test_any_bytes_are_a_tree_or_an_error(self, data: bytes, ids: bool) -> None:
        """Any bytes parse to a tree or raise BinXmlError."""
        try:
            tree, end = TreeParser(data, Names(data), dependency_ids=ids).parse(0, len(data))
        except BinXmlError:
            return
        assert isinstance(tree, tuple)
        assert 0 <= end <= len(data)


NAME = st.text("abcXYZ_", min_size=1, max_size=6)
CONTENT = st.text("xyz <&\ud800", min_size=1, max_size=5) | st.builds(
    Slot, st.integers(0, 5), st.sampled_from([0x01, 0x08, 0x21, 0x81]), st.booleans()
)
ATTRIBUTES = st.lists(st.tuples(NAME, CONTENT), max_size=3).map(tuple)
TREES = st.recursive(
    st.builds(Built, NAME, ATTRIBUTES, st.lists(CONTENT, max_size=2).map(tuple), st.just(0xFFFF) | st.integers(0, 5)),
    lambda inner: st.builds(
        Built, NAME, ATTRIBUTES, st.lists(inner | CONTENT, max_size=3).map(tuple), st.just(0xFFFF) | st.integers(0, 5)
    ),
    max_leaves=8,
)


def expected(node: Built) -> Element:
    """The tree that should be read from a built one."""

    def part(content: str | Slot) -> str | Sub:
        return content if isinstance(content, str) else Sub(content.index, content.type, content.optional)

    return Element(
        node.name,
        None if node.dependency == 0xFFFF else node.dependency,
        tuple((name, (part(content),)) for name, content in node.attributes),
        tuple(expected(child) if isinstance(child, Built) else part(child) for child in node.content),
    )


PARSED_AT = 5 + 4 + 10 + 2 + 1  # open token and size, pointer, a name of one character, close token


def parsed(tokens: bytes) -> str:
    """Text of an element that holds `tokens`."""
    name = struct.pack("<IHH", 0, 0, 1) + "E".encode("utf-16-le") + b"\0\0"
    chunk = b"\x01" + bytes(4) + struct.pack("<I", 9) + name + b"\x02" + tokens + b"\x04\0"
    assert len(chunk) - len(tokens) - 2 == PARSED_AT
    tree, _ = TreeParser(chunk, Names(chunk), dependency_ids=False).parse(0, len(chunk))
    (element,) = tree
    assert isinstance(element, Element)
    return "".join(str(child) for child in element.children)


def seconds(data: bytes) -> float:
    """Processor time of reading a log chunk by chunk, in a process that has read nothing."""
    chunk_module._STORE = TemplateStore()
    began = time.process_time()
    for chunk in EvtxReader(data).blocks():
        chunk.decode()
    return time.process_time() - began


def memory(data: bytes) -> tuple[int, int]:
    """Bytes that stay taken by reading a log chunk by chunk, keeping nothing, and the most that were taken."""
    chunk_module._STORE = TemplateStore()
    tracemalloc.start()
    try:
        for chunk in EvtxReader(data).blocks():
            chunk.decode()
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


class TestHostile:
    def test_one_value_repeated_thousands_of_times(self) -> None:
        """A template that repeats one large value gets a few times the record's bytes, not thousands of times."""
        big = v.string("x" * 15_000)
        one = data_of(*[Slot(0, 1)] * 1000)
        many = Template(
            system(Built("EventData", content=tuple(Built("D", content=(Slot(0, 1),)) for _ in range(450))))
        )
        for template in (one, many):
            data = chunk_of(instance(ChunkNames(), template, [big]))
            decoded = agreed_or_interpreted(data)
            assert sum(map(len, decoded.records[0].strings)) <= 4 * CHUNK
            assert decoded.records[0].source == "P"
            assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]
            assert memory(data)[1] < 8 << 20

    def test_a_text_of_very_many_pieces(self) -> None:
        """A text of a thousand parts is read, by whichever way can."""
        template = data_of(*[Slot(n % 50, 1) for n in range(900)])
        values = [v.string(chr(65 + n % 26)) for n in range(50)]
        decoded = agreed_or_interpreted(chunk_of(instance(ChunkNames(), template, values)))
        assert decoded.records[0].strings == ["".join(chr(65 + n % 50 % 26) for n in range(900))]
        assert decoded.problems == []

    def test_a_template_of_too_many_parts(self) -> None:
        """A template with more parts than any event can have is refused; its records keep what their heads say."""
        names = ChunkNames()
        template = data_of(*[Slot(0, 1)] * 8000)
        data = chunk_of(*[instance(names, template, [v.string("x")])] * 500)
        decoded = read(data)
        assert [r.record_number for r in decoded.records] == list(range(1, 501))
        assert {p.kind for p in decoded.problems} == {ProblemKind.BAD_RECORD}
        assert seconds(data) < 2

    def test_definitions_that_overlap(self) -> None:
        """A thousand definitions inside each other are not each read to their end."""
        sled = struct.pack("<I", 0x3F0F) * 6000  # at every fourth byte a fragment header, and a definition's size

        def pad(at: int) -> bytes:
            return b"\0" * 4 + sled

        start = CHUNK_HEADER + 28
        hit = lambda n: lambda at: b"\x0c\1" + struct.pack("<III", 0x3F0F, start + 4 * n, 0)  # noqa: E731
        data = chunk_of(pad, *[hit(n) for n in range(900)])
        assert len(read(data).records) == 901
        assert seconds(data) < 3

    def test_one_broken_definition_for_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A definition that cannot be read is tried once, however many records name it."""
        names = ChunkNames()
        template = data_of(*[Slot(0, 1)] * 900, "x" * 12_000)
        body = bytearray(instance(names, template, [v.string("a")])(CHUNK_HEADER + 24))
        body[-20:] = b"\x1f" * 20
        (at,) = names.templates.values()
        body[at - CHUNK_HEADER - 24 + 24 + 900 : at - CHUNK_HEADER - 24 + 24 + 904] = b"\x1f" * 4
        back = lambda _: b"\x0c\1" + template.guid[:4] + struct.pack("<II", at, 0)  # noqa: E731
        data = chunk_of(lambda _: bytes(body), *[back] * 700)
        loads = []
        load = TemplateStore.load
        monkeypatch.setattr(TemplateStore, "load", lambda *given: (loads.append(1), load(*given))[1])
        decoded = read(data)
        assert len(loads) == 1
        assert len(decoded.problems) == 701
        assert seconds(data) < 2

    def test_long_names_from_everywhere(self) -> None:
        """Thousands of pointers into one long name do not take the memory of thousands of long names."""

        def body(at: int) -> bytes:
            # Elements whose names begin at each second byte of a long run, all claiming 15,000 characters.
            run = at + 5000
            out = b"\x0f\1\1\0"
            for n in range(380):
                out += b"\x01" + bytes(4) + struct.pack("<I", run + 2 * n) + b"\x02\x04"
            return out.ljust(5000, b"\0") + struct.pack("<H", 15_000) * 20_000

        data = chunk_of(body)
        decoded = read(data)
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]
        assert memory(data)[1] < 4 << 20

    def test_long_names_of_many_records(self) -> None:
        """Long names that overlap, a few in each of many records, are not all kept."""

        def body(at: int, number: int) -> bytes:
            out = b"\x0f\1\1\0"
            for n in range(4):
                out += b"\x01" + bytes(4) + struct.pack("<I", CHUNK_HEADER + 24 + 2 * (4 * number + n)) + b"\x02\x04"
            return out + b"\0"

        run = lambda _: struct.pack("<H", 15_000) * 20_000  # noqa: E731
        data = chunk_of(run, *[partial(body, number=n) for n in range(200)])
        assert len(read(data).records) == 201
        assert memory(data)[1] < 8 << 20

    def test_a_name_of_65535_characters(self) -> None:
        """A name longer than its chunk is damage of its record."""
        body = lambda at: b"\x0f\1\1\0\x01" + bytes(4) + struct.pack("<IIHH", at + 13, 0, 0, 0xFFFF) + b"x\0" * 9  # noqa: E731
        decoded = read(chunk_of(body))
        assert [p.kind for p in decoded.problems] == [ProblemKind.BAD_RECORD]

    def test_thousands_of_templates_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """When a log brings ever new templates, the memory they take stays bounded and each is read right."""
        monkeypatch.setattr(templates, "MAX_MEMORY", 1 << 20)
        chunks = []
        for c in range(20):
            names = ChunkNames()
            bodies = [instance(names, data_of(f"{c}.{n}", Slot(0, 1)), [v.string("!")]) for n in range(100)]
            chunks.append(records_of(*bodies))
        data = file_of(*chunks)
        decoded = read(data)
        assert [r.strings for r in decoded.records] == [[f"{c}.{n}!"] for c in range(20) for n in range(100)]
        assert decoded.problems == []
        assert len(chunk_module._STORE._templates) < 1000
        assert memory(data)[0] < 4 << 20

    def test_new_names_for_one_template(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One definition under ever new GUIDs does not fill the memory either."""
        monkeypatch.setattr(templates, "MAX_MEMORY", 1 << 20)
        chunks = []
        for c in range(40):
            bodies = []
            names = ChunkNames()
            for n in range(80):
                template = guid_as(data_of(Slot(0, 1)), struct.pack("<QQ", c, n))
                bodies.append(instance(names, template, [v.string("!")]))
            chunks.append(records_of(*bodies))
        data = file_of(*chunks)
        assert {tuple(r.strings) for r in read(data).records} == {("!",)}
        assert sum(map(len, chunk_module._STORE._layouts.values())) < 1000

    def test_many_bodies_under_one_guid(self) -> None:
        """Ever new definitions under one GUID are each read right, and only some are looked through for each other."""
        names, guid = ChunkNames(), b"G" * 16

        def body(at: int, number: int) -> bytes:
            names.templates.clear()  # so that each is defined in its place
            template = guid_as(data_of(f"{number:02d}", Slot(0, 1)), guid)
            return instance(names, template, [v.string("!")])(at)

        decoded = read(chunk_of(*[partial(body, number=n) for n in range(60)]))
        assert [r.strings for r in decoded.records] == [[f"{n:02d}!"] for n in range(60)]
        assert max(map(len, chunk_module._STORE._layouts.values())) <= templates.MAX_LAYOUTS

    def test_new_shapes_for_one_template(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ever new combinations of types are not each remembered."""
        monkeypatch.setattr(templates, "MAX_FUNCTIONS", 4)
        names = ChunkNames()
        template = data_of(Slot(0, 1))
        kinds = [0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B]
        sizes = {0x03: 1, 0x04: 1, 0x05: 2, 0x06: 2, 0x07: 4, 0x08: 4, 0x09: 8, 0x0A: 8, 0x0B: 4}
        bodies = [
            instance(names, template, [v.string("a"), v.Value(k, bytes(sizes[k]))]) for k in kinds for _ in range(20)
        ]
        decoded = read(chunk_of(*bodies))
        assert [r.strings for r in decoded.records] == [["a"]] * 180
        (made,) = chunk_module._STORE._templates.values()
        assert len(made._met) <= 4
        assert len(made.functions) <= 4

    def test_more_values_than_any_event(self) -> None:
        """An instance of thousands of values is read and never compiled."""
        names = ChunkNames()
        body = instance(names, data_of(Slot(0, 1)), [v.string("a"), *[NULL] * 3000])
        decoded = read(chunk_of(body, body, body), compile_after=0)
        assert [r.strings for r in decoded.records] == [["a"]] * 3
        (made,) = chunk_module._STORE._templates.values()
        assert (made._met, made.functions) == ({}, {})
