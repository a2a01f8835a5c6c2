"""Logs by the samples' builder, which was written apart from the reader: what went in comes out."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.evt.reader import EvtReader
from parsers.problems import ProblemKind
from parsers.records import read_all
from parsers.times import filetime_from_unix
from samples.builders.evt import EvtEvent, build

TEXT = st.text(st.characters(codec=None, exclude_characters="\0"), max_size=30)
EVENT = st.builds(
    EvtEvent,
    number=st.just(0),
    generated=st.integers(0, 0xFFFFFFFF),
    written=st.integers(0, 0xFFFFFFFF),
    event_id=st.integers(0, 0xFFFF),
    source=TEXT,
    computer=TEXT,
    strings=st.lists(TEXT, max_size=4).map(tuple),
    qualifiers=st.integers(0, 0xFFFF),
    type=st.sampled_from([0, 1, 2, 4, 8, 16]),
    category=st.integers(0, 0xFFFF),
    sid=st.sampled_from([b"", bytes.fromhex("010100000000000512000000")]),
    data=st.binary(max_size=20),
)


def values(event):
    return (
        event.number, filetime_from_unix(event.generated), filetime_from_unix(event.written), event.source,
        event.event_id, event.qualifiers, event.type, event.category, event.computer, "S-1-5-18" if event.sid else None,
        list(event.strings), event.data,
    )  # fmt: skip


def read_values(record):
    return (
        record.record_number, record.generated, record.written, record.source, record.event_id, record.qualifiers,
        record.raw_type, record.category, record.computer, record.user_sid, record.strings, record.data,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=30), st.integers(0, 400), st.booleans(), st.booleans(), st.data())
def test_what_was_logged_is_read(drafts, extra, dirty, archived, data):
    """Every live event comes back equal, numbered without gap to the last; every recovered one is one that was logged.

    The rings are small and turn at any place; the only problems are a stale header, where the log was not closed after
    its last event, and leftovers cut by what overwrote them.
    """
    events = [replace(event, number=number) for number, event in enumerate(drafts, 1)]
    closed_after = data.draw(st.integers(1, len(events))) if dirty else None
    log = build(events, maximum_size=1200 + extra * 4, closed_after=closed_after, archived=archived)
    reader = EvtReader(log)
    records, problems = read_all(reader)
    live = [read_values(r) for r in records if not r.recovered]
    assert live
    assert live == [values(event) for event in events[-len(live) :]]
    assert (reader.header.oldest_record_number, reader.header.next_record_number) == (live[0][0], events[-1].number + 1)
    cut = {p.offset for p in problems if p.kind is ProblemKind.BAD_RECORD}
    for r in records:
        if r.recovered and r.offset not in cut:
            assert read_values(r) == values(events[r.record_number - 1])
    others = {p.kind for p in problems if p.kind is not ProblemKind.BAD_RECORD}
    assert others == ({ProblemKind.STALE_HEADER} if dirty and closed_after < len(events) else set())
    assert all(r.recovered for r in records if r.offset in cut)
