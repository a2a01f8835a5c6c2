"""Tar headers: POSIX ustar and pax, GNU, and the old v7 form.

https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html (ustar, pax)
https://www.gnu.org/software/tar/manual/html_node/Standard.html (GNU)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from parsers.times import TICKS_PER_SECOND, UNIX_EPOCH_AS_FILETIME

BLOCK = 512
SIZE_MAX = 1 << 61
_SPARSE_EXTENDED = 482  # "isextended" of a GNU sparse header
SPARSE_EXTENSION_MORE = 504  # "isextended" of the extension blocks behind it
_PAX_RECORD = re.compile(rb"(\d{1,9}) ([^=\n]{1,256})=")
_PAX_KEYS = frozenset({"path", "linkpath", "size", "mtime"})
# The one case of repeated keys (sparse format 0.0); joined, they are the map of format 0.1.
_PAX_SPARSE_PAIR = frozenset({"GNU.sparse.offset", "GNU.sparse.numbytes"})
_DECIMAL = re.compile(r"(-?)(\d{1,20})(?:\.(\d{0,40}))?")


@dataclass(frozen=True, slots=True)
class Header:
    """One header block; names as stored, without their padding.

    Attributes:
        name: with the ustar prefix before it.
        size: bytes of data behind the header.
        mtime: Unix seconds, can be negative (base-256); None where the field holds no number.
        type: one byte; NUL and "0" are regular files.
        link: target of a link.
        extended: a GNU sparse header has extension blocks.
    """

    name: bytes
    size: int
    mtime: int | None
    type: bytes
    link: bytes
    extended: bool


def parse_header(block: bytes) -> Header | None:
    """The header in a block of 512 bytes; None where the checksum does not fit or the size is no number >= 0."""
    stored = number(block[148:156])
    if stored is None or len(block) != BLOCK:
        return None
    unsigned = sum(block) - sum(block[148:156]) + 8 * 0x20
    if stored != unsigned:
        # Some old writers summed signed characters.
        body = block[:148] + block[156:]
        if stored != unsigned - 256 * sum(byte >= 0x80 for byte in body):
            return None
    size = number(block[124:136])
    if size is None or not 0 <= size <= SIZE_MAX:
        return None
    name = _cut(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = _cut(block[345:500]) + b"/" + name
    kind = block[156:157]
    return Header(
        name, size, number(block[136:148]), kind, _cut(block[157:257]), kind == b"S" and bool(block[_SPARSE_EXTENDED])
    )


def _cut(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def number(field: bytes) -> int | None:
    """A numeric field: octal text, or base-256; 0 for an empty one, None for what is no number."""
    if field[:1] in (b"\x80", b"\xff"):  # base-256 of GNU: big-endian, two's complement
        value = int.from_bytes(field[1:], "big")
        return value if field[0] == 0x80 else value - (1 << 8 * (len(field) - 1))
    digits = field.replace(b"\0", b" ").strip()
    if not digits:
        return 0
    return int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else None


def parse_pax(data: bytes) -> tuple[dict[str, bytes], bool]:
    """The records (`length key=value` and a line feed) of an extended header that matter, and whether all are sound.

    Reading stops at the first record that is not; the later of two with one key counts.
    """
    records: dict[str, bytes] = {}
    sparse_map: list[bytes] = []
    sound = False
    at = 0
    while at < len(data) and data[at] != 0:
        match = _PAX_RECORD.match(data, at)
        if match is None:
            break
        end = at + int(match[1])
        if end <= match.end() or end > len(data) or data[end - 1] != 0x0A:
            break
        key = match[2].decode("utf-8", "replace")
        if key in _PAX_SPARSE_PAIR:
            sparse_map.append(data[match.end() : end - 1])
        elif key in _PAX_KEYS or key.startswith("GNU.sparse."):
            records[key] = data[match.end() : end - 1]
        at = end
    else:
        sound = True
    if sparse_map:
        records["GNU.sparse.map"] = b",".join(sparse_map)
    return records, sound


def pax_time(value: bytes) -> int | None:
    """FILETIME of a pax time (decimal Unix seconds with a fraction), cut downwards to 100 ns; None for no number."""
    match = _DECIMAL.fullmatch(value.decode("ascii", "replace"))
    if match is None:
        return None
    sign, seconds, fraction = match[1], match[2], match[3] or ""
    ticks = int(seconds) * TICKS_PER_SECOND + int((fraction + "0" * 7)[:7])
    if sign:
        ticks = -ticks - (1 if fraction[7:].strip("0") else 0)
    return UNIX_EPOCH_AS_FILETIME + ticks
