"""Of all that happened the essential: a bounded number of rows, and what was left out for them."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.timeline import TimelineKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.timeline import TimelineRow

# How many rows of a rank are told: conclusions, what became of files, what the machines and the cluster did.
MOST: Final = (120, 200, 120)

_CONCLUDED: Final = {
    TimelineKind.OVERWRITE,
    TimelineKind.TRANSITION,
    TimelineKind.CONFLICT,
    TimelineKind.CLOCK_STEP,
}
_FILES: Final = {TimelineKind.FILE, TimelineKind.BACKUP, TimelineKind.ROLE}
_TELLING: Final = {
    Claim.GROUP_ONLINE,
    Claim.GROUP_OFFLINE,
    Claim.GROUP_FAILED,
    Claim.FORCED_SYNC,
    Claim.SEEDING_COMPLETE,
    Claim.COPY_SKIPPED,
    Claim.HANDOFF,
    Claim.BOOT,
    Claim.SHUTDOWN,
    Claim.UNEXPECTED_SHUTDOWN,
    Claim.RESTART_REQUEST,
    Claim.FORMED,
    Claim.DOWN,
    Claim.NODE_REMOVED,
    Claim.TIME_CHANGE,
    Claim.COPIES_DROPPED,
    Claim.INSTALL,
    Claim.INSTALL_FAILED,
    Claim.REMOVAL,
    Claim.REMOVAL_FAILED,
    Claim.RECONFIGURED,
    Claim.UPDATED,
    Claim.SERVICE_START,
    Claim.SERVICE_STOP,
    Claim.BACKUP_MADE,
    Claim.RESEED_FAILED,
    Claim.STORE_START_FAILED,
    Claim.VIRUS_SCAN_ERROR,
    Claim.RESOURCE_FAILED,
    Claim.CHECKPOINT_FAILURE,
    Claim.CRYPTO_CHECKPOINT_FAILURE,
}


class Selection(NamedTuple):
    """The rows that are told, in their order, and how many of each kind are not."""

    rows: tuple[TimelineRow, ...]
    left: tuple[tuple[str, int], ...]


def essential(rows: Iterable[TimelineRow], moments: Sequence[int]) -> Selection:
    """The rows that matter most, at most `sum(MOST)`; of too many of a rank those nearest to one of the moments.

    Streams: what is not told is counted and forgotten.

    Args:
        rows: a timeline, in its order.
        moments: FILETIME of what the reader came for: losses, moves. None: the earliest rows are told.
    """
    points = sorted(moments)
    kept: list[list[tuple[int, int, TimelineRow]]] = [[] for _ in MOST]
    left: Counter[str] = Counter()
    for order, row in enumerate(rows):
        rank = _rank(row)
        if rank is None:
            left[_name(row)] += 1
            continue
        entry = (-_distance(row.time, points), -order, row)
        if len(kept[rank]) < MOST[rank]:
            heapq.heappush(kept[rank], entry)
        else:
            left[_name(heapq.heappushpop(kept[rank], entry)[2])] += 1
    told = sorted((-order, row) for entries in kept for _, order, row in entries)
    return Selection(tuple(row for _, row in told), tuple(sorted(left.items(), key=lambda item: (-item[1], item[0]))))


def _rank(row: TimelineRow) -> int | None:
    if row.kind in _CONCLUDED:
        return 0
    if row.kind in _FILES:
        return 1
    return 2 if row.what in _TELLING else None


def _name(row: TimelineRow) -> str:
    return row.what.replace("_", " ")


def _distance(time: int, points: Sequence[int]) -> int:
    if not points:
        return 0
    at = bisect_left(points, time)
    return min(abs(time - point) for point in points[max(0, at - 1) : at + 1])
