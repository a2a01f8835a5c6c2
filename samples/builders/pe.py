"""A writer of Windows libraries that hold nothing but message tables, as real ones beside a service do.

Layout: Microsoft, "PE Format" (win32 documentation, debug) for the file and its resource section; winnt.h for
MESSAGE_RESOURCE_DATA. The writer refuses nothing: hostile files are made from its parts.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RT_MESSAGETABLE = 11
ENGLISH = 0x409
ANSI, UNICODE = 0, 1
DIRECTORY = 0x80000000  # the bit of an offset that leads to a directory
SECTION_RVA, SECTION_AT = 0x1000, 0x200
_FILE_ALIGNMENT = 0x200


def entry(text: str, flags: int = UNICODE, encoding: str | None = None) -> bytes:
    """One MESSAGE_RESOURCE_ENTRY, its text ended by a NUL and filled up to a multiple of four."""
    if encoding is None:
        encoding = "utf-16-le" if flags == UNICODE else "cp1252"
    raw = f"{text}\0".encode(encoding, "surrogatepass" if encoding == "utf-16-le" else "strict")
    raw += bytes(-len(raw) % 4)
    return struct.pack("<HH", 4 + len(raw), flags) + raw


def message_table(texts: Mapping[int, str], flags: int = UNICODE, encoding: str | None = None) -> bytes:
    """A message table with a block for each run of ids."""
    blocks: list[list[int]] = []
    for number in sorted(texts):
        if blocks and number == blocks[-1][-1] + 1:
            blocks[-1].append(number)
        else:
            blocks.append([number])
    return table_of_blocks(
        [(ids[0], ids[-1], b"".join(entry(texts[number], flags, encoding) for number in ids)) for ids in blocks]
    )


def table_of_blocks(blocks: Sequence[tuple[int, int, bytes]]) -> bytes:
    """A message table of blocks, each given as (LowId, HighId, its entries)."""
    at = 4 + 12 * len(blocks)
    heads, entries = b"", b""
    for low, high, raw in blocks:
        heads += struct.pack("<III", low, high, at + len(entries))
        entries += raw
    return struct.pack("<I", len(blocks)) + heads + entries


def directory(entries: Sequence[tuple[int, int]]) -> bytes:
    """An IMAGE_RESOURCE_DIRECTORY of (id, offset)."""
    return struct.pack("<12xHH", 0, len(entries)) + b"".join(struct.pack("<II", *pair) for pair in entries)


def resources(tables: Mapping[int, bytes], code_page: int = 0) -> bytes:
    """A resource section: message table 1 in each of the languages given."""
    languages_at = 2 * 24
    leaves_at = languages_at + 16 + 8 * len(tables)
    at = leaves_at + 16 * len(tables)
    leaves, data = b"", b""
    for table in tables.values():
        leaves += struct.pack("<IIII", SECTION_RVA + at + len(data), len(table), code_page, 0)
        data += table + bytes(-len(table) % 4)
    return (
        directory([(RT_MESSAGETABLE, DIRECTORY | 24)])
        + directory([(1, DIRECTORY | languages_at)])
        + directory([(language, leaves_at + 16 * index) for index, language in enumerate(tables)])
        + leaves
        + data
    )


def program(section: bytes, resource_rva: int = SECTION_RVA) -> bytes:
    """A PE32+ library whose one section is `section`, and whose resources begin at an RVA (0: it has none)."""
    raw_size = len(section) + -len(section) % _FILE_ALIGNMENT
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x2022)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        *(0x20B, 14, 0, 0, raw_size, 0, 0, 0, 0x180000000, 0x1000, _FILE_ALIGNMENT),
        *(5, 2, 0, 0, 5, 2, 0, SECTION_RVA + raw_size + -raw_size % 0x1000, SECTION_AT, 0),
        *(2, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16),
    )
    directories = bytearray(16 * 8)
    struct.pack_into("<II", directories, 2 * 8, resource_rva, len(section) if resource_rva else 0)
    header = struct.pack(
        "<8sIIIIIIHHI", b".rsrc", len(section), SECTION_RVA, raw_size, SECTION_AT, 0, 0, 0, 0, 0x40000040
    )
    head = dos + coff + optional + directories + header
    return head.ljust(SECTION_AT, b"\0") + section.ljust(raw_size, b"\0")


def message_file(texts: Mapping[int, str], language: int = ENGLISH) -> bytes:
    """A library with these texts in one language, by message id: qualifiers << 16 | event id."""
    return program(resources({language: message_table(texts)}))
