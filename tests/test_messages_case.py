"""Message files in a case: events get their texts, and ids are learned from texts that the catalogue knows."""

from __future__ import annotations

import io
import os
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from forensics.case.store import Case
from forensics.catalogue import catalogue_of
from forensics.claims import Claim
from forensics.ingest.account import IngestOptions
from forensics.ingest.run import ingest
from forensics.messages import learned
from parsers.times import filetime_from_unix
from samples.builders import evt, evtx, pe

if TYPE_CHECKING:
    from pathlib import Path

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete."
FORCED, SKIPPED, SEEDED = 0x400024C2, 0x800024C5, 0x400024B9  # the last one is an invention of these tests
TEXTS = {
    FORCED: "A forced sync was started on %1.\r\n",
    SKIPPED: "File %1 on %2 is not newer.%n%0\r\n",
    SEEDED: f"{SEEDING}\r\n",
}
START = 1_199_966_435
OLD, NEW = 1_100_000_000, 1_190_000_000


def event(number: int, message_id: int, *strings: str, source: str = "FSECCRService") -> evt.EvtEvent:
    return evt.EvtEvent(
        number,
        START + number,
        START + number,
        message_id & 0xFFFF,
        source,
        "EXNODE2",
        strings,
        qualifiers=message_id >> 16,
    )


EVENTS = [
    event(1, FORCED, "EXNODE2"),
    event(2, SKIPPED, "ScanJobs.fdb", "EXNODE1"),
    event(3, SEEDED),
    event(4, 0x400024FF, "unknown"),
    event(5, FORCED, "EXNODE2", source="Another"),
]


def put(folder: Path, name: str, raw: bytes, modified: int = OLD) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    os.utime(path, (modified, modified))
    return path


def log(folder: Path, events: list[evt.EvtEvent] = EVENTS, name: str = "EXNODE2/AppEvent.Evt") -> Path:
    return put(folder, name, evt.build(events))


def made(place: Path, *steps: Path | list[Path], options: IngestOptions | None = None) -> Case:
    """A case into which these were read, one after another."""
    case = Case.create(place)
    for paths in steps:
        ingest(case, paths if isinstance(paths, list) else [paths], options)
    return case


def messages(case: Case) -> list[tuple[str, int, str | None]]:
    return sorted(case.rows("SELECT source, event_id, message FROM events"))


def facts(case: Case) -> dict[str, dict[str, object]]:
    return {row.path.rsplit("/", 1)[-1]: dict(row.facts) for row in case.evidence() if row.kind == "message_file"}


def found(case: Case, word: str) -> list[int]:
    sql = "SELECT event_id FROM events JOIN events_fts ON events_fts.rowid = events.id WHERE events_fts MATCH ?"
    return sorted(row[0] for row in case.rows(sql, (word,)))


RENDERED = [
    ("Another", 9410, None),
    ("FSECCRService", 9401, SEEDING),
    ("FSECCRService", 9410, "A forced sync was started on EXNODE2."),
    ("FSECCRService", 9413, "File ScanJobs.fdb on EXNODE1 is not newer."),
    ("FSECCRService", 9471, None),
]


@pytest.mark.parametrize("order", ["log first", "file first", "together"])
def test_events_get_their_texts(tmp_path, order):
    """Events of the file's source get its texts and are found by them, whichever came first, and it stays so."""
    one, other = log(tmp_path), put(tmp_path, "EXNODE2/FSECCRService.exe", pe.message_file(TEXTS))
    steps = {"log first": (one, other), "file first": (other, one), "together": ([one, other],)}[order]
    with made(tmp_path / "case.db", *steps) as case:
        for _ in range(2):
            assert messages(case) == RENDERED
            assert (found(case, "newer"), found(case, "seeding"), found(case, "unknown")) == ([9413], [9401], [9471])
            case.connection.execute("INSERT INTO events_fts(events_fts, rank) VALUES ('integrity-check', 1)")
            assert facts(case)["FSECCRService.exe"] == {
                "message_tables": 1,
                "texts": 3,
                "event_sources": "fseccrservice",
                "rendered": 3,
                "learned": 1,
                "differing": 0,
            }
            ingest(case, [one, other])


def test_the_seeding_message_is_learned(tmp_path):
    """The id of a text that the catalogue knows is learned, and events of it make that claim, with the file named."""
    log(tmp_path)
    put(tmp_path, "EXNODE2/FSECCRService.exe", pe.message_file(TEXTS))
    with made(tmp_path / "case.db", tmp_path / "EXNODE2") as case:
        (item,) = learned(case)
        assert item[:4] == ("FSECCRService", 9401, "FSECCRService seeding complete", f"{SEEDING}\r\n")
        assert item.path == "EXNODE2/FSECCRService.exe"
        match = catalogue_of(case).match("FSECCRService", 9401, [])
        assert match is not None
        assert (match.row.claim, match.learned) == (Claim.SEEDING_COMPLETE, f"evidence:{item.evidence_id}")
        assert catalogue_of(case).match("Another", 9401, []) is None


def test_every_id_with_the_text_is_learned(tmp_path):
    """Two ids that carry one text are both learned; texts of a manifest that are no events' are not."""
    texts = dict.fromkeys((SEEDED, 0x80002500, 0x90002600, 0xB0002700), SEEDING)
    with made(tmp_path / "case.db", put(tmp_path, "FSECCRService.exe", pe.message_file(texts))) as case:
        assert [item.event_id for item in learned(case)] == [0x24B9, 0x2500, 0x2700]


def test_nothing_is_learned_from_a_file_of_unknown_source(tmp_path):
    """A file that no source is known to use renders and teaches nothing, and its row says that it serves none."""
    log(tmp_path)
    put(tmp_path, "EXNODE2/Messages.dll", pe.message_file(TEXTS))
    with made(tmp_path / "case.db", tmp_path / "EXNODE2") as case:
        assert {message for _, _, message in messages(case)} == {None}
        assert learned(case) == []
        assert facts(case)["Messages.dll"]["event_sources"] == ""
        assert facts(case)["Messages.dll"]["texts"] == 3


def test_the_profile_says_whose_texts_they_are(tmp_path):
    """A profile's row ties a file to sources; it counts for what is there already, and no more when it is gone."""
    rows = (
        '[[message_files]]\nfile = "MESSAGES.dll"\nevent_sources = ["fseccrservice"]\nmark = "unverified"\nsource = "x"'
    )
    mine, none = put(tmp_path, "my.toml", rows.encode()), put(tmp_path, "none.toml", b"")
    place = log(tmp_path).parent
    put(tmp_path, "EXNODE2/Messages.dll", pe.message_file(TEXTS))
    with made(tmp_path / "case.db", place) as case:
        ingest(case, [place], IngestOptions(profile=mine))
        assert messages(case) == RENDERED
        assert [item.event_id for item in learned(case)] == [9401]
        ingest(case, [place], IngestOptions(profile=none))
        assert {message for _, _, message in messages(case)} == {None}
        assert (learned(case), found(case, "newer")) == ([], [])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_files_that_disagree(tmp_path, order):
    """The file of the event's own node goes before the newest, in any order; both texts are kept, and it is noted."""
    paths = [
        log(tmp_path, [*EVENTS[:2], evt.EvtEvent(9, START, START, 9410, "FSECCRService", "EXNODE3", ("x",), 0x4000)]),
        put(tmp_path, "EXNODE2/FSECCRService.exe", pe.message_file(TEXTS), OLD),
        put(tmp_path, "EXNODE1/FSECCRService.exe", pe.message_file({FORCED: "Newer: %1"}), NEW),
    ]
    with Case.create(tmp_path / "case.db") as case:
        for index in order:
            ingest(case, [paths[index]], IngestOptions(node=("EXNODE2", "EXNODE2", "EXNODE1")[index]))
        assert messages(case) == [
            ("FSECCRService", 9410, "A forced sync was started on EXNODE2."),
            ("FSECCRService", 9410, "Newer: x"),
            ("FSECCRService", 9413, "File ScanJobs.fdb on EXNODE1 is not newer."),
        ]
        differing = [row.facts["differing"] for row in case.evidence() if row.kind == "message_file"]
        assert differing == [1, 1]
        assert next(case.rows("SELECT count(*) FROM message_texts")) == (4,)


def test_languages(tmp_path):
    """English goes before neutral, neutral before others."""
    tables = {
        0x40C: {FORCED: "f %1", SKIPPED: "fichier", SEEDED: "semis"},
        0x407: {FORCED: "d %1", SKIPPED: "Datei", SEEDED: "Aussaat"},
        0: {FORCED: "n %1", SKIPPED: "neutral"},
        0x409: {FORCED: "e %1"},
    }
    raw = pe.program(pe.resources({language: pe.message_table(texts) for language, texts in tables.items()}))
    put(tmp_path, "EXNODE2/FSECCRService.exe.mui", raw)
    log(tmp_path)
    with made(tmp_path / "case.db", tmp_path / "EXNODE2") as case:
        texts = {event_id: text for source, event_id, text in messages(case) if source == "FSECCRService"}
        assert texts == {9410: "e EXNODE2", 9413: "neutral", 9401: "Aussaat", 9471: None}


def test_events_without_qualifiers(tmp_path):
    """An event whose upper half is not known gets a text only where one text alone has its lower half."""
    stream = io.BytesIO()
    with evtx.EvtxWriter(stream) as writer:
        for number in (1, 2, 3):
            time = filetime_from_unix(START)
            writer.add(evtx.EvtxEvent(time, "FSECCRService", number, "Application", "EXNODE2", modern=True))
    put(tmp_path, "EXNODE2/Application.evtx", stream.getvalue())
    texts = {
        0xB0000001: "one",
        0x50000001: "a level",
        0x40000002: "two",
        0x80000002: "two as well",
        0x90000003: "a channel",
    }
    put(tmp_path, "EXNODE2/FSECCRService.exe", pe.message_file(texts))
    with made(tmp_path / "case.db", tmp_path / "EXNODE2") as case:
        assert [text for _, _, text in messages(case)] == ["one", None, None]


def test_what_an_event_says_itself_stays(tmp_path):
    """A text that came with the event is evidence: a message file never replaces it."""
    put(tmp_path, "FSECCRService.exe", pe.message_file(TEXTS))
    with made(tmp_path / "case.db", log(tmp_path)) as case:
        case.connection.execute("UPDATE events SET message = 'as recorded' WHERE event_id = 9413")
        ingest(case, [tmp_path / "FSECCRService.exe"])
        assert ("FSECCRService", 9413, "as recorded") in messages(case)
        assert ("FSECCRService", 9401, SEEDING) in messages(case)


EXPORT = """<Events xmlns="http://schemas.microsoft.com/win/2004/08/events/event">{}</Events>"""
EXPORTED = """<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>
<Provider Name="FSECCRService"/><EventID Qualifiers="{}">{}</EventID><Level>4</Level><Task>0</Task>
<TimeCreated SystemTime="2008-01-10T12:00:{}.000000000Z"/><EventRecordID>{}</EventRecordID>
<Channel>Application</Channel><Computer>EXNODE2</Computer></System>
<EventData>{}</EventData><RenderingInfo Culture="en-US"><Message>{}</Message></RenderingInfo></Event>"""


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_exports_beside_message_files(tmp_path, order):
    """What is rendered goes before what an export says, the export fills what is left, in any order of ingest."""
    exported = [
        EXPORTED.format(0x4000, 9410, 36, 1, "<Data>EXNODE2</Data>", "as exported"),
        EXPORTED.format(0x4000, 9401, 38, 3, "", SEEDING),
        EXPORTED.format(0x4000, 9471, 39, 4, "<Data>unknown</Data>", "only exported"),
    ]
    paths = [
        log(tmp_path),
        put(tmp_path, "EXNODE2/events.xml", EXPORT.format("".join(exported)).encode()),
        put(tmp_path, "EXNODE2/FSECCRService.exe", pe.message_file(TEXTS)),
    ]
    with made(tmp_path / "case.db", *(paths[index] for index in order)) as case:
        rows = case.rows("SELECT event_id, message FROM events WHERE duplicate_of IS NULL AND source = 'FSECCRService'")
        assert dict(rows) == {
            9401: SEEDING,
            9410: "A forced sync was started on EXNODE2.",
            9413: "File ScanJobs.fdb on EXNODE1 is not newer.",
            9471: "only exported",
        }
        copies = case.rows("SELECT event_id, message FROM events WHERE duplicate_of IS NOT NULL")
        assert dict(copies) == {9401: SEEDING, 9410: "as exported", 9471: "only exported"}
        case.connection.execute("INSERT INTO events_fts(events_fts, rank) VALUES ('integrity-check', 1)")


def test_an_export_fills_in_when_a_file_counts_no_more(tmp_path):
    """Where a profile took a file's texts away, the text of an export comes into its place."""
    none = ""
    mine = '[[message_files]]\nfile = "a.dll"\nevent_sources = ["FSECCRService"]\nmark = "unverified"\nsource = "x"'
    log(tmp_path)
    put(tmp_path, "EXNODE2/a.dll", pe.message_file(TEXTS))
    exported = EXPORTED.format(0x4000, 9401, 38, 3, "", "as exported")
    put(tmp_path, "EXNODE2/events.xml", EXPORT.format(exported).encode())
    shown = "SELECT message FROM events WHERE duplicate_of IS NULL AND event_id = 9401"
    with Case.create(tmp_path / "case.db") as case:
        for profile, message in ((mine, SEEDING), (none, "as exported")):
            given = IngestOptions(profile=put(tmp_path, "my.toml", profile.encode()))
            ingest(case, [tmp_path / "EXNODE2"], given)
            assert list(case.rows(shown)) == [(message,)]


def test_programs_that_teach_nothing(tmp_path):
    """A program without messages is ignored, one that cannot be read failed, and one with damage is read in part."""
    whole = pe.message_file(TEXTS)
    table = pe.table_of_blocks([(SEEDED, SEEDED, pe.entry(SEEDING)), (9, 1, b"")])
    folder = tmp_path / "tools"
    put(folder, "plain.exe", pe.program(b"code", resource_rva=0))
    put(folder, "cut.exe", whole[:100])
    put(folder, "FSECCRService.exe", pe.program(pe.resources({pe.ENGLISH: table})))
    put(folder, "gone.exe", whole[: pe.SECTION_AT])
    with Case.create(tmp_path / "case.db") as case:
        summary = ingest(case, [folder])
        status = {row.path.rsplit("/", 1)[-1]: row.status for row in case.evidence()}
        assert status == {
            "plain.exe": "ignored",
            "cut.exe": "failed",
            "FSECCRService.exe": "partial",
            "gone.exe": "failed",
        }
        assert summary.ignored == 1
        assert len(summary.issues) == 3
        assert [item.event_id for item in learned(case)] == [9401]
        alone = ingest(case, [folder / "plain.exe"])
        assert "without a message table" in alone.issues[0].reason


def test_hostile_texts_are_stored(tmp_path):
    """Texts with lone surrogates, quotes and backslashes come into messages as they are, and the case stays whole."""
    text = 'it\'s \ud800 \\u0000 "%1"; DROP TABLE events'
    put(tmp_path, "EXNODE2/FSECCRService.exe", pe.message_file({FORCED: text}))
    log(tmp_path, [event(1, FORCED, "\udfff'")])
    with made(tmp_path / "case.db", tmp_path / "EXNODE2") as case:
        ((_, _, stored),) = messages(case)
        assert stored == "it's \\ud800 \\\\u0000 \"\\udfff'\"; DROP TABLE events"
