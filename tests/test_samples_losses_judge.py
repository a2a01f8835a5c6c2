"""The judge of findings on files: a perfect account has no fault, and every way to be wrong is one."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from forensics.files.model import BackupSet, Cause, Finding, Kind, Sighting, Trigger, Version
from forensics.roles.model import Confidence
from samples.incident import LOSS_SCENARIOS, Setting, build, random_loss_incident
from samples.incident.clock import ticks

CERTAIN = Confidence.CERTAIN


def _judge():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "losses.py"
    spec = importlib.util.spec_from_file_location("judge_of_losses", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and processes look for their module
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


losses = _judge()


def version(state):
    return state and Version(state["sha256"], state["size"], ticks(state["modified"]))


def backup_set(number, made):
    files = {
        name: Sighting(0, made["node"], name, made["paths"][name], version(state), readable=True)
        for name, state in made["files"].items()
    }
    return BackupSet(
        f"backup:{number}", made["node"], made["location"], None, "none", None, None, Trigger.UNKNOWN, files,
        (), complete=True, consistent=True, confidence=CERTAIN, evidence=(), why="",
    )  # fmt: skip


def finding(number, row, incident, sets):
    """What an analysis says that knows the truth."""
    reference = min(told["name"] for told in incident.truth["nodes"])
    earliest, latest = (incident.shown(reference, ticks(row[name])) for name in ("began", "lost_at"))
    places = tuple(one.id for one in sets if one.location in row["recoverable_from"])
    return Finding(
        f"overwrite:{number}", row["file"], row["node"], Kind(row["kind"]), Cause(row["cause"]), earliest, latest,
        version(row["lost"]), version(row["current"]), places, tuple(row["live_on"]), CERTAIN, (), (), "as it was",
        mended=not row["in_place"],
    )  # fmt: skip


def perfect(incident):
    """The account of an analysis that knows the truth, as far as the evidence has the contents."""
    truth = incident.truth
    sets = tuple(backup_set(number, made) for number, made in enumerate(truth["backups"], 1))
    rows = [row for row in truth["losses"] + truth["mended"] if row["recoverable_from"] or row["live_on"]]
    findings = tuple(finding(number, row, incident, sets) for number, row in enumerate(rows, 1))
    recommended = next((one.id for one in sets if one.location == truth["recommended"]), None)
    return SimpleNamespace(findings=findings, sets=sets, recommended=recommended)


def incident_of(scenario, seed=2):
    return build(Setting(scenario, "2008", seed, noise_seconds=10_000))


def altered(analysis, **changes):
    """The account with its first finding changed."""
    first, *rest = analysis.findings
    return SimpleNamespace(**{**vars(analysis), "findings": (replace(first, **changes), *rest)})


@pytest.fixture(scope="module")
def window():
    """An incident with one loss, and the account that is right."""
    incident = incident_of("window")
    return incident, perfect(incident)


@pytest.mark.parametrize("scenario", sorted(LOSS_SCENARIOS))
def test_the_truth_has_no_fault(scenario):
    """Told as it was, every loss is found with its cause, sets and time, and nothing is wrong."""
    incident = incident_of(scenario)
    verdict = losses.judge(incident, perfect(incident))
    assert verdict.faults == []
    assert verdict.found == verdict.causes == verdict.losses == verdict.recoverable == verdict.timed
    assert (verdict.wrong, verdict.accused, verdict.recommended) == (0, 0, 1)
    assert verdict.words == Counter({(CERTAIN, True): verdict.found} if verdict.found else {})
    assert not verdict.bad(complete=True)


def test_a_loss_that_is_not_told_is_missed(window):
    """Silence is a fault of an account of complete evidence, and of no other."""
    incident, analysis = window
    verdict = losses.judge(incident, SimpleNamespace(**{**vars(analysis), "findings": ()}))
    assert (verdict.found, verdict.losses, verdict.wrong) == (0, 1, 0)
    assert any("missed" in fault for fault in verdict.faults)
    assert verdict.bad(complete=True)
    assert not verdict.bad(complete=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: {"kind": Kind.STALE_OVERWRITE},
        lambda one: {"node": "EXNODE1" if one.node == "EXNODE2" else "EXNODE2"},
        lambda one: {"file": "Statistics.fdb"},
        lambda one: {"lost": Version("0" * 64, 1, 1)},
        lambda one: {"lost": one.current, "current": one.lost},
        lambda one: {"current": one.lost},
        lambda one: {"current": None},
        lambda one: {"mended": True},
    ],
    ids=["kind", "node", "file", "lost", "turned", "current", "no-current", "mended"],
)
def test_a_wrong_finding_is_wrong(window, change):
    """Wrong in any of what it says, it counts as invented, its loss as missed; and called certain it fails."""
    incident, analysis = window
    verdict = losses.judge(incident, altered(analysis, **change(analysis.findings[0])))
    assert (verdict.found, verdict.wrong) == (0, 1)
    assert verdict.words == Counter({(CERTAIN, False): 1})
    assert verdict.bad(complete=False)


def test_a_finding_told_twice_is_wrong(window):
    """One loss does not excuse two findings."""
    incident, analysis = window
    twice = SimpleNamespace(**{**vars(analysis), "findings": analysis.findings * 2})
    verdict = losses.judge(incident, twice)
    assert (verdict.found, verdict.wrong) == (1, 1)


def test_a_wrong_cause_is_no_right_one(window):
    """It counts against the causes; said for certain it is wrong, and not to know it is not."""
    incident, analysis = window
    verdict = losses.judge(incident, altered(analysis, cause=Cause.FORCED_SYNC))
    assert (verdict.found, verdict.causes, verdict.words[CERTAIN, False]) == (1, 0, 1)
    assert verdict.bad(complete=False)
    verdict = losses.judge(incident, altered(analysis, cause=Cause.UNKNOWN))
    assert (verdict.causes, verdict.words[CERTAIN, False]) == (0, 0)
    assert verdict.bad(complete=True)
    assert not verdict.bad(complete=False)


def test_wrong_sets_and_times_are_counted(window):
    """Too few sets, another recommended one, and a span a day off are told."""
    incident, analysis = window
    verdict = losses.judge(incident, altered(analysis, recoverable_from=()))
    assert (verdict.found, verdict.recoverable) == (1, 0)
    assert verdict.bad(complete=True)
    for wrong in (None, next(one.id for one in analysis.sets if one.id != analysis.recommended)):
        verdict = losses.judge(incident, SimpleNamespace(**{**vars(analysis), "recommended": wrong}))
        assert (verdict.recommendations, verdict.recommended) == (1, 0)
        assert verdict.bad(complete=True)
    day = 86_400 * 10**7
    late = analysis.findings[0].latest + day
    assert losses.judge(incident, altered(analysis, earliest=late, latest=late)).timed == 0


def test_a_clean_incident_may_not_be_accused(window):
    """Anything said to be lost where nothing is fails, with whatever word; what was mended is no accusation."""
    _, analysis = window
    for scenario in ("loss-clean", "template-push", "operator-restore"):
        incident = incident_of(scenario)
        said = replace(analysis.findings[0], confidence=Confidence.POSSIBLE)
        account = perfect(incident)
        account.sets = analysis.sets
        account.findings = (said,)
        verdict = losses.judge(incident, account)
        assert (verdict.clean, verdict.accused) == (1, 1)
        assert verdict.bad(complete=False)
        account.findings = (replace(said, mended=True),)
        verdict = losses.judge(incident, account)
        assert (verdict.accused, verdict.wrong) == (0, 1)


def test_what_can_be_seen_two_ways_is_no_fault():
    """That a restore left the two nodes different may be told beside the restore or not; the account is right."""
    incident = incident_of("preserve-restore")
    analysis = perfect(incident)
    rows = incident.truth["arguable"]
    assert rows
    more = tuple(finding(100 + number, row, incident, analysis.sets) for number, row in enumerate(rows))
    account = SimpleNamespace(**{**vars(analysis), "findings": (*analysis.findings, *more)})
    for told in (analysis, account):
        verdict = losses.judge(incident, told)
        count = len(incident.truth["losses"])
        assert (verdict.found, verdict.losses, verdict.wrong, verdict.faults) == (count, count, 0, [])


def test_a_divergence_is_honest_where_roles_are_lost():
    """Without the logs it may be said that the two files differ; with them that is the wrong word for a lost update."""
    for kinds, wrong in (((), 1), (("no-logs",), 0)):
        incident = build(Setting("window", "2008", 2, noise_seconds=10_000, degraded_files=kinds))
        account = altered(perfect(incident), kind=Kind.DIVERGENCE, node="EXNODE1")
        assert losses.judge(incident, account).wrong == wrong


def test_a_loss_whose_content_is_nowhere_is_not_asked_for():
    """Nobody can find what no file of the evidence has."""
    for seed in range(12):
        incident = incident_of("passive-edit-overwritten", seed)
        (row,) = incident.truth["losses"]
        if not row["recoverable_from"]:
            assert losses.judge(incident, perfect(incident)).losses == 0
            return
    pytest.fail("no seed without a trace")


def test_nodes_without_logs_are_known_by_their_folders():
    """Where the case has no names for the nodes, findings name them otherwise, and are not wrong for that."""
    incident = build(Setting("window", "2008", 2, noise_seconds=10_000, degraded_files=("no-logs",)))
    analysis = perfect(incident)
    said = analysis.findings[0].node
    account = altered(analysis, node="UNKNOWN-1")
    assert losses.judge(incident, account, {"UNKNOWN-1": said}).found == 1
    assert losses.judge(incident, account).found == 0


def test_an_incident_becomes_a_case(tmp_path):
    """Every file is a version with its content, every folder has its time, and each belongs to its node."""
    for complete in (True, False):
        incident = random_loss_incident(3, complete=complete)
        with losses.case_of(incident, tmp_path / f"{complete}.db") as case:
            rows = case.rows(
                "SELECT v.path, v.modified_filetime, c.bytes FROM file_versions v JOIN contents c USING (sha256)"
            )
            found = {(path, modified, bytes(content)) for path, modified, content in rows}
            folders = set(case.rows("SELECT path, modified_filetime FROM folders"))
            names = losses.names_of(case)
        assert found == {(i.path, i.modified, i.content) for i in incident.files if i.content is not None}
        assert folders == {(i.path, i.modified) for i in incident.files if i.content is None}
        assert set(names.values()) == {item.path.split("/")[0] for item in incident.files}
        assert not complete or all(name == folder for name, folder in names.items())


def test_the_account_of_many_is_the_sum():
    """Figures and words add up, and are printed."""
    total = losses.Verdict()
    for scenario in ("window", "self-rebuild-both", "loss-clean"):
        incident = incident_of(scenario)
        total.add(losses.judge(incident, perfect(incident)))
    assert (total.incidents, total.clean, total.losses, total.found, total.recommended) == (3, 1, 5, 5, 3)
    text = "\n".join(losses.report("complete", total))
    assert "found (recall): 5 of 5 (100.0%)" in text
    assert "called certain: 5, right 100.0%" in text
