"""Which replicated file a name is, what was added to it, and which moment or number the addition states.

How the product names its backups is not documented, so nothing here knows a scheme: a name is a replicated file's name
with something added that people and programs add. Pure functions over names.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.times import TICKS_PER_SECOND, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

DAY: Final = 86_400 * TICKS_PER_SECOND
_YEARS: Final = range(1995, 2038)

_STAMP: Final = re.compile(
    r"(?<![0-9])(?P<year>(?:19|20)[0-9]{2})(?P<sep>[-_. ]?)(?P<month>[0-9]{2})(?P=sep)(?P<day>[0-9]{2})"
    r"(?:(?:T|[-_. ]{0,3}(?:at )?)(?P<hour>[0-9]{2})(?P<colon>[-_.:h ]?)(?P<minute>[0-9]{2})"
    r"(?:(?P=colon)(?P<second>[0-9]{2})(?:[.,]?(?P<fraction>(?<=[.,])[0-9]{1,7}|[0-9]{3}))?)?"
    r"(?P<zone>Z|\+[0-9]{2}:?[0-9]{2})?)?(?![0-9])",
    re.IGNORECASE,
)
# Words that people and programs put to the name of a copy. Nothing of them says when it was made.
_COPY_WORDS: Final = (
    r"bak|backup|bkp|bck|bk|old|orig|original|copy|kopie|copie|sav|save|saved|prev|previous|last|good|before|vor|avant"
)
_WORD: Final = re.compile(rf"(?<![a-z])(?:{_COPY_WORDS})s?(?![a-z])", re.IGNORECASE)
# What stands beside a file and is none of its versions.
_NO_VERSION: Final = re.compile(
    r"[._-](?:tmp|temp|part|lck|lock|ldb|journal|wal|log|txt|xml|csv|html?|md5|sha1|sha256|sig|lnk|ini|dll|exe)$",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"[0-9]{1,6}(?![0-9])")
_SEPARATORS: Final = " ._-~()[]#@+,;"
_LOWER: Final = {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class Named(NamedTuple):
    """What a file's name says.

    Attributes:
        name: the replicated file, as the profile writes it.
        tag: what was added; "" for the name as it stands.
        pattern: the whole name with a star for the file's: `*.bak1.fdb`, `*.20080110120035`; "" without a tag.
    """

    name: str
    tag: str
    pattern: str


class Stamp(NamedTuple):
    """A moment that a text states.

    Attributes:
        time: FILETIME.
        resolution: ticks by which it may be too early: a second, a minute or a day where no more was written.
        text: the characters that state it.
    """

    time: int
    resolution: int
    text: str


def named(file_name: str, names: Sequence[str]) -> Named | None:
    """The replicated file that a name is, with or without something added; None for other names.

    Compared without case. What is added is set off by a blank or a sign (`ScanJobs_old.fdb`, not `ScanJobsX.fdb`), or
    is a stamp. Without the file's own extension it has to be a number, a stamp or a word for a copy: `ScanJobs.bak`.
    """
    found = [match for name in names if (match := _named(file_name, name)) is not None]
    # Of two names that fit, the longer one: what is left over is then an addition, and not a part of the name.
    return max(found, key=lambda match: (len(match.name), match.name), default=None)


def _named(given: str, name: str) -> Named | None:
    # Letters beyond ASCII keep their case: the lower case of some is longer, and what is cut here is counted.
    text, whole = given.translate(_LOWER), name.translate(_LOWER)
    if text == whole:
        return Named(name, "", "")
    stem, dot, extension = whole.rpartition(".")
    if not dot:
        stem, extension = whole, ""
    ending = f".{extension}" if extension else ""
    if _NO_VERSION.search(text):
        return None
    if text.startswith(whole) and _set_off(text[len(whole) :], at_start=True):
        return Named(name, given[len(whole) :], f"*{given[len(whole) :]}")
    if text.endswith(whole) and _set_off(text[: -len(whole)], at_start=False):
        return Named(name, given[: -len(whole)], f"{given[: -len(whole)]}*")
    if not text.startswith(stem):
        return None
    rest, shown = text[len(stem) :], given[len(stem) :]
    if ending and rest.endswith(ending) and len(rest) > len(ending):
        middle = shown[: -len(ending)]
        return Named(name, middle, f"*{shown}") if _set_off(middle, at_start=True) else None
    plain = rest[1:] if rest[:1] in _SEPARATORS else ""
    if plain and (_all_digits(plain) or find_stamp(plain) or _WORD.match(plain)):
        return Named(name, shown, f"*{shown}")
    return None


def _set_off(tag: str, *, at_start: bool) -> bool:
    edge = tag[:1] if at_start else tag[-1:]
    if not edge:
        return False
    stamp = find_stamp(tag)
    return edge in _SEPARATORS or (
        stamp is not None and (tag.startswith(stamp.text) if at_start else tag.endswith(stamp.text))
    )


def _all_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def find_stamp(text: str, zone: tzinfo = UTC) -> Stamp | None:
    """The moment that a text states; None where there is none, or where the calendar has no such day.

    Year, month, day and time of day in this order, with or without signs between them, from 1995 to 2037. Orders that
    depend on a country are not read. A zone that is written goes before `zone`.
    """
    return _find_stamp(text, zone)


@lru_cache(maxsize=4096)
def _find_stamp(text: str, zone: tzinfo) -> Stamp | None:
    at = 0
    while (found := _STAMP.search(text, at)) is not None:
        stamp = _stamp(found, zone)
        if stamp is not None:
            return stamp
        at = found.start() + 1
    return None


def _stamp(found: re.Match[str], zone: tzinfo) -> Stamp | None:
    year = int(found["year"])
    if year not in _YEARS:
        return None
    try:
        moment = datetime(
            year,
            int(found["month"]),
            int(found["day"]),
            int(found["hour"] or 0),
            int(found["minute"] or 0),
            int(found["second"] or 0),
            tzinfo=_written_zone(found["zone"]) or zone,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    digits = found["fraction"] or ""
    ticks = filetime_from_datetime(moment) + int(digits.ljust(7, "0"))
    resolution = DAY if found["hour"] is None else 60 * TICKS_PER_SECOND
    if found["second"] is not None:
        resolution = 10 ** (7 - len(digits))
    return Stamp(ticks, resolution, found[0])


def _written_zone(text: str | None) -> tzinfo | None:
    if text is None or text in "Zz":
        return UTC if text else None
    return timezone(timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def folder_stamp(folder: str, zone: tzinfo = UTC) -> Stamp | None:
    """The moment that the name of a folder states, or its name and its parent's together (`2008-01-10/120035`)."""
    above, _, last = folder.rpartition("/")
    stamp = find_stamp(last, zone)
    if stamp is not None and stamp.resolution < DAY:
        return stamp
    parent = above.rpartition("/")[2]
    day = find_stamp(parent, zone)
    if stamp is None and day is not None and day.resolution == DAY and re.fullmatch(r"[0-9][0-9_.\-h ]{3,7}", last):
        return find_stamp(f"{parent} {last}", zone) or day
    return stamp


def find_number(text: str) -> int | None:
    """The last number of at most six digits in a text; None where there is none."""
    numbers = [found for found in _NUMBER.finditer(text) if not text[: found.start()][-1:].isdigit()]
    return int(numbers[-1][0]) if numbers else None


def is_copy_word(text: str) -> bool:
    """Whether a name of a folder calls it a backup or a copy."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return _WORD.search(words.replace("_", " ")) is not None


def looks_like_backup(folders: Iterable[str]) -> bool:
    """Whether any of these names of folders is that of a backup: a word for one, a stamp, or a number alone."""
    return any(is_copy_word(part) or find_stamp(part) is not None or part.isdigit() for part in folders)
