"""`Bound`: one thing really happened before another, on whatever clocks they were recorded."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.observations import Evidence, Observation


class Strength(IntEnum):
    """What a bound is worth where bounds contradict each other; `WEAK` ones are asked only where no other bounds."""

    WEAK = 1
    STRONG = 2
    PROOF = 3


class Place(NamedTuple):
    """An event as the clocks see it.

    Attributes:
        node: whose clock set the time.
        raw: FILETIME as recorded.
        log, number: where it stands, None where that is not known or says nothing.
        event: id in the case; None for what is no event.
        resolution: ticks by which `raw` may be too early.
    """

    node: str
    raw: int
    log: tuple[str, str] | None
    number: int | None
    event: int | None
    resolution: int = 1

    @property
    def reference(self) -> tuple[str, ...]:
        """How conclusions name it; empty for what is no event."""
        return () if self.event is None else (f"event:{self.event}",)


class Bound(NamedTuple):
    """`cause` happened before `effect`.

    Attributes:
        cause, effect: the two; on one node or on two.
        strength: what it is worth.
        why: a clause for people, such as "CMS1 went offline on EXNODE1 before it came online on EXNODE2".
        slack: ticks by which it may be violated all the same.
    """

    cause: Place
    effect: Place
    strength: Strength
    why: str
    slack: int = 0

    @property
    def limit(self) -> int:
        """Offset of the cause's clock minus that of the effect's: at most this many ticks."""
        return self.effect.raw + self.effect.resolution - self.cause.raw + self.slack


def place_of(seen: Observation) -> Place:
    """Where an observation stands."""
    return Place(seen.node, seen.raw, seen.log, seen.number, seen.event, seen.resolution)


def sequel_bounds(evidence: Evidence) -> Iterator[Bound]:
    """An event was logged before its copy came to another node, and so before that node's own next record.

    Records that several threads write at once change places within a second (`forensics.coverage`): that much slack.
    """
    for sequel in evidence.sequels:
        origin = Place(
            sequel.origin, sequel.origin_raw, sequel.origin_log, sequel.origin_number, sequel.origin_event,
            resolution_of(sequel.origin_raw),
        )  # fmt: skip
        receiver = Place(
            sequel.receiver, sequel.receiver_raw, sequel.receiver_log, sequel.receiver_number, sequel.receiver_event,
            resolution_of(sequel.receiver_raw),
        )  # fmt: skip
        why = f"an event of {origin.node} was copied to {receiver.node} before the next one there"
        yield Bound(origin, receiver, Strength.PROOF, why, TICKS_PER_SECOND)


def resolution_of(raw: int) -> int:
    """Ticks by which a time may be too early, as far as the time itself shows it."""
    return TICKS_PER_SECOND if raw % TICKS_PER_SECOND == 0 else 1


def own(observations: Iterable[Observation], nodes: Iterable[str]) -> list[Observation]:
    """Observations of nodes from their own logs, each occurrence once, in the order of their content.

    An entry that was copied from a node whose own log is lost does not tell which of two clocks set its time.
    """
    known = frozenset(nodes)
    kept: dict[tuple[object, ...], Observation] = {}
    for seen in observations:
        if seen.node in known and seen.log[0] == seen.node:
            kept.setdefault(tuple(seen[1:]), seen)
            # The lowest id stands for all, so that the order of the input does not show.
            if seen.event < kept[tuple(seen[1:])].event:
                kept[tuple(seen[1:])] = seen
    return sorted(kept.values(), key=_content)


def _content(seen: Observation) -> tuple[object, ...]:
    number = -1 if seen.number is None else seen.number
    strings = tuple(text or "" for text in seen.strings)
    return (seen.node, seen.log, number, seen.raw, seen.source, seen.event_id, seen.claim, seen.object or "", strings)
