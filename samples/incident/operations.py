"""What administrators do to the product's files, beside saving settings. Each acts now, and on nothing if it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.incident import content
from samples.incident.clock import TICKS
from samples.incident.cluster import CYCLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from samples.incident.backups import BackupSet
    from samples.incident.simulation import Simulation
    from samples.incident.world import Node, Revision

PUSHED = ("Template.fdb", "ScanJobs.fdb")
REPLICATION_SERVICE = "Forefront Server Security CCR Replication service"
NOBODYS = frozenset({"install", "rebuild"})
"""What makes a content that nobody configured."""


def active_node(simulation: Simulation) -> Node | None:
    """The node that is active at this moment."""
    return simulation.nodes.get(simulation.active or "")


def push_template(simulation: Simulation) -> None:
    """The management console distributes a template: two files are rewritten at once on the active node."""
    node = active_node(simulation)
    if node is None:
        return
    for name in PUSHED:
        number = len(simulation.truth.revisions)
        data = content.edited(simulation.rng, name, node.files[name].revision.content, number)
        simulation.save(node, name, "template", data)


def restart_product(simulation: Simulation, node: Node, between: Callable[[], None] | None = None) -> None:
    """Stop the product on a node, and start it half a minute to two minutes later; something may be done in between."""
    if not (node.up and node.installed):
        return
    node.services += 1  # the service that ran is over, and so is its cycle
    simulation.log(node, "service_state", REPLICATION_SERVICE, "stopped")
    if between is not None:
        simulation.between(5, 20, between)

    def start() -> None:
        simulation.log(node, "service_state", REPLICATION_SERVICE, "running")
        simulation.between(1, 4, simulation.start_product, node)

    simulation.between(30, 120, start)


def force_sync(simulation: Simulation) -> None:
    """Set what makes the first sync of the passive node ignore times, and restart the product there."""
    node = simulation.passive()
    node.force_next_sync = True
    restart_product(simulation, node)


def delete_and_restart(simulation: Simulation, node: Node | None, names: Iterable[str]) -> None:
    """Delete files while the product is stopped: it makes them anew when it starts."""
    if node is None:
        return

    def delete() -> None:
        for name in names:
            if name in node.files:
                simulation.put(node, name, None, "delete")

    restart_product(simulation, node, delete)


def rebuild_machine(simulation: Simulation, node: Node, hours: float) -> None:
    """Take a passive machine down; it comes back with an empty disk, without the product, its backups and its logs."""
    simulation.take_down(node)

    def renew() -> None:
        for name in list(node.files):
            simulation.put(node, name, None, "disk")
        simulation.truth.lost_disks.append((simulation.now, node.name))
        node.backups.clear()
        node.logs.clear()
        node.installed, node.rebuilt = False, True
        simulation.boot(node)

    simulation.after(hours * 3600, renew)


def in_window(simulation: Simulation, name: str, leave: Callable[[], None]) -> None:
    """Save just after a cycle of the passive node, and let the group leave before the next one."""
    if simulation.active is None:
        return
    cycle = simulation.next_cycle(simulation.passive(), simulation.now)
    saved = cycle + simulation.rng.randint(2 * TICKS, 6 * TICKS)
    simulation.at(saved, simulation.edit, name)
    simulation.at(saved + simulation.rng.randint(4 * TICKS, CYCLE // 2 - 5 * TICKS), leave)


def older_set(simulation: Simulation, node: Node, names: Iterable[str]) -> BackupSet | None:
    """A backup set of a node that an operator might go back to: configured content, and other than what is there."""
    fit = [
        backup
        for backup in node.backups
        if all(
            name in backup.files
            and name in node.files
            and backup.files[name].revision.made_by not in NOBODYS
            and backup.files[name].revision.content != node.files[name].revision.content
            for name in names
        )
    ]
    return simulation.rng.choice(fit) if fit else None


def restore_anew(simulation: Simulation, node: Node | None, names: Iterable[str]) -> None:
    """An operator copies the content of an older set back: the files have fresh times, as after any save."""
    names = tuple(names)
    backup = older_set(simulation, node, names) if node else None
    if node is None or backup is None:
        return
    for name in names:
        old = backup.files[name].revision
        simulation.save(node, name, "restore", old.content, old.number)


def restore_preserving(simulation: Simulation, node: Node | None, names: Iterable[str]) -> None:
    """An operator copies an older set back, times and all."""
    names = tuple(names)
    backup = older_set(simulation, node, names) if node else None
    if node is None or backup is None:
        return
    for name in names:
        simulation.put(node, name, backup.files[name], "preserved")


def save_again(simulation: Simulation, node: Node | None, revision: Revision) -> None:
    """An operator brings a content back that was lost: its bytes are saved anew."""
    if node is not None:
        simulation.save(node, revision.file, "restore", revision.content, revision.number)
