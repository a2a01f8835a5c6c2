"""Where and how each version of a file came into being: saved by somebody, put down by an installation, rebuilt.

A last-modified time is set by the clock of the node where the file is saved, and a copy keeps it. So a version has one
node of origin, and the time must be read by that node's clock; which node that is follows from who was active then,
from where the version was seen, and from where it was not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.files.model import Trigger
from forensics.roles.model import Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forensics.files.model import BackupSet, Version
    from forensics.files.world import Happening, When, World

# An installation writes its files while it runs, and its event is logged at the end.
_INSTALLING: Final = (-300 * TICKS_PER_SECOND, 60 * TICKS_PER_SECOND)
_STARTING: Final = (-15 * TICKS_PER_SECOND, 10 * TICKS_PER_SECOND)


class Seen(NamedTuple):
    """A version was there: on a node, at a moment of the reference's clock, and where that is said."""

    node: str
    time: int
    version: Version
    reference: str
    live: bool


class Save(NamedTuple):
    """How a version came into being.

    Attributes:
        version, node, when: what, where, and when on the reference's clock.
        how: "edit", "passive_edit", "install" or "rebuild".
        evidence: events that say so.
        sure: whether the node of origin is beyond doubt.
    """

    version: Version
    node: str
    when: When
    how: str
    evidence: tuple[str, ...] = ()
    sure: bool = True


def saves_of(
    name: str, seen: Sequence[Seen], sets: Sequence[BackupSet], world: World, installs: Sequence[Happening]
) -> list[Save]:
    """How every version among `seen` came into being, by time.

    Args:
        name: the file.
        seen: its sightings, by time.
        sets: all backup sets, for what they lack.
        world: roles and clocks.
        installs: installations of the product.
    """
    by_version: dict[Version, list[Seen]] = {}
    for one in seen:
        by_version.setdefault(one.version, []).append(one)
    starts = _starts(name, sets, world)
    found = [_save(version, places, seen, world, (installs, starts)) for version, places in by_version.items()]
    return sorted(found, key=lambda save: (save.when.time, save.node, save.version.sha256 or ""))


def _save(
    version: Version,
    places: Sequence[Seen],
    seen: Sequence[Seen],
    world: World,
    happened: tuple[Sequence[Happening], Mapping[str, list[tuple[int, str]]]],
) -> Save:
    raw = version.modified or 0
    first_on: dict[str, Seen] = {}
    for one in places:
        first_on.setdefault(one.node, one)
    nodes = [node for node in world.nodes if node in first_on] or sorted(first_on)
    # Around a step of the clock a recorded time may be read in two ways; what was seen was saved before.
    own = {node: _not_after(world.when(node, raw), first_on[node].time) for node in nodes}
    made = next((m for node in nodes if (m := _made_by_product(version, node, own[node], happened))), None)
    if made is not None:
        return made
    actives = [node for node in nodes if world.role(node, own[node].time) is Role.ACTIVE]
    if actives:
        node = min(actives, key=lambda name: (first_on[name].time, name))
        return Save(version, node, own[node], "edit")
    for node in world.nodes:
        when = world.when(node, raw)
        if node in first_on or world.role(node, when.time) is not Role.ACTIVE:
            continue
        if not _elsewhere(node, version, when, seen, world):
            return Save(version, node, when, "edit")
        passive = [name for name in nodes if world.role(name, own[name].time) is Role.PASSIVE]
        if passive:
            return Save(version, passive[0], own[passive[0]], "passive_edit")
    # Nobody is known to have been active: where it was seen first.
    node = min(nodes, key=lambda name: (world.role(name, own[name].time) is Role.DOWN, first_on[name].time, name))
    return Save(version, node, own[node], "edit", sure=len(world.nodes) == 1)


def _not_after(when: When, seen: int) -> When:
    return when if when.time <= seen else when._replace(time=max(when.low, seen) if when.low <= seen else seen)


def _made_by_product(
    version: Version,
    node: str,
    when: When,
    happened: tuple[Sequence[Happening], Mapping[str, list[tuple[int, str]]]],
) -> Save | None:
    """A version that an installation or a start of the product on a node where it was seen put down; else None."""
    installs, starts = happened
    for event in installs:
        if event.node == node and _INSTALLING[0] <= when.time - event.when.time <= _INSTALLING[1]:
            return Save(version, node, when, "install", (event.reference,))
    for start, reference in starts.get(node, ()):
        if _STARTING[0] <= when.time - start <= _STARTING[1]:
            return Save(version, node, when, "rebuild", (reference,))
    return None


def _elsewhere(node: str, version: Version, when: When, seen: Sequence[Seen], world: World) -> bool:
    """Whether the active node was seen later, still active, with something older: it was not saved there."""
    for one in seen:
        if one.node == node and one.time > when.high + world.cycle and one.version != version:
            older = (one.version.modified or 0) < (version.modified or 0)
            move = world.move_from(node, when.low)
            if older and (move is None or move.earliest > one.time):
                return True
    return False


def _starts(name: str, sets: Sequence[BackupSet], world: World) -> dict[str, list[tuple[int, str]]]:
    """By node the starts of the product that a backup set marks: a file that is fresh then was made by the product.

    Nobody saves in the seconds in which the product starts.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    profile = world.analysis.catalogue.profile
    if not any(row.name.casefold() == name.casefold() for row in profile.rebuilt_files):
        return found
    for one in sets:
        if one.trigger is Trigger.SERVICE_START and one.made is not None and one.evidence:
            found.setdefault(one.node, []).append((world.when(one.node, one.made).time, one.evidence[0]))
    return found


def installs_of(world: World) -> list[Happening]:
    """Installations of the product, by time."""
    profile = world.analysis.catalogue.profile
    return [one for one in world.happenings([Claim.INSTALL]) if one.object and profile.is_product(one.object)]
