"""From exception to one line and an exit code: the one place where the program fails in front of people."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from cli.output import prepare_stdout
from cli.voice import voice
from forensics.errors import CcrfError

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130  # 128 + SIGINT, what a shell reports for Ctrl-C
PIPE_CLOSED = 141  # 128 + SIGPIPE, what a shell reports for `... | head`


class GuardedGroup(TyperGroup):
    """The program's top level: every command runs inside it, and nothing leaves it but an exit code.

    Usage errors that typer finds (exit code 2) and `typer.Exit` pass through.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program: see `typer.core.TyperGroup.main`."""
        voice.reset()
        prepare_stdout()
        return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments, or print the help that they ask for."""
        with _guarded():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _guarded():
            result = super().invoke(ctx)
            # Written output can still fail to get out; here that is caught, at the interpreter's end it is not.
            sys.stdout.flush()
            return result


@contextmanager
def _guarded() -> Iterator[None]:
    """Turn whatever goes wrong inside into one line on stderr and `typer.Exit`."""
    try:
        yield
    except Exception as error:
        # Exit, Abort and the usage errors that typer shows: the libraries' own, of whatever base.
        if type(error).__module__.partition(".")[0] in {"typer", "click"}:
            raise
        raise typer.Exit(failed(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(failed(error)) from error


def failed(error: BaseException) -> int:
    """Tell the user what went wrong, in one line on stderr, and return the exit code that says so.

    An error of this program's own tree brings its message and code. An error of the operating system is exit code 1
    with its reason. Anything else is a bug: exit code 1, asking for a report; the traceback only when asked for
    (`--verbose`, or CCRF_DEBUG in the environment).
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if _pipe_closed(error):
        _forget_stdout()
        return PIPE_CLOSED
    if voice.verbose:
        traceback.print_exception(error)
    if isinstance(error, CcrfError):
        voice.warn(f"ccrf: {error}")
        return int(error.exit_code)
    if isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        voice.warn(f"ccrf: {reason}: {error.filename}" if error.filename else f"ccrf: {reason}")
    elif isinstance(error, MemoryError):
        voice.warn("ccrf: out of memory")
    else:
        hint = "" if voice.verbose else " (-v shows where)"
        voice.warn(f"ccrf: a bug in ccrf, please report it{hint}: {type(error).__name__}: {error}")
    return 1


def _pipe_closed(error: BaseException) -> bool:
    # Windows reports a closed pipe as EINVAL on a write.
    return isinstance(error, BrokenPipeError) or (
        os.name == "nt" and isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    )


def _forget_stdout() -> None:
    """Let the interpreter's own last flush go nowhere, so that it has nothing to complain about."""
    try:
        target = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, target)
    os.close(nowhere)
