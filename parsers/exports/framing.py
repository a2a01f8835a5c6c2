"""A stream of event XML cut into events: where each `<Event ...>` begins and ends, whatever stands around it.

Cutting looks at tags only, so that damage in one event costs that event and no other: an event that is not closed ends
where the next one begins.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from parsers.exports.encoding import Encoding

READ_SIZE = 512 << 10
# Characters. An event of the largest record, 64 KiB, has 160,000 at most, its rendered text as many again.
MAX_EVENT = 1 << 20
# How far a start tag may reach, with the start of the System element behind it.
_AHEAD = 4096

_NAMESPACE = b"http://schemas.microsoft.com/win/2004/08/events/event"
_PREFIX = rb"(?:[\w.-]{1,32}:)?"
_TOKEN = re.compile(rb"<(?:/" + _PREFIX + rb"Event\s{0,64}>()|" + _PREFIX + rb"Event(?=[\s/>])()|!--()|!\[CDATA\[())")
_END, _START, _COMMENT = 1, 2, 3
_TAG_END = re.compile(rb"[^<>]{0,2000}>")
_SYSTEM = re.compile(rb"[^<>]{0,2000}>\s{0,200}<" + _PREFIX + rb"System[\s/>]")
_CLOSERS = {_COMMENT: b"-->", 4: b"]]>"}
_ROOT = re.compile(rb"<([\w.:-]{1,64})(?=[\s>])")
_ANY_TAG = re.compile(rb"<[^<>]*>")
_BETWEEN = b" \t\r\n\xef\xbb\xbf\xff\xfe"  # white space, and byte-order marks of files that were joined


class Span(NamedTuple):
    """One event of a block: [start, end) in its bytes. `cut`: its end is missing."""

    start: int
    end: int
    cut: bool = False


class Frame(NamedTuple):
    """A run of bytes of the stream that begins at `offset`, and the events in it."""

    offset: int
    data: bytes
    spans: list[Span]


class Framer:
    """Cuts a stream into frames.

    Attributes:
        problems: damage between events, and events without an end; complete when `frames` is used up.
    """

    def __init__(self, stream: BinaryIO, encoding: Encoding) -> None:
        """Prepare for a stream at its start."""
        self.problems: list[Problem] = []
        self._stream = stream
        self._encoding = encoding
        self._width = encoding.width
        self._raw = b""
        self._view = b""  # one byte for each character of `_raw`
        self._base = 0  # offset of `_raw` in the stream
        self._at = 0  # all below are positions in `_view`: what has been looked at
        self._done = 0  # ... where the last event ended
        self._start: int | None = None  # ... where the open event began
        self._depth = 0
        self._spans: list[Span] = []
        self._unclosed: dict[int, int] = {}  # which closer does not come before which offset
        self._met = False  # whether an event has begun
        self._root: bytes | None = None
        self._ended = False

    def frames(self) -> Iterator[Frame]:
        """Yield the stream's events in their order, many in one frame. Holds a few MiB, however long the stream is.

        Raises:
            OSError: the stream cannot be read on.
        """
        more = True
        while more:
            more = self._fill()
            self._scan(len(self._view) if not more else max(0, len(self._view) - _AHEAD))
            if not more:
                self._finish()
            frame = self._take()
            if frame.spans:
                yield frame

    # --- buffer -------------------------------------------------------------------------------------------------------

    def _fill(self) -> bool:
        data = self._stream.read(READ_SIZE)
        self._raw += data
        if self._width == 1:
            self._view = self._raw
        else:
            held = len(self._view)
            self._view += self._encoding.view(self._raw[2 * held :])
        return bool(data)

    def _take(self) -> Frame:
        """Give away what has been cut, and forget it."""
        keep = self._start if self._start is not None else self._at
        if self._start is not None and self._at - self._start > MAX_EVENT:
            # Whole events within it would have ended it, so nothing that could be read goes with it.
            self._problem(ProblemKind.LOST_RANGE, self._start, self._at, "an event that has no end")
            self._start, keep, self._done = None, self._at, self._at
        if self._start is None:
            # Never in the middle of a tag: what is left of it would look like text between two events.
            tag = self._view.rfind(b"<", max(self._done, keep - _AHEAD), keep)
            if tag >= 0 and b">" not in self._view[tag:keep]:
                keep = tag
            self._between(keep)
        frame = Frame(self._base, self._raw[: keep * self._width], self._spans)
        self._raw = self._raw[keep * self._width :]
        self._view = self._view[keep:]
        self._base += keep * self._width
        self._at -= keep
        self._done = max(0, self._done - keep)
        if self._start is not None:
            self._start = 0
        self._spans = []
        return frame

    # --- tags ---------------------------------------------------------------------------------------------------------

    def _scan(self, limit: int) -> None:
        while (found := _TOKEN.search(self._view, self._at)) and found.start() < limit:
            kind = found.lastindex or 0
            if kind == _START:
                self._event(found)
            elif kind == _END:
                self._end(found)
            elif not self._skip(found, kind, last=limit == len(self._view)):
                return
        self._at = max(self._at, limit)

    def _event(self, found: re.Match[bytes]) -> None:
        at, view = found.start(), self._view
        tag = _TAG_END.match(view, found.end())
        empty = tag is not None and view[tag.end() - 2 : tag.end()] == b"/>"
        self._at = tag.end() if tag else found.end()
        # An element of the same name can stand in an event's data.
        named = tag is not None and _NAMESPACE in tag[0]
        if self._start is None or named or _SYSTEM.match(view, found.end()):
            if self._start is not None:
                self._spans.append(Span(self._start * self._width, at * self._width, cut=True))
                self._done = at
            self._between(at)
            self._start, self._depth, self._met = at, 1, True
        elif not empty:
            self._depth += 1
        if empty and self._start == at:
            self._close(self._at)

    def _end(self, found: re.Match[bytes]) -> None:
        self._at = found.end()
        if self._start is None:
            self._between(found.start())
            self._problem(ProblemKind.LOST_RANGE, self._done, self._at, "the end of an event without its start")
            self._done = self._at
            return
        self._depth -= 1
        if not self._depth:
            self._close(self._at)

    def _close(self, end: int) -> None:
        if self._start is not None:
            self._spans.append(Span(self._start * self._width, end * self._width))
        self._start, self._done = None, end

    def _skip(self, found: re.Match[bytes], kind: int, *, last: bool) -> bool:
        """Step over a comment or a CDATA section; False where more of the stream is needed to see its end."""
        closer = _CLOSERS[kind]
        # Searched once for each stretch, or a file of openers would be searched from each of them.
        since = max(found.end(), self._unclosed.get(kind, 0) - self._offset(0))
        end = self._view.find(closer, since)
        if end < 0:
            self._unclosed[kind] = self._offset(max(since, len(self._view) - len(closer)))
            if last or len(self._view) - found.start() > MAX_EVENT:
                self._at = found.end()
                return True
            self._at = found.start()
            return False
        if self._start is None:
            self._between(found.start())
            self._done = end + len(closer)
        self._at = end + len(closer)
        return True

    def _offset(self, position: int) -> int:
        return self._base // self._width + position

    # --- what stands between events -----------------------------------------------------------------------------------

    def _between(self, end: int) -> None:
        """Look at what stands between the last event and `end`: tags of a root and white space, or remains."""
        gap = self._view[self._done : end]
        if gap:
            if _ANY_TAG.sub(b"", gap).strip(_BETWEEN):
                self._problem(ProblemKind.LOST_RANGE, self._done, end, "what stands here is no event")
            # Beside remains too: where a gap is looked at in pieces, the remains may be in another piece.
            self._around(gap)
        self._done = end

    def _around(self, gap: bytes) -> None:
        """Remember the root element, of those exports that have one, and whether it has been closed."""
        if self._root is None and not self._met:
            named = _ROOT.search(gap)
            self._root = named[1] if named else None
        if self._root is not None and b"</" + self._root in gap:
            self._ended = True

    def _finish(self) -> None:
        """The stream is at its end: close what is open."""
        end = len(self._view)
        if self._start is not None:
            self._problem(ProblemKind.TRUNCATED, self._start, end, "the file ends within an event")
            self._spans.append(Span(self._start * self._width, end * self._width, cut=True))
            self._start, self._done = None, end
            self._at = end
            return
        self._at = end
        self._between(end)
        if self._root is not None and not self._ended:
            self._problem(ProblemKind.TRUNCATED, end, end, "the file ends before its root element does")

    def _problem(self, kind: ProblemKind, start: int, end: int, detail: str) -> None:
        problem = Problem(kind, self._base + start * self._width, (end - start) * self._width, detail)
        if self.problems:
            # A long stretch is looked at piece by piece, and is one damage all the same.
            last = self.problems[-1]
            if (last.kind, last.detail, last.offset + last.length) == (kind, detail, problem.offset):
                self.problems[-1] = replace(last, length=last.length + problem.length)
                return
        self.problems.append(problem)
