"""A case is made whole or not at all, opens only when it is one, and takes rows safely."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from forensics import errors
from forensics.case import connect, schema
from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence, NewFileVersion
from parsers.problems import Problem, ProblemKind


def event(evidence_id: int, **fields: object) -> tuple[object, ...]:
    """A row of `events` with nothing in it but `fields`."""
    values: dict[str, object] = dict.fromkeys(EVENT_COLUMNS)
    values |= {"evidence_id": evidence_id, "recovered": 0, "strings": "[]", **fields}
    return tuple(values.values())


def evidence(path: str = "logs/System.evtx", **fields: object) -> NewEvidence:
    return NewEvidence(**{"path": path, "kind": "evtx", "status": "read", "sha256": "ab" * 32, **fields})  # type: ignore[arg-type]


@pytest.fixture
def case(tmp_path: Path):
    with Case.create(tmp_path / "case.db") as made:
        yield made


def test_the_contract_s_tables_are_there(case: Case) -> None:
    """Every table and column that the contract names is in a new case."""
    promised = {
        "evidence": "id path container sha256 size modified kind node status problem",
        "events": "id evidence_id log record_number event_record_id time_generated time_written source event_id level"
        " category computer node user_sid strings message recovered duplicate_of",
        "file_versions": "id evidence_id node name role path sha256 size modified seen backup_set_id",
        "contents": "sha256 size bytes",
        "backup_sets": "id", "role_intervals": "id", "role_transitions": "id", "overwrites": "id", "checks": "id",
        "checkpoints": "id", "audit": "id time action detail previous_hash hash",
    }  # fmt: skip
    for table, columns in promised.items():
        found = {row[1] for row in case.connection.execute(f"PRAGMA table_info({table})")}
        assert found >= set(columns.split()), table


def test_other_tools_read_a_case_as_it_stands(case: Case) -> None:
    """sqlite-utils sees foreign keys, indexes and full-text search, and finds words behind JSON's escapes."""
    sqlite_utils = pytest.importorskip("sqlite_utils")
    one = case.add_evidence(evidence())
    strings = json.dumps(["first\nSecond", "C:\\new\\Folder", 'say "Quoted"'])
    case.add_events([event(one, strings=strings), event(one, message="a rendered message")])
    case.finish_load()
    events = sqlite_utils.Database(case.connection).table("events")
    keys = {(key.column, key.other_table) for key in events.foreign_keys}
    assert keys == {("evidence_id", "evidence"), ("duplicate_of", "events")}
    assert {index.name for index in events.indexes} == set(schema.EVENT_INDEXES)
    for word, expected in (("second", 1), ("new", 1), ("folder", 1), ("quoted", 1), ("rendered", 2)):
        assert [row["id"] for row in events.search(word)] == [expected], word


def test_the_sqlite3_shell_reads_a_case(case: Case) -> None:
    """The plain sqlite3 program gives the rows, with hostile text escaped and whole."""
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("no sqlite3 program here")
    case.add_evidence(evidence("a\x00b\ud800.evtx"))
    query = "SELECT path FROM evidence; PRAGMA integrity_check"
    done = subprocess.run([shell, "-readonly", case.path, query], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["a\\u0000b\\ud800.evtx", "ok"]


def test_full_text_search_takes_only_what_is_new(case: Case) -> None:
    """Indexing twice adds nothing, and events added later join those indexed before."""
    one = case.add_evidence(evidence())
    count = "SELECT count(*) FROM events_fts WHERE events_fts MATCH 'word'"
    for total in (2, 4):
        case.add_events([event(one, strings='["word"]')] * 2)
        case.finish_load()
        case.finish_load()
        assert case.connection.execute(count).fetchone() == (total,)
    assert schema.index_new_events(case.connection) == 0


def test_evidence_comes_back_as_it_went_in(case: Case) -> None:
    """All columns, undecodable names and header facts included; sorted by path; found by path and hash only."""
    later = evidence("z\udc80/\x00\\u0000.evt", node="EXNODE1", size=7, facts={"dirty": True, "count": 3, "x": None})
    ids = [case.add_evidence(later), case.add_evidence(evidence("a.evtx", sha256=None))]
    rows = case.evidence()
    assert [row.id for row in rows] == ids[::-1]
    assert {name: getattr(rows[1], name) for name in later.__dataclass_fields__} == {
        name: getattr(later, name) for name in later.__dataclass_fields__
    }
    assert case.find_evidence(later.path, later.sha256) == rows[1]
    assert case.find_evidence("a.evtx", None) == rows[0]
    assert case.find_evidence("a.evtx", "00") is None
    case.update_evidence(ids[1], status="partial", live=5, facts={"full": False}, problem="\ud800")
    changed = case.find_evidence("a.evtx", None)
    assert changed is not None
    assert (changed.status, changed.live, changed.facts, changed.problem) == ("partial", 5, {"full": False}, "\ud800")


def test_the_same_evidence_is_not_added_twice(case: Case) -> None:
    """The same path and hash, or the same unreadable path, is refused, and an unknown row or column too."""
    for new in (evidence(), evidence(sha256=None)):
        case.add_evidence(new)
        with pytest.raises(ValueError, match="already"):
            case.add_evidence(new)
    with pytest.raises(ValueError, match="no column colour"):
        case.update_evidence(1, colour="red")
    with pytest.raises(ValueError, match="no evidence 99"):
        case.update_evidence(99, status="read")


def test_problems_contents_versions_and_settings_are_kept(case: Case) -> None:
    """Damage comes back by offset; content once, also when it was too large before; settings are replaced."""
    one = case.add_evidence(evidence())
    damage = [Problem(ProblemKind.LOST_RANGE, 900, 10, "lost"), Problem(ProblemKind.BAD_RECORD, 5, 0, "bad \ud800")]
    case.add_problems(one, damage)
    assert case.problems(one) == damage[::-1]
    case.add_file_version(NewFileVersion(evidence_id=one, node="N", name="a.fdb", role="live", path="a", sha256="11"))
    case.add_content("11", 3, b"abc")
    case.add_content("11", 3, None)
    assert list(case.rows("SELECT sha256, size, bytes FROM contents")) == [("11", 3, b"abc")]
    case.set_setting("k", "1")
    case.set_setting("k", "2")
    assert (case.setting("k"), case.setting("other")) == ("2", None)
    case.add_events([event(one), event(one, recovered=1)])
    counts = case.counts()
    assert (counts.evidence, counts.events, counts.problems, counts.file_versions, counts.contents) == (1, 2, 2, 1, 1)


def test_foreign_keys_are_enforced(case: Case) -> None:
    """Events of evidence that is not there are refused, with SQLite's own error, for it is a fault of the program."""
    with pytest.raises(sqlite3.IntegrityError):
        case.add_events([event(7)])
    assert case.counts().events == 0


def test_a_transaction_is_whole_or_nothing(case: Case) -> None:
    """An error in the middle of a transaction leaves nothing of it, and the case goes on working."""

    def half_done() -> None:
        with case.transaction():
            case.add_evidence(evidence())
            raise KeyError

    with pytest.raises(KeyError):
        half_done()
    assert case.evidence() == []
    case.add_evidence(evidence())
    assert len(case.evidence()) == 1


@pytest.mark.parametrize("name", ["case.db", "a?mode=memory.db", "b#c%20d%.db", "ü \udc80.db", "x' y\".db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """Names that are syntax in a URI, or cannot be decoded, name the very file, and nothing else is left beside it."""
    if sys.platform == "win32":
        pytest.skip("not names of Windows")
    path = tmp_path / name
    with Case.create(path) as case:
        case.set_setting("a", "b")
    with Case.open(path) as case:
        assert case.setting("a") == "b"
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - the name as the system has it


def no_cases(folder: Path) -> dict[str, tuple[Path, str]]:
    """Things at the place of a case that are none, and what is said of them."""
    things = {
        "missing": "does not exist", "folder": "is a folder", "text": "is no SQLite file", "empty": "is empty",
        "other": "another program", "fifo": "no regular file", "loop": "cannot be reached", "nul\x00": "cannot be",
    }  # fmt: skip
    (folder / "folder").mkdir()
    (folder / "text").write_bytes(b"SQLite format 2 and some more text")
    (folder / "empty").touch()
    connection = sqlite3.connect(folder / "other")
    connection.execute("CREATE TABLE evidence(id)")
    connection.close()
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to(folder / "loop")
    return {name: (folder / name, reason) for name, reason in things.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs on Windows")
@pytest.mark.parametrize("name", ["missing", "folder", "text", "empty", "other", "fifo", "loop", "nul\x00"])
def test_what_is_no_case_is_said_to_be_none_and_left_alone(tmp_path: Path, name: str) -> None:
    """Opening anything but a case is a usage error with the reason, and never changes it."""
    path, reason = no_cases(tmp_path)[name]
    before = path.read_bytes() if name in {"text", "empty", "other"} else None
    for write in (False, True):
        with pytest.raises(errors.NotACaseError, match=reason) as raised:
            Case.open(path, write=write)
        assert raised.value.exit_code == 2
        assert "\n" not in str(raised.value)
    if name != "missing" and "\x00" not in name:
        with pytest.raises(errors.NotACaseError):
            Case.open_or_create(path)
        with pytest.raises(errors.CaseExistsError):
            Case.create(path)
    assert before is None or path.read_bytes() == before
    assert not list(tmp_path.glob(".ccrf-*"))


def test_a_case_is_not_made_where_there_is_no_folder(tmp_path: Path) -> None:
    """A missing folder is named, and not made."""
    with pytest.raises(errors.MissingPathError, match="nowhere"):
        Case.create(tmp_path / "nowhere" / "case.db")
    assert list(tmp_path.iterdir()) == []


def test_without_hard_links_a_case_is_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without hard links the case appears, and what is there already is still not replaced."""

    def no_link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    Case.create(tmp_path / "case.db").close()
    Case.open(tmp_path / "case.db").close()
    with pytest.raises(errors.CaseExistsError):
        Case.create(tmp_path / "case.db")
    assert [path.name for path in tmp_path.iterdir()] == ["case.db"]


@pytest.mark.parametrize(("version", "words"), [(99, "newer ccrf"), (0, "older ccrf")])
def test_cases_of_other_versions_are_told(tmp_path: Path, version: int, words: str) -> None:
    """A newer case asks for an update, an older one for a new ingest; both are usage errors."""
    path = tmp_path / "case.db"
    with Case.create(path) as case:
        case.connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(errors.CaseVersionError, match=words) as raised:
        Case.open(path)
    assert raised.value.exit_code == 2


def test_an_older_case_with_a_migration_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run once, in order, in one transaction, when the case is opened for writing."""
    path = tmp_path / "case.db"
    Case.create(path).close()
    version = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", version + 2)
    monkeypatch.setitem(schema.MIGRATIONS, version, lambda c: c.execute("CREATE TABLE one(id)"))
    monkeypatch.setitem(schema.MIGRATIONS, version + 1, lambda c: c.execute("ALTER TABLE one ADD two"))
    with Case.open(path, write=True) as case:
        assert list(case.rows("SELECT two FROM one")) == []
        assert list(case.rows("PRAGMA user_version")) == [(version + 2,)]
    Case.open(path).close()


_SINCE_3 = (
    "restore_files",
    "restores",
    "registry_values",
    "checkpoint_sightings",
    "program_files",
    "captures",
    "curly_quotes",
)
_SINCE_2 = ("role_conflicts", "clock_offsets", "rendered_messages", "message_texts", "learned_events")


@pytest.mark.parametrize(
    ("version", "without"), [(1, _SINCE_2), (2, ()), (2, ("rendered_messages",))], ids=["1", "2", "early 2"]
)
def test_a_case_of_an_older_version_becomes_one_of_today(
    tmp_path: Path, version: int, without: tuple[str, ...]
) -> None:
    """The migrations give the tables, columns and keys that a new case has, whichever version they begin with."""
    path, new = tmp_path / "case.db", tmp_path / "new.db"
    Case.create(new).close()
    with Case.create(path) as case:
        for name in (*without, "folders", *_SINCE_3):
            case.connection.execute(f"DROP TABLE {name}")
        for name in ("made_filetime", "made_basis", "not_before", "not_after", "undo"):
            case.connection.execute(f"ALTER TABLE backup_sets DROP COLUMN {name}")
        for name in ("confidence", "online"):
            case.connection.execute(f"ALTER TABLE checkpoints DROP COLUMN {name}")
        case.connection.execute("ALTER TABLE contents DROP COLUMN left_out")
        if version == 1:
            case.connection.execute("ALTER TABLE role_intervals DROP COLUMN contradicted_by")
        case.connection.execute(f"PRAGMA user_version = {version}")
    columns = (
        "SELECT t.name, c.name, c.type FROM sqlite_master t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' ORDER BY t.name, c.name"
    )
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name"
    keys = 'SELECT t.name, k."from", k."table" FROM sqlite_master t, pragma_foreign_key_list(t.name) k ORDER BY 1, 2'
    with Case.open(path, write=True) as migrated, Case.open(new) as fresh:
        assert list(migrated.rows(columns)) == list(fresh.rows(columns))
        assert list(migrated.rows(keys)) == list(fresh.rows(keys))
        assert list(migrated.rows(indexes)) == list(fresh.rows(indexes)) != []


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """Opening to read writes neither into the case nor beside it, and refuses to write."""
    path = tmp_path / "case.db"
    Case.create(path).close()
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with Case.open(path) as case:
        assert case.evidence() == []
        with pytest.raises(errors.FailedError, match="read-only"):
            case.set_setting("a", "b")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [item.name for item in tmp_path.iterdir()] == ["case.db"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_case_on_read_only_media_opens() -> None:
    """A case in a folder that cannot be written, itself not writable, is read, by a user without privileges."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "case.db"
    with Case.create(path) as case:
        case.set_setting("a", "found")
    path.chmod(0o444)
    folder.chmod(0o555)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing may be imported or raised from here on: this is pytest's own process, twice.
        said = "nothing"
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            opened = Case.open(path)
            said = str(opened.setting("a"))
            opened.set_setting("a", "b")
        except Exception as error:  # noqa: BLE001
            said += f", then {type(error).__name__}"
        finally:
            os.write(writable, said.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writable)
    with open(readable, encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor
        said = pipe.read()
    folder.chmod(0o755)
    shutil.rmtree(folder)
    assert said == "found, then FailedError"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("write", [False, True])
def test_a_killed_writer_leaves_a_case_that_opens(tmp_path: Path, write: bool) -> None:
    """A process killed inside a transaction that had reached the disk leaves the case as it was before it."""
    path = tmp_path / "case.db"
    with Case.create(path) as case:
        case.add_evidence(evidence("kept"))
    code = """
import os, signal, sys
from pathlib import Path
from forensics.case.store import Case, NewEvidence
case = Case.open(Path(sys.argv[1]), write=True)
case.connection.execute("PRAGMA cache_size = 5")
with case.transaction():
    for number in range(3000):
        case.add_evidence(NewEvidence(path=f"lost {number}", kind="evt", status="read", problem="x" * 500))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "case.db-journal").stat().st_size > 0, "the transaction never reached the disk"
    with Case.open(path, write=write) as case:
        assert [row.path for row in case.evidence()] == ["kept"]
        assert list(case.rows("PRAGMA integrity_check")) == [("ok",)]


def test_two_writers_do_not_wait_for_ever(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second writer waits, then says in one sentence that the case is in use."""
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.1)
    with Case.open(case.path, write=True) as other, case.transaction():
        with pytest.raises(errors.FailedError, match="in use by another program") as raised, other.transaction():
            pytest.fail("two writers at once")
        assert raised.value.exit_code == 1


def test_a_full_disk_is_one_plain_sentence(case: Case) -> None:
    """Where no page can be added the error says so, the transaction is undone, and the case is whole."""
    pages = case.connection.execute("PRAGMA page_count").fetchone()[0]
    case.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(errors.FailedError, match="the disk is full"), case.transaction():
        case.set_setting("big", "x" * 1_000_000)
    case.connection.execute("PRAGMA max_page_count = 1000000")
    assert case.setting("big") is None
    assert list(case.rows("PRAGMA integrity_check")) == [("ok",)]


def test_a_damaged_case_is_one_plain_sentence(tmp_path: Path) -> None:
    """A case whose pages were overwritten fails with a sentence, whether at opening or at reading."""
    path = tmp_path / "case.db"
    with Case.create(path) as case:
        case.add_evidence(evidence())
    raw = bytearray(path.read_bytes())
    for offset in range(100, len(raw)):
        raw[offset] = 0xA5
    path.write_bytes(raw)
    with pytest.raises(errors.FailedError, match="is damaged"), Case.open(path) as case:
        case.evidence()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FailedError("a\nb"), 1),
        (errors.MissingPathError("p\x1b[31m"), 2),
        (errors.NotACaseError(Path("p"), "is a folder"), 2),
        (errors.CaseVersionError("p", 9, 1), 2),
        (errors.ProfileError("p line 3", "bad"), 2),
        (errors.StrictDamageError("x\u202e"), 3),
        (errors.CaseExistsError("p"), 4),
        (errors.CaseInsideEvidenceError("c", "\ud800"), 4),
    ],
)
def test_errors_are_one_safe_line_and_cross_processes(error: errors.CcrfError, code: int) -> None:
    """Each error has its exit code, reads as one line without control characters, and survives pickling."""
    assert error.exit_code == code
    assert str(error).isprintable()
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), str(again)) == (type(error), str(error))
