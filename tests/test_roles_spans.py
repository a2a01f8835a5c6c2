"""Sets of moments, and things found by time, held against looking at everything."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from forensics.roles.scene import Line
from forensics.roles.spans import covers, overlaps, part, span_at, union, within, without

MOMENTS = st.integers(min_value=0, max_value=60)
PAIRS = st.tuples(MOMENTS, MOMENTS)
SPANS = st.lists(PAIRS, max_size=12)
UNIONS = SPANS.map(union)
# Twice as fine as the moments that spans are made of: between any two lies one.
FINE = range(-2, 124)


def inside(spans):
    """Every half moment that lies in one of the spans, ends included."""
    return {half for half in FINE if any(2 * start <= half <= 2 * end for start, end in spans)}


def open_inside(spans):
    """The same without the ends."""
    return {half for half in FINE if any(2 * start < half < 2 * end for start, end in spans)}


@given(SPANS)
def test_a_union_is_all_moments_sorted_and_apart(spans):
    """A union holds the moments of its spans and no other, in order, and no two of its spans touch."""
    found = union(spans)
    assert inside(found) == inside([span for span in spans if span[0] <= span[1]])
    assert all(before[1] < after[0] for before, after in pairwise(found))


@given(SPANS, PAIRS)
def test_within_cuts_at_both_moments(spans, limits):
    """What lies between two moments, ends included; a span that only touches them gives a point."""
    assert inside(within(spans, *limits)) == inside(spans) & inside([limits])


@given(UNIONS, PAIRS)
def test_part_is_within_for_unions(spans, limits):
    """The quick way for sorted unions gives what the plain way gives."""
    assert part(spans, *limits) == within(spans, *limits)


@given(UNIONS, PAIRS)
def test_overlaps_means_more_than_a_moment(spans, limits):
    """Overlap is what holds for some span by the plain comparison."""
    start, end = limits
    assert overlaps(spans, start, end) == any(a < end and start < b for a, b in spans)


@given(UNIONS, UNIONS)
@example([(0, 2)], [(1, 1)])
def test_without_leaves_what_no_hole_holds(spans, holes):
    """What is left are the moments of the spans that lie in no hole, but for the ends."""
    found = without(spans, holes)
    assert open_inside(found) == open_inside(spans) - inside(holes)
    assert all(start < end for start, end in found)


@given(UNIONS, MOMENTS, MOMENTS)
def test_one_span_covers_all_between(spans, start, end):
    """A span is found that holds a moment, and two moments are covered where one span holds both."""
    holding = [span for span in spans if span[0] <= start <= span[1]]
    assert span_at(spans, start) == (holding[0] if holding else None)
    if start <= end:
        assert covers(spans, start, end) == any(a <= start and end <= b for a, b in spans)


class Thing(NamedTuple):
    """Something that lasts."""

    start: int
    end: int


@st.composite
def lines(draw):
    """Things that follow each other, their times out of order by up to two."""
    at, found = 0, []
    for gap, length, off in draw(st.lists(st.tuples(MOMENTS, MOMENTS, st.integers(0, 2)), max_size=10)):
        start = max(0, at + gap - off)
        at = max(at, start + length)
        found.append(Thing(start, start + length))
    return found


@given(lines(), PAIRS)
def test_touching_things_are_all_that_have_a_moment_in_common(things, limits):
    """Whatever the disorder: those that touch the time asked for, in their order."""
    start, end = limits
    assert list(Line(things).touching(start, end)) == [t for t in things if t.end >= start and t.start <= end]


@given(lines(), MOMENTS)
def test_the_neighbours_of_a_moment_end_before_and_begin_behind_it(things, moment):
    """The last of those that all ended before, the first of those that all began behind."""
    line = Line(things)
    before = [t for at, t in enumerate(things) if all(other.end <= moment for other in things[: at + 1])]
    behind = [t for at, t in enumerate(things) if all(other.start >= moment for other in things[at:])]
    assert line.before(moment) == (before[-1] if before else None)
    assert line.behind(moment) == (behind[0] if behind else None)
