"""One record of a chunk: the fast way through compiled templates, and the tolerant way for everything else."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

from parsers.evtx.binxml import BinXmlError, Names, TreeParser
from parsers.evtx.interpret import Interpreter, Reading, Value
from parsers.evtx.plans import make_plan
from parsers.evtx.structs import Token, ValueType
from parsers.records import EventRecord

if TYPE_CHECKING:
    from parsers.evtx.compile import Payload
    from parsers.evtx.templates import Template, TemplateStore, Tree

_INSTANCE = struct.Struct("<II").unpack  # template identifier, offset of the definition
_INSTANCE_SIZE = 10  # token, one unknown byte, and these
_U32 = struct.Struct("<I").unpack_from
_FRAGMENT_HEADER_SIZE = 4
MAX_FRAGMENTS = 16  # fragments within fragments; real events stay at two

Descriptors = tuple[int, ...]


@lru_cache(maxsize=256)
def _descriptors(count: int) -> struct.Struct:
    """Sizes and types of `count` values: size, type, one byte unused, for each."""
    return struct.Struct("<" + "HBx" * count)


class RecordDecoder:
    """Decodes the records of one chunk. Not for use by several threads."""

    def __init__(self, chunk: bytes, store: TemplateStore, *, compile_after: int) -> None:
        """Prepare for a chunk; `compile_after` says how often a shape is interpreted before it is compiled."""
        self._chunk = chunk
        self._store = store
        self._names = Names(chunk)
        # by the bytes that name them: (template, its size, its offset)
        self._templates: dict[bytes, tuple[Template, int, int]] = {}
        self._compile_after = compile_after
        self._depth = 0

    def decode(
        self, start: int, end: int, offset: int, number: int, written: int, *, recovered: bool
    ) -> tuple[EventRecord, list[str]]:
        """The record whose binary XML lies in [start, end) of the chunk, and what is damaged in it.

        A record that cannot be read at all keeps what its header says; its other fields are None.
        """
        self._depth = 0
        try:
            record = self._fast(start, end, offset, number, written, recovered)
        except (ValueError, IndexError, struct.error):
            record = None  # ValueError: BinXmlError, MismatchError, BadValueError, UnicodeDecodeError
        if record is not None:
            return record, []
        return self._slow(start, end, offset, number, written, recovered=recovered)

    def _instance(self, start: int, end: int) -> tuple[Template, Descriptors, int]:
        """Template, value descriptors and offset of the first value of the instance whose token is at `start`."""
        chunk = self._chunk
        at = start + _INSTANCE_SIZE
        named = chunk[start + 2 : at]
        found = self._templates.get(named)
        if found is None:
            identifier, defined = _INSTANCE(named)
            found = (*self._store.load(chunk, self._names, defined, identifier), defined)
            self._templates[named] = found
        if found[2] == at:
            at += found[1]
        count = _U32(chunk, at)[0]
        at += 4
        if at + 4 * count > end:
            raise BinXmlError(f"a template instance of {count} values")
        return found[0], _descriptors(count).unpack_from(chunk, at), at + 4 * count

    def _fast(
        self,
        start: int,
        end: int,
        offset: int,
        number: int,
        written: int,
        recovered: bool,  # noqa: FBT001  # hot path
    ) -> EventRecord | None:
        chunk = self._chunk
        if chunk[start] == Token.FRAGMENT_HEADER:
            start += _FRAGMENT_HEADER_SIZE
        if chunk[start] != Token.TEMPLATE_INSTANCE:
            return None
        template, descriptors, at = self._instance(start, end)
        if at + sum(descriptors[0::2]) > end or not template.plan.system:
            return None
        function = template.function(descriptors[1::2], self._compile_after)
        if function is None:
            return None
        record: EventRecord = function(chunk, at, descriptors, self._nested, offset, number, written, recovered)
        return record

    def _nested(self, start: int, size: int) -> Payload:
        """The payload in the fragment at `start`; ValueError where only the tolerant way can read it."""
        chunk = self._chunk
        end = start + size
        if chunk[start] == Token.FRAGMENT_HEADER:
            start += _FRAGMENT_HEADER_SIZE
        self._depth += 1
        if chunk[start] == Token.TEMPLATE_INSTANCE and self._depth <= MAX_FRAGMENTS:
            template, descriptors, at = self._instance(start, end)
            if at + sum(descriptors[0::2]) <= end and not template.plan.system:
                function = template.function(descriptors[1::2], self._compile_after)
                if function is not None:
                    payload: Payload = function(chunk, at, descriptors, self._nested)
                    return payload
        raise BinXmlError("a fragment for the interpreter")

    def _slow(
        self, start: int, end: int, offset: int, number: int, written: int, *, recovered: bool
    ) -> tuple[EventRecord, list[str]]:
        reading = Reading()
        self._depth = 0
        self._fragment(Value(ValueType.BIN_XML, start, end - start), reading)
        fields = reading.fields
        event_id, qualifiers = fields.get("event_id"), fields.get("qualifiers")
        if isinstance(event_id, int) and event_id > 0xFFFF and qualifiers is None:
            fields["qualifiers"] = event_id >> 16 & 0xFFFF
        if isinstance(event_id, int):
            fields["event_id"] = event_id & 0xFFFF
        given: dict[str, object] = {name: fields.get(name) for name in EventRecord._fields}
        given |= {
            "offset": offset,
            "record_number": number,
            "written": written,
            "recovered": recovered,
            "strings": reading.strings,
            "names": tuple(reading.names) if any(name is not None for name in reading.names) else None,
            "data": reading.data,
            "payload": reading.payload,
            "message": reading.message,
        }
        return EventRecord(**given), reading.faults  # type: ignore[arg-type]  # the interpreter keeps types per field

    def _fragment(self, value: Value, reading: Reading) -> None:
        """Read the fragment that is `value` into `reading`; what cannot be read becomes a fault."""
        self._depth += 1
        if self._depth > MAX_FRAGMENTS:
            reading.faults.append("fragments nested too deeply")
            return
        start, end = value.offset, min(value.offset + value.size, len(self._chunk))
        try:
            if self._chunk[start] == Token.FRAGMENT_HEADER:
                start += _FRAGMENT_HEADER_SIZE
            if self._chunk[start] == Token.TEMPLATE_INSTANCE:
                template, descriptors, at = self._instance(start, end)
                plan, values = template.plan, self._values(descriptors, at, end, reading)
            else:
                plan, values = make_plan(self._tree(start, end)), []
        except (BinXmlError, IndexError, struct.error) as error:
            reading.faults.append(str(error) if isinstance(error, BinXmlError) else "binary XML that is cut off")
            return
        Interpreter(self._chunk, self._fragment).evaluate(plan, values, reading)

    def _tree(self, start: int, end: int) -> Tree:
        """Elements that stand without a template: with or without dependency identifiers, [MS-EVEN6] 2.2.12."""
        try:
            return TreeParser(self._chunk, self._names, dependency_ids=False).parse(start, end)[0]
        except BinXmlError:
            return TreeParser(self._chunk, self._names, dependency_ids=True).parse(start, end)[0]

    @staticmethod
    def _values(descriptors: Descriptors, at: int, end: int, reading: Reading) -> list[Value]:
        values = []
        for size, kind in zip(descriptors[0::2], descriptors[1::2], strict=True):
            left = max(0, end - at)
            values.append(Value(kind, at, min(size, left), cut=size > left))
            at += size
        cut = sum(value.cut for value in values)
        if cut:
            reading.faults.append(f"{cut} of {len(values)} values are cut off")
        return values
