r"""What `dir /s` of cmd.exe prints, in English or in another language whose listing has the same structure.

The heading of a folder is told by its place and its path, not its words (` Directory of C:\`, ` Verzeichnis von C:\`,
` Répertoire de C:\`, ` Directorio de C:\`). Dates follow the locale, which only listings of `collect.cmd` say
in the first line. Which number is the day is told by a year in front, by a day above 12 anywhere in the listing, by
that line, or by dots between the numbers (no Windows format has the month first then); else the times are left out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.listings.model import CREATED_HEADING, WRITTEN_HEADING, Listed
from parsers.listings.text import lines, logical_path
from parsers.problems import Problem, ProblemKind
from parsers.times import FILETIME_MAX, TICKS_PER_SECOND, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo

    from parsers.listings.model import Account

_HEADING: Final = re.compile(
    r" (?:Directory of (?P<folder>\S.*)|(?:[^\s\d:\\/]{1,20} ){1,4}(?P<path>(?:[A-Za-z]:\\|\\\\[^\\\s]).*))"
)
_ENTRY: Final = re.compile(
    r"(?P<one>\d{1,4})(?P<sep>[-/.])(?P<two>\d{1,2})(?P=sep)(?P<three>\d{2,4})\.? {1,3}"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?: ?(?P<half>[AaPp])(?:\.?[ \u00a0]?[Mm]\.?)?)? {1,40}"
    r"(?P<size><[^<>\t]{1,30}>|\d[\d,.'\u00a0\u202f\u00ff]{0,40}) {1,40}(?P<name>\S.*)"
)
_SAID: Final = re.compile(rf'(?:{WRITTEN_HEADING}|{CREATED_HEADING}) "(?P<form>[^"]{{1,40}})"')
_MINUTE: Final = 60 * TICKS_PER_SECOND


def is_directory(head: Sequence[str]) -> bool:
    """Whether the first lines of a text are those of `dir`: the heading of a folder and an entry at least."""
    return any(_HEADING.match(line) for line in head) and any(_ENTRY.match(line) for line in head)


def read_directory(opened: Callable[[], BinaryIO], zone: tzinfo | None, account: Account) -> Iterator[Listed]:
    """The files of what `dir` printed; it is read twice, first to tell the form of its dates."""
    day_first = _day_first(opened)
    ambiguous = 0
    folder = ""
    with opened() as stream:
        for _, line in lines(stream):
            line = line.rstrip()  # noqa: PLW2901  (spaces at the end are no part of a name)
            heading = _HEADING.match(line)
            if heading is not None:
                folder = logical_path(heading["folder"] or heading["path"])
                account.shows(folder)
                continue
            found = _ENTRY.match(line)
            if found is None or found["size"].startswith("<"):
                continue
            modified = _moment(found, day_first, zone or UTC)
            ambiguous += modified is None
            digits = re.sub(r"\D", "", found["size"])
            size = int(digits) if digits and len(digits) < 19 else None
            yield Listed(f"{folder}/{logical_path(found['name'])}".lstrip("/"), size, modified, _MINUTE)
    account.assumed_zone = zone is None
    if ambiguous:
        detail = f"which number of {ambiguous} dates is the day cannot be told; these files have no time"
        account.problems.append(Problem(ProblemKind.BAD_VALUE, 0, 0, detail))


def _day_first(opened: Callable[[], BinaryIO]) -> bool | None:
    """Whether the first number of the dates is the day; None where nothing, or damage, tells."""
    above = [0, 0]
    dotted = 0
    said: bool | None = None
    with opened() as stream:
        for _, line in lines(stream):
            if said is None and (heading := _SAID.match(line)):
                said = _day_before_month(heading["form"])
            found = _ENTRY.match(line)
            if found is not None and len(found["one"]) <= 2:
                dotted += found["sep"] == "."
                above[0] += int(found["one"]) > 12
                above[1] += int(found["two"]) > 12
    if (above[0] > 0) != (above[1] > 0):
        return above[0] > 0
    return True if said is None and dotted and not above[0] else said


def _day_before_month(form: str) -> bool | None:
    """Whether the day stands before the month in dates of a form such as `dd.MM.yyyy`; None where it does not tell."""
    day, month = form.find("d"), form.find("M")
    return day < month if min(day, month) >= 0 else None


def _moment(found: re.Match[str], day_first: bool | None, zone: tzinfo) -> int | None:  # noqa: FBT001  (three answers)
    one, two, three = int(found["one"]), int(found["two"]), int(found["three"])
    if len(found["one"]) == 4:
        year, month, day = one, two, three
    elif len(found["three"]) != 4 or (day_first is None and one != two):
        return None
    else:
        year, month, day = (three, two, one) if day_first else (three, one, two)
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    try:
        there = datetime(year, month, day, hour, int(found["minute"]), tzinfo=zone)
        ticks = filetime_from_datetime(there.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
    return ticks if 0 <= ticks <= FILETIME_MAX else None
