"""`ccrf events`: search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.ingest import node_name
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_time, parse_zone
from cli.output import Column, Format, Json, Row, emit_rows
from cli.voice import voice

if TYPE_CHECKING:
    from forensics.case.search import EventRow

Nodes = Annotated[list[str] | None, typer.Option("--node", metavar="NAME", help="Only this node; may be repeated.")]
Sources = Annotated[
    list[str] | None, typer.Option("--source", metavar="NAME", help="Only this source (provider); may be repeated.")
]
EventIds = Annotated[list[int] | None, typer.Option("--id", metavar="ID", help="Only this event id; may be repeated.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From this time on; UTC where it names no zone.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this time.")]
Grep = Annotated[
    str | None, typer.Option("--grep", metavar="TEXT", help="Only events whose strings or message hold this text.")
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, help="At most so many. [default: 100 in a table, else all]"),
]
Duplicates = Annotated[
    bool, typer.Option("--duplicates", help="Also events that are in the case once more: copies of one record.")
]
TABLE_LIMIT = 100
LEVEL_WORDS = {0: "log always", 1: "critical", 2: "error", 3: "warning", 4: "information", 5: "verbose"}
# Types of .evt records: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-reporteventw; and
# of .evtx records: https://learn.microsoft.com/dotnet/api/system.diagnostics.eventing.reader.standardeventkeywords
AUDIT_TYPES = {8: "audit success", 16: "audit failure"}
AUDIT_KEYWORDS = {0x20000000000000: "audit success", 0x10000000000000: "audit failure"}
LEVEL_STYLES = {1: "bold red", 2: "red", 3: "yellow"}
FIELDS = (
    "id",
    "evidence_id",
    "path",
    "log",
    "record_number",
    "event_record_id",
    "time_generated",
    "time_written",
    "source",
    "event_id",
    "level",
    "category",
    "computer",
    "node",
    "user_sid",
    "strings",
    "message",
    "recovered",
    "duplicate_of",
    "names",
    "data",
    "payload",
    "qualifiers",
    "raw_type",
    "version",
    "opcode",
    "keywords",
    "process_id",
    "thread_id",
    "activity_id",
    "event_source_name",
    "offset",
)


def events(  # noqa: PLR0913  (one for each option)
    case: CaseFile,
    *,
    node: Nodes = None,
    source: Sources = None,
    event_id: EventIds = None,
    since: Since = None,
    until: Until = None,
    grep: Grep = None,
    limit: Limit = None,
    duplicates: Duplicates = False,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Search the events of CASE, in the order of their times.

    A table shows the first 100, unless --limit says otherwise; the other formats give all.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.case.search import EventFilter, count_events, search_events  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    if limit is None and form is Format.TABLE:
        limit = TABLE_LIMIT
    wanted = EventFilter(
        nodes=[name for name in map(node_name, node or []) if name],
        sources=source or [],
        ids=event_id or [],
        since=None if since is None else parse_time(since, "--since"),
        until=None if until is None else parse_time(until, "--until"),
        grep=grep,
        limit=limit,
        duplicates=duplicates,
    )
    with open_case(case) as opened:
        rows = map(event_row, search_events(opened, wanted))
        count = emit_rows(rows, fields=FIELDS, columns=event_columns(clock), form=form)
        if form is not Format.TABLE:
            return
        # Only a table that is as long as its limit can have left something out.
        more = count_events(opened, replace(wanted, limit=None)) - count if count == limit else 0
        if more:
            voice.note(f"… {more:,} more, use --limit")
        elif not count:
            voice.note("no event matches")


def event_row(event: EventRow) -> Row:
    """One event with the fields of the machine formats; binary data as hexadecimal digits."""
    row: dict[str, Json] = {name: getattr(event, name) for name in FIELDS}
    row["data"] = None if event.data is None else event.data.hex()
    return row


def event_columns(clock: Clock) -> list[Column]:
    """The columns of the table."""
    return [
        Column("time", lambda row: clock.show(row["time_generated"])),
        Column("node", lambda row: str(row["node"] or "")),
        Column("source", lambda row: str(row["source"] or "")),
        Column("id", lambda row: "" if row["event_id"] is None else str(row["event_id"]), right=True),
        Column("level", level_word, style=level_style),
        Column("text", said, long=True),
    ]


def level_word(row: Row) -> str:
    """What people call the level; a number that has no word stays a number."""
    level = row["level"]
    if level == 0:
        return audit_word(row) or LEVEL_WORDS[0]
    return "" if level is None else LEVEL_WORDS.get(level, str(level)) if isinstance(level, int) else str(level)


def audit_word(row: Row) -> str | None:
    """Success or failure of an audit; None for what is no audit."""
    raw_type, keywords = row["raw_type"], row["keywords"]
    if isinstance(raw_type, int) and raw_type in AUDIT_TYPES:
        return AUDIT_TYPES[raw_type]
    try:
        bits = int(str(keywords or 0), 0)
    except ValueError:
        return None
    return next((word for bit, word in AUDIT_KEYWORDS.items() if bits & bit), None)


def level_style(row: Row) -> str:
    """Colour for what should be seen."""
    level = row["level"]
    return LEVEL_STYLES.get(level, "") if isinstance(level, int) else ""


def said(row: Row) -> str:
    """The message, where the record holds one, else its strings; a recovered record says so."""
    strings = row["strings"]
    text = row["message"] or (" | ".join(str(s or "") for s in strings) if isinstance(strings, list) else strings)
    return ("[recovered] " if row["recovered"] else "") + str(text or "")
