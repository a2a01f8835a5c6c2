"""Names that every Windows has, which tell nothing of anybody, and fields of events that hold names."""

from __future__ import annotations

from typing import Final

from forensics.redact.model import NameKind

USERS: Final = frozenset(
    {
        "administrator", "administrators", "all users", "anonymous", "anonymous logon", "aspnet", "backup operators",
        "default", "default user", "defaultaccount", "domain admins", "domain users", "everyone", "guest", "guests",
        "iusr", "krbtgt", "local service", "localservice", "network service", "networkservice", "none", "null",
        "power users", "public", "self", "system", "systemprofile", "users", "wdagutilityaccount", "n/a", "unknown",
    }
)  # fmt: skip
DOMAINS: Final = frozenset(
    {"nt authority", "builtin", "nt service", "workgroup", "window manager", "font driver host", "iis apppool", "local"}
)
# The first part of a registry key or of another path of Windows, where a domain would stand.
KEY_ROOTS: Final = frozenset(
    {
        "software", "system", "sam", "security", "hardware", "network", "registry", "hklm", "hkcu", "hkcr", "hku",
        "hkey_local_machine", "hkey_current_user", "hkey_classes_root", "hkey_users", "cluster", "controlset001",
        "currentcontrolset", "basenamedobjects", "device", "driver", "filesystem", "microsoft", "root", "systemroot",
        "windows",
    }
)  # fmt: skip
# Parts of host and domain names that say nothing alone.
LABELS: Final = frozenset(
    {
        "ad", "co", "com", "corp", "de", "edu", "fr", "gov", "int", "internal", "intern", "intra", "intranet", "lan",
        "loc", "local", "localdomain", "localhost", "mail", "net", "office", "org", "test", "uk", "us", "www",
    }
)  # fmt: skip
SHARES: Final = frozenset({"admin$", "ipc$", "print$", "netlogon", "sysvol", "mailslot", "pipe"})
# Parts of distinguished names that Exchange and Active Directory put there themselves.
CONTAINERS: Final = frozenset(
    {
        "address lists container", "administrative groups", "all address lists", "builtin", "computers",
        "configuration", "databases", "domain controllers", "exchange administrative group",
        "first administrative group", "informationstore", "microsoft exchange", "microsoft exchange system objects",
        "protocols", "recipients",
        "routing groups", "schema", "servers", "services", "sites", "system", "users",
        "exchange administrative group (fydibohf23spdlt)",
    }
)  # fmt: skip

# Names of values (.evtx), without case.
FIELDS: Final[dict[str, NameKind]] = {
    **dict.fromkeys(
        (
            "accountname", "clientusername", "memberusername", "newtargetusername", "oldtargetusername",
            "samaccountname", "serviceaccount", "subjectusername", "targetoutboundusername", "targetusername", "user",
            "username", "userprincipalname",
        ),
        NameKind.USER,
    ),
    **dict.fromkeys(
        (
            "accountdomain", "clientdomain", "domain", "domainname", "subjectdomainname", "targetdomainname",
            "targetoutbounddomainname", "userdomain",
        ),
        NameKind.DOMAIN,
    ),
    **dict.fromkeys(
        (
            "clientname", "computername", "dnshostname", "hostname", "machinename", "nodename", "servername",
            "targetservername", "workstation", "workstationname",
        ),
        NameKind.HOST,
    ),
    "clustername": NameKind.CLUSTER,
    "sharename": NameKind.SHARE,
}  # fmt: skip

# Places of values (.evt, from 1), by source without case and id: common knowledge, and used for nothing but names.
_U, _D, _H = NameKind.USER, NameKind.DOMAIN, NameKind.HOST
_LOGON: Final = {1: _U, 2: _D, 7: _H}
PLACES: Final[dict[tuple[str, int], dict[int, NameKind]]] = {
    ("user32", 1074): {2: _H, 7: _U},
    ("user32", 1076): {6: _U},
    ("clussvc", 1061): {1: NameKind.CLUSTER},
    ("clussvc", 1062): {1: NameKind.CLUSTER},
    ("clussvc", 1135): {1: _H},
    ("clussvc", 1202): {1: _H, 2: _H},
    ("security", 520): {3: _U, 4: _D, 6: _U, 7: _D},
    ("security", 528): _LOGON,
    ("security", 540): _LOGON,
    **{
        ("security", event_id): {1: _U, 2: _D, 6: _H} for event_id in (529, 530, 531, 532, 533, 534, 535, 536, 537, 539)
    },
    **{("security", event_id): {1: _U, 2: _D} for event_id in (538, 551, 576, 672, 673, 674, 675)},
    ("security", 592): {4: _U, 5: _D},
    ("security", 624): {1: _U, 2: _D, 4: _U, 5: _D},
    ("security", 680): {2: _U, 3: _H},
    ("security", 682): {1: _U, 2: _D, 5: _H},
    ("security", 683): {1: _U, 2: _D, 5: _H},
}
