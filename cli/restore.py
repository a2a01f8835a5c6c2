"""`ccrf restore`: put a backup set back, finish one that was cut off, or undo one."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.ingest import node_name
from cli.investigate import AnswerFormat, AnswerOption
from cli.options import CaseFile, Clock, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import emit_line, emit_object
from cli.restore_checkpoints import clean_up
from cli.restore_words import tell_blocked, tell_outcome, tell_plan
from cli.voice import voice
from forensics.errors import MissingPathError, RefusedError, UsageError
from forensics.files.telling import listed
from forensics.restore.model import Times, Wish
from forensics.text import counted

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.restore.ground import Ground
    from forensics.restore.model import RestorePlan, SourceSet, Target

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="SOURCE",
        help="backup (the recommended set), backup:N, or a folder or archive that holds a set.",
        show_default=False,
    ),
]
To = Annotated[
    Path,
    typer.Option(
        "--to",
        metavar="DIR",
        help="The Data folder of the active node: a share of it, or a copy.",
        show_default=False,
    ),
]
OfNode = Annotated[
    str | None, typer.Option("--node", metavar="NAME", help="The node that DIR belongs to.", show_default=False)
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="This file, whatever was lost; repeatable.", show_default=False),
]
Everything = Annotated[bool, typer.Option("--all", help="The whole set, not only what was lost.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Mtime = Annotated[
    Times,
    typer.Option("--mtime", help="newest: later than every known copy, so that it is replicated. preserve: the set's."),
]
AssumeStopped = Annotated[bool, typer.Option("--assume-stopped", help="The services that write there are stopped.")]
Force = Annotated[
    str | None,
    typer.Option(
        "--force", metavar="REASON", help="Override guards; the reason goes into the audit.", show_default=False
    ),
]


class Checkpoints(StrEnum):
    """What becomes of stale registry checkpoints beside a restore."""

    SCRIPT = "script"
    RUN = "run"
    SKIP = "skip"


OfCheckpoints = Annotated[
    Checkpoints,
    typer.Option(
        "--checkpoints", help="Stale registry checkpoints: script writes cleanup.cmd beside CASE, run uses --runner."
    ),
]
Runner = Annotated[
    str | None,
    typer.Option(
        "--runner",
        metavar="CMD",
        help="With --checkpoints run: gets each command as its last argument, such as 'ssh admin@{node}'.",
        show_default=False,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Finish a restore to DIR that was cut off.")]
Rollback = Annotated[bool, typer.Option("--rollback", help="Undo the last restore to DIR, cut off or finished.")]


def restore(  # noqa: PLR0913  (one for each option)
    case: CaseFile,
    to: To,
    *,
    source: From = None,
    node: OfNode = None,
    only: Only = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    mtime: Mtime = Times.NEWEST,
    assume_stopped: AssumeStopped = False,
    force: Force = None,
    checkpoints: OfCheckpoints = Checkpoints.SCRIPT,
    runner: Runner = None,
    resume: Resume = False,
    rollback: Rollback = False,
    form: AnswerOption = AnswerFormat.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Put a backup set of CASE back into DIR: by default just the files with an open loss that the set repairs.

    Shows the plan and asks. What lies there is kept in the case first, new content is written beside and renamed into
    place, and a journal makes it all or nothing: killed at any moment, --resume finishes and --rollback undoes.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.case.store import Case  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    wants = [bool(source), resume, rollback]
    if sum(wants) != 1:
        raise UsageError("say one of --from SOURCE, --resume and --rollback")
    if (checkpoints is Checkpoints.RUN) != (runner is not None):
        raise UsageError("--checkpoints run and --runner CMD go together")
    if force is not None and not force.strip():
        raise UsageError("--force needs a reason in words: it goes into the audit")
    if not to.exists() and not to.is_symlink():
        raise MissingPathError(to)
    if source is None:
        with Case.open(case, write=True) as opened:
            _go_on(opened, to, clock, form, finish=resume, yes=yes)
        return

    from forensics.checkpoints.runner import Transport  # noqa: PLC0415  (see cli.ingest)

    transport = None if runner is None else Transport.parse(runner)
    wish = Wish(
        only=tuple(only or ()),
        everything=everything,
        times=mtime,
        node=node_name(node),
        assume_stopped=assume_stopped,
        reason=None if force is None else force.strip(),
    )
    with Case.open(case, write=not dry_run) as opened:
        ground, found, target, plan = _planned(opened, source, to, wish)
        if form is AnswerFormat.TABLE:
            tell_plan(plan, clock)
        answer = _carried_out(opened, (ground, found, target, plan), clock, form, ask=not yes, dry_run=dry_run)
        cleaned = None
        if not dry_run and checkpoints is not Checkpoints.SKIP:
            cleaned = clean_up(opened, transport, told=form is AnswerFormat.TABLE)
        if form is AnswerFormat.JSON:
            emit_object(answer | {"checkpoints": None if cleaned is None else cleaned.as_row()})
    if cleaned is not None and cleaned.exit_code:
        raise typer.Exit(cleaned.exit_code)


def _planned(case: Case, source: str, to: Path, wish: Wish) -> tuple[Ground, SourceSet, Target, RestorePlan]:
    """What would be done: the case and the folder are looked at, and nothing is changed."""
    from forensics.restore.ground import ground_of  # noqa: PLC0415
    from forensics.restore.plan import plan_restore  # noqa: PLC0415
    from forensics.restore.sources import set_at, set_of_case  # noqa: PLC0415
    from forensics.restore.target import look  # noqa: PLC0415

    with voice.busy("working out what to restore"):
        ground = ground_of(case)
        found = set_of_case(case, ground.losses, source)
        if found is None:
            path = Path(source)
            if not path.exists():
                raise MissingPathError(path)
            found = set_at(case, path, ground.analysis.catalogue.profile)
        target = look(to, ground.files.names)
        return ground, found, target, plan_restore(ground, found, target, wish)


def _carried_out(
    case: Case,
    all_of_it: tuple[Ground, SourceSet, Target, RestorePlan],
    clock: Clock,
    form: AnswerFormat,
    *,
    ask: bool,
    dry_run: bool,
) -> dict[str, Any]:
    from forensics.restore.carry_out import carry_out  # noqa: PLC0415
    from forensics.restore.model import Action  # noqa: PLC0415
    from forensics.restore.plain import plain_outcome, plain_plan, steps_after  # noqa: PLC0415

    ground, _, target, plan = all_of_it
    answer = plain_plan(plan)
    if not plan.changing:
        if all(one.action is not Action.KEEP for one in plan.files):
            tell_blocked(plan)
            raise RefusedError(
                f"there is nothing to restore: {plan.source} repairs no open loss of"
                f" {plan.node or 'this folder'}; --only NAME or --all take more"
            )
        voice.note("every file has the content already: nothing is to be done")
        return answer | {"result": None, "next_steps": []}
    if plan.blocked:
        tell_blocked(plan)
        if form is AnswerFormat.JSON:
            emit_object(answer | {"result": None, "next_steps": []})
        raise RefusedError("nothing was changed")
    if dry_run:
        voice.note("a dry run: nothing was changed")
        return answer | {"result": None, "next_steps": steps_after(plan)}
    if ask:
        _ask(f"Put {counted(len(plan.changing), 'file')} into {plan.target}?")
    outcome = carry_out(case, ground, plan, target)
    if form is AnswerFormat.TABLE:
        tell_outcome(outcome, clock)
        for step in steps_after(plan):
            emit_line(step)
    return answer | {"result": plain_outcome(outcome), "next_steps": steps_after(plan)}


def _ask(question: str) -> None:
    """Go on only where a person says yes: `RefusedError` otherwise, and where there is nobody to ask."""
    if not _is_terminal():
        raise RefusedError("nobody can be asked here: say --yes; nothing was changed")
    if not typer.confirm(question, default=False, err=True):
        raise RefusedError("declined; nothing was changed")


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _go_on(case: Case, to: Path, clock: Clock, form: AnswerFormat, *, finish: bool, yes: bool) -> None:
    """Finish or undo a restore."""
    from forensics.restore.carry_out import resume, roll_back, waiting  # noqa: PLC0415
    from forensics.restore.plain import plain_outcome  # noqa: PLC0415

    if not yes:
        journal = waiting(case, to, finish=finish)
        files = listed([file.file_name for file in journal.files])
        _ask(f"{'Finish' if finish else 'Undo'} {journal.reference} ({files} from {journal.source}) in {to}?")
    outcome = resume(case, to) if finish else roll_back(case, to)
    if form is AnswerFormat.JSON:
        emit_object({"result": plain_outcome(outcome), "next_steps": []})
    else:
        tell_outcome(outcome, clock)
