"""Compressed data as a seekable stream."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from parsers.containers.packing import CODEC_ERRORS, GZIP, XZ, Codec, Gunzip, Inflate, Packing
from parsers.containers.sources import Budget, note
from parsers.containers.streams import BUFFER, Readable
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    import io

CHUNK = 1 << 16
# A mark takes about 100 KB. When there are too many every second one goes, so their distance grows with the content.
_MARKS_MOST = 64
_MARKS_APART = 4 << 20


class _Mark(NamedTuple):
    """A place from which decompressing can go on.

    Attributes:
        made: bytes of content before it.
        packed_at, pending: where the compressed input stands, and input that was read and not yet used.
        codec: the decompressor there; copied before it is used.
        checksum: CRC-32 of the content before it.
    """

    made: int
    packed_at: int
    pending: bytes
    codec: Codec
    checksum: int


class Decompressed(Readable):
    """Compressed data as a seekable stream. Damage ends it: what came before is given, and a problem is noted.

    Forward it costs what it must. A step back decompresses again: deflate and gzip from one of at most 64 places kept
    on the way, bzip2 and LZMA, whose state cannot be copied, from the start. It never gives more than the declared
    size, nor more than the budget allows.

    Args:
        packed: gives the compressed stream, which this one then closes.
        packing: how it is packed.
        budget: what may come out of the outermost archive.
        problems: where damage is noted.
        size: the declared size, if there is one.
        crc: the declared CRC-32, if there is one.
    """

    cheap_seek = False

    def __init__(
        self,
        packed: BinaryIO | io.RawIOBase,
        packing: Packing,
        budget: Budget,
        problems: list[Problem],
        size: int | None = None,
        crc: int | None = None,
    ) -> None:
        super().__init__()
        self._packed = packed
        self._packing = packing
        self._budget = budget
        self._problems = problems
        self._size = size
        self._crc = crc
        self._marks: list[_Mark] = []
        self._apart = _MARKS_APART
        self._start_over()

    def _start_over(self) -> None:
        self._packed.seek(0)
        self._codec = self._packing.codec()
        self._pending = b""
        self._made = 0
        self._sum = 0
        self._over = False

    def _jump_towards(self, target: int) -> None:
        """Go to the last mark before the target, unless the present place is nearer."""
        mark = next((mark for mark in reversed(self._marks) if mark.made <= target), None)
        if self._made <= target and (mark is None or mark.made <= self._made):
            return
        if mark is None:
            self._start_over()
            return
        self._packed.seek(mark.packed_at)
        self._codec = _copied(mark.codec) or self._packing.codec()
        self._made, self._pending, self._sum = mark.made, mark.pending, mark.checksum
        self._over = False

    def _mark(self) -> None:
        if self._over or self._made < (self._marks[-1].made if self._marks else 0) + self._apart:
            return
        codec = _copied(self._codec)
        if codec is not None:
            self._marks.append(_Mark(self._made, self._packed.tell(), self._pending, codec, self._sum))
        if len(self._marks) > _MARKS_MOST:
            del self._marks[::2]
            self._apart *= 2

    def close(self) -> None:
        """Close the compressed stream as well."""
        if not self.closed:
            self._packed.close()
        super().close()

    def _end(self) -> int:
        if self._size is None:
            self._skip_to(self._budget.ceiling + 1)
            return self._made
        return self._size

    def _skip_to(self, target: int) -> None:
        self._jump_towards(target)
        while self._made < target and self._make(min(BUFFER, target - self._made)):
            pass

    def _give(self, count: int) -> bytes:
        self._skip_to(self._at)
        return self._make(count) if self._made == self._at else b""

    def _make(self, count: int) -> bytes:
        """The next bytes of the content, b"" at its end."""
        if self._size is not None:
            count = min(count, self._size - self._made)
        data = b"" if self._over or count <= 0 else self._unpack(count)
        if data:
            self._made += len(data)
            self._budget.work += len(data)
            self._sum = zlib.crc32(data, self._sum) if self._crc is not None else 0
            if self._made > self._budget.ceiling or self._budget.overworked:
                detail = f"reading stopped after {self._made} bytes: the archive unfolds beyond the limits"
                self._stop(ProblemKind.LIMIT, detail)
        if not self._over and self._made == self._size:
            self._finish()
        elif data:
            self._mark()
        return data

    def _finish(self) -> None:
        """At the declared end: nothing may be left, and the checksum must fit."""
        surplus = bool(self._unpack(1))
        self._over = True
        if surplus:
            self._stop(ProblemKind.BAD_HEADER, f"holds more than the {self._size} bytes that are declared, left unread")
        elif self._crc is not None and self._sum != self._crc:
            note(self._problems, ProblemKind.UNREADABLE, 0, self._made, "the content does not fit its CRC-32")

    def _stop(self, kind: ProblemKind, detail: str) -> None:
        self._over = True
        note(self._problems, kind, self._made, 0, detail)

    def _unpack(self, count: int) -> bytes:
        idle = False
        while True:
            chunk = b""
            if self._codec.needs_input and not self._codec.eof:
                chunk = self._pending or self._packed.read(CHUNK) or b""
                self._pending = b""
                if not chunk:
                    # Raw LZMA need not mark its end; then the declared size is the end.
                    if self._made != self._size:
                        self._stop(ProblemKind.TRUNCATED, "the compressed data breaks off")
                    return b""
            try:
                data = b"" if self._codec.eof else self._codec.decompress(chunk, count)
            except CODEC_ERRORS as error:
                limit = isinstance(error, MemoryError) or "emory usage limit" in str(error)
                kind = ProblemKind.LIMIT if limit else ProblemKind.UNREADABLE
                why = "needs too much memory" if limit else f"is damaged ({error})"
                self._stop(kind, f"the compressed data {why}; what came before it was read")
                return b""
            if data:
                return data
            if self._codec.eof and not self._next_stream():
                return b""
            if idle and not chunk and not self._codec.needs_input:
                self._stop(ProblemKind.UNREADABLE, "the compressed data leads nowhere")
                return b""
            idle = not chunk

    def _next_stream(self) -> bool:
        """Go on with a stream behind the one that ended; False, and the end noted, where there is none."""
        rest = self._codec.unused_data
        magic = self._packing.magic
        if magic is None:
            if self._size is not None and self._made < self._size:
                detail = f"holds {self._made} bytes instead of the {self._size} that are declared"
                self._stop(ProblemKind.BAD_HEADER, detail)
            self._over = True
            return False
        while True:
            if self._packing in (GZIP, XZ):
                rest = rest.lstrip(b"\0")  # both allow zeros behind a stream
            if len(rest) >= len(magic):
                break
            more = self._packed.read(CHUNK)
            if not more:
                break
            rest += more
        if rest.startswith(magic):
            self._pending = rest
            self._codec = self._packing.codec()
            self._budget.work += len(rest)  # or a file of a million empty streams would be for free
            return not self._budget.overworked
        if rest:
            self._stop(ProblemKind.BAD_VALUE, "other data lies behind the end of the compressed data, left unread")
        self._over = True
        return False


def _copied(codec: Codec) -> Codec | None:
    return codec.copy() if isinstance(codec, Inflate | Gunzip) else None
