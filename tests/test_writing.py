"""Files that are written whole or not at all, and never through a link."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from forensics import writing
from forensics.errors import FailedError, RefusedError
from forensics.writing import Folder, atomic_write

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written(tmp_path: Path) -> None:
    """The file has the content, and nothing else is left in the folder."""
    atomic_write(tmp_path / "a.txt", [b"one ", b"two"])
    assert (tmp_path / "a.txt").read_bytes() == b"one two"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    """What is there is replaced and keeps its permission bits; without `replace` it stays, and that is said."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with pytest.raises(RefusedError, match="exists already"):
        atomic_write(path, b"new", replace=False)
    assert path.read_bytes() == b"old"
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("make", ["link", "folder", "pipe"])
def test_what_is_no_file_is_not_written_over(tmp_path: Path, make: str) -> None:
    """A link is neither followed nor replaced, nor is a folder or a pipe."""
    canary = tmp_path / "canary"
    canary.write_bytes(b"canary")
    path = tmp_path / "a.txt"
    {"link": lambda: path.symlink_to(canary), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[make]()
    with pytest.raises(RefusedError, match="no regular file"):
        atomic_write(path, b"new")
    assert canary.read_bytes() == b"canary"
    assert names(tmp_path) == ["a.txt", "canary"]


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A full disk, at whatever step, is one plain sentence; the old file stays, and nothing is left beside it."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing.os, call, full)
    with pytest.raises(FailedError, match="No space left"):
        atomic_write(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.txt"]


def test_content_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """Where the content itself cannot be made to its end, the file is not there."""

    def parts():
        yield b"some"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        atomic_write(tmp_path / "a.txt", parts())
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\0b"])
def test_a_name_is_one_component(tmp_path: Path, name: str) -> None:
    """A name that leads out of the folder is refused by every operation."""
    with Folder.open(tmp_path) as folder:
        for call in (folder.entry, folder.remove, lambda n: folder.create(n, []), lambda n: folder.read(n, 1)):
            with pytest.raises(RefusedError, match="no name of a file"):
                call(name)


def test_a_folder_is_not_a_link(tmp_path: Path) -> None:
    """A folder that is a link itself is not opened."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match="link"):
        Folder.open(tmp_path / "link")


@pytest.mark.parametrize(
    ("path", "long"),
    [
        (r"C:\a\b", r"\\?\C:\a\b"),
        (r"C:/a/../b", r"\\?\C:\b"),
        (r"\\NODE\C$\Data", r"\\?\UNC\NODE\C$\Data"),
        (r"\\?\C:\a", r"\\?\C:\a"),
    ],
)
def test_windows_paths_may_be_long(path: str, long: str) -> None:
    """Drives and shares get the prefix that lifts the limit of 260 characters, once."""
    assert writing.extended(path) == long


def test_times_are_exact(tmp_path: Path) -> None:
    """A file is made with the last-modified time and the mode that were asked for, to the nanosecond."""
    with Folder.open(tmp_path) as folder:
        folder.create("a", [b"x"], modified_ns=1_199_966_435_123_456_700, mode=0o440)
        entry = folder.entry("a")
    assert entry is not None
    assert (entry.what, entry.size, entry.modified_ns, entry.mode) == ("file", 1, 1_199_966_435_123_456_700, 0o440)


def test_reading_takes_regular_files_only(tmp_path: Path) -> None:
    """A pipe is not waited for, a link not followed; a file gives at most one byte more than was asked for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("file")
    with Folder.open(tmp_path) as folder:
        assert folder.read("file", 4) == b"01234"
        assert folder.read("file", 100) == b"0123456789"
        for name in ("pipe", "link"):
            with pytest.raises(OSError, match=r"regular|levels"):
                folder.read(name, 1)


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO])
def test_a_folder_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """A file system without syncing of folders is put up with; a broken disk is not."""
    with Folder.open(tmp_path) as folder:

        def fails(_: int) -> None:
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(writing.os, "fsync", fails)
        if error == errno.EIO:
            with pytest.raises(OSError, match="error"):
                folder.sync()
        else:
            folder.sync()


def test_a_system_without_descriptors_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where names cannot be resolved against an open folder everything is done by paths, and links are refused too."""
    monkeypatch.setattr(writing, "_RELATIVE", False)
    atomic_write(tmp_path / "a", b"one")
    with Folder.open(tmp_path) as folder:
        folder.create("b", [b"two"], modified_ns=1_199_966_435_000_000_000, mode=0o440)
        folder.rename("b", "a")
        folder.sync()
        assert folder.names() == ["a"]
        assert folder.read("a", 10) == b"two"
        folder.remove("a")
        folder.remove("a")
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path / "link", tmp_path / "none"):
        with pytest.raises(OSError, match=r"Not a directory|No such file"):
            Folder.open(path)
