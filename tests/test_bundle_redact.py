"""`ccrf bundle create --redact`: no recognised name is left anywhere, pseudonyms are stable, findings stay the same."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import stat
import zipfile

import bagit
import pytest
from bundle_stage import case_of, copied, done, log_of, run, token, unpacked

from forensics.case.audit import last_hash
from forensics.case.store import Case
from forensics.redact.redaction import Redaction
from samples.incident import Setting

SID = "S-1-5-21-1004336348-1177238915-682003330-1108"
# Each planted where a name of its kind stands in real evidence.
PLANTED = {
    "machines": ["MAILSRVA", "MAILSRVB", "POSTBOX", "fabrikam.example", "fabrikam"],
    "users": ["jdoe", "msmith", "k.wolf", "svc-scan", "Björn Åsa", "o'hara"],
    "mailboxes": ["anna.bell@fabrikam.example", "anna.bell", "sales-emea@tailspin.example", "tailspin.example"],
    "addresses": ["192.0.2.17", "203.0.113.99", "fd12:3456:789a::17", SID],
    "places": ["fileserv7", "finance$", "dc-hq-01", "Adventureworks", "Zoe Quill"],
}
NAMES = [name for names in PLANTED.values() for name in names]
STRINGS = [
    [r"FABRIKAM\jdoe", "ordinary text"],
    [r"Profile C:\Documents and Settings\msmith\Local Settings was loaded", r"C:\Users\Björn Åsa\ntuser.dat"],
    ["Mail to anna.bell@fabrikam.example from sales-emea@tailspin.example", "of anna.bell alone, ANNA.BELL"],
    ["Client 192.0.2.17:443 and fd12:3456:789a::17", "relay [203.0.113.99]", "version 8.1.240.6"],
    [rf"\\fileserv7\finance$\plans.xls of {SID}", "S-1-5-18 and S-1-5-32-544"],
    [
        "CN=Zoe Quill,OU=Accounts,DC=fabrikam,DC=example",
        "/o=Adventureworks/ou=First Administrative Group/cn=Recipients",
    ],
    ["dc-hq-01.fabrikam.example answered\nMAILSRVB", r"FABRIKAM\k.wolf and fabrikam\svc-scan", "\tMAILSRVB\tjdoe_old"],
    [r"FABRIKAM\o'hara", r"FABRIKAM\Administrator", r"NT AUTHORITY\SYSTEM"],
    ["Contact Wanda Maximoff of Kirkland", "plain word ORCHID-9"],
]
SETTING = Setting(
    "failover-in-window", "2008", 1, node_names=("MAILSRVA", "MAILSRVB"), domain="fabrikam.example", cms="POSTBOX"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A case with names of every kind planted in it."""
    binary = "MAILSRVA jdoe".encode("utf-16-le") + b"\0\0"
    extra = {"MAILSRVA/Logs/Probe.evt": log_of(*STRINGS, data=binary)}
    return case_of(tmp_path_factory.mktemp("planted"), SETTING, extra)


@pytest.fixture(scope="module")
def redacted(made, tmp_path_factory):
    """A bundle with pseudonyms of a copy of that case: the case, the zip, the bag unpacked, what was printed."""
    folder = tmp_path_factory.mktemp("redacted")
    case = copied(made, folder)
    result = make(case, folder / "out.zip", "--also", "orchid-9")
    return case, folder / "out.zip", unpacked(folder / "out.zip", folder / "bag"), result


def make(case, target, *options, code=0):
    return done("bundle", "create", case, "--ticket", "SR-17", "-o", target, "--redact", *options, code=code)


def key_of(case):
    entries = json.loads(case.with_name(case.name + ".pseudonyms.json").read_text())["names"]
    return {entry["name"].casefold(): entry["pseudonym"] for entry in entries}


def review_of(case):
    text = case.with_name(case.name + ".redaction-review.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def members(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("name", [*NAMES, "ORCHID-9"])
def test_no_planted_name_is_left(redacted, name):
    """The name is in no member's name or content, as bytes or as UTF-16, and in no value of any table of the case."""
    needle = token(name)
    wide = [name.casefold().encode(encoding) for encoding in ("utf-16-le", "utf-16-be")]
    for path, content in members(redacted[1]).items():
        assert not needle.search(path.encode())
        assert not needle.search(content), path
        assert not any(form in content.lower() for form in wide), path
    connection = sqlite3.connect(redacted[2] / "data/case.db")
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f"SELECT * FROM [{table}]"):  # noqa: S608
            assert not any(needle.search(str(value).encode()) for value in row if isinstance(value, str)), table
    if re.fullmatch(r"\w+", name):
        found = connection.execute("SELECT count(*) FROM events_fts WHERE events_fts MATCH ?", (f'"{name}"',))
        assert found.fetchone() == (0,)
    connection.close()


def test_every_planted_name_was_in_the_evidence(made):
    """Each of these names can be found in the case before: the test above could fail."""
    content = made.read_bytes()
    for name in NAMES:
        escaped = json.dumps(name, ensure_ascii=False)[1:-1]
        assert re.search(re.escape(escaped.encode()), content, re.IGNORECASE), name


def test_what_is_nobodys_stays(redacted):
    """Versions, well-known accounts and SIDs, ordinary words and the product's names are as they were."""
    text = done("events", redacted[2] / "data/case.db", "--source", "Probe", "--format", "json").stdout
    for word in (
        "8.1.240.6",
        "S-1-5-18",
        "S-1-5-32-544",
        "NT AUTHORITY",
        "Administrator",
        "ordinary text",
        "plans.xls",
    ):
        assert word in text
    assert "Forefront" in (redacted[2] / "data/timeline.csv").read_text(encoding="utf-8")


def test_raw_evidence_and_contents_are_left_out(redacted):
    """There is no file of evidence, no stored content and no binary value in it."""
    _, bundle, bag, _ = redacted
    assert not [name for name in members(bundle) if "/data/evidence/" in name]
    connection = sqlite3.connect(bag / "data/case.db")
    assert connection.execute("SELECT count(*) FROM contents WHERE bytes IS NOT NULL").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM events WHERE data IS NOT NULL").fetchone() == (0,)
    assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    connection.close()
    text = (bag / "data/evidence.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["in_bundle"] for row in rows} == {"left_out"}
    assert all(row["sha256"] for row in rows)


def test_it_is_a_whole_bundle(redacted):
    """The other validator and `bundle verify` accept it, and say that names were replaced."""
    bagit.Bag(str(redacted[2])).validate()
    result = done("bundle", "verify", redacted[1])
    assert result.stdout == ""
    assert "pseudonyms" in result.stderr


def test_the_audit_is_made_anew_and_tied_to_the_other(redacted, made):
    """The enclosed audit is whole; its last row and bag-info.txt name the last hash of the one it was made of."""
    enclosed = redacted[2] / "data/case.db"
    assert done("verify", enclosed).stdout == ""
    with Case.open(made) as case:
        original = last_hash(case)
    with Case.open(enclosed) as case:
        action, detail = next(case.rows("SELECT action, detail FROM audit ORDER BY id DESC LIMIT 1"))
        own = last_hash(case)
    info = (redacted[2] / "bag-info.txt").read_text()
    assert action == "redact"
    assert json.loads(detail)["original_hash"] == original
    assert f"CCRF-Audit-Hash: {original}\n" in info
    assert f"CCRF-Case-Audit-Hash: {own}\n" in info


def test_findings_are_the_same_but_for_names(redacted):
    """Every command answers on the redacted case what it answers on the case, with names replaced."""
    case, _, bag, _ = redacted
    key = key_of(case)

    def renamed(text):
        for name in sorted(key, key=len, reverse=True):
            text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", key[name], text, flags=re.IGNORECASE)
        return text

    enclosed = bag / "data/case.db"
    for command in (["roles"], ["overwrites", "--all"], ["backups", "list"], ["timeline"]):
        before = json.loads(renamed(done(command[0], *command[1:], case, "--format", "json").stdout))
        assert json.loads(done(command[0], *command[1:], enclosed, "--format", "json").stdout) == before
    assert (bag / "data/timeline.csv").read_text("utf-8") == done("timeline", enclosed, "--format", "csv").stdout
    roles = json.loads((bag / "data/findings/roles.json").read_text())
    assert (roles["group"], roles["nodes"]) == ("CMS-1", ["NODE-1", "NODE-2"])


def test_every_command_opens_the_redacted_case(redacted, tmp_path):
    """Commands that read a case read this one, search in it finds pseudonyms, and contents are said to be left out."""
    enclosed = redacted[2] / "data/case.db"
    for command in (
        ["evidence", enclosed],
        ["events", enclosed, "--grep", "NODE-1", "--limit", "3"],
        ["overwrites", enclosed, "--explain", "overwrite:1"],
        ["roles", enclosed, "--explain", "transition:1"],
        ["backups", "show", enclosed, "1"],
        ["backups", "diff", enclosed, "1"],
    ):
        assert done(*command).stdout
    result = run("fdb", "show", "file:1", "--case", enclosed)
    assert result.exit_code == 1
    assert "holds no contents" in result.stderr
    make(enclosed, tmp_path / "again.zip")


def test_one_name_has_one_pseudonym_everywhere(redacted):
    """Node names in tables, texts, paths and findings are the same two pseudonyms; lengths are not kept."""
    key = key_of(redacted[0])
    assert (key["mailsrva"], key["mailsrvb"], key["postbox"]) == ("NODE-1", "NODE-2", "CMS-1")
    assert len(set(key.values())) == len(key)
    connection = sqlite3.connect(redacted[2] / "data/case.db")
    assert {row[0] for row in connection.execute("SELECT DISTINCT node FROM events")} == {"NODE-1", "NODE-2"}
    assert {row[0].split("/")[0] for row in connection.execute("SELECT path FROM evidence")} == {"NODE-1", "NODE-2"}
    (strings,) = connection.execute("SELECT strings FROM events WHERE strings LIKE '%alone%'").fetchone()
    connection.close()
    mail = key["anna.bell@fabrikam.example"]
    assert json.loads(strings) == [
        f"Mail to {mail} from {key['sales-emea@tailspin.example']}",
        f"of {key['anna.bell']} alone, {key['anna.bell']}",
    ]


def test_the_key_and_the_list_stay_beside_the_case(redacted):
    """The key and the review list are for their owner only, and are not in the bundle, nor is their name."""
    case, bundle, *_ = redacted
    for name in (".pseudonyms.json", ".redaction-review.csv"):
        assert stat.S_IMODE(case.with_name(case.name + name).stat().st_mode) == 0o600
    assert not [name for name in members(bundle) if "pseudonym" in name or "review" in name]


def test_the_review_list_names_what_was_replaced_and_what_was_not(redacted):
    """Replaced names are there with their number, and capitalised words that are left with theirs."""
    rows = {(row["what"], row["word"]): row for row in review_of(redacted[0])}
    assert int(rows["replaced", "MAILSRVA"]["times"]) > 100
    assert rows["replaced", "orchid-9"]["how"] == "named by the analyst"
    for word in ("Wanda", "Maximoff", "Kirkland"):
        assert ("not replaced", word) in rows
    assert not [word for what, word in rows if what.startswith("not") and token(word).fullmatch(b"MAILSRVA")]


def test_the_same_case_and_key_give_the_same_bytes(made, redacted, tmp_path):
    """Made again, and made elsewhere without a key, a bundle with pseudonyms is the same."""
    make(redacted[0], tmp_path / "again.zip", "--also", "orchid-9")
    elsewhere = copied(made, tmp_path)
    make(elsewhere, tmp_path / "other.zip", "--also", "orchid-9")
    contents = {path.read_bytes() for path in (redacted[1], tmp_path / "again.zip", tmp_path / "other.zip")}
    assert len(contents) == 1


def test_more_evidence_leaves_pseudonyms_as_they_were(made, tmp_path):
    """A name keeps its pseudonym in later bundles of the case, whatever came to it."""
    case = copied(made, tmp_path)
    make(case, tmp_path / "1.zip")
    before = key_of(case)
    more = tmp_path / "AAASRV"
    more.mkdir()
    (more / "Probe.evt").write_bytes(log_of([r"FABRIKAM\aardvark"], computer="AAASRV.fabrikam.example"))
    done("ingest", case, more)
    make(case, tmp_path / "2.zip")
    after = key_of(case)
    assert {name: after[name] for name in before} == before
    assert {"aardvark", "aaasrv"} <= set(after) - set(before)


def test_a_leak_is_found_and_no_bundle_is_made(made, tmp_path, monkeypatch):
    """A redactor that forgets one value makes no bundle: exit code 4, the word named, no file, no entry."""
    case = copied(made, tmp_path)
    before = case.read_bytes()
    real = Redaction.replace

    def forgetful(self, text, whole=False):
        return text if "ordinary text" in text or text == r"FABRIKAM\jdoe" else real(self, text, whole)

    monkeypatch.setattr(Redaction, "replace", forgetful)
    result = make(case, tmp_path / "a.zip", code=4)
    assert "jdoe in bundle-SR-17/data/case.db" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
    assert sorted(path.name for path in case.parent.iterdir()) == ["case.db", "evidence"]
    assert case.read_bytes() == before


def test_a_ticket_that_holds_a_name_is_refused(made, tmp_path):
    """A ticket's ID goes into the bundle as it is, so it may not hold a name."""
    case = copied(made, tmp_path)
    result = run("bundle", "create", case, "--ticket", "FABRIKAM-12", "-o", tmp_path / "a.zip", "--redact")
    assert result.exit_code == 4
    assert "FABRIKAM" in result.stderr.upper()
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("word", ["", "  ", "---", "12", "node", "two\nlines"])
def test_words_that_cannot_be_replaced_are_wrong_usage(made, tmp_path, word):
    """What is no word, or what pseudonyms are made of, is refused before anything is done."""
    result = run("bundle", "create", made, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact", "--also", word)
    assert result.exit_code == 2
    assert not (tmp_path / "a.zip").exists()


def test_ordinary_words_are_replaced_only_where_they_are_names(tmp_path):
    """A user called like a word of the product is replaced as a user; the word stays, and the analyst is told."""
    strings = [[r"FABRIKAM\backup"], ["the backup was made"], [r"C:\Users\backup\x"], ["backup@fabrikam.example"]]
    case = case_of(tmp_path / "x", SETTING, {"MAILSRVA/Logs/Probe.evt": log_of(*strings)})
    result = make(case, tmp_path / "a.zip")
    assert "backup" in result.stderr
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    rows = json.loads(done("events", bag / "data/case.db", "--source", "Probe", "--format", "json").stdout)
    shown = [row["strings"][0] for row in rows]
    key = key_of(case)
    user, domain = key["backup"], key["fabrikam"]
    assert shown == [
        f"{domain}\\{user}", "the backup was made", f"C:\\Users\\{user}\\x", key["backup@fabrikam.example"]
    ]  # fmt: skip


def test_a_pseudonym_that_stands_in_the_evidence_is_not_given(tmp_path):
    """Text that looks like a pseudonym is no other's: the number is passed over."""
    case = case_of(tmp_path / "x", SETTING, {"MAILSRVA/Logs/Probe.evt": log_of(["about NODE-1 and cms-1"])})
    make(case, tmp_path / "a.zip")
    key = key_of(case)
    assert (key["mailsrva"], key["mailsrvb"], key["postbox"]) == ("NODE-2", "NODE-3", "CMS-2")


def test_names_in_a_profile_are_replaced(made, tmp_path):
    """The profile of a case is text like any other, and still one that can be read."""
    profile = tmp_path / "mine.toml"
    profile.write_text('schema = 1\nextends = "fse-ccr"\nname = "mine"\ntitle = "of FABRIKAM"\n', encoding="utf-8")
    case = copied(made, tmp_path)
    done("ingest", case, case.parent / "evidence" / "MAILSRVA", "--profile", profile)
    make(case, tmp_path / "a.zip")
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    assert (
        "of DOMAIN-1"
        in sqlite3.connect(bag / "data/case.db")
        .execute("SELECT value FROM settings WHERE key = 'profile'")
        .fetchone()[0]
    )
    done("roles", bag / "data/case.db")


def test_a_table_of_somebody_else_is_left_out(made, tmp_path):
    """Tables, views and triggers that are no part of a case are not in the bundle: nobody knows what they hold."""
    case = copied(made, tmp_path)
    with sqlite3.connect(case) as connection:
        connection.execute("CREATE TABLE mine(note)")
        connection.execute("INSERT INTO mine VALUES ('jdoe')")
        connection.execute("CREATE VIEW seen AS SELECT 'jdoe' AS who")
    connection.close()
    make(case, tmp_path / "a.zip")
    bag = unpacked(tmp_path / "a.zip", tmp_path / "a")
    connection = sqlite3.connect(bag / "data/case.db")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert not names & {"mine", "seen"}


def test_a_bad_key_is_not_overwritten(made, tmp_path):
    """A file in the key's place that is no key is left alone, and the analyst is told."""
    case = copied(made, tmp_path)
    key = case.with_name("case.db.pseudonyms.json")
    key.write_text("[]")
    assert run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact").exit_code == 2
    assert key.read_text() == "[]"
    shutil.rmtree(case.parent)


@pytest.mark.parametrize(("scenario", "system"), [("window-forced-sync", "2003"), ("passive-edit", "2008")])
def test_other_incidents_are_told_alike(tmp_path, scenario, system):
    """Both systems' logs, copies in both nodes' logs included: the same findings, the same ids, other names."""
    setting = Setting(
        scenario, system, 3, node_names=("MAILSRVA", "MAILSRVB"), domain="fabrikam.example", cms="POSTBOX"
    )
    case = case_of(tmp_path / "x", setting)
    make(case, tmp_path / "a.zip")
    enclosed = unpacked(tmp_path / "a.zip", tmp_path / "a") / "data/case.db"
    before = done("overwrites", case, "--format", "json").stdout
    for name, pseudonym in (("MAILSRVA", "NODE-1"), ("MAILSRVB", "NODE-2"), ("POSTBOX", "CMS-1")):
        before = before.replace(name, pseudonym)
    assert done("overwrites", enclosed, "--format", "json").stdout == before
    assert done("verify", enclosed).stdout == ""
