"""Stale registry checkpoints beside a restore: removed through a runner, or by a script that is written for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cli.checkpoints import checkpoints_of
from cli.checkpoints_cleanup import tell_left_out, tell_result
from cli.output import Row, emit_line
from cli.voice import voice
from forensics.errors import RefusedError

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.checkpoints.runner import Transport


class Cleaned(NamedTuple):
    """What became of the checkpoints. `exit_code`: 3 where a stale one is still there, 1 where a command failed."""

    outcome: str
    why: str
    files: tuple[str, ...]
    exit_code: int

    def as_row(self) -> Row:
        """The same for JSON."""
        return {"outcome": self.outcome, "why": self.why, "files": list(self.files)}


def clean_up(case: Case, transport: Transport | None, *, told: bool) -> Cleaned:
    """Remove the case's stale checkpoints through `transport`, or write the scripts beside the case without one.

    The files are in place already, so nothing here is a refusal: what could not be done is told, and left to do.
    """
    from forensics.checkpoints.cleanup import Outcome, run_cleanup, script_cleanup  # noqa: PLC0415

    checkpoints = checkpoints_of(case)
    folder = case.path.parent
    try:
        if transport is None:
            result = script_cleanup(case, checkpoints, folder)
        else:
            result = run_cleanup(case, checkpoints, folder, transport)
    except RefusedError as error:
        voice.warn(f"the stale checkpoints are left: {error}")
        return Cleaned("refused", str(error), (), 3)
    stale = result.outcome is not Outcome.NOTHING or result.exit_code
    if stale:
        tell_left_out(result.plan)
    names = tuple(path.name for path in result.files)
    if told and result.outcome is Outcome.WRITTEN:
        emit_line(
            f"Stale registry checkpoints of the product are known: {' and '.join(names)} beside the case remove them"
            " and undo that. Run the first on a node while the store's resource is offline."
        )
    elif told and stale:
        tell_result(result)
    return Cleaned(result.outcome.value, result.why, names, 3 if result.exit_code == 4 else result.exit_code)
