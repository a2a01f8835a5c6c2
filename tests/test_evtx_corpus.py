"""Real .evtx logs: what is read of each is pinned, and held against three independent readers.

The pins are (live, recovered, losses). What backs them:

- live: libevtx and `evtx` find the same number by the same chain of sizes from each chunk's start to its free space;
  where the pin is higher, `WHY_MORE` says which records the others drop, and why they are records of the log.
- recovered: a plain search for record signatures with two equal copies of the size (`signatures`), written without our
  reader, finds exactly live + recovered; `WHY_NOT_SIGNATURES` names the records of which one copy is damaged.
- losses: the damage that these logs are known for; none in a log that all readers read without complaint.
"""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pyevtx
import pytest
from evtx import PyEvtxParser
from Evtx.Evtx import Evtx

from parsers.evtx import chunk
from parsers.evtx.reader import EvtxReader
from parsers.evtx.templates import COMPILE_AFTER, TemplateStore
from parsers.problems import HARMLESS, ProblemKind
from parsers.records import Decoded, read_all
from parsers.times import filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Pin(NamedTuple):
    """What is in a log: live records, recovered records, losses."""

    live: int
    recovered: int
    losses: int


PINS = {
    "Velocidex-Microsoft-Windows-CAPI2_Operational_EventID70.evtx": Pin(1, 1, 0),
    "Velocidex-Security.evtx": Pin(739, 39, 0),
    "Velocidex-Security_1_record.evtx": Pin(1, 77, 0),
    "apache-1344_events.evtx": Pin(1344, 101, 0),
    "apache-3778_events_not_exported.evtx": Pin(3778, 94, 0),
    "apache-application-logs.evtx": Pin(1276, 31, 1),
    "log2timeline-System.evtx": Pin(5009, 0, 0),
    "log2timeline-System2.evtx": Pin(284, 0, 3),
    "omerbenamram-2-system-Microsoft-Windows-LiveId%4Operational.evtx": Pin(399, 9, 0),
    "omerbenamram-2-vss_0-Microsoft-Windows-RemoteDesktopServices-RdpCoreTS%4Operational.evtx": Pin(1912, 155, 2),
    "omerbenamram-2-vss_0-Microsoft-Windows-TerminalServices-RemoteConnectionManager%4Operational.evtx": Pin(
        1796, 246, 2
    ),
    "omerbenamram-2-vss_7-System.evtx": Pin(1160, 25, 1),
    "omerbenamram-Application_no_crc32.evtx": Pin(17, 34, 0),
    "omerbenamram-E_ShadowCopy6_windows_system32_winevt_logs_Microsoft-Windows-CAPI2%4Operational.evtx": Pin(
        459, 14, 0
    ),
    "omerbenamram-E_Windows_system32_winevt_logs_Microsoft-Windows-CAPI2%4Operational.evtx": Pin(340, 0, 0),
    "omerbenamram-E_Windows_system32_winevt_logs_Microsoft-Windows-Shell-Core%4Operational.evtx": Pin(1146, 128, 0),
    "omerbenamram-MSExchange_Management_wec.evtx": Pin(1, 9, 0),
    "omerbenamram-Microsoft-Windows-HelloForBusiness%4Operational.evtx": Pin(6, 0, 2),
    "omerbenamram-Microsoft-Windows-LanguagePackSetup%4Operational.evtx": Pin(17, 15, 2),
    "omerbenamram-Security_short_selected.evtx": Pin(7, 8, 0),
    "omerbenamram-Security_with_size_t.evtx": Pin(636, 0, 0),
    "omerbenamram-new-user-security.evtx": Pin(4, 6, 0),
    "omerbenamram-post-Security.evtx": Pin(126, 0, 0),
    "omerbenamram-sample-with-irregular-bool-values.evtx": Pin(3028, 104, 0),
    "omerbenamram-sample-with-zero-data-size-event.evtx": Pin(450, 33, 1),
    "omerbenamram-sample_with_a_bad_chunk_magic.evtx": Pin(301, 132, 12),
    "omerbenamram-security_bad_string_cache.evtx": Pin(2261, 30, 0),
    "omerbenamram-sysmon.evtx": Pin(358, 0, 0),
    "omerbenamram-system.evtx": Pin(1881, 79, 0),
    "williballenthin-dns_log_malformed.evtx": Pin(5, 0, 0),
    "williballenthin-issue_38.evtx": Pin(1, 38, 0),
    "williballenthin-issue_39.evtx": Pin(394, 27, 0),
    "williballenthin-issue_43.evtx": Pin(1730, 71, 0),
    "williballenthin-security.evtx": Pin(2261, 30, 0),
    "williballenthin-system.evtx": Pin(1601, 0, 0),
}

# Live records that other readers do not count, and why they are the log's own.
WHY_MORE = {
    "apache-application-logs.evtx": "record 141 of chunk 1 is overwritten with zeros; 142 to 229 stand behind it, "
    "in the chunk's own range of identifiers and before its free space",
    "log2timeline-System2.evtx": "the file ends in the middle of its third chunk, which others leave out",
    "omerbenamram-2-vss_0-Microsoft-Windows-RemoteDesktopServices-RdpCoreTS%4Operational.evtx": "two records are half "
    "overwritten; what is left of them is read",
    "omerbenamram-2-vss_0-Microsoft-Windows-TerminalServices-RemoteConnectionManager%4Operational.evtx": "records "
    "behind a block of another time, in their chunk's own range of identifiers",
    "omerbenamram-Microsoft-Windows-HelloForBusiness%4Operational.evtx": "record 6 is half overwritten",
    "omerbenamram-Microsoft-Windows-LanguagePackSetup%4Operational.evtx": "record 17 is half overwritten",
    "omerbenamram-sample-with-zero-data-size-event.evtx": "record 3 has the size 0; it and 4 to 117 of the same chunk "
    "stand before the free space",
    "omerbenamram-sample_with_a_bad_chunk_magic.evtx": "records behind overwritten blocks, in their chunks' own ranges",
}


def log_of(corpus: Path, name: str) -> Path:
    path = corpus / "evtx" / name
    if not path.exists():
        pytest.skip(f"{name} is not in the corpus")
    return path


def read(path: Path, compile_after: int = COMPILE_AFTER) -> Decoded:
    with path.open("rb") as stream:
        return read_all(EvtxReader(stream, compile_after=compile_after))


def signatures(data: bytes) -> int:
    """Records with a signature and two equal copies of their size, counted without looking at chunks."""
    count = at = 0
    while (at := data.find(b"\x2a\x2a\0\0", at)) >= 0:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        whole = 28 <= size <= 65536 and data[at + size - 4 : at + size] == data[at + 4 : at + 8]
        count += whole
        at += size if whole else 1
    return count


@pytest.mark.parametrize("name", PINS)
def test_counts_are_pinned(corpus: Path, name: str) -> None:
    """Each log gives exactly the live records, recovered records and losses that were accounted for."""
    decoded = read(log_of(corpus, name))
    live = sum(not record.recovered for record in decoded.records)
    losses = sum(problem.kind not in HARMLESS for problem in decoded.problems)
    assert Pin(live, len(decoded.records) - live, losses) == PINS[name]


def test_every_log_of_the_corpus_is_pinned(corpus: Path) -> None:
    """No log of the corpus goes untested."""
    assert {path.name for path in (corpus / "evtx").iterdir()} == set(PINS)


@pytest.mark.parametrize("name", PINS)
def test_every_whole_record_in_the_bytes_is_read_once(corpus: Path, name: str) -> None:
    """As many records as a plain search for signatures finds, plus those of which a copy of the size is damaged."""
    path = log_of(corpus, name)
    decoded = read(path)
    halves = sum(
        problem.kind in {ProblemKind.BAD_RECORD, ProblemKind.REMAINS} and "copy of it differ" in problem.detail
        for problem in decoded.problems
    )
    assert len(decoded.records) - halves == signatures(path.read_bytes())


@pytest.mark.parametrize("name", PINS)
def test_no_record_is_made_up(corpus: Path, name: str) -> None:
    """Every record stands in the bytes at the offset it states, with the number and time it states, and only once."""
    path = log_of(corpus, name)
    data, records = path.read_bytes(), read(path).records
    for record in records:
        assert data[record.offset : record.offset + 4] == b"\x2a\x2a\0\0"
        assert struct.unpack_from("<QQ", data, record.offset + 8) == (record.record_number, record.written)
    assert len({record.offset for record in records}) == len(records)


@pytest.mark.parametrize("name", PINS)
def test_compiled_and_interpreted_records_are_equal(corpus: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions made from templates and the step-by-step interpreter give the same records, field by field."""
    path = log_of(corpus, name)
    monkeypatch.setattr(chunk, "_STORE", TemplateStore())  # nothing is compiled yet, whatever other tests read
    interpreted = read(path, compile_after=1 << 30)
    read(path, compile_after=0)  # compiles every shape, so that the next reading interprets none that can be compiled
    compiled = read(path, compile_after=0)
    assert compiled.records == interpreted.records
    assert compiled.problems == interpreted.problems


def by_libevtx(path: Path) -> Iterator[tuple[int, int, int, str]]:
    log = pyevtx.file()
    log.open(str(path))
    try:
        for index in range(log.get_number_of_records()):
            try:
                record = log.get_record(index)
            except OSError:
                continue  # libevtx cannot read it; nothing to compare
            yield record.get_identifier(), record.get_written_time_as_integer(), *_event(record)
    finally:
        log.close()


def _event(record: pyevtx.record) -> tuple[int, str]:
    try:
        return record.get_event_identifier() & 0xFFFF, record.get_source_name() or ""
    except OSError:
        return -1, ""


@pytest.mark.parametrize("name", PINS)
def test_every_record_of_libevtx_is_there(corpus: Path, name: str) -> None:
    """Each live record that libevtx reads is among ours with the same number, time of writing, id and source."""
    path = log_of(corpus, name)
    records = read(path).records
    # libevtx gives the classic name of a source where there is one.
    ours = Counter((r.record_number, r.written, r.event_id, r.event_source_name or r.source or "") for r in records)
    bare = Counter((r.record_number, r.written) for r in records)
    theirs = list(by_libevtx(path))
    assert theirs or PINS[name].live < 500  # an oracle that reads nothing proves nothing
    missing = Counter(theirs) - ours
    # Where libevtx gives no id (a record half overwritten), number and time must still be there.
    assert all(event_id == -1 and bare[number, written] for number, written, event_id, _ in missing)


def by_evtx(path: Path) -> Iterator[dict[str, Any]]:
    records = iter(PyEvtxParser(str(path)).records())
    for _ in range(100_000):
        try:
            yield next(records)
        except StopIteration:
            return
        except RuntimeError:
            continue  # a record it cannot read; it goes on with the next


@pytest.mark.parametrize("name", PINS)
def test_every_record_of_the_rust_reader_is_there(corpus: Path, name: str) -> None:
    """Each record that `evtx` reads is live among ours: at least as often, by number."""
    path = log_of(corpus, name)
    theirs = Counter(record["event_record_id"] for record in by_evtx(path))
    ours = Counter(r.record_number for r in read(path).records if not r.recovered)
    assert sum(theirs.values()) > 0
    assert theirs - ours == Counter()


@pytest.mark.parametrize("name", PINS)
def test_every_record_of_python_evtx_is_there(corpus: Path, name: str) -> None:
    """Each record that python-evtx finds, chunks behind the header's count included, is among ours."""
    path = log_of(corpus, name)
    with Evtx(str(path)) as log:
        theirs = Counter(
            (record.offset(), record.record_num())
            for chunk in log.get_file_header().chunks(include_inactive=True)
            if chunk.check_magic()
            for record in chunk.records()
            if record.magic() == 0x2A2A
        )
    ours = Counter((record.offset, record.record_number) for record in read(path).records)
    assert sum(theirs.values()) >= 1
    assert theirs - ours == Counter()


# What XML cannot hold, and the character that `evtx` puts in the place of half a surrogate pair.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffd]")
NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
MOMENT = re.compile(r"(\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d)\.\d+z")


# A record half overwritten; truth values such as 16, which Windows prints as true and `evtx` as the number.
NOT_COMPARED = {
    "omerbenamram-Microsoft-Windows-HelloForBusiness%4Operational.evtx",
    "omerbenamram-sample-with-irregular-bool-values.evtx",
}


def same_form(text: str | None) -> str:
    """A value without the differences of form between two renderings: case, braces, line ends, digits of a second."""
    flat = CONTROL.sub("", (text or "").replace("\r\n", "\n").replace("\r", "\n")).strip().lower()
    return MOMENT.sub(r"\1", flat).removeprefix("{").removesuffix("}")


@pytest.mark.parametrize("name", sorted(PINS.keys() - NOT_COMPARED))
def test_strings_are_those_of_the_rust_reader(corpus: Path, name: str) -> None:
    """The values of EventData are the texts of the Data elements that `evtx` prints, in the same order."""
    path = log_of(corpus, name)
    ours = {(r.record_number, r.written // 10): r for r in read(path).records if not r.recovered}
    compared = 0
    for rendered in by_evtx(path):
        event = ET.fromstring(CONTROL.sub("", rendered["data"]))  # noqa: S314  # made by `evtx`
        data = event.find(f"{NAMESPACE}EventData")
        moment = datetime.fromisoformat(rendered["timestamp"].removesuffix(" UTC").removesuffix("Z")).replace(
            tzinfo=UTC
        )
        record = ours.get((rendered["event_record_id"], filetime_from_datetime(moment) // 10))
        if data is None or record is None or any(element.tag.endswith("ComplexData") for element in data):
            continue
        theirs = [same_form(element.text) for element in data.iter(f"{NAMESPACE}Data")]
        mine = [same_form(text) for text in record.strings]
        # An array of no items is no element here and one empty element there.
        assert mine == theirs or [t for t in mine if t] == [t for t in theirs if t]
        compared += 1
    assert compared or all(record.payload or not record.strings for record in ours.values())  # only UserData there


def test_what_the_others_drop_is_explained(corpus: Path) -> None:
    """Where more live records are pinned than libevtx reads, the reason is written down; nowhere else."""
    more = set()
    for name, pin in PINS.items():
        log = pyevtx.file()
        log.open(str(log_of(corpus, name)))
        if pin.live > log.get_number_of_records():
            more.add(name)
        log.close()
    assert more == set(WHY_MORE)


def test_repeated_names_are_kept(corpus: Path) -> None:
    """Two data elements of one name stay two values: a reader that goes through a JSON object loses one."""
    records = read(log_of(corpus, "omerbenamram-Security_with_size_t.evtx")).records
    repeated = [r for r in records if r.names and len(set(r.names)) < len(r.names)]
    assert repeated
    assert all(len(r.names or ()) == len(r.strings) for r in repeated)
    assert any((r.names or ()).count("LogonGuid") == 2 for r in repeated)


def test_insertion_strings_stand_in_order(corpus: Path) -> None:
    """A classic event's strings come in the order and number in which they were written, without names."""
    records = read(log_of(corpus, "log2timeline-System.evtx")).records
    uptime = next(r for r in records if r.source == "EventLog" and r.event_id == 6013)
    assert list(uptime.strings) == ["", "", "", "", "42", "60", "480 Pacific Standard Time"]
    assert uptime.names is None
