"""Names in the evidence of a cluster: listings, hives and text logs; replaced, and the conclusions stay."""

from __future__ import annotations

import json

import pytest
from bundle_stage import done, token, unpacked
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE, case_of, event, installed, removed

from samples.builders.checkpoint_listings import check
from samples.builders.hives import hive, keys, number, text

GUID = "0a1b2c3d-0000-4444-8888-aabbccddeeff"
RESOURCE = STORE.replace("CMS1", "POSTBOX")
NAMES = ["MAILSRVA", "POSTBOX", "WOLFPACK", "fileserv7", "msmith", "192.0.2.77"]
CLUSTER_LOG = (
    "00000b2c.00000c3d::2008/01/10-12:00:00.000 INFO [FM] OnlineGroup POSTBOX on MAILSRVA 192.0.2.77\r\n"
    r"00000b2c.00000c3d::2008/01/10-12:00:01.000 INFO [NM] share \\fileserv7\plans of C:\Users\msmith\x" + "\r\n"
)


def clusdb():
    paths = {
        "": {"ClusterName": text("WOLFPACK")},
        rf"Resources\{GUID}": {"Name": text(RESOURCE), "PersistentState": number(0)},
        rf"Resources\{GUID}\RegSync": {"00000001": text(PRODUCT_KEY), "00000002": text(SCAN_KEY)},
    }
    return hive(keys(paths))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A case of one node with a removed product, and its bundle with pseudonyms, unpacked."""
    folder = tmp_path_factory.mktemp("cluster")
    events = [
        installed("MAILSRVA", "2008-01-01T00:00:00"),
        event("MAILSRVA", "2008-01-02T00:00:00", "ClusSvc", 1062, "WOLFPACK", log="System"),
        event("MAILSRVA", "2008-01-02T00:01:00", "ClusSvc", 1201, "POSTBOX", log="System"),
        removed("MAILSRVA", "2008-01-09T00:00:00"),
    ]
    files = {
        "events.xml": events,
        "check.txt": check([(RESOURCE, PRODUCT_KEY), (RESOURCE, SCAN_KEY)], name=RESOURCE),
        "CLUSDB": clusdb(),
        "cluster.log": CLUSTER_LOG,
    }
    case = case_of(folder, {"MAILSRVA": files})
    done("bundle", "create", case, "--ticket", "SR-1", "-o", folder / "a.zip", "--redact")
    return case, unpacked(folder / "a.zip", folder / "bag")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_left(made, name):
    """The name was in the case, and is in no file of the bag any more."""
    case, bag = made
    assert token(name).search(case.read_bytes())
    for path in bag.rglob("*"):
        if path.is_file():
            assert not token(name).search(path.read_bytes()), path


def test_checkpoints_are_the_same(made):
    """The same checkpoints are stale, and the commands that remove them name the resource by its pseudonym."""
    case, bag = made
    before = done("checkpoints", "list", case, "--format", "json").stdout
    after = done("checkpoints", "list", bag / "data/case.db", "--format", "json").stdout
    assert "POSTBOX" in before
    assert after == before.replace("POSTBOX", "CMS-1").replace("MAILSRVA", "NODE-1")
    assert {row["stale"] for row in json.loads(after)} == {True}
    assert (bag / "data/findings/checkpoints.json").read_text(encoding="utf-8") == after
