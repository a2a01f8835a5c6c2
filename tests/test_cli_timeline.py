"""`ccrf timeline` as a user runs it: in order on one clock, from and until, in every form."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.store import Case
from forensics.timeline_plain import TIMELINE_FIELDS
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import zip_bytes

START = 1_199_966_400  # 2008-01-10T12:00:00Z
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
CONCLUSIONS = {"role", "transition", "conflict", "backup", "overwrite", "file"}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def rows(*arguments):
    result = run("timeline", *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A case of an incident in which the group moves twice, on clocks that differ."""
    folder = tmp_path_factory.mktemp("timeline")
    (folder / "incident.zip").write_bytes(zip_bytes(incident(Setting("double-failover", "2008", 2)).items))
    assert run("ingest", folder / "case.db", folder / "incident.zip").exit_code == 0
    return folder / "case.db"


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A case of an incident in which a save is lost."""
    folder = tmp_path_factory.mktemp("lost")
    (folder / "incident.zip").write_bytes(zip_bytes(incident(Setting("window-forced-sync", "2008", 3)).items))
    assert run("ingest", folder / "case.db", folder / "incident.zip").exit_code == 0
    return folder / "case.db"


def listed(*arguments):
    return json.loads(run(*arguments, "--format", "json").stdout)


def test_rows_are_in_order(case):
    """Every row has the fields of the machine formats and a time, and none comes before the one above it."""
    found = rows(case)
    assert {tuple(row) for row in found} == {TIMELINE_FIELDS}
    times = [row["time"] for row in found]
    assert all(map(TIME.fullmatch, times))
    assert times == sorted(times)
    assert {row["node"] for row in found} == {"EXNODE1", "EXNODE2"}
    assert all(row["earliest"] <= row["time"] <= row["latest"] for row in found)


def test_role_changes_are_in_it(case):
    """Every interval and move of `ccrf roles` is a row with id, word, records and why; events have no word."""
    roles = json.loads(run("roles", case, "--format", "json").stdout)
    found = {row["id"]: row for row in rows(case)}
    for kind, key, moment in (("role", "intervals", "start"), ("transition", "transitions", "time")):
        assert roles[key]
        for one in roles[key]:
            row = found[one["id"]]
            assert (row["kind"], row["time"], row["confidence"]) == (kind, one[moment], one["confidence"])
            assert row["evidence"] == one["evidence"]
            assert row["why"]
    events = [row for row in found.values() if row["kind"] not in CONCLUSIONS]
    assert events
    assert all((row["confidence"], row["why"]) == (None, None) for row in events)


def test_files_and_backups_are_in_it(case, lost):
    """Every dated backup set and every loss is a row of its own, with its id, word, evidence and why, in order."""
    for one in (case, lost):
        found = {row["id"]: row for row in rows(one)}
        sets = [row for row in listed("backups", "list", one) if row["made"]]
        assert sets
        for row in sets:
            shown = found[row["id"]]
            assert (shown["kind"], shown["recorded"], shown["node"]) == ("backup", row["made"], row["node"])
            assert [shown[key] for key in ("confidence", "evidence", "why")] == [
                row[key] for key in ("confidence", "evidence", "why")
            ]
    losses = listed("overwrites", lost)
    assert losses
    for row in losses:
        shown = found[row["id"]]
        assert (shown["kind"], shown["what"], shown["object"]) == ("overwrite", row["kind"], row["file"])
        assert (shown["earliest"], shown["time"], shown["why"]) == (row["earliest"], row["latest"], row["why"])
    lines = run("timeline", lost).stdout.splitlines()
    assert sum(" !! " in line for line in lines) == len(losses)
    assert all(any(f" {row['id']}: " in line for line in lines) for row in losses)


def test_changes_of_files_are_in_it(case):
    """Saves and copies are rows with the file, what became of it, the recorded time, and the files that hold it."""
    found = [row for row in rows(case) if row["kind"] == "file"]
    assert {"saved", "copied"} <= {row["what"] for row in found}
    for row in found:
        assert row["object"].endswith(".fdb")
        assert (row["id"], row["confidence"]) == (None, None)
        assert TIME.fullmatch(row["recorded"])
        assert row["why"]
        assert any(one.startswith("file:") for one in row["evidence"])
    for row in found:
        if row["what"] == "saved":
            assert row["node"] in row["why"]


def test_recorded_times_stand_beside(case):
    """The reference's own events keep their times; the other node's are moved, their recorded time beside."""
    (offset,) = json.loads(run("roles", case, "--format", "json").stdout)["clock_offsets"]
    events = [row for row in rows(case) if row["kind"] == "event"]
    assert abs(offset["seconds"]) > 1
    for row in events:
        assert row["recorded"] is not None
        assert (row["recorded"] == row["time"]) == (row["node"] == offset["reference"])


def test_from_and_until(case):
    """--since is inclusive and --until exclusive, on the corrected clock; the parts give the whole."""
    whole = rows(case)
    middle = whole[len(whole) // 2]["time"]
    before, after = rows(case, "--until", middle), rows(case, "--since", middle)
    assert before + after == whole
    assert after[0]["time"] == middle
    assert rows(case, "--since", middle, "--until", middle) == []
    assert run("timeline", case, "--since", "soon").exit_code == 2


def test_one_node(case):
    """--node leaves the rows of that node only."""
    assert rows(case, "--node", "exnode2.corp") == [row for row in rows(case) if row["node"] == "EXNODE2"]


def test_groups(case):
    """--group all adds the changes of the well-known groups; a group that no event names is wrong usage."""
    assert {row["object"] for row in rows(case) if row["kind"] == "role"} == {"CMS1"}
    assert len({row["object"] for row in rows(case, "--group", "all") if row["kind"] == "role"}) > 1
    assert run("timeline", case, "--group", "nix").exit_code == 2


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_the_same_case_gives_the_same_bytes(case, form):
    """Asked twice, the answer is the same to the byte, in each form."""
    first = run("timeline", case, "--format", form).stdout_bytes
    assert first
    assert first == run("timeline", case, "--format", form).stdout_bytes


def test_every_form_has_every_row(case):
    """JSON Lines, CSV and the table hold as many rows as the JSON."""
    found = rows(case)
    assert [json.loads(line) for line in run("timeline", case, "--format", "jsonl").stdout.splitlines()] == found
    table = list(csv.DictReader(io.StringIO(run("timeline", case, "--format", "csv").stdout)))
    assert [row["time"] for row in table] == [row["time"] for row in found]
    lines = run("timeline", case).stdout.splitlines()
    assert len(lines) == len(found) + 1
    assert [line.split()[0] for line in lines[1:]] == [row["time"] for row in found]


def test_moves_stand_out(case):
    """Away from a terminal a move and a change of role have an arrow before the word."""
    lines = run("timeline", case).stdout.splitlines()
    moves = [row for row in rows(case) if row["kind"] == "transition"]
    assert moves
    assert [line.split()[0] for line in lines if " => moved " in line] == [row["time"] for row in moves]
    assert sum(" -> " in line for line in lines) == sum(row["kind"] == "role" for row in rows(case))


def test_a_zone_changes_the_table_only(case):
    """--tz shows the times of the table in that zone."""
    assert rows(case, "--tz", "Asia/Tokyo") == rows(case)
    shown = run("timeline", case, "--tz", "Asia/Tokyo").stdout.splitlines()
    assert all("+09:00" in line.split()[0] for line in shown[1:])


def test_an_empty_time_is_told(case, tmp_path):
    """Nothing to tell is done, with a word on stderr and an empty answer for programs."""
    result = run("timeline", case, "--since", "2030-01-01")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing that matters" in result.stderr
    Case.create(tmp_path / "empty.db").close()
    assert rows(tmp_path / "empty.db") == []
    assert run("timeline", tmp_path / "empty.db", "--format", "csv").stdout == ",".join(TIMELINE_FIELDS) + "\n"


def test_evidence_does_not_act_on_the_screen(tmp_path):
    """Text of the evidence is shown escaped."""
    hostile = EvtEvent(1, START, START, 1201, "ClusSvc", "EXNODE1", ("\x1b[2J[/x]\u202e",))
    (tmp_path / "SysEvent.Evt").write_bytes(build([hostile]))
    assert run("ingest", tmp_path / "case.db", tmp_path / "SysEvent.Evt").exit_code == 0
    shown = run("timeline", tmp_path / "case.db").stdout
    assert r"\x1b[2J[/x]\u202e" in shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
