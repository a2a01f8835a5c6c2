"""Files as they lie in a file system: opened for reading only, links not followed, devices never opened."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from parsers.containers.names import escape
from parsers.containers.sources import Folder, ModifiedBasis, Source, SourceProblem, checked_time
from parsers.problems import Problem, ProblemKind
from parsers.times import filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Windows: os.O_BINARY must be set, the others do not exist. O_NONBLOCK: a pipe put in place of a file must not hang us.
_READ = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NOCTTY", 0)
)
_NO_ATIME = getattr(os, "O_NOATIME", 0)
# winnt.h: reparse points that lead elsewhere (those of deduplication and cloud storage are plain files to a reader)
_REPARSE_ELSEWHERE = frozenset((0xA0000003, 0xA000000C))  # mount point or junction, symbolic link
_SPECIAL = {
    stat.S_IFLNK: "a symbolic link, not followed",
    stat.S_IFIFO: "a pipe, not opened",
    stat.S_IFSOCK: "a socket, not opened",
    stat.S_IFCHR: "a character device, not opened",
    stat.S_IFBLK: "a block device, not opened",
}


class SourceChangedError(OSError):
    """A file is no longer the one that was found when its folder was read."""


def own_name(path: Path) -> str:
    """The name with which logical paths begin: the path's last part, that of the real folder for `.` and `..`."""
    name = path.name
    if name in ("", ".", ".."):
        real = path.resolve()
        name = real.name or real.drive.replace(":", "") or "root"
    return escape(name)


def walk_files(path: Path, on_folder: Callable[[Folder], None] | None = None) -> Iterator[Source | SourceProblem]:
    """The regular files at and below a path: those of a folder, sorted by name, then those of the folders in it.

    The given path itself may be a link, since someone named it; below it links and junctions are reported and not
    followed, pipes, sockets and devices reported and not opened. Each folder is told to `on_folder` before anything in
    it is given. Raises FileNotFoundError where there is nothing at
    the path; everything else that cannot be read is reported.
    """
    name = own_name(path)
    try:
        path = path.resolve(strict=True)
        found = path.lstat()
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        yield _unreadable(name, error)
        return
    if not stat.S_ISDIR(found.st_mode):
        yield _file(path, name, found)
        return
    waiting = [(path, name, found)]
    while waiting:
        place, logical, found = waiting.pop()
        if on_folder is not None:
            on_folder(Folder(logical, None, *_time_of(found, [])))
        try:
            names = _listed(place)
        except OSError as error:
            yield _unreadable(logical, error)
            continue
        folders = []
        for entry in names:
            below = place / entry
            shown = f"{logical}/{escape(entry)}"
            try:
                found = below.lstat()
            except (OSError, ValueError) as error:
                yield _unreadable(shown, error)
                continue
            if stat.S_ISDIR(found.st_mode) and not _leads_elsewhere(found):
                folders.append((below, shown, found))
            else:
                yield _file(below, shown, found)
        waiting += reversed(folders)


def _listed(place: Path) -> list[str]:
    if os.scandir not in os.supports_fd:
        with os.scandir(place) as entries:
            return sorted(entry.name for entry in entries)
    handle = _open_quietly(place, _READ | getattr(os, "O_DIRECTORY", 0))
    try:
        with os.scandir(handle) as entries:
            return sorted(entry.name for entry in entries)
    finally:
        os.close(handle)


def _open_quietly(path: Path, flags: int) -> int:
    """Open without a trace in the access time, where the system grants that (to the owner of the file)."""
    if _NO_ATIME:
        try:
            return os.open(path, flags | _NO_ATIME)
        except PermissionError:
            pass
    return os.open(path, flags)


def _leads_elsewhere(found: os.stat_result) -> bool:
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) in _REPARSE_ELSEWHERE


def _unreadable(logical: str, error: Exception) -> SourceProblem:
    why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return SourceProblem(logical, Problem(ProblemKind.UNREADABLE, 0, 0, f"the system refused it: {why}"))


def _file(path: Path, logical: str, found: os.stat_result) -> Source | SourceProblem:
    if _leads_elsewhere(found) or not stat.S_ISREG(found.st_mode):
        kind = stat.S_IFLNK if _leads_elsewhere(found) else stat.S_IFMT(found.st_mode)
        detail = _SPECIAL.get(kind, "no regular file, not opened")
        return SourceProblem(logical, Problem(ProblemKind.UNSUPPORTED, 0, 0, detail))
    problems: list[Problem] = []
    modified, basis = _time_of(found, problems)
    return Source(logical, None, found.st_size, modified, basis, partial(_open, path, found), problems)


def _time_of(found: os.stat_result, problems: list[Problem]) -> tuple[int | None, ModifiedBasis]:
    ticks = filetime_from_unix(*divmod(found.st_mtime_ns, 1_000_000_000))
    return checked_time(ticks, ModifiedBasis.FILE_SYSTEM, problems)


def _open(path: Path, found: os.stat_result) -> BinaryIO:
    handle = _open_quietly(path, _READ)
    try:
        _must_be(found, os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _must_be(found: os.stat_result, now: os.stat_result) -> None:
    # Windows numbers devices differently by path and by handle, depending on the Python version.
    same = (now.st_ino, now.st_dev) == (found.st_ino, found.st_dev) if os.name == "posix" else True
    if not same or not stat.S_ISREG(now.st_mode):
        raise SourceChangedError(errno.ESTALE, "the file was replaced after its folder was read")
