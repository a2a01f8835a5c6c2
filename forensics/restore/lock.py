"""One restore at a time in a folder: a lock file that says whose restore it is, and a lock of the system on it.

The file stays where a run was killed: it says which case has the journal, and whether files may have been touched. The
system's lock goes with the process, so the two together tell a restore that runs from one that was cut off. Where a
file system has no such locks, the file alone counts.
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
# What the file says always fills as many bytes: a single write replaces it, and leaves nothing of it half-written.
_FILLED: Final = 2048
_NAME_MOST: Final = 100
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
        begun: whether files may have been touched: it says so before the first one is. True where what the file says
            is not understood.
    """

    token: str
    case_id: str
    case_name: str
    running: bool | None
    begun: bool = False


def holder_of(folder: Folder) -> Holder | None:
    """Who holds the folder's lock, or left it behind; None where there is no lock file. Changes nothing."""
    entry = folder.entry(LOCK_NAME)
    if entry is None:
        return None
    if not entry.is_file:
        return Holder("", "", "", running=None)
    try:
        with folder.reading(LOCK_NAME) as descriptor:
            running = _locked_by_others(descriptor)
            try:
                os.lseek(descriptor, 0, os.SEEK_SET)
                text = os.read(descriptor, _MOST)
            except OSError:
                # Some shares let nobody read what another process has locked.
                if not running:
                    raise
                text = b""
    except FileNotFoundError:  # it went between two looks
        return None
    return _said(text)._replace(running=running)


def _said(text: bytes) -> Holder:
    if not text.strip(b"\0"):  # made, and cut off before it could say anything, so before any file was touched
        return Holder("", "", "", running=None)
    try:
        said = json.loads(text)
        token, case_id, name = (str(said[key])[:_NAME_MOST] for key in ("token", "case_id", "case"))
        return Holder(token, case_id, name, running=None, begun=bool(said["begun"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Holder("", "", "", running=None, begun=True)


class Lock:
    """The lock of a folder, held until it is closed; `release` takes the file away, for a restore that has ended."""

    def __init__(self, folder: Folder, descriptor: int) -> None:
        self._folder = folder
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Folder, token: str, case_id: str, case_name: str, *, over: bool) -> Self:
        """Lock a folder. A file that is taken over keeps what it says where it is this very restore's.

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
        try:
            descriptor, made = folder.open_to_lock(LOCK_NAME, new=True), True
        except FileExistsError:
            if not over:
                raise RefusedError(f"another restore to {folder.path} has begun: {LOCK_NAME} is there") from None
            try:
                descriptor, made = folder.open_to_lock(LOCK_NAME, new=False), False
            except FileNotFoundError:
                raise RefusedError(f"another restore to {folder.path} has just ended: look again") from None
        lock = cls(folder, descriptor)
        try:
            lock._hold()
            try:
                if lock._said().token != token:
                    lock._write(Holder(token, case_id, case_name[:_NAME_MOST], running=True))
                if made:
                    folder.sync()
            except BaseException:
                if made:
                    with suppress(OSError):
                        lock.release()
                raise
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

    def _said(self) -> Holder:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return _said(os.read(self._descriptor, _MOST))

    def _write(self, holder: Holder) -> None:
        said = {"token": holder.token, "case_id": holder.case_id, "case": holder.case_name, "begun": holder.begun}
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if os.write(self._descriptor, json.dumps(said, ensure_ascii=True).encode("ascii").ljust(_FILLED)) < _FILLED:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), LOCK_NAME)
        os.fsync(self._descriptor)

    def begin(self) -> None:
        """Say in the file that from now on files may be touched; it is on the disk when this returns."""
        said = self._said()
        if not said.begun:
            self._write(said._replace(begun=True))

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

    def _lock(descriptor: int, how: int = fcntl.LOCK_EX) -> bool | None:
        """Lock an open file; False where somebody else has it, None where there are no locks."""
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                return False
            if error.errno in _NO_LOCKS:
                return None
            raise
        return True

    def _locked_by_others(descriptor: int) -> bool | None:
        # Shared: NFS gives no other lock on a file that is open for reading.
        locked = _lock(descriptor, fcntl.LOCK_SH)
        if locked:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        return None if locked is None else not locked
