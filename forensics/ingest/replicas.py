"""Numbered records that are in the evidence more than once: in several files of a log, and in logs of several nodes.

Server 2003 clusters copy the entries of some logs to all nodes (KB283078). A copy has the origin's Computer, the
receiver's record number, and either the origin's time or the receiver's, which is not documented: where entries of
equal content have equal times, the times are the origin's; where they mostly have not, `ingest.alignment` pairs them.
Works on the temporary tables of `ingest.copies`.
"""

from __future__ import annotations

import hashlib
import json
import marshal
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forensics.ingest.alignment import TOLERANCE, Group, Offset, Trust, groups_of, offset_of, pairs_at
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

TABLES: Final = {
    # place: file and offset as one number; head, said, whole: content without its strings, with them, and with all that
    # must be equal between two nodes' logs; the first two only where the evidence has more than one form of logs.
    "lines": "id INTEGER PRIMARY KEY, part INTEGER, file INTEGER, form INTEGER, recovered INTEGER, place INTEGER,"
    " number INTEGER, time INTEGER, written INTEGER, head BLOB, said BLOB, whole BLOB",
    "equals": "id INTEGER PRIMARY KEY, part INTEGER, original INTEGER",
    # Originals that have their copy in the log that is being compared.
    "taken": "id INTEGER PRIMARY KEY",
}
PLACE: Final = "(rank << 42 | min(ifnull(offset, 0), 4398046511103))"
"""Where a row lies, as a number: files in their order, then offsets (which end below 4 TiB)."""

_NEAR = 10 * TICKS_PER_SECOND
_PAIRS_ALIGNED = 256  # of an origin and a receiver: more than a cluster of 16 nodes has
_ROUNDS = 8
_HOUR = 3600 * TICKS_PER_SECOND

# Where a log of a node has no name, its records may be those of any.
_UNNAMED = """(SELECT owner, node FROM temp.parts WHERE numbered GROUP BY owner, node
    HAVING count(DISTINCT file) > 1 AND min(log) = '')"""
_WANTED = f"""UPDATE temp.parts SET wanted = 1 WHERE numbered AND node <> '' AND ((owner, node) IN {_UNNAMED}
    OR (log, node) IN (SELECT log, node FROM temp.parts WHERE numbered GROUP BY log, node HAVING count(*) > 1))"""  # noqa: S608 - a constant
_AGAIN = f"""UPDATE temp.parts SET again = 1 WHERE wanted AND ((owner, node) IN {_UNNAMED} OR (owner, log, node) IN
    (SELECT owner, log, node FROM temp.parts WHERE numbered GROUP BY owner, log, node HAVING count(*) > 1))"""  # noqa: S608 - a constant
_UNITS = """UPDATE temp.parts SET unit = (SELECT min(part) FROM temp.parts AS other
    WHERE other.owner = parts.owner AND other.log = parts.log) WHERE wanted"""
_LINES = f"""
INSERT INTO temp.lines
SELECT id, part, file, form, recovered, {PLACE},
    coalesce(event_record_id, record_number), generated_filetime,
    ifnull(written_filetime, generated_filetime), CASE WHEN ?1 THEN ccrf_digest(parts.node, source, event_id) END,
    CASE WHEN ?1 THEN ccrf_digest(parts.node, source, event_id, strings) END,
    ccrf_digest(parts.log, parts.node, source, event_id, strings, category, level, data)
FROM events NOT INDEXED CROSS JOIN temp.parts
    ON file = evidence_id AND parts.log = ifnull(events.log, '') AND parts.node = events.node
WHERE wanted AND coalesce(event_record_id, record_number) IS NOT NULL AND generated_filetime IS NOT NULL
    AND source IS NOT NULL AND id NOT IN (SELECT id FROM temp.marks)
"""  # noqa: S608 - a constant
_BEST = "lines.recovered, lines.form, lines.place, lines.id"
# The k-th of equal rows in one file is the k-th in another: no two rows of one file are ever one.
_SAME_RECORD = f"""
INSERT INTO temp.marks(id, original) SELECT id, original FROM (
    SELECT id, first_value(id) OVER (
        PARTITION BY owner, name, ifnull(said, whole), number, time, nth ORDER BY {_BEST}) AS original
    FROM (
        SELECT lines.*, owner, CASE WHEN owner IN (SELECT owner FROM temp.parts WHERE log = '') THEN '' ELSE log END
            AS name, row_number() OVER (
                PARTITION BY lines.file, ifnull(said, whole), number, time ORDER BY {_BEST}) AS nth
        FROM temp.lines JOIN temp.parts USING (part) WHERE again) AS lines)
WHERE id <> original
"""  # noqa: S608 - a constant
# An export may cut times, and its values may be spelled otherwise: the number says which record it is.
_SAME_IN_EXPORT = f"""
INSERT INTO temp.marks(id, original) SELECT id, original FROM (
    SELECT id, time, form, first_value(id) OVER best AS original, first_value(form) OVER best AS best_form,
        first_value(time) OVER best AS best_time FROM (
        SELECT lines.*, owner, log, row_number() OVER (
            PARTITION BY lines.file, head, number, time / {TICKS_PER_SECOND} ORDER BY {_BEST}) AS nth
        FROM temp.lines JOIN temp.parts USING (part)
        WHERE again AND lines.id NOT IN (SELECT id FROM temp.marks)) AS lines
    WINDOW best AS (PARTITION BY owner, log, head, number, time / {TICKS_PER_SECOND}, nth ORDER BY form, {_BEST}))
WHERE form = 1 AND best_form = 0 AND (time = best_time
    OR time % 10 = 0 AND time / 10 = best_time / 10 OR time % 10000 = 0 AND time / 10000 = best_time / 10000
    OR time % {TICKS_PER_SECOND} = 0)
"""  # noqa: S608 - a constant
_BY_CONTENT = """
SELECT whole, time, owner <> node, recovered, lines.form, place, id, unit, number, part FROM temp.lines
JOIN temp.parts USING (part) WHERE id NOT IN (SELECT id FROM temp.marks) ORDER BY whole, time
"""
_TO_ALIGN = """
SELECT whole, part IN (SELECT value FROM json_each(?2)), time, place, id FROM temp.lines
WHERE part IN (SELECT value FROM json_each(?1) UNION ALL SELECT value FROM json_each(?2))
    AND id NOT IN (SELECT id FROM temp.marks) AND id NOT IN (SELECT id FROM temp.taken)
ORDER BY 1, 2, time, place, id
"""


def _digest(*values: str | int | bytes | None) -> bytes:
    # Version 0 of the format writes equal values as equal bytes, and takes less time for it than anything else.
    return hashlib.blake2b(marshal.dumps(values, 0), digest_size=16).digest()


def load_lines(connection: sqlite3.Connection) -> bool:
    """Fill `lines` with the records that could be in the evidence twice, and return whether there are any."""
    if not connection.execute(_WANTED).rowcount:
        return False
    connection.create_function("ccrf_digest", -1, _digest, deterministic=True)
    connection.execute("CREATE UNIQUE INDEX temp.parts_of_file ON parts(file, log, node)")
    # Readers of different forms spell some of it differently: then what all of them know is compared.
    forms = "SELECT count(DISTINCT form || evt) > 1 OR min(log) = '' FROM temp.parts WHERE wanted"
    connection.execute(_LINES, connection.execute(forms).fetchone())
    return True


def mark_records(connection: sqlite3.Connection) -> None:
    """Mark one record in several files of one log: by number, time and content."""
    connection.execute(_UNITS)
    if not connection.execute(_AGAIN).rowcount:
        return
    connection.execute(_SAME_RECORD)
    if connection.execute("SELECT 1 FROM temp.parts WHERE again AND form = 1").fetchone():
        connection.execute(_SAME_IN_EXPORT)
    _split_units(connection)


class _Span(NamedTuple):
    """The time that one file covers of one unit."""

    unit: int
    file: int
    low: int
    high: int


def _split_units(connection: sqlite3.Connection) -> None:
    """Tell logs apart that were taken for one.

    A node's log may hold more entries of the other node than its own, and so be said to be the other's. Two files that
    cover the same time and have no record in common are no parts of one log.
    """
    spans = connection.execute(
        """SELECT unit, file, min(low), max(high) FROM temp.parts WHERE again AND low IS NOT NULL AND log <> ''
        AND unit IN (SELECT unit FROM temp.parts WHERE again GROUP BY unit HAVING count(DISTINCT file) > 1)
        GROUP BY unit, file ORDER BY unit, min(rank)"""
    ).fetchall()
    leader = _leaders(connection, [file for _, file, _, _ in spans])
    new_unit = 0
    for unit, of_unit in groupby(map(_Span._make, spans), itemgetter(0)):
        together: dict[int, list[_Span]] = {}
        for span in of_unit:
            together.setdefault(leader[span.file], []).append(span)
        for log in _logs(list(together.values()))[1:]:
            new_unit -= 1
            connection.execute(
                "UPDATE temp.parts SET unit = ?1 WHERE unit = ?2 AND file IN (SELECT value FROM json_each(?3))",
                (new_unit, unit, json.dumps([span.file for span in log])),
            )


def _leaders(connection: sqlite3.Connection, files: list[int]) -> dict[int, int]:
    """For each file one that stands for all which have records in common, directly or by way of others."""
    leader = {file: file for file in files}

    def lead(file: int) -> int:
        while leader[file] != file:
            file = leader[file] = leader[leader[file]]
        return file

    if files:
        common = connection.execute(
            """SELECT DISTINCT copy.file, first.file FROM temp.marks JOIN temp.lines AS copy ON copy.id = marks.id
            JOIN temp.lines AS first ON first.id = marks.original WHERE copy.file <> first.file"""
        )
        for one, other in common:
            if one in leader and other in leader:
                leader[lead(one)] = lead(other)
    return {file: lead(file) for file in files}


def _logs(together: list[list[_Span]]) -> list[list[_Span]]:
    """Sets of files that can be parts of one log, joined as long as no two of them cover the same time."""
    logs: list[list[_Span]] = []
    for spans in together:
        home = next((log for log in logs if not _overlap(log, spans)), None)
        if home is not None:
            home += spans
        else:
            logs.append(list(spans))
    return logs


def _overlap(one: list[_Span], other: list[_Span]) -> bool:
    """Whether two sets of files have an hour in common, and half of the shorter one's time."""
    lows = [min(span.low for span in spans) for spans in (one, other)]
    highs = [max(span.high for span in spans) for spans in (one, other)]
    common = min(highs) - max(lows)
    return common >= _HOUR and 2 * common >= min(high - low for low, high in zip(lows, highs, strict=True))


class _Row(NamedTuple):
    """A record in the order of `_BY_CONTENT`; what comes first decides which of equal ones is the original."""

    whole: bytes
    time: int
    strange: int
    recovered: int
    form: int
    place: int
    id: int
    unit: int
    number: int
    part: int


@dataclass(slots=True)
class _Equals:
    """Finds equal records of equal time in different logs, in one pass, and counts by part.

    Attributes:
        exact: copies of equal time.
        near: records without an equal that have one within seconds, in another log, that has none either.
        rows: all records.
    """

    exact: Counter[int] = field(default_factory=Counter)
    near: Counter[int] = field(default_factory=Counter)
    rows: Counter[int] = field(default_factory=Counter)

    def pairs(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, int, int]]:
        """(id, part, id of the original): the k-th of equal records in one log is the k-th in another."""
        alone: _Row | None = None
        counted = False
        for _, same in groupby(map(_Row._make, rows), itemgetter(0, 1)):
            records = list(same)
            for record in records:
                self.rows[record.part] += 1
            if len(records) > 1:
                records.sort()
                groups = _kth(records) if len(records) > 2 or records[0].unit == records[1].unit else [records]
            else:
                groups = [records]
            for group in groups:
                first = group[0]
                for record in group[1:]:
                    self.exact[record.part] += 1
                    yield record.id, record.part, first.id
                if len(group) > 1:
                    continue
                beside = (
                    alone is not None
                    and alone.whole == first.whole
                    and alone.unit != first.unit
                    and first.time - alone.time <= _NEAR
                )
                if beside and alone is not None:
                    self.near[first.part] += 1
                    self.near[alone.part] += not counted
                alone, counted = first, beside


def _kth(records: list[_Row]) -> list[list[_Row]]:
    """The first of every log, the second of every log, and so on; the best of each first."""
    units: dict[int, list[_Row]] = {}
    for record in records:
        units.setdefault(record.unit, []).append(record)
    groups: list[list[_Row]] = [[] for _ in range(max(map(len, units.values())))]
    for members in units.values():
        for group, record in zip(groups, sorted(members, key=_BY_NUMBER), strict=False):
            group.append(record)
    return [sorted(group) for group in groups]


_BY_NUMBER = attrgetter("number", "recovered", "form", "place", "id")


class _Share(NamedTuple):
    """The entries of a node in the logs of another: how many have an equal of equal time, and how many one near."""

    node: str
    owner: str
    exact: int
    near: int
    rows: int


def mark_replicated(connection: sqlite3.Connection) -> None:
    """Mark the entries that are in the logs of several nodes."""
    if not connection.execute("SELECT 1 FROM temp.parts WHERE wanted").fetchone():
        return
    equals = _Equals()
    reader = connection.cursor()
    connection.executemany(
        "INSERT INTO temp.equals(id, part, original) VALUES (?, ?, ?)", equals.pairs(reader.execute(_BY_CONTENT))
    )
    logs = _Logs(connection)
    # The largest first, where a case was made to have very many.
    shares = sorted(_shares(connection, equals), key=lambda share: (-share.rows, share.node, share.owner))
    unequal = [share for share in shares[:_PAIRS_ALIGNED] if not logs.equal_times(share)]
    for share in unequal:
        connection.execute(
            "DELETE FROM temp.equals WHERE part IN (SELECT part FROM temp.parts WHERE node = ? AND owner = ?)",
            (share.node, share.owner),
        )
    connection.execute("INSERT INTO temp.marks(id, original) SELECT id, original FROM temp.equals")
    for share in sorted(unequal, key=lambda share: (not logs.has_own(share.node), share)):
        logs.mark(share.node, share.owner)


def _shares(connection: sqlite3.Connection, equals: _Equals) -> Iterator[_Share]:
    """What logs of Server 2003 hold of other nodes' entries: later systems copy none."""
    sql = "SELECT node, owner, part, evt FROM temp.parts WHERE wanted AND owner <> node ORDER BY 1, 2"
    for (node, owner), of_pair in groupby(connection.execute(sql), itemgetter(0, 1)):
        parts = [(part, evt) for _, _, part, evt in of_pair]
        if any(evt for _, evt in parts):
            counts = [sum(counter[part] for part, _ in parts) for counter in (equals.exact, equals.near, equals.rows)]
            yield _Share(node, owner, *counts)


class _Logs:
    """Pairs entries between the logs of nodes, and remembers how far the clocks of these nodes are apart."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._indexed = False
        self._offsets: dict[tuple[str, str], Offset] = {}
        self._parts: dict[str, dict[str, list[int]]] = {}
        sql = "SELECT node, owner, part FROM temp.parts WHERE wanted ORDER BY owner <> node, rank, part"
        for node, owner, part in connection.execute(sql):
            self._parts.setdefault(node, {}).setdefault(owner, []).append(part)

    def has_own(self, node: str) -> bool:
        """Whether there is a log of that node itself."""
        return node in self._parts[node]

    def equal_times(self, share: _Share) -> bool:
        """Whether the copies have the times of their originals.

        With other times a few are equal by chance, and with times that are nearly the same many are nearly equal.
        """
        if not share.exact or share.exact < 3 * share.near:
            return False
        if 2 * share.exact >= share.rows or not self.has_own(share.node):
            return True
        groups = self._groups(share.node, share.node, share.owner)
        offset = offset_of(groups, Trust.REST)
        return offset is None or len(pairs_at(groups(), offset)) < 2 * share.exact

    def mark(self, node: str, receiver: str) -> None:
        """Pair the entries of `node` in the logs of `receiver` with those in its own, or else in an earlier node's."""
        for owner in self._parts[node]:
            if owner == receiver:
                return
            groups = self._groups(node, owner, receiver)
            trust = Trust.OWN if owner == node else Trust.OTHERS
            # Where a clock was stepped, what one offset leaves over may agree on another.
            for _ in range(_ROUNDS):
                offset = offset_of(groups, trust) or (self._known(owner, receiver) if trust is Trust.OTHERS else None)
                pairs = [] if offset is None else pairs_at(groups(), offset)
                if not pairs or offset is None:
                    break
                if trust is Trust.OWN:
                    self._offsets[owner, receiver] = offset
                    trust = Trust.REST
                self._connection.executemany("INSERT INTO temp.marks(id, original) VALUES (?, ?)", pairs)
                self._connection.executemany("INSERT INTO temp.taken(id) VALUES (?)", ((pair[1],) for pair in pairs))
            self._connection.execute("DELETE FROM temp.taken")

    def _known(self, owner: str, receiver: str) -> Offset | None:
        """How far the clocks are apart, as the entries of the two nodes themselves say."""
        straight, turned = self._offsets.get((owner, receiver)), self._offsets.get((receiver, owner))
        offset = straight or (turned.turned() if turned else None)
        # One that is only assumed says nothing of entries that may have nothing to do with each other.
        return offset.among_others() if offset and offset.window < TOLERANCE else None

    def _groups(self, node: str, owner: str, receiver: str) -> Callable[[], Iterator[Group]]:
        if not self._indexed:
            self._indexed = True
            self._connection.execute("CREATE INDEX temp.lines_of_part ON lines(part)")
        parts = self._parts[node]
        lists = (json.dumps(parts[owner]), json.dumps(parts[receiver]))
        return lambda: groups_of(self._connection.execute(_TO_ALIGN, lists))
