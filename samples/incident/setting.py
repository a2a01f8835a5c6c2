"""What an incident is made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from samples.incident.clock import filetime

SYSTEMS = ("2003", "2008")


class ClockStep(NamedTuple):
    """A clock that is set: so many hours after the start, of the first or second node (0, 1), by so many seconds."""

    hours: float
    node: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that a simulation is made from. Equal settings, equal incidents.

    Attributes:
        scenario: name of a scenario.
        system: "2003" or "2008": Windows Server, and so the form of the logs.
        seed: the rest of what is decided by chance.
        start: true time of the first boot, FILETIME.
        node_names: the two nodes, in upper case; the first is active first.
        cms: name of the clustered mailbox server, which is that of its group too.
        cluster: name of the cluster.
        domain: DNS domain of the nodes.
        skew_seconds: how far a clock may be off, either way.
        noise_seconds: mean time between two pieces of background noise on a node.
        dropped_copies: share of event-log entries that are not copied to the other node (2003).
        backup_scheme: how backup sets are named; None: one is chosen.
        drift_ppm: how much each node's clock gains on true time, in millionths.
        clock_steps: when clocks are set. Server 2008 logs it (Kernel-General 1), Server 2003 does not.
        security_log: there is a Security log, with 520 or 4616 where a clock was set, and nothing else.
        copy_times: "origin" or "receiver": by whose clock a copied entry was generated (2003).
        join_differences: a node that joins logs the difference of the clocks (2003, 1202).
        forced_first_sync: the first sync of a passive node after its installation ignores times (9410).
        lower_case: computer names in the logs are in lower case.
        degraded: what is missing or wrong in the evidence: names in `degrade.DEGRADATIONS`.
    """

    scenario: str
    system: str
    seed: int
    start: int = filetime(datetime(2008, 1, 7, 6, tzinfo=UTC))
    node_names: tuple[str, str] = ("EXNODE1", "EXNODE2")
    cms: str = "CMS1"
    cluster: str = "EXCLUSTER"
    domain: str = "contoso.local"
    skew_seconds: float = 60
    noise_seconds: float = 1500
    dropped_copies: float = 0.02
    backup_scheme: str | None = None
    drift_ppm: tuple[int, int] = (0, 0)
    clock_steps: tuple[ClockStep, ...] = ()
    security_log: bool = False
    copy_times: str = "origin"
    join_differences: bool = True
    forced_first_sync: bool = False
    lower_case: bool = False
    degraded: tuple[str, ...] = ()
