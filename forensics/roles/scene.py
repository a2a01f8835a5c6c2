"""Everything that the conclusions on one group are put together from, and quick ways to look into it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from forensics.claims import PASSIVE_CLAIMS
from forensics.roles.confidence import MISFIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from forensics.roles.knowledge import Tenure
    from forensics.roles.model import Confidence
    from forensics.roles.presence import Absence
    from forensics.roles.signs import Sign
    from forensics.roles.spans import Span


@dataclass(slots=True)
class Scene:
    """One group's signs, and what is known by them.

    Attributes:
        signs, misfits: all signs in their order, and what each costs in the best explanation.
        tenures, absent: by node.
        contested: where more than one node claims to be active.
        stops_told: whether a log that tells of a node's stops and starts is whole between two moments.
        cap: the word that nothing of this group exceeds.
        passive: by node the signs of copying from an active node, by time.
    """

    signs: Sequence[Sign]
    misfits: Sequence[float]
    tenures: Mapping[str, Sequence[Tenure]]
    absent: Mapping[str, Sequence[Absence]]
    contested: Sequence[Span]
    stops_told: Callable[[str, int, int], bool]
    cap: Confidence
    passive: Mapping[str, list[Sign]] = field(init=False)
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

    def between(self, start: int, end: int) -> list[Sign]:
        """The signs from one moment to another, both included, by time."""
        return _between(self._by_time, start, end)

    def misfitting(self, start: int, end: int) -> list[Sign]:
        """Those of them that the best explanation does not believe."""
        return _between(self._misfitting, start, end)


def _between(signs: list[Sign], start: int, end: int) -> list[Sign]:
    when = attrgetter("time")
    return signs[bisect_left(signs, start, key=when) : bisect_right(signs, end, key=when)]
