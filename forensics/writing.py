"""Everything that is written outside of a case goes through here: whole or not at all, and never through a link.

A file is made beside its place under a name of its own (`O_EXCL`, `O_NOFOLLOW`), synced, renamed over its place, and
the folder is synced. So whoever looks, at whatever moment, even after the power failed, finds the old file or the new.

Where the system knows them, names are resolved against an open folder (`dir_fd`), so that a folder whose path is
swapped for a link meanwhile is not followed. Windows knows neither that nor the syncing of a folder: NTFS journals its
names.
"""

from __future__ import annotations

import errno
import ntpath
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from forensics.errors import FailedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

TEMPORARY: Final = ".ccrf-"
"""How the names of files begin that are made on the way to another."""

_RELATIVE: Final = {os.open, os.stat, os.rename, os.unlink} <= os.supports_dir_fd
# A device or a pipe must neither be waited for nor act on being opened.
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_REPARSE_POINT: Final = getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0x400)
_BLOCK: Final = 1 << 20


class Entry(NamedTuple):
    """What a name in a folder is.

    Attributes:
        what: "file", or what else it is, in words ("a folder", "a symbolic link", "a device").
        size: bytes.
        modified_ns: last-modified time, nanoseconds since 1970.
        mode: permission bits.
        inode: what tells it from other files of the same folder, 0 where the file system has no such number.
    """

    what: str
    size: int
    modified_ns: int
    mode: int
    inode: int

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, and no link to one."""
        return self.what == "file"


class Folder:
    """A folder whose files are read and written by their own names, one component each; nothing is followed.

    Made by `Folder.open`; closed as a context manager. Errors of the system are `OSError` as it raises them.

    Attributes:
        path: as it was given.
    """

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a folder; `OSError` where there is none (`NotADirectoryError`), or where the path is itself a link."""
        if not _RELATIVE:
            there = Path(extended(str(path))) if os.name == "nt" else path
            if _what(there.lstat()) != "a folder":
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            return cls(there, None)
        return cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))

    def close(self) -> None:
        """Let go of it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _at(self, name: str) -> str:
        """The name as system calls take it beside `dir_fd`."""
        if name in {"", ".", ".."} or "/" in name or "\0" in name or (os.name == "nt" and set(name) & set('\\:*?"<>|')):
            raise RefusedError(f"{name!r} is no name of a file in a folder")
        return name if self._handle is not None else os.path.join(self.path, name)  # noqa: PTH118 - for system calls

    def names(self) -> list[str]:
        """The names in it, sorted."""
        return sorted(os.listdir(self.path if self._handle is None else self._handle))  # noqa: PTH208 - a descriptor

    def entry(self, name: str) -> Entry | None:
        """What `name` is; None where there is nothing of that name."""
        try:
            status = os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return Entry(_what(status), status.st_size, status.st_mtime_ns, stat.S_IMODE(status.st_mode), status.st_ino)

    @contextmanager
    def reading(self, name: str) -> Iterator[int]:
        """A descriptor of a regular file, open for reading. `OSError` (ELOOP, EINVAL) where it is none."""
        descriptor = os.open(self._at(name), _READ, dir_fd=self._handle)
        try:
            what = _what(os.fstat(descriptor))
            if what != "file":
                raise OSError(errno.EINVAL, f"it is {what}, and no regular file", name)
            yield descriptor
        finally:
            os.close(descriptor)

    def open_to_lock(self, name: str, *, new: bool) -> int:
        """A descriptor of a file, open for reading and writing, for a lock; the caller closes it.

        Args:
            name: of the file.
            new: make it; FileExistsError where something has that name. Else it must be a regular file (`OSError`).
        """
        if new:
            return os.open(self._at(name), _CREATE & ~os.O_WRONLY | os.O_RDWR, 0o666, dir_fd=self._handle)
        descriptor = os.open(self._at(name), _READ & ~os.O_RDONLY | os.O_RDWR, dir_fd=self._handle)
        if (what := _what(os.fstat(descriptor))) != "file":
            os.close(descriptor)
            raise OSError(errno.EINVAL, f"it is {what}, and no regular file", name)
        return descriptor

    def read(self, name: str, most: int) -> bytes:
        """The content of a regular file, at most `most` + 1 bytes of it."""
        with self.reading(name) as descriptor:
            parts, left = [], most + 1
            while left > 0 and (part := os.read(descriptor, min(left, _BLOCK))):
                parts.append(part)
                left -= len(part)
            return b"".join(parts)

    def create(
        self, name: str, content: Iterable[bytes], *, modified_ns: int | None = None, mode: int | None = None
    ) -> None:
        """Make a file that was not there, whole and synced; what cannot be finished is removed again.

        Args:
            name: FileExistsError where something has it.
            content: its bytes, in parts.
            modified_ns: the last-modified time that it is to have; None: now.
            mode: its permission bits; None: what the process gives new files.
        """
        descriptor = os.open(self._at(name), _CREATE, 0o666 if mode is None else 0o600, dir_fd=self._handle)
        try:
            try:
                for part in content:
                    _write_all(descriptor, part)
                if mode is not None and hasattr(os, "fchmod"):
                    os.fchmod(descriptor, mode)
                if modified_ns is not None and os.utime in os.supports_fd:
                    os.utime(descriptor, ns=(modified_ns, modified_ns))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if modified_ns is not None and os.utime not in os.supports_fd:
                os.utime(self._at(name), ns=(modified_ns, modified_ns))
            if mode is not None and not hasattr(os, "fchmod"):
                self.set_mode(name, mode)
        except BaseException:
            with suppress(OSError):
                os.unlink(self._at(name), dir_fd=self._handle)
            raise

    def set_mode(self, name: str, mode: int) -> None:
        """Set the permission bits of a file; on Windows these are the read-only attribute."""
        os.chmod(self._at(name), mode, dir_fd=self._handle)

    def rename(self, name: str, to: str) -> None:
        """Give a file another name; what has that name is replaced in the same step."""
        source, target = self._at(name), self._at(to)
        if self._handle is None:
            os.replace(source, target)  # noqa: PTH105 - a name is no path here
        else:
            os.rename(source, target, src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._handle)

    def sync(self) -> None:
        """Make sure that names that were given or taken away stay so when the power fails, as far as the system can."""
        if self._handle is None:
            return
        try:
            os.fsync(self._handle)
        except OSError as error:
            # Some network file systems have no such thing; an error of the disk is another matter.
            if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}:
                raise


def atomic_write(
    path: Path, content: bytes | Iterable[bytes], *, replace: bool = True, mode: int | None = None
) -> None:
    """Write a file whole or not at all, in place of a regular file of that name or, without `replace`, of nothing.

    Args:
        path: where; the folder must be there.
        content: all of it, or in parts.
        replace: whether a file that is there is replaced.
        mode: its permission bits; None: those of the file that is replaced, else what the process gives new files.

    Raises:
        RefusedError: the path is a link, a folder or a device, or is there and must not be replaced.
        FailedError: it cannot be written.
    """
    path = Path(path)
    parts = (content,) if isinstance(content, bytes) else content
    temporary = f"{TEMPORARY}{secrets.token_hex(8)}.tmp"
    try:
        # The folder may be named through links; the file in it may not be one.
        with Folder.open(Path(os.path.realpath(path.parent))) as folder:
            there = folder.entry(path.name)
            if there is not None and (not replace or not there.is_file):
                what = "exists already" if there.is_file else f"is {there.what}, and no regular file"
                raise RefusedError(f"{path} {what}; name another place, or move it away")
            folder.create(temporary, parts, mode=there.mode if mode is None and there is not None else mode)
            try:
                folder.rename(temporary, path.name)
            except BaseException:
                folder.remove(temporary)
                raise
            folder.sync()
    except OSError as error:
        raise FailedError(f"{path} could not be written: {error.strerror or error}") from error


def extended(path: str) -> str:
    r"""A Windows path in the form that may be longer than 260 characters: `\\?\C:\x`, `\\?\UNC\server\share\x`.

    https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation
    """
    whole = ntpath.abspath(path)
    if whole.startswith(("\\\\?\\", "\\\\.\\")):
        return whole
    return f"\\\\?\\UNC{whole[1:]}" if whole.startswith("\\\\") else f"\\\\?\\{whole}"


def publish(made: Path, path: Path) -> None:
    """Give a finished and synced file of the same file system the name `path`, unless something has it.

    Raises:
        RefusedError: something has that name, were it a dangling link.
        FailedError: the system refuses it.
    """
    taken = f"{path} exists already; name another place, or move it away"
    try:
        try:
            os.link(made, path)
        except FileExistsError:
            raise
        except OSError:
            # No hard links here (FAT, some shares).
            if os.path.lexists(path):
                raise FileExistsError from None
            made.rename(path)
        with Folder.open(Path(os.path.realpath(path.parent))) as folder:
            folder.sync()
    except FileExistsError:
        raise RefusedError(taken) from None
    except OSError as error:
        raise FailedError(f"{path} could not be written: {error.strerror or error}") from error


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _what(status: os.stat_result) -> str:
    mode = status.st_mode
    # A junction or another reparse point of Windows leads elsewhere, as a link does.
    if stat.S_ISLNK(mode) or getattr(status, "st_file_attributes", 0) & _REPARSE_POINT:
        return "a symbolic link"
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"
