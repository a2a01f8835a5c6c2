"""The scenarios: what is done to the cluster, and when.

A scenario is a function that puts steps into the queue of a simulation; what follows from them is the simulation's
business. A new one is a function here and a line in `SCENARIOS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from samples.incident import content
from samples.incident.clock import TICKS
from samples.incident.world import WELL_KNOWN_GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples.incident.simulation import Simulation

HOUR = 3600
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done, and how long it takes."""

    summary: str
    hours: float
    play: Callable[[Simulation], None]


def _begin(simulation: Simulation) -> None:
    """Two boots, an installation on each node, active first, and a first configuration of every file."""
    first, second = simulation.nodes.values()
    simulation.boot(first)
    simulation.after(300, simulation.boot, second)
    simulation.after(1 * HOUR, simulation.install, first)
    simulation.after(1.5 * HOUR, simulation.install, second)
    for index, name in enumerate(content.REPLICATED):
        simulation.between(2 * HOUR + index * 300, 2 * HOUR + index * 300 + 200, simulation.edit, name)


def _edits(simulation: Simulation, low: float, high: float, count: int, names: tuple[str, ...]) -> None:
    """So many ordinary edits on whichever node is active, at some time between two hours."""
    for _ in range(count):
        name = simulation.rng.choice(names)
        simulation.between(low * HOUR, high * HOUR, simulation.edit, name)


def _quiet(simulation: Simulation) -> None:
    """Edits, moves there and back with a quarter of an hour between an edit and a move, a restart: nothing is lost."""
    _begin(simulation)
    moves = [simulation.rng.uniform(20, 24), simulation.rng.uniform(44, 48), simulation.rng.uniform(68, 72)]
    begin = 3.0
    for hour in (*moves, 90.0):
        _edits(simulation, begin, hour - 0.25, simulation.rng.randint(3, 7), content.REPLICATED)
        begin = hour + 0.25
    for hour in moves:
        simulation.after(hour * HOUR, simulation.fail_over)
    simulation.after(simulation.rng.uniform(8, 16) * HOUR, simulation.move, "Available Storage")
    simulation.after(simulation.rng.uniform(30, 40) * HOUR, simulation.move, "Cluster Group")
    simulation.after(simulation.rng.uniform(55, 60) * HOUR, simulation.restart_passive)


def _failover_in_window(simulation: Simulation) -> None:
    """A change is saved just after a cycle, and the group fails over before the next one: the change stays behind."""
    _begin(simulation)
    there, back, fatal = (simulation.rng.uniform(low, low + 3) for low in (14, 26, 44))
    lost = simulation.rng.choice(content.REPLICATED)
    others = tuple(name for name in content.REPLICATED if name != lost)
    _edits(simulation, 3, there - 0.25, 5, content.REPLICATED)
    _edits(simulation, there + 0.25, back - 0.25, 4, content.REPLICATED)
    _edits(simulation, back + 0.25, fatal - 0.25, 5, content.REPLICATED)
    _edits(simulation, fatal + 0.5, 70, 4, others)
    simulation.after(there * HOUR, simulation.fail_over)
    simulation.after(back * HOUR, simulation.fail_over)
    simulation.after(8 * HOUR, simulation.move, "Available Storage")
    simulation.after(60 * HOUR, simulation.restart_passive)

    def save_and_fail_over() -> None:
        cycle = simulation.next_cycle(simulation.passive(), simulation.now)
        saved = cycle + simulation.rng.randint(2 * TICKS, 8 * TICKS)
        simulation.at(saved, simulation.edit, lost)
        simulation.at(saved + simulation.rng.randint(5 * TICKS, 20 * TICKS), simulation.fail_over)

    simulation.after(fatal * HOUR, save_and_fail_over)


def _crash(simulation: Simulation) -> None:
    """The active node stops dead, comes back as the passive one, and gets the group back; nothing is lost."""
    _begin(simulation)
    hour = simulation.rng.uniform(20, 24)
    _edits(simulation, 3, hour - 0.25, 6, content.REPLICATED)
    _edits(simulation, hour + 0.5, 39.5, 4, content.REPLICATED)
    _edits(simulation, 41, 47, 3, content.REPLICATED)
    simulation.after(10 * HOUR, simulation.move, "Cluster Group")
    simulation.after(hour * HOUR, simulation.crash_active)
    simulation.after(40 * HOUR, simulation.fail_over)


def _double_failover(simulation: Simulation) -> None:
    """Twice, the group moves to the other node and within minutes back again."""
    _begin(simulation)
    for low in (10, 20):
        there = simulation.rng.uniform(low, low + 4) * HOUR
        simulation.after(there, simulation.fail_over)
        simulation.after(there + simulation.rng.uniform(1, 8) * MINUTE, simulation.fail_over)
    _edits(simulation, 3, 9.5, 4, content.REPLICATED)
    _edits(simulation, 14.5, 19.5, 4, content.REPLICATED)


def _boot_storm(simulation: Simulation) -> None:
    """Six clean restarts within an hour, at least two of each node; what the node holds moves away before."""
    _begin(simulation)
    _edits(simulation, 3, 5, 3, content.REPLICATED)
    nodes = list(simulation.nodes.values()) * 2 + [simulation.rng.choice(list(simulation.nodes.values()))] * 2
    simulation.rng.shuffle(nodes)
    first = simulation.rng.uniform(6, 9) * HOUR
    for index, node in enumerate(nodes):
        simulation.after(first + (index * 9.5 + simulation.rng.uniform(0, 2)) * MINUTE, simulation.restart, node)
    _edits(simulation, 10.5, 11.5, 2, content.REPLICATED)


def _well_known_moves(simulation: Simulation) -> None:
    """The well-known groups move often, that of the mailbox server once or never."""
    _begin(simulation)
    _edits(simulation, 3, 23, 8, content.REPLICATED)
    for group in WELL_KNOWN_GROUPS:
        for index in range(simulation.rng.randint(8, 15)):
            simulation.after((3 + 1.3 * index + simulation.rng.uniform(0, 1)) * HOUR, simulation.move, group)
    if simulation.rng.random() < 0.5:
        simulation.after(simulation.rng.uniform(8, 20) * HOUR, simulation.fail_over)


def _crash_passive(simulation: Simulation) -> None:
    """The passive node stops dead, twice: the group of the mailbox server stays where it is."""
    _begin(simulation)
    _edits(simulation, 3, 18, 6, content.REPLICATED)
    simulation.after(simulation.rng.uniform(4, 6) * HOUR, simulation.move, simulation.rng.choice(WELL_KNOWN_GROUPS))
    for low in (7, 12):
        simulation.after(simulation.rng.uniform(low, low + 4) * HOUR, simulation.crash_passive)


def _crash_both(simulation: Simulation) -> None:
    """Both nodes stop dead, together or within three minutes; the one that is back first takes the groups."""
    _begin(simulation)
    _edits(simulation, 3, 10, 4, content.REPLICATED)
    hour = simulation.rng.uniform(10, 14) * HOUR
    nodes = list(simulation.nodes.values())
    simulation.rng.shuffle(nodes)
    later = simulation.rng.choice((0, 0, simulation.rng.uniform(1, 180)))
    for wait, node in zip((0, later), nodes, strict=True):
        simulation.after(hour + wait, simulation.crash, node)
    simulation.after(simulation.rng.uniform(18, 20) * HOUR, simulation.fail_over)


def _crash_in_move(simulation: Simulation) -> None:
    """Twice a node stops dead while the group moves: the one that it leaves, or the one that it comes to."""
    _begin(simulation)
    _edits(simulation, 3, 8, 4, content.REPLICATED)
    for low in (9, 14):
        hour = simulation.rng.uniform(low, low + 3) * HOUR
        simulation.after(hour, simulation.fail_over)
        seconds = simulation.rng.uniform(1, 32)
        simulation.after(hour + seconds, simulation.crash, simulation.rng.choice(list(simulation.nodes.values())))


def _restart_both(simulation: Simulation) -> None:
    """Both nodes are restarted within a minute: the groups go down with the second and come up with the first."""
    _begin(simulation)
    _edits(simulation, 3, 8, 4, content.REPLICATED)
    hour = simulation.rng.uniform(9, 13) * HOUR
    for node in simulation.nodes.values():
        simulation.after(hour + simulation.rng.uniform(0, 60), simulation.restart, node)


def _group_restart(simulation: Simulation) -> None:
    """The group goes offline and comes online again on the same node, three times, with one move in between."""
    _begin(simulation)
    for low in (4, 9, 19):
        simulation.after(simulation.rng.uniform(low, low + 4) * HOUR, simulation.restart_group, simulation.setting.cms)
    simulation.after(simulation.rng.uniform(14, 18) * HOUR, simulation.fail_over)
    _edits(simulation, 3, 22, 6, content.REPLICATED)


def _many_moves(simulation: Simulation) -> None:
    """Ten moves, five in each direction, a quarter of an hour after any edit."""
    _begin(simulation)
    for index in range(10):
        low = 4 + 4 * index
        hour = simulation.rng.uniform(low + 1, low + 3.5)
        _edits(simulation, low, hour - 0.25, simulation.rng.randint(0, 2), content.REPLICATED)
        simulation.after(hour * HOUR, simulation.fail_over)
    simulation.after(simulation.rng.uniform(8, 40) * HOUR, simulation.move, "Available Storage")


def _one_way(simulation: Simulation) -> None:
    """A single move, and nobody comes back: an offset of the clocks is bounded from one side only."""
    _begin(simulation)
    hour = simulation.rng.uniform(6, 18)
    _edits(simulation, 3, hour - 0.25, 4, content.REPLICATED)
    _edits(simulation, hour + 0.25, 23, 3, content.REPLICATED)
    simulation.after(hour * HOUR, simulation.fail_over)


def _no_move(simulation: Simulation) -> None:
    """Nothing moves: one node is active from its start to the end."""
    _begin(simulation)
    _edits(simulation, 3, 11, 5, content.REPLICATED)


def _long(simulation: Simulation) -> None:
    """A month: a move in most weeks, restarts of the passive node, a crash."""
    _begin(simulation)
    day = 24 * HOUR
    for start in (2, 5, 9, 12, 16, 19, 26):
        simulation.after((start + simulation.rng.random()) * day, simulation.fail_over)
    for start in (4, 11, 18, 28):
        simulation.after((start + simulation.rng.random()) * day, simulation.restart_passive)
    for start in (3, 10, 17, 24):
        simulation.after((start + simulation.rng.random()) * day, simulation.move, "Cluster Group")
    simulation.after((22 + simulation.rng.random()) * day, simulation.crash_active)
    _edits(simulation, 3, 740, 40, content.REPLICATED)


SCENARIOS = {
    "boot-storm": Scenario("six restarts of the two nodes in an hour", 12, _boot_storm),
    "crash": Scenario("the active node stops dead; nothing is lost", 48, _crash),
    "crash-both": Scenario("both nodes stop dead", 22, _crash_both),
    "crash-in-move": Scenario("a node stops dead while the group moves, twice", 20, _crash_in_move),
    "crash-passive": Scenario("the passive node stops dead, twice", 20, _crash_passive),
    "double-failover": Scenario("there and back within minutes, twice", 26, _double_failover),
    "group-restart": Scenario("the group restarts where it is; one move", 24, _group_restart),
    "long": Scenario("a month with moves, restarts and a crash", 31 * 24, _long),
    "many-moves": Scenario("ten moves in two days", 48, _many_moves),
    "no-move": Scenario("one node is active all the time", 12, _no_move),
    "one-way": Scenario("a single move", 24, _one_way),
    "quiet": Scenario("edits and clean moves; nothing is lost", 96, _quiet),
    "failover-in-window": Scenario(
        "a failover within the cycle after a save; the save is lost", 72, _failover_in_window
    ),
    "restart-both": Scenario("both nodes restart within a minute", 16, _restart_both),
    "well-known-moves": Scenario("the well-known groups move, the mailbox server hardly", 24, _well_known_moves),
}
