"""Shapes of what listings of files say: files with size and time, and what reading found beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from parsers.problems import Problem

FOLDERS_MAX: Final = 100_000
WRITTEN_HEADING: Final = "ccrf listing: the times are those of writing, dates as"
CREATED_HEADING: Final = "ccrf listing: the times are those of creation, dates as"
"""How the first line of a listing begins that `collect.cmd` made; the form of its dates follows (`"M/d/yyyy"`)."""


class Form(StrEnum):
    """Which listing it is. The value is what a case stores."""

    BODYFILE = "bodyfile"
    DIR = "dir"
    ROBOCOPY = "robocopy"


class Listed(NamedTuple):
    """One file of a listing.

    Attributes:
        path: with slashes; a drive is a folder.
        size: bytes; None where the listing's number is none, or rounded.
        modified: FILETIME; None where it is not known, or ambiguous.
        resolution: ticks by which `modified` may be too early.
    """

    path: str
    size: int | None
    modified: int | None
    resolution: int


@dataclass(slots=True)
class Account:
    """What reading found beside the files; complete when they are used up.

    `assumed_zone`: times were read as UTC; `folders`: those that the listing shows whole, as many as `FOLDERS_MAX`.
    """

    form: Form
    problems: list[Problem] = field(default_factory=list)
    assumed_zone: bool = False
    folders: set[str] = field(default_factory=set, compare=False)

    def shows(self, folder: str) -> None:
        """Note a folder."""
        if len(self.folders) < FOLDERS_MAX:
            self.folders.add(folder)
