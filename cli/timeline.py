"""`ccrf timeline`: everything that matters, of all nodes, in the order in which it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.events import Nodes, Since, Until  # noqa: TC001  (typer reads annotations at run time)
from cli.ingest import node_name
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_time, parse_zone
from cli.output import Column, Format, Row, emit_rows
from cli.roles import CONFIDENCE_STYLES, ROLE_STYLES, chosen_histories
from cli.voice import voice

if TYPE_CHECKING:
    from forensics.timeline import TimelineRow

Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="Role changes of this cluster group, or of `all`. [default: that of the clustered mailbox server]",
        show_default=False,
    ),
]
FIELDS = (
    "time",
    "earliest",
    "latest",
    "bounded",
    "recorded",
    "node",
    "kind",
    "id",
    "what",
    "object",
    "detail",
    "known",
    "confidence",
    "evidence",
    "why",
)
_CONCLUSIONS = frozenset({"transition", "role", "conflict", "backup", "overwrite"})
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
    from forensics.files.analyse import analyse_evidence  # noqa: PLC0415  (see cli.ingest)
    from forensics.files.load import file_evidence  # noqa: PLC0415
    from forensics.roles.analyse import analyse  # noqa: PLC0415
    from forensics.timeline import timeline as timeline_rows  # noqa: PLC0415
    from forensics.timeline_files import file_rows  # noqa: PLC0415

    clock = Clock(parse_zone(tz, "--tz"))
    start = None if since is None else parse_time(since, "--since")
    end = None if until is None else parse_time(until, "--until")
    wanted = {name for name in map(node_name, node or []) if name}
    with open_case(case) as opened:
        with voice.busy("working out who was active when, and what was lost"):
            analysis = analyse(opened)
            histories = chosen_histories(analysis, group)
            # Files follow the mailbox server, whatever group is asked for.
            history = analysis.roles()
            evidence = file_evidence(opened, analysis, history)
            files = file_rows(analyse_evidence(evidence, analysis, history), evidence, analysis.clocks)
        found = timeline_rows(opened, analysis, histories, also=files, since=start, until=end)
        rows = (timeline_row(row) for row in found if not wanted or wanted & set(row.node.split(", ")))
        count = emit_rows(rows, fields=FIELDS, columns=timeline_columns(clock), form=form)
        if not count and form is Format.TABLE:
            voice.note("nothing that matters shows in the evidence" + (" of that time" if start or end else ""))


def timeline_row(row: TimelineRow) -> Row:
    """One row with the fields of the machine formats.

    `why` is null for events and clocks, `confidence` for these and for what became of a file.
    """
    from parsers.times import iso_utc  # noqa: PLC0415  (see cli.ingest)

    concluded = row.kind in _CONCLUSIONS
    # A clock that was set, and a file that was saved, rest on what they name, and have no name of their own.
    named = row.kind not in {"clock_step", "file"} and bool(row.references)
    return {
        "time": iso_utc(row.time),
        "earliest": iso_utc(row.low),
        "latest": iso_utc(row.high),
        "bounded": row.bounded,
        "recorded": None if row.raw is None else iso_utc(row.raw),
        "node": row.node,
        "kind": row.kind.value,
        "id": row.references[0] if named else None,
        "what": str(row.what),
        "object": row.object,
        "detail": row.detail,
        "known": row.mark,
        "confidence": row.confidence,
        "evidence": list(row.references[1:] if concluded else row.references),
        "why": row.detail if concluded or row.kind == "file" else None,
    }


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
