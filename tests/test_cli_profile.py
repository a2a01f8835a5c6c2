"""`ccrf profile show` shows the knowledge in force, with how well each fact is known."""

from __future__ import annotations

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.profile import FIELDS
from forensics.case.store import Case
from forensics.profile import load_profile

EXTENSION = """
[[replicated_files]]
name = "Extra.fdb"
mark = "common"
source = "seen on site"
note = "[/x] \\u001b"
"""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def shown(*arguments):
    return json.loads(run("profile", "show", "--format", "json", *arguments).stdout)


def test_every_fact_is_shown():
    """Each fact of the built-in profile is a row with its table, key, mark and source."""
    rows = shown()
    assert [(row["table"], row["key"]) for row in rows] == [(table, key) for table, key, _ in load_profile().rows()]
    assert all(tuple(row) == FIELDS for row in rows)
    assert {"ScanJobs.fdb", "Template.fdb"} <= {row["key"] for row in rows if row["table"] == "replicated_files"}
    assert all(row["mark"] and row["source"] for row in rows if row["table"] != "unknowns")


def test_the_formats_agree():
    """Table and CSV have a row for each fact."""
    rows = shown()
    assert len(run("profile", "show").stdout.splitlines()) == len(rows) + 1
    cells = list(csv.DictReader(io.StringIO(run("profile", "show", "--format", "csv").stdout)))
    assert [row["key"] for row in cells] == [row["key"] for row in rows]


def test_an_extension_is_shown_in_force(tmp_path):
    """--profile shows the built-in facts together with the analyst's own, made safe to show."""
    (tmp_path / "my.toml").write_text(EXTENSION)
    keys = [row["key"] for row in shown("--profile", tmp_path / "my.toml")]
    assert len(keys) == len(shown()) + 1
    assert "Extra.fdb" in keys
    table = run("profile", "show", "--profile", tmp_path / "my.toml").stdout
    assert r"[/x] \x1b" in table


def test_a_case_keeps_its_profile(tmp_path):
    """--case shows the profile that was given when the case was made; a plain case has the built-in one."""
    (tmp_path / "my.toml").write_text(EXTENSION)
    (tmp_path / "a.evt").write_bytes(b"")
    run("ingest", tmp_path / "case.db", tmp_path / "a.evt", "--profile", tmp_path / "my.toml")
    assert "Extra.fdb" in {row["key"] for row in shown("--case", tmp_path / "case.db")}
    Case.create(tmp_path / "plain.db").close()
    assert shown("--case", tmp_path / "plain.db") == shown()


@pytest.mark.parametrize("command", [["profile", "show"], ["ingest", "case.db", "a.evt"]])
@pytest.mark.parametrize("text", [None, "this is [no TOML", "[[replicated_files]]\nnome = 'x'\n"])
def test_a_bad_profile_is_wrong_usage(tmp_path, monkeypatch, command, text):
    """A profile that is missing or wrong is named in one line, with 2, and no case is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.evt").write_bytes(b"")
    if text is not None:
        (tmp_path / "my.toml").write_text(text)
    result = run(*command, "--profile", "my.toml")
    assert result.exit_code == 2
    assert "my.toml" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "case.db").exists()


def test_two_profiles_are_wrong_usage(tmp_path):
    """--case and --profile cannot both be meant."""
    assert run("profile", "show", "--case", tmp_path / "c", "--profile", tmp_path / "p").exit_code == 2
