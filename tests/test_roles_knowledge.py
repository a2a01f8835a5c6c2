"""What is known of a node, and when: silence is no evidence, and a machine that is down says so or shows it later."""

from __future__ import annotations

import pytest
import role_stories as story
from role_stories import Entry, moment

from forensics.roles.model import Confidence, Role

A, B = "ALPHA", "BRAVO"
BASE = [*story.begins(0, A, B), *story.moves(10_000, A, B), *story.moves(20_000, B, A), *story.ends(30_000, A, B)]


def role(history, node, second):
    """The role of a node at a second of the story, and its interval."""
    at = moment(second)
    one = next(one for one in history.intervals if one.node == node and one.start <= at < one.end)
    return one.role


def interval(history, node, second):
    at = moment(second)
    return next(one for one in history.intervals if one.node == node and one.start <= at < one.end)


def spans(history, node):
    """The intervals of a node as (role, seconds, seconds)."""
    zero = moment(0)
    return [
        (one.role.value, (one.start - zero) / story.SECOND, (one.end - zero) / story.SECOND)
        for one in history.intervals
        if one.node == node
    ]


QUIET_END = [*BASE[:-4], *(Entry(30_000, node, "strange", log="Security") for node in (A, B))]
"""The logs that tell of roles end hours before another one."""


def both_logs(node, start, end):
    """A hole in every log of a node that tells of roles."""
    return [(node, log, start, end) for log in ("System", "Application")]


# -- silence -----------------------------------------------------------------------------------------------------------


def test_whole_logs_leave_nothing_unknown():
    """Where both nodes' logs are whole every second has a role."""
    history = story.told(BASE)
    assert spans(history, A) == [
        ("down", 0, 40), ("passive", 40, 75), ("active", 75, 10_008), ("passive", 10_008, 20_025),
        ("active", 20_025, 30_000),
    ]  # fmt: skip
    assert spans(history, B) == [
        ("down", 5, 45), ("passive", 45, 10_025), ("active", 10_025, 20_008), ("passive", 20_008, 30_000),
    ]  # fmt: skip


def test_a_log_that_was_torn_ends_what_is_known():
    """Logs that end early and are torn: from their last records on nothing is known, though the machines ran on."""
    history = story.told(QUIET_END, cut=[(node, log) for node in (A, B) for log in ("System", "Application")])
    assert role(history, A, 19_000) is Role.PASSIVE
    assert role(history, A, 9_000) is Role.ACTIVE
    assert role(history, A, 28_000) is Role.UNKNOWN
    assert role(history, B, 28_000) is Role.UNKNOWN


def test_a_quiet_end_is_known_but_not_certain():
    """A log that is whole and silent for hours at the end says that nothing happened, and makes nothing certain."""
    history = story.told(QUIET_END)
    assert role(history, A, 28_000) is Role.ACTIVE
    assert interval(history, A, 28_000).confidence is not Confidence.CERTAIN


def test_a_hole_in_both_logs_is_unknown():
    """Where neither node's log is whole nothing is known of either, whatever was known before and is behind."""
    often = sorted([*BASE, *(Entry(at, node, "up") for at in range(500, 30_000, 1000) for node in (A, B))])
    often = sorted([*often, *(Entry(at, node, "strange") for at in range(500, 30_000, 1000) for node in (A, B))])
    history = story.told(often, holes=[*both_logs(A, 12_000, 18_000), *both_logs(B, 12_000, 18_000)])
    assert role(history, A, 11_000) is Role.PASSIVE
    assert role(history, B, 11_000) is Role.ACTIVE
    assert role(history, A, 15_000) is Role.UNKNOWN
    assert role(history, B, 15_000) is Role.UNKNOWN


def quiet_with_entries():
    """A is active all the time; each node's System log has an entry every 1,000 seconds."""
    every = [Entry(at, node, kind) for at in range(1000, 9001, 1000) for node in (A, B) for kind in ("up", "strange")]
    return sorted(
        [*story.begins(0, A, B), *every, *story.goes(9500, A), *story.comes(9520, A), *story.ends(9900, A, B)]
    )


def test_a_hole_is_bridged_by_the_other_nodes_whole_log():
    """A's log has a hole; B's log, whole, says that B was not active: A was, but that is not called certain."""
    history = story.told(quiet_with_entries(), holes=both_logs(A, 2500, 6500))
    found = interval(history, A, 5000)
    assert found.role is Role.ACTIVE
    assert found.confidence is not Confidence.CERTAIN
    assert "A part of its own log is missing" in found.why
    assert spans(history, A)[-2:] == spans(story.told(quiet_with_entries()), A)[-2:]


def test_a_hole_is_not_bridged_where_no_other_log_is():
    """One node alone, and its log has a hole: nobody knows who was active."""
    entries = [entry for entry in quiet_with_entries() if entry.node == A]
    history = story.told(entries, holes=both_logs(A, 2500, 6500))
    assert role(history, A, 1500) is Role.ACTIVE
    assert role(history, A, 5000) is Role.UNKNOWN
    assert role(history, A, 8500) is Role.ACTIVE


def test_a_hole_in_the_passive_nodes_log_leaves_it_passive():
    """At most one node is active: while A is known to be, B is not, whatever B's log lacks."""
    history = story.told(quiet_with_entries(), holes=both_logs(B, 2500, 6500))
    assert role(history, B, 5000) is Role.PASSIVE
    assert interval(history, B, 5000).confidence is not Confidence.CERTAIN


def test_before_the_first_sign_nothing_is_guessed():
    """A log that begins long before anything is said of the group, and no other: what it was then is not told."""
    entries = [Entry(0, A, "up"), Entry(5000, A, "up"), *story.comes(9000, A), *story.ends(9900, A)]
    assert role(story.told(entries, holes=[(A, "System", 4000, 6000)]), A, 0) is Role.UNKNOWN


# -- machines that are down --------------------------------------------------------------------------------------------


def test_a_clean_restart_is_down_from_shutdown_to_join():
    """Down from the last word of the shutdown until the node has joined the cluster again."""
    history = story.told([*BASE[:-4], *story.restarts(25_000, B), *story.ends(30_000, A, B)])
    assert ("down", 25_000, 25_150) in spans(history, B)
    assert role(history, A, 25_100) is Role.ACTIVE


def test_a_crash_is_down_from_the_removal_on():
    """The other node's removal says when; down until it is back in the cluster."""
    history = story.told([*BASE[:-4], *story.crashes(25_000, B, A), *story.ends(30_000, A, B)])
    assert ("down", 25_010, 25_400) in spans(history, B)


def test_a_crash_without_a_witness_is_unknown_since_the_last_word():
    """Nobody noted it: from the last entry to the boot it is not known when the machine stopped."""
    entries = [*BASE[:-4], Entry(24_000, B, "up"), Entry(25_000, B, "boot"), Entry(25_030, B, "joined")]
    history = story.told([*entries, *story.ends(30_000, A, B)])
    assert ("unknown", 24_000, 25_030) in spans(history, B)
    assert any("stopped without a word" in one.why for one in history.intervals)


def test_several_entries_of_one_boot_are_one_boot():
    """A boot is logged by more than one event: one absence, not several."""
    entries = [Entry(25_120, B, "boot"), Entry(25_121, B, "boot"), Entry(25_125, B, "boot")]
    history = story.told([*BASE[:-4], Entry(25_000, B, "halt"), *entries, Entry(25_150, B, "joined"), *BASE[-4:]])
    assert [one for one in spans(history, B) if one[0] == "down"] == [("down", 5, 45), ("down", 25_000, 25_150)]


@pytest.mark.parametrize(("hole", "word"), [(None, Confidence.CERTAIN), ((25_050, 25_200), Confidence.PROBABLE)])
def test_a_stop_whose_end_may_be_lost_is_not_certain(hole, word):
    """The start is in a hole of the log: down until the node shows again, but perhaps not so long."""
    entries = [*BASE[:-4], *story.restarts(25_000, B), *story.comes(27_000, B), Entry(27_030, B, "offline"), *BASE[-4:]]
    holes = [(B, "System", *hole)] if hole else []
    found = interval(story.told(entries, holes=holes), B, 25_040)
    assert (found.role, found.confidence) == (Role.DOWN, word)
    assert found.end == moment(27_000 if hole else 25_150)


def test_restarts_within_minutes_of_each_other_are_each_told():
    """Six restarts in an hour are six absences."""
    storm = [entry for at in range(22_000, 25_600, 600) for entry in story.restarts(at, B)]
    history = story.told([*BASE[:-4], *storm, *story.ends(30_000, A, B)])
    assert sum(one[0] == "down" for one in spans(history, B)) == 1 + 6
    assert len(history.transitions) == 2


def test_a_node_that_was_only_removed_may_run_on():
    """Removed from the cluster, it still logs: down until then, and nothing is known of its absence afterwards."""
    entries = [Entry(25_000, A, "removed", B), Entry(25_500, B, "up"), Entry(26_000, B, "joined")]
    history = story.told([*BASE[:-4], *entries, *BASE[-4:]])
    assert ("down", 25_000, 25_500) in spans(history, B)


def test_what_a_removed_node_logs_behind_its_boot_does_not_end_its_absence():
    """It logs between boot and join: it is down until it has joined."""
    crash = [*story.crashes(25_000, B, A), Entry(25_380, B, "up")]
    history = story.told(sorted([*BASE[:-4], *crash, *BASE[-4:]]))
    assert ("down", 25_010, 25_400) in spans(history, B)


def test_a_shutdown_as_the_last_word_ends_the_nodes_evidence():
    """A node that never comes back has roles up to its last record, and the other one goes on."""
    history = story.told([*BASE[:-4], Entry(25_000, B, "halt"), *story.ends(30_000, A)])
    assert spans(history, B)[-1] == ("passive", 20_008, 25_000)
    assert spans(history, A)[-1] == ("active", 20_025, 30_000)


def test_a_stop_without_a_start_lasts_until_the_node_logs_again():
    """Its log of starts is lost, but another of its logs goes on: down until then, as far as is known."""
    history = story.told([*BASE[:-4], Entry(25_000, B, "halt"), Entry(26_000, B, "skipped"), *story.ends(30_000, A)])
    assert role(history, B, 25_500) is Role.DOWN
    assert spans(history, B)[-1] == ("down", 25_000, 26_000)


@pytest.mark.parametrize("log", ["System", "Application"])
def test_without_a_log_of_starts_and_stops_nothing_is_certain(log):
    """B's logs but for the cluster's own are lost: it may have been down, and the answer says so."""
    entries = [
        e._replace(log="Operational") if story.KINDS[e.kind][0] == "ClusSvc" else e for e in quiet_with_entries()
    ]
    entries += [Entry(9900, node, "strange", log="Operational") for node in (A, B)]
    entries = [e for e in entries if e.node == A or (e.log or story.KINDS[e.kind][2]) in {"Operational", log}]
    found = interval(story.told(entries), B, 5000)
    assert found.role is Role.PASSIVE
    assert (found.confidence is Confidence.CERTAIN) == (log == "System")
    assert ("Whether it was down" in found.why) == (log == "Application")
