"""Which reader reads which kind of evidence as events: the one table that ingest looks into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from parsers.clusterlog.reader import ClusterLogReader, NotClusterLogError, UndatedClusterLogError
from parsers.evt.reader import EvtReader, NotEvtError
from parsers.evtx.reader import EvtxReader, NotEvtxError
from parsers.exports.reader import open_export
from parsers.exports.table import NotATableError
from parsers.kinds import Kind
from parsers.programlog.reader import NotProgramLogError, ProgramLogReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from parsers.records import LogReader


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader may need to know beside the bytes.

    Attributes:
        path: logical path of the evidence.
        size: bytes of it.
        modified: FILETIME of its last change, where that is known.
        source_tz: the zone of times that are written without one, as the analyst says; None: nothing was said, so that
            a reader takes UTC and puts `assumed_tz` among its `facts`.
    """

    path: str
    size: int
    modified: int | None = None
    source_tz: tzinfo | None = None


# A reader may have `facts`, a mapping that is complete when its blocks are used up: it goes into the evidence's row.
READERS: Final[Mapping[Kind, Callable[[BinaryIO, ReadContext], LogReader]]] = {
    Kind.EVT: lambda stream, _: EvtReader(stream),
    Kind.EVTX: lambda stream, _: EvtxReader(stream),
    Kind.EVENT_EXPORT: lambda stream, context: open_export(stream, context.source_tz, context.modified),
    Kind.CLUSTER_LOG: lambda stream, _: ClusterLogReader(stream),
    Kind.PROGRAM_LOG: lambda stream, context: ProgramLogReader(stream, context.source_tz),
}

# What a reader raises, when it is made or while it frames, for a file in which there is nothing of its format.
NOT_READABLE: Final = (NotATableError, NotClusterLogError, NotEvtError, NotEvtxError, NotProgramLogError)

# Of these, what it raises for a form of its format that is not read.
NOT_SUPPORTED: Final = (UndatedClusterLogError,)

# Kinds whose records may not name their log: it is told from their sources, else from the file's name.
NAMELESS: Final = frozenset({Kind.EVT, Kind.EVENT_EXPORT})
