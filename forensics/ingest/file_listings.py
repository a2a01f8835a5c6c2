"""A listing of files into the case: versions of replicated files without content, known and weaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from forensics.case.rows import NewFileVersion
from parsers.kinds import decode_text
from parsers.listings.reader import Account, form_of, read_listing
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from forensics.case.store import Case
    from forensics.files.knowledge import Knowledge


def read_file_listing(
    case: Case,
    opened: Callable[[], BinaryIO],
    place: tuple[int, str],
    knowledge: Knowledge,
    zone: tzinfo | None,
) -> tuple[Account, int] | None:
    """Keep what a listing says of replicated files, and return the account and their number; None for no listing.

    Args:
        case: where to.
        opened: gives the listing from its start.
        place: evidence id and logical path of the listing; its files lie below that path.
        knowledge: which files are replicated.
        zone: of times without one, as the analyst says.
    """
    with opened() as stream:
        text = decode_text(stream.read(64 << 10))
    form = form_of(text or "")
    if form is None:
        return None
    account, count = Account(form), 0
    evidence_id, path = place
    for listed in read_listing(opened, form, zone, account):
        below = f"{path}/{listed.path}"
        if not knowledge.fits(below):
            continue
        count += 1
        case.add_file_version(
            NewFileVersion(
                evidence_id=evidence_id,
                node=None,
                name=below.rsplit("/", 1)[-1],
                role="other",
                path=below,
                size=listed.size,
                modified=iso_utc(listed.modified),
                modified_filetime=listed.modified,
            )
        )
    return account, count
