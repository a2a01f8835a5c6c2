"""Options that several commands share, and the reading of times and zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from cli.output import Format
from parsers.times import FILETIME_MAX, filetime_from_datetime

FOUND = 10
"""The exit code of --exit-code: done, and there are findings."""

CaseFile = Annotated[Path, typer.Argument(metavar="CASE", help="The case: one SQLite file.", show_default=False)]
EvidencePaths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Files, folders, .zip or .tar(.gz/.bz2/.xz) archives.", show_default=False),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="table for people, the others for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what is wrong.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more; show where a bug is.")]
ScreenZone = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Zone of the times in tables. [default: UTC]", show_default=False),
]
SourceZone = Annotated[
    str | None,
    typer.Option(
        "--source-tz",
        metavar="ZONE",
        help="Zone of evidence that names none. [default: UTC]",
        show_default=False,
    ),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="Product knowledge to add to the built-in: a file, or the name of another built-in one (wsfc).",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", min=1, help="Processes to decode with. [default: all CPUs]", show_default=False
    ),
]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help=f"Exit with {FOUND} where there are findings, for scripts.")
]

# The fraction of a second is cut out and read here: `datetime` has no digit for 100 ns.
_FRACTION = re.compile(r"([^T ]+[T ]\d\d:\d\d:\d\d)[.,](\d+)(.*)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)


def parse_time(text: str, option: str) -> int:
    """FILETIME of what a user typed after `option`: an ISO 8601 date, or date and time, with or without a zone.

    Without a zone it is UTC; a date alone is its first moment. Fractions are exact to 100 ns. Raises
    `typer.BadParameter` (exit code 2) for anything else.
    """
    hint = "use 2008-01-10, 2008-01-10T12:00 or 2008-01-10T12:00:35.5+01:00"
    fraction = _FRACTION.fullmatch(text.strip())
    whole = fraction[1] + fraction[3] if fraction else text.strip()
    try:
        moment = datetime.fromisoformat(whole)
    except ValueError:
        moment = None
    # A fraction that is still there belongs to a minute, and would be read as one of a second.
    if moment is None or "." in whole or "," in whole:
        raise typer.BadParameter(f"{text!r} is not a time: {hint}", param_hint=option)
    ticks = int(fraction[2][:7].ljust(7, "0")) if fraction else 0
    filetime = filetime_from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) + ticks
    if not 0 <= filetime <= FILETIME_MAX:
        raise typer.BadParameter(f"{text!r} lies outside the years 1601 to 9999", param_hint=option)
    return filetime


def parse_zone(text: str | None, option: str) -> tzinfo:
    """The zone that a user named: `Europe/Berlin`, `UTC`, `+01:00`; UTC for None.

    Raises `typer.BadParameter` (exit code 2) for a name that the system's zone data does not have.
    """
    if text is None or text.upper() in {"UTC", "Z"}:
        return UTC
    if offset := _OFFSET.fullmatch(text):
        delta = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if delta < timedelta(hours=24):
            return timezone(-delta if offset[1] == "-" else delta)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(
            f"{text!r} is not a known time zone: use a name such as Europe/Berlin, or an offset such as +01:00",
            param_hint=option,
        ) from None


class Clock:
    """Times for the screen, in the zone that the user asked for."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = None if zone is UTC else zone

    def show(self, moment: object) -> str:
        """A time of a row (ISO 8601 text in UTC, as in the case) with six digits; "" where there is none.

        Ends in `Z`, or in the zone's offset. Text that is no time (a case altered by hand) stays as it is.
        """
        if not isinstance(moment, str) or self._zone is None:
            return str(moment or "")
        try:
            return datetime.fromisoformat(moment).astimezone(self._zone).isoformat(timespec="microseconds")
        except (ValueError, OverflowError):  # no time, or within a day of the calendar's ends
            return moment
