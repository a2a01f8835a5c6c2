"""The scenarios: what is done to the cluster, and when.

A scenario is a function that puts steps into the queue of a simulation; what follows from them is the simulation's
business. A new one is a function here and a line in `SCENARIOS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from samples.incident import content
from samples.incident.clock import TICKS, filetime

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples.incident.simulation import Simulation

HOUR = 3600
SYSTEMS = ("2003", "2008")


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that a simulation is made from. Equal settings, equal incidents.

    Attributes:
        scenario: name of a scenario.
        system: "2003" or "2008": Windows Server, and so the form of the logs.
        seed: the rest of what is decided by chance.
        start: true time of the first boot, FILETIME.
        node_names: the two nodes, in upper case.
        cms: name of the clustered mailbox server, which is that of its group too.
        cluster: name of the cluster.
        domain: DNS domain of the nodes.
        skew_seconds: how far a clock may be off, either way.
        noise_seconds: mean time between two pieces of background noise on a node.
        dropped_copies: share of event-log entries that are not copied to the other node (2003).
        backup_scheme: how backup sets are named; None: one is chosen.
    """

    scenario: str
    system: str
    seed: int
    start: int = filetime(datetime(2008, 1, 7, 6, tzinfo=UTC))
    node_names: tuple[str, str] = ("EXNODE1", "EXNODE2")
    cms: str = "CMS1"
    cluster: str = "EXCLUSTER"
    domain: str = "contoso.local"
    skew_seconds: float = 60
    noise_seconds: float = 1500
    dropped_copies: float = 0.02
    backup_scheme: str | None = None


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
        simulation.after(hour * HOUR, simulation.move)
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
    simulation.after(there * HOUR, simulation.move)
    simulation.after(back * HOUR, simulation.move)
    simulation.after(8 * HOUR, simulation.move, "Available Storage")
    simulation.after(60 * HOUR, simulation.restart_passive)

    def save_and_fail_over() -> None:
        cycle = simulation.next_cycle(simulation.passive(), simulation.now)
        saved = cycle + simulation.rng.randint(2 * TICKS, 8 * TICKS)
        simulation.at(saved, simulation.edit, lost)
        simulation.at(saved + simulation.rng.randint(5 * TICKS, 20 * TICKS), simulation.move)

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
    simulation.after(40 * HOUR, simulation.move)


SCENARIOS = {
    "crash": Scenario("the active node stops dead; nothing is lost", 48, _crash),
    "quiet": Scenario("edits and clean moves; nothing is lost", 96, _quiet),
    "failover-in-window": Scenario(
        "a failover within the cycle after a save; the save is lost", 72, _failover_in_window
    ),
}
