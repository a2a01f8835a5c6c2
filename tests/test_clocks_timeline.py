"""`Clocks`: recorded times on the common time line, spans told apart, offsets as they are stated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forensics.clocks.model import ASSUMED_LIMIT, ClockSpan
from forensics.clocks.timeline import Clocks

SECOND = 10_000_000
HOUR = 3600 * SECOND
START = 128_444_000_000_000_000


def span(node, first, last, offset=0, low=None, high=None, starts=None, why=""):
    return ClockSpan(node, first, last, starts or {}, offset, low, high, 3, ("event:1",), why)


def pair(low, high):
    """A reference, and a node whose offset lies between two numbers of seconds."""
    known = [bound for bound in (low, high) if bound is not None]
    middle = sum(known) * SECOND // (len(known) or 1)
    return Clocks.of(
        [
            span("B", START, START + HOUR, middle, low and low * SECOND, high and high * SECOND),
            span("A", START, START + HOUR, 0, 0, 0),
        ]
    )


def stepped():
    """A node whose clock was set back by ten minutes after an hour, as its System log shows."""
    log = ("B", "System")
    return Clocks.of(
        [
            span("A", START, START + 3 * HOUR, 0, 0, 0),
            span("B", START, START + HOUR, 0, -SECOND, SECOND, why="one"),
            span(
                "B", START + HOUR * 5 // 6, START + 3 * HOUR, 600 * SECOND, 599 * SECOND, 601 * SECOND, {log: 7}, "two"
            ),
        ]
    )


def test_the_reference_is_the_first_by_name():
    """The reference is the first node by name, in whatever order spans are given, and has no row of its own."""
    clocks = pair(40, 44)
    assert clocks.reference == "A"
    assert [(row.node, row.seconds, row.uncertainty, row.pairs) for row in clocks.offsets()] == [("B", 42.0, 2.0, 3)]


def test_a_moment_is_the_raw_time_with_its_offset():
    """Low and high are the bounds of the offset; high also holds the second that a whole-second time was cut to."""
    moment = pair(40, 44).moment("B", START)
    assert moment == (START + 42 * SECOND, START + 40 * SECOND, START + 45 * SECOND, True)
    assert pair(40, 44).moment("A", START + 1) == (START + 1, START + 1, START + 2, True)


def test_an_unbounded_clock_is_taken_to_be_off_by_no_more_than_is_assumed():
    """Without a bound the assumption stands in, and the moment says so; no row is stated."""
    for clocks in (pair(None, 44), pair(40, None), pair(None, None)):
        moment = clocks.moment("B", START + 1)
        assert not moment.bounded
        assert moment.low <= moment.time <= moment.high
        assert moment.high - moment.low >= ASSUMED_LIMIT
        assert clocks.offsets() == ()


def test_a_bound_looser_than_the_assumption_is_no_row():
    """What is known only to within an hour is not stated as an offset."""
    assert pair(-1800, 1800).offsets() == ()


def test_record_numbers_tell_what_times_do_not():
    """A time that was shown twice is placed by the record's number, and covers both spans without one."""
    clocks, log = stepped(), ("B", "System")
    twice = START + HOUR * 11 // 12
    before = clocks.moment("B", twice, log, 6)
    after = clocks.moment("B", twice, log, 7)
    unknown = clocks.moment("B", twice, ("B", "Application"), 7)
    assert before.time == twice
    assert after.time == twice + 600 * SECOND
    assert (unknown.low, unknown.high) == (before.low, after.high)
    assert clocks.span_of("B", START + 2 * HOUR).offset == 600 * SECOND
    assert clocks.span_of("C", START) is None


def test_a_stepped_clock_has_a_row_for_each_span():
    """Each row says since when and until when it holds, by the node's own clock."""
    rows = stepped().offsets()
    assert [(row.seconds, row.since, row.until) for row in rows] == [
        (0.0, None, START + HOUR),
        (600.0, START + HOUR * 5 // 6, None),
    ]


def test_a_stepped_reference_shows_what_it_showed():
    """The common time line is one span of the reference; `shown` turns it into what its clock said in each."""
    clocks = Clocks.of(
        [
            span("A", START, START + HOUR, 60 * SECOND, 60 * SECOND, 60 * SECOND),
            span("A", START + 2 * HOUR, START + 9 * HOUR, 0, 0, 0, {("A", "System"): 5}),
            span("B", START, START + 9 * HOUR, 10 * SECOND, 9 * SECOND, 11 * SECOND),
        ]
    )
    assert clocks.shown(START + 60 * SECOND) == START
    assert clocks.shown(START + 3 * HOUR) == START + 3 * HOUR
    rows = clocks.offsets()
    assert [(row.node, row.seconds, row.uncertainty) for row in rows] == [("B", -50.0, 1.0), ("B", 10.0, 1.0)]
    assert rows[0].until == rows[1].since == START + 2 * HOUR - 10 * SECOND


def test_an_alias_is_read_by_the_clock_of_the_log():
    """A name that is no node has the clock of the machine in whose log it stands."""
    assert pair(40, 44).moment("CMS1", START, ("B", "System"), 3) == pair(40, 44).moment("B", START)


def test_a_copy_without_its_original_may_have_either_clock():
    """Which clock set the time of a copied entry is not known: its range covers both."""
    moment = pair(40, 44).moment("B", START, ("A", "System"), 3)
    assert (moment.low, moment.high) == (START, START + 45 * SECOND)


def test_nothing_known_is_no_error():
    """Without any node there is no reference and no row, and a moment is as wide as is assumed."""
    clocks = Clocks.of([])
    assert (clocks.reference, clocks.offsets(), clocks.shown(START)) == ("", (), START)
    assert clocks.moment("B", START).bounded is False


@given(st.integers(-3600, 3600), st.integers(0, 1700), st.integers(0, 9_999_999))
def test_what_is_printed_covers_what_was_found(low, width, fraction):
    """Rounding never cuts a piece off the range."""
    least, most = low * SECOND + fraction, (low + width) * SECOND + 2 * fraction
    clocks = Clocks.of(
        [span("A", START, START + 1, 0, 0, 0), span("B", START, START + 1, (least + most) // 2, least, most)]
    )
    (row,) = clocks.offsets()
    assert row.seconds * SECOND - row.uncertainty * SECOND <= least + 1
    assert row.seconds * SECOND + row.uncertainty * SECOND >= most - 1
    assert row.uncertainty * 2 * SECOND <= most - least + 4_000_000
