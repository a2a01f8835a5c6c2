"""What an ingest is asked for, and what it says afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsers.problems import HARMLESS, Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo
    from pathlib import Path

_WORDS = {
    ProblemKind.BAD_HEADER: "damaged header",
    ProblemKind.STALE_HEADER: "header older than the records (copied while in use)",
    ProblemKind.BAD_CHECKSUM: "wrong checksum",
    ProblemKind.BAD_RECORD: "damaged record",
    ProblemKind.LOST_RANGE: "range without records",
    ProblemKind.TRUNCATED: "cut off",
    ProblemKind.BAD_VALUE: "bad value",
    ProblemKind.REMAINS: "remains of an overwritten record",
    ProblemKind.LIMIT: "limit reached",
    ProblemKind.UNREADABLE: "unreadable",
    ProblemKind.UNSUPPORTED: "not supported",
    ProblemKind.MISNAMED: "misnamed",
    ProblemKind.CROSS_CHECK: "second reader disagrees",
    ProblemKind.ASSUMED: "assumed",
}


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to read the evidence.

    Attributes:
        node: the node that all of it belongs to, as the analyst says; None: told from the evidence.
        jobs: decoding processes; None: one for each core.
        profile: a profile that extends the shipped one; it stays with the case.
        source_tz: zone of times that evidence states without one; None: not known, so UTC, and it is said.
        strict: stop at the first damage.
        cross_check: read each .evtx again with python-evtx and report where the two disagree.
    """

    node: str | None = None
    jobs: int | None = None
    profile: Path | None = None
    source_tz: tzinfo | None = None
    strict: bool = False
    cross_check: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an ingest stands.

    Attributes:
        path: what is being read.
        bytes_done: of all files named, archives counted as they lie there.
        bytes_total: None where it is not known.
        events: read so far.
    """

    path: str
    bytes_done: int
    bytes_total: int | None
    events: int


@dataclass(frozen=True, slots=True)
class EvidenceIssue:
    """A piece of evidence that is not whole: its path and status, and where and why."""

    path: str
    status: str
    offset: int | None
    reason: str


@dataclass(slots=True)
class IngestSummary:
    """What an ingest did.

    Attributes:
        files: pieces of evidence met, members of archives counted like files.
        new: of these, those that were not in the case.
        known: those that were.
        archives: those that are archives: what counts of them is what is in them.
        ignored: those in which there is nothing that this program reads.
        events: added, recovered ones included.
        recovered: of these, found outside the live records.
        issues: pieces that are not whole, known ones included, by path.
        assumed_tz: paths of pieces whose times have no zone and were read as UTC because no zone was given.
        assumed: what else had to be assumed to read a piece, each assumption once.
    """

    files: int = 0
    new: int = 0
    known: int = 0
    archives: int = 0
    ignored: int = 0
    events: int = 0
    recovered: int = 0
    issues: list[EvidenceIssue] = field(default_factory=list)
    assumed_tz: list[str] = field(default_factory=list)
    assumed: list[EvidenceIssue] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether everything could be read and recognised, and there was something to read."""
        return not self.issues and self.files - self.archives > self.ignored


def harmful(problems: Iterable[Problem]) -> list[Problem]:
    """Those that mean a loss."""
    return [problem for problem in problems if problem.kind not in HARMLESS]


def in_words(problems: Iterable[Problem]) -> str | None:
    """One line that counts the problems by kind, losses first; a single one in its own words; None without any."""
    problems = sorted(problems, key=lambda p: (p.kind in HARMLESS, p.offset))
    counts: dict[ProblemKind, int] = {}
    for problem in problems:
        counts[problem.kind] = counts.get(problem.kind, 0) + 1
    if not problems:
        return None
    if len(problems) == 1:
        return f"{_WORDS[problems[0].kind]}: {problems[0].detail}"
    return "; ".join(f"{count} x {_WORDS[kind]}" if count > 1 else _WORDS[kind] for kind, count in counts.items())


def worst(path: str, status: str, problems: Iterable[Problem]) -> EvidenceIssue:
    """The issue of one piece: its first loss, and how many more there are."""
    losses = sorted(harmful(problems), key=lambda p: p.offset)
    if not losses:
        return EvidenceIssue(path, status, None, "could not be read")
    first = losses[0]
    more = f" (and {len(losses) - 1} more)" if len(losses) > 1 else ""
    return EvidenceIssue(path, status, first.offset, f"{_WORDS[first.kind]}: {first.detail}{more}")
