"""What can be told only when all evidence is in: whose it is, and which events are one occurrence. Idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.ingest.copies import Marking, hand_over_texts, marks_made, marks_needed
from forensics.ingest.nodes import Assignment, NodeBasis, Piece, assign_nodes, computers_of, owner_of
from forensics.ingest.owners import holds_copies, starts_of
from forensics.messages import use_message_files
from parsers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case


def finish(case: Case) -> None:
    """Indexes, full-text search, owners of logs, nodes of evidence, copies of events, and texts from message files.

    Raises:
        FailedError: the case cannot be written.
        ProfileError: the case's profile is bad.
    """
    case.finish_load()
    with case.transaction():
        starts = starts_of(case) if holds_copies(case.evidence()) else []
        state = marks_needed(case, starts)
        marking = Marking(case) if state is not None else None
        if marking is not None:
            marking.settle(starts)
        _assign(case, case.evidence())
        if marking is not None and state is not None:
            marking.mark()
            marks_made(case, state)
        # What is rendered goes before what an export says.
        rendered = use_message_files(case)
        if marking is not None or rendered:
            hand_over_texts(case)


def _assign(case: Case, rows: list[EvidenceRow]) -> None:
    pieces = [
        Piece(
            row.id,
            row.path,
            row.root or "",
            owner_of(row) if _sure(row) else None,
            NodeBasis(row.node_basis or "unknown"),
        )
        for row in rows
        if row.kind != Kind.ARCHIVE
    ]
    known = {name for row in rows for name in computers_of(row)}
    assigned = assign_nodes(pieces, known)
    by_id = {row.id: row for row in rows}
    for evidence_id, assignment in assigned.items():
        row = by_id[evidence_id]
        if (row.node, row.node_basis) != assignment:
            case.update_evidence(evidence_id, node=assignment.node, node_basis=assignment.basis)
    _assign_archives(case, rows, assigned)
    case.connection.execute(
        "UPDATE file_versions SET node = (SELECT node FROM evidence WHERE evidence.id = file_versions.evidence_id)"
        " WHERE evidence_id IS NOT NULL"
    )


def _sure(row: EvidenceRow) -> bool:
    return row.node_basis in {NodeBasis.GIVEN, NodeBasis.EVENTS}


def _assign_archives(case: Case, rows: list[EvidenceRow], assigned: dict[int, Assignment]) -> None:
    """An archive belongs to a node when all its members do."""
    nodes: dict[str, set[str]] = {row.path: set() for row in rows if row.kind == Kind.ARCHIVE}
    for row in rows:
        node = assigned[row.id].node if row.id in assigned else owner_of(row)
        if row.kind != Kind.ARCHIVE and node is not None:
            for around in _around(row.path, nodes):
                nodes[around].add(node)
    for archive in rows:
        if archive.kind == Kind.ARCHIVE and archive.node_basis != NodeBasis.GIVEN:
            found = nodes[archive.path]
            node = next(iter(found)) if len(found) == 1 else None
            if node != archive.node:
                case.update_evidence(archive.id, node=node, node_basis=NodeBasis.BESIDE if node else None)


def _around(path: str, archives: Container[str]) -> Iterator[str]:
    """The archives on a path, the outermost first."""
    at = path.find("/")
    while at >= 0:
        if path[:at] in archives:
            yield path[:at]
        at = path.find("/", at + 1)
