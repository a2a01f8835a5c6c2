"""Ingest: every source hashed, told apart by content, read, and written in transactions that hold whole sources.

Killed at any moment, a case has every source whole or not at all, and the next ingest of the same evidence adds what is
missing: an archive counts as read only when its last member is in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case import audit
from forensics.case.rows import EvidenceRow, NewEvidence, NewFileVersion
from forensics.errors import CaseInsideEvidenceError, MissingPathError, StrictDamageError, UsageError
from forensics.ingest.account import EvidenceIssue, IngestOptions, IngestSummary, Progress, harmful, in_words, worst
from forensics.ingest.decoders import Decoders
from forensics.ingest.fingerprint import Fingerprint, fingerprint
from forensics.ingest.finish import finish
from forensics.ingest.logs import NotALogError, check_log, read_log
from forensics.ingest.nodes import NodeBasis
from forensics.profile import load_profile, profile_of
from parsers.containers.sources import Source, SourceProblem
from parsers.containers.walk import walk
from parsers.kinds import Kind, KindGuess, tell_kind
from parsers.problems import Problem, ProblemKind
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from forensics.case.store import Case

# A transaction ends with the source that fills it: an fsync for each of ten thousand small files would take minutes.
_ENOUGH_SOURCES = 500
_ENOUGH_BYTES = 32 << 20
CONTENT_LIMIT = 64 << 20
PROFILE_SETTING = "profile"

# Kinds that this version reads; everything else is registered with its hash and left alone.
_LOGS = frozenset({Kind.EVT, Kind.EVTX})
# A name that ends like these promises bytes that only one kind of file has.
_FIRM_PROMISES = frozenset({Kind.EVT, Kind.EVTX, Kind.ARCHIVE, Kind.REGISTRY_HIVE, Kind.MESSAGE_FILE})
_KIND_WORDS = {
    Kind.TEXT: "plain text",
    Kind.OTHER: "of an unknown format",
    Kind.EVT: "an event log of Server 2003 (.evt)",
    Kind.EVTX: "an event log of Server 2008 (.evtx)",
    Kind.ARCHIVE: "an archive",
}


def ingest(
    case: Case,
    paths: Sequence[Path],
    options: IngestOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> IngestSummary:
    """Read the evidence at `paths` into the case; what is in it already is left as it is.

    Raises:
        MissingPathError: a path is not there; nothing was written.
        CaseInsideEvidenceError: the case lies below one of the paths; nothing was written.
        StrictDamageError: `options.strict`, and something is damaged; sources before it are in the case.
        FailedError: the case could not be written.
        UsageError: the profile is bad.
    """
    options = options or IngestOptions()
    check_paths(case.path, paths)
    if options.node is not None and not options.node.strip():
        raise UsageError("--node needs a name")
    with Decoders(options.jobs) as decoders:
        return _Ingest(case, options, decoders, on_progress).run(paths)


def check_paths(case_path: Path, paths: Sequence[Path]) -> None:
    """Refuse paths that are missing, and a case that would lie in the evidence."""
    for path in paths:
        if not path.exists():
            raise MissingPathError(path)
    place = case_path.resolve()
    for path in paths:
        evidence = path.resolve()
        if place == evidence or evidence in place.parents:
            raise CaseInsideEvidenceError(case_path, path)


@dataclass(slots=True)
class _Archive:
    """An archive whose members are being read."""

    evidence_id: int
    path: str
    problems: list[Problem] = field(default_factory=list)


class _Ingest:
    def __init__(
        self,
        case: Case,
        options: IngestOptions,
        decoders: Decoders,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._case = case
        self._options = options
        self._decoders = decoders
        self._on_progress = on_progress
        self._profile = load_profile(options.profile) if options.profile else profile_of(case)
        self._summary = IngestSummary()
        self._archives: list[_Archive] = []
        self._complete: set[str] = set()  # archives whose members are all in the case
        self._explicit: set[str] = set()
        self._root = ""
        self._bytes = 0
        self._files: list[list[object]] = []  # for the audit: path, hash, events

    def run(self, paths: Sequence[Path]) -> IngestSummary:
        names = [own_name(path) for path in paths]
        self._begin(names)
        for path, name in zip(paths, names, strict=True):
            self._root = name
            if path.is_file():
                self._explicit.add(name)
            items = walk(
                path, source_tz=self._options.source_tz, enter=lambda source: source.path not in self._complete
            )
            while self._some(items):
                pass
        finish(self._case)
        summary = self._summary
        summary.issues.sort(key=lambda issue: issue.path)
        counts = {"files": summary.files, "new": summary.new, "known": summary.known, "events": summary.events}
        audit.append(self._case, "ingest_end", {**counts, "not_whole": len(summary.issues)})
        return summary

    def _begin(self, names: list[str]) -> None:
        options = self._options
        with self._case.transaction():
            if options.profile is not None:
                self._case.set_setting(PROFILE_SETTING, options.profile.read_text("utf-8"))
            detail = {
                "paths": names,
                "version": version("ccr-forensics"),
                "node": options.node,
                "source_tz": str(options.source_tz),
                "strict": options.strict,
                "cross_check": options.cross_check,
            }
            audit.append(self._case, "ingest_begin", detail)

    def _some(self, items: Iterator[Source | SourceProblem]) -> bool:
        """Take sources until there are enough for a transaction; False when there are none left."""
        sources, start, more = 0, self._bytes, True
        with self._case.transaction():
            while more and sources < _ENOUGH_SOURCES and self._bytes - start < _ENOUGH_BYTES:
                item = next(items, None)
                more = item is not None
                self._leave_archives(item.path if item is not None else "")
                if isinstance(item, Source):
                    self._source(item)
                elif item is not None:
                    self._unwalked(item)
                sources += 1
            if self._files:
                audit.append(self._case, "ingest", {"files": self._files, "version": version("ccr-forensics")})
                self._files = []
        return more

    # --- one source ---------------------------------------------------------------------------------------------------

    def _source(self, source: Source) -> None:
        summary = self._summary
        summary.files += 1
        try:
            print_ = fingerprint(source)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._failed(source, None, [Problem(ProblemKind.UNREADABLE, 0, 0, reason)])
            return
        if source.container is None:
            self._bytes += print_.size
        self._tell_progress(source.path)
        guess = tell_kind(print_.head, source.path)
        known = self._case.find_evidence(source.path, print_.sha256)
        summary.archives += guess.kind is Kind.ARCHIVE
        if known is not None and not (known.kind == Kind.ARCHIVE and known.facts.get("unfinished")):
            self._known(known)
            return
        if guess.kind is Kind.ARCHIVE:
            self._enter_archive(source, print_, guess, known)
            return
        summary.new += 1
        self._case.connection.execute("SAVEPOINT source")
        try:
            self._read(source, print_, guess)
        except (OSError, *NotALogError) as error:
            # Any other error ends the whole transaction, the savepoint with it.
            self._case.connection.execute("ROLLBACK TO source")
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            summary.new -= 1
            self._failed(source, print_, [Problem(ProblemKind.UNREADABLE, 0, print_.size, reason)], guess)
        self._case.connection.execute("RELEASE source")

    def _read(self, source: Source, print_: Fingerprint, guess: KindGuess) -> None:
        problems = list(source.problems)
        if guess.misnamed and (guess.claimed in _FIRM_PROMISES or guess.kind in _LOGS):
            problems.append(Problem(ProblemKind.MISNAMED, 0, print_.size, _misnamed(source.path, guess)))
        if guess.kind in _LOGS:
            self._log(source, print_, guess, problems)
        elif guess.misnamed and guess.claimed in _FIRM_PROMISES:
            self._failed(source, print_, problems, guess)
        else:
            self._other(source, print_, guess, problems)

    def _log(self, source: Source, print_: Fingerprint, guess: KindGuess, problems: list[Problem]) -> None:
        evidence_id = self._add(source, print_, guess.kind, "partial")
        with print_.open(source) as stream:
            account = read_log(
                self._case,
                self._decoders,
                stream,
                (evidence_id, guess.kind, source.path, print_.size),
                self._profile,
                lambda count: self._count_events(source.path, count),
            )
        problems += account.problems
        if self._options.cross_check and guess.kind is Kind.EVTX:
            with print_.open(source) as stream:
                check = check_log(stream)
            problems += check.problems
            account.facts |= {"cross_checked": check.compared, "cross_check_unread": check.unread}
        self._summary.recovered += account.recovered
        columns = account.columns()
        if self._options.node is not None:
            columns |= {"node": self._options.node.upper(), "node_basis": NodeBasis.GIVEN}
        elif columns["node"]:
            columns["node_basis"] = NodeBasis.EVENTS
        losses = [p for p in harmful(problems) if p.kind is not ProblemKind.MISNAMED]
        status = "partial" if losses else "read" if account.live or account.recovered else "empty"
        self._case.update_evidence(evidence_id, status=status, **columns)
        self._files.append([source.path, print_.sha256, account.live + account.recovered])
        self._close(evidence_id, source.path, status, problems)

    def _other(self, source: Source, print_: Fingerprint, guess: KindGuess, problems: list[Problem]) -> None:
        """A file of which this version keeps the hash, and of replicated files the content."""
        status = "empty" if not print_.size else "read" if guess.kind is Kind.FDB else "ignored"
        if harmful(problems):
            status = "partial"
        evidence_id = self._add(source, print_, guess.kind, status)
        if guess.kind is Kind.FDB:
            self._keep(source, print_, evidence_id, problems)
        elif status == "ignored":
            self._summary.ignored += 1
            if source.path in self._explicit:
                reason = (
                    f"there is nothing in it that this program reads: it is {_KIND_WORDS.get(guess.kind, guess.kind)}"
                )
                self._summary.issues.append(EvidenceIssue(source.path, status, None, reason))
        self._files.append([source.path, print_.sha256, 0])
        self._close(evidence_id, source.path, status, problems)

    def _keep(self, source: Source, print_: Fingerprint, evidence_id: int, problems: list[Problem]) -> None:
        """Keep the content of a .fdb, because evidence folders move."""
        content = print_.content
        if content is None and print_.size <= CONTENT_LIMIT:
            with source.open() as stream:
                content = stream.read()
        if content is None:
            detail = f"its {print_.size} bytes are not kept in the case: the limit is {CONTENT_LIMIT}"
            problems.append(Problem(ProblemKind.LIMIT, 0, print_.size, detail))
        self._case.add_content(print_.sha256, print_.size, content)
        self._case.add_file_version(
            NewFileVersion(
                evidence_id=evidence_id,
                node=None,
                name=source.path.rsplit("/", 1)[-1],
                role="other",  # live or backup is told when all folders are known, not file by file
                path=source.path,
                sha256=print_.sha256,
                size=print_.size,
                modified=iso_utc(source.modified),
                modified_filetime=source.modified,
            )
        )

    # --- archives -----------------------------------------------------------------------------------------------------

    def _enter_archive(self, source: Source, print_: Fingerprint, guess: KindGuess, known: EvidenceRow | None) -> None:
        if known is None:
            self._summary.new += 1
            evidence_id = self._add(source, print_, guess.kind, "partial", unfinished=True)
            self._files.append([source.path, print_.sha256, 0])
        else:
            self._summary.known += 1
            evidence_id = known.id
            self._case.connection.execute("DELETE FROM problems WHERE evidence_id = ?", (evidence_id,))
        self._archives.append(_Archive(evidence_id, source.path, list(source.problems)))

    def _leave_archives(self, path: str) -> None:
        """Close the archives that `path` is not in: all their members are read."""
        while self._archives and not path.startswith(self._archives[-1].path + "/"):
            archive = self._archives[-1]
            if path == archive.path:
                return
            self._archives.pop()
            status = "partial" if harmful(archive.problems) else "read"
            self._case.update_evidence(archive.evidence_id, status=status, facts={})
            self._close(archive.evidence_id, archive.path, status, archive.problems)

    def _unwalked(self, item: SourceProblem) -> None:
        """Something without bytes to read: a problem of its archive, or a row of its own."""
        if self._archives and item.path == self._archives[-1].path:
            self._archives[-1].problems.append(item.problem)
            return
        self._summary.files += 1
        known = self._case.find_evidence(item.path, None)
        if known is not None:
            self._known(known)
            return
        self._summary.new += 1
        row = NewEvidence(
            path=item.path, root=self._root, container=self._container(), kind=Kind.OTHER, status="failed"
        )
        self._close(self._case.add_evidence(row), item.path, "failed", [item.problem])

    def _container(self) -> str | None:
        return self._archives[-1].path if self._archives else None

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _add(
        self, source: Source, print_: Fingerprint | None, kind: Kind, status: str, *, unfinished: bool = False
    ) -> int:
        node = self._options.node
        return self._case.add_evidence(
            NewEvidence(
                path=source.path,
                container=source.container,
                root=self._root,
                sha256=print_.sha256 if print_ else None,
                size=print_.size if print_ else source.size,
                modified=iso_utc(source.modified),
                modified_filetime=source.modified,
                modified_basis=source.modified_basis,
                kind=kind,
                status=status,
                node=node.upper() if node else None,
                node_basis=NodeBasis.GIVEN if node else None,
                facts={"unfinished": True} if unfinished else {},
            )
        )

    def _failed(
        self, source: Source, print_: Fingerprint | None, problems: list[Problem], guess: KindGuess | None = None
    ) -> None:
        known = self._case.find_evidence(source.path, print_.sha256 if print_ else None)
        if known is not None:
            self._known(known)
            return
        if print_ is None:
            self._summary.new += 1
        evidence_id = self._add(source, print_, guess.kind if guess else Kind.OTHER, "failed")
        self._files.append([source.path, print_.sha256 if print_ else None, 0])
        self._close(evidence_id, source.path, "failed", problems)

    def _close(self, evidence_id: int, path: str, status: str, problems: list[Problem]) -> None:
        """Keep the problems of a source, and tell of it where it is not whole."""
        self._case.add_problems(evidence_id, problems)
        self._case.update_evidence(evidence_id, problem=in_words(problems))
        if status in {"partial", "failed"}:
            issue = worst(path, status, problems)
            if self._options.strict:
                raise StrictDamageError(f"{issue.path}: {issue.reason} (at offset {issue.offset}); stopped by --strict")
            self._summary.issues.append(issue)

    def _known(self, row: EvidenceRow) -> None:
        self._summary.known += 1
        if row.kind == Kind.ARCHIVE:
            self._complete.add(row.path)
        if row.status == "ignored":
            self._summary.ignored += 1
        if row.status in {"partial", "failed"}:
            self._summary.issues.append(worst(row.path, row.status, self._case.problems(row.id)))

    # --- progress -----------------------------------------------------------------------------------------------------

    def _count_events(self, path: str, count: int) -> None:
        self._summary.events += count
        self._tell_progress(path)

    def _tell_progress(self, path: str) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(path, self._bytes, None, self._summary.events))


def own_name(path: Path) -> str:
    """The name that the paths of its evidence begin with: the last part of `path`, resolved where it has none."""
    return path.name if path.name not in {"", ".."} else path.resolve().name


def _misnamed(path: str, guess: KindGuess) -> str:
    suffix = Path(path).suffix
    return f"its name ends in {suffix}, but it is {_KIND_WORDS.get(guess.kind, guess.kind.replace('_', ' '))}"
