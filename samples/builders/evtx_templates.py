"""Templates of binary XML, and their bytes at a place of a chunk.

A template's bytes depend on where it stands: names are stored once in a chunk and referred to by their offset, and a
name that is new stands inline at its first use. So a template is kept as a tree and rendered once for each chunk.
Tokens: [MS-EVEN6] 2.2.12; names, templates and the chunk's two hash tables: libevtx, "Windows XML Event Log (EVTX)
format", 4.2 and 5. That the hash of a template is that of a name, run over the eight 16-bit words of its GUID, is
documented nowhere; real logs show it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from samples.builders.evtx_values import encoded

FRAGMENT_HEADER = b"\x0f\x01\x01\x00"
END_OF_FRAGMENT = b"\x00"
NO_DEPENDENCY = 0xFFFF

_OPEN_ELEMENT, _CLOSE_START, _CLOSE_EMPTY, _END_ELEMENT, _VALUE, _ATTRIBUTE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
_TEMPLATE, _NORMAL_SUBSTITUTION, _OPTIONAL_SUBSTITUTION = 0x0C, 0x0D, 0x0E
_MORE = 0x40
_NAME_BUCKETS, _TEMPLATE_BUCKETS = 64, 32
_DEFINITION_HEADER = struct.Struct("<I16sI")
_REFERENCE = struct.Struct("<BBII")


@dataclass(frozen=True, slots=True)
class Sub:
    """The place of substitution `index`; an optional one makes its element vanish when its value is NULL."""

    index: int
    type: int
    optional: bool = True


Content = str | Sub


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a template; a text or a substitution stands for itself."""

    name: str
    attributes: tuple[tuple[str, Content], ...] = ()
    content: tuple[Element | Content, ...] = ()
    dependency: int = NO_DEPENDENCY


@lru_cache(maxsize=4096)
def _name_hash(name: str) -> int:
    return _hash(encoded(name))


def _hash(raw: bytes) -> int:
    value = 0
    for (word,) in struct.iter_unpack("<H", raw):
        value = (value * 65599 + word) & 0xFFFFFFFF
    return value


@dataclass(frozen=True)
class Template:
    """A tree of elements with the GUID that names it in a chunk.

    The GUID is made from the tree, so equal templates are one, and a log is the same bytes however often it is built.
    """

    root: Element

    @cached_property
    def guid(self) -> bytes:
        """Sixteen bytes, stable for the tree."""
        return hashlib.md5(repr(self.root).encode(), usedforsecurity=False).digest()

    @cached_property
    def room(self) -> int:
        """Upper limit of the bytes of reference and definition, wherever they stand."""
        names = ChunkNames()
        return len(names.refer(self, 0)) + 4


@dataclass
class ChunkNames:
    """What the hash tables of one chunk know: names and templates, and where in the chunk they are."""

    names: dict[str, int] = field(default_factory=dict)
    templates: dict[bytes, int] = field(default_factory=dict)
    name_table: list[int] = field(default_factory=lambda: [0] * _NAME_BUCKETS)
    template_table: list[int] = field(default_factory=lambda: [0] * _TEMPLATE_BUCKETS)

    def tables(self) -> bytes:
        """The two tables as they stand in the chunk's header, behind its first 128 bytes."""
        return struct.pack("<96I", *self.name_table, *self.template_table)

    def refer(self, template: Template, offset: int) -> bytes:
        """Bytes of a template instance at `offset` of the chunk, up to its substitutions.

        The definition is inline at the first use in the chunk; later ones point to it.
        """
        guid = template.guid
        identifier = int.from_bytes(guid[:4], "little")
        known = self.templates.get(guid)
        if known is not None:
            return FRAGMENT_HEADER + _REFERENCE.pack(_TEMPLATE, 1, identifier, known)
        start = offset + len(FRAGMENT_HEADER) + _REFERENCE.size
        body = bytearray(FRAGMENT_HEADER)
        self._element(template.root, body, start + _DEFINITION_HEADER.size)
        body += END_OF_FRAGMENT
        bucket = _hash(guid) % _TEMPLATE_BUCKETS
        head = _REFERENCE.pack(_TEMPLATE, 1, identifier, start)
        definition = _DEFINITION_HEADER.pack(self.template_table[bucket], guid, len(body))
        self.template_table[bucket] = self.templates[guid] = start
        return FRAGMENT_HEADER + head + definition + bytes(body)

    def _name(self, name: str, out: bytearray, base: int) -> None:
        known = self.names.get(name)
        if known is not None:
            out += struct.pack("<I", known)
            return
        start = base + len(out) + 4
        hashed = _name_hash(name)
        bucket = hashed % _NAME_BUCKETS
        raw = encoded(name)
        out += struct.pack("<IIHH", start, self.name_table[bucket], hashed & 0xFFFF, len(raw) // 2) + raw + b"\0\0"
        self.name_table[bucket] = self.names[name] = start

    def _element(self, element: Element, out: bytearray, base: int) -> None:
        token = _OPEN_ELEMENT | (_MORE if element.attributes else 0)
        out += struct.pack("<BHI", token, element.dependency, 0)
        size_at = len(out) - 4
        self._name(element.name, out, base)
        if element.attributes:
            out += bytes(4)
            list_at = len(out)
            for index, (name, value) in enumerate(element.attributes):
                more = _MORE if index + 1 < len(element.attributes) else 0
                out.append(_ATTRIBUTE | more)
                self._name(name, out, base)
                _content(value, out)
            struct.pack_into("<I", out, list_at - 4, len(out) - list_at)
        if element.content:
            out.append(_CLOSE_START)
            for child in element.content:
                if isinstance(child, Element):
                    self._element(child, out, base)
                else:
                    _content(child, out)
            out.append(_END_ELEMENT)
        else:
            out.append(_CLOSE_EMPTY)
        struct.pack_into("<I", out, size_at, len(out) - size_at - 4)


def _content(content: Content, out: bytearray) -> None:
    if isinstance(content, Sub):
        token = _OPTIONAL_SUBSTITUTION if content.optional else _NORMAL_SUBSTITUTION
        out += struct.pack("<BHB", token, content.index, content.type)
    else:
        raw = encoded(content)
        out += struct.pack("<BBH", _VALUE, 1, len(raw) // 2) + raw
