"""Times in which several nodes claim to be active: shown, not averaged away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import PASSIVE_CLAIMS, Claim
from forensics.roles.confidence import references
from forensics.roles.presence import STARTS
from forensics.roles.spans import union
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from forensics.roles.signs import Sign
    from forensics.roles.spans import Span

_BEGINS: Final = frozenset({Claim.GROUP_ONLINE, Claim.ACTIVE, Claim.GROUP_GOING_OFFLINE})
_ENDS: Final = frozenset(
    PASSIVE_CLAIMS
    | {
        Claim.GROUP_OFFLINE,
        Claim.GROUP_COMING_ONLINE,
        Claim.BOOT,
        Claim.SHUTDOWN,
        Claim.DOWN,
        Claim.NODE_REMOVED,
        Claim.JOINED,
        Claim.FORMED,
    }
)


class Claimed(NamedTuple):
    """A stretch in which a node claims to be active by its own events alone."""

    node: str
    start: Sign
    end: Sign | None
    span: Span


class Clash(NamedTuple):
    """One conflict before it gets its id."""

    start: int
    end: int
    nodes: tuple[str, ...]
    evidence: tuple[str, ...]
    why: str


def claimed_by(
    node: str, signs: Sequence[Sign], run_end: Callable[[Sign], int], last_word: Callable[[Sign], int]
) -> list[Claimed]:
    """The stretches in which a node's own strong events, taken alone, say that it is active.

    Args:
        node: its name.
        signs: of all nodes, in their order.
        run_end: where the whole stretch of a log around a sign ends.
        last_word: when the node of a sign logged something for the last time before it: a machine that starts had
            stopped at some moment behind that.
    """
    found: list[Claimed] = []
    begun: Sign | None = None
    last: Sign | None = None
    for sign in signs:
        if sign.node != node or not sign.observation.strong:
            continue
        if sign.claim in _BEGINS:
            begun, last = begun or sign, sign
        elif begun is not None and last is not None and sign.claim in _ENDS:
            exact = sign.claim is Claim.GROUP_OFFLINE
            until = last_word(sign) if sign.claim in STARTS else sign.time
            end = sign.time if exact else max(last.time, min(until, run_end(last)))
            found.append(Claimed(node, begun, sign, (begun.time, end)))
            begun = last = None
    if begun is not None and last is not None:
        found.append(Claimed(node, begun, None, (begun.time, max(last.time, run_end(last)))))
    return found


def clashes(claims: Sequence[Claimed]) -> list[Clash]:
    """Where stretches of different nodes overlap by more than clocks and whole seconds explain, in order."""
    found = []
    ordered = sorted(claims, key=lambda claim: (claim.span, claim.node))
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 :]:
            if other.span[0] >= one.span[1]:
                break
            start, end = other.span[0], min(one.span[1], other.span[1])
            if other.node == one.node or end - start <= 2 * TICKS_PER_SECOND + _doubt(one) + _doubt(other):
                continue
            signs = [s for s in (one.start, one.end, other.start, other.end) if s is not None]
            nodes = tuple(sorted((one.node, other.node)))
            why = (
                f"{nodes[0]} and {nodes[1]} both claim to be active: {one.node} since {_event(one.start)}, "
                f"{other.node} since {_event(other.start)}, and neither says that it ended before the other began."
            )
            found.append(Clash(start, end, nodes, references(signs), why))
    return found


def _doubt(claim: Claimed) -> int:
    return max(s.high - s.low for s in (claim.start, claim.end) if s is not None)


def _event(sign: Sign) -> str:
    return f"{sign.observation.source} {sign.observation.event_id}"


def contested_spans(found: Sequence[Clash]) -> list[Span]:
    """The times of all conflicts, as a sorted union."""
    return union((clash.start, clash.end) for clash in found)
