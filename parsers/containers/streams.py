"""Seekable streams over parts of archives, with bounded memory."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

from parsers.containers.sources import note
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

# No file is longer, and no system call takes a larger offset; archives claim both.
_OFFSET_MAX = 1 << 62
BUFFER = 1 << 18


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
        self._ended = False
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
        return self._stored

    def _give(self, count: int) -> bytes:
        count = min(count, self._length - self._at)
        if count <= 0:
            return b""
        data = b""
        if self._at < self._stored:
            self._stream.seek(self._start + self._at)
            data = self._stream.read(count)
        if not data:
            if not self._ended:
                self._ended = True
                at = min(self._at, self._stored)
                detail = f"the last {self._length - at} bytes are not there"
                note(self._problems, ProblemKind.TRUNCATED, at, self._length - at, detail)
        elif self._crc is not None and self._at == self._summed:
            self._sum = zlib.crc32(data, self._sum)
            self._summed += len(data)
            if self._summed == self._length and self._sum != self._crc:
                note(self._problems, ProblemKind.UNREADABLE, 0, self._length, "the content does not fit its CRC-32")
        return data


def cheap_seek(stream: BinaryIO) -> bool:
    """Whether seeking back in a stream costs nothing; False where it decompresses again."""
    return bool(getattr(getattr(stream, "raw", None), "cheap_seek", True))


def buffered(raw: io.RawIOBase) -> BinaryIO:
    """A stream of this module behind a buffer, as callers get it."""
    return io.BufferedReader(raw, BUFFER)


def read_up_to(stream: BinaryIO | io.RawIOBase, count: int) -> bytes:
    """Exactly `count` bytes, or all there are, whatever the declared sizes say; takes memory for what really comes."""
    parts: list[bytes] = []
    while count > 0 and (part := stream.read(min(count, BUFFER))):
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
