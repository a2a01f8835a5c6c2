"""`ccrf investigate`: from evidence to a first picture in one command."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.evidence import events_cell, tell_problems
from cli.ingest import read_evidence, tell_issues
from cli.next_steps import log_name, next_steps
from cli.options import Clock, EvidencePaths, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Json, Row, emit_command, emit_heading, emit_line, emit_object, emit_rows
from cli.paths import refuse_case_in_evidence, refuse_existing_case, require_evidence, require_files
from cli.text import counted
from cli.voice import voice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from forensics.case.store import Case
    from forensics.coverage import LogCoverage

NewCase = Annotated[
    Path | None,
    typer.Option("--case", metavar="CASE", help="The case to use. [default: a new ./case.db]", show_default=False),
]
DEFAULT_CASE = Path("case.db")
# Gaps and falls of the time that are listed for each log under the table.
DETAILS_SHOWN = 5
# Parts of the answer that this version does not work out; null says "did not look", an empty list "looked, and none".
NOT_YET = ("roles", "overwrites", "backups", "check", "checkpoints")


class AnswerFormat(StrEnum):
    """The forms of an answer that is one object."""

    TABLE = "table"
    JSON = "json"


AnswerOption = Annotated[AnswerFormat, typer.Option("--format", help="table for people, json for programs.")]


def investigate(
    paths: EvidencePaths,
    *,
    case: NewCase = None,
    form: AnswerOption = AnswerFormat.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read evidence into a case, and tell what it holds, what it lacks, and what to do next.

    Without --case a new ./case.db is made; if there is one already, nothing is done. What could not be read is named
    on stderr, and the exit code is 3.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    clock = Clock(parse_zone(tz, "--tz"))
    require_evidence(paths)
    refuse_case_in_evidence(case or DEFAULT_CASE, paths)
    if case is None:
        refuse_existing_case(DEFAULT_CASE)
    require_files(paths)
    from forensics.coverage import log_coverage  # noqa: PLC0415  (see cli.ingest)

    with _opened(case) as opened:
        summary = read_evidence(opened, paths)
        whole = tell_issues(opened, paths, summary)
        logs = log_coverage(opened)
        if form is AnswerFormat.JSON:
            emit_object(answer(opened, logs))
        else:
            tell(opened, logs, clock)
    if not whole:
        raise typer.Exit(3)


@contextmanager
def _opened(case: Path | None) -> Iterator[Case]:
    from forensics.case.store import Case  # noqa: PLC0415  (see cli.ingest)

    with Case.create(DEFAULT_CASE) if case is None else Case.open_or_create(case) as opened:
        yield opened


def nodes_of(case: Case) -> list[str]:
    """The nodes that the evidence is from, sorted."""
    return sorted({row.node for row in case.evidence() if row.node})


def answer(case: Case, logs: Sequence[LogCoverage]) -> Row:
    """The whole answer as one JSON object; what this version does not work out is null."""
    rows = case.evidence()
    nodes = nodes_of(case)
    counts = case.counts()
    evidence: dict[str, Json] = {
        "files": counts.evidence,
        "kinds": dict(sorted(Counter(row.kind for row in rows).items())),
        "statuses": dict(sorted(Counter(row.status for row in rows).items())),
        "events": counts.events,
        "recovered": counts.recovered,
        "problems": counts.problems,
        "not_whole": [
            {"path": row.path, "status": row.status, "problem": row.problem}
            for row in rows
            if row.status in {"partial", "failed"}
        ],
    }
    return {
        "nodes": nodes,
        "evidence": evidence,
        "logs": [asdict(log) for log in logs],
        **dict.fromkeys(NOT_YET),
        "next_steps": next_steps(case, nodes, logs),
    }


def tell(case: Case, logs: Sequence[LogCoverage], clock: Clock) -> None:
    """Print the answer for people."""
    rows = case.evidence()
    nodes = nodes_of(case)
    counts = case.counts()
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in Counter(row.kind for row in rows).most_common())
    recovered = f", {counts.recovered:,} of them recovered" if counts.recovered else ""
    emit_heading("What was read")
    emit_line(f"{counted(counts.evidence, 'file')}: {kinds}")
    emit_line(f"{counted(counts.events, 'event')}{recovered}")
    emit_line(f"nodes: {', '.join(nodes) or 'none'}")
    if logs:
        emit_heading("What each log covers")
        emit_rows(map(asdict, logs), fields=(), columns=log_columns(logs, clock), form=Format.TABLE)
    tell_holes(logs, clock)
    tell_problems(case, statuses=("partial", "failed"))
    emit_heading("What to do next")
    for step in next_steps(case, nodes, logs):
        emit_line(str(step["why"]))
        emit_command(str(step["command"]))
    voice.note("not in this version: roles, overwrites, backup sets, guidelines, checkpoints")


def log_columns(logs: Sequence[LogCoverage], clock: Clock) -> list[Column]:
    """The columns of the table of logs; what no log lacks has no column."""

    def number(title: str, name: str) -> Column:
        return Column(
            title,
            lambda row: f"{row[name]:,}" if row[name] else "",
            right=True,
            labelled=True,
            style=lambda _: "yellow",
        )

    lacks = (("missing", "missing"), ("bytes lost", "bytes_lost"), ("time falls", "step_count"))
    return [
        Column("node", lambda row: str(row["node"] or "")),
        Column("log", lambda row: str(row["log"] or row["path"])),
        Column("records", lambda row: events_cell({**row, "kind": "evtx"}), right=True, labelled=True),
        Column("first", lambda row: clock.show(row["first_time"])),
        Column("last", lambda row: clock.show(row["last_time"])),
        *(number(title, name) for title, name in lacks if any(getattr(log, name) for log in logs)),
    ]


def tell_holes(logs: Sequence[LogCoverage], clock: Clock) -> None:
    """Print the largest gaps in the record numbers of each log, and where its time falls back."""
    holed = [log for log in logs if log.gap_count or log.step_count]
    if not holed:
        return
    emit_heading("Holes and clocks")
    for log in holed:
        for gap in sorted(log.gaps, key=lambda gap: gap.first - gap.last)[:DETAILS_SHOWN]:
            which = f"record {gap.first} is" if gap.first == gap.last else f"records {gap.first} to {gap.last} are"
            between = f"between {clock.show(gap.after) or '?'} and {clock.show(gap.before) or '?'}"
            emit_line(f"{log_name(log)}: {which} missing, {between}")
        if log.gap_count > DETAILS_SHOWN:
            emit_line(f"{log_name(log)}: … {log.gap_count - DETAILS_SHOWN:,} smaller gaps")
        for fall in log.steps[:DETAILS_SHOWN]:
            times = f"from {clock.show(fall.from_time)} back to {clock.show(fall.to_time)}"
            emit_line(f"{log_name(log)}: at record {fall.record_number} the time falls {times}")
        if log.step_count > DETAILS_SHOWN:
            emit_line(f"{log_name(log)}: … the time falls {log.step_count - DETAILS_SHOWN:,} times more")
