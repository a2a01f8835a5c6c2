"""Which of the vendor's guidelines (KB929081) an incident did not follow, from what really happened.

Only those that the simulation can break are here: G01, G02, G03, G05, G07, G08, G10, G11, G13, G14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from samples.incident.cluster import CYCLE
from samples.incident.operations import NOBODYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samples.incident.simulation import Simulation
    from samples.incident.world import Deed, Transition

BREAKABLE: Final = ("G01", "G02", "G03", "G05", "G07", "G08", "G10", "G11", "G13", "G14")
"""The guidelines that the truth speaks of."""


def violated(simulation: Simulation) -> list[str]:
    """The guidelines that were not followed, sorted."""
    return sorted({*_installing(simulation), *_removing(simulation), *_running(simulation)})


def _has(simulation: Simulation, node: str, time: int) -> bool:
    """Whether the product is on a node just before a moment."""
    there = False
    lost = [when for when, name in simulation.truth.lost_disks if name == node]
    for deed in simulation.truth.deeds:
        if deed.node == node and deed.time < time:
            there = deed.what == "install" and not any(deed.time < when < time for when in lost)
    return there


def _installing(simulation: Simulation) -> Iterator[str]:
    deeds = simulation.truth.deeds
    opening: Deed | None = None
    for deed in (deed for deed in deeds if deed.what == "install"):
        others = [node for node in simulation.nodes if node != deed.node]
        before = any(other.node == deed.node and other.time < deed.time for other in deeds)
        if deed.group == "offline":
            yield "G05"
        if not any(_has(simulation, node, deed.time) for node in others):
            opening = deed
            if deed.role == "passive":
                yield "G01"
        elif before and deed.role == "active":
            yield "G02"
        elif not before and opening is not None and deed.role == "active":
            yield "G01"


def _removing(simulation: Simulation) -> Iterator[str]:
    truth = simulation.truth
    removals = [deed for deed in truth.deeds if deed.what == "remove"]
    for removal in removals:
        installed = [deed for deed in truth.deeds if deed.node == removal.node and deed.time < removal.time]
        if installed and installed[-1].role != removal.role:
            yield "G08"
    if not removals:
        return
    first, last = removals[0], removals[-1]
    if first.role == "passive":
        yield "G07"
    whole = {deed.node for deed in removals} == set(simulation.nodes)
    end = last.time if whole else simulation.now
    moves = [move for move in _moves(simulation) if first.time < move.asked < end and move.kind == "quiet"]
    boots = [
        outage.booted for outage in truth.outages if outage.booted is not None and first.time < outage.booted < end
    ]
    if moves or boots:
        yield "G11"
    online = [again.online for again in truth.group_restarts if again.group == simulation.setting.cms]
    online += [move.online for move in _moves(simulation)]
    if whole and not any(time > last.time for time in online):
        yield "G10"


def _running(simulation: Simulation) -> Iterator[str]:
    saves = [made for made in simulation.truth.revisions if made.made_by not in NOBODYS]
    if any(made.role == "passive" for made in saves):
        yield "G13"
    for move in _moves(simulation):
        if _has(simulation, move.source, move.online) and not _has(simulation, move.target, move.online):
            yield "G03"
        if any(made.node == move.source and 0 <= move.asked - made.time <= CYCLE for made in saves):
            yield "G14"


def _moves(simulation: Simulation) -> list[Transition]:
    return [move for move in simulation.truth.transitions if move.group == simulation.setting.cms]
