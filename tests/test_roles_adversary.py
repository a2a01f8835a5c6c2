"""Incidents at which the reconstruction once failed: many databases, a fall out of nothing, a restart in place."""

from __future__ import annotations

import pytest
import role_stories as story
from role_stories import SECOND, Entry, moment

from forensics.roles.model import Confidence, Role

A, B, C = "ALPHA", "BRAVO", "CHARLIE"
CERTAIN, PROBABLE, POSSIBLE = Confidence.CERTAIN, Confidence.PROBABLE, Confidence.POSSIBLE
END = story.ends(40_000, A, B)


def there(*nodes):
    """Machines that were there all the time, and logged nothing of a role."""
    return [Entry(at, node, kind) for at in (0, 5_000, 9_000) for node in nodes for kind in ("up", "strange")]


def roles_at(history, node, second):
    """What is said of a node at a second of the story: (role, confidence)."""
    return [
        (one.role, one.confidence)
        for one in history.intervals
        if one.node == node and one.start < moment(second) < one.end
    ]


@pytest.mark.parametrize("databases", [1, 10, 20, 50])
def test_however_many_databases_stop_the_group_is_there_until_it_is_offline(databases):
    """Each dismount is weak evidence of an end; fifty of them do not end the role before the cluster says so."""
    stops = [Entry(10_001 + n, A, "dismounted", f"DB{n}") for n in range(databases)]
    offline = 10_010 + databases
    entries = [
        *story.begins(0, A, B),
        Entry(10_000, A, "leaving"),
        *stops,
        Entry(offline, A, "offline"),
        *story.comes(offline + 10, B),
        Entry(offline + 60, A, "copying"),
        *END,
    ]
    (move,) = story.told(entries).transitions
    assert (move.from_node, move.to_node, move.confidence) == (A, B, CERTAIN)
    assert abs(move.earliest - moment(offline)) <= SECOND
    assert "went offline" in move.why


def fall(*before, removed=10_010, comes=10_020):
    """A is removed, and the group comes online on B; nothing before speaks of A's role."""
    back = [Entry(14_000, A, "boot"), Entry(14_030, A, "joined")]
    return sorted([*there(A, B), *before, Entry(removed, B, "removed", A), *story.comes(comes, B), *back, *END])


def test_what_a_node_was_after_its_crash_says_nothing_of_before():
    """A's log has no hole, but a crash ends a role without a word: before it nothing is known of A."""
    history = story.told(fall())
    assert roles_at(history, A, 6_000) == [(Role.UNKNOWN, POSSIBLE)]
    assert roles_at(history, A, 20_000)[0][0] is Role.PASSIVE


def test_a_group_that_comes_online_right_behind_the_fall_of_the_other_node_moved():
    """A was active, for B said that it copied, and took over at once."""
    (move,) = story.told(fall(Entry(8_000, B, "skipped", "ScanJobs.fdb"))).transitions
    assert (move.from_node, move.to_node, move.confidence) == (A, B, PROBABLE)
    assert move.earliest <= moment(10_012) <= move.time <= moment(10_037)
    assert "removed" in move.why


def test_without_a_word_of_copying_the_move_is_only_possible():
    """That A fell right before is not enough for more."""
    (move,) = story.told(fall()).transitions
    assert (move.from_node, move.to_node, move.confidence) == (A, B, POSSIBLE)


def test_a_fall_hours_before_moved_nothing():
    """B may have had the group all the time: no move is made up."""
    assert story.told(fall(removed=10_010, comes=20_000)).transitions == ()


def test_the_fall_of_a_node_that_said_it_was_passive_moved_nothing():
    """A copied from B until it fell: that the group then came online on B, again, is no move."""
    copying = [Entry(at, A, "skipped", "ScanJobs.fdb") for at in (4_000, 8_000, 10_005)]
    assert story.told(fall(*copying)).transitions == ()


def test_of_three_nodes_the_one_that_fell_need_not_be_the_owner():
    """Where two others could have had the group, none is named."""
    entries = sorted([*fall(), *there(C), *story.ends(40_000, C)])
    assert story.told(entries).transitions == ()


def test_a_restart_in_place_does_not_make_a_node_passive_before():
    """A resource fails, and its group comes online where it was: of the hours before that is hardly evidence."""
    entries = sorted([*there(A, B), *story.comes(10_000, A), *END])
    assert all(word is POSSIBLE for role, word in roles_at(story.told(entries), A, 6_000) if role is Role.PASSIVE)
