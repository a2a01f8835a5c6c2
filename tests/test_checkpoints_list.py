"""`ccrf checkpoints list` and what else tells of checkpoints, on small cases."""

from __future__ import annotations

import pytest
from checkpoint_cases import (
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

FIELDS = [
    "id", "node", "resource", "key", "kind", "configured_by_product", "stale", "evidence", "why", "command",
]  # fmt: skip


def listed(folder, one, two=None):
    """The checkpoints of a case with events on one node or two."""
    nodes = {"EXNODE1": {"events.xml": one}} | ({"EXNODE2": {"events.xml": two}} if two else {})
    return answer("checkpoints", "list", case_of(folder, nodes))


BOOT = event("EXNODE2", "2008-01-01T00:00:00", "EventLog", "6005", log="System")
BEFORE = installed("EXNODE1", "2008-01-01T00:00:00")
GONE = removed("EXNODE1", "2008-01-10T00:00:00")
GONE_TOO = removed("EXNODE2", "2008-01-10T01:00:00")
SEEN = not_restored("EXNODE1", "2008-01-11T00:00:00", SCAN_KEY)


@pytest.mark.parametrize(
    ("one", "two", "stale"),
    [
        ([BEFORE, SEEN], None, False),
        ([SEEN], None, None),
        ([BEFORE, GONE, SEEN], None, True),
        ([BEFORE, GONE, SEEN], [GONE_TOO], True),
        ([BEFORE, GONE, SEEN], [BOOT], True),
        ([BEFORE, GONE, SEEN], [installed("EXNODE2", "2008-01-02T00:00:00")], False),
        ([BEFORE, GONE, installed("EXNODE1", "2008-01-10T12:00:00"), SEEN], None, False),
        ([BEFORE, removed("EXNODE1", "2008-01-10T00:00:00", "1603"), SEEN], None, False),
        ([BEFORE, not_restored("EXNODE1", "2008-01-05T00:00:00", SCAN_KEY), GONE], None, None),
    ],
    ids=[
        "there", "no word", "removed", "removed on both", "other unknown", "other has it", "installed again",
        "removal failed", "seen before the removal only",
    ],
)  # fmt: skip
def test_a_checkpoint_is_stale_where_its_product_is_gone(tmp_path, one, two, stale):
    """Stale where the product was removed and the checkpoint seen after; needed where a node has it; else not known."""
    (row,) = listed(tmp_path, one, two)
    assert list(row)[: len(FIELDS)] == FIELDS
    assert row["stale"] is stale
    assert (row["node"], row["resource"], row["key"], row["kind"]) == ("EXNODE1", STORE, SCAN_KEY, "registry")
    assert row["configured_by_product"] is True
    assert row["confidence"] in {"probable", "possible"}
    if stale is False:
        assert row["command"] is None
    else:
        assert row["command"] == f'cluster res "{STORE}" /removecheckpoints:"{SCAN_KEY}"'


def test_other_products_and_crypto_checkpoints_are_listed_and_never_removed(tmp_path):
    """A checkpoint that the product does not configure, and a crypto checkpoint, have no command and are not stale."""
    crypto = event(
        "EXNODE1", "2008-01-11T00:00:00", "FailoverClustering", 1121, STORE, r"1\Microsoft\Keys", log="System"
    )
    other = not_restored("EXNODE1", "2008-01-11T00:00:00", r"SOFTWARE\Other\Product")
    rows = listed(tmp_path, [BEFORE, GONE, crypto, other])
    assert {(row["kind"], row["configured_by_product"], bool(row["stale"]), row["command"]) for row in rows} == {
        ("crypto", False, False, None),
        ("registry", False, False, None),
    }


def test_the_table_and_investigate_hold_the_same(tmp_path):
    """The case's table has the rows of the list, whose evidence is in the case; `--exit-code` tells of stale ones."""
    case = case_of(tmp_path, {"EXNODE1": {"events.xml": [BEFORE, GONE, SEEN]}})
    rows = answer("checkpoints", "list", case)
    with Case.open(case) as opened:
        events = {f"event:{row[0]}" for row in opened.rows("SELECT id FROM events")}
        stored = list(opened.rows("SELECT id, node, key, stale, confidence, command FROM checkpoints"))
    assert stored == [
        (int(row["id"][11:]), row["node"], row["key"], row["stale"], row["confidence"], row["command"]) for row in rows
    ]
    assert all(set(row["evidence"]) <= events for row in rows)
    assert len(rows[0]["evidence"]) == 2
    told = answer("investigate", tmp_path / "evidence" / "EXNODE1", "--case", tmp_path / "other.db")
    assert told["checkpoints"] == rows
    assert run("checkpoints", "list", case, "--exit-code").exit_code == 10
    assert run("checkpoints", "list", case).exit_code == 0
