"""From a case to what is known of replicated files, and that into the case's tables."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.connect import plain_errors
from forensics.case.values import json_text, sql_text, text_from_sql
from forensics.files.knowledge import Knowledge
from forensics.files.model import FileEvidence, Place, Sighting, Version
from forensics.files.plain import plain_version
from forensics.files.recognise import recognise
from forensics.files.scene import FolderTime, Scene
from forensics.files.triggers import occasions_of
from forensics.files.undo_sets import undo_sets
from parsers.containers.sources import ModifiedBasis
from parsers.kinds import tell_kind
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

FILE_TABLES: Final = ("backup_sets",)
"""The tables of the case that `store_files` fills; it sets `role` and `backup_set_id` of `file_versions` beside."""

SET_APART: Final = "firebird"
"""What `contents.left_out` says of a content that is not the product's; of others `kept`."""
_SET_APART: Final = "its content is a Firebird database, which has the same extension"
# Enough for every signature that tells a foreign container from an opaque file.
_HEAD: Final = 4096


def file_evidence(case: Case, analysis: Analysis, history: RoleHistory | None = None) -> FileEvidence:
    """Live files and backup sets of all nodes, as the case's evidence shows them. Nothing is written.

    The same evidence gives the same answer in whatever order it was ingested, but for the ids of `file_versions`.

    Args:
        case: ingested and finished.
        analysis: of the same case.
        history: of the mailbox server's group, where it is at hand already.

    Raises:
        FailedError: the case cannot be read.
    """
    knowledge = Knowledge(analysis.catalogue.profile)
    history = history or analysis.roles()
    scene = Scene(
        knowledge=knowledge,
        folders=_folders(case),
        beside=_beside(case, knowledge),
        ends={node: span[1] for node, span in analysis.evidence.nodes.items()},
        occasions=occasions_of(analysis, history),
        nodes=tuple(analysis.evidence.nodes),
        moment=analysis.clocks.moment,
        shown=analysis.clocks.shown,
    )
    found = recognise(_sightings(case, knowledge), scene)
    kept = undo_sets(case, knowledge.names, len(found.sets) + 1)
    return replace(found, sets=(*found.sets, *kept)) if kept else found


class _Content(NamedTuple):
    """What the case has of a content: whether its bytes can be had, and why it is set apart, if it is."""

    kept: bool
    set_apart: str | None


_NO_CONTENT: Final = _Content(kept=False, set_apart=None)


def _contents(case: Case) -> dict[str, _Content]:
    """By hash. Each is looked into once, however many versions have it, and of its bytes the first alone are read."""
    found = {}
    # Neither asks for the bytes themselves.
    sql = "SELECT rowid, sha256, typeof(bytes) = 'blob', left_out FROM contents"
    for row, sha256, kept, left_out in case.rows(sql):
        head = None
        if kept:
            with (
                plain_errors(case.path),
                case.connection.blobopen("contents", "bytes", row, readonly=True) as blob,
            ):
                head = blob.read(_HEAD)
        apart = _SET_APART if left_out == SET_APART else _set_apart(head)
        # A copy with pseudonyms leaves contents out, and concludes what the case does that has them.
        found[sha256] = _Content(bool(kept) or left_out is not None, apart)
    return found


def _sightings(case: Case, knowledge: Knowledge) -> Iterator[Sighting]:
    contents = _contents(case)
    # What a restore of this program put aside is no evidence.
    sql = (
        "SELECT id, node, path, sha256, size, modified_filetime FROM file_versions"
        " WHERE evidence_id IS NOT NULL ORDER BY id"
    )
    for row, node, path, sha256, size, modified in case.rows(sql):
        shown, owner = text_from_sql(path), text_from_sql(node) if node else ""
        match = knowledge.match(shown, owner)
        if match is not None:
            content = contents.get(sha256, _NO_CONTENT)
            yield Sighting(
                row=row,
                node=owner,
                name=match.name,
                path=shown,
                version=Version(sha256, size, modified),
                readable=content.kept,
                set_apart=content.set_apart,
            )


def _set_apart(head: bytes | None) -> str | None:
    """Why a content is not the product's; None where nothing says so."""
    # Asked as a .fdb: of the opaque formats only this name makes the difference.
    return _SET_APART if head and tell_kind(bytes(head), "x.fdb").note == SET_APART else None


def leave_contents_out(case: Case) -> None:
    """Take the bytes of all contents out of a case and keep what conclusions need of them, within a transaction."""
    kept = "SELECT rowid, substr(bytes, 1, ?) FROM contents WHERE bytes IS NOT NULL"
    rows = case.connection.execute(kept, (_HEAD,)).fetchall()
    told = [(SET_APART if _set_apart(head) else "kept", row) for row, head in rows]
    case.connection.executemany("UPDATE contents SET bytes = NULL, left_out = ? WHERE rowid = ?", told)


def _folders(case: Case) -> dict[str, list[FolderTime]]:
    found: dict[str, list[FolderTime]] = defaultdict(list)
    sql = "SELECT path, modified_filetime, modified_basis FROM folders ORDER BY path, modified_filetime"
    for path, modified, basis in case.rows(sql):
        found[text_from_sql(path)].append(FolderTime(modified, basis == ModifiedBasis.DOS_LOCAL))
    return dict(found)


def _beside(case: Case, knowledge: Knowledge) -> Counter[str]:
    """How many files that the product does not replicate lie in a folder."""
    found: Counter[str] = Counter()
    for name in knowledge.beside:
        escaped = sql_text(name).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        for (path,) in case.rows("SELECT path FROM evidence WHERE path LIKE ? ESCAPE '\\'", (f"%/{escaped}",)):
            found[text_from_sql(path).rpartition("/")[0]] += 1
    return found


def forget_files(case: Case) -> None:
    """Empty what `store_files` fills, within the caller's transaction."""
    case.connection.execute("UPDATE file_versions SET role = ?, backup_set_id = NULL", (Place.OTHER,))
    case.connection.execute("DELETE FROM backup_sets")


def store_files(case: Case, evidence: FileEvidence) -> None:
    """Put backup sets into the case's table, and what each file is into `file_versions`, in place of what is there.

    `recommended` is 0 everywhere: which set to restore follows from what was lost. Part of the caller's transaction,
    else one of its own.
    """
    if not case.connection.in_transaction:
        with case.transaction():
            store_files(case, evidence)
        return
    forget_files(case)
    for one in evidence.sets:
        number = int(one.id.partition(":")[2])
        row = {
            "id": number,
            "node": sql_text(one.node),
            "location": sql_text(one.location),
            "made": iso_utc(one.made),
            "trigger": one.trigger.value,
            "files": json.dumps(
                {name: plain_version(file.version) | {"file": file.reference} for name, file in one.files.items()}
            ),
            "missing": json_text(list(one.missing)),
            "complete": int(one.complete),
            "consistent": int(one.consistent),
            "recommended": 0,
            "confidence": one.confidence.value,
            "evidence": json_text(list(one.evidence)),
            "why": sql_text(one.why),
            "made_filetime": one.made,
            "made_basis": one.made_basis,
            "not_before": iso_utc(one.low),
            "not_after": iso_utc(one.high),
            "undo": int(one.undo),
        }
        marks = ", ".join(f":{name}" for name in row)
        columns = ", ".join(f"[{name}]" for name in row)
        case.connection.execute(f"INSERT INTO backup_sets({columns}) VALUES ({marks})", row)  # noqa: S608 - our own names
        rows = [int(text[5:]) for text in one.evidence if text.startswith("file:")]
        case.connection.executemany(
            "UPDATE file_versions SET role = ?, backup_set_id = ? WHERE id = ?",
            [(Place.BACKUP, number, row_id) for row_id in rows],
        )
    live = [(Place.LIVE, file.row) for files in evidence.live.values() for file in files.values()]
    case.connection.executemany("UPDATE file_versions SET role = ? WHERE id = ?", live)
