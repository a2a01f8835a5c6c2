"""Event XML: `wevtutil qe /f:xml` (events without a root), `wevtutil qe /e:Root`, Event Viewer's "Save as XML".

The schema is that of Windows: https://learn.microsoft.com/windows/win32/wes/eventschema-schema. An event read here has
the fields that it has when it is read from the .evtx log: both go through the same plan of a tree.

Damage this survives: files that are cut anywhere, events that are cut, bytes of another encoding than declared,
characters that XML forbids, references to undeclared entities, foreign bytes between events. Each costs at most the
event that it stands in, and is a problem with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parsers.evtx.binxml import Element
from parsers.evtx.interpret import Interpreter, Reading
from parsers.evtx.plans import INT_FIELDS, make_plan
from parsers.exports.encoding import Encoding, encoding_of
from parsers.exports.framing import Framer, Span
from parsers.exports.markup import read_markup
from parsers.problems import Problem, ProblemKind
from parsers.records import Decoded, EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

HEAD = 1000


class XmlBlock(NamedTuple):
    """A run of events: their bytes, from `offset` on in the stream, and where in these each event is."""

    offset: int
    data: bytes
    spans: list[Span]
    encoding: Encoding

    @property
    def size(self) -> int:
        """Bytes of the stream that the block holds."""
        return len(self.data)

    def decode(self) -> Decoded:
        """The events, and what is damaged of them. An event of which not even `System` is whole is a problem alone."""
        records: list[EventRecord] = []
        problems: list[Problem] = []
        assumed: list[int] = []
        for span in self.spans:
            offset = self.offset + span.start
            text, guessed = self.encoding.decode(self.data[span.start : span.end])
            if guessed:
                assumed.append(offset)
            record, faults = read_event(text, offset, cut=span.cut)
            if record is not None:
                records.append(record)
            if faults:
                number = f"event {record.record_number}: " if record and record.record_number is not None else ""
                detail = f"{number}{'; '.join(faults[:4])}"
                problems.append(Problem(ProblemKind.BAD_RECORD, offset, span.end - span.start, detail))
        if assumed:
            detail = "bytes that are not UTF-8 were read as Windows-1252"
            problems.append(Problem(ProblemKind.ASSUMED, assumed[0], 0, detail))
        return Decoded(records, problems)


def read_event(text: str, offset: int = 0, *, cut: bool = False) -> tuple[EventRecord | None, list[str]]:
    """The record of one event's XML, and what is wrong with it in words; no record where `System` was not read whole.

    Args:
        text: from the `<` of `<Event` on.
        offset: of the event in its stream.
        cut: the end of the event is known to be missing.
    """
    tree = read_markup(text)
    faults = list(tree.faults)
    if cut or not (tree.whole or faults):
        faults.append("its end is missing")
    if tree.root is None or "System" not in tree.closed:
        return None, faults or ["an event without System"]
    reading = Reading()
    plan = make_plan((tree.root,))
    Interpreter(b"", _nothing_nested).evaluate(plan, [], reading)
    faults += reading.faults
    for field, parts in plan.system.items():
        if field in INT_FIELDS and reading.fields[field] is None and "".join(map(str, parts)).strip():
            faults.append(f"{field} is no number")
    if _stray_text(tree.root):
        faults.append("text where only elements stand")
    identifier = reading.fields.get("event_record_id")
    record = reading.record(offset, identifier if isinstance(identifier, int) else None, None, recovered=False)
    if record.generated is None and "generated" in plan.system:
        faults.append("its time cannot be read")
    return record, faults


def _stray_text(event: Element) -> bool:
    """Whether text stands beside the parts of an event or of its System: remains of an overwritten element."""
    system = [child for child in event.children if isinstance(child, Element) and child.name == "System"]
    return any(isinstance(child, str) and child.strip() for element in (event, *system) for child in element.children)


def _nothing_nested(_value: object, _reading: Reading) -> None:
    """Text has no fragments of binary XML."""


class XmlReader:
    """A file of event XML, cut into blocks.

    Attributes:
        problems: damage outside of events; complete when `blocks` is used up.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Prepare for a stream at its start; nothing is read yet."""
        self.problems: list[Problem] = []
        self._stream = stream

    def blocks(self) -> Iterator[XmlBlock]:
        """Yield the file's events, many in one block, in their order.

        Raises:
            OSError: the stream cannot be read on.
        """
        self._stream.seek(0)
        encoding = encoding_of(self._stream.read(HEAD))
        self._stream.seek(0)
        framer = Framer(self._stream, encoding)
        for frame in framer.frames():
            yield XmlBlock(frame.offset, frame.data, frame.spans, encoding)
        self.problems += framer.problems
