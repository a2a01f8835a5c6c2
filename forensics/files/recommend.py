"""Which backup set to restore from: the one that was current on the active node last before the first loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forensics.files.model import BackupSet, Finding, Version
    from forensics.files.story import Story
    from forensics.files.world import World


def recommended(
    sets: Sequence[BackupSet], stories: Sequence[Story], losses: Sequence[Finding], world: World
) -> str | None:
    """The id of the recommended set; None without a loss that is still in place, or without a set that fits.

    Complete and readable sets count, by the last moment before the first loss at which the active node held exactly
    their contents; of equal ones the earliest made.

    Args:
        sets: all of them.
        stories: every file played through.
        losses: those still in place, without divergences.
        world: who was active when.
    """
    if not losses:
        return None
    first = min(one.earliest for one in losses)
    lines = {story.name: _spans(_active_line(story, world)) for story in stories}
    best: tuple[int, int, str] | None = None
    for one in sets:
        if one.undo or not one.complete or not all(file.readable and not file.set_apart for file in one.files.values()):
            continue
        moment = _current(one, lines, first)
        if moment is None:
            continue
        made = world.when(one.node, one.made).time if one.made is not None else first
        key = (-moment, made, one.id)
        if best is None or key < best:
            best = key
    return best[2] if best is not None else None


def _active_line(story: Story, world: World) -> list[tuple[int, int, Version | None]]:
    """What the active node held of a file: (start, end, version), by time."""
    changes = sorted(story.course.changes, key=lambda change: change.low)
    edges = sorted(
        {change.low for change in changes}
        | {edge for one in world.history.intervals for edge in (one.start, one.end)}
        | {save.when.time for save in story.saves}
    )
    held: dict[str, Version | None] = {}
    found: list[tuple[int, int, Version | None]] = []
    at = 0
    last: str | None = None
    for start, end in zip(edges, [*edges[1:], edges[-1] + 1] if edges else [], strict=True):
        while at < len(changes) and changes[at].low <= start:
            held[changes[at].node] = changes[at].new
            at += 1
        # While the group is on its way the contents of the node that had it are current.
        last = world.active((start + end) // 2) or last
        version = held.get(last) if last is not None else None
        if found and found[-1][2] == version:
            found[-1] = found[-1][0], end, version
        else:
            found.append((start, end, version))
    return found


def _spans(line: Sequence[tuple[int, int, Version | None]]) -> dict[str, list[tuple[int, int]]]:
    """By hash when the active node held it, by time."""
    found: dict[str, list[tuple[int, int]]] = {}
    for start, end, version in line:
        if version is not None and version.sha256 is not None:
            found.setdefault(version.sha256, []).append((start, end))
    return found


def _current(one: BackupSet, lines: Mapping[str, Mapping[str, Sequence[tuple[int, int]]]], first: int) -> int | None:
    """The last moment up to the first loss at which the active node held all contents of a set; None: never."""
    spans: list[tuple[int, int]] | None = None
    for name, file in one.files.items():
        held = lines.get(name, {}).get(file.version.sha256 or "", ())
        own = [(start, min(end, first)) for start, end in held if start < first]
        spans = own if spans is None else _both(spans, own)
        if not spans:
            return None
    return max(end for _, end in spans) if spans else None


def _both(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The time that is in both, each by time."""
    found = []
    at = other = 0
    while at < len(some) and other < len(others):
        start, end = max(some[at][0], others[other][0]), min(some[at][1], others[other][1])
        if start < end:
            found.append((start, end))
        if some[at][1] <= others[other][1]:
            at += 1
        else:
            other += 1
    return found
