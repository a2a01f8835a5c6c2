"""The words of confidence, by each of their rules."""

from __future__ import annotations

import pytest
import role_stories as story
from hypothesis import given
from hypothesis import strategies as st
from role_stories import Entry, moment

from forensics.roles.confidence import BARELY, CLEAR, LISTED, judge, kind_of, references, weaker
from forensics.roles.history import mailbox_history
from forensics.roles.model import Confidence
from forensics.roles.signs import Sign

A, B = "ALPHA", "BRAVO"
CERTAIN, PROBABLE, POSSIBLE = Confidence.CERTAIN, Confidence.PROBABLE, Confidence.POSSIBLE
WORDS = st.sampled_from(Confidence)


def sign(kind, node=A, at=0, mark=None, event=1):
    (one,) = story.evidence_of([Entry(at, node, kind)]).observations
    one = one._replace(event=event, **({"mark": mark} if mark else {}))
    return Sign(node, one.claim, moment(at), moment(at), moment(at), True, 1.0, one)


TWO_KINDS = (sign("online"), sign("mounted"))


def test_two_kinds_nothing_against_and_whole_is_certain():
    """The base of what follows."""
    assert judge(TWO_KINDS, (), CLEAR, whole=True) is CERTAIN


@pytest.mark.parametrize(
    ("supporting", "against", "margin", "whole", "word"),
    [
        (TWO_KINDS, (sign("skipped"),), CLEAR, True, PROBABLE),
        (TWO_KINDS, (), CLEAR - 0.01, True, PROBABLE),
        (TWO_KINDS, (), BARELY, True, PROBABLE),
        (TWO_KINDS, (), BARELY - 0.01, True, POSSIBLE),
        (TWO_KINDS, (), CLEAR, False, PROBABLE),
        ((sign("online"), sign("offline")), (), CLEAR, True, PROBABLE),
        ((sign("online"), sign("offline", B)), (), CLEAR, True, CERTAIN),
        ((sign("copying"),), (), CLEAR, True, POSSIBLE),
        ((sign("copying"), sign("dismounted")), (), CLEAR, True, PROBABLE),
        ((sign("copying"), sign("skipped")), (), CLEAR, True, CERTAIN),
        ((), (), CLEAR, True, POSSIBLE),
    ],
    ids=[
        "something against it", "not clearly better", "barely better", "as good", "a hole or a clock", "one kind",
        "two machines", "one weak kind", "two weak kinds", "a strong and a weak kind", "nothing says it",
    ],
)  # fmt: skip
def test_each_rule_takes_its_part(supporting, against, margin, whole, word):
    """One condition at a time."""
    assert judge(supporting, against, margin, whole=whole) is word


@pytest.mark.parametrize("mark", ["documented", "inferred", "common"])
def test_what_is_known_counts_however_it_is_known(mark):
    """Documented, inferred and common knowledge make kinds of evidence."""
    assert judge((sign("online"), sign("mounted", mark=mark)), (), CLEAR, whole=True) is CERTAIN


def test_what_an_analyst_supposes_makes_nothing_certain():
    """A row marked unverified is no kind of evidence: beside one kind it changes nothing, alone it is possible."""
    supposed = sign("mounted", mark="unverified")
    assert judge((sign("online"), supposed), (), CLEAR, whole=True) is PROBABLE
    assert judge((supposed, sign("handoff", mark="unverified")), (), CLEAR, whole=True) is POSSIBLE


def test_an_unverified_row_flows_through_to_the_history():
    """The same story, its second kind of evidence only supposed: what was certain is so no more."""
    entries = [*story.begins(0, A, B), *story.moves(10_000, A, B), *story.ends(20_000, A, B)]
    entries = [entry for entry in entries if entry.kind not in {"handoff", "dismounted", "copying"}]
    entries = [entry for entry in entries if entry.node == B or entry.kind not in story.GROUP_KINDS]
    evidence = story.evidence_of(entries)
    supposed = evidence._replace(
        observations=[o._replace(mark="unverified") if o.node == A else o for o in evidence.observations]
    )
    known, guessed = (
        mailbox_history(one, story.known_clocks(one), story.WELL_KNOWN).intervals for one in (evidence, supposed)
    )
    at = moment(5000)
    word = {True: CERTAIN, False: PROBABLE}
    for history in (known, guessed):
        assert any(one.start <= at < one.end for one in history)
    certain = [sum(one.confidence is word[True] and one.node == A for one in history) for history in (known, guessed)]
    assert certain[0] > certain[1] == 0


@given(WORDS, WORDS)
def test_the_weaker_word_wins(one, other):
    """Of two words the less sure one, whichever comes first, and never surer than a cap."""
    order = [CERTAIN, PROBABLE, POSSIBLE]
    assert weaker(one, other) is weaker(other, one) is order[max(order.index(one), order.index(other))]
    assert judge(TWO_KINDS, (), CLEAR, whole=True, at_most=one) is one


def test_kinds_are_programs_on_machines():
    """Cluster, store, both replications and the machine are five kinds, on two nodes ten."""
    kinds = [
        kind_of(sign(kind, node)) for node in (A, B) for kind in ("online", "mounted", "handoff", "skipped", "boot")
    ]
    assert len(set(kinds)) == 10
    same = {kind_of(sign(kind)) for kind in ("coming", "online", "leaving", "offline", "joined", "formed", "removed")}
    assert same == {("cluster", A)}


def test_references_are_few_in_order_and_of_every_kind():
    """Of many signs the first, the last and one of each kind, by time and without repetition."""
    many = [sign("skipped", at=at, event=at + 1) for at in range(50)]
    assert references([*many[::-1], *many]) == references(many)
    listed = references([*many, sign("mounted", at=25, event=1000)])
    assert len(listed) <= LISTED
    assert {"event:1", "event:50", "event:1000"} <= set(listed)
    assert list(listed) == sorted(listed, key=lambda name: 25.5 if name == "event:1000" else int(name[6:]))
    assert references(many[:LISTED]) == tuple(f"event:{at}" for at in range(1, LISTED + 1))
