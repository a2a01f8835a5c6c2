"""Names in the forms in which logs write them: recognised there, and replaced however they are escaped elsewhere."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest
from bundle_stage import START, case_of, done, log_of, run, unpacked

from forensics.case import audit
from forensics.case.store import Case
from forensics.redact.words import own_phrase
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting

SETTING = Setting(
    "failover-in-window", "2003", 1, node_names=("QNODEA", "QNODEB"), domain="quxcorp.example", cms="QBOX"
)
# Source, id, values, and the names in them, which stand nowhere else.
WRITTEN = [
    ("Probe", 1, [r"C:\DOCUME~1\zqshort\LOCALS~1\Temp\x.msi"], "zqshort"),
    ("Probe", 1, [r"the profile C:\Users\zqend was not found", r"D:\Users\Zq Whole"], "zqend zq_whole"),
    ("Probe", 1, [r'"C:\Users\Zq Quoted" and zq quoted'], "zq_quoted"),
    ("Probe", 1, [r"C:\Documents and Settings\zqcarl.QUXCORP\x", r"C:\Users\zqdora.001\x", "zqcarl, zqdora"],
     "zqcarl zqdora"),
    ("Probe", 1, [r"C:\Dokumente und Einstellungen\zqgerman\x"], "zqgerman"),
    ("Probe", 1, ["path=C%3A%5CUsers%5Czqpercent%5Cx&user=QUXCORP%5Czqlogon"], "zqpercent zqlogon"),
    ("Probe", 1, [r'{"user":"QUXCORP\\zqjson","share":"\\\\zqhub\\zqshare\\x"}'], "zqjson zqhub zqshare"),
    ("Probe", 1, [r"QUXCORP\zqweiß", "mail of ZQWEISS", r"QUXCORP\zqo'hara", "zqo&#39;hara zqo&apos;hara"],
     "zqwei zqo'hara"),
    ("Probe", 1, [r"CN=Zqlast\, Zqfirst,OU=X,DC=quxcorp,DC=example", "Zqlast, Zqfirst or Zqfirst Zqlast"],
     "zqlast zqfirst"),
    ("Probe", 1, ['CN="Zqboth, Zqtwo",DC=quxcorp,DC=example'], "zqboth zqtwo"),
    ("Probe", 1, [r"The server \\ZQLONE answered, \\?\UNC\zqunc\zqdata\x"], "zqlone zqunc zqdata"),
    ("Probe", 1, ["https://zqweb/owa http://zqhost.zqother.example:81/x"], "zqweb zqhost zqother"),
    ("Probe", 1, ["trace_198.51.100.78_x 198.51.100.79_log.txt"], "198.51.100.78 198.51.100.79"),
    ("Probe", 1, ["Address:fe80::77:1, fec0::77:2: no answer"], "fe80::77:1 fec0::77:2"),
    ("Probe", 1, [r"HKU\S-1-5-21-77-88-99-1001_Classes"], "77-88-99"),
    ("Probe", 1, ["mailto:zqmail%40zqmd.example"], "zqmail zqmd"),
    ("Probe", 1, ["IPv4 Static Address 1 (ZQRES)"], "zqres"),
    ("Security", 528, ["zqu1", "ZQD1", "(0x0,0x3E7)", "10", "User32", "Negotiate", "ZQW1", "{}", "zqu2", "ZQD2"],
     "zqu1 zqd1 zqw1 zqu2 zqd2"),
    ("Security", 517, ["SYSTEM", "NT AUTHORITY", "(0x0,0x3E7)", "zqu3", "ZQD3", "(0x0,0x1)"], "zqu3 zqd3"),
    ("Security", 552, ["zqu4", "ZQD4", "(0x0,0x1)", "{}", "zqu5", "ZQD5", "{}", "zqh5.zqd6.example"],
     "zqu4 zqd4 zqu5 zqd5 zqh5 zqd6"),
    ("Security", 632, ["-", "-", "zqg1", "ZQD7", "-", "zqu6", "ZQD8", "(0x0,0x1)"], "zqg1 zqd7 zqu6 zqd8"),
]  # fmt: skip
NAMES = sorted(name.replace("_", " ") for *_, names in WRITTEN for name in names.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A case with these events, and the bundle with pseudonyms of it, unpacked."""
    folder = tmp_path_factory.mktemp("written")
    events = [
        EvtEvent(number, START + 60 * number, START + 60 * number, event_id, source, "QNODEA", tuple(strings))
        for number, (source, event_id, strings, _) in enumerate(WRITTEN, 1)
    ]
    more = [
        ("http://localhost/x", r"localhost\x"),
        (r"QUXCORP\77123456", "77123456"),
        ("user 77123456", "CN=Cluster Group,DC=quxcorp,DC=example"),
    ]
    for number, strings in enumerate(more, len(WRITTEN) + 1):
        events.append(EvtEvent(number, START + 60 * number, START + 60 * number, 1, "Probe", "QNODEA", strings))
    case = case_of(folder, SETTING, {"QNODEA/Logs/Written.evt": build(events)})
    result = done("bundle", "create", case, "--ticket", "1", "-o", folder / "a.zip", "--redact")
    return case, unpacked(folder / "a.zip", folder / "bag"), result


def test_every_name_was_there_and_is_gone(made):
    """Each name is in the case before, and in no value of any table and no other file of the bundle."""
    case, bag, _ = made
    before = case.read_bytes().lower()
    after = b"".join(path.read_bytes().lower() for path in bag.rglob("*") if path.is_file())
    assert [name for name in NAMES if name.encode() not in before] == []
    assert [name for name in NAMES if name.encode() in after] == []


def test_numbers_are_users_only_where_they_stand_as_such(made):
    """The number of a member of staff is replaced as an account, is left as a number, and that is said."""
    _, bag, result = made
    connection = sqlite3.connect(bag / "data/case.db")
    texts = [json.loads(row[0]) for row in connection.execute("SELECT strings FROM events WHERE source = 'Probe'")]
    connection.close()
    assert any(re.fullmatch(r"DOMAIN-\d+\\USER-\d+", one[0]) and re.fullmatch(r"USER-\d+", one[1]) for one in texts)
    assert any(one[0] == "user 77123456" for one in texts)
    assert "77123456" in result.stderr
    assert "localhost" not in result.stderr
    assert "number" in result.stderr


def test_phrases_of_the_product_are_nobodys(made):
    """A distinguished name that is called like a well-known group does not take that group's name away."""
    _, bag, _ = made
    assert own_phrase("cluster group")
    assert not own_phrase("Ann Li")
    connection = sqlite3.connect(bag / "data/case.db")
    assert connection.execute("SELECT count(*) FROM events WHERE strings LIKE '%Cluster Group%'").fetchone()[0] > 1
    connection.close()


def test_what_the_analyst_wrote_is_not_in_it(tmp_path):
    """Reasons of restores and the way to the nodes are in the audit of the case, and not in that of the copy."""
    case = small(tmp_path, "QNODEA")
    with Case.open(case, write=True) as opened:
        audit.append(opened, "restore_begin", {"node": "QNODEA", "reason": "as Zqboss said", "target": "/home/zqme"})
        audit.append(opened, "checkpoint_cleanup", {"runner": ["ssh", "zqme@zqjump"], "step": "begin"})
        audit.append(opened, "checkpoint_cleanup", {"code": 255, "output": "zqjump", "problem": "zqjump is away"})
    done("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact")
    enclosed = unpacked(tmp_path / "a.zip", tmp_path / "bag") / "data/case.db"
    assert not re.search(rb"zqboss|zqme|zqjump", enclosed.read_bytes(), re.IGNORECASE)
    connection = sqlite3.connect(enclosed)
    rows = connection.execute("SELECT detail FROM audit WHERE action = 'checkpoint_cleanup' ORDER BY id").fetchall()
    connection.close()
    assert json.loads(rows[1][0]) == {"code": 255, "output": None, "problem": None}
    done("verify", enclosed)


def test_groups_of_the_registry_are_names(tmp_path):
    """A group that only the registry names is replaced, and a well-known one is not."""
    key = "HKEY_LOCAL_MACHINE\\Cluster\\Groups\\"
    text = f'Windows Registry Editor Version 5.00\n\n[{key}1]\n"Name"="ZQGROUP"\n\n[{key}2]\n"Name"="Cluster Group"\n'
    case = small(tmp_path, "QNODEA")
    (tmp_path / "QNODEA" / "cluster.reg").write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    done("ingest", case, tmp_path / "QNODEA")
    done("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact")
    connection = sqlite3.connect(unpacked(tmp_path / "a.zip", tmp_path / "bag") / "data/case.db")
    values = {row[0] for row in connection.execute("SELECT value FROM registry_values WHERE name = 'Name'")}
    connection.close()
    assert values == {"GROUP-1", "Cluster Group"}


def small(folder, *roots, computer="QNODEA"):
    """A case of one small log in each of these folders."""
    for root in roots:
        (folder / root).mkdir(parents=True)
        (folder / root / "System.evt").write_bytes(log_of([r"QUXCORP\active"], computer=computer))
    done("ingest", folder / "case.db", *(folder / root for root in roots))
    return folder / "case.db"


def test_paths_that_differ_in_case_alone_stay_two(tmp_path):
    """Two files whose paths become one with pseudonyms are still two files, and the bundle is whole."""
    case = small(tmp_path, "QNODEA", "qnodea")
    done("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact")
    enclosed = unpacked(tmp_path / "a.zip", tmp_path / "bag") / "data/case.db"
    rows = json.loads(done("evidence", enclosed, "--format", "json").stdout)
    assert [row["path"] for row in rows] == ["NODE-1/System.evt", "NODE-1/System.evt (2)"]
    done("bundle", "verify", tmp_path / "a.zip")


def test_a_node_called_like_a_part_of_the_page(tmp_path):
    """`H1` is in every page, so it is not replaced, and the analyst is told instead of refused."""
    case = small(tmp_path, "H1", computer="H1")
    result = done("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact")
    assert "H1 (node): not replaced, because it is an ordinary word" in result.stderr


def test_words_that_the_program_writes_cannot_be_replaced_everywhere(tmp_path):
    """`--also` with a word of every bundle makes none, and says why."""
    case = small(tmp_path, "QNODEA")
    result = run("bundle", "create", case, "--ticket", "1", "-o", tmp_path / "a.zip", "--redact", "--also", "active")
    assert result.exit_code == 4
    assert "active is a word that ccrf writes itself" in result.stderr
