"""What the histories of all groups rest on, looked at once: logs, signs of life, and how well times are known."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

from forensics.claims import GROUP_CLAIMS, Claim
from forensics.roles.coverage import LogCover
from forensics.roles.presence import STARTS
from forensics.roles.signs import sharp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forensics.observations import Evidence, Observation
    from forensics.roles.signs import Times

_SILENT = STARTS | {Claim.UNEXPECTED_SHUTDOWN}


class Ground:
    """Evidence and clocks, prepared for any number of groups.

    Attributes:
        nodes: names, sorted.
        cover: where logs are whole.
        spans: by node its first and its last record on the common time line.
        life: by node the moments at which it logged something that the catalogue knows, but for its starts, sorted.
    """

    def __init__(self, evidence: Evidence, times: Times) -> None:
        self.nodes = tuple(sorted(evidence.nodes))
        self.cover = LogCover(evidence, times)
        self._times = times
        self._by_group: dict[str, list[Observation]] = defaultdict(list)
        self._of_all: list[Observation] = []
        self._blurred: set[int] = set()
        self.life: dict[str, list[int]] = {node: [] for node in self.nodes}
        for one in evidence.observations:
            if one.claim in GROUP_CLAIMS:
                self._by_group[(one.object or "").casefold()].append(one)
            else:
                self._of_all.append(one)
            time = self._noted(one.node, one.raw, one.log, one.number)
            if one.claim not in _SILENT and one.node in self.life:
                self.life[one.node].append(time)
        for moments in self.life.values():
            moments.sort()
        for run in evidence.runs:
            self._noted(run.log[0], run.start, run.log, run.first)
            self._noted(run.log[0], run.end, run.log, run.last)
        self.spans = {
            node: (self._noted(node, first), self._noted(node, last))
            for node, (first, last) in sorted(evidence.nodes.items())
        }

    def _noted(self, node: str, raw: int, log: tuple[str, str] | None = None, number: int | None = None) -> int:
        when = self._times.moment(node, raw, log, number)
        if not sharp(when):
            self._blurred.add(when.time)
        return when.time

    def observations(self, group: str | None) -> Iterable[Observation]:
        """Those that name a group, compared without case, and those that name none."""
        named = self._by_group.get(group.casefold(), []) if group is not None else []
        return chain(self._of_all, named)

    def shown_sharply(self, time: int) -> bool:
        """Whether it is known to two minutes what the reference's clock showed at a moment of the common time line."""
        return not self.nodes or sharp(self._times.moment(self.nodes[0], self._times.shown(time)))

    def sharp(self, edge: int) -> bool:
        """Whether it is known to two minutes when an edge was, by the clock that recorded it and by the reference's."""
        return edge not in self._blurred and self.shown_sharply(edge)
