"""Registry hives (`regf`): https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md.

The structures are those that regipy declares; their sizes and marks are here because a hive is read cell by cell, each
checked against what is left of the file before it is taken apart.
"""

from __future__ import annotations

from typing import Final

from regipy.structs import BIG_DATA_BLOCK, CM_KEY_NODE, REGF_HEADER, REGF_HEADER_SIZE, VALUE_KEY

__all__ = ["BIG_DATA_BLOCK", "CM_KEY_NODE", "REGF_HEADER", "REGF_HEADER_SIZE", "VALUE_KEY"]

SIGNATURE: Final = b"regf"
KEY_NODE: Final = b"nk"
KEY_VALUE: Final = b"vk"
BIG_DATA: Final = b"db"
LISTS: Final = {b"lf": 8, b"lh": 8, b"li": 4}
"""Lists of subkeys -> bytes of an element, which begins with the offset of a key node."""
INDEX_ROOT: Final = b"ri"
NO_OFFSET: Final = 0xFFFFFFFF
CHECKSUM_AT: Final = 508
KEY_NODE_FIXED: Final = 76
KEY_VALUE_FIXED: Final = 20
BIG_DATA_FROM: Final = 16_344
"""Data longer than this lies in segments of as many bytes, from version 1.4 on."""
INLINE: Final = 0x80000000
"""Flag of a data size: the data (at most four bytes) stands where its offset would."""
ROOT_CELL: Final = 0x20
"""Where the root's cell is in every hive that Windows makes: the first one of the first bin."""
