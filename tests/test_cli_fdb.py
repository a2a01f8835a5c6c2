"""`ccrf fdb`: honest about files whose format is not public, safe to show, and bounded."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import sqlite3

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.fdb import LIST_LIMIT, NOTE, TABLE_LIMIT
from forensics.case.rows import NewFileVersion
from forensics.case.store import Case, NewEvidence

CONTENT = b"\x07\0\0\0FSE\x80" + b"Scan job one\0" + b"\0" * 50 + "Vollprüfung".encode("utf-16-le") + b"\0\0" * 40
OTHER = CONTENT.replace(b"job one", b"job two and more")
HOSTILE = b"\xff\xfe\xfd\x01<<[/x]=cmd|calc>>\x02\xff"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run("fdb", *arguments, "--format", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def files(tmp_path):
    """Two versions of a file, with last-modified times."""
    for name, content, seconds in (("a.fdb", CONTENT, 1_199_966_400), ("b.fdb", OTHER, 1_199_966_435)):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (seconds, seconds))
    return tmp_path / "a.fdb", tmp_path / "b.fdb"


@pytest.fixture
def case(tmp_path):
    """A case with one version of a file, one that was too large to keep, and one of a listing."""
    path = tmp_path / "case.db"
    digest = hashlib.sha256(CONTENT).hexdigest()
    with Case.create(path) as made:
        evidence = made.add_evidence(NewEvidence(path="EXNODE1/Data/ScanJobs.fdb", kind="fdb", status="read"))
        made.add_content(digest, len(CONTENT), CONTENT)
        for sha256 in (digest, "ab" * 32, None):
            made.add_file_version(
                NewFileVersion(
                    evidence_id=evidence,
                    node="EXNODE1",
                    name="ScanJobs.fdb",
                    role="live",
                    path="EXNODE1/Data/ScanJobs.fdb",
                    sha256=sha256,
                    size=len(CONTENT),
                    modified="2008-01-10T12:00:35.000000Z",
                )
            )
    return path, digest


def test_a_file_is_shown_for_what_it_is(files):
    """Size, hash, time, strings of both encodings with offsets; opaque, and said to be not decoded."""
    found = answer("show", files[0])
    assert (found["file"], found["size"]) == ("a.fdb", len(CONTENT))
    assert found["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert found["modified"] == "2008-01-10T12:00:00.000000Z"
    assert (found["container"]["kind"], found["opaque"], found["warning"]) == ("opaque", True, None)
    texts = {(one["encoding"], one["text"], one["offset"]) for one in found["strings"]["items"]}
    assert texts == {
        ("ascii", "Scan job one", CONTENT.index(b"Scan")),
        ("utf-16le", "Vollprüfung", CONTENT.index(b"V\0o")),
    }
    assert found["note"] == NOTE


def test_the_machine_format_names_no_folder_of_the_analyst(files, tmp_path):
    """The JSON is the same wherever the file lies."""
    assert str(tmp_path) not in run("fdb", "show", files[0], "--format", "json").stdout


def test_the_table_says_the_same(files):
    """People read the identity, the kinds of measures and the honest sentence."""
    shown = run("fdb", "show", files[0]).stdout
    for part in ("bytes, opaque", hashlib.sha256(CONTENT).hexdigest(), "Scan job one", "candidates, not times", NOTE):
        assert part in shown


def test_times_move_with_the_zone(files):
    """--tz changes the screen only."""
    assert "2008-01-10T13:00:00.000000+01:00" in run("fdb", "show", files[0], "--tz", "Europe/Berlin").stdout
    assert answer("show", files[0], "--tz", "Europe/Berlin") == answer("show", files[0])


def test_a_firebird_database_is_set_apart(corpus, tmp_path):
    """A real Firebird database is named as one, and as no file of the product, in both forms and in a comparison."""
    path = tmp_path / "ScanJobs.fdb"
    path.write_bytes(gzip.decompress((corpus / "fdb" / "firebird-3.0.fdb.gz").read_bytes()))
    found = answer("show", path)
    assert found["container"]["kind"] == "firebird"
    assert "no file of the product" in found["warning"]
    assert "Warning: This is a Firebird database" in run("fdb", "show", path).stdout
    (tmp_path / "plain.fdb").write_bytes(CONTENT)
    assert "no file of the product" in answer("diff", tmp_path / "plain.fdb", path)["warning"]


def test_two_versions_in_words(files):
    """A comparison says how many ranges changed and moved, and which strings went and appeared."""
    shown = run("fdb", "diff", *files).stdout
    assert f"{len(OTHER):,} bytes, 1 changed range" in shown
    assert 'strings gone: "Scan job one"; strings new: "Scan job two and more"' in shown
    assert NOTE in shown


def test_two_versions_as_data(files):
    """The ranges tile the newer version, and rebuild it from the older one and the bytes shown of short changes."""
    found = answer("diff", *files)
    assert (found["a"]["file"], found["b"]["file"], found["identical"]) == ("a.fdb", "b.fdb", False)
    rebuilt = b""
    for one in found["ranges"]:
        assert one["b_offset"] == len(rebuilt)
        if one["kind"] == "changed":
            rebuilt += bytes.fromhex(one["b_bytes"])
        else:
            rebuilt += CONTENT[one["a_offset"] : one["a_offset"] + one["a_length"]]
    assert rebuilt == OTHER
    assert [one["text"] for one in found["strings"]["gone"]] == ["Scan job one"]
    assert [one["text"] for one in found["strings"]["new"]] == ["Scan job two and more"]
    assert found["summary"]["changed"]["ranges"] == 1


def test_the_same_content(files):
    """Two files of one content are identical, and nothing more is said."""
    assert answer("diff", files[0], files[0])["identical"]
    assert "the contents are identical" in run("fdb", "diff", files[0], files[0]).stdout


def test_empty_files(tmp_path):
    """Files without bytes are shown and compared."""
    (tmp_path / "e").write_bytes(b"")
    (tmp_path / "f").write_bytes(CONTENT)
    assert answer("show", tmp_path / "e")["container"]["kind"] == "empty"
    assert "empty file" in run("fdb", "show", tmp_path / "e").stdout
    assert answer("diff", tmp_path / "e", tmp_path / "f")["summary"]["new_bytes"] == len(CONTENT)
    assert run("fdb", "diff", tmp_path / "f", tmp_path / "e").exit_code == 0


def test_options_for_strings(tmp_path):
    """--min-length leaves short strings out; --strings bounds how many are given, and the count says how many are."""
    path = tmp_path / "a"
    path.write_bytes(b"".join(b"name%04d\0" % i for i in range(2000)) + b"abcd\0")
    assert answer("show", path)["strings"]["found"] == 2001
    assert len(answer("show", path)["strings"]["items"]) == LIST_LIMIT
    found = answer("show", path, "--min-length", 8, "--strings", 3)["strings"]
    assert (found["found"], [one["text"] for one in found["items"]]) == (2000, ["name0000", "name0001", "name0002"])
    shown = run("fdb", "show", path).stdout
    assert f"the first {TABLE_LIMIT} of them" in shown
    assert f"name{TABLE_LIMIT:04d}" not in shown
    assert f"name{TABLE_LIMIT:04d}" in run("fdb", "show", path, "--strings", 50).stdout


def test_nothing_of_the_evidence_acts_on_the_terminal(tmp_path):
    """Names and strings from evidence are escaped, and never read as markup."""
    path = tmp_path / "a\x1b[2J.fdb"
    try:
        path.write_bytes(HOSTILE + "\u202e".encode("utf-16-le"))
    except OSError:
        pytest.skip("such a name cannot be made here")
    for arguments in (["show", path], ["diff", path, path], ["show", path, "--format", "json"]):
        shown = run("fdb", *arguments).stdout
        assert "\x1b" not in shown
    assert "<<[/x]=cmd|calc>>" in run("fdb", "show", path).stdout


def test_a_content_of_a_case(case, files):
    """file:1 and a part of a hash name a content that the case holds, with what the case knows of it."""
    path, digest = case
    found = answer("show", "file:1", "--case", path)
    assert (found["file"], found["path"], found["node"]) == ("ScanJobs.fdb", "EXNODE1/Data/ScanJobs.fdb", "EXNODE1")
    assert found["modified"] == "2008-01-10T12:00:35.000000Z"
    by_hash = answer("show", f"sha256:{digest[:12]}", "--case", path)
    assert (by_hash["sha256"], by_hash["file"]) == (digest, f"sha256:{digest[:12]}")
    mixed = answer("diff", "file:1", files[1], "--case", path)
    assert [one["text"] for one in mixed["strings"]["new"]] == ["Scan job two and more"]


@pytest.mark.parametrize(
    ("reference", "code", "says"),
    [
        ("file:99", 2, "has no file:99"),
        ("sha256:00000000", 2, "no content whose hash begins"),
        ("file:2", 1, "too large to keep"),
        ("file:3", 1, "listed without its content"),
    ],
)
def test_what_the_case_does_not_hold(case, reference, code, says):
    """An unknown reference is wrong usage; a known file without its content is a failure, with the reason."""
    result = run("fdb", "show", reference, "--case", case[0])
    assert result.exit_code == code
    assert says in result.stderr
    assert result.stdout == ""


def test_a_hash_that_names_two(case):
    """A part of a hash that two contents share is refused."""
    with sqlite3.connect(case[0]) as connection:
        connection.executemany(
            "INSERT INTO contents(sha256, size, bytes) VALUES (?, 1, x'00')",
            [("cd" * 5 + "0" * 54,), ("cd" * 5 + "1" * 54,)],
        )
    connection.close()
    result = run("fdb", "show", "sha256:" + "cd" * 5, "--case", case[0])
    assert result.exit_code == 2
    assert "more than one" in result.stderr


def test_wrong_paths(tmp_path, files):
    """A missing file, a folder and a reference without a case are wrong usage, each in one line."""
    for arguments in (["show", tmp_path / "nowhere"], ["diff", files[0], tmp_path], ["show", "file:1"]):
        result = run("fdb", *arguments)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_not_read(tmp_path):
    """A named pipe is refused at once, instead of being waited for."""
    os.mkfifo(tmp_path / "pipe")
    result = run("fdb", "show", tmp_path / "pipe")
    assert result.exit_code == 1
    assert "no regular file" in result.stderr


def test_an_unreadable_file_fails(tmp_path, monkeypatch, files):
    """A file that the system refuses to open is exit code 1, with the reason."""

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied", str(files[0]))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    result = run("fdb", "show", files[0])
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr


def test_other_formats_hold_the_same_object(files):
    """JSON Lines has the object in one line, CSV in one row with its parts as JSON."""
    wanted = answer("diff", *files)
    assert json.loads(run("fdb", "diff", *files, "--format", "jsonl").stdout) == wanted
    (row,) = csv.DictReader(io.StringIO(run("fdb", "diff", *files, "--format", "csv").stdout))
    assert json.loads(row["summary"]) == wanted["summary"]


def test_the_same_file_gives_the_same_bytes(files):
    """Two runs print the same bytes."""
    for command in (["show", files[0]], ["diff", *files]):
        assert run("fdb", *command, "--format", "json").stdout == run("fdb", *command, "--format", "json").stdout
