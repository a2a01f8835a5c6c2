"""Checkpoints as plain values, in the shape that the contract fixes: for JSON, tables, reports and bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forensics.checkpoints.model import Checkpoint

CHECKPOINT_FIELDS = (
    "id",
    "node",
    "resource",
    "key",
    "kind",
    "configured_by_product",
    "stale",
    "evidence",
    "why",
    "command",
    "confidence",
    "online",
)
"""The fields of a checkpoint, in their order."""


def plain_checkpoint(one: Checkpoint) -> dict[str, Any]:
    """One checkpoint. `stale` and `online` are null where the evidence does not tell."""
    return {
        "id": one.id,
        "node": one.node,
        "resource": one.resource,
        "key": one.key,
        "kind": one.kind.value,
        "configured_by_product": one.configured_by_product,
        "stale": one.stale,
        "evidence": list(one.evidence),
        "why": one.why,
        "command": one.command,
        "confidence": one.confidence.value,
        "online": one.online,
    }
