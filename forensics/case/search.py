"""Search the events of a case: filters as the analyst types them, rows in an order that does not depend on ids.

Without case means by full Unicode case folding (`ü` finds `Ü`, `strasse` finds `Straße`), without normalisation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence  # noqa: TC003 - a dataclass and a NamedTuple keep their types
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.values import SQL_INT_MAX, json_text, sql_int, sql_text, strings_from_json, text_from_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from forensics.case.store import Case


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; an empty field does not restrict.

    Attributes:
        nodes: names of nodes, any of them; exact, without case.
        sources: event sources (providers), any of them; exact, without case.
        ids: event ids, any of them.
        since: FILETIME, inclusive. Events without a time are found only where neither limit is set.
        until: FILETIME, exclusive.
        grep: a literal, without case, found in one of the strings, in the message or in the source.
        limit: at most so many events; `count_events` obeys it too.
        duplicates: also rows that are another event once more (`duplicate_of`): one occurrence is one event.

    Raises:
        ValueError: a negative limit.
    """

    nodes: Sequence[str] = ()
    sources: Sequence[str] = ()
    ids: Sequence[int] = ()
    since: int | None = None
    until: int | None = None
    grep: str | None = None
    limit: int | None = None
    duplicates: bool = False

    def __post_init__(self) -> None:
        """Refuse what SQL would take for no limit."""
        if self.limit is not None and self.limit < 0:
            raise ValueError("a limit is not negative")


class EventRow(NamedTuple):
    """One event of a case: `path` of its evidence, and the columns of `events`.

    `strings` and `names` are lists; texts are as the evidence holds them (`values.text_from_sql`), so they may hold
    lone surrogates and control characters: escape before printing. A NamedTuple because searches give millions.
    """

    id: int
    path: str
    evidence_id: int
    log: str | None
    record_number: int | None
    event_record_id: int | None
    time_generated: str | None
    time_written: str | None
    source: str | None
    event_id: int | None
    level: int | None
    category: int | None
    computer: str | None
    node: str | None
    user_sid: str | None
    strings: list[str | None]
    message: str | None
    recovered: bool
    duplicate_of: int | None
    names: list[str | None] | None
    data: bytes | None
    payload: str | None
    qualifiers: int | None
    raw_type: int | None
    version: int | None
    opcode: int | None
    keywords: str | None
    process_id: int | None
    thread_id: int | None
    activity_id: str | None
    event_source_name: str | None
    offset: int | None
    generated_filetime: int | None
    written_filetime: int | None


_ESCAPED = ("path", "log", "source", "computer", "node", "message", "payload", "event_source_name")
_TEXTS: Final = tuple(map(EventRow._fields.index, _ESCAPED))
_STRINGS, _NAMES = EventRow._fields.index("strings"), EventRow._fields.index("names")
_RECOVERED = EventRow._fields.index("recovered")
# Up to `record_number` what the analyst sees, then content, then the place in the evidence: never an id.
_ORDER: Final = """generated_filetime, events.node, events.log, record_number, event_record_id, source, event_id,
    written_filetime, computer, strings, message, data, evidence.path, evidence.sha256, events.offset"""
# SQLite refuses longer LIKE patterns by default; a needle that long is not typed but pasted.
_LIKE_MAX: Final = 10_000


def search_events(case: Case, wanted: EventFilter) -> Iterator[EventRow]:
    """The events that `wanted` describes, by time, node, log, record number, then content.

    Streams. Memory stays constant where SQLite reads in the order of the time index; filters on few ids or sources are
    sorted first, by SQLite, on disk where they are many.

    Raises:
        FailedError: the case cannot be read to its end.
    """
    where, parameters = _conditions(case, wanted)
    columns = ", ".join(f"events.{name}" for name in EVENT_COLUMNS)
    # CROSS JOIN keeps the events the outer loop: the other way round their order would be lost.
    sql = (
        f"SELECT events.id, evidence.path, {columns} FROM events{_walk(case, wanted)}"  # noqa: S608 - values are bound
        f" CROSS JOIN evidence ON evidence.id = events.evidence_id WHERE {where} ORDER BY {_ORDER}"
    )
    if wanted.limit is not None:
        sql += f" LIMIT {min(wanted.limit, SQL_INT_MAX)}"
    return map(_event_row, case.rows(sql, parameters))


def count_events(case: Case, wanted: EventFilter) -> int:
    """How many events `search_events` gives for `wanted`."""
    where, parameters = _conditions(case, wanted)
    count: int = next(case.rows(f"SELECT count(*) FROM events WHERE {where}", parameters))[0]  # noqa: S608 - as above
    return count if wanted.limit is None else min(count, wanted.limit)


def events_of(case: Case, ids: Sequence[int]) -> list[EventRow]:
    """The events with these ids in the case, in the order of `search_events`; ids that there are not give none.

    Raises:
        FailedError: the case cannot be read.
    """
    columns = ", ".join(f"events.{name}" for name in EVENT_COLUMNS)
    sql = (
        f"SELECT events.id, evidence.path, {columns} FROM events JOIN evidence ON evidence.id = events.evidence_id"  # noqa: S608 - values are bound
        f" WHERE events.id IN (SELECT value FROM json_each(?)) ORDER BY {_ORDER}"
    )
    wanted = sorted({number for number in ids if sql_int(number) is not None})
    return [_event_row(row) for row in case.rows(sql, (json.dumps(wanted),))]


def _walk(case: Case, wanted: EventFilter) -> str:
    """Read along the time index, so that rows stream, unless ids or sources promise few rows to be sorted."""
    if wanted.ids or wanted.sources:
        return ""
    built = next(case.rows("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = 'events_by_time'"), None)
    return " INDEXED BY events_by_time" if built else ""


def _event_row(row: Sequence[Any]) -> EventRow:
    values = list(row)
    for index in _TEXTS:
        text = values[index]
        if isinstance(text, str):
            values[index] = text_from_sql(text)
    values[_STRINGS] = strings_from_json(values[_STRINGS])
    if values[_NAMES] is not None:
        values[_NAMES] = strings_from_json(values[_NAMES])
    values[_RECOVERED] = bool(values[_RECOVERED])
    return EventRow._make(values)


def _conditions(case: Case, wanted: EventFilter) -> tuple[str, list[object]]:
    _register(case.connection)
    terms: list[str] = ["1"] if wanted.duplicates else ["duplicate_of IS NULL"]
    values: list[object] = []
    if wanted.ids:
        numbers = sorted({number for number in wanted.ids if sql_int(number) is not None})
        _any_of(terms, values, "event_id", numbers)
    if wanted.sources:
        _any_of(terms, values, "source", _stored_sources(case, wanted.sources))
    if wanted.since is not None:
        terms.append("generated_filetime >= ?")
        values.append(_clamp(wanted.since))
    if wanted.until is not None:
        terms.append("generated_filetime < ?")
        values.append(_clamp(wanted.until))
    if wanted.nodes:
        folded = sorted({name.casefold() for name in wanted.nodes})
        _any_of(terms, values, "ccrf_fold(events.node)", list(map(sql_text, folded)))
    if wanted.grep:
        _grep(terms, values, wanted.grep)
    return " AND ".join(terms), values


def _any_of(terms: list[str], values: list[object], expression: str, choices: Sequence[object]) -> None:
    # A JSON list is one parameter however many choices there are, and IN over it still uses an index.
    terms.append(f"{expression} IN (SELECT value FROM json_each(?))")  # noqa: S608 - our own names
    values.append(json.dumps(choices))


def _clamp(filetime: int) -> int:
    return max(-SQL_INT_MAX, min(filetime, SQL_INT_MAX))


def _stored_sources(case: Case, sources: Sequence[str]) -> list[str]:
    """The sources as the case spells them: the index knows exact values only, and SQLite's own folding only ASCII."""
    folded = {name.casefold() for name in sources}
    stored = (row[0] for row in case.rows("SELECT DISTINCT source FROM events"))
    return sorted(name for name in stored if isinstance(name, str) and text_from_sql(name).casefold() in folded)


def _grep(terms: list[str], values: list[object], grep: str) -> None:
    needle = grep.casefold()
    in_json = _in_json(needle)
    if needle.isascii() and len(in_json) < _LIKE_MAX:
        # LIKE answers for ASCII five times as fast as a call into Python, which then sees only likely rows. Where text
        # is escaped or not ASCII, LIKE cannot tell, and the call decides alone.
        terms.append(
            "(strings LIKE ? ESCAPE '!' OR message LIKE ? ESCAPE '!' OR source LIKE ? ESCAPE '!'"
            " OR length(strings) <> length(CAST(strings AS BLOB))"
            r" OR length(message) <> length(CAST(message AS BLOB)) OR instr(message, '\u')"
            r" OR length(source) <> length(CAST(source AS BLOB)) OR instr(source, '\u'))"
        )
        values += [_like(in_json), _like(sql_text(needle)), _like(sql_text(needle))]
    terms.append("ccrf_contains(?, strings, message, source)")
    values.append(sql_text(needle))


def _like(literal: str) -> str:
    escaped = literal.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


@lru_cache(maxsize=16)
def _needle(stored: str) -> tuple[str, str]:
    needle = text_from_sql(stored)
    return needle, _in_json(needle)


def _in_json(text: str) -> str:
    return json_text([text])[2:-2]


def _contains(stored_needle: str, strings: object, message: object, source: object) -> bool:
    """Whether one of a row's texts holds the needle, which is folded. Values of a wrong type hold nothing."""
    needle, in_json = _needle(stored_needle)
    # Folding changes no escape of JSON, so the folded JSON text rules most rows out undecoded; it rules none in, for a
    # needle may also match what lies between two values.
    if (
        isinstance(strings, str)
        and in_json in strings.casefold()
        and any(needle in text.casefold() for text in strings_from_json(strings) if text)
    ):
        return True
    return any(isinstance(text, str) and needle in text_from_sql(text).casefold() for text in (message, source))


@lru_cache(maxsize=4096)
def _fold(text: object) -> str | None:
    return sql_text(text_from_sql(text).casefold()) if isinstance(text, str) else None


def _register(connection: sqlite3.Connection) -> None:
    connection.create_function("ccrf_contains", 4, _contains, deterministic=True)
    connection.create_function("ccrf_fold", 1, _fold, deterministic=True)
