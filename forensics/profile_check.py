"""What an extension of a profile does, and what is wrong or doubtful: for its author, before a case rests on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from forensics.catalogue import Catalogue, normalised_text
from forensics.checks.model import GUIDELINES
from forensics.claims import GROUP_CLAIMS, ROLE_CLAIMS, Claim
from forensics.profile import TABLES, Mark, ProfileFile, base_of, key_of, merged, profile_text, read_profile
from forensics.profile_lines import Lines
from forensics.profile_rows import CheckpointKey, DataFolder, EventRow, LogFile, ReplicatedFile
from forensics.profile_rules import Guideline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forensics.profile_rows import Requirement, Row

# An ending and an id that no row names: what only a prefix, only `any_id` matches.
_ANY_ENDING: Final = "\uffff"
_ANY_ID: Final = -1


class FindingKind(StrEnum):
    """What a finding is. Only errors keep a profile from being used."""

    ERROR = "error"
    WARNING = "warning"
    REPLACES = "replaces"  # a row of the extended profile
    ADDS = "adds"


class Finding(NamedTuple):
    """One finding. `line` is None, `table`, `key` and `field` are "" where it has none; `says` is for people."""

    kind: FindingKind
    line: int | None
    table: str
    key: str
    field: str
    says: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one profile.

    Attributes:
        origin: names the profile.
        extends: the profile that it extends, "none", or "" where it has errors.
        findings: errors alone, or else warnings and what it does, in the order of lines.
    """

    origin: str
    extends: str
    findings: tuple[Finding, ...]

    def count(self, kind: FindingKind) -> int:
        """How many findings are of that kind."""
        return sum(finding.kind is kind for finding in self.findings)

    @property
    def usable(self) -> bool:
        """Whether it can be used."""
        return self.count(FindingKind.ERROR) == 0


def check_profile(name_or_path: str | Path) -> Checked:
    """Everything that can be said of the profile in that file, or of the shipped one of that name.

    Raises:
        MissingPathError: there is no such profile and no such file.
        ProfileError: the file cannot be read as text.
    """
    text, origin = profile_text(name_or_path)
    own = read_profile(text)
    if isinstance(own, list):
        errors = [
            Finding(FindingKind.ERROR, fault.line, fault.table, fault.key, fault.field, fault.reason) for fault in own
        ]
        return Checked(origin, "", tuple(errors))
    found = _Check(own, Lines(text)).findings()
    return Checked(origin, own.extends, tuple(sorted(found, key=lambda finding: finding.line or 0)))


class _Check:
    def __init__(self, own: ProfileFile, lines: Lines) -> None:
        self._own = own
        self._lines = lines
        self._base = base_of(own)
        self._catalogue = Catalogue(merged(self._base, own))

    def findings(self) -> Iterator[Finding]:
        for table in TABLES:
            known: dict[str, Row] = {key_of(row): row for row in getattr(self._base, table)}
            for index, row in enumerate(getattr(self._own, table)):
                yield self._change(table, index, row, known.get(key_of(row)))
                for field, says in self._doubts(row):
                    yield self._finding(FindingKind.WARNING, table, index, row, field, says)
        if not any(getattr(self._own, table) for table in TABLES):
            yield Finding(FindingKind.WARNING, None, "", "", "", "it has no rows, so it changes nothing")

    def _finding(self, kind: FindingKind, table: str, index: int, row: Row, field: str, says: str) -> Finding:
        line = self._lines.of(table, index, field) if field else self._lines.of(table, index)
        return Finding(kind, line, table, str(getattr(row, row.key_field)), field, says)

    def _change(self, table: str, index: int, row: Row, before: Row | None) -> Finding:
        if before is None:
            return self._finding(FindingKind.ADDS, table, index, row, "", in_short(row))
        changes = [
            f"{name}: {_shown(old)} -> {_shown(new)}"
            for name in row.__struct_fields__
            if (old := getattr(before, name)) != (new := getattr(row, name))
        ]
        says = f"the row of {self._base.name}: {'; '.join(changes) or 'nothing of it changes'}"
        return self._finding(FindingKind.REPLACES, table, index, row, "", says)

    def _doubts(self, row: Row) -> Iterator[tuple[str, str]]:
        if isinstance(row, EventRow):
            yield from _doubts_of_event(row)
            yield from self._clashes(row)
            if _contradictory(row.requires):
                yield "requires", "it never matches: no string can be all of what it requires"
            elif self._never(row):
                yield "", "it never matches: another row goes before it for every event that it names"
        elif isinstance(row, DataFolder) and "\\" in row.pattern:
            yield "pattern", "it never matches: paths are compared with forward slashes"
        elif isinstance(row, ReplicatedFile) and set(row.name) & {"/", "\\"}:
            yield "name", "it never matches: a file name without its folder is compared"
        elif isinstance(row, LogFile) and set(row.file) & {"/", "\\"}:
            yield "file", "it never matches: a file name without its folder is compared"
        elif isinstance(row, Guideline) and row.id.upper() not in GUIDELINES:
            yield "id", "nothing looks at it: there is no check of that name"
        elif isinstance(row, CheckpointKey) and row.key.upper().startswith(("\\", "HKLM", "HKEY_")):
            yield "key", "it never matches: keys are relative to HKEY_LOCAL_MACHINE, without a backslash before them"

    def _clashes(self, row: EventRow) -> Iterator[tuple[str, str]]:
        """Rows of the extended profile that say something else of the same events."""
        if row.id is None and not row.any_id:
            return
        field = "any_id" if row.any_id else "id"
        for other in self._base.events:
            source = _common_source(row, other)
            if (other.id, other.any_id) != (row.id, row.any_id) or source is None or key_of(other) == key_of(row):
                continue
            if (other.claim, other.mark) == (row.claim, row.mark):
                continue
            order = self._catalogue.precedence(source, _ANY_ID if row.id is None else row.id)
            first = other not in order or order.index(row) < order.index(other)
            says = f"{other.key!r} of {self._base.name} says of the same events {other.claim} ({other.mark})"
            yield field, f"{says}; {'this row goes before it' if first else 'that row goes before this one'}"

    def _never(self, row: EventRow) -> bool:
        number = _ANY_ID if row.id is None else row.id
        sources = [source[:-1] + _ANY_ENDING if source.endswith("*") else source for source in row.event_sources]
        return all(self._hidden(row, source, number) for source in sources)

    def _hidden(self, row: EventRow, source: str, number: int) -> bool:
        order = self._catalogue.precedence(source, number)
        return any(_covers(other, row, number) for other in order[: order.index(row)])


def _doubts_of_event(row: EventRow) -> Iterator[tuple[str, str]]:
    if row.mark is Mark.UNKNOWN and row.claim is not Claim.UNINTERPRETED:
        yield "mark", "unknown means that nobody knows what it says; for a hypothesis write unverified"
    if row.mark is Mark.UNVERIFIED and row.strong:
        yield "strength", "what is unverified makes a conclusion possible, never more, strong or not"
    if row.claim in GROUP_CLAIMS | {Claim.NODE_REMOVED} and row.object is None:
        what = "node" if row.claim is Claim.NODE_REMOVED else "group"
        yield "claim", f"{row.claim} speaks of a {what}, and no object names it: nothing can be concluded"
    if row.any_id and "*" in row.event_sources:
        yield "event_sources", "* with any_id matches every event of every source"


def _covers(other: EventRow, row: EventRow, number: int) -> bool:
    """Whether every event of that id that fits `row` fits `other` too."""
    by_text = other.id != number and not other.any_id
    if by_text and (row.text is None or normalised_text(other.text or "") not in normalised_text(row.text)):
        return False
    if other.log is not None and (row.log is None or row.log.casefold() != other.log.casefold()):
        return False
    return set(other.requires) <= set(row.requires)


def _contradictory(requires: tuple[Requirement, ...]) -> bool:
    """Whether no string can meet all of them, as far as they name the strings that do."""
    for requirement in requires:
        values = requirement.one_of if requirement.one_of is not None else (requirement.equals,)
        if values == (None,):
            continue
        same = [other for other in requires if other.string == requirement.string]
        blank = [""] * (requirement.string - 1)
        if not any(all(other.holds([*blank, value]) for other in same) for value in values):
            return True
    return False


def _common_source(one: EventRow, other: EventRow) -> str | None:
    """A source that both rows name; None where there is none."""
    for a in one.event_sources:
        for b in other.event_sources:
            narrow, wide = sorted((a.casefold(), b.casefold()), key=lambda source: (source.endswith("*"), -len(source)))
            plain = narrow.removesuffix("*")
            if narrow == wide or (wide.endswith("*") and plain.startswith(wide[:-1])):
                return plain + (_ANY_ENDING if narrow.endswith("*") else "")
    return None


def in_short(row: Row) -> str:
    """What a row says beside its key, in a line: of an event how it is told and what it claims."""
    if not isinstance(row, EventRow):
        named = {row.key_field, "mark", "source", "note"}
        values = {name: getattr(row, name) for name in row.__struct_fields__ if name not in named}
        return "; ".join(
            f"{name} {', '.join(value) if isinstance(value, tuple) else value}" for name, value in values.items()
        )
    which = f"id {row.id}" if row.id is not None else "any other id" if row.any_id else "known by its text"
    weighs = row.strong or row.claim in ROLE_CLAIMS
    says = [f"{row.claim} ({row.strength})" if weighs else str(row.claim)]
    if row.key != f"{', '.join(row.event_sources)} {row.id}":
        says.append(f"{', '.join(row.event_sources)}: {which}")
    if row.log is not None:
        says.append(f"log {row.log}")
    if row.object is not None:
        says.append(
            f"object is string {row.object}" + (f" matching {row.object_pattern}" if row.object_pattern else "")
        )
    says += [_requirement(requirement) for requirement in row.requires]
    if row.text is not None:
        says.append(f"text {row.text!r}")
    if row.strings:
        says.append("strings " + ", ".join(f"{position} {name}" for name, position in row.strings.items()))
    if row.role_mark is not None:
        says.append(f"of the role {row.role_mark}")
    if not row.matters:
        says.append("not in timelines")
    return "; ".join(says)


def _requirement(requirement: Requirement) -> str:
    tests = ("equals", "not_equals", "one_of", "contains")
    test, value = next((test, getattr(requirement, test)) for test in tests if getattr(requirement, test) is not None)
    shown = " or ".join(map(repr, value)) if isinstance(value, tuple) else repr(value)
    words = {"equals": "is", "not_equals": "is not", "one_of": "is", "contains": "contains"}
    return f"only if string {requirement.string} {words[test]} {shown}"


def _shown(value: object) -> str:
    plain = msgspec.to_builtins(value)
    return "none" if plain is None else plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
