"""Typed values of binary XML, as substitution arrays store them.

Types and encodings: [MS-EVEN6] 2.2.17 (BinXmlValue), and libevtx, "Windows XML Event Log (EVTX) format", 5.2.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

ARRAY = 0x80
MAX_VALUE_SIZE = 0xFFFF  # a substitution's size is a 16-bit field


class ValueType(IntEnum):
    """Value types of [MS-EVEN6] 2.2.17; `ARRAY` is added for an array of one."""

    NULL = 0x00
    STRING = 0x01
    ANSI = 0x02
    INT8 = 0x03
    UINT8 = 0x04
    INT16 = 0x05
    UINT16 = 0x06
    INT32 = 0x07
    UINT32 = 0x08
    INT64 = 0x09
    UINT64 = 0x0A
    REAL32 = 0x0B
    REAL64 = 0x0C
    BOOL = 0x0D
    BINARY = 0x0E
    GUID = 0x0F
    SIZE = 0x10
    FILETIME = 0x11
    SYSTEMTIME = 0x12
    SID = 0x13
    HEX32 = 0x14
    HEX64 = 0x15
    BINXML = 0x21


_FORMATS = {
    ValueType.INT8: "<b",
    ValueType.UINT8: "<B",
    ValueType.INT16: "<h",
    ValueType.UINT16: "<H",
    ValueType.INT32: "<i",
    ValueType.UINT32: "<I",
    ValueType.INT64: "<q",
    ValueType.UINT64: "<Q",
    ValueType.REAL32: "<f",
    ValueType.REAL64: "<d",
    ValueType.FILETIME: "<Q",
    ValueType.HEX32: "<I",
    ValueType.HEX64: "<Q",
}


class Value(NamedTuple):
    """One substitution: its type byte and its bytes."""

    type: int
    raw: bytes


NULL = Value(ValueType.NULL, b"")


def encoded(text: str) -> bytes:
    """UTF-16LE, lone surrogates kept: Windows does not check the strings that it logs."""
    return text.encode("utf-16-le", "surrogatepass")


def string(text: str) -> Value:
    """A string, without terminator, as providers of the Vista API store it."""
    return Value(ValueType.STRING, encoded(text))


def ansi(raw: bytes) -> Value:
    """A string in the machine's code page, as given."""
    return Value(ValueType.ANSI, raw)


def binary(raw: bytes) -> Value:
    """Bytes."""
    return Value(ValueType.BINARY, raw)


def number(value_type: ValueType, value: float) -> Value:
    """An integer, float, FILETIME or hexadecimal number; struct.error when it does not fit its type."""
    return Value(value_type, struct.pack(_FORMATS[value_type], value))


def boolean(*, value: bool) -> Value:
    """A boolean: 32 bits, 0 or 1."""
    return Value(ValueType.BOOL, struct.pack("<I", value))


def size(value: int, *, wide: bool = True) -> Value:
    """A pointer-sized number of a 64-bit (`wide`) or a 32-bit provider."""
    return Value(ValueType.SIZE, struct.pack("<Q" if wide else "<I", value))


def guid(value: UUID) -> Value:
    """A GUID: its first three fields little-endian."""
    return Value(ValueType.GUID, value.bytes_le)


def sid(raw: bytes) -> Value:
    """A binary SID, as given."""
    return Value(ValueType.SID, raw)


def systemtime(moment: datetime) -> Value:
    """A SYSTEMTIME: eight 16-bit fields; what is below a millisecond is lost. The zone is the caller's business."""
    fields = (moment.year, moment.month, moment.isoweekday() % 7, moment.day)
    clock = (moment.hour, moment.minute, moment.second, moment.microsecond // 1000)
    return Value(ValueType.SYSTEMTIME, struct.pack("<8H", *fields, *clock))


def strings(values: Sequence[str]) -> Value:
    """An array of strings, each with its terminator; NULL for none. ValueError for a string that holds a NUL."""
    if not values:
        return NULL
    if any("\0" in value for value in values):
        raise ValueError("a string of an array ends at its NUL")
    return Value(ARRAY | ValueType.STRING, b"".join(encoded(value) + b"\0\0" for value in values))


def array(values: Sequence[Value]) -> Value:
    """An array of values of one fixed-size type; ValueError for none, for mixed types and for mixed sizes."""
    if len({(value.type, len(value.raw)) for value in values}) != 1:
        raise ValueError("an array holds one or more values of one type and size")
    if values[0].type in {ValueType.NULL, ValueType.STRING, ValueType.ANSI, ValueType.BINARY}:
        raise ValueError("only types of a fixed size; strings() makes an array of strings")
    return Value(ARRAY | values[0].type, b"".join(value.raw for value in values))


def sid_bytes(text: str) -> bytes:
    """Binary form of `S-1-5-...` ([MS-DTYP] 2.4.2.2); ValueError when it is none."""
    parts = text.split("-")
    if len(parts) < 3 or parts[0] != "S":
        raise ValueError(f"not a SID: {text}")
    revision, authority, *subs = (int(part) for part in parts[1:])
    return struct.pack("<BB6s", revision, len(subs), authority.to_bytes(6, "big")) + struct.pack(
        f"<{len(subs)}I", *subs
    )
