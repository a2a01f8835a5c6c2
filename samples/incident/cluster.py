"""Machines and groups of a failover cluster, of any number of nodes: what boots, stops, crashes and moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.incident.clock import TICKS, NodeClock, moment
from samples.incident.engine import Engine, S
from samples.incident.world import Group, GroupRestart, Node, Outage, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

CYCLE = 30 * TICKS
_VERSIONS = {
    "2003": ("5.02.", "3790", "Service Pack 2", "Multiprocessor Free"),
    "2008": ("6.00.", "6001", "Service Pack 1", "Multiprocessor Free"),
}


class Cluster(Engine[S]):
    """One cluster and its time line. What a product does beside is for subclasses: methods named `on_...`.

    A group is on its way, online or nowhere; of each way only the last counts: where a machine goes down, what it was
    about to do with its groups does not happen (`Group.turn`).
    """

    boot_services: tuple[str, ...] = ("Windows Installer", "Cluster Service")

    def __init__(self, setting: S, groups: Iterable[str]) -> None:
        super().__init__(setting)
        self.groups = {name: Group(name) for name in groups}

    def add_machines(self) -> None:
        """Put the machines there, down, each with a clock that is off by chance; and let the clocks be set."""
        setting = self.setting
        limit = int(setting.skew_seconds * TICKS)
        for at, name in enumerate(setting.node_names):
            ppm = setting.drift_ppm[at] if at < len(setting.drift_ppm) else 0
            clock = NodeClock(self.rng.randint(-limit, limit), ppm, setting.start)
            self.nodes[name] = Node(name, clock, self.rng.randrange(CYCLE))
        for node in self.nodes.values():
            self.on_role(node, "down")
        for step in setting.clock_steps:
            self.after(step.hours * 3600, self.step_clock, self.nodes[setting.node_names[step.node]], step.seconds)

    # -- what a product does -----------------------------------------------------------------------------------------

    def on_role(self, node: Node, role: str) -> None:
        """A machine is down, or up and without groups yet (passive)."""

    def on_joined(self, node: Node) -> None:
        """A node has joined the cluster."""

    def on_down(self, node: Node) -> None:
        """A machine went down."""

    def on_leaving(self, group: Group, source: Node) -> None:
        """A group starts going offline."""

    def on_left(self, group: Group, source: Node) -> None:
        """A group is offline."""

    def on_coming(self, group: Group, node: Node) -> None:
        """A group starts coming online."""

    def on_online(self, group: Group, node: Node) -> None:
        """A group is online."""

    def on_moved(self, group: Group, source: Node, node: Node) -> None:
        """A group is online, and was online on another node before."""

    # -- machines ----------------------------------------------------------------------------------------------------

    def boot(self, node: Node) -> None:
        """Start a machine: its logs are opened, and it joins the cluster."""
        node.up, node.booted = True, self.now
        node.opened = {name: len(entries) for name, entries in node.logs.items()}
        outages = self.truth.outages
        for at, outage in enumerate(outages):
            if outage.node == node.name and outage.booted is None:
                outages[at] = outage._replace(booted=self.now)
        self.log(node, "system_version", *_VERSIONS[self.setting.system])
        self.log(node, "log_started")
        for service in self.boot_services:
            self.between(5, 40, self.log, node, "service_state", service, "running")
        self.after(50, self._join, node)

    def _join(self, node: Node) -> None:
        if not node.up:
            return  # it crashed in the meantime, and takes longer than this to boot again
        members = [other for other in self.others(node) if other.joined]
        node.joined = True
        self.log(node, "cluster_joined" if members else "cluster_formed")
        for other in members if self.setting.join_differences else ():
            # In which direction the difference is given is not documented: the simulation logs its size.
            apart = abs(node.clock.read(self.now) - other.clock.read(self.now))
            self.log(node, "time_difference", node.name, other.name, str(apart))
        self.on_role(node, "passive")
        for group in self.groups.values():
            if group.owner is None:
                group.owner = node.name
                self.between(2, 10, self._bring_online, group, group.turn, node)
        self.on_joined(node)

    def restart(self, node: Node) -> None:
        """Restart a machine cleanly; the groups that are online on it are moved first."""
        if not node.joined or node.stopping:
            return
        node.stopping = True
        for group in self.groups.values():
            if group.owner == node.name:
                self.move(group.name)
        self.after(40, self._shut_down, node)

    def _shut_down(self, node: Node) -> None:
        if not node.up:
            return  # it crashed in the meantime, as above
        user = f"{self.setting.domain.partition('.')[0].upper()}\\Administrator"
        reason = "Operating System: Reconfiguration (Planned)"
        self.log(node, "restart_asked", "winlogon.exe", node.name, reason, "0x80020004", "restart", "", user)

        def stop() -> None:
            if not node.up:
                return
            self.log(node, "log_stopped")
            node.opened = {name: len(entries) for name, entries in node.logs.items()}
            self._go_down(node, "restart")
            self._fail_over(node, (0, 0))
            self.between(90, 180, self.boot, node)

        self.between(5, 15, stop)

    def crash(self, node: Node) -> None:
        """Let a machine stop dead: nothing is logged, taken offline or backed up; its groups come up elsewhere."""
        if not node.up:
            return
        stopped = self.now
        self.take_down(node)
        self.between(200, 400, self._boot_after_crash, node, stopped)

    def take_down(self, node: Node) -> None:
        """Let a machine stop dead and stay down until somebody boots it."""
        if not node.up:
            return
        self._go_down(node, "crash")
        for other in self.others(node):
            self.between(5, 10, self._report_removed, other, node)
        self._fail_over(node, (11, 15))

    def _report_removed(self, node: Node, removed: Node) -> None:
        if node.joined:
            self.log(node, "node_removed", removed.name)

    def _go_down(self, node: Node, kind: str) -> None:
        node.up = node.joined = node.stopping = False
        self.on_role(node, "down")
        self.on_down(node)
        self.truth.outages.append(Outage(node.name, kind, self.now, None))

    def _boot_after_crash(self, node: Node, stopped: int) -> None:
        self.boot(node)
        shown = moment(node.clock.read(stopped))
        clock = f"{shown.hour % 12 or 12}:{shown:%M:%S} {'AM' if shown.hour < 12 else 'PM'}"
        day = f"{shown.month}/{shown.day}/{shown.year}"
        self.log(node, "unexpected_shutdown", clock, day, "", "", "0", "", "")

    # -- groups ------------------------------------------------------------------------------------------------------

    def move(self, name: str, target: str | None = None) -> None:
        """Move a group to another node (the named one, if it can take it), cleanly; nothing if it is not online."""
        self._leave(self.groups[name], target=target, stays=False)

    def restart_group(self, name: str) -> None:
        """Take a group offline and bring it online again on the same node; nothing if it is not online."""
        self._leave(self.groups[name], target=None, stays=True)

    def _host(self, node: Node, wanted: str | None = None) -> Node | None:
        """A node that can take a group from this one."""
        fit = [other for other in self.others(node) if other.joined and not other.stopping]
        named = [other for other in fit if other.name == wanted]
        if named or len(fit) <= 1:
            return next(iter(named or fit), None)
        return self.rng.choice(fit)

    def _leave(self, group: Group, *, target: str | None, stays: bool) -> None:
        if not group.online or group.owner is None:
            return
        source = self.nodes[group.owner]
        group.online = False
        self.log(source, "group_going_offline", group.name)
        self.on_leaving(group, source)
        self.between(7, 10, self._take_offline, group, group.turn, self.now, group.owner if stays else target)

    def _take_offline(self, group: Group, turn: int, asked: int, wanted: str | None) -> None:
        if group.turn != turn or group.owner is None:
            return
        source = self.nodes[group.owner]
        self.log(source, "group_offline", group.name)
        target = None if wanted == source.name else self._host(source, wanted)
        if target is None and not source.stopping:
            target = source
        group.left = (asked, self.now, "quiet")
        group.owner = target.name if target else None
        self.on_left(group, source)
        if target:
            self.between(1, 3, self._bring_online, group, turn, target)

    def _fail_over(self, node: Node, seconds: tuple[float, float]) -> None:
        """The groups of a machine that is gone come up on another, if there is one that can take them."""
        for group in self.groups.values():
            if group.owner != node.name:
                continue
            if group.left is None and group.last is not None:
                group.left = (self.now, self.now, "crash")
            group.online = False
            group.turn += 1
            target = self._host(node)
            group.owner = target.name if target else None
            if target:
                self.between(*seconds, self._bring_online, group, group.turn, target)

    def _bring_online(self, group: Group, turn: int, node: Node) -> None:
        if group.turn != turn:
            return
        self.log(node, "group_coming_online", group.name)
        self.on_coming(group, node)
        self.between(10, 20, self._online, group, turn, node)

    def _online(self, group: Group, turn: int, node: Node) -> None:
        if group.turn != turn:
            return
        self.log(node, "group_online", group.name)
        self.on_online(group, node)
        previous, left = group.last, group.left
        group.online, group.last, group.left = True, node.name, None
        if previous is None or left is None:
            return
        asked, offline, kind = left
        if previous == node.name:
            self.truth.group_restarts.append(GroupRestart(group.name, node.name, kind, asked, offline, self.now))
            return
        self.truth.transitions.append(Transition(group.name, previous, node.name, kind, asked, offline, self.now))
        self.on_moved(group, self.nodes[previous], node)
