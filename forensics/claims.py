"""What an event can claim: the vocabulary of the profile's event catalogue.

The catalogue says which event makes which claim; the analyses say what a claim is worth. A new product needs new rows,
never new words here, unless it does something that no product did before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Claim(StrEnum):
    """What an event says, of the node that logs it unless the member says otherwise."""

    # A cluster group, named by the object.
    GROUP_COMING_ONLINE = "group_coming_online"
    GROUP_ONLINE = "group_online"
    GROUP_GOING_OFFLINE = "group_going_offline"
    GROUP_OFFLINE = "group_offline"
    GROUP_FAILED = "group_failed"
    # The mailbox server's group, whatever its name.
    ACTIVE = "active"
    ACTIVE_ENDED = "active_ended"
    PASSIVE = "passive"
    FORCED_SYNC = "forced_sync"
    COPY_SKIPPED = "copy_skipped"
    SEEDING_COMPLETE = "seeding_complete"
    HANDOFF = "handoff"
    # Machine and membership.
    UP = "up"
    BOOT = "boot"
    SHUTDOWN = "shutdown"
    UNEXPECTED_SHUTDOWN = "unexpected_shutdown"
    RESTART_REQUEST = "restart_request"
    SHUTDOWN_REASON = "shutdown_reason"
    FORMED = "formed"
    JOINED = "joined"
    DOWN = "down"
    NODE_REMOVED = "node_removed"  # the object is the node that is down, not the one that logs it
    # Clocks.
    TIME_DIFFERENCE = "time_difference"
    TIME_CHANGE = "time_change"
    CLOCK_SOURCE = "clock_source"
    COPIES_DROPPED = "copies_dropped"
    # Product and store.
    INSTALL = "install"
    INSTALL_FAILED = "install_failed"
    REMOVAL = "removal"
    REMOVAL_FAILED = "removal_failed"
    RECONFIGURED = "reconfigured"
    UPDATED = "updated"
    SERVICE_STATE = "service_state"
    SERVICE_START = "service_start"
    SERVICE_STOP = "service_stop"
    BACKUP_MADE = "backup_made"
    RESEED_FAILED = "reseed_failed"
    STORE_START_FAILED = "store_start_failed"
    VIRUS_SCAN_ERROR = "virus_scan_error"
    RESOURCE_FAILED = "resource_failed"
    CHECKPOINT_FAILURE = "checkpoint_failure"
    CRYPTO_CHECKPOINT_FAILURE = "crypto_checkpoint_failure"
    ENGINE_UPDATE_FAILURE = "engine_update_failure"
    SCAN_FAILURE = "scan_failure"
    STATISTICS = "statistics"
    SESSION = "session"
    # Known to exist, and not known what it says.
    UNINTERPRETED = "uninterpreted"


GROUP_CLAIMS: Final = frozenset(
    {
        Claim.GROUP_COMING_ONLINE,
        Claim.GROUP_ONLINE,
        Claim.GROUP_GOING_OFFLINE,
        Claim.GROUP_OFFLINE,
        Claim.GROUP_FAILED,
    }
)
"""Claims whose object is the name of a cluster group."""

PASSIVE_CLAIMS: Final = frozenset({Claim.PASSIVE, Claim.FORCED_SYNC, Claim.COPY_SKIPPED, Claim.SEEDING_COMPLETE})
"""Claims that only a passive node makes: it is the destination of the copies."""

ROLE_CLAIMS: Final = GROUP_CLAIMS | PASSIVE_CLAIMS | {Claim.ACTIVE, Claim.ACTIVE_ENDED, Claim.HANDOFF}
"""Claims that only a node makes: a computer name without any of them may be an alias."""
