"""What only a terminal gets: colour, wrapping, a progress bar. Loads rich, so import it only where one is there.

Every text that comes in was made safe by `cli.text.printable`, and none is ever read as markup.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cli.output import Column

_INDENT = 4


def _console() -> Console:
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False)


def print_heading(text: str) -> None:
    """Print a bold heading with an empty line before it."""
    console = _console()
    console.print()
    console.print(Text(text, style="bold"), soft_wrap=True)


def print_bar(label: str, letters: str, styles: Mapping[str, str]) -> None:
    """Print a line of letters, each in its own style, behind a label."""
    text = Text(label)
    for letter, run in groupby(letters):
        text.append("".join(run), styles.get(letter, ""))
    _console().print(text, soft_wrap=True)


def print_table(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], styles: Sequence[Sequence[str]], *, header: bool
) -> None:
    """Print rows side by side; only the long columns wrap."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=not column.long,
            overflow="fold",
            ratio=1 if column.long else None,
        )
    for line, line_styles in zip(cells, styles, strict=True):
        table.add_row(*(Text(text, style=style) for text, style in zip(line, line_styles, strict=True)))
    _console().print(table)


def print_stacked(columns: Sequence[Column], cells: Sequence[Sequence[str]], styles: Sequence[Sequence[str]]) -> None:
    """Print each row as a line of its short values with its long ones indented below: for narrow terminals."""
    console = _console()
    for line, line_styles in zip(cells, styles, strict=True):
        packed = Text()
        for column, text, style in zip(columns, line, line_styles, strict=True):
            if not text or column.long:
                continue
            label = f"{column.title} " if column.labelled else ""
            # A line breaks between two values, never inside one.
            if packed and packed.cell_len + 2 + cell_len(label + text) > console.width:
                console.print(packed, overflow="fold")
                packed = Text(" " * _INDENT)
            elif packed:
                packed.append("  ")
            packed.append(label).append(text, style=style)
        console.print(packed, overflow="fold")
        for column, text in zip(columns, line, strict=True):
            if text and column.long:
                console.print(Padding(Text(text, overflow="fold"), (0, 0, 0, _INDENT)))


@contextmanager
def byte_progress(total: int) -> Iterator[Callable[[str, int, int | None, int], None]]:
    """A progress bar of `total` bytes on stderr, gone when the work is done.

    Yields a function to call with the file's name, the bytes done, the bytes in all (None where `total` stays) and the
    events read so far.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TextColumn("{task.fields[events]} events", markup=False),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total, events="0")

        def report(path: str, done: int, whole: int | None, events: int) -> None:
            bar.update(task, description=path, completed=done, total=whole or total, events=f"{events:,}")

        yield report


@contextmanager
def busy(text: str) -> Iterator[None]:
    """A line on stderr that shows that something is being worked out, gone when it is done."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with console.status(Text(text)):
        yield
