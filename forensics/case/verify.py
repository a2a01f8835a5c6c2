"""Is the case what it was: the audit chain, the stored contents, the database, and the counts against the rows."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from forensics.case.audit import check_chain
from forensics.errors import FailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forensics.case.store import Case

_BLOCK: Final = 1 << 20


class FaultKind(StrEnum):
    """What does not fit. The value is what a user reads."""

    DATABASE = "database"  # SQLite finds damage, or cannot read on
    REFERENCE = "reference"  # a row refers to one that is not there
    AUDIT = "audit"  # the chain of hashes is broken
    CONTENT = "content"  # stored bytes are not those of their hash
    COUNT = "count"  # evidence says another number of events than there are
    RECORD = "record"  # the audit and the evidence table name different files, hashes or counts


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not fit. `subject`: the table and row, or the file, concerned; `detail`: a sentence."""

    kind: FaultKind
    subject: str
    detail: str


class _IngestDetail(msgspec.Struct):
    """What an audit row of action `ingest` says. `files`: path, SHA-256 (null: not readable), rows in `events`."""

    files: list[tuple[str, str | None, int]]


def verify_case(case: Case) -> list[Fault]:
    """Everything in the case that does not fit; [] for a whole case. Changes nothing.

    Checks the database itself, references, the audit chain, the SHA-256 of stored contents, the numbers of events, and
    that the files which the audit says were ingested are those of the evidence table, with their hashes. It cannot see
    a change to a column that none of these cover, nor one by somebody who also made the chain anew
    (`forensics.case.audit`).

    Never raises for damage: a check that cannot be finished is a fault.
    """
    checks: tuple[Callable[[Case], Iterator[Fault]], ...] = (
        _database,
        _references,
        _audit,
        _contents,
        _counts,
        _records,
    )
    return [fault for check in checks for fault in _guarded(check, case)]


def _guarded(check: Callable[[Case], Iterator[Fault]], case: Case) -> Iterator[Fault]:
    try:
        yield from check(case)
    except (sqlite3.Error, FailedError) as error:
        yield Fault(FaultKind.DATABASE, case.path.name, f"the check of the {check.__name__[1:]} broke off: {error}")


def _database(case: Case) -> Iterator[Fault]:
    for (line,) in case.connection.execute("PRAGMA integrity_check(100)"):
        if line != "ok":
            yield Fault(FaultKind.DATABASE, case.path.name, str(line))


def _references(case: Case) -> Iterator[Fault]:
    for table, rowid, parent, _ in case.connection.execute("PRAGMA foreign_key_check"):
        yield Fault(FaultKind.REFERENCE, f"{table} {rowid}", f"it refers to a row of {parent} that is not there")


def _audit(case: Case) -> Iterator[Fault]:
    for found in check_chain(case):
        yield Fault(FaultKind.AUDIT, "audit" if found.id is None else f"audit {found.id}", found.reason)


def _contents(case: Case) -> Iterator[Fault]:
    rows = case.rows("SELECT rowid, sha256, size, typeof(bytes), length(bytes) FROM contents ORDER BY sha256")
    for rowid, sha256, size, stored_as, length in rows:
        if stored_as == "null":
            continue
        if stored_as != "blob" or length != size or _hash_of(case.connection, rowid) != sha256:
            yield Fault(FaultKind.CONTENT, f"contents {sha256}", "the stored bytes are not those that were read")


def _hash_of(connection: sqlite3.Connection, rowid: int) -> str:
    digest = hashlib.sha256()
    with connection.blobopen("contents", "bytes", rowid, readonly=True) as blob:
        while block := blob.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _counts(case: Case) -> Iterator[Fault]:
    sql = """SELECT evidence.path, live, evidence.recovered, total, total_recovered FROM evidence
        LEFT JOIN (SELECT evidence_id, count(*) AS total, sum(recovered) AS total_recovered FROM events
                   GROUP BY evidence_id) ON evidence_id = evidence.id
        WHERE ifnull(live, 0) + ifnull(evidence.recovered, 0) <> ifnull(total, 0)
           OR ifnull(evidence.recovered, 0) <> ifnull(total_recovered, 0) ORDER BY evidence.path"""
    for path, live, recovered, total, total_recovered in case.rows(sql):
        found = f"{(total or 0) - (total_recovered or 0)} and {total_recovered or 0} recovered"
        yield Fault(
            FaultKind.COUNT, path, f"it gave {live or 0} events and {recovered or 0} recovered, here are {found}"
        )


def _records(case: Case) -> Iterator[Fault]:
    audited: dict[tuple[str, str | None], int] = {}
    for row_id, detail in case.rows("SELECT id, detail FROM audit WHERE action = 'ingest' ORDER BY id"):
        try:
            # json, because paths may hold lone surrogates, which msgspec's own decoder refuses.
            files = msgspec.convert(json.loads(detail), _IngestDetail).files
        except (ValueError, TypeError, RecursionError):
            yield Fault(FaultKind.RECORD, f"audit {row_id}", "it does not say which files were read")
            continue
        audited.update({(path, sha256): events for path, sha256, events in files})
    for row in case.evidence():
        events = audited.pop((row.path, row.sha256), None)
        if events is None:
            yield Fault(FaultKind.RECORD, row.path, "the audit does not know this file with this hash")
        elif events != (row.live or 0) + (row.recovered or 0):
            yield Fault(FaultKind.RECORD, row.path, f"the audit says that it gave {events} events")
    for path, _ in audited:
        yield Fault(FaultKind.RECORD, path, "the audit says it was read, with a hash that no evidence has")
