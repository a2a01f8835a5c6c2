"""From a case to role histories, and the histories into its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.values import json_text
from forensics.catalogue import catalogue_of
from forensics.clocks.estimate import estimate
from forensics.gather import gather
from forensics.roles.groups import group_names
from forensics.roles.history import all_histories, group_history, mailbox_history
from parsers.times import iso_utc

if TYPE_CHECKING:
    from forensics.case.store import Case
    from forensics.catalogue import Catalogue
    from forensics.clocks.timeline import Clocks
    from forensics.observations import Evidence
    from forensics.roles.model import RoleHistory

CONCLUSION_TABLES: Final = ("role_intervals", "role_transitions", "role_conflicts", "clock_offsets")
"""The tables of the case that `store_roles` fills."""


class Analysis(NamedTuple):
    """What the conclusions of a case rest on: `evidence` and `clocks` are shared by all of them."""

    catalogue: Catalogue
    evidence: Evidence
    clocks: Clocks

    @property
    def well_known(self) -> tuple[str, ...]:
        """Names of groups that say nothing of the mailbox server."""
        return tuple(row.name for row in self.catalogue.profile.cluster_groups)

    def roles(self) -> RoleHistory:
        """The role history of the clustered mailbox server's group."""
        return mailbox_history(self.evidence, self.clocks, self.well_known)

    def roles_of(self, group: str) -> RoleHistory | None:
        """The role history of a group by its name, without case; None for one that no event names."""
        return group_history(self.evidence, self.clocks, self.well_known, group)

    def all_roles(self) -> list[RoleHistory]:
        """The role histories of all groups, by name."""
        return all_histories(self.evidence, self.clocks, self.well_known)


def analyse(case: Case) -> Analysis:
    """Gather what the case's events claim, and set the nodes' clocks against each other. Nothing is written.

    Raises:
        ProfileError: the case's profile is bad.
        FailedError: the case cannot be read.
    """
    catalogue = catalogue_of(case)
    evidence = gather(case, catalogue)
    return Analysis(catalogue, evidence, estimate(evidence, group_names(evidence.observations)))


def store_roles(case: Case, analysis: Analysis) -> None:
    """Put the role histories of all groups into the case's tables, in place of what is there.

    The mailbox server's group comes first, so that the ids of its rows are the numbers of its conclusions (`role:3`).
    Part of the caller's transaction, else one of its own.
    """
    if not case.connection.in_transaction:
        with case.transaction():
            store_roles(case, analysis)
        return
    first = analysis.roles()
    every = [] if first.group is None else analysis.all_roles()
    histories = [first, *(history for history in every if history.group != first.group)]
    for table in CONCLUSION_TABLES:
        case.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    for history in histories:
        _store_history(case, history)
    for offset in first.clock_offsets:
        row = (
            offset.node,
            offset.reference,
            offset.seconds,
            offset.uncertainty,
            offset.pairs,
            iso_utc(offset.since),
            iso_utc(offset.until),
            json_text(list(offset.evidence)),
            offset.why,
        )
        case.connection.execute(
            "INSERT INTO clock_offsets(node, reference, seconds, uncertainty, pairs, since, until, evidence, why)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )


def _store_history(case: Case, history: RoleHistory) -> None:
    case.connection.executemany(
        "INSERT INTO role_intervals(cluster_group, node, role, start, end, confidence, evidence, contradicted_by, why)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                history.group,
                one.node,
                one.role,
                iso_utc(one.start),
                iso_utc(one.end),
                one.confidence,
                json_text(list(one.evidence)),
                json_text(list(one.contradicted_by)),
                one.why,
            )
            for one in history.intervals
        ],
    )
    case.connection.executemany(
        "INSERT INTO role_transitions(cluster_group, from_node, to_node, earliest, time, latest, confidence, evidence,"
        " contradicted_by, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                history.group,
                one.from_node,
                one.to_node,
                iso_utc(one.earliest),
                iso_utc(one.time),
                iso_utc(one.latest),
                one.confidence,
                json_text(list(one.evidence)),
                json_text(list(one.contradicted_by)),
                one.why,
            )
            for one in history.transitions
        ],
    )
    case.connection.executemany(
        "INSERT INTO role_conflicts(cluster_group, start, end, nodes, evidence, why) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                history.group,
                iso_utc(one.start),
                iso_utc(one.end),
                json_text(list(one.nodes)),
                json_text(list(one.evidence)),
                one.why,
            )
            for one in history.conflicts
        ],
    )
