"""What holds of role histories whatever the evidence: told on stories and on entries by chance, in memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
import role_stories as story
from hypothesis import given, settings
from hypothesis import strategies as st
from role_stories import SECOND, START, Entry

from forensics.clocks.estimate import estimate
from forensics.roles.groups import group_names
from forensics.roles.history import mailbox_history
from forensics.roles.model import Role

A, B, C = "ALPHA", "BRAVO", "CHARLIE"
STEPS = ("move", "restart", "crash", "crash-passive", "restart-group", "skip")


@st.composite
def incidents(draw, nodes=(A, B), steps=STEPS, at_least=0):
    """A story, and the true moves in it: (from, to, second at which it was online)."""
    entries, at, active, true = story.begins(0, *nodes), 1000, nodes[0], []
    for step in draw(st.lists(st.sampled_from(steps), min_size=at_least, max_size=8)):
        at += draw(st.integers(min_value=1500, max_value=40_000))
        other = draw(st.sampled_from([node for node in nodes if node != active]))
        if step == "move":
            entries += story.moves(at, active, other)
            true.append((active, other, at + 25))
            active = other
        elif step == "crash":
            entries += [*story.crashes(at, active, other), *story.comes(at + 15, other)]
            true.append((active, other, at + 30))
            active = other
        elif step == "restart":
            entries += story.restarts(at, other)
        elif step == "crash-passive":
            entries += story.crashes(at, other, active)
        elif step == "restart-group":
            entries += [*story.goes(at, active), *story.comes(at + 20, active)]
        else:
            entries.append(Entry(at, other, "skipped"))
    entries += story.ends(at + 5000, *nodes)
    return sorted(entries, key=lambda entry: entry.at), true


@st.composite
def chaos(draw, nodes=(A, B)):
    """Entries that need not make sense."""
    kinds = st.sampled_from(sorted(story.KINDS))
    rows = st.tuples(st.integers(min_value=0, max_value=60_000), st.sampled_from(nodes), kinds, st.sampled_from(nodes))
    found = [
        Entry(at, node, kind, other if kind == "removed" else None)
        for at, node, kind, other in draw(st.lists(rows, min_size=1, max_size=30))
    ]
    return sorted(found, key=lambda entry: entry.at)


def history_of(evidence, clocks=None):
    return mailbox_history(evidence, clocks or story.known_clocks(evidence), story.WELL_KNOWN)


def told_twice(entries, change):
    """The history of a story, and of its evidence changed; both without the ids of events."""
    evidence = story.evidence_of(entries)
    changed = change(evidence)
    clocks = story.known_clocks(evidence)
    return [story.without_ids(history_of(one, clocks), one) for one in (evidence, changed)]


# -- what a history is -------------------------------------------------------------------------------------------------


def hold_the_rules(history, evidence):
    """The rules of the contract that need no truth."""
    references = {one.reference for one in evidence.observations}
    assert [one.id for one in history.intervals] == [f"role:{n}" for n in range(1, len(history.intervals) + 1)]
    assert [one.id for one in history.transitions] == [
        f"transition:{n}" for n in range(1, len(history.transitions) + 1)
    ]
    assert [one.start for one in history.intervals] == sorted(one.start for one in history.intervals)
    assert [one.time for one in history.transitions] == sorted(one.time for one in history.transitions)
    for node, (first, last) in evidence.nodes.items():
        own = [one for one in history.intervals if one.node == node]
        assert (own[0].start, own[-1].end) == (first, last)
        for before, after in pairwise(own):
            assert before.end == after.start
            assert before.role is not after.role
        assert all(one.start < one.end for one in own) or len(own) == 1
    active = sorted((one.start, one.end) for one in history.intervals if one.role is Role.ACTIVE)
    assert all(before[1] <= after[0] for before, after in pairwise(active))
    for one in history.transitions:
        assert one.earliest <= one.time <= one.latest
        assert one.from_node != one.to_node
        assert {one.from_node, one.to_node} <= {*evidence.nodes, None}
        assert one.evidence
    for one in (*history.intervals, *history.transitions, *history.conflicts):
        assert {*one.evidence, *getattr(one, "contradicted_by", ())} <= references
        assert one.why.endswith(".")
    for one in history.conflicts:
        assert one.start < one.end
        assert len(one.nodes) > 1


@settings(max_examples=150, deadline=None)
@given(incidents())
def test_the_rules_hold_in_incidents(given_story):
    """Intervals cover each node's time without overlap or hole, at most one is active, and references resolve."""
    evidence = story.evidence_of(given_story[0])
    hold_the_rules(history_of(evidence), evidence)


@settings(max_examples=250, deadline=None)
@given(chaos(), st.sampled_from([0.0, 1.0, None]))
def test_the_rules_hold_whatever_the_logs_say(entries, within):
    """Evidence that makes no sense, by clocks known or not, still gives a history that breaks no rule."""
    evidence = story.evidence_of(entries)
    hold_the_rules(history_of(evidence, story.known_clocks(evidence, within=within)), evidence)


@settings(max_examples=60, deadline=None)
@given(chaos(nodes=(A, B, C)))
def test_the_rules_hold_for_three_nodes(entries):
    """More nodes break no rule either."""
    evidence = story.evidence_of(entries)
    hold_the_rules(history_of(evidence), evidence)


# -- what really happened ----------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(incidents())
def test_every_move_of_whole_logs_is_told(given_story):
    """Whole logs and known clocks: the moves told are the moves made, and the true times lie in their spans."""
    entries, true = given_story
    found = history_of(story.evidence_of(entries)).transitions
    assert [(one.from_node, one.to_node) for one in found] == [move[:2] for move in true]
    for one, (_, _, at) in zip(found, true, strict=True):
        assert one.earliest <= story.moment(at) <= one.latest
        assert one.latest - one.earliest < 60 * SECOND


@settings(max_examples=60, deadline=None)
@given(incidents(nodes=(A, B, C)))
def test_every_move_among_three_nodes_is_told(given_story):
    """The same where there are two nodes to move to."""
    entries, true = given_story
    found = history_of(story.evidence_of(entries)).transitions
    assert [(one.from_node, one.to_node) for one in found] == [move[:2] for move in true]


@settings(max_examples=100, deadline=None)
@given(incidents(), st.data())
def test_a_hole_makes_nothing_certain_wrong(given_story, data):
    """A stretch missing from a node's System log may hide moves: what is still called certain is a true move."""
    entries, true = given_story
    last = int(entries[-1].at)
    start = data.draw(st.integers(min_value=0, max_value=last))
    end = data.draw(st.integers(min_value=start, max_value=last))
    node = data.draw(st.sampled_from((A, B)))
    evidence = story.evidence_of(entries, holes=[(node, "System", start, end)])
    history = history_of(evidence)
    hold_the_rules(history, evidence)
    times = {(source, target, story.moment(at)) for source, target, at in true}
    for one in history.transitions:
        if one.confidence == "certain":
            assert any(
                (one.from_node, one.to_node) == (source, target) and one.earliest <= at <= one.latest
                for source, target, at in times
            )


# -- what changes nothing ----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.one_of(incidents().map(lambda given_story: given_story[0]), chaos()), st.randoms(use_true_random=False))
def test_the_order_of_observations_changes_nothing(entries, rng):
    """Observations and runs in any order, under any ids, give the same history."""

    def shuffled(evidence):
        observations = [one._replace(event=one.event * 7 % 100_003) for one in evidence.observations]
        runs = list(evidence.runs)
        rng.shuffle(observations)
        rng.shuffle(runs)
        return evidence._replace(observations=observations, runs=runs)

    first, second = told_twice(entries, shuffled)
    assert first == second


@settings(max_examples=60, deadline=None)
@given(incidents())
def test_entries_that_say_nothing_of_roles_change_nothing(given_story):
    """Entries that no role follows from, beside every other entry: the same intervals, moves and words."""
    entries, _ = given_story
    noisy = [
        one
        for entry in entries
        for one in (entry, Entry(entry.at, entry.node, "service"), Entry(entry.at, entry.node, "strange"))
    ]
    plain, more = story.evidence_of(entries), story.evidence_of(noisy)
    assert story.without_ids(history_of(plain), plain) == story.without_ids(history_of(more), more)


@settings(max_examples=60, deadline=None)
@given(incidents(steps=("move", "restart"), at_least=1), st.integers(min_value=0, max_value=10))
def test_equal_times_change_no_move(given_story, coarse):
    """Entries of one node that were logged within one second, and so have equal times, are told by their numbers."""
    entries, true = given_story
    width = 1 + coarse
    found = history_of(
        story.evidence_of([entry._replace(at=entry.at // width * width) for entry in entries])
    ).transitions
    assert [(one.from_node, one.to_node) for one in found] == [move[:2] for move in true]


# -- clocks that are off -----------------------------------------------------------------------------------------------

THERE_AND_BACK = [
    *story.begins(0, A, B),
    *story.moves(10_000, A, B),
    *story.moves(20_000, B, A),
    *story.moves(30_000, A, B),
    *story.restarts(35_000, A),
    *story.moves(40_000, B, A),
    *story.ends(50_000, A, B),
]


def estimated(ahead):
    evidence = story.evidence_of(THERE_AND_BACK, ahead=ahead)
    return history_of(evidence, estimate(evidence, group_names(evidence.observations)))


def times_of(history):
    moves = [(one.from_node, one.to_node, one.earliest, one.time, one.latest) for one in history.transitions]
    spans = [(one.node, one.role, one.start, one.end) for one in history.intervals]
    return sorted(moves), sorted(spans)


@pytest.mark.parametrize("seconds", [-3600, -61, -1, 1, 59, 300, 86_400])
def test_a_shifted_clock_shifts_its_node_only(seconds):
    """The other node's clock runs ahead: on the reference clock nothing changes, and the offset is that much less."""
    base, shifted = estimated({}), estimated({B: seconds})
    assert times_of(shifted) == times_of(base)
    assert [one.confidence for one in shifted.transitions] == [one.confidence for one in base.transitions]
    assert [one.seconds for one in shifted.clock_offsets] == [one.seconds - seconds for one in base.clock_offsets]
    assert len(base.clock_offsets) == 1
    assert len(base.transitions) == 4


@pytest.mark.parametrize("seconds", [-3600, -1, 61, 86_400])
def test_a_shifted_reference_shifts_everything(seconds):
    """All derived times are on the reference clock: where it runs ahead they all do."""
    base, shifted = estimated({}), estimated({A: seconds})
    moved = seconds * SECOND
    moves, spans = times_of(base)
    expected = [(*one[:2], *(time + moved for time in one[2:])) for one in moves]
    assert times_of(shifted) == (expected, [(*one[:2], one[2] + moved, one[3] + moved) for one in spans])
    assert [one.seconds for one in shifted.clock_offsets] == [one.seconds + seconds for one in base.clock_offsets]


def test_the_true_times_lie_in_the_spans_of_estimated_clocks():
    """Where the clocks are estimated from the same logs, each true time lies in its span."""
    found = estimated({B: 77}).transitions
    for one, at in zip(found, (10_025, 20_025, 30_025, 40_025), strict=True):
        assert one.earliest <= START + at * SECOND <= one.latest
        assert one.confidence == "certain"
