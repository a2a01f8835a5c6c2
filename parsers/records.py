"""The one shape in which every event-log reader gives its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsers.problems import Problem


class EventRecord(NamedTuple):
    """One event as its log stores it; nothing is interpreted, nothing rendered.

    A NamedTuple and not a dataclass because millions are made: building one costs a quarter of a frozen dataclass.

    Attributes:
        offset: first byte of the record in its stream.
        record_number: the number in the record's header; of an event's XML its `EventRecordID`; of an entry of a text
            log its place in the file, counted from 1; None where the form of the evidence
            has none (tables).
        event_record_id: the `EventRecordID` inside an .evtx record; None for .evt.
        generated: FILETIME (100 ns since 1601-01-01 UTC) of the event; None where it is not there. Exact for .evt too,
            whose whole Unix seconds are scaled (`parsers.times.filetime_from_unix`).
        written: FILETIME at which the log service wrote it (.evtx: the record header's).
        log: the channel named inside the record; None for .evt, whose records do not name their log.
        source: provider name (.evtx `Provider/@Name`) or event source (.evt).
        event_id: low 16 bits of the identifier.
        qualifiers: high 16 bits (severity, customer and facility bits of a classic event); None where there are none.
        level: 1 critical, 2 error, 3 warning, 4 information, 5 verbose, 0 audits and "log always".
        raw_type: the .evt event type as stored (1, 2, 4, 8, 16, 0); None for .evtx.
        category: the .evt category or the .evtx task.
        computer: as stored, not folded.
        user_sid: `S-1-...`, or None.
        strings: the insertion strings, or the values of the event's data, in their order. An empty value is "".
        names: names of the values, one per string (None where one has none); None where no value has a name.
        data: binary data of a classic event, b"" where there is none.
        message: rendered text, where the record itself carries it (forwarded events); else None.
        payload: `Name` of EventData, or the element's name below UserData; else None.
        event_source_name: the classic name of a source (`Provider/@EventSourceName`) beside its provider's; else None.
        version, opcode, keywords, process_id, thread_id, activity_id: .evtx System fields as stored, else None.
        recovered: True when found outside the log's live records (slack, overwritten chunks).
    """

    offset: int
    record_number: int | None
    event_record_id: int | None
    generated: int | None
    written: int | None
    log: str | None
    source: str | None
    event_id: int | None
    qualifiers: int | None
    level: int | None
    raw_type: int | None
    category: int | None
    computer: str | None
    user_sid: str | None
    strings: Sequence[str]
    names: Sequence[str | None] | None = None
    data: bytes = b""
    message: str | None = None
    payload: str | None = None
    version: int | None = None
    opcode: int | None = None
    keywords: int | None = None
    process_id: int | None = None
    thread_id: int | None = None
    activity_id: str | None = None
    event_source_name: str | None = None
    recovered: bool = False


class Decoded(NamedTuple):
    """What one block of a log held."""

    records: list[EventRecord]
    problems: list[Problem]


class Block(Protocol):
    """A stretch of a log that can be decoded by itself, in any process: picklable, no open files."""

    @property
    def size(self) -> int:
        """Bytes of the log that the block holds."""
        ...

    def decode(self) -> Decoded:
        """Return the block's records and its damage, in the order of their offsets. Never raises for damage."""
        ...


class LogReader(Protocol):
    """A log, cut into blocks in the order of the file.

    `blocks` reads forward only, as far as the format allows, and holds one block at a time. `problems` is complete
    when `blocks` is used up; it does not hold what `Block.decode` reports.
    """

    problems: list[Problem]

    def blocks(self) -> Iterator[Block]:
        """Yield the log's blocks."""
        ...


def read_all(reader: LogReader) -> Decoded:
    """Decode a whole log in this process: the plain way for small logs and tests."""
    records: list[EventRecord] = []
    problems: list[Problem] = []
    for block in reader.blocks():
        decoded = block.decode()
        records += decoded.records
        problems += decoded.problems
    problems += reader.problems
    return Decoded(records, sorted(problems, key=lambda p: p.offset))
