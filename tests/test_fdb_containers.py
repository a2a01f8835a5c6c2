"""Known containers are told apart from opaque files, by their headers, and damage of them is said."""

from __future__ import annotations

import gzip
import io
import sqlite3
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.fdb import structs
from parsers.fdb.containers import HEAD_SIZE, ContainerKind, identify
from parsers.problems import ProblemKind


def told(content: bytes):
    return identify(content[:HEAD_SIZE], len(content))


def firebird(*, page_size=4096, ods=0x800B, pages=2, minor=2, checksum=12345, kind=1):
    """A header page of an on-disk structure 11, as Firebird 2.5 writes it, and empty pages behind it."""
    head = struct.pack("<BBHIII", kind, 0, checksum, 37, 0, 0) + struct.pack("<HH", page_size, ods)
    head += struct.pack("<IIIIIHHiiII", 3, 0, 26, 27, 29, 0, 2, 54466, 310_000, 15, 0)  # 2008-01-01, 31 s
    head += struct.pack("<HHH", 26, minor, minor)
    return head.ljust(4096 * pages, b"\0")


def test_the_real_firebird_database_is_set_apart(corpus):
    """A database made by Firebird 3.0 is recognised, with the page size and versions that its own tools gave it."""
    content = gzip.decompress((corpus / "fdb" / "firebird-3.0.fdb.gz").read_bytes())
    found = told(content)
    assert found.kind is ContainerKind.FIREBIRD
    assert found.foreign
    assert (found.facts["page_size"], found.facts["ods_major"], found.facts["ods_minor"]) == (8192, 12, 0)
    assert str(found.facts["created_local"]).startswith("2026-")
    assert found.problems == ()


def test_the_fields_of_a_firebird_header():
    """Page size, on-disk structure, transactions and creation time of an older Firebird are read where they lie."""
    found = told(firebird())
    assert found.kind is ContainerKind.FIREBIRD
    assert found.facts == {
        "page_size": 4096,
        "ods_major": 11,
        "ods_minor": 2,
        "generation": 37,
        "created_local": "2008-01-01T00:00:31.000000",
        "oldest_transaction": 26,
        "oldest_active": 27,
        "next_transaction": 29,
        "next_attachment": 15,
        "sequence": 0,
    }


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (firebird(ods=0x000A), ContainerKind.INTERBASE),
        (firebird(ods=0x000A, checksum=7), ContainerKind.OPAQUE),
        (firebird(page_size=0), ContainerKind.FIREBIRD),
        (firebird(page_size=4095, ods=0x8777), ContainerKind.OPAQUE),
        (firebird(kind=2), ContainerKind.OPAQUE),
    ],
)
def test_what_is_no_firebird(content, kind):
    """A first byte of 1 and a flag are not enough: size, version or checksum must fit too."""
    assert told(content).kind is kind


def test_a_cut_firebird_database():
    """A database whose last page is cut is one, and is said to be cut, with the offset."""
    found = told(firebird(pages=3)[:-100])
    assert found.kind is ContainerKind.FIREBIRD
    assert [(p.kind, p.offset, p.length) for p in found.problems] == [(ProblemKind.TRUNCATED, 8192, 100)]


def test_a_firebird_page_size_that_cannot_be():
    """A page size of 0 is named as a fault of the header."""
    assert [p.kind for p in told(firebird(page_size=0)).problems] == [ProblemKind.BAD_HEADER]


@pytest.fixture
def sqlite_file(tmp_path):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA page_size = 2048")
        connection.execute("CREATE TABLE t(x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 20)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    return path.read_bytes(), pages


def test_a_sqlite_database(sqlite_file):
    """What sqlite3 made is SQLite, with its own page size and number of pages; cut, it lacks what was cut off."""
    content, pages = sqlite_file
    found = told(content)
    assert found.kind is ContainerKind.SQLITE
    assert (found.facts["page_size"], found.facts["pages"], found.problems) == (2048, pages, ())
    (problem,) = told(content[:5000]).problems
    assert (problem.kind, problem.length) == (ProblemKind.TRUNCATED, len(content) - 5000)


def test_archives():
    """A zip and a gzip of the standard library are told apart, an empty zip too."""
    for members in ({}, {"a": b"x"}):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        assert told(packed.getvalue()).kind is ContainerKind.ZIP
    found = told(gzip.compress(b"hello", mtime=1_199_966_400))
    assert found.kind is ContainerKind.GZIP
    assert found.facts == {"modified_inside": "2008-01-10T12:00:00.000000Z"}


def cab():
    return b"MSCF" + struct.pack("<IIIIIBBHH", 0, 50, 0, 44, 0, 3, 1, 1, 2) + bytes(20)


def ese(page_size=4096, state=3):
    head = struct.pack("<I4sIIQ28sI", 0, b"\xef\xcd\xab\x89", 0x620, 0, 1, b"", state)
    return (head + bytes(176) + struct.pack("<II", 0xC, page_size)).ljust(8192, b"\0")


def ole(shift=9, fat=1):
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, shift, 6)
    return (head + bytes(6) + struct.pack("<II", 0, fat)).ljust(1024, b"\0")


def hive(second=5):
    return (b"regf" + struct.pack("<IIQIIIIII", 5, second, 0, 1, 5, 0, 1, 32, 4096)).ljust(8192, b"\0")


@pytest.mark.parametrize(
    ("content", "kind", "facts"),
    [
        (b"\0\1\0\0Standard Jet DB\0\1".ljust(4096, b"\0"), "jet", {"version": "Access 2000 to 2003"}),
        (b"\0\1\0\0Standard ACE DB\0\2".ljust(4096, b"\0"), "jet", {"format": "Standard ACE DB"}),
        (ese(), "ese", {"state": "clean shutdown", "page_size": 4096}),
        (ese(page_size=0), "ese", {"page_size": 4096}),
        (ole(), "ole_compound", {"version": "3.62", "sector_size": 512}),
        (cab(), "cab", {"files": 2, "version": "1.3"}),
        (hive(), "registry_hive", {"version": "1.5"}),
        (b"<?xml version='1.0'?><a/>", "xml", {"encoding": "ASCII"}),
        ("<?xml version='1.0'?><a/>".encode("utf-16"), "xml", {"encoding": "UTF-16LE"}),
        ("häßlich\r\n".encode(), "text", {"encoding": "UTF-8"}),
        ("häßlich\r\n".encode("cp1252"), "text", {"encoding": "one byte a character, code page unknown"}),
        ("häßlich\r\n".encode("utf-8-sig"), "text", {"encoding": "UTF-8 with a byte-order mark"}),
        ("einfach\r\n".encode("utf-16-le"), "text", {"encoding": "UTF-16LE"}),
        (b"ElfFile\0".ljust(4096, b"\0"), "event_log", {"format": "evtx"}),
    ],
)
def test_other_containers(content, kind, facts):
    """Each known container is named, with what its header says, and nothing is wrong with a whole one."""
    found = told(content)
    assert found.kind == kind
    assert facts.items() <= found.facts.items()
    assert found.problems == ()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (cab()[:40], ProblemKind.TRUNCATED),
        (ese()[:100], ProblemKind.TRUNCATED),
        (ese(page_size=77), ProblemKind.BAD_HEADER),
        (ole(shift=3), ProblemKind.BAD_HEADER),
        (ole(fat=0xFFFFFFFF), ProblemKind.TRUNCATED),
        (hive(second=4), ProblemKind.STALE_HEADER),
        (hive()[:5000], ProblemKind.TRUNCATED),
    ],
)
def test_damage_is_said(content, kind):
    """A container that is cut, or whose header contradicts itself, keeps its name and gets a problem."""
    found = told(content)
    assert found.kind is not ContainerKind.OPAQUE
    assert [p.kind for p in found.problems] == [kind]


@pytest.mark.parametrize("content", [bytes(5000), b"\xd0\xcf\x11\xe0", bytes(range(256)) * 9, b"\xff" * 300])
def test_opaque(content):
    """What no specification describes, or is too short for one, is opaque; nothing is read into it."""
    found = told(content)
    assert found.kind is ContainerKind.OPAQUE
    assert found.problems == ()
    assert not found.foreign


def test_an_empty_file():
    """A file without bytes is empty, not opaque."""
    assert told(b"").kind is ContainerKind.EMPTY


SAMPLES = [
    firebird(),
    ese(),
    ole(),
    cab(),
    hive(),
    b"SQLite format 3\0".ljust(100, b"\1"),
    b"\0\1\0\0Standard Jet DB\0",
]


@given(st.binary(max_size=400) | st.tuples(st.sampled_from(SAMPLES), st.integers(0, 260)).map(lambda t: t[0][: t[1]]))
def test_any_bytes_get_an_answer(content):
    """Random and cut heads never raise, and every answer has a name and problems inside bounds."""
    found = told(content)
    assert found.name
    assert all(problem.offset >= 0 and problem.length >= 0 for problem in found.problems)


def test_the_declared_sizes():
    """The declared structures are as long as their specifications say."""
    assert structs.HEADER_PAGE.sizeof() == 0x14
    assert structs.HEADER_PAGE.sizeof() + structs.HEADER_PAGE_10_TO_13.sizeof() == 0x42
    assert structs.ESE_FILE_HEADER.sizeof() == 240
    assert structs.CFHEADER.sizeof() == 30
    assert structs.GZIP_HEADER.sizeof() == 10
