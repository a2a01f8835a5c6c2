"""The CSV of log2timeline, 17 columns: https://forensics.wiki/l2t_csv/.

"The comma is not allowed as character in fields and is typically replaced with a space": readers of this format split
lines at commas. So no field has a comma, a quotation mark or a line break, and readers that know of quoting agree with
those that do not. The exact texts are in the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.forms import csv_cell
from forensics.text import printable
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.export.rows import ExportRow
    from forensics.forms import Json

COLUMNS: Final = (
    "date", "time", "timezone", "MACB", "source", "sourcetype", "type", "user", "host", "short", "desc", "version",
    "filename", "inode", "notes", "format", "extra",
)  # fmt: skip
_SHORT: Final = 80
_VERSION: Final = "2"
# What other columns hold, or what makes a line unreadable.
_NOT_EXTRA: Final = frozenset({"strings", "xml_string"})
_REPLACED: Final = str.maketrans({",": " ", '"': "'"})


def l2t_lines(rows: Iterable[ExportRow]) -> Iterator[str]:
    """The header, and a line for each row; a row without a time has the date 00/00/0000, as plaso writes it."""
    yield ",".join(COLUMNS) + "\n"
    for row in rows:
        yield ",".join(_cells(row)) + "\n"


def _cells(row: ExportRow) -> tuple[str, ...]:
    precise = iso_utc(row.time)
    date, time = "00/00/0000", "--:--:--"
    if precise is not None:
        date, time = f"{precise[5:7]}/{precise[8:10]}/{precise[:4]}", precise[11:19]
    short = row.message if len(row.message) <= _SHORT else row.message[: _SHORT - 3] + "..."
    extra: dict[str, Json] = {"datetime": precise, **row.fields}
    told = (f"{name}: {_plain(value)}" for name, value in extra.items() if value is not None and name not in _NOT_EXTRA)
    return (
        date, time, "UTC", row.macb, row.sort.source, row.sort.source_long, row.what,
        _cell(row.user), _cell(row.node), _cell(short), _cell(row.message), _VERSION,
        _cell(row.filename), "-", _cell(" ".join(row.tags)), row.sort.parser, _cell("; ".join(told)),
    )  # fmt: skip


def _plain(value: Json) -> str:
    return str(value) if isinstance(value, (str, int)) else csv_cell(value)


def _cell(text: str | None) -> str:
    """The text as a cell that no reader splits and no spreadsheet evaluates; `-` for none, as plaso has it."""
    return csv_cell(printable(text).translate(_REPLACED)) if text else "-"
