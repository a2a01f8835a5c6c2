"""The lines of a text of any encoding, one at a time, whatever their length: for small formats that are read by lines.

Text is UTF-16 where a byte-order mark or its zero bytes say so, else eight bits a character: each line that is valid
UTF-8 is read as that, any other as Latin-1, which keeps the bytes, and is marked.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from parsers.exports.encoding import encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_MAX: Final = 64 << 10
"""Bytes of a line that are kept; what is beyond is left out, and the line marked."""
_PIECE: Final = 256 << 10


class Line(NamedTuple):
    """One line.

    Attributes:
        number: counted from 1.
        offset: of its first byte in the stream.
        size: bytes of it, with its end.
        text: without its end and without zero characters.
        assumed: the code page is not known; characters above 0x7f are Latin-1, which keeps the bytes.
        cut: it is longer than `LINE_MAX`.
        ended: a line feed ends it; not so where the text ends without one.
    """

    number: int
    offset: int
    size: int
    text: str
    assumed: bool
    cut: bool
    ended: bool


def text_lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a text from its start; holds one line and a read at once. OSError where it cannot be read."""
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    encoding = encoding_of(head)
    if encoding.width == 1:
        codec, end = "", b"\n"
    else:
        codec = "utf-16-be" if encoding.big else "utf-16-le"
        end = "\n".encode(codec)
    for number, (offset, raw, size) in enumerate(_raw_lines(stream, end), start=1):
        cut = size > len(raw)
        text, assumed = _text(raw, codec)
        if number == 1:
            text = text.removeprefix("\ufeff")
        yield Line(
            number, offset, size, text.rstrip("\r\n").replace("\0", ""), assumed, cut, cut or text.endswith("\n")
        )


def _text(raw: bytes, codec: str) -> tuple[str, bool]:
    if codec:
        return raw[: len(raw) & ~1].decode(codec, "surrogatepass" if _paired(raw, codec) else "replace"), False
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(raw), False
    except UnicodeDecodeError:
        return raw.decode("latin-1"), True


def _paired(raw: bytes, codec: str) -> bool:
    try:
        raw[: len(raw) & ~1].decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _raw_lines(stream: BinaryIO, end: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Offset, bytes (no more than `LINE_MAX`) and true size of each line, its end included."""
    unit = len(end)
    kept, size, offset = bytearray(), 0, 0
    buffer = b""
    while piece := stream.read(_PIECE):
        buffer += piece
        at = 0
        while (found := _find(buffer, end, at)) >= 0:
            line = buffer[at : found + unit]
            kept += line[: LINE_MAX - len(kept)]
            size += len(line)
            yield offset, bytes(kept), size
            offset += size
            kept.clear()
            size, at = 0, found + unit
        # Half a unit at the end waits for the next read.
        whole = len(buffer) - (len(buffer) - at) % unit
        kept += buffer[at:whole][: LINE_MAX - len(kept)]
        size += whole - at
        buffer = buffer[whole:]
    kept += buffer[: LINE_MAX - len(kept)]
    size += len(buffer)
    if size:
        yield offset, bytes(kept), size


def _find(buffer: bytes, end: bytes, start: int) -> int:
    """Where the line's end is, at a whole unit from `start`; -1 where there is none."""
    found = buffer.find(end, start)
    while found >= 0 and (found - start) % len(end):
        found = buffer.find(end, found + 1)
    return found
