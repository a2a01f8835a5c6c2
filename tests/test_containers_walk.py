"""The walk as a whole: nesting, compressed files, limits, memory, and that nothing is ever written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.containers.sources import Limits, ModifiedBasis, Source, SourceProblem
from parsers.containers.walk import walk, walk_members
from parsers.problems import ProblemKind
from parsers.times import filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = b"ElfFile\0" + bytes(3000) + b"end of log"
MIB = 1 << 20


def read(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


def source_of(data: bytes, name: str) -> Source:
    return Source(name, None, len(data), None, ModifiedBasis.NONE, lambda: io.BytesIO(data))


def zipped(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(contents: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder for evidence beside a canary; whatever a test does, nothing but its own evidence may be there."""
    (tmp_path / "canary").write_bytes(b"canary")
    folder = tmp_path / "in"
    folder.mkdir()
    yield folder
    assert (tmp_path / "canary").read_bytes() == b"canary"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["canary", "in"]


def test_archives_in_archives_are_walked_in_order(place: Path) -> None:
    """Each archive comes before its members, at any depth, told by its content under whatever name."""
    inner = tarred({"Logs/System.evtx": LOG}, "w:gz")
    (place / "incident.dat").write_bytes(
        zipped({"EXNODE1.xyz": inner, "EXNODE2.zip": zipped({"a.evt": b"a"}), "x": b"x"})
    )
    (place / "fake.zip").write_bytes(b"no zip")
    before = sorted(place.rglob("*"))
    found = list(walk(place))
    assert [(item.path, item.container) for item in found if isinstance(item, Source)] == [
        ("in/fake.zip", None),
        ("in/incident.dat", None),
        ("in/incident.dat/EXNODE1.xyz", "in/incident.dat"),
        ("in/incident.dat/EXNODE1.xyz/Logs/System.evtx", "in/incident.dat/EXNODE1.xyz"),
        ("in/incident.dat/EXNODE2.zip", "in/incident.dat"),
        ("in/incident.dat/EXNODE2.zip/a.evt", "in/incident.dat/EXNODE2.zip"),
        ("in/incident.dat/x", "in/incident.dat"),
    ]
    assert [item for item in found if isinstance(item, SourceProblem)] == []
    assert read(found[3]) == LOG  # after the walk has left
    assert sorted(place.rglob("*")) == before


def test_the_caller_can_leave_archives_closed(place: Path) -> None:
    """`enter` is asked for each archive, after it was yielded; what it declines is not entered."""
    (place / "a.zip").write_bytes(zipped({"x": b"x"}))
    (place / "b.zip").write_bytes(zipped({"y": b"y"}))
    asked = []

    def enter(source: Source) -> bool:
        asked.append(source.path)
        return source.path == "in/b.zip"

    assert [item.path for item in walk(place, enter=enter)] == ["in/a.zip", "in/b.zip", "in/b.zip/y"]
    assert asked == ["in/a.zip", "in/b.zip"]


@pytest.mark.parametrize(
    ("pack", "name", "member"),
    [
        (gzip.compress, "System.evtx.gz", "System.evtx"),
        (bz2.compress, "System.evtx.BZ2", "System.evtx"),
        (lzma.compress, "System.evtx.xz", "System.evtx"),
        (gzip.compress, "System.evtx", "System.evtx"),
        (gzip.compress, ".gz", ".gz"),
    ],
)
def test_a_compressed_file_has_one_member(pack: type, name: str, member: str) -> None:
    """A .gz, .bz2 or .xz is a container with one member, its name without the suffix; streams in a row are one."""
    for data, content in ((pack(LOG), LOG), (pack(LOG) + pack(b"more"), LOG + b"more"), (pack(b""), b"")):
        for limits in (Limits(), Limits(memory=50)):
            (item,) = walk_members(source_of(data, name), limits)
            assert isinstance(item, Source)
            assert (item.path, item.container, item.size) == (f"{name}/{member}", name, None)
            assert read(item) == read(item) == content
            assert item.problems == []


def test_the_time_in_a_gzip_header_is_kept() -> None:
    """A gzip header's own time is the member's; zero means none."""
    (timed,) = walk_members(source_of(gzip.compress(LOG, mtime=1_199_966_435), "x.gz"))
    (untimed,) = walk_members(source_of(gzip.compress(LOG, mtime=0), "x.gz"))
    assert (timed.modified, timed.modified_basis) == (filetime_from_unix(1_199_966_435), ModifiedBasis.GZIP)
    assert (untimed.modified, untimed.modified_basis) == (None, ModifiedBasis.NONE)


def test_gzip_headers_with_every_field_are_read() -> None:
    """Extra field, name, comment and header checksum are passed over."""
    plain = gzip.compress(LOG)
    full = plain[:3] + b"\x1e" + plain[4:10] + b"\3\0abc" + b"name\0" + b"comment\0" + b"\0\0" + plain[10:]
    (item,) = walk_members(source_of(full, "x.gz"))
    assert (read(item), item.problems) == (LOG, [])


def test_damage_of_a_compressed_file_is_said() -> None:
    """A wrong checksum, a cut and rubbish behind the end each give the content there is and one problem."""
    good = gzip.compress(LOG, mtime=0)
    for data, content, kind in (
        (good[:-8] + b"????????", LOG, ProblemKind.UNREADABLE),
        (good[:-9], LOG, ProblemKind.TRUNCATED),
        (good + b"rubbish", LOG, ProblemKind.BAD_VALUE),
        (good + bytes(1000), LOG, None),
        (good[:5], b"", ProblemKind.TRUNCATED),
    ):
        (item,) = walk_members(source_of(data, "x.gz"))
        assert LOG.startswith(read(item))
        assert len(read(item)) >= len(content) - 20
        assert {problem.kind for problem in item.problems} == ({kind} if kind else set())
        assert len(item.problems) <= 1


def test_depth_is_limited() -> None:
    """Archives inside archives are entered up to the depth; the next one is there as a file, and a LIMIT problem."""
    data = LOG
    for _ in range(5):
        data = zipped({"in.zip": data})
    found = list(_walk_bytes(data, Limits(depth=3)))
    assert [item.path.count("in.zip") for item in found if isinstance(item, Source)] == [0, 1, 2, 3]
    assert [(item.path, item.problem.kind) for item in found if isinstance(item, SourceProblem)] == [
        ("a.zip/in.zip/in.zip/in.zip", ProblemKind.LIMIT)
    ]


def _walk_bytes(data: bytes, limits: Limits) -> Iterator[Source | SourceProblem]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "a.zip"
        place.write_bytes(data)
        yield from walk(place, limits)


def test_nested_archives_share_the_limits_of_the_outermost() -> None:
    """Members and bytes of archives inside archives count together."""
    inner = zipped({str(number): bytes(1000) for number in range(10)})
    data = zipped({f"{number}.zip": inner for number in range(10)})
    found = list(_walk_bytes(data, Limits(members=25)))
    assert sum(isinstance(item, Source) for item in found) == 26
    assert {item.problem.kind for item in found if isinstance(item, SourceProblem)} == {ProblemKind.LIMIT}
    whole = list(_walk_bytes(data, Limits()))
    assert (len(whole), sum(isinstance(item, Source) for item in whole)) == (111, 111)


def test_a_zip_in_compressed_data_must_fit_into_memory() -> None:
    """A nested zip beyond the memory bound is a LIMIT problem that tells what to do; tars and stored zips are read."""
    inner = zipped({"x": os.urandom(5000)})
    found = list(_walk_bytes(zipped({"big.zip": inner}), Limits(memory=1000)))
    assert isinstance(found[-1], SourceProblem)
    assert (found[-1].path, found[-1].problem.kind) == ("a.zip/big.zip", ProblemKind.LIMIT)
    assert "by hand" in found[-1].problem.detail
    for outer in (zipped({"big.tgz": tarred({"x": os.urandom(5000)}, "w:gz")}), tarred({"big.zip": inner})):
        found = list(_walk_bytes(outer, Limits(memory=1000)))
        assert [type(item) for item in found] == [Source] * 3


def test_unread_archive_forms_are_named(place: Path) -> None:
    """A 7z, RAR or cabinet file is a source and a problem that tells to unpack it, not an unknown file."""
    (place / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c\0\4")
    source, problem = walk(place)
    assert (source.path, problem.path) == ("in/a.7z", "in/a.7z")
    assert isinstance(problem, SourceProblem)
    assert problem.problem.kind is ProblemKind.UNSUPPORTED


def test_a_source_that_cannot_be_opened_does_not_stop_the_walk(place: Path) -> None:
    """A file that vanishes during the walk is its reader's error; the walk goes on with the next one."""
    (place / "a.zip").write_bytes(zipped({"x": b"x"}))
    (place / "b").write_bytes(b"b")
    walking = walk(place)
    first = next(walking)
    (place / "a.zip").unlink()
    assert isinstance(first, Source)
    with pytest.raises(OSError, match=r"No such file|cannot find"):
        first.open()
    assert [item.path for item in walking] == ["in/b"]


def test_an_archive_that_fails_while_it_is_walked_is_a_problem() -> None:
    """An I/O error in the middle of an archive ends its members with UNREADABLE, and raises nothing."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 400_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    data = tarred({"a": b"a", "b": b"b" * 500_000, "c": b"c", "d": b"d"})
    source = Source("a.tar", None, len(data), None, ModifiedBasis.NONE, lambda: Failing(data))
    items = list(walk_members(source))
    assert [item.path for item in items[:-1]] == ["a.tar/a", "a.tar/b"]
    assert isinstance(items[-1], SourceProblem)
    assert (items[-1].path, items[-1].problem.kind) == ("a.tar", ProblemKind.UNREADABLE)


def bomb(size: int) -> bytes:
    """A zip of one member of so many zeros, made without holding them."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("z", "w") as member,
    ):
        for _ in range(size // MIB):
            member.write(bytes(MIB))
    return buffer.getvalue()


def test_a_gigabyte_of_zeros_takes_little_memory() -> None:
    """A 1 GiB member out of 5 MB is read whole through a buffer; the peak stays under 16 MiB beside the archive."""
    data = bomb(1024 * MIB)
    (item,) = walk_members(source_of(data, "a.zip"))
    assert isinstance(item, Source)
    tracemalloc.start()
    try:
        total = 0
        with item.open() as stream:
            while piece := stream.read(MIB):
                total += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 1024 * MIB
    assert peak < 16 * MIB
    assert item.problems == []


def test_a_bomb_without_declared_size_is_stopped() -> None:
    """A .gz and a .tar.gz that unfold without end stop at the limit with a LIMIT problem, before they are whole."""
    limits = Limits(memory=MIB, ratio=10, ratio_from=4 * MIB)
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join([packer.compress(bytes(MIB)) for _ in range(200)]) + packer.flush()
    (item,) = walk_members(source_of(data, "x.gz"), limits)
    assert isinstance(item, Source)
    with item.open() as stream:
        count = sum(len(piece) for piece in iter(lambda: stream.read(MIB), b""))
    assert count < 6 * MIB
    assert [problem.kind for problem in item.problems] == [ProblemKind.LIMIT]
    header = tarfile.TarInfo("huge")
    header.size = 200 * MIB
    tar = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(200 * MIB), 1)
    kinds = {item.problem.kind for item in walk_members(source_of(tar, "x"), limits) if isinstance(item, SourceProblem)}
    assert ProblemKind.LIMIT in kinds
    assert not any(isinstance(item, Source) for item in walk_members(source_of(tar, "x"), limits))


def test_an_honest_empty_log_passes_the_ratio() -> None:
    """A 16 MiB log of zeros compresses 1000 to 1 and is read whole."""
    (item,) = walk_members(source_of(zipped({"System.evtx": bytes(16 * MIB)}), "a.zip"))
    assert isinstance(item, Source)
    assert len(read(item)) == 16 * MIB


@pytest.mark.parametrize("form", ["zip", "gz", "tgz"])
def test_jumps_do_not_start_over(form: str, place: Path) -> None:
    """In large deflated content a jump, back or on to where one has been, reads a small part of the compressed data."""
    content = os.urandom(MIB) * 24
    packed = {"zip": zipped, "gz": lambda c: gzip.compress(c["x"], 1), "tgz": lambda c: tarred(c, "w:gz")}[form]
    data = packed({"x": content})
    reads = [0]

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            reads[0] += len(piece)
            return piece

    source = Source("a", None, len(data), None, ModifiedBasis.NONE, lambda: Counting(data))
    for item in walk_members(source, Limits(memory=MIB)):
        assert isinstance(item, Source)
        with item.open() as stream:
            assert sum(len(piece) for piece in iter(lambda: stream.read(MIB), b"")) == len(content)
            for offset in (20 * MIB, 7 * MIB, 23 * MIB):
                stream.seek(offset)
                reads[0] = 0
                assert stream.read(1000) == content[:1000]
                assert reads[0] < 6 * MIB
            stream.seek(0)
            assert stream.read(MIB) == content[:MIB]
        assert item.problems == []


def test_reading_again_and_again_is_bounded() -> None:
    """Seeking back in compressed data starts over; work beyond any honest use ends with LIMIT instead of for ever."""
    limits = Limits(memory=1000, total=300_000)
    (item,) = walk_members(source_of(zipped({"x": os.urandom(200_000)}), "a.zip"), limits)
    assert isinstance(item, Source)
    with item.open() as stream:
        for _ in range(100):
            stream.seek(199_000)
            stream.read(10)
            stream.seek(0)
            stream.read(300_000)
    assert ProblemKind.LIMIT in {problem.kind for problem in item.problems}


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files by /proc")
def test_no_stream_stays_open(place: Path) -> None:
    """After a walk, whole or broken off, with members read or held open and closed, no file is open."""
    (place / "a.zip").write_bytes(zipped({"x": os.urandom(5000), "b.tgz": tarred({"y": LOG}, "w:gz")}))

    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path.iterdir holds a descriptor itself

    before = opened()
    for limits in (Limits(), Limits(memory=10)):
        streams = [item.open() for item in walk(place, limits) if isinstance(item, Source)]
        for stream in streams:
            stream.read()
            stream.close()
        walking = walk(place, limits)
        for _ in range(3):
            next(walking)
        walking.close()  # type: ignore[attr-defined]
    assert opened() == before


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process as Linux has them")
def test_the_walk_runs_where_nothing_may_be_written(place: Path) -> None:
    """In a process that may not create files at all (limit of file size zero), every form of archive is read."""
    (place / "a.zip").write_bytes(zipped({"x": LOG, "b.tar": tarred({"y": LOG}), "c.tgz": tarred({"z": LOG}, "w:gz")}))
    script = (
        "import resource, sys; from pathlib import Path; from parsers.containers.walk import walk;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        "n = sum(len(s.open().read()) for s in walk(Path(sys.argv[1])) if hasattr(s, 'open')); assert n > 9000"
    )
    done = subprocess.run([sys.executable, "-c", script, str(place)], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@settings(max_examples=200)
@given(st.sampled_from([gzip.compress, bz2.compress, lzma.compress]), st.data())
def test_mutated_streams_never_raise(pack: type, data: st.DataObject) -> None:
    """Whatever bytes of a compressed file change, what comes is given, and the walk ends."""
    mutated = bytearray(pack(LOG) + pack(b"second"))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(6, len(mutated)))
        mutated[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    for item in walk_members(source_of(bytes(mutated), "x"), Limits(memory=500)):
        assert isinstance(item, Source)
        assert read(item) == read(item)
