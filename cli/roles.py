"""`ccrf roles`: which node was active, passive or down, when the role moved, and why that is said."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.cases import open_case
from cli.explain import tell_conclusion
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_object, emit_rows
from cli.voice import voice
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_BAR_FILE = 80


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
        with voice.busy("working out who was active when"):
            analysis = analyse(opened)
            histories = chosen_histories(analysis, group)
        if explain is not None:
            tell_conclusion(opened, analysis, histories, explain, clock, form)
        elif form is Format.JSON:
            _emit_json(histories, group)
        elif form is Format.TABLE:
            for history in histories:
                tell_history(history, clock)
        else:
            from forensics.roles.plain import FIELDS, flat  # noqa: PLC0415  (see cli.ingest)

            emit_rows((row for history in histories for row in flat(history)), fields=FIELDS, columns=(), form=form)


def chosen_histories(analysis: Analysis, group: str | None) -> list[RoleHistory]:
    """The history that --group asks for; raises `typer.BadParameter` (exit code 2) for a group that no event names."""
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
    if not history.nodes:
        emit_line("No node is in the evidence: nothing in it says anything of a role.")
        return
    if history.why:
        emit_line(history.why)
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
    if rows["clock_offsets"]:
        columns = _clock_columns(clock, rows["clock_offsets"])
        emit_rows(rows["clock_offsets"], fields=(), columns=columns, form=Format.TABLE)
    told = {row["node"] for row in rows["clock_offsets"]}
    for node in nodes[1:]:
        if node not in told:
            emit_line(f"{node}: nothing bounds on both sides how far it was off; its times may be minutes away.")


def tell_bars(history: RoleHistory, clock: Clock) -> None:
    """Print the roles over time as one line of letters for each node; on a terminal in colour."""
    from parsers.times import iso_utc  # noqa: PLC0415  (see cli.ingest)

    start = min(one.start for one in history.intervals)
    end = max(one.end for one in history.intervals)
    margin = max(map(len, history.nodes)) + 2
    # A file has the same width whatever terminal is around.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _BAR_FILE
    width = max(20, min(_BAR_MOST, columns - margin - 1))
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
    if width > len(left) + len(right):
        _emit_bar(" " * margin, left + right.rjust(width - len(left)))
    else:
        _emit_bar(" " * margin, left)
        _emit_bar(" " * margin, right.rjust(width))
    _emit_bar(" " * margin, "  ".join(f"{letter} {role}" for role, letter in ROLE_LETTERS.items()))


def _emit_bar(label: str, letters: str) -> None:
    if sys.stdout.isatty():
        from cli.terminal import print_bar  # noqa: PLC0415  (rich costs 0.1 s, and pipes do not need it)

        print_bar(label, letters, {letter: ROLE_STYLES[role] for role, letter in ROLE_LETTERS.items()})
    else:
        sys.stdout.write(f"{label}{letters}".rstrip() + "\n")


def _confidence(title: str = "sure") -> Column:
    return Column(
        title, lambda row: str(row["confidence"]), style=lambda row: CONFIDENCE_STYLES.get(str(row["confidence"]), "")
    )


def _transition_columns(clock: Clock) -> list[Column]:
    return [
        Column("id", lambda row: str(row["id"])),
        Column("from", lambda row: str(row["from"] or "?"), labelled=True),
        Column("to", lambda row: str(row["to"] or "?"), labelled=True),
        _confidence(),
        Column("time", lambda row: clock.show(row["time"])),
        Column("earliest", lambda row: clock.show(row["earliest"]), labelled=True),
        Column("latest", lambda row: clock.show(row["latest"]), labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _interval_columns(clock: Clock) -> list[Column]:
    return [
        Column("id", lambda row: str(row["id"])),
        Column("node", lambda row: str(row["node"])),
        Column("role", lambda row: str(row["role"]), style=lambda row: ROLE_STYLES.get(str(row["role"]), "")),
        _confidence(),
        Column("start", lambda row: clock.show(row["start"]), labelled=True),
        Column("end", lambda row: clock.show(row["end"]), labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _conflict_columns(clock: Clock) -> list[Column]:
    return [
        Column("id", lambda row: str(row["id"])),
        Column("start", lambda row: clock.show(row["start"]), labelled=True),
        Column("end", lambda row: clock.show(row["end"]), labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _clock_columns(clock: Clock, rows: Sequence[dict[str, Any]]) -> list[Column]:
    spans = [
        Column(title, lambda row, name=name: clock.show(row.get(name)), labelled=True)  # type: ignore[misc]
        for title, name in (("from", "since"), ("until", "until"))
        if any(row.get(name) for row in rows)
    ]
    return [
        Column("node", lambda row: str(row["node"])),
        Column("clock", _ahead),
        Column("within", lambda row: f"± {row['uncertainty']:.1f} s", right=True),
        *spans,
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _ahead(row: Row) -> str:
    seconds = row["seconds"]
    if not isinstance(seconds, float) or not seconds:
        return "level"
    return f"{abs(seconds):,.1f} s {'ahead' if seconds < 0 else 'behind'}"
