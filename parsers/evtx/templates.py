"""Templates of a process: each distinct definition is parsed, planned and compiled once, whatever chunk it comes from.

A definition is found again by its GUID and size, and then *compared*, because evidence can lie: every byte must be the
same but the offsets of names (they differ from chunk to chunk), and each name that is pointed to must be the same text.
"""

from __future__ import annotations

from struct import Struct

from parsers.evtx.binxml import BinXmlError, Element, NameReference, Names, Part, TreeParser
from parsers.evtx.compile import Function, compile_plan
from parsers.evtx.plans import count_parts, make_plan
from parsers.evtx.structs import TEMPLATE_HEADER, TEMPLATE_HEADER_SIZE

# A compiled function costs about as much as interpreting twenty records, so rare shapes are never compiled.
COMPILE_AFTER = 8
# The other limits bound the memory and time that a log made to be hostile (a new template in every record) can take.
MAX_FUNCTIONS = 64
MAX_LAYOUTS = 16
MAX_PARTS = 1024  # of one template; providers can log 128 values in an event
MAX_KINDS = 1024
MAX_MEMORY = 64 << 20  # of all templates together, as estimated below: 14 MiB for 35 real logs, which in truth take 6
_DEFINITION_COST = 40  # bytes of memory for each byte of a definition: its tree, its plan and its layout
_FUNCTION_COST = 300  # for each part and each value
_MEETING_COST = 120

Tree = tuple[Element | Part, ...]


class Ledger:
    """Estimated bytes of memory that the templates of a store take."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent = 0


class Template:
    """One template definition: its plan, and the functions made for the combinations of value types met so far.

    Attributes:
        plan: what the definition says of an event.
        functions: by types, one byte for each value.
    """

    __slots__ = ("_ledger", "_met", "functions", "parts", "plan")

    def __init__(self, tree: Tree, ledger: Ledger) -> None:
        """Plan what `tree` says; what is made later is entered into `ledger`."""
        self.plan = make_plan(tree)
        self.parts = count_parts(self.plan)
        self._ledger = ledger
        self.functions: dict[bytes, Function] = {}
        self._met: dict[bytes, int] = {}

    def meet(self, kinds: bytes, compile_after: int = COMPILE_AFTER) -> None:
        """Count an instance that was interpreted; compile its combination of types when it has come often enough."""
        if len(kinds) > MAX_KINDS:
            return
        met = self._met.get(kinds, 0)
        if kinds in self._met or len(self._met) < MAX_FUNCTIONS:
            self._met[kinds] = met + 1
            if not met:
                self._ledger.spent += _MEETING_COST + len(kinds)
        if met == compile_after and len(self.functions) < MAX_FUNCTIONS:
            function = compile_plan(self.plan, kinds)
            if function is not None:
                self.functions[kinds] = function
                self._ledger.spent += _FUNCTION_COST * (len(kinds) + self.parts)


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
        known = names.known
        for pointer, (inline, name) in zip(fields[1::2], self._pointers, strict=True):
            if inline >= 0:
                if pointer != body + inline:
                    return False
            elif known.get(pointer) != name and names.at(pointer) != name:
                return False
        return True


class TemplateStore:
    """All templates that a process has met; what it returns depends on the given chunk alone.

    When they take more than `MAX_MEMORY` they are all forgotten, and those still in use are read anew.
    """

    def __init__(self) -> None:
        self._layouts: dict[tuple[bytes, int], list[_Layout]] = {}
        self._templates: dict[Tree, Template] = {}
        self._ledger = Ledger()

    @staticmethod
    def size_at(chunk: bytes, offset: int, identifier: int) -> int:
        """Bytes of the definition at `offset` of the chunk, with its header.

        `identifier` is what the instance calls it, the first four bytes of its GUID. BinXmlError where there is no
        such definition.
        """
        if offset + TEMPLATE_HEADER_SIZE > len(chunk):
            raise BinXmlError(f"a template at {offset}, outside the chunk")
        _, guid, size = TEMPLATE_HEADER.unpack_from(chunk, offset)
        if int.from_bytes(guid[:4], "little") != identifier:
            raise BinXmlError(f"another template than the record's at {offset}")
        if offset + TEMPLATE_HEADER_SIZE + size > len(chunk):
            raise BinXmlError(f"a template of {size} bytes at {offset}")
        return TEMPLATE_HEADER_SIZE + int(size)

    def load(self, chunk: bytes, names: Names, offset: int) -> Template:
        """The template defined at `offset` of the chunk, where `size_at` has found a definition.

        Args:
            chunk: the chunk.
            names: its names.
            offset: of the definition.

        Raises:
            BinXmlError: the definition is no binary XML, or has more than `MAX_PARTS` parts.
        """
        _, guid, size = TEMPLATE_HEADER.unpack_from(chunk, offset)
        body = offset + TEMPLATE_HEADER_SIZE
        for layout in self._layouts.get((guid, size), ()):
            if layout.fits(chunk, body, names):
                return layout.template
        parser = TreeParser(chunk, names, dependency_ids=True)
        tree, _ = parser.parse(body, body + size)
        if self._ledger.spent > MAX_MEMORY:
            self._templates, self._layouts, self._ledger = {}, {}, Ledger()
        template = self._templates.get(tree)
        if template is None:
            template = Template(tree, self._ledger)
            if template.parts > MAX_PARTS:
                raise BinXmlError(f"a template of {template.parts} parts")
            self._templates[tree] = template
        layouts = self._layouts.setdefault((guid, size), [])
        if len(layouts) < MAX_LAYOUTS:
            layouts.append(_Layout(chunk, body, size, parser.references, template))
            self._ledger.spent += _DEFINITION_COST * (TEMPLATE_HEADER_SIZE + size)
        return template
