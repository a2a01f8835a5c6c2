"""The history of a file holds each change on each node once, by time, with its parent and what it rests on."""

from __future__ import annotations

import pytest

from forensics.files.edits import edits_of
from forensics.files.model import Version
from forensics.files.replay import Change
from forensics.files.saves import Save
from forensics.files.world import When

NAME = "ScanJobs.fdb"
FIRST, SECOND = Version("ab" * 32, 1024, 100), Version("cd" * 32, 1088, 500)


def test_saves_and_copies_are_told_in_order() -> None:
    """A save stands at its own time and a copy where it had been made, each with what was there before on its node."""
    saves = [
        Save(SECOND, "A", When(510, 505, 515, True), "edit"),
        Save(FIRST, "A", When(110, 105, 115, True), "install"),
    ]
    changes = [
        Change("A", FIRST, SECOND, 505, 515, "edit", None, ("event:3",)),
        Change("B", None, FIRST, 110, 145, "copy", "A", ()),
        Change("A", None, FIRST, 105, 115, "install", None, ("event:1",)),
        Change("B", FIRST, SECOND, 510, 545, "forced", "A", ("event:4",)),
    ]
    found = edits_of(NAME, changes, saves)
    assert [(one.node, one.time, one.how) for one in found] == [
        ("A", 110, "install"), ("B", 145, "copy"), ("A", 510, "edit"), ("B", 545, "copy"),
    ]  # fmt: skip
    assert [(one.version, one.parent) for one in found] == [
        (FIRST, None), (FIRST, None), (SECOND, FIRST), (SECOND, FIRST),
    ]  # fmt: skip
    assert [(one.low, one.high) for one in found] == [(105, 115), (110, 145), (505, 515), (510, 545)]
    assert found[-1].evidence == ("event:4",)
    assert "from A to B" in found[1].why
    assert "forced sync" in found[-1].why


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("edit", "edit"),
        ("passive_edit", "edit"),
        ("rebuild", "rebuild"),
        ("put", "unknown"),
        ("unexplained", "unknown"),
    ],
)
def test_every_change_has_a_word_and_a_sentence(how: str, word: str) -> None:
    """Whatever a change is, it is told; what nothing explains is not called a save."""
    (one,) = edits_of(NAME, [Change("A", FIRST, SECOND, 1, 9, how, None, ())], [])
    assert (one.how, one.time) == (word, 9)
    assert NAME in one.why
    assert one.why.endswith(".")


def test_a_file_that_is_gone_is_no_version() -> None:
    """A change that leaves no content has no row."""
    assert edits_of(NAME, [Change("A", FIRST, None, 1, 9, "unexplained", None, ())], []) == ()
