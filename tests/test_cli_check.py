"""`ccrf check`: eighteen answers in their order, in every form, with the records behind each."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.checks.model import GUIDELINES
from samples.incident import Setting, build
from samples.incident.evidence import write_folder

FIELDS = ["id", "title", "status", "confidence", "evidence", "why", "remedy", "would_decide"]


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A node installed anew while it was active: G02 and G03 were not followed."""
    folder = tmp_path_factory.mktemp("check")
    write_folder(build(Setting("reinstall-active", "2003", 3)).items, folder / "evidence")
    assert run("ingest", folder / "case.db", *sorted((folder / "evidence").iterdir())).exit_code == 0
    return folder / "case.db"


def checks(case):
    return json.loads(run("check", case, "--format", "json").stdout)


def test_the_list_is_the_contract_s(case):
    """All guidelines, in their order, with exactly the fields of the contract and its words."""
    rows = checks(case)
    assert [row["id"] for row in rows] == list(GUIDELINES)
    assert all(list(row) == FIELDS for row in rows)
    assert {row["status"] for row in rows} <= {"pass", "violation", "unknown", "not_applicable"}
    assert {row["confidence"] for row in rows} <= {"certain", "probable", "possible"}
    assert all(row["would_decide"] for row in rows if row["status"] == "unknown")
    assert {row["id"] for row in rows if row["status"] == "violation"} == {"G02", "G03"}


def test_references_resolve_in_the_case(case):
    """Every piece of evidence is a row of the table that it names."""
    tables = {"event": "events", "file": "file_versions", "evidence": "evidence", "checkpoint": "checkpoints"}
    with sqlite3.connect(case) as connection:
        for row in checks(case):
            for reference in row["evidence"]:
                kind, _, number = reference.partition(":")
                sql = f"SELECT count(*) FROM {tables[kind]} WHERE id = ?"  # noqa: S608
                assert connection.execute(sql, (int(number),)).fetchone() == (1,), reference
    connection.close()


def test_the_case_holds_the_same_in_its_table(case):
    """What `ccrf check` works out is what the last ingest left in `checks`, and what `investigate` tells."""
    with sqlite3.connect(case) as connection:
        stored = connection.execute(f"SELECT {', '.join(FIELDS)} FROM checks ORDER BY id").fetchall()  # noqa: S608
    connection.close()
    rows = [
        tuple(json.dumps(value) if isinstance(value, list) else value for value in row.values()) for row in checks(case)
    ]
    normal = [tuple(json.dumps(json.loads(v)) if i == 4 else v for i, v in enumerate(row)) for row in stored]
    assert normal == rows


def test_every_form_holds_every_row(case):
    """JSON Lines and CSV too; the table has a line for each guideline and counts them."""
    lines = run("check", case, "--format", "jsonl").stdout.splitlines()
    assert list(map(json.loads, lines)) == checks(case)
    cells = list(csv.DictReader(io.StringIO(run("check", case, "--format", "csv").stdout)))
    assert [(c["id"], json.loads(c["evidence"])) for c in cells] == [(r["id"], r["evidence"]) for r in checks(case)]
    table = run("check", case).stdout
    assert sum(line.startswith("G") for line in table.splitlines()) == len(GUIDELINES)
    assert "What to do:" in table
    assert "What would decide it:" in table
    assert "Of the 18 guidelines" in table


def test_exit_code_10_where_a_guideline_was_not_followed(case, tmp_path):
    """Only with --exit-code; without a violation it is 0."""
    assert run("check", case).exit_code == 0
    assert run("check", case, "--exit-code").exit_code == 10
    assert run("check", case, "--exit-code", "--format", "json").exit_code == 10
    write_folder(build(Setting("no-move", "2008", 1)).items, tmp_path / "evidence")
    run("ingest", tmp_path / "other.db", *sorted((tmp_path / "evidence").iterdir()))
    assert run("check", tmp_path / "other.db", "--exit-code").exit_code == 0


def test_explain_shows_the_records_behind(case):
    """The check, and each record and file that it rests on, whole; a number is enough of an id."""
    answer = json.loads(run("check", case, "--explain", "G02", "--format", "json").stdout)
    assert answer["conclusion"] == next(row for row in checks(case) if row["id"] == "G02")
    named = {f"event:{record['id']}" for record in answer["supporting"]} | {o["reference"] for o in answer["others"]}
    assert named == set(answer["conclusion"]["evidence"])
    assert {record["says"] for record in answer["supporting"]} >= {"install"}
    assert json.loads(run("check", case, "--explain", "2", "--format", "json").stdout) == answer
    told = run("check", case, "--explain", "g02").stdout
    assert "MsiInstaller" in told
    assert "What to do:" in told
    rows = list(csv.DictReader(io.StringIO(run("check", case, "--explain", "G02", "--format", "csv").stdout)))
    assert len(rows) == len(answer["supporting"]) + len(answer["others"])


def test_a_guideline_that_there_is_not_is_a_mistake_of_the_user(case):
    """Exit code 2, and the ids there are."""
    done = run("check", case, "--explain", "G19")
    assert done.exit_code == 2
    assert "G01 to G18" in done.stderr
    assert run("check", case.with_name("nowhere.db")).exit_code == 2


def test_a_profile_without_guidelines_has_the_shipped_words(tmp_path):
    """For a cluster of another product all eighteen are there, none of them accused."""
    write_folder(build(Setting("no-move", "2008", 1)).items, tmp_path / "evidence")
    nodes = sorted((tmp_path / "evidence").iterdir())
    run("ingest", tmp_path / "case.db", *nodes, "--profile", "wsfc")
    rows = checks(tmp_path / "case.db")
    assert [row["id"] for row in rows] == list(GUIDELINES)
    assert all(row["title"] and row["remedy"] for row in rows)
    assert not any(row["status"] == "violation" for row in rows)


def test_investigate_tells_the_violations(case, tmp_path, monkeypatch):
    """In sentences, with a step that shows what the surest of them rests on."""
    monkeypatch.chdir(tmp_path)
    evidence = sorted((case.parent / "evidence").iterdir())
    told = run("investigate", *evidence).stdout
    assert "Which guidelines were followed" in told
    assert "G02 was not followed (certain)" in told
    assert "ccrf check case.db --explain G02" in told
    answer = json.loads(run("investigate", *evidence, "--case", "again.db", "--format", "json").stdout)
    assert [row["status"] for row in answer["check"]] == [row["status"] for row in checks(case)]
