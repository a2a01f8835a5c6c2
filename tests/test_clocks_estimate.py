"""What bounds an offset: each kind of evidence alone, in evidence built by hand with a known truth."""

from __future__ import annotations

from itertools import pairwise

import pytest

from forensics.claims import Claim
from forensics.clocks.bounds import Bound, Place, Strength
from forensics.clocks.estimate import estimate
from forensics.observations import Evidence, Fall, Observation, Run, Sequel
from forensics.profile import Mark
from parsers.times import iso_utc

SECOND = 10_000_000
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
START = 128_444_000_000_000_000 // SECOND * SECOND
SYSTEM = "System"


class Scene:
    """Evidence of nodes A and B in the making; `behind` is how far B's clock is behind A's."""

    def __init__(self, behind=0):
        self.behind = {"A": 0, "B": behind}
        self.told, self.sequels, self.falls, self.last, self.numbers = [], [], [], {}, {}
        for node in ("A", "B"):
            self.say(node, 0, Claim.BOOT)

    def raw(self, node, seconds):
        return START + (seconds - self.behind[node]) * SECOND

    def say(self, node, seconds, claim, thing=None, strings=()):
        """The node logs a claim at a true time, in seconds from the start."""
        number = self.numbers[node] = self.numbers.get(node, 100) + 1
        raw = self.raw(node, seconds)
        made = Observation(
            len(self.told) + 1, node, raw, number, (node, SYSTEM), SECOND, claim, thing, True, Mark.COMMON, "ClusSvc",
            1200, tuple(strings),
        )  # fmt: skip
        self.told.append(made)
        return made

    def move(self, seconds, source, target, group="CMS1"):
        """A clean move: off after 5 s, coming online 3 s later, online after 10 more."""
        self.say(source, seconds, Claim.GROUP_GOING_OFFLINE, group)
        self.say(source, seconds + 5, Claim.GROUP_OFFLINE, group)
        self.say(target, seconds + 8, Claim.GROUP_COMING_ONLINE, group)
        self.say(target, seconds + 18, Claim.GROUP_ONLINE, group)

    def copy(self, seconds, origin, delay):
        """An event is copied, and the receiver logs something of its own so many seconds later."""
        receiver = "B" if origin == "A" else "A"
        one = self.say(origin, seconds, Claim.UP)
        other = self.say(receiver, seconds + delay, Claim.UP)
        cause = (origin, one.raw, one.event, one.number, one.log)
        self.sequels.append(Sequel(*cause, receiver, other.raw, other.event, other.number, other.log))

    @property
    def evidence(self):
        runs, nodes = [], {}
        for node in ("A", "B"):
            own = sorted((one for one in self.told if one.node == node), key=lambda one: one.number)
            runs.append(Run((node, SYSTEM), own[0].number, own[-1].number, own[0].raw, own[-1].raw))
            raws = [one.raw for one in own]
            nodes[node] = (min(raws), max(raws))
            for before, after in pairwise(own):
                if after.raw < before.raw - SECOND:
                    self.falls.append(Fall(before.log, before.number, after.number, before.raw, after.raw))
        return Evidence(self.told, runs, self.falls, self.sequels, nodes, ())

    def clocks(self, extra=()):
        return estimate(self.evidence, ["CMS1", "Cluster Group"], extra)


def rows(clocks):
    return [(row.seconds, row.uncertainty) for row in clocks.offsets()]


def holds(clocks, truth, within):
    """Whether there is one row, it holds the truth and it is narrow."""
    ((seconds, uncertainty),) = rows(clocks)
    return abs(seconds - truth) <= uncertainty <= within


@pytest.mark.parametrize("behind", [0, 43, -43, 590, -590, 3 * 3600 + 5, -7 * 3600])
def test_moves_there_and_back_bound_the_offset(behind):
    """A group that went and came back bounds the offset to the seconds it was on its way, hours off even."""
    scene = Scene(behind)
    scene.move(20_000, "A", "B")
    scene.move(50_000, "B", "A")
    assert holds(scene.clocks(), behind, 4.5)


def test_one_move_bounds_one_side_only():
    """After a single move nothing says that B's clock is not further ahead: no row, and the moment says so."""
    scene = Scene(100)
    scene.move(20_000, "A", "B")
    scene.say("B", 50_000, Claim.UP)
    clocks = scene.clocks()
    (span,) = (span for span in clocks.spans if span.node == "B")
    assert (span.low, span.high) != (None, None)
    assert clocks.offsets() == ()
    assert not clocks.moment("B", scene.raw("B", 1000)).bounded


def test_no_evidence_at_all():
    """Evidence of nothing makes clocks of nothing."""
    clocks = estimate(Evidence([], [], [], [], {}, ()), [])
    assert (clocks.spans, clocks.offsets()) == ((), ())


def test_copies_in_both_directions_bound_the_offset():
    """A copy was there before the receiver's next own record: both ways that is both sides."""
    scene = Scene(43)
    scene.copy(1000, "A", 6)
    scene.copy(3000, "B", 4)
    assert holds(scene.clocks(), 43, 8)


def test_a_logged_difference_has_no_sign_until_something_gives_it():
    """1202 alone bounds the size; one move in the right place tells the direction."""
    alone = Scene(100)
    alone.say("B", 50, Claim.TIME_DIFFERENCE, strings=("B", "A", str(100 * SECOND)))
    assert rows(alone.clocks()) == [(0.0, 102.0)]
    told = Scene(100)
    told.say("B", 50, Claim.TIME_DIFFERENCE, strings=("b.contoso.local", "A", str(100 * SECOND)))
    told.move(20_000, "A", "B")
    told.say("A", 90_000, Claim.UP)
    assert holds(told.clocks(), 100, 2)


def test_a_logged_difference_that_cannot_be_is_overruled():
    """A difference that all moves exclude changes nothing, and is said to be overruled."""
    scene = Scene(43)
    scene.move(20_000, "A", "B")
    scene.move(50_000, "B", "A")
    before = rows(scene.clocks())
    scene.say("B", 60_000, Claim.TIME_DIFFERENCE, strings=("B", "A", "not a number"))
    assert rows(scene.clocks()) == before
    scene.say("B", 60_001, Claim.TIME_DIFFERENCE, strings=("B", "A", str(900 * SECOND)))
    clocks = scene.clocks()
    assert clocks.overruled or len(clocks.spans) > 2


def test_a_stray_entry_changes_nothing():
    """A lying entry in the middle of what the other node held for hours is overruled and named."""
    scene = Scene(43)
    scene.say("A", 10, Claim.GROUP_COMING_ONLINE, "CMS1")
    scene.say("A", 20, Claim.GROUP_ONLINE, "CMS1")
    scene.say("B", 10_000, Claim.GROUP_ONLINE, "CMS1")
    scene.move(20_000, "A", "B")
    scene.move(50_000, "B", "A")
    clocks = scene.clocks()
    assert holds(clocks, 43, 4.5)
    assert any("CMS1" in sentence for sentence in clocks.overruled)


def test_a_hole_in_the_log_proves_no_holding():
    """Between two entries around lost records a group may have been anywhere: nothing is concluded from it."""
    scene = Scene(0)
    scene.say("A", 10, Claim.GROUP_ONLINE, "CMS1")
    scene.numbers["A"] += 500
    scene.say("A", 40_000, Claim.GROUP_OFFLINE, "CMS1")
    scene.say("B", 20_000, Claim.GROUP_COMING_ONLINE, "CMS1")
    scene.say("B", 20_010, Claim.GROUP_ONLINE, "CMS1")
    scene.say("B", 20_100, Claim.GROUP_OFFLINE, "CMS1")
    evidence = scene.evidence
    whole = [run for run in evidence.runs if run.log[0] == "B"]
    parts = [Run(("A", SYSTEM), 101, 102, scene.raw("A", 0), scene.raw("A", 10))]
    parts.append(Run(("A", SYSTEM), 603, 603, scene.raw("A", 40_000), scene.raw("A", 40_000)))
    clocks = estimate(evidence._replace(runs=[*parts, *whole]), ["CMS1"])
    assert clocks.overruled == ()


def test_a_clock_set_back_shows_as_a_fall():
    """Records before and after a fall have offsets of their own, placed by number where a time was shown twice."""
    scene = Scene(0)
    scene.move(10_000, "A", "B")
    scene.move(20_000, "B", "A")
    last = scene.say("B", 30_000, Claim.UP)
    scene.behind["B"] = 600
    first = scene.say("B", 30_010, Claim.UP)
    scene.move(40_000, "A", "B")
    scene.move(50_000, "B", "A")
    clocks = scene.clocks()
    found = rows(clocks)
    assert [abs(seconds - truth) <= uncertainty <= 5 for (seconds, uncertainty), truth in zip(
        found, (0, 600), strict=True)] == [True, True]  # fmt: skip
    assert clocks.span_of("B", last.raw, last.log, last.number).offset < 300 * SECOND
    assert clocks.span_of("B", first.raw, first.log, first.number).offset > 300 * SECOND


def test_a_logged_step_carries_the_offset_over():
    """Where the event gives both times, bounds on one side of a step hold on the other, give or take a second."""
    scene = Scene(0)
    scene.move(10_000, "A", "B")
    scene.move(20_000, "B", "A")
    old = "2008-01-10T12:00:35.000000Z"
    before = scene.raw("B", 30_000)
    scene.behind["B"] = -300
    after = scene.raw("B", 30_000)
    scene.say("B", 30_000, Claim.TIME_CHANGE, strings=(iso(after), iso(before)))
    scene.say("B", 31_000, Claim.TIME_CHANGE, strings=(old, "no time"))
    scene.say("B", 60_000, Claim.UP)
    found = rows(scene.clocks())
    assert [round(seconds / 300) for seconds, _ in found] == [0, -1]
    assert max(uncertainty for _, uncertainty in found) <= 6


def test_a_step_without_a_record_is_found():
    """Bounds that agree before some time and after it, and not with each other, cut the clock there."""
    scene = Scene(0)
    for hour in range(1, 9, 2):
        scene.move(hour * 3600, "A", "B")
        scene.move(hour * 3600 + 3600, "B", "A")
    scene.behind["B"] = -400
    for hour in range(11, 19, 2):
        scene.move(hour * 3600, "A", "B")
        scene.move(hour * 3600 + 3600, "B", "A")
    clocks = scene.clocks()
    found = rows(clocks)
    assert abs(found[0][0]) <= found[0][1] <= 5
    assert abs(found[-1][0] + 400) <= found[-1][1] <= 5
    middle = clocks.moment("B", scene.raw("B", 36_000) + 1)
    assert middle.low <= START + 36_000 * SECOND + 1 <= middle.high + 400 * SECOND


def test_many_falls_of_one_log_are_no_steps():
    """A log merged of several falls hundreds of times: its node's clock is not cut."""
    scene = Scene(43)
    scene.move(20_000, "A", "B")
    scene.move(50_000, "B", "A")
    log = ("B", "Application")
    falls = [Fall(log, n, n + 1, START + n * MINUTE + HOUR, START + n * MINUTE) for n in range(300)]
    evidence = scene.evidence
    clocks = estimate(evidence._replace(falls=falls), ["CMS1"])
    assert len(clocks.spans) == 2
    assert holds(clocks, 43, 4.5)


def test_bounds_from_elsewhere_count():
    """Bounds that a caller gives narrow what the logs leave open."""
    scene = Scene(43)
    scene.move(20_000, "A", "B")
    scene.say("B", 60_000, Claim.UP)
    cause = Place("B", scene.raw("B", 25_000), None, None, None, SECOND)
    effect = Place("A", scene.raw("A", 25_002), None, None, None, SECOND)
    assert rows(scene.clocks()) == []
    assert holds(scene.clocks([Bound(cause, effect, Strength.STRONG, "a file was copied")]), 43, 4)


def test_weak_bounds_fill_an_open_side_only():
    """The first claim of a passive node closes the side that moves leave open, and widens or narrows no other."""
    scene = Scene(43)
    scene.move(20_000, "A", "B")
    scene.say("A", 20_030, Claim.FORCED_SYNC)
    scene.say("B", 60_000, Claim.UP)
    assert holds(scene.clocks(), 43, 15)
    scene.move(80_000, "B", "A")
    both = rows(scene.clocks())
    scene.say("A", 79_000, Claim.FORCED_SYNC)
    assert rows(scene.clocks()) == both


def iso(raw):
    """FILETIME as the case writes it."""
    return iso_utc(raw)
