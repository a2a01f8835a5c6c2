"""`ccrf backups` as a user runs it: sets listed, shown and compared, in every form."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.store import Case
from samples.incident import Setting, build
from samples.incident.evidence import zip_bytes

FIELDS = [
    "id", "node", "location", "made", "trigger", "files", "missing", "complete", "consistent", "recommended",
    "confidence", "evidence", "why",
]  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def incident():
    return build(Setting("failover-in-window", "2003", 1, backup_scheme="folder-stamp"))


@pytest.fixture(scope="module")
def case(incident, tmp_path_factory):
    """A case of an incident with six backup sets."""
    folder = tmp_path_factory.mktemp("backups")
    (folder / "incident.zip").write_bytes(zip_bytes(incident.items))
    assert run("ingest", folder / "case.db", folder / "incident.zip").exit_code == 0
    return folder / "case.db"


def test_every_backup_is_listed_with_the_promised_fields(incident, case):
    """The list has the sets that were made, their files with hash, time and size, and every field that scripts use."""
    sets = answer("backups", "list", case)
    assert [list(row)[: len(FIELDS)] for row in sets] == [FIELDS] * len(sets)
    told = {(row["node"], row["location"].removeprefix("incident.zip/")): row for row in sets}
    true = {(b["node"], b["location"]): b for b in incident.truth["backups"]}
    assert set(told) == set(true)
    for key, row in told.items():
        assert row["files"] == true[key]["files"]
        assert row["trigger"] == true[key]["trigger"]
        assert TIME.fullmatch(row["made"])
        assert row["made"][:19] == true[key]["made_recorded"][:19]
        assert (row["complete"], row["consistent"], row["missing"]) == (True, True, [])


def test_references_and_tables_fit_the_answer(case):
    """What a set rests on is in the case, whose tables hold the same sets and say what each file is."""
    sets = answer("backups", "list", case)
    with Case.open(case) as opened:
        files = {f"file:{row}": number for row, number in opened.rows("SELECT id, backup_set_id FROM file_versions")}
        events = {f"event:{row[0]}" for row in opened.rows("SELECT id FROM events")}
        stored = list(opened.rows("SELECT id, node, location, made, trigger, confidence, why FROM backup_sets"))
        roles = dict(opened.rows("SELECT role, count(*) FROM file_versions GROUP BY role"))
    for row in sets:
        assert set(row["evidence"]) <= set(files) | events
        assert {files[text] for text in row["evidence"] if text in files} == {int(row["id"][7:])}
    names = ("node", "location", "made", "trigger", "confidence", "why")
    assert stored == [(int(row["id"][7:]), *(row[name] for name in names)) for row in sets]
    assert roles == {"backup": 5 * len(sets), "live": 10, "other": 2}


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_the_same_case_gives_the_same_bytes(case, form):
    """Asked twice, each command answers with the same bytes, and with no path of the machine."""
    for command in (["list", case], ["show", case, "2"], ["diff", case, "2"], ["diff", case, "2", "3"]):
        first = run("backups", *command, "--format", form)
        assert first.exit_code == 0
        assert first.stdout_bytes == run("backups", *command, "--format", form).stdout_bytes
        assert str(case.parent).encode() not in first.stdout_bytes


def test_rows_are_the_same_in_every_form(case):
    """JSON Lines and CSV hold what the JSON list holds, nested fields of CSV as JSON."""
    sets = answer("backups", "list", case)
    lines = run("backups", "list", case, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == sets
    rows = list(csv.DictReader(io.StringIO(run("backups", "list", case, "--format", "csv").stdout)))
    assert [json.loads(row["files"]) for row in rows] == [row["files"] for row in sets]


def test_a_set_is_shown_with_each_of_its_files(case):
    """By its number or its whole id, a set is shown with every file, readable, and where it lies."""
    shown = answer("backups", "show", case, "backup:2")
    assert shown == answer("backups", "show", case, " 2")
    assert [row["file"] for row in shown["contents"]] == list(shown["files"])
    assert all(row["readable"] and row["path"].startswith(shown["location"]) for row in shown["contents"])
    assert shown["why"] in run("backups", "show", case, "2").stdout


def test_a_set_is_compared_with_what_is_live(incident, case):
    """Each file of a set is the same as the live one, or differs, as the hashes and times really do."""
    for row in answer("backups", "list", case):
        found = answer("backups", "diff", case, row["id"])
        assert (found["set"], found["other"], found["node"]) == (row["id"], None, row["node"])
        live = incident.truth["live"][row["node"]]
        for one in found["files"]:
            of_set, of_live = row["files"][one["file"]], live[one["file"]]
            same = of_set == of_live
            bytes_alike = of_set["sha256"] == of_live["sha256"]
            assert one["status"] == ("same" if same else "time_differs" if bytes_alike else "differs")
            assert {name: one["of_other"][name] for name in of_live} == of_live


def test_two_sets_are_compared(case):
    """A set against itself is the same; against the next one the files that were saved in between differ."""
    assert {row["status"] for row in answer("backups", "diff", case, "2", "2")["files"]} == {"same"}
    found = answer("backups", "diff", case, "2", "3")
    assert found["other"] == "backup:3"
    assert "differs" in {row["status"] for row in found["files"]}
    text = run("backups", "diff", case, "2", "3").stdout
    assert "older by" in text
    for one in found["files"]:
        content = one["content"]
        assert (content is not None) == (one["status"] == "differs")
        if content is not None:
            assert content["unchanged"] + content["moved"] + content["changed"] == one["of_set"]["size"]
            assert content["changed"] > 0
            assert f"{one['file']}: {content['changed']:,} of the set's" in text
            assert all("revision" not in string or string in text for string in content["strings"][:8])


@pytest.mark.parametrize("wanted", ["99", "backup:99", "backup", "role:1", "-1", "2x", ""])
def test_a_set_that_there_is_not_is_a_wrong_usage(case, wanted):
    """An id that no set has ends with 2, and says which there are."""
    for command in (["show", case, "--", wanted], ["diff", case, "2", "--", wanted]):
        result = run("backups", *command)
        assert result.exit_code == 2
        assert "backup:1" in result.stderr or "No such option" in result.stderr


def test_a_case_without_backups_has_none(tmp_path):
    """An empty list is an answer; asking for a set of it is a wrong usage; no case is one too."""
    Case.create(tmp_path / "empty.db").close()
    assert answer("backups", "list", tmp_path / "empty.db") == []
    assert "no backup set" in run("backups", "list", tmp_path / "empty.db").stderr
    assert run("backups", "show", tmp_path / "empty.db", "1").exit_code == 2
    assert run("backups", "list", tmp_path / "nothing.db").exit_code == 2
