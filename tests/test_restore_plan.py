"""What a restore would do and whether it may, told from a case and a folder."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from loss_stage import SECOND, A, B, Stage, at, version

from forensics.claims import Claim
from forensics.errors import UsageError
from forensics.files.model import Trigger
from forensics.restore.ground import Ground, active_at_end
from forensics.restore.lock import Holder
from forensics.restore.model import (
    Action,
    Check,
    Coming,
    Present,
    RestorePlan,
    SourceSet,
    Target,
    Times,
    Wish,
    filetime_of,
    ns_of,
)
from forensics.restore.plan import plan_restore
from forensics.restore.target import look, whose

OLD, NEW, LATER = version("old", 0), version("new", 5_000), version("later", 20_000)
REST = {name: version(name, 0) for name in ("FileScanners", "Filterlists", "Notifications", "Template")}
STOPPED = Wish(assume_stopped=True)


def lost(current=OLD) -> Stage:
    """ScanJobs.fdb is saved on A seconds before it fails over to B, which has the old one; A keeps a backup of it."""
    stage = Stage(moves=[(5_010, 5_030)], end=40_000)
    stage.installed(A, -100).installed(B, -50)
    stage.backup(A, 10, Trigger.SERVICE_START, ScanJobs=OLD, **REST)
    stage.backup(A, 5_012, Trigger.ACTIVE_TO_PASSIVE, ScanJobs=NEW, **REST)
    # A save on B after the failover is newer than what A has, and is copied.
    stage.now(A, ScanJobs=NEW if current is OLD else current, **REST)
    return stage.now(B, ScanJobs=current, **REST)


def ground_of(stage: Stage, **changes) -> Ground:
    """What a case with that evidence knows."""
    files, losses = stage.files(), stage.run()
    every = [file for one in files.sets for file in one.files.values()]
    every += [file for live in files.live.values() for file in live.values()]
    newest: dict[str, int] = {}
    for file in every:
        newest[file.name] = max(newest.get(file.name, 0), file.version.modified)
    ground = Ground(stage.analysis(), stage.history(), files, losses, newest, {}, "case", frozenset())
    return replace(ground, **changes)


def source_of(ground: Ground, wanted: str = "backup:2", **changes) -> SourceSet:
    """A set of the case, with contents that are named after nothing in particular."""
    one = next(one for one in ground.losses.sets if one.id == wanted)
    files = {
        name: Coming(file.version.sha256, 100, file.version.modified, b"x" * 100) for name, file in one.files.items()
    }
    return replace(SourceSet(wanted, wanted, files), **changes)


def target_of(ground: Ground, node: str = B, free: int | None = 1 << 30, **changes) -> Target:
    """The node's live folder as the case knows it."""
    files = {
        name: Present(name, "file", file.version.sha256, 100, ns_of(file.version.modified), 0o644, b"")
        for name, file in ground.files.live[node].items()
    }
    return replace(Target(Path(f"/share/{node}/Data"), files, free), **changes)


def present(target: Target, name: str, what) -> Target:
    """The folder with another file of that name."""
    there = Present(name, "file", what.sha256, 100, ns_of(what.modified), 0o644, b"")
    return replace(target, files={**target.files, name: there})


def plan_of(stage: Stage, wish: Wish = STOPPED, *, source=None, target=None, **changes) -> RestorePlan:
    ground = ground_of(stage, **changes)
    return plan_restore(ground, source or source_of(ground), target or target_of(ground), wish)


def actions(plan: RestorePlan) -> dict[str, Action]:
    return {one.name.removesuffix(".fdb"): one.action for one in plan.files}


def failed(plan: RestorePlan) -> set[Check]:
    return {guard.check for guard in plan.blocked}


def test_only_what_was_lost_is_touched():
    """By default the file with the open loss is replaced, every other stays, and nothing keeps it from being done."""
    plan = plan_of(lost())
    assert failed(plan) == set()
    assert actions(plan) == dict.fromkeys(REST, Action.LEAVE) | {"ScanJobs": Action.REPLACE}
    (one,) = plan.changing
    assert one.repairs == ("overwrite:1",)
    assert one.coming.sha256 == NEW.sha256
    assert (plan.node, plan.source) == (B, "backup:2")
    assert [guard.check for guard in plan.guards] == list(Check)


def test_a_later_edit_stays():
    """What somebody saved after the loss is not replaced without a reason, though the loss is still open."""
    stage = lost(LATER)
    plan = plan_of(stage)
    assert actions(plan)["ScanJobs"] is Action.REPLACE
    assert failed(plan) == {Check.LATER}
    forced = plan_of(stage, replace(STOPPED, reason="agreed"))
    assert failed(forced) == set()
    assert [guard.check for guard in forced.guards if guard.forced] == [Check.LATER]


def test_all_takes_the_set_and_only_takes_names():
    """--all restores every file that differs, --only the named one, by its name in any case."""
    stage = lost()
    for node in (A, B):
        stage.live[node]["Notifications.fdb"] = stage.sighting(node, "Notifications.fdb", version("other", 9_000))
    whole = plan_of(stage, replace(STOPPED, everything=True))
    assert actions(whole)["Notifications"] is Action.REPLACE
    assert actions(whole)["ScanJobs"] is Action.REPLACE
    assert actions(whole)["Template"] is Action.KEEP
    assert failed(whole) == {Check.LATER}
    named = plan_of(stage, replace(STOPPED, only=("SCANJOBS.FDB",)))
    assert [one.name for one in named.changing] == ["ScanJobs.fdb"]
    assert failed(named) == set()


@pytest.mark.parametrize("name", ["Statistics.fdb", "nothing.txt"])
def test_a_name_that_is_none_is_refused(name):
    """--only with a file that is not replicated is wrong usage; so is one that the set lacks."""
    with pytest.raises(UsageError, match="no such file is replicated"):
        plan_of(lost(), replace(STOPPED, only=(name,)))
    stage = lost()
    source = source_of(ground_of(stage))
    source = replace(source, files={"Template.fdb": source.files["Template.fdb"]})
    with pytest.raises(UsageError, match="does not have it"):
        plan_of(stage, replace(STOPPED, only=("ScanJobs.fdb",)), source=source)


def test_a_file_that_is_not_there_is_made():
    """A file that the set has and the folder lacks is created; that the case knows of one blocks it."""
    stage = lost()
    del stage.live[B]["ScanJobs.fdb"]
    plan = plan_of(stage, replace(STOPPED, only=("ScanJobs.fdb",)))
    assert [one.action for one in plan.changing] == [Action.CREATE]
    assert failed(plan) == set()


def test_the_newest_time_is_later_than_every_copy():
    """A restored file gets a time later than every copy that the case or the folder has, on an even second."""
    stage, newest = lost(), at(31_000.5)
    (one,) = plan_of(stage, newest={"ScanJobs.fdb": newest}).changing
    assert newest < filetime_of(one.modified_ns) <= newest + 4 * SECOND
    assert one.modified_ns % 2_000_000_000 == 0
    assert one.edits_lose_until is None
    future = plan_of(
        stage, target=present(target_of(ground_of(stage)), "ScanJobs.fdb", version("old", 50_000))
    ).changing
    assert filetime_of(future[0].modified_ns) > at(50_000)


def test_a_time_in_the_future_is_told():
    """Where the newest copy is later than the node's clock is known to have been, it is said until when edits lose."""
    (one,) = plan_of(lost(), newest={"ScanJobs.fdb": at(90_000)}).changing
    assert one.edits_lose_until == filetime_of(one.modified_ns) > at(90_000)


def test_preserve_keeps_the_times_of_the_set():
    """--mtime preserve gives the file the time that it has in the set."""
    (one,) = plan_of(lost(), replace(STOPPED, times=Times.PRESERVE)).changing
    assert filetime_of(one.modified_ns) == NEW.modified


def test_the_passive_node_is_refused():
    """A folder of the node that was not active at the end is refused, whatever the files are."""
    stage = lost()
    ground = ground_of(stage)
    plan = plan_of(stage, replace(STOPPED, everything=True), target=target_of(ground, A))
    assert plan.node == A
    assert failed(plan) == {Check.ACTIVE} | ({Check.LATER} if plan.changing else set())
    assert active_at_end(ground.history).node == B
    assert Check.ACTIVE in failed(plan_of(replace(lost(), roles_known=False)))


def test_a_folder_that_changed_is_refused():
    """A file that the case knows otherwise, one that it does not know, and one that is missing block the restore."""
    stage = lost()
    ground = ground_of(stage)
    target = target_of(ground)
    other = present(target, "Template.fdb", version("edited", 30_000))
    missing = replace(target, files={k: v for k, v in target.files.items() if k != "Template.fdb"})
    for changed in (other, missing):
        assert failed(plan_of(stage, target=changed)) == {Check.TARGET}
    assert failed(plan_of(stage, target=target)) == set()


def test_what_an_earlier_restore_put_there_is_known():
    """After a restore the folder holds what the case knows: a second one finds nothing to do and is not blocked."""
    stage = lost()
    target = present(target_of(ground_of(stage)), "ScanJobs.fdb", version("new", 60_000))
    plan = plan_of(stage, target=target, put={(B, "ScanJobs.fdb"): NEW.sha256})
    assert actions(plan)["ScanJobs"] is Action.KEEP
    assert failed(plan) == set()
    assert failed(plan_of(stage, target=target)) == {Check.TARGET}


@pytest.mark.parametrize(
    ("claim", "running"),
    [
        (Claim.COPY_SKIPPED, True),
        (Claim.SERVICE_START, True),
        (Claim.SERVICE_STOP, False),
        (Claim.SHUTDOWN, False),
        (Claim.BOOT, None),
        (Claim.RESTART_REQUEST, True),
    ],
)
def test_the_last_record_of_the_services_counts(claim, running):
    """Services that the case shows running last block the restore; stopped or untold ones do not."""
    stage = lost().event(B, 100, Claim.COPY_SKIPPED).event(B, 30_000, claim)
    plan = plan_of(stage, Wish())
    assert {one.running for one in plan.services} == {running}
    assert failed(plan) == ({Check.SERVICES} if running else set())
    assert failed(plan_of(stage, STOPPED)) == set()
    assert [one.order for one in plan.services] == [1, 2]


def test_a_service_of_the_other_node_says_nothing():
    """What runs on the other node does not block; without any record nothing does."""
    stage = lost().event(A, 30_000, Claim.COPY_SKIPPED)
    plan = plan_of(stage, Wish())
    assert {one.running for one in plan.services} == {None}
    assert failed(plan) == set()


def test_untrusted_bytes_are_refused():
    """A content with another hash, or one that the case does not know, blocks the files that need it, and no others."""
    ground = ground_of(lost())
    source = source_of(ground)
    bad = replace(source.files["ScanJobs.fdb"], problem="another hash")
    plan = plan_of(lost(), source=replace(source, files={**source.files, "ScanJobs.fdb": bad}))
    assert failed(plan) == {Check.SOURCE}
    unneeded = replace(source.files["Template.fdb"], problem="another hash")
    assert failed(plan_of(lost(), source=replace(source, files={**source.files, "Template.fdb": unneeded}))) == set()


def test_a_full_disk_is_refused():
    """Too little space blocks; space that cannot be told does not."""
    ground = ground_of(lost())
    assert failed(plan_of(lost(), target=target_of(ground, free=1_000))) == {Check.SPACE}
    assert failed(plan_of(lost(), target=target_of(ground, free=None))) == set()


def test_links_are_refused_whatever_the_reason():
    """A link in the folder, or a hostile member of the source, cannot be overridden."""
    ground = ground_of(lost())
    reason = replace(STOPPED, reason="I want it")
    link = target_of(ground, troubles=("Template.fdb is a symbolic link",))
    assert failed(plan_of(lost(), reason, target=link)) == {Check.PLAIN}
    hostile = source_of(ground, hostile=("a.zip/x: the name leads out of the archive",))
    assert failed(plan_of(lost(), reason, source=hostile)) == {Check.PLAIN}


@pytest.mark.parametrize(
    ("holder", "blocked", "forced"),
    [
        (Holder("t", "case", "case.db", running=True), True, False),
        (Holder("t", "case", "case.db", running=False), True, False),
        (Holder("u", "case", "case.db", running=False), False, False),
        (Holder("t", "other", "theirs.db", running=False), True, True),
        (Holder("t", "other", "theirs.db", running=True), True, False),
        (Holder("", "", "", running=None), True, True),
    ],
)
def test_a_lock_is_told_apart(holder, blocked, forced):
    """A running restore and an own one that did not end cannot be overridden; a foreign file that was left can."""
    target = target_of(ground_of(lost()), holder=holder)
    plan = plan_of(lost(), target=target, unfinished=frozenset({"t"}))
    assert (failed(plan) == {Check.FREE}) == blocked
    over = plan_of(lost(), replace(STOPPED, reason="it is dead"), target=target, unfinished=frozenset({"t"}))
    assert (failed(over) == set()) == (forced or not blocked)


def test_the_node_of_a_folder(tmp_path):
    """Whose it is: what the analyst says, then the path, then the one node whose files lie there; else unknown."""
    ground = ground_of(lost())
    live = ground.files.live
    nodes = (A, B)
    elsewhere = replace(target_of(ground), path=tmp_path)
    assert whose(elsewhere, live, nodes, A)[0] == A
    assert whose(elsewhere, live, nodes, None)[0] == B
    for path in ("/mnt/bnode/Data", "/mnt/BNODE.example.com/c$/Data", "//ANODE/c$/x/bnode/Data"):
        assert whose(replace(elsewhere, path=Path(path)), live, nodes, None)[0] == B
    both = {A: live[B], B: live[B]}
    node, why = whose(elsewhere, both, nodes, None)
    assert node is None
    assert "--node" in why
    plan = plan_of(lost(), target=replace(elsewhere, files={}))
    assert plan.node is None
    assert {Check.TARGET, Check.ACTIVE} <= failed(plan)


def test_a_folder_is_looked_at(tmp_path):
    """Files are found by name in any case, hashed, and what is no plain file, or stands there twice, is a trouble."""
    (tmp_path / "SCANJOBS.FDB").write_bytes(b"one")
    os.utime(tmp_path / "SCANJOBS.FDB", ns=(1, 1_199_966_435_123_456_700))
    (tmp_path / "Template.fdb").symlink_to("SCANJOBS.FDB")
    os.mkfifo(tmp_path / "Filterlists.fdb")
    (tmp_path / "Notifications.fdb").write_bytes(b"a")
    (tmp_path / "notifications.fdb").write_bytes(b"b")
    names = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
    target = look(tmp_path, names)
    one = target.files["ScanJobs.fdb"]
    assert (one.file_name, one.sha256) == ("SCANJOBS.FDB", hashlib.sha256(b"one").hexdigest())
    assert (one.size, one.modified_ns, one.content) == (3, 1_199_966_435_123_456_700, b"one")
    assert target.free > 0
    assert target.holder is None
    assert sorted(target.troubles) == [
        "Filterlists.fdb is a pipe, and no regular file",
        "Notifications.fdb and notifications.fdb differ in case only",
        "Template.fdb is a symbolic link, and no regular file",
    ]
    (tmp_path / "link").symlink_to(tmp_path)
    assert look(tmp_path / "link", names).troubles
