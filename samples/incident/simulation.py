"""A discrete-event simulation of a two-node CCR cluster with Forefront Security for Exchange Server.

The rules are the documented ones: the passive node pulls each of the five files when the active node's last-modified
time is newer than its own, by raw times, every thirty seconds; a setting makes the first sync ignore the times once;
backups are written when the product starts and when a node turns from active to passive. Where nothing is documented
the simulation chooses, and a comment says so.
"""

from __future__ import annotations

import heapq
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from samples.incident import content
from samples.incident.backups import SCHEMES, BackupSet
from samples.incident.catalogue import CATALOGUE
from samples.incident.clock import TICKS, NodeClock, moment
from samples.incident.world import (
    WELL_KNOWN_GROUPS,
    Chronicle,
    Entry,
    FileState,
    Node,
    Replication,
    Revision,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples.incident.scenarios import Setting

CYCLE = 30 * TICKS
DATABASES = ("First Storage Group\\Mailbox Database", "Second Storage Group\\Public Folder Database")
INFORMATION_STORE = "Microsoft Exchange Information Store"
PRODUCT = "Microsoft Forefront Security for Exchange Server"
_VERSIONS = {
    "2003": ("5.02.", "3790", "Service Pack 2", "Multiprocessor Free"),
    "2008": ("6.00.", "6001", "Service Pack 1", "Multiprocessor Free"),
}


class Simulation:
    """One cluster, its time line, and what it leaves behind. Equal settings give equal worlds."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rng = Random(f"{setting.scenario}/{setting.system}/{setting.seed}")
        self.now = setting.start
        self.truth = Chronicle()
        self.active: str | None = None
        self.owners: dict[str, str | None] = dict.fromkeys((*WELL_KNOWN_GROUPS, setting.cms))
        self.scheme = setting.backup_scheme or self.rng.choice(sorted(SCHEMES))
        self._queue: list[tuple[int, int, partial[None]]] = []
        self._count = 0
        self._defaults: dict[str, Revision] = {}
        # The zero of Statistics.fdb: numbers of revisions that nobody replicates are negative.
        self._own_revisions = 0
        limit = int(setting.skew_seconds * TICKS)
        self.nodes = {
            name: Node(name, NodeClock(self.rng.randint(-limit, limit)), self.rng.randrange(CYCLE))
            for name in setting.node_names
        }
        for node in self.nodes.values():
            self._set_role(setting.cms, node.name, "down")

    # -- the queue ---------------------------------------------------------------------------------------------------

    def at(self, time: int, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen at a true time; what is asked for first happens first."""
        heapq.heappush(self._queue, (time, self._count, partial(action, *arguments)))
        self._count += 1

    def after(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen so many seconds from now."""
        self.at(self.now + int(seconds * TICKS), action, *arguments)

    def between(self, low: float, high: float, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen at some moment between so many seconds from now."""
        self.after(self.rng.uniform(low, high), action, *arguments)

    def run(self, until: int) -> None:
        """Play everything up to a true time."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = until

    # -- logs --------------------------------------------------------------------------------------------------------

    def log(self, node: Node, key: str, *strings: str) -> None:
        """Write an entry to the log of a node, if it is up and its system logs such an event."""
        row = CATALOGUE[key]
        if not node.up or row.only not in {None, self.setting.system}:
            return
        raw = node.clock.read(self.now)
        computer = node.name if self.setting.system == "2003" else f"{node.name}.{self.setting.domain}"
        entry = Entry(row, computer, strings, raw, raw)
        self._append(node, entry)
        if self.setting.system == "2003" and node.joined:
            self._copy_entry(node, entry)

    def _append(self, node: Node, entry: Entry) -> None:
        name = (self.setting.system == "2008" and entry.row.log_2008) or entry.row.log
        node.logs.setdefault(name, []).append(entry)

    def _copy_entry(self, origin: Node, entry: Entry) -> None:
        """Copy an entry to the other node. The copy keeps the time of its origin: the simulation's choice."""
        other = self.other(origin)

        def arrive() -> None:
            if other.up and other.joined:
                self._append(other, entry._replace(written=other.clock.read(self.now)))

        if self.rng.random() >= self.setting.dropped_copies:
            self.between(0.5, 4, arrive)
        elif self.rng.random() < 0.3:
            self.after(5, self.log, other, "copies_dropped")

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
        self.log(node, "system_version", *_VERSIONS[self.setting.system])
        self.log(node, "log_started")
        for service in ("Windows Installer", "Cluster Service", "Microsoft Exchange Replication Service"):
            self.between(5, 40, self.log, node, "service_state", service, "running")
        self.after(50, self._join, node)

    def _join(self, node: Node) -> None:
        other = self.other(node)
        node.joined = True
        if other.joined:
            self.log(node, "cluster_joined")
            apart = abs(node.clock.read(self.now) - other.clock.read(self.now))
            # In which direction the difference is given is not documented: the simulation logs its size.
            self.log(node, "time_difference", node.name, other.name, str(apart))
        else:
            self.log(node, "cluster_formed")
        self._set_role(self.setting.cms, node.name, "passive")
        for group in (group for group, owner in self.owners.items() if owner is None):
            self.owners[group] = node.name
            self.between(2, 10, self._bring_online, group, node, None)
        if node.installed:
            self.between(15, 30, self.start_product, node)

    def restart(self, node: Node) -> None:
        """Restart a machine cleanly; the well-known groups that it owns are moved first."""
        for group in WELL_KNOWN_GROUPS:
            if self.owners[group] == node.name:
                self.move(group)
        self.after(40, self._shut_down, node)

    def restart_passive(self) -> None:
        """Restart the machine that is passive at this moment."""
        self.restart(self.passive())

    def _shut_down(self, node: Node) -> None:
        user = f"{self.setting.domain.partition('.')[0].upper()}\\Administrator"
        reason = "Operating System: Reconfiguration (Planned)"
        self.log(node, "restart_asked", "winlogon.exe", node.name, reason, "0x80020004", "restart", "", user)

        def stop() -> None:
            self.log(node, "log_stopped")
            node.up = node.joined = False
            node.opened = {name: len(entries) for name, entries in node.logs.items()}
            self._set_role(self.setting.cms, node.name, "down")
            self.between(90, 180, self.boot, node)

        self.between(5, 15, stop)

    def crash_active(self) -> None:
        """Let the machine that is active at this moment stop dead."""
        if self.active:
            self.crash(self.nodes[self.active])

    def crash(self, node: Node) -> None:
        """Let a machine stop dead: nothing is logged, taken offline or backed up; its groups come up on the other."""
        if not node.up:
            return
        stopped = self.now
        node.up = node.joined = False
        self._set_role(self.setting.cms, node.name, "down")
        if self.active == node.name:
            self.active = None
        other = self.other(node)
        self.between(5, 10, self.log, other, "node_removed", node.name)
        for group, owner in self.owners.items():
            if owner == node.name:
                self.owners[group] = other.name
                self.between(11, 15, self._bring_online, group, other, (node, stopped, stopped))
        self.between(200, 400, self._boot_after_crash, node, stopped)

    def _boot_after_crash(self, node: Node, stopped: int) -> None:
        self.boot(node)
        shown = moment(node.clock.read(stopped))
        clock = f"{shown.hour % 12 or 12}:{shown:%M:%S} {'AM' if shown.hour < 12 else 'PM'}"
        day = f"{shown.month}/{shown.day}/{shown.year}"
        self.log(node, "unexpected_shutdown", clock, day, "", "", "0", "", "")

    def _set_role(self, group: str, node: str, role: str) -> None:
        self.truth.roles.append((self.now, group, node, role))

    # -- groups ------------------------------------------------------------------------------------------------------

    def move(self, group: str | None = None) -> None:
        """Move a group (default: that of the clustered mailbox server) to the other node, cleanly."""
        group = group or self.setting.cms
        owner = self.owners[group]
        if owner is None:
            return
        source = self.nodes[owner]
        asked = self.now
        self.log(source, "group_going_offline", group)
        is_cms = group == self.setting.cms
        if is_cms:
            # From here on nobody is active, and nobody pulls: the simulation's reading of "fails over".
            self.active = None
            for database in DATABASES:
                self.between(2, 5, self.log, source, "database_stopped", database)
            self.after(6, self.log, source, "service_state", INFORMATION_STORE, "stopped")
        self.between(7, 10, self._take_offline, group, source, asked)

    def _take_offline(self, group: str, source: Node, asked: int) -> None:
        self.log(source, "group_offline", group)
        target = self.other(source)
        self.owners[group] = target.name
        if group == self.setting.cms:
            self._set_role(group, source.name, "passive")
            self.back_up(source, "active_to_passive")
        offline = self.now
        self.between(1, 3, self._bring_online, group, target, (source, asked, offline))

    def _bring_online(self, group: str, node: Node, moved: tuple[Node, int, int] | None) -> None:
        self.log(node, "group_coming_online", group)
        is_cms = group == self.setting.cms
        if is_cms:
            self.between(2, 4, self.log, node, "service_state", INFORMATION_STORE, "running")
            for database in DATABASES:
                self.between(5, 9, self.log, node, "database_started", database)
        self.between(10, 20, self._online, group, node, moved)

    def _online(self, group: str, node: Node, moved: tuple[Node, int, int] | None) -> None:
        self.log(node, "group_online", group)
        is_cms = group == self.setting.cms
        if is_cms:
            self.active = node.name
            self._set_role(group, node.name, "active")
        if moved is None:
            return
        source, asked, offline = moved
        kind = "crash" if asked == offline else "quiet"
        self.truth.transitions.append(Transition(group, source.name, node.name, kind, asked, offline, self.now))
        if is_cms:
            self.between(0.5, 2, self.log, node, "handoff")
            self.between(20, 40, self.log, source, "copying_started")

    # -- the product -------------------------------------------------------------------------------------------------

    def install(self, node: Node) -> None:
        """Install the product: files that are there stay, those that are not are put down with its defaults."""
        self.log(node, "installed", f"Product: {PRODUCT} -- Installation completed successfully.")
        self.log(node, "product_installed", PRODUCT, "synthetic", "1033", "0", "Microsoft Corporation")
        node.installed = True
        for name in content.REPLICATED:
            if name not in node.files:
                node.files[name] = FileState(self._default(name), node.clock.read(self.now) + self.rng.randrange(TICKS))
        self.update_statistics(node)
        self.between(20, 40, self.start_product, node)

    def start_product(self, node: Node) -> None:
        """Start the product on a node, which makes a backup, and its cycle."""
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
