"""One occurrence is one event: which rows of `events` are another row once more (`duplicate_of`).

Told from content and place in the evidence, never from ids, so that the order of ingest does not matter: all marks are
made anew whenever the evidence of a case has changed. What counts as once more, in this order:

1. a record found in slack of a log that holds it too;
2. files of equal bytes; one record in several files of one log (saved twice, overlapping parts, exports with numbers);
3. rows without numbers in an export, by source, id and second (`ingest.unnumbered`);
4. entries that Server 2003 copied from node to node (`ingest.replicas`).

The original is the row that says most of where it happened: in the log of its own node before another's, live before
recovered, in a log file before an export, then the first by path and offset. No two rows of one log are ever one.

Everything is done by SQLite in temporary tables, sorted rather than looked up, so that a million rows of one content
cost no more than others.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from forensics.case.messages import set_message_texts
from forensics.case.values import json_text, sql_text, text_from_sql
from forensics.ingest import replicas, unnumbered
from forensics.ingest.nodes import COMPUTERS_KEPT, LOGS, OWNER, NodeBasis, computers_of, entries_of, owner_of
from forensics.ingest.owners import settle_owners
from parsers.kinds import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.ingest.owners import Start

_SETTING: Final = "copies_marked_for"
# With other rules the marks of a case are made anew.
_RULES: Final = 2
_CACHE_KIB: Final = 32_768  # of temporary tables and sorting; what is more lies on the disk
_LOG_KINDS: Final = frozenset({Kind.EVT, Kind.EVTX})

_TABLES: Final = {
    # rank: the order of files by path and hash; form: 0 a log file, 1 anything else; evt: a log of Server 2003.
    "files": "file INTEGER PRIMARY KEY, owner TEXT, rank INTEGER, form INTEGER, evt INTEGER, kind TEXT, sure INTEGER,"
    " given INTEGER, folder TEXT",
    # The rows of one computer in one log of one file.
    "parts": "part INTEGER PRIMARY KEY, file INTEGER, log TEXT, node TEXT, owner TEXT, rank INTEGER, form INTEGER,"
    " evt INTEGER, numbered INTEGER, low INTEGER, high INTEGER, unit INTEGER, wanted INTEGER, again INTEGER,"
    " sample BLOB",
    "marks": "id INTEGER PRIMARY KEY, original INTEGER NOT NULL",
    **replicas.TABLES,
    **unnumbered.TABLES,
}

# A record found in slack is a copy where the same log has one of the same number that was written at the same 100 ns
# (.evt: second) and, as far as both can be read, says the same. Windows leaves such copies: it fills each new chunk in
# the memory of the one before. The live record is the original; of several copies without one the first.
# Sorted, not looked up one by one: a log may be made of records that all have one number.
_TWINS = """
INSERT OR IGNORE INTO temp.marks(id, original) SELECT id, original FROM (
    SELECT id, recovered, source, first_value(id) OVER (PARTITION BY {same} ORDER BY recovered, offset, id) AS original
    FROM events WHERE evidence_id = ?1 AND written_filetime IS NOT NULL
      AND record_number IN (SELECT record_number FROM events WHERE evidence_id = ?1 AND recovered = 1))
WHERE original <> id AND recovered = 1 AND {readable}
"""
_SAME_TIME = "record_number, written_filetime"
_TWINS_IN_FULL = _TWINS.format(
    same=f"{_SAME_TIME}, log, source, event_id, strings",
    readable="source IS NOT NULL",
)
_TWINS_IN_PART = _TWINS.format(same=_SAME_TIME, readable="source IS NULL")
# Equal bytes are read into equal rows in equal order.
_SAME_BYTES = """
INSERT INTO temp.marks(id, original) SELECT again.id, first.id FROM
    (SELECT id, row_number() OVER (ORDER BY offset, id) AS at FROM events WHERE evidence_id = ?2) AS again
    JOIN (SELECT id, row_number() OVER (ORDER BY offset, id) AS at FROM events WHERE evidence_id = ?1) AS first
    USING (at)
"""
_PARTS = """
INSERT INTO temp.parts(file, log, node, owner, rank, form, evt, numbered, low, high)
SELECT files.file, log, node, owner, rank, form, evt, numbered, low, high FROM (
    SELECT evidence_id, ifnull(log, '') AS log, ifnull(node, '') AS node, count(record_number) AS numbered,
        min(generated_filetime) AS low, max(generated_filetime) AS high
    FROM events WHERE evidence_id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3)
JOIN temp.files ON files.file = evidence_id ORDER BY rank, log, node
"""


class Marking:
    """The marks of a case being made anew, between the evidence being in and every event having its original.

    Inside the caller's transaction: made, then the owners of logs are settled with `settle`, then evidence without
    events gets its node, then `mark`.
    """

    def __init__(self, case: Case) -> None:
        """Compare what can be compared before it is known whose the logs are."""
        self._case = case
        rows = case.evidence()
        connection = case.connection
        connection.execute(f"PRAGMA temp.cache_size = -{_CACHE_KIB}")
        for name, columns in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            connection.execute(f"CREATE TEMPORARY TABLE {name}({columns})")
        for row in rows:
            if row.recovered:
                connection.execute(_TWINS_IN_FULL, (row.id,))
                connection.execute(_TWINS_IN_PART, (row.id,))
        self._again = _mark_same_bytes(connection, [row for row in rows if _is_early(row)])
        _fill_files(connection, rows, self._again)
        shared = [row.id for row in _may_share(rows)]
        connection.execute(_PARTS, (json.dumps(shared),))
        self._lines = replicas.load_lines(connection)

    def settle(self, starts: Sequence[Start]) -> None:
        """Say in the case whose each log is (`ingest.owners`)."""
        rows = self._case.evidence()
        owners = settle_owners(
            self._case, [row for row in rows if row.id not in self._again], starts, lines=self._lines
        )
        for row in rows:
            facts = {name: value for name, value in row.facts.items() if name != OWNER}
            if row.node_basis == NodeBasis.EVENTS:
                owner = owners.get(self._again.get(row.id, row.id))
                if owner is not None and owner != row.node:
                    facts[OWNER] = owner
            if facts != row.facts:
                self._case.update_evidence(row.id, facts=facts)

    def mark(self) -> None:
        """Set `duplicate_of` of every event.

        Texts that events were given by `hand_over_texts` are taken back first, so that what it gives does not depend on
        what was there before: events should be rendered between the two.
        """
        rows = self._case.evidence()
        connection = self._case.connection
        if _has_exports(rows):
            _take_back_texts(connection)
        for file in _mark_same_bytes(connection, [row for row in rows if not _is_early(row)]):
            connection.execute("DELETE FROM temp.files WHERE file = ?", (file,))
            connection.execute("DELETE FROM temp.parts WHERE file = ?", (file,))
        for row in rows:
            for table in ("files", "parts"):
                connection.execute(
                    f"UPDATE temp.{table} SET owner = ?1 WHERE file = ?2 AND owner <> ?1",  # noqa: S608 - our own names
                    (sql_text(owner_of(row) or ""), row.id),
                )
        if self._lines:
            replicas.mark_records(connection)
        unnumbered.mark_exports(connection)
        replicas.mark_replicated(connection)
        unnumbered.mark_unnumbered(connection)
        _apply(connection, anew=self._case.setting(_SETTING) is None)
        for name in _TABLES:
            connection.execute(f"DROP TABLE temp.{name}")


def _may_share(rows: Sequence[EvidenceRow]) -> list[EvidenceRow]:
    """The files that could hold an event which another one holds, too.

    Of the logs of Server 2008, one file for each log of each node, that is none: nothing needs to be compared.
    """
    holding = [row for row in rows if row.live or row.recovered]
    logs = [row for row in holding if row.kind in _LOG_KINDS]
    if any(row.kind == Kind.EVENT_EXPORT for row in holding):
        return holding
    if any(not 0 < len(computers_of(row)) < COMPUTERS_KEPT for row in logs):
        return logs if len(logs) > 1 else []
    homes: dict[str, Counter[str | None]] = defaultdict(Counter)
    for row in logs:
        for name in computers_of(row):
            homes[name][_one_log(row)] += 1
    return [
        row
        for row in logs
        if any(_is_shared(homes[name], _one_log(row)) for name in computers_of(row))
        or (row.kind == Kind.EVT and not entries_of(row))
    ]


def _one_log(row: EvidenceRow) -> str | None:
    """The log that all records of a file are of; None where they may be of several."""
    return row.log if row.facts.get(LOGS) == 1 else None


def _is_shared(logs: Counter[str | None], log: str | None) -> bool:
    """Whether of a computer's logs another file may hold this one."""
    return logs.total() > 1 if log is None else logs[log] + logs[None] > 1


def marks_needed(case: Case, starts: Sequence[Start]) -> str | None:
    """What the marks depend on, as one hash, where they are not of this state; give it to `marks_made` then."""
    (last,) = case.connection.execute("SELECT max(id) FROM events").fetchone()
    digest = hashlib.sha256(f"{_RULES} {last} {list(starts)!r}".encode("utf-8", "surrogatepass"))
    for row in case.evidence():
        known = (row.node, row.node_basis) if _is_sure(row) else ()
        facts = (str(row.id), row.path, row.root, row.sha256, row.kind, *known, f"{row.live} {row.recovered}")
        digest.update(json_text(facts).encode("utf-8"))
    state = digest.hexdigest()
    return None if case.setting(_SETTING) == state else state


def marks_made(case: Case, state: str) -> None:
    """The marks are of this state."""
    case.set_setting(_SETTING, state)


def _is_early(row: EvidenceRow) -> bool:
    """Whether a file of equal bytes is the same before it is known whose evidence without events is."""
    return row.kind in _LOG_KINDS or _is_sure(row)


def _is_sure(row: EvidenceRow) -> bool:
    """Whether its node is told by the analyst or by its own events; else what lies around it tells."""
    return row.node_basis in {NodeBasis.GIVEN, NodeBasis.EVENTS}


def hand_over_texts(case: Case) -> int:
    """Give every event without a message that of an export's row which is the same occurrence; return how many.

    Inside the caller's transaction, after `mark_copies`. Searches leave copies out, and what an export says must be
    found.
    """
    if not _has_exports(case.evidence()):
        return 0
    return set_message_texts(
        case.connection,
        (
            (event_id, text_from_sql(text))
            for event_id, text in case.connection.execute(
                # Of several for one event the last is taken: the first by path and offset.
                """WITH told AS MATERIALIZED (
                    SELECT ifnull(events.duplicate_of, events.id) AS root, message, evidence.path, sha256, offset
                    FROM evidence JOIN events ON events.evidence_id = evidence.id
                    WHERE kind = ?1 AND typeof(message) = 'text')
                SELECT id, text FROM (
                    SELECT events.id, told.message AS text, told.path, told.sha256, told.offset FROM told
                    JOIN events ON events.id = root WHERE events.message IS NULL
                    UNION ALL
                    SELECT events.id, told.message, told.path, told.sha256, told.offset FROM events NOT INDEXED
                    JOIN told ON root = duplicate_of WHERE duplicate_of IS NOT NULL AND events.message IS NULL)
                ORDER BY id, path DESC, sha256 DESC, offset DESC""",
                (Kind.EVENT_EXPORT,),
            )
        ),
    )


def _has_exports(rows: Sequence[EvidenceRow]) -> bool:
    return any(row.kind == Kind.EVENT_EXPORT for row in rows)


def _take_back_texts(connection: sqlite3.Connection) -> None:
    """Take from rows of log files the texts that exports gave them, as the marks say that still stand."""
    given = connection.execute(
        """SELECT log_row.id, NULL FROM evidence AS export JOIN events AS told ON told.evidence_id = export.id
        JOIN events AS log_row ON log_row.id = told.duplicate_of AND log_row.message = told.message
        JOIN evidence AS log ON log.id = log_row.evidence_id
        WHERE export.kind = ?1 AND log.kind IN (?2, ?3)""",
        (Kind.EVENT_EXPORT, Kind.EVT, Kind.EVTX),
    )
    set_message_texts(connection, given)


def _mark_same_bytes(connection: sqlite3.Connection, rows: list[EvidenceRow]) -> dict[int, int]:
    """Mark the events of files that are another file again: id of each such file -> id of the other."""
    groups: dict[tuple[object, ...], list[EvidenceRow]] = {}
    for row in rows:
        if row.sha256 is not None and (row.live or row.recovered):
            # Only log files say themselves whose they are; the same list of another node is another list.
            owner = None if row.kind in _LOG_KINDS else row.node
            groups.setdefault((row.sha256, row.kind, owner, row.live, row.recovered), []).append(row)
    again: dict[int, int] = {}
    for same in groups.values():
        # A log that lies in the folder of its own node stands for all.
        first = min(same, key=lambda row: computers_of(row)[:1] != [row.node])
        for row in same:
            if row is not first:
                again[row.id] = first.id
                connection.execute(
                    "DELETE FROM temp.marks WHERE id IN (SELECT id FROM events WHERE evidence_id = ?)", (row.id,)
                )
                connection.execute(_SAME_BYTES, (first.id, row.id))
    return again


def _fill_files(connection: sqlite3.Connection, rows: list[EvidenceRow], again: Mapping[int, int]) -> None:
    connection.executemany(
        "INSERT INTO temp.files(file, owner, rank, form, evt, kind, sure, given, folder)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                row.id,
                sql_text(row.node or ""),
                rank,
                int(row.kind not in _LOG_KINDS),
                int(row.kind == Kind.EVT),
                row.kind,
                int(row.node_basis not in {None, NodeBasis.UNKNOWN}),
                int(row.node_basis == NodeBasis.GIVEN),
                sql_text(row.path.rpartition("/")[0]),
            )
            for rank, row in enumerate(rows)
            if row.id not in again
        ),
    )


def _apply(connection: sqlite3.Connection, *, anew: bool) -> None:
    """Write the marks into the events: each points at the original itself, never at another copy.

    `anew`: there were none before.
    """
    if anew and connection.execute("SELECT 1 FROM temp.marks LIMIT 1").fetchone() is None:
        return
    follow = """UPDATE temp.marks SET original =
            (SELECT next.original FROM temp.marks AS next WHERE next.id = marks.original)
        WHERE original IN (SELECT id FROM temp.marks)"""
    while connection.execute(follow).rowcount:
        pass
    connection.execute(
        "UPDATE events SET duplicate_of = NULL WHERE duplicate_of IS NOT NULL AND id NOT IN (SELECT id FROM temp.marks)"
    )
    connection.execute(
        "DELETE FROM temp.marks WHERE original IS (SELECT duplicate_of FROM events WHERE events.id = marks.id)"
    )
    connection.execute(
        "UPDATE events SET duplicate_of = (SELECT original FROM temp.marks WHERE marks.id = events.id)"
        " WHERE id IN (SELECT id FROM temp.marks)"
    )
