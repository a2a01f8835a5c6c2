"""The records that the generator says its log files hold are those that readers find in the files."""

from __future__ import annotations

import io
from datetime import datetime
from xml.etree import ElementTree as ET

import evtx
import pyevt
import pytest

from parsers.evt.reader import EvtReader
from parsers.evtx.reader import EvtxReader
from samples.incident import DEGRADATIONS, SYSTEMS, ClockStep, Setting, build
from samples.incident.clock import TICKS, UNIX_EPOCH
from samples.incident.failover_cluster import ClusterSetting, build_cluster

XML = "{http://schemas.microsoft.com/win/2004/08/events/event}"
STEPS = (ClockStep(4, 0, 95), ClockStep(7, 1, -300))


def setting(system, kind=None):
    """A short incident of which everything that a record can show differs from the defaults."""
    return Setting(
        "double-failover",
        system,
        11,
        node_names=("MBX-B", "MBX-A"),
        noise_seconds=3000,
        clock_steps=STEPS,
        security_log=True,
        copy_times="receiver",
        lower_case=True,
        degraded=(kind,) if kind else (),
    )


@pytest.fixture(
    scope="module", params=[(system, kind) for system in SYSTEMS for kind in [None, *sorted(DEGRADATIONS)]], ids=str
)
def incident(request):
    """An incident of each system with each kind of damage."""
    return build(setting(*request.param))


def by_project(path, data):
    """Records that are live, by this project's readers: (number, computer, source, id, generated, written, strings)."""
    reader = EvtReader(data) if path.endswith(".Evt") else EvtxReader(data)
    records = [record for block in reader.blocks() for record in block.decode().records if not record.recovered]
    return [
        (r.record_number, r.computer, r.source, r.event_id, r.generated, r.written, tuple(r.strings)) for r in records
    ]


def by_libevt(data):
    """The same by libevt."""
    file = pyevt.file()
    with io.BytesIO(data) as stream:
        file.open_file_object(stream)
        found = []
        for index in range(file.number_of_records):
            record = file.get_record(index)
            times = record.get_creation_time_as_integer(), record.get_written_time_as_integer()
            found.append(
                (
                    record.identifier,
                    record.computer_name,
                    record.source_name,
                    record.event_identifier & 0xFFFF,
                    *(UNIX_EPOCH + time * TICKS for time in times),
                    tuple(text or "" for text in record.strings),
                )
            )
        file.close()
    return found


def by_rust(data):
    """What `evtx` shows: number, computer, source, id, time of the record's XML cut to microseconds."""
    found = []
    for record in evtx.PyEvtxParser(io.BytesIO(data)).records():
        system = ET.fromstring(record["data"]).find(f"{XML}System")  # noqa: S314 -- rendered from our own bytes
        created = datetime.fromisoformat(system.find(f"{XML}TimeCreated").get("SystemTime"))
        microseconds = round(created.timestamp() * 1_000_000)
        found.append(
            (
                int(system.findtext(f"{XML}EventRecordID")),
                system.findtext(f"{XML}Computer"),
                system.find(f"{XML}Provider").get("Name"),
                int(system.findtext(f"{XML}EventID")),
                microseconds,
            )
        )
    return found


def files_of(incident):
    return {item.path: item.content for item in incident.items}


def test_every_log_file_has_its_records_and_no_other_has(incident):
    """`entries` and the log files of `items` are the same logs."""
    logs = sorted(path for path in files_of(incident) if path.endswith((".Evt", ".evtx")))
    assert [log.path for log in incident.entries] == logs != []
    assert all(len(log.records) == len(log.hidden) > 0 for log in incident.entries)


def test_this_projects_readers_find_the_records(incident):
    """Each live record of each file, with all that a record has, torn files included."""
    files = files_of(incident)
    for log in incident.entries:
        assert by_project(log.path, files[log.path]) == [tuple(record) for record in log.records]


def test_independent_readers_find_the_records(incident):
    """Libevt and `evtx` find them in files that are not torn."""
    files = files_of(incident)
    torn = {entry.get("log") for entry in incident.truth["degraded"] if entry["kind"] == "torn"}
    for log in incident.entries:
        if log.path in torn:
            continue
        if log.path.endswith(".Evt"):
            assert by_libevt(files[log.path]) == [tuple(record) for record in log.records]
        else:
            shown = [(*record[:4], (record.generated - UNIX_EPOCH) // 10) for record in log.records]
            assert by_rust(files[log.path]) == shown


def test_copies_share_their_occurrence_and_nothing_else_does():
    """On Server 2003 each copy has one original, in the log of the node that it names, unless the log has lost it."""
    incident = build(setting("2003"))
    originals, copies = {}, []
    for log in incident.entries:
        for record, hidden in zip(log.records, log.hidden, strict=True):
            if hidden.copied:
                copies.append((log, record, hidden.occurrence))
            else:
                assert hidden.occurrence not in originals
                originals[hidden.occurrence] = (log, record)
    assert len(copies) > 100
    assert len({(log.owner, occurrence) for log, _, occurrence in copies}) == len(copies)
    for log, record, occurrence in copies:
        home, original = originals[occurrence]
        assert home.owner != log.owner
        assert home.log == log.log
        assert original.computer == record.computer == home.owner.lower()
        assert original.strings == record.strings


def test_making_files_does_not_change_the_records():
    """What is asked for first does not matter."""
    first, second = (build(setting("2008", "gap")) for _ in range(2))
    records = first.entries
    assert first.items == second.items
    assert second.entries == records


@pytest.mark.parametrize("system", SYSTEMS)
def test_files_of_a_larger_cluster_hold_its_records(system):
    """Logs of three nodes are read back as their records too, strings of groups with blanks and brackets included."""
    cluster = build_cluster(ClusterSetting("cluster", system, 3, noise_seconds=5000, clock_steps=STEPS[:1]))
    files = files_of(cluster)
    assert len(cluster.entries) >= 3
    for log in cluster.entries:
        assert by_project(log.path, files[log.path]) == [tuple(record) for record in log.records]


def test_a_month_does_not_wrap_its_logs():
    """A log that is larger than half a megabyte is as large as it needs to be: nothing of it is overwritten."""
    incident = build(Setting("long", "2003", 2, dropped_copies=0))
    files = files_of(incident)
    log = max(incident.entries, key=lambda log: len(log.records))
    assert len(files[log.path]) > 0x80000
    assert by_libevt(files[log.path]) == [tuple(record) for record in log.records]
