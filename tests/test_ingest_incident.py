"""A whole incident into a case: nothing is lost, the form it comes in does not matter, and twice is once."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import sqlite3
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import evtx
import pytest

from forensics.case.store import Case
from forensics.case.verify import verify_case
from forensics.ingest import decoders
from forensics.ingest.account import IngestOptions, IngestSummary
from forensics.ingest.run import ingest
from samples.builders.evtx import Classic, EvtxEvent, EvtxWriter
from samples.incident import Setting, build
from samples.incident.evidence import Item, write_folder, zip_bytes

COMMITTED = Path(__file__).parents[1] / "samples" / "incidents" / "failover-in-window.zip"
COMMITTED_TRUTH = COMMITTED.with_name("failover-in-window.truth.json")
TICKS = 10_000_000
START = 128_444_000_000_000_000


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return build(Setting("crash", "2003", 5)).items


def read(case_path: Path, *paths: Path, **options: object) -> IngestSummary:
    """Ingest, and hold that the case verifies."""
    with Case.open_or_create(case_path) as case:
        summary = ingest(case, paths, IngestOptions(**options))  # type: ignore[arg-type]
        assert verify_case(case) == []
    assert summary.files == summary.new + summary.known
    return summary


def dump(case_path: Path, *, root: str = "") -> dict[str, Counter[tuple[object, ...]]]:
    """Every table that an ingest fills but the audit, rows in any order, ids replaced by what they stand for."""
    queries = {
        "evidence": "SELECT substr(evidence.path, :root), sha256, size, modified_filetime, kind, status, node,"
        " node_basis, problem, log, live, recovered, first_time, last_time, first_record, last_record, facts"
        " FROM evidence",
        "problems": "SELECT substr(evidence.path, :root), sha256, problems.kind, offset, length, detail FROM problems"
        " JOIN evidence ON evidence.id = evidence_id",
        "events": "SELECT substr(evidence.path, :root), twin.offset, twin.record_number, events.* FROM events"
        " JOIN evidence ON evidence.id = events.evidence_id LEFT JOIN events AS twin ON twin.id = events.duplicate_of",
        "contents": "SELECT * FROM contents",
        "file_versions": "SELECT substr(evidence.path, :root), file_versions.* FROM file_versions"
        " JOIN evidence ON evidence.id = evidence_id",
        "profile": "SELECT value FROM settings WHERE key = 'profile'",
        "searchable": "SELECT count(*) FROM events_fts",
    }
    found = {}
    with sqlite3.connect(case_path) as connection:
        connection.row_factory = sqlite3.Row
        for name, sql in queries.items():
            cursor = connection.execute(sql, {"root": len(root) + 1})
            found[name] = Counter(
                tuple(
                    row[at]
                    for at, column in enumerate(cursor.description)
                    if column[0] not in {"id", "evidence_id", "duplicate_of"}
                    and not (name == "file_versions" and column[0] == "path")
                )
                for row in cursor
            )
    connection.close()
    return found


def test_every_record_of_every_log_is_in_the_case(tmp_path: Path) -> None:
    """What an independent reader finds in the committed incident's logs is in the case: number, source, id, node."""
    summary = read(tmp_path / "case.db", COMMITTED)
    assert summary.whole
    expected: Counter[tuple[object, ...]] = Counter()
    with zipfile.ZipFile(COMMITTED) as archive:
        for name in archive.namelist():
            if not name.endswith(".evtx"):
                continue
            for record in evtx.PyEvtxParser(io.BytesIO(archive.read(name))).records_json():
                system = json.loads(record["data"])["Event"]["System"]
                event_id = system["EventID"]
                event_id = event_id["#text"] if isinstance(event_id, dict) else event_id
                source = system["Provider"]["#attributes"]["Name"]
                node = system["Computer"].split(".")[0].upper()
                path = f"failover-in-window.zip/{name}"
                expected[path, record["event_record_id"], source, event_id, node, system["Channel"]] += 1
    with sqlite3.connect(tmp_path / "case.db") as connection:
        sql = """SELECT path, event_record_id, source, event_id, events.node, events.log FROM events
            JOIN evidence ON evidence.id = evidence_id WHERE events.recovered = 0"""
        found = Counter(connection.execute(sql))
    connection.close()
    assert expected.total() > 1000
    assert found == expected


def test_every_replicated_file_is_kept_byte_for_byte(tmp_path: Path) -> None:
    """Each .fdb of the incident, live or backup, has a version with the member's time and node, and its content."""
    read(tmp_path / "case.db", COMMITTED)
    truth = json.loads(COMMITTED_TRUTH.read_text("utf-8"))
    with sqlite3.connect(tmp_path / "case.db") as connection:
        versions = {row[0]: row[1:] for row in connection.execute(
            "SELECT file_versions.path, name, node, sha256, file_versions.size, modified, bytes FROM file_versions"
            " JOIN contents USING (sha256)"
        )}  # fmt: skip
    connection.close()
    with zipfile.ZipFile(COMMITTED) as archive:
        names = [name for name in archive.namelist() if ".fdb" in name.lower()]
        assert len(names) == len(versions) > 20
        for name in names:
            content = archive.read(name)
            base, node, sha256, size, _, stored = versions[f"failover-in-window.zip/{name}"]
            assert (base, node) == (name.rsplit("/", 1)[-1], name.split("/")[0])
            assert (stored, size, sha256) == (content, len(content), hashlib.sha256(content).hexdigest())
    for node, files in truth["live"].items():
        for name, state in files.items():
            _, _, sha256, size, modified, _ = versions[f"failover-in-window.zip/{node}/Data/{name}"]
            assert {"sha256": sha256, "size": size, "modified": modified} == state


def test_everything_of_a_node_folder_belongs_to_its_node(tmp_path: Path) -> None:
    """Each piece of the incident has the node of its folder, logs by their events, the rest by the logs beside it."""
    read(tmp_path / "case.db", COMMITTED)
    with Case.open(tmp_path / "case.db") as case:
        rows = [row for row in case.evidence() if row.kind != "archive"]
    assert {row.path.split("/")[1]: row.node for row in rows} == {"EXNODE1": "EXNODE1", "EXNODE2": "EXNODE2"}
    assert all(row.node == row.path.split("/")[1] for row in rows)
    assert {(row.kind, row.node_basis) for row in rows} == {("evtx", "events"), ("fdb", "beside")}


def _tar(items: list[Item], mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for item in items:
            info = tarfile.TarInfo(item.path)
            ticks = item.modified - 116_444_736_000_000_000
            info.mtime = ticks // TICKS
            info.pax_headers = {"mtime": f"{ticks // TICKS}.{ticks % TICKS:07d}"}
            if item.content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(item.content)
                archive.addfile(info, io.BytesIO(item.content))
    return stream.getvalue()


def test_the_form_of_the_evidence_does_not_matter(tmp_path: Path, items: list[Item]) -> None:
    """A folder, a zip and tars of one incident give the same events, contents, versions, nodes and modified times."""
    forms = {
        "incident.zip": zip_bytes(items),
        "incident.tar": _tar(items, "w"),
        "incident.tar.gz": _tar(items, "w:gz"),
        "incident.tar.bz2": _tar(items, "w:bz2"),
        "incident.tar.xz": _tar(items, "w:xz"),
    }
    write_folder(items, tmp_path / "incident")
    read(tmp_path / "folder.db", tmp_path / "incident")
    expected = dump(tmp_path / "folder.db", root="incident")
    assert expected["events"].total() > 500
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        read(tmp_path / f"{name}.db", tmp_path / name)
        found = dump(tmp_path / f"{name}.db", root=name)
        found["evidence"] = Counter({row: n for row, n in found["evidence"].items() if row[4] != "archive"})
        assert found == expected, name


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_second_ingest_adds_nothing(tmp_path: Path, items: list[Item], form: str) -> None:
    """Ingesting the same evidence again changes no table but the audit, and is as whole as the first time."""
    write_folder(items, tmp_path / "incident") if form == "folder" else None
    (tmp_path / "incident.zip").write_bytes(zip_bytes(items))
    place = tmp_path / ("incident" if form == "folder" else "incident.zip")
    first = read(tmp_path / "case.db", place)
    before = dump(tmp_path / "case.db")
    second = read(tmp_path / "case.db", place)
    assert dump(tmp_path / "case.db") == before
    assert (first.known, first.new) == (0, first.files)
    assert (second.known, second.new, second.events) == (second.files, 0, 0)
    assert (second.files, second.archives) == (first.files, first.archives)
    assert first.whole
    assert second.whole


def test_the_same_file_at_two_paths_is_two_and_changed_is_new(tmp_path: Path) -> None:
    """Identity is path and content: equal files of two nodes are two, a changed file is a further one."""
    for node in ("A", "B"):
        (tmp_path / "e" / node).mkdir(parents=True)
        (tmp_path / "e" / node / "ScanJobs.fdb").write_bytes(b"one")
    assert read(tmp_path / "case.db", tmp_path / "e").new == 2
    (tmp_path / "e" / "A" / "ScanJobs.fdb").write_bytes(b"two")
    summary = read(tmp_path / "case.db", tmp_path / "e")
    assert (summary.new, summary.known) == (1, 1)
    with Case.open(tmp_path / "case.db") as case:
        assert [row.path for row in case.evidence()] == ["e/A/ScanJobs.fdb"] * 2 + ["e/B/ScanJobs.fdb"]
        assert (case.counts().file_versions, case.counts().contents) == (3, 2)


def test_a_changed_archive_is_entered_though_its_old_form_is_known(tmp_path: Path) -> None:
    """Two archives of one name, the first of them known already: the members of the second are read."""
    for folder, content in (("old", b"one"), ("new", b"two")):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "e.zip", "w") as archive:
            archive.writestr("ScanJobs.fdb", content)
    read(tmp_path / "case.db", tmp_path / "old" / "e.zip")
    read(tmp_path / "case.db", tmp_path / "old" / "e.zip", tmp_path / "new" / "e.zip")
    with Case.open(tmp_path / "case.db") as case:
        kept = {row[0] for row in case.rows("SELECT bytes FROM contents")}
    assert kept == {b"one", b"two"}


def test_the_order_of_paths_does_not_matter(tmp_path: Path) -> None:
    """Any order of the PATHs, in one ingest or several, gives the same case but for ids."""
    items = build(Setting("crash", "2008", 6)).items
    write_folder(items, tmp_path / "e")
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "ScanJobs.fdb").write_bytes(b"whose?")
    places = [tmp_path / "e" / "EXNODE1", tmp_path / "e" / "EXNODE2", tmp_path / "loose"]
    dumps = []
    for number, order in enumerate(itertools.permutations(places)):
        case = tmp_path / f"{number}.db"
        if number % 2:
            read(case, *order)
        else:
            for place in order:
                read(case, place)
        dumps.append(dump(case))
    assert all(found == dumps[0] for found in dumps)
    assert any("UNKNOWN-1" in row for row in dumps[0]["evidence"])


def _log(size: int) -> bytes:
    stream = io.BytesIO()
    with EvtxWriter(stream) as writer:
        number = 0
        while stream.tell() < size:
            writer.add(EvtxEvent(
                created=START + number * TICKS, provider="Source", event_id=number % 60_000, channel="Application",
                computer=f"NODE{number % 3}", payload=Classic((f"{number}" * 150, "x" * 900)),
            ))  # fmt: skip
            number += 1
    return stream.getvalue()


def test_the_number_of_processes_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process and two give the same tables, ids included."""
    monkeypatch.setattr(decoders, "WORTH_PROCESSES", 1 << 20)
    started = []
    make = decoders.Decoders._started
    monkeypatch.setattr(decoders.Decoders, "_started", lambda self: started.append(1) or make(self))
    place = tmp_path / "Application.evtx"
    place.write_bytes(_log(5 << 20)[:-10_000])
    tables = []
    for jobs in (1, 2):
        read(tmp_path / f"{jobs}.db", place, jobs=jobs)
        with sqlite3.connect(tmp_path / f"{jobs}.db") as connection:
            tables.append({
                name: list(connection.execute(f"SELECT * FROM {name}"))  # noqa: S608
                for name in ("evidence", "events", "problems", "contents", "file_versions")
            })  # fmt: skip
        connection.close()
    assert started
    assert len(tables[0]["events"]) > 1000
    assert tables[0] == tables[1]


def test_a_given_node_is_that_of_everything(tmp_path: Path) -> None:
    """`--node` holds for logs, files, archives, members and what could not be read; events keep their own."""
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("Data/ScanJobs.fdb", b"one")
        archive.writestr("System.evtx", _log(70_000))
        archive.writestr("Bad.evtx", "text")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "link").symlink_to("/nowhere")
    read(tmp_path / "case.db", tmp_path / "e.zip", tmp_path / "e", node="exnode7.contoso.local")
    with Case.open(tmp_path / "case.db") as case:
        assert {(row.node, row.node_basis) for row in case.evidence()} == {("EXNODE7", "given")}
        assert {row[0] for row in case.rows("SELECT DISTINCT node FROM events")} == {"NODE0", "NODE1", "NODE2"}
        assert {row[0] for row in case.rows("SELECT node FROM file_versions")} == {"EXNODE7"}
