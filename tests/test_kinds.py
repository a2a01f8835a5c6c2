"""What a file is: content decides, the name is only a promise."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.kinds import HEAD_SIZE, Kind, decode_text, tell_kind

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "http://schemas.microsoft.com/win/2004/08/events/event"
CLUSTER_LOG = "00000448.00000460::2008/01/10-12:00:35.123 INFO [FM] FmpOnlineGroup\r\n  a continuation\r\n" * 3
PROGRAM_LOG = '1/10/2008 12:00:35 PM( 6288-12416),"INFORMATION: Initializing virus scanning"\r\n'
SAVED_2008 = "Level,Date and Time,Source,Event ID,Task Category\r\nError,1/10/2008 12:00:35 PM,a,1,None,text\r\n"
SAVED_2003 = "10.01.2008,12:00:35,ClusSvc,Fehler,Größe,1201,Nicht zutreffend,EXNODE1,text\r\n"


def evt_record(padding: int = 0) -> bytes:
    size = 56 + padding
    return struct.pack("<I4s", size, b"LfLe") + bytes(size - 12) + struct.pack("<I", size)


def zip_bytes(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"ElfFile\0" + b"ElfChnk\0" * 4)
    return buffer.getvalue()


def tar_bytes(form: int = tarfile.PAX_FORMAT, *, v7: bool = False) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        member = tarfile.TarInfo("System.evtx")
        member.size = 16
        archive.addfile(member, io.BytesIO(b"ElfFile\0ElfChnk\0"))
    data = bytearray(buffer.getvalue())
    if v7:
        data[257:265] = bytes(8)
        data[329:345] = bytes(16)  # device numbers, which the old form has not
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def pe_bytes() -> bytes:
    return b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0" + bytes(100)


CONTENTS = [
    (b"ElfFile\0" + bytes(100), Kind.EVTX, None),
    (b"ElfChnk\0" + bytes(100), Kind.EVTX, None),
    (b"shifted!" * 3 + b"ElfChnk\0" + bytes(100), Kind.EVTX, None),
    (b"\x30\0\0\0LfLe" + bytes(40), Kind.EVT, None),
    (bytes(77) + evt_record(12), Kind.EVT, None),
    (zip_bytes("System.evtx"), Kind.ARCHIVE, "zip"),
    (zip_bytes(), Kind.ARCHIVE, "zip"),
    (gzip.compress(b"ElfFile\0"), Kind.ARCHIVE, "gzip"),
    (bz2.compress(b"ElfFile\0"), Kind.ARCHIVE, "bzip2"),
    (bz2.compress(b""), Kind.ARCHIVE, "bzip2"),
    (lzma.compress(b"ElfFile\0"), Kind.ARCHIVE, "xz"),
    (tar_bytes(), Kind.ARCHIVE, "tar"),
    (tar_bytes(tarfile.GNU_FORMAT), Kind.ARCHIVE, "tar"),
    (tar_bytes(tarfile.USTAR_FORMAT, v7=True), Kind.ARCHIVE, "tar"),
    (b"7z\xbc\xaf\x27\x1c\0\4", Kind.ARCHIVE, "7z"),
    (b"regf" + bytes(100), Kind.REGISTRY_HIVE, None),
    (pe_bytes(), Kind.MESSAGE_FILE, None),
    (f'<Event xmlns="{EVENTS}"><System/></Event>'.encode(), Kind.EVENT_EXPORT, None),
    (f"<?xml version='1.0'?>\n<!-- x -->\n<Events><Event xmlns='{EVENTS}'>".encode("utf-16"), Kind.EVENT_EXPORT, None),
    (f"<Root>\r\n<Event xmlns='{EVENTS}'><System/>".encode(), Kind.EVENT_EXPORT, None),
    (f"<Event xmlns='{EVENTS}'><Data>\1\0</Data>".encode("utf-16-le"), Kind.EVENT_EXPORT, None),
    (f"<Event xmlns='{EVENTS}'><Data>Größe\1</Data>".encode("cp1252"), Kind.EVENT_EXPORT, None),
    (b"<Events><Event date='next week'/></Events>", Kind.TEXT, None),
    (f"<html><body>see <Event xmlns='{EVENTS}'/>".encode(), Kind.TEXT, None),
    (SAVED_2008.encode(), Kind.EVENT_EXPORT, None),
    (SAVED_2008.replace(",", "\t").encode("utf-16"), Kind.EVENT_EXPORT, None),
    (SAVED_2008.split("\n", 1)[0].encode(), Kind.EVENT_EXPORT, None),
    (b"Niveau,Date,Source,ID,Cat\xe9gorie\r\nErreur,10/01/2008 12:00:35,a,1,Aucun,text\r\n", Kind.EVENT_EXPORT, None),
    (SAVED_2003.encode(), Kind.EVENT_EXPORT, None),
    (SAVED_2003.replace(",", "\t").encode("cp1252"), Kind.EVENT_EXPORT, None),
    (b"who,when,where,count,what\r\nme,1/10/2008 12:00:35,here,3,nothing\r\n", Kind.TEXT, None),
    (b"Error,1/10/2008 12:00:35 PM,a,1,None,without a header\r\n", Kind.TEXT, None),
    (b"1/10/2008,12:00,lunch,with,a,friend\r\n", Kind.TEXT, None),
    (b"Level,Source,Event ID\r\nError,a,1\r\n", Kind.TEXT, None),
    ("Windows Registry Editor Version 5.00\r\n\r\n[HKEY".encode("utf-16"), Kind.REGISTRY_EXPORT, None),
    (b"Windows Registry Editor Version 5.00\r\n", Kind.REGISTRY_EXPORT, None),
    (b"REGEDIT4\r\n\r\n[HKEY", Kind.REGISTRY_EXPORT, None),
    (CLUSTER_LOG.encode(), Kind.CLUSTER_LOG, None),
    (PROGRAM_LOG.encode() * 2, Kind.PROGRAM_LOG, None),
    (PROGRAM_LOG.encode("utf-16"), Kind.PROGRAM_LOG, None),
    (b"BZh8 is not what bzip2 writes", Kind.TEXT, None),
    (b"MZ says hello in plain text", Kind.TEXT, None),
    ("Grüße, Δ".encode(), Kind.TEXT, None),
    ("Grüße".encode("cp850"), Kind.TEXT, None),
    ("Grüße".encode("utf-16-be").join([b"\xfe\xff", b""]), Kind.TEXT, None),
    (b"text\0with nothing", Kind.OTHER, None),
    (b"\x01\x02\x03\x04", Kind.OTHER, None),
    (bytes(4096), Kind.OTHER, None),
    (b"", Kind.OTHER, "empty"),
]


@pytest.mark.parametrize(("head", "kind", "note"), CONTENTS, ids=[f"{k}-{i}" for i, (_, k, _) in enumerate(CONTENTS)])
def test_content_decides_under_every_name(head: bytes, kind: Kind, note: str | None) -> None:
    """Each form is recognised by its content, and no other name changes what it is."""
    for name in ("x", "x.evtx", "a/b.txt", "x.zip", "dir.fdb/x.reg"):
        guess = tell_kind(head, name)
        assert (guess.kind, guess.note) == (kind, note)


@pytest.mark.parametrize(
    ("name", "claimed"),
    [
        ("a/System.EVTX", Kind.EVTX),
        ("AppEvent.Evt", Kind.EVT),
        (r"C:\x\ScanJobs.fdb.20080110120035", Kind.FDB),
        ("ScanJobs.bak1.FDB", Kind.FDB),
        ("ScanJobs.fdb.zip", Kind.ARCHIVE),
        ("x.tar.gz", Kind.ARCHIVE),
        ("export.reg", Kind.REGISTRY_EXPORT),
        ("Cluster.log", Kind.CLUSTER_LOG),
        ("ProgramLog.txt", Kind.PROGRAM_LOG),
        ("CLUSDB", Kind.REGISTRY_HIVE),
        ("notes.txt", None),
        ("data.fdb/notes", None),
        ("evtx", None),
        ("", None),
    ],
)
def test_names_promise_kinds(name: str, claimed: Kind | None) -> None:
    """The last part of a name, in any case, says what the file should be, also when the file is empty."""
    guess = tell_kind(b"", name)
    assert guess.claimed is claimed
    assert not guess.misnamed


def test_a_text_named_evtx_is_misnamed() -> None:
    """A text file under the name of a log is text that was promised as a log."""
    guess = tell_kind(b"not a log\r\n", "System.evtx")
    assert (guess.kind, guess.claimed, guess.misnamed) == (Kind.TEXT, Kind.EVTX, True)
    assert not tell_kind(b"ElfFile\0", "System.evtx").misnamed
    assert not tell_kind(b"not a log\r\n", "notes.txt").misnamed


def test_fdb_is_opaque_and_known_by_name() -> None:
    """Whatever lies in a .fdb stays a .fdb, unless it begins as a known container; Firebird is set apart."""
    for head in (b"\0\1\2", b"plain text", b"..ElfChnk\0..", bytes(77) + evt_record()):
        assert tell_kind(head, "Data/ScanJobs.fdb.20080110120035").kind is Kind.FDB
    for head, kind in ((zip_bytes("a"), Kind.ARCHIVE), (b"regf....", Kind.REGISTRY_HIVE), (b"ElfFile\0", Kind.EVTX)):
        guess = tell_kind(head, "ScanJobs.fdb")
        assert (guess.kind, guess.misnamed) == (kind, True)
    header_page = b"\1" + bytes(0x11) + b"\x0b\x80" + bytes(1000)
    assert tell_kind(header_page, "x.fdb") == tell_kind(header_page, "y.FDB")
    assert tell_kind(header_page, "x.fdb").note == "firebird"
    assert tell_kind(b"\1" + bytes(0x11) + b"\x0b\x00", "x.fdb").note is None


def test_implausible_records_are_no_log() -> None:
    """The four letters of a record's signature make no event log without sizes that agree."""
    wrong_end = evt_record()[:-4] + bytes(4)
    for head in (b"....LfLe and more text", b"LfLe", b"\xff\xff\xff\xffLfLe" + bytes(90), wrong_end + bytes(90)):
        assert tell_kind(head, "x").kind is not Kind.EVT


def test_quoted_log_lines_are_no_log() -> None:
    """A note that quotes one line of a cluster log among its own is text."""
    quoted = "They asked me:\nwhat does this mean?\n\n" + CLUSTER_LOG.splitlines()[0] + "\nI do not know\n"
    assert tell_kind(quoted.encode(), "x").kind is Kind.TEXT


def test_a_character_cut_by_the_head_is_still_text() -> None:
    """UTF-8 and UTF-16 whose last character is cut stay what they are."""
    long = ("€" * HEAD_SIZE).encode()[:HEAD_SIZE]
    assert decode_text(long) == "€" * (HEAD_SIZE // 3)
    assert decode_text("ab€".encode("utf-16")[:-1]) == "ab"


@given(st.binary(max_size=2000), st.text(max_size=30))
def test_any_bytes_under_any_name_get_an_answer(head: bytes, name: str) -> None:
    """No content and no name raises; a name without a promise is never called misnamed."""
    guess = tell_kind(head, name)
    assert guess.kind in Kind
    assert not (guess.misnamed and guess.claimed is None)


@given(st.sampled_from([c[0] for c in CONTENTS if c[0]]), st.data())
def test_any_cut_head_gets_an_answer(head: bytes, data: st.DataObject) -> None:
    """A file cut anywhere is what it was, or no longer recognised, and never something else."""
    cut = head[: data.draw(st.integers(0, len(head)))]
    full, guess = tell_kind(head, "x").kind, tell_kind(cut, "x").kind
    assert guess in (full, Kind.TEXT, Kind.OTHER)


def test_real_logs_are_logs(corpus: Path) -> None:
    """Every log of the corpus is told by its content as what its name says, damaged ones too."""
    files = [path for path in corpus.glob("evt*/*") if path.suffix.lower() in (".evt", ".evtx")]
    assert files
    for path in files:
        with path.open("rb") as stream:
            head = stream.read(HEAD_SIZE)
        assert tell_kind(head, "unnamed").kind is tell_kind(b"", path.name).claimed, path.name
