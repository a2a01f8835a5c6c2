"""What was lost as plain values, in the shape that the contract fixes: for JSON, tables, reports and bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forensics.files.plain import plain_version
from parsers.times import iso_utc

if TYPE_CHECKING:
    from forensics.files.model import Finding

FINDING_FIELDS = (
    "id",
    "file",
    "node",
    "kind",
    "cause",
    "earliest",
    "latest",
    "lost",
    "current",
    "recoverable_from",
    "confidence",
    "evidence",
    "why",
    "live_on",
    "contradicted_by",
    "mended",
)
"""The fields of a finding, in their order."""


def plain_finding(one: Finding) -> dict[str, Any]:
    """One finding. `current` is null where the node has no such file any more."""
    return {
        "id": one.id,
        "file": one.file,
        "node": one.node,
        "kind": one.kind.value,
        "cause": one.cause.value,
        "earliest": iso_utc(one.earliest),
        "latest": iso_utc(one.latest),
        "lost": plain_version(one.lost),
        "current": None if one.current is None else plain_version(one.current),
        "recoverable_from": list(one.recoverable_from),
        "confidence": one.confidence.value,
        "evidence": list(one.evidence),
        "why": one.why,
        "live_on": list(one.live_on),
        "contradicted_by": list(one.contradicted_by),
        "mended": one.mended,
    }
