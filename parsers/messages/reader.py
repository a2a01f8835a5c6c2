"""A Windows program or library read for the texts of its message tables. Nothing of it is ever run."""

from __future__ import annotations

import codecs
import io
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import pefile

from parsers.messages import structs
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of a program the headers are read, and what holds its messages; the tables of Windows itself are below one megabyte.
MAX_TABLE: Final = 32 << 20
# The largest tables of Windows itself have some ten thousand.
MAX_TEXTS: Final = 1 << 18
# Behind so much damage there is no message table.
MAX_PROBLEMS: Final = 100
# Headers and section table lie in the first bytes; `kinds` looks no further for their beginning.
_HEAD = 512 << 10
# Of all resource directories together; a program with many icons has some hundred.
MAX_ENTRIES: Final = 1 << 14

_DIRECTORY = struct.Struct("<12xHH")  # the two counts of IMAGE_RESOURCE_DIRECTORY
_DIRECTORY_ENTRY = struct.Struct("<II")
_DATA_ENTRY = struct.Struct("<III4x")
_BLOCK = struct.Struct("<III")
_ENTRY = struct.Struct("<HH")
# https://learn.microsoft.com/windows/win32/intl/code-page-identifiers; a table without one has the system's: Western
# where nothing else is said.
_ANSI: Final = "cp1252"


class MessageText(NamedTuple):
    """One text of a message table.

    Attributes:
        message_id: 32 bits: severity, facility and code, as an event's qualifiers and id are together.
        language: LANGID, 0x409 for English (United States), 0 for neutral.
        text: as it stands there, escapes and the line break at its end included.
    """

    message_id: int
    language: int
    text: str


class _Table(NamedTuple):
    """Where a message table lies in the file, and how it says that its texts are written."""

    name: int
    language: int
    offset: int
    size: int
    code_page: int


class MessageFileReader:
    """Reads the message tables of a PE file.

    Survives headers that contradict the bytes, resource trees with loops and with directories outside of the file,
    blocks and entries that lie outside of their table or over each other, and odd or missing lengths; each is a
    problem, and what lies before and behind it is given. Of two texts with the same id and language the first is given:
    it is the one that Windows finds. OSError where the stream cannot be read.

    Attributes:
        problems: what is damaged; complete when `texts` is used up.
        tables: number of message tables that the file names; 0 for a program without messages.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.problems: list[Problem] = []
        self._stream = stream
        self._size = stream.seek(0, io.SEEK_END)
        self._tables: list[_Table] = []
        self._entries = 0  # of directories, read so far
        self._left = min(self._size, MAX_TABLE)  # bytes for texts: no honest file uses one for two
        self._find_tables()
        self.tables = len(self._tables)

    def texts(self) -> Iterator[MessageText]:
        """The texts, table by table, by name and language: Windows looks up the table of name 1."""
        seen: set[tuple[int, int]] = set()
        for table in sorted(self._tables, key=lambda table: (table.name, table.language)):
            for found in self._read(table):
                if (found.message_id, found.language) in seen:
                    continue
                if len(seen) >= MAX_TEXTS:
                    self._note(ProblemKind.LIMIT, table.offset, table.size, f"more than {MAX_TEXTS} texts")
                    return
                seen.add((found.message_id, found.language))
                yield found

    # --- the resource tree: type, name, language ----------------------------------------------------------------------

    def _find_tables(self) -> None:
        head = self._bytes(0, _HEAD)
        try:
            # `fast_load` reads headers and sections only. pefile's own walk would want the whole file in memory, and
            # read every resource, each string of them, before it came to ours.
            program = pefile.PE(data=head, fast_load=True)
            directories = program.OPTIONAL_HEADER.DATA_DIRECTORY
        except Exception as error:  # noqa: BLE001  # a hostile header makes pefile raise whatever its parts raise
            reason = error.value if isinstance(error, pefile.PEFormatError) else type(error).__name__
            self._note(ProblemKind.BAD_HEADER, 0, self._size, f"no program that can be read: {reason!r}")
            return
        if len(directories) <= structs.IMAGE_DIRECTORY_ENTRY_RESOURCE:
            return
        rva = directories[structs.IMAGE_DIRECTORY_ENTRY_RESOURCE].VirtualAddress
        if rva:
            root = self._offset(program, rva)
            if root is None:
                self._note(ProblemKind.LOST_RANGE, 0, 0, "its resources lie outside of the file")
            else:
                self._walk(program, root)

    def _offset(self, program: pefile.PE, rva: int) -> int | None:
        """Where in the file a byte of the loaded program is; None where it comes from no byte of the file."""
        for section in program.sections:
            inside = rva - section.VirtualAddress
            if 0 <= inside < section.SizeOfRawData:
                offset = int(section.get_offset_from_rva(rva))
                return offset if 0 <= offset < self._size else None
        return None

    def _walk(self, program: pefile.PE, root: int) -> None:
        # Three levels are read, so a loop among directories ends; each level can hold the next one many times over.
        for kind, names in self._directory(root, structs.IMAGE_RESOURCE_DATA_IS_DIRECTORY):
            if kind == structs.RT_MESSAGETABLE:
                for name, languages in self._directory(root, names):
                    for language, at in self._directory(root, languages):
                        self._leaf(program, root + at, name, language)

    def _directory(self, root: int, offset: int) -> list[tuple[int, int]]:
        """The entries of the directory at an offset as (name, offset)."""
        at = root + (offset & ~structs.IMAGE_RESOURCE_DATA_IS_DIRECTORY)
        if not offset & structs.IMAGE_RESOURCE_DATA_IS_DIRECTORY or at + _DIRECTORY.size > self._size:
            self._note(ProblemKind.BAD_HEADER, root, 0, "a resource directory lies outside of the file")
            return []
        count = sum(_DIRECTORY.unpack(self._bytes(at, _DIRECTORY.size)))
        self._entries += count
        if self._entries > MAX_ENTRIES:
            self._note(ProblemKind.LIMIT, at, 0, f"its directories of resources have more than {MAX_ENTRIES} entries")
            return []
        at += _DIRECTORY.size
        size = count * _DIRECTORY_ENTRY.size
        if at + size > self._size:
            self._note(ProblemKind.TRUNCATED, at, size, "a resource directory ends behind the file")
            size = (self._size - at) // _DIRECTORY_ENTRY.size * _DIRECTORY_ENTRY.size
        return list(_DIRECTORY_ENTRY.iter_unpack(self._bytes(at, size)))

    def _leaf(self, program: pefile.PE, at: int, name: int, language: int) -> None:
        if at + _DATA_ENTRY.size > self._size:
            # Also where the high bit says that a directory comes, which has no place on this level.
            self._note(ProblemKind.BAD_HEADER, 0, 0, "the entry of a message table lies outside of the file")
            return
        rva, size, code_page = _DATA_ENTRY.unpack(self._bytes(at, _DATA_ENTRY.size))
        offset = self._offset(program, rva)
        if offset is None:
            self._note(ProblemKind.LOST_RANGE, at, _DATA_ENTRY.size, "a message table lies outside of the file")
            return
        if size > self._size - offset:
            self._note(ProblemKind.TRUNCATED, offset, size, "a message table ends behind the file")
            size = self._size - offset
        if size > MAX_TABLE:
            self._note(ProblemKind.LIMIT, offset, size, f"of a message table the first {MAX_TABLE} bytes are read")
            size = MAX_TABLE
        self._tables.append(_Table(name, language & 0xFFFF, offset, size, code_page))

    # --- one table ----------------------------------------------------------------------------------------------------

    def _read(self, table: _Table) -> Iterator[MessageText]:
        raw = self._bytes(table.offset, table.size)
        unclear = 0
        for block in self._blocks(table, raw):
            for message_id, text, clear in self._block(table, raw, *block):
                unclear += not clear
                if text:
                    yield MessageText(message_id, table.language, text)
            if self._left < 0 or len(self.problems) >= MAX_PROBLEMS:
                detail = "texts lie over each other" if self._left < 0 else "too much damage"
                self._note(ProblemKind.LIMIT, table.offset, table.size, f"{detail}; the rest is not read")
                break
        if unclear:
            detail = f"{unclear} texts are in an encoding that is not as declared, or not known"
            self._note(ProblemKind.BAD_VALUE, table.offset, table.size, detail)

    def _blocks(self, table: _Table, raw: bytes) -> Iterator[tuple[int, int, int, int]]:
        """The blocks as (their own offset, LowId, HighId, OffsetToEntries), offsets from the start of the table."""
        room = max(0, len(raw) - 4) // _BLOCK.size
        count = int.from_bytes(raw[:4], "little")
        if count > room or len(raw) < 4:
            detail = f"a message table of {len(raw)} bytes claims {count} blocks"
            self._note(ProblemKind.BAD_HEADER, table.offset, 4, detail)
            count = room
        for at in range(4, 4 + count * _BLOCK.size, _BLOCK.size):
            yield at, *_BLOCK.unpack_from(raw, at)

    def _block(
        self, table: _Table, raw: bytes, block_at: int, low: int, high: int, at: int
    ) -> Iterator[tuple[int, str, bool]]:
        """The texts of a block as (id, text, whether all of it could be decoded)."""
        if low > high or at >= len(raw):
            self._note(ProblemKind.BAD_RECORD, table.offset + block_at, _BLOCK.size, "a block that cannot be")
            return
        for message_id in range(low, high + 1):
            length, flags = _ENTRY.unpack_from(raw, at) if at + _ENTRY.size <= len(raw) else (0, 0)
            if length < _ENTRY.size or at + length > len(raw):
                detail = f"the texts from message 0x{message_id:x} on are not where their block says"
                self._note(ProblemKind.BAD_RECORD, table.offset + at, len(raw) - at, detail)
                return
            self._left -= length
            if self._left < 0:
                return
            yield message_id, *_text(raw[at + _ENTRY.size : at + length], flags, table.code_page)
            at += length

    # --- bytes and problems -------------------------------------------------------------------------------------------

    def _bytes(self, offset: int, length: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(length)

    def _note(self, kind: ProblemKind, offset: int, length: int, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, offset, length, detail))
        elif len(self.problems) == MAX_PROBLEMS:
            detail = "too much damage: no more of it is listed"
            self.problems.append(Problem(ProblemKind.LIMIT, 0, self._size, detail))


def _text(raw: bytes, flags: int, code_page: int) -> tuple[str, bool]:
    """The text of an entry up to its NUL, and whether all of it could be decoded; "" in an encoding not known."""
    if flags == structs.MESSAGE_RESOURCE_UNICODE:
        # Lone halves of surrogate pairs are kept: the case can store them. An odd last byte is half of nothing.
        return raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass").partition("\0")[0], True
    if flags not in {0, structs.MESSAGE_RESOURCE_UTF8}:
        return "", False
    codec = _codec(code_page) if flags == 0 else "utf-8"
    raw = raw.partition(b"\0")[0]
    try:
        return raw.decode(codec), True
    except UnicodeDecodeError:
        return raw.decode(codec, "replace"), False


def _codec(code_page: int) -> str:
    try:
        return codecs.lookup(f"cp{code_page}").name
    except LookupError:
        return _ANSI
