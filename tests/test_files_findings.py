"""What was lost, story by story: each rule of the findings, told in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from loss_stage import A, B, Stage, at, told, version

from forensics.claims import Claim
from forensics.files.model import Trigger
from forensics.roles.model import Confidence, Role, RoleInterval

MOVE = (10_000, 10_020)
OLD, NEW, LATER = version("old", 1000), version("new", 9990), version("later", 20_000)
LATE, EARLY = version("late", 10_100), version("early", 9_000)


def test_an_ordinary_edit_and_its_copy_are_no_finding():
    """What was saved on the active node and stands on both is nobody's loss."""
    stage = Stage([MOVE]).backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=LATER).now(B, ScanJobs=LATER)
    assert stage.run().findings == ()


def test_a_save_within_a_cycle_of_the_move_is_lost_on_the_node_that_took_over():
    """Saved ten seconds before the group left, not copied: failover_in_window, and no divergence beside it."""
    found = Stage([MOVE]).backup(B, 2000, ScanJobs=OLD).now(A, ScanJobs=NEW).now(B, ScanJobs=OLD).run()
    assert told(found) == [("lost_update", "failover_in_window", "ScanJobs", B)]
    assert found.findings[0].confidence is Confidence.CERTAIN
    assert found.findings[0].live_on == (A,)
    assert (found.findings[0].lost, found.findings[0].current) == (NEW, OLD)


def test_a_save_longer_before_the_move_that_never_came_has_no_known_cause():
    """Saved earlier than a cycle before and never copied: the cause is unknown."""
    early = version("new", 9900)
    found = Stage([MOVE]).backup(B, 2000, ScanJobs=OLD).now(A, ScanJobs=early).now(B, ScanJobs=OLD).run()
    assert told(found) == [("lost_update", "unknown", "ScanJobs", B)]


def test_a_forced_sync_puts_older_content_over_newer():
    """After the lost update, 9410 on the old node: its newer file is overwritten, and both are told."""
    stage = Stage([MOVE]).backup(A, 2000, ScanJobs=OLD).backup(A, 10_005, ScanJobs=NEW)
    found = stage.event(A, 15_000, Claim.FORCED_SYNC).now(A, ScanJobs=OLD).now(B, ScanJobs=OLD).run()
    assert told(found) == [
        ("lost_update", "failover_in_window", "ScanJobs", B),
        ("stale_overwrite", "forced_sync", "ScanJobs", A),
    ]
    assert {one.recoverable_from for one in found.findings} == {("backup:2",)}


def test_defaults_of_an_installation_on_the_active_node_are_a_reset_on_both():
    """The active node's file is replaced by defaults, and so is the passive one's, to which they spread."""
    fresh = version("defaults", 20_000)
    stage = Stage().installed(A, 500).backup(A, 2000, ScanJobs=OLD).installed(A, 20_003)
    found = stage.now(A, ScanJobs=fresh).now(B, ScanJobs=fresh).run()
    assert told(found) == [
        ("reset", "reinstall_on_active", "ScanJobs", A),
        ("reset", "reinstall_on_active", "ScanJobs", B),
    ]


def test_defaults_of_an_installation_on_the_passive_node_are_nobodys():
    """That the first sync replaces them is no loss."""
    fresh = version("defaults", 20_000)
    stage = Stage().backup(A, 2000, ScanJobs=OLD).installed(B, 20_003).backup(B, 20_010, ScanJobs=fresh)
    stage.event(B, 20_040, Claim.FORCED_SYNC)
    assert stage.now(A, ScanJobs=OLD).now(B, ScanJobs=OLD).run().findings == ()


def test_a_file_that_the_product_made_anew_is_a_reset():
    """A file that is fresh in the seconds of a start, and is of those that are rebuilt: self_rebuild, on both nodes."""
    fresh = version("rebuilt", 20_000)
    stage = Stage().backup(A, 2000, ScanJobs=OLD, Notifications=OLD)
    stage.backup(A, 20_002, Trigger.SERVICE_START, ScanJobs=fresh, Notifications=OLD)
    found = stage.now(A, ScanJobs=fresh, Notifications=OLD).now(B, ScanJobs=fresh, Notifications=OLD).run()
    assert told(found) == [("reset", "self_rebuild", "ScanJobs", A), ("reset", "self_rebuild", "ScanJobs", B)]


def test_a_file_that_is_not_rebuilt_and_fresh_at_a_start_was_saved():
    """Only the files that the profile names are made anew: another one was saved by somebody."""
    fresh = version("saved", 20_000)
    stage = Stage().backup(A, 2000, Notifications=OLD).backup(A, 20_002, Trigger.SERVICE_START, Notifications=fresh)
    assert stage.now(A, Notifications=fresh).now(B, Notifications=fresh).run().findings == ()


def test_what_the_passive_node_keeps_is_a_divergence():
    """Saved on the passive node, newer by raw times: replication skips it, and the files stay different."""
    found = Stage().backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=OLD).now(B, ScanJobs=NEW).run()
    assert told(found) == [("divergence", "passive_edit", "ScanJobs", B)]
    assert (found.findings[0].lost, found.findings[0].current) == (OLD, NEW)
    assert found.recommended is None


def test_a_save_on_the_passive_node_that_was_skipped_and_copied_over_is_lost():
    """The skip at the first look after the save tells where it was made; the active node's next save replaces it."""
    stage = Stage().backup(A, 2000, ScanJobs=OLD).event(B, 10_005, Claim.COPY_SKIPPED, None, "ScanJobs.fdb")
    stage.backup(B, 11_000, Trigger.SERVICE_START, ScanJobs=NEW)
    found = stage.now(A, ScanJobs=LATER).now(B, ScanJobs=LATER).run()
    assert told(found) == [("lost_update", "passive_edit", "ScanJobs", A)]


@pytest.mark.parametrize("skipped", [(), (9_000, 10_005), (10_055,)], ids=["none", "before-too", "later"])
def test_without_a_skip_that_tells_it_was_an_ordinary_save(skipped):
    """A version in the passive node's backup that a newer one replaced is a save followed by another, unless shown."""
    stage = Stage().backup(A, 2000, ScanJobs=OLD).backup(B, 11_000, Trigger.SERVICE_START, ScanJobs=NEW)
    for seconds in skipped:
        for more in range(0, 900, 30) if seconds == 9_000 else (0,):
            stage.event(B, seconds + more, Claim.COPY_SKIPPED, None, "ScanJobs.fdb")
    assert stage.now(A, ScanJobs=LATER).now(B, ScanJobs=LATER).run().findings == ()


def test_the_active_node_seen_without_it_tells_that_it_was_saved_elsewhere():
    """A backup of the active node, later and older, excludes that the version was saved there."""
    stage = Stage().backup(A, 2000, ScanJobs=OLD).backup(B, 11_000, Trigger.SERVICE_START, ScanJobs=NEW)
    stage.backup(A, 12_000, Trigger.SERVICE_START, ScanJobs=OLD)
    found = stage.now(A, ScanJobs=LATER).now(B, ScanJobs=LATER).run()
    assert told(found) == [("lost_update", "passive_edit", "ScanJobs", A)]


def test_clocks_apart_make_replication_skip_what_is_newer():
    """The older content has the later recorded time: the change is skipped, and lost when the group moves back."""
    # B's clock is ten minutes behind: what it saves after the move looks older than what A saved before.
    stage = Stage([MOVE, (40_000, 40_020)], skew={B: 600.0}).backup(A, 2000, ScanJobs=OLD)
    ahead, behind = version("first", 9900), version("second", 10_200 - 600)
    stage.backup(A, 10_005, ScanJobs=ahead).backup(B, 40_005, ScanJobs=behind)
    found = stage.now(A, ScanJobs=ahead).now(B, ScanJobs=ahead).run()
    assert {row[:2] for row in told(found)} == {("lost_update", "clock_skew"), ("stale_overwrite", "clock_skew")}


def test_old_bytes_with_their_old_time_on_the_active_node_are_a_restore():
    """Newer content was on the active node, and older came back with its time: stale_overwrite, restore."""
    stage = Stage().backup(A, 2000, ScanJobs=OLD).backup(A, 10_500, ScanJobs=NEW)
    found = stage.now(A, ScanJobs=OLD).now(B, ScanJobs=NEW).run()
    assert ("stale_overwrite", "restore", "ScanJobs", A) in told(found)


def test_old_bytes_saved_anew_are_an_edit():
    """A version is bytes and time: the same bytes with a fresh time were saved on purpose."""
    again = version("old", 20_000)
    stage = Stage().backup(A, 2000, ScanJobs=OLD).backup(A, 10_500, ScanJobs=NEW)
    assert stage.now(A, ScanJobs=again).now(B, ScanJobs=again).run().findings == ()


def test_what_was_brought_back_is_mended():
    """A lost update whose bytes the active node has in the end is told as mended, and not as in place."""
    again = version("new", 30_000)
    stage = Stage([MOVE]).backup(B, 2000, ScanJobs=OLD).backup(A, 10_005, ScanJobs=NEW).backup(B, 20_000, ScanJobs=OLD)
    found = stage.now(A, ScanJobs=again).now(B, ScanJobs=again).run()
    assert told(found) == []
    assert told(found, mended=True) == [("lost_update", "failover_in_window", "ScanJobs", B)]
    assert found.recommended is None


def test_without_a_live_file_nothing_is_certain_and_no_divergence_is_told():
    """What a node has at the end nobody can tell without its live file."""
    found = Stage([MOVE]).backup(B, 12_000, ScanJobs=OLD).now(A, ScanJobs=NEW).run()
    assert told(found) == [("lost_update", "failover_in_window", "ScanJobs", B)]
    assert found.findings[0].confidence is not Confidence.CERTAIN
    assert "not in the evidence" in found.findings[0].why
    assert Stage().backup(B, 12_000, ScanJobs=NEW).now(A, ScanJobs=OLD).run().findings == ()


def test_where_no_role_is_known_nothing_is_more_than_possible():
    """Content alone shows that something newer was there; who was active, it does not show."""
    stage = Stage(roles_known=False).backup(A, 2000, ScanJobs=OLD).backup(A, 12_000, ScanJobs=NEW)
    found = stage.now(A, ScanJobs=OLD).now(B, ScanJobs=OLD).run()
    assert {one.confidence for one in found.findings} == {Confidence.POSSIBLE}


def test_times_that_an_archive_rounded_are_the_same_version():
    """The same bytes, one with a time of two whole seconds: one version, no divergence, no loss."""
    exact, rounded = version("new", 9001.234), version("new", 9000)
    stage = Stage([MOVE]).backup(A, 2000, ScanJobs=OLD).now(A, ScanJobs=rounded).now(B, ScanJobs=exact)
    assert stage.run().findings == ()


def test_an_empty_file_in_a_backup_is_no_version():
    """A copy that failed says nothing of what the node had."""
    empty = version("", 9000)._replace(size=0)
    stage = Stage().backup(A, 2000, ScanJobs=OLD).backup(A, 12_000, ScanJobs=empty)
    assert stage.now(A, ScanJobs=OLD).now(B, ScanJobs=OLD).run().findings == ()


def test_of_contents_of_one_line_the_last_stands_for_all():
    """Two saves that were lost together are one loss: the later was made from the earlier."""
    stage = Stage().installed(A, 500).backup(A, 2000, ScanJobs=OLD).backup(A, 12_000, ScanJobs=NEW)
    fresh = version("defaults", 20_000)
    found = stage.installed(A, 20_003).now(A, ScanJobs=fresh).now(B, ScanJobs=fresh).run()
    assert {one.lost for one in found.findings} == {NEW}


def test_the_time_of_a_loss_is_when_the_content_went():
    """Earliest and latest hold the event that took it."""
    stage = Stage([MOVE]).backup(A, 10_005, ScanJobs=NEW).backup(B, 2000, ScanJobs=OLD)
    found = stage.event(A, 15_000, Claim.FORCED_SYNC).now(A, ScanJobs=OLD).now(B, ScanJobs=OLD).run()
    stale = next(one for one in found.findings if one.kind == "stale_overwrite")
    assert stale.earliest <= at(15_000) <= stale.latest
    assert stale.latest - stale.earliest < 60 * 10_000_000


def test_a_sync_in_the_second_of_a_backup_came_after_it():
    """Both are kept to whole seconds: the service makes its backup when it starts, and syncs then."""
    stage = Stage([MOVE]).backup(A, 2000, ScanJobs=OLD).backup(A, 10_005, ScanJobs=NEW)
    stage.backup(A, 15_000, Trigger.SERVICE_START, ScanJobs=NEW).event(A, 15_000, Claim.FORCED_SYNC)
    found = stage.now(A, ScanJobs=OLD).now(B, ScanJobs=OLD).run()
    assert ("stale_overwrite", "forced_sync", "ScanJobs", A) in told(found)


def test_a_save_on_a_machine_that_is_down_by_the_others_clocks_was_made_before():
    """Nobody saves on a machine that is down: the other node's clock is off, and the save was lost in the window."""
    stage = Crashed([MOVE]).backup(A, 2000, ScanJobs=OLD).backup(A, 10_500, Trigger.SERVICE_START, ScanJobs=LATE)
    found = stage.now(A, ScanJobs=LATE).now(B, ScanJobs=OLD).run()
    assert told(found) == [("lost_update", "failover_in_window", "ScanJobs", B)]
    assert found.findings[0].confidence is not Confidence.CERTAIN


def test_a_save_behind_a_nodes_last_entry_was_made_while_it_was_active_still():
    """It stopped unseen, and nobody else was active meanwhile; how long after the save it stopped nobody knows."""
    stage = Unseen([MOVE]).backup(A, 2000, ScanJobs=OLD).backup(A, 10_500, Trigger.SERVICE_START, ScanJobs=EARLY)
    found = stage.now(A, ScanJobs=EARLY).now(B, ScanJobs=OLD).run()
    assert [row[0] for row in told(found)] == ["lost_update"]
    assert found.findings[0].confidence is Confidence.POSSIBLE


def test_a_loss_is_not_earlier_than_the_save_of_what_was_lost():
    """However wide the move is: the content was there before it was lost."""
    found = Crashed([MOVE], wide=5_000).backup(B, 2000, ScanJobs=OLD).now(A, ScanJobs=NEW).now(B, ScanJobs=OLD).run()
    assert found.findings[0].earliest > at(9990)


def test_a_change_that_was_copied_over_was_lost_from_the_save_of_the_other_on():
    """The set that has what did the damage is not one of before."""
    stage = Stage().backup(A, 2000, ScanJobs=OLD).event(B, 10_005, Claim.COPY_SKIPPED, None, "ScanJobs.fdb")
    stage.backup(B, 11_000, Trigger.SERVICE_START, ScanJobs=NEW)
    found = stage.now(A, ScanJobs=LATER).now(B, ScanJobs=LATER).run()
    assert found.findings[0].earliest <= at(20_000) <= found.findings[0].latest


@dataclass
class Crashed(Stage):
    """The first node stops dead at the move, and is down for a while; the move is known to `wide` seconds."""

    wide: float = 0

    def history(self):
        told = super().history()
        down = RoleInterval("role:9", A, Role.DOWN, at(10_000), at(10_400), Confidence.CERTAIN, (), (), "")
        intervals = [
            replace(one, start=at(10_400)) if one.node == A and one.role is Role.PASSIVE else one
            for one in told.intervals
        ]
        moves = tuple(replace(one, earliest=one.earliest - int(self.wide * 10_000_000)) for one in told.transitions)
        return replace(told, intervals=tuple(sorted([*intervals, down], key=lambda one: one.start)), transitions=moves)


@dataclass
class Unseen(Stage):
    """The first node's logs end an hour before the other takes over; it is back later."""

    def history(self):
        told = super().history()
        dark = RoleInterval("role:9", A, Role.UNKNOWN, at(6_000), at(10_400), Confidence.POSSIBLE, (), (), "")
        intervals = [
            replace(one, end=at(6_000)) if one.node == A and one.role is Role.ACTIVE
            else replace(one, start=at(10_400)) if one.node == A and one.role is Role.PASSIVE
            else one
            for one in told.intervals
        ]  # fmt: skip
        moves = tuple(replace(one, earliest=at(6_000)) for one in told.transitions)
        return replace(told, intervals=tuple(sorted([*intervals, dark], key=lambda one: one.start)), transitions=moves)
