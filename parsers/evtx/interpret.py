"""Evaluate a plan step by step: tolerant of every damage, and the reference for the compiled functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parsers.evtx.plans import INT_FIELDS, WIDE_FIELDS, Parts, Plan
from parsers.evtx.structs import ARRAY, CHUNK_SIZE, ValueType
from parsers.evtx.values import (
    BadValueError,
    Natural,
    array_texts,
    as_filetime,
    as_int,
    natural,
    value_text,
)
from parsers.records import EventRecord
from parsers.texts import decode_utf16

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.evtx.binxml import Part, Sub


# Bytes of values read for one record, those that are read several times counted so often. `compile.MAX_USES` times the
# largest record is less, so that compiled functions need not count.
MAX_VALUE_BYTES = 4 * CHUNK_SIZE
_UNTYPED = -1


class Value(NamedTuple):
    """One value of a template instance: where in the chunk it lies; `cut` where bytes of it are missing."""

    kind: int
    offset: int
    size: int
    cut: bool = False


class Reading:
    """What has been read of one record so far, its nested fragments included."""

    __slots__ = ("data", "faults", "fields", "message", "names", "payload", "room", "strings")

    def __init__(self) -> None:
        self.fields: dict[str, int | str | None] = {}
        self.strings: list[str] = []
        self.names: list[str | None] = []
        self.data = b""
        self.payload: str | None = None
        self.message: str | None = None
        self.faults: list[str] = []
        self.room = MAX_VALUE_BYTES

    def record(self, offset: int, number: int | None, written: int | None, *, recovered: bool) -> EventRecord:
        """What was read as a record, beside what stands outside the event's XML."""
        fields = self.fields
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
            "strings": self.strings,
            "names": tuple(self.names) if any(name is not None for name in self.names) else None,
            "data": self.data,
            "payload": self.payload,
            "message": self.message,
        }
        return EventRecord(**given)  # type: ignore[arg-type]  # the interpreter keeps types per field


class Interpreter:
    """Evaluates plans against values of one chunk into a `Reading`."""

    def __init__(self, chunk: bytes, nested: Callable[[Value, Reading], None]) -> None:
        """Prepare; `nested` reads the fragment that is a value into the same reading."""
        self._chunk = chunk
        self._nested = nested

    def evaluate(self, plan: Plan, values: list[Value], reading: Reading) -> None:
        """Add to `reading` what `plan` says with `values`; every damaged value becomes a fault, never an exception."""
        for field, parts in plan.system.items():
            reading.fields[field] = self._field(field, parts, values, reading)
        for item in plan.items:
            if not any(slot < len(values) and values[slot].kind == ValueType.NULL for slot in item.depends):
                self._item(item.name, item.value, values, reading)
        if plan.binary:
            reading.data = self._binary(plan.binary, values, reading)
        if plan.payload:
            reading.payload = self._text(plan.payload, values, reading)
        if plan.message:
            reading.message = self._text(plan.message, values, reading) or None
        for sub in plan.nested:
            self._splice(sub, values, reading)

    def _splice(self, sub: Sub, values: list[Value], reading: Reading) -> None:
        if sub.slot >= len(values):
            reading.faults.append(f"substitution {sub.slot} has no value")
            return
        value = values[sub.slot]
        if value.kind == ValueType.BIN_XML:
            if value.size:
                self._nested(value, reading)
        elif value.kind != ValueType.NULL:
            self._item((), (sub,), values, reading)

    def _item(self, name: Parts, parts: Parts, values: list[Value], reading: Reading) -> None:
        texts: list[str]
        if len(parts) == 1 and not isinstance(parts[0], str) and parts[0].slot < len(values):
            value = values[parts[0].slot]
            if value.kind == ValueType.BIN_XML:
                self._nested(value, reading)
                return
            found, kind = self._natural(value, reading)
            # An array stands for one element per item, [MS-EVEN6] 2.2.12.
            texts = found if isinstance(found, list) else [value_text(found, kind)]
        else:
            texts = [self._text(parts, values, reading)]
        shown = self._text(name, values, reading) if name else None
        reading.strings += texts
        reading.names += [shown] * len(texts)

    def _field(self, field: str, parts: Parts, values: list[Value], reading: Reading) -> int | str | None:
        found: Natural
        if len(parts) == 1:
            found, kind = self._part(parts[0], values, reading)
        else:
            found, kind = self._text(parts, values, reading), int(ValueType.STRING)
        if field == "generated":
            return as_filetime(found, kind)
        if kind == _UNTYPED and field in INT_FIELDS:
            return None  # hexadecimal text of damaged bytes is not the number
        if field not in INT_FIELDS:
            return value_text(found, kind) or None
        number = as_int(found)
        if number is not None and field not in WIDE_FIELDS and not 0 <= number < 1 << 32:
            reading.faults.append(f"{field} is {number}")
            return None
        return number

    def _part(self, part: Part, values: list[Value], reading: Reading) -> tuple[Natural, int]:
        """The natural value of one part, and its type."""
        if isinstance(part, str):
            return part, ValueType.STRING
        if part.slot >= len(values):
            reading.faults.append(f"substitution {part.slot} has no value")
            return None, ValueType.NULL
        value = values[part.slot]
        return self._natural(value, reading)

    def _binary(self, parts: Parts, values: list[Value], reading: Reading) -> bytes:
        if len(parts) == 1 and not isinstance(parts[0], str) and parts[0].slot < len(values):
            value = values[parts[0].slot]
            return self._chunk[value.offset : value.offset + value.size]
        try:
            return bytes.fromhex(self._text(parts, values, reading))
        except ValueError:
            reading.faults.append("binary data that is no hexadecimal text")
            return b""

    def _text(self, parts: Parts, values: list[Value], reading: Reading) -> str:
        return "".join(value_text(*self._part(part, values, reading)) for part in parts)

    def _natural(self, value: Value, reading: Reading) -> tuple[Natural, int]:
        """The value and its type; of bytes that cannot be of their type, hexadecimal text and no type."""
        reading.room -= value.size
        if reading.room < 0:
            reading.faults.append("values repeated until they are larger than any record")
            return None, ValueType.NULL
        raw = self._chunk[value.offset : value.offset + value.size]
        if value.cut:
            return self._remains(raw, value.kind), value.kind
        try:
            return natural(raw, value.kind), value.kind
        except BadValueError as error:
            reading.faults.append(str(error))
            return raw.hex().upper(), _UNTYPED

    @staticmethod
    def _remains(raw: bytes, kind: int) -> Natural:
        """What is left of a value whose end is missing: text up to the cut, of everything else nothing."""
        raw = raw[: len(raw) & ~1]
        if kind == ValueType.STRING:
            return decode_utf16(raw)
        if kind == ValueType.STRING | ARRAY:
            return array_texts(raw, ValueType.STRING)
        return None
