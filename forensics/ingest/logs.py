"""One event log into the case."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from forensics.ingest.account import EvidenceIssue
from forensics.ingest.nodes import COMPUTERS, COMPUTERS_KEPT, ENTRIES, LOGS, most_frequent
from forensics.ingest.readers import NAMELESS, READERS
from forensics.ingest.rows import NO_SPAN, Span
from parsers.evtx.reader import EvtxReader
from parsers.problems import Problem, ProblemKind
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forensics.case.store import Case
    from forensics.ingest.crosscheck import CrossCheck
    from forensics.ingest.decoders import Decoders
    from forensics.ingest.readers import ReadContext
    from forensics.ingest.rows import Batch
    from forensics.profile import Profile
    from parsers.kinds import Kind
    from parsers.records import Block, EventRecord, LogReader

# Damage in every record of a log of gigabytes would fill the memory; nobody reads more than this.
MAX_PROBLEMS = 10_000
_ZONE_ASSUMED = "its times have no zone, and none was given: they were read as UTC"
# A log that names another computer in every record must not fill the memory.
_NAMES_COUNTED = 10_000
_LOGS_KEPT = 10  # most are of one, and whether they are of few or many matters to nobody


@dataclass(slots=True)
class LogAccount:
    """What a log turned out to hold; `columns` gives it as columns of its evidence row."""

    log: str | None = None
    live: int = 0
    recovered: int = 0
    span: Span = NO_SPAN
    computers: Counter[str] = field(default_factory=Counter)
    logs: Counter[str] = field(default_factory=Counter)
    logs_named: set[str | None] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    facts: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    not_kept: int = 0

    def note(self, problems: list[Problem]) -> None:
        """Keep problems, as many as anybody could read."""
        room = MAX_PROBLEMS - len(self.problems)
        self.problems += problems[:room]
        self.not_kept += max(0, len(problems) - room)

    def count(self, batch: Batch) -> None:
        """Add up the names that a batch holds; of far too many those that occurred most so far are kept."""
        if len(self.logs_named) < _LOGS_KEPT:
            self.logs_named |= batch.logs_named
        for counts, more in ((self.computers, batch.computers), (self.logs, batch.logs)):
            counts.update(more)
            if len(counts) > _NAMES_COUNTED:
                kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: _NAMES_COUNTED // 2]
                counts.clear()
                counts.update(dict(kept))

    def assumptions(self, path: str) -> list[EvidenceIssue]:
        """What had to be assumed to read the log, beside its zone: each assumption once, at its first place."""
        first: dict[str, int] = {}
        for problem in self.problems:
            if problem.kind is ProblemKind.ASSUMED and problem.detail != _ZONE_ASSUMED:
                first.setdefault(problem.detail, problem.offset)
        return [EvidenceIssue(path, "assumed", offset, detail) for detail, offset in first.items()]

    def columns(self) -> dict[str, object]:
        """Columns of `evidence`, the node among them where events name one."""
        node = most_frequent(self.computers)
        ranked = sorted(self.computers.items(), key=lambda item: (-item[1], item[0]))[:COMPUTERS_KEPT]
        named = {
            COMPUTERS: ",".join(name for name, _ in ranked),
            ENTRIES: ",".join(str(count) for _, count in ranked),
            LOGS: len(self.logs_named),
        }
        return {
            "log": most_frequent(self.logs),
            "live": self.live,
            "recovered": self.recovered,
            "first_time": iso_utc(self.span.first_time),
            "last_time": iso_utc(self.span.last_time),
            "first_record": self.span.first_record,
            "last_record": self.span.last_record,
            "node": node,
            "facts": {**self.facts, **named},
        }


def read_log(
    case: Case,
    decoders: Decoders,
    stream: BinaryIO,
    evidence: tuple[int, Kind, ReadContext],
    profile: Profile,
    on_events: Callable[[int], None],
) -> LogAccount:
    """Read a log into the case, inside the caller's transaction.

    Args:
        case: open for writing.
        decoders: who decodes.
        stream: the log at its start.
        evidence: id of the evidence row, kind, and what its reader may need to know.
        profile: tells which log it is where the records do not say so (.evt, text).
        on_events: called with the number of events after each batch.

    Raises:
        One of `readers.NOT_READABLE`: nothing of a log is in it.
        OSError: the evidence could not be read on.
    """
    evidence_id, kind, context = evidence
    reader = READERS[kind](stream, context)
    blocks: Iterator[Block] = iter(reader.blocks())
    account = LogAccount(facts=_facts(reader))
    if kind in NAMELESS and (first := next(blocks, None)) is not None:
        account.log = name_of_log(first.decode().records, context.path, profile)
        blocks = chain([first], blocks)
    for batch in decoders.batches(blocks, context.size, evidence_id, account.log):
        case.add_prepared_events(batch.rows)
        case.index_events()
        account.live += batch.live
        account.recovered += batch.rows.length - batch.live
        account.span = account.span.union(batch.span)
        account.count(batch)
        account.note(batch.problems)
        on_events(batch.rows.length)
    account.note(reader.problems)
    account.facts |= getattr(reader, "facts", {})
    if "assumed_tz" in account.facts:
        account.problems.append(Problem(ProblemKind.ASSUMED, 0, 0, _ZONE_ASSUMED))
    if account.not_kept:
        detail = f"{account.not_kept} more problems of this log are not listed"
        account.problems.append(Problem(ProblemKind.LIMIT, 0, context.size, detail))
    return account


def check_log(stream: BinaryIO) -> CrossCheck:
    """Read an .evtx with both readers, in this process."""
    # The second reader brings an XML and a network library; only who asks for it waits for them.
    from forensics.ingest.crosscheck import CrossCheck  # noqa: PLC0415

    check = CrossCheck()
    for chunk in EvtxReader(stream).blocks():
        check.chunk(chunk, chunk.decode().records)
    return check


def name_of_log(records: list[EventRecord], path: str, profile: Profile) -> str | None:
    """Which log it is: told by the sources that write to one log only, else by the file's name, else None."""
    votes = Counter(log for record in records if record.source and (log := profile.log_of_source(record.source)))
    name = path.rsplit("/", 1)[-1]
    return most_frequent(votes) or profile.log_of_file(name) or _log_of_stem(name, profile)


def _log_of_stem(name: str, profile: Profile) -> str | None:
    """The log that an export is called after: `Application.csv` as `Application.evtx`."""
    stem = PurePosixPath(name).stem.casefold()
    return next((row.log for row in profile.logs if PurePosixPath(row.file).stem.casefold() == stem), None)


def _facts(reader: LogReader) -> dict[str, str | int | float | bool | None]:
    header = getattr(reader, "header", None)
    if header is None:
        return {}
    return {name: value for name, value in asdict(header).items() if isinstance(value, str | int | float | bool)}
