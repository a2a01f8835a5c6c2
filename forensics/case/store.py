"""The case opened, made, filled and read: every write of rows goes through here."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from forensics.case import connect, schema
from forensics.case.bulk import Prepared, insert_prepared, insert_rows
from forensics.case.connect import plain_errors
from forensics.case.rows import (
    EVIDENCE_COLUMNS,
    FILE_VERSION_COLUMNS,
    Counts,
    EvidenceRow,
    NewEvidence,
    NewFileVersion,
    evidence_from_row,
    sql_value,
)
from forensics.case.schema import EVENT_COLUMNS
from forensics.case.values import sql_int, sql_text, text_from_sql
from forensics.errors import CaseExistsError, FailedError, MissingPathError
from parsers.problems import Problem, ProblemKind
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

__all__ = ["EVENT_COLUMNS", "Case", "Counts", "EvidenceRow", "NewEvidence", "NewFileVersion", "sql_int", "sql_text"]


class Case:
    """An open case. Made by `create`, `open` or `open_or_create`, and closed as a context manager or by `close`.

    Writing methods take part in the caller's `transaction()`, and are transactions of their own outside of one. What
    the disk, a lock or damage does to them is a `FailedError`.

    Attributes:
        path: the file, as it was given.
        connection: in autocommit mode (`isolation_level=None`): only `transaction()` begins transactions. Statements
            run on it directly raise sqlite3's own errors, unless under `case.plain_errors()` or in a transaction.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make an empty case at `path` and open it for writing. Never overwrites; appears whole or not at all.

        Raises:
            CaseExistsError: something has that name already, were it a dangling link.
            MissingPathError: the folder does not exist.
            FailedError: it cannot be written.
        """
        path = Path(path)
        if os.path.lexists(path):
            raise CaseExistsError(path)
        if not path.parent.is_dir():
            raise MissingPathError(path.parent)
        temporary = path.parent / f".ccrf-{secrets.token_hex(8)}.tmp"
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            try:
                with plain_errors(path):
                    _build(temporary)
                _publish(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        except FileExistsError:
            raise CaseExistsError(path) from None
        except OSError as error:
            raise FailedError(f"{path} could not be made: {error.strerror or error}") from error
        return cls.open(path, write=True)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Self:
        """Open the case at `path`; without `write` nothing on the disk is changed, so read-only media will do.

        Raises:
            NotACaseError: nothing there, a folder, no SQLite file, or one of another program.
            CaseVersionError: a case of another version.
            FailedError: it cannot be read (or written).
        """
        path = Path(path)
        connection = connect.open_connection(path, write=write)
        try:
            with plain_errors(path):
                found = schema.check_version(connection, path)
                case = cls(path, connection)
                if found < schema.SCHEMA_VERSION:
                    case._migrate(found)
        except BaseException:
            connection.close()
            raise
        return case

    @classmethod
    def open_or_create(cls, path: Path) -> Self:
        """Open the case at `path` for writing, and make it first where nothing has that name."""
        path = Path(path)
        return cls.open(path, write=True) if os.path.lexists(path) else cls.create(path)

    def _migrate(self, found: int) -> None:
        with self.transaction():
            for version in range(found, schema.SCHEMA_VERSION):
                schema.MIGRATIONS[version](self.connection)
            self.connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; an open transaction is undone."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turn what SQLite reports of disk, locks and damage into `FailedError`, for statements run on `connection`."""
        with plain_errors(self.path):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside, or nothing of it. Not to be nested.

        Takes the write lock at once, so that nobody waits in the middle; waits ten seconds for another writer.

        Raises:
            FailedError: another program keeps writing, the case is read-only, the disk is full or broken.
        """
        with plain_errors(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                # SQLite itself has rolled back already after a full disk or an I/O error.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.connection.in_transaction:
            with plain_errors(self.path):
                yield
        else:
            with self.transaction():
                yield

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of one statement, streamed; errors of disk, locks and damage as `FailedError`."""
        with plain_errors(self.path):
            # Not `yield from`: that closes the cursor with the generator, which fails where the case was closed before.
            for row in self.connection.execute(sql, parameters):  # noqa: UP028
                yield row

    def _insert(self, table: str, values: dict[str, object]) -> int:
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table}({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - our own names
        with self._writing():
            rowid = self.connection.execute(sql, [sql_value(value) for value in values.values()]).lastrowid
        assert rowid is not None  # noqa: S101 - an INSERT has one
        return rowid

    def add_evidence(self, new: NewEvidence) -> int:
        """Register a file of evidence and return its id.

        Raises:
            ValueError: evidence of that path and hash is there already; `find_evidence` tells before.
        """
        if self.find_evidence(new.path, new.sha256) is not None:
            raise ValueError(f"{new.path!r} with hash {new.sha256} is in the case already")
        return self._insert("evidence", {name: getattr(new, name) for name in EVIDENCE_COLUMNS})

    def update_evidence(self, evidence_id: int, **columns: object) -> None:
        """Set columns of one row of `evidence`, named as in `NewEvidence`.

        Raises:
            ValueError: a column that does not exist, or an id that is not in the case.
        """
        if unknown := set(columns) - set(EVIDENCE_COLUMNS):
            raise ValueError(f"evidence has no column {', '.join(sorted(unknown))}")
        if not columns:
            return
        sql = f"UPDATE evidence SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?"  # noqa: S608 - checked
        with self._writing():
            cursor = self.connection.execute(sql, [*map(sql_value, columns.values()), evidence_id])
        if cursor.rowcount != 1:
            raise ValueError(f"there is no evidence {evidence_id}")

    def find_evidence(self, path: str, sha256: str | None) -> EvidenceRow | None:
        """The evidence of that path and hash, or None. A hash of None finds what could not be read."""
        found = self._evidence("WHERE path = ? AND sha256 IS ?", (sql_text(path), sha256))
        return found[0] if found else None

    def evidence(self) -> list[EvidenceRow]:
        """All files of evidence, sorted by path, then hash."""
        return self._evidence("ORDER BY path, sha256, id")

    def _evidence(self, clause: str, parameters: Sequence[object] = ()) -> list[EvidenceRow]:
        sql = f"SELECT id, {', '.join(EVIDENCE_COLUMNS)} FROM evidence {clause}"  # noqa: S608 - our own names
        return [evidence_from_row(row) for row in self.rows(sql, parameters)]

    def add_problems(self, evidence_id: int, problems: Iterable[Problem]) -> int:
        """Keep the damage of a file of evidence and return how many there were."""
        rows = ((evidence_id, str(p.kind), p.offset, p.length, sql_text(p.detail)) for p in problems)
        with self._writing():
            return insert_rows(self.connection, "problems", ("evidence_id", "kind", "offset", "length", "detail"), rows)

    def problems(self, evidence_id: int) -> list[Problem]:
        """The damage of a file of evidence, by offset.

        Raises:
            ValueError: the case holds a kind of problem that this program does not know.
        """
        sql = "SELECT kind, offset, length, detail FROM problems WHERE evidence_id = ? ORDER BY offset, length, id"
        return [
            Problem(ProblemKind(kind), offset, length, text_from_sql(detail))
            for kind, offset, length, detail in self.rows(sql, (evidence_id,))
        ]

    def add_events(self, rows: Iterable[Sequence[Any]]) -> int:
        """Add events, each a tuple in the order of `EVENT_COLUMNS` with storable values, and return how many.

        Streams. The caller escapes (`values.sql_text`, `sql_int`, `json_text`), because it can do so in its workers.
        """
        with self._writing():
            return insert_rows(self.connection, "events", EVENT_COLUMNS, rows)

    def add_prepared_events(self, ready: Prepared) -> int:
        """Add events that `bulk.prepare` made ready, and return how many."""
        with self._writing():
            return insert_prepared(self.connection, "events", ready)

    def add_content(self, sha256: str, size: int, content: bytes | None) -> None:
        """Keep the content with that hash; None says that it is too large to keep. Known content is not added again."""
        with self._writing():
            self.connection.execute(
                "INSERT INTO contents(sha256, size, bytes) VALUES (?, ?, ?)"
                " ON CONFLICT(sha256) DO UPDATE SET size = excluded.size, bytes = excluded.bytes"
                " WHERE bytes IS NULL AND excluded.bytes IS NOT NULL",
                (sha256, size, content),
            )

    def add_file_version(self, new: NewFileVersion) -> int:
        """Keep one version of a file and return its id. A hash whose content is not kept gets a row without bytes."""
        with self._writing():
            if new.sha256 is not None:
                self.connection.execute(
                    "INSERT OR IGNORE INTO contents(sha256, size) VALUES (?, ?)", (new.sha256, new.size or 0)
                )
            return self._insert("file_versions", {name: getattr(new, name) for name in FILE_VERSION_COLUMNS})

    def add_folder(self, path: str, root: str, container: str | None, modified: int, basis: str) -> None:
        """Keep the last-modified time of a folder, FILETIME; the same folder with the same time is not added again."""
        row = (sql_text(path), sql_text(root), container and sql_text(container), iso_utc(modified), modified, basis)
        with self._writing():
            self.connection.execute(
                "INSERT OR IGNORE INTO folders(path, root, container, modified, modified_filetime, modified_basis)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )

    def counts(self) -> Counts:
        """How much the case holds."""
        sql = """SELECT (SELECT count(*) FROM evidence), (SELECT count(*) FROM evidence WHERE status = 'partial'),
            (SELECT count(*) FROM evidence WHERE status = 'failed'), (SELECT count(*) FROM events),
            (SELECT coalesce(sum(recovered), 0) FROM evidence), (SELECT count(*) FROM problems),
            (SELECT count(*) FROM file_versions), (SELECT count(*) FROM contents)"""
        return Counts(*next(self.rows(sql)))

    def setting(self, key: str) -> str | None:
        """The setting of that name, or None."""
        row = next(self.rows("SELECT value FROM settings WHERE key = ?", (key,)), None)
        return None if row is None or row[0] is None else text_from_sql(row[0])

    def set_setting(self, key: str, value: str) -> None:
        """Set a setting that stays with the case."""
        with self._writing():
            self.connection.execute("INSERT OR REPLACE INTO settings(key, value) VALUES (?, ?)", (key, sql_text(value)))

    def index_events(self) -> None:
        """Put the events added since the last call into full-text search; `finish_load` does what was left out.

        Worth calling while other processes decode: it is a fifth of what the writing process does.
        """
        with self._writing():
            schema.index_new_events(self.connection)

    def finish_load(self) -> None:
        """Make what searches need after events were added: indexes, and full-text search over the new ones.

        Can be called at any time and any number of times; a case without it is complete, and only slower to search.
        """
        with self.transaction():
            schema.ensure_indexes(self.connection)
            schema.index_new_events(self.connection)


def _build(path: Path) -> None:
    connection = sqlite3.connect(connect.case_uri(path, "rw"), uri=True, isolation_level=None)
    try:
        # Nobody knows the file yet: it is synced once, when it is whole.
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        schema.create_schema(connection)
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _publish(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path` unless something has it; FileExistsError then."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some shares): claim the name first, so that nothing of anybody is replaced.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        temporary.replace(path)
