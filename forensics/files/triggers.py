"""Why a backup was made: the service starts and the moves from active to passive that a node's logs tell of.

Documented is that the service writes backups when it starts and at each transition from active to passive; how long
after, is not. So the windows below are generous, an event explains one set, and the nearest explanation goes first.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.files.model import Trigger
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.catalogue import Catalogue
    from forensics.observations import Observation
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory, RoleTransition

START_WINDOW: Final = 5 * 60 * TICKS_PER_SECOND
"""A service starts within this time after its machine, and writes its backup."""
MOVE_WINDOW: Final = 2 * 60 * TICKS_PER_SECOND
"""A node that is passive from now on writes its backup within this time."""
_EARLY: Final = 5 * TICKS_PER_SECOND
"""Recorded times are rounded, to two seconds in archives."""
_ONE_START: Final = 60 * TICKS_PER_SECOND
_ONE_MOVE: Final = 30 * TICKS_PER_SECOND
# What an English service control manager says; in another language a start shows as a boot or not at all.
_RUNNING: Final = "running"


class Occasion(NamedTuple):
    """Something after which the product writes a backup.

    Attributes:
        node: on which.
        trigger: what it is.
        time, low, high: on the common time line; best estimate, not before, not after.
        raw: FILETIME by the node's own clock; None for what other nodes tell.
        reference: the event or the move.
        claim: what the event says; None for a move of the role history.
        sure: whether it is documented that a backup follows, and not only usual.
    """

    node: str
    trigger: Trigger
    time: int
    low: int
    high: int
    raw: int | None
    reference: str
    claim: Claim | None
    sure: bool

    @property
    def window(self) -> int:
        """How long after it a backup may be written."""
        return START_WINDOW if self.trigger is Trigger.SERVICE_START else MOVE_WINDOW


class Tie(NamedTuple):
    """What a set is tied to. `also` is the other kind of trigger that would fit as well."""

    occasion: Occasion
    also: Occasion | None


def occasions_of(analysis: Analysis, history: RoleHistory) -> dict[str, list[Occasion]]:
    """By node everything after which a backup can have been made, in the order of time, each once."""
    found: dict[str, list[Occasion]] = defaultdict(list)
    apart = {name.casefold() for name in analysis.well_known}
    for one in analysis.evidence.observations:
        trigger = _trigger(one, history.group, apart, analysis.catalogue)
        if trigger is not None:
            moment = analysis.clocks.moment(one.node, one.raw, one.log, one.number)
            sure = one.claim in {Claim.SERVICE_START, Claim.SERVICE_STATE, Claim.GROUP_OFFLINE}
            found[one.node].append(
                Occasion(
                    one.node, trigger, moment.time, moment.low, moment.high, one.raw, one.reference, one.claim, sure
                )
            )
    for move in history.transitions:
        if move.from_node is not None and _left_alive(history, move):
            # Its times are what the reference's clock showed: the common time line, unless that clock was stepped.
            found[move.from_node].append(
                Occasion(
                    move.from_node,
                    Trigger.ACTIVE_TO_PASSIVE,
                    move.earliest,
                    move.earliest,
                    move.latest,
                    None,
                    move.id,
                    None,
                    move.confidence is Confidence.CERTAIN,
                )
            )
    return {node: _once(rows) for node, rows in found.items()}


def _trigger(one: Observation, group: str | None, apart: set[str], catalogue: Catalogue) -> Trigger | None:
    if one.claim in {Claim.BOOT, Claim.SERVICE_START}:
        return Trigger.SERVICE_START
    if one.claim in {Claim.INSTALL, Claim.UPDATED}:
        return Trigger.SERVICE_START if catalogue.profile.is_product(one.object or "") else None
    if one.claim is Claim.SERVICE_STATE:
        service = catalogue.profile.service(one.object or "")
        running = any((text or "").strip().casefold() == _RUNNING for text in one.strings)
        return Trigger.SERVICE_START if service is not None and service.kind == "product" and running else None
    if one.claim is Claim.GROUP_OFFLINE and one.object is not None:
        name = one.object.casefold()
        fits = name == group.casefold() if group is not None else name not in apart
        return Trigger.ACTIVE_TO_PASSIVE if fits else None
    return None


def _left_alive(history: RoleHistory, move: RoleTransition) -> bool:
    """Whether the node that a move left went on as the passive one: a machine that stopped dead wrote no backup."""
    after = [
        one
        for one in history.intervals
        if one.node == move.from_node and one.end > move.earliest and one.role is not Role.ACTIVE
    ]
    first = min(after, key=lambda one: one.start, default=None)
    return first is not None and first.role is Role.PASSIVE


def _once(rows: Iterable[Occasion]) -> list[Occasion]:
    """One occasion for each start and each move: the event that is nearest to the backup stands for it.

    A start shows in up to four events within a minute (the log's, the machine's, the installer's, the service's); a
    move in the cluster's event and in the role history.
    """
    kept: list[Occasion] = []
    for trigger, together in ((Trigger.SERVICE_START, _ONE_START), (Trigger.ACTIVE_TO_PASSIVE, _ONE_MOVE)):
        last: Occasion | None = None
        for one in sorted((row for row in rows if row.trigger is trigger), key=_order):
            if last is not None and one.time - last.time <= together:
                if one.raw is not None and (last.raw is None or (one.sure and not last.sure)):
                    kept[-1] = last = one
                continue
            kept.append(one)
            last = one
    return sorted(kept, key=_order)


def _order(one: Occasion) -> tuple[int, int, str, str]:
    return one.time, one.raw or 0, one.trigger, one.claim or ""


def ties(made: Mapping[str, int], occasions: Sequence[Occasion], slack: Mapping[str, int]) -> dict[str, Tie]:
    """For sets of one node, made at moments of the common time line, what each was made after.

    An occasion explains one set, the nearest pair goes first. What fits nothing has no entry.

    Args:
        made: by key of the set when it was made.
        occasions: of the node.
        slack: by key how much later it may have been: the resolution of its time.
    """
    pairs = sorted(
        (max(0, time - one.time), at, key)
        for key, time in made.items()
        for at, one in enumerate(occasions)
        if -_EARLY - slack[key] <= time - one.time <= one.window
    )
    found: dict[str, Tie] = {}
    used: set[int] = set()
    for _, at, key in pairs:
        if key in found or at in used:
            continue
        used.add(at)
        found[key] = Tie(occasions[at], None)
    for _, at, key in pairs:
        tie = found.get(key)
        if (
            tie is not None
            and tie.also is None
            and at not in used
            and occasions[at].trigger is not tie.occasion.trigger
        ):
            found[key] = tie._replace(also=occasions[at])
    return found


def fitting(lows: Sequence[int], occasions: Sequence[Occasion]) -> list[Occasion | None]:
    """For sets whose order is known and whose times are not: the one occasion that each can have been made at.

    Each set has an occasion of its own, in the same order, and was not made before its newest content. Where more than
    one occasion fits a set, the answer for it is None.

    Args:
        lows: for each set, in their order, before which moment it was not made.
        occasions: of the node, in the order of time.
    """
    early: list[int] = []
    at = 0
    for low in lows:
        while at < len(occasions) and occasions[at].high + occasions[at].window < low:
            at += 1
        if at >= len(occasions):
            return [None] * len(lows)
        early.append(at)
        at += 1
    late = [len(occasions) - len(lows) + index for index in range(len(lows))]
    return [occasions[first] if first == last else None for first, last in zip(early, late, strict=True)]
