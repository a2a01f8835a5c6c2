"""Role histories of simulated incidents, held against what really happened."""

from __future__ import annotations

import importlib.util
import multiprocessing
import statistics
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from forensics.roles.analyse import analyse
from forensics.roles.model import Confidence, Role
from samples.incident import Setting, build, random_incident

SECOND = 10_000_000
CERTAIN = Confidence.CERTAIN
LONG = pytest.param(1000, marks=pytest.mark.long)


def _judge():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "accuracy.py"
    spec = importlib.util.spec_from_file_location("accuracy_of_roles", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and processes look for their module
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


accuracy = _judge()


class Account(NamedTuple):
    """What was judged of one incident; `tight`: something bounds the clocks' offset from both sides, closely."""

    seed: int
    verdict: object
    tight: bool
    conflicts: int
    out_of_order: int


def history_of(incident, folder):
    with accuracy.case_of(incident, folder / "case.db") as case:
        return analyse(case).roles()


def account(task):
    """The account of (seed, complete, folder)."""
    seed, complete, folder = task
    incident = random_incident(seed, complete=complete)
    path = folder / f"{seed}-{complete}.db"
    with accuracy.case_of(incident, path) as case:
        history = analyse(case).roles()
    path.unlink()
    moves = {(move["from"], move["to"]) for move in incident.truth["transitions"]}
    told = any(record.event_id == 1202 for log in incident.entries for record in log.records)
    tight = told or any((target, source) in moves for source, target in moves)
    wrong = sum(not move.earliest <= move.time <= move.latest for move in history.transitions)
    return Account(seed, accuracy.judge(incident, history), tight, len(history.conflicts), wrong)


def accounts(count, folder, *, complete):
    """The accounts of so many seeds, on all processors where they are many."""
    tasks = [(seed, complete, folder) for seed in range(count)]
    if count < 100 or "fork" not in multiprocessing.get_all_start_methods():
        return list(map(account, tasks))
    with multiprocessing.get_context("fork").Pool() as pool:
        return list(pool.imap(account, tasks, chunksize=4))


class Sum(NamedTuple):
    """Many accounts, and their verdicts as one."""

    accounts: list[Account]
    verdict: object


def summed(count, folder, *, complete):
    found = accounts(count, folder, complete=complete)
    total = accuracy.Verdict()
    for one in found:
        total.add(one.verdict)
    lines = [*accuracy.report("complete evidence" if complete else "degraded evidence", total), *total.faults]
    sys.stdout.write("\n".join(lines) + "\n")  # pytest shows it with a failure, and with -s
    return Sum(found, total)


@pytest.fixture(scope="module", params=[30, LONG])
def complete(request, tmp_path_factory):
    """The accounts of incidents of whose evidence nothing is missing."""
    return summed(request.param, tmp_path_factory.mktemp("complete"), complete=True)


@pytest.fixture(scope="module", params=[30, LONG])
def degraded(request, tmp_path_factory):
    """The accounts of incidents whose logs were cleared, torn, lost, falsified."""
    return summed(request.param, tmp_path_factory.mktemp("degraded"), complete=False)


# -- complete evidence -------------------------------------------------------------------------------------------------


def test_every_move_is_found_and_none_invented(complete):
    """On complete evidence each true move has one transition with its true time inside the span, and nothing else."""
    verdict = complete.verdict
    assert verdict.true_moves > len(complete.accounts)
    assert [fault for fault in verdict.faults if "missed" in fault or "->" in fault] == []
    assert (verdict.found, verdict.invented) == (verdict.true_moves, 0)


def test_complete_evidence_is_called_certain(complete):
    """At least four of five true moves are called certain where nothing is missing."""
    assert complete.verdict.certain_of_found >= 0.8 * complete.verdict.true_moves


def test_nothing_certain_is_wrong_on_complete_evidence(complete):
    """Neither a transition nor an interval that is called certain differs from the truth."""
    assert (complete.verdict.words[CERTAIN, False], complete.verdict.stretches[CERTAIN, False]) == (0, 0)
    assert complete.verdict.stretches[CERTAIN, True] > len(complete.accounts)


def test_the_true_offset_lies_within_the_uncertainty(complete):
    """Each stated offset of a clock holds the true one, in whichever span of a clock that was set."""
    assert [fault for fault in complete.verdict.faults if "offset" in fault] == []
    assert complete.verdict.offsets > len(complete.accounts) / 2


def test_offsets_are_narrow_where_something_bounds_them(complete):
    """Where groups moved in both directions, or a join told the difference, the median uncertainty is below 30 s."""
    found = [
        statistics.median(one.verdict.uncertainties)
        for one in complete.accounts
        if one.tight and one.verdict.uncertainties
    ]
    assert len(found) > len(complete.accounts) / 3
    assert statistics.median(found) < 30


def test_spans_of_moves_are_narrow(complete):
    """The span of a move is minutes at most on complete evidence: in the median less than two."""
    assert statistics.median(complete.verdict.widths) < 120


def test_one_cluster_does_not_contradict_itself(complete):
    """No incident in which one node was active at a time shows a conflict, as long as nothing was lost."""
    assert {one.seed: one.conflicts for one in complete.accounts if one.conflicts} == {}


# -- degraded evidence -------------------------------------------------------------------------------------------------


def test_nothing_certain_is_wrong_on_degraded_evidence(degraded):
    """Whatever is missing or falsified: a transition or interval that is called certain is right."""
    wrong = [fault for fault in degraded.verdict.faults if "certain and wrong" in fault]
    assert (wrong, degraded.verdict.words[CERTAIN, False], degraded.verdict.stretches[CERTAIN, False]) == ([], 0, 0)


def test_words_are_calibrated(degraded):
    """What is called probable is right more often than not, and certain is still said where it can be."""
    words, stretches = degraded.verdict.words, degraded.verdict.stretches
    for counts in (words, stretches):
        assert counts[CERTAIN, True] > 0
        assert counts[Confidence.PROBABLE, True] > counts[Confidence.PROBABLE, False]


def test_most_moves_are_found_on_degraded_evidence(degraded):
    """Damage hides moves, but most are found, and few are invented."""
    verdict = degraded.verdict
    assert verdict.found >= 0.7 * verdict.true_moves
    assert verdict.invented <= 0.1 * verdict.true_moves


def test_the_time_of_a_move_lies_in_its_span(complete, degraded):
    """Earliest is not after time, nor time after latest, whatever the evidence."""
    assert [one.seed for one in (*complete.accounts, *degraded.accounts) if one.out_of_order] == []


# -- the judge itself --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """An incident, and its history."""
    incident = build(Setting("quiet", "2003", 5))
    return incident, history_of(incident, tmp_path_factory.mktemp("judged"))


def test_the_right_history_is_judged_right(judged):
    """The base of what follows: nothing is wrong, and there is much to get wrong."""
    verdict = accuracy.judge(*judged)
    assert (verdict.faults, verdict.found, verdict.true_moves, verdict.invented) == ([], 3, 3, 0)
    assert (verdict.offsets, verdict.offsets_wrong) == (1, 0)
    assert verdict.words == Counter({(CERTAIN, True): 3})


def test_a_move_left_out_is_missed(judged):
    """Without a transition its move counts as missed."""
    incident, history = judged
    verdict = accuracy.judge(incident, replace(history, transitions=history.transitions[1:]))
    assert (verdict.found, verdict.invented) == (2, 0)
    assert sum("missed" in fault for fault in verdict.faults) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda move: {"from_node": move.to_node, "to_node": move.from_node},
        lambda move: {"latest": move.earliest - 1, "earliest": move.earliest - 3600 * SECOND},
        lambda move: {"earliest": move.latest + 60 * SECOND, "latest": move.latest + 120 * SECOND},
    ],
    ids=["turned", "too-early", "too-late"],
)
def test_a_wrong_move_is_wrong(judged, change):
    """A transition in the other direction, or whose span does not hold the true time, is invented and one is missed."""
    incident, history = judged
    altered = replace(history.transitions[0], **change(history.transitions[0]))
    verdict = accuracy.judge(incident, replace(history, transitions=(altered, *history.transitions[1:])))
    assert (verdict.found, verdict.invented, verdict.words[CERTAIN, False]) == (2, 1, 1)
    assert any("certain and wrong" in fault for fault in verdict.faults)


def test_a_move_told_twice_is_invented(judged):
    """One true move does not excuse two transitions."""
    incident, history = judged
    verdict = accuracy.judge(incident, replace(history, transitions=(*history.transitions, history.transitions[-1])))
    assert (verdict.found, verdict.invented) == (3, 1)


def test_a_wrong_role_is_wrong(judged):
    """An interval whose node had another role is wrong, with the word that it has."""
    incident, history = judged
    at, one = next((at, one) for at, one in enumerate(history.intervals) if one.role is Role.ACTIVE)
    altered = replace(one, role=Role.PASSIVE)
    intervals = (*history.intervals[:at], altered, *history.intervals[at + 1 :])
    verdict = accuracy.judge(incident, replace(history, intervals=intervals))
    assert verdict.stretches[one.confidence, False] == 1


def test_an_end_that_is_hours_late_is_wrong(judged):
    """An interval that reaches an hour into another role is wrong."""
    incident, history = judged
    at, one = next((at, one) for at, one in enumerate(history.intervals) if one.role is Role.ACTIVE)
    altered = replace(one, end=one.end + 3600 * SECOND)
    intervals = (*history.intervals[:at], altered, *history.intervals[at + 1 :])
    assert accuracy.judge(incident, replace(history, intervals=intervals)).stretches[one.confidence, False] == 1


def test_an_offset_beside_the_truth_is_wrong(judged):
    """An offset that is off by more than its uncertainty counts as wrong."""
    incident, history = judged
    offset = history.clock_offsets[0]
    altered = replace(offset, seconds=offset.seconds + 2 * offset.uncertainty + 1)
    assert accuracy.judge(incident, replace(history, clock_offsets=(altered,))).offsets_wrong == 1
