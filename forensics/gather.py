"""A case made into evidence for the analyses: what its events claim, and what its logs cover."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from forensics.gather_events import observe
from forensics.gather_logs import Owner, read_logs
from forensics.gather_names import names
from forensics.ingest.nodes import NodeBasis, owner_of
from forensics.observations import Evidence
from parsers.problems import ProblemKind

if TYPE_CHECKING:
    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.catalogue import Catalogue

# Damage by which the end of a file is lost, wherever its newest record lies.
_ENDS: Final = frozenset({ProblemKind.TRUNCATED, ProblemKind.LIMIT, ProblemKind.UNREADABLE})
_HOLES: Final = frozenset({ProblemKind.LOST_RANGE, ProblemKind.BAD_RECORD})
_SURE: Final = frozenset({NodeBasis.GIVEN, NodeBasis.EVENTS})


def gather(case: Case, catalogue: Catalogue) -> Evidence:
    """What a case holds of claims, coverage, clocks and names.

    Two passes over the events; kept is what the catalogue knows, and the holes in the logs. The same evidence gives the
    same answer in whatever order it was ingested, but for the ids of events that are equal in everything.

    Records found outside of their logs (`recovered`) make observations, for they are true events, but no coverage.
    Observations that only repeat one state of a node are thinned out (`gather_events.THIN_TICKS`), but never the one
    before or after anything that bears on the node's role or presence. Which names are nodes: `gather_names`.

    Args:
        case: ingested and finished: owners of logs, nodes of evidence and copies of events are known.
        catalogue: what is known of events.

    Raises:
        FailedError: the case cannot be read.
    """
    files = case.evidence()
    owners = {row.id: Owner(owner_of(row) or "", row.log or row.path) for row in files}
    observations = observe(case, catalogue, owners)
    logs = read_logs(case, owners, files)
    homes: dict[str, list[str]] = defaultdict(list)
    for row in files:
        if row.node and row.node_basis in _SURE:
            homes[owners[row.id].node].append(row.path)
    made_up = {row.node for row in files if row.node_basis == NodeBasis.UNKNOWN and row.node}
    nodes, aliases = names(observations, logs.appearances, homes, made_up)
    cut = _cut_logs(case, files, owners)
    return Evidence(observations, logs.runs, logs.falls, logs.sequels, nodes, aliases, cut)


def _cut_logs(case: Case, files: list[EvidenceRow], owners: dict[int, Owner]) -> frozenset[tuple[str, str]]:
    """Logs of which something is lost behind their last record, in the file that reaches furthest.

    Of a damaged file in which nothing is left to read nobody knows how far it reached.
    """
    last: dict[Owner, tuple[int, int, str, int]] = {}
    emptied = {owners[row.id] for row in files if row.live == 0 and _is_cut(case, row.id)}
    for row in files:
        if row.live and row.last_record is not None:
            # By time: the numbers of a log that was cleared start anew.
            _, newest = _newest(case, row.id)
            reach = newest, row.last_record, row.path, row.id
            last[owners[row.id]] = max(reach, last.get(owners[row.id], reach))
    cut = emptied | {owner for owner, (*_, row_id) in last.items() if _is_cut(case, row_id)}
    return frozenset((owner.node, owner.log) for owner in cut)


def _is_cut(case: Case, evidence_id: int) -> bool:
    problems = case.problems(evidence_id)
    if any(problem.kind in _ENDS for problem in problems):
        return True
    damage = [problem.offset + problem.length for problem in problems if problem.kind in _HOLES]
    if not damage:
        return False
    offset, _ = _newest(case, evidence_id)
    return offset is None or max(damage) > offset


def _newest(case: Case, evidence_id: int) -> tuple[int | None, int]:
    """Offset and time of a file's record with the highest number."""
    newest = (
        "SELECT offset, coalesce(generated_filetime, 0) FROM events"
        " WHERE evidence_id = ? AND recovered = 0 ORDER BY record_number DESC LIMIT 1"
    )
    return next(case.rows(newest, (evidence_id,)), (None, 0))
