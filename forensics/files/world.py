"""What the analysis of files asks of roles and clocks: who was active at a moment, when a recorded time was."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory, RoleInterval, RoleTransition

_PRODUCT_STARTS: Final = frozenset({Claim.SERVICE_START})


class When(NamedTuple):
    """A recorded time on the reference's clock: best estimate, not before, not after; `bounded` as in `Moment`."""

    time: int
    low: int
    high: int
    bounded: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that bears on files: what, on which node, when, its reference, and what it names (a product, a file)."""

    claim: Claim
    node: str
    when: When
    reference: str
    object: str | None


class World:
    """Roles, clocks and events around the files of one case. All times given out are on the reference's clock."""

    def __init__(self, analysis: Analysis, history: RoleHistory, cycle_seconds: int) -> None:
        self.analysis = analysis
        self.history = history
        self.cycle: Final = cycle_seconds * TICKS_PER_SECOND
        self.nodes: Final = history.nodes
        self._intervals: dict[str, list[RoleInterval]] = {node: [] for node in history.nodes}
        for one in history.intervals:
            self._intervals[one.node].append(one)
        self._starts = {node: [one.start for one in rows] for node, rows in self._intervals.items()}

    def when(self, node: str, raw: int) -> When:
        """A time that the node's clock recorded."""
        moment = self.analysis.clocks.moment(node, raw)
        shown = self.analysis.clocks.shown
        return When(shown(moment.time), shown(moment.low), shown(moment.high), moment.bounded)

    def interval(self, node: str, time: int) -> RoleInterval | None:
        """The role interval of a node that holds a moment; None before its evidence.

        Behind the evidence the last one: files were copied from the node a little after its last event.
        """
        rows = self._intervals.get(node)
        if not rows:
            return None
        at = bisect_right(self._starts[node], time) - 1
        return rows[at] if at >= 0 else None

    def role(self, node: str, time: int) -> Role:
        """What a node was at a moment; unknown outside of its evidence."""
        found = self.interval(node, time)
        return found.role if found is not None else Role.UNKNOWN

    def sure(self, node: str, time: int) -> Confidence:
        """How sure that is."""
        found = self.interval(node, time)
        return found.confidence if found is not None else Confidence.POSSIBLE

    def active(self, time: int) -> str | None:
        """The node that was active at a moment, as far as is known."""
        return next((node for node in self.nodes if self.role(node, time) is Role.ACTIVE), None)

    def last_active(self) -> str | None:
        """The node that was known to be active last in the evidence."""
        known = [one for one in self.history.intervals if one.role is Role.ACTIVE]
        return max(known, key=lambda one: (one.end, one.start, one.node)).node if known else None

    def move_from(self, node: str, after: int) -> RoleTransition | None:
        """The first move away from a node at or after a moment."""
        moves = (m for m in self.history.transitions if m.from_node == node and m.time >= after)
        return min(moves, key=lambda move: move.time, default=None)

    def going_offline(self, node: str, before: int) -> int | None:
        """When the group last began to go offline on a node before a moment; None where no event says so."""
        group = (self.history.group or "").casefold()
        times = [
            one.when.time
            for one in self.happenings([Claim.GROUP_GOING_OFFLINE])
            if one.node == node and (one.object or "").casefold() == group and one.when.time <= before
        ]
        return max(times, default=None)

    def happenings(self, claims: Sequence[Claim]) -> list[Happening]:
        """Events of these claims, by time."""
        wanted = set(claims)
        found = []
        for one in self.analysis.evidence.observations:
            if one.claim in wanted and one.node in self._intervals:
                moment = self.analysis.clocks.moment(one.node, one.raw, one.log, one.number)
                shown = self.analysis.clocks.shown
                when = When(shown(moment.time), shown(moment.low), shown(moment.high) + one.resolution, moment.bounded)
                found.append(Happening(one.claim, one.node, when, one.reference, one.object))
        return sorted(found, key=lambda one: (one.when, one.node, one.claim, one.object or ""))
