"""`ccrf roles` as a user runs it: every form, every group, every conclusion explained, and nothing to tell."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.store import Case
from forensics.roles.plain import FIELDS
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import zip_bytes

START = 1_199_966_400  # 2008-01-10T12:00:00Z
MINUTE = 60
CONCLUSION = {"id", "confidence", "evidence", "why"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
HOSTILE = "\x1b[2J[/x]\u202e"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A case of an incident in which the group moves."""
    folder = tmp_path_factory.mktemp("roles")
    (folder / "incident.zip").write_bytes(zip_bytes(incident(Setting("double-failover", "2003", 1)).items))
    assert run("ingest", folder / "case.db", folder / "incident.zip").exit_code == 0
    return folder / "case.db"


@pytest.fixture
def contested(tmp_path):
    """A case in which two nodes claim a group of a hostile name at once; nothing tells whose it is."""
    for number, node in enumerate(("EXNODE1", "EXNODE2")):
        events = [(6009, "EventLog", ()), *[(1201, "ClusSvc", (name,)) for name in (f"A{HOSTILE}", "B")] * 30]
        place = tmp_path / "evidence" / node / "SysEvent.Evt"
        place.parent.mkdir(parents=True)
        place.write_bytes(
            build(
                [
                    EvtEvent(n, when := START + MINUTE * (5 * n + number), when, event_id, source, node, strings)
                    for n, (event_id, source, strings) in enumerate(events, 1)
                ]
            )
        )
    assert run("ingest", tmp_path / "case.db", tmp_path / "evidence").exit_code == 0
    return tmp_path / "case.db"


@pytest.fixture
def empty(tmp_path):
    """A case without any evidence."""
    Case.create(tmp_path / "empty.db").close()
    return tmp_path / "empty.db"


def test_the_object_has_the_promised_fields(case):
    """The JSON is one object with the fields that scripts rely on, conclusions with id, word, records and why."""
    found = answer("roles", case, "--format", "json")
    assert {"group", "nodes", "clock_offsets", "intervals", "transitions", "conflicts"} <= set(found)
    assert found["group"] == "CMS1"
    assert found["nodes"] == sorted(found["nodes"])
    assert found["intervals"]
    assert found["transitions"]
    for row in found["intervals"]:
        assert {*CONCLUSION, "node", "role", "start", "end"} <= set(row)
        assert row["role"] in {"active", "passive", "down", "unknown"}
    for row in found["transitions"]:
        assert {*CONCLUSION, "from", "to", "earliest", "time", "latest", "contradicted_by"} <= set(row)
        assert row["earliest"] <= row["time"] <= row["latest"]
        assert all(TIME.fullmatch(row[name]) for name in ("earliest", "time", "latest"))
    for row in found["clock_offsets"]:
        assert {"node", "reference", "seconds", "uncertainty", "pairs"} <= set(row)


def test_every_reference_is_an_event_of_the_case(case):
    """What a conclusion rests on can be looked up."""
    found = answer("roles", case, "--format", "json")
    named = {r for key in ("intervals", "transitions") for row in found[key] for r in row["evidence"]}
    with Case.open(case) as opened:
        known = {f"event:{row[0]}" for row in opened.rows("SELECT id FROM events")}
    assert named
    assert named <= known


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_the_same_case_gives_the_same_bytes(case, form):
    """Asked twice, the answer is the same to the byte, in each form, and holds no path of the machine."""
    first = run("roles", case, "--format", form).stdout_bytes
    assert first == run("roles", case, "--format", form).stdout_bytes
    assert str(case.parent).encode() not in first


def test_rows_hold_what_the_object_holds(case):
    """JSON Lines and CSV have one row for each conclusion and offset, all with the same fields."""
    found = answer("roles", case, "--format", "json")
    count = sum(len(found[key]) for key in ("intervals", "transitions", "conflicts", "clock_offsets"))
    lines = [json.loads(line) for line in run("roles", case, "--format", "jsonl").stdout.splitlines()]
    assert len(lines) == count
    assert {tuple(line) for line in lines} == {FIELDS}
    rows = list(csv.DictReader(io.StringIO(run("roles", case, "--format", "csv").stdout)))
    assert [row["id"] for row in rows] == [line["id"] or "" for line in lines]


def test_the_table_tells_it_all(case):
    """The table names the group, draws each node over time, and lists each move and interval; no escapes in a file."""
    found = answer("roles", case, "--format", "json")
    text = run("roles", case).stdout
    assert "Roles in CMS1" in text
    bars = [line for line in text.splitlines() if re.fullmatch(r"EXNODE\d  [Apx? ]+", line)]
    assert [bar.split()[0] for bar in bars] == found["nodes"]
    assert all("A" in bar for bar in bars)
    for row in found["transitions"] + found["intervals"]:
        assert sum(line.startswith(f"{row['id']} ") for line in text.splitlines()) == 1
    assert "\x1b" not in text


def test_a_zone_changes_the_table_only(case):
    """--tz shows the times of the table in that zone; the JSON stays UTC."""
    assert (
        run("roles", case, "--tz", "+02:00", "--format", "json").stdout == run("roles", case, "--format", "json").stdout
    )
    shown = run("roles", case, "--tz", "+02:00").stdout
    assert "+02:00" in shown
    assert not TIME.search(shown)


def test_groups_are_chosen_by_name(case):
    """--group takes a name without case, `all` a list of all; another name is wrong usage and names those there are."""
    (named,) = {answer("roles", case, "--group", name, "--format", "json")["group"] for name in ("cms1", "CMS1")}
    assert named == "CMS1"
    every = answer("roles", case, "--group", "all", "--format", "json")
    assert [one["group"] for one in every] == sorted(one["group"] for one in every)
    assert len(every) > 1
    result = run("roles", case, "--group", "CMS9")
    assert result.exit_code == 2
    assert "CMS1" in result.stderr
    assert "Cluster Group" in result.stderr


def test_a_move_is_explained(case):
    """--explain shows the records behind a move with their recorded times, those against it, and why its word."""
    move = answer("roles", case, "--format", "json")["transitions"][0]
    text = run("roles", case, "--explain", move["id"]).stdout
    assert text.startswith(f"\n{move['id']}: from {move['from']} to {move['to']}, {move['confidence']}\n")
    for reference in move["evidence"]:
        assert f" {reference} " in text
    for heading in ("The records it rests on", "The records against it", "Why"):
        assert f"\n{heading}\n" in text
    assert "kinds of evidence" in text


def test_an_explanation_is_an_object(case):
    """As JSON an explanation has the conclusion, the grounds, and every record whole, with what it claims."""
    for row in answer("roles", case, "--format", "json")["intervals"]:
        found = answer("roles", case, "--explain", row["id"].upper(), "--format", "json")
        assert set(found) == {"conclusion", "grounds", "supporting", "against"}
        assert found["conclusion"]["id"] == row["id"]
        assert found["grounds"]
        assert sorted(f"event:{record['id']}" for record in found["supporting"]) == sorted(row["evidence"])
        assert all({"says", "known", "time", "time_generated", "strings"} <= set(one) for one in found["supporting"])


def test_an_explanation_of_every_group_is_valid_json(case):
    """With --group all one id means a conclusion of each group: a list, and CSV with one header."""
    found = answer("roles", case, "--group", "all", "--explain", "role:1", "--format", "json")
    assert len(found) > 1
    rows = list(
        csv.reader(io.StringIO(run("roles", case, "--group", "all", "--explain", "role:1", "--format", "csv").stdout))
    )
    assert len({len(row) for row in rows}) == 1
    assert [row[0] for row in rows].count("conclusion") == 1


@pytest.mark.parametrize("wanted", ["transition:99", "nonsense", "", "event:1"])
def test_an_unknown_conclusion_is_wrong_usage(case, wanted):
    """An id that there is not ends with 2 and names those that there are."""
    result = run("roles", case, "--explain", wanted)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "transition:1" in result.stderr


def test_a_contradiction_is_shown_and_explained(contested):
    """Two nodes that claim a group at once are a conflict, which has a section of its own and can be explained."""
    found = answer("roles", contested, "--group", "B", "--format", "json")
    assert [set(row["nodes"]) for row in found["conflicts"]] == [{"EXNODE1", "EXNODE2"}]
    assert "Contradictions" in run("roles", contested, "--group", "B").stdout
    result = run("roles", contested, "--group", "B", "--explain", "conflict:1")
    assert result.exit_code == 0
    assert "EXNODE1 and EXNODE2 both claim to be active" in result.stdout


def test_evidence_does_not_act_on_the_screen(contested):
    """A hostile name of a group is shown escaped wherever it stands, and says that nothing tells it from the other."""
    for arguments in ((), ("--group", "all"), ("--explain", "role:1"), ("--group", "nix")):
        result = run("roles", contested, *arguments)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.stdout)
    assert r"\x1b[2J[/x]\u202e" in run("roles", contested).stdout
    assert "name the group that you mean" in run("roles", contested).stdout


def test_an_empty_case_is_told(empty):
    """A case without evidence is done, with words for people and an empty answer for programs."""
    result = run("roles", empty)
    assert result.exit_code == 0
    assert "No node is in the evidence" in result.stdout
    found = answer("roles", empty, "--format", "json")
    assert found["group"] is None
    assert [found[key] for key in ("nodes", "clock_offsets", "intervals", "transitions", "conflicts")] == [[]] * 5
    assert run("roles", empty, "--format", "jsonl").stdout == ""
    assert run("roles", empty, "--format", "csv").stdout == ",".join(FIELDS) + "\n"
    assert run("roles", empty, "--explain", "role:1").exit_code == 2


def test_a_log_that_says_nothing_of_roles(tmp_path):
    """A node of which nothing tells the role is unknown, not guessed."""
    (tmp_path / "SysEvent.Evt").write_bytes(
        build([EvtEvent(n, START + MINUTE * n, START + MINUTE * n, 7, "Disk", "EXNODE1", ()) for n in range(1, 50)])
    )
    assert run("ingest", tmp_path / "case.db", tmp_path / "SysEvent.Evt").exit_code == 0
    found = answer("roles", tmp_path / "case.db", "--format", "json")
    assert found["nodes"] == ["EXNODE1"]
    assert {row["role"] for row in found["intervals"]} == {"unknown"}
    assert run("roles", tmp_path / "case.db").exit_code == 0


def test_no_case_is_wrong_usage(tmp_path):
    """Where there is no case, the command ends with 2 and makes none."""
    assert run("roles", tmp_path / "case.db").exit_code == 2
    assert list(Path(tmp_path).iterdir()) == []
