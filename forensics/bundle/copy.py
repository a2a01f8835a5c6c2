"""A copy of a case that says what the case says, and nothing that is no longer in it.

`VACUUM INTO` a new file leaves free pages, overwritten records and journals behind. The copy is the same each time:
what bundles were made of a case since its last change is not in it, so making a bundle does not change the next one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from forensics.case import connect
from forensics.case.audit import GENESIS, last_hash
from forensics.case.store import Case
from forensics.places import PLACES_SETTING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from sqlite3 import Connection

ACTION: Final = "bundle"
"""The audit's word for a bundle that was made."""

# https://sqlite.org/fileformat.html#the_database_header: counters of changes, which say nothing of the content.
_COUNTERS: Final = (24, 40, 92)


def copy_case(case: Case, target: Path, change: Callable[[Case], None] | None = None) -> None:
    """Make the copy at `target`, where nothing is yet; a second file lies beside it meanwhile.

    Args:
        case: open; nothing in it is changed.
        target: in a folder that nobody else uses.
        change: what to do to the copy before the last step leaves all of it behind that is gone.

    Raises:
        FailedError: the disk is full, the case is locked or damaged.
    """
    first = target.with_name(target.name + ".first")
    with case.plain_errors():
        _vacuum_into(case.connection, first)
    try:
        with Case.open(first, write=True) as copy, copy.plain_errors():
            # It is nobody's yet: no crash has to be survived.
            copy.connection.execute("PRAGMA journal_mode = OFF")
            copy.connection.execute("PRAGMA synchronous = OFF")
            # What is changed is never a key, and looking for rows that refer to it takes as long as there are rows.
            copy.connection.execute("PRAGMA foreign_keys = OFF")
            with copy.transaction():
                _forget(copy)
                if change is not None:
                    change(copy)
                _number_settings(copy)
            _vacuum_into(copy.connection, target)
    finally:
        first.unlink(missing_ok=True)
    _settle(target)


def _vacuum_into(connection: Connection, target: Path) -> None:
    connection.execute("VACUUM INTO ?", (connect.case_uri(target, "rwc"),))


def _forget(copy: Case) -> None:
    """Take out what belongs to this machine, and the bundles that were made last."""
    copy.connection.execute("DELETE FROM settings WHERE key = ?", (PLACES_SETTING,))
    sql = "DELETE FROM audit WHERE id > (SELECT coalesce(max(id), 0) FROM audit WHERE action <> ?)"
    copy.connection.execute(sql, (ACTION,))
    head = last_hash(copy)
    if head != GENESIS:
        copy.set_setting("audit_head", head)


def _number_settings(copy: Case) -> None:
    """Give the settings row numbers by their keys: each setting anew takes a new one, and these stay."""
    rows = copy.connection.execute("SELECT key, value FROM settings ORDER BY key").fetchall()
    copy.connection.execute("DELETE FROM settings")
    copy.connection.executemany(
        "INSERT INTO settings(rowid, key, value) VALUES (?, ?, ?)", [(at, *row) for at, row in enumerate(rows, 1)]
    )


def _settle(path: Path) -> None:
    with path.open("rb+") as file:
        for offset in _COUNTERS:
            file.seek(offset)
            file.write((1).to_bytes(4, "big"))
        file.flush()
        os.fsync(file.fileno())
