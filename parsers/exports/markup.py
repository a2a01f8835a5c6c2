"""The text of one event's XML into a tree, tolerant of what Windows itself writes and of damage.

Not expat: event strings hold control characters and lone surrogates, `wevtutil` writes them as they are, and an XML
parser must refuse the whole event for one of them; it must also turn CR LF into LF, and the strings would no longer be
those of the log. What this reads is small: elements, attributes, text, the five entities and numbered characters,
CDATA, comments. There are no declarations, so nothing can be included from outside, and nothing unfolds.

XML 1.0, https://www.w3.org/TR/xml/: start tags 3.1, references 4.1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from parsers.evtx.binxml import Element, Part

MAX_DEPTH = 64  # real events stay below 10
MAX_NODES = 20_000  # elements and attributes of one event; real ones stay at some hundreds

_NAME = r"[^\s<>/=!?\"'&;]+"
_START = rf"({_NAME})((?:\s++{_NAME}\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+)\s*+"
_TAG = re.compile(rf"<(?:/({_NAME})\s*+>|{_START}(/?)>)")
# An element without elements in it and without references, at once: most of an event, and twice as quick.
_LEAF = re.compile(rf"<{_START}(?:/>|>([^<&]*+)</\1\s*+>)")
_ATTRIBUTE = re.compile(rf"({_NAME})\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)')")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,8})|#x([0-9a-fA-F]{1,8})|([A-Za-z][A-Za-z0-9]{0,31}));|&")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SKIPPED = (("<!--", "-->"), ("<?", "?>"))
_CDATA, _CDATA_END = "<![CDATA[", "]]>"


class Tree(NamedTuple):
    """What could be read of one event.

    Attributes:
        root: the outermost element, as far as it was read; None where the text begins with none.
        closed: names (without prefix) of the root's children that were read to their end.
        faults: what is not as it should be, in words; empty for a well-formed event.
        whole: the root was read to its own end.
    """

    root: Element | None
    closed: frozenset[str]
    faults: list[str]
    whole: bool


class _Open(NamedTuple):
    """An element whose end has not come yet: its name as written, and what it is made of so far."""

    tag: str
    attributes: tuple[tuple[str, tuple[Part, ...]], ...]
    children: list[Element | Part]


class _Builder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[_Open] = []
        self._nodes = 0
        self._prefix = ""
        self._pieces: list[str] = []
        self.faults: list[str] = []
        self.closed: set[str] = set()
        self.root: Element | None = None

    def read(self) -> None:
        """Read until the root is closed, the text ends, or something makes no sense any more."""
        text, at, opened = self._text, 0, self._open
        while self.root is None:
            tag = text.find("<", at)
            if tag < 0:
                self._characters(text[at:])
                return
            if tag > at:
                self._characters(text[at:tag])
            leaf = _LEAF.match(text, tag) if opened and len(opened) < MAX_DEPTH and self._nodes <= MAX_NODES else None
            if leaf is None:
                at = self._markup(tag)
                if at < 0:
                    return
                continue
            at = leaf.end()
            name, attributes, value = leaf.groups()
            self._flush()
            self._nodes += 1
            found = self._attributes(attributes) if attributes else ()
            opened[-1].children.append(Element(self._local(name), None, found, (value,) if value else ()))
            if len(opened) == 1:
                self.closed.add(self._local(name))

    def finish(self) -> None:
        """Close what is still open, so that what was read can be used."""
        while self._open:
            self._close()

    def _markup(self, at: int) -> int:
        """Read what begins with the `<` at `at`; return where it ends, -1 where reading cannot go on."""
        text = self._text
        found = _TAG.match(text, at)
        if found is None:
            return self._other(at)
        end, name, attributes, empty = found.groups()
        if end is not None:
            if not self._open or self._open[-1].tag != end:
                self._fault("an end tag that closes nothing")
                return -1
            if len(self._open) == 2:
                self.closed.add(self._local(end))
            self._close()
            return found.end()
        if len(self._open) >= MAX_DEPTH or self._nodes > MAX_NODES:
            self._fault("more elements than an event has")
            return -1
        self._flush()
        if not self._open:
            self._prefix = name[: name.index(":") + 1] if ":" in name else ""
        self._open.append(_Open(name, self._attributes(attributes) if attributes else (), []))
        self._nodes += 1
        if empty:
            if len(self._open) == 2:
                self.closed.add(self._local(name))
            self._close()
        return found.end()

    def _other(self, at: int) -> int:
        text = self._text
        if text.startswith(_CDATA, at):
            end = text.find(_CDATA_END, at)
            if end >= 0:
                self._pieces.append(text[at + len(_CDATA) : end])
                return end + len(_CDATA_END)
        for opener, closer in _SKIPPED:
            if text.startswith(opener, at):
                end = text.find(closer, at + len(opener))
                if end >= 0:
                    return end + len(closer)
        self._fault("markup that is damaged")
        return -1

    def _attributes(self, text: str) -> tuple[tuple[str, tuple[Part, ...]], ...]:
        found = []
        for name, double, single in _ATTRIBUTE.findall(text):
            value = double or single
            found.append((name, (self._resolved(value) if "&" in value else value,)))
        self._nodes += len(found)
        return tuple(found)

    def _characters(self, text: str) -> None:
        if self._open:
            self._pieces.append(self._resolved(text) if "&" in text else text)

    def _resolved(self, text: str) -> str:
        return _REFERENCE.sub(self._reference, text)

    def _reference(self, match: re.Match[str]) -> str:
        decimal, hexadecimal, name = match.groups()
        if name is not None and name in _ENTITIES:
            return _ENTITIES[name]
        if decimal is not None or hexadecimal is not None:
            code = int(decimal) if decimal is not None else int(hexadecimal, 16)
            if code <= 0x10FFFF:
                return chr(code)
        self._fault("a reference to what is declared nowhere")
        return match[0]

    def _flush(self) -> None:
        if self._pieces:
            # One piece of text between two tags: the plan takes every piece for a value of its own.
            text = "".join(self._pieces)
            self._pieces.clear()
            if text:
                self._open[-1].children.append(text)

    def _close(self) -> None:
        self._flush()
        tag, attributes, children = self._open.pop()
        element = Element(self._local(tag), None, attributes, tuple(children))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element

    def _local(self, tag: str) -> str:
        """The name as a log has it: without the prefix that the writer of this XML gave to the event's elements."""
        return tag.removeprefix(self._prefix) if self._prefix else tag

    def _fault(self, what: str) -> None:
        if what not in self.faults:
            self.faults.append(what)


def read_markup(text: str) -> Tree:
    """The tree of an event's XML, as far as it can be read; never raises.

    Line ends and control characters stay as they are written. A reference that means nothing stays as it is written
    and is a fault. Reading stops at a tag that is damaged or closes another element: what stands before it is kept.
    """
    builder = _Builder(text)
    builder.read()
    whole = builder.root is not None
    builder.finish()
    return Tree(builder.root, frozenset(builder.closed), builder.faults, whole)
