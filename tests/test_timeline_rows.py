"""The timeline holds what matters, each once, on one clock and in its order, and says what each row rests on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.values import json_text
from forensics.claims import Claim
from forensics.clocks.model import ClockSpan
from forensics.clocks.timeline import Clocks
from forensics.ingest.account import IngestOptions
from forensics.ingest.run import ingest
from forensics.roles.analyse import Analysis, analyse
from forensics.roles.model import Confidence, Role, RoleConflict, RoleHistory, RoleInterval, RoleTransition
from forensics.timeline import TimelineKind, TimelineRow, clock_steps, conclusions, timeline
from forensics.timeline_words import sentence
from parsers.times import TICKS_PER_SECOND, filetime_from_unix
from samples.incident import ClockStep, Setting, build
from samples.incident.evidence import write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = filetime_from_unix(1_200_000_000)
ONLINE = ("ClusSvc", 1201, ("CMS1",))
OFFLINE = ("ClusSvc", 1204, ("CMS1",))
NOISE = ("Service Control Manager", 7036, ("Windows Installer", "running"))


def at(seconds: float) -> int:
    return T0 + int(seconds * TICKS_PER_SECOND)


@pytest.fixture(scope="module")
def incident_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """An incident with a move there and back, a clock that was set, and both nodes' logs, ingested."""
    folder = tmp_path_factory.mktemp("incident")
    incident = build(Setting("double-failover", "2008", 4, skew_seconds=90, clock_steps=(ClockStep(3, 1, 300.0),)))
    write_folder(incident.items, folder / "e")
    with Case.create(folder / "case.db") as case:
        ingest(case, [folder / "e"], IngestOptions(jobs=1))
        yield case


@pytest.fixture(scope="module")
def analysis(incident_case: Case) -> Analysis:
    return analyse(incident_case)


@pytest.fixture(scope="module")
def rows(incident_case: Case, analysis: Analysis) -> list[TimelineRow]:
    return list(timeline(incident_case, analysis))


def test_the_rows_are_in_the_order_of_the_reference_clock(rows: list[TimelineRow]) -> None:
    """Times never fall, and at one moment events stand before what is concluded from them."""
    assert len(rows) > 50
    ranks = list(TimelineKind)
    for before, after in pairwise(rows):
        assert (before.time, ranks.index(before.kind)) <= (after.time, ranks.index(after.kind))
        assert after.low <= after.time <= after.high


def test_every_event_that_matters_is_there_once(
    rows: list[TimelineRow], incident_case: Case, analysis: Analysis
) -> None:
    """The events are those that matter as the catalogue says, copies left out, each with its recorded time."""
    expected = {}
    for event, source, event_id, strings, raw in incident_case.rows(
        "SELECT id, source, event_id, strings, generated_filetime FROM events WHERE duplicate_of IS NULL"
    ):
        found = analysis.catalogue.match(source, event_id, [text for text in strings[2:-2].split('","') if text])
        if found is not None and found.matters:
            expected[f"event:{event}"] = (raw, found.row.claim)
    events = [row for row in rows if row.kind is TimelineKind.EVENT]
    assert {row.references[0]: (row.raw, row.what) for row in events} == expected
    assert len(events) == len(expected) > 20
    assert all(row.confidence is None and row.mark for row in events)


def test_what_is_concluded_stands_among_the_events(rows: list[TimelineRow], analysis: Analysis) -> None:
    """Every interval, move and conflict of the mailbox server's group is a row with its confidence and references."""
    history = analysis.roles()
    told = {row.references[0]: row for row in rows if row.kind not in {TimelineKind.EVENT, TimelineKind.CLOCK_STEP}}
    assert set(told) == {one.id for one in (*history.intervals, *history.transitions, *history.conflicts)}
    assert len(history.transitions) >= 2
    for move in history.transitions:
        row = told[move.id]
        assert (row.time, row.low, row.high) == (move.time, move.earliest, move.latest)
        assert (row.kind, row.node, row.object) == (TimelineKind.TRANSITION, move.to_node, history.group)
        assert (row.confidence, row.references[1:]) == (move.confidence, move.evidence)
        assert f"from {move.from_node} to {move.to_node}" in row.detail


def test_a_clock_that_was_set_is_a_row(rows: list[TimelineRow]) -> None:
    """A step of five minutes is told where it was made, with its node, its way and about its size."""
    (row,) = [row for row in rows if row.kind is TimelineKind.CLOCK_STEP]
    assert (row.node, row.what) == ("EXNODE2", "clock_set")
    assert "set forwards by about " in row.detail
    size = float(row.detail.split("by about ")[1].split(" s")[0])
    assert abs(size - 300) < 30


def test_a_part_is_the_whole_cut(rows: list[TimelineRow], incident_case: Case, analysis: Analysis) -> None:
    """`since` is inclusive, `until` exclusive, both on the reference clock, for events and conclusions."""
    since, until = rows[len(rows) // 3].time, rows[2 * len(rows) // 3].time
    part = list(timeline(incident_case, analysis, since=since, until=until))
    assert part == [row for row in rows if since <= row.time < until]
    assert {row.kind for row in part} >= {TimelineKind.EVENT, TimelineKind.TRANSITION}


def _fill(path: Path, entries: list[tuple[str, int, Any, str | None]], *, backwards: bool = False) -> list[TimelineRow]:
    """The timeline of entries (node, seconds, what, message) of the System logs of their nodes."""
    with Case.create(path) as case:
        nodes = sorted({node for node, *_ in entries}, reverse=backwards)
        ids = {
            node: case.add_evidence(
                NewEvidence(path=f"{node}/x.evt", kind="evt", status="read", node=node, node_basis="events", live=1)
            )
            for node in nodes
        }
        rows = []
        for number, (node, seconds, (source, event_id, strings), message) in enumerate(entries, 1):
            row = dict.fromkeys(EVENT_COLUMNS) | {
                "evidence_id": ids[node], "log": "System", "node": node, "source": source, "event_id": event_id,
                "strings": json_text(strings), "recovered": 0, "generated_filetime": at(seconds), "message": message,
                "record_number": number,
            }  # fmt: skip
            rows.append(tuple(row.values()))
        case.add_events(reversed(rows) if backwards else rows)
        case.finish_load()
        return list(timeline(case, analyse(case)))


def test_rows_of_one_moment_do_not_depend_on_ids(tmp_path: Path) -> None:
    """A thousand events in one second come by node and number, however they were stored."""
    entries = [("AB"[index % 2], 5, (ONLINE, OFFLINE)[index % 3 == 0], None) for index in range(1000)]
    first, second = (_fill(tmp_path / f"{way}.db", entries, backwards=way) for way in (False, True))
    plain = [[(row.time, row.node, row.what, row.detail) for row in found] for found in (first, second)]
    assert plain[0] == plain[1]
    assert sum(row.kind is TimelineKind.EVENT for row in first) == 1000


def test_the_events_own_text_goes_before_ours(tmp_path: Path) -> None:
    """A rendered message is the detail, on one line and cut; without one the claim is said in words."""
    entries = [
        ("A", 1, ONLINE, "The Cluster Service brought\r\n the Resource Group online." + "x" * 1000),
        ("A", 2, OFFLINE, None),
        ("A", 3, ("FSECCRService", 9999, ("one", None, "two")), None),
        ("A", 4, NOISE, "Windows Installer runs"),
    ]
    online, offline, unknown = (row for row in _fill(tmp_path / "case.db", entries) if row.kind is TimelineKind.EVENT)
    assert online.detail.startswith("ClusSvc 1201: The Cluster Service brought the Resource Group online.xxx")
    assert len(online.detail) < 450
    assert (offline.detail, offline.object, offline.mark) == (
        "ClusSvc 1204: The group CMS1 is offline",
        "CMS1",
        "common",
    )
    assert unknown.detail == "FSECCRService 9999: What this event says is not known: one; two"
    assert unknown.mark == "unknown"


def test_hostile_times_are_in_their_places(tmp_path: Path) -> None:
    """Events at both ends of what a case can hold are rows like others."""
    _fill(tmp_path / "case.db", [("A", 0, ONLINE, None), ("A", 1, OFFLINE, None)])
    with Case.open(tmp_path / "case.db", write=True) as case:
        case.connection.execute("UPDATE events SET generated_filetime = ? WHERE id = 1", ((1 << 63) - 1,))
        case.connection.execute("UPDATE events SET generated_filetime = ? WHERE id = 2", (-(1 << 63) + 1,))
        events = [row for row in timeline(case, analyse(case)) if row.kind is TimelineKind.EVENT]
    assert {row.what for row in events} == {Claim.GROUP_OFFLINE, Claim.GROUP_ONLINE}
    assert events == sorted(events, key=lambda row: row.time)


def test_clock_steps_are_told_from_the_spans() -> None:
    """Each border between two spans of one node is a step, at the first event after it, forwards or back."""

    def span(node: str, first: int, last: int, offset: int, low: int | None = 0) -> ClockSpan:
        return ClockSpan(node, at(first), at(last), {}, offset * TICKS_PER_SECOND, low, 0, 1, ("event:5",), "So it is.")

    clocks = Clocks.of(
        [span("A", 0, 900, 0), span("B", 0, 100, 10), span("B", 80, 300, 40), span("B", 500, 600, -80, None)]
    )
    back, forwards = clock_steps(clocks)
    assert (back.time, back.raw, back.node, back.bounded) == (at(120), at(80), "B", True)
    assert back.detail == "The clock of B was set back by about 30.0 s. So it is."
    assert (forwards.time, forwards.raw, forwards.bounded) == (at(420), at(500), False)
    assert "set forwards by about 120.0 s" in forwards.detail
    assert forwards.references == ("event:5",)


def test_conclusions_become_rows() -> None:
    """An interval, a move without a known origin and a conflict say what they are, of what, and why."""
    certain, possible = Confidence.CERTAIN, Confidence.POSSIBLE
    history = RoleHistory(
        "CMS1", ("A", "B"), (),
        (RoleInterval("role:1", "A", Role.DOWN, 5, 9, certain, ("event:1",), (), "It is down."),),
        (RoleTransition("transition:1", None, "B", 1, 2, 3, possible, ("event:2",), (), "It came."),),
        (RoleConflict("conflict:1", 4, 6, ("A", "B"), ("event:3",), "Both."),),
        "",
    )  # fmt: skip
    role, move, conflict = conclusions(history)
    assert (role.kind, role.time, role.node, role.what, role.object) == (TimelineKind.ROLE, 5, "A", "down", "CMS1")
    assert (role.detail, role.confidence, role.references) == ("It is down.", certain, ("role:1", "event:1"))
    assert (move.detail, move.node, move.low, move.time, move.high) == ("The group moved to B. It came.", "B", 1, 2, 3)
    assert (conflict.node, conflict.time, conflict.high, conflict.confidence) == ("A, B", 4, 6, None)


@pytest.mark.parametrize("claim", list(Claim))
def test_every_claim_has_its_words(claim: Claim) -> None:
    """No claim of the vocabulary is without a sentence, with and without an object, and strings are kept."""
    assert "NAME" in sentence(claim, "NAME", ["NAME", None, ""])
    assert "{}" not in sentence(claim, None, [])
    assert sentence(claim, "{0}", ["x", "y"]).endswith(": x; y")
