"""Incidents by chance: a thousand seeds meet all that there is, and each of them is consistent."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import pytest

from samples.incident import DEGRADATIONS, SCENARIOS, SYSTEMS, Setting, build, random_incident, random_setting
from samples.incident.setting import ClockStep

ROLES = {"active", "passive", "down"}


@pytest.fixture(scope="module")
def settings():
    return [random_setting(seed) for seed in range(1000)]


def test_a_thousand_seeds_meet_every_scenario_system_and_damage(settings):
    """Each scenario on each system, each kind of damage on each system that knows it, and about half without any."""
    met = {(setting.scenario, setting.system) for setting in settings}
    assert met == {(scenario, system) for scenario in SCENARIOS for system in SYSTEMS}
    damage = {(kind, setting.system) for setting in settings for kind in setting.degraded}
    assert damage == {(kind, system) for kind in DEGRADATIONS for system in SYSTEMS} - {("copies-dropped", "2008")}
    assert 400 < sum(not setting.degraded for setting in settings) < 600


def test_a_thousand_seeds_meet_every_kind_of_clock(settings):
    """Clocks together and five minutes off, steps of either sign on either node, seconds and minutes."""
    assert {setting.skew_seconds for setting in settings} == {0, 1, 20, 60, 150, 300}
    steps = [step for setting in settings for step in setting.clock_steps]
    assert {(step.node, step.seconds > 0, abs(step.seconds) > 60) for step in steps} == {
        (node, up, large) for node in (0, 1) for up in (True, False) for large in (True, False)
    }
    assert max(abs(step.seconds) for step in steps) > 550
    assert {len(setting.clock_steps) for setting in settings} == {0, 1, 2, 3}
    assert all(0 < step.hours < SCENARIOS[s.scenario].hours for s in settings for step in s.clock_steps)


def test_a_thousand_seeds_meet_every_choice(settings):
    """Names, letter case, who is active first, whose time a copy has, what is logged at joins, installs and steps."""
    assert {setting.node_names[0] == min(setting.node_names) for setting in settings} == {True, False}
    assert len({setting.node_names for setting in settings}) > 4
    assert len({setting.cms for setting in settings}) > 2
    for name in ("lower_case", "join_differences", "forced_first_sync", "security_log"):
        assert {getattr(setting, name) for setting in settings} == {True, False}
    assert {setting.copy_times for setting in settings} == {"origin", "receiver"}


def test_complete_and_incomplete_can_be_asked_for():
    """With `complete` nothing is missing or wrong, without it something always is; the rest of the setting is equal."""
    for seed in range(50):
        whole, damaged, any_way = (random_setting(seed, complete=choice) for choice in (True, False, None))
        assert whole.degraded == ()
        assert damaged.degraded != ()
        assert any_way in {whole, damaged}
        assert {name for name in Setting.__slots__ if getattr(whole, name) != getattr(damaged, name)} <= {"degraded"}
        assert (whole.scenario, whole.clock_steps) == (damaged.scenario, damaged.clock_steps)


def test_the_same_seed_gives_the_same_incident():
    """Truth and records of a seed are always the same."""
    one, two = random_incident(6), random_incident(6)
    assert one.truth_json() == two.truth_json()
    assert one.entries == two.entries


def check(seed):
    """Hold what must be true of any incident."""
    incident = random_incident(seed)
    truth = incident.truth
    assert incident.entries
    active = sorted((s["start"], s["end"], s["node"]) for s in truth["intervals"] if s["role"] == "active")
    joints = list(pairwise(active))
    assert all(before[1] <= after[0] for before, after in joints)
    moves = [(m["from"], m["to"], m["online"]) for m in truth["transitions"] if m["group"] == truth["group"]]
    assert moves == [(a[2], b[2], b[0]) for a, b in joints if a[2] != b[2]]
    assert {span["role"] for span in truth["intervals"]} <= ROLES
    assert all(move["asked"] <= move["offline"] < move["online"] for move in truth["transitions"])
    for change in truth["edits"] + truth["replications"]:
        node = change.get("from") or change["node"]
        assert any(start <= change["time"] < end and active_node == node for start, end, active_node in active)
    for log in incident.entries:
        numbers = [record.record_number for record in log.records]
        assert numbers == sorted(set(numbers))
    json.dumps(truth)


@pytest.mark.parametrize("seed", range(40))
def test_an_incident_by_chance_is_consistent(seed):
    """One move or restart between any two times in which a node is active; numbers rise; the truth is JSON."""
    check(seed)


@pytest.mark.long
def test_a_thousand_incidents_are_consistent():
    """The same of a thousand seeds."""
    for seed in range(1000):
        check(seed)


def run(folder, *arguments):
    """The command; its output goes below a folder."""
    command = [sys.executable, "-m", "samples.incident", *arguments, "-o", str(folder / "out.zip"), "--archive"]
    return subprocess.run(command, check=False, capture_output=True, cwd=folder, text=True)


def test_the_command_builds_an_incident_by_chance(tmp_path):
    """`--random` with a seed, complete or not, writes the truth of that seed's incident."""
    assert run(tmp_path, "--random", "12", "--incomplete").returncode == 0
    written = json.loads((tmp_path / "out.truth.json").read_text(encoding="utf-8"))
    assert written == random_incident(12, complete=False).truth


def test_the_command_takes_what_is_to_be_special(tmp_path):
    """Skew, steps, damage and the time of copies can be given for a scenario."""
    done = run(
        tmp_path,
        *("--scenario", "one-way", "--system", "2003", "--seed", "3", "--skew", "5", "--step", "2.5:1:-30"),
        *("--degrade", "gap", "--degrade", "alias", "--copy-times", "receiver"),
    )
    assert done.returncode == 0, done.stderr
    setting = Setting(
        "one-way",
        "2003",
        3,
        skew_seconds=5,
        clock_steps=(ClockStep(2.5, 1, -30),),
        degraded=("gap", "alias"),
        copy_times="receiver",
    )
    assert json.loads((tmp_path / "out.truth.json").read_text(encoding="utf-8")) == build(setting).truth


@pytest.mark.parametrize(
    "arguments", [["--random", "1", "--scenario", "quiet"], [], ["--random", "1", "--step", "2:5:1"]], ids=str
)
def test_the_command_refuses_what_makes_no_sense(tmp_path, arguments):
    """Neither or both of scenario and chance, and the clock of a third node, are wrong usage."""
    assert run(tmp_path, *arguments).returncode == 2
    assert not list(tmp_path.iterdir())
