"""What else bounds two clocks: differences that the cluster logged, removals of nodes, claims of a passive node."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.clocks.bounds import Bound, Place, Strength, place_of
from forensics.clocks.holdings import STORE
from forensics.clocks.ordering import APART
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from forensics.clocks.holdings import Holding
    from forensics.clocks.ordering import Coarse
    from forensics.observations import Observation

TOLERANCE: Final = 2 * TICKS_PER_SECOND
"""A difference that the cluster logged is right within this, at the moment at which it was logged."""

_DIGITS_MAX: Final = 18
_PULLS: Final = frozenset({Claim.PASSIVE, Claim.FORCED_SYNC})
_RETURNS: Final = frozenset({Claim.JOINED, Claim.FORMED, Claim.BOOT})
_UNCLEAN: Final = frozenset({Claim.UNEXPECTED_SHUTDOWN})


class Difference(NamedTuple):
    """The cluster's word for how far the clocks of two nodes were apart; which was ahead it does not say.

    Attributes:
        where: the entry.
        other: the other node.
        ticks: never negative.
    """

    where: Place
    other: str
    ticks: int


def node_name(text: str | None) -> str:
    """A computer's name as the case writes it: upper case, without domain."""
    return (text or "").strip().partition(".")[0].upper()


def differences(seen: Iterable[Observation], nodes: Collection[str]) -> list[Difference]:
    """Logged differences between the node that logs and another; what cannot be read so is left out."""
    found = []
    for one in seen:
        if one.claim is not Claim.TIME_DIFFERENCE or len(one.strings) < 3:
            continue
        names = {node_name(one.strings[0]), node_name(one.strings[1])}
        digits = (one.strings[2] or "").strip().lstrip("+-")
        others = names - {one.node}
        if one.node in names and len(others) == 1 and others <= set(nodes) and _is_count(digits):
            found.append(Difference(place_of(one), others.pop(), int(digits)))
    return found


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX


def removal_bounds(seen: Sequence[Observation], nodes: Collection[str], coarse: Coarse) -> list[Bound]:
    """A node that stopped dead wrote its last before the others removed it, and came back after that.

    Only where one removal and one return after an unclean end are near each other, so that they belong together.
    """
    removed: dict[str, list[Place]] = defaultdict(list)
    deeds: dict[str, list[Observation]] = defaultdict(list)
    for one in seen:
        deeds[one.node].append(one)
        name = node_name(one.object)
        if one.claim is Claim.NODE_REMOVED and name in nodes and name != one.node:
            removed[name].append(place_of(one))
    found: list[Bound] = []
    for node, places in sorted(removed.items()):
        line = sorted(((coarse(place_of(one)), one) for one in deeds[node]), key=lambda item: item[0])
        times = [time for time, _ in line]
        gone = sorted((coarse(place), place) for place in places)
        moments = [time for time, _ in gone]
        for time, place in gone:
            near = line[bisect_left(times, time - APART) : bisect_left(times, time + APART)]
            witnesses = gone[bisect_left(moments, time - APART) : bisect_left(moments, time + APART)]
            if sum(other.node == place.node for _, other in witnesses) == 1:
                found += _around(node, place, [one for _, one in near])
    return found


def _around(node: str, removal: Place, near: Sequence[Observation]) -> list[Bound]:
    returns = [index for index, one in enumerate(near) if one.claim in _RETURNS]
    if not returns or not any(one.claim in _UNCLEAN for one in near):
        return []
    boots = [one for one in near if one.claim is Claim.UNEXPECTED_SHUTDOWN]
    if len(boots) != 1 or any(one.claim is Claim.SHUTDOWN for one in near):
        return []
    first = returns[0]
    why = f"{removal.node} noticed that {node} had stopped"
    found = [Bound(removal, place_of(near[first]), Strength.WEAK, f"{why} before {node} came back")]
    if first > 0:
        found.append(Bound(place_of(near[first - 1]), removal, Strength.WEAK, f"{why} after the last word of {node}"))
    return found


def passive_bounds(seen: Sequence[Observation], holdings: Sequence[Holding], ordered: Iterable[Bound]) -> list[Bound]:
    """A node that copies from the active one does so after the other got the group that it lost.

    Which group is the mailbox server's is not asked: of all that moved with it the earliest bounds.

    Args:
        seen: the nodes' own entries.
        holdings: of groups.
        ordered: bounds that say which holding on one node was followed by which on another.
    """
    next_of: dict[Place, Place] = {}
    for bound in ordered:
        known = next_of.get(bound.cause)
        if known is None or (bound.effect.raw, str(bound.effect)) < (known.raw, str(known)):
            next_of[bound.cause] = bound.effect
    lines: dict[tuple[str, str], list[Holding]] = defaultdict(list)
    keys = set[str]()
    for holding in holdings:
        if not holding.key.startswith(STORE):
            lines[holding.node, holding.key].append(holding)
            keys.add(holding.key)
    for line in lines.values():
        line.sort(key=lambda holding: (holding.end.raw, holding.begin.raw))
    ends = {owner: [holding.end.raw for holding in line] for owner, line in lines.items()}
    found: dict[Place, Bound] = {}
    for one in sorted(seen, key=lambda one: one.raw):
        if one.claim not in _PULLS:
            continue
        taken = [
            _taken_over(one, lines[one.node, key], ends.get((one.node, key), ()), next_of)
            for key in sorted(keys)
            if not _is_held(one, lines[one.node, key], ends.get((one.node, key), ()))
        ]
        places = [place for place in taken if place is not None]
        if places and len(places) == len(taken) and len({place.node for place in places}) == 1:
            first = min(places, key=lambda place: (place.raw, str(place)))
            why = f"{one.node} copied from the active node when {first.node} had taken over"
            found.setdefault(first, Bound(first, place_of(one), Strength.WEAK, why))
    return list(found.values())


def _is_held(one: Observation, line: Sequence[Holding], ends: Sequence[int]) -> bool:
    index = bisect_left(ends, one.raw)
    return index < len(line) and line[index].begin.raw <= one.raw


def _taken_over(
    one: Observation, line: Sequence[Holding], ends: Sequence[int], next_of: dict[Place, Place]
) -> Place | None:
    """When another node got what this one lost last before the entry; None where that is not clear."""
    index = bisect_left(ends, one.raw) - 1
    return next_of.get(line[index].end) if index >= 0 and line[index].lost else None
