"""Security identifiers, [MS-DTYP] 2.4.2.2: revision, count, 48-bit authority (big-endian), 32-bit sub-authorities."""

from __future__ import annotations

import struct
from functools import lru_cache


@lru_cache(maxsize=4096)
def sid_text(raw: bytes) -> str | None:
    """`S-1-5-21-...` of a binary SID; None when the bytes are none (wrong revision, or shorter than their own count).

    Bytes behind the counted sub-authorities are ignored: event logs pad.
    """
    if len(raw) < 8 or raw[0] != 1 or raw[1] > 15 or len(raw) < 8 + 4 * raw[1]:
        return None
    authority = int.from_bytes(raw[2:8], "big")
    shown = str(authority) if authority < 1 << 32 else f"0x{authority:012X}"
    subs = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return "-".join(["S-1", shown, *map(str, subs)])
