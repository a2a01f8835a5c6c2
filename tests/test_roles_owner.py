"""Who owned the group, held against trying every sequence of owners."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import role_stories as story
from hypothesis import given, settings
from hypothesis import strategies as st
from role_stories import Entry

from forensics.claims import Claim
from forensics.roles import owner
from forensics.roles.coverage import LogCover, Telling
from forensics.roles.owner import NOBODY, find_owners
from forensics.roles.signs import MAILBOX_CLAIMS, PRESENCE_CLAIMS, signs_of, weight

NODES = ("A", "B")
KINDS = sorted(set(story.KINDS) - {"service", "strange", "up"})


def signs_from(entries, nodes=NODES):
    evidence = story.evidence_of(entries)
    clocks = story.known_clocks(evidence)
    signs = signs_of(evidence.observations, nodes, "CMS1", clocks, mailbox=True)
    return signs, Telling(LogCover(evidence, clocks), signs, nodes)


def cost_of(owners, signs, nodes, told):
    """What a sequence of owners costs, added up sign by sign from the tables of shares and changes."""
    total = 0.0
    for at, (sign, (before, after)) in enumerate(zip(signs, pairwise(owners), strict=True)):
        place = nodes.index(sign.node) + 1
        until = signs[at + 1].time if at + 1 < len(signs) else sign.time
        whole = tuple(told(node, sign.time, until) for node in nodes)
        shares = owner._SHARES.get(sign.claim, owner._NO_SHARES)
        for state, share in zip((before, after), shares, strict=True):
            total += sign.weight * share[0 if state == place else 2 if state == NOBODY else 1]
        total += owner._change(sign.claim, place, before, after, whole)
    return total


@st.composite
def short_stories(draw):
    rows = st.tuples(st.integers(0, 4000), st.sampled_from(NODES), st.sampled_from(KINDS), st.sampled_from(NODES))
    found = draw(st.lists(rows, min_size=1, max_size=6))
    return sorted((Entry(at, node, kind, other if kind == "removed" else None) for at, node, kind, other in found))


@settings(max_examples=80, deadline=None)
@given(short_stories(), st.lists(st.booleans(), min_size=8, max_size=8))
def test_the_path_is_the_cheapest_of_all(entries, whole):
    """No sequence of owners costs less, and every excess is what the best one with that owner there costs more."""
    signs, _ = signs_from(entries)

    def told(node, start, end):
        return whole[(NODES.index(node) * 4 + start // 10_000_000 + end // 10_000_000) % 8]

    found = find_owners(signs, NODES, told)
    costs = {
        owners: cost_of(owners, signs, NODES, told) for owners in product(range(len(NODES) + 1), repeat=len(signs) + 1)
    }
    best = min(costs.values())
    assert costs[tuple(found.owners)] == pytest.approx(best)
    for at, excess in enumerate(found.excess):
        for state, value in enumerate(excess):
            cheapest = min(cost for owners, cost in costs.items() if owners[at] == state)
            assert value == pytest.approx(cheapest - best, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(short_stories())
def test_margins_are_the_distance_to_the_other_answer(entries):
    """The margin of an owner is the excess of the next best, of another state its own."""
    signs, telling = signs_from(entries)
    found = find_owners(signs, NODES, telling.told)
    for at, excess in enumerate(found.excess):
        held = found.owners[at]
        assert found.margin(at, held, held=True) == min(c for state, c in enumerate(excess) if state != held)
        other = (held + 1) % len(excess)
        assert found.margin(at, other, held=False) == excess[other]


def test_a_clean_move_costs_nothing():
    """The signs of a move from A to B fit together: no misfit, and each owner in his time."""
    signs, telling = signs_from(
        sorted([*story.begins(0, *NODES), *story.moves(5000, *NODES), *story.ends(9000, *NODES)])
    )
    found = find_owners(signs, NODES, telling.told)
    assert sum(found.misfits) < 1
    owners = {sign.time: after for sign, after in zip(signs, found.owners[1:], strict=True)}
    assert (owners[story.moment(75)], owners[story.moment(5008)], owners[story.moment(5025)]) == (1, 0, 2)


def test_a_lone_sign_against_many_is_not_believed():
    """One stray coming online of B amid A's proofs costs, and nothing moves."""
    entries = [*story.begins(0, *NODES), Entry(3000, "B", "online"), *story.goes(6000, "A"), *story.comes(6020, "A")]
    signs, telling = signs_from(sorted([*entries, *story.ends(9000, *NODES)]))
    found = find_owners(signs, NODES, telling.told)
    stray = next(at for at, sign in enumerate(signs) if sign.node == "B" and sign.claim is Claim.GROUP_ONLINE)
    assert found.misfits[stray] >= 2
    assert 2 not in found.owners


def test_of_equal_explanations_nothing_changes():
    """Without a sign there is one stretch, and nobody is known to own the group."""
    found = find_owners([], NODES, lambda *_: True)
    assert (found.owners, found.misfits) == ([NOBODY], [])


@pytest.mark.parametrize(("kind", "expected"), [("online", 6.4), ("handoff", 8.0), ("skipped", 7.2), ("copying", 0.8)])
def test_a_claim_weighs_by_strength_and_mark(kind, expected):
    """Strong claims weigh eight times as much as weak ones, documented more than inferred more than common."""
    (one,) = story.evidence_of([Entry(0, "A", kind)]).observations
    assert weight(one) == pytest.approx(expected)
    assert weight(one._replace(mark="unverified")) == pytest.approx((8 if one.strong else 1) * 0.25)
    assert weight(one._replace(mark="unknown")) == 0


def test_signs_of_another_group_and_of_aliases_are_left_out():
    """Only the group asked for, only nodes; names compare without case; removal speaks of the node removed."""
    entries = [
        Entry(0, "A", "online", "cms1"),
        Entry(10, "A", "online", "Cluster Group"),
        Entry(20, "CMS1", "mounted"),
        Entry(30, "A", "removed", "b.contoso.local"),
    ]
    signs, _ = signs_from(entries)
    assert [(sign.node, sign.claim) for sign in signs] == [("A", Claim.GROUP_ONLINE), ("B", Claim.NODE_REMOVED)]


def test_claims_on_the_store_bear_on_the_mailbox_servers_group_only():
    """For another group databases and copies say nothing, restarts of machines do."""
    evidence = story.evidence_of([Entry(at, "A", kind) for at, kind in enumerate(KINDS)])
    signs = signs_of(evidence.observations, NODES, "OTHER", story.known_clocks(evidence), mailbox=False)
    claims = {sign.claim for sign in signs}
    assert claims <= PRESENCE_CLAIMS
    assert not claims & MAILBOX_CLAIMS
    assert Claim.BOOT in claims


def test_causes_stand_before_effects_where_clocks_cannot_tell():
    """Two nodes, one second: what ends a role comes before what begins one; a second node's later entry stays later."""
    together, _ = signs_from([Entry(100, "B", "online"), Entry(101, "A", "offline")])
    assert [sign.claim for sign in together] == [Claim.GROUP_OFFLINE, Claim.GROUP_ONLINE]
    apart, _ = signs_from([Entry(100, "B", "online"), Entry(110, "A", "offline")])
    assert [sign.claim for sign in apart] == [Claim.GROUP_ONLINE, Claim.GROUP_OFFLINE]
    own, _ = signs_from([Entry(100, "A", "online"), Entry(101, "A", "offline")])
    assert [sign.claim for sign in own] == [Claim.GROUP_ONLINE, Claim.GROUP_OFFLINE]


def test_an_entry_of_which_a_copy_is_left_stands_where_the_copy_stands():
    """Its own clock may be far off: the copy was there before the log's owner wrote its next entry."""
    entries = [
        *story.begins(0, "A", "B"),
        Entry(1000, "B", "leaving", owner="A"),
        Entry(1008, "B", "offline", owner="A"),
        Entry(1010, "A", "coming"),
        Entry(1025, "A", "online"),
    ]
    evidence = story.evidence_of(entries)
    wrong = story.known_clocks(evidence, ahead={"B": -600}, within=700.0)
    signs = signs_of(evidence.observations, NODES, "CMS1", wrong, mailbox=True)[-4:]
    assert [(one.node, one.claim) for one in signs] == [
        ("B", Claim.GROUP_GOING_OFFLINE),
        ("B", Claim.GROUP_OFFLINE),
        ("A", Claim.GROUP_COMING_ONLINE),
        ("A", Claim.GROUP_ONLINE),
    ]
    assert all(one.low <= one.time <= one.high for one in signs)
