"""Entries that Server 2003 copied to other nodes, judged by simulated incidents and by built logs."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case, NewEvidence
from forensics.case.values import json_text
from forensics.ingest.alignment import Entry, Group, Trust, offset_of, pairs_at
from forensics.ingest.finish import finish
from parsers.times import TICKS_PER_SECOND, iso_utc
from samples.incident import LogRecords, Record, Setting, build, random_setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

S = TICKS_PER_SECOND


def add(case: Case, log: LogRecords) -> None:
    """One log of an incident, as ingest would add it."""
    names = Counter(record.computer.split(".")[0].upper() for record in log.records)
    evidence_id = case.add_evidence(
        NewEvidence(
            path=f"e/{log.path}", root="e", kind="evt" if log.path.endswith(".Evt") else "evtx", status="read",
            sha256=log.path, node=min(names, key=lambda name: (-names[name], name)), node_basis="events",
            live=len(log.records), log=log.log,
        )
    )  # fmt: skip
    events = []
    for offset, record in enumerate(log.records):
        values = dict.fromkeys(EVENT_COLUMNS) | {
            "evidence_id": evidence_id, "log": log.log, "record_number": record.record_number, "source": record.source,
            "event_id": record.event_id, "computer": record.computer, "strings": json_text(record.strings),
            "node": record.computer.split(".")[0].upper(), "recovered": 0, "offset": offset,
            "generated_filetime": record.generated, "time_generated": iso_utc(record.generated),
            "written_filetime": record.written, "time_written": iso_utc(record.written),
        }  # fmt: skip
        events.append(tuple(values.values()))
    case.add_events(events)


def told(path: Path, logs: Sequence[LogRecords], seed: int = 0) -> dict[tuple[str, int], tuple[str, int]]:
    """Every record -> its original, itself where it is one; logs are ingested in the order of the seed."""
    order = random.Random(seed).sample(list(logs), len(logs))  # noqa: S311 - any order will do
    with Case.create(path / f"{seed}.db") as case:
        for at, log in enumerate(order):
            add(case, log)
            if at == seed % 3:
                finish(case)
        finish(case)
        sql = """SELECT a.path, copy.offset, b.path, first.offset FROM events AS copy
            JOIN evidence AS a ON a.id = copy.evidence_id
            JOIN events AS first ON first.id = ifnull(copy.duplicate_of, copy.id)
            JOIN evidence AS b ON b.id = first.evidence_id"""
        return {(one, at): (other, there) for one, at, other, there in case.rows(sql)}


def judged(path: Path, logs: Sequence[LogRecords]) -> tuple[int, int, int, int]:
    """Number of copies, of those missed, of events merged that are two, and of originals not in their node's log."""
    hidden = {(f"e/{log.path}", at): truth for log in logs for at, truth in enumerate(log.hidden)}
    found = told(path, logs)
    by_occurrence, by_original = defaultdict(list), defaultdict(list)
    for record, original in found.items():
        by_occurrence[hidden[record].occurrence].append(original)
        by_original[original].append(hidden[record].occurrence)
    count = sum(len(originals) - 1 for originals in by_occurrence.values())
    missed = sum(len(set(originals)) - 1 for originals in by_occurrence.values())
    merged = sum(len(set(occurrences)) - 1 for occurrences in by_original.values())
    elsewhere = sum(hidden[original].copied and not hidden[record].copied for record, original in found.items())
    return count, missed, merged, elsewhere


@pytest.mark.parametrize("scenario", ["quiet", "crash", "failover-in-window"])
@pytest.mark.parametrize("times", ["origin", "receiver"])
def test_every_copy_is_found_and_none_invented(tmp_path: Path, scenario: str, times: str) -> None:
    """In whole evidence each copied entry has its original in its own node's log, whosever times copies carry."""
    for seed in range(2):
        incident = build(Setting(scenario, "2003", seed, copy_times=times))
        place = tmp_path / str(seed)
        place.mkdir()
        count, missed, merged, elsewhere = judged(place, incident.entries)
        assert count > 100
        assert (missed, merged, elsewhere) == (0, 0, 0)


def test_server_2008_has_no_copies(tmp_path: Path) -> None:
    """Nothing of an incident on Server 2008, where entries are not copied, is taken for a copy."""
    assert judged(tmp_path, build(Setting("quiet", "2008", 1)).entries) == (0, 0, 0, 0)


@pytest.mark.parametrize("times", ["origin", "receiver"])
def test_the_order_of_ingest_does_not_matter(tmp_path: Path, times: str) -> None:
    """Logs added in any order, with the marks made in between, have the same copies and originals."""
    logs = build(Setting("crash", "2003", 5, copy_times=times)).entries
    first = told(tmp_path, logs, 0)
    assert all(told(tmp_path, logs, seed) == first for seed in range(1, 4))


def test_a_lost_log_leaves_its_entries_in_the_other(tmp_path: Path) -> None:
    """Entries of which only the copy is left are events of their own."""
    logs = [log for log in build(Setting("quiet", "2003", 3)).entries if log.owner == "EXNODE2"]
    assert judged(tmp_path, logs) == (0, 0, 0, 0)


def test_of_two_copies_without_their_original_the_first_stands(tmp_path: Path) -> None:
    """With three nodes, one of whose logs is lost, the copy in the first log by path is the original of the other."""

    def log(owner: str, first: int, later: int) -> LogRecords:
        records = tuple(
            Record(first + at, ("EX1", owner, owner)[at % 3], "ClusSvc", 1200 + at % 3, time, time, (str(at // 3),))
            for at, time in ((at, (1000 * at + later) * S) for at in range(40))
        )
        return LogRecords(f"{owner}/SysEvent.Evt", "System", owner, records, ())

    for apart in (0, 300):
        (tmp_path / str(apart)).mkdir()
        found = told(tmp_path / str(apart), [log("EX2", 10, 0), log("EX3", 500, apart)])
        copies = {one: original for one, original in found.items() if one != original}
        assert copies == {("e/EX3/SysEvent.Evt", at): ("e/EX2/SysEvent.Evt", at) for at in range(0, 40, 3)}


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3_000), st.booleans(), st.integers(0, 4)), max_size=60),
    st.integers(-30_000, 30_000),
)
def test_pairs_are_one_to_one_and_in_order(entries: list[tuple[int, int, bool, int]], skew: int) -> None:
    """Whatever is copied and dropped, no entry is in two pairs, and pairs of equal entries keep their order."""
    time, groups = 0, defaultdict(lambda: Group([], []))
    for at, (content, gap, dropped, delay) in enumerate(entries):
        time += gap * S
        groups[content].origin.append(Entry(time, at, at))
        if not dropped:
            groups[content].receiver.append(Entry(time + (skew + delay) * S, at, 1000 + at))
    whole = [Group(sorted(g.origin), sorted(g.receiver)) for g in groups.values() if g.receiver]
    offset = offset_of(lambda: whole, Trust.OWN)
    pairs = pairs_at(whole, offset) if offset else []
    assert len({copy for copy, _ in pairs}) == len({origin for _, origin in pairs}) == len(pairs)
    for group in whole:
        ids = {entry.id for entry in group.receiver}
        mine = sorted((copy, origin) for copy, origin in pairs if copy in ids)
        place = {entry.id: index for index, entry in enumerate(group.receiver)}
        mine.sort(key=lambda pair: place[pair[0]])
        assert [origin for _, origin in mine] == sorted(origin for _, origin in mine)


@settings(deadline=None, max_examples=50)
@given(st.integers(-80_000, 80_000), st.lists(st.integers(0, 4), min_size=8, max_size=40))
def test_a_constant_skew_is_found(skew: int, delays: list[int]) -> None:
    """Entries that are told apart by content are all paired, however far the clocks are apart, up to a day."""
    groups = [
        Group([Entry(at * 100 * S, at, at)], [Entry((at * 100 + skew + delay) * S, at, 1000 + at)])
        for at, delay in enumerate(delays)
    ]
    offset = offset_of(lambda: groups, Trust.OWN)
    assert offset is not None
    assert pairs_at(groups, offset) == [(1000 + at, at) for at in range(len(delays))]


@pytest.mark.long
def test_chance_incidents_are_told_right(tmp_path: Path) -> None:
    """Of incidents with steps of clocks and lost evidence, at most one copy in 100 is missed, one in 1,000 invented."""
    total = Counter[str]()
    for seed in range(400):
        setting = random_setting(seed)
        if setting.system == "2003":
            (tmp_path / str(seed)).mkdir()
            count, missed, merged, _ = judged(tmp_path / str(seed), build(setting).entries)
            total.update(count=count, missed=missed, merged=merged)
    assert total["count"] > 10_000
    assert total["missed"] * 100 <= total["count"]
    assert total["merged"] * 1000 <= total["count"]
