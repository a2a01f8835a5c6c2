"""One export: its lines, counted against what the case says it holds. Rows in equal rows out, or there is no export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forensics.case.search import EventFilter, count_events
from forensics.errors import FailedError
from forensics.export import bodyfile
from forensics.export.forms import ExportForm
from forensics.export.l2tcsv import l2t_lines
from forensics.export.rows import ExportRow, counts, rows
from forensics.export.timesketch import timesketch_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.store import Case


@dataclass(slots=True)
class ExportAccount:
    """What an export holds; complete when its lines are used up.

    Attributes:
        found: rows that the case has, by kind.
        written: rows that went out.
        timeless: of these without a time.
        left_out: events that this form has no place for, or that were not wanted.
    """

    found: dict[str, int] = field(default_factory=dict)
    written: int = 0
    timeless: int = 0
    left_out: int = 0


def export_lines(case: Case, form: ExportForm, account: ExportAccount, *, duplicates: bool = True) -> Iterator[str]:
    """The lines of an export, each ending in a line feed; all of one state of the case.

    Streams: what is held at a time does not grow with the number of events.

    Args:
        case: open for reading.
        form: what to write.
        account: is filled.
        duplicates: also events that are another one once more.

    Raises:
        FailedError: the case cannot be read, or not as many rows went out as it has.
    """
    with case.plain_errors():
        case.connection.execute("BEGIN")
    try:
        total = count_events(case, EventFilter(duplicates=True))
        if form is ExportForm.BODYFILE:
            account.found, timeless = bodyfile.counts(case), [0]
            for line in bodyfile.body_lines(case, timeless):
                account.written += 1
                yield line
            account.timeless, account.left_out = timeless[0], total
        else:
            account.found = counts(case, duplicates=duplicates)
            account.left_out = total - account.found["event"]
            xml = form is ExportForm.TIMESKETCH
            lines = timesketch_lines if xml else l2t_lines
            yield from lines(_counted(rows(case, duplicates=duplicates, xml=xml), account))
    finally:
        if case.connection.in_transaction:
            case.connection.execute("ROLLBACK")
    if account.written != sum(account.found.values()):
        raise FailedError(
            f"{case.path} holds {sum(account.found.values())} rows and {account.written} went out, so the export is not"
            " whole: 'ccrf verify' tells whether the case is damaged"
        )


def _counted(items: Iterator[ExportRow], account: ExportAccount) -> Iterator[ExportRow]:
    for row in items:
        account.written += 1
        account.timeless += row.time is None
        yield row
