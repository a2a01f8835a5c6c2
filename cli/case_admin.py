"""`ccrf verify`: is the case what it was?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.cases import open_case
from cli.options import CaseFile, OutputFormat, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.output import Column, Format, Row, emit_rows
from cli.voice import voice

if TYPE_CHECKING:
    from forensics.case.verify import Fault

FIELDS = ("kind", "subject", "detail")
COLUMNS = [
    Column("kind", lambda row: str(row["kind"]), style=lambda _: "red"),
    Column("subject", lambda row: str(row["subject"])),
    Column("detail", lambda row: str(row["detail"]), long=True),
]


def verify(
    case: CaseFile, *, form: OutputFormat = Format.TABLE, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Check that the audit chain and the stored contents of CASE still fit.

    Lists what does not; then the exit code is 3.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.case.verify import verify_case  # noqa: PLC0415

    with open_case(case) as opened:
        faults = verify_case(opened)
    emit_rows(map(fault_row, faults), fields=FIELDS, columns=COLUMNS, form=form)
    if faults:
        raise typer.Exit(3)
    voice.note("the audit chain and the stored contents fit")


def fault_row(fault: Fault) -> Row:
    """One fault with the fields of the machine formats."""
    return {"kind": str(fault.kind), "subject": fault.subject, "detail": fault.detail}
