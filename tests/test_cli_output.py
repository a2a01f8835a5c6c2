"""What the program prints can be trusted: no text acts on a terminal, and the machine formats are exact."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import output
from cli.output import Column, Format, csv_cell, emit_rows, json_text
from forensics.text import UNPRINTABLE, counted, printable, printable_json, shortened

# Letters that are shown as nothing; the categories do not tell them.
BLANK_LETTERS = {0x034F, 0x115F, 0x1160, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0}
ANY_TEXT = st.text(st.characters())  # with surrogates
HOSTILE = [
    "\x1b[31mred",
    "a\u202egpj.exe",
    "[/x]",
    "[bold]b[/bold]",
    "\x9b2J",
    "\ud800",
    "a\r\nb",
    "\x00",
    "\u200b",
    "=1+1",
]
COLUMNS = [Column("name", lambda row: str(row["name"])), Column("text", lambda row: str(row["text"]), long=True)]


def emitted(capsys, rows, form, fields=("name", "text")):
    emit_rows(rows, fields=fields, columns=COLUMNS, form=form)
    return capsys.readouterr().out


def test_unprintable_is_what_unicode_says():
    """Every control, format, surrogate and separator character is escaped, and no visible character is."""
    pattern = re.compile(f"[{UNPRINTABLE}]")
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert pattern.match(chr(code)), hex(code)
        elif pattern.match(chr(code)):
            assert category == "Cn" or code in BLANK_LETTERS or 0xE0100 <= code <= 0xE01EF, hex(code)


@given(ANY_TEXT)
def test_printable_text_is_one_harmless_line(text):
    """Whatever the evidence holds, the shown text is one line without control characters, and can be encoded."""
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x9b", r"\x9b"),
        ("\u202e\u2066", r"\u202e\u2066"),
        ("\ud83d", r"\ud83d"),
        ("\U000e0041", r"\U000e0041"),
        (r"C:\Program Files", r"C:\Program Files"),
        ("Grüße 日本 😀", "Grüße 日本 😀"),
        ("[/x]", "[/x]"),
    ],
)
def test_printable_examples(text, shown):
    """Escapes look as in Python; ordinary text of any language stays as it is."""
    assert printable(text) == shown


@given(ANY_TEXT)
def test_json_keeps_every_string(text):
    """A JSON document holds exactly the text of the evidence, lone surrogates too, and is harmless to look at."""
    document = json_text({"text": text})
    document.encode("utf-8")
    # Two lone surrogates in a row that make a pair are read back as that pair by every JSON reader.
    assert json.loads(document)["text"] == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert printable(document) == document


def test_json_has_no_infinity():
    """A number that JSON cannot hold is an error and never an invalid document."""
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("inf"))


def test_indented_json_is_the_same_document():
    """Indentation changes the look and never the data."""
    value = {"a": ["x\n\u202e", {"b": None}], "c": []}
    assert json.loads(json_text(value, indent=2)) == value
    assert "\u202e" not in json_text(value, indent=2)


def test_json_escapes_stay_outside_the_structure():
    """Only characters in strings are escaped: a document of ASCII stays byte for byte."""
    assert printable_json('{"a": [1, "b\\n"]}') == '{"a": [1, "b\\n"]}'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_csv_cells_are_never_formulas(start):
    """A cell that a spreadsheet would evaluate gets an apostrophe."""
    assert csv_cell(start + "cmd|'/c calc'!A1") == "'" + start + "cmd|'/c calc'!A1"


@pytest.mark.parametrize("text", ["-5", "-5.25", "", "a=1", "5-3", "'=1"])
def test_csv_leaves_harmless_cells_alone(text):
    """Plain negative numbers and text that is no formula stay as they are."""
    assert csv_cell(text) == text


@pytest.mark.parametrize("text", ["-5+cmd", "-", "-5\n=1", "-\u0665", "--5"])
def test_csv_numbers_are_plain(text):
    """Only digits after the minus make a number: everything else is taken for a formula."""
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize(
    ("value", "cell"), [(None, ""), (True, "true"), (7, "7"), (["a", None], '["a", null]'), ({"a": 1}, '{"a": 1}')]
)
def test_csv_values(value, cell):
    """Null is an empty cell, and a nested value is JSON."""
    assert csv_cell(value) == cell


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=4))
def test_machine_formats_agree(pairs):
    """JSON, JSON Lines and CSV hold the same rows, whatever the texts."""
    rows = [{"name": name, "text": text} for name, text in pairs]
    printed = {}
    for form in (Format.JSON, Format.JSONL, Format.CSV):
        buffer = io.StringIO(newline="")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(output.sys, "stdout", buffer)
            assert emit_rows(iter(rows), fields=("name", "text"), columns=COLUMNS, form=form) == len(rows)
        printed[form] = buffer.getvalue()
    from_json = json.loads(printed[Format.JSON])
    assert [json.loads(line) for line in printed[Format.JSONL].splitlines()] == from_json
    from_csv = list(csv.DictReader(io.StringIO(printed[Format.CSV], newline="")))
    assert from_csv == [{field: csv_cell(row[field]) for field in ("name", "text")} for row in rows]


def test_empty_results_are_valid(capsys):
    """No rows are an empty array, no lines, a header alone, and an empty table."""
    assert json.loads(emitted(capsys, [], Format.JSON)) == []
    assert emitted(capsys, [], Format.JSONL) == ""
    assert emitted(capsys, [], Format.CSV) == "name,text\n"
    assert emitted(capsys, [], Format.TABLE) == ""


def test_rows_are_streamed(capsys):
    """The machine formats write a row before they ask for the next one."""

    def rows():
        for number in range(3):
            yield {"name": f"n{number}", "text": ""}
            seen.append(capsys.readouterr().out)

    for form in (Format.JSON, Format.JSONL, Format.CSV):
        seen: list[str] = []
        emit_rows(rows(), fields=("name", "text"), columns=COLUMNS, form=form)
        capsys.readouterr()
        assert [f"n{number}" in text for number, text in enumerate(seen)] == [True] * 3


@pytest.mark.parametrize("text", HOSTILE)
def test_tables_are_safe(capsys, text):
    """A table of hostile text has one line a row, no control character, and shows markup as it stands."""
    table = emitted(capsys, [{"name": text, "text": text}], Format.TABLE)
    assert table.count("\n") == 2
    assert printable(table.replace("\n", "")) == table.replace("\n", "")
    assert printable(text) in table


def test_tables_are_aligned_and_uncut(capsys):
    """Away from a terminal columns are aligned by their width on screen, and no text is cut or boxed."""
    rows = [{"name": "a", "text": "x" * 500}, {"name": "日本", "text": "y"}]
    lines = emitted(capsys, rows, Format.TABLE).splitlines()
    assert lines == ["name  text", "a     " + "x" * 500, "日本  y"]


def test_long_tables_have_one_header(capsys, monkeypatch):
    """A table longer than a batch is one table."""
    monkeypatch.setattr(output, "BATCH", 2)
    lines = emitted(capsys, [{"name": f"n{i}", "text": ""} for i in range(5)], Format.TABLE).splitlines()
    assert lines == ["name  text", "n0", "n1", "n2", "n3", "n4"]


def test_stdout_is_utf8_everywhere(tmp_path):
    """Away from a terminal the output is UTF-8 with plain line feeds, whatever the system's encoding."""
    code = (
        "from cli.output import prepare_stdout, emit_line; prepare_stdout(); emit_line('Grüße \\ud800');"
        "import sys; sys.stdout.write('\\ud800\\n')"
    )
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=tmp_path, env=environment)
    assert done.stdout == "Grüße \\ud800\n\\ud800\n".encode()


def test_words():
    """Counts agree with their noun, and shortened text says so."""
    assert counted(1, "file") == "1 file"
    assert counted(1204, "entry", "entries") == "1,204 entries"
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abc", 4) == "abc"
