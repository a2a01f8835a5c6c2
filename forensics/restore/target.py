"""Look at the folder that is to be restored to, and tell whose it is. Nothing is changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from forensics.errors import FailedError, MissingPathError
from forensics.ingest.rows import node_name
from forensics.restore.lock import holder_of
from forensics.restore.model import Present, Target
from forensics.writing import Folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from forensics.files.model import Sighting

SIZE_MOST: Final = 64 << 20
"""Bytes of the largest file that is replaced: the case keeps what was there before."""


def look(path: Path, names: Sequence[str]) -> Target:
    """What lies in a folder under the names of the replicated files, which compare without case.

    Args:
        path: the folder.
        names: of the replicated files, as the profile writes them.

    Raises:
        MissingPathError: there is nothing at `path`.
        FailedError: it cannot be read.
    """
    try:
        with Folder.open(path) as folder:
            return _looked(folder, names)
    except FileNotFoundError:
        raise MissingPathError(path) from None
    except NotADirectoryError:
        return Target(path, {}, None, (f"{path} is no folder, or a link to one",))
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114 - must not raise
            return Target(path, {}, None, (f"{path} is a symbolic link",))
        raise FailedError(f"{path} could not be read: {error.strerror or error}") from error


def _looked(folder: Folder, names: Sequence[str]) -> Target:
    there = folder.names()
    troubles: list[str] = []
    found: dict[str, Present] = {}
    for name in names:
        alike = [own for own in there if own.casefold() == name.casefold()]
        if len(alike) > 1:
            troubles.append(f"{' and '.join(alike)} differ in case only")
        elif alike:
            one = found[name] = _present(folder, alike[0])
            if one.what != "file":
                troubles.append(f"{one.file_name} is {one.what}, and no regular file")
            elif one.content is None:
                troubles.append(f"{one.file_name} is larger than the {SIZE_MOST} bytes that a case keeps")
    try:
        free = shutil.disk_usage(folder.path).free
    except OSError:
        free = None
    return Target(folder.path, found, free, tuple(troubles), holder_of(folder))


def _present(folder: Folder, own: str) -> Present:
    entry = folder.entry(own)
    if entry is None:  # it went between two looks
        raise FileNotFoundError(own)
    if not entry.is_file:
        return Present(own, entry.what, None, entry.size, entry.modified_ns, entry.mode)
    content = folder.read(own, SIZE_MOST)
    if len(content) > SIZE_MOST:
        return Present(own, entry.what, None, entry.size, entry.modified_ns, entry.mode)
    digest = hashlib.sha256(content).hexdigest()
    return Present(own, entry.what, digest, len(content), entry.modified_ns, entry.mode, content)


def whose(
    target: Target, live: Mapping[str, Mapping[str, Sighting]], known: Iterable[str], given: str | None
) -> tuple[str | None, str]:
    r"""The node that a folder belongs to, and how that was told; None where it cannot be.

    What the analyst says goes first, then the nearest part of the path that is called like a node (`\\EXNODE1\C$`),
    then the one node whose live files are exactly what lies there.

    Args:
        target: the folder.
        live: by node and name the live files that the case knows.
        known: names of nodes.
        given: `--node`.
    """
    if given is not None:
        return given, "--node says so"
    nodes = {name.upper() for name in known}
    # A path of the other system's form, such as a share named on a machine that mounts it, is text all the same.
    parts = os.path.abspath(target.path).replace("\\", "/").split("/")  # noqa: PTH100 - links are not resolved
    for part in reversed(parts):
        name = node_name(part) if part else None
        if name in nodes:
            return name, f"its path has {name}"
    same = [node for node, files in sorted(live.items()) if files and holds(target, files)]
    if len(same) == 1:
        return same[0], f"it holds what the case knows of {same[0]}"
    if same:
        return None, f"it holds what {' and '.join(same)} both have: name one with --node"
    return None, "neither its path nor its files say whose it is: name the node with --node"


def holds(target: Target, files: Mapping[str, Sighting]) -> bool:
    """Whether exactly these files lie there, by their hashes."""
    return {name: one.sha256 for name, one in target.files.items()} == {
        name: file.version.sha256 for name, file in files.items()
    }
