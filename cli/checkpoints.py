"""`ccrf checkpoints`: the cluster's registry checkpoints, and which of them would bring an old key back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.cases import open_case
from cli.options import FOUND, CaseFile, ExitCode, OutputFormat, Quiet, Verbose
from cli.output import Column, Format, Row, emit_rows
from cli.roles import CONFIDENCE_STYLES
from cli.voice import voice

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint

checkpoints_app = typer.Typer(
    help="Registry checkpoints of the cluster's resources: found, and which are stale.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_STALE_WORDS = {True: "stale", False: "needed", None: "unknown"}
_STALE_STYLES = {"stale": "bold red", "needed": "green", "unknown": "yellow"}


@checkpoints_app.callback()
def checkpoints_group() -> None:
    """Keep the group a group, however few commands it has."""


@checkpoints_app.command("list")
def list_checkpoints(
    case: CaseFile,
    *,
    form: OutputFormat = Format.TABLE,
    exit_code: ExitCode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the checkpoints that the evidence in CASE shows, and whether each is needed or stale.

    A stale one belongs to a product that was removed: when the resource comes online it brings the old registry key
    back. Remove it while the resource is offline.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.checkpoints.plain import CHECKPOINT_FIELDS, plain_checkpoint  # noqa: PLC0415  (see cli.ingest)

    with open_case(case) as opened:
        found = checkpoints_of(opened)
        emit_rows(map(plain_checkpoint, found), fields=CHECKPOINT_FIELDS, columns=checkpoint_columns(), form=form)
    if form is Format.TABLE and not found:
        voice.note("the evidence shows no checkpoint")
    if exit_code and any(one.stale for one in found):
        raise typer.Exit(FOUND)


def checkpoints_of(case: Case) -> tuple[Checkpoint, ...]:
    """The checkpoints of a case, worked out from its evidence."""
    from forensics.checkpoints.analyse import find_checkpoints  # noqa: PLC0415  (see cli.ingest)
    from forensics.roles.analyse import analyse  # noqa: PLC0415

    with voice.busy("looking for checkpoints"):
        analysis = analyse(case)
        return find_checkpoints(analysis, analysis.roles().nodes)


def checkpoint_columns() -> list[Column]:
    """The columns of the table: one line for each checkpoint, its sentence last."""
    return [
        Column("id", lambda row: str(row["id"])),
        Column("node", lambda row: str(row["node"])),
        Column("", _state, style=lambda row: _STALE_STYLES.get(_state(row), "")),
        Column(
            "sure",
            lambda row: str(row["confidence"]),
            style=lambda row: CONFIDENCE_STYLES.get(str(row["confidence"]), ""),
        ),
        Column("resource", lambda row: str(row["resource"] or "?"), labelled=True),
        Column("key", lambda row: ("crypto: " if row["kind"] == "crypto" else "") + str(row["key"] or "?"), long=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _state(row: Row) -> str:
    stale = row["stale"]
    return _STALE_WORDS[stale if isinstance(stale, bool) else None]
