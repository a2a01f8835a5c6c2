"""`ccrf collector`: the script that collects the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import ProfileFile, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.output import emit_command, emit_line
from cli.voice import voice
from forensics.errors import FailedError

Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="DIR", help="The folder to write collect.cmd into.", show_default=False),
]


def collector(
    *,
    output: Output,
    profile: ProfileFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write collect.cmd: what to run on each node to copy logs, files and cluster state for an ingest.

    It needs nothing but Server 2003 or 2008, asks nothing, and changes nothing.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.collector.script import NAME, collector_script  # noqa: PLC0415  (see cli.ingest)
    from forensics.profile import load_profile  # noqa: PLC0415
    from forensics.writing import atomic_write  # noqa: PLC0415

    script = collector_script(load_profile(profile))
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise FailedError(f"{output} cannot be made: {error.strerror or error}") from error
    target = output / NAME
    atomic_write(target, script, replace=False)
    emit_line(
        f"{target} is written. Copy it to each node, run it there as an administrator, and bring back what it makes:"
    )
    emit_command(f"{NAME} E:\\evidence")
    emit_line("A folder for each node; then, here:")
    emit_command("ccrf investigate EXNODE1/ EXNODE2/ --case case.db")
