"""From evidence to clocks: where each was stepped, and how far it was off in between.

Everything is told from facts of one kind: this happened before that (`forensics.clocks.bounds`). docs/clocks.md says
which, why they are sound, and what is assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.clocks.bounds import Bound, own, sequel_bounds
from forensics.clocks.conclude import conclude
from forensics.clocks.spans import Step, hints, recorded_steps
from forensics.clocks.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forensics.clocks.bounds import Place
    from forensics.clocks.solve import Rift
    from forensics.clocks.spans import Stretch
    from forensics.clocks.timeline import Clocks
    from forensics.observations import Evidence

_HIDDEN_STEPS_MAX: Final = 12
"""So many steps without a record are looked for, in all."""


def estimate(evidence: Evidence, groups: Iterable[str], extra: Iterable[Bound] = ()) -> Clocks:
    """Clocks of all nodes of the evidence.

    Args:
        evidence: as gathered from a case; its order, and entries given twice, change nothing.
        groups: names of the cluster groups that count, compared without case: all of them, the well-known ones too.
        extra: further bounds.
    """
    seen = own(evidence.observations, evidence.nodes)
    steps = recorded_steps(evidence, seen)
    given = [*sequel_bounds(evidence), *extra]
    said = hints(seen)
    names = sorted(set(groups))
    for _ in range(_HIDDEN_STEPS_MAX):
        trial = Trial(evidence, seen, names, steps, given)
        rifts = trial.solve()
        if not rifts:
            break
        _cut_at(rifts[0], trial.stretches, steps, said)
    else:
        trial = Trial(evidence, seen, names, steps, given)
        trial.solve()
    return conclude(trial)


def _cut_at(
    rift: Rift, stretches: list[Stretch], steps: dict[str, list[Step]], said: Mapping[str, list[Place]]
) -> None:
    """Cut one of two clocks where their bounds part: the one whose own log says that it was set, else the later."""
    sides = sorted(zip((rift.one, rift.other), rift.times, strict=True), key=lambda side: stretches[side[0]].node)
    for span, (old, new) in sides:
        node = stretches[span].node
        inside = [place for place in said.get(node, ()) if old <= place.raw <= new]
        if inside:
            place = min(inside, key=lambda place: (place.raw, place.log or ("", ""), place.number or 0))
            starts = {place.log: place.number} if place.log is not None and place.number is not None else {}
            events = () if place.event is None else (place.event,)
            # The entry shows the clock after it was set; what it showed before is not known.
            _insert(steps[node], Step(place.raw, place.raw, exact=False, starts=starts, events=events), stretches, span)
            return
    span, (old, new) = sides[-1]
    _insert(steps[stretches[span].node], Step(old, new, exact=False, starts={}, between=True), stretches, span)


def _insert(line: list[Step], step: Step, stretches: list[Stretch], span: int) -> None:
    """Put a step into the stretch of a clock in which it was found."""
    first = next(index for index, stretch in enumerate(stretches) if stretch.node == stretches[span].node)
    # A step that lies somewhere in a stretch makes two boundaries.
    boundaries = [place for place, known in enumerate(line) for _ in range(1 + known.between)]
    crossed = boundaries[: span - first]
    line.insert(crossed[-1] + 1 if crossed else 0, step)
