"""Shapes of what the report says. Times are FILETIME on the reference clock, unless it is said that they are recorded.

Nothing here depends on today, on where the case lies or on how it is called: the same case gives the same page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forensics.case.rows import EvidenceRow
    from forensics.coverage import LogCoverage
    from forensics.files.contents import ContentDifference
    from forensics.files.explain import Witness
    from forensics.files.model import BackupSet, Edit, Finding
    from forensics.next_steps import Step
    from forensics.report.picture import Picture
    from forensics.roles.model import ClockOffset, RoleConflict, RoleInterval, RoleTransition
    from forensics.timeline import TimelineRow
    from parsers.problems import Problem

_T = TypeVar("_T")


class Verdict(StrEnum):
    """What the page's first line says."""

    LOST = "lost"
    DIVERGED = "diverged"
    NOTHING = "nothing"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


class Some(NamedTuple, Generic[_T]):
    """As many rows as are told, how many there are more, and the command that shows all."""

    rows: tuple[_T, ...]
    left_out: int
    words: tuple[str, ...]


class Cites(NamedTuple):
    """The records behind a conclusion: those that the page lists, and how many there are more, for it and against it.

    Attributes:
        refs, against: references such as `event:7`.
        left_out: how many of both are not listed.
        words: the command that shows all of them; () where there is none.
    """

    refs: tuple[str, ...]
    against: tuple[str, ...] = ()
    left_out: int = 0
    words: tuple[str, ...] = ()


class Fact(NamedTuple):
    """One line of the summary: a name, a sentence, and whether it is bad, good or neither ("")."""

    name: str
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class FindingPart:
    """One loss with all that is said of it.

    Attributes:
        finding: the conclusion.
        number: its number, as in its id.
        grounds: why its word is the one it is, in sentences.
        witnesses: files that hold one of its contents, or that it names.
        difference: how the lost content differs from the present one, where the case holds both.
    """

    finding: Finding
    number: str
    grounds: tuple[str, ...]
    witnesses: tuple[Witness, ...]
    difference: ContentDifference | None


class HistoryRow(NamedTuple):
    """One line in the history of a file: what became of it, or (`finding`) what was lost."""

    time: int | None
    node: str | None
    what: str
    edit: Edit | None
    finding: Finding | None
    why: str


class HistoryPart(NamedTuple):
    """The history of one replicated file."""

    name: str
    rows: Some[HistoryRow]
    notes: tuple[str, ...]


class EventRecord(NamedTuple):
    """One event that a conclusion names.

    Attributes:
        ref: `event:7`.
        time: FILETIME on the reference clock, where its node's clock is known; else None.
        recorded: by the node's own clock, ISO 8601.
        log, number: where it stands.
        says, known: what it claims, and how well that is known; "" for an event that the catalogue does not know.
        text: its message, or its strings.
        path: of the file it was read from.
    """

    ref: str
    time: int | None
    recorded: str | None
    node: str
    log: str
    number: int | None
    source: str
    event_id: int | None
    says: str
    known: str
    text: str
    path: str


class FileRecord(NamedTuple):
    """One file that a conclusion names; `modified` is FILETIME as recorded, `place` live, a set's id, or other."""

    ref: str
    node: str
    name: str
    place: str
    path: str
    size: int | None
    modified: int | None
    sha256: str | None


class EvidencePart(NamedTuple):
    """One file that was read, and what is wrong with it."""

    row: EvidenceRow
    problems: tuple[Problem, ...]
    more_problems: int


class CheckPart(NamedTuple):
    """A guideline, and whether it was kept."""

    id: str
    title: str
    status: str
    confidence: str
    evidence: tuple[str, ...]
    why: str
    remedy: str
    would_decide: str


class CheckpointPart(NamedTuple):
    """A checkpoint of the cluster, and whether it is stale; None where that is not known."""

    id: str
    node: str
    resource: str
    key: str
    kind: str
    configured_by_product: bool
    stale: bool | None
    confidence: str
    evidence: tuple[str, ...]
    why: str
    command: str


class Closeup(NamedTuple):
    """The picture of the minutes around a loss: its id, and those of all that came about with it."""

    id: str
    ids: tuple[str, ...]
    picture: Picture


@dataclass(frozen=True, slots=True)
class Report:
    """The whole page.

    Attributes:
        title: the answer, in a few words.
        verdict: what kind of answer it is.
        group, nodes, reference: whom it is about, and whose clock it tells times by.
        first, last: the span of the evidence, as recorded, ISO 8601.
        failed: why nothing, or not all, could be concluded; None where all was.
        facts, lost, todo, steps, story: the answer in sentences: its figures, what was lost, what to do, which
            commands, who was active when.
        further: where to look beyond that.
        picture: None where no node is known.
        closeups: of the first losses.
        moves, intervals, conflicts, offsets: what is concluded of roles and clocks.
        findings: what was lost, in place first.
        happened, left: what happened in its order, the essential of it; what that leaves out.
        letters: (file, hash) -> the letter by which the page calls that content.
        cites: by id of a conclusion the records behind it.
    """

    title: str
    verdict: Verdict
    group: str | None
    nodes: tuple[str, ...]
    reference: str | None
    first: str | None
    last: str | None
    failed: str | None
    facts: tuple[Fact, ...]
    lost: tuple[str, ...]
    todo: tuple[str, ...]
    steps: tuple[Step, ...]
    further: tuple[Step, ...]
    story: tuple[str, ...]
    picture: Picture | None
    closeups: tuple[Closeup, ...]
    moves: Some[RoleTransition]
    intervals: Some[RoleInterval]
    conflicts: Some[RoleConflict]
    offsets: tuple[ClockOffset, ...]
    findings: Some[FindingPart]
    happened: tuple[TimelineRow, ...]
    left: tuple[tuple[str, int], ...]
    histories: tuple[HistoryPart, ...]
    sets: Some[BackupSet]
    recommended: str | None
    replicated: tuple[str, ...]
    notes: tuple[str, ...]
    checks: tuple[CheckPart, ...]
    checkpoints: Some[CheckpointPart]
    evidence: Some[EvidencePart]
    unread: Some[EvidencePart]
    logs: Some[LogCoverage]
    letters: Mapping[tuple[str, str], str]
    cites: Mapping[str, Cites]
    events: tuple[EventRecord, ...]
    files: tuple[FileRecord, ...]
