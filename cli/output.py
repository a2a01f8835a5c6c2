"""What goes to stdout: rows as a table for people, or as JSON, JSON Lines or CSV for programs.

The machine formats stream, hold every row and every field, and give the same bytes for the same rows. The table is for
reading: it may show fewer columns and shorter values.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, TextIO
from unicodedata import east_asian_width

from forensics.forms import Json, Row, csv_cell, csv_lines, json_rows, json_text
from forensics.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "BATCH",
    "Column",
    "Format",
    "Json",
    "Row",
    "csv_cell",
    "emit_command",
    "emit_heading",
    "emit_line",
    "emit_object",
    "emit_rows",
    "json_text",
    "prepare_stdout",
]

# Rows laid out together: widths are found for a batch, so that a long table neither waits nor fills the memory.
BATCH = 1000
# Below this width a column of long text is easier to read on lines of its own.
_LEAST_TEXT_WIDTH = 30


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
    """An array with one row a line."""
    counted = _Counted(rows)
    out.writelines(json_rows(counted))
    return counted.count


def _emit_csv(rows: Iterable[Row], fields: Sequence[str], out: TextIO) -> int:
    counted = _Counted(rows)
    # On a terminal even a CSV is something that a person looks at.
    out.writelines(csv_lines(counted, fields, printable if out.isatty() else str))
    return counted.count


class _Counted:
    """Rows that are counted as they are taken."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


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
