"""Difference constraints: distances against another algorithm, contradictions against the truth that made them."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from forensics.clocks.bounds import Strength
from forensics.clocks.solve import Distances, Edge, by_pair, consistent, rifts, settle_pairs, tightest

SECOND = 10_000_000
SPANS = 4


def edge(upper, lower, limit, number=0, strength=Strength.STRONG, raw=0):
    return Edge(upper, lower, limit, strength, raw, raw, (f"event:{2 * number}", f"event:{2 * number + 1}"), "because")


offsets = st.lists(st.integers(-1000, 1000), min_size=SPANS, max_size=SPANS)
arcs = st.lists(st.tuples(st.integers(0, SPANS - 1), st.integers(0, SPANS - 1), st.integers(0, 300)), max_size=25)


def true_edges(truth, told):
    """Edges that hold for given offsets, each by so much."""
    return [
        edge(upper, lower, (truth[upper] - truth[lower] + slack) * SECOND, number)
        for number, (upper, lower, slack) in enumerate(told)
        if upper != lower
    ]


@given(offsets, arcs)
def test_distances_are_those_of_floyd_and_warshall(truth, told):
    """The tightest limits between one span and all others are shortest paths, by any algorithm."""
    edges = true_edges(truth, told)
    endless = 1 << 60
    table = {(a, b): 0 if a == b else endless for a, b in product(range(SPANS), repeat=2)}
    for one in edges:
        table[one.lower, one.upper] = min(table[one.lower, one.upper], one.limit)
    for middle, a, b in product(range(SPANS), repeat=3):
        table[a, b] = min(table[a, b], table[a, middle] + table[middle, b])
    found = Distances(SPANS, tightest(edges), 0)
    for span in range(SPANS):
        most, least = table[0, span], table[span, 0]
        assert found.most[span] == (most if most < endless // 2 else None)
        assert found.least[span] == (-least if least < endless // 2 else None)


@given(offsets, arcs)
def test_a_chain_adds_up_to_its_distance(truth, told):
    """The edges named as evidence of a bound are those whose limits make it."""
    found = Distances(SPANS, tightest(true_edges(truth, told)), 0)
    for span in range(1, SPANS):
        if found.most[span] is not None:
            assert sum(one.limit for one in found.chain(span, highest=True)) == found.most[span]
        if found.least[span] is not None:
            assert -sum(one.limit for one in found.chain(span, highest=False)) == found.least[span]


@given(offsets, arcs)
def test_true_bounds_never_contradict(truth, told):
    """Edges made from a truth are all kept, none is loosened, and no step is seen."""
    pairs = by_pair(true_edges(truth, told))
    settled = settle_pairs(pairs)
    assert settled.overruled == []
    assert rifts(pairs) == []
    edges = tightest(settled.edges)
    assert consistent(SPANS, edges) == (edges, [])


@given(offsets, arcs, arcs)
def test_loosened_edges_leave_no_contradiction(truth, told, lies):
    """Whatever edges are given, what is left can all hold at once."""
    wrong = [edge(*spans, -slack * SECOND, 100 + n) for n, (*spans, slack) in enumerate(lies) if spans[0] != spans[1]]
    kept, _ = consistent(SPANS, tightest([*true_edges(truth, told), *wrong]))
    table = {(a, b): 0 if a == b else 1 << 60 for a, b in product(range(SPANS), repeat=2)}
    for one in kept:
        table[one.lower, one.upper] = min(table[one.lower, one.upper], one.limit)
    for middle, a, b in product(range(SPANS), repeat=3):
        table[a, b] = min(table[a, b], table[a, middle] + table[middle, b])
    assert all(table[a, a] >= 0 for a in range(SPANS))


@given(st.integers(-500, 500), st.lists(st.integers(0, 60), min_size=3, max_size=9), st.integers(-5000, 5000))
def test_one_lie_never_moves_the_truth_out(truth, slacks, lie):
    """Against three or more true bounds on each side one wrong bound, whatever it says, excludes the truth nowhere."""
    edges = [edge(1, 0, (truth + slack) * SECOND, n) for n, slack in enumerate(slacks)]
    edges += [edge(0, 1, (slack - truth) * SECOND, 20 + n) for n, slack in enumerate(slacks)]
    edges.append(edge(1, 0, lie * SECOND, 50))
    settled = settle_pairs(by_pair(edges))
    least, most = truth - min(slacks), truth + min(slacks)
    found = Distances(2, tightest(settled.edges), 0)
    if lie >= truth:
        assert settled.overruled == []
    if lie < least:
        assert found.most[1] is None or found.most[1] >= most * SECOND
        assert found.least[1] is None or found.least[1] <= truth * SECOND


def test_two_that_contradict_each_other_bound_nothing():
    """One event against one: neither is believed."""
    settled = settle_pairs(by_pair([edge(1, 0, 0, 1), edge(0, 1, -60 * SECOND, 2)]))
    assert settled.edges == []
    assert len(settled.overruled) == 2


@given(st.integers(30, 600), st.lists(st.integers(0, 10), min_size=2, max_size=8))
def test_a_step_is_seen_where_it_happened(size, slacks):
    """Two bounds on each side of a moment that contradict each other show a step between the last and the first."""
    edges = []
    for n, slack in enumerate(slacks):
        for shift, raw in ((0, n), (size, 100 + n)):
            edges.append(edge(1, 0, (shift + slack) * SECOND, 4 * n + raw, raw=raw))
            edges.append(edge(0, 1, (slack - shift) * SECOND, 1000 + 4 * n + raw, raw=raw))
    (rift,) = rifts(by_pair(edges))
    last, first = rift.times[0]
    assert len(slacks) - 1 >= last >= 0
    assert 100 <= first <= 100 + len(slacks)


def test_one_event_that_contradicts_is_no_step():
    """A single odd bound is an error, not a step."""
    edges = [edge(1, 0, 5 * SECOND, n, raw=n) for n in range(5)] + [edge(0, 1, -300 * SECOND, 9, raw=9)]
    assert rifts(by_pair(edges)) == []


def test_many_bounds_are_thinned_not_dropped():
    """A step is found among thousands of bounds, too, and in a moment."""
    edges = []
    for n in range(3000):
        shift = 0 if n < 1000 else 300
        edges.append(edge(1, 0, (shift + 3) * SECOND, n, raw=n))
        edges.append(edge(0, 1, (3 - shift) * SECOND, 5000 + n, raw=n))
    (rift,) = rifts(by_pair(edges))
    assert rift.times[0][0] < 1000 <= rift.times[0][1]
    assert rift.times[0][1] - rift.times[0][0] < 200
