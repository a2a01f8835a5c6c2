"""`ccrf bundle verify`: every way in which a bundle can be tampered with is named; hostile zips do no harm."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import subprocess
import zipfile

import pytest
from bundle_stage import case_of, done, faults, rewritten, run, unpacked

from forensics.bundle import signing
from samples.incident import Setting

BASE = "bundle-SR-1/"
SSH = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen (openssh-client) is not installed")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verified")
    case = case_of(folder, Setting("quiet", "2008", 2))
    done("bundle", "create", case, "--ticket", "SR-1", "-o", folder / "a.zip")
    return folder / "a.zip"


def told(found):
    return [(row["kind"], row["path"]) for row in found]


def with_manifests(members):
    """The members with manifests and metadata made anew, as somebody who knows how would make them."""
    payload = {name: content for name, content in members.items() if name.startswith(BASE + "data/")}
    manifest = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name[len(BASE) :]}\n" for name, content in sorted(payload.items())
    )
    members[BASE + "manifest-sha256.txt"] = manifest.encode()
    info = members[BASE + "bag-info.txt"].decode().splitlines()
    oxum = f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}"
    lines = [oxum if line.startswith("Payload-Oxum") else line for line in info]
    members[BASE + "bag-info.txt"] = ("\n".join(lines) + "\n").encode()
    tags = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
    members[BASE + "tagmanifest-sha256.txt"] = "".join(
        f"{hashlib.sha256(members[BASE + name]).hexdigest()}  {name}\n" for name in tags
    ).encode()
    return members


def test_a_whole_bundle_has_nothing_wrong(bundle):
    """Nothing is listed, the exit code is 0, and the SHA-256 is said for whoever has the case."""
    result = done("bundle", "verify", bundle)
    assert result.stdout == ""
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() in result.stderr
    assert faults(bundle, code=0) == []


@pytest.mark.parametrize(
    "path", ["data/case.db", "data/timeline.csv", "data/evidence/EXNODE1/Logs/System.evtx", "data/findings/roles.json"]
)
def test_each_change_of_a_file_is_named(bundle, tmp_path, path):
    """A file that lost, gained or changed bytes is named as altered, one that is gone as missing."""

    def altered(members):
        return {**members, BASE + path: members[BASE + path] + b"\n"}

    def gone(members):
        return {name: content for name, content in members.items() if name != BASE + path}

    assert ("altered", path) in told(faults(rewritten(bundle, tmp_path / "a.zip", altered)))
    assert ("missing", path) in told(faults(rewritten(bundle, tmp_path / "b.zip", gone)))


def test_added_files_are_named(bundle, tmp_path):
    """A file that no manifest names is named, among the payload and beside it."""

    def more(members):
        return {**members, BASE + "data/evidence/extra.txt": b"x", BASE + "notes.txt": b"x", BASE + "fetch.txt": b"x"}

    found = told(faults(rewritten(bundle, tmp_path / "a.zip", more)))
    assert {("added", "data/evidence/extra.txt"), ("added", "notes.txt"), ("added", "fetch.txt")} <= set(found)


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_the_bag_s_own_files_are_watched(bundle, tmp_path, name):
    """Each of the bag's own files is missed when it is gone, and seen to be altered where the tag manifest names it."""

    def gone(members):
        return {path: content for path, content in members.items() if path != BASE + name}

    def altered(members):
        return {**members, BASE + name: members[BASE + name].replace(b"0", b"1")}

    assert ("missing", name) in told(faults(rewritten(bundle, tmp_path / "a.zip", gone)))
    found = told(faults(rewritten(bundle, tmp_path / "b.zip", altered)))
    if name != "tagmanifest-sha256.txt":
        assert ("altered", name) in found
    assert found


def test_a_case_made_anew_does_not_fit_its_audit(bundle, tmp_path):
    """Whoever changes the case and makes all manifests anew is betrayed by the audit of the case."""
    bag = unpacked(bundle, tmp_path / "bag")
    with sqlite3.connect(bag / "data/case.db") as connection:
        connection.execute("UPDATE audit SET detail = '{}' WHERE id = 1")
    connection.close()
    content = (bag / "data/case.db").read_bytes()
    forged = rewritten(
        bundle, tmp_path / "a.zip", lambda members: with_manifests({**members, BASE + "data/case.db": content})
    )
    assert told(faults(forged)) == [("audit", "data/case.db")]


def test_the_audit_must_end_as_the_metadata_says(bundle, tmp_path):
    """An audit that is whole, and of another case or another moment, is told from the bundle's by its last hash."""

    def other(members):
        info = members[BASE + "bag-info.txt"].decode().splitlines()
        lines = [f"CCRF-Audit-Hash: {'0' * 64}" if line.startswith("CCRF-Audit-Hash") else line for line in info]
        return with_manifests({**members, BASE + "bag-info.txt": "\n".join(lines).encode()})

    assert told(faults(rewritten(bundle, tmp_path / "a.zip", other))) == [("audit", "data/case.db")]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_case_that_is_none(bundle, tmp_path, content):
    """What stands in place of the case and is no case is named, whatever it is."""
    forged = rewritten(
        bundle, tmp_path / "a.zip", lambda members: with_manifests({**members, BASE + "data/case.db": content})
    )
    assert ("audit", "data/case.db") in told(faults(forged))


def test_a_database_cannot_keep_the_program_busy(bundle, tmp_path):
    """A view in place of the audit, which would never end, is not asked."""
    trap = tmp_path / "trap.db"
    with sqlite3.connect(trap) as connection:
        connection.executescript(
            "CREATE VIEW audit AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
            " SELECT n AS id, n AS time, n AS action, n AS detail, n AS previous_hash, n AS hash FROM c;"
            "CREATE TABLE settings(key, value)"
        )
    connection.close()
    forged = rewritten(
        bundle,
        tmp_path / "a.zip",
        lambda members: with_manifests({**members, BASE + "data/case.db": trap.read_bytes()}),
    )
    assert told(faults(forged)) == [("audit", "data/case.db")]


def test_hostile_names_lead_nowhere(bundle, tmp_path):
    """Members that point out of the bag, twice the same name, and links are named; nothing is written anywhere."""
    target = tmp_path / "in" / "a.zip"
    target.parent.mkdir()
    shutil.copy(bundle, target)
    link = zipfile.ZipInfo(BASE + "data/link")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(BASE + "../../../escaped.txt", b"x")
        archive.writestr("/absolute.txt", b"x")
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(BASE + "data/timeline.csv", b"another")
    found = faults(target)
    paths = " ".join(row["path"] for row in found)
    assert "escaped.txt" in paths
    assert "absolute.txt" in paths
    assert ("added", "data/timeline.csv#2") in told(found)
    assert ("structure", "data/link") in told(found)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "in"]


def test_a_bomb_is_only_hashed(bundle, tmp_path):
    """A member that unfolds a thousandfold costs time, not memory or disk, and is named."""
    target = tmp_path / "a.zip"
    shutil.copy(bundle, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(BASE + "data/bomb", bytes(64 << 20))
    assert ("added", "data/bomb") in told(faults(target))


def test_a_cut_zip_is_named(bundle, tmp_path):
    """A bundle that was cut in transfer is told as such."""
    target = tmp_path / "a.zip"
    target.write_bytes(bundle.read_bytes()[:-500])
    assert "structure" in {kind for kind, _ in told(faults(target))}


def test_two_bags_are_none(bundle, tmp_path):
    """A second folder beside the bag is named."""
    found = told(faults(rewritten(bundle, tmp_path / "a.zip", lambda members: {**members, "other/x": b"x"})))
    assert ("structure", "") in found


def test_what_is_no_bundle(tmp_path):
    """A missing file, a folder, a text: wrong usage, without a traceback. An empty zip is a bundle of nothing."""
    (tmp_path / "text.zip").write_text("text")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "none.zip", tmp_path, tmp_path / "empty", tmp_path / "text.zip"):
        result = run("bundle", "verify", path)
        assert result.exit_code == 2
        assert "Traceback" not in result.output
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert ("missing", "bagit.txt") in told(faults(tmp_path / "empty.zip"))


def test_every_form_has_the_fields(bundle, tmp_path):
    """The table, JSON Lines and CSV list the same faults."""
    bad = rewritten(bundle, tmp_path / "a.zip", lambda members: {**members, BASE + "x\x1b[31m.txt": b"x"})
    assert "\x1b" not in done("bundle", "verify", bad, code=3).output
    lines = done("bundle", "verify", bad, "--format", "jsonl", code=3).stdout.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["kind", "path", "detail"]] * len(lines)
    assert done("bundle", "verify", bad, "--format", "csv", code=3).stdout.startswith("kind,path,detail\n")


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    for name in ("mine", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / f"allow-{name}").write_text(f"{name}@example " + (folder / f"{name}.pub").read_text())
    case = case_of(folder / "x", Setting("quiet", "2008", 2))
    done("bundle", "create", case, "--ticket", "SR-1", "-o", folder / "a.zip", "--sign", folder / "mine")
    return folder


@SSH
class TestSignatures:
    """A signature that fits, one of somebody else, one over something else, none, and no ssh-keygen."""

    def test_it_fits(self, signed):
        """With the allowed signer it is told whose it is; without that whose it is was not checked."""
        result = done("bundle", "verify", signed / "a.zip", "--allowed-signers", signed / "allow-mine")
        assert "mine@example" in result.stderr
        assert "not checked" in done("bundle", "verify", signed / "a.zip").stderr

    def test_it_is_of_somebody_else(self, signed):
        """A key that is not among the allowed ones is named."""
        found = faults(signed / "a.zip", "--allowed-signers", signed / "allow-other")
        assert told(found) == [("signature", "tagmanifest-sha256.txt.sig")]

    def test_it_is_over_something_else(self, signed, tmp_path):
        """Manifests that were made anew do not fit the signature any more."""

        def forged(members):
            return with_manifests({**members, BASE + "data/timeline.csv": b"time\n"})

        found = faults(rewritten(signed / "a.zip", tmp_path / "a.zip", forged))
        assert told(found) == [("signature", "tagmanifest-sha256.txt.sig")]

    def test_it_is_none(self, signed, bundle, tmp_path):
        """Where a signer is asked for, a bundle without a signature is not what it should be; rubbish is none."""
        assert told(faults(bundle, "--allowed-signers", signed / "allow-mine")) == [
            ("signature", "tagmanifest-sha256.txt.sig")
        ]
        rubbish = rewritten(
            signed / "a.zip", tmp_path / "a.zip", lambda m: {**m, BASE + "tagmanifest-sha256.txt.sig": b"x"}
        )
        assert told(faults(rubbish)) == [("signature", "tagmanifest-sha256.txt.sig")]

    def test_it_cannot_be_checked(self, signed, monkeypatch):
        """Without ssh-keygen the rest is checked, and that the signature was not is named."""
        monkeypatch.setattr(signing.shutil, "which", lambda name: None)
        found = faults(signed / "a.zip")
        assert told(found) == [("signature", "tagmanifest-sha256.txt.sig")]
        assert "was not checked" in found[0]["detail"]
