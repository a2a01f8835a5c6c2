"""Whose log a file is where most of its entries are another node's.

Server 2003 clusters copy entries to all nodes, so a quiet node's log may hold more entries of the busy one than its
own, and both logs seem to be the busy one's. Two files that cover the same time and have no records in common are no
parts of one log: the busy node's own is the one with more of its entries in that time and fewer of the others', for
copies get lost and originals do not. Works on the temporary tables of `ingest.copies`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_HOUR: Final = 3600 * TICKS_PER_SECOND
_SLACK: Final = 15 * 60 * TICKS_PER_SECOND  # what the clocks of two nodes may be apart
_FILES: Final = 32  # of one log that seem to be one node's: each is compared with each
# A name with fewer of a file's entries than one in so many is no node that could own it.
_LEAST_PART: Final = 20

_SPANS = """
SELECT file, parts.log, parts.owner, folder, min(low), max(high) FROM temp.parts JOIN temp.files USING (file)
WHERE numbered AND low IS NOT NULL AND parts.log <> '' AND wanted AND NOT given
GROUP BY file, parts.log ORDER BY parts.rank
"""
_COUNTS = """
SELECT node, count(*) FROM temp.lines JOIN temp.parts USING (part)
WHERE lines.file = ? AND log = ? AND time BETWEEN ? AND ? GROUP BY node
"""
# A log too small to tell is that of the folder's other logs, where its seeming owner has one like it in a folder of its
# own.
_BESIDE = """
WITH sizes AS (SELECT folder, files.owner, count(*) AS size FROM temp.lines JOIN temp.files USING (file) GROUP BY 1, 2),
    homes AS (SELECT folder, owner FROM (SELECT folder, owner, row_number() OVER (
        PARTITION BY folder ORDER BY size DESC, owner) AS place FROM sizes) WHERE place = 1),
    logs AS (SELECT DISTINCT file, log, files.owner, folder, given FROM temp.parts JOIN temp.files USING (file)
        WHERE wanted)
SELECT logs.file, homes.owner FROM logs JOIN homes USING (folder) WHERE NOT given AND logs.owner <> homes.owner
    AND (logs.log, logs.owner) IN (SELECT log, logs.owner FROM logs JOIN homes USING (folder)
        WHERE logs.owner = homes.owner)
"""
_COMMON = """
SELECT count(*) FROM (SELECT number, time, said FROM temp.lines WHERE file = ?1 AND time BETWEEN ?3 AND ?4
    INTERSECT SELECT number, time, said FROM temp.lines WHERE file = ?2 AND time BETWEEN ?3 AND ?4)
"""


class _Span(NamedTuple):
    """The time that a file covers of a log, and whose it seems to be."""

    file: int
    log: str
    owner: str
    folder: str
    low: int
    high: int


def correct_owners(connection: sqlite3.Connection) -> dict[int, str]:
    """Give files that seem to be the log of a node and are not their next likely owner: file -> node, those changed."""
    seeming: dict[tuple[str, str], list[_Span]] = defaultdict(list)
    for span in map(_Span._make, connection.execute(_SPANS).fetchall()):
        seeming[span.log, span.owner].append(span)
    # How much each file, and each folder, speaks for being the owner's; folders hold the logs of one node, mostly.
    rivals: dict[str, list[tuple[_Span, _Span, float]]] = defaultdict(list)
    for (_, owner), spans in seeming.items():
        rivals[owner] += (found for pair in combinations(spans[:_FILES], 2) for found in _rivals(connection, *pair))
    changed: dict[int, str] = {}
    for owner, pairs in sorted(rivals.items()):  # the order of files, and so the outcome, is that of their paths
        scores: Counter[tuple[str, int]] = Counter()
        for one, other, score in pairs:
            mixed = one.folder == other.folder
            for span, points in ((one, score), (other, -score)):
                scores[_home(span, mixed=mixed)] += points  # type: ignore[assignment]
        for one, other, _ in pairs:
            mixed = one.folder == other.folder
            ours, theirs = (scores[_home(span, mixed=mixed)] for span in (one, other))
            wrong = other if ours > theirs else one
            following = _next_owner(connection, wrong, owner)
            if ours != theirs and following is not None:
                changed[wrong.file] = following
    _set_owners(connection, changed)
    beside = dict(connection.execute(_BESIDE).fetchall())
    _set_owners(connection, beside)
    return changed | beside


def _set_owners(connection: sqlite3.Connection, changed: dict[int, str]) -> None:
    for file, node in changed.items():
        connection.execute("UPDATE temp.files SET owner = ?2 WHERE file = ?1", (file, node))
        connection.execute("UPDATE temp.parts SET owner = ?2 WHERE file = ?1", (file, node))


def _home(span: _Span, *, mixed: bool) -> tuple[str, int]:
    return (span.folder, span.file) if mixed else (span.folder, 0)


def _rivals(connection: sqlite3.Connection, one: _Span, other: _Span) -> Iterator[tuple[_Span, _Span, float]]:
    """The two, where they cannot be parts of one log, and how much more the first speaks for being the owner's."""
    low, high = max(one.low, other.low), min(one.high, other.high)
    if high - low < _HOUR or 2 * (high - low) < min(one.high - one.low, other.high - other.low):
        return
    low, high = low - _SLACK, high + _SLACK
    counts = [Counter(dict(connection.execute(_COUNTS, (s.file, s.log, low, high)))) for s in (one, other)]
    smaller = min(count.total() for count in counts)
    (common,) = connection.execute(_COMMON, (one.file, other.file, low, high)).fetchone()
    if 2 * common < smaller:
        mine, its = counts
        rest, its_rest = mine.total() - mine[one.owner], its.total() - its[one.owner]
        score = log((mine[one.owner] + 1) / (its[one.owner] + 1)) - log((rest + 1) / (its_rest + 1))
        yield one, other, score


def _next_owner(connection: sqlite3.Connection, span: _Span, owner: str) -> str | None:
    counts = Counter(dict(connection.execute(_COUNTS, (span.file, span.log, span.low, span.high))))
    total = counts.total()
    counts.pop(owner, None)
    best = min(counts, key=lambda node: (-counts[node], node), default=None)
    return best if best is not None and counts[best] * _LEAST_PART >= total else None
