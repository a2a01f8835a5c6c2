"""Values that SQLite cannot hold as they stand survive the way into a case and back."""

from __future__ import annotations

import json
import sqlite3

from hypothesis import example, given
from hypothesis import strategies as st

from forensics.case.bulk import insert_rows
from forensics.case.values import json_text, sql_int, sql_text, strings_from_json, text_from_sql

# Text as UTF-16 gives it: surrogates only where they have no partner. Rich in what the escapes are made of.
any_text = st.text(st.one_of(st.sampled_from("\\u0d8fe\x00\ud800\udfff\"'n"), st.characters(exclude_categories=[])))
utf16_text = any_text.map(lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass"))


@given(any_text)
@example("C:\\udd00")
@example("\\\x00")
@example("\\\\\ud800u0000")
@example("\\u0000")
def test_escaped_text_is_storable_and_comes_back_exactly(text: str) -> None:
    """Any text, lone surrogates and NUL among it, is stored as NUL-free UTF-8 and read back as it was."""
    stored = sql_text(text)
    assert b"\x00" not in stored.encode("utf-8")
    assert text_from_sql(stored) == text


@given(any_text, any_text)
def test_escaping_keeps_texts_apart(one: str, other: str) -> None:
    """Two different texts never become one in the case."""
    assert (sql_text(one) == sql_text(other)) == (one == other)


def test_ordinary_text_is_its_own_form() -> None:
    """Paths, quotes, control characters other than NUL, and text beyond ASCII are stored as they stand."""
    for text in ("C:\\Users\\Data", 'a "b"', "grün\r\n\x1b[31m", "\U0001f600", ""):
        assert sql_text(text) == text


@given(st.lists(utf16_text))
def test_strings_come_back_from_their_json(strings: list[str]) -> None:
    """A list of strings is stored as JSON that both this program and any JSON reader give back exactly."""
    stored = json_text(strings)
    stored.encode("utf-8")
    assert strings_from_json(stored) == strings
    assert json.loads(stored) == strings


@given(st.text())
def test_both_json_encoders_write_the_same_escapes(text: str) -> None:
    """The slow encoder, used for lone surrogates, writes all else as the fast one does, for searches rely on it."""
    slow = json_text([text, "\ud800"])
    assert slow == json_text([text])[:-1] + ',"\\ud800"]'


def test_integers_beyond_64_bits_are_left_out() -> None:
    """An integer is stored exactly or not at all."""
    edge = (1 << 63) - 1
    assert [sql_int(value) for value in (edge, -edge, edge + 1, -edge - 1, 1 << 70, None, 0)] == [
        edge, -edge, None, None, None, None, 0,
    ]  # fmt: skip


def test_a_stored_list_that_was_altered_stays_visible() -> None:
    """Text that is no list of strings is given as the only string, never raised and never dropped."""
    for stored in ("not json", '{"a": 1}', "[1, 2]", "[" * 100_000, '["\ud800"]'):
        assert strings_from_json(stored) in ([stored], ["\ud800"])
    assert strings_from_json(None) == []


cell = st.one_of(
    st.none(), st.integers(-(1 << 63) + 1, (1 << 63) - 1), st.text(), st.binary(), st.just(str(-(1 << 63)))
)


@given(st.lists(st.tuples(cell, cell, cell)))
def test_bulk_rows_are_the_rows_of_a_plain_insert(rows: list[tuple[object, ...]]) -> None:
    """Whatever mixture of nulls, integers, texts and bytes comes, the table holds what executemany would have put."""
    connection = sqlite3.connect(":memory:")
    for table in ("fast", "plain"):
        connection.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, fixed INTEGER, a, b TEXT, c INTEGER)")
    fixed = [(1, *row) for row in rows]
    assert insert_rows(connection, "fast", ("fixed", "a", "b", "c"), iter(fixed)) == len(rows)
    connection.executemany("INSERT INTO plain(fixed, a, b, c) VALUES (?, ?, ?, ?)", fixed)
    select = "SELECT *, typeof(a), typeof(b), typeof(c) FROM {} ORDER BY id"
    fast, plain = (connection.execute(select.format(table)).fetchall() for table in ("fast", "plain"))
    connection.close()
    assert fast == plain


def test_bulk_rows_cross_chunks() -> None:
    """More rows than one chunk holds, null in one chunk and not in the next, all arrive in their order."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)")
    rows = [(number, None if number < 700 else "x") for number in range(1700)]
    assert insert_rows(connection, "t", ("a", "b"), rows) == 1700
    assert connection.execute("SELECT a, b FROM t ORDER BY id").fetchall() == rows
    connection.close()
