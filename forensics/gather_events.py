"""The events of a case that the catalogue knows, as observations; those that only repeat a state are thinned out."""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from forensics.case.values import strings_from_json, text_from_sql
from forensics.claims import ROLE_CLAIMS, Claim
from forensics.observations import Observation
from parsers.kinds import Kind
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from forensics.case.store import Case
    from forensics.catalogue import Catalogue, Found
    from forensics.gather_logs import Owner

THIN_TICKS: Final = 5 * 60 * TICKS_PER_SECOND
"""Between two observations of one state no further apart than this, nothing is learned from a third."""

_STATES: Final = frozenset({Claim.ACTIVE, Claim.UP, Claim.SERVICE_STATE, Claim.CLOCK_SOURCE, Claim.STATISTICS})
"""Claims that may be logged all day long; only rows that are weak and belong into no timeline are thinned."""
_OFTEN: Final = frozenset({Claim.COPY_SKIPPED, Claim.UNINTERPRETED})
"""Claims that may be logged in every cycle of thirty seconds, for every file."""

_FETCH: Final = 5_000
_MANY: Final = 20_000  # remembered answers of the catalogue: most events of a log are a few kinds with a few strings
_LONG: Final = 500  # characters of strings that are not remembered
# Where more of the events than this are wanted, reading all in their order is faster than looking each up.
_SCAN_SHARE: Final = 0.1
_MILLISECOND: Final = TICKS_PER_SECOND // 1000

COLUMNS: Final = """id, evidence_id, log, node, record_number, ifnull(generated_filetime, written_filetime),
    source, event_id, strings, message"""


def observe(case: Case, catalogue: Catalogue, owners: Mapping[int, Owner]) -> list[Observation]:
    """The observations of a case, sorted by content.

    Args:
        case: where the events are.
        catalogue: what is known of events.
        owners: evidence id -> whose it is, and which log.

    Raises:
        FailedError: the case cannot be read.
    """
    reader = _Reader(catalogue, owners, _kinds(case))
    for row in wanted(case, catalogue):
        reader.take(row)
    for row in rows_of(case, reader.thinned()):
        reader.keep(row)
    found = reader.exact
    found.sort(key=_order)
    return found


def _order(one: Observation) -> tuple[Any, ...]:
    number = -1 if one.number is None else one.number
    strings = tuple("" if text is None else text for text in one.strings)
    return one.node, one.log, number, one.raw, one.source, one.event_id, strings


def rows_of(case: Case, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """The rows (`COLUMNS`) of events by their ids, in no particular order."""
    for start in range(0, len(ids), _FETCH):
        yield from case.rows(
            f"SELECT {COLUMNS} FROM events WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own names
            (json.dumps(list(ids[start : start + _FETCH])),),
        )


def matched(catalogue: Catalogue, row: tuple[Any, ...], log: str) -> Found | None:
    """What the catalogue finds for a row (`COLUMNS`) of the log of that name."""
    source, event_id, strings, message = row[6:]
    text = None if message is None else text_from_sql(message)
    return catalogue.match(text_from_sql(source), event_id or 0, strings_from_json(strings), text, log)


def _kinds(case: Case) -> dict[int, str]:
    return {row[0]: row[1] for row in case.rows("SELECT id, kind FROM evidence")}


def wanted(case: Case, catalogue: Catalogue) -> Iterator[tuple[Any, ...]]:
    """The rows (`COLUMNS`) of originals of which source and id may be the catalogue's, in no particular order."""
    total = 0
    counts: dict[tuple[str, int | None], int] = {}
    for source, event_id, count in case.rows("SELECT source, event_id, count(*) FROM events GROUP BY source, event_id"):
        total += count
        if isinstance(source, str) and catalogue.wants(text_from_sql(source), event_id or 0):
            counts[source, event_id] = count
    sources = json.dumps(sorted({source for source, _ in counts}))
    # A unary + keeps SQLite from using an index: https://sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_
    column = "+source" if sum(counts.values()) > total * _SCAN_SHARE else "source"
    rows = case.rows(
        f"SELECT {COLUMNS} FROM events WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - as above
        " AND duplicate_of IS NULL",
        (sources,),
    )
    return (row for row in rows if (row[6], row[7]) in counts)


class _Sequence:
    """Observations of one state of one node in one log, each as five numbers: there may be hundreds of thousands.

    `numbers` holds -1 where a record has none; `codes` says which source and id, `sums` is a checksum of the strings.
    """

    __slots__ = ("codes", "ids", "numbers", "raws", "sums")

    def __init__(self) -> None:
        self.ids, self.numbers, self.raws = array("q"), array("q"), array("q")
        self.codes, self.sums = array("l"), array("L")


class _Reader:
    """Takes rows, and gives observations."""

    def __init__(self, catalogue: Catalogue, owners: Mapping[int, Owner], kinds: Mapping[int, str]) -> None:
        self._catalogue = catalogue
        self._owners = owners
        self._kinds = kinds
        self._logs: dict[tuple[int, str | None], tuple[str, str]] = {}
        self._codes: dict[tuple[str, int], int] = {}
        self._sequences: dict[tuple[str, tuple[str, str], Claim], _Sequence] = {}
        self._answers: dict[tuple[Any, ...], tuple[Found | None, _Sequence | None, int, int]] = {}
        self.exact: list[Observation] = []

    def take(self, row: tuple[Any, ...]) -> None:
        """Keep what an event says: as it is, or, where it repeats a state, as numbers."""
        event, evidence_id, log, node, number, raw, source, event_id, strings, message = row
        if raw is None:
            return
        key = (source, event_id, strings, evidence_id, log, node)
        answer = self._answers.get(key) if message is None else None
        if answer is None:
            answer = self._answer(row)
            if message is None and len(strings or "") <= _LONG:
                if len(self._answers) >= _MANY:
                    self._answers.clear()
                self._answers[key] = answer
        found, sequence, code, checksum = answer
        if sequence is not None:
            sequence.ids.append(event)
            sequence.numbers.append(-1 if number is None else number)
            sequence.raws.append(raw)
            sequence.codes.append(code)
            sequence.sums.append(checksum)
        elif found is not None:
            self.exact.append(self._observation(row, found))

    def _answer(self, row: tuple[Any, ...]) -> tuple[Found | None, _Sequence | None, int, int]:
        """What the catalogue finds, and, for what repeats a state, its sequence, kind and checksum."""
        _, evidence_id, log, node, _, _, source, event_id, strings, _ = row
        place = self._log(evidence_id, log)
        found = matched(self._catalogue, row, place[1])
        if found is None or not _repeats(found):
            return found, None, 0, 0
        key = (place[0] if node is None else text_from_sql(node), place, found.row.claim)
        sequence = self._sequences.get(key)
        if sequence is None:
            sequence = self._sequences[key] = _Sequence()
        code = self._codes.setdefault((text_from_sql(source), event_id or 0), len(self._codes))
        return found, sequence, code, zlib.crc32((strings or "").encode("utf-8", "surrogatepass"))

    def keep(self, row: tuple[Any, ...]) -> None:
        """Make an observation of an event that `take` has seen."""
        found = self._answer(row)[0]
        if found is not None:
            self.exact.append(self._observation(row, found))

    def thinned(self) -> list[int]:
        """Ids of the events to keep of those that repeat a state; to be called when all were taken.

        Of one state of one node in one log, an observation is left out that lies between two that are kept, no more
        than `THIN_TICKS` apart, with nothing that bears on that node's role or presence between those.
        """
        raws: dict[str, list[int]] = defaultdict(list)
        numbers: dict[tuple[str, tuple[str, str]], list[int]] = defaultdict(list)
        for one in self.exact:
            if not one.strong and one.claim not in ROLE_CLAIMS:
                continue
            raws[one.node].append(one.raw)
            if one.number is not None:
                numbers[one.node, one.log].append(one.number)
        for values in (*raws.values(), *numbers.values()):
            values.sort()
        kinds = {code: kind for kind, code in self._codes.items()}
        kept: list[int] = []
        for (node, log, _), sequence in self._sequences.items():
            order = _in_order(sequence, kinds)
            kept += [
                sequence.ids[at] for at in _thin(sequence, order, raws.get(node, []), numbers.get((node, log), []))
            ]
        return kept

    def _log(self, evidence_id: int, log: str | None) -> tuple[str, str]:
        place = self._logs.get((evidence_id, log))
        if place is None:
            owner = self._owners[evidence_id]
            place = self._logs[evidence_id, log] = (owner.node, owner.log if log is None else text_from_sql(log))
        return place

    def _observation(self, row: tuple[Any, ...], found: Found) -> Observation:
        event, evidence_id, log, node, number, raw, source, event_id, strings, _ = row
        place = self._log(evidence_id, log)
        return Observation(
            event,
            place[0] if node is None else text_from_sql(node),
            raw,
            number,
            place,
            resolution(self._kinds.get(evidence_id, ""), raw),
            found.row.claim,
            found.object,
            found.row.strong,
            found.mark,
            text_from_sql(source),
            event_id or 0,
            tuple(strings_from_json(strings)),
            found.learned,
        )


def resolution(kind: str, raw: int) -> int:
    """Ticks by which a recorded time may be too early, by the kind of its evidence and the digits that it uses."""
    if kind == Kind.CLUSTER_LOG:
        return _MILLISECOND if raw % _MILLISECOND == 0 else 1
    # Classic events and most exports hold whole seconds; that another time falls on one is as good as impossible.
    return TICKS_PER_SECOND if raw % TICKS_PER_SECOND == 0 else 1


def _repeats(found: Found) -> bool:
    claim = found.row.claim
    return claim in _OFTEN or (claim in _STATES and not found.row.strong and not found.matters)


def _in_order(sequence: _Sequence, kinds: Mapping[int, tuple[str, int]]) -> list[int]:
    """Places of a sequence by record number, those without by time; equal ones by content."""
    numbers, raws = sequence.numbers, sequence.raws
    primary = array("q", (raw if number < 0 else number for number, raw in zip(numbers, raws, strict=True)))
    order = sorted(range(len(primary)), key=primary.__getitem__)
    start = 0
    for end in range(1, len(order) + 1):
        if end < len(order) and primary[order[end]] == primary[order[start]]:
            continue
        if end - start > 1:
            order[start:end] = sorted(
                islice(order, start, end),
                key=lambda at: (numbers[at], raws[at], kinds[sequence.codes[at]], sequence.sums[at]),
            )
        start = end
    return order


def _thin(sequence: _Sequence, order: list[int], raws: list[int], numbers: list[int]) -> Iterable[int]:
    """The places to keep, in order; `raws` and `numbers` are those of what they must not span, sorted."""
    last = None
    for index, at in enumerate(order):
        if last is None or index + 1 == len(order):
            keep = True
        else:
            keep = not _between(sequence, last, at, order[index + 1], raws, numbers)
        if keep:
            yield at
            last = at


def _between(sequence: _Sequence, last: int, at: int, following: int, raws: list[int], numbers: list[int]) -> bool:
    """Whether `at` tells nothing that `last` and `following` do not."""
    low, raw, high = sequence.raws[last], sequence.raws[at], sequence.raws[following]
    if not (low <= raw <= high and high - low <= THIN_TICKS):
        return False
    if bisect_left(raws, low) != bisect_right(raws, high):
        return False
    return bisect_left(numbers, sequence.numbers[last]) == bisect_right(numbers, sequence.numbers[following])
