"""Helpers for those who judge an analysis of files by a truth: which set is to be recommended, from the JSON alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from samples.incident.content import REPLICATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Held = tuple[str | None, ...]


def recommended(
    truth: Mapping[str, Any],
    readable: Callable[[str], bool] = lambda _path: True,
    losses: Iterable[Mapping[str, Any]] | None = None,
) -> str | None:
    """Location of the set to recommend, or None.

    Of the complete and readable sets it is the one that was current on the active node last before the first loss that
    is in place, of equal ones the earliest; none where nothing but divergences is in place.

    Args:
        truth: of an incident.
        readable: whether a path of the evidence is there with its content.
        losses: those in place; those of the truth of which any readable file has the content, unless given.
    """
    if losses is None:
        losses = [row for row in truth["losses"] if known(truth, row, readable) == row["lost"]["sha256"]]
    began = min((row["began"] for row in losses if row["kind"] != "divergence"), default=None)
    if began is None:
        return None
    current = _current_before(truth, began)
    fit = []
    for made in truth["backups"]:
        is_whole = set(made["paths"]) >= set(REPLICATED) and all(readable(path) for path in made["paths"].values())
        held: _Held = tuple(made["files"][name]["sha256"] if name in made["files"] else None for name in REPLICATED)
        if is_whole and held in current:
            fit.append((current[held], made["made"], made["location"]))
    if not fit:
        return None
    last = max(until for until, _, _ in fit)
    location: str = min((made, location) for until, made, location in fit if until == last)[1]
    return location


def known(truth: Mapping[str, Any], row: Mapping[str, Any], readable: Callable[[str], bool]) -> str | None:
    """Hash of the latest content on the way to what was lost that a readable file of the evidence has."""
    there = set()
    name = row["file"]
    for made in truth["backups"]:
        if name in made["files"] and readable(made["paths"][name]):
            there.add(made["files"][name]["sha256"])
    for node, states in truth["live"].items():
        if name in states and readable(f"{node}/Data/{name}"):
            there.add(states[name]["sha256"])
    return next((sha256 for sha256 in row["lineage"] if sha256 in there), None)


def _current_before(truth: Mapping[str, Any], began: str) -> dict[_Held, str]:
    """What the active node's files were before a moment, all five together, and until when they last were so."""
    spans = [(s["start"], s["end"], s["node"]) for s in truth["intervals"] if s["role"] == "active"]
    found: dict[_Held, str] = {}
    for start, end, node in spans:
        held = dict.fromkeys(REPLICATED)
        since = start
        for change in truth["history"]:
            if change["node"] != node or change["file"] not in held:
                continue
            if change["time"] >= min(end, began):
                break
            if change["time"] > since:
                _note(found, held, since, change["time"])
                since = change["time"]
            held[change["file"]] = change["state"] and change["state"]["sha256"]
        if since < began:
            _note(found, held, since, min(end, began))
    return found


def _note(found: dict[_Held, str], held: Mapping[str, str | None], since: str, until: str) -> None:
    key: _Held = tuple(held[name] for name in REPLICATED)
    if since < until:
        found[key] = max(found.get(key, ""), until)
