"""Exports in a case: the events of the logs they were made of, with nodes, logs, and what was assumed."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.store import Case
from forensics.ingest import decoders
from forensics.ingest.account import IngestOptions, IngestSummary
from forensics.ingest.run import ingest
from parsers.evtx.reader import EvtxReader
from parsers.records import EventRecord, read_all
from parsers.times import iso_utc
from samples.builders.event_xml import Rendering, event_xml, events_document
from samples.incident import Setting, build

if TYPE_CHECKING:
    from pathlib import Path

# Columns of an event that are a matter of the file and not of what happened.
OF_THE_FILE = {
    "id",
    "evidence_id",
    "offset",
    "duplicate_of",
    "time_written",
    "written_filetime",
    "record_number",
    "message",
}


@pytest.fixture(scope="module")
def logs() -> dict[str, bytes]:
    """The .evtx logs of a simulated incident, by path."""
    return {
        item.path: item.content
        for item in build(Setting("failover-in-window", "2008", 3)).items
        if item.path.endswith(".evtx")
    }


def records(content: bytes) -> list[EventRecord]:
    return [record for record in read_all(EvtxReader(io.BytesIO(content))).records if not record.recovered]


def as_xml(content: bytes, code: str = "utf-8") -> bytes:
    texts = (event_xml(record, Rendering(f"text of {record.event_id}")) for record in records(content))
    return events_document(texts).encode(code)


def as_csv(found: list[EventRecord], form: str, offset: int = 0) -> bytes:
    """A table as Event Viewer of Server 2008 saves it, newest first, in a zone `offset` hours from UTC."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["Level", "Date and Time", "Source", "Event ID", "Task Category"])
    for record in reversed(found):
        moment = datetime.fromisoformat(iso_utc(record.generated) or "") + timedelta(hours=offset)
        writer.writerow(["Information", moment.strftime(form), record.source, record.event_id, "None", "a\r\nb"])
    return buffer.getvalue().encode()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def read(case_path: Path, *paths: Path, **options: object) -> IngestSummary:
    with Case.open_or_create(case_path) as case:
        return ingest(case, paths, IngestOptions(**options))  # type: ignore[arg-type]


def query(case_path: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(case_path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def events(case_path: Path) -> list[list[tuple[str, object]]]:
    rows = query(case_path, "SELECT * FROM events")
    return sorted(
        [sorted((key, value) for key, value in row.items() if key not in OF_THE_FILE) for row in rows], key=repr
    )


@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_event_xml_gives_the_events_of_the_log(
    logs: dict[str, bytes], tmp_path: Path, code: str, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs exported as XML make the same events as the logs, each with its message, in any number of processes."""
    monkeypatch.setattr(decoders, "WORTH_PROCESSES", 1)
    original = put(tmp_path / "a" / "e", logs)
    exported = put(
        tmp_path / "b" / "e", {path.replace(".evtx", ".xml"): as_xml(content, code) for path, content in logs.items()}
    )
    summary = read(tmp_path / "a.db", original)
    copy = read(tmp_path / "b.db", exported, jobs=jobs)
    assert (copy.whole, copy.events, copy.issues, copy.assumed) == (True, summary.events, [], [])
    assert events(tmp_path / "b.db") == events(tmp_path / "a.db")
    files = "SELECT node, node_basis, log, live, status FROM evidence ORDER BY path"
    assert query(tmp_path / "b.db", files) == query(tmp_path / "a.db", files)
    rows = query(tmp_path / "b.db", "SELECT record_number, event_record_id, event_id, message, offset FROM events")
    assert all(row["record_number"] == row["event_record_id"] for row in rows)
    assert all(row["message"] == f"text of {row['event_id']}" for row in rows)


def test_the_same_export_again_adds_nothing(logs: dict[str, bytes], tmp_path: Path) -> None:
    """An export that is in the case is known."""
    folder = put(tmp_path / "e", {"System.xml": as_xml(next(iter(logs.values())))})
    first, second = read(tmp_path / "case.db", folder), read(tmp_path / "case.db", folder)
    assert first.new == second.known == 1
    assert second.events == 0


@pytest.mark.parametrize(
    "form", ["%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"]
)
def test_tables_give_the_times_of_the_log_in_the_given_zone(logs: dict[str, bytes], tmp_path: Path, form: str) -> None:
    """A table of a whole log has its times to the second, whatever the format and the zone of its machine."""
    content = next(content for path, content in logs.items() if path.endswith("Application.evtx"))
    found = records(content)
    folder = put(tmp_path / "e", {"Application.csv": as_csv(found, form, offset=2)})
    zone = timezone(timedelta(hours=2))
    summary = read(tmp_path / "case.db", folder, source_tz=zone, node="exnode1.example.com")
    assert (summary.events, summary.issues, summary.assumed_tz) == (len(found), [], [])
    rows = query(tmp_path / "case.db", "SELECT * FROM events ORDER BY offset")
    expected = [f"{(iso_utc(record.generated) or '')[:19]}.000000Z" for record in reversed(found)]
    assert [row["time_generated"] for row in rows] == expected
    assert [row["event_id"] for row in rows] == [record.event_id for record in reversed(found)]
    assert {(row["record_number"], row["log"], row["message"], row["node"]) for row in rows} == {
        (None, "Application", "a\r\nb", None)
    }
    (evidence,) = query(tmp_path / "case.db", "SELECT kind, node, log, status FROM evidence")
    assert evidence == {"kind": "event_export", "node": "EXNODE1", "log": "Application", "status": "read"}


def test_a_zone_that_nobody_gave_is_said_and_is_no_loss(logs: dict[str, bytes], tmp_path: Path) -> None:
    """UTC is assumed for a table, named on stderr and kept with the evidence, and the exit code stays 0."""
    found = records(next(iter(logs.values())))
    files = {"Application.csv": as_csv(found, "%Y-%m-%d %H:%M:%S"), "x/System.xml": as_xml(next(iter(logs.values())))}
    folder = put(tmp_path / "e", files)
    result = CliRunner().invoke(app, ["ingest", str(tmp_path / "case.db"), str(folder)])
    assert result.exit_code == 0, result.output
    assert "e/Application.csv: the times there have no zone and were read as UTC; --source-tz" in result.stderr
    (row,) = query(tmp_path / "case.db", "SELECT status, problem, facts FROM evidence WHERE path LIKE '%.csv'")
    assert row["status"] == "read"
    assert row["problem"].startswith("assumed: its times have no zone")
    assert json.loads(row["facts"])["assumed_tz"] == "UTC"
    given = CliRunner().invoke(app, ["ingest", str(tmp_path / "b.db"), str(folder), "--source-tz", "UTC"])
    assert given.exit_code == 0
    assert "zone" not in given.stderr


def test_an_order_of_dates_that_is_assumed_is_said(tmp_path: Path) -> None:
    """Dates of two meanings are read as the rows are in order, the assumption is named, and nothing counts as lost."""
    table = "".join(f"1/{day}/2008,10:00:00,FSCController,Error,None,5066,N/A,EXNODE2,x\r\n" for day in (9, 10, 11))
    folder = put(tmp_path / "e", {"app.txt": table.encode()})
    summary = read(tmp_path / "case.db", folder, source_tz=UTC)
    assert summary.whole
    assert [(issue.path, issue.status) for issue in summary.assumed] == [("e/app.txt", "assumed")]
    assert "month first" in summary.assumed[0].reason
    rows = query(tmp_path / "case.db", "SELECT node, time_generated, log FROM events ORDER BY offset")
    assert [row["time_generated"][:10] for row in rows] == ["2008-01-09", "2008-01-10", "2008-01-11"]
    assert {row["node"] for row in rows} == {"EXNODE2"}
    (evidence,) = query(tmp_path / "case.db", "SELECT node, node_basis FROM evidence")
    assert evidence == {"node": "EXNODE2", "node_basis": "events"}


def test_a_cut_export_is_partial_and_the_rest_is_read(logs: dict[str, bytes], tmp_path: Path) -> None:
    """The events before the cut are in the case, and the file is named with the place of the damage: exit code 3."""
    content = next(iter(logs.values()))
    whole = as_xml(content)
    folder = put(tmp_path / "e", {"System.xml": whole[: len(whole) // 2]})
    summary = read(tmp_path / "case.db", folder)
    assert not summary.whole
    assert 0 < summary.events < len(records(content))
    assert [(issue.status, issue.offset is not None) for issue in summary.issues] == [("partial", True)]


def test_an_export_without_events_is_empty(tmp_path: Path) -> None:
    """A table of nothing but its header, and XML of nothing but its root, are empty and whole."""
    root = b"<Events xmlns='http://schemas.microsoft.com/win/2004/08/events/event'></Events>"
    header = b"Level,Date and Time,Source,Event ID,Task Category\r\n"
    folder = put(tmp_path / "e", {"a.xml": root, "b.csv": header})
    assert read(tmp_path / "case.db", folder).issues == []
    assert (
        query(tmp_path / "case.db", "SELECT kind, status, problem FROM evidence")
        == [{"kind": "event_export", "status": "empty", "problem": None}] * 2
    )
