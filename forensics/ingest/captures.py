"""A text into the case as what it captures: the status of a cluster, or a machine's `systeminfo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from forensics.case.values import sql_text
from parsers.captures.reader import TEXT_MAX, read_captures
from parsers.kinds import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from forensics.case.store import Case
    from parsers.captures.reader import Entry


def captures_in(opened: Callable[[], BinaryIO]) -> list[Entry]:
    """The lines of the captures that a text holds; none for another text. OSError where it cannot be read.

    Args:
        opened: gives the text from its start.
    """
    with opened() as stream:
        text = decode_text(stream.read(TEXT_MAX))
    return read_captures(text) if text is not None else []


def store_captures(case: Case, entries: Sequence[Entry], evidence_id: int) -> None:
    """Keep the lines of the captures in a file; part of the caller's transaction."""
    case.connection.executemany(
        "INSERT INTO captures(evidence_id, form, name, cluster_group, node, value) VALUES (?, ?, ?, ?, ?, ?)",
        [(evidence_id, str(one.form), *map(sql_text, (one.name, one.group, one.node, one.value))) for one in entries],
    )
