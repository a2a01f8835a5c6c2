"""Scenarios in which the product is installed and removed, as the vendor's guidelines ask for it and otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.incident.content import REPLICATED
from samples.incident.scenarios import HOUR, MINUTE, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples.incident.simulation import Simulation
    from samples.incident.world import Node


class _Course:
    """A cursor on the time line: two boots, an installation on each node, a first configuration."""

    def __init__(self, simulation: Simulation, *, order: tuple[int, int] = (0, 1), sessions: bool = True) -> None:
        self.simulation = simulation
        self.rng = simulation.rng
        self.nodes: list[Node] = list(simulation.nodes.values())
        simulation.boot(self.nodes[0])
        simulation.after(300, simulation.boot, self.nodes[1])
        self.seconds = 1.0 * HOUR
        for index in order:
            if sessions:
                simulation.after(self.seconds - 10 * MINUTE, simulation.log_on, self.nodes[index])
            simulation.after(self.seconds, simulation.install, self.nodes[index])
            self.seconds += 30 * MINUTE
        for name in REPLICATED:
            self.do(simulation.edit, name)
            self.seconds += 20 * MINUTE

    def do(self, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen at this point; the cursor stays."""
        self.simulation.after(self.seconds, action, *arguments)

    def wait(self, low: float, high: float | None = None) -> None:
        """Let so many seconds pass."""
        self.seconds += low if high is None else self.rng.uniform(low, high)

    def remove(self, index: int) -> None:
        """Remove the product from a node, and let some minutes pass."""
        self.do(self.simulation.log_on, self.nodes[index])
        self.wait(5 * MINUTE)
        self.do(self.simulation.remove, self.nodes[index])
        self.wait(20 * MINUTE, 40 * MINUTE)

    def restart_group(self) -> None:
        """Take the mailbox server offline and bring it online again, and let two hours pass."""
        self.do(self.simulation.restart_group, self.simulation.setting.cms)
        self.wait(2 * HOUR)


def _uninstall(simulation: Simulation) -> None:
    """As it should be: the active node first, nothing restarted, then the mailbox server restarted."""
    course = _Course(simulation)
    course.remove(0)
    course.remove(1)
    course.restart_group()


def _passive_first(simulation: Simulation) -> None:
    """The passive node first."""
    course = _Course(simulation)
    course.remove(1)
    course.remove(0)
    course.restart_group()


def _restarted(simulation: Simulation) -> None:
    """A node is restarted between the two removals."""
    course = _Course(simulation)
    course.remove(0)
    course.do(simulation.restart_passive)
    course.wait(40 * MINUTE)
    course.remove(1)
    course.restart_group()


def _moved(simulation: Simulation) -> None:
    """The mailbox server is moved between the removals, so that each node loses the product while it is active."""
    course = _Course(simulation)
    course.remove(0)
    course.do(simulation.fail_over)
    course.wait(40 * MINUTE)
    course.remove(1)
    course.restart_group()


def _not_restarted(simulation: Simulation) -> None:
    """Nobody restarts the mailbox server afterwards."""
    course = _Course(simulation)
    course.remove(0)
    course.remove(1)


def _unfinished(simulation: Simulation) -> None:
    """Only the passive node loses the product, and a node is restarted."""
    course = _Course(simulation)
    course.remove(1)
    course.do(simulation.restart_passive)


def _second_first(simulation: Simulation) -> None:
    """The passive node is installed first, and nobody logged on to the machines."""
    _Course(simulation, order=(1, 0), sessions=False)


def _offline(simulation: Simulation) -> None:
    """The group is offline while the first node is installed."""
    simulation.after(55 * MINUTE, simulation.take_offline, 15 * MINUTE)
    _Course(simulation)


GUIDELINE_SCENARIOS = {
    "uninstall": Scenario("the product removed as it should be", 8, _uninstall),
    "uninstall-passive-first": Scenario("removed from the passive node first", 8, _passive_first),
    "uninstall-restarted": Scenario("a node restarted between the removals", 8, _restarted),
    "uninstall-moved": Scenario("the mailbox server moved between the removals", 8, _moved),
    "uninstall-not-restarted": Scenario("the mailbox server not restarted afterwards", 8, _not_restarted),
    "uninstall-unfinished": Scenario("removed from the passive node only, and a restart", 8, _unfinished),
    "install-passive-first": Scenario("installed on the passive node first", 6, _second_first),
    "install-offline": Scenario("installed while the group was offline", 6, _offline),
}
"""Beside `scenarios.SCENARIOS`, whose seeds they do not change."""
