"""The plain script on libevt: from an .evt into a table with two indexes."""

from __future__ import annotations

import argparse
import gc
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import plain_table
import pyevt

if TYPE_CHECKING:
    from collections.abc import Iterator

# .evt event types on the scale of .evtx levels.
_LEVELS = {1: 2, 2: 3, 4: 4, 0: 4, 8: 0, 16: 0}

# The records of an .evt name no log and hold no second number.
_CONSTANT = plain_table.CONSTANT | {"log": "NULL", "event_record_id": "NULL"}


@lru_cache(maxsize=4096)
def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def rows(path: Path) -> Iterator[tuple[object, ...]]:
    """The rows of a log, in the order of `plain_table.COLUMNS` without those that are constant."""
    file = pyevt.file()
    file.open(str(path))
    nodes: dict[str, str] = {}
    for record in file.records:
        computer = record.computer_name
        node = nodes.get(computer)
        if node is None:
            node = nodes[computer] = computer.partition(".")[0].upper()
        yield (
            record.identifier,
            _time(record.get_creation_time_as_integer()),
            _time(record.get_written_time_as_integer()),
            record.source_name,
            record.event_identifier & 0xFFFF,
            _LEVELS.get(record.event_type),
            record.event_category,
            computer,
            node,
            record.user_security_identifier,
            orjson.dumps([text or "" for text in record.strings]).decode(),
        )
    file.close()


def main() -> None:
    """Read one log into one database."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--journal", default="OFF")
    parser.add_argument("--synchronous", default="OFF")
    arguments = parser.parse_args()
    gc.disable()  # as in plain_evtx.py
    count = plain_table.write(
        arguments.database,
        rows(arguments.log),
        constant=_CONSTANT,
        journal=arguments.journal,
        synchronous=arguments.synchronous,
    )
    print(f"{count:,} records")


if __name__ == "__main__":
    main()
