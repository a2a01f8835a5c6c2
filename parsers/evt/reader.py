"""Reader of .evt logs, Windows NT to Server 2003."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from parsers.evt.decode import EvtBlock, read_fixed
from parsers.evt.locate import EvtHeader, Layout, locate
from parsers.evt.ring import Gap, Maimed, Run, Walk
from parsers.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EvtBlock", "EvtHeader", "EvtReader", "NotEvtError"]

# Each further problem is counted only: hostile bytes could make one of every sixty.
MAX_PROBLEMS = 10_000


class NotEvtError(ValueError):
    """The bytes are no .evt log: no file header, and no single record in them."""


class EvtReader:
    """Every record of an .evt log: the live ones from the oldest to the newest, then older ones left over in the slack.

    The order of blocks is the ring's: a wrapped log begins in the middle of the file and goes on behind the header.
    Within a block offsets rise. Leftovers are marked `recovered`; their numbers are lower than the live ones', and a
    record that the service moved when the file grew is found in both places.

    Damage it survives, and what `problems` then says:

    - a header that is older than the records (a log copied while in use): STALE_HEADER; `header` has the healed facts
    - a header that is no header: BAD_HEADER; with an end-of-file record the log is read as if the header were there,
      without one all records are leftovers
    - no end-of-file record: STALE_HEADER (dirty) or BAD_HEADER; live is what has rising numbers
    - a file that ends too early: TRUNCATED
    - damage between live records: LOST_RANGE up to the next record. A range that the ring's end cuts makes two
    - a record of which the frame (signature, size, closing size) is broken and the names are sound: BAD_RECORD; it is
      given with what is left of it

    Slack that holds no records is no loss and no problem. Gaps in the numbers of live records are no damage either,
    although the service leaves none: `EventRecord.record_number` shows them.

    Does not check that times rise, and cannot tell a record altered with care from a sound one: .evt has no checksums.

    Attributes:
        header: facts about the log as a whole.
        problems: complete when `blocks` is used up. At most 10,000; then one LIMIT says how many more there were.

    Raises:
        NotEvtError: there is neither a header nor a record.
        OSError: the stream's own, here and from `blocks`.
    """

    header: EvtHeader
    problems: list[Problem]

    def __init__(self, source: BinaryIO | bytes) -> None:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        size = stream.seek(0, io.SEEK_END)
        self._layout: Layout = locate(stream, size)
        self.header = self._layout.header
        self.problems = list(self._layout.problems)
        self._unlisted = 0
        if self.header.dirty is None and not self._has_record():
            raise NotEvtError("no .evt log: neither a file header nor a record")

    def _has_record(self) -> bool:
        ring = self._layout.ring
        return any(isinstance(piece, Run) for piece in Walk(ring, 0, ring.length))

    def blocks(self) -> Iterator[EvtBlock]:
        """Yield the log in blocks of whole records, about 1 MiB each; starts anew when called again."""
        self.problems = list(self._layout.problems)
        self._unlisted = 0
        layout = self._layout
        ring = layout.ring
        if layout.live_end is None:
            yield from self._rising()
        else:
            before: Run | Maimed | None = None
            for piece in Walk(ring, 0, layout.live_end):
                if isinstance(piece, Gap):
                    self._note_loss(piece)
                    continue
                passed = before is not None and before.position < ring.seam <= piece.position
                # A file cut between two records shows in nothing but their numbers.
                if before is not None and passed and _number(piece, 0) != _number(before, -1) + 1:
                    self._note_cut(ring.seam, ring.seam)
                yield self._block(piece)
                before = piece
            for piece in Walk(ring, layout.live_end, ring.length):
                if not isinstance(piece, Gap):
                    yield self._block(piece, recovered=True)
        if self._unlisted:
            detail = f"{self._unlisted} more problems are not listed"
            self.problems.append(Problem(ProblemKind.LIMIT, 0, 0, detail))

    def _rising(self) -> Iterator[EvtBlock]:
        """Yield all records of a log without a known end: live while the numbers rise, leftovers from then on."""
        live = True
        newest = -1
        gap: Gap | None = None
        for piece in Walk(self._layout.ring, 0, self._layout.ring.length):
            if isinstance(piece, Gap):
                gap = piece
                continue
            rising = 0
            if live:
                numbers = [read_fixed(piece.raw, start).record_number for start in _starts(piece)]
                for number in numbers:
                    if number <= newest:
                        live = False
                        break
                    rising += 1
                    # The number of a maimed record may be what is wrong with it: it must not end the live part.
                    newest = number if isinstance(piece, Run) else newest
            if rising:
                if gap is not None:
                    self._note_loss(gap)
                yield self._block(_head(piece, rising))
            if rising < len(_starts(piece)):
                yield self._block(_tail(piece, rising), recovered=True)
            gap = None

    def _block(self, piece: Run | Maimed, *, recovered: bool = False) -> EvtBlock:
        ring = self._layout.ring
        offset = ring.offset(piece.position)
        maimed = isinstance(piece, Maimed)
        if isinstance(piece, Maimed):
            length = min(len(piece.raw), ring.last - offset)
            if len(piece.raw) < piece.length:
                detail = f"{len(piece.raw)} of {piece.length} bytes of the record are left; those were read"
            else:
                detail = "signature, size and closing size of the record do not agree; it was read all the same"
            self._note(Problem(ProblemKind.BAD_RECORD, offset, length, detail))
            if not recovered:
                self._note_cut(piece.position, piece.position + piece.length)
        return EvtBlock(piece.raw, _starts(piece), offset, ring.last, recovered, maimed)

    def _note_loss(self, gap: Gap) -> None:
        ring = self._layout.ring
        seam = ring.seam
        parts = [(gap.position, gap.end)]
        if gap.position < seam < gap.end:
            parts = [(gap.position, seam), (seam, gap.end)]
        for start, end in parts:
            detail = "no record could be found among the live ones here"
            self._note(Problem(ProblemKind.LOST_RANGE, ring.offset(start), end - start, detail))
        self._note_cut(gap.position, gap.end)

    def _note_cut(self, start: int, end: int) -> None:
        """Damage at the ring's end, in a file that is shorter than its header says, is what was cut off."""
        cut = self._layout.cut
        if cut is not None and start <= self._layout.ring.seam <= end and cut not in self.problems:
            self._note(cut)

    def _note(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self._unlisted += 1


def _starts(piece: Run | Maimed) -> list[int]:
    return piece.starts if isinstance(piece, Run) else [0]


def _number(piece: Run | Maimed, which: int) -> int:
    return read_fixed(piece.raw, _starts(piece)[which]).record_number


def _head(piece: Run | Maimed, count: int) -> Run | Maimed:
    if isinstance(piece, Maimed) or count == len(piece.starts):
        return piece
    return Run(piece.position, piece.raw[: piece.starts[count]], piece.starts[:count])


def _tail(piece: Run | Maimed, count: int) -> Run | Maimed:
    if isinstance(piece, Maimed) or not count:
        return piece
    first = piece.starts[count]
    return Run(piece.position + first, piece.raw[first:], [start - first for start in piece.starts[count:]])
