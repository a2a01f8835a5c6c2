"""Tars: every form that is in use, cut and hostile ones, with the standard library as oracle for the honest ones."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.containers.sources import Limits, ModifiedBasis, Source, SourceProblem
from parsers.containers.tarformat import pax_time
from parsers.containers.walk import walk, walk_members
from parsers.problems import ProblemKind
from parsers.times import UNIX_EPOCH_AS_FILETIME, filetime_from_unix

if TYPE_CHECKING:
    from pathlib import Path

LOG = b"ElfFile\0" + bytes(5000) + b"end of log"
FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def source_of(data: bytes) -> Source:
    return Source("a.tar", None, len(data), None, ModifiedBasis.NONE, lambda: io.BytesIO(data))


def read(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


def members(data: bytes, limits: Limits | None = None) -> list[Source]:
    return [item for item in walk_members(source_of(data), limits) if isinstance(item, Source)]


def problems(data: bytes, limits: Limits | None = None) -> list[tuple[str, ProblemKind]]:
    found = [item for item in walk_members(source_of(data), limits) if isinstance(item, SourceProblem)]
    return [(item.path, item.problem.kind) for item in found]


def info(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def make_tar(
    contents: dict[str, bytes], form: int = tarfile.PAX_FORMAT, *extra: tarfile.TarInfo, mode: str = "w"
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in contents.items():
            archive.addfile(info(name, len(content), mtime=1_199_966_435), io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return buffer.getvalue()


def block(name: bytes, size: bytes, kind: bytes = b"0", rest: bytes = b"") -> bytes:
    """A header with any field values and a checksum that fits."""
    raw = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0"))
    raw += b"00000000000\0" + b" " * 8 + kind + rest
    raw = raw.ljust(512, b"\0")
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


END = bytes(1024)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0\\/:"), min_size=1, max_size=150).filter(
    lambda name: name not in (".", "..")
)


@given(st.dictionaries(names, st.binary(max_size=2000), max_size=5), st.sampled_from(FORMS[1:]))
def test_honest_tars_are_read_as_tarfile_reads_them(contents: dict[str, bytes], form: int) -> None:
    """For any names (long ones too) and contents, this reader and the standard library's agree."""
    data = make_tar(contents, form)
    assert [(item.path, read(item)) for item in members(data)] == [(f"a.tar/{n}", c) for n, c in contents.items()]
    assert problems(data) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packing", ["", ":gz", ":bz2", ":xz"])
def test_forms_and_compressions_give_the_same(form: int, packing: str) -> None:
    """ustar, GNU and pax, plain or compressed, give the same paths, contents and times, and nothing to complain of."""
    contents = {"EXNODE1/Logs/System.evtx": LOG, "d" * 90 + "/" + "n" * 90: b"long", "empty": b""}
    data = make_tar(contents, form, info("dir", type=tarfile.DIRTYPE), mode=f"w{packing}")
    found = members(data)
    assert [(item.path, read(item)) for item in found] == [(f"a.tar/{n}", c) for n, c in contents.items()]
    assert {item.modified for item in found} == {filetime_from_unix(1_199_966_435)}
    assert {item.container for item in found} == {"a.tar"}
    assert problems(data) == []


def test_the_old_form_is_read() -> None:
    """A v7 tar (no magic, folders by a closing slash, NUL as type) is read."""
    data = block(b"dir/", b"0", b"\0") + block(b"dir/x", b"4", b"\0") + b"four".ljust(512, b"\0") + END
    assert [(item.path, read(item), item.size) for item in members(data)] == [("a.tar/dir/x", b"four", 4)]
    assert problems(data) == []


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        (b"1199966435", 1_199_966_435 * 10**7),
        (b"1199966435.1234567", 1_199_966_435 * 10**7 + 1_234_567),
        (b"1199966435.123456789", 1_199_966_435 * 10**7 + 1_234_567),
        (b"1199966435.5", 1_199_966_435 * 10**7 + 5_000_000),
        (b"-1.5", -15_000_000),
        (b"-0.00000001", -1),
        (b"1e9", None),
        (b"nan", None),
        (b"", None),
        (b"\xff", None),
        (b"9" * 30, None),
    ],
)
def test_pax_times_are_exact(text: bytes, ticks: int | None) -> None:
    """Decimal seconds become ticks by integers, cut downwards; what is no decimal number is none."""
    assert pax_time(text) == (None if ticks is None else UNIX_EPOCH_AS_FILETIME + ticks)


def test_member_times_say_where_they_come_from() -> None:
    """A pax time goes before the header's; negative times hold; absurd ones are none, with a BAD_VALUE problem."""
    exact = make_tar({}, tarfile.PAX_FORMAT, info("x", pax_headers={"mtime": "1199966435.1234567"}))
    whole = make_tar({}, tarfile.GNU_FORMAT, info("x", mtime=-86_400))
    absurd = make_tar({}, tarfile.PAX_FORMAT, info("x", pax_headers={"mtime": "99999999999999999999"}))
    broken = make_tar({}, tarfile.PAX_FORMAT, info("x", mtime=7, pax_headers={"mtime": "1e400"}))
    found = [members(data)[0] for data in (exact, whole, absurd, broken)]
    assert [(item.modified, item.modified_basis) for item in found] == [
        (filetime_from_unix(1_199_966_435, 123_456_700), ModifiedBasis.PAX),
        (filetime_from_unix(-86_400), ModifiedBasis.TAR),
        (None, ModifiedBasis.NONE),
        (filetime_from_unix(7), ModifiedBasis.TAR),
    ]
    assert [[problem.kind for problem in item.problems] for item in found] == [[], [], [ProblemKind.BAD_VALUE], []]


def test_global_pax_headers_hold_for_all_that_follow() -> None:
    """A time in a global header counts for members that have none of their own."""
    record = b"20 mtime=1000000000\n"
    data = block(b"g", b"%o" % len(record), b"g") + record.ljust(512, b"\0")
    data += block(b"x", b"0") + block(b"y", b"0") + END
    assert [item.modified for item in members(data)] == [filetime_from_unix(10**9)] * 2


def test_links_and_devices_are_reported_and_not_followed() -> None:
    """Each kind of member that is no file is a problem by its name; the files around it are read."""
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE)
    special = [info(f"s{n}", type=kind, linkname="/etc/passwd") for n, kind in enumerate(kinds)]
    for form in FORMS:
        data = make_tar({"x": LOG}, form, *special)
        assert problems(data) == [(f"a.tar/s{n}", ProblemKind.UNSUPPORTED) for n in range(5)]
        assert [read(item) for item in members(data)] == [LOG]


def test_hostile_names_stay_inside() -> None:
    """`..`, absolute names and repeated names are read below the archive's path and stated where they lie."""
    data = make_tar({"../../canary": b"1", "/etc/x": b"2", "a": b"3"}, tarfile.GNU_FORMAT, info("a"))
    found = members(data)
    assert [item.path for item in found] == [r"a.tar/\x2e\x2e/\x2e\x2e/canary", "a.tar/etc/x", "a.tar/a", "a.tar/a#2"]
    assert [bool(item.problems) for item in found] == [True, False, False, True]


@pytest.mark.parametrize("packing", ["", ":gz", ":bz2", ":xz"])
def test_a_cut_tar_gives_what_is_there(packing: str) -> None:
    """Members before the cut are whole, the one across it is given as far as it goes, and the archive is TRUNCATED."""
    noise = os.urandom(300_000)
    options = {"compresslevel": 1} if packing == ":bz2" else {}  # blocks of 100 kB
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w{packing}", **options) as archive:  # type: ignore[call-overload]
        for name, content in (("whole", b"w" * 3000), ("cut", noise)):
            archive.addfile(info(name, len(content)), io.BytesIO(content))
    data = buffer.getvalue()
    items = list(walk_members(source_of(data[: len(data) * 2 // 3])))
    found = {item.path: item for item in items if isinstance(item, Source)}
    assert {item.problem.kind for item in items if isinstance(item, SourceProblem)} == {ProblemKind.TRUNCATED}
    assert read(found["a.tar/whole"]) == b"w" * 3000
    partial = read(found["a.tar/cut"])
    assert len(partial) > 90_000
    assert noise.startswith(partial)
    assert [problem.kind for problem in found["a.tar/cut"].problems] == [ProblemKind.TRUNCATED]


def test_a_damaged_header_loses_only_its_member() -> None:
    """After a header that is none the next sound one is found, and the range between them is LOST_RANGE."""
    data = bytearray(make_tar({"a": b"a" * 600, "b": b"b" * 600, "c": b"c" * 600}, tarfile.GNU_FORMAT))
    data[1536 + 10] ^= 0xFF
    assert [item.path for item in members(bytes(data))] == ["a.tar/a", "a.tar/c"]
    items = [item.problem for item in walk_members(source_of(bytes(data))) if isinstance(item, SourceProblem)]
    assert [(p.kind, p.offset, p.length) for p in items] == [(ProblemKind.LOST_RANGE, 1536, 1536)]


def test_members_behind_the_end_mark_are_found() -> None:
    """Two tars one behind the other give the members of both, and that is stated."""
    data = make_tar({"a": b"1"}) + make_tar({"b": b"2"})
    assert [item.path for item in members(data)] == ["a.tar/a", "a.tar/b"]
    assert problems(data) == [("a.tar", ProblemKind.BAD_HEADER)]


SIZES = [
    b"\x80" + b"\xff" * 11,
    b"\xff" * 12,
    b"\xff" * 11 + b"\0",
    b"77777777777",
    b"99999999999",
    b"-1",
    b"\x80" * 12,
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L", b"S", b"1", b"5", b"M", b"?"])
def test_absurd_sizes_end_the_walk_with_a_problem(size: bytes, kind: bytes) -> None:
    """Huge, negative and senseless sizes on any type of member neither hang, nor take memory, nor pass silently."""
    data = block(b"good", b"1") + b"1".ljust(512, b"\0") + block(b"x", size, kind) + bytes(512) + END
    items = list(walk_members(source_of(data)))
    assert isinstance(items[0], Source)
    assert any(isinstance(item, SourceProblem) for item in items)


def test_chains_of_extended_headers_do_not_recurse() -> None:
    """Ten thousand extended headers in a row are read one by one, and the member behind them is found."""
    record = b"10 path=p\n"
    data = (block(b"x", b"%o" % len(record), b"x") + record.ljust(512, b"\0")) * 10_000
    assert [item.path for item in members(data + block(b"x", b"0") + END)] == ["a.tar/p"]


def test_a_large_extended_header_is_left_unread() -> None:
    """An extended header of megabytes is a LIMIT problem, and the member behind it keeps its short name."""
    data = block(b"x", b"%o" % (2 << 20), b"L") + b"n" * (2 << 20) + block(b"short", b"0") + END
    assert problems(data) == [("a.tar", ProblemKind.LIMIT)]
    assert [item.path for item in members(data)] == ["a.tar/short"]


def test_limits_stop_a_tar() -> None:
    """Too many members and too many bytes leave members unread and say so."""
    data = make_tar({str(number): bytes(1000) for number in range(10)})
    assert problems(data, Limits(members=4)) == [("a.tar", ProblemKind.LIMIT)]
    assert len(members(data, Limits(members=4))) == 4
    assert problems(data, Limits(total=8_500)) == [(f"a.tar/{n}", ProblemKind.LIMIT) for n in (8, 9)]


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar program that writes sparse members")
@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=pax", "--sparse-version=0.0"],
        ["--format=pax", "--sparse-version=0.1"],
        ["--format=pax", "--sparse-version=1.0"],
    ],
)
def test_sparse_members_are_whole_files(tmp_path: Path, options: list[str]) -> None:
    """Holes that were not stored come back as zeros, in each of the four sparse formats, with many pieces too."""
    holey = tmp_path / "log.evtx"
    with holey.open("wb") as stream:
        for number in range(60):
            stream.seek(number * 65536)
            stream.write(b"ElfChnk\0" + bytes([number + 1]) * 3000)
        stream.truncate(5_000_000)
    made = subprocess.run(["tar", "--sparse", *options, "-cf", "s.tar", "log.evtx"], cwd=tmp_path, check=False)
    if made.returncode or (tmp_path / "s.tar").stat().st_size > 2_000_000:
        pytest.skip("this tar or this file system keeps no holes")
    found = [item for item in walk(tmp_path / "s.tar") if isinstance(item, Source)]
    assert [(item.path, item.size) for item in found[1:]] == [("s.tar/log.evtx", 5_000_000)]
    assert read(found[1]) == holey.read_bytes()
    with found[1].open() as stream:
        stream.seek(-5_000_000 + 65536 * 3 + 4, 2)
        assert stream.read(6) == b"hnk\0" + bytes([4]) * 2
    assert found[1].problems == []


SPARSE_MAPS = [b"1\n0\n9\n", b"99999999\n", b"-1\n", b"2\n5\n5\n0\n5\n", b"x\n", b"", b"1\n0\n"]


@pytest.mark.parametrize("text", SPARSE_MAPS)
def test_sparse_maps_that_lie_are_problems(text: bytes) -> None:
    """A map that reaches beyond its file or data, overlaps, or is none, is BAD_HEADER; the next member is read."""
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "8", "GNU.sparse.name": "x"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info("s", 512, pax_headers=headers), io.BytesIO(text.ljust(512, b"\0")))
        archive.addfile(info("next"))
    assert problems(buffer.getvalue()) == [("a.tar/x", ProblemKind.BAD_HEADER)]
    assert [item.path for item in members(buffer.getvalue())] == ["a.tar/next"]


def test_large_members_of_compressed_tars_can_be_read_in_any_order() -> None:
    """Above the memory bound members stream, two at a time and backwards, with the right bytes."""
    contents = {str(number): bytes(i * (number + 3) % 251 for i in range(30_000)) for number in range(4)}
    found = members(make_tar(contents, mode="w:gz"), Limits(memory=1000))
    streams = [item.open() for item in reversed(found)]
    for offset in (0, 20_000, 10_000):
        for item, stream in zip(reversed(found), streams, strict=True):
            stream.seek(offset)
            assert stream.read(500) == contents[item.path.rpartition("/")[2]][offset : offset + 500]
    for stream in streams:
        stream.close()


HONEST = [
    make_tar({"EXNODE1/a.evtx": LOG[:700], "b" * 120: b"b" * 600, "c": b""}, form, mode=mode)
    for form in FORMS[1:]
    for mode in ("w", "w:gz", "w:xz")
]


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutated_tars_never_raise(data: st.DataObject) -> None:
    """Whatever bytes are changed, cut or repeated, the walk ends, and content is never larger than declared."""
    mutated = bytearray(data.draw(st.sampled_from(HONEST)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, min(len(mutated), 6000)))
        piece = data.draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 12, b"\x80" + b"\xff" * 11, b"7" * 11]))
        mutated[at : at + data.draw(st.integers(0, 12))] = piece
    for start in range(0, min(len(mutated), 6144), 512):
        if data.draw(st.booleans()) and mutated[257:262] == b"ustar":
            header = mutated[start : start + 512].ljust(512, b"\0")
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
            mutated[start : start + 512] = header
    for item in walk_members(source_of(bytes(mutated)), Limits(memory=200)):
        if isinstance(item, Source):
            content = read(item)
            assert item.size is None or len(content) <= item.size
            assert content == read(item)
