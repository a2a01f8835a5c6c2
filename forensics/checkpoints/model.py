"""The shapes of what is said of checkpoints. Field names are the contract's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from forensics.roles.model import Confidence


class CheckpointKind(StrEnum):
    """What the cluster service keeps for a resource: a registry key, or a container of cryptographic keys."""

    REGISTRY = "registry"
    CRYPTO = "crypto"


class Sighting(NamedTuple):
    r"""One place in the evidence that shows a checkpoint.

    Attributes:
        reference: of the evidence, such as `event:12` or `sighting:3`.
        node: whose evidence it is.
        resource: the cluster resource's name; None where the evidence does not tell it, or not all of it.
        key: for registry checkpoints relative to HKEY_LOCAL_MACHINE, without a leading backslash; for crypto
            checkpoints `TYPE\NAME\KEY`; "" where the evidence does not tell it.
        kind: which of the two.
        raw: FILETIME at which it was so, by the node's own clock; None where that is not known.
        form: `event`, `cluster_registry`, `saved`, or that of a listing.
        shown: what a listing shows of the resource's name, where that is not all of it.
    """

    reference: str
    node: str
    resource: str | None
    key: str
    kind: CheckpointKind
    raw: int | None
    form: str = "event"
    shown: str | None = None

    @property
    def lasting(self) -> bool:
        """Whether it was so until the evidence was collected, whenever it was written: true of the cluster's files."""
        return self.form in {"cluster_registry", "saved"}


class Scanner(NamedTuple):
    """The library that the store loads for scanning, as a registry says.

    Attributes:
        reference: of the registry value.
        node: whose registry it is.
        library: the path that it holds.
        saved: it is what a checkpoint would bring back, and not in the registry yet.
        raw: FILETIME at which the key was written, or the export made; None where that is not known.
    """

    reference: str
    node: str
    library: str
    saved: bool
    raw: int | None


class Program(NamedTuple):
    """A file of the product that the evidence shows on a node, or (`name` None) a folder whose files it shows.

    `reference` is that of the evidence, `folder` the path with slashes, in lower case, a drive being a folder, `raw`
    the FILETIME at which a listing was made, None for a file that was collected.
    """

    reference: str
    node: str
    folder: str
    name: str | None
    raw: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint as one node's evidence shows it. `id` is `checkpoint:<n>`.

    Attributes:
        node: the node whose evidence shows it; the cluster keeps checkpoints once for all its nodes.
        resource: the cluster resource's name; None where the evidence does not tell it.
        key: as in `Sighting`.
        configured_by_product: whether it is one of those that the profile says the product makes.
        stale: True where its product is gone and it would bring the product's key back, False where it is needed (or is
            not the product's), None where the evidence does not tell.
        online: last known state of the resource; None where the evidence does not tell.
        command: removes it, in one line for cmd; None where nothing may be removed, or the resource is not known.
    """

    id: str
    node: str
    resource: str | None
    key: str
    kind: CheckpointKind
    configured_by_product: bool
    stale: bool | None
    online: bool | None
    confidence: Confidence
    evidence: tuple[str, ...]
    why: str
    command: str | None
