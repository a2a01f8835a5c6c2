"""Rows into a table at the speed that sqlite3 allows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_CHUNK = 500
# Python's sqlite3 looks for an adapter for every None that it binds, which takes longer than storing the value: in rows
# of 31 columns, half of them null, two thirds of the whole time. So a column that is null throughout a chunk is left
# out of the statement, and in the others an integer that no stored value can have stands for null.
_NULL: Final = -(1 << 63)
_NULLABLE: Final = f"nullif(?, {_NULL})"


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
        names: list[str] = []
        marks: list[str] = []
        values: list[Sequence[Any]] = []
        for name, column in zip(columns, zip(*chunk, strict=True), strict=True):
            first = column[0]
            if type(first) is int and first == column[-1] and column.count(first) == len(column):
                # One number throughout (the evidence's id, a flag) is written once instead of bound for every row.
                # Never done with text: what evidence says is bound.
                marks.append(str(first))
            elif None not in column:
                marks.append("?")
                values.append(column)
            elif column.count(None) < len(column):
                marks.append(_NULLABLE)
                values.append([_NULL if value is None else value for value in column])
            else:
                continue
            names.append(name)
        sql = f"INSERT INTO {table}({', '.join(names)}) VALUES ({', '.join(marks)})"  # noqa: S608 - our own names
        connection.executemany(sql, zip(*values, strict=True) if values else [()] * len(chunk))
        total += len(chunk)
    return total
