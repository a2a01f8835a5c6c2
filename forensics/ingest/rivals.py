"""Which files are one log saved twice, which cannot be one, and what two such files say of whose each is.

Server 2003 clusters copy entries to all nodes, so the logs of two nodes hold much the same. What tells them apart: a
copy is never there before its original, and copies get lost while originals do not. Two files that cover the same time
and have no records in common are the logs of two machines. Works on the temporary tables of `ingest.copies`, on a
sample of the contents, so that a million entries cost little more than reading them once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.values import text_from_sql
from forensics.ingest.alignment import groups_of, lag
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Iterable, Iterator

_HOUR: Final = 3600 * TICKS_PER_SECOND
_SLACK: Final = 15 * 60 * TICKS_PER_SECOND  # what the clocks of two nodes may be apart
# A copy takes seconds, and it is twice that by which it is later: more is a clock that was set.
_LATER: Final = (2 * TICKS_PER_SECOND, 60 * TICKS_PER_SECOND)
_FILES: Final = 32  # of one log: each is compared with each
_LOGS: Final = 256
_SAMPLE: Final = 60_000
_NAMES: Final = 3  # whose entries are compared by when they came: those with most of them

# Contents are hashes, so those below some value are a sample of any size, and of the same entries in every file.
_SAMPLED: Final = """
SELECT log, lines.file, node, whole, number, time, written, place, lines.id FROM temp.lines JOIN temp.parts USING (part)
WHERE recovered = 0 AND whole < sample ORDER BY lines.file
"""
_SIZES: Final = """
SELECT log, sum(numbered) FROM temp.parts WHERE wanted AND log <> '' GROUP BY log HAVING count(DISTINCT file) > 1
ORDER BY 2 DESC, 1
"""
_SPANS: Final = """
SELECT log, file, min(low), max(high) FROM temp.parts WHERE numbered AND low IS NOT NULL GROUP BY log, file
ORDER BY log, min(rank)
"""


class _Line(NamedTuple):
    """One entry of the sample."""

    node: str
    whole: bytes
    number: int
    time: int
    written: int
    place: int
    id: int


class Rivals(NamedTuple):
    """Two files of one log, of one time, that are not one log.

    Attributes:
        one, other: ids of evidence.
        alone: for each of the two about how many entries of each computer the other file has not.
        owners: of `one` and of `other`, as the order of cause and effect says; None where it does not.
    """

    one: int
    other: int
    alone: tuple[Counter[str], Counter[str]]
    owners: tuple[str, str] | None


class Comparison(NamedTuple):
    """What comparing each file with each other of the same log found.

    Attributes:
        same: pairs of files that hold records of one log in common.
        rivals: pairs of files that cannot be of one log.
    """

    same: list[tuple[int, int]]
    rivals: list[Rivals]


def compare(connection: sqlite3.Connection, files: Container[int]) -> Comparison:
    """Compare those of `files` (ids of evidence) that have entries in common, log by log.

    `temp.lines` is loaded and `temp.parts` knows what is `wanted`.
    """
    found = Comparison([], [])
    spans: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for log, file, low, high in connection.execute(_SPANS):
        if file in files and len(spans[log]) < _FILES:
            spans[log][file] = (low, high)
    for log, (scale, lines) in _sample(connection).items():
        for one, other in combinations([file for file in spans[log] if file in lines], 2):
            sides = [_Side(file, *spans[log][file], lines[file], scale) for file in (one, other)]
            _compare(found, sides[0], sides[1])
    return found


class _Side(NamedTuple):
    """One of two files: the time that it covers, its part of the sample, and how many entries each of these is for."""

    file: int
    low: int
    high: int
    lines: list[_Line]
    scale: int

    def within(self, low: int, high: int) -> list[_Line]:
        return [line for line in self.lines if low <= line.time <= high]


def _sample(connection: sqlite3.Connection) -> dict[str, tuple[int, dict[int, list[_Line]]]]:
    """By log: how many entries each one stands for, and the entries by file. Of a small log these are all."""
    sizes = connection.execute(_SIZES).fetchall()[:_LOGS]
    found: dict[str, tuple[int, dict[int, list[_Line]]]] = {}
    for log, size in sizes:
        scale = -(-size * len(sizes) // _SAMPLE)
        below = b"\xff" * 17 if scale == 1 else ((1 << 64) // scale).to_bytes(8, "big")
        connection.execute("UPDATE temp.parts SET sample = ? WHERE wanted AND log = ?", (below, log))
        found[log] = scale, defaultdict(list)
    if found:
        for log, file, *line in connection.execute(_SAMPLED):
            found[log][1][file].append(_Line(text_from_sql(line[0]), *line[1:]))
    return found


def _compare(found: Comparison, one: _Side, other: _Side) -> None:
    low, high = max(one.low, other.low), min(one.high, other.high)
    mine, its = one.within(low, high), other.within(low, high)
    shorter = min(len(mine), len(its))
    if not shorter:
        return
    common = {(line.number, line.time, line.whole) for line in mine} & {(x.number, x.time, x.whole) for x in its}
    if 2 * len(common) >= shorter:
        found.same.append((one.file, other.file))
    elif high - low >= _HOUR and 2 * (high - low) >= min(one.high - one.low, other.high - other.low):
        low, high = low - _SLACK, high + _SLACK
        alone = (_alone(mine, other.within(low, high), one.scale), _alone(its, one.within(low, high), other.scale))
        found.rivals.append(Rivals(one.file, other.file, alone, _by_delay([one.lines, other.lines])))


def _alone(lines: Iterable[_Line], others: Iterable[_Line], scale: int) -> Counter[str]:
    """How many entries of each computer are not among the others, equal ones counted as often as they are there."""
    left = Counter(line.whole for line in others)
    found: Counter[str] = Counter()
    for line in lines:
        if left[line.whole]:
            left[line.whole] -= 1
        else:
            found[line.node] += scale
    return found


def _by_delay(lines: list[list[_Line]]) -> tuple[str, str] | None:
    """Whose the two files are: of all nodes, the entries of the second's own come to the first latest."""
    counts = [Counter(line.node for line in each) for each in lines]
    both = Counter({node: min(count, counts[1][node]) for node, count in counts[0].items()})
    nodes = sorted((node for node in both if both[node]), key=lambda node: (-both[node], node))[:_NAMES]
    best: tuple[int, tuple[str, str]] | None = None
    for one, other in combinations(nodes, 2):
        # Entries of `one` later in the second file than those of `other`: the first file is the log of `one`.
        later = lag(groups_of(_times(lines, one)), groups_of(_times(lines, other)))
        if later is None or not _LATER[0] <= abs(later) <= _LATER[1]:
            continue
        if best is None or abs(later) > best[0]:
            best = abs(later), (one, other) if later > 0 else (other, one)
    return best[1] if best is not None else None


def _times(lines: list[list[_Line]], node: str) -> Iterator[tuple[bytes, int, int, int, int]]:
    return iter(
        sorted(
            (line.whole, received, line.written, line.place, line.id)
            for received, each in enumerate(lines)
            for line in each
            if line.node == node
        )
    )
