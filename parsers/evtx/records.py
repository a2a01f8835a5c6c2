"""One record of a chunk: the fast way through compiled templates, and the tolerant way for everything else."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from parsers.evtx.binxml import BinXmlError, Names, TreeParser
from parsers.evtx.interpret import Interpreter, Reading, Value
from parsers.evtx.plans import make_plan
from parsers.evtx.structs import Token, ValueType
from parsers.records import EventRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.evtx.compile import Payload
    from parsers.evtx.templates import Template, TemplateStore, Tree

_INSTANCE = struct.Struct("<II").unpack  # template identifier, offset of the definition
_INSTANCE_SIZE = 10  # token, one unknown byte, and these
_U32 = struct.Struct("<I").unpack_from
_FRAGMENT_HEADER_SIZE = 4
# Plain numbers: comparing with an enum's member takes four times as long, twice for every record.
_FRAGMENT_TOKEN = int(Token.FRAGMENT_HEADER)
_INSTANCE_TOKEN = int(Token.TEMPLATE_INSTANCE)
MAX_FRAGMENTS = 16  # fragments within fragments; real events stay at two

_DESCRIPTOR_SIZE = 4  # of each value: size, type, one byte unused
_TYPE = 2  # where in a descriptor the type stands


class _SizeReaders(dict[int, "Callable[[bytes, int], tuple[int, ...]]"]):
    """Reads the sizes out of so many descriptors."""

    def __missing__(self, count: int) -> Callable[[bytes, int], tuple[int, ...]]:
        if len(self) > 256:
            self.clear()
        reader = self[count] = struct.Struct("<" + "H2x" * count).unpack_from
        return reader


_read_sizes = _SizeReaders()


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

    def _instance(self, start: int, end: int) -> tuple[Template, int, tuple[int, ...], bytes]:
        """Template, offset of the first value, and sizes and types of all values, of the instance at `start`.

        The types are one byte each, taken from every fourth byte of the descriptors: quick to cut out and to look up.
        """
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
        values = at + _DESCRIPTOR_SIZE * count
        if values > end:
            raise BinXmlError(f"a template instance of {count} values")
        return found[0], values, _read_sizes[count](chunk, at), chunk[at + _TYPE : values : _DESCRIPTOR_SIZE]

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
        if chunk[start] == _FRAGMENT_TOKEN:
            start += _FRAGMENT_HEADER_SIZE
        if chunk[start] != _INSTANCE_TOKEN:
            return None
        template, at, sizes, kinds = self._instance(start, end)
        function = template.function(kinds, self._compile_after)
        if function is None or at + sum(sizes) > end or not template.is_event:
            return None
        record: EventRecord = function(chunk, at, sizes, self._nested, offset, number, written, recovered)
        return record

    def _nested(self, start: int, size: int) -> Payload:
        """The payload in the fragment at `start`; ValueError where only the tolerant way can read it."""
        chunk = self._chunk
        end = start + size
        if chunk[start] == _FRAGMENT_TOKEN:
            start += _FRAGMENT_HEADER_SIZE
        self._depth += 1
        if chunk[start] == _INSTANCE_TOKEN and self._depth <= MAX_FRAGMENTS:
            template, at, sizes, kinds = self._instance(start, end)
            function = template.function(kinds, self._compile_after)
            if function is not None and at + sum(sizes) <= end and not template.is_event:
                payload: Payload = function(chunk, at, sizes, self._nested)
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
            if self._chunk[start] == _FRAGMENT_TOKEN:
                start += _FRAGMENT_HEADER_SIZE
            if self._chunk[start] == _INSTANCE_TOKEN:
                template, at, sizes, kinds = self._instance(start, end)
                plan, values = template.plan, self._values(sizes, kinds, at, end, reading)
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
    def _values(sizes: tuple[int, ...], kinds: bytes, at: int, end: int, reading: Reading) -> list[Value]:
        values = []
        for size, kind in zip(sizes, kinds, strict=True):
            left = max(0, end - at)
            values.append(Value(kind, at, min(size, left), cut=size > left))
            at += size
        cut = sum(value.cut for value in values)
        if cut:
            reading.faults.append(f"{cut} of {len(values)} values are cut off")
        return values
