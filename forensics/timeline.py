"""Everything that matters, in the order in which it happened: events, clocks that were set, files, changes of roles.

One clock for all rows: that of the reference, the first node by name; the recorded times stand beside. Where the
reference's own clock was set back its times occur twice, and rows of both passes stand among each other.
"""

from __future__ import annotations

import heapq
from array import array
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forensics.case.values import strings_from_json, text_from_sql
from forensics.gather_events import matched, rows_of, wanted
from forensics.ingest.nodes import owner_of
from forensics.timeline_words import sentence
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from forensics.case.store import Case
    from forensics.catalogue import Catalogue, Found
    from forensics.clocks.model import Moment
    from forensics.clocks.timeline import Clocks
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

_MOST: Final = (1 << 63) - 1
_CHUNK: Final = 2_000
_MANY: Final = 20_000
_LONG: Final = 500
# A message may be 64 KiB; a row of a timeline is read in one line.
_DETAIL_MAX: Final = 400


class TimelineKind(StrEnum):
    """What a row is. At one moment they stand in this order: what happened, then what is concluded from it."""

    CLOCK_STEP = "clock_step"
    EVENT = "event"
    FILE = "file"
    BACKUP = "backup"
    TRANSITION = "transition"
    ROLE = "role"
    CONFLICT = "conflict"
    OVERWRITE = "overwrite"


_KNOWN: Final = True  # conclusions carry their own confidence
_RANKS: Final = {kind: rank for rank, kind in enumerate(TimelineKind)}


class TimelineRow(NamedTuple):
    """One row of the timeline. Times are FILETIME.

    Attributes:
        time: on the reference clock, best estimate.
        low, high: it was not before and not after, on the same clock.
        bounded: False where the node's clock is not bounded on both sides, so that these rest on an assumption.
        raw: as recorded, by the node's own clock (of a file its last-modified time, of a backup set when it was made);
            None for other conclusions.
        node: whose; of a transition the one that became active, of a conflict all of them, with commas.
        kind: what the row is.
        what: the claim, the role, `moved`, `conflict`, `clock_set`; what became of a file (`saved`, `copied`, ...),
            `backup`, or the kind of a loss.
        object: what it speaks of: a group, a service, a product, a file, the place of a backup set ...
        detail: a sentence: the event's own text where the evidence holds it, else what it claims; the reason of a
            conclusion. Text of the evidence is as it is there.
        confidence: of a conclusion: certain, probable, possible; None for events and clocks.
        mark: how well it is known what the event says (`Mark`); None for conclusions.
        references: `event:<id>`, `transition:<n>`, ...: the row itself first, then what it rests on.
    """

    time: int
    low: int
    high: int
    bounded: bool
    raw: int | None
    node: str
    kind: TimelineKind
    what: str
    object: str | None
    detail: str
    confidence: str | None
    mark: str | None
    references: tuple[str, ...]


def timeline(
    case: Case,
    analysis: Analysis,
    histories: Iterable[RoleHistory] | None = None,
    *,
    also: Iterable[TimelineRow] = (),
    since: int | None = None,
    until: int | None = None,
) -> Iterator[TimelineRow]:
    """The rows of a case's timeline, by time, then kind, node and content: never by id.

    Streams; what is held for each event is its time and its id.

    Args:
        case: where the events are.
        analysis: of this case.
        histories: of the groups whose roles are wanted; None: of the clustered mailbox server's.
        also: more rows, such as `forensics.timeline_files.file_rows` gives; held in memory.
        since: FILETIME on the reference clock, inclusive.
        until: exclusive.

    Raises:
        FailedError: the case cannot be read.
    """
    if histories is None:
        histories = [analysis.roles()]
    rows = [*clock_steps(analysis.clocks), *(row for history in histories for row in conclusions(history)), *also]
    told = sorted((row for row in rows if _within(row.time, since, until)), key=_order)
    events = _Events(case, analysis, since, until)
    return heapq.merge(events.rows(), told, key=lambda row: (row.time, _RANKS[row.kind]))


def conclusions(history: RoleHistory) -> Iterator[TimelineRow]:
    """The changes of roles of one group, in no particular order: when a role begins, a move, a conflict."""
    for role in history.intervals:
        yield TimelineRow(
            role.start, role.start, role.start, _KNOWN, None, role.node, TimelineKind.ROLE, role.role, history.group,
            role.why, role.confidence, None, (role.id, *role.evidence),
        )  # fmt: skip
    for move in history.transitions:
        ways = f"from {move.from_node}" * bool(move.from_node), f"to {move.to_node}" * bool(move.to_node)
        detail = f"The group moved {' '.join(filter(None, ways))}. {move.why}"
        yield TimelineRow(
            move.time, move.earliest, move.latest, _KNOWN, None, move.to_node or move.from_node or "",
            TimelineKind.TRANSITION, "moved", history.group, detail, move.confidence, None, (move.id, *move.evidence),
        )  # fmt: skip
    for conflict in history.conflicts:
        yield TimelineRow(
            conflict.start, conflict.start, conflict.end, _KNOWN, None, ", ".join(conflict.nodes),
            TimelineKind.CONFLICT, "conflict", history.group, conflict.why, None, None,
            (conflict.id, *conflict.evidence),
        )  # fmt: skip


def clock_steps(clocks: Clocks) -> Iterator[TimelineRow]:
    """Every clock that was set, at the first event after it, in no particular order."""
    for before, span in pairwise(clocks.spans):
        if before.node != span.node:
            continue
        ahead = before.offset - span.offset
        # Tenths of a second, told with integers: the offsets are no better.
        tenths = round(abs(ahead) * 10 / TICKS_PER_SECOND)
        way = "forwards" if ahead > 0 else "back"
        detail = f"The clock of {span.node} was set {way} by about {tenths // 10}.{tenths % 10} s. {span.why}"
        time = clocks.shown(span.first + span.offset)
        yield TimelineRow(
            time, time, time, before.bounded and span.bounded, span.first, span.node, TimelineKind.CLOCK_STEP,
            "clock_set", None, detail, None, None, span.evidence,
        )  # fmt: skip


def _order(row: TimelineRow) -> tuple[object, ...]:
    return row.time, _RANKS[row.kind], row.node, row.object or "", row.what, row.references


def _within(time: int, since: int | None, until: int | None) -> bool:
    return (since is None or time >= since) and (until is None or time < until)


class _Events:
    """The events that matter, by their time on the reference clock."""

    def __init__(self, case: Case, analysis: Analysis, since: int | None, until: int | None) -> None:
        self._case = case
        self._catalogue: Catalogue = analysis.catalogue
        self._clocks: Clocks = analysis.clocks
        self._since, self._until = since, until
        self._files = {row.id: (owner_of(row) or "", row.log or row.path) for row in case.evidence()}
        self._matters: dict[tuple[Any, ...], bool] = {}

    def rows(self) -> Iterator[TimelineRow]:
        """The rows in their order."""
        times, ids = array("q"), array("q")
        for row in wanted(self._case, self._catalogue):
            if row[5] is not None and self._does_matter(row):
                time = self._clocks.shown(self._moment(row).time)
                if _within(time, self._since, self._until):
                    # Times of hostile evidence may lie at the end of what 64 bits hold.
                    times.append(max(-_MOST, min(time, _MOST)))
                    ids.append(row[0])
        order = sorted(range(len(times)), key=times.__getitem__)
        start = 0
        while start < len(order):
            end = min(start + _CHUNK, len(order))
            # What happened at one moment is put into order together.
            while end < len(order) and times[order[end]] == times[order[end - 1]]:
                end += 1
            yield from self._some([ids[at] for at in order[start:end]])
            start = end

    def _some(self, ids: Sequence[int]) -> Iterator[TimelineRow]:
        made = []
        for row in rows_of(self._case, ids):
            log = self._log(row)
            found = matched(self._catalogue, row, log[1])
            if found is not None:
                one = self._row(row, found)
                made.append(((one.time, one.node, log, -1 if row[4] is None else row[4], one.raw, one[7:11]), one))
        made.sort(key=lambda pair: (*pair[0][:5], tuple(text or "" for text in pair[0][5])))
        return (one for _, one in made)

    def _row(self, row: tuple[Any, ...], found: Found) -> TimelineRow:
        event, _, _, _, _, raw, source, event_id, strings, message = row
        moment = self._moment(row)
        values = strings_from_json(strings)
        text = " ".join(text_from_sql(message).split()) if message else sentence(found.row.claim, found.object, values)
        if len(text) > _DETAIL_MAX:
            text = f"{text[: _DETAIL_MAX - 3]}..."
        references = (f"event:{event}", found.learned) if found.learned else (f"event:{event}",)
        time, low, high = map(self._clocks.shown, moment[:3])
        return TimelineRow(
            time, min(low, time), max(high, time), moment.bounded, raw, self._node(row),
            TimelineKind.EVENT, found.row.claim, found.object, f"{text_from_sql(source)} {event_id or 0}: {text}",
            None, found.mark, references,
        )  # fmt: skip

    def _does_matter(self, row: tuple[Any, ...]) -> bool:
        """What the catalogue says of the row's kind and strings, remembered: most events are a few of these."""
        if row[9] is not None or len(row[8] or "") > _LONG:
            found = matched(self._catalogue, row, self._log(row)[1])
            return found is not None and found.matters
        key = (*row[6:9], row[1], row[2])
        known = self._matters.get(key)
        if known is None:
            found = matched(self._catalogue, row, self._log(row)[1])
            if len(self._matters) >= _MANY:
                self._matters.clear()
            known = self._matters[key] = found is not None and found.matters
        return known

    def _log(self, row: tuple[Any, ...]) -> tuple[str, str]:
        owner, log = self._files[row[1]]
        return owner, log if row[2] is None else text_from_sql(row[2])

    def _node(self, row: tuple[Any, ...]) -> str:
        return self._files[row[1]][0] if row[3] is None else text_from_sql(row[3])

    def _moment(self, row: tuple[Any, ...]) -> Moment:
        return self._clocks.moment(self._node(row), row[5], self._log(row), row[4])
