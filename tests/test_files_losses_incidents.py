"""What was lost in simulated incidents, held against what was really lost: the sentences that the issue demands."""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forensics.roles.model import Confidence
from samples.incident import LOSS_SCENARIOS, random_loss_setting

MANY = pytest.param(range(1000), marks=pytest.mark.long)
SOME = range(81)  # the first that play every scenario


def _judge():
    folder = Path(__file__).resolve().parent.parent / "benchmarks"
    spec = importlib.util.spec_from_file_location("losses_judged", folder / "losses.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and processes look for their module
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


losses = _judge()


def judged(task):
    seed, complete = task
    return losses.judged(seed, complete=complete)


def account(seeds, *, complete):
    """The sum of the verdicts on the incidents of some seeds."""
    tasks = [(seed, complete) for seed in seeds]
    total = losses.Verdict()
    if len(tasks) < 100 or "fork" not in multiprocessing.get_all_start_methods():
        for one in map(judged, tasks):
            total.add(one)
        return total
    with multiprocessing.get_context("fork").Pool() as pool:
        for one in pool.imap(judged, tasks, chunksize=10):
            total.add(one)
    return total


@pytest.mark.parametrize("seeds", [SOME, MANY], ids=["some", "thousand"])
def test_of_complete_evidence_every_loss_is_told_and_none_invented(seeds):
    """Recall and precision 1.0, the recommended set right in all, no clean case accused, 97 % of the causes right."""
    total = account(seeds, complete=True)
    told = "\n".join([*losses.report("complete evidence", total), *total.faults])
    assert total.incidents == total.recommendations == len(seeds)
    assert total.found == total.losses > len(seeds), told
    assert total.wrong == 0, told
    assert total.recommended == total.recommendations, told
    assert total.recoverable == total.found, told
    assert total.accused == 0, told
    assert total.clean > len(seeds) // 4
    assert total.causes >= 0.97 * total.found, told
    # Not to be sure of anything would be no way to be right.
    assert total.words[Confidence.CERTAIN, False] == 0, told
    assert total.words[Confidence.CERTAIN, True] > total.found // 3, told
    assert not total.bad(complete=True)


@pytest.mark.parametrize("seeds", [SOME[:60], MANY], ids=["some", "thousand"])
def test_of_degraded_evidence_nothing_certain_is_wrong(seeds):
    """Whatever is missing, cut or torn: what is called certain is right."""
    total = account(seeds, complete=False)
    told = "\n".join([*losses.report("degraded evidence", total), *total.faults])
    assert total.words[Confidence.CERTAIN, False] == 0, told
    assert total.words[Confidence.CERTAIN, True] > 0, told
    assert total.found > total.losses // 2, told
    assert total.wrong < total.found // 10, told
    assert total.accused <= total.clean // 20, told


def test_the_seeds_play_every_scenario():
    """What the normal mode judges holds every scenario of losses, both systems, and every kind of backup's name."""
    settings = [random_loss_setting(seed, complete=True) for seed in SOME]
    assert {one.scenario for one in settings} == set(LOSS_SCENARIOS)
    assert {one.system for one in settings} == {"2003", "2008"}


def test_the_judge_sees_what_is_missing(monkeypatch):
    """An analysis that tells of no loss fails by the same judge."""
    seed, right = next((seed, one) for seed in SOME if (one := judged((seed, True))).losses)
    told = losses.analyse_files
    monkeypatch.setattr(losses, "analyse_files", lambda *known: replace(told(*known), findings=(), recommended=None))
    wrong = judged((seed, True))
    assert right.found == right.losses > 0
    assert (wrong.found, wrong.losses, wrong.bad(complete=True)) == (0, right.losses, True)


@pytest.mark.parametrize("seed", [452, 601, 752, 828, 846, 1904])
def test_what_was_once_told_wrong_is_told_right(seed):
    """A lost node's entries in the other's log, a crash by clocks that are off, a sync in the second of a backup."""
    total = judged((seed, True))
    assert total.faults == []
    assert total.found == total.losses
