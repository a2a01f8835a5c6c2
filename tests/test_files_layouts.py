"""Which folder is the live one, and what is a set, in evidence of every shape that people collect."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from file_stories import add_files

from forensics.case.store import Case
from forensics.files.load import file_evidence, store_files
from forensics.files.model import Trigger
from forensics.ingest.run import ingest
from forensics.profile import load_profile
from forensics.roles.analyse import analyse
from parsers.times import filetime_from_unix, iso_utc

NAMES = tuple(row.name for row in load_profile().replicated_files)
NOON = filetime_from_unix(1_199_966_400)  # 2008-01-10T12:00:00Z
HOUR = 36_000_000_000
LIVE_2003 = "EXNODE1/C$/Program Files (x86)/Microsoft Forefront Security/Exchange Server/Data"


class Item(NamedTuple):
    path: str
    modified: int
    content: bytes | None


def files(folder, *, form="{}", hour=0, names=NAMES, of="x"):
    """The replicated files in a folder, each changed at the same hour, named by `form`."""
    return [Item(f"{folder}/{form.format(name)}", NOON + hour * HOUR, f"{of} {name} {hour}".encode()) for name in names]


def found(tmp_path, items, *, seed=None):
    path = tmp_path / f"{seed}.db"
    items = list(items)
    if seed is not None:
        random.Random(seed).shuffle(items)  # noqa: S311  (an order, no secret)
    with Case.create(path) as case:
        add_files(case, items)
        return file_evidence(case, analyse(case))


def live_folders(evidence):
    return {
        node: sorted({Path(f.path).parent.as_posix() for f in ones.values()}) for node, ones in evidence.live.items()
    }


@pytest.mark.parametrize("live", ["EXNODE1/Data", LIVE_2003, "EXNODE1", "EXNODE1/fse", "EXNODE1/D/Forefront"])
@pytest.mark.parametrize(
    "backup",
    [
        "{live}/Backup/20080110130000",
        "{live}/Backup1",
        "EXNODE1/Backups/1",
        "EXNODE1/x/Copy of Data",
        "EXNODE1/20080110",
    ],
)
def test_the_live_folder_and_a_backup_are_told_apart(tmp_path, live, backup):
    """Wherever the live folder lies, and the backup within or beside it, each is what it is."""
    backup = backup.format(live=live)
    evidence = found(tmp_path, files(live, hour=-2) + files(backup, hour=-1) + [Item(backup, NOON + HOUR, None)])
    assert live_folders(evidence) == {"EXNODE1": [live]}
    assert [one.location for one in evidence.sets] == [backup]
    assert evidence.notes == ()


def test_nodes_with_other_layouts_are_each_told_by_their_own(tmp_path):
    """One node's whole disk and another's plain folder are both understood."""
    items = (
        files(LIVE_2003) + files(f"{LIVE_2003}/bak/1", hour=-1) + files("EXNODE2/Data") + files("EXNODE2/old", hour=-1)
    )
    evidence = found(tmp_path, items)
    assert live_folders(evidence) == {"EXNODE1": [LIVE_2003], "EXNODE2": ["EXNODE2/Data"]}
    assert {one.node: one.location for one in evidence.sets} == {
        "EXNODE1": f"{LIVE_2003}/bak/1",
        "EXNODE2": "EXNODE2/old",
    }


def test_only_backups_are_no_live_files(tmp_path):
    """Where no live folder was collected, nothing is called live."""
    items = [item for hour in (1, 2, 3) for item in files(f"EXNODE1/Backups/2008011012000{hour}", hour=-hour)]
    evidence = found(tmp_path, items)
    assert evidence.live == {"EXNODE1": {}}
    assert len(evidence.sets) == 3


def test_two_folders_that_could_both_be_live_are_said(tmp_path):
    """Of two equal folders the one with the newest file is taken, the doubt is told, the other is no sure backup."""
    evidence = found(tmp_path, files("EXNODE1/C/one") + files("EXNODE1/D/two", hour=1))
    assert live_folders(evidence) == {"EXNODE1": ["EXNODE1/D/two"]}
    assert [(one.location, one.confidence.value) for one in evidence.sets] == [("EXNODE1/C/one", "possible")]
    assert "EXNODE1/C/one" in evidence.notes[0]


def test_the_same_evidence_twice_is_one(tmp_path):
    """A folder and its archive hold the same sets and the same live files once; all copies are evidence."""
    once = files("EXNODE1/Data") + files("EXNODE1/Data/Backup/20080110110000", hour=-1)
    again = [item._replace(path=item.path.replace("EXNODE1/", "EXNODE1/again.zip/EXNODE1/")) for item in once]
    evidence = found(tmp_path, once + again)
    assert [one.location for one in evidence.sets] == ["EXNODE1/Data/Backup/20080110110000"]
    assert len([text for text in evidence.sets[0].evidence if text.startswith("file:")]) == 2 * len(NAMES)
    assert len(evidence.live["EXNODE1"]) == len(NAMES)


def test_stamps_that_differ_by_seconds_are_one_backup(tmp_path):
    """Files that were copied one after the other, each with its own stamp, are one set; an hour later is another."""
    items = [
        Item(f"EXNODE1/Data/{name}.20080110{hour}000{at}", NOON - HOUR, name.encode())
        for hour in (13, 14)
        for at, name in enumerate(NAMES)
    ]
    evidence = found(tmp_path, files("EXNODE1/Data", hour=-1) + items)
    assert [(one.complete, iso_utc(one.made)[:16]) for one in evidence.sets] == [
        (True, "2008-01-10T13:00"),
        (True, "2008-01-10T14:00"),
    ]


def test_a_set_with_a_file_of_later_is_of_no_one_moment(tmp_path):
    """A file that was saved after the set was made shows that the set was put together."""
    live = files("EXNODE1/Data", hour=9)
    whole = files("EXNODE1/Data/Backup/20080110130000", hour=0)
    late = [*whole[:-1], whole[-1]._replace(modified=NOON + 5 * HOUR)]
    assert found(tmp_path, live + whole, seed=1).sets[0].consistent
    evidence = found(tmp_path, live + late, seed=2)
    assert not evidence.sets[0].consistent
    assert evidence.sets[0].confidence.value == "possible"
    assert f"{NAMES[-1]} was saved after" in evidence.sets[0].why


def test_a_file_that_goes_back_and_forth_is_of_no_one_moment(tmp_path):
    """What is older than in the set before and than what came after cannot have been there in between."""
    back = files("EXNODE1/Data/Backup/20080110140000", hour=-1)
    back[0] = back[0]._replace(modified=NOON - 5 * HOUR, content=b"older")
    sets = (
        files("EXNODE1/Data/Backup/20080110130000", hour=-1)
        + back
        + files("EXNODE1/Data/Backup/20080110150000", hour=-1)
    )
    evidence = found(tmp_path, files("EXNODE1/Data", hour=-1) + sets)
    assert [one.consistent for one in evidence.sets] == [True, False, True]
    # Where it stays so, it is what the node had: an older version came over a newer one.
    sets = [*files("EXNODE1/Data/Backup/20080110130000", hour=-1), *back]
    stays = [back[0]._replace(path=f"EXNODE1/Data/{NAMES[0]}"), *files("EXNODE1/Data", hour=-1, names=NAMES[1:])]
    assert all(one.consistent for one in found(tmp_path, stays + sets, seed=3).sets)


def test_incomplete_and_empty_files_are_said(tmp_path):
    """A set names what it lacks, and what has no content."""
    cut = files("EXNODE1/Data/Backup/20080110130000", hour=-1, names=NAMES[1:])
    cut[0] = cut[0]._replace(content=b"")
    (one,) = found(tmp_path, files("EXNODE1/Data") + cut).sets
    assert (one.complete, one.missing) == (False, (NAMES[0],))
    assert f"{NAMES[1]} has no content" in one.why
    assert one.trigger is Trigger.UNKNOWN


def test_folders_that_were_copied_together_date_nothing(tmp_path):
    """A time that the folders of several sets share is that of the copying: the sets stay without one."""
    items = files("EXNODE1/Data", hour=-1)
    for number in (1, 2, 3):
        items += files(f"EXNODE1/Data/Set{number}", hour=-number)
        items.append(Item(f"EXNODE1/Data/Set{number}", NOON + 100 * HOUR + number, None))
    evidence = found(tmp_path, items)
    assert [(one.made, one.made_basis) for one in evidence.sets] == [(None, "none")] * 3


def test_a_firebird_database_is_set_apart(tmp_path):
    """A database of another program under a replicated file's name is neither live nor in a set, and is told of."""
    header = bytearray(1024)
    header[0], header[0x12:0x14] = 1, (0x800B).to_bytes(2, "little")
    alien = Item("EXNODE1/Data/Backup/20080110130000/ScanJobs.fdb", NOON, bytes(header))
    rest = files("EXNODE1/Data/Backup/20080110130000", hour=-1, names=[n for n in NAMES if n != "ScanJobs.fdb"])
    evidence = found(tmp_path, files("EXNODE1/Data") + rest + [alien])
    assert evidence.sets[0].missing == ("ScanJobs.fdb",)
    assert [one.path for one in evidence.other] == [alien.path]
    assert "Firebird" in evidence.notes[0]


def test_the_order_of_the_evidence_changes_nothing(tmp_path):
    """Shuffled, the same files give the same sets, but for the numbers of their rows."""
    items = files(LIVE_2003) + files("EXNODE1/Data") + files("EXNODE1/Data", form="{}.bak", hour=-1)
    for hour in range(5):
        items += files(f"EXNODE1/Data/Backup{hour}", hour=-hour) + files(
            "EXNODE2/Data", form=f"{{}}.2008011012000{hour}"
        )

    def told(seed):
        evidence = found(tmp_path, items, seed=seed)
        sets = [
            (s.id, s.location, s.made, s.confidence, sorted(f.path for f in s.files.values())) for s in evidence.sets
        ]
        return live_folders(evidence), sets, [one.path for one in evidence.other], evidence.notes

    assert told(1) == told(2) == told(3)


def test_ten_thousand_versions_take_seconds(tmp_path):
    """Two thousand sets of ten thousand files are told apart and stored while one waits."""
    items = files("EXNODE1/Data")
    for number in range(2000):
        stamp = f"200802{number // 100 + 1:02d}{number % 100 // 60:02d}{number % 60:02d}00"
        items += files(f"EXNODE1/Data/Backup/{stamp}", hour=-1, of=str(number))
    with Case.create(tmp_path / "many.db") as case:
        add_files(case, items)
        before = time.process_time()
        store_files(case, file_evidence(case, analyse(case)))
        assert time.process_time() - before < 10
        assert next(case.rows("SELECT count(*) FROM backup_sets")) == (2000,)
        assert dict(case.rows("SELECT role, count(*) FROM file_versions GROUP BY role")) == {
            "live": 5,
            "backup": 10_000,
        }


def test_files_without_their_extension_are_kept(tmp_path):
    """Ingest keeps the content of `ScanJobs.bak` as it does that of `ScanJobs.fdb`, and of nothing else."""
    data = tmp_path / "EXNODE1" / "Data"
    data.mkdir(parents=True)
    for name in NAMES:
        (data / name).write_bytes(b"live " + name.encode())
        (data / f"{name[:-4]}.bak").write_bytes(b"\x00\x01 saved " + name.encode())
    (data / "Template.txt").write_text("a note")
    with Case.create(tmp_path / "case.db") as case:
        for _ in range(2):
            ingest(case, [tmp_path / "EXNODE1"])
            evidence = file_evidence(case, analyse(case))
            assert [(one.location, one.complete) for one in evidence.sets] == [("EXNODE1/Data/*.bak", True)]
            assert all(file.readable for file in evidence.sets[0].files.values())
            assert next(case.rows("SELECT count(*) FROM file_versions")) == (10,)
            assert next(case.rows("SELECT count(*) FROM folders")) == (2,)
