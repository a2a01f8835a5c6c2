"""A zip that is the same each time: fixed order, times, modes and level, written forwards.

Names, contents, their order and everything that a zip says of them follow from the members alone. The compressed bytes
follow from them and from zlib: another version, or another library that takes its place, may compress otherwise.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from forensics.errors import FailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The first moment that a zip can name: what is true of a file's time stands in the table of the evidence.
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = stat.S_IFREG | 0o644
_UNIX: Final = 3
_LEVEL: Final = 6
_BLOCK: Final = 1 << 20
_WIDE: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a bundle.

    Attributes:
        path: below the bag's folder, plain ASCII.
        size, sha256: of its content.
        open: gives it from its start.
    """

    path: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO]


def of_bytes(path: str, content: bytes) -> Member:
    """A member whose content is at hand."""
    return Member(path, len(content), hashlib.sha256(content).hexdigest(), lambda: io.BytesIO(content))


def zip_parts(folder: str, members: Iterable[Member]) -> Iterator[bytes]:
    """The bytes of a zip with all members below `folder`, in their order; holds a megabyte of content at a time.

    Raises:
        FailedError: the content of a member is no longer what it was when it was hashed.
        OSError: it cannot be read.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for member in members:
            info = zipfile.ZipInfo(folder + member.path, _TIME)
            info.create_system = _UNIX
            info.external_attr = _MODE << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = member.size
            digest = hashlib.sha256()
            left = member.size
            with member.open() as source, archive.open(info, "w", force_zip64=member.size >= _WIDE) as target:
                while left >= 0 and (piece := source.read(_BLOCK)):
                    left -= len(piece)
                    digest.update(piece)
                    target.write(piece)
                    yield from sink.taken()
            if left != 0 or digest.hexdigest() != member.sha256:
                raise FailedError(f"{member.path} changed while it was put into the bundle; make the bundle again")
            yield from sink.taken()
    yield from sink.taken()


class _Sink(io.RawIOBase):
    """What zipfile writes to: it can only go on, and gives away what it has."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """Keep a part."""
        part = bytes(memoryview(data))  # type: ignore[arg-type]
        self._parts.append(part)
        return len(part)

    def taken(self) -> list[bytes]:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return parts
