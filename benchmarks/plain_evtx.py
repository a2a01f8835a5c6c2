"""The plain script on the fastest peer: evtx (Rust), orjson and sqlite3, from an .evtx into a table with two indexes.

It does what a good script does and nothing more: no hashes, no damage, no slack records, no full-text search. Like
every reader of that JSON it loses the first of two values of one name, and cannot tell no string from an empty one.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import evtx
import orjson
import plain_table

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOOLEANS = {True: "true", False: "false"}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return _BOOLEANS[value] if isinstance(value, bool) else str(value)


def _strings(event: dict[str, Any]) -> list[str]:
    """The data values in their order."""
    data = event.get("EventData")
    if data is None:
        data = event.get("UserData")
        data = next((value for key, value in data.items() if key != "#attributes"), None) if data else None
    if not data:
        return []
    values: list[str] = []
    for name, value in data.items():
        if name in {"Binary", "#attributes"}:
            continue
        text = value["#text"] if isinstance(value, dict) else value
        if isinstance(text, list):
            values += map(_text, text)
        else:
            values.append(text if isinstance(text, str) else _text(text))
    return values


def _time(text: str) -> str:
    """Six digits, of the reader's `2008-01-10T12:00:12.3456789Z UTC`, whose fraction may be shorter or missing."""
    moment = text[:-5]
    if len(moment) >= 26:
        return f"{moment[:26]}Z"
    return f"{moment if '.' in moment else moment + '.':0<26}Z"


def rows(path: Path, threads: int = 0) -> Iterator[tuple[object, ...]]:
    """The rows of a log, in the order of `plain_table.COLUMNS`."""
    nodes: dict[str, str] = {}
    loads, dumps = orjson.loads, orjson.dumps
    # The library's own types let every field be None.
    records = cast("Iterator[dict[str, Any]]", evtx.PyEvtxParser(str(path), threads).records_json())
    for record in records:
        event = loads(record["data"])["Event"]
        system = event["System"]
        event_id = system["EventID"]
        security = system["Security"]
        computer = system["Computer"]
        node = nodes.get(computer)
        if node is None:
            node = nodes[computer] = computer.partition(".")[0].upper()
        yield (
            system["Channel"],
            record["event_record_id"],
            system["EventRecordID"],
            system["TimeCreated"]["#attributes"]["SystemTime"],
            _time(record["timestamp"]),
            system["Provider"]["#attributes"]["Name"],
            event_id if isinstance(event_id, int) else event_id["#text"],
            system["Level"],
            system["Task"],
            computer,
            node,
            None if security is None else security["#attributes"]["UserID"],
            dumps(_strings(event)).decode(),
        )


def main() -> None:
    """Read one log into one database."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--threads", type=int, default=0, help="of the Rust reader; 0: it decides")
    parser.add_argument("--journal", default="OFF")
    parser.add_argument("--synchronous", default="OFF")
    arguments = parser.parse_args()
    gc.disable()  # a tenth of the time, for objects that hold no cycles
    count = plain_table.write(
        arguments.database,
        rows(arguments.log, arguments.threads),
        journal=arguments.journal,
        synchronous=arguments.synchronous,
    )
    print(f"{count:,} records")


if __name__ == "__main__":
    main()
