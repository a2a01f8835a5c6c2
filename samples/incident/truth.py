"""What really happened, for judging an analysis: the content of `truth.json`. Its schema stands in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from samples.incident.clock import TICKS, iso
from samples.incident.cluster import CYCLE
from samples.incident.content import REPLICATED

if TYPE_CHECKING:
    from samples.incident.cluster import Cluster
    from samples.incident.engine import S
    from samples.incident.simulation import Simulation
    from samples.incident.world import FileState, Revision


SCHEMA = 2


def truth(simulation: Simulation, degraded: list[dict[str, Any]], strays: list[dict[str, Any]]) -> dict[str, Any]:
    """The truth as plain JSON values. `degraded` and `strays`: what was done to the evidence afterwards."""
    setting, told = simulation.setting, simulation.truth
    return {
        "schema": SCHEMA,
        "scenario": setting.scenario,
        "system": setting.system,
        "seed": setting.seed,
        "group": setting.cms,
        "cluster": setting.cluster,
        "degraded": degraded,
        "strays": strays,
        **happened(simulation),
        "intervals": [
            {"node": span.node, "role": span.role, "start": iso(span.start), "end": iso(span.end)}
            for span in role_spans(simulation)
        ],
        "edits": [
            {
                "revision": made.number,
                "parent": made.parent,
                "time": iso(made.time),
                "modified": iso(told.saved[made.number]),
                "node": made.node,
                "role": made.role,
                "file": made.file,
                "sha256": made.sha256,
                "size": len(made.content),
            }
            for made in told.revisions
            if made.made_by == "edit"
        ],
        "replications": [
            {
                "time": iso(copy.time),
                "from": copy.source,
                "to": copy.target,
                "file": copy.file,
                "forced": copy.forced,
                "copied": _state(copy.copied),
                "replaced": copy.replaced and _state(copy.replaced),
            }
            for copy in told.replications
        ],
        "backups": [
            {
                "node": backup.node,
                "location": backup.location,
                "scheme": backup.scheme,
                "made": iso(backup.made),
                "made_recorded": iso(backup.made_raw),
                "trigger": backup.trigger,
                "files": {name: _state(state) for name, state in sorted(backup.files.items())},
            }
            for node in simulation.nodes.values()
            for backup in node.backups
        ],
        "live": {
            node.name: {name: _state(state) for name, state in sorted(node.files.items())}
            for node in simulation.nodes.values()
        },
        "losses": _losses(simulation),
    }


def happened(simulation: Cluster[S]) -> dict[str, Any]:
    """What any cluster has: clocks, moves, machines that went down."""
    setting, told = simulation.setting, simulation.truth
    return {
        "start": iso(setting.start),
        "end": iso(simulation.now),
        "nodes": [
            {
                "name": node.name,
                "drift_ppm": node.clock.ppm,
                "clock": [
                    {"since": iso(max(since, setting.start)), "offset_seconds": offset / TICKS}
                    for since, offset in node.clock.steps
                ],
            }
            for node in simulation.nodes.values()
        ],
        "clock_steps": [
            {"node": change.node, "time": iso(change.time), "seconds": change.ticks / TICKS, "logged": change.logged}
            for change in told.clock_changes
        ],
        "copy_times": setting.copy_times if setting.system == "2003" else None,
        "transitions": [
            {
                "group": move.group,
                "from": move.source,
                "to": move.target,
                "kind": move.kind,
                "asked": iso(move.asked),
                "offline": iso(move.offline),
                "online": iso(move.online),
            }
            for move in told.transitions
        ],
        "group_restarts": [
            {
                "group": again.group,
                "node": again.node,
                "kind": again.kind,
                "asked": iso(again.asked),
                "offline": iso(again.offline),
                "online": iso(again.online),
            }
            for again in told.group_restarts
        ],
        "outages": [
            {
                "node": outage.node,
                "kind": outage.kind,
                "stopped": iso(outage.stopped),
                "booted": None if outage.booted is None else iso(outage.booted),
            }
            for outage in told.outages
        ],
    }


def _state(state: FileState) -> dict[str, Any]:
    content = state.revision.content
    return {"sha256": state.revision.sha256, "size": len(content), "modified": iso(state.modified)}


class RoleSpan(NamedTuple):
    """A node in one role for the group of the clustered mailbox server, true times."""

    node: str
    role: str
    start: int
    end: int


def role_spans(simulation: Simulation) -> list[RoleSpan]:
    """Roles of each node from the first boot to the end."""
    found: list[RoleSpan] = []
    for name in simulation.nodes:
        changes = [(time, role) for time, _, node, role in simulation.truth.roles if node == name]
        ends = [time for time, _ in changes[1:]] + [simulation.now]
        for (time, role), end in zip(changes, ends, strict=True):
            if time >= end:
                continue
            if found and found[-1].node == name and found[-1].role == role:
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(RoleSpan(name, role, time, end))
    return found


def _losses(simulation: Simulation) -> list[dict[str, Any]]:
    """Saved changes that the files of the node active at the end do not contain, by descent and not by time.

    Of several changes of one file that were lost together the last one stands for all: it contains the others.
    """
    last = simulation.nodes.get(simulation.active or "")
    if last is None:
        return []
    found = []
    for name in REPLICATED:
        current = last.files.get(name)
        if current is None:
            continue
        kept = _descent(simulation, current.revision)
        lost = [
            r for r in simulation.truth.revisions if r.file == name and r.made_by == "edit" and r.number not in kept
        ]
        parents = {revision.parent for revision in lost}
        found += [_loss(simulation, revision, current) for revision in lost if revision.number not in parents]
    return found


def _descent(simulation: Simulation, revision: Revision) -> set[int]:
    """The revision and everything that it was made from."""
    found = {revision.number}
    while revision.parent is not None:
        revision = simulation.truth.revisions[revision.parent]
        found.add(revision.number)
    return found


def _loss(simulation: Simulation, lost: Revision, current: FileState) -> dict[str, Any]:
    move = next(
        (
            move
            for move in simulation.truth.transitions
            if move.group == simulation.setting.cms and move.source == lost.node and move.asked >= lost.time
        ),
        None,
    )
    in_window = move is not None and lost.role == "active" and move.asked - lost.time <= CYCLE
    backups = [
        backup
        for node in simulation.nodes.values()
        for backup in node.backups
        if lost.file in backup.files and backup.files[lost.file].revision.number == lost.number
    ]
    modified = simulation.truth.saved[lost.number]
    return {
        "kind": "lost_update",
        "cause": "failover_in_window" if in_window else "unknown",
        "file": lost.file,
        "node": simulation.active,
        "saved_on": lost.node,
        "time": iso(lost.time),
        "lost": {"sha256": lost.sha256, "size": len(lost.content), "modified": iso(modified)},
        "current": _state(current),
        "recoverable_from": [backup.location for backup in backups],
        "live_on": [
            node.name
            for node in simulation.nodes.values()
            if lost.file in node.files and node.files[lost.file].revision.number == lost.number
        ],
    }
