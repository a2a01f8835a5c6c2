"""What a plan is made from, gathered from a case; the plan itself asks no case."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.case.values import text_from_sql
from forensics.files.analyse import analyse_evidence
from forensics.files.knowledge import Knowledge
from forensics.files.load import file_evidence
from forensics.restore.journal import case_id, ended, put_by_restores, unfinished
from forensics.roles.analyse import analyse
from forensics.roles.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forensics.case.store import Case
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory, RoleInterval


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known before a folder is looked at.

    Attributes:
        analysis, history: clocks, events, and the roles of the mailbox server's group.
        files, losses: live files and backup sets; what was lost of them.
        newest: by replicated file the latest last-modified time, raw FILETIME, of any copy that the case knows, on
            whatever node: what the product would compare.
        put: by node and replicated file the hash that an earlier restore of this case put there.
        case_id: what tells this case from others.
        unfinished: tokens of restores of this case that did not end.
        unfinished_at: the real paths of their folders.
        ended: tokens of restores of this case that ended.
    """

    analysis: Analysis
    history: RoleHistory
    files: FileEvidence
    losses: FileAnalysis
    newest: Mapping[str, int]
    put: Mapping[tuple[str, str], str]
    case_id: str
    unfinished: frozenset[str]
    unfinished_at: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()

    @property
    def cycle_seconds(self) -> int:
        """How long one replication cycle of configuration files takes."""
        return next((row.seconds for row in self.analysis.catalogue.profile.cycles if row.name == "configuration"), 30)


def ground_of(case: Case) -> Ground:
    """Everything that a plan needs of a case. Nothing is written.

    Raises:
        FailedError: the case cannot be read.
        ProfileError: its profile is bad.
    """
    analysis = analyse(case)
    history = analysis.roles()
    files = file_evidence(case, analysis, history)
    losses = analyse_evidence(files, analysis, history)
    open_ones = unfinished(case)
    return Ground(
        analysis,
        history,
        files,
        losses,
        _newest(case, analysis),
        put_by_restores(case),
        case_id(case),
        frozenset(open_ones),
        frozenset(open_ones.values()),
        ended(case),
    )


def _newest(case: Case, analysis: Analysis) -> dict[str, int]:
    knowledge = Knowledge(analysis.catalogue.profile)
    found: dict[str, int] = defaultdict(int)
    sql = "SELECT path, node, modified_filetime FROM file_versions WHERE modified_filetime IS NOT NULL ORDER BY id"
    for path, node, modified in case.rows(sql):
        match = knowledge.match(text_from_sql(path), text_from_sql(node) if node else None)
        if match is not None:
            found[match.name] = max(found[match.name], modified)
    return dict(found)


def active_at_end(history: RoleHistory) -> RoleInterval | None:
    """The interval in which a node is active at the end of its evidence; None where that is not known."""
    active = [one for one in history.intervals if one.role is Role.ACTIVE]
    last = max(active, key=lambda one: (one.end, one.start), default=None)
    if last is None or any(one.start >= last.end for one in history.intervals if one.node == last.node):
        return None
    return last
