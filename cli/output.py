"""What goes to stdout: rows as a table for people, or as JSON, JSON Lines or CSV for programs.

The machine formats stream, hold every row and every field, and give the same bytes for the same rows. The table is for
reading: it may show fewer columns and shorter values.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, TextIO, TypeAlias
from unicodedata import east_asian_width

from forensics.text import printable, printable_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Row: TypeAlias = Mapping[str, Json]

# Rows laid out together: widths are found for a batch, so that a long table neither waits nor fills the memory.
BATCH = 1000
# Below this width a column of long text is easier to read on lines of its own.
_LEAST_TEXT_WIDTH = 30
# https://owasp.org/www-community/attacks/CSV_Injection: what makes a spreadsheet take a cell for a formula. The line
# feed and the full-width forms, which some locales accept, are added to the six that every list has.
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# The semicolon and the tab are what some locales separate cells by.
_CSV_SPECIAL = re.compile(r"""[",;\t\r\n]|^\s|\s$""")
_NEGATIVE_NUMBER = re.compile(r"-\d+(?:\.\d+)?\Z", re.ASCII)


class Format(StrEnum):
    """The forms in which rows are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table for people.

    Attributes:
        title: the heading.
        cell: the text of a row; need not be safe to show, the table escapes it.
        right: align to the right (numbers).
        long: free text, which may wrap, and which moves to a line of its own where the terminal is narrow.
        labelled: on a narrow terminal, where there are no headings, show the heading beside the value.
        style: rich style of a row's cell on a terminal; "" for none.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    long: bool = False
    labelled: bool = False
    style: Callable[[Row], str] | None = None


def prepare_stdout() -> None:
    """Make stdout able to take any text.

    Anything but a terminal gets UTF-8 and a plain line feed, on every system, so that the same case gives the same
    bytes; a terminal keeps its encoding. What an encoding does not have is written escaped instead of raising.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is None:
        return
    if sys.stdout.isatty():
        reconfigure(errors="backslashreplace")
    else:
        reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def json_text(value: Json, *, indent: int | None = None) -> str:
    """One JSON document; fields in the given order, unprintable characters escaped. ValueError for NaN and infinity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    if indent is None:
        return printable_json(text)
    return "\n".join(map(printable_json, text.split("\n")))


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


def emit_rows(rows: Iterable[Row], *, fields: Sequence[str], columns: Sequence[Column], form: Format) -> int:
    """Print rows on stdout and return how many there were.

    Args:
        rows: taken one at a time, or for a table in batches; never all of them at once.
        fields: the fields that every row has, in their order: the header of the CSV.
        columns: the table's columns.
        form: the form to print.
    """
    out = sys.stdout
    if form is Format.JSON:
        return _emit_json(rows, out)
    if form is Format.JSONL:
        count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007  (the count is the result)
            out.write(json_text(row) + "\n")
        return count
    if form is Format.CSV:
        return _emit_csv(rows, fields, out)
    return _emit_table(rows, columns, out)


def emit_object(value: Row) -> None:
    """Print one JSON object on stdout, indented."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def emit_line(text: str, *, indent: int = 0) -> None:
    """Print a line of prose for people on stdout, made safe to show; a terminal gets it wrapped between words."""
    margin = " " * indent
    lines = [margin + printable(text)]
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = textwrap.wrap(
            lines[0].lstrip(),
            width,
            initial_indent=margin,
            subsequent_indent=margin + "  ",
            break_on_hyphens=False,
        )
    sys.stdout.write("\n".join(lines) + "\n")


def emit_command(text: str) -> None:
    """Print a command that a user is to type, on a line of its own, never wrapped."""
    sys.stdout.write(f"    {printable(text)}\n")


def emit_heading(text: str) -> None:
    """Print a heading, with an empty line before it: bold on a terminal, plain elsewhere."""
    if sys.stdout.isatty():
        from cli.terminal import print_heading  # noqa: PLC0415  (rich costs 0.1 s, and pipes do not need it)

        print_heading(text)
    else:
        sys.stdout.write(f"\n{printable(text)}\n")


def _emit_json(rows: Iterable[Row], out: TextIO) -> int:
    """An array with one row a line: streams, and two runs can be compared with diff."""
    count = 0
    for count, row in enumerate(rows, 1):
        out.write(("[\n  " if count == 1 else ",\n  ") + json_text(row))
    out.write("\n]\n" if count else "[]\n")
    return count


def _emit_csv(rows: Iterable[Row], fields: Sequence[str], out: TextIO) -> int:
    # On a terminal even a CSV is something that a person looks at.
    shown: Callable[[str], str] = printable if out.isatty() else str
    out.write(",".join(fields) + "\n")
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007  (the count is the result)
        out.write(",".join(_csv_quoted(shown(csv_cell(row[field]))) for field in fields) + "\n")
    return count


def _csv_quoted(cell: str) -> str:
    """The cell as RFC 4180 writes it."""
    # Not by the csv module: where lines end in a line feed it leaves a carriage return in a cell bare.
    if _CSV_SPECIAL.search(cell) is None:
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _emit_table(rows: Iterable[Row], columns: Sequence[Column], out: TextIO) -> int:
    count = 0
    for batch in _batches(rows):
        header = count == 0
        count += len(batch)
        cells = [[printable(column.cell(row)) for column in columns] for row in batch]
        if not out.isatty():
            out.writelines(_plain_lines(cells, columns, header=header))
            continue
        from cli.terminal import print_stacked, print_table  # noqa: PLC0415  (see emit_heading)

        styles = [[column.style(row) if column.style else "" for column in columns] for row in batch]
        short = sum(_widest(cells, columns, i) + 2 for i, column in enumerate(columns) if not column.long)
        least = short + sum(_LEAST_TEXT_WIDTH for column in columns if column.long)
        if least <= shutil.get_terminal_size().columns:
            print_table(columns, cells, styles, header=header)
        else:
            print_stacked(columns, cells, styles)
    return count


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _widest(cells: Sequence[Sequence[str]], columns: Sequence[Column], index: int) -> int:
    return max(len(columns[index].title), *(_cells_wide(row[index]) for row in cells))


def _cells_wide(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _plain_lines(cells: list[list[str]], columns: Sequence[Column], *, header: bool) -> Iterator[str]:
    """Lines of aligned columns, two spaces apart, uncut: for files, pipes and `grep`."""
    # Long text goes last and is not padded, so that one long message does not widen every line.
    order = sorted(range(len(columns)), key=lambda i: columns[i].long)
    widths = [_widest(cells, columns, i) for i in order]
    lines = ([[column.title for column in columns]] if header else []) + cells
    for line in lines:
        parts = []
        for i, width in zip(order, widths, strict=True):
            pad = " " * (width - _cells_wide(line[i]))
            parts.append(line[i] if columns[i].long else pad + line[i] if columns[i].right else line[i] + pad)
        yield "  ".join(parts).rstrip() + "\n"
