"""Members of a tar, read forward by our own reader.

Why not `tarfile`: in the Python versions supported here it recurses over chained extended headers, reads such headers
whole whatever size they claim, loops on negative sizes (CVE-2025-8194), rounds pax times through floats, and stops at
the first damaged header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from parsers.containers import sparse
from parsers.containers.names import MemberPaths, is_absolute
from parsers.containers.sources import Budget, Folder, ModifiedBasis, Source, SourceProblem, checked_time
from parsers.containers.streams import Shared, Window, cheap_seek, open_member, read_at
from parsers.containers.tarformat import BLOCK, SIZE_MAX, Header, parse_header, parse_pax, pax_time
from parsers.problems import Problem, ProblemKind
from parsers.times import filetime_from_unix

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

# Extended headers hold names and times; larger ones are an attack on the memory.
_EXTENSION_MAX = 1 << 20
# Writers fill the last record with zeros, by default to 10 KiB, on tapes to more.
_ZEROS_LOOKED_THROUGH = 1 << 20
_LINKS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
    b"M": "the continuation of a member of another volume",
}
# pax for the next member (x, Solaris X) and for all (g); GNU long name, long link target, old long name
_EXTENSIONS = frozenset((b"x", b"X", b"g", b"L", b"K", b"N"))
_SILENT = frozenset((b"5", b"D", b"V"))  # folders, GNU folder dumps, volume labels


def tar_members(
    source: Source,
    opener: Callable[[], BinaryIO],
    unpacking: list[Problem],
    budget: Budget,
    on_folder: Callable[[Folder], None] | None = None,
) -> Iterator[Source | SourceProblem]:
    """The files in a tar, in their order; folders are told to `on_folder` alone, volume labels are left out.

    Survives: damaged headers (the next sound one is looked for), a cut archive, absurd times and sizes, members behind
    the end mark (concatenated archives). Refused with a problem: links, devices, pipes, oversized names.

    Args:
        source: the archive.
        opener: gives the tar itself: `source.open`, or what decompresses it.
        unpacking: the problems that the opener's stream notes.
        budget: what the outermost archive may unfold to.
        on_folder: told of each folder that has a member of its own.
    """
    shared = Shared(opener)
    stream = shared.acquire()
    try:
        yield from _Tar(source.path, shared, stream, budget, on_folder).members()
    finally:
        shared.release()
    for problem in unpacking:
        yield SourceProblem(source.path, problem)


class _Tar:
    """One tar while it is walked."""

    def __init__(
        self,
        archive: str,
        shared: Shared,
        stream: BinaryIO,
        budget: Budget,
        on_folder: Callable[[Folder], None] | None,
    ) -> None:
        self._archive = archive
        self._shared = shared
        self._stream = stream
        self._budget = budget
        self._on_folder = on_folder
        self._paths = MemberPaths(archive, budget.limits)
        self._memory = budget.limits.memory if not cheap_seek(stream) else 0
        self._end_of_file = stream.seek(0, 2) if cheap_seek(stream) else None
        self._at = 0
        self._globals: dict[str, bytes] = {}
        self._extended: dict[str, bytes] = {}
        self._problems: list[SourceProblem] = []

    def _state(self, kind: ProblemKind, offset: int, length: int, detail: str) -> None:
        self._problems.append(SourceProblem(self._archive, Problem(kind, offset, length, detail)))

    def members(self) -> Iterator[Source | SourceProblem]:
        """Each step of the loop moves at least one block forward."""
        while (header := self._next_header()) is not None:
            if header.type in _EXTENSIONS:
                self._extension(header)
            else:
                if self._budget.exhausted:
                    limit = self._budget.limits.members
                    self._state(ProblemKind.LIMIT, self._at, 0, f"members beyond the {limit}th were left unread")
                    break
                item = self._member(header)
                self._extended = {}
                yield from self._flush()
                if item is not None:
                    yield item
        yield from self._flush()

    def _flush(self) -> Iterator[SourceProblem]:
        yield from self._problems
        self._problems.clear()

    def _next_header(self) -> Header | None:
        """The next sound header, `_at` then behind it; None at the end. Damage before it is stated."""
        zeros = damaged = 0
        while True:
            beyond = self._end_of_file is not None and self._at >= self._end_of_file
            block = b"" if beyond else read_at(self._stream, self._at, BLOCK)
            if len(block) < BLOCK:
                self._end(zeros, damaged, len(block))
                return None
            header = parse_header(block) if any(block) else None
            if header is not None:
                break
            if any(block) or damaged:
                damaged += BLOCK
            else:
                zeros += BLOCK
                if zeros > _ZEROS_LOOKED_THROUGH:
                    return None
            self._at += BLOCK
        if damaged:
            detail = "no tar header; members may be lost between here and the next one"
            self._state(ProblemKind.LOST_RANGE, self._at - damaged, damaged, detail)
        elif zeros:
            detail = "the archive goes on behind its end mark; read on"
            self._state(ProblemKind.BAD_HEADER, self._at - zeros, zeros, detail)
        self._at += BLOCK
        return header

    def _end(self, zeros: int, damaged: int, rest: int) -> None:
        if damaged:
            detail = "no tar header from here to the end; members may be lost"
            self._state(ProblemKind.LOST_RANGE, self._at - damaged, damaged + rest, detail)
        elif not zeros:
            self._state(ProblemKind.TRUNCATED, self._at, 0, "the archive ends without its end mark")

    def _step_over(self, size: int) -> None:
        self._at += -(-size // BLOCK) * BLOCK

    def _extension(self, header: Header) -> None:
        """Take what an extended header says of the next member, or ('g') of all that follow."""
        if header.size > _EXTENSION_MAX:
            self._state(
                ProblemKind.LIMIT, self._at, header.size, "an extended header too large to be honest, left unread"
            )
        else:
            data = read_at(self._stream, self._at, header.size)
            if header.type in (b"L", b"K", b"N"):
                if header.type == b"L":
                    self._extended["path"] = data.partition(b"\0")[0]
            else:
                records, sound = parse_pax(data)
                if not sound:
                    self._state(ProblemKind.BAD_HEADER, self._at, header.size, "an extended header that breaks off")
                (self._globals if header.type == b"g" else self._extended).update(records)
        self._step_over(header.size)

    def _member(self, header: Header) -> Source | SourceProblem | None:
        stated = {**self._globals, **self._extended}
        problems: list[Problem] = []
        size = header.size
        if (value := stated.get("size", b"")).isdigit() and len(value) < 20:
            size = min(int(value), SIZE_MAX)
        name = stated.get("GNU.sparse.name") or stated.get("path") or header.name
        shown = name.decode("utf-8", "surrogateescape")
        what = header.type
        head_at = self._at - BLOCK
        if what in _LINKS:
            # A hard link in pax form may carry its content; POSIX then gives a size.
            self._step_over(size if what in (b"1", b"M") else 0)
            problem = Problem(ProblemKind.UNSUPPORTED, head_at, 0, f"{_LINKS[what]}, not followed")
            return SourceProblem(self._paths.shown(shown), problem)
        layout = self._sparse_layout(header, stated, size)
        data = self._at
        self._step_over(size)
        if what in _SILENT or (what in (b"\0", b"0") and name.endswith(b"/")):
            if what != b"V":
                self._tell_folder(header, stated, shown)
            return None
        if self._paths.too_long(shown):
            problem = Problem(ProblemKind.LIMIT, head_at, 0, f"its name has {len(shown)} characters; left unread")
            return SourceProblem(self._paths.shown(shown), problem)
        if isinstance(layout, Problem):
            return SourceProblem(self._paths.shown(shown), layout)
        whole = size if layout is None else layout.size
        over = self._budget.claim(whole)
        if over is not None:
            return SourceProblem(self._paths.shown(shown), over)
        path, stated_of_name = self._paths.place(shown)
        problems += stated_of_name
        modified, basis = self._modified(header, stated, problems)
        shared, memory = self._shared, self._memory

        def content() -> io.RawIOBase:
            window = Window(shared, data, size, problems)
            return window if layout is None else sparse.SparseFile(window, layout)

        def opened() -> BinaryIO:
            return open_member(shared, head_at, content, whole, memory)

        return Source(path, self._archive, whole, modified, basis, opened, problems, is_absolute(shown))

    def _tell_folder(self, header: Header, stated: dict[str, bytes], name: str) -> None:
        if self._on_folder is not None and not self._paths.too_long(name) and self._budget.claim_folder():
            modified, basis = self._modified(header, stated, [])
            self._on_folder(Folder(self._paths.folder(name), self._archive, modified, basis))

    def _sparse_layout(self, header: Header, stated: dict[str, bytes], size: int) -> sparse.Layout | Problem | None:
        """The map of a sparse member, `_at` then at its data; None for an ordinary one."""
        try:
            if header.type == b"S":
                block = read_at(self._stream, self._at - BLOCK, BLOCK)
                layout, self._at = sparse.old_gnu(block, self._stream, self._at, size, extended=header.extended)
                return layout
            return sparse.from_pax(stated, self._stream, self._at, size)
        except ValueError as error:
            return Problem(ProblemKind.BAD_HEADER, self._at, 0, f"a sparse member whose map is damaged ({error})")

    @staticmethod
    def _modified(
        header: Header, stated: dict[str, bytes], problems: list[Problem]
    ) -> tuple[int | None, ModifiedBasis]:
        if "mtime" in stated and (ticks := pax_time(stated["mtime"])) is not None:
            return checked_time(ticks, ModifiedBasis.PAX, problems)
        ticks = None if header.mtime is None else filetime_from_unix(header.mtime)
        return checked_time(ticks, ModifiedBasis.TAR, problems)
