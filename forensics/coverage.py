"""What each log of a case covers: its span, the holes in its record numbers, its silence, and what was lost of it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from forensics.ingest.nodes import owner_of
from parsers.problems import ProblemKind
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from forensics.case.store import Case, EvidenceRow
    from forensics.roles.model import RoleHistory

LISTED: Final = 50
"""How many gaps, and how many steps, are listed for one log: the largest."""

STEP_TICKS: Final = TICKS_PER_SECOND
"""A time must fall by more than this to be told: records written at once by several threads change places within it."""

_LOSSES: Final = (
    ProblemKind.LOST_RANGE,
    ProblemKind.BAD_RECORD,
    ProblemKind.TRUNCATED,
    ProblemKind.LIMIT,
    ProblemKind.UNREADABLE,
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Record numbers that are missing between two live records: `first` to `last`, both included.

    `after` and `before` are the times of the records on both sides, ISO 8601 UTC.
    """

    first: int
    last: int
    after: str | None
    before: str | None


@dataclass(frozen=True, slots=True)
class TimeStep:
    """A fall of the time between two records that follow each other by number: a stepped clock, or a merged log.

    `record_number` is that of the later record; `from_time` and `to_time` are ISO 8601 UTC.
    """

    record_number: int
    from_time: str
    to_time: str


@dataclass(frozen=True, slots=True)
class LogCoverage:
    """What one log file covers. Times are ISO 8601 UTC; everything but `recovered` speaks of live records.

    Attributes:
        evidence_id, path, node, log: which log it is.
        live, recovered: events in the log proper, and found outside of it.
        first_time, last_time: lowest and highest time of an event.
        first_record, last_record: lowest and highest record number.
        repeated: records whose number another record has too (merged logs).
        missing: how many record numbers between the first and the last no record has.
        gap_count, gaps: stretches of such numbers, and the largest of them, by number.
        step_count, steps: falls of the time while the numbers rise, and the deepest of them, by number.
        problems: how many damaged ranges.
        bytes_lost: bytes in which records were or may have been, counted once where ranges overlap.
        dirty, wrapped, full: what the log's header says; None where it says nothing.
        silence_start, silence_end: the longest time between two records whose numbers follow each other.
    """

    evidence_id: int
    path: str
    node: str | None
    log: str | None
    live: int
    recovered: int
    first_time: str | None
    last_time: str | None
    first_record: int | None
    last_record: int | None
    repeated: int
    missing: int
    gap_count: int
    gaps: tuple[Gap, ...]
    step_count: int
    steps: tuple[TimeStep, ...]
    problems: int
    bytes_lost: int
    dirty: bool | None
    wrapped: bool | None
    full: bool | None
    silence_start: str | None
    silence_end: str | None


@dataclass(slots=True)
class _Account:
    """What one pass over a log's live records, by number, adds up."""

    live: int = 0
    repeated: int = 0
    missing: int = 0
    gap_count: int = 0
    step_count: int = 0
    first_record: int | None = None
    last_record: int | None = None
    first_time: int | None = None
    last_time: int | None = None
    silence: tuple[int, int] = (0, 0)
    # Heaps by size, so that the smallest of those kept is dropped first.
    gaps: list[tuple[int, int, int | None, int | None]] = field(default_factory=list)
    steps: list[tuple[int, int, int, int]] = field(default_factory=list)


def log_coverage(case: Case) -> list[LogCoverage]:
    """What every log of the case covers, sorted by path: files of evidence that are logs or gave events.

    One pass in the order of the record numbers, in constant memory. A clock that is stepped backwards and a log merged
    of two look the same here. The time compared is that at which the record was written, where the log keeps it, else
    that of the event.

    Raises:
        FailedError: the case cannot be read.
    """
    accounts = dict(_accounts(case))
    return [
        _coverage(case, row, accounts.get(row.id, _Account()))
        for row in case.evidence()
        if row.kind in {"evt", "evtx"} or row.live or row.recovered
    ]


def nodes_of(case: Case, logs: Sequence[LogCoverage], roles: RoleHistory | None) -> list[str]:
    """The nodes that the evidence is from or tells of, sorted."""
    covered = {log.evidence_id for log in logs}
    of_files = {row.node for row in case.evidence() if row.node and row.id not in covered}
    of_logs = {log.node for log in logs if log.node}
    return sorted(of_files | of_logs | set(roles.nodes if roles is not None else ()))


def _accounts(case: Case) -> Iterator[tuple[int, _Account]]:
    rows = case.rows(
        "SELECT evidence_id, record_number, generated_filetime, ifnull(written_filetime, generated_filetime)"
        " FROM events WHERE recovered = 0 ORDER BY evidence_id, record_number"
    )
    for evidence_id, records in groupby(rows, itemgetter(0)):
        yield evidence_id, _add_up(records)


def _add_up(records: Iterable[tuple[int, int | None, int | None, int | None]]) -> _Account:
    account = _Account()
    before: tuple[int, int | None] | None = None
    for _, number, generated, written in records:
        account.live += 1
        if generated is not None:
            if account.first_time is None or generated < account.first_time:
                account.first_time = generated
            if account.last_time is None or generated > account.last_time:
                account.last_time = generated
        if number is None:
            continue
        if before is None:
            account.first_record = number
        elif number == before[0]:
            account.repeated += 1
            continue
        else:
            _follow(account, *before, number, written)
        before = (number, written)
    account.last_record = before[0] if before else None
    return account


def _follow(account: _Account, number_before: int, time_before: int | None, number: int, time: int | None) -> None:
    adjacent = number - number_before == 1
    if not adjacent:
        _add_gap(account, number_before, number, time_before, time)
    if time is None or time_before is None:
        return
    passed = time - time_before
    if passed < -STEP_TICKS:
        account.step_count += 1
        _keep(account.steps, (-passed, number, time_before, time))
    elif adjacent and passed > account.silence[1] - account.silence[0]:
        account.silence = (time_before, time)


def _add_gap(account: _Account, before: int, after: int, time_before: int | None, time_after: int | None) -> None:
    account.gap_count += 1
    account.missing += after - before - 1
    entry = (after - before - 1, -before, time_before, time_after)
    if len(account.gaps) < LISTED:
        heapq.heappush(account.gaps, entry)
    elif entry[:2] > account.gaps[0][:2]:
        heapq.heapreplace(account.gaps, entry)


def _keep(heap: list[tuple[int, int, int, int]], entry: tuple[int, int, int, int]) -> None:
    if len(heap) < LISTED:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def _coverage(case: Case, row: EvidenceRow, account: _Account) -> LogCoverage:
    gaps = tuple(
        Gap(1 - minus, size - minus, iso_utc(after), iso_utc(before))
        for size, minus, after, before in sorted(account.gaps, key=lambda gap: -gap[1])
    )
    steps = tuple(
        TimeStep(number, iso_utc(start) or "", iso_utc(end) or "")
        for _, number, start, end in sorted(account.steps, key=itemgetter(1))
    )
    silence = account.silence if account.silence != (0, 0) else (None, None)
    problems, lost = _losses(case, row.id)
    return LogCoverage(
        evidence_id=row.id,
        path=row.path,
        node=owner_of(row),
        log=row.log,
        live=account.live,
        recovered=row.recovered,
        first_time=iso_utc(account.first_time),
        last_time=iso_utc(account.last_time),
        first_record=account.first_record,
        last_record=account.last_record,
        repeated=account.repeated,
        missing=account.missing,
        gap_count=account.gap_count,
        gaps=gaps,
        step_count=account.step_count,
        steps=steps,
        problems=problems,
        bytes_lost=lost,
        dirty=_fact(row, "dirty"),
        wrapped=_fact(row, "wrapped"),
        full=_fact(row, "full"),
        silence_start=iso_utc(silence[0]),
        silence_end=iso_utc(silence[1]),
    )


def _fact(row: EvidenceRow, name: str) -> bool | None:
    value = row.facts.get(name)
    return value if isinstance(value, bool) else None


def _losses(case: Case, evidence_id: int) -> tuple[int, int]:
    """The number of problems, and the bytes of those that are losses, as the union of their ranges."""
    count, lost, reached = 0, 0, 0
    rows = case.rows("SELECT kind, offset, length FROM problems WHERE evidence_id = ? ORDER BY offset", (evidence_id,))
    for kind, offset, length in rows:
        count += 1
        if kind in _LOSSES:
            lost += max(0, offset + length - max(offset, reached))
            reached = max(reached, offset + length)
    return count, lost
