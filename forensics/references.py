"""What a reference names: `event:123`, `file:45` and their like, each a row of one table of the case."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forensics.case.store import Case

REFERENCE_TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "event": "events",
        "file": "file_versions",
        "evidence": "evidence",
        "backup": "backup_sets",
        "role": "role_intervals",
        "transition": "role_transitions",
        "conflict": "role_conflicts",
        "overwrite": "overwrites",
        "checkpoint": "checkpoints",
        "sighting": "checkpoint_sightings",
        "registry": "registry_values",
        "restore": "restores",
    }
)
"""By the word before the colon the table whose `id` the number behind it is.

`file:45` is a version of a replicated file, `evidence:7` a file of the evidence as it was read.
"""

_REFERENCE: Final = re.compile(r"([a-z]{1,20}):([0-9]{1,18})")


def unresolved(case: Case, references: Iterable[str]) -> list[str]:
    """Those of some references that name no row of the case, in their order, each once.

    Raises:
        FailedError: the case cannot be read.
    """
    found = []
    for reference in dict.fromkeys(references):
        match = _REFERENCE.fullmatch(reference)
        table = REFERENCE_TABLES.get(match[1]) if match else None
        if match is None or table is None:
            found.append(reference)
            continue
        sql = f"SELECT 1 FROM {table} WHERE id = ?"  # noqa: S608 - our own names
        if next(case.rows(sql, (int(match[2]),)), None) is None:
            found.append(reference)
    return found
