"""Seekable streams over parts of files and over compressed data, with bounded memory."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

from parsers.containers.packing import CODEC_ERRORS, GZIP, XZ, Packing
from parsers.containers.sources import Budget, note
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

CHUNK = 1 << 16
# No file is longer, and no system call takes a larger offset; archives claim both.
_OFFSET_MAX = 1 << 62
_BUFFER = 1 << 18


class Shared:
    """One stream that an archive's walk and its members read by turns: opened by the first user, closed by the last.

    It also keeps the content of the member read last, since a member is usually read several times (hash, kind,
    records) before the next one.
    """

    def __init__(self, opener: Callable[[], BinaryIO]) -> None:
        self._open = opener
        self._stream: BinaryIO | None = None
        self._users = 0
        self._kept: tuple[object, bytes] | None = None

    def acquire(self) -> BinaryIO:
        """The stream; the position is anywhere. Raises OSError."""
        if self._stream is None:
            self._stream = self._open()
        self._users += 1
        return self._stream

    def release(self) -> None:
        """Give it back."""
        self._users -= 1
        if self._users == 0 and self._stream is not None:
            self._kept = None
            self._stream.close()
            self._stream = None

    def keep(self, key: object, content: bytes) -> None:
        """Remember the content of one member while the stream is open."""
        if self._users:
            self._kept = (key, content)

    def kept(self, key: object) -> bytes | None:
        """The content of that member, if it was the last one."""
        return self._kept[1] if self._kept is not None and self._kept[0] == key else None


class Readable(io.RawIOBase):
    """Base of the streams: position arithmetic in one place."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; the work, if there is any, is done at the next read."""
        base = self._at if whence == io.SEEK_CUR else self._end() if whence == io.SEEK_END else 0
        target = offset + base
        if target < 0:
            raise OSError("seek before the start")
        self._at = target
        return target

    def _end(self) -> int:
        raise NotImplementedError

    def _give(self, count: int) -> bytes:
        raise NotImplementedError

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a part of the buffer; 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._give(len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


class Window(Readable):
    """A range of a shared stream, stored as it is.

    Where the stream ends before the range does, reading ends there and a TRUNCATED problem is noted. A CRC-32, if
    given, is compared when the range is read from start to end.
    """

    _shared: Shared | None = None

    def __init__(
        self, shared: Shared, start: int, length: int, problems: list[Problem], crc: int | None = None
    ) -> None:
        super().__init__()
        self._stream = shared.acquire()
        self._shared = shared
        self._start = start
        self._length = length
        self._problems = problems
        self._crc = crc
        self._sum = 0
        self._summed = 0
        self.cheap_seek = cheap_seek(self._stream)
        self._stored = length
        if self.cheap_seek:
            self._stored = max(0, min(length, self._stream.seek(0, io.SEEK_END) - start))

    def close(self) -> None:
        """Give the shared stream back."""
        if not self.closed and self._shared is not None:
            self._shared.release()
            self._shared = None
        super().close()

    def _end(self) -> int:
        return self._length

    def _give(self, count: int) -> bytes:
        count = min(count, self._length - self._at)
        if count <= 0:
            return b""
        data = b""
        if self._at < self._stored:
            self._stream.seek(self._start + self._at)
            data = self._stream.read(count)
        if not data:
            lacking = self._length - self._at
            note(self._problems, ProblemKind.TRUNCATED, self._at, lacking, f"the last {lacking} bytes are not there")
        elif self._crc is not None and self._at == self._summed:
            self._sum = zlib.crc32(data, self._sum)
            self._summed += len(data)
            if self._summed == self._length and self._sum != self._crc:
                note(self._problems, ProblemKind.UNREADABLE, 0, self._length, "the content does not fit its CRC-32")
        return data


class Decompressed(Readable):
    """Compressed data as a seekable stream. Damage ends it: what came before is given, and a problem is noted.

    Forward it costs what it must; a step back decompresses again from the start. It never gives more than the
    declared size, nor more than the budget allows.

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
        self._start_over()

    def _start_over(self) -> None:
        self._packed.seek(0)
        self._codec = self._packing.codec()
        self._pending = b""
        self._made = 0
        self._sum = 0
        self._over = False

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
        if target < self._made:
            self._start_over()
        while self._made < target and self._make(min(_BUFFER, target - self._made)):
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


def cheap_seek(stream: BinaryIO) -> bool:
    """Whether seeking back in a stream costs nothing; False where it decompresses again."""
    return bool(getattr(getattr(stream, "raw", None), "cheap_seek", True))


def buffered(raw: io.RawIOBase) -> BinaryIO:
    """A stream of this module behind a buffer, as callers get it."""
    return io.BufferedReader(raw, _BUFFER)


def read_up_to(stream: BinaryIO | io.RawIOBase, count: int) -> bytes:
    """Exactly `count` bytes, or all there are, whatever the declared sizes say; takes memory for what really comes."""
    parts: list[bytes] = []
    while count > 0 and (part := stream.read(min(count, _BUFFER))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_at(stream: BinaryIO, offset: int, count: int) -> bytes:
    """Up to `count` bytes from an offset; fewer only at the end of the stream."""
    if offset >= _OFFSET_MAX:
        return b""
    stream.seek(offset)
    return read_up_to(stream, count)


def open_member(
    shared: Shared, key: object, make: Callable[[], io.RawIOBase], size: int | None, memory: int
) -> BinaryIO:
    """A member's content: from memory where it is not larger than that many bytes, else streamed."""
    content = shared.kept(key)
    if content is not None:
        return io.BytesIO(content)
    raw = make()
    if size is not None and size > memory:
        return buffered(raw)
    content = read_up_to(raw, memory + 1)
    if len(content) > memory:
        raw.seek(0)
        return buffered(raw)
    shared.keep(key, content)
    raw.close()
    return io.BytesIO(content)
