"""`ccrf overwrites --explain`: both contents, who has them, how they differ, what that rests on, and why its word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from cli.events import FIELDS
from cli.explain import event_records, tell_records
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_object, emit_rows
from forensics.files.telling import KIND_WORDS
from forensics.text import counted, quoted

if TYPE_CHECKING:
    from cli.options import Clock
    from forensics.case.store import Case
    from forensics.files.analyse import FileAnalysis
    from forensics.files.contents import ContentDifference
    from forensics.files.explain import Witness
    from forensics.files.model import FileEvidence, Finding
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

    Basis = tuple[Analysis, RoleHistory, FileEvidence, FileAnalysis]

WITNESS_FIELDS = ("reference", "file", "node", "place", "holds", "modified", "size", "sha256", "readable", "path")
"""The fields of a file behind a finding, in their order."""
# How many ids a wrong one is answered with.
_IDS_SHOWN = 20


class _Answer(NamedTuple):
    row: dict[str, Any]
    grounds: list[str]
    files: list[dict[str, Any]]
    supporting: list[dict[str, Any]]
    against: list[dict[str, Any]]
    difference: ContentDifference | None


def tell_finding(case: Case, basis: Basis, wanted: str, clock: Clock, form: Format) -> None:
    """Print what the finding `wanted` (`overwrite:3`, or `3`; those mended since too) rests on.

    Raises `typer.BadParameter` (exit code 2) where there is no such finding.
    """
    finding = _chosen(basis[3], wanted)
    answer = _answer(case, basis, finding)
    if form is Format.JSON:
        emit_object(_plain(answer))
    elif form is Format.JSONL:
        emit_rows([_plain(answer)], fields=(), columns=(), form=form)
    elif form is Format.CSV:
        _emit_csv(answer)
    else:
        _tell(answer, basis[3], clock)


def _chosen(losses: FileAnalysis, wanted: str) -> Finding:
    text = wanted.strip().lower()
    name = f"overwrite:{int(text)}" if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else text
    for one in losses.findings:
        if one.id == name:
            return one
    ids = [one.id for one in losses.findings]
    shown = ", ".join(ids[:_IDS_SHOWN]) + (f" and {len(ids) - _IDS_SHOWN} more" if ids[_IDS_SHOWN:] else "")
    raise typer.BadParameter(f"there is no finding {wanted!r}; there are: {shown or 'none'}", param_hint="--explain")


def _answer(case: Case, basis: Basis, finding: Finding) -> _Answer:
    from forensics.files.contents import difference  # noqa: PLC0415  (see cli.ingest)
    from forensics.files.explain import why_that_word, witnesses  # noqa: PLC0415
    from forensics.files.losses_plain import plain_finding  # noqa: PLC0415

    analysis, history, evidence, _ = basis
    seen = witnesses(evidence, finding)
    return _Answer(
        plain_finding(finding),
        why_that_word(analysis, history, finding, seen),
        [_file_row(one) for one in seen],
        event_records(case, analysis, finding.evidence),
        event_records(case, analysis, finding.contradicted_by),
        None if finding.current is None else difference(case, finding.lost, finding.current),
    )


def _file_row(one: Witness) -> dict[str, Any]:
    from forensics.files.plain import plain_version  # noqa: PLC0415  (see cli.ingest)

    file = one.file
    values = {
        "reference": file.reference,
        "file": file.name,
        "node": file.node,
        "place": one.place,
        "holds": one.holds or None,
        **plain_version(file.version),
        "readable": file.readable,
        "path": file.path,
    }
    return {name: values[name] for name in WITNESS_FIELDS}


def _plain(answer: _Answer) -> dict[str, Any]:
    return {
        "conclusion": answer.row,
        "grounds": answer.grounds,
        "difference": None if answer.difference is None else answer.difference._asdict(),
        "files": answer.files,
        "supporting": answer.supporting,
        "against": answer.against,
    }


def _emit_csv(answer: _Answer) -> None:
    """One row for each file and each record: the fields of both, those that a row does not have empty."""
    from forensics.roles.explain import EXPLAINED  # noqa: PLC0415  (see cli.ingest)

    fields = tuple(dict.fromkeys(("conclusion", "side", *WITNESS_FIELDS, *EXPLAINED, *FIELDS)))
    empty: dict[str, Any] = dict.fromkeys(fields)
    sides = (("file", answer.files), ("supporting", answer.supporting), ("against", answer.against))
    rows = (
        empty | record | {"conclusion": answer.row["id"], "side": side} for side, records in sides for record in records
    )
    emit_rows(rows, fields=fields, columns=(), form=Format.CSV)


# -- for people --------------------------------------------------------------------------------------------------------


def _tell(answer: _Answer, losses: FileAnalysis, clock: Clock) -> None:
    row = answer.row
    mended = ", mended since" if row["mended"] else ""
    emit_heading(f"{row['id']}: {row['file']} on {row['node']}, {KIND_WORDS[row['kind']]}, {row['confidence']}{mended}")
    emit_line(f"Lost after {clock.show(row['earliest'])} and before {clock.show(row['latest'])}.")
    emit_line(str(row["why"]))
    emit_heading("What was lost, and what is in its place")
    emit_rows(_versions(row), fields=(), columns=_version_columns(clock), form=Format.TABLE)
    emit_heading("How they differ")
    for sentence in _differing(answer):
        emit_line(sentence)
    emit_heading("Who has the lost content")
    _tell_places(row, losses, clock)
    emit_heading("The files that it rests on")
    if answer.files:
        emit_rows(answer.files, fields=(), columns=_file_columns(clock), form=Format.TABLE)
    else:
        emit_line("none")
    emit_heading("The records that it rests on")
    tell_records(answer.supporting, clock)
    emit_heading("The records against it")
    tell_records(answer.against, clock)
    emit_heading("Why")
    for reason in answer.grounds:
        emit_line(reason)


def _differing(answer: _Answer) -> list[str]:
    """How the lost content differs from what is in place, in sentences."""
    lost, current = answer.row["lost"], answer.row["current"]
    found = answer.difference
    if current is not None and lost["sha256"] is not None and lost["sha256"] == current["sha256"]:
        return ["The same bytes: only the last-modified time differs."]
    if found is None:
        return ["The case does not hold both contents, or they are too large to be compared here."]
    ranges = counted(found.ranges, "range")
    text = f"{found.changed:,} of the {found.size:,} bytes that were lost, in {ranges}, are not in the"
    told = [f"{text} {found.other_size:,} that are in place; {found.moved:,} stand elsewhere there."]
    for which, texts in (("the lost", found.strings), ("the present", found.other_strings)):
        if texts:
            told.append(f"Strings that only {which} content has: {quoted(texts)}.")
    return [*told, "The format of the files is not public: what these bytes mean is not said."]


def _versions(row: dict[str, Any]) -> list[Row]:
    found: list[Row] = []
    for word, name in (("lost", "lost"), ("in place", "current")):
        version = row[name]
        found.append({"which": word, **(version or dict.fromkeys(("sha256", "modified", "size")))})
    return found


def _tell_places(row: dict[str, Any], losses: FileAnalysis, clock: Clock) -> None:
    from parsers.times import iso_utc  # noqa: PLC0415  (see cli.ingest)

    sets = {one.id: one for one in losses.sets}
    for name in row["recoverable_from"]:
        one = sets[name]
        made = (
            f"made {clock.show(iso_utc(one.made))} by the clock of {one.node}"
            if one.made
            else "made at an unknown time"
        )
        whole = "" if one.complete else f", lacks {', '.join(one.missing)}"
        best = "; the set to restore" if name == losses.recommended else ""
        emit_line(f"{name}, {made}{whole}{best}: {one.location}")
    for node in row["live_on"]:
        emit_line(f"The live file of {node}.")
    if not row["recoverable_from"] and not row["live_on"]:
        emit_line("No file of the evidence has it with its content.")


def _version_columns(clock: Clock) -> list[Column]:
    return [
        Column("", lambda row: str(row["which"]), style=lambda row: "red" if row["which"] == "lost" else ""),
        Column("modified, as recorded", lambda row: clock.show(row["modified"]) or "?", labelled=True),
        Column("bytes", lambda row: _size(row["size"]), right=True, labelled=True),
        Column("sha256", lambda row: str(row["sha256"] or "not known"), long=True),
    ]


def _file_columns(clock: Clock) -> list[Column]:
    return [
        Column("file", lambda row: str(row["reference"])),
        Column("node", lambda row: str(row["node"])),
        Column("place", lambda row: str(row["place"])),
        Column(
            "holds", lambda row: {"lost": "what was lost", "current": "what is in place"}.get(str(row["holds"]), "")
        ),
        Column("modified", lambda row: clock.show(row["modified"]), labelled=True),
        Column("sha256", lambda row: str(row["sha256"] or "")[:12], style=lambda _: "dim"),
        Column("path", lambda row: str(row["path"]), long=True),
    ]


def _size(size: object) -> str:
    return f"{size:,}" if isinstance(size, int) else ""
