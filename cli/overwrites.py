"""`ccrf overwrites`: what was lost of the replicated files, why, and where it can still be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.explain_losses import tell_finding
from cli.next_steps import step_row
from cli.options import FOUND, CaseFile, Clock, ExitCode, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Row, emit_command, emit_heading, emit_line, emit_rows
from cli.roles import CONFIDENCE_STYLES
from cli.voice import voice
from forensics.files.telling import KIND_WORDS, how_sure, what_to_restore
from forensics.next_steps import loss_steps
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from forensics.files.analyse import FileAnalysis

Explain = Annotated[
    str | None,
    typer.Option("--explain", metavar="ID", help="Show what a finding (overwrite:1) rests on.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="Also losses that were mended since.")]
KIND_STYLES = {"stale_overwrite": "bold red", "lost_update": "bold red", "reset": "bold red", "divergence": "yellow"}


def overwrites(
    case: CaseFile,
    *,
    explain: Explain = None,
    all_: All = False,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    exit_code: ExitCode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List what was lost of the replicated files of CASE and is still in place, why, and which backup sets have it.

    Times are on the clock of the first node by name; last-modified times stay as they were recorded.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.files.analyse import analyse_evidence  # noqa: PLC0415  (see cli.ingest)
    from forensics.files.load import file_evidence  # noqa: PLC0415
    from forensics.files.losses_plain import FINDING_FIELDS, plain_finding  # noqa: PLC0415
    from forensics.roles.analyse import analyse  # noqa: PLC0415

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        with voice.busy("working out what was lost"):
            analysis = analyse(opened)
            history = analysis.roles()
            evidence = file_evidence(opened, analysis, history)
            losses = analyse_evidence(evidence, analysis, history)
        if explain is not None:
            tell_finding(opened, (analysis, history, evidence, losses), explain, clock, form)
        else:
            shown = losses.findings if all_ else losses.in_place
            columns = finding_columns(clock, mended=any(one.mended for one in shown))
            count = emit_rows(map(plain_finding, shown), fields=FINDING_FIELDS, columns=columns, form=form)
            if form is Format.TABLE:
                for sentence in how_sure(losses, evidence, history):
                    emit_line(sentence)
                tell_restore(case, losses, clock)
                mended = len(losses.findings) - count
                if mended:
                    voice.note(f"{counted(mended, 'loss', 'losses')} mended since: --all")
    if exit_code and losses.in_place:
        raise typer.Exit(FOUND)


def tell_restore(case: Path, losses: FileAnalysis, clock: Clock) -> None:
    """Print which set has what was lost, and the commands that lead there; nothing where nothing is lost."""
    if not losses.in_place:
        return
    divergences = all(one.kind == "divergence" for one in losses.in_place)
    emit_heading("What to decide" if divergences else "What to restore")
    for sentence in what_to_restore(losses, clock.show):
        emit_line(sentence)
    tell_steps(map(step_row, loss_steps(str(case), losses)))


def tell_steps(steps: Iterable[Row]) -> None:
    """Print steps, each with its command on a line of its own."""
    for step in steps:
        emit_line(str(step["why"]))
        emit_command(str(step["command"]))


def finding_columns(clock: Clock, *, mended: bool = False) -> list[Column]:
    """The columns of the table: one line for each finding, its sentence last."""
    return [
        Column("id", lambda row: str(row["id"])),
        Column("file", lambda row: str(row["file"])),
        Column("node", lambda row: str(row["node"])),
        Column(
            "what",
            lambda row: KIND_WORDS.get(str(row["kind"]), str(row["kind"])),
            style=lambda row: KIND_STYLES.get(str(row["kind"]), ""),
        ),
        Column("cause", lambda row: str(row["cause"]).replace("_", " ")),
        Column(
            "sure",
            lambda row: str(row["confidence"]),
            style=lambda row: CONFIDENCE_STYLES.get(str(row["confidence"]), ""),
        ),
        *([Column("", lambda row: "mended" if row["mended"] else "", style=lambda _: "green")] if mended else []),
        Column("after", lambda row: clock.show(row["earliest"]), labelled=True),
        Column("before", lambda row: clock.show(row["latest"]), labelled=True),
        Column("still in", _still_in, labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _still_in(row: Row) -> str:
    """Where the lost content can still be had."""
    sets, live = row["recoverable_from"], row["live_on"]
    places = [*(sets if isinstance(sets, list) else ()), *(live if isinstance(live, list) else ())]
    return ", ".join(map(str, places)) or "nothing"
