"""`ccrf ingest`, and what `investigate` shares with it."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    CaseFile,
    EvidencePaths,
    Jobs,
    ProfileFile,
    Quiet,
    SourceZone,
    Verbose,
    parse_zone,
)
from cli.paths import refuse_case_in_evidence, require_evidence, require_files
from cli.voice import voice
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from forensics.case.store import Case
    from forensics.conclude import Conclusions
    from forensics.ingest.account import IngestOptions, IngestSummary

NodeName = Annotated[
    str | None,
    typer.Option("--node", metavar="NAME", help="The node that all of this evidence is from.", show_default=False),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first damage.")]
CrossCheck = Annotated[
    bool, typer.Option("--cross-check", help="Read each .evtx again with python-evtx and report disagreement (slow).")
]


def ingest(  # noqa: PLR0913  (one for each option)
    case: CaseFile,
    paths: EvidencePaths,
    *,
    node: NodeName = None,
    jobs: Jobs = None,
    profile: ProfileFile = None,
    source_tz: SourceZone = None,
    strict: Strict = False,
    cross_check: CrossCheck = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read evidence into CASE, which is made where it is not there.

    What a file is, is told by its content. Evidence is never changed. The same evidence again adds nothing. What could
    not be read is named on stderr, and the exit code is 3.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.case.store import Case  # noqa: PLC0415  (the case's libraries cost 0.2 s, and help does not need them)
    from forensics.errors import StrictDamageError  # noqa: PLC0415
    from forensics.ingest.account import IngestOptions  # noqa: PLC0415
    from forensics.profile import load_profile  # noqa: PLC0415

    options = IngestOptions(
        node=node_name(node),
        jobs=jobs,
        profile=profile,
        source_tz=None if source_tz is None else parse_zone(source_tz, "--source-tz"),
        strict=strict,
        cross_check=cross_check,
    )
    require_evidence(paths)
    refuse_case_in_evidence(case, paths)
    require_files(paths)
    load_profile(profile)  # a mistake in it is told before a case is made
    with Case.open_or_create(case) as opened:
        try:
            summary = read_evidence(opened, paths, options)
        except StrictDamageError:
            draw_conclusions(opened)  # what came before the damage is in the case
            raise
        draw_conclusions(opened)
        whole = tell_issues(opened, paths, summary)
    if not whole:
        raise typer.Exit(3)


def node_name(text: str | None) -> str | None:
    """The name of a node as the case writes it: upper case, without domain."""
    if text is None:
        return None
    name = text.strip().partition(".")[0].upper()
    if not name:
        raise typer.BadParameter(f"{text!r} is not the name of a node", param_hint="--node")
    return name


def read_evidence(case: Case, paths: Sequence[Path], options: IngestOptions | None = None) -> IngestSummary:
    """Ingest, with a progress bar where somebody sees it."""
    from forensics.ingest.run import ingest as run_ingest  # noqa: PLC0415  (see `ingest`)

    with voice.progress(lambda: size_of(paths)) as on_progress:
        return run_ingest(case, paths, options, on_progress)


def draw_conclusions(case: Case) -> Conclusions:
    """Fill the case's tables of conclusions; a line on stderr where that failed: the evidence is in the case."""
    from forensics.conclude import conclude  # noqa: PLC0415  (see `ingest`)

    with voice.busy("working out who was active when, and what was lost"):
        done = conclude(case)
    if done.problem is not None:
        bug = "a bug in ccrf, please report it (-v shows where): " if done.error is not None else ""
        lacking = "nothing could be concluded from it" if done.analysis is None else "what was lost could not be told"
        voice.warn(f"the evidence is in the case, but {lacking}: {bug}{done.problem}")
        if done.error is not None and voice.verbose:
            traceback.print_exception(done.error)
    return done


def tell_issues(case: Case, paths: Sequence[Path], summary: IngestSummary) -> bool:
    """Say what an ingest did, and name all that could not be read; return whether everything was."""
    for issue in summary.issues:
        at = "" if issue.offset is None else f" (at offset {issue.offset})"
        voice.warn(f"{issue.path}: {issue.status}: {issue.reason}{at}")
    where = ", ".join(map(str, paths))
    if summary.files == 0:
        voice.warn(f"ccrf: {where}: there are no files here")
        return False
    # An archive is only a wrapping, whatever its own status says.
    if all(row.status == "ignored" or row.kind == "archive" for row in case.evidence()) and not summary.issues:
        voice.warn(f"ccrf: {where}: nothing here was recognised as evidence")
        return False
    parts = [counted(summary.files, "file")]
    parts += [f"{summary.known:,} known already"] if summary.known else []
    parts += [f"{len(summary.issues):,} not whole"] if summary.issues else []
    recovered = f", {summary.recovered:,} of them recovered" if summary.recovered else ""
    voice.note(f"{', '.join(parts)}; {counted(summary.events, 'event')} added{recovered}")
    if summary.assumed_tz:
        first, *more = sorted(summary.assumed_tz)
        others = f" and {counted(len(more), 'other file')}" if more else ""
        voice.note(f"{first}{others}: the times there have no zone and were read as UTC; --source-tz names another")
    for issue in summary.assumed:
        voice.note(f"{issue.path}: {issue.reason}")
    return summary.whole


def size_of(paths: Sequence[Path]) -> int:
    """Bytes of all files at and below the paths, as far as they can be told; never raises."""
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
        for folder, _, files in os.walk(path):
            for name in files:
                with suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  (Path costs twice the time)
    return total
