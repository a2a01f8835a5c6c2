"""One movement: make every file of a journal the new one, or the old one, from whatever mixture of the two is there.

What is neither was made by somebody else, and is never written over. Contents are staged beside their places, whole and
synced, before the first name changes; a name changes in one step.
"""

from __future__ import annotations

import errno
import hashlib
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.errors import RefusedError
from forensics.restore import journal as journals
from forensics.restore.target import SIZE_MOST
from forensics.writing import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.restore.journal import Journal, JournalFile
    from forensics.restore.model import PlannedFile
    from forensics.writing import Folder

# FAT keeps two seconds, other file systems one.
_TIME_SLACK_NS: Final = 2_000_000_000
# A virus scanner, or the product itself, may have the file open for a moment: EACCES on Windows, on a mounted share
# EBUSY or ETXTBSY.
_OF_OTHERS: Final = {errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY}
_TRIES: Final = 6
_WRITABLE: Final = 0o200


class Placed(NamedTuple):
    """A file as it lies there afterwards, read back. `sha256` None: there is none."""

    name: str
    file_name: str
    sha256: str | None
    modified_ns: int | None


class ChangedError(RefusedError):
    """A file of the folder is neither what was there nor what is to be there. `late`: others were changed already."""

    late = False


def reason_of(error: BaseException) -> str:
    """An error in words, without its class."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)


class _Step(NamedTuple):
    """A file that has to change: its staged content (None: it goes) and its mode there now."""

    file: JournalFile
    staged: str | None


def converge(
    case: Case, folder: Folder, journal: Journal, *, new: bool, cut_off: bool, leave_others: bool = False
) -> tuple[Placed, ...]:
    """Make every file of the journal the new one, or the old one. Returns those files, read back.

    Args:
        case: holds the contents.
        folder: where.
        journal: what.
        new: to which side.
        cut_off: a run before this one may have left any mixture, and files of its own.
        leave_others: files that somebody else has changed are left as they are, instead of ending it; and what is
            returned are the files that had to be changed back.

    Raises:
        ChangedError: a file is neither; nothing was changed yet, or what was changed stays for the caller to undo.
        OSError: of the system.
    """
    if cut_off:
        sweep(folder, journal.token)
    there = look(folder, journal.files, missing_is_ours=cut_off, leave_others=leave_others)
    ours = [file for file in journal.files if file.name in there]
    todo = [file for file in ours if not _is_at(folder, file, there[file.name], new=new)]
    steps = _staged(case, folder, journal.token, todo, new=new)
    changed = 0
    try:
        for step in steps:
            if _sha256(folder, step.file.file_name) != there[step.file.name]:
                raise ChangedError(f"{step.file.file_name} was changed by somebody else a moment ago")  # noqa: TRY301
            _put(folder, step)
            changed += 1
        if steps:
            folder.sync()
        for file in ours:
            _settle_mode(folder, file)
            _check_read_back(folder, file, new=new)
    except ChangedError as error:
        error.late = changed > 0
        raise
    return tuple(_placed(folder, file) for file in (todo if leave_others else ours))


def sweep(folder: Folder, token: str) -> None:
    """Take away what a run that was cut off left of its own making."""
    for name in folder.names():
        if name.startswith(f"{TEMPORARY}{token}-"):
            folder.remove(name)


def _sha256(folder: Folder, file_name: str) -> str | None:
    """The hash of what lies there; None: nothing. `ChangedError` for what is no regular file, or too large."""
    entry = folder.entry(file_name)
    if entry is None:
        return None
    if not entry.is_file or entry.size > SIZE_MOST:
        raise ChangedError(f"{file_name} is {'another file' if entry.is_file else entry.what} now")
    return hashlib.sha256(folder.read(file_name, SIZE_MOST)).hexdigest()


def look(
    folder: Folder,
    files: Sequence[JournalFile],
    *,
    missing_is_ours: bool,
    old_is_fine: bool = True,
    leave_others: bool = False,
) -> dict[str, str | None]:
    """The hashes of the files of a journal as they lie there, by name."""
    found: dict[str, str | None] = {}
    for file in files:
        try:
            now = _sha256(folder, file.file_name)
        except ChangedError:
            if leave_others:
                continue
            raise
        # A rename that is no single step, cut off in the middle, may have left nothing.
        fits = {file.new_sha256, *((file.old_sha256,) if old_is_fine else ()), *((None,) if missing_is_ours else ())}
        if now in fits:
            found[file.name] = now
        elif not leave_others:
            what = "is not there any more" if now is None else "was changed by somebody else since"
            raise ChangedError(f"{file.file_name} {what}; move it elsewhere to go on")
    return found


def _is_at(folder: Folder, file: JournalFile, now: str | None, *, new: bool) -> bool:
    """Whether a file is what it is to be, its last-modified time included."""
    wanted = file.new_sha256 if new else file.old_sha256
    if now != wanted:
        return False
    entry = folder.entry(file.file_name)
    modified = file.new_modified_ns if new else file.old_modified_ns
    return entry is None or modified is None or abs(entry.modified_ns - modified) < _TIME_SLACK_NS


def _staged(case: Case, folder: Folder, token: str, files: Sequence[JournalFile], *, new: bool) -> list[_Step]:
    """The contents that are to come, whole and synced beside their places, so that only names have to change."""
    steps = []
    for number, file in enumerate(files):
        sha256, modified = (file.new_sha256, file.new_modified_ns) if new else (file.old_sha256, file.old_modified_ns)
        if sha256 is None:
            steps.append(_Step(file, None))
            continue
        name = f"{TEMPORARY}{token}-{number}.tmp"
        folder.create(name, [journals.content_of(case, sha256)], modified_ns=modified, mode=file.old_mode)
        if _sha256(folder, name) != sha256:
            raise OSError(None, f"{file.file_name}: what was written does not read back as it should")
        steps.append(_Step(file, name))
    if steps:
        folder.sync()
    return steps


def _put(folder: Folder, step: _Step) -> None:
    """Give a staged file its name, or take a file away; what is read-only, or open for a moment, is no obstacle."""
    name, mode = step.file.file_name, step.file.old_mode
    eased = False
    try:
        for attempt in range(_TRIES):
            try:
                if step.staged is None:
                    folder.remove(name)
                else:
                    folder.rename(step.staged, name)
            except OSError as error:
                if attempt == _TRIES - 1 or error.errno not in _OF_OTHERS:
                    raise
                # Windows does not replace what has the read-only attribute, and neither do shares of it.
                if not eased and mode is not None and not mode & _WRITABLE and folder.entry(name) is not None:
                    folder.set_mode(name, mode | _WRITABLE)
                    eased = True
                else:
                    time.sleep(0.1 * 2**attempt)
            else:
                return
    except BaseException:
        if eased:
            _settle_mode(folder, step.file)
        raise


def _settle_mode(folder: Folder, file: JournalFile) -> None:
    """Make a file read-only again that was made writable to be replaced."""
    mode, entry = file.old_mode, folder.entry(file.file_name)
    if mode is not None and entry is not None and entry.is_file and entry.mode != mode == entry.mode & ~_WRITABLE:
        folder.set_mode(file.file_name, mode)


def _check_read_back(folder: Folder, file: JournalFile, *, new: bool) -> None:
    wanted, now = file.new_sha256 if new else file.old_sha256, _sha256(folder, file.file_name)
    if now != wanted:
        raise OSError(None, f"{file.file_name} does not read back as it should")
    # An old file that cannot have its old time is better than none; a new one without its time is not replicated.
    if new and not _is_at(folder, file, now, new=new):
        raise OSError(None, f"{file.file_name} does not keep the last-modified time that it was given")


def _placed(folder: Folder, file: JournalFile) -> Placed:
    entry = folder.entry(file.file_name)
    return Placed(
        file.name, file.file_name, _sha256(folder, file.file_name), None if entry is None else entry.modified_ns
    )


def check_renames(folder: Folder, token: str) -> None:
    """Refuse a file system on which a file cannot be replaced in one step."""
    one, two = f"{TEMPORARY}{token}-one.tmp", f"{TEMPORARY}{token}-two.tmp"
    try:
        try:
            folder.create(one, [b"one"])
            folder.create(two, [b"two"])
            before = folder.entry(one)
            folder.rename(one, two)
            after, rest = folder.entry(two), folder.entry(one)
        finally:
            for name in (one, two):
                folder.remove(name)
    except OSError as error:
        raise RefusedError(f"{folder.path} cannot be written as a restore needs it: {reason_of(error)}") from error
    # Where a rename copies, the file is another one afterwards, and may be half there in between.
    if rest is not None or after is None or before is None or before.inode != after.inode:
        raise RefusedError(f"{folder.path} lies on a file system that does not replace a file in one step")


def check_unchanged(folder: Folder, files: Sequence[PlannedFile]) -> None:
    """Refuse where any file is not as the plan has it any more, its last-modified time included."""
    there = {name.casefold() for name in folder.names()}
    for file in files:
        name, present = file.file_name, file.present
        changed = ChangedError(f"{name} has changed since the plan was made; nothing was changed")
        if present is None:
            # It may have come with another case of its name.
            if name.casefold() in there:
                raise changed
            continue
        entry = folder.entry(name)
        if entry is None or entry.modified_ns != present.modified_ns or _sha256(folder, name) != present.sha256:
            raise changed
