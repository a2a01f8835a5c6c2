"""All that is said of one file, measured in one pass: identity, container, entropy, strings, candidates for times."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsers.fdb.containers import HEAD_SIZE, Container, identify
from parsers.fdb.entropy import Entropy, EntropyMeter
from parsers.fdb.strings import DEFAULT_LENGTH, FoundString, strings_in
from parsers.fdb.times import FIRST_YEAR, LAST_YEAR, Candidates, TimeSearch
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MOST_STRINGS = 10_000
"""Strings that are kept of a file, the first ones; all are counted."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be said of a file without knowing its format.

    Attributes:
        size: bytes that were read.
        sha256: of them.
        container: what it is, where that is known.
        entropy: by block.
        strings: the first `MOST_STRINGS`, by offset.
        strings_found: how many there are.
        times: values that could be times.
        problems: where the file is not what its header says, or changed while it was read.
    """

    size: int
    sha256: str
    container: Container
    entropy: Entropy
    strings: tuple[FoundString, ...]
    strings_found: int
    times: Candidates
    problems: tuple[Problem, ...]


def survey(
    stream: BinaryIO, *, least: int = DEFAULT_LENGTH, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR
) -> Survey:
    """Measure a seekable stream from start to end, in bounded memory; raises OSError where it cannot be read.

    Args:
        stream: a file, or a content in memory.
        least: characters of a string.
        first_year: from which values count as candidates for times.
        last_year: from which on they do not any more.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    digest = hashlib.sha256()
    meter = EntropyMeter(size)
    search = TimeSearch(first_year, last_year)
    head = bytearray()
    done = 0

    def blocks() -> Iterator[bytes]:
        nonlocal done
        while block := stream.read(_BLOCK):
            digest.update(block)
            meter.feed(block)
            search.feed(block)
            if len(head) < HEAD_SIZE:
                head.extend(block[: HEAD_SIZE - len(head)])
            done += len(block)
            yield block

    kept: list[FoundString] = []
    count = 0
    for count, found in enumerate(strings_in(blocks(), least=least), 1):  # noqa: B007  (the count is a result)
        if len(kept) < MOST_STRINGS:
            kept.append(found)
    container = identify(bytes(head), done)
    problems = list(container.problems)
    if done != size:
        detail = f"it had {size:,} bytes when reading began, and {done:,} were read: something writes to it"
        problems.append(Problem(ProblemKind.UNREADABLE, min(done, size), abs(done - size), detail))
    return Survey(
        done, digest.hexdigest(), container, meter.result(), tuple(kept), count, search.result(), tuple(problems)
    )
