"""Names that evidence shows, and what they become."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class NameKind(StrEnum):
    """What a name names. The value begins its pseudonym; of a name that is several things the first kind counts."""

    NODE = "NODE"
    CMS = "CMS"
    CLUSTER = "CLUSTER"
    HOST = "HOST"
    DOMAIN = "DOMAIN"
    MAILBOX = "MAILBOX"
    USER = "USER"
    GROUP = "GROUP"
    ADDRESS = "ADDRESS"
    SID = "SID"
    SHARE = "SHARE"
    ORG = "ORG"
    NAME = "NAME"
    WORD = "WORD"


RANKS: Final = {kind: rank for rank, kind in enumerate(NameKind)}
PEOPLE: Final = frozenset({NameKind.USER, NameKind.MAILBOX})


@dataclass(slots=True)
class Name:
    r"""One name.

    Attributes:
        text: as it was met first.
        kind: what it names.
        how: by what it was recognised, in a few words.
        bare: whether it is replaced wherever it stands; False for ordinary words.
        before: texts that stand before an ordinary word where it is a name: `CONTOSO\`, `Users\`.
        pseudonym: what it becomes; "" while that is not decided.
        count: how often it was replaced.
    """

    text: str
    kind: NameKind
    how: str
    bare: bool = True
    before: set[str] = field(default_factory=set)
    pseudonym: str = ""
    count: int = 0


class Names:
    """All names of a case, by their text without case."""

    def __init__(self) -> None:
        self._names: dict[str, Name] = {}

    def add(self, kind: NameKind, text: str, how: str, before: str | None = None) -> Name:
        """Note a name; the kind that comes first in `NameKind` stays."""
        key = text.casefold()
        known = self._names.get(key)
        if known is None:
            known = self._names[key] = Name(text, kind, how)
        elif RANKS[kind] < RANKS[known.kind]:
            known.kind, known.how = kind, how
        if before is not None:
            known.before.add(before)
        return known

    def get(self, text: str) -> Name | None:
        """The name of that text, whatever its case."""
        return self._names.get(text.casefold())

    def __iter__(self) -> Iterator[Name]:
        return iter(sorted(self._names.values(), key=lambda name: (RANKS[name.kind], name.text.casefold())))

    def __len__(self) -> int:
        return len(self._names)
