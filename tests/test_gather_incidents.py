"""What is gathered from simulated incidents is what their records hold, whatever the order in which they came."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.values import json_text
from forensics.catalogue import Catalogue, catalogue_of
from forensics.claims import GROUP_CLAIMS, Claim
from forensics.gather import gather
from forensics.gather_logs import SEQUEL_TICKS
from forensics.ingest.account import IngestOptions
from forensics.ingest.nodes import OWNER, most_frequent
from forensics.ingest.rows import node_name
from forensics.ingest.run import ingest
from forensics.observations import Evidence, Fall
from forensics.profile import load_profile
from parsers.times import TICKS_PER_SECOND
from samples.incident import Incident, Setting, build, random_incident
from samples.incident.evidence import write_folder

if TYPE_CHECKING:
    from samples.incident import LogRecords

EMPTY = dict.fromkeys(EVENT_COLUMNS)


def _originals(logs: list[LogRecords]) -> dict[int, tuple[str, int]]:
    """For each occurrence the place of its original: in its own node's log, else in the first file."""
    found: dict[int, tuple[bool, str, int]] = {}
    for log in logs:
        for record, hidden in zip(log.records, log.hidden, strict=True):
            place = (node_name(record.computer) != log.owner, log.path, record.record_number)
            found[hidden.occurrence] = min(place, found.get(hidden.occurrence, place))
    return {occurrence: place[1:] for occurrence, place in found.items()}


def fill(path: Path, incident: Incident, shuffle: Random | None = None) -> Case:
    """A case that holds the incident's records as an ingest would leave them; shuffled: another order of everything."""
    case = Case.create(path)
    originals = _originals(incident.entries)
    rows: list[tuple[dict[str, Any], str, int]] = []
    logs = list(incident.entries)
    if shuffle:
        shuffle.shuffle(logs)
    for log in logs:
        computers: dict[str, int] = defaultdict(int)
        for record in log.records:
            computers[node_name(record.computer) or ""] += 1
        new = NewEvidence(
            path=log.path, kind=log.path.rpartition(".")[2].lower(), status="read", node=most_frequent(computers),
            node_basis="events", log=log.log, live=len(log.records), facts={OWNER: log.owner},
        )  # fmt: skip
        one = case.add_evidence(new)
        for record, hidden in zip(log.records, log.hidden, strict=True):
            row = EMPTY | {
                "evidence_id": one, "log": log.log, "record_number": record.record_number, "source": record.source,
                "event_id": record.event_id, "computer": record.computer, "node": node_name(record.computer),
                "strings": json_text(record.strings), "recovered": 0, "generated_filetime": record.generated,
                "written_filetime": record.written,
            }  # fmt: skip
            rows.append((row, log.path, hidden.occurrence))
    if shuffle:
        shuffle.shuffle(rows)
    ids = {(path, row["record_number"]): number for number, (row, path, _) in enumerate(rows, 1)}
    for number, (row, _, occurrence) in enumerate(rows, 1):
        original = ids[originals[occurrence]]
        row["duplicate_of"] = original if original != number else None
    with case.transaction():
        case.connection.execute("PRAGMA defer_foreign_keys = ON")  # a copy may come before its original
        case.add_events(tuple(row.values()) for row, _, _ in rows)
    case.finish_load()
    return case


def gathered(path: Path, incident: Incident, shuffle: Random | None = None) -> Evidence:
    with fill(path, incident, shuffle) as case:
        return gather(case, catalogue_of(case))


def without_ids(evidence: Evidence) -> Evidence:
    return evidence._replace(
        observations=[one._replace(event=0) for one in evidence.observations],
        sequels=[one._replace(origin_event=0, receiver_event=0) for one in evidence.sequels],
    )


@pytest.fixture(scope="module", params=range(16))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Incident, Evidence]:
    """A random incident, and what is gathered of it."""
    incident = random_incident(request.param)
    return incident, gathered(tmp_path_factory.mktemp("case") / "case.db", incident)


def test_the_nodes_are_those_of_the_truth(both: tuple[Incident, Evidence]) -> None:
    """Every node that is seen at all is one, and no name of the mailbox server, the cluster or a setup is."""
    incident, evidence = both
    seen = {node_name(record.computer) for log in incident.entries for record in log.records}
    nodes = {node["name"] for node in incident.truth["nodes"]}
    assert set(evidence.nodes) == nodes & seen
    assert set(evidence.aliases) == seen - nodes
    originals = _originals(incident.entries)
    times = [
        (node_name(record.computer), record.generated)
        for log in incident.entries
        for record, hidden in zip(log.records, log.hidden, strict=True)
        if originals[hidden.occurrence] == (log.path, record.record_number)
    ]
    for node, (first, last) in evidence.nodes.items():
        assert (first, last) == (min(t for n, t in times if n == node), max(t for n, t in times if n == node))


def test_nothing_that_the_catalogue_knows_is_missed(both: tuple[Incident, Evidence]) -> None:
    """One observation for each occurrence that matters for roles, with its log, number, time and object."""
    incident, evidence = both
    catalogue = Catalogue(load_profile())
    originals = _originals(incident.entries)
    expected = set()
    for log in incident.entries:
        for record, hidden in zip(log.records, log.hidden, strict=True):
            found = catalogue.match(record.source, record.event_id, record.strings, None, log.log)
            if found is None or originals[hidden.occurrence] != (log.path, record.record_number):
                continue
            if found.row.strong and found.row.claim is not Claim.COPY_SKIPPED:
                name = node_name(record.computer)
                expected.add((name, record.generated, record.record_number, log.log, found.row.claim, found.object))
    strong = [one for one in evidence.observations if one.strong and one.claim is not Claim.COPY_SKIPPED]
    assert {(o.node, o.raw, o.number, o.log[1], o.claim, o.object) for o in strong} == expected
    assert len(strong) == len(expected) > 0


def test_runs_and_falls_are_those_of_the_numbers(both: tuple[Incident, Evidence]) -> None:
    """Each number of a log lies in one run, runs have no hole, and falls are those of the owner's own records."""
    incident, evidence = both
    numbers: dict[tuple[str, str], dict[int, tuple[int, int] | None]] = defaultdict(dict)
    expected_falls = set()
    for log in incident.entries:
        name, before = (log.owner, log.log), None
        for record in log.records:
            own = node_name(record.computer) == log.owner
            numbers[name][record.record_number] = (record.generated, record.written) if own else None
            if own:
                if before and record.written < before[1] - TICKS_PER_SECOND:
                    expected_falls.add(Fall(name, before[0], record.record_number, before[1], record.written))
                before = (record.record_number, record.written)
    assert set(evidence.falls) == expected_falls
    covered: dict[tuple[str, str], set[int]] = defaultdict(set)
    for run in evidence.runs:
        assert covered[run.log].isdisjoint(range(run.first - 1, run.last + 2))
        covered[run.log] |= set(range(run.first, run.last + 1))
        own = [n for n in range(run.first, run.last + 1) if numbers[run.log][n]]
        assert (run.start, run.end) == tuple(numbers[run.log][n][0] for n in (own[0], own[-1]))
    for name, known in numbers.items():
        missed = set(known) - covered[name]
        assert covered[name] <= set(known)
        assert all(known[number] is None for number in missed)


@pytest.mark.parametrize("copy_times", ["origin", "receiver"])
def test_sequels_are_true_and_the_tightest(tmp_path: Path, copy_times: str) -> None:
    """A sequel's cause really came before its effect, and none of its nodes and quarter of an hour is tighter."""
    incident = build(Setting("double-failover", "2003", 3, copy_times=copy_times, skew_seconds=200))
    evidence = gathered(tmp_path / "case.db", incident)
    true = {(log.owner, log.log, r.record_number): h.true for log in incident.entries
            for r, h in zip(log.records, log.hidden, strict=True)}  # fmt: skip
    assert len(evidence.sequels) > 20
    for one in evidence.sequels:
        assert true[*one.origin_log, one.origin_number] < true[*one.receiver_log, one.receiver_number]
        assert (one.origin_log[0], one.receiver_log[0]) == (one.origin, one.receiver)
    own = {h.occurrence: r.written for log in incident.entries
           for r, h in zip(log.records, log.hidden, strict=True) if not h.copied}  # fmt: skip
    best: dict[tuple[str, str, int, int], int] = {}
    for log in incident.entries:
        waiting: list[tuple[str, int]] = []
        for record, hidden in zip(log.records, log.hidden, strict=True):
            if hidden.copied and hidden.occurrence in own:
                waiting.append((str(node_name(record.computer)), own[hidden.occurrence]))
            elif not hidden.copied:
                for origin, raw in waiting:
                    key = (origin, log.owner, raw // SEQUEL_TICKS, record.written // SEQUEL_TICKS)
                    best[key] = min(record.written - raw, best.get(key, 1 << 62))
                waiting = []
    found = {}
    for s in evidence.sequels:
        found[s.origin, s.receiver, s.origin_raw // SEQUEL_TICKS, s.receiver_raw // SEQUEL_TICKS] = (
            s.receiver_raw - s.origin_raw
        )
    assert found == best


@pytest.mark.parametrize("seed", [0, 5, 11])
def test_the_order_of_ingest_does_not_matter(tmp_path: Path, seed: int) -> None:
    """Files and rows in another order give the same evidence but for ids."""
    incident = random_incident(seed)
    first = gathered(tmp_path / "0.db", incident)
    for number in (1, 2):
        assert without_ids(gathered(tmp_path / f"{number}.db", incident, Random(number))) == without_ids(first)  # noqa: S311 - no secret
    assert any(one.claim in GROUP_CLAIMS for one in first.observations)


@pytest.mark.parametrize("system", ["2003", "2008"])
def test_a_lost_node_shows_where_the_other_has_copies_of_its_entries(tmp_path: Path, system: str) -> None:
    """With one node's evidence only, the other is a node where its entries were copied (2003), and unseen else."""
    incident = build(Setting("quiet", system, 2, degraded=("one-node",)))
    evidence = gathered(tmp_path / "case.db", incident)
    owners = {log.owner for log in incident.entries}
    assert len(owners) == 1
    assert set(evidence.nodes) == (owners if system == "2008" else {"EXNODE1", "EXNODE2"})
    assert evidence.aliases == ()
    assert evidence.sequels == []


@pytest.mark.parametrize("seed", [1, 13, 15])
def test_an_ingested_incident_says_the_same_as_its_records(tmp_path: Path, seed: int) -> None:
    """Read from files, logs full of copies have their true owners, names are told, and sequels are true."""
    incident = random_incident(seed)
    write_folder(incident.items, tmp_path / "e")
    with Case.create(tmp_path / "case.db") as case:
        ingest(case, [tmp_path / "e"], IngestOptions(jobs=1))
        evidence = gather(case, catalogue_of(case))
    expected = gathered(tmp_path / "expected.db", incident)
    assert evidence.runs == expected.runs
    assert evidence.falls == expected.falls
    assert (evidence.nodes, evidence.aliases) == (expected.nodes, expected.aliases)
    assert without_ids(evidence).observations == without_ids(expected).observations
    true = {
        (log.owner, log.log, record.record_number): hidden.true
        for log in incident.entries
        for record, hidden in zip(log.records, log.hidden, strict=True)
    }
    assert evidence.sequels
    for one in evidence.sequels:
        assert true[*one.origin_log, one.origin_number] < true[*one.receiver_log, one.receiver_number]


def test_the_benchmark_runs(tmp_path: Path) -> None:
    """The benchmark makes a case of the size asked for, and tells times, counts and memory of the way to the roles."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is sampled from /proc, which is Linux's")
    script = Path(__file__).resolve().parent.parent / "benchmarks" / "roles.py"
    command = [sys.executable, script, "--sizes", "30000", "--folder", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"(\w+) ([\d,.]+)", done.stdout))
    assert 29_000 < int(found["events"].rstrip(",").replace(",", "")) < 31_000
    assert {"gather", "clocks", "roles", "sequels", "transitions", "peak"} <= set(found)
    assert found["runs"].rstrip(",") == "4"
