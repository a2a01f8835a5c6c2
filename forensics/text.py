"""Text from evidence, made safe to show: what `printable` returns can neither move a cursor nor hide a character."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every character of the categories Cc (C0, DEL, C1: ESC begins terminal commands), Cf (bidi controls, zero-width
# characters, tags; https://www.unicode.org/reports/tr36/ section 2.6), Cs (lone surrogates, which no encoding can
# write), Zl and Zp (line separators), and the letters that are shown as nothing: combining grapheme joiner, Hangul
# fillers. Written out because asking unicodedata takes 0.4 s; a test compares the two.
UNPRINTABLE = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u115f\\u1160"
    "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufeff\\uffa0\\ufff0-\\ufffb"
    "\\U000110bd\\U000110cd\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a"
    "\\U000e0000-\\U000e0fff"
)
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE}]")
_NAMED = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    r"""The text with every character that could act on a terminal, or hide on it, shown as `\x1b`, `\u202e`, `\n`.

    The result is one line and never raises on any string. A backslash stays as it is, so the escapes cannot be told
    from the same characters in the evidence: the exact text is in the JSON output.
    """
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped_json(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def printable_json(document: str) -> str:
    """A JSON document without line breaks, its unprintable characters written as JSON escapes: the same data.

    So a lone surrogate can be written in UTF-8, and a document shown on a terminal cannot act on it. The structure of
    JSON itself is ASCII, so that only characters inside strings can match.
    """
    if document.isprintable():  # as almost every row is
        return document
    return _UNPRINTABLE.sub(_escaped_json, document)


def shortened(text: str, width: int) -> str:
    """The text, cut to `width` characters with an ellipsis where it is longer."""
    return text if len(text) <= width else text[: width - 1] + "…"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `12 files`, `1,204 entries`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def quoted(texts: Sequence[str], *, most: int = 8, width: int = 60) -> str:
    """`"one", "two" and 3 more`: the first `most` of the texts, each cut to `width` characters."""
    shown = ", ".join(f'"{shortened(text, width)}"' for text in texts[:most])
    return shown + (f" and {len(texts) - most:,} more" if len(texts) > most else "")
