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


def _payload(event: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The data of an event, and the name that it has."""
    data = event.get("EventData")
    if data:
        return data, data.get("#attributes", {}).get("Name")
    user = event.get("UserData") or {}
    return next(((value or {}, key) for key, value in user.items() if key != "#attributes"), ({}, None))


def all_rows(path: Path, threads: int = 0) -> Iterator[tuple[object, ...]]:
    """The rows of a log with every column of a case that the JSON holds: `plain_table.COLUMNS` and `MORE`."""
    nodes: dict[str, str] = {}
    loads, dumps = orjson.loads, orjson.dumps
    records = cast("Iterator[dict[str, Any]]", evtx.PyEvtxParser(str(path), threads).records_json())
    for record in records:
        event = loads(record["data"])["Event"]
        system = event["System"]
        event_id = system["EventID"]
        qualifiers = None if isinstance(event_id, int) else event_id.get("#attributes", {}).get("Qualifiers")
        security, correlation = system["Security"], system.get("Correlation")
        provider = system["Provider"]["#attributes"]
        execution = (system.get("Execution") or {}).get("#attributes", {})
        computer = system["Computer"]
        node = nodes.get(computer)
        if node is None:
            node = nodes[computer] = computer.partition(".")[0].upper()
        data, payload = _payload(event)
        names = [name for name in data if name not in {"Data", "Binary", "#attributes"}]
        binary = data.get("Binary")
        yield (
            system["Channel"],
            record["event_record_id"],
            system["EventRecordID"],
            system["TimeCreated"]["#attributes"]["SystemTime"],
            _time(record["timestamp"]),
            provider["Name"],
            event_id if isinstance(event_id, int) else event_id["#text"],
            system["Level"],
            system["Task"],
            computer,
            node,
            None if security is None else security["#attributes"]["UserID"],
            dumps(_strings(event)).decode(),
            dumps(names).decode() if names else None,
            bytes.fromhex(binary) if binary else None,
            payload,
            qualifiers,
            system.get("Version"),
            system.get("Opcode"),
            system["Keywords"],
            execution.get("ProcessID"),
            execution.get("ThreadID"),
            None if correlation is None else correlation["#attributes"].get("ActivityID"),
            provider.get("EventSourceName"),
        )


def main() -> None:
    """Read one log into one database."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--threads", type=int, default=0, help="of the Rust reader; 0: it decides")
    parser.add_argument("--all-columns", action="store_true", help="every column of a case that the reader offers")
    parser.add_argument("--journal", default="OFF")
    parser.add_argument("--synchronous", default="OFF")
    arguments = parser.parse_args()
    gc.disable()  # a tenth of the time, for objects that hold no cycles
    count = plain_table.write(
        arguments.database,
        (all_rows if arguments.all_columns else rows)(arguments.log, arguments.threads),
        columns=(*plain_table.COLUMNS, *plain_table.MORE) if arguments.all_columns else plain_table.COLUMNS,
        journal=arguments.journal,
        synchronous=arguments.synchronous,
    )
    print(f"{count:,} records")


if __name__ == "__main__":
    main()
