"""`ccrf check`: the vendor's guidelines, each held against the evidence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.cases import open_case
from cli.events import FIELDS
from cli.explain import event_records, tell_records
from cli.options import FOUND, CaseFile, Clock, ExitCode, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_object, emit_rows
from cli.roles import CONFIDENCE_STYLES
from cli.voice import voice
from forensics.checks.telling import STATUS_WORDS, guidelines_story

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.checks.model import Check
    from forensics.checks.plain import OtherRecord
    from forensics.roles.analyse import Analysis

Explain = Annotated[
    str | None,
    typer.Option("--explain", metavar="ID", help="Show what a check (G02) rests on.", show_default=False),
]
STATUS_STYLES = {"pass": "green", "violation": "bold red", "unknown": "yellow", "not_applicable": "dim"}
OTHER_FIELDS = ("reference", "kind", "node", "path", "says")
"""The fields of what a check rests on beside events, in their order."""


def check(
    case: CaseFile,
    *,
    explain: Explain = None,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    exit_code: ExitCode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Hold the evidence in CASE against the guidelines G01 to G18: kept, violated, not applicable, or unknown.

    Where the evidence does not tell, the answer is unknown, with the evidence that would decide it.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.checks.load import checks_of  # noqa: PLC0415  (see cli.ingest)
    from forensics.checks.model import Status  # noqa: PLC0415
    from forensics.checks.plain import CHECK_FIELDS, plain_check  # noqa: PLC0415
    from forensics.roles.analyse import analyse  # noqa: PLC0415

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        with voice.busy("holding the evidence against the guidelines"):
            analysis = analyse(opened)
            found = checks_of(opened, analysis)
        if explain is not None:
            tell_check(opened, analysis, _chosen(found, explain), clock, form)
        else:
            emit_rows(map(plain_check, found), fields=CHECK_FIELDS, columns=check_columns(), form=form)
            if form is Format.TABLE:
                emit_line(guidelines_story(found)[-1])
    if exit_code and any(one.status is Status.VIOLATION for one in found):
        raise typer.Exit(FOUND)


def check_columns() -> list[Column]:
    """The columns of the table: one line for each guideline, its sentences last."""
    return [
        Column("id", lambda row: str(row["id"])),
        Column(
            "status",
            lambda row: STATUS_WORDS[str(row["status"])],
            style=lambda row: STATUS_STYLES.get(str(row["status"]), ""),
        ),
        Column("sure", _sure, style=lambda row: CONFIDENCE_STYLES.get(_sure(row), "")),
        Column("guideline", lambda row: str(row["title"]), long=True),
        Column("why", _said, long=True),
    ]


def _sure(row: Row) -> str:
    return "" if row["status"] == "unknown" else str(row["confidence"])


def _said(row: Row) -> str:
    """Why, and what to do: look for what would decide it, or mend it."""
    if row["status"] == "unknown":
        return f"{row['why']} What would decide it: {row['would_decide']}"
    if row["status"] == "violation":
        return f"{row['why']} What to do: {row['remedy']}"
    return str(row["why"])


def _chosen(checks: Sequence[Check], wanted: str) -> Check:
    text = wanted.strip().upper()
    short = re.fullmatch(r"G?([0-9]{1,2})", text, re.ASCII)
    name = f"G{int(short[1]):02}" if short else text
    for one in checks:
        if one.id.upper() == name:
            return one
    raise typer.BadParameter(
        f"there is no guideline {wanted!r}; there are {checks[0].id} to {checks[-1].id}", param_hint="--explain"
    )


def tell_check(case: Case, analysis: Analysis, one: Check, clock: Clock, form: Format) -> None:
    """Print one check, and every record, file, ... that it rests on."""
    from forensics.checks.plain import other_records, plain_check  # noqa: PLC0415  (see cli.ingest)
    from forensics.roles.explain import EXPLAINED  # noqa: PLC0415

    row = plain_check(one)
    records = event_records(case, analysis, one.evidence)
    others = other_records(case, one.evidence)
    answer: dict[str, Any] = {
        "conclusion": row,
        "supporting": records,
        "others": [other._asdict() for other in others],
    }
    if form is Format.JSON:
        emit_object(answer)
    elif form is Format.JSONL:
        emit_rows([answer], fields=(), columns=(), form=form)
    elif form is Format.CSV:
        fields = tuple(dict.fromkeys(("conclusion", "side", *OTHER_FIELDS, *EXPLAINED, *FIELDS)))
        empty: dict[str, Any] = dict.fromkeys(fields)
        lines = [("other", other) for other in answer["others"]] + [("supporting", record) for record in records]
        rows = (empty | record | {"conclusion": one.id, "side": side} for side, record in lines)
        emit_rows(rows, fields=fields, columns=(), form=form)
    else:
        _tell(row, records, others, clock)


def _tell(row: Row, records: Sequence[Row], others: Sequence[OtherRecord], clock: Clock) -> None:
    sure = f", {row['confidence']}" if _sure(row) else ""
    emit_heading(f"{row['id']}: {STATUS_WORDS[str(row['status'])]}{sure}")
    emit_line(f"{row['title']}.")
    emit_line(str(row["why"]))
    if row["status"] == "violation":
        emit_line(f"What to do: {row['remedy']}")
    if row["would_decide"]:
        emit_line(f"What would decide it: {row['would_decide']}")
    emit_heading("The records it rests on")
    tell_records(records, clock)
    if others:
        emit_heading("The files and findings it rests on")
        emit_rows((one._asdict() for one in others), fields=OTHER_FIELDS, columns=_other_columns(), form=Format.TABLE)


def _other_columns() -> list[Column]:
    return [
        Column("what", lambda row: str(row["reference"])),
        Column("kind", lambda row: str(row["kind"] or "").replace("_", " ")),
        Column("node", lambda row: str(row["node"] or "")),
        Column("path", lambda row: str(row["path"] or ""), long=True),
        Column("says", lambda row: str(row["says"] or ""), long=True),
    ]
