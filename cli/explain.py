"""`ccrf roles --explain`: what one conclusion rests on, what speaks against it, and why its word is the one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cli.events import FIELDS, event_row, said
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_object, emit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.options import Clock
    from forensics.case.store import Case
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

# How many ids a wrong one is answered with.
_IDS_SHOWN = 20


def tell_conclusion(
    case: Case, analysis: Analysis, histories: Sequence[RoleHistory], wanted: str, clock: Clock, form: Format
) -> None:
    """Print what the conclusion `wanted` (`transition:3`) rests on; of several groups, each one that has it.

    Raises `typer.BadParameter` (exit code 2) where no group has it.
    """
    answers = [
        _answer(case, analysis, row)
        for history in histories
        for row in _conclusions(history)
        if row["id"] == wanted.strip().lower()
    ]
    if not answers:
        known = [str(row["id"]) for history in histories for row in _conclusions(history)]
        shown = ", ".join(known[:_IDS_SHOWN]) + (f" and {len(known) - _IDS_SHOWN} more" if known[_IDS_SHOWN:] else "")
        raise typer.BadParameter(
            f"there is no conclusion {wanted!r}; there are: {shown or 'none'}", param_hint="--explain"
        )
    if form is Format.JSON and len(histories) == 1:
        emit_object(answers[0])
    elif form is Format.CSV:
        from forensics.roles.explain import EXPLAINED  # noqa: PLC0415  (see cli.ingest)

        rows = ({"conclusion": answer["conclusion"]["id"], **row} for answer in answers for row in _records(answer))
        emit_rows(rows, fields=("conclusion", "side", *EXPLAINED, *FIELDS), columns=(), form=form)
    elif form is Format.TABLE:
        for answer in answers:
            _tell(answer, clock)
    else:
        emit_rows(answers, fields=(), columns=(), form=form)


def _conclusions(history: RoleHistory) -> list[dict[str, Any]]:
    from forensics.roles.plain import flat  # noqa: PLC0415  (see cli.ingest)

    return [row for row in flat(history) if row["id"]]


def _answer(case: Case, analysis: Analysis, row: dict[str, Any]) -> dict[str, Any]:
    """The whole answer as one object: `conclusion`, `grounds`, and the records `supporting` and `against` it."""
    from forensics.roles.explain import grounds, signs_behind  # noqa: PLC0415  (see cli.ingest)

    supporting, against = row["evidence"] or (), row["contradicted_by"] or ()
    signs = signs_behind(analysis, [*supporting, *against])
    reasons = grounds(
        row["confidence"],
        [signs[reference] for reference in supporting if reference in signs],
        [signs[reference] for reference in against if reference in signs],
    )
    return {
        "conclusion": {name: value for name, value in row.items() if value is not None},
        "grounds": reasons,
        "supporting": event_records(case, analysis, supporting),
        "against": event_records(case, analysis, against),
    }


def event_records(case: Case, analysis: Analysis, references: Sequence[str]) -> list[dict[str, Any]]:
    """The events among the references (`event:7`), each whole and with what it claims; by time on the common clock."""
    from forensics.case.search import events_of  # noqa: PLC0415  (see cli.ingest)
    from forensics.roles.explain import EXPLAINED, explained, signs_behind  # noqa: PLC0415

    signs = signs_behind(analysis, references)
    ids = [int(number) for kind, _, number in (r.partition(":") for r in references) if kind == "event"]
    found = []
    for event in events_of(case, ids):
        sign = signs.get(f"event:{event.id}")
        claim = explained(sign, analysis.clocks.shown(sign.time)) if sign else dict.fromkeys(EXPLAINED)
        found.append({**claim, **event_row(event)})
    return sorted(found, key=lambda record: (str(record["time"] or ""), record["id"]))


def _records(answer: dict[str, Any]) -> list[Row]:
    return [{"side": side, **record} for side in ("supporting", "against") for record in answer[side]]


def _tell(answer: dict[str, Any], clock: Clock) -> None:
    row = answer["conclusion"]
    emit_heading(f"{row['id']}: {_headline(row)}")
    emit_line(_when(row, clock))
    emit_line(str(row["why"]))
    emit_heading("The records it rests on")
    tell_records(answer["supporting"], clock)
    emit_heading("The records against it")
    tell_records(answer["against"], clock)
    emit_heading("Why")
    for reason in answer["grounds"]:
        emit_line(reason)


def tell_records(records: Sequence[Row], clock: Clock) -> None:
    """Print records as a table, or that there are none."""
    if records:
        emit_rows(records, fields=(), columns=_record_columns(clock), form=Format.TABLE)
    else:
        emit_line("none")


def _record_columns(clock: Clock) -> list[Column]:
    return [
        # Causes and effects are in order on the reference clock only; the recorded time stands beside where it differs.
        Column("time", lambda row: clock.show(row["time"])),
        Column("node", lambda row: str(row["node"] or "")),
        Column("says", lambda row: str(row["says"] or "").replace("_", " "), style=lambda _: "bold"),
        Column("record", lambda row: f"event:{row['id']}"),
        Column("what", lambda row: f"{row['source']} {row['event_id']}"),
        Column("recorded", lambda row: _recorded(row, clock), labelled=True, style=lambda _: "dim"),
        Column("knowledge", lambda row: str(row["known"] or ""), labelled=True),
        Column("text", said, long=True),
    ]


def _recorded(row: Row, clock: Clock) -> str:
    return "" if row["time_generated"] == row["time"] else clock.show(row["time_generated"])


def _headline(row: dict[str, Any]) -> str:
    if row["kind"] == "transition":
        return f"from {row.get('from') or '?'} to {row.get('to') or '?'}, {row['confidence']}"
    if row["kind"] == "conflict":
        return " and ".join(row["nodes"])
    return f"{row['node']} {row['role']}, {row['confidence']}"


def _when(row: dict[str, Any], clock: Clock) -> str:
    if row["kind"] != "transition":
        return f"From {clock.show(row['start'])} to {clock.show(row['end'])}."
    before = f"{row['from']} can have been" if row.get("from") else "Another node can have been"
    after = f"that {row['to']} is" if row.get("to") else "that another node is"
    return (
        f"At {clock.show(row['time'])}. {before} active until {clock.show(row['earliest'])} at the latest;"
        f" the first proof {after} active is at {clock.show(row['latest'])}."
    )
