"""What was lost into the case's tables: `overwrites`, and which of the `backup_sets` is recommended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.case.values import json_text, sql_text
from parsers.times import iso_utc

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import Finding

LOSS_TABLES: Final = ("overwrites",)
"""The tables of the case that `store_losses` fills; it sets `recommended` of `backup_sets` beside."""


def store_losses(case: Case, analysis: FileAnalysis) -> None:
    """Put the losses that are still in place into the case, in place of what is there, each under its own number.

    Needs the backup sets in their table (`store_files`). Part of the caller's transaction, else one of its own.
    """
    if not case.connection.in_transaction:
        with case.transaction():
            store_losses(case, analysis)
        return
    forget_losses(case)
    for one in analysis.in_place:
        row = _row(one)
        columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        case.connection.execute(f"INSERT INTO overwrites({columns}) VALUES ({marks})", row)  # noqa: S608 - our own names
    if analysis.recommended is not None:
        number = int(analysis.recommended.partition(":")[2])
        case.connection.execute("UPDATE backup_sets SET recommended = 1 WHERE id = ?", (number,))


def forget_losses(case: Case) -> None:
    """Empty what `store_losses` fills, within the caller's transaction."""
    case.connection.execute("DELETE FROM overwrites")
    case.connection.execute("UPDATE backup_sets SET recommended = 0")


def _row(one: Finding) -> dict[str, object]:
    lost, current = one.lost, one.current
    return {
        "id": int(one.id.partition(":")[2]),
        "file": sql_text(one.file),
        "node": sql_text(one.node),
        "kind": one.kind.value,
        "cause": one.cause.value,
        "earliest": iso_utc(one.earliest),
        "latest": iso_utc(one.latest),
        "lost_sha256": lost.sha256,
        "lost_modified": iso_utc(lost.modified),
        "lost_size": lost.size,
        "current_sha256": None if current is None else current.sha256,
        "current_modified": None if current is None else iso_utc(current.modified),
        "current_size": None if current is None else current.size,
        "recoverable_from": json_text(list(one.recoverable_from)),
        "confidence": one.confidence.value,
        "evidence": json_text(list(one.evidence)),
        "why": sql_text(one.why),
    }
