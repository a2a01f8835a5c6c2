"""`ccrf timeline`: everything that matters, of all nodes, in the order in which it happened."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.cases import open_case
from cli.events import Nodes, Since, Until  # noqa: TC001  (typer reads annotations at run time)
from cli.ingest import node_name
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_time, parse_zone
from cli.output import Column, Format, Row, emit_rows
from cli.roles import CONFIDENCE_STYLES, ROLE_STYLES, chosen_histories
from cli.voice import voice

Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="Role changes of this cluster group, or of `all`. [default: that of the clustered mailbox server]",
        show_default=False,
    ),
]
# Conclusions that another command explains by id: `ccrf roles`, `backups`, `overwrites`.
_ASKED = frozenset({"transition", "conflict", "backup", "overwrite"})
# What stands out of the events around it.
_KIND_STYLES = {
    "transition": "bold",
    "conflict": "bold red",
    "overwrite": "bold red",
    "clock_step": "yellow",
    "file": "magenta",
    "backup": "blue",
}
_KIND_MARKS = {"transition": "=> ", "role": "-> ", "overwrite": "!! "}
_DOUBTFUL_MARKS = frozenset({"unverified", "unknown"})


def timeline(  # noqa: PLR0913  (one for each option)
    case: CaseFile,
    *,
    since: Since = None,
    until: Until = None,
    node: Nodes = None,
    group: Group = None,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tell what happened in CASE, in order: events that matter, clocks, files, backups, losses, and changes of roles.

    All times, those of --since and --until too, are on the clock of the first node by name; `recorded` is what the
    node's own clock said. `ccrf events` searches every event, by its recorded time.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.roles.analyse import analyse  # noqa: PLC0415  (see cli.ingest)
    from forensics.timeline_plain import TIMELINE_FIELDS, plain_row, whole_timeline  # noqa: PLC0415

    clock = Clock(parse_zone(tz, "--tz"))
    start = None if since is None else parse_time(since, "--since")
    end = None if until is None else parse_time(until, "--until")
    wanted = {name for name in map(node_name, node or []) if name}
    with open_case(case) as opened:
        with voice.busy("working out who was active when, and what was lost"):
            analysis = analyse(opened)
            histories = chosen_histories(analysis, group)
            found = whole_timeline(opened, analysis, histories, since=start, until=end)
        rows = (plain_row(row) for row in found if not wanted or wanted & set(row.node.split(", ")))
        count = emit_rows(rows, fields=TIMELINE_FIELDS, columns=timeline_columns(clock), form=form)
        if not count and form is Format.TABLE:
            voice.note("nothing that matters shows in the evidence" + (" of that time" if start or end else ""))


def timeline_columns(clock: Clock) -> list[Column]:
    """The columns of the table; conclusions stand out of the events they rest on."""
    return [
        Column("time", lambda row: clock.show(row["time"]), style=_style),
        Column("node", lambda row: str(row["node"]), style=_style),
        Column("what", _what, style=_style),
        Column("sure", _sure, style=lambda row: CONFIDENCE_STYLES.get(str(row["confidence"]), "yellow")),
        Column("text", _text, long=True),
    ]


def _text(row: Row) -> str:
    """The sentence; before it the id of what can be asked about further."""
    return f"{row['id']}: {row['detail']}" if row["kind"] in _ASKED else str(row["detail"])


def _what(row: Row) -> str:
    return _KIND_MARKS.get(str(row["kind"]), "") + str(row["what"]).replace("_", " ")


def _style(row: Row) -> str:
    if row["kind"] == "role":
        return ROLE_STYLES.get(str(row["what"]), "")
    return _KIND_STYLES.get(str(row["kind"]), "")


def _sure(row: Row) -> str:
    """How sure a conclusion is; of an event what is doubtful about it."""
    if row["confidence"]:
        return str(row["confidence"])
    if row["known"] in _DOUBTFUL_MARKS:
        return str(row["known"])
    return "" if row["bounded"] else "time rough"
