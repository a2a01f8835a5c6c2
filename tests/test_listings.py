"""Listings of files: bodyfiles and the output of `dir`, alone and in a case."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.case.store import Case
from forensics.files.load import file_evidence
from forensics.ingest.account import IngestOptions
from forensics.ingest.run import ingest
from forensics.roles.analyse import analyse
from forensics.roles.model import Confidence
from parsers.kinds import Kind, tell_kind
from parsers.listings.model import Account, Form
from parsers.listings.reader import form_of, read_listing
from parsers.times import datetime_from_filetime, filetime_from_datetime, filetime_from_unix

SECONDS = 1_199_966_435  # 2008-01-10T12:00:35Z
NAMES = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
DATA = "C:/Program Files/Microsoft Forefront Security/Exchange Server/Data"


def body(path, *, size=4096, mtime=SECONDS, mode="r/rrwxrwxrwx"):
    return f"0|{path}|1234-128-1|{mode}|0|0|{size}|{mtime}|{mtime}|{mtime}|{mtime}\n"


def directory(folder, *entries):
    lines = [f" Directory of {folder}", "", *entries, "               2 File(s)          8,192 bytes", "", ""]
    return "\r\n".join(lines)


DIR = " Volume in drive C has no label.\r\n Volume Serial Number is 0000-0000\r\n\r\n" + directory(
    "C:\\FSE\\Data",
    "01/13/2008  12:00 PM    <DIR>          .",
    "01/13/2008  12:01 PM             4,096 ScanJobs.fdb",
    "01/10/2008  09:30 AM                 0 a file with blanks.txt",
)


def read(text, zone=None, encoding="utf-8"):
    raw = text.encode(encoding)
    account = Account(form_of(text))
    return list(read_listing(lambda: io.BytesIO(raw), account.form, zone, account)), account


def utc(*parts):
    return filetime_from_datetime(datetime(*parts, tzinfo=UTC))


def test_a_bodyfile_gives_files_with_size_and_time():
    """Files come with path, size and last-modified time; folders and the second entries of names are left out."""
    text = body("C:/a/x.fdb") + body("C:/a", mode="d/drwxrwxrwx") + body("C:/a/x.fdb ($FILE_NAME)")
    text += body("C:/b|c/y (deleted)", size=0, mtime="1199966435.25") + body("/z", mtime=0)
    found, account = read(text)
    assert [(one.path, one.size, one.modified) for one in found] == [
        ("C/a/x.fdb", 4096, filetime_from_unix(SECONDS)),
        ("C/b|c/y", 0, filetime_from_unix(SECONDS, 250_000_000)),
        ("z", 4096, None),
    ]
    assert account == Account(Form.BODYFILE)


def test_dir_gives_files_below_their_folder():
    """Names keep their blanks, numbers lose their commas, and a day above 12 tells which number is the month."""
    found, account = read(DIR)
    assert [tuple(one)[:3] for one in found] == [
        ("C/FSE/Data/ScanJobs.fdb", 4096, utc(2008, 1, 13, 12, 1)),
        ("C/FSE/Data/a file with blanks.txt", 0, utc(2008, 1, 10, 9, 30)),
    ]
    assert account.assumed_zone
    assert account.problems == []


def test_dates_that_can_be_read_in_two_ways_are_not_read():
    """Where no day is above 12 the files have no time, and that is said; a day that is its month has one."""
    text = directory("D:\\", "01/10/2008  09:30 AM  1 a", "02/02/2008  09:30 AM  1 b")
    found, account = read(text)
    assert [one.modified for one in found] == [None, utc(2008, 2, 2, 9, 30)]
    assert "1 dates" in account.problems[0].detail


@pytest.mark.parametrize(
    "line", ["13.01.2008  12:01  4.096 x", "2008-01-13  12:01  4,096 x", "13/01/2008  12:01  4096 x"]
)
def test_dates_of_other_countries(line):
    """Days before months, and years first, with the clock of 24 hours."""
    found, _ = read(directory("C:\\", line), ZoneInfo("Europe/Berlin"))
    assert [tuple(one)[:3] for one in found] == [("C/x", 4096, utc(2008, 1, 13, 11, 1))]


@pytest.mark.parametrize(
    "heading",
    [
        " Directory of C:\\FSE\\Data",
        " Verzeichnis von C:\\FSE\\Data",
        " R\u00e9pertoire de C:\\FSE\\Data",
        " R\x82pertoire de C:\\FSE\\Data",
        " Directorio de C:\\FSE\\Data",
        " Directory di C:\\FSE\\Data",
        " Pasta de C:\\FSE\\Data",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_folder_is_told_by_its_place_and_not_by_its_words(heading, encoding):
    """Listings of other languages have the same structure: files lie below their folder, free space is none."""
    text = " Volume in drive C has no label.\r\n\r\n" + heading + "\r\n\r\n"
    text += "13/01/2008  12:00    <REP>          .\r\n"
    text += "13/01/2008  12:01             4\u00a0096 ScanJobs.fdb\r\n"
    text += "               1 fichier(s)            4\u00a0096 octets\r\n"
    found, account = read(text, encoding=encoding)
    assert [tuple(one)[:3] for one in found] == [("C/FSE/Data/ScanJobs.fdb", 4096, utc(2008, 1, 13, 12, 1))]
    assert account.problems == []


def test_a_share_is_a_folder_too():
    """The heading of a share's folder is one; the line that names the volume is not the last word."""
    text = " Volume in drive \\\\srv\\c$ is Data\r\n\r\n Verzeichnis von \\\\srv\\c$\\Data\r\n\r\n"
    found, _ = read(text + "13.01.2008  12:01             4.096 ScanJobs.fdb\r\n")
    assert [one.path for one in found] == ["srv/c$/Data/ScanJobs.fdb"]


def test_dots_between_the_numbers_put_the_day_first():
    """No Windows format has the month first with dots; with slashes the same date stays untold in every language."""
    dotted = " Verzeichnis von C:\\\r\n\r\n03.02.2008  12:01             4.096 x\r\n"
    assert [one.modified for one in read(dotted)[0]] == [utc(2008, 2, 3, 12, 1)]
    slashed = " R\u00e9pertoire de C:\\\r\n\r\n03/02/2008  12:01             4096 x\r\n"
    assert [one.modified for one in read(slashed)[0]] == [None]
    mixed = dotted + "12.13.2008  12:01             4.096 y\r\n"
    assert [one.modified for one in read(mixed)[0]] == [utc(2008, 3, 2, 12, 1), utc(2008, 12, 13, 12, 1)]


@pytest.mark.parametrize("half", ["PM", "p.m.", "p. m.", "p.\u00a0m.", "p"])
def test_halves_of_the_day_in_other_countries(half):
    """The second half of the day is one however it is written."""
    text = f" Directorio de C:\\\r\n\r\n13/01/2008  01:05 {half}             4,096 x\r\n"
    assert [one.modified for one in read(text)[0]] == [utc(2008, 1, 13, 13, 5)]


def test_what_a_listing_is_is_told_by_its_content():
    """Listings are told from other texts, as bytes of any encoding."""
    assert tell_kind(DIR.encode(), "x.txt").kind is Kind.FILE_LISTING
    assert tell_kind(DIR.encode("utf-16"), "x.txt").kind is Kind.FILE_LISTING
    assert tell_kind(body("C:/a").encode(), "x").kind is Kind.FILE_LISTING
    assert tell_kind(b"a|b|c\n", "x").kind is Kind.TEXT
    assert tell_kind(b" Directory of nothing at all\n", "x").kind is Kind.TEXT
    assert next(one.path for one in read(DIR, encoding="utf-16")[0]) == "C/FSE/Data/ScanJobs.fdb"


@given(st.text(max_size=200), st.sampled_from(Form))
def test_no_text_breaks_the_reader(text, form):
    """Any text can be read as either form: it gives files or none, and paths that lead nowhere else."""
    account = Account(form)
    raw = (DIR + body("C:/a") + text).encode("utf-8", "surrogatepass")
    for one in read_listing(lambda: io.BytesIO(raw), form, None, account):
        assert ".." not in one.path.split("/")


def test_hostile_lines_cost_linear_time():
    """Lines of blanks, digits and separators without end are passed over in a moment."""
    begin = time.process_time()
    for filler in (" ", "1 ", "|", "1,", "a "):
        line = f"01/13/2008  12:00 PM  1 x{filler * 200_000}y\n0|{filler * 200_000}\n"
        for form in Form:
            raw = line.encode()
            list(read_listing(lambda raw=raw: io.BytesIO(raw), form, None, Account(form)))
        form_of(line)
    assert time.process_time() - begin < 5


def listed(hour):
    return "".join(body(f"{DATA}/{name}") for name in NAMES) + "".join(
        body(f"{DATA}/Backup/200801101{hour}0000/{name}", mtime=SECONDS - 7200) for name in NAMES
    )


def test_a_listing_alone_gives_sets_without_content(tmp_path):
    """A node of which only a listing is left has live files and sets, known by size and time, and never sure."""
    place = tmp_path / "EXNODE1"
    place.mkdir()
    (place / "body.txt").write_text(listed(1))
    with Case.create(tmp_path / "case.db") as case:
        for _ in range(2):
            ingest(case, [place], IngestOptions(node="EXNODE1"))
        evidence = file_evidence(case, analyse(case))
        assert [(row.kind, row.status) for row in case.evidence()] == [("file_listing", "read")]
        assert next(case.rows("SELECT count(*) FROM file_versions")) == (10,)
    assert len(evidence.live["EXNODE1"]) == 5
    (one,) = evidence.sets
    assert (one.complete, one.confidence) == (True, Confidence.POSSIBLE)
    assert all(file.version.sha256 is None and not file.readable for file in one.files.values())


def test_a_listing_beside_the_files_changes_nothing(tmp_path):
    """Where the files themselves were collected, a listing of them makes no second live folder and no set."""
    data = tmp_path / "EXNODE1" / "Data"
    data.mkdir(parents=True)
    for name in NAMES:
        (data / name).write_text(name)
    (tmp_path / "EXNODE1" / "body.txt").write_text(listed(1))
    with Case.create(tmp_path / "case.db") as case:
        ingest(case, [tmp_path / "EXNODE1"], IngestOptions(node="EXNODE1"))
        evidence = file_evidence(case, analyse(case))
    assert {file.path for file in evidence.live["EXNODE1"].values()} == {f"EXNODE1/Data/{name}" for name in NAMES}
    assert evidence.sets == ()
    assert len(evidence.other) == 10


def test_times_of_dir_are_said_to_be_read_as_utc(tmp_path):
    """A zone that nobody named is assumed, and told; one that was named is used."""
    (tmp_path / "dir.txt").write_text(DIR)
    with Case.create(tmp_path / "case.db") as case:
        assert ingest(case, [tmp_path / "dir.txt"]).assumed_tz == ["dir.txt"]
    with Case.create(tmp_path / "other.db") as case:
        options = IngestOptions(source_tz=ZoneInfo("Europe/Berlin"))
        assert ingest(case, [tmp_path / "dir.txt"], options).assumed_tz == []
        assert list(case.rows("SELECT modified, path FROM file_versions")) == [
            ("2008-01-13T11:01:00.000000Z", "dir.txt/C/FSE/Data/ScanJobs.fdb")
        ]


@pytest.mark.parametrize(("dates", "month"), [("M/d/yyyy", 1), ("dd/MM/yyyy", 2), ("yyyy-MM-dd", 1), ("?", None)])
def test_a_listing_can_say_how_its_dates_are_written(dates, month):
    """Where no day is above 12 the form in the first line decides, and without one the files have no time."""
    text = f"""ccrf listing: the times are those of writing, dates as "{dates}"
 Directory of C:\\Data

01/02/2008  10:15 AM             1,152 ScanJobs.fdb
"""
    text = text.replace("01/02/2008", "2008-01-02") if dates.startswith("yyyy") else text
    account = Account(Form.DIR)
    (listed,) = read_listing(lambda: io.BytesIO(text.encode()), Form.DIR, UTC, account)
    assert (listed.modified and datetime_from_filetime(listed.modified).month) == month
