"""Ingest: every source hashed, told apart by content, read, and written in transactions that hold whole sources.

Killed at any moment, a case has every source whole or not at all, and the next ingest of the same evidence adds what is
missing: an archive counts as read only when its last member is in.
"""

from __future__ import annotations

import errno
import hashlib
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from forensics import __version__
from forensics.case import audit
from forensics.case.rows import NewFileVersion
from forensics.errors import CaseInsideEvidenceError, MissingPathError, StrictDamageError, UsageError
from forensics.files.knowledge import Knowledge
from forensics.ingest.account import EvidenceIssue, IngestOptions, IngestSummary, Progress, harmful
from forensics.ingest.captures import captures_in, store_captures
from forensics.ingest.checkpoint_listings import note_curly_quotes
from forensics.ingest.decoders import Decoders, without_collector
from forensics.ingest.file_listings import read_file_listing
from forensics.ingest.fingerprint import Fingerprint, fingerprint
from forensics.ingest.finish import finish
from forensics.ingest.logs import check_log, read_log
from forensics.ingest.message_files import read_message_file
from forensics.ingest.nodes import NodeBasis
from forensics.ingest.readers import NOT_READABLE, NOT_SUPPORTED, READERS, ReadContext
from forensics.ingest.records import RECORD_READERS
from forensics.ingest.register import Register
from forensics.ingest.rows import node_name
from forensics.places import keep_places
from forensics.profile import load_profile, profile_of, profile_text
from forensics.registry_keys import RegistryKeys
from parsers.captures.reader import forms_of
from parsers.containers.folders import own_name
from parsers.containers.sources import Source, SourceProblem
from parsers.containers.walk import walk
from parsers.kinds import Kind, KindGuess, tell_kind
from parsers.problems import Problem, ProblemKind
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from forensics.case.store import Case
    from parsers.captures.reader import Entry

# A transaction ends with the source that fills it: an fsync for each of ten thousand small files would take minutes.
_ENOUGH_SOURCES = 500
_ENOUGH_BYTES = 32 << 20
CONTENT_LIMIT = 64 << 20
PROFILE_SETTING = "profile"

_LOG_FILES = frozenset({Kind.EVT, Kind.EVTX})
# A name that ends like these promises bytes that only one kind of file has.
_FIRM_PROMISES = frozenset({Kind.EVT, Kind.EVTX, Kind.ARCHIVE, Kind.REGISTRY_HIVE, Kind.MESSAGE_FILE})
_KIND_WORDS = {
    Kind.TEXT: "plain text",
    Kind.OTHER: "of an unknown format",
    Kind.EVT: "an event log of Server 2003 (.evt)",
    Kind.EVTX: "an event log of Server 2008 (.evtx)",
    Kind.ARCHIVE: "an archive",
    Kind.REGISTRY_HIVE: "a registry hive",
    Kind.REGISTRY_EXPORT: "a registry export",
    Kind.CHECKPOINT_LISTING: "a listing of checkpoints",
    Kind.MESSAGE_FILE: "a Windows program",
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
    with Decoders(options.jobs) as decoders, without_collector():
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
        self._knowledge = Knowledge(self._profile)
        self._registry_keys = RegistryKeys(self._profile)
        self._register = Register(case, node_name((options.node or "").strip()), strict=options.strict)
        self._summary = self._register.summary
        self._explicit: set[str] = set()
        self._bytes = 0  # of files as they lie there, for the progress
        self._unfolded = 0  # of members too

    def run(self, paths: Sequence[Path]) -> IngestSummary:
        names = [own_name(path) for path in paths]
        self._begin(names, paths)
        try:
            for path, name in zip(paths, names, strict=True):
                self._register.root = name
                if path.is_file():
                    self._explicit.add(name)
                items = walk(
                    path,
                    source_tz=self._options.source_tz or UTC,
                    enter=self._register.to_enter,
                    on_folder=self._register.folder,
                )
                while self._some(items):
                    pass
        except StrictDamageError:
            finish(self._case)
            raise
        finish(self._case)
        summary = self._summary
        summary.issues.sort(key=lambda issue: issue.path)
        counts = {"files": summary.files, "new": summary.new, "known": summary.known, "events": summary.events}
        audit.append(self._case, "ingest_end", {**counts, "not_whole": len(summary.issues)})
        return summary

    def _begin(self, names: list[str], paths: Sequence[Path]) -> None:
        options = self._options
        with self._case.transaction():
            keep_places(self._case, paths)
            if options.profile is not None:
                self._case.set_setting(PROFILE_SETTING, profile_text(options.profile).text)
            detail = {
                "paths": names,
                "version": __version__,
                "node": self._register.node,
                "source_tz": str(options.source_tz or UTC),
                "strict": options.strict,
                "cross_check": options.cross_check,
            }
            audit.append(self._case, "ingest_begin", detail)

    def _some(self, items: Iterator[Source | SourceProblem]) -> bool:
        """Take sources until there are enough for a transaction; False when there are none left.

        Raises:
            StrictDamageError: after what was read before the damage is in the case.
        """
        sources, start, more = 0, self._unfolded, True
        stopped: StrictDamageError | None = None
        with self._case.transaction():
            while more and stopped is None and sources < _ENOUGH_SOURCES and self._unfolded - start < _ENOUGH_BYTES:
                item = next(items, None)
                more = item is not None
                stopped = self._take(item)
                sources += 1
            if files := self._register.taken_files():
                audit.append(self._case, "ingest", {"files": files, "version": __version__})
        if stopped is not None:
            raise stopped
        return more

    def _take(self, item: Source | SourceProblem | None) -> StrictDamageError | None:
        """Read one source, whole or not at all; what stops a strict ingest leaves nothing and is given back."""
        register = self._register
        noted = len(register.files)
        self._case.connection.execute("SAVEPOINT item")
        try:
            register.leave_archives(item.path if item is not None else "")
            if isinstance(item, Source):
                self._source(item)
            elif item is not None:
                register.unwalked(item)
        except StrictDamageError as error:
            self._case.connection.execute("ROLLBACK TO item")
            del register.files[noted:]
            return error
        # Any other error ends the whole transaction, the savepoint with it.
        self._case.connection.execute("RELEASE item")
        return None

    # --- one source ---------------------------------------------------------------------------------------------------

    def _source(self, source: Source) -> None:
        register, summary = self._register, self._summary
        summary.files += 1
        try:
            print_ = fingerprint(source)
        except OSError as error:
            register.failed(source, None, [_unreadable(error, source.size or 0)])
            return
        self._unfolded += print_.size
        if source.container is None:
            self._bytes += print_.size
        self._tell_progress(source.path)
        guess = tell_kind(print_.head, source.path)
        known = self._case.find_evidence(source.path, print_.sha256)
        summary.archives += guess.kind is Kind.ARCHIVE
        if known is not None and not register.unfinished(known):
            register.known(known)
        elif guess.kind is Kind.ARCHIVE:
            register.enter_archive(source, print_, known)
        else:
            self._new(source, print_, guess)

    def _new(self, source: Source, print_: Fingerprint, guess: KindGuess) -> None:
        register, summary = self._register, self._summary
        before = summary.new, summary.events, len(register.files)
        self._case.connection.execute("SAVEPOINT source")
        try:
            self._read(source, print_, guess)
        except (OSError, *NOT_READABLE) as error:
            self._case.connection.execute("ROLLBACK TO source")
            summary.new, summary.events = before[:2]
            del register.files[before[2] :]
            register.failed(source, print_, [_unreadable(error, print_.size)], guess.kind)
        self._case.connection.execute("RELEASE source")

    def _read(self, source: Source, print_: Fingerprint, guess: KindGuess) -> None:
        problems = list(source.problems)
        if guess.misnamed and (guess.claimed in _FIRM_PROMISES or guess.kind in _LOG_FILES):
            problems.append(Problem(ProblemKind.MISNAMED, 0, print_.size, _misnamed(source.path, guess)))
        if guess.kind in READERS:
            self._log(source, print_, guess, problems)
        elif guess.misnamed and guess.claimed in _FIRM_PROMISES:
            self._register.failed(source, print_, problems, guess.kind)
        elif guess.kind in RECORD_READERS:
            self._records(source, print_, guess.kind, problems)
        elif guess.kind is Kind.MESSAGE_FILE:
            self._message_file(source, print_, problems)
        elif guess.kind is Kind.FILE_LISTING:
            self._listing(source, print_, problems)
        elif guess.kind is Kind.TEXT and (captured := self._captured(source, print_)):
            self._capture(source, print_, captured, problems)
        else:
            self._other(source, print_, guess, problems)

    def _log(self, source: Source, print_: Fingerprint, guess: KindGuess, problems: list[Problem]) -> None:
        evidence_id = self._register.add(source, print_, guess.kind, "partial")
        context = ReadContext(source.path, print_.size, source.modified, self._options.source_tz)
        with print_.open(source) as stream:
            account = read_log(
                self._case,
                self._decoders,
                stream,
                (evidence_id, guess.kind, context),
                self._profile,
                lambda count: self._count_events(source.path, count),
            )
        problems += account.problems
        if self._options.cross_check and guess.kind is Kind.EVTX:
            with print_.open(source) as stream:
                check = check_log(stream)
            problems += check.all_problems()
            account.facts |= {"cross_checked": check.compared, "cross_check_unread": check.unread}
        self._summary.recovered += account.recovered
        if "assumed_tz" in account.facts:
            self._summary.assumed_tz.append(source.path)
        self._summary.assumed += account.assumptions(source.path)
        columns = account.columns()
        if self._register.node is not None:
            columns |= {"node": self._register.node, "node_basis": NodeBasis.GIVEN}
        elif columns["node"]:
            columns["node_basis"] = NodeBasis.EVENTS
        losses = [p for p in harmful(problems) if p.kind is not ProblemKind.MISNAMED]
        status = "partial" if losses else "read" if account.live or account.recovered else "empty"
        self._case.update_evidence(evidence_id, status=status, **columns)
        self._register.files.append([source.path, print_.sha256, account.live + account.recovered])
        self._register.close(evidence_id, source.path, status, problems)

    def _other(self, source: Source, print_: Fingerprint, guess: KindGuess, problems: list[Problem]) -> None:
        """A file of which this version keeps the hash, and of replicated files the content."""
        kind = guess.kind
        # A .fdb without content is a version of that file, and a telling one. A backup may have lost the extension.
        if (not print_.size and guess.claimed is Kind.FDB) or (
            kind in {Kind.OTHER, Kind.TEXT} and self._knowledge.fits(source.path)
        ):
            kind = Kind.FDB
        status = "empty" if not print_.size else "read" if kind is Kind.FDB else "ignored"
        if harmful(problems):
            status = "partial"
        evidence_id = self._register.add(source, print_, kind, status)
        if kind is Kind.TEXT:
            with print_.open(source) as stream:
                if note_curly_quotes(self._case, evidence_id, stream) and status == "ignored":
                    status = "read"
                    self._case.update_evidence(evidence_id, status=status)
        if kind is Kind.FDB:
            self._keep(source, print_, evidence_id, problems)
        elif status == "ignored":
            self._ignored(source, _KIND_WORDS.get(guess.kind, guess.kind))
        self._register.files.append([source.path, print_.sha256, 0])
        self._register.close(evidence_id, source.path, status, problems)

    def _records(self, source: Source, print_: Fingerprint, kind: Kind, problems: list[Problem]) -> None:
        """A file that holds neither events nor contents, but records of its own kind."""
        evidence_id = self._register.add(source, print_, kind, "partial")
        with print_.open(source) as stream:
            account = RECORD_READERS[kind](self._case, stream, evidence_id, source.path, self._registry_keys)
        problems += account.problems
        if kind is Kind.CHECKPOINT_LISTING:
            # A transcript of a session on the node may hold the cluster's status as well.
            store_captures(self._case, self._captured(source, print_), evidence_id)
        status = "partial" if account.status == "read" and harmful(problems) else account.status
        self._case.update_evidence(evidence_id, status=status, facts=account.facts)
        if status == "ignored":
            self._ignored(source, f"{_KIND_WORDS[kind]} of which nothing matters here")
        self._register.files.append([source.path, print_.sha256, 0])
        self._register.close(evidence_id, source.path, status, problems)

    def _message_file(self, source: Source, print_: Fingerprint, problems: list[Problem]) -> None:
        evidence_id = self._register.add(source, print_, Kind.MESSAGE_FILE, "partial")
        with print_.open(source) as stream:
            account = read_message_file(self._case, stream, evidence_id)
        problems += account.problems
        status = "partial" if account.status == "read" and harmful(problems) else account.status
        self._case.update_evidence(evidence_id, status=status, facts=account.facts)
        if status == "ignored":
            self._ignored(source, "a Windows program without a message table")
        self._register.files.append([source.path, print_.sha256, 0])
        self._register.close(evidence_id, source.path, status, problems)

    def _listing(self, source: Source, print_: Fingerprint, problems: list[Problem]) -> None:
        evidence_id = self._register.add(source, print_, Kind.FILE_LISTING, "read")
        place = evidence_id, source.path
        zone = self._options.source_tz
        done = read_file_listing(self._case, lambda: print_.open(source), place, self._knowledge, zone)
        status = "read"
        if done is not None:
            account, count = done
            problems += account.problems
            status = "partial" if harmful(problems) else "read"
            if account.assumed_zone and count:
                self._summary.assumed_tz.append(source.path)
            facts = {"form": str(account.form), "files": count}
            self._case.update_evidence(evidence_id, status=status, facts=facts)
        self._register.files.append([source.path, print_.sha256, 0])
        self._register.close(evidence_id, source.path, status, problems)

    def _captured(self, source: Source, print_: Fingerprint) -> list[Entry]:
        # A name of a replicated file promises more than what its content looks like.
        return [] if self._knowledge.fits(source.path) else captures_in(lambda: print_.open(source))

    def _capture(self, source: Source, print_: Fingerprint, entries: list[Entry], problems: list[Problem]) -> None:
        status = "partial" if harmful(problems) else "read"
        evidence_id = self._register.add(source, print_, Kind.TEXT, status)
        store_captures(self._case, entries, evidence_id)
        with print_.open(source) as stream:
            note_curly_quotes(self._case, evidence_id, stream)
        self._case.update_evidence(evidence_id, facts={"form": ", ".join(forms_of(entries))})
        self._register.files.append([source.path, print_.sha256, 0])
        self._register.close(evidence_id, source.path, status, problems)

    def _ignored(self, source: Source, what: str) -> None:
        """Count what there is nothing to read in, and say so of what was named to be read."""
        self._summary.ignored += 1
        if source.path in self._explicit:
            reason = f"there is nothing in it that this program reads: it is {what}"
            self._summary.issues.append(EvidenceIssue(source.path, "ignored", None, reason))

    def _keep(self, source: Source, print_: Fingerprint, evidence_id: int, problems: list[Problem]) -> None:
        """Keep the content of a .fdb, because evidence folders move."""
        content = print_.content
        if content is None and print_.size <= CONTENT_LIMIT:
            with source.open() as stream:
                content = stream.read(print_.size + 1)
            if hashlib.sha256(content).hexdigest() != print_.sha256:
                raise OSError(errno.ESTALE, "the file changed while it was read")
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

    # --- progress -----------------------------------------------------------------------------------------------------

    def _count_events(self, path: str, count: int) -> None:
        self._summary.events += count
        self._tell_progress(path)

    def _tell_progress(self, path: str) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(path, self._bytes, None, self._summary.events))


def _unreadable(error: Exception, size: int) -> Problem:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    kind = ProblemKind.UNSUPPORTED if isinstance(error, NOT_SUPPORTED) else ProblemKind.UNREADABLE
    return Problem(kind, 0, size, reason)


def _misnamed(path: str, guess: KindGuess) -> str:
    suffix = Path(path).suffix
    return f"its name ends in {suffix}, but it is {_KIND_WORDS.get(guess.kind, guess.kind.replace('_', ' '))}"
