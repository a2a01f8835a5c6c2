"""The same chunk read by python-evtx, an independent implementation, for comparison.

python-evtx renders every record to XML (some hundreds a second), so this is for checking and not for reading.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET  # text that python-evtx made: no doctype, no entities of its own
from typing import TYPE_CHECKING, NamedTuple

from Evtx.Evtx import ChunkHeader

from parsers.evtx.structs import CHUNK_HEADER_SIZE, CHUNK_SIGNATURE, CHUNK_SIZE, NAME_HEADER
from parsers.evtx.values import filetime_from_iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.evtx.chunk import EvtxChunk

_TABLES = 128  # 64 lists of names and 32 of templates: each starts here and goes on in its own entries
_MAX_ENTRIES = CHUNK_SIZE // NAME_HEADER.size
_MAX_NAMES = 2_000  # of one record; an event of 128 named values has some 300
_NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
_DATA = {f"{_NAMESPACE}Data", f"{_NAMESPACE}ComplexData"}


class Opinion(NamedTuple):
    """What the other reader says of one record; None for what it does not say. Times are cut to microseconds.

    Attributes:
        offset: of the record in the stream.
        fault: why the other reader failed at this record; its other fields are then None.
        strings: texts of `Data` and `ComplexData` elements of EventData in their order; None without an EventData.
    """

    offset: int
    record_number: int | None
    event_record_id: int | None = None
    source: str | None = None
    event_id: int | None = None
    computer: str | None = None
    generated: int | None = None
    strings: list[str] | None = None
    fault: str | None = None


class _TooLargeError(Exception):
    """A record that unfolds without end: fragments can double with every level that they are nested."""


class _BoundedChunk(ChunkHeader):  # type: ignore[misc]  # the library has no types
    """A chunk of python-evtx that lets it read so many names for a record: one at least for every element."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, 0)
        self.names_left = _MAX_NAMES

    def strings(self) -> object:
        self.names_left -= 1
        if self.names_left < 0:
            raise _TooLargeError
        return super().strings()


def second_opinion(chunk: EvtxChunk) -> Iterator[Opinion]:
    """What python-evtx reads in one chunk: the records up to the free space that the chunk's header states.

    Never raises for damage: the record at which the other reader fails has a `fault`; where it cannot find the next
    record either, it stops, as it does in a chunk without header.
    """
    if not chunk.data.startswith(CHUNK_SIGNATURE):
        return
    data = chunk.data.ljust(CHUNK_SIZE, b"\0")
    if _endless(data):
        yield Opinion(chunk.offset, None, fault="names or templates that lead back to themselves")
        return
    try:
        header = _BoundedChunk(data)
        for record in header.records():
            header.names_left = _MAX_NAMES
            yield _opinion(record, chunk.offset)
    except Exception as error:  # noqa: BLE001  # a foreign parser on damaged bytes: its exceptions are undocumented
        yield Opinion(chunk.offset, None, fault=f"{type(error).__name__} while looking for records")


def _endless(data: bytes) -> bool:
    """Whether the lists of names and templates have more entries than fit in a chunk: python-evtx never left a loop."""
    left = _MAX_ENTRIES
    for (first,) in struct.iter_unpack("<I", data[_TABLES:CHUNK_HEADER_SIZE]):
        at = first
        while 0 < at <= CHUNK_SIZE - 4:
            left -= 1
            if left < 0:
                return True
            at = int.from_bytes(data[at : at + 4], "little")
    return False


def _opinion(record: object, base: int) -> Opinion:
    offset = base + record.offset()  # type: ignore[attr-defined]  # the library has no types
    number: int | None = None
    try:
        number = record.record_num()  # type: ignore[attr-defined]
        event = ET.fromstring(record.xml())  # type: ignore[attr-defined]  # noqa: S314  # see the import
        return _read(event, offset, number)
    except Exception as error:  # noqa: BLE001  # as above, at the border of one record
        return Opinion(offset, number, fault=type(error).__name__)


def _read(event: ET.Element, offset: int, number: int | None) -> Opinion:
    system = event.find(f"{_NAMESPACE}System")
    if system is None:
        return Opinion(offset, number, fault="an event without System")

    def text(name: str) -> str | None:
        element = system.find(_NAMESPACE + name)
        return None if element is None else element.text

    def attribute(name: str, key: str) -> str | None:
        element = system.find(_NAMESPACE + name)
        return None if element is None else element.get(key)

    data = event.find(f"{_NAMESPACE}EventData")
    strings = None if data is None else [element.text or "" for element in data.iter() if element.tag in _DATA]
    identifier, event_id, created = text("EventRecordID"), text("EventID"), attribute("TimeCreated", "SystemTime")
    # Written with a blank between date and time, and with an offset from UTC.
    moment = created and filetime_from_iso(created.replace(" ", "T").removesuffix("+00:00"))
    return Opinion(
        offset,
        number,
        int(identifier) if identifier else None,
        attribute("Provider", "Name"),
        int(event_id, 0) if event_id else None,
        text("Computer"),
        moment or None,
        strings,
    )
