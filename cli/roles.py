"""`ccrf roles`: which node was active, passive or down, when the role moved, and why that is said."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.cases import open_case
from cli.events import event_columns, event_row
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_object, emit_rows
from cli.text import counted
from cli.voice import voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="This cluster group, or `all`. [default: that of the clustered mailbox server]",
        show_default=False,
    ),
]
Explain = Annotated[
    str | None,
    typer.Option("--explain", metavar="ID", help="Show what a conclusion (transition:3, role:1, conflict:1) rests on."),
]
CONFIDENCE_STYLES = {"certain": "green", "probable": "yellow", "possible": "red"}
ROLE_STYLES = {"active": "bold green", "passive": "cyan", "down": "red", "unknown": "dim"}
# One letter for each role: readable in a file and without colours.
ROLE_LETTERS = {"active": "A", "passive": "p", "down": "x", "unknown": "?"}
_BAR_MOST = 100


def roles(
    case: CaseFile,
    *,
    group: Group = None,
    explain: Explain = None,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tell which node of CASE was active, passive or down when, and when the role moved.

    All times are on the clock of the first node by name. What the evidence does not tell is `unknown`.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.roles.analyse import analyse  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        histories = _histories(analyse(opened), group)
        if explain is not None:
            _explain(opened, histories, explain, clock, form)
        elif form is Format.JSON:
            _emit_json(histories, group)
        elif form is Format.TABLE:
            for history in histories:
                tell_history(history, clock)
        else:
            from forensics.roles.plain import FIELDS, flat  # noqa: PLC0415  (see cli.ingest)

            emit_rows((row for history in histories for row in flat(history)), fields=FIELDS, columns=(), form=form)


def _histories(analysis: Analysis, group: str | None) -> list[RoleHistory]:
    if group is None:
        return [analysis.roles()]
    if group.casefold() == "all":
        return analysis.all_roles()
    history = analysis.roles_of(group)
    if history is None:
        from forensics.roles.groups import group_names  # noqa: PLC0415  (see cli.ingest)

        names = ", ".join(group_names(analysis.evidence.observations)) or "none"
        raise typer.BadParameter(
            f"no event names a group {group!r}; groups of this case: {names}", param_hint="--group"
        )
    return [history]


def _emit_json(histories: Sequence[RoleHistory], group: str | None) -> None:
    from forensics.roles.plain import plain  # noqa: PLC0415  (see cli.ingest)

    if group is not None and group.casefold() == "all":
        emit_rows(map(plain, histories), fields=(), columns=(), form=Format.JSON)
    else:
        emit_object(plain(histories[0]))


# -- for people --------------------------------------------------------------------------------------------------------


def tell_history(history: RoleHistory, clock: Clock) -> None:
    """Print one group's history: a picture, the moves, the intervals, what contradicts itself, the clocks."""
    from forensics.roles.plain import plain  # noqa: PLC0415  (see cli.ingest)

    rows = plain(history)
    emit_heading(f"Roles in {history.group}" if history.group else "Roles of the clustered mailbox server")
    if history.why:
        voice.detail(history.why)
    if not history.nodes:
        emit_line("No event of the evidence says anything of a role.")
        return
    tell_bars(history, clock)
    if rows["transitions"]:
        emit_heading(counted(len(rows["transitions"]), "move"))
        emit_rows(rows["transitions"], fields=(), columns=_transition_columns(clock), form=Format.TABLE)
    else:
        emit_line("No move of the group shows in the evidence.")
    emit_heading("Intervals")
    emit_rows(rows["intervals"], fields=(), columns=_interval_columns(clock), form=Format.TABLE)
    if rows["conflicts"]:
        emit_heading("Contradictions: more than one node claims to be active")
        emit_rows(rows["conflicts"], fields=(), columns=_conflict_columns(clock), form=Format.TABLE)
    tell_clocks(rows, clock)


def tell_clocks(rows: dict[str, Any], clock: Clock) -> None:
    """Print the offsets of the clocks, and which could not be told."""
    nodes = rows["nodes"]
    if len(nodes) < 2:
        return
    emit_heading(f"Clocks, against that of {nodes[0]}")
    emit_rows(rows["clock_offsets"], fields=(), columns=_clock_columns(clock), form=Format.TABLE)
    told = {row["node"] for row in rows["clock_offsets"]}
    for node in nodes[1:]:
        if node not in told:
            emit_line(f"{node}: nothing bounds its offset on both sides; its times may be minutes off.")


def tell_bars(history: RoleHistory, clock: Clock) -> None:
    """Print the roles over time as one line of letters for each node; on a terminal in colour."""
    from parsers.times import iso_utc  # noqa: PLC0415  (see cli.ingest)

    start = min(one.start for one in history.intervals)
    end = max(one.end for one in history.intervals)
    margin = max(map(len, history.nodes)) + 2
    width = max(20, min(_BAR_MOST, shutil.get_terminal_size().columns - margin - 1))
    for node in history.nodes:
        letters = [" "] * width
        # The longest first, so that a restart of two minutes does not vanish in a week.
        for one in sorted((one for one in history.intervals if one.node == node), key=lambda one: one.start - one.end):
            first, last = ((moment - start) * width // max(1, end - start) for moment in (one.start, one.end))
            first = min(first, width - 1)
            last = min(max(first + 1, last), width)
            letters[first:last] = ROLE_LETTERS[one.role] * (last - first)
        _emit_bar(node.ljust(margin), "".join(letters))
    left, right = clock.show(iso_utc(start)), clock.show(iso_utc(end))
    _emit_bar(" " * margin, left + right.rjust(width - len(left)) if width > 2 * len(left) else left)
    _emit_bar(" " * margin, "  ".join(f"{letter} {role}" for role, letter in ROLE_LETTERS.items()))


def _emit_bar(label: str, letters: str) -> None:
    if sys.stdout.isatty():
        from cli.terminal import print_bar  # noqa: PLC0415  (rich costs 0.1 s, and pipes do not need it)

        print_bar(label, letters, {letter: ROLE_STYLES[role] for role, letter in ROLE_LETTERS.items()})
    else:
        sys.stdout.write(f"{label}{letters}\n".rstrip(" "))


def _confidence(title: str = "sure") -> Column:
    return Column(
        title, lambda row: str(row["confidence"]), style=lambda row: CONFIDENCE_STYLES.get(str(row["confidence"]), "")
    )


def _transition_columns(clock: Clock) -> list[Column]:
    return [
        Column("id", lambda row: str(row["id"])),
        Column("time", lambda row: clock.show(row["time"])),
        Column("from", lambda row: str(row["from"] or "?")),
        Column("to", lambda row: str(row["to"] or "?")),
        Column("earliest", lambda row: clock.show(row["earliest"]), labelled=True),
        Column("latest", lambda row: clock.show(row["latest"]), labelled=True),
        _confidence(),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _interval_columns(clock: Clock) -> list[Column]:
    return [
        Column("id", lambda row: str(row["id"])),
        Column("node", lambda row: str(row["node"])),
        Column("role", lambda row: str(row["role"]), style=lambda row: ROLE_STYLES.get(str(row["role"]), "")),
        Column("start", lambda row: clock.show(row["start"])),
        Column("end", lambda row: clock.show(row["end"])),
        _confidence(),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _conflict_columns(clock: Clock) -> list[Column]:
    return [
        Column("id", lambda row: str(row["id"])),
        Column("start", lambda row: clock.show(row["start"])),
        Column("end", lambda row: clock.show(row["end"])),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _clock_columns(clock: Clock) -> list[Column]:
    return [
        Column("node", lambda row: str(row["node"])),
        Column("add", lambda row: f"{row['seconds']:+.3f} s", right=True),
        Column("within", lambda row: f"± {row['uncertainty']:.3f} s", right=True),
        Column("from", lambda row: clock.show(row.get("since")), labelled=True),
        Column("until", lambda row: clock.show(row.get("until")), labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


# -- one conclusion ----------------------------------------------------------------------------------------------------


def _explain(case: Case, histories: Sequence[RoleHistory], wanted: str, clock: Clock, form: Format) -> None:
    from forensics.roles.plain import flat  # noqa: PLC0415  (see cli.ingest)

    found = [row for history in histories for row in flat(history) if row["id"] == wanted.strip().lower()]
    if not found:
        known = ", ".join(str(row["id"]) for history in histories for row in flat(history) if row["id"])
        shown = known if len(known) < 300 else known[:300].rpartition(",")[0] + ", …"
        raise typer.BadParameter(
            f"there is no conclusion {wanted!r}; there are: {shown or 'none'}", param_hint="--explain"
        )
    for row in found:
        conclusion = {name: value for name, value in row.items() if value is not None}
        supporting = _events(case, row["evidence"] or [])
        against = _events(case, row["contradicted_by"] or [])
        if form is not Format.TABLE:
            emit_object({"conclusion": conclusion, "supporting": supporting, "against": against})
            continue
        emit_heading(f"{row['id']}: {_headline(row, clock)}")
        emit_line(str(row["why"]))
        emit_heading("It rests on")
        emit_rows(supporting, fields=(), columns=event_columns(clock), form=Format.TABLE)
        emit_heading("Against it")
        if against:
            emit_rows(against, fields=(), columns=event_columns(clock), form=Format.TABLE)
        else:
            emit_line("nothing in the evidence")


def _headline(row: dict[str, Any], clock: Clock) -> str:
    if row["kind"] == "transition":
        span = f"between {clock.show(row['earliest'])} and {clock.show(row['latest'])}"
        return f"{row['from'] or '?'} → {row['to'] or '?'} at {clock.show(row['time'])}, {span}, {row['confidence']}"
    span = f"from {clock.show(row['start'])} to {clock.show(row['end'])}"
    if row["kind"] == "conflict":
        return f"{' and '.join(row['nodes'])} {span}"
    return f"{row['node']} {row['role']} {span}, {row['confidence']}"


def _events(case: Case, references: Sequence[str]) -> list[Row]:
    from forensics.case.search import events_of  # noqa: PLC0415  (see cli.ingest)

    ids = [int(number) for kind, _, number in (r.partition(":") for r in references) if kind == "event"]
    return [event_row(event) for event in events_of(case, ids)]
