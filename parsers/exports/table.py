"""Event logs saved as comma- or tab-separated text: see `layouts` for the forms, `dates` for their times.

Such a table has no record numbers, no insertion strings and no zone; the newer form has no computer either. What an
event says is its description, and becomes the record's message. Levels, categories and users are words in the language
of the machine: English ones are understood, the others are counted in `TableReader.facts` and leave the field empty.

Damage this survives: a cut file, rows of another shape (told as ranges in which there is no event), a quote that is
missing, bytes that are not UTF-8. A line that is no row goes on with the description of the row before it, as
descriptions of several lines do that were saved without quotes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.exports.dates import Decision, Moment, Survey, parse_moment, place_moment
from parsers.exports.encoding import Encoding, encoding_of
from parsers.exports.layouts import Form, Layout, layout_of
from parsers.exports.rows import RowFramer
from parsers.problems import Problem, ProblemKind
from parsers.records import Decoded, EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from typing import BinaryIO

    from parsers.exports.framing import Span

HEAD = 64 << 10
# English words of Event Viewer -> level of the .evtx scale, type of the .evt scale.
LEVELS: Final = {
    "critical": (1, None),
    "error": (2, 1),
    "warning": (3, 2),
    "information": (4, 4),
    "success": (4, 0),
    "verbose": (5, None),
    "success audit": (0, 8),
    "audit success": (0, 8),
    "failure audit": (0, 16),
    "audit failure": (0, 16),
}
# [MS-DTYP] 2.4.2.4, by their English names.
_ACCOUNTS: Final = {
    "nt authority\\system": "S-1-5-18",
    "nt authority\\local service": "S-1-5-19",
    "nt authority\\network service": "S-1-5-20",
    "nt authority\\anonymous logon": "S-1-5-7",
}
_SID = re.compile(r"S-1-\d{1,14}(?:-\d{1,10}){0,15}")
_WORDS_KEPT = 20


class NotATableError(ValueError):
    """The text is no table of events."""


class Sheet(NamedTuple):
    """What is the same for all rows of a file."""

    layout: Layout
    encoding: Encoding
    decision: Decision
    zone: tzinfo


class TableBlock(NamedTuple):
    """A run of rows: their bytes, from `offset` on in the stream, and where in these each row is."""

    offset: int
    data: bytes
    spans: list[Span]
    sheet: Sheet

    @property
    def size(self) -> int:
        """Bytes of the stream that the block holds."""
        return len(self.data)

    def decode(self) -> Decoded:
        """The rows as records, and those of their values that could not be read."""
        row = self.sheet.layout.row()
        records: list[EventRecord] = []
        problems: list[Problem] = []
        assumed: dict[str, int] = {}
        for span in self.spans:
            offset = self.offset + span.start
            text, guessed = self.sheet.encoding.decode(self.data[span.start : span.end])
            if guessed:
                assumed.setdefault("bytes that are not UTF-8 were read as Windows-1252", offset)
            found = row.match(text)
            faults = ["its description has no end"] if span.cut else []
            if found is None:
                faults.append("a row that cannot be read")
            else:
                record, twice = self._record(found, text, offset)
                records.append(record)
                if twice:
                    assumed.setdefault("of an hour that the zone's clock showed twice, the first was taken", offset)
                if record.generated is None:
                    faults.append("its time cannot be told")
            if faults:
                detail = "; ".join(faults)
                problems.append(Problem(ProblemKind.BAD_VALUE, offset, span.end - span.start, detail))
        problems += [Problem(ProblemKind.ASSUMED, offset, 0, detail) for detail, offset in assumed.items()]
        return Decoded(records, sorted(problems, key=lambda problem: problem.offset))

    def _record(self, found: re.Match[str], text: str, offset: int) -> tuple[EventRecord, bool]:
        cells = {name: _unquoted(cell) for name, cell in found.groupdict().items()}
        moment = parse_moment(_when(cells))
        placed = place_moment(moment, self.sheet.decision.order, self.sheet.zone) if moment else None
        identifier = int(cells["event"])
        level, raw_type = LEVELS.get(cells["level"].casefold(), (None, None))
        user = cells.get("user", "")
        record = EventRecord(
            offset=offset,
            record_number=None,
            event_record_id=None,
            generated=placed.filetime if placed else None,
            written=None,
            log=None,
            source=cells["source"] or None,
            event_id=identifier & 0xFFFF,
            qualifiers=identifier >> 16 & 0xFFFF if identifier > 0xFFFF else None,
            level=level,
            raw_type=None if self.sheet.layout.form is Form.SAVED_2008 else raw_type,
            category=_category(cells["category"]),
            computer=cells.get("computer") or None,
            user_sid=user if _SID.fullmatch(user) else _ACCOUNTS.get(user.casefold()),
            strings=[],
            message=_description(text[found.end() :]) if found["rest"] else None,
        )
        return record, bool(placed and placed.twice)


class TableReader:
    """A table of events, cut into blocks. The file is read twice: once to tell the order of its dates.

    Attributes:
        problems: damage between rows, and what had to be assumed; complete when `blocks` is used up.
        facts: `assumed_tz` where no zone was given, `date_order`, `form`, and the words that are not understood.
    """

    def __init__(self, stream: BinaryIO, zone: tzinfo | None, default: tzinfo, modified: int | None = None) -> None:
        """Prepare for a stream at its start.

        Args:
            stream: seekable.
            zone: of the machine that wrote the table, as somebody says; None: nobody does.
            default: the zone to take then.
            modified: FILETIME of the file's last change, where it is known.
        """
        self.problems: list[Problem] = []
        self.facts: dict[str, str | int | float | bool | None] = {}
        self._stream = stream
        self._zone = zone
        self._default = default
        self._modified = modified

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the table's rows, many in one block, in their order.

        Raises:
            NotATableError: the text is no table of events.
            OSError: the stream cannot be read on.
        """
        self._stream.seek(0)
        head = self._stream.read(HEAD)
        encoding = encoding_of(head)
        layout = layout_of(encoding.view(head))
        if layout is None:
            raise NotATableError("no table of events")
        decision = self._survey(layout, encoding)
        zone = self._zone or self._default
        framer = RowFramer(self._stream, layout, encoding)
        for frame in framer.frames():
            yield TableBlock(frame.offset, frame.data, frame.spans, Sheet(layout, encoding, decision, zone))
        self.problems += framer.problems

    def _survey(self, layout: Layout, encoding: Encoding) -> Decision:
        """Read the dates and words of all rows."""
        row = layout.row()
        survey = Survey()
        words: Counter[str] = Counter()
        first: Moment | None = None
        for frame in RowFramer(self._stream, layout, encoding).frames():
            for span in frame.spans:
                found = row.match(encoding.decode(frame.data[span.start : span.end])[0])
                if found is None:
                    continue
                cells = {name: _unquoted(cell) for name, cell in found.groupdict().items()}
                moment = parse_moment(_when(cells))
                if moment is not None:
                    survey.add(moment)
                    first = first or moment
                word = cells["level"]
                if word.casefold() not in LEVELS and (word in words or len(words) < _WORDS_KEPT):
                    words[word] += 1
        decision = survey.decide(self._modified)
        self._tell(layout, decision, words, survey.count)
        return decision

    def _tell(self, layout: Layout, decision: Decision, words: Counter[str], moments: int) -> None:
        self.facts["form"] = layout.form.value
        if moments:
            self.facts["date_order"] = decision.order.value if decision.order else "unknown"
            if self._zone is None:
                self.facts["assumed_tz"] = str(self._default)
        if decision.why is not None and decision.order is not None:
            detail = f"dates that can be read in two ways were read {decision.order.value}: {decision.why}"
            self.problems.append(Problem(ProblemKind.ASSUMED, layout.header, 0, detail))
        if words:
            listed = sorted(words.items(), key=lambda item: (-item[1], item[0]))
            self.facts["unknown_levels"] = "; ".join(f"{word}: {count}" for word, count in listed)


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        cell = cell[1:-1].replace('""', '"')
    return cell.strip()


def _when(cells: dict[str, str]) -> str:
    return cells["when"] if "when" in cells else f"{cells['date']} {cells['time']}"


def _category(text: str) -> int | None:
    """The number of a category that has no name: `(12)`, as Event Viewer writes it; 0 for the English word for none."""
    if text.casefold() == "none":
        return 0
    found = re.fullmatch(r"\(?(\d{1,5})\)?", text, re.ASCII)
    return int(found[1]) if found else None


def _description(text: str) -> str:
    """The description: what stands behind the last column, without its quotes."""
    text = text.rstrip("\r\n\x00\x1a")
    if text[:1] == '"':
        inner = text[1:-1] if len(text) > 1 and text[-1] == '"' else text[1:]
        return inner.replace('""', '"')
    return text
