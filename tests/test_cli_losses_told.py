"""What `ccrf investigate` and `ccrf ingest` make of losses: told last, with steps that work, and never in the way."""

from __future__ import annotations

import json
import shlex
import sqlite3

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics import conclude as conclude_module
from forensics.errors import FailedError
from samples.incident import Setting
from samples.incident import build as build_incident
from samples.incident.evidence import zip_bytes

LISTS = (("overwrites", ("overwrites",)), ("backups", ("backups", "list")))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder of its own, so that ./case.db is the test's."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def evidence(path, scenario):
    path.write_bytes(zip_bytes(build_incident(Setting(scenario, "2008", 3)).items))
    return path


@pytest.fixture
def lost(tmp_path):
    """A save is lost in a failover, and then the only copy of it."""
    return evidence(tmp_path / "lost.zip", "window-forced-sync")


@pytest.fixture
def clean(tmp_path):
    """Many edits, moves and crashes, and nothing is lost."""
    return evidence(tmp_path / "clean.zip", "loss-clean")


def rows(table):
    with sqlite3.connect("case.db") as connection:
        found = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names
    connection.close()
    return found


def test_the_last_lines_say_what_to_restore(lost):
    """Each loss is told with its node and word; the last lines name the set, and commands that lead there."""
    out = run("investigate", lost).stdout
    found = json.loads(run("overwrites", "case.db", "--format", "json").stdout)
    assert found
    told, _, end = out.partition("\nWhat was lost\n")[2].partition("\nWhat to restore\n")
    for row in found:
        assert f"{row['why']} " in told
        assert f" on {row['node']} " in told
        assert f"({row['confidence']}; {row['id']})" in told
    (best,) = [
        one["id"]
        for one in json.loads(run("backups", "list", "case.db", "--format", "json").stdout)
        if one["recommended"]
    ]
    assert end.startswith(f"Restore {found[0]['file']} from {best} (")
    commands = [line.strip() for line in end.splitlines() if line.startswith("    ")]
    assert f"ccrf backups show case.db {best}" in commands
    assert "ccrf overwrites case.db --explain overwrite:1" in commands


def test_the_object_holds_what_the_commands_say(lost):
    """In the JSON answer losses and backup sets are those of their own commands; the steps on them come first."""
    answer = json.loads(run("investigate", lost, "--format", "json").stdout)
    for key, command in LISTS:
        assert answer[key]
        assert answer[key] == json.loads(run(*command, "case.db", "--format", "json").stdout)
    commands = [shlex.split(step["command"]) for step in answer["next_steps"]]
    assert commands[0] == ["ccrf", "overwrites", "case.db", "--explain", "overwrite:1"]
    assert ["ccrf", "restore", "case.db", "--from", "backup", "--to", "DIR"] in commands
    for command in commands:
        # The folder to restore to is the analyst's to name.
        assert run(*command[1:]).exit_code == (2 if "DIR" in command else 0), command


def test_the_restore_is_named_last(lost):
    """The last command is the one that puts it back, with a place for the folder."""
    out = run("investigate", lost).stdout
    assert out.endswith("    ccrf restore case.db --from backup --to DIR\n")


def test_the_exit_code_tells(lost, clean):
    """--exit-code gives 10 where something was lost and 0 where nothing was; evidence that is not whole goes before."""
    assert run("investigate", lost, "--case", "a.db").exit_code == 0
    assert run("investigate", lost, "--case", "a.db", "--exit-code").exit_code == 10
    assert run("investigate", clean, "--case", "b.db", "--exit-code").exit_code == 0
    cut = lost.with_name("cut.evt")
    cut.write_bytes(b"\x30\x00\x00\x00LfLe" + b"\x00" * 50)
    assert run("investigate", lost, cut, "--case", "a.db", "--exit-code").exit_code == 3


def test_nothing_lost_is_said(clean):
    """Where nothing was lost the answer says so, and nothing is to be restored."""
    out = run("investigate", clean).stdout
    assert "No loss of a replicated file shows in 10 live files" in out
    assert "What to restore" not in out
    answer = json.loads(run("investigate", clean, "--case", "other.db", "--format", "json").stdout)
    assert answer["overwrites"] == []
    assert not any("--explain overwrite" in step["command"] for step in answer["next_steps"])


def test_more_evidence_replaces_the_losses(lost, clean):
    """The tables hold the losses of all that is in the case, each once, whatever was there before."""
    run("ingest", "case.db", lost)
    first = rows("overwrites")
    assert first
    run("ingest", "case.db", lost)
    assert rows("overwrites") == first
    run("ingest", "case.db", clean)
    found = json.loads(run("overwrites", "case.db", "--format", "json").stdout)
    assert [row[0] for row in rows("overwrites")] == [int(row["id"].partition(":")[2]) for row in found]


@pytest.mark.parametrize("error", [ZeroDivisionError("odd \x1b[2J"), FailedError("no room")])
def test_a_failed_analysis_fails_no_ingest(lost, monkeypatch, error):
    """Where losses cannot be worked out the evidence, roles and backup sets stay, and what failed is said."""

    def failing(*_):
        raise error

    run("ingest", "case.db", lost)
    assert rows("overwrites")
    roles = rows("role_intervals")
    monkeypatch.setattr(conclude_module, "analyse_evidence", failing)
    result = run("ingest", "case.db", lost)
    assert result.exit_code == 0
    assert "what was lost could not be told" in result.stderr
    assert "\x1b" not in result.stderr
    assert rows("overwrites") == []
    assert rows("role_intervals") == roles
    assert rows("backup_sets")
    assert not any(row for row in rows("(SELECT 1 FROM backup_sets WHERE recommended)"))
    answer = run("investigate", lost, "--case", "case.db", "--format", "json")
    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert found["roles"] is not None
    assert found["overwrites"] is None
    assert found["backups"]
    assert run("verify", "case.db").exit_code == 0
