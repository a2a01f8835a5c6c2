"""`ccrf evidence` shows every file, whole or not, and nothing in a name acts on the terminal."""

from __future__ import annotations

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.evidence import FIELDS, PROBLEMS_SHOWN
from forensics.case.store import Case, NewEvidence
from parsers.problems import Problem, ProblemKind

HASH = "0123456789abcdef" * 4
HOSTILE = "EXNODE1/a\x1b[2J\u202e[/x]=1.evtx"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def case(tmp_path):
    """A case of three files: a whole log, a damaged one with a hostile name, and one that is no log."""
    path = tmp_path / "case.db"
    with Case.create(path) as made:
        made.add_evidence(
            NewEvidence(
                path="EXNODE1/System.evtx",
                kind="evtx",
                status="read",
                sha256=HASH,
                size=69632,
                modified="2008-01-10T12:00:35.000000Z",
                node="EXNODE1",
                log="System",
                live=5009,
                recovered=12,
                first_time="2008-01-09T12:00:35.000000Z",
                last_time="2008-01-10T12:00:35.000000Z",
                first_record=1,
                last_record=5009,
                facts={"dirty": True},
            )
        )
        damaged = made.add_evidence(
            NewEvidence(path=HOSTILE, kind="evtx", status="partial", sha256=HASH[::-1], size=1, problem="2 ranges lost")
        )
        made.add_problems(
            damaged,
            [Problem(ProblemKind.LOST_RANGE, offset, 512, "no record found") for offset in range(0, 7000, 1000)],
        )
        made.add_evidence(NewEvidence(path="notes.txt", kind="text", status="ignored", sha256=HASH))
    return path


def test_the_table_shows_each_file(case):
    """The table has a line for each file, with its events, its span and the beginning of its hash."""
    result = run("evidence", case)
    assert result.exit_code == 0
    header, whole, damaged, text, *_ = result.stdout.splitlines()
    assert header.split() == ["status", "kind", "node", "events", "first", "last", "sha256", "path"]
    assert whole.split() == [
        "read",
        "evtx",
        "EXNODE1",
        "5,009",
        "+12",
        "2008-01-09T12:00:35.000000Z",
        "2008-01-10T12:00:35.000000Z",
        HASH[:12],
        "EXNODE1/System.evtx",
    ]
    assert damaged.split()[0] == "partial"
    assert text.split() == ["ignored", "text", HASH[:12], "notes.txt"]


def test_the_table_tells_the_damage(case):
    """Below the table stands what is damaged and where, a few ranges of each file and the number of the others."""
    lines = run("evidence", case).stdout.splitlines()
    start = lines.index("Damage")
    assert lines[start + 1] == r"EXNODE1/a\x1b[2J\u202e[/x]=1.evtx: partial: 2 ranges lost"
    assert lines[start + 2] == "    lost_range at offset 0, 512 bytes: no record found"
    assert lines[start + 2 + PROBLEMS_SHOWN] == "    … 2 more, all of them with --format json"
    assert len(lines) == start + 3 + PROBLEMS_SHOWN


def test_nothing_hostile_reaches_the_screen(case):
    """No output holds an escape or a bidi control, in any format."""
    for form in ("table", "json", "jsonl"):
        stdout = run("evidence", case, "--format", form).stdout
        assert "\x1b" not in stdout
        assert "\u202e" not in stdout


def test_json_holds_every_field(case):
    """JSON has every file with every field, the full hash and all the damage."""
    rows = json.loads(run("evidence", case, "--format", "json").stdout)
    assert [row["path"] for row in rows] == ["EXNODE1/System.evtx", HOSTILE, "notes.txt"]
    assert all(tuple(row) == FIELDS for row in rows)
    assert rows[0]["sha256"] == HASH
    assert rows[0]["facts"] == {"dirty": True}
    assert len(rows[1]["problems"]) == 7
    assert rows[1]["problems"][1] == {"kind": "lost_range", "offset": 1000, "length": 512, "detail": "no record found"}


def test_the_formats_agree(case):
    """JSON Lines and CSV hold what JSON holds."""
    rows = json.loads(run("evidence", case, "--format", "json").stdout)
    lines = run("evidence", case, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows
    cells = list(csv.DictReader(io.StringIO(run("evidence", case, "--format", "csv").stdout, newline="")))
    assert [row["path"] for row in cells] == [row["path"] for row in rows]
    assert json.loads(cells[1]["problems"]) == rows[1]["problems"]


def test_the_zone_changes_only_the_screen(case):
    """--tz changes the table's times and nothing in the other formats."""
    assert "2008-01-10T13:00:35.000000+01:00" in run("evidence", case, "--tz", "Europe/Berlin").stdout
    for form in ("json", "jsonl", "csv"):
        berlin = run("evidence", case, "--format", form, "--tz", "Europe/Berlin").stdout
        assert berlin == run("evidence", case, "--format", form).stdout


def test_an_unknown_zone_is_wrong_usage(case):
    """A zone that is none is refused with its name."""
    result = run("evidence", case, "--tz", "Mars/Phobos")
    assert result.exit_code == 2
    assert "Mars/Phobos" in result.stderr


def test_reading_a_case_leaves_it_as_it_is(case):
    """Looking at a case changes no byte of it."""
    before = case.read_bytes()
    run("evidence", case)
    assert case.read_bytes() == before


def test_an_empty_case_is_an_empty_list(tmp_path):
    """A case without evidence is no error."""
    Case.create(tmp_path / "case.db").close()
    assert json.loads(run("evidence", tmp_path / "case.db", "--format", "json").stdout) == []
    assert run("evidence", tmp_path / "case.db").exit_code == 0
