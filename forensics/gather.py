"""A case made into evidence for the analyses: what its events claim, and what its logs cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.gather_events import observe
from forensics.gather_logs import Owner, read_logs
from forensics.gather_names import names
from forensics.ingest.nodes import NodeBasis
from forensics.ingest.owners import log_owners
from forensics.observations import Evidence

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.catalogue import Catalogue

_SURE: Final = frozenset({NodeBasis.GIVEN, NodeBasis.EVENTS})


def gather(case: Case, catalogue: Catalogue) -> Evidence:
    """What a case holds of claims, coverage, clocks and names.

    Two passes over the events; kept is what the catalogue knows, and the holes in the logs. The same evidence gives the
    same answer in whatever order it was ingested, but for the ids of events that are equal in everything.

    Records found outside of their logs (`recovered`) make observations, for they are true events, but no coverage.
    Observations that repeat one state of a node within a minute are thinned out (`gather_events.THIN_TICKS`); those
    nearest to any other observation of the node are kept. A name without any claim on a role or the membership is a
    node only where a log is its own.

    Args:
        case: ingested and finished: nodes of evidence and copies of events are known.
        catalogue: what is known of events.

    Raises:
        FailedError: the case cannot be read.
    """
    files = case.evidence()
    owner_of = log_owners(case, catalogue)
    owners = {row.id: Owner(owner_of[row.id], row.log or row.path) for row in files}
    observations = observe(case, catalogue, owners)
    logs = read_logs(case, owners, (row for row in files if row.live or row.recovered))
    sure = {owner_of[row.id] for row in files if row.node and row.node_basis in _SURE}
    made_up = {row.node for row in files if row.node_basis == NodeBasis.UNKNOWN and row.node}
    nodes, aliases = names(observations, logs.appearances, sure, made_up)
    cut = frozenset((row.node or "", row.log or row.path) for row in files if row.status in {"partial", "failed"})
    return Evidence(observations, logs.runs, logs.falls, logs.sequels, nodes, aliases, cut)
