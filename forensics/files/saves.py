"""Where and how each version of a file came into being: saved by somebody, put down by an installation, rebuilt.

A last-modified time is set by the clock of the node where the file is saved, and a copy keeps it. So a version has one
node of origin, and the time must be read by that node's clock; which node that is follows from who was active then,
from where the version was seen, and from where it was not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
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
# Around a backup that was made at a start, and behind an event that says that a service started.
_STARTING: Final = (-15 * TICKS_PER_SECOND, 10 * TICKS_PER_SECOND)
_STARTED: Final = (-2 * TICKS_PER_SECOND, 20 * TICKS_PER_SECOND)
# A backup of a start that lacks a file was made before the file was rebuilt.
_LACKING: Final = (-15 * TICKS_PER_SECOND, 300 * TICKS_PER_SECOND)
_SLACK: Final = 2 * TICKS_PER_SECOND
_FEW_CYCLES: Final = 10
_MOVING: Final = 120 * TICKS_PER_SECOND


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
        how: "edit", "passive_edit", "install", "rebuild", or "put": by an installation or by an operator, with others.
        evidence: events that say so.
        sure: whether the node of origin is beyond doubt.
    """

    version: Version
    node: str
    when: When
    how: str
    evidence: tuple[str, ...] = ()
    sure: bool = True


class Start(NamedTuple):
    """A file that is fresh from `low` to `high`, on the reference's clock, was made by the product when it started."""

    low: int
    high: int
    reference: str


class Around(NamedTuple):
    """What bears on how the versions of one file came into being.

    Attributes:
        name: the file.
        world: roles and clocks.
        installs: installations of the product, by time.
        starts: by node its starts, where the product rebuilds the file.
        on: by node its sightings, by time, and their times.
        skips: by node raw times at which its replication service skipped the file, with their references, by time.
    """

    name: str
    world: World
    installs: Sequence[Happening]
    starts: Mapping[str, Sequence[Start]]
    on: Mapping[str, tuple[list[Seen], list[int]]]
    skips: Mapping[str, Sequence[tuple[int, str]]]


def saves_of(
    name: str,
    seen: Sequence[Seen],
    sets: Sequence[BackupSet],
    world: World,
    made: tuple[Sequence[Happening], frozenset[tuple[str, int]]],
) -> list[Save]:
    """How every version among `seen` came into being, by time.

    Args:
        name: the file.
        seen: its sightings, by time.
        sets: all backup sets, for what they lack.
        world: roles and clocks.
        made: installations of the product; and (node, raw time) of versions that came with others at once.
    """
    installs, together = made
    by_version: dict[Version, list[Seen]] = {}
    for one in seen:
        by_version.setdefault(one.version, []).append(one)
    nodes = {one.node for one in seen}
    rows = {node: sorted((one for one in seen if one.node == node), key=lambda one: one.time) for node in nodes}
    on = {node: (found, [one.time for one in found]) for node, found in rows.items()}
    around = Around(name, world, installs, _starts(name, sets, world), on, _skips(name, world))
    usual = _skips_of_copies(by_version, around)
    found = [_save(version, places, around, usual) for version, places in by_version.items()]
    defaults = {save.version.sha256 for save in found if save.how == "install"}
    # Where no log tells who was active, an installation shows in its files, as an operator's restore does.
    found = [
        save._replace(how="put")
        if not save.sure
        and save.how == "edit"
        and ((save.node, save.version.modified or 0) in together or save.version.sha256 in defaults)
        else save
        for save in found
    ]
    return sorted(found, key=lambda save: (save.when.time, save.node, save.version.sha256 or ""))


def _save(version: Version, places: Sequence[Seen], around: Around, usual: frozenset[str]) -> Save:
    world, raw = around.world, version.modified or 0
    first_on: dict[str, Seen] = {}
    for one in places:
        first_on.setdefault(one.node, one)
    nodes = [node for node in world.nodes if node in first_on] or sorted(first_on)
    # Around a step of the clock a recorded time may be read in two ways; what was seen was saved before.
    own = {node: _not_after(world.when(node, raw), first_on[node].time) for node in nodes}
    first = min(one.time for one in places)
    made = next((m for node in nodes if (m := _made_by_product(version, node, own[node], first, around))), None)
    if made is not None:
        return made
    passive = [node for node in nodes if world.role(node, own[node].time) is Role.PASSIVE]
    for node in passive:
        skip = _skipped(node, raw, around) if node not in usual else None
        if skip is not None:
            return Save(version, node, own[node], "passive_edit", (skip,))
    return _saved(version, (nodes, first_on, own), passive, around)


def _saved(
    version: Version,
    where: tuple[Sequence[str], Mapping[str, Seen], Mapping[str, When]],
    passive: Sequence[str],
    around: Around,
) -> Save:
    """A version that somebody saved: on the node that was active then, unless that node was seen without it."""
    world, (nodes, first_on, own) = around.world, where
    first = min(one.time for one in first_on.values())
    actives = [node for node in nodes if world.active(own[node].time) == node]
    there = [node for node in actives if not passive or not _elsewhere(node, version, own[node], around)]
    if there:
        node = min(there, key=lambda name: (first_on[name].time, name))
        return Save(version, node, own[node], "edit")
    for node in world.nodes:
        when = world.when(node, version.modified or 0)
        if node in first_on or world.active(when.time) != node:
            continue
        if not _elsewhere(node, version, when, around):
            return Save(version, node, _not_after(when, first), "edit")
        break
    if passive and (actives or any(world.active(own[node].time) is not None for node in passive)):
        return Save(version, passive[0], own[passive[0]], "passive_edit")
    # Nobody is known to have been active: on the node that can have been still, else where it was seen first.
    still = [(node, at) for node in nodes if (at := world.still_active(node, own[node])) is not None]
    if len(still) == 1:
        return Save(version, *still[0], "edit", sure=len(nodes) == 1)
    node = min(nodes, key=lambda name: (world.role(name, own[name].time) is Role.DOWN, first_on[name].time, name))
    return Save(version, node, own[node], "edit", sure=len(world.nodes) == 1)


def _not_after(when: When, seen: int) -> When:
    return when if when.time <= seen else when._replace(time=max(when.low, seen) if when.low <= seen else seen)


def _made_by_product(version: Version, node: str, when: When, first: int, around: Around) -> Save | None:
    """A version that an installation or a start of the product on a node where it was seen put down; else None."""
    for event in around.installs:
        early = when.time - event.when.time
        if event.node != node or not _INSTALLING[0] <= early <= _INSTALLING[1]:
            continue
        if early < 0 and first < event.when.time:
            continue  # it was there before the installation had ended
        return Save(version, node, when, "install", (event.reference,))
    for start in around.starts.get(node, ()):
        if start.low <= when.time <= start.high:
            return Save(version, node, when, "rebuild", (start.reference,))
    return None


def _elsewhere(node: str, version: Version, when: When, around: Around) -> bool:
    """Whether the active node was seen later, before another took over, with something older: not saved there."""
    world = around.world
    move = world.move_from(node, when.low)
    end = move.time if move is not None else None
    rows, times = around.on.get(node, ([], []))
    for one in rows[bisect_right(times, when.high + world.cycle) :]:
        if one.version == version or (end is not None and one.time >= end):
            return False
        if (one.version.modified or 0) < (version.modified or 0):
            return True
    return False


def _skipped(node: str, raw: int, around: Around) -> str | None:
    """The event by which a node's replication service skipped the file at its first look after a save; else None.

    It is logged where the source is not newer. After a save on the active node the source is newer, so the save was
    made on the node that skips. One that skipped the file shortly before as well says nothing.
    """
    skips, cycle = around.skips.get(node, ()), around.world.cycle
    at = bisect_left(skips, (raw - _SLACK, ""))
    if at >= len(skips) or skips[at][0] > raw + cycle + _SLACK:
        return None
    before = at > 0 and skips[at - 1][0] >= raw - _FEW_CYCLES * cycle
    return None if before else skips[at][1]


def _skips_of_copies(by_version: Mapping[Version, Sequence[Seen]], around: Around) -> frozenset[str]:
    """Nodes whose service skips what it has just copied: there a skip after a save is usual, and says nothing.

    Whether equal times are logged is not documented; what was copied to a node is seen on two.
    """
    found = set()
    for node, skips in around.skips.items():
        for version, places in by_version.items():
            raw = version.modified or 0
            if node not in {one.node for one in places} or len({one.node for one in places}) < 2:
                continue
            if around.world.role(node, around.world.when(node, raw).time) is not Role.PASSIVE:
                continue
            low, high = raw - 3 * around.world.cycle, raw + 5 * around.world.cycle
            if bisect_right(skips, (high, "")) > bisect_left(skips, (low, "")):
                found.add(node)
    return frozenset(found)


def _skips(name: str, world: World) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in world.happenings([Claim.COPY_SKIPPED]):
        if one.names(name):
            found[one.node].append((one.raw, one.reference))
    return {node: sorted(rows) for node, rows in found.items()}


def _starts(name: str, sets: Sequence[BackupSet], world: World) -> dict[str, list[Start]]:
    """By node the starts of the product: a file that is fresh then was made by the product.

    Nobody saves in the seconds in which the product starts. A backup of a start that has other files and lacks this
    one says that it was missing then.
    """
    found: dict[str, list[Start]] = defaultdict(list)
    profile = world.analysis.catalogue.profile
    if not any(row.name.casefold() == name.casefold() for row in profile.rebuilt_files):
        return found
    for one in sets:
        if one.made is not None and one.evidence and one.trigger is not Trigger.ACTIVE_TO_PASSIVE:
            made = world.when(one.node, one.made).time
            if one.trigger is Trigger.UNKNOWN and not _stayed(one.node, made, world):
                continue
            low, high = _LACKING if name in one.missing else _STARTING
            found[one.node].append(Start(made + low, made + high, one.evidence[0]))
    for node, rows in world.product_starts().items():
        found[node] += [Start(e.when.time + _STARTED[0], e.when.time + _STARTED[1], e.reference) for e in rows]
    return found


def _stayed(node: str, time: int, world: World) -> bool:
    """Whether a node is known to have kept its role around a moment: a backup made then was made at a start."""
    around = [time - _MOVING, time, time + _MOVING]
    roles = {world.role(node, at) for at in around}
    return len(roles) == 1 and not roles & {Role.UNKNOWN} and len({world.active(at) for at in around}) == 1


def installs_of(world: World) -> list[Happening]:
    """Installations of the product, by time."""
    profile = world.analysis.catalogue.profile
    return [one for one in world.happenings([Claim.INSTALL]) if one.object and profile.is_product(one.object)]
