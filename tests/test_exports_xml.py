"""Files of event XML: every form Windows writes, any encoding, and damage that costs the event it stands in."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers.exports import framing
from parsers.exports.xmlevents import XmlReader
from parsers.problems import HARMLESS, ProblemKind
from parsers.records import Decoded, EventRecord, read_all
from parsers.times import iso_utc
from samples.builders.event_xml import NAMESPACE, Rendering, event_xml, events_document

START = 128_444_400_350_000_000  # 2008-01-10T12:00:35Z


def record(number: int = 1, **fields: object) -> EventRecord:
    """A classic event, as Windows Server 2008 logs it."""
    given: dict[str, object] = {
        "offset": 0, "record_number": number, "event_record_id": number, "generated": START + number * 10_000_003,
        "written": None, "log": "Application", "source": "FSECCRService", "event_id": 9413, "qualifiers": 16384,
        "level": 4, "raw_type": None, "category": 0, "computer": "EXNODE2.example.com", "user_sid": None,
        "strings": ["ScanJobs.fdb", f"<{number}> & 'x' \"y\""], "keywords": 0x80000000000000,
    }  # fmt: skip
    return EventRecord(**given | fields)  # type: ignore[arg-type]


def read(data: bytes) -> Decoded:
    return read_all(XmlReader(io.BytesIO(data)))


def losses(decoded: Decoded) -> list[tuple[ProblemKind, int, int]]:
    return [(p.kind, p.offset, p.length) for p in decoded.problems if p.kind not in HARMLESS]


def plain(found: EventRecord) -> EventRecord:
    """A record without its place, and its strings as a list."""
    return found._replace(offset=0, strings=list(found.strings))


EVENTS = [event_xml(record(number)) for number in range(1, 6)]
RECORDS = [record(number) for number in range(1, 6)]
DOCUMENTS = {
    "wevtutil": events_document(EVENTS, root=None),
    "wevtutil with a root": events_document(EVENTS, root="Root"),
    "Event Viewer": events_document(EVENTS),
    "on one line": "".join(EVENTS),
    "with comments": "<Events>" + "<!-- <Event> </Event> -->".join(EVENTS) + "</Events>",
    "namespace at the root": f"<Events xmlns='{NAMESPACE}'>" + "".join(EVENTS).replace(f" xmlns='{NAMESPACE}'", "")
    + "</Events>",
    "with a prefix": "".join(EVENTS).replace("<", "<e:").replace("<e:/", "</e:").replace(" xmlns=", " xmlns:e="),
    "joined, each with a mark": "\ufeff".join(f"{event}\r\n" for event in EVENTS),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_form_in_every_encoding_is_the_same_events(name: str, code: str) -> None:
    """With and without root, byte-order mark, line ends and prefixes, the records are the same."""
    decoded = read(DOCUMENTS[name].encode(code))
    assert decoded.problems == []
    assert [plain(found) for found in decoded.records] == RECORDS


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_offsets_are_where_events_begin(name: str, code: str) -> None:
    """Each record's offset is the first byte of its event in the file, whatever a character takes."""
    data = DOCUMENTS[name].replace("ScanJobs", "Größe€😀").encode(code)
    starts = [found.offset for found in read(data).records]
    tag = "<e:Event" if "prefix" in name else "<Event"
    encoded = tag.encode("utf-16-le" if code == "utf-16" else code)
    assert len(starts) == len(set(starts)) == 5
    assert all(data[start:].startswith(encoded) for start in starts)


def test_the_message_comes_from_the_rendering() -> None:
    """An event saved with its texts has its message, line ends as they are; the other texts change no field."""
    text = "Skipped <ScanJobs.fdb> & more.\r\n\r\nÜber"
    decoded = read(events_document([event_xml(record(), Rendering(text, "de-DE", "Informationen"))]).encode())
    assert decoded.problems == []
    assert [plain(found) for found in decoded.records] == [record(message=text)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2008-01-10T12:00:35.1234567Z", "2008-01-10T12:00:35.123456Z"),
        ("2008-01-10T12:00:35.123456789Z", "2008-01-10T12:00:35.123456Z"),
        ("2008-01-10T12:00:35Z", "2008-01-10T12:00:35.000000Z"),
        ("2008-01-10T12:00:35.5", "2008-01-10T12:00:35.500000Z"),
        ("2008-01-10T13:00:35.5+01:00", "2008-01-10T12:00:35.500000Z"),
        ("2008-01-10T06:30:35-0530", "2008-01-10T12:00:35.000000Z"),
    ],
)
def test_times_are_exact_in_every_form(written: str, shown: str) -> None:
    """Any number of digits, an offset, and no zone at all (it is UTC by definition) give the right moment."""
    text = EVENTS[0]
    start = text.index("SystemTime='") + len("SystemTime='")
    decoded = read((text[:start] + written + text[text.index("'", start) :]).encode())
    assert [iso_utc(found.generated) for found in decoded.records] == [shown]
    assert decoded.problems == []


def test_a_time_that_is_none_is_told() -> None:
    """An event whose time cannot be read stays an event, without a time, and the damage has its place."""
    text = EVENTS[0].replace("SystemTime='2008", "SystemTime='20x8")
    decoded = read(f"  {text}".encode())
    assert [found.generated for found in decoded.records] == [None]
    assert losses(decoded) == [(ProblemKind.BAD_RECORD, 2, len(text))]


@pytest.mark.parametrize("declared", ["utf-16", "UTF-8", "no-such-code", "windows-1252", "rot13", "zlib"])
def test_wrong_declarations_change_nothing(declared: str) -> None:
    """What the bytes show goes before what the file declares."""
    document = f'<?xml version="1.0" encoding="{declared}"?><Events>{EVENTS[0]}</Events>'.replace("ScanJobs", "Größe")
    for code in ("utf-8", "utf-16"):
        decoded = read(document.encode(code))
        assert [found.strings[0] for found in decoded.records] == ["Größe.fdb"]
        assert losses(decoded) == []


def test_bytes_of_a_code_page_are_read_by_it_or_assumed() -> None:
    """Bytes that are no UTF-8 are of the declared page; without one Windows-1252 is taken, and said once a file."""
    text = "".join(EVENTS).replace("ScanJobs", "Größe")
    declared = read(f'<?xml version="1.0" encoding="ibm850"?><E>{text}</E>'.encode("cp850"))
    assert {found.strings[0] for found in declared.records} == {"Größe.fdb"}
    assert declared.problems == []
    assumed = read(text.encode("cp1252"))
    assert {found.strings[0] for found in assumed.records} == {"Größe.fdb"}
    assert [(p.kind, p.offset) for p in assumed.problems] == [(ProblemKind.ASSUMED, 0)]


def test_damage_in_one_event_costs_that_event() -> None:
    """Whatever is written over a part of one event, all others are read, and the damage is told where it is."""
    text = events_document(EVENTS)
    start = text.index(EVENTS[2])
    for at in range(0, len(EVENTS[2]) - 20, 13):
        data = bytearray(text.encode())
        data[start + at : start + at + 20] = bytes(20)
        decoded = read(bytes(data))
        others = [plain(found) for found in decoded.records if found.event_record_id != 3]
        kept = [found for found in others if found in RECORDS]
        assert kept == [RECORDS[0], RECORDS[1], RECORDS[3], RECORDS[4]]
        third = [plain(found) for found in decoded.records if plain(found) not in kept]
        # Zeros within a text change it and break nothing; those in the name of the namespace change nothing.
        assert losses(decoded) or third == [RECORDS[2]] or "\\x00" in str(third)
        for _, offset, length in losses(decoded):
            assert start <= offset + length
            assert offset < start + len(EVENTS[2])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_file_cut_anywhere_keeps_the_events_before_the_cut(data: st.DataObject) -> None:
    """A cut file gives each event that is whole in it, and says that it is cut, in a file with a root always."""
    name = data.draw(st.sampled_from(["wevtutil", "Event Viewer", "wevtutil with a root"]))
    code = data.draw(st.sampled_from(["utf-8", "utf-16"]))
    text = DOCUMENTS[name].encode(code)
    cut = data.draw(st.integers(1, len(text) - 1))
    decoded = read(text[:cut])
    end = "</Event>".encode("utf-16-le" if code == "utf-16" else code)
    whole = text[:cut].count(end)
    assert [plain(found) for found in decoded.records][:whole] == RECORDS[:whole]
    assert len(decoded.records) <= whole + 1
    if name != "wevtutil" and whole:
        assert losses(decoded) or text[cut:].strip() in (b"", b">")


@example(["<a>", "<!--", EVENTS[0], EVENTS[0]])
@example(["-->", "<!--", "</Event>", EVENTS[0], EVENTS[0]])
@given(
    st.lists(
        st.sampled_from([*EVENTS, "<Event ", "<Event>", "</Event>", "<!--", "-->", "<![CDATA[", "]]>", "<a>", "x"])
    )
)
@settings(max_examples=200, deadline=None)
def test_any_pieces_give_the_same_whatever_the_buffer(pieces: list[str]) -> None:
    """However events and broken tags follow each other, what is read does not depend on the size of the buffer."""
    data = "".join(pieces).encode()
    whole = read(data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(framing, "READ_SIZE", 97)
        patched.setattr(framing, "_AHEAD", 700)
        small = read(data)
    assert small.records == whole.records
    assert {(p.kind, p.detail) for p in small.problems} == {(p.kind, p.detail) for p in whole.problems}


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """No bytes raise."""
    assert len(read(data + EVENTS[0].encode()).records) <= 1


def test_an_element_of_the_same_name_in_the_data_is_no_event() -> None:
    """`Event` within an event's own data belongs to it; the start of another event within one that is cut does not."""
    inner = EVENTS[0].replace("<EventData>", "<UserData><Event><Event/><Name>CMS1</Name></Event></UserData><EventData>")
    decoded = read((inner + EVENTS[1]).encode())
    assert [found.event_record_id for found in decoded.records] == [1, 2]
    assert decoded.problems == []
    cut = EVENTS[0][:-30]
    decoded = read((cut + EVENTS[1]).encode())
    assert [found.event_record_id for found in decoded.records] == [1, 2]
    assert losses(decoded) == [(ProblemKind.BAD_RECORD, 0, len(cut))]


@pytest.mark.parametrize(
    "piece", ["<Event ", "<Event>", "<!--", "<![CDATA[", "<", "</Event>", "x", "<Event a='", "<e:Event>"]
)
def test_megabytes_of_one_piece_take_seconds(piece: str) -> None:
    """Repeated openers of anything are read in time that grows with the file, and what they hide is told."""
    started = time.process_time()
    decoded = read((EVENTS[0] + piece * (3_000_000 // len(piece))).encode())
    assert time.process_time() - started < 8
    assert [found.event_record_id for found in decoded.records][:1] == [1]
    assert losses(decoded)


def test_blocks_hold_a_few_megabytes_of_any_file() -> None:
    """A long file comes in many blocks, none larger than the longest event and a buffer."""
    data = events_document(EVENTS * 1000, root=None).encode("utf-16")
    blocks = list(XmlReader(io.BytesIO(data)).blocks())
    assert len(blocks) > 4
    assert max(block.size for block in blocks) < framing.READ_SIZE + 2 * framing.MAX_EVENT
    assert sum(len(block.decode().records) for block in blocks) == 5000
