"""Whose log it is, where most of what it holds would say otherwise; by built logs and by simulated incidents."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence, NewFileVersion
from forensics.case.values import json_text
from forensics.catalogue import catalogue_of
from forensics.coverage import log_coverage
from forensics.gather import gather
from forensics.ingest.finish import finish
from forensics.ingest.nodes import most_frequent, owner_of
from forensics.ingest.rows import node_name
from parsers.times import TICKS_PER_SECOND, filetime_from_unix
from samples.incident import Incident, LogRecords, Record, Setting, build, random_incident, random_setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

S = TICKS_PER_SECOND
T0 = filetime_from_unix(1_200_000_000)
BOOT = ("EventLog", 6005)
STORE = ("MSExchangeIS Mailbox Store", 1221)
NOISE = ("Service Control Manager", 7036)
Entry = tuple[str, tuple[str, int], int]  # computer, source and id, minutes after the start


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.create(tmp_path / "case.db")


def put_records(case: Case, path: str, log: str, records: Sequence[Record], **more: Any) -> int:
    """A log as ingest adds it."""
    names = Counter(filter(None, (node_name(record.computer) for record in records)))
    ranked = sorted(names, key=lambda name: (-names[name], name))
    counts = ",".join(str(names[name]) for name in ranked)
    new = {"path": path, "root": "e", "kind": "evt", "status": "read", "sha256": path, "node": most_frequent(names),
           "node_basis": "events" if names else None, "log": log, "live": len(records),
           "facts": {"computers": ",".join(ranked), "entries": counts, "logs": 1}} | more  # fmt: skip
    one = case.add_evidence(NewEvidence(**new))
    rows = []
    for offset, record in enumerate(records):
        row = dict.fromkeys(EVENT_COLUMNS) | {
            "evidence_id": one, "log": log, "record_number": record.record_number, "computer": record.computer,
            "node": node_name(record.computer), "source": record.source, "event_id": record.event_id, "recovered": 0,
            "strings": json_text(record.strings), "offset": offset, "generated_filetime": record.generated,
            "written_filetime": record.written,
        }  # fmt: skip
        rows.append(tuple(row.values()))
    case.add_events(rows)
    return one


def put(case: Case, path: str, entries: Sequence[Entry], *, first: int = 1, log: str = "System", **more: Any) -> int:
    """A log of entries that each have a string of their own: their minute."""
    records = [
        Record(number, computer, source, event_id, T0 + minute * 60 * S, T0 + minute * 60 * S, (str(minute),))
        for number, (computer, (source, event_id), minute) in enumerate(entries, first)
    ]
    return put_records(case, path, log, records, **more)


def some(computer: str, what: tuple[str, int], *minutes: int) -> list[Entry]:
    return [(computer, what, minute) for minute in minutes]


def owners(case: Case) -> dict[int, str | None]:
    finish(case)
    return {row.id: owner_of(row) for row in case.evidence()}


def test_a_log_full_of_copies_is_that_of_the_machine_that_started(case: Case) -> None:
    """Whose machine started is whose log it is, and so the logs beside it, whatever most entries are."""
    system = put(case, "e/1/Sys.Evt", [*some("B", BOOT, 1), *some("B", NOISE, 2), *some("A", NOISE, 3, 4, 5)])
    store = [*some("A", STORE, 1, 2), *some("B", STORE, 3)]
    application = put(case, "e/1/App.Evt", store, log="Application")
    assert owners(case) == {system: "B", application: "B"}
    assert {row.node for row in case.evidence()} == {"A"}


def test_a_start_under_the_name_of_the_setup_does_not_decide(case: Case) -> None:
    """A machine's name during setup has starts and few entries: the log is that of the name that has most."""
    one = put(case, "e/Sys.Evt", [*some("MACHINENAME", BOOT, 1, 2, 3), *some("B", NOISE, *range(4, 40))])
    assert owners(case) == {one: "B"}


def test_a_log_full_of_copies_is_that_of_its_folder(case: Case) -> None:
    """Without a start the folder's name tells, or the file's, if that computer has a fair share of the entries."""
    half = [*some("NODE-1", STORE, 1, 2, 3, 4), *some("NODE-2", STORE, 5, 6)]
    mostly = put(case, "e/NODE-2/App.Evt", half)
    other = put(case, "f/App_node-2.Evt", half, first=100)
    hardly = put(case, "g/NODE-2/App.Evt", [*some("NODE-1", STORE, *range(10, 20)), *some("NODE-2", STORE, 20)])
    assert owners(case) == {mostly: "NODE-2", other: "NODE-2", hardly: "NODE-1"}


def test_of_two_logs_of_one_time_each_is_another_nodes(case: Case) -> None:
    """Both seem to be A's; the one that has all of B's entries, and not all of A's, is B's."""
    mine, its = some("A", NOISE, *range(0, 100, 3)), some("B", NOISE, *range(1, 100, 5))
    first = put(case, "e/1.Evt", sorted([*mine, *its[::2]], key=lambda entry: entry[2]))
    second = put(case, "e/2.Evt", sorted([*mine[1:], *its], key=lambda entry: entry[2]), first=500)
    assert owners(case) == {first: "A", second: "B"}


def test_a_log_of_nothing_but_copies_is_that_of_the_logs_beside_it(case: Case) -> None:
    """A node's log in which every entry is a copy of another node's is still its own."""
    first = put(case, "e/1/Sec.Evt", some("A", NOISE, 1, 2, 3), log="Security")
    second = put(case, "e/2/Sec.Evt", some("A", NOISE, 1, 2, 3), first=70, log="Security")
    system = put(case, "e/2/Sys.Evt", [*some("B", BOOT, 1), *some("B", NOISE, 2)])
    assert owners(case) == {first: "A", second: "B", system: "B"}


def test_a_log_that_lies_in_the_wrong_folder_is_its_own_nodes(case: Case) -> None:
    """A large log in which nothing is of the folder's node is not that node's."""
    system = put(case, "e/1/Sys.Evt", [*some("A", BOOT, 1), *some("A", NOISE, 2)])
    strange = put(case, "e/1/App.Evt", some("B", STORE, *range(50)), log="Application")
    assert owners(case) == {system: "A", strange: "B"}


def test_a_log_saved_twice_is_one_nodes(case: Case) -> None:
    """The part of a log that was saved earlier has its owner from the whole, wherever it lies."""
    entries = [*some("A", NOISE, 1, 2, 3), *some("B", BOOT, 4), *some("B", NOISE, 5, 6)]
    saved = put(case, "f/old.Evt", entries[:3])
    whole = put(case, "e/Sys.Evt", entries)
    assert owners(case) == {saved: "B", whole: "B"}


def test_a_given_node_stays(case: Case) -> None:
    """What the analyst said is not told otherwise by starts, and a log of the same time is then another node's."""
    entries = [*some("A", BOOT, 0), *some("A", NOISE, *range(1, 90, 2)), *some("B", NOISE, *range(90, 100))]
    one = put(case, "e/1.Evt", entries, node="B", node_basis="given")
    other = put(case, "e/2.Evt", entries[1:], first=300)
    assert owners(case) == {one: "B", other: "A"}
    assert all("owner" not in row.facts for row in case.evidence())


def test_equal_files_have_one_owner(case: Case) -> None:
    """A file that is there twice has its owner twice."""
    entries = [*some("A", NOISE, 1, 2, 3), *some("B", BOOT, 4), *some("B", NOISE, 5, 6)]
    found = [put(case, f"{folder}/Sys.Evt", entries, sha256="same") for folder in "ef"]
    assert owners(case) == dict.fromkeys(found, "B")


def test_a_log_that_goes_on_under_another_name_is_its_last_names(case: Case) -> None:
    """Most entries under the name of the setup do not make an .evtx its own, for what follows is the node's."""
    entries = [*some("MACHINENAME", NOISE, 1, 2, 3), *some("A", BOOT, 4)]
    one = put(case, "x.evtx", entries, kind="evtx")
    mixed = put(case, "y.evtx", [*entries, *some("MACHINENAME", NOISE, 5)], kind="evtx", log="Setup")
    assert owners(case) == {one: "A", mixed: "MACHINENAME"}


def test_what_was_told_is_told_anew_when_evidence_comes(case: Case) -> None:
    """A log seems to be A's until a log of the same time comes; then nothing is left of what was said before."""
    mine, its = some("A", NOISE, *range(0, 100, 3)), some("B", NOISE, *range(1, 100, 5))
    second = put(case, "e/2/x.Evt", sorted([*mine[1:], *its], key=lambda entry: entry[2]), first=500)
    assert owners(case) == {second: "A"}
    first = put(case, "e/1/x.Evt", sorted([*mine, *its[::2]], key=lambda entry: entry[2]))
    before = owners(case)
    assert before == {first: "A", second: "B"}
    assert owners(case) == before


def name_at(incident: Incident, log: LogRecords, layout: str) -> str:
    """Where a log lies: in folders called after nodes, in folders with names of their own, or all in one folder."""
    nodes = sorted({one.owner for one in incident.entries}, reverse=True)
    alias = f"n{nodes.index(log.owner)}"
    below = log.path.partition("/")[2]
    return {
        "named": f"e/{log.path}",
        "folders": f"e/{alias}/{below}",
        "flat": f"e/{alias}-{below.replace('/', '-')}",
    }[layout]


def judged(path: Path, incident: Incident, layout: str, seed: int = 0) -> dict[str, tuple[str | None, str]]:
    """Path of each log -> whose it is said to be, and whose it is."""
    logs = random.Random(seed).sample(incident.entries, len(incident.entries))  # noqa: S311 - any order will do
    with Case.create(path / f"{layout}-{seed}.db") as case:
        true = {put_records(case, name_at(incident, log, layout), log.log, log.records): log for log in logs}
        found = owners(case)
        return {log.path: (found[one], log.owner) for one, log in true.items()}


@pytest.mark.parametrize("layout", ["named", "folders", "flat"])
@pytest.mark.parametrize("times", ["origin", "receiver"])
def test_the_owners_of_simulated_logs_are_true(tmp_path: Path, layout: str, times: str) -> None:
    """Wherever the logs of an incident lie and whosever times copies have, each log has its true owner."""
    for seed in (76, 96, 188, 297, 350):  # among them logs that hold little but copies
        setting = random_setting(seed, complete=True)
        incident = build(Setting(setting.scenario, "2003", seed, copy_times=times, security_log=True))
        place = tmp_path / str(seed)
        place.mkdir()
        found = judged(place, incident, layout)
        assert all(told == owner for told, owner in found.values()), found


def test_the_order_of_ingest_does_not_matter(tmp_path: Path) -> None:
    """Logs added in any order have the same owners."""
    incident = random_incident(103, complete=False)
    first = judged(tmp_path, incident, "flat", 0)
    assert all(judged(tmp_path, incident, "flat", seed) == first for seed in range(1, 5))


def test_what_lies_beside_a_log_is_its_owners(case: Case) -> None:
    """Files without events, versions of files, coverage and the evidence of analyses follow the owner."""
    incident = build(Setting("crash", "2003", 12))
    beside = {}
    for log in incident.entries:
        path = name_at(incident, log, "folders")
        put_records(case, path, log.log, log.records)
        home = path.split("/")[1]
        if home not in beside:
            new = NewEvidence(path=f"e/{home}/Data/ScanJobs.fdb", root="e", kind="fdb", status="read", sha256=home)
            one = case.add_evidence(new)
            case.add_file_version(
                NewFileVersion(evidence_id=one, node=None, name="ScanJobs.fdb", role="live", path=new.path)
            )
            beside[home] = one, log.owner
    finish(case)
    rows = {row.id: row for row in case.evidence()}
    assert any(row.node != owner_of(row) for row in rows.values())
    for one, owner in beside.values():
        assert (rows[one].node, rows[one].node_basis) == (owner, "beside")
    assert dict(case.rows("SELECT evidence_id, node FROM file_versions")) == dict(beside.values())
    true = Counter(log.owner for log in incident.entries)
    assert Counter(log.node for log in log_coverage(case)) == true
    assert {run.log[0] for run in gather(case, catalogue_of(case)).runs} == set(true)


@pytest.mark.long
@pytest.mark.parametrize("layout", ["named", "folders", "flat"])
def test_chance_incidents_have_their_owners(tmp_path: Path, layout: str) -> None:
    """Of whole evidence every owner is true; of lost and damaged evidence 99 of 100, wherever the logs lie."""
    count: Counter[tuple[bool, bool]] = Counter()
    for seed in range(400):
        for complete in (True, False):
            if random_setting(seed, complete=complete).system == "2003":
                place = tmp_path / f"{seed}-{complete}"
                place.mkdir()
                for told, owner in judged(place, random_incident(seed, complete=complete), layout).values():
                    count[complete, told == owner] += 1
    assert count[True, False] == 0
    assert count[False, False] * 100 <= count[False, True]
