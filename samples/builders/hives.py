"""Small registry hives, built cell by cell: nested keys with values, in the form that Windows Server 2003 writes.

https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_BASE = 4096
_BIN = 4096
_NONE = 0xFFFFFFFF
_BIG_DATA_FROM = 16_344


@dataclass(slots=True)
class HiveKey:
    """A key to build: values are name -> (type, data); `written` is a FILETIME."""

    subkeys: dict[str, HiveKey] = field(default_factory=dict)
    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    written: int = 128_444_400_000_000_000


def text(value: str, kind: int = 1) -> tuple[int, bytes]:
    """A string value (REG_SZ unless `kind` says otherwise)."""
    return kind, (value + "\0").encode("utf-16-le")


def number(value: int) -> tuple[int, bytes]:
    """A REG_DWORD value."""
    return 4, value.to_bytes(4, "little")


def keys(paths: dict[str, dict[str, tuple[int, bytes]]]) -> HiveKey:
    """A root with keys by their paths below it ("" the root), each with its values."""
    root = HiveKey()
    for path, values in paths.items():
        at = root
        for name in filter(None, path.split("\\")):
            at = at.subkeys.setdefault(name, HiveKey())
        at.values |= values
    return root


def hive(
    root: HiveKey, *, name: str = "", written: int = 128_444_400_000_000_000, dirty: bool = False, leaf: bytes = b"lf"
) -> bytes:
    """A hive with that root; `name` is the end of its path in the header, `leaf` the form of the lists of subkeys."""
    builder = _Builder(leaf)
    top = builder.key(root, "$$$PROTO.HIV", _NONE, flags=0x2C)
    return builder.finish(top, name, written, dirty=dirty)


class _Builder:
    def __init__(self, leaf: bytes) -> None:
        self._cells = bytearray()
        self._leaf = leaf
        self._nodes: list[int] = []

    def finish(self, top: int, name: str, written: int, *, dirty: bool) -> bytes:
        # One security descriptor, without owner and rules, for all keys: programs that add keys take their parent's.
        descriptor = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
        security = self.cell(b"sk" + struct.pack("<HIIII", 0, 0, 0, len(self._nodes), len(descriptor)) + descriptor)
        self.patch(security, 4, security)
        self.patch(security, 8, security)
        for node in self._nodes:
            self.patch(node, 44, security)
        used = 32 + len(self._cells)
        size = -(-used // _BIN) * _BIN
        rest = size - used
        if rest:
            self._cells += struct.pack("<i", rest) + bytes(rest - 4)
        bin_ = b"hbin" + struct.pack("<IIQQI", 0, size, 0, written, 0) + self._cells
        head = bytearray(_BASE)
        head[:48] = b"regf" + struct.pack("<IIQIIIIIII", 2, 2 - dirty, written, 1, 3, 0, 1, top, size, 1)
        head[48:112] = name.encode("utf-16-le")[:62].ljust(64, b"\0")
        total = 0
        for (word,) in struct.iter_unpack("<I", head[:508]):
            total ^= word
        head[508:512] = struct.pack("<I", total)
        return bytes(head) + bin_

    def cell(self, data: bytes) -> int:
        """Add a cell and return its offset."""
        offset = 32 + len(self._cells)
        size = -(-(len(data) + 4) // 8) * 8
        self._cells += struct.pack("<i", -size) + data.ljust(size - 4, b"\0")
        return offset

    def patch(self, offset: int, at: int, value: int) -> None:
        """Set four bytes of a cell's data."""
        start = offset - 32 + 4 + at
        self._cells[start : start + 4] = struct.pack("<I", value)

    def key(self, key: HiveKey, name: str, parent: int, flags: int = 0x20) -> int:
        """Add a key with all that is below it, and return its offset."""
        raw, compressed = _name(name)
        node = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH",
            b"nk", flags if compressed else flags & ~0x20, key.written, 0, parent, len(key.subkeys), 0, _NONE, _NONE,
            len(key.values), _NONE, _NONE, _NONE, 2 * max(map(len, key.subkeys), default=0), 0,
            2 * max(map(len, key.values), default=0), max((len(data) for _, data in key.values.values()), default=0), 0,
            len(raw), 0,
        )  # fmt: skip
        offset = self.cell(node + raw)
        self._nodes.append(offset)
        # The lists of a hive are sorted by name, upper case.
        below = [self.key(key.subkeys[one], one, offset) for one in sorted(key.subkeys, key=str.upper)]
        if below:
            self.patch(offset, 28, self._list(below, sorted(key.subkeys, key=str.upper)))
        if key.values:
            places = [self._value(one, *key.values[one]) for one in key.values]
            self.patch(offset, 40, self.cell(struct.pack(f"<{len(places)}I", *places)))
        return offset

    def _list(self, below: list[int], names: list[str]) -> int:
        if self._leaf == b"ri":
            halves = [part for part in (slice(0, len(below) // 2), slice(len(below) // 2, None)) if below[part]]
            places = [self._leaf_of(b"lh", below[part], names[part]) for part in halves]
            return self.cell(b"ri" + struct.pack(f"<H{len(places)}I", len(places), *places))
        return self._leaf_of(self._leaf, below, names)

    def _leaf_of(self, mark: bytes, below: list[int], names: list[str]) -> int:
        if mark == b"li":
            return self.cell(b"li" + struct.pack(f"<H{len(below)}I", len(below), *below))
        hint = _hash if mark == b"lh" else _hint
        elements = b"".join(struct.pack("<II", at, hint(name)) for at, name in zip(below, names, strict=True))
        return self.cell(mark + struct.pack("<H", len(below)) + elements)

    def _value(self, name: str, kind: int, data: bytes) -> int:
        raw, compressed = _name(name)
        if len(data) <= 4:
            size, place = len(data) | 0x80000000, int.from_bytes(data.ljust(4, b"\0"), "little")
        elif len(data) > _BIG_DATA_FROM:
            pieces = [data[at : at + _BIG_DATA_FROM] for at in range(0, len(data), _BIG_DATA_FROM)]
            table = self.cell(struct.pack(f"<{len(pieces)}I", *[self.cell(piece + bytes(4)) for piece in pieces]))
            size, place = len(data), self.cell(b"db" + struct.pack("<HI", len(pieces), table))
        else:
            size, place = len(data), self.cell(data)
        head = struct.pack("<2sHIIIHH", b"vk", len(raw), size, place, kind, int(compressed), 0)
        return self.cell(head + raw)


def _name(name: str) -> tuple[bytes, bool]:
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


def _hint(name: str) -> int:
    return int.from_bytes(name[:4].encode("latin-1", "replace").ljust(4, b"\0"), "little")


def _hash(name: str) -> int:
    total = 0
    for letter in name.upper():
        total = (total * 37 + ord(letter)) & 0xFFFFFFFF
    return total
