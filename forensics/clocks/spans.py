"""Where each clock was stepped: a node's time line cut into stretches with one offset each."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from functools import cmp_to_key
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.clocks.bounds import Bound, Place, Strength, place_of, resolution_of
from forensics.clocks.model import ASSUMED_LIMIT
from forensics.clocks.timeline import ALWAYS
from parsers.times import TICKS_PER_SECOND, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.observations import Evidence, Fall, Observation, Run

CORRECTION: Final = TICKS_PER_SECOND
"""A change by less is a time service at work, not a step."""

_UNSUPPORTED_MAX: Final = 8
"""More falls than these in one log, which nothing else supports, are a log merged of several, not a clock."""

_FALLS_MAX: Final = 64
_STEPS_MAX: Final = 64
"""So many steps of one clock are told apart: the largest."""

_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*Z?", re.ASCII)


_MOMENTS_MAX: Final = 12
"""More settings of a clock than these, of which the size is not logged, are a time service at work."""

_SAME_MOMENT: Final = 60 * TICKS_PER_SECOND


class Step(NamedTuple):
    """A clock set anew.

    Attributes:
        old, new: what it showed last before and first after; by an event that gives both (`exact`), else the times of
            the records on both sides.
        exact: whether an event gives both.
        starts: for each log (owner, name) in which it shows the number of the first record after it.
        events: ids of the events that tell it.
        between: the clock was stepped somewhere between `old` and `new`, no record says when.
    """

    old: int
    new: int
    exact: bool
    starts: dict[tuple[str, str], int]
    events: tuple[int, ...] = ()
    between: bool = False


class Stretch(NamedTuple):
    """One clock between two steps.

    Attributes:
        node: whose.
        first, last: raw times of its first and last known event.
        earliest, latest: raw times which an event in it can have that no record number places.
        starts: as in `ClockSpan`.
        rough: ticks to add for the clock of the node's longest stretch, where steps are taken at their least size.
        between: the clock was stepped somewhere in it: its offset is that before or that after.
    """

    node: str
    first: int
    last: int
    earliest: int
    latest: int
    starts: Mapping[tuple[str, str], int]
    rough: int
    between: bool


def recorded_steps(evidence: Evidence, seen: Sequence[Observation]) -> dict[str, list[Step]]:
    """Steps that the logs show, for each node, in order."""
    exact: dict[str, list[Step]] = defaultdict(list)
    anew = _numbered_anew(evidence)
    for one in seen:
        if one.claim is Claim.TIME_CHANGE and (times := change_of(one)) is not None:
            new, old = times
            if abs(new - old) < CORRECTION:
                continue
            starts = {}
            if one.number is not None and one.log not in anew:
                # The entry is written after the change, unless its own time says otherwise.
                is_before = abs(one.raw - old) < abs(one.raw - new)
                starts[one.log] = one.number + is_before
            exact[one.node].append(Step(old, new, exact=True, starts=starts, events=(one.event,)))
    falls: dict[str, list[Fall]] = defaultdict(list)
    for fall in sorted(set(evidence.falls)):
        if fall.log[0] in evidence.nodes and fall.log not in anew:
            falls[fall.log[0]].append(fall)
    said = hints(seen)
    return {
        node: _in_order(_with_moments(_merge(exact[node], falls[node]), said.get(node, ()))) for node in evidence.nodes
    }


def _with_moments(steps: list[Step], moments: Sequence[Place]) -> list[Step]:
    """The steps, and those of which only the moment is logged: how far the clock was set is not known.

    A clock that a service sets many times is not cut to pieces: what its log says is then only used where bounds part.
    """
    found = list(steps)
    if len(moments) > _MOMENTS_MAX:
        return found
    for place in sorted(moments, key=lambda place: (place.raw, place.log or ("", ""), place.number or 0)):
        starts = {place.log: place.number} if place.log is not None and place.number is not None else {}
        home = next((step for step in found if _is_at(place.raw, step)), None)
        if home is None:
            events = () if place.event is None else (place.event,)
            found.append(Step(place.raw, place.raw, exact=False, starts=starts, events=events))
        elif not home.exact:
            _note(home, starts)
    return found


def _is_at(raw: int, step: Step) -> bool:
    low, high = min(step.old, step.new), max(step.old, step.new)
    return low - _SAME_MOMENT <= raw <= high + _SAME_MOMENT


def _numbered_anew(evidence: Evidence) -> set[tuple[str, str]]:
    """Logs that were cleared, so that their numbers do not give the order of all their records."""
    lines: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in sorted(set(evidence.runs)):
        lines[run.log].append(run)
    return {
        log
        for log, runs in lines.items()
        for before, after in pairwise(runs)
        if after.first <= before.last or after.start < before.start - 2 * ASSUMED_LIMIT
    }


def change_of(seen: Observation) -> tuple[int, int] | None:
    """(new, old) time of an event that gives both as its first strings; None for others."""
    if len(seen.strings) < 2:
        return None
    new, old = _filetime(seen.strings[0]), _filetime(seen.strings[1])
    return None if new is None or old is None else (new, old)


def _filetime(text: str | None) -> int | None:
    found = _ISO.fullmatch((text or "").strip()[:64])
    if found is None:
        return None
    *whole, fraction = found.groups()
    try:
        moment = datetime(*(int(part) for part in whole), tzinfo=UTC)  # type: ignore[arg-type, misc]
        return filetime_from_datetime(moment) + int((fraction or "").ljust(7, "0")[:7])
    except ValueError:
        return None


def _merge(exact: list[Step], falls: list[Fall]) -> list[Step]:
    """Steps of one node: what several logs show of one step is one step."""
    steps: list[Step] = []
    for step in sorted(exact, key=lambda step: (step.old, step.new, sorted(step.starts.items()), step.events)):
        twin = next((s for s in steps if abs(s.old - step.old) + abs(s.new - step.new) < CORRECTION), None)
        if twin is None:
            steps.append(step._replace(starts=dict(step.starts)))
        else:
            _note(twin, step.starts)
    steps = sorted(steps, key=lambda step: -abs(step.new - step.old))[:_STEPS_MAX]
    alone: list[Fall] = []
    for fall in falls:
        home = next((step for step in steps if _shows(fall, step)), None)
        if home is None:
            alone.append(fall)
        else:
            _note(home, {fall.log: fall.after})
    return steps + _falls_alone(alone)


def _shows(fall: Fall, step: Step) -> bool:
    return fall.to_raw >= step.new - 2 * CORRECTION and fall.from_raw <= step.old + 2 * CORRECTION


def _note(step: Step, starts: Mapping[tuple[str, str], int]) -> None:
    for log, number in starts.items():
        step.starts[log] = min(number, step.starts.get(log, number))


def _falls_alone(falls: list[Fall]) -> list[Step]:
    """Steps that only falls of the time show. Falls of two logs that cover a common time are one step."""
    groups: list[list[Fall]] = []
    for fall in sorted(falls, key=lambda fall: (fall.to_raw, fall.from_raw, fall.log, fall.after)):
        home = next((g for g in groups if _is_same(fall, g)), None)
        if home is None:
            groups.append([fall])
        else:
            home.append(fall)
    count: dict[tuple[str, str], int] = defaultdict(int)
    for fall in falls:
        count[fall.log] += 1
    alone: dict[tuple[str, str], int] = defaultdict(int)
    for group in groups:
        if len(group) == 1:
            alone[group[0].log] += 1
    steps = []
    for group in groups:
        kept = [fall for fall in group if count[fall.log] <= _FALLS_MAX]
        if len(group) == 1:
            kept = [fall for fall in kept if alone[fall.log] <= _UNSUPPORTED_MAX]
        if kept:
            starts = {fall.log: fall.after for fall in kept}
            old, new = max(fall.from_raw for fall in kept), min(fall.to_raw for fall in kept)
            steps.append(Step(old, new, exact=False, starts=starts))
    return sorted(steps, key=lambda step: step.new - step.old)[:_STEPS_MAX]


def _is_same(fall: Fall, group: list[Fall]) -> bool:
    if any(other.log == fall.log for other in group):
        return False
    return max(f.to_raw for f in [*group, fall]) < min(f.from_raw for f in [*group, fall])


def _in_order(steps: list[Step]) -> list[Step]:
    """The order in which they happened: by record numbers where two show in one log, else by time."""

    def compare(one: Step, other: Step) -> int:
        for log in sorted(one.starts.keys() & other.starts.keys()):
            if one.starts[log] != other.starts[log]:
                return one.starts[log] - other.starts[log]
        return (one.old + one.new) - (other.old + other.new)

    return sorted(sorted(steps, key=lambda step: (step.old + step.new, step.old)), key=cmp_to_key(compare))


def cut(node: str, first: int, last: int, steps: Sequence[Step]) -> list[Stretch]:
    """The stretches of one node's clock, in the order in which it lived through them."""
    pieces: list[Stretch] = []
    begin, earliest, rough, starts = first, -ALWAYS, 0, dict[tuple[str, str], int]()
    for step in steps:
        slack = CORRECTION if step.exact else ASSUMED_LIMIT
        if step.between:
            pieces.append(Stretch(node, begin, step.old, earliest, step.old, starts, rough, between=False))
            pieces.append(Stretch(node, step.old, step.new, step.old + 1, step.new - 1, {}, rough, between=True))
            begin, earliest, starts = step.new, step.new, {}
            continue
        pieces.append(Stretch(node, begin, step.old, earliest, step.old + slack, starts, rough, between=False))
        begin, earliest, rough, starts = step.new, step.new - slack, rough + step.old - step.new, step.starts
    pieces.append(Stretch(node, begin, max(last, begin), earliest, ALWAYS, starts, rough, between=False))
    longest = max(pieces, key=lambda piece: (not piece.between, piece.last - piece.first))
    return [piece._replace(rough=piece.rough - longest.rough) for piece in pieces]


def step_bounds(node: str, steps: Iterable[Step], falls: Iterable[Fall]) -> list[Bound]:
    """What a node's own log proves of the sizes of its steps: neighbours by number follow each other."""
    found = []
    kept = {(log, number) for step in steps if not step.exact for log, number in step.starts.items()}
    for fall in falls:
        if fall.log[0] == node and (fall.log, fall.after) in kept:
            before = Place(node, fall.from_raw, fall.log, fall.before, None, resolution_of(fall.from_raw))
            after = Place(node, fall.to_raw, fall.log, fall.after, None, resolution_of(fall.to_raw))
            why = f"record {fall.after} of the log {fall.log[1]} of {node} follows record {fall.before}"
            found.append(Bound(before, after, Strength.PROOF, why, TICKS_PER_SECOND))
    return found


def hints(seen: Iterable[Observation]) -> dict[str, list[Place]]:
    """Events that say that a clock was set, and not by how much."""
    found: dict[str, list[Place]] = defaultdict(list)
    for one in seen:
        if one.claim is Claim.TIME_CHANGE and change_of(one) is None:
            found[one.node].append(place_of(one))
    return found
