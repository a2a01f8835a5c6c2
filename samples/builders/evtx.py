"""A streaming writer of .evtx logs (Windows Vista and later).

Layout: libevtx, "Windows XML Event Log (EVTX) format"; tokens: [MS-EVEN6] 2.2. What classic events look like (the
elements of their System part, the one array that holds all insertion strings) is taken from real logs.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Self

from samples.builders.evtx_templates import END_OF_FRAGMENT, ChunkNames, Element, Sub, Template
from samples.builders.evtx_values import ARRAY, MAX_VALUE_SIZE, NULL, Value, ValueType, binary, number, strings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from uuid import UUID

HEADER_SIZE, CHUNK_SIZE, CHUNK_HEADER_SIZE = 4096, 65536, 512
FLAG_DIRTY, FLAG_FULL = 0x1, 0x2
CLASSIC_KEYWORDS = 0x0080_0000_0000_0000
_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
_RECORD = struct.Struct("<4sIQQ")
_FILE_HEADER = struct.Struct("<8sQQQIHHHH76sI")
_CHUNK_HEADER = struct.Struct("<8sQQQQIIII64sI")
_SYSTEM_VALUES = 20
_BACK_REFERENCE = 14  # fragment header and template instance, where the definition stands elsewhere


@dataclass(frozen=True, slots=True)
class Classic:
    """Payload of a classic event: insertion strings and binary data, as `ReportEvent` takes them."""

    strings: Sequence[str] = ()
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Named:
    """Payload of a manifest provider's event: `Data` elements with (or, with None, without) names.

    `data` gives the `Binary` element that providers with an `EventSourceName` have behind them.
    """

    values: Sequence[tuple[str | None, Value]]
    name: str | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class UserData:
    """Payload of an event with elements of its own: `element` below UserData, its namespace, its children."""

    element: str
    namespace: str | None
    values: Sequence[tuple[str, Value]]


Payload = Classic | Named | UserData


@dataclass(frozen=True, slots=True)
class EvtxEvent:
    """One event. Times are FILETIME; `record_number` and `event_record_id` None count on from the one before.

    A classic event (`modern=False`) has no Version, Opcode, Correlation and Execution, as in real logs. `qualifiers`
    None leaves the attribute out. There is no event without a payload: real logs have an empty EventData then.
    """

    created: int
    provider: str
    event_id: int
    channel: str
    computer: str
    payload: Payload = Classic()
    written: int | None = None
    record_number: int | None = None
    event_record_id: int | None = None
    provider_guid: UUID | None = None
    event_source_name: str | None = None
    qualifiers: int | None = None
    version: int = 0
    level: int = 4
    task: int = 0
    opcode: int = 0
    keywords: int = CLASSIC_KEYWORDS
    activity_id: UUID | None = None
    related_activity_id: UUID | None = None
    process_id: int = 0
    thread_id: int = 0
    user_sid: bytes | None = None
    modern: bool = False


@lru_cache(maxsize=1024)
def _system_template(
    provider: str,
    guid: UUID | None,
    source_name: str | None,
    channel: str,
    computer: str,
    *,
    qualified: bool,
    modern: bool,
) -> Template:
    names = [("Name", provider)]
    if guid is not None:
        names.append(("Guid", f"{{{guid}}}"))
    if source_name is not None:
        names.append(("EventSourceName", source_name))
    event_id = Element(
        "EventID",
        (("Qualifiers", Sub(4, ValueType.UINT16)),) if qualified else (),
        (Sub(3, ValueType.UINT16),),
        3,
    )
    system = [Element("Provider", tuple(names)), event_id]
    if modern:
        system.append(Element("Version", content=(Sub(11, ValueType.UINT8),), dependency=11))
    system.append(Element("Level", content=(Sub(0, ValueType.UINT8),), dependency=0))
    system.append(Element("Task", content=(Sub(2, ValueType.UINT16),), dependency=2))
    if modern:
        system.append(Element("Opcode", content=(Sub(1, ValueType.UINT8),), dependency=1))
    system += [
        Element("Keywords", content=(Sub(5, ValueType.HEX64),), dependency=5),
        Element("TimeCreated", (("SystemTime", Sub(6, ValueType.FILETIME)),)),
        Element("EventRecordID", content=(Sub(10, ValueType.UINT64),), dependency=10),
    ]
    if modern:
        activity = ("ActivityID", Sub(7, ValueType.GUID)), ("RelatedActivityID", Sub(18, ValueType.GUID))
        process = ("ProcessID", Sub(8, ValueType.UINT32)), ("ThreadID", Sub(9, ValueType.UINT32))
        system += [Element("Correlation", activity), Element("Execution", process)]
    system += [
        Element("Channel", content=(channel,)),
        Element("Computer", content=(computer,)),
        Element("Security", (("UserID", Sub(12, ValueType.SID)),)),
    ]
    return Template(
        Element(
            "Event", (("xmlns", _NAMESPACE),), (Element("System", content=tuple(system)), Sub(19, ValueType.BINXML))
        )
    )


_CLASSIC = Template(
    Element(
        "EventData",
        content=(
            Element("Data", content=(Sub(0, ARRAY | ValueType.STRING),), dependency=0),
            Element("Binary", content=(Sub(2, ValueType.BINARY),), dependency=2),
        ),
    )
)


@lru_cache(maxsize=1024)
def _named_template(fields: tuple[tuple[str | None, int], ...], name: str | None, *, with_binary: bool) -> Template:
    # A value that is NULL keeps its element, as the normal substitutions of real manifest templates do.
    children = [
        Element("Data", () if label is None else (("Name", label),), (Sub(index, value_type or 1, optional=False),))
        for index, (label, value_type) in enumerate(fields)
    ]
    if with_binary:
        last = len(fields)
        children.append(Element("Binary", content=(Sub(last, ValueType.BINARY),), dependency=last))
    return Template(Element("EventData", () if name is None else (("Name", name),), tuple(children)))


@lru_cache(maxsize=1024)
def _user_template(element: str, namespace: str | None, fields: tuple[tuple[str, int], ...]) -> Template:
    children = tuple(
        Element(label, content=(Sub(index, value_type or 1, optional=False),))
        for index, (label, value_type) in enumerate(fields)
    )
    inner = Element(element, () if namespace is None else (("xmlns", namespace),), children)
    return Template(Element("UserData", content=(inner,)))


def _payload_parts(payload: Payload) -> tuple[Template, list[Value]]:
    if isinstance(payload, Classic):
        data = binary(payload.data) if payload.data else NULL
        # Between the two, where no element refers to it, real records have the size of the data.
        return _CLASSIC, [strings(payload.strings), number(ValueType.UINT32, len(payload.data)), data]
    types = tuple((label, value.type) for label, value in payload.values)
    values = [value for _, value in payload.values]
    if isinstance(payload, UserData):
        return _user_template(payload.element, payload.namespace, types), values
    if payload.data is not None:
        values.append(binary(payload.data) if payload.data else NULL)
    return _named_template(types, payload.name, with_binary=payload.data is not None), values


def _substitutions(values: Sequence[Value]) -> bytes:
    if any(len(value.raw) > MAX_VALUE_SIZE for value in values):
        raise ValueError("a value is longer than a substitution can say (65,535 bytes)")
    described = b"".join(struct.pack("<HBx", len(value.raw), value.type) for value in values)
    return struct.pack("<I", len(values)) + described + b"".join(value.raw for value in values)


class _Chunk:
    """One chunk being filled. `old` are bytes that lay in its place before: what is not overwritten stays as slack."""

    def __init__(self, old: bytes | None = None) -> None:
        self.buffer = bytearray(old or bytes(CHUNK_SIZE))
        self.names = ChunkNames()
        self.free = CHUNK_HEADER_SIZE
        self.last_at = 0
        self.first = self.last = 0
        self.checksum = 0
        self.header_after_first = b""

    def add(self, record: bytes, number: int) -> None:
        is_first = self.free == CHUNK_HEADER_SIZE
        self.last_at = self.free
        self.buffer[self.free : self.free + len(record)] = record
        self.free += len(record)
        self.checksum = zlib.crc32(record, self.checksum)
        self.last = number
        if is_first:
            self.first = number
            self.header_after_first = self.header()

    def header(self) -> bytes:
        # The range of "identifiers" holds the numbers of the record headers too, as in real merged logs.
        fields = (self.first, self.last, self.first, self.last, 128, self.last_at, self.free, self.checksum)
        head = _CHUNK_HEADER.pack(b"ElfChnk\0", *fields, bytes(64), 1)
        tables = self.names.tables()
        return head + struct.pack("<I", zlib.crc32(tables, zlib.crc32(head[:120]))) + tables

    def bytes(self, *, stale: bool = False) -> bytes:
        header = self.header_after_first if stale else self.header()
        return header + bytes(memoryview(self.buffer)[CHUNK_HEADER_SIZE:])


class EvtxWriter:
    """Writes a log to a seekable binary stream, event by event, holding one chunk in memory.

    With `maximum_chunks` the log is circular: the oldest chunk is overwritten, and behind its new records the old ones
    stay as slack. Where a record does not fit, a new chunk is begun (a new name or template counts as if all its names
    were new, so a chunk can end a little early). ValueError for a record that fits no chunk and a value that fits no
    substitution, struct.error for a number that fits no field; the log is as it was before. A log that is
    not closed is left dirty, its header counting no chunk.
    """

    def __init__(self, stream: BinaryIO, *, first_record_number: int = 1, maximum_chunks: int | None = None) -> None:
        self._stream = stream
        self._maximum = maximum_chunks
        self._next_number = self._next_id = first_record_number
        self._chunk = _Chunk()
        self._index = 0  # how many chunks were begun before this one, overwritten ones too
        stream.seek(0)
        stream.write(_file_header(0, 0, first_record_number, 0, FLAG_DIRTY))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def add(self, event: EvtxEvent) -> int:
        """Append the event and return its record number."""
        record_number = self._next_number if event.record_number is None else event.record_number
        identifier = self._next_id if event.event_record_id is None else event.event_record_id
        outer = _system_template(
            event.provider,
            event.provider_guid,
            event.event_source_name,
            event.channel,
            event.computer,
            qualified=event.qualifiers is not None,
            modern=event.modern,
        )
        inner, values = _payload_parts(event.payload)
        substitutions = _substitutions(values)
        system = _system_values(event, identifier)
        if inner.room + len(substitutions) > MAX_VALUE_SIZE:
            raise ValueError("the event's data is longer than a substitution can say (65,535 bytes)")
        known = self._chunk.names.templates
        room = _RECORD.size + len(system[0]) + len(system[1]) + 4 + len(substitutions) + 1 + 4 + 7
        fresh = outer.room + inner.room
        here = sum(_BACK_REFERENCE if template.guid in known else template.room for template in (outer, inner))
        if self._chunk.free + room + here > CHUNK_SIZE:
            if CHUNK_HEADER_SIZE + room + fresh > CHUNK_SIZE:
                raise ValueError("the event does not fit in a chunk")
            self.end_chunk()
        written = event.created if event.written is None else event.written
        self._chunk.add(self._record(outer, inner, system, substitutions, (record_number, written)), record_number)
        self._next_number, self._next_id = record_number + 1, identifier + 1
        return record_number

    def _record(
        self,
        outer: Template,
        inner: Template,
        system: tuple[bytes, bytes],
        substitutions: bytes,
        head: tuple[int, int],
    ) -> bytes:
        at = self._chunk.free + _RECORD.size
        names = self._chunk.names
        descriptors, values = system
        opening = names.refer(outer, at)
        nested_at = at + len(opening) + len(descriptors) + 4 + len(values)
        nested = names.refer(inner, nested_at) + substitutions
        last = struct.pack("<HBx", len(nested), ValueType.BINXML)
        body = b"".join((opening, descriptors, last, values, nested, END_OF_FRAGMENT))
        total = (_RECORD.size + len(body) + 4 + 7) // 8 * 8
        start = _RECORD.pack(b"**\0\0", total, *head)
        return (start + body).ljust(total - 4, b"\0") + struct.pack("<I", total)

    @property
    def chunks(self) -> int:
        """Chunks begun so far, the one that is being filled and those that were overwritten included."""
        return self._index + (self._chunk.free > CHUNK_HEADER_SIZE)

    @property
    def end(self) -> int:
        """Offset in the file at which the records end that were added so far."""
        return self._offset(self._index) + self._chunk.free

    def end_chunk(self) -> None:
        """Write the chunk as it is; the next event begins a new one. Nothing happens to a chunk without records."""
        if self._chunk.free == CHUNK_HEADER_SIZE:
            return
        self._stream.seek(self._offset(self._index))
        self._stream.write(self._chunk.bytes())
        self._index += 1
        old = None
        if self._maximum and self._index >= self._maximum:
            self._stream.seek(self._offset(self._index))
            old = self._stream.read(CHUNK_SIZE)
        self._chunk = _Chunk(old)

    def close(
        self,
        *,
        flags: int = 0,
        counted_chunks: int | None = None,
        stale_last_chunk: bool = False,
        empty_chunks: int = 0,
    ) -> None:
        """Write the last chunk and the file header. The stream stays open.

        Args:
            flags: `FLAG_DIRTY` and `FLAG_FULL`.
            counted_chunks: chunks that the header knows of, as in a log that was copied while in use; None: all.
            stale_last_chunk: the last chunk's header knows of its first record only, as in such a log.
            empty_chunks: chunks of zeros behind the last one: a log service allocates ahead.
        """
        if self._chunk.free > CHUNK_HEADER_SIZE:
            self._stream.seek(self._offset(self._index))
            self._stream.write(self._chunk.bytes(stale=stale_last_chunk))
            self._index += 1
        present = self._index if self._maximum is None else min(self._index, self._maximum)
        self._stream.seek(HEADER_SIZE + present * CHUNK_SIZE)
        self._stream.write(bytes(empty_chunks * CHUNK_SIZE))
        counted = present if counted_chunks is None else min(counted_chunks, present)
        first = self._index % present if present else 0
        last = (self._index - 1) % present if present else 0
        self._stream.seek(0)
        self._stream.write(_file_header(first, last, self._next_number, counted, flags))

    def _offset(self, index: int) -> int:
        return HEADER_SIZE + (index if self._maximum is None else index % self._maximum) * CHUNK_SIZE


@lru_cache(maxsize=256)
def _system_descriptors(*, modern: bool, qualified: bool, activity: bool, related: bool, sid_size: int) -> bytes:
    """Count, sizes and types of a System part's substitutions but the last, in the order that real templates use."""
    sizes_and_types = [
        (1, ValueType.UINT8),  # Level
        (1, ValueType.UINT8) if modern else (0, ValueType.NULL),  # Opcode
        (2, ValueType.UINT16),  # Task
        (2, ValueType.UINT16),  # EventID
        (2, ValueType.UINT16) if qualified else (0, ValueType.NULL),
        (8, ValueType.HEX64),  # Keywords
        (8, ValueType.FILETIME),  # TimeCreated
        (16, ValueType.GUID) if activity else (0, ValueType.NULL),
        (4, ValueType.UINT32),  # ProcessID
        (4, ValueType.UINT32),  # ThreadID
        (8, ValueType.UINT64),  # EventRecordID
        (1, ValueType.UINT8),  # Version
        (sid_size, ValueType.SID) if sid_size else (0, ValueType.NULL),
        *[(0, ValueType.NULL)] * 5,
        (16, ValueType.GUID) if related else (0, ValueType.NULL),
    ]
    return struct.pack("<I", _SYSTEM_VALUES) + b"".join(struct.pack("<HBx", *pair) for pair in sizes_and_types)


def _system_values(event: EvtxEvent, identifier: int) -> tuple[bytes, bytes]:
    """Descriptors and values of a System part's substitutions but the last."""
    sid = event.user_sid or b""
    descriptors = _system_descriptors(
        modern=event.modern,
        qualified=event.qualifiers is not None,
        activity=event.activity_id is not None,
        related=event.related_activity_id is not None,
        sid_size=len(sid),
    )
    values = (
        bytes((event.level, event.opcode) if event.modern else (event.level,)),
        struct.pack("<HH", event.task, event.event_id),
        b"" if event.qualifiers is None else struct.pack("<H", event.qualifiers),
        struct.pack("<QQ", event.keywords, event.created),
        b"" if event.activity_id is None else event.activity_id.bytes_le,
        struct.pack("<IIQB", event.process_id, event.thread_id, identifier, event.version),
        sid,
        b"" if event.related_activity_id is None else event.related_activity_id.bytes_le,
    )
    return descriptors, b"".join(values)


def _file_header(first: int, last: int, next_number: int, chunks: int, flags: int) -> bytes:
    head = _FILE_HEADER.pack(b"ElfFile\0", first, last, next_number, 128, 1, 3, HEADER_SIZE, chunks, bytes(76), flags)
    return (head + struct.pack("<I", zlib.crc32(head[:120]))).ljust(HEADER_SIZE, b"\0")
