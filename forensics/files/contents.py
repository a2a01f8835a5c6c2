"""How two contents of a case differ, in figures and strings, without knowing what their bytes mean."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.fdb.diff import RangeKind, compare
from parsers.fdb.wording import compare_strings

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.files.model import Version

SIZE_MOST: Final = 8 << 20
"""Larger contents are not compared here: that takes seconds for each."""
_STRING_LEAST: Final = 6  # shorter runs are mostly chance
_STRINGS_MOST: Final = 100


class ContentDifference(NamedTuple):
    """How one content differs from another.

    Attributes:
        size, other_size: bytes of both.
        unchanged, moved, changed: bytes of the one that the other has at the same place in order, elsewhere, and not.
        ranges: in how many ranges the changed bytes lie.
        strings, other_strings: printable runs that only the one, and only the other has, the first hundred.
    """

    size: int
    other_size: int
    unchanged: int
    moved: int
    changed: int
    ranges: int
    strings: tuple[str, ...]
    other_strings: tuple[str, ...]


def difference(case: Case, one: Version, other: Version) -> ContentDifference | None:
    """How the content of `one` differs from that of `other`; None where the case does not hold both, or they are large.

    Raises:
        FailedError: the case cannot be read.
    """
    mine, theirs = _content(case, one.sha256), _content(case, other.sha256)
    if mine is None or theirs is None:
        return None
    older, newer = BytesIO(theirs), BytesIO(mine)
    found = compare(older, newer)
    strings = compare_strings(older, newer, found, least=_STRING_LEAST)
    return ContentDifference(
        size=len(mine),
        other_size=len(theirs),
        unchanged=found.size_of(RangeKind.UNCHANGED),
        moved=found.size_of(RangeKind.MOVED),
        changed=found.size_of(RangeKind.CHANGED),
        ranges=len(found.of(RangeKind.CHANGED)),
        strings=tuple(text.text for text in strings.new[:_STRINGS_MOST]),
        other_strings=tuple(text.text for text in strings.gone[:_STRINGS_MOST]),
    )


def _content(case: Case, sha256: str | None) -> bytes | None:
    sql = "SELECT bytes FROM contents WHERE sha256 = ? AND length(bytes) <= ?"
    row = next(case.rows(sql, (sha256, SIZE_MOST)), None)
    return None if row is None or row[0] is None else bytes(row[0])
