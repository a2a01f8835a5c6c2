"""The story of a role history: true to it, in plain sentences, and short whatever it holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.roles.model import (
    ClockOffset,
    Confidence,
    Role,
    RoleConflict,
    RoleHistory,
    RoleInterval,
    RoleTransition,
)
from forensics.roles.telling import TOLD_AT_EACH_END, story
from parsers.times import TICKS_PER_SECOND, filetime_from_unix

START = filetime_from_unix(1_199_966_400)  # 2008-01-10T12:00:00Z
HOUR = 3600 * TICKS_PER_SECOND
A, B = "EXNODE1", "EXNODE2"


def at(hours):
    return START + round(hours * HOUR)


def interval(number, node, role, start, end, confidence="certain", why="Because."):
    return RoleInterval(
        f"role:{number}", node, Role(role), at(start), at(end), Confidence(confidence), (f"event:{number}",), (), why
    )


def move(number, source, target, hours, *, confidence="certain", width=0.01):
    return RoleTransition(
        f"transition:{number}",
        source,
        target,
        at(hours - width),
        at(hours),
        at(hours),
        Confidence(confidence),
        (),
        (),
        "",
    )


def offset(seconds, uncertainty=1.5, *, since=None, until=None):
    return ClockOffset(B, A, seconds, uncertainty, 3, (), "", since, until)


def history(intervals=(), transitions=(), conflicts=(), offsets=(), nodes=(A, B), group="CMS1"):
    return RoleHistory(group, nodes, tuple(offsets), tuple(intervals), tuple(transitions), tuple(conflicts), "")


def told(of):
    return story(of, lambda time: str(time)[11:16])


@pytest.fixture
def failover():
    """A was active for five hours, then B."""
    return history(
        [
            interval(1, A, "active", 0, 5),
            interval(2, A, "passive", 5, 10),
            interval(3, B, "passive", 0, 5),
            interval(4, B, "active", 5, 10, "probable"),
        ],
        [move(1, A, B, 5)],
        offsets=[offset(-43.2)],
    )


def test_a_failover_is_told(failover):
    """Who was first, the one move with its time and how sure, who is active at the end, and the clock."""
    assert told(failover) == [
        "EXNODE1 was active first, from 12:00 on (certain).",
        "CMS1 moved once: 17:00: from EXNODE1 to EXNODE2 (certain; transition:1).",
        "At the end of the evidence EXNODE2 is active (probable).",
        "EXNODE2's clock was 43.2 s ahead of that of EXNODE1 (± 1.5 s).",
        "Times here are on the clock of EXNODE1.",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(-43.2, "43.2 s ahead"), (43.2, "43.2 s behind"), (0.0, "level")])
def test_the_sign_of_an_offset(seconds, words):
    """What must be added to a node's times is negative where its clock was ahead."""
    assert any(
        f"clock was {words}" in line
        for line in told(history([interval(1, A, "active", 0, 1)], offsets=[offset(seconds)]))
    )


def test_a_clock_that_nothing_bounds_is_said():
    """Without an offset the reader is told that times may be minutes off."""
    assert any("may be minutes away" in line for line in told(history([interval(1, A, "active", 0, 1)])))


def test_a_clock_that_was_set_has_its_spans():
    """Each span of a clock that was set is told with its limits."""
    spans = [offset(65.3, until=at(3)), offset(44.2, since=at(3))]
    line = next(line for line in told(history([interval(1, A, "active", 0, 9)], offsets=spans)) if "was set" in line)
    assert "65.3 s behind" in line
    assert "until 15:00" in line
    assert "44.2 s behind" in line
    assert "from 15:00" in line


def test_nothing_known_is_said_with_what_would_tell():
    """A case without nodes, and one without any role, say so in words."""
    (line,) = told(history(nodes=()))
    assert "System log" in line
    lines = told(history([interval(1, A, "unknown", 0, 9), interval(2, B, "unknown", 0, 9)]))
    assert lines[0] == "On which node CMS1 was active is not in the evidence."
    assert any("What would tell" in line and "EXNODE1 and EXNODE2" in line for line in lines)


def test_no_move_is_said():
    """One node that stays active is told, and that no move shows."""
    lines = told(history([interval(1, A, "active", 0, 9, "probable"), interval(2, B, "passive", 0, 9)]))
    assert lines[:3] == [
        "EXNODE1 was active first, from 12:00 on (probable).",
        "No move of CMS1 shows in the evidence.",
        "It is still active at the end of its evidence, 21:00.",
    ]


def test_a_move_that_is_known_roughly_has_its_limits():
    """A move between two times that lie far apart is told with both, a close one without."""
    wide = told(history([interval(1, A, "active", 0, 5)], [move(1, A, B, 5, confidence="possible", width=2)]))
    assert any("possible; between 15:00 and 17:00; transition:1" in line for line in wide)
    assert not any("between" in line for line in told(history([interval(1, A, "active", 0, 5)], [move(1, A, B, 5)])))


def test_an_unknown_side_of_a_move_is_said():
    """A move from or to a node that the evidence does not name is told as such."""
    lines = told(history([interval(1, A, "active", 3, 5)], [move(1, None, A, 3), move(2, A, None, 5)]))
    assert any("from a node that is not in the evidence to EXNODE1" in line for line in lines)
    assert any("from EXNODE1 to a node that is not in the evidence" in line for line in lines)


def test_many_moves_are_summarised():
    """Of many moves the first and last three are told, with the number of all, and those that are not certain by id."""
    moves = [
        move(n, *((A, B) if n % 2 else (B, A)), n, confidence="probable" if n == 7 else "certain") for n in range(1, 21)
    ]
    lines = told(history([interval(1, A, "active", 0, 1), interval(2, B, "active", 20, 21)], moves))
    assert "CMS1 moved 20 times. Not certain: transition:7." in lines
    named = [int(found[1]) for line in lines if (found := re.search(r"; transition:(\d+)\)", line))]
    assert named == [1, 2, 3, 18, 19, 20]
    assert "14 more moves in between." in lines


def test_outages_and_contradictions_are_told():
    """Outages and contradictions are in the story; that a node's evidence begins with its start is none."""
    lines = told(
        history(
            [
                interval(1, A, "down", 0, 0.01),
                interval(2, A, "active", 0.01, 4),
                interval(3, A, "down", 4, 5, "probable"),
                interval(4, A, "active", 5, 9),
            ],
            conflicts=[RoleConflict("conflict:1", at(6), at(7), (A, B), ("event:1",), "")],
        )
    )
    assert sum("was down" in line for line in lines) == 1
    assert "EXNODE1 was down from 16:00 to 17:00 (probable)." in lines
    assert any("both claim to be active from 18:00 to 19:00 (conflict:1)" in line for line in lines)


def test_a_gap_is_told_with_its_reason():
    """What is unknown for long is told with the reason and the log that would tell; a minute is not."""
    gaps = [interval(1, A, "active", 0, 2), interval(2, A, "unknown", 2, 5, why="The log has a hole.")]
    lines = told(history([*gaps, interval(3, B, "unknown", 0, 0.01)]))
    assert "What EXNODE1 was from 14:00 to 17:00 is not known. The log has a hole." in lines
    assert sum("is not known" in line for line in lines) == 1
    assert any(line.startswith("What would tell, if it is whole then: of EXNODE1 ") for line in lines)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_story_is_short(active, down, unknown, moves, conflicts):
    """However much a history holds, the story is never empty, has at most seven lines of a kind, and none twice."""
    roles = ["active"] * active + ["down"] * down + ["unknown"] * unknown
    lines = told(
        history(
            [interval(n, A, role, n, n + 1) for n, role in enumerate(roles)],
            [move(n, A, B, n) for n in range(moves)],
            [RoleConflict(f"conflict:{n}", at(n), at(n + 1), (A, B), (), "") for n in range(conflicts)],
        )
    )
    assert lines
    assert len(lines) <= 4 * (2 * TOLD_AT_EACH_END + 1) + 8
    ids = [line for line in lines if "transition:" in line or "conflict:" in line]
    assert len(ids) == len(set(ids))
