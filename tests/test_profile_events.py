"""The shipped event catalogue says what is known of each event, and nothing that is not."""

from __future__ import annotations

import pytest

from forensics.catalogue import Catalogue
from forensics.claims import GROUP_CLAIMS, Claim
from forensics.profile import Mark, load_profile, parse_profile
from forensics.profile_rows import check_pattern

FULL = "Microsoft-Windows-FailoverClustering"
TIME_SERVICE = "Microsoft-Windows-Time-Service"
AUDITING = "Microsoft-Windows-Security-Auditing"
PRODUCT = "Forefront Security for Exchange Server"
MSI = [PRODUCT, "10.1", "1033", "0", "Microsoft Corporation", "(NULL)", ""]
FAILED = [PRODUCT, "10.1", "1033", "1603", "Microsoft Corporation", "(NULL)", ""]
LOGON = ["S-1-0-0", "-", "-", "0x0", "S-1-5-21", "admin", "DOM", "0x3e7", "10", "User32"]

# Source, id, insertion strings; claim, object, mark.
EVENTS = [
    ("FSECCRService", 9410, [], Claim.FORCED_SYNC, None, Mark.DOCUMENTED),
    ("FSECCRService", 9413, [], Claim.COPY_SKIPPED, None, Mark.DOCUMENTED),
    ("FSECCRService", 9999, [], Claim.UNINTERPRETED, None, Mark.UNKNOWN),
    ("MSExchangeRepl", 100, [], Claim.HANDOFF, None, Mark.DOCUMENTED),
    ("MSExchangeRepl", 2058, ["SG1", "why"], Claim.RESEED_FAILED, "SG1", Mark.DOCUMENTED),
    ("MSExchangeRepl", 2114, [], Claim.PASSIVE, None, Mark.COMMON),
    ("MSExchangeIS Mailbox Store", 9523, [], Claim.ACTIVE, None, Mark.COMMON),
    ("MSExchangeIS", 9539, [], Claim.ACTIVE_ENDED, None, Mark.COMMON),
    ("MSExchangeSA", 1005, [], Claim.ACTIVE, None, Mark.COMMON),
    ("MSExchangeIS", 9874, [], Claim.VIRUS_SCAN_ERROR, None, Mark.DOCUMENTED),
    ("MSExchangeIS", 9518, [], Claim.STORE_START_FAILED, None, Mark.DOCUMENTED),
    ("MSExchangeIS", 9519, [], Claim.STORE_START_FAILED, None, Mark.DOCUMENTED),
    ("GetEngineFiles", 6012, [], Claim.ENGINE_UPDATE_FAILURE, None, Mark.DOCUMENTED),
    ("GetEngineFiles", 6016, [], Claim.ENGINE_UPDATE_FAILURE, None, Mark.DOCUMENTED),
    ("FSCController", 5066, [], Claim.SCAN_FAILURE, None, Mark.DOCUMENTED),
    ("FSEIMC", 1016, [], Claim.SCAN_FAILURE, None, Mark.DOCUMENTED),
    ("Microsoft Forefront Security", 7019, [], Claim.SCAN_FAILURE, None, Mark.DOCUMENTED),
    ("Microsoft Forefront Security", 7020, [], Claim.SCAN_FAILURE, None, Mark.DOCUMENTED),
    ("Microsoft Forefront Security", 7025, [], Claim.SCAN_FAILURE, None, Mark.DOCUMENTED),
    ("StatisticsManager", 7032, [], Claim.STATISTICS, None, Mark.DOCUMENTED),
    ("MsiInstaller", 1033, MSI, Claim.INSTALL, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1033, FAILED, Claim.INSTALL_FAILED, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1034, MSI, Claim.REMOVAL, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1034, FAILED, Claim.REMOVAL_FAILED, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1035, MSI, Claim.RECONFIGURED, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1036, [*MSI[:3], "KB1", "0"], Claim.UPDATED, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1037, [*MSI[:3], "KB1", "0"], Claim.UPDATED, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 1022, [PRODUCT, "KB1"], Claim.UPDATED, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 11707, [f"Product: {PRODUCT} -- Done."], Claim.INSTALL, PRODUCT, Mark.DOCUMENTED),
    ("MsiInstaller", 11708, [f"Product: {PRODUCT} -- Failed."], Claim.INSTALL_FAILED, PRODUCT, Mark.COMMON),
    ("MsiInstaller", 11724, [f"Product: {PRODUCT} -- Removed."], Claim.REMOVAL, PRODUCT, Mark.COMMON),
    ("MsiInstaller", 11725, [f"Product: {PRODUCT} -- Failed."], Claim.REMOVAL_FAILED, PRODUCT, Mark.COMMON),
    ("ClusSvc", 1024, ["Store", "SOFTWARE\\X"], Claim.CHECKPOINT_FAILURE, "Store", Mark.DOCUMENTED),
    ("ClusSvc", 1121, ["?"], Claim.CRYPTO_CHECKPOINT_FAILURE, None, Mark.COMMON),
    (FULL, 1121, ["Store", "c"], Claim.CRYPTO_CHECKPOINT_FAILURE, "Store", Mark.DOCUMENTED),
    ("Security", 528, ["admin", "DOM", "(0x0,0x1)", "10"], Claim.SESSION, "admin", Mark.COMMON),
    ("Security", 682, [], Claim.SESSION, None, Mark.COMMON),
    (AUDITING, 4624, LOGON, Claim.SESSION, "admin", Mark.COMMON),
    (AUDITING, 4778, [], Claim.SESSION, None, Mark.COMMON),
]
# Those that any Windows failover cluster logs.
CLUSTER_EVENTS = [
    *[
        (source, number, ["CMS1"], claim, "CMS1", Mark.COMMON)
        for source in ("ClusSvc", "FailoverClustering", FULL)
        for number, claim in (
            (1200, Claim.GROUP_COMING_ONLINE), (1201, Claim.GROUP_ONLINE),
            (1203, Claim.GROUP_GOING_OFFLINE), (1204, Claim.GROUP_OFFLINE),
        )
    ],
    ("ClusSvc", 1205, ["CMS1"], Claim.GROUP_FAILED, "CMS1", Mark.COMMON),
    (FULL, 1205, ["CMS1"], Claim.GROUP_FAILED, "CMS1", Mark.DOCUMENTED),
    ("ClusSvc", 1061, [], Claim.FORMED, None, Mark.COMMON),
    ("ClusSvc", 1062, [], Claim.JOINED, None, Mark.COMMON),
    ("ClusSvc", 1202, ["A", "B", "430000000"], Claim.TIME_DIFFERENCE, None, Mark.DOCUMENTED),
    ("ClusSvc", 1137, [], Claim.COPIES_DROPPED, None, Mark.DOCUMENTED),
    ("ClusSvc", 1069, ["Disk"], Claim.RESOURCE_FAILED, "Disk", Mark.COMMON),
    (FULL, 1069, ["Disk", "CMS1"], Claim.RESOURCE_FAILED, "Disk", Mark.DOCUMENTED),
    ("ClusSvc", 1135, ["EXNODE2"], Claim.NODE_REMOVED, "EXNODE2", Mark.COMMON),
    ("FailoverClustering", 1135, ["EXNODE2"], Claim.NODE_REMOVED, "EXNODE2", Mark.DOCUMENTED),
    (FULL, 1177, [], Claim.DOWN, None, Mark.DOCUMENTED),
    ("EventLog", 6005, [], Claim.BOOT, None, Mark.COMMON),
    ("EventLog", 6006, [], Claim.SHUTDOWN, None, Mark.COMMON),
    ("EventLog", 6008, ["9:59:13 AM", "4/6/2012"], Claim.UNEXPECTED_SHUTDOWN, None, Mark.COMMON),
    ("EventLog", 6009, ["5.02.", "3790"], Claim.BOOT, None, Mark.COMMON),
    ("EventLog", 6013, [], Claim.UP, None, Mark.COMMON),
    ("User32", 1074, ["a.exe", "NODE"], Claim.RESTART_REQUEST, None, Mark.COMMON),
    ("USER32", 1076, ["Other"], Claim.SHUTDOWN_REASON, None, Mark.COMMON),
    ("Service Control Manager", 7036, ["Spooler", "running"], Claim.SERVICE_STATE, "Spooler", Mark.COMMON),
    ("W32Time", 35, ["dc1"], Claim.CLOCK_SOURCE, "dc1", Mark.COMMON),
    (TIME_SERVICE, 52, ["-34187"], Claim.TIME_CHANGE, None, Mark.COMMON),
    ("Microsoft-Windows-Kernel-General", 1, ["b", "a"], Claim.TIME_CHANGE, None, Mark.COMMON),
    ("Kernel-General", 1, ["b", "a"], Claim.TIME_CHANGE, None, Mark.COMMON),
    ("Security", 520, [], Claim.TIME_CHANGE, None, Mark.COMMON),
    (AUDITING, 4616, [], Claim.TIME_CHANGE, None, Mark.COMMON),
]  # fmt: skip


@pytest.fixture(scope="module", params=["fse-ccr", "wsfc"])
def shipped(request):
    return load_profile(request.param)


@pytest.mark.parametrize("event", EVENTS + CLUSTER_EVENTS, ids=lambda event: f"{event[0]} {event[1]} {event[3]}")
def test_the_catalogue_says_what_is_known(event):
    """Each event that is known makes its claim, of the object that its strings name, as well known as it is."""
    source, number, strings, claim, named, mark = event
    found = Catalogue(load_profile()).match(source, number, strings)
    assert (found.row.claim, found.object, found.row.mark) == (claim, named, mark)


@pytest.mark.parametrize("event", CLUSTER_EVENTS, ids=lambda event: f"{event[0]} {event[1]}")
def test_clusters_without_the_product_are_known_as_well(event):
    """The profile for any failover cluster says the same of the cluster's events as the default one."""
    source, number, strings, *_ = event
    plain, product = (Catalogue(load_profile(name)).match(source, number, strings) for name in ("wsfc", "fse-ccr"))
    assert plain.row == product.row


def test_the_profile_for_any_cluster_knows_no_product():
    """No file, path, registry key or event of a product is in it; it reads where a shipped profile's name is given."""
    profile = load_profile("wsfc")
    assert (profile.replicated_files, profile.data_folders, profile.checkpoint_keys, profile.products) == ((),) * 4
    assert profile.is_well_known_group("cluster group")
    assert profile.is_well_known_group("Available Storage")
    catalogue = Catalogue(profile)
    assert not any(catalogue.wants(source, 9410) for source in ("FSECCRService", "MSExchangeIS", "MsiInstaller"))


@pytest.mark.parametrize(
    ("source", "number", "strings"),
    [
        ("Security", 528, ["admin", "DOM", "(0x0,0x1)", "2"]),
        (AUDITING, 4624, [*LOGON[:8], "3", "x"]),
        ("MsiInstaller", 1033, [PRODUCT, "10.1"]),
        ("MsiInstaller", 1035, [*MSI[:3], "1603"]),
    ],
)
def test_what_only_looks_alike_is_left_alone(source, number, strings):
    """A logon at the console is no session, a status that is not there is neither success nor failure."""
    assert Catalogue(load_profile()).match(source, number, strings) is None


def test_weak_and_strong():
    """Group events, membership and the product's own are strong; what only tends to be so is weak."""
    catalogue = Catalogue(load_profile())
    strong = {(source, number) for source, number, strings, *_ in EVENTS + CLUSTER_EVENTS
              if (found := catalogue.match(source, number, strings)) and found.row.strong}  # fmt: skip
    assert {("ClusSvc", 1201), (FULL, 1204), ("FSECCRService", 9410), ("MSExchangeRepl", 100)} <= strong
    assert {("MSExchangeIS Mailbox Store", 9523), ("ClusSvc", 1135), ("EventLog", 6005)} <= strong
    assert not {("MSExchangeIS", 9539), ("MSExchangeSA", 1005), ("MSExchangeRepl", 2114)} & strong


def test_what_is_inferred_of_the_role_is_said_to_be(shipped):
    """That a node which logs 9410 or 9413 is passive follows from the documents, and none says so."""
    rows = {row.key: row for row in shipped.events}
    for key in ("FSECCRService 9410", "FSECCRService 9413"):
        assert shipped.name != "fse-ccr" or rows[key].role_mark is Mark.INFERRED


def test_the_shipped_rows_are_sound(shipped):
    """Keys say the id, claims of a group name it, nothing is unverified, and no two rows are of the same event."""
    seen = set()
    for row in shipped.events:
        assert row.id is None or str(row.id) in row.key
        assert row.claim not in GROUP_CLAIMS or row.object == 1
        assert row.mark is not Mark.UNVERIFIED
        for source in row.event_sources:
            event = (source.casefold(), row.id, row.any_id, row.text, row.requires)
            assert event not in seen
            seen.add(event)


def test_what_the_log_sources_name_is_in_the_catalogue(shipped):
    """Every source that tells a log is a source of some event."""
    catalogue = Catalogue(shipped)
    wanted = {source.casefold().rstrip("*") for source in catalogue.sources_wanted()}
    assert {row.event_source.casefold() for row in shipped.log_sources} - wanted <= {"msexchangeis mailbox store"}


def test_an_analyst_teaches_an_event():
    """One row makes an event that nobody documents one that the program knows, worth what its mark says."""
    row = (
        '[[events]]\nkey = "FSECCRService 9402"\nevent_sources = ["FSECCRService"]\nid = 9402\nclaim = "backup_made"\n'
        'mark = "unverified"\nsource = "seen on site"\n'
    )
    assert Catalogue(load_profile()).match("FSECCRService", 9402, []).row.claim is Claim.UNINTERPRETED
    found = Catalogue(parse_profile(row, "my.toml")).match("FSECCRService", 9402, [])
    assert (found.row.claim, found.mark, found.matters) == (Claim.BACKUP_MADE, Mark.UNVERIFIED, True)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(a+)+", "repeated"), ("(a|aa)*", "repeated"), ("(a{2}){3}", "repeated"), ("(?:a)+(b)", "repeated"),
        ("a(?=b)(c)", "only"), ("(?i)(a)", "only"), ("(?x)(a) *", "only"), ("(?P<x>a)", "only"),
        (r"(a)\1", "back-reference"), ("(.*.*.*)", "repeats"), ("^(.*.*.*.*)", "repeats"), ("^(.*.*.*)|b", "repeats"),
        ("(a?a?a?a?a?)", "branches"), ("(a|b|c|d|e|f)", "branches"), ("(a" + "}?" * 20 + ")", "branches"),
        ("(", "no regular expression"), ("a", "one group"), ("(a)(b)", "one group"), ("(" + "a" * 300 + ")", "longer"),
        ("(a{1000000000000})", "no regular expression"),
    ],
)  # fmt: skip
def test_patterns_that_could_run_for_ever_are_refused(pattern, words):
    """What is no regular expression with one group, or could take time beyond measure, is refused with the reason."""
    with pytest.raises(ValueError, match=words):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["Product: (.+?) -- ", r"'([^']+)'", "^(.*.*.*)", r"\)+(a)", "[(](a)", r"\\1(a)", "(a|b)"]
)
def test_plain_patterns_are_taken(pattern):
    """Patterns that take a name out of a sentence are allowed, brackets and backslashes among their literals."""
    check_pattern(pattern)
