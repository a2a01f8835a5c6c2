"""What was done, from several events of one occasion: the product installed or removed, a machine started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.files.world import When
from forensics.profile import Mark
from forensics.roles.model import Confidence
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.observations import Observation

# One installation is logged by more than one event, at its end.
_ONE_OCCASION: Final = 10 * 60 * TICKS_PER_SECOND
# An installer that replaces a version removes the old one within its own run.
_REPLACED: Final = 5 * 60 * TICKS_PER_SECOND
# A machine joins its cluster soon after its start.
_STARTING: Final = 15 * 60 * TICKS_PER_SECOND
# From the request to the start that follows.
_REQUESTED: Final = 60 * 60 * TICKS_PER_SECOND


class Seen(NamedTuple):
    """An observation in time: `when` as the reference's clock showed it, `line` on the common time line."""

    node: str
    when: When
    line: int
    observation: Observation

    @property
    def reference(self) -> str:
        """How conclusions name it."""
        return self.observation.reference


@dataclass(frozen=True, slots=True)
class Deed:
    """One occasion.

    Attributes:
        claim: `install`, `removal` or `boot`.
        node: where.
        when: on the reference's clock: from the first to the last of its events.
        start, end: the same on the common time line, as logs are looked up by.
        seen: its events, in order.
        confidence: how sure it is that it happened, by how well it is known what its events say.
        sudden: of a start: the machine had stopped without a shutdown.
    """

    claim: Claim
    node: str
    when: When
    start: int
    end: int
    seen: tuple[Seen, ...]
    confidence: Confidence
    sudden: bool = False

    @property
    def references(self) -> tuple[str, ...]:
        """The events behind it, and the message files that taught what they say."""
        named = [(one.reference, one.observation.learned) for one in self.seen]
        return tuple(dict.fromkeys(name for pair in named for name in pair if name is not None))


def sureness(seen: Iterable[Seen]) -> Confidence:
    """How sure a fact is by what says it: documented events, or two kinds of commonly known ones, make it certain."""
    marks = {one.observation.mark for one in seen}
    kinds = {(one.observation.source.casefold(), one.node) for one in seen if one.observation.mark != Mark.UNVERIFIED}
    if Mark.DOCUMENTED in marks or len(kinds) > 1:
        return Confidence.CERTAIN
    return Confidence.PROBABLE if kinds else Confidence.POSSIBLE


def product_deeds(seen: Sequence[Seen]) -> list[Deed]:
    """Installations and removals of the product, by time; a version that another replaced is no removal.

    Args:
        seen: installations and removals of the product, by time.
    """
    found: list[Deed] = []
    for claim in (Claim.INSTALL, Claim.REMOVAL):
        for node in sorted({one.node for one in seen}):
            ours = [one for one in seen if one.observation.claim is claim and one.node == node]
            found += [_deed(claim, group) for group in _occasions(ours)]
    found.sort(key=lambda one: (one.start, one.node, one.claim))
    return [one for one in found if not _is_replaced(one, found)]


def starts_of(seen: Sequence[Seen]) -> list[Deed]:
    """Starts of machines, by time, each with what bears it out: its request before, its join of the cluster behind."""
    found = []
    for node in sorted({one.node for one in seen}):
        ours = [one for one in seen if one.node == node]
        boots = _occasions([one for one in ours if one.observation.claim is Claim.BOOT])
        for group in boots:
            deed = _deed(Claim.BOOT, group)
            beside = [one for one in ours if _bears_out(one, deed)]
            sudden = any(one.observation.claim is Claim.UNEXPECTED_SHUTDOWN for one in beside)
            both = sorted([*group, *beside], key=lambda one: (one.line, one.observation.event))
            found.append(replace(deed, seen=tuple(both), confidence=sureness(both), sudden=sudden))
    return sorted(found, key=lambda one: (one.start, one.node))


def _bears_out(one: Seen, start: Deed) -> bool:
    claim = one.observation.claim
    if claim is Claim.RESTART_REQUEST:
        return start.start - _REQUESTED <= one.line <= start.start
    if claim in {Claim.JOINED, Claim.FORMED}:
        return start.start <= one.line <= start.end + _STARTING
    return claim is Claim.UNEXPECTED_SHUTDOWN and abs(one.line - start.start) <= _STARTING


def _occasions(seen: Sequence[Seen]) -> list[list[Seen]]:
    found: list[list[Seen]] = []
    for one in seen:
        if found and one.line - found[-1][0].line <= _ONE_OCCASION:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _deed(claim: Claim, group: Sequence[Seen]) -> Deed:
    when = When(
        group[0].when.time,
        min(one.when.low for one in group),
        max(one.when.high for one in group),
        all(one.when.bounded for one in group),
    )
    return Deed(claim, group[0].node, when, group[0].line, group[-1].line, tuple(group), sureness(group))


def _is_replaced(one: Deed, deeds: Sequence[Deed]) -> bool:
    return one.claim is Claim.REMOVAL and any(
        other.claim is Claim.INSTALL and other.node == one.node and 0 <= other.end - one.start <= _REPLACED
        for other in deeds
    )
