"""Stale checkpoints removed, by scripts to run by hand or one command at a time through a transport; both recorded.

`script_cleanup` and `run_cleanup` are what commands call. They neither print nor ask; what they did is in the case's
audit under `checkpoint_cleanup`, and in the result. Nothing here takes a resource offline or online: where one is
online the cleanup stops before it changed anything.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from forensics.case import audit
from forensics.checkpoints.answers import State, is_listed, state_of
from forensics.checkpoints.batch import HEADS, cleanup_script, undo_script
from forensics.checkpoints.scripts import (
    Plan,
    Removal,
    listing_command,
    plan_cleanup,
    remove_command,
    state_command,
    status_command,
)
from forensics.errors import CcrfError, FailedError, RefusedError
from forensics.writing import Folder, atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.checkpoints.runner import Ran, Transport

ACTION: Final = "checkpoint_cleanup"
"""The word in the audit."""


class Outcome(StrEnum):
    """How a cleanup ended.

    `NOTHING`: nothing is stale, or nothing of it can be put into a command. `WRITTEN`: the scripts are there.
    `DONE`: the listing afterwards shows none of them. `STILL_THERE`: it shows some, or none was listed to begin with.
    `REFUSED`: a resource is online, or not known to be offline; nothing was changed. `FAILED`: a command failed.
    """

    NOTHING = "nothing"
    WRITTEN = "written"
    DONE = "done"
    STILL_THERE = "still_there"
    REFUSED = "refused"
    FAILED = "failed"


_EXIT_CODES: Final = {Outcome.STILL_THERE: 3, Outcome.REFUSED: 4, Outcome.FAILED: 1}


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What a cleanup did.

    Attributes:
        outcome: how it ended.
        why: that in a sentence or two.
        plan: what was to be removed, and what was left out and why.
        ran: the commands that were run, in order.
        removed: what is gone.
        remaining: what is still to be removed; `cleanup.cmd` removes exactly that.
        files: the scripts that were written.
    """

    outcome: Outcome
    why: str
    plan: Plan
    ran: tuple[Ran, ...] = ()
    removed: tuple[Removal, ...] = ()
    remaining: tuple[Removal, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> int:
        """As the contract has it: 3 also where a stale checkpoint had to be left out."""
        if self.outcome in _EXIT_CODES:
            return _EXIT_CODES[self.outcome]
        return 3 if any(one.stale for one in self.plan.left_out) else 0


def script_cleanup(
    case: Case, checkpoints: Iterable[Checkpoint], folder: Path, *, clock: Callable[[], datetime] = audit.utc_now
) -> CleanupResult:
    """Write `cleanup.cmd`, which removes the stale ones of `checkpoints`, and `undo.cmd` into a folder.

    Args:
        case: open for writing: what was written is entered in its audit.
        checkpoints: all of the case; which of them are stale is in them.
        folder: where the scripts go; made where there is none.
        clock: of the audit. The scripts hold no time.

    Returns:
        A result with outcome `WRITTEN`, or `NOTHING` where nothing is written and nothing recorded.

    Raises:
        RefusedError: a file of that name is there and is not ours; nothing was written.
        FailedError: a script or the audit cannot be written.
    """
    plan = plan_cleanup(checkpoints)
    if not plan.removals:
        return _nothing(plan)
    files = write_scripts(folder, plan, plan, case.path.name)
    detail = {"step": "script", "files": _hashes(files), **_plan_detail(plan)}
    audit.append(case, ACTION, detail, clock=clock)
    return CleanupResult(Outcome.WRITTEN, "The scripts were written.", plan, remaining=plan.removals, files=files)


def run_cleanup(
    case: Case,
    checkpoints: Iterable[Checkpoint],
    folder: Path,
    transport: Transport,
    *,
    offline_confirmed: bool = False,
    on_command: Callable[[Ran], None] | None = None,
    clock: Callable[[], datetime] = audit.utc_now,
) -> CleanupResult:
    """Remove the stale ones of `checkpoints` through a transport, one command at a time, up to the first failure.

    For each resource: its checkpoints are listed and its state is asked for, on every node, before anything is changed;
    what is listed is removed; then it is listed again. The scripts are written first, so that they are there whatever
    happens, and at the end `cleanup.cmd` holds only what remains (it goes where nothing does).

    Args:
        case: open for writing: every command, its output and its code are entered in the audit as they come.
        checkpoints: all of the case; which of them are stale is in them.
        folder: where the scripts go; made where there is none.
        transport: leads to one machine of the cluster, or to each node in turn where it has `{node}` in it.
        offline_confirmed: go on where it cannot be told that a resource is offline; where it is known to be online the
            cleanup stops all the same.
        on_command: is told of each command after it ran.
        clock: of the audit.

    Raises:
        RefusedError: a file of a script's name is there and is not ours; nothing was run.
        FailedError: a script or the audit cannot be written.
    """
    plan = plan_cleanup(checkpoints)
    if not plan.removals:
        return _nothing(plan)
    files = write_scripts(folder, plan, plan, case.path.name)
    detail = {"step": "begin", "runner": list(transport.shown), "files": _hashes(files), **_plan_detail(plan)}
    audit.append(case, ACTION, {**detail, "offline_confirmed": offline_confirmed}, clock=clock)
    run = _Run(case, transport, offline_confirmed, on_command, clock)
    try:
        outcome, why = run.through(plan)
    except _StopError as stop:
        outcome, why = stop.outcome, stop.why
    except BaseException:
        # Interrupted, or the case cannot be written: what is known so far is kept as well as it can be.
        with suppress(CcrfError):
            _finish(run, plan, folder, Outcome.FAILED, "The cleanup was interrupted.")
        raise
    return _finish(run, plan, folder, outcome, why)


def _finish(run: _Run, plan: Plan, folder: Path, outcome: Outcome, why: str) -> CleanupResult:
    """Leave what remains as a script, and say in the audit how it ended."""
    removed = tuple(one for one in plan.removals if one in run.gone)
    remaining = tuple(one for one in plan.removals if one not in run.gone)
    files = write_scripts(folder, Plan(remaining, ()), plan, run.case.path.name)
    detail = {"step": "end", "outcome": outcome.value, "why": why, "files": _hashes(files)}
    audit.append(run.case, ACTION, {**detail, "remaining": [_place(one) for one in remaining]}, clock=run.clock)
    return CleanupResult(outcome, why, plan, tuple(run.ran), removed, remaining, files)


class _StopError(Exception):
    """The run ends here."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why


@dataclass(slots=True)
class _Run:
    """One run through a transport. `gone`: what was removed, or was not there any more."""

    case: Case
    transport: Transport
    offline_confirmed: bool
    on_command: Callable[[Ran], None] | None
    clock: Callable[[], datetime]
    ran: list[Ran] = field(default_factory=list)
    gone: set[Removal] = field(default_factory=set)

    def through(self, plan: Plan) -> tuple[Outcome, str]:
        """All of it; raises `_StopError` where it cannot go on."""
        turns = list(self._turns(plan))
        listed = {node: self._before(node, removals) for node, removals in turns}
        if not any(listed.values()):
            why = "None of the stale checkpoints is listed: they are gone already, or the listing has an unknown form."
            return Outcome.STILL_THERE, f"{why} Nothing was changed."
        for position, (node, removals) in enumerate(turns):
            # What the node before removed is gone here too, unless the two are not of one cluster.
            there = self._listed(node, removals) if position else listed[node]
            for one in removals:
                if one in there:
                    self._ask(node, remove_command(one.resource, one.key), needed=True)
                self.gone.add(one)
            left = self._listed(node, removals)
            self.gone -= left
            if left:
                keys = "; ".join(f"{one.key} of {one.resource}" for one in removals if one in left)
                return Outcome.STILL_THERE, f"Still listed after the removal: {keys}."
        return Outcome.DONE, "The listing afterwards shows none of them."

    def _turns(self, plan: Plan) -> Iterator[tuple[str, tuple[Removal, ...]]]:
        if not self.transport.by_node:
            yield ", ".join(plan.nodes), plan.removals
            return
        for node in plan.nodes:
            yield node, tuple(one for one in plan.removals if node in one.nodes)

    def _before(self, node: str, removals: tuple[Removal, ...]) -> set[Removal]:
        """What is listed there; raises `_StopError` where something of it is not known to be offline."""
        listed = self._listed(node, removals)
        for resource in dict.fromkeys(one.resource for one in removals if one in listed):
            status = self._ask(node, status_command(resource), needed=True)
            state = state_of(status.output, "")
            if state is not State.ONLINE:
                state = state_of(status.output, self._ask(node, state_command(resource)).output)
            if state is State.OFFLINE or (self.offline_confirmed and state is not State.ONLINE):
                continue
            what = {
                State.ONLINE: f"{resource} is online, or about to be: take it offline first.",
                State.FAILED: f"{resource} has failed, and may be started again by the cluster: take it offline first.",
            }.get(state, f"That {resource} is offline cannot be told from the answers.")
            raise _StopError(Outcome.REFUSED, f"{what} Nothing was changed.")
        return listed

    def _listed(self, node: str, removals: tuple[Removal, ...]) -> set[Removal]:
        found = set()
        for resource in dict.fromkeys(one.resource for one in removals):
            answer = self._ask(node, listing_command(resource), needed=True)
            found |= {one for one in removals if one.resource == resource and is_listed(one.key, answer.output)}
        return found

    def _ask(self, node: str, command: str, *, needed: bool = False) -> Ran:
        """Run one command and record it; a `needed` one that fails ends the run."""
        ran = self.transport.run(node, command)
        self.ran.append(ran)
        detail = {
            "step": "command",
            "node": ran.node,
            "command": ran.command,
            "code": ran.code,
            "output": ran.output,
            "left_off": ran.left_off,
            "problem": ran.problem,
        }
        audit.append(self.case, ACTION, detail, clock=self.clock)
        if self.on_command is not None:
            self.on_command(ran)
        if needed and not ran.done:
            raise _StopError(Outcome.FAILED, f"The cleanup stopped at the first failure: {command}: {ran.fault}.")
        return ran


def write_scripts(folder: Path, cleanup: Plan, undo: Plan, case: str) -> tuple[Path, ...]:
    """Write both scripts, or neither where a file in their place is not ours; the paths of those that are there.

    An old `cleanup.cmd` is removed where nothing is left to remove.

    Raises:
        RefusedError: a file of that name is there and does not begin as ours do.
        FailedError: they cannot be written.
    """
    contents = {"cleanup.cmd": cleanup_script(cleanup, case) if cleanup.removals else None}
    contents["undo.cmd"] = undo_script(undo, case)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Folder.open(folder.resolve()) as opened:
            for name in contents:
                _refuse_foreign(opened, folder / name)
            if contents["cleanup.cmd"] is None:
                opened.remove("cleanup.cmd")
    except FileExistsError:
        raise RefusedError(f"{folder} is no folder; name another place with -o") from None
    except OSError as error:
        raise FailedError(f"{folder} could not be written to: {error.strerror or error}") from error
    written = []
    for name, content in contents.items():
        if content is not None:
            atomic_write(folder / name, content)
            written.append(folder / name)
    return tuple(written)


def _refuse_foreign(folder: Folder, path: Path) -> None:
    there = folder.entry(path.name)
    if there is None:
        return
    head = HEADS[path.name].encode("ascii")
    if not there.is_file or not folder.read(path.name, len(head)).startswith(head):
        raise RefusedError(f"{path} is there and was not made by ccrf; move it away, or name another folder with -o")


def _nothing(plan: Plan) -> CleanupResult:
    stale = any(one.stale for one in plan.left_out)
    why = "None of the stale checkpoints can be removed by a command." if stale else "No stale checkpoint is known."
    return CleanupResult(Outcome.NOTHING, why, plan)


def _plan_detail(plan: Plan) -> dict[str, Any]:
    return {
        "removals": [{**_place(one), "checkpoints": one.checkpoints, "nodes": one.nodes} for one in plan.removals],
        "left_out": [{"checkpoint": one.checkpoint, "stale": one.stale, "why": one.why} for one in plan.left_out],
    }


def _place(one: Removal) -> dict[str, Any]:
    return {"resource": one.resource, "key": one.key}


def _hashes(files: Iterable[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
