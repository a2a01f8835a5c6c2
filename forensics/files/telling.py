"""What was lost, which evidence was missing to tell, and what to restore, in a few plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.text import counted
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import BackupSet, FileEvidence, Finding
    from forensics.roles.model import RoleHistory

# Of many losses, and of many gaps, so many are told, and the number of the others.
TOLD: Final = 6
KIND_WORDS: Final = {
    "stale_overwrite": "stale overwrite",
    "lost_update": "lost update",
    "divergence": "divergence",
    "reset": "reset",
}


def losses_story(
    losses: FileAnalysis, evidence: FileEvidence, history: RoleHistory, show: Callable[[object], str]
) -> list[str]:
    """What was lost, as sentences: each loss that is still in place, those mended since, and how sure that is all.

    Args:
        losses: the findings.
        evidence: the files that they were drawn from.
        history: the roles that they were drawn from.
        show: makes the time of a row (ISO 8601, UTC) what the reader sees.

    Returns:
        Never empty, and of bounded length, whatever the findings are.
    """
    groups = alike(losses.in_place)
    told = [sentence for group in groups[:TOLD] for sentence in _losses(group, show)]
    left = sum(map(len, groups[TOLD:]))
    if left:
        told.append(f"{counted(left, 'more loss', 'more losses')}: see `ccrf overwrites`.")
    mended = len(losses.findings) - len(losses.in_place)
    if mended:
        were = "was" if mended == 1 else "were"
        told.append(
            f"{counted(mended, 'earlier loss', 'earlier losses')} {were} mended since: `ccrf overwrites --all`."
        )
    return [*told, *how_sure(losses, evidence, history)]


def alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """The findings, those together that are one event in several files: the same node, kind, cause and certainty."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.node, one.kind, one.cause, one.confidence), []).append(one)
    return list(groups.values())


def how_sure(losses: FileAnalysis, evidence: FileEvidence, history: RoleHistory) -> list[str]:
    """That nothing was lost, where that is so; and what was missing to tell more."""
    from forensics.files.explain import missing_to_tell  # noqa: PLC0415  (see cli.ingest)

    missing = missing_to_tell(evidence, history)
    shown = [
        *missing[:TOLD],
        *([f"{counted(len(missing) - TOLD, 'more gap')} in the evidence."] if missing[TOLD:] else []),
    ]
    if losses.in_place:
        return ["There may be more that the evidence does not show:", *shown] if missing else []
    files = sum(map(len, evidence.live.values()))
    if not files and not evidence.backups:
        return ["What was lost cannot be told.", *shown]
    seen = f"{counted(files, 'live file')} and {counted(len(evidence.backups), 'backup set')}"
    if not missing:
        return [f"No loss of a replicated file shows in {seen}; the evidence of all nodes is there to show one."]
    return [f"No loss of a replicated file shows in {seen}. That is not sure, because evidence is missing:", *shown]


def what_to_restore(losses: FileAnalysis, show: Callable[[object], str]) -> list[str]:
    """Which set has what was lost, or where else that is, and what to decide; none where nothing is lost."""
    wanted = [one for one in losses.in_place if one.kind != "divergence"]
    diverged = [one for one in losses.in_place if one.kind == "divergence"]
    sets = {one.id: one for one in losses.sets}
    told = []
    if losses.recommended is not None:
        told.append(_recommended(sets[losses.recommended], wanted, show))
    # The same content may be lost on several nodes, and is told once.
    elsewhere: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for one in wanted:
        if losses.recommended not in one.recoverable_from:
            elsewhere.setdefault((one.file, one.recoverable_from, one.live_on), []).append(one.id)
    for (file, in_sets, live), ids in list(elsewhere.items())[:TOLD]:
        if in_sets:
            where = f"{listed(in_sets)} {'has' if len(in_sets) == 1 else 'have'} it"
        elif live:
            where = f"the live file of {listed(live)} still has it: copy it before anything else is done"
        else:
            where = "no file of the evidence has it any more: look for backups that are not in the evidence"
        told.append(f"What {file} lost ({listed(ids)}): {where}.")
    told += [
        f"{one.file} differs between the nodes ({one.id}): decide which content is wanted: when {one.node} becomes"
        " active, its own comes into force."
        for one in diverged[:TOLD]
    ]
    left = len(elsewhere) - TOLD, len(diverged) - TOLD
    return [*told, *(f"{counted(number, 'more file')}: see `ccrf overwrites`." for number in left if number > 0)]


def _recommended(one: BackupSet, wanted: Sequence[Finding], show: Callable[[object], str]) -> str:
    files = sorted({finding.file for finding in wanted if one.id in finding.recoverable_from})
    made = f", made {show(iso_utc(one.made))} by the clock of {one.node}" if one.made is not None else ""
    if files:
        return f"Restore {listed(files)} from {one.id} ({one.location}{made})."
    return f"{one.id} ({one.location}{made}) is the last whole set from before the loss, without what was lost."


def _losses(group: Sequence[Finding], show: Callable[[object], str]) -> list[str]:
    one = group[0]
    between = f"between {show(iso_utc(one.earliest))} and {show(iso_utc(one.latest))}"
    if one.earliest == one.latest:
        between = f"at {show(iso_utc(one.latest))}"
    kind = KIND_WORDS[one.kind]
    told = [f"{one.why} {kind[0].upper()}{kind[1:]} on {one.node} {between} ({one.confidence}; {one.id})."]
    if len(group) > 1:
        files = listed(list(dict.fromkeys(other.file for other in group[1:])))
        told.append(f"The same happened to {files} ({listed([other.id for other in group[1:]])}).")
    return told


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; of many names the first and how many more."""
    if len(names) > TOLD:
        return f"{', '.join(names[:TOLD])} and {len(names) - TOLD:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
