"""When backup sets were made, and after what: by stamp, folder, or the one event that fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from forensics.files.names import DAY
from forensics.files.sets import ROUNDED
from forensics.files.triggers import Tie, fitting, ties

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.files.scene import Scene
    from forensics.files.sets import Draft
    from forensics.files.triggers import Occasion

# Evidence is copied after its logs end. A folder that was changed later than this was made by whoever copied it.
_COPIED_AFTER: Final = 3600 * 10_000_000


def date(drafts: Sequence[Draft], scene: Scene, node: str) -> None:
    """Give the sets of one node their times and occasions."""
    occasions = list(scene.occasions.get(node, ()))
    by_folder = _folder_times(drafts, scene, node)
    for at, draft in enumerate(drafts):
        _by_name(draft, by_folder.get(at), occasions, scene)
    _tie(drafts, occasions, scene)
    _by_order(drafts, occasions, scene)
    for draft in drafts:
        newest = draft.newest
        if newest is not None:
            floor = scene.earliest(node, newest)
            draft.low = floor if draft.low is None else max(draft.low, min(floor, draft.high or floor))


def _folder_times(drafts: Sequence[Draft], scene: Scene, node: str) -> dict[int, int]:
    """For each set with a folder of its own the folder's time, where that can be the time at which it was made.

    It cannot where a file in it was saved later, where it lies behind the end of the node's evidence, and where another
    set's folder has it too: then it is the time at which the folders were copied.
    """
    found: dict[int, int] = {}
    end = scene.ends.get(node)
    for at, draft in enumerate(drafts):
        times = scene.folders.get(draft.match.folder, ())
        if draft.match.tag or not times:
            continue
        made, newest = times[0].modified, draft.newest
        late = newest is not None and scene.earliest(node, newest) > scene.moment(node, made).high + ROUNDED
        if late or (end is not None and made > max(end, newest or 0) + _COPIED_AFTER):
            continue
        if times[0].local:
            draft.doubts.append("the folder's time was packed without its zone")
        found[at] = made
    seconds = Counter(made // ROUNDED for made in found.values())
    folders = {at: drafts[at].match.folder for at in found}
    shared = {at for at, made in found.items() if seconds[made // ROUNDED] > 1}
    if len({folders[at] for at in shared}) > 1:
        return {at: made for at, made in found.items() if at not in shared}
    return found


def _by_name(draft: Draft, folder: int | None, occasions: Sequence[Occasion], scene: Scene) -> None:
    stamp = draft.match.stamp
    if stamp is None:
        if folder is not None:
            _set(draft, folder, 0, "folder", scene)
        return
    if stamp.resolution < DAY:
        _set(draft, stamp.time, stamp.resolution, "stamp", scene)
        return
    # A day says little: the folder's own time within it says more, or the one event of that day.
    if folder is not None and stamp.time <= folder < stamp.time + DAY:
        _set(draft, folder, 0, "folder", scene)
        return
    within = [one for one in occasions if one.raw is not None and stamp.time <= one.raw < stamp.time + DAY]
    newest = draft.newest
    low = scene.earliest(draft.node, newest) if newest is not None else 0
    fit = [one for one in within if one.high + one.window >= low]
    if len(fit) == 1 and fit[0].raw is not None:
        _at_occasion(draft, fit[0])
        return
    _set(draft, stamp.time, stamp.resolution, "stamp", scene)


def _set(draft: Draft, made: int, resolution: int, basis: str, scene: Scene) -> None:
    draft.made, draft.basis, draft.resolution = made, basis, resolution
    first, last = scene.moment(draft.node, made), scene.moment(draft.node, made + resolution)
    draft.low, draft.high = first.low, last.high


def _at_occasion(draft: Draft, one: Occasion) -> None:
    draft.made, draft.basis, draft.resolution = one.raw, "events", one.window
    draft.low, draft.high = one.low, one.high + one.window
    draft.tie = Tie(one, None)


def _tie(drafts: Sequence[Draft], occasions: Sequence[Occasion], scene: Scene) -> None:
    made, slack = {}, {}
    for at, draft in enumerate(drafts):
        if draft.made is not None and draft.tie is None and draft.resolution < DAY:
            made[str(at)] = scene.moment(draft.node, draft.made).time
            slack[str(at)] = draft.resolution
    for key, tie in ties(made, occasions, slack).items():
        drafts[int(key)].tie = tie


def _by_order(drafts: Sequence[Draft], occasions: Sequence[Occasion], scene: Scene) -> None:
    """Sets of one series without times: in the order of their numbers, or against it, each has its own occasion."""
    taken = {draft.tie.occasion.reference for draft in drafts if draft.tie is not None}
    free = [one for one in occasions if one.raw is not None and one.reference not in taken]
    series: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.made is None:
            series[draft.match.series].append(draft)
    for group in series.values():
        ordered = _ordered(group)
        if ordered is None:
            continue
        lows = [scene.earliest(draft.node, draft.newest or 0) for draft in ordered]
        for draft, one in zip(ordered, fitting(lows, free), strict=True):
            if one is not None:
                _at_occasion(draft, one)


def _ordered(group: Sequence[Draft]) -> list[Draft] | None:
    """The sets as they were made; None where the numbers do not tell in which direction they run."""
    if len(group) == 1:
        return list(group)
    if any(draft.match.number is None for draft in group):
        return None
    rising = sorted(group, key=lambda draft: draft.match.number or 0)
    newest = [draft.newest or 0 for draft in rising]
    if newest == sorted(newest) and newest[0] != newest[-1]:
        return rising
    if newest == sorted(newest, reverse=True) and newest[0] != newest[-1]:
        return rising[::-1]
    return None
