"""What a role history says, in a few plain sentences."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

from forensics.text import counted
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from forensics.roles.analyse import Analysis
    from forensics.roles.model import ClockOffset, RoleHistory, RoleInterval, RoleTransition

_T = TypeVar("_T")

# Of many moves, outages, ... the first and the last so many are told, and the number of the others.
TOLD_AT_EACH_END: Final = 3
_MINUTE: Final = 60 * TICKS_PER_SECOND
# A move that is known to the minute has one time; a wider one has two.
_WIDE: Final = 5 * _MINUTE
# What a machine needs to start is no gap in what is known.
_SHORT: Final = 5 * _MINUTE
TELLING_LOGS: Final = "the System log, and on Server 2008 the log Microsoft-Windows-FailoverClustering/Operational"


def story(history: RoleHistory, show: Callable[[object], str], telling: str = TELLING_LOGS) -> list[str]:
    """The history of one group as sentences, in the order in which somebody would tell it.

    Args:
        history: times on the reference clock.
        show: makes the time of a row (ISO 8601, UTC) what the reader sees.
        telling: the logs that would decide what is not known, as the end of a sentence.

    Returns:
        Who was active first, the moves, who was active last, who was down, what contradicts itself, what is not known
        and what would tell it, and the clocks. Never empty, and of bounded length, whatever the history holds.
    """
    if not history.nodes:
        return [f"Nothing in the evidence tells who was active. What would: {telling}."]
    teller = _Teller(history, show, telling)
    return [
        *teller.first(),
        *teller.moves(),
        *teller.last(),
        *teller.outages(),
        *teller.conflicts(),
        *teller.unknown(),
        *teller.clocks(),
    ]


def telling_logs(analysis: Analysis) -> str:
    """The logs that would tell of roles on the systems that the evidence is from, as the end of a sentence."""
    sources = {one.source.casefold() for one in analysis.evidence.observations}
    if "microsoft-windows-failoverclustering" in sources:
        return "the System log and the log Microsoft-Windows-FailoverClustering/Operational"
    if "clussvc" in sources:
        return "the System log, or the copy of its entries in the other node's"
    return TELLING_LOGS


class _Teller:
    def __init__(self, history: RoleHistory, show: Callable[[object], str], telling: str) -> None:
        self._history = history
        self._show = show
        self._telling = telling
        self._name = history.group or "the mailbox server"
        self._active = [one for one in history.intervals if one.role == "active"]

    def first(self) -> list[str]:
        if not self._active:
            if self._history.transitions:
                return []
            return [f"On which node {self._name} was active is not in the evidence."]
        one = self._active[0]
        return [f"{one.node} was active first, from {self._at(one.start)} on ({one.confidence})."]

    def moves(self) -> list[str]:
        moves = self._history.transitions
        if not moves:
            return [f"No move of {self._name} shows in the evidence."] if self._active else []
        number = f"{_capital(self._name)} moved {_times(len(moves))}" + ("." if len(moves) > 1 else ":")
        doubtful = [move.id for move in moves if move.confidence != "certain"]
        if doubtful and len(moves) > 2 * TOLD_AT_EACH_END:
            number += f" Not certain: {_listed(doubtful)}."
        told = _ends(moves, self._move, lambda left: f"{counted(left, 'more move')} in between.")
        return [number, *told] if len(moves) > 1 else [f"{number} {told[0]}"]

    def _move(self, move: RoleTransition) -> str:
        source = move.from_node or "a node that is not in the evidence"
        target = move.to_node or "a node that is not in the evidence"
        text = f"{self._at(move.time)}: from {source} to {target} ({move.confidence}"
        if move.latest - move.earliest > _WIDE:
            text += f"; between {self._at(move.earliest)} and {self._at(move.latest)}"
        return f"{text}; {move.id})."

    def last(self) -> list[str]:
        if not self._active:
            return []
        one = max(self._active, key=lambda one: (one.end, one.start))
        if one is self._active[0] and not self._history.transitions:
            return [f"It is still active at the end of its evidence, {self._at(one.end)}."] if self._open(one) else []
        if self._open(one):
            return [f"At the end of the evidence {one.node} is active ({one.confidence})."]
        return [f"{one.node} was the last that is known to be active, until {self._at(one.end)} ({one.confidence})."]

    def _open(self, one: RoleInterval) -> bool:
        """Whether the node's evidence ends while it is active."""
        return not any(other.start >= one.end for other in self._history.intervals if other.node == one.node)

    def outages(self) -> list[str]:
        starts = {node: min(i.start for i in mine) for node, mine in _by_node(self._history.intervals)}
        down = [
            one
            for one in self._history.intervals
            if one.role == "down" and (one.start != starts[one.node] or one.end - one.start > _SHORT)
        ]
        return _ends(
            down,
            lambda one: f"{one.node} was down from {self._at(one.start)} to {self._at(one.end)} ({one.confidence}).",
            lambda left: f"{counted(left, 'more outage')} in between.",
        )

    def conflicts(self) -> list[str]:
        return _ends(
            self._history.conflicts,
            lambda one: (
                f"{' and '.join(one.nodes)} both claim to be active from {self._at(one.start)} to {self._at(one.end)}"
                f" ({one.id}): the evidence contradicts itself there."
            ),
            lambda left: f"{counted(left, 'more contradiction')} in between.",
        )

    def unknown(self) -> list[str]:
        gaps = [one for one in self._history.intervals if one.role == "unknown" and one.end - one.start > _SHORT]
        told = _ends(
            gaps,
            lambda one: (
                f"What {one.node} was from {self._at(one.start)} to {self._at(one.end)} is not known. {one.why}"
            ),
            lambda left: f"{counted(left, 'more such time')} in between.",
        )
        if gaps:
            nodes = sorted({one.node for one in gaps})
            told.append(f"What would tell, if it is whole then: of {_listed(nodes)} {self._telling}.")
        return told

    def clocks(self) -> list[str]:
        nodes = self._history.nodes
        if len(nodes) < 2:
            return []
        told = []
        for node in nodes[1:]:
            rows = [row for row in self._history.clock_offsets if row.node == node]
            if not rows:
                told.append(
                    f"Nothing bounds on both sides how far {node}'s clock was off:"
                    f" its times may be minutes away from those of {nodes[0]}."
                )
            elif len(rows) == 1 and rows[0].since is None and rows[0].until is None:
                told.append(f"{node}'s clock was {ahead(rows[0])} {within(rows[0])}.")
            else:
                shown = rows[:TOLD_AT_EACH_END]
                parts = [f"{ahead(row)} {within(row)}{self._span(row)}" for row in shown]
                more = f"; {len(rows) - len(shown)} more in `ccrf roles`" if len(rows) > len(shown) else ""
                told.append(f"One of the clocks was set. {node}'s was {'; '.join(parts)}{more}.")
        return [*told, f"Times here are on the clock of {nodes[0]}."]

    def _span(self, row: ClockOffset) -> str:
        since = "" if row.since is None else f" from {self._at(row.since)}"
        until = "" if row.until is None else f" until {self._at(row.until)}"
        return since + until

    def _at(self, moment: int) -> str:
        return self._show(iso_utc(moment))


def ahead(row: ClockOffset) -> str:
    """`43.2 s ahead of ...`: where the node's clock stood; what must be added to its times has the opposite sign."""
    if not row.seconds:
        return f"level with that of {row.reference}"
    return f"{abs(row.seconds):.1f} s {'ahead of' if row.seconds < 0 else 'behind'} that of {row.reference}"


def within(row: ClockOffset) -> str:
    """`(± 1.5 s)`."""
    return f"(± {row.uncertainty:.1f} s)"


def _by_node(intervals: Iterable[RoleInterval]) -> Iterable[tuple[str, list[RoleInterval]]]:
    ordered = sorted(intervals, key=lambda one: one.node)
    return [(node, list(group)) for node, group in groupby(ordered, key=lambda one: one.node)]


def _ends(things: Sequence[_T], tell: Callable[[_T], str], left_out: Callable[[int], str]) -> list[str]:
    """All of a few things told, of many the first, the last, and how many there are between."""
    if len(things) <= 2 * TOLD_AT_EACH_END:
        return [tell(thing) for thing in things]
    left = len(things) - 2 * TOLD_AT_EACH_END
    first, last = things[:TOLD_AT_EACH_END], things[-TOLD_AT_EACH_END:]
    return [*map(tell, first), left_out(left), *map(tell, last)]


def _listed(names: Sequence[str]) -> str:
    if len(names) > 2 * TOLD_AT_EACH_END:
        return f"{', '.join(names[: 2 * TOLD_AT_EACH_END])} and {len(names) - 2 * TOLD_AT_EACH_END} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
