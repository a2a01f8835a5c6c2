"""A case made into records about checkpoints: what its files and events show of them, and of the product's files."""

from __future__ import annotations

import fnmatch
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from forensics.case.values import text_from_sql
from forensics.checkpoints.keys import same_key
from forensics.checkpoints.model import CheckpointKind, Program, Scanner, Sighting
from forensics.checkpoints.names import Names
from forensics.claims import Claim
from forensics.registry_keys import SAVED, RegistryKeys
from parsers.times import filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.profile import Profile
    from forensics.roles.analyse import Analysis

_FAILURES = {
    Claim.CHECKPOINT_FAILURE: (CheckpointKind.REGISTRY, "key"),
    Claim.CRYPTO_CHECKPOINT_FAILURE: (CheckpointKind.CRYPTO, "container"),
}


class CheckpointEvidence(NamedTuple):
    """Everything that the conclusions on checkpoints are told from.

    Attributes:
        sightings: in the order of their references.
        scanners: which library the store loads, by the registries of the evidence.
        programs: files of the product, and folders of which all files are shown.
        absent: node -> reference of a SOFTWARE hive that has none of the product's keys.
        online: resource, in lower case -> (whether the cluster is to keep it online, reference).
    """

    sightings: list[Sighting]
    scanners: list[Scanner]
    programs: list[Program]
    absent: Mapping[str, str]
    online: Mapping[str, tuple[bool, str]]


def gather_checkpoints(case: Case, analysis: Analysis) -> CheckpointEvidence:
    """What a case holds on checkpoints. FailedError where it cannot be read."""
    profile = analysis.catalogue.profile
    files = {row.id: row for row in case.evidence()}
    keys = RegistryKeys(profile)
    events = list(_in_events(analysis))
    sightings = [*events, *_in_files(case, analysis, files, events)]
    products = [row.key for row in profile.registry_keys if row.part == "product"]
    absent = {
        row.node: f"evidence:{row.id}"
        for row in files.values()
        if row.node and products and set(products) <= set(str(row.facts.get("absent") or "").split(";"))
    }
    return CheckpointEvidence(
        sightings, list(_scanners(case, keys, files)), list(_programs(case, profile, files)), absent, _online(case)
    )


def _in_events(analysis: Analysis) -> Iterator[Sighting]:
    """Checkpoints that the cluster service could not restore: so it had them."""
    for one in analysis.evidence.observations:
        if one.claim not in _FAILURES:
            continue
        kind, name = _FAILURES[one.claim]
        found = analysis.catalogue.match(one.source, one.event_id, one.strings, log=one.log[1])
        key = found.row.string(name, one.strings) if found is not None else None
        if kind is CheckpointKind.REGISTRY and not (key or "").strip():
            continue
        yield Sighting(one.reference, one.node, one.object, (key or "").strip(), kind, one.raw)


def _in_files(
    case: Case, analysis: Analysis, files: Mapping[int, EvidenceRow], events: list[Sighting]
) -> Iterator[Sighting]:
    rows = list(
        case.rows(
            "SELECT id, evidence_id, resource, cut, resource_guid, slot, key, kind, form FROM checkpoint_sightings"
            " ORDER BY id"
        )
    )
    text: list[list[Any]] = [[text_from_sql(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    profile = analysis.catalogue.profile
    whole = [row[2] for row in text if row[2] and not row[3]] + [one.resource for one in events if one.resource]
    # A list of PowerShell breaks its lines, within keys too: what it shows is no name to hold others against.
    known = [row[6] for row in text if row[6] and row[8] != "cmdlet_list"] + [one.key for one in events]
    known += [row.key for row in profile.checkpoint_keys]
    names = Names(whole, known)
    by_slot = {(row[4], row[5]): row[6] for row in text if row[8] == "cluster_registry"}
    by_guid = {row[4]: row[2] for row in text if row[8] == "cluster_registry" and row[2]}
    for number, evidence_id, resource, cut, guid, slot, key, kind, form in text:
        if form == "saved":
            key, resource = by_slot.get((guid, slot)) or key, by_guid.get(guid)  # noqa: PLW2901
        if not key or evidence_id not in files:
            continue  # a saved checkpoint of which nothing tells the key
        row = files[evidence_id]
        name = names.resource(resource, cut=bool(cut)) if resource else None
        shown = resource if resource and name is None else None
        yield Sighting(
            f"sighting:{number}", row.node or "", name, names.key(key), CheckpointKind(kind), _time_of(row, analysis),
            form, shown,
        )  # fmt: skip


def _time_of(row: EvidenceRow, analysis: Analysis) -> int | None:
    """When a file was written; None where that is before anything that its node's logs tell of, so no true time."""
    raw = row.modified_filetime
    first = analysis.evidence.nodes.get(row.node or "", (0, 0))[0]
    return raw if raw is not None and raw >= first else None


def _scanners(case: Case, keys: RegistryKeys, files: Mapping[int, EvidenceRow]) -> Iterator[Scanner]:
    rows = case.rows(
        "SELECT id, evidence_id, key, value, key_written FROM registry_values WHERE name = 'Library' COLLATE NOCASE"
        " AND value IS NOT NULL ORDER BY id"
    )
    for number, evidence_id, key, value, written in rows:
        text, row = text_from_sql(key), files[evidence_id]
        known = keys.row_of(text)
        saved = text.startswith(SAVED)
        if not saved and (known is None or known.part != "scanner" or same_key(known.key) != same_key(text)):
            continue
        raw = filetime_from_datetime(datetime.fromisoformat(written)) if written else row.modified_filetime
        yield Scanner(f"registry:{number}", row.node or "", text_from_sql(value), saved, raw)


def _programs(case: Case, profile: Profile, files: Mapping[int, EvidenceRow]) -> Iterator[Program]:
    names = {row.name.casefold() for row in profile.program_files}
    above = [row.pattern.casefold().rstrip("/").rpartition("/")[0] for row in profile.data_folders]
    homes = [re.compile(fnmatch.translate(pattern)) for pattern in above]
    for evidence_id, folder, name in case.rows("SELECT evidence_id, folder, name FROM program_files ORDER BY id"):
        row = files[evidence_id]
        place = text_from_sql(folder).casefold()
        told = None if name is None else text_from_sql(name).casefold()
        yield Program(f"evidence:{evidence_id}", row.node or "", place, told, row.modified_filetime)
    for row in files.values():
        folder, _, name = row.path.casefold().rpartition("/")
        # A copy for its messages may lie anywhere, and says nothing of the node.
        if row.node and name in names and row.sha256 is not None and any(home.match(f"/{folder}") for home in homes):
            yield Program(f"evidence:{row.id}", row.node, folder, name, None)


def _online(case: Case) -> dict[str, tuple[bool, str]]:
    """By resource what the cluster is to keep it: online or offline, where all of its hives say the same."""
    sql = (
        "SELECT n.value, p.value, p.id FROM registry_values n JOIN registry_values p"
        " ON n.evidence_id = p.evidence_id AND n.key = p.key WHERE n.name = 'Name' COLLATE NOCASE"
        " AND p.name = 'PersistentState' COLLATE NOCASE AND p.value IN ('0', '1')"
        " AND n.key LIKE 'HKEY\\_LOCAL\\_MACHINE\\\\Cluster\\\\Resources\\\\%' ESCAPE '\\' ORDER BY p.id"
    )
    found: dict[str, tuple[bool, str]] = {}
    mixed: set[str] = set()
    for name, state, number in case.rows(sql):
        resource = text_from_sql(name or "").casefold()
        said = (state == "1", f"registry:{number}")
        if found.setdefault(resource, said)[0] != said[0]:
            mixed.add(resource)
    return {resource: said for resource, said in found.items() if resource not in mixed}
