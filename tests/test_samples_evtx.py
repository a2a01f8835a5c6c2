"""The .evtx builder, held against three independent readers: evtx (Rust), libevtx and python-evtx."""

from __future__ import annotations

import io
import struct
import time
import uuid
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree as ET

import evtx
import Evtx.Evtx
import pyevtx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples.builders import evtx_values as v
from samples.builders.evtx import (
    CHUNK_SIZE,
    CLASSIC_KEYWORDS,
    FLAG_DIRTY,
    HEADER_SIZE,
    Classic,
    EvtxEvent,
    EvtxWriter,
    Named,
    UserData,
)
from samples.builders.evtx_templates import ChunkNames, Element, Template

NOON = 128_444_400_000_000_000
SYSTEM = v.sid_bytes("S-1-5-18")
XML = "{http://schemas.microsoft.com/win/2004/08/events/event}"


class Seen(NamedTuple):
    """What a reader says of a record, in the terms that all three share."""

    number: int
    event_id: int
    provider: str
    computer: str
    channel: str
    texts: list[str]


def tidy(text: str | None) -> str:
    """The text of an element; the Rust reader breaks the line inside an empty one."""
    return text if text and text.strip() else ""


def system_of(text: str) -> ET.Element:
    """The System part of rendered XML."""
    return ET.fromstring(text).find(f"{XML}System")  # noqa: S314 -- rendered from our own bytes


def from_xml(number: int, text: str) -> Seen:
    """The record of a reader that renders XML."""
    root = ET.fromstring(text)  # noqa: S314 -- rendered from our own bytes
    system = root.find(f"{XML}System")
    payload = root.find(f"{XML}EventData")
    if payload is None:
        user = root.find(f"{XML}UserData")
        payload = None if user is None else user[0]
    texts = [] if payload is None else [tidy(e.text) for e in payload if e.tag != f"{XML}Binary"]
    return Seen(
        number,
        int(system.findtext(f"{XML}EventID")),
        system.find(f"{XML}Provider").get("Name"),
        system.findtext(f"{XML}Computer"),
        system.findtext(f"{XML}Channel"),
        texts,
    )


def by_rust(log: bytes) -> list[Seen]:
    """Records as `evtx` gives them; it fails at the first damage."""
    found = evtx.PyEvtxParser(io.BytesIO(log)).records()
    return [from_xml(record["event_record_id"], record["data"]) for record in found]


def by_libevtx(log: bytes, *, recovered: bool = False) -> list[Seen]:
    """Records as libevtx gives them, one at a time: those it hands out go stale when it reads on.

    It must see no corruption, and in the slack something exactly when `recovered` says so.
    """
    with io.BytesIO(log) as stream:
        file = pyevtx.file()
        file.open_file_object(stream)
        assert not file.is_corrupted()
        assert (file.number_of_recovered_records > 0) == recovered
        result = []
        for index in range(file.number_of_records):
            record = file.get_record(index)
            result.append(from_xml(record.identifier, record.xml_string))
        file.close()
    return result


def by_python_evtx(path, log: bytes) -> list[Seen]:
    """Records as python-evtx gives them, which must find every checksum right."""
    path.write_bytes(log)
    with Evtx.Evtx.Evtx(str(path)) as file:
        assert file.get_file_header().verify()
        assert all(chunk.verify() for chunk in file.chunks())
        return [from_xml(record.record_num(), record.xml()) for record in file.records()]


def write(events, **options) -> bytes:
    """A finished log of the events."""
    stream = io.BytesIO()
    writer = EvtxWriter(stream)
    for event in events:
        writer.add(event)
    writer.close(**options)
    return stream.getvalue()


def event(index: int = 0, **changes) -> EvtxEvent:
    """A classic event of a moment that is the later the higher its index."""
    fields = {
        "created": NOON + index * 10_000_001,
        "provider": "MSExchangeIS Mailbox Store",
        "event_id": 9523,
        "channel": "Application",
        "computer": "EXNODE1.contoso.local",
        "payload": Classic((f"First Storage Group\\Mailbox Database {index}", "", "x")),
        "qualifiers": 0x4008,
        "task": 6,
    }
    return EvtxEvent(**(fields | changes))


def mixed(count: int) -> list[EvtxEvent]:
    """Events of several shapes, providers and computers."""
    shapes = [
        event,
        lambda i: event(i, provider="MSExchangeRepl", event_id=100, payload=Classic(("CMS1",), b"\1\2\3")),
        lambda i: event(
            i,
            provider="Microsoft-Windows-FailoverClustering",
            event_id=1201,
            channel="System",
            computer="EXNODE2.contoso.local",
            payload=Named((("ResourceGroup", v.string("CMS1")), ("Value", v.number(v.ValueType.UINT32, i)))),
            qualifiers=None,
            modern=True,
            user_sid=SYSTEM,
            process_id=1234,
            thread_id=5678,
        ),
        lambda i: event(i, payload=UserData("EventXML", "urn:x", (("Name", v.string(f"n{i}")),)), modern=True),
        lambda i: event(i, provider="W32Time", payload=Named(()), qualifiers=None),
        lambda i: event(i, provider="Application Popup", payload=Classic()),
    ]
    return [shapes[index % len(shapes)](index) for index in range(count)]


def expected(events, first: int = 1) -> list[Seen]:
    """What the events say of themselves."""
    result = []
    for number, item in enumerate(events, first):
        match item.payload:
            case Classic(strings=texts):
                texts = list(texts)
            case Named(values=values) | UserData(values=values):
                texts = [
                    value.raw.decode("utf-16-le") if value.type == 1 else str(struct.unpack("<I", value.raw)[0])
                    for _, value in values
                ]
            case _:
                texts = []
        result.append(Seen(number, item.event_id, item.provider, item.computer, item.channel, texts))
    return result


def by_all(path, log: bytes) -> list[list[Seen]]:
    """The records as each reader gives them; python-evtx puts the strings of an array in one element: here split."""
    third = [
        record._replace(texts=[part for text in record.texts for part in split_tags(text)])
        for record in by_python_evtx(path, log)
    ]
    return [by_rust(log), by_libevtx(log), third]


def split_tags(text: str) -> list[str]:
    """The strings of python-evtx's text for an array (`<string>a</string>`, one a line), else the text itself."""
    if "<string>" not in text:
        return [text]
    return [line.removeprefix("<string>").removesuffix("</string>") for line in text.strip().split("\n")]


def without_empty(records: list[Seen]) -> list[Seen]:
    """An empty array is no element in Windows and libevtx, and an empty one for the two others: both count as none."""
    return [record if any(record.texts) else record._replace(texts=[]) for record in records]


def test_three_readers_read_every_record_as_written(tmp_path):
    """Each reader finds each event, with its number, id, provider, computer, channel and strings in order."""
    events = mixed(360)
    for seen in by_all(tmp_path / "log.evtx", write(events)):
        assert without_empty(seen) == without_empty(expected(events))


def test_an_array_is_an_element_for_each_string_and_none_when_empty():
    """libevtx, which renders as Windows does, gives the insertion strings singly, empty ones too."""
    log = write([event(payload=Classic(("a", "", "c"), b"\xff")), event(payload=Classic())])
    assert [record.texts for record in by_libevtx(log)] == [["a", "", "c"], []]


def test_the_readers_agree_on_many_chunks():
    """Templates and names are defined anew in each chunk, so that readers that check strictly find nothing amiss."""
    events = mixed(3000)
    log = write(events)
    assert (len(log) - HEADER_SIZE) // CHUNK_SIZE > 5
    assert without_empty(by_rust(log)) == without_empty(by_libevtx(log)) == without_empty(expected(events))


def only_values(values) -> list[str]:
    """The texts that the Rust reader gives for typed values of one event."""
    fields = tuple((f"v{index}", value) for index, value in enumerate(values))
    (record,) = by_rust(write([event(payload=Named(fields), modern=True, qualifiers=None)]))
    return record.texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (v.string("Grüße\u4e2d"), "Grüße\u4e2d"),
        (v.ansi(b"plain"), "plain"),
        (v.number(v.ValueType.INT8, -5), "-5"),
        (v.number(v.ValueType.UINT8, 250), "250"),
        (v.number(v.ValueType.INT16, -300), "-300"),
        (v.number(v.ValueType.UINT16, 65535), "65535"),
        (v.number(v.ValueType.INT32, -2_000_000_000), "-2000000000"),
        (v.number(v.ValueType.UINT32, 4_000_000_000), "4000000000"),
        (v.number(v.ValueType.INT64, -(1 << 63)), "-9223372036854775808"),
        (v.number(v.ValueType.UINT64, (1 << 64) - 1), "18446744073709551615"),
        (v.number(v.ValueType.REAL32, 1.5), "1.5"),
        (v.number(v.ValueType.REAL64, -0.25), "-0.25"),
        (v.boolean(value=True), "true"),
        (v.boolean(value=False), "false"),
        (v.binary(b"\x00\xffA"), "00FF41"),
        (v.guid(uuid.UUID(int=0x0123456789ABCDEF0123456789ABCDEF)), "01234567-89AB-CDEF-0123-456789ABCDEF"),
        (v.number(v.ValueType.FILETIME, NOON), "2008-01-10T12:00:00.000000Z"),
        (v.systemtime(datetime(2008, 1, 10, 12, 0, 0, 5000, UTC)), "2008-01-10T12:00:00.005000Z"),
        (v.sid(v.sid_bytes("S-1-5-21-1-2-3-500")), "S-1-5-21-1-2-3-500"),
        (v.number(v.ValueType.HEX32, 0x80070005), "0x80070005"),
        (v.number(v.ValueType.HEX64, 0x80070005), "0x80070005"),
        (v.size(4096), "0x1000"),
        (v.size(4096, wide=False), "0x1000"),
        (v.NULL, ""),
    ],
    ids=lambda value: f"{v.ValueType(value.type).name}" if isinstance(value, v.Value) else None,
)
def test_each_type_of_value_reads_back(value, text):
    """An independent reader renders the value that was meant, in the type that was meant."""
    assert [found.upper() for found in only_values([value])] == [text.upper()]


def test_arrays_read_back_element_by_element():
    """An array of numbers is read as its numbers, signs kept."""
    numbers = v.array([v.number(v.ValueType.INT32, n) for n in (-1, 0, 7)])
    log = write([event(payload=Named((("list", numbers),)), modern=True)])
    assert by_rust(log)[0].texts == ["-1", "0", "7"]


def test_arrays_of_what_has_no_size_are_refused():
    """Strings of an array end at a NUL, and other values need one size: what cannot be read back is not written."""
    with pytest.raises(ValueError, match="NUL"):
        v.strings(["a\0b"])
    with pytest.raises(ValueError, match="fixed size"):
        v.array([v.string("a")])
    with pytest.raises(ValueError, match="one type"):
        v.array([v.number(v.ValueType.INT32, 1), v.number(v.ValueType.UINT32, 1)])


def test_system_fields_read_back():
    """User, process, thread, activity, level, opcode, keywords and the exact time are where readers look for them."""
    one = event(
        created=NOON + 1_234_567,
        written=NOON + 20_000_000,
        modern=True,
        level=2,
        opcode=3,
        version=1,
        task=19,
        keywords=0x8000_0000_0000_0010,
        user_sid=v.sid_bytes("S-1-5-21-7-8-9-1000"),
        process_id=77,
        thread_id=88,
        activity_id=uuid.UUID(int=5),
        event_record_id=900,
        record_number=900,
        provider_guid=uuid.UUID(int=1),
        event_source_name="Old Name",
    )
    log = write([one])
    (record,) = evtx.PyEvtxParser(io.BytesIO(log)).records()
    assert record["timestamp"].replace(" ", "T").startswith("2008-01-10T12:00:02")
    system = system_of(record["data"])
    assert system.find(f"{XML}TimeCreated").get("SystemTime") == "2008-01-10T12:00:00.123456Z"
    assert [system.findtext(f"{XML}{n}") for n in ("Level", "Opcode", "Version", "Task")] == ["2", "3", "1", "19"]
    assert system.findtext(f"{XML}Keywords") == "0x8000000000000010"
    assert system.find(f"{XML}Security").get("UserID") == "S-1-5-21-7-8-9-1000"
    assert system.find(f"{XML}Execution").attrib == {"ProcessID": "77", "ThreadID": "88"}
    assert system.find(f"{XML}Correlation").get("ActivityID").endswith("000000000005")
    assert system.find(f"{XML}Provider").get("EventSourceName") == "Old Name"
    assert system.findtext(f"{XML}EventRecordID") == "900"


def test_a_classic_event_has_the_elements_of_real_ones():
    """A classic event has Qualifiers and its keyword, and no Version, Opcode, Correlation or Execution."""
    (record,) = evtx.PyEvtxParser(io.BytesIO(write([event()]))).records()
    system = system_of(record["data"])
    assert {child.tag.removeprefix(XML) for child in system} == {
        *("Provider", "EventID", "Level", "Task", "Keywords", "TimeCreated"),
        *("EventRecordID", "Channel", "Computer", "Security"),
    }
    assert int(system.findtext(f"{XML}Keywords"), 16) == CLASSIC_KEYWORDS
    assert system.find(f"{XML}EventID").get("Qualifiers") == str(0x4008)


def test_a_classic_payload_is_stored_as_in_real_logs():
    """One array of all strings, then the size of the data, then the data: three substitutions, types 81, 08 and 0e."""
    log = write([event(payload=Classic(("a", "bc"), b"\1\2\3"))])
    array = "a\0bc\0".encode("utf-16-le")
    descriptors = struct.pack("<IHHHHHH", 3, len(array), 0x81, 4, 0x08, 3, 0x0E)
    assert descriptors + array + struct.pack("<I", 3) + b"\1\2\3" in log


def circular(count: int, chunks: int) -> bytes:
    """A log that kept only its last chunks."""
    stream = io.BytesIO()
    writer = EvtxWriter(stream, maximum_chunks=chunks)
    for item in mixed(count):
        writer.add(item)
    writer.close()
    return stream.getvalue()


def test_a_circular_log_keeps_the_newest_records():
    """The header names the oldest chunk, and readers find an unbroken run of numbers that ends with the last event."""
    log = circular(4000, 3)
    first, last, following = struct.unpack_from("<QQQ", log, 8)
    assert len(log) == HEADER_SIZE + 3 * CHUNK_SIZE
    assert (first, following) == ((last + 1) % 3, 4001)
    numbers = sorted(record.number for record in by_libevtx(log, recovered=True))
    assert numbers == list(range(numbers[0], 4001))
    oldest = struct.unpack_from("<Q", log, HEADER_SIZE + first * CHUNK_SIZE + 8)[0]
    assert oldest == numbers[0] > 1


def test_old_records_stay_in_the_slack_of_an_overwritten_chunk():
    """Behind the free-space offset of a chunk that was begun anew lie whole records of its earlier life."""
    stream = io.BytesIO()
    writer = EvtxWriter(stream, maximum_chunks=1)
    for index in range(50):
        writer.add(event(index))
    writer.end_chunk()
    writer.add(event(50))
    writer.close()
    log = stream.getvalue()
    free = struct.unpack_from("<I", log, HEADER_SIZE + 48)[0]
    at = log.find(b"**\0\0", HEADER_SIZE + free)
    assert [record.number for record in by_rust(log)] == [51]
    size, number = struct.unpack_from("<IQ", log, at + 4)
    assert 1 < number <= 50
    assert struct.unpack_from("<I", log, at + size - 4)[0] == size


def test_a_live_copy_has_a_stale_header_and_all_its_records():
    """Flag, chunk count and the last chunk's header are those of an earlier moment; the records are all there."""
    events = mixed(3000)
    log = write(events, flags=FLAG_DIRTY, counted_chunks=2, stale_last_chunk=True)
    clean = write(events)
    assert struct.unpack_from("<I", log, 0x78)[0] == FLAG_DIRTY
    assert struct.unpack_from("<H", log, 42)[0] == 2 < struct.unpack_from("<H", clean, 42)[0]
    assert log[HEADER_SIZE + CHUNK_SIZE * 2 : -CHUNK_SIZE] == clean[HEADER_SIZE + CHUNK_SIZE * 2 : -CHUNK_SIZE]
    assert log[-CHUNK_SIZE + 512 :] == clean[-CHUNK_SIZE + 512 :]
    first, last = struct.unpack_from("<QQ", log, len(log) - CHUNK_SIZE + 8)
    assert first == last < 3000


def test_empty_chunks_stand_behind_the_records():
    """Room that the service took ahead is zeros and counted by nobody."""
    log = write([event()], empty_chunks=2)
    assert len(log) == HEADER_SIZE + 3 * CHUNK_SIZE
    assert not any(log[HEADER_SIZE + CHUNK_SIZE :])
    assert len(by_rust(log)) == len(by_libevtx(log)) == 1


def test_a_log_without_events_is_a_log():
    """Nothing written is a header and no chunk."""
    assert len(write([])) == HEADER_SIZE
    assert by_rust(write([])) == []


def test_the_largest_event_fits_and_a_larger_one_is_refused_whole():
    """What fits no substitution raises ValueError and leaves the log as it was."""
    stream = io.BytesIO()
    writer = EvtxWriter(stream)
    writer.add(event(payload=Classic(("x" * 30_000,))))
    with pytest.raises(ValueError, match="65,535"):
        writer.add(event(payload=Classic(("x" * 33_000,))))
    with pytest.raises(ValueError, match="65,535"):
        writer.add(event(payload=Classic(("x" * 16_000, "y" * 17_000))))
    writer.add(event(payload=Classic(("after",))))
    writer.close()
    assert [len(record.texts[0]) for record in by_libevtx(stream.getvalue())] == [30_000, 5]


def test_the_same_events_are_the_same_bytes():
    """Nothing of the clock or of chance enters a log."""
    assert write(mixed(500)) == write(mixed(500))


text = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(text, min_size=1, max_size=5), st.integers(0, 65535)), min_size=1, max_size=30))
def test_any_strings_and_ids_come_back(rows):
    """Whatever the strings and ids, libevtx gives back the same ones in the same order."""
    events = [event(i, event_id=number, payload=Classic(tuple(texts))) for i, (texts, number) in enumerate(rows)]
    assert by_libevtx(write(events)) == expected(events)


@pytest.mark.parametrize(
    ("name", "hashed"), [("Event", 0x0CBA), ("xmlns", 0x0FBC), ("System", 0x546F), ("Provider", 0x7BF1)]
)
def test_names_have_the_hashes_of_real_logs(name, hashed):
    """The stored hash of a name is the one that real logs store, and its bucket is the one where they put it."""
    names = ChunkNames()
    definition = names.refer(Template(Element(name)), 1024)
    at = names.names[name]
    assert struct.unpack_from("<H", definition, at - 1024 + 4)[0] == hashed
    assert names.name_table[hashed % 64] == at


def test_a_template_is_in_the_bucket_of_real_logs():
    """The bucket of a GUID is the one in which a real log (Application, Windows 10) has the same GUID."""
    template = Template(Element("Event"))
    template.__dict__["guid"] = bytes.fromhex("5dfaf40dc61668508ac08aea575d0723")
    names = ChunkNames()
    names.refer(template, 1024)
    assert [bucket for bucket, offset in enumerate(names.template_table) if offset] == [9]


def test_a_log_is_built_fast_enough_for_benchmarks():
    """Ten thousand events are written in seconds, so that 100 MB take about a minute at most."""
    events = mixed(10_000)
    start = time.process_time()
    size = len(write(events))
    assert (time.process_time() - start) / size * 100e6 < 90
