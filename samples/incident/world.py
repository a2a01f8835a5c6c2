"""The state of the simulated cluster, and the truth that is written down as things happen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from samples.incident.backups import BackupSet
    from samples.incident.catalogue import Row
    from samples.incident.clock import NodeClock

WELL_KNOWN_GROUPS = ("Cluster Group", "Available Storage")


@dataclass(frozen=True, slots=True)
class Revision:
    """One content of one file, and the content that it was made from.

    Attributes:
        parent: number of the revision that was there when this one was saved.
        made_by: "edit", "template" (distributed), "restore" (old bytes saved anew), "install" or "rebuild".
        node, role: where it was saved, and that node's role then; empty where several nodes made it alike.
        again: number of the revision whose bytes these are, where an operator saved old bytes anew.
    """

    number: int
    file: str
    parent: int | None
    made_by: str
    time: int
    node: str
    role: str
    content: bytes
    again: int | None = None

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(self.content).hexdigest()


class FileState(NamedTuple):
    """A file on a disk: which content, and its last-modified time as the file system stores it."""

    revision: Revision
    modified: int


class Entry(NamedTuple):
    """One entry of a node's log.

    Attributes:
        node: where it happened.
        row, computer, strings: what is logged, under which computer name.
        generated, written: raw times: as shown by the clock that was asked for them.
        true: true time at which it was logged, on the node where it happened.
        occurrence: the same for an entry and its copies, and for nothing else.
        stray: it was never logged by anybody: the log lies.
    """

    node: str
    row: Row
    computer: str
    strings: tuple[str, ...]
    generated: int
    written: int
    true: int
    occurrence: int
    stray: bool = False


@dataclass
class Node:
    """One machine with its disks, clock and logs."""

    name: str
    clock: NodeClock
    phase: int
    files: dict[str, FileState] = field(default_factory=dict)
    backups: list[BackupSet] = field(default_factory=list)
    logs: dict[str, list[Entry]] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)  # entries in each log when it was last opened
    up: bool = False
    joined: bool = False
    stopping: bool = False  # asked to restart: nothing is moved to it
    installed: bool = False
    rebuilt: bool = False  # its disk was lost once, and is new
    booted: int = 0
    services: int = 0  # how often the product was started
    force_next_sync: bool = False
    reported_skips: set[tuple[str, int, int]] = field(default_factory=set)


@dataclass
class Group:
    """A cluster group.

    Attributes:
        owner: the node on which it is or is to come online; None: there is none that could take it.
        online: whether it is online there.
        last: the node on which it was online last.
        left: since it was online last: when it was asked to go, when it was offline, and how (quiet, crash).
        turn: what was put into the queue in an earlier turn is void: its node is gone.
    """

    name: str
    owner: str | None = None
    online: bool = False
    last: str | None = None
    left: tuple[int, int, str] | None = None
    turn: int = 0


class Change(NamedTuple):
    """A file on a node's disk that changed: from one state to another; None: there was, or is, none.

    `how`: what a revision is made by, "copy" or "forced" (replication), "preserved" (a backup put back with its old
    time), "delete", or "disk" (it went with its disk).
    """

    time: int
    node: str
    file: str
    before: FileState | None
    after: FileState | None
    how: str


class Replication(NamedTuple):
    """One file copied from the active to the passive node."""

    time: int
    source: str
    target: str
    file: str
    copied: FileState
    replaced: FileState | None
    forced: bool


class Transition(NamedTuple):
    """One move of a group."""

    group: str
    source: str
    target: str
    kind: str
    asked: int
    offline: int
    online: int


class GroupRestart(NamedTuple):
    """A group that went offline and came online again on the same node, having been online nowhere else."""

    group: str
    node: str
    kind: str
    asked: int
    offline: int
    online: int


class Outage(NamedTuple):
    """A machine that went down, and when it was started again (None: not before the end)."""

    node: str
    kind: str
    stopped: int
    booted: int | None


class ClockChange(NamedTuple):
    """A clock that was set by `ticks`, forwards or back. `logged`: its own node has an entry that says so."""

    node: str
    time: int
    ticks: int
    logged: bool


class Deed(NamedTuple):
    """The product installed on a node, or removed from it (`what`: install, remove), and what the node was then.

    `role`: active where the group is, or was last, on the node. `group`: online, or offline everywhere.
    """

    time: int
    node: str
    what: str
    role: str
    group: str


@dataclass
class Chronicle:
    """The truth, in the order in which it came about. All times are true times unless a name says raw."""

    revisions: list[Revision] = field(default_factory=list)
    saved: dict[int, int] = field(default_factory=dict)  # raw last-modified time that a revision got when it was saved
    replications: list[Replication] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    lost_disks: list[tuple[int, str]] = field(default_factory=list)  # (time, node) of machines that came back empty
    transitions: list[Transition] = field(default_factory=list)
    group_restarts: list[GroupRestart] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    clock_changes: list[ClockChange] = field(default_factory=list)
    roles: list[tuple[int, str, str, str]] = field(default_factory=list)  # (time, group, node, role)
