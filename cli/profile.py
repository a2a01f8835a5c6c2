"""`ccrf profile`: the product knowledge that every conclusion rests on, and what is wrong with an extension of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.options import OutputFormat, ProfileFile, Quiet, Verbose  # noqa: TC001  (typer reads them at run time)
from cli.output import Column, Format, Json, Row, emit_rows
from cli.voice import voice
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case
    from forensics.profile import Profile

profile_app = typer.Typer(
    help="The product knowledge in force, and extensions of it.", no_args_is_help=True, rich_markup_mode=None
)

OfCase = Annotated[
    Path | None,
    typer.Option("--case", metavar="CASE", help="The profile that was given when CASE was made.", show_default=False),
]
FIELDS = ("table", "key", "values", "mark", "source", "note")
MARK_STYLES = {
    "documented": "green",
    "inferred": "yellow",
    "common": "yellow",
    "unverified": "magenta",
    "unknown": "red",
}
ToCheck = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The profile to check: a file, or a built-in one's name.", show_default=False),
]
FINDING_FIELDS = ("kind", "line", "table", "key", "field", "says")
KIND_STYLES = {"error": "red", "warning": "yellow", "replaces": "cyan", "adds": "green"}
BAD_PROFILE = 2


@profile_app.command()
def show(
    *,
    case: OfCase = None,
    profile: ProfileFile = None,
    form: OutputFormat = Format.TABLE,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List what is known of the product: each fact with how well it is known and from where.

    Without options the profile that is part of the program; --profile shows it with an extension, --case what the
    case was read with, and the event ids that its message files taught.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    if case is not None and profile is not None:
        raise typer.BadParameter("a case has its own profile; name one of the two", param_hint="--case, --profile")
    emit_rows(_rows(case, profile), fields=FIELDS, columns=COLUMNS, form=form)


@profile_app.command()
def check(
    file: ToCheck,
    *,
    form: OutputFormat = Format.TABLE,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say everything that is wrong with a profile, or else what it adds, replaces, and leaves in doubt.

    Each finding has its line. The exit code is 2 for a profile that cannot be used; warnings leave it at 0.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.profile_check import FindingKind, check_profile  # noqa: PLC0415  (see cli.ingest)

    checked = check_profile(file)
    rows: list[Row] = [finding._asdict() for finding in checked.findings]
    emit_rows(rows, fields=FINDING_FIELDS, columns=FINDING_COLUMNS, form=form)
    if not checked.usable:
        voice.warn(f"ccrf: {checked.origin}: {counted(checked.count(FindingKind.ERROR), 'error')}: it cannot be used")
        raise typer.Exit(BAD_PROFILE)
    base = "stands alone" if checked.extends == "none" else f"extends {checked.extends}"
    counts = {kind: checked.count(kind) for kind in FindingKind}
    does = f"{counted(counts[FindingKind.ADDS], 'row')} added, {counts[FindingKind.REPLACES]} replaced"
    voice.note(f"{checked.origin}: {base}; {does}; {counted(counts[FindingKind.WARNING], 'warning')}")


def _rows(case: Path | None, profile: Path | None) -> Iterator[Row]:
    from forensics.profile import load_profile, profile_of  # noqa: PLC0415  (see cli.ingest)

    if case is None:
        yield from profile_rows(load_profile(profile))
        return
    with open_case(case) as opened:
        in_force = profile_of(opened)
        yield from profile_rows(in_force)
        yield from learned_rows(opened, in_force)


def learned_rows(case: Case, profile: Profile) -> Iterator[Row]:
    """The event ids that the message files of a case taught: whose text each is, and from which file."""
    from forensics.messages import learned  # noqa: PLC0415  (see cli.ingest)

    marks = {row.key.casefold(): str(row.mark) for row in profile.events}
    for item in learned(case):
        yield {
            "table": "learned_events",
            "key": f"{item.source} {item.event_id}",
            "values": {"is": item.key, "path": item.path, "text": item.text},
            "mark": marks.get(item.key.casefold()),
            "source": f"evidence:{item.evidence_id}",
            "note": "",
        }


def profile_rows(profile: Profile) -> Iterator[Row]:
    """Each fact with the fields of the machine formats; `values` holds what is particular to its table."""
    from msgspec import to_builtins  # noqa: PLC0415  (see cli.ingest)

    for table, key, row in profile.rows():
        fields: dict[str, Json] = to_builtins(row)
        values = {name: value for name, value in fields.items() if name not in FIELDS and value != key}
        common = {name: fields.get(name) for name in ("mark", "source", "note")}
        yield {"table": table, "key": key, "values": values, **common}


def _said(row: Row) -> str:
    """What the fact says beside its key, with the note."""
    values = row["values"]
    if row["table"] == "events":
        parts = [_said_of_event(row)]
    else:
        parts = [f"{name} {value}" for name, value in values.items()] if isinstance(values, dict) else []
    return "; ".join([*parts, str(row["note"])] if row["note"] else parts)


def _said_of_event(row: Row) -> str:
    from msgspec import convert  # noqa: PLC0415  (see cli.ingest)

    from forensics.profile_check import in_short  # noqa: PLC0415
    from forensics.profile_rows import EventRow  # noqa: PLC0415

    own = row["values"] if isinstance(row["values"], dict) else {}
    return in_short(convert({**own, "key": row["key"], "mark": row["mark"], "source": row["source"]}, EventRow))


COLUMNS = [
    Column("table", lambda row: str(row["table"])),
    Column("key", lambda row: str(row["key"])),
    Column("mark", lambda row: str(row["mark"] or ""), style=lambda row: MARK_STYLES.get(str(row["mark"]), "")),
    Column("source", lambda row: str(row["source"] or ""), style=lambda _: "dim"),
    Column("says", _said, long=True),
]
FINDING_COLUMNS = [
    Column("line", lambda row: "" if row["line"] is None else str(row["line"]), right=True, labelled=True),
    Column("kind", lambda row: str(row["kind"]), style=lambda row: KIND_STYLES.get(str(row["kind"]), "")),
    Column("table", lambda row: str(row["table"])),
    Column("key", lambda row: str(row["key"])),
    Column("says", lambda row: str(row["says"]), long=True),
]
