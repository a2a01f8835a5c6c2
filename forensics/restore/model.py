"""Shapes of a restore: what is in the set, what lies in the target, and the plan, which is also what a dry run shows.

Last-modified times of files are nanoseconds since 1970, as the system takes them; those of the case are FILETIME.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from parsers.times import UNIX_EPOCH_AS_FILETIME, iso_utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from forensics.restore.lock import Holder
    from forensics.roles.model import Confidence


class Times(StrEnum):
    """Which last-modified time restored files get: `--mtime`."""

    NEWEST = "newest"
    PRESERVE = "preserve"


class Action(StrEnum):
    """What a restore does to a file."""

    REPLACE = "replace"
    CREATE = "create"
    KEEP = "keep"  # it has the content already
    LEAVE = "leave"  # it was not asked for, or there is nothing to repair


class Check(StrEnum):
    """The guards, each a question that has to be answered with yes before anything is changed."""

    SOURCE = "source"  # the bytes have the hashes in the case
    TARGET = "target"  # the folder holds what the case says
    ACTIVE = "active"  # its node was active at the end of the evidence
    LATER = "later"  # nothing later than the set is replaced
    SERVICES = "services"  # they are stopped, as far as the case shows
    SPACE = "space"  # there is enough of it
    FREE = "free"  # nobody else restores there
    PLAIN = "plain"  # no link, no device, no path out of the folder


NO_OVERRIDE = frozenset({Check.PLAIN})
"""Guards that no reason overrides: writing through a link would change something that nobody looked at."""


class State(StrEnum):
    """How far a restore has come, in the journal."""

    BEGUN = "begun"  # the undo set is kept; files are old or new
    DONE = "done"
    UNDOING = "undoing"  # files are new or old
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for.

    Attributes:
        only: names of files, as typed; empty: those with a loss that the set repairs.
        everything: `--all`, the whole set.
        times: `--mtime`.
        node: `--node`, in upper case.
        assume_stopped: `--assume-stopped`.
        reason: `--force REASON`.
    """

    only: tuple[str, ...] = ()
    everything: bool = False
    times: Times = Times.NEWEST
    node: str | None = None
    assume_stopped: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Coming:
    """A file of the set that is to be restored.

    Attributes:
        sha256: of its content; None where only a listing names the file.
        size: bytes, as far as known.
        modified: FILETIME, as recorded.
        content: the bytes; None where they are not at hand.
        problem: why these bytes are not to be trusted; None: they are those that the case knows.
    """

    sha256: str | None
    size: int | None
    modified: int | None
    content: bytes | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SourceSet:
    """What is restored from.

    Attributes:
        name: as people know it: `backup:3`, or the folder or archive.
        set_id: `backup:3` where it is a set of the case; else None.
        files: by the replicated file's name.
        hostile: why it must not be used at all, such as a member whose name leads out of it.
    """

    name: str
    set_id: str | None
    files: Mapping[str, Coming]
    hostile: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Present:
    """A replicated file as it lies in the target now.

    Attributes:
        file_name: its name there, which may be written otherwise than the replicated file's.
        what: "file", or what else it is.
        sha256, content: None where it is no file.
        size, modified_ns, mode: as the file system has them.
    """

    file_name: str
    what: str
    sha256: str | None
    size: int
    modified_ns: int
    mode: int
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A folder as it was found.

    Attributes:
        path: as it was given.
        files: by the replicated file's name what is there.
        free: bytes that can still be written.
        troubles: what makes it unfit, such as a link, or two names that differ in case only.
        holder: who restores there, or left off; None: nobody.
    """

    path: Path
    files: Mapping[str, Present]
    free: int | None
    troubles: tuple[str, ...] = ()
    holder: Holder | None = None


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """What is to happen to one replicated file.

    Attributes:
        name: the replicated file's.
        file_name: its name in the target.
        action: what is done.
        present: what lies there; None: nothing.
        coming: what the set has.
        modified_ns: the last-modified time that it is to get; None where nothing is written.
        edits_lose_until: FILETIME until which an ordinary edit, by the clock of the node, would lose against it, where
            that lies behind the last moment at which that clock is known; else None.
        repairs: the findings that it mends, as `overwrite:<n>`.
        why: one or two sentences.
    """

    name: str
    file_name: str
    action: Action
    present: Present | None
    coming: Coming | None
    modified_ns: int | None
    edits_lose_until: int | None
    repairs: tuple[str, ...]
    why: str

    @property
    def changes(self) -> bool:
        """Whether anything is written."""
        return self.action in {Action.REPLACE, Action.CREATE}


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard's answer. `passed` with a `why`; `forced` where it failed and a reason overrides it."""

    check: Check
    passed: bool
    why: str
    forced: bool = False

    @property
    def blocks(self) -> bool:
        """Whether the restore must not go on."""
        return not self.passed and not self.forced


@dataclass(frozen=True, slots=True)
class ServiceToStop:
    """A service that would write over what is restored. `running`: what the case's last record of it shows."""

    order: int
    name: str
    where: str
    running: bool | None
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """Everything that a restore will do; a dry run prints it, and a restore carries out this very object.

    Attributes:
        source: name of the set.
        set_id: `backup:<n>`, or None.
        target: the folder.
        node: whose it is; None where that cannot be told.
        node_why: how it was told.
        times: which last-modified times are set.
        files: by name.
        guards: all of them, in the order of `Check`.
        services: what to stop before, in order.
        cycle_seconds: how long one replication cycle takes.
        reason: why guards are overridden; None: they are not.
        confidence: of the least sure finding that it repairs; None where it repairs none.
    """

    source: str
    set_id: str | None
    target: Path
    node: str | None
    node_why: str
    times: Times
    files: tuple[PlannedFile, ...]
    guards: tuple[Guard, ...]
    services: tuple[ServiceToStop, ...]
    cycle_seconds: int
    reason: str | None = None
    confidence: Confidence | None = None

    @property
    def changing(self) -> tuple[PlannedFile, ...]:
        """The files that are written."""
        return tuple(one for one in self.files if one.changes)

    @property
    def blocked(self) -> tuple[Guard, ...]:
        """The guards that keep it from being carried out."""
        return tuple(one for one in self.guards if one.blocks)


def filetime_of(ns: int) -> int:
    """FILETIME of nanoseconds since 1970; what is below 100 ns is cut off."""
    return ns // 100 + UNIX_EPOCH_AS_FILETIME


def ns_of(filetime: int) -> int:
    """Nanoseconds since 1970 of a FILETIME."""
    return (filetime - UNIX_EPOCH_AS_FILETIME) * 100


def iso_ns(ns: int | None) -> str | None:
    """`2008-01-10T12:00:35.000000Z` of nanoseconds since 1970."""
    return None if ns is None else iso_utc(filetime_of(ns))
