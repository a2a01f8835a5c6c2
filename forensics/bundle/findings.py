"""What a case concludes, as files: the JSON and CSV that the commands print, and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.checkpoints.analyse import find_checkpoints
from forensics.checkpoints.plain import plain_checkpoint
from forensics.checks.analyse import check_guidelines
from forensics.checks.load import material_of
from forensics.checks.plain import plain_check
from forensics.conclude import Conclusions
from forensics.files.analyse import analyse_evidence
from forensics.files.load import file_evidence
from forensics.files.losses_plain import plain_finding
from forensics.files.plain import plain_set
from forensics.forms import csv_lines, json_rows, json_text
from forensics.report.make import report_html
from forensics.roles.analyse import analyse
from forensics.roles.plain import plain
from forensics.timeline import timeline
from forensics.timeline_files import file_rows
from forensics.timeline_plain import TIMELINE_FIELDS, plain_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.case.store import Case


def finding_files(case: Case) -> Iterator[tuple[str, Iterable[str]]]:
    """Name and text, in pieces, of each file of findings; each is to be taken before the next one is asked for.

    Raises:
        FailedError: the case cannot be read.
        ProfileError: its profile cannot be used.
    """
    analysis = analyse(case)
    history = analysis.roles()
    evidence = file_evidence(case, analysis, history)
    losses = analyse_evidence(evidence, analysis, history)
    yield "findings/roles.json", (json_text(plain(history), indent=2), "\n")
    yield "findings/overwrites.json", json_rows(map(plain_finding, losses.in_place))
    yield "findings/backups.json", json_rows(plain_set(one, losses.recommended) for one in evidence.sets)
    checkpoints = find_checkpoints(case, analysis, history.nodes)
    yield "findings/checkpoints.json", json_rows(map(plain_checkpoint, checkpoints))
    checks = check_guidelines(material_of(case, analysis, history, evidence, losses, checkpoints))
    yield "findings/check.json", json_rows(map(plain_check, checks))
    files = list(file_rows(losses, evidence, analysis.clocks))
    page = report_html(case, Conclusions(analysis, evidence, losses, checkpoints=checkpoints))
    yield "report.html", (page.decode("utf-8"),)
    rows = timeline(case, analysis, [history], also=files)
    yield "timeline.csv", csv_lines(map(plain_row, rows), TIMELINE_FIELDS)
