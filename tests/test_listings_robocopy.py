"""Logs of robocopy, in the forms that its switches give them, alone and in a case."""

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
from parsers.times import filetime_from_datetime

NAMES = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
SOURCE, TARGET = "C:\\FSE\\Data\\", "D:\\Copy\\"
LINE = "-" * 79
# Columns as robocopy writes them; see the module on its log.
SIZED = "\t    New File  \t\t    4096\tScanJobs.fdb"
TIMED = "\t    Newer     \t\t    4096 2008/01/13 12:01:05\tScanJobs.fdb"
FULL = "\t          same\t\t    4096 2008/01/13 12:01:05\tC:\\FSE\\Data\\Backup 1\\ScanJobs.fdb"
EXTRA = "\t  *EXTRA File \t\t       7 2008/01/13 12:01:05\told.fdb"


def job(*entries, source=SOURCE, target=TARGET, options="*.* /S /E /COPY:DAT /NP /R:1000000 /W:30 ", words=None):
    started, came, went, files, how = words or ("Started", "Source", "Dest", "Files", "Options")
    head = [
        "", LINE, "   ROBOCOPY     ::     Robust File Copy for Windows", LINE, "",
        f"  {started} : Sun Jan 13 12:10:00 2008", "", f"   {came} : {source}", f"     {went} : {target}", "",
        f"    {files} : *.*", "\t    ", f"  {how} : {options}", "", LINE, "",
    ]  # fmt: skip
    tail = ["", LINE, "", "               Total    Copied   Skipped  Mismatch    FAILED    Extras"]
    tail += ["   Files :         3         2         1         0         0         0", ""]
    return "\r\n".join([*head, *entries, *tail])


def folder(path=SOURCE, count=5, kind="          "):
    return f"\t{kind}{count:>10}\t{path}"


def read(text, zone=None, encoding="utf-8"):
    raw = text.encode(encoding)
    account = Account(form_of(text))
    assert account.form is Form.ROBOCOPY
    return list(read_listing(lambda: io.BytesIO(raw), account.form, zone, account)), account


def utc(*parts):
    return filetime_from_datetime(datetime(*parts, tzinfo=UTC))


def test_files_lie_in_the_folder_above_them():
    """Each file is told with the folder whose line stands above it, its size, and its time where the log has one."""
    found, account = read(job(folder(), SIZED, TIMED, folder(SOURCE + "Backup 1\\", 1, "  New Dir "), TIMED))
    assert [tuple(one)[:3] for one in found] == [
        ("C/FSE/Data/ScanJobs.fdb", 4096, None),
        ("C/FSE/Data/ScanJobs.fdb", 4096, utc(2008, 1, 13, 12, 1, 5)),
        ("C/FSE/Data/Backup 1/ScanJobs.fdb", 4096, utc(2008, 1, 13, 12, 1, 5)),
    ]
    assert account.problems == []
    assert account.assumed_zone


def test_full_names_need_no_folder():
    """With full names the log is read without headers and without lines of folders; a named zone holds."""
    found, account = read("\r\n".join([FULL] * 3), ZoneInfo("Europe/Berlin"))
    assert [tuple(one)[:3] for one in found] == [
        ("C/FSE/Data/Backup 1/ScanJobs.fdb", 4096, utc(2008, 1, 13, 11, 1, 5))
    ] * 3
    assert not account.assumed_zone


def test_switches_leave_columns_out():
    """Without class (/NC), without size (/NS), and with a size that is rounded (no /BYTES): what is left is read."""
    no_class = "\t\t\t    4096 2008/01/13 12:01:05\tC:\\a.fdb"
    no_size = "\t    Older     \t\t 2008/01/13 12:01:05\tC:\\b.fdb"
    rounded = "\t    New File  \t\t  18.0 m\tC:\\c.fdb"
    found, _ = read(job(no_class, no_size, rounded))
    assert [tuple(one)[:3] for one in found] == [
        ("C/a.fdb", 4096, utc(2008, 1, 13, 12, 1, 5)),
        ("C/b.fdb", None, utc(2008, 1, 13, 12, 1, 5)),
        ("C/c.fdb", None, None),
    ]


def test_extra_files_lie_in_the_destination():
    """A file that only the destination had is told there, below the folder that answers to the source's."""
    below = folder(SOURCE + "Backup\\", 1)
    full = "\t  *EXTRA File \t\t       7\tD:\\Copy\\other.fdb"
    found, _ = read(job(folder(), EXTRA, folder(TARGET + "gone\\", -1, "*EXTRA Dir "), below, EXTRA, full, SIZED))
    assert [one.path for one in found] == [
        "D/Copy/old.fdb", "D/Copy/Backup/old.fdb", "D/Copy/other.fdb", "C/FSE/Data/Backup/ScanJobs.fdb"
    ]  # fmt: skip


def test_how_far_a_copy_got_is_no_part_of_a_name():
    """Without /NP the log holds percentages, behind the name, in lines of their own, and before the next file."""
    entries = [
        folder(),
        SIZED + "  0.0%  2.6%  5.2% 99.1%100%  ",
        SIZED.replace("ScanJobs", "Template") + "\r  0%  \r100%  ",
        "  0%  ",
        "100%  ",
        "100%    " + SIZED.lstrip("\t").replace("ScanJobs", "Filterlists"),
    ]
    found, _ = read(job(*entries))
    assert [one.path.rpartition("/")[2] for one in found] == ["ScanJobs.fdb", "Template.fdb", "Filterlists.fdb"]


def test_errors_and_sums_are_no_files():
    """Lines that tell of errors, retries and sums name no version; the file that failed was there all the same."""
    error = "2008/01/13 12:11:00 ERROR 32 (0x00000020) Copying File C:\\FSE\\Data\\ScanJobs.fdb"
    found, account = read(job(folder(), SIZED, error, "Waiting 30 seconds... Retrying...", ""))
    assert [one.path for one in found] == ["C/FSE/Data/ScanJobs.fdb"]
    assert account.problems == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("Gestartet", "Quelle", "Ziel", "Dateien", "Optionen"), "Neue Datei"),
        (("D\u00e9but", "Source", "Dest", "Fichiers", "Options"), "Nouveau fichier"),
        (("Inicio", "Origen", "Destino", "Archivos", "Opciones"), "Archivo nuevo"),
    ],
)
def test_words_of_other_languages_make_no_difference(words, kind):
    """The header is told by its order and the entries by their columns."""
    entry = f"\t    {kind}\t\t    4096 2008/01/13 12:01:05\tScanJobs.fdb"
    found, _ = read(job(entry, options="*.* /COPY:DAT /NDL ", words=words))
    assert [tuple(one)[:2] for one in found] == [("C/FSE/Data/ScanJobs.fdb", 4096)]


def test_a_folder_that_the_log_does_not_name_is_not_made_up():
    """Without lines of folders a name alone lies in the source only where no folder below it was looked at."""
    found, account = read(job(SIZED))
    assert found == []
    assert "1 files" in account.problems[0].detail
    found, account = read(job(SIZED, options="*.* /COPY:DAT /NDL "))
    assert [one.path for one in found] == ["C/FSE/Data/ScanJobs.fdb"]


def test_one_log_holds_several_jobs():
    """A log that was appended to starts anew at each header: folders of one job are not those of the next."""
    text = job(folder(), SIZED) + job(SIZED, source="E:\\Data", options="*.* /COPY:DAT ")
    assert [one.path for one in read(text)[0]] == ["C/FSE/Data/ScanJobs.fdb", "E/Data/ScanJobs.fdb"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_log_is_told_by_its_content(encoding):
    """A log is a listing whatever its name and encoding; texts that only speak of robocopy, or have tabs, are none."""
    assert tell_kind(job(folder(), SIZED).encode(encoding), "x.log").kind is Kind.FILE_LISTING
    assert tell_kind(FULL.encode(encoding), "x").kind is Kind.FILE_LISTING
    assert tell_kind("I ran ROBOCOPY :: and then\n\tit\tstopped\n".encode(encoding), "x").kind is Kind.TEXT
    assert tell_kind(b"\ta\t\tb\n\tc\t\td\n", "x").kind is Kind.TEXT


@given(st.text(max_size=200), st.text("\t\r %0123456789.*\\CNew:", max_size=80))
def test_no_text_breaks_the_reader(text, entry):
    """Any text behind a header can be read: it gives files or none, and paths that lead nowhere else."""
    account = Account(Form.ROBOCOPY)
    raw = (job(folder(), "\t" + entry) + text).encode("utf-8", "surrogatepass")
    for one in read_listing(lambda: io.BytesIO(raw), Form.ROBOCOPY, None, account):
        assert ".." not in one.path.split("/")


def test_hostile_lines_cost_linear_time():
    """Lines of tabs, blanks, digits and percentages without end are passed over in a moment."""
    begin = time.process_time()
    for filler in (" ", "\t", "1 ", " 1%", " 1%\r", "\t\t1 ", "*", "\\"):
        raw = f"\t    New File  \t\t 1\tx{filler * 200_000}y\r\n\t{filler * 200_000}\r\n".encode()
        list(read_listing(lambda raw=raw: io.BytesIO(raw), Form.ROBOCOPY, None, Account(Form.ROBOCOPY)))
        form_of(raw.decode())
    assert time.process_time() - begin < 5


def test_a_log_alone_gives_versions_without_content(tmp_path):
    """A node of which only the log of a copy is left has live files and sets, known by size and time, never sure."""
    place = tmp_path / "EXNODE1"
    place.mkdir()
    data = "C:\\Program Files\\Microsoft Forefront Security\\Exchange Server\\Data\\"
    entries = [folder(data)] + [SIZED.replace("ScanJobs.fdb", f"{name}") for name in NAMES]
    entries += [folder(data + "Backup\\20080110100000\\")] + [TIMED.replace("ScanJobs.fdb", name) for name in NAMES]
    (place / "copy.log").write_text(job(*entries, source=data))
    with Case.create(tmp_path / "case.db") as case:
        for _ in range(2):
            ingest(case, [place], IngestOptions(node="EXNODE1"))
        evidence = file_evidence(case, analyse(case))
        assert [(row.kind, row.status) for row in case.evidence()] == [("file_listing", "read")]
    assert sorted(evidence.live["EXNODE1"]) == list(NAMES)
    (one,) = evidence.sets
    assert (one.complete, one.confidence) == (True, Confidence.POSSIBLE)
    assert all(file.version.sha256 is None and not file.readable for file in one.files.values())
