"""`ccrf export`: a case for the tools that people already use."""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.options import CaseFile, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.voice import voice
from forensics.errors import RefusedError
from forensics.export.forms import ExportForm
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.export.run import ExportAccount

As = Annotated[ExportForm, typer.Option("--as", help="For which tool.", show_default=False)]
Output = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="FILE", help="The file to write, a new one; - for stdout.", show_default=False
    ),
]
NoDuplicates = Annotated[
    bool, typer.Option("--no-duplicates", help="Leave out events that are in the case once more: copies of one record.")
]
# Lines that are written together.
_BATCH = 500


def export(
    case: CaseFile,
    *,
    form: As,
    output: Output,
    no_duplicates: NoDuplicates = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write CASE as a time line for other tools.

    timesketch and l2tcsv hold every event, every version of a file and every conclusion; a bodyfile holds the files.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.export.run import ExportAccount, export_lines  # noqa: PLC0415  (see cli.ingest)
    from forensics.writing import atomic_write  # noqa: PLC0415

    account = ExportAccount()
    to_stdout = str(output) == "-"
    with open_case(case) as opened:
        if not to_stdout and os.path.lexists(output):
            raise RefusedError(f"{output} exists already; name another file, or move it away")
        lines = export_lines(opened, form, account, duplicates=not no_duplicates)
        if to_stdout:
            for text in _batches(lines):
                sys.stdout.write(text)
        else:
            with voice.busy(f"writing {output.name}"):
                atomic_write(output, (text.encode("utf-8") for text in _batches(lines)), replace=False)
    _tell(account, form, "stdout" if to_stdout else str(output))
    if form is ExportForm.TIMESKETCH and not to_stdout and output.suffix != ".jsonl":
        voice.note("Timesketch takes files of this form only where their name ends in .jsonl")


def _batches(lines: Iterator[str]) -> Iterator[str]:
    while batch := list(islice(lines, _BATCH)):
        yield "".join(batch)


def _tell(account: ExportAccount, form: ExportForm, where: str) -> None:
    kinds = ", ".join(counted(number, kind, _PLURALS.get(kind)) for kind, number in account.found.items())
    total = sum(account.found.values())
    voice.note(f"{kinds}: {counted(total, 'row')} in the case, {account.written:,} written to {where}")
    if account.timeless:
        says = {
            ExportForm.TIMESKETCH: "have no time and stand at the beginning of 1970, as 'Not a time'",
            ExportForm.L2TCSV: "have no time and the date 00/00/0000",
            ExportForm.BODYFILE: "have no last-modified time; tools leave them out",
        }[form]
        voice.note(f"{account.timeless:,} of them {says}")
    if account.left_out:
        reason = "events have no place in a bodyfile" if form is ExportForm.BODYFILE else "copies, by --no-duplicates"
        voice.note(f"{counted(account.left_out, 'event')} left out: {reason}")


_PLURALS = {"file of evidence": "files of evidence"}
