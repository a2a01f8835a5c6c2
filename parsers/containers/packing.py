"""Decompressors that give what they can before they fail, and never more than they are asked for.

gzip: RFC 1952. Deflate: RFC 1951. xz and LZMA: https://tukaani.org/xz/xz-file-format.txt; LZMA in zip: APPNOTE 5.8.
"""

from __future__ import annotations

import bz2
import copy
import lzma
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

# `xz -9` needs 65 MiB; a file that asks for gigabytes of dictionary is refused.
LZMA_MEMORY = 128 << 20
_GZIP_HEADER_MAX = 1 << 16
# What a decompressor raises for bad data: bz2 has OSError and ValueError, liblzma can run into its memory limit.
CODEC_ERRORS = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, MemoryError)


class Codec(Protocol):
    """A decompressor as bz2 and lzma have it: fed with input, asked for at most so much output."""

    @property
    def eof(self) -> bool:
        """True when the compressed stream has come to its own end."""
        ...

    @property
    def needs_input(self) -> bool:
        """False while more output can be had without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the stream."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Up to `max_length` bytes; raises one of `CODEC_ERRORS` for bad data."""
        ...


class Packing(NamedTuple):
    """How a stream is packed.

    Attributes:
        codec: makes a fresh decompressor.
        magic: how a further stream behind the first one begins (gzip, bzip2 and xz may be concatenated); None where
            there can be none.
    """

    codec: Callable[[], Codec]
    magic: bytes | None = None


class Inflate:
    """Raw deflate. At damage it first gives the output of all input before it."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._error: zlib.error | None = None
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See `Codec`."""
        if self._error is not None:
            raise self._error
        data = self._inflater.unconsumed_tail + data
        before = self._inflater.copy()
        try:
            out = self._inflater.decompress(data, max_length)
        except zlib.error as error:
            self._error = error
            self.needs_input = False
            return self._before_damage(before, data, max_length)
        self.eof = self._inflater.eof
        self.unused_data = self._inflater.unused_data
        self.needs_input = not self.eof and not self._inflater.unconsumed_tail and len(out) < max_length
        return out

    def copy(self) -> Inflate:
        """A second one that stands where this one stands."""
        twin = copy.copy(self)
        twin._inflater = self._inflater.copy()  # noqa: SLF001 - its own class
        return twin

    @staticmethod
    def _before_damage(inflater: zlib._Decompress, data: bytes, max_length: int) -> bytes:
        # zlib keeps back the output of the call that fails: halve the input until the byte that breaks it is alone.
        out = b""
        piece = len(data)
        while piece > 1 and len(out) < max_length:
            piece //= 2
            trial = inflater.copy()
            try:
                out += trial.decompress(data[:piece], max_length - len(out))
            except zlib.error:
                continue
            if trial.unconsumed_tail:
                break
            inflater, data = trial, data[piece:]
            piece = len(data) if len(data) < piece else 2 * piece
        return out


class GzipHeader(NamedTuple):
    """Length of a gzip header, and the Unix seconds in it (0: none)."""

    length: int
    mtime: int


def parse_gzip_header(data: bytes) -> GzipHeader | None:
    """The header at the start of `data`; None while it is incomplete; ValueError where there is none."""
    if len(data) < 10:
        return None
    magic, method, flags, mtime = struct.unpack_from("<2sBBI", data)
    if magic != b"\x1f\x8b" or method != 8:
        raise ValueError("no gzip header")
    at = 10
    if flags & 4:
        at += 2 + int.from_bytes(data[10:12], "little")
    for flag in (8, 16):  # file name, comment
        if flags & flag:
            at = data.find(b"\0", at) + 1
            if at == 0:
                return None
    at += 2 if flags & 2 else 0
    return GzipHeader(at, mtime) if at <= len(data) else None


class Gunzip:
    """One gzip member, its CRC checked after its content was given."""

    def __init__(self) -> None:
        self._inflate = Inflate()
        self._waiting = b""
        self._in_body = False
        self._crc = 0
        self._length = 0
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See `Codec`."""
        if not self._in_body:
            self._waiting += data
            header = parse_gzip_header(self._waiting)
            if header is None:
                if len(self._waiting) > _GZIP_HEADER_MAX:
                    raise ValueError("gzip header without an end")
                return b""
            self._in_body = True
            data = self._waiting[header.length :]
            self._waiting = b""
        body_over = self._inflate.eof
        if not body_over:
            out = self._inflate.decompress(data, max_length)
            self._crc = zlib.crc32(out, self._crc)
            self._length += len(out)
            self.needs_input = self._inflate.needs_input
            self._waiting = self._inflate.unused_data
            body_over = self._inflate.eof
            if out or not body_over:
                return out
            data = b""
        self._waiting += data
        self.needs_input = len(self._waiting) < 8
        if not self.needs_input:
            self._finish()
        return b""

    def copy(self) -> Gunzip:
        """A second one that stands where this one stands."""
        twin = copy.copy(self)
        twin._inflate = self._inflate.copy()  # noqa: SLF001 - its own class
        return twin

    def _finish(self) -> None:
        crc, length = struct.unpack_from("<II", self._waiting)
        if crc != self._crc or length != self._length & 0xFFFFFFFF:
            raise ValueError("the checksum of the content does not fit")
        self.unused_data = self._waiting[8:]
        self.eof = True


def _xz() -> Codec:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)


DEFLATE = Packing(Inflate)
GZIP = Packing(Gunzip, b"\x1f\x8b")
BZIP2 = Packing(bz2.BZ2Decompressor, b"BZh")
BZIP2_IN_ZIP = Packing(bz2.BZ2Decompressor)
XZ = Packing(_xz, b"\xfd7zXZ\0")


class _ZipLzma:
    """LZMA in a zip: a header of its own before the raw stream, whose end need not be marked."""

    def __init__(self) -> None:
        self._waiting = b""
        self._codec: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        return self._codec is not None and self._codec.eof

    @property
    def needs_input(self) -> bool:
        return self._codec is None or self._codec.needs_input

    @property
    def unused_data(self) -> bytes:
        return b"" if self._codec is None else self._codec.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._codec is None:
            self._waiting += data
            if len(self._waiting) < 9:
                return b""
            size, properties, dictionary = struct.unpack_from("<HBI", self._waiting, 2)
            rest, lc = divmod(properties, 9)
            pb, lp = divmod(rest, 5)
            if size != 5 or pb > 4 or lc + lp > 4:
                raise ValueError("no LZMA properties")
            if dictionary > LZMA_MEMORY:
                raise MemoryError
            chain = [{"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": lp, "pb": pb}]
            self._codec = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain)
            data = self._waiting[9:]
        return self._codec.decompress(data, max_length)


LZMA_IN_ZIP = Packing(_ZipLzma)
