"""The console entry point."""

from __future__ import annotations

import sys


def run() -> None:
    """Run `ccrf` with the process's arguments and end the process with its exit code.

    Never shows a traceback, unless asked for one with `--verbose` or CCRF_DEBUG.
    """
    try:
        from cli.app import app  # noqa: PLC0415  (so that Ctrl-C while modules load is quiet too)

        app(prog_name="ccrf")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
