"""An export of events, whichever of its forms: event XML or a table."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from parsers.exports.encoding import encoding_of
from parsers.exports.table import HEAD, TableReader
from parsers.exports.xmlevents import XmlReader

if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import BinaryIO

_BLANK = b" \t\r\n\xef\xbb\xbf\xff\xfe"


def open_export(stream: BinaryIO, zone: tzinfo | None = None, modified: int | None = None) -> XmlReader | TableReader:
    """The reader for the export in `stream`.

    Args:
        stream: seekable.
        zone: in which a table's times are written; None: not known, so UTC, and the reader's facts say so.
        modified: FILETIME of the file's last change: no event is later.

    Raises:
        OSError: the stream cannot be read.
    """
    stream.seek(0)
    head = stream.read(HEAD)
    if encoding_of(head).view(head).lstrip(_BLANK).startswith(b"<"):
        return XmlReader(stream)
    return TableReader(stream, zone, UTC, modified)
