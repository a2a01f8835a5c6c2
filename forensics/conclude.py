"""What every ingest ends with: the conclusions, worked out anew and put into the case's tables.

`ccrf` works its answers out from the events each time; the tables are for who reads a case with other tools. So they
are whole whenever an ingest has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from forensics import __version__
from forensics.case import audit
from forensics.errors import CcrfError, one_line
from forensics.files.load import FILE_TABLES, file_evidence, forget_files, store_files
from forensics.roles.analyse import CONCLUSION_TABLES, analyse, store_roles

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.roles.analyse import Analysis


class Conclusions(NamedTuple):
    """What an ingest could conclude.

    Attributes:
        analysis: None where it failed; the tables are then empty.
        problem: one sentence on what failed, else None.
        error: the bug behind it; None where nothing failed, or where `problem` says all there is to say.
    """

    analysis: Analysis | None
    problem: str | None = None
    error: Exception | None = None


def conclude(case: Case) -> Conclusions:
    """Analyse the case and fill its tables of conclusions, in one transaction with an audit entry `analyse`.

    Evidence that was read is worth more than what is made of it: a profile that cannot be used, or evidence that the
    analysis stumbles over, is told and not raised; the tables are then empty. Where a run is killed before this one
    ends they stay as they were: the audit ends in an `ingest_end` without `analyse`; the next ingest mends it.

    Raises:
        FailedError: the case cannot be written.
    """
    problem: str | None = None
    failure: Exception | None = None
    analysis: Analysis | None = None
    try:
        with case.transaction():
            analysis = analyse(case)
            store_roles(case, analysis)
            store_files(case, file_evidence(case, analysis))
            audit.append(case, "analyse", {"version": __version__, **_counts(case)})
    except CcrfError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - an ingest that succeeded is not undone by a bug in what follows it
        problem, failure = one_line(f"{type(error).__name__}: {error}"), error
    if problem is None:
        return Conclusions(analysis)
    with case.transaction():
        for table in CONCLUSION_TABLES:
            case.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        forget_files(case)
        audit.append(case, "analyse", {"version": __version__, "failed": problem})
    return Conclusions(None, problem, failure)


def _counts(case: Case) -> dict[str, int]:
    return {
        table: case.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
        for table in (*CONCLUSION_TABLES, *FILE_TABLES)
    }
