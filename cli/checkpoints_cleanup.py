"""`ccrf checkpoints cleanup`: the stale checkpoints removed, by scripts or through a transport."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.checkpoints import checkpoints_of
from cli.next_steps import command_line
from cli.options import CaseFile, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.output import emit_command, emit_heading, emit_line
from cli.voice import voice
from forensics.errors import RefusedError

if TYPE_CHECKING:
    from forensics.checkpoints.cleanup import CleanupResult
    from forensics.checkpoints.runner import Ran
    from forensics.checkpoints.scripts import Plan

_LEFT_OUT_SHOWN = 20
_OUTPUT_SHOWN = 40


def cleanup(
    case: CaseFile,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for cleanup.cmd and undo.cmd.")
    ] = Path(),
    runner: Annotated[
        str | None,
        typer.Option(
            "--runner",
            metavar="CMD",
            help="Run the commands through CMD, which gets each as its last argument, such as 'ssh admin@{node}'.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", min=1, max=86400, help="Time that one command may take.")
    ] = 120,
    offline_confirmed: Annotated[
        bool,
        typer.Option("--offline-confirmed", help="Go on where it cannot be told that the resource is offline."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before commands are run.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Remove the stale registry checkpoints of the product that the evidence in CASE shows.

    Without --runner this writes cleanup.cmd, to be run on a node, and undo.cmd. With it the commands are run one at a
    time, recorded in the case, up to the first failure. Nothing is taken offline: where the resource is online, the
    cleanup stops.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.checkpoints.cleanup import Outcome, run_cleanup, script_cleanup  # noqa: PLC0415  (see cli.ingest)
    from forensics.checkpoints.runner import Transport  # noqa: PLC0415
    from forensics.checkpoints.scripts import plan_cleanup  # noqa: PLC0415

    transport = None if runner is None else Transport.parse(runner, timeout)
    with open_case(case, write=True) as opened:
        checkpoints = checkpoints_of(opened)
        plan = plan_cleanup(checkpoints)
        tell_left_out(plan)
        if transport is None:
            result = script_cleanup(opened, checkpoints, output)
        else:
            if plan.removals:
                _tell_plan(plan)
                _agree(yes=yes)
            result = run_cleanup(
                opened, checkpoints, output, transport, offline_confirmed=offline_confirmed, on_command=_tell_command
            )
    if result.outcome is Outcome.WRITTEN:
        _tell_plan(plan)
        _tell_scripts(output, case, plan)
    else:
        tell_result(result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def tell_left_out(plan: Plan) -> None:
    """Say on stderr which checkpoints are left alone, and why: first those that should go."""
    left = sorted(plan.left_out, key=lambda one: not one.stale)
    for one in left[:_LEFT_OUT_SHOWN]:
        say = voice.warn if one.stale else voice.note
        say(f"left out: {one.checkpoint}: {one.why}")
    if len(left) > _LEFT_OUT_SHOWN:
        voice.note(f"left out: {len(left) - _LEFT_OUT_SHOWN} more; 'ccrf checkpoints list' shows them")


def tell_result(result: CleanupResult) -> None:
    """Say how a cleanup ended, and where what remains is."""
    emit_line(result.why)
    names = [path.name for path in result.files]
    if "cleanup.cmd" in names:
        emit_line("What remains to be done is in cleanup.cmd; undo.cmd adds the checkpoints again.")
    elif names:
        emit_line("undo.cmd adds the checkpoints again.")


def _tell_plan(plan: Plan) -> None:
    for resource in plan.resources:
        emit_heading(f"To be removed from {resource}")
        for one in plan.removals:
            if one.resource == resource:
                emit_line(f"{one.key} ({', '.join(one.checkpoints)}, seen on {', '.join(one.nodes)})", indent=2)


def _tell_scripts(folder: Path, case: Path, plan: Plan) -> None:
    from forensics.checkpoints.scripts import listing_command  # noqa: PLC0415  (see cli.ingest)

    emit_heading("What to do")
    where = "this folder" if folder == Path() else folder
    emit_line(f"1. Copy cleanup.cmd and undo.cmd from {where} to one node of the cluster.")
    emit_line("2. See that the resource is offline. The script takes nothing offline, and stops where it is online.")
    emit_line("3. Run it there in a command prompt of an administrator, before the mailbox server is brought online:")
    emit_command("cleanup.cmd")
    emit_line("4. It lists the checkpoints before and after, and keeps what was said in cleanup.log.")
    emit_line("5. Take a listing there, and see here that what is gone is what should be:")
    for number, resource in enumerate(plan.resources):
        emit_command(f"{listing_command(resource)} {'>>' if number else '>'} after.txt")
    emit_command(command_line(["ccrf", "checkpoints", "verify", str(case), "after.txt"]))


def _agree(*, yes: bool) -> None:
    """Ask before anything is run; raises `RefusedError` (exit code 4) for a no, and where nobody can be asked."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError("nobody can be asked whether to run these commands: add --yes, or leave --runner out")
    if not typer.confirm("Run the commands that remove them?", err=True):
        raise RefusedError("nothing was run")


def _tell_command(ran: Ran) -> None:
    where = f"{ran.node}: " if ran.node else ""
    voice.note(f"{where}{ran.command}: {ran.fault or 'done'}")
    lines = ran.output.splitlines()
    say = voice.detail if ran.done else voice.note
    for line in lines[:_OUTPUT_SHOWN]:
        say(f"    {line.rstrip()}")
    if len(lines) > _OUTPUT_SHOWN:
        say(f"    ... {len(lines) - _OUTPUT_SHOWN} more lines, in the audit of the case")
