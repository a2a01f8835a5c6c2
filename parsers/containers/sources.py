"""What walking evidence gives: sources, problems, and the limits within which it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

from parsers.problems import Problem, ProblemKind
from parsers.times import FILETIME_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1 << 20
_GIB = 1 << 30
# Seeking back in compressed data decompresses again; so often may it be done over before it is called an attack.
_TIMES_OVER = 16


class ModifiedBasis(StrEnum):
    """Where a last-modified time comes from, which says how exact and how certain it is."""

    FILE_SYSTEM = "file_system"  # as the operating system gives it
    NTFS_EXTRA = "ntfs_extra"  # zip extra field 0x000a: 100 ns, UTC
    UNIX_EXTRA = "unix_extra"  # zip extra field 0x5455: seconds, UTC
    DOS_LOCAL = "dos_local"  # zip: two seconds, local time of an unnamed zone
    PAX = "pax"  # tar: decimal seconds, UTC
    TAR = "tar"  # tar: seconds, UTC
    GZIP = "gzip"  # header of a .gz: seconds, UTC
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Source:
    r"""One file of the evidence, wherever it lies. An archive is one, and each of its members is one.

    Attributes:
        path: logical, with slashes: the given PATH's own name first, members below the path of their archive
            (`incident.zip/EXNODE1/Logs/System.evtx`). A backslash begins an escape: `\xNN` for a byte that is no text
            and for a backslash, NUL or the dots of a `..`, `\udNNN` for half of a surrogate pair.
        container: the path of the archive in which it lies; None for a file of its own.
        size: bytes; of a member what the archive declares; None where it declares nothing. Content is never longer,
            and can be shorter (`problems` then says so).
        modified: FILETIME ticks; None where there is none or no calendar holds it.
        modified_basis: where `modified` comes from.
        open: gives a new seekable binary stream at the start of the content; close it. Raises OSError, as does
            reading; damage of an archive raises nothing: the stream ends early. Seeking back in a compressed member
            above `Limits.memory` decompresses again: deflate and gzip from a place shortly before, other packings from
            the start of the member, or of the archive in a compressed tar.
            Open and read the members of one archive in one thread, best in the order in which they come.
        problems: what is wrong with this source, yet did not keep it from being read. Grows while content is read;
            complete when the stream has been read to its end.
        absolute: its archive states an absolute name; harmless here, where nothing is ever written by these names.
    """

    path: str
    container: str | None
    size: int | None
    modified: int | None
    modified_basis: ModifiedBasis
    open: Callable[[], BinaryIO] = field(compare=False, repr=False)
    problems: list[Problem] = field(default_factory=list, compare=False)
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that was met. It has no content of its own; its last-modified time is evidence.

    Attributes:
        path: logical, as in `Source`.
        container: the path of the archive in which it lies; None for a folder of its own.
        modified, modified_basis: as in `Source`.
    """

    path: str
    container: str | None
    modified: int | None
    modified_basis: ModifiedBasis


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Something that could not be walked: it has no `Source`, or it is an archive of which some members have none."""

    path: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may unfold to. Nothing of it bounds plain files and folders, which cannot multiply.

    Attributes:
        members: of one archive, those of archives inside it included.
        total: bytes that these members may have together.
        ratio: unfolded bytes for each byte of the outermost archive.
        ratio_from: unfolded bytes from which on `ratio` counts: an empty 16 MiB log compresses 1000 to 1.
        depth: archives inside archives; 1 enters only archives that lie in the open.
        name: characters of a member's name.
        memory: members up to this size are read into memory once; larger ones are streamed.
    """

    members: int = 200_000
    total: int = 64 * _GIB
    ratio: int = 200
    ratio_from: int = _GIB
    depth: int = 3
    name: int = 4096
    memory: int = 32 * _MIB


@dataclass(slots=True)
class Budget:
    """What one outermost archive has used of its limits.

    Attributes:
        limits: the limits.
        ceiling: bytes that its content may unfold to.
        members: members given so far.
        folders: folders told of so far; they have a budget of `members` of their own.
        declared: bytes of these members.
        work: bytes decompressed so far, those decompressed again included.
    """

    limits: Limits
    ceiling: int
    members: int = 0
    folders: int = 0
    declared: int = 0
    work: int = 0

    @classmethod
    def of(cls, limits: Limits, archive_size: int) -> Budget:
        """A fresh budget for an archive of so many bytes."""
        return cls(limits, min(limits.total, max(limits.ratio_from, limits.ratio * archive_size)))

    @property
    def exhausted(self) -> bool:
        """True when no further member may be given."""
        return self.members >= self.limits.members

    @property
    def overworked(self) -> bool:
        """True when data was decompressed again and again beyond any honest use."""
        return self.work > self.ceiling * _TIMES_OVER

    def claim_folder(self) -> bool:
        """Count a folder; False, and nothing counted, where there were too many."""
        if self.folders >= self.limits.members:
            return False
        self.folders += 1
        return True

    def claim(self, size: int | None) -> Problem | None:
        """Count a member of so many bytes; a LIMIT problem, and nothing counted, when it does not fit any more."""
        if self.declared + (size or 0) > self.ceiling:
            detail = f"left unread: with its {size} bytes the archive would unfold to more than {self.ceiling} bytes"
            return Problem(ProblemKind.LIMIT, 0, 0, detail)
        self.members += 1
        self.declared += size or 0
        return None


def note(problems: list[Problem], kind: ProblemKind, offset: int, length: int, detail: str) -> None:
    """Add a problem once: content that is read twice has its damage once."""
    problem = Problem(kind, offset, length, detail)
    if problem not in problems:
        problems.append(problem)


def checked_time(ticks: int | None, basis: ModifiedBasis, problems: list[Problem]) -> tuple[int | None, ModifiedBasis]:
    """A time that a calendar holds; else none, with a problem."""
    if ticks is None:
        return None, ModifiedBasis.NONE
    if not 0 <= ticks <= FILETIME_MAX:
        note(problems, ProblemKind.BAD_VALUE, 0, 0, "the last-modified time lies outside the years 1601 to 9999")
        return None, ModifiedBasis.NONE
    return ticks, basis
