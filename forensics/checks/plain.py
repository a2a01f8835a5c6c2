"""Checks as plain values, in the shape that the contract fixes: for JSON, tables, reports and bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forensics.case.values import text_from_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.checks.model import Check

CHECK_FIELDS: Final = ("id", "title", "status", "confidence", "evidence", "why", "remedy", "would_decide")
"""The fields of a check, in their order."""


def plain_check(one: Check) -> dict[str, Any]:
    """One guideline."""
    return {
        "id": one.id,
        "title": one.title,
        "status": one.status.value,
        "confidence": one.confidence.value,
        "evidence": list(one.evidence),
        "why": one.why,
        "remedy": one.remedy,
        "would_decide": one.would_decide,
    }


class OtherRecord(NamedTuple):
    """What a check rests on that is no event.

    Attributes:
        reference: as `evidence` of the check names it.
        kind: of the file, or of the row: `live`, `backup`, `registry_export`, `text`, `registry`, `crypto`.
        node: whose it is.
        path: of the file; of a checkpoint its key.
        says: what there is to say of it in a line: hash and time, or the checkpoint's sentence.
    """

    reference: str
    kind: str | None
    node: str | None
    path: str | None
    says: str | None


_QUERIES: Final = {
    "file": "SELECT id, role, node, path, 'modified ' || modified || ', sha256 ' || substr(sha256, 1, 12)"
    " FROM file_versions",
    "evidence": "SELECT id, kind, node, path, 'modified ' || modified || ', sha256 ' || substr(sha256, 1, 12)"
    " FROM evidence",
    "checkpoint": "SELECT id, kind, node, [key], why FROM checkpoints",
    "backup": "SELECT id, 'backup set', node, location, why FROM backup_sets",
}


def other_records(case: Case, references: Sequence[str]) -> list[OtherRecord]:
    """The files, checkpoints and sets among the references, as the case's tables have them, in their order.

    Raises:
        FailedError: the case cannot be read.
    """
    found = []
    for reference in references:
        kind, _, number = reference.partition(":")
        query = _QUERIES.get(kind)
        if query is not None and number.isdigit():
            for _, *values in case.rows(f"{query} WHERE id = ?", (int(number),)):
                texts = [None if value is None else text_from_sql(str(value)) for value in values]
                found.append(OtherRecord(reference, *texts))
    return found
