"""Which node a piece of evidence belongs to, and how that is known.

Pure functions over paths and counts: the answer depends on what is in the case, not on the order in which it came.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class NodeBasis(StrEnum):
    """Why a piece of evidence is said to belong to a node, the strongest reason first."""

    GIVEN = "given"  # the analyst said so
    EVENTS = "events"  # the Computer of most of its events
    BESIDE = "beside"  # the event logs in the same node folder are this node's
    PATH = "path"  # a folder on its path has the name of a node that events know
    UNKNOWN = "unknown"


class Piece(NamedTuple):
    """A piece of evidence as far as its node is concerned.

    Attributes:
        id: of the evidence row.
        path: logical path, the given PATH's own name first.
        root: that name.
        node: where it is known already (given by the analyst, or from the piece's own events); else None.
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


class _Folders:
    """What lies below each folder: nodes that events prove, where, and the names of files."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._nodes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._files: dict[str, set[str]] = defaultdict(set)
        for piece in pieces:
            parts = piece.path.split("/")
            for depth in range(1, len(parts)):
                folder = "/".join(parts[:depth])
                self._files[folder].add(parts[-1].upper())
                if piece.node is not None:
                    self._nodes[folder][piece.node].add(piece.path)

    def node_beside(self, path: str) -> str | None:
        """The one node whose logs lie in the smallest folder around `path` that is not above the node folders."""
        parts = path.split("/")
        for depth in range(len(parts) - 1, 0, -1):
            folder = "/".join(parts[:depth])
            nodes = self._nodes.get(folder)
            if not nodes:
                continue
            if len(nodes) > 1:
                return None
            node, logs = next(iter(nodes.items()))
            if any(self._apart(folder, path, log, node) for log in logs):
                return None
            return node
        return None

    def _apart(self, folder: str, path: str, log: str, node: str) -> bool:
        """Whether `log` lies in a node folder of its own below `folder`, so that it says nothing of `path`.

        It does when a folder on its way is called after its node, or when both branches hold files of the same names,
        as the folders of two nodes do and the parts of one node's folder do not.
        """
        ours, theirs = (p[len(folder) + 1 :].split("/") for p in (path, log))
        if len(theirs) < 2 or ours[0] == theirs[0]:
            return False
        if node in (part.upper() for part in theirs[:-1]):
            return True
        if len(ours) < 2:
            return False
        branches = [self._files[f"{folder}/{branch[0]}"] for branch in (ours, theirs)]
        return not branches[0].isdisjoint(branches[1])
