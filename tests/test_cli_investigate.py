"""`ccrf ingest`, `investigate` and `verify` as a user runs them: whole evidence, damaged evidence, and none."""

from __future__ import annotations

import errno
import json
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.ingest import run as run_module
from samples.builders.evt import EvtEvent, build

CCRF = str(Path(sys.executable).with_name("ccrf"))
START = 1_199_966_400  # 2008-01-10T12:00:00Z
HOSTILE = "a\u202egpj[x]\x1b[2J.evt"


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
    """The same evidence, with a log that is cut off, under a hostile name."""
    whole = log("EXNODE2", range(1, 200))
    (evidence / "EXNODE2" / HOSTILE).write_bytes(whole[: len(whole) // 3 + 2])
    return evidence


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder of its own, so that ./case.db is the test's."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_whole_evidence_is_done(evidence):
    """Whole evidence gives 0, one line of what was read, and nothing on stdout."""
    result = run("ingest", "case.db", evidence)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "4 files; 20 events added\n"


def test_twice_is_once(evidence):
    """The same evidence again adds nothing, and says so."""
    run("ingest", "case.db", evidence)
    result = run("ingest", "case.db", evidence)
    assert result.exit_code == 0
    assert result.stderr == "4 files, 4 known already; 0 events added\n"
    assert len(json.loads(run("events", "case.db", "--format", "json").stdout)) == 20


def test_damage_is_named(damaged):
    """Evidence that is not whole is named on stderr with its reason, made safe to show, also with -q; exit code 3."""
    result = run("ingest", "case.db", damaged, "-q")
    assert result.exit_code == 3
    (line,) = result.stderr.splitlines()
    assert line.startswith(r"evidence/EXNODE2/a\u202egpj[x]\x1b[2J.evt: partial: ")
    assert "offset" in line


def test_strict_stops(damaged):
    """--strict ends at the first damage with 3 and one line."""
    result = run("ingest", "case.db", damaged, "--strict")
    assert result.exit_code == 3
    assert result.stderr.startswith("ccrf: evidence/EXNODE2/")
    assert len(result.stderr.splitlines()) == 1


def test_a_text_is_no_log(tmp_path):
    """A text file that is named like a log is named, with what it is instead."""
    (tmp_path / "System.evtx").write_text("Dear administrator,\n")
    result = run("ingest", "case.db", tmp_path / "System.evtx")
    assert result.exit_code == 3
    assert "System.evtx: failed" in result.stderr
    assert "text" in result.stderr


def test_the_node_is_taken_as_given(evidence):
    """--node names the node of all the evidence, in upper case and without domain."""
    run("ingest", "case.db", evidence / "EXNODE1", "--node", "mail7.corp.example")
    rows = json.loads(run("evidence", "case.db", "--format", "json").stdout)
    assert {row["node"] for row in rows} == {"MAIL7"}


@pytest.mark.parametrize("command", [["ingest", "case.db"], ["investigate"]])
def test_a_missing_path_makes_nothing(command, evidence):
    """A path that is not there is wrong usage, and no case is made, even when another path is there."""
    result = run(*command, evidence, "nowhere")
    assert result.exit_code == 2
    assert result.stderr == "ccrf: nowhere: there is no such file or folder; check the path\n"
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("command", [["ingest", "case.db"], ["investigate"]])
def test_an_empty_folder_makes_nothing(command, tmp_path):
    """A folder without files is one line and exit code 3, and no case is made."""
    (tmp_path / "empty" / "below").mkdir(parents=True)
    result = run(*command, tmp_path / "empty")
    assert result.exit_code == 3
    assert result.stderr == f"ccrf: {tmp_path / 'empty'}: there are no files here\n"
    assert list(Path().iterdir()) == []


def test_nothing_recognised_is_said(tmp_path):
    """A folder in which nothing is evidence is one clear line and exit code 3."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.txt").write_text("a cat\n")
    result = run("ingest", "case.db", tmp_path / "photos")
    assert result.exit_code == 3
    assert result.stderr == f"ccrf: {tmp_path / 'photos'}: nothing here was recognised as evidence\n"


@pytest.mark.parametrize("command", [["ingest", "{}"], ["investigate", "--case", "{}"]])
def test_a_case_never_lies_in_its_evidence(command, evidence, tmp_path):
    """A case inside the evidence is refused, whatever it is called by, and nothing is written."""
    (tmp_path / "link").symlink_to(evidence / "EXNODE1", target_is_directory=True)
    before = sorted(evidence.rglob("*"))
    places = [
        (evidence / "case.db", evidence),
        (tmp_path / "link" / "case.db", evidence),
        (evidence / "EXNODE1" / "case.db", tmp_path / "link"),
        (evidence / "EXNODE2" / ".." / "case.db", evidence),
        (evidence / "EXNODE1" / "AppEvent.Evt", evidence / "EXNODE1" / "AppEvent.Evt"),
    ]
    for case, path in places:
        result = run(*(word.format(case) for word in command), path)
        assert result.exit_code == 4, (case, path)
        assert "never written to" in result.stderr
    assert sorted(evidence.rglob("*")) == before


def test_investigate_in_the_evidence_is_refused(evidence, monkeypatch):
    """Run inside the evidence, investigate would make ./case.db there: refused."""
    monkeypatch.chdir(evidence)
    assert run("investigate", ".").exit_code == 4
    assert run("investigate", "EXNODE1").exit_code == 0


@pytest.mark.parametrize("how", ["file", "dangling link"])
def test_investigate_replaces_nothing(evidence, how):
    """Where something is called case.db, investigate does nothing."""
    if how == "file":
        Path("case.db").write_bytes(b"mine")
    else:
        Path("case.db").symlink_to("nowhere")
    result = run("investigate", evidence)
    assert result.exit_code == 4
    assert "--case" in result.stderr
    assert list(Path().iterdir()) == [Path("case.db")]
    assert not Path("nowhere").exists()


def test_investigate_adds_to_a_named_case(evidence):
    """--case takes a case that is there, and adds nothing that it knows."""
    assert run("investigate", evidence, "--case", "mine.db").exit_code == 0
    result = run("investigate", evidence, "--case", "mine.db")
    assert result.exit_code == 0
    assert "4 known already" in result.stderr


@pytest.mark.parametrize("command", ["evidence", "events", "roles", "timeline", "overwrites", "verify"])
@pytest.mark.parametrize("what", ["nothing", "text", "folder", "other database"])
def test_no_case_is_wrong_usage(command, what, tmp_path):
    """A path that is no case ends with 2 and one line that says why, and is left as it is."""
    place = tmp_path / "case.db"
    if what == "text":
        place.write_text("this is not a case\n" * 100)
    elif what == "folder":
        place.mkdir()
    elif what == "other database":
        with sqlite3.connect(place) as connection:
            connection.execute("CREATE TABLE t(a)")
        connection.close()
    result = run(command, place)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "is not a case" in result.stderr
    assert place.exists() == (what != "nothing")


def test_investigate_tells_what_there_is(evidence):
    """The answer names the files, the nodes, each log with its span, and commands to go on with."""
    result = run("investigate", evidence)
    assert result.exit_code == 0
    assert "4 files: 2 evt, 2 fdb" in result.stdout
    assert "20 events" in result.stdout
    assert "nodes: EXNODE1, EXNODE2" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines() if " Application " in line]
    assert [row[0] for row in rows] == ["EXNODE1", "EXNODE2"]
    assert all({"10", "2008-01-10T12:01:00.000000Z", "2008-01-10T12:10:00.000000Z"} <= set(row) for row in rows)


def test_investigate_tells_what_is_missing(tmp_path):
    """Record numbers that are missing and a clock that was set back are named with their times."""
    events = [
        EvtEvent(number, START + at, START + at, 1, "ClusSvc", "EXNODE1")
        for number, at in ((1, 0), (2, 60), (7, 600), (8, 660), (9, 300), (10, 360))
    ]
    (tmp_path / "SysEvent.Evt").write_bytes(build(events))
    out = run("investigate", tmp_path / "SysEvent.Evt", "--case", "c.db").stdout
    assert "records 3 to 6 are missing, between 2008-01-10T12:01:00.000000Z and 2008-01-10T12:10:00.000000Z" in out
    assert "at record 9 the time falls from 2008-01-10T12:11:00.000000Z back to 2008-01-10T12:05:00.000000Z" in out
    assert "--since 2008-01-10T12:01:00.000000Z --until 2008-01-10T12:10:00.000000Z" in out


def test_investigate_names_what_it_could_not_read(damaged):
    """What is not whole is named on stderr and in the answer, and the exit code is 3."""
    result = run("investigate", damaged)
    assert result.exit_code == 3
    assert r"a\u202egpj[x]\x1b[2J.evt: partial" in result.stdout
    assert r"a\u202egpj[x]\x1b[2J.evt: partial" in result.stderr
    assert "\x1b" not in result.output
    assert "ccrf evidence case.db" in result.stdout


def test_the_answer_is_one_object(damaged):
    """--format json prints one object with the promised keys, each as its own command prints it."""
    result = run("investigate", damaged, "--format", "json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert answer["nodes"] == ["EXNODE1", "EXNODE2"]
    assert answer["evidence"]["kinds"] == {"evt": 3, "fdb": 2}
    assert [row["status"] for row in answer["evidence"]["not_whole"]] == ["partial"]
    assert answer["roles"] == json.loads(run("roles", "case.db", "--format", "json").stdout)
    assert answer["check"] == json.loads(run("check", "case.db", "--format", "json").stdout)
    assert answer["checkpoints"] == []
    assert answer["overwrites"] == json.loads(run("overwrites", "case.db", "--format", "json").stdout) == []
    assert answer["backups"] == json.loads(run("backups", "list", "case.db", "--format", "json").stdout) == []
    assert len(answer["logs"]) == 3
    assert {tuple(step) for step in answer["next_steps"]} == {("why", "command")}


def test_the_answer_does_not_depend_on_the_machine(evidence, monkeypatch, tmp_path):
    """The same evidence gives the same bytes, without a path of the analyst's machine, in whatever order it comes."""
    monkeypatch.chdir(evidence)
    first = run("investigate", "EXNODE1", "EXNODE2", "--case", "../here/case.db", "--format", "json")
    second = run("investigate", "EXNODE2", "EXNODE1", "--case", "../here/case2.db", "--format", "json")
    assert str(tmp_path) not in first.stdout
    unordered = json.loads(second.stdout.replace("case2.db", "case.db"))
    for answer in (ordered := json.loads(first.stdout), unordered):
        for entry in answer["logs"]:
            del entry["evidence_id"]
        for row in answer["roles"]["intervals"]:
            assert len(row.pop("evidence"))  # ids of events depend on the order of ingest
        for row in answer["check"]:
            row["evidence"] = len(row["evidence"])
    assert unordered == ordered


def test_every_next_step_works(damaged):
    """The commands that investigate suggests can be typed as they stand."""
    answer = json.loads(run("investigate", damaged, "--format", "json").stdout)
    commands = [shlex.split(step["command"]) for step in answer["next_steps"]]
    assert ["ccrf", "events", "case.db", "--grep", "ScanJobs.fdb"] in commands
    for command in commands:
        assert command[0] == "ccrf"
        assert run(*command[1:]).exit_code == 0, command


def test_verify_finds_a_change(evidence):
    """A case is whole after its ingest; a changed row is found, named, and gives 3."""
    run("ingest", "case.db", evidence)
    assert run("verify", "case.db").exit_code == 0
    connection = sqlite3.connect("case.db")
    with connection:
        connection.execute("DELETE FROM events WHERE id = 3")
    connection.close()
    result = run("verify", "case.db", "--format", "json")
    assert result.exit_code == 3
    assert {tuple(fault) for fault in json.loads(result.stdout)} == {("kind", "subject", "detail")}
    assert "count" in {fault["kind"] for fault in json.loads(result.stdout)}


def test_evidence_is_left_as_it_is(damaged):
    """Reading evidence changes neither bytes nor last-modified times, and leaves nothing beside it."""

    def state():
        return [(path, path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in damaged.rglob("*")]

    before = state()
    run("investigate", damaged)
    assert state() == before


def test_the_installed_program_works(evidence):
    """The command as installed reads evidence and finds events in a process of its own."""
    done = subprocess.run([CCRF, "investigate", evidence], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    found = subprocess.run(
        [CCRF, "events", "case.db", "--node", "EXNODE1", "--format", "csv"], capture_output=True, check=True
    )
    assert len(found.stdout.splitlines()) == 11


def test_every_command_has_help():
    """--help of every command says what it does and shows its options."""
    listed = run("--help").stdout
    for command in (
        ["investigate"],
        ["ingest"],
        ["roles"],
        ["timeline"],
        ["overwrites"],
        ["events"],
        ["verify"],
        ["profile", "show"],
    ):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "--quiet" in result.stdout
        assert command[0] in listed


def test_an_unreadable_file_is_named(evidence, monkeypatch):
    """A file that the system does not give is named with the reason, and the others are read."""
    real = run_module.fingerprint

    def refused(source):
        if source.path.endswith("EXNODE1/AppEvent.Evt"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(source)

    monkeypatch.setattr(run_module, "fingerprint", refused)
    result = run("ingest", "case.db", evidence)
    assert result.exit_code == 3
    assert "EXNODE1/AppEvent.Evt: failed: unreadable: Permission denied" in result.stderr
    assert len(json.loads(run("events", "case.db", "--format", "json").stdout)) == 10
