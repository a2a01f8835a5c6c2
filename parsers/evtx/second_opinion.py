"""The same chunk read by python-evtx, an independent implementation, for comparison.

python-evtx renders every record to XML (some hundreds a second), so this is for checking and not for reading.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # text that python-evtx made: no doctype, no entities of its own
from typing import TYPE_CHECKING, NamedTuple

from Evtx.Evtx import ChunkHeader

from parsers.evtx.structs import CHUNK_SIGNATURE, CHUNK_SIZE
from parsers.evtx.values import filetime_from_iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.evtx.chunk import EvtxChunk

_NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"


class Opinion(NamedTuple):
    """What the other reader says of one record; None for what it does not say. Times are cut to microseconds.

    Attributes:
        offset: of the record in the stream.
        fault: why the other reader failed at this record; its other fields are then None.
        strings: texts of `Data` elements of EventData in their order; None for an event without EventData.
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


def second_opinion(chunk: EvtxChunk) -> Iterator[Opinion]:
    """What python-evtx reads in one chunk: the records up to the free space that the chunk's header states.

    Never raises for damage: the record at which the other reader fails has a `fault`; where it cannot find the next
    record either, it stops, as it does in a chunk without header.
    """
    if not chunk.data.startswith(CHUNK_SIGNATURE):
        return
    data = chunk.data.ljust(CHUNK_SIZE, b"\0")
    try:
        header = ChunkHeader(data, 0)
        for record in header.records():
            yield _opinion(record, chunk.offset)
    except Exception as error:  # noqa: BLE001  # a foreign parser on damaged bytes: its exceptions are undocumented
        yield Opinion(chunk.offset, None, fault=f"{type(error).__name__} while looking for records")


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
    strings = None if data is None else [element.text or "" for element in data.iter(f"{_NAMESPACE}Data")]
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
