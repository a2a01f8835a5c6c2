"""Strings that appeared and went between two versions of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parsers.fdb.diff import Difference, RangeKind
from parsers.fdb.strings import DEFAULT_LENGTH, Encoding, FoundString, runs_in, strings_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MOST_STRINGS = 10_000
"""Strings of each version that are compared: the first ones that touch what changed."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class StringChanges:
    """What changed in words.

    Attributes:
        gone: strings of the older version that the newer one has nowhere, each once, by offset in the older one.
        new: strings of the newer version that the older one has nowhere, by offset in the newer one.
        whole: False where there were more than `MOST_STRINGS` to compare.
    """

    gone: tuple[FoundString, ...]
    new: tuple[FoundString, ...]
    whole: bool


def compare_strings(
    older: BinaryIO, newer: BinaryIO, difference: Difference, *, least: int = DEFAULT_LENGTH
) -> StringChanges:
    """The strings of at least `least` characters that only one of two versions has; both are read twice at most.

    A string is the whole run of printable characters: where a letter was added to a run, the run as it was is gone and
    the run as it is is new.
    """
    if difference.identical:
        return StringChanges((), (), whole=True)
    a_borders = [(item.a_offset, item.a_offset + item.a_length) for item in difference.ranges]
    b_borders = [(item.b_offset, item.b_offset + item.b_length) for item in difference.ranges]
    changed = [item.kind is RangeKind.CHANGED for item in difference.ranges]
    gone, gone_whole = _touching(older, _zones(a_borders, changed), least)
    new, new_whole = _touching(newer, _zones(b_borders, changed), least)
    _discard(gone, newer, least)
    _discard(new, older, least)
    return StringChanges(tuple(gone.values()), tuple(new.values()), gone_whole and new_whole)


def _zones(borders: list[tuple[int, int]], changed: list[bool]) -> list[tuple[int, int]]:
    """Where a string can differ: in what changed, and at the borders of what was copied, whose neighbours may."""
    zones = []
    for (start, end), whole in zip(borders, changed, strict=True):
        # One byte to each side: a character of UTF-16 that goes on with a run begins or ends one byte away from it.
        zones += [(start - 1, end + 1)] if whole else [(start - 1, start + 1), (end - 1, end + 1)]
    return sorted(zones)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while block := stream.read(_BLOCK):
        yield block


def _key(found: FoundString) -> tuple[str, str]:
    return found.encoding, found.text


def _touching(
    stream: BinaryIO, zones: list[tuple[int, int]], least: int
) -> tuple[dict[tuple[str, str], FoundString], bool]:
    """The strings that overlap or touch a zone, the first of each, and whether these are all."""
    kept: dict[tuple[str, str], FoundString] = {}
    at = 0
    reach = -1  # the farthest end of the zones that begin before the string's end
    for found in strings_in(_blocks(stream), least=least):
        while at < len(zones) and zones[at][0] <= found.offset + found.size:
            reach = max(reach, zones[at][1])
            at += 1
        if reach >= found.offset:
            if len(kept) >= MOST_STRINGS:
                return kept, False
            kept.setdefault(_key(found), found)
        elif at == len(zones):
            break
    return kept, True


def _discard(wanted: dict[tuple[str, str], FoundString], stream: BinaryIO, least: int) -> None:
    """Take out what the other version has too."""
    for encoding in Encoding:
        keys = {text.encode(encoding): (one, text) for one, text in wanted if one == encoding}
        if not keys:
            continue
        for raw in runs_in(_blocks(stream), encoding, least):
            if raw in keys:
                wanted.pop(keys[raw], None)
