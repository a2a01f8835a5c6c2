"""One file played through again: what each node held when, by the rules of replication, held against what was seen.

The rules are documented: the passive node pulls what is newer by raw times, within a cycle; a forced sync ignores the
times; an installation and a rebuild put fresh files down. Where the rules leave it open whether a copy was made (a
save within a cycle of a failover, an unknown role), both courses are followed, and what was seen later decides: the
cheapest course wins (beam search over what the nodes hold, as the owner of a group is found).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.roles.model import Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forensics.files.model import Version
    from forensics.files.saves import Save, Seen
    from forensics.files.world import Happening, World

_BEAM: Final = 64
_SLACK: Final = 5 * TICKS_PER_SECOND
# What it costs to believe something against the rules, or against what was seen.
_NOT_PULLED: Final = 1.5
_NEVER_PULLED: Final = 4.0  # for many cycles on end
_MANY_CYCLES: Final = 8
_NOT_KNOWN: Final = 0.5  # where it is not known who was active, or whether the other node was up
_NOT_FORCED: Final = 1.0
_UNEXPLAINED: Final = 3.0
_OLDER_AGAIN: Final = 2.0  # an older content comes back unseen: an operator, or a forced sync that was not logged
_OPEN: Final = 0.1  # to believe in a copy that the rules leave open
_SKIPPED_NEWER: Final = 2.0  # a skip was logged, and the source would have been newer
_SKIPPED_EQUAL: Final = 0.3  # or the same: whether that is logged is not documented


class Change(NamedTuple):
    """What a node held changed.

    Attributes:
        node, old, new: where, and from what to what.
        low, high: it was not before and not after, on the reference's clock.
        how: "edit", "passive_edit", "install", "rebuild", "copy", "forced" or "unexplained".
        source: node that it was copied from.
        evidence: references of events and sightings behind it.
    """

    node: str
    old: Version | None
    new: Version | None
    low: int
    high: int
    how: str
    source: str | None
    evidence: tuple[str, ...]


class Choice(NamedTuple):
    """A copy that the rules leave open: of what, to which node, in the stretch that ends at `time`."""

    node: str
    time: int
    version: Version | None


@dataclass(frozen=True, slots=True)
class Course:
    """The cheapest course.

    Attributes:
        changes: in order.
        held: what each node held at the end.
        cost: of the course.
        choices: the copies that the rules left open, and whether they were made.
    """

    changes: tuple[Change, ...]
    held: Mapping[str, Version | None]
    cost: float
    choices: Mapping[Choice, bool]


class _Step(NamedTuple):
    time: int
    rank: int
    kind: str
    save: Save | None = None
    seen: Seen | None = None
    node: str = ""
    evidence: tuple[str, ...] = ()
    low: int = 0  # of an event: not before


class _Link(NamedTuple):
    """What happened on the way to a state, as a chain."""

    before: _Link | None
    change: Change | None
    choice: tuple[Choice, bool] | None


_State = tuple["Version | None", ...]
_Ways = dict[_State, tuple[float, "_Link | None"]]


def replay(
    saves: Sequence[Save],
    seen: Sequence[Seen],
    happened: Sequence[Happening],
    world: World,
    settled: Mapping[Choice, bool] | None = None,
) -> Course:
    """Play one file through.

    Args:
        saves: how its versions came into being.
        seen: its sightings.
        happened: forced syncs, and skips of this file, each on the node that logs it.
        world: roles and clocks.
        settled: choices that are to be made so and not otherwise, to weigh the other side.
    """
    nodes = tuple(sorted({*world.nodes, *(one.node for one in seen)}))
    steps = _steps(saves, seen, happened, world)
    ways: _Ways = {tuple(None for _ in nodes): (0.0, None)}
    last = steps[0].time if steps else 0
    ready = _ready(saves, steps)
    last_seen: dict[str, int] = {}
    apart = frozenset(save.version for save in saves if save.how == "passive_edit")
    for step in steps:
        # Before its first installation a node pulls nothing.
        pulling = tuple(node for node in nodes if ready.get(node, last) <= last)
        ways = _pull(ways, (nodes, pulling), (last, step.time), world, settled or {})
        ways = _take(ways, nodes, step, world, (last_seen, apart))
        if step.seen is not None:
            last_seen[step.seen.node] = step.time
        last = step.time
        if len(ways) > _BEAM:
            kept = sorted(ways.items(), key=lambda item: (item[1][0], _key(item[0])))[:_BEAM]
            ways = dict(kept)
    state, (cost, link) = min(ways.items(), key=lambda item: (item[1][0], _key(item[0])))
    changes: list[Change] = []
    choices: dict[Choice, bool] = {}
    while link is not None:
        if link.change is not None:
            changes.append(link.change)
        if link.choice is not None:
            choices[link.choice[0]] = link.choice[1]
        link = link.before
    return Course(tuple(reversed(changes)), dict(zip(nodes, state, strict=True)), cost, choices)


def _key(state: _State) -> tuple[tuple[str, int], ...]:
    return tuple((v.sha256 or "", v.modified or 0) if v is not None else ("", -1) for v in state)


def _ready(saves: Sequence[Save], steps: Sequence[_Step]) -> dict[str, int]:
    """By node when the product was first installed on it; none for a node that shows a sign of it before."""
    found = {save.node: save.when.time for save in reversed(saves) if save.how == "install"}
    for step in steps:
        if step.node in found and step.time < found[step.node]:
            del found[step.node]
    return found


def _steps(saves: Sequence[Save], seen: Sequence[Seen], happened: Sequence[Happening], world: World) -> list[_Step]:
    steps = [_Step(save.when.time, 1, "save", save=save, node=save.node) for save in saves]
    steps += [_Step(one.time, 4 if one.live else 2, "seen", seen=one, node=one.node) for one in seen]
    for one in happened:
        kind = "forced" if one.claim is Claim.FORCED_SYNC else "skip"
        # A service makes its backup before its first sync, and an event may be as late as its second ends.
        late = TICKS_PER_SECOND - 1 if kind == "forced" and one.raw % TICKS_PER_SECOND == 0 else 0
        steps.append(_Step(one.when.time + late, 3, kind, None, None, one.node, (one.reference,), one.when.time))
    if steps:
        low, high = min(s.time for s in steps), max(s.time for s in steps)
        steps += [_Step(edge, 0, "edge") for edge in world.edges(low, high)]
    return sorted(steps, key=lambda step: (step.time, step.rank, step.node, _step_key(step)))


def _step_key(step: _Step) -> tuple[str, int]:
    version = step.save.version if step.save else step.seen.version if step.seen else None
    return (version.sha256 or "", version.modified or 0) if version else ("", 0)


def _pull(
    ways: _Ways,
    who: tuple[tuple[str, ...], tuple[str, ...]],
    span: tuple[int, int],
    world: World,
    settled: Mapping[Choice, bool],
) -> _Ways:
    """What the passive nodes pull between two steps, in which no role changes."""
    (nodes, pulling), (start, end) = who, span
    if end <= start:
        return ways
    middle = (start + end) // 2
    active = world.active(middle)
    if active is None or active not in nodes:
        return ways
    source = nodes.index(active)
    for at, node in enumerate(nodes):
        role = world.role(node, middle)
        if at == source or role is Role.DOWN or node not in pulling:
            continue
        ways = _pulled(ways, (at, node), (source, active), span, (world, settled, role))
    return ways


def _pulled(
    ways: _Ways,
    target: tuple[int, str],
    origin: tuple[int, str],
    span: tuple[int, int],
    rules: tuple[World, Mapping[Choice, bool], Role],
) -> _Ways:
    (at, node), (source, active), (start, end) = target, origin, span
    world, settled, role = rules
    source_known = world.knows_active(active, (start + end) // 2)
    found: _Ways = {}
    for state, (cost, link) in ways.items():
        theirs, ours = state[source], state[at]
        if theirs is None or (ours is not None and (theirs.modified or 0) <= (ours.modified or 0)):
            _offer(found, state, cost, link)
            continue
        copied = (*state[:at], theirs, *state[at + 1 :])
        change = Change(node, ours, theirs, start, min(end, start + world.cycle + _SLACK), "copy", active, ())
        long = end - start
        known = role is Role.PASSIVE and source_known
        many = long >= _MANY_CYCLES * world.cycle
        whole = long >= world.cycle + _SLACK and (known or many)
        choice = Choice(node, end, theirs)
        wanted = settled.get(choice)
        if whole:
            _offer(found, copied, cost, _Link(link, change, None))
            against = _NOT_KNOWN if not known else _NEVER_PULLED if many else _NOT_PULLED
            _offer(found, state, cost + against, link)
            continue
        if wanted is not False:
            # Where nothing tells, a loss that may be is told (as possible) rather than passed over.
            open_cost = _OPEN if role is Role.PASSIVE else 2 * _OPEN
            _offer(found, copied, cost + open_cost, _Link(_Link(link, change, None), None, (choice, True)))
        if wanted is not True:
            _offer(found, state, cost, _Link(link, None, (choice, False)))
    return found


def _take(
    ways: _Ways,
    nodes: tuple[str, ...],
    step: _Step,
    world: World,
    known: tuple[Mapping[str, int], frozenset[Version]],
) -> _Ways:
    if step.node not in nodes:
        return ways
    last_seen, apart = known
    at = nodes.index(step.node)
    found: _Ways = {}
    for state, (cost, link) in ways.items():
        if step.save is not None:
            save = step.save
            new = (*state[:at], save.version, *state[at + 1 :])
            low, high = min(save.when.low, save.when.time), max(save.when.high, save.when.time)
            change = Change(
                save.node, _made_from(state, at, save, apart), save.version, low, high, save.how, None, save.evidence
            )
            _offer(found, new, cost, _Link(link, change, None))
        elif step.seen is not None:
            _seen(found, (state, cost, link), at, step.seen, last_seen.get(step.node))
        elif step.kind == "forced":
            _forced(found, (state, cost, link), (nodes, at), step, world)
        elif step.kind == "skip":
            _offer(found, state, cost + _skip_cost(state, nodes, at, world.active(step.time)), link)
        else:
            _offer(found, state, cost, link)
    return found


def _made_from(state: _State, at: int, save: Save, apart: frozenset[Version]) -> Version | None:
    """What was there before a save; nobody edits what is not there, so then it was what another node holds.

    But for what was saved on a passive node (`apart`), which came to no other.
    """
    if state[at] is not None or save.how not in {"edit", "passive_edit"}:
        return state[at]
    return max(
        (v for v in state if v is not None and v not in apart),
        key=lambda v: (v.modified or 0, v.sha256 or ""),
        default=None,
    )


def _skip_cost(state: _State, nodes: tuple[str, ...], at: int, active: str | None) -> float:
    """What speaks against a state where the service of the node at a place skipped the file."""
    if active is None or active not in nodes or active == nodes[at]:
        return 0.0
    theirs, ours = state[nodes.index(active)], state[at]
    if theirs is None or ours is None:
        return 0.0
    difference = (theirs.modified or 0) - (ours.modified or 0)
    return _SKIPPED_NEWER if difference > 0 else _SKIPPED_EQUAL if difference == 0 else 0.0


def _seen(found: _Ways, way: tuple[_State, float, _Link | None], at: int, one: Seen, before: int | None) -> None:
    state, cost, link = way
    if state[at] == one.version:
        _offer(found, state, cost, link)
        return
    ours = state[at]
    older = ours is not None and (one.version.modified or 0) < (ours.modified or 0)
    new = (*state[:at], one.version, *state[at + 1 :])
    low = before if before is not None else one.time
    change = Change(one.node, ours, one.version, low, one.time, "unexplained", None, (one.reference,))
    _offer(found, new, cost + (_OLDER_AGAIN if older else _UNEXPLAINED), _Link(link, change, None))


def _forced(
    found: _Ways, way: tuple[_State, float, _Link | None], place: tuple[tuple[str, ...], int], step: _Step, world: World
) -> None:
    (state, cost, link), (nodes, at) = way, place
    active = world.active(step.time)
    if active is None or active not in nodes or active == step.node:
        _offer(found, state, cost, link)
        return
    theirs = state[nodes.index(active)]
    if theirs is None or theirs == state[at]:
        _offer(found, state, cost, link)
        return
    new = (*state[:at], theirs, *state[at + 1 :])
    change = Change(step.node, state[at], theirs, step.low, step.time, "forced", active, step.evidence)
    _offer(found, new, cost, _Link(link, change, None))
    _offer(found, state, cost + _NOT_FORCED, link)


def _offer(ways: _Ways, state: _State, cost: float, link: _Link | None) -> None:
    known = ways.get(state)
    if known is None or cost < known[0]:
        ways[state] = cost, link
