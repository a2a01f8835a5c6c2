"""Evidence rows: each piece that is met is registered, its damage kept, and told of where it is not whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forensics.case.rows import EvidenceRow, NewEvidence
from forensics.case.values import sql_text
from forensics.errors import StrictDamageError
from forensics.ingest.account import IngestSummary, harmful, in_words, worst
from forensics.ingest.nodes import NodeBasis
from parsers.containers.sources import Folder, ModifiedBasis, Source, SourceProblem
from parsers.kinds import Kind
from parsers.problems import Problem, ProblemKind
from parsers.times import iso_utc

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.ingest.fingerprint import Fingerprint

# What lies among files and is none: nothing of it could be read. A hard link is a file and not among these.
_NO_FILES = ("a symbolic link", "a pipe", "a socket", "a character device", "a block device", "a device or pipe")


@dataclass(slots=True)
class _Archive:
    """An archive whose members are being read."""

    evidence_id: int
    path: str
    problems: list[Problem] = field(default_factory=list)
    members: int = 0


class Register:
    """Keeps the evidence rows of one ingest, inside the caller's transactions.

    Attributes:
        node: the node that all of it belongs to, as the analyst says; None: told from the evidence.
        root: the own name of the PATH that is being read.
        summary: what was met so far.
        files: for the audit, path, hash and number of events of each piece registered; `taken_files` empties it.
    """

    def __init__(self, case: Case, node: str | None, *, strict: bool) -> None:
        self.node = node
        self.root = ""
        self.summary = IngestSummary()
        self.files: list[list[object]] = []
        self._case = case
        self._strict = strict
        self._archives: list[_Archive] = []
        self._complete: set[str] = set()  # archives whose members are all in the case

    def taken_files(self) -> list[list[object]]:
        """What `files` holds, once."""
        taken, self.files = self.files, []
        return taken

    def add(
        self,
        source: Source | SourceProblem,
        print_: Fingerprint | None,
        kind: Kind,
        status: str,
        *,
        unfinished: bool = False,
    ) -> int:
        """Add the row of a piece that the case does not have, and return its id."""
        self.summary.new += 1
        time, size, basis, container = None, None, ModifiedBasis.NONE, self._container()
        if isinstance(source, Source):
            time, size, basis, container = source.modified, source.size, source.modified_basis, source.container
        return self._case.add_evidence(
            NewEvidence(
                path=source.path,
                container=container,
                root=self.root,
                sha256=print_.sha256 if print_ else None,
                size=print_.size if print_ else size,
                modified=iso_utc(time),
                modified_filetime=time,
                modified_basis=basis,
                kind=kind,
                status=status,
                node=self.node,
                node_basis=NodeBasis.GIVEN if self.node else None,
                facts={"unfinished": True} if unfinished else {},
            )
        )

    def close(self, evidence_id: int, path: str, status: str, problems: list[Problem]) -> None:
        """Keep the problems of a piece, and tell of it where it is not whole.

        Raises:
            StrictDamageError: it is not whole, and the ingest is strict.
        """
        self._case.add_problems(evidence_id, problems)
        self._case.update_evidence(evidence_id, problem=in_words(problems))
        if status in {"partial", "failed"}:
            issue = worst(path, status, problems)
            if self._strict:
                raise StrictDamageError(f"{issue.path}: {issue.reason} (at offset {issue.offset}); stopped by --strict")
            self.summary.issues.append(issue)

    def failed(
        self, source: Source, print_: Fingerprint | None, problems: list[Problem], kind: Kind = Kind.OTHER
    ) -> None:
        """Register a piece that could not be read."""
        sha256 = print_.sha256 if print_ else None
        row = self._case.find_evidence(source.path, sha256)
        if row is not None:
            self.known(row)
            return
        self.files.append([source.path, sha256, 0])
        self.close(self.add(source, print_, kind, "failed"), source.path, "failed", problems)

    def unwalked(self, item: SourceProblem) -> None:
        """Something without bytes to read: a problem of its archive, or a row of its own."""
        if self._archives and item.path == self._archives[-1].path:
            self._archives[-1].problems.append(item.problem)
            return
        self.summary.files += 1
        row = self._case.find_evidence(item.path, None)
        if row is not None:
            self.known(row)
            return
        no_file = item.problem.kind is ProblemKind.UNSUPPORTED and item.problem.detail.startswith(_NO_FILES)
        status = "ignored" if no_file else "failed"
        self.summary.ignored += no_file
        self.files.append([item.path, None, 0])
        self.close(self.add(item, None, Kind.OTHER, status), item.path, status, [item.problem])

    def known(self, row: EvidenceRow) -> None:
        """Count a piece that is in the case already; an archive with all that the case holds of its path."""
        self._count_known(row.id, row.path, row.status)
        if row.kind != Kind.ARCHIVE:
            return
        self._complete.add(row.path)
        # "0" is the character behind "/": all paths below this one, found by the index.
        below = (sql_text(f"{row.path}/"), sql_text(f"{row.path}0"))
        members = self._case.rows("SELECT id, path, status, kind FROM evidence WHERE path >= ? AND path < ?", below)
        for evidence_id, path, status, kind in members:
            self.summary.files += 1
            self.summary.archives += kind == Kind.ARCHIVE
            self._count_known(evidence_id, path, status)

    def _count_known(self, evidence_id: int, path: str, status: str) -> None:
        self.summary.known += 1
        self.summary.ignored += status == "ignored"
        if status in {"partial", "failed"}:
            self.summary.issues.append(worst(path, status, self._case.problems(evidence_id)))

    def folder(self, folder: Folder) -> None:
        """Keep when a folder was changed last; one without a time says nothing."""
        if folder.modified is not None:
            self._case.add_folder(folder.path, self.root, folder.container, folder.modified, folder.modified_basis)

    # --- archives -----------------------------------------------------------------------------------------------------

    @staticmethod
    def unfinished(row: EvidenceRow) -> bool:
        """Whether it is an archive of which a stopped ingest left members unread."""
        return row.kind == Kind.ARCHIVE and bool(row.facts.get("unfinished"))

    def to_enter(self, source: Source) -> bool:
        """Whether there can be members of this archive that the case does not have."""
        return source.path not in self._complete

    def enter_archive(self, source: Source, print_: Fingerprint, row: EvidenceRow | None) -> None:
        """Begin an archive; `row` is the one that a stopped ingest left. It is `unfinished` until it is left."""
        self._complete.discard(source.path)  # another content at this path was
        if row is None:
            evidence_id = self.add(source, print_, Kind.ARCHIVE, "partial", unfinished=True)
            self.files.append([source.path, print_.sha256, 0])
        else:
            self.summary.known += 1
            evidence_id = row.id
            self._case.connection.execute("DELETE FROM problems WHERE evidence_id = ?", (evidence_id,))
        self._archives.append(_Archive(evidence_id, source.path, list(source.problems)))

    def leave_archives(self, path: str) -> None:
        """Close the archives that `path` is not in: all their members are read."""
        while self._archives and not path.startswith(self._archives[-1].path + "/"):
            archive = self._archives[-1]
            if path == archive.path:
                return
            self._archives.pop()
            status = "read"
            if harmful(archive.problems):
                status = "partial" if archive.members else "failed"
            self._case.update_evidence(archive.evidence_id, status=status, facts={})
            self.close(archive.evidence_id, archive.path, status, archive.problems)
        if self._archives:
            self._archives[-1].members += 1

    def _container(self) -> str | None:
        return self._archives[-1].path if self._archives else None
