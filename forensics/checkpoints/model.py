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
        reference: of the evidence, such as `event:12` or `file:3`.
        node: whose evidence it is.
        resource: the cluster resource's name; None where the evidence does not tell it, or not all of it.
        key: for registry checkpoints relative to HKEY_LOCAL_MACHINE, without a leading backslash; for crypto
            checkpoints `TYPE\NAME\KEY`; "" where the evidence does not tell it.
        kind: which of the two.
        raw: FILETIME at which it was so, by the node's own clock; None where that is not known.
    """

    reference: str
    node: str
    resource: str | None
    key: str
    kind: CheckpointKind
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
