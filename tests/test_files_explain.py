"""An explanation of a loss names every file that holds either content, and what keeps its word from being certain."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from forensics.files.explain import why_that_word, witnesses
from forensics.files.model import BackupSet, Cause, FileEvidence, Finding, Kind, Sighting, Trigger, Version
from forensics.roles.model import ClockOffset, Confidence, Role, RoleHistory, RoleInterval, RoleTransition

NAME, OTHER = "ScanJobs.fdb", "Template.fdb"
LOST, NOW, THIRD = Version("ab" * 32, 1024, 100), Version("cd" * 32, 1088, 50), Version("ef" * 32, 9, 10)
NOTHING = SimpleNamespace(evidence=SimpleNamespace(observations=()), clocks=None)  # no events behind the finding
FINDING = Finding(
    "overwrite:1", NAME, "B", Kind.LOST_UPDATE, Cause.UNKNOWN, 200, 300, LOST, NOW, (), (), Confidence.PROBABLE,
    ("file:1",), (), "It was lost.",
)  # fmt: skip


def file(row, node, version, name=NAME):
    return Sighting(row, node, name, f"{node}/{row}/{name}", version, readable=True)


def backup(number, node, *files):
    return BackupSet(
        f"backup:{number}", node, "", None, "none", None, None, Trigger.UNKNOWN, {one.name: one for one in files},
        (), True, True, Confidence.PROBABLE, (), "",
    )  # fmt: skip


def evidence(*, sets=(), other=()):
    live = {"A": {NAME: file(1, "A", LOST)}, "B": {NAME: file(2, "B", NOW), OTHER: file(3, "B", LOST, OTHER)}}
    return FileEvidence((NAME, OTHER), live, tuple(sets), tuple(other), {})


def interval(number, node, role, confidence=Confidence.CERTAIN, start=0, end=999):
    return RoleInterval(f"role:{number}", node, Role(role), start, end, confidence, (), (), "")


def history(*intervals, moves=(), clocks=True):
    offsets = (ClockOffset("B", "A", 0.0, 1.0, 3, (), ""),) if clocks else ()
    return RoleHistory("CMS1", ("A", "B"), offsets, intervals, tuple(moves), (), "")


def reasons(roles, finding=FINDING):
    return why_that_word(NOTHING, roles, finding, witnesses(evidence(), finding))


def test_witnesses_are_all_that_hold_either_content():
    """Every file of that name with the lost or the present bytes, and what the finding itself names; no other."""
    sets = [backup(10, "A", file(4, "A", LOST)), backup(9, "A", file(5, "A", LOST._replace(modified=7)))]
    found = witnesses(evidence(sets=sets, other=[file(6, "B", THIRD), file(7, "B", NOW)]), FINDING)
    assert [(one.file.reference, one.place, one.holds) for one in found] == [
        ("file:1", "live", "lost"),
        ("file:5", "backup:9", "lost"),
        ("file:4", "backup:10", "lost"),
        ("file:2", "live", "current"),
        ("file:7", "other", "current"),
    ]
    named = replace(FINDING, evidence=("file:6",))
    assert [one.holds for one in witnesses(evidence(other=[file(6, "B", THIRD)]), named)] == ["lost", "current", ""]


def test_without_hashes_a_version_is_size_and_time():
    """What only a listing names is told apart by size and time, and the explanation says that this is all."""
    listed = replace(FINDING, lost=LOST._replace(sha256=None))
    found = witnesses(evidence(other=[file(8, "A", listed.lost)]), listed)
    assert ("file:8", "lost") in [(one.file.reference, one.holds) for one in found]
    assert reasons(history(), listed)[0].startswith("A listing gives no content")


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (history(interval(1, "A", "active", Confidence.PROBABLE)), "That A was active there is probable (role:1)."),
        (history(interval(2, "B", "unknown")), "What B was there is not known (role:2)."),
        (history(clocks=False), "Nothing bounds on both sides how far the clock of B was off."),
        (
            history(moves=[RoleTransition("transition:1", "A", "B", 190, 250, 260, Confidence.POSSIBLE, (), (), "")]),
            "The move in that time is possible (transition:1).",
        ),
        (history(), "It is not certain because the evidence leaves open what was copied, or when."),
    ],
)
def test_what_is_not_certain_is_named(roles, words):
    """Of the roles and clocks around a loss each doubtful one is a reason; without one the copy itself is open."""
    told = reasons(roles)
    assert words in told
    assert told[-1].startswith("Probable means: ")


def test_a_certain_finding_has_no_excuse():
    """Where the word is certain no doubt is told, and what lies outside of the time of the loss is never one."""
    far = interval(1, "A", "unknown", start=400)
    told = reasons(history(far), replace(FINDING, confidence=Confidence.CERTAIN))
    assert len(told) == 2
    assert told[-1].startswith("Certain means: ")
    assert not any("role:1" in line for line in reasons(history(far)))


def test_what_speaks_against_it_is_counted():
    """Records against a finding are told as such."""
    assert any(
        "speaks against it" in line for line in reasons(history(), replace(FINDING, contradicted_by=("event:1",)))
    )
