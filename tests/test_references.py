"""References in conclusions: each names a row of the case, and one word names one kind of row."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case.schema import TABLES
from forensics.case.store import Case
from forensics.references import REFERENCE_TABLES, unresolved
from samples.builders import pe
from samples.incident import build, random_loss_setting
from samples.incident.evidence import write_folder

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete."
CHECKPOINTS = """\
Listing registry checkpoints for resource 'Exchange Information Store Instance (CMS1)'...

Resource             Registry Checkpoint
-------------------- --------------------------------------------------------
Exchange Information Store Instance (CMS1) 'SOFTWARE\\Microsoft\\Forefront Server Security\\Exchange Server'
"""
LISTS = ("evidence", "contradicted_by", "recoverable_from", "references")
COMMANDS = {
    "roles": ("roles", "CASE", "--group", "all"),
    "overwrites": ("overwrites", "CASE", "--all"),
    "backups": ("backups", "list", "CASE"),
    "checkpoints": ("checkpoints", "list", "CASE"),
    "check": ("check", "CASE"),
    "timeline": ("timeline", "CASE"),
}


def seed_with_losses():
    return next(
        (seed, incident)
        for seed in range(100)
        if (incident := build(random_loss_setting(seed, complete=True))).truth["losses"]
        and incident.truth["transitions"]
        and incident.truth["system"] == "2008"
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A simulated case with a message file and a listing of checkpoints, and all that the commands say of it."""
    place = tmp_path_factory.mktemp("references")
    _, incident = seed_with_losses()
    write_folder(incident.items, place / "evidence")
    node = min(path for path in (place / "evidence").iterdir() if path.is_dir())
    (node / "FSECCRService.exe").write_bytes(pe.message_file({0x40000000 | 9401: SEEDING}))
    (node / "checkpoints.txt").write_text(CHECKPOINTS)
    case = place / "case.db"
    assert CliRunner().invoke(app, ["ingest", str(case), str(place / "evidence")]).exit_code in {0, 3}
    rows = []
    for name, words in COMMANDS.items():
        command = [str(case) if word == "CASE" else word for word in words]
        result = CliRunner().invoke(app, [*command, "--format", "json"])
        assert result.exit_code in {0, 3}, (name, result.output)
        rows.append((name, json.loads(result.stdout)))
    return case, rows


def references(value, within=""):
    """Every reference in the lists of references of some JSON, with the name of its list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from references(inner, key)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, str) and within in LISTS:
                yield within, inner
            else:
                yield from references(inner, within)


def test_every_reference_of_every_command_names_a_row(told):
    """What stands in a list of evidence is in the case, whatever kind of reference it is."""
    case, rows = told
    with Case.open(case) as opened:
        for name, value in rows:
            found = [reference for _, reference in references(value)]
            assert found, f"{name} names nothing"
            assert unresolved(opened, found) == [], name


def test_every_reference_in_the_tables_names_a_row(told):
    """The same of what the case itself holds, column by column."""
    case, _ = told
    kinds = set()
    with Case.open(case) as opened:
        for table, columns in TABLES.items():
            for column in columns:
                if column not in LISTS or table == "evidence":
                    continue
                for (text,) in opened.rows(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):  # noqa: S608
                    if not str(text).startswith("["):
                        continue
                    listed = json.loads(text)
                    kinds |= {reference.partition(":")[0] for reference in listed}
                    assert unresolved(opened, listed) == [], (table, column)
    assert {"event", "file", "backup"} <= kinds


def test_a_file_is_a_version_and_evidence_is_a_file_as_it_was_read(told):
    """`file:45` is a row of file_versions everywhere, and a message file that taught an id is `evidence:7`."""
    case, rows = told
    with Case.open(case) as opened:
        named = {reference for _, value in rows for _, reference in references(value)}
        paths = {f"file:{number}": path for number, path in opened.rows("SELECT id, path FROM file_versions")}
        assert all(paths[one].casefold().count(".fdb") for one in named if one.startswith("file:"))
    learned = CliRunner().invoke(app, ["profile", "show", "--case", str(case), "--format", "json"])
    sources = [row["source"] for row in json.loads(learned.stdout) if row["table"] == "learned_events"]
    with Case.open(case) as opened:
        assert sources
        assert unresolved(opened, sources) == []
        assert all(one.startswith("evidence:") for one in sources)


@pytest.mark.parametrize("bad", ["event:0", "event:x", "nothing:1", "file:", "event:1 ", "EVENT:1", ""])
def test_what_names_nothing_is_unresolved(told, bad):
    """A number that no row has, an unknown word and anything else that is no reference are told apart from the rest."""
    with Case.open(told[0]) as opened:
        number = next(opened.rows("SELECT id FROM events"))[0]
        assert unresolved(opened, [f"event:{number}", bad, bad]) == [bad]


def test_each_word_has_a_table_with_numbers():
    """Every table that a word names is one of the case's and has an `id`."""
    assert all("id" in TABLES[table] for table in REFERENCE_TABLES.values())
    assert len(set(REFERENCE_TABLES.values())) == len(REFERENCE_TABLES)


def test_the_page_on_confidence_names_every_word():
    """The table of references in the documentation is the program's."""
    from pathlib import Path  # noqa: PLC0415

    text = (Path(__file__).resolve().parent.parent / "docs" / "confidence.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+):\d+` \| `(\w+)` \|", text, re.MULTILINE))
    assert shown == dict(REFERENCE_TABLES)
