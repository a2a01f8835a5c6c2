"""Listings of checkpoints into the case, and commands with typographic quotes in any text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final

from forensics.case.bulk import insert_rows
from forensics.case.values import sql_text
from forensics.checkpoints.keys import relative_key
from forensics.checkpoints.model import CheckpointKind
from forensics.ingest.account import harmful
from forensics.ingest.registry import RecordsAccount
from forensics.ingest.sightings import Seen, add_sightings
from parsers.checkpoints.commands import has_curly_quotes
from parsers.checkpoints.reader import ListedCheckpoint, ListingAccount, read_listing
from parsers.codepages import likely_text
from parsers.textlines import text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case
    from forensics.case.values import Scalar
    from forensics.registry_keys import RegistryKeys

_QUOTES_KEPT: Final = 200
_TEXT_MAX: Final = 16 << 20
_SHOWN: Final = 500
CUT: Final = "..."
"""The end of a key of which a listing shows the beginning only."""


def read_checkpoint_listing(
    case: Case, stream: BinaryIO, evidence_id: int, path: str, keys: RegistryKeys
) -> RecordsAccount:
    """Keep the rows of a listing, inside the caller's transaction. OSError where it cannot be read on."""
    del path, keys
    account = ListingAccount()
    count = add_sightings(case, evidence_id, (seen(row) for row in read_listing(stream, account)))
    quotes = note_curly_quotes(case, evidence_id, stream)
    facts: dict[str, Scalar] = {
        "listings": len(account.listings),
        "checkpoints": count,
        # Of these a listing that shows nothing says that there is nothing.
        "covers": ";".join(sorted({one.resource or "*" for one in account.listings})),
        "curly_quotes": quotes,
    }
    status = "partial" if harmful(account.problems) else "read" if account.listings or count else "empty"
    return RecordsAccount(status, account.problems, facts)


def seen(row: ListedCheckpoint) -> Seen:
    """A row of a listing in the case's shape."""
    kind = CheckpointKind.CRYPTO if row.crypto else CheckpointKind.REGISTRY
    key = row.key if row.crypto else relative_key(row.key)
    return Seen(row.resource, key + CUT if row.key_cut else key, kind, row.form, row.line, cut=row.cut)


def note_curly_quotes(case: Case, evidence_id: int, stream: BinaryIO) -> int:
    """Keep the lines of a text that are about the cluster and have typographic quotes, and return their number."""
    return insert_rows(case.connection, "curly_quotes", ("evidence_id", "line", "text"), _curly(evidence_id, stream))


def _curly(evidence_id: int, stream: BinaryIO) -> Iterator[tuple[int, int, str]]:
    found = 0
    for line in text_lines(stream):
        if line.offset > _TEXT_MAX or found >= _QUOTES_KEPT:
            return
        text = likely_text(line.text.encode("latin-1")) if line.assumed else line.text
        if not text.isascii() and has_curly_quotes(text):
            found += 1
            yield evidence_id, line.number, sql_text(re.sub(r"\s+", " ", text).strip()[:_SHOWN])
