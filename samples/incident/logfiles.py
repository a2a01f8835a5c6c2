"""The logs of a node as files: what was logged, in the form of its system."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from samples.builders import evt, evtx, evtx_values
from samples.incident.catalogue import APPLICATION, OPERATIONAL, SYSTEM
from samples.incident.clock import TICKS, UNIX_EPOCH

if TYPE_CHECKING:
    from samples.incident.world import Entry, Node

_NAMES_2003 = {SYSTEM: "SysEvent.Evt", APPLICATION: "AppEvent.Evt"}
_NAMES_2008 = {
    SYSTEM: "System.evtx",
    APPLICATION: "Application.evtx",
    OPERATIONAL: "Microsoft-Windows-FailoverClustering%4Operational.evtx",
}
_EVT_TYPES = {2: 1, 3: 2, 4: 4}
_LOCAL_SYSTEM = evtx_values.sid_bytes("S-1-5-18")
_ADMINISTRATOR = evtx_values.sid_bytes("S-1-5-21-1111111111-2222222222-3333333333-500")
_MANIFEST_KEYWORDS = 0x8000_0000_0000_0000
_SERVICE_CONTROL_MANAGER = "Service Control Manager"


def log_files(node: Node, system: str) -> dict[str, bytes]:
    """File names and bytes of a node's logs."""
    if system == "2003":
        return {_NAMES_2003[log]: _evt(node, log, entries) for log, entries in sorted(node.logs.items())}
    return {_NAMES_2008[log]: _evtx(node, log, entries) for log, entries in sorted(node.logs.items())}


def _first_number(node: Node, log: str) -> int:
    """A machine is older than the incident: its numbers do not begin with 1."""
    return zlib.crc32(f"{node.name}/{log}".encode()) % 50_000 + 1


def _evt(node: Node, log: str, entries: list[Entry]) -> bytes:
    """A log that was copied in use: its header is that of the last close, when the machine went down."""
    events = [
        evt.EvtEvent(
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
        for number, entry in enumerate(entries, _first_number(node, log))
    ]
    return evt.build(events, closed_after=node.opened.get(log, 0))


def _unix(ticks: int) -> int:
    return (ticks - UNIX_EPOCH) // TICKS


def _evtx(node: Node, log: str, entries: list[Entry]) -> bytes:
    """A log that was copied in use: marked dirty, and its header does not count the chunk that is being filled."""
    stream = io.BytesIO()
    writer = evtx.EvtxWriter(stream, first_record_number=_first_number(node, log))
    for entry in entries:
        writer.add(_event(log, entry))
    writer.close(flags=evtx.FLAG_DIRTY, counted_chunks=max(1, writer.chunks - 1))
    return stream.getvalue()


def _event(log: str, entry: Entry) -> evtx.EvtxEvent:
    row = entry.row
    source = row.source_2008 or row.source
    if row.names is None:
        return evtx.EvtxEvent(
            created=entry.generated // TICKS * TICKS,  # classic events have whole seconds in real logs
            provider=source,
            event_id=row.event_id,
            channel=log,
            computer=entry.computer,
            payload=evtx.Classic(entry.strings),
            qualifiers=row.qualifiers,
            level=row.level,
            user_sid=_ADMINISTRATOR if row.by_user else None,
        )
    values = tuple(zip(row.names, (evtx_values.string(text) for text in entry.strings), strict=True))
    # The service control manager was a classic source once, and keeps its name, high word and binary data.
    was_classic = source == _SERVICE_CONTROL_MANAGER
    return evtx.EvtxEvent(
        created=entry.generated,
        provider=source,
        event_id=row.event_id,
        channel=log,
        computer=entry.computer,
        payload=evtx.Named(values, data=b"" if was_classic else None),
        event_source_name=source if was_classic else None,
        qualifiers=row.qualifiers if was_classic else None,
        level=row.level,
        keywords=_MANIFEST_KEYWORDS | (evtx.CLASSIC_KEYWORDS if was_classic else 0),
        process_id=zlib.crc32(source.encode()) % 1000 * 4 + 400,
        thread_id=zlib.crc32(source.encode()) % 900 * 4 + 408,
        user_sid=None if was_classic else _LOCAL_SYSTEM,
        modern=True,
    )
