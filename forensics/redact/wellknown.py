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
    {
        "nt authority",
        "builtin",
        "nt service",
        "workgroup",
        "window manager",
        "font driver host",
        "iis apppool",
        "local",
        "localhost",
    }
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
# Sites that many a text names, which are nobody's of the incident.
PUBLIC: Final = (".microsoft.com", ".w3.org", ".windowsupdate.com", ".xmlsoap.org")
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
            "accountname", "calleruser", "callerusername", "clientusername", "defaultusername", "memberusername",
            "newtargetusername", "oldtargetusername", "samaccountname", "serviceaccount", "subjectusername",
            "targetoutboundusername", "targetusername", "user", "username", "userprincipalname",
        ),
        NameKind.USER,
    ),
    **dict.fromkeys(
        (
            "accountdomain", "callerdomain", "clientdomain", "defaultdomainname", "domain", "domainname",
            "subjectdomainname", "targetdomainname", "targetoutbounddomainname", "userdomain",
        ),
        NameKind.DOMAIN,
    ),
    **dict.fromkeys(
        (
            "clientname", "computername", "dcname", "dnshostname", "domaincontroller", "hostname", "machinename",
            "nodename", "servername", "targetserver", "targetservername", "workstation", "workstationname",
        ),
        NameKind.HOST,
    ),
    "clustername": NameKind.CLUSTER,
    "sharename": NameKind.SHARE,
}  # fmt: skip

# Places of values (.evt, from 1), by source without case and id: common knowledge, and used for nothing but names.
_U, _D, _H = NameKind.USER, NameKind.DOMAIN, NameKind.HOST
_Places = dict[int, NameKind]
_LOGON: Final[_Places] = {1: _U, 2: _D, 7: _H, 9: _U, 10: _D}
_ACCOUNT: Final[_Places] = {1: _U, 2: _D, 4: _U, 5: _D}
_MEMBER: Final[_Places] = {3: _U, 4: _D, 6: _U, 7: _D}
_SECURITY: Final[tuple[tuple[tuple[int, ...], _Places], ...]] = (
    ((517,), {1: _U, 2: _D, 4: _U, 5: _D}),
    ((520,), {3: _U, 4: _D, 6: _U, 7: _D}),
    ((528, 540), _LOGON),
    ((529, 530, 531, 532, 533, 534, 535, 536, 539), {1: _U, 2: _D, 6: _H, 7: _U, 8: _D}),
    ((537,), {1: _U, 2: _D, 6: _H, 9: _U, 10: _D}),
    ((538, 551, 576, 672, 674), {1: _U, 2: _D}),
    ((552,), {1: _U, 2: _D, 5: _U, 6: _D, 8: _H}),
    ((560,), {9: _U, 10: _D, 12: _U, 13: _D}),
    ((577,), {3: _U, 4: _D, 6: _U, 7: _D}),
    ((578,), {4: _U, 5: _D, 7: _U, 8: _D}),
    ((592,), {4: _U, 5: _D}),
    ((593, 608, 609, 621, 622), {3: _U, 4: _D}),
    # Accounts and groups made, enabled, changed, removed; by whom.
    ((624, 626, 627, 628, 629, 630, 645, 647, 671), _ACCOUNT),
    ((631, 634, 635, 638, 639, 641, 648, 649, 652, 653, 654, 657, 658, 659, 662, 663, 664, 667), _ACCOUNT),
    ((632, 633, 636, 637, 650, 651, 655, 656, 660, 661, 665, 666), _MEMBER),
    ((642, 646), {2: _U, 3: _D, 5: _U, 6: _D}),
    ((643,), {2: _D, 4: _U, 5: _D}),
    ((644,), {1: _U, 2: _H, 4: _U, 5: _D}),
    ((673,), {1: _U, 2: _D, 3: _H}),
    ((675,), {1: _U}),
    ((676, 677), {1: _U, 2: _D}),
    ((680,), {2: _U, 3: _H}),
    ((681,), {2: _U, 3: _H}),
    ((682, 683), {1: _U, 2: _D, 5: _H}),
)
PLACES: Final[dict[tuple[str, int], _Places]] = {
    ("user32", 1074): {2: _H, 7: _U},
    ("user32", 1076): {6: _U},
    ("clussvc", 1061): {1: NameKind.CLUSTER},
    ("clussvc", 1062): {1: NameKind.CLUSTER},
    ("clussvc", 1135): {1: _H},
    ("clussvc", 1202): {1: _H, 2: _H},
    **{("security", event_id): places for event_ids, places in _SECURITY for event_id in event_ids},
}
