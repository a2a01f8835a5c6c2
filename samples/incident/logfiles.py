"""A log as a file, in the form of its system."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from samples.builders import evt, evtx, evtx_values
from samples.incident.catalogue import AUDIT, Row
from samples.incident.clock import TICKS, UNIX_EPOCH, ticks
from samples.incident.logs import whole

if TYPE_CHECKING:
    from samples.incident.logs import Line, Log
    from samples.incident.world import Entry

_EVT_TYPES = {AUDIT: 8, 2: 1, 3: 2, 4: 4}
_EVT_SIZE = 0x80000
_LOCAL_SYSTEM = evtx_values.sid_bytes("S-1-5-18")
_ADMINISTRATOR = evtx_values.sid_bytes("S-1-5-21-1111111111-2222222222-3333333333-500")
_MANIFEST_KEYWORDS = 0x8000_0000_0000_0000
_AUDIT_SUCCESS = 0x0020_0000_0000_0000
_SERVICE_CONTROL_MANAGER = "Service Control Manager"


def log_bytes(log: Log) -> bytes:
    """The file: that of a log in use when it was copied, or of a saved one, or what is left of either."""
    return _evt(log) if log.system == "2003" else _evtx(log)


def _evt(log: Log) -> bytes:
    """The header of a log that was copied in use is that of the last close, when the machine went down."""
    events = [_evt_event(line) for line in log.lines]
    if log.torn:
        events.append(_evt_event(log.torn))
    sizes = [len(evt.record(event)) for event in events]
    end = evt.HEADER_SIZE + sum(sizes)
    # Large enough that no entry is overwritten: what is missing is taken out before.
    size = max(_EVT_SIZE, -(-(end + evt.END_RECORD_SIZE) // evt.ALLOCATION) * evt.ALLOCATION)
    is_saved = log.closed_after is None
    data = evt.build(events, maximum_size=size, closed_after=log.closed_after, archived=is_saved)
    return data[: end - sizes[-1] // 2] if log.torn else data


def _evt_event(line: Line) -> evt.EvtEvent:
    number, entry = line
    return evt.EvtEvent(
        number=number,
        generated=_unix(entry.generated),
        written=_unix(entry.written),
        event_id=entry.row.event_id,
        source=entry.row.source,
        computer=entry.computer,
        strings=entry.strings,
        qualifiers=entry.row.qualifiers,
        type=_EVT_TYPES[entry.row.level],
        sid=_ADMINISTRATOR if entry.row.by_user else b"",
    )


def _unix(time: int) -> int:
    return (time - UNIX_EPOCH) // TICKS


def _evtx(log: Log) -> bytes:
    """The header of a log that was copied in use does not count the chunk that is being filled."""
    stream = io.BytesIO()
    expected = log.lines[0].number if log.lines else 1
    writer = evtx.EvtxWriter(stream, first_record_number=expected)
    for number, entry in log.lines:
        if number != expected:
            writer.end_chunk()  # what is missing in the middle of a log is missing by chunks
        writer.add(_event(log.name, entry, number))
        expected = number + 1
    if log.torn:
        cut = writer.end + 12  # within the record's header: nothing can be read of it
        writer.add(_event(log.name, log.torn.entry, log.torn.number))
    if log.closed_after is None:
        writer.close()
    else:
        writer.close(flags=evtx.FLAG_DIRTY, counted_chunks=max(1, writer.chunks - 1))
    return stream.getvalue()[:cut] if log.torn else stream.getvalue()


def _event(log: str, entry: Entry, number: int) -> evtx.EvtxEvent:
    row = entry.row
    source = row.source_2008 or row.source
    if row.names is None:
        return evtx.EvtxEvent(
            created=whole(entry.generated),
            provider=source,
            event_id=row.event_id,
            channel=log,
            computer=entry.computer,
            payload=evtx.Classic(entry.strings),
            record_number=number,
            event_record_id=number,
            qualifiers=row.qualifiers,
            level=row.level,
            user_sid=_ADMINISTRATOR if row.by_user else None,
        )
    values = tuple(zip(row.names, (_value(row, text) for text in entry.strings), strict=True))
    # The service control manager was a classic source once, and keeps its name, high word and binary data.
    was_classic = source == _SERVICE_CONTROL_MANAGER
    keywords = _MANIFEST_KEYWORDS | (evtx.CLASSIC_KEYWORDS if was_classic else 0)
    return evtx.EvtxEvent(
        created=entry.generated,
        provider=source,
        event_id=row.event_id,
        channel=log,
        computer=entry.computer,
        payload=evtx.Named(values, data=b"" if was_classic else None),
        record_number=number,
        event_record_id=number,
        event_source_name=source if was_classic else None,
        qualifiers=row.qualifiers if was_classic else None,
        level=row.level,
        keywords=keywords | (_AUDIT_SUCCESS if row.level == AUDIT else 0),
        process_id=zlib.crc32(source.encode()) % 1000 * 4 + 400,
        thread_id=zlib.crc32(source.encode()) % 900 * 4 + 408,
        user_sid=None if was_classic else _LOCAL_SYSTEM,
        modern=True,
    )


def _value(row: Row, text: str) -> evtx_values.Value:
    if row.times:
        return evtx_values.number(evtx_values.ValueType.FILETIME, ticks(text))
    return evtx_values.string(text)
