"""Names of replicated files with things added to them, and the moments and numbers in names."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.files.knowledge import Knowledge
from forensics.files.names import DAY, find_number, find_stamp, folder_stamp, looks_like_backup, named
from forensics.profile import load_profile, parse_profile
from parsers.times import filetime_from_datetime

NAMES = tuple(row.name for row in load_profile().replicated_files)
NOON = datetime(2008, 1, 10, 12, 0, 35, tzinfo=UTC)
SECOND = 10_000_000


@pytest.mark.parametrize(
    ("text", "name", "tag", "pattern"),
    [
        ("ScanJobs.fdb", "ScanJobs.fdb", "", ""),
        ("SCANJOBS.FDB", "ScanJobs.fdb", "", ""),
        ("ScanJobs.fdb.20080110120035", "ScanJobs.fdb", ".20080110120035", "*.20080110120035"),
        ("ScanJobs.bak1.fdb", "ScanJobs.fdb", ".bak1", "*.bak1.fdb"),
        ("Scanjobs_20080110.fdb", "ScanJobs.fdb", "_20080110", "*_20080110.fdb"),
        ("ScanJobs20080110120035.fdb", "ScanJobs.fdb", "20080110120035", "*20080110120035.fdb"),
        ("ScanJobs.fdb.bak", "ScanJobs.fdb", ".bak", "*.bak"),
        ("ScanJobs.fdb~", "ScanJobs.fdb", "~", "*~"),
        ("Copy of ScanJobs.fdb", "ScanJobs.fdb", "Copy of ", "Copy of *"),
        ("ScanJobs (2).fdb", "ScanJobs.fdb", " (2)", "* (2).fdb"),
        ("ScanJobs - Copy.fdb", "ScanJobs.fdb", " - Copy", "* - Copy.fdb"),
        ("2008-01-10_Template.fdb", "Template.fdb", "2008-01-10_", "2008-01-10_*"),
        ("Template.BAK", "Template.fdb", ".BAK", "*.BAK"),
        ("Template.001", "Template.fdb", ".001", "*.001"),
        ("Template.20080110120035", "Template.fdb", ".20080110120035", "*.20080110120035"),
    ],
)
def test_a_name_with_something_added_is_the_file_s(text, name, tag, pattern):
    """What was added is told from the name, in the letters in which it stands there."""
    assert named(text, NAMES) == (name, tag, pattern)


@pytest.mark.parametrize(
    "text",
    [
        "ScanJobsX.fdb",
        "xScanJobs.fdb",
        "Statistics.fdb",
        "Templates.fdb",
        "Template.txt",
        "Template.xml",
        "Notifications.log",
        "ScanJobs.fdb.tmp",
        "ScanJobs.fdb-journal",
        "ScanJobs",
        ".fdb",
        "fdb",
        "",
        "ScanJobs.exe",
        "Template.lastly",
    ],
)
def test_other_names_are_none_of_the_files(text):
    """Names that only begin or end alike, and files that programs keep beside, are no versions."""
    assert named(text, NAMES) is None


def test_of_two_names_that_fit_the_longer_one_is_it():
    """A replicated file whose name begins like another's is itself, and no copy of the other."""
    assert named("Scan.Jobs.fdb", ("Scan.fdb", "Scan.Jobs.fdb")) == ("Scan.Jobs.fdb", "", "")


@pytest.mark.parametrize(
    ("text", "when", "resolution"),
    [
        ("20080110120035", NOON, SECOND),
        ("ScanJobs-20080110-120035", NOON, SECOND),
        ("2008-01-10T12-00-35Z", NOON, SECOND),
        ("2008-01-10 12.00.35", NOON, SECOND),
        ("backup_2008_01_10_12_00_35", NOON, SECOND),
        ("20080110T130035+0100", NOON, SECOND),
        ("2008-01-10 12-00-35.5", NOON + timedelta(seconds=0.5), SECOND // 10),
        ("20080110120035250", NOON + timedelta(seconds=0.25), SECOND // 1000),
        ("200801101200", NOON.replace(second=0), 60 * SECOND),
        ("20080110", datetime(2008, 1, 10, tzinfo=UTC), DAY),
        ("2008-01-10", datetime(2008, 1, 10, tzinfo=UTC), DAY),
        ("99991231 20080110120035", NOON, SECOND),
    ],
)
def test_a_stamp_is_read_to_its_own_resolution(text, when, resolution):
    """A moment in a name comes with how exactly it was written."""
    stamp = find_stamp(text)
    assert (stamp.time, stamp.resolution) == (filetime_from_datetime(when), resolution)


@pytest.mark.parametrize(
    "text",
    ["", "19941231120035", "20380101", "20081310", "20080230120035", "2008011", "120080110", "10-01-2008", "bak1"],
)
def test_what_is_no_plausible_moment_is_none(text):
    """Days that no calendar has, years of other times, other orders and longer numbers state no moment."""
    assert find_stamp(text) is None


@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001  (the zone is put to it below)
    st.sampled_from(["%Y%m%d%H%M%S", "%Y-%m-%d_%H-%M-%S", "%Y%m%d-%H%M%S", "%Y.%m.%d %H.%M.%S", "%Y-%m-%dT%H%M%S"]),
    st.sampled_from(["", ".", "_bak", "x "]),
)
def test_a_written_moment_is_read_back(moment, form, around):
    """What strftime writes, year first, is read as the same second, whatever stands around it."""
    text = around + moment.strftime(form) + around[::-1]
    assert find_stamp(text).time == filetime_from_datetime(moment.replace(microsecond=0, tzinfo=UTC))


@given(st.text(max_size=60), st.text(alphabet=string.printable, max_size=60))
def test_no_name_breaks_anything(one, other):
    """Any text is a name: it is one of the files or not, and what is added is a part of it."""
    for text in (one, other, f"ScanJobs{one}.fdb", f"{other}ScanJobs.fdb"):
        match = named(text, NAMES)
        assert match is None or match.tag in text
        find_stamp(text)
        find_number(text)


def test_a_day_and_a_time_in_two_folders_are_one_moment():
    """`2008-01-10/120035` is read as a whole; a number below a day is no time of it."""
    assert folder_stamp("x/2008-01-10/120035").time == filetime_from_datetime(NOON)
    assert folder_stamp("x/2008-01-10/3") is None
    assert folder_stamp("case of 2008-01-12/EXNODE1/Data") is None


@pytest.mark.parametrize(
    "name", ["Backup", "FSEBackups", "backup_2", "DataOld", "20080110120035", "17", "Copy of Data"]
)
def test_names_of_backup_folders(name):
    """A word for a copy, a moment or a mere number makes a folder one of backups."""
    assert looks_like_backup([name])


@pytest.mark.parametrize("name", ["Data", "Golden", "Microsoft Forefront Security", "Lastschrift", "Exchange Server"])
def test_names_of_other_folders(name):
    """Words that only hold such a word do not."""
    assert not looks_like_backup([name])


def knowledge(rows):
    return Knowledge(parse_profile(rows, "test"))


PATTERN = """
[[backup_patterns]]
pattern = "{}"
mark = "unverified"
source = "test"
"""


def test_a_pattern_of_the_profile_goes_before_structure():
    """A scheme that no structure shows is taught by a row: name, moment and number come from the path."""
    known = knowledge(PATTERN.format("*/Saved {stamp}/SET{number}_{stem}.dat"))
    match = known.match("EXNODE1/x/Saved 2008-01-10 12-00-35/set007_scanjobs.dat", "EXNODE1")
    assert (match.name, match.number, match.mark) == ("ScanJobs.fdb", 7, "unverified")
    assert match.stamp.time == filetime_from_datetime(NOON)
    assert known.match("EXNODE1/x/Saved some day/set007_scanjobs.dat", "EXNODE1") is None
    assert Knowledge(load_profile()).match("EXNODE1/x/Saved 2008-01-10 12-00-35/set007_scanjobs.dat", "A") is None


def test_the_profile_names_the_zone_of_stamps():
    """Moments in names are UTC, unless the profile names a zone for all nodes or for one."""
    zone = '[[backup_zones]]\nzone = "{}"\n{}mark = "unverified"\nsource = "test"\n'
    known = knowledge(zone.format("Europe/Berlin", "") + zone.format("+05:30", 'node = "EXNODE2"\n'))
    path = "EXNODE1/Data/Backup/20080710120035/ScanJobs.fdb"
    there = datetime(2008, 7, 10, 12, 0, 35, tzinfo=ZoneInfo("Europe/Berlin"))
    assert known.match(path, "EXNODE1").stamp.time == filetime_from_datetime(there)
    assert known.match(path, "exnode2").stamp.time == filetime_from_datetime(there - timedelta(hours=3.5))


@pytest.mark.parametrize("pattern", ["*/{what}/{name}", "*/x", "*/{name}/{stem}", "****{name}", "{stamp}{stamp}{name}"])
def test_patterns_that_cannot_work_are_refused(pattern):
    """A pattern names one file, known placeholders only, each once, with few stars."""
    with pytest.raises(Exception, match="backup_patterns"):
        knowledge(PATTERN.format(pattern))
