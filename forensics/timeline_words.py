"""What claims are called in a sentence, for events of which the evidence holds no rendered text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Sequence

# With the object that the event names, and without.
_SENTENCES: Final[dict[Claim, tuple[str, str]]] = {
    Claim.GROUP_COMING_ONLINE: ("The group {} is being brought online", "A group is being brought online"),
    Claim.GROUP_ONLINE: ("The group {} is online", "A group is online"),
    Claim.GROUP_GOING_OFFLINE: ("The group {} is being taken offline", "A group is being taken offline"),
    Claim.GROUP_OFFLINE: ("The group {} is offline", "A group is offline"),
    Claim.GROUP_FAILED: ("The group {} did not get fully online or offline", "A group did not get online or offline"),
    Claim.ACTIVE: ("{} is mounted: the node is active", "The store runs: the node is active"),
    Claim.ACTIVE_ENDED: ("{} is dismounted", "A database is dismounted"),
    Claim.PASSIVE: ("{} is copied: the node is passive", "Logs are copied: the node is passive"),
    Claim.FORCED_SYNC: ("{}: a first sync that ignores times", "A first sync that ignores last-modified times"),
    Claim.COPY_SKIPPED: (
        "{} was not copied: the source is not newer",
        "A file was not copied: its source is not newer",
    ),
    Claim.SEEDING_COMPLETE: ("The initial replication is complete ({})", "The initial replication is complete"),
    Claim.HANDOFF: ("The mailbox server was handed over ({})", "The mailbox server was handed over"),
    Claim.UP: ("The machine is up ({})", "The machine is up"),
    Claim.BOOT: ("The machine started ({})", "The machine started"),
    Claim.SHUTDOWN: ("The machine was shut down ({})", "The machine was shut down"),
    Claim.UNEXPECTED_SHUTDOWN: ("The last shutdown was unexpected ({})", "The last shutdown was unexpected"),
    Claim.RESTART_REQUEST: ("A restart or shutdown was asked for: {}", "A restart or shutdown was asked for"),
    Claim.SHUTDOWN_REASON: ("A reason was given for a shutdown: {}", "A reason was given for a shutdown"),
    Claim.FORMED: ("The node formed the cluster {}", "The node formed the cluster"),
    Claim.JOINED: ("The node joined the cluster {}", "The node joined the cluster"),
    Claim.DOWN: ("The cluster service stopped: {}", "The cluster service stopped on this node"),
    Claim.NODE_REMOVED: ("The node {} was removed from the membership", "A node was removed from the membership"),
    Claim.TIME_DIFFERENCE: ("The clocks differ: {}", "The clocks of two nodes differ"),
    Claim.TIME_CHANGE: ("The clock was set: {}", "The clock was set"),
    Claim.CLOCK_SOURCE: ("The clock follows {}", "The clock follows another source"),
    Claim.COPIES_DROPPED: (
        "Copies of log entries were dropped: {}",
        "Copies of log entries to other nodes were dropped",
    ),
    Claim.INSTALL: ("{} was installed", "A product was installed"),
    Claim.INSTALL_FAILED: ("The installation of {} failed", "An installation failed"),
    Claim.REMOVAL: ("{} was removed", "A product was removed"),
    Claim.REMOVAL_FAILED: ("The removal of {} failed", "A removal failed"),
    Claim.RECONFIGURED: ("{} was reconfigured", "A product was reconfigured"),
    Claim.UPDATED: ("{} was updated", "A product was updated"),
    Claim.SERVICE_STATE: ("The service {} changed its state", "A service changed its state"),
    Claim.SERVICE_START: ("{} started", "The service started"),
    Claim.SERVICE_STOP: ("{} stopped", "The service stopped"),
    Claim.BACKUP_MADE: ("A backup was made: {}", "A backup was made"),
    Claim.RESEED_FAILED: ("An incremental reseed of {} failed", "An incremental reseed failed"),
    Claim.STORE_START_FAILED: ("{} could not be started", "A storage group or database could not be started"),
    Claim.VIRUS_SCAN_ERROR: ("The virus scanner of the store failed: {}", "The virus scanner of the store failed"),
    Claim.RESOURCE_FAILED: ("The resource {} failed", "A resource failed"),
    Claim.CHECKPOINT_FAILURE: (
        "A registry checkpoint of {} could not be restored",
        "A registry checkpoint could not be restored",
    ),
    Claim.CRYPTO_CHECKPOINT_FAILURE: (
        "A crypto checkpoint of {} could not be restored",
        "A crypto checkpoint could not be restored",
    ),
    Claim.ENGINE_UPDATE_FAILURE: ("An engine update failed: {}", "An engine update failed"),
    Claim.SCAN_FAILURE: ("Scanning is not in order: {}", "Scanning is not in order"),
    Claim.STATISTICS: ("Statistics: {}", "Statistics"),
    Claim.SESSION: ("A terminal-server session of {}", "A terminal-server session"),
    Claim.UNINTERPRETED: ("{}: what this event says is not known", "What this event says is not known"),
}


def sentence(claim: Claim, named: str | None, strings: Sequence[str | None]) -> str:
    """What an event says, in a few words of our own, then its insertion strings but for the one that is named.

    The words are those of the claim, not of the event: its own text is in the message file of its source.
    """
    with_name, without = _SENTENCES[claim]
    rest = "; ".join(text for text in strings if text and text != named)
    return (with_name.replace("{}", named) if named else without) + (f": {rest}" if rest else "")
