"""A copy of a case with pseudonyms in it: every text of every table, contents left out, search and audit made anew."""

from __future__ import annotations

import json
from itertools import count
from sqlite3 import IntegrityError
from typing import TYPE_CHECKING, Final

from forensics import __version__
from forensics.case.audit import GENESIS, last_hash, row_hash
from forensics.case.schema import TABLES, index_new_events
from forensics.case.values import json_text
from forensics.files.load import leave_contents_out
from forensics.redact.columns import is_json, mapped, parsed, rows_with_text, text_columns
from forensics.redact.words import AUDIT_ACTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from forensics.case.store import Case

# Their rows are of the analyst's machine: where files were put back, and what lay there.
_EMPTIED: Final = ("restore_files", "restores")
_SAME_PATH_MOST: Final = 10_000
# Of entries of the audit: what the analyst wrote, the way to the nodes, and what came back on it.
_OWN_WORDS: Final = frozenset({"reason", "runner", "output", "problem"})
_SEARCH: Final = "events_fts"


def apply_to(copy: Case, change: Callable[[str, bool], str]) -> None:
    """Replace names in every table of a copy, within its transaction.

    Tables that are no part of a case, views and triggers go: nobody knows what they hold.

    Args:
        copy: nobody else's; `VACUUM INTO` is to follow, for what is replaced is still in free pages.
        change: gives a text with names replaced; True for a value that may be a name as a whole.
    """
    original = last_hash(copy)
    _drop_foreign(copy)
    for table in _EMPTIED:
        copy.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    leave_contents_out(copy)
    copy.connection.execute(f"INSERT INTO {_SEARCH}({_SEARCH}) VALUES ('delete-all')")  # noqa: S608
    for table, columns in text_columns(copy.connection):
        _table(copy, table, columns, change)
    copy.connection.execute("DELETE FROM settings WHERE key = 'fts_indexed_to'")
    index_new_events(copy.connection)
    _audit(copy, original)


def _drop_foreign(copy: Case) -> None:
    sql = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger', 'table') ORDER BY type DESC"
    for kind, name in copy.connection.execute(sql).fetchall():
        own = name in TABLES or name == _SEARCH or name.startswith((f"{_SEARCH}_", "sqlite_"))
        if kind != "table" or not own:
            quoted = name.replace('"', '""')
            copy.connection.execute(f'DROP {kind.upper()} IF EXISTS "{quoted}"')


def _table(copy: Case, table: str, columns: list[str], change: Callable[[str, bool], str]) -> None:
    for row in copy.connection.execute(f"PRAGMA table_info([{table}])").fetchall():
        column, kind, required = f"[{row[1]}]", row[2], row[3]
        nothing = "''" if required else "NULL"
        copy.connection.execute(f"UPDATE [{table}] SET {column} = {nothing} WHERE typeof({column}) = 'blob'")  # noqa: S608
        if kind != "TEXT":  # where SQLite would keep a text all the same
            number = f"UPDATE [{table}] SET {column} = CAST({column} AS INTEGER) WHERE typeof({column}) = 'text'"  # noqa: S608
            copy.connection.execute(number)
    marks = ", ".join(f"[{column}] = ?" for column in columns)
    update = f"UPDATE [{table}] SET {marks} WHERE rowid = ?"  # noqa: S608 - our own names
    for batch in rows_with_text(copy.connection, table, columns):
        changed = []
        for rowid, values in batch:
            new = tuple(
                _changed(value, change, as_json=is_json(table, column), strings=column == "strings")
                if isinstance(value, str)
                else value
                for column, value in zip(columns, values, strict=True)
            )
            if new != values:
                changed.append((*new, rowid))
        for row in changed:
            _update(copy, update, columns, row)


def _update(copy: Case, sql: str, columns: list[str], row: tuple[object, ...]) -> None:
    """Change a row. `EXNODE1/log` and `exnode1/log` are two files, and one path when both have the same pseudonym."""
    for number in count(2):
        try:
            copy.connection.execute(sql, row)
        except IntegrityError:
            if "path" not in columns or number > _SAME_PATH_MOST:
                raise
            at = columns.index("path")
            path = str(row[at]).removesuffix(f" ({number - 1})")
            row = (*row[:at], f"{path} ({number})", *row[at + 1 :])
        else:
            return


def _changed(text: str, change: Callable[[str, bool], str], *, as_json: bool, strings: bool) -> str:
    value = parsed(text) if as_json else None
    if value is None:
        return change(text, False)  # noqa: FBT003 - of a pair
    new = mapped(value, lambda piece: change(piece, strings))
    return text if new == value else json_text(new)


def _without_places(detail: str) -> str:
    """What an entry of the audit says, without folders of the analyst's machine and the analyst's own words."""
    value = parsed(detail)
    if not isinstance(value, dict):
        return detail
    for name in ("source", "target"):
        if isinstance(value.get(name), str) and set(value[name]) & set("/\\"):
            value[name] = None
    value.update(dict.fromkeys(_OWN_WORDS & value.keys()))
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _audit(copy: Case, original: str) -> None:
    """Make the chain anew over the texts as they are now, and say in its last row of which chain it was made."""
    previous, number, time = GENESIS, 0, "1601-01-01T00:00:00.000000Z"
    rows = copy.connection.execute("SELECT id, time, action, detail FROM audit ORDER BY id").fetchall()
    for number, time, action, stated in rows:
        detail = _without_places(stated)
        own = row_hash(previous, number, time, action, detail)
        sql = "UPDATE audit SET detail = ?, previous_hash = ?, hash = ? WHERE id = ?"
        copy.connection.execute(sql, (detail, previous, own, number))
        previous = own
    detail = json.dumps(
        {
            "note": "names were replaced by pseudonyms; the chain was made anew, original_hash ended the other one",
            "original_hash": original,
            "version": __version__,
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    # No clock: the copy is the same whenever it is made.
    own = row_hash(previous, number + 1, time, AUDIT_ACTION, detail)
    copy.connection.execute(
        "INSERT INTO audit(id, time, action, detail, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?)",
        (number + 1, time, AUDIT_ACTION, detail, previous, own),
    )
    copy.set_setting("audit_head", own)
