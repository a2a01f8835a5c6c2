"""One restore at a time in a folder: a lock file that says whose restore it is, and a lock of the system on it.

The file stays where a run was killed: it says which case has the journal. The system's lock goes with the process, so
the two together tell a restore that runs from one that was cut off. Where a file system has no such locks, the file
alone counts.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from forensics.errors import RefusedError

if TYPE_CHECKING:
    from types import TracebackType

    from forensics.writing import Folder

LOCK_NAME: Final = ".ccrf-restore.lock"
_MOST: Final = 4096
# Windows locks bytes, and nobody else can read them then: those far behind the end are not read by anyone.
_FAR: Final = 1 << 30
_NO_LOCKS: Final = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Holder(NamedTuple):
    """Who left a lock file.

    Attributes:
        token: of the restore; "" where the file does not say.
        case_id: of the case whose journal knows it; "" likewise.
        case_name: the case's file name.
        running: whether a process holds it now; None where the file system cannot tell.
    """

    token: str
    case_id: str
    case_name: str
    running: bool | None


def holder_of(folder: Folder) -> Holder | None:
    """Who holds the folder's lock, or left it behind; None where there is no lock file. Changes nothing."""
    entry = folder.entry(LOCK_NAME)
    if entry is None:
        return None
    if not entry.is_file:
        return Holder("", "", "", running=None)
    text = folder.read(LOCK_NAME, _MOST)
    with folder.reading(LOCK_NAME) as descriptor:
        running = _locked_by_others(descriptor)
    try:
        said = json.loads(text)
        token, case_id, name = (str(said[key])[:200] for key in ("token", "case_id", "case"))
    except (ValueError, TypeError, KeyError):
        token = case_id = name = ""
    return Holder(token, case_id, name, running)


class Lock:
    """The lock of a folder, held until it is closed; `release` takes the file away, for a restore that has ended."""

    def __init__(self, folder: Folder, descriptor: int) -> None:
        self._folder = folder
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Folder, token: str, case_id: str, case_name: str, *, over: bool) -> Self:
        """Lock a folder.

        Args:
            folder: to be restored to.
            token: of the restore.
            case_id: of the case that has the journal.
            case_name: its file's name.
            over: take over a file that is there and that no process holds: the caller knows whose it is.

        Raises:
            RefusedError: another restore runs there, or left its lock file, and it is not to be taken over.
            OSError: the folder cannot be written.
        """
        text = json.dumps({"token": token, "case_id": case_id, "case": case_name}, ensure_ascii=True).encode("ascii")
        if folder.entry(LOCK_NAME) is not None:
            if not over:
                raise RefusedError(f"another restore to {folder.path} has begun: {LOCK_NAME} is there")
            lock = cls._of(folder)
            if holder_said(folder, token):
                return lock
            # Another restore's file, which nobody holds any more: its name is taken by a new one.
            lock.close()
            folder.remove(LOCK_NAME)
        try:
            folder.create(LOCK_NAME, [text])
        except FileExistsError:
            raise RefusedError(f"another restore to {folder.path} has just begun") from None
        folder.sync()
        return cls._of(folder)

    @classmethod
    def _of(cls, folder: Folder) -> Self:
        lock = cls(folder, folder.open_to_lock(LOCK_NAME))
        try:
            lock._hold()
        except BaseException:
            lock.close()
            raise
        return lock

    def _hold(self) -> None:
        if _lock(self._descriptor) is False:
            raise RefusedError(f"another restore to {self._folder.path} is running now")
        entry = self._folder.entry(LOCK_NAME)
        # Whoever held it may have ended, and taken the file away, between the two.
        if entry is None or (entry.inode and entry.inode != os.fstat(self._descriptor).st_ino):
            raise RefusedError(f"another restore to {self._folder.path} has just ended: look again")

    def release(self) -> None:
        """Take the lock file away, and let go."""
        if os.name == "nt":  # an open file cannot be removed there
            self.close()
            self._folder.remove(LOCK_NAME)
        else:
            self._folder.remove(LOCK_NAME)
            self._folder.sync()
            self.close()

    def close(self) -> None:
        """Let go, and leave the file: the restore has not ended."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def holder_said(folder: Folder, token: str) -> bool:
    """Whether the lock file is that of the restore with this token."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return bool(json.loads(folder.read(LOCK_NAME, _MOST))["token"] == token)
    return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool | None:
        """Lock an open file; False where somebody else has it, None where there are no locks."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            return False if error.errno in {errno.EACCES, errno.EDEADLK} else None
        return True

    def _locked_by_others(descriptor: int) -> bool | None:
        locked = _lock(descriptor)
        if locked:
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return None if locked is None else not locked

else:
    import fcntl

    def _lock(descriptor: int) -> bool | None:
        """Lock an open file; False where somebody else has it, None where there are no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                return False
            if error.errno in _NO_LOCKS:
                return None
            raise
        return True

    def _locked_by_others(descriptor: int) -> bool | None:
        locked = _lock(descriptor)
        if locked:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        return None if locked is None else not locked
