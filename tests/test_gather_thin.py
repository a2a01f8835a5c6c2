"""Observations that only repeat a state are thinned out, and nothing that bears on a role is lost by it."""

from __future__ import annotations

import shutil
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.values import json_text
from forensics.catalogue import catalogue_of
from forensics.claims import Claim
from forensics.gather import gather
from forensics.gather_events import THIN_TICKS
from parsers.times import TICKS_PER_SECOND, filetime_from_unix

if TYPE_CHECKING:
    from pathlib import Path

    from forensics.observations import Observation

T0 = filetime_from_unix(1_200_000_000)
KINDS: dict[str, tuple[str, int, tuple[str, ...], str]] = {
    "store": ("MSExchangeIS Mailbox Store", 1221, ("412",), "Application"),
    "attendant": ("MSExchangeSA", 9331, (), "Application"),
    "skipped": ("FSECCRService", 9413, ("ScanJobs.fdb",), "Application"),
    "mounted": ("MSExchangeIS", 9523, ("Mailbox",), "Application"),
    "ended": ("MSExchangeIS", 9539, ("Mailbox",), "Application"),
    "copying": ("MSExchangeRepl", 2114, (), "Application"),
    "service": ("Service Control Manager", 7036, ("Windows Installer", "running"), "System"),
    "online": ("ClusSvc", 1201, ("CMS1",), "System"),
    "boot": ("EventLog", 6005, (), "System"),
}
REPEATING = {"store", "attendant", "skipped", "service"}
Entry = tuple[str, str, int]


@pytest.fixture(scope="module")
def empty_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case to copy: making one takes longer than filling it."""
    path = tmp_path_factory.mktemp("empty") / "case.db"
    Case.create(path).close()
    return path


def observed(
    empty: Path, path: Path, entries: list[Entry], *, numbered: bool = True, backwards: bool = False
) -> list[Observation]:
    """The observations of (node, kind, seconds) in their order; `backwards` stores them the other way round."""
    shutil.copyfile(empty, path)
    with Case.open(path, write=True) as case:
        ids = {
            (node, log): case.add_evidence(
                NewEvidence(path=f"{node}/{log}.evt", kind="evt", status="read", node=node, node_basis="events", live=1)
            )
            for node in ("A", "B")
            for log in ("Application", "System")
        }
        numbers: dict[tuple[str, str], int] = defaultdict(int)
        rows = []
        for node, kind, seconds in entries:
            source, event_id, strings, log = KINDS[kind]
            numbers[node, log] += 1
            row: dict[str, Any] = dict.fromkeys(EVENT_COLUMNS) | {
                "evidence_id": ids[node, log], "log": log, "node": node, "source": source, "event_id": event_id,
                "strings": json_text(strings), "recovered": 0, "generated_filetime": T0 + seconds * TICKS_PER_SECOND,
                "record_number": numbers[node, log] if numbered else None,
            }  # fmt: skip
            rows.append(tuple(row.values()))
        case.add_events(reversed(rows) if backwards else rows)
        case.finish_load()
        return gather(case, catalogue_of(case)).observations


def test_a_store_that_talks_all_day_is_a_few_observations(empty_case: Path, tmp_path: Path) -> None:
    """Of an entry every ten seconds for a day about one in five minutes is kept, the first and the last among them."""
    found = observed(empty_case, tmp_path / "case.db", [("A", "store", second) for second in range(0, 86_400, 10)])
    raws = [one.raw for one in found]
    assert 288 <= len(found) <= 300
    assert (raws[0], raws[-1]) == (T0, T0 + 86_390 * TICKS_PER_SECOND)
    assert max(b - a for a, b in pairwise(raws)) <= THIN_TICKS


def test_what_stands_beside_a_change_is_kept(empty_case: Path, tmp_path: Path) -> None:
    """The last entry of the store before it ends, and the first after it is mounted, are there to the second."""
    entries = [("A", "store", second) for second in range(300)]
    entries[100] = ("A", "ended", 100)
    entries[200] = ("A", "mounted", 200)
    found = {
        (one.claim, (one.raw - T0) // TICKS_PER_SECOND) for one in observed(empty_case, tmp_path / "case.db", entries)
    }
    assert {(Claim.ACTIVE, 99), (Claim.ACTIVE_ENDED, 100), (Claim.ACTIVE, 101)} <= found
    assert {(Claim.ACTIVE, 199), (Claim.ACTIVE, 200), (Claim.ACTIVE, 201)} <= found
    assert len(found) < 12


def test_a_clock_set_back_hides_nothing(empty_case: Path, tmp_path: Path) -> None:
    """Where the time falls both neighbours are kept: what lies between them by time is not between them by number."""
    seconds = [*range(100), *range(50, 150)]
    found = observed(empty_case, tmp_path / "case.db", [("A", "store", second) for second in seconds])
    numbers = {one.number for one in found}
    assert {1, 100, 101, 200} <= numbers
    assert len(found) < 12


entries_of = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.sampled_from([*sorted(REPEATING) * 4, *sorted(set(KINDS) - REPEATING)]),
        st.sampled_from([0, 1, 20, 100, 200, 400, 4000, -30]),
    ),
    max_size=60,
)


@settings(max_examples=30, deadline=None)
@given(steps=entries_of, numbered=st.booleans())
def test_thinning_changes_nothing_for_exact_claims(tmp_path_factory, empty_case, steps, numbered) -> None:
    """All exact claims are kept; of the others the first, the last, those beside exact ones, and one in five minutes.

    The order in which the rows were stored does not matter.
    """
    now, entries = 0, []
    for node, kind, step in steps:
        now += step
        entries.append((node, kind, now))
    folder = tmp_path_factory.mktemp("thin")
    found = observed(empty_case, folder / "a.db", entries, numbered=numbered)
    again = observed(empty_case, folder / "b.db", entries, numbered=numbered, backwards=True)
    assert [one._replace(event=0) for one in again] == [one._replace(event=0) for one in found]

    def key(node: str, kind: str, seconds: int) -> tuple[str, str, int, int]:
        return node, KINDS[kind][0], KINDS[kind][1], T0 + seconds * TICKS_PER_SECOND

    kept = sorted((one.node, one.source, one.event_id, one.raw) for one in found)
    exact = sorted(key(*entry) for entry in entries if entry[1] not in REPEATING)
    repeating = {KINDS[kind][:2] for kind in REPEATING}
    assert [one for one in kept if one[1:3] not in repeating] == exact
    assert all(kept.count(one) <= [key(*entry) for entry in entries].count(one) for one in kept)
    for node in ("A", "B"):
        changes = [raw for name, *_, raw in exact if name == node]
        for kinds in ({"store", "attendant"}, {"skipped"}, {"service"}):
            every = sorted(key(*entry)[3] for entry in entries if entry[0] == node and entry[1] in kinds)
            some = sorted(raw for name, source, number, raw in kept
                          if name == node and (source, number) in {KINDS[kind][:2] for kind in kinds})  # fmt: skip
            assert set(some) <= set(every)
            if not every:
                continue
            assert (some[0], some[-1]) == (every[0], every[-1])
            for change in changes:
                before, after = [r for r in every if r <= change], [r for r in every if r >= change]
                assert not before or before[-1] in some
                assert not after or after[0] in some
            for raw in every:
                low, high = max(r for r in some if r <= raw), min(r for r in some if r >= raw)
                assert high - low <= THIN_TICKS
