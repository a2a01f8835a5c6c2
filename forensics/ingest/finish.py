"""What can be told only when all evidence is in: duplicates within a log, and nodes. Idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.ingest.nodes import Assignment, NodeBasis, Piece, assign_nodes
from parsers.kinds import Kind

if TYPE_CHECKING:
    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case

# A record found in slack is a copy where the same log has one of the same number that was written at the same 100 ns
# (.evt: second) and, as far as both can be read, says the same. Windows leaves such copies: it fills each new chunk in
# the memory of the one before. The live record is the original; of several copies without one the first.
_MARK_COPIES = """
UPDATE events SET duplicate_of = (
    SELECT other.id FROM events AS other
    WHERE other.evidence_id = events.evidence_id AND other.record_number = events.record_number
      AND other.written_filetime = events.written_filetime AND (other.recovered = 0 OR other.id < events.id)
      AND (events.source IS NULL OR (other.source = events.source AND other.event_id = events.event_id
        AND other.strings = events.strings))
    ORDER BY other.recovered, other.id LIMIT 1)
WHERE evidence_id = ? AND recovered = 1 AND duplicate_of IS NULL
"""


def finish(case: Case) -> None:
    """Indexes, full-text search, copies of records, and the node of every piece of evidence."""
    case.finish_load()
    rows = case.evidence()
    with case.transaction():
        for row in rows:
            if row.recovered:
                case.connection.execute(_MARK_COPIES, (row.id,))
        _assign(case, rows)


def _assign(case: Case, rows: list[EvidenceRow]) -> None:
    pieces = [
        Piece(
            row.id, row.path, row.root or "", row.node if _sure(row) else None, NodeBasis(row.node_basis or "unknown")
        )
        for row in rows
        if row.kind != Kind.ARCHIVE
    ]
    known = {name for row in rows for name in str(row.facts.get("computers") or "").split(",") if name}
    assigned = assign_nodes(pieces, known)
    by_id = {row.id: row for row in rows}
    for evidence_id, assignment in assigned.items():
        row = by_id[evidence_id]
        if (row.node, row.node_basis) != assignment:
            case.update_evidence(evidence_id, node=assignment.node, node_basis=assignment.basis)
    _assign_archives(case, rows, assigned)
    case.connection.execute(
        "UPDATE file_versions SET node = (SELECT node FROM evidence WHERE evidence.id = file_versions.evidence_id)"
    )


def _sure(row: EvidenceRow) -> bool:
    return row.node_basis in {NodeBasis.GIVEN, NodeBasis.EVENTS}


def _assign_archives(case: Case, rows: list[EvidenceRow], assigned: dict[int, Assignment]) -> None:
    """An archive belongs to a node when all its members do."""
    for archive in rows:
        if archive.kind != Kind.ARCHIVE or archive.node_basis == NodeBasis.GIVEN:
            continue
        members = [row for row in rows if row.path.startswith(f"{archive.path}/")]
        nodes = {assigned[row.id].node if row.id in assigned else row.node for row in members} - {None}
        node = nodes.pop() if len(nodes) == 1 else None
        if node != archive.node:
            case.update_evidence(archive.id, node=node, node_basis=NodeBasis.BESIDE if node else None)
