"""The rows of a profile: the shape of every table, with the limits that can be told from a row alone.

A row that breaks a limit raises `ValueError` while it is made, which msgspec turns into its own error with the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence  # noqa: TC003  (msgspec reads them at run time)
from datetime import UTC, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from forensics.claims import Claim  # noqa: TC001  (msgspec reads it at run time)

Text = Annotated[str, msgspec.Meta(min_length=1)]
Position = Annotated[int, msgspec.Meta(ge=1, le=255)]

PATTERN_TEXT_MAX: Final = 256
"""Characters of an insertion string that an `object_pattern` is applied to; it does not match a longer one."""
_PATTERN_MAX: Final = 200
_REPEATS_MAX: Final = 3
_BRANCHES_MAX: Final = 4
_STARS_MAX: Final = 3


class Mark(StrEnum):
    """How well a fact is known. Conclusions carry it on."""

    DOCUMENTED = "documented"  # a vendor page says it
    INFERRED = "inferred"  # follows from documented facts
    COMMON = "common"  # common knowledge among administrators; treated as inferred
    UNVERIFIED = "unverified"  # an analyst's own hypothesis; makes a conclusion possible, never more
    UNKNOWN = "unknown"  # looked for and not found


def _check_backup_pattern(pattern: str) -> None:
    named = re.findall(r"\{([^{}]*)\}", pattern)
    if unknown := sorted(set(named) - {"name", "stem", "stamp", "number"}):
        raise ValueError(f"there is no {{{unknown[0]}}}: only {{name}}, {{stem}}, {{stamp}} and {{number}}")
    if named.count("name") + named.count("stem") != 1:
        raise ValueError("it needs {name} or {stem} once: which file the path is a backup of")
    if len(named) != len(set(named)):
        raise ValueError("each of {stamp} and {number} stands there once at most")
    if pattern.count("*") > _STARS_MAX:
        raise ValueError(f"it has more than {_STARS_MAX} stars")
    if "\\" in pattern:
        raise ValueError("paths are compared with forward slashes")


def _check_zone(zone: str) -> None:
    zone_of(zone)


def zone_of(name: str) -> tzinfo:
    """The zone of that name, `Europe/Berlin`, `UTC` or `+01:00`; ValueError for one that is not known."""
    if offset := re.fullmatch(r"([+-])([0-9]{2}):?([0-9]{2})", name):
        delta = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if delta < timedelta(hours=24):
            return timezone(-delta if offset[1] == "-" else delta)
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a known time zone: use one such as Europe/Berlin or +01:00") from None


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row: how well it is known, from where, and a word on it."""

    key_field: ClassVar[str] = "name"
    # What a field has to hold beyond its type: each raises ValueError. A check looks at its own field only.
    field_checks: ClassVar[Mapping[str, Callable[[Any], None]]] = {}

    mark: Mark
    source: Text
    note: str = ""


class ReplicatedFile(Fact, frozen=True, kw_only=True):
    """A file that replication copies from the active to the passive node. Names compare without case."""

    name: Text


class Unreplicated(Fact, frozen=True, kw_only=True):
    """Something beside the replicated files that differs between the nodes by design."""

    name: Text
    kind: Literal["file", "folder", "log", "database"]


class RebuiltFile(Fact, frozen=True, kw_only=True):
    """A file that the product makes anew when it starts and the file is missing, from another one or its defaults."""

    name: Text
    made_from: str = ""


class Cycle(Fact, frozen=True, kw_only=True):
    """How often something is replicated."""

    name: Text
    seconds: Annotated[int, msgspec.Meta(gt=0, le=86_400)]


class DataFolder(Fact, frozen=True, kw_only=True):
    """A glob over paths with forward slashes, without case, that live files match by their folder."""

    key_field: ClassVar[str] = "pattern"
    pattern: Text


class BackupPattern(Fact, frozen=True, kw_only=True):
    """Where a backup of a replicated file lies, as a glob over paths with forward slashes, without case.

    A star stands for any characters, a question mark for one, within folders and across them. `{name}` stands for the
    name of a replicated file and `{stem}` for it without its extension, one of them is needed; `{stamp}` for a moment,
    year first; `{number}` for up to six digits.
    """

    key_field: ClassVar[str] = "pattern"
    field_checks: ClassVar[Mapping[str, Callable[[Any], None]]] = {"pattern": _check_backup_pattern}
    pattern: Text

    def __post_init__(self) -> None:
        """Refuse what can never match, and what could take for ever."""
        _check_backup_pattern(self.pattern)


class BackupZone(Fact, frozen=True, kw_only=True):
    """The zone in which moments in names of backups were written, on one node or (`*`) on any."""

    key_field: ClassVar[str] = "node"
    field_checks: ClassVar[Mapping[str, Callable[[Any], None]]] = {"zone": _check_zone}
    node: Text = "*"
    zone: Text

    def __post_init__(self) -> None:
        """Refuse a zone that is not known."""
        _check_zone(self.zone)


class Named(Fact, frozen=True, kw_only=True):
    """A name with a meaning that its table tells."""

    name: Text


class LogFile(Fact, frozen=True, kw_only=True):
    """A file name that promises a log."""

    key_field: ClassVar[str] = "file"
    file: Text
    log: Text


class LogSource(Fact, frozen=True, kw_only=True):
    """An event source that writes to one log only."""

    key_field: ClassVar[str] = "event_source"
    event_source: Text
    log: Text


class MessageFile(Fact, frozen=True, kw_only=True):
    """A program or library whose message table holds the texts of event sources; names compare without case.

    A file that is called like the source (`FSECCRService.exe`) needs no row.
    """

    key_field: ClassVar[str] = "file"
    file: Text
    event_sources: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]


class CheckpointKey(Fact, frozen=True, kw_only=True):
    """A registry key that the product configures as a checkpoint, relative to HKEY_LOCAL_MACHINE."""

    key_field: ClassVar[str] = "key"
    key: Text


def _check_registry_key(key: str) -> None:
    if key.startswith("\\") or key.endswith("\\") or "\\\\" in key or key.upper().startswith("HKEY_"):
        raise ValueError("a key is written relative to HKEY_LOCAL_MACHINE, with single backslashes between its parts")
    if any("*" in part and part != "*" for part in key.split("\\")):
        raise ValueError("a star stands for one whole part of a key")


class RegistryKey(Fact, frozen=True, kw_only=True):
    """A registry key whose values are kept, relative to HKEY_LOCAL_MACHINE; a `*` stands for any one part of it.

    Attributes:
        part: what it is of: the product; the scanner that the store loads; a cluster resource, its registry and crypto
            checkpoints; a cluster node; a cluster group.
        below: whether what lies below it is kept too.
        known_by: values that its root has, all of them, where the key was saved as a hive of its own.
    """

    key_field: ClassVar[str] = "key"
    field_checks: ClassVar[Mapping[str, Callable[[Any], None]]] = {"key": _check_registry_key}
    key: Text
    part: Literal["product", "scanner", "resource", "checkpoints", "crypto_checkpoints", "node", "group"]
    below: bool = False
    known_by: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what can never match."""
        _check_registry_key(self.key)


class CollectedKey(Fact, frozen=True, kw_only=True):
    """A registry key that `collect.cmd` exports whole, relative to HKEY_LOCAL_MACHINE; below SOFTWARE in both views."""

    key_field: ClassVar[str] = "key"
    key: Text


class CollectedFile(Fact, frozen=True, kw_only=True):
    """A mask of file names, as `dir` takes it, that `collect.cmd` copies from anywhere below the product's folder."""

    key_field: ClassVar[str] = "mask"
    mask: Text


class ProgramFile(Fact, frozen=True, kw_only=True):
    """A file of the product that is gone when the product is; names compare without case.

    `part`: the library that the store loads for scanning, or another one.
    """

    name: Text
    part: Literal["scanner", "program"]


class Product(Fact, frozen=True, kw_only=True):
    """A glob over product names, without case: whose installation and removal matter."""

    key_field: ClassVar[str] = "pattern"
    pattern: Text


class Service(Fact, frozen=True, kw_only=True):
    """A service whose starts and stops matter, by its display name, without case.

    `kind` tells what it is a part of: the cluster, the store (which runs on the active node), the copying of logs, the
    product.
    """

    name: Text
    kind: Literal["cluster", "store", "replication", "product"]


class RestoreStop(Fact, frozen=True, kw_only=True):
    """A service that must not run while files are put back, by the name that people know, in the order of stopping.

    `where`: on the node whose files are restored, or on every node.
    """

    name: Text
    order: Annotated[int, msgspec.Meta(ge=1, le=99)]
    where: Literal["node", "every node"]


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an insertion string must be for an event to match. Without case, blanks at the ends left out.

    Exactly one of the tests. A string that is not there is empty; `not_equals` asks for one that is there.
    """

    string: Position
    equals: str | None = None
    not_equals: str | None = None
    one_of: tuple[str, ...] | None = None
    contains: Text | None = None

    def __post_init__(self) -> None:
        """Refuse none of the tests, and more than one."""
        if sum(test is not None for test in (self.equals, self.not_equals, self.one_of, self.contains)) != 1:
            raise ValueError("needs exactly one of equals, not_equals, one_of, contains")
        if self.one_of == ():
            raise ValueError("one_of is empty, so nothing could match")

    def holds(self, strings: Sequence[str | None]) -> bool:
        """Whether an event with these insertion strings meets it."""
        value = (strings[self.string - 1] or "") if self.string <= len(strings) else ""
        value = value.strip().casefold()
        if self.equals is not None:
            return value == self.equals.strip().casefold()
        if self.not_equals is not None:
            return bool(value) and value != self.not_equals.strip().casefold()
        if self.one_of is not None:
            return value in [text.strip().casefold() for text in self.one_of]
        return (self.contains or "").casefold() in value


def check_pattern(pattern: str) -> None:
    """Refuse a regular expression that is none, or whose time could grow beyond measure with the text.

    No repeated groups, look-arounds, back-references or flags; few repeats and branches: so the steps are bounded by
    about the third power of `PATTERN_TEXT_MAX`, whatever the text.

    Raises:
        ValueError: says what is wrong.
    """
    if len(pattern) > _PATTERN_MAX:
        raise ValueError(f"it is longer than {_PATTERN_MAX} characters")
    if re.search(r"\\[1-9]", re.sub(r"\\\\", "", pattern)):
        raise ValueError("back-references are not allowed")
    # Escaped characters and classes become one letter each, repeats one mark each: the rest of the syntax is plain.
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "c", re.sub(r"\\.", "e", pattern, flags=re.DOTALL))
    if re.search(r"\(\?(?!:)", plain):
        raise ValueError("of the groups with a ? only (?: ) is allowed")
    plain = re.sub(r"(?:[*+]|\{\d*,?\d*\})\??", "\0", plain.replace("(?:", "("))
    if ")\0" in plain:
        raise ValueError("a group cannot be repeated")
    anchored = plain.startswith("^") and "|" not in plain
    repeats = plain.count("\0") + (not anchored)
    if repeats > _REPEATS_MAX:
        most = f"{_REPEATS_MAX} repeats (*, +, {{ }})"
        raise ValueError(f"it has more than {most}, or {_REPEATS_MAX} without a ^ at its beginning")
    if plain.count("?") + plain.count("|") > _BRANCHES_MAX:
        raise ValueError(f"it has more than {_BRANCHES_MAX} branches (? and |)")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no regular expression: {error}") from error
    if compiled.groups != 1:
        raise ValueError(f"it needs exactly one group (...), it has {compiled.groups}")


def _check_sources(sources: tuple[str, ...] | list[str]) -> None:
    if any("*" in source[:-1] for source in sources):
        raise ValueError("a * stands only at the end of a source")


def _check_id(number: int) -> None:
    if number > 0xFFFF:
        raise ValueError(f"an id is the low 16 bits of the identifier: of {number} that is {number & 0xFFFF}")


def _check_text(text: str) -> None:
    if not text.strip():
        raise ValueError("it is blank, so every message would match")


class EventRow(Fact, frozen=True, kw_only=True):
    """What an event says; docs/profile.md explains it to analysts.

    Attributes:
        key: its name in the catalogue, such as "ClusSvc 1201".
        event_sources: sources (providers) that log it, without case; a `*` at the end matches any ending.
        id: low 16 bits of the identifier; None with `any_id`, or where only the text is known.
        any_id: every event of the sources that no row with an id knows.
        log: the only log that it counts in; None: any.
        claim: what it says.
        object: which insertion string (1 is the first) names what it speaks of.
        object_pattern: regular expression, without case, whose one group is the object within that string.
        requires: what its strings must be, all of it.
        text: the message, or a part that no other message of the sources has; compared literally, without case,
            any run of blanks being one.
        strings: names of further insertion strings, with their positions.
        strength: how much the claim weighs for the roles.
        role_mark: how well it is known what it says of the role, where that is less well than what it says.
        matters: whether it belongs into a timeline.
    """

    key_field: ClassVar[str] = "key"
    field_checks: ClassVar[Mapping[str, Callable[[Any], None]]] = {
        "event_sources": _check_sources,
        "id": _check_id,
        "object_pattern": check_pattern,
        "text": _check_text,
    }
    key: Text
    event_sources: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    id: Annotated[int, msgspec.Meta(ge=0)] | None = None
    any_id: bool = False
    log: Text | None = None
    claim: Claim
    object: Position | None = None
    object_pattern: Text | None = None
    requires: tuple[Requirement, ...] = ()
    text: Text | None = None
    strings: dict[Text, Position] = {}
    strength: Literal["strong", "weak"] = "weak"
    role_mark: Mark | None = None
    matters: bool = True

    def __post_init__(self) -> None:
        """Refuse what can never match, and patterns that could take for ever."""
        if self.id is None and not self.any_id and self.text is None:
            raise ValueError("needs an id, any_id = true, or a text")
        if self.id is not None and self.any_id:
            raise ValueError("any_id excludes an id: a row has one of the two")
        if self.object_pattern is not None and self.object is None:
            raise ValueError("object_pattern needs object, the string that it is applied to")
        for field, check in self.field_checks.items():
            if getattr(self, field) is not None:
                check(getattr(self, field))

    @property
    def strong(self) -> bool:
        """Whether the claim is strong."""
        return self.strength == "strong"

    def string(self, name: str, strings: Sequence[str | None]) -> str | None:
        """The insertion string that the row calls `name`; None where there is no such name, or no such string."""
        position = self.strings.get(name)
        return strings[position - 1] if position is not None and position <= len(strings) else None


class Unknown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was looked for and not found."""

    key_field: ClassVar[str] = "topic"

    topic: Text
    note: Text


Row = Fact | Unknown
