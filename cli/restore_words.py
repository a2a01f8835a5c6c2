"""A restore in words: the plan, what keeps it from being carried out, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import Column, Format, emit_heading, emit_line, emit_rows
from cli.voice import voice
from forensics.files.telling import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.options import Clock
    from cli.output import Row
    from forensics.restore.carry_out import Outcome
    from forensics.restore.model import RestorePlan

_STYLES = {"replace": "bold yellow", "create": "bold yellow", "keep": "green", "leave": "dim"}


def tell_plan(plan: RestorePlan, clock: Clock) -> None:
    """Print what would be done, to which files, and what to do before."""
    whose = f"{plan.node} ({plan.node_why})" if plan.node else "a node that cannot be told"
    emit_heading(f"The plan: {plan.source} to {plan.target}")
    emit_line(f"The folder is that of {whose}.")
    if plan.confidence is not None:
        emit_line(f"The loss that it repairs is {plan.confidence.value}.")
    _tell_files(plan, clock)
    _tell_times(plan, clock)
    if plan.changing and plan.services:
        emit_heading("Stop before")
        for service in plan.services:
            emit_line(f"{service.order}. {service.name}, on {_where(service.where, plan.node)}")
        emit_line(plan.services[0].why)
    forced = [guard for guard in plan.guards if guard.forced]
    if forced:
        emit_heading("Overridden")
        for guard in forced:
            emit_line(f"{guard.check.value}: {guard.why}")


def _tell_files(plan: RestorePlan, clock: Clock) -> None:
    """The files that are asked for in a table, the others in a line for each reason."""
    from forensics.restore.plain import plain_file  # noqa: PLC0415  (see cli.ingest)

    told = [one for one in plan.files if one.action != "leave"]
    emit_rows(map(plain_file, told), fields=(), columns=_columns(clock), form=Format.TABLE)
    left: dict[str, list[str]] = {}
    for one in plan.files:
        if one.action == "leave":
            left.setdefault(one.why, []).append(one.name)
    for why, names in left.items():
        emit_line(f"Left as it is: {listed(names)}. {why}")


def _tell_times(plan: RestorePlan, clock: Clock) -> None:
    """What the last-modified times to be set mean for replication."""
    from forensics.restore.plain import plain_file  # noqa: PLC0415  (see cli.ingest)

    if plan.times.value == "preserve" and plan.changing:
        emit_line(
            "The files keep the times of the set: replication may skip them, and the next failover lose them again."
        )
    for one in plan.changing:
        if one.edits_lose_until is not None:
            when = clock.show(plain_file(one)["edits_lose_until"])
            emit_line(
                f"{one.file_name} gets a time later than any that the clock of {plan.node} is known to have shown:"
                f" edits before {when} by that clock would lose against it."
            )


def _where(where: str, node: str | None) -> str:
    if where == "node":
        return node or "the node"
    return where


def tell_blocked(plan: RestorePlan) -> None:
    """Say on stderr which guards keep a plan from being carried out."""
    for guard in plan.blocked:
        voice.warn(f"guard {guard.check.value}: {guard.why}")


def tell_outcome(outcome: Outcome, clock: Clock) -> None:
    """Print what lies there now."""
    from forensics.restore.plain import plain_outcome  # noqa: PLC0415  (see cli.ingest)

    row = plain_outcome(outcome)
    words = {"done": "Put back", "undone": "Undone"}
    emit_heading(f"{words.get(str(row['state']), str(row['state']))}: {row['restore']}")
    emit_rows(row["files"], fields=(), columns=_placed_columns(clock), form=Format.TABLE)
    if row["undo_set"] is not None:
        emit_line(f"Read back and compared. What was there before is {row['undo_set']}; --rollback brings it back.")
    else:
        emit_line("Read back and compared.")


def _short(row: object) -> str:
    return str(row.get("sha256") or "")[:12] if isinstance(row, dict) else ""


def _columns(clock: Clock) -> list[Column]:
    def saved(side: str) -> Callable[[Row], str]:
        def cell(row: Row) -> str:
            what = row[side]
            return clock.show(what["modified"]) if isinstance(what, dict) else ""

        return cell

    return [
        Column("file", lambda row: str(row["file"])),
        Column("", lambda row: str(row["action"]), style=lambda row: _STYLES.get(str(row["action"]), "")),
        Column("there now", lambda row: _short(row["present"]) or "nothing", labelled=True),
        Column("saved", saved("present"), labelled=True),
        Column("to come", lambda row: _short(row["coming"]) or "nothing", labelled=True),
        Column("saved then", saved("coming"), labelled=True),
        Column("gets the time", lambda row: clock.show(row["modified"]), labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _placed_columns(clock: Clock) -> list[Column]:
    return [
        Column("file", lambda row: str(row["file"])),
        Column("sha256", lambda row: _short(row) or "gone"),
        Column("modified", lambda row: clock.show(row["modified"])),
    ]
