r"""The case's record of what was done to it, as a chain of hashes.

Row n holds the hash of row n - 1 and its own: SHA-256, in hex, over the ASCII bytes of the JSON array
`[previous_hash, id, time, action, detail]`, compact (no spaces), characters beyond ASCII as `\uXXXX`; `detail` is in it
as the text that the row holds, itself JSON with sorted keys. Row 1 follows the hash of 64 zeros. The last hash stands a
second time in `settings`, so that rows missing at the end are noticed.

It shows changes by whoever does not know of the chain. Who does can compute a new one: against that, note the last hash
elsewhere (a ticket, a bundle) and compare.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from parsers.times import filetime_from_datetime, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from forensics.case.store import Case

GENESIS: Final = "0" * 64
_HEAD: Final = "audit_head"


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """A place at which the chain does not fit. `id`: the row, None for the end of the chain; `reason`: a sentence."""

    id: int | None
    reason: str


def utc_now() -> datetime:
    """The clock of the machine, aware, in UTC."""
    return datetime.now(UTC)


def append(case: Case, action: str, detail: Mapping[str, Any], *, clock: Callable[[], datetime] = utc_now) -> str:
    """Add a row and return its hash; part of the caller's transaction, else one of its own.

    Args:
        case: open for writing.
        action: one word, such as `ingest`.
        detail: what was done; anything that JSON can say, without NaN.
        clock: gives an aware datetime.

    Raises:
        TypeError, ValueError: `detail` is no JSON, or the clock is naive.
        FailedError: the case cannot be written.
    """
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"), allow_nan=False)
    time = iso_utc(filetime_from_datetime(clock()))
    if case.connection.in_transaction:
        return _append(case, time, action, text)
    with case.transaction():
        return _append(case, time, action, text)


def _append(case: Case, time: str | None, action: str, detail: str) -> str:
    last = next(case.rows("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1"), None)
    row_id, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
    own = row_hash(previous, row_id, time, action, detail)
    with case.plain_errors():
        case.connection.execute(
            "INSERT INTO audit(id, time, action, detail, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?)",
            (row_id, time, action, detail, previous, own),
        )
    case.set_setting(_HEAD, own)
    return own


def row_hash(previous_hash: object, row_id: object, time: object, action: object, detail: object) -> str:
    """The hash of a row, as the module's text defines it; TypeError for a value that no audit row has (bytes)."""
    text = json.dumps([previous_hash, row_id, time, action, detail], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def last_hash(case: Case) -> str:
    """The hash of the last row, `GENESIS` where there is none."""
    row = next(case.rows("SELECT hash FROM audit ORDER BY id DESC LIMIT 1"), None)
    return str(row[0]) if row else GENESIS


def check_chain(case: Case) -> list[ChainBreak]:
    """Every row that was altered, added or is missing; [] when the chain is whole.

    After a break the check goes on from what the row states, so each break is told once.
    """
    return list(_breaks(case))


def _breaks(case: Case) -> Iterator[ChainBreak]:
    expected_id, previous = 1, GENESIS
    for row_id, time, action, detail, stated_previous, stated in case.rows(
        "SELECT id, time, action, detail, previous_hash, hash FROM audit ORDER BY id"
    ):
        if row_id != expected_id:
            yield ChainBreak(row_id, f"row {expected_id} should stand here: rows are missing or were renumbered")
        elif stated_previous != previous:
            yield ChainBreak(row_id, "it does not follow the row before it")
        try:
            own = row_hash(stated_previous, row_id, time, action, detail)
        except TypeError:
            own = None
        if own != stated:
            yield ChainBreak(row_id, "it was altered: its hash is not that of its content")
        expected_id, previous = row_id + 1, stated
    head = case.setting(_HEAD)
    if (head or GENESIS) != previous:
        yield ChainBreak(None, "the last row is not the one that was written last: rows are missing or were added")
