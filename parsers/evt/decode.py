"""From framed bytes of an .evt ring to `EventRecord`s: a pure function, the same in any process."""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from parsers.evt.structs import FIXED_RECORD_SIZE
from parsers.problems import Problem, ProblemKind
from parsers.records import Decoded, EventRecord
from parsers.sids import sid_text
from parsers.times import TICKS_PER_SECOND, UNIX_EPOCH_AS_FILETIME

if TYPE_CHECKING:
    from collections.abc import Sequence

# EVENTLOGRECORD without Reserved, ReservedFlags and ClosingRecordNumber; EventID as its two halves.
RECORD_FORMAT = struct.Struct("<I4xIIIHHHHH2x4xIIIII")

# 15 sub-authorities, [MS-DTYP] 2.4.2.2. What is longer is padded, and must not fill the cache of SID texts.
MAX_SID_SIZE = 68

# What each EventType becomes on the scale of .evtx; a type that is not here is none of Windows'.
LEVELS = {0: 4, 1: 2, 2: 3, 4: 4, 8: 0, 16: 0}

# What stands between `data` and `recovered`, the last field: nothing that an .evt record has.
_NOT_IN_EVT = tuple(
    EventRecord._field_defaults[f] for f in EventRecord._fields[EventRecord._fields.index("data") + 1 : -1]
)


class Fixed(NamedTuple):
    """The fixed part of a record, as far as it is used. Names: EVENTLOGRECORD."""

    length: int
    record_number: int
    time_generated: int
    time_written: int
    event_id: int
    qualifiers: int
    event_type: int
    num_strings: int
    event_category: int
    string_offset: int
    user_sid_length: int
    user_sid_offset: int
    data_length: int
    data_offset: int


class Variable(NamedTuple):
    """What follows the fixed part."""

    source: str | None
    computer: str | None
    user_sid: str | None
    strings: list[str]
    data: bytes


def read_fixed(raw: bytes, start: int = 0) -> Fixed:
    """Unpack the fixed part at `start`; struct.error when fewer than 56 bytes are left."""
    return Fixed._make(RECORD_FORMAT.unpack_from(raw, start))


def read_names(area: bytes) -> tuple[str, str] | None:
    """Source and computer, each ended by a NUL; None when there are not two such texts.

    Bytes behind the second NUL are ignored: the SID behind it is aligned.
    """
    parts = _text(area).split("\0", 2)
    return (parts[0], parts[1]) if len(parts) == 3 else None


class _Names(dict[bytes, "tuple[str, str] | None"]):
    """What each area of names that occurs in a block holds: there are few, and thousands of records have each."""

    def __missing__(self, area: bytes) -> tuple[str, str] | None:
        pair = self[area] = read_names(area)
        return pair


def _text(area: bytes) -> str:
    return utf_16_le_decode(area[: len(area) & ~1], "surrogatepass")[0]


@dataclass(frozen=True, slots=True)
class EvtBlock:
    """A run of whole records, already joined where the ring's end cut one; satisfies `parsers.records.Block`.

    Attributes:
        raw: the bytes of the records, one behind the other.
        starts: where in `raw` each record begins.
        offset: offset of `raw[0]` in the stream.
        end: offset at which the ring ends in the stream; what of `raw` lies beyond continues behind the file header.
        recovered: the records lie outside the live part of the log.
        maimed: the block is one record that is damaged or cut; `raw` holds what is left of it. The reader reports it.
    """

    raw: bytes
    starts: Sequence[int]
    offset: int
    end: int
    recovered: bool = False
    maimed: bool = False

    @property
    def size(self) -> int:
        """Bytes of the block's records."""
        return len(self.raw)

    def decode(self) -> Decoded:
        """Return the records in the order of their offsets, and a BAD_VALUE for each with values that cannot be.

        Such a record is kept with everything else it holds. Strings that the header does not count stand behind those
        it counts; a missing NUL ends with the strings' area; a SID that is none becomes None. Of a maimed record no
        more strings than its header counts are given, and the later ones may be those of what overwrote it.

        The length of a problem is the record's; of a record that the ring's end cuts, the part before the end.
        """
        raw, base, recovered, maimed = self.raw, self.offset, self.recovered, self.maimed
        records: list[EventRecord] = []
        problems: list[Problem] = []
        names = _Names()
        tail = (*_NOT_IN_EVT, recovered)
        unpack, decode, level_of, new = RECORD_FORMAT.unpack_from, utf_16_le_decode, LEVELS.get, tuple.__new__
        for start in self.starts:
            fields = unpack(raw, start)
            (
                length, number, generated, written, event_id, qualifiers, event_type, num_strings, category,
                string_offset, sid_length, sid_offset, data_length, data_offset,
            ) = fields  # fmt: skip
            names_end = sid_offset if sid_length else string_offset
            level = level_of(event_type)
            strings: list[str] = []
            # The one path that every sound record takes. Whatever does not fit goes the long way, which explains.
            sound = (
                FIXED_RECORD_SIZE <= names_end <= names_end + sid_length <= string_offset <= data_offset
                and data_offset + data_length <= length - 4
                and sid_length <= MAX_SID_SIZE
                and level is not None
                and not maimed
            )
            if sound:
                pair = names[raw[start + FIXED_RECORD_SIZE : start + names_end]]
                if num_strings and not (data_offset - string_offset) & 1:
                    strings = decode(raw[start + string_offset : start + data_offset], "surrogatepass")[0].split("\0")
                    unterminated = strings.pop()
                    # Server 2003's Security log aligns the data to 4, which looks like one more string, an empty one.
                    if len(strings) == num_strings + 1 and not strings[-1]:
                        strings.pop()
                    sound = sound and not unterminated and len(strings) == num_strings
                elif string_offset != data_offset:
                    sound = False
                sid = sid_text(raw[start + sid_offset : start + sid_offset + sid_length]) if sid_length else None
                sound = sound and pair is not None and (sid is not None or not sid_length)
            if sound and pair is not None:
                source: str | None
                computer: str | None
                source, computer = pair
                data = raw[start + data_offset : start + data_offset + data_length] if data_length else b""
            else:
                limit = len(raw) - start if maimed else length - 4
                rest, complaints = _read_variable(raw[start : start + limit], Fixed._make(fields), maimed=maimed)
                source, computer, sid, strings, data = rest
                if complaints:
                    size = min(length, self.end - base - start)
                    problems.append(Problem(ProblemKind.BAD_VALUE, base + start, size, "; ".join(complaints)))
            head = (
                base + start, number, None,
                UNIX_EPOCH_AS_FILETIME + generated * TICKS_PER_SECOND,
                UNIX_EPOCH_AS_FILETIME + written * TICKS_PER_SECOND,
                None, source, event_id, qualifiers, level, event_type, category, computer, sid, strings, None, data,
            )  # fmt: skip
            # A quarter of the time of EventRecord(...); a test holds that the fields fit.
            records.append(new(EventRecord, head + tail))
        return Decoded(records, problems)


def _read_variable(raw: bytes, fixed: Fixed, *, maimed: bool) -> tuple[Variable, list[str]]:
    """Read what can be read behind the fixed part, and say what cannot.

    `raw` is the record without its closing size, or what is left of it. A maimed record gets no complaints: that it is
    maimed has been said, and what follows from it is no news.
    """
    complaints: list[str] = []
    if fixed.event_type not in LEVELS:
        complaints.append(f"the event type {fixed.event_type} is none")
    source, computer = _names(raw, fixed, complaints)
    sid = _sid(raw, fixed, complaints)
    strings = _strings(raw, fixed, complaints, maimed=maimed)
    data = b""
    if fixed.data_length:
        if fixed.data_offset >= FIXED_RECORD_SIZE:
            data = raw[fixed.data_offset : fixed.data_offset + fixed.data_length]
        if len(data) != fixed.data_length:
            complaints.append(f"{len(data)} of {fixed.data_length} bytes of data lie inside the record")
    return Variable(source, computer, sid, strings, data), [] if maimed else complaints


def _names(raw: bytes, fixed: Fixed, complaints: list[str]) -> tuple[str | None, str | None]:
    bounds = [fixed.user_sid_offset] if fixed.user_sid_length else []
    bounds.append(fixed.string_offset)
    end = min((b for b in bounds if FIXED_RECORD_SIZE <= b <= len(raw)), default=len(raw))
    area = raw[FIXED_RECORD_SIZE:end]
    pair = read_names(area)
    if pair is not None:
        return pair
    complaints.append("the names of source and computer are not two texts with a NUL each")
    parts = _text(area).split("\0")
    return parts[0] or None, (parts[1] or None) if len(parts) > 1 else None


def _sid(raw: bytes, fixed: Fixed, complaints: list[str]) -> str | None:
    if not fixed.user_sid_length:
        return None
    end = fixed.user_sid_offset + fixed.user_sid_length
    if fixed.user_sid_offset < FIXED_RECORD_SIZE or end > len(raw):
        complaints.append("the user SID lies outside the record")
        return None
    sid = sid_text(raw[fixed.user_sid_offset : min(end, fixed.user_sid_offset + MAX_SID_SIZE)])
    if sid is None:
        complaints.append("the user SID is none")
    return sid


def _strings(raw: bytes, fixed: Fixed, complaints: list[str], *, maimed: bool) -> list[str]:
    start = fixed.string_offset
    counted = fixed.num_strings
    if not FIXED_RECORD_SIZE <= start <= len(raw):
        if counted:
            complaints.append(f"the {counted} strings lie outside the record")
        return []
    # Data (even of no length) follows the strings; where its offset is nonsense, all to the end may be strings.
    ends = [fixed.data_offset]
    if fixed.user_sid_length:
        ends.append(fixed.user_sid_offset)
    end = min((e for e in ends if start < e <= len(raw)), default=len(raw))
    if fixed.data_offset == start:
        end = start
    area = raw[start:end]
    parts = _text(area).split("\0")
    strings, tail = parts[:-1], parts[-1]
    if maimed:
        return parts[:counted] if tail else strings[:counted]
    if len(strings) < counted:
        if tail:
            strings.append(tail)
        complaints.append(f"the header counts {counted} strings, {len(parts) - 1} end with a NUL")
        return strings
    extra = [*strings[counted:], tail]
    while extra and not extra[-1]:
        extra.pop()
    if extra or (len(area) & 1 and area[-1]):
        complaints.append(f"more text than the {counted} strings that the header counts")
    return strings[:counted] + extra
