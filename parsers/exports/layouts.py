"""The columns of exports as text, by their structure: the words of a header are in the language of the machine.

Two generations of Event Viewer write them, with commas or tabs:

- Server 2003, "Save Log File As": no header; date, time, source, type, category, event, user, computer, description
  (https://learn.microsoft.com/previous-versions/windows/it-pro/windows-server-2003/cc780824(v=ws.10)). "Export List"
  has the columns as they stand on the screen: a header, and the type first.
- Server 2008 and later, "Save All Events As": a header of five names (level, date and time, source, event id, task
  category; the Security log has keywords for the level), and rows with the description as a sixth value, quoted where
  it has line breaks.

Everything here is a pattern for one row up to its description. The same text makes a pattern for bytes, to cut rows,
and one for text, to read them.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

_OTHER = r"[^\x00-\x7f]{0,6}"  # marks of writing direction, narrow blanks
_DATE = rf"{_OTHER}\d{{1,4}}{_OTHER}[./-] ?{_OTHER}\d{{1,2}}{_OTHER}[./-] ?{_OTHER}\d{{1,4}}\.?"
_HEADER_WORDS = (
    b"level", b"keywords", b"date and time", b"source", b"event id", b"task category",
    b"type", b"date", b"time", b"category", b"event", b"user", b"computer", b"description",
)  # fmt: skip


class Form(StrEnum):
    """Which program wrote the table."""

    SAVED_2003 = "saved_2003"
    LISTED_2003 = "listed_2003"
    SAVED_2008 = "saved_2008"


_COLUMNS = {
    Form.SAVED_2003: ("date", "time", "source", "level", "category", "event", "user", "computer"),
    Form.LISTED_2003: ("level", "date", "time", "source", "category", "event", "user", "computer"),
    Form.SAVED_2008: ("level", "when", "source", "event", "category"),
}


class Layout(NamedTuple):
    """A form and what stands between its columns; `header` is the number of bytes before the first row."""

    form: Form
    delimiter: str
    header: int

    def row(self) -> re.Pattern[str]:
        """A row of text up to its description: named groups for the columns, `rest` for what stands behind them."""
        return re.compile(_pattern(self.form, self.delimiter), re.MULTILINE)

    def row_of_bytes(self) -> re.Pattern[bytes]:
        """The same for text with one byte for a character."""
        return re.compile(_pattern(self.form, self.delimiter).encode("ascii"), re.MULTILINE)


def _pattern(form: Form, delimiter: str) -> str:
    mark = {"\t": r"\t"}.get(delimiter, delimiter)
    plain = rf'[^{mark}"\r\n]'
    cell = rf'(?:"(?:[^"\r\n]|""){{0,1000}}"|{plain}{{0,1000}})'
    time = rf"{plain}{{0,20}}\d[:.]\d\d{plain}{{0,30}}"
    shapes = {
        "date": rf'"?{_DATE}"?',
        "time": rf'"?{time}"?',
        "when": rf'"?{_DATE}[ T,]{{1,3}}{time}"?',
        "event": r'"?\d{1,10}"?',
    }
    columns = mark.join(f"(?P<{name}>{shapes.get(name, cell)})" for name in _COLUMNS[form])
    return rf"^{_OTHER}{columns}(?P<rest>{mark}|(?=[\r\n]|\Z))"


def layout_of(view: bytes) -> Layout | None:
    """The layout of a table that begins like this; None for text that is no such table.

    Told by the first two lines that are not empty: the first row, or a header and then the first row. A header alone is
    enough where it has the English names. Of a 2008 table the header is required, and in another language also that
    it names one column less than its rows have: tables with a time and a number are common.

    Args:
        view: the beginning of the text, one byte for a character.
    """
    lines = [match for match in re.finditer(rb"[^\r\n]+", view[:20_000]) if match[0].strip()][:2]
    if not lines:
        return None
    for form, delimiter in ((form, mark) for form in Form for mark in ("\t", ",", ";")):
        row = Layout(form, delimiter, 0).row_of_bytes()
        mark = delimiter.encode()
        if form is not Form.SAVED_2008 and row.match(view, lines[0].start()):
            return Layout(form, delimiter, lines[0].start())
        names = [name.strip(b' "').lower() for name in lines[0][0].lstrip(b"\xef\xbb\xbf\xff").split(mark)]
        known = len(names) > 4 and all(name in _HEADER_WORDS for name in names)
        if known and _fits(names, form) and len(lines) == 1:
            return Layout(form, delimiter, lines[0].end())
        found = row.match(view, lines[1].start()) if len(lines) > 1 else None
        if found is None or len(names) not in {len(_COLUMNS[form]), len(_COLUMNS[form]) + 1} or not all(names):
            continue
        if form is not Form.SAVED_2008 or known or (len(names) == len(_COLUMNS[form]) and found["rest"]):
            return Layout(form, delimiter, lines[1].start())
    return None


def _fits(names: list[bytes], form: Form) -> bool:
    wanted = {"level": (b"level", b"keywords", b"type"), "when": (b"date and time",), "event": (b"event", b"event id")}
    columns = _COLUMNS[form]
    return len(names) >= len(columns) and all(
        name in wanted.get(column, (name,)) for name, column in zip(names, columns, strict=False)
    )
