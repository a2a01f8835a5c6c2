"""From a case to what was lost of its replicated files, and which backup set has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from forensics.claims import Claim
from forensics.files.edits import edits_of
from forensics.files.findings import losses_of
from forensics.files.load import file_evidence
from forensics.files.model import FileEvidence, FileHistory, Finding, Kind
from forensics.files.recommend import recommended
from forensics.files.replay import Course, replay
from forensics.files.saves import Save, Seen, installs_of, saves_of
from forensics.files.story import Story
from forensics.files.world import World
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forensics.case.store import Case
    from forensics.files.model import BackupSet, Version
    from forensics.files.world import Happening
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

_CYCLE: Final = "configuration"
_CYCLE_SECONDS: Final = 30
_CHOICES_WEIGHED: Final = 12
_STEPS_WEIGHED: Final = 12_000
# Archives round to two seconds.
_AT_ONCE: Final = 2 * TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class FileAnalysis:
    """What is concluded of the replicated files of a case.

    Attributes:
        findings: what was lost, sorted, with ids; those mended since too (`mended`).
        histories: by file what became of it.
        sets: the backup sets.
        recommended: id of the set to restore from; None where none is.
    """

    findings: tuple[Finding, ...]
    histories: tuple[FileHistory, ...]
    sets: tuple[BackupSet, ...]
    recommended: str | None

    @property
    def in_place(self) -> tuple[Finding, ...]:
        """The losses that were still in place at the end of the evidence."""
        return tuple(one for one in self.findings if not one.mended)


def analyse_evidence(evidence: FileEvidence, analysis: Analysis, history: RoleHistory) -> FileAnalysis:
    """Play every file through, and say what was lost. Pure.

    Args:
        evidence: versions, live files and backup sets.
        analysis: clocks and events.
        history: the roles of the mailbox server's group.
    """
    cycles = {row.name: row.seconds for row in analysis.catalogue.profile.cycles}
    every = evidence.sets
    # What a restore put aside is no evidence of what happened before.
    evidence = replace(evidence, sets=evidence.backups)
    with_files = {*evidence.live, *(one.node for one in evidence.sets)}
    world = World(analysis, history, cycles.get(_CYCLE, _CYCLE_SECONDS), with_files)
    together = _together(evidence, world)
    installs, forced = installs_of(world), world.happenings([Claim.FORCED_SYNC])
    stories = [
        story for name in evidence.names if (story := _story(name, evidence, world, (installs, forced, together)))
    ]
    found = [replace_places(one, evidence, every) for story in stories for one in losses_of(story, world)]
    found.sort(key=lambda one: (one.mended, one.earliest, one.latest, one.file, one.node, one.kind))
    numbered = tuple(replace(one, id=f"overwrite:{number}") for number, one in enumerate(found, start=1))
    histories = tuple(
        FileHistory(
            story.name,
            edits_of(story.name, story.course.changes, story.saves),
            tuple(one for one in numbered if one.file == story.name),
        )
        for story in stories
    )
    open_losses = [one for one in numbered if not one.mended and one.kind is not Kind.DIVERGENCE]
    return FileAnalysis(numbered, histories, every, recommended(every, stories, open_losses, world))


def analyse_files(case: Case, analysis: Analysis) -> FileAnalysis:
    """What was lost of the replicated files of a case. Nothing is written.

    Raises:
        FailedError: the case cannot be read.
    """
    return analyse_evidence(file_evidence(case, analysis), analysis, analysis.roles())


def _story(
    name: str,
    evidence: FileEvidence,
    world: World,
    happened: tuple[Sequence[Happening], Sequence[Happening], frozenset[tuple[str, int]]],
) -> Story | None:
    installs, forced, together = happened
    happened_to = [*forced, *(one for one in world.happenings([Claim.COPY_SKIPPED]) if one.names(name))]
    seen = sightings(name, evidence, world)
    if not seen:
        return None
    saves = saves_of(name, seen, evidence.sets, world, (installs, together))
    course = replay(saves, seen, happened_to, world)
    references: dict[Version, list[str]] = {}
    for one in sorted(seen, key=lambda one: (not one.live, one.time, one.reference)):
        references.setdefault(one.version, []).append(one.reference)
    return Story(
        name,
        saves,
        course,
        _margin(saves, seen, happened_to, world, course),
        {version: tuple(found) for version, found in references.items()},
        frozenset(one.node for one in seen if one.live),
        seen,
    )


def _margin(
    saves: Sequence[Save], seen: Sequence[Seen], happened: Sequence[Happening], world: World, course: Course
) -> float:
    """What it costs at least to make one of the open choices otherwise, where that changes what is held in the end."""
    margin = float("inf")
    # Each is a course of its own: of long histories the last ones alone, which the present contents hang on.
    weighed = max(2, min(_CHOICES_WEIGHED, _STEPS_WEIGHED // max(1, len(saves) + len(seen))))
    for choice, made in list(course.choices.items())[:weighed]:
        other = replay(saves, seen, happened, world, {choice: not made})
        if _outcome(other) != _outcome(course):
            margin = min(margin, other.cost - course.cost)
    return margin


def _outcome(course: Course) -> tuple[object, ...]:
    lines = [(c.node, c.old, c.new, c.how) for c in course.changes if c.how not in {"copy", "forced"}]
    return (*lines, *sorted(course.held.items(), key=lambda item: item[0]))


def _together(evidence: FileEvidence, world: World) -> frozenset[tuple[str, int]]:
    """(node, raw time) of versions that came with others within seconds: so an installation puts files down.

    A template that is distributed rewrites the files that are rebuilt from each other at once: they alone say nothing.
    """
    pair = {row.name.casefold() for row in world.analysis.catalogue.profile.rebuilt_files}
    by_node: dict[str, set[tuple[int, str]]] = {}
    places = [(one.node, one.files) for one in evidence.sets]
    for node, files in [*places, *evidence.live.items()]:
        by_node.setdefault(node, set()).update((file.version.modified or 0, name) for name, file in files.items())
    found = set()
    for node, rows in by_node.items():
        ordered = sorted(rows)
        at = 0
        for end, (raw, _) in enumerate(ordered):
            while ordered[at][0] < raw - _AT_ONCE:
                at += 1
            names = {name.casefold() for _, name in ordered[at : end + 1]}
            if len(names) > 1 and names - pair:
                found |= {(node, when) for when, _ in ordered[at : end + 1]}
    return frozenset(found)


def sightings(name: str, evidence: FileEvidence, world: World) -> list[Seen]:
    """Every sighting of a file that says what a node held when, by time: backup sets that are dated, and live files.

    A file of a backup without content is a copy that failed, and no version.
    """
    found = []
    same = _same_versions(name, evidence)
    for one in evidence.sets:
        file = one.files.get(name)
        if file is None or one.made is None or file.set_apart or one.undo or file.version.size == 0:
            continue
        when = world.when(one.node, one.made).time
        # A stamp of whole seconds may lie before what was saved in that second.
        raw = max(one.made, file.version.modified or 0)
        if raw - one.made <= _AT_ONCE:
            when = world.when(one.node, raw).time
        found.append(Seen(one.node, when, same.get(file.version, file.version), file.reference, live=False))
    for node, files in evidence.live.items():
        file = files.get(name)
        if file is not None and not file.set_apart:
            end = world.when(node, max(evidence.collected.get(node, 0), file.version.modified or 0)).time
            found.append(Seen(node, end, same.get(file.version, file.version), file.reference, live=True))
    last = max((one.time for one in found), default=0)
    # Live files are as they were when the evidence was taken, whenever each node's last event or backup was.
    found = [one._replace(time=max(one.time, last)) if one.live else one for one in found]
    return sorted(found, key=lambda one: (one.time, one.live, one.node, one.reference))


def _same_versions(name: str, evidence: FileEvidence) -> dict[Version, Version]:
    """Versions that stand for others: the same bytes within the two seconds to which archives round, or no hash at all.

    Of the times of one version the one that is not rounded counts.
    """
    every = {file.version for one in evidence.sets if (file := one.files.get(name)) is not None}
    every |= {file.version for files in evidence.live.values() if (file := files.get(name)) is not None}
    ordered = sorted(every, key=lambda v: (v.modified or 0, v.sha256 or "", v.size or 0))
    found: dict[Version, Version] = {}
    by_hash: dict[str, list[Version]] = {}
    for version in ordered:
        if version.sha256 is not None:
            by_hash.setdefault(version.sha256, []).append(version)
    for versions in by_hash.values():
        groups = [[versions[0]]]
        for version in versions[1:]:
            if (version.modified or 0) - (groups[-1][0].modified or 0) <= _AT_ONCE:
                groups[-1].append(version)
            else:
                groups.append([version])
        for group in groups:
            best = max(group, key=lambda v: ((v.modified or 0) % TICKS_PER_SECOND != 0, v.modified or 0))
            found.update({one: best for one in group if one != best})
    for version in ordered:
        if version.sha256 is None:
            like = [v for v in ordered if v.sha256 is not None and _is_like(version, v)]
            if len({v.sha256 for v in like}) == 1:
                found[version] = found.get(like[0], like[0])
    return found


def _is_like(listed: Version, known: Version) -> bool:
    return listed.size == known.size and abs((listed.modified or 0) - (known.modified or 0)) <= _AT_ONCE


def replace_places(one: Finding, evidence: FileEvidence, every: Sequence[BackupSet]) -> Finding:
    """A finding with the places where its lost bytes still are, in undo sets too."""
    sha256 = one.lost.sha256
    sets = tuple(
        s.id
        for s in every
        if (file := s.files.get(one.file)) is not None and file.readable and sha256 and file.version.sha256 == sha256
    )
    live = tuple(
        node
        for node, files in sorted(evidence.live.items())
        if (file := files.get(one.file)) is not None and sha256 and file.version.sha256 == sha256
    )
    return replace(one, recoverable_from=sets, live_on=live)


def by_id(analysis: FileAnalysis) -> Mapping[str, Finding]:
    """The findings by their ids."""
    return {one.id: one for one in analysis.findings}
