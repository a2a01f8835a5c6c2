"""Registry exports (.reg): "Windows Registry Editor Version 5.00" and REGEDIT4, read by lines.

Form: https://support.microsoft.com/kb/310516. Values are read of the keys that are asked for only, so that an export of
a whole hive costs one pass and no memory.

Survives: any encoding, lines of any length, a file that ends anywhere, values that are none. Damage becomes problems,
the first ones each, the others as a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from parsers.problems import Problem, ProblemKind
from parsers.registry.values import DATA_MAX, REG_BINARY, REG_DWORD, REG_SZ, RegistryValue, value_text
from parsers.textlines import text_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.textlines import Line

HEADER_5: Final = "Windows Registry Editor Version 5.00"
HEADER_4: Final = "REGEDIT4"

_KEY: Final = re.compile(r"\[(-?)(.{1,16000})\]\s*\Z", re.DOTALL)
_NAME: Final = re.compile(r'(?:@|"((?:[^"\\]|\\.){0,16384})")\s*=\s*', re.DOTALL)
_HEX: Final = re.compile(r"hex(?:\(([0-9a-fA-F]{1,8})\))?:", re.IGNORECASE)
_DWORD: Final = re.compile(r"dword:([0-9a-fA-F]{1,8})\s*\Z", re.IGNORECASE)
_STRING_END: Final = re.compile(r'(?:[^"\\]|\\.)*+"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_HEX_DATA: Final = frozenset("0123456789abcdefABCDEF, \t")
_LINES_MAX: Final = 100_000  # of one value
_PROBLEMS_KEPT: Final = 20


class NotARegistryExportError(ValueError):
    """The text does not begin as a registry export does."""


@dataclass(slots=True)
class ExportAccount:
    """What reading found beside the values; complete when they are used up.

    Attributes:
        version: 4 or 5.
        keys, values: that were there, whether asked for or not; of values those of keys that were asked for.
        deletions: keys and values that the file takes away: no export has any, a script does.
        problems: damage.
    """

    version: int = 0
    keys: int = 0
    values: int = 0
    deletions: int = 0
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    def lost(self, offset: int, length: int, detail: str, kind: ProblemKind = ProblemKind.BAD_RECORD) -> None:
        """Note damage; of very much only the number."""
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(Problem(kind, offset, length, detail))
        else:
            self.more += 1


class _Entry(NamedTuple):
    """A logical line: continued lines joined, offset and size of all of them.

    `whole`: it did not end in the middle; `passed`: a line that looks like a key's was taken for a part of it; `last`:
    the file ends behind it without a line's end, so that it may have gone on.
    """

    text: str
    offset: int
    size: int
    whole: bool
    passed: bool = False
    last: bool = False


def read_export(stream: BinaryIO, wanted: Callable[[str], bool], account: ExportAccount) -> Iterator[RegistryValue]:
    """The values of the keys that `wanted` says yes to (it is asked with the key's path), in the file's order.

    A wanted key gives a record of its own before its values. What the file deletes gives none.

    Raises:
        NotARegistryExportError: it does not begin with a header.
        OSError: the stream's own.
    """
    lines = _Lines(text_lines(stream))
    account.version = _version(lines.heading())
    if not account.version:
        raise NotARegistryExportError("it does not begin as a registry export does")
    key: str | None = None
    while (entry := lines.entry(reading=key is not None)) is not None:
        text = entry.text
        found = _KEY.match(text) if text.startswith("[") else None
        if found is not None:
            account.keys += 1
            account.deletions += bool(found[1])
            path = found[2].rstrip("\\")
            key = path if not found[1] and wanted(path) else None
            if key is not None:
                yield RegistryValue(key, None, None, None, b"")
        elif text.startswith("["):
            key = None
            account.lost(entry.offset, entry.size, "a key's line that does not end")
        elif key is not None:
            value = _value(key, entry, account)
            if value is not None:
                account.values += 1
                yield value
            elif entry.passed:
                key = None  # whose the next values are is not known
    if account.more:
        detail = f"{account.more:,} more lines that could not be read"
        account.problems.append(Problem(ProblemKind.BAD_RECORD, 0, 0, detail))


def _version(line: str) -> int:
    text = line.strip()
    return 5 if text.startswith(HEADER_5) else 4 if text.startswith(HEADER_4) else 0


class _Lines:
    """Logical lines, one at a time; a line that turns out to belong to no value is given back."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._back: Line | None = None

    def heading(self) -> str:
        """The first line that is not blank."""
        return next((line.text for line in self._lines if line.text.strip()), "")

    def entry(self, *, reading: bool) -> _Entry | None:
        """The next one that is neither blank nor a comment; unless `reading`, the next key's."""
        while (line := self._next()) is not None:
            text = line.text.lstrip()
            if not text.strip() or text.startswith(";"):
                continue
            if text.startswith("["):
                return _Entry(text.rstrip(), line.offset, line.size, not line.cut)
            if reading:
                return self._joined(line, text)
            # A string can have line feeds, and what looks like a key's line behind one.
            if text.startswith(('"', "@")) and not text.endswith('"') and _begins_string(text):
                self._joined(line, text)
        return None

    def _next(self) -> Line | None:
        line, self._back = self._back, None
        return line if line is not None else next(self._lines, None)

    def _joined(self, line: Line, text: str) -> _Entry:
        """One value with the lines that continue it: behind a backslash, or within a string that has line feeds."""
        parts, length, size, whole, passed = [text], len(text), line.size, not line.cut, False
        last = not line.ended
        string = _begins_string(text)
        open_ = _STRING_END.match(text, string) is None if string else text.rstrip().endswith("\\")
        while open_ and whole:
            more = self._next()
            if more is None or len(parts) >= _LINES_MAX or length > 4 * DATA_MAX:
                whole = False
                break
            if string:
                parts.append("\n" + more.text)
                passed = passed or more.text.startswith("[")
                open_ = _STRING_END.match(parts[-1]) is None
            elif more.text.startswith("["):
                self._back, whole = more, False
                break
            else:
                parts[-1] = parts[-1].rstrip().removesuffix("\\")
                parts.append(more.text.strip())
                open_ = parts[-1].endswith("\\")
            length += len(parts[-1])
            size += more.size
            whole, last = whole and not more.cut, not more.ended
        return _Entry("".join(parts), line.offset, size, whole, passed, last)


def _begins_string(text: str) -> int:
    """Where the string of a value begins, behind its quotation mark; 0 for other values."""
    found = _NAME.match(text)
    return found.end() + 1 if found is not None and text[found.end() : found.end() + 1] == '"' else 0


def _value(key: str, entry: _Entry, account: ExportAccount) -> RegistryValue | None:
    """The value of a logical line; None where it is none, or takes one away."""
    found = _NAME.match(entry.text)
    if found is None:
        account.lost(entry.offset, entry.size, "a line that is no value")
        return None
    name = "" if found[1] is None else _ESCAPED.sub(r"\1", found[1])
    rest = entry.text[found.end() :].strip()
    if rest == "-":
        account.deletions += 1
        return None
    if not entry.whole or (entry.last and not _ends(rest)):
        account.lost(entry.offset, entry.size, "a value that does not end", ProblemKind.TRUNCATED)
        return None
    number, data = _typed(rest)
    if number is None:
        account.lost(entry.offset, entry.size, "a value whose data cannot be read")
        return None
    if isinstance(data, str):
        return RegistryValue(key, name, number, data, data.encode("utf-16-le", "surrogatepass") + b"\0\0")
    return RegistryValue(key, name, number, value_text(number, data, ansi=account.version == 4), data)


def _ends(rest: str) -> bool:
    """Whether what stands behind the equals sign of a file's last line cannot have gone on: no digit of it is cut."""
    digits = _DWORD.match(rest)
    if digits is not None:
        return len(digits[1]) == 8
    return rest.endswith('"') or rest.replace(" ", "").endswith("00,00")


def _typed(rest: str) -> tuple[int | None, bytes | str]:
    """Type and data of what stands behind the equals sign; no type where it cannot be read."""
    if rest.startswith('"'):
        end = _STRING_END.match(rest, 1)
        if end is None or rest[end.end() :].strip():
            return None, b""
        return REG_SZ, _ESCAPED.sub(r"\1", rest[1 : end.end() - 1])
    dword = _DWORD.match(rest)
    if dword is not None:
        return REG_DWORD, int(dword[1], 16).to_bytes(4, "little")
    hexes = _HEX.match(rest)
    if hexes is None:
        return None, b""
    digits = rest[hexes.end() :].strip()
    if len(digits) > 4 * DATA_MAX or not _HEX_DATA.issuperset(digits):
        return None, b""
    parts = [part for part in map(str.strip, digits.split(",")) if part]
    if any(len(part) > 2 for part in parts):
        return None, b""
    return (REG_BINARY if hexes[1] is None else int(hexes[1], 16)), bytes(int(part, 16) for part in parts)
