"""Carry out a plan, finish one that was cut off, or undo one: all the files, or none. docs/restore.md has the argument.

Both ways are one and the same movement: each file of the journal is made to be the new one, or the old one, from
whatever mixture of the two is there. What is neither was made by somebody else, and is never written over.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from forensics.case.audit import utc_now
from forensics.errors import FailedError, RefusedError
from forensics.files.load import store_files
from forensics.files.losses_table import store_losses
from forensics.files.undo_sets import undo_sets
from forensics.restore import journal as journals
from forensics.restore.converge import (
    ChangedError,
    Placed,
    check_renames,
    check_unchanged,
    converge,
    look,
    reason_of,
    sweep,
)
from forensics.restore.lock import LOCK_NAME, Lock, holder_of
from forensics.restore.model import Check, State, iso_ns
from forensics.writing import Folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from forensics.case.store import Case
    from forensics.restore.ground import Ground
    from forensics.restore.journal import Journal
    from forensics.restore.lock import Holder
    from forensics.restore.model import RestorePlan, Target


class Outcome(NamedTuple):
    """How a restore ended.

    Attributes:
        journal: with its state.
        placed: the files that it wrote, read back.
        undo_set: `backup:<n>`, what was there before; None where it was worked out earlier.
    """

    journal: Journal
    placed: tuple[Placed, ...]
    undo_set: str | None = None


def carry_out(
    case: Case, ground: Ground, plan: RestorePlan, target: Target, clock: Callable[[], datetime] = utc_now
) -> Outcome:
    """Do what a plan says.

    Args:
        case: open for writing.
        ground: what the plan was made from.
        plan: not blocked, and with something to change.
        target: the folder, as the plan was made from it.
        clock: gives an aware datetime.

    Raises:
        RefusedError: it is blocked, the folder has changed since, another restore is there, or the folder cannot be
            written or lacks a rename in one step. Nothing is changed.
        FailedError: something broke. Everything is as it was, unless the sentence says that it must be finished.
    """
    if plan.blocked:
        raise RefusedError(" ".join(guard.why for guard in plan.blocked))
    journals.durable(case)
    token = journals.new_token()
    try:
        folder = Folder.open(plan.target)
    except OSError as error:
        raise RefusedError(f"{plan.target} could not be opened: {error.strerror or error}") from error
    with folder:
        over = any(guard.check is Check.FREE and (guard.passed or guard.forced) for guard in plan.guards)
        holder, real = holder_of(folder), os.path.realpath(plan.target)
        if _said(holder) != _said(target.holder):
            raise RefusedError(f"another restore to {plan.target} has begun since: nothing was changed")
        with _locked(folder, token, case, over=over) as lock:
            try:
                if journals.open_at(case, real, None) is not None:
                    raise RefusedError(f"an earlier restore to {plan.target} did not end: --resume or --rollback it")  # noqa: TRY301
                if holder is not None and holder.token:
                    sweep(folder, holder.token)
                check_renames(folder, token)
                check_unchanged(folder, plan.files)
                with case.transaction():
                    journal = journals.begin(case, plan, target, (token, real), clock)
                    undo_set = _into_tables(case, ground)
            except BaseException as error:
                _let_go(case, folder, lock, token, error, clock)
                raise
            return _forward(case, folder, journal, lock, clock)._replace(undo_set=undo_set)


def _let_go(
    case: Case, folder: Folder, lock: Lock, token: str, error: BaseException, clock: Callable[[], datetime]
) -> None:
    """After something broke before any file was touched: take the lock away.

    Raises:
        FailedError: the journal is in the case all the same, and was ended, or is to be.
    """
    begun = None
    with suppress(FailedError):
        # A transaction whose end failed may have ended: of the folder's sync SQLite tells when all is written.
        begun = journals.open_at(case, "", token)
    if begun is not None:
        raise _undone(case, folder, begun, lock, clock, error) from error
    # Where something cannot be taken away, the lock stays too: whoever comes next takes both.
    with suppress(OSError):
        sweep(folder, token)
        lock.release()


def waiting(case: Case, path: Path, *, finish: bool) -> Journal:
    """The restore that `resume` would finish, or `roll_back` undo; no file of it is touched.

    Raises:
        RefusedError: there is none.
    """
    with _open(path) as folder:
        return _waiting(case, folder, finish=finish)


def resume(case: Case, path: Path, clock: Callable[[], datetime] = utc_now) -> Outcome:
    """Finish a restore that was cut off: afterwards all its files are the new ones.

    Raises:
        RefusedError: there is nothing to finish, it is running now, or somebody else has changed a file since.
        FailedError: something broke; it can be tried again.
    """
    with _open(path) as folder:
        journal = _waiting(case, folder, finish=True)
        journals.durable(case)
        with _locked(folder, journal.token, case, over=True) as lock:
            return _forward(case, folder, journal, lock, clock, cut_off=True)


def roll_back(case: Case, path: Path, clock: Callable[[], datetime] = utc_now) -> Outcome:
    """Undo a restore that was cut off, or the last one that was finished: afterwards all its files are the old ones.

    Raises:
        RefusedError: there is nothing to undo, it is running now, or somebody else has changed a file since.
        FailedError: something broke; it can be tried again.
    """
    with _open(path) as folder:
        journal = _waiting(case, folder, finish=False)
        finished = journal.state is State.DONE
        journals.durable(case)
        with _locked(folder, journal.token, case, over=True) as lock:
            try:
                look(folder, journal.files, missing_is_ours=not finished, old_is_fine=not finished)
                if journal.state is not State.UNDOING:
                    journal = journals.enter(case, journal, State.UNDOING, "restore_rollback", {}, clock)
            except BaseException as error:
                with suppress(FailedError):
                    journal = journals.reload(case, journal)
                if journal.state is State.DONE:
                    with suppress(OSError):
                        lock.release()
                elif isinstance(error, FailedError):
                    raise FailedError(f"{error}; {journal.reference} is not undone yet: {_again(folder)}") from error
                raise
            return _back(case, folder, journal, lock, clock)


def _open(path: Path) -> Folder:
    try:
        return Folder.open(path)
    except OSError as error:
        raise RefusedError(f"{path} could not be opened: {error.strerror or error}") from error


def _waiting(case: Case, folder: Folder, *, finish: bool) -> Journal:
    journal = _unfinished(case, folder)
    if journal is None and not finish:
        last = journals.last_at(case, os.path.realpath(folder.path))
        journal = last if last is not None and last.state is State.DONE else None
    if journal is not None:
        return journal
    _tidy(case, folder)
    if finish:
        raise RefusedError(f"there is nothing to resume at {folder.path}: no restore of this case was cut off there")
    raise RefusedError(f"there is nothing to undo at {folder.path}: no restore of this case stands there")


def _unfinished(case: Case, folder: Folder) -> Journal | None:
    """The restore to go on with: the one whose lock lies there, or, where the lock is gone, the one of this folder."""
    try:
        holder, real = holder_of(folder), os.path.realpath(folder.path)
    except OSError as error:
        raise FailedError(f"{LOCK_NAME} cannot be read: {reason_of(error)}; then {_again(folder)}") from error
    if holder is None:
        return journals.open_at(case, real, None)
    if holder.running:
        raise RefusedError(f"a restore to {folder.path} is running now")
    whose = None
    if holder.case_id not in {"", journals.case_id(case)}:
        whose = f"another case ({holder.case_name})" if holder.begun or holder.running is None else None
    elif holder.begun and holder.token and not journals.knows(case, holder.token):
        whose = f"a copy of this case ({holder.case_name})"
    if whose is not None:
        raise RefusedError(f"the restore to {folder.path} that did not end is known to {whose}: use that one")
    found = journals.open_at(case, real, holder.token) if holder.token else None
    return found or journals.open_at(case, real, None)


def _tidy(case: Case, folder: Folder) -> None:
    """Take away what a restore left that was cut off before it touched a file, or after it had ended."""
    with suppress(OSError, RefusedError):
        holder = holder_of(folder)
        if holder is None or holder.running is not False or (holder.begun and not journals.knows(case, holder.token)):
            return
        with Lock.take(folder, holder.token, holder.case_id, holder.case_name, over=True) as lock:
            sweep(folder, holder.token)
            lock.release()


def _said(holder: Holder | None) -> tuple[str, str] | None:
    return None if holder is None else (holder.case_id, holder.token)


def _locked(folder: Folder, token: str, case: Case, *, over: bool) -> Lock:
    try:
        return Lock.take(folder, token, journals.case_id(case), case.path.name, over=over)
    except OSError as error:
        raise RefusedError(f"{folder.path} cannot be written: {error.strerror or error}") from error


def _into_tables(case: Case, ground: Ground) -> str:
    """Let the case's tables show the undo set too, within the caller's transaction; its id."""
    sets = ground.files.backups
    kept = undo_sets(case, ground.files.names, len(sets) + 1)
    store_files(case, replace(ground.files, sets=(*sets, *kept)))
    store_losses(case, ground.losses)
    return kept[-1].id


# -- forward and back --------------------------------------------------------------------------------------------------


def _forward(
    case: Case, folder: Folder, journal: Journal, lock: Lock, clock: Callable[[], datetime], *, cut_off: bool = False
) -> Outcome:
    try:
        lock.begin()
        placed = converge(case, folder, journal, new=True, cut_off=cut_off)
    except (OSError, FailedError, ChangedError, KeyboardInterrupt) as error:
        if cut_off and isinstance(error, ChangedError):
            raise _stopped(folder, journal, error) from error
        raise _undone(case, folder, journal, lock, clock, error) from error
    return _ended(case, folder, journal, lock, (State.DONE, "restore_end", placed, clock))


def _back(case: Case, folder: Folder, journal: Journal, lock: Lock, clock: Callable[[], datetime]) -> Outcome:
    try:
        lock.begin()
        placed = converge(case, folder, journal, new=False, cut_off=True)
    except ChangedError as error:
        raise _stopped(folder, journal, error) from error
    except (OSError, FailedError) as error:
        raise FailedError(f"{reason_of(error)}; {journal.reference} is not undone yet: {_again(folder)}") from error
    return _ended(case, folder, journal, lock, (State.UNDONE, "restore_end", placed, clock))


def _ended(
    case: Case,
    folder: Folder,
    journal: Journal,
    lock: Lock,
    how: tuple[State, str, tuple[Placed, ...], Callable[[], datetime]],
) -> Outcome:
    state, action, placed, clock = how
    read_back = {one.name: {"sha256": one.sha256, "modified": iso_ns(one.modified_ns)} for one in placed}
    try:
        journal = journals.enter(case, journal, state, action, {"read_back": read_back}, clock)
    except FailedError as error:
        raise FailedError(
            f"the files are in place, but the case could not note it ({error}): {_again(folder)}"
        ) from error
    try:
        lock.release()
    except OSError as error:
        raise FailedError(
            f"the files are in place, and the case knows it; {LOCK_NAME} could not be taken away: {reason_of(error)}"
        ) from error
    return Outcome(journal, placed)


def _undone(
    case: Case, folder: Folder, journal: Journal, lock: Lock, clock: Callable[[], datetime], error: BaseException
) -> FailedError | RefusedError:
    """What to raise after a restore broke: everything is put back first, as far as that can be done."""
    told = reason_of(error)
    try:
        touched = converge(case, folder, journal, new=False, cut_off=True, leave_others=True)
        journals.enter(case, journal, State.UNDONE, "restore_end", {"failed": told}, clock)
        lock.release()
    except (OSError, FailedError, RefusedError) as second:
        return FailedError(f"{told}; it could not be undone either ({reason_of(second)}): {_again(folder)}")
    if isinstance(error, RefusedError) and not touched:
        return RefusedError(f"{told}; nothing was changed")
    which = "every other file" if isinstance(error, ChangedError) else "every file"
    return FailedError(f"{told}; {which} is as it was before")


def _stopped(folder: Folder, journal: Journal, error: ChangedError) -> FailedError | RefusedError:
    """What to raise where somebody else has changed a file: refused as long as nothing was changed by this run."""
    return FailedError(f"{error}; {journal.reference} did not end: {_again(folder)}") if error.late else error


def _again(folder: Folder) -> str:
    return f"repeat with --resume to finish, or --rollback to undo, --to {folder.path}"
