"""python-evtx on the first records of a log: the same columns from its XML, in records per second."""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import orjson
import plain_table
from Evtx.Evtx import Evtx

if TYPE_CHECKING:
    from collections.abc import Iterator

_NS = "{http://schemas.microsoft.com/win/2004/08/events/event}"


def _required(parent: ET.Element, name: str) -> ET.Element:
    found = parent.find(_NS + name)
    if found is None:
        raise ValueError(f"an event without {name}")
    return found


def _time(text: str) -> str:
    """`2008-01-10T12:00:12.345678Z` of python-evtx's `2008-01-10 12:00:12.345678+00:00`."""
    return f"{text[:10]}T{text[11:19]}.{text[20:26] if text[19:20] == '.' else '000000'}Z"


def rows(path: Path, limit: int) -> Iterator[tuple[object, ...]]:
    """The rows of the first `limit` records, in the order of `plain_table.COLUMNS`."""
    with Evtx(str(path)) as log:
        for record in islice(log.records(), limit):
            # The XML is of our own log; python-evtx offers nothing else that names what it holds.
            event = ET.fromstring(record.xml())  # noqa: S314
            system = _required(event, "System")
            computer = _required(system, "Computer").text or ""
            data = event.find(f"{_NS}EventData")
            values = [] if data is None else [d.text or "" for d in data.iter(f"{_NS}Data")]
            yield (
                _required(system, "Channel").text,
                record.record_num(),
                int(_required(system, "EventRecordID").text or 0),
                _time(_required(system, "TimeCreated").get("SystemTime") or ""),
                _time(str(record.timestamp())),
                _required(system, "Provider").get("Name"),
                int(_required(system, "EventID").text or 0),
                int(_required(system, "Level").text or 0),
                int(_required(system, "Task").text or 0),
                computer,
                computer.partition(".")[0].upper(),
                _required(system, "Security").get("UserID") or None,
                orjson.dumps(values).decode(),
            )


def main() -> None:
    """Read the first records of one log into a database that is thrown away, unless it was named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("database", type=Path, nargs="?")
    parser.add_argument("--records", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        count = plain_table.write(
            arguments.database or Path(folder) / "plain.db", rows(arguments.log, arguments.records)
        )
        seconds = time.perf_counter() - start
    print(f"{count:,} records in {seconds:.2f} s: {count / seconds:,.0f} records/s")


if __name__ == "__main__":
    main()
