"""Event records as rows of the case. Runs in the decoding processes, so that writing is all that is left to one."""

from __future__ import annotations

from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from forensics.case.bulk import Prepared, prepare
from forensics.case.schema import EVENT_COLUMNS
from forensics.case.values import json_text, sql_text
from parsers.records import Decoded
from parsers.times import FILETIME_MAX, TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from parsers.problems import Problem
    from parsers.records import Block, EventRecord

Row = tuple[object, ...]
_Key = TypeVar("_Key")
_Text = TypeVar("_Text", bound=str | None)
_U64 = (1 << 64) - 1
_SQL_INT_MAX = (1 << 63) - 1
_MANY = 10_000  # entries of a memory before it is emptied: a log may hold a new value in every record
_LONG = 1_000  # characters of a text that is not remembered: ten thousand of the longest are hundreds of megabytes


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
        rows: ready to be written.
        problems: the blocks' damage.
        live: number of live records; the others are recovered.
        computers: how often each node name occurs among live records (among all where none is live); 0 for a name that
            only recovered ones have.
        logs: how often each log is named.
        span: of the live records.
        logs_named: by all records, recovered ones too; None by those that name none.
    """

    rows: Prepared
    problems: list[Problem]
    live: int
    computers: Counter[str]
    logs: Counter[str]
    span: Span
    logs_named: frozenset[str | None] = frozenset()


def _known(*values: int | None) -> list[int]:
    return [value for value in values if value is not None]


def node_name(computer: str | None) -> str | None:
    """The node that a Computer field names: upper case, without domain; None for none."""
    return sql_text(computer).split(".", 1)[0].upper() if computer else None


_SECOND = TICKS_PER_SECOND
_LAST_SECOND = FILETIME_MAX // _SECOND  # not all of its ticks are on the calendar
# Whole seconds as text up to the point: events come in bursts, and both times of one mostly share it.
_seconds: dict[int, str] = {}


def _iso(filetime: int) -> str | None:
    """`iso_utc`, remembering the seconds it has met: two of these for each event are a tenth of the whole work."""
    second = filetime // _SECOND
    text = _seconds.get(second)
    if text is None:
        whole = iso_utc(second * _SECOND)
        if whole is None or second == _LAST_SECOND:
            return iso_utc(filetime)
        if len(_seconds) > _MANY:
            _seconds.clear()
        text = _seconds[second] = whole[:-7]
    # Half the time of a format with leading zeros.
    return f"{text}{str(filetime % _SECOND // 10 + 1_000_000)[1:]}Z"


class _Memo(dict[_Key, _Text]):
    """Remembers what a function gave, and gives the same object again: equal texts of a batch are sent once.

    A dict and not `lru_cache`, whose bookkeeping takes longer than the functions that are remembered here.
    """

    def __init__(self, make: Callable[[_Key], _Text]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> _Text:
        if len(self) > _MANY:
            self.clear()
        value = self._make(key)
        if value is None or len(value) <= _LONG:
            self[key] = value
        return value


_shared: _Memo[str | None, str | None] = _Memo(lambda text: None if text is None else sql_text(text))
_nodes: _Memo[str | None, str | None] = _Memo(node_name)
_keywords: _Memo[int | None, str | None] = _Memo(lambda bits: None if bits is None else f"0x{bits & _U64:x}")
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
    if number is not None and number > _SQL_INT_MAX:
        number = None
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
        None if activity_id is None else sql_text(activity_id),
        _shared[event_source_name],
        offset,
        generated,
        written,
    )


def _count(values: Iterable[str | None]) -> Counter[str]:
    counts = Counter(values)
    counts.pop(None, None)  # what has no name is not counted
    return counts  # type: ignore[return-value]


def _ends(values: Iterable[int | None]) -> tuple[int | None, int | None]:
    known = [value for value in values if value is not None]
    return min(known, default=None), max(known, default=None)


def make_batch(decoded: Decoded, evidence_id: int, log: str | None) -> Batch:
    """Rows and account of what was decoded."""
    count = len(decoded.records)
    if not count:
        return Batch(Prepared([], [], [], 0), decoded.problems, 0, Counter(), Counter(), NO_SPAN)
    columns = list(zip(*[event_row(record, evidence_id, log) for record in decoded.records], strict=True))
    named: dict[str, Sequence[Any]] = dict(zip(EVENT_COLUMNS, columns, strict=True))
    recovered = named["recovered"]
    live = count - sum(recovered)
    times, numbers = named["generated_filetime"], named["record_number"]
    nodes, logs = named["node"], named["log"]
    logs_named, all_named = frozenset(logs), frozenset(nodes)
    if 0 < live < count:
        keep = [not found for found in recovered]
        times, numbers, nodes, logs = (list(compress(column, keep)) for column in (times, numbers, nodes, logs))
    span = Span(*_ends(times), *_ends(numbers)) if live else NO_SPAN
    computers = _count(nodes)
    computers.update({name: 0 for name in all_named if name is not None and name not in computers})
    rows = prepare(EVENT_COLUMNS, columns, count)
    return Batch(rows, decoded.problems, live, computers, _count(logs), span, logs_named)


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
