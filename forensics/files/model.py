"""Shapes of what is known of replicated files: versions, folders, backup sets, findings. Times are FILETIME.

A version is bytes and last-modified time. That time was set by the clock of the node where the file was saved, and a
copy keeps it; so it is raw, and which clock it is by is a conclusion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forensics.roles.model import Confidence


class Place(StrEnum):
    """What a file is where it lies: `file_versions.role`."""

    LIVE = "live"
    BACKUP = "backup"
    OTHER = "other"


class Trigger(StrEnum):
    """Why a backup set was made."""

    SERVICE_START = "service_start"
    ACTIVE_TO_PASSIVE = "active_to_passive"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What happened to a content, in the contract's words."""

    STALE_OVERWRITE = "stale_overwrite"
    LOST_UPDATE = "lost_update"
    DIVERGENCE = "divergence"
    RESET = "reset"


class Cause(StrEnum):
    """Why, in the contract's words."""

    FORCED_SYNC = "forced_sync"
    REINSTALL_ON_ACTIVE = "reinstall_on_active"
    FAILOVER_IN_WINDOW = "failover_in_window"
    PASSIVE_EDIT = "passive_edit"
    SELF_REBUILD = "self_rebuild"
    CLOCK_SKEW = "clock_skew"
    RESTORE = "restore"
    UNKNOWN = "unknown"


class Version(NamedTuple):
    """One content with its last-modified time. `sha256` is None where only a listing names the file."""

    sha256: str | None
    size: int | None
    modified: int | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One file of the evidence that is a version of a replicated file.

    Attributes:
        row: id in `file_versions`; `reference` is `file:<id>`.
        node: whose disk it lay on.
        name: the replicated file's name as the profile writes it.
        path: logical path in the evidence.
        version: what it is.
        readable: its content is in the case and fits its hash.
        set_apart: why it does not count as a version of the product's file (a Firebird database); else None.
    """

    row: int
    node: str
    name: str
    path: str
    version: Version
    readable: bool
    set_apart: str | None = None

    @property
    def reference(self) -> str:
        """How conclusions name it."""
        return f"file:{self.row}"


@dataclass(frozen=True, slots=True)
class BackupSet:
    """Files that were backed up together. The contract's `backups list` row, but for `recommended`.

    Attributes:
        id: `backup:<n>`, by node, then time (sets without one last), then location.
        node, location: whose, and where: its folder, or the pattern of its names.
        made: FILETIME by the node's own clock as recorded; None where nothing tells.
        made_basis: "stamp", "folder", "events" or "none".
        low, high: on the reference clock, it was made not before and not after.
        trigger: why, as far as the role history tells.
        files: by the replicated file's name.
        missing: replicated files that it lacks, sorted.
        complete, consistent: it has all of them; they belong to one moment.
        undo: a restore of this program put these files aside.
    """

    id: str
    node: str
    location: str
    made: int | None
    made_basis: str
    low: int | None
    high: int | None
    trigger: Trigger
    files: Mapping[str, Sighting]
    missing: tuple[str, ...]
    complete: bool
    consistent: bool
    confidence: Confidence
    evidence: tuple[str, ...]
    why: str
    undo: bool = False


@dataclass(frozen=True, slots=True)
class FileEvidence:
    """All that is known of replicated files before anything is concluded of them.

    Attributes:
        names: the replicated files, as the profile writes them, sorted.
        live: by node and name the file in the node's live folder.
        sets: backup sets, sorted by id.
        other: sightings that are neither.
        collected: by node the FILETIME (raw) at which its evidence ends: live files were as they are then.
        notes: sentences on what had to be chosen or was set apart, sorted.
    """

    names: tuple[str, ...]
    live: Mapping[str, Mapping[str, Sighting]]
    sets: tuple[BackupSet, ...]
    other: tuple[Sighting, ...]
    collected: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def backups(self) -> tuple[BackupSet, ...]:
        """The sets that are evidence: without those that restores of this program put aside."""
        return tuple(one for one in self.sets if not one.undo)


@dataclass(frozen=True, slots=True)
class Finding:
    """One loss. The contract's `overwrites` row.

    Attributes:
        id: `overwrite:<n>`, by time, file and node.
        node: whose file lacks the content.
        earliest, latest: when it was lost, on the reference clock.
        lost, current: the best content that is no longer in place, and what is.
        recoverable_from: `backup:<n>`, sorted; readable sets that hold the lost bytes.
        live_on: nodes whose live file has them.
        mended: no longer in place at the end of the evidence (shown with `--all`).
    """

    id: str
    file: str
    node: str
    kind: Kind
    cause: Cause
    earliest: int
    latest: int
    lost: Version
    current: Version | None
    recoverable_from: tuple[str, ...]
    live_on: tuple[str, ...]
    confidence: Confidence
    evidence: tuple[str, ...]
    contradicted_by: tuple[str, ...]
    why: str
    mended: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """A content that was saved, or came as a copy, as the history of its file has it.

    Attributes:
        version: what was saved.
        node, time: where, and when on the reference clock; None where it cannot be told.
        parent: the version that was there before on that node.
        how: "edit", "install", "rebuild", "restore", "copy" or "unknown".
        why: one sentence.
        low, high: it was not before and not after, on the reference clock; None where that is not known.
        evidence: references of the records behind it; the files that hold the version are more.
    """

    version: Version
    node: str | None
    time: int | None
    parent: Version | None
    how: str
    why: str
    low: int | None = None
    high: int | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileHistory:
    """What became of one replicated file, over both nodes, and what was lost of it."""

    name: str
    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())
