"""Rows without record numbers that are in the case once more: exports as lists, and text logs given twice.

A list saved by Event Viewer has no numbers, mostly no computer, and whole seconds. Its rows are matched to the records
of one node's log: same log (where the list says which), source, id and second, the k-th to the k-th. Only exact matches
count, and only where a fair share of the list matches: a list read in the wrong zone is not shifted until it fits.
Works on the temporary tables of `ingest.copies`.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.values import strings_from_json, text_from_sql
from forensics.ingest.replicas import PLACE
from parsers.kinds import Kind
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

TABLES: Final = {
    "bare": "id INTEGER PRIMARY KEY, file INTEGER, owner TEXT, node TEXT, log TEXT, place INTEGER, source TEXT,"
    " event_id INTEGER, second INTEGER",
    "moments": "source TEXT, event_id INTEGER, second INTEGER, PRIMARY KEY (source, event_id, second)",
    "records": "id INTEGER PRIMARY KEY, owner TEXT, node TEXT, log TEXT, number INTEGER, place INTEGER, source TEXT,"
    " event_id INTEGER, second INTEGER",
    "matches": "id INTEGER, file INTEGER, owner TEXT, original INTEGER",
}
_LEAST_SHARE: Final = 4  # one row of so many must match
_COMPARED: Final = 16  # rows of one moment that are told apart by their texts

_BARE = f"""
INSERT INTO temp.bare SELECT id, file, owner, node, log, {PLACE}, source, event_id,
    generated_filetime / {TICKS_PER_SECOND}
FROM events JOIN temp.files ON file = evidence_id WHERE files.kind = ?1 AND record_number IS NULL
    AND source IS NOT NULL AND event_id IS NOT NULL AND generated_filetime IS NOT NULL
"""  # noqa: S608 - a constant
# Newest first, as Event Viewer mostly saves: such a list is read from its end.
_TURN = """UPDATE temp.bare SET place = -place WHERE file IN (
    SELECT file FROM (SELECT file, first_value(second) OVER (PARTITION BY file ORDER BY place) AS first,
        first_value(second) OVER (PARTITION BY file ORDER BY place DESC) AS last FROM temp.bare) WHERE first > last)"""
_RECORDS = f"""
INSERT INTO temp.records SELECT id, owner, node, log, coalesce(event_record_id, record_number), {PLACE}, source,
    event_id, generated_filetime / {TICKS_PER_SECOND}
FROM events NOT INDEXED CROSS JOIN temp.files ON file = evidence_id
WHERE record_number IS NOT NULL AND (source, event_id, generated_filetime / {TICKS_PER_SECOND}) IN temp.moments
    AND id NOT IN (SELECT id FROM temp.marks)
"""  # noqa: S608 - a constant
_TOGETHER = """
SELECT source, event_id, second, 0, owner, 0, number, place, id, node, log FROM temp.records
UNION ALL SELECT source, event_id, second, 1, owner, file, 0, place, id, node, log FROM temp.bare
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
# The rows of a list that lie in the time which the log of a node covers.
_COVERED = f"""
SELECT count(DISTINCT id) FROM temp.bare JOIN (
    SELECT log, min(low) / {TICKS_PER_SECOND} AS low, max(high) / {TICKS_PER_SECOND} AS high FROM temp.parts
    WHERE owner = ?2 AND numbered GROUP BY log) AS covered
ON second BETWEEN low AND high AND (bare.log IS NULL AND covered.log IN (SELECT ifnull(log, '') FROM temp.records
    WHERE owner = ?2) OR covered.log = bare.log) WHERE file = ?1
"""  # noqa: S608 - a constant
_ONCE_MORE = f"""
INSERT INTO temp.marks(id, original) SELECT id, original FROM (
    SELECT id, first_value(id) OVER (PARTITION BY owner, kind, log, node, source, event_id, time, strings, message, nth
        ORDER BY place, id) AS original FROM (
        SELECT id, owner, kind, log, events.node, source, event_id, strings, message, {PLACE} AS place,
            generated_filetime AS time, row_number() OVER (
                PARTITION BY file, log, events.node, source, event_id, generated_filetime, strings, message
                ORDER BY offset, id) AS nth
        FROM events JOIN temp.files ON file = evidence_id
        WHERE form = 1 AND record_number IS NULL AND generated_filetime IS NOT NULL
            AND owner IN (SELECT owner FROM temp.files WHERE form = 1 GROUP BY owner, kind HAVING count(*) > 1)
            AND id NOT IN (SELECT id FROM temp.marks)))
WHERE id <> original
"""  # noqa: S608 - a constant


class _Row(NamedTuple):
    """A row of a list, or a record that it may be."""

    id: int
    node: str | None
    log: str | None


def mark_exports(connection: sqlite3.Connection) -> None:
    """Mark the rows of lists that are records of a log in the case."""
    connection.execute(_BARE, (Kind.EVENT_EXPORT,))
    if not connection.execute("SELECT 1 FROM temp.bare").fetchone():
        return
    connection.execute(_TURN)
    connection.execute("INSERT OR IGNORE INTO temp.moments SELECT source, event_id, second FROM temp.bare")
    connection.execute(_RECORDS)
    connection.executemany(
        "INSERT INTO temp.matches(id, file, owner, original) VALUES (?, ?, ?, ?)", _matches(connection)
    )
    chosen: set[int] = set()
    # The log of the list's own node, else that with most of its rows.
    for file, owner, matched in connection.execute(
        """SELECT matches.file, matches.owner, count(*) FROM temp.matches JOIN temp.files USING (file)
        GROUP BY 1, 2 ORDER BY 1, matches.owner <> files.owner, 3 DESC, 2"""
    ).fetchall():
        if file in chosen:
            continue
        (covered,) = connection.execute(_COVERED, (file, owner)).fetchone()
        if matched * _LEAST_SHARE >= covered:
            chosen.add(file)
            connection.execute(
                "INSERT INTO temp.marks SELECT id, original FROM temp.matches WHERE file = ? AND owner = ?",
                (file, owner),
            )


def mark_unnumbered(connection: sqlite3.Connection) -> None:
    """Mark the rows of lists and of text logs that another file of the same kind and node holds too."""
    if connection.execute(
        "SELECT 1 FROM temp.files WHERE form = 1 GROUP BY owner, kind HAVING count(*) > 1"
    ).fetchone():
        connection.execute(_ONCE_MORE)


def _matches(connection: sqlite3.Connection) -> Iterator[tuple[int, int, str, int]]:
    """(row, file, owner of the log, record): every list against the logs of every node that it may be of."""
    sure = dict(connection.execute("SELECT file, sure FROM temp.files"))
    reader = connection.cursor()
    for _, moment in groupby(reader.execute(_TOGETHER), itemgetter(0, 1, 2)):
        logs: dict[str, list[_Row]] = {}
        for is_bare, same in groupby(moment, itemgetter(3)):
            if not is_bare:
                for row in same:
                    logs.setdefault(row[4], []).append(_Row(*row[8:]))
            elif logs:
                for (list_owner, file), rows in groupby(same, itemgetter(4, 5)):
                    listed = [_Row(*row[8:]) for row in rows]
                    for owner, records in logs.items():
                        # A list of a known node that names no computers is of that node's log only.
                        if owner == list_owner or not sure[file] or listed[0].node is not None:
                            for row, record in _pairs(connection, listed, records):
                                yield row, file, owner, record


def _pairs(connection: sqlite3.Connection, listed: list[_Row], records: list[_Row]) -> Iterator[tuple[int, int]]:
    """(row, record), the k-th with the k-th, after those whose text says which record they are."""
    kinds: dict[tuple[str | None, str | None], tuple[list[_Row], list[_Row]]] = {}
    by_node = listed[0].node is not None
    by_log = listed[0].log is not None
    for side, rows in enumerate((listed, records)):
        for row in rows:
            kinds.setdefault((row.node if by_node else None, row.log if by_log else None), ([], []))[side].append(row)
    for left, right in kinds.values():
        if 1 < max(len(left), len(right)) <= _COMPARED:
            yield from _told_apart(connection, left, right)
        yield from ((row.id, record.id) for row, record in zip(left, right, strict=False))


def _told_apart(connection: sqlite3.Connection, left: list[_Row], right: list[_Row]) -> Iterator[tuple[int, int]]:
    """Pairs in which every string of the record stands in the row's text, taken out of both lists."""
    strings = {row.id: _values(connection, row.id) for row in right}
    for row in list(left):
        (message,) = connection.execute("SELECT message FROM events WHERE id = ?", (row.id,)).fetchone()
        text = text_from_sql(message) if isinstance(message, str) else ""
        record = next((one for one in right if strings[one.id] and all(v in text for v in strings[one.id])), None)
        if record is not None:
            left.remove(row)
            right.remove(record)
            yield row.id, record.id


def _values(connection: sqlite3.Connection, event_id: int) -> list[str]:
    (stored,) = connection.execute("SELECT strings FROM events WHERE id = ?", (event_id,)).fetchone()
    return [value for value in strings_from_json(stored) if value]
