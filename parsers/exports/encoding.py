"""How the bytes of an export stand for characters: told by the bytes, then by what the file declares."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from parsers.texts import ansi_text, decode_utf16

# Codes in which the characters of markup are those of ASCII, and nothing else looks like them.
_ONE_BYTE = re.compile(
    r"(?:windows-|cp)\d{3,4}|iso-?8859-\d{1,2}|ibm\d{3}|latin-?1|koi8-[ru]|macintosh|shift_jis|euc-[a-z]{2}|gbk|gb2312|big5",
    re.IGNORECASE,
)
_DECLARED = re.compile(rb"<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z][\w.-]{0,39})[\"']")

_NOT_ZERO = bytes([0]) + b"\xff" * 255


def narrow(data: bytes, *, big: bool) -> bytes:
    """One byte for each unit of UTF-16: the character where it is Latin-1, else 0xff. Half a unit is left out."""
    units = len(data) // 2
    low, high = data[1 - (not big) : 2 * units : 2], data[1 - big : 2 * units : 2]
    if high.count(0) != units:
        # Every unit with a high byte becomes 0xff: a whole buffer at once, by the one operation on long integers.
        marks = high.translate(_NOT_ZERO)
        return (int.from_bytes(low, "big") | int.from_bytes(marks, "big")).to_bytes(units, "big")
    return low


class Encoding(NamedTuple):
    """How to read text: `width` 1 or 2 bytes for a unit, `big` for UTF-16BE, `page` the declared code page if any."""

    width: int
    big: bool = False
    page: str | None = None

    def view(self, data: bytes) -> bytes:
        """One byte for each unit of `data`: what is not Latin-1 is 0xff. Half a unit at the end is left out."""
        return data if self.width == 1 else narrow(data, big=self.big)

    def decode(self, data: bytes) -> tuple[str, bool]:
        """The text of `data`, and whether its code page had to be assumed (Windows-1252); never raises.

        UTF-8 goes before a declared code page: text of one-byte letters is hardly ever valid UTF-8 by chance.
        """
        if self.width == 2:
            whole = data[: len(data) & ~1]
            return (whole.decode("utf-16-be", "surrogatepass") if self.big else decode_utf16(whole)), False
        try:
            return data.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
        try:
            return data.decode("utf-8", "surrogatepass"), False
        except UnicodeDecodeError:
            pass
        if self.page is not None:
            return data.decode(self.page, "backslashreplace"), False
        return ansi_text(data), True


def encoding_of(head: bytes) -> Encoding:
    """The encoding of a text that begins like this. A declaration that the bytes contradict is not believed."""
    if head.startswith(codecs.BOM_UTF16_LE) or head[1:4:2] == b"\0\0":
        return Encoding(2)
    if head.startswith(codecs.BOM_UTF16_BE) or (head[:3:2] == b"\0\0" and head[1:2] != b"\0"):
        return Encoding(2, big=True)
    declared = _DECLARED.search(head[:1000])
    name = declared[1].decode("ascii") if declared else ""
    return Encoding(1, page=_page(name) if _ONE_BYTE.fullmatch(name) else None)


def _page(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
