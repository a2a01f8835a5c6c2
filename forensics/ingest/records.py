"""Which reader reads which kind of evidence that holds records of its own: values, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from forensics.ingest.checkpoint_listings import read_checkpoint_listing
from forensics.ingest.registry import RecordsAccount, read_registry_export, read_registry_hive
from parsers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forensics.case.store import Case
    from forensics.registry_keys import RegistryKeys

RECORD_READERS: Final[Mapping[Kind, Callable[[Case, BinaryIO, int, str, RegistryKeys], RecordsAccount]]] = {
    Kind.REGISTRY_HIVE: read_registry_hive,
    Kind.REGISTRY_EXPORT: read_registry_export,
    Kind.CHECKPOINT_LISTING: read_checkpoint_listing,
}
"""Kind -> a reader of the case, the stream, the evidence's id and path, and which registry keys matter."""
