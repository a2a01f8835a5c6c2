"""What a case keeps of registry hives and exports, and what it says of them."""

from __future__ import annotations

import pytest
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE, case_of, run

from forensics.case.store import Case
from forensics.profile import load_profile
from forensics.registry_keys import RegistryKeys
from samples.builders.hives import hive, keys, number, text

GUID = "0a1b2c3d-0000-4444-8888-aabbccddeeff"
CLUSDB = hive(
    keys(
        {
            rf"Resources\{GUID}": {"Name": text(STORE), "PersistentState": number(1)},
            rf"Resources\{GUID}\RegSync": {"00000001": text(PRODUCT_KEY), "00000002": text(SCAN_KEY)},
            rf"Resources\{GUID}\CryptoSync": {"00000001": text(r"1\Provider\Key")},
            rf"Resources\{GUID}\Parameters": {"Secret": text("not kept")},
            r"Groups\G1": {"Name": text("CMS1")},
            r"Nodes\1": {"NodeName": text("EXNODE1")},
            "Networks": {},
        }
    ),
    name="CLUSDB",
)
SOFTWARE = hive(
    keys(
        {
            "Classes": {},
            r"Microsoft\Forefront Server Security\Exchange Server": {"InstalledPath": text("C:\\FSE")},
            r"Wow6432Node\Microsoft\Forefront Server Security\Exchange Server\Deep": {"X": number(7)},
            r"Microsoft\Other": {"Y": text("not kept")},
        }
    ),
)
LIBRARY = text(r"C:\FSE\FSEVsapiEx.dll")
SCAN_BELOW = SCAN_KEY.partition("CurrentControlSet\\")[2]
SYSTEM = hive(
    keys(
        {
            "Select": {"Current": number(2)},
            rf"ControlSet001\{SCAN_BELOW}": {"Library": text("C:\\old.dll")},
            rf"ControlSet002\{SCAN_BELOW}": {"Library": LIBRARY, "Enabled": number(1)},
        }
    )
)


def values(case):
    with Case.open(case) as opened:
        rows = opened.rows(
            "SELECT key, name, type, value FROM registry_values WHERE name IS NOT NULL ORDER BY key, name"
        )
        return list(rows)


def evidence(case):
    with Case.open(case) as opened:
        return {row.path.rsplit("/", 1)[-1]: row for row in opened.evidence()}


def test_a_cluster_hive_gives_resources_nodes_and_checkpoints(tmp_path):
    """Names, states and checkpoints of the cluster are kept, each with its resource; other keys are not."""
    case = case_of(tmp_path, {"EXNODE1": {"Cluster/CLUSDB": CLUSDB}})
    row = evidence(case)["CLUSDB"]
    assert (row.kind, row.status, row.facts["root"], row.facts["values"]) == ("registry_hive", "read", "Cluster", 7)
    top = rf"HKEY_LOCAL_MACHINE\Cluster\Resources\{GUID}"
    kept = values(case)
    assert (top, "Name", "REG_SZ", STORE) in kept
    assert (top, "PersistentState", "REG_DWORD", "1") in kept
    assert (r"HKEY_LOCAL_MACHINE\Cluster\Nodes\1", "NodeName", "REG_SZ", "EXNODE1") in kept
    assert "not kept" not in str(kept)
    with Case.open(case) as opened:
        seen = list(opened.rows("SELECT resource, resource_guid, slot, key, kind, form FROM checkpoint_sightings"))
    assert seen == [
        (STORE, GUID, "00000001", PRODUCT_KEY, "registry", "cluster_registry"),
        (STORE, GUID, "00000002", SCAN_KEY, "registry", "cluster_registry"),
        (STORE, GUID, "00000001", r"1\Provider\Key", "crypto", "cluster_registry"),
    ]


def test_the_machine_hives_give_the_products_keys_in_both_views(tmp_path):
    """Of SOFTWARE both registry views are kept, of SYSTEM the control set that was in use; what is absent is said."""
    files = {
        "config/SOFTWARE": SOFTWARE,
        "config/SYSTEM": SYSTEM,
        "other/SOFTWARE": hive(keys({"Classes": {}, "Microsoft": {}})),
    }
    case = case_of(tmp_path, {"EXNODE1": files})
    assert values(case) == [
        (rf"HKEY_LOCAL_MACHINE\{PRODUCT_KEY}", "InstalledPath", "REG_SZ", "C:\\FSE"),
        (rf"HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node{PRODUCT_KEY[8:]}\Deep", "X", "REG_DWORD", "7"),
        (rf"HKEY_LOCAL_MACHINE\{SCAN_KEY}", "Enabled", "REG_DWORD", "1"),
        (rf"HKEY_LOCAL_MACHINE\{SCAN_KEY}", "Library", "REG_SZ", r"C:\FSE\FSEVsapiEx.dll"),
    ]
    with Case.open(case) as opened:
        facts = {row.path.split("/", 1)[1]: row.facts for row in opened.evidence()}
    assert facts["config/SYSTEM"]["control_set"] == "ControlSet002"
    assert "absent" not in facts["config/SOFTWARE"]
    assert facts["other/SOFTWARE"]["absent"] == r"SOFTWARE\Microsoft\Forefront Server Security"


def test_exports_give_the_same_values_as_hives(tmp_path):
    """A .reg file of the same keys, and a hive of one key alone, give the rows that the whole hives give."""
    lines = [
        "Windows Registry Editor Version 5.00", "",
        rf"[HKEY_LOCAL_MACHINE\{PRODUCT_KEY}]", r'"InstalledPath"="C:\\FSE"', "",
        rf"[HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node{PRODUCT_KEY[8:]}\Deep]", '"X"=dword:00000007', "",
        r"[HKEY_LOCAL_MACHINE\SOFTWARE\Other]", '"Y"="not kept"', "",
    ]  # fmt: skip
    alone = hive(keys({"": {"Library": LIBRARY, "Enabled": number(1)}}))
    one = case_of(tmp_path / "a", {"EXNODE1": {"fse.reg": "\r\n".join(lines).encode("utf-16"), "scan.hiv": alone}})
    two = case_of(tmp_path / "b", {"EXNODE1": {"SOFTWARE": SOFTWARE, "SYSTEM": SYSTEM}})
    assert values(one) == values(two)
    rows = evidence(one)
    assert (rows["fse.reg"].kind, rows["fse.reg"].status) == ("registry_export", "read")
    assert (rows["scan.hiv"].kind, rows["scan.hiv"].facts["root"]) == ("registry_hive", SCAN_KEY)


def test_a_saved_checkpoint_is_in_no_registry(tmp_path):
    """What a .CPT file would bring back is kept apart from what is in the registry, with its resource and number."""
    saved = hive(keys({"": {"Library": LIBRARY}, "Sub": {"a": number(1)}}))
    case = case_of(tmp_path, {"EXNODE1": {f"MSCS/{GUID}/00000002.CPT": saved}})
    above = rf"CHECKPOINT\{GUID}\00000002"
    assert values(case) == [
        (above, "Library", "REG_SZ", r"C:\FSE\FSEVsapiEx.dll"),
        (rf"{above}\Sub", "a", "REG_DWORD", "1"),
    ]
    with Case.open(case) as opened:
        seen = list(opened.rows("SELECT resource, resource_guid, slot, key, form FROM checkpoint_sightings"))
    assert seen == [(None, GUID, "00000002", SCAN_KEY, "saved")]


@pytest.mark.parametrize("content", [CLUSDB[:5000], b"regf" + bytes(8000), CLUSDB[: len(CLUSDB) - 4096]])
def test_a_damaged_hive_is_named(tmp_path, content):
    """A hive of which something is missing makes exit code 3, and its row says what."""
    (tmp_path / "CLUSDB").write_bytes(content)
    result = run("ingest", tmp_path / "case.db", tmp_path / "CLUSDB")
    assert result.exit_code == 3
    row = evidence(tmp_path / "case.db")["CLUSDB"]
    assert row.kind == "registry_hive"
    assert row.status in {"partial", "failed"}
    assert row.problem


def test_the_profile_says_which_keys_matter():
    """The rows match a key in either registry view and any control set, from the root on or without it."""
    ours = RegistryKeys(load_profile())
    found = {
        key: getattr(ours.row_of(key), "part", None)
        for key in (
            PRODUCT_KEY, rf"HKEY_LOCAL_MACHINE\{PRODUCT_KEY.upper()}\Below", rf"SOFTWARE\Wow6432Node{PRODUCT_KEY[8:]}",
            r"SYSTEM\ControlSet003" + SCAN_KEY[24:], r"HKLM\Cluster\Resources\x\RegSync",
            r"Cluster\Resources\x\Parameters", r"SOFTWARE\Microsoft", r"HKEY_CURRENT_USER\Cluster\Nodes\1",
            r"SOFTWARE\Microsoft\Forefront Server SecurityX",
        )
    }  # fmt: skip
    assert list(found.values()) == ["product", "product", "product", "scanner", "checkpoints", None, None, None, None]
