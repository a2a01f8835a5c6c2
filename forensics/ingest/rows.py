"""Event records as rows of the case. Runs in the decoding processes, so that writing is all that is left to one."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.values import json_text, sql_text
from parsers.records import Decoded
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from parsers.problems import Problem
    from parsers.records import Block, EventRecord

Row = tuple[object, ...]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_U64 = (1 << 64) - 1
_SQL_INT_MAX = (1 << 63) - 1
_MANY = 10_000  # entries of a memory before it is emptied: a log may hold a new value in every record


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


def node_name(computer: str | None) -> str | None:
    """The node that a Computer field names: upper case, without domain; None for none."""
    return sql_text(computer).split(".", 1)[0].upper() if computer else None


_SECOND = TICKS_PER_SECOND
# Whole seconds as text up to the point: events come in bursts, and both times of one mostly share it.
_seconds: dict[int, str] = {}


def _iso(filetime: int) -> str | None:
    """`iso_utc`, remembering the seconds it has met: two of these for each event are a tenth of the whole work."""
    second = filetime // _SECOND
    text = _seconds.get(second)
    if text is None:
        whole = iso_utc(second * _SECOND)
        if whole is None:
            return None
        if len(_seconds) > _MANY:
            _seconds.clear()
        text = _seconds[second] = whole[:-7]
    # Half the time of a format with leading zeros.
    return f"{text}{str(filetime % _SECOND // 10 + 1_000_000)[1:]}Z"


class _Memo(dict[_Key, _Value]):
    """Remembers what a function gave, and gives the same object again: equal texts of a batch are sent once.

    A dict and not `lru_cache`, whose bookkeeping takes longer than the functions that are remembered here.
    """

    def __init__(self, make: Callable[[_Key], _Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> _Value:
        if len(self) > _MANY:
            self.clear()
        value = self[key] = self._make(key)
        return value


_shared: _Memo[str | None, str | None] = _Memo(lambda text: None if text is None else sql_text(text))
_nodes: _Memo[str | None, str | None] = _Memo(node_name)
_keywords: _Memo[int | None, str | None] = _Memo(lambda bits: None if bits is None else f"0x{bits & _U64:016x}")
_names: _Memo[tuple[str | None, ...], str] = _Memo(json_text)


def event_row(record: EventRecord, evidence_id: int, log: str | None) -> Row:
    """The row of one record, in the order of `EVENT_COLUMNS`; `log` for records that do not name theirs.

    Numbers that SQLite cannot hold (unsigned 64 bit in the formats) become null.
    """
    (
        offset, number, identifier, generated, written, channel, source, event_id, qualifiers, level, raw_type,
        category, computer, user_sid, strings, names, data, message, payload, version, opcode, keywords, process_id,
        thread_id, activity_id, event_source_name, recovered,
    ) = record  # fmt: skip
    if number > _SQL_INT_MAX:
        number = None  # type: ignore[assignment]
    if identifier is not None and identifier > _SQL_INT_MAX:
        identifier = None
    generated_text = written_text = None
    if generated is not None:
        if generated <= _SQL_INT_MAX:
            generated_text = _iso(generated)
        else:
            generated = None
    if written == generated:  # as in every event of a manifest's provider
        written, written_text = generated, generated_text
    elif written is not None:
        if written <= _SQL_INT_MAX:
            written_text = _iso(written)
        else:
            written = None
    return (
        evidence_id,
        _shared[channel] or log,
        number,
        identifier,
        generated_text,
        written_text,
        _shared[source],
        event_id,
        level,
        category,
        _shared[computer],
        _nodes[computer],
        _shared[user_sid],
        json_text(strings),
        None if message is None else sql_text(message),
        1 if recovered else 0,
        None,  # duplicate_of: known when the whole log is in
        None if names is None else _names[tuple(names)],
        bytearray(data) if data else None,  # sqlite3 looks for an adapter for every bytes, for a bytearray not
        None if payload is None else sql_text(payload),
        qualifiers,
        raw_type,
        version,
        opcode,
        _keywords[keywords],
        process_id,
        thread_id,
        activity_id,
        _shared[event_source_name],
        offset,
        generated,
        written,
    )


def _count(values: Iterable[str | None]) -> Counter[str]:
    counts = Counter(values)
    counts.pop(None, None)  # what has no name is not counted
    return counts  # type: ignore[return-value]


def _column(rows: Sequence[Row], name: str) -> list[Any]:
    return list(map(itemgetter(EVENT_COLUMNS.index(name)), rows))


def _ends(values: list[int | None]) -> tuple[int | None, int | None]:
    known = [value for value in values if value is not None] if None in values else values
    return min(known, default=None), max(known, default=None)  # type: ignore[type-var]


def make_batch(decoded: Decoded, evidence_id: int, log: str | None) -> Batch:
    """Rows and account of what was decoded."""
    rows = [event_row(record, evidence_id, log) for record in decoded.records]
    recovered = sum(_column(rows, "recovered"))
    live = [row for row in rows if not row[_RECOVERED]] if recovered else rows
    counted = live or rows
    times, numbers = _ends(_column(live, "generated_filetime")), _ends(_column(live, "record_number"))
    return Batch(
        rows,
        decoded.problems,
        len(live),
        _count(_column(counted, "node")),
        _count(_column(counted, "log")),
        Span(*times, *numbers),
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


_RECOVERED = EVENT_COLUMNS.index("recovered")
assert len(EVENT_COLUMNS) == 32  # noqa: S101  # the tuple above and the schema are one thing in two places
