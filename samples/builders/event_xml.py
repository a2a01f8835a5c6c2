"""Events as the XML that Windows writes: `wevtutil qe /f:xml`, and Event Viewer's "Save as XML" with rendered texts.

https://learn.microsoft.com/windows/win32/wes/eventschema-schema. Attributes are in single quotes and the five
characters of markup are escaped, as in the files that wevtutil writes; every other character stands as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsers.records import EventRecord

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
_UNIX_EPOCH = 116_444_736_000_000_000
_QUOTES = {"'": "&apos;", '"': "&quot;"}


class Rendering(NamedTuple):
    """What Windows adds when it writes an event with its texts."""

    message: str
    culture: str = "en-US"
    level: str = "Information"


def event_xml(record: EventRecord, rendering: Rendering | None = None) -> str:
    """The XML of a record whose data is an EventData of values beside each other (not a UserData), without a line end.

    The record's `written` and `recovered` have no place in it, nor has its `record_number` beside `event_record_id`.
    """
    parts = [f"<Event xmlns='{NAMESPACE}'><System><Provider", _attribute("Name", record.source)]
    parts += [_attribute("EventSourceName", record.event_source_name), "/>"]
    parts += ["<EventID", _attribute("Qualifiers", record.qualifiers), f">{record.event_id}</EventID>"]
    parts += [_element("Version", record.version), _element("Level", record.level), _element("Task", record.category)]
    parts += [_element("Opcode", record.opcode)]
    parts += [_element("Keywords", None if record.keywords is None else f"0x{record.keywords:x}")]
    if record.generated is not None:
        parts.append(f"<TimeCreated SystemTime='{system_time(record.generated)}'/>")
    parts.append(_element("EventRecordID", record.event_record_id))
    parts += ["<Correlation", _attribute("ActivityID", record.activity_id), "/>"]
    if record.process_id is not None:
        parts += ["<Execution", _attribute("ProcessID", record.process_id), _attribute("ThreadID", record.thread_id)]
        parts.append("/>")
    parts += [_element("Channel", record.log), _element("Computer", record.computer)]
    parts += ["<Security", _attribute("UserID", record.user_sid), "/></System>"]
    parts += ["<EventData", _attribute("Name", record.payload), ">"]
    for name, text in zip(record.names or [None] * len(record.strings), record.strings, strict=True):
        parts += ["<Data", _attribute("Name", name), f">{escape(text)}</Data>"]
    if record.data:
        parts.append(f"<Binary>{record.data.hex().upper()}</Binary>")
    parts.append("</EventData>")
    if rendering is not None:
        parts.append(
            f"<RenderingInfo Culture='{rendering.culture}'><Message>{escape(rendering.message)}</Message>"
            f"<Level>{escape(rendering.level)}</Level><Task></Task><Opcode>Info</Opcode><Channel></Channel>"
            f"<Provider></Provider><Keywords><Keyword>Classic</Keyword></Keywords></RenderingInfo>"
        )
    return "".join([*parts, "</Event>"])


def events_document(events: Iterable[str], *, root: str | None = "Events") -> str:
    """Events as one document, as Event Viewer saves them; with `root` None one behind the other, as wevtutil does."""
    if root is None:
        return "".join(f"{event}\r\n" for event in events)
    return f'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<{root}>{"".join(events)}</{root}>'


def system_time(filetime: int) -> str:
    """`2008-01-10T12:00:35.1234567Z`."""
    seconds, ticks = divmod(filetime - _UNIX_EPOCH, 10_000_000)
    days, second = divmod(seconds, 86_400)
    year, month, day = _civil(days)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{year:04d}-{month:02d}-{day:02d}T{clock}.{ticks:07d}Z"


def _civil(days: int) -> tuple[int, int, int]:
    """The date of a day since 1970-01-01, in the Gregorian calendar."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day + 2) // 153
    return year + era * 400 + (month > 9), month + 3 if month < 10 else month - 9, day - (153 * month + 2) // 5 + 1


def _attribute(name: str, value: str | int | None) -> str:
    return "" if value is None else f" {name}='{escape(str(value), _QUOTES)}'"


def _element(name: str, value: str | int | None) -> str:
    return "" if value is None else f"<{name}>{escape(str(value))}</{name}>"
