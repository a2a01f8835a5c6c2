"""Reader of ProgramLog.txt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.lines import Entry, Stretch, as_stream, entries, first_text, stretches
from parsers.problems import Problem, ProblemKind
from parsers.programlog.dates import DateEvidence, DateForm, filetime
from parsers.programlog.structs import HEAD, LEVELS
from parsers.records import Decoded, EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

__all__ = ["NotProgramLogError", "ProgramLogBlock", "ProgramLogReader"]

LOG: Final = "ProgramLog"


class NotProgramLogError(ValueError):
    """No line has the form of a program log's."""


@dataclass(frozen=True, slots=True)
class ProgramLogBlock:
    """A stretch of a program log; how its dates are written, and in which zone, was told before it is decoded."""

    stretch: Stretch
    form: DateForm
    zone: tzinfo

    @property
    def size(self) -> int:
        """Bytes of the log that the block holds."""
        return len(self.stretch.raw)

    def decode(self) -> Decoded:
        """The block's entries as records, and what is damaged in them."""
        found, problems = entries(self.stretch, HEAD)
        records = []
        for at, entry in enumerate(found):
            last = self.stretch.last and at == len(found) - 1
            records.append(self._record(entry, last=last, problems=problems))
        return Decoded(records, sorted(problems, key=lambda p: p.offset))

    def _record(self, entry: Entry, *, last: bool, problems: list[Problem]) -> EventRecord:
        head = entry.head
        generated = None
        message = entry.text
        if head is None:
            detail = "text before the first entry; it was kept as one without a time"
            problems.append(Problem(ProblemKind.REMAINS, entry.offset, entry.size, detail))
        else:
            generated = filetime(head[1], self.form, self.zone)
            if generated is None and self.form is not DateForm.UNKNOWN:
                detail = f"the time of this entry is not one of the form {self.form}; it was kept without"
                problems.append(Problem(ProblemKind.BAD_VALUE, entry.offset, entry.size, detail))
            if not message.endswith('"') and not self.stretch.dropped:
                kind = ProblemKind.TRUNCATED if last else ProblemKind.BAD_VALUE
                detail = "no quotation mark ends the entry's text: it may be cut"
                problems.append(Problem(kind, entry.offset, entry.size, detail))
            # Nothing else keeps a date that could not be read, or a word that is no level.
            if generated is None:
                message = head[0].strip() + message
            else:
                word = "" if head[4] in LEVELS else f"{head[4]}: "
                message = word + message.removesuffix('"').strip()
        return EventRecord(
            offset=entry.offset,
            record_number=entry.number,
            event_record_id=None,
            generated=generated,
            written=None,
            log=LOG,
            source=LOG,
            event_id=None,
            qualifiers=None,
            level=None if head is None else LEVELS.get(head[4]),
            raw_type=None,
            category=None,
            computer=None,
            user_sid=None,
            strings=(),
            message=message,
            process_id=None if head is None else int(head[2]),
            thread_id=None if head is None else int(head[3]),
        )


class ProgramLogReader:
    """Every entry of a ProgramLog.txt, in the order of the file; lines without a beginning belong to the entry before.

    How the date is written is not documented: the whole log is read once before its first block, and where it leaves
    two readings, no entry gets a time. A record's number is the entry's place in the file, counted from 1; the log
    does not name its node.

    Damage it survives, and what is then said:

    - dates of a form that is not known: UNSUPPORTED, once; the records keep the entry as it stands, without a time
    - dates whose form shows in the order of the entries only: ASSUMED, once
    - a date that is not of the form of the others, or none: BAD_VALUE; that record keeps the entry as it stands
    - an entry without its closing quotation mark: BAD_VALUE, at the end of the file TRUNCATED
    - text before the first entry: a record without a time, and REMAINS
    - zero bytes: LOST_RANGE, and the text around them is read
    - an entry of more than 1 MiB: LIMIT, its beginning is kept

    Attributes:
        problems: what concerns the log as a whole.
        facts: `encoding`, `date_form`, and `assumed_tz` where no zone was given and times were read as UTC.

    Raises:
        NotProgramLogError: no entry in the first 256 KiB.
        OSError: the stream's own, here and from `blocks`.
    """

    problems: list[Problem]
    facts: dict[str, str]

    def __init__(self, source: BinaryIO | bytes, zone: tzinfo | None = None) -> None:
        """Prepare to read `source`, whose times are of `zone`; None: it is not known, UTC is assumed."""
        self._stream = as_stream(source)
        text, encoding = first_text(self._stream)
        if HEAD.search(text) is None:
            raise NotProgramLogError("no line here is an entry of a program log")
        self._zone = zone or UTC
        self._form, by_order = self._date_form()
        self.facts = {"encoding": encoding, "date_form": self._form}
        if zone is None and self._form is not DateForm.UNKNOWN:
            self.facts["assumed_tz"] = "UTC"
        self.problems = []
        if self._form is DateForm.UNKNOWN:
            detail = "how its dates are written cannot be told; its entries have no times"
            self.problems.append(Problem(ProblemKind.UNSUPPORTED, 0, 0, detail))
        elif by_order:
            detail = f"its dates were read as {self._form}: only so do the entries follow each other"
            self.problems.append(Problem(ProblemKind.ASSUMED, 0, 0, detail))

    def _date_form(self) -> tuple[DateForm, bool]:
        evidence = DateEvidence()
        for stretch in stretches(self._stream, HEAD):
            for match in HEAD.finditer(stretch.encoding.text(stretch.raw)):
                evidence.add(match[1])
        return evidence.form()

    def blocks(self) -> Iterator[ProgramLogBlock]:
        """Yield the log in blocks of whole entries, about 256 KiB each."""
        for stretch in stretches(self._stream, HEAD):
            yield ProgramLogBlock(stretch, self._form, self._zone)
