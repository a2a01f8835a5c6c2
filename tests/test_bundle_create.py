"""`ccrf bundle create`: what is in a bundle, that it is the same each time, and what keeps one from being made."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import bagit
import pytest
from bundle_stage import case_of, copied, done, incident_folder, run, unpacked

from forensics.bundle import create as create_module
from forensics.case.audit import last_hash
from forensics.case.store import Case
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import zip_bytes

if TYPE_CHECKING:
    from pathlib import Path

SETTING = Setting("failover-in-window", "2008", 1)
POSIX = pytest.mark.skipif(os.name != "posix", reason="names that Windows does not have")
SSH = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen (openssh-client) is not installed")
AWKWARD = [
    "100%.txt",
    "a\rb.log",
    "a\nb.log",
    "back\\slash",
    "CON.txt",
    "dot.",
    "space ",
    "Case.txt",
    "case.TXT",
    "ä.txt",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A case of folders, never changed by a test."""
    return case_of(tmp_path_factory.mktemp("made"), SETTING)


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    """A bundle of a copy of that case: the case, the bundle, the bag unpacked."""
    folder = tmp_path_factory.mktemp("whole")
    case = copied(made, folder)
    with Case.open(case) as opened:
        before = last_hash(opened)
    result = done("bundle", "create", case, "--ticket", "SR-17", "-o", folder / "out.zip")
    return case, folder / "out.zip", unpacked(folder / "out.zip", folder / "bag"), before, result


def info_of(bag: Path) -> dict[str, str]:
    lines = (bag / "bag-info.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def table_of(bag: Path) -> list[dict[str, str]]:
    with (bag / "data" / "evidence.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make(case, target, *options, code=0):
    return done("bundle", "create", case, "--ticket", "SR-17", "-o", target, *options, code=code)


def test_another_validator_accepts_the_bag(whole):
    """The Library of Congress' implementation finds a valid bag, with checksums of everything."""
    bag = bagit.Bag(str(whole[2]))
    bag.validate()
    assert bag.info["External-Identifier"] == "SR-17"
    assert bag.algorithms == ["sha256"]


def test_the_bag_is_in_one_folder(whole):
    """Unpacking gives one folder, and the entries of the zip are plain files with fixed times and modes."""
    with zipfile.ZipFile(whole[1]) as archive:
        infos = archive.infolist()
        assert archive.testzip() is None
    assert {info.filename.split("/")[0] for info in infos} == {"bundle-SR-17"}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}
    assert all(info.filename.isascii() and "%" not in info.filename for info in infos)


def test_the_originals_are_in_it(whole):
    """Each file of evidence is there byte by byte, found where it was read, and its true path is in the table."""
    case, _, bag, *_ = whole
    rows = table_of(bag)
    originals = {
        path.relative_to(case.parent / "evidence").as_posix(): path
        for path in (case.parent / "evidence").rglob("*")
        if path.is_file()
    }
    assert {row["path"] for row in rows} == set(originals)
    for row in rows:
        assert row["in_bundle"] == "original"
        content = (bag / row["stored"]).read_bytes()
        assert content == originals[row["path"]].read_bytes()
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert any("%4Operational" in row["path"] for row in rows)


def test_findings_are_what_the_commands_print(whole):
    """The JSON and CSV of a bundle are, byte by byte, what the commands print of the case."""
    case, _, bag, *_ = whole
    for name, command in {
        "findings/roles.json": ["roles", case, "--format", "json"],
        "findings/overwrites.json": ["overwrites", case, "--format", "json"],
        "findings/backups.json": ["backups", "list", case, "--format", "json"],
        "findings/checkpoints.json": ["checkpoints", "list", case, "--format", "json"],
        "findings/check.json": ["check", case, "--format", "json"],
        "timeline.csv": ["timeline", case, "--format", "csv"],
    }.items():
        assert (bag / "data" / name).read_text(encoding="utf-8") == done(*command).stdout
    done("report", case, "-o", case.parent / "report")
    assert (bag / "data/report.html").read_bytes() == (case.parent / "report/report.html").read_bytes()
    assert json.loads((bag / "data/findings/overwrites.json").read_text())[0]["kind"] == "lost_update"


def test_the_case_in_it_is_the_case(whole):
    """The enclosed case opens, fits its audit, and answers as the original; it was copied before the bundle's entry."""
    case, _, bag, before, _ = whole
    enclosed = bag / "data" / "case.db"
    assert done("verify", enclosed).stdout == ""
    for command in (["roles"], ["overwrites"], ["backups", "list"], ["events"], ["evidence"]):
        assert done(*command, enclosed, "--format", "json").stdout == done(*command, case, "--format", "json").stdout
    with Case.open(enclosed) as opened:
        assert last_hash(opened) == before == info_of(bag)["CCRF-Audit-Hash"]
        assert opened.connection.execute("PRAGMA freelist_count").fetchone() == (0,)
        assert next(opened.rows("SELECT count(*) FROM settings WHERE key = 'evidence_places'")) == (0,)


def test_the_case_knows_of_the_bundle(whole):
    """The audit's last entry is the bundle, with its SHA-256, and the case still fits."""
    case, bundle, _, before, result = whole
    done("verify", case)
    with sqlite3.connect(case) as connection:
        action, detail, previous = connection.execute(
            "SELECT action, detail, previous_hash FROM audit ORDER BY id DESC LIMIT 1"
        ).fetchone()
    connection.close()
    detail = json.loads(detail)
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert (action, detail["sha256"], detail["ticket"], previous) == ("bundle", digest, "SR-17", before)
    assert digest in result.stdout


def test_the_same_case_gives_the_same_bytes(made, whole, tmp_path):
    """Twice from one case, and from its copy elsewhere with another umask, locale and zone: the same bytes."""
    case = copied(made, tmp_path)
    make(case, tmp_path / "1.zip")
    make(case, tmp_path / "2.zip")
    environment = {**os.environ, "LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    other = copied(made, tmp_path / "deeper" / "still")
    code = "import os; os.umask(0o077); from cli.main import run; run()"
    command = [sys.executable, "-c", code, "bundle", "create", str(other), "--ticket", "SR-17", "-o", "3.zip"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    contents = {(tmp_path / f"{number}.zip").read_bytes() for number in (1, 2, 3)} | {whole[1].read_bytes()}
    assert len(contents) == 1


def test_nothing_of_the_machine_is_in_it(whole):
    """No member names the folder in which the case and the evidence lie."""
    case, bundle, *_ = whole
    with zipfile.ZipFile(bundle) as archive:
        assert not [name for name in archive.namelist() if str(case.parent).encode() in archive.read(name)]


def test_only_the_kinds_that_were_asked_for(made, tmp_path):
    """`--only` chooses kinds of evidence, several of them where it is repeated."""
    case = copied(made, tmp_path)
    make(case, tmp_path / "a.zip", "--only", "evtx")
    rows = table_of(unpacked(tmp_path / "a.zip", tmp_path / "a"))
    assert {row["kind"] for row in rows if row["in_bundle"] == "original"} == {"evtx"}
    assert {row["in_bundle"] for row in rows if row["kind"] == "fdb"} == {"not_chosen"}
    make(case, tmp_path / "b.zip", "--only", "evtx", "--only", "fdb")
    rows = table_of(unpacked(tmp_path / "b.zip", tmp_path / "b"))
    assert {row["kind"] for row in rows if row["in_bundle"] == "original"} == {"evtx", "fdb"}
    assert run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "c.zip", "--only", "nonsense").exit_code == 2


def test_what_is_gone_or_changed_is_named(made, tmp_path):
    """Evidence that is gone or is not what was read is left out and named, exit code 3; the case gives what it kept."""
    case = copied(made, tmp_path)
    logs = case.parent / "evidence" / "EXNODE1" / "Logs"
    (logs / "System.evtx").unlink()
    with (logs / "Application.evtx").open("ab") as file:
        file.write(b"x")
    (case.parent / "evidence" / "EXNODE1" / "Data" / "ScanJobs.fdb").write_bytes(b"later")
    result = make(case, tmp_path / "a.zip", code=3)
    assert "EXNODE1/Logs/System.evtx" in result.stderr
    assert "EXNODE1/Logs/Application.evtx" in result.stderr
    assert "ScanJobs.fdb" not in result.stderr
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    rows = {row["path"]: row for row in table_of(bag)}
    assert rows["EXNODE1/Logs/System.evtx"]["in_bundle"] == "not_found"
    assert rows["EXNODE1/Logs/Application.evtx"]["in_bundle"] == "altered"
    kept = rows["EXNODE1/Data/ScanJobs.fdb"]
    assert kept["in_bundle"] == "from_case"
    assert hashlib.sha256((bag / kept["stored"]).read_bytes()).hexdigest() == kept["sha256"]
    bagit.Bag(str(bag)).validate()


def test_evidence_that_was_moved_is_named_by_its_new_place(made, tmp_path):
    """`--evidence` finds moved evidence, under its own name or another; without it all that was kept is there."""
    case = copied(made, tmp_path)
    for number in (1, 2):
        (case.parent / "evidence" / f"EXNODE{number}").rename(tmp_path / f"moved{number}")
    make(case, tmp_path / "a.zip", code=3)
    rows = table_of(unpacked(tmp_path / "a.zip", tmp_path / "a"))
    assert {row["in_bundle"] for row in rows if row["kind"] == "evtx"} == {"not_found"}
    assert {row["in_bundle"] for row in rows if row["kind"] == "fdb"} == {"from_case"}
    make(case, tmp_path / "b.zip", "--evidence", tmp_path / "moved1", "--evidence", tmp_path / "moved2")
    assert {row["in_bundle"] for row in table_of(unpacked(tmp_path / "b.zip", tmp_path / "b"))} == {"original"}


def test_an_archive_goes_in_as_it_is(tmp_path):
    """Of evidence in an archive the archive is the original; without it the contents that the case kept go in."""
    (tmp_path / "inc.zip").write_bytes(zip_bytes(incident(SETTING).items))
    done("ingest", tmp_path / "case.db", tmp_path / "inc.zip")
    result = make(tmp_path / "case.db", tmp_path / "a.zip", "--only", "evtx")
    assert re.search(r"\d+ files of other kinds are in it too", result.stderr)
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    assert (bag / "data/evidence/inc.zip").read_bytes() == (tmp_path / "inc.zip").read_bytes()
    assert {row["in_bundle"] for row in table_of(bag)} == {"original", "in_archive"}
    (tmp_path / "inc.zip").unlink()
    make(tmp_path / "case.db", tmp_path / "b.zip", "--only", "fdb")
    bag = unpacked(tmp_path / "b.zip", tmp_path / "b")
    assert {row["in_bundle"] for row in table_of(bag) if row["kind"] == "fdb"} == {"from_case"}
    bagit.Bag(str(bag)).validate()


@POSIX
def test_awkward_names_are_stored_under_safe_ones(tmp_path):
    """Names that BagIt, Windows or zip make awkward keep apart under plain names, and the table has the true ones."""
    extra = {f"ODD/{name}": name.encode() for name in AWKWARD}
    case = case_of(tmp_path / "x", Setting("quiet", "2008", 1), {**extra, "ODD/ok.txt": b"fine"})
    os.mkdir(os.fsencode(tmp_path / "x" / "evidence") + b"/RAW")  # noqa: PTH102
    with open(os.fsencode(tmp_path / "x" / "evidence" / "RAW") + b"/n\xff.txt", "wb") as file:  # noqa: PTH123
        file.write(b"raw")
    run("ingest", case, tmp_path / "x" / "evidence" / "RAW")
    make(case, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
    assert len({name.casefold() for name in names}) == len(names)
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    bagit.Bag(str(bag)).validate()
    rows = {row["path"]: row for row in table_of(bag)}
    for name in AWKWARD:
        row = rows["ODD/" + name.replace("\\", "\\x5c")]
        assert (bag / row["stored"]).read_bytes() == name.encode()
        plain = row["stored"].rpartition("/")[2]
        assert not set(plain) & set('%\\:*?"<>|\r\n')
        assert not plain.endswith((".", " "))
    assert (bag / rows["RAW/n\\xff.txt"]["stored"]).read_bytes() == b"raw"
    assert done("bundle", "verify", tmp_path / "a.zip").stdout == ""


@SSH
def test_ssh_keygen_accepts_the_signature(made, tmp_path):
    """The signature over the tag manifest is one that ssh-keygen verifies for the namespace, and nothing else is."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    case = copied(made, tmp_path)
    make(case, tmp_path / "a.zip", "--sign", tmp_path / "key")
    make(case, tmp_path / "b.zip", "--sign", tmp_path / "key")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    bagit.Bag(str(bag)).validate()
    signature = bag / "tagmanifest-sha256.txt.sig"
    assert signature.name not in (bag / "tagmanifest-sha256.txt").read_text()
    allowed = tmp_path / "allowed"
    allowed.write_text("analyst " + (tmp_path / "key.pub").read_text())
    command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "analyst", "-n", "ccrf-bundle", "-s", signature]
    content = (bag / "tagmanifest-sha256.txt").read_bytes()
    assert subprocess.run(command, input=content, capture_output=True, check=False).returncode == 0
    assert subprocess.run(command, input=content + b"x", capture_output=True, check=False).returncode != 0


def test_without_ssh_keygen_nothing_is_signed(made, tmp_path, monkeypatch):
    """Where ssh-keygen is missing, or the key is, that is said, and no bundle is left."""
    case = copied(made, tmp_path)
    result = run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--sign", tmp_path / "none")
    assert result.exit_code == 2
    (tmp_path / "key").write_text("no key")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--sign", tmp_path / "key")
    assert result.exit_code == 1
    assert "ssh-keygen is needed" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "key"]


def test_refusals_change_nothing(made, tmp_path):
    """An existing file, a place inside the evidence, a bad ticket, a missing case: refused, and nothing is left."""
    case = copied(made, tmp_path)
    before = case.read_bytes()
    (tmp_path / "there.zip").write_bytes(b"mine")
    inside = case.parent / "evidence" / "EXNODE1" / "a.zip"
    for target, ticket, code in (
        (tmp_path / "there.zip", "1", 4),
        (inside, "1", 4),
        (tmp_path / "a.zip", "two\nlines", 2),
        (tmp_path / "a.zip", " ", 2),
        (tmp_path / "no" / "a.zip", "1", 2),
    ):
        assert run("bundle", "create", case, "--ticket", ticket, "-o", target).exit_code == code
    assert run("bundle", "create", tmp_path / "no.db", "--ticket", "1", "-o", tmp_path / "a.zip").exit_code == 2
    assert run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--also", "x").exit_code == 2
    assert (tmp_path / "there.zip").read_bytes() == b"mine"
    assert case.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "there.zip"]
    assert not inside.exists()


def test_a_case_that_does_not_fit_its_audit_gives_no_bundle(made, tmp_path):
    """An audit that was altered is not handed out: exit code 4, and what tells where is named."""
    case = copied(made, tmp_path)
    with sqlite3.connect(case) as connection:
        connection.execute("UPDATE audit SET detail = '{}' WHERE id = 1")
    connection.close()
    result = run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip")
    assert result.exit_code == 4
    assert "ccrf verify" in result.stderr


def test_what_changes_meanwhile_ends_it(made, tmp_path, monkeypatch):
    """Evidence that changes between its hash and its packing makes no bundle, no entry, and leaves no file behind."""
    case = copied(made, tmp_path)
    before = case.read_bytes()
    log = case.parent / "evidence" / "EXNODE2" / "Logs" / "System.evtx"
    real = create_module.zip_parts

    def later(folder, members):
        log.write_bytes(b"x" * log.stat().st_size)
        return real(folder, members)

    monkeypatch.setattr(create_module, "zip_parts", later)
    result = run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip")
    assert result.exit_code == 1
    assert "changed while" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
    assert case.read_bytes() == before


def test_a_ticket_may_be_any_line(made, tmp_path):
    """A ticket with slashes and letters of any script is in bag-info.txt as it is, and plain in the folder's name."""
    case = copied(made, tmp_path)
    done("bundle", "create", case, "--ticket", "Fall 12/ä: ../x", "-o", tmp_path / "a.zip", "-q")
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    assert info_of(bag)["External-Identifier"] == "Fall 12/ä: ../x"
    assert bag.name == "bundle-Fall 12___ .._x"
    assert bagit.Bag(str(bag)).info["External-Identifier"] == "Fall 12/ä: ../x"


def test_an_empty_case_gives_a_bundle(tmp_path):
    """A case without evidence has nothing to say, and a bundle of it is whole."""
    Case.create(tmp_path / "case.db").close()
    make(tmp_path / "case.db", tmp_path / "a.zip")
    make(tmp_path / "case.db", tmp_path / "b.zip", "--redact")
    bagit.Bag(str(unpacked(tmp_path / "a.zip", tmp_path / "a"))).validate()
    assert done("bundle", "verify", tmp_path / "a.zip").stdout == ""
    assert done("bundle", "verify", tmp_path / "b.zip").stdout == ""


@pytest.mark.long
def test_memory_does_not_grow_with_the_evidence(tmp_path):
    """A file of 5 GiB goes into a bundle, beyond what 32 bits hold, in bounded memory, and is whole there."""
    evidence = incident_folder(tmp_path / "x", Setting("quiet", "2008", 1))
    big = evidence / "EXNODE1" / "big.bin"
    with big.open("wb") as file:
        file.truncate(5 << 30)
    done("ingest", tmp_path / "case.db", *sorted(evidence.iterdir()))
    code = (
        "import resource; from forensics.bundle.create import *; from forensics.case.store import Case; import sys;"
        "from pathlib import Path\n"
        "with Case.open(Path(sys.argv[1]), write=True) as case:\n"
        "    create_bundle(case, Path(sys.argv[2]), BundleOptions('1'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "case.db"), str(tmp_path / "a.zip")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(printed) < 300_000
    assert done("bundle", "verify", tmp_path / "a.zip").stdout == ""
