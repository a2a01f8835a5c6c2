"""Message texts with their insertion strings put in, by the rules of FormatMessage.

Rules: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-formatmessagew and, for `%b` and `%t`, "Message
Text Files" of the message compiler, https://learn.microsoft.com/windows/win32/eventlog/message-text-files. Insertion
strings of events are text whatever the format says, so of `!format!` only the forms for text have an effect.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Characters of a message: one insertion string has 31,839 at most; a hostile text names it a thousand times.
MAX_LENGTH: Final = 1 << 16
# Characters of a text whose parts are not remembered: a hostile one is made of many.
_LONG: Final = 4096
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"

_ESCAPE = re.compile(
    r"""%(?:(?P<number>[1-9][0-9]?)
          (?:!(?P<format>[-\#0\x20+]{0,5}(?:[0-9]{1,4}|\*)?(?:\.(?:[0-9]{1,4}|\*))?(?:hh?|ll?|w|I32|I64|I)?[A-Za-z])!)?
         |(?P<other>.))""",
    re.DOTALL | re.VERBOSE,
)
_TEXT_FORMAT = re.compile(r"(?P<left>-)?[-#0 +]*(?P<width>[0-9]+)?(?:\.(?P<most>[0-9]+))?[hlw]?[sS]")
_PLAIN: Final = {"n": "\r\n", "r": "\r", "t": "\t", "b": " "}


class Insert(NamedTuple):
    """The place of one insertion string in a text.

    Attributes:
        number: which string; 1 is the first.
        written: the place as the text has it, `%1!-20s!`.
        left, width, most: how the string is fitted: to the left, at least and at most so many characters.
    """

    number: int
    written: str
    left: bool = False
    width: int = 0
    most: int | None = None

    def fit(self, value: str) -> str:
        """The string as it stands in the message."""
        value = value[: self.most]
        return value.ljust(self.width) if self.left else value.rjust(self.width)


def render(text: str, strings: Sequence[str | None]) -> str:
    """The message that `text` is with these insertion strings, without the line break at its end.

    A string that is missing leaves its place visible (`%5`). Values are put in as they are: neither escapes nor
    references to parameter files (`%%1234`) in them are followed. Longer messages than `MAX_LENGTH` are cut, with an
    ellipsis at the end.
    """
    done: list[str] = []
    length = 0
    for part in parts(text):
        if isinstance(part, str):
            piece = part
        elif part.number <= len(strings):
            piece = part.fit(strings[part.number - 1] or "")
        else:
            piece = part.written
        done.append(piece)
        length += len(piece)
        if length > MAX_LENGTH:
            return "".join(done)[: MAX_LENGTH - 1] + _CUT
    return "".join(done).rstrip("\r\n")


def parts(text: str) -> tuple[str | Insert, ...]:
    """What a text is made of: literal text, its escapes resolved, and the places of insertion strings."""
    return _remembered(text) if len(text) <= _LONG else tuple(_parts(text))


@lru_cache(maxsize=128)
def _remembered(text: str) -> tuple[str | Insert, ...]:
    return tuple(_parts(text))


def _parts(text: str) -> Iterator[str | Insert]:
    at = 0
    for match in _ESCAPE.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        at = match.end()
        other = match["other"]
        if other == "0":
            return
        if other is None:
            yield _insert(match)
        else:
            yield _PLAIN.get(other, other)
    if at < len(text):
        yield text[at:]


def _insert(match: re.Match[str]) -> Insert:
    number, written = int(match["number"]), match[0]
    fitted = _TEXT_FORMAT.fullmatch(match["format"] or "s")
    if fitted is None:
        return Insert(number, written)
    most = None if fitted["most"] is None else int(fitted["most"])
    return Insert(number, written, fitted["left"] is not None, int(fitted["width"] or 0), most)
