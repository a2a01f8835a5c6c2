"""What became of the replicated files as rows of the timeline: saves and copies, backup sets, and what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.files.explain import places
from forensics.timeline import TimelineKind, TimelineRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.clocks.timeline import Clocks
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import BackupSet, Edit, FileEvidence, Finding, Version

# What a change of a file is called; a word that is not here stands as it is.
_WORDS: Final = {
    "edit": "saved",
    "install": "installed",
    "rebuild": "rebuilt",
    "restore": "restored",
    "copy": "copied",
    "unknown": "changed",
}


def file_rows(losses: FileAnalysis, evidence: FileEvidence, clocks: Clocks) -> Iterator[TimelineRow]:
    """Each change of a file, each backup set and each loss that has a time, in no particular order.

    Args:
        losses: with the history of each file; losses that were mended since are told as well.
        evidence: what they were drawn from.
        clocks: of the case.
    """
    seen: dict[tuple[str, Version], list[str]] = {}
    for reference, (file, _) in places(evidence).items():
        seen.setdefault((file.name, file.version), []).append(reference)
    for history in losses.histories:
        for edit in history.edits:
            if edit.time is not None:
                yield _change(history.name, edit, tuple(seen.get((history.name, edit.version), ())))
    for one in losses.sets:
        # What a restore put aside was made by another clock, after the incident.
        if one.made is not None and not one.undo:
            yield _backup(one, one.made, clocks)
    for finding in losses.findings:
        yield _loss(finding)


def _change(name: str, edit: Edit, references: tuple[str, ...]) -> TimelineRow:
    time = edit.time or 0
    low, high = (time if edit.low is None else edit.low), (time if edit.high is None else edit.high)
    return TimelineRow(
        time, min(low, time), max(high, time), True, edit.version.modified, edit.node or "",  # noqa: FBT003
        TimelineKind.FILE, _WORDS.get(edit.how, edit.how), name, edit.why, None, None,
        tuple(dict.fromkeys((*edit.evidence, *references))),
    )  # fmt: skip


def _backup(one: BackupSet, made: int, clocks: Clocks) -> TimelineRow:
    moment = clocks.moment(one.node, made)
    time, low, high = map(clocks.shown, moment[:3])
    low, high = (low if one.low is None else one.low), (high if one.high is None else one.high)
    return TimelineRow(
        time, min(low, time), max(high, time), moment.bounded, made, one.node, TimelineKind.BACKUP, "backup",
        one.location, one.why, one.confidence, None, (one.id, *one.evidence),
    )  # fmt: skip


def _loss(one: Finding) -> TimelineRow:
    """At the last moment at which it can have happened: then it had."""
    detail = f"{one.why} (Mended since.)" if one.mended else one.why
    return TimelineRow(
        one.latest, one.earliest, one.latest, True, None, one.node, TimelineKind.OVERWRITE,  # noqa: FBT003
        one.kind, one.file, detail, one.confidence, None, (one.id, *one.evidence),
    )  # fmt: skip
