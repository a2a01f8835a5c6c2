"""Folders are told with their last-modified times, from the disk, from zip and from tar."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from parsers.containers.sources import Folder, Limits, ModifiedBasis
from parsers.containers.walk import walk
from parsers.times import filetime_from_unix
from samples.incident.evidence import Item, zip_bytes

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 1_199_966_400  # 2008-01-10T12:00:00Z
NOON = filetime_from_unix(SECONDS)


def told(path: Path, limits: Limits | None = None) -> list[Folder]:
    found: list[Folder] = []
    for _ in walk(path, limits, on_folder=found.append):
        pass
    return found


def test_folders_of_a_disk_are_told_with_their_times(tmp_path: Path) -> None:
    """Every folder comes once, the given one too, with the time that the file system has; links are no folders."""
    (tmp_path / "e" / "a" / "b").mkdir(parents=True)
    (tmp_path / "e" / "link").symlink_to(tmp_path / "e" / "a")
    for number, name in enumerate(("e/a/b", "e/a", "e")):
        os.utime(tmp_path / name, ns=((SECONDS + number) * 10**9 + 700, (SECONDS + number) * 10**9 + 700))
    assert [(one.path, one.container, one.modified) for one in told(tmp_path / "e")] == [
        ("e", None, NOON + 20_000_007),
        ("e/a", None, NOON + 10_000_007),
        ("e/a/b", None, NOON + 7),
    ]


def test_folders_of_a_zip_are_told_with_their_exact_times(tmp_path: Path) -> None:
    """An entry for a folder gives its time, by the NTFS field to 100 ns; a folder without an entry is not told."""
    items = [Item("d/Backup", NOON + 3, None), Item("d/Backup/x", NOON, b"x"), Item("other/y", NOON, b"y")]
    (tmp_path / "a.zip").write_bytes(zip_bytes(items))
    assert told(tmp_path / "a.zip") == [Folder("a.zip/d/Backup", "a.zip", NOON + 3, ModifiedBasis.NTFS_EXTRA)]
    # Without its directory the archive is read by the local headers.
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: whole.index(b"PK\x01\x02")])
    assert [(one.path, one.modified) for one in told(tmp_path / "cut.zip")] == [("cut.zip/d/Backup", NOON + 3)]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_folders_of_a_tar_are_told_with_their_times(tmp_path: Path, mode: str) -> None:
    """A folder's member gives its time, also within a compressed tar."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("d/Backup")
        info.type, info.mtime = tarfile.DIRTYPE, SECONDS
        archive.addfile(info)
        info = tarfile.TarInfo("d/Backup/x")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    (one,) = told(path)
    assert (one.path, one.container, one.modified) == ("a.tar/d/Backup", "a.tar", NOON)


def test_an_archive_of_folders_alone_is_bounded(tmp_path: Path) -> None:
    """An archive that holds nothing but folders tells no more of them than it may have members."""
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(50):
            archive.writestr(zipfile.ZipInfo(f"{number}/"), b"")
    assert len(told(tmp_path / "many.zip", Limits(members=20))) == 20


def test_a_folder_and_its_members_have_one_path(tmp_path: Path) -> None:
    """Whatever separators and signs a name has, the folder's path is the beginning of its members' paths."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("C:\\d\\../e", "./x//y"):
            archive.writestr(zipfile.ZipInfo(f"{name}/"), b"")
            archive.writestr(zipfile.ZipInfo(f"{name}/file"), b"x")
    folders: list[Folder] = []
    items = [item.path for item in walk(tmp_path / "a.zip", on_folder=folders.append)][1:]
    assert [one.path for one in folders] == [path.rpartition("/")[0] for path in items]
