"""Hash a source before anything is made of it."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from parsers.kinds import HEAD_SIZE

if TYPE_CHECKING:
    from parsers.containers.sources import Source

_PIECE = 1 << 20
# Sources up to this size are read once; larger ones are read again by whoever parses them.
KEEP_WHOLE = 8 << 20


class Fingerprint(NamedTuple):
    """What a source is.

    Attributes:
        sha256: of all bytes.
        size: bytes that there really were.
        head: the first `HEAD_SIZE` of them.
        content: all of them, where they are at most `KEEP_WHOLE`; else None.
    """

    sha256: str
    size: int
    head: bytes
    content: bytes | None

    def open(self, source: Source) -> BinaryIO:
        """The source's content from its start, from memory where it is there."""
        return source.open() if self.content is None else io.BytesIO(self.content)


def fingerprint(source: Source) -> Fingerprint:
    """Read a source to its end. OSError where it cannot be read."""
    digest = hashlib.sha256()
    kept = bytearray()
    size = 0
    with source.open() as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            if len(kept) <= KEEP_WHOLE:
                kept += piece
    whole = bytes(kept) if size <= KEEP_WHOLE else None
    return Fingerprint(digest.hexdigest(), size, bytes(kept[:HEAD_SIZE]), whole)
