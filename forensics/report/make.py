"""The report of a case in one call, for the command line and for bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.conclude import Conclusions
from forensics.files.analyse import analyse_evidence
from forensics.files.load import file_evidence
from forensics.report.gather import gather
from forensics.report.render import render
from forensics.roles.analyse import analyse

if TYPE_CHECKING:
    from forensics.case.store import Case


def report_html(case: Case, done: Conclusions | None = None) -> bytes:
    """The page of a case, UTF-8. Nothing is written; the same case gives the same bytes.

    Args:
        case: ingested and finished.
        done: its conclusions, where they are at hand; else they are worked out.

    Raises:
        FailedError: the case cannot be read.
        ProfileError: the case's profile is bad.
    """
    if done is None:
        analysis = analyse(case)
        history = analysis.roles()
        files = file_evidence(case, analysis, history)
        done = Conclusions(analysis, files, analyse_evidence(files, analysis, history))
    return render(gather(case, done))
