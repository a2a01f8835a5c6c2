"""`ccrf overwrites` as a user runs it: what was lost and where it still is, in every form, and what that rests on."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.store import Case
from forensics.files import analyse as analyse_module
from forensics.files.losses_plain import FINDING_FIELDS
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import write_folder, zip_bytes

START = 1_199_966_400  # 2008-01-10T12:00:00Z
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
REFERENCE = re.compile(r"(?:event|file):[1-9]\d*")
PROMISED = FINDING_FIELDS[:13]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def case_of(folder, scenario, seed, system="2008"):
    """The case of a simulated incident, with the truth on what was lost."""
    made = incident(Setting(scenario, system, seed))
    (folder / "incident.zip").write_bytes(zip_bytes(made.items))
    assert run("ingest", folder / "case.db", folder / "incident.zip").exit_code == 0
    return folder / "case.db", made.truth["losses"]


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A save is lost in a failover within the cycle, and a forced sync overwrites the node that still had it."""
    return case_of(tmp_path_factory.mktemp("lost"), "window-forced-sync", 3)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Many edits, moves and crashes, and nothing is lost."""
    return case_of(tmp_path_factory.mktemp("clean"), "loss-clean", 3)[0]


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    """A file was saved on the passive node, where replication leaves it."""
    return case_of(tmp_path_factory.mktemp("diverged"), "passive-edit", 3)[0]


@pytest.fixture
def empty(tmp_path):
    Case.create(tmp_path / "empty.db").close()
    return tmp_path / "empty.db"


def test_the_losses_are_those_of_the_incident(lost):
    """Each loss is there once, with the promised fields in their order, and is one that really was, with its cause."""
    case, truth = lost
    found = answer("overwrites", case)
    assert [tuple(row)[: len(PROMISED)] for row in found] == [PROMISED] * len(found)
    keys = ("file", "node", "kind", "cause")
    assert sorted(tuple(row[key] for key in keys) for row in found) == sorted(
        tuple(loss[key] for key in keys) for loss in truth if loss["in_place"]
    )
    for row in found:
        assert {"sha256", "modified", "size"} == set(row["lost"]) == set(row["current"])
        assert row["lost"]["sha256"] != row["current"]["sha256"]
        assert TIME.fullmatch(row["earliest"])
        assert row["earliest"] <= row["latest"]
        assert row["confidence"] in {"certain", "probable", "possible"}
        assert row["evidence"]
        assert all(map(REFERENCE.fullmatch, row["evidence"]))
        assert row["why"].endswith(".")
    assert [row["id"] for row in found] == [f"overwrite:{number}" for number in range(1, len(found) + 1)]


def test_the_sets_that_are_named_have_the_bytes(lost):
    """Every set in `recoverable_from` holds the lost content, every other does not; one set at most is recommended."""
    case, _ = lost
    sets = answer("backups", "list", case)
    for row in answer("overwrites", case):
        having = [one["id"] for one in sets if one["files"].get(row["file"], {}).get("sha256") == row["lost"]["sha256"]]
        assert row["recoverable_from"] == having != []
    assert sum(one["recommended"] for one in sets) == 1
    shown = run("backups", "list", case).stdout
    assert shown.count("restore this one") == 1
    assert not any(one["recommended"] for one in answer("backups", "list", case) if not one["complete"])


def test_the_tables_say_the_same(lost):
    """After an ingest the tables hold the losses and the recommended set; the same evidence again changes none."""
    case, _ = lost

    def tables():
        with sqlite3.connect(case) as connection:
            rows = connection.execute(
                "SELECT 'overwrite:' || id, file, node, kind, cause, earliest, latest, lost_sha256, lost_modified,"
                " lost_size, current_sha256, current_modified, current_size, recoverable_from, confidence, evidence,"
                " why FROM overwrites ORDER BY id"
            ).fetchall()
            best = connection.execute("SELECT 'backup:' || id FROM backup_sets WHERE recommended = 1").fetchall()
        connection.close()
        return rows, best

    rows, best = tables()
    found = answer("overwrites", case)
    assert [(*row[:13], json.loads(row[13]), row[14], json.loads(row[15]), row[16]) for row in rows] == [
        (
            *(one[name] for name in PROMISED[:7]),
            *(one[version][name] for version in ("lost", "current") for name in ("sha256", "modified", "size")),
            *(one[name] for name in PROMISED[9:]),
        )
        for one in found
    ]
    assert best == [(one["id"],) for one in answer("backups", "list", case) if one["recommended"]]
    assert run("ingest", case, case.parent / "incident.zip").exit_code == 0
    assert tables() == (rows, best)


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_the_same_case_gives_the_same_bytes(lost, form):
    """Asked twice, the answer is the same to the byte, in each form."""
    case, _ = lost
    first = run("overwrites", case, "--format", form).stdout_bytes
    assert first
    assert first == run("overwrites", case, "--format", form).stdout_bytes


def test_every_form_has_every_row(lost):
    """JSON Lines and CSV hold what the JSON holds, nested fields of the CSV as JSON."""
    case, _ = lost
    found = answer("overwrites", case)
    assert [json.loads(line) for line in run("overwrites", case, "--format", "jsonl").stdout.splitlines()] == found
    table = list(csv.DictReader(io.StringIO(run("overwrites", case, "--format", "csv").stdout)))
    assert [(row["id"], json.loads(row["lost"]), row["why"]) for row in table] == [
        (row["id"], row["lost"], row["why"]) for row in found
    ]


def test_the_table_ends_with_what_to_do(lost):
    """The table has a line for each finding with its sentence, then what to restore, and commands that work."""
    case, _ = lost
    out = run("overwrites", case).stdout
    for row in answer("overwrites", case):
        (line,) = [line for line in out.splitlines() if line.startswith(f"{row['id']} ")]
        assert line.endswith(row["why"])
        assert row["kind"].replace("_", " ") in line
    (best,) = [one["id"] for one in answer("backups", "list", case) if one["recommended"]]
    _, _, tail = out.partition("\nWhat to restore\n")
    assert f"from {best} (" in tail
    commands = [line.split()[1:] for line in tail.splitlines() if line.startswith("    ccrf ")]
    assert {command[0] for command in commands} == {"overwrites", "backups", "restore"}
    for command in commands:
        # The folder to restore to is the analyst's to name.
        assert run(*command).exit_code == (2 if "DIR" in command else 0), command


def test_a_zone_changes_the_table_only(lost):
    """--tz shows the times of the table in that zone; the JSON stays UTC."""
    case, _ = lost
    assert answer("overwrites", case, "--tz", "+02:00") == answer("overwrites", case)
    shown = run("overwrites", case, "--tz", "+02:00").stdout
    assert "+02:00" in shown
    assert not TIME.search(shown)


def test_the_exit_code_tells(lost, clean):
    """--exit-code gives 10 where something is lost, and 0 where nothing is; without it a loss is 0 too."""
    assert run("overwrites", lost[0]).exit_code == 0
    assert run("overwrites", lost[0], "--exit-code").exit_code == 10
    assert run("overwrites", lost[0], "--exit-code", "--format", "json", "--explain", "1").exit_code == 10
    assert run("overwrites", clean, "--exit-code").exit_code == 0


def test_what_was_mended_is_left_out(lost, monkeypatch):
    """A loss that was mended since is in no list, no table and no exit code, but with --all, and can be explained."""
    case, _ = lost
    real = analyse_module.analyse_evidence

    def mended(*arguments):
        found = real(*arguments)
        return replace(found, findings=tuple(replace(one, mended=True) for one in found.findings), recommended=None)

    monkeypatch.setattr(analyse_module, "analyse_evidence", mended)
    assert answer("overwrites", case) == []
    result = run("overwrites", case, "--exit-code")
    assert result.exit_code == 0
    assert "mended since: --all" in result.stderr
    assert "What to restore" not in result.stdout
    assert all(row["mended"] for row in answer("overwrites", case, "--all"))
    assert " mended " in run("overwrites", case, "--all").stdout
    assert ", mended since\n" in run("overwrites", case, "--explain", "1").stdout


def test_a_finding_is_explained(lost):
    """--explain shows both contents, the sets that have the lost one, how they differ, and the files and records."""
    case, _ = lost
    row = answer("overwrites", case)[0]
    out = run("overwrites", case, "--explain", row["id"]).stdout
    assert out == run("overwrites", case, "--explain", "1").stdout
    assert row["why"] in out
    for version in (row["lost"], row["current"]):
        assert version["sha256"] in out
        assert version["modified"] in out
    for reference in row["recoverable_from"] + row["evidence"]:
        assert re.search(rf"\b{reference}\b", out), reference
    for heading in ("How they differ", "Who has the lost content", "The records against it", "Why"):
        assert f"\n{heading}\n" in out
    assert f"{row['confidence'].capitalize()} means: " in out


def test_an_explanation_is_an_object(lost):
    """As JSON it has the conclusion, its grounds, the difference, and every file and record behind it, whole."""
    case, _ = lost
    row = answer("overwrites", case)[0]
    found = answer("overwrites", case, "--explain", row["id"])
    assert found["conclusion"] == row
    assert found["grounds"]
    assert found["difference"]["size"] == row["lost"]["size"]
    assert found["difference"]["changed"] > 0
    named = {one["reference"] for one in found["files"]} | {f"event:{one['id']}" for one in found["supporting"]}
    assert set(row["evidence"]) <= named
    assert {one["sha256"] for one in found["files"] if one["holds"] == "lost"} == {row["lost"]["sha256"]}
    with sqlite3.connect(case) as connection:
        paths = dict(connection.execute("SELECT 'file:' || id, path FROM file_versions"))
    connection.close()
    assert all(paths[one["reference"]] == one["path"] for one in found["files"])
    lines = run("overwrites", case, "--explain", "1", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [found]
    table = list(csv.DictReader(io.StringIO(run("overwrites", case, "--explain", "1", "--format", "csv").stdout)))
    assert [line["side"] for line in table].count("file") == len(found["files"])
    assert [line["side"] for line in table].count("supporting") == len(found["supporting"])


@pytest.mark.parametrize("wanted", ["overwrite:99", "nonsense", "", "0", "backup:1", "\x1b[2J"])
def test_an_unknown_finding_is_wrong_usage(lost, wanted):
    """An id that there is not ends with 2 and names those there are."""
    result = run("overwrites", lost[0], "--explain", wanted)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "overwrite:1" in result.stderr
    assert "\x1b" not in result.stderr


def test_nothing_lost_is_said(clean):
    """Where nothing is lost the program says so, of how much evidence, and gives no step and no recommendation."""
    assert answer("overwrites", clean) == []
    out = run("overwrites", clean).stdout
    assert "No loss of a replicated file shows in 10 live files and " in out
    assert "restore" not in out
    assert not any(one["recommended"] for one in answer("backups", "list", clean))


def test_a_divergence_is_to_be_decided(diverged):
    """A divergence restores nothing: what stands on either node, and that somebody has to decide, is said instead."""
    found = answer("overwrites", diverged)
    assert [row["kind"] for row in found] == ["divergence"]
    out = run("overwrites", diverged).stdout
    assert "What to restore" not in out
    _, _, tail = out.partition("\nWhat to decide\n")
    assert f"when {found[0]['node']} becomes active, its own comes into force" in tail
    assert not any(one["recommended"] for one in answer("backups", "list", diverged))


def test_a_case_without_files_cannot_tell(tmp_path, empty):
    """With logs alone, or nothing at all, the answer is not that nothing was lost but that it cannot be told."""
    event = EvtEvent(1, START, START, 1201, "ClusSvc", "EXNODE1", ("CMS1",))
    (tmp_path / "SysEvent.Evt").write_bytes(build([event]))
    assert run("ingest", tmp_path / "logs.db", tmp_path / "SysEvent.Evt").exit_code == 0
    for case in (tmp_path / "logs.db", empty):
        assert answer("overwrites", case) == []
        result = run("overwrites", case)
        assert (result.exit_code, run("overwrites", case, "--exit-code").exit_code) == (0, 0)
        assert "What was lost cannot be told." in result.stdout
        assert "No replicated file is in the evidence" in result.stdout
        assert run("overwrites", case, "--explain", "1").exit_code == 2


def test_a_node_without_files_is_missed(tmp_path):
    """Where one node's files are missing, that nothing was lost is not called sure, and the node is named."""
    folder = tmp_path / "e"
    for node in ("EXNODE1", "EXNODE2"):
        (folder / node).mkdir(parents=True)
        event = EvtEvent(1, START, START, 1201, "ClusSvc", node, ("CMS1",))
        (folder / node / "SysEvent.Evt").write_bytes(build([event]))
    (folder / "EXNODE1" / "Data").mkdir()
    (folder / "EXNODE1" / "Data" / "ScanJobs.fdb").write_bytes(b"synthetic " * 100)
    assert run("ingest", tmp_path / "case.db", folder).exit_code == 0
    out = run("overwrites", tmp_path / "case.db").stdout
    assert "That is not sure" in out
    assert "The live files of EXNODE2 are not in the evidence." in out
    assert "Template.fdb are not among the live files of EXNODE1." in out


def test_evidence_does_not_act_on_the_screen(tmp_path):
    """Names and contents of the evidence are shown escaped, in the list and in an explanation."""
    made = incident(Setting("window-forced-sync", "2008", 3))
    folder = tmp_path / "a\x1b[2J\u202e[x]"
    write_folder(made.items, folder)
    assert run("ingest", tmp_path / "case.db", folder).exit_code == 0
    assert answer("overwrites", tmp_path / "case.db")
    for arguments in ((), ("--explain", "1"), ("--explain", "1", "--format", "json"), ("--format", "json")):
        shown = run("overwrites", tmp_path / "case.db", *arguments).stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert r"\x1b[2J\u202e[x]" in run("overwrites", tmp_path / "case.db", "--explain", "1").stdout
