"""Whatever goes wrong becomes one line and the right exit code; a traceback only for those who ask."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from cli.failures import GuardedGroup
from cli.voice import voice
from forensics import errors

CCRF = str(Path(sys.executable).with_name("ccrf"))

TREE = [
    (errors.FailedError("the disk is full"), 1),
    (errors.MissingPathError("nowhere"), 2),
    (errors.NotACaseError("notes.txt", "is a text"), 2),
    (errors.CaseVersionError("case.db", 9, 1), 2),
    (errors.ProfileError("my.toml", "no such field"), 2),
    (errors.StrictDamageError("damage at offset 7"), 3),
    (errors.CaseExistsError("case.db"), 4),
    (errors.CaseInsideEvidenceError("e/case.db", "e"), 4),
]


def failing(error: BaseException, *arguments: str):
    """Run a program of one command that raises the error."""
    app = typer.Typer(cls=GuardedGroup, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def top(*, verbose: Annotated[bool, typer.Option("-v")] = False) -> None:
        voice.adjust(quiet=False, verbose=verbose)

    @app.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(app, [*arguments, "fail"])


@pytest.mark.parametrize(("error", "code"), TREE, ids=lambda value: type(value).__name__)
def test_expected_errors_have_their_code(error, code):
    """An error of the program's tree is its message in one line and its exit code."""
    result = failing(error)
    assert result.exit_code == code
    assert result.stderr == f"ccrf: {error}\n"
    assert result.stdout == ""


def test_every_error_class_is_tried():
    """The list above has an error for each exit code of the tree."""

    def below(kind):
        return {kind.exit_code}.union(*map(below, kind.__subclasses__()))

    assert below(errors.CcrfError) == {code for _, code in TREE}


def test_a_bug_is_one_line():
    """An unexpected exception asks for a report, without a traceback."""
    result = failing(ValueError("what \x1b[2J\nnow"))
    assert result.exit_code == 1
    assert (
        result.stderr == r"ccrf: a bug in ccrf, please report it (-v shows where): ValueError: what \x1b[2J\nnow" + "\n"
    )


def test_a_runtime_error_is_a_bug_too():
    """Typer's own signals are RuntimeErrors; others are not mistaken for them."""
    result = failing(RuntimeError("generator raised StopIteration"))
    assert result.exit_code == 1
    assert "please report" in result.stderr


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_traceback_is_shown_when_asked_for(monkeypatch, way):
    """-v or CCRF_DEBUG shows where a bug is."""
    if way == "environment":
        monkeypatch.setenv("CCRF_DEBUG", "1")
    result = failing(ValueError("what"), *(["-v"] if way == "option" else []))
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1] == "ccrf: a bug in ccrf, please report it: ValueError: what"


def test_one_run_does_not_change_the_next():
    """Verbose holds for the run that asked for it."""
    failing(ValueError("what"), "-v")
    assert "Traceback" not in failing(ValueError("what")).stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "a\x1bb"), r"Permission denied: a\x1bb"),
        (OSError(), "OSError"),
        (MemoryError(), "out of memory"),
    ],
)
def test_the_systems_errors_are_no_bugs(error, said):
    """What the system refuses is told with its reason, and nobody is asked to report it."""
    result = failing(error)
    assert result.exit_code == 1
    assert result.stderr == f"ccrf: {said}\n"


def test_interruption_is_quiet():
    """Ctrl-C ends the program with 130 and without a word."""
    result = failing(KeyboardInterrupt())
    assert (result.exit_code, result.output) == (130, "")


def test_a_closed_pipe_is_quiet():
    """A reader that went away is no error to talk about."""
    result = failing(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (result.exit_code, result.output) == (141, "")


@pytest.mark.parametrize(("error", "code"), [(typer.Exit(3), 3), (typer.BadParameter("no"), 2), (typer.Abort(), 1)])
def test_typers_own_signals_pass(error, code):
    """Exit codes of commands and typer's usage errors are left as they are."""
    assert failing(error).exit_code == code


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_closed_early_leaves_no_trace():
    """`ccrf ... | head` says nothing on stderr, not even at the interpreter's end."""
    program = subprocess.Popen([CCRF, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdout.close()
    said = program.stderr.read()
    program.stderr.close()
    assert said == b""
    assert program.wait(30) in {0, 141}


@pytest.mark.parametrize("arguments", [["nonsense"], ["events"], ["events", "case.db", "--format", "xml"], ["--nope"]])
def test_wrong_arguments_are_wrong_usage(arguments):
    """What typer refuses ends with 2, on stderr, without a traceback."""
    done = subprocess.run([CCRF, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_start_is_quick(tmp_path):
    """Version and help load none of the libraries that only some commands need; each would cost 0.05 to 0.2 s."""
    code = (
        "import sys\nfrom cli.main import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'rich', 'sqlite_utils', 'sqlite3', 'msgspec', 'construct', 'pydantic', 'Evtx', 'multiprocessing'}\n"
        "print(*sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    for argument in ("--version", "--help"):
        done = subprocess.run(
            [sys.executable, "-c", code, argument], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(("ccrf 0.", "Usage: ccrf"))
        assert done.stderr == "\n"
