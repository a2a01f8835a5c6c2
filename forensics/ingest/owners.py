"""Whose log a file is, where it holds as many entries of other nodes as of its own.

A Server 2003 cluster copies the entries of each node to the logs of all others, so most entries of a log may well be
another node's: it is enough that its own node was down for an hour. What tells instead, in this order: the starts of
the machine, which are logged before the cluster service could copy anything (inferred); the folder's name; most of
those entries that are not known to be copies. And a machine may have had another name when its log began.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from forensics.case.values import sql_text, text_from_sql
from forensics.claims import Claim
from forensics.ingest.nodes import NodeBasis
from parsers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.catalogue import Catalogue

# Another name than the one of most entries must have at least this share of their number.
_SHARE: Final = 1 / 3
# A start that was copied all the same, or a stray one, must not decide.
_CLEARLY: Final = 3


def log_owners(case: Case, catalogue: Catalogue) -> dict[int, str]:
    """Evidence id -> the node whose it is: its node as the case states it, but for logs with copies of others' entries.

    Args:
        case: whose evidence has its nodes.
        catalogue: tells which events are a machine's start.

    Raises:
        FailedError: the case cannot be read.
    """
    rows = case.evidence()
    owners = {row.id: row.node or "" for row in rows}
    groups: dict[str, list[EvidenceRow]] = defaultdict(list)
    for row in rows:
        if (
            row.kind == Kind.EVTX
            and row.node_basis == NodeBasis.EVENTS
            and "," in str(row.facts.get("computers") or "")
        ):
            owners[row.id] = _last_name(case, row)
        if row.kind in {Kind.EVT, Kind.EVENT_EXPORT} and row.node_basis == NodeBasis.EVENTS:
            groups[row.path.rpartition("/")[0]].append(row)
    boots = _boots(case, catalogue)
    known = {name for name in owners.values() if name}
    for group in groups.values():
        # Two logs of one name are not those of one machine, unless it is one log saved twice: each for itself then.
        together = len({row.log for row in group}) == len(group)
        for row in group:
            started = sum((boots[other.id] for other in (group if together else [row])), Counter[str]())
            owners[row.id] = _owner(case, row, started, known)
    return owners


def _owner(case: Case, row: EvidenceRow, started: Counter[str], known: set[str]) -> str:
    most = row.node or ""
    ranked = started.most_common(2)
    if ranked and (len(ranked) == 1 or ranked[0][1] >= _CLEARLY * ranked[1][1]):
        name = ranked[0][0]
        if name == most or _has_share(case, row.id, name, most):
            return name
    computers = set(str(row.facts.get("computers") or "").split(","))
    # A log may hold nothing but copies.
    named = computers | known if computers - {""} else set(row.path.upper().split("/"))
    for part in reversed(row.path.upper().split("/")[:-1]):
        if part == most:
            return most
        if part in named and _has_share(case, row.id, part, most):
            return part
    if computers - {"", most}:
        return _own_entries(case, row.id) or most
    return most


def _own_entries(case: Case, evidence_id: int) -> str | None:
    """The computer of most entries that are no copies; None where all are, or where two have as many."""
    found = case.rows(
        "SELECT node, count(*) FROM events WHERE evidence_id = ? AND recovered = 0 AND duplicate_of IS NULL"
        " AND node IS NOT NULL GROUP BY node ORDER BY count(*) DESC LIMIT 2",
        (evidence_id,),
    )
    ranked = list(found)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return text_from_sql(ranked[0][0])


def _has_share(case: Case, evidence_id: int, name: str, most: str) -> bool:
    """Whether enough entries are of that name, against those of the other that are not known to be copies."""
    own, others = next(
        case.rows(
            "SELECT total(node = ?), total(node = ? AND duplicate_of IS NULL) FROM events"
            " WHERE evidence_id = ? AND recovered = 0",
            (sql_text(name), sql_text(most), evidence_id),
        )
    )
    return bool(own >= _SHARE * others)


def _last_name(case: Case, row: EvidenceRow) -> str:
    """The name under which a log ends that began under others, each of them gone before the next; else its node."""
    ranges = list(
        case.rows(
            "SELECT node, min(record_number), max(record_number) FROM events WHERE evidence_id = ? AND recovered = 0"
            " AND node IS NOT NULL AND record_number IS NOT NULL GROUP BY node ORDER BY min(record_number)",
            (row.id,),
        )
    )
    if not ranges or any(before[2] >= after[1] for before, after in pairwise(ranges)):
        return row.node or ""
    return text_from_sql(ranges[-1][0])


def _boots(case: Case, catalogue: Catalogue) -> defaultdict[int, Counter[str]]:
    """How many starts of each computer a file of evidence holds, known copies left out."""
    ids = sorted({row.id for row in catalogue.profile.events if row.claim is Claim.BOOT and row.id is not None})
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    sources: Sequence[str] = [
        source for (source,) in case.rows("SELECT DISTINCT source FROM events") if isinstance(source, str)
    ]
    for event_id in ids:
        starting = []
        for source in sources:
            match = catalogue.match(text_from_sql(source), event_id, ())
            if match is not None and match.row.claim is Claim.BOOT:
                starting.append(source)
        for evidence_id, node, count in case.rows(
            # Of records that are in the case twice only those count that are one record, in a log saved twice.
            "SELECT e.evidence_id, e.node, count(*) FROM events AS e LEFT JOIN events AS o ON o.id = e.duplicate_of"
            " WHERE e.source IN (SELECT value FROM json_each(?)) AND e.event_id = ? AND e.recovered = 0"
            " AND e.node IS NOT NULL AND (e.duplicate_of IS NULL OR o.record_number = e.record_number)"
            " GROUP BY e.evidence_id, e.node",
            (json.dumps(starting), event_id),
        ):
            found[evidence_id][text_from_sql(node)] += count
    return found
