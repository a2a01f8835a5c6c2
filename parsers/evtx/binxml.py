"""Binary XML into trees of elements, [MS-EVEN6] 2.2.12 and libevtx "Binary XML".

A tree is what a template definition or a fragment without template says; values that a template leaves open are `Sub`
nodes. Trees are compared and hashed, so they are plain tuples.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from parsers.evtx.structs import ARRAY, MORE_DATA, NAME_HEADER, Token, ValueType
from parsers.evtx.values import BadValueError, natural, value_text
from parsers.texts import decode_utf16

MAX_DEPTH = 64  # real events stay below 10
MAX_NAMES = 65536  # characters of all names that one tree refers to; a chunk holds half as many without overlapping
MAX_NAMES_KEPT = 1 << 20

_U16 = struct.Struct("<H").unpack_from
_U32 = struct.Struct("<I").unpack_from
_SUBSTITUTION = struct.Struct("<HB").unpack_from
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_NO_DEPENDENCY = 0xFFFF


class BinXmlError(ValueError):
    """Bytes that are no binary XML of the known grammar."""


class Sub(NamedTuple):
    """A value that the template leaves to its instance."""

    slot: int
    kind: int
    optional: bool


Part = str | Sub


class Element(NamedTuple):
    """One element; `children` holds elements, text and substitutions in document order.

    `depends` is the slot of a value without which (null) the element is not there at all; None: always there.
    """

    name: str
    depends: int | None
    attributes: tuple[tuple[str, tuple[Part, ...]], ...]
    children: tuple[Element | Part, ...]


class NameReference(NamedTuple):
    """Where a tree's bytes point to a name: the position of the pointer, and whether the name lies right behind it."""

    position: int
    inline: bool
    name: str


class Names:
    """The names of one chunk, each read once from its offset; `known` holds those read so far."""

    __slots__ = ("_characters", "_chunk", "known")

    def __init__(self, chunk: bytes) -> None:
        self._chunk = chunk
        self.known: dict[int, str] = {}
        self._characters = 0

    def at(self, offset: int) -> str:
        """The name stored at `offset` of the chunk; BinXmlError when it cannot be one."""
        name = self.known.get(offset)
        if name is None:
            chunk = self._chunk
            if offset < 0 or offset + 8 > len(chunk):
                raise BinXmlError(f"a name at {offset}, outside the chunk")
            count = NAME_HEADER.unpack_from(chunk, offset)[2]
            raw = chunk[offset + 8 : offset + 8 + 2 * count]
            if len(raw) != 2 * count or not count:
                raise BinXmlError(f"a name of {count} characters at {offset}")
            self._characters += count
            if self._characters > MAX_NAMES_KEPT:  # overlapping names: a hostile chunk holds thousands of long ones
                self.known.clear()
                self._characters = count
            name = self.known[offset] = decode_utf16(raw)
        return name


class _Builder:
    """Builds the tree while tokens come in."""

    __slots__ = ("attribute", "attributes", "frames", "roots")

    def __init__(self) -> None:
        self.roots: list[Element | Part] = []
        # name, dependency, attributes, children of every open element
        self.frames: list[tuple[str, int | None, list[tuple[str, list[Part]]], list[Element | Part]]] = []
        self.attribute: list[Part] | None = None

    def open(self, name: str, depends: int | None) -> None:
        if len(self.frames) >= MAX_DEPTH:
            raise BinXmlError("elements nested too deeply")
        self.frames.append((name, depends, [], []))
        self.attribute = None

    def start_attribute(self, name: str) -> None:
        if not self.frames:
            raise BinXmlError("an attribute outside any element")
        self.attribute = []
        self.frames[-1][2].append((name, self.attribute))

    def part(self, part: Part) -> None:
        if self.attribute is not None:
            self.attribute.append(part)
        else:
            (self.frames[-1][3] if self.frames else self.roots).append(part)

    def close(self) -> None:
        if not self.frames:
            raise BinXmlError("an end without a start")
        name, depends, attributes, children = self.frames.pop()
        element = Element(name, depends, tuple((n, tuple(parts)) for n, parts in attributes), tuple(children))
        (self.frames[-1][3] if self.frames else self.roots).append(element)
        self.attribute = None


class TreeParser:
    """Walks the tokens of one fragment of a chunk."""

    def __init__(self, chunk: bytes, names: Names, *, dependency_ids: bool) -> None:
        """Prepare for a chunk.

        Args:
            chunk: the whole chunk: names are offsets into it.
            names: its names.
            dependency_ids: whether element starts carry a dependency identifier: they do in template definitions and
                not in fragments that are values (libevtx, "Element start").
        """
        self._chunk = chunk
        self._names = names
        self._dependency_ids = dependency_ids
        self.references: list[NameReference] = []
        self._characters = 0

    def parse(self, offset: int, end: int) -> tuple[tuple[Element | Part, ...], int]:
        """The roots of the fragment at `offset`, and the offset behind its end token.

        Raises:
            BinXmlError: for anything that is not the grammar, or that leaves [offset, end).
        """
        chunk = self._chunk
        end = min(end, len(chunk))
        build = _Builder()
        try:
            while offset < end:
                token = chunk[offset]
                if token == Token.END_OF_STREAM:
                    offset += 1
                    break
                offset = self._token(token & ~MORE_DATA, token, offset, build)
        except (struct.error, IndexError) as error:
            raise BinXmlError("a token that runs out of the chunk") from error
        if offset > end or build.frames:
            raise BinXmlError("a fragment that does not end where it should")
        return tuple(build.roots), offset

    def _token(self, kind: int, token: int, offset: int, build: _Builder) -> int:  # one per token
        if kind == Token.OPEN_START_ELEMENT:
            depends = _U16(self._chunk, offset + 1)[0] if self._dependency_ids else _NO_DEPENDENCY
            name, offset = self._name(offset + (7 if self._dependency_ids else 5))
            build.open(name, None if depends == _NO_DEPENDENCY else depends)
            return offset + 4 if token & MORE_DATA else offset
        if kind == Token.CLOSE_START_ELEMENT:
            build.attribute = None
            return offset + 1
        if kind in (Token.CLOSE_EMPTY_ELEMENT, Token.END_ELEMENT):
            build.close()
            return offset + 1
        if kind == Token.ATTRIBUTE:
            name, offset = self._name(offset + 1)
            build.start_attribute(name)
            return offset
        if kind in (Token.NORMAL_SUBSTITUTION, Token.OPTIONAL_SUBSTITUTION):
            slot, value_kind = _SUBSTITUTION(self._chunk, offset + 1)
            build.part(Sub(slot, value_kind, kind == Token.OPTIONAL_SUBSTITUTION))
            return offset + 4
        if kind == Token.FRAGMENT_HEADER:
            return offset + 4
        return self._text_token(kind, offset, build)

    def _text_token(self, kind: int, offset: int, build: _Builder) -> int:
        chunk = self._chunk
        if kind == Token.VALUE:
            text, offset = self._literal(chunk[offset + 1], offset + 2)
            build.part(text)
        elif kind == Token.CDATA_SECTION:
            text, offset = self._literal(ValueType.STRING, offset + 1)
            build.part(text)
        elif kind == Token.CHARACTER_REFERENCE:
            build.part(chr(_U16(chunk, offset + 1)[0]))
            offset += 3
        elif kind == Token.ENTITY_REFERENCE:
            name, offset = self._name(offset + 1)
            build.part(_ENTITIES.get(name, f"&{name};"))
        elif kind == Token.PI_TARGET:
            _, offset = self._name(offset + 1)
        elif kind == Token.PI_DATA:
            _, offset = self._literal(ValueType.STRING, offset + 1)
        else:
            raise BinXmlError(f"unknown token 0x{kind:02x} at {offset}")
        return offset

    def _name(self, position: int) -> tuple[str, int]:
        pointed = _U32(self._chunk, position)[0]
        name = self._names.at(pointed)
        self._characters += len(name)
        if self._characters > MAX_NAMES:
            raise BinXmlError("names longer than any chunk can hold")
        inline = pointed == position + 4
        self.references.append(NameReference(position, inline, name))
        return name, position + 4 + (10 + 2 * _U16(self._chunk, pointed + 6)[0] if inline else 0)

    def _literal(self, kind: int, offset: int) -> tuple[str, int]:
        """A value written into the fragment itself: length-prefixed text, in practice always a string."""
        if kind & ARRAY or kind != ValueType.STRING:
            raise BinXmlError(f"a literal of type 0x{kind:02x} at {offset}")
        stop = offset + 2 + 2 * _U16(self._chunk, offset)[0]
        if stop > len(self._chunk):
            raise BinXmlError(f"a literal that runs out of the chunk at {offset}")
        try:
            return value_text(natural(self._chunk[offset + 2 : stop], kind), kind), stop
        except BadValueError as error:
            raise BinXmlError(str(error)) from error
