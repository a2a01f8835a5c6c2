"""`ccrf profile`: the knowledge in force, with how well each fact is known, and what an extension does to it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.profile import FIELDS, FINDING_FIELDS
from forensics.case.store import Case
from forensics.claims import Claim
from forensics.profile import TABLES, Mark, load_profile, shipped_names
from forensics.profile_rows import EventRow

DOCS = (Path(__file__).resolve().parent.parent / "docs" / "profile.md").read_text("utf-8")

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


def test_checking_a_sound_profile(tmp_path):
    """`profile check` prints what an extension adds and replaces, in every format, counts it on stderr, and gives 0."""
    path = tmp_path / "my.toml"
    path.write_text(EXTENSION + '[[cycles]]\nname = "engines"\nseconds = 5\nmark = "common"\nsource = "seen"\n')
    result = run("profile", "check", path, "--format", "json")
    rows = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [(row["kind"], row["line"], row["key"]) for row in rows] == [
        ("adds", 2, "Extra.fdb"),
        ("replaces", 7, "engines"),
    ]
    assert all(tuple(row) == FINDING_FIELDS for row in rows)
    assert result.stderr.strip().endswith("extends fse-ccr; 1 row added, 1 replaced; 0 warnings")
    assert len(run("profile", "check", path).stdout.splitlines()) == len(rows) + 1
    cells = list(csv.DictReader(io.StringIO(run("profile", "check", path, "--format", "csv").stdout)))
    assert [row["key"] for row in cells] == ["Extra.fdb", "engines"]
    assert run("profile", "check", path, "--quiet").stderr == ""


def test_checking_a_bad_profile(tmp_path):
    """All faults are rows with their lines; one line on stderr counts them, and the exit code is 2."""
    path = tmp_path / "my.toml"
    path.write_text('[[cycles]]\nname = "\\u001b"\nseconds = 0\nmark = "sure"\n')
    result = run("profile", "check", path)
    assert result.exit_code == 2
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        ["1", "error"],
        ["3", "error"],
        ["4", "error"],
    ]
    assert "\x1b" not in result.stdout
    assert result.stderr == f"ccrf: {path}: 3 errors: it cannot be used\n"
    assert run("profile", "check", tmp_path / "nowhere.toml").exit_code == 2
    refused = run("ingest", tmp_path / "case.db", path, "--profile", path)
    assert refused.exit_code == 2
    assert "line 1: cycles[0]: " in refused.stderr
    assert "2 more" in refused.stderr


def test_a_shipped_profile_is_taken_by_its_name(tmp_path, monkeypatch):
    """`--profile wsfc` works where a file does, and stays with the case; a file of that name goes before it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.evt").write_bytes(b"")
    run("ingest", "case.db", "a.evt", "--profile", "wsfc")
    assert shown("--case", "case.db") == shown("--profile", "wsfc")
    assert {row["table"] for row in shown("--case", "case.db")} >= {"events", "cluster_groups"}
    assert "replicated_files" not in {row["table"] for row in shown("--case", "case.db")}
    (tmp_path / "wsfc").write_text(EXTENSION)
    assert "Extra.fdb" in {row["key"] for row in shown("--profile", "wsfc")}


def test_a_profile_with_a_byte_order_mark_stays_readable(tmp_path):
    """What Windows editors put before UTF-8 text does not spoil the profile that a case keeps."""
    (tmp_path / "my.toml").write_text("\ufeff" + EXTENSION, "utf-8")
    (tmp_path / "a.evt").write_bytes(b"")
    run("ingest", tmp_path / "case.db", tmp_path / "a.evt", "--profile", tmp_path / "my.toml")
    assert "Extra.fdb" in {row["key"] for row in shown("--case", tmp_path / "case.db")}


def test_events_are_shown_in_words():
    """The line of an event says its claim, and what it is told by."""
    lines = run("profile", "show").stdout.splitlines()
    seeding = next(line for line in lines if "FSECCRService seeding complete" in line)
    assert "seeding_complete (strong); FSECCRService: known by its text" in seeding
    failed = next(line for line in lines if "MsiInstaller 1034 failed" in line)
    assert "removal_failed; MsiInstaller: id 1034; object is string 1; only if string 4 is not '0'" in failed
    row = next(row for row in shown() if row["key"] == "ClusSvc 1201")
    assert (row["values"]["claim"], row["values"]["object"], row["values"]["id"]) == ("group_online", 1, 1201)


def test_the_documented_example_works(tmp_path):
    """The example of the documentation is a sound profile that adds what the text says."""
    example = DOCS.split("```toml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "my.toml").write_text(example)
    result = run("profile", "check", tmp_path / "my.toml", "--format", "json")
    assert result.exit_code == 0
    assert [(row["kind"], row["key"]) for row in json.loads(result.stdout)] == [("adds", "FSECCRService 9402")]
    row = next(row for row in shown("--profile", tmp_path / "my.toml") if row["key"] == "FSECCRService 9402")
    assert (row["mark"], row["values"]["claim"]) == ("unverified", "backup_made")


def test_the_documentation_names_everything():
    """Every shipped profile, table, field of an event, mark and claim is in docs/profile.md, and no other claim."""
    words = set(re.findall(r"`([a-z_-]+)`", DOCS))
    fields = set(EventRow.__struct_fields__) - {"mark", "source", "note"}
    assert {*shipped_names(), *Mark, *fields} <= words
    assert {table for table in TABLES if table != "events"} <= words
    section = DOCS.split("## Claims", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`([a-z_]+)`", section)) - {"object", "products", "services"} == set(Claim)
