"""The second opinion: python-evtx reads the chunks of a log too, and every record in which the two differ is named.

Only live records are compared: the other reader looks no further than a chunk's free space. It writes some values in
another form, loses the last digit of a time and wraps arrays in tags of its own; such differences of form are evened
out here, so that what is reported is a difference in fact.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parsers.evtx.second_opinion import Opinion, second_opinion
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsers.evtx.chunk import EvtxChunk
    from parsers.records import EventRecord

_FIELDS = ("record_number", "event_record_id", "source", "event_id", "computer")
_NUMBER = re.compile(r"0x[0-9a-f]{1,32}", re.IGNORECASE)  # pointers and numbers; not text that looks like one
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)?")
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
# Of a log in which every record differs nobody reads more than this.
MAX_PROBLEMS = 10_000
_FLOAT_ERROR = 50  # python-evtx makes times through floats and is up to 3 microseconds off


@dataclass(slots=True)
class CrossCheck:
    """Compares chunk after chunk of one log.

    Attributes:
        compared: records that both readers read.
        unread: records at which the other reader failed; nothing is known of them, so they are no disagreement.
        problems: one for each difference, the first `MAX_PROBLEMS` of them.
        not_kept: how many more there are.
    """

    compared: int = 0
    unread: int = 0
    problems: list[Problem] = field(default_factory=list)
    not_kept: int = 0

    def chunk(self, chunk: EvtxChunk, records: Iterable[EventRecord]) -> None:
        """Compare what we read in `chunk` with what python-evtx reads in it."""
        ours = {record.offset: record for record in records}
        for opinion in second_opinion(chunk):
            mine = ours.get(opinion.offset)
            if opinion.fault is not None:
                self.unread += 1
                continue
            if mine is None:
                self._report(opinion.offset, f"record {opinion.record_number}: only python-evtx reads it")
                continue
            self.compared += 1
            for difference in differences(mine, opinion):
                self._report(mine.offset, f"record {mine.record_number}: {difference}")

    def all_problems(self) -> list[Problem]:
        """The problems, and where some were not kept, how many."""
        if not self.not_kept:
            return self.problems
        detail = f"disagreements that are not listed: {self.not_kept}"
        return [*self.problems, Problem(ProblemKind.CROSS_CHECK, 0, 0, detail)]

    def _report(self, offset: int, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(ProblemKind.CROSS_CHECK, offset, 0, detail))
        else:
            self.not_kept += 1


def differences(mine: EventRecord, other: Opinion) -> list[str]:
    """In words, each field in which two readings of one record differ in fact."""
    found = []
    for name in _FIELDS:
        ours, theirs = getattr(mine, name), getattr(other, name)
        if (ours or None) != (theirs or None):
            found.append(f"{name} is {ours!a} here and {theirs!a} in python-evtx")
    if abs((mine.generated or 0) - (other.generated or 0)) >= _FLOAT_ERROR:
        found.append(f"the time is {mine.generated} here and {other.generated} in python-evtx")
    if other.strings is not None and mine.payload is None:
        theirs_flat = [text for wrapped in other.strings for text in unwrap(wrapped)]
        ours_flat = list(mine.strings)
        if not _same_strings(ours_flat, theirs_flat):
            found.append(f"strings are {ours_flat!a} here and {theirs_flat!a} in python-evtx")
    return found


def unwrap(text: str) -> list[str]:
    """The items of an array as python-evtx prints it; a text that is none stays whole."""
    if not (text.startswith("<string>") and text.rstrip("\n").endswith("</string>")):
        return [text]
    return text.rstrip("\n").removeprefix("<string>").removesuffix("</string>").split("</string>\n<string>")


def _same_strings(ours: list[str], theirs: list[str]) -> bool:
    # An array without items is no element for us and an empty one there, and python-evtx moves empty items in arrays to
    # other places: empty texts are no difference in fact.
    ours, theirs = [t for t in ours if t], [t for t in theirs if t]
    return len(ours) == len(theirs) and all(_same(a, b) for a, b in zip(ours, theirs, strict=True))


def _same(ours: str, theirs: str) -> bool:
    if _canonical(ours) == _canonical(theirs):
        return True
    if not _HEX.fullmatch(ours):
        return False
    try:
        return base64.b64decode(theirs, validate=True).hex().upper() == ours
    except (binascii.Error, ValueError):
        return False


def _canonical(text: str) -> str:
    # XML holds no control characters and one kind of line end.
    text = "".join(c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c >= " " or c in "\t\n").strip()
    if _NUMBER.fullmatch(text):
        return str(int(text, 16))
    moment = _TIME.fullmatch(text)
    if moment:
        return f"{moment[1]} {moment[2]}"
    return text.lower()
