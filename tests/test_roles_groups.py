"""Which group is the mailbox server's, and the histories of all groups of a cluster."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import role_stories as story
from role_stories import Entry

from forensics.claims import Claim
from forensics.profile import load_profile
from forensics.roles.analyse import analyse
from forensics.roles.groups import group_names, mailbox_group
from forensics.roles.history import all_histories, group_history, mailbox_history
from forensics.roles.model import Confidence
from samples.incident.clock import ticks
from samples.incident.failover_cluster import ClusterSetting, build_cluster

A, B = "ALPHA", "BRAVO"
WELL_KNOWN = story.WELL_KNOWN


def observations(*entries):
    return story.evidence_of(sorted(entries)).observations


def test_names_are_those_of_events_in_their_most_frequent_spelling():
    """Every group that an event names, without case; of spellings the most frequent, of equals the first."""
    found = observations(
        Entry(0, A, "online", "MAIL"), Entry(1, A, "online", "Mail"), Entry(2, A, "offline", "Mail"),
        Entry(3, A, "online", "b"), Entry(4, A, "online", "B"), Entry(5, A, "boot"),
    )  # fmt: skip
    assert group_names(found) == ["B", "Mail"]


def test_the_only_other_group_is_the_mailbox_servers():
    """Beside the well-known groups there is one: by elimination."""
    choice = mailbox_group(observations(*story.comes(0, A, "cluster group"), *story.comes(9, A, "EVS")), WELL_KNOWN)
    assert (choice.group, choice.sure) == ("EVS", True)
    assert "only" in choice.why


def test_the_group_with_which_databases_start_is_the_mailbox_servers():
    """Of several groups that one during whose coming online databases were mounted."""
    entries = [*story.comes(0, A, "AAA"), *story.comes(1000, A), *story.comes(9000, B, "ZZZ")]
    choice = mailbox_group(observations(*entries), WELL_KNOWN)
    assert (choice.group, choice.sure) == ("CMS1", True)
    assert "databases" in choice.why


def test_the_stores_resource_names_the_mailbox_servers_group():
    """A failed resource of the store carries the name, a failed resource of anything else does not."""
    base = observations(*story.comes(0, A, "AAA"), *story.comes(9000, A, "ZZZ"))
    resource = base[0]._replace(claim=Claim.RESOURCE_FAILED, raw=base[0].raw + 1)
    named = resource._replace(object="Exchange Information Store Instance (ZZZ)")
    assert mailbox_group([*base, named], WELL_KNOWN)[::2] == ("ZZZ", True)
    other = resource._replace(object="IP Address (ZZZ)")
    assert mailbox_group([*base, other], WELL_KNOWN).sure is False


def test_what_nothing_tells_apart_is_not_sure():
    """Two groups and no hint: one is named, the doubt is said, and nothing of its history is more than possible."""
    entries = [*story.comes(0, A, "AAA"), *story.comes(50, A, "ZZZ"), *story.goes(5000, A, "AAA")]
    entries = sorted([*entries, *story.comes(5020, B, "AAA"), *story.ends(9000, A, B)])
    evidence = story.evidence_of(entries)
    choice = mailbox_group(evidence.observations, WELL_KNOWN)
    assert (choice.group, choice.sure) == ("AAA", False)
    assert "ZZZ" in choice.why
    history = mailbox_history(evidence, story.known_clocks(evidence), WELL_KNOWN)
    assert history.transitions
    assert {one.confidence for one in (*history.intervals, *history.transitions)} == {Confidence.POSSIBLE}


def test_no_group_at_all_leaves_the_stores_word():
    """No event names a group: databases and copies tell, and the group has no name."""
    entries = [
        Entry(0, A, "mounted"),
        Entry(5000, A, "dismounted"),
        Entry(5030, B, "mounted"),
        Entry(5060, B, "handoff"),
    ]
    evidence = story.evidence_of([*entries, *story.ends(9000, A, B)])
    history = mailbox_history(evidence, story.known_clocks(evidence), WELL_KNOWN)
    assert history.group is None
    assert [(one.from_node, one.to_node) for one in history.transitions] == [(A, B)]
    assert all(one.confidence is not Confidence.CERTAIN for one in history.intervals)
    assert all_histories(evidence, story.known_clocks(evidence), WELL_KNOWN) == [history]


def test_a_group_is_found_by_its_name_without_case():
    """`--group cms1` is CMS1's history; a name that no event knows gives none."""
    evidence = story.evidence_of([*story.begins(0, A, B), *story.moves(5000, A, B), *story.ends(9000, A, B)])
    clocks = story.known_clocks(evidence)
    named = group_history(evidence, clocks, WELL_KNOWN, "cms1")
    told = mailbox_history(evidence, clocks, WELL_KNOWN)
    assert (named.group, named.transitions, named.intervals) == (told.group, told.transitions, told.intervals)
    assert group_history(evidence, clocks, WELL_KNOWN, "CMS2") is None


# -- clusters of several groups and more nodes -------------------------------------------------------------------------


def _accuracy():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "accuracy.py"
    spec = importlib.util.spec_from_file_location("accuracy_of_groups", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.mark.parametrize(("system", "seed", "count"), [("2003", 1, 3), ("2008", 2, 3), ("2003", 3, 4), ("2008", 4, 4)])
def test_every_group_of_a_larger_cluster_has_its_own_history(tmp_path, system, seed, count):
    """Three and four nodes, several groups, no product's profile: each group's moves are its own, found and timed."""
    names = tuple(f"NODE{number}" for number in range(1, count + 1))
    built = build_cluster(
        ClusterSetting("cluster", system, seed, node_names=names, dropped_copies=0, crashes=0, restarts=1)
    )
    built.truth["degraded"] = []
    with _accuracy().case_of(built, tmp_path / "case.db") as case:
        analysis = analyse(case)
        histories = all_histories(
            analysis.evidence, analysis.clocks, [row.name for row in load_profile("wsfc").cluster_groups]
        )
    assert [history.group for history in histories] == built.truth["groups"]
    found = true = 0
    for history in histories:
        assert history.nodes == names
        moves = [
            (move["from"], move["to"], built.shown(names[0], ticks(move["online"])))
            for move in built.truth["transitions"]
            if move["group"] == history.group
        ]
        true += len(moves)
        for one in history.transitions:
            right = any(
                (one.from_node, one.to_node) == move[:2] and one.earliest <= move[2] <= one.latest for move in moves
            )
            found += right
            assert right or one.confidence is not Confidence.CERTAIN
    assert true >= 5
    assert found >= 0.8 * true
