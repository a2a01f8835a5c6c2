"""The .evt builder, held against libevt and, where libevt stops early, against a plain walk of the documented ring."""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

import pyevt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples.builders.evt import (
    ALLOCATION,
    FLAG_ARCHIVE,
    FLAG_DIRTY,
    FLAG_FULL,
    FLAG_WRAPPED,
    EvtEvent,
    build,
    record,
)

START = 1_199_966_400
SID = bytes.fromhex("010500000000000515000000010000000200000003000000f4010000")


class Seen(NamedTuple):
    """A record as libevt shows it."""

    number: int
    generated: int
    written: int
    identifier: int
    type: int
    category: int
    source: str
    computer: str
    sid: str | None
    strings: tuple[str, ...]
    data: bytes


def event(number: int, **changes) -> EvtEvent:
    """An event whose length varies with its number."""
    fields = {
        "number": number,
        "generated": START + number,
        "written": START + number + 1,
        "event_id": 7036,
        "source": "Service Control Manager",
        "computer": "EXNODE1",
        "strings": (f"Service {number}", "running", "x" * (number * 7 % 60), "end"),
        "qualifiers": 0x4000,
        "type": (4, 2, 1)[number % 3],
        "category": number % 9,
        "sid": SID if number % 2 else b"",
        "data": b"\x01\x02\x03" * (number % 4),
    }
    return EvtEvent(**(fields | changes))


def events(count: int) -> list[EvtEvent]:
    """Events numbered from 1."""
    return [event(number) for number in range(1, count + 1)]


def expected(items) -> list[Seen]:
    """What the events say of themselves."""
    return [
        Seen(
            e.number,
            e.generated,
            e.written,
            e.qualifiers << 16 | e.event_id,
            e.type,
            e.category,
            e.source,
            e.computer,
            "S-1-5-21-1-2-3-500" if e.sid else None,
            tuple(e.strings),
            e.data,
        )
        for e in items
    ]


def shown(item) -> Seen:
    """One record of libevt."""
    return Seen(
        item.identifier,
        item.get_creation_time_as_integer(),
        item.get_written_time_as_integer(),
        item.event_identifier,
        item.event_type,
        item.event_category,
        item.source_name,
        item.computer_name,
        item.user_security_identifier,
        tuple(text or "" for text in item.strings),
        data_of(item),
    )


def data_of(item) -> bytes:
    """Binary data; libevt fails where there is none."""
    try:
        return item.data
    except OSError:
        return b""


def by_libevt(log: bytes) -> tuple[list[Seen], list[Seen]]:
    """Live and recovered records."""
    file = pyevt.file()
    with io.BytesIO(log) as stream:
        file.open_file_object(stream)
        live = [shown(file.get_record(index)) for index in range(file.number_of_records)]
        recovered = [shown(file.get_recovered_record(index)) for index in range(file.number_of_recovered_records)]
        file.close()
    return live, recovered


def header(log: bytes) -> tuple[int, ...]:
    """Oldest offset, end offset, next number, oldest number, maximum size, flags."""
    return struct.unpack_from("<6I", log, 16)


def walk(log: bytes, oldest: int, end: int) -> list[bytes]:
    """Records from one offset of the ring to another, by the documented rules and nothing else."""
    found = []
    at = oldest
    while at != end:
        assert at <= len(log)
        if len(log) - at < 0x38:
            assert log[at:] == b"\x27\0\0\0" * ((len(log) - at) // 4)
            at = 0x30
            continue
        (size,) = struct.unpack_from("<I", log, at)
        head = log[at : at + size]
        rest = size - len(head)
        found.append(head + log[0x30 : 0x30 + rest])
        at = 0x30 + rest if rest else at + size
    return found


def end_record(log: bytes) -> tuple[int, ...]:
    """The newest end-of-file record, also where it is divided by the end of the file."""
    mark = struct.pack("<5I", 0x28, 0x11111111, 0x22222222, 0x33333333, 0x44444444)
    ring = log[0x30:] + log[0x30:0x58]
    places = [at for at in range(0, len(ring) - 0x27, 4) if ring.startswith(mark, at)]
    fields = [struct.unpack_from("<10I", ring, at) for at in places]
    return max(fields, key=lambda record: record[7])[5:9]


def test_a_clean_log_reads_back_whole():
    """Libevt sees no damage, and every field of every event."""
    log = build(events(200))
    live, recovered = by_libevt(log)
    assert live == expected(events(200))
    assert recovered == []
    assert len(log) == ALLOCATION
    assert header(log)[2:4] == (201, 1)
    assert header(log)[:4] == end_record(log)
    assert header(log)[5] == 0


def test_records_have_the_padding_of_real_ones():
    """Sizes are multiples of four, with one to four bytes of padding, and the size stands at both ends."""
    for number in range(1, 40):
        raw = record(event(number))
        *_, data_size, data_at = struct.unpack_from("<2I", raw, 48)
        size = struct.unpack_from("<I", raw)[0]
        assert size == len(raw) == struct.unpack_from("<I", raw, len(raw) - 4)[0]
        assert size % 4 == 0
        assert 1 <= size - 4 - data_at - data_size <= 4


def test_a_dirty_log_keeps_the_header_of_its_last_close():
    """The header is stale and marked, the end-of-file record is not, and libevt finds every event."""
    log = build(events(120), closed_after=30)
    assert header(log)[2:4] == (31, 1)
    assert header(log)[5] == FLAG_DIRTY
    assert end_record(log)[2:4] == (121, 1)
    live, recovered = by_libevt(log)
    assert live + recovered == expected(events(120))


def test_a_log_that_was_never_closed_says_that_it_is_empty():
    """Opened for the first time and copied: the header knows no event at all."""
    log = build(events(5), closed_after=0)
    assert header(log)[:4] == (0x30, 0x30, 1, 0)
    assert [raw[0x38:0x3A] for raw in walk(log, *end_record(log)[:2])] == [b"S\0"] * 5


def sizes_by_turn() -> dict[str, int]:
    """A maximum size for each way in which the ring can turn, found by looking at the logs."""
    found: dict[str, int] = {}
    for maximum in range(4096, 5600, 4):
        log = build(events(60), maximum_size=maximum)
        oldest, end, *_ = end_record(log)
        first = end
        for raw in walk(log, oldest, end):
            if oldest + len(raw) >= maximum:
                first = oldest + len(raw) - maximum
                break
            oldest += len(raw)
            if maximum - oldest < 0x38:
                first = oldest - maximum
                break
        if len(log) - end < 0x28:
            found.setdefault("divided end-of-file record", maximum)
        elif end < oldest:
            found.setdefault("divided record" if first > 0 else "exact end" if first == 0 else "padding", maximum)
        if len(found) == 4:
            break
    return found


TURNS = sizes_by_turn()


@pytest.mark.parametrize("turn", ["divided record", "exact end", "padding", "divided end-of-file record"])
@pytest.mark.parametrize("closed_after", [None, 10], ids=["clean", "dirty"])
def test_a_wrapped_log_keeps_the_newest_records(turn, closed_after):
    """However the ring turns, a walk finds an unbroken run up to the last event, each record as it was built."""
    log = build(events(60), maximum_size=TURNS[turn], closed_after=closed_after)
    assert len(log) == TURNS[turn]
    oldest, end, following, first = end_record(log)
    assert following == 61
    assert walk(log, oldest, end) == [record(e) for e in events(60)[first - 1 :]]
    if closed_after is None:
        assert header(log)[:4] == (oldest, end, following, first)
        assert header(log)[5] == FLAG_WRAPPED


@pytest.mark.parametrize("turn", ["divided record", "divided end-of-file record"])
def test_libevt_reads_a_wrapped_log_whole(turn):
    """Where the ring turns inside a record, libevt finds the same records as live ones, in order."""
    log = build(events(60), maximum_size=TURNS[turn])
    assert by_libevt(log)[0] == expected(events(60)[end_record(log)[3] - 1 :])


@pytest.mark.parametrize("turn", ["exact end", "padding"])
def test_what_libevt_finds_before_the_turn_is_right(turn):
    """Libevt stops where a record ends at the turn; what it shows up to there is the oldest records as written."""
    log = build(events(60), maximum_size=TURNS[turn])
    live, recovered = by_libevt(log)
    first = end_record(log)[3]
    assert live
    assert live == expected(events(60)[first - 1 : first - 1 + len(live)])
    assert all(item in expected(events(60)) for item in recovered)


def test_a_wrapped_log_keeps_old_records_in_its_slack():
    """Between the end-of-file record and the oldest live one lie bytes of records that were overwritten in part."""
    log = build(events(60), maximum_size=TURNS["divided record"])
    oldest, end, *_ = end_record(log)
    slack = log[end + 0x28 : oldest]
    assert end < oldest
    assert slack != bytes(len(slack))


def test_full_and_archived_logs_say_so():
    """The flags stand in the header; a saved log ends with its end-of-file record."""
    assert header(build(events(3), full=True))[5] == FLAG_FULL
    saved = build(events(30), archived=True)
    assert header(saved)[5] == FLAG_ARCHIVE
    assert len(saved) == header(saved)[1] + 0x28
    assert by_libevt(saved) == (expected(events(30)), [])


def test_an_empty_log_is_a_log():
    """No event: oldest and next offset are the same, the oldest number is 0, and libevt finds nothing."""
    assert header(build([]))[:4] == (0x30, 0x30, 1, 0)
    assert by_libevt(build([])) == ([], [])


def test_what_cannot_be_stored_is_refused():
    """A NUL inside a text, an event larger than the log and an odd size of it raise ValueError."""
    with pytest.raises(ValueError, match="NUL"):
        record(event(1, strings=("a\0b",)))
    with pytest.raises(ValueError, match="does not fit"):
        build([event(1, data=bytes(5000))], maximum_size=4096)
    with pytest.raises(ValueError, match="multiple of four"):
        build([], maximum_size=4095)


text = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            EvtEvent,
            number=st.just(0),
            generated=st.integers(0, 0x7FFFFFFF),
            written=st.integers(0, 0x7FFFFFFF),
            event_id=st.integers(0, 0xFFFF),
            source=text.filter(bool),
            computer=text.filter(bool),
            strings=st.lists(text, max_size=5).map(tuple),
            qualifiers=st.integers(0, 0xFFFF),
            type=st.sampled_from([0, 1, 2, 4, 8, 16]),
            category=st.integers(0, 0xFFFF),
            sid=st.sampled_from([b"", SID]),
            data=st.binary(max_size=40),
        ),
        max_size=20,
    )
)
def test_any_event_comes_back_as_it_was(items):
    """Whatever the fields hold, libevt shows the same."""
    numbered = [
        EvtEvent(**{name: getattr(e, name) for name in EvtEvent.__slots__ if name != "number"}, number=n)
        for n, e in enumerate(items, 1)
    ]
    live, recovered = by_libevt(build(numbered))
    assert live == expected(numbered)
    assert recovered == []
