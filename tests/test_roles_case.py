"""Role histories of cases: the tables, the plain form, and what of an ingest changes nothing."""

from __future__ import annotations

import importlib.util
import json
import sys
from copy import copy
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from forensics.roles.analyse import CONCLUSION_TABLES, analyse, store_roles
from forensics.roles.model import ClockOffset, Confidence, Role, RoleConflict, RoleHistory, RoleInterval, RoleTransition
from forensics.roles.plain import FIELDS, flat, plain
from samples.incident import Setting, build, random_incident

ZERO = 128_444_400_000_000_000


def _accuracy():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "accuracy.py"
    spec = importlib.util.spec_from_file_location("accuracy_of_cases", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


case_of = _accuracy().case_of


def told(case):
    """The history of a case as text without ids of events: references as what the events are."""
    events = {
        f"event:{row[0]}": list(row[1:])
        for row in case.rows("SELECT id, node, source, event_id, generated_filetime, strings FROM events")
    }
    row = plain(analyse(case).roles())
    for kind in ("intervals", "transitions", "conflicts", "clock_offsets"):
        for one in row[kind]:
            for name in ("evidence", "contradicted_by"):
                one[name] = sorted((events[reference] for reference in one.get(name, ())), key=str)
    return json.dumps(row)


def told_of(incident, entries, path):
    changed = copy(incident)
    changed.entries = entries
    with case_of(changed, path) as case:
        return told(case)


# -- what changes nothing ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[("quiet", "2003"), ("crash", "2008"), ("boot-storm", "2003")], ids="-".join)
def incident(request):
    """An incident with copies and with clocks that are off."""
    scenario, system = request.param
    return build(Setting(scenario, system, 7, skew_seconds=120))


@pytest.fixture(scope="module")
def base(incident, tmp_path_factory):
    """Its history."""
    return told_of(incident, list(incident.entries), tmp_path_factory.mktemp("base") / "case.db")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_ingest_changes_nothing(incident, base, tmp_path, seed):
    """Files in another order: other ids, the same history."""
    entries = sorted(incident.entries, key=lambda log: log.path)
    Random(seed).shuffle(entries)  # noqa: S311 - no secret
    assert told_of(incident, entries, tmp_path / "case.db") == base


def test_a_file_given_twice_changes_nothing(incident, base, tmp_path):
    """Every log a second time, under another name in the same folder."""
    entries = sorted(incident.entries, key=lambda log: log.path)
    again = [replace(log, path=f"{Path(log.path).parent}/Again/{Path(log.path).name}") for log in entries]
    assert told_of(incident, [*entries, *again], tmp_path / "case.db") == base


@pytest.mark.parametrize("overlap", [0, 30])
def test_a_log_in_two_files_changes_nothing(incident, base, tmp_path, overlap):
    """Each log cut into two files that follow each other, or overlap."""
    entries = []
    for log in sorted(incident.entries, key=lambda log: log.path):
        middle = len(log.records) // 2
        if middle <= overlap:
            entries.append(log)
            continue
        folder, name = Path(log.path).parent, Path(log.path).name
        first = slice(0, middle + overlap)
        entries.append(
            replace(log, path=f"{folder}/Saved/{name}", records=log.records[first], hidden=log.hidden[first])
        )
        entries.append(replace(log, records=log.records[middle:], hidden=log.hidden[middle:]))
    assert len(entries) > len({(log.owner, log.log) for log in entries})
    assert told_of(incident, entries, tmp_path / "case.db") == base


# -- tables ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The case of an incident with several groups and a move of the mailbox server's."""
    with case_of(random_incident(3, complete=True), tmp_path_factory.mktemp("case") / "case.db") as opened:
        yield opened


def rows_of(case):
    return {table: list(case.rows(f"SELECT * FROM {table} ORDER BY id")) for table in CONCLUSION_TABLES}  # noqa: S608


def test_the_tables_hold_what_the_histories_say(case):
    """Intervals, moves and conflicts of every group, the mailbox server's first, numbered as its ids; offsets once."""
    analysis = analyse(case)
    store_roles(case, analysis)
    histories, own = analysis.all_roles(), analysis.roles()
    assert len(histories) > 1
    rows = rows_of(case)
    assert len(rows["role_intervals"]) == sum(len(one.intervals) for one in histories)
    assert len(rows["role_transitions"]) == sum(len(one.transitions) for one in histories)
    assert len(rows["role_conflicts"]) == sum(len(one.conflicts) for one in histories)
    assert len(rows["clock_offsets"]) == len(own.clock_offsets)
    for number, one in enumerate(plain(own)["transitions"], 1):
        found = next(
            case.rows(
                "SELECT cluster_group, from_node, to_node, earliest, time, latest, confidence, evidence,"
                " contradicted_by, why FROM role_transitions WHERE id = ?",
                (number,),
            )
        )
        assert one["id"] == f"transition:{number}"
        expected = [own.group, *(one[name] for name in ("from", "to", "earliest", "time", "latest", "confidence"))]
        assert [*found[:7], json.loads(found[7]), json.loads(found[8]), found[9]] == [
            *expected, one["evidence"], one["contradicted_by"], one["why"],
        ]  # fmt: skip
    names = "id, cluster_group, node, role, start, end"
    stored = list(case.rows(f"SELECT {names} FROM role_intervals WHERE id <= ?", (len(own.intervals),)))  # noqa: S608
    assert stored == [
        (number, own.group, one["node"], one["role"], one["start"], one["end"])
        for number, one in enumerate(plain(own)["intervals"], 1)
    ]


def test_storing_again_replaces(case):
    """A second analysis leaves the same rows, under the same ids, not twice as many."""
    store_roles(case, analyse(case))
    before = rows_of(case)
    store_roles(case, analyse(case))
    assert rows_of(case) == before
    assert before["role_intervals"]


def test_storing_is_part_of_the_callers_transaction(case):
    """What fails behind it undoes it."""
    store_roles(case, analyse(case))
    before = rows_of(case)
    with pytest.raises(RuntimeError), case.transaction():  # noqa: PT012
        case.connection.execute("DELETE FROM role_intervals WHERE id > 1")
        store_roles(case, analyse(case))
        case.connection.execute("DELETE FROM role_intervals")
        raise RuntimeError
    assert rows_of(case) == before


def test_every_reference_is_in_the_case(case):
    """Each `event:n` of a conclusion is an event that is no copy."""
    history = analyse(case).roles()
    found = {name for one in (*history.intervals, *history.transitions) for name in one.evidence}
    events = {f"event:{row[0]}" for row in case.rows("SELECT id FROM events WHERE duplicate_of IS NULL")}
    assert found
    assert found <= events


def test_a_case_without_events_has_an_empty_history(tmp_path):
    """No evidence: no node, no interval, a reason."""
    incident = build(Setting("no-move", "2003", 1))
    incident.entries = []
    with case_of(incident, tmp_path / "case.db") as empty:
        analysis = analyse(empty)
        history = analysis.roles()
        store_roles(empty, analysis)
        assert (history.group, history.nodes, history.intervals, history.transitions) == (None, (), (), ())
        assert history.why
        assert analysis.roles_of("CMS1") is None
        assert not any(rows_of(empty).values())


# -- the plain form ----------------------------------------------------------------------------------------------------

HISTORY = RoleHistory(
    group="CMS1",
    nodes=("A", "B"),
    clock_offsets=(ClockOffset("B", "A", 43.2, 1.5, 12, ("event:1",), "Why."),),
    intervals=(
        RoleInterval("role:1", "A", Role.ACTIVE, ZERO, ZERO + 15, Confidence.CERTAIN, ("event:7",), (), "Why."),
    ),
    transitions=(
        RoleTransition(
            "transition:1", None, "B", ZERO, ZERO + 10, ZERO + 20, Confidence.PROBABLE, ("event:9",), ("event:8",),
            "Why.",
        ),
    ),
    conflicts=(RoleConflict("conflict:1", ZERO, ZERO + 10, ("A", "B"), (), "Why."),),
    why="Why.",
)  # fmt: skip
TIMES = ["2008-01-10T12:00:00.000000Z", "2008-01-10T12:00:00.000001Z", "2008-01-10T12:00:00.000002Z"]


def test_the_plain_form_is_the_contracts():
    """Field names, their order, ids, words, and times as ISO 8601 with six digits, cut and not rounded."""
    offset = {
        "node": "B", "reference": "A", "seconds": 43.2, "uncertainty": 1.5, "pairs": 12, "evidence": ["event:1"],
        "why": "Why.",
    }  # fmt: skip
    expected = {
        "group": "CMS1",
        "nodes": ["A", "B"],
        "clock_offsets": [offset],
        "intervals": [
            {
                "id": "role:1", "node": "A", "role": "active", "start": TIMES[0], "end": TIMES[1],
                "confidence": "certain", "evidence": ["event:7"], "contradicted_by": [], "why": "Why.",
            }
        ],
        "transitions": [
            {
                "id": "transition:1", "from": None, "to": "B", "earliest": TIMES[0], "time": TIMES[1],
                "latest": TIMES[2], "confidence": "probable", "evidence": ["event:9"],
                "contradicted_by": ["event:8"], "why": "Why.",
            }
        ],
        "conflicts": [
            {
                "id": "conflict:1", "start": TIMES[0], "end": TIMES[1], "nodes": ["A", "B"], "evidence": [],
                "why": "Why.",
            }
        ],
        "why": "Why.",
    }  # fmt: skip
    assert json.dumps(plain(HISTORY)) == json.dumps(expected)


def test_an_offset_of_a_stepped_clock_says_when():
    """`since` and `until` stand only where the clock was stepped; an open end is null."""
    stepped = replace(HISTORY.clock_offsets[0], since=ZERO)
    (row,) = plain(replace(HISTORY, clock_offsets=(stepped,)))["clock_offsets"]
    assert (row["since"], row["until"]) == (TIMES[0], None)


def test_flat_rows_have_all_fields():
    """For CSV and JSON lines: one row each, the same fields in the same order, those that do not apply are null."""
    rows = list(flat(HISTORY))
    assert [row["kind"] for row in rows] == ["interval", "transition", "conflict", "clock_offset"]
    assert all(tuple(row) == FIELDS for row in rows)
    assert {row["group"] for row in rows} == {"CMS1"}
    tree = plain(HISTORY)
    for row, name in zip(rows, ("intervals", "transitions", "conflicts", "clock_offsets"), strict=True):
        assert {key: value for key, value in row.items() if value is not None or key in tree[name][0]} == {
            "kind": row["kind"], "group": "CMS1", **tree[name][0],
        }  # fmt: skip
