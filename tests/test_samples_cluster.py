"""The generator of clusters with more than two nodes and several groups."""

from __future__ import annotations

from itertools import pairwise

import pytest

from samples.incident.clock import ticks
from samples.incident.failover_cluster import ClusterSetting, build_cluster, random_cluster
from samples.incident.judging import clock_of

SEEDS = range(25)


@pytest.fixture(scope="module")
def clusters():
    return [random_cluster(seed) for seed in SEEDS]


def times(truth, group):
    """When the group was online where, in the order of time."""
    return sorted((span["start"], span["end"], span["node"]) for span in truth["online"] if span["group"] == group)


def test_seeds_meet_three_and_four_nodes_and_moves_of_all_kinds(clusters):
    """Both systems, both sizes, clean moves and those of a crash, restarts and crashes of machines."""
    assert {len(cluster.truth["nodes"]) for cluster in clusters} == {3, 4}
    assert {cluster.truth["system"] for cluster in clusters} == {"2003", "2008"}
    assert {move["kind"] for cluster in clusters for move in cluster.truth["transitions"]} == {"quiet", "crash"}
    assert {outage["kind"] for cluster in clusters for outage in cluster.truth["outages"]} == {"restart", "crash"}
    targets = {move["to"] for c in clusters for move in c.truth["transitions"] if move["from"] == "NODE1"}
    assert targets >= {"NODE2", "NODE3"}


def test_each_group_is_online_on_one_node_at_a_time(clusters):
    """Between two times in which a group is online lies one move, or one restart where it was."""
    for truth in (cluster.truth for cluster in clusters):
        for group in truth["groups"]:
            joints = list(pairwise(times(truth, group)))
            assert all(before[1] <= after[0] for before, after in joints)
            moves = [(m["from"], m["to"], m["online"]) for m in truth["transitions"] if m["group"] == group]
            assert moves == [(a[2], b[2], b[0]) for a, b in joints if a[2] != b[2]]
            restarts = [(r["node"], r["online"]) for r in truth["group_restarts"] if r["group"] == group]
            assert restarts == [(b[2], b[0]) for a, b in joints if a[2] == b[2]]


def test_no_group_is_online_on_a_machine_that_is_down(clusters):
    """While a machine is down nothing is online on it."""
    for truth in (cluster.truth for cluster in clusters):
        for outage in truth["outages"]:
            until = outage["booted"] or truth["end"]
            on_it = [span for span in truth["online"] if span["node"] == outage["node"]]
            assert all(span["end"] <= outage["stopped"] or span["start"] >= until for span in on_it)


def test_each_group_online_is_logged_there_and_then(clusters):
    """The 1201s of the logs are the beginnings of the times in which groups are online, by the node's clock."""
    for cluster in clusters:
        truth = cluster.truth
        logged = {
            (record.strings[0], record.computer.partition(".")[0], record.generated // 10**7)
            for log in cluster.entries
            for record, hidden in zip(log.records, log.hidden, strict=True)
            if record.event_id == 1201 and not hidden.copied
        }
        clocks = {told["name"]: clock_of(truth, told["name"]) for told in truth["nodes"]}
        told = {
            (span["group"], span["node"], clocks[span["node"]].read(ticks(span["start"])) // 10**7)
            for span in truth["online"]
        }
        assert logged == told


def test_each_group_offline_is_logged_unless_its_machine_is_gone(clusters):
    """A time in which a group is online ends with a 1204 at that moment, with the node, or with the simulation."""
    for cluster in clusters:
        truth = cluster.truth
        logged = {
            (record.strings[0], record.computer.partition(".")[0], hidden.true // 10 * 10)
            for log in cluster.entries
            for record, hidden in zip(log.records, log.hidden, strict=True)
            if record.event_id == 1204
        }
        stops = {(outage["node"], outage["stopped"]) for outage in truth["outages"]}
        ends = {(span["group"], span["node"], span["end"]) for span in truth["online"] if span["end"] != truth["end"]}
        clean = {(group, node, ticks(end)) for group, node, end in ends if (node, end) not in stops}
        assert clean == logged


def test_entries_are_copied_to_every_other_node():
    """On Server 2003 each of three nodes has the others' entries; on 2008 none has."""
    for system, names in (("2003", {"NODE1", "NODE2", "NODE3"}), ("2008", None)):
        cluster = build_cluster(ClusterSetting("cluster", system, 1, noise_seconds=5000))
        for log in cluster.entries:
            assert {r.computer.partition(".")[0] for r in log.records} == (names or {log.owner})


def test_a_cluster_is_the_same_again():
    """Equal settings, equal evidence and truth."""
    one, two = random_cluster(4), random_cluster(4)
    assert one.items == two.items
    assert one.truth_json() == two.truth_json() != random_cluster(5).truth_json()


def test_evidence_is_logs_alone(clusters):
    """There is no Data folder: nothing of Exchange or its product."""
    paths = {item.path.split("/")[1] for cluster in clusters[:4] for item in cluster.items}
    assert paths == {"Logs"}
    sources = {r.source for cluster in clusters for log in cluster.entries for r in log.records}
    assert not [source for source in sources if "Exchange" in source or source.startswith("FSE")]
