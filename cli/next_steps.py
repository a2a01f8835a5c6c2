"""What to do next: commands that a user can type as they stand, each with its reason."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from cli.story_losses import alike
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from cli.output import Row
    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.coverage import LogCoverage
    from forensics.files.analyse import FileAnalysis
    from forensics.roles.model import RoleHistory

# A step for each gap of many would bury the others.
_STEPS_OF_A_KIND = 2
_AROUND = 10 * 60 * TICKS_PER_SECOND


def next_steps(
    case: Case,
    nodes: Sequence[str],
    logs: Sequence[LogCoverage],
    roles: RoleHistory | None = None,
    losses: FileAnalysis | None = None,
) -> list[Row]:
    """The steps that the evidence in the case suggests, each with `why` and `command`; the most urgent first.

    Args:
        case: the case.
        nodes: the nodes that its evidence is from.
        logs: what each log covers.
        roles: the history of the mailbox server's group, where it was worked out.
        losses: what was lost, where it was worked out; `loss_steps` says what to do about it.
    """
    rows = case.evidence()
    lost = {one.file for one in losses.in_place} if losses is not None else set()
    steps = [
        *_damage(case.path, rows),
        *_other_node(case.path, nodes),
        *(_roles(case.path, roles) if roles is not None and roles.nodes else ()),
        *_replicated_files(case, rows, lost),
        *_gaps(case.path, logs),
        *_clock_steps(case.path, logs),
        *_nodes(case.path, nodes, logs),
    ]
    steps.append(
        _step("To show later that the case is still what it was, check it.", ["ccrf", "verify", str(case.path)])
    )
    return steps


def loss_steps(case: Path, losses: FileAnalysis) -> list[Row]:
    """What to do about the losses that are still in place: look at them, look at the set that has them, restore it.

    The restore is left out where the program has no such command.
    """
    name = str(case)
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
        if has_command("restore"):
            why = "Put it back: DIR is the Data folder of the node that is active, or a share of it."
            steps.append(_step(why, ["ccrf", "restore", name, "--from", "backup", "--to", "DIR"]))
    return steps


def has_command(name: str) -> bool:
    """Whether the program has a command: no step names one that there is not."""
    from cli.app import app  # noqa: PLC0415  (it imports the commands, which import this)

    return any(name == (one.name or getattr(one.callback, "__name__", None)) for one in app.registered_commands)


def command_line(words: Sequence[str]) -> str:
    """The words as the shell of this system takes them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _step(why: str, words: Sequence[str]) -> Row:
    return {"why": why, "command": command_line(words)}


def _damage(case: Path, rows: Sequence[EvidenceRow]) -> list[Row]:
    damaged = [row for row in rows if row.status in {"partial", "failed"}]
    if not damaged:
        return []
    verb = "file is" if len(damaged) == 1 else "files are"
    why = f"{len(damaged)} {verb} not whole: see where, and copy them anew from the node if it still has them."
    return [_step(why, ["ccrf", "evidence", str(case)])]


def _other_node(case: Path, nodes: Sequence[str]) -> list[Row]:
    if len(nodes) != 1:
        return []
    why = f"Only {nodes[0]} is in the evidence; what happened between two nodes shows when both are."
    return [_step(why, ["ccrf", "ingest", str(case), "OTHER-NODE"])]


def _roles(case: Path, roles: RoleHistory) -> list[Row]:
    """What the least sure move rests on, what happened around it, and the whole history."""
    steps = []
    order = ("possible", "probable", "certain")
    if roles.conflicts:
        one = roles.conflicts[0]
        why = f"{' and '.join(one.nodes)} both claim to be active: see which records say so."
        steps.append(_step(why, ["ccrf", "roles", str(case), "--explain", one.id]))
    if roles.transitions:
        # The last of those: what it left is what is there now.
        move = min(reversed(roles.transitions), key=lambda move: order.index(move.confidence))
        which = "the last move" if move is roles.transitions[-1] else "the move that is least sure"
        why = f"See what is known of {which}, {move.from_node or '?'} to {move.to_node or '?'}, and from which records."
        steps.append(_step(why, ["ccrf", "roles", str(case), "--explain", move.id]))
        since, until = (iso_utc(moment) for moment in (move.earliest - _AROUND, move.latest + _AROUND))
        why = "See what happened around it on all nodes, on one clock."
        steps.append(_step(why, ["ccrf", "timeline", str(case), "--since", str(since), "--until", str(until)]))
    steps.append(_step("See each node's role over the whole time, and why.", ["ccrf", "roles", str(case)]))
    return steps


def _replicated_files(case: Case, rows: Sequence[EvidenceRow], lost: AbstractSet[str]) -> list[Row]:
    """A search for the replicated file that was lost, or has the most different contents, of those an event names."""
    from forensics.case.search import EventFilter, search_events  # noqa: PLC0415  (see cli.ingest)
    from forensics.profile import profile_of  # noqa: PLC0415

    contents: dict[str, set[str | None]] = {row.name: set() for row in profile_of(case).replicated_files}
    by_folded = {name.casefold(): name for name in contents}
    for row in rows:
        name = by_folded.get(row.path.rsplit("/", 1)[-1].casefold())
        if name is not None:
            contents[name].add(row.sha256)
    for name in sorted(contents, key=lambda name: (name not in lost, -len(contents[name]), name)):
        if list(search_events(case, EventFilter(grep=name, limit=1))):
            number = len(contents[name])
            seen = f"is in the evidence with {number} different contents" if number > 1 else "is replicated"
            why = f"{name} {seen}: see what was logged about it, and when."
            return [_step(why, ["ccrf", "events", str(case.path), "--grep", name])]
    return []


def _gaps(case: Path, logs: Sequence[LogCoverage]) -> list[Row]:
    steps = []
    gaps = [(log, gap) for log in logs for gap in log.gaps if gap.after and gap.before and gap.after < gap.before]
    for log, gap in sorted(gaps, key=lambda pair: pair[1].first - pair[1].last)[:_STEPS_OF_A_KIND]:
        why = f"{log_name(log)} lacks records {gap.first} to {gap.last}: see what the other logs say of that time."
        words = ["ccrf", "events", str(case), "--since", str(gap.after), "--until", str(gap.before)]
        steps.append(_step(why, words))
    return steps


def _clock_steps(case: Path, logs: Sequence[LogCoverage]) -> list[Row]:
    steps = []
    for log in logs:
        for fall in log.steps[:1]:
            why = f"In {log_name(log)} the time falls back at record {fall.record_number}: was the clock set?"
            words = ["ccrf", "events", str(case), "--since", fall.to_time, "--until", fall.from_time]
            steps.append(_step(why, [*words, "--node", log.node] if log.node else words))
    return steps[:_STEPS_OF_A_KIND]


def _nodes(case: Path, nodes: Sequence[str], logs: Sequence[LogCoverage]) -> list[Row]:
    with_events = [node for node in nodes if any(log.node == node and log.live for log in logs)]
    return [
        _step(f"Read what {node} logged, in order.", ["ccrf", "events", str(case), "--node", node])
        for node in with_events[:_STEPS_OF_A_KIND]
    ]


def log_name(log: LogCoverage) -> str:
    """A log as people call it: `System of EXNODE1`; its path where it has no name."""
    if log.log is None:
        return log.path
    return f"{log.log} of {log.node}" if log.node else log.log
