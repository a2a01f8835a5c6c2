"""What can be told only when all evidence is in: duplicates within a log, and nodes. Idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.ingest.nodes import Assignment, NodeBasis, Piece, assign_nodes
from parsers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case

# A record found in slack is a copy where the same log has one of the same number that was written at the same 100 ns
# (.evt: second) and, as far as both can be read, says the same. Windows leaves such copies: it fills each new chunk in
# the memory of the one before. The live record is the original; of several copies without one the first.
# Sorted, not looked up one by one: a log may be made of records that all have one number.
_TWINS = """
INSERT INTO twins(id, original) SELECT id, original FROM (
    SELECT id, recovered, source, duplicate_of,
      first_value(id) OVER (PARTITION BY {same} ORDER BY recovered, id) AS original
    FROM events WHERE evidence_id = ?1 AND written_filetime IS NOT NULL
      AND record_number IN (SELECT record_number FROM events WHERE evidence_id = ?1 AND recovered = 1))
WHERE original <> id AND recovered = 1 AND duplicate_of IS NULL AND {readable}
"""
_SAME_TIME = "record_number, written_filetime"
_TWINS_IN_FULL = _TWINS.format(
    same=f"{_SAME_TIME}, source, event_id, strings",
    readable="source IS NOT NULL",
)
_TWINS_IN_PART = _TWINS.format(same=_SAME_TIME, readable="source IS NULL")
# A temporary table, because the SQLite of older systems has no UPDATE ... FROM.
_MARK_COPIES = """
UPDATE events SET duplicate_of = (SELECT original FROM twins WHERE twins.id = events.id)
WHERE id IN (SELECT id FROM twins)
"""


def finish(case: Case) -> None:
    """Indexes, full-text search, copies of records, and the node of every piece of evidence."""
    case.finish_load()
    rows = case.evidence()
    with case.transaction():
        _mark_copies(case, rows)
        _assign(case, rows)


def _mark_copies(case: Case, rows: list[EvidenceRow]) -> None:
    case.connection.execute("CREATE TEMPORARY TABLE twins(id INTEGER PRIMARY KEY, original INTEGER)")
    for row in rows:
        if row.recovered:
            case.connection.execute(_TWINS_IN_FULL, (row.id,))
            case.connection.execute(_TWINS_IN_PART, (row.id,))
    case.connection.execute(_MARK_COPIES)
    case.connection.execute("DROP TABLE twins")


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
    nodes: dict[str, set[str]] = {row.path: set() for row in rows if row.kind == Kind.ARCHIVE}
    for row in rows:
        node = assigned[row.id].node if row.id in assigned else row.node
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
