"""Simulated incidents held against the guidelines: nobody is accused wrongly, and what was broken is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from file_stories import case_of

from forensics.checks.load import checks_of
from forensics.checks.model import GUIDELINES
from forensics.roles.analyse import analyse
from samples.incident import (
    GUIDELINE_SCENARIOS,
    LOSS_SCENARIOS,
    SCENARIOS,
    SYSTEMS,
    Setting,
    build,
    random_loss_setting,
    random_setting,
)
from samples.incident.guidelines import BREAKABLE

LONG = pytest.mark.long
# What the names of the scenarios promise.
BROKEN = {
    "uninstall": set(),
    "uninstall-passive-first": {"G07"},
    "uninstall-restarted": {"G11"},
    "uninstall-moved": {"G08", "G11"},
    "uninstall-not-restarted": {"G10"},
    "uninstall-unfinished": {"G07", "G11"},
    "install-passive-first": {"G01"},
    "install-offline": {"G05"},
    "reinstall-active": {"G02", "G03"},
    "reinstall-passive": set(),
    "window": {"G14"},
    "passive-edit": {"G13"},
    "loss-clean": set(),
}


def checked(setting, folder):
    incident = build(setting)
    path = folder / "case.db"
    path.unlink(missing_ok=True)
    with case_of(incident, path) as case:
        found = checks_of(case, analyse(case))
    return incident, {one.id: one for one in found}


def judged(settings, folder, *, whole):
    """What is said, by guideline and status; and sentences on what is wrong."""
    counts, wrong = Counter(), []
    for setting in settings:
        incident, checks = checked(setting, folder)
        truth = set(incident.truth["violated"])
        assert tuple(checks) == GUIDELINES
        for name, one in checks.items():
            counts[name, one.status.value, name in truth] += 1
            if one.status == "violation" and name not in truth:
                wrong.append(f"{setting.scenario} {setting.seed}: {name} ({one.confidence}) {one.why}")
            elif one.status in {"pass", "not_applicable"} and name in truth and whole:
                wrong.append(f"{setting.scenario} {setting.seed}: {name} is {one.status}: {one.why}")
            if one.status == "unknown" and not one.would_decide:
                wrong.append(f"{setting.scenario} {setting.seed}: nothing would decide {name}")
    return counts, wrong


def found_share(counts):
    true = sum(number for (_, _, broken), number in counts.items() if broken)
    found = sum(number for (_, status, broken), number in counts.items() if broken and status == "violation")
    return found / true if true else 1.0


def of_installs(seeds):
    names = sorted(GUIDELINE_SCENARIOS)
    for seed in seeds:
        yield replace(
            random_setting(seed, complete=True), scenario=names[seed % len(names)], clock_steps=(), degraded=()
        )


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("scenario", sorted(BROKEN))
def test_the_truth_names_what_was_broken(scenario, system):
    """The generator says of its scenarios which guidelines were not followed."""
    assert set(build(Setting(scenario, system, 2)).truth["violated"]) == BROKEN[scenario]


def test_the_truth_speaks_of_what_it_can_break():
    """Every scenario there is breaks nothing but what the truth says it looks at."""
    names = [*GUIDELINE_SCENARIOS, *LOSS_SCENARIOS, *(name for name in SCENARIOS if name != "long")]
    assert {one for name in names for one in build(Setting(name, "2003", 1)).truth["violated"]} <= set(BREAKABLE)


@pytest.mark.parametrize("seeds", [range(16), pytest.param(range(16, 200), marks=LONG)], ids=["some", "many"])
def test_installing_and_removing_as_it_was_done(seeds, tmp_path):
    """Of complete evidence nothing is accused that was right, nothing passed that was wrong, and most is found."""
    counts, wrong = judged(of_installs(seeds), tmp_path, whole=True)
    assert wrong == []
    assert found_share(counts) > 0.75


@pytest.mark.parametrize("seeds", [range(14), pytest.param(range(14, 300), marks=LONG)], ids=["some", "many"])
def test_saves_and_moves_as_they_were(seeds, tmp_path):
    """The same of incidents in which configuration was lost, or not."""
    settings = (random_loss_setting(seed, complete=True) for seed in seeds)
    counts, wrong = judged(settings, tmp_path, whole=True)
    assert wrong == []
    assert found_share(counts) > 0.75


@pytest.mark.parametrize("seeds", [range(7), pytest.param(range(7, 300), marks=LONG)], ids=["some", "many"])
def test_damaged_evidence_accuses_nobody(seeds, tmp_path):
    """Logs and files missing, cut or lying: no violation is claimed that was none."""
    settings = [random_loss_setting(seed, complete=False) for seed in seeds]
    settings += [random_setting(seed, complete=False) for seed in seeds]
    _, wrong = judged(settings, tmp_path, whole=False)
    assert wrong == []
