"""`ccrf evidence`: what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.cases import open_case
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Json, Row, emit_heading, emit_line, emit_rows
from cli.voice import voice
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from forensics.case.store import Case, EvidenceRow

FIELDS = (
    "id",
    "path",
    "container",
    "sha256",
    "size",
    "modified",
    "kind",
    "node",
    "node_basis",
    "status",
    "problem",
    "log",
    "live",
    "recovered",
    "first_time",
    "last_time",
    "first_record",
    "last_record",
    "facts",
    "problems",
)
STATUS_STYLES = {"read": "green", "partial": "yellow", "failed": "red", "empty": "yellow", "ignored": "dim"}
LOG_KINDS = frozenset({"evt", "evtx", "event_export", "cluster_log", "program_log"})
# Damage listed under a table for each file: a log with thousands of bad records must not bury the others.
PROBLEMS_SHOWN = 5


def evidence(
    case: CaseFile,
    *,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List what was read: each file with its hash, kind, node, events, span and damage."""
    voice.adjust(quiet=quiet, verbose=verbose)

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        emit_rows(evidence_rows(opened), fields=FIELDS, columns=evidence_columns(clock), form=form)
        if form is Format.TABLE:
            tell_problems(opened)


def evidence_rows(case: Case) -> Iterator[Row]:
    """The evidence with its damage, each file as one row."""
    for row in case.evidence():
        yield evidence_row(case, row)


def evidence_row(case: Case, row: EvidenceRow) -> Row:
    """One file of the evidence with the fields of the machine formats."""
    fields: dict[str, Json] = {name: getattr(row, name) for name in FIELDS if name != "problems"}
    fields["problems"] = [
        {"kind": str(problem.kind), "offset": problem.offset, "length": problem.length, "detail": problem.detail}
        for problem in case.problems(row.id)
    ]
    return fields


def evidence_columns(clock: Clock) -> list[Column]:
    """The columns of the table."""

    def text(name: str) -> Column:
        return Column(name, lambda row: "" if row[name] is None else str(row[name]))

    return [
        Column("status", lambda row: str(row["status"]), style=lambda row: STATUS_STYLES.get(str(row["status"]), "")),
        text("kind"),
        text("node"),
        Column("events", events_cell, right=True, labelled=True),
        Column("first", lambda row: clock.show(row["first_time"])),
        Column("last", lambda row: clock.show(row["last_time"])),
        Column("sha256", lambda row: str(row["sha256"] or "")[:12], style=lambda _: "dim"),
        Column("path", lambda row: str(row["path"]), long=True),
    ]


def events_cell(row: Row) -> str:
    """`5,009`, or `6,063 +438` with the recovered ones; "" for what is no log."""
    live, recovered = row["live"], row["recovered"]
    if row["kind"] not in LOG_KINDS or not isinstance(live, int):
        return ""
    return f"{live:,} +{recovered:,}" if isinstance(recovered, int) and recovered else f"{live:,}"


def tell_problems(case: Case, statuses: Container[str] | None = None) -> None:
    """Print, for people, what is wrong with each file, at most a few lines a file; only files of `statuses`."""
    rows = [(row, case.problems(row.id)) for row in case.evidence()]
    damaged = [
        (row, problems)
        for row, problems in rows
        if (problems or row.problem) and (statuses is None or row.status in statuses)
    ]
    if not damaged:
        return
    emit_heading("Damage")
    for row, problems in damaged:
        emit_line(f"{row.path}: {row.status}" + (f": {row.problem}" if row.problem else ""))
        for problem in problems[:PROBLEMS_SHOWN]:
            length = f", {counted(problem.length, 'byte')}" if problem.length else ""
            emit_line(f"{problem.kind} at offset {problem.offset}{length}: {problem.detail}", indent=4)
        if len(problems) > PROBLEMS_SHOWN:
            emit_line(f"… {len(problems) - PROBLEMS_SHOWN:,} more, all of them with --format json", indent=4)
