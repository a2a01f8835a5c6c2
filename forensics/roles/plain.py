"""Role histories as plain values, in the shape that the contract fixes: what JSON, reports and bundles are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.roles.model import ClockOffset, RoleConflict, RoleHistory, RoleInterval, RoleTransition

Plain = dict[str, Any]

FIELDS = (
    "kind",
    "group",
    "id",
    "node",
    "role",
    "start",
    "end",
    "from",
    "to",
    "earliest",
    "time",
    "latest",
    "nodes",
    "reference",
    "seconds",
    "uncertainty",
    "pairs",
    "since",
    "until",
    "confidence",
    "evidence",
    "contradicted_by",
    "why",
)
"""The fields of `flat` rows, in their order."""


def plain(history: RoleHistory) -> Plain:
    """One group's history as one object."""
    return {
        "group": history.group,
        "nodes": list(history.nodes),
        "clock_offsets": list(map(_offset, history.clock_offsets)),
        "intervals": list(map(_interval, history.intervals)),
        "transitions": list(map(_transition, history.transitions)),
        "conflicts": list(map(_conflict, history.conflicts)),
        "why": history.why,
    }


def flat(history: RoleHistory) -> Iterator[Plain]:
    """The same as rows that all have the same fields: intervals, transitions, conflicts, clock offsets."""
    for kind, rows in (
        ("interval", map(_interval, history.intervals)),
        ("transition", map(_transition, history.transitions)),
        ("conflict", map(_conflict, history.conflicts)),
        ("clock_offset", map(_offset, history.clock_offsets)),
    ):
        for row in rows:
            yield dict.fromkeys(FIELDS) | {"kind": kind, "group": history.group} | row


def _offset(one: ClockOffset) -> Plain:
    row: Plain = {
        "node": one.node,
        "reference": one.reference,
        "seconds": one.seconds,
        "uncertainty": one.uncertainty,
        "pairs": one.pairs,
        "evidence": list(one.evidence),
        "why": one.why,
    }
    if one.since is not None or one.until is not None:
        row |= {"since": iso_utc(one.since), "until": iso_utc(one.until)}
    return row


def _interval(one: RoleInterval) -> Plain:
    return {
        "id": one.id,
        "node": one.node,
        "role": one.role.value,
        "start": iso_utc(one.start),
        "end": iso_utc(one.end),
        "confidence": one.confidence.value,
        "evidence": list(one.evidence),
        "contradicted_by": list(one.contradicted_by),
        "why": one.why,
    }


def _transition(one: RoleTransition) -> Plain:
    return {
        "id": one.id,
        "from": one.from_node,
        "to": one.to_node,
        "earliest": iso_utc(one.earliest),
        "time": iso_utc(one.time),
        "latest": iso_utc(one.latest),
        "confidence": one.confidence.value,
        "evidence": list(one.evidence),
        "contradicted_by": list(one.contradicted_by),
        "why": one.why,
    }


def _conflict(one: RoleConflict) -> Plain:
    return {
        "id": one.id,
        "start": iso_utc(one.start),
        "end": iso_utc(one.end),
        "nodes": list(one.nodes),
        "evidence": list(one.evidence),
        "why": one.why,
    }
