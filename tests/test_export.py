"""A case in the forms of other tools, read back by readers that share no code with the writers."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case, NewEvidence, NewFileVersion
from forensics.case.values import json_text, sql_text
from forensics.errors import FailedError
from forensics.export import run as export_run
from forensics.export.forms import ExportForm
from parsers.times import iso_utc
from samples.incident import Setting, build
from samples.incident.evidence import zip_bytes

START = 128_444_000_000_000_000
HOSTILE = 'a|b,c"d\\e\n\r\x00\x1b[31m\u202e\ud800\x85\u2028=cmd'
COLUMNS = (
    "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,notes,format,extra"
)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def exported(case, form, folder, *options):
    target = folder / f"out-{form}-{len(options)}.jsonl"
    result = run("export", case, "--as", form, "-o", target, *options)
    assert result.exit_code == 0, result.output
    return target.read_bytes(), result.stderr


def made_case(path, *, events=1, **columns):
    """A case of `events` events and one file, hostile texts wherever there is room, unless `columns` say otherwise."""
    with Case.create(path) as case:
        evidence = case.add_evidence(
            NewEvidence(path=f"X/{HOSTILE}/System.evtx", kind="evtx", status="read", sha256="1" * 64, size=9, node="X")
        )
        rows = []
        value = {
            "evidence_id": evidence, "log": sql_text(HOSTILE), "record_number": 7, "source": sql_text(HOSTILE),
            "event_id": 4624, "level": 4, "computer": sql_text(HOSTILE), "node": sql_text(HOSTILE),
            "strings": json_text([HOSTILE, "=1+1"]), "names": json_text(["TargetLogonId", None]), "recovered": 0,
            "user_sid": "S-1-5-18", "generated_filetime": START, "time_generated": iso_utc(START), **columns,
        }  # fmt: skip
        for second in range(events):
            if value["generated_filetime"] is not None:
                value["generated_filetime"] = START + second * 10_000_000
            rows.append(tuple(value.get(name) for name in EVENT_COLUMNS))
        case.add_events(rows)
        case.add_file_version(
            NewFileVersion(
                evidence_id=evidence, node="X", name="ScanJobs.fdb", role="live", path=f"X/{HOSTILE}/ScanJobs.fdb",
                size=5, modified=iso_utc(START), modified_filetime=START,
            )
        )  # fmt: skip
        case.finish_load()
    return path


@pytest.fixture(scope="module", params=["2003", "2008"])
def case(request, tmp_path_factory):
    """A case of an incident, of either system."""
    folder = tmp_path_factory.mktemp("export")
    incident = build(Setting("failover-in-window", request.param, 1, backup_scheme="folder-stamp"))
    (folder / "incident.zip").write_bytes(zip_bytes(incident.items))
    assert run("ingest", folder / "case.db", folder / "incident.zip").exit_code == 0
    return folder / "case.db"


def held(case, sql):
    with Case.open(case) as opened:
        return list(opened.rows(sql))


def test_timesketch_gets_every_row_with_what_it_asks_for(case, tmp_path):
    """Each event is a line with the mandatory fields, plaso's names, and the values that the case holds."""
    raw, told = exported(case, "timesketch", tmp_path)
    lines = [json.loads(line) for line in raw.decode("utf-8").splitlines()]
    events = {row["ccrf_id"]: row for row in lines if row["data_type"].startswith("windows:")}
    stored = held(
        case,
        "SELECT id, time_generated, generated_filetime, source, event_id, record_number, strings, computer, node, level"
        " FROM events",
    )
    assert len(events) == len(stored)
    for number, time, filetime, source, event_id, record, strings, computer, node, level in stored:
        row = events[f"event:{number}"]
        assert datetime.fromisoformat(row["datetime"]) == datetime.fromisoformat(time)
        assert row["datetime"].endswith("+00:00")
        assert row["timestamp"] == (filetime - 116_444_736_000_000_000) // 10
        assert row["timestamp_desc"] == "Creation Time"
        assert (row["source_name"], row["event_identifier"], row["record_number"]) == (source, event_id, record)
        assert (row["computer_name"], row["hostname"], row["event_level"]) == (computer, node, level)
        assert row["strings"] == json.loads(strings)
        assert row["message"].startswith(f"{source} {event_id}")
    kinds = {"evt": "windows:evt:record", "evtx": "windows:evtx:record"}
    assert {row["data_type"] for row in events.values()} == {
        kinds[kind] for (kind,) in held(case, "SELECT DISTINCT kind FROM evidence WHERE kind IN ('evt', 'evtx')")
    }
    assert [row["timestamp"] for row in lines] == sorted(row["timestamp"] for row in lines)
    assert f"{len(lines):,} rows in the case, {len(lines):,} written" in told


def test_conclusions_and_files_are_rows_too(case, tmp_path):
    """A loss, a move, a backup set and each version of a file stand in the time line under their references."""
    raw, _ = exported(case, "timesketch", tmp_path)
    lines = {row["ccrf_id"]: row for row in map(json.loads, raw.decode("utf-8").splitlines())}
    loss = json.loads(run("overwrites", case, "--format", "json").stdout)[0]
    row = lines[loss["id"]]
    assert row["data_type"] == "ccrf:overwrite"
    assert row["datetime"].replace("+00:00", "Z") == loss["latest"]
    assert loss["why"] in row["message"]
    assert row["ccrf_evidence"] == loss["evidence"]
    for move in json.loads(run("roles", case, "--format", "json").stdout)["transitions"]:
        assert lines[move["id"]]["ccrf_to_node"] == move["to"]
    files = [row for row in lines.values() if row["data_type"] == "fs:stat"]
    known = held(case, "SELECT path, sha256, size FROM file_versions")
    assert Counter((row["filename"], row["sha256_hash"], row["file_size"]) for row in files) == Counter(known)


def test_analyzers_find_names_and_values_in_the_xml(tmp_path):
    """Of an .evtx there is XML in which the analyzers' own expression finds a named value, and an XML parser all."""
    case = made_case(tmp_path / "case.db", strings=json_text(["0x3e7", "<&>\x01"]), source="Security-Auditing")
    (row,) = [r for r in map(json.loads, exported(case, "timesketch", tmp_path)[0].splitlines()) if "xml_string" in r]
    data = re.search(r"<EventData>[\s\S]+<\/EventData>", row["xml_string"]).group()
    assert re.search(r'<Data Name="TargetLogonId">([^<>]+)<\/Data>', data).group(1) == "0x3e7"
    tree = ET.fromstring(row["xml_string"])  # noqa: S314 - our own text
    space = "{http://schemas.microsoft.com/win/2004/08/events/event}"
    assert tree.find(f"{space}System/{space}EventID").text == "4624"
    assert tree.findall(f"{space}EventData/{space}Data")[1].text == "<&>\\u0001"


def test_l2tcsv_has_17_columns_for_every_reader(case, tmp_path):
    """A reader that knows of quoting and one that splits at commas read the same 17 columns, one line for each row."""
    raw, told = exported(case, "l2tcsv", tmp_path)
    lines = raw.decode("utf-8").removesuffix("\n").split("\n")
    assert lines[0] == COLUMNS
    rows = [line.split(",") for line in lines]
    assert rows == list(csv.reader(lines))
    assert {len(row) for row in rows} == {17}
    stored = held(case, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM file_versions)")[0]
    of = Counter(row[4] for row in rows[1:])
    assert (of["EVT"], of["FILE"]) == stored
    assert f"{len(rows) - 1:,} written" in told
    times = sorted((iso[:19], node) for iso, node in held(case, "SELECT time_generated, node FROM events"))
    shown = (
        ("-".join(row[0].split("/")[i] for i in (2, 0, 1)) + "T" + row[1], row[8])
        for row in rows[1:]
        if row[4] == "EVT"
    )
    assert sorted(shown) == times
    assert {row[2] for row in rows[1:]} == {"UTC"}


def test_a_bodyfile_has_the_files_and_says_that_it_has_no_events(case, tmp_path):
    """Read by the format's description: each file once, with its size, its MD5 and its time in whole Unix seconds."""
    raw, told = exported(case, "bodyfile", tmp_path)
    rows = [line.split("|") for line in raw.decode("utf-8").splitlines()]
    assert {len(row) for row in rows} == {11}
    read = Counter((row[1], int(row[6]), int(row[8])) for row in rows)
    everything = held(case, "SELECT path, size, modified FROM evidence")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert read == Counter(
        (path, size, int((datetime.fromisoformat(time) - epoch).total_seconds() // 1))
        for path, size, time in everything
    )
    events = held(case, "SELECT count(*) FROM events")[0][0]
    assert f"{events:,} events left out: events have no place in a bodyfile" in told
    contents = dict(held(case, "SELECT sha256, bytes FROM contents"))
    hashes = dict(held(case, "SELECT path, sha256 FROM file_versions"))
    for row in rows:
        known = contents.get(hashes.get(row[1]))
        assert row[0] == ("0" if known is None else hashlib.md5(known, usedforsecurity=False).hexdigest())


def test_our_own_reader_reads_the_bodyfile(case, tmp_path):
    """A bodyfile of a case can be evidence: the replicated files come back with their sizes and seconds."""
    raw, _ = exported(case, "bodyfile", tmp_path)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "files.body").write_bytes(raw)
    assert run("ingest", tmp_path / "second.db", tmp_path / "again").exit_code == 0
    sql = (
        "SELECT name, size, substr(modified, 1, 19) FROM file_versions WHERE name <> 'Statistics.fdb' ORDER BY 1, 2, 3"
    )
    assert held(tmp_path / "second.db", sql) == held(case, sql)


@pytest.mark.parametrize("form", list(ExportForm))
def test_hostile_texts_stay_in_their_fields(form, tmp_path):
    """Whatever separators, controls and halves of characters a text holds, every form keeps one row on one line."""
    case = made_case(tmp_path / "case.db")
    raw, _ = exported(case, form, tmp_path)
    text = raw.decode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", text)
    lines = text.removesuffix("\n").split("\n")
    if form is ExportForm.TIMESKETCH:
        rows = [json.loads(line) for line in lines]
        assert [row["data_type"] for row in rows] == ["windows:evtx:record", "fs:stat"]
        for row in rows:
            json.dumps(row, ensure_ascii=False).encode("utf-8")  # as a client sends it on: no half of a character
        assert rows[0]["source_name"] == HOSTILE.replace("\ud800", "\\ud800")
    elif form is ExportForm.L2TCSV:
        assert [len(line.split(",")) for line in lines] == [17] * 3
        assert all(len(row) == 17 for row in csv.reader(lines))
    else:
        assert [len(line.split("|")) for line in lines] == [11, 11]
        name = lines[0].split("|")[1]
        for char in "|\\\n\r\x00\x1b\u202e\ud800\x85\u2028":
            code = f"{ord(char):04x}" if ord(char) > 0xFF else f"{ord(char):02x}"
            name = name.replace(f"\\u{code}" if ord(char) > 0xFF else f"\\x{code}", char)
        assert name.replace("\\\\", "\\").startswith(f"X/{HOSTILE}/")


def test_cells_of_the_csv_cannot_become_formulas(tmp_path):
    """A text that a spreadsheet would evaluate is marked as text, in every column that holds evidence."""
    case = made_case(tmp_path / "case.db", node="=1+1", source="@x", user_sid="+1")
    line = exported(case, "l2tcsv", tmp_path)[0].decode("utf-8").splitlines()[1].split(",")
    assert (line[7], line[8]) == ("'+1", "'=1+1")
    assert line[10].startswith("'@x")


def test_rows_without_a_time_are_kept_and_said(tmp_path):
    """An event without a time is written under the words that plaso has for it, and the number is said."""
    case = made_case(tmp_path / "case.db", generated_filetime=None, time_generated=None)
    raw, told = exported(case, "timesketch", tmp_path)
    row = json.loads(raw.splitlines()[0])
    assert (row["datetime"], row["timestamp"]) == ("1970-01-01T00:00:00.000000+00:00", 0)
    assert row["timestamp_desc"] == "Not a time"
    assert "1 of them have no time" in told
    assert exported(case, "l2tcsv", tmp_path)[0].decode("utf-8").splitlines()[1].startswith("00/00/0000,--:--:--,UTC")


def test_copies_are_marked_and_can_be_left_out(tmp_path):
    """Every record is exported, a copy says of what; --no-duplicates leaves copies out and says how many."""
    case = made_case(tmp_path / "case.db", events=3)
    with Case.open(case, write=True) as opened, opened.transaction():
        opened.connection.execute("UPDATE events SET duplicate_of = 1 WHERE id > 1")
    rows = list(map(json.loads, exported(case, "timesketch", tmp_path)[0].splitlines()))
    assert sorted(row.get("duplicate_of", "") for row in rows) == ["", "", "event:1", "event:1"]
    raw, told = exported(case, "timesketch", tmp_path, "--no-duplicates")
    assert len(raw.splitlines()) == 2
    assert "2 events left out" in told


def test_a_row_that_does_not_come_out_stops_the_export(tmp_path, monkeypatch):
    """Where fewer rows go out than the case holds, there is no file and the exit code is 1."""
    case = made_case(tmp_path / "case.db", events=3)
    true = export_run.rows
    monkeypatch.setattr(export_run, "rows", lambda *args, **options: list(true(*args, **options))[1:])
    result = run("export", case, "--as", "l2tcsv", "-o", tmp_path / "out.csv")
    assert result.exit_code == FailedError.exit_code
    assert "4 rows and 3 went out" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.db"]


def test_nothing_is_overwritten(tmp_path):
    """A file that is there, the case itself too, stays as it is: exit code 4."""
    case = made_case(tmp_path / "case.db")
    before = case.read_bytes()
    result = run("export", case, "--as", "bodyfile", "-o", case)
    assert result.exit_code == 4
    assert "exists already" in result.stderr
    assert case.read_bytes() == before
    assert run("export", case, "--as", "bodyfile", "-o", tmp_path / "none" / "x").exit_code == 1
    assert run("export", case, "--as", "plaso", "-o", tmp_path / "x").exit_code == 2
    assert run("export", tmp_path / "no.db", "--as", "bodyfile", "-o", tmp_path / "x").exit_code == 2


def test_stdout_gets_the_same_bytes(case, tmp_path):
    """`-o -` writes to stdout what `-o FILE` writes to a file; notes go to stderr."""
    for form in ExportForm:
        assert run("export", case, "--as", form, "-o", "-").stdout_bytes == exported(case, form, tmp_path)[0]


def test_an_empty_case_is_an_empty_export(tmp_path):
    """A case without rows gives no rows, and says so."""
    Case.create(tmp_path / "case.db").close()
    for form in ExportForm:
        raw, told = exported(tmp_path / "case.db", form, tmp_path)
        assert raw == (COLUMNS.encode() + b"\n" if form is ExportForm.L2TCSV else b"")
        assert "0 rows in the case, 0 written" in told


PEAK = """
import resource, sys
from cli.app import app
try:
    app(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_memory_does_not_grow_with_the_events(tmp_path):
    """Eight times as many events take less than 2 MiB more."""
    peaks = []
    plain = dict.fromkeys(("log", "source", "computer", "node"), "EXNODE1") | {"strings": json_text(["word " * 100])}
    for events in (1_000, 8_000):
        case = made_case(tmp_path / f"{events}.db", events=events, **plain)
        command = [sys.executable, "-c", PEAK, "export", case, "--as", "timesketch", "-o", tmp_path / f"{events}.out"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stderr.split()[-1]))
    assert (tmp_path / "8000.out").stat().st_size > 8 << 20
    assert peaks[1] - peaks[0] < 2 << 10
