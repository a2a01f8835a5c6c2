"""Zip structures: central directory, local headers, extra fields.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (section numbers below are its own);
extended timestamp 0x5455: Info-ZIP `extrafld.txt`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from parsers.containers.sources import ModifiedBasis
from parsers.containers.streams import read_at
from parsers.times import filetime_from_datetime, filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

LOCAL_MAGIC = b"PK\x03\x04"
DESCRIPTOR_MAGIC = b"PK\x07\x08"
DIRECTORY_MAGIC = b"PK\x01\x02"
LOCAL_SIZE = 30

# General purpose flags (4.4.4)
ENCRYPTED = 0x0001
SIZES_BEHIND = 0x0008
STRONGLY_ENCRYPTED = 0x0040
UTF8_NAME = 0x0800
MASKED = 0x2000

_END = struct.Struct("<4s4H2IH")  # end of central directory (4.3.16)
_END64_LOCATOR = struct.Struct("<4sIQI")  # 4.3.15
_END64 = struct.Struct("<4sQ2H2I4Q")  # 4.3.14
_ENTRY = struct.Struct("<4s6H3I5H2I")  # 4.3.12
_LOCAL = struct.Struct("<4s5H3I2H")  # 4.3.7
_EMPTY_32 = 0xFFFFFFFF

_EXTRA_ZIP64 = 0x0001
_EXTRA_NTFS = 0x000A
_EXTRA_TIMESTAMP = 0x5455
_EXTRA_UNICODE_PATH = 0x7075


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory lies, and by how much the archive's own offsets are wrong (data put before it)."""

    start: int
    end: int
    shift: int
    spanned: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the central directory, or for want of one its local header, describes it.

    Attributes:
        raw_name: as stored; `name` is it decoded.
        packed, size, crc: None where they are not known (a local header written before its data).
        header: offset of the local header in the file.
        mode: Unix type and permission bits, 0 where there are none.
        dos: DOS date and time.
    """

    raw_name: bytes
    name: str
    flags: int
    method: int
    dos: tuple[int, int]
    crc: int | None
    packed: int | None
    size: int | None
    header: int
    extra: bytes
    mode: int = 0
    dos_directory: bool = False
    disk: int = 0


@dataclass(frozen=True, slots=True)
class Local:
    """A local header, and where its data begins."""

    entry: Entry
    data: int


def find_directory(stream: BinaryIO, size: int) -> Directory | None:
    """The central directory, by the end record nearest to the end of the file; None where none fits."""
    tail_at = max(0, size - _END.size - 0xFFFF)
    tail = read_at(stream, tail_at, size - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + _END.size <= len(tail):
            found = _directory(stream, tail_at + at, _END.unpack_from(tail, at))
            if found is not None:
                return found
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return None


def _directory(stream: BinaryIO, end_at: int, end: tuple[bytes, int, int, int, int, int, int, int]) -> Directory | None:
    _, disk, first_disk, _, count, length, offset, _ = end
    stop = end_at
    locator = read_at(stream, max(0, end_at - _END64_LOCATOR.size), _END64_LOCATOR.size)
    if locator.startswith(b"PK\x06\x07") and len(locator) == _END64_LOCATOR.size:
        for at in (_END64_LOCATOR.unpack(locator)[2], end_at - _END64_LOCATOR.size - _END64.size):
            if not 0 <= at < end_at:
                continue
            raw = read_at(stream, at, _END64.size)
            if len(raw) == _END64.size and raw.startswith(b"PK\x06\x06"):
                _, _, _, _, disk, first_disk, _, count, length, offset = _END64.unpack(raw)
                stop = at
                break
    start = stop - length
    if start < 0 or (count and read_at(stream, start, 4) != DIRECTORY_MAGIC):
        return None
    return Directory(start, stop, start - offset, spanned=disk != 0 or first_disk != 0)


def directory_entries(stream: BinaryIO, directory: Directory) -> Iterator[Entry]:
    """The entries in their order; ValueError at the first that is none."""
    at = directory.start
    while at < directory.end:
        fixed = read_at(stream, at, _ENTRY.size)
        if len(fixed) < _ENTRY.size or not fixed.startswith(DIRECTORY_MAGIC):
            raise ValueError(f"no entry of the central directory at offset {at}")
        fields = _ENTRY.unpack(fixed)
        _, made_by, _, flags, method, time, date, crc, packed, size = fields[:10]
        name_length, extra_length, comment_length, disk, _, attributes, header = fields[10:]
        rest = read_at(stream, at + _ENTRY.size, name_length + extra_length)
        if len(rest) < name_length + extra_length:
            raise ValueError(f"the central directory is cut at offset {at}")
        raw_name, extra = rest[:name_length], rest[name_length:]
        wide = _zip64(extra, (size, packed, header))
        yield Entry(
            raw_name,
            _name(raw_name, flags, extra),
            flags,
            method,
            (date, time),
            crc,
            wide[1],
            wide[0],
            wide[2] + directory.shift,
            extra,
            attributes >> 16 if made_by >> 8 in (3, 19) else 0,  # 3 Unix, 19 macOS (4.4.2)
            bool(attributes & 0x10),
            disk,
        )
        at += _ENTRY.size + name_length + extra_length + comment_length


def local_header(stream: BinaryIO, offset: int) -> Local | None:
    """The local header at an offset; None where there is none."""
    if offset < 0:
        return None
    fixed = read_at(stream, offset, LOCAL_SIZE)
    if len(fixed) < LOCAL_SIZE or not fixed.startswith(LOCAL_MAGIC):
        return None
    _, _, flags, method, time, date, crc, packed, size, name_length, extra_length = _LOCAL.unpack(fixed)
    rest = read_at(stream, offset + LOCAL_SIZE, name_length + extra_length)
    raw_name, extra = rest[:name_length], rest[name_length:]
    unknown = bool(flags & SIZES_BEHIND) and packed in (0, _EMPTY_32)
    wide = _zip64(extra, (size, packed))
    entry = Entry(
        raw_name,
        _name(raw_name, flags, extra),
        flags,
        method,
        (date, time),
        None if unknown else crc,
        None if unknown else wide[1],
        None if unknown else wide[0],
        offset,
        extra,
    )
    return Local(entry, offset + LOCAL_SIZE + name_length + extra_length)


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        yield tag, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _zip64(extra: bytes, values: tuple[int, ...]) -> list[int]:
    """The values with those that do not fit into 32 bits taken, in their order, from the zip64 field (4.5.3)."""
    field = next((data for tag, data in _extra_fields(extra) if tag == _EXTRA_ZIP64), b"")
    wide = []
    for value in values:
        if value == _EMPTY_32 and len(field) >= 8:
            wide.append(int.from_bytes(field[:8], "little"))
            field = field[8:]
        else:
            wide.append(value)
    return wide


def _name(raw: bytes, flags: int, extra: bytes) -> str:
    for tag, data in _extra_fields(extra):
        # Unicode path (4.6.9): counts only while it belongs to the name that stands there.
        if tag == _EXTRA_UNICODE_PATH and data[:1] == b"\1" and data[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return data[5:].decode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape") if flags & UTF8_NAME else raw.decode("cp437")


def modified(entry: Entry, local_extra: bytes, zone: tzinfo) -> tuple[int | None, ModifiedBasis]:
    """FILETIME ticks of the last modification by the most exact field there is.

    A DOS time is local: it is taken as of `zone`, the first of the two moments where clocks were set back.
    """
    fields = [*_extra_fields(entry.extra), *_extra_fields(local_extra)]
    for tag, data in fields:
        # NTFS (4.5.5): reserved 4, then attributes; attribute 1 holds modified, accessed, created.
        if tag == _EXTRA_NTFS and len(data) >= 16 and data[4:6] == b"\1\0":
            ticks = int.from_bytes(data[8:16], "little")
            if ticks:
                return ticks, ModifiedBasis.NTFS_EXTRA
    for tag, data in fields:
        if tag == _EXTRA_TIMESTAMP and len(data) >= 5 and data[0] & 1:
            return filetime_from_unix(int.from_bytes(data[1:5], "little", signed=True)), ModifiedBasis.UNIX_EXTRA
    date, time = entry.dos
    try:
        moment = datetime(
            1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2, tzinfo=zone
        )
        return filetime_from_datetime(moment), ModifiedBasis.DOS_LOCAL
    except (ValueError, OverflowError):
        return None, ModifiedBasis.NONE
