"""When a text of a message table says what a text that is known says."""

from __future__ import annotations

import pytest

from forensics.messages import says

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete."

SAID = {
    "itself": (SEEDING, True),
    "with breaks and other blanks": (SEEDING.replace(" ", "\r\n ") + "%n%0\r\n", True),
    "in capitals": (SEEDING.upper(), True),
    "with curly quotes": (SEEDING.replace("'seeding'", "\u2018seeding\u2019"), True),
    "with more behind": (f"{SEEDING} See %1.", True),
    "a string for a name": ("%1 CCR Replication service initial replication '%2!s!' complete.", True),
    "strings at both ends": ("%1 Replication service initial replication 'seeding' %2", True),
    "another text": ("Forefront Server Security CCR Replication service started.", False),
    "a string for all": ("%1", False),
    "strings for nearly all": ("%1 'seeding' complete.", False),
    "words in another order": ("%1 'seeding' complete. Forefront Server Security CCR Replication service %2", False),
    "half of it": (SEEDING[:60], False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("text", "same"), SAID.values(), ids=SAID)
def test_texts_that_say_the_same(text, same):
    """A text is the known one whatever its blanks, case, quotes and strings, but never by strings alone."""
    assert says(text, SEEDING) is same


def test_places_of_strings_compare():
    """Where a known text has places for strings, they stand for places with other numbers and formats."""
    assert says("Copy of %2!s! failed: %1!d!", "Copy of %1 failed: %2")
    assert not says("Copy of everything failed: %1", "Copy of %1 failed: %2")


def test_many_strings_end():
    """A hostile text of many places is held against a long one in no time."""
    assert not says("%1a" * 20_000 + "b", "a" * 30_000)
