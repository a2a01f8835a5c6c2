"""Registry hives, read key by key from a stream: only what is asked for, whatever the hive's size.

regipy's own walk wants the whole hive in memory and trusts its offsets and counts; here every cell is checked against
the file before its declarations (`structs`) read it, and reading has a budget: a hive whose lists point back at
themselves, or to one key a million times, ends at the budget and not never.

Survives: a hive that was in use (its transaction log is not applied, and the account says so), one that is cut, cells,
lists and keys that are none: what they would have held is lost, and named.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from construct import ConstructError

from parsers.problems import Problem, ProblemKind
from parsers.registry import structs
from parsers.registry.values import DATA_MAX, RegistryValue, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS_MAX: Final = 400_000
"""Cells that are read of one hive; the keys that matter are a few hundred."""
DEPTH_MAX: Final = 64
_CELL_MAX: Final = 4 << 20
_PROBLEMS_KEPT: Final = 20
_NAME_MAX: Final = 1024


class NotAHiveError(ValueError):
    """There is no hive header, or no root key behind it."""


class _BadCellError(Exception):
    """A cell that cannot be read; what was asked for is lost."""

    def __init__(self, kind: ProblemKind, offset: int, length: int, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(kind, offset, length, detail)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a hive.

    Attributes:
        name: its own name.
        path: below the hive's root; "" for the root.
        written: FILETIME of the last change; None for zero.
        subkeys, values: counts as the hive claims them.
        lists: offsets of the list of subkeys, and of that of values.
    """

    name: str
    path: str
    written: int | None
    subkeys: int
    values: int
    lists: tuple[int, int]


@dataclass(slots=True)
class _Budget:
    cells: int = CELLS_MAX
    told: bool = False


@dataclass(slots=True)
class Hive:
    """A hive, opened by `open_hive`.

    Attributes:
        root: its root key.
        file_name: the end of the path that it had, as its header keeps it; "" where there is none.
        written: FILETIME of the header's last write.
        dirty: it was in use when it was copied: what its transaction log holds is missing.
        problems: damage met so far, the first ones each.
    """

    root: Key
    file_name: str
    written: int | None
    dirty: bool
    _stream: BinaryIO
    _size: int
    problems: list[Problem] = field(default_factory=list)
    _budget: _Budget = field(default_factory=_Budget)

    def subkeys(self, key: Key) -> Iterator[Key]:
        """The subkeys of a key, in the hive's order, those left out that cannot be read."""
        if not key.subkeys or key.lists[0] == structs.NO_OFFSET or key.path.count("\\") >= DEPTH_MAX:
            return
        for offset in self._offsets(key.lists[0], frozenset()):
            try:
                yield self._key(offset, key.path or None)
            except _BadCellError as error:
                self._lost(error.problem)
                if self._budget.told:
                    return

    def subkey(self, key: Key, name: str) -> Key | None:
        """The subkey of that name, without case; None where there is none."""
        wanted = name.casefold()
        return next((one for one in self.subkeys(key) if one.name.casefold() == wanted), None)

    def find(self, path: str, start: Key | None = None) -> Key | None:
        """The key of that path below `start`, the root without one; None where there is none."""
        key: Key | None = self.root if start is None else start
        for name in filter(None, path.split("\\")):
            key = self.subkey(key, name) if key is not None else None
        return key

    def values(self, key: Key) -> Iterator[RegistryValue]:
        """The values of a key, those left out that cannot be read."""
        if not key.values or key.lists[1] == structs.NO_OFFSET:
            return
        try:
            raw, at = self._cell(key.lists[1])
        except _BadCellError as error:
            self._lost(error.problem)
            return
        count = min(key.values, len(raw) // 4)
        if count < key.values:
            detail = f"the list of values holds {count} of {key.values}"
            self._lost(Problem(ProblemKind.BAD_RECORD, at, len(raw), detail))
        for (offset,) in struct.iter_unpack("<I", raw[: 4 * count]):
            try:
                yield self._value(offset, key)
            except _BadCellError as error:
                self._lost(error.problem)
                if self._budget.told:
                    return

    # --- cells --------------------------------------------------------------------------------------------------------

    def _cell(self, offset: int) -> tuple[bytes, int]:
        """What a cell holds, and where in the file that begins.

        Raises:
            _BadCellError: no cell is there, or the budget is used up.
        """
        at = structs.REGF_HEADER_SIZE + offset
        if self._budget.cells <= 0:
            self._budget.told = True
            detail = f"more than {CELLS_MAX:,} cells were asked for; the rest was not read"
            raise _BadCellError(ProblemKind.LIMIT, at, 0, detail)
        self._budget.cells -= 1
        if at + 8 > self._size:
            raise _BadCellError(ProblemKind.TRUNCATED, min(at, self._size), 0, "a cell lies behind the end of the file")
        self._stream.seek(at)
        size = -int.from_bytes(self._stream.read(4), "little", signed=True)
        if size < 8:  # a cell that is not in use has a positive size
            raise _BadCellError(ProblemKind.BAD_RECORD, at, 4, "no cell in use is where one should be")
        if size > _CELL_MAX:
            raise _BadCellError(ProblemKind.LIMIT, at, size, f"a cell of {size:,} bytes was not read")
        if at + size > self._size:
            raise _BadCellError(ProblemKind.TRUNCATED, at, self._size - at, "a cell goes on behind the end of the file")
        raw = self._stream.read(size - 4)
        if len(raw) != size - 4:
            raise _BadCellError(ProblemKind.TRUNCATED, at, len(raw), "the file is shorter than it was")
        return raw, at + 4

    def _offsets(self, offset: int, above: frozenset[int]) -> Iterator[int]:
        """The key nodes of a list of subkeys, and of the lists in it."""
        try:
            raw, at = self._cell(offset)
        except _BadCellError as error:
            self._lost(error.problem)
            return
        mark, claimed = raw[:2], int.from_bytes(raw[2:4], "little")
        width = 4 if mark == structs.INDEX_ROOT else structs.LISTS.get(mark, 0)
        if not width or (mark == structs.INDEX_ROOT and (offset in above or len(above) > 2)):
            self._lost(Problem(ProblemKind.BAD_RECORD, at, len(raw), "no list of subkeys is where one should be"))
            return
        count = min(claimed, (len(raw) - 4) // width)
        if count < claimed:
            detail = f"the list of subkeys holds {count} of {claimed}"
            self._lost(Problem(ProblemKind.BAD_RECORD, at, len(raw), detail))
        for element in range(count):
            place = 4 + element * width
            found = int.from_bytes(raw[place : place + 4], "little")
            if mark == structs.INDEX_ROOT:
                yield from self._offsets(found, above | {offset})
            else:
                yield found

    def _key(self, offset: int, parent: str | None, *, root: bool = False) -> Key:
        raw, at = self._cell(offset)
        if raw[:2] != structs.KEY_NODE or len(raw) < structs.KEY_NODE_FIXED:
            raise _BadCellError(ProblemKind.BAD_RECORD, at, len(raw), "no key is where one should be")
        node = _parsed(structs.CM_KEY_NODE, raw[2:], at)
        name = _name(node.key_name_string, compressed=bool(node.flags.KEY_COMP_NAME))
        path = "" if root else name if parent is None else f"{parent}\\{name}"
        return Key(
            name,
            path,
            node.last_modified or None,
            node.subkey_count,
            node.values_count,
            (node.subkeys_list_offset, node.values_list_offset),
        )

    def _value(self, offset: int, key: Key) -> RegistryValue:
        raw, at = self._cell(offset)
        if raw[:2] != structs.KEY_VALUE or len(raw) < structs.KEY_VALUE_FIXED:
            raise _BadCellError(ProblemKind.BAD_RECORD, at, len(raw), "no value is where one should be")
        node = _parsed(structs.VALUE_KEY, raw, at)
        name = _name(node.name, compressed=bool(node.flags.VALUE_COMP_NAME))
        number, size = int(node.data_type), node.data_size
        if size & structs.INLINE:
            data = node.data_offset.to_bytes(4, "little")[: min(size & ~structs.INLINE, 4)]
        elif not size:
            data = b""
        else:
            data = self._data(node.data_offset, size, at)
        return RegistryValue(key.path, name, number, value_text(number, data), data, key.written)

    def _data(self, offset: int, size: int, at: int) -> bytes:
        if size > DATA_MAX:
            raise _BadCellError(ProblemKind.LIMIT, at, size, f"a value of {size:,} bytes was not read")
        raw, place = self._cell(offset)
        if size > structs.BIG_DATA_FROM and raw[:2] == structs.BIG_DATA:
            block = _parsed(structs.BIG_DATA_BLOCK, raw, place)
            table, _ = self._cell(block.offset_to_list_of_segments)
            count = min(block.number_of_segments, -(-size // structs.BIG_DATA_FROM), len(table) // 4)
            pieces = (self._cell(one)[0] for (one,) in struct.iter_unpack("<I", table[: 4 * count]))
            raw = b"".join(piece[: structs.BIG_DATA_FROM] for piece in pieces)
        if len(raw) < size:
            raise _BadCellError(ProblemKind.BAD_RECORD, place, len(raw), "the data of a value are shorter than it says")
        return raw[:size]

    def _lost(self, problem: Problem) -> None:
        room = len(self.problems) < _PROBLEMS_KEPT or problem.kind is ProblemKind.LIMIT
        if room and problem not in self.problems:
            self.problems.append(problem)


def open_hive(stream: BinaryIO) -> Hive:
    """Open a hive; reads its header and its root key.

    Raises:
        NotAHiveError: there is none.
        OSError: the stream's own.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(structs.REGF_HEADER_SIZE)
    if head[:4] != structs.SIGNATURE or len(head) < structs.CHECKSUM_AT + 4:
        raise NotAHiveError("it has no header of a registry hive")
    try:
        # The name may be any bytes; the declaration takes valid text only.
        header = structs.REGF_HEADER.parse(head[:48] + bytes(64) + head[112 : structs.REGF_HEADER_SIZE])
    except (ConstructError, ValueError) as error:
        raise NotAHiveError("its header cannot be read") from error
    name = head[48:112].decode("utf-16-le", "replace").partition("\0")[0]
    dirty = header.primary_sequence_num != header.secondary_sequence_num
    nothing = Key("", "", None, 0, 0, (structs.NO_OFFSET, structs.NO_OFFSET))
    hive = Hive(nothing, name, header.last_modification_time or None, dirty, stream, size)
    if dirty:
        detail = "the hive was in use when it was copied; what its transaction log holds is not in it"
        hive.problems.append(Problem(ProblemKind.STALE_HEADER, 4, 8, detail))
    if _checksum(head) != header.checksum:
        hive.problems.append(
            Problem(ProblemKind.BAD_CHECKSUM, structs.CHECKSUM_AT, 4, "the header's checksum is wrong")
        )
    if structs.REGF_HEADER_SIZE + header.hive_bins_data_size > size:
        lacking = structs.REGF_HEADER_SIZE + header.hive_bins_data_size - size
        hive.problems.append(Problem(ProblemKind.TRUNCATED, size, lacking, f"{lacking:,} bytes are missing at its end"))
    for offset in dict.fromkeys((header.root_key_offset, structs.ROOT_CELL)):
        try:
            hive.root = hive._key(offset, None, root=True)  # noqa: SLF001  (its own module)
        except _BadCellError as error:
            hive._lost(error.problem)  # noqa: SLF001
        else:
            return hive
    raise NotAHiveError("it has no root key")


def _parsed(declaration: Any, raw: bytes, at: int) -> Any:
    try:
        return declaration.parse(raw)
    except (ConstructError, ValueError, OverflowError) as error:
        detail = f"a cell cannot be read ({type(error).__name__})"
        raise _BadCellError(ProblemKind.BAD_RECORD, at, len(raw), detail) from error


def _name(raw: bytes, *, compressed: bool) -> str:
    """A name; compressed ones have one byte a character, in Latin-1."""
    text = raw[:_NAME_MAX].decode("latin-1") if compressed else raw[: _NAME_MAX & ~1].decode("utf-16-le", "replace")
    return text.partition("\0")[0] if compressed else text


def _checksum(head: bytes) -> int:
    total = 0
    for (word,) in struct.iter_unpack("<I", head[: structs.CHECKSUM_AT]):
        total ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total)
