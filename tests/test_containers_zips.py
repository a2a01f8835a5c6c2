"""Zips: whole, cut, lying and hostile ones, with another implementation as oracle for the whole ones."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.containers.sources import Limits, ModifiedBasis, Source, SourceProblem
from parsers.containers.walk import walk, walk_members
from parsers.problems import ProblemKind
from parsers.times import filetime_from_datetime, filetime_from_unix, iso_utc

if TYPE_CHECKING:
    from pathlib import Path

LOG = b"ElfFile\0" + bytes(5000) + b"end of log"


def source_of(data: bytes, name: str = "a.zip") -> Source:
    return Source(name, None, len(data), None, ModifiedBasis.NONE, lambda: io.BytesIO(data))


def read(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


def members(data: bytes, limits: Limits | None = None, zone: str = "UTC") -> dict[str, Source]:
    found = [item for item in walk_members(source_of(data), limits, ZoneInfo(zone)) if isinstance(item, Source)]
    assert len({item.path for item in found}) == len(found)
    return {item.path: item for item in found}


def problems(data: bytes, limits: Limits | None = None) -> list[tuple[str, ProblemKind]]:
    found = [item for item in walk_members(source_of(data), limits) if isinstance(item, SourceProblem)]
    return [(item.path, item.problem.kind) for item in found]


def kinds_in(source: Source) -> set[ProblemKind]:
    read(source)
    return {problem.kind for problem in source.problems}


def make_zip(
    contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, extra: bytes = b"", *, streamed: bool = False
) -> bytes:
    buffer = io.BytesIO()
    target = io.BufferedWriter(_Unseekable(buffer)) if streamed else buffer
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, (2008, 1, 10, 12, 0, 34))
            info.compress_type, info.extra = method, extra
            archive.writestr(info, content)
    target.flush()
    return buffer.getvalue()


class _Unseekable(io.RawIOBase):
    def __init__(self, buffer: io.BytesIO) -> None:
        self._buffer = buffer

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        return self._buffer.write(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("streamed", [False, True])
def test_members_come_as_they_went_in(method: int, streamed: bool) -> None:
    """Each compression method gives each content back, in order, without a problem, also where sizes stand behind."""
    contents = {"EXNODE1/Logs/System.evtx": LOG, "empty": b"", "Grüße/ß": bytes(range(256)) * 300, "dir/": b""}
    data = make_zip(contents, method, streamed=streamed)
    found = members(data)
    assert {path.removeprefix("a.zip/"): read(source) for path, source in found.items()} == {
        name: content for name, content in contents.items() if not name.endswith("/")
    }
    assert problems(data) == []
    for source in found.values():
        assert (source.container, source.problems, source.size) == ("a.zip", [], len(read(source)))


names = st.text(st.characters(codec="utf-8", exclude_characters="\0\\/:"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)


@given(st.dictionaries(names, st.binary(max_size=3000), max_size=6), st.sampled_from([0, 8, 12, 14]), st.booleans())
def test_honest_zips_are_read_as_zipfile_reads_them(contents: dict[str, bytes], method: int, streamed: bool) -> None:
    """For any names and contents, this reader and the standard library's agree."""
    data = make_zip(contents, method, streamed=streamed)
    with zipfile.ZipFile(io.BytesIO(data)) as oracle:
        expected = [(f"a.zip/{info.filename}", oracle.read(info)) for info in oracle.infolist()]
    assert [(path, read(source)) for path, source in members(data).items()] == expected


def test_zip64_and_data_before_the_archive() -> None:
    """Zip64 sizes and an archive appended to a program are read."""
    buffer = io.BytesIO(b"MZ a program that unpacks itself")
    buffer.seek(0, 2)
    with zipfile.ZipFile(buffer, "a") as archive, archive.open("big", "w", force_zip64=True) as member:
        member.write(LOG)
    data = buffer.getvalue()
    found = [item for item in _by_zip_reader(data) if isinstance(item, Source)]
    assert [read(item) for item in found] == [LOG]


def _by_zip_reader(data: bytes) -> list[Source | SourceProblem]:
    from parsers.containers.sources import Budget  # noqa: PLC0415 - only this test goes past the kind
    from parsers.containers.zips import zip_members  # noqa: PLC0415

    return list(zip_members(source_of(data), Budget.of(Limits(), len(data)), UTC))


def ntfs(ticks: int) -> bytes:
    return struct.pack("<HHIHHQQQ", 0x000A, 32, 0, 1, 24, ticks, ticks + 1, ticks + 2)


def unix(seconds: int) -> bytes:
    return struct.pack("<HHBi", 0x5455, 5, 1, seconds)


EXACT = 128_444_400_351_234_567


@pytest.mark.parametrize(
    ("extra", "expected", "basis"),
    [
        (unix(1_199_966_435) + ntfs(EXACT), EXACT, ModifiedBasis.NTFS_EXTRA),
        (unix(1_199_966_435), filetime_from_unix(1_199_966_435), ModifiedBasis.UNIX_EXTRA),
        (unix(-5), filetime_from_unix(-5), ModifiedBasis.UNIX_EXTRA),
        (ntfs(0), filetime_from_datetime(datetime(2008, 1, 10, 11, 0, 34, tzinfo=UTC)), ModifiedBasis.DOS_LOCAL),
        (ntfs(2**64 - 3), None, ModifiedBasis.NONE),
        (b"\x0a\0\xff", filetime_from_datetime(datetime(2008, 1, 10, 11, 0, 34, tzinfo=UTC)), ModifiedBasis.DOS_LOCAL),
    ],
)
def test_the_most_exact_time_counts(extra: bytes, expected: int | None, basis: ModifiedBasis) -> None:
    """NTFS time before Unix time before DOS time, which is local time of the stated zone; impossible ones are none."""
    data = make_zip({"x": b""}, extra=extra)
    source = members(data, zone="Europe/Berlin")["a.zip/x"]
    assert (source.modified, source.modified_basis) == (expected, basis)
    assert bool(source.problems) == (expected is None)


def test_a_dos_time_that_came_twice_is_the_first() -> None:
    """Where clocks were set back, the earlier of the two moments is taken; a date that is none gives no time."""
    data = make_zip({"x": b""})
    twice = data.replace(
        struct.pack("<HH", *_dos(2008, 1, 10, 12, 0, 34)), struct.pack("<HH", *_dos(2007, 10, 28, 2, 30, 0))
    )
    assert iso_utc(members(twice, zone="Europe/Berlin")["a.zip/x"].modified) == "2007-10-28T00:30:00.000000Z"
    none = data.replace(struct.pack("<HH", *_dos(2008, 1, 10, 12, 0, 34)), bytes(4))
    assert members(none)["a.zip/x"].modified_basis is ModifiedBasis.NONE


def _dos(year: int, month: int, day: int, hour: int, minute: int, second: int) -> tuple[int, int]:
    return hour << 11 | minute << 5 | second // 2, year - 1980 << 9 | month << 5 | day


@pytest.mark.parametrize(
    ("name", "path", "stated"),
    [
        (r"EXNODE1\Data\ScanJobs.fdb", "EXNODE1/Data/ScanJobs.fdb", False),
        (r"C:\Windows\system32\x.evt", "C/Windows/system32/x.evt", False),
        ("/etc/passwd", "etc/passwd", False),
        (r"\\server\share\x", "server/share/x", False),
        ("a/./b//c", "a/b/c", False),
        ("../../canary", r"\x2e\x2e/\x2e\x2e/canary", True),
        (r"a\..\..\b", r"a/\x2e\x2e/\x2e\x2e/b", True),
        ("a\0b", r"a\x00b", True),
        (".", "unnamed", True),
    ],
)
def test_names_cannot_lead_out_of_the_archive(name: str, path: str, stated: bool) -> None:
    """Windows separators become folders, roots and drives go, `..` and NUL are escaped and stated; content is read."""
    placeholder = "N" * len(name.encode())
    data = make_zip({placeholder: LOG}).replace(placeholder.encode(), name.encode())
    found = members(data)
    assert list(found) == [f"a.zip/{path}"]
    assert kinds_in(found[f"a.zip/{path}"]) == ({ProblemKind.BAD_VALUE} if stated else set())
    assert read(found[f"a.zip/{path}"]) == LOG


def test_several_members_of_one_name_are_all_read() -> None:
    """Members of one name get numbers, the statement of it, and their own content."""
    data = make_zip({"x": b"first", "y": b"second", "z": b"third", "y#2": b"taken"})
    data = data.replace(b"z", b"y").replace(b"x", b"y")
    found = members(data)
    assert {path: read(source) for path, source in found.items()} == {
        "a.zip/y": b"first",
        "a.zip/y#2": b"second",
        "a.zip/y#3": b"third",
        "a.zip/y#2#2": b"taken",
    }
    assert [bool(source.problems) for source in found.values()] == [False, True, True, True]


def test_a_bad_checksum_is_said_after_the_content() -> None:
    """Content that does not fit its CRC is given whole, once with one UNREADABLE problem, stored or compressed."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = make_zip({"x": LOG}, method)
        crc = struct.pack("<I", zlib.crc32(LOG))
        for limits in (Limits(), Limits(memory=100)):
            source = members(data.replace(crc, b"oops"), limits)["a.zip/x"]
            assert source.problems == []
            assert read(source) == read(source) == LOG
            assert [problem.kind for problem in source.problems] == [ProblemKind.UNREADABLE]


def test_damaged_deflate_gives_everything_before_the_damage() -> None:
    """Content before a broken block is given to the last byte, then the problem."""
    good, rest = zlib.compressobj(wbits=-15), zlib.compressobj(wbits=-15)
    packed = good.compress(LOG) + good.flush(zlib.Z_FULL_FLUSH)
    broken = packed + b"\x07" + rest.compress(b"never seen")  # block type 3 does not exist
    data = make_zip({"x": broken}, zipfile.ZIP_STORED)
    data = _patched(data, method=8, size=len(LOG) + 10)
    for limits in (Limits(), Limits(memory=100)):
        source = members(data, limits)["a.zip/x"]
        assert read(source) == LOG
        assert [problem.kind for problem in source.problems] == [ProblemKind.UNREADABLE]


def _patched(data: bytes, *, method: int | None = None, size: int | None = None, flags: int | None = None) -> bytes:
    """The first directory entry and local header, with fields set to what an honest writer would not write."""
    changed = bytearray(data)
    for magic, base in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.index(magic) + base
        if flags is not None:
            changed[at : at + 2] = struct.pack("<H", flags)
        if method is not None:
            changed[at + 2 : at + 4] = struct.pack("<H", method)
        if size is not None:
            changed[at + 16 : at + 20] = struct.pack("<I", size)
    return bytes(changed)


@pytest.mark.parametrize(("declared", "given_bytes"), [(100, 100), (len(LOG) + 1000, len(LOG)), (0, 0)])
def test_lying_sizes_are_found_out(declared: int, given_bytes: int) -> None:
    """Never more than declared is given, and a size that is not the content's is a BAD_HEADER problem."""
    data = _patched(make_zip({"x": LOG}), size=declared)
    for limits in (Limits(), Limits(memory=64)):
        source = members(data, limits)["a.zip/x"]
        assert read(source) == LOG[:given_bytes]
        assert [problem.kind for problem in source.problems] == [ProblemKind.BAD_HEADER]


def test_what_cannot_be_read_is_named() -> None:
    """Encrypted members, unknown methods, links and overlong names are problems of their own; the rest is read."""
    plain = make_zip({"x": LOG, "y": b"readable"})
    for data in (_patched(plain, flags=1), _patched(plain, method=9), _patched(plain, method=99)):
        assert problems(data) == [("a.zip/x", ProblemKind.UNSUPPORTED)]
        assert list(members(data)) == ["a.zip/y"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("n" * 5000, b"")
        archive.writestr("y", b"readable")
    found = problems(buffer.getvalue())
    assert found[0] == ("a.zip/link", ProblemKind.UNSUPPORTED)
    assert (found[1][1], len(found[1][0]) < 300) == (ProblemKind.LIMIT, True)
    assert list(members(buffer.getvalue())) == ["a.zip/y"]


def test_overlapping_members_are_read_once() -> None:
    """Directory entries that share one run of bytes give it once; each further one is a problem."""
    data = make_zip({"x": LOG})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 50, 50, 50 * len(entry))
    bomb = data[:start] + entry * 50 + bytes(tail)
    assert [read(source) for source in members(bomb).values()] == [LOG]
    assert problems(bomb) == [("a.zip/x", ProblemKind.BAD_HEADER)] * 49


@pytest.mark.parametrize("streamed", [False, True])
def test_a_cut_zip_gives_the_members_before_the_cut(streamed: bool) -> None:
    """Without central directory members are found by their own headers; whole ones are whole, the last one is cut."""
    contents = {f"{number}.evtx": LOG + bytes([number]) * number * 1000 for number in range(5)}
    contents["last"] = bytes(range(256)) * 8
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = make_zip(contents, method, streamed=streamed and method == zipfile.ZIP_DEFLATED)
        cut = data[: data.rindex(b"PK\x03\x04") + 100]
        found = members(cut)
        assert problems(cut)[0] == ("a.zip", ProblemKind.TRUNCATED)
        assert [path.removeprefix("a.zip/") for path in found] == list(contents)
        for name in list(contents)[:-1]:
            assert read(found[f"a.zip/{name}"]) == contents[name]
            assert found[f"a.zip/{name}"].problems == []
        last = read(found["a.zip/last"])
        assert contents["last"].startswith(last)
        assert last
        assert {problem.kind for problem in found["a.zip/last"].problems} == {ProblemKind.TRUNCATED}


def test_a_directory_broken_in_the_middle_loses_no_member() -> None:
    """Members whose directory entries are destroyed are found by their own headers, none of them twice."""
    contents = {f"{number}.evtx": LOG + bytes([number]) for number in range(6)}
    data = bytearray(make_zip(contents))
    at = -1
    for _ in range(3):
        at = data.index(b"PK\x01\x02", at + 1)
    data[at : at + 4] = b"????"
    found = members(bytes(data))
    assert {path.removeprefix("a.zip/"): read(source) for path, source in found.items()} == contents
    assert problems(bytes(data)) == [("a.zip", ProblemKind.BAD_HEADER)]


def test_false_signatures_cannot_make_the_search_endless() -> None:
    """A file made of member headers that lead nowhere ends soon, within bounds that are stated."""
    header = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 8, 8, 0, 0, 0, 0, 0, 1, 0) + b"n"
    data = header * 20_000
    limits = Limits(members=30_000)
    items = list(walk_members(source_of(data), limits))
    assert len(items) <= 20_002
    assert (items[0].problem.kind if isinstance(items[0], SourceProblem) else None) is ProblemKind.TRUNCATED


@pytest.mark.parametrize("declared", [1 << 29, 1 << 40])
def test_an_archive_declared_far_larger_than_it_is_ends_soon(declared: int) -> None:
    """A nested zip that declares a gigabyte and has none is searched only where it has bytes."""
    inner = make_zip({"x": LOG})[:-30] + b"?" * 30  # its directory is destroyed
    member = tarfile.TarInfo("inner.zip")
    member.size = declared
    data = member.tobuf(tarfile.GNU_FORMAT) + inner
    (item,) = (
        item
        for item in walk_members(source_of(data), Limits(total=1 << 50, ratio_from=1 << 50))
        if isinstance(item, Source)
    )
    assert item.size == declared
    with item.open() as stream:
        assert stream.seek(0, 2) == len(inner)
    found = list(walk_members(item))
    assert [read(below) for below in found if isinstance(below, Source)] == [LOG]
    read(item)
    assert [problem.kind for problem in item.problems] == [ProblemKind.TRUNCATED]


def test_limits_stop_an_archive() -> None:
    """Too many members, too many bytes in all and too high a ratio each leave members unread and say so."""
    data = make_zip({str(number): bytes(10_000) for number in range(10)})
    assert problems(data) == []
    assert problems(data, Limits(members=4)) == [("a.zip", ProblemKind.LIMIT)]
    assert len(members(data, Limits(members=4))) == 4
    assert len(members(data, Limits(total=35_000))) == 3
    assert problems(data, Limits(total=35_000)) == [(f"a.zip/{n}", ProblemKind.LIMIT) for n in range(3, 10)]
    assert problems(data, Limits(ratio=1)) == []
    assert problems(data, Limits(ratio=1, ratio_from=50_000))[0] == ("a.zip/5", ProblemKind.LIMIT)


def test_large_members_are_streams_that_seek() -> None:
    """A member above the memory bound is read in any order with the bytes of the content, stored or compressed."""
    content = bytes(value * 7 % 251 for value in range(400_000))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        source = members(make_zip({"x": content}, method), Limits(memory=1000))["a.zip/x"]
        with source.open() as stream:
            oracle = io.BytesIO(content)
            for offset, whence in ((390_000, 0), (10, 0), (-5, 2), (0, 0), (300_000, 1), (-200_000, 1), (5, 2)):
                assert stream.seek(offset, whence) == oracle.seek(offset, whence)
                assert stream.read(1000) == oracle.read(1000)
        assert source.problems == []


def test_members_can_be_read_after_the_walk(tmp_path: Path) -> None:
    """Sources kept in a list are read after the walk, in any order, from a file that was closed meanwhile."""
    (tmp_path / "a.zip").write_bytes(make_zip({str(number): LOG * number for number in range(5)}))
    found = [item for item in walk(tmp_path / "a.zip") if isinstance(item, Source)][1:]
    assert [read(source) for source in reversed(found)] == [LOG * number for number in (4, 3, 2, 1, 0)]


MUTABLE = make_zip({"EXNODE1/a.evtx": LOG, "b": b"b" * 100, "c": b""}, extra=ntfs(EXACT)) + b""


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutated_zips_never_raise(data: st.DataObject) -> None:
    """Whatever bytes are changed, cut or repeated, the walk ends, and content is never larger than declared."""
    mutated = bytearray(data.draw(st.sampled_from([MUTABLE, make_zip({"x": LOG, "y": b"yy"}, 14, streamed=True)])))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        piece = data.draw(
            st.binary(min_size=0, max_size=8) | st.sampled_from([b"\xff" * 8, b"PK\x01\x02", b"PK\x03\x04"])
        )
        mutated[at : at + data.draw(st.integers(0, 12))] = piece
        mutated = mutated or bytearray(b"P")
    for item in walk_members(source_of(b"PK\x03\x04" + bytes(mutated[4:])), Limits(memory=2000)):
        if isinstance(item, Source):
            content = read(item)
            assert item.size is None or len(content) <= item.size
            assert content == read(item)
