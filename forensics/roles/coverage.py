"""What the logs would tell: stretches of the common time line in which a change of role could not go unlogged."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from forensics.claims import GROUP_CLAIMS, Claim
from forensics.roles.spans import Span, covers, span_at, union

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.observations import Evidence
    from forensics.roles.signs import Sign, Times

_STORE_CLAIMS = frozenset({Claim.ACTIVE, Claim.ACTIVE_ENDED})
_MACHINE_CLAIMS = frozenset({Claim.BOOT, Claim.SHUTDOWN})


class LogCover:
    """Where each log is whole, and which logs tell of a node's changes of role.

    A run of record numbers without a hole is whole; a log without numbers (an export as CSV) is taken as one run from
    its first to its last observation, and what rests on it is told by `numbered`.
    """

    def __init__(self, evidence: Evidence, times: Times) -> None:
        spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for run in evidence.runs:
            start = times.moment(run.log[0], run.start, run.log, run.first).time
            end = times.moment(run.log[0], run.end, run.log, run.last).time
            spans[run.log].append((min(start, end), max(start, end)))
        self.numbered = frozenset(spans)
        bare: dict[tuple[str, str], Span] = {}
        for one in evidence.observations:
            if one.log not in self.numbered:
                moment = times.moment(one.node, one.raw, one.log, one.number).time
                low, high = bare.get(one.log, (moment, moment))
                bare[one.log] = min(low, moment), max(high, moment)
        self._spans = {log: union(found) for log, found in spans.items()} | {log: [s] for log, s in bare.items()}
        self._cut = evidence.cut
        self._tails: dict[tuple[str, str], Span] = {}
        for log, found in self._spans.items():
            if log[0] in evidence.nodes and log not in evidence.cut:
                end = times.moment(log[0], evidence.nodes[log[0]][1]).time
                if found[-1][1] < end:
                    self._tails[log] = found[-1][1], end

    def is_cut(self, log: tuple[str, str]) -> bool:
        """Whether the end of a log is damaged or missing."""
        return log in self._cut

    def logs(self) -> list[tuple[str, str]]:
        """All logs of which anything is known, sorted."""
        return sorted(self._spans)

    def spans(self, log: tuple[str, str]) -> list[Span]:
        """Where a log is whole."""
        return self._spans.get(log, [])

    def tail(self, log: tuple[str, str]) -> Span | None:
        """The time from the last record of a log to the last of its node in any log.

        Nothing was written into the log in that time, if it was saved together with the others.
        """
        return self._tails.get(log)

    def run_at(self, log: tuple[str, str], moment: int) -> Span | None:
        """The whole stretch of a log around a moment."""
        return span_at(self.spans(log), moment)

    def whole(self, log: tuple[str, str], start: int, end: int) -> bool:
        """Whether nothing of a log is missing between two moments, its tail taken for whole."""
        tail = self._tails.get(log)
        return covers(
            self.spans(log), start, min(end, tail[0]) if tail and start <= tail[0] < end <= tail[1] else end
        ) or (tail is not None and tail[0] <= start and end <= tail[1])


class Telling:
    """Which logs tell of each node's changes in one group, and where they are whole.

    A node's own logs of the names in which the group's events stand (Server 2003: System; later the cluster's own log);
    where no group event is in the evidence, those in which the store's events stand; for a node whose own log is not
    there, the logs of others that hold copies of its entries.
    """

    def __init__(self, cover: LogCover, signs: Sequence[Sign], nodes: Sequence[str]) -> None:
        telling = GROUP_CLAIMS if any(sign.claim in GROUP_CLAIMS for sign in signs) else _STORE_CLAIMS
        names = {sign.observation.log[1] for sign in signs if sign.claim in telling}
        held: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for sign in signs:
            if sign.claim in telling:
                held[sign.node].add(sign.observation.log)
        available = cover.logs()
        self._cover = cover
        self._reliable = telling is GROUP_CLAIMS
        self.of: dict[str, list[tuple[str, str]]] = {
            node: [log for log in available if log[0] == node and log[1] in names] or sorted(held[node])
            for node in nodes
        }

        machine = {sign.observation.log[1] for sign in signs if sign.claim in _MACHINE_CLAIMS}
        self._machine = {node: [log for log in available if log[0] == node and log[1] in machine] for node in nodes}

    def watched(self, node: str) -> bool:
        """Whether the machine's own log is there without a hole: where a clock that is set shows, if anywhere."""
        return any(len(self._cover.spans(log)) == 1 and not self._cover.is_cut(log) for log in self._machine[node])

    def stops_told(self, node: str, start: int, end: int) -> bool:
        """Whether a log that tells of the node's stops and starts is whole between two moments."""
        return any(self._cover.whole(log, start, end) for log in self._machine[node])

    def told(self, node: str, start: int, end: int) -> bool:
        """Whether a log that tells of every change is whole between two moments; the store's events do not suffice."""
        return self._reliable and any(self._cover.whole(log, start, end) for log in self.of[node])

    def spans(self, node: str) -> list[Span]:
        """Where a log that tells of the node is whole."""
        return union(span for log in self.of[node] for span in self._cover.spans(log))
