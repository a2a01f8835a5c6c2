"""Undo sets: what a restore found, as backup sets of the case that are never recommended."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.case.values import text_from_sql
from forensics.files.model import BackupSet, Sighting, Trigger, Version
from forensics.roles.model import Confidence
from parsers.times import filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case

_BASIS = "restore"


def undo_sets(case: Case, names: Sequence[str], first: int) -> tuple[BackupSet, ...]:
    """The undo sets of a case, numbered from `first` on, in the order of the restores.

    Args:
        case: open.
        names: the replicated files.
        first: the number of the first one.

    Raises:
        FailedError: the case cannot be read.
    """
    by_folded = {name.casefold(): name for name in names}
    files: dict[int, dict[str, Sighting]] = defaultdict(dict)
    sql = (
        "SELECT r.id, v.id, v.node, v.name, v.path, v.sha256, v.size, v.modified_filetime, c.bytes IS NOT NULL"
        " FROM file_versions v JOIN restores r ON v.path GLOB 'undo/restore-' || r.id || '/*'"
        " LEFT JOIN contents c ON c.sha256 = v.sha256 WHERE v.evidence_id IS NULL ORDER BY r.id, v.id"
    )
    for restore, row, node, name, path, sha256, size, modified, kept in case.rows(sql):
        known = by_folded.get(text_from_sql(name).casefold())
        if known is not None:
            version = Version(sha256, size, modified)
            owner = text_from_sql(node) if node else ""
            files[restore][known] = Sighting(row, owner, known, text_from_sql(path), version, bool(kept))
    found = []
    restores = case.rows(
        "SELECT id, started, node, source, (SELECT count(*) FROM restore_files WHERE restore_id = restores.id)"
        " FROM restores ORDER BY id"
    )
    for number, (restore, started, node, source, count) in enumerate(restores, start=first):
        own = dict(sorted(files[restore].items()))
        missing = tuple(name for name in names if name not in own)
        made = filetime_from_datetime(datetime.fromisoformat(started))
        found.append(
            BackupSet(
                id=f"backup:{number}",
                node=text_from_sql(node) if node else "",
                location=f"undo/restore-{restore}",
                made=made,
                made_basis=_BASIS,
                low=None,
                high=None,
                trigger=Trigger.UNKNOWN,
                files=own,
                missing=missing,
                complete=not missing,
                consistent=True,
                confidence=Confidence.CERTAIN,
                evidence=tuple(one.reference for one in own.values()),
                why=f"restore:{restore} kept these files before it put back {count} of {text_from_sql(source)};"
                " its time is by the clock of the machine that restored.",
                undo=True,
            )
        )
    return tuple(found)
