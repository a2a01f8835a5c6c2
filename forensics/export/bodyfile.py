r"""The bodyfile of the Sleuth Kit 3: https://wiki.sleuthkit.org/index.php?title=Body_file.

`MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime`, times in Unix seconds, 0 for what is not known. Files have
a place there, events have none. Escaped as plaso and dfImageTools read it
(https://dfimagetools.readthedocs.io/en/latest/sources/Bodyfile-format.html), but that a separator in a name is `\x7c`:
`mactime`, which knows of no escapes, counts the fields right too.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from forensics.case.values import text_from_sql
from forensics.export.rows import told_time
from forensics.text import UNPRINTABLE
from parsers.times import FILETIME_MAX, TICKS_PER_SECOND, UNIX_EPOCH_AS_FILETIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case

_ESCAPED: Final = re.compile(rf"[|\\{UNPRINTABLE}]")
_MODE: Final = "r/r---------"
# Of every piece of evidence its own time, and of listed files what the listing says; a file that is both is one row.
_LOOSE: Final = """FROM evidence e WHERE NOT EXISTS
    (SELECT 1 FROM file_versions v WHERE v.evidence_id = e.id AND v.path = e.path)"""


def counts(case: Case) -> dict[str, int]:
    """How many rows of each kind `body_lines` gives."""
    return {
        "file version": next(case.rows("SELECT count(*) FROM file_versions"))[0],
        "file of evidence": next(case.rows(f"SELECT count(*) {_LOOSE}"))[0],
    }


def body_lines(case: Case, timeless: list[int]) -> Iterator[str]:
    """A line for each version of a file and each other file of evidence, by time, then path.

    The MD5 is that of the content where the case holds it, else 0.

    Args:
        case: where they are.
        timeless: its first element counts rows without a last-modified time: tools leave them out.
    """
    sql = f"""SELECT path, sha256, size, modified FROM (
            SELECT path, sha256, size, modified_filetime AS modified FROM file_versions
            UNION ALL SELECT e.path, e.sha256, e.size, e.modified_filetime {_LOOSE})
        ORDER BY CASE WHEN modified BETWEEN 0 AND {FILETIME_MAX} THEN modified ELSE -1 END, path, sha256, size"""  # noqa: S608 - constants
    for path, sha256, size, modified in case.rows(sql):
        time = told_time(modified)
        timeless[0] += time is None
        seconds = 0 if time is None else time // TICKS_PER_SECOND - UNIX_EPOCH_AS_FILETIME // TICKS_PER_SECOND
        name = _ESCAPED.sub(_visible, text_from_sql(path))
        yield f"{_md5(case, sha256)}|{name}|0|{_MODE}|0|0|{size or 0}|0|{seconds}|0|0\n"


def _md5(case: Case, sha256: str | None) -> str:
    if sha256 is None:
        return "0"
    row = next(case.rows("SELECT bytes FROM contents WHERE sha256 = ?", (sha256,)), None)
    return "0" if row is None or row[0] is None else hashlib.md5(row[0], usedforsecurity=False).hexdigest()


def _visible(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\\":
        return "\\\\"
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
