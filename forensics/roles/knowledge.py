"""What is known of each node, and when: a role lasts as long as logs that would tell of its end are whole.

Silence is no evidence: where no log would tell, nothing is known, whatever was known before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final

from forensics.claims import GROUP_CLAIMS, PASSIVE_CLAIMS, Claim
from forensics.roles.signs import MAILBOX_CLAIMS
from forensics.roles.spans import Span, covers, part, span_at, union, within, without
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from forensics.roles.coverage import LogCover, Telling
    from forensics.roles.owner import Ownership
    from forensics.roles.presence import Absence
    from forensics.roles.signs import Sign

ALWAYS: Final = 1 << 62
# Within this the signs of one coming online or going offline follow each other.
_PASSAGE: Final = 120 * TICKS_PER_SECOND
_NEAR: Final = 4  # signs of one passage
_PASSING: Final = GROUP_CLAIMS | {Claim.ACTIVE, Claim.ACTIVE_ENDED}

# Which signs of a node prove its role just before them, and just behind them.
ACTIVE_BEFORE: Final = frozenset({Claim.GROUP_GOING_OFFLINE, Claim.GROUP_OFFLINE, Claim.ACTIVE_ENDED})
ACTIVE_BEHIND: Final = frozenset({Claim.GROUP_ONLINE, Claim.ACTIVE, Claim.GROUP_GOING_OFFLINE})
INACTIVE_BEFORE: Final = PASSIVE_CLAIMS | {Claim.GROUP_COMING_ONLINE, Claim.GROUP_ONLINE}
INACTIVE_BEHIND: Final = PASSIVE_CLAIMS | {
    Claim.GROUP_OFFLINE,
    Claim.GROUP_COMING_ONLINE,
    Claim.BOOT,
    Claim.JOINED,
    Claim.FORMED,
}


Stretch = tuple[int, int, bool, float]


@dataclass(frozen=True, slots=True)
class Tenure:
    """A stretch in which a node was the owner all the time, or was not, as the best explanation has it.

    Attributes:
        node, active: who, and which of the two.
        first, last: the signs on both sides: positions in the list of signs; `first` is -1 before the first sign, and
            `last` is their number behind the last one.
        start, end: their times; -ALWAYS and ALWAYS where there is none.
        anchors: signs of the node that prove it, in order.
        known: where it is known.
        bridged: the part of `known` in which the node's own logs have holes, and those of all others tell that nobody
            else took over; or in which they are silent up to the node's last record.
        margin: how much dearer the best explanation is that has it otherwise somewhere in the stretch.
        opening, closing: the same for its beginning and for its end.
        proofs: the anchors by time.
        margins: by stretch between two signs, in order, (start, end, whether it is within a passage, margin).
    """

    node: str
    active: bool
    first: int
    last: int
    start: int
    end: int
    anchors: tuple[Sign, ...]
    known: list[Span]
    bridged: list[Span]
    margin: float
    opening: float
    closing: float
    proofs: tuple[Sign, ...]
    margins: tuple[Stretch, ...]

    def margin_between(self, start: int, end: int) -> float:
        """How much dearer the best explanation is that has it otherwise somewhere between two moments."""
        first = bisect_right(self.margins, start, key=itemgetter(1))
        behind = bisect_left(self.margins, end, key=itemgetter(0))
        inside = self.margins[first:behind]
        lasting = [margin for _, _, passing, margin in inside if not passing]
        return min(lasting) if lasting else max((margin for *_, margin in inside), default=self.margin)


def tenures(
    signs: Sequence[Sign],
    nodes: Sequence[str],
    ownership: Ownership,
    logs: tuple[LogCover, Telling],
    absent: Mapping[str, Sequence[Absence]],
) -> dict[str, list[Tenure]]:
    """The tenures of each node, in order, with what is known of them."""
    cover, telling = logs
    found: dict[str, list[Tenure]] = {}
    barriers = {node: _barriers(absent[node]) for node in nodes}
    for number, node in enumerate(nodes, start=1):
        found[node] = list(_own(signs, node, number, ownership, (cover, telling), barriers[node]))
    for node in nodes:
        others = union(s for other in nodes if other != node for t in found[other] if t.active for s in t.known)
        told = telling.spans(node)
        found[node] = [t if t.active else _beside(t, others, told, barriers[node]) for t in found[node]]
    idle = {
        node: union(
            [s for t in found[node] if not t.active for s in t.known] + [(a.start, a.end) for a in absent[node]]
        )
        for node in nodes
    }
    for node in nodes:
        rest = [spans for other, spans in idle.items() if other != node]
        found[node] = [_bridge(t, rest) if t.active else t for t in found[node]]
    return found


def _own(
    signs: Sequence[Sign],
    node: str,
    number: int,
    ownership: Ownership,
    logs: tuple[LogCover, Telling],
    barriers: Sequence[int],
) -> Iterator[Tenure]:
    owners = ownership.owners
    for active, stretches in groupby(range(len(owners)), key=lambda at: owners[at] == number):
        block = list(stretches)
        first, last = block[0] - 1, block[-1]
        start = signs[first].time if first >= 0 else -ALWAYS
        end = signs[last].time if last < len(signs) else ALWAYS
        before, behind = (ACTIVE_BEFORE, ACTIVE_BEHIND) if active else (INACTIVE_BEFORE, INACTIVE_BEHIND)
        anchors = tuple(
            signs[at]
            for at in range(max(0, first), min(last, len(signs) - 1) + 1)
            if signs[at].node == node
            and ((at < last and signs[at].claim in behind) or (at > first and signs[at].claim in before))
        )
        known = union(
            s
            for anchor in anchors
            for s in within(_around(anchor, *logs), start if active else _held(anchor.time, start, barriers), end)
        )
        tails = within(_tails(known, node, *logs), start, end)
        margins = [ownership.margin(at, number, held=active) for at in block]
        lasting = [margin for at, margin in zip(block, margins, strict=True) if not _is_passage(signs, at)]
        yield Tenure(
            node=node,
            active=active,
            first=first,
            last=last,
            start=start,
            end=end,
            anchors=anchors,
            known=union([*known, *tails]),
            bridged=without(union(tails), known),
            margin=min(lasting, default=max(margins)),
            opening=_clearest(margins, [_is_passage(signs, at) for at in block]),
            closing=_clearest(margins[::-1], [_is_passage(signs, at) for at in reversed(block)]),
            proofs=tuple(sorted(anchors, key=attrgetter("time"))),
            margins=tuple(_stretches(signs, block, margins)),
        )


def _clearest(margins: Sequence[float], passing: Sequence[bool]) -> float:
    """How clear an edge is: the margin of the clearest stretch of the passage there, however many signs it has."""
    through = next((at for at, within_it in enumerate(passing) if not within_it), len(passing))
    return max(margins[: max(_NEAR, through + 1)])


def _barriers(absent: Sequence[Absence]) -> list[int]:
    """When a node went down without going offline first, sorted: what held behind tells nothing of before.

    A crash ends a role without a word in the node's own log, so that the log is whole proves nothing across it.
    """
    return sorted(absence.start for absence in absent if absence.signs[0].claim is not Claim.SHUTDOWN)


def _held(moment: int, start: int, barriers: Sequence[int]) -> int:
    """Since when what a node was not at a moment can be told by the silence of its log, at least from `start`."""
    at = bisect_left(barriers, moment)
    return max(start, barriers[at - 1]) if at else start


def _stretches(signs: Sequence[Sign], block: Sequence[int], margins: Sequence[float]) -> Iterator[Stretch]:
    """The stretches of a tenure with their margins, by times that do not fall."""
    start = end = -ALWAYS
    for at, margin in zip(block, margins, strict=True):
        start = max(start, signs[at - 1].time if at else -ALWAYS)
        end = max(end, start, signs[at].time if at < len(signs) else ALWAYS)
        yield start, end, _is_passage(signs, at), margin


def _is_passage(signs: Sequence[Sign], at: int) -> bool:
    """Whether a stretch lies within one coming online or going offline.

    In which of its seconds the role changed is no other explanation of the whole.
    """
    if not 0 < at < len(signs):
        return False
    left, right = signs[at - 1], signs[at]
    return right.time - left.time <= _PASSAGE and (left.claim in _PASSING or right.claim in _PASSING)


def _around(anchor: Sign, cover: LogCover, telling: Telling) -> list[Span]:
    """How far what a sign proves reaches: its own moment, and the whole stretch of the logs that would tell."""
    spans = [(anchor.time, anchor.time)]
    logs = list(telling.of[anchor.node])
    if anchor.claim in MAILBOX_CLAIMS:
        logs.append(anchor.observation.log)
    for log in logs:
        run = cover.run_at(log, anchor.time)
        if run is not None:
            spans.append(run)
    return spans


def _tails(known: list[Span], node: str, cover: LogCover, telling: Telling) -> list[Span]:
    """What is known up to the last record of a log that tells of it goes on in the log's silence behind it."""
    tails = [tail for log in telling.of[node] if (tail := cover.tail(log)) is not None]
    return [tail for tail in tails if span_at(known, tail[0])]


def _beside(tenure: Tenure, others: list[Span], told: list[Span], barriers: Sequence[int]) -> Tenure:
    """Another node is active: this one is not, and was not as long as its own log tells of no change."""
    spans = part(others, tenure.start, tenure.end)
    reach = [
        (_held(moment, max(run[0], tenure.start), barriers), min(run[1], tenure.end))
        for a, b in spans
        for moment in (a, b)
        if (run := span_at(told, moment)) is not None
    ]
    known = union([*tenure.known, *spans, *reach])
    return replace(tenure, known=known, bridged=without(tenure.bridged, union(spans)))


def _bridge(tenure: Tenure, idle: Sequence[list[Span]]) -> Tenure:
    """Between two moments at which it is known to be active, it was while every other node is known not to be."""
    if not tenure.known or not idle:
        return tenure
    holes = without([(tenure.known[0][0], tenure.known[-1][1])], tenure.known)
    holes = [hole for hole in holes if all(covers(spans, *hole) for spans in idle)]
    return replace(tenure, known=union([*tenure.known, *holes]), bridged=union([*tenure.bridged, *holes]))
