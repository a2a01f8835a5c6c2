"""Members of a zip: by its central directory, and where that is lost by the local headers."""

from __future__ import annotations

import stat
from bisect import bisect_right, insort
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from parsers.containers import zipformat as zf
from parsers.containers.names import MemberPaths, is_absolute
from parsers.containers.packing import BZIP2_IN_ZIP, DEFLATE, LZMA_IN_ZIP
from parsers.containers.sources import Budget, Folder, Source, SourceProblem, checked_time
from parsers.containers.streams import Shared, Window, cheap_seek, open_member, read_at
from parsers.containers.unpacked import Decompressed
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

_STORED = 0
_PACKINGS = {8: DEFLATE, 12: BZIP2_IN_ZIP, 14: LZMA_IN_ZIP}
_OTHER_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES encryption"}
_SCAN_FIRST = 1 << 12
_SCAN_MOST = 1 << 20


def zip_members(
    source: Source, budget: Budget, zone: tzinfo, on_folder: Callable[[Folder], None] | None = None
) -> Iterator[Source | SourceProblem]:
    """The members of a zip, in the order of its directory; folders are told to `on_folder` alone.

    Survives: a lost, cut or broken central directory (members are then found by their local headers), data before the
    archive, zip64, lying sizes, bad CRCs. Refused with a problem: encrypted members, links, methods that Python cannot
    unpack, members that share bytes with another one, spanned archives, and a zip that lies compressed in another
    archive and is larger than `Limits.memory`, because it would be unpacked anew for each step back.
    """
    shared = Shared(source.open)
    stream = shared.acquire()
    try:
        if cheap_seek(stream):
            yield from _Zip(source, shared, stream, budget, (zone, on_folder)).members()
        else:
            detail = "a zip inside compressed data, too large to be held in memory: unpack it by hand"
            yield SourceProblem(source.path, Problem(ProblemKind.LIMIT, 0, 0, detail))
    finally:
        shared.release()


class _Zip:
    """One zip while it is walked."""

    def __init__(
        self,
        source: Source,
        shared: Shared,
        stream: BinaryIO,
        budget: Budget,
        ways: tuple[tzinfo, Callable[[Folder], None] | None],
    ) -> None:
        self._archive = source.path
        self._shared = shared
        self._stream = stream
        self._budget = budget
        self._zone, self._on_folder = ways
        self._paths = MemberPaths(source.path, budget.limits)
        self._size = stream.seek(0, 2)
        self._starts: list[int] = []
        self._ends: dict[int, int] = {}
        self._scanned = 0
        # Signatures that lead nowhere make a search start again and again.
        self._scan_limit = 8 * self._size + 64 * _SCAN_MOST

    def _problem(self, kind: ProblemKind, offset: int, length: int, detail: str) -> SourceProblem:
        return SourceProblem(self._archive, Problem(kind, offset, length, detail))

    def members(self) -> Iterator[Source | SourceProblem]:
        """By the directory, then, where that fails, what lies beside it."""
        directory = zf.find_directory(self._stream, self._size)
        if directory is None:
            detail = "no central directory: the archive is cut; its members were looked for by their own headers"
            yield self._problem(ProblemKind.TRUNCATED, self._size, 0, detail)
            yield from self._by_local_headers()
            return
        if directory.spanned:
            detail = "one of several volumes: join them before"
            yield self._problem(ProblemKind.UNSUPPORTED, 0, self._size, detail)
            return
        try:
            for entry in zf.directory_entries(self._stream, directory):
                if self._budget.exhausted:
                    yield self._problem(ProblemKind.LIMIT, 0, 0, self._too_many())
                    return
                yield from self._listed(entry)
        except ValueError as error:
            detail = f"{error}; further members were looked for by their own headers"
            yield self._problem(ProblemKind.BAD_HEADER, directory.start, directory.end - directory.start, detail)
            yield from self._by_local_headers()

    def _too_many(self) -> str:
        return f"members beyond the {self._budget.limits.members}th were left unread"

    def _listed(self, entry: zf.Entry) -> Iterator[Source | SourceProblem]:
        local = zf.local_header(self._stream, entry.header) if entry.header < self._size else None
        packed = entry.packed or 0
        taken = local is not None and self._take(entry.header, local.data + packed)
        if self._is_folder(entry):
            self._tell_folder(entry, local)
            return
        refusal = self._refusal(entry)
        if refusal is not None:
            yield SourceProblem(self._paths.shown(entry.name), refusal)
        elif local is not None and taken:
            yield self._member(entry, local)
        else:
            at = max(entry.header, 0)
            why = "no local header where one must be" if local is None else "shares its bytes with another member"
            problem = Problem(ProblemKind.BAD_HEADER, at, packed, f"{why}; left unread")
            yield SourceProblem(self._paths.shown(entry.name), problem)

    def _by_local_headers(self) -> Iterator[Source | SourceProblem]:
        found: int | None
        at = 0
        while (found := self._find(zf.LOCAL_MAGIC, at)) is not None:
            at = found
            if at in self._ends:
                at = max(self._ends[at], at + 1)
                continue
            local = zf.local_header(self._stream, at)
            # A signature inside other data: a name of no length, or one with bytes that no name has.
            if local is None or not local.entry.raw_name or min(local.entry.raw_name) < 0x20:
                at += 1
                continue
            if self._budget.exhausted:
                yield self._problem(ProblemKind.LIMIT, at, 0, self._too_many())
                return
            entry = local.entry
            if entry.packed is None:
                entry = self._measured(local)
            end = local.data + (entry.packed or 0)
            refusal = self._refusal(entry)
            if refusal is not None:
                yield SourceProblem(self._paths.shown(entry.name), refusal)
            elif self._is_folder(entry):
                self._tell_folder(entry, local)
            elif self._take(at, end):
                yield self._member(entry, local)
            at = max(local.data, min(end, self._size))
        if self._scanned > self._scan_limit:
            detail = "the search for members was given up: the archive is made of false signatures"
            yield self._problem(ProblemKind.LIMIT, at, self._size - at, detail)

    def _measured(self, local: zf.Local) -> zf.Entry:
        """The entry with the sizes that stand behind its data (4.3.9), or with the data up to the next header."""
        at = local.data
        while (found := self._find(zf.DESCRIPTOR_MAGIC, at)) is not None:
            raw = read_at(self._stream, found + 4, 20)
            packed = found - local.data
            # The sizes have 8 bytes in a zip64; only a packed size that fits tells which form it is.
            wide = 8 if packed > 2 and int.from_bytes(raw[4:12], "little") == packed else 4
            if len(raw) >= 4 + 2 * wide and int.from_bytes(raw[4 : 4 + wide], "little") == packed:
                size = int.from_bytes(raw[4 + wide : 4 + 2 * wide], "little")
                return replace(local.entry, crc=int.from_bytes(raw[:4], "little"), packed=packed, size=size)
            at = found + 1
        ends = (self._find(magic, local.data) for magic in (zf.LOCAL_MAGIC, zf.DIRECTORY_MAGIC))
        end = min((found for found in ends if found is not None), default=self._size)
        return replace(local.entry, packed=end - local.data)

    def _find(self, magic: bytes, at: int) -> int | None:
        step = _SCAN_FIRST
        while at < self._size and self._scanned <= self._scan_limit:
            data = read_at(self._stream, at, step)
            if not data:  # shorter than it said
                break
            self._scanned += len(data)
            found = data.find(magic)
            if found >= 0:
                return at + found
            at += max(len(data) - 3, 1)
            step = min(2 * step, _SCAN_MOST)
        return None

    def _take(self, start: int, end: int) -> bool:
        """Reserve the bytes of a member; False where another member has a part of them."""
        at = bisect_right(self._starts, start)
        if at and self._ends[self._starts[at - 1]] > start:
            return False
        if at < len(self._starts) and self._starts[at] < end:
            return False
        insort(self._starts, start)
        self._ends[start] = end
        return True

    @staticmethod
    def _is_folder(entry: zf.Entry) -> bool:
        return entry.name.endswith(("/", "\\")) or (entry.dos_directory and not entry.size)

    def _tell_folder(self, entry: zf.Entry, local: zf.Local | None) -> None:
        if self._on_folder is not None and not self._paths.too_long(entry.name) and self._budget.claim_folder():
            extra = b"" if local is None else local.entry.extra
            modified, basis = checked_time(*zf.modified(entry, extra, self._zone), [])
            self._on_folder(Folder(self._paths.folder(entry.name), self._archive, modified, basis))

    def _refusal(self, entry: zf.Entry) -> Problem | None:
        kind, detail = ProblemKind.UNSUPPORTED, ""
        if entry.flags & (zf.ENCRYPTED | zf.STRONGLY_ENCRYPTED | zf.MASKED) or entry.method == 99:
            detail = "encrypted: decrypt the archive before"
        elif stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            what = "a symbolic link" if stat.S_ISLNK(entry.mode) else "a device or pipe"
            detail = f"{what}, not followed"
        elif entry.method != _STORED and entry.method not in _PACKINGS:
            name = _OTHER_METHODS.get(entry.method)
            detail = f"compression method {entry.method}{f' ({name})' if name else ''}: unpack the archive by hand"
        elif entry.disk not in (0, 0xFFFF):
            detail = "lies on another volume: join the volumes before"
        elif self._paths.too_long(entry.name):
            kind, detail = ProblemKind.LIMIT, f"its name has {len(entry.name)} characters; left unread"
        return Problem(kind, max(entry.header, 0), entry.packed or 0, detail) if detail else None

    def _member(self, entry: zf.Entry, local: zf.Local) -> Source | SourceProblem:
        over = self._budget.claim(entry.size)
        if over is not None:
            return SourceProblem(self._paths.shown(entry.name), over)
        path, problems = self._paths.place(entry.name)
        if local.entry.raw_name != entry.raw_name:
            detail = "the local header gives it another name than the directory"
            problems.append(Problem(ProblemKind.BAD_HEADER, entry.header, 0, detail))
        modified, basis = checked_time(*zf.modified(entry, local.entry.extra, self._zone), problems)
        shared, budget = self._shared, self._budget
        packed, crc = entry.packed or 0, entry.crc
        size = entry.size if entry.method != _STORED or entry.size is None else packed
        if size != entry.size:
            declared = "nothing declared" if entry.size is None else f"{entry.size} bytes declared"
            detail = f"stored as {packed} bytes, {declared}"
            problems.append(Problem(ProblemKind.BAD_HEADER, entry.header, 0, detail))

        def content() -> io.RawIOBase:
            if entry.method == _STORED:
                return Window(shared, local.data, packed, problems, crc)
            window = Window(shared, local.data, packed, [])
            return Decompressed(window, _PACKINGS[entry.method], budget, problems, size, crc)

        def opened() -> BinaryIO:
            return open_member(shared, entry.header, content, size, budget.limits.memory)

        return Source(path, self._archive, size, modified, basis, opened, problems, is_absolute(entry.name))
