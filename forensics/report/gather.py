"""From a case and its conclusions to everything that the page says. Nothing is written, nothing rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from forensics.coverage import log_coverage, nodes_of
from forensics.files.contents import difference
from forensics.files.explain import why_that_word, witnesses
from forensics.files.model import Kind
from forensics.files.telling import alike, losses_story, what_to_restore
from forensics.next_steps import loss_steps, next_steps
from forensics.report import answer
from forensics.report.cite import Citer, event_records, file_records
from forensics.report.histories import history_parts, letters_of
from forensics.report.model import Cites, Closeup, EvidencePart, FindingPart, Report, Some
from forensics.report.picture import picture
from forensics.report.select import Selection, essential
from forensics.report.stored import stored_checkpoints, stored_checks
from forensics.roles.telling import story, telling_logs, within
from forensics.timeline import timeline
from forensics.timeline_files import file_rows
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.conclude import Conclusions
    from forensics.files.model import BackupSet, Finding
    from forensics.roles.model import RoleHistory

_T = TypeVar("_T")

CASE: Final = "CASE"
"""What the page calls the case in commands: where it lies, and under what name, is the reader's."""
_ROLES: Final = ("ccrf", "roles", CASE)
_BACKUPS: Final = ("ccrf", "backups", "list", CASE)
_EVIDENCE: Final = ("ccrf", "evidence", CASE)
_TIMELINE: Final = ("ccrf", "timeline", CASE)
_LOSSES: Final = ("ccrf", "overwrites", CASE, "--all")
_CHECK: Final = ("ccrf", "check", CASE)
_CHECKPOINTS: Final = ("ccrf", "checkpoints", "list", CASE)

# How many rows of each table are told.
_FINDINGS: Final = 30
_ROWS: Final = 100
_FILES: Final = 300
_PROBLEMS: Final = 8
# How many records of one conclusion are listed: the losses are what people want to see proved.
_OF_FINDING: Final = 40
_OF_OTHERS: Final = 10
_CLOSEUPS: Final = 2
_LEAST_MARGIN: Final = 30 * TICKS_PER_SECOND


def gather(case: Case, done: Conclusions) -> Report:
    """Everything that the page says of a case.

    Args:
        case: ingested and finished.
        done: what is concluded of it; what is None there is left out, and `problem` is told.

    Raises:
        FailedError: the case cannot be read.
    """
    return _Gatherer(case, done).report()


class _Gatherer:
    def __init__(self, case: Case, done: Conclusions) -> None:
        self._case, self._done = case, done
        self._files, self._losses = done.files, done.losses
        self._history: RoleHistory | None = done.analysis.roles() if done.analysis is not None else None
        self._citer = Citer()
        self._cites: dict[str, Cites] = {}

    def report(self) -> Report:
        case, files, losses, history = self._case, self._files, self._losses, self._history
        rows, logs = case.evidence(), log_coverage(case)
        nodes = tuple(nodes_of(case, logs, history))
        checks, checkpoints = stored_checks(case), stored_checkpoints(case)
        selection = self._selection()
        verdict = answer.verdict(losses, files, history)
        steps = loss_steps(CASE, losses) if losses is not None else []
        # What is cited first has its records listed for sure.
        findings = self._findings()
        moves = _ends(history.transitions if history else (), _ROLES)
        conflicts = _ends(history.conflicts if history else (), _ROLES)
        intervals = _ends(history.intervals if history else (), _ROLES)
        for move in moves.rows:
            words = (*_ROLES, "--explain", move.id)
            self._cite(move.id, move.evidence, 2 * _OF_OTHERS, words, move.contradicted_by)
        for conflict in conflicts.rows:
            self._cite(conflict.id, conflict.evidence, 2 * _OF_OTHERS, (*_ROLES, "--explain", conflict.id))
        for check in checks:
            self._cite(f"check:{check.id}", check.evidence, _OF_OTHERS, (*_CHECK, "--explain", check.id))
        for checkpoint in checkpoints[:_ROWS]:
            self._cite(checkpoint.id, checkpoint.evidence, _OF_OTHERS, _CHECKPOINTS)
        sets = self._sets()
        for kept in sets.rows:
            self._cite(kept.id, kept.evidence, _OF_OTHERS, ("ccrf", "backups", "show", CASE, kept.id))
        for role in intervals.rows:
            words = (*_ROLES, "--explain", role.id)
            self._cite(role.id, role.evidence, _OF_OTHERS, words, role.contradicted_by)
        offsets = history.clock_offsets if history else ()
        for number, offset in enumerate(offsets, start=1):
            self._cite(f"offset:{number}", offset.evidence, _OF_OTHERS, _ROLES)
        histories = history_parts(losses, _TIMELINE)
        for part in histories:
            for line in part.rows.rows:
                self._citer.cite(line.edit.evidence if line.edit else (), _OF_OTHERS)
        return Report(
            title=answer.title(losses, verdict),
            verdict=verdict,
            group=history.group if history else None,
            nodes=nodes,
            reference=history.nodes[0] if history and history.nodes else None,
            first=min((log.first_time for log in logs if log.first_time), default=None),
            last=max((log.last_time for log in logs if log.last_time), default=None),
            failed=self._done.problem,
            facts=answer.facts(losses, history, case.counts(), rows, checks, checkpoints),
            lost=tuple(losses_story(losses, files, history, str)) if losses and files and history else (),
            todo=tuple(what_to_restore(losses, str)) if losses else (),
            steps=tuple(steps),
            further=tuple(next_steps(case, CASE, nodes, logs, history, losses)),
            story=self._story(),
            picture=picture(history, selection.rows, _clocks(history)) if history else None,
            closeups=self._closeups(selection),
            moves=moves,
            intervals=intervals,
            conflicts=conflicts,
            offsets=offsets,
            findings=findings,
            happened=selection.rows,
            left=selection.left,
            histories=histories,
            sets=sets,
            recommended=losses.recommended if losses else None,
            replicated=files.names if files else (),
            notes=files.notes if files else (),
            checks=checks,
            checkpoints=_first(checkpoints, _ROWS, _CHECKPOINTS),
            evidence=self._evidence(rows, _FILES),
            unread=self._evidence([row for row in rows if row.status in {"partial", "failed"}], _ROWS),
            logs=_first(logs, _ROWS, _EVIDENCE),
            letters=letters_of(files, losses),
            cites=self._cites,
            events=event_records(case, self._done.analysis, self._citer.ids("event")),
            files=file_records(case, files, self._citer.ids("file")),
        )

    def _cite(
        self, ref: str, evidence: Sequence[str], most: int, words: tuple[str, ...], against: Sequence[str] = ()
    ) -> None:
        self._cites[ref] = self._citer.cite(evidence, most, words, against)

    def _selection(self) -> Selection:
        analysis, history = self._done.analysis, self._history
        if analysis is None or history is None:
            return Selection((), ())
        losses, files = self._losses, self._files
        also = file_rows(losses, files, analysis.clocks) if losses is not None and files is not None else ()
        moments = [time for one in (losses.in_place if losses else ()) for time in (one.earliest, one.latest)]
        moments += [one.time for one in history.transitions]
        return essential(timeline(self._case, analysis, [history], also=also), moments)

    def _findings(self) -> Some[FindingPart]:
        losses = self._losses
        if losses is None:
            return Some((), 0, _LOSSES)
        # A loss in place goes before a difference that replication leaves, and both before what was mended.
        ordered = sorted(losses.findings, key=lambda one: (one.mended, one.kind is Kind.DIVERGENCE))
        return _first([self._finding(one) for one in ordered[:_FINDINGS]], _FINDINGS, _LOSSES, len(ordered))

    def _finding(self, one: Finding) -> FindingPart:
        analysis, history, files = self._done.analysis, self._history, self._files
        if analysis is None or history is None or files is None:
            raise AssertionError("findings rest on roles and files")
        seen = witnesses(files, one)
        also = [witness.file.reference for witness in seen]
        words = ("ccrf", "overwrites", CASE, "--explain", one.id)
        self._cite(one.id, [*one.evidence, *also], _OF_FINDING, words, one.contradicted_by)
        return FindingPart(
            finding=one,
            number=one.id.partition(":")[2],
            grounds=tuple(why_that_word(analysis, history, one, seen)),
            witnesses=tuple(seen[:_OF_FINDING]),
            difference=None if one.current is None else difference(self._case, one.lost, one.current),
        )

    def _sets(self) -> Some[BackupSet]:
        """Sets that have something that was lost are told first where there are many."""
        if self._files is None:
            return Some((), 0, _BACKUPS)
        sets = self._files.sets
        losses = self._losses
        wanted = {name for one in (losses.in_place if losses else ()) for name in one.recoverable_from}
        best = losses.recommended if losses else None
        chosen = sorted(sets, key=lambda one: (one.id != best, one.id not in wanted))[:_ROWS]
        told = {one.id for one in chosen}
        return Some(tuple(one for one in sets if one.id in told), len(sets) - len(told), _BACKUPS)

    def _evidence(self, rows: Sequence[EvidenceRow], most: int) -> Some[EvidencePart]:
        return _first([self._part(row) for row in rows[:most]], most, _EVIDENCE, len(rows))

    def _part(self, row: EvidenceRow) -> EvidencePart:
        problems = self._case.problems(row.id)
        return EvidencePart(row, tuple(problems[:_PROBLEMS]), max(0, len(problems) - _PROBLEMS))

    def _closeups(self, selection: Selection) -> tuple[Closeup, ...]:
        """The minutes in which the first losses came about: what a picture of days cannot show."""
        history = self._history
        if history is None or self._losses is None:
            return ()
        found: list[Closeup] = []
        for group in alike(self._losses.in_place)[:_CLOSEUPS]:
            one = group[0]
            around = [one.earliest, one.latest]
            around += [m.time for m in history.transitions if m.earliest <= one.latest and m.latest >= one.earliest]
            margin = max(_LEAST_MARGIN, (max(around) - min(around)) // 2)
            span = (min(around) - margin, max(around) + margin)
            drawn = picture(history, selection.rows, _clocks(history), span)
            if drawn is not None:
                found.append(Closeup(one.id, tuple(other.id for other in group), drawn))
        return tuple(found)

    def _story(self) -> tuple[str, ...]:
        if self._history is None or self._done.analysis is None:
            return ()
        return tuple(story(self._history, str, telling_logs(self._done.analysis)))


def _clocks(history: RoleHistory) -> dict[str, str]:
    """By node how far its clock was off, in a few words; nothing where it was set, or is not known."""
    told = {history.nodes[0]: "reference clock"} if history.nodes else {}
    for row in history.clock_offsets:
        if row.since is None and row.until is None:
            way = "ahead" if row.seconds < 0 else "behind"
            told[row.node] = f"{abs(row.seconds):.1f} s {way} {within(row)}" if row.seconds else f"level {within(row)}"
    return told


def _first(rows: Sequence[_T], most: int, words: tuple[str, ...], number: int | None = None) -> Some[_T]:
    return Some(tuple(rows[:most]), max(0, (len(rows) if number is None else number) - most), words)


def _ends(rows: Sequence[_T], words: tuple[str, ...]) -> Some[_T]:
    """Of many rows the first and the last."""
    if len(rows) <= _ROWS:
        return Some(tuple(rows), 0, words)
    half = _ROWS // 2
    return Some((*rows[:half], *rows[-half:]), len(rows) - 2 * half, words)
