"""The picture's geometry, its axis, and which rows are told: in their place, bounded, whatever the history is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.report.axis import ticks
from forensics.report.picture import BARS, LEAST_BAR, LEFT, MOVES, NEAR, PLOT, RIGHT, clusters, picture
from forensics.report.select import MOST, essential
from forensics.roles.model import Confidence, Role, RoleHistory, RoleInterval, RoleTransition
from forensics.timeline import TimelineKind, TimelineRow
from parsers.times import FILETIME_MAX, TICKS_PER_SECOND, filetime_from_unix, iso_utc

START = filetime_from_unix(1_199_966_400)  # 2008-01-10T12:00:00Z
MINUTE = 60 * TICKS_PER_SECOND
A, B = "EXNODE1", "EXNODE2"


def interval(number, node, role, start, end, confidence="certain"):
    return RoleInterval(
        f"role:{number}", node, Role(role), START + start * MINUTE, START + end * MINUTE, Confidence(confidence),
        (), (), "",
    )  # fmt: skip


def move(number, at, source=A, target=B):
    time = START + at * MINUTE
    ways = (source, target, time - MINUTE, time, time + MINUTE)
    return RoleTransition(f"transition:{number}", *ways, Confidence.CERTAIN, (), (), "")


def row(minute, kind=TimelineKind.FILE, what="saved", node=A, ref="event:1"):
    time = START + minute * MINUTE
    return TimelineRow(time, time, time, True, None, node, kind, what, "ScanJobs.fdb", "", None, None, (ref,))


def history(intervals, moves=()):
    return RoleHistory("CMS1", (A, B), (), tuple(intervals), tuple(moves), (), "")


def test_bars_lie_where_their_times_are():
    """A bar begins and ends where its times lie between the ends of the plot; a move stands at its time."""
    drawn = picture(
        history(
            [interval(1, A, "active", 0, 25), interval(2, A, "passive", 25, 100), interval(3, B, "passive", 0, 100)],
            [move(1, 25)],
        ),
        [row(50)],
        {},
    )
    first = {bar.ref: bar for bar in drawn.lanes[0].bars}
    assert (first["role:1"].x, first["role:1"].w) == (LEFT, PLOT / 4)
    assert (first["role:2"].x, first["role:2"].w) == (LEFT + PLOT / 4, PLOT * 3 / 4)
    assert [(bar.x, bar.w) for bar in drawn.lanes[1].bars] == [(LEFT, PLOT)]
    assert (drawn.moves[0].x, drawn.moves[0].y1 < drawn.moves[0].y2) == (LEFT + PLOT / 4, True)
    assert drawn.lanes[0].tracks[0].marks[0].x == LEFT + PLOT / 2


def test_a_short_outage_can_be_seen():
    """A bar is never thinner than can be seen, lies above the longer ones, and stays within the plot."""
    drawn = picture(history([interval(1, A, "active", 0, 9_999), interval(2, A, "down", 9_999, 10_000)]), [], {})
    last = drawn.lanes[0].bars[-1]
    assert (last.role, last.w) == ("down", LEAST_BAR)
    assert last.x + last.w <= RIGHT


def test_what_lies_far_outside_is_counted_and_not_drawn():
    """A file from years before does not squeeze the picture to a line; that it is not drawn is said."""
    drawn = picture(history([interval(1, A, "active", 0, 100)]), [row(10), row(-5_000_000), row(130)], {})
    assert drawn.outside == 1
    assert (drawn.start, drawn.end) == (START, START + 130 * MINUTE)


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=400, unique=True))
def test_a_crowded_history_is_bounded(minutes):
    """However many intervals and moves there are, so many are drawn at most, and the number of the others is told."""
    edges = sorted(minutes)
    roles = ("active", "passive", "down", "unknown")
    intervals = [interval(n, A, roles[n % 4], start, end) for n, (start, end) in enumerate(pairwise(edges))]
    moves = [move(n, at) for n, at in enumerate(edges)]
    drawn = picture(history(intervals, moves), [row(at) for at in edges], {})
    bars = drawn.lanes[0].bars
    assert len(bars) == min(BARS, len(intervals))
    assert drawn.bars_left == len(intervals) - len(bars)
    assert len(drawn.moves) + drawn.moves_left == len(moves)
    assert len(drawn.moves) <= MOVES
    assert all(bar.x >= LEFT - 0.001 and bar.x + bar.w <= RIGHT + LEAST_BAR for bar in bars)
    assert sum(mark.n for mark in drawn.lanes[0].tracks[0].marks) == len(edges)


@given(st.lists(st.floats(0, 1000), max_size=60).map(sorted))
def test_near_signs_are_counted_once(places):
    """Every sign is counted at the first of those near to it, and counts stand further apart than that."""
    counts = clusters(places)
    assert sum(counts) == len(places)
    firsts = [x for x, n in zip(places, counts, strict=True) if n]
    assert all(after - before > NEAR for before, after in pairwise(firsts))


@given(st.integers(0, FILETIME_MAX - 1), st.integers(1, FILETIME_MAX))
def test_the_axis_has_a_few_round_moments(start, length):
    """Whatever the span, at most nine ticks lie within it, in order, at moments that the label tells exactly."""
    end = min(FILETIME_MAX, start + length)
    found = ticks(start, end, LEFT, RIGHT)
    assert len(found) <= 9
    assert all(LEFT - 0.001 <= tick.x <= RIGHT + 0.001 for tick in found)
    assert [tick.x for tick in found] == sorted(tick.x for tick in found)
    if end - start > 20 * TICKS_PER_SECOND:
        assert len(found) >= 2
    for tick in found:
        moment = round(start + tick.a * (end - start))
        second = (moment + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND * TICKS_PER_SECOND
        if end - start < 400 * 365 * 86_400 * TICKS_PER_SECOND:
            assert (iso_utc(second) or "")[11:].startswith(tick.clock)


def test_no_node_no_picture():
    """Where no node is known, or nothing has a time, nothing is drawn."""
    assert picture(RoleHistory(None, (), (), (), (), (), ""), [row(1)], {}) is None
    assert picture(history([]), [], {}) is None


@pytest.mark.parametrize("count", [0, 1, 5_000])
def test_the_essential_is_bounded_and_nothing_is_forgotten(count):
    """Rows are told in their order, of too many those nearest to what was asked for; what is not told is counted."""
    rows = [row(minute) for minute in range(count)]
    rows += [row(count, TimelineKind.OVERWRITE, "lost_update", ref="overwrite:1")]
    rows += [row(count, TimelineKind.EVENT, "engine_update_failure")] * 7
    found = essential(rows, [START + count * MINUTE])
    assert len(found.rows) + sum(number for _, number in found.left) == len(rows)
    assert len(found.rows) <= sum(MOST)
    assert [one.time for one in found.rows] == sorted(one.time for one in found.rows)
    assert found.rows[-1].kind is TimelineKind.OVERWRITE
    assert dict(found.left)["engine update failure"] == 7
    if count > MOST[1]:
        assert found.rows[0].time == START + (count - MOST[1]) * MINUTE
