"""From a case to its checkpoints, and these into its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.case.values import json_text, sql_text
from forensics.checkpoints.conclude import conclude_checkpoints, folders_of
from forensics.checkpoints.gather import gather_checkpoints
from forensics.checkpoints.product import UNKNOWN, presence_by_events, presence_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.roles.analyse import Analysis

CHECKPOINT_TABLES: Final = ("checkpoints",)
"""The tables of the case that `store_checkpoints` fills."""


def find_checkpoints(case: Case, analysis: Analysis, nodes: Sequence[str] = ()) -> tuple[Checkpoint, ...]:
    """The checkpoints that the evidence of a case shows, each held against where the product is.

    Args:
        case: where the evidence is.
        analysis: what the case's events claim.
        nodes: those of the cluster, where its history knows them; else all nodes that events know.
    """
    evidence, profile = analysis.evidence, analysis.catalogue.profile
    found = gather_checkpoints(case, analysis)
    names = tuple(nodes or sorted(evidence.nodes))
    by_events = presence_by_events(evidence.observations, profile)
    everywhere = sorted({*names, *(one.node for one in found.sightings)})
    presence = {
        node: presence_of(
            node,
            by_events.get(node, UNKNOWN),
            found.programs,
            found.absent.get(node),
            folders_of(one for one in found.scanners if one.node == node),
        )
        for node in everywhere
    }
    return conclude_checkpoints(found, presence, names, profile)


def store_checkpoints(case: Case, checkpoints: Sequence[Checkpoint]) -> None:
    """Put checkpoints into the case's table, in place of what is there, each under its own number.

    Part of the caller's transaction, else one of its own.
    """
    if not case.connection.in_transaction:
        with case.transaction():
            store_checkpoints(case, checkpoints)
        return
    forget_checkpoints(case)
    for one in checkpoints:
        row = {
            "id": int(one.id.partition(":")[2]),
            "node": sql_text(one.node),
            "resource": None if one.resource is None else sql_text(one.resource),
            "key": sql_text(one.key),
            "kind": one.kind.value,
            "configured_by_product": int(one.configured_by_product),
            "stale": None if one.stale is None else int(one.stale),
            "evidence": json_text(list(one.evidence)),
            "why": sql_text(one.why),
            "command": None if one.command is None else sql_text(one.command),
            "confidence": one.confidence.value,
            "online": None if one.online is None else int(one.online),
        }
        columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        case.connection.execute(f"INSERT INTO checkpoints({columns}) VALUES ({marks})", row)  # noqa: S608 - our own names


def forget_checkpoints(case: Case) -> None:
    """Empty what `store_checkpoints` fills, within the caller's transaction."""
    case.connection.execute("DELETE FROM checkpoints")
