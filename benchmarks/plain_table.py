"""What the plain scripts share: the table with the contract's columns, one transaction, two indexes.

The settings are those that made the plain scripts quickest here; see `README.md`. They give up what a case file has to
hold (a crash loses the database): the comparison is with the best that a script can do, not with an equal promise.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

COLUMNS = (
    "log", "record_number", "event_record_id", "time_generated", "time_written", "source", "event_id", "level",
    "category", "computer", "node", "user_sid", "strings", "message", "recovered", "duplicate_of",
)  # fmt: skip
# The columns of a case beside those, as far as the Rust reader's JSON holds them.
MORE = (
    "names", "data", "payload", "qualifiers", "version", "opcode", "keywords", "process_id", "thread_id", "activity_id",
    "event_source_name",
)  # fmt: skip
# Not bound row by row: the readers never have another value for them.
CONSTANT = {"message": "NULL", "recovered": "0", "duplicate_of": "NULL"}
_CREATE = """CREATE TABLE events(id INTEGER PRIMARY KEY, log TEXT, record_number INTEGER, event_record_id INTEGER,
    time_generated TEXT, time_written TEXT, source TEXT, event_id INTEGER, level INTEGER, category INTEGER,
    computer TEXT, node TEXT, user_sid TEXT, strings TEXT, message TEXT, recovered INTEGER, duplicate_of INTEGER)"""


def write(
    path: Path,
    rows: Iterable[tuple[object, ...]],
    *,
    columns: Sequence[str] = COLUMNS,
    constant: Mapping[str, str] = CONSTANT,
    journal: str = "OFF",
    synchronous: str = "OFF",
) -> int:
    """Write rows into a new database and return how many there were.

    Args:
        path: of the database; nothing may be there.
        rows: the values of `columns` without those of `constant`.
        columns: `COLUMNS`, or these and `MORE`.
        constant: columns that have one value, as SQL.
        journal: SQLite's `journal_mode`.
        synchronous: SQLite's `synchronous`.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute(_CREATE)
    for name in columns[len(COLUMNS) :]:
        connection.execute(f"ALTER TABLE events ADD COLUMN {name}")
    marks = ", ".join(constant.get(name, "?") for name in columns)
    connection.execute("BEGIN")
    count = connection.executemany(f"INSERT INTO events({', '.join(columns)}) VALUES ({marks})", rows).rowcount  # noqa: S608
    connection.execute("CREATE INDEX events_by_source ON events(source, event_id)")
    connection.execute("CREATE INDEX events_by_time ON events(time_generated)")
    connection.execute("COMMIT")
    connection.close()
    return count
