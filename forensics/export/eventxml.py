"""An event as the XML that Windows would show of it: what analyzers of other tools take names and values from.

Made from the fields that the case holds, so it is the event's content and not its bytes: values below UserData stand
below EventData, and attributes that the case does not keep are left out.
https://learn.microsoft.com/windows/win32/wes/eventschema-systempropertiestype-complextype
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from forensics.case.search import EventRow

_NAMESPACE: Final = "http://schemas.microsoft.com/win/2004/08/events/event"
# https://www.w3.org/TR/xml/#charsets: what no XML document may hold, not even as a reference.
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def event_xml(event: EventRow) -> str:
    """The event's XML; characters that XML cannot hold are shown escaped."""
    qualifiers = "" if event.qualifiers is None else f' Qualifiers="{event.qualifiers}"'
    system = [
        f"<Provider Name={_quoted(event.source)}/>",
        f"<EventID{qualifiers}>{_number(event.event_id)}</EventID>",
        _element("Version", event.version),
        _element("Level", event.level),
        _element("Task", event.category),
        _element("Opcode", event.opcode),
        _named("Keywords", event.keywords),
        f'<TimeCreated SystemTime="{event.time_generated or ""}"/>',
        _element("EventRecordID", event.record_number if event.event_record_id is None else event.event_record_id),
        _named("Channel", event.log),
        _named("Computer", event.computer),
        f"<Security UserID={_quoted(event.user_sid)}/>" if event.user_sid else "<Security/>",
    ]
    names = event.names or []
    data = []
    for index, value in enumerate(event.strings):
        name = names[index] if index < len(names) else None
        data.append(f"<Data{f' Name={_quoted(name)}' if name else ''}>{_text(value)}</Data>")
    if event.data:
        data.append(f"<Binary>{event.data.hex().upper()}</Binary>")
    return (
        f'<Event xmlns="{_NAMESPACE}"><System>{"".join(system)}</System><EventData>{"".join(data)}</EventData></Event>'
    )


def _element(name: str, value: int | None) -> str:
    return "" if value is None else f"<{name}>{value}</{name}>"


@lru_cache(maxsize=256)
def _named(name: str, value: str | None) -> str:
    return "" if value is None else f"<{name}>{_text(value)}</{name}>"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _allowed(value: str | None) -> str:
    return _NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", value or "")


def _text(value: str | None) -> str:
    return escape(_allowed(value))


# Sources and names of values are few, and in every event.
@lru_cache(maxsize=256)
def _quoted(value: str | None) -> str:
    return quoteattr(_allowed(value))
