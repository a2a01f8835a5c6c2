"""The scenarios of the incident generator: each does what it says, and the truth is what the logs are made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from samples.incident import SCENARIOS, SYSTEMS, Setting, build
from samples.incident.clock import TICKS, ticks
from samples.incident.simulation import Simulation
from samples.incident.truth import role_spans

CMS = "CMS1"
# Moves of the mailbox server's group: exactly so many, or from so many to so many.
MOVES = {
    "boot-storm": (1, 6),
    "crash": (2, 2),
    "crash-both": (1, 3),
    "crash-in-move": (0, 4),
    "crash-passive": (0, 0),
    "double-failover": (4, 4),
    "failover-in-window": (3, 3),
    "group-restart": (1, 1),
    "long": (8, 8),
    "many-moves": (10, 10),
    "no-move": (0, 0),
    "one-way": (1, 1),
    "quiet": (3, 3),
    "restart-both": (0, 2),
    "well-known-moves": (0, 1),
}
SEEDS = range(4)


def of_group(truth, group=CMS):
    return [move for move in truth["transitions"] if move["group"] == group]


def when(text):
    return datetime.fromisoformat(text)


def played(scenario, seeds=SEEDS):
    """The scenario on both systems with some seeds; its truths."""
    return [build(Setting(scenario, SYSTEMS[seed % 2], seed)).truth for seed in seeds]


def test_every_scenario_is_judged_here():
    """A new scenario needs a line in this module's table."""
    assert set(MOVES) == set(SCENARIOS)


@pytest.fixture(scope="module", params=sorted(SCENARIOS), ids="in-{}".format)
def incidents(request):
    """Incidents of one scenario, with the seeds in turn on both systems."""
    seeds = {"long": range(2), "crash-in-move": range(14)}.get(request.param, SEEDS)
    return [build(Setting(request.param, SYSTEMS[seed % 2], seed)) for seed in seeds]


def test_it_has_as_many_moves_as_it_says(incidents):
    """The number of moves of the mailbox server's group is that of the table."""
    for incident in incidents:
        low, high = MOVES[incident.setting.scenario]
        assert low <= len(of_group(incident.truth)) <= high


def test_moves_and_restarts_join_the_times_in_which_the_group_is_active(incidents):
    """At most one node is active; between two such times lies one move, or one restart of the group on its node."""
    for truth in (incident.truth for incident in incidents):
        active = sorted((s["start"], s["end"], s["node"]) for s in truth["intervals"] if s["role"] == "active")
        joints = list(pairwise(active))
        assert all(before[1] <= after[0] for before, after in joints)
        assert [(m["from"], m["to"], m["online"]) for m in of_group(truth)] == [
            (before[2], after[2], after[0]) for before, after in joints if before[2] != after[2]
        ]
        assert [(again["node"], again["online"]) for again in truth["group_restarts"] if again["group"] == CMS] == [
            (after[2], after[0]) for before, after in joints if before[2] == after[2]
        ]


def test_roles_cover_each_node_from_start_to_end(incidents):
    """Intervals of a node follow each other without gap or overlap, and neighbours differ; down is down in both."""
    for truth in (incident.truth for incident in incidents):
        for node in (told["name"] for told in truth["nodes"]):
            spans = [span for span in truth["intervals"] if span["node"] == node]
            assert (spans[0]["start"], spans[-1]["end"]) == (truth["start"], truth["end"])
            assert all(a["end"] == b["start"] and a["role"] != b["role"] for a, b in pairwise(spans))
            down = {span["start"] for span in spans if span["role"] == "down"} - {truth["start"]}
            assert down == {outage["stopped"] for outage in truth["outages"] if outage["node"] == node}


def test_group_events_are_logged_when_and_where_they_happen(incidents):
    """The 1201s are the moves, restarts and first starts told, the 1204s the clean ends: no more and no less."""
    for incident in incidents:
        truth = incident.truth
        changes = truth["transitions"] + truth["group_restarts"]
        online = {(change.get("to") or change["node"], change["group"], change["online"]) for change in changes}
        offline = {
            (change.get("from") or change["node"], change["group"], change["offline"])
            for change in changes
            if change["kind"] == "quiet"
        }
        logged = {1201: set(), 1204: set()}
        for log in incident.entries:
            for record, hidden in zip(log.records, log.hidden, strict=True):
                if record.event_id in logged:
                    node = record.computer.partition(".")[0]
                    logged[record.event_id].add((node, record.strings[0], hidden.true))
        exact = {(node, group, ticks(time)) for node, group, time in online}
        seen = {(node, group, true // 10 * 10) for node, group, true in logged[1201]}
        assert exact <= seen
        first = seen - exact
        assert sorted(group for _, group, _ in first) == ["Available Storage", CMS, "Cluster Group"]
        assert {node for node, _, _ in first} == {"EXNODE1"}
        assert max(true for _, _, true in first) < ticks(truth["start"]) + 120 * 10_000_000
        left = {(node, group, true // 10 * 10) for node, group, true in logged[1204]}
        assert {(node, group, ticks(time)) for node, group, time in offline} == left


def test_a_node_that_reports_copying_is_not_active(incidents):
    """Copying of logs starts on the node that the group left, unless it is active again by then."""
    for incident in incidents:
        active = [span for span in incident.truth["intervals"] if span["role"] == "active"]
        for log in incident.entries:
            for record, hidden in zip(log.records, log.hidden, strict=True):
                if record.event_id == 2114:
                    node = record.computer.partition(".")[0]
                    spans = [(ticks(span["start"]), ticks(span["end"])) for span in active if span["node"] == node]
                    assert not any(start <= hidden.true < end for start, end in spans)


def test_a_double_failover_is_back_within_minutes():
    """Moves come in pairs: there, and back from there within ten minutes."""
    for truth in played("double-failover"):
        moves = of_group(truth)
        for there, back in (moves[:2], moves[2:]):
            assert (there["from"], there["to"]) == (back["to"], back["from"])
            assert when(back["online"]) - when(there["online"]) < timedelta(minutes=10)


def test_a_boot_storm_is_an_hour_of_restarts_of_both():
    """Six clean restarts within an hour, at least two of each node, one after the other."""
    for truth in played("boot-storm"):
        outages = truth["outages"]
        assert [outage["kind"] for outage in outages] == ["restart"] * 6
        assert min(sum(o["node"] == node for o in outages) for node in ("EXNODE1", "EXNODE2")) >= 2
        assert when(outages[-1]["stopped"]) - when(outages[0]["stopped"]) < timedelta(hours=1)
        assert all(a["booted"] < b["stopped"] for a, b in pairwise(outages))


def test_well_known_groups_move_on_their_own():
    """They move at least eight times each, and their moves are no moves of the mailbox server's group."""
    for truth in played("well-known-moves", range(8)):
        assert min(len(of_group(truth, group)) for group in ("Cluster Group", "Available Storage")) >= 8
    assert {len(of_group(truth)) for truth in played("well-known-moves", range(8))} == {0, 1}


def test_a_crash_of_the_passive_node_moves_nothing():
    """The node that stops is passive, and the other one is active before, while and after."""
    for truth in played("crash-passive"):
        assert [outage["kind"] for outage in truth["outages"]] == ["crash"] * 2
        (active,) = {span["node"] for span in truth["intervals"] if span["role"] == "active"}
        assert active not in {outage["node"] for outage in truth["outages"]}


def test_a_crash_of_both_leaves_nobody_active():
    """Both are down at one time, and then nobody is active."""
    for truth in played("crash-both", range(8)):
        one, two = truth["outages"]
        assert {one["node"], two["node"]} == {"EXNODE1", "EXNODE2"}
        assert two["stopped"] < one["booted"]
        for span in truth["intervals"]:
            if span["role"] == "active":
                assert span["end"] <= two["stopped"] or span["start"] > min(one["booted"], two["booted"])


def test_crashes_in_moves_hit_the_move():
    """A node stops between the request and the end of a move; sometimes the group does not move at all for it."""
    truths = played("crash-in-move", range(24))
    hit = [
        (truth, change)
        for truth in truths
        for outage in truth["outages"]
        for change in of_group(truth) + truth["group_restarts"]
        if change["group"] == CMS and change["asked"] < outage["stopped"] < change["online"]
    ]
    assert len(hit) > 8
    assert any("node" in change for _, change in hit)
    assert any("to" in change for _, change in hit)


def test_a_group_restart_is_no_move():
    """The group goes offline and comes online where it was, three times, and its node never logs a handoff for it."""
    for seed in SEEDS:
        incident = build(Setting("group-restart", SYSTEMS[seed % 2], seed))
        assert len(incident.truth["group_restarts"]) == 3
        handoffs = {
            hidden.occurrence
            for log in incident.entries
            for record, hidden in zip(log.records, log.hidden, strict=True)
            if (record.source, record.event_id) == ("MSExchangeRepl", 100)
        }
        assert len(handoffs) == len(of_group(incident.truth)) == 1


def test_restarting_both_takes_the_group_down():
    """Both nodes restart within a minute; nobody is active for a while."""
    for truth in played("restart-both", range(6)):
        assert [outage["kind"] for outage in truth["outages"]] == ["restart"] * 2
        one, two = (when(outage["stopped"]) for outage in truth["outages"])
        assert two - one < timedelta(minutes=2)


def test_nothing_moves_to_a_node_that_is_asked_to_restart():
    """What goes offline in the forty seconds before a clean stop does not come online on that node before it."""
    for truth in played("restart-both", range(30)):
        stops = {outage["node"]: when(outage["stopped"]) for outage in truth["outages"]}
        for move in truth["transitions"]:
            stop = stops[move["to"]]
            is_late = stop - timedelta(seconds=40) < when(move["offline"]) < stop
            assert not (is_late and when(move["online"]) < stop)


def test_nobody_is_active_after_a_crash_until_the_group_is_online():
    """In the seconds between nothing can be saved: there is no node on which to do it."""
    simulation = Simulation(Setting("no-move", "2008", 1))
    for index, node in enumerate(simulation.nodes.values()):
        simulation.after(300 * index, simulation.boot, node)
        simulation.after(600 + 300 * index, simulation.install, node)
    simulation.after(1800, simulation.crash_active)
    simulation.after(1810, simulation.edit, "ScanJobs.fdb")
    simulation.after(2100, simulation.edit, "ScanJobs.fdb")
    simulation.run(simulation.setting.start + 1815 * TICKS)
    assert simulation.active is None
    simulation.run(simulation.setting.start + 3600 * TICKS)
    assert simulation.active == "EXNODE2"
    assert [made.node for made in simulation.truth.revisions if made.made_by == "edit"] == ["EXNODE2"]


def test_a_node_that_stops_while_it_boots_was_down_all_the_time():
    """It has not joined: one interval, down, until it joins after its next boot."""
    simulation = Simulation(Setting("no-move", "2008", 1))
    first, second = simulation.nodes.values()
    simulation.boot(first)
    simulation.after(300, simulation.boot, second)
    simulation.after(330, simulation.crash, second)
    simulation.run(simulation.setting.start + 3600 * TICKS)
    spans = [span for span in role_spans(simulation) if span.node == "EXNODE2"]
    assert [span.role for span in spans] == ["down", "passive"]
    assert spans[0].end > simulation.setting.start + 530 * TICKS


def test_a_month_fills_the_logs():
    """The long scenario has at least five thousand entries of its own on each node in thirty-one days."""
    incident = build(Setting("long", "2008", 1))
    assert when(incident.truth["end"]) - when(incident.truth["start"]) == timedelta(days=31)
    for node in ("EXNODE1", "EXNODE2"):
        assert sum(len(log.records) for log in incident.entries if log.owner == node) >= 5000


def test_the_first_sync_can_be_forced():
    """With the setting, the passive node logs 9410 once after its installation; without it nobody does."""
    for is_forced in (True, False):
        incident = build(Setting("no-move", "2008", 3, forced_first_sync=is_forced))
        found = [
            log.owner
            for log in incident.entries
            for record in log.records
            if (record.source, record.event_id) == ("FSECCRService", 9410)
        ]
        assert found == (["EXNODE2"] if is_forced else [])
