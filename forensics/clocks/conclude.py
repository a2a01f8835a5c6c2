"""The clocks as they are handed on: estimates, bounds, and what they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.clocks.model import ASSUMED_LIMIT, ClockSpan
from forensics.clocks.solve import Distances
from forensics.clocks.timeline import Clocks
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.clocks.solve import Edge
    from forensics.clocks.trial import Trial


_NARROW: Final = 120 * TICKS_PER_SECOND
_FITTED_MAX: Final = 64  # spans: clocks that were stepped all day long are estimated one by one


def conclude(trial: Trial) -> Clocks:
    """Clocks from bounds that do not contradict each other."""
    stretches = trial.stretches
    count = len(stretches)
    tables = {index: Distances(count, trial.edges, index) for index in trial.references}
    apart: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    for against, table in tables.items():
        for index in range(count):
            apart[index, against] = (table.least[index], table.most[index])
    _bridge(trial, apart)
    bounds = [_worth_stating(trial, index, *apart.get((index, trial.root), (None, None))) for index in range(count)]
    chosen = _estimates(trial, bounds)
    spans: list[ClockSpan] = []
    for index, stretch in enumerate(stretches):
        low, high = bounds[index]
        chains = [] if index == trial.root else _chains(trial, tables[trial.root], index)
        spans.append(
            ClockSpan(
                node=stretch.node,
                first=stretch.first,
                last=stretch.last,
                starts=stretch.starts,
                offset=chosen[index],
                low=low,
                high=high,
                pairs=_pairs(trial, index),
                evidence=tuple(sorted({ref for edge in chains for ref in edge.refs}, key=_by_id)),
                why=_why(trial, index, low, high, chains),
            )
        )
    reach = tuple((stretch.earliest, stretch.latest) for stretch in stretches)
    return Clocks(trial.reference, tuple(spans), reach, apart, tuple(sorted(trial.overruled)))


def _bridge(trial: Trial, apart: dict[tuple[int, int], tuple[int | None, int | None]]) -> None:
    """A stretch in which the clock was stepped somewhere has the offset before or that after."""
    for index, stretch in enumerate(trial.stretches):
        if not stretch.between:
            continue
        for against in trial.references:
            if against == index:
                continue
            sides = [apart[index - 1, against], apart[index + 1, against]]
            lows, highs = [low for low, _ in sides], [high for _, high in sides]
            apart[index, against] = (
                None if None in lows else min(low for low in lows if low is not None),
                None if None in highs else max(high for high in highs if high is not None),
            )
        if stretch.node == trial.reference:
            for other in range(len(trial.stretches)):
                sides = [apart[other, index - 1], apart[other, index + 1]]
                lows, highs = [low for low, _ in sides], [high for _, high in sides]
                apart[other, index] = (
                    None if None in lows else min(low for low in lows if low is not None),
                    None if None in highs else max(high for high in highs if high is not None),
                )


def _worth_stating(trial: Trial, index: int, low: int | None, high: int | None) -> tuple[int | None, int | None]:
    """Bounds without those that are looser than what is assumed of any clock: they bound nothing."""
    if low is None or high is None or high - low <= 2 * ASSUMED_LIMIT:
        return low, high
    guess = _nearest(trial, index, low, high)
    return (low if guess - low <= ASSUMED_LIMIT else None), (high if high - guess <= ASSUMED_LIMIT else None)


def _estimates(trial: Trial, bounds: Sequence[tuple[int | None, int | None]]) -> list[int]:
    """The best estimate of every offset, so that they fit together.

    Two spans may be known apart to seconds while both are known against the reference's main span to minutes only: the
    estimate of one then decides that of the other. The most narrowly bounded are settled first.
    """
    count = len(bounds)
    chosen: dict[int, int] = {trial.root: 0}
    limits: dict[int, tuple[int | None, int | None]] = dict(enumerate(bounds))
    last = trial.root
    while len(chosen) < count:
        if count <= _FITTED_MAX:
            table = Distances(count, trial.edges, last)
            for index in range(count):
                if index not in chosen and not trial.stretches[index].between:
                    limits[index] = _narrowed(limits[index], chosen[last], table.least[index], table.most[index])
        last = min(
            (index for index in range(count) if index not in chosen), key=lambda index: _width(limits[index], index)
        )
        chosen[last] = _middle(trial, last, *limits[last])
    return [chosen[index] for index in range(count)]


def _narrowed(
    known: tuple[int | None, int | None], base: int, least: int | None, most: int | None
) -> tuple[int | None, int | None]:
    low, high = known
    if least is not None:
        low = base + least if low is None else max(low, base + least)
    if most is not None:
        high = base + most if high is None else min(high, base + most)
    # Loosened for a contradiction: what was known before stays.
    return known if low is not None and high is not None and low > high else (low, high)


def _width(limits: tuple[int | None, int | None], index: int) -> tuple[bool, int, int]:
    low, high = limits
    return (low is None or high is None, 0 if low is None or high is None else high - low, index)


def _middle(trial: Trial, index: int, low: int | None, high: int | None) -> int:
    """The best estimate: the middle of narrow bounds, else where the moves fit best, or nearest to no difference.

    Between wide bounds the truth lies at one of several places, and hardly in the middle.
    """
    if low is not None and high is not None and high - low <= _NARROW:
        return (low + high) // 2
    return _nearest(trial, index, low, high)


def _nearest(trial: Trial, index: int, low: int | None, high: int | None) -> int:
    stretch = trial.stretches[index]
    guess = trial.centre[stretch.node] - trial.centre[trial.reference] + stretch.rough
    if low is not None:
        guess = max(low, guess)
    return guess if high is None else min(high, guess)


def _chains(trial: Trial, table: Distances, index: int) -> list[Edge]:
    indexes = (index - 1, index + 1) if trial.stretches[index].between else (index,)
    return [edge for span in indexes for highest in (True, False) for edge in table.chain(span, highest=highest)]


def _pairs(trial: Trial, index: int) -> int:
    indexes = {index - 1, index + 1} if trial.stretches[index].between else {index}
    found = {edge.refs for edge in trial.used if edge.crosses and (edge.upper in indexes or edge.lower in indexes)}
    return len(found)


def _by_id(reference: str) -> tuple[str, int]:
    kind, _, number = reference.partition(":")
    return kind, int(number) if number.isdigit() else 0


def _why(trial: Trial, index: int, low: int | None, high: int | None, chains: Sequence[Edge]) -> str:
    stretch = trial.stretches[index]
    if index == trial.root:
        return "The reference clock."
    reasons = list(dict.fromkeys(edge.why for edge in chains))
    because = f": {'; '.join(reasons[:4])}" if reasons else ""
    if stretch.between:
        return f"The clock of {stretch.node} was stepped somewhere in this time, and no record says when{because}."
    if low is None and high is None:
        return f"Nothing bounds the clock of {stretch.node} against that of {trial.reference}."
    if low is None or high is None:
        side = "below" if low is None else "above"
        return f"Nothing bounds the clock of {stretch.node} from {side}; from the other side{because}."
    return f"Bounded on both sides{because}."
