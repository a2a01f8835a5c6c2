"""Which content was made from which: a tree of versions, asked in constant time, and where each came first."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.files.model import Version
    from forensics.files.replay import Change

FRESH: Final = frozenset({"install", "rebuild"})
"""How the product makes a file: from nothing, whatever was there."""
EDITS: Final = frozenset({"edit", "passive_edit"})
LINE: Final = EDITS | {"put"}
"""How a content is made from what was there."""


class Descent:
    """The versions of one file by descent.

    A content is there where it, its bytes, or one that was made from it is there.
    """

    def __init__(self, changes: Sequence[Change], versions: Iterable[Version]) -> None:
        self.parents: dict[Version, Version | None] = {}
        for change in changes:
            if change.new is not None and change.how in LINE | FRESH and change.new not in self.parents:
                self.parents[change.new] = change.old if change.how in LINE and change.old != change.new else None
        every = dict.fromkeys([*self.parents, *versions])
        every.update(dict.fromkeys(v for c in changes for v in (c.old, c.new) if v is not None))
        self._children: dict[Version, list[Version]] = defaultdict(list)
        roots = []
        for version in every:
            parent = self.parents.get(version)
            if parent is None or parent not in every:
                roots.append(version)
            else:
                self._children[parent].append(version)
        self._span: dict[Version, tuple[int, int]] = {}
        self._root: dict[Version, Version] = {}
        self._order: list[Version] = []
        for root in roots:
            self._number(root)
        for version in every:  # a ring of versions cannot be, and is cut where it is met
            if version not in self._span:
                self._number(version)
        self._like: dict[str, list[Version]] = defaultdict(list)
        for version in self._order:
            if version.sha256 is not None:
                self._like[version.sha256].append(version)

    def holds(self, version: Version | None, lost: Version) -> bool:
        """Whether a content is another, has its bytes, or was made from it."""
        if version is None:
            return False
        if version == lost:
            return True
        at = self._span.get(version)
        if at is None:
            return version.sha256 is not None and version.sha256 == lost.sha256
        return any(span[0] <= at[0] < span[1] for one in self._same(lost) if (span := self._span.get(one)) is not None)

    def root(self, version: Version) -> Version:
        """The first content of the line that leads to this one."""
        return self._root.get(version, version)

    def counts(self, edits: Iterable[Version]) -> Mapping[Version, int]:
        """By version how many of some others were made from it, itself not counted."""
        found = dict.fromkeys(self._order, 0)
        for version in edits:
            if version in found:
                found[version] += 1
        own = dict(found)
        self._sum(found)
        return {version: found[version] - own[version] for version in found}

    def first(self, changes: Sequence[Change], node: str) -> Mapping[Version, int]:
        """By version the place of the first change by which a node had it, or what was made from it."""
        never = len(changes)
        found = dict.fromkeys(self._order, never)
        for at, change in enumerate(changes):
            if change.node == node and change.new is not None:
                found[change.new] = min(found[change.new], at)
        for version in reversed(self._order):
            parent = self.parents.get(version)
            if parent is not None and parent in found and self._span[parent][0] < self._span[version][0]:
                found[parent] = min(found[parent], found[version])
        for alike in self._like.values():
            least = min(found[one] for one in alike)
            found.update(dict.fromkeys(alike, least))
        return {version: at for version, at in found.items() if at < never}

    def _same(self, version: Version) -> Sequence[Version]:
        return self._like.get(version.sha256, [version]) if version.sha256 is not None else [version]

    def _sum(self, found: dict[Version, int]) -> None:
        for version in reversed(self._order):
            parent = self.parents.get(version)
            if parent is not None and parent in found and self._span[parent][0] < self._span[version][0]:
                found[parent] += found[version]

    def _number(self, root: Version) -> None:
        """Number a tree so that what was made from a version lies in its span."""
        stack: list[tuple[Version, bool]] = [(root, False)]
        while stack:
            version, done = stack.pop()
            if done:
                self._span[version] = self._span[version][0], len(self._order)
                continue
            if version in self._span:
                continue
            self._span[version] = len(self._order), len(self._order) + 1
            self._root[version] = root
            self._order.append(version)
            stack.append((version, True))
            stack += [(child, False) for child in self._children.get(version, ()) if child not in self._span]
