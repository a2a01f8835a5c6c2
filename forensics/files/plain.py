"""Backup sets as plain values, in the shape that the contract fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.times import iso_utc

if TYPE_CHECKING:
    from forensics.files.model import BackupSet, Version

SET_FIELDS = (
    "id",
    "node",
    "location",
    "made",
    "trigger",
    "files",
    "missing",
    "complete",
    "consistent",
    "recommended",
    "confidence",
    "evidence",
    "why",
    "made_basis",
    "not_before",
    "not_after",
    "undo",
)
"""The fields of a set, in their order."""


def plain_version(version: Version) -> dict[str, Any]:
    """One version of a file."""
    return {"sha256": version.sha256, "modified": iso_utc(version.modified), "size": version.size}


def plain_set(one: BackupSet, recommended: str | None = None) -> dict[str, Any]:
    """One backup set; `recommended` is the id of the one to restore."""
    return {
        "id": one.id,
        "node": one.node,
        "location": one.location,
        "made": iso_utc(one.made),
        "trigger": one.trigger.value,
        "files": {name: plain_version(file.version) for name, file in one.files.items()},
        "missing": list(one.missing),
        "complete": one.complete,
        "consistent": one.consistent,
        "recommended": one.id == recommended,
        "confidence": one.confidence.value,
        "evidence": list(one.evidence),
        "why": one.why,
        "made_basis": one.made_basis,
        "not_before": iso_utc(one.low),
        "not_after": iso_utc(one.high),
        "undo": one.undo,
    }
