"""Which checkpoints are stale: on small cases with listings, hives, lists of files and scripts beside the events."""

from __future__ import annotations

import os
from itertools import permutations

import pytest
from checkpoint_cases import (
    PRODUCT_KEY,
    SCAN_KEY,
    STORE,
    answer,
    case_of,
    event,
    installed,
    not_restored,
    removed,
    run,
)

from forensics.case.store import Case
from samples.builders.checkpoint_listings import check, cmdlet, transcript
from samples.builders.hives import hive, keys, number, text

GUID = "0a1b2c3d-0000-4444-8888-aabbccddeeff"
BEFORE = installed("EXNODE1", "2008-01-01T00:00:00")
GONE = removed("EXNODE1", "2008-01-10T00:00:00")
BOOT2 = event("EXNODE2", "2008-01-01T00:00:00", "EventLog", 6005, log="System")
GONE2 = removed("EXNODE2", "2008-01-10T01:00:00")
LISTED = check([(STORE, PRODUCT_KEY), (STORE, SCAN_KEY)], name=STORE)
HOME = r"C:\Program Files\Microsoft Forefront Security\Exchange Server"
LIBRARY = text(rf"{HOME}\FSEVsapiEx.dll")


def clusdb(registry=(PRODUCT_KEY, SCAN_KEY), crypto=(), state=0):
    paths = {
        rf"Resources\{GUID}": {"Name": text(STORE), "PersistentState": number(state)},
        rf"Resources\{GUID}\RegSync": {f"{one:08}": text(key) for one, key in enumerate(registry, start=1)},
        "Groups": {},
        "Nodes": {},
    }
    if crypto:
        paths[rf"Resources\{GUID}\CryptoSync"] = {f"{one:08}": text(key) for one, key in enumerate(crypto, start=1)}
    return hive(keys(paths), name="CLUSDB")


def system(library=LIBRARY):
    below = SCAN_KEY.partition("CurrentControlSet\\")[2]
    return hive(keys({"Select": {"Current": number(1)}, rf"ControlSet001\{below}": {"Library": library}}))


def folder_listing(*names):
    """What `dir /s` prints of the product's folder with its Data folder; `names` are files of the program."""
    lines = [" Volume in drive C has no label.", "", f" Directory of {HOME}", ""]
    lines += ["13/01/2008  10:00    <DIR>          Data"]
    lines += [f"13/01/2008  10:00            12,345 {name}" for name in names]
    lines += ["", f" Directory of {HOME}\\Data", "", "13/01/2008  10:00             4,096 ScanJobs.fdb", ""]
    return "\r\n".join(lines)


def listed(case, key=None):
    rows = answer("checkpoints", "list", case)
    return rows if key is None else next(row for row in rows if row["key"] == key)


def aged(folder, moment):
    """Give every file of a folder that last-modified time (Unix seconds)."""
    for path in folder.rglob("*"):
        os.utime(path, (moment, moment))


def test_one_checkpoint_of_many_sources_is_one_row(tmp_path):
    """Listing, cluster hive, saved data and an event of one checkpoint make one row with all of them as evidence."""
    saved = hive(keys({"": {"Library": LIBRARY}}))
    files = {
        "events.xml": [BEFORE, GONE, not_restored("EXNODE1", "2008-01-11T00:00:00", SCAN_KEY)],
        "check.txt": check([(STORE, SCAN_KEY)]),
        "ps.txt": cmdlet([(STORE, SCAN_KEY)], width=80),
        "Cluster/CLUSDB": clusdb(),
        f"MSCS/{GUID}/00000002.CPT": saved,
    }
    case = case_of(tmp_path, {"EXNODE1": files})
    rows = listed(case)
    assert [(row["resource"], row["key"]) for row in rows] == [(STORE, PRODUCT_KEY), (STORE, SCAN_KEY)]
    assert sorted({text.partition(":")[0] for text in rows[1]["evidence"]}) == ["event", "registry", "sighting"]
    assert sum(text.startswith("sighting:") for text in rows[1]["evidence"]) == 4
    with Case.open(case) as opened:
        for table, prefix in (
            ("checkpoint_sightings", "sighting:"),
            ("registry_values", "registry:"),
            ("events", "event:"),
        ):
            there = {f"{prefix}{row[0]}" for row in opened.rows(f"SELECT id FROM {table}")}  # noqa: S608
            assert {text for row in rows for text in row["evidence"] if text.startswith(prefix)} <= there
    assert [(row["stale"], row["online"]) for row in rows] == [(True, False)] * 2


def test_two_kinds_of_evidence_on_every_node_make_it_certain(tmp_path):
    """Removed by the events, its files missing, the checkpoint seen after that: certain; with less it is not."""
    files = {"events.xml": [BEFORE, GONE], "check.txt": LISTED, "dir.txt": folder_listing(), "SYSTEM": system()}
    row = listed(case_of(tmp_path / "a", {"EXNODE1": files}), SCAN_KEY)
    assert (row["stale"], row["confidence"]) == (True, "certain")
    assert "FSEVsapiEx.dll" in row["why"]
    del files["dir.txt"]
    row = listed(case_of(tmp_path / "b", {"EXNODE1": files}), SCAN_KEY)
    assert (row["stale"], row["confidence"]) == (True, "probable")
    row = listed(case_of(tmp_path / "c", {"EXNODE1": files, "EXNODE2": {"events.xml": [BOOT2]}}), SCAN_KEY)
    assert (row["stale"], row["confidence"]) == (True, "possible")
    assert "EXNODE2" in row["why"]


@pytest.mark.parametrize(
    ("files", "stale"),
    [
        ({"dir.txt": folder_listing()}, True),
        ({"dir.txt": folder_listing("FSECCRService.exe")}, False),
        ({"events.xml": [BEFORE], "dir.txt": folder_listing()}, True),
        ({"SOFTWARE": hive(keys({"Classes": {}, "Microsoft": {}}))}, True),
        ({"SYSTEM": system()}, None),
        ({}, None),
    ],
    ids=["files missing", "files there", "files missing later", "keys absent", "library only", "nothing"],
)
def test_files_and_keys_tell_where_no_event_does(tmp_path, files, stale):
    """Program files that a list shows to be missing, and keys that are not in the registry, say that it is gone."""
    row = listed(case_of(tmp_path, {"EXNODE1": {"check.txt": LISTED, **files}}), SCAN_KEY)
    assert row["stale"] is stale
    assert row["why"]


def test_another_products_scanner_needs_the_key(tmp_path):
    """Where the store scans with another product's library, the checkpoint is that product's, and has no command."""
    files = {"events.xml": [BEFORE, GONE], "check.txt": LISTED, "SYSTEM": system(text(r"C:\Other\vsapi.dll"))}
    case = case_of(tmp_path, {"EXNODE1": files})
    row = listed(case, SCAN_KEY)
    assert (row["configured_by_product"], row["stale"], row["command"]) == (False, False, None)
    assert "vsapi.dll" in row["why"]
    assert listed(case, PRODUCT_KEY)["stale"] is True


def test_what_was_seen_before_the_removal_only_is_not_known(tmp_path):
    """A listing that is older than the removal says nothing of now; the cluster's own file does, less surely."""
    case_of(tmp_path / "a", {"EXNODE1": {"events.xml": [BEFORE, GONE], "check.txt": LISTED}})
    aged(tmp_path / "a" / "evidence", 1_199_700_000)  # 7 January 2008
    run("ingest", tmp_path / "a" / "again.db", tmp_path / "a" / "evidence" / "EXNODE1")
    assert listed(tmp_path / "a" / "again.db", SCAN_KEY)["stale"] is None
    case_of(tmp_path / "b", {"EXNODE1": {"events.xml": [BEFORE, GONE], "Cluster/CLUSDB": clusdb()}})
    aged(tmp_path / "b" / "evidence", 1_199_700_000)
    run("ingest", tmp_path / "b" / "again.db", tmp_path / "b" / "evidence" / "EXNODE1")
    row = listed(tmp_path / "b" / "again.db", SCAN_KEY)
    assert (row["stale"], row["confidence"]) == (True, "possible")


def test_a_name_that_stays_cut_has_no_command(tmp_path):
    """Where nothing tells the whole name of the resource, none is made up and there is no command."""
    case = case_of(tmp_path, {"EXNODE1": {"events.xml": [BEFORE, GONE], "check.txt": check([(STORE, SCAN_KEY)])}})
    (row,) = listed(case)
    assert (row["resource"], row["stale"], row["command"]) == (None, True, None)
    assert "Exchange Information" in row["why"]


def test_the_order_of_ingest_does_not_matter(tmp_path):
    """Whatever comes first, the checkpoints are the same but for the numbers of their evidence."""
    case_of(
        tmp_path,
        {
            "EXNODE1": {"events.xml": [BEFORE, GONE], "check.txt": check([(STORE, SCAN_KEY)]), "SYSTEM": system()},
            "EXNODE2": {"events.xml": [BOOT2, GONE2], "CLUSDB": clusdb(crypto=[r"1\A\B"])},
        },
    )
    nodes = [tmp_path / "evidence" / name for name in ("EXNODE1", "EXNODE2")]
    answers = []
    for at, order in enumerate(permutations(nodes)):
        for node in order:
            run("ingest", tmp_path / f"{at}.db", node)
        answers.append([{**row, "evidence": len(row["evidence"])} for row in listed(tmp_path / f"{at}.db")])
    assert answers[0] == answers[1]
    assert {(row["node"], row["kind"]) for row in answers[0]} == {
        ("EXNODE1", "registry"), ("EXNODE2", "registry"), ("EXNODE2", "crypto"),
    }  # fmt: skip


def test_typographic_quotes_are_told(tmp_path):
    """Scripts and transcripts with curly quotes in cluster commands are named with their lines."""
    script = "@echo off\r\nrem a note\r\ncluster res \u201cA\u201d /removecheck:\u201cX\u201d\r\n"
    files = {
        "fix.cmd": script.encode("cp1252"),
        "note.txt": "she said \u201chello\u201d\r\n",
        "log.txt": transcript(("cluster res \u201cA\u201d /check", "not found"), ('cluster res "A" /check', LISTED)),
    }
    case = case_of(tmp_path, {"EXNODE1": files})
    with Case.open(case) as opened:
        sql = "SELECT e.path, q.line, q.text FROM curly_quotes q JOIN evidence e ON e.id = q.evidence_id ORDER BY 1"
        found = list(opened.rows(sql))
    assert [(path, line) for path, line, _ in found] == [("EXNODE1/fix.cmd", 3), ("EXNODE1/log.txt", 1)]
    assert "\u201cA\u201d" in found[0][2]
    assert "EXNODE1/fix.cmd line 3" in run("checkpoints", "list", case).stderr
    told = run("investigate", tmp_path / "evidence" / "EXNODE1", "--case", tmp_path / "new.db")
    assert "EXNODE1/log.txt line 1" in told.stdout


def test_investigate_tells_of_stale_checkpoints_and_what_to_do(tmp_path):
    """A stale checkpoint has its section, and the steps lead to the list and to the check afterwards."""
    files = {"events.xml": [BEFORE, GONE], "check.txt": LISTED}
    case_of(tmp_path, {"EXNODE1": files})
    told = run("investigate", tmp_path / "evidence" / "EXNODE1", "--case", tmp_path / "new.db")
    assert told.exit_code == 0
    assert f"Stale: {SCAN_KEY}, kept for {STORE}." in " ".join(told.stdout.split())
    assert f"ccrf checkpoints list {tmp_path / 'new.db'}" in told.stdout
    assert f"ccrf checkpoints verify {tmp_path / 'new.db'} AFTER.txt" in told.stdout


# --- verify -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A case with two stale checkpoints, one of another product and a crypto checkpoint."""
    hive_ = clusdb(registry=[PRODUCT_KEY, SCAN_KEY, r"SOFTWARE\Other"], crypto=[r"1\A\B"])
    files = {"events.xml": [BEFORE, GONE], "Cluster/CLUSDB": hive_}
    return case_of(tmp_path_factory.mktemp("before"), {"EXNODE1": files})


OTHER = r"SOFTWARE\Other"
CRYPTO = check([(STORE, r"1\A\B")], name=STORE, crypto=True)


def in_order(rows):
    """The outcomes of the crypto checkpoint, the other product's, the product's two, and of what is new."""
    order = [r"1\A\B", OTHER, PRODUCT_KEY, SCAN_KEY]
    return [row["outcome"] for row in sorted(rows, key=lambda row: [*order, row["key"]].index(row["key"]))]


@pytest.mark.parametrize(
    ("after", "code", "outcomes"),
    [
        (check([(STORE, OTHER)], name=STORE), 0, ["not_shown", "kept", "gone", "gone"]),
        (check([(STORE, OTHER)]), 0, ["not_shown", "kept", "gone", "gone"]),
        (check([(STORE, OTHER)], name=STORE) + CRYPTO, 0, ["kept", "kept", "gone", "gone"]),
        (check([(STORE, OTHER), (STORE, SCAN_KEY)], name=STORE), 3, ["not_shown", "kept", "gone", "still_there"]),
        (check([]), 3, ["not_shown", "should_not_have_gone", "gone", "gone"]),
        (check([("Cluster Name", "SOFTWARE\\X")], name="Cluster Name"), 3, ["not_shown"] * 4 + ["new"]),
        (cmdlet([(STORE, OTHER)]), 3, ["should_not_have_gone", "kept", "gone", "gone"]),
        (cmdlet([(STORE, OTHER), (STORE, r"1\A\B")], form="list"), 0, ["kept", "kept", "gone", "gone"]),
        (clusdb(registry=[OTHER], crypto=[r"1\A\B"]), 0, ["kept", "kept", "gone", "gone"]),
        (clusdb(registry=[OTHER]), 3, ["should_not_have_gone", "kept", "gone", "gone"]),
    ],
    ids=[
        "clean", "clean, cut names", "with crypto", "one left", "too much gone", "another resource", "crypto gone",
        "list", "hive", "hive without crypto",
    ],
)  # fmt: skip
def test_verify_tells_what_became_of_each(before, tmp_path, after, code, outcomes):
    """Gone, still there, kept, gone that should not be, or not shown: each row, and the exit code for scripts."""
    path = tmp_path / "AFTER.txt"
    path.write_bytes(after if isinstance(after, bytes) else after.encode())
    with Case.open(before) as opened:
        state = list(opened.rows("SELECT * FROM checkpoints")), opened.counts()
    rows = answer("checkpoints", "verify", before, path, code=code)
    assert sorted(row["key"] for row in rows[:4]) == sorted([r"1\A\B", OTHER, PRODUCT_KEY, SCAN_KEY])
    assert in_order(rows) == outcomes
    with Case.open(before) as opened:
        assert (list(opened.rows("SELECT * FROM checkpoints")), opened.counts()) == state
    assert run("checkpoints", "verify", before, path).exit_code == code


def test_a_registry_export_shows_the_state_too(before, tmp_path):
    """An export of the cluster's key does as well as its hive."""
    top = rf"HKEY_LOCAL_MACHINE\Cluster\Resources\{GUID}"
    lines = ["Windows Registry Editor Version 5.00", "", f"[{top}]", f'"Name"="{STORE}"', "", rf"[{top}\RegSync]"]
    lines += [r'"00000003"="SOFTWARE\\Other"', "", rf"[{top}\CryptoSync]", r'"00000001"="1\\A\\B"', ""]
    path = tmp_path / "cluster.reg"
    path.write_bytes("\r\n".join(lines).encode("utf-16"))
    rows = answer("checkpoints", "verify", before, path)
    assert in_order(rows) == ["kept", "kept", "gone", "gone"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", 3),
        ("note.txt", b"all done, looks fine\n", 3),
        ("SOFTWARE", hive(keys({"Classes": {}})), 3),
        ("x.reg", b"REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n", 3),
        ("cut", clusdb(registry=[OTHER], crypto=[r"1\A\B"])[:-4096], 3),
        (None, b"", 2),
    ],
)
def test_what_shows_nothing_is_no_proof(before, tmp_path, name, content, code):
    """A file that is no listing, a damaged one and a missing one never say that a cleanup worked."""
    path = tmp_path / (name or "missing")
    if name:
        path.write_bytes(content)
    result = run("checkpoints", "verify", before, path)
    assert result.exit_code == code
    assert "Traceback" not in result.output
