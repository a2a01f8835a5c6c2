"""What the analysis of files asks of roles and clocks: who was active at a moment, when a recorded time was."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.clocks.model import ASSUMED_LIMIT
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory, RoleInterval, RoleTransition

# What an English service control manager says of a service that has started.
_RUNNING: Final = "running"
# The claims that bear on files: the others are not kept.
_BEARING: Final = frozenset(
    {
        Claim.INSTALL,
        Claim.FORCED_SYNC,
        Claim.COPY_SKIPPED,
        Claim.GROUP_GOING_OFFLINE,
        Claim.SERVICE_START,
        Claim.SERVICE_STATE,
    }
)


class When(NamedTuple):
    """A recorded time on the reference's clock: best estimate, not before, not after; `bounded` as in `Moment`."""

    time: int
    low: int
    high: int
    bounded: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that bears on files: what, on which node, when, its reference, and what it names (a product, a file).

    `raw` is the time by the node's own clock, `strings` the event's insertion strings.
    """

    claim: Claim
    node: str
    when: When
    reference: str
    object: str | None
    raw: int = 0
    strings: tuple[str | None, ...] = ()

    def names(self, file: str) -> bool:
        """Whether one of the strings is a file's name, or a path that ends with it."""
        wanted = file.casefold()
        return any(
            (text or "").replace("\\", "/").rpartition("/")[2].strip().casefold() == wanted for text in self.strings
        )


class World:
    """Roles, clocks and events around the files of one case. All times given out are on the reference's clock."""

    def __init__(
        self, analysis: Analysis, history: RoleHistory, cycle_seconds: int, with_files: Iterable[str] = ()
    ) -> None:
        """Take what is known.

        Args:
            analysis: clocks and events.
            history: of the mailbox server's group.
            cycle_seconds: how often the passive node looks for newer configuration.
            with_files: nodes of which there are files. A CCR cluster has two nodes: of the one whose logs are not in
                the evidence something is known as well, from those of the other.
        """
        self.analysis = analysis
        self.history = history
        self.cycle: Final = cycle_seconds * TICKS_PER_SECOND
        self.nodes: Final = history.nodes
        self._intervals: dict[str, list[RoleInterval]] = {node: [] for node in history.nodes}
        for one in history.intervals:
            self._intervals[one.node].append(one)
        silent = sorted(set(with_files) - set(history.nodes))
        self._silent: Final = silent[0] if len(silent) == 1 and len(history.nodes) == 1 else None
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
        if found is None or found.role is Role.UNKNOWN:
            return Confidence.POSSIBLE
        return found.confidence

    def active(self, time: int) -> str | None:
        """The node that had the group at a moment, as far as is known.

        Where no log says who was active, the node to which the group had moved last still has it, unless that node is
        known to have been something else.
        """
        for node in self.nodes:
            if self.role(node, time) is Role.ACTIVE:
                return node
        if self._silent is not None and self.role(self.nodes[0], time) is Role.PASSIVE:
            return self._silent
        moves, at = self._moves, bisect_right(self._move_times, time) - 1
        before = moves[at] if at >= 0 else None
        after = moves[at + 1] if at + 1 < len(moves) else None
        owner = before.to_node if before is not None else after.from_node if after is not None else None
        if owner is None or owner == self._silent or self.role(owner, time) is not Role.UNKNOWN:
            return None
        if after is not None and (after.from_node != owner or time > after.earliest):
            return None
        return owner

    def term(self, node: str, before: int) -> RoleInterval | None:
        """The last stretch in which a node was known to be active, of those that began before a moment."""
        at = bisect_right(self._starts.get(node, []), before)
        return next((one for one in reversed(self._intervals.get(node, [])[:at]) if one.role is Role.ACTIVE), None)

    def still_active(self, node: str, when: When) -> When | None:
        """When a node that was seen at work still had the group, though nothing says so at that moment; None: not.

        Either its logs end before, it has not started anew since, and every other node is known to have been something
        else; or it was down by the others' clocks: nobody works on a machine that is down, so it was before.
        """
        own, term = self.interval(node, when.time), self.term(node, when.time)
        if own is None or term is None or term.end != own.start:
            return None
        if own.role is Role.DOWN and when.time - own.start <= ASSUMED_LIMIT:
            return When(own.start - 1, min(when.low, own.start - 1), when.high, bounded=False)
        others = (one for other in self.nodes if other != node for one in self._intervals[other])
        taken = (
            one.role in {Role.ACTIVE, Role.UNKNOWN} for one in others if one.start <= when.time and one.end >= own.start
        )
        return when if own.role is Role.UNKNOWN and self._silent is None and not any(taken) else None

    def knows_active(self, node: str, time: int) -> bool:
        """Whether the logs show that a node was active at a moment, and not just that no other had the group."""
        return node == self._silent or self.role(node, time) is Role.ACTIVE

    def edges(self, low: int, high: int) -> list[int]:
        """The moments between two others at which what `role` or `active` says can change."""
        return self._edges[bisect_right(self._edges, low - 1) : bisect_right(self._edges, high)]

    def last_active(self) -> str | None:
        """The node that was known to be active last in the evidence."""
        known = [one for one in self.history.intervals if one.role is Role.ACTIVE]
        return max(known, key=lambda one: (one.end, one.start, one.node)).node if known else None

    def move_from(self, node: str, after: int) -> RoleTransition | None:
        """The first move away from a node at or after a moment."""
        return next((m for m in self._moves[self._from(after) :] if m.from_node == node), None)

    def move_to(self, node: str, after: int) -> RoleTransition | None:
        """The first move to a node at or after a moment."""
        return next((m for m in self._moves[self._from(after) :] if m.to_node == node), None)

    def going_offline(self, node: str, before: int) -> int | None:
        """When the group last began to go offline on a node before a moment; None where no event says so."""
        times = self._offline.get(node, [])
        at = bisect_right(times, before) - 1
        return times[at] if at >= 0 else None

    def happenings(self, claims: Sequence[Claim]) -> list[Happening]:
        """Events of these claims, by time; of claims that do not bear on files there are none."""
        if len(claims) == 1:
            return self._happened.get(claims[0], [])
        return sorted((one for claim in claims for one in self._happened.get(claim, [])), key=_order)

    def product_starts(self) -> Mapping[str, Sequence[Happening]]:
        """By node the events that say that a service of the product started, by time."""
        found: dict[str, list[Happening]] = defaultdict(list)
        profile = self.analysis.catalogue.profile
        for one in self.happenings([Claim.SERVICE_START, Claim.SERVICE_STATE]):
            if one.claim is Claim.SERVICE_STATE:
                service = profile.service(one.object or "")
                running = any((text or "").strip().casefold() == _RUNNING for text in one.strings)
                if service is None or service.kind != "product" or not running:
                    continue
            found[one.node].append(one)
        return found

    def _from(self, after: int) -> int:
        return bisect_right(self._move_times, after - 1)

    @cached_property
    def _moves(self) -> list[RoleTransition]:
        moves = sorted(self.history.transitions, key=lambda one: (one.time, one.id))
        if self._silent is None:
            return moves
        # No other node is known to the logs: it is the one that has none.
        return [
            replace(one, from_node=one.from_node or self._silent, to_node=one.to_node or self._silent) for one in moves
        ]

    @cached_property
    def _move_times(self) -> list[int]:
        return [one.time for one in self._moves]

    @cached_property
    def _edges(self) -> list[int]:
        found = {edge for one in self.history.intervals for edge in (one.start, one.end)}
        found |= {edge for one in self._moves for edge in (one.earliest, one.time)}
        return sorted(found)

    @cached_property
    def _offline(self) -> dict[str, list[int]]:
        group = (self.history.group or "").casefold()
        found: dict[str, list[int]] = defaultdict(list)
        for one in self.happenings([Claim.GROUP_GOING_OFFLINE]):
            if (one.object or "").casefold() == group:
                found[one.node].append(one.when.time)
        return {node: sorted(times) for node, times in found.items()}

    @cached_property
    def _happened(self) -> dict[Claim, list[Happening]]:
        found: dict[Claim, list[Happening]] = defaultdict(list)
        shown = self.analysis.clocks.shown
        for one in self.analysis.evidence.observations:
            if one.claim in _BEARING and one.node in self._intervals:
                moment = self.analysis.clocks.moment(one.node, one.raw, one.log, one.number)
                when = When(shown(moment.time), shown(moment.low), shown(moment.high) + one.resolution, moment.bounded)
                found[one.claim].append(
                    Happening(one.claim, one.node, when, one.reference, one.object, one.raw, one.strings)
                )
        return {claim: sorted(rows, key=_order) for claim, rows in found.items()}


def _order(one: Happening) -> tuple[When, str, str, str]:
    return one.when, one.node, one.claim, one.object or ""
