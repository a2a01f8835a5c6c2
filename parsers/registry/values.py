"""One value of the registry, in the one shape that hives and exports share.

Types: https://learn.microsoft.com/windows/win32/sysinfo/registry-value-types
"""

from __future__ import annotations

from typing import Final, NamedTuple

TYPE_NAMES: Final = {
    0: "REG_NONE",
    1: "REG_SZ",
    2: "REG_EXPAND_SZ",
    3: "REG_BINARY",
    4: "REG_DWORD",
    5: "REG_DWORD_BIG_ENDIAN",
    6: "REG_LINK",
    7: "REG_MULTI_SZ",
    8: "REG_RESOURCE_LIST",
    9: "REG_FULL_RESOURCE_DESCRIPTOR",
    10: "REG_RESOURCE_REQUIREMENTS_LIST",
    11: "REG_QWORD",
}
REG_SZ: Final = 1
REG_BINARY: Final = 3
REG_DWORD: Final = 4
REG_MULTI_SZ: Final = 7
_TEXTS: Final = frozenset({1, 2, 6})
_NUMBERS: Final = {4: ("little", 4), 5: ("big", 4), 11: ("little", 8)}

DATA_MAX: Final = 1 << 20
"""Bytes of one value that are read."""


class RegistryValue(NamedTuple):
    r"""One value, or a key without any.

    Attributes:
        key: of an export from the root on (`HKEY_LOCAL_MACHINE\...`), of a hive below its own root ("" for the root).
        name: "" for the default value; None: this is no value, it says that the key is there.
        type: number of the type; None where there is no value.
        value: as text: strings without their final zero, those of a list with line feeds between, numbers in decimal;
            None for other types, and for data that is not what its type says.
        data: the bytes.
        key_written: FILETIME of the last change of the key; None where that is not kept (exports).
    """

    key: str
    name: str | None
    type: int | None
    value: str | None
    data: bytes
    key_written: int | None = None


def type_name(number: int) -> str:
    """A type as it is called; `REG_0x...` for one that has no name."""
    return TYPE_NAMES.get(number, f"REG_0x{number & 0xFFFFFFFF:08X}")


def value_text(number: int, data: bytes, *, ansi: bool = False) -> str | None:
    """The data as text, as `RegistryValue.value` has it. `ansi`: strings have one byte a character (REGEDIT4)."""
    if number in _TEXTS:
        return _characters(data, ansi=ansi).partition("\0")[0]
    if number == REG_MULTI_SZ:
        return "\n".join(_characters(data, ansi=ansi).rstrip("\0").split("\0"))
    if number in _NUMBERS:
        order, size = _NUMBERS[number]
        if len(data) == size:
            return str(int.from_bytes(data, "big" if order == "big" else "little"))
    return None


def _characters(data: bytes, *, ansi: bool) -> str:
    if ansi:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")
    whole = data[: len(data) & ~1]
    try:
        return whole.decode("utf-16-le")
    except UnicodeDecodeError:
        return whole.decode("utf-16-le", "replace")
