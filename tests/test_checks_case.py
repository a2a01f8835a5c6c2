"""From files to checks: registry exports, the cluster's hive, Security logs and captures, read as they come."""

from __future__ import annotations

import pytest
from checkpoint_cases import PRODUCT_KEY, answer, case_of, event, installed, removed

from samples.builders.hives import hive, keys, text

AUDITING = "Microsoft-Windows-Security-Auditing"
ADMIN = "S-1-5-21-1-2-3-500"
WOW_KEY = PRODUCT_KEY.replace("SOFTWARE\\", "SOFTWARE\\Wow6432Node\\")
SYSTEMINFO = (
    "Host Name:                 {}\nOS Name:                   Microsoft(R) Windows(R) Server 2003\n"
    "OS Version:                {}\nSystem Type:               {}\nTotal Physical Memory:     2,047 MB\n"
)
GROUP = "Group                Node            Status\n-------------------- --------------- ------\n"


def check(case, name):
    return next(row for row in answer("check", case) if row["id"] == name)


def export(path):
    return (
        f'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\{WOW_KEY}]\r\n"InstalledPath"="{path}"\r\n'
    )


def clusdb(*checkpoints):
    """The cluster's hive with these registry checkpoints of one resource."""
    listed = {f"{number:08}": text(key) for number, key in enumerate(checkpoints, 1)}
    resource = r"Resources\0a1b2c3d-0000-4444-8888-aabbccddeeff"
    tree = {
        resource: {"Name": text("Exchange Information Store Instance (CMS1)")},
        rf"{resource}\RegSync": listed,
        r"Groups\G1": {"Name": text("CMS1")},
        r"Nodes\1": {"NodeName": text("EXNODE1")},
    }
    return hive(keys(tree), name="CLUSDB")


@pytest.mark.parametrize(("second", "status"), [(r"C:\\Program Files (x86)\\FSE\\", "pass"), (r"D:\\FSE", "violation")])
def test_exports_of_both_registries_tell_the_path(tmp_path, second, status):
    """Certain, because the value is documented; each export is named as evidence."""
    paths = {"EXNODE1": r"C:\\Program Files (x86)\\FSE", "EXNODE2": second}
    nodes = {
        node: {"app.xml": [installed(node, "2008-01-01T10:00:00")], "fse.reg": export(path)}
        for node, path in paths.items()
    }
    row = check(case_of(tmp_path, nodes), "G06")
    assert (row["status"], row["confidence"]) == (status, "certain")
    assert [reference.split(":")[0] for reference in row["evidence"]] == ["evidence", "evidence"]


@pytest.mark.parametrize(("left", "status"), [((), "pass"), ((PRODUCT_KEY,), "violation")])
def test_the_cluster_s_hive_tells_whether_a_checkpoint_is_left(tmp_path, left, status):
    """Removed from both nodes in 2008, and a hive that was copied today: it lists the checkpoint, or none."""
    nodes = {
        node: {"app.xml": [installed(node, f"2008-01-01T1{n}:00:00"), removed(node, f"2008-03-01T1{n}:00:00")]}
        for n, node in enumerate(("EXNODE1", "EXNODE2"))
    }
    nodes["EXNODE1"]["CLUSDB"] = clusdb(*left)
    row = check(case_of(tmp_path, nodes), "G17")
    assert row["status"] == status
    assert any(reference.startswith(("evidence:", "checkpoint:")) for reference in row["evidence"])


@pytest.mark.parametrize(("kind", "status"), [("2", "pass"), ("10", "pass"), ("3", "unknown")])
def test_logons_of_the_day_of_the_installation_are_looked_at(tmp_path, kind, status):
    """At the console, through a terminal server; over the network alone it is no session."""
    strings = ("S-1-5-18", "N", "D", "0x1", ADMIN, "admin", "D", "0x2", kind)
    nodes = {
        "EXNODE1": {
            "app.xml": [installed("EXNODE1", "2008-01-01T10:00:00")],
            "sec.xml": [event("EXNODE1", "2008-01-01T09:50:00", AUDITING, 4624, *strings, log="Security")],
        }
    }
    row = check(case_of(tmp_path, nodes), "G04")
    assert row["status"] == status
    assert len(row["evidence"]) == (2 if status == "pass" else 1)


def test_captures_of_two_machines_tell_of_their_systems(tmp_path):
    """One of them is no x64 machine."""
    nodes = {
        "EXNODE1": {
            "app.xml": [installed("EXNODE1", "2008-01-01T10:00:00")],
            "a.txt": SYSTEMINFO.format("EXNODE1", "5.2.3790 Service Pack 2 Build 3790", "x64-based PC"),
        },
        "EXNODE2": {
            "app.xml": [installed("EXNODE2", "2008-01-01T11:00:00")],
            "b.txt": SYSTEMINFO.format("EXNODE2", "5.2.3790 Service Pack 2 Build 3790", "X86-based PC"),
        },
    }
    row = check(case_of(tmp_path, nodes), "G18")
    assert (row["status"], row["confidence"]) == ("violation", "certain")
    assert "EXNODE2" in row["why"]


def test_hostile_captures_and_names_do_no_harm(tmp_path):
    """Control characters, formulas and endless lines in captures are text, and the answer has all eighteen rows."""
    hostile = SYSTEMINFO.format("=cmd|x\x1b[2J", "9" * 500, "x" * 5000) + GROUP + "\x1b]0;x\x07 N Online\n" * 9000
    nodes = {"EXNODE1": {"app.xml": [installed("EXNODE1", "2008-01-01T10:00:00")], "a.txt": hostile}}
    rows = answer("check", case_of(tmp_path, nodes))
    assert len(rows) == 18
    assert not any(row["status"] == "violation" for row in rows)
