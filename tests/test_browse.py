"""`ccrf browse`: a case in Datasette, fetched as a browser does."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest
from typer.testing import CliRunner

from cli import browse as cli_browse
from cli.app import app
from forensics.browse.metadata import metadata
from forensics.browse.queries import questions
from forensics.case.schema import TABLES
from forensics.profile import load_profile
from samples.incident import Setting, build
from samples.incident.evidence import zip_bytes

needs_datasette = pytest.mark.skipif(importlib.util.find_spec("datasette") is None, reason="Datasette is not installed")
ASKED = {"name": "ScanJobs", "words": "ScanJobs", "since": "2008-01-01", "until": "2009-01-01"}
QUESTIONS = questions(load_profile())
# What a case of a loss on whole evidence has no rows for.
EMPTY = {"what_failed", "checkpoints"}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browse")
    incident = build(Setting("failover-in-window", "2008", 1, backup_scheme="folder-stamp"))
    (folder / "incident.zip").write_bytes(zip_bytes(incident.items))
    assert run("ingest", folder / "my case.db", folder / "incident.zip").exit_code == 0
    (folder / "incident.zip").unlink()
    return folder / "my case.db"


@pytest.fixture(scope="module")
def served(case):
    """The address of the case while it is served; afterwards Ctrl-C has to end it well, with nothing written."""
    before = hashlib.sha256(case.read_bytes()).hexdigest(), case.stat().st_mtime_ns
    command = [sys.executable, "-c", "from cli.main import run; run()", "browse", case, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line, process.stderr.read()
    yield line.split()[0]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said == "stopped\n"
    assert before == (hashlib.sha256(case.read_bytes()).hexdigest(), case.stat().st_mtime_ns)
    assert [path.name for path in case.parent.iterdir()] == [case.name]


def fetched(address, **headers):
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:  # noqa: S310
        return answer.read().decode("utf-8")


def rows_of(case, sql, parameters=()):
    connection = sqlite3.connect(f"file:{urllib.parse.quote(str(case))}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]
    finally:
        connection.close()


@needs_datasette
def test_it_is_served_on_this_machine_only(served):
    """The address is 127.0.0.1, and a request that names another host is refused: a page elsewhere cannot read on."""
    assert served.startswith("http://127.0.0.1:")
    assert "my case.db" in fetched(served)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(served, Host="evil.example")


@needs_datasette
def test_tables_are_described_and_faceted(case, served):
    """Every table of the case has its page, with rows, and facets where they help."""
    told = json.loads(fetched(f"{served}.json"))
    counts = {table["name"]: table["count"] for table in told["tables"] if not table["hidden"]}
    assert set(TABLES) <= set(counts)
    page = json.loads(fetched(f"{served}/events.json"))
    assert set(page["facet_results"]) == {"node", "log", "source", "level"}
    nodes = {row["value"]: row["count"] for row in page["facet_results"]["node"]["results"]}
    assert nodes == {
        row["node"]: row["n"] for row in rows_of(case, "SELECT node, count(*) n FROM events GROUP BY node")
    }
    assert "UTC, by the clock of the node that wrote it" in fetched(f"{served}/events")


@needs_datasette
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_each_question_is_answered(question, case, served):
    """A question gives over HTTP what its SQL gives in the case, and the sample incident has an answer to it."""
    address = f"{served}/{question.name}.json?{urllib.parse.urlencode(ASKED | {'_shape': 'array'})}"
    rows = json.loads(fetched(address))
    assert rows == rows_of(case, question.sql, ASKED)[: len(rows)]
    assert bool(rows) != (question.name in EMPTY)


@needs_datasette
def test_every_reference_of_a_finding_leads_to_a_record(case, served):
    """What a loss rests on is shown record by record, none of them unknown."""
    (loss,) = json.loads(run("overwrites", case, "--format", "json").stdout)
    rows = json.loads(fetched(f"{served}/findings_with_records.json?_shape=array"))
    assert [row["reference"] for row in rows] == loss["evidence"]
    known = [row for row in rows if row["reference"].startswith(("event:", "file:", "backup:"))]
    assert known
    assert all(row["record"] and row["text"] for row in known)


def test_every_table_has_a_description():
    """A table that is added is described here too, and no column is described that a table does not have."""
    told = metadata(load_profile(), "x")["databases"]["case"]["tables"]
    assert [name for name, table in told.items() if not table["description"]] == []
    assert set(told) == set(TABLES)
    for name, table in told.items():
        assert set(table["columns"]) <= set(TABLES[name])
        assert set(table["facets"]) <= set(TABLES[name])


def test_without_datasette_it_says_how_to_get_it(case, monkeypatch):
    """Where the extra is not installed: exit code 2, and the command that installs it."""
    monkeypatch.setattr(cli_browse.importlib.util, "find_spec", lambda name: None)
    result = run("browse", case)
    assert result.exit_code == 2
    assert "pip install 'ccr-forensics[browse]'" in result.stderr


@needs_datasette
def test_what_cannot_be_shown_is_refused_in_words(case, tmp_path):
    """A file that is no case, a path that Datasette cannot take, a port that is taken: a sentence and an exit code."""
    assert run("browse", tmp_path / "none.db").exit_code == 2
    (tmp_path / "100%.db").write_bytes(case.read_bytes())
    result = run("browse", tmp_path / "100%.db")
    assert result.exit_code == 2
    assert "give it another name" in result.stderr
    with cli_browse._listening(0) as taken:
        result = run("browse", case, "--port", taken.getsockname()[1])
    assert result.exit_code == 1
    assert "--port" in result.stderr
