r"""Hostile values made storable without losing them: what SQLite cannot hold as it stands, and the way back.

SQLite text is UTF-8 and its tools stop at NUL, its integers have 64 bits signed (https://sqlite.org/datatype3.html,
https://sqlite.org/nulinstr.html). Evidence keeps to neither: UTF-16 strings hold lone surrogates, record numbers are
unsigned. So text is escaped where it must be: a lone surrogate becomes `\udXXX` and NUL `\u0000`, and where the
evidence holds these very characters as text their backslashes are doubled, so that the escape can always be undone.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Scalar: TypeAlias = str | int | float | bool | None

SQL_INT_MAX: Final = (1 << 63) - 1

_UNSTORABLE = re.compile(r"\\*[\x00\ud800-\udfff]|\\+(?=u(?:0000|d[89a-f][0-9a-f]{2}))")
_ESCAPED = re.compile(r"(\\+)u(0000|d[89a-f][0-9a-f]{2})")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_encode_json = msgspec.json.Encoder().encode
_decode_strings = msgspec.json.Decoder(list[str | None]).decode


def _escape(match: re.Match[str]) -> str:
    text = match[0]
    last = text[-1]
    if last == "\\":
        return text * 2
    return f"{text[:-1] * 2}\\u{ord(last):04x}"


def _unescape(match: re.Match[str]) -> str:
    half, odd = divmod(len(match[1]), 2)
    return "\\" * half + (chr(int(match[2], 16)) if odd else f"u{match[2]}")


def sql_text(text: str) -> str:
    r"""`text` in a form that every SQLite tool reads whole; `text_from_sql` gives back exactly `text`.

    Almost every text is its own form. Lone surrogates and NUL become `\udXXX` and `\u0000`.
    """
    if text.isascii() and "\x00" not in text and "\\u" not in text:
        return text
    return _UNSTORABLE.sub(_escape, text)


def text_from_sql(stored: str) -> str:
    """The text that `sql_text` was given."""
    if "\\u" not in stored:
        return stored
    return _ESCAPED.sub(_unescape, stored)


def sql_int(value: int | None) -> int | None:
    """`value`, or None where SQLite cannot hold it: beyond ±(2^63 - 1)."""
    if value is None or -SQL_INT_MAX <= value <= SQL_INT_MAX:
        return value
    return None


def json_text(value: Sequence[str | None] | Mapping[str, Scalar]) -> str:
    r"""`value` as the JSON text that a case stores: compact, with characters beyond ASCII as they are.

    Lone surrogates become JSON's own `\udXXX`, so the text is storable and `json.loads` gives the value back (a high
    surrogate before a low one comes back as the one character that they are in UTF-16). It must not pass through
    `sql_text`, which would double backslashes that are JSON's.
    """
    try:
        return _encode_json(value).decode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def strings_from_json(stored: str | None) -> list[str | None]:
    """The list behind a stored JSON list of texts; None gives [].

    A text that is no such list (the case was altered by hand) is given as the only element, so that it stays visible.
    """
    if stored is None:
        return []
    try:
        return _decode_strings(stored)
    except (msgspec.MsgspecError, UnicodeError):
        pass
    try:
        value = json.loads(stored)
    except (ValueError, RecursionError):
        return [stored]
    if isinstance(value, list) and all(item is None or isinstance(item, str) for item in value):
        return value
    return [stored]
