"""Moves of the group one by one, and times in which two nodes claim it."""

from __future__ import annotations

import pytest
import role_stories as story
from role_stories import SECOND, Entry, moment

from forensics.roles.model import Confidence, Role

A, B, C = "ALPHA", "BRAVO", "CHARLIE"
CERTAIN, PROBABLE = Confidence.CERTAIN, Confidence.PROBABLE
BEGIN = story.begins(0, A, B)
END = story.ends(30_000, A, B)


def seconds(one):
    """(earliest, time, latest) in whole seconds of the story."""
    return tuple((time - moment(0)) // SECOND for time in (one.earliest, one.time, one.latest))


def only(history):
    (one,) = history.transitions
    return one


def of(kinds, *nodes):
    """What is left of a story without some nodes' entries of some kinds."""
    return [
        entry
        for entry in [*BEGIN, *story.moves(10_000, A, B), *END]
        if entry.kind not in kinds or entry.node not in nodes
    ]


def test_a_quiet_move_is_one_certain_transition():
    """Time: online on B; earliest: offline on A; latest: the end of the second in which B said so."""
    one = only(story.told(of((), ())))
    assert (one.from_node, one.to_node, one.confidence) == (A, B, CERTAIN)
    assert seconds(one) == (10_008, 10_025, 10_027)
    assert one.contradicted_by == ()


def test_a_gap_of_hours_is_still_one_move():
    """However long nobody was active: one transition, from going offline to coming online."""
    entries = [*BEGIN, *story.goes(10_000, A), *story.comes(20_000, B), *END]
    assert seconds(only(story.told(entries)))[:2] == (10_008, 20_015)


def test_a_crash_is_a_move_from_the_machine_that_stopped():
    """The removal of A is the end of its time, B's coming online the beginning of B's."""
    entries = [*BEGIN, *story.crashes(10_000, A, B), *story.comes(10_020, B), *END]
    one = only(story.told(sorted(entries)))
    assert (one.from_node, one.to_node) == (A, B)
    assert seconds(one)[0] <= 10_010 <= seconds(one)[1] == 10_035
    assert "removed" in one.why


def test_a_move_there_and_back_within_minutes_is_two_moves():
    """Both are told, in order, none averaged away."""
    found = story.told([*BEGIN, *story.moves(10_000, A, B)[:-1], *story.moves(10_120, B, A), *END]).transitions
    assert [(one.from_node, one.to_node) for one in found] == [(A, B), (B, A)]
    assert [one.id for one in found] == ["transition:1", "transition:2"]
    assert found[0].latest <= found[1].earliest


def test_a_group_that_restarts_where_it_is_has_not_moved():
    """Offline and online again on one node is no transition."""
    history = story.told([*BEGIN, *story.goes(10_000, A), *story.comes(10_020, A), *END])
    assert history.transitions == ()
    assert any(one.node == A and one.role is Role.ACTIVE for one in history.intervals)


def test_an_attempt_that_fails_is_no_move():
    """The group begins to come online on B, fails there, and comes online on A again."""
    entries = [*BEGIN, *story.goes(10_000, A), Entry(10_010, B, "coming"), Entry(10_040, B, "failed")]
    entries += [Entry(10_045, B, "offline"), *story.comes(10_050, A), *END]
    assert story.told(entries).transitions == ()


@pytest.mark.parametrize("group", ["Cluster Group", "Available Storage", "cluster group", "AVAILABLE STORAGE"])
def test_a_well_known_groups_move_is_no_move_of_the_mailbox_servers(group):
    """They move on their own and say nothing of it, however they are written."""
    entries = [*BEGIN, *story.comes(80, A, group), *story.goes(9000, A, group), *story.comes(9020, B, group), *END]
    history = story.told(entries)
    assert history.group == "CMS1"
    assert history.transitions == ()


# -- evidence of one side ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [A, B])
def test_a_move_is_found_where_one_nodes_logs_of_that_time_are_lost(lost):
    """What the other node logged tells of it, between the right nodes, with the true time in its span."""
    entries = sorted([*of((), ()), Entry(9500, lost, "strange"), Entry(9500, lost, "up")])
    holes = [(lost, log, 9000, 11_000) for log in ("System", "Application")]
    one = only(story.told(entries, holes=holes))
    assert (one.from_node, one.to_node) == (A, B)
    assert one.earliest <= moment(10_025) <= one.latest


def test_a_node_that_is_not_in_the_evidence_has_no_name():
    """One node alone: from where the group came, and where it went, stays open."""
    away = [*story.begins(0, A), *story.goes(10_000, A), Entry(10_100, A, "copying"), Entry(10_200, A, "skipped")]
    one = only(story.told([*away, *story.ends(12_000, A)]))
    assert (one.from_node, one.to_node) == (A, None)
    assert one.confidence is not CERTAIN
    came = [Entry(0, A, "up"), *story.comes(10_000, A), Entry(10_020, A, "handoff"), *story.ends(12_000, A)]
    one = only(story.told(came))
    assert (one.from_node, one.to_node) == (None, A)


def test_the_only_other_node_is_named():
    """B is known, and its log of that time lost: where A's group went to is B."""
    away = [*story.begins(0, A, B), *story.goes(10_000, A), Entry(10_100, A, "copying"), Entry(10_200, A, "skipped")]
    away += [Entry(15_000, B, "up"), *story.ends(30_000, A, B)]
    history = story.told(away, holes=[(B, "System", 1000, 29_000)])
    one = only(history)
    assert (one.from_node, one.to_node) == (A, B)
    assert one.confidence is not CERTAIN


def test_of_three_nodes_the_other_one_is_not_guessed():
    """Two nodes could have taken over, and neither's log tells: the target stays open."""
    away = [*story.begins(0, A, B, C), *story.goes(10_000, A), Entry(10_100, A, "copying"), Entry(10_200, A, "skipped")]
    holes = [(node, "System", 1000, 29_000) for node in (B, C)]
    away += [Entry(15_000, node, "up") for node in (B, C)]
    one = only(story.told([*away, *story.ends(30_000, A, B, C)], holes=holes))
    assert (one.from_node, one.to_node) == (A, None)


# -- what speaks against it --------------------------------------------------------------------------------------------


def test_a_contradiction_is_named_and_takes_certainty():
    """B copies from an active node while it is said to be active itself: named, and the move is not certain."""
    moves = [*story.moves(10_000, A, B), Entry(10_100, B, "skipped"), *story.moves(20_000, B, A)]
    one, back = story.told(sorted([*BEGIN, *moves, *END])).transitions
    assert (one.from_node, one.to_node, back.from_node, back.to_node) == (A, B, B, A)
    assert len(one.contradicted_by) == 1
    assert one.confidence is not CERTAIN


@pytest.mark.parametrize(("within", "certain"), [(1.0, True), (None, False)])
def test_a_clock_that_nothing_bounds_makes_no_move_certain(within, certain):
    """The same story by clocks that are known, and by one that is only guessed."""
    one = only(story.told(of((), ()), within=within))
    assert (one.confidence is CERTAIN) == certain
    assert one.earliest <= moment(10_025) <= one.latest
    if not certain:
        assert one.latest - one.earliest > 600 * SECOND


def test_a_hole_before_the_move_in_which_another_could_hide():
    """A went offline, B came online hours later, and in between B's log is missing: not certain."""
    entries = [*BEGIN, *story.goes(10_000, A), Entry(11_000, B, "up"), Entry(19_000, B, "up")]
    entries += [*story.comes(20_000, B), *END]
    assert only(story.told(entries)).confidence is CERTAIN
    holes = [(B, log, 10_500, 19_500) for log in ("System", "Application")]
    assert only(story.told(entries, holes=holes)).confidence is PROBABLE


# -- conflicts ---------------------------------------------------------------------------------------------------------


def test_two_nodes_that_claim_at_once_are_a_conflict():
    """Both say for hours that the group is online on them: shown with both, and with the records of both."""
    entries = sorted([*BEGIN, *story.comes(10_000, B), *story.goes(20_000, B), *story.goes(25_000, A), *END])
    history = story.told(entries)
    (one,) = history.conflicts
    assert one.nodes == (A, B)
    assert (one.start, one.end) == (moment(10_008), moment(20_008))
    assert len(one.evidence) == 4
    contested = [i for i in history.intervals if i.start < one.end and one.start < i.end and i.role is not Role.DOWN]
    assert all(interval.confidence is not CERTAIN for interval in contested)
    active = [i for i in history.intervals if i.role is Role.ACTIVE and i.start < one.end and one.start < i.end]
    assert len({i.node for i in active}) <= 1


def test_a_clean_history_has_no_conflict():
    """Moves, restarts and crashes of a cluster that keeps its rules contradict nothing."""
    entries = [*BEGIN, *story.moves(5000, A, B), *story.crashes(10_000, B, A), *story.comes(10_020, A)]
    assert story.told(sorted([*entries, *story.restarts(20_000, B), *END])).conflicts == ()


def test_a_machine_that_stopped_without_a_word_claims_nothing_until_its_next_start():
    """A crashes, B takes over, A boots hours later and its log has no hole: in between A claimed nothing."""
    crash = [Entry(9000, A, "up"), *story.comes(10_000, B), Entry(20_000, A, "boot"), Entry(20_030, A, "joined")]
    history = story.told(sorted([*BEGIN, *crash, *END]))
    assert history.conflicts == ()
    assert [(one.from_node, one.to_node) for one in history.transitions] == [(A, B)]


@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_an_overlap_that_clocks_explain_is_none(overlap):
    """A second or two in which both seem to be active is what whole seconds and clocks do."""
    entries = [*BEGIN, Entry(10_000, A, "leaving"), Entry(10_008, A, "offline"), Entry(10_008 - overlap, B, "online")]
    history = story.told(sorted([*entries, *END]))
    assert history.conflicts == ()
