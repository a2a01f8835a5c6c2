"""cluster.log and ProgramLog.txt in a case: events of their node, found by their text, in the zone named."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.store import Case
from forensics.case.verify import verify_case
from forensics.coverage import log_coverage
from forensics.ingest import decoders
from forensics.ingest.account import IngestOptions, IngestSummary
from forensics.ingest.run import ingest
from samples.builders.evtx import EvtxEvent, EvtxWriter

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = (
    "378.32c::2008/01/10-12:00:18.874 Cluster service started - Cluster Node \r\n  Version 3.2051\r\n"
    "378.380::2008/01/10-12:00:35.123 INFO [NM] Forming cluster membership.\r\n"
    "378.380::2008/01/10-12:00:36.000 ERR  [FM] it failed\r\n"
)
PROGRAM = (
    '1/10/2008 12:00:35 PM( 6288-12416),"INFORMATION: Initializing virus scanning"\r\n'
    '1/14/2008 1:00:35 AM(11340-15956),"ERROR: (0x800706be) The remote procedure call failed."\r\n'
)
UNDATED = "0a4::15-12:00:35.123 [CS] Cluster Service started\r\n" * 3


def evtx_of(computer: str) -> bytes:
    stream = io.BytesIO()
    with EvtxWriter(stream) as writer:
        writer.add(EvtxEvent(128_444_000_000_000_000, "EventLog", 6005, "System", computer))
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "evidence" / "EXNODE1"
    place.mkdir(parents=True)
    (place / "cluster.log").write_text(CLUSTER, newline="")
    (place / "ProgramLog.txt").write_text(PROGRAM, newline="")
    return tmp_path / "evidence"


def read(folder: Path, **options: object) -> IngestSummary:
    with Case.open_or_create(folder.with_name("case.db")) as case:
        summary = ingest(case, [folder], IngestOptions(**options))  # type: ignore[arg-type]
        assert verify_case(case) == []
    return summary


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with Case.open(folder.with_name("case.db")) as case:
        return [tuple(row) for row in case.rows(sql)]


def ccrf(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    return result.exit_code, result.stdout, result.stderr


def test_both_logs_become_events(folder: Path):
    """Each entry is an event with source, level and message; what a text log does not have stays null."""
    summary = read(folder, source_tz=ZoneInfo("Europe/Berlin"))
    assert (summary.events, summary.whole, summary.assumed_tz) == (5, True, [])
    found = rows(
        folder,
        "SELECT log, source, event_id, level, time_generated, message FROM events ORDER BY log, record_number",
    )
    assert found == [
        ("ProgramLog", "ProgramLog", None, 4, "2008-01-10T11:00:35.000000Z", "Initializing virus scanning"),
        ("ProgramLog", "ProgramLog", None, 2, "2008-01-14T00:00:35.000000Z",
         "(0x800706be) The remote procedure call failed."),
        ("cluster.log", None, None, None, "2008-01-10T12:00:18.874000Z",
         "Cluster service started - Cluster Node \n  Version 3.2051"),
        ("cluster.log", "NM", None, 4, "2008-01-10T12:00:35.123000Z", "Forming cluster membership."),
        ("cluster.log", "FM", None, 2, "2008-01-10T12:00:36.000000Z", "it failed"),
    ]  # fmt: skip
    assert rows(folder, "SELECT DISTINCT computer, node, time_written, strings, duplicate_of FROM events") == [
        (None, None, None, "[]", None)
    ]
    assert rows(folder, "SELECT kind, status, log, live FROM evidence ORDER BY kind") == [
        ("cluster_log", "read", "cluster.log", 3),
        ("program_log", "read", "ProgramLog", 2),
    ]


def test_the_node_is_told_from_around(folder: Path):
    """A text log does not name its node: the event logs beside it do, or the analyst."""
    (folder / "EXNODE1" / "System.evtx").write_bytes(evtx_of("exnode1.example.com"))
    read(folder)
    assert rows(folder, "SELECT DISTINCT node FROM evidence") == [("EXNODE1",)]
    assert set(rows(folder, "SELECT kind, node_basis FROM evidence")) == {
        ("cluster_log", "beside"),
        ("program_log", "beside"),
        ("evtx", "events"),
    }
    other = folder.with_name("other")
    other.mkdir()
    (other / "cluster.log").write_text(CLUSTER)
    read(other, node="exnode2")
    assert rows(other, "SELECT node FROM evidence WHERE path = 'other/cluster.log'") == [("EXNODE2",)]


def test_an_assumed_zone_is_said(folder: Path):
    """Without --source-tz the times of ProgramLog.txt are read as UTC; that is said and is no damage."""
    code, _, told = ccrf("ingest", folder.with_name("case.db"), folder)
    assert code == 0
    assert "evidence/EXNODE1/ProgramLog.txt: the times there have no zone and were read as UTC; --source-tz" in told
    times = rows(folder, "SELECT min(time_generated) FROM events WHERE log = 'ProgramLog'")
    assert times == [("2008-01-10T12:00:35.000000Z",)]
    folder.with_name("case.db").unlink()
    _, _, told = ccrf("ingest", folder.with_name("case.db"), folder, "--source-tz", "+01:00")
    assert "zone" not in told


def test_events_are_searched_and_shown(folder: Path):
    """`ccrf events` finds them by source and by text; a table shows the message with nothing in place of the id."""
    read(folder)
    case = folder.with_name("case.db")
    code, shown, _ = ccrf("events", case, "--source", "FM")
    assert code == 0
    assert [line.split() for line in shown.splitlines()] == [
        ["time", "node", "source", "id", "level", "text"],
        ["2008-01-10T12:00:36.000000Z", "FM", "error", "it", "failed"],
    ]
    _, found, _ = ccrf("events", case, "--grep", "VERSION 3.2051", "--format", "json")
    assert [(event["record_number"], event["process_id"]) for event in json.loads(found)] == [(1, 0x378)]
    _, listed, _ = ccrf("evidence", case)
    assert [line.split()[3] for line in listed.splitlines()[1:3]] == ["2", "3"]


def test_continuation_lines_are_no_gaps(folder: Path):
    """Numbers count entries, so that no log seems to miss records where entries have several lines."""
    read(folder)
    with Case.open(folder.with_name("case.db")) as case:
        covered = log_coverage(case)
    assert [(log.missing, log.step_count, log.live) for log in covered] == [(0, 0, 2), (0, 0, 3)]


def test_the_undated_form_is_refused_by_name(folder: Path):
    """A cluster log of Windows NT 4.0 fails with a sentence that says why, exit code 3, and leaves no event."""
    (folder / "EXNODE1" / "cluster.log").write_text(UNDATED)
    code, _, told = ccrf("ingest", folder.with_name("case.db"), folder)
    assert code == 3
    assert "cluster.log: failed: not supported: a cluster log of Windows NT 4.0, whose lines have no date" in told
    assert rows(folder, "SELECT kind, status, live FROM evidence WHERE kind = 'cluster_log'") == [
        ("cluster_log", "failed", 0)
    ]


def test_damage_makes_a_log_partial(folder: Path):
    """Zero bytes in a log, and dates that cannot be told, are named, and what is readable is in the case."""
    log = folder / "EXNODE1" / "cluster.log"
    log.write_bytes(CLUSTER.encode() + bytes(100_000) + CLUSTER.encode())
    (folder / "EXNODE1" / "ProgramLog.txt").write_text(PROGRAM.replace("/14/", "/11/"))
    summary = read(folder)
    assert summary.events == 8
    assert [(issue.status, issue.offset) for issue in summary.issues] == [("partial", 0), ("partial", len(CLUSTER))]
    assert rows(folder, "SELECT count(*) FROM events WHERE generated_filetime IS NULL") == [(2,)]


def test_a_log_that_begins_with_zero_bytes_is_known(folder: Path):
    """Zero bytes at the start of a log do not hide what it is."""
    (folder / "EXNODE1" / "cluster.log").write_bytes(bytes(90_000) + CLUSTER.encode())
    summary = read(folder)
    assert summary.events == 5
    assert rows(folder, "SELECT status, live FROM evidence WHERE kind = 'cluster_log'") == [("partial", 3)]


def test_processes_make_no_difference(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Decoded in several processes or in one, a long log gives the same rows; again, it adds nothing."""
    (folder / "EXNODE1" / "cluster.log").write_bytes(CLUSTER.encode() * 8000)
    query = "SELECT offset, record_number, generated_filetime, source, message FROM events ORDER BY log, record_number"
    read(folder, jobs=1)
    alone = rows(folder, query)
    assert len(alone) == 24_002
    folder.with_name("case.db").unlink()
    monkeypatch.setattr(decoders, "WORTH_PROCESSES", 0)
    read(folder, jobs=2)
    assert rows(folder, query) == alone
    assert read(folder, jobs=2).events == 0
