"""Product knowledge as data: what is replicated, how often, where files lie, which log is which, how well it is known.

A profile is a TOML file of arrays of tables; each row has a key, a `mark` and a `source`. One is shipped with the
program; a file of the analyst's own extends it row by row. Nothing of this knowledge is written in code.
"""

from __future__ import annotations

import fnmatch
import re
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from forensics.errors import MissingPathError, ProfileError
from forensics.profile_faults import Fault, faults_of, read_toml
from forensics.profile_lines import Lines
from forensics.profile_rows import (
    BackupPattern,
    BackupZone,
    CheckpointKey,
    CollectedFile,
    CollectedKey,
    Cycle,
    DataFolder,
    EventRow,
    LogFile,
    LogSource,
    Mark,
    MessageFile,
    Named,
    Product,
    ProgramFile,
    RebuiltFile,
    RegistryKey,
    ReplicatedFile,
    RestoreStop,
    Row,
    Service,
    Text,
    Unknown,
    Unreplicated,
)
from forensics.profile_rules import (  # msgspec reads them at run time
    Guideline,  # noqa: TC001
    LogonEvent,  # noqa: TC001
    ProductOption,  # noqa: TC001
    StoreResource,  # noqa: TC001
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case

__all__ = [
    "DEFAULT",
    "TABLES",
    "Mark",
    "Profile",
    "ProfileFile",
    "ProfileText",
    "base_of",
    "key_of",
    "load_profile",
    "merged",
    "parse_profile",
    "profile_of",
    "profile_text",
    "read_profile",
    "shipped_names",
    "shipped_profile",
]

DEFAULT: Final = "fse-ccr"
_SIZE_MAX: Final = 1 << 20


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """The knowledge in force. Each tuple is a table of the file."""

    schema: Literal[1] = 1
    name: str = ""
    title: str = ""
    replicated_files: tuple[ReplicatedFile, ...] = ()
    unreplicated: tuple[Unreplicated, ...] = ()
    rebuilt_files: tuple[RebuiltFile, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    data_folders: tuple[DataFolder, ...] = ()
    backup_patterns: tuple[BackupPattern, ...] = ()
    backup_zones: tuple[BackupZone, ...] = ()
    registry_values: tuple[Named, ...] = ()
    cluster_groups: tuple[Named, ...] = ()
    logs: tuple[LogFile, ...] = ()
    log_sources: tuple[LogSource, ...] = ()
    message_files: tuple[MessageFile, ...] = ()
    checkpoint_keys: tuple[CheckpointKey, ...] = ()
    registry_keys: tuple[RegistryKey, ...] = ()
    program_files: tuple[ProgramFile, ...] = ()
    products: tuple[Product, ...] = ()
    services: tuple[Service, ...] = ()
    restore_stops: tuple[RestoreStop, ...] = ()
    store_resources: tuple[StoreResource, ...] = ()
    product_options: tuple[ProductOption, ...] = ()
    logon_events: tuple[LogonEvent, ...] = ()
    guidelines: tuple[Guideline, ...] = ()
    collected_keys: tuple[CollectedKey, ...] = ()
    collected_files: tuple[CollectedFile, ...] = ()
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

    @cached_property
    def _well_known_groups(self) -> frozenset[str]:
        return frozenset(row.name.casefold() for row in self.cluster_groups)

    def is_product(self, name: str) -> bool:
        """Whether it is the name of a product whose installation matters."""
        return self._products.match(name.casefold()) is not None

    @cached_property
    def _store_resources(self) -> re.Pattern[str]:
        globs = [fnmatch.translate(row.pattern.casefold()) for row in self.store_resources]
        return re.compile("|".join(globs) or r"(?!)")

    def is_store_resource(self, name: str) -> bool:
        """Whether it is the name of a cluster resource without which the store does not run."""
        return self._store_resources.match(name.casefold()) is not None

    def service(self, display_name: str) -> Service | None:
        """The service of that display name, without case; None where it is not one that matters."""
        return self._services.get(display_name.casefold())

    def is_well_known_group(self, name: str) -> bool:
        """Whether it is a cluster group that moves on its own and says nothing of any other, without case."""
        return name.casefold() in self._well_known_groups

    def rows(self) -> Iterator[tuple[str, str, Row]]:
        """Every row as (table, key, row), in the order of the file: what `ccrf profile show` prints."""
        for table in TABLES:
            for row in getattr(self, table):
                yield table, getattr(row, row.key_field), row


TABLES: Final = tuple(f.name for f in msgspec.structs.fields(Profile) if f.name not in {"schema", "name", "title"})


class ProfileFile(Profile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A profile as it is written: what it extends (`none` for a profile that stands alone), and its own rows."""

    extends: Text = DEFAULT


class ProfileText(NamedTuple):
    """The text of a profile, and what names it in errors."""

    text: str
    origin: str


def shipped_names() -> tuple[str, ...]:
    """The names of the profiles that are part of the program, sorted."""
    names = (Path(entry.name) for entry in (resources.files("forensics") / "profiles").iterdir())
    return tuple(sorted(name.stem for name in names if name.suffix == ".toml"))


def load_profile(name_or_path: str | Path | None = None) -> Profile:
    """The profile in the file at that path, the shipped one of that name, or (None) the default one.

    Raises:
        MissingPathError: there is no such profile and no such file.
        ProfileError: the file is no profile; says the line and the field, as far as they can be told.
    """
    return parse_profile(*profile_text(name_or_path))


def profile_text(name_or_path: str | Path | None = None) -> ProfileText:
    """The text of the profile that `load_profile` would load, without a byte-order mark, not looked into yet.

    Of a shipped profile and a file that have the same name the file is taken: an option says FILE.

    Raises:
        MissingPathError, ProfileError: as `load_profile`, but for what the text says.
    """
    name = str(name_or_path or DEFAULT)
    path = Path(name)
    if (name_or_path is None or not path.is_file()) and (shipped := _shipped(name)) is not None:
        return ProfileText(shipped, f"profile {name}")
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
        return ProfileText(raw.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProfileError(f"{path} line {line}", "it is not UTF-8 text") from error


def parse_profile(text: str, origin: str) -> Profile:
    """The profile that `text` describes, together with what it extends; `origin` names it in errors.

    A row replaces the row of the extended profile that has the same key; others are added behind.

    Raises:
        ProfileError: as `load_profile`; names the first of the faults.
    """
    own = read_profile(text)
    if isinstance(own, list):
        first, others = own[0], len(own) - 1
        where = origin if first.line is None else f"{origin} line {first.line}"
        more = f" (and {others} more: 'ccrf profile check' names them)" if others else ""
        raise ProfileError(where, first.reason + more)
    return merged(base_of(own), own)


def read_profile(text: str) -> ProfileFile | list[Fault]:
    """A profile as it is written, not merged with what it extends; or everything that is wrong with it."""
    document = read_toml(text)
    if isinstance(document, Fault):
        return [document]
    try:
        own = msgspec.convert(document, ProfileFile)
    except msgspec.ValidationError:
        faults = faults_of(text, document, ProfileFile)
        if not faults:
            raise
        return faults
    if any(len({key_of(row) for row in rows}) < len(rows) for table in TABLES for rows in [getattr(own, table)]):
        return faults_of(text, document, ProfileFile)
    if own.extends != "none" and _shipped(own.extends) is None:
        says = f"no such profile is shipped: {own.extends!r}; there are {', '.join(shipped_names())}, and none"
        return [Fault(Lines(text).of("extends"), "extends", None, "", "", says)]
    return own


def base_of(own: ProfileFile) -> Profile:
    """The shipped profile that `own` extends; an empty one where it stands alone."""
    return Profile() if own.extends == "none" else shipped_profile(own.extends)


def shipped_profile(name: str) -> Profile:
    """The shipped profile of that name, whatever files there are.

    Raises:
        MissingPathError: none is shipped under that name.
    """
    shipped = _shipped(name)
    if shipped is None:
        raise MissingPathError(name)
    return parse_profile(shipped, f"profile {name}")


def merged(base: Profile, own: ProfileFile) -> Profile:
    """`base` with the rows of `own`: in the place of those with the same key, the others behind."""
    tables = {table: _merge(getattr(base, table), getattr(own, table)) for table in TABLES}
    return msgspec.structs.replace(base, name=own.name or base.name, title=own.title or base.title, **tables)


def profile_of(case: Case) -> Profile:
    """The profile that was given when the case was ingested, else the default one.

    Raises:
        ProfileError: the case's profile is bad (written by hand, or by another version).
    """
    text = case.setting("profile")
    return load_profile() if text is None else parse_profile(text, f"the profile kept in {case.path}")


def key_of(row: Row) -> str:
    """The key by which rows of a table are compared: without case."""
    return str(getattr(row, row.key_field)).casefold()


def _shipped(name: str) -> str | None:
    if not re.fullmatch(r"[a-z0-9-]+", name):
        return None
    resource = resources.files("forensics") / "profiles" / f"{name}.toml"
    return resource.read_text("utf-8") if resource.is_file() else None


def _merge(base: tuple[Row, ...], own: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(({key_of(row): row for row in base} | {key_of(row): row for row in own}).values())
