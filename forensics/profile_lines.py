"""Where in a TOML text each table and key stands, which `tomllib` does not tell."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Path: TypeAlias = "tuple[str | int, ...]"

_BLANK: Final = re.compile(r"(?:[\s\ufeff]+|#[^\n]*)+")
# One part of a dotted key: bare, or quoted in either way. https://toml.io/en/v1.0.0#keys
_KEY_PART: Final = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([^\s.=\]'"]+))[ \t]*""")
# What a value is made of as far as it matters where it ends: strings, comments, brackets, line ends, anything else.
_VALUE_PART: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n|[^"\'#\[\]{}\n]+|.',
    re.DOTALL,
)


class Lines:
    """Line numbers of a text that is valid TOML; of any other text some numbers are missing, and nothing is raised.

    Keys within an inline table or array have the line of the key that holds it.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._text = text
        self._line, self._counted_to = 1, 0
        self._scan()

    def of(self, *path: str | int) -> int | None:
        """The line of what `path` names, such as ("events", 2, "mark"), else of what holds it; None: not there."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return None

    def _scan(self) -> None:
        text, place = self._text, 0
        table: Path = ()
        while place < len(text):
            blank = _BLANK.match(text, place)
            if blank is not None:
                place = blank.end()
            elif text[place] == "[":
                line = self._line_at(place)
                array = text.startswith("[[", place)
                parts, place = self._key(place + (2 if array else 1))
                table = self._header(parts, line, array=array)
                place = self._end_of_line(place)
            else:
                line = self._line_at(place)
                parts, place = self._key(place)
                path = table
                for part in parts:
                    path = (*path, part)
                    self._lines.setdefault(path, line)
                place = self._end_of_value(place)

    def _header(self, parts: list[str], line: int, *, array: bool) -> Path:
        path: Path = ()
        for number, part in enumerate(parts, 1):
            path = (*path, part)
            if array and number == len(parts):
                self._counts[path] = self._counts.get(path, -1) + 1
            self._lines.setdefault(path, line)
            if path in self._counts:
                path = (*path, self._counts[path])
                self._lines.setdefault(path, line)
        return path

    def _key(self, place: int) -> tuple[list[str], int]:
        parts: list[str] = []
        while (match := _KEY_PART.match(self._text, place)) is not None:
            parts.append(match[1] or match[2] or match[3] or "")
            place = match.end()
            if not self._text.startswith(".", place):
                break
            place += 1
        return parts, place

    def _end_of_line(self, place: int) -> int:
        end = self._text.find("\n", place)
        return len(self._text) if end < 0 else end

    def _end_of_value(self, place: int) -> int:
        depth = 0
        while (match := _VALUE_PART.match(self._text, place)) is not None:
            part = match[0]
            if part in {"[", "{"}:
                depth += 1
            elif part in {"]", "}"}:
                depth -= 1
            elif part == "\n" and depth <= 0:
                break
            place = match.end()
        return max(place, 1)

    def _line_at(self, place: int) -> int:
        self._line += self._text.count("\n", self._counted_to, place)
        self._counted_to = place
        return self._line
