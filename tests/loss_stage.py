"""A stage for stories of files: two nodes with known roles, events, backups and live files, in seconds, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from forensics.catalogue import Catalogue
from forensics.claims import Claim
from forensics.clocks.model import ClockSpan
from forensics.clocks.timeline import Clocks
from forensics.files.analyse import FileAnalysis, analyse_evidence
from forensics.files.model import BackupSet, FileEvidence, Sighting, Trigger, Version
from forensics.observations import Evidence, Observation
from forensics.profile import Mark, load_profile
from forensics.roles.analyse import Analysis
from forensics.roles.model import Confidence, Role, RoleHistory, RoleInterval, RoleTransition

A, B = "ANODE", "BNODE"
SECOND = 10_000_000
START = 128_444_256_000_000_000
PRODUCT = "Microsoft Forefront Security for Exchange Server"
CATALOGUE = Catalogue(load_profile())


def at(seconds: float) -> int:
    """The FILETIME so many seconds after the start of a story."""
    return START + int(seconds * SECOND)


def version(text: str | None, seconds: float) -> Version:
    """Bytes that are told apart by a text, saved at a moment of the saving node's clock; None: from a listing."""
    return Version(None if text is None else hashlib.sha256(text.encode()).hexdigest(), 100, at(seconds))


@dataclass
class Stage:
    """What the evidence holds. `moves`: (seconds, seconds): offline on the active node, online on the other."""

    moves: list[tuple[float, float]] = field(default_factory=list)
    end: float = 100_000
    first: str = A
    skew: dict[str, float] = field(default_factory=dict)
    roles_known: bool = True
    events: list[Observation] = field(default_factory=list)
    sets: list[BackupSet] = field(default_factory=list)
    live: dict[str, dict[str, Sighting]] = field(default_factory=dict)
    rows: int = 0

    def event(self, node: str, seconds: float, claim: Claim, name: str | None = None, *strings: str) -> Stage:
        """An event at a moment of the reference's clock."""
        self.rows += 1
        raw = at(seconds - self.skew.get(node, 0))
        log = (node, "Application")
        self.events.append(
            Observation(self.rows, node, raw, self.rows, log, 1, claim, name, True, Mark.DOCUMENTED, "x", 1, strings)
        )
        return self

    def installed(self, node: str, seconds: float) -> Stage:
        """The product's installation ended."""
        return self.event(node, seconds, Claim.INSTALL, PRODUCT)

    def sighting(self, node: str, name: str, what: Version, folder: str = "") -> Sighting:
        """A file of the evidence."""
        self.rows += 1
        return Sighting(self.rows, node, name, f"{node}/Data/{folder}{name}", what, what.sha256 is not None)

    def backup(self, node: str, seconds: float, trigger: Trigger = Trigger.UNKNOWN, **files: Version) -> Stage:
        """A set that was made then; names of files without extension."""
        number = len(self.sets) + 1
        found = {f"{name}.fdb": self.sighting(node, f"{name}.fdb", v, f"{number}/") for name, v in files.items()}
        names = CATALOGUE.profile.replicated_files
        missing = tuple(row.name for row in names if row.name not in found)
        made = at(seconds - self.skew.get(node, 0))
        evidence = tuple(one.reference for one in found.values())
        self.sets.append(
            BackupSet(
                f"backup:{number}",
                node,
                f"{node}/Data/{number}",
                made,
                "stamp",
                None,
                None,
                trigger,
                found,
                missing,
                not missing,
                True,
                Confidence.PROBABLE,
                evidence,
                "made by a test",
            )
        )
        return self

    def now(self, node: str, **files: Version) -> Stage:
        """Live files at the end."""
        own = self.live.setdefault(node, {})
        own.update({f"{name}.fdb": self.sighting(node, f"{name}.fdb", v) for name, v in files.items()})
        return self

    def history(self) -> RoleHistory:
        """The roles: both nodes up from the start to the end, and the moves."""
        spans: list[tuple[str, Role, float, float]] = []
        owner, other, since = self.first, B if self.first == A else A, 0.0
        last = 0.0
        transitions = []
        for number, (off, on) in enumerate(self.moves, start=1):
            spans += [(owner, Role.ACTIVE, since, off), (other, Role.PASSIVE, last, on)]
            transitions.append(
                RoleTransition(
                    f"transition:{number}", owner, other, at(off), at(on), at(on), Confidence.CERTAIN, (), (), ""
                )
            )
            owner, other, since, last = other, owner, on, off
        spans += [(owner, Role.ACTIVE, since, self.end), (other, Role.PASSIVE, last, self.end)]
        if not self.roles_known:
            spans = [(node, Role.UNKNOWN, 0.0, self.end) for node in (A, B)]
            transitions = []
        intervals = [
            RoleInterval(f"role:{number}", node, role, at(low), at(high), Confidence.CERTAIN, (), (), "")
            for number, (node, role, low, high) in enumerate(sorted(spans, key=lambda s: (s[2], s[0])), start=1)
            if low < high
        ]
        return RoleHistory("CMS1", (A, B), (), tuple(intervals), tuple(transitions), (), "")

    def analysis(self) -> Analysis:
        """Clocks that are known exactly, and the events."""
        spans = []
        for node in (A, B):
            offset = int(self.skew.get(node, 0) * SECOND)
            spans.append(ClockSpan(node, at(0), at(self.end), {}, offset, offset, offset, 2, (), ""))
        nodes = {node: (at(0), at(self.end)) for node in (A, B)}
        return Analysis(CATALOGUE, Evidence(sorted(self.events), [], [], [], nodes, ()), Clocks.of(spans))

    def files(self) -> FileEvidence:
        """What recognition would hand over."""
        names = {name for one in self.sets for name in one.files} | {n for files in self.live.values() for n in files}
        collected = {node: at(self.end - self.skew.get(node, 0)) for node in (A, B)}
        return FileEvidence(tuple(sorted(names)), self.live, tuple(self.sets), (), collected)

    def run(self) -> FileAnalysis:
        """What is concluded."""
        return analyse_evidence(self.files(), self.analysis(), self.history())


def told(analysis: FileAnalysis, *, mended: bool = False) -> list[tuple[str, str, str, str]]:
    """The findings: (kind, cause, file without extension, node)."""
    return sorted(
        (one.kind.value, one.cause.value, one.file.removesuffix(".fdb"), one.node)
        for one in analysis.findings
        if one.mended is mended
    )
