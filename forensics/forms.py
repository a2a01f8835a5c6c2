"""Rows as JSON and CSV text: the same for the terminal, for files that are exported, and for bundles.

The same rows give the same text, whatever the system, its locale and its line ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from forensics.text import printable_json

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Row: TypeAlias = Mapping[str, Json]

# https://owasp.org/www-community/attacks/CSV_Injection: what makes a spreadsheet take a cell for a formula. The line
# feed and the full-width forms, which some locales accept, are added to the six that every list has.
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# The semicolon and the tab are what some locales separate cells by.
_CSV_SPECIAL = re.compile(r"""[",;\t\r\n]|^\s|\s$""")
_NEGATIVE_NUMBER = re.compile(r"-\d+(?:\.\d+)?\Z", re.ASCII)


def json_text(value: Json, *, indent: int | None = None) -> str:
    """One JSON document; fields in the given order, unprintable characters escaped. ValueError for NaN and infinity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    if indent is None:
        return printable_json(text)
    return "\n".join(map(printable_json, text.split("\n")))


def json_rows(rows: Iterable[Row]) -> Iterator[str]:
    """A JSON array in pieces, one row a line: it streams, and two of them can be compared with diff."""
    count = 0
    for count, row in enumerate(rows, 1):
        yield ("[\n  " if count == 1 else ",\n  ") + json_text(row)
    yield "\n]\n" if count else "[]\n"


def csv_cell(value: Json) -> str:
    """A value as a CSV cell: null is empty, a nested value is JSON, and no cell begins as a formula does.

    A leading apostrophe marks text that a spreadsheet would evaluate; a plain negative number stays one.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return json_text(value)
    if value.startswith(_FORMULA_START) and not _NEGATIVE_NUMBER.match(value):
        return "'" + value
    return value


def csv_quoted(cell: str) -> str:
    """A cell as RFC 4180 writes it."""
    # Not by the csv module: where lines end in a line feed it leaves a carriage return in a cell bare.
    if _CSV_SPECIAL.search(cell) is None:
        return cell
    return '"' + cell.replace('"', '""') + '"'


def csv_lines(rows: Iterable[Row], fields: Sequence[str], shown: Callable[[str], str] = str) -> Iterator[str]:
    """A CSV in pieces: the header, then a line for each row, all ending in a line feed; `shown` is put on each cell."""
    yield ",".join(fields) + "\n"
    for row in rows:
        yield ",".join(csv_quoted(shown(csv_cell(row[field]))) for field in fields) + "\n"
