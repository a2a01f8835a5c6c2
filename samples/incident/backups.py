"""Where and under what names a backup set lies. The product's own scheme is not documented, so there are several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from samples.incident.clock import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples.incident.world import FileState


@dataclass(frozen=True, slots=True)
class BackupSet:
    """One backup: files as they were at `made` (true time), with the times that they had."""

    node: str
    number: int
    made: int
    made_raw: int
    trigger: str
    scheme: str
    files: dict[str, FileState] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Path of one file below the node's Data folder."""
        return SCHEMES[self.scheme](self, name)

    @property
    def folder(self) -> str | None:
        """Folder of its own below Data, where the scheme has one."""
        path = self.path("x")
        return path.rpartition("/")[0] or None

    @property
    def location(self) -> str:
        """What tells the set from the others: its folder, or the pattern of its names."""
        return f"{self.node}/Data/{self.folder or self.path('*')}"


def _stamp(backup: BackupSet) -> str:
    return moment(backup.made_raw).strftime("%Y%m%d%H%M%S")


def _numbered_name(backup: BackupSet, name: str) -> str:
    stem, dot, extension = name.partition(".")
    return f"{stem}.bak{backup.number}{dot}{extension}"


def _iso_folder(backup: BackupSet) -> str:
    """Colons are not allowed in names of Windows."""
    return f"Backups/{moment(backup.made_raw):%Y-%m-%d %H-%M-%S}"


def _stamped_name(backup: BackupSet, name: str) -> str:
    stem, dot, extension = name.partition(".")
    return f"{stem}_{_stamp(backup)}{dot}{extension}"


SCHEMES: dict[str, Callable[[BackupSet, str], str]] = {
    "folder-stamp": lambda backup, name: f"Backup/{_stamp(backup)}/{name}",
    "folder-number": lambda backup, name: f"Backup.{backup.number:03d}/{name}",
    "suffix-stamp": lambda backup, name: f"{name}.{_stamp(backup)}",
    "bak-number": _numbered_name,
    "folder-iso": lambda backup, name: f"{_iso_folder(backup)}/{name}",
    "folder-plain-number": lambda backup, name: f"Backup{backup.number}/{name}",
    "name-stamp": _stamped_name,
}
USUAL_SCHEMES = ("bak-number", "folder-number", "folder-stamp", "suffix-stamp")
"""Of which a setting without a scheme gets one."""
