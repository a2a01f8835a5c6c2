"""What to do next: commands of this program, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from forensics.checks.model import Status
from forensics.files.telling import alike, listed
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.checks.model import Check
    from forensics.coverage import LogCoverage
    from forensics.files.analyse import FileAnalysis
    from forensics.roles.model import RoleHistory

# A step for each gap of many would bury the others.
_STEPS_OF_A_KIND = 2
_AROUND = 10 * 60 * TICKS_PER_SECOND


class Step(NamedTuple):
    """One step: the reason, and the words of the command, which a shell takes once they are quoted for it."""

    why: str
    words: tuple[str, ...]


def next_steps(
    case: Case,
    name: str,
    nodes: Sequence[str],
    logs: Sequence[LogCoverage],
    roles: RoleHistory | None = None,
    losses: FileAnalysis | None = None,
    checks: Sequence[Check] | None = None,
) -> list[Step]:
    """The steps that the evidence in the case suggests, the most urgent first.

    Args:
        case: the case.
        name: what the commands call it.
        nodes: the nodes that its evidence is from.
        logs: what each log covers.
        roles: the history of the mailbox server's group, where it was worked out.
        losses: what was lost, where it was worked out; `loss_steps` says what to do about it.
        checks: the guidelines, where they were looked at.
    """
    rows = case.evidence()
    lost = {one.file for one in losses.in_place} if losses is not None else set()
    steps = [
        *_damage(name, rows),
        *_other_node(name, nodes),
        *(_guidelines(name, checks) if checks is not None else ()),
        *(_roles(name, roles) if roles is not None and roles.nodes else ()),
        *_replicated_files(case, name, rows, lost),
        *_gaps(name, logs),
        *_clock_steps(name, logs),
        *_nodes(name, nodes, logs),
    ]
    steps.append(_step("To show later that the case is still what it was, check it.", ["ccrf", "verify", name]))
    return steps


def loss_steps(name: str, losses: FileAnalysis) -> list[Step]:
    """What to do about the losses that are still in place: look at them, look at the set that has them, restore it."""
    steps = []
    for group in alike(losses.in_place)[:_STEPS_OF_A_KIND]:
        one = group[0]
        what = f"how {one.file} differs" if one.kind == "divergence" else f"what {one.file} lost"
        words = ["ccrf", "overwrites", name, "--explain", one.id]
        steps.append(_step(f"See {what} on {one.node}, and what that rests on.", words))
    if len(losses.in_place) > _STEPS_OF_A_KIND:
        steps.append(_step("See all that was lost.", ["ccrf", "overwrites", name]))
    best = losses.recommended
    if best is not None:
        steps.append(_step(f"See what is in {best}, the set to restore.", ["ccrf", "backups", "show", name, best]))
    steps += [
        _step(
            f"Put {listed(files)} back: DIR is the Data folder of the node that is active, or a share of it.",
            ["ccrf", "restore", name, "--from", "backup" if one == best else one, "--to", "DIR"],
        )
        for one, files in _repairing(losses)[:_STEPS_OF_A_KIND]
    ]
    return steps


def checkpoint_steps(name: str, checkpoints: Sequence[Checkpoint]) -> list[Step]:
    """What to do about stale checkpoints: nothing where there are none."""
    stale = [one for one in checkpoints if one.stale]
    if not stale:
        return []
    what = "A checkpoint is" if len(stale) == 1 else f"{len(stale)} checkpoints are"
    why = f"{what} stale and would bring old registry keys back: see which, and why."
    remove = "Write the commands that remove them, to be run while the resource is offline: DIR is a folder."
    after = "After they were removed, hold a listing that was taken then (cluster res /check) against the case."
    return [
        _step(why, ["ccrf", "checkpoints", "list", name]),
        _step(remove, ["ccrf", "checkpoints", "cleanup", name, "-o", "DIR"]),
        _step(after, ["ccrf", "checkpoints", "verify", name, "AFTER.txt"]),
    ]


def _repairing(losses: FileAnalysis) -> list[tuple[str, list[str]]]:
    """The sets that have what was lost, the recommended one first, each with the files that only it brings back."""
    left = [one for one in losses.in_place if one.kind != "divergence"]
    others = [one.id for one in reversed(losses.sets) if not one.undo and one.id != losses.recommended]
    found = []
    for one in (losses.recommended, *others):
        if one is not None and (files := sorted({loss.file for loss in left if one in loss.recoverable_from})):
            found.append((one, files))
            left = [loss for loss in left if one not in loss.recoverable_from]
    return found


def _step(why: str, words: Sequence[str]) -> Step:
    return Step(why, tuple(words))


def _damage(name: str, rows: Sequence[EvidenceRow]) -> list[Step]:
    damaged = [row for row in rows if row.status in {"partial", "failed"}]
    if not damaged:
        return []
    verb = "file is" if len(damaged) == 1 else "files are"
    why = f"{len(damaged)} {verb} not whole: see where, and copy them anew from the node if it still has them."
    return [_step(why, ["ccrf", "evidence", name])]


def _other_node(name: str, nodes: Sequence[str]) -> list[Step]:
    if len(nodes) != 1:
        return []
    why = f"Only {nodes[0]} is in the evidence; what happened between two nodes shows when both are."
    return [_step(why, ["ccrf", "ingest", name, "OTHER-NODE"])]


def _roles(name: str, roles: RoleHistory) -> list[Step]:
    """What the least sure move rests on, what happened around it, and the whole history."""
    steps = []
    order = ("possible", "probable", "certain")
    if roles.conflicts:
        one = roles.conflicts[0]
        why = f"{' and '.join(one.nodes)} both claim to be active: see which records say so."
        steps.append(_step(why, ["ccrf", "roles", name, "--explain", one.id]))
    if roles.transitions:
        # The last of those: what it left is what is there now.
        move = min(reversed(roles.transitions), key=lambda move: order.index(move.confidence))
        which = "the last move" if move is roles.transitions[-1] else "the move that is least sure"
        why = f"See what is known of {which}, {move.from_node or '?'} to {move.to_node or '?'}, and from which records."
        steps.append(_step(why, ["ccrf", "roles", name, "--explain", move.id]))
        since, until = (iso_utc(moment) for moment in (move.earliest - _AROUND, move.latest + _AROUND))
        why = "See what happened around it on all nodes, on one clock."
        steps.append(_step(why, ["ccrf", "timeline", name, "--since", str(since), "--until", str(until)]))
    steps.append(_step("See each node's role over the whole time, and why.", ["ccrf", "roles", name]))
    return steps


def _guidelines(name: str, checks: Sequence[Check]) -> list[Step]:
    """The surest violation, with what it rests on; and all of them, with what would decide the unknown ones."""
    order = ("certain", "probable", "possible")
    found = sorted(
        (one for one in checks if one.status is Status.VIOLATION), key=lambda one: (order.index(one.confidence), one.id)
    )
    steps = [
        _step(f"See by what {one.id} was violated: {one.title}.", ["ccrf", "check", name, "--explain", one.id])
        for one in found[:1]
    ]
    why = "See each guideline, whether it was kept, and which evidence would decide those that are unknown."
    return [*steps, _step(why, ["ccrf", "check", name])]


def _replicated_files(case: Case, name: str, rows: Sequence[EvidenceRow], lost: AbstractSet[str]) -> list[Step]:
    """A search for the replicated file that was lost, or has the most different contents, of those an event names."""
    from forensics.case.search import EventFilter, search_events  # noqa: PLC0415  (only this step asks the case)
    from forensics.profile import profile_of  # noqa: PLC0415

    contents: dict[str, set[str | None]] = {row.name: set() for row in profile_of(case).replicated_files}
    by_folded = {name.casefold(): name for name in contents}
    for row in rows:
        file = by_folded.get(row.path.rsplit("/", 1)[-1].casefold())
        if file is not None:
            contents[file].add(row.sha256)
    for file in sorted(contents, key=lambda file: (file not in lost, -len(contents[file]), file)):
        if list(search_events(case, EventFilter(grep=file, limit=1))):
            number = len(contents[file])
            seen = f"is in the evidence with {number} different contents" if number > 1 else "is replicated"
            why = f"{file} {seen}: see what was logged about it, and when."
            return [_step(why, ["ccrf", "events", name, "--grep", file])]
    return []


def _gaps(name: str, logs: Sequence[LogCoverage]) -> list[Step]:
    steps = []
    gaps = [(log, gap) for log in logs for gap in log.gaps if gap.after and gap.before and gap.after < gap.before]
    for log, gap in sorted(gaps, key=lambda pair: pair[1].first - pair[1].last)[:_STEPS_OF_A_KIND]:
        why = f"{log_name(log)} lacks records {gap.first} to {gap.last}: see what the other logs say of that time."
        words = ["ccrf", "events", name, "--since", str(gap.after), "--until", str(gap.before)]
        steps.append(_step(why, words))
    return steps


def _clock_steps(name: str, logs: Sequence[LogCoverage]) -> list[Step]:
    steps = []
    for log in logs:
        for fall in log.steps[:1]:
            why = f"In {log_name(log)} the time falls back at record {fall.record_number}: was the clock set?"
            words = ["ccrf", "events", name, "--since", fall.to_time, "--until", fall.from_time]
            steps.append(_step(why, [*words, "--node", log.node] if log.node else words))
    return steps[:_STEPS_OF_A_KIND]


def _nodes(name: str, nodes: Sequence[str], logs: Sequence[LogCoverage]) -> list[Step]:
    with_events = [node for node in nodes if any(log.node == node and log.live for log in logs)]
    return [
        _step(f"Read what {node} logged, in order.", ["ccrf", "events", name, "--node", node])
        for node in with_events[:_STEPS_OF_A_KIND]
    ]


def log_name(log: LogCoverage) -> str:
    """A log as people call it: `System of EXNODE1`; its path where it has no name."""
    if log.log is None:
        return log.path
    return f"{log.log} of {log.node}" if log.node else log.log
