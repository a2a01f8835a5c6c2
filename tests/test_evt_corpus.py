"""Real .evt logs: every record that libevt finds, with the same values, and nothing that is not in the bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pyevt
import pytest

from parsers.evt.reader import EvtReader
from parsers.evt.structs import EVENTLOGRECORD
from parsers.problems import ProblemKind
from parsers.records import read_all
from parsers.times import filetime_from_unix

CORPUS = os.environ.get("CCRF_CORPUS")
pytestmark = pytest.mark.skipif(CORPUS is None, reason="CCRF_CORPUS, the folder of real logs, is not set")

STALE, BAD_RECORD = ProblemKind.STALE_HEADER, ProblemKind.BAD_RECORD
# (live, recovered, problems). The live and recovered counts are libevt's too; the problems: every one of these logs was
# copied while in use, so its header is older than its end-of-file record, and the last one is explained below.
PINS = {
    "log2timeline-SysEvent.Evt": (6063, 438, [STALE, BAD_RECORD]),
    "moex01-Application.evt": (67, 0, [STALE]),
    "moex01-Security.evt": (49, 0, [STALE]),
    "moex01-System.evt": (95, 0, [STALE]),
}
# Record 1572 lay across the end of the file when the service enlarged it, and was moved to the new end with all that
# followed. What is left at the old place is its first 240 bytes; what stands behind them is not its own.
LEFT_OVER = 1_965_840


def path(name):
    return Path(CORPUS) / "evt" / name


def ours(name):
    with path(name).open("rb") as stream:
        return read_all(EvtReader(stream))


def optional(read):
    """A value of libevt, which raises where there is none."""
    try:
        return read()
    except OSError:
        return None


def theirs(name):
    """What libevt reads of each record; it shares a cache between records, so each is read before the next is taken."""
    peer = pyevt.file()
    peer.open(str(path(name)))
    found = []
    for count, get, recovered in (
        (peer.number_of_records, peer.get_record, False),
        (peer.number_of_recovered_records, peer.get_recovered_record, True),
    ):
        for i in range(count):
            r = get(i)
            found.append(
                {
                    "offset": r.offset,
                    "record_number": r.identifier,
                    "event": r.event_identifier,
                    "generated": filetime_from_unix(r.get_creation_time_as_integer()),
                    "written": filetime_from_unix(r.get_written_time_as_integer()),
                    "raw_type": r.event_type,
                    "category": r.event_category,
                    "source": r.source_name,
                    "computer": r.computer_name,
                    "user_sid": r.user_security_identifier,
                    "strings": [r.get_string(k) or "" for k in range(r.number_of_strings)],
                    "data": optional(lambda r=r: r.data) or b"",
                    "recovered": recovered,
                }
            )
    peer.close()
    return found


@pytest.mark.parametrize("name", PINS)
def test_a_real_log_comes_whole(name):
    """Counts of live and recovered records, and the kinds of problems, are as pinned."""
    records, problems = ours(name)
    recovered = sum(r.recovered for r in records)
    assert (len(records) - recovered, recovered, [p.kind for p in problems]) == PINS[name]


@pytest.mark.parametrize("name", PINS)
def test_every_value_is_the_one_that_libevt_reads(name):
    """Each record of libevt is ours, in its order, with the same values; ours are no more.

    One difference: libevt takes every text before the data for a string, and we as many as the record's header counts.
    So libevt has an empty string for the zeros by which the Security log aligns the data, and of the left-over part of
    record 1572, behind which foreign bytes stand, eleven strings instead of three.
    """
    raw = path(name).read_bytes()
    mine = [r._asdict() | {"event": r.qualifiers << 16 | r.event_id} for r in ours(name).records]
    expected = theirs(name)
    for other in expected:
        counted = EVENTLOGRECORD.parse(raw[other["offset"] :]).NumStrings
        other["strings"], more = other["strings"][:counted], other["strings"][counted:]
        assert more in ([], [""]) or (other["offset"] == LEFT_OVER and counted + len(more) == 11)
    assert [{key: r[key] for key in other} for r, other in zip(mine, expected, strict=True)] == expected


@pytest.mark.parametrize("name", PINS)
def test_every_record_is_in_the_bytes(name):
    """At the offset of each record stand its signature and its number, and no two records share one."""
    raw = path(name).read_bytes()
    records = ours(name).records
    for r in records:
        assert raw[r.offset + 4 : r.offset + 8] == b"LfLe"
        assert int.from_bytes(raw[r.offset + 8 : r.offset + 12], "little") == r.record_number
    assert len({r.offset for r in records}) == len(records) <= raw.count(b"LfLe") - 1


@pytest.mark.parametrize("name", PINS)
def test_live_numbers_are_those_of_the_end_of_file_record(name):
    """The live records are numbered without gap from the oldest to before the next, as the end-of-file record says."""
    header = EvtReader(path(name).read_bytes()).header
    numbers = [r.record_number for r in ours(name).records if not r.recovered]
    assert numbers == list(range(header.oldest_record_number, header.next_record_number))
    assert (header.dirty, header.healed) == (True, True)


def test_the_left_over_part_is_said():
    """The one damaged leftover is named with its place, and is the live record 1572 as far as it goes."""
    records, problems = ours("log2timeline-SysEvent.Evt")
    (problem,) = [p for p in problems if p.kind is BAD_RECORD]
    assert (problem.offset, problem.length) == (LEFT_OVER, 344)
    live, left = [r for r in records if r.record_number == 1572]
    assert left.offset == LEFT_OVER
    assert (live.generated, live.source, live.computer) == (left.generated, left.source, left.computer)
    assert live.strings[:2] == left.strings[:2]
    assert live.strings[2].startswith(left.strings[2])


def test_golden_records():
    """The first and the last live record of the wrapped log, value by value."""
    live = [r for r in ours("log2timeline-SysEvent.Evt").records if not r.recovered]
    first, last = live[0], live[-1]
    assert (first.record_number, first.offset, first.source, first.event_id) == (1392, 1_966_384, "LSASRV", 40_961)
    assert (first.qualifiers, first.level, first.raw_type, first.category) == (0x8000, 3, 2, 3)
    assert (first.computer, first.user_sid, first.strings[0]) == ("WKS-WINXP32BIT", None, "cifs/CONTROLLER")
    assert first.generated == filetime_from_unix(1_311_748_907)
    assert (last.record_number, last.offset) == (7454, 1_807_768)
