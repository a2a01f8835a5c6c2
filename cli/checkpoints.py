"""`ccrf checkpoints`: the cluster's registry checkpoints, and which of them would bring an old key back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cli.cases import open_case
from cli.options import FOUND, CaseFile, ExitCode, OutputFormat, Quiet, Verbose
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_rows
from cli.roles import CONFIDENCE_STYLES
from cli.voice import voice
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.checkpoints.verify import After, Outcome

checkpoints_app = typer.Typer(
    help="Registry checkpoints of the cluster's resources: found, and which are stale.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AfterFile = Annotated[
    Path, typer.Argument(metavar="AFTER", help="A listing that was taken after the cleanup.", show_default=False)
]
_NOTES_SHOWN = 5
_COUNTED = frozenset({"gone", "still_there", "should_not_have_gone"})
_OUTCOME_STYLES = {"gone": "green", "kept": "green", "still_there": "bold red", "should_not_have_gone": "bold red"}
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
        notes = quote_notes(opened)
    if form is Format.TABLE and not found:
        voice.note("the evidence shows no checkpoint")
    for note in notes:
        voice.note(note)
    if exit_code and any(one.stale for one in found):
        raise typer.Exit(FOUND)


@checkpoints_app.command("verify")
def verify_checkpoints(
    case: CaseFile,
    after: AfterFile,
    *,
    form: OutputFormat = Format.TABLE,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tell whether a cleanup worked: the checkpoints of CASE against AFTER, a listing that was taken after it.

    AFTER is what `cluster res /check` or Get-ClusterCheckpoint printed, or the cluster's hive (CLUSDB), or an export of
    it. Exit code 3 where a stale checkpoint is still there, where one is gone that should not be, or where AFTER does
    not show what became of a stale one.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.checkpoints.verify import (  # noqa: PLC0415  (see cli.ingest)
        VERIFIED_FIELDS,
        WRONG,
        Outcome,
        plain_verified,
        read_after,
        verify_cleanup,
    )

    with open_case(case) as opened:
        before = checkpoints_of(opened)
        state = _read_after(read_after, after)
        found = verify_cleanup(before, state)
    emit_rows(plain_verified(found), fields=VERIFIED_FIELDS, columns=_verified_columns(), form=form)
    unseen = [one for one in found if one.outcome is Outcome.NOT_SHOWN and one.checkpoint and one.checkpoint.stale]
    counts = {outcome: sum(one.outcome is outcome for one in found) for outcome in Outcome}
    if form is Format.TABLE:
        emit_line(_verdict_line(counts, len(unseen)))
    if not state.whole:
        voice.warn(f"{after} is damaged: what it does not show may be there all the same")
    if unseen or not state.whole or any(counts[outcome] for outcome in WRONG):
        raise typer.Exit(3)


def _read_after(read: Callable[[BinaryIO, str], After], path: Path) -> After:
    from forensics.errors import FailedError, MissingPathError  # noqa: PLC0415  (see cli.ingest)

    try:
        with path.open("rb") as stream:
            return read(stream, str(path))
    except FileNotFoundError:
        raise MissingPathError(path) from None
    except IsADirectoryError:
        raise typer.BadParameter("a folder was given: name the file that was written after the cleanup") from None
    except OSError as error:
        raise FailedError(f"{path}: it cannot be read ({error.strerror or error})") from error


def _verdict_line(counts: Mapping[Outcome, int], unseen: int) -> str:
    """The outcome in one sentence."""
    gone, left, lost = (number for outcome, number in counts.items() if outcome in _COUNTED)
    parts = [f"{counted(gone, 'stale checkpoint')} gone", f"{left} still there"]
    if unseen:
        parts.append(f"{unseen} not shown")
    if lost:
        parts.append(f"{lost} gone that should not be")
    return ", ".join(parts) + "."


def tell_checkpoints(case: Case, found: Sequence[Checkpoint]) -> None:
    """Print which checkpoints are stale, and where commands have typographic quotes; nothing where there is neither."""
    stale = [one for one in found if one.stale]
    notes = quote_notes(case)
    if not stale and not notes:
        return
    emit_heading("Checkpoints")
    for one in stale:
        what = f"{one.key}, kept for {one.resource or 'a resource that is not known'}"
        emit_line(f"Stale: {what}. {one.why} ({one.confidence}; {one.id})")
    for note in notes:
        emit_line(f"{note}.")


def quote_notes(case: Case) -> list[str]:
    """Where the evidence holds commands with typographic quotes, one sentence each; of many the first ones."""
    from forensics.case.values import text_from_sql  # noqa: PLC0415  (see cli.ingest)

    rows = list(
        case.rows(
            "SELECT e.path, q.line FROM curly_quotes q JOIN evidence e ON e.id = q.evidence_id ORDER BY e.path, q.line"
        )
    )
    notes = [
        f"{text_from_sql(path)} line {line}: a cluster command with typographic quotes, which fails as it stands"
        for path, line in rows[:_NOTES_SHOWN]
    ]
    if len(rows) > _NOTES_SHOWN:
        notes.append(f"{len(rows) - _NOTES_SHOWN} more cluster commands with typographic quotes: table curly_quotes")
    return notes


def checkpoints_of(case: Case) -> tuple[Checkpoint, ...]:
    """The checkpoints of a case, worked out from its evidence."""
    from forensics.checkpoints.analyse import find_checkpoints  # noqa: PLC0415  (see cli.ingest)
    from forensics.roles.analyse import analyse  # noqa: PLC0415

    with voice.busy("looking for checkpoints"):
        analysis = analyse(case)
        return find_checkpoints(case, analysis, analysis.roles().nodes)


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


def _verified_columns() -> list[Column]:
    return [
        Column("id", lambda row: str(row["checkpoint"] or "")),
        Column("node", lambda row: str(row["node"] or "")),
        Column(
            "outcome",
            lambda row: str(row["outcome"]).replace("_", " "),
            style=lambda row: _OUTCOME_STYLES.get(str(row["outcome"]), "yellow"),
        ),
        Column("resource", lambda row: str(row["resource"] or "?"), labelled=True),
        Column("key", lambda row: ("crypto: " if row["kind"] == "crypto" else "") + str(row["key"] or "?"), long=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]
