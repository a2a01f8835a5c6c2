"""Reader of cluster.log, Windows 2000 and later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.clusterlog.structs import CUT_HEAD, HEAD, LEVELS, REST, UNDATED_HEAD
from parsers.lines import Entry, Stretch, as_stream, entries, first_text, stretches
from parsers.problems import Problem, ProblemKind
from parsers.records import Decoded, EventRecord
from parsers.times import TICKS_PER_SECOND, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ClusterLogBlock", "ClusterLogReader", "NotClusterLogError", "UndatedClusterLogError"]

LOG: Final = "cluster.log"


class NotClusterLogError(ValueError):
    """No line has the form of a cluster log's."""


class UndatedClusterLogError(NotClusterLogError):
    """A cluster log of Windows NT 4.0: its lines have no date but the day of the month, so no place in time."""


@dataclass(frozen=True, slots=True)
class ClusterLogBlock:
    """A stretch of a cluster log."""

    stretch: Stretch

    @property
    def size(self) -> int:
        """Bytes of the log that the block holds."""
        return len(self.stretch.raw)

    def decode(self) -> Decoded:
        """The block's entries as records, and what is damaged in them."""
        found, problems = entries(self.stretch, HEAD)
        records = []
        for entry in found:
            if entry.head is None:
                records.append(_record(entry, None))
                detail = "the file begins inside an entry, as where the service removed its first half"
                problems.append(Problem(ProblemKind.REMAINS, entry.offset, entry.size, detail))
                continue
            generated = _filetime(entry.head[3])
            if generated is None:
                detail = "no calendar has the time of this entry; it was kept without one"
                problems.append(Problem(ProblemKind.BAD_VALUE, entry.offset, entry.size, detail))
            records.append(_record(entry, generated))
        if found and self.stretch.last and not found[-1].ended:
            problems += _cut(found[-1], self.stretch)
        return Decoded(records, sorted(problems, key=lambda p: p.offset))


class ClusterLogReader:
    """Every entry of a cluster log, in the order of the file; lines without a beginning belong to the entry before.

    A record's source is the component (`NM`, `FM`), None where the line names none; its message what follows. The
    number is the entry's place in the file, counted from 1. The log does not name its node: there is no computer.

    Damage it survives, and what is then said:

    - a file that begins inside an entry, which is how the service shortens its log
      (https://support.microsoft.com/kb/168801): that text is a record without a time, and REMAINS
    - a time that is none: the record keeps its text and has no time, BAD_VALUE
    - zero bytes: LOST_RANGE, and the text around them is read
    - an entry of more than 1 MiB: LIMIT, its beginning is kept
    - a file that ends in the beginning of an entry: TRUNCATED. A text that is cut cannot be told from a short one

    Attributes:
        problems: always empty; the blocks have them.
        facts: `encoding`.

    Raises:
        UndatedClusterLogError: the log of Windows NT 4.0.
        NotClusterLogError: no entry in the first 256 KiB.
        OSError: the stream's own, here and from `blocks`.
    """

    problems: list[Problem]
    facts: dict[str, str]

    def __init__(self, source: BinaryIO | bytes) -> None:
        self._stream = as_stream(source)
        text, encoding = first_text(self._stream)
        if HEAD.search(text) is None:
            if UNDATED_HEAD.search(text) is not None:
                raise UndatedClusterLogError("a cluster log of Windows NT 4.0, whose lines have no date, is not read")
            raise NotClusterLogError("no line here is an entry of a cluster log")
        self.problems = []
        self.facts = {"encoding": encoding}

    def blocks(self) -> Iterator[ClusterLogBlock]:
        """Yield the log in blocks of whole entries, about 256 KiB each."""
        for stretch in stretches(self._stream, HEAD):
            yield ClusterLogBlock(stretch)


def _record(entry: Entry, generated: int | None) -> EventRecord:
    level = component = process = thread = None
    text = entry.text
    if entry.head is not None:
        process, thread = int(entry.head[1], 16), int(entry.head[2], 16)
        rest = REST.match(text)
        if rest is not None:
            level, component = rest[1], rest[2]
            text = text[rest.end() :]
        if generated is None:  # nothing else keeps what stands in place of the time
            text = entry.head[0] + entry.text
    return EventRecord(
        offset=entry.offset,
        record_number=entry.number,
        event_record_id=None,
        generated=generated,
        written=None,
        log=LOG,
        source=component,
        event_id=None,
        qualifiers=None,
        level=LEVELS[level] if level else None,
        raw_type=None,
        category=None,
        computer=None,
        user_sid=None,
        strings=(),
        message=text,
        process_id=process,
        thread_id=thread,
    )


def _cut(entry: Entry, stretch: Stretch) -> list[Problem]:
    """The end of the file, where it is the first part of another entry."""
    last = entry.text.rpartition("\n")[2]
    if CUT_HEAD.match(last) is None:
        return []
    detail = "the file ends in the middle of an entry"
    length = stretch.encoding.width(last)
    return [Problem(ProblemKind.TRUNCATED, entry.offset + entry.size - length, length, detail)]


@lru_cache(maxsize=1024)
def _minute(text: str) -> int | None:
    """FILETIME of `yyyy/mm/dd-hh:mm`."""
    try:
        moment = datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:]), tzinfo=UTC)
    except ValueError:
        return None
    filetime = filetime_from_datetime(moment)
    return filetime if filetime >= 0 else None


def _filetime(text: str) -> int | None:
    """FILETIME of `yyyy/mm/dd-hh:mm:ss.sss`; None for what is no time."""
    minute = _minute(text[:16])
    seconds = int(text[17:19])
    if minute is None or seconds > 59:
        return None
    return minute + seconds * TICKS_PER_SECOND + int(text[20:]) * (TICKS_PER_SECOND // 1000)
