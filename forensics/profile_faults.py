"""What is wrong with the text of a profile: every fault with its line and field, not only the first."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from enum import EnumMeta
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

import msgspec

from forensics.profile_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_TOML_LINE: Final = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        line: where it stands; None where that cannot be told.
        table: the table, or the field of the top level; "" for the text as a whole.
        index: which row of the table, from 0; None where the table as a whole is meant.
        key: the row's key; "" where it has none.
        field: the field within the row; "" for the row as a whole.
        says: what is wrong.
    """

    line: int | None
    table: str
    index: int | None
    key: str
    field: str
    says: str

    @property
    def reason(self) -> str:
        """The place within the profile, and what is wrong there: `cycles[0].seconds: Expected ...`."""
        row = self.table if self.index is None else f"{self.table}[{self.index}]"
        place = ".".join(part for part in (row, self.field) if part)
        return f"{place}: {self.says}" if place else self.says


def read_toml(text: str) -> dict[str, Any] | Fault:
    """The document, or the one fault that the TOML parser names before it stops."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _TOML_LINE.search(str(error))
        at_end = text.count("\n", 0, len(text.rstrip())) + 1 if "at end of document" in str(error) else None
        return Fault(int(found[1]) if found else at_end, "", None, "", "", f"it is not TOML: {error}")


def faults_of(text: str, document: Mapping[str, Any], model: type[msgspec.Struct]) -> list[Fault]:
    """All faults of a document that is meant to be a `model`, in the order of lines.

    Tables are those fields of the model that are tuples of structs; each of these names its key in `key_field`.
    """
    fields = {field.name: field for field in msgspec.structs.fields(model)}
    lines = Lines(text)
    found: list[Fault] = []
    for name, value in document.items():
        if name not in fields:
            says = f"unknown field `{name}`{_near(name, fields)}"
            found.append(Fault(lines.of(name), "", None, "", "", says))
        elif (row_type := row_type_of(fields[name].type)) is None:
            found += [Fault(lines.of(name), name, None, "", "", says) for _, says in _wrong(value, fields[name].type)]
        elif not isinstance(value, list):
            says = f"Expected `array`, got `{_toml_name(value)}`: write each row under a line [[{name}]]"
            found.append(Fault(lines.of(name), name, None, "", "", says))
        else:
            found += _faults_of_table(lines, name, value, row_type)
    return sorted(found, key=lambda fault: fault.line or 0)


def row_type_of(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct of a table's rows; None for a field that is no table."""
    first = (*get_args(annotation), None)[0]
    return first if isinstance(first, type) and issubclass(first, msgspec.Struct) else None


def _faults_of_table(lines: Lines, table: str, rows: list[Any], row_type: type[msgspec.Struct]) -> Iterator[Fault]:
    key_field: str = row_type.key_field  # type: ignore[attr-defined]
    seen: dict[str, int | None] = {}
    for index, row in enumerate(rows):
        key = str(row.get(key_field, "")) if isinstance(row, dict) else ""
        for field, says in _faults_of_row(row, row_type):
            below = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", field)]
            line = lines.of(table, index, *below)
            yield Fault(line, table, index, key, field, says)
        if key and key.casefold() in seen:
            first = seen[key.casefold()]
            where = f" (first in line {first})" if first else ""
            line = lines.of(table, index, key_field)
            yield Fault(line, table, index, key, key_field, f"{key!r} stands here a second time{where}")
        seen.setdefault(key.casefold(), lines.of(table, index, key_field))


def _faults_of_row(row: Any, row_type: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    if not isinstance(row, dict):
        yield "", f"Expected a row of fields, got `{_toml_name(row)}`"
        return
    fields = {field.name: field for field in msgspec.structs.fields(row_type)}
    checks = getattr(row_type, "field_checks", {})
    whole = True
    for name, value in row.items():
        if name not in fields:
            whole = False
            yield name, f"unknown field `{name}`{_near(name, fields)}"
            continue
        wrong = list(_wrong(value, fields[name].type)) or list(_unheld(value, checks.get(name)))
        whole = whole and not wrong
        yield from ((name + below, says) for below, says in wrong)
    for name, field in fields.items():
        if field.required and name not in row:
            whole = False
            yield "", f"missing required field `{name}`{_words(field.type)}"
    if whole:
        # What a row as a whole has to hold is only asked of rows whose fields are right.
        for _, says in _wrong(row, row_type, with_place=False):
            named = says.partition(":")[0].split(" ")[0]
            yield named if named in row else "", says


def _wrong(value: Any, annotation: Any, *, with_place: bool = True) -> Iterator[tuple[str, str]]:
    """The first thing wrong with one value: where below it, and what."""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        says, _, place = str(error).partition(" - at ")
        below = place.strip("`").removeprefix("$") if with_place else ""
        if "nvalid enum value" in says:
            says += _words(annotation)
        yield below, says


def _unheld(value: Any, check: Callable[[Any], None] | None) -> Iterator[tuple[str, str]]:
    try:
        if check is not None:
            check(value)
    except ValueError as error:
        yield "", str(error)


def _words(annotation: Any) -> str:
    """The words that a field may be, where it is one of a few."""
    if isinstance(annotation, EnumMeta):
        return f"; a {annotation.__name__.lower()} is one of {', '.join(map(str, annotation))}"
    if get_origin(annotation) is Literal:
        return f"; it is one of {', '.join(map(str, get_args(annotation)))}"
    for argument in get_args(annotation):
        if words := _words(argument):
            return words
    return ""


def _near(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"; is {close[0]} meant?" if close else ""


def _toml_name(value: object) -> str:
    names = {dict: "table", list: "array", str: "string", bool: "boolean", int: "integer", float: "float"}
    return names.get(type(value), "date or time")
