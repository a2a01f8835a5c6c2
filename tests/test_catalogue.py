"""The catalogue finds the row that an event is: the most particular one, whatever else fits."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.case.rows import NewEvidence
from forensics.case.store import Case
from forensics.catalogue import Catalogue, Learned, catalogue_of, normalised_text
from forensics.claims import Claim
from forensics.profile import Mark, load_profile, parse_profile

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete."
SEEDING_KEY = "FSECCRService seeding complete"
ROW = '[[events]]\nkey = "{}"\nevent_sources = ["{}"]\n{}\nclaim = "{}"\nmark = "unverified"\nsource = "a test"\n'


def catalogue_with(*rows, extends="fse-ccr", learned=()):
    """The catalogue of a profile with these rows, each (key, source, further lines, claim)."""
    text = f'extends = "{extends}"\n' + "".join(ROW.format(*row) for row in rows)
    return Catalogue(parse_profile(text, "a test"), learned)


def key_of(catalogue, *event):
    found = catalogue.match(*event)
    return found.row.key if found else None


@pytest.mark.parametrize("source", ["ClusSvc", "CLUSSVC", "clussvc"])
def test_sources_compare_without_case(source):
    """A source is found however it is written, with the object that the row names, its ends trimmed."""
    found = Catalogue(load_profile()).match(source, 1201, ["  CMS1 ", "other"])
    assert (found.row.key, found.object, found.row.strong, found.matters) == ("ClusSvc 1201", "CMS1", True, True)


@pytest.mark.parametrize(
    "event", [("ClusSvc", 1299, []), ("ClusSv", 1201, ["x"]), ("ClusSvc2", 1201, []), (None, 1201, [])]
)
def test_what_is_not_known_is_none(event):
    """Another id, a part of a source, a longer source, and no source are nothing that the catalogue knows."""
    assert Catalogue(load_profile()).match(*event) is None


@pytest.mark.parametrize(
    ("strings", "expected"), [([], None), ([None], None), ([""], None), (["  "], None), (["G"], "G")]
)
def test_an_object_that_is_not_there_is_none(strings, expected):
    """A record with too few strings, or an empty one, still makes its claim, and names nothing."""
    found = Catalogue(load_profile()).match("ClusSvc", 1201, strings)
    assert (found.row.claim, found.object) == (Claim.GROUP_ONLINE, expected)


def test_an_id_goes_before_any_id():
    """An event with a row of its own is that; any other of the source is the row for the others."""
    catalogue = Catalogue(load_profile())
    assert key_of(catalogue, "MSExchangeIS", 9523, []) == "MSExchangeIS 9523"
    assert key_of(catalogue, "MSExchangeIS", 1, []) == "MSExchangeIS, MSExchangeSA others"
    assert key_of(catalogue, "FSECCRService", 9410, []) == "FSECCRService 9410"
    others = catalogue.match("FSECCRService", 9411, [])
    assert (others.row.claim, others.mark) == (Claim.UNINTERPRETED, Mark.UNKNOWN)


def test_a_prefix_matches_its_sources():
    """`MSExchangeIS*` is the store under all its names, and no source that merely holds the name."""
    catalogue = Catalogue(load_profile())
    for source in ("MSExchangeIS", "MSExchangeIS Mailbox Store", "msexchangeis public store"):
        assert key_of(catalogue, source, 9523, []) == "MSExchangeIS 9523"
    assert key_of(catalogue, "My MSExchangeIS", 9523, []) is None


def test_the_more_exact_source_counts_whatever_the_order():
    """An exact source goes before a prefix, a longer prefix before a shorter one."""
    rows = [
        ("short", "A*", "id = 1", "up"),
        ("exact", "ABC", "id = 1", "up"),
        ("long", "AB*", "id = 1", "up"),
    ]
    for order in (rows, rows[::-1], rows[1:] + rows[:1]):
        catalogue = catalogue_with(*order, extends="none")
        assert [key_of(catalogue, s, 1, []) for s in ("ABC", "ABD", "AX", "abc")] == ["exact", "long", "short", "exact"]


def test_requirements_choose_between_rows():
    """A row with requirements counts where they hold, the row without where they do not; of equals the later one."""
    catalogue = catalogue_with(
        ("plain", "S", "id = 1", "up"),
        ("first", "S", 'id = 1\nrequires = [{ string = 2, equals = "Yes" }]', "boot"),
        ("second", "S", 'id = 1\nrequires = [{ string = 2, contains = "yes" }]', "down"),
        ("all", "S", 'id = 2\nrequires = [{ string = 1, not_equals = "0" }, { string = 2, one_of = ["a", ""] }]', "up"),
        extends="none",
    )
    assert key_of(catalogue, "S", 1, ["yes", "no"]) == "plain"
    assert key_of(catalogue, "S", 1, [None, " YES "]) == "second"
    assert key_of(catalogue, "S", 1, []) == "plain"
    assert key_of(catalogue, "S", 2, ["5"]) == "all"
    assert key_of(catalogue, "S", 2, ["5", "A"]) == "all"
    for strings in ([], [None], [""], ["0", "a"], ["5", "b"]):
        assert key_of(catalogue, "S", 2, strings) is None


def test_a_log_that_is_named_is_asked_for():
    """A row with a log fits that log and an unknown one, compared without case."""
    catalogue = catalogue_with(("one", "S", 'id = 1\nlog = "System"', "up"), extends="none")
    assert [key_of(catalogue, "S", 1, [], None, log) for log in ("System", "SYSTEM", None, "Application")] == [
        "one", "one", "one", None,
    ]  # fmt: skip


def test_a_message_tells_an_event_whose_id_is_not_known():
    """The seeding-complete message is found within a message, without case, however its blanks and lines are set."""
    catalogue = Catalogue(load_profile())
    message = "x " + SEEDING.upper().replace(" ", "\r\n\t ") + " y"
    found = catalogue.match("FSECCRService", 4711, [], message)
    assert (found.row.key, found.row.claim, found.row.strong) == (SEEDING_KEY, Claim.SEEDING_COMPLETE, True)
    for other in (None, "", SEEDING[:-2], "Something else."):
        assert key_of(catalogue, "FSECCRService", 4711, [], other) == "FSECCRService others"
    assert key_of(catalogue, "Another", 4711, [], SEEDING) is None


def test_an_id_goes_before_a_text():
    """What the catalogue says of an id counts, whatever the message says."""
    assert key_of(Catalogue(load_profile()), "FSECCRService", 9410, [], SEEDING) == "FSECCRService 9410"


def test_a_learned_id_is_its_row():
    """An id learned from a message file is the row of its text, refers to the file, and gives way to the profile."""
    learned = [
        Learned("fseccrservice", 9400, SEEDING_KEY, 7),
        Learned("FSECCRService", 9400, SEEDING_KEY, 8),
        Learned("FSECCRService", 9410, SEEDING_KEY, 7),
        Learned("FSECCRService", 9401, "a row that is no more", 7),
    ]
    catalogue = Catalogue(load_profile(), learned)
    found = catalogue.match("FSECCRService", 9400, [])
    assert (found.row.key, found.learned) == (SEEDING_KEY, "evidence:7")
    assert (found.row.mark, found.mark) == (Mark.DOCUMENTED, Mark.INFERRED)
    assert key_of(catalogue, "FSECCRService", 9410, []) == "FSECCRService 9410"
    assert catalogue.match("FSECCRService", 9410, []).learned is None
    assert key_of(catalogue, "FSECCRService", 9401, []) == "FSECCRService others"


def test_the_catalogue_of_a_case_knows_its_profile_and_what_it_learned(tmp_path):
    """Rows of the case's profile and learned ids are in force; of two files that teach one the first by path counts."""
    with Case.create(tmp_path / "case.db") as case:
        late = case.add_evidence(NewEvidence(path="z/fse.dll", kind="message_file", status="read"))
        early = case.add_evidence(NewEvidence(path="a/fse.dll", kind="message_file", status="read"))
        with case.transaction():
            case.set_setting("profile", ROW.format("FSECCRService 9402", "FSECCRService", "id = 9402", "backup_made"))
            for file in (late, early):
                case.connection.execute(
                    "INSERT INTO learned_events(evidence_id, event_source, event_id, catalogue_key, text)"
                    " VALUES (?, 'FSECCRService', 9400, ?, ?)",
                    (file, SEEDING_KEY, SEEDING),
                )
        catalogue = catalogue_of(case)
    assert catalogue.match("FSECCRService", 9402, []).row.claim is Claim.BACKUP_MADE
    assert catalogue.match("FSECCRService", 9400, []).learned == f"evidence:{early}"


@pytest.mark.parametrize(
    ("sentence", "product"),
    [
        ("Product: Microsoft Forefront Security for Exchange Server -- Installation completed successfully.", True),
        ("Produkt: Forefront Security for Exchange Server -- Die Installation wurde abgeschlossen.", True),
        ("Forefront Security for Exchange Server", True),
        ("Product: Microsoft .NET Framework 4.5 -- Installation completed successfully.", False),
        ("", False),
        ("x" * 500 + "Forefront Security for Exchange Server", False),
    ],
)
def test_the_product_is_taken_out_of_the_sentence(sentence, product):
    """Installations of the product matter, others are found all the same and do not."""
    found = Catalogue(load_profile()).match("MsiInstaller", 11707, [sentence])
    assert (found.row.claim, found.matters) == (Claim.INSTALL, product)
    assert not product or found.object.endswith("Forefront Security for Exchange Server")


def test_services_that_the_profile_names_matter():
    """Of the changes of service states those of named services matter; the state is a named string."""
    catalogue = Catalogue(load_profile())
    found = catalogue.match("Service Control Manager", 7036, ["cluster service", "running"])
    assert (found.matters, found.object) == (True, "cluster service")
    assert found.row.string("state", ["cluster service", "running"]) == "running"
    assert found.row.string("state", ["cluster service"]) is None
    assert found.row.string("no such name", ["a", "b"]) is None
    assert not catalogue.match("Service Control Manager", 7036, ["Print Spooler", "running"]).matters


def test_sources_wanted_are_those_of_the_rows():
    """What could match is told before any event is read: by source, and by source and id."""
    learned = [Learned("Other", 5, "b", 1)]
    catalogue = catalogue_with(
        ("a", "S*", "id = 1", "up"), ("b", "T", 'text = "hello"', "up"), ("c", "s*", "any_id = true", "up"),
        extends="none", learned=learned,
    )  # fmt: skip
    assert [source.casefold() for source in catalogue.sources_wanted()] == ["other", "s*", "t"]
    assert catalogue.wants("SX", 99)
    assert catalogue.wants("t", 99)
    assert catalogue.wants("Other", 5)
    assert not catalogue.wants("Other", 6)
    assert not catalogue.wants(None, 1)


def test_no_allowed_pattern_runs_for_hours():
    """The costliest shape that a profile may have, on text made for it, is done in seconds."""
    worst = "^(a*a*a*a?a?a?a?)x$"
    catalogue = catalogue_with(("w", "S", f"id = 1\nobject = 1\nobject_pattern = '{worst}'", "up"), extends="none")
    start = time.monotonic()
    assert catalogue.match("S", 1, ["a" * 256]).object is None
    assert catalogue.match("S", 1, ["a" * 1_000_000]).object is None
    assert time.monotonic() - start < 20


def test_sources_without_number_do_not_fill_the_memory(monkeypatch):
    """What is remembered of sources is bounded, and forgetting changes no answer."""
    monkeypatch.setattr("forensics.catalogue._CACHE_MAX", 10)
    catalogue = Catalogue(load_profile())
    for number in range(50):
        assert catalogue.match(f"Source {number}", 1, []) is None
        assert key_of(catalogue, "ClusSvc", 1201, ["G"]) == "ClusSvc 1201"
    assert len(catalogue._cache) <= 10


@given(
    st.sampled_from(["ClusSvc", "fseccrservice", "MSExchangeIS Mailbox Store", "MsiInstaller", "x", ""]),
    st.integers(0, 0xFFFF),
    st.lists(st.one_of(st.none(), st.text())),
    st.one_of(st.none(), st.text()),
)
def test_any_event_has_an_answer(source, number, strings, message):
    """No event raises, and asking again, or another catalogue, gives the same answer; what matches was wanted."""
    catalogue = Catalogue(load_profile())
    found = catalogue.match(source, number, strings, message)
    assert catalogue.match(source, number, strings, message) == found
    assert Catalogue(catalogue.profile).match(source.swapcase(), number, strings, message) == found
    assert found is None or catalogue.wants(source, number)


@given(st.text())
def test_normalising_again_changes_nothing(text):
    """Compared texts have no runs of blanks, and stay as they are when normalised again."""
    once = normalised_text(text)
    assert "  " not in once
    assert " ".join(once.split()) == once
