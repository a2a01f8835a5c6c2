"""Text cut into stretches: however it is cut, the entries are those that one look at the whole text finds."""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers import lines
from parsers.clusterlog.structs import HEAD
from parsers.lines import Encoding, Entry, Stretch, entries, stretches
from parsers.problems import ProblemKind

BEGINNING = "378.32c::1999/06/09-18:00:18.874"
PIECES = st.lists(
    st.one_of(
        st.just(BEGINNING),
        st.sampled_from(
            ["\n", "\r\n", "\0\0", "\n" + BEGINNING, " é", "🐘", "\n" + BEGINNING[:20], "x" * 90, "é" * 70]
        ),
        st.integers(1, 400).map(lambda n: "y" * n),
    ),
    max_size=25,
).map(lambda parts: "".join(parts) + "\n")
MARKS = {"utf-8": Encoding.EIGHT_BIT, "utf-16-le": Encoding.UTF_16_LE, "utf-16-be": Encoding.UTF_16_BE}


class Short(io.BytesIO):
    """A stream that gives fewer bytes than asked for, an odd number of them."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size if size is None or size < 4 else max(3, size * 2 // 3 | 1))


class Cut(NamedTuple):
    found: list[Stretch]
    said: list[Entry]
    dropped: int


def cut(raw: bytes, stretch: int, longest: int, stream: type[io.BytesIO] = io.BytesIO) -> Cut:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "STRETCH", stretch)
        patched.setattr(lines, "MAX_ENTRY", longest)
        patched.setattr(lines, "_LONGEST_HEAD", 100)
        found = list(stretches(stream(raw), HEAD))
        said, dropped = [], 0
        for part in found:
            more, problems = entries(part, HEAD)
            said += more
            dropped += sum(problem.length for problem in problems if problem.kind is ProblemKind.LIMIT)
    return Cut(found, said, dropped)


@settings(max_examples=400)
@given(PIECES, st.sampled_from(sorted(MARKS)), st.integers(8, 700), st.integers(100, 900), st.booleans())
@example(BEGINNING + "y" * 58 + "\n" + BEGINNING + "\n", "utf-8", 110, 100, False)
@example("\n" + "x" * 90 + (BEGINNING + "\n") * 40, "utf-8", 64, 200, False)
@example(BEGINNING + "y" * 400 + "\n" + BEGINNING + "\n", "utf-16-le", 10, 300, True)
@example("x" * 90 + "\r\n" + BEGINNING * 20, "utf-16-be", 8, 247, False)
def test_entries_are_those_of_the_whole_text(text: str, encoding: str, stretch: int, longest: int, short: bool) -> None:
    """Any reads, any limits: beginnings, offsets, numbers are the text's; each byte is read or told as dropped."""
    mark = "" if encoding == "utf-8" else "\ufeff"
    raw = (mark + text).encode(encoding)
    start = len(mark.encode(encoding))
    longest += longest % 2
    found, said, dropped = cut(raw, stretch, longest, Short if short else io.BytesIO)
    at = start
    for part in found:
        assert (part.offset, part.encoding) == (at, MARKS[encoding])
        assert len(part.raw) <= longest + 2 * max(stretch, 4) + 100
        at += len(part.raw) + part.dropped
    assert at == len(raw)
    assert dropped == sum(part.dropped for part in found)
    assert [part.last for part in found] == [False] * (len(found) - 1) + [True]
    heads = [match.start() for match in HEAD.finditer(text)]
    leading = not heads or heads[0] > 0
    numbered = [(start + len(text[:head].encode(encoding)), n) for n, head in enumerate(heads, 1 + leading)]
    assert [(entry.offset, entry.number) for entry in said if entry.head] == numbered
    ends = [*heads[1:], len(text)][: len(heads)]
    for entry, head, end in zip((entry for entry in said if entry.head), heads, ends, strict=True):
        whole = "\n".join(part for part in text[head + len(BEGINNING) : end].replace("\0\0", "\0").split("\0") if part)
        whole = whole.replace("\r\n", "\n")
        assert entry.text == whole.rstrip() or (dropped and whole.startswith(entry.text))


def test_nothing_is_no_stretch() -> None:
    """An empty stream, and one that holds a byte-order mark only, has no stretches."""
    assert cut(b"", 100, 1000).found == []
    assert cut(b"\xff\xfe", 100, 1000).found == []
