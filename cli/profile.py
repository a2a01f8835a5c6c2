"""`ccrf profile`: the product knowledge that every conclusion rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.options import OutputFormat, ProfileFile, Quiet, Verbose  # noqa: TC001  (typer reads them at run time)
from cli.output import Column, Format, Json, Row, emit_rows
from cli.voice import voice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.profile import Profile

profile_app = typer.Typer(help="The product knowledge in force.", no_args_is_help=True, rich_markup_mode=None)

OfCase = Annotated[
    Path | None,
    typer.Option("--case", metavar="CASE", help="The profile that was given when CASE was made.", show_default=False),
]
FIELDS = ("table", "key", "values", "mark", "source", "note")
MARK_STYLES = {"documented": "green", "inferred": "yellow", "common": "yellow", "unknown": "red"}


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

    Without options the profile that is part of the program; --profile shows it with an extension.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    if case is not None and profile is not None:
        raise typer.BadParameter("a case has its own profile; name one of the two", param_hint="--case, --profile")
    emit_rows(profile_rows(_profile(case, profile)), fields=FIELDS, columns=COLUMNS, form=form)


def _profile(case: Path | None, profile: Path | None) -> Profile:
    from forensics.profile import load_profile, profile_of  # noqa: PLC0415  (see cli.ingest)

    if case is None:
        return load_profile(profile)

    with open_case(case) as opened:
        return profile_of(opened)


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
    parts = [f"{name} {value}" for name, value in values.items()] if isinstance(values, dict) else []
    return "; ".join([*parts, str(row["note"])] if row["note"] else parts)


COLUMNS = [
    Column("table", lambda row: str(row["table"])),
    Column("key", lambda row: str(row["key"])),
    Column("mark", lambda row: str(row["mark"] or ""), style=lambda row: MARK_STYLES.get(str(row["mark"]), "")),
    Column("source", lambda row: str(row["source"] or ""), style=lambda _: "dim"),
    Column("says", _said, long=True),
]
