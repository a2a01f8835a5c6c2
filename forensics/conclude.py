"""What every ingest ends with: the conclusions, worked out anew and put into the case's tables.

`ccrf` works its answers out from the evidence each time; the tables are for who reads a case with other tools. So they
are whole whenever an ingest has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from forensics import __version__
from forensics.case import audit
from forensics.checkpoints.analyse import CHECKPOINT_TABLES, find_checkpoints, forget_checkpoints, store_checkpoints
from forensics.checks.analyse import check_guidelines
from forensics.checks.load import CHECK_TABLES, forget_checks, material_of, store_checks
from forensics.errors import CcrfError, one_line
from forensics.files.analyse import analyse_evidence
from forensics.files.load import FILE_TABLES, file_evidence, forget_files, store_files
from forensics.files.losses_table import LOSS_TABLES, forget_losses, store_losses
from forensics.roles.analyse import CONCLUSION_TABLES, analyse, store_roles

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.checks.model import Check
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence
    from forensics.roles.analyse import Analysis


class Conclusions(NamedTuple):
    """What an ingest could conclude. What failed is None, and its tables are empty.

    Attributes:
        analysis: who was active when; the others need it.
        files: the live files and backup sets.
        losses: what was lost of them.
        checkpoints: those of the cluster, stale or needed.
        checks: the guidelines.
        problem: one sentence on what failed, else None.
        error: the bug behind it; None where nothing failed, or where `problem` says all there is to say.
    """

    analysis: Analysis | None
    files: FileEvidence | None = None
    losses: FileAnalysis | None = None
    problem: str | None = None
    error: Exception | None = None
    checkpoints: tuple[Checkpoint, ...] | None = None
    checks: tuple[Check, ...] | None = None


def conclude(case: Case) -> Conclusions:
    """Analyse the case and fill its tables of conclusions, in one transaction with an audit entry `analyse`.

    Evidence that was read is worth more than what is made of it: a profile that cannot be used, or evidence that the
    analysis stumbles over, is told and not raised, and what does not need the failed part is concluded all the same.
    Where a run is killed before this one ends the tables stay as they were: the audit ends in an `ingest_end` without
    `analyse`; the next ingest mends it.

    Raises:
        FailedError: the case cannot be written.
    """
    try:
        with case.transaction():
            analysis = analyse(case)
            store_roles(case, analysis)
            done = _with_checks(case, _with_checkpoints(case, _with_files(case, analysis)))
            failed = {} if done.problem is None else {"failed": done.problem}
            audit.append(case, "analyse", {"version": __version__, **_counts(case), **failed})
            return done
    except CcrfError as error:
        problem, failure = str(error), None
    except Exception as error:  # noqa: BLE001 - an ingest that succeeded is not undone by a bug in what follows it
        problem, failure = _named(error), error
    with case.transaction():
        for table in CONCLUSION_TABLES:
            case.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        _forget(case)
        audit.append(case, "analyse", {"version": __version__, "failed": problem})
    return Conclusions(None, problem=problem, error=failure)


def _with_files(case: Case, analysis: Analysis) -> Conclusions:
    """The conclusions on files, into the tables too. What fails here leaves the roles as they are."""
    files: FileEvidence | None = None
    losses: FileAnalysis | None = None
    problem: str | None = None
    failure: Exception | None = None
    try:
        history = analysis.roles()
        files = file_evidence(case, analysis, history)
        losses = analyse_evidence(files, analysis, history)
    except CcrfError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - see `conclude`
        problem, failure = _named(error), error
    _forget(case)
    if files is not None:
        store_files(case, files)
    if losses is not None:
        store_losses(case, losses)
    return Conclusions(analysis, files, losses, problem, failure)


def _with_checkpoints(case: Case, done: Conclusions) -> Conclusions:
    """The conclusions on checkpoints, into the table too. What fails here leaves the others as they are."""
    forget_checkpoints(case)
    if done.analysis is None:
        return done
    try:
        found = find_checkpoints(case, done.analysis, done.analysis.roles().nodes)
    except CcrfError as error:
        return done._replace(problem=done.problem or str(error))
    except Exception as error:  # noqa: BLE001 - see `conclude`
        return done._replace(problem=done.problem or _named(error), error=done.error or error)
    store_checkpoints(case, found)
    return done._replace(checkpoints=found)


def _with_checks(case: Case, done: Conclusions) -> Conclusions:
    """The checks of the guidelines, into the table too. What fails here leaves the others as they are."""
    forget_checks(case)
    if done.analysis is None:
        return done
    try:
        material = material_of(case, done.analysis, done.analysis.roles(), done.files, done.losses, done.checkpoints)
        found = check_guidelines(material)
    except CcrfError as error:
        return done._replace(problem=done.problem or str(error))
    except Exception as error:  # noqa: BLE001 - see `conclude`
        return done._replace(problem=done.problem or _named(error), error=done.error or error)
    store_checks(case, found)
    return done._replace(checks=found)


def _forget(case: Case) -> None:
    forget_files(case)
    forget_losses(case)
    forget_checkpoints(case)
    forget_checks(case)


def _named(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def _counts(case: Case) -> dict[str, int]:
    return {
        table: case.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
        for table in (*CONCLUSION_TABLES, *FILE_TABLES, *LOSS_TABLES, *CHECKPOINT_TABLES, *CHECK_TABLES)
    }
