"""Files as listings name them: bodyfiles, what `dir /s` prints, and logs of robocopy.

Survives: lines of any length, cut files, lines that are no entry (they are counted where an entry was meant).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.listings.bodyfile import is_bodyfile, read_bodyfile
from parsers.listings.directory import is_directory, read_directory
from parsers.listings.model import Form
from parsers.listings.robocopy import is_robocopy, read_robocopy
from parsers.listings.text import LINE_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from parsers.listings.model import Account, Listed

_LOOKED_AT: Final = 50


def form_of(text: str) -> Form | None:
    """The form of a listing by its first lines; None for other texts."""
    head = [line.rstrip()[:LINE_MAX] for line in islice(filter(str.strip, text.split("\n")), _LOOKED_AT)]
    if is_bodyfile(head):
        return Form.BODYFILE
    if is_robocopy(head):
        return Form.ROBOCOPY
    return Form.DIR if is_directory(head) else None


def read_listing(opened: Callable[[], BinaryIO], form: Form, zone: tzinfo | None, account: Account) -> Iterator[Listed]:
    """The files of a listing, in its order, folders left out. OSError where it cannot be read.

    Args:
        opened: gives the listing from its start; a `dir` is read twice, first to tell the form of its dates.
        form: as `form_of` says.
        zone: of times that are written without one; None: nothing is known, so UTC, and the account says so.
        account: takes the problems.
    """
    if form is Form.BODYFILE:
        yield from read_bodyfile(opened, account)
    elif form is Form.ROBOCOPY:
        yield from read_robocopy(opened, zone, account)
    else:
        yield from read_directory(opened, zone, account)
