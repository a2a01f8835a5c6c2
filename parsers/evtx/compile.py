"""Turn a plan and the types of its values into one straight-line function.

Events of one template and one combination of value types differ only in their bytes, so everything else is decided
once: which values are needed, which lie at fixed distances (one `struct` for each run of them), how each is printed.
The generated source holds names, constants by `repr`, and expressions from `values.TEXT_EXPRESSIONS`; text of the
evidence enters it as a constant of the function's namespace and never as source.

A function raises `MismatchError` (a size that its type does not have) or another ValueError (bad bytes): then
`interpret.py` reads the record.
"""

from __future__ import annotations

import re
from codecs import utf_16_le_decode  # half the time of bytes.decode, which looks the codec up in Python
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any

from parsers.evtx import values
from parsers.evtx.plans import INT_FIELDS, WIDE_FIELDS, Parts, Plan
from parsers.evtx.structs import ARRAY, FIXED_CODES, ValueType
from parsers.evtx.values import TEXT_EXPRESSIONS, as_filetime, as_int, value_text
from parsers.records import EventRecord

Function = Callable[..., Any]
# strings, names, data, payload, message
Payload = tuple[list[str], "tuple[str | None, ...] | None", bytes, "str | None", "str | None"]
NO_PAYLOAD: Payload = ([], None, b"", None, None)

# What a run of fixed sizes is made of; a pointer is taken for eight bytes, a four-byte one is a mismatch.
_RUN_CODES: dict[int, tuple[str, int]] = {**FIXED_CODES, ValueType.NULL: ("0x", 0), ValueType.SIZE_T: ("Q", 8)}
# Types whose every value is in the range of a field; a wider event id would hold the qualifiers too.
_EVENT_ID_CODES, _NARROW_CODES, _WIDE_CODES = frozenset("BH"), frozenset("BHI"), frozenset("BHIqQ")
# Fields whose few values come again and again: one object each makes records small to keep and to send.
_SHARED_FIELDS = frozenset({"source", "log", "computer"})
_EVENT_FIELDS = EventRecord._fields
# No real template uses a value twice. A hostile one does so thousands of times, to make a huge text of a small record:
# the interpreter sees to it that it gets no more than a few times the record's bytes.
MAX_USES = 3
_MAX_PIECES = 64  # of one text: the expression for it must not be nested deeper than Python compiles
_GIVEN = {"offset", "record_number", "written", "recovered"}
_PAYLOAD_FIELDS = {"strings", "names", "data", "payload", "message"}


class MismatchError(ValueError):
    """The instance is not of the shape that the function was made for."""


class _NotCompilableError(Exception):
    """A shape so rare that interpreting it is good enough."""


@lru_cache(maxsize=512)  # of texts of up to 64 KiB each
def shared_text(raw: bytes) -> str:
    """UTF-16LE text, the same object for the same bytes."""
    return utf_16_le_decode(raw, "surrogatepass", True)[0].rstrip("\0")  # noqa: FBT003  # a C function without keywords


_VARIABLE_READS: dict[int, str] = {
    ValueType.STRING: "utf16(c[o:o + s], 'surrogatepass', True)[0].rstrip('\\0')",
    ValueType.ANSI_STRING: "ansi_text(c[o:o + s])",
    ValueType.EVT_XML: "utf16(c[o:o + s], 'surrogatepass', True)[0].rstrip('\\0')",
    ValueType.BINARY: "c[o:o + s]",
    ValueType.BIN_XML: "(o, s)",
    ValueType.SID: "sid_value(c[o:o + s]) if s else None",
}


def names_or_none(names: tuple[str | None, ...]) -> tuple[str | None, ...] | None:
    """The names, None where no value has one: arrays without items leave no value, and none of their names."""
    return names if any(name is not None for name in names) else None


def compile_plan(plan: Plan, kinds: bytes) -> Function | None:
    """The function for `plan` with values of `kinds`, or None where only the interpreter will do.

    A plan with System fields gives `f(c, o, d, nested, offset, record_number, written, recovered) -> EventRecord`, any
    other `f(c, o, d, nested) -> Payload`; `c` is the chunk, `o` the offset of the first value, `d` the sizes of
    the values, `nested(offset, size)` reads a fragment. The caller has checked that all values lie inside the record.
    """
    try:
        return _Writer(plan, kinds).function()
    except _NotCompilableError:
        return None


class _Writer:
    def __init__(self, plan: Plan, kinds: bytes) -> None:
        self._plan = plan
        self._kinds = kinds
        self._lines: list[str] = []
        self._space: dict[str, Any] = {
            "EventRecord": EventRecord,
            "MismatchError": MismatchError,
            "as_filetime": as_filetime,
            "names_or_none": names_or_none,
            "new": tuple.__new__,
            "shared_text": shared_text,
            "utf16": utf_16_le_decode,
            "value_text": value_text,
            "none": NO_PAYLOAD,
            **{name: getattr(values, name) for name in (
                "ansi_text", "array_texts", "filetime_text", "guid_text", "real_text", "sid_value",
                "string_list", "systemtime_text")},
        }  # fmt: skip
        self._shared = {
            parts[0].slot
            for field, parts in plan.system.items()
            if field in _SHARED_FIELDS and len(parts) == 1 and not isinstance(parts[0], str)
        }
        self._items = [item for item in plan.items if not any(self._is_null(slot) for slot in item.depends)]
        self._used = self._used_slots()

    def _is_null(self, slot: int) -> bool:
        return slot < len(self._kinds) and self._kinds[slot] == ValueType.NULL

    def _used_slots(self) -> set[int]:
        plan = self._plan
        groups = [*plan.system.values(), plan.binary, plan.payload, plan.message, plan.nested]
        groups += [parts for item in self._items for parts in (item.name, item.value)]
        used = Counter(part.slot for parts in groups for part in parts if not isinstance(part, str))
        if any(slot >= len(self._kinds) for slot in used) or max(used.values(), default=0) > MAX_USES:
            raise _NotCompilableError
        return set(used)

    def _constant(self, value: object) -> str:
        name = f"K{len(self._space)}"
        self._space[name] = value
        return name

    def function(self) -> Function:
        self._read_values()
        payload = self._payload()
        if self._plan.system:
            self._lines += payload
            given = {**{name: name for name in _GIVEN | _PAYLOAD_FIELDS}, **self._system()}
            fields = ", ".join(given.get(field, "None") for field in _EVENT_FIELDS)
            self._lines.append(f"return new(EventRecord, ({fields},))")
            head = "def f(c, o, d, nested, offset, record_number, written, recovered):"
        else:
            self._lines += [*payload, "return strings, names, data, payload, message"]
            head = "def f(c, o, d, nested):"
        source = "\n    ".join([head, *self._lines])
        exec(compile(source, "<template>", "exec"), self._space)  # noqa: S102  # own source, see above
        made: Function = self._space["f"]
        return made

    def _read_values(self) -> None:
        """Bind every value that is used to `v<slot>`, walking the values once."""
        run: list[int] = []
        for slot, kind in enumerate(self._kinds):
            if kind in _RUN_CODES:
                run.append(slot)
                continue
            self._read_run(run)
            run = []
            self._read_variable(slot, kind)
        self._read_run(run)

    def _read_run(self, run: list[int]) -> None:
        if not run:
            return
        codes, targets, sizes = "<", [], []
        for slot in run:
            kind = self._kinds[slot]
            code, size = _RUN_CODES[kind]
            sizes.append(size)
            if slot in self._used and kind != ValueType.NULL:
                codes += code
                targets.append(f"v{slot}")
            else:
                codes += f"{size}x"
        first, last = run[0], run[-1]
        self._lines.append(f"if d[{first}:{last + 1}] == {tuple(sizes)!r}:")
        if targets:
            unpack = self._constant(Struct(codes).unpack_from)
            self._lines.append(f"    {', '.join(targets)}, = {unpack}(c, o)")
        self._lines.append(f"    o += {sum(sizes)}")
        self._lines.append("else:")
        for slot, size in zip(run, sizes, strict=True):
            self._lines += [f"    {line}" for line in self._read_single(slot, size)]

    def _read_single(self, slot: int, size: int) -> list[str]:
        """One value of a run in which a size is not the usual one: Windows writes null values that have bytes."""
        kind = self._kinds[slot]
        if kind == ValueType.NULL:
            return [f"o += d[{slot}]"]
        lines = [f"if d[{slot}] != {size}: raise MismatchError"]
        if slot in self._used:
            unpack = self._constant(Struct(f"<{_RUN_CODES[kind][0]}").unpack_from)
            lines.append(f"v{slot}, = {unpack}(c, o)")
        return [*lines, f"o += {size}"]

    def _read_variable(self, slot: int, kind: int) -> None:
        if kind == ValueType.STRING | ARRAY:
            read = "string_list(c[o:o + s])"
        elif kind & ARRAY:
            read = f"array_texts(c[o:o + s], {kind & ~ARRAY})"
        elif kind == ValueType.STRING and slot in self._shared:
            read = "shared_text(c[o:o + s])"
        elif kind in _VARIABLE_READS:
            read = _VARIABLE_READS[kind]
        else:
            raise _NotCompilableError
        self._lines.append(f"s = d[{slot}]")
        if slot in self._used:
            self._lines.append(f"v{slot} = {read}")
        self._lines.append("o += s")

    def _slot_text(self, slot: int) -> str:
        """An expression for the text of one value; None-able values print as empty."""
        kind = self._kinds[slot]
        if kind == ValueType.NULL:
            return "''"
        if kind & ARRAY:
            return f"value_text(v{slot}, {kind})"
        if kind == ValueType.BIN_XML:
            raise _NotCompilableError
        if kind == ValueType.SID:
            return f"(v{slot} or '')"
        return re.sub(r"\bv\b", f"v{slot}", TEXT_EXPRESSIONS.get(kind, "str(v)"))

    def _text(self, parts: Parts) -> str:
        if len(parts) > _MAX_PIECES:
            raise _NotCompilableError
        pieces = [self._constant(p) if isinstance(p, str) else self._slot_text(p.slot) for p in parts]
        return " + ".join(pieces) or "''"

    def _system(self) -> dict[str, str]:
        return {field: self._field(field, parts) for field, parts in self._plan.system.items()}

    def _field(self, field: str, parts: Parts) -> str:
        if field in INT_FIELDS:
            return self._number(field, parts)
        if len(parts) != 1:
            if field == "generated":
                raise _NotCompilableError
            return f"({self._text(parts)}) or None"
        part = parts[0]
        if isinstance(part, str):
            return self._constant(as_filetime(part, ValueType.STRING) if field == "generated" else part or None)
        kind = self._kinds[part.slot]
        if kind == ValueType.NULL:
            return "None"
        if kind & ARRAY or kind == ValueType.BIN_XML:
            raise _NotCompilableError
        if field == "generated":
            return f"v{part.slot}" if kind == ValueType.FILETIME else f"as_filetime(v{part.slot}, {kind})"
        return f"{self._slot_text(part.slot)} or None"

    def _number(self, field: str, parts: Parts) -> str:
        """A number that cannot be out of its field's range; anything else is left to the interpreter."""
        if not parts:
            return "None"
        part = parts[0]
        if len(parts) == 1 and isinstance(part, str):
            value = as_int(part)
            if value is None or 0 <= value <= 0xFFFF:
                return self._constant(value)
        elif len(parts) == 1 and not isinstance(part, str):
            kind = self._kinds[part.slot]
            if kind == ValueType.NULL:
                return "None"
            codes = _WIDE_CODES if field in WIDE_FIELDS else _EVENT_ID_CODES if field == "event_id" else _NARROW_CODES
            if FIXED_CODES.get(kind, ("", 0))[0] in codes:
                return f"v{part.slot}"
        raise _NotCompilableError

    def _payload(self) -> list[str]:
        """Statements that bind strings, names, data, payload and message."""
        plan = self._plan
        nested = [sub.slot for sub in plan.nested if self._kinds[sub.slot] != ValueType.NULL]
        if nested:
            own = self._items or plan.binary or plan.payload or plan.message
            if own or len(nested) > 1 or self._kinds[nested[0]] != ValueType.BIN_XML:
                raise _NotCompilableError
            call = f"nested(*v{nested[0]}) if v{nested[0]}[1] else none"
            return [f"strings, names, data, payload, message = {call}"]
        return [
            f"strings = [{', '.join(self._item_text(item.value) for item in self._items)}]",
            f"names = {self._names()}",
            f"data = {self._binary()}",
            f"payload = {self._text(plan.payload) if plan.payload else 'None'}",
            f"message = {f'({self._text(plan.message)}) or None' if plan.message else 'None'}",
        ]

    def _item_text(self, parts: Parts) -> str:
        if len(parts) == 1 and not isinstance(parts[0], str) and self._kinds[parts[0].slot] & ARRAY:
            return f"*v{parts[0].slot}"
        return self._text(parts)

    def _names(self) -> str:
        """A constant where it can be one: then all events of the template share it."""
        items = self._items
        if not any(item.name for item in items):
            return "None"
        pieces, constant = [], []
        for item in items:
            literal = all(isinstance(part, str) for part in item.name)
            name: str | None = "".join(map(str, item.name)) if item.name else None
            text = self._constant(name) if literal else f"({self._text(item.name)})"
            spread = self._item_text(item.value)
            pieces.append(f"*([{text}] * len({spread[1:]}))" if spread.startswith("*") else text)
            if literal and not spread.startswith("*"):
                constant.append(name)
        if len(constant) == len(items):
            return self._constant(tuple(constant))
        return f"names_or_none(({', '.join(pieces)},))"

    def _binary(self) -> str:
        parts = self._plan.binary
        if not parts:
            return "b''"
        if len(parts) == 1 and not isinstance(parts[0], str):
            kind = self._kinds[parts[0].slot]
            if kind == ValueType.NULL:
                return "b''"
            if kind == ValueType.BINARY:
                return f"v{parts[0].slot}"
        raise _NotCompilableError
