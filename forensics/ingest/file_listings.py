"""A listing of files into the case: versions of replicated files without content, known and weaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from forensics.case.bulk import insert_rows
from forensics.case.rows import NewFileVersion
from forensics.case.values import sql_text
from parsers.kinds import decode_text
from parsers.listings.model import CREATED_HEADING, Account
from parsers.listings.reader import form_of, read_listing
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo

    from forensics.case.store import Case
    from forensics.files.knowledge import Knowledge

_PROGRAMS_MAX: Final = 1000


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
    # Versions are told apart by the time of their last modification, which such a listing does not have.
    versions = not (text or "").startswith(CREATED_HEADING)
    evidence_id, path = place
    homes: set[str] = set()
    programs: list[tuple[int, str, str | None]] = []
    for listed in read_listing(opened, form, zone, account):
        below = f"{path}/{listed.path}"
        folder, _, name = listed.path.rpartition("/")
        if knowledge.is_program(name) and len(programs) < _PROGRAMS_MAX:
            programs.append((evidence_id, folder, name))
            homes.add(folder)
        if not versions or not knowledge.fits(below):
            continue
        count += 1
        homes.add(folder.rpartition("/")[0])
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
    # The product's own folder is the one above its Data folder; that it is shown says that what is not in it is gone.
    shown = sorted(homes & account.folders)[:_PROGRAMS_MAX]
    rows = [*programs, *((evidence_id, folder, None) for folder in shown)]
    insert_rows(case.connection, "program_files", ("evidence_id", "folder", "name"), _storable(rows))
    return account, count


def _storable(rows: Iterable[tuple[int, str, str | None]]) -> Iterator[tuple[int, str, str | None]]:
    return ((one, sql_text(folder), None if name is None else sql_text(name)) for one, folder, name in rows)
