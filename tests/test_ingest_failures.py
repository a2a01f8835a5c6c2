"""Evidence that is damaged, refused or no evidence at all: it is named, the rest is read, and the case stays whole."""

from __future__ import annotations

import io
import os
import tarfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics.case import store
from forensics.case.store import Case
from forensics.case.verify import verify_case
from forensics.errors import FailedError, StrictDamageError
from forensics.ingest import crosscheck, logs, readers, run
from forensics.ingest.account import IngestOptions, IngestSummary
from forensics.ingest.run import ingest
from parsers.containers import folders
from parsers.problems import ProblemKind
from samples.builders import evt
from samples.builders.evtx import Classic, EvtxEvent, EvtxWriter

if TYPE_CHECKING:
    import sqlite3

START = 128_444_000_000_000_000


def evtx_log(events: int = 3, computer: str = "EXNODE1") -> bytes:
    stream = io.BytesIO()
    with EvtxWriter(stream) as writer:
        for number in range(events):
            writer.add(EvtxEvent(START + number, "Source", number, "Application", computer, Classic(("text",))))
    return stream.getvalue()


def evt_log(events: int = 3) -> bytes:
    return evt.build(
        evt.EvtEvent(number, 1_200_000_000, 1_200_000_000, number, "Source", "EXNODE1")
        for number in range(1, 1 + events)
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of evidence with one sound log in it."""
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / "sound.evtx").write_bytes(evtx_log())
    return folder


def read(place: Path, **options: object) -> IngestSummary:
    """Ingest into `case.db` beside the evidence, and hold that the case verifies and everything met is counted."""
    with Case.open_or_create(place.parent / "case.db") as case:
        summary = ingest(case, [place], IngestOptions(**options))  # type: ignore[arg-type]
        assert verify_case(case) == []
    assert summary.files == summary.new + summary.known
    assert sum(path_events(place).values()) >= summary.events
    return summary


def rows(place: Path) -> dict[str, tuple[str, str, str | None]]:
    """Kind, status and problem of each piece, by its path below the evidence's own name."""
    with Case.open(place.parent / "case.db") as case:
        return {row.path.partition("/")[2]: (row.kind, row.status, row.problem) for row in case.evidence()}


def path_events(place: Path) -> dict[str, int]:
    with Case.open(place.parent / "case.db") as case:
        return {row.path: row.live + row.recovered for row in case.evidence()}


def command(place: Path) -> tuple[int, str]:
    """Exit code and messages of `ccrf ingest`."""
    done = CliRunner().invoke(app, ["ingest", str(place.parent / "case.db"), str(place)])
    return done.exit_code, done.stderr


def test_a_file_that_cannot_be_opened_is_named_and_the_rest_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused file is `failed` with the system's reason and exit code 3; the next ingest that can, reads it."""
    (place / "locked.evtx").write_bytes(evtx_log())
    opened = folders._open

    def refuse(path: Path, found: os.stat_result) -> object:
        if path.name == "locked.evtx":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, found)

    with monkeypatch.context() as patched:
        patched.setattr(folders, "_open", refuse)
        code, told = command(place)
        assert code == 3
        assert "e/locked.evtx: failed" in told
        assert "Permission denied" in told
        assert command(place)[0] == 3
    summary = read(place)
    assert (summary.new, summary.events, summary.whole) == (1, 3, True)


def test_a_file_that_breaks_while_it_is_read_leaves_no_part(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log whose reading breaks off in the middle is `failed`, and none of its events is kept or counted."""
    (place / "breaking.evtx").write_bytes(evtx_log(1200))
    monkeypatch.setattr("forensics.ingest.decoders.GROUP", 1)
    reader = readers.EvtxReader

    class Breaking(reader):  # type: ignore[misc, valid-type]
        def blocks(self):
            for number, block in enumerate(super().blocks()):
                if number == 1:
                    raise OSError(5, "Input/output error")
                yield block

    with monkeypatch.context() as patched:
        patched.setattr(readers, "EvtxReader", Breaking)
        summary = read(place)
    assert (summary.new, summary.events) == (2, 3)
    assert rows(place)["breaking.evtx"] == ("evtx", "failed", "unreadable: Input/output error")
    assert path_events(place) == {"e/breaking.evtx": 0, "e/sound.evtx": 3}


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_a_link_is_no_evidence(place: Path, form: str) -> None:
    """A symbolic link is listed as ignored with the reason, is no failure, and is known the second time."""
    target = place
    if form == "folder":
        (place / "link").symlink_to("/etc/hostname")
        os.mkfifo(place / "pipe")
    elif form == "zip":
        target = place.parent / "e.zip"
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("sound.evtx", evtx_log())
            info = zipfile.ZipInfo("link")
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, "/etc/hostname")
    else:
        target = place.parent / "e.tar"
        with tarfile.open(target, "w") as archive:
            archive.add(place / "sound.evtx", "sound.evtx")
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
            archive.addfile(info)
    for expected_new in (True, False):
        summary = read(target)
        assert summary.whole
        assert bool(summary.new) is expected_new
        assert command(target)[0] == 0
    kind, status, problem = rows(target)["link"]
    assert (kind, status) == ("other", "ignored")
    assert problem is not None
    assert "a symbolic link, not followed" in problem


def test_a_folder_of_links_alone_is_no_evidence(tmp_path: Path) -> None:
    """Where there is nothing but links, nothing was recognised: exit code 3."""
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "link").symlink_to("/etc")
    assert command(tmp_path / "e")[0] == 3


def test_members_that_are_damaged_or_encrypted(place: Path) -> None:
    """A wrong CRC makes a member partial, encryption failed, its neighbours are read; also when asked again."""
    target = place.parent / "e.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("bad.evtx", evtx_log(2))
        archive.writestr("secret.evtx", evtx_log(2))
        archive.writestr("sound.evtx", evtx_log(2))
    raw = bytearray(target.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 16] ^= 0xFF  # the CRC of the first
    second = raw.index(b"PK\x01\x02", entry + 1)
    raw[second + 8] |= 1  # the second is encrypted
    target.write_bytes(raw)
    summary = read(target)
    assert [(issue.path, issue.status) for issue in summary.issues] == [
        ("e.zip/bad.evtx", "partial"),
        ("e.zip/secret.evtx", "failed"),
    ]
    assert summary.events == 4
    again = read(target)
    assert (again.issues, again.new) == (summary.issues, 0)
    code, told = command(target)
    assert code == 3
    assert "e.zip/secret.evtx: failed: not supported: encrypted" in told


def test_an_archive_that_is_cut_gives_what_is_left(place: Path) -> None:
    """A truncated zip is partial and its whole members are read; one without any is failed."""
    target = place.parent / "e.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.evtx", evtx_log(2))
        archive.writestr("b.evtx", evtx_log(2))
    whole = target.read_bytes()
    target.write_bytes(whole[: whole.index(b"PK\x03\x04", 4) + 1000])
    read(target)
    found = rows(target)
    assert found[""][1] == "partial"
    assert found["a.evtx"][1] == "read"
    target.write_bytes(whole[:20])
    read(target)
    with Case.open(target.parent / "case.db") as case:
        assert sorted(row.status for row in case.evidence() if row.path == "e.zip") == ["failed", "partial"]


def test_what_files_are_is_told_by_content(place: Path) -> None:
    """Text named .evtx fails, an .evt named .evtx is read and noted, empty files are empty, junk is ignored."""
    (place / "text.evtx").write_text("not a log\n")
    (place / "old.evtx").write_bytes(evt_log())
    (place / "empty.evtx").write_bytes(b"")
    (place / "ScanJobs.fdb").write_bytes(b"")
    (place / "junk.bin").write_bytes(bytes(range(256)) * 9)
    summary = read(place)
    assert [(issue.path, issue.status) for issue in summary.issues] == [("e/text.evtx", "failed")]
    found = rows(place)
    assert found["text.evtx"] == ("text", "failed", "misnamed: its name ends in .evtx, but it is plain text")
    assert found["old.evtx"][:2] == ("evt", "read")
    assert "misnamed" in str(found["old.evtx"][2])
    assert found["empty.evtx"] == ("other", "empty", None)
    assert found["ScanJobs.fdb"] == ("fdb", "empty", None)
    assert found["junk.bin"] == ("other", "ignored", None)
    with Case.open(place.parent / "case.db") as case:
        assert list(case.rows("SELECT name, size, bytes FROM file_versions JOIN contents USING (sha256, size)")) == [
            ("ScanJobs.fdb", 0, b"")
        ]


def test_strict_stops_at_the_first_damage_and_keeps_what_came_before(place: Path) -> None:
    """`--strict` names the first damage; what was read before it is in the case, and an ordinary ingest goes on."""
    (place / "text.evtx").write_text("not a log\n")
    (place / "zz.evtx").write_bytes(evtx_log())
    with Case.open_or_create(place.parent / "case.db") as case:
        with pytest.raises(StrictDamageError, match=r"e/text\.evtx: misnamed.*stopped by --strict"):
            ingest(case, [place], IngestOptions(strict=True))
        assert verify_case(case) == []
        assert [(row.path, row.node) for row in case.evidence()] == [("e/sound.evtx", "EXNODE1")]
    done = CliRunner().invoke(app, ["ingest", "--strict", str(place.parent / "case.db"), str(place)])
    assert done.exit_code == 3
    assert read(place).new == 2


def test_strict_stops_inside_an_archive(place: Path) -> None:
    """A strict stop leaves the archive unfinished, and the next ingest reads the members that are missing."""
    target = place.parent / "e.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.evtx", evtx_log(2))
        archive.writestr("b.evtx", "text")
        archive.writestr("c.evtx", evtx_log(2))
    with Case.open_or_create(place.parent / "case.db") as case:
        with pytest.raises(StrictDamageError):
            ingest(case, [target], IngestOptions(strict=True))
        assert verify_case(case) == []
    read(target)
    assert {path: status for path, (_, status, _) in rows(target).items()} == {
        "": "read", "a.evtx": "read", "b.evtx": "failed", "c.evtx": "read"
    }  # fmt: skip


def test_ten_thousand_small_files_take_seconds(tmp_path: Path) -> None:
    """Many files, archives among them, are read in well under a minute, twice."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "a")
    target = tmp_path / "e.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("EXNODE1/Logs/System.evtx", evtx_log())
        for number in range(8_000):
            archive.writestr(f"EXNODE1/{number % 500}/{number}.txt", b"%d" % number)
        for number in range(2_000):
            archive.writestr(f"EXNODE1/{number}.zip", packed.getvalue())
    begin = time.monotonic()
    assert read(target).files == 12_002
    assert read(target).known == 12_002
    assert time.monotonic() - begin < 60


def test_names_of_every_kind(place: Path) -> None:
    """Names beyond ASCII, with backslash, quotes or bytes that are no text are kept apart, and never are SQL."""
    names = [
        b"\xc3\xa9\xe6\x97\xa5.fdb",
        b"\xff\xfe.fdb",
        b"back\\slash.fdb",
        b"'); DROP TABLE events; --.fdb",
        b"a\n.fdb",
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_bytes(name)
    odd = Path(os.fsdecode(os.fsencode(place.parent) + b"/odd\\\xff.txt"))
    odd.write_text("text")
    for new in (5 + 1, 0):
        assert read(place).new == new
    assert len(rows(place)) == 6
    with Case.open(place.parent / "case.db", write=True) as case:
        kept = {row[0] for row in case.rows("SELECT bytes FROM contents")}
        summary = ingest(case, [odd])
        assert [issue.path for issue in summary.issues] == [r"odd\x5c\xff.txt"]
        assert {row.root for row in case.evidence()} == {"e", r"odd\x5c\xff.txt"}
    assert kept == set(names)


def test_problems_of_one_log_are_bounded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more problems than anybody reads so many are kept, and the number of the others is stated."""
    monkeypatch.setattr(logs, "MAX_PROBLEMS", 5)
    raw = bytearray(evtx_log(20))
    at = 4096 + 512
    for _ in range(20):
        size = int.from_bytes(raw[at + 4 : at + 8], "little")
        raw[at + 24 : at + size - 4] = b"\xee" * (size - 28)
        at += size
    (place / "bad.evtx").write_bytes(raw)
    read(place)
    with Case.open(place.parent / "case.db") as case:
        row = case.find_evidence("e/bad.evtx", next(r.sha256 for r in case.evidence() if r.path == "e/bad.evtx"))
        assert row is not None
        found = case.problems(row.id)
    assert len(found) == 6
    assert any("more problems of this log are not listed" in p.detail and p.kind is ProblemKind.LIMIT for p in found)


def test_a_second_reader_agrees_on_real_logs(corpus: Path, tmp_path: Path) -> None:
    """`--cross-check` compares every record of real logs and finds no difference in fact."""
    names = ["omerbenamram-MSExchange_Management_wec.evtx", "omerbenamram-new-user-security.evtx"]
    folder = tmp_path / "e"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes((corpus / "evtx" / name).read_bytes())
    read(folder, cross_check=True)
    with Case.open(tmp_path / "case.db") as case:
        facts = [row.facts for row in case.evidence()]
        kinds = {row[0] for row in case.rows("SELECT kind FROM problems")}
        live = sum(row.live for row in case.evidence())
    assert "cross_check" not in kinds
    assert sum(int(fact["cross_checked"] or 0) + int(fact["cross_check_unread"] or 0) for fact in facts) == live > 0


def test_a_second_reader_that_disagrees_is_reported(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that python-evtx reads otherwise is named with both readings, and the evidence is not whole."""
    opinion = crosscheck.second_opinion
    monkeypatch.setattr(
        crosscheck,
        "second_opinion",
        lambda chunk: (o._replace(event_id=999) if o.record_number == 2 else o for o in opinion(chunk)),
    )
    summary = read(place, cross_check=True)
    assert [(issue.path, issue.status) for issue in summary.issues] == [("e/sound.evtx", "partial")]
    assert "record 2: event_id is 1 here and 999 in python-evtx" in summary.issues[0].reason


def test_disagreements_are_bounded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two readers differ in every record, so many differences are kept, and the rest is counted and stated."""
    monkeypatch.setattr(crosscheck, "MAX_PROBLEMS", 2)
    opinion = crosscheck.second_opinion
    monkeypatch.setattr(crosscheck, "second_opinion", lambda chunk: (o._replace(event_id=999) for o in opinion(chunk)))
    read(place, cross_check=True)
    with Case.open(place.parent / "case.db") as case:
        assert list(case.rows("SELECT detail FROM problems WHERE kind = 'cross_check' AND offset = 0")) == [
            ("disagreements that are not listed: 1",)
        ]
        assert case.counts().problems == 3


def test_a_full_disk_is_a_plain_failure_and_leaves_a_case(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the case cannot grow the ingest fails in one line with exit code 1, and the case opens and verifies."""
    (place / "large.evtx").write_bytes(evtx_log(3_000))
    read(place.parent / "e")  # first a case with everything, to know how large it gets
    whole = (place.parent / "case.db").stat().st_size
    (place.parent / "case.db").unlink()
    opened = store.connect.open_connection

    def limited(path: Path, *, write: bool) -> sqlite3.Connection:
        connection = opened(path, write=write)
        connection.execute(f"PRAGMA max_page_count = {whole // 2 // 8192}")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(store.connect, "open_connection", limited)
        code, told = command(place)
        assert code == 1
        assert "disk is full" in told
        assert "Traceback" not in told
        with Case.open(place.parent / "case.db", write=True) as case, pytest.raises(FailedError):
            ingest(case, [place])
    with Case.open(place.parent / "case.db") as case:
        assert verify_case(case) == []
        assert {row.status for row in case.evidence()} <= {"read"}
    read(place)
    assert path_events(place) == {"e/large.evtx": 3_000, "e/sound.evtx": 3}


def test_a_file_that_changes_while_it_is_read_is_not_kept_under_a_wrong_hash(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content that is read twice and differs is `failed`: a hash in the case is always that of its bytes."""
    path = place / "ScanJobs.fdb"
    path.write_bytes(b"x" * 100)
    monkeypatch.setattr("forensics.ingest.fingerprint.KEEP_WHOLE", 10)
    taken = run.fingerprint

    def changing(source: object) -> object:
        found = taken(source)  # type: ignore[arg-type]
        if getattr(source, "path", "") == "e/ScanJobs.fdb":
            path.write_bytes(b"y" * 100)
        return found

    monkeypatch.setattr(run, "fingerprint", changing)
    read(place)
    assert rows(place)["ScanJobs.fdb"] == ("fdb", "failed", "unreadable: the file changed while it was read")


def test_what_evidence_says_is_never_sql(place: Path) -> None:
    """Quotes and statements in computers, sources, strings and member names come back as they were."""
    hostile = "'); DROP TABLE events; --"
    stream = io.BytesIO()
    with EvtxWriter(stream) as writer:
        writer.add(EvtxEvent(START, hostile, 1, hostile, hostile, Classic((hostile,))))
    target = place.parent / "e.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(f"{hostile}/x.evtx", stream.getvalue())
    read(target)
    with Case.open(place.parent / "case.db") as case:
        found = list(case.rows("SELECT source, log, computer, json_extract(strings, '$[0]') FROM events"))
    assert found == [(hostile,) * 4]
