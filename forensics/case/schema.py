"""The case file's tables, indexes and version, as the contract names them.

Made through sqlite-utils, so that it, Datasette and the sqlite3 shell read a case as it stands. JSON lists and objects
are TEXT, times are ISO 8601 text with the exact FILETIME in an integer column beside, truth values are 0 and 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlite_utils

from forensics.errors import CaseVersionError, NotACaseError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

# "CCRF": `file` and others show it; https://sqlite.org/pragma.html#pragma_application_id
APPLICATION_ID: Final = 0x43435246
SCHEMA_VERSION: Final = 4
PAGE_SIZE: Final = 8192

TABLES: Final[dict[str, dict[str, type]]] = {
    "evidence": {
        "id": int, "path": str, "container": str, "root": str, "sha256": str, "size": int, "modified": str,
        "modified_filetime": int, "modified_basis": str, "kind": str, "node": str, "node_basis": str, "status": str,
        "problem": str, "log": str, "live": int, "recovered": int, "first_time": str, "last_time": str,
        "first_record": int, "last_record": int, "facts": str,
    },
    "problems": {"id": int, "evidence_id": int, "kind": str, "offset": int, "length": int, "detail": str},
    "events": {
        "id": int, "evidence_id": int, "log": str, "record_number": int, "event_record_id": int, "time_generated": str,
        "time_written": str, "source": str, "event_id": int, "level": int, "category": int, "computer": str,
        "node": str, "user_sid": str, "strings": str, "message": str, "recovered": int, "duplicate_of": int,
        "names": str, "data": bytes, "payload": str, "qualifiers": int, "raw_type": int, "version": int, "opcode": int,
        "keywords": str, "process_id": int, "thread_id": int, "activity_id": str,
        "event_source_name": str, "offset": int, "generated_filetime": int, "written_filetime": int,
    },
    "folders": {
        "id": int, "path": str, "root": str, "container": str, "modified": str, "modified_filetime": int,
        "modified_basis": str,
    },
    "contents": {"sha256": str, "size": int, "bytes": bytes, "left_out": str},
    "backup_sets": {
        "id": int, "node": str, "location": str, "made": str, "trigger": str, "files": str, "missing": str,
        "complete": int, "consistent": int, "recommended": int, "confidence": str, "evidence": str, "why": str,
        "made_filetime": int, "made_basis": str, "not_before": str, "not_after": str, "undo": int,
    },
    "file_versions": {
        "id": int, "evidence_id": int, "node": str, "name": str, "role": str, "path": str, "sha256": str, "size": int,
        "modified": str, "modified_filetime": int, "seen": str, "backup_set_id": int,
    },
    "role_intervals": {
        "id": int, "cluster_group": str, "node": str, "role": str, "start": str, "end": str, "confidence": str,
        "evidence": str, "contradicted_by": str, "why": str,
    },
    "role_transitions": {
        "id": int, "cluster_group": str, "from_node": str, "to_node": str, "earliest": str, "time": str, "latest": str,
        "confidence": str, "evidence": str, "contradicted_by": str, "why": str,
    },
    "role_conflicts": {
        "id": int, "cluster_group": str, "start": str, "end": str, "nodes": str, "evidence": str, "why": str,
    },
    "clock_offsets": {
        "id": int, "node": str, "reference": str, "seconds": float, "uncertainty": float, "pairs": int, "since": str,
        "until": str, "evidence": str, "why": str,
    },
    "message_texts": {"id": int, "evidence_id": int, "message_id": int, "language": int, "text": str},
    "rendered_messages": {"event_id": int, "message_text_id": int},
    "learned_events": {
        "id": int, "evidence_id": int, "event_source": str, "event_id": int, "catalogue_key": str, "text": str,
    },
    "overwrites": {
        "id": int, "file": str, "node": str, "kind": str, "cause": str, "earliest": str, "latest": str,
        "lost_sha256": str, "lost_modified": str, "lost_size": int, "current_sha256": str, "current_modified": str,
        "current_size": int, "recoverable_from": str, "confidence": str, "evidence": str, "why": str,
    },
    "checks": {
        "id": str, "title": str, "status": str, "confidence": str, "evidence": str, "why": str, "remedy": str,
        "would_decide": str,
    },
    "checkpoints": {
        "id": int, "node": str, "resource": str, "key": str, "kind": str, "configured_by_product": int, "stale": int,
        "evidence": str, "why": str, "command": str, "confidence": str, "online": int,
    },
    "registry_values": {
        "id": int, "evidence_id": int, "key": str, "key_written": str, "name": str, "type": str, "value": str,
        "data": bytes,
    },
    "checkpoint_sightings": {
        "id": int, "evidence_id": int, "resource": str, "cut": int, "resource_guid": str, "slot": str, "key": str,
        "kind": str, "form": str, "line": int,
    },
    "program_files": {"id": int, "evidence_id": int, "folder": str, "name": str},
    "captures": {
        "id": int, "evidence_id": int, "form": str, "name": str, "cluster_group": str, "node": str, "value": str,
    },
    "curly_quotes": {"id": int, "evidence_id": int, "line": int, "text": str},
    "restores": {
        "id": int, "token": str, "state": str, "started": str, "finished": str, "source": str, "target": str,
        "node": str, "times": str, "forced": str,
    },
    "restore_files": {
        "id": int, "restore_id": int, "name": str, "file_name": str, "old_sha256": str, "old_size": int,
        "old_modified_ns": int, "old_mode": int, "new_sha256": str, "new_size": int, "new_modified_ns": int,
        "undo_version_id": int, "why": str,
    },
    "audit": {"id": int, "time": str, "action": str, "detail": str, "previous_hash": str, "hash": str},
    "settings": {"key": str, "value": str},
}  # fmt: skip

_PRIMARY_KEYS = {"contents": "sha256", "rendered_messages": "event_id", "settings": "key"}
_FOREIGN_KEYS: dict[str, list[tuple[str, str, str]]] = {
    "problems": [("evidence_id", "evidence", "id")],
    "message_texts": [("evidence_id", "evidence", "id")],
    "rendered_messages": [("event_id", "events", "id"), ("message_text_id", "message_texts", "id")],
    "learned_events": [("evidence_id", "evidence", "id")],
    "registry_values": [("evidence_id", "evidence", "id")],
    "checkpoint_sightings": [("evidence_id", "evidence", "id")],
    "captures": [("evidence_id", "evidence", "id")],
    "curly_quotes": [("evidence_id", "evidence", "id")],
    "program_files": [("evidence_id", "evidence", "id")],
    "restore_files": [
        ("restore_id", "restores", "id"),
        ("old_sha256", "contents", "sha256"),
        ("new_sha256", "contents", "sha256"),
        ("undo_version_id", "file_versions", "id"),
    ],
    "events": [("evidence_id", "evidence", "id"), ("duplicate_of", "events", "id")],
    "file_versions": [
        ("evidence_id", "evidence", "id"),
        ("sha256", "contents", "sha256"),
        ("backup_set_id", "backup_sets", "id"),
    ],
}
_NOT_NULL = {
    "evidence": {"path", "kind", "status"},
    "problems": {"evidence_id", "kind", "offset", "length", "detail"},
    "events": {"evidence_id", "recovered"},
    "contents": {"size"},
    "folders": {"path"},
    "audit": {"time", "action", "detail", "previous_hash", "hash"},
    "restores": {"token", "state", "started"},
    "restore_files": {"restore_id", "name", "file_name"},
}
_SMALL_INDEXES = {
    "problems": [["evidence_id"]],
    "file_versions": [["evidence_id"], ["sha256"]],
    "message_texts": [["evidence_id"]],
    "registry_values": [["evidence_id"]],
    "captures": [["evidence_id"]],
    "checkpoint_sightings": [["evidence_id"]],
    "restore_files": [["restore_id"]],
}
# The same folder with another time is another observation of it.
_FOLDERS_BY_IDENTITY = "CREATE UNIQUE INDEX IF NOT EXISTS folders_by_identity ON folders(path, modified_filetime)"
# Each costs a bulk load about a microsecond a row: only what `ccrf events`, coverage and verify ask for.
EVENT_INDEXES: Final[dict[str, list[str]]] = {
    "events_by_source": ["source", "event_id"],
    "events_by_time": ["generated_filetime"],
    "events_by_record": ["evidence_id", "record_number"],
}
FTS_COLUMNS: Final = ("strings", "message")
# As sqlite-utils would make it, but for the sizes of columns: only the order by relevance needs them, it can find them
# out, and storing them is half the cost of the index.
_FTS: Final = "CREATE VIRTUAL TABLE [events_fts] USING FTS5 ([strings], [message], content=[events], columnsize=0)"

EVENT_COLUMNS: Final[tuple[str, ...]] = tuple(TABLES["events"])[1:]
"""The columns of `events` in the order in which `Case.add_events` takes them: all but the id."""


def create_schema(connection: sqlite3.Connection) -> None:
    """Make every table, and the marks of a case, in the empty database behind `connection`.

    Not atomic: `Case.create` runs it on a file that nobody knows yet.
    """
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    database = sqlite_utils.Database(connection)
    for name in TABLES:
        _create_table(database, name)
    database.table("evidence").create_index(["path", "sha256"], index_name="evidence_by_identity", unique=True)
    connection.execute(_FOLDERS_BY_IDENTITY)
    for name, indexes in _SMALL_INDEXES.items():
        for columns_of_index in indexes:
            database.table(name).create_index(columns_of_index)
    connection.execute(_FTS)
    # Merging while loading would write most of the index several times; SQLite still merges where there are too many
    # parts (`crisismerge`). The memory is for one process that writes: https://sqlite.org/fts5.html#the_automerge_configuration_option
    connection.execute("INSERT INTO events_fts(events_fts, rank) VALUES ('automerge', 0)")
    connection.execute("INSERT INTO events_fts(events_fts, rank) VALUES ('hashsize', 8388608)")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _create_table(database: sqlite_utils.Database, name: str) -> None:
    database.create_table(
        name,
        TABLES[name],
        pk=_PRIMARY_KEYS.get(name, "id"),
        foreign_keys=_FOREIGN_KEYS.get(name, []),
        not_null=_NOT_NULL.get(name, set()),
    )


def _add_tables(connection: sqlite3.Connection, *names: str) -> None:
    """As `_create_table` does it, without its commit: a migration is one transaction. What is there stays."""
    database = sqlite_utils.Database(connection)
    for name in names:
        connection.execute(
            database.create_table_sql(
                name,
                TABLES[name],
                pk=_PRIMARY_KEYS.get(name, "id"),
                foreign_keys=[sqlite_utils.db.ForeignKey(name, *key) for key in _FOREIGN_KEYS.get(name, [])],
                not_null=_NOT_NULL.get(name, set()),
                if_not_exists=True,
            )
        )
        for columns in _SMALL_INDEXES.get(name, []):
            index = f"idx_{name}_{'_'.join(columns)}"
            connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {name}({', '.join(columns)})")


def _to_2(connection: sqlite3.Connection) -> None:
    """Room for conclusions on roles and clocks, and for message files."""
    connection.execute("ALTER TABLE role_intervals ADD COLUMN contradicted_by TEXT")
    _add_tables(connection, "role_conflicts", "clock_offsets", "message_texts", "rendered_messages", "learned_events")


def _to_3(connection: sqlite3.Connection) -> None:
    """Room for the times of folders, and for what is known of backup sets."""
    # Some cases of version 2 were made before the table of rendered messages was.
    _add_tables(connection, "folders", "rendered_messages")
    connection.execute(_FOLDERS_BY_IDENTITY)
    there = {row[1] for row in connection.execute("PRAGMA table_info(backup_sets)")}
    for column in ("made_filetime", "made_basis", "not_before", "not_after", "undo"):
        if column not in there:
            kind = "INTEGER" if TABLES["backup_sets"][column] is int else "TEXT"
            connection.execute(f"ALTER TABLE backup_sets ADD COLUMN {column} {kind}")


def _to_4(connection: sqlite3.Connection) -> None:
    """Room for registry values, checkpoints seen, captures, restores, and contents that a redacted copy leaves out."""
    there = {row[1] for row in connection.execute("PRAGMA table_info(checkpoints)")}
    for column, kind in (("confidence", "TEXT"), ("online", "INTEGER")):
        if column not in there:
            connection.execute(f"ALTER TABLE checkpoints ADD COLUMN {column} {kind}")
    if "left_out" not in {row[1] for row in connection.execute("PRAGMA table_info(contents)")}:
        connection.execute("ALTER TABLE contents ADD COLUMN left_out TEXT")
    _add_tables(
        connection,
        "registry_values",
        "checkpoint_sightings",
        "program_files",
        "captures",
        "curly_quotes",
        "restores",
        "restore_files",
    )


# From version n to n + 1; each runs inside one transaction.
MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _to_2, 2: _to_3, 3: _to_4}


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the case behind `connection`.

    Raises:
        NotACaseError: a database of another program.
        CaseVersionError: newer than this program, or older and without a migration.
    """
    application_id: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise NotACaseError(path, "is a SQLite database of another program")
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > SCHEMA_VERSION or any(version not in MIGRATIONS for version in range(found, SCHEMA_VERSION)):
        raise CaseVersionError(path, found, SCHEMA_VERSION)
    return found


def ensure_indexes(connection: sqlite3.Connection) -> None:
    """Make the indexes of `events` that are not there yet, and the statistics by which SQLite chooses among them.

    For the end of a load: an index built at once costs a third of one kept up row by row.
    """
    events = sqlite_utils.Database(connection).table("events")
    for name, columns in EVENT_INDEXES.items():
        events.create_index(columns, index_name=name, if_not_exists=True)
    # A sample is enough to tell a few sources from many times, and costs milliseconds whatever the size.
    connection.execute("PRAGMA analysis_limit = 1000")
    connection.execute("ANALYZE events")


# Backslash escapes of JSON would glue themselves to the words behind them ("\nThe" is one word "nThe").
PLAIN_STRINGS: Final = r"""CASE WHEN instr(strings, '\') = 0 THEN strings ELSE
    replace(replace(replace(replace(strings, '\\', ' '), '\n', ' '), '\r', ' '), '\t', ' ') END"""


def index_new_events(connection: sqlite3.Connection) -> int:
    """Put the events that full-text search does not know yet into it, and return their number.

    The highest id indexed is kept in `settings`. Runs inside the caller's transaction: index and mark belong together.
    Of an event that was added nothing changes that is searched but its message, and `messages.set_message_texts` sees
    to that, so no other row can be out of date.
    """
    row = connection.execute("SELECT value FROM settings WHERE key = 'fts_indexed_to'").fetchone()
    start = int(row[0]) if row else 0
    end: int = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    if end <= start:
        return 0
    done = connection.execute(
        f"INSERT INTO events_fts(rowid, strings, message) SELECT id, {PLAIN_STRINGS}, message"  # noqa: S608 - a constant
        " FROM events WHERE id > ?",
        (start,),
    ).rowcount
    connection.execute("INSERT OR REPLACE INTO settings(key, value) VALUES ('fts_indexed_to', ?)", (str(end),))
    return done
