"""Helpers for those who judge an analysis by a truth: its clocks, from the JSON values alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from samples.incident.clock import TICKS, NodeClock, exact, ticks

if TYPE_CHECKING:
    from collections.abc import Mapping


def clock_of(truth: Mapping[str, Any], node: str) -> NodeClock:
    """A node's clock; KeyError for a node that there is not."""
    found = next((told for told in truth["nodes"] if told["name"] == node), None)
    if found is None:
        raise KeyError(node)
    first, *steps = found["clock"]
    clock = NodeClock(_offset(first), found["drift_ppm"], ticks(truth["start"]))
    for step in steps:
        clock.step(ticks(step["since"]), _offset(step))
    return clock


def _offset(told: Mapping[str, Any]) -> int:
    seconds: float = told["offset_seconds"]
    return round(seconds * TICKS)


def shown(truth: Mapping[str, Any], node: str, time: str) -> str:
    """What a node's clock shows at a true time; both ISO 8601."""
    return exact(clock_of(truth, node).read(ticks(time)))


def on_reference(truth: Mapping[str, Any], time: str) -> str:
    """What the clock of the first node by name shows at a true time: derived times are on that clock."""
    return shown(truth, min(told["name"] for told in truth["nodes"]), time)
