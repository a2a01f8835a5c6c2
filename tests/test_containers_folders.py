"""Folders: everything found, links and devices reported and left alone, nothing changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from parsers.containers.folders import SourceChangedError, own_name, walk_files
from parsers.containers.sources import ModifiedBasis, Source, SourceProblem
from parsers.containers.walk import walk
from parsers.problems import ProblemKind

POSIX = pytest.mark.skipif(os.name != "posix", reason="links, pipes and byte names as POSIX systems have them")


def sources(path: Path) -> list[Source]:
    return [item for item in walk(path) if isinstance(item, Source)]


def problems(path: Path) -> dict[str, SourceProblem]:
    return {item.path: item for item in walk(path) if isinstance(item, SourceProblem)}


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    root = tmp_path / "evidence"
    for name in ("EXNODE2/Logs/System.evtx", "EXNODE1/Data/ScanJobs.fdb", "readme.txt", "EXNODE1/a.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
        os.utime(root / name, ns=(0, 1_199_966_435_123_456_700))
    return root


def test_a_folder_is_walked_in_one_order(evidence: Path) -> None:
    """Files come under the folder's own name, sorted, those of a folder before its folders, with exact times."""
    found = sources(evidence)
    assert [source.path for source in found] == [
        "evidence/readme.txt",
        "evidence/EXNODE1/a.txt",
        "evidence/EXNODE1/Data/ScanJobs.fdb",
        "evidence/EXNODE2/Logs/System.evtx",
    ]
    for source in found:
        with source.open() as stream:
            content = stream.read()
        assert content.decode() == source.path.removeprefix("evidence/")
        assert (source.size, source.container, source.problems) == (len(content), None, [])
        assert (source.modified, source.modified_basis) == (128_444_400_351_234_567, ModifiedBasis.FILE_SYSTEM)


def test_a_single_file_is_a_sequence_of_one(evidence: Path) -> None:
    """A path that is a file gives that file under its own name."""
    assert [source.path for source in sources(evidence / "readme.txt")] == ["readme.txt"]


def test_a_folder_has_its_own_name_however_it_is_written(evidence: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.`, `..`, a trailing slash and the plain path give the same logical paths."""
    expected = [source.path for source in sources(evidence)]
    monkeypatch.chdir(evidence / "EXNODE1")
    for path in (Path(f"{evidence}/"), evidence / ".", Path("..")):
        assert [source.path for source in sources(path)] == expected
    monkeypatch.chdir(evidence)
    assert [source.path for source in sources(Path())] == expected
    assert own_name(Path(evidence.anchor)) != ""


def test_a_missing_path_is_said_at_once(tmp_path: Path) -> None:
    """Nothing at the path is the caller's mistake: FileNotFoundError."""
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "nothing"))


@POSIX
def test_links_are_reported_and_not_followed(evidence: Path, tmp_path: Path) -> None:
    """Links to files and folders, dangling ones and loops are problems; what they lead to is not read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    before = [source.path for source in sources(evidence)]
    targets = {"file": outside / "secret", "dir": outside, "loop": evidence, "dangling": tmp_path / "nothing"}
    for name, target in targets.items():
        (evidence / name).symlink_to(target)
    assert [source.path for source in sources(evidence)] == before
    found = problems(evidence)
    assert set(found) == {f"evidence/{name}" for name in targets}
    assert {item.problem.kind for item in found.values()} == {ProblemKind.UNSUPPORTED}


@POSIX
def test_a_given_path_may_be_a_link(evidence: Path, tmp_path: Path) -> None:
    """The path that a person names may be a link; logical paths begin with the name that was given."""
    (tmp_path / "case42").symlink_to(evidence)
    assert sources(tmp_path / "case42")[0].path == "case42/readme.txt"


@POSIX
def test_pipes_and_devices_are_never_opened(evidence: Path) -> None:
    """A pipe in a folder is reported without waiting for a writer; so is one given as the path itself."""
    os.mkfifo(evidence / "pipe")
    assert problems(evidence)["evidence/pipe"].problem.kind is ProblemKind.UNSUPPORTED
    for path in (evidence / "pipe", Path(os.devnull)):
        assert [type(item) for item in walk(path)] == [SourceProblem]


@POSIX
def test_a_file_replaced_after_the_listing_is_not_read(evidence: Path, tmp_path: Path) -> None:
    """A link, a pipe or another file put in the place of a listed file makes opening it fail, and never hangs."""
    victim = evidence / "readme.txt"
    source = next(iter(walk_files(victim)))
    assert isinstance(source, Source)
    (tmp_path / "canary").write_text("canary")
    for replace in (
        lambda: victim.symlink_to(tmp_path / "canary"),
        lambda: os.mkfifo(victim),
        lambda: (tmp_path / "new").write_text("other") and (tmp_path / "new").rename(victim),
    ):
        victim.rename(tmp_path / f"kept{len(list(tmp_path.iterdir()))}")  # kept, so that its inode is not used again
        replace()
        with pytest.raises(OSError, match=r".") as caught:
            source.open()
        assert isinstance(caught.value, SourceChangedError) or victim.is_symlink()


@pytest.mark.skipif(sys.platform != "linux", reason="names of arbitrary bytes")
def test_names_that_are_no_text_are_kept_apart(tmp_path: Path) -> None:
    """Undecodable bytes and backslashes are shown escaped, so that all names differ and all can be stored as UTF-8."""
    names = [b"a\xff.evt", b"a\\xff.evt", b"a\xc3\xbf.evt", b"a\nb"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    found = {source.path.removeprefix(f"{tmp_path.name}/"): source for source in sources(tmp_path)}
    assert set(found) == {"a\\xff.evt", "a\\x5cxff.evt", "aÿ.evt", "a\nb"}
    for path, source in found.items():
        path.encode("utf-8")
        with source.open() as stream:
            assert stream.read() in names


@POSIX
def test_an_unreadable_folder_is_a_problem_and_the_rest_is_read(
    evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that the system refuses is reported with the reason; its neighbours are walked."""
    real = os.open

    def refusing(path: str | Path, flags: int, *args: int) -> int:
        if Path(path).name == "EXNODE1":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *args)

    monkeypatch.setattr(os, "open", refusing)
    problem = problems(evidence)["evidence/EXNODE1"].problem
    assert problem.kind is ProblemKind.UNREADABLE
    assert "Permission denied" in problem.detail
    assert [source.path for source in sources(evidence)] == ["evidence/readme.txt", "evidence/EXNODE2/Logs/System.evtx"]


@pytest.mark.skipif(sys.platform != "linux", reason="O_NOATIME is Linux's")
def test_reading_leaves_no_trace(evidence: Path) -> None:
    """Listing folders and reading files changes no time of either, the access time of one's own files included."""
    places = [evidence, *evidence.rglob("*")]
    for place in places:
        os.utime(place, ns=(10**18, 10**18))
    before = {place: (place.stat().st_atime_ns, place.stat().st_mtime_ns) for place in places}
    for source in sources(evidence):
        with source.open() as stream:
            stream.read()
    assert {place: (place.stat().st_atime_ns, place.stat().st_mtime_ns) for place in places} == before


@POSIX
def test_deep_folders_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    """A chain of more folders than Python recurses is walked to its end."""
    depth = 700
    deep = tmp_path.joinpath(*["d"] * depth)
    deep.mkdir(parents=True)
    (deep / "end").write_text("x")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        found = [item.path for item in walk_files(tmp_path)]
    finally:
        sys.setrecursionlimit(limit)
    assert found == [f"{tmp_path.name}/{'d/' * depth}end"]
