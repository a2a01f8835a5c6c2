"""Checkpoints that a file of evidence names, into the case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.bulk import insert_rows
from forensics.case.values import sql_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forensics.case.store import Case
    from forensics.checkpoints.model import CheckpointKind

_COLUMNS: Final = ("evidence_id", "resource", "cut", "resource_guid", "slot", "key", "kind", "form", "line")


class Seen(NamedTuple):
    """One checkpoint as a file names it.

    Attributes:
        resource: name of the resource; "" or None where the file does not tell it.
        key: "" where the file does not tell it.
        kind: registry or crypto.
        form: where from: `cluster_registry`, `saved` (a .CPT file), or the form of a listing.
        line: of a listing, from 1 on.
        guid, slot: the resource's GUID, and the checkpoint's number in its list.
        cut: the name may go on behind what the file shows of it.
    """

    resource: str | None
    key: str
    kind: CheckpointKind
    form: str
    line: int | None = None
    guid: str | None = None
    slot: str | None = None
    cut: bool = False


def add_sightings(case: Case, evidence_id: int, seen: Iterable[Seen]) -> int:
    """Keep what a file names, inside the caller's transaction, and return how many there were."""
    rows = (
        (
            evidence_id,
            sql_text(one.resource) if one.resource else None,
            int(one.cut),
            None if one.guid is None else sql_text(one.guid),
            None if one.slot is None else sql_text(one.slot),
            sql_text(one.key) if one.key else None,
            one.kind.value,
            one.form,
            one.line,
        )
        for one in seen
    )
    return insert_rows(case.connection, "checkpoint_sightings", _COLUMNS, rows)
