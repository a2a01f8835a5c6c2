"""Backup sets and live folders of simulated incidents, held against what really happened."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from dataclasses import replace

import pytest
from file_stories import backup_paths, case_of

from forensics.files.load import file_evidence
from forensics.files.model import Trigger
from forensics.roles.analyse import analyse
from forensics.roles.model import Confidence
from parsers.times import filetime_from_datetime
from samples.incident import build, random_setting
from samples.incident.backups import SCHEMES

SECOND = 10_000_000
LONG = pytest.mark.long


def judged(task):
    """What is said of the backups of one seed, against the truth: counts, and sentences on what is wrong."""
    from datetime import datetime  # noqa: PLC0415

    seed, complete, folder = task
    schemes = sorted(SCHEMES)
    setting = replace(random_setting(seed, complete=complete), backup_scheme=schemes[seed % len(schemes)])
    incident = build(setting)
    path = folder / f"{seed}-{complete}.db"
    with case_of(incident, path) as case:
        found = file_evidence(case, analyse(case))
    path.unlink()
    there = {item.path for item in incident.items if item.content is not None}
    true = {paths: b for b in incident.truth["backups"] if (paths := backup_paths(b)) <= there}
    sets = {frozenset(file.path for file in one.files.values()): one for one in found.sets}
    counts, wrong = Counter(sets=len(true)), []
    wrong += [f"{seed}: invented {one.location}" for paths, one in sets.items() if paths not in true]
    for paths, backup in true.items():
        one = sets.get(paths)
        if one is None:
            wrong.append(f"{seed}: missed {backup['location']}")
            continue
        recorded = filetime_from_datetime(datetime.fromisoformat(backup["made_recorded"]))
        early = 305 * SECOND if one.made_basis == "events" else SECOND
        if one.made is not None and not -early <= one.made - recorded <= SECOND:
            wrong.append(f"{seed}: {one.location} was made {backup['made_recorded']}, not as its {one.made_basis} says")
        if not one.consistent or not one.complete:
            wrong.append(f"{seed}: {one.location} is whole and of one moment: {one.why}")
        right = one.trigger == backup["trigger"]
        counts["dated"] += one.made is not None
        counts["unknown"] += one.trigger is Trigger.UNKNOWN
        counts["right"] += right
        counts["certain"] += one.confidence is Confidence.CERTAIN
        if one.confidence is Confidence.CERTAIN and not right:
            wrong.append(f"{seed}: {one.location} is certain, and its trigger is not {one.trigger}")
        if complete and not right:
            wrong.append(f"{seed}: the trigger of {one.location} is {backup['trigger']}, not {one.trigger}: {one.why}")
    for node in {item.path.split("/")[0] for item in incident.items if "/Data/" in item.path}:
        live = {name: file.version.sha256 for name, file in found.live.get(node, {}).items()}
        really = {name: state["sha256"] for name, state in incident.truth["live"][node].items() if name in found.names}
        if live != really:
            wrong.append(f"{seed}: the live files of {node} are others")
    return counts, wrong


def all_judged(seeds, folder, *, complete):
    counts, wrong = Counter(), []
    tasks = [(seed, complete, folder) for seed in seeds]
    if len(tasks) < 100 or "fork" not in multiprocessing.get_all_start_methods():
        results = map(judged, tasks)
    else:
        with multiprocessing.get_context("fork").Pool() as pool:
            results = pool.map(judged, tasks, chunksize=10)
    for one, faults in results:
        counts += one
        wrong += faults
    return counts, wrong


@pytest.mark.parametrize("seeds", [range(28), pytest.param(range(28, 700), marks=LONG)], ids=["some", "many"])
def test_complete_evidence_shows_every_set_its_time_and_its_trigger(seeds, tmp_path):
    """Of complete evidence every set is found and none invented, dated, and tied to what it was made at."""
    counts, wrong = all_judged(seeds, tmp_path, complete=True)
    assert wrong == []
    assert counts["sets"] > 3 * len(seeds)
    assert counts["dated"] == counts["right"] == counts["sets"]
    assert counts["certain"] > counts["sets"] // 4


@pytest.mark.parametrize("seeds", [range(14), pytest.param(range(14, 500), marks=LONG)], ids=["some", "many"])
def test_degraded_logs_cost_dates_and_triggers_and_no_set(seeds, tmp_path):
    """Where logs are damaged every set is found all the same, none is misdated, and nothing certain is wrong."""
    counts, wrong = all_judged(seeds, tmp_path, complete=False)
    assert wrong == []
    assert counts["sets"] > 2 * len(seeds)
    told = counts["sets"] - counts["unknown"]
    assert counts["right"] >= 0.98 * told
    assert told > counts["sets"] // 2
