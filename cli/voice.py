"""What goes to stderr: messages, warnings and progress, as loud as the user asked for."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from forensics.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forensics.ingest.account import Progress


class Voice:
    """How much one run of the program says. There is one per process: `voice`.

    Attributes:
        quiet: no notes and no progress; warnings are said all the same.
        verbose: details, and the traceback of a bug.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False

    def reset(self) -> None:
        """Start a new run: neither quiet nor verbose, unless the environment variable CCRF_DEBUG is set."""
        self.quiet = False
        self.verbose = bool(os.environ.get("CCRF_DEBUG"))

    def adjust(self, *, quiet: bool, verbose: bool) -> None:
        """Take over the options of a command; what was asked for before the command's name stays."""
        self.quiet = self.quiet or quiet
        self.verbose = self.verbose or verbose

    def note(self, text: str) -> None:
        """Say something useful that nobody has to know."""
        if not self.quiet:
            self.warn(text)

    def detail(self, text: str) -> None:
        """Say something for those who asked for more."""
        if self.verbose:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Say one line on stderr, whatever was asked for; the text is made safe to show."""
        sys.stderr.write(printable(text) + "\n")

    @contextmanager
    def progress(self, size: Callable[[], int]) -> Iterator[Callable[[Progress], None] | None]:
        """A progress bar for an ingest of `size()` bytes; yields None where nobody would see it."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        from cli.terminal import byte_progress  # noqa: PLC0415  (rich costs 0.1 s, and pipes do not need it)

        with byte_progress(size()) as report:

            def on_progress(progress: Progress) -> None:
                name = shortened(printable(progress.path.rsplit("/", 1)[-1]), 24)
                report(name, progress.bytes_done, progress.bytes_total, progress.events)

            yield on_progress

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Show, where somebody sees it, that what `text` names is being worked out; nothing elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield
            return
        from cli.terminal import busy  # noqa: PLC0415  (rich costs 0.1 s, and pipes do not need it)

        with busy(text):
            yield


voice = Voice()
