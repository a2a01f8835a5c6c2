"""The guidelines on installing: a story that keeps each, one that does not, and one that leaves it open."""

from __future__ import annotations

import pytest
from guideline_stage import HOUR, A, B, Entry, Stage, begun, ended, installed, moved, regrouped, restarted

from forensics.checks.model import GUIDELINES

INSTALL = ("G01", "G04", "G05", "G16")


def test_without_evidence_everything_is_unknown_and_says_what_would_decide_it():
    """An empty case: all eighteen guidelines, in their order, none of them decided."""
    checks = Stage().run()
    assert tuple(checks) == GUIDELINES
    assert {one.status for one in checks.values()} == {"unknown"}
    assert all(one.would_decide and one.remedy and one.title and one.why for one in checks.values())


def test_an_installation_before_the_evidence_leaves_the_rules_on_installing_open():
    """The product was installed some time: what no log reaches back to is unknown, not out of place."""
    checks = ended(begun()).run()
    assert {name: checks[name].status.value for name in INSTALL} == dict.fromkeys(INSTALL, "unknown")


# -- G01: the active node first ----------------------------------------------------------------------------------------


def test_the_active_node_first_is_kept():
    """Installed on the node that has the group, then on the other: kept, and certain where logs and roles are."""
    assert ended(installed()).said("G01") == ("pass", "certain")


def test_the_passive_node_first_is_a_violation():
    """Installed first on the node that is passive, while the other was active."""
    stage = begun().at(3600, B, "install").at(5400, A, "install")
    assert ended(stage).said("G01") == ("violation", "certain")


def test_the_second_node_active_by_then_is_a_violation():
    """The group moved to the node without the product, which was then installed as the active one."""
    stage = moved(begun().at(3600, A, "install"), 4000, A, B).at(5400, B, "install")
    assert ended(stage).said("G01") == ("violation", "certain")


def test_what_only_server_2003_logs_is_as_good():
    """11707, whose string is a sentence with the product's name, is an installation as well."""
    stage = begun().at(3600, B, "install 2003").at(5400, A, "install 2003")
    assert ended(stage).said("G01") == ("violation", "certain")


def test_clocks_that_leave_the_order_open_decide_nothing():
    """Two installations within a minute, clocks known to two minutes: which was first is not known."""
    stage = begun().at(3600, A, "install").at(3640, B, "install")
    stage.within = 60.0
    assert ended(stage).said("G01")[0] == "unknown"


def test_a_clock_that_nothing_bounds_makes_no_order_certain():
    """Half an hour apart is never certain then; where the clock would be off by hours the order is unknown."""
    stage = ended(begun().at(3600, B, "install").at(5400, A, "install"))
    assert stage.said("G01") == ("violation", "certain")
    stage.within = None
    assert stage.said("G01")[1] != "certain"
    stage.ahead = {B: 36_000}
    assert stage.said("G01")[0] == "unknown"


def test_an_installation_beside_a_node_that_had_the_product_is_not_the_first():
    """What the product itself logs on the other node says that it was there: this is not the first one."""
    stage = begun().at(1000, B, "forced").at(3600, A, "install")
    assert ended(stage).said("G01")[0] == "unknown"


def test_one_node_alone_decides_nothing():
    """Where only one node is in the evidence its own installation tells nothing of the order."""
    stage = begun().at(3600, A, "install").at(40_000, A, "mounted", "up")
    stage.entries = [entry for entry in stage.entries if entry.node == A]
    assert stage.said("G01")[0] == "unknown"


# -- G02: anew while passive -------------------------------------------------------------------------------------------


def test_installed_anew_while_passive_is_kept():
    """The passive node loses the product and gets it again."""
    stage = installed().at(20_000, B, "remove").at(25_000, B, "install")
    assert ended(stage).said("G02") == ("pass", "certain")


def test_installed_anew_while_active_is_a_violation():
    """The group is on the node that is installed anew, and the other one has the good configuration."""
    stage = moved(installed().at(20_000, B, "remove"), 22_000, A, B).at(25_000, B, "install")
    checks = ended(stage).run()
    assert (checks["G02"].status, checks["G02"].confidence) == ("violation", "certain")
    assert any(reference.startswith("event:") for reference in checks["G02"].evidence)
    assert checks["G01"].status == "pass"


def test_what_the_product_logged_before_shows_that_an_installation_is_not_the_first():
    """No earlier installation in the evidence, but the product was at work there."""
    stage = begun(B).at(1000, A, "forced").at(1500, A, "forced")
    stage = moved(stage, 5000, B, A).at(5500, B, "skipped").at(9000, A, "install")
    assert ended(stage).said("G02")[0] == "violation"


def test_a_first_installation_is_none_anew():
    """Both nodes installed once, in whole logs: the rule does not apply."""
    assert ended(installed()).said("G02") == ("not_applicable", "probable")


def test_whether_a_node_was_installed_anew_is_unknown_where_a_log_has_a_hole():
    """An installation could hide in the hole."""
    stage = installed().at(15_000, A, "mounted")
    stage.holes = [(A, "Application", 10_000, 20_000)]
    assert ended(stage).said("G02")[0] == "unknown"


# -- G03: a failover to a node with the product ------------------------------------------------------------------------


def test_a_move_to_a_node_with_the_product_is_kept():
    """Installed before, and nothing removed it."""
    assert ended(moved(installed(), 20_000, A, B)).said("G03") == ("pass", "certain")


def test_a_move_to_a_node_without_the_product_is_a_violation():
    """The product comes to that node only later."""
    stage = moved(begun().at(3600, A, "install"), 10_000, A, B).at(20_000, B, "install")
    assert ended(stage).said("G03") == ("violation", "certain")


def test_a_move_to_a_node_that_lost_the_product_is_a_violation():
    """It was removed from there, and the other node still has it."""
    assert ended(moved(installed().at(15_000, B, "remove"), 20_000, A, B)).said("G03") == ("violation", "certain")


def test_a_move_before_the_product_was_anywhere_does_not_count():
    """Moves of a cluster without the product break nothing."""
    stage = moved(moved(begun(), 1000, A, B), 2000, B, A).at(9000, A, "install").at(10_000, B, "install")
    assert ended(stage).said("G03")[0] == "not_applicable"


def test_a_move_to_a_node_of_which_nothing_is_known_is_open():
    """No installation of the node, and nothing that its product logged."""
    assert ended(moved(begun(), 20_000, A, B)).said("G03")[0] == "unknown"


def test_without_a_move_nothing_was_failed_over():
    """Roles known throughout, and the group stayed."""
    assert ended(installed()).said("G03")[0] == "not_applicable"


# -- G04: in a session -------------------------------------------------------------------------------------------------


def test_a_session_before_each_installation_keeps_the_rule():
    """A terminal-server session on the one, the console of the other."""
    stage = installed().at(3000, A, "session").at(5000, B, "console")
    assert ended(stage).said("G04") == ("pass", "probable")


def test_the_installing_account_is_held_against_the_session():
    """The same account in both makes it no surer than one kind of evidence does; another account makes it less."""
    stage = ended(installed().at(3000, A, "session").at(5000, B, "session"))
    same = "S-1-5-21-1-2-3-500"
    stage.users = dict.fromkeys(("ANODE install", "ANODE session", "BNODE install", "BNODE session"), same)
    assert stage.said("G04") == ("pass", "probable")
    stage.users["BNODE session"] = "S-1-5-21-1-2-3-1111"
    assert stage.said("G04") == ("pass", "possible")


def test_an_installation_by_the_machine_itself_is_none_in_a_session():
    """The Windows Installer names the machine's own account: a service installed it."""
    stage = ended(installed().at(5000, B, "session"))
    stage.users = {"ANODE install": "S-1-5-18"}
    assert stage.said("G04") == ("violation", "probable")


def test_nobody_on_the_machine_since_its_start_is_a_violation():
    """A whole Security log from the start to the installation, in which logons are recorded, and no session."""
    stage = restarted(installed(), 2000, A).at(3300, A, "logon").at(5300, B, "session")
    assert ended(stage).said("G04") == ("violation", "probable")


def test_without_a_security_log_the_session_is_unknown():
    """No log would tell."""
    stage = ended(installed())
    stage.entries = [entry for entry in stage.entries if entry.kind != "logon"]
    assert stage.said("G04")[0] == "unknown"


def test_a_hole_in_the_security_log_leaves_the_session_open():
    """The session may stand in the hole."""
    stage = restarted(installed(), 2000, A).at(2900, A, "logon").at(3300, A, "logon").at(5300, B, "session")
    stage.holes = [(A, "Security", 2800, 3000)]
    assert ended(stage).said("G04")[0] == "unknown"


# -- G05: resources online ---------------------------------------------------------------------------------------------


def test_a_group_that_is_online_keeps_the_rule():
    """It was online on the active node at both installations."""
    assert ended(installed()).said("G05") == ("pass", "certain")


def test_a_group_that_is_offline_is_a_violation():
    """It had gone offline before the installation and came back after it."""
    stage = regrouped(begun(), 3500, A, pause=600).at(3700, A, "install").at(6000, B, "install")
    checks = ended(stage).run()
    assert checks["G05"].status == "violation"
    assert checks["G01"].status == "pass"  # it is the active node all the same


def test_a_group_that_came_up_in_part_is_a_violation():
    """1205 is the last word on the group before the installation."""
    stage = begun().add(Entry(3000, A, "leaving"), Entry(3008, A, "offline"), Entry(3020, A, "coming"))
    stage.add(Entry(3100, A, "failed")).at(3600, A, "install")
    assert ended(stage).said("G05")[0] == "violation"


@pytest.mark.parametrize(("state", "status"), [("online", "pass"), ("offline", "violation"), ("failed", "violation")])
def test_a_capture_of_the_status_tells_where_no_log_does(state, status):
    """`cluster group` of half an hour before, and nothing else on roles; one of the day before says nothing."""
    stage = Stage().at(10, A, "strange").at(50_000, A, "install").at(90_000, A, "strange")
    assert stage.captured(48_500, "cluster_group", "CMS1", state).said("G05") == (status, "probable")
    stage.captures.clear()
    assert stage.captured(20_000, "cluster_group", "CMS1", state).said("G05")[0] == "unknown"
    assert stage.captured(48_500, "cluster_group", "Cluster Group", state).said("G05")[0] == "unknown"


# -- G06: the path -----------------------------------------------------------------------------------------------------


def test_the_same_path_on_both_nodes_is_kept():
    """Compared without case, and without a backslash at the end."""
    stage = ended(installed()).path(A, "C:\\Program Files (x86)\\FSE\\").path(B, "c:\\program files (x86)\\fse")
    assert stage.said("G06") == ("pass", "certain")


def test_different_paths_are_a_violation():
    """The registry of both nodes says so in documented values."""
    assert ended(installed()).path(A, "C:\\FSE").path(B, "D:\\FSE").said("G06") == ("violation", "certain")


def test_the_32_bit_view_counts_on_a_64_bit_system():
    """A left-over in the other view does not."""
    stage = ended(installed()).path(A, "D:\\Old", wow=False).path(A, "C:\\FSE").path(B, "C:\\FSE")
    assert stage.said("G06") == ("pass", "certain")


def test_one_registry_or_another_value_decides_nothing():
    """Of one node only; or the place of the data, which may have been moved."""
    assert ended(installed()).path(A, "C:\\FSE").said("G06")[0] == "unknown"
    stage = ended(installed()).path(A, "C:\\D", "DatabasePath").path(B, "D:\\D", "DatabasePath")
    assert stage.said("G06")[0] == "unknown"


# -- G16: the seeding --------------------------------------------------------------------------------------------------

KNOWN_ID = """
[[events]]
key = "FSECCRService seeding complete"
event_sources = ["FSECCRService"]
id = 9405
claim = "seeding_complete"
mark = "documented"
source = "seen on site"
"""


def test_the_message_after_the_passive_installation_keeps_the_rule():
    """Known by its text."""
    stage = installed().add(Entry(5600, B, "seeding"))
    assert ended(stage).said("G16") == ("pass", "certain")


def test_without_texts_its_absence_says_nothing():
    """The event's id is not documented: it may be among those that are not understood."""
    assert ended(installed().at(5600, B, "strange")).said("G16")[0] == "unknown"


def test_where_the_id_is_known_its_absence_is_a_violation():
    """A profile, or the product's own program, names the id; in an hour of a whole log there is no such event."""
    stage = ended(installed())
    stage.profile = KNOWN_ID
    assert stage.said("G16") == ("violation", "probable")
    stage.add(Entry(5600, B, "seeding"))
    assert stage.said("G16") == ("pass", "certain")


def test_an_evidence_that_ends_too_early_decides_nothing():
    """The message may be still to come."""
    stage = ended(installed(), 5400 + HOUR / 2)
    stage.profile = KNOWN_ID
    assert stage.said("G16")[0] == "unknown"


def test_a_restart_does_not_make_a_first_installation_another():
    """A machine that starts between the two installations changes nothing of their order."""
    stage = restarted(installed(second=9000), 6000, B)
    assert ended(stage).said("G01")[0] == "pass"
