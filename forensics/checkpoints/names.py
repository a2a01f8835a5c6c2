"""Names and keys of which a listing shows a part, or in another code page, held against those that are known whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CUT: Final = "..."
_FOREIGN: Final = re.compile(r"[^\x20-\x7e]")


class Names:
    """What is known whole: names of resources, and keys of checkpoints."""

    def __init__(self, resources: Iterable[str], keys: Iterable[str]) -> None:
        self._resources = {name.strip().casefold(): name.strip() for name in sorted(resources)}
        self._keys = {_bare(key): key for key in sorted(keys) if not key.endswith(CUT)}

    def resource(self, shown: str, *, cut: bool) -> str | None:
        """The whole name of a resource; None where what is shown may be the beginning of several, or of one unknown."""
        name = shown.strip()
        if (exact := self._resources.get(name.casefold())) is not None:
            return exact
        if _FOREIGN.search(name):
            # Which code page a console used is told nowhere; letters of ASCII are the same in all.
            alike = [one for one in self._resources.values() if _FOREIGN.sub("?", one) == _FOREIGN.sub("?", name)]
            if len(alike) == 1:
                return alike[0]
        if not cut:
            return name
        start = _FOREIGN.sub("?", _bare(name))
        longer = [one for one in self._resources.values() if _FOREIGN.sub("?", _bare(one)).startswith(start)]
        return longer[0] if len(longer) == 1 else None

    def key(self, shown: str) -> str:
        """The whole key; where it is not known which one is meant, what is shown."""
        bare = _bare(shown.removesuffix(CUT))
        if not shown.endswith(CUT):
            # A list of PowerShell breaks a long key where its line ends.
            return self._keys.get(bare, shown)
        longer = {one.casefold(): one for known, one in self._keys.items() if known.startswith(bare)}
        return next(iter(longer.values())) if len(longer) == 1 else shown


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()
