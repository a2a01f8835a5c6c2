"""The shapes in which rows of a case go in and come out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import msgspec

from forensics.case.values import Scalar, json_text, sql_int, sql_text, text_from_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvidence:
    """One file of evidence as ingest found it; the columns of the table `evidence` without the id.

    Attributes:
        path: from the given PATH's own name on, with `/`; members of an archive below the archive's path.
        container: path of the archive it lies in, else None.
        root: the given PATH's own name.
        sha256: hex, lower case; None where the bytes could not be read.
        size: bytes, as far as known.
        modified: last-modified time, ISO 8601 UTC; `modified_filetime` the same, exact.
        modified_basis: where that time is from (`parsers.containers`).
        kind, status: the contract's words.
        node, node_basis: whose evidence it is, and by which rule that was told.
        problem: one line for people: the worst of what is wrong.
        log: name of the log (`Application`, a channel), for logs.
        live, recovered: events in the log proper, and found outside of it.
        first_time, last_time: of the live events, ISO 8601 UTC.
        first_record, last_record: lowest and highest record number of the live events.
        facts: what the file's header states, such as `dirty`, `wrapped`, `full`.
    """

    path: str
    kind: str
    status: str
    container: str | None = None
    root: str | None = None
    sha256: str | None = None
    size: int | None = None
    modified: str | None = None
    modified_filetime: int | None = None
    modified_basis: str | None = None
    node: str | None = None
    node_basis: str | None = None
    problem: str | None = None
    log: str | None = None
    live: int = 0
    recovered: int = 0
    first_time: str | None = None
    last_time: str | None = None
    first_record: int | None = None
    last_record: int | None = None
    facts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow(NewEvidence):
    """A file of evidence as the case holds it."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFileVersion:
    """One version of a file seen in the evidence: the columns of `file_versions` without the id.

    `evidence_id` is None for what a restore found and kept, which is no evidence. `role` is `live`, `backup` or
    `other`; `sha256` is None where only a listing names the file; `seen` is when the version was seen, ISO 8601 UTC.
    """

    evidence_id: int | None
    node: str | None
    name: str
    role: str
    path: str
    sha256: str | None = None
    size: int | None = None
    modified: str | None = None
    modified_filetime: int | None = None
    seen: str | None = None
    backup_set_id: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a case holds. `events` counts the recovered ones too; `partial` and `failed` are files of evidence."""

    evidence: int
    partial: int
    failed: int
    events: int
    recovered: int
    problems: int
    file_versions: int
    contents: int


EVIDENCE_COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(NewEvidence))
FILE_VERSION_COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(NewFileVersion))


def sql_value(value: object) -> Any:
    """`value` as a column holds it: text and integers made storable, mappings as JSON; other types pass."""
    if isinstance(value, str):
        return sql_text(value)
    if isinstance(value, int):
        return sql_int(value)
    return json_text(value) if isinstance(value, dict) else value


def evidence_from_row(row: Sequence[Any]) -> EvidenceRow:
    """The row of `id, *EVIDENCE_COLUMNS`. Facts that are no JSON object (altered by hand) are given as none."""
    values: dict[str, Any] = {
        name: text_from_sql(value) if isinstance(value, str) and name != "facts" else value
        for name, value in zip(("id", *EVIDENCE_COLUMNS), row, strict=True)
    }
    try:
        values["facts"] = msgspec.json.decode(values["facts"] or "{}", type=dict[str, Scalar])
    except (msgspec.MsgspecError, UnicodeError):
        values["facts"] = {}
    return EvidenceRow(**values)
