"""The guidelines on running the cluster: kept, not followed, and open. Files are staged as for the losses."""

from __future__ import annotations

import pytest
from guideline_stage import A, B, Entry, Stage, begun, ended, installed, restarted
from loss_stage import Stage as Files
from loss_stage import version

from forensics.checks.analyse import check_guidelines
from forensics.checks.material import Captured, Material
from forensics.claims import Claim

MOVE = (10_000, 10_020)
OLD, NEW, LATER = version("old", 1000), version("new", 9990), version("later", 20_000)
OPTION = """
[[product_options]]
option = "redistribution_server"
name = "Redistribute"
mark = "{}"
source = "seen on site"
"""


def of_files(stage: Files, guideline: str):
    """The check of a guideline over a story of files."""
    material = Material(stage.analysis(), stage.history(), stage.files(), stage.run(), ())
    one = next(one for one in check_guidelines(material) if one.id == guideline)
    return one.status.value, one.confidence.value


# -- G12: the redistribution server ------------------------------------------------------------------------------------


def test_the_option_s_value_is_not_documented():
    """Engine updates that fail have other reasons too: unknown, and worth a look."""
    one = ended(installed().at(9000, B, "engine")).run()["G12"]
    assert (one.status, bool(one.would_decide), bool(one.evidence)) == ("unknown", True, True)


@pytest.mark.parametrize(
    ("mark", "value", "told"),
    [
        ("unverified", "0", ("violation", "possible")),
        ("unverified", "1", ("pass", "possible")),
        ("documented", "0", ("violation", "certain")),
    ],
)
def test_whoever_knows_the_value_names_it(mark, value, told):
    """As sure as the analyst is; of one node alone nothing is said but a violation."""
    stage = ended(installed()).path(A, value, "Redistribute").path(B, value, "Redistribute")
    stage.profile = OPTION.format(mark)
    assert stage.said("G12") == told
    stage.registry.pop()
    assert stage.said("G12")[0] == ("violation" if told[0] == "violation" else "unknown")


# -- G13: no save on the passive node ----------------------------------------------------------------------------------


def test_a_save_that_stuck_on_the_passive_node_is_a_violation():
    """The finding says so."""
    stage = Files([MOVE]).backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=LATER).now(B, ScanJobs=OLD)
    assert of_files(stage, "G13")[0] == "violation"


def test_a_save_on_the_passive_node_that_was_taken_over_is_one_where_a_skip_shows_it():
    """Nothing was lost: the node became active, and the change spread."""
    early = version("early", 9000)
    stage = Files([MOVE]).backup(A, 2000, ScanJobs=OLD).backup(B, 2100, ScanJobs=OLD).backup(B, 9100, ScanJobs=early)
    stage.event(B, 9010, Claim.COPY_SKIPPED, "ScanJobs.fdb", "ScanJobs.fdb")
    assert of_files(stage.now(A, ScanJobs=LATER).now(B, ScanJobs=LATER), "G13") == ("violation", "probable")


def test_a_skip_that_nothing_explains_leaves_it_open():
    """The passive node's file was newer, and what it held is not in the evidence."""
    stage = Files().backup(A, 2000, ScanJobs=OLD).event(B, 9010, Claim.COPY_SKIPPED, "ScanJobs.fdb", "ScanJobs.fdb")
    assert of_files(stage.now(A, ScanJobs=LATER).now(B, ScanJobs=LATER), "G13")[0] == "unknown"


def test_the_files_of_one_node_decide_nothing():
    """What the other one holds is not known."""
    assert of_files(Files().backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=LATER), "G13")[0] == "unknown"


def test_without_files_both_rules_on_saves_are_unknown():
    """Nothing tells of saves."""
    checks = ended(installed()).run()
    assert checks["G13"].status == "unknown"
    assert checks["G13"].would_decide


# -- G14: a cycle before a failover ------------------------------------------------------------------------------------


def test_a_save_ten_seconds_before_the_move_is_a_violation():
    """It was lost, and the finding says so."""
    stage = Files([MOVE]).backup(B, 2000, ScanJobs=OLD).now(A, ScanJobs=NEW).now(B, ScanJobs=OLD)
    assert of_files(stage, "G14") == ("violation", "certain")


def test_a_save_that_came_over_in_time_by_luck_is_one_as_well():
    """Nothing was lost, but nobody waited."""
    stage = Files([MOVE]).backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=NEW).now(B, ScanJobs=NEW)
    assert of_files(stage, "G14") == ("violation", "probable")


def test_a_save_a_minute_before_the_move_keeps_the_rule():
    """As far as the evidence shows: there may have been saves of which nothing is left."""
    early = version("early", 9900)
    stage = Files([MOVE]).backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=early).now(B, ScanJobs=early)
    assert of_files(stage, "G14") == ("pass", "probable")


def test_without_a_move_nobody_had_to_wait():
    """The roles are known throughout."""
    stage = Files().backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=LATER).now(B, ScanJobs=LATER)
    assert of_files(stage, "G14")[0] == "not_applicable"


def test_without_the_other_node_s_files_waiting_is_not_known():
    """A move, and the files of one node only."""
    assert of_files(Files([MOVE]).backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=OLD), "G14")[0] == "unknown"


# -- G15: a member to the end ------------------------------------------------------------------------------------------


def test_nodes_that_stay_in_the_cluster_have_nothing_to_do_with_it():
    """Both joined, and take part to the end."""
    assert ended(installed()).said("G15") == ("not_applicable", "probable")


def alone(stage: Stage) -> Stage:
    """The second node starts at 20,000 s and does not join."""
    stage = restarted(stage, 19_880, B)
    stage.entries = [e for e in stage.entries if not (e.node == B and e.kind == "joined" and e.at > 1000)]
    return stage.at(40_000, A, "mounted", "up").at(40_000, B, "up")


def test_a_node_that_left_with_its_product_is_a_possible_violation():
    """It starts without joining, and the product of before still works there."""
    assert alone(installed()).at(30_000, B, "strange").said("G15") == ("violation", "possible")


def test_a_node_that_left_and_was_installed_anew_keeps_the_rule():
    """Removed, and installed as on a stand-alone server."""
    stage = alone(installed().at(15_000, B, "remove").at(25_000, B, "install"))
    assert stage.said("G15") == ("pass", "probable")


def test_a_node_that_left_and_of_which_nothing_more_is_known_is_open():
    """What became of the product is not in the evidence."""
    assert alone(installed()).said("G15")[0] == "unknown"


# -- G18: the requirements ---------------------------------------------------------------------------------------------


def machine(stage: Stage, node: str, version_: str = "5.2.3790 Build 3790", kind: str = "x64-based PC", memory="2047"):
    """What systeminfo printed there."""
    for name, value in (("os_version", version_), ("system_type", kind), ("memory_mb", memory)):
        stage.captures.append(Captured("evidence:5", "systeminfo", node, node, name, None, value, None))
    return stage


def test_two_machines_that_suffice():
    """Version, processor and memory; the disk is not shown, so no more than probable."""
    assert machine(machine(ended(installed()), A), B).said("G18") == ("pass", "probable")


@pytest.mark.parametrize(
    "wrong",
    [{"version_": "5.0.2195 Build 2195"}, {"kind": "X86-based PC"}, {"memory": "384"}],
)
def test_a_machine_that_does_not_is_a_violation(wrong):
    """One of the two is enough."""
    assert machine(machine(ended(installed()), A), B, **wrong).said("G18") == ("violation", "certain")


def test_what_the_firmware_keeps_is_no_lack_of_memory():
    """A machine with 512 MB shows a little less."""
    assert machine(machine(ended(installed()), A), B, memory="511").said("G18") == ("pass", "probable")


def test_one_machine_alone_or_a_field_that_is_missing_decides_nothing():
    """Nothing is said of the other one."""
    assert machine(ended(installed()), A).said("G18")[0] == "unknown"
    assert machine(machine(ended(installed()), A), B, memory="").said("G18")[0] == "unknown"


def test_the_version_in_the_log_shows_a_system_that_is_too_old():
    """6009 names it at each start; that it is new enough is not all that is asked."""
    stage = ended(installed())
    assert stage.add(Entry(1, A, "version", "5.02.")).said("G18")[0] == "unknown"
    assert stage.add(Entry(1, B, "version", "5.00.")).said("G18") == ("violation", "probable")


def test_begun_alone_is_not_enough():
    """Without systeminfo of any machine it is unknown."""
    assert ended(begun()).said("G18")[0] == "unknown"
