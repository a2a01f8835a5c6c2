"""The second opinion: python-evtx beside our reader, and what counts as a disagreement."""

from __future__ import annotations

import io
import struct
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.ingest.crosscheck import CrossCheck, differences, unwrap
from parsers.evtx.reader import EvtxReader
from parsers.evtx.second_opinion import Opinion, second_opinion
from parsers.problems import ProblemKind
from parsers.records import EventRecord, read_all
from samples.builders import evtx_values as v
from samples.builders.evtx import FLAG_DIRTY, Classic, EvtxEvent, EvtxWriter, Named, UserData
from samples.builders.evtx_templates import ChunkNames, Element, Sub, Template

if TYPE_CHECKING:
    from pathlib import Path

HEADER, CHUNK, CHUNK_HEADER = 4096, 65536, 512
NOON = 128_444_400_350_000_000
T = v.ValueType


def event(number: int, payload: Classic | Named | UserData | None = None, **fields: object) -> EvtxEvent:
    payload = Classic((f"event {number}", "", "x")) if payload is None else payload
    return EvtxEvent(
        NOON + number * 10_000_000,
        "MSExchangeIS",
        number,
        "Application",
        "EXNODE1",
        payload,
        **fields,  # type: ignore[arg-type]
    )


def log(*events: EvtxEvent, chunks: int = 1, flags: int = 0, stale: bool = False) -> bytes:
    stream = io.BytesIO()
    writer = EvtxWriter(stream)
    each = -(-len(events) // chunks)
    for number, one in enumerate(events, 1):
        writer.add(one)
        if number % each == 0 and number < len(events):
            writer.end_chunk()
    writer.close(flags=flags, stale_last_chunk=stale)
    return stream.getvalue()


def checked(data: bytes) -> CrossCheck:
    check = CrossCheck()
    for chunk in EvtxReader(data).blocks():
        check.chunk(chunk, chunk.decode().records)
    return check


def put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


SAMPLE = EventRecord(
    offset=4608,
    record_number=7,
    event_record_id=8,
    generated=NOON + 9,
    written=NOON,
    log="Application",
    source="P",
    event_id=5,
    qualifiers=None,
    level=4,
    raw_type=None,
    category=0,
    computer="C",
    user_sid=None,
    strings=["a", "b"],
)
AGREEING = Opinion(4608, 7, 8, "P", 5, "C", NOON, ["a", "b"])


class TestOpinion:
    def test_it_reads_the_records(self) -> None:
        """For a sound chunk the other reader gives each record's numbers, source, time, computer and strings."""
        (chunk,) = EvtxReader(log(event(1), event(2, qualifiers=3))).blocks()
        opinions = list(second_opinion(chunk))
        records = chunk.decode().records
        assert [o.offset for o in opinions] == [r.offset for r in records]
        assert [(o.record_number, o.event_record_id, o.event_id) for o in opinions] == [(1, 1, 1), (2, 2, 2)]
        assert [(o.source, o.computer) for o in opinions] == [("MSExchangeIS", "EXNODE1")] * 2
        assert [o.fault for o in opinions] == [None, None]
        assert all(
            o.generated is not None and abs(o.generated - r.generated) < 50
            for o, r in zip(opinions, records, strict=True)
            if r.generated
        )

    def test_a_chunk_without_header_has_none(self) -> None:
        """Of a chunk whose signature is gone the other reader says nothing."""
        data = put(log(event(1)), HEADER, bytes(8))
        assert [list(second_opinion(chunk)) for chunk in EvtxReader(data).blocks()] == [[]]

    def test_a_short_chunk_is_padded(self) -> None:
        """A chunk that is cut off gives the records before the cut."""
        data = log(event(1), event(2), event(3))
        (chunk,) = EvtxReader(data[: HEADER + 6000]).blocks()
        assert [o.record_number for o in second_opinion(chunk)] == [1, 2, 3]

    def test_damage_is_a_fault(self) -> None:
        """Where the other reader fails, the record has a fault and no fields; those around it are read."""
        data = log(event(1), event(2), event(3))
        records = read_all(EvtxReader(data)).records
        start = records[1].offset + 24
        (chunk,) = EvtxReader(put(data, start, b"\xff" * 40)).blocks()
        opinions = list(second_opinion(chunk))
        assert [o.offset for o in opinions] == [r.offset for r in records]
        assert [o.fault is None for o in opinions] == [True, False, True]
        assert opinions[1].source is None

    @pytest.mark.parametrize(("first", "last"), [(128, 384), (384, 512)])
    def test_a_loop_in_the_tables_ends(self, first: int, last: int) -> None:
        """A name or a template that leads back to itself ends the opinion with a fault, not never."""
        data = log(event(1))
        offsets = struct.unpack(f"<{(last - first) // 4}I", data[HEADER + first : HEADER + last])
        at = next(offset for offset in offsets if offset)
        began = time.process_time()
        (chunk,) = EvtxReader(put(data, HEADER + at, struct.pack("<I", at))).blocks()
        (opinion,) = second_opinion(chunk)
        assert opinion.fault is not None
        assert "themselves" in opinion.fault
        assert time.process_time() - began < 2

    def test_a_record_that_unfolds_without_end(self) -> None:
        """Fragments that each stand twice in the one around them are given up early, not unfolded."""
        names, at = ChunkNames(), CHUNK_HEADER + 24
        twice = Template(Element("U", content=tuple(Element(name, content=(Sub(0, T.BINXML),)) for name in "AB")))
        outer = Template(Element("Event", content=(Element("System", content=("x",)), Sub(0, T.BINXML))))
        leaf = Template(Element("UserData", content=(Element("E", content=("x",)),)))
        heads = []
        for template in (outer, *[twice] * 60, leaf):
            heads.append(names.refer(template, at))
            at += len(heads[-1]) + 4 + 4  # the count of its values, and size and type of the one that it has
        inner = heads.pop() + bytes(4)
        for head in reversed(heads):
            inner = head + struct.pack("<IHBx", 1, len(inner), T.BINXML) + inner
        size = 28 + len(inner)
        record = struct.pack("<4sIQQ", b"**\0\0", size, 1, NOON) + inner + struct.pack("<I", size)
        data = put(log(event(1)), HEADER + CHUNK_HEADER, record)
        data = put(data, HEADER + 48, struct.pack("<I", CHUNK_HEADER + size))
        data = put(data, HEADER + 128, bytes(384))  # the tables of the event that stood there
        began = time.process_time()
        (chunk,) = EvtxReader(data).blocks()
        opinions = list(second_opinion(chunk))
        assert [opinion.fault for opinion in opinions] == ["_TooLargeError"]
        assert time.process_time() - began < 5

    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def test_any_damage_is_survived(self, choose: st.DataObject) -> None:
        """Whatever byte of a chunk is altered, the other reader's exceptions stay inside."""
        data = bytearray(log(event(1), event(2, Named((("A", v.string("x")), ("B", v.guid(uuid.UUID(int=5))))))))
        free = int.from_bytes(data[HEADER + 48 : HEADER + 52], "little")
        for _ in range(choose.draw(st.integers(1, 4))):
            data[choose.draw(st.integers(HEADER + 8, HEADER + free - 1))] = choose.draw(st.integers(0, 255))
        for chunk in EvtxReader(bytes(data)).blocks():
            for opinion in second_opinion(chunk):
                assert opinion.offset >= chunk.offset


class TestDifferences:
    def test_agreement_has_none(self) -> None:
        """Equal readings differ in nothing; the other reader's lost digit of a time is no difference."""
        assert differences(SAMPLE, AGREEING) == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("record_number", 9),
            ("event_record_id", 9),
            ("event_record_id", None),
            ("source", "Q"),
            ("event_id", 6),
            ("computer", "D"),
            ("generated", NOON + 59),
            ("generated", None),
            ("strings", ["a"]),
            ("strings", ["b", "a"]),
            ("strings", ["a", "b", "c"]),
            ("strings", ["a", "c"]),
        ],
    )
    def test_every_field_is_compared(self, field: str, value: object) -> None:
        """A difference in any one field is named once."""
        (found,) = differences(SAMPLE, AGREEING._replace(**{field: value}))  # type: ignore[arg-type]
        assert ("time" if field == "generated" else field) in found

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("0xc0000022", "0xC0000022"),
            ("0x10", "0x00000010"),
            ("16", "16"),
            ("2008-01-10T12:00:35.0000001Z", "2008-01-10 12:00:35"),
            ("2008-01-10T12:00:35.1234567Z", "2008-01-10 12:00:35.123456+00:00"),
            ("true", "True"),
            ("00ABFF", "AKv/"),
            ("a\r\nb", "a\nb"),
            ("a\x01b", "ab"),
            (" a ", "a"),
            ("{01234567-89AB-CDEF-0123-456789ABCDEF}", "{01234567-89ab-cdef-0123-456789abcdef}"),
        ],
    )
    def test_differences_of_form_are_none(self, ours: str, theirs: str) -> None:
        """The same value in another form is no disagreement."""
        assert differences(SAMPLE._replace(strings=[ours]), AGREEING._replace(strings=[theirs])) == []

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("a", "b"),
            ("0x10", "0x11"),
            ("00AB", "AKw="),
            ("2008-01-10T12:00:35Z", "2008-01-10 12:00:36"),
            ("AB", "!!"),
            ("", "a"),
        ],
    )
    def test_differences_in_fact_are_some(self, ours: str, theirs: str) -> None:
        """Another value is a disagreement, whatever its form."""
        assert len(differences(SAMPLE._replace(strings=[ours]), AGREEING._replace(strings=[theirs]))) == 1

    def test_evidence_is_escaped(self) -> None:
        """What a difference quotes of the evidence is escaped."""
        (found,) = differences(SAMPLE._replace(computer="\x1b[31m\u202e"), AGREEING)
        assert "\x1b" not in found
        assert "\u202e" not in found

    @pytest.mark.parametrize(
        ("text", "items"),
        [
            ("<string>a</string>\n<string></string>\n<string>b</string>\n", ["a", "", "b"]),
            ("<string>a\nb</string>\n", ["a\nb"]),
            ("plain", ["plain"]),
            ("", [""]),
            ("<string>open", ["<string>open"]),
            ("<string>a</string> tail", ["<string>a</string> tail"]),
        ],
    )
    def test_arrays_are_unwrapped(self, text: str, items: list[str]) -> None:
        """An array in the other reader's tags is its items; any other text stays whole."""
        assert unwrap(text) == items


class TestCrossCheck:
    def test_a_sound_log_has_no_disagreement(self) -> None:
        """Over chunks and payloads of all kinds the two readers agree on every record."""
        payloads = [
            Classic(("a", "", "b")),
            Classic(),
            Classic(("x",), b"\0\1\xff"),
            Named((("A", v.string("1")), ("A", v.string("2")), (None, v.number(T.INT32, -5)))),
            Named(
                (
                    ("G", v.guid(uuid.UUID(int=77))),
                    ("H", v.number(T.HEX32, 0xC0000022)),
                    ("S", v.sid(v.sid_bytes("S-1-5-18"))),
                )
            ),
            UserData("E", "urn:e", (("A", v.string("1")),)),
        ]
        data = log(*(event(n, payload) for n, payload in enumerate(payloads * 3, 1)), chunks=3)
        check = checked(data)
        assert check.problems == []
        assert (check.compared, check.unread) == (18, 0)

    def test_a_wrong_reading_is_found(self) -> None:
        """A record that we read otherwise is named with its number, its place and what differs."""
        (chunk,) = EvtxReader(log(event(1), event(2))).blocks()
        first, second = chunk.decode().records
        check = CrossCheck()
        check.chunk(chunk, [first, second._replace(event_id=99, computer="OTHER")])
        assert {(p.kind, p.offset) for p in check.problems} == {(ProblemKind.CROSS_CHECK, second.offset)}
        assert all(p.detail.startswith("record 2: ") for p in check.problems)
        assert ["event_id" in p.detail for p in check.problems] == [True, False]

    def test_a_missing_record_is_found(self) -> None:
        """A record that only the other reader reads is named."""
        (chunk,) = EvtxReader(log(event(1), event(2))).blocks()
        first, second = chunk.decode().records
        check = CrossCheck()
        check.chunk(chunk, [first])
        (problem,) = check.problems
        assert (problem.offset, check.compared) == (second.offset, 1)
        assert "only python-evtx" in problem.detail

    def test_records_that_it_cannot_read_are_no_disagreement(self) -> None:
        """Where the other reader fails, nothing is known and nothing is reported."""
        data = log(event(1), event(2), event(3))
        start = read_all(EvtxReader(data)).records[1].offset + 24
        check = checked(put(data, start, b"\xff" * 40))
        assert (check.compared, check.unread, check.problems) == (2, 1, [])

    def test_recovered_records_are_not_compared(self) -> None:
        """Records behind the stated free space are ours alone and no disagreement."""
        check = checked(log(event(1), event(2), event(3), flags=FLAG_DIRTY, stale=True))
        assert (check.compared, check.unread, check.problems) == (1, 0, [])

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            # python-evtx moves empty items of an array behind the others, and cuts texts at characters like U+0100.
            st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12), max_size=5),
            min_size=1,
            max_size=4,
        )
    )
    def test_any_classic_events_agree(self, events: list[list[str]]) -> None:
        """Whatever strings of plain text classic events carry, both readers see the same."""
        check = checked(log(*(event(n, Classic(strings)) for n, strings in enumerate(events, 1))))
        assert (check.compared + check.unread, check.problems) == (len(events), [])

    def test_a_real_log(self, corpus: Path) -> None:
        """The readers agree on the first chunks of a real System log."""
        path = corpus / "evtx" / "log2timeline-System.evtx"
        if not path.exists():
            pytest.skip(f"{path.name} is not in the corpus")
        data = path.read_bytes()[: HEADER + 2 * CHUNK]
        check = checked(data)
        assert check.compared > 100
        # python-evtx moves the empty items of an array behind the one that follows them.
        moved = {r.offset for r in read_all(EvtxReader(data)).records if "" in r.strings[:-1]}
        assert [problem for problem in check.problems if problem.offset not in moved] == []
