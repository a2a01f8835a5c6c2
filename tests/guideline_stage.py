"""Stories of installing, running and removing the product, told in seconds, and checked against the guidelines."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from role_stories import SECOND, Entry, known_clocks, moment

from forensics.catalogue import Catalogue
from forensics.checks.analyse import check_guidelines
from forensics.checks.material import Captured, CheckpointSource, Logon, Material, RegistryValue
from forensics.observations import Evidence, Observation, Run
from forensics.profile import load_profile, parse_profile
from forensics.roles.analyse import Analysis
from forensics.roles.history import mailbox_history

if TYPE_CHECKING:
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence

A, B = "ANODE", "BNODE"
PRODUCT = "Microsoft Forefront Security for Exchange Server"
STORE = "Exchange Information Store Instance (CMS1)"
KEY = "software\\microsoft\\forefront server security\\exchange server"
WELL_KNOWN = ("Cluster Group", "Available Storage")
HOUR = 3600
# What an entry of a story is: source, id, log, strings (%s: the object).
KINDS = {
    "coming": ("ClusSvc", 1200, "System", ["%s"]),
    "online": ("ClusSvc", 1201, "System", ["%s"]),
    "leaving": ("ClusSvc", 1203, "System", ["%s"]),
    "offline": ("ClusSvc", 1204, "System", ["%s"]),
    "failed": ("ClusSvc", 1205, "System", ["%s"]),
    "formed": ("ClusSvc", 1061, "System", []),
    "joined": ("ClusSvc", 1062, "System", []),
    "removed": ("ClusSvc", 1135, "System", ["%s"]),
    "resource": ("ClusSvc", 1069, "System", [STORE]),
    "other resource": ("ClusSvc", 1069, "System", ["Spooler"]),
    "boot": ("EventLog", 6005, "System", []),
    "version": ("EventLog", 6009, "System", ["%s", "3790", "Service Pack 2"]),
    "halt": ("EventLog", 6006, "System", []),
    "died": ("EventLog", 6008, "System", []),
    "asked": ("USER32", 1074, "System", []),
    "up": ("EventLog", 6013, "System", []),
    "mounted": ("MSExchangeIS Mailbox Store", 9523, "Application", []),
    "dismounted": ("MSExchangeIS Mailbox Store", 9539, "Application", []),
    "handoff": ("MSExchangeRepl", 100, "Application", []),
    "copying": ("MSExchangeRepl", 2114, "Application", []),
    "store failed": ("MSExchangeIS", 9519, "Application", []),
    "scan error": ("MSExchangeIS", 9874, "Application", []),
    "install": ("MsiInstaller", 1033, "Application", ["%s", "10.0", "1033", "0", "Microsoft"]),
    "install 2003": ("MsiInstaller", 11707, "Application", ["Product: %s -- Installation operation completed."]),
    "remove": ("MsiInstaller", 1034, "Application", ["%s", "10.0", "1033", "0", "Microsoft"]),
    "remove 2003": ("MsiInstaller", 11724, "Application", ["Product: %s -- Removal completed."]),
    "remove failed": ("MsiInstaller", 1034, "Application", ["%s", "10.0", "1033", "1603", "Microsoft"]),
    "forced": ("FSECCRService", 9410, "Application", []),
    "skipped": ("FSECCRService", 9413, "Application", ["%s"]),
    "strange": ("FSECCRService", 9999, "Application", []),
    "engine": ("GetEngineFiles", 6012, "Application", []),
    "session": ("Security", 528, "Security", ["admin", "DOM", "0", "10"]),
    "console": ("Security", 528, "Security", ["admin", "DOM", "0", "2"]),
    "logon": ("Security", 528, "Security", ["service", "DOM", "0", "3"]),
}
LOGONS = frozenset({"console", "logon"})
GROUP = frozenset({"coming", "online", "leaving", "offline", "failed"})
NAMED = {"install", "install 2003", "remove", "remove 2003", "remove failed"}
TEXTS = {"seeding": "Forefront Server Security CCR Replication service initial replication 'seeding' complete."}


@cache
def catalogue_with(text: str) -> Catalogue:
    """The catalogue of the shipped profile, extended by a text."""
    return Catalogue(parse_profile(text, "a test") if text else load_profile())


@dataclass
class Stage:
    """What the evidence of a story holds."""

    entries: list[Entry] = field(default_factory=list)
    registry: list[RegistryValue] = field(default_factory=list)
    captures: list[Captured] = field(default_factory=list)
    sources: list[CheckpointSource] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    ahead: dict[str, float] = field(default_factory=dict)
    holes: list[tuple[str, str, float, float]] = field(default_factory=list)
    within: float | None = 1.0
    profile: str = ""
    files: FileEvidence | None = None
    losses: FileAnalysis | None = None
    checkpoints: tuple = ()
    _logons: list[Logon] = field(default_factory=list)

    def add(self, *entries: Entry | list[Entry]) -> Stage:
        """Entries, in any order."""
        for one in entries:
            self.entries += one if isinstance(one, list) else [one]
        return self

    def at(self, seconds: float, node: str, *kinds: str) -> Stage:
        """Entries of one moment."""
        return self.add([Entry(seconds, node, kind) for kind in kinds])

    def path(self, node: str, value: str, name: str = "InstalledPath", *, wow: bool = True) -> Stage:
        """A value of the product's registry key."""
        self.registry.append(RegistryValue(f"evidence:{len(self.registry) + 1}", node, KEY, wow, name, value))
        return self

    def captured(self, seconds: float, form: str, name: str, value: str, node: str = A) -> Stage:
        """A line of a status capture that was written then."""
        row = Captured("evidence:9", form, A, node, name, None, value, moment(seconds))
        self.captures.append(row)
        return self

    def listed(self, seconds: float, *keys: str) -> Stage:
        """A listing of checkpoints that was written then."""
        self.sources.append(CheckpointSource("evidence:8", A, moment(seconds), frozenset(keys)))
        return self

    def material(self) -> Material:
        """What the checks are made of."""
        catalogue = catalogue_with(self.profile)
        evidence = self._evidence(catalogue)
        analysis = Analysis(catalogue, evidence, known_clocks(evidence, ahead=self.ahead, within=self.within))
        return Material(
            analysis,
            mailbox_history(evidence, analysis.clocks, WELL_KNOWN),
            self.files,
            self.losses,
            self.checkpoints,
            tuple(self.sources),
            tuple(self.registry),
            tuple(self.captures),
            tuple(self._logons),
            {self._reference(evidence, key): sid for key, sid in self.users.items()},
        )

    def run(self):
        """The checks by id."""
        return {one.id: one for one in check_guidelines(self.material())}

    def said(self, guideline: str) -> tuple[str, str]:
        """Status and confidence of one."""
        one = self.run()[guideline]
        assert bool(one.would_decide) is (one.status == "unknown")
        assert one.why
        return one.status.value, one.confidence.value

    def _reference(self, evidence: Evidence, key: str) -> str:
        """`ANODE session`: the last event of that kind on that node."""
        node, _, kind = key.partition(" ")
        source, number, _, strings = KINDS[kind]
        wanted = (node, source, number, tuple(text.replace("%s", PRODUCT) for text in strings))
        found = [o for o in evidence.observations if (o.node, o.source, o.event_id, o.strings) == wanted]
        return found[-1].reference

    def _evidence(self, catalogue: Catalogue) -> Evidence:
        logs: dict[tuple[str, str], list[Entry]] = {}
        for entry in sorted(self.entries, key=lambda one: one.at):
            log = "Application" if entry.kind in TEXTS else KINDS[entry.kind][2]
            logs.setdefault((entry.node, log), []).append(entry)
        observations, runs, spans = [], [], {}
        self._logons = []
        for log, written in sorted(logs.items()):
            run: list[tuple[int, int]] = []
            for number, entry in enumerate(written, 1000):
                if any((n, name) == log and low <= entry.at <= high for n, name, low, high in self.holes):
                    runs += _run(log, run)
                    run = []
                    continue
                raw = moment(entry.at + self.ahead.get(entry.node, 0)) // SECOND * SECOND
                low, high = spans.get(entry.node, (raw, raw))
                spans[entry.node] = min(low, raw), max(high, raw)
                run.append((number, raw))
                if entry.kind in LOGONS:
                    console = entry.kind == "console"
                    self._logons.append(Logon(f"event:{90_000 + number}", entry.node, raw, log, number, console, None))
                    continue
                one = _observation(catalogue, len(observations) + 1, entry, raw, number, log)
                if one is not None:
                    observations.append(one)
            runs += _run(log, run)
        observations.sort(key=lambda one: (one.node, one.log, one.number, one.raw, one.source, one.event_id))
        return Evidence(observations, sorted(runs), [], [], dict(sorted(spans.items())), ())


def _run(log, run):
    return [Run(log, run[0][0], run[-1][0], run[0][1], run[-1][1])] if run else []


def _observation(catalogue, event, entry, raw, number, log):
    if entry.kind in TEXTS:
        source, event_id, strings, message = "FSECCRService", 9405, (), TEXTS[entry.kind]
    else:
        source, event_id, _, templates = KINDS[entry.kind]
        name = entry.object or ("CMS1" if entry.kind in GROUP else PRODUCT if entry.kind in NAMED else "")
        strings, message = tuple(text.replace("%s", name) for text in templates), None
    found = catalogue.match(source, event_id, strings, message, log[1])
    if found is None:
        return None
    return Observation(
        event, entry.node, raw, number, log, SECOND, found.row.claim, found.object, found.row.strong, found.mark,
        source, event_id, strings,
    )  # fmt: skip


def begun(first: str = A) -> Stage:
    """Two nodes boot, the group comes online on the first; every log has entries from the first minute on."""
    second = B if first == A else A
    stage = Stage()
    for node, wait in ((first, 0), (second, 5)):
        stage.add(Entry(wait, node, "boot"), Entry(wait + 40, node, "joined"), Entry(wait + 41, node, "logon"))
    stage.add(Entry(60, first, "coming"), Entry(68, first, "mounted"), Entry(75, first, "online"))
    stage.add(Entry(80, second, "copying"), Entry(60, first, "up"))
    return stage


def installed(first: str = A, **when: float) -> Stage:
    """As `begun`, and the product installed at 3600 s on the first node, at 5400 s on the second."""
    second = B if first == A else A
    stage = begun(first)
    stage.at(when.get("first", 3600), first, "install").at(when.get("second", 5400), second, "install")
    return stage.at(when.get("second", 5400) + 30, second, "forced")


def ended(stage: Stage, seconds: float = 40_000) -> Stage:
    """Every log of both nodes still has an entry then."""
    for node in (A, B):
        stage.add(Entry(seconds, node, "up"), Entry(seconds, node, "logon"))
    owner = next((e.node for e in sorted(stage.entries, key=lambda e: -e.at) if e.kind == "online"), A)
    other = B if owner == A else A
    return stage.add(Entry(seconds, owner, "mounted"), Entry(seconds, other, "copying"))


def moved(stage: Stage, seconds: float, source: str, target: str) -> Stage:
    """The group moves, and is online 25 seconds later."""
    stage.add(Entry(seconds, source, "leaving"), Entry(seconds + 4, source, "dismounted"))
    stage.add(Entry(seconds + 8, source, "offline"), Entry(seconds + 10, target, "coming"))
    stage.add(Entry(seconds + 18, target, "mounted"), Entry(seconds + 25, target, "online"))
    return stage.add(Entry(seconds + 27, target, "handoff"), Entry(seconds + 60, source, "copying"))


def regrouped(stage: Stage, seconds: float, node: str, pause: float = 60) -> Stage:
    """The group goes offline and comes online again on the same node."""
    stage.add(
        Entry(seconds, node, "leaving"), Entry(seconds + 4, node, "dismounted"), Entry(seconds + 8, node, "offline")
    )
    back = seconds + pause
    return stage.add(Entry(back, node, "coming"), Entry(back + 8, node, "mounted"), Entry(back + 15, node, "online"))


def restarted(stage: Stage, seconds: float, node: str, *, asked: bool = True) -> Stage:
    """A machine stops and starts again, and joins the cluster."""
    if asked:
        stage.at(seconds - 10, node, "asked")
    stage.at(seconds, node, "halt").at(seconds + 120, node, "boot")
    return stage.at(seconds + 150, node, "joined")
