"""Typed BinXml values: from bytes to a natural Python value, and from that to the text Windows would print.

Types: [MS-EVEN6] 2.2.12 (`BinXmlValueType`). Texts follow the XML that Windows renders: GUIDs in braces and lower case,
hexadecimal types as `0x...`, FILETIME as ISO 8601 with all seven digits (100 ns), binary as upper-case hex.
"""

from __future__ import annotations

import math
import re
import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from parsers.evtx.structs import ARRAY, FIXED_CODES, ValueType
from parsers.sids import sid_text
from parsers.texts import ansi_text, decode_utf16
from parsers.times import TICKS_PER_SECOND, filetime_from_datetime, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable

Natural = int | float | str | bytes | list[str] | None

_GUID = struct.Struct("<IHH8s")
_SYSTEMTIME = struct.Struct("<8H")
_MAX_SID = 8 + 4 * 15


class BadValueError(ValueError):
    """A value whose bytes cannot be what its type says."""


@lru_cache(maxsize=8192)
def guid_text(raw: bytes) -> str:
    """`{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}` of 16 bytes, as Windows writes GUIDs in XML."""
    a, b, c, rest = _GUID.unpack(raw)
    tail = rest.hex()
    return f"{{{a:08x}-{b:04x}-{c:04x}-{tail[:4]}-{tail[4:]}}}"


def filetime_text(filetime: int) -> str:
    """ISO 8601 with seven digits; the bare number where no calendar holds it."""
    text = iso_utc(filetime)
    if text is None:
        return str(filetime)
    return f"{text[:-1]}{filetime % 10}Z"


def systemtime_text(raw: bytes) -> str:
    """ISO 8601 with milliseconds of a SYSTEMTIME; the fields as they are, even when no calendar holds them."""
    year, month, _weekday, day, hour, minute, second, milli = _SYSTEMTIME.unpack(raw)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"


def real_text(value: float, *, single: bool) -> str:
    """The shortest decimal that reads back as the same value of its width."""
    if not math.isfinite(value) or not single:
        return repr(value)
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == value:
            return repr(float(text))
    return repr(value)


def utf16_text(raw: bytes) -> str:
    """Text of UTF-16LE bytes; lone surrogates and NUL stay as they are. BadValueError for half a character.

    NULs at the end are terminators: some providers count them into the value, and no reader shows them.
    """
    if len(raw) & 1:
        raise BadValueError("a string of an odd number of bytes")
    return decode_utf16(raw).rstrip("\0")


def sid_value(raw: bytes) -> str:
    """SID text; BadValueError when the bytes are no SID."""
    text = sid_text(raw[:_MAX_SID])  # which keeps what it is given
    if text is None:
        raise BadValueError("bytes that are no SID")
    return text


def _filetime_from_systemtime(raw: bytes) -> int | None:

    year, month, _weekday, day, hour, minute, second, milli = _SYSTEMTIME.unpack(raw)
    try:
        return filetime_from_datetime(datetime(year, month, day, hour, minute, second, milli * 1000, tzinfo=UTC))
    except ValueError:
        return None


def string_list(raw: bytes) -> list[str]:
    """The items of an array of strings: a classic event's insertion strings. BadValueError for half a character."""
    if len(raw) & 1:
        raise BadValueError("a list of strings of an odd number of bytes")
    items = decode_utf16(raw).split("\0")
    # Every item ends with a NUL; what follows the last one is an item only if it is not empty.
    if not items[-1]:
        items.pop()
    return items


def array_texts(raw: bytes, kind: int) -> list[str]:
    """The items of an array value as texts; `kind` without the array bit. BadValueError when they do not fit."""
    if kind == ValueType.STRING:
        return string_list(raw)
    if kind == ValueType.ANSI_STRING:
        items = ansi_text(raw).split("\0")
        return items if items[-1] else items[:-1]
    if kind == ValueType.SID:
        return _sid_array(raw)
    width = FIXED_CODES[kind][1] if kind in FIXED_CODES else 0
    if kind == ValueType.SIZE_T:
        width = 8 if len(raw) % 8 == 0 else 4
    if not width or len(raw) % width:
        raise BadValueError(f"an array of type 0x{kind:02x} of {len(raw)} bytes")
    return [value_text(natural(raw[i : i + width], kind), kind) for i in range(0, len(raw), width)]


def _sid_array(raw: bytes) -> list[str]:
    texts = []
    at = 0
    while at < len(raw):
        size = 8 + 4 * raw[at + 1] if at + 1 < len(raw) else 8
        texts.append(sid_value(raw[at : at + size]))
        at += size
    return texts


def _size_t(raw: bytes) -> Natural:
    if len(raw) not in {4, 8}:
        raise BadValueError(f"a pointer of {len(raw)} bytes")
    return int.from_bytes(raw, "little")


def _fixed(kind: int) -> Callable[[bytes], Natural]:
    unpacker, size = struct.Struct("<" + FIXED_CODES[kind][0]), FIXED_CODES[kind][1]

    def read(raw: bytes) -> Natural:
        if len(raw) != size:
            raise BadValueError(f"{len(raw)} bytes for type 0x{kind:02x}")
        value: Natural = unpacker.unpack(raw)[0]
        return value

    return read


_VARIABLE: dict[int, Callable[[bytes], Natural]] = {
    ValueType.NULL: lambda _: None,
    ValueType.STRING: utf16_text,
    ValueType.ANSI_STRING: ansi_text,
    ValueType.BINARY: bytes,
    ValueType.BIN_XML: bytes,
    ValueType.EVT_XML: utf16_text,
}
_SIZED: dict[int, Callable[[bytes], Natural]] = {
    **{kind: _fixed(kind) for kind in FIXED_CODES},
    ValueType.SIZE_T: _size_t,
    ValueType.EVT_HANDLE: _size_t,
    ValueType.SID: sid_value,
}


def natural(raw: bytes, kind: int) -> Natural:
    """The value of `kind` in `raw`: ints, floats and FILETIMEs as numbers, GUID, SYSTEMTIME and binary as bytes.

    None for the null type and for zero bytes of a type that has a size. BadValueError when size and type do not fit.
    """
    if kind & ARRAY:
        return array_texts(raw, kind & ~ARRAY)
    if kind in _VARIABLE:
        return _VARIABLE[kind](raw)
    if not raw:
        return None
    if kind not in _SIZED:
        raise BadValueError(f"unknown value type 0x{kind:02x}")
    return _SIZED[kind](raw)


# How the text of a natural value is made, by type; every other type prints as `str` does. Each entry is an expression
# over `v`, because the template compiler writes the same expression into the functions it generates.
TEXT_EXPRESSIONS: dict[int, str] = {
    ValueType.STRING: "v",
    ValueType.ANSI_STRING: "v",
    ValueType.EVT_XML: "v",
    ValueType.SID: "v",
    ValueType.BOOL: "('true' if v else 'false')",
    ValueType.BINARY: "v.hex().upper()",
    ValueType.BIN_XML: "v.hex().upper()",
    ValueType.GUID: "guid_text(v)",
    ValueType.FILETIME: "filetime_text(v)",
    ValueType.SYSTEMTIME: "systemtime_text(v)",
    ValueType.REAL32: "real_text(v, single=True)",
    ValueType.REAL64: "real_text(v, single=False)",
    ValueType.SIZE_T: "f'0x{v:x}'",
    ValueType.EVT_HANDLE: "f'0x{v:x}'",
    ValueType.HEX_INT32: "f'0x{v:x}'",
    ValueType.HEX_INT64: "f'0x{v:x}'",
}
_TO_TEXT: dict[int, Callable[[Natural], str]] = {
    kind: eval(f"lambda v: {expression}", globals())  # noqa: S307  # the table above, nothing from evidence
    for kind, expression in TEXT_EXPRESSIONS.items()
}


def value_text(value: Natural, kind: int) -> str:
    """The text of a natural value of `kind`; "" for None, items joined for an array in the middle of a text."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(value)
    return _TO_TEXT.get(kind, str)(value)


def as_int(value: Natural) -> int | None:
    """A number, or a number written as text (decimal or 0x...); None for anything else, and beyond 64 bits."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = int(text, 16 if text[:2].lower() == "0x" else 10)
        except ValueError:
            return None
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 64:
        return value
    return None


def as_filetime(value: Natural, kind: int) -> int | None:
    """FILETIME of a time value: a FILETIME, a SYSTEMTIME, or ISO text as some exporters write it; else None."""
    if isinstance(value, bytes):
        return _filetime_from_systemtime(value) if kind == ValueType.SYSTEMTIME else None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return filetime_from_iso(value)
    return None


_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:Z|([+-])(\d\d):?(\d\d))?", re.ASCII)


def filetime_from_iso(text: str) -> int | None:
    """FILETIME of `YYYY-MM-DDTHH:MM:SS[.fraction]`, cut to 100 ns, without floats; None for any other text.

    Behind it stands `Z`, an offset such as `+01:00`, or nothing: then it is UTC.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    try:
        ticks = filetime_from_datetime(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
    except ValueError:
        return None
    if sign:
        away = (int(hours) * 60 + int(minutes)) * 60 * TICKS_PER_SECOND
        ticks += away if sign == "-" else -away
    return ticks + int(fraction[:7].ljust(7, "0")) if fraction else ticks
