"""Clocks of nodes, in spans between two steps, each with its offset and how far that may be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

ASSUMED_LIMIT: Final = 15 * 60 * TICKS_PER_SECOND
"""How far a clock is taken to be off, at most, where nothing bounds it. What rests on it is never certain."""


class Moment(NamedTuple):
    """A recorded time on the common time line, in FILETIME ticks.

    Attributes:
        time: the best estimate.
        low, high: it was not before and not after; `high` includes the resolution of the recorded time.
        bounded: False where `low` or `high` rests on `ASSUMED_LIMIT`.
    """

    time: int
    low: int
    high: int
    bounded: bool = True


@dataclass(frozen=True, slots=True)
class ClockSpan:
    """One node's clock between two steps. What is added to its times gives the common time line.

    Attributes:
        node: whose.
        first, last: raw FILETIME of the node's first and last event in the span.
        starts: for each log (owner, name) the number of the first record that is known to lie in this span; the first
            span of a node has none.
        offset: ticks to add, best estimate.
        low, high: the offset is not less and not more; None where nothing bounds it on that side.
        pairs: how many pairs of events bear on it.
        evidence: references of those that bound it most tightly.
        why: one sentence on what it rests on.
    """

    node: str
    first: int
    last: int
    starts: Mapping[tuple[str, str], int]
    offset: int
    low: int | None
    high: int | None
    pairs: int
    evidence: tuple[str, ...]
    why: str

    @property
    def bounded(self) -> bool:
        """Whether the offset is bounded on both sides."""
        return self.low is not None and self.high is not None
