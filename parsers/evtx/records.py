"""One record of a chunk: the fast way through compiled templates, and the tolerant way for everything else."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from parsers.evtx.binxml import BinXmlError, Names, TreeParser
from parsers.evtx.interpret import Interpreter, Reading, Value
from parsers.evtx.plans import make_plan
from parsers.evtx.structs import (
    CHUNK_SIZE,
    RECORD_HEADER,
    RECORD_HEADER_SIZE,
    RECORD_MIN_SIZE,
    RECORD_SIGNATURE_VALUE,
    Token,
    ValueType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.evtx.compile import Function, Payload
    from parsers.evtx.templates import Template, TemplateStore, Tree
    from parsers.records import EventRecord

_RECORD_HEADER = RECORD_HEADER.unpack_from
_INSTANCE = struct.Struct("<II").unpack  # template identifier, offset of the definition
_INSTANCE_SIZE = 10  # token, one unknown byte, and these
_U32 = struct.Struct("<I").unpack_from
_FRAGMENT_HEADER_SIZE = 4
# Plain numbers: comparing with an enum's member takes four times as long, twice for every record.
_FRAGMENT_TOKEN = int(Token.FRAGMENT_HEADER)
_INSTANCE_TOKEN = int(Token.TEMPLATE_INSTANCE)
MAX_FRAGMENTS = 16  # fragments within fragments; real events stay at two
# Definitions of a real chunk lie side by side in its 64 KiB; those of a hostile one overlap, one for each record.
MAX_DEFINITION_BYTES = 16 * CHUNK_SIZE

_DESCRIPTOR_SIZE = 4  # of each value: size, type, one byte unused
_TYPE = 2  # where in a descriptor the type stands
_MAX_KEPT = 256


class _SizeReaders(dict[int, "Callable[[bytes, int], tuple[int, ...]]"]):
    """Reads the sizes out of so many descriptors."""

    def __missing__(self, count: int) -> Callable[[bytes, int], tuple[int, ...]]:
        reader = struct.Struct("<" + "H2x" * count).unpack_from
        if count <= _MAX_KEPT:  # no real event has more; a hostile log could fill the memory with larger ones
            self[count] = reader
        return reader


_read_sizes = _SizeReaders()


# The functions of a template, the offset of its definition, the size of that, the template.
_Definition = tuple["dict[bytes, Function]", int, int, "Template"]
# What compiled code raises where it cannot go on: BinXmlError, MismatchError, BadValueError and UnicodeDecodeError are
# ValueErrors, and fragments within fragments end in a RecursionError.
_UNUSUAL = (ValueError, IndexError, RecursionError, struct.error)


class RecordDecoder:
    """Decodes the records of one chunk. Not for use by several threads."""

    def __init__(self, chunk: bytes, store: TemplateStore, *, compile_after: int) -> None:
        """Prepare for a chunk; `compile_after` says how often a shape is interpreted before it is compiled."""
        self._chunk = chunk
        self._store = store
        self._names = Names(chunk)
        # Definitions by the bytes that name them in an instance: event templates for records, all others for fragments.
        self._events: dict[bytes, _Definition] = {}
        self._payloads: dict[bytes, _Definition] = {}
        self._refused: dict[bytes, str] = {}
        self._definition_bytes = MAX_DEFINITION_BYTES
        self._compile_after = compile_after
        self._depth = 0

    def sound_records(  # noqa: C901  # written out: see below
        self, at: int, limit: int, base: int, *, recovered: bool
    ) -> tuple[list[EventRecord], int]:
        """The records from `at` on, as long as nothing is unusual; and the offset where that ends.

        Everything unusual is left to `decode`: damage, and combinations of types that have not been compiled. Most
        of the time of reading a log goes in this loop, so it is written out and calls little but what was compiled.
        """
        chunk, size, events, nested = self._chunk, len(self._chunk), self._events, self._nested
        records: list[EventRecord] = []
        self._depth = 1
        try:
            while at + RECORD_MIN_SIZE <= limit:
                signature, length, number, written = _RECORD_HEADER(chunk, at)
                end = at + length
                if (
                    signature != RECORD_SIGNATURE_VALUE
                    or length < RECORD_MIN_SIZE
                    or end > size
                    or chunk[end - 4 : end] != chunk[at + 4 : at + 8]
                ):
                    break
                start = at + RECORD_HEADER_SIZE
                if chunk[start] == _FRAGMENT_TOKEN:
                    start += _FRAGMENT_HEADER_SIZE
                values = start + _INSTANCE_SIZE
                if chunk[start] != _INSTANCE_TOKEN:
                    break
                named = chunk[start + 2 : values]
                definition = events.get(named)
                if definition is None:
                    definition = self._define(named)
                    if named not in events:
                        break
                functions, defined, definition_size, _ = definition
                if defined == values:
                    values += definition_size
                count = _U32(chunk, values)[0]
                values += 4
                first = values + _DESCRIPTOR_SIZE * count
                function = functions.get(chunk[values + _TYPE : first : _DESCRIPTOR_SIZE]) if first < end else None
                if function is None:
                    break
                sizes = _read_sizes[count](chunk, values)
                if first + sum(sizes) > end - 4:
                    break
                records.append(function(chunk, first, sizes, nested, base + at, number, written, recovered))
                at = end
        except _UNUSUAL:
            pass  # the record at `at` is for `decode`
        return records, at

    def _nested(self, start: int, size: int) -> Payload:
        """The payload in the fragment at `start`; ValueError where only the tolerant way can read it."""
        chunk = self._chunk
        end = start + size
        if chunk[start] == _FRAGMENT_TOKEN:
            start += _FRAGMENT_HEADER_SIZE
        values = start + _INSTANCE_SIZE
        if chunk[start] == _INSTANCE_TOKEN:
            named = chunk[start + 2 : values]
            definition = self._payloads.get(named) or self._define(named)
            functions, defined, definition_size, _ = definition
            if defined == values:
                values += definition_size
            count = _U32(chunk, values)[0]
            values += 4
            first = values + _DESCRIPTOR_SIZE * count
            if first <= end:
                function = functions.get(chunk[values + _TYPE : first : _DESCRIPTOR_SIZE])
                sizes = _read_sizes[count](chunk, values)
                # A whole event where a payload should be has no business here: its function gives a record.
                # As deep as the interpreter goes, so that a record is the same whichever of the two reads it.
                if (
                    function is not None
                    and first + sum(sizes) <= end
                    and named in self._payloads
                    and self._depth < MAX_FRAGMENTS
                ):
                    self._depth += 1
                    payload: Payload = function(chunk, first, sizes, self._nested)
                    self._depth -= 1
                    return payload
        raise BinXmlError("a fragment for the interpreter")

    def decode(
        self, start: int, end: int, offset: int, number: int, written: int, *, recovered: bool
    ) -> tuple[EventRecord, list[str]]:
        """The record whose binary XML lies in [start, end) of the chunk, and what is damaged in it.

        Never raises. A record that cannot be read at all keeps what its header says; its other fields are None.
        """
        reading = Reading()
        self._depth = 0
        self._fragment(Value(ValueType.BIN_XML, start, end - start), reading)
        if not reading.fields and not reading.faults:
            reading.faults.append("no event in it")
        return reading.record(offset, number, written, recovered=recovered), reading.faults

    def _define(self, named: bytes) -> _Definition:
        """The definition that an instance names, kept for the next one; BinXmlError when there is none."""
        if named in self._refused:
            raise BinXmlError(self._refused[named])
        identifier, defined = _INSTANCE(named)
        size = self._store.size_at(self._chunk, defined, identifier)
        self._definition_bytes -= size
        if self._definition_bytes < 0:
            raise BinXmlError("definitions of templates that overlap")
        try:
            template = self._store.load(self._chunk, self._names, defined)
        except BinXmlError as error:
            self._refused[named] = str(error)
            raise
        definition = (template.functions, defined, size, template)
        (self._events if template.plan.system else self._payloads)[named] = definition
        return definition

    def _instance(self, start: int, end: int) -> tuple[Template, int, tuple[int, ...], bytes]:
        """Template, offset of the first value, and sizes and types of all values, of the instance at `start`.

        The types are one byte each, taken from every fourth byte of the descriptors: quick to cut out and to look up.
        """
        chunk = self._chunk
        at = start + _INSTANCE_SIZE
        named = chunk[start + 2 : at]
        _, defined, size, template = self._events.get(named) or self._payloads.get(named) or self._define(named)
        if defined == at:
            at += size
        count = _U32(chunk, at)[0]
        at += 4
        values = at + _DESCRIPTOR_SIZE * count
        if values > end:
            raise BinXmlError(f"a template instance of {count} values")
        return template, values, _read_sizes[count](chunk, at), chunk[at + _TYPE : values : _DESCRIPTOR_SIZE]

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
                template.meet(kinds, self._compile_after)
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
