"""What message files gave, as the commands show it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli.app import app
from samples.builders import evt, pe

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete."


@pytest.fixture
def case(tmp_path):
    """A case of one log and of the program that its source is called like."""
    folder = tmp_path / "EXNODE2"
    folder.mkdir()
    event = evt.EvtEvent(1, 1_199_966_435, 1_199_966_435, 9401, "FSECCRService", "EXNODE2", qualifiers=0x4000)
    (folder / "AppEvent.Evt").write_bytes(evt.build([event]))
    (folder / "FSECCRService.exe").write_bytes(pe.message_file({0x40000000 | 9401: f"{SEEDING}\r\n"}))
    (folder / "other.dll").write_bytes(pe.program(b"code", resource_rva=0))
    path = tmp_path / "case.db"
    assert CliRunner().invoke(app, ["ingest", str(path), str(folder)]).exit_code == 0
    return path


def rows(*arguments: object) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--format", "json"])
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_profile_shows_what_was_learned(case):
    """`ccrf profile show --case` ends with the ids that were learned, each with its file; else there are none."""
    *known, last = rows("profile", "show", "--case", case)
    assert (last["table"], last["key"], last["mark"]) == ("learned_events", "FSECCRService 9401", "documented")
    assert last["source"] in {
        f"evidence:{row['id']}" for row in rows("evidence", case) if row["kind"] == "message_file"
    }
    assert last["values"] == {
        "is": "FSECCRService seeding complete",
        "path": "EXNODE2/FSECCRService.exe",
        "text": f"{SEEDING}\r\n",
    }
    assert known == rows("profile", "show")
    table = CliRunner().invoke(app, ["profile", "show", "--case", str(case)])
    assert table.exit_code == 0
    assert "FSECCRService 9401" in table.stdout


def test_searches_find_rendered_messages(case):
    """`ccrf events --grep` finds an event by the text of a message file, and gives that text."""
    (event,) = rows("events", case, "--grep", "'SEEDING' complete")
    assert (event["event_id"], event["message"]) == (9401, SEEDING)


def test_the_evidence_says_what_a_message_file_did(case):
    """`ccrf evidence` states of a message file how many texts it has, whose they are, and how many events they gave."""
    files = {row["path"]: row for row in rows("evidence", case)}
    assert files["EXNODE2/other.dll"]["status"] == "ignored"
    assert files["EXNODE2/FSECCRService.exe"]["status"] == "read"
    assert files["EXNODE2/FSECCRService.exe"]["node"] == "EXNODE2"
    assert files["EXNODE2/FSECCRService.exe"]["facts"] == {
        "message_tables": 1,
        "texts": 1,
        "event_sources": "fseccrservice",
        "rendered": 1,
        "learned": 1,
        "differing": 0,
    }
