"""The timeline as plain values: rows for JSON, CSV and bundles, and the way from a case to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.files.analyse import analyse_evidence
from forensics.files.load import file_evidence
from forensics.timeline import timeline
from forensics.timeline_files import file_rows
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.case.store import Case
    from forensics.forms import Row
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory
    from forensics.timeline import TimelineRow

TIMELINE_FIELDS: Final = (
    "time",
    "earliest",
    "latest",
    "bounded",
    "recorded",
    "node",
    "kind",
    "id",
    "what",
    "object",
    "detail",
    "known",
    "confidence",
    "evidence",
    "why",
)
"""The fields of `plain_row`, in their order."""
_CONCLUSIONS: Final = frozenset({"transition", "role", "conflict", "backup", "overwrite"})


def whole_timeline(
    case: Case,
    analysis: Analysis,
    histories: Iterable[RoleHistory] | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
) -> Iterator[TimelineRow]:
    """The rows of a case's timeline, those of files too; arguments and errors are those of `timeline`.

    What is concluded is worked out before the first row is asked for.
    """
    # Files follow the mailbox server, whatever group is asked for.
    history = analysis.roles()
    evidence = file_evidence(case, analysis, history)
    files = list(file_rows(analyse_evidence(evidence, analysis, history), evidence, analysis.clocks))
    return timeline(case, analysis, histories, also=files, since=since, until=until)


def plain_row(row: TimelineRow) -> Row:
    """One row with the fields of the machine formats.

    `why` is null for events and clocks, `confidence` for these and for what became of a file.
    """
    concluded = row.kind in _CONCLUSIONS
    # A clock that was set, and a file that was saved, rest on what they name, and have no name of their own.
    named = row.kind not in {"clock_step", "file"} and bool(row.references)
    return {
        "time": iso_utc(row.time),
        "earliest": iso_utc(row.low),
        "latest": iso_utc(row.high),
        "bounded": row.bounded,
        "recorded": None if row.raw is None else iso_utc(row.raw),
        "node": row.node,
        "kind": row.kind.value,
        "id": row.references[0] if named else None,
        "what": str(row.what),
        "object": row.object,
        "detail": row.detail,
        "known": row.mark,
        "confidence": row.confidence,
        "evidence": list(row.references[1:] if concluded else row.references),
        "why": row.detail if concluded or row.kind == "file" else None,
    }
