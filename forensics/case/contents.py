"""Contents that a case holds, found by a reference: a version of a file (`file:45`) or a hash (`sha256:0123abcd`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from forensics.errors import FailedError, UsageError

if TYPE_CHECKING:
    from forensics.case.store import Case

REFERENCE: Final = re.compile(r"file:(\d{1,18})|sha256:([0-9a-f]{8,64})", re.IGNORECASE | re.ASCII)
"""What a reference looks like; at least eight digits of a hash."""


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content of the case.

    Attributes:
        reference: as it was asked for.
        name: the file's own name; None where only a hash was asked for.
        path: where it lies in the evidence; None likewise.
        node: whose file it is; None likewise, or where that is not known.
        modified: last-modified time, as the case has it; None likewise.
        sha256: of the content.
        content: its bytes.
    """

    reference: str
    name: str | None
    path: str | None
    node: str | None
    modified: str | None
    sha256: str
    content: bytes


def stored_content(case: Case, reference: str) -> StoredContent:
    """The content behind a reference.

    Raises:
        UsageError: this is no reference, the case has nothing of that id or hash, or several hashes begin like this.
        FailedError: the case knows the file and does not hold its content.
    """
    match = REFERENCE.fullmatch(reference.strip())
    if match is None:
        raise UsageError(f"{reference!r} names no content: use file:45 or sha256:0123abcd")
    name = path = node = modified = None
    if match[1] is not None:
        found = next(
            case.rows("SELECT name, path, node, modified, sha256 FROM file_versions WHERE id = ?", (int(match[1]),)),
            None,
        )
        if found is None:
            raise UsageError(f"{case.path} has no {reference.strip()}; 'ccrf evidence' lists the files that were read")
        name, path, node, modified, sha256 = found
    else:
        sha256 = _hash(case, match[2].lower())
    row = next(case.rows("SELECT bytes, left_out FROM contents WHERE sha256 = ?", (sha256,)), None)
    if row is None or row[0] is None:
        why = "it was listed without its content" if sha256 is None else "it was too large to keep"
        if row is not None and row[1] is not None:
            why = "this copy of a case, with pseudonyms for names, holds no contents"
        raise FailedError(f"{case.path} does not hold the content of {reference.strip()}: {why}")
    return StoredContent(reference.strip(), name, path, node, modified, sha256, bytes(row[0]))


def _hash(case: Case, digits: str) -> str:
    found = [row[0] for row in case.rows("SELECT sha256 FROM contents WHERE sha256 GLOB ? LIMIT 2", (digits + "*",))]
    if len(found) != 1:
        what = "more than one content whose hash begins" if found else "no content whose hash begins"
        raise UsageError(f"{case.path} has {what} with {digits}")
    return str(found[0])
