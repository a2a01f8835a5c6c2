"""`ccrf backups`: the backup sets of a case, one of them in full, and what it holds that is no longer in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.cases import open_case
from cli.options import CaseFile, Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Column, Format, Row, emit_heading, emit_line, emit_object, emit_rows
from cli.roles import CONFIDENCE_STYLES
from cli.voice import voice
from forensics.text import counted, quoted

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.files.compare import Compared
    from forensics.files.model import BackupSet, FileEvidence, Sighting

backups_app = typer.Typer(
    help="Backup sets of the replicated files: found, dated, compared.", no_args_is_help=True, rich_markup_mode=None
)

SetId = Annotated[str, typer.Argument(metavar="SET", help="A backup set: `backup:3`, or `3`.", show_default=False)]
OtherId = Annotated[
    str | None,
    typer.Argument(metavar="OTHER", help="Another set. [default: the live files of SET's node]", show_default=False),
]
STATUS_STYLES = {"same": "green", "differs": "yellow", "time_differs": "yellow", "missing": "red"}
_IDS_SHOWN = 20


@backups_app.command("list")
def list_sets(
    case: CaseFile,
    *,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the backup sets of CASE: where they lie, when and why they were made, and what they lack.

    A set is recognised by structure, since the product's own naming is not documented. Times are by the node's own
    clock.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.files.plain import SET_FIELDS, plain_set  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        evidence, recommended = _files_of(opened)
        rows = (plain_set(one, recommended) for one in evidence.sets)
        count = emit_rows(rows, fields=SET_FIELDS, columns=_set_columns(clock, evidence), form=form)
    if form is Format.TABLE:
        if not count:
            voice.note("no backup set was found")
        for note in evidence.notes:
            voice.note(note)


@backups_app.command("show")
def show_set(
    case: CaseFile,
    set_id: SetId,
    *,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show one backup set of CASE: each of its files, and what its time and its reason rest on."""
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.files.plain import SET_FIELDS, plain_set  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        evidence, recommended = _files_of(opened)
    one = _chosen(evidence, set_id, "SET")
    row = plain_set(one, recommended)
    files = [_file_row(name, file) for name, file in one.files.items()]
    if form is Format.JSON:
        emit_object(row | {"contents": files})
    elif form is not Format.TABLE:
        emit_rows([row | {"contents": files}], fields=(*SET_FIELDS, "contents"), columns=(), form=form)
    else:
        emit_heading(f"{one.id} of {one.node}, {one.location}")
        emit_line(f"{_made(row, clock)}, {one.confidence.value}. {one.why}")
        if one.id == recommended:
            emit_line("This is the set to restore.")
        emit_rows(files, fields=(), columns=_file_columns(clock), form=form)


@backups_app.command("diff")
def diff_sets(
    case: CaseFile,
    set_id: SetId,
    other: OtherId = None,
    *,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare a backup set of CASE with the live files of its node, or with another set, file by file."""
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.files.compare import COMPARED_FIELDS, compare_files  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    with open_case(case) as opened:
        evidence, _ = _files_of(opened)
        one = _chosen(evidence, set_id, "SET")
        against = _chosen(evidence, other, "OTHER") if other is not None else None
        files = against.files if against is not None else evidence.live.get(one.node, {})
        what = against.id if against is not None else f"the live files of {one.node}"
        rows = [_compared_row(opened, row) for row in compare_files(evidence.names, one.files, files)]
    if form is Format.JSON:
        emit_object({"set": one.id, "other": against.id if against else None, "node": one.node, "files": rows})
    elif form is not Format.TABLE:
        emit_rows(rows, fields=COMPARED_FIELDS, columns=(), form=form)
    else:
        emit_heading(f"{one.id}, {one.location}, against {what}")
        if not files:
            emit_line(f"There are no live files of {one.node} in the evidence.")
        emit_rows(rows, fields=(), columns=_compared_columns(clock), form=form)
        for row in rows:
            _tell_content(row)
        same = sum(row["status"] == "same" for row in rows)
        emit_line(f"{same} of {counted(len(rows), 'file')} {'is' if same == 1 else 'are'} the same.")


def _files_of(case: Case) -> tuple[FileEvidence, str | None]:
    """What is known of the case's files, and the id of the recommended set."""
    from forensics.files.analyse import analyse_evidence  # noqa: PLC0415  (see cli.ingest)
    from forensics.files.load import file_evidence  # noqa: PLC0415
    from forensics.roles.analyse import analyse  # noqa: PLC0415

    with voice.busy("looking for backup sets"):
        analysis = analyse(case)
        history = analysis.roles()
        evidence = file_evidence(case, analysis, history)
        return evidence, analyse_evidence(evidence, analysis, history).recommended


def _chosen(evidence: FileEvidence, wanted: str, argument: str) -> BackupSet:
    """The set of that id; raises `typer.BadParameter` (exit code 2) where there is none."""
    text = wanted.strip().lower()
    name = f"backup:{int(text)}" if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else text
    for one in evidence.sets:
        if one.id == name:
            return one
    ids = [one.id for one in evidence.sets]
    shown = ", ".join(ids[:_IDS_SHOWN]) + (f" and {len(ids) - _IDS_SHOWN} more" if ids[_IDS_SHOWN:] else "")
    raise typer.BadParameter(f"there is no backup set {wanted!r}; there are: {shown or 'none'}", param_hint=argument)


def _file_row(name: str, file: Sighting) -> dict[str, Any]:
    from forensics.files.plain import plain_version  # noqa: PLC0415  (see cli.ingest)

    return {
        "file": name,
        "id": file.reference,
        **plain_version(file.version),
        "path": file.path,
        "readable": file.readable,
    }


def _compared_row(case: Case, one: Compared) -> dict[str, Any]:
    from forensics.files.contents import difference  # noqa: PLC0415  (see cli.ingest)

    found = None
    if one.status.value == "differs" and one.of_set is not None and one.of_other is not None:
        found = difference(case, one.of_set.version, one.of_other.version)

    def side(file: Sighting | None) -> dict[str, Any] | None:
        return None if file is None else {k: v for k, v in _file_row(one.file, file).items() if k != "file"}

    return {
        "file": one.file,
        "status": one.status.value,
        "of_set": side(one.of_set),
        "of_other": side(one.of_other),
        "why": one.why,
        "content": None if found is None else found._asdict(),
    }


# -- for people --------------------------------------------------------------------------------------------------------


def _made(row: Row, clock: Clock) -> str:
    if row["made"] is None:
        return "Made at an unknown time"
    return f"Made {clock.show(row['made'])} by the clock of {row['node']}"


def _set_columns(clock: Clock, evidence: FileEvidence) -> list[Column]:
    of = len(evidence.names)

    def files(row: Row) -> str:
        missing = row["missing"]
        lacking = len(missing) if isinstance(missing, list) else 0
        return f"{of - lacking} of {of}" + ("" if row["consistent"] else ", mixed")

    return [
        Column("id", lambda row: str(row["id"])),
        Column("node", lambda row: str(row["node"])),
        Column("made", lambda row: clock.show(row["made"]) or "?"),
        Column("trigger", lambda row: str(row["trigger"])),
        Column("files", files, labelled=True, style=lambda row: "" if row["complete"] and row["consistent"] else "red"),
        Column(
            "sure",
            lambda row: str(row["confidence"]),
            style=lambda row: CONFIDENCE_STYLES.get(str(row["confidence"]), ""),
        ),
        Column("", lambda row: "restore this one" if row["recommended"] else "", style=lambda _: "bold green"),
        Column("location", lambda row: str(row["location"]), long=True),
    ]


def _file_columns(clock: Clock) -> list[Column]:
    return [
        Column("file", lambda row: str(row["file"])),
        Column("id", lambda row: str(row["id"])),
        Column("size", lambda row: _size(row["size"]), right=True),
        Column("modified", lambda row: clock.show(row["modified"])),
        Column("sha256", lambda row: str(row["sha256"] or "")[:12], style=lambda _: "dim"),
        Column("content", lambda row: "kept" if row["readable"] else "not in the case", labelled=True),
        Column("path", lambda row: str(row["path"]), long=True),
    ]


def _compared_columns(clock: Clock) -> list[Column]:
    return [
        Column("file", lambda row: str(row["file"])),
        Column(
            "status",
            lambda row: str(row["status"]).replace("_", " "),
            style=lambda row: STATUS_STYLES.get(str(row["status"]), ""),
        ),
        Column("in the set", lambda row: clock.show(_part(row["of_set"], "modified")), labelled=True),
        Column("in the other", lambda row: clock.show(_part(row["of_other"], "modified")), labelled=True),
        Column("why", lambda row: str(row["why"]), long=True),
    ]


def _tell_content(row: dict[str, Any]) -> None:
    """How the contents of one file differ, in words; nothing where they are not known to."""
    found = row["content"]
    if found is None:
        return
    emit_line(
        f"{row['file']}: {found['changed']:,} of the set's {found['size']:,} bytes, in"
        f" {counted(found['ranges'], 'range')}, are not in the other; {found['moved']:,} stand elsewhere there."
    )
    for which, name in (("the set", "strings"), ("the other", "other_strings")):
        if texts := found[name]:
            emit_line(f"Strings that only {which} has: {quoted(texts)}.", indent=4)


def _part(side: object, name: str) -> object:
    return side.get(name) if isinstance(side, dict) else None


def _size(size: object) -> str:
    return f"{size:,}" if isinstance(size, int) else ""
