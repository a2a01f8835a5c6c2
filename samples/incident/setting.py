"""What an incident is made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from samples.incident.clock import filetime

SYSTEMS = ("2003", "2008")
COPIES_KEEP, COPIES_RECEIVE = "origin", "receiver"


class ClockStep(NamedTuple):
    """A clock that is set: so many hours after the start, of the node at this place, by so many seconds."""

    hours: float
    node: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What machines, their clocks and their logs are made from.

    Attributes:
        scenario: name of a scenario.
        system: "2003" or "2008": Windows Server, and so the form of the logs.
        seed: the rest of what is decided by chance.
        start: true time of the first boot, FILETIME.
        node_names: the nodes, in upper case, in the order in which they boot.
        cluster: name of the cluster.
        domain: DNS domain of the nodes.
        skew_seconds: how far a clock may be off, either way.
        noise_seconds: mean time between two pieces of background noise on a node.
        dropped_copies: share of event-log entries that are not copied to the other nodes (2003).
        drift_ppm: how much each node's clock gains on true time, in millionths; of nodes without a number nothing.
        clock_steps: when clocks are set. Server 2008 logs it (Kernel-General 1), Server 2003 does not.
        security_log: there is a Security log, with 520 or 4616 where a clock was set, and nothing else.
        copy_times: "origin" or "receiver": by whose clock a copied entry was generated (2003).
        join_differences: a node that joins logs the difference of the clocks (2003, 1202).
        lower_case: computer names in the logs are in lower case.
    """

    scenario: str
    system: str
    seed: int
    start: int = filetime(datetime(2008, 1, 7, 6, tzinfo=UTC))
    node_names: tuple[str, ...] = ("EXNODE1", "EXNODE2")
    cluster: str = "EXCLUSTER"
    domain: str = "contoso.local"
    skew_seconds: float = 60
    noise_seconds: float = 1500
    dropped_copies: float = 0.02
    drift_ppm: tuple[int, ...] = ()
    clock_steps: tuple[ClockStep, ...] = ()
    security_log: bool = False
    copy_times: str = COPIES_KEEP
    join_differences: bool = True
    lower_case: bool = False


@dataclass(frozen=True, slots=True)
class Setting(Rules):
    """Everything that an incident of a two-node CCR cluster is made from. Equal settings, equal incidents.

    The first of the two nodes is active first.

    Attributes:
        cms: name of the clustered mailbox server, which is that of its group too.
        backup_scheme: how backup sets are named; None: one is chosen.
        forced_first_sync: the first sync of a passive node after its installation ignores times (9410).
        degraded: what is missing or wrong in the logs: names in `degrade.DEGRADATIONS`.
        degraded_files: the same of files and backup sets: names in `degrade_files.FILE_DEGRADATIONS`.
    """

    cms: str = "CMS1"
    backup_scheme: str | None = None
    forced_first_sync: bool = False
    degraded: tuple[str, ...] = ()
    degraded_files: tuple[str, ...] = ()
