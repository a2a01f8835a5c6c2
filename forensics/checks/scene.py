"""What the checks ask of a case: what was done when, who was active then, and where the logs would tell."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.checks.deeds import Deed, Seen, product_deeds, starts_of
from forensics.checks.model import references, weakest
from forensics.claims import Claim
from forensics.clocks.model import ASSUMED_LIMIT
from forensics.files.world import When, World
from forensics.roles.confidence import weaker
from forensics.roles.coverage import LogCover
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.checks.material import Logon, Material
    from forensics.clocks.model import ClockSpan
    from forensics.observations import Observation
    from forensics.roles.model import RoleInterval, RoleTransition

CONFIGURATION: Final = "configuration"
_CYCLE_SECONDS: Final = 30
# So long a group that is offline is still taken to belong to the node that had it last.
_STILL: Final = 2 * 3600 * TICKS_PER_SECOND
_PRODUCT: Final = frozenset({Claim.INSTALL, Claim.REMOVAL})
_STARTS: Final = frozenset({Claim.BOOT, Claim.JOINED, Claim.FORMED, Claim.RESTART_REQUEST, Claim.UNEXPECTED_SHUTDOWN})
# What only the product logs, so that it is there.
_ALIVE: Final = frozenset(
    {
        Claim.FORCED_SYNC,
        Claim.COPY_SKIPPED,
        Claim.SEEDING_COMPLETE,
        Claim.ENGINE_UPDATE_FAILURE,
        Claim.SCAN_FAILURE,
        Claim.STATISTICS,
        Claim.BACKUP_MADE,
    }
)
_FEW: Final = 3


class RoleAt(NamedTuple):
    """What a node was at a moment, how sure that is, and what it rests on. `online`: the group was online there."""

    role: Role
    confidence: Confidence
    evidence: tuple[str, ...]
    online: bool = True


_UNKNOWN: Final = RoleAt(Role.UNKNOWN, Confidence.POSSIBLE, (), online=False)


class Scene:
    """Everything in time. `When`s are as the reference's clock showed them, coverage is asked on the common line."""

    def __init__(self, material: Material) -> None:
        self.material: Final = material
        self.history: Final = material.history
        self.nodes: Final = material.history.nodes
        self.profile: Final = material.analysis.catalogue.profile
        cycles = {row.name: row.seconds for row in self.profile.cycles}
        files = material.files
        with_files = {*files.live, *(one.node for one in files.sets)} if files is not None else set()
        seconds = cycles.get(CONFIGURATION, _CYCLE_SECONDS)
        self.world: Final = World(material.analysis, material.history, seconds, with_files)
        self.cover: Final = LogCover(material.analysis.evidence, material.analysis.clocks)
        self._seen: dict[Claim, list[Seen]] = defaultdict(list)
        for one in material.analysis.evidence.observations:
            self._seen[one.claim].append(self._put(one))
        for rows in self._seen.values():
            rows.sort(key=lambda one: (one.line, one.node, one.observation.source, one.observation.event_id))

    def _put(self, one: Observation) -> Seen:
        clocks = self.material.analysis.clocks
        moment = clocks.moment(one.node, one.raw, one.log, one.number)
        shown = clocks.shown
        when = When(shown(moment.time), shown(moment.low), shown(moment.high) + one.resolution, moment.bounded)
        return Seen(one.node, when, moment.time, one)

    def read(self, node: str, raw: int) -> When:
        """A time of a node's own clock, as the reference's clock showed it."""
        return self.world.when(node, raw)

    # -- what was seen and done ----------------------------------------------------------------------------------------

    def seen(self, *claims: Claim, node: str | None = None) -> list[Seen]:
        """What was observed of these claims, by time."""
        found = [one for claim in claims for one in self._seen.get(claim, ()) if node is None or one.node == node]
        return found if len(claims) == 1 else sorted(found, key=lambda one: one.line)

    def group_seen(self, *claims: Claim) -> list[Seen]:
        """What was observed of these claims on the mailbox server's group, by time."""
        group = (self.history.group or "").casefold()
        return [one for one in self.seen(*claims) if (one.observation.object or "").casefold() == group]

    @cached_property
    def deeds(self) -> list[Deed]:
        """Installations and removals of the product on nodes, by time."""
        ours = [
            one
            for one in self.seen(*_PRODUCT)
            if one.node in self.nodes and one.observation.object and self.profile.is_product(one.observation.object)
        ]
        return product_deeds(ours)

    @property
    def installs(self) -> list[Deed]:
        """Installations, by time."""
        return [one for one in self.deeds if one.claim is Claim.INSTALL]

    @property
    def removals(self) -> list[Deed]:
        """Removals, by time."""
        return [one for one in self.deeds if one.claim is Claim.REMOVAL]

    @cached_property
    def starts(self) -> list[Deed]:
        """Starts of machines, by time."""
        return starts_of([one for one in self.seen(*_STARTS) if one.node in self.nodes])

    @cached_property
    def alive(self) -> dict[str, list[Seen]]:
        """By node what only the product itself logs, by time."""
        found: dict[str, list[Seen]] = defaultdict(list)
        for one in self.seen(*_ALIVE, Claim.SERVICE_STATE, Claim.UNINTERPRETED):
            claim = one.observation.claim
            service = self.profile.service(one.observation.object or "") if claim is Claim.SERVICE_STATE else None
            if claim is Claim.SERVICE_STATE and (service is None or service.kind != "product"):
                continue
            found[one.node].append(one)
        return found

    @cached_property
    def logons(self) -> list[tuple[int, Logon]]:
        """Logons otherwise than through a terminal server, each with its moment on the common line, by time."""
        moment = self.material.analysis.clocks.moment
        rows = [(moment(one.node, one.raw, one.log, one.number).time, one) for one in self.material.logons]
        return sorted(rows, key=lambda row: (row[0], row[1].reference))

    # -- who was active ------------------------------------------------------------------------------------------------

    def role_at(self, node: str, when: When) -> RoleAt:
        """What a node was in all of the time in which something can have been; unknown where that is more than one."""
        rows = self._rows(node, when)
        roles = {one.role for one in rows}
        word = weakest(*(one.confidence for one in rows))
        # A role that may as well be another one is none to hold against anybody.
        if len(roles) != 1 or Role.UNKNOWN in roles or word is Confidence.POSSIBLE:
            return _UNKNOWN
        evidence = tuple(reference for one in rows for reference in one.evidence[:_FEW])
        role = roles.pop()
        return RoleAt(role, word, evidence, online=role is Role.ACTIVE)

    def state_at(self, node: str, when: When) -> RoleAt:
        """What a node was, of which a record says that it was up then.

        Where another node is active it is passive, as surely as the other is active, for no two are. Where the group is
        offline, the node that had it last is still the active one.
        """
        now = self.role_at(node, when)
        if now.role in {Role.ACTIVE, Role.DOWN}:
            return now
        others = (self.role_at(other, when) for other in self.nodes if other != node)
        active = next((other for other in others if other.role is Role.ACTIVE), None)
        if active is not None:
            word = active.confidence if weaker(active.confidence, now.confidence) is now.confidence else now.confidence
            return RoleAt(Role.PASSIVE, word, references(now.evidence, active.evidence), online=False)
        last = self._had_last(when)
        if last is None or now.role is Role.UNKNOWN:
            return now
        word = weakest(last.confidence, now.confidence, Confidence.PROBABLE)
        role = Role.ACTIVE if last.node == node else Role.PASSIVE
        return RoleAt(role, word, references(last.evidence[:_FEW], now.evidence), online=False)

    def online_at(self, when: When) -> RoleAt | None:
        """The state of the node that is active with its group online; None where no node is known to be."""
        found = [now for node in self.nodes if (now := self.role_at(node, when)).role is Role.ACTIVE]
        return found[0] if found else None

    def nobody_active(self, when: When) -> RoleAt | None:
        """That no node was active, where that is known of all of them and the group was online before; else None."""
        rows = [self.role_at(node, when) for node in self.nodes]
        if len(rows) < 2 or any(one.role not in {Role.PASSIVE, Role.DOWN} for one in rows):
            return None
        if self._had_last(when) is None:
            return None
        evidence = references(*(one.evidence for one in rows))
        return RoleAt(Role.PASSIVE, weakest(*(one.confidence for one in rows)), evidence, online=False)

    def _had_last(self, when: When) -> RoleInterval | None:
        before = [one for one in self.history.intervals if one.role is Role.ACTIVE and one.end <= when.low]
        last = max(before, key=lambda one: (one.end, one.node), default=None)
        return last if last is not None and when.low - last.end <= _STILL else None

    def _rows(self, node: str, when: When) -> list[RoleInterval]:
        moments = [when.low, *self.world.edges(when.low, when.high), when.high]
        found = {row.id: row for at in moments if (row := self.world.interval(node, at)) is not None}
        return list(found.values())

    def in_order(self, one: Deed, other: Deed) -> bool:
        """Whether the one was before the other, as far as their clocks tell."""
        return self.comparable(one.node, other.node) and one.when.high < other.when.low

    def comparable(self, one: str, other: str) -> bool:
        """Whether it can be told, of events of two nodes, which came first.

        Not where nothing bounds a clock that would have to be off by more than is ever taken for granted.
        """
        far = {span.node for span in self._unbounded if abs(span.offset) > ASSUMED_LIMIT}
        return one == other or not {one, other} & far

    def order_word(self, one: str, other: str) -> Confidence:
        """How sure an order of events of two nodes can be: never certain where nothing bounds a clock."""
        loose = {span.node for span in self._unbounded}
        return Confidence.CERTAIN if one == other or not {one, other} & loose else Confidence.PROBABLE

    @cached_property
    def _unbounded(self) -> tuple[ClockSpan, ...]:
        clocks = self.material.analysis.clocks
        return tuple(span for span in clocks.spans if not span.bounded and span.node != clocks.reference)

    def known_throughout(self, low: int, high: int) -> bool:
        """Whether the role of every node is known between two moments, but for the minutes in which machines start."""
        unknown = [one for one in self.history.intervals if one.role is Role.UNKNOWN]
        return len(self.nodes) > 1 and not any(
            min(one.end, high) - max(one.start, low) > 5 * 60 * TICKS_PER_SECOND for one in unknown
        )

    def line_of(self, move: RoleTransition) -> int:
        """When a move was, on the common line: told by the events that it rests on."""
        mine = [seen.line for reference in move.evidence if (seen := self._by_reference.get(reference)) is not None]
        return max(mine, default=move.time)

    @cached_property
    def _by_reference(self) -> dict[str, Seen]:
        wanted = {reference for move in self.history.transitions for reference in move.evidence}
        return {one.reference: one for rows in self._seen.values() for one in rows if one.reference in wanted}

    # -- what logs would tell ------------------------------------------------------------------------------------------

    def logs_of(self, claim: Claim) -> tuple[str, ...]:
        """The names of the logs in which events of a claim stand, as far as the profile or the evidence tells."""
        rows = [row for row in self.profile.events if row.claim is claim]
        wanted = {source.casefold() for row in rows for source in row.event_sources}
        starts = tuple(source[:-1] for source in wanted if source.endswith("*"))
        named = {
            row.log
            for row in self.profile.log_sources
            if row.event_source.casefold() in wanted or (starts and row.event_source.casefold().startswith(starts))
        }
        named |= {one.observation.log[1] for one in self.seen(claim)}
        return tuple(sorted(named - {""}))

    def told(self, node: str, claim: Claim, start: int, end: int) -> bool:
        """Whether a log of the node that would tell of a claim is whole between two moments of the common line."""
        return any(self.cover.whole((node, log), start, end) for log in self.logs_of(claim))

    def lacking(self, claim: Claim) -> list[str]:
        """Nodes of which no log that would tell of a claim is there and whole, sorted."""
        logs = self.logs_of(claim)
        return [
            node
            for node in self.nodes
            if not any(len(self.cover.spans((node, log))) == 1 and not self.cover.is_cut((node, log)) for log in logs)
        ]

    def quiet(self, claim: Claim) -> bool:
        """Whether a claim that nobody made would show: both nodes are known, and a whole log of each would tell."""
        return len(self.nodes) > 1 and not self.lacking(claim)

    def end_of(self, node: str) -> int:
        """The last moment of a node's evidence, on the common line."""
        span = self.material.analysis.evidence.nodes.get(node)
        return 0 if span is None else self.material.analysis.clocks.moment(node, span[1]).time

    def begin_of(self, node: str) -> int:
        """The first."""
        span = self.material.analysis.evidence.nodes.get(node)
        return 0 if span is None else self.material.analysis.clocks.moment(node, span[0]).time


def between(seen: Sequence[Seen], start: int, end: int) -> list[Seen]:
    """Those of a list by time that lie between two moments of the common line, both included."""
    lines = [one.line for one in seen]
    return list(seen[bisect_left(lines, start) : bisect_right(lines, end)])


def named(nodes: Iterable[str]) -> str:
    """`A`, `A and B`."""
    return " and ".join(nodes)


def at(when: When) -> str:
    """When, as a sentence says it."""
    return f"at {iso_utc(when.time)}"
