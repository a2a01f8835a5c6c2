"""How right the findings on files are: simulated incidents, analysed, and held against what was really lost.

    python benchmarks/losses.py --seeds 1000

Prints, for complete and for degraded evidence: how many of the losses that the evidence can show were found (recall),
how many findings were wrong (precision), how often the cause and the recommended backup set were right, how many
incidents in which nothing was lost were accused, and for each word of confidence how often it was right. Records, files
and folders go into the case as an ingest would put them; ingest itself is judged elsewhere.

The exit code is 1 where a finding called certain is wrong, where a clean incident is accused, or where something of
complete evidence is missed, invented or wrongly recommended, or less than 97 % of its causes are right.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import accuracy

from forensics.case.rows import NewEvidence, NewFileVersion
from forensics.files.analyse import analyse_files
from forensics.files.model import Cause, Kind
from forensics.ingest.finish import finish
from forensics.roles.analyse import analyse
from forensics.roles.model import Confidence
from parsers.containers.sources import ModifiedBasis
from parsers.times import iso_utc
from samples.incident import LOSS_SCENARIOS, build, random_loss_setting
from samples.incident.clock import ticks
from samples.incident.judging_losses import known, recommended

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from forensics.case.store import Case
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import BackupSet, Finding
    from samples.incident import Incident

CAUSES_RIGHT = 0.97


@dataclass
class Verdict:
    """One incident's account, or the sum of many. `words` counts for each word of confidence (right, all)."""

    incidents: int = 0
    clean: int = 0
    accused: int = 0
    losses: int = 0
    found: int = 0
    causes: int = 0
    wrong: int = 0
    recoverable: int = 0
    recommendations: int = 0
    recommended: int = 0
    timed: int = 0
    words: Counter[tuple[str, bool]] = field(default_factory=Counter)
    by_kind: Counter[tuple[str, bool]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Add another account to this one."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def bad(self, *, complete: bool) -> bool:
        """Whether the account is one of failure."""
        if self.words[Confidence.CERTAIN, False] or self.accused:
            return True
        if not complete:
            return False
        whole = (self.found, self.recoverable, self.recommended) == (self.losses, self.found, self.recommendations)
        return not whole or self.wrong > 0 or self.causes < CAUSES_RIGHT * self.found


def case_of(incident: Incident, path: Path) -> Case:
    """A case that holds the incident's records, files and folders as an ingest of them would."""
    case = accuracy.case_of(incident, path)
    with case.transaction():
        for item in incident.files:
            root, basis = item.path.split("/", 1)[0], ModifiedBasis.FILE_SYSTEM
            if item.content is None:
                case.add_folder(item.path, root, None, item.modified, basis)
                continue
            sha256, size = hashlib.sha256(item.content).hexdigest(), len(item.content)
            evidence_id = case.add_evidence(
                NewEvidence(
                    path=item.path,
                    kind="fdb",
                    status="read" if size else "empty",
                    root=root,
                    sha256=sha256,
                    size=size,
                    modified=iso_utc(item.modified),
                    modified_filetime=item.modified,
                    modified_basis=basis,
                )
            )
            case.add_content(sha256, size, item.content)
            case.add_file_version(
                NewFileVersion(
                    evidence_id=evidence_id,
                    node=None,
                    name=item.path.rpartition("/")[2],
                    role="other",
                    path=item.path,
                    sha256=sha256,
                    size=size,
                    modified=iso_utc(item.modified),
                    modified_filetime=item.modified,
                )
            )
    finish(case)
    return case


class _Scene:
    """An incident and what its evidence can show."""

    def __init__(self, incident: Incident, names: Mapping[str, str]) -> None:
        self.incident = incident
        self.truth = incident.truth
        self.names = names
        self.there = {item.path for item in incident.files if item.content}
        self.losses = self._knowable(self.truth["losses"])
        self.mended = self._knowable(self.truth["mended"])
        self.arguable = self._knowable(self.truth["arguable"])
        self.whole = [row for row in self.losses if row["best"] == row["lost"]["sha256"]]
        # What was really lost is in no file: something that it was made from may be told instead, or nothing.
        self.partly = [row for row in self.losses if row not in self.whole]

    def readable(self, path: str) -> bool:
        """Whether the evidence has a file, with content."""
        return path in self.there

    def _knowable(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        best = [(row, known(self.truth, row, self.readable)) for row in rows]
        return [row | {"best": sha256} for row, sha256 in best if sha256]

    @property
    def name(self) -> str:
        """Which incident it is."""
        return f"{self.truth['scenario']}/{self.truth['system']}/{self.truth['seed']}"

    def has_live(self, node: str, name: str) -> bool:
        """Whether a node's live file is in the evidence."""
        return self.readable(f"{node}/Data/{name}")

    def is_of(self, finding: Finding, row: Mapping[str, Any]) -> bool:
        """Whether a finding states this loss, its cause aside."""
        node = self.names.get(finding.node, finding.node)
        if (finding.file, finding.kind, finding.lost.sha256) != (row["file"], row["kind"], row["best"]):
            return False
        if node not in {row["node"], *row["node_also"]}:
            return False
        current = row["current"] and row["current"]["sha256"]
        is_there = node == row["node"] and self.has_live(node, finding.file)
        return not is_there or (finding.current and finding.current.sha256) == current

    def is_same_pair(self, finding: Finding) -> bool:
        """Whether a divergence is that of two contents that really lie on the two nodes."""
        live = {states[finding.file]["sha256"] for states in self.truth["live"].values() if finding.file in states}
        pair = {finding.lost.sha256, finding.current and finding.current.sha256}
        return len(live) > 1 and pair == live

    def paths_of(self, row: Mapping[str, Any]) -> set[str]:
        """Paths of backup files that have what is left of a lost content."""
        name = row["file"]
        return {
            made["paths"][name]
            for made in self.truth["backups"]
            if name in made["files"] and made["files"][name]["sha256"] == row["best"]
            if self.readable(made["paths"][name])
        }

    def recommended(self) -> set[frozenset[str] | None]:
        """Paths of the set to recommend; of more than one where the rules leave a choice."""
        in_place = [row for row in self.arguable if row["in_place"] and row["kind"] != "divergence"]
        choices = [self.whole, self.whole + self.partly, self.whole + in_place]
        if any(row["began_also"] for row in self.whole):
            choices.append([row | {"began": row["began_also"] or row["began"]} for row in self.whole])
        found: set[frozenset[str] | None] = set()
        for rows in choices:
            location = recommended(self.truth, self.readable, rows)
            paths = next((m["paths"] for m in self.truth["backups"] if m["location"] == location), None)
            found.add(frozenset(paths.values()) if paths else None)
        return found


def judge(incident: Incident, analysis: FileAnalysis, names: Mapping[str, str] | None = None) -> Verdict:
    """Hold an analysis against the truth. `names`: which node it really is that the case calls by another name."""
    scene = _Scene(incident, names or {})
    verdict = Verdict(incidents=1, losses=len(scene.whole))
    sets = {one.id: one for one in analysis.sets}
    left = list(scene.whole)
    is_degraded = bool(incident.truth["degraded"])
    wrong = [
        finding
        for finding in analysis.findings
        if not _judge_finding(verdict, scene, finding, left, sets, is_degraded=is_degraded)
    ]
    for row in left:
        verdict.by_kind[row["kind"], False] += 1
        verdict.faults.append(f"{scene.name}: missed: {row['kind']} {row['cause']} {row['file']} on {row['node']}")
    is_clean = not incident.truth["losses"] and not any(row["in_place"] for row in incident.truth["arguable"])
    if is_clean:
        verdict.clean = 1
        verdict.accused = int(any(not finding.mended for finding in wrong))
    _judge_recommended(verdict, scene, analysis, sets)
    return verdict


def _judge_finding(
    verdict: Verdict,
    scene: _Scene,
    finding: Finding,
    left: list[dict[str, Any]],
    sets: Mapping[str, BackupSet],
    *,
    is_degraded: bool,
) -> bool:
    """Enter one finding into the account; False where it is wrong."""
    what = f"{finding.id} {finding.kind} {finding.cause} {finding.file} on {finding.node}, {finding.confidence}"
    what += ", mended" if finding.mended else ""
    row = None if finding.mended else next((row for row in left if scene.is_of(finding, row)), None)
    if row is None:
        if _passes(scene, finding, is_degraded=is_degraded):
            return True
        verdict.wrong += 1
        verdict.words[finding.confidence, False] += 1
        verdict.faults.append(f"{scene.name}: wrong: {what}: {finding.why}")
        return False
    left.remove(row)
    verdict.found += 1
    verdict.by_kind[row["kind"], True] += 1
    is_cause = finding.cause == row["cause"]
    verdict.causes += is_cause
    if not is_cause:
        verdict.faults.append(f"{scene.name}: cause was {row['cause']}: {what}: {finding.why}")
    # Not to know the cause is no false statement.
    verdict.words[finding.confidence, is_cause or finding.cause is Cause.UNKNOWN] += 1
    holding = [sets[one].files[finding.file] for one in finding.recoverable_from if finding.file in sets[one].files]
    paths = {sighting.path for sighting in holding}
    if paths == scene.paths_of(row):
        verdict.recoverable += 1
    else:
        told = f"{sorted(paths)}, not {sorted(scene.paths_of(row))}"
        verdict.faults.append(f"{scene.name}: recoverable from {told}: {what}")
    verdict.timed += _holds_time(scene, finding, row)
    return True


def _passes(scene: _Scene, finding: Finding, *, is_degraded: bool) -> bool:
    """Whether a finding that states no loss which is to be found is no fault."""
    node = scene.names.get(finding.node, finding.node)
    if is_degraded and not scene.has_live(node, finding.file):
        # What a node has at the end nobody can tell then.
        told = (*scene.losses, *scene.mended, *scene.arguable)
        return any(scene.is_of(finding, row) for row in told) or (finding.mended and finding.kind is Kind.DIVERGENCE)
    if finding.mended:
        # Files that differed for a time are no rows of the truth.
        is_told = any(scene.is_of(finding, row) for row in (*scene.mended, *scene.arguable))
        return is_told or finding.kind is Kind.DIVERGENCE
    if any(scene.is_of(finding, row) for row in (*scene.partly, *scene.arguable)):
        return True
    if not is_degraded:
        return False
    # Who became active when may be lost with the logs; that the files differ is not.
    return finding.kind is Kind.DIVERGENCE and scene.is_same_pair(finding)


def _holds_time(scene: _Scene, finding: Finding, row: Mapping[str, Any]) -> bool:
    """Whether the finding's span meets the time in which the loss came about, on the reference's clock."""
    reference = min(told["name"] for told in scene.truth["nodes"])
    began, until = (scene.incident.shown(reference, ticks(row[name])) for name in ("began", "lost_at"))
    return finding.earliest <= until + accuracy.TOLERANCE and began - accuracy.TOLERANCE <= finding.latest


def _judge_recommended(verdict: Verdict, scene: _Scene, analysis: FileAnalysis, sets: Mapping[str, BackupSet]) -> None:
    expected = scene.recommended()
    told = analysis.recommended
    paths = None if told is None else frozenset(one.path for one in sets[told].files.values())
    verdict.recommendations = 1
    verdict.recommended = int(paths in expected)
    if not verdict.recommended:
        shown = [min(one) if one else None for one in (paths, *expected)]
        verdict.faults.append(f"{scene.name}: recommended {shown[0]}, not {' or '.join(map(str, shown[1:]))}")


def names_of(case: Case) -> dict[str, str]:
    """Which node's files lie under which node's name in the case: without logs nothing says their names."""
    return {str(node): path.split("/", 1)[0] for node, path in case.rows("SELECT node, path FROM file_versions")}


def judged(seed: int, *, complete: bool, scenario: str | None = None) -> Verdict:
    """The account of one seeded incident; `scenario` in place of that of the seed."""
    setting = random_loss_setting(seed, complete=complete, scenario=scenario)
    incident = build(setting)
    with tempfile.TemporaryDirectory() as folder, case_of(incident, Path(folder) / "case.db") as case:
        return judge(incident, analyse_files(case, analyse(case)), names_of(case))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole if whole else 1:.1%})"


def report(title: str, total: Verdict) -> Iterator[str]:
    """The figures as lines of text."""
    yield f"{title}: {total.incidents} incidents, {total.losses} losses that the evidence shows"
    yield f"  found (recall): {_share(total.found, total.losses)}"
    yield f"  findings that are right (precision): {_share(total.found, total.found + total.wrong)}"
    yield f"  cause right: {_share(total.causes, total.found)}"
    yield f"  sets that still have it, right: {_share(total.recoverable, total.found)}"
    yield f"  span meets the true time: {_share(total.timed, total.found)}"
    yield f"  recommended set right: {_share(total.recommended, total.recommendations)}"
    yield f"  clean incidents accused: {_share(total.accused, total.clean)}"
    for kind in Kind:
        right = total.by_kind[kind, True]
        yield f"  {kind}: {_share(right, right + total.by_kind[kind, False])}"
    for word in Confidence:
        right, wrong = total.words[word, True], total.words[word, False]
        if right + wrong:
            yield f"  called {word}: {right + wrong}, right {right / (right + wrong):.1%}"


def _of_seed(task: tuple[int, bool, str | None]) -> Verdict:
    seed, complete, scenario = task
    try:
        return judged(seed, complete=complete, scenario=scenario)
    except Exception as error:
        raise RuntimeError(f"seed {seed}, {'complete' if complete else 'degraded'} evidence") from error


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000, help="incidents of each kind of evidence")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", choices=("complete", "degraded"))
    parser.add_argument("--scenario", choices=sorted(LOSS_SCENARIOS), help="this one, whatever the seed")
    parser.add_argument("--faults", action="store_true", help="name everything that was wrong or missed")
    options = parser.parse_args()
    bad = False
    for complete in (True, False):
        title = "complete" if complete else "degraded"
        if options.only not in {None, title}:
            continue
        total = Verdict()
        seeds = range(options.first, options.first + options.seeds)
        with Pool() as pool:
            tasks = [(seed, complete, options.scenario) for seed in seeds]
            for verdict in pool.imap(_of_seed, tasks, chunksize=4):
                total.add(verdict)
        for line in report(f"{title} evidence", total):
            print(line)
        if options.faults:
            print(*total.faults, sep="\n")
        bad = bad or total.bad(complete=complete)
    sys.exit(bad)


if __name__ == "__main__":
    main()
