"""Which folder of a node is the one that the product works in: told by the profile's patterns, else by structure."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from forensics.files.names import looks_like_backup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.files.knowledge import Knowledge, Match
    from forensics.files.model import Sighting


class Seen(NamedTuple):
    """A file of the evidence, and what its path says."""

    sighting: Sighting
    match: Match


class Home(NamedTuple):
    """The live folder of a node.

    Attributes:
        folder: None where every folder looks like a backup.
        rival: another folder that could as well be it; None where there is none.
    """

    folder: str | None
    rival: str | None


class _Candidate(NamedTuple):
    """A folder with plain names in it, and what speaks for it, the strongest first. The greatest is taken."""

    documented: bool
    called_so: bool
    no_series: bool
    product_files: int
    newest: int
    folder: str

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """What tells a live folder from another; what is equal in it is told apart by its newest file alone."""
        return self.documented, self.called_so, self.no_series, self.product_files


def home_of(node: str, seen: Sequence[Seen], beside: Mapping[str, int], knowledge: Knowledge) -> Home:
    """The live folder among those that hold replicated files under their plain names.

    A folder that is named like a backup, or by a moment or a number alone, is none, unless the profile says where live
    files lie. Of the others goes first: one that the profile's patterns name; one that is called like those; one that
    is not one of a numbered series; the one with more of the product's files; the one with the newest file.

    Args:
        node: whose.
        seen: its files, those set apart left out.
        beside: how many other files of the product lie in a folder.
        knowledge: the profile's.
    """
    plain: dict[str, list[Sighting]] = defaultdict(list)
    for one in seen:
        if not one.match.tag and one.match.mark is None:
            plain[one.match.folder].append(one.sighting)
    folders = {one.match.folder for one in seen}
    trunk = _trunk(folders)
    series = _series(plain)
    found = [
        _Candidate(
            documented,
            folder.rpartition("/")[2].casefold() in knowledge.data_names,
            folder not in series,
            len({one.name for one in files}) + beside.get(folder, 0),
            max(one.version.modified or 0 for one in files),
            folder,
        )
        for folder, files in sorted(plain.items())
        if (documented := knowledge.is_data_folder(folder)) or not looks_like_backup(_own_parts(folder, node, trunk))
    ]
    if not found:
        return Home(None, None)
    # Of equals the first by path, so that the answer does not hang on the order of the evidence.
    found.sort(key=lambda one: (*(-int(part) for part in (*one.rank, one.newest)), one.folder))
    best = found[0]
    rivals = [one for one in found[1:] if one.rank == best.rank and not _same(plain[one.folder], plain[best.folder])]
    return Home(best.folder, rivals[0].folder if rivals else None)


def _trunk(folders: Iterable[str]) -> int:
    """How many parts all paths have in common: what stands there cannot tell one folder from another."""
    paths = [folder.split("/") for folder in folders]
    for depth, parts in enumerate(zip(*paths, strict=False)):
        if len(set(parts)) > 1:
            return depth
    return min(map(len, paths), default=0)


def _own_parts(folder: str, node: str, trunk: int) -> list[str]:
    """The parts of a folder's path that say what it is: those below its node's folder, else those not in common."""
    parts = folder.split("/")
    above = [at for at, part in enumerate(parts) if part.casefold() == node.casefold()]
    if above:
        return parts[above[-1] + 1 :]
    return parts[min(trunk, len(parts) - 1) :]


def _series(folders: Iterable[str]) -> set[str]:
    """Folders of which there are several that differ in their numbers only."""
    alike: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        parent, _, own = folder.rpartition("/")
        if re.search(r"[0-9]", own):
            alike[f"{parent}/{re.sub(r'[0-9]+', '0', own)}"].append(folder)
    return {folder for group in alike.values() if len(group) > 1 for folder in group}


def _same(one: Sequence[Sighting], other: Sequence[Sighting]) -> bool:
    """Whether two folders hold the same versions: the same evidence, given twice."""
    return {(file.name, file.version) for file in one} == {(file.name, file.version) for file in other}
