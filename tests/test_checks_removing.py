"""The guidelines on removing the product: a story that keeps each, one that does not, and one that leaves it open."""

from __future__ import annotations

import pytest
from guideline_stage import KEY, STORE, A, B, Stage, begun, ended, installed, moved, regrouped, restarted

from forensics.checkpoints.model import Checkpoint, CheckpointKind
from forensics.roles.model import Confidence

REMOVING = ("G07", "G08", "G09", "G10", "G11", "G17")


def removed(first: str = A, second: str | None = None) -> Stage:
    """Installed on both, and removed from one at 20,000 s and from the other at 22,000 s."""
    stage = installed().at(20_000, first, "remove")
    other = second or (B if first == A else A)
    return stage.at(22_000, other, "remove")


def checkpoint(stale: bool | None) -> Checkpoint:
    """A checkpoint of the product."""
    return Checkpoint(
        "checkpoint:1", A, STORE, KEY, CheckpointKind.REGISTRY, configured_by_product=True, stale=stale, online=None,
        confidence=Confidence.PROBABLE, evidence=("evidence:8",), why="made by a test", command=None,
    )  # fmt: skip


def test_without_a_removal_in_whole_logs_the_rules_do_not_apply():
    """Both Application logs are whole, and nobody removed anything."""
    checks = ended(installed()).run()
    assert {name: checks[name].status.value for name in REMOVING} == dict.fromkeys(REMOVING, "not_applicable")


@pytest.mark.parametrize("hole", [(A, "Application", 10_000, 30_000), (B, "Application", 10_000, 30_000)])
def test_a_removal_can_hide_in_a_hole(hole):
    """Where one Application log is not whole, whether the product was removed is unknown."""
    stage = ended(installed().at(15_000, A, "mounted").at(15_000, B, "copying"))
    stage.holes = [hole]
    checks = stage.run()
    assert {checks[name].status.value for name in REMOVING} == {"unknown"}


def test_a_removal_that_failed_removes_nothing():
    """Status 1603 is no removal."""
    assert ended(installed().at(20_000, B, "remove failed")).said("G07")[0] == "not_applicable"


def test_a_version_that_another_replaced_is_no_removal():
    """The installer removes the old version within its own run."""
    stage = installed().at(20_000, B, "remove").at(20_060, B, "install")
    assert ended(stage).said("G07")[0] == "not_applicable"


# -- G07 and G08: the order, and the state -----------------------------------------------------------------------------


def test_the_active_node_first_each_in_its_state_is_kept():
    """Removed as it was installed."""
    checks = ended(removed()).run()
    assert [(checks[n].status.value, checks[n].confidence.value) for n in ("G07", "G08")] == [("pass", "certain")] * 2


def test_the_passive_node_first_is_a_violation():
    """The other one still had the product, and was active."""
    checks = ended(removed(B)).run()
    assert (checks["G07"].status, checks["G07"].confidence) == ("violation", "certain")
    assert checks["G08"].status == "pass"


def test_server_2003_knows_only_the_second_event_of_a_removal():
    """11724 is commonly known, not documented: one kind of evidence makes it probable."""
    stage = installed().at(20_000, B, "remove 2003").at(22_000, A, "remove 2003")
    assert ended(stage).said("G07") == ("violation", "probable")


def test_an_unfinished_removal_that_began_with_the_passive_node_is_probably_one():
    """The other node still has the product at the end; whether it was meant to keep it, nobody said."""
    assert ended(installed().at(20_000, B, "remove")).said("G07") == ("violation", "probable")


def test_a_repair_of_one_node_is_no_removal_from_the_cluster():
    """Removed and installed there again."""
    stage = ended(installed().at(20_000, B, "remove").at(25_000, B, "install"))
    checks = stage.run()
    assert {checks[name].status.value for name in ("G07", "G10", "G11", "G17")} == {"not_applicable"}
    assert checks["G08"].status == "pass"


def test_clocks_that_leave_the_order_open_decide_nothing():
    """Two removals half a minute apart."""
    stage = installed().at(20_000, B, "remove").at(20_030, A, "remove")
    stage.within = 60.0
    assert ended(stage).said("G07")[0] == "unknown"


def test_removed_while_active_what_was_installed_while_passive_is_a_violation():
    """The group moved between the removals, so the second node was active too."""
    stage = moved(installed().at(20_000, A, "remove"), 21_000, A, B).at(22_000, B, "remove")
    checks = ended(stage).run()
    assert (checks["G08"].status, checks["G07"].status) == ("violation", "pass")
    assert checks["G08"].confidence == "certain"


def test_that_exchange_did_not_come_up_is_told_with_the_violation():
    """9519 behind the removal is named as what came of it."""
    stage = (
        moved(installed().at(20_000, A, "remove"), 21_000, A, B).at(22_000, B, "remove").at(22_500, B, "store failed")
    )
    one = ended(stage).run()["G08"]
    assert one.status == "violation"
    assert "did not come up" in one.why


def test_without_its_installation_the_state_is_unknown():
    """Removed, and nothing tells how it had been installed."""
    assert ended(begun().at(20_000, A, "remove").at(22_000, B, "remove")).said("G08")[0] == "unknown"


# -- G09 and G17: checkpoints ------------------------------------------------------------------------------------------


def test_exchange_that_starts_needs_no_removal_of_checkpoints():
    """No event says that it did not, in whole logs."""
    assert ended(removed()).said("G09")[0] == "not_applicable"


@pytest.mark.parametrize("symptom", ["store failed", "scan error", "resource"])
def test_exchange_that_does_not_start_asks_for_it(symptom):
    """What a listing shows afterwards decides; without one it is unknown."""
    stage = ended(removed().at(23_000, A, symptom))
    assert stage.said("G09")[0] == "unknown"
    assert stage.listed(30_000).said("G09") == ("pass", "probable")
    assert stage.listed(31_000, KEY).said("G09") == ("violation", "probable")


def test_a_failure_of_another_resource_is_no_symptom():
    """1069 of a resource that is not the store's says nothing of Exchange."""
    assert ended(removed().at(23_000, A, "other resource")).said("G09")[0] == "not_applicable"


def test_a_checkpoint_after_the_removal_is_a_violation():
    """Told by a listing, or by what was concluded of checkpoints."""
    assert ended(removed()).listed(30_000, KEY).said("G17") == ("violation", "probable")
    stage = ended(removed())
    stage.checkpoints = (checkpoint(stale=True),)
    checks = stage.run()
    assert checks["G17"].status == "violation"
    assert "checkpoint:1" in checks["G17"].evidence


def test_a_listing_without_one_keeps_the_rule_if_it_is_from_afterwards():
    """One from before the removal says nothing."""
    assert ended(removed()).listed(30_000).said("G17") == ("pass", "probable")
    assert ended(removed()).listed(10_000).said("G17")[0] == "unknown"


def test_a_product_that_is_still_on_a_node_may_keep_its_checkpoints():
    """The removal is not complete."""
    assert ended(installed().at(20_000, A, "remove")).said("G17")[0] == "not_applicable"


# -- G10: the restart of the mailbox server ----------------------------------------------------------------------------


def test_a_restart_of_the_group_afterwards_keeps_the_rule():
    """Offline and online again; by whom is not shown, so it is probable."""
    assert ended(regrouped(removed(), 24_000, A)).said("G10") == ("pass", "probable")


def test_a_group_that_stays_as_it_is_was_not_restarted():
    """Whole logs of the group for hours, and nothing."""
    stage = ended(removed()).at(30_000, A, "up").at(30_000, B, "up")
    assert stage.said("G10") == ("violation", "probable")


def test_an_evidence_that_ends_soon_decides_nothing():
    """It may be restarted later."""
    assert ended(removed(), 22_600).said("G10")[0] == "unknown"


# -- G11: nothing in between -------------------------------------------------------------------------------------------


def test_nothing_between_the_removals_keeps_the_rule():
    """No start of a machine and no move in whole logs."""
    assert ended(removed()).said("G11") == ("pass", "probable")


def test_a_restart_between_the_removals_is_a_violation():
    """Asked for, logged by the machine, and by the cluster that it joined again: certain."""
    checks = ended(restarted(removed(), 21_000, B)).run()
    assert (checks["G11"].status, checks["G11"].confidence) == ("violation", "certain")
    assert len(checks["G11"].evidence) >= 3


def test_restarts_before_and_after_do_not_count():
    """Only those between the first removal and the last."""
    stage = restarted(restarted(removed(), 10_000, B), 30_000, B)
    assert ended(stage).said("G11") == ("pass", "probable")


def test_a_restart_while_one_node_still_has_the_product_is_a_violation():
    """The other node keeps it up to the end."""
    stage = restarted(installed().at(20_000, A, "remove"), 30_000, B)
    assert ended(stage).said("G11")[0] == "violation"


def test_a_move_between_the_removals_is_a_violation():
    """The group was given up by a node that was well."""
    stage = moved(installed().at(20_000, A, "remove"), 21_000, A, B).at(22_000, B, "remove")
    one = ended(stage).run()["G11"]
    assert one.status == "violation"
    assert "moved" in one.why


def test_a_restart_that_two_clocks_cannot_place_is_only_possible():
    """The first removal and the start lie within what the clocks leave open."""
    stage = restarted(removed(), 19_920, B)
    stage.within = 90.0
    assert ended(stage).said("G11") in {("violation", "possible"), ("unknown", "possible")}


def test_a_system_log_with_a_hole_leaves_it_open():
    """A start can hide in it."""
    stage = ended(removed()).at(21_000, B, "up")
    stage.holes = [(B, "System", 20_500, 21_500)]
    assert stage.said("G11")[0] == "unknown"
