"""Text logs, cut into stretches of whole entries: an entry is a line that begins as its format says, and what follows.

Shared by the readers of text logs. Framing looks for the beginnings of entries only and keeps one stretch at a time;
what an entry says is read when the stretch is decoded.

Text is UTF-16 where a byte-order mark says so, else eight bits a character: each line that is valid UTF-8 is read as
that, any other as Latin-1, because nothing in a file tells its code page, and Latin-1 keeps the bytes.
Zero bytes are no text: a run of them, left where a write did not reach the disk, ends a line as a line feed does.
"""

from __future__ import annotations

import codecs
import io
import re
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

STRETCH: Final = 256 << 10
"""Bytes after which a stretch ends, at the next entry's beginning."""
MAX_ENTRY: Final = 1 << 20
"""Bytes of one entry that are kept; no service writes so much at once, and a hostile line may be of any length."""
LINE_START: Final = r"(?<![^\n\x00])"
"""For patterns of beginnings: the start of the text, or behind a line feed or a zero byte."""
_LONGEST_HEAD: Final = 1024  # bytes; the patterns of beginnings match far fewer characters
_ZEROS = re.compile("\0+")


class Encoding(StrEnum):
    """How the characters of a log are stored. The value is what a case stores."""

    EIGHT_BIT = "8-bit"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"

    @property
    def unit(self) -> int:
        """Bytes of one code unit."""
        return 1 if self is Encoding.EIGHT_BIT else 2

    def text(self, raw: bytes) -> str:
        """The raw bytes as characters; eight bits are one character each. An odd byte at the end is left out."""
        if self is Encoding.EIGHT_BIT:
            return raw.decode("latin-1")
        return raw[: len(raw) & ~1].decode(self, "surrogatepass")

    def width(self, text: str) -> int:
        """Bytes that characters given by `text` take."""
        return len(text) if self is Encoding.EIGHT_BIT else len(text.encode(self, "surrogatepass"))


_MARKS = (
    (codecs.BOM_UTF8, Encoding.EIGHT_BIT),
    (codecs.BOM_UTF16_LE, Encoding.UTF_16_LE),
    (codecs.BOM_UTF16_BE, Encoding.UTF_16_BE),
)


class Stretch(NamedTuple):
    """A run of whole entries.

    Attributes:
        raw: the bytes.
        offset: of the first one in the stream.
        number: of the first entry, counted from 1; text before the first beginning counts as one.
        encoding: of the bytes.
        dropped: bytes of an overlong entry, the only one of its stretch, that are left out behind `raw`.
        last: whether the stream ends here.
    """

    raw: bytes
    offset: int
    number: int
    encoding: Encoding
    dropped: int
    last: bool


class Entry(NamedTuple):
    """One entry.

    Attributes:
        head: the match of its beginning; None for text that stands before the first one of a stream.
        text: what follows it; lines joined by line feeds, without the last one's end.
        offset: of its first byte.
        size: bytes of it.
        number: counted from 1.
        ended: whether a line feed ends it.
    """

    head: re.Match[str] | None
    text: str
    offset: int
    size: int
    number: int
    ended: bool


def stretches(stream: BinaryIO, head: re.Pattern[str]) -> Iterator[Stretch]:
    """Cut a stream, from its start on, into stretches; holds little more than `MAX_ENTRY` and a read at once.

    Args:
        stream: seekable; read forward only.
        head: matches the beginning of an entry; anchored by `LINE_START`, and decided by the characters that it
            matches and one more.

    Raises:
        OSError: the stream's own.
    """
    stream.seek(0)
    mark, encoding = _encoding(stream.read(4))
    stream.seek(mark)
    offset, number = mark, 1
    buffer = b""
    while piece := stream.read(STRETCH):
        buffer += piece
        starts = _starts(buffer, encoding, head)
        if starts and starts[-1]:
            end = starts[-1]
            yield Stretch(buffer[:end], offset, number, encoding, 0, last=False)
            number += len(starts) - (starts[0] == 0)
            buffer, offset = buffer[end:], offset + end
        elif len(buffer) >= MAX_ENTRY + _LONGEST_HEAD:  # a beginning that its end cuts is not in what is kept
            kept = _whole_characters(buffer[:MAX_ENTRY], encoding)
            rest, dropped = _skip(stream, buffer[len(kept) :], encoding, head)
            yield Stretch(kept, offset, number, encoding, dropped, last=not rest)
            number += 1
            buffer, offset = rest, offset + len(kept) + dropped
    if buffer:
        yield Stretch(buffer, offset, number, encoding, 0, last=True)


def entries(stretch: Stretch, head: re.Pattern[str]) -> tuple[list[Entry], list[Problem]]:
    """The entries of a stretch, and what is missing from them: zero bytes, an overlong end, a cut character."""
    raw, offset, number, encoding, dropped, _ = stretch
    text = encoding.text(raw)
    # What seems to be a beginning where the kept part of an overlong entry ends was not one with what follows.
    found = [match for match in head.finditer(text) if not (dropped and match.end() == len(text))]
    problems: list[Problem] = []
    result: list[Entry] = []
    if encoding is not Encoding.EIGHT_BIT and len(raw) % 2:
        detail = "the file ends in the middle of a character"
        problems.append(Problem(ProblemKind.TRUNCATED, offset + len(raw) - 1, 1, detail))
    heads: list[re.Match[str] | None] = [*found]
    ends = [match.start() for match in found] + [len(text)]
    at = 0
    if ends[0] > 0 or not found:
        heads.insert(0, None)
    else:
        del ends[0]
    for match, end in zip(heads, ends, strict=True):
        piece = text[at:end]
        size = encoding.width(piece)
        body = piece if match is None else piece[match.end() - match.start() :]
        if "\0" in piece:
            problems += _zeros(piece, offset, encoding)
        said = _readable(body, encoding)
        if match is not None or said:
            result.append(Entry(match, said, offset, size, number, piece.endswith("\n")))
        number += 1
        offset += size
        at = end
    if dropped:
        detail = f"the entry is longer than {MAX_ENTRY} bytes; the rest of it was not read"
        problems.append(Problem(ProblemKind.LIMIT, stretch.offset + len(raw), dropped, detail))
    return result, problems


def first_text(stream: BinaryIO) -> tuple[str, Encoding]:
    """The first characters of a log, as many as its beginning needs, and their encoding."""
    stream.seek(0)
    raw = stream.read(STRETCH)
    mark, encoding = _encoding(raw)
    return encoding.text(raw[mark:]), encoding


def as_stream(source: BinaryIO | bytes) -> BinaryIO:
    """A stream over the bytes, or the stream itself."""
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _encoding(start: bytes) -> tuple[int, Encoding]:
    """The length of the byte-order mark, and what it says."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return len(mark), encoding
    return 0, Encoding.EIGHT_BIT


def _starts(raw: bytes, encoding: Encoding, head: re.Pattern[str]) -> list[int]:
    """Where entries begin, in bytes; one that the end of `raw` leaves undecided is left out."""
    text = encoding.text(raw)
    found = [match.start() for match in head.finditer(text) if match.end() < len(text)]
    if encoding is Encoding.EIGHT_BIT or not found:
        return found
    if len(text) * 2 == len(raw) & ~1:  # every character is one unit
        return [start * 2 for start in found]
    result, at, offset = [], 0, 0
    for start in found:
        offset += encoding.width(text[at:start])
        at = start
        result.append(offset)
    return result


def _skip(stream: BinaryIO, rest: bytes, encoding: Encoding, head: re.Pattern[str]) -> tuple[bytes, int]:
    """Read on to the next beginning: the bytes from it on (none at the end), and how many there are before it."""
    dropped = 0
    while True:
        # One unit is looked at only for what stands before the others: no line begins with the first one of `rest`.
        starts = [start for start in _starts(rest, encoding, head) if start]
        if starts:
            return rest[starts[0] :], dropped + starts[0]
        keep = _LONGEST_HEAD + (len(rest) % encoding.unit)
        cut = max(0, len(rest) - keep)
        dropped += cut
        piece = stream.read(STRETCH)
        if not piece:
            return b"", dropped + len(rest) - cut
        rest = rest[cut:] + piece


def _whole_characters(raw: bytes, encoding: Encoding) -> bytes:
    """The bytes without a UTF-8 character that their end cuts."""
    if encoding is not Encoding.EIGHT_BIT:
        return raw
    for back in range(1, 4):
        if raw[-back] >= 0xC0:
            return raw[:-back]
        if raw[-back] < 0x80:
            break
    return raw


def _zeros(piece: str, offset: int, encoding: Encoding) -> list[Problem]:
    """The zero bytes of an entry: one problem, from the first to the last, whatever is between them."""
    runs = [match.span() for match in _ZEROS.finditer(piece)]
    count = sum(end - start for start, end in runs) * encoding.unit
    start = offset + encoding.width(piece[: runs[0][0]])
    length = encoding.width(piece[runs[0][0] : runs[-1][1]])
    return [Problem(ProblemKind.LOST_RANGE, start, length, f"{count} zero bytes where text must have been")]


def _readable(body: str, encoding: Encoding) -> str:
    """The text of an entry: line ends as line feeds, no zero bytes, no end of the last line."""
    if "\0" in body:
        body = "\n".join(line for line in _ZEROS.split(body) if line)
    if "\r" in body:
        body = body.replace("\r\n", "\n")
    body = body.rstrip("\r\n\t ")
    if encoding is not Encoding.EIGHT_BIT or body.isascii():
        return body
    return "\n".join(map(_from_utf8, body.split("\n")))


def _from_utf8(line: str) -> str:
    if line.isascii():
        return line
    raw = line.encode("latin-1")
    try:
        # A character that the end of the file cuts does not make the whole line another encoding.
        return codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return line
