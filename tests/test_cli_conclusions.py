"""What `ccrf ingest` and `ccrf investigate` conclude: the story, the tables of the case, and what fails no ingest."""

from __future__ import annotations

import json
import shlex
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics import conclude as conclude_module
from forensics.errors import ProfileError
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting
from samples.incident import build as build_incident
from samples.incident.evidence import zip_bytes

ROOT = Path(__file__).resolve().parent.parent
START = 1_199_966_400  # 2008-01-10T12:00:00Z


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def log(node, numbers=range(1, 11), **options):
    """An .evt log of a node; every event a minute after the one before."""
    return build(
        [
            EvtEvent(number, START + 60 * number, START + 60 * number, 9413, "FSECCRService", node, ("ScanJobs.fdb",))
            for number in numbers
        ],
        **options,
    )


@pytest.fixture
def evidence(tmp_path):
    """Evidence of two nodes, whole."""
    for node in ("EXNODE1", "EXNODE2"):
        folder = tmp_path / "evidence" / node
        folder.mkdir(parents=True)
        (folder / "AppEvent.Evt").write_bytes(log(node))
        (folder / "ScanJobs.fdb").write_bytes(b"synthetic " * 100)
    return tmp_path / "evidence"


@pytest.fixture
def damaged(evidence):
    """The same evidence, with a log that is cut off."""
    whole = log("EXNODE2", range(1, 200))
    (evidence / "EXNODE2" / "z.evt").write_bytes(whole[: len(whole) // 3 + 2])
    return evidence


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder of its own, so that ./case.db is the test's."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def incident(tmp_path):
    """A simulated crash of the active node, on Server 2003: each log holds copies of the other's entries."""
    (tmp_path / "incident.zip").write_bytes(zip_bytes(build_incident(Setting("crash", "2003", 3)).items))
    return tmp_path / "incident.zip"


def test_the_answer_tells_the_story(incident):
    """Who was active first, every move, who was down and the clocks are told; each log under its own node."""
    out = run("investigate", incident).stdout
    assert "nodes: EXNODE1, EXNODE2" in out
    assert {line.split()[0] for line in out.splitlines() if " System " in line} == {"EXNODE1", "EXNODE2"}
    moves = json.loads(run("roles", "case.db", "--format", "json").stdout)["transitions"]
    assert len(moves) == 2
    for move in moves:
        assert f"{move['time']}: from {move['from']} to {move['to']} ({move['confidence']}; {move['id']})." in out
    assert "EXNODE1 was active first" in out
    assert "EXNODE1 was down from" in out
    assert "Times here are on the clock of EXNODE1." in out


def test_the_readme_shows_what_is_printed():
    """The sample of the README is what the program says of the sample incident."""
    out = run("investigate", ROOT / "samples" / "incidents" / "failover-in-window.zip").stdout
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## What it tells", 1)[1]
    first, last = section.split("```\n")[1:4:2]
    assert first.startswith("Who was active when")
    assert "What was lost" in first
    assert first in out
    assert last.startswith("What to restore")
    assert out.endswith(last)


def test_the_steps_lead_on(incident):
    """The next steps explain a move and show what happened around it, and can be typed as they stand."""
    answer = json.loads(run("investigate", incident, "--format", "json").stdout)
    commands = [shlex.split(step["command"]) for step in answer["next_steps"]]
    assert {"roles", "timeline"} <= {command[1] for command in commands}
    assert any("--explain" in command for command in commands)
    for command in commands:
        result = run(*command[1:])
        assert result.exit_code == 0, command
        assert result.stdout or command[1] == "verify"


@pytest.mark.parametrize("command", [["ingest", "case.db"], ["investigate"]])
def test_the_case_holds_the_conclusions(command, incident):
    """After an ingest the tables for other tools say what `ccrf roles` says, and the audit that they were filled."""
    assert run(*command, incident).exit_code == 0
    found = json.loads(run("roles", "case.db", "--format", "json").stdout)
    with sqlite3.connect("case.db") as connection:
        moves = connection.execute(
            "SELECT 'transition:' || id, from_node, to_node, earliest, time, latest, confidence, evidence, why"
            " FROM role_transitions WHERE cluster_group = ? ORDER BY id",
            (found["group"],),
        ).fetchall()
        intervals = connection.execute(
            "SELECT 'role:' || id, node, role, start, end FROM role_intervals WHERE cluster_group = ? ORDER BY id",
            (found["group"],),
        ).fetchall()
        groups = {row[0] for row in connection.execute("SELECT cluster_group FROM role_intervals")}
        offsets = connection.execute("SELECT node, seconds FROM clock_offsets").fetchall()
        (detail,) = connection.execute("SELECT detail FROM audit WHERE action = 'analyse'").fetchone()
    connection.close()
    fields = ("id", "from", "to", "earliest", "time", "latest", "confidence")
    assert [(*row[:7], json.loads(row[7]), row[8]) for row in moves] == [
        (*(move[name] for name in fields), move["evidence"], move["why"]) for move in found["transitions"]
    ]
    assert intervals == [
        tuple(row[name] for name in ("id", "node", "role", "start", "end")) for row in found["intervals"]
    ]
    assert offsets == [(row["node"], row["seconds"]) for row in found["clock_offsets"]]
    assert "Cluster Group" in groups
    assert json.loads(detail)["role_intervals"] > len(intervals)
    assert run("verify", "case.db").exit_code == 0


def test_conclusions_follow_the_evidence(incident, evidence):
    """More evidence replaces the conclusions, the same evidence again changes none."""

    def rows():
        with sqlite3.connect("case.db") as connection:
            found = connection.execute("SELECT * FROM role_intervals ORDER BY id").fetchall()
        connection.close()
        return found

    run("ingest", "case.db", evidence)
    first = rows()
    run("ingest", "case.db", incident)
    second = rows()
    run("ingest", "case.db", incident, evidence)
    assert first != second == rows()


def test_a_strict_stop_concludes_too(damaged):
    """What a strict ingest read before the damage is concluded from."""
    assert run("ingest", "case.db", damaged, "--strict").exit_code == 3
    with sqlite3.connect("case.db") as connection:
        assert connection.execute("SELECT count(*) FROM role_intervals").fetchone()[0]
    connection.close()


@pytest.mark.parametrize("error", [ProfileError("profile", "line 3: it is bad"), ZeroDivisionError("x\x1b[2J")])
def test_a_failing_analysis_fails_no_ingest(error, evidence, monkeypatch):
    """The evidence is in the case whatever the analysis does; that it failed is told in one line, and in the audit."""

    def failing(_):
        raise error

    run("ingest", "case.db", evidence / "EXNODE1")
    monkeypatch.setattr(conclude_module, "analyse", failing)
    result = run("ingest", "case.db", evidence)
    assert result.exit_code == 0
    assert "nothing could be concluded" in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[1:] == ["4 files; 20 events added"]
    assert "\x1b" not in result.stderr
    assert ("bug" in result.stderr) == isinstance(error, ZeroDivisionError)
    with sqlite3.connect("case.db") as connection:
        assert not connection.execute("SELECT count(*) FROM role_intervals").fetchone()[0]
        last = connection.execute("SELECT detail FROM audit WHERE action = 'analyse' ORDER BY id DESC").fetchone()[0]
    connection.close()
    assert "failed" in json.loads(last)
    answer = run("investigate", evidence, "--case", "case.db", "--format", "json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["roles"] is None


def test_investigate_reads_as_ingest_does(evidence, tmp_path):
    """--node, --profile, --source-tz and --jobs mean what they mean for ingest; a bad profile makes no case."""
    assert run("investigate", evidence / "EXNODE1", "--node", "mail7.corp.example", "--jobs", "1").exit_code == 0
    assert {row["node"] for row in json.loads(run("evidence", "case.db", "--format", "json").stdout)} == {"MAIL7"}
    (tmp_path / "bad.toml").write_text("[[events]]\nnonsense = 1\n")
    result = run("investigate", evidence, "--case", "other.db", "--profile", tmp_path / "bad.toml")
    assert result.exit_code == 2
    assert run("investigate", evidence, "--case", "other.db", "--source-tz", "Mars/Olympus").exit_code == 2
    assert not Path("other.db").exists()
