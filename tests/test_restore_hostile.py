"""Folders, sets, file systems and neighbours that mean harm or are in the way: refused, and nothing is changed."""

from __future__ import annotations

import io
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tarfile
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from restore_stage import LEFT, NAMES, NODE, Stage, command, snapshot

from forensics.case.store import Case
from forensics.errors import FailedError, RefusedError
from forensics.restore import converge
from forensics.restore.carry_out import carry_out, resume, roll_back
from forensics.restore.ground import ground_of
from forensics.restore.model import Wish
from forensics.restore.plan import plan_restore
from forensics.restore.sources import set_of_case
from forensics.restore.target import look
from forensics.writing import Folder

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="mounts and devices of Linux")
HOLD = """
import sys
from pathlib import Path
from forensics.restore.lock import Lock
from forensics.writing import Folder
with Folder.open(Path(sys.argv[1])) as folder, Lock.take(folder, "t", sys.argv[2], "theirs.db", over=False):
    print("held", flush=True)
    sys.stdin.read()
"""


class Killed(BaseException):
    """The process is gone: nobody catches this."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("hostile"))
    stage.lay_out()
    return stage.work


@pytest.fixture
def stage(made, tmp_path):
    """A place of its own."""
    one = Stage(tmp_path)
    shutil.copytree(made, one.work, symlinks=True)
    return one


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(converge.time, "sleep", lambda seconds: None)


@contextmanager
def mounted(place: Path, *options: str):
    """A file system of 1 MiB."""
    place.mkdir(exist_ok=True)
    line = ["mount", "-t", "tmpfs", "-o", ",".join(["size=1m", *options]), "tmpfs", str(place)]
    tried = subprocess.run(line, capture_output=True, text=True, check=False) if shutil.which("mount") else None
    if tried is None or tried.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip() if tried else 'there is no mount'}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)


def fill(place: Path, leave: int) -> None:
    """Leave so many bytes free."""
    with (place / "filler").open("ab") as filler:
        filler.write(b"x" * max(0, shutil.disk_usage(place).free - leave))


def refused(stage: Stage, words: list[str], *told: str, code: int = 4) -> None:
    """The command ends with that code and says why, and everything is as it was: folder, case and what lies beside."""
    before = snapshot(stage.work)
    done = command(words)
    assert done.code == code, done
    for one in told:
        assert one in done.errors, done
    assert "Traceback" not in done.errors
    assert "bug in ccrf" not in done.errors
    assert snapshot(stage.work) == before


def unforced(words: list[str]) -> list[str]:
    return words[: words.index("--force")]


def planned(case: Case, stage: Stage, **wish):
    """A plan through the library, with what it was made from."""
    ground = ground_of(case)
    source = set_of_case(case, ground.losses, "backup:1")
    target = look(stage.data, ground.files.names)
    asked = {"everything": True, "node": NODE, "assume_stopped": True, "reason": "a test"} | wish
    return ground, plan_restore(ground, source, target, Wish(**asked)), target


def cut_off(stage: Stage, after: int = 2) -> None:
    """A restore that is killed when so many files are in place."""
    rename, put = Folder.rename, []

    def killed(folder, name, to):
        put.append(to)
        if len(put) > after + 1:  # the first is the rename that is tried
            raise Killed
        rename(folder, name, to)

    with Case.open(stage.case, write=True) as case, pytest.MonkeyPatch.context() as patch:
        ground, plan, target = planned(case, stage)
        patch.setattr(Folder, "rename", killed)
        with pytest.raises(Killed):
            carry_out(case, ground, plan, target)
    assert stage.state() == "begun"


# -- file systems ------------------------------------------------------------------------------------------------------


@LINUX
def test_a_full_file_system_is_refused(stage):
    """Too little room is exit code 4; with a reason the disk itself says no, and everything is as it was."""
    kept = stage.root / "kept"
    shutil.copytree(stage.data, kept)
    with mounted(stage.data):
        shutil.copytree(kept, stage.data, dirs_exist_ok=True)
        fill(stage.data, 40_000)
        refused(stage, unforced(stage.restore_words()), "guard space")
        fill(stage.data, 28_672)
        before = snapshot(stage.data), stage.beside()
        done = command(stage.restore_words())
        assert done.code == 1
        assert "No space left" in done.errors
        assert "as it was before" in done.errors
        assert (snapshot(stage.data), stage.beside()) == before
        assert command(stage.on_words("--resume")).code == command(stage.on_words("--rollback")).code == 4
        (stage.data / "filler").unlink()
        assert command(stage.restore_words()).code == 0
        fill(stage.data, 12_288)
        done = command(stage.on_words("--rollback"))
        assert (done.code, stage.state()) == (1, "undoing")
        assert "--rollback" in done.errors
        (stage.data / "filler").unlink()
        assert command(stage.on_words("--rollback")).code == 0
        before[0].pop("filler")
        assert snapshot(stage.data) == before[0]


@LINUX
def test_a_read_only_file_system_is_refused(stage):
    """A folder that cannot be written is exit code 4, whatever the reason."""
    kept = stage.root / "kept"
    shutil.copytree(stage.data, kept)
    with mounted(stage.data):
        shutil.copytree(kept, stage.data, dirs_exist_ok=True)
        read_only(stage.data)
        refused(stage, stage.restore_words(), "cannot be written")
        for way in ("--resume", "--rollback"):
            refused(stage, stage.on_words(way))


@LINUX
@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_case_that_cannot_be_written(stage, how):
    """Where the journal has no room, or no right, nothing is begun: exit code 1, and the folder is as it was."""
    place = stage.work / "small"
    with mounted(place):
        shutil.move(stage.case, place / "case.db")
        stage.case = place / "case.db"
        before = snapshot(stage.work / "nodes")
        if how == "full":
            fill(place, 0)
        else:
            read_only(place)
        for words in (stage.restore_words(), stage.on_words("--resume")):
            done = command(words)
            assert done.code == (1 if "--from" in words else 4), done
            assert snapshot(stage.work / "nodes") == before


@pytest.mark.parametrize("kind", ["copies", "leaves"])
def test_a_file_system_without_rename_in_one_step_is_refused(stage, monkeypatch, kind):
    """Where a rename copies the content, or leaves the old name, exit code 4 before anything is touched."""

    def copies(folder, name, to):
        content = folder.read(name, 1 << 20)
        folder.remove(to)
        folder.create(to, [content])
        if kind == "copies":
            folder.remove(name)

    monkeypatch.setattr(Folder, "rename", copies)
    refused(stage, stage.restore_words(), "in one step")


# -- what lies in the folder -------------------------------------------------------------------------------------------


def in_place(kind: str, path: Path, outside: Path) -> None:
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            here = Path.cwd()
            os.chdir(path.parent)
            try:
                one.bind(path.name)
            finally:
                os.chdir(here)
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except OSError as error:
            pytest.skip(f"no device can be made here: {error}")


@LINUX
@pytest.mark.parametrize("name", ["Template.fdb", "Filterlists.fdb"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe", "socket", "device"])
def test_what_is_no_file_is_refused(stage, kind, name):
    """A link, a device, a pipe or a folder in the place of a file, or where one would come, cannot be overridden."""
    outside = stage.data.parent / "Beside" / "canary.fdb"
    in_place(kind, stage.data / name, outside)
    refused(stage, stage.restore_words(), "guard plain", name)


@LINUX
@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "device"])
def test_a_lock_that_is_no_file_is_refused(stage, kind):
    """Nothing is written to, or through, what has the name of the lock."""
    in_place(kind, stage.data / ".ccrf-restore.lock", stage.data.parent / "Beside" / "canary.fdb")
    refused(stage, unforced(stage.restore_words()), "guard free")
    refused(stage, stage.restore_words())
    for way in ("--resume", "--rollback"):
        refused(stage, stage.on_words(way))


@LINUX
def test_a_folder_that_is_a_link_is_refused(stage):
    """DIR itself must be no link, neither for a restore nor to go on with one."""
    real = stage.data
    stage.data = real.parent / "Link"
    stage.data.symlink_to(real)
    refused(stage, stage.restore_words(), "link")
    stage.data = real
    assert command(stage.restore_words()).code == 0
    stage.data = real.parent / "Link"
    for way in ("--resume", "--rollback"):
        refused(stage, stage.on_words(way))


def test_names_in_another_case(stage):
    """A file keeps the case of its name; two names that differ in case only are refused."""
    assert "SCANJOBS.FDB" in {path.name for path in stage.data.iterdir()}
    assert command(stage.restore_words()).code == 0
    names = {path.name for path in stage.data.iterdir()}
    assert "SCANJOBS.FDB" in names
    assert "ScanJobs.fdb" not in names
    if (stage.data / "scanjobs.fdb").exists():
        return  # here they are one file
    (stage.data / "scanjobs.fdb").write_bytes(b"another")
    refused(stage, stage.restore_words(), "differ in case only")


def test_a_folder_that_is_not_what_the_case_knows(stage):
    """A file that was changed after the ingest blocks the restore."""
    (stage.data / "Template.fdb").write_bytes(b"edited meanwhile")
    refused(stage, unforced(stage.restore_words()), "guard target", "ingest")


CHANGES = {
    "content": lambda data: (data / "Template.fdb").write_bytes(b"edited"),
    "time": lambda data: os.utime(data / "Template.fdb", ns=(10**18, 10**18)),
    "gone": lambda data: (data / "Template.fdb").unlink(),
    "came": lambda data: (data / "Filterlists.fdb").write_bytes(b"new"),
    "came in upper case": lambda data: (data / "FILTERLISTS.FDB").write_bytes(b"new"),
    "link": lambda data: in_place("link", data / "Template.fdb", data.parent / "Beside" / "canary.fdb"),
    "same": lambda data: (data / "FileScanners.fdb").replace(data / "Notifications.fdb"),
}


@LINUX
@pytest.mark.parametrize("change", sorted(CHANGES))
def test_what_changed_since_the_plan_is_refused(stage, change):
    """A plan is carried out on the folder that it was made for, or not at all."""
    with Case.open(stage.case, write=True) as case:
        ground, plan, target = planned(case, stage)
        assert plan.changing
        assert not plan.blocked
        CHANGES[change](stage.data)
        before = snapshot(stage.work / "nodes")
        with pytest.raises(RefusedError):
            carry_out(case, ground, plan, target)
        assert snapshot(stage.work / "nodes") == before
    assert stage.state() is None


# -- sources -----------------------------------------------------------------------------------------------------------


def test_a_content_with_another_hash_is_refused(stage):
    """Bytes of the case that were altered are not restored; with a reason they are told by what they are."""
    connection = sqlite3.connect(stage.case)
    with connection:
        connection.execute(
            "UPDATE contents SET bytes = CAST('altered' AS BLOB) WHERE sha256 ="
            " (SELECT sha256 FROM file_versions WHERE name LIKE 'Template.fdb.%')"
        )
    connection.close()
    refused(stage, unforced(stage.restore_words()), "guard source", "Template.fdb")
    done = command(stage.restore_words())
    assert done.code == 0, done
    assert (stage.data / "Template.fdb").read_bytes() == b"altered"
    assert command(stage.on_words("--rollback")).code == 0


def test_a_content_that_is_not_there_is_refused(stage):
    """No reason makes bytes that the case does not hold."""
    connection = sqlite3.connect(stage.case)
    with connection:
        connection.execute(
            "UPDATE contents SET bytes = NULL WHERE sha256 ="
            " (SELECT sha256 FROM file_versions WHERE name LIKE 'Template.fdb.%')"
        )
    connection.close()
    refused(stage, stage.restore_words(), "guard source", "Template.fdb")


def member_names(kind: str) -> list[str]:
    return {
        "parent": ["set/../../Template.fdb"],
        "absolute": ["/etc/Template.fdb"],
        "drive": ["C:\\Data\\Template.fdb"],
        "backslash": ["set\\..\\..\\Template.fdb"],
    }[kind]


@pytest.mark.parametrize("form", ["zip", "tar"])
@pytest.mark.parametrize("kind", ["parent", "absolute", "drive", "backslash"])
def test_a_hostile_archive_is_refused(stage, form, kind):
    """A set with a member whose name leads out of it is not used, whatever the reason."""
    contents = {
        f"set/{name}": (stage.data / f"{name}.20080110120035").read_bytes() for name in NAMES if name != "Template.fdb"
    }
    contents |= {name: (stage.data / "Template.fdb.20080110120035").read_bytes() for name in member_names(kind)}
    path = stage.root / f"set.{form}"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                info = zipfile.ZipInfo("x" * len(name))
                info.filename = name
                archive.writestr(info, content)
    else:
        with tarfile.open(path, "w") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    words = stage.restore_words()
    words[words.index("backup:1")] = str(path)
    refused(stage, words)


@LINUX
@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "device"])
def test_a_hostile_folder_of_a_set_is_refused(stage, kind):
    """A set with a link or a device in it is not used, whatever the reason."""
    folder = stage.root / "set"
    folder.mkdir()
    for name in NAMES:
        shutil.copy2(stage.data / f"{name}.20080110120035", folder / name)
    if kind == "link to a folder":
        (folder / "more").symlink_to(stage.data)
    else:
        in_place(kind, folder / "Template.fdb", stage.data.parent / "Beside" / "canary.fdb")
    words = stage.restore_words()
    words[words.index("backup:1")] = str(folder)
    refused(stage, words, "guard plain")


def test_a_set_that_the_case_does_not_know_is_refused(stage):
    """Files of a folder whose bytes were never ingested are not restored without a reason."""
    folder = stage.root / "set"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(f"from nowhere {name}".encode())
    words = stage.restore_words()
    words[words.index("backup:1")] = str(folder)
    refused(stage, unforced(words), "guard source")


# -- neighbours --------------------------------------------------------------------------------------------------------


@LINUX
@pytest.mark.parametrize("whose", ["this case", "another case"])
def test_a_running_restore_is_left_alone(stage, whose):
    """While another process holds the lock, a restore, --resume and --rollback are refused, whatever the reason."""
    with Case.open(stage.case) as case:
        case_id = next(case.rows("SELECT hash FROM audit ORDER BY id LIMIT 1"))[0] if whose == "this case" else "other"
    line = [sys.executable, "-c", HOLD, str(stage.data), case_id]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        refused(stage, stage.restore_words(), "running now")
        for way in ("--resume", "--rollback"):
            refused(stage, stage.on_words(way), "running now")
        holder.stdin.close()
    # It ended without having begun: its lock is in nobody's way.
    assert command(stage.restore_words()).code == 0
    assert not [path for path in stage.data.iterdir() if path.name.startswith(LEFT)]


@LINUX
def test_two_restores_at_once(stage):
    """Of restores that begin together one is carried out; whoever comes too late is refused, or finds all done."""
    line = [sys.executable, "-m", "cli.main", *stage.restore_words()]
    both = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(one.wait(timeout=120), one.stderr.read()) for one in both]
    for one in both:
        one.stderr.close()
    assert {code for code, _ in ended} <= {0, 4}, ended
    assert min(code for code, _ in ended) == 0, ended
    for name in NAMES:
        own = name.upper() if name == "ScanJobs.fdb" else name
        assert (stage.data / own).read_bytes() == (stage.data / f"{name}.20080110120035").read_bytes()
    assert not [path for path in stage.data.iterdir() if path.name.startswith(LEFT)]
    connection = sqlite3.connect(stage.case)
    assert [row[0] for row in connection.execute("SELECT state FROM restores")] == ["done"]
    connection.close()


def another_case(stage: Stage) -> Stage:
    """Another case about the same folder."""
    other = Stage(stage.root)
    other.case = stage.work / "other.db"
    assert command(["ingest", str(other.case), str(stage.data), "--node", NODE, "-q"]).code == 0
    return other


@LINUX
def test_what_another_case_left_is_refused(stage):
    """Where a restore from another case was cut off, that case goes on with it, and no other without a reason."""
    before = snapshot(stage.data)
    other = another_case(stage)
    cut_off(other)
    refused(stage, unforced(stage.restore_words()), "guard free", "other.db")
    for way in ("--resume", "--rollback"):
        refused(stage, stage.on_words(way), "other.db")
    assert command(other.on_words("--rollback")).code == 0
    assert snapshot(stage.data) == before
    assert command(stage.restore_words()).code == 0


@LINUX
def test_what_a_lost_case_left_can_be_overridden(stage):
    """With a reason a restore goes over what another case left off, and leaves nothing of it."""
    cut_off(another_case(stage))
    assert command(stage.restore_words()).code == 0
    assert not [path for path in stage.data.iterdir() if path.name.startswith(LEFT)]


@LINUX
def test_a_copy_of_the_case_knows_that_it_does_not_know(stage):
    """A copy of the case that was made before a restore was cut off is not taken for the case that has the journal."""
    copy = Stage(stage.root)
    copy.case = stage.work / "copy.db"
    shutil.copy2(stage.case, copy.case)
    cut_off(stage)
    refused(copy, unforced(copy.restore_words()), "guard free", "copy of this case")
    for way in ("--resume", "--rollback"):
        refused(copy, copy.on_words(way), "copy of this case")
    assert command(stage.on_words("--resume")).code == 0


@LINUX
def test_a_lock_that_was_deleted_hides_nothing(stage):
    """Where somebody took the lock of a cut-off restore away, a new one is refused, and --rollback finds it."""
    before = snapshot(stage.data)
    cut_off(stage)
    (stage.data / ".ccrf-restore.lock").unlink()
    refused(stage, stage.restore_words(), "did not end")
    assert command(stage.on_words("--rollback")).code == 0
    assert snapshot(stage.data) == before


@LINUX
def test_a_folder_that_moved_is_found_by_its_lock(stage):
    """A folder that has another path after a cut-off restore is gone on with, as its lock says."""
    cut_off(stage)
    moved = stage.data.parent / "Elsewhere"
    stage.data.rename(moved)
    stage.data = moved
    assert command(stage.on_words("--resume")).code == 0
    assert (moved / "Template.fdb").read_bytes() == (moved / "Template.fdb.20080110120035").read_bytes()


@LINUX
@pytest.mark.parametrize("way", ["--resume", "--rollback"])
def test_somebody_else_changed_a_file_meanwhile(stage, way):
    """A file that was changed after a restore was cut off is not written over: exit code 4, until it is moved away."""
    cut_off(stage)
    edited = stage.data / "Template.fdb"
    edited.write_bytes(b"edited by somebody")
    before = {path: one for path, one in snapshot(stage.data).items() if not path.startswith(LEFT)}
    done = command(stage.on_words(way))
    assert done.code == 4
    assert "Template.fdb" in done.errors
    assert {path: one for path, one in snapshot(stage.data).items() if not path.startswith(LEFT)} == before
    edited.rename(stage.data / "Template.edited")
    assert command(stage.on_words(way)).code == 0
    assert (stage.data / "Template.edited").read_bytes() == b"edited by somebody"


@LINUX
@pytest.mark.parametrize("what", ["restore", "resume", "rollback"])
def test_somebody_else_writes_between_two_files(stage, monkeypatch, what):
    """A file that is changed after others were replaced ends it: it stays, and nobody is told that nothing happened."""
    if what != "restore":
        cut_off(stage, after=3 if what == "rollback" else 1)
    rename, put = Folder.rename, []

    def rude(folder, name, to):
        rename(folder, name, to)
        put.append(to)
        if to != name and not to.startswith(LEFT) and len([one for one in put if not one.startswith(LEFT)]) == 1:
            (stage.data / ("Template.fdb" if what != "rollback" else "SCANJOBS.FDB")).write_bytes(b"edited by somebody")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "rename", rude)
        done = command(stage.restore_words() if what == "restore" else stage.on_words(f"--{what}"))
    assert done.code == 1, done
    edited = stage.data / ("Template.fdb" if what != "rollback" else "SCANJOBS.FDB")
    assert edited.read_bytes() == b"edited by somebody"
    if what == "restore":
        assert "every other file is as it was before" in done.errors
        assert stage.state() == "undone"
    else:
        assert "--resume" in done.errors
        edited.unlink()
        assert command(stage.on_words("--rollback")).code == 0


@LINUX
@pytest.mark.parametrize("way", ["--resume", "--rollback"])
def test_a_link_that_comes_behind_a_rename(stage, monkeypatch, way):
    """What was put there and is a link when it is read back ends with exit code 1: something was changed."""
    cut_off(stage)
    rename, canary = Folder.rename, stage.data.parent / "Beside" / "canary.fdb"

    def swapped(folder, name, to):
        rename(folder, name, to)
        if not to.startswith(LEFT):
            in_place("link", stage.data / to, canary)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "rename", swapped)
        done = command(stage.on_words(way))
    assert done.code == 1, done
    assert "--rollback" in done.errors
    assert canary.read_bytes() == b"sings"


# -- what shares and Windows do ----------------------------------------------------------------------------------------


def stubborn(monkeypatch, errors: list[OSError | None], only: str = "Template.fdb") -> None:
    """Renames to that name give these errors, one after the other, the last one for ever."""
    rename = Folder.rename

    def refuse(folder, name, to):
        if to == only:
            error = errors.pop(0) if len(errors) > 1 else errors[0]
            if error is not None:
                raise error
        rename(folder, name, to)

    monkeypatch.setattr(Folder, "rename", refuse)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("number", [13, 16, 26], ids=["EACCES", "EBUSY", "ETXTBSY"])
def test_a_file_that_is_open_elsewhere_for_a_moment(stage, monkeypatch, number):
    """A rename that others are in the way of is tried again; where they stay, everything is as it was."""
    before = snapshot(stage.work / "nodes")
    error = OSError(number, os.strerror(number), "Template.fdb")
    with monkeypatch.context() as patch:
        stubborn(patch, [error])
        done = command(stage.restore_words())
        assert done.code == 1
        assert "as it was before" in done.errors
        assert snapshot(stage.work / "nodes") == before
    with monkeypatch.context() as patch:
        stubborn(patch, [error, error, error, None])
        assert command(stage.restore_words()).code == 0


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("stays", [False, True])
def test_a_read_only_file_is_replaced(stage, monkeypatch, stays):
    """Where a read-only file cannot be renamed over, it is made writable for that; the mode is kept either way."""
    before, rename = snapshot(stage.work / "nodes"), Folder.rename

    def as_on_windows(folder, name, to):
        there = folder.entry(to)
        if there is not None and (not there.mode & 0o200 or (stays and to == "Notifications.fdb")):
            raise PermissionError(13, "Permission denied", to)
        rename(folder, name, to)

    monkeypatch.setattr(Folder, "rename", as_on_windows)
    assert command(stage.restore_words()).code == (1 if stays else 0)
    assert stat.S_IMODE((stage.data / "Notifications.fdb").stat().st_mode) == 0o444
    if not stays:
        assert command(stage.on_words("--rollback")).code == 0
    assert snapshot(stage.work / "nodes") == before


@pytest.mark.usefixtures("no_waiting")
def test_killed_while_a_read_only_file_is_writable(stage, monkeypatch):
    """A file that was made writable to be replaced is read-only again after --rollback."""
    before, rename = snapshot(stage.work / "nodes"), Folder.rename

    def killed(folder, name, to):
        there = folder.entry(to)
        if to == "Notifications.fdb":
            if there.mode & 0o200:
                raise Killed
            raise PermissionError(13, "Permission denied", to)
        rename(folder, name, to)

    with monkeypatch.context() as patch, Case.open(stage.case, write=True) as case:
        ground, plan, target = planned(case, stage)
        patch.setattr(Folder, "rename", killed)
        patch.setattr(converge, "_settle_mode", lambda folder, file: None)
        with pytest.raises(Killed):
            carry_out(case, ground, plan, target)
    assert stat.S_IMODE((stage.data / "Notifications.fdb").stat().st_mode) == 0o644
    assert command(stage.on_words("--rollback")).code == 0
    assert snapshot(stage.work / "nodes") == before


def test_a_share_that_keeps_no_times(stage, monkeypatch):
    """Where a file does not get the time that replication needs, the restore has failed, and says so."""
    before, create = snapshot(stage.work / "nodes"), Folder.create

    def forgetful(folder, name, content, *, modified_ns=None, mode=None):
        create(folder, name, content, modified_ns=None, mode=mode)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "create", forgetful)
        done = command(stage.restore_words())
    assert done.code == 1
    assert "time" in done.errors
    assert [
        path for path, one in snapshot(stage.work / "nodes").items() if one.content != before.get(path, one).content
    ] == []


def test_times_beyond_what_files_can_have(stage):
    """A file of a year that no later one can be given is refused in words."""
    late = datetime(2300, 1, 1, tzinfo=UTC).timestamp()
    os.utime(stage.data / "Template.fdb", (late, late))
    if (stage.data / "Template.fdb").stat().st_mtime != late:
        pytest.skip("this file system has no such times")
    refused(stage, stage.restore_words(), "last-modified time")


def test_a_clock_that_goes_back(stage):
    """A restore that is resumed, and undone, by a clock that shows an earlier time ends as any other."""
    before = snapshot(stage.data)
    cut_off(stage)
    past = datetime(1999, 1, 1, tzinfo=UTC)
    with Case.open(stage.case, write=True) as case:
        assert resume(case, stage.data, lambda: past).journal.state == "done"
        assert roll_back(case, stage.data, lambda: past).journal.state == "undone"
        with pytest.raises((RefusedError, FailedError)):
            roll_back(case, stage.data, lambda: past)
    assert snapshot(stage.data) == before
    assert command(["verify", str(stage.case)]).code == 0


def test_a_rollback_undoes_the_last_restore_only(stage):
    """After a rollback, and a restore again, --rollback brings back what was there before; then nothing is left."""
    before = snapshot(stage.data)
    for _ in range(2):
        assert command(stage.restore_words()).code == 0
        assert command(stage.on_words("--rollback")).code == 0
        assert snapshot(stage.data) == before
    refused(stage, stage.on_words("--rollback"), "nothing to undo")


def test_a_file_saved_after_a_restore_is_not_undone(stage):
    """--rollback of a finished restore is refused as soon as one of its files was saved since."""
    assert command(stage.restore_words()).code == 0
    (stage.data / "Template.fdb").write_bytes(b"saved since")
    refused(stage, stage.on_words("--rollback"), "Template.fdb")
