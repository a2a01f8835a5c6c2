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

from forensics.ingest.alignment import groups_of, lag
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_HOUR: Final = 3600 * TICKS_PER_SECOND
_SLACK: Final = 15 * 60 * TICKS_PER_SECOND  # what the clocks of two nodes may be apart
_FILES: Final = 32  # of one log that seem to be one node's: each is compared with each
_SAMPLE: Final = 50_000
_CERTAIN: Final = 1000  # the order of cause and effect says more than any numbers of entries
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
_TIMES = """
SELECT whole, lines.file = ?2, written, place, id FROM temp.lines JOIN temp.parts USING (part)
WHERE lines.file IN (?1, ?2) AND log = ?3 AND node = ?4 AND whole < ?5 ORDER BY 1, 2, 3, 4, 5
"""
_COMMON = """
SELECT count(*) FROM (SELECT number, time, whole FROM temp.lines WHERE file = ?1 AND time BETWEEN ?3 AND ?4
    INTERSECT SELECT number, time, whole FROM temp.lines WHERE file = ?2 AND time BETWEEN ?3 AND ?4)
"""


class _Span(NamedTuple):
    """The time that a file covers of a log, and whose it seems to be."""

    file: int
    log: str
    owner: str
    folder: str
    low: int
    high: int


class _Rivals(NamedTuple):
    """Two files of which only one can be the owner's, and how much more the first speaks for being it."""

    owner: str
    one: _Span
    other: _Span
    score: float

    def homes(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """What each stands for: the logs in its folder, unless both lie in one."""
        mixed = self.one.folder == self.other.folder
        return (self.one.folder, self.one.file * mixed), (self.other.folder, self.other.file * mixed)


def correct_owners(connection: sqlite3.Connection) -> dict[int, str]:
    """Give files that seem to be the log of a node and are not their next likely owner: file -> node, those changed."""
    by_log: dict[str, list[_Span]] = defaultdict(list)
    for span in map(_Span._make, connection.execute(_SPANS).fetchall()):
        by_log[span.log].append(span)
    rivals = [
        rival
        for spans in by_log.values()
        for pair in combinations(spans[:_FILES], 2)
        for rival in _rivals(connection, *pair)
    ]
    # Folders hold the logs of one node, mostly: what one log says counts for the others.
    scores: dict[tuple[str, tuple[str, int]], float] = defaultdict(float)
    for rival in rivals:
        for home, points in zip(rival.homes(), (rival.score, -rival.score), strict=True):
            scores[rival.owner, home] += points
    changed: dict[int, str] = {}
    for rival in rivals:
        ours, theirs = (scores[rival.owner, home] for home in rival.homes())
        if ours == theirs:
            continue
        right, wrong = (rival.one, rival.other) if ours > theirs else (rival.other, rival.one)
        if right.owner != rival.owner:
            changed[right.file] = rival.owner
        following = _next_owner(connection, wrong, rival.owner)
        if wrong.owner == rival.owner and following is not None:
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


def _rivals(connection: sqlite3.Connection, one: _Span, other: _Span) -> Iterator[_Rivals]:
    """The two, where they cannot be parts of one log and one of them may not be what it seems."""
    low, high = max(one.low, other.low), min(one.high, other.high)
    if high - low < _HOUR or 2 * (high - low) < min(one.high - one.low, other.high - other.low):
        return
    low, high = low - _SLACK, high + _SLACK
    mine, its = (Counter(dict(connection.execute(_COUNTS, (s.file, s.log, low, high)))) for s in (one, other))
    rest, its_rest = mine.total() - mine[one.owner], its.total() - its[one.owner]
    score = log((mine[one.owner] + 1) / (its[one.owner] + 1)) - log((rest + 1) / (its_rest + 1))
    if one.owner != other.owner and score >= 0:
        return  # as it seems
    (common,) = connection.execute(_COMMON, (one.file, other.file, low, high)).fetchone()
    if 2 * common >= min(mine.total(), its.total()):
        return
    second = other.owner if other.owner != one.owner else _next_owner(connection, other, one.owner)
    later = None if second is None else _later(connection, one, other, (one.owner, second))
    if later is not None:
        score = later * _CERTAIN
    elif one.owner != other.owner:
        return
    yield _Rivals(one.owner, one, other, score)


def _later(connection: sqlite3.Connection, one: _Span, other: _Span, nodes: tuple[str, str]) -> int | None:
    """1 where the first node's entries came to the second file later than the other's did, -1 for the contrary.

    A copy is never there before its original, so the first file is then the log of the first node.
    """
    (count,) = connection.execute(
        "SELECT count(*) FROM temp.lines WHERE file IN (?, ?)", (one.file, other.file)
    ).fetchone()
    # Contents are hashes, so those below some value are a sample of any size.
    below = min(_SAMPLE * (1 << 64) // max(count, 1), (1 << 64) - 1).to_bytes(8, "big")
    first, second = (
        groups_of(connection.execute(_TIMES, (one.file, other.file, one.log, node, below))) for node in nodes
    )
    apart = lag(first, second)
    return None if apart is None or abs(apart) < 2 * TICKS_PER_SECOND else 1 if apart > 0 else -1


def _next_owner(connection: sqlite3.Connection, span: _Span, owner: str) -> str | None:
    counts = Counter(dict(connection.execute(_COUNTS, (span.file, span.log, span.low, span.high))))
    total = counts.total()
    counts.pop(owner, None)
    best = min(counts, key=lambda node: (-counts[node], node), default=None)
    return best if best is not None and counts[best] * _LEAST_PART >= total else None
