"""`ccrf report` and `investigate --report` as a user runs them: where the page goes, and where it may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_stage import run

from forensics.case.store import Case
from samples.builders.evt import EvtEvent, build

START = 1_199_966_400  # 2008-01-10T12:00:00Z


@pytest.fixture
def evidence(tmp_path):
    """A little evidence of one node."""
    folder = tmp_path / "evidence" / "EXNODE1"
    folder.mkdir(parents=True)
    events = [EvtEvent(n, START + n, START + n, 9413, "FSECCRService", "EXNODE1", ("ScanJobs.fdb",)) for n in (1, 2, 3)]
    (folder / "AppEvent.Evt").write_bytes(build(events))
    (folder / "ScanJobs.fdb").write_bytes(b"synthetic " * 100)
    return tmp_path / "evidence"


@pytest.fixture
def case(tmp_path, evidence):
    """A case of it."""
    assert run("ingest", tmp_path / "case.db", evidence).exit_code == 0
    return tmp_path / "case.db"


def test_the_report_is_written_where_it_is_asked_for(tmp_path, case):
    """The folder is made, the page is in it, and its path is all that stdout says; the case stays as it was."""
    before = case.read_bytes()
    result = run("report", case, "-o", tmp_path / "a" / "b")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'a' / 'b' / 'report.html'}\n")
    assert [one.name for one in (tmp_path / "a" / "b").iterdir()] == ["report.html"]
    assert (tmp_path / "a" / "b" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert case.read_bytes() == before


def test_a_report_that_is_there_is_replaced(tmp_path, case):
    """A second report takes the place of the first, and nothing else is left or touched."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "report.html").write_text("old")
    (folder / "other.txt").write_text("kept")
    assert run("report", case, "-o", folder).exit_code == 0
    assert sorted(one.name for one in folder.iterdir()) == ["other.txt", "report.html"]
    assert (folder / "report.html").read_text(encoding="utf-8")[:3] != "old"
    assert (folder / "other.txt").read_text() == "kept"


@pytest.mark.parametrize("kind", ["file", "below a file", "link as the page", "folder as the page"])
def test_what_is_no_folder_is_refused(tmp_path, case, kind):
    """Where something else has the folder's or the page's name the report is refused, and that stays as it was."""
    target = tmp_path / "elsewhere.txt"
    target.write_text("mine")
    folder = {"file": target, "below a file": target / "out"}.get(kind, tmp_path / "out")
    if kind.endswith("the page"):
        folder.mkdir()
        page = folder / "report.html"
        if kind.startswith("link"):
            page.symlink_to(target)
        else:
            page.mkdir()
    result = run("report", case, "-o", folder)
    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 1
    assert target.read_text() == "mine"


def test_wrong_usage_is_told(tmp_path, case):
    """Without a folder, or without a case, the exit code is 2 and nothing is made."""
    assert run("report", case).exit_code == 2
    result = run("report", tmp_path / "none.db", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_an_empty_case_has_a_report(tmp_path):
    """A case that holds nothing gives a page that says so."""
    Case.create(tmp_path / "empty.db").close()
    assert run("report", tmp_path / "empty.db", "-o", tmp_path / "out").exit_code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "What was lost cannot be told from this evidence" in page


def test_investigate_writes_the_same_report(tmp_path, evidence):
    """`investigate --report` writes the page that `ccrf report` writes, says where on stderr, not on stdout."""
    found = tmp_path / "new.db"
    result = run("investigate", evidence, "--case", found, "--report", tmp_path / "one", "--format", "json")
    assert result.exit_code == 0
    json.loads(result.stdout)
    assert f"report: {tmp_path / 'one' / 'report.html'}" in result.stderr
    assert run("report", found, "-o", tmp_path / "two").exit_code == 0
    assert (tmp_path / "one" / "report.html").read_bytes() == (tmp_path / "two" / "report.html").read_bytes()


def test_the_report_is_not_written_into_the_evidence(tmp_path, evidence):
    """A folder within the evidence, or one that is a file, is refused before anything is read or made."""
    for folder in (evidence / "EXNODE1" / "out", evidence, evidence / "EXNODE1" / "ScanJobs.fdb"):
        result = run("investigate", evidence, "--case", tmp_path / "new.db", "--report", folder)
        assert result.exit_code == 4
        assert not (tmp_path / "new.db").exists()
    assert sorted(one.name for one in Path(evidence, "EXNODE1").iterdir()) == ["AppEvent.Evt", "ScanJobs.fdb"]


def test_what_could_not_be_concluded_is_said(tmp_path, evidence, monkeypatch):
    """Where the conclusions fail the page says why, and still tells what was read."""

    def broken(*_):
        raise RuntimeError("out of <order>")

    monkeypatch.setattr("forensics.conclude.analyse_evidence", broken)
    result = run("investigate", evidence, "--case", tmp_path / "new.db", "--report", tmp_path / "out")
    assert result.exit_code == 1
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Not everything could be concluded." in page
    assert "RuntimeError: out of &lt;order&gt;" in page
    assert "AppEvent.Evt" in page


def test_guidelines_and_checkpoints_are_told(tmp_path, case):
    """Rows of the tables `checks` and `checkpoints` are in the page with their words, in sections of their own."""
    with Case.open(case, write=True) as opened, opened.transaction():
        opened.connection.executemany(
            "INSERT OR REPLACE INTO checks(id, title, status, confidence, evidence, why, remedy, would_decide)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    "G02",
                    "Passive <first>",
                    "violation",
                    "certain",
                    '["event:1"]',
                    "It was active.",
                    "Put it back.",
                    None,
                ),
                ("G03", "Never there", "unknown", "possible", "[]", "Nothing tells.", None, "The System log."),
            ],
        )
        opened.connection.execute(
            "INSERT OR REPLACE INTO checkpoints(id, node, resource, key, kind, configured_by_product, stale, evidence,"
            " why, command, confidence) VALUES (1, 'EXNODE1', 'Store (CMS1)', 'SOFTWARE\\Key', 'registry', 1, 1,"
            " '[\"file:1\"]', 'The product is gone.', 'cluster res \"Store\" /check', 'probable')"
        )
    assert run("report", case, "-o", tmp_path / "out").exit_code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in (
        'id="guidelines"', 'id="checkpoints"', 'id="check-G02"', "Passive &lt;first&gt;", "violated", "Put it back.",
        "The System log.", "look at G02", 'href="#event-1"', 'id="event-1"', 'id="checkpoint-1"', "Store (CMS1)",
        "cluster res &#34;Store&#34; /check", 'href="#file-1"', 'id="file-1"', "1 stale checkpoint",
    ):  # fmt: skip
        assert words in page
