"""The audit chain shows every change to it, and verify shows what no longer fits in a case."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from forensics.case import audit
from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.verify import FaultKind, verify_case

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2008, 1, 10, 12, 0, 35, tzinfo=UTC)
ROWS = 5


@pytest.fixture
def case(tmp_path: Path):
    """A case of two files and five audit rows, all of which fits."""
    with Case.create(tmp_path / "case.db") as made:
        files = []
        for number, path in enumerate(("a/System.evtx", "b/\udc80ü.evt"), 1):
            content = path.encode("utf-8", "surrogatepass") * 10
            digest = hashlib.sha256(content).hexdigest()
            new = NewEvidence(path=path, kind="evtx", status="read", sha256=digest, live=number, recovered=1)
            row = dict.fromkeys(EVENT_COLUMNS) | {"evidence_id": made.add_evidence(new), "recovered": 0}
            made.add_events([tuple(row.values())] * number)
            made.add_events([tuple((row | {"recovered": 1}).values())])
            made.add_content(digest, len(content), content)
            files.append([path, digest, number + 1])
        audit.append(made, "ingest", {"files": files, "version": "1"}, clock=lambda: START)
        for number in range(1, ROWS):
            audit.append(made, "note", {"n": number, "ü": None}, clock=lambda n=number: START + timedelta(seconds=n))
        yield made


def test_a_whole_case_has_no_fault(case: Case) -> None:
    """What was written by the rules fits: chain, contents, counts and records."""
    assert audit.check_chain(case) == []
    assert verify_case(case) == []


def test_an_empty_case_has_no_fault(tmp_path: Path) -> None:
    """A case into which nothing was ingested fits, and its last hash is the beginning of every chain."""
    with Case.create(tmp_path / "empty.db") as empty:
        assert verify_case(empty) == []
        assert audit.last_hash(empty) == audit.GENESIS == "0" * 64


def test_the_hash_is_the_documented_one(case: Case) -> None:
    """A second implementation, written from the text of the module, computes the same chain and the last hash."""
    previous = "0" * 64
    for number, time, action, detail, stated_previous, stated in case.rows("SELECT * FROM audit ORDER BY id"):
        assert stated_previous == previous
        text = "[" + ",".join(map(json.dumps, (previous, number, time, action, detail))) + "]"
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert stated == previous
    assert audit.last_hash(case) == previous


def test_times_have_six_digits_from_the_given_clock(case: Case) -> None:
    """The time of a row is the clock's, in UTC, ISO 8601 with six digits; a clock without zone is refused."""
    assert next(case.rows("SELECT time FROM audit WHERE id = 1")) == ("2008-01-10T12:00:35.000000Z",)
    with pytest.raises(ValueError, match="zone"):
        audit.append(case, "note", {}, clock=lambda: START.replace(tzinfo=None))
    with pytest.raises(ValueError, match="JSON"):
        audit.append(case, "note", {"n": float("nan")})
    assert verify_case(case) == []


def test_a_row_is_part_of_the_transaction_it_is_written_in(case: Case) -> None:
    """Undoing the transaction undoes the row, and the chain goes on whole."""

    def undone() -> None:
        with case.transaction():
            audit.append(case, "note", {"undone": True})
            raise KeyError

    with pytest.raises(KeyError):
        undone()
    audit.append(case, "note", {})
    assert audit.check_chain(case) == []
    assert next(case.rows("SELECT count(*) FROM audit")) == (ROWS + 1,)


@pytest.mark.parametrize("row", range(1, ROWS + 1))
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time", "2008-01-10T12:00:35.000001Z"),
        ("action", "changed"),
        ("detail", "{}"),
        ("detail", b"{}"),
        ("previous_hash", "1" * 64),
        ("hash", "2" * 64),
        ("id", 77),
    ],
)
def test_every_altered_column_of_every_row_is_found(case: Case, row: int, column: str, value: object) -> None:
    """No column of no row can be changed unnoticed; the break is told at that row or the one that follows it."""
    case.connection.execute(f"UPDATE audit SET {column} = ? WHERE id = ?", (value, row))  # noqa: S608 - a constant
    breaks = audit.check_chain(case)
    assert breaks
    assert {found.id for found in breaks} <= {row, row + 1, 77, None}
    assert {fault.kind for fault in verify_case(case)} >= {FaultKind.AUDIT}


@pytest.mark.parametrize("row", range(1, ROWS + 1))
def test_every_deleted_row_is_found(case: Case, row: int) -> None:
    """A missing row is noticed, the last one too, and also when the rows behind it are renumbered to close the hole."""
    case.connection.execute("DELETE FROM audit WHERE id = ?", (row,))
    assert audit.check_chain(case)
    for number in range(row + 1, ROWS + 1):
        case.connection.execute("UPDATE audit SET id = id - 1 WHERE id = ?", (number,))
    assert audit.check_chain(case)


@pytest.mark.parametrize("place", range(ROWS + 1))
def test_every_inserted_row_is_found(case: Case, place: int) -> None:
    """A row put in anywhere, with a hash that fits its own content and predecessor, is noticed."""
    for number in range(ROWS, place, -1):
        case.connection.execute("UPDATE audit SET id = id + 1 WHERE id = ?", (number,))
    before = next(case.rows("SELECT hash FROM audit WHERE id = ?", (place,)), (audit.GENESIS,))[0]
    own = audit.row_hash(before, place + 1, "2008-01-10T12:00:36.000000Z", "note", "{}")
    values = (place + 1, "2008-01-10T12:00:36.000000Z", "note", "{}", before, own)
    case.connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", values)
    assert audit.check_chain(case)


def test_all_rows_deleted_is_found(case: Case) -> None:
    """An audit that was emptied does not pass for a new one."""
    case.connection.execute("DELETE FROM audit")
    assert [found.id for found in audit.check_chain(case)] == [None]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE contents SET bytes = CAST('altered' AS BLOB) WHERE rowid = 1", FaultKind.CONTENT),
        ("UPDATE contents SET bytes = zeroblob(size) WHERE rowid = 2", FaultKind.CONTENT),
        ("UPDATE contents SET bytes = 'text' WHERE rowid = 2", FaultKind.CONTENT),
        ("UPDATE contents SET size = size + 1 WHERE rowid = 1", FaultKind.CONTENT),
        ("DELETE FROM events WHERE id = 2", FaultKind.COUNT),
        ("INSERT INTO events(evidence_id, recovered) VALUES (1, 0)", FaultKind.COUNT),
        ("UPDATE events SET recovered = 1", FaultKind.COUNT),
        ("UPDATE evidence SET sha256 = 'ff' WHERE id = 1", FaultKind.RECORD),
        ("UPDATE evidence SET path = 'c' WHERE id = 2", FaultKind.RECORD),
        ("UPDATE evidence SET live = 9 WHERE id = 1", FaultKind.RECORD),
        ("INSERT INTO evidence(path, kind, status) VALUES ('new', 'text', 'read')", FaultKind.RECORD),
        ("DELETE FROM evidence WHERE id = 1", FaultKind.REFERENCE),
        ("UPDATE events SET duplicate_of = 99 WHERE id = 1", FaultKind.REFERENCE),
    ],
)
def test_verify_names_what_was_changed(case: Case, sql: str, kind: FaultKind) -> None:
    """Each kind of change to the rows is told as its kind, and verify itself changes nothing."""
    case.connection.execute("PRAGMA foreign_keys = OFF")
    case.connection.execute(sql)
    before = case.path.read_bytes()
    faults = verify_case(case)
    assert kind in {fault.kind for fault in faults}
    assert all(fault.subject and fault.detail for fault in faults)
    assert case.path.read_bytes() == before


def test_content_too_large_to_keep_is_no_fault(case: Case) -> None:
    """A content of which only the hash is kept cannot be checked, and is not accused."""
    case.add_content("ff" * 32, 1 << 40, None)
    assert verify_case(case) == []


def test_damage_in_the_database_is_a_fault_and_no_crash(case: Case) -> None:
    """Pages overwritten in the middle of the file are told as damage, whatever check meets them."""
    with Case.create(case.path.with_name("big.db")) as big:
        big.add_evidence(NewEvidence(path="x", kind="evtx", status="read", live=4000))
        row = dict.fromkeys(EVENT_COLUMNS) | {"evidence_id": 1, "recovered": 0, "message": "m" * 200}
        big.add_events([tuple(row.values())] * 4000)
    raw = bytearray(big.path.read_bytes())
    middle = len(raw) // 2 // 8192 * 8192
    raw[middle : middle + 8 * 8192] = b"\xa5" * (8 * 8192)
    big.path.write_bytes(raw)
    with Case.open(big.path) as damaged:
        assert FaultKind.DATABASE in {fault.kind for fault in verify_case(damaged)}
