"""Templates of a process: each distinct definition is parsed, planned and compiled once, whatever chunk it comes from.

A definition is found again by its GUID and size, and then *compared*, because evidence can lie: every byte must be the
same but the offsets of names (they differ from chunk to chunk), and each name that is pointed to must be the same text.
"""

from __future__ import annotations

from struct import Struct

from parsers.evtx.binxml import BinXmlError, Element, NameReference, Names, Part, TreeParser
from parsers.evtx.compile import Function, compile_plan
from parsers.evtx.plans import make_plan
from parsers.evtx.structs import TEMPLATE_HEADER, TEMPLATE_HEADER_SIZE

# A compiled function costs about as much as interpreting twenty records, so rare shapes are never compiled. The limits
# bound the memory that a log made to be hostile (a new template in every record) can take.
COMPILE_AFTER = 8
MAX_FUNCTIONS = 64
MAX_TEMPLATES = 4096
MAX_LAYOUTS = 16

Tree = tuple[Element | Part, ...]


class Template:
    """One template definition: its plan, and the functions made for the combinations of value types met so far.

    Attributes:
        plan: what the definition says of an event.
        functions: by types, one byte for each value.
    """

    __slots__ = ("_met", "functions", "plan")

    def __init__(self, tree: Tree) -> None:
        self.plan = make_plan(tree)
        self.functions: dict[bytes, Function] = {}
        self._met: dict[bytes, int] = {}

    def meet(self, kinds: bytes, compile_after: int = COMPILE_AFTER) -> None:
        """Count an instance that was interpreted; compile its combination of types when it has come often enough."""
        met = self._met.get(kinds, 0)
        if kinds in self._met or len(self._met) < MAX_FUNCTIONS:
            self._met[kinds] = met + 1
        if met == compile_after and len(self.functions) < MAX_FUNCTIONS:
            function = compile_plan(self.plan, kinds)
            if function is not None:
                self.functions[kinds] = function


class _Layout:
    """The bytes of one definition with the pointers to names cut out."""

    __slots__ = ("_expected", "_fields", "_pointers", "template")

    def __init__(self, chunk: bytes, body: int, size: int, references: list[NameReference], template: Template) -> None:
        self.template = template
        codes, at = "<", body
        for reference in references:
            codes += f"{reference.position - at}sI"
            at = reference.position + 4
            if reference.inline:
                codes += "4x"  # the name's place in the chunk's list of names: another pointer
                at += 4
        self._fields = Struct(f"{codes}{body + size - at}s").unpack_from
        self._expected = self._fields(chunk, body)[0::2]
        self._pointers = [(r.position - body + 4 if r.inline else -1, r.name) for r in references]

    def fits(self, chunk: bytes, body: int, names: Names) -> bool:
        """Whether the definition at `body` is this one."""
        fields = self._fields(chunk, body)
        if fields[0::2] != self._expected:
            return False
        for pointer, (inline, name) in zip(fields[1::2], self._pointers, strict=True):
            if inline >= 0:
                if pointer != body + inline:
                    return False
            elif names.at(pointer) != name:
                return False
        return True


class TemplateStore:
    """All templates that a process has met; what it returns depends on the given chunk alone."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[bytes, int], list[_Layout]] = {}
        self._templates: dict[Tree, Template] = {}

    def load(self, chunk: bytes, names: Names, offset: int, identifier: int | None) -> tuple[Template, int]:
        """The template defined at `offset` of the chunk, and its size with header.

        Args:
            chunk: the chunk.
            names: its names.
            offset: of the definition.
            identifier: what the instance calls it (the first four bytes of its GUID); None: do not compare.

        Raises:
            BinXmlError: there is no such definition at that offset.
        """
        if offset + TEMPLATE_HEADER_SIZE > len(chunk):
            raise BinXmlError(f"a template at {offset}, outside the chunk")
        _, guid, size = TEMPLATE_HEADER.unpack_from(chunk, offset)
        if identifier is not None and int.from_bytes(guid[:4], "little") != identifier:
            raise BinXmlError(f"another template than the record's at {offset}")
        body = offset + TEMPLATE_HEADER_SIZE
        if body + size > len(chunk):
            raise BinXmlError(f"a template of {size} bytes at {offset}")
        layouts = self._layouts.setdefault((guid, size), [])
        for layout in layouts:
            if layout.fits(chunk, body, names):
                return layout.template, TEMPLATE_HEADER_SIZE + size
        parser = TreeParser(chunk, names, dependency_ids=True)
        tree, _ = parser.parse(body, body + size)
        template = self._templates.get(tree)
        if template is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
                self._layouts.clear()
                layouts = []
            template = self._templates[tree] = Template(tree)
        if len(layouts) < MAX_LAYOUTS:
            layouts.append(_Layout(chunk, body, size, parser.references, template))
        return template, TEMPLATE_HEADER_SIZE + size
