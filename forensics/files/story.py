"""One file, played through: what the conclusions on it are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forensics.files.model import Version
    from forensics.files.replay import Course
    from forensics.files.saves import Save, Seen


class Story(NamedTuple):
    """One file, played through.

    Attributes:
        name: the file.
        saves: how its versions came into being.
        course: the cheapest course.
        margin: what the cheapest course with another outcome of an open choice costs more.
        references: sightings of each version, live ones first.
        seen: all sightings, by time.
        live: nodes whose live file is in the evidence; what the others hold at the end is not known.
    """

    name: str
    saves: Sequence[Save]
    course: Course
    margin: float
    references: Mapping[Version, tuple[str, ...]]
    live: frozenset[str]
    seen: Sequence[Seen]
