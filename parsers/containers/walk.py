"""One sequence of sources, whatever the evidence lies in."""

from __future__ import annotations

import io
from datetime import UTC
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from parsers.containers.folders import walk_files
from parsers.containers.packing import BZIP2, GZIP, XZ, parse_gzip_header
from parsers.containers.sources import Budget, Folder, Limits, ModifiedBasis, Source, SourceProblem
from parsers.containers.streams import Shared, buffered, open_member, read_up_to
from parsers.containers.tars import tar_members
from parsers.containers.unpacked import CHUNK, Decompressed
from parsers.containers.zips import zip_members
from parsers.kinds import HEAD_SIZE, Kind, tell_kind
from parsers.problems import Problem, ProblemKind
from parsers.times import filetime_from_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo
    from pathlib import Path

_PACKINGS = {"gzip": GZIP, "bzip2": BZIP2, "xz": XZ}
_SUFFIXES = (".gz", ".bz2", ".xz")


def walk(
    path: Path,
    limits: Limits | None = None,
    source_tz: tzinfo = UTC,
    enter: Callable[[Source], bool] = lambda _: True,
    on_folder: Callable[[Folder], None] | None = None,
) -> Iterator[Source | SourceProblem]:
    """All sources at and below a path: files, and the members of archives, each archive before its members.

    What is an archive is told by its content. The order is that of the names in a folder and of the archive in an
    archive, so it is the same each time. Nothing is written, extracted or followed. Members are best read while the
    walk stands at them; later reading works, and can cost unpacking the archive again.

    Args:
        path: a file or a folder.
        limits: how much archives may unfold to; each of those that lie in the open has the whole of them.
        source_tz: zone of times that are stored without one (zip members without a better time).
        enter: asked after an archive was yielded and before its members are; False leaves them out.
        on_folder: told of each folder, on the disk and in archives that have entries for folders.

    Raises:
        FileNotFoundError: there is nothing at the path. Everything else comes as a `SourceProblem`, except that an
            OSError at reading a source is left to its `open`: what the caller cannot open has no members either.
    """
    limits = limits or Limits()
    ways = _Ways(source_tz, enter, on_folder)
    for item in walk_files(path, on_folder):
        yield item
        if isinstance(item, Source):
            yield from _inside(item, Budget.of(limits, item.size or 0), ways, depth=1)


def walk_members(
    source: Source, limits: Limits | None = None, source_tz: tzinfo = UTC
) -> Iterator[Source | SourceProblem]:
    """The direct members of one archive, archives among them not entered; nothing for a source that is no archive."""
    form = archive_form(source)
    if form is not None:
        ways = _Ways(source_tz, lambda _: False, None)
        yield from _members(source, form, Budget.of(limits or Limits(), source.size or 0), ways)


def archive_form(source: Source) -> str | None:
    """`zip`, `tar`, `gzip`, ... (`KindGuess.note`) where the content is an archive; None where it is none.

    None as well where it cannot be read.
    """
    try:
        with source.open() as stream:
            guess = tell_kind(read_up_to(stream, HEAD_SIZE), source.path)
    except OSError:
        return None
    return guess.note if guess.kind is Kind.ARCHIVE else None


class _Ways(NamedTuple):
    """How the caller of `walk` wants it."""

    zone: tzinfo
    enter: Callable[[Source], bool]
    on_folder: Callable[[Folder], None] | None


def _inside(source: Source, budget: Budget, ways: _Ways, depth: int) -> Iterator[Source | SourceProblem]:
    form = archive_form(source)
    if form is None or not ways.enter(source):
        return
    if depth > budget.limits.depth:
        detail = f"an archive inside {depth - 1} others was not entered: unpack it by hand"
        yield SourceProblem(source.path, Problem(ProblemKind.LIMIT, 0, 0, detail))
        return
    for item in _members(source, form, budget, ways):
        yield item
        if isinstance(item, Source):
            yield from _inside(item, budget, ways, depth + 1)


def _members(source: Source, form: str, budget: Budget, ways: _Ways) -> Iterator[Source | SourceProblem]:
    try:
        if form == "zip":
            yield from zip_members(source, budget, ways.zone, ways.on_folder)
        elif form == "tar":
            yield from tar_members(source, source.open, [], budget, ways.on_folder)
        elif form in _PACKINGS:
            yield from _unpacked(source, form, budget, ways.on_folder)
        else:
            detail = f"{form} archives are not read: unpack it by hand"
            yield SourceProblem(source.path, Problem(ProblemKind.UNSUPPORTED, 0, 0, detail))
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield SourceProblem(source.path, Problem(ProblemKind.UNREADABLE, 0, 0, f"reading its members broke off: {why}"))


def _unpacked(
    source: Source, form: str, budget: Budget, on_folder: Callable[[Folder], None] | None
) -> Iterator[Source | SourceProblem]:
    """The members of a compressed tar, or the one file of a .gz, .bz2 or .xz."""
    problems: list[Problem] = []

    def raw() -> io.RawIOBase:
        return Decompressed(source.open(), _PACKINGS[form], budget, problems)

    def unpacked() -> BinaryIO:
        return buffered(raw())

    with unpacked() as stream:
        head = read_up_to(stream, HEAD_SIZE)
    if tell_kind(head, "").note == "tar":
        yield from tar_members(source, unpacked, problems, budget, on_folder)
        return
    if budget.exhausted:
        problem = Problem(
            ProblemKind.LIMIT, 0, 0, f"left unread: its members would be more than {budget.limits.members}"
        )
        yield SourceProblem(source.path, problem)
        return
    budget.claim(None)
    name = source.path.rpartition("/")[2]
    suffix = next((end for end in _SUFFIXES if name.lower().endswith(end) and len(name) > len(end)), "")
    shared = Shared(io.BytesIO)

    def opened() -> BinaryIO:
        return open_member(shared, None, raw, None, budget.limits.memory)

    modified, basis = _gzip_time(source) if form == "gzip" else (None, ModifiedBasis.NONE)
    path = f"{source.path}/{name[: len(name) - len(suffix)]}"
    shared.acquire()
    try:
        yield Source(path, source.path, None, modified, basis, opened, problems)
    finally:
        shared.release()


def _gzip_time(source: Source) -> tuple[int | None, ModifiedBasis]:
    with source.open() as stream:
        try:
            header = parse_gzip_header(read_up_to(stream, CHUNK))
        except ValueError:
            header = None
    if header is None or header.mtime == 0:
        return None, ModifiedBasis.NONE
    return filetime_from_unix(header.mtime), ModifiedBasis.GZIP
