"""Logs in several files, cleared, merged, recovered and exported: what they cover is what they hold, and no more."""

from __future__ import annotations

import shutil
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics import gather_logs
from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.values import json_text
from forensics.catalogue import catalogue_of
from forensics.claims import Claim
from forensics.gather import gather
from forensics.observations import Evidence, Fall, Run
from forensics.profile import Mark
from parsers.problems import Problem, ProblemKind
from parsers.times import TICKS_PER_SECOND, filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

T0 = filetime_from_unix(1_200_000_000)
EMPTY = dict.fromkeys(EVENT_COLUMNS)
NOISE = ("Service Control Manager", 7036, ("Windows Installer", "running"))
Row = tuple[int | None, float]


def at(seconds: float) -> int:
    return T0 + int(seconds * TICKS_PER_SECOND)


def event(number: int | None, seconds: float, node: str | None = "A", **more: Any) -> dict[str, Any]:
    source, event_id, strings = more.pop("what", NOISE)
    return EMPTY | {
        "log": "System", "record_number": number, "source": source, "event_id": event_id, "node": node,
        "computer": node, "strings": json_text(strings), "recovered": 0, "generated_filetime": at(seconds),
        "written_filetime": at(seconds),
    } | more  # fmt: skip


def put(case: Case, path: str, rows: Iterable[dict[str, Any]], node: str = "A", **evidence: Any) -> int:
    """Put a log of these events into the case; ids of the events follow those that are there."""
    rows = list(rows)
    numbers = [row["record_number"] for row in rows if row["record_number"] is not None and not row["recovered"]]
    new = {"path": path, "kind": "evt", "status": "read", "node": node, "node_basis": "events", "log": "System",
           "live": len(rows), "last_record": max(numbers, default=None)} | evidence  # fmt: skip
    one = case.add_evidence(NewEvidence(**new))
    case.add_events(tuple((row | {"evidence_id": one}).values()) for row in rows)
    return one


def gathered(case: Case) -> Evidence:
    case.finish_load()
    return gather(case, catalogue_of(case))


@pytest.fixture(scope="module")
def empty_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case to copy: making one takes longer than filling it."""
    path = tmp_path_factory.mktemp("empty") / "case.db"
    Case.create(path).close()
    return path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.create(tmp_path / "case.db")


def test_a_log_saved_twice_is_one(case: Case) -> None:
    """Two overlapping files of one log cover what both hold, once."""
    put(case, "old.evt", [event(n, n) for n in range(1, 60)])
    put(case, "new.evt", [event(n, n) for n in range(40, 101)])
    assert gathered(case).runs == [Run(("A", "System"), 1, 100, at(1), at(100))]


def test_parts_that_follow_each_other_are_one(case: Case) -> None:
    """A log cut in three files has no holes between them, and a clock set back at a cut is seen."""
    put(case, "3.xml", [event(n, n - 500) for n in range(21, 31)], kind="event_export")
    put(case, "1.xml", [event(n, n) for n in range(1, 11)], kind="event_export")
    put(case, "2.xml", [event(n, n) for n in range(11, 21)], kind="event_export")
    evidence = gathered(case)
    assert evidence.runs == [Run(("A", "System"), 1, 30, at(1), at(-470))]
    assert evidence.falls == [Fall(("A", "System"), 20, 21, at(20), at(-479))]


def test_a_cleared_log_is_another(case: Case) -> None:
    """A log that was cleared begins its numbers anew: equal numbers of other times are other records."""
    put(case, "before.evt", [event(n, n) for n in range(1, 101)])
    put(case, "after.evt", [event(n, 5000 + n) for n in range(1, 51)])
    assert gathered(case).runs == [
        Run(("A", "System"), 1, 50, at(5001), at(5050)),
        Run(("A", "System"), 1, 100, at(1), at(100)),
    ]


def test_a_cleared_log_goes_on_with_its_own_part(case: Case) -> None:
    """Of two logs that end at the number before, the next part continues the one whose record it holds."""
    put(case, "a.evt", [event(n, n) for n in range(1, 51)])
    put(case, "b.evt", [event(n, 9000 + n) for n in range(1, 51)])
    put(case, "c.evt", [event(n, 9000 + n) for n in range(50, 71)])
    put(case, "d.evt", [event(n, n) for n in range(51, 61)])
    assert gathered(case).runs == [
        Run(("A", "System"), 1, 60, at(1), at(60)),
        Run(("A", "System"), 1, 70, at(9001), at(9070)),
    ]


def test_holes_and_falls_are_seen_where_they_are(case: Case) -> None:
    """A missing number ends a run; a time that falls by more than a second is a fall, in a run and across a hole."""
    times = {1: 1, 2: 2, 3: 1.5, 4: 100, 6: 101, 7: 40, 10: 30, 11: 31}
    put(case, "x.evt", [event(n, t) for n, t in times.items()])
    evidence = gathered(case)
    assert evidence.runs == [
        Run(("A", "System"), 1, 4, at(1), at(100)),
        Run(("A", "System"), 6, 7, at(101), at(40)),
        Run(("A", "System"), 10, 11, at(30), at(31)),
    ]
    assert [(fall.before, fall.after) for fall in evidence.falls] == [(6, 7), (7, 10)]


@pytest.mark.parametrize(("kind", "whole"), [("evtx", True), ("event_export", False)])
def test_the_numbers_of_a_merged_log_are_the_files(case: Case, kind: str, whole: bool) -> None:
    """In a log file the numbers of another log are no holes; in an export each log has numbers of its own."""
    rows = [event(number, number, log="System" if number % 3 else "Setup") for number in range(1, 13) if number != 7]
    put(case, "A/merged", rows, kind=kind)
    found = [(run.log[1], run.first, run.last) for run in gathered(case).runs]
    if whole:
        assert found == [("Setup", 3, 6), ("Setup", 9, 12), ("System", 1, 5), ("System", 8, 11)]
    else:
        setup = [("Setup", number, number) for number in (3, 6, 9, 12)]
        assert found == [*setup, *(("System", first, last) for first, last in ((1, 2), (4, 5), (8, 8), (10, 11)))]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(-3, 9),
            st.sampled_from("AAAAAAAB"),
            st.sampled_from(["System"] * 9 + ["Setup"]),
        ),
        min_size=1,
        max_size=80,
    ),
    st.sampled_from(["evt", "event_export"]),
)
@settings(deadline=None, max_examples=40)
def test_records_read_together_say_what_each_says(
    empty_case: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, str, str]], kind: str
) -> None:
    """Whether many records are looked at together or each by itself, the same is gathered."""
    path = tmp_path_factory.mktemp("each") / "case.db"
    shutil.copy(empty_case, path)
    rows, number, seconds = [], 1, 0
    for step, passed, node, log in steps:
        for _ in range(1 if step else 12):
            number, seconds = number + (step or 1), seconds + passed
            rows.append(event(number, seconds, node, log=log))
    with Case.open_or_create(path) as case:
        put(case, "A/x", rows, kind=kind)
        together = gathered(case)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gather_logs, "_MANY", 10_000)
            assert gathered(case) == together


def test_only_the_owners_own_records_set_times(case: Case) -> None:
    """Another node's entries fill the numbers, and neither begin, end nor step the owner's clock."""
    rows = [event(1, 900, "B"), event(2, 10), event(3, 800, "B"), event(4, 20), event(5, 5, "B")]
    put(case, "x.evt", [*rows, event(9, 7, "B")])
    evidence = gathered(case)
    assert evidence.runs == [Run(("A", "System"), 1, 5, at(10), at(20))]
    assert evidence.falls == []


def test_recovered_records_are_observed_and_cover_nothing(case: Case) -> None:
    """What was found outside of the log is an event that happened, and says nothing of what else did not."""
    boot = ("EventLog", 6005, ())
    put(
        case, "x.evt", [event(10, 100), event(11, 101), event(9, 99, recovered=1), event(3, 50, recovered=1, what=boot)]
    )
    evidence = gathered(case)
    assert evidence.runs == [Run(("A", "System"), 10, 11, at(100), at(101))]
    assert [(one.claim, one.raw) for one in evidence.observations if one.strong] == [(Claim.BOOT, at(50))]
    assert evidence.nodes == {"A": (at(50), at(101))}


def test_an_export_without_numbers_and_names_is_its_owners(case: Case) -> None:
    """Rows without number and computer make observations of the node whose the file is, and no run."""
    rows = [event(None, 5, None, what=("ClusSvc", 1201, ("CMS1",)), log=None)]
    put(case, "x.csv", rows, kind="event_export", log=None)
    evidence = gathered(case)
    (one,) = evidence.observations
    assert (one.node, one.number, one.log) == ("A", None, ("A", "x.csv"))
    assert (one.claim, one.object) == (Claim.GROUP_ONLINE, "CMS1")
    assert (evidence.runs, evidence.falls, evidence.nodes) == ([], [], {"A": (at(5), at(5))})


def test_a_copy_gives_no_observation(case: Case) -> None:
    """Rows that are another event once more are not observed a second time."""
    online = ("ClusSvc", 1201, ("CMS1",))
    put(case, "x.evt", [event(1, 5, what=online)])
    put(case, "y.evt", [event(7, 5, what=online, duplicate_of=1), event(8, 6, "B")], node="B")
    evidence = gathered(case)
    assert [one.event for one in evidence.observations if one.claim is Claim.GROUP_ONLINE] == [1]
    (sequel,) = evidence.sequels
    assert (sequel.origin, sequel.origin_event, sequel.receiver, sequel.receiver_event) == ("A", 1, "B", 3)
    assert (sequel.origin_number, sequel.receiver_number) == (1, 8)


def test_an_observation_holds_what_the_event_says(case: Case) -> None:
    """Log, number, strings, mark, strength and resolution are those of the event and of the catalogue."""
    put(case, "x.evtx", [event(1, 5, what=("ClusSvc", 1201, ("CMS1",))), event(2, 5.5, log="Other")], kind="evtx")
    other, one = sorted(gathered(case).observations, key=lambda found: found.log[1])
    assert (one.reference, one.log, one.strings, one.mark, one.strong) == (
        "event:1", ("A", "System"), ("CMS1",), Mark.COMMON, True,
    )  # fmt: skip
    assert (one.source, one.event_id, one.resolution) == ("ClusSvc", 1201, TICKS_PER_SECOND)
    assert (other.log, other.resolution) == (("A", "Other"), 1)


@pytest.mark.parametrize(
    ("problems", "cut"),
    [
        ([], False),
        ([(ProblemKind.STALE_HEADER, 0, 48)], False),
        ([(ProblemKind.LOST_RANGE, 100, 50)], False),
        ([(ProblemKind.LOST_RANGE, 5000, 50)], True),
        ([(ProblemKind.TRUNCATED, 10, 0)], True),
    ],
)
def test_a_log_is_cut_where_something_is_lost_behind_its_last_record(case: Case, problems: Any, cut: bool) -> None:
    """Damage at or behind the newest record, or a file that ends too early, is a cut; other damage is none."""
    one = put(case, "x.evt", [event(n, n, offset=n * 100) for n in range(1, 11)])
    case.add_problems(one, [Problem(kind, offset, length, "x") for kind, offset, length in problems])
    assert gathered(case).cut == (frozenset({("A", "System")}) if cut else frozenset())


def test_hostile_rows_do_no_harm(case: Case) -> None:
    """Rows without time, source, id or name, numbers at the limits and texts of another type are passed over."""
    most = (1 << 63) - 1
    put(case, "x.evt", [
        event(1, 1, None, source=None, event_id=None), event(2, 2, generated_filetime=None, written_filetime=None),
        event(3, 3, what=("ClusSvc", None, ("CMS1",))), event(most, 4, strings="[1"), event(5, 5, strings=None),
        event(6, 6, "A" * 5000), event(-7, 7), event(8, 8, generated_filetime=most, written_filetime=-most),
    ])  # fmt: skip
    evidence = gathered(case)
    assert [(run.first, run.last) for run in evidence.runs] == [(-7, -7), (1, 3), (5, 6), (8, 8), (most, most)]
    assert evidence.nodes["A"][1] == most


@settings(max_examples=25, deadline=None)
@given(
    times=st.lists(st.integers(-3, 30), min_size=1, max_size=25),
    missing=st.sets(st.integers(1, 24), max_size=4),
    cuts=st.sets(st.integers(1, 24), max_size=4),
    overlap=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_a_log_in_parts_is_the_log(tmp_path_factory, empty_case, times, missing, cuts, overlap, order) -> None:
    """A log cut in any parts, adjacent or overlapping, in any order gives the same runs and falls as the whole."""
    now, rows = 0, []
    for number, step in enumerate(times, 1):
        now += step
        if number not in missing:
            rows.append(event(number, now, "B" if step % 7 == 0 else "A"))
    borders = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    parts = [rows[max(0, low - overlap) : high] for low, high in pairwise(borders)]
    order.shuffle(parts)
    found = []
    for pieces in ([rows], parts):
        place = tmp_path_factory.mktemp("parts") / "case.db"
        shutil.copyfile(empty_case, place)
        with Case.open(place, write=True) as case:
            for index, piece in enumerate(pieces):
                put(case, f"{index}.evt", piece)
            found.append(gathered(case))
    assert found[1].runs == found[0].runs
    # Between two parts with a hole between them nothing tells that they are of one log.
    assert set(found[1].falls) <= set(found[0].falls)
    lost = set(found[0].falls) - set(found[1].falls)
    assert all(any(n not in {row["record_number"] for row in rows} for n in range(f.before, f.after)) for f in lost)
