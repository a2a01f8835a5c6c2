"""Event records as rows of the case. Runs in the decoding processes, so that writing is all that is left to one."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.values import json_text, sql_int, sql_text
from parsers.records import Decoded
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.problems import Problem
    from parsers.records import Block, EventRecord

Row = tuple[object, ...]
_SQL_INT_MAX = (1 << 63) - 1


class Span(NamedTuple):
    """What some rows cover; None where no row has a value. Only live records count."""

    first_time: int | None
    last_time: int | None
    first_record: int | None
    last_record: int | None

    def union(self, other: Span) -> Span:
        """The span of both."""
        lows = [_known(a, b) for a, b in zip(self[0::2], other[0::2], strict=True)]
        highs = [_known(a, b) for a, b in zip(self[1::2], other[1::2], strict=True)]
        low = [min(values, default=None) for values in lows]
        high = [max(values, default=None) for values in highs]
        return Span(low[0], high[0], low[1], high[1])


NO_SPAN = Span(None, None, None, None)


class Batch(NamedTuple):
    """The rows of some blocks, their damage, and what they add to the account of their log.

    Attributes:
        rows: in the order of `EVENT_COLUMNS`.
        problems: the blocks' damage.
        live: number of live records; the others are recovered.
        computers: how often each node name occurs among live records (among all where none is live).
        logs: how often each log is named.
        span: of the live records.
    """

    rows: list[Row]
    problems: list[Problem]
    live: int
    computers: Counter[str]
    logs: Counter[str]
    span: Span


def _known(*values: int | None) -> list[int]:
    return [value for value in values if value is not None]


@lru_cache(maxsize=4096)
def node_name(computer: str | None) -> str | None:
    """The node that a Computer field names: upper case, without domain; None for none."""
    return sql_text(computer).split(".", 1)[0].upper() if computer else None


@lru_cache(maxsize=4096)
def _shared(text: str | None) -> str | None:
    """Storable text, the same object each time: sources, logs and computers repeat, and pickling names them once."""
    return None if text is None else sql_text(text)


@lru_cache(maxsize=4096)
def _names_json(names: tuple[str | None, ...] | None) -> str | None:
    return None if names is None else json_text(names)


@lru_cache(maxsize=1024)
def _hexadecimal(value: int | None) -> str | None:
    return None if value is None else f"0x{value & 0xFFFFFFFFFFFFFFFF:016x}"


def event_row(record: EventRecord, evidence_id: int, log: str | None) -> Row:
    """The row of one record, in the order of `EVENT_COLUMNS`; `log` for records that do not name theirs."""
    generated, written, number, identifier = record.generated, record.written, record.record_number, None
    if record.event_record_id is not None:
        identifier = sql_int(record.event_record_id)
    if number > _SQL_INT_MAX:
        number = None  # type: ignore[assignment]  # unsigned 64 bit in the format, signed in SQLite
    computer, source, message, payload = record.computer, record.source, record.message, record.payload
    names = record.names
    return (
        evidence_id,
        _shared(record.log) or log,
        number,
        identifier,
        iso_utc(generated),
        iso_utc(written),
        _shared(source),
        record.event_id,
        record.level,
        record.category,
        _shared(computer),
        node_name(computer),
        record.user_sid and sql_text(record.user_sid),
        json_text(record.strings),
        None if message is None else sql_text(message),
        1 if record.recovered else 0,
        None,  # duplicate_of: known when the whole log is in
        None if names is None else _names_json(tuple(names)),
        record.data or None,
        None if payload is None else sql_text(payload),
        record.qualifiers,
        record.raw_type,
        record.version,
        record.opcode,
        _hexadecimal(record.keywords),
        sql_int(record.process_id),
        sql_int(record.thread_id),
        record.activity_id,
        _shared(record.event_source_name),
        record.offset,
        sql_int(generated),
        sql_int(written),
    )


def span_of(records: Sequence[EventRecord]) -> Span:
    """What some live records cover."""
    times = [r.generated for r in records if r.generated is not None]
    numbers = [r.record_number for r in records if r.record_number <= _SQL_INT_MAX]
    return Span(
        min(times, default=None), max(times, default=None), min(numbers, default=None), max(numbers, default=None)
    )


def make_batch(decoded: Decoded, evidence_id: int, log: str | None) -> Batch:
    """Rows and account of what was decoded."""
    records = decoded.records
    live = [record for record in records if not record.recovered]
    counted = live or records
    return Batch(
        [event_row(record, evidence_id, log) for record in records],
        decoded.problems,
        len(live),
        Counter(name for record in counted if (name := node_name(record.computer))),
        Counter(name for record in counted if (name := record.log or log)),
        span_of(live),
    )


def decode_blocks(blocks: Sequence[Block], evidence_id: int, log: str | None) -> Batch:
    """Decode some blocks in this process into one batch."""
    records: list[EventRecord] = []
    problems: list[Problem] = []
    for block in blocks:
        decoded = block.decode()
        records += decoded.records
        problems += decoded.problems
    return make_batch(Decoded(records, problems), evidence_id, log)


assert len(EVENT_COLUMNS) == 32  # noqa: S101  # the tuple above and the schema are one thing in two places
