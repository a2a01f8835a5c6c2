"""The observations that bear on one group, on the common time line and in the order in which they happened."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from forensics.claims import GROUP_CLAIMS, PASSIVE_CLAIMS, Claim
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from forensics.clocks.model import Moment
    from forensics.observations import Observation

MAILBOX_CLAIMS: Final = PASSIVE_CLAIMS | {Claim.ACTIVE, Claim.ACTIVE_ENDED, Claim.HANDOFF}
"""Claims on the clustered mailbox server's group, which name no group."""

PRESENCE_CLAIMS: Final = frozenset(
    {
        Claim.BOOT,
        Claim.SHUTDOWN,
        Claim.UNEXPECTED_SHUTDOWN,
        Claim.RESTART_REQUEST,
        Claim.FORMED,
        Claim.JOINED,
        Claim.DOWN,
        Claim.NODE_REMOVED,
    }
)
"""Claims on a machine and its membership, which bear on every group."""

# Causes stand before effects where two nodes' clocks cannot tell: what ends a role, then what begins one.
_ENDING: Final = frozenset(
    {Claim.GROUP_OFFLINE, Claim.GROUP_GOING_OFFLINE, Claim.SHUTDOWN, Claim.NODE_REMOVED, Claim.DOWN}
)
_BEGINNING: Final = frozenset({Claim.GROUP_COMING_ONLINE, Claim.GROUP_ONLINE, Claim.ACTIVE})
_BLURRED: Final = 120 * TICKS_PER_SECOND
_TOLERANCE: Final = 2 * TICKS_PER_SECOND


class Times(Protocol):
    """What the reconstruction asks of the clocks."""

    def moment(self, node: str, raw: int, log: tuple[str, str] | None = None, number: int | None = None) -> Moment:
        """The recorded time of a node on the common time line."""
        ...

    def shown(self, time: int) -> int:
        """What the reference's clock showed at a moment of the common time line."""
        ...


@dataclass(frozen=True, slots=True)
class Sign:
    """One observation as far as one group is concerned.

    Attributes:
        node: of which it speaks (the removed node, not the one that reports the removal).
        claim: what it says of that node.
        time, low, high: when, on the common time line; `high` includes the resolution of the recorded time.
        bounded: False where the clock that recorded it is not bounded on both sides.
        weight: what it costs not to believe it.
        observation: the event behind it.
    """

    node: str
    claim: Claim
    time: int
    low: int
    high: int
    bounded: bool
    weight: float
    observation: Observation

    @property
    def sharp(self) -> bool:
        """Whether it is known to two minutes when it was: what rests on a blurred one is never certain."""
        return sharp(self)

    @property
    def reference(self) -> str:
        """How conclusions name the event behind it."""
        return self.observation.reference


class _Known(Protocol):
    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...
    @property
    def bounded(self) -> bool: ...


def sharp(when: _Known) -> bool:
    """Whether a time is known to two minutes."""
    return when.bounded and when.high - when.low <= _BLURRED


_MARK_WEIGHTS: Final = {"documented": 1.0, "inferred": 0.9, "common": 0.8, "unverified": 0.25, "unknown": 0.0}
_STRONG, _WEAK = 8.0, 1.0


def weight(observation: Observation) -> float:
    """What a claim is worth, by how strong the catalogue calls it and how well it is known."""
    return (_STRONG if observation.strong else _WEAK) * _MARK_WEIGHTS.get(str(observation.mark), 0.0)


def signs_of(
    observations: Iterable[Observation], nodes: Collection[str], group: str | None, times: Times, *, mailbox: bool
) -> list[Sign]:
    """The signs on `group` among `observations`, in the order in which they happened.

    Args:
        observations: of all nodes.
        nodes: names of the nodes; what other computers say is left out.
        group: name of the group, compared without case; None where no event names the mailbox server's.
        times: the clocks.
        mailbox: whether it is the clustered mailbox server's group, so that claims on the store and the replication
            bear on it.
    """
    folded = group.casefold() if group is not None else None
    known = set(nodes)
    found = []
    for one in observations:
        node = one.node
        if one.claim in GROUP_CLAIMS:
            if folded is None or (one.object or "").casefold() != folded:
                continue
        elif one.claim is Claim.NODE_REMOVED:
            node = short_name(one.object)
        elif one.claim in MAILBOX_CLAIMS:
            if not mailbox:
                continue
        elif one.claim not in PRESENCE_CLAIMS:
            continue
        if node not in known or not (worth := weight(one)):
            continue
        when = times.moment(one.node, one.raw, one.log, one.number)
        high = when.high + max(0, one.resolution - 1)
        # Of an entry of which only a copy is there nobody knows which clock set its time.
        is_own = one.log[0] == one.node
        found.append(Sign(node, one.claim, when.time, when.low, high, is_own and when.bounded, worth, one))
    found = _before_their_copies(found)
    found.sort(key=_order)
    return _in_passing(_causes_first(found))


def _before_their_copies(signs: Sequence[Sign]) -> list[Sign]:
    """Put entries of which only a copy is there where that copy stands.

    Which clock set the copy's time is not known, but it was logged before the log's owner wrote its own next record.
    """
    by_log: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for at, sign in enumerate(signs):
        if sign.observation.number is not None:
            by_log[sign.observation.log].append((sign.observation.number, at))
    found = list(signs)
    for (owner, _), rows in by_log.items():
        behind: Sign | None = None
        for _, at in sorted(rows, reverse=True):
            sign = found[at]
            if sign.observation.node == owner:
                behind = sign
            # Numbers that began anew place nothing: such a record lies elsewhere altogether.
            elif behind is not None and sign.low <= behind.time < sign.time:
                found[at] = replace(sign, time=behind.time, high=max(behind.time, min(sign.high, behind.high)))
    return found


def short_name(computer: str | None) -> str:
    """A computer's name as nodes are named: upper case, without domain."""
    return (computer or "").partition(".")[0].upper()


def _order(sign: Sign) -> tuple[object, ...]:
    one = sign.observation
    strings = tuple(text or "" for text in one.strings)
    return sign.time, one.log, -1 if one.number is None else one.number, one.source, one.event_id, strings


def _rank(sign: Sign) -> int:
    return 0 if sign.claim in _ENDING else 2 if sign.claim in _BEGINNING else 1


def _causes_first(signs: list[Sign]) -> list[Sign]:
    """Put causes before effects where signs of two nodes lie closer together than clocks and whole seconds can tell.

    The order of the signs of one reporting node stays.
    """
    ordered: list[Sign] = []
    for sign in signs:
        place = len(ordered)
        # Far enough back for any burst at one moment, and bounded, whatever the evidence holds.
        for at in range(len(ordered) - 1, max(-1, len(ordered) - 17), -1):
            before = ordered[at]
            if before.observation.node == sign.observation.node or sign.time - before.time > _TOLERANCE:
                break
            if _rank(before) > _rank(sign):
                place = at
        ordered.insert(place, sign)
    return ordered


def _in_passing(signs: list[Sign]) -> list[Sign]:
    """Weigh signs by the group's coming online or going offline around them.

    Databases that start while their group comes online weigh nothing: that nobody is active yet fits them. So do those
    that stop while it goes offline, however many they are. A group that is online without having come online weighs
    half.
    """
    coming: set[str] = set()
    going: set[str] = set()
    ordered = []
    for sign in signs:
        lone = sign.claim is Claim.GROUP_ONLINE and sign.node not in coming
        if sign.claim in GROUP_CLAIMS or (sign.claim in PRESENCE_CLAIMS and sign.claim is not Claim.RESTART_REQUEST):
            coming.discard(sign.node)
            going.discard(sign.node)
        if sign.claim is Claim.GROUP_COMING_ONLINE:
            coming.add(sign.node)
        elif sign.claim is Claim.GROUP_GOING_OFFLINE:
            going.add(sign.node)
        passing = {Claim.ACTIVE: coming, Claim.ACTIVE_ENDED: going}.get(sign.claim, ())
        factor = 1.0
        if sign.node in passing:
            factor = 0.01
        elif lone:
            factor = 0.5
        ordered.append(replace(sign, weight=sign.weight * factor) if factor < 1 else sign)
    return ordered
