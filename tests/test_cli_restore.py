"""`ccrf restore` as a user runs it: plan, question, guards, what lies there afterwards, and what the case knows."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from typing import TYPE_CHECKING

import cluster_standin
import pytest
from checkpoint_cases import PRODUCT_KEY, STORE, not_restored, removed
from typer.testing import CliRunner

from cli import restore as cli_restore
from cli.app import app
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import write_folder

if TYPE_CHECKING:
    from pathlib import Path

FILE = "ScanJobs.fdb"


def run(*arguments, **more):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **more)


def answer(*arguments):
    result = run(*arguments, "--format", "json")
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A save that was lost in a failover within the cycle: its folders, its case, and what really happened."""
    root = tmp_path_factory.mktemp("restore")
    for seed in range(1, 40):
        one = incident(Setting("window", "2008", seed))
        (loss,) = [row for row in one.truth["losses"] if row["kind"] == "lost_update"] or [None]
        if loss is not None and loss["file"] == FILE:
            break
    write_folder(one.items, root / "nodes")
    assert run("ingest", root / "case.db", root / "nodes", "-q").exit_code == 0
    return root, loss


@pytest.fixture
def place(made, tmp_path):
    """The same, to be changed: (case, Data folder of the node that lacks it, the loss)."""
    root, loss = made
    shutil.copytree(root / "nodes", tmp_path / "nodes", copy_function=shutil.copy2)
    shutil.copy2(root / "case.db", tmp_path / "case.db")
    return tmp_path / "case.db", tmp_path / "nodes" / loss["node"] / "Data", loss


def snapshot(folder: Path):
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_was_lost_is_put_back(place):
    """The file with the loss has the lost bytes again, with a time later than every copy; nothing else is touched."""
    case, data, loss = place
    before = snapshot(data.parent.parent)
    newest = max(m for path, (_, m, _) in before.items() if path.endswith(FILE))
    code, told = answer("restore", case, "--from", "backup", "--to", data, "--yes", "--assume-stopped")
    assert code == 0
    after = snapshot(data.parent.parent)
    (changed,) = [path for path in after if after[path] != before.get(path)]
    assert changed == f"{loss['node']}/Data/{FILE}"
    assert set(after) == set(before)
    content, modified, _ = after[changed]
    assert [row["sha256"] for row in told["result"]["files"]] == [loss["lost"]["sha256"]]
    assert len(content) == loss["lost"]["size"]
    assert modified > newest
    assert told["result"]["state"] == "done"
    assert any("30 s" in step for step in told["next_steps"])
    assert run("verify", case).exit_code == 0


def test_the_case_knows_what_was_there(place):
    """The undo set is a backup set of the case, never recommended, and can be restored from; the audit has the rest."""
    case, data, loss = place
    old = (data / FILE).read_bytes()
    sets = answer("backups", "list", case)[1]
    told = answer("restore", case, "--from", "backup", "--to", data, "--yes", "--assume-stopped")[1]
    more = answer("backups", "list", case)[1]
    assert more[: len(sets)] == sets
    (undo,) = more[len(sets) :]
    assert undo["id"] == told["result"]["undo_set"]
    assert (undo["undo"], undo["recommended"], undo["node"]) == (True, False, loss["node"])
    assert undo["files"][FILE]["size"] == len(old)
    assert answer("overwrites", case)[1] == answer("overwrites", case)[1] != []
    with sqlite3.connect(case) as connection:
        actions = [row[0] for row in connection.execute("SELECT action FROM audit ORDER BY id")]
        in_table = connection.execute("SELECT undo FROM backup_sets WHERE undo").fetchall()
    assert actions[-2:] == ["restore_begin", "restore_end"]
    assert len(in_table) == 1
    assert run("restore", case, "--from", undo["id"], "--to", data, "--all", "--yes", "--assume-stopped").exit_code == 4
    forced = run(
        "restore", case, "--from", undo["id"], "--to", data, "--all", "--yes", "--assume-stopped", "--force", "a test"
    )
    assert forced.exit_code == 0, forced.output
    assert (data / FILE).read_bytes() == old


def test_conclusions_do_not_change_by_a_restore(place):
    """What was lost, the roles and the sets are told as before; a later ingest keeps the undo set."""
    case, data, _ = place
    lists = ("overwrites", "roles", "timeline")
    before = {name: run(name, case, "--format", "json").stdout for name in lists}
    assert run("restore", case, "--from", "backup", "--to", data, "--yes", "--assume-stopped").exit_code == 0
    assert {name: run(name, case, "--format", "json").stdout for name in lists} == before
    (more := data.parent.parent.parent / "note.reg").write_text("REGEDIT4\n\n")
    assert run("ingest", case, more).exit_code in {0, 3}
    assert sum(one["undo"] for one in answer("backups", "list", case)[1]) == 1
    assert {name: run(name, case, "--format", "json").stdout for name in lists} == before


def test_again_finds_nothing_to_do(place):
    """The same restore a second time changes nothing and is no error."""
    case, data, _ = place
    words = ("restore", case, "--from", "backup", "--to", data, "--yes", "--assume-stopped")
    assert run(*words).exit_code == 0
    after = snapshot(data)
    result = run(*words)
    assert result.exit_code == 0
    assert "already" in result.output
    assert snapshot(data) == after


def test_a_dry_run_changes_nothing_and_tells_the_same(place):
    """--dry-run gives the plan that is carried out afterwards, field by field, and writes neither folder nor case."""
    case, data, _ = place
    before, bytes_before = snapshot(data), case.read_bytes()
    words = ("restore", case, "--from", "backup", "--to", data, "--assume-stopped")
    code, dry = answer(*words, "--dry-run")
    assert code == 0
    assert (snapshot(data), case.read_bytes()) == (before, bytes_before)
    assert (dry.pop("result"), dry.pop("checkpoints")) == (None, None)
    done = answer(*words, "--yes")[1]
    assert (done.pop("result")["state"], done.pop("checkpoints")["outcome"]) == ("done", "nothing")
    assert done == dry


def test_a_rollback_brings_everything_back(place):
    """--rollback undoes the last finished restore, times and modes too; then there is nothing left to undo."""
    case, data, _ = place
    (data / FILE).chmod(0o440)
    before = snapshot(data)
    assert run("restore", case, "--from", "backup", "--to", data, "--yes", "--assume-stopped").exit_code == 0
    assert snapshot(data)[FILE][2] & 0o777 == 0o440
    code, told = answer("restore", case, "--to", data, "--rollback", "--yes")
    assert (code, told["result"]["state"]) == (0, "undone")
    assert snapshot(data) == before
    assert run("restore", case, "--to", data, "--rollback", "--yes").exit_code == 4
    assert run("restore", case, "--to", data, "--resume", "--yes").exit_code == 4
    assert run("verify", case).exit_code == 0


def test_what_was_edited_since_is_not_rolled_back(place):
    """A file that somebody saved after the restore keeps its edit: the rollback is refused, nothing is changed."""
    case, data, _ = place
    assert run("restore", case, "--from", "backup", "--to", data, "--yes", "--assume-stopped").exit_code == 0
    (data / FILE).write_bytes(b"a later edit")
    after = snapshot(data)
    result = run("restore", case, "--to", data, "--rollback", "--yes")
    assert result.exit_code == 4
    assert "changed by somebody else" in result.output
    assert snapshot(data) == after


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--yes",),
        ("--assume-stopped",),
        ("--yes", "--assume-stopped", "--node", "{other}"),
    ],
    ids=["alone", "running", "nobody to ask", "passive"],
)
def test_a_refusal_changes_nothing(place, more):
    """Services that run, nobody to say yes, and the wrong node: exit code 4, and folder and case as they were."""
    case, data, _ = place
    other = next(path.name for path in data.parent.parent.iterdir() if path != data.parent)
    before, bytes_before = snapshot(data.parent.parent), case.read_bytes()
    words = [word.replace("{other}", other) for word in more]
    result = run("restore", case, "--from", "backup", "--to", data, *words)
    assert result.exit_code == 4, result.output
    assert "Traceback" not in result.output
    assert (snapshot(data.parent.parent), case.read_bytes()) == (before, bytes_before)


def test_a_reason_overrides_and_is_kept(place):
    """--force overrides the guard of the services, and the audit holds which guard, why it failed, and the reason."""
    case, data, _ = place
    result = run("restore", case, "--from", "backup", "--to", data, "--yes", "--force", "they are off, I looked")
    assert result.exit_code == 0, result.output
    with sqlite3.connect(case) as connection:
        (detail,) = connection.execute("SELECT detail FROM audit WHERE action = 'restore_begin'").fetchone()
    said = json.loads(detail)
    assert said["reason"] == "they are off, I looked"
    assert list(said["forced"]) == ["services"]


def test_a_set_from_a_folder_and_from_an_archive(place, tmp_path):
    """A folder or a zip that holds a set does as well; bytes that the case does not know are refused."""
    case, data, loss = place
    location = loss["recoverable_from"][0].split("/", 1)[1]
    kept = data.parent.parent / loss["recoverable_from"][0] if "*" not in location else None
    folder = tmp_path / "set"
    folder.mkdir()
    with sqlite3.connect(case) as connection:
        sha256 = loss["lost"]["sha256"]
        (content,) = connection.execute("SELECT bytes FROM contents WHERE sha256 = ?", (sha256,)).fetchone()
    (folder / FILE).write_bytes(content)
    assert kept is None or kept.is_dir()
    words = ("--to", data, "--yes", "--assume-stopped")
    assert run("restore", case, "--from", folder, *words).exit_code == 0
    assert (data / FILE).read_bytes() == content
    assert run("restore", case, "--to", data, "--rollback", "--yes").exit_code == 0
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(FILE, content)
    assert run("restore", case, "--from", tmp_path / "set.zip", *words).exit_code == 0
    assert run("restore", case, "--to", data, "--rollback", "--yes").exit_code == 0
    (folder / FILE).write_bytes(b"never seen")
    result = run("restore", case, "--from", folder, "--only", FILE, *words)
    assert result.exit_code == 4
    assert "does not know these bytes" in result.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--from", "backup:99", "--to", "{data}"), 2, "there is no backup set"),
        (("--from", "no-such-folder", "--to", "{data}"), 2, "there is no such file or folder"),
        (("--from", "backup", "--to", "no-such-folder"), 2, "there is no such file or folder"),
        (("--to", "{data}"), 2, "say one of"),
        (("--from", "backup", "--resume", "--to", "{data}"), 2, "say one of"),
        (("--from", "backup", "--to", "{data}", "--force", " "), 2, "needs a reason"),
        (("--from", "backup", "--to", "{data}", "--only", "x.fdb"), 2, "no such file is replicated"),
        (("--resume", "--to", "{data}", "--yes"), 4, "nothing to resume"),
        (("--rollback", "--to", "{data}", "--yes"), 4, "nothing to undo"),
        (("--resume", "--to", "{data}"), 4, "nothing to resume"),
        (("--rollback", "--to", "{data}"), 4, "nothing to undo"),
        (("--from", "{empty}", "--to", "{data}"), 2, "holds none"),
    ],
)
def test_mistakes_are_told_in_a_line(place, tmp_path, words, code, said):
    """A user's mistake gives one sentence and its exit code, never a traceback, and changes nothing."""
    case, data, _ = place
    (tmp_path / "empty").mkdir()
    before = snapshot(data)
    words = [word.format(data=data, empty=tmp_path / "empty") for word in words]
    result = run("restore", case, *words)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert "Traceback" not in result.output
    assert snapshot(data) == before


def test_a_person_is_asked(place, monkeypatch):
    """On a terminal the plan is shown and the answer counts: no changes nothing (exit 4), yes restores."""
    case, data, _ = place
    before = snapshot(data)
    asked = []
    for said in (False, True):
        monkeypatch.setattr(cli_restore, "_is_terminal", lambda: True)
        monkeypatch.setattr(cli_restore.typer, "confirm", lambda text, said=said, **_: asked.append(text) or said)
        result = run("restore", case, "--from", "backup", "--to", data, "--assume-stopped")
        assert result.exit_code == (0 if said else 4), result.output
        assert (snapshot(data) == before) is not said
    assert all(str(data) in text for text in asked)


def test_without_a_loss_nothing_is_restored(tmp_path):
    """Where nothing was lost no set is recommended, and the restore is refused with a sentence that says so."""
    one = incident(Setting("loss-clean", "2008", 3))
    write_folder(one.items, tmp_path / "nodes")
    assert run("ingest", tmp_path / "case.db", tmp_path / "nodes", "-q").exit_code == 0
    node = min(path.name for path in (tmp_path / "nodes").iterdir())
    result = run("restore", tmp_path / "case.db", "--from", "backup", "--to", tmp_path / "nodes" / node / "Data")
    assert result.exit_code == 4
    assert "no backup set is recommended" in result.output


@pytest.fixture
def leftovers(place):
    """The same, with the product removed from both nodes since, and a checkpoint of it that could not be restored."""
    case, data, loss = place
    nodes = [path.name for path in data.parent.parent.iterdir()]
    events = [removed(node, "2008-03-01T10:00:00") for node in nodes]
    events += [not_restored(node, "2008-03-02T10:00:00", PRODUCT_KEY) for node in nodes]
    (more := case.parent / "later.xml").write_text(f"<Events>{''.join(events)}</Events>")
    assert run("ingest", case, more).exit_code == 0
    assert {row["stale"] for row in answer("checkpoints", "list", case)[1]} == {True}
    return case, data, loss


RESTORE = ("--from", "backup", "--yes", "--assume-stopped")


def test_stale_checkpoints_are_left_as_scripts(leftovers):
    """Beside a restore the cleanup of stale checkpoints is written next to the case, and undo.cmd with it."""
    case, data, _ = leftovers
    result = run("restore", case, "--to", data, *RESTORE)
    assert result.exit_code == 0, result.output
    assert "cleanup.cmd and undo.cmd" in result.output
    script = (case.parent / "cleanup.cmd").read_bytes()
    assert PRODUCT_KEY.encode() in script
    assert (case.parent / "undo.cmd").is_file()


def test_checkpoints_can_be_skipped(leftovers):
    """--checkpoints skip writes nothing; run needs a runner, and a runner needs run, before anything is changed."""
    case, data, _ = leftovers
    before = snapshot(data)
    for words in (
        ("--checkpoints", "run"),
        ("--runner", "true"),
        ("--checkpoints", "run", "--runner", "no-such-thing"),
    ):
        assert run("restore", case, "--to", data, *RESTORE, *words).exit_code == 2
    assert snapshot(data) == before
    assert run("restore", case, "--to", data, *RESTORE, "--checkpoints", "skip").exit_code == 0
    assert not (case.parent / "cleanup.cmd").exists()


@pytest.mark.parametrize(("state", "code"), [("Offline", 0), ("Online", 3)])
def test_checkpoints_are_removed_through_a_runner(leftovers, tmp_path, state, code):
    """--checkpoints run removes them after the files are back; a resource that is online leaves them: exit code 3."""
    case, data, loss = leftovers
    (folder := tmp_path / "bin").mkdir()
    cluster_standin.build_unix(folder)
    cluster_standin.set_state(folder, [(STORE, PRODUCT_KEY)], status=state)
    runner = f"env PATH={folder}:{os.environ['PATH']} sh -c"
    words = ("--checkpoints", "run", "--runner", runner)
    result = run("restore", case, "--to", data, *RESTORE, *words, "--format", "json")
    assert result.exit_code == code, result.output
    assert json.loads(result.stdout)["result"]["files"][0]["sha256"] == loss["lost"]["sha256"]
    assert (cluster_standin.held(folder) == set()) is (code == 0)
    with sqlite3.connect(case) as connection:
        count = connection.execute("SELECT count(*) FROM audit WHERE action = 'checkpoint_cleanup'").fetchone()[0]
    assert count > 3
    assert run("verify", case).exit_code == 0
