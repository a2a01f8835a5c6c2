"""The rendered texts of events, set after the events were added: searched like those that came with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.case.schema import PLAIN_STRINGS
from forensics.case.values import sql_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

# An external-content index is told what to forget word by word, so this must be what it was given:
# https://sqlite.org/fts5.html#external_content_tables
_FORGET = f"""INSERT INTO events_fts(events_fts, rowid, strings, message)
    SELECT 'delete', id, {PLAIN_STRINGS}, message FROM events
    WHERE id IN (SELECT id FROM temp.new_messages) AND id <= ?"""  # noqa: S608 - a constant
_LEARN = f"""INSERT INTO events_fts(rowid, strings, message) SELECT id, {PLAIN_STRINGS}, message FROM events
    WHERE id IN (SELECT id FROM temp.new_messages) AND id <= ?"""  # noqa: S608 - a constant
_SET = """UPDATE events SET message = (SELECT text FROM temp.new_messages AS new WHERE new.id = events.id)
    WHERE id IN (SELECT id FROM temp.new_messages)"""


def set_message_texts(connection: sqlite3.Connection, pairs: Iterable[tuple[int, str | None]]) -> int:
    """Give events their `message`, and return how many changed. Full-text search follows.

    Runs inside the caller's transaction. All of `pairs` is taken before anything is written, into a temporary table,
    so they may come from a query on the same connection, and there may be millions.

    Args:
        connection: of a case open for writing.
        pairs: id of an event and its text as people read it (escaped here, by `values.sql_text`), or None to take the
            text away. Of several for one event the last counts; an id that is no event is passed over; an event that
            has that text already is left alone.

    Raises:
        sqlite3.Error: what the database says.
    """
    connection.execute("DROP TABLE IF EXISTS temp.new_messages")
    connection.execute("CREATE TEMPORARY TABLE new_messages(id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany(
        "INSERT OR REPLACE INTO temp.new_messages(id, text) VALUES (?, ?)",
        ((event_id, None if text is None else sql_text(text)) for event_id, text in pairs),
    )
    connection.execute(
        "DELETE FROM temp.new_messages WHERE NOT EXISTS"
        " (SELECT 1 FROM events WHERE events.id = new_messages.id AND events.message IS NOT new_messages.text)"
    )
    row = connection.execute("SELECT value FROM settings WHERE key = 'fts_indexed_to'").fetchone()
    indexed = int(row[0]) if row else 0
    connection.execute(_FORGET, (indexed,))
    changed = connection.execute(_SET).rowcount
    connection.execute(_LEARN, (indexed,))
    connection.execute("DROP TABLE temp.new_messages")
    return changed
