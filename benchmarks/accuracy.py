"""How right the role histories are: simulated incidents, reconstructed, and held against what really happened.

    python benchmarks/accuracy.py --seeds 1000

Prints, for complete and for degraded evidence: how many of the true moves were found with their true time inside their
span (recall), how many were invented, how wide the spans are, whether the true clock offsets lie within the stated
uncertainty, and for each word of confidence how often it was right. The incidents' records go into the case as readers
would give them (`tests/test_samples_incident*.py` hold that the log files say the same), so that a thousand fit into
minutes; ingest of the files is judged elsewhere.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from forensics.case.rows import NewEvidence
from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case
from forensics.case.values import json_text
from forensics.ingest.finish import finish
from forensics.roles.analyse import analyse
from forensics.roles.model import Confidence, Role, RoleHistory
from parsers.problems import Problem, ProblemKind
from parsers.times import TICKS_PER_SECOND, iso_utc
from samples.incident import Incident, random_incident
from samples.incident.clock import ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samples.incident import LogRecords

# A role may change a little later than the first event of it: how long an interval may be wrong at its ends.
TOLERANCE = 90 * TICKS_PER_SECOND


@dataclass
class Verdict:
    """One incident's account, or the sum of many.

    `words` counts for each word of confidence (right, all) of transitions; `stretches` the same of role intervals.
    """

    incidents: int = 0
    true_moves: int = 0
    found: int = 0
    invented: int = 0
    certain_of_found: int = 0
    widths: list[float] = field(default_factory=list)
    offsets: int = 0
    offsets_wrong: int = 0
    uncertainties: list[float] = field(default_factory=list)
    words: Counter[tuple[str, bool]] = field(default_factory=Counter)
    stretches: Counter[tuple[str, bool]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Add another account to this one."""
        for name in ("incidents", "true_moves", "found", "invented", "certain_of_found", "offsets", "offsets_wrong"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("widths", "uncertainties", "faults"):
            getattr(self, name).extend(getattr(other, name))
        self.words += other.words
        self.stretches += other.stretches


def case_of(incident: Incident, path: Path) -> Case:
    """A case that holds the incident's records as an ingest of its files would."""
    case = Case.create(path)
    torn = {entry["log"] for entry in incident.truth["degraded"] if entry["kind"] == "torn"}
    with case.transaction():
        for log in incident.entries:
            kind = "evt" if log.path.lower().endswith(".evt") else "evtx"
            numbers = [record.record_number for record in log.records]
            evidence = NewEvidence(
                path=log.path,
                kind=kind,
                status="partial" if log.path in torn else "read" if numbers else "empty",
                root=log.path.split("/", 1)[0],
                sha256=f"{abs(hash(log.path)):064x}",
                node=log.owner,
                node_basis="events",
                log=log.log,
                live=len(numbers),
                first_record=min(numbers, default=None),
                last_record=max(numbers, default=None),
                facts={"computers": ",".join(sorted({short(r.computer) for r in log.records}))},
            )
            evidence_id = case.add_evidence(evidence)
            case.add_events(_rows(log, evidence_id, kind))
            if log.path in torn:
                end = len(log.records)
                case.add_problems(evidence_id, [Problem(ProblemKind.TRUNCATED, end, 1, "it ends within a record")])
    finish(case)
    return case


def _rows(log: LogRecords, evidence_id: int, kind: str) -> Iterator[list[object]]:
    for offset, record in enumerate(log.records):
        known: dict[str, object] = {
            "evidence_id": evidence_id,
            "log": log.log,
            "record_number": record.record_number,
            "event_record_id": record.record_number if kind == "evtx" else None,
            "time_generated": iso_utc(record.generated),
            "time_written": iso_utc(record.written),
            "source": record.source,
            "event_id": record.event_id,
            "level": 4,
            "computer": record.computer,
            "node": short(record.computer),
            "strings": json_text(list(record.strings)),
            "recovered": 0,
            "offset": offset,
            "generated_filetime": record.generated,
            "written_filetime": record.written,
        }
        yield [known.get(name) for name in EVENT_COLUMNS]


def short(computer: str) -> str:
    """A computer's name as nodes are named."""
    return computer.partition(".")[0].upper()


def judge(incident: Incident, history: RoleHistory) -> Verdict:
    """Hold a history against the truth. Times of the truth are put on the reference's clock first."""
    verdict = Verdict(incidents=1)
    if not history.nodes:
        return verdict
    reference = history.nodes[0]
    told = incident.truth
    name = f"{told['scenario']}/{told['system']}/{told['seed']}"
    moves = [
        (move["from"], move["to"], incident.shown(reference, ticks(move["online"])))
        for move in told["transitions"]
        if move["group"] == told["group"]
    ]
    verdict.true_moves = len(moves)
    _judge_moves(verdict, moves, history, name)
    _judge_intervals(verdict, incident, history, name)
    _judge_offsets(verdict, incident, history, name)
    return verdict


def _judge_moves(verdict: Verdict, moves: list[tuple[str, str, int]], history: RoleHistory, name: str) -> None:
    left = list(moves)
    for found in history.transitions:
        match = next(
            (
                move
                for move in left
                if found.from_node in {move[0], None}
                and found.to_node in {move[1], None}
                and found.earliest <= move[2] <= found.latest
            ),
            None,
        )
        verdict.words[found.confidence, match is not None] += 1
        what = f"{found.from_node}->{found.to_node} {iso_utc(found.earliest)} {iso_utc(found.latest)}"
        if match is None:
            verdict.invented += 1
            verdict.faults.append(f"{name}: {found.confidence} and wrong: {what}")
            continue
        left.remove(match)
        verdict.found += 1
        verdict.certain_of_found += found.confidence is Confidence.CERTAIN
        verdict.widths.append((found.latest - found.earliest) / TICKS_PER_SECOND)
    verdict.faults += [f"{name}: missed: {a}->{b} {iso_utc(t)}" for a, b, t in left]


def _judge_intervals(verdict: Verdict, incident: Incident, history: RoleHistory, name: str) -> None:
    """An interval is wrong that differs from the truth for longer than `TOLERANCE` at a stretch."""
    reference = history.nodes[0]
    truth = [
        (
            one["node"],
            one["role"],
            incident.shown(reference, ticks(one["start"])),
            incident.shown(reference, ticks(one["end"])),
        )
        for one in incident.truth["intervals"]
    ]
    for found in history.intervals:
        if found.role is Role.UNKNOWN:
            continue
        wrong = [
            (role, max(start, found.start), min(end, found.end))
            for node, role, start, end in truth
            if node == found.node and role != found.role and start < found.end and found.start < end
        ]
        bad = [one for one in wrong if one[2] - one[1] > TOLERANCE]
        verdict.stretches[found.confidence, not bad] += 1
        for role, start, end in bad:
            what = f"{found.node} {found.role} was {role} {iso_utc(start)} {iso_utc(end)}"
            verdict.faults.append(f"{name}: interval {found.confidence} and wrong: {what}")


def _judge_offsets(verdict: Verdict, incident: Incident, history: RoleHistory, name: str) -> None:
    for offset in history.clock_offsets:
        since, until = offset.since, offset.until
        moments = [m for m in _moments(incident) if _holds(incident, offset.node, m, since, until)]
        truths = {
            (incident.shown(offset.reference, m) - incident.shown(offset.node, m)) / TICKS_PER_SECOND for m in moments
        }
        verdict.offsets += 1
        verdict.uncertainties.append(offset.uncertainty)
        if truths and not any(abs(true - offset.seconds) <= offset.uncertainty for true in truths):
            verdict.offsets_wrong += 1
            shown = ", ".join(f"{true:.1f}" for true in sorted(truths))
            verdict.faults.append(
                f"{name}: offset of {offset.node} {offset.seconds:.1f} ± {offset.uncertainty:.1f} is {shown}"
            )


def _moments(incident: Incident) -> list[int]:
    start, end = ticks(incident.truth["start"]), ticks(incident.truth["end"])
    return [start + (end - start) * part // 200 for part in range(201)]


def _holds(incident: Incident, node: str, moment: int, since: int | None, until: int | None) -> bool:
    shown = incident.shown(node, moment)
    return (since is None or since <= shown) and (until is None or shown <= until)


def judged(seed: int, *, complete: bool) -> Verdict:
    """The account of one seeded incident."""
    incident = random_incident(seed, complete=complete)
    with tempfile.TemporaryDirectory() as folder, case_of(incident, Path(folder) / "case.db") as case:
        return judge(incident, analyse(case).roles())


def report(title: str, total: Verdict) -> Iterator[str]:
    """The figures as lines of text."""
    yield f"{title}: {total.incidents} incidents, {total.true_moves} true moves"
    share = total.found / total.true_moves if total.true_moves else 1.0
    yield f"  found with the true time inside the span: {total.found} ({share:.1%}); invented: {total.invented}"
    certain = total.certain_of_found / total.true_moves if total.true_moves else 1.0
    yield f"  called certain: {total.certain_of_found} of the true moves ({certain:.1%})"
    if total.widths:
        yield f"  width of spans: median {statistics.median(total.widths):.1f} s, largest {max(total.widths):.1f} s"
    if total.uncertainties:
        yield (
            f"  clock offsets: {total.offsets} stated, {total.offsets_wrong} wrong, uncertainty median"
            f" {statistics.median(total.uncertainties):.1f} s, largest {max(total.uncertainties):.1f} s"
        )
    for what, counts in (("transitions", total.words), ("role intervals", total.stretches)):
        for word in Confidence:
            right, wrong = counts[word, True], counts[word, False]
            if right + wrong:
                yield f"  {what} called {word}: {right + wrong}, right {right / (right + wrong):.1%}"


def _of_seed(task: tuple[int, bool]) -> Verdict:
    seed, complete = task
    try:
        return judged(seed, complete=complete)
    except Exception as error:
        raise RuntimeError(f"seed {seed}, {'complete' if complete else 'degraded'} evidence") from error


def main() -> None:
    """Print the figures; the exit code is 1 where something called certain is wrong or a complete incident is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000, help="incidents of each kind of evidence")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", choices=("complete", "degraded"))
    parser.add_argument("--faults", action="store_true", help="name everything that was wrong or missed")
    options = parser.parse_args()
    bad = False
    for complete in (True, False):
        title = "complete" if complete else "degraded"
        if options.only not in {None, title}:
            continue
        total = Verdict()
        with Pool() as pool:
            tasks = [(seed, complete) for seed in range(options.first, options.first + options.seeds)]
            for verdict in pool.imap(_of_seed, tasks, chunksize=4):
                total.add(verdict)
        for line in report(f"{title} evidence", total):
            print(line)
        if options.faults:
            print(*total.faults, sep="\n")
        bad = bad or bool(total.words[Confidence.CERTAIN, False]) or bool(total.stretches[Confidence.CERTAIN, False])
        bad = bad or (complete and (total.found != total.true_moves or total.invented > 0))
    sys.exit(bad)


if __name__ == "__main__":
    main()
