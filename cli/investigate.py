"""`ccrf investigate`: from evidence to a first picture in one command."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.checkpoints import tell_checkpoints
from cli.evidence import events_cell, tell_problems
from cli.ingest import NodeName, draw_conclusions, node_name, read_evidence, tell_issues
from cli.next_steps import step_row
from cli.options import (
    FOUND,
    Clock,
    EvidencePaths,
    ExitCode,
    Jobs,
    ProfileFile,
    Quiet,
    ScreenZone,
    SourceZone,
    Verbose,
    parse_zone,
)
from cli.output import Column, Format, Json, Row, emit_heading, emit_line, emit_object, emit_rows
from cli.overwrites import tell_restore, tell_steps
from cli.paths import refuse_case_in_evidence, refuse_existing_case, require_evidence, require_files
from cli.report import refuse_no_folder, refuse_report_in_evidence, write_report
from cli.roles import tell_bars
from cli.voice import voice
from forensics.checks.telling import guidelines_story
from forensics.files.telling import losses_story
from forensics.next_steps import checkpoint_steps, log_name, loss_steps, next_steps
from forensics.roles.telling import story, telling_logs
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.checks.model import Check
    from forensics.coverage import LogCoverage
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

NewCase = Annotated[
    Path | None,
    typer.Option("--case", metavar="CASE", help="The case to use. [default: a new ./case.db]", show_default=False),
]
DEFAULT_CASE = Path("case.db")
# Gaps and falls of the time that are listed for each log under the table.
DETAILS_SHOWN = 5


class AnswerFormat(StrEnum):
    """The forms of an answer that is one object."""

    TABLE = "table"
    JSON = "json"


ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", help="Also write the report, DIR/report.html.", show_default=False),
]
AnswerOption = Annotated[AnswerFormat, typer.Option("--format", help="table for people, json for programs.")]


def investigate(  # noqa: PLR0913  (one for each option)
    paths: EvidencePaths,
    *,
    case: NewCase = None,
    node: NodeName = None,
    jobs: Jobs = None,
    profile: ProfileFile = None,
    source_tz: SourceZone = None,
    report: ReportFolder = None,
    form: AnswerOption = AnswerFormat.TABLE,
    tz: ScreenZone = None,
    exit_code: ExitCode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read evidence into a case, and tell what it holds, who was active when, what was lost, and what to do next.

    Without --case a new ./case.db is made; if there is one already, nothing is done. What could not be read is named
    on stderr, and the exit code is 3.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.coverage import log_coverage, nodes_of  # noqa: PLC0415  (see cli.ingest)
    from forensics.ingest.account import IngestOptions  # noqa: PLC0415
    from forensics.profile import load_profile  # noqa: PLC0415

    clock = Clock(parse_zone(tz, "--tz"))
    zone = None if source_tz is None else parse_zone(source_tz, "--source-tz")
    options = IngestOptions(node=node_name(node), jobs=jobs, profile=profile, source_tz=zone)
    require_evidence(paths)
    refuse_case_in_evidence(case or DEFAULT_CASE, paths)
    if case is None:
        refuse_existing_case(DEFAULT_CASE)
    if report is not None:
        refuse_no_folder(report)
        refuse_report_in_evidence(report, paths)
    require_files(paths)
    load_profile(profile)  # a mistake in it is told before a case is made
    with _opened(case) as opened:
        summary = read_evidence(opened, paths, options)
        done = draw_conclusions(opened)
        whole = tell_issues(opened, paths, summary)
        roles = done.analysis.roles() if done.analysis is not None else None
        logs = log_coverage(opened)
        nodes = nodes_of(opened, logs, roles)
        parts = done.analysis, roles, done.files, done.losses, done.checkpoints, done.checks
        found = Findings(nodes, logs, *parts)
        if form is AnswerFormat.JSON:
            emit_object(answer(opened, found))
        else:
            tell(opened, found, clock)
        if report is not None:
            voice.note(f"report: {write_report(opened, report, done)}")
    if done.problem is not None:
        raise typer.Exit(1)
    if not whole:
        raise typer.Exit(3)
    if exit_code and found.losses is not None and found.losses.in_place:
        raise typer.Exit(FOUND)


class Findings(NamedTuple):
    """What a case holds and what follows from it: what the answer is made of.

    Attributes:
        nodes: the nodes that the evidence is from, sorted.
        logs: what each log covers, each under the node whose it is.
        analysis: what the conclusions rest on; None where nothing could be concluded.
        roles: the history of the mailbox server's group; None likewise.
        checkpoints: those of the cluster, stale or needed; None likewise.
        checks: the guidelines, each held against the evidence; None likewise.
        files, losses: live files and backup sets, and what was lost of them; None likewise.
    """

    nodes: Sequence[str]
    logs: Sequence[LogCoverage]
    analysis: Analysis | None
    roles: RoleHistory | None
    files: FileEvidence | None
    losses: FileAnalysis | None
    checkpoints: tuple[Checkpoint, ...] | None
    checks: tuple[Check, ...] | None


@contextmanager
def _opened(case: Path | None) -> Iterator[Case]:
    from forensics.case.store import Case  # noqa: PLC0415  (see cli.ingest)

    with Case.create(DEFAULT_CASE) if case is None else Case.open_or_create(case) as opened:
        yield opened


def answer(case: Case, found: Findings) -> Row:
    """The whole answer as one JSON object; what could not be worked out is null."""
    from forensics.checkpoints.plain import plain_checkpoint  # noqa: PLC0415  (see cli.ingest)
    from forensics.checks.plain import plain_check  # noqa: PLC0415
    from forensics.files.losses_plain import plain_finding  # noqa: PLC0415
    from forensics.files.plain import plain_set  # noqa: PLC0415
    from forensics.roles.plain import plain  # noqa: PLC0415

    rows = case.evidence()
    counts = case.counts()
    files, losses = found.files, found.losses
    recommended = None if losses is None else losses.recommended
    name = str(case.path)
    steps = next_steps(case, name, found.nodes, found.logs, found.roles, found.losses, found.checks)
    if losses is not None:
        steps = [*loss_steps(name, losses), *steps]
    steps = [*checkpoint_steps(name, found.checkpoints or ()), *steps]
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
        "nodes": list(found.nodes),
        "evidence": evidence,
        "logs": [asdict(log) for log in found.logs],
        "roles": None if found.roles is None else plain(found.roles),
        "overwrites": None if losses is None else list(map(plain_finding, losses.in_place)),
        "backups": None if files is None else [plain_set(one, recommended) for one in files.sets],
        "check": None if found.checks is None else list(map(plain_check, found.checks)),
        "checkpoints": None if found.checkpoints is None else list(map(plain_checkpoint, found.checkpoints)),
        "next_steps": list(map(step_row, steps)),
    }


def tell(case: Case, found: Findings, clock: Clock) -> None:
    """Print the answer for people."""
    rows = case.evidence()
    counts = case.counts()
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in Counter(row.kind for row in rows).most_common())
    recovered = f", {counts.recovered:,} of them recovered" if counts.recovered else ""
    emit_heading("What was read")
    emit_line(f"{counted(counts.evidence, 'file')}: {kinds}")
    emit_line(f"{counted(counts.events, 'event')}{recovered}")
    emit_line(f"nodes: {', '.join(found.nodes) or 'none'}")
    if found.logs:
        emit_heading("What each log covers")
        emit_rows(map(asdict, found.logs), fields=(), columns=log_columns(found.logs, clock), form=Format.TABLE)
    tell_holes(found.logs, clock)
    tell_problems(case, statuses=("partial", "failed"))
    if found.analysis is not None and found.roles is not None:
        emit_heading("Who was active when")
        tell_story(found.analysis, found.roles, clock)
    if found.losses is not None and found.files is not None and found.roles is not None:
        emit_heading("What was lost")
        for sentence in losses_story(found.losses, found.files, found.roles, clock.show):
            emit_line(sentence)
    tell_checkpoints(case, found.checkpoints or ())
    if found.checks is not None:
        emit_heading("Which guidelines were followed")
        for sentence in guidelines_story(found.checks):
            emit_line(sentence)
    emit_heading("What to do next")
    steps = next_steps(case, str(case.path), found.nodes, found.logs, found.roles, found.losses, found.checks)
    steps = [*checkpoint_steps(str(case.path), found.checkpoints or ()), *steps]
    tell_steps(map(step_row, steps))
    # Last, where it is seen: what most people came for.
    if found.losses is not None:
        tell_restore(case.path, found.losses, clock)


def tell_story(analysis: Analysis, history: RoleHistory, clock: Clock) -> None:
    """Print a group's history: the picture, and the sentences."""
    if history.intervals:
        tell_bars(history, clock)
    for sentence in story(history, clock.show, telling_logs(analysis)):
        emit_line(sentence)


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
