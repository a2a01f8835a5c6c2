"""The journal of restores, which is in the case: what was there, what is to be there, and how far it has come.

Everything that `--resume` and `--rollback` need is in the case before the first file is touched: the old contents with
their times, and the new ones. A transaction of SQLite is on the disk when it ends (`synchronous = EXTRA`), so the
journal is never behind the folder.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from forensics.case import audit
from forensics.case.rows import NewFileVersion
from forensics.case.values import sql_text, text_from_sql
from forensics.errors import FailedError
from forensics.restore.model import State, filetime_of, iso_ns
from parsers.times import filetime_from_datetime, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from forensics.case.store import Case
    from forensics.restore.model import RestorePlan, Target

UNDO_FOLDER: Final = "undo/restore-"
"""How the paths of undo sets begin: `undo/restore-1/ScanJobs.fdb`."""
_OPEN: Final = (State.BEGUN.value, State.UNDOING.value)


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One file of a restore; `old_sha256` None: there was none.

    Attributes:
        name, file_name: the replicated file's name, and its name in the folder.
        old_sha256, old_size, old_modified_ns, old_mode: what was there.
        new_sha256, new_size, new_modified_ns: what is to be there.
    """

    name: str
    file_name: str
    old_sha256: str | None
    old_size: int | None
    old_modified_ns: int | None
    old_mode: int | None
    new_sha256: str
    new_size: int
    new_modified_ns: int


@dataclass(frozen=True, slots=True)
class Journal:
    """One restore as the case has it. `target` is the folder's real path; `token` is in the names that it makes."""

    id: int
    token: str
    state: State
    source: str
    target: str
    node: str | None
    files: tuple[JournalFile, ...]

    @property
    def reference(self) -> str:
        """How people and the audit name it."""
        return f"restore:{self.id}"


def case_id(case: Case) -> str:
    """What tells a case from others: the hash of the first row of its audit; "" for a case without any."""
    row = next(case.rows("SELECT hash FROM audit ORDER BY id LIMIT 1"), None)
    return str(row[0]) if row else ""


def new_token() -> str:
    """What tells a restore from others."""
    return secrets.token_hex(8)


def begin(
    case: Case, plan: RestorePlan, target: Target, place: tuple[str, str], clock: Callable[[], datetime]
) -> Journal:
    """Keep the undo set and the journal, within the caller's transaction.

    Args:
        case: open for writing.
        plan: what will be done.
        target: what lies there.
        place: the restore's token, and the folder's real path.
        clock: gives an aware datetime.
    """
    token, real = place
    started = iso_utc(filetime_from_datetime(clock()))
    forced = ", ".join(guard.check.value for guard in plan.guards if guard.forced)
    restore_id = case.connection.execute(
        "INSERT INTO restores(token, state, started, source, target, node, times, forced)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token,
            State.BEGUN,
            started,
            sql_text(plan.source),
            sql_text(real),
            plan.node and sql_text(plan.node),
            plan.times,
            forced,
        ),
    ).lastrowid
    assert restore_id is not None  # noqa: S101 - an INSERT has one
    versions: dict[str, int] = {}
    for name, one in sorted(target.files.items()):
        if one.sha256 is None:
            continue
        case.add_content(one.sha256, one.size, one.content)
        versions[name] = case.add_file_version(
            NewFileVersion(
                evidence_id=None,
                node=plan.node,
                name=one.file_name,
                role="backup",
                path=f"{UNDO_FOLDER}{restore_id}/{one.file_name}",
                sha256=one.sha256,
                size=one.size,
                modified=iso_ns(one.modified_ns),
                modified_filetime=filetime_of(one.modified_ns),
                seen=started,
            )
        )
    rows = []
    for file in plan.changing:
        old, new = file.present, file.coming
        assert new is not None and new.content is not None and new.sha256 is not None  # noqa: S101, PT018 - planned
        case.add_content(new.sha256, len(new.content), new.content)
        rows.append(
            (
                restore_id,
                file.name,
                sql_text(file.file_name),
                *((None,) * 4 if old is None else (old.sha256, old.size, old.modified_ns, old.mode)),
                new.sha256,
                len(new.content),
                file.modified_ns,
                versions.get(file.name),
                file.why,
            )
        )
    case.connection.executemany(
        "INSERT INTO restore_files(restore_id, name, file_name, old_sha256, old_size, old_modified_ns, old_mode,"
        " new_sha256, new_size, new_modified_ns, undo_version_id, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    audit.append(
        case,
        "restore_begin",
        {
            "restore": restore_id,
            "source": plan.source,
            "target": real,
            "node": plan.node,
            "times": plan.times.value,
            "forced": {guard.check.value: guard.why for guard in plan.guards if guard.forced},
            "reason": plan.reason,
            "files": {
                one.name: {
                    "from": one.present.sha256 if one.present is not None else None,
                    "to": one.coming.sha256 if one.coming is not None else None,
                    "modified": iso_ns(one.modified_ns),
                }
                for one in plan.changing
            },
        },
        clock=clock,
    )
    return _load(case, restore_id)


def enter(
    case: Case, journal: Journal, state: State, action: str, detail: Mapping[str, object], clock: Callable[[], datetime]
) -> Journal:
    """Note that a restore has come to `state`, with an entry in the audit; a transaction of its own."""
    with case.transaction():
        finished = iso_utc(filetime_from_datetime(clock())) if state in {State.DONE, State.UNDONE} else None
        case.connection.execute(
            "UPDATE restores SET state = ?, finished = ? WHERE id = ?", (state, finished, journal.id)
        )
        audit.append(case, action, {"restore": journal.id, "state": state.value, **detail}, clock=clock)
    return _load(case, journal.id)


def durable(case: Case) -> None:
    """From here on a transaction that has ended survives a power failure, names of files included."""
    with case.plain_errors():
        case.connection.execute("PRAGMA synchronous = EXTRA")


def open_at(case: Case, real: str, token: str | None) -> Journal | None:
    """The restore that did not end: the one with the token of the folder's lock, else one of the same folder."""
    sql = "SELECT id FROM restores WHERE state IN (?, ?) AND (token = ? OR (? IS NULL AND target = ?)) ORDER BY id DESC"
    row = next(case.rows(sql, (*_OPEN, token, token, sql_text(real))), None)
    return None if row is None else _load(case, row[0])


def last_at(case: Case, real: str) -> Journal | None:
    """The last restore to a folder, whatever became of it."""
    row = next(case.rows("SELECT id FROM restores WHERE target = ? ORDER BY id DESC", (sql_text(real),)), None)
    return None if row is None else _load(case, row[0])


def unfinished(case: Case) -> dict[str, str]:
    """The restores that did not end: by token the folder's real path."""
    sql = "SELECT token, target FROM restores WHERE state IN (?, ?)"
    return {token: text_from_sql(target) for token, target in case.rows(sql, _OPEN)}


def ended(case: Case) -> frozenset[str]:
    """Tokens of the restores that ended, one way or the other."""
    return frozenset(row[0] for row in case.rows("SELECT token FROM restores WHERE state NOT IN (?, ?)", _OPEN))


def knows(case: Case, token: str) -> bool:
    """Whether the case has a restore with that token."""
    return next(case.rows("SELECT 1 FROM restores WHERE token = ?", (token,)), None) is not None


def reload(case: Case, journal: Journal) -> Journal:
    """A restore as the case has it now."""
    return _load(case, journal.id)


def put_by_restores(case: Case) -> dict[tuple[str, str], str]:
    """By node and replicated file the hash that the last restore that ended left there."""
    sql = (
        "SELECT r.node, f.name, r.state, f.old_sha256, f.new_sha256 FROM restores r JOIN restore_files f"
        " ON f.restore_id = r.id WHERE r.state IN (?, ?) AND r.node IS NOT NULL ORDER BY r.id"
    )
    found: dict[tuple[str, str], str] = {}
    for node, name, state, old, new in case.rows(sql, (State.DONE, State.UNDONE)):
        left = new if state == State.DONE else old
        if left is not None:
            found[node, name] = left
    return found


def content_of(case: Case, sha256: str) -> bytes:
    """Bytes that the journal needs.

    Raises:
        FailedError: the case does not hold them any more.
    """
    row = next(case.rows("SELECT bytes FROM contents WHERE sha256 = ?", (sha256,)), None)
    if row is None or row[0] is None:
        raise FailedError(f"{case.path} does not hold the content {sha256} any more: 'ccrf verify' tells more")
    return bytes(row[0])


def _load(case: Case, restore_id: int) -> Journal:
    sql = "SELECT id, token, state, source, target, node FROM restores WHERE id = ?"
    number, token, state, source, target, node = next(case.rows(sql, (restore_id,)))
    columns = "name, file_name, old_sha256, old_size, old_modified_ns, old_mode, new_sha256, new_size, new_modified_ns"
    rows = case.rows(f"SELECT {columns} FROM restore_files WHERE restore_id = ? ORDER BY id", (restore_id,))  # noqa: S608
    files = tuple(JournalFile(*row) for row in rows)
    return Journal(number, token, State(state), text_from_sql(source), text_from_sql(target), node, files)
