"""A Windows program or library read for the texts of its message tables. Nothing of it is ever run."""

from __future__ import annotations

import codecs
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import pefile

from parsers.messages import structs
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

# A program is read into memory; those with messages are a few megabytes at most.
MAX_FILE: Final = 64 << 20
# The largest tables of Windows itself have some ten thousand.
MAX_TEXTS: Final = 1 << 18
# Behind so much damage there is no message table.
MAX_PROBLEMS: Final = 100
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
    it is the one that Windows finds.

    Attributes:
        problems: what is damaged; complete when `texts` is used up.
        tables: number of message tables that the file names; 0 for a program without messages.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.problems: list[Problem] = []
        self._data = stream.read(MAX_FILE + 1)
        self._tables: list[_Table] = []
        self._entries = 0  # of directories, read so far
        self._left = len(self._data)  # bytes for texts: no honest file uses one for two
        if len(self._data) > MAX_FILE:
            self._note(ProblemKind.LIMIT, 0, 0, f"larger than the {MAX_FILE} bytes up to which message files are read")
            self._data = b""
        else:
            self._find_tables()
        self.tables = len(self._tables)

    def texts(self) -> Iterator[MessageText]:
        """The texts, table by table: first those of the name that Windows looks up (1), by language."""
        seen: set[tuple[int, int]] = set()
        for table in sorted(self._tables, key=lambda table: (table.name != 1, table.name, table.language)):
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
        try:
            # `fast_load` reads headers and sections only. pefile's own walk would read every resource, each string
            # of them, before it came to ours.
            program = pefile.PE(data=self._data, fast_load=True)
            directories = program.OPTIONAL_HEADER.DATA_DIRECTORY
            if len(directories) <= structs.IMAGE_DIRECTORY_ENTRY_RESOURCE:
                return
            rva = directories[structs.IMAGE_DIRECTORY_ENTRY_RESOURCE].VirtualAddress
            if rva:
                self._walk(program, program.get_offset_from_rva(rva))
        except Exception as error:  # noqa: BLE001  # a hostile header makes pefile raise whatever its parts raise
            reason = error.value if isinstance(error, pefile.PEFormatError) else type(error).__name__
            self._note(ProblemKind.BAD_HEADER, 0, len(self._data), f"no program that can be read: {reason!r}")

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
        if not offset & structs.IMAGE_RESOURCE_DATA_IS_DIRECTORY or at + _DIRECTORY.size > len(self._data):
            self._note(ProblemKind.BAD_HEADER, root, 0, "a resource directory lies outside of the file")
            return []
        count = sum(_DIRECTORY.unpack_from(self._data, at))
        self._entries += count
        if self._entries > MAX_ENTRIES:
            self._note(ProblemKind.LIMIT, at, 0, f"its directories of resources have more than {MAX_ENTRIES} entries")
            return []
        at += _DIRECTORY.size
        end = at + count * _DIRECTORY_ENTRY.size
        if end > len(self._data):
            self._note(ProblemKind.TRUNCATED, at, end - at, "a resource directory ends behind the file")
            end = at + (len(self._data) - at) // _DIRECTORY_ENTRY.size * _DIRECTORY_ENTRY.size
        return list(_DIRECTORY_ENTRY.iter_unpack(self._data[at:end]))

    def _leaf(self, program: pefile.PE, at: int, name: int, language: int) -> None:
        if at + _DATA_ENTRY.size > len(self._data):
            # Also where the high bit says that a directory comes, which has no place on this level.
            self._note(ProblemKind.BAD_HEADER, 0, 0, "the entry of a message table lies outside of the file")
            return
        rva, size, code_page = _DATA_ENTRY.unpack_from(self._data, at)
        try:
            offset = int(program.get_offset_from_rva(rva))
        except pefile.PEFormatError:
            offset = len(self._data)
        if not 0 <= offset < len(self._data):
            self._note(ProblemKind.LOST_RANGE, at, _DATA_ENTRY.size, "a message table lies outside of the file")
            return
        if size > len(self._data) - offset:
            self._note(ProblemKind.TRUNCATED, offset, size, "a message table ends behind the file")
            size = len(self._data) - offset
        self._tables.append(_Table(name, language & 0xFFFF, offset, size, code_page))

    # --- one table ----------------------------------------------------------------------------------------------------

    def _read(self, table: _Table) -> Iterator[MessageText]:
        unclear = 0
        for block in self._blocks(table):
            for message_id, code, text in self._block(table, *block):
                unclear += not code
                if text:
                    yield MessageText(message_id, table.language, text)
            if self._left < 0 or len(self.problems) >= MAX_PROBLEMS:
                detail = "texts lie over each other" if self._left < 0 else "too much damage"
                self._note(ProblemKind.LIMIT, table.offset, table.size, f"{detail}; the rest is not read")
                break
        if unclear:
            detail = f"{unclear} texts are in an encoding that is not as declared, or not known"
            self._note(ProblemKind.BAD_VALUE, table.offset, table.size, detail)

    def _block(
        self, table: _Table, block_at: int, low: int, high: int, offset: int
    ) -> Iterator[tuple[int, bool, str | None]]:
        """The texts of a block as (id, whether its encoding is clear, text)."""
        if low > high or offset >= table.size:
            self._note(ProblemKind.BAD_RECORD, block_at, _BLOCK.size, "a block of messages that cannot be")
            return
        at, end = table.offset + offset, table.offset + table.size
        for message_id in range(low, high + 1):
            entry = self._entry(at, end)
            if entry is None:
                detail = f"the texts from message 0x{message_id:x} on are not where their block says"
                self._note(ProblemKind.BAD_RECORD, at, max(0, end - at), detail)
                return
            length, flags = entry
            self._left -= length
            if self._left < 0:
                return
            text = _text(self._data[at + _ENTRY.size : at + length], flags, table.code_page)
            yield message_id, text is not None and "\N{REPLACEMENT CHARACTER}" not in text, text
            at += length

    def _blocks(self, table: _Table) -> Iterator[tuple[int, int, int, int]]:
        """The blocks as (their own offset, LowId, HighId, OffsetToEntries)."""
        start = table.offset + 4
        room = max(0, table.size - 4) // _BLOCK.size
        count = int.from_bytes(self._data[table.offset : start], "little")
        if count > room or table.size < 4:
            detail = f"a message table of {table.size} bytes claims {count} blocks"
            self._note(ProblemKind.BAD_HEADER, table.offset, 4, detail)
            count = room
        for at in range(start, start + count * _BLOCK.size, _BLOCK.size):
            yield at, *_BLOCK.unpack_from(self._data, at)

    def _entry(self, at: int, end: int) -> tuple[int, int] | None:
        """Length and flags of the entry at an offset; None where none can be."""
        if at + _ENTRY.size > end:
            return None
        length, flags = _ENTRY.unpack_from(self._data, at)
        return (length, flags) if length >= _ENTRY.size and at + length <= end else None

    def _note(self, kind: ProblemKind, offset: int, length: int, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, offset, length, detail))
        elif len(self.problems) == MAX_PROBLEMS:
            detail = "too much damage: no more of it is listed"
            self.problems.append(Problem(ProblemKind.LIMIT, 0, len(self._data), detail))


def _text(raw: bytes, flags: int, code_page: int) -> str | None:
    """The text of an entry up to its NUL; None where its flags name no encoding that is known."""
    if flags == structs.MESSAGE_RESOURCE_UNICODE:
        # Lone halves of surrogate pairs are kept: the case can store them. An odd last byte is half of nothing.
        text = raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")
    elif flags == structs.MESSAGE_RESOURCE_UTF8:
        text = raw.decode("utf-8", "replace")
    elif flags == 0:
        text = raw.decode(_codec(code_page), "replace")
    else:
        return None
    return text.partition("\0")[0]


def _codec(code_page: int) -> str:
    try:
        return codecs.lookup(f"cp{code_page}").name
    except LookupError:
        return _ANSI
