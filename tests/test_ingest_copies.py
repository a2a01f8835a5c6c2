"""One occurrence is one event: records in several files of a log, exports of it, and what must never be merged."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.search import EventFilter, search_events
from forensics.case.store import Case, NewEvidence
from forensics.case.values import json_text
from forensics.case.verify import verify_case
from forensics.ingest.finish import finish
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from pathlib import Path

START = 128_444_000_000_000_000 // TICKS_PER_SECOND * TICKS_PER_SECOND


class Row(NamedTuple):
    """One record, or one row of an export; `second` after the start."""

    number: int | None
    second: float
    string: str = "a"
    computer: str | None = "EX1"
    log: str | None = "System"
    source: str = "Source"
    event_id: int = 1
    message: str | None = None
    recovered: int = 0
    level: int | None = 4


class File(NamedTuple):
    """One file of evidence."""

    path: str
    rows: list[Row]
    kind: str = "evt"
    node: str | None = "EX1"
    basis: str = "events"
    sha256: str | None = None


def add(case: Case, file: File) -> None:
    logs = {row.log for row in file.rows}
    live = sum(not row.recovered for row in file.rows)
    computers: Counter[str] = Counter()
    for row in file.rows:
        if row.computer:
            computers[row.computer] += not row.recovered
    facts = {
        "computers": ",".join(computers), "entries": ",".join(map(str, computers.values())), "logs": len(logs),
    }  # fmt: skip
    evidence_id = case.add_evidence(
        NewEvidence(
            path=file.path, root="e", kind=file.kind, status="read", sha256=file.sha256 or file.path, node=file.node,
            node_basis=file.basis, live=live, recovered=len(file.rows) - live,
            log=logs.pop() if len(logs) == 1 else None, facts=facts,
        )
    )  # fmt: skip
    events = []
    for offset, row in enumerate(file.rows):
        time = START + int(row.second * TICKS_PER_SECOND)
        values = dict.fromkeys(EVENT_COLUMNS) | {
            "evidence_id": evidence_id, "log": row.log, "record_number": row.number, "source": row.source,
            "event_id": row.event_id, "computer": row.computer, "node": row.computer, "level": row.level,
            "strings": json_text([row.string]) if row.message is None else "[]", "message": row.message,
            "recovered": row.recovered, "offset": offset, "generated_filetime": time, "time_generated": iso_utc(time),
            "written_filetime": time, "time_written": iso_utc(time),
        }  # fmt: skip
        events.append(tuple(values.values()))
    case.add_events(events)


def copies(path: Path, *files: File) -> dict[str, str]:
    """`file:offset` of each copy -> that of its original; holds that a second time changes nothing."""
    with Case.create(path / f"{random.getrandbits(64):x}.db") as case:
        for file in files:
            add(case, file)
        finish(case)
        found = marks(case)
        case.set_setting("copies_marked_for", "")  # as if the evidence had changed
        finish(case)
        assert marks(case) == found
        assert [fault for fault in verify_case(case) if fault.kind in {"reference", "database"}] == []
    return found


def marks(case: Case) -> dict[str, str]:
    sql = """SELECT a.path || ':' || copy.offset, b.path || ':' || first.offset FROM events AS copy
        JOIN evidence AS a ON a.id = copy.evidence_id JOIN events AS first ON first.id = copy.duplicate_of
        JOIN evidence AS b ON b.id = first.evidence_id"""
    return dict(case.rows(sql))


LOG = [Row(10, 0), Row(11, 1), Row(12, 1), Row(13, 5, "b")]


def test_a_log_saved_twice_is_one_log(tmp_path: Path) -> None:
    """Records that two files of one log have in common are copies in the later file by path; the others stand."""
    early, late = File("e/1.evt", LOG[:3]), File("e/2.evt", LOG[1:])
    expected = {"e/2.evt:0": "e/1.evt:1", "e/2.evt:1": "e/1.evt:2"}
    assert copies(tmp_path, early, late) == copies(tmp_path, late, early) == expected


@pytest.mark.parametrize(
    "other",
    [
        Row(10, 0, "z"), Row(10, 0, event_id=2), Row(10, 0, source="T"), Row(10, 1), Row(14, 0),
        Row(10, 0, computer="EX2"), Row(10, 0, log="Application"), Row(None, 0),
    ],
)  # fmt: skip
def test_any_difference_makes_two_events(tmp_path: Path, other: Row) -> None:
    """Records of two files of a node that differ in content, number, time, log or computer are two events."""
    assert copies(tmp_path, File("e/1.evt", LOG[:1]), File("e/2.evt", [other])) == {}


def test_a_merged_log_holds_the_records_of_others(tmp_path: Path) -> None:
    """A file of several logs is compared with each file of these logs, and with no more."""
    merged = File("e/2.evtx", [Row(10, 0), Row(11, 2, computer="EX2"), Row(12, 3, log="Application")], "evtx")
    system = File("e/1.evtx", [Row(10, 0)], "evtx")
    application = File("e/3.evtx", [Row(12, 3, log="Application")], "evtx")
    other = File("e/4.evtx", [Row(11, 2, computer="EX2")], "evtx", "EX2")
    found = copies(tmp_path, merged, system, application, other)
    assert found == {"e/2.evtx:0": "e/1.evtx:0", "e/3.evtx:0": "e/2.evtx:2", "e/2.evtx:1": "e/4.evtx:0"}


def test_a_record_of_another_log_in_slack_is_no_copy(tmp_path: Path) -> None:
    """What slack holds of another log of the same number and time is an event of its own, in each file that has it."""
    slack = Row(10, 0, log="Application", recovered=1)
    assert copies(tmp_path, File("e/1.evt", [Row(10, 0), slack]), File("e/2.evt", [slack])) == {
        "e/2.evt:0": "e/1.evt:1"
    }


def test_rows_of_one_log_are_never_one(tmp_path: Path) -> None:
    """Records of one file that say the same in the same second stay, and a second file's are matched one to one."""
    rows = [Row(1, 0), Row(1, 0), Row(2, 0)]
    assert copies(tmp_path, File("e/1.evt", rows)) == {}
    found = copies(tmp_path, File("e/1.evt", rows), File("e/2.evt", [*rows, Row(1, 0)]))
    assert found == {"e/2.evt:0": "e/1.evt:0", "e/2.evt:1": "e/1.evt:1", "e/2.evt:2": "e/1.evt:2"}


def test_live_goes_before_recovered(tmp_path: Path) -> None:
    """A record that one file has in its slack and another in the log is a copy in the slack."""
    slack = File("e/1.evt", [Row(10, 0, recovered=1), Row(20, 9)])
    assert copies(tmp_path, slack, File("e/2.evt", LOG)) == {"e/1.evt:0": "e/2.evt:0"}


def test_equal_files_are_one_whatever_they_lack(tmp_path: Path) -> None:
    """In a file that is another byte for byte every row is a copy, even one without computer or number."""
    rows = [Row(1, 0), Row(None, 3, computer=None), Row(1, 0, recovered=1)]
    found = copies(tmp_path, File("e/1.evt", rows, sha256="x"), File("e/2.evt", rows, sha256="x"))
    assert found == {
        "e/1.evt:2": "e/1.evt:0",
        "e/2.evt:0": "e/1.evt:0",
        "e/2.evt:1": "e/1.evt:1",
        "e/2.evt:2": "e/1.evt:0",
    }


def test_a_log_without_a_name_is_known_by_its_records(tmp_path: Path) -> None:
    """The same records in a file of which nobody knows the log are copies."""
    unnamed = File("e/0.evt", [row._replace(log=None) for row in LOG])
    assert copies(tmp_path, unnamed, File("e/1.evt", LOG)) == {f"e/1.evt:{at}": f"e/0.evt:{at}" for at in range(4)}


def test_a_numbered_export_is_a_copy_of_the_log(tmp_path: Path) -> None:
    """A row of an XML export has the log's record as its original, with its time cut to what the export keeps."""
    log = File("e/9.evtx", [Row(10, 0.1234567), Row(11, 2.5)], kind="evtx")
    export = File("e/1.xml", [Row(10, 0.123, message="text"), Row(11, 2.25, message="other")], kind="event_export")
    assert copies(tmp_path, export, log) == {"e/1.xml:0": "e/9.evtx:0"}


def listed(row: Row, message: str) -> Row:
    return row._replace(number=None, computer=None, message=message, second=row.second // 1)


def test_a_list_is_matched_by_second_and_in_order(tmp_path: Path) -> None:
    """Rows of a list, newest first, are copies of the records, told apart by their texts; what the log lacks stands."""
    log = File("e/a.evtx", [*LOG, Row(14, 5, "c"), Row(15, 5, "d"), Row(16, 9, "e")], kind="evtx")
    rows = [*LOG, Row(14, 5, "d"), Row(15, 5, "c"), Row(0, 7, "z"), Row(16, 9, "e")]
    export = File("e/b.csv", [listed(row, f"says {row.string}") for row in reversed(rows)], kind="event_export")
    assert copies(tmp_path, log, export) == {
        "e/b.csv:0": "e/a.evtx:6", "e/b.csv:2": "e/a.evtx:4", "e/b.csv:3": "e/a.evtx:5", "e/b.csv:4": "e/a.evtx:3",
        "e/b.csv:5": "e/a.evtx:2", "e/b.csv:6": "e/a.evtx:1", "e/b.csv:7": "e/a.evtx:0",
    }  # fmt: skip


def test_a_list_of_another_zone_is_not_shifted(tmp_path: Path) -> None:
    """A list whose times are off by hours is no copy, though one row of many falls on a record of that second."""
    log = File("e/a.evtx", [Row(at, at * 1200) for at in range(30)], kind="evtx")
    off = [listed(row._replace(second=row.second + 3600 + (at != 7)), "m") for at, row in enumerate(log.rows)]
    assert copies(tmp_path, log, File("e/b.csv", off, kind="event_export")) == {}


def test_a_list_of_an_unknown_node_is_of_the_log_that_fits(tmp_path: Path) -> None:
    """Where nothing says whose a list is, it is matched to the node whose log holds most of it."""
    logs = [
        File(f"e/{node}/s.evtx", [Row(at, at * gap, computer=node) for at in range(8)], kind="evtx", node=node)
        for node, gap in (("EX1", 3), ("EX2", 2))
    ]
    export = File(
        "f.csv", [listed(row, "m") for row in logs[1].rows], kind="event_export", node="UNKNOWN-1", basis="unknown"
    )
    assert copies(tmp_path, *logs, export) == {f"f.csv:{at}": f"e/EX2/s.evtx:{at}" for at in range(8)}


def test_two_lists_of_one_log_are_one(tmp_path: Path) -> None:
    """Rows that two lists of a node share are copies in the second, one to one."""
    rows = [listed(Row(0, second), text) for second, text in ((0, "m"), (0, "m"), (1, "n"))]
    one, two = File("e/1.csv", rows, kind="event_export"), File("e/2.csv", [*rows[1:], rows[0]], kind="event_export")
    assert copies(tmp_path, one, two) == {"e/2.csv:0": "e/1.csv:0", "e/2.csv:1": "e/1.csv:2", "e/2.csv:2": "e/1.csv:1"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_text_of_an_export_is_found_at_the_original(tmp_path: Path, order: tuple[int, ...]) -> None:
    """In any order of ingest the log's record gets the export's text, and a search for it gives one line."""
    files = [
        File("e/b.evt", LOG[:2]),
        File("e/c.xml", [Row(11, 1, message="seeding complete")], kind="event_export"),
        File("e/a.evt", LOG[1:3]),
    ]
    with Case.create(tmp_path / "case.db") as case:
        for at in order:
            add(case, files[at])
            finish(case)
        found = list(search_events(case, EventFilter(grep="Seeding Complete")))
        assert [(row.path, row.record_number, row.message) for row in found] == [("e/a.evt", 11, "seeding complete")]
        texts = set(case.rows("SELECT path, offset, message FROM events JOIN evidence ON evidence.id = evidence_id"))
        (indexed,) = next(case.rows("SELECT count(*) FROM events_fts WHERE events_fts MATCH 'seeding'"))
    text = "seeding complete"
    assert {row for row in texts if row[2]} == {("e/a.evt", 0, text), ("e/b.evt", 1, text), ("e/c.xml", 0, text)}
    assert indexed == 3


def test_records_of_one_number_take_no_time(tmp_path: Path) -> None:
    """Two files of tens of thousands of records that all have one number, time and content are matched in seconds."""
    rows = [Row(1, 0)] * 30_000
    found = copies(tmp_path, File("e/1.evt", rows), File("e/2.evt", rows))
    assert len(found) == len(set(found.values())) == 30_000


rows = st.tuples(
    st.integers(1, 6), st.integers(0, 2), st.sampled_from("ab"), st.sampled_from(["EX1", "EX2"]),
    st.sampled_from(["System", "Application"]), st.sampled_from([0, 0, 0, 1]),
).map(lambda drawn: Row(*drawn[:5], recovered=drawn[5]))  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.lists(rows, max_size=12, unique_by=lambda row: (row.log, row.number)), st.data())
def test_parts_and_repetition_leave_the_originals(
    tmp_path_factory: pytest.TempPathFactory, log: list[Row], data: st.DataObject
) -> None:
    """However a node's logs are cut into overlapping files, repeated and ordered, the originals are what they held."""
    path = tmp_path_factory.mktemp("parts")
    cuts = data.draw(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=3))
    parts = [log, *(log[low:high] for low, high in cuts)]
    files = [File(f"e/{at}.evt", part) for at, part in enumerate(data.draw(st.permutations(parts)))]
    with Case.create(path / "case.db") as case:
        for file in data.draw(st.permutations(files)):
            add(case, file)
            if data.draw(st.booleans()):
                finish(case)
        finish(case)
        found = [
            (row.log, row.record_number, row.time_generated, row.strings, row.computer)
            for row in search_events(case, EventFilter())
        ]
    with Case.create(path / "one.db") as case:
        add(case, File("e/0.evt", log))
        finish(case)
        expected = [
            (row.log, row.record_number, row.time_generated, row.strings, row.computer)
            for row in search_events(case, EventFilter())
        ]
    assert found == expected
