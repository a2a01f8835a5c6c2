"""Damage is data: what a reader could not read, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProblemKind(StrEnum):
    """What is wrong with a range of bytes. The value is what a case stores and a user reads."""

    BAD_HEADER = "bad_header"  # a file or chunk header that contradicts itself or the bytes behind it
    STALE_HEADER = "stale_header"  # a header older than the data: a log that was in use when it was copied
    BAD_CHECKSUM = "bad_checksum"  # a stored CRC differs from the computed one; the data was read all the same
    BAD_RECORD = "bad_record"  # a record that was found but could not be decoded
    LOST_RANGE = "lost_range"  # bytes in which records must have been, and none could be found
    TRUNCATED = "truncated"  # the data ends before its own header says
    BAD_VALUE = "bad_value"  # one value of a record that cannot be what its type says; the record was kept
    REMAINS = "remains"  # the readable part of an overwritten record; the log itself lacks nothing
    LIMIT = "limit"  # a limit of this program stopped the reading (archive bombs, oversized members)
    UNREADABLE = "unreadable"  # the operating system or a container refused to give the bytes
    UNSUPPORTED = "unsupported"  # recognised, but not a form this program reads (encrypted member, ...)
    MISNAMED = "misnamed"  # the name promises a format that the content is not
    CROSS_CHECK = "cross_check"  # a second reader disagrees
    ASSUMED = "assumed"  # what was read rests on something that the evidence does not say; all of it was read


# What leaves the log as whole as it can be: nothing that it held is missing from the records.
HARMLESS = frozenset({ProblemKind.STALE_HEADER, ProblemKind.BAD_CHECKSUM, ProblemKind.REMAINS, ProblemKind.ASSUMED})


@dataclass(frozen=True, slots=True)
class Problem:
    """One damaged or unreadable range.

    Attributes:
        kind: what is wrong.
        offset: first byte of the range, from the start of the stream.
        length: bytes concerned; 0 where the damage is a statement and not a range.
        detail: one plain sentence, without a final full stop; never holds evidence text unescaped.
    """

    kind: ProblemKind
    offset: int
    length: int
    detail: str
