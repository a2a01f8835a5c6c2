"""`ccrf events` finds what was asked for, shows it safely, and says what it leaves out."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.events import FIELDS
from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case, NewEvidence
from forensics.case.values import json_text, sql_text
from forensics.text import printable
from parsers.times import filetime_from_unix, iso_utc

CCRF = str(Path(sys.executable).with_name("ccrf"))
NOON = filetime_from_unix(1_199_966_400)  # 2008-01-10T12:00:00Z
MINUTE = 600_000_000
HOSTILE = ["\x1b[2J", "a\u202egpj", "[/x]", "=cmd|' /c calc'!A1", "line\r\nbreak", "\ud800", ""]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def event(evidence_id, number, **columns):
    """A row of the table `events`, a minute after the one before."""
    moment = NOON + number * MINUTE
    row = {
        "evidence_id": evidence_id,
        "log": "Application",
        "record_number": number,
        "time_generated": iso_utc(moment),
        "generated_filetime": moment,
        "source": "FSECCRService",
        "event_id": 9413,
        "level": 4,
        "node": "EXNODE1",
        "strings": json_text([f"record {number}"]),
        "recovered": 0,
    }
    row |= columns
    return tuple(row.get(name) for name in EVENT_COLUMNS)


@pytest.fixture
def case(tmp_path):
    """A case with 120 events of one node and a few of another, one of them hostile in every field."""
    path = tmp_path / "case.db"
    with Case.create(path) as made:
        log = made.add_evidence(
            NewEvidence(path="EXNODE1/Application.evtx", kind="evtx", status="read", sha256="ab" * 32)
        )
        made.add_events(event(log, number) for number in range(120))
        made.add_events(
            [
                event(
                    log,
                    200,
                    node="EXNODE2",
                    source=sql_text("\x1b]0;owned\x07[/x]\ud800"),
                    event_id=1,
                    level=2,
                    strings=json_text(HOSTILE),
                    recovered=1,
                    data=b"\x00\xff",
                ),
                event(log, 201, node="EXNODE2", source="Security", level=0, raw_type=16, strings="[]"),
                event(
                    log, 202, node="EXNODE2", source="Audit", level=0, keywords="0x8020000000000000", message="Hello"
                ),
            ]
        )
        made.finish_load()
    return path


def test_a_table_shows_a_hundred(case):
    """A table shows the first 100 events and says on stderr how many there are beyond."""
    result = run("events", case)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["time", "node", "source", "id", "level", "text"]
    assert lines[1].split() == [
        "2008-01-10T12:00:00.000000Z",
        "EXNODE1",
        "FSECCRService",
        "9413",
        "information",
        "record",
        "0",
    ]
    assert len(lines) == 101
    assert result.stderr == "… 23 more, use --limit\n"


def test_a_limit_is_a_limit(case):
    """--limit shows so many in every format, and nothing is said where nothing was left out."""
    assert len(run("events", case, "--limit", 7).stdout.splitlines()) == 8
    assert len(json.loads(run("events", case, "--limit", 7, "--format", "json").stdout)) == 7
    everything = run("events", case, "--limit", 123)
    assert len(everything.stdout.splitlines()) == 124
    assert everything.stderr == ""
    assert json.loads(run("events", case, "--limit", 0, "--format", "json").stdout) == []


def test_quiet_says_nothing_more(case):
    """-q leaves the remark out, before or after the command's name."""
    assert run("events", case, "-q").stderr == ""
    assert run("-q", "events", case).stderr == ""


def test_machine_formats_give_all(case):
    """JSON, JSON Lines and CSV give every event with every field, and agree."""
    rows = json.loads(run("events", case, "--format", "json").stdout)
    assert len(rows) == 123
    assert all(tuple(row) == FIELDS for row in rows)
    lines = run("events", case, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows
    cells = list(csv.DictReader(io.StringIO(run("events", case, "--format", "csv").stdout, newline="")))
    assert [int(row["record_number"]) for row in cells] == [row["record_number"] for row in rows]
    assert [json.loads(row["strings"]) for row in cells] == [row["strings"] for row in rows]


def test_json_is_exact(case):
    """JSON holds the texts of the evidence to the last character, and binary data as digits."""
    (row,) = json.loads(run("events", case, "--id", 1, "--format", "json").stdout)
    assert row["strings"] == HOSTILE
    assert row["source"] == "\x1b]0;owned\x07[/x]\ud800"
    assert row["data"] == "00ff"
    assert row["recovered"] is True


def test_nothing_hostile_reaches_the_screen(case):
    """No escape, bidi or other control character of an event gets out, and markup is shown as it stands."""
    for form in ("table", "json", "jsonl"):
        stdout = run("events", case, "--id", 1, "--format", form).stdout
        assert printable(stdout.replace("\n", "")) == stdout.replace("\n", "")
    table = run("events", case, "--id", 1).stdout
    assert r"\x1b]0;owned\x07[/x]\ud800" in table
    assert r"[recovered] \x1b[2J | a\u202egpj | [/x] | =cmd" in table
    assert len(table.splitlines()) == 2


def test_csv_has_no_formulas(tmp_path):
    """A message that a spreadsheet would evaluate gets an apostrophe, a negative number does not."""
    with Case.create(tmp_path / "case.db") as made:
        log = made.add_evidence(NewEvidence(path="a.evt", kind="evt", status="read"))
        made.add_events([event(log, 0, message="=HYPERLINK(1)"), event(log, 1, message="-5")])
        made.finish_load()
    cells = list(csv.DictReader(io.StringIO(run("events", tmp_path / "case.db", "--format", "csv").stdout)))
    assert [row["message"] for row in cells] == ["'=HYPERLINK(1)", "-5"]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--node", "exnode2"], [200, 201, 202]),
        (["--node", "EXNODE2.corp.example", "--node", "EXNODE1", "--since", "2008-01-10T13:59"], [119, 200, 201, 202]),
        (["--source", "security", "--source", "audit"], [201, 202]),
        (["--id", "1", "--id", "2"], [200]),
        (["--since", "2008-01-10T12:05", "--until", "2008-01-10T12:07"], [5, 6]),
        (["--since", "2008-01-10T13:05+01:00", "--until", "2008-01-10T12:07Z"], [5, 6]),
        (["--until", "2008-01-10"], []),
        (["--grep", "RECORD 11"], [11, *range(110, 120)]),
        (["--grep", "[/X]"], [200]),
        (["--grep", "hello"], [202]),
    ],
)
def test_filters(case, arguments, numbers):
    """Each filter takes what it names; several of one kind add up, different kinds narrow."""
    rows = json.loads(run("events", case, "--format", "json", *arguments).stdout)
    assert [row["record_number"] for row in rows] == numbers


def test_levels_have_words(case):
    """The table says levels in words, also for audits of either log format."""
    lines = run("events", case, "--node", "EXNODE2").stdout.splitlines()
    assert [" error " in lines[1], "audit failure" in lines[2], "audit success" in lines[3]] == [True] * 3


def test_no_match_says_so(case):
    """An empty table comes with a word on stderr, and is no error."""
    result = run("events", case, "--id", 4711)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no event matches\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"],
        ["--until", "2008-99-01"],
        ["--id", "abc"],
        ["--limit", "-1"],
        ["--node", ""],
        ["--format", "xml"],
        ["--tz", "Nowhere"],
    ],
)
def test_wrong_filters_are_wrong_usage(case, arguments):
    """A value that means nothing ends with 2 and an error that names it, before anything is printed."""
    result = run("events", case, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert arguments[0] in result.stderr


def test_the_same_case_gives_the_same_bytes(case):
    """Two runs print the same."""
    for form in ("table", "json", "jsonl", "csv"):
        assert run("events", case, "--format", form).stdout_bytes == run("events", case, "--format", form).stdout_bytes


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_a_reader_that_goes_away_is_no_error(tmp_path, form):
    """`ccrf events ... | head` ends quietly in the middle of its rows."""
    with Case.create(tmp_path / "case.db") as made:
        log = made.add_evidence(NewEvidence(path="a.evt", kind="evt", status="read"))
        made.add_events(event(log, number, message="word " * 200) for number in range(2000))
        made.finish_load()
    command = [CCRF, "events", tmp_path / "case.db", "--format", form, "--limit", "2000"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdout.readline()
    program.stdout.close()
    said = program.stderr.read()
    program.stderr.close()
    assert (program.wait(60), said) == (141, b"")
