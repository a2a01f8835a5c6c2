"""SQLite connections to a case: told from what is none, safe against locks, and with errors in plain words."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from forensics.errors import FailedError, NotACaseError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_SECONDS: Final = 10.0
# Pages of the writer's cache: indexes grow by random access.
_CACHE_KIB: Final = 16_384
_MAGIC: Final = b"SQLite format 3\x00"

# Primary result codes, https://sqlite.org/rescode.html
_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_READONLY_ROLLBACK: Final = 776
_SENTENCES: Final = {
    _BUSY: "is in use by another program; wait until that has finished and try again",
    _LOCKED: "is in use by another program; wait until that has finished and try again",
    _READONLY: "cannot be written: the file or its folder is read-only",
    _IOERR: "could not be read or written: the disk or the share reported an error",
    _CORRUPT: "is damaged: 'ccrf verify' tells where; ingest the evidence into a new case",
    _FULL: "could not be written: the disk is full; make room and run the same command again",
    _CANTOPEN: "could not be opened, or its folder does not let a journal be written beside it",
    _NOTADB: "is damaged: it is no SQLite database any more",
    _READONLY_ROLLBACK: "was left half-written by a run that was killed: copy it, with the -journal file beside it,"
    " to a folder that can be written, and open it there",
}


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite reports of the world (lock, disk, damage) into `FailedError` with one plain sentence.

    Errors that only a fault of this program can cause (syntax, constraints, types) pass as they are.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        sentence = _SENTENCES.get(code, _SENTENCES.get(code & 0xFF)) if isinstance(code, int) else None
        if sentence is None:
            raise
        raise FailedError(f"{path} {sentence} ({error})") from error


def open_connection(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection to the SQLite file at `path`, which is never created here.

    Reading opens with `mode=ro`: nothing is written, no journal made, so a case on read-only media opens too. One
    exception: where a writer was killed, its journal must be rolled back before anyone can read; that is done first.

    Raises:
        NotACaseError: there is nothing, or no SQLite file.
        FailedError: it cannot be opened.
    """
    _check_file(path)
    with plain_errors(path):
        if write:
            return _connect(path, "rw")
        try:
            return _connect(path, "ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != _READONLY_ROLLBACK:
                raise
        _connect(path, "rw").close()
        return _connect(path, "ro")


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotACaseError(path, "does not exist") from None
    except (OSError, ValueError) as error:
        raise NotACaseError(path, f"cannot be reached ({_reason(error)})") from error
    if stat.S_ISDIR(status.st_mode):
        raise NotACaseError(path, "is a folder")
    # A FIFO would be waited for, a device might act on being opened.
    if not stat.S_ISREG(status.st_mode):
        raise NotACaseError(path, "is no regular file")
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise NotACaseError(path, f"cannot be read ({_reason(error)})") from error
    if magic != _MAGIC:
        raise NotACaseError(path, "is empty" if not magic else "is no SQLite file")


def _reason(error: OSError | ValueError) -> str:
    return one_line(getattr(error, "strerror", None) or error).lower()


def case_uri(path: Path, mode: str) -> str:
    """The SQLite URI of `path`: `?`, `#`, `%` and undecodable bytes in names are names, not syntax.

    https://sqlite.org/uri.html: drive letters and UNC shares need the slashes given here.
    """
    posix = Path(os.path.abspath(path)).as_posix()  # noqa: PTH100 - resolve() would follow links, absolute() keeps ..
    encoded = quote(posix.encode("utf-8") if sys.platform == "win32" else os.fsencode(posix))
    return f"file://{'' if posix.startswith('/') else '/'}{encoded}?mode={mode}"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(case_uri(path, mode), uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # A case comes from elsewhere: its schema may not call functions with side effects behind our back.
        connection.execute("PRAGMA trusted_schema = OFF")
        # The first read: rolls back what a killed writer left, and fails here where the file is no good.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
