"""Which evidence goes into a bundle: originals that still are what was read, else what the case holds."""

from __future__ import annotations

import io
from collections import defaultdict
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from forensics.bundle.names import safe_paths
from forensics.bundle.pack import Member
from forensics.ingest.fingerprint import fingerprint
from parsers.containers.folders import own_name, walk_files
from parsers.containers.sources import Source
from parsers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.forms import Row
    from forensics.places import Place

FOLDER: Final = "data/evidence/"
TABLE_FIELDS: Final = (
    "stored", "path", "in_bundle", "why", "kind", "node", "sha256", "size", "modified", "container", "status",
)  # fmt: skip


class Inclusion(StrEnum):
    """How a piece of evidence is in a bundle, or why it is not."""

    ORIGINAL = "original"  # the file itself
    FROM_CASE = "from_case"  # its content, as the case kept it
    IN_ARCHIVE = "in_archive"  # in an archive that is in the bundle
    NOT_CHOSEN = "not_chosen"  # its kind was not asked for
    LEFT_OUT = "left_out"  # raw evidence in a bundle with pseudonyms
    NOT_READ = "not_read"  # there never was a content: it could not be read
    NOT_FOUND = "not_found"  # it lies at none of the places where it was looked for
    ALTERED = "altered"  # what lies there has another hash


LACKING: Final = frozenset({Inclusion.NOT_FOUND, Inclusion.ALTERED})

_WHY: Final = {
    Inclusion.ORIGINAL: "",
    Inclusion.FROM_CASE: "the content that the case kept",
    Inclusion.IN_ARCHIVE: "in the archive that it came from",
    Inclusion.NOT_CHOSEN: "its kind was not asked for",
    Inclusion.LEFT_OUT: "raw evidence is not in a bundle with pseudonyms",
    Inclusion.NOT_READ: "it could not be read when the case was made",
    Inclusion.NOT_FOUND: "it was not found where it lay, nor where it was looked for",
    Inclusion.ALTERED: "what lies there now has another SHA-256 than what was read",
}


class Chosen(NamedTuple):
    """What becomes of one piece of evidence: its row in the case, how it is in the bundle, and under what name."""

    row: EvidenceRow
    inclusion: Inclusion
    stored: str | None = None

    def plain(self) -> Row:
        """A row of the bundle's table of evidence."""
        row = self.row
        return {
            "stored": self.stored,
            "path": row.path,
            "in_bundle": self.inclusion.value,
            "why": _WHY[self.inclusion],
            "kind": row.kind,
            "node": row.node,
            "sha256": row.sha256,
            "size": row.size,
            "modified": row.modified,
            "container": row.container,
            "status": row.status,
        }


class Choice(NamedTuple):
    """The evidence of a bundle: what becomes of each piece, and the files that are put in."""

    pieces: list[Chosen]
    members: list[Member]

    @property
    def lacking(self) -> list[Chosen]:
        """What should be in the bundle and is not."""
        return [piece for piece in self.pieces if piece.inclusion in LACKING]


def leave_out(case: Case) -> Choice:
    """No evidence at all."""
    rows = case.evidence()
    return Choice([Chosen(row, Inclusion.LEFT_OUT if row.sha256 else Inclusion.NOT_READ) for row in rows], [])


def choose(case: Case, kinds: Collection[str], places: Iterable[Place]) -> Choice:
    """Find the evidence of a case. An archive is in it for any of its members, and then as it lies there.

    Every file that could be it is hashed; nothing of it is kept in memory.

    Args:
        case: whose evidence it is.
        kinds: which kinds; none: all.
        places: where to look, the first place first. A name that no path of the case begins with stands for all of
            them: the folder was renamed.

    Raises:
        FailedError: the case cannot be read.
    """
    rows = case.evidence()
    archives = {row.path for row in rows if row.kind == Kind.ARCHIVE}
    wanted = {row.id for row in rows if not kinds or row.kind in kinds}
    for_members = {path for row in rows if row.id in wanted for path in _around(row, archives)}
    wanted_files = [r for r in rows if r.container is None and (r.id in wanted or r.path in for_members)]
    found = _Originals(rows, places)
    originals = {row.id: source for row in wanted_files if row.sha256 and (source := found.source(row)) is not None}
    whole = {row.path for row in rows if row.id in originals}
    kept = {sha256 for (sha256,) in case.rows("SELECT sha256 FROM contents WHERE bytes IS NOT NULL")}
    pieces = []
    for row in rows:
        if row.sha256 is None:
            inclusion = Inclusion.NOT_READ
        elif row.id in originals:
            inclusion = Inclusion.ORIGINAL
        elif any(path in whole for path in _around(row, archives)):
            inclusion = Inclusion.IN_ARCHIVE
        elif row.id not in wanted:
            inclusion = Inclusion.NOT_CHOSEN
        elif row.sha256 in kept:
            inclusion = Inclusion.FROM_CASE
        else:
            inclusion = Inclusion.ALTERED if found.seen(row) else Inclusion.NOT_FOUND
        pieces.append(Chosen(row, inclusion))
    return _named(case, pieces, originals)


def _named(case: Case, pieces: list[Chosen], originals: Mapping[int, Source]) -> Choice:
    put_in = [piece for piece in pieces if piece.inclusion in {Inclusion.ORIGINAL, Inclusion.FROM_CASE}]
    names = safe_paths(tuple(piece.row.path.split("/")) for piece in put_in)
    stored = {piece.row.id: FOLDER + name for piece, name in zip(put_in, names, strict=True)}
    members = []
    for piece in put_in:
        row = piece.row
        source = originals.get(row.id)
        opened = source.open if source is not None else partial(_kept, case, row.sha256 or "")
        members.append(Member(stored[row.id], row.size or 0, row.sha256 or "", opened))
    return Choice([piece._replace(stored=stored.get(piece.row.id)) for piece in pieces], members)


def _kept(case: Case, sha256: str) -> BinaryIO:
    row = next(case.rows("SELECT bytes FROM contents WHERE sha256 = ?", (sha256,)))
    return io.BytesIO(row[0])


def _around(row: EvidenceRow, archives: Collection[str]) -> Iterator[str]:
    """The archives in which a piece lies."""
    at = row.path.find("/")
    while at >= 0:
        if row.container is not None and row.path[:at] in archives:
            yield row.path[:at]
        at = row.path.find("/", at + 1)


class _Originals:
    """The files that lie where the evidence is looked for, hashed when they are asked for."""

    def __init__(self, rows: Iterable[EvidenceRow], places: Iterable[Place]) -> None:
        self._files: dict[str, list[Source]] = defaultdict(list)
        self._hashes: dict[int, tuple[str, int] | None] = {}
        rows = list(rows)
        roots = {row.root or row.path.partition("/")[0] for row in rows}
        names = {row.path for row in rows if row.container is None}
        for name, place in places:
            for path, source in _files_at(place, name):
                rest = path[len(name) :]
                for root in [name] if name in roots else sorted(roots):
                    if root + rest in names:
                        self._files[root + rest].append(source)

    def seen(self, row: EvidenceRow) -> bool:
        """Whether there is anything of that path."""
        return row.path in self._files

    def source(self, row: EvidenceRow) -> Source | None:
        """The file that a row was read from, if it is there and still is what it was."""
        for source in self._files.get(row.path, ()):
            if id(source) not in self._hashes:
                try:
                    print_ = fingerprint(source)
                    self._hashes[id(source)] = print_.sha256, print_.size
                except OSError:
                    self._hashes[id(source)] = None
            if self._hashes[id(source)] == (row.sha256, row.size):
                return source
        return None


def _files_at(place: Path, name: str) -> Iterator[tuple[str, Source]]:
    """The files at and below a place, under paths that begin with `name`."""
    try:
        for item in walk_files(place):
            if isinstance(item, Source):
                yield name + item.path[len(own_name(place)) :], item
    except FileNotFoundError:
        return
