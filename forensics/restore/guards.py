"""The guards of a restore: each a question, answered from the plan, the case and the folder. Pure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from forensics.restore.ground import active_at_end
from forensics.restore.lock import LOCK_NAME
from forensics.restore.model import (
    NO_OVERRIDE,
    Action,
    Check,
    Coming,
    Guard,
    PlannedFile,
    Present,
    RestorePlan,
    SourceSet,
    Target,
    filetime_of,
)
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.files.model import Edit, Finding, Sighting
    from forensics.restore.ground import Ground
    from forensics.restore.model import Wish

# Beside the new files lie the lock and what a file system needs to note names; a cluster of FAT or exFAT for each.
_SPACE_BESIDE: Final = 256 << 10
_CLUSTER: Final = 32 << 10
_SHOWN: Final = 3
# What says when a content came to be; a copy, or a file put back, says when it was there.
_SAVED: Final = frozenset({"edit", "install", "rebuild"})
# How a content came to a node without being anybody's work there.
_MADE_BY_NOBODY: Final = frozenset({"copy", "install", "rebuild", "restore"})


def guards_of(plan: RestorePlan, ground: Ground, source: SourceSet, target: Target, wish: Wish) -> tuple[Guard, ...]:
    """All guards, in the order of `Check`."""
    answers = {
        Check.SOURCE: _source(plan, source),
        Check.TARGET: _target(plan, ground, target),
        Check.ACTIVE: _active(plan, ground),
        Check.LATER: _later(plan, ground),
        Check.SERVICES: _services(plan, wish),
        Check.SPACE: _space(plan, target),
        Check.FREE: _free(target, ground),
        Check.PLAIN: _plain(source, target),
    }
    found = []
    for check in Check:
        faults, fine = answers[check]
        firm = check in NO_OVERRIDE or (check is Check.FREE and _is_ours_or_running(target, ground))
        # No reason makes bytes that are not there.
        firm = firm or (
            check is Check.SOURCE and any(one.coming and one.coming.content is None for one in plan.changing)
        )
        forced = bool(faults) and bool(wish.reason) and not firm
        found.append(Guard(check, not faults, _sentence(faults) or fine, forced))
    return tuple(found)


def _sentence(faults: list[str]) -> str:
    more = f" And {len(faults) - _SHOWN} more." if faults[_SHOWN:] else ""
    return " ".join(faults[:_SHOWN]) + more


_Answer = tuple[list[str], str]


def _source(plan: RestorePlan, source: SourceSet) -> _Answer:
    taken = [(one.name, one.coming) for one in plan.files if one.coming is not None and one.action is not Action.LEAVE]
    faults = [f"{name}: {coming.problem}." for name, coming in taken if coming.problem is not None]
    return faults, f"The bytes of {source.name} have the hashes that the case knows."


def _target(plan: RestorePlan, ground: Ground, target: Target) -> _Answer:
    if plan.node is None:
        return [f"What should lie in {target.path} is not known: {plan.node_why}."], ""
    live = ground.files.live.get(plan.node)
    if not live:
        return [f"The case has no live files of {plan.node}: ingest its Data folder."], ""
    faults = []
    for one in plan.files:
        known, present = live.get(one.name), target.files.get(one.name)
        if not _is_known(known, present) and not _was_put(ground, plan.node, one.name, present):
            what = "is there, which the case does not know" if known is None else "is not what the case knows of it"
            what = "is missing" if present is None else what
            faults.append(f"{one.file_name} {what}: ingest the folder again.")
    return faults, f"{target.path} holds what the case knows of {plan.node} ({plan.node_why})."


def _is_known(known: Sighting | None, present: Present | None) -> bool:
    if known is None or present is None:
        return known is None and present is None
    if known.version.sha256 is not None:
        return present.sha256 == known.version.sha256
    # Of a listing only size and time are known; archives and listings keep no more than seconds.
    modified = filetime_of(present.modified_ns)
    return present.size == known.version.size and abs(modified - (known.version.modified or 0)) <= 20_000_000


def _was_put(ground: Ground, node: str, name: str, present: Present | None) -> bool:
    return present is not None and ground.put.get((node, name)) == present.sha256 is not None


def _active(plan: RestorePlan, ground: Ground) -> _Answer:
    last = active_at_end(ground.history)
    if plan.node is None:
        return [f"Whether its node is active cannot be told: {plan.node_why}."], ""
    if last is None:
        return ["Which node was active at the end of the evidence is not known."], ""
    if last.node != plan.node:
        why = f"{plan.node} was not active at the end of the evidence, {last.node} was ({last.confidence.value}): "
        return [f"{why}what is put on the passive node is overwritten, or lost at the next failover."], ""
    return [], f"{plan.node} was active at the end of the evidence ({last.confidence.value})."


def _later(plan: RestorePlan, ground: Ground) -> _Answer:
    faults = []
    for one in plan.files:
        if one.action is not Action.REPLACE or one.present is None or one.coming is None:
            continue
        findings = [f for f in ground.losses.in_place if f.file == one.name and plan.node in {None, f.node}]
        if any(_is_damage(finding, one.present, ground) for finding in findings):
            continue
        told = _later_words(one, one.present, one.coming, ground)
        if told is not None:
            faults.append(told)
    return faults, "Nothing that was saved later is replaced."


def _is_damage(finding: Finding, present: Present, ground: Ground) -> bool:
    """Whether what lies there is what the loss left, and not something that somebody saved after it."""
    if finding.current is None or finding.current.sha256 != present.sha256:
        return False
    return not any(
        edit.version.sha256 == present.sha256
        and edit.how not in _MADE_BY_NOBODY
        and edit.time is not None
        and edit.time > finding.latest
        for edit in _edits(finding.file, ground)
    )


def _edits(name: str, ground: Ground) -> Sequence[Edit]:
    return next((history.edits for history in ground.losses.histories if history.name == name), ())


def _later_words(one: PlannedFile, present: Present, coming: Coming, ground: Ground) -> str | None:
    """Why the present content must not be replaced by that of the set; None where it is the earlier one."""
    edits = _edits(one.name, ground)

    def saved(sha256: str | None) -> int | None:
        own = [edit.time for edit in edits if edit.version.sha256 == sha256 and edit.how in _SAVED]
        return max((time for time in own if time is not None), default=None)

    now, then = saved(present.sha256), saved(coming.sha256)
    if now is None or then is None:
        now, then = filetime_of(present.modified_ns), coming.modified
    if then is None:
        return f"{one.file_name}: whether its content is later than the set's cannot be told."
    if now > then:
        times = f"({iso_utc(now)}) than the set's content ({iso_utc(then)})"
        return (
            f"{one.file_name} was saved later {times}, so it may hold changes that the set lacks: compare them"
            " ('ccrf backups diff'), name the other files with --only, or override it."
        )
    return None


def _services(plan: RestorePlan, wish: Wish) -> _Answer:
    running = [one for one in plan.services if one.running]
    if wish.assume_stopped:
        return [], "They are stopped, as --assume-stopped says."
    if running:
        return [
            f"{running[0].why} Stop them ({', '.join(one.name for one in plan.services)}), then say --assume-stopped."
        ], ""
    return [], plan.services[0].why if plan.services else "The profile names none."


def _space(plan: RestorePlan, target: Target) -> _Answer:
    sizes = [one.coming.size or 0 for one in plan.changing if one.coming is not None]
    needed = sum(-(-size // _CLUSTER) * _CLUSTER for size in sizes) + _SPACE_BESIDE
    if target.free is None:
        return [], "How much space is left cannot be told; a full disk would be noticed before anything is replaced."
    if plan.changing and target.free < needed:
        return [f"{target.free} bytes are free, and {needed} are needed beside the old files."], ""
    return [], f"There is room for the {needed} bytes that are needed."


def _free(target: Target, ground: Ground) -> _Answer:
    holder = target.holder
    again = f"An earlier restore to {target.path} did not end: finish it with --resume, or --rollback."
    if holder is not None and holder.running:
        return [f"Another restore to {target.path} is running now."], ""
    if _is_unfinished(target, ground):
        return [again], ""
    if holder is None:
        return [], "Nobody else restores there."
    if holder.running is False and not holder.token and not holder.begun:
        return [], "A restore that was cut off before it began left its lock, and nothing else."
    whose = f"from the case {holder.case_name}" if holder.case_name else "from another case"
    if holder.case_id == ground.case_id:
        if not holder.begun or holder.token in ground.ended:
            # It was cut off before anything was changed, or after all was done.
            return [], "An earlier restore of this case left its lock, and nothing else."
        whose = f"from a copy of this case, {holder.case_name},"
    ways = "finish it with that case (--resume, or --rollback), or, where that case is lost, override it"
    return [f"A restore to {target.path} {whose} did not end: {ways}; it left {LOCK_NAME}."], ""


def _is_unfinished(target: Target, ground: Ground) -> bool:
    """Whether a restore of this very case did not end there, whatever became of its lock."""
    holder = target.holder
    if holder is not None and holder.case_id == ground.case_id and holder.token in ground.unfinished:
        return True
    return os.path.realpath(target.path) in ground.unfinished_at


def _is_ours_or_running(target: Target, ground: Ground) -> bool:
    """Whether no reason overrides the lock: somebody is at work, or the journal to finish is in this very case."""
    holder = target.holder
    return (holder is not None and bool(holder.running)) or _is_unfinished(target, ground)


def _plain(source: SourceSet, target: Target) -> _Answer:
    return [*(f"{text}." for text in target.troubles), *(f"{text}." for text in source.hostile)], (
        "No link, no device, and no path that leads out of the folder."
    )
