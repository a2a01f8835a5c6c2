"""The events that the simulation logs, and how each system writes them.

Ids, sources and strings are those known to be documented or common; where the insertion strings of an event are not
known it is logged with none. High words (`Qualifiers`) come from the severity and customer bits of the level, except
where real logs show another facility.
"""

from __future__ import annotations

from dataclasses import dataclass

SYSTEM, APPLICATION, SECURITY = "System", "Application", "Security"
OPERATIONAL = "Microsoft-Windows-FailoverClustering/Operational"
AUDIT, ERROR, WARNING, INFORMATION = 0, 2, 3, 4
CLUSTERING = "Microsoft-Windows-FailoverClustering"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of event.

    Attributes:
        log: log on Server 2003, and on 2008 unless `log_2008` names another.
        source: source on Server 2003, and on 2008 unless `source_2008` names another.
        event_id: low word of the identifier.
        level: on the scale of .evtx; 0: an audit of something that succeeded.
        high: high word of the identifier; None: made from the level.
        names: names of the values on Server 2008; None: a classic event there too.
        only: "2003" or "2008" where the other does not log it.
        by_user: whether the entry carries the SID of the administrator who did it.
        times: whether its values are times (Server 2008).
    """

    log: str
    source: str
    event_id: int
    level: int = INFORMATION
    high: int | None = None
    names: tuple[str, ...] | None = None
    source_2008: str | None = None
    log_2008: str | None = None
    only: str | None = None
    by_user: bool = False
    times: bool = False

    @property
    def qualifiers(self) -> int:
        """High word of the identifier: severity in its two highest bits."""
        if self.high is not None:
            return self.high
        return {ERROR: 0xC000, WARNING: 0x8000}.get(self.level, 0x4000)


def _group(event_id: int) -> Row:
    return Row(SYSTEM, "ClusSvc", event_id, names=("ResourceGroup",), source_2008=CLUSTERING, log_2008=OPERATIONAL)


CATALOGUE: dict[str, Row] = {
    "group_coming_online": _group(1200),
    "group_online": _group(1201),
    "group_going_offline": _group(1203),
    "group_offline": _group(1204),
    "cluster_formed": Row(SYSTEM, "ClusSvc", 1061, only="2003"),
    "cluster_joined": Row(SYSTEM, "ClusSvc", 1062, only="2003"),
    "time_difference": Row(SYSTEM, "ClusSvc", 1202, WARNING, only="2003"),
    "copies_dropped": Row(SYSTEM, "ClusSvc", 1137, WARNING, only="2003"),
    "node_removed": Row(SYSTEM, "ClusSvc", 1135, WARNING, names=("NodeName",), source_2008=CLUSTERING),
    "log_started": Row(SYSTEM, "EventLog", 6005, high=0x8000),
    "log_stopped": Row(SYSTEM, "EventLog", 6006, high=0x8000),
    "unexpected_shutdown": Row(SYSTEM, "EventLog", 6008, ERROR, high=0x8000),
    "system_version": Row(SYSTEM, "EventLog", 6009, high=0x8000),
    "uptime": Row(SYSTEM, "EventLog", 6013, high=0x8000),
    "restart_asked": Row(SYSTEM, "USER32", 1074, high=0x8000, by_user=True),
    "service_state": Row(SYSTEM, "Service Control Manager", 7036, names=("param1", "param2")),
    "clock_source": Row(
        SYSTEM, "W32Time", 35, high=0x425A, names=("TimeSource",), source_2008="Microsoft-Windows-Time-Service"
    ),
    # New time, old time: names, types and order as in real logs.
    "clock_stepped": Row(
        SYSTEM,
        "Kernel-General",
        1,
        names=("NewTime", "OldTime"),
        source_2008="Microsoft-Windows-Kernel-General",
        only="2008",
        times=True,
    ),
    "time_changed_2003": Row(SECURITY, "Security", 520, AUDIT, high=0, only="2003"),
    "time_changed_2008": Row(
        SECURITY, "Security", 4616, AUDIT, names=(), source_2008="Microsoft-Windows-Security-Auditing", only="2008"
    ),
    "database_started": Row(APPLICATION, "MSExchangeIS Mailbox Store", 9523),
    "database_stopped": Row(APPLICATION, "MSExchangeIS Mailbox Store", 9539),
    "handoff": Row(APPLICATION, "MSExchangeRepl", 100),
    "copying_started": Row(APPLICATION, "MSExchangeRepl", 2114),
    "forced_sync": Row(APPLICATION, "FSECCRService", 9410),
    "copy_skipped": Row(APPLICATION, "FSECCRService", 9413),
    "engine_update_failed": Row(APPLICATION, "GetEngineFiles", 6012, WARNING),
    "scan_timeout": Row(APPLICATION, "FSCController", 5066, WARNING),
    "infection_rate": Row(APPLICATION, "StatisticsManager", 7032, WARNING),
    "installed": Row(APPLICATION, "MsiInstaller", 11707, high=0, by_user=True),
    "product_installed": Row(APPLICATION, "MsiInstaller", 1033, high=0, only="2008", by_user=True),
    "removed": Row(APPLICATION, "MsiInstaller", 11724, high=0, by_user=True),
    "product_removed": Row(APPLICATION, "MsiInstaller", 1034, high=0, only="2008", by_user=True),
    "logged_on_2003": Row(SECURITY, "Security", 528, AUDIT, high=0, only="2003", by_user=True),
    "logged_on_2008": Row(
        SECURITY,
        "Security",
        4624,
        AUDIT,
        names=(
            "SubjectUserSid",
            "SubjectUserName",
            "SubjectDomainName",
            "SubjectLogonId",
            "TargetUserSid",
            "TargetUserName",
            "TargetDomainName",
            "TargetLogonId",
            "LogonType",
        ),
        source_2008="Microsoft-Windows-Security-Auditing",
        only="2008",
    ),
    "product_reconfigured": Row(APPLICATION, "MsiInstaller", 1035, high=0, only="2008"),
}
