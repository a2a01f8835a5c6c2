"""A backup set held against what is live, or against another set: file by file, in words and in figures."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forensics.files.model import Sighting, Version

COMPARED_FIELDS = ("file", "status", "of_set", "of_other", "why", "content")
"""The fields of a comparison, in their order."""


class Status(StrEnum):
    """How a file of the set stands to the other one."""

    SAME = "same"
    TIME_DIFFERS = "time_differs"  # the same bytes with another last-modified time
    DIFFERS = "differs"
    MISSING = "missing"  # the set lacks it
    ONLY_IN_SET = "only_in_set"
    UNKNOWN = "unknown"  # a listing gives no content to compare


class Compared(NamedTuple):
    """One file in both. `why` is one sentence."""

    file: str
    status: Status
    of_set: Sighting | None
    of_other: Sighting | None
    why: str


def compare_files(
    names: Iterable[str], of_set: Mapping[str, Sighting], of_other: Mapping[str, Sighting]
) -> list[Compared]:
    """Each replicated file in both, in the order of `names`; a file that neither has is left out."""
    found = []
    for name in names:
        one, other = of_set.get(name), of_other.get(name)
        if one is not None or other is not None:
            found.append(Compared(name, *_told(one, other)))
    return found


def _told(one: Sighting | None, other: Sighting | None) -> tuple[Status, Sighting | None, Sighting | None, str]:
    if one is None:
        return Status.MISSING, one, other, "The set lacks it."
    if other is None:
        return Status.ONLY_IN_SET, one, other, "Only the set has it."
    a, b = one.version, other.version
    apart = _apart(a.modified, b.modified)
    if a.sha256 is None or b.sha256 is None:
        if a.size is not None and b.size is not None and a.size != b.size:
            return Status.DIFFERS, one, other, f"{_sizes(a, b)}; {apart}."
        return Status.UNKNOWN, one, other, f"A listing gives no content to compare; {apart}."
    if a.sha256 != b.sha256:
        return Status.DIFFERS, one, other, f"{_sizes(a, b)}; {apart}."
    if a.modified != b.modified:
        return Status.TIME_DIFFERS, one, other, f"The same bytes; {apart}."
    return Status.SAME, one, other, "The same bytes and time."


def _sizes(a: Version, b: Version) -> str:
    if a.size == b.size:
        return f"Other bytes, the same size of {a.size:,}"
    return f"{a.size:,} bytes in the set, {b.size:,} in the other"


def _apart(a: int | None, b: int | None) -> str:
    if a is None or b is None:
        return "when it was changed is not known of both"
    if a == b:
        return "changed at the same time"
    # Raw times, by whichever clock: replication compares them as they stand.
    return f"the set's is {'older' if a < b else 'newer'} by {_span(abs(a - b))}"


def _span(ticks: int) -> str:
    seconds = ticks // TICKS_PER_SECOND
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}" if seconds else "less than a second"
