"""Product knowledge as data: what is replicated, how often, where files lie, which log is which, how well it is known.

A profile is a TOML file of arrays of tables; each row has a key, a `mark` and a `source`. One is shipped with the
program; a file of the analyst's own extends it row by row. Nothing of this knowledge is written in code.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from forensics.errors import MissingPathError, ProfileError
from forensics.profile_rows import (
    CheckpointKey,
    Cycle,
    DataFolder,
    EventRow,
    LogFile,
    LogSource,
    Mark,
    Named,
    Product,
    ReplicatedFile,
    Row,
    Service,
    Text,
    Unknown,
    Unreplicated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case

__all__ = ["DEFAULT", "TABLES", "Mark", "Profile", "load_profile", "parse_profile", "profile_of"]

DEFAULT: Final = "fse-ccr"
_SIZE_MAX: Final = 1 << 20


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """The knowledge in force. Each tuple is a table of the file."""

    schema: Literal[1] = 1
    name: str = ""
    title: str = ""
    replicated_files: tuple[ReplicatedFile, ...] = ()
    unreplicated: tuple[Unreplicated, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    data_folders: tuple[DataFolder, ...] = ()
    registry_values: tuple[Named, ...] = ()
    cluster_groups: tuple[Named, ...] = ()
    logs: tuple[LogFile, ...] = ()
    log_sources: tuple[LogSource, ...] = ()
    checkpoint_keys: tuple[CheckpointKey, ...] = ()
    products: tuple[Product, ...] = ()
    services: tuple[Service, ...] = ()
    events: tuple[EventRow, ...] = ()
    unknowns: tuple[Unknown, ...] = ()

    @cached_property
    def _logs_of_files(self) -> dict[str, str]:
        return {row.file.casefold(): row.log for row in self.logs}

    @cached_property
    def _logs_of_sources(self) -> dict[str, str]:
        return {row.event_source.casefold(): row.log for row in self.log_sources}

    def log_of_file(self, name: str) -> str | None:
        """The log that a file name promises, without case; None for a name that is not known."""
        return self._logs_of_files.get(name.casefold())

    def log_of_source(self, source: str) -> str | None:
        """The only log that an event source writes to, without case; None where that is not known."""
        return self._logs_of_sources.get(source.casefold())

    def is_replicated(self, name: str) -> bool:
        """Whether replication copies a file of that name, compared without case."""
        return name.casefold() in {row.name.casefold() for row in self.replicated_files}

    @cached_property
    def _products(self) -> re.Pattern[str]:
        globs = [fnmatch.translate(row.pattern.casefold()) for row in self.products]
        return re.compile("|".join(globs) or r"(?!)")

    @cached_property
    def _services(self) -> dict[str, Service]:
        return {row.name.casefold(): row for row in self.services}

    def is_product(self, name: str) -> bool:
        """Whether it is the name of a product whose installation matters."""
        return self._products.match(name.casefold()) is not None

    def service(self, display_name: str) -> Service | None:
        """The service of that display name, without case; None where it is not one that matters."""
        return self._services.get(display_name.casefold())

    def is_well_known_group(self, name: str) -> bool:
        """Whether it is a cluster group that moves on its own and says nothing of any other, without case."""
        return name.casefold() in {row.name.casefold() for row in self.cluster_groups}

    def rows(self) -> Iterator[tuple[str, str, Row]]:
        """Every row as (table, key, row), in the order of the file: what `ccrf profile show` prints."""
        for table in TABLES:
            for row in getattr(self, table):
                yield table, getattr(row, row.key_field), row


TABLES: Final = tuple(f.name for f in msgspec.structs.fields(Profile) if f.name not in {"schema", "name", "title"})


class _File(Profile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A profile as it is written: what it extends (`none` for a profile that stands alone), and its own rows."""

    extends: Text = DEFAULT


def load_profile(name_or_path: str | Path | None = None) -> Profile:
    """The shipped profile of that name, the one in the file at that path, or (None) the default one.

    Raises:
        MissingPathError: there is no such profile and no such file.
        ProfileError: the file is no profile; says the line and the field, as far as they can be told.
    """
    shipped = _shipped(name_or_path or DEFAULT)
    if shipped is not None:
        return parse_profile(shipped, f"profile {name_or_path or DEFAULT}")
    path = Path(name_or_path or DEFAULT)
    try:
        with path.open("rb") as file:
            raw = file.read(_SIZE_MAX + 1)
    except FileNotFoundError:
        raise MissingPathError(path) from None
    except (OSError, ValueError) as error:
        raise ProfileError(str(path), f"it cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(raw) > _SIZE_MAX:
        raise ProfileError(str(path), "it is larger than 1 MiB, so no profile")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProfileError(f"{path} line {line}", "it is not UTF-8 text") from error
    return parse_profile(text, str(path))


def parse_profile(text: str, origin: str) -> Profile:
    """The profile that `text` describes, together with what it extends; `origin` names it in errors.

    A row replaces the row of the extended profile that has the same key; others are added behind.

    Raises:
        ProfileError: as `load_profile`.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # tomllib says line and column in its own words.
        raise ProfileError(origin, f"it is not TOML: {error}") from error
    try:
        own = msgspec.convert(document, _File)
    except msgspec.ValidationError as error:
        raise ProfileError(*_place(text, origin, str(error))) from error
    for table in TABLES:
        _refuse_twins(text, origin, table, getattr(own, table))
    if own.extends == "none":
        base = Profile()
    else:
        shipped = _shipped(own.extends)
        if shipped is None:
            raise ProfileError(origin, f"it extends {own.extends!r}, and no such profile is shipped")
        base = parse_profile(shipped, f"profile {own.extends}")
    merged = {table: _merge(getattr(base, table), getattr(own, table)) for table in TABLES}
    return msgspec.structs.replace(base, name=own.name or base.name, title=own.title or base.title, **merged)


def profile_of(case: Case) -> Profile:
    """The profile that was given when the case was ingested, else the default one.

    Raises:
        ProfileError: the case's profile is bad (written by hand, or by another version).
    """
    text = case.setting("profile")
    return load_profile() if text is None else parse_profile(text, f"the profile kept in {case.path}")


def _shipped(name: str | Path) -> str | None:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9-]+", name):
        return None
    resource = resources.files("forensics") / "profiles" / f"{name}.toml"
    return resource.read_text("utf-8") if resource.is_file() else None


def _key(row: Row) -> str:
    return str(getattr(row, row.key_field)).casefold()


def _merge(base: tuple[Row, ...], own: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(({_key(row): row for row in base} | {_key(row): row for row in own}).values())


def _refuse_twins(text: str, origin: str, table: str, rows: tuple[Row, ...]) -> None:
    seen: set[str] = set()
    for index, row in enumerate(rows):
        if _key(row) in seen:
            line = _line_of(text, table, index, row.key_field)
            raise ProfileError(_at(origin, line), f"{table}: {getattr(row, row.key_field)!r} stands here a second time")
        seen.add(_key(row))


def _place(text: str, origin: str, complaint: str) -> tuple[str, str]:
    """Where in the file msgspec's complaint belongs, and the complaint with the field named."""
    what, _, where = complaint.partition(" - at ")
    field = re.search(r"field `(\w+)`", what)
    found = re.match(r"`\$\.(\w+)(?:\[(\d+)\])?(?:\.(\w+))?", where)
    table, index, key = found.groups() if found else (None, None, None)
    line = _line_of(text, table, int(index or 0), key or (field[1] if field else None))
    if key == "mark" and "enum" in what:
        what = f"{what}; a mark is one of {', '.join(Mark)}"
    named = ".".join(part for part in (f"{table}[{index}]" if index else table, key) if part)
    return _at(origin, line), f"{named}: {what}" if named else what


def _at(origin: str, line: int | None) -> str:
    return origin if line is None else f"{origin} line {line}"


def _line_of(text: str, table: str | None, index: int, key: str | None) -> int | None:
    """The line of a key in the n-th `[[table]]`, else of its header; None where tables are written otherwise.

    With a table but no header of that name, the table is a key of the top level.
    """
    lines = text.splitlines()
    headers = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{table}\s*\]\]", line)] if table else []
    if table and index < len(headers):
        start, fallback = headers[index] + 1, headers[index] + 1
    else:
        start, fallback, key = 0, 0, (table or key)
    for number, line in enumerate(lines[start:], start + 1):
        if start and line.lstrip().startswith("["):
            break
        if key and re.match(rf"\s*(?:{key}|\[+\s*{key}\s*\]+)\s*(?:=|$|#)", line):
            return number
    return fallback or None
