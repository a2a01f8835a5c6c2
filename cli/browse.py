"""`ccrf browse`: the case in Datasette, on this machine only."""

from __future__ import annotations

import importlib.util
import re
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.cases import open_case
from cli.options import CaseFile, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.output import emit_line
from cli.voice import voice
from forensics.errors import FailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

Port = Annotated[
    int | None,
    typer.Option(
        "--port", metavar="N", min=0, max=65535, show_default=False,
        help="Port on 127.0.0.1; 0 for a free one. [default: 8001, or a free one]",
    ),
]  # fmt: skip
Open = Annotated[bool, typer.Option("--open", help="Open the web browser too.")]
HOST = "127.0.0.1"
DEFAULT_PORT = 8001
_MISSING = (
    "'ccrf browse' needs Datasette: install it with  pipx inject ccr-forensics datasette  or"
    "  pip install 'ccr-forensics[browse]'"
)


def browse(
    case: CaseFile,
    *,
    port: Port = None,
    open_browser: Open = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show CASE in Datasette on this machine, until Ctrl-C: tables, facets, search, and questions ready to be asked.

    The case is opened for reading only. Needs the extra `browse`.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    if importlib.util.find_spec("datasette") is None:
        raise UsageError(_MISSING)
    from forensics.browse.metadata import metadata  # noqa: PLC0415  (see cli.ingest)
    from forensics.profile import profile_of  # noqa: PLC0415

    # Datasette is given the file's name inside of an address, as it stands.
    if re.search(r"[?#%]", str(case.absolute())):
        raise UsageError(f"{case} cannot be shown: Datasette does not take ?, # and % in a path; give it another name")
    with open_case(case) as opened:
        described = metadata(profile_of(opened), case.name)
    with _listening(port) as listener:
        _serve(case, described, listener, open_browser=open_browser)
    voice.note("stopped")


def _listening(port: int | None) -> socket.socket:
    try:
        return socket.create_server((HOST, DEFAULT_PORT if port is None else port))
    except OSError as error:
        if port is None:
            return socket.create_server((HOST, 0))
        raise FailedError(
            f"port {port} cannot be used ({error.strerror or error}); name another with --port"
        ) from error


def _serve(case: Path, described: dict[str, Any], listener: socket.socket, *, open_browser: bool) -> None:
    import uvicorn  # noqa: PLC0415  (only with the extra)
    from datasette.app import Datasette  # noqa: PLC0415
    from datasette.database import Database  # noqa: PLC0415

    from forensics.browse.metadata import DATABASE, SETTINGS  # noqa: PLC0415

    port = listener.getsockname()[1]
    datasette = Datasette(metadata=described, settings=SETTINGS)
    datasette.add_database(Database(datasette, path=str(case.absolute()), is_mutable=False), name=DATABASE)
    address = f"http://{HOST}:{port}/{DATABASE}"
    application = only_for({f"{HOST}:{port}", f"localhost:{port}"}, datasette.app())
    config = uvicorn.Config(application, log_level="warning", lifespan="on", timeout_graceful_shutdown=2)
    emit_line(f"{address} shows {case.name}; Ctrl-C ends it.")
    sys.stdout.flush()
    if open_browser:
        import webbrowser  # noqa: PLC0415

        webbrowser.open(address)
    with suppress(KeyboardInterrupt):  # it stops in good order, and passes the signal on then
        uvicorn.Server(config).run(sockets=[listener])


def only_for(hosts: set[str], application: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """`application`, answering only requests that name one of `hosts`.

    Any page in the user's browser can have its own name lead to this machine, and would read the case.
    """

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"host", b"").decode("latin-1") not in hosts:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"only for this machine"})
            return
        await application(scope, receive, send)

    return guarded
