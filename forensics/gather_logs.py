"""What each log covers, where its clock was set back, and which of its records prove an order between two nodes.

One pass over every log in the order of its record numbers; what is kept are the holes, not the records.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter, le
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forensics.case.values import sql_text, text_from_sql
from forensics.coverage import STEP_TICKS
from forensics.gather_runs import Border, Own, Stretch, join
from forensics.observations import Fall, Run, Sequel
from parsers.kinds import Kind
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.case.store import Case, EvidenceRow

SEQUEL_TICKS: Final = 15 * 60 * TICKS_PER_SECOND
"""Of the copies that one node got from another, the tightest is kept for each stretch of this length of both clocks."""

_NEVER: Final = -(1 << 63)
# A hostile log names another computer in every record. Names beyond this count only where the catalogue knows an event.
_NAMES_MAX: Final = 10_000

# The owner's own records have no other name: null, as those that name no computer. A record that is in the case twice
# counts for coverage each time, and is named by its original.
_RECORDS = """SELECT nullif(log, ?2), record_number, nullif(node, ?3), ifnull(generated_filetime, written_filetime),
    ifnull(written_filetime, generated_filetime), id, duplicate_of
    FROM events WHERE evidence_id = ?1 AND recovered = 0 ORDER BY evidence_id, record_number"""
_ORIGINALS = """SELECT id, evidence_id, log, record_number, ifnull(written_filetime, generated_filetime) FROM events
    WHERE id IN (SELECT value FROM json_each(?))"""
_AT_ONCE: Final = 4096
# So many records of one kind are looked at together: most of a log is one stretch in which nothing happens.
_MANY: Final = 8
_KIND: Final = itemgetter(0, 2)  # of a row: whose record it is, and of which log


class Owner(NamedTuple):
    """Whose a piece of evidence is, and the log it holds unless a record says otherwise."""

    node: str
    log: str


class Appearance(NamedTuple):
    """A computer's own records in one file of one log: numbers (None where they have none) and raw times."""

    first: int | None
    last: int | None
    low: int
    high: int


@dataclass(slots=True)
class Logs:
    """What the pass over all logs found.

    Attributes:
        runs, falls, sequels: as in `Evidence`, sorted.
        appearances: for each log of each file the records of every computer by its name, copies left out.
    """

    runs: list[Run]
    falls: list[Fall]
    sequels: list[Sequel]
    appearances: list[dict[str, Appearance]]


def read_logs(case: Case, owners: Mapping[int, Owner], evidence: Iterable[EvidenceRow]) -> Logs:
    """Read every log of the case once.

    Args:
        case: where the events are.
        owners: evidence id -> whose it is.
        evidence: the rows of the case that may hold events.

    Raises:
        FailedError: the case cannot be read.
    """
    reader = _Reader(case, owners)
    for row in evidence:
        reader.read(row)
    runs: list[Run] = []
    falls: set[Fall] = set()
    for log, found in reader.logs.items():
        joined, borders = join(case, found.stretches)
        runs += [Run(log, s.first, s.last, s.start.raw, s.end.raw) for s in joined if s.start and s.end]
        falls |= {Fall(log, *border) for border in (*found.falls, *borders)}
    return Logs(sorted(runs), sorted(falls), sorted(reader.sequels()), reader.appearances)


@dataclass(slots=True)
class _Log:
    """What is known of one log of one owner, from all its files."""

    stretches: list[Stretch] = field(default_factory=list)
    falls: list[Border] = field(default_factory=list)


class _Copy(NamedTuple):
    """The original of a copy that waits for the receiver's next own record."""

    raw: int
    log: tuple[str, str]
    number: int
    event: int


@dataclass(slots=True)
class _Part:
    """One log in one file of evidence, as far as it was read.

    Attributes:
        name: (owner, log name); `stored` is the name of the log as its events have it in the case, None: the file's.
        first, last: of the present stretch.
        start, end: the owner's first and last record in it.
        stretches, falls: those before.
        before: the owner's last record, in any stretch; `number` is that of the first.
        low, high: times of the owner's records.
        others: first and last number, lowest and highest time of each other computer's.
        copies: for each other node and stretch of its time the latest original of a copy since the owner's last record.
        hole: how many holes the numbers of the file had before the present stretch.
    """

    name: tuple[str, str]
    stored: str | None
    first: int = _NEVER
    last: int = _NEVER
    start: Own | None = None
    end: Own | None = None
    stretches: list[tuple[int, int, Own | None, Own | None]] = field(default_factory=list)
    falls: list[Border] = field(default_factory=list)
    before: Own | None = None
    number: int | None = None
    low: int | None = None
    high: int | None = None
    others: dict[str, list[Any]] = field(default_factory=dict)
    copies: dict[tuple[str, int], _Copy] = field(default_factory=dict)
    hole: int = -1

    def begin(self, number: int) -> None:
        """Begin a stretch at a number that does not follow the last."""
        self.close()
        self.first, self.start, self.end = number, None, None

    def close(self) -> None:
        """End the present stretch."""
        if self.first != _NEVER:
            self.stretches.append((self.first, self.last, self.start, self.end))

    def own(self, number: int, raw: int, written: int) -> None:
        """A record of the owner's own."""
        record = Own(number, raw, written)
        self.end = record
        if self.start is None:
            self.start = record
        before = self.before
        if before is None:
            self.number = number
        elif written < before.written - STEP_TICKS and number != before.number:
            self.falls.append(Border(before.number, number, before.written, written))
        self.before = record

    def seen(self, raw: int) -> None:
        """A time of the owner's."""
        if self.low is None or self.high is None:
            self.low = self.high = raw
        elif raw < self.low:
            self.low = raw
        elif raw > self.high:
            self.high = raw

    def other(self, name: str, number: int | None, raw: int) -> None:
        """A record of another computer that is no copy of one that is known."""
        known = self.others.get(name)
        if known is None:
            if len(self.others) < _NAMES_MAX:
                self.others[name] = [number, number, raw, raw]
            return
        if number is not None:
            known[1] = number
            if known[0] is None:
                known[0] = number
        known[2] = min(known[2], raw)
        known[3] = max(known[3], raw)

    def copied(self, copy: _Copy) -> None:
        """A copy waits for the owner's next record; of several the latest original says most."""
        key = (copy.log[0], copy.raw // SEQUEL_TICKS)
        before = self.copies.get(key)
        if before is None or copy[:3] > before[:3]:
            self.copies[key] = copy

    def appearances(self) -> dict[str, Appearance]:
        """Whose records it holds."""
        found = {text_from_sql(other): Appearance(*known) for other, known in self.others.items()}
        if self.low is not None and self.high is not None:
            last = self.before.number if self.before else None
            found[self.name[0]] = Appearance(self.number, last, self.low, self.high)
        return found


@dataclass(slots=True)
class _Numbers:
    """Tells where the numbers of a file's records have holes, and begins the stretches of its logs.

    The numbers of a log file are the file's, and what one of its logs has not another may (`of_file`); those of an
    export are those of each log.
    """

    of_file: bool
    reached: int = _NEVER
    hole: int = 0

    def take(self, part: _Part, number: int | None) -> None:
        """The next record, of this part."""
        if number is None:
            return
        reached = self.reached if self.of_file else part.last
        if number not in {reached, reached + 1}:
            self.hole += 1
        if self.hole != part.hole if self.of_file else number not in {reached, reached + 1}:
            part.begin(number)
        part.hole = self.hole
        self.reached = part.last = number

    def follow(self, part: _Part, numbers: Sequence[int | None]) -> bool:
        """Whether many records go on with the present stretch of this part, sorted, without a hole and each once."""
        if None in numbers:
            return False
        first, last = numbers[0], numbers[-1]
        return first == part.last + 1 and last == part.last + len(numbers) and len(set(numbers)) == len(numbers)

    def skip(self, part: _Part, number: int) -> None:
        """All records up to this number, of this part, have been looked at by `follow`."""
        self.reached = part.last = number


class _Reader:
    """Goes through files of evidence, and gathers what their logs show."""

    def __init__(self, case: Case, owners: Mapping[int, Owner]) -> None:
        self._case = case
        self._owners = owners
        self._nodes = {evidence_id: sql_text(owner.node) for evidence_id, owner in owners.items()}
        self._best: dict[tuple[str, str, int, int], tuple[tuple[Any, ...], Sequel]] = {}
        self.logs: dict[tuple[str, str], _Log] = defaultdict(_Log)
        self.appearances: list[dict[str, Appearance]] = []

    def sequels(self) -> Iterable[Sequel]:
        """The tightest that were found."""
        return (sequel for _, sequel in self._best.values())

    def read(self, row: EvidenceRow) -> None:
        """Read the logs in one file."""
        owner = self._owners[row.id]
        parts: dict[str | None, _Part] = {}
        numbers = _Numbers(of_file=row.kind in {Kind.EVT, Kind.EVTX})
        rows = self._case.rows(_RECORDS, (row.id, sql_text(owner.log), sql_text(owner.node)))
        while some := list(islice(rows, _AT_ONCE)):
            originals = self._originals(some)
            for (log, foreign), alike in groupby(some, _KIND):
                part = parts.get(log)
                if part is None:
                    part = parts[log] = _Part(_name(owner, log), log)
                if foreign is None:
                    self._own(part, list(alike), numbers)
                    continue
                for _, number, _, raw, _, _, copied in alike:
                    numbers.take(part, number)
                    if raw is not None:
                        self._foreign(part, foreign, number, raw, copied, originals)
        for part in parts.values():
            self._keep(row.id, part)

    def _own(self, part: _Part, rows: list[tuple[Any, ...]], numbers: _Numbers) -> None:
        """Records of the owner's own, one after the other; many at once where nothing is to be told of them."""
        if len(rows) >= _MANY:
            self._one(part, rows[0], numbers)
            _, counted, _, times, written, _, _ = zip(*rows[1:], strict=True)
            if (
                numbers.follow(part, counted)
                and None not in written
                and all(map(le, written, islice(written, 1, None)))
            ):
                self._one(part, rows[1], numbers)
                numbers.skip(part, counted[-1])
                part.seen(min(times))
                part.seen(max(times))
                part.own(counted[-1], times[-1], written[-1])
                return
            rows = rows[1:]
        for row in rows:
            self._one(part, row, numbers)

    def _one(self, part: _Part, row: tuple[Any, ...], numbers: _Numbers) -> None:
        _, number, _, raw, written, event, copied = row
        numbers.take(part, number)
        if raw is None:
            return
        part.seen(raw)
        if number is not None:
            part.own(number, raw, written)
            if part.copies:
                self._follow(part, event if copied is None else copied)

    def _originals(self, rows: list[tuple[Any, ...]]) -> dict[int, tuple[Any, ...]]:
        """Of copies of other computers' records: id of the original -> its place and time."""
        wanted = sorted({row[6] for row in rows if row[2] is not None and row[6] is not None})
        if not wanted:
            return {}
        return {found: tuple(original) for found, *original in self._case.rows(_ORIGINALS, (json.dumps(wanted),))}

    def _foreign(
        self,
        part: _Part,
        node: str,
        number: int | None,
        raw: int,
        copied: int | None,
        originals: Mapping[int, tuple[Any, ...]],
    ) -> None:
        """A record of another computer: by itself, or a copy of an event that is among the `originals`."""
        if copied is None:
            part.other(node, number, raw)
            return
        evidence_id, log, origin_number, origin_raw = originals[copied]
        if number is None or origin_number is None or origin_raw is None:
            return
        if self._nodes.get(evidence_id) == node:
            part.copied(_Copy(origin_raw, _name(self._owners[evidence_id], log), origin_number, copied))

    def _follow(self, part: _Part, event: int) -> None:
        """The owner's own record after some copies: keep each pair that is tighter than what is known."""
        receiver = part.before
        if receiver is None:
            return
        for (origin, stretch), copy in part.copies.items():
            key = (origin, part.name[0], stretch, receiver.written // SEQUEL_TICKS)
            rank = (receiver.written - copy.raw, *copy[:3], part.name, receiver.number)
            before = self._best.get(key)
            if before is None or rank < before[0]:
                self._best[key] = (
                    rank,
                    Sequel(
                        origin, copy.raw, copy.event, copy.number, copy.log,
                        part.name[0], receiver.written, event, receiver.number, part.name,
                    ),
                )  # fmt: skip
        part.copies.clear()

    def _keep(self, evidence_id: int, part: _Part) -> None:
        part.close()
        log = self.logs[part.name]
        log.stretches += [Stretch(*stretch, evidence_id, part.stored) for stretch in part.stretches]
        log.falls += part.falls
        self.appearances.append(part.appearances())


def _name(owner: Owner, log: str | None) -> tuple[str, str]:
    return owner.node, owner.log if log is None else text_from_sql(log)
