"""A restore as plain values, for JSON and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forensics.restore.model import Times, iso_ns
from parsers.times import iso_utc

if TYPE_CHECKING:
    from forensics.restore.carry_out import Outcome
    from forensics.restore.model import PlannedFile, RestorePlan


def plain_file(one: PlannedFile) -> dict[str, Any]:
    """What is to happen to one file. `modified`: the last-modified time that it is to get, null where it stays."""
    present, coming = one.present, one.coming
    return {
        "file": one.name,
        "action": one.action.value,
        "present": None
        if present is None
        else {"sha256": present.sha256, "modified": iso_ns(present.modified_ns), "size": present.size},
        "coming": None
        if coming is None
        else {"sha256": coming.sha256, "modified": iso_utc(coming.modified), "size": coming.size},
        "modified": iso_ns(one.modified_ns),
        "edits_lose_until": iso_utc(one.edits_lose_until),
        "repairs": list(one.repairs),
        "why": one.why,
    }


def plain_plan(plan: RestorePlan) -> dict[str, Any]:
    """A plan; `blocked` is whether a guard keeps it from being carried out."""
    return {
        "source": plan.source,
        "target": str(plan.target),
        "node": plan.node,
        "node_why": plan.node_why,
        "mtime": plan.times.value,
        "confidence": None if plan.confidence is None else plan.confidence.value,
        "files": list(map(plain_file, plan.files)),
        "guards": [
            {
                "guard": one.check.value,
                "status": "pass" if one.passed else "forced" if one.forced else "fail",
                "why": one.why,
            }
            for one in plan.guards
        ],
        "services": [
            {
                "order": one.order,
                "name": one.name,
                "where": one.where,
                "running": one.running,
                "evidence": list(one.evidence),
                "why": one.why,
            }
            for one in plan.services
        ],
        "blocked": bool(plan.blocked),
        "reason": plan.reason,
    }


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """How a restore ended: what lies there now, read back."""
    return {
        "restore": outcome.journal.reference,
        "state": outcome.journal.state.value,
        "node": outcome.journal.node,
        "source": outcome.journal.source,
        "undo_set": outcome.undo_set,
        "files": [
            {"file": one.name, "sha256": one.sha256, "modified": iso_ns(one.modified_ns)} for one in outcome.placed
        ],
    }


def steps_after(plan: RestorePlan) -> list[str]:
    """What to do, and what to mind, when the files are in place: sentences."""
    other = "the other node" if plan.node is None else "the passive node"
    stops = [one for one in plan.services if one.where == "node"] or list(plan.services)
    steps = []
    if plan.services:
        steps.append(f"Start again what was stopped, in the opposite order ({stops[-1].name} first).")
    if plan.times is Times.NEWEST:
        steps.append(
            f"Wait one replication cycle ({plan.cycle_seconds} s) before any failover: {other} pulls the files, because"
            " their last-modified times are later than those of every copy that the case knows."
        )
    else:
        steps.append(
            f"The files have the times of the set, so {other} may take its own copies for newer and keep them: until"
            " its files are the same, a failover loses this restore."
        )
    lose = [one for one in plan.changing if one.edits_lose_until is not None]
    if lose:
        latest = max(one.edits_lose_until or 0 for one in lose)
        steps.append(
            f"Until {iso_utc(latest)} by the clock of {plan.node or 'the node'} a change that is saved there has an"
            " earlier time than the restored file, and would not be replicated: save nothing before."
        )
    steps.append(f"Collect the Data folders of both nodes and ingest them: then it shows that {other} has them too.")
    return steps
