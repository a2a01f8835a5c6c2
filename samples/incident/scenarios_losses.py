"""Scenarios in which configuration is saved, replicated, restored, and lost. The truth says what became of it.

Two edits lie at least sixteen minutes apart, and a quarter of an hour from any move, unless a scenario says otherwise:
so clocks that are some minutes off do not turn the order of two saves round, and every save has its cycle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.incident import operations
from samples.incident.clock import TICKS
from samples.incident.content import REBUILT_FROM, REPLICATED
from samples.incident.scenarios import HOUR, MINUTE, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples.incident.simulation import Simulation
    from samples.incident.world import Node

_SLOT = 20 * MINUTE
_JITTER = 4 * MINUTE


class Plan:
    """What is done one thing after the other: a cursor on the time line of a simulation.

    It begins with two boots, an installation on each node, active first, and a first configuration of every file.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.rng = simulation.rng
        self.first, self.second = simulation.nodes.values()
        simulation.boot(self.first)
        simulation.after(300, simulation.boot, self.second)
        simulation.after(1 * HOUR, simulation.install, self.first)
        simulation.after(1.5 * HOUR, simulation.install, self.second)
        self.seconds = 1.9 * HOUR
        for name in REPLICATED:
            self.do(simulation.edit, name)
            self.wait(_SLOT)

    def wait(self, low: float, high: float | None = None) -> None:
        """Let so many seconds pass."""
        self.seconds += low if high is None else self.rng.uniform(low, high)

    def do(self, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen at this point; the cursor stays."""
        self.simulation.after(self.seconds, action, *arguments)

    def edits(self, count: int, names: tuple[str, ...] = REPLICATED) -> None:
        """So many saves on whichever node is active, within slots of twenty minutes, and a quarter of an hour more."""
        slots = sorted(self.rng.sample(range(2 * count + 1), count))
        begin = self.seconds + 16 * MINUTE
        for slot in slots:
            at = begin + slot * _SLOT + self.rng.uniform(0, _JITTER)
            self.simulation.after(at, self.simulation.edit, self.rng.choice(names))
        self.seconds = begin + (2 * count + 1) * _SLOT

    def move(self) -> None:
        """The group moves to the other node, cleanly, and a quarter of an hour passes."""
        self.do(self.simulation.fail_over)
        self.wait(17 * MINUTE, 30 * MINUTE)

    def round_trip(self, count: int = 1) -> None:
        """There and back, with edits after either: each node has a backup set of what both hold."""
        self.edits(count)
        self.move()
        self.edits(count)
        self.move()

    def some(self) -> str:
        """One of the files."""
        return self.rng.choice(REPLICATED)

    def on_active(self, action: Callable[..., None], *arguments: object) -> None:
        """Do it to the node that is active then."""
        self.do(lambda: action(self.simulation, operations.active_node(self.simulation), *arguments))

    def on_passive(self, action: Callable[..., None], *arguments: object) -> None:
        """Do it to the node that is passive then."""
        self.do(lambda: action(self.simulation, self.simulation.passive(), *arguments))


def _others(name: str) -> tuple[str, ...]:
    return tuple(other for other in REPLICATED if other != name)


def _edit_on(simulation: Simulation, node: Node, name: str) -> None:
    simulation.edit(name, node)


# -- nothing is lost -------------------------------------------------------------------------------------------------


def _many_edits(simulation: Simulation) -> None:
    """Edits, quiet moves, a crash of the active node, a restart of the passive one."""
    plan = Plan(simulation)
    for step in plan.rng.sample(("move", "move", "crash", "restart", "product"), 4):
        plan.edits(plan.rng.randint(2, 5))
        if step == "move":
            plan.move()
        elif step == "crash":
            plan.do(simulation.crash_active)
            plan.wait(40 * MINUTE)
        elif step == "restart":
            plan.do(simulation.restart_passive)
            plan.wait(30 * MINUTE)
        else:
            plan.do(lambda: operations.restart_product(simulation, simulation.passive()))
            plan.wait(20 * MINUTE)
    plan.edits(2)


def _template_push(simulation: Simulation) -> None:
    """The console distributes a template, three times, with moves in between."""
    plan = Plan(simulation)
    for _ in range(3):
        plan.edits(plan.rng.randint(1, 2))
        plan.wait(16 * MINUTE)
        plan.do(operations.push_template, simulation)
        plan.wait(17 * MINUTE)
        if plan.rng.random() < 0.6:
            plan.move()


def _reinstall_passive(simulation: Simulation) -> None:
    """A passive node is rebuilt and the product installed on it as it should be; its first sync ignores times."""
    plan = Plan(simulation)
    plan.round_trip()
    _rebuild(plan)

    def install() -> None:
        node = simulation.passive()
        simulation.install(node)
        node.force_next_sync = True

    plan.do(install)
    plan.wait(20 * MINUTE)
    plan.edits(2)
    if plan.rng.random() < 0.5:
        plan.move()
        plan.edits(1)


def _passive_edit_taken(simulation: Simulation) -> None:
    """A change is saved on the passive node, which is active before anybody saves that file again: it spreads."""
    plan = Plan(simulation)
    name = plan.some()
    plan.round_trip()
    plan.on_passive(_edit_on, name)
    plan.edits(1, _others(name))
    plan.move()
    plan.edits(2)


def _operator_restore(simulation: Simulation) -> None:
    """An operator goes back to an older set on the active node, with fresh times: an edit like any other."""
    plan = Plan(simulation)
    names = REPLICATED if plan.rng.random() < 0.5 else (plan.some(),)
    plan.edits(2)
    plan.move()
    _change_all(plan, names)
    plan.move()
    plan.edits(1)
    plan.on_active(operations.restore_anew, names)
    plan.wait(17 * MINUTE)
    if plan.rng.random() < 0.5:
        plan.move()
    plan.edits(1)


def _change_all(plan: Plan, names: tuple[str, ...]) -> None:
    plan.wait(16 * MINUTE)
    for name in names:
        plan.do(plan.simulation.edit, name)
        plan.wait(17 * MINUTE)


# -- a save that had no cycle ----------------------------------------------------------------------------------------


def _window(
    simulation: Simulation, after: Callable[[Plan, str], None], leave: Callable[[], None] | None = None
) -> None:
    """A change is saved just after a cycle, and the group leaves before the next one: the change stays behind."""
    plan = Plan(simulation)
    name = plan.some()
    if plan.rng.random() < 0.5:
        plan.round_trip()
    plan.edits(plan.rng.randint(1, 3))
    plan.do(operations.in_window, simulation, name, leave or simulation.fail_over)
    plan.wait(30 * MINUTE, 60 * MINUTE)
    after(plan, name)


def _left_alone(plan: Plan, name: str) -> None:
    plan.edits(plan.rng.randint(0, 2), _others(name))
    if plan.rng.random() < 0.5:
        plan.do(plan.simulation.restart_passive)
        plan.wait(20 * MINUTE)


def _edited_after(plan: Plan, name: str) -> None:
    plan.edits(1, (name,))
    plan.edits(plan.rng.randint(0, 2))
    if plan.rng.random() < 0.4:
        plan.move()
        plan.edits(1)


def _failed_back(plan: Plan, name: str) -> None:
    plan.edits(plan.rng.randint(0, 1), _others(name))
    plan.move()
    plan.edits(plan.rng.randint(0, 2))


def _forced(plan: Plan, name: str) -> None:
    plan.edits(plan.rng.randint(0, 1), _others(name))
    plan.do(operations.force_sync, plan.simulation)
    plan.wait(17 * MINUTE)
    plan.edits(plan.rng.randint(0, 2), REPLICATED if plan.rng.random() < 0.5 else _others(name))


def _brought_back(plan: Plan, name: str) -> None:
    """An operator saves the lost content anew on the active node, from the other node's file.

    Where the file is saved again later, a backup set has what he did: else nobody could tell that save from one that
    goes on from the older content.
    """
    simulation = plan.simulation

    def bring() -> None:
        other = simulation.passive().files[name].revision
        operations.save_again(simulation, operations.active_node(simulation), other)

    plan.edits(plan.rng.randint(0, 1), _others(name))
    plan.do(bring)
    plan.wait(17 * MINUTE)
    if plan.rng.random() < 0.5:
        plan.move()
        plan.edits(plan.rng.randint(0, 2))
    else:
        plan.edits(plan.rng.randint(0, 2), _others(name))


def _never_copied(simulation: Simulation) -> None:
    """Saved while the passive machine restarts; the active one stops dead before the other can copy anything."""
    plan = Plan(simulation)
    name = plan.some()
    plan.round_trip()
    plan.edits(1)
    plan.do(simulation.restart_passive)
    plan.wait(62, 70)
    plan.do(simulation.edit, name)
    plan.wait(45, 55)
    plan.do(simulation.crash_active)
    plan.wait(40 * MINUTE)
    _left_alone(plan, name)


# -- rebuilt and restored --------------------------------------------------------------------------------------------


def _rebuild(plan: Plan) -> None:
    hours = plan.rng.uniform(0.5, 2)
    plan.on_passive(operations.rebuild_machine, hours)
    plan.wait(hours * HOUR + 30 * MINUTE)


def _reinstall_active(simulation: Simulation) -> None:
    """A node is rebuilt, the group moved to it, and the product installed there while it is active."""
    plan = Plan(simulation)
    plan.round_trip()
    plan.edits(1)
    _rebuild(plan)
    plan.move()
    plan.do(lambda: simulation.install(simulation.nodes[simulation.active or ""]))
    plan.wait(17 * MINUTE)
    if plan.rng.random() < 0.5:
        plan.edits(plan.rng.randint(1, 2))
    if plan.rng.random() < 0.3:
        plan.move()


def _self_rebuild(names: tuple[str, ...]) -> Callable[[Simulation], None]:
    def play(simulation: Simulation) -> None:
        """Files are deleted on the active node, and the product makes them anew when it starts; they spread."""
        plan = Plan(simulation)
        plan.round_trip()
        kept = tuple(name for name in REPLICATED if name not in names)
        plan.edits(1, REPLICATED if plan.rng.random() < 0.2 else kept)
        plan.on_active(operations.delete_and_restart, names)
        plan.wait(17 * MINUTE)
        if plan.rng.random() < 0.5:
            plan.edits(1, names)
        if plan.rng.random() < 0.3:
            plan.move()

    return play


def _self_rebuild_passive(simulation: Simulation) -> None:
    """The same on the passive node; where it becomes active then, the new file spreads."""
    plan = Plan(simulation)
    plan.round_trip()
    name = plan.rng.choice(sorted(REBUILT_FROM))
    plan.on_passive(operations.delete_and_restart, (name,))
    plan.wait(17 * MINUTE)
    plan.edits(1, _others(name))
    if plan.rng.random() < 0.5:
        plan.move()


def _preserve_restore(simulation: Simulation) -> None:
    """An operator puts an older set back on the active node with the times that it has: the other node skips it."""
    _preserve(simulation, moves=False)


def _preserve_restore_moved(simulation: Simulation) -> None:
    """The same, and the group moves to the other node, whose newer files come back."""
    _preserve(simulation, moves=True)


def _preserve(simulation: Simulation, *, moves: bool) -> None:
    plan = Plan(simulation)
    names = REPLICATED if plan.rng.random() < 0.4 else (plan.some(),)
    plan.edits(2)
    plan.move()
    _change_all(plan, names)
    plan.move()
    plan.on_active(operations.restore_preserving, names)
    plan.wait(17 * MINUTE)
    if moves:
        plan.move()


# -- passive edits and clocks ----------------------------------------------------------------------------------------


def _passive_edit(simulation: Simulation) -> None:
    """A change is saved on the passive node, and stays there."""
    plan = Plan(simulation)
    name = plan.some()
    if plan.rng.random() < 0.5:
        plan.round_trip()
    plan.edits(1)
    plan.on_passive(_edit_on, name)
    plan.edits(plan.rng.randint(0, 2), _others(name))
    if plan.rng.random() < 0.5:
        plan.do(simulation.restart_passive)
        plan.wait(20 * MINUTE)


def _passive_edit_overwritten(simulation: Simulation) -> None:
    """A change is saved on the passive node, which restarts; then the file is saved on the active node, and comes."""
    plan = Plan(simulation)
    name = plan.some()
    plan.round_trip()
    plan.edits(1)
    plan.on_passive(_edit_on, name)
    plan.wait(17 * MINUTE)
    if plan.rng.random() < 0.8:  # else nothing has the change any more, and nobody can know of it
        plan.do(simulation.restart_passive)
        plan.wait(20 * MINUTE)
    plan.edits(1, (name,))
    plan.edits(plan.rng.randint(0, 1))
    if plan.rng.random() < 0.4:
        plan.move()


def _clock_skew(simulation: Simulation, *, fails_back: bool) -> None:
    """What is saved on the second node soon after a move looks older than what the first one has, and is skipped.

    The first node's clock is far ahead from the beginning, or is set so before the move; nothing before is turned
    round by that.
    """
    ahead = simulation.rng.uniform(14, 25) * MINUTE
    is_set = simulation.rng.random() < 0.5
    if not is_set:
        clock = next(iter(simulation.nodes.values())).clock
        clock.steps[0] = (0, clock.steps[0][1] + int(ahead * TICKS))
    plan = Plan(simulation)
    name = plan.some()
    plan.edits(plan.rng.randint(1, 2))
    if is_set:
        plan.do(simulation.step_clock, plan.first, ahead)
    plan.wait(40 * MINUTE)
    plan.do(simulation.edit, name)
    plan.wait(90, 200)
    plan.do(simulation.fail_over)
    plan.wait(120, 200)
    plan.do(simulation.edit, name)
    plan.wait(40 * MINUTE)
    plan.edits(plan.rng.randint(0, 1), _others(name))
    if fails_back:
        plan.move()
        plan.edits(plan.rng.randint(0, 2))


def _window_as(after: Callable[[Plan, str], None]) -> Callable[[Simulation], None]:
    return lambda simulation: _window(simulation, after)


LOSS_SCENARIOS = {
    "loss-clean": Scenario("many edits, moves, crashes; nothing is lost", 34, _many_edits),
    "template-push": Scenario("templates distributed; nothing is lost", 20, _template_push),
    "reinstall-passive": Scenario(
        "a node rebuilt and installed while passive; nothing is lost", 22, _reinstall_passive
    ),
    "passive-edit-taken": Scenario("saved on the passive node, then active; nothing is lost", 18, _passive_edit_taken),
    "operator-restore": Scenario("an older set saved anew by an operator; nothing is lost", 22, _operator_restore),
    "window": Scenario("a failover within the cycle after a save", 18, _window_as(_left_alone)),
    "window-crash": Scenario(
        "a crash within the cycle after a save", 18, lambda s: _window(s, _left_alone, s.crash_active)
    ),
    "window-edited": Scenario("the same, and the other node's file is edited", 22, _window_as(_edited_after)),
    "window-failback": Scenario("the same, and back: mended", 20, _window_as(_failed_back)),
    "window-mended": Scenario("the same, and an operator brings it back", 22, _window_as(_brought_back)),
    "window-forced-sync": Scenario("the same, and a forced sync overwrites the only copy", 20, _window_as(_forced)),
    "never-copied": Scenario("saved while nobody could copy it, then a crash", 18, _never_copied),
    "reinstall-active": Scenario("a node rebuilt and installed while active", 20, _reinstall_active),
    "self-rebuild-scanjobs": Scenario("ScanJobs.fdb made anew", 14, _self_rebuild(("ScanJobs.fdb",))),
    "self-rebuild-template": Scenario("Template.fdb made anew", 14, _self_rebuild(("Template.fdb",))),
    "self-rebuild-both": Scenario("both made anew: defaults", 14, _self_rebuild(("ScanJobs.fdb", "Template.fdb"))),
    "self-rebuild-passive": Scenario("a file made anew on the passive node", 14, _self_rebuild_passive),
    "preserve-restore": Scenario("an older set put back with its times", 20, _preserve_restore),
    "preserve-restore-moved": Scenario("the same, and a move: mended", 20, _preserve_restore_moved),
    "passive-edit": Scenario("saved on the passive node, and stuck there", 18, _passive_edit),
    "passive-edit-overwritten": Scenario("saved on the passive node, then overwritten", 20, _passive_edit_overwritten),
    "clock-skew": Scenario(
        "a save looks older than it is, and is skipped", 14, lambda s: _clock_skew(s, fails_back=False)
    ),
    "clock-skew-failback": Scenario("the same, and back: it is lost", 16, lambda s: _clock_skew(s, fails_back=True)),
}
"""Beside `scenarios.SCENARIOS`, whose seeds they do not change."""
