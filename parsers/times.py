"""Windows and Unix times as integers, and as the one text form of the program.

All arithmetic is on integers: a float cannot hold the 100 ns of a FILETIME of our century.
FILETIME: https://learn.microsoft.com/windows/win32/api/minwinbase/ns-minwinbase-filetime
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

TICKS_PER_SECOND = 10_000_000
UNIX_EPOCH_AS_FILETIME = 116_444_736_000_000_000
# 9999-12-31T23:59:59.999999 is the last moment that `datetime` (and SQLite's date functions) can hold.
FILETIME_MAX = 2_650_467_743_999_999_990
_EPOCH_1601 = datetime(1601, 1, 1, tzinfo=UTC)


def filetime_from_unix(seconds: int, nanoseconds: int = 0) -> int:
    """FILETIME of whole Unix seconds plus nanoseconds (what is below 100 ns is cut off)."""
    return UNIX_EPOCH_AS_FILETIME + seconds * TICKS_PER_SECOND + nanoseconds // 100


def filetime_from_datetime(moment: datetime) -> int:
    """FILETIME of an aware datetime; ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone has no place on the time line")
    delta = moment - _EPOCH_1601
    return (delta.days * 86_400 + delta.seconds) * TICKS_PER_SECOND + delta.microseconds * 10


def datetime_from_filetime(filetime: int) -> datetime:
    """Aware UTC datetime, cut (not rounded) to microseconds; ValueError outside 1601 to 9999."""
    if not 0 <= filetime <= FILETIME_MAX:
        raise ValueError(f"FILETIME {filetime} lies outside the years 1601 to 9999")
    return _EPOCH_1601 + timedelta(microseconds=filetime // 10)


@lru_cache(maxsize=4096)
def _minute_prefix(minute: int) -> str:
    return (_EPOCH_1601 + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:")


def iso_utc(filetime: int | None) -> str | None:
    """`2008-01-10T12:00:35.000000Z`, cut to microseconds; None for None and for what no calendar holds."""
    if filetime is None or not 0 <= filetime <= FILETIME_MAX:
        return None
    minute, rest = divmod(filetime, 600_000_000)
    return f"{_minute_prefix(minute)}{rest // 10_000_000:02d}.{rest % 10_000_000 // 10:06d}Z"
