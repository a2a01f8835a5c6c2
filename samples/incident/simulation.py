"""A discrete-event simulation of a two-node CCR cluster with Forefront Security for Exchange Server.

The rules are the documented ones: the passive node pulls each of the five files when the active node's last-modified
time is newer than its own, by raw times, every thirty seconds; a setting makes the first sync ignore the times once;
backups are written when the product starts and when a node turns from active to passive. Where nothing is documented
the simulation chooses, and a comment says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.incident import content
from samples.incident.backups import USUAL_SCHEMES, BackupSet
from samples.incident.clock import TICKS
from samples.incident.cluster import CYCLE, Cluster
from samples.incident.world import WELL_KNOWN_GROUPS, Change, Deed, FileState, Group, Node, Replication, Revision

if TYPE_CHECKING:
    from samples.incident.setting import Setting

DATABASES = ("First Storage Group\\Mailbox Database", "Second Storage Group\\Public Folder Database")
INFORMATION_STORE = "Microsoft Exchange Information Store"
PRODUCT = "Microsoft Forefront Security for Exchange Server"


class Simulation(Cluster["Setting"]):
    """One cluster, its time line, and what it leaves behind."""

    boot_services = ("Windows Installer", "Cluster Service", "Microsoft Exchange Replication Service")

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, (*WELL_KNOWN_GROUPS, setting.cms))
        self.active: str | None = None
        self.scheme = setting.backup_scheme or self.rng.choice(USUAL_SCHEMES)
        self._defaults: dict[str, Revision] = {}
        # The zero of Statistics.fdb: numbers of revisions that nobody replicates are negative.
        self._own_revisions = 0
        self.add_machines()

    # -- the group of the mailbox server -----------------------------------------------------------------------------

    def passive(self) -> Node:
        """The node that is not active; the first by name when none is."""
        return next(node for node in self.nodes.values() if node.name != self.active)

    def restart_passive(self) -> None:
        """Restart the machine that is passive at this moment."""
        self.restart(self.passive())

    def restart_active(self) -> None:
        """Restart the machine that is active at this moment, if one is."""
        if self.active:
            self.restart(self.nodes[self.active])

    def crash_active(self) -> None:
        """Let the machine that is active at this moment stop dead."""
        if self.active:
            self.crash(self.nodes[self.active])

    def crash_passive(self) -> None:
        """Let the machine that is passive at this moment stop dead."""
        self.crash(self.passive())

    def fail_over(self) -> None:
        """Move the group of the clustered mailbox server to the other node, cleanly."""
        self.move(self.setting.cms)

    def on_role(self, node: Node, role: str) -> None:
        """Note the truth."""
        self.truth.roles.append((self.now, self.setting.cms, node.name, role))

    def on_joined(self, node: Node) -> None:
        """The product starts with its machine."""
        if node.installed:
            self.between(15, 30, self.start_product, node)

    def on_down(self, node: Node) -> None:
        """Nobody is active any more if this node was."""
        if self.active == node.name:
            self.active = None

    def on_leaving(self, group: Group, source: Node) -> None:
        """The store stops. From here on nobody is active, and nobody pulls: the reading of "fails over" here."""
        if group.name != self.setting.cms:
            return
        self.active = None
        for database in DATABASES:
            self.between(2, 5, self.log, source, "database_stopped", database)
        self.after(6, self.log, source, "service_state", INFORMATION_STORE, "stopped")

    def on_left(self, group: Group, source: Node) -> None:
        """The node is passive, and makes a backup.

        Whether the product takes a restart of the group for a transition is not documented: it does here.
        """
        if group.name == self.setting.cms:
            self.on_role(source, "passive")
            self.back_up(source, "active_to_passive")

    def on_coming(self, group: Group, node: Node) -> None:
        """The store starts."""
        if group.name != self.setting.cms:
            return
        self.between(2, 4, self.log, node, "service_state", INFORMATION_STORE, "running")
        for database in DATABASES:
            self.between(5, 9, self.log, node, "database_started", database)

    def on_online(self, group: Group, node: Node) -> None:
        """The node is active."""
        if group.name == self.setting.cms:
            self.active = node.name
            self.on_role(node, "active")

    def on_moved(self, group: Group, source: Node, node: Node) -> None:
        """The handoff is reported, and the other node begins to copy logs."""
        if group.name == self.setting.cms:
            self.between(0.5, 2, self.log, node, "handoff")
            self.between(20, 40, self._report_copying, source)

    def _report_copying(self, node: Node) -> None:
        if node.name != self.active:
            self.log(node, "copying_started")

    # -- the product -------------------------------------------------------------------------------------------------

    def install(self, node: Node) -> None:
        """Install the product: files that are there stay, those that are not are put down with its defaults."""
        self._note(node, "install")
        self.log(node, "installed", f"Product: {PRODUCT} -- Installation completed successfully.")
        self.log(node, "product_installed", PRODUCT, "synthetic", "1033", "0", "Microsoft Corporation")
        node.installed = True
        node.force_next_sync = self.setting.forced_first_sync and node.name != self.active
        for name in content.REPLICATED:
            if name not in node.files:
                state = FileState(self._default(name, node), node.clock.read(self.now) + self.rng.randrange(TICKS))
                self.put(node, name, state, "install")
        self.update_statistics(node)
        self.between(20, 40, self.start_product, node)

    def remove(self, node: Node) -> None:
        """Remove the product: its files stay where they are, its cycle ends."""
        if not (node.up and node.installed):
            return
        self._note(node, "remove")
        self.log(node, "removed", f"Product: {PRODUCT} -- Removal completed successfully.")
        self.log(node, "product_removed", PRODUCT, "synthetic", "1033", "0", "Microsoft Corporation")
        node.installed = False
        node.services += 1

    def _note(self, node: Node, what: str) -> None:
        group = self.groups[self.setting.cms]
        last = group.owner if group.online else group.last
        role = "active" if last == node.name else "passive"
        online = "online" if group.online else "offline"
        self.truth.deeds.append(Deed(self.now, node.name, what, role, online))

    def log_on(self, node: Node) -> None:
        """Let an administrator log on through a terminal server, where the Security log is kept."""
        if not self.setting.security_log:
            return
        domain = self.setting.domain.partition(".")[0].upper()
        self.log(node, "logged_on_2003", "Administrator", domain, "(0x0,0x3E7)", "10", "User32", "Negotiate")
        account = ("S-1-5-18", node.name, domain, "0x3e7", "S-1-5-21-1-2-3-500", "Administrator", domain, "0x1")
        self.log(node, "logged_on_2008", *account, "10")

    def take_offline(self, seconds: float) -> None:
        """Take the mailbox server's group offline, and bring it online on the same node so many seconds later."""
        group = self.groups[self.setting.cms]
        if not group.online or group.owner is None:
            return
        node = self.nodes[group.owner]
        group.online, group.left = False, (self.now, self.now, "quiet")
        self.log(node, "group_going_offline", group.name)
        self.on_leaving(group, node)
        self.after(8, self.log, node, "group_offline", group.name)
        self.after(8, self.on_left, group, node)
        self.after(seconds, self._bring_online, group, group.turn, node)

    def start_product(self, node: Node) -> None:
        """Start the product on a node, which makes a backup, and its cycle; nothing on a machine that is down.

        A missing ScanJobs.fdb or Template.fdb is made anew first. Which comes first, that or the backup, is not
        documented.
        """
        if not node.up:
            return
        self._rebuild_missing(node)
        self.back_up(node, "service_start")
        node.services += 1
        self.at(self.next_cycle(node, self.now), self._cycle, node, node.services)

    def put(self, node: Node, name: str, state: FileState | None, how: str) -> None:
        """Let a file of a node change, or go; the truth notes it."""
        self.truth.changes.append(Change(self.now, node.name, name, node.files.get(name), state, how))
        if state is None:
            node.files.pop(name, None)
        else:
            node.files[name] = state

    def save(self, node: Node, name: str, made_by: str, data: bytes, again: int | None = None) -> Revision:
        """Let somebody or something save a content on a node, with the time that its clock shows."""
        before = node.files.get(name)
        role = "active" if node.name == self.active else "passive"
        parent = None if before is None else before.revision.number
        made = self._revision(name, parent, made_by, node.name, role, data, again)
        modified = node.clock.read(self.now)
        self.truth.saved[made.number] = modified
        self.put(node, name, FileState(made, modified), made_by)
        return made

    def _rebuild_missing(self, node: Node) -> None:
        """ScanJobs.fdb is made from Template.fdb and the other way round; where both are missing they are defaults."""
        missing = [name for name in content.REBUILT_FROM if name not in node.files and node.installed]
        for name in missing:
            other = node.files.get(content.REBUILT_FROM[name])
            is_default = other is None or len(missing) > 1
            data = (
                content.defaults(name) if is_default or other is None else content.rebuilt(name, other.revision.content)
            )
            self.save(node, name, "rebuild", data)

    def _default(self, name: str, node: Node) -> Revision:
        if node.rebuilt:
            role = "active" if node.name == self.active else "passive"
            return self._revision(name, None, "install", node.name, role, content.defaults(name))
        if name not in self._defaults:
            made = self._revision(name, None, "install", "", "", content.defaults(name))
            self._defaults[name] = made
        return self._defaults[name]

    def _revision(
        self, name: str, parent: int | None, made_by: str, node: str, role: str, data: bytes, again: int | None = None
    ) -> Revision:
        made = Revision(len(self.truth.revisions), name, parent, made_by, self.now, node, role, data, again)
        self.truth.revisions.append(made)
        return made

    def edit(self, name: str, node: Node | None = None) -> None:
        """Let an administrator save the settings that a file holds, on the active node unless another is named."""
        place = node or (self.nodes[self.active] if self.active else None)
        if place is None or not place.up or name not in place.files:
            return
        before = place.files[name].revision
        self.save(place, name, "edit", content.edited(self.rng, name, before.content, len(self.truth.revisions)))

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
                self.put(node, name, theirs, "forced" if forced else "copy")
            return
        # It is documented that a skip is logged as 9413, not how often. A skip of equal times every thirty seconds
        # would fill any log: the simulation logs a skip where the destination is strictly newer, once for each pair.
        pair = (name, theirs.modified, ours.modified)
        if theirs.modified < ours.modified and pair not in node.reported_skips:
            node.reported_skips.add(pair)
            self.log(node, "copy_skipped", name)
