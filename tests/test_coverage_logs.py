"""Coverage says what a log holds, and what is missing of it, without being fooled by odd numbers and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.coverage import LISTED, Gap, LogCoverage, TimeStep, log_coverage
from parsers.problems import Problem, ProblemKind
from parsers.times import TICKS_PER_SECOND, filetime_from_unix, iso_utc

if TYPE_CHECKING:
    from pathlib import Path

T0 = filetime_from_unix(1_200_000_000)


def at(seconds: float) -> int:
    return T0 + int(seconds * TICKS_PER_SECOND)


def text(seconds: float) -> str:
    return str(iso_utc(at(seconds)))


def coverage_of(tmp_path: Path, records, problems=(), name: str = "case.db", **evidence: object) -> LogCoverage:
    """Coverage of one log whose records are (number, seconds after T0, recovered)."""
    with Case.create(tmp_path / name) as case:
        new = NewEvidence(**{"path": "x.evt", "kind": "evt", "status": "read", **evidence})  # type: ignore[arg-type]
        one = case.add_evidence(new)
        empty = dict.fromkeys(EVENT_COLUMNS) | {"evidence_id": one}
        case.add_events(
            tuple((empty | {"record_number": n, "generated_filetime": t and at(t), "recovered": r}).values())
            for n, t, r in records
        )
        case.add_problems(one, problems)
        (found,) = log_coverage(case)
        return found


def test_span_gaps_steps_and_silence_of_a_log(tmp_path: Path) -> None:
    """A log with a hole, a stepped clock and a pause is described as what it is; recovered records do not count."""
    records = [(12, 100, 0), (10, 1, 0), (11, 2, 0), (15, 200, 0), (16, 50, 0), (17, 4000, 0), (13, 5, 1), (99, 9, 1)]
    found = coverage_of(tmp_path, records, recovered=2, log="System", node="N", facts={"dirty": True, "wrapped": False})
    assert (found.live, found.recovered, found.log, found.node) == (6, 2, "System", "N")
    assert (found.first_record, found.last_record, found.missing) == (10, 17, 2)
    assert (found.first_time, found.last_time) == (text(1), text(4000))
    assert (found.gap_count, found.gaps) == (1, (Gap(13, 14, text(100), text(200)),))
    assert (found.step_count, found.steps) == (1, (TimeStep(16, text(200), text(50)),))
    assert (found.silence_start, found.silence_end) == (text(50), text(4000))
    assert (found.dirty, found.wrapped, found.full) == (True, False, None)


def test_small_disorder_is_no_step(tmp_path: Path) -> None:
    """Records written within a second of each other may change places; more than a second is told."""
    found = coverage_of(tmp_path, [(1, 10, 0), (2, 9, 0), (3, 7.9, 0)])
    assert [step.record_number for step in found.steps] == [3]


def test_the_time_of_writing_decides_where_the_log_keeps_it(tmp_path: Path) -> None:
    """An event that is older than it was written is no step of the log's clock."""
    with Case.create(tmp_path / "case.db") as case:
        one = case.add_evidence(NewEvidence(path="x", kind="evtx", status="read"))
        empty = dict.fromkeys(EVENT_COLUMNS) | {"evidence_id": one, "recovered": 0}
        for number, generated, written in ((1, 100, 100), (2, 3, 101), (3, 102, 90)):
            times = {"generated_filetime": at(generated), "written_filetime": at(written), "record_number": number}
            case.add_events([tuple((empty | times).values())])
        (found,) = log_coverage(case)
    assert found.steps == (TimeStep(3, text(101), text(90)),)
    assert (found.first_time, found.last_time) == (text(3), text(102))


def test_bytes_lost_count_once_where_ranges_overlap(tmp_path: Path) -> None:
    """Only losses add up, and overlapping ranges are one; every problem is counted."""
    lost, bad, crc = ProblemKind.LOST_RANGE, ProblemKind.BAD_RECORD, ProblemKind.BAD_CHECKSUM
    ranges = [(lost, 100, 50), (bad, 120, 10), (bad, 140, 20), (lost, 500, 5), (crc, 0, 4096)]
    problems = [Problem(kind, offset, length, "x") for kind, offset, length in ranges]
    found = coverage_of(tmp_path, [], problems)
    assert (found.problems, found.bytes_lost) == (5, 65)


def test_a_log_without_records_or_times_says_nothing_it_does_not_know(tmp_path: Path) -> None:
    """No records: no span; records without number or time: counted, and nothing made up."""
    empty = coverage_of(tmp_path, [], name="empty.db")
    assert (empty.live, empty.first_time, empty.first_record, empty.gaps, empty.silence_start) == (
        0,
        None,
        None,
        (),
        None,
    )
    bare = coverage_of(tmp_path, [(None, None, 0), (5, None, 0), (5, None, 0), (6, None, 0)], name="bare.db")
    assert (bare.live, bare.repeated, bare.first_record, bare.last_record) == (4, 1, 5, 6)
    assert (bare.first_time, bare.steps, bare.silence_end) == (None, (), None)


def test_only_logs_are_listed(tmp_path: Path) -> None:
    """Evidence that is no log and gave no events has no coverage; an export with events has; sorted by path."""
    with Case.create(tmp_path / "case.db") as case:
        for path, kind, live in (("z.evt", "evt", 0), ("note.txt", "text", 0), ("a.xml", "event_export", 1)):
            case.add_evidence(NewEvidence(path=path, kind=kind, status="read", live=live))
        assert [found.path for found in log_coverage(case)] == ["a.xml", "z.evt"]


def test_lists_are_bounded_and_keep_the_largest(tmp_path: Path) -> None:
    """Of very many gaps and steps the largest are listed, by number, and all are counted."""
    records, number = [], 0
    for index in range(300):
        number += 2 + index
        records += [(number, 10_000, 0), (number + 1, 9_000 - index, 0)]
        number += 1
    found = coverage_of(tmp_path, records)
    assert (found.gap_count, found.step_count) == (299, 300)
    assert len(found.gaps) == len(found.steps) == LISTED
    sizes = [gap.last - gap.first + 1 for gap in found.gaps]
    assert sizes == list(range(300 - LISTED + 1, 301))
    assert [step.to_time for step in found.steps] == [text(9_000 - index) for index in range(300 - LISTED, 300)]


numbers = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 50)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(records=numbers)
def test_gaps_are_exactly_the_numbers_that_are_missing(tmp_path_factory, records) -> None:
    """Gaps hold each missing number once, whatever the order and repetition of the records; order does not matter."""
    folder = tmp_path_factory.mktemp("gaps")
    found = coverage_of(folder, [(n, t, 0) for n, t in records])
    have = {n for n, _ in records}
    expected = set(range(min(have), max(have) + 1)) - have if have else set()
    assert {n for gap in found.gaps for n in range(gap.first, gap.last + 1)} == expected
    assert found.missing == len(expected)
    assert found.repeated == len(records) - len(have)
