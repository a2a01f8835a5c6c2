"""A stream of a table cut into rows: a row begins with its columns, and ends with its description.

A description in quotes may hold line breaks and anything that looks like a row. A quote that is not closed where
nothing but the end of the line follows is damage: the row then ends where the next one begins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsers.exports.framing import MAX_EVENT, READ_SIZE, Frame, Span
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from parsers.exports.encoding import Encoding
    from parsers.exports.layouts import Layout

# The longest start of a row: all of its columns.
_AHEAD = 16_384
_QUOTED = re.compile(rb'"(?:[^"]++|"")*+"(?=[ \t]*(?:[\r\n]|\Z))')
_LINE_END = re.compile(rb"[\r\n]+|\Z")
_NOTHING = b" \t\r\n\x00\x1a"  # a table may end with the end mark of DOS


class RowFramer:
    """Cuts a stream into frames of rows.

    Attributes:
        problems: damage between rows; complete when `frames` is used up.
    """

    def __init__(self, stream: BinaryIO, layout: Layout, encoding: Encoding) -> None:
        """Prepare for a seekable stream."""
        self.problems: list[Problem] = []
        self._stream = stream
        self._start = layout.header * encoding.width
        self._row = layout.row_of_bytes()
        self._encoding = encoding
        self._raw = b""
        self._view = b""
        self._base = self._start

    def frames(self) -> Iterator[Frame]:
        """Yield the stream's rows in their order, many in one frame. Holds a few MiB, however long the stream is.

        Raises:
            OSError: the stream cannot be read on.
        """
        self._stream.seek(self._start)
        more = True
        while more:
            data = self._stream.read(READ_SIZE)
            more = bool(data)
            self._raw += data
            self._view = self._encoding.view(self._raw)
            spans, end = self._cut(last=not more)
            width = self._encoding.width
            if spans:
                yield Frame(self._base, self._raw[: end * width], spans)
            self._raw = self._raw[end * width :]
            self._base += end * width

    def _cut(self, *, last: bool) -> tuple[list[Span], int]:
        """The rows that are wholly in the buffer, and where the first begins that is not."""
        view, width, at = self._view, self._encoding.width, 0
        limit = len(view) if last else max(0, len(view) - _AHEAD)
        spans: list[Span] = []
        while at < limit:
            found = self._row.search(view, at)
            if found is None or found.start() >= limit:
                stop = len(view) if last else self._line_before(at, limit)
                self._between(at, stop)
                return spans, stop
            if found.start() > at:
                self._between(at, found.start())
            start = found.start()
            end, cut = self._end(found, last=last)
            if end is None:
                if last or len(view) - start <= MAX_EVENT:
                    return spans, start
                # No row has a megabyte: it ends with its line, and what follows is looked at by itself.
                end, cut = self._line_end(found.end()), True
            spans.append(Span(start * width, end * width, cut))
            at = end
        return spans, at

    def _end(self, found: re.Match[bytes], *, last: bool) -> tuple[int | None, bool]:
        """Where a row ends, and whether its end is missing; None where that is not in the buffer yet."""
        view = self._view
        after = found.end()
        cut = False
        if view[after : after + 1] == b'"':
            quoted = _QUOTED.match(view, after)
            if quoted is not None and (last or quoted.end() < len(view) - 2):
                return self._line_end(quoted.end()), False
            if quoted is not None or (not last and len(view) - found.start() <= MAX_EVENT and not self._broken(after)):
                return None, False
            cut = True
        following = self._row.search(view, self._line_end(after))
        if following is None and not last:
            return None, False
        end = following.start() if following is not None else len(view)
        # Quotes within the description that were not doubled: where it ends is clear all the same.
        closed = view[after:end].rstrip(_NOTHING)
        return end, cut and (len(closed) < 2 or not closed.endswith(b'"'))

    def _broken(self, quote: int) -> bool:
        """Whether the quotes behind `quote` show already that it is not closed as it should be."""
        closing = re.compile(rb'"(?:[^"]++|"")*+"').match(self._view, quote)
        return closing is not None and closing.end() < len(self._view) - 2

    def _line_end(self, at: int) -> int:
        found = _LINE_END.search(self._view, at)
        return found.end() if found else len(self._view)

    def _line_before(self, at: int, limit: int) -> int:
        """The start of the last line that begins before `limit`: what it holds may be the start of a row."""
        line = self._view.rfind(b"\n", at, limit) + 1
        # A line longer than all columns can be is no row; keeping it would fill the memory.
        return limit if line <= at and limit - at >= _AHEAD else max(at, line)

    def _between(self, start: int, end: int) -> None:
        if self._view[start:end].strip(_NOTHING):
            width = self._encoding.width
            detail = "what stands here is no row of the table"
            self.problems.append(
                Problem(ProblemKind.LOST_RANGE, self._base + start * width, (end - start) * width, detail)
            )
