"""The swimlane picture as geometry: every node a lane, time from left to right. Pure; the template draws it.

Lengths are units of the drawing. `a` and `b` are places in time as fractions of the span that is drawn, so that a
script can move what is drawn to another scale; `x` and `w` are where they lie without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.report.axis import Tick, ticks
from forensics.timeline import TimelineKind
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.roles.model import RoleHistory
    from forensics.timeline import TimelineRow

LEFT: Final = 150
RIGHT: Final = 1104
WIDTH: Final = 1120
PLOT: Final = RIGHT - LEFT
_TOP: Final = 50
_BAR: Final = 30
_TRACK: Final = 22
_LANE_GAP: Final = 26
_BOTTOM: Final = 8
# A bar is never narrower than can be seen; a restart of two minutes in a week must not vanish.
LEAST_BAR: Final = 2.0
# Marks that are nearer to each other than this are told as one, with their number.
NEAR: Final = 11.0
# A letter of a bar's label is about as wide.
_LETTER: Final = 7.0
_TRACKS: Final = (
    ("saved", ("saved", "installed", "rebuilt", "restored", "changed")),
    ("copied", ("copied",)),
    ("backed up", ("backup",)),
    ("lost", ()),
    ("logged", ()),
)
# Of rows that lie far outside of what the logs cover only those are drawn that lie within half of that span.
_OUTSIDE: Final = 0.5
BARS: Final = 200
"""So many bars of a node are drawn: the longest; the others would be thinner than a line."""
MOVES: Final = 100
"""So many moves are drawn: the first and the last."""


class Bar(NamedTuple):
    """A node in one role. `label` is "" where it would not fit."""

    ref: str
    node: str
    role: str
    confidence: str
    a: float
    b: float
    x: float
    w: float
    label: str
    start: int
    end: int
    why: str


class Mark(NamedTuple):
    """One thing that happened at a node; it was between `low` and `high`.

    `n` is how many lie here: of those that are told as one the first has it.
    """

    shape: str
    a: float
    low: float
    high: float
    x: float
    n: int
    row: TimelineRow
    number: str


class Track(NamedTuple):
    """The things of one kind on one node, in their order."""

    name: str
    y: float
    marks: tuple[Mark, ...]


class Lane(NamedTuple):
    """One node: its bar at `y`, its tracks below."""

    node: str
    clock: str
    y: float
    height: float
    bars: tuple[Bar, ...]
    tracks: tuple[Track, ...]


class Move(NamedTuple):
    """The group moved: from the lane's bar at `y1` to that at `y2`, at `x`; it was between `x1` and `x2`."""

    ref: str
    confidence: str
    a: float
    low: float
    high: float
    x: float
    x1: float
    x2: float
    y1: float
    y2: float
    top: float
    bottom: float
    source: str | None
    target: str | None
    time: int
    why: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn.

    Attributes:
        start, end: FILETIME at the left and the right edge of the plot.
        outside: how many of the rows lie so far outside that they are not drawn.
        bars_left, moves_left: how many short intervals, and how many moves, are not drawn because there are too many.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    start: int
    end: int
    bar: float
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]
    moves: tuple[Move, ...]
    outside: int
    bars_left: int
    moves_left: int


class _Scale(NamedTuple):
    start: int
    end: int

    def at(self, moment: int) -> float:
        return (moment - self.start) / (self.end - self.start)

    def holds(self, moment: int) -> bool:
        return self.start <= moment <= self.end


def picture(
    history: RoleHistory, rows: Sequence[TimelineRow], clocks: dict[str, str], span: tuple[int, int] | None = None
) -> Picture | None:
    """The picture of one group's history and of the rows that are told beside it; None where no node is known.

    Args:
        history: whose intervals and moves are drawn, all of them.
        rows: of the timeline; changes of files, backup sets, losses and events are drawn at their nodes.
        clocks: by node what is said of its clock.
        span: what to draw, FILETIME; None: all.
    """
    lanes_of = [node for node in history.nodes if node]
    if not lanes_of:
        return None
    scale = _scale(history, rows) if span is None else _Scale(*span)
    if scale is None:
        return None
    drawn = [row for row in rows if row.node in lanes_of and _track(row) is not None]
    within = [row for row in drawn if scale.holds(row.time)]
    names = [name for name, _ in _TRACKS if any(_track(row) == name for row in within)]
    height = _BAR + 10 + _TRACK * len(names)
    lanes = []
    bars_left = 0
    for number, node in enumerate(lanes_of):
        y = _TOP + number * (height + _LANE_GAP)
        tracks = tuple(
            Track(
                name,
                y + _BAR + 10 + _TRACK * (at + 0.5),
                _marks(name, (row for row in within if row.node == node and _track(row) == name), scale),
            )
            for at, name in enumerate(names)
        )
        bars = _bars(history, node, scale)
        bars_left += max(0, len(bars) - BARS)
        lanes.append(Lane(node, clocks.get(node, ""), y, height, bars[:BARS], tracks))
    bottom = lanes[-1].y + height
    moves = list(_moves(history, lanes, scale))
    drawn_moves = moves if len(moves) <= MOVES else [*moves[: MOVES // 2], *moves[-(MOVES // 2) :]]
    return Picture(
        width=WIDTH,
        height=bottom + _BOTTOM,
        left=LEFT,
        right=RIGHT,
        top=_TOP - 8,
        bottom=bottom,
        start=scale.start,
        end=scale.end,
        bar=_BAR,
        ticks=ticks(scale.start, scale.end, LEFT, RIGHT),
        lanes=tuple(lanes),
        moves=tuple(drawn_moves),
        outside=len(drawn) - len(within) if span is None else 0,
        bars_left=bars_left,
        moves_left=len(moves) - len(drawn_moves),
    )


def _scale(history: RoleHistory, rows: Sequence[TimelineRow]) -> _Scale | None:
    if history.intervals:
        start = min(one.start for one in history.intervals)
        end = max(one.end for one in history.intervals)
        slack = int((end - start) * _OUTSIDE)
        near = [row.time for row in rows if start - slack <= row.time <= end + slack and _track(row) is not None]
        start, end = min([start, *near]), max([end, *near])
    else:
        times = [row.time for row in rows if _track(row) is not None]
        if not times:
            return None
        start, end = min(times), max(times)
    return _Scale(start, max(end, start + TICKS_PER_SECOND))


def _track(row: TimelineRow) -> str | None:
    """The track that a row is drawn on; None for what is drawn otherwise, or not at all."""
    if row.kind is TimelineKind.OVERWRITE:
        return "lost"
    if row.kind is TimelineKind.EVENT or row.kind is TimelineKind.CLOCK_STEP:
        return "logged"
    return next((name for name, whats in _TRACKS if row.what in whats), None)


def _x(fraction: float) -> float:
    return LEFT + fraction * PLOT


def _bars(history: RoleHistory, node: str, scale: _Scale) -> tuple[Bar, ...]:
    found = []
    for one in history.intervals:
        if one.node != node or one.end < scale.start or one.start > scale.end:
            continue
        a, b = max(0.0, scale.at(one.start)), min(1.0, scale.at(one.end))
        width = max(LEAST_BAR, (b - a) * PLOT)
        x = min(_x(a), RIGHT - width)
        label = bar_label(one.role, one.confidence)
        fits = width > _LETTER * len(label) + 8
        if not fits:
            label = one.role if width > _LETTER * len(one.role) + 8 else ""
        found.append(Bar(one.id, node, one.role, one.confidence, a, b, x, width, label, one.start, one.end, one.why))
    # The longest first, so that the short ones lie above them.
    return tuple(sorted(found, key=lambda bar: (bar.start - bar.end, bar.start)))


def bar_label(role: str, confidence: str) -> str:
    """What stands in a bar: the role, and how sure it is where that is less than certain."""
    return role if confidence == "certain" or role == "unknown" else f"{role}, {confidence}"


def _marks(name: str, rows: Iterable[TimelineRow], scale: _Scale) -> tuple[Mark, ...]:
    ordered = sorted(rows, key=lambda row: row.time)
    places = [_x(scale.at(row.time)) for row in ordered]
    counts = clusters(places)
    return tuple(
        Mark(
            _shape(name, row),
            scale.at(row.time),
            *_reach(row, scale),
            x,
            n,
            row,
            _number(name, row),
        )
        for row, x, n in zip(ordered, places, counts, strict=True)
    )


def _reach(row: TimelineRow, scale: _Scale) -> tuple[float, float]:
    return max(0.0, scale.at(row.low)), min(1.0, scale.at(row.high))


def _number(name: str, row: TimelineRow) -> str:
    return row.references[0].partition(":")[2] if name == "lost" and row.references else ""


def clusters(places: Sequence[float]) -> list[int]:
    """For each place, from left to right, how many are told there: the first of those near it has their number."""
    counts = [0] * len(places)
    first = 0
    for at, x in enumerate(places):
        if x - places[first] > NEAR:
            first = at
        counts[first] += 1
    return counts


def _shape(name: str, row: TimelineRow) -> str:
    if name == "lost":
        return "mended" if row.detail.endswith("(Mended since.)") else "lost"
    if name == "saved":
        return "saved" if row.what == "saved" else "installed"
    return {"copied": "copied", "backed up": "backup", "logged": "logged"}[name]


def _moves(history: RoleHistory, lanes: Sequence[Lane], scale: _Scale) -> Iterable[Move]:
    by_node = {lane.node: lane for lane in lanes}
    for one in history.transitions:
        source, target = by_node.get(one.from_node or ""), by_node.get(one.to_node or "")
        ends = [lane for lane in (source, target) if lane is not None]
        if not ends or not scale.holds(one.time):
            continue
        a = scale.at(one.time)
        low, high = (min(1.0, max(0.0, scale.at(moment))) for moment in (one.earliest, one.latest))
        y1, y2 = ((source or ends[0]).y, (target or ends[0]).y)
        if y1 < y2:
            y1 += _BAR
        elif y1 > y2:
            y2 += _BAR
        yield Move(
            one.id, one.confidence, a, low, high, _x(a), _x(low), _x(high), y1, y2,
            min(lane.y for lane in ends), max(lane.y for lane in ends) + _BAR,
            one.from_node, one.to_node, one.time, one.why,
        )  # fmt: skip
