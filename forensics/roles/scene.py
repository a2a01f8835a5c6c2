"""Everything that the conclusions on one group are put together from, and quick ways to look into it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from forensics.claims import PASSIVE_CLAIMS
from forensics.roles.confidence import MISFIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from forensics.roles.knowledge import Tenure
    from forensics.roles.model import Confidence
    from forensics.roles.presence import Absence
    from forensics.roles.signs import Sign
    from forensics.roles.spans import Span


class Lasting(Protocol):
    """What has a beginning and an end."""

    @property
    def start(self) -> int:
        """When it begins."""
        ...

    @property
    def end(self) -> int:
        """When it ends."""
        ...


T = TypeVar("T", bound=Lasting)


class Line(Generic[T]):
    """Things that follow each other, found by time without a look at all of them.

    Their times may fall by as much as signs of one moment were put into another order.
    """

    def __init__(self, things: Sequence[T]) -> None:
        self.things = things
        self._ends = list(accumulate((thing.end for thing in things), max))
        self._starts = list(accumulate((thing.start for thing in reversed(things)), min))[::-1]

    def touching(self, start: int, end: int) -> Sequence[T]:
        """Those that have at least a moment in common with the time between two moments, in order."""
        near = self.things[bisect_left(self._ends, start) : bisect_right(self._starts, end)]
        return [thing for thing in near if thing.end >= start and thing.start <= end]

    def before(self, moment: int) -> T | None:
        """The last one of those that ended before a moment, or at it."""
        at = bisect_right(self._ends, moment)
        return self.things[at - 1] if at else None

    def behind(self, moment: int) -> T | None:
        """The first one of those that began behind a moment, or at it."""
        at = bisect_left(self._starts, moment)
        return self.things[at] if at < len(self.things) else None


@dataclass(slots=True)
class Scene:
    """One group's signs, and what is known by them.

    Attributes:
        signs, misfits: all signs in their order, and what each costs in the best explanation.
        tenures, absent: by node.
        contested: where more than one node claims to be active, a sorted union.
        stops_told: whether a log that tells of a node's stops and starts is whole between two moments.
        sharp: whether it is known to two minutes when an edge was, by the clock that recorded it and the reference's.
        shown_sharply: whether it is by the reference's.
        cap: the word that nothing of this group exceeds.
        passive: by node the signs of copying from an active node, by time.
        lines, terms, absences: by node its tenures, those in which it was active, and its absences.
    """

    signs: Sequence[Sign]
    misfits: Sequence[float]
    tenures: Mapping[str, Sequence[Tenure]]
    absent: Mapping[str, Sequence[Absence]]
    contested: list[Span]
    stops_told: Callable[[str, int, int], bool]
    sharp: Callable[[int], bool]
    shown_sharply: Callable[[int], bool]
    cap: Confidence
    passive: Mapping[str, list[Sign]] = field(init=False)
    lines: Mapping[str, Line[Tenure]] = field(init=False)
    terms: Mapping[str, Line[Tenure]] = field(init=False)
    absences: Mapping[str, Line[Absence]] = field(init=False)
    _by_time: list[Sign] = field(init=False)
    _misfitting: list[Sign] = field(init=False)

    def __post_init__(self) -> None:
        """Sort what is looked up by time."""
        when = attrgetter("time")
        self._by_time = sorted(self.signs, key=when)
        self._misfitting = sorted((s for s, c in zip(self.signs, self.misfits, strict=True) if c >= MISFIT), key=when)
        passive: dict[str, list[Sign]] = defaultdict(list)
        for sign in self._by_time:
            if sign.claim in PASSIVE_CLAIMS:
                passive[sign.node].append(sign)
        self.passive = passive
        self.lines = {node: Line(tenures) for node, tenures in self.tenures.items()}
        self.terms = {node: Line([t for t in tenures if t.active]) for node, tenures in self.tenures.items()}
        self.absences = {node: Line(absences) for node, absences in self.absent.items()}

    def between(self, start: int, end: int) -> Sequence[Sign]:
        """The signs from one moment to another, both included, by time."""
        return between(self._by_time, start, end)

    def first_passive(self, node: str, start: int, end: int) -> Sign | None:
        """The first sign strictly between two moments that a node copies from an active one."""
        own = self.passive.get(node, [])
        at = bisect_right(own, start, key=attrgetter("time"))
        return own[at] if at < len(own) and own[at].time < end else None

    def misfitting(self, start: int, end: int) -> Sequence[Sign]:
        """Those of them that the best explanation does not believe."""
        return between(self._misfitting, start, end)


def between(signs: Sequence[Sign], start: int, end: int) -> Sequence[Sign]:
    """Of signs sorted by time those from one moment to another, both included."""
    when = attrgetter("time")
    return signs[bisect_left(signs, start, key=when) : bisect_right(signs, end, key=when)]
