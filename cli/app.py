"""The program's commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.backups import backups_app
from cli.browse import browse
from cli.bundle import bundle_app
from cli.case_admin import verify
from cli.check import check
from cli.checkpoints import checkpoints_app
from cli.checkpoints_cleanup import cleanup
from cli.collector import collector
from cli.events import events
from cli.evidence import evidence
from cli.export import export
from cli.failures import GuardedGroup
from cli.fdb import fdb_app
from cli.ingest import ingest
from cli.investigate import investigate
from cli.options import Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.overwrites import overwrites
from cli.profile import profile_app
from cli.report import report
from cli.restore import restore
from cli.roles import roles
from cli.timeline import timeline
from cli.voice import voice
from forensics import __version__

app = typer.Typer(
    name="ccrf",
    cls=GuardedGroup,
    help="Post-incident forensics for Forefront Security for Exchange Server on Exchange 2007 CCR clusters.",
    no_args_is_help=True,
    # Text from evidence and file names must never be read as markup, and help that is piped has no boxes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


def _print_version(asked: bool) -> None:  # noqa: FBT001  (typer calls it)
    if asked:
        typer.echo(f"ccrf {__version__}")
        raise typer.Exit


@app.callback()
def top(
    *,
    quiet: Quiet = False,
    verbose: Verbose = False,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command's name."""
    voice.adjust(quiet=quiet, verbose=verbose)


app.command()(investigate)
app.command()(ingest)
app.command()(evidence)
app.command()(events)
app.command()(roles)
app.command()(timeline)
app.command()(overwrites)
app.command()(restore)
app.command()(report)
app.command()(export)
app.command()(check)
app.command()(collector)
app.command()(browse)
app.command()(verify)
app.add_typer(backups_app, name="backups")
checkpoints_app.command()(cleanup)
app.add_typer(checkpoints_app, name="checkpoints")
app.add_typer(bundle_app, name="bundle")
app.add_typer(fdb_app, name="fdb")
app.add_typer(profile_app, name="profile")
