"""The guidelines on running the cluster: G03, G12, G13, G14, G15, G18."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from forensics.checkpoints.keys import product_keys
from forensics.checks.model import Verdict, kept, not_applicable, references, settle, unknown, violated, weakest
from forensics.checks.presence import There, presence
from forensics.checks.scene import at, named
from forensics.claims import Claim
from forensics.files.model import Cause
from forensics.files.world import When
from forensics.profile import Mark
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from forensics.checks.material import Captured
    from forensics.checks.scene import Scene
    from forensics.files.model import Edit, FileHistory, Sighting, Version
    from forensics.files.world import Happening
    from forensics.profile_rules import ProductOption
    from forensics.roles.model import RoleTransition

_FEW: Final = 3
# So many skips of equal times are the rule on a node, and say nothing.
_USUAL: Final = 10
_HOUR: Final = 3600 * TICKS_PER_SECOND
_REDISTRIBUTION: Final = "redistribution_server"
# KB929081: Windows Server 2003 and XP Professional x64 are version 5.2; memory in MB.
_LEAST_VERSION: Final = (5, 2)
_LEAST_MEMORY: Final = 512
# What the firmware keeps for itself is not shown.
_RESERVED: Final = 32
_VERSION: Final = re.compile(r"\s*([0-9]{1,3})\.([0-9]{1,3})")
_FILES: Final = "the Data folders of both nodes with their backups and times, and the System and Application logs"


def has_product(scene: Scene) -> Verdict:
    """G03: a node to which the group moves has the product."""
    looks = [look for move in scene.history.transitions if (look := _moved(scene, move)) is not None]
    return settle(looks, _no_move(scene))


def _no_move(scene: Scene) -> Verdict:
    rows = scene.history.intervals
    if rows and scene.known_throughout(min(one.start for one in rows), max(one.end for one in rows)):
        if not scene.history.transitions:
            return not_applicable("The group did not move in the time that the evidence covers.")
        return not_applicable("The group did not move while the product was installed.")
    return unknown("Whether the group moved is not known throughout.", "the System logs of both nodes")


def _moved(scene: Scene, move: RoleTransition) -> Verdict | None:
    """One move; None where the product was on no node yet, or not any more."""
    target, source = move.to_node, move.from_node
    when = iso_utc(move.time)
    if target is None:
        return unknown(f"To which node the group moved at {when} is not known.", evidence=move.evidence[:_FEW])
    there = presence(scene, target, scene.line_of(move))
    evidence = references(move.evidence[:_FEW], there.evidence)
    word = weakest(move.confidence, there.confidence)
    if there.there is There.INSTALLED:
        return kept(word, evidence, f"{target} had the product when the group moved there at {when}.")
    if there.there is There.UNKNOWN or move.confidence is Confidence.POSSIBLE:
        why = f"Whether {target} had the product when the group moved there at {when} is not known."
        return unknown(why, f"the Application log of {target} from its installation on", evidence)
    beside = presence(scene, source, scene.line_of(move), target) if source is not None else None
    if beside is not None and beside.there is There.ABSENT:
        return None
    if beside is None or beside.there is There.UNKNOWN:
        why = f"{target} had no product when the group moved there at {when}; whether the other node had is not known."
        return unknown(why, "the Application log of the other node", evidence)
    why = f"The group moved to {target} at {when}, and the product was not installed there."
    return violated(weakest(word, beside.confidence), references(evidence, beside.evidence), why)


def redistribution(scene: Scene) -> Verdict:
    """G12: the option Redistribution Server stays selected. The name of its registry value is not documented."""
    failures = tuple(one.reference for one in scene.seen(Claim.ENGINE_UPDATE_FAILURE)[:_FEW])
    rows = [row for row in scene.profile.product_options if row.option == _REDISTRIBUTION and row.name]
    if not rows:
        why = "Which registry value holds the option is not documented."
        if failures:
            why += " Engine updates failed, which has other reasons too."
        lacking = "a look at General Options on both nodes; with the value's name in a profile, a registry export"
        return unknown(why, lacking, failures)
    looks = [look for row in rows for look in _option(scene, row)]
    seen = sorted({row.node for row in scene.material.registry if row.node is not None})
    missing = [node for node in scene.nodes or ("both nodes",) if node not in seen]
    if missing:
        text = f"The product's registry key of {named(missing)} is not in the evidence."
        looks.append(unknown(text, "an export of the product's registry key from both nodes", failures))
    return settle(looks, unknown("The option's value is not in the evidence.", evidence=failures))


def _option(scene: Scene, row: ProductOption) -> Iterator[Verdict]:
    keys = product_keys(scene.profile)
    limits = {Mark.DOCUMENTED: Confidence.CERTAIN, Mark.UNVERIFIED: Confidence.POSSIBLE}
    word = limits.get(row.mark, Confidence.PROBABLE)
    for value in scene.material.registry:
        if value.key not in keys or value.name.casefold() != row.name.casefold() or value.node is None:
            continue
        if value.value.strip().casefold() in {text.casefold() for text in row.cleared}:
            why = f"On {value.node} the option Redistribution Server was cleared: {value.name} is {value.value}."
            yield violated(word, (value.reference,), why)
        else:
            yield kept(word, (value.reference,), f"On {value.node} the option Redistribution Server is selected.")


def no_passive_edit(scene: Scene) -> Verdict:
    """G13: the configuration is changed on the active node only."""
    losses = scene.material.losses
    if losses is None:
        return unknown("What became of the replicated files could not be worked out.", _FILES)
    found = [one for one in losses.findings if one.cause is Cause.PASSIVE_EDIT]
    looks = [violated(one.confidence, one.evidence, one.why) for one in found]
    lacking = _files_lacking(scene)
    if lacking:
        return settle(looks, unknown(lacking, _FILES))
    told = {what for one in found for what in (one.lost, one.current)}
    edits = [(history.name, one) for history in losses.histories for one in history.edits if one.how == "edit"]
    roles = [_role_of(scene, one) for _, one in edits]
    for (name, one), role in zip(edits, roles, strict=True):
        if role is not None and role[0] is Role.PASSIVE and one.version not in told:
            looks.append(_passive_save(scene, name, one, role))
    if any(role is None or role[0] is Role.UNKNOWN for role in roles):
        looks.append(unknown("Of some saves it is not known on which node they were made.", _FILES))
    skips = tuple(one.reference for one in _unexplained(scene, losses.histories))[:_FEW]
    if skips:
        why = "Replication skipped files because the passive node's were newer, and what made them so is not known."
        looks.append(unknown(why, "backup sets of both nodes from around those events", skips))
    if scene.lacking(Claim.COPY_SKIPPED):
        looks.append(unknown("No log is whole in which a skipped copy would show.", _FILES))
    evidence = references(*((row.reference,) for row in _live_files(scene)))
    why = "Every save that the evidence shows was made on the active node, and no skipped copy hints at another."
    return settle(looks, kept(Confidence.PROBABLE, evidence, why))


def _passive_save(scene: Scene, name: str, edit: Edit, role: tuple[Role, Confidence, tuple[str, ...]]) -> Verdict:
    """A save that lies on a passive node by its time: a fact where replication skipped the file at its next look."""
    time, slack = edit.time or 0, 2 * TICKS_PER_SECOND
    skips = [
        one.reference
        for one in scene.world.happenings([Claim.COPY_SKIPPED])
        if one.node == edit.node
        and one.names(name)
        and time - slack <= one.when.time <= time + scene.world.cycle + slack
    ]
    evidence = references(edit.evidence, tuple(skips[:1]), role[2])
    if not skips:
        why = f"By its time {iso_utc(time)} {name} was saved on {edit.node} while it was passive; nothing bears it out."
        return unknown(why, _FILES, evidence)
    why = f"{name} was saved on {edit.node} at {iso_utc(time)} while it was passive."
    return violated(weakest(role[1], Confidence.PROBABLE), evidence, why)


def _unexplained(scene: Scene, histories: Sequence[FileHistory]) -> Iterator[Happening]:
    """Skipped copies of which it is not known that the passive node had a newer version than the active one.

    Whether equal times are logged as skipped is not documented: where they are, they are so in every cycle.
    """
    even: dict[tuple[str, str], list[Happening]] = defaultdict(list)
    for one in scene.world.happenings([Claim.COPY_SKIPPED]):
        history = next((history for history in histories if one.names(history.name)), None)
        active = scene.world.active(one.when.time)
        if history is None or active is None:
            yield one
            continue
        ours, theirs = (_held(history, node, one.when.high) for node in (one.node, active))
        if ours is None or theirs is None or (ours.modified or 0) < (theirs.modified or 0):
            yield one
        elif ours.modified == theirs.modified:
            even[one.node, history.name].append(one)
    for skips in even.values():
        if len(skips) < _USUAL:
            yield from skips


def _held(history: FileHistory, node: str, time: int) -> Version | None:
    """What a node held at a moment, as the history of a file has it."""
    mine = [one for one in history.edits if one.node == node and one.time is not None and one.time <= time]
    return mine[-1].version if mine else None


def _role_of(scene: Scene, edit: Edit) -> tuple[Role, Confidence, tuple[str, ...]] | None:
    if edit.node is None or edit.time is None:
        return None
    state = scene.role_at(edit.node, When(edit.time, edit.time, edit.time, bounded=True))
    return state.role, state.confidence, state.evidence


def _live_files(scene: Scene) -> list[Sighting]:
    files = scene.material.files
    return [file for own in files.live.values() for file in own.values()] if files is not None else []


def _files_lacking(scene: Scene) -> str:
    """What is missing to tell how the files came to be, as a sentence; empty where nothing is."""
    files = scene.material.files
    if files is None or not any(files.live.values()):
        return "No live file of the product is in the evidence."
    without = [node for node in scene.nodes if not files.live.get(node)]
    if len(scene.nodes) < 2 or without:
        return f"The live files of {named(without) or 'the other node'} are not in the evidence."
    return ""


def waited_a_cycle(scene: Scene) -> Verdict:
    """G14: between a save on the active node and a failover there is a cycle."""
    losses = scene.material.losses
    looks: list[Verdict] = []
    told = set()
    for one in losses.findings if losses is not None else ():
        if one.cause is Cause.FAILOVER_IN_WINDOW:
            looks.append(violated(one.confidence, one.evidence, one.why))
            told.add((one.file, one.lost))
    moves = scene.history.transitions
    if losses is None:
        return settle(looks, unknown("What became of the replicated files could not be worked out.", _FILES))
    saves = [
        (history.name, edit)
        for history in losses.histories
        for edit in history.edits
        if edit.how == "edit" and (history.name, edit.version) not in told
    ]
    pairs = ((name, edit, move) for name, edit in saves for move in moves)
    looks += [look for pair in pairs if (look := _too_soon(scene, *pair)) is not None]
    if looks:
        return settle(looks, looks[0])
    if not moves:
        return _no_move(scene)
    lacking = _files_lacking(scene)
    if lacking:
        return unknown(lacking, _FILES)
    rows = scene.history.intervals
    if not scene.known_throughout(min(one.start for one in rows), max(one.end for one in rows)):
        return unknown("Whether the group moved is not known throughout.", "the System logs of both nodes")
    evidence = references(*(move.evidence[:1] for move in moves))
    why = "No save that the evidence shows was made less than a cycle before a move."
    return kept(Confidence.PROBABLE, evidence, why)


def _too_soon(scene: Scene, name: str, edit: Edit, move: RoleTransition) -> Verdict | None:
    if edit.time is None or edit.node is None or edit.node != move.from_node:
        return None
    going = scene.world.going_offline(edit.node, move.time)
    left = going if going is not None and going > edit.time - scene.world.cycle else move.earliest
    waited = left - edit.time
    role = _role_of(scene, edit)
    if not 0 <= waited <= scene.world.cycle or role is None or role[0] is not Role.ACTIVE:
        return None
    seconds = waited // TICKS_PER_SECOND
    why = f"{name} was saved on {edit.node} {seconds} s before the group left that node, less than a cycle."
    word = weakest(role[1], move.confidence, Confidence.PROBABLE)
    return violated(word, references(edit.evidence, move.evidence[:_FEW], role[2]), why)


def still_a_member(scene: Scene) -> Verdict:
    """G15: a node becomes a stand-alone server only by removal and a new installation."""
    looks = [_alone(scene, node) for node in scene.nodes]
    members = [look for look in looks if look is None]
    found = [look for look in looks if look is not None]
    if len(scene.nodes) > 1 and len(members) == len(scene.nodes):
        return not_applicable("Both nodes belong to the cluster up to the end of their evidence.")
    return settle(found, unknown("Whether a node left the cluster is not known."))


def _alone(scene: Scene, node: str) -> Verdict | None:
    """What shows that a node has left the cluster; None where it is a member to the end."""
    starts = [one for one in scene.starts if one.node == node]
    joins = scene.seen(Claim.JOINED, Claim.FORMED, node=node)
    end = scene.end_of(node)
    if joins and starts and starts[-1].end + _HOUR <= end and joins[-1].line < starts[-1].start:
        return _left(scene, node, starts[-1].start)
    ours = scene.seen(Claim.GROUP_ONLINE, Claim.GROUP_OFFLINE, Claim.COPY_SKIPPED, Claim.PASSIVE, node=node)
    last_start = starts[-1].start if starts else scene.begin_of(node)
    if any(one.line >= last_start for one in [*joins, *ours]):
        return None
    return unknown(f"Whether {node} belongs to the cluster is not in the evidence.", f"the System log of {node}")


def _left(scene: Scene, node: str, start: int) -> Verdict:
    """A node that has started without joining the cluster, though it had joined it before."""
    boot = next(one for one in scene.starts if one.node == node and one.start == start)
    deeds = [one for one in scene.deeds if one.node == node]
    removed = next((one for one in deeds if one.claim is Claim.REMOVAL), None)
    again = next((one for one in deeds if removed and one.claim is Claim.INSTALL and one.start > removed.start), None)
    if removed is not None and again is not None:
        evidence = references(removed.references, again.references)
        why = f"{node} does not belong to the cluster any more; the product was removed from it and installed again."
        return kept(weakest(removed.confidence, again.confidence, Confidence.PROBABLE), evidence, why)
    alive = [one for one in scene.alive.get(node, ()) if one.line > boot.end + _HOUR]
    whole = scene.told(node, Claim.JOINED, boot.start, scene.end_of(node))
    untouched = removed is None and scene.told(node, Claim.REMOVAL, boot.start, scene.end_of(node))
    if alive and whole and untouched:
        evidence = references(boot.references, tuple(one.reference for one in alive[:_FEW]))
        why = f"{node} started {at(boot.when)} without joining the cluster, and the product of before runs on there."
        return violated(Confidence.POSSIBLE, evidence, why)
    why = f"{node} started {at(boot.when)} and did not join the cluster again; what became of the product is not known."
    return unknown(why, f"the Application log of {node}", boot.references)


def fit_system(scene: Scene) -> Verdict:
    """G18: the minimum requirements, as far as `systeminfo` and the logs show them."""
    machines: dict[str, dict[str, Captured]] = {}
    for row in scene.material.captures:
        node = (row.node or row.owner or "").upper()
        if row.form == "systeminfo" and node:
            machines.setdefault(node, {})[row.name] = row
    asked = scene.nodes or tuple(sorted(machines))
    looks = [_system_of(node, machines[node]) for node in asked if node in machines]
    missing = [node for node in asked if node not in machines]
    looks += _old_versions(scene, missing)
    if missing or not looks:
        why = f"Of {named(missing) or 'both nodes'} no output of systeminfo is in the evidence."
        looks.append(unknown(why, "what systeminfo prints on each node"))
    return settle(looks, unknown("", "what systeminfo prints on each node"))


def _system_of(node: str, fields: dict[str, Captured]) -> Verdict:
    evidence = tuple(dict.fromkeys(row.reference for row in fields.values()))
    version, kind, memory = (fields.get(name) for name in ("os_version", "system_type", "memory_mb"))
    number = _VERSION.match(version.value) if version is not None else None
    if number is not None and (int(number[1]), int(number[2])) < _LEAST_VERSION:
        return violated(Confidence.CERTAIN, evidence, f"The system of {node} is version {number[1]}.{number[2]}.")
    is_x64 = kind is not None and kind.value.casefold().startswith("x64")
    if kind is not None and kind.value.casefold().startswith(("x86", "i386", "ia64", "itanium")):
        return violated(Confidence.CERTAIN, evidence, f"{node} is no x64 system: {kind.value}.")
    if memory is not None and memory.value.isdigit() and int(memory.value) < _LEAST_MEMORY - _RESERVED:
        return violated(
            Confidence.CERTAIN, evidence, f"{node} has {memory.value} MB of memory, and needs {_LEAST_MEMORY}."
        )
    lacking = [
        what
        for what, there in (
            ("the version", number is not None),
            ("the processor", is_x64),
            ("the memory", memory is not None and memory.value.isdigit()),
        )
        if not there
    ]
    if lacking:
        return unknown(f"Of {node} {named(lacking)} could not be read from systeminfo.", evidence=evidence)
    why = f"System, processor and memory of {node} suffice; free disk space is not shown by systeminfo."
    return kept(Confidence.PROBABLE, evidence, why)


def _old_versions(scene: Scene, nodes: list[str]) -> Iterator[Verdict]:
    """Systems that are too old, by the version that the event log names at each start."""
    for one in scene.seen(Claim.BOOT):
        if one.node not in nodes or not one.observation.strings:
            continue
        number = _VERSION.match(one.observation.strings[0] or "")
        if number is not None and (int(number[1]), int(number[2])) < _LEAST_VERSION:
            why = f"The system of {one.node} was version {number[1]}.{number[2]} when it started {at(one.when)}."
            yield violated(Confidence.PROBABLE, (one.reference,), why)
