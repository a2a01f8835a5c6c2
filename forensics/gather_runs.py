"""Stretches of one log, read from several files: which continue each other, and which are another log of that name.

A log may be given twice, saved at two times, or cut into parts; and a log that was cleared begins its numbers anew. Two
files hold the same log where they hold the same record: the same number, written in the same second.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from forensics.coverage import STEP_TICKS
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forensics.case.store import Case


class Own(NamedTuple):
    """A record of the log's owner: its number, when it occurred and when it was written, by the owner's clock."""

    number: int
    raw: int
    written: int


class Stretch(NamedTuple):
    """Record numbers without a hole. `start` and `end` are the owner's first and last record; None without any.

    `evidence_id` is the file, `log` the log's name as the file's events have it in the case, None: the file's own.
    """

    first: int
    last: int
    start: Own | None
    end: Own | None
    evidence_id: int
    log: str | None


class Border(NamedTuple):
    """Two neighbouring records of the owner's, in two files that continue each other, between which the time falls."""

    before: int
    after: int
    from_raw: int
    to_raw: int


def join(case: Case, stretches: Iterable[Stretch]) -> tuple[list[Stretch], list[Border]]:
    """Stretches of one log as they are when all its files are put together, and where the time falls between files.

    Overlapping stretches are one where they agree on a record; one that begins with the number after another's last
    continues it.

    Raises:
        FailedError: the case cannot be read.
    """
    ordered = sorted(stretches, key=_content)
    if len({stretch.evidence_id for stretch in ordered}) <= 1:
        return ordered, []
    seconds = _Seconds(case)
    done: list[Stretch] = []
    # What may still be continued: for each log of that name its stretch so far, and the file that reaches furthest.
    open_: list[tuple[Stretch, Stretch]] = []
    borders: list[Border] = []
    for stretch in ordered:
        done += [whole for whole, _ in open_ if whole.last < stretch.first - 1]
        open_ = [pair for pair in open_ if pair[0].last >= stretch.first - 1]
        at = _same(open_, stretch, seconds)
        if at is None:
            open_.append((stretch, stretch))
            continue
        whole, furthest = open_[at]
        if stretch.first == whole.last + 1 and whole.end and stretch.start:
            before, after = whole.end, stretch.start
            if after.written < before.written - STEP_TICKS:
                borders.append(Border(before.number, after.number, before.written, after.written))
        furthest = max(furthest, stretch, key=attrgetter("last"))
        ends = [own for own in (whole.end, stretch.end) if own]
        starts = [own for own in (whole.start, stretch.start) if own]
        open_[at] = (
            whole._replace(
                last=max(whole.last, stretch.last),
                start=min(starts, key=attrgetter("number"), default=None),
                end=max(ends, key=attrgetter("number"), default=None),
            ),
            furthest,
        )
    return sorted(done + [whole for whole, _ in open_], key=_content), borders


def _content(stretch: Stretch) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    return stretch.first, stretch.last, stretch.start or (), stretch.end or ()


def _same(open_: list[tuple[Stretch, Stretch]], stretch: Stretch, seconds: _Seconds) -> int | None:
    """Which of the open logs the stretch belongs to: one that has its first record, else one that ends before it."""
    following = None
    distance = 0
    for at, (whole, furthest) in enumerate(open_):
        if whole.last >= stretch.first:
            if not seconds.at(furthest, stretch.first).isdisjoint(seconds.at(stretch, stretch.first)):
                return at
        else:
            apart = abs(stretch.start.written - whole.end.written) if stretch.start and whole.end else 0
            if following is None or apart < distance:
                following, distance = at, apart
    return following


class _Seconds:
    """When records were written, to the second: exports may have less than their logs."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._known: dict[tuple[int, str | None, int], frozenset[int]] = {}

    def at(self, stretch: Stretch, number: int) -> frozenset[int]:
        """The seconds in which the record of that number was generated, in that file; merged logs have several."""
        key = (stretch.evidence_id, stretch.log, number)
        known = self._known.get(key)
        if known is None:
            rows = self._case.rows(
                "SELECT DISTINCT ifnull(generated_filetime, written_filetime) / ? FROM events"
                " WHERE evidence_id = ? AND record_number = ? AND recovered = 0 AND (?4 IS NULL OR log = ?4)",
                (TICKS_PER_SECOND, stretch.evidence_id, number, stretch.log),
            )
            known = self._known[key] = frozenset(row[0] for row in rows if row[0] is not None)
        return known
