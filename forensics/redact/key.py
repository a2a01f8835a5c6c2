"""Pseudonyms given, and the key to them, a file beside the case that never enters a bundle.

What the key has keeps its pseudonym, so all bundles of one case speak of the same `NODE-1`. Without a key numbers go by
the names' order, so that nodes are sorted as their names are.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from forensics.errors import FailedError, UsageError
from forensics.redact.model import PEOPLE, NameKind

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from forensics.redact.model import Names

_SCHEMA: Final = 1
_NUMBERED: Final = re.compile(r"([A-Z]+)-(\d{1,9})")


class _Entry(msgspec.Struct):
    pseudonym: str
    name: str
    kind: str = ""
    how: str = ""


class _Key(msgspec.Struct):
    schema: int
    names: list[_Entry]


def key_path(case: Path) -> Path:
    """Where the key of a case lies."""
    return case.with_name(case.name + ".pseudonyms.json")


def read_key(path: Path) -> list[_Entry]:
    """The names of a key; none where there is no key yet.

    Raises:
        UsageError: the file is no key.
        FailedError: it cannot be read.
    """
    if not os.path.lexists(path):
        return []
    try:
        key = msgspec.json.decode(path.read_bytes(), type=_Key)
    except OSError as error:
        raise FailedError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeError):
        key = None
    if key is None or key.schema != _SCHEMA:
        raise UsageError(f"{path} is no key to pseudonyms; move it away to begin a new one")
    return key.names


def give_pseudonyms(names: Names, known: Collection[_Entry], taken: Collection[str]) -> None:
    """Give each name that is replaced its pseudonym.

    Args:
        names: those of ordinary words that are nobody's get none.
        known: the key.
        taken: pseudonyms that stand in the evidence, casefolded: never given.
    """
    used = {entry.pseudonym.casefold() for entry in known} | set(taken)
    before = {entry.name.casefold(): entry.pseudonym for entry in known if _NUMBERED.fullmatch(entry.pseudonym)}
    wanted: dict[NameKind, int] = defaultdict(int)
    fresh = []
    for name in names:
        if not name.bare and name.kind not in PEOPLE:
            continue
        name.pseudonym = before.get(name.text.casefold(), "")
        if not name.pseudonym:
            fresh.append(name)
            wanted[name.kind] += 1
    last: dict[NameKind, int] = defaultdict(int)
    for entry in known:
        found = _NUMBERED.fullmatch(entry.pseudonym)
        if found and found[1] in NameKind.__members__:
            kind = NameKind(found[1])
            last[kind] = max(last[kind], int(found[2]))
    # As many digits as the highest number needs: pseudonyms sort as the names do.
    width = {kind: len(str(last[kind] + count)) for kind, count in wanted.items()}
    for name in fresh:
        while not name.pseudonym or name.pseudonym.casefold() in used:
            last[name.kind] += 1
            name.pseudonym = f"{name.kind}-{last[name.kind]:0{width[name.kind]}}"
        used.add(name.pseudonym.casefold())


def key_text(names: Names, known: Collection[_Entry]) -> bytes:
    """The key as it is written: what it had, and what was given now."""
    entries = {entry.name.casefold(): entry for entry in known}
    for name in names:
        if name.pseudonym:
            entries[name.text.casefold()] = _Entry(name.pseudonym, name.text, name.kind.value.lower(), name.how)
    rows = sorted(entries.values(), key=lambda entry: (_order(entry.pseudonym), entry.name))
    value = {"schema": _SCHEMA, "names": [msgspec.to_builtins(row) for row in rows]}
    return (json.dumps(value, indent=2) + "\n").encode("ascii")


def _order(pseudonym: str) -> tuple[str, int]:
    kind, _, number = pseudonym.rpartition("-")
    return kind, int(number) if number.isascii() and number.isdecimal() else 0
