"""What files are told apart by: the profile's knowledge, times of folders, occasions for backups, clocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from forensics.clocks.model import Moment
    from forensics.files.knowledge import Knowledge
    from forensics.files.triggers import Occasion


class FolderTime(NamedTuple):
    """When a folder was changed last, FILETIME; `local` where that is in the zone of whoever packed it."""

    modified: int
    local: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it.

    Attributes:
        knowledge: names and patterns.
        folders: times of folders by path, the earliest first: the same folder can have been collected twice.
        beside: how many other files of the product lie in a folder.
        ends: by node FILETIME, raw, of its last own event.
        occasions: by node after what backups can have been made, in the order of time.
        nodes: whose clocks can have set the times of files.
        moment: a time that a node's clock recorded, on the common time line.
        shown: what the reference's clock showed at a time of that line.
    """

    knowledge: Knowledge
    folders: Mapping[str, Sequence[FolderTime]]
    beside: Mapping[str, int]
    ends: Mapping[str, int]
    occasions: Mapping[str, Sequence[Occasion]]
    nodes: Sequence[str]
    moment: Callable[[str, int], Moment]
    shown: Callable[[int], int] = field(default=lambda time: time)

    def earliest(self, node: str, modified: int) -> int:
        """Before which moment of the common time line a file of a node was not saved.

        A copy keeps the time that the clock of its origin set, so any node's clock can have set it.
        """
        return min(self.moment(name, modified).low for name in {node, *self.nodes})
