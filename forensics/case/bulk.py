"""Rows into a table at the speed that sqlite3 allows."""

from __future__ import annotations

from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_CHUNK = 500
# What is bound for null: SQLite stores a NaN as null (https://sqlite.org/c3ref/bind_blob.html). Python's sqlite3 binds
# a float as it is, while for every None it looks for an adapter, which takes longer than storing the value.
_NULL: Final = float("nan")


class Prepared(NamedTuple):
    """Rows as one statement takes them; made where there is time for it, and cheap to send to who writes.

    Attributes:
        names: columns of the table; one that is null in every row is left out.
        marks: what stands for each in VALUES: a parameter, or the number that it is in every row.
        values: for each parameter the values of all rows, in order.
        length: number of the rows.
    """

    names: list[str]
    marks: list[str]
    values: list[Iterable[Any]]
    length: int


def prepare(names: Sequence[str], columns: Sequence[Sequence[Any]], length: int) -> Prepared:
    """Prepare `length` rows that are given as columns, each called as in `names`."""
    ready = Prepared([], [], [], length)
    for name, column in zip(names, columns, strict=True):
        first = column[0]
        values: Iterable[Any] = column
        if first == column[-1] and column.count(first) == length:
            if first is None:
                continue
            if type(first) is int:
                # One number throughout (the evidence's id, a flag) is written once instead of bound for every row.
                # Never done with text: what evidence says is bound.
                ready.names.append(name)
                ready.marks.append(str(first))
                continue
            values = repeat(first, length)  # sent to the writing process as one
        elif None in column:
            values = [_NULL if value is None else value for value in column]
        ready.names.append(name)
        ready.marks.append("?")
        ready.values.append(values)
    return ready


def insert_prepared(connection: sqlite3.Connection, table: str, ready: Prepared) -> int:
    """Insert prepared rows and return how many; ids rise in their order.

    Raises:
        sqlite3.Error: what the database says.
    """
    if not ready.length:
        return 0
    sql = f"INSERT INTO {table}({', '.join(ready.names)}) VALUES ({', '.join(ready.marks)})"  # noqa: S608 - our own names
    connection.executemany(sql, zip(*ready.values, strict=True) if ready.values else [()] * ready.length)
    return ready.length


def insert_rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Insert `rows`, each with a value for every one of `columns` in their order, and return how many there were.

    Holds 500 rows at a time. Ids rise in the order of the rows.

    Raises:
        sqlite3.Error: what the database says.
        ValueError: a row of another length.
    """
    source = iter(rows)
    total = 0
    while chunk := list(islice(source, _CHUNK)):
        ready = prepare(columns, list(zip(*chunk, strict=True)), len(chunk))
        total += insert_prepared(connection, table, ready)
    return total
