"""What the words of the page mean: roles, losses, causes, how sure and how well known something is. Ours alone."""

from __future__ import annotations

from typing import Final

CONFIDENCE: Final = {
    "certain": "It follows from contents, roles and documented rules, or at least two independent kinds of evidence say"
    " it; nothing speaks against it, and no clock or hole in a log leaves room for another explanation.",
    "probable": "It explains the evidence clearly better than any other reading does.",
    "possible": "Another explanation is nearly as good, or it rests on weak or unverified knowledge.",
}
ROLES: Final = {
    "active": "The clustered mailbox server runs on this node.",
    "passive": "The node is up and could take the mailbox server over; replication copies to it.",
    "down": "The machine, or its part in the cluster, is not running.",
    "unknown": "The evidence does not tell.",
}
KINDS: Final = {
    "stale_overwrite": "Newer content was replaced by older content.",
    "lost_update": "A saved change never reached the node that became active, and is not in its file.",
    "divergence": "The files of the nodes differ, and replication cannot mend it.",
    "reset": "The content was replaced by the defaults of a reinstall, or by a rebuilt file.",
}
CAUSES: Final = {
    "forced_sync": "a forced first sync, which ignores last-modified times",
    "reinstall_on_active": "a reinstallation on the active node",
    "failover_in_window": "a failover within one replication cycle of the save",
    "passive_edit": "a change made on the passive node",
    "self_rebuild": "the product made the file anew",
    "clock_skew": "the nodes' clocks differed, and replication compares their times",
    "restore": "a backup that was put back",
    "unknown": "the evidence does not tell",
}
TRIGGERS: Final = {
    "service_start": "a start of the service",
    "active_to_passive": "a move from active to passive",
    "unknown": "unknown",
}
STATUSES: Final = {
    "violation": "violated",
    "pass": "kept",
    "unknown": "unknown",
    "not_applicable": "does not apply",
}
KNOWLEDGE: Final = {
    "documented": "A page of the vendor says what this event means.",
    "inferred": "It follows from documented facts; no page says it in words.",
    "common": "Common knowledge among administrators; treated as inferred.",
    "unverified": "An analyst's own row in the profile; makes a conclusion possible at most.",
}
READ: Final = {
    "read": "Read whole.",
    "partial": "Read in part: damage is named below.",
    "failed": "Could not be read.",
    "empty": "Holds nothing.",
    "ignored": "Registered with its hash, and not interpreted.",
}
