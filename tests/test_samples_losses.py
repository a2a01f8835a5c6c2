"""Simulated losses of configuration: every scenario does what it says, and the truth follows from its own history."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from samples.incident import LOSS_SCENARIOS, SYSTEMS, Setting, build, random_loss_incident
from samples.incident.content import NOT_REPLICATED, REPLICATED, defaults
from samples.incident.judging_losses import recommended

SEEDS = range(4)
CYCLE = timedelta(seconds=30)
WINDOW = {("lost_update", "failover_in_window"): 1}
SKEW = {("lost_update", "clock_skew"): 1, ("stale_overwrite", "clock_skew"): 1}
# What is lost at the end, and what was and is no longer: kind and cause, and how many; a pair of numbers is a range.
IN_PLACE = {
    "clock-skew": {("divergence", "clock_skew"): 1},
    "clock-skew-failback": SKEW,
    "loss-clean": {},
    "never-copied": {("lost_update", "unknown"): 1},
    "operator-restore": {},
    "passive-edit": {("divergence", "passive_edit"): 1},
    "passive-edit-overwritten": {("lost_update", "passive_edit"): 1},
    "passive-edit-taken": {},
    "preserve-restore": {("stale_overwrite", "restore"): (1, 5)},
    "preserve-restore-moved": {},
    "reinstall-active": {("reset", "reinstall_on_active"): 10},
    "reinstall-passive": {},
    "self-rebuild-both": {("reset", "self_rebuild"): 4},
    "self-rebuild-passive": {("reset", "self_rebuild"): (1, 2)},
    "self-rebuild-scanjobs": {("reset", "self_rebuild"): 2},
    "self-rebuild-template": {("reset", "self_rebuild"): 2},
    "template-push": {},
    "window": WINDOW,
    "window-crash": WINDOW,
    "window-edited": WINDOW,
    "window-failback": {},
    "window-forced-sync": WINDOW | {("stale_overwrite", "forced_sync"): 1},
    "window-mended": {},
}
MENDED = {
    "preserve-restore-moved": {("stale_overwrite", "restore"): (1, 5)},
    "window-failback": WINDOW,
    "window-mended": WINDOW,
}
CLEAN = sorted(set(IN_PLACE) - {name for name in IN_PLACE if IN_PLACE[name]} - set(MENDED))


def when(text):
    return datetime.fromisoformat(text)


def played(scenario, seeds=SEEDS):
    """The truths of a scenario on both systems with some seeds."""
    return [build(Setting(scenario, SYSTEMS[seed % 2], seed, noise_seconds=10_000)).truth for seed in seeds]


@pytest.fixture(scope="module", params=sorted(LOSS_SCENARIOS), ids="in-{}".format)
def truths(request):
    """Truths of one scenario."""
    return played(request.param)


def held(truth, node, file, until="~"):
    """What a node's file was at a moment (after what happened then), replayed from the history."""
    states = [c["state"] for c in truth["history"] if (c["node"], c["file"]) == (node, file) and c["time"] <= until]
    return states[-1] if states else None


def made_from(truth):
    """For each revision that somebody saved itself and every other one that it was made from."""
    found = {}
    for edit in truth["edits"]:
        found[edit["revision"]] = {edit["revision"]}
        for number in (edit["parent"], edit["again"]):
            found[edit["revision"]] |= found.get(number, set())
    return found


def rows_of(truth, *places):
    return [row for place in places or ("losses", "mended", "arguable") for row in truth[place]]


def test_every_scenario_is_judged_here():
    """A new scenario needs a line in this module's table."""
    assert set(IN_PLACE) == set(LOSS_SCENARIOS)


def test_what_is_lost_is_what_the_scenario_says(truths):
    """Kinds, causes and numbers of the losses in place and of those mended are those of the tables."""
    for truth in truths:
        for place, table in (("losses", IN_PLACE), ("mended", MENDED)):
            counts = Counter((row["kind"], row["cause"]) for row in truth[place])
            expected = table.get(truth["scenario"], {})
            assert set(counts) == set(expected)
            for key, number in expected.items():
                low, high = number if isinstance(number, tuple) else (number, number)
                assert low <= counts[key] <= high


def test_the_history_ends_in_what_is_there(truths):
    """Replayed, the history gives the live files of both nodes, and every backup set as it was when it was made."""
    for truth in truths:
        for node, states in truth["live"].items():
            assert {name: held(truth, node, name) for name in REPLICATED} == {name: states[name] for name in REPLICATED}
        for made in truth["backups"]:
            assert {name: held(truth, made["node"], name, made["made"]) for name in made["files"]} == made["files"]


def test_copies_obey_newer_wins(truths):
    """Each copy has what the active node's file was, newer by raw times than what it replaces, or was forced."""
    for truth in truths:
        before = {}
        for change in truth["history"]:
            key = (change["node"], change["file"])
            if change["how"] in {"copy", "forced"}:
                (other,) = set(truth["live"]) - {change["node"]}
                assert held(truth, other, change["file"], change["time"]) == change["state"]
                mine = before.get(key)
                assert change["how"] == "forced" or mine is None or change["state"]["modified"] > mine["modified"]
            before[key] = change["state"]


def test_saves_that_are_lost_are_those_that_nothing_in_place_was_made_from(truths):
    """By parents alone: a save that the active node's file does not come from is told by a loss, and no other is."""
    for truth in truths:
        saves = made_from(truth)
        active = max((s["end"], s["node"]) for s in truth["intervals"] if s["role"] == "active")[1]
        for file in REPLICATED:
            there = truth["live"][active][file]["sha256"]
            kept = set()
            for edit in truth["edits"]:
                if (edit["file"], edit["sha256"]) == (file, there):
                    kept |= saves[edit["revision"]]
            kept_bytes = {edit["sha256"] for edit in truth["edits"] if edit["revision"] in kept} | {there}
            gone = {edit["sha256"] for edit in truth["edits"] if edit["file"] == file} - kept_bytes
            rows = [row for row in truth["losses"] if row["file"] == file]
            told = {sha256 for row in rows for sha256 in row["lineage"]}
            # A save on the passive node that stays there is a divergence, whose lost content is the active node's.
            stuck = {row["current"]["sha256"] for row in truth["losses"] if row["kind"] == "divergence"}
            assert gone <= told | stuck
            assert all(row["lost"]["sha256"] in gone for row in rows if row["node"] == active)


def test_a_loss_is_told_of_what_is_really_there(truths):
    """`current`, `live_on` and `recoverable_from` are what lies on the nodes; each file, node and content once."""
    for truth in truths:
        places = {made["location"]: made for made in truth["backups"]}
        for row in rows_of(truth):
            name, lost = row["file"], row["lost"]["sha256"]
            assert row["current"] == truth["live"][row["node"]].get(name)
            assert not row["in_place"] or row["current"]["sha256"] != lost
            assert row["lineage"][0] == lost
            assert set(row["live_on"]) == {n for n, files in truth["live"].items() if files[name]["sha256"] == lost}
            holding = {place for place, made in places.items() if made["files"].get(name, {}).get("sha256") == lost}
            assert set(row["recoverable_from"]) == holding
            assert name != NOT_REPLICATED
        facts = Counter((row["file"], row["node"], row["lost"]["sha256"]) for row in rows_of(truth))
        assert set(facts.values()) <= {1}


def test_edits_keep_their_distance(truths):
    """Saves of one file are a quarter of an hour apart, and from any move, but where the scenario is about that."""
    for truth in truths:
        if truth["scenario"].startswith(("window", "never-copied", "clock-skew")):
            continue
        moves = [when(move["asked"]) for move in truth["transitions"] if move["group"] == truth["group"]]
        for file in REPLICATED:
            times = [when(edit["time"]) for edit in truth["edits"] if edit["file"] == file]
            assert all(b - a >= timedelta(minutes=15) for a, b in pairwise(times))
            assert all(abs(time - move) >= timedelta(minutes=15) for time in times for move in moves)


def test_the_set_to_recommend_was_current_last(truths):
    """It is found again by looking at the active node's five files at every moment at which anything changed."""
    for truth in truths:
        bad = [
            row
            for row in truth["losses"]
            if row["kind"] != "divergence" and (row["recoverable_from"] or row["live_on"])
        ]
        if not bad:
            assert truth["recommended"] is None
            continue
        began = min(row["began"] for row in bad)
        ends = {change["time"] for change in truth["history"]} | {s["end"] for s in truth["intervals"]}
        seen = {}
        # What is held until the next change is held at that change's moment, less a microsecond.
        for moment in sorted(min(end, began) for end in ends):
            just_before = (when(moment) - timedelta(microseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            for span in truth["intervals"]:
                if span["role"] == "active" and span["start"] <= just_before < span["end"]:
                    files = [held(truth, span["node"], name, just_before) for name in REPLICATED]
                    seen[tuple(state and state["sha256"] for state in files)] = moment
        fit = [
            (seen[key], made["made"], made["location"])
            for made in truth["backups"]
            if len(made["files"]) == len(REPLICATED)
            if (key := tuple(made["files"][name]["sha256"] for name in REPLICATED)) in seen
        ]
        latest = max((moment for moment, _, _ in fit), default=None)
        best = min(((m, place) for at, m, place in fit if at == latest), default=(None, None))[1]
        assert truth["recommended"] == best


@pytest.mark.parametrize("scenario", CLEAN)
def test_nothing_is_lost_in_a_clean_scenario(scenario):
    """Whatever the seed, clock and scheme, every save is in place at the end, and there is nothing to recommend."""
    for seed in range(6):
        truth = build(Setting(scenario, SYSTEMS[seed % 2], seed, skew_seconds=150, noise_seconds=10_000)).truth
        assert rows_of(truth) == []
        assert truth["recommended"] is None
        assert len(truth["edits"]) >= len(REPLICATED)


@pytest.mark.parametrize("scenario", ["window", "window-crash", "window-edited", "window-forced-sync", "window-mended"])
def test_a_window_is_shorter_than_a_cycle(scenario):
    """The lost change was saved at most a cycle before the group was offline, and no copy of it was ever made."""
    for truth in played(scenario):
        row = next(row for row in rows_of(truth, "losses", "mended") if row["kind"] == "lost_update")
        move = next(m for m in truth["transitions"] if m["group"] == truth["group"] and m["offline"] > row["time"])
        assert timedelta(0) < when(move["offline"]) - when(row["time"]) <= CYCLE
        assert (row["saved_on"], row["node"], row["began"]) == (move["from"], move["to"], move["asked"])
        until = move["online"]
        assert not [
            c for c in truth["replications"] if c["copied"]["sha256"] == row["lost"]["sha256"] and c["time"] < until
        ]


def test_a_crash_loses_what_nobody_could_copy():
    """Saved longer than a cycle before the crash, while the other machine was down: the cause is not the window."""
    for truth in played("never-copied"):
        (row,) = truth["losses"]
        move = next(m for m in truth["transitions"] if m["group"] == truth["group"] and m["offline"] > row["time"])
        assert move["kind"] == "crash"
        assert when(move["offline"]) - when(row["time"]) > CYCLE
        down = [o for o in truth["outages"] if o["node"] == row["node"] and o["stopped"] < row["time"] < o["booted"]]
        assert len(down) == 1


@pytest.mark.parametrize("scenario", ["clock-skew", "clock-skew-failback"])
def test_skewed_clocks_turn_two_saves_round(scenario):
    """The content that stays is older by true time, and not by what the two clocks wrote down."""
    for truth in played(scenario):
        saved = {edit["sha256"]: edit for edit in truth["edits"]}
        for row in truth["losses"]:
            lost = saved[row["lost"]["sha256"]]
            # Where the file was saved again since, that was made from what had stayed.
            stayed = saved[row["current"]["sha256"]]
            while stayed["time"] > lost["time"]:
                stayed = next(edit for edit in truth["edits"] if edit["revision"] == stayed["parent"])
            assert lost["modified"] <= stayed["modified"]


def test_a_rebuilt_machine_comes_back_empty_and_is_installed_while_active():
    """Its files and sets are gone, it is active when the defaults are put down, and these are in force on both."""
    for truth in played("reinstall-active"):
        node = next(change["node"] for change in truth["history"] if change["how"] == "disk")
        emptied = max(change["time"] for change in truth["history"] if change["how"] == "disk")
        assert all(made["made"] > emptied for made in truth["backups"] if made["node"] == node)
        (installed,) = {c["time"] for c in truth["history"] if c["how"] == "install" and c["time"] > emptied}
        assert any(
            s["role"] == "active" and s["node"] == node and s["start"] <= installed < s["end"]
            for s in truth["intervals"]
        )
        rows = {(row["node"] != node, row["cause"], row["began"]) for row in truth["losses"]}
        assert rows == {(other, "reinstall_on_active", installed) for other in (False, True)}


def test_a_missing_file_is_made_anew_when_the_product_starts():
    """Deleted, made anew within minutes with a fresh time, and from defaults where both are missing."""
    for name in ("scanjobs", "template", "both", "passive"):
        for truth in played(f"self-rebuild-{name}"):
            gone = {change["file"]: change for change in truth["history"] if change["how"] == "delete"}
            made = {change["file"]: change for change in truth["history"] if change["how"] == "rebuild"}
            assert set(gone) == set(made) != set()
            for file, change in made.items():
                assert timedelta(0) < when(change["time"]) - when(gone[file]["time"]) < timedelta(minutes=3)
                size = change["state"]["size"]
                assert (size == len(defaults(file))) or name != "both"


def test_a_template_is_two_files_at_once_on_the_active_node():
    """Each push rewrites Template.fdb and ScanJobs.fdb at one moment, and both are copied like any save."""
    for truth in played("template-push"):
        pushes = Counter(edit["time"] for edit in truth["edits"] if edit["made_by"] == "template")
        assert set(pushes.values()) == {2}
        assert len(pushes) == 3
        assert {edit["role"] for edit in truth["edits"]} == {"active"}


def test_a_restore_with_fresh_times_is_an_edit():
    """Its bytes are those of an older save, its time is new, it reaches the other node, and nothing is lost by it."""
    for truth in played("operator-restore"):
        saved = {edit["revision"]: edit for edit in truth["edits"]}
        again = [edit for edit in truth["edits"] if edit["made_by"] == "restore"]
        assert again
        for edit in again:
            assert edit["sha256"] == saved[edit["again"]]["sha256"]
            assert edit["modified"] > saved[edit["parent"]]["modified"]


def test_a_divergence_goes_behind_a_lost_update_of_the_same_contents():
    """After a failover in the window the two files differ for good: that is told once."""
    for truth in played("window"):
        (row,) = truth["losses"]
        live = {states[row["file"]]["sha256"] for states in truth["live"].values()}
        assert live == {row["lost"]["sha256"], row["current"]["sha256"]}


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("seeds", [40, pytest.param(1000, marks=pytest.mark.long)])
def test_incidents_by_chance_are_consistent(complete, seeds):
    """Of any seed: facts are told once, what is in place differs, and the set to recommend is one that there is."""
    for seed in range(seeds):
        truth = random_loss_incident(seed, complete=complete).truth
        assert all(row["in_place"] for row in truth["losses"])
        assert not any(row["in_place"] for row in truth["mended"])
        assert truth["scenario"] not in CLEAN or rows_of(truth) == []
        assert truth["recommended"] in {None, *(made["location"] for made in truth["backups"])}
        assert truth["recommended"] == recommended(truth)
        facts = Counter((row["file"], row["node"], row["lost"]["sha256"]) for row in rows_of(truth))
        assert set(facts.values()) <= {1}
