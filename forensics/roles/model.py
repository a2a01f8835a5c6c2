"""Conclusions on roles: intervals, transitions, conflicts. Times are FILETIME on the reference clock.

The reference clock is that of the first node by name. Field names are the contract's, but for `from_node`, `to_node`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a node is for a group. `unknown`: the evidence does not tell."""

    ACTIVE = "active"
    PASSIVE = "passive"
    DOWN = "down"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """The contract's words."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class RoleInterval:
    """One node in one role. `id` is `role:<n>`; intervals of a node follow each other without gap or overlap."""

    id: str
    node: str
    role: Role
    start: int
    end: int
    confidence: Confidence
    evidence: tuple[str, ...]
    contradicted_by: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class RoleTransition:
    """One move of the group. `id` is `transition:<n>`, in the order of time.

    Attributes:
        from_node, to_node: None only where no other node is known to have been, or to have become, active.
        earliest: the last moment at which `from_node` can still have been active.
        time: when `to_node` came online.
        latest: the first proof that it is active.
    """

    id: str
    from_node: str | None
    to_node: str | None
    earliest: int
    time: int
    latest: int
    confidence: Confidence
    evidence: tuple[str, ...]
    contradicted_by: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class RoleConflict:
    """A time in which more than one node claims to be active. `id` is `conflict:<n>`."""

    id: str
    start: int
    end: int
    nodes: tuple[str, ...]
    evidence: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What must be added to a node's times to get the reference's, and how far that may be wrong, in seconds.

    `since` and `until` are FILETIME on the node's own clock where it was stepped, else None. A span that is not bounded
    on both sides has no row.
    """

    node: str
    reference: str
    seconds: float
    uncertainty: float
    pairs: int
    evidence: tuple[str, ...]
    why: str
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class RoleHistory:
    """What is concluded of one group. `group` is None where no event names the group; `nodes` are sorted."""

    group: str | None
    nodes: tuple[str, ...]
    clock_offsets: tuple[ClockOffset, ...]
    intervals: tuple[RoleInterval, ...]
    transitions: tuple[RoleTransition, ...]
    conflicts: tuple[RoleConflict, ...]
    why: str
