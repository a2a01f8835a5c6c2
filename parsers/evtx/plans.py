"""From an element tree to a plan: which part of it is which field of an event.

A plan is still independent of any instance: its parts are literals and substitutions. `interpret.py` evaluates it
slowly and tolerantly, `compile.py` turns it into a function; both must agree, and a test over every record holds that.
"""

from __future__ import annotations

from typing import NamedTuple

from parsers.evtx.binxml import Element, Part, Sub

Parts = tuple[Part, ...]

# element or element@attribute below System -> field of the plan
_SYSTEM = {
    "Provider@Name": "source",
    "Provider@EventSourceName": "event_source_name",
    "EventID": "event_id",
    "EventID@Qualifiers": "qualifiers",
    "Version": "version",
    "Level": "level",
    "Task": "category",
    "Opcode": "opcode",
    "Keywords": "keywords",
    "TimeCreated@SystemTime": "generated",
    "EventRecordID": "event_record_id",
    "Correlation@ActivityID": "activity_id",
    "Execution@ProcessID": "process_id",
    "Execution@ThreadID": "thread_id",
    "Channel": "log",
    "Computer": "computer",
    "Security@UserID": "user_sid",
}
INT_FIELDS = frozenset(
    {"event_id", "qualifiers", "version", "level", "category", "opcode", "keywords", "event_record_id", "process_id",
     "thread_id"}
)  # fmt: skip

# Numbers of 64 bits; every other one has at most 32, whatever type a template gives it.
WIDE_FIELDS = frozenset({"keywords", "event_record_id"})


class Item(NamedTuple):
    """One value of the event's data: its name (empty: none), what it consists of, and on which values it depends.

    Where one of the values in the slots `depends` is null, the item is not there: a classic event without insertion
    strings has no `Data`, and not an empty one.
    """

    name: Parts
    value: Parts
    depends: tuple[int, ...] = ()


class Plan(NamedTuple):
    """What a tree says of an event, in the order of the document.

    Attributes:
        system: field of `EventRecord` -> parts; empty for a tree that is only an event's payload.
        items: the event's data.
        binary: the parts of `<Binary>` of a classic event.
        payload: `Name` of EventData, or the name of the element below UserData.
        message: text of RenderingInfo.
        nested: substitutions that stand where an element should: further trees.
    """

    system: dict[str, Parts]
    items: tuple[Item, ...]
    binary: Parts
    payload: Parts
    message: Parts
    nested: tuple[Sub, ...]


class _Collector:
    def __init__(self) -> None:
        self.system: dict[str, Parts] = {}
        self.items: list[Item] = []
        self.binary: Parts = ()
        self.payload: Parts = ()
        self.message: Parts = ()
        self.nested: list[Sub] = []

    def event(self, event: Element) -> None:
        for child in event.children:
            if isinstance(child, Element):
                if child.name == "System":
                    self.read_system(child)
                elif child.name == "RenderingInfo":
                    self.read_rendering(child)
                else:
                    self.read_payload(child)
            elif isinstance(child, Sub):
                self.nested.append(child)

    def read_system(self, system: Element) -> None:
        for child in system.children:
            if not isinstance(child, Element):
                continue
            field = _SYSTEM.get(child.name)
            if field:
                self.system[field] = text_parts(child)
            for name, parts in child.attributes:
                field = _SYSTEM.get(f"{child.name}@{name}")
                if field:
                    self.system[field] = parts

    def read_rendering(self, rendering: Element) -> None:
        for child in rendering.children:
            if isinstance(child, Element) and child.name == "Message":
                self.message = text_parts(child)

    def read_payload(self, root: Element) -> None:
        if root.name == "UserData":
            for child in root.children:
                if isinstance(child, Element):
                    self.payload = (child.name,)
                    self.leaves(child, ())
                elif isinstance(child, Sub):
                    self.nested.append(child)
            return
        self.payload = attribute(root, "Name") or (() if root.name == "EventData" else (root.name,))
        self.leaves(root, ())

    def leaves(self, parent: Element, depends: tuple[int, ...]) -> None:
        """Append every value below `parent`: attributes first, then text or the elements inside."""
        for child in parent.children:
            if isinstance(child, Element):
                self.leaf(child, depends if child.depends is None else (*depends, child.depends))
            elif isinstance(child, Sub) or child.strip():
                self.items.append(Item((), (child,), depends))

    def leaf(self, element: Element, depends: tuple[int, ...]) -> None:
        if element.name == "Binary" and not element.attributes:
            self.binary = text_parts(element)
            return
        name = attribute(element, "Name") or (() if element.name == "Data" else (element.name,))
        extra = [(key, parts) for key, parts in element.attributes if key != "Name" and not key.startswith("xmlns")]
        for key, parts in extra:
            # One text where it can be: then all records share it.
            shown = (f"{name[0]}@{key}",) if len(name) == 1 and isinstance(name[0], str) else (*name, f"@{key}")
            self.items.append(Item(shown, parts, depends))
        if any(isinstance(child, Element) for child in element.children):
            self.leaves(element, depends)
        elif element.children or not extra:
            self.items.append(Item(name, text_parts(element), depends))


def attribute(element: Element, name: str) -> Parts:
    """The parts of one attribute; () where it is not there."""
    return next((parts for key, parts in element.attributes if key == name), ())


def text_parts(element: Element) -> Parts:
    """What stands in an element beside other elements."""
    return tuple(child for child in element.children if not isinstance(child, Element))


def make_plan(roots: tuple[Element | Part, ...]) -> Plan:
    """The plan of a tree: of a whole event, or of what stands below one (EventData, UserData, ...)."""
    collector = _Collector()
    for root in roots:
        if isinstance(root, Sub):
            collector.nested.append(root)
        elif isinstance(root, Element):
            if root.name == "Event":
                collector.event(root)
            elif root.name == "System":
                collector.read_system(root)
            elif root.name == "RenderingInfo":
                collector.read_rendering(root)
            else:
                collector.read_payload(root)
    return Plan(
        collector.system,
        tuple(collector.items),
        collector.binary,
        collector.payload,
        collector.message,
        tuple(collector.nested),
    )


def count_parts(plan: Plan) -> int:
    """How much there is to do for a plan: its parts, one at least for each item."""
    groups = [*plan.system.values(), plan.binary, plan.payload, plan.message, plan.nested]
    return sum(map(len, groups)) + sum(max(1, len(item.name) + len(item.value)) for item in plan.items)
