"""What really happened, for judging an analysis: the content of `truth.json`. Its schema stands in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from samples.incident.clock import TICKS, iso
from samples.incident.guidelines import violated
from samples.incident.judging_losses import recommended
from samples.incident.losses import Losses
from samples.incident.operations import NOBODYS

if TYPE_CHECKING:
    from samples.incident.cluster import Cluster
    from samples.incident.engine import S
    from samples.incident.losses import Loss
    from samples.incident.simulation import Simulation
    from samples.incident.world import FileState


SCHEMA = 4


def truth(simulation: Simulation, degraded: list[dict[str, Any]], strays: list[dict[str, Any]]) -> dict[str, Any]:
    """The truth as plain JSON values. `degraded` and `strays`: what was done to the evidence afterwards."""
    setting, chronicle = simulation.setting, simulation.truth
    told: dict[str, Any] = {
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
                "again": made.again,
                "time": iso(made.time),
                "modified": iso(chronicle.saved[made.number]),
                "made_by": made.made_by,
                "node": made.node,
                "role": made.role,
                "file": made.file,
                "sha256": made.sha256,
                "size": len(made.content),
            }
            for made in chronicle.revisions
            if made.made_by not in NOBODYS
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
            for copy in chronicle.replications
        ],
        "backups": [
            {
                "node": backup.node,
                "location": backup.location,
                "scheme": backup.scheme,
                "made": iso(backup.made),
                "made_recorded": iso(backup.made_raw),
                "trigger": backup.trigger,
                "paths": {name: f"{backup.node}/Data/{backup.path(name)}" for name in sorted(backup.files)},
                "files": {name: _state(state) for name, state in sorted(backup.files.items())},
            }
            for node in simulation.nodes.values()
            for backup in node.backups
        ],
        "live": {
            node.name: {name: _state(state) for name, state in sorted(node.files.items())}
            for node in simulation.nodes.values()
        },
        "history": _history(simulation),
        "deeds": [
            {"time": iso(deed.time), **{name: getattr(deed, name) for name in ("node", "what", "role", "group")}}
            for deed in chronicle.deeds
        ],
        "violated": violated(simulation),
        **_told_losses(simulation),
    }
    told["recommended"] = recommended(told)
    return told


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


def _history(simulation: Simulation) -> list[dict[str, Any]]:
    return [
        {
            "time": iso(change.time),
            "node": change.node,
            "file": change.file,
            "how": change.how,
            "state": change.after and _state(change.after),
        }
        for change in simulation.truth.changes
    ]


def _told_losses(simulation: Simulation) -> dict[str, list[dict[str, Any]]]:
    """Losses in place, those mended since, and those of which one may be of two minds."""
    account = Losses(simulation)
    found: dict[str, list[dict[str, Any]]] = {"losses": [], "mended": [], "arguable": []}
    for row in account.all():
        place = "arguable" if row.arguable else "losses" if row.in_place else "mended"
        found[place].append(_loss(simulation, account, row))
    return found


def _loss(simulation: Simulation, account: Losses, row: Loss) -> dict[str, Any]:
    lost = row.lost.revision
    backups = [
        backup
        for node in simulation.nodes.values()
        for backup in node.backups
        if row.file in backup.files and backup.files[row.file].revision.content == lost.content
    ]
    return {
        "kind": row.kind,
        "cause": row.cause,
        "file": row.file,
        "node": row.node,
        "node_also": list(row.node_also),
        "in_place": row.in_place,
        "saved_on": lost.node,
        "time": iso(lost.time),
        "began": iso(row.began),
        "began_also": row.began_also and iso(row.began_also),
        "lost_at": iso(row.time),
        "lost": _state(row.lost),
        "lineage": [made.sha256 for made in account.lineage(lost)],
        "current": row.current and _state(row.current),
        "recoverable_from": [backup.location for backup in backups],
        "live_on": [
            node.name
            for node in simulation.nodes.values()
            if row.file in node.files and node.files[row.file].revision.content == lost.content
        ],
    }
