"""What is restored from: a set of the case, or a folder or archive that holds one. Nothing is changed or unpacked."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.errors import FailedError, RefusedError, UsageError
from forensics.files.knowledge import Knowledge
from forensics.restore.model import Coming, SourceSet
from forensics.restore.target import SIZE_MOST
from parsers.containers.sources import Source
from parsers.containers.walk import walk
from parsers.kinds import tell_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forensics.case.store import Case
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import BackupSet, Sighting
    from forensics.profile import Profile

RECOMMENDED: Final = "backup"
_SET: Final = re.compile(r"backup:(\d{1,9})", re.IGNORECASE | re.ASCII)
_SHOWN: Final = 4


def set_of_case(case: Case, losses: FileAnalysis, wanted: str) -> SourceSet | None:
    """The set that `backup` (the recommended one) or `backup:3` names; None where `wanted` is no such name.

    Raises:
        RefusedError: no set is recommended.
        UsageError: there is no set of that number.
    """
    text = wanted.strip().lower()
    match = _SET.fullmatch(text)
    if text != RECOMMENDED and match is None:
        return None
    if match is None and losses.recommended is None:
        raise RefusedError(
            "no backup set is recommended: nothing that a set could repair is lost, or no complete set was current"
            " before it; 'ccrf backups list' shows the sets, --from backup:N takes one of them"
        )
    name = losses.recommended if match is None else f"backup:{int(match[1])}"
    one = next((one for one in losses.sets if one.id == name), None)
    if one is None or name is None:
        there = ", ".join(one.id for one in losses.sets[:_SHOWN]) + (" ..." if losses.sets[_SHOWN:] else "")
        raise UsageError(f"there is no backup set {wanted!r}; there are: {there or 'none'}")
    return SourceSet(name, name, {file: _coming(case, sighting) for file, sighting in sorted(_usable(one))})


def _usable(one: BackupSet) -> Iterator[tuple[str, Sighting]]:
    return ((name, file) for name, file in one.files.items() if file.set_apart is None)


def _coming(case: Case, file: Sighting) -> Coming:
    version = file.version
    row = next(case.rows("SELECT bytes FROM contents WHERE sha256 = ?", (version.sha256,)), None)
    content = None if row is None or row[0] is None else bytes(row[0])
    problem = None
    if content is None:
        problem = f"its content is not in the case ({file.path})"
    elif hashlib.sha256(content).hexdigest() != version.sha256:
        problem = "what the case holds of it has another hash: the case was altered or damaged"
    return Coming(version.sha256, version.size, version.modified, content, problem)


class _Found(NamedTuple):
    path: str
    coming: Coming


def set_at(case: Case, path: Path, profile: Profile) -> SourceSet:
    """The set that lies in a folder or an archive: each replicated file once, under its name or with an addition.

    Raises:
        FailedError: it cannot be read.
        RefusedError: a member of it is hostile, and what else it holds is no single set.
        UsageError: it holds no replicated file, or more than one set.
    """
    knowledge = Knowledge(profile)
    found: dict[str, dict[str, _Found]] = defaultdict(dict)
    hostile: list[str] = []
    try:
        for item in walk(path):
            if not isinstance(item, Source):
                hostile.append(f"{item.path}: {item.problem.detail}")
                continue
            # A name that leads out of the archive, or is absolute, says that somebody means harm, or erred.
            hostile += [f"{item.path}: {problem.detail}" for problem in item.problems]
            if item.absolute:
                hostile.append(f"{item.path}: its name in the archive is absolute")
            match = knowledge.match(item.path, None)
            if match is not None:
                found[match.location][match.name] = _Found(item.path, _read(case, item))
    except OSError as error:
        raise FailedError(f"{path} could not be read: {error.strerror or error}") from error
    if hostile and len(found) != 1:
        raise RefusedError(f"{path} is not used: {hostile[0]}")
    if not found:
        raise UsageError(f"{path} holds none of the files that are replicated")
    if len(found) > 1:
        places = sorted(found)
        shown = ", ".join(places[:_SHOWN]) + (" ..." if places[_SHOWN:] else "")
        raise UsageError(f"{path} holds more than one set ({shown}): name the folder of one")
    files = next(iter(found.values()))
    return SourceSet(str(path), None, {name: files[name].coming for name in sorted(files)}, tuple(hostile))


def _read(case: Case, source: Source) -> Coming:
    with source.open() as stream:
        content = stream.read(SIZE_MOST + 1)
    if len(content) > SIZE_MOST:
        return Coming(None, source.size, source.modified, None, f"it is larger than {SIZE_MOST} bytes")
    sha256 = hashlib.sha256(content).hexdigest()
    known = next(case.rows("SELECT 1 FROM file_versions WHERE sha256 = ?", (sha256,)), None)
    problem = None
    if known is None:
        problem = "the case does not know these bytes: ingest it first, so that it is known whose they are"
    elif tell_kind(content[:4096], "x.fdb").note == "firebird":
        problem = "it is a Firebird database, which has the same extension"
    if source.problems:
        raise RefusedError(f"{source.path}: {source.problems[0].detail}")
    return Coming(sha256, len(content), source.modified, content, problem)
