"""Guideline checks and checkpoints, as the case's tables have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forensics.case.values import strings_from_json, text_from_sql
from forensics.report.model import CheckPart, CheckpointPart

if TYPE_CHECKING:
    from forensics.case.store import Case


def stored_checks(case: Case) -> tuple[CheckPart, ...]:
    """The guidelines, by id; none where the case was concluded without them."""
    sql = "SELECT id, title, status, confidence, evidence, why, remedy, would_decide FROM checks ORDER BY id"
    return tuple(
        CheckPart(
            id=_text(row[0]),
            title=_text(row[1]),
            status=_text(row[2]),
            confidence=_text(row[3]),
            evidence=_list(row[4]),
            why=_text(row[5]),
            remedy=_text(row[6]),
            would_decide=_text(row[7]),
        )
        for row in case.rows(sql)
    )


def stored_checkpoints(case: Case) -> tuple[CheckpointPart, ...]:
    """The checkpoints, by node, resource and key."""
    sql = (
        "SELECT id, node, resource, key, kind, configured_by_product, stale, evidence, why, command,"
        " confidence FROM checkpoints"
        " ORDER BY node, resource, key, id"
    )
    return tuple(
        CheckpointPart(
            id=f"checkpoint:{row[0]}",
            node=_text(row[1]),
            resource=_text(row[2]),
            key=_text(row[3]),
            kind=_text(row[4]),
            configured_by_product=bool(row[5]),
            stale=None if row[6] is None else bool(row[6]),
            confidence=_text(row[10]),
            evidence=_list(row[7]),
            why=_text(row[8]),
            command=_text(row[9]),
        )
        for row in case.rows(sql)
    )


def _text(value: Any) -> str:
    return "" if value is None else text_from_sql(str(value))


def _list(stored: Any) -> tuple[str, ...]:
    return tuple(text for text in strings_from_json(stored) if text)
