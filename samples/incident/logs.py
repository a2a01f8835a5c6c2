"""The logs of an incident before they are files: which entries each holds, under which numbers, and how they are read.

A reader of the files must find exactly the records of `LogRecords.records`: tests hold it. So an analysis can be judged
on thousands of incidents without a byte being built or parsed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from samples.incident.catalogue import APPLICATION, OPERATIONAL, SECURITY, SYSTEM
from samples.incident.clock import TICKS

if TYPE_CHECKING:
    from samples.incident.engine import Engine, S
    from samples.incident.world import Entry

FILE_NAMES = {
    "2003": {SYSTEM: "SysEvent.Evt", APPLICATION: "AppEvent.Evt", SECURITY: "SecEvent.Evt"},
    "2008": {
        SYSTEM: "System.evtx",
        APPLICATION: "Application.evtx",
        SECURITY: "Security.evtx",
        OPERATIONAL: "Microsoft-Windows-FailoverClustering%4Operational.evtx",
    },
}


class Line(NamedTuple):
    """An entry under its number."""

    number: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class Log:
    """One log file to be.

    Attributes:
        path: in the evidence.
        name: of the log, as `Channel` has it.
        owner: node that it was copied from.
        system: "2003" or "2008".
        lines: what it holds, in the order in which it was written.
        closed_after: how many of them its header knows of; None: a log that was saved, and is clean.
        torn: the file ends within this line, which comes after the others.
    """

    path: str
    name: str
    owner: str
    system: str
    lines: tuple[Line, ...]
    closed_after: int | None
    torn: Line | None = None


class Record(NamedTuple):
    """What a log file holds, as a reader shows it. Times are FILETIME, as exact as the file has them."""

    record_number: int
    computer: str
    source: str
    event_id: int
    generated: int
    written: int
    strings: tuple[str, ...]


class Hidden(NamedTuple):
    """What really is behind a record.

    Attributes:
        true: true time at which it was logged, on the node where it happened.
        occurrence: the same for an entry and its copies, in whichever files, and for nothing else.
        copied: it was copied to the owner of this log from another node's log (2003).
        stray: nobody ever logged it: the log lies.
    """

    true: int
    occurrence: int
    copied: bool
    stray: bool


@dataclass(frozen=True, slots=True)
class LogRecords:
    """The records of one log file, in its order, and the truth about each of them."""

    path: str
    log: str
    owner: str
    records: tuple[Record, ...]
    hidden: tuple[Hidden, ...]


def logs_of(simulation: Engine[S]) -> list[Log]:
    """Every log that the nodes wrote, whole, sorted by path."""
    system = simulation.setting.system
    found = []
    for node in simulation.nodes.values():
        for name, entries in node.logs.items():
            path = f"{node.name}/Logs/{FILE_NAMES[system][name]}"
            lines = tuple(Line(number, entry) for number, entry in enumerate(entries, _first_number(node.name, name)))
            found.append(Log(path, name, node.name, system, lines, node.opened.get(name, 0)))
    return sorted(found, key=lambda log: log.path)


def _first_number(node: str, log: str) -> int:
    """A machine is older than the incident: its numbers do not begin with 1."""
    return zlib.crc32(f"{node}/{log}".encode()) % 50_000 + 1


def records_of(log: Log) -> LogRecords:
    """What a reader of the file will find."""
    records = tuple(_record(log.system, line) for line in log.lines)
    hidden = tuple(Hidden(entry.true, entry.occurrence, entry.node != log.owner, entry.stray) for _, entry in log.lines)
    return LogRecords(log.path, log.name, log.owner, records, hidden)


def _record(system: str, line: Line) -> Record:
    number, entry = line
    row = entry.row
    source, generated, written = row.source, entry.generated, entry.written
    if system == "2003":
        generated, written = whole(generated), whole(written)
    else:
        source = row.source_2008 or source
        if row.names is None:
            generated = whole(generated)  # classic events have whole seconds in real logs
        written = generated
    return Record(number, entry.computer, source, row.event_id, generated, written, entry.strings)


def whole(ticks: int) -> int:
    """The time cut to a second."""
    return ticks // TICKS * TICKS
