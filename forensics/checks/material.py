"""What the checks are made of: everything that was concluded of a case, and records that only they look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forensics.checkpoints.model import Checkpoint
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory


class RegistryValue(NamedTuple):
    """A value of the product's own key in a registry export or hive.

    Attributes:
        reference: of the file, `evidence:7`.
        node: whose registry it is; None where that is not known.
        key: as `checkpoints.keys.same_key` gives it.
        wow: whether it stands in the 32-bit view of a 64-bit system.
        name, value: of it; the value as text.
    """

    reference: str
    node: str | None
    key: str
    wow: bool
    name: str
    value: str


class Captured(NamedTuple):
    """One line of a status capture: what `systeminfo`, `cluster group`, `cluster res` or `cluster node` printed.

    Attributes:
        reference: of the file, `evidence:7`.
        form: which command printed it (`parsers.captures.reader.CaptureForm`).
        owner: whose evidence the file is; None where that is not known.
        node: the node that the line names; of `systeminfo` the machine.
        name: the group, the resource, the node, or the field of `systeminfo`.
        group: of a resource, its group.
        value: the state, or what the field says.
        raw: FILETIME of the file's last change, by the clock of the machine that wrote it; None: not known.
    """

    reference: str
    form: str
    owner: str | None
    node: str | None
    name: str
    group: str | None
    value: str
    raw: int | None


class CheckpointSource(NamedTuple):
    """A file that would show a checkpoint: a listing of them, or the cluster's hive.

    Attributes:
        reference: of the file, `evidence:7`.
        node: whose evidence it is.
        raw: FILETIME of the file's last change; None: not known.
        keys: the product's keys that it shows, as `same_key` gives them.
    """

    reference: str
    node: str | None
    raw: int | None
    keys: frozenset[str]


class Logon(NamedTuple):
    """Somebody logged on to a machine, otherwise than through a terminal server.

    Attributes:
        reference: `event:7`.
        node, raw, log, number: as in `Observation`.
        console: whether it is a session at the machine's console.
        sid: of the account; None where the event does not tell it.
    """

    reference: str
    node: str
    raw: int
    log: tuple[str, str]
    number: int | None
    console: bool
    sid: str | None


@dataclass(frozen=True, slots=True)
class Material:
    """All that the checks ask. What could not be worked out is None.

    Attributes:
        analysis, history: events, clocks, and the roles of the mailbox server's group.
        files, losses: the replicated files, and what was lost of them.
        checkpoints: those that the evidence shows.
        sources: files that would show one.
        registry: values of the product's own key.
        captures: lines of status captures.
        logons: those of the day before each installation.
        users: SID of the account that an event names as its user, by reference (`event:7`).
    """

    analysis: Analysis
    history: RoleHistory
    files: FileEvidence | None = None
    losses: FileAnalysis | None = None
    checkpoints: tuple[Checkpoint, ...] | None = None
    sources: tuple[CheckpointSource, ...] = ()
    registry: tuple[RegistryValue, ...] = ()
    captures: tuple[Captured, ...] = ()
    logons: tuple[Logon, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)
