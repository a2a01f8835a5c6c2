"""Incidents of files by chance, and what their evidence suffers: what there is, and that the truth says it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from samples.incident import (
    DEGRADATIONS,
    FILE_DEGRADATIONS,
    LOSS_SCENARIOS,
    SYSTEMS,
    Setting,
    build,
    random_loss_incident,
    random_loss_setting,
)
from samples.incident.backups import SCHEMES
from samples.incident.content import REPLICATED
from samples.incident.judging_losses import known, recommended

WORLD = {"degraded", "strays"}


@pytest.fixture(scope="module")
def settings():
    return [random_loss_setting(seed) for seed in range(1000)]


def test_a_thousand_seeds_meet_everything(settings):
    """Each scenario on each system, each naming scheme, each kind of damage to files and to logs."""
    assert {(s.scenario, s.system) for s in settings} == {
        (name, system) for name in LOSS_SCENARIOS for system in SYSTEMS
    }
    assert {setting.backup_scheme for setting in settings} == set(SCHEMES)
    assert {kind for setting in settings for kind in setting.degraded_files} == set(FILE_DEGRADATIONS)
    assert {kind for setting in settings for kind in setting.degraded} == set(DEGRADATIONS)
    whole = sum(not setting.degraded and not setting.degraded_files for setting in settings)
    assert 400 < whole < 600


def test_clocks_by_chance_do_not_turn_saves_round(settings):
    """The two clocks are less than a quarter of an hour apart, whatever is set: so far apart are saves, and moves."""
    for setting in settings:
        apart = 2 * setting.skew_seconds + sum(abs(step.seconds) for step in setting.clock_steps)
        assert apart < 15 * 60
        assert setting.security_log or setting.degraded or setting.degraded_files or not setting.clock_steps


def test_complete_and_incomplete_can_be_asked_for():
    """The same world is behind both, and nothing or something is missing; a scenario can be asked for as well."""
    for seed in range(30):
        whole, damaged = (random_loss_setting(seed, complete=choice) for choice in (True, False))
        assert (whole.degraded, whole.degraded_files) == ((), ())
        assert damaged.degraded or damaged.degraded_files
        assert (whole.scenario, whole.backup_scheme, whole.node_names) == (
            damaged.scenario,
            damaged.backup_scheme,
            damaged.node_names,
        )
        assert random_loss_setting(seed, complete=True, scenario="window").scenario == "window"


def test_the_same_seed_gives_the_same_incident():
    """Truth, records and files of a seed are always the same, and another seed's are others."""
    one, two = (random_loss_incident(9, complete=False) for _ in range(2))
    assert one.truth_json() == two.truth_json() != random_loss_incident(10).truth_json()
    assert (one.files, one.entries) == (two.files, two.entries)


def test_files_are_the_items_that_are_no_logs():
    """What is judged without logs being built is what lies in the evidence."""
    for seed in (1, 2):
        incident = random_loss_incident(seed, complete=seed == 1)
        assert incident.files == [item for item in incident.items if "/Logs/" not in item.path]


@pytest.fixture(scope="module")
def whole():
    """An incident of which nothing is missing."""
    return build(setting())


def setting(*kinds, seed=5, logs=()):
    return Setting(
        "window-forced-sync", "2003", seed, noise_seconds=10_000, backup_scheme="folder-iso", degraded_files=kinds,
        degraded=logs,
    )  # fmt: skip


def test_complete_evidence_has_every_file_of_the_truth(whole):
    """Live files and sets lie where the truth says, with its bytes, and nothing else does but each node's own file."""
    contents = {i.path: hashlib.sha256(i.content).hexdigest() for i in whole.files if i.content is not None}
    expected = {
        f"{n}/Data/{name}": state["sha256"] for n, files in whole.truth["live"].items() for name, state in files.items()
    }
    for made in whole.truth["backups"]:
        expected |= {made["paths"][name]: state["sha256"] for name, state in made["files"].items()}
    assert contents == expected


@pytest.mark.parametrize("kind", sorted(FILE_DEGRADATIONS))
def test_what_happened_does_not_change(whole, kind):
    """Whatever the evidence lacks is told, and the rest of the truth is as it was."""
    for seed in (5, 6):
        before = build(setting(seed=seed))
        after = build(setting(kind, seed=seed))
        assert {key: value for key, value in after.truth.items() if key not in WORLD} == {
            key: value for key, value in before.truth.items() if key not in WORLD
        }
        assert {told["kind"] for told in after.truth["degraded"]} == {kind}
        assert (after.files, after.entries) != (before.files, before.entries)


def test_damaged_sets_are_those_that_are_told(whole):
    """Missing sets are gone with their folders, cut ones lack the named files, emptied ones have them with no bytes."""
    for seed in range(5, 12):
        before = {item.path: item for item in build(setting(seed=seed)).files}
        incident = build(setting("sets-missing", "sets-cut", "sets-emptied", seed=seed))
        after = {item.path: item for item in incident.files}
        sets = {made["location"]: made for made in incident.truth["backups"]}
        gone, emptied = set(), set()
        for told in incident.truth["degraded"]:
            if told["kind"] == "sets-missing":
                gone |= {told["location"], *sets[told["location"]]["paths"].values()}
            else:
                (gone if told["kind"] == "sets-cut" else emptied).update(told["paths"])
        assert gone
        assert set(before) - set(after) == gone
        assert {path for path, item in after.items() if item != before[path]} == emptied
        assert all(after[path].content == b"" for path in emptied)
        assert all(after[path].modified == before[path].modified for path in emptied)


def test_a_folder_and_logs_that_nobody_collected():
    """One node's live files are not there, its sets are; of logs there are none at all, or none of one node."""
    incident = build(setting("no-live", "no-logs"))
    told = {entry["kind"]: entry for entry in incident.truth["degraded"]}
    node = told["no-live"]["node"]
    paths = {item.path for item in incident.files if item.content}
    live = {f"{node}/Data/{name}" for name in REPLICATED}
    assert not live & paths
    assert {path for made in incident.truth["backups"] for path in made["paths"].values()} <= paths
    assert not {log.owner for log in incident.entries} & set(told["no-logs"]["nodes"])
    counts = {len(build(setting("no-logs", seed=seed)).entries) for seed in range(8)}
    assert 0 in counts
    assert len(counts) > 1


def test_one_nodes_evidence_has_no_file_of_the_other():
    """Where nobody collected the other node its files are missing as its logs are."""
    incident = build(setting("sets-cut", logs=("one-node",)))
    (node,) = {item.path.split("/")[0] for item in incident.items}
    assert {entry["node"] for entry in incident.truth["degraded"] if entry["kind"] == "one-node"} == {node}


def test_a_kind_of_damage_that_there_is_not_is_an_error():
    """It is not passed over."""
    with pytest.raises(KeyError):
        build(setting("flooded"))


def test_the_set_to_recommend_depends_on_what_is_readable(whole):
    """Without its files another set is the best, or none is; without the lost bytes nothing is known to be lost."""
    truth = whole.truth
    best = next(made for made in truth["backups"] if made["location"] == truth["recommended"])
    gone = best["paths"]["Template.fdb"]
    second = recommended(truth, lambda path: path != gone, truth["losses"])
    assert second != truth["recommended"]
    row = truth["losses"][0]
    assert known(truth, row, lambda _path: True) == row["lost"]["sha256"]
    assert known(truth, row, lambda _path: False) is None
    assert recommended(truth, lambda _path: False) is None
    assert recommended(truth, losses=[row | {"kind": "divergence"}]) is None


def test_the_command_builds_it(tmp_path):
    """`--random-loss` and `--degrade-files` write the incident of the seed and what is told of it."""
    command = [sys.executable, "-m", "samples.incident", "-o", "out.zip", "--archive"]
    done = subprocess.run(
        [*command, "--random-loss", "3", "--complete"], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.truth.json").read_text(encoding="utf-8"))
    assert written == random_loss_incident(3, complete=True).truth
    other = [*command[:-3], "-o", "b", "--scenario", "window", "--degrade-files", "no-live"]
    subprocess.run(other, check=True, cwd=tmp_path)
    assert json.loads((tmp_path / "b.truth.json").read_text(encoding="utf-8"))["degraded"][0]["kind"] == "no-live"
