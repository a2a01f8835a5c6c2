"""Sets of moments as sorted lists of (start, end) that do not touch: the arithmetic of coverage and knowledge."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

Span = tuple[int, int]

_BEYOND: Final = 1 << 70


def union(spans: Iterable[Span]) -> list[Span]:
    """All moments of `spans`, in any order; what ends before it starts is left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] <= span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def within(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """What of `spans` lies between two moments."""
    return [(max(a, start), min(b, end)) for a, b in spans if max(a, start) <= min(b, end)]


def part(spans: list[Span], start: int, end: int) -> list[Span]:
    """What of a sorted union lies between two moments: as `within`, without a look at what is far away."""
    return within(_near(spans, start, end), start, end)


def overlaps(spans: list[Span], start: int, end: int) -> bool:
    """Whether a span of a sorted union has more than a moment in common with the time between two moments."""
    return any(low < end and start < high for low, high in _near(spans, start, end))


def _near(spans: list[Span], start: int, end: int) -> list[Span]:
    """The spans of a sorted union that can have anything in common with the time between two moments."""
    return spans[max(0, bisect_right(spans, (start, start)) - 1) : bisect_right(spans, (end, _BEYOND))]


def without(spans: Iterable[Span], holes: list[Span]) -> list[Span]:
    """What of `spans` lies in none of `holes`, both sorted unions."""
    found = []
    for start, end in spans:
        at = start
        for low, high in _near(holes, start, end):
            if low >= end:
                break
            if low > at:
                found.append((at, low))
            at = max(at, high)
        if at < end:
            found.append((at, end))
    return found


def span_at(spans: list[Span], moment: int) -> Span | None:
    """The span of a sorted union that holds a moment."""
    at = bisect_right(spans, (moment, _BEYOND)) - 1
    return spans[at] if at >= 0 and spans[at][0] <= moment <= spans[at][1] else None


def covers(spans: list[Span], start: int, end: int) -> bool:
    """Whether one span of a sorted union holds both moments and all between them."""
    found = span_at(spans, start)
    return found is not None and end <= found[1]
