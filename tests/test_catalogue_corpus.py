"""Positions of insertion strings in the catalogue, held against the names that real logs give them."""

from __future__ import annotations

import pytest

from forensics.catalogue import Catalogue
from forensics.profile import load_profile
from parsers.evtx.reader import EvtxReader
from parsers.records import read_all

AUDITING = "Microsoft-Windows-Security-Auditing"
# Source, id: the names that the provider's manifest gives to the positions that the catalogue uses.
NAMES = {
    (AUDITING, 4624): {"object": "TargetUserName", "requires": "LogonType", "domain": "TargetDomainName"},
    ("Microsoft-Windows-Kernel-General", 1): {"new": "NewTime", "old": "OldTime"},
    ("Microsoft-Windows-Time-Service", 35): {"object": "TimeSource"},
    ("Microsoft-Windows-Time-Service", 52): {"seconds": "TimeOffsetSeconds"},
}


@pytest.fixture(scope="module")
def named(corpus):
    """Every record of the corpus whose event the catalogue knows, and whose strings have names."""
    catalogue = Catalogue(load_profile())
    found = []
    for path in sorted(corpus.rglob("*.evtx")):
        with path.open("rb") as stream:
            records = read_all(EvtxReader(stream)).records
        found += [record for record in records if record.names and catalogue.wants(record.source, record.event_id or 0)]
    return found


@pytest.mark.parametrize("event", NAMES, ids=lambda event: f"{event[0]} {event[1]}")
def test_positions_are_those_that_real_logs_name(named, event):
    """Where a real log names its strings, the catalogue's object, requirement and named strings are the right ones."""
    catalogue = Catalogue(load_profile())
    (row,) = [row for row in catalogue.precedence(*event) if row.id == event[1]]
    positions = row.strings | {"object": row.object}
    if row.requires:
        positions["requires"] = row.requires[0].string
    layouts = {record.names for record in named if (record.source, record.event_id) == event}
    assert layouts
    for names in layouts:
        assert {word: names[positions[word] - 1] for word in NAMES[event]} == NAMES[event]
