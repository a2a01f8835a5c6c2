"""Which keys of the registry matter, and what each is: the profile's rows, asked of a key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.checkpoints.keys import relative_key, same_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.profile import Profile
    from forensics.profile_rows import RegistryKey

ROOT: Final = "HKEY_LOCAL_MACHINE\\"
"""What the keys of a case begin with where it is known where they lie."""
SAVED: Final = "CHECKPOINT\\"
"""What the keys of saved checkpoints begin with: they are not in any registry until they are restored."""


class Wanted(NamedTuple):
    """A row, and the parts of its key, in lower case."""

    row: RegistryKey
    parts: tuple[str, ...]


class RegistryKeys:
    """The rows of a profile's table `registry_keys`."""

    def __init__(self, profile: Profile) -> None:
        self.wanted: Final = tuple(Wanted(row, tuple(same_key(row.key).split("\\"))) for row in profile.registry_keys)
        self._patterns = [(row, re.compile(_pattern(parts, below=row.below))) for row, parts in self.wanted]

    def row_of(self, key: str) -> RegistryKey | None:
        """The row that a key belongs to, in whichever registry view or control set; None for one that does not matter.

        Args:
            key: from HKEY_LOCAL_MACHINE on, or relative to it.
        """
        name = same_key(key)
        return next((row for row, pattern in self._patterns if pattern.fullmatch(name)), None)

    def known_by(self, values: Sequence[str]) -> RegistryKey | None:
        """The row whose key a hive of its own is, told by the names of its root's values; None where none is."""
        there = {name.casefold() for name in values}
        for row, _ in self.wanted:
            if row.known_by and all(name.casefold() in there for name in row.known_by):
                return row
        return None


def full_key(key: str) -> str:
    """A key from HKEY_LOCAL_MACHINE on; one of another root as it is."""
    relative = relative_key(key)
    return key.strip("\\") if relative.upper().startswith("HKEY_") else ROOT + relative


def _pattern(parts: Sequence[str], *, below: bool) -> str:
    inner = r"\\".join(r"[^\\]+" if part == "*" else re.escape(part) for part in parts)
    return inner + (r"(?:\\.*)?" if below else "")
