"""Commands that remove checkpoints, as `cmd` of the node takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.checkpoints.model import CheckpointKind

if TYPE_CHECKING:
    from forensics.checkpoints.model import Checkpoint


def removal_command(checkpoint: Checkpoint) -> str | None:
    """The command that removes a checkpoint, with straight quotes.

    None for what is not to be removed (a crypto checkpoint, one of another product, one that is needed), and where the
    resource or the key is not known.
    """
    if checkpoint.kind is not CheckpointKind.REGISTRY or not checkpoint.configured_by_product:
        return None
    if checkpoint.stale is False or not checkpoint.resource or not checkpoint.key:
        return None
    return f'cluster res "{checkpoint.resource}" /removecheckpoints:"{checkpoint.key}"'
