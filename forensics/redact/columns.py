"""Which columns of a case hold text, and that text in pieces: a JSON list is its values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from forensics.case.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from sqlite3 import Connection

# What cannot hold a name: hashes, and the times of events, of which each is another.
_PLAIN: Final = frozenset(
    {
        "sha256", "lost_sha256", "current_sha256", "old_sha256", "new_sha256", "hash", "previous_hash",
        "time_generated", "time_written",
    }
)  # fmt: skip
_JSON: Final = frozenset(
    {
        ("events", "strings"), ("events", "names"), ("evidence", "facts"), ("audit", "detail"),
        ("backup_sets", "files"), ("backup_sets", "missing"), ("settings", "value"),
    }
)  # fmt: skip
_JSON_NAMES: Final = frozenset({"evidence", "contradicted_by", "nodes", "recoverable_from"})
_BATCH: Final = 2000

Walked = Any


def text_columns(connection: Connection) -> Iterator[tuple[str, list[str]]]:
    """The tables of a case that are there, with their columns that can hold text."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in TABLES:
        if table in there:
            columns = [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info([{table}])")]
            yield table, [column for column, kind in columns if kind == "TEXT" and column not in _PLAIN]


def is_json(table: str, column: str) -> bool:
    """Whether a column holds JSON."""
    return (table, column) in _JSON or column in _JSON_NAMES


def rows_with_text(
    connection: Connection, table: str, columns: list[str]
) -> Iterator[list[tuple[int, tuple[object, ...]]]]:
    """The rows of a table in batches, each its rowid and its values; a batch is read before it is given.

    So the table may be changed meanwhile.
    """
    names = ", ".join(f"[{column}]" for column in columns)
    last = -(1 << 63)
    while columns:
        sql = f"SELECT rowid, {names} FROM [{table}] WHERE rowid > ? ORDER BY rowid LIMIT {_BATCH}"  # noqa: S608
        batch = [(row[0], row[1:]) for row in connection.execute(sql, (last,))]
        if not batch:
            return
        yield batch
        last = batch[-1][0]


def pieces(text: str, *, as_json: bool) -> Iterator[str]:
    """The texts in a value: the strings of its JSON, else itself."""
    value = parsed(text) if as_json else None
    if value is None:
        yield text
    else:
        yield from _leaves(value)


def parsed(text: str) -> Walked | None:
    """The list or object that a text is the JSON of; None where it is none."""
    if text[:1] not in {"[", "{"}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _leaves(value: Walked) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            waiting += reversed([*one, *one.values()])


def mapped(value: Walked, change: Callable[[str], str]) -> Walked:
    """The same list or object with each text in it changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [mapped(one, change) for one in value]
    if isinstance(value, dict):
        return {change(key): mapped(one, change) for key, one in value.items()}
    return value
