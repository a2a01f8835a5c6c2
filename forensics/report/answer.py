"""The answer before everything else: what happened in one line, and the figures behind it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from forensics.files.explain import missing_to_tell
from forensics.files.model import Kind
from forensics.files.telling import KIND_WORDS, alike, listed
from forensics.report.model import Fact, Verdict
from forensics.roles.model import Role
from forensics.roles.telling import ahead, within
from forensics.text import counted
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from forensics.case.rows import Counts, EvidenceRow
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence, Finding
    from forensics.report.model import CheckPart, CheckpointPart
    from forensics.roles.model import RoleHistory

_LINES: Final = 3
_SURE: Final = {"certain": "", "probable": "probably ", "possible": "possibly "}
_ORDER: Final = ("certain", "probable", "possible")


def verdict(losses: FileAnalysis | None, files: FileEvidence | None, history: RoleHistory | None) -> Verdict:
    """What kind of answer there is."""
    if losses is None or files is None or history is None or not (files.live or files.sets):
        return Verdict.UNKNOWN
    if any(one.kind is not Kind.DIVERGENCE for one in losses.in_place):
        return Verdict.LOST
    if losses.in_place:
        return Verdict.DIVERGED
    return Verdict.UNSURE if missing_to_tell(files, history) else Verdict.NOTHING


def title(losses: FileAnalysis | None, told: Verdict) -> str:
    """The answer in a few words, as sure as what it rests on."""
    if told is Verdict.UNKNOWN or losses is None:
        return "What was lost cannot be told from this evidence"
    if told is Verdict.NOTHING:
        return "No loss that is still in place shows in the evidence"
    if told is Verdict.UNSURE:
        return "No loss shows, but evidence is missing to be sure"
    wanted = [one for one in losses.in_place if told is Verdict.DIVERGED or one.kind is not Kind.DIVERGENCE]
    names = list(dict.fromkeys(one.file for one in wanted))
    # Of several the surest: that something was lost is as sure as that.
    sure = _SURE[min((one.confidence for one in wanted), key=_ORDER.index)]
    if told is Verdict.DIVERGED:
        return f"{listed(names)} {sure}{'differs' if len(names) == 1 else 'differ'} between the nodes"
    if len(names) > 1:
        return f"{len(names)} files {sure}lost what had been saved in them"
    kinds = {one.kind for one in wanted}
    if kinds == {Kind.STALE_OVERWRITE}:
        return f"{names[0]} was {sure}replaced by older content"
    if kinds == {Kind.RESET}:
        return f"{names[0]} was {sure}reset"
    return f"A saved change to {names[0]} was {sure}lost"


def facts(
    losses: FileAnalysis | None,
    history: RoleHistory | None,
    counts: Counts,
    rows: Sequence[EvidenceRow],
    checks: Sequence[CheckPart],
    checkpoints: Sequence[CheckpointPart],
) -> tuple[Fact, ...]:
    """The figures of the answer, each a short sentence."""
    told: list[Fact] = []
    if losses is not None:
        told += _lost(losses.in_place)
        if losses.recommended is not None:
            best = next(one for one in losses.sets if one.id == losses.recommended)
            made = "" if best.made is None else f", made {iso_utc(best.made)} by the clock of {best.node}"
            told.append(Fact("Restore from", f"{best.id}{made}", "good"))
    if history is not None:
        told += _roles(history)
    if checks:
        number = Counter(one.status for one in checks)
        words = (("violation", "violated"), ("pass", "kept"), ("unknown", "unknown"))
        parts = [f"{number[status]} {word}" for status, word in words if number[status]]
        broken = [one.id for one in checks if one.status == "violation"]
        parts += [f"look at {listed(broken)}"] if broken else []
        told.append(Fact("Guidelines", ", ".join(parts) or "none applies", "bad" if number["violation"] else ""))
    if checkpoints:
        stale = sum(one.stale is True for one in checkpoints)
        text = f"{counted(stale, 'stale checkpoint')}" if stale else "none is known to be stale"
        told.append(Fact("Checkpoints", text, "bad" if stale else ""))
    told.append(_read(counts, rows))
    return tuple(told)


def _lost(findings: Sequence[Finding]) -> Iterator[Fact]:
    groups = alike(findings)
    for group in groups[:_LINES]:
        one = group[0]
        what = KIND_WORDS[one.kind]
        names = listed(list(dict.fromkeys(other.file for other in group)))
        name = "Differs" if one.kind is Kind.DIVERGENCE else "Lost"
        yield Fact(name, f"{names} on {one.node}: {what} ({one.confidence})", "bad")
    if groups[_LINES:]:
        yield Fact("Lost", f"{counted(sum(map(len, groups[_LINES:])), 'more loss', 'more losses')} below", "bad")


def _roles(history: RoleHistory) -> Iterator[Fact]:
    active = [one for one in history.intervals if one.role is Role.ACTIVE]
    if active:
        last = max(active, key=lambda one: (one.end, one.start))
        still = not any(other.start >= last.end for other in history.intervals if other.node == last.node)
        until = "" if still else f", until {iso_utc(last.end)}"
        yield Fact("Active at the end" if still else "Last known active", f"{last.node} ({last.confidence}){until}")
    if history.transitions:
        move = history.transitions[-1]
        ways = f"from {move.from_node or '?'} to {move.to_node or '?'}"
        number = len(history.transitions)
        which = "" if number == 1 else f"{number:,}, the last "
        yield Fact("Moves" if number > 1 else "Move", f"{which}{ways} at {iso_utc(move.time)} ({move.confidence})")
    for row in history.clock_offsets[:_LINES]:
        if row.since is None and row.until is None:
            yield Fact("Clocks", f"{row.node} was {ahead(row)} {within(row)}")


def _read(counts: Counts, rows: Sequence[EvidenceRow]) -> Fact:
    broken = sum(row.status in {"partial", "failed"} for row in rows)
    read = f"{counted(counts.evidence, 'file')}, {counted(counts.events, 'event')}"
    if broken:
        return Fact("Evidence", f"{read}; {counted(broken, 'file')} could not be read whole", "bad")
    return Fact("Evidence", f"{read}; all that was recognised was read whole")
