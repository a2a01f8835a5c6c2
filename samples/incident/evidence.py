"""What an investigator is given: a folder for each node with its logs, its Data folder and the backups in it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samples.incident.clock import UNIX_EPOCH, moment
from samples.incident.logfiles import log_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from samples.incident.engine import Engine, S
    from samples.incident.logs import Log

_NTFS_FIELD, _NTFS_TIMES = 0x000A, 0x0001
_FOLDER_ATTRIBUTE, _ARCHIVE_ATTRIBUTE = 0x10, 0x20


@dataclass(frozen=True, slots=True)
class Item:
    """A file, or a folder (`content` None), with its last-modified time as recorded: by the node's own clock."""

    path: str
    modified: int
    content: bytes | None


def evidence(
    simulation: Engine[S], logs: Iterable[Log], nodes: Iterable[str], left: Callable[[Item], Item | None]
) -> list[Item]:
    """The logs and the Data folders of these nodes, sorted by path. `left`: what is left of a file or folder."""
    items = {item.path: item for item in data_items(simulation, nodes, left)}
    for log in logs:
        end = simulation.nodes[log.owner].clock.read(simulation.now)
        items[log.path] = Item(log.path, end, log_bytes(log))
    return [items[path] for path in sorted(items)]


def data_items(simulation: Engine[S], nodes: Iterable[str], left: Callable[[Item], Item | None]) -> list[Item]:
    """The Data folders of these nodes alone, sorted by path."""
    items: dict[str, Item] = {}
    for node in (simulation.nodes[name] for name in nodes):
        for name, state in node.files.items():
            path = f"{node.name}/Data/{name}"
            items[path] = Item(path, state.modified, state.revision.content)
        for backup in node.backups:
            for name, state in backup.files.items():
                path = f"{node.name}/Data/{backup.path(name)}"
                items[path] = Item(path, state.modified, state.revision.content)
            if backup.folder:
                path = f"{node.name}/Data/{backup.folder}"
                items[path] = Item(path, backup.made_raw, None)
    kept = (left(items[path]) for path in sorted(items))
    return [item for item in kept if item is not None]


def write_folder(items: list[Item], root: Path) -> None:
    """Write the items below `root`, with their times; folders last, because what is put into one changes its time."""
    for item in items:
        place = root / item.path
        if item.content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(item.content)
    for item in sorted(items, key=lambda item: (item.content is None, item.path)):
        ns = (item.modified - UNIX_EPOCH) * 100
        os.utime(root / item.path, ns=(ns, ns))


def zip_bytes(items: list[Item]) -> bytes:
    """The items as a zip archive with NTFS times (100 ns, PKWARE APPNOTE 4.5.5); the same items give the same bytes.

    Compressed bytes depend on the version of zlib; names, times and contents do not.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for item in items:
            is_folder = item.content is None
            when = moment(item.modified)
            info = zipfile.ZipInfo(item.path + "/" * is_folder, when.timetuple()[:6])
            info.create_system = 0
            info.external_attr = _FOLDER_ATTRIBUTE if is_folder else _ARCHIVE_ATTRIBUTE
            info.compress_type = zipfile.ZIP_STORED if is_folder else zipfile.ZIP_DEFLATED
            times = struct.pack("<3Q", item.modified, item.modified, item.modified)
            info.extra = struct.pack("<HHIHH", _NTFS_FIELD, 32, 0, _NTFS_TIMES, 24) + times
            archive.writestr(info, item.content or b"")
    return stream.getvalue()
