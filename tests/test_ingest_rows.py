"""Records as rows: whatever a log says can be stored and comes back, and copies of records are told from records."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case, NewEvidence
from forensics.case.values import strings_from_json, text_from_sql
from forensics.case.verify import verify_case
from forensics.ingest.finish import finish
from forensics.ingest.logs import LogAccount
from forensics.ingest.rows import NO_SPAN, Batch, Span, _iso, decode_blocks, event_row, make_batch, node_name
from forensics.ingest.run import ingest
from parsers.evtx.reader import EvtxReader
from parsers.records import Decoded, EventRecord
from parsers.times import FILETIME_MAX, iso_utc
from samples.builders.evtx import Classic, EvtxEvent, EvtxWriter

if TYPE_CHECKING:
    from pathlib import Path

SQL_MAX = (1 << 63) - 1
START = 128_444_000_000_000_000
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u64 = st.one_of(st.integers(0, (1 << 64) - 1), st.sampled_from([0, SQL_MAX, SQL_MAX + 1, (1 << 64) - 1]))
# Any code units, lone surrogates and NUL among them; never a high surrogate before a low one: those are one character.
texts = st.text(st.characters(exclude_categories=()), max_size=20).map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)
times = st.one_of(
    u64, st.integers(0, FILETIME_MAX), st.sampled_from([FILETIME_MAX, FILETIME_MAX + 1, FILETIME_MAX + 9])
)


def optional(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


records = st.builds(
    EventRecord, offset=st.integers(0, 1 << 40), record_number=u64, event_record_id=optional(u64),
    generated=optional(times), written=optional(times), log=optional(texts), source=optional(texts),
    event_id=optional(u16), qualifiers=optional(u16), level=optional(u32), raw_type=optional(u16),
    category=optional(u32), computer=optional(texts), user_sid=optional(texts), strings=st.lists(texts, max_size=4),
    names=optional(st.lists(optional(texts), max_size=4)), data=st.binary(max_size=9), message=optional(texts),
    payload=optional(texts), version=optional(u32), opcode=optional(u32), keywords=optional(u64),
    process_id=optional(u32), thread_id=optional(u32), activity_id=optional(texts), event_source_name=optional(texts),
    recovered=st.booleans(),
)  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory):
    """One case for all examples: making one takes longer than all else."""
    with Case.create(tmp_path_factory.mktemp("rows") / "case.db") as made:
        yield made


def stored(case: Case, batch: list[EventRecord], log: str | None = None) -> list[dict[str, object]]:
    """The rows of some records as a case gives them back; nothing of them stays in it."""
    try:
        with case.transaction():
            evidence_id = case.add_evidence(NewEvidence(path="e", kind="evtx", status="read", sha256="00"))
            case.add_prepared_events(make_batch(Decoded(batch, []), evidence_id, log).rows)
            case.index_events()
            sql = f"SELECT {', '.join(EVENT_COLUMNS)} FROM events ORDER BY id"  # noqa: S608
            found = [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in case.connection.execute(sql)]
            raise _UndoneError  # noqa: TRY301
    except _UndoneError:
        return found


class _UndoneError(Exception):
    pass


@settings(
    deadline=None,
    max_examples=50,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(records, min_size=1, max_size=6))
def test_any_record_is_stored_and_comes_back(case: Case, batch: list[EventRecord]) -> None:
    """Every field of any record comes back exactly, but numbers beyond 63 bits, which are null."""
    for record, row in zip(batch, stored(case, batch), strict=True):
        for name in ("source", "computer", "user_sid", "message", "payload", "activity_id", "event_source_name"):
            kept = row[name]
            assert (text_from_sql(kept) if isinstance(kept, str) else kept) == getattr(record, name), name
        for name in ("event_id", "level", "category", "qualifiers", "raw_type", "version", "opcode", "process_id",
                     "thread_id", "offset"):  # fmt: skip
            assert row[name] == getattr(record, name), name
        wide = {"record_number": "record_number", "event_record_id": "event_record_id",
                "generated_filetime": "generated", "written_filetime": "written"}  # fmt: skip
        for column, name in wide.items():
            value = getattr(record, name)
            assert row[column] == (None if value is None or value > SQL_MAX else value), name
        assert (row["time_generated"], row["time_written"]) == (iso_utc(record.generated), iso_utc(record.written))
        assert strings_from_json(str(row["strings"])) == list(record.strings)
        names = None if row["names"] is None else strings_from_json(str(row["names"]))
        assert names == (None if record.names is None else list(record.names))
        assert (row["data"] or b"") == record.data
        assert row["recovered"] == record.recovered
        assert row["keywords"] == (None if record.keywords is None else f"0x{record.keywords:x}")
        assert row["node"] == node_name(record.computer)
        assert text_from_sql(str(row["log"] or "")) == (record.log or "")  # an empty channel names no log


@given(st.lists(times, min_size=1, max_size=20))
def test_times_are_those_of_the_whole_program(moments: list[int]) -> None:
    """The quick way to a time's text gives what `iso_utc` gives, the first time and when remembered."""
    for moment in moments + moments:
        assert _iso(moment) == iso_utc(moment)


def test_a_log_is_named_where_the_record_does_not(case: Case) -> None:
    """The log of the file is that of records without a channel; a channel goes before it."""
    record = EventRecord(0, 1, *[None] * 13, ["x"])  # type: ignore[arg-type]
    rows = stored(case, [record._replace(strings=[]), record._replace(strings=[], log="Setup")], log="System")
    assert [row["log"] for row in rows] == ["System", "Setup"]


def test_the_row_has_the_columns_in_their_order() -> None:
    """Each field lands in the column of its name."""
    fields = dict.fromkeys(EventRecord._fields) | {
        "offset": 3, "record_number": 5, "event_id": 7, "strings": ["s"], "computer": "ex1.contoso.local",
        "recovered": True, "data": b"\x01", "keywords": -1,
    }  # fmt: skip
    row = dict(zip(EVENT_COLUMNS, event_row(EventRecord(**fields), 9, "System"), strict=True))  # type: ignore[arg-type]
    found = {name: value for name, value in row.items() if value is not None}
    assert found == {
        "evidence_id": 9, "log": "System", "record_number": 5, "event_id": 7, "computer": "ex1.contoso.local",
        "node": "EX1", "strings": '["s"]', "recovered": 1, "data": b"\x01", "keywords": "0xffffffffffffffff",
        "offset": 3,
    }  # fmt: skip


spans = st.builds(Span, *[optional(st.integers(0, 100))] * 4)


@given(spans, spans, spans)
def test_spans_unite_in_any_order(a: Span, b: Span, c: Span) -> None:
    """The union of spans does not depend on their order or grouping, and nothing adds nothing."""
    assert a.union(b) == b.union(a)
    assert a.union(b).union(c) == a.union(b.union(c))
    assert a.union(NO_SPAN) == a


def test_names_in_an_account_are_bounded() -> None:
    """A log that names another computer in every record does not fill the memory, and the frequent name is kept."""
    account = LogAccount()
    for start in range(0, 60_000, 3_000):
        batch = [
            EventRecord(0, 1, *[None] * 10, f"N{number}", None, [])  # type: ignore[arg-type]
            for number in (*range(start, start + 3_000), 7, 7)
        ]
        account.count(make_batch(Decoded(batch, []), 1, None))
    assert len(account.computers) <= 13_000
    assert account.columns()["node"] == "N7"
    assert len(str(account.columns()["facts"])) < 1_000


def test_an_empty_batch_counts_nothing() -> None:
    """Blocks without records give no rows and no span."""
    batch: Batch = decode_blocks([], 1, None)
    assert (batch.live, batch.span, dict(batch.computers)) == (0, NO_SPAN, {})


def record(offset: int, number: int, *, recovered: bool, **fields: object) -> EventRecord:
    values: dict[str, object] = dict.fromkeys(EventRecord._fields)
    values |= {"offset": offset, "record_number": number, "recovered": recovered, "written": START, "data": b""}
    return EventRecord(**(values | {"source": "S", "event_id": 1, "strings": ["a"]} | fields))  # type: ignore[arg-type]


def copies(tmp_path: Path, *batch: EventRecord) -> dict[int, int | None]:
    """Offset of each record -> offset of the one that it is a copy of."""
    with Case.create(tmp_path / "case.db") as case:
        for path in ("one", "two"):  # another log with the same records changes nothing
            live = sum(not one.recovered for one in batch)
            found = len(batch) - live
            evidence_id = case.add_evidence(
                NewEvidence(path=path, kind="evtx", status="read", sha256=path, live=live, recovered=found)
            )
            case.add_prepared_events(make_batch(Decoded(list(batch), []), evidence_id, None).rows)
        finish(case)
        finish(case)
        sql = """SELECT events.offset, twin.offset FROM events LEFT JOIN events AS twin
            ON twin.id = events.duplicate_of AND twin.evidence_id = events.evidence_id ORDER BY events.id"""
        rows = list(case.rows(sql))
        (wrong,) = next(case.rows("SELECT count(*) FROM events WHERE recovered = 0 AND duplicate_of IS NOT NULL"))
    assert wrong == 0
    assert rows[: len(batch)] == rows[len(batch) :]
    return dict(rows)


def test_copies_in_slack_are_told_from_other_records(tmp_path: Path) -> None:
    """A recovered record is a copy of the live one that says the same; any difference makes it a record."""
    found = copies(
        tmp_path,
        record(1, 1, recovered=False),
        record(2, 2, recovered=False),
        record(10, 1, recovered=True),
        record(11, 1, recovered=True, strings=["b"]),
        record(12, 1, recovered=True, source="T"),
        record(13, 1, recovered=True, event_id=2),
        record(14, 1, recovered=True, written=START + 1),
        record(15, 3, recovered=True),
        record(16, 2, recovered=True, source=None, event_id=None, strings=[]),
        record(17, 4, recovered=True, source=None, event_id=None, strings=[]),
        record(18, 1, recovered=True, written=None),
    )
    assert found == {1: None, 2: None, 10: 1, 11: None, 12: None, 13: None, 14: None, 15: None, 16: 2, 17: None,
                     18: None}  # fmt: skip


def test_of_several_copies_without_a_live_one_the_first_is_the_original(tmp_path: Path) -> None:
    """Where no live record is left, the first recovered one stands, and further ones are its copies."""
    found = copies(tmp_path, *(record(offset, 1, recovered=True) for offset in (5, 6, 7)))
    assert found == {5: None, 6: 5, 7: 5}


def test_a_live_record_behind_its_copy_is_the_original(tmp_path: Path) -> None:
    """The live record is the original wherever it lies."""
    assert copies(tmp_path, record(5, 1, recovered=True), record(6, 1, recovered=False)) == {5: 6, 6: None}


def test_records_of_one_number_take_no_time(tmp_path: Path) -> None:
    """Tens of thousands of recovered records that share number and time are compared in seconds."""
    batch = [record(offset, 1, recovered=True, strings=[str(offset // 2)]) for offset in range(30_000)]
    found = copies(tmp_path, *batch)
    assert sum(twin is not None for twin in found.values()) == 15_000


def test_a_turned_log_has_its_slack_told_apart(tmp_path: Path) -> None:
    """In a circular log what slack holds are older records: recovered, and none a copy of a live one."""
    stream = io.BytesIO()
    with EvtxWriter(stream, maximum_chunks=2) as writer:
        for number in range(900):
            writer.add(EvtxEvent(START + number, "S", 1, "Application", "N", Classic((f"{number}" * 9,))))
    (tmp_path / "a.evtx").write_bytes(stream.getvalue())
    live = {
        one.record_number
        for block in EvtxReader(stream).blocks()
        for one in block.decode().records
        if not one.recovered
    }
    with Case.create(tmp_path / "case.db") as case:
        summary = ingest(case, [tmp_path / "a.evtx"])
        assert verify_case(case) == []
        found = list(case.rows("SELECT record_number, duplicate_of FROM events WHERE recovered = 1"))
    assert len(found) == summary.recovered > 10
    assert all((twin is not None) == (number in live) for number, twin in found)
