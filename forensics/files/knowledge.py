"""What the profile knows of replicated files, ready to be asked of one path after the other."""

from __future__ import annotations

import fnmatch
import re
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.files.names import Stamp, find_number, find_stamp, folder_stamp, named
from forensics.profile_rows import zone_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from forensics.profile import Mark, Profile

# Three stars take a time that grows with the third power of this.
_PATTERN_PATH: Final = 256


class Match(NamedTuple):
    """What the path of a file says.

    Attributes:
        name: the replicated file, as the profile writes it.
        folder: the path without the file's own name.
        tag: what was added to the name; "" for the plain name.
        location: where its set lies: the folder, or the folder and the pattern of the names.
        stamp: the moment that the tag or the folder states; None: neither does.
        number: the number that the tag or the folder ends with; None: neither does.
        series: the same for all sets that differ in stamp or number only.
        mark: of the profile's pattern that says that this is a backup; None: nothing but structure does.
    """

    name: str
    folder: str
    tag: str
    location: str
    stamp: Stamp | None
    number: int | None
    series: str
    mark: Mark | None = None


class Knowledge:
    """Names, folders and patterns of one profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.names: Final = tuple(sorted(row.name for row in profile.replicated_files))
        self.beside: Final = tuple(row.name for row in profile.unreplicated if row.kind == "file")
        """Files that the product keeps in the same folder and does not replicate."""

    @cached_property
    def _data_folders(self) -> re.Pattern[str]:
        globs = [fnmatch.translate(row.pattern.rstrip("/").casefold()) for row in self._profile.data_folders]
        return re.compile("|".join(globs) or r"(?!)")

    @cached_property
    def data_names(self) -> frozenset[str]:
        """The last parts of the folders in which live files are known to lie, in lower case."""
        return frozenset(row.pattern.rstrip("/").rpartition("/")[2].casefold() for row in self._profile.data_folders)

    @cached_property
    def _programs(self) -> frozenset[str]:
        return frozenset(row.name.casefold() for row in self._profile.program_files)

    def is_program(self, name: str) -> bool:
        """Whether a file of that name is gone when the product is."""
        return name.casefold() in self._programs

    def is_data_folder(self, folder: str) -> bool:
        """Whether live files are known to lie in such a folder."""
        return self._data_folders.match(f"/{folder}".casefold()) is not None

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], Mark]]:
        return [(_compiled(row.pattern, self.names), row.mark) for row in self._profile.backup_patterns]

    @cached_property
    def _zones(self) -> dict[str, tzinfo]:
        return {row.node.casefold(): zone_of(row.zone) for row in self._profile.backup_zones}

    def zone(self, node: str | None) -> tzinfo:
        """The zone of moments in names of backups on a node."""
        return self._zones.get((node or "").casefold(), self._zones.get("*", UTC))

    def fits(self, path: str) -> bool:
        """Whether a path may be that of a version of a replicated file."""
        return self.match(path, None) is not None

    def match(self, path: str, node: str | None) -> Match | None:
        """What a path says; None where it is none of a replicated file's."""
        zone = self.zone(node)
        for pattern, mark in self._patterns:
            found = pattern.match(f"/{path}"[-_PATTERN_PATH:])
            if found is not None and (said := self._by_pattern(path, found, zone)) is not None:
                return said._replace(mark=mark)
        folder, _, last = path.rpartition("/")
        name = named(last, self.names)
        if name is None:
            return None
        if name.tag:
            stamp = find_stamp(name.tag, zone)
            number = None if stamp is not None else find_number(name.tag)
            series = f"{folder}/{_series(name.pattern, stamp, number)}"
            stamp = stamp or folder_stamp(folder, zone)
            return Match(name.name, folder, name.tag, f"{folder}/{name.pattern}", stamp, number, series)
        parent, _, own = folder.rpartition("/")
        stamp = folder_stamp(folder, zone)
        number = None if stamp is not None else find_number(own)
        return Match(name.name, folder, "", folder, stamp, number, f"{parent}/{_series(own, stamp, number)}")

    def _by_pattern(self, path: str, found: re.Match[str], zone: tzinfo) -> Match | None:
        parts = found.groupdict()
        wanted = (parts.get("name") or parts.get("stem") or "").casefold()
        name = next((n for n in self.names if wanted in {n.casefold(), n.rpartition(".")[0].casefold()}), None)
        stamp = find_stamp(parts["stamp"], zone) if parts.get("stamp") else None
        if name is None or ("stamp" in parts and stamp is None):
            return None
        folder, _, last = path.rpartition("/")
        number = int(parts["number"]) if parts.get("number") else None
        at = last.casefold().find(wanted)
        pattern = last if at < 0 else f"{last[:at]}*{last[at + len(wanted) :]}"
        plain = last.casefold() == name.casefold()
        location = folder if plain else f"{folder}/{pattern}"
        return Match(name, folder, "" if plain else pattern, location, stamp, number, found.re.pattern)


def _series(text: str, stamp: Stamp | None, number: int | None) -> str:
    if stamp is not None:
        return text.replace(stamp.text, "<stamp>", 1)
    if number is not None:
        return re.sub(r"[0-9]{1,6}(?!.*[0-9])", "<number>", text)
    return text


def _compiled(pattern: str, names: tuple[str, ...]) -> re.Pattern[str]:
    stems = "|".join(re.escape(name.rpartition(".")[0] or name) for name in names)
    meanings = {
        "*": ".*",
        "?": ".",
        "{name}": f"(?P<name>{'|'.join(map(re.escape, names)) or '(?!)'})",
        "{stem}": f"(?P<stem>{stems or '(?!)'})",
        "{stamp}": r"(?P<stamp>[0-9][0-9TZ +_.:-]{6,40})",
        "{number}": r"(?P<number>[0-9]{1,6})",
    }
    parts = re.split(r"(\*|\?|\{[a-z]+\})", pattern)
    text = "".join(meanings.get(part, re.escape(part)) for part in parts)
    return re.compile(rf"{text}\Z", re.IGNORECASE | re.DOTALL)
