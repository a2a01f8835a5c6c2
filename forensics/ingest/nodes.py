"""Which node a piece of evidence belongs to, and how that is known.

Pure functions over paths and counts: the answer depends on what is in the case, not on the order in which it came.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forensics.case.rows import EvidenceRow


# Folders that are looked at: evidence lies some ten deep, and a member's name can have two thousand slashes.
_DEPTH = 32


class NodeBasis(StrEnum):
    """Why a piece of evidence is said to belong to a node, the strongest reason first."""

    GIVEN = "given"  # the analyst said so
    EVENTS = "events"  # the Computer of most of its events
    BESIDE = "beside"  # the event logs in the same node folder are this node's
    PATH = "path"  # a folder on its path has the name of a node that events know
    UNKNOWN = "unknown"


OWNER: Final = "owner"
"""The fact of a log that says whose it is, where most of its events are another node's (`ingest.owners`)."""

COMPUTERS: Final = "computers"
"""Fact of a log: computers of its live events, that of most first, with commas between; `ENTRIES`: how many of each."""
ENTRIES: Final = "entries"
LOGS: Final = "logs"
"""The fact of a log file that says of how many logs its records are: one but in merged logs and some exports."""
# An analyst looks for who wrote into a log; a log of a whole domain would name thousands.
COMPUTERS_KEPT: Final = 50


def owner_of(row: EvidenceRow) -> str | None:
    """The node whose a piece of evidence is: of a log its owner, else its node."""
    owner = row.facts.get(OWNER)
    return owner if isinstance(owner, str) and owner else row.node


def computers_of(row: EvidenceRow) -> list[str]:
    """The computers that a log names, that of most records first; of very many the first ones."""
    return [name for name in str(row.facts.get(COMPUTERS) or "").split(",") if name]


def entries_of(row: EvidenceRow) -> dict[str, int]:
    """How many live events of a log each computer has; empty where that was not counted."""
    names, counts = computers_of(row), str(row.facts.get(ENTRIES) or "").split(",")
    if len(names) != len(counts) or not all(count.isdecimal() for count in counts):
        return {}
    return dict(zip(names, map(int, counts), strict=True))


class Piece(NamedTuple):
    """A piece of evidence as far as its node is concerned.

    Attributes:
        id: of the evidence row.
        path: logical path, the given PATH's own name first.
        root: that name.
        node: where it is known already: given by the analyst, or of a log its owner; else None.
        basis: of `node`.
    """

    id: int
    path: str
    root: str
    node: str | None
    basis: NodeBasis


class Assignment(NamedTuple):
    """The node of one piece and the reason."""

    node: str
    basis: NodeBasis


def most_frequent(computers: Mapping[str, int]) -> str | None:
    """The name that most events carry; of equal ones the first by name; None without events."""
    return min(computers, key=lambda name: (-computers[name], name), default=None)


def assign_nodes(pieces: Iterable[Piece], known: Iterable[str]) -> dict[int, Assignment]:
    """The node of every piece that has none yet.

    Args:
        pieces: all evidence of a case but its archives.
        known: names of nodes that events carry.

    Returns:
        evidence id -> node and basis; pieces of a root of which nothing is known share an `UNKNOWN-n`.
    """
    pieces = sorted(pieces, key=lambda piece: piece.path)
    folders = _Folders(pieces)
    names = set(known) | {piece.node for piece in pieces if piece.node}
    assigned: dict[int, Assignment] = {}
    lost: dict[str, list[int]] = defaultdict(list)
    for piece in pieces:
        if piece.node is not None:
            continue
        beside = folders.node_beside(piece.path)
        named = next((part.upper() for part in reversed(piece.path.split("/")) if part.upper() in names), None)
        if beside:
            assigned[piece.id] = Assignment(beside, NodeBasis.BESIDE)
        elif named:
            assigned[piece.id] = Assignment(named, NodeBasis.PATH)
        else:
            lost[piece.root].append(piece.id)
    for number, root in enumerate(sorted(lost), start=1):
        for piece_id in lost[root]:
            assigned[piece_id] = Assignment(f"UNKNOWN-{number}", NodeBasis.UNKNOWN)
    return assigned


@dataclass(slots=True)
class _Folder:
    """What lies below a folder.

    Attributes:
        folders: those directly in it, by name.
        files: names of all files below it, in upper case.
        logs: by node the places of its logs: the folder on the way to it (None: directly here), and whether a folder
            further on that way is called after the node.
    """

    folders: dict[str, _Folder] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    logs: dict[str, set[tuple[str | None, bool]]] = field(default_factory=dict)


class _Folders:
    """The folders of all pieces: nodes that events prove, where, and the names of files."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._top = _Folder()
        self._apart_known: dict[tuple[int, str, str | None], bool] = {}
        for piece in pieces:
            self._add(_folders_of(piece.path), piece.path.rsplit("/", 1)[-1].upper(), piece.node)

    def _add(self, folders: list[str], name: str, node: str | None) -> None:
        place = self._top
        for depth, part in enumerate(folders):
            place = place.folders.setdefault(part, _Folder())
            place.files.add(name)
            if node is not None:
                further = folders[depth + 1 :]
                named = node in (after.upper() for after in further)
                place.logs.setdefault(node, set()).add((further[0] if further else None, named))

    def node_beside(self, path: str) -> str | None:
        """The one node whose logs lie in the smallest folder around `path` that is not above the node folders."""
        folders = _folders_of(path)
        around = [self._top]
        for part in folders:
            around.append(around[-1].folders[part])
        for depth in range(len(folders), 0, -1):
            place = around[depth]
            if not place.logs:
                continue
            if len(place.logs) > 1:
                return None
            node = next(iter(place.logs))
            return None if self._apart(place, folders[depth] if depth < len(folders) else None, node) else node
        return None

    def _apart(self, place: _Folder, branch: str | None, node: str) -> bool:
        """Whether a log of `node` lies in a node folder of its own below `place`, so that it says nothing of `branch`.

        It does when a folder on its way is called after its node, or when both branches hold files of the same names,
        as the folders of two nodes do and the parts of one node's folder do not.
        """
        key = (id(place), node, branch)
        known = self._apart_known.get(key)
        if known is None:
            known = self._apart_known[key] = any(
                named or (branch is not None and not self._files_differ(place, branch, way))
                for way, named in place.logs[node]
                if way is not None and way != branch
            )
        return known

    @staticmethod
    def _files_differ(place: _Folder, branch: str, way: str) -> bool:
        return place.folders[branch].files.isdisjoint(place.folders[way].files)


def _folders_of(path: str) -> list[str]:
    return path.split("/")[:-1][:_DEPTH]
