"""`ccrf report`, and the report of `ccrf investigate`: one page that holds everything a case says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cases import open_case
from cli.options import CaseFile, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.output import emit_line
from cli.voice import voice
from forensics.errors import FailedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.conclude import Conclusions

Folder = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="The folder to write report.html into; it is made if it is not there.",
        show_default=False,
    ),
]


def report(case: CaseFile, *, output: Folder, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Write the report of CASE, DIR/report.html: one page that needs no network and no other file.

    It tells what happened, what was lost and what to do, shows the nodes over time, and lists what that rests on. The
    same case gives the same page. A report that is there is replaced. Its path goes to stdout.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    refuse_no_folder(output)
    with open_case(case) as opened:
        path = write_report(opened, output)
    emit_line(str(path))


def refuse_no_folder(folder: Path) -> None:
    """Raise `RefusedError` where the report cannot have a folder, because something else has its name."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise RefusedError(f"{folder} is no folder; name a folder for the report")


def refuse_report_in_evidence(folder: Path, paths: Sequence[Path]) -> None:
    """Raise `RefusedError` where the report would lie in the evidence, which is never written to."""
    real = Path(os.path.realpath(folder))
    places = [place for place in (real, *real.parents) if place.exists()]
    for path in paths:
        if any(os.path.samefile(place, path) for place in places):  # noqa: PTH121  (both may be anything)
            raise RefusedError(f"{folder} would lie inside the evidence {path}, which is never written to")


def write_report(case: Case, folder: Path, done: Conclusions | None = None) -> Path:
    """Make the report and write it, whole or not at all; return where it is.

    Args:
        case: ingested and finished.
        folder: made where it is not there.
        done: the case's conclusions, where they are at hand.

    Raises:
        RefusedError: the folder, or the file in it, is something else.
        FailedError: it cannot be written, or the case not be read.
    """
    from forensics.report.make import report_html  # noqa: PLC0415  (see cli.ingest)
    from forensics.report.render import FILE_NAME  # noqa: PLC0415
    from forensics.writing import atomic_write  # noqa: PLC0415

    with voice.busy("writing the report"):
        page = report_html(case, done)
    refuse_no_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise RefusedError(f"{folder} is no folder; name a folder for the report") from None
    except OSError as error:
        raise FailedError(f"{folder} could not be made: {error.strerror or error}") from error
    atomic_write(folder / FILE_NAME, page)
    return folder / FILE_NAME
