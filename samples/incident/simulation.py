"""A discrete-event simulation of a two-node CCR cluster with Forefront Security for Exchange Server.

The rules are the documented ones: the passive node pulls each of the five files when the active node's last-modified
time is newer than its own, by raw times, every thirty seconds; a setting makes the first sync ignore the times once;
backups are written when the product starts and when a node turns from active to passive. Where nothing is documented
the simulation chooses, and a comment says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.incident import content
from samples.incident.backups import SCHEMES, BackupSet
from samples.incident.clock import TICKS, NodeClock, moment
from samples.incident.engine import Engine
from samples.incident.world import (
    WELL_KNOWN_GROUPS,
    FileState,
    Group,
    GroupRestart,
    Node,
    Outage,
    Replication,
    Revision,
    Transition,
)

if TYPE_CHECKING:
    from samples.incident.setting import Setting

CYCLE = 30 * TICKS
DATABASES = ("First Storage Group\\Mailbox Database", "Second Storage Group\\Public Folder Database")
INFORMATION_STORE = "Microsoft Exchange Information Store"
PRODUCT = "Microsoft Forefront Security for Exchange Server"
_VERSIONS = {
    "2003": ("5.02.", "3790", "Service Pack 2", "Multiprocessor Free"),
    "2008": ("6.00.", "6001", "Service Pack 1", "Multiprocessor Free"),
}


class Simulation(Engine):
    """One cluster, its time line, and what it leaves behind."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.active: str | None = None
        self.groups = {name: Group(name) for name in (*WELL_KNOWN_GROUPS, setting.cms)}
        self.scheme = setting.backup_scheme or self.rng.choice(sorted(SCHEMES))
        self._defaults: dict[str, Revision] = {}
        # The zero of Statistics.fdb: numbers of revisions that nobody replicates are negative.
        self._own_revisions = 0
        limit = int(setting.skew_seconds * TICKS)
        for name, ppm in zip(setting.node_names, setting.drift_ppm, strict=True):
            clock = NodeClock(self.rng.randint(-limit, limit), ppm, setting.start)
            self.nodes[name] = Node(name, clock, self.rng.randrange(CYCLE))
        for node in self.nodes.values():
            self._set_role(node.name, "down")
        for step in setting.clock_steps:
            self.after(step.hours * 3600, self.step_clock, self.nodes[setting.node_names[step.node]], step.seconds)

    # -- nodes -------------------------------------------------------------------------------------------------------

    def other(self, node: Node) -> Node:
        """The other one of the two."""
        return next(candidate for candidate in self.nodes.values() if candidate is not node)

    def passive(self) -> Node:
        """The node that is not active; the second by name when none is."""
        return next((n for n in self.nodes.values() if n.name != self.active), list(self.nodes.values())[-1])

    def boot(self, node: Node) -> None:
        """Start a machine: its logs are opened, it joins the cluster, and the product starts, which makes a backup."""
        node.up, node.booted = True, self.now
        node.opened = {name: len(entries) for name, entries in node.logs.items()}
        outages = self.truth.outages
        for at, outage in enumerate(outages):
            if outage.node == node.name and outage.booted is None:
                outages[at] = outage._replace(booted=self.now)
        self.log(node, "system_version", *_VERSIONS[self.setting.system])
        self.log(node, "log_started")
        for service in ("Windows Installer", "Cluster Service", "Microsoft Exchange Replication Service"):
            self.between(5, 40, self.log, node, "service_state", service, "running")
        self.after(50, self._join, node, node.booted)

    def _join(self, node: Node, booted: int) -> None:
        if not node.up or node.booted != booted:
            return
        other = self.other(node)
        node.joined = True
        if other.joined:
            self.log(node, "cluster_joined")
            apart = abs(node.clock.read(self.now) - other.clock.read(self.now))
            if self.setting.join_differences:
                # In which direction the difference is given is not documented: the simulation logs its size.
                self.log(node, "time_difference", node.name, other.name, str(apart))
        else:
            self.log(node, "cluster_formed")
        self._set_role(node.name, "passive")
        for group in (group for group in self.groups.values() if group.owner is None):
            group.owner = node.name
            self.between(2, 10, self._bring_online, group, group.turn, node)
        if node.installed:
            self.between(15, 30, self.start_product, node)

    def restart(self, node: Node) -> None:
        """Restart a machine cleanly; the groups that are online on it are moved first."""
        if not node.joined or node.stopping:
            return
        node.stopping = True
        for group in self.groups.values():
            if group.owner == node.name:
                self.move(group.name)
        self.after(40, self._shut_down, node, node.booted)

    def restart_passive(self) -> None:
        """Restart the machine that is passive at this moment."""
        self.restart(self.passive())

    def restart_active(self) -> None:
        """Restart the machine that is active at this moment."""
        if self.active:
            self.restart(self.nodes[self.active])

    def _shut_down(self, node: Node, booted: int) -> None:
        if not node.up or node.booted != booted:
            return  # it crashed in the meantime
        user = f"{self.setting.domain.partition('.')[0].upper()}\\Administrator"
        reason = "Operating System: Reconfiguration (Planned)"
        self.log(node, "restart_asked", "winlogon.exe", node.name, reason, "0x80020004", "restart", "", user)

        def stop() -> None:
            if not node.up or node.booted != booted:
                return
            self.log(node, "log_stopped")
            node.opened = {name: len(entries) for name, entries in node.logs.items()}
            self._go_down(node, "restart")
            self._fail_over(node, (0, 0))
            self.between(90, 180, self.boot, node)

        self.between(5, 15, stop)

    def crash_active(self) -> None:
        """Let the machine that is active at this moment stop dead."""
        if self.active:
            self.crash(self.nodes[self.active])

    def crash_passive(self) -> None:
        """Let the machine that is passive at this moment stop dead."""
        self.crash(self.passive())

    def crash(self, node: Node) -> None:
        """Let a machine stop dead: nothing is logged, taken offline or backed up; its groups come up on the other."""
        if not node.up:
            return
        stopped = self.now
        self._go_down(node, "crash")
        self.between(5, 10, self._report_removed, self.other(node), node)
        self._fail_over(node, (11, 15))
        self.between(200, 400, self._boot_after_crash, node, stopped)

    def _report_removed(self, node: Node, removed: Node) -> None:
        if node.joined:
            self.log(node, "node_removed", removed.name)

    def _go_down(self, node: Node, kind: str) -> None:
        node.up = node.joined = node.stopping = False
        self._set_role(node.name, "down")
        if self.active == node.name:
            self.active = None
        self.truth.outages.append(Outage(node.name, kind, self.now, None))

    def _fail_over(self, node: Node, seconds: tuple[float, float]) -> None:
        """The groups of a machine that is gone come up on the other, if that one can take them."""
        other = self.other(node)
        target = other if other.joined and not other.stopping else None
        for group in self.groups.values():
            if group.owner != node.name:
                continue
            if group.left is None and group.last is not None:
                group.left = (self.now, self.now, "crash")
            group.online = False
            group.turn += 1
            group.owner = target.name if target else None
            if target:
                self.between(*seconds, self._bring_online, group, group.turn, target)

    def _boot_after_crash(self, node: Node, stopped: int) -> None:
        self.boot(node)
        shown = moment(node.clock.read(stopped))
        clock = f"{shown.hour % 12 or 12}:{shown:%M:%S} {'AM' if shown.hour < 12 else 'PM'}"
        day = f"{shown.month}/{shown.day}/{shown.year}"
        self.log(node, "unexpected_shutdown", clock, day, "", "", "0", "", "")

    def _set_role(self, node: str, role: str) -> None:
        self.truth.roles.append((self.now, self.setting.cms, node, role))

    # -- groups ------------------------------------------------------------------------------------------------------

    def move(self, name: str | None = None) -> None:
        """Move a group (default: that of the clustered mailbox server) to the other node, cleanly, if it is online."""
        self._leave(self.groups[name or self.setting.cms], stays=False)

    def restart_group(self, name: str | None = None) -> None:
        """Take a group offline and bring it online again on the same node."""
        self._leave(self.groups[name or self.setting.cms], stays=True)

    def _leave(self, group: Group, *, stays: bool) -> None:
        if not group.online or group.owner is None:
            return
        source = self.nodes[group.owner]
        group.online = False
        self.log(source, "group_going_offline", group.name)
        if group.name == self.setting.cms:
            # From here on nobody is active, and nobody pulls: the simulation's reading of "fails over".
            self.active = None
            for database in DATABASES:
                self.between(2, 5, self.log, source, "database_stopped", database)
            self.after(6, self.log, source, "service_state", INFORMATION_STORE, "stopped")
        self.between(7, 10, self._take_offline, group, group.turn, self.now, stays)

    def _take_offline(self, group: Group, turn: int, asked: int, stays: bool) -> None:  # noqa: FBT001 -- from the queue
        if group.turn != turn or group.owner is None:
            return
        source = self.nodes[group.owner]
        other = self.other(source)
        self.log(source, "group_offline", group.name)
        if not stays and other.joined and not other.stopping:
            target: Node | None = other
        else:
            target = None if source.stopping else source
        group.left = (asked, self.now, "quiet")
        group.owner = target.name if target else None
        if group.name == self.setting.cms:
            self._set_role(source.name, "passive")
            # Whether the product takes a restart of the group for a transition is not documented: it does here.
            self.back_up(source, "active_to_passive")
        if target:
            self.between(1, 3, self._bring_online, group, turn, target)

    def _bring_online(self, group: Group, turn: int, node: Node) -> None:
        if group.turn != turn:
            return
        self.log(node, "group_coming_online", group.name)
        if group.name == self.setting.cms:
            self.between(2, 4, self.log, node, "service_state", INFORMATION_STORE, "running")
            for database in DATABASES:
                self.between(5, 9, self.log, node, "database_started", database)
        self.between(10, 20, self._online, group, turn, node)

    def _online(self, group: Group, turn: int, node: Node) -> None:
        if group.turn != turn:
            return
        self.log(node, "group_online", group.name)
        is_cms = group.name == self.setting.cms
        if is_cms:
            self.active = node.name
            self._set_role(node.name, "active")
        previous, left = group.last, group.left
        group.online, group.last, group.left = True, node.name, None
        if previous is None or left is None:
            return
        asked, offline, kind = left
        if previous == node.name:
            self.truth.group_restarts.append(GroupRestart(group.name, node.name, kind, asked, offline, self.now))
            return
        self.truth.transitions.append(Transition(group.name, previous, node.name, kind, asked, offline, self.now))
        if is_cms:
            self.between(0.5, 2, self.log, node, "handoff")
            self.between(20, 40, self._report_copying, self.nodes[previous])

    def _report_copying(self, node: Node) -> None:
        if node.name != self.active:
            self.log(node, "copying_started")

    # -- the product -------------------------------------------------------------------------------------------------

    def install(self, node: Node) -> None:
        """Install the product: files that are there stay, those that are not are put down with its defaults."""
        self.log(node, "installed", f"Product: {PRODUCT} -- Installation completed successfully.")
        self.log(node, "product_installed", PRODUCT, "synthetic", "1033", "0", "Microsoft Corporation")
        node.installed = True
        node.force_next_sync = self.setting.forced_first_sync and node.name != self.active
        for name in content.REPLICATED:
            if name not in node.files:
                node.files[name] = FileState(self._default(name), node.clock.read(self.now) + self.rng.randrange(TICKS))
        self.update_statistics(node)
        self.between(20, 40, self.start_product, node)

    def start_product(self, node: Node) -> None:
        """Start the product on a node, which makes a backup, and its cycle; nothing on a machine that is down."""
        if not node.up:
            return
        self.back_up(node, "service_start")
        node.services += 1
        self.at(self.next_cycle(node, self.now), self._cycle, node, node.services)

    def _default(self, name: str) -> Revision:
        if name not in self._defaults:
            made = self._revision(name, None, "install", "", "", content.defaults(name))
            self._defaults[name] = made
        return self._defaults[name]

    def _revision(self, name: str, parent: int | None, made_by: str, node: str, role: str, data: bytes) -> Revision:
        made = Revision(len(self.truth.revisions), name, parent, made_by, self.now, node, role, data)
        self.truth.revisions.append(made)
        return made

    def edit(self, name: str, node: Node | None = None) -> None:
        """Let an administrator save the settings that a file holds, on the active node unless another is named."""
        place = node or (self.nodes[self.active] if self.active else None)
        if place is None or not place.up or name not in place.files:
            return
        before = place.files[name].revision
        data = content.edited(self.rng, name, before.content, len(self.truth.revisions))
        role = "active" if place.name == self.active else "passive"
        made = self._revision(name, before.number, "edit", place.name, role, data)
        modified = place.clock.read(self.now)
        self.truth.saved[made.number] = modified
        place.files[name] = FileState(made, modified)

    def update_statistics(self, node: Node) -> None:
        """Write the file that each node keeps for itself."""
        if not node.installed:
            return
        self._own_revisions -= 1
        data = content.edited(self.rng, content.NOT_REPLICATED, content.defaults(content.NOT_REPLICATED), 0)
        made = Revision(self._own_revisions, content.NOT_REPLICATED, None, "statistics", self.now, node.name, "", data)
        node.files[content.NOT_REPLICATED] = FileState(made, node.clock.read(self.now))

    def back_up(self, node: Node, trigger: str) -> None:
        """Write a backup set of the replicated files."""
        if not node.installed:
            return
        files = {name: node.files[name] for name in content.REPLICATED if name in node.files}
        raw = node.clock.read(self.now)
        number = len(node.backups) + 1
        node.backups.append(BackupSet(node.name, number, self.now, raw, trigger, self.scheme, files))

    def next_cycle(self, node: Node, time: int) -> int:
        """First moment after a true time at which the node's replication service looks at the files."""
        return time + CYCLE - (time - node.phase) % CYCLE

    def _cycle(self, node: Node, service: int) -> None:
        if node.services != service or not node.up:
            return  # this service ended, with its machine or because it was started anew
        self.at(self.now + CYCLE, self._cycle, node, service)
        source = self.nodes.get(self.active or "")
        if source is None or source is node or not source.up or not source.installed:
            return
        forced, node.force_next_sync = node.force_next_sync, False
        if forced:
            self.log(node, "forced_sync")
        for name in content.REPLICATED:
            self._pull(name, source, node, forced=forced)

    def _pull(self, name: str, source: Node, node: Node, *, forced: bool) -> None:
        theirs, ours = source.files.get(name), node.files.get(name)
        if theirs is None:
            return
        if forced or ours is None or theirs.modified > ours.modified:
            if theirs != ours:
                copied = Replication(self.now, source.name, node.name, name, theirs, ours, forced)
                self.truth.replications.append(copied)
            node.files[name] = theirs
            return
        # It is documented that a skip is logged as 9413, not how often. A skip of equal times every thirty seconds
        # would fill any log: the simulation logs a skip where the destination is strictly newer, once for each pair.
        pair = (name, theirs.modified, ours.modified)
        if theirs.modified < ours.modified and pair not in node.reported_skips:
            node.reported_skips.add(pair)
            self.log(node, "copy_skipped", name)
