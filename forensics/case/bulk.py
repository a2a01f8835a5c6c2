"""Rows into a table at the speed that sqlite3 allows."""

from __future__ import annotations

from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_CHUNK = 500
# Python's sqlite3 looks for an adapter for every None that it binds, which takes longer than storing the value: in rows
# of 32 columns, half of them null, two thirds of the whole time. So a column that is null throughout a chunk is left
# out of the statement, and in the others an integer that no stored value can have stands for null.
_NULL: Final = -(1 << 63)
_NULLABLE: Final = f"nullif(?, {_NULL})"


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


def prepare(names: Sequence[str], columns: Sequence[Sequence[Any]], count: int) -> Prepared:
    """Prepare `count` rows that are given as columns, each called as in `names`."""
    ready = Prepared([], [], [], count)
    for name, column in zip(names, columns, strict=True):
        first = column[0]
        if type(first) is int and first == column[-1] and column.count(first) == count:
            # One number throughout (the evidence's id, a flag) is written once instead of bound for every row.
            # Never done with text: what evidence says is bound.
            ready.marks.append(str(first))
        elif type(first) is str and first == column[-1] and column.count(first) == count:
            ready.marks.append("?")
            ready.values.append(repeat(first, count))  # sent to the writing process as one
        elif None not in column:
            ready.marks.append("?")
            ready.values.append(column)
        elif column.count(None) < count:
            ready.marks.append(_NULLABLE)
            ready.values.append([_NULL if value is None else value for value in column])
        else:
            continue
        ready.names.append(name)
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

    Holds 500 rows at a time. Ids rise in the order of the rows. The integer -2^63 cannot be stored (it becomes NULL):
    `values.sql_int` never gives it.

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
