r"""Commands on checkpoints, as `cmd` of a node takes them, and which of them a cleanup needs.

Syntax: the Windows Server 2003 reference of `cluster resource`. Names come from evidence and end in commands, so only
text of which nothing can be taken for something else is put into one: letters and digits of ASCII, spaces and a few
signs. That leaves out on purpose

- `"`, which would end the quotes, and everything beyond ASCII, typographic quotes among it, which depends on the code
  page of the console;
- `%`, `!` and `^`, which `cmd` may replace even between quotes, `$` and the backtick, which other shells do;
- `/`, `:`, `=` and `,`, which have a meaning for `cluster`, and a backslash before a quote, which escapes it.

`&`, parentheses and `'` are harmless between quotes, for `cmd` and for the shells that a transport may have at its end.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from forensics.checkpoints.keys import same_key
from forensics.checkpoints.model import CheckpointKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.checkpoints.model import Checkpoint

_SIGNS: Final = r"_ .(){}\[\]#&+@~'-"
_NAME: Final = re.compile(rf"[A-Za-z0-9(\[{{][A-Za-z0-9{_SIGNS}]*", re.ASCII)
_KEY: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9{_SIGNS}]*(?:\\[A-Za-z0-9{_SIGNS}]+)+", re.ASCII)
_NAME_MAX: Final = 255
_KEY_MAX: Final = 1024
REMOVALS_MAX: Final = 50
"""As many as one cleanup takes: a product configures a handful, and only made-up evidence shows more."""


def name_fault(name: str) -> str | None:
    """Why a command cannot carry the name of a resource safely, as a clause; None where it can."""
    return _fault(name, _NAME, _NAME_MAX, "the resource's name")


def key_fault(key: str) -> str | None:
    """Why a command cannot carry a registry key safely, as a clause; None where it can."""
    return _fault(key, _KEY, _KEY_MAX, "the key")


def _fault(text: str, allowed: re.Pattern[str], most: int, what: str) -> str | None:
    if not text:
        return f"{what} is not known"
    if len(text) > most:
        return f"{what} is longer than {most} characters"
    if not text.isascii():
        return f"{what} has characters beyond ASCII, which depend on the code page of the console"
    if allowed.fullmatch(text) is None:
        return f"{what} has characters that a command cannot carry safely"
    return None


def listing_command(resource: str) -> str:
    """Lists the registry checkpoints of a resource."""
    return f'cluster res "{resource}" /checkpoints'


def status_command(resource: str) -> str:
    """Shows whether a resource is online, in the words of the system's language."""
    return f'cluster res "{resource}" /status'


def state_command(resource: str) -> str:
    """Asks the same of WMI, which answers with a number in every language, as `State=3`.

    Source: the MSCluster_Resource class; both Windows Server 2003 and 2008 have the name space.
    """
    # A backslash escapes a quote in WQL.
    name = resource.replace("'", r"\'")
    return rf"""wmic /namespace:\\root\mscluster path MSCluster_Resource where "Name='{name}'" get State /value"""


def remove_command(resource: str, key: str) -> str:
    """Removes one registry checkpoint from a resource."""
    return f'cluster res "{resource}" /removecheckpoints:"{key}"'


def add_command(resource: str, key: str) -> str:
    """Adds one registry checkpoint to a resource."""
    return f'cluster res "{resource}" /addcheckpoints:"{key}"'


def removal_command(checkpoint: Checkpoint) -> str | None:
    """The command that removes a checkpoint, with straight quotes.

    None for what is not to be removed (a crypto checkpoint, one of another product, one that is needed), where the
    resource or the key is not known, and where a command cannot carry them safely.
    """
    if checkpoint.kind is not CheckpointKind.REGISTRY or not checkpoint.configured_by_product:
        return None
    resource = checkpoint.resource or ""
    if checkpoint.stale is False or name_fault(resource) or key_fault(checkpoint.key):
        return None
    return remove_command(resource, checkpoint.key)


@dataclass(frozen=True, slots=True)
class Removal:
    """One checkpoint of a resource that is to go.

    Attributes:
        resource: the resource's name.
        key: relative to HKEY_LOCAL_MACHINE.
        checkpoints: ids of the conclusions that say so, one for each node whose evidence shows it.
        nodes: these nodes, sorted.
    """

    resource: str
    key: str
    checkpoints: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A checkpoint that a cleanup does not touch. `stale`: it should go all the same; `why` is a whole sentence."""

    checkpoint: str
    stale: bool
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a cleanup removes, sorted by resource and key, and what it leaves alone."""

    removals: tuple[Removal, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources concerned, in order."""
        return tuple(dict.fromkeys(one.resource for one in self.removals))

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes whose evidence shows them, sorted."""
        return tuple(sorted({node for one in self.removals for node in one.nodes}))


def plan_cleanup(checkpoints: Iterable[Checkpoint]) -> Plan:
    """What is to be removed: exactly the registry checkpoints of the product that are known to be stale.

    The cluster keeps a checkpoint once for all its nodes, so what several nodes' evidence shows is removed once, and
    not at all where one of them is known to need it.
    """
    groups: dict[tuple[str, str], list[Checkpoint]] = defaultdict(list)
    left: list[LeftOut] = []
    needed: dict[tuple[str, str], str] = {}  # by resource and key, whichever view of the registry names it
    for one in checkpoints:
        if (reason := _not_removed(one)) is not None:
            left.append(reason)
            if one.configured_by_product and one.stale is False:
                needed.setdefault(((one.resource or "").casefold(), same_key(one.key)), one.id)
        else:
            groups[(one.resource or "").casefold(), one.key.casefold()].append(one)
    removals: list[Removal] = []
    for (resource, key), found in sorted(groups.items()):
        if other := needed.get((resource, same_key(key))):
            why = f"It is stale by the evidence of {found[0].node}, but {other} says that it is needed."
            left += [LeftOut(one.id, stale=False, why=why) for one in found]
        elif len(removals) == REMOVALS_MAX:
            why = f"It is stale, but one cleanup takes no more than {REMOVALS_MAX} checkpoints."
            left += [LeftOut(one.id, stale=True, why=why) for one in found]
        else:
            removals.append(_removal(found))
    return Plan(tuple(removals), tuple(sorted(left, key=lambda one: _number(one.checkpoint))))


def _removal(found: Sequence[Checkpoint]) -> Removal:
    return Removal(
        resource=found[0].resource or "",
        key=found[0].key,
        checkpoints=tuple(one.id for one in sorted(found, key=lambda one: _number(one.id))),
        nodes=tuple(sorted({one.node for one in found})),
    )


def _not_removed(one: Checkpoint) -> LeftOut | None:
    if one.kind is CheckpointKind.CRYPTO:
        return LeftOut(one.id, stale=False, why="It is a crypto checkpoint: these are never removed.")
    if not one.configured_by_product:
        return LeftOut(one.id, stale=False, why="The product does not configure it: it is another program's.")
    if one.stale is not True:
        return LeftOut(one.id, stale=False, why=one.why)
    resource = one.resource or ""
    fault = name_fault(resource) or key_fault(one.key)
    if fault is None:
        return None
    return LeftOut(one.id, stale=True, why=f"It is stale, but {fault}: remove it by hand.")


def _number(name: str) -> tuple[int, str]:
    tail = name.rpartition(":")[2]
    return (int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 10 else 0), name
