"""cluster.log: every documented line comes back as it was written, and damage costs what it hits and is told."""

from __future__ import annotations

import io
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import lines
from parsers.clusterlog.reader import ClusterLogReader, NotClusterLogError, UndatedClusterLogError
from parsers.clusterlog.structs import GroupState, NodeState, ResourceState
from parsers.problems import ProblemKind
from parsers.records import Decoded, EventRecord, read_all
from parsers.times import datetime_from_filetime

# The lines of Microsoft's own description, with the line ends of Windows.
DOCUMENTED = (
    "378.32c::1999/06/09-18:00:18.874 Cluster service started - Cluster Node \r\n  Version 3.2051\r\n"
    "378.380::1999/06/09-18:00:19.218 [DM]: Initialization\r\n"
    "378.380::1999/06/09-18:00:50.881 [NM] Forming cluster membership.\r\n"
)
LINE = "00000448.00000460::2008/01/10-12:00:35.123 INFO [FM] one\r\n"
TOKEN = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\ufeff", exclude_categories=("Cs", "Zs", "Cc")))


def read(raw: bytes | str) -> Decoded:
    return read_all(ClusterLogReader(raw.encode() if isinstance(raw, str) else raw))


def kinds(decoded: Decoded) -> list[ProblemKind]:
    return [problem.kind for problem in decoded.problems]


def brief(record: EventRecord) -> tuple[object, ...]:
    return record.process_id, record.thread_id, record.level, record.source, record.message


def test_documented_lines_are_read():
    """Identifiers are hexadecimal, a component is the source, a line without a beginning belongs to the one before."""
    records, problems = read(DOCUMENTED)
    assert problems == []
    assert [brief(record) for record in records] == [
        (0x378, 0x32C, None, None, "Cluster service started - Cluster Node \n  Version 3.2051"),
        (0x378, 0x380, None, "DM", "Initialization"),
        (0x378, 0x380, None, "NM", "Forming cluster membership."),
    ]
    assert [record.record_number for record in records] == [1, 2, 3]
    assert [record.offset for record in records] == [0, DOCUMENTED.index("378.380"), DOCUMENTED.rindex("378.380")]
    assert {(r.log, r.event_id, r.computer, r.raw_type, tuple(r.strings)) for r in records} == {
        ("cluster.log", None, None, None, ())
    }
    assert datetime_from_filetime(records[0].generated or 0) == datetime(1999, 6, 9, 18, 0, 18, 874000, UTC)


@pytest.mark.parametrize(
    ("rest", "level", "source", "text"),
    [
        (" INFO [FM] text", 4, "FM", "text"),
        (" WARN [NM] text", 3, "NM", "text"),
        (" ERR  [RM]   text", 2, "RM", "text"),
        (" ERR  IP Address <a b>: [x] text", 2, None, "IP Address <a b>: [x] text"),
        (" INFORM [FM] text", None, None, "INFORM [FM] text"),
        (" [FM]", None, "FM", ""),
        ("", None, None, ""),
        (" INFO", 4, None, ""),
        (" [unclosed text", None, None, "[unclosed text"),
        ("                  OS Version", None, None, "OS Version"),
        (f" [{'x' * 60}] text", None, None, f"[{'x' * 60}] text"),
    ],
)
def test_level_and_component_may_be_missing(rest: str, level: int | None, source: str | None, text: str):
    """What stands before the text is taken off only where it is a level or a component; the rest is the message."""
    (record,), problems = read(f"1a.2b::2008/01/10-12:00:35.123{rest}\r\n")
    assert (brief(record), problems) == ((0x1A, 0x2B, level, source, text), [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_encodings_with_a_mark_give_the_same_records(encoding: str):
    """UTF-8 and UTF-16 of both orders hold the same log; offsets are bytes of the file."""
    text = LINE.replace("one", "Größe 🐘 ") + LINE
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    raw = (mark + text).encode(encoding)
    records, problems = read(raw)
    assert ([record.message for record in records], problems) == (["Größe 🐘", "one"], [])
    for record in records:
        assert raw[record.offset :].decode(encoding.removesuffix("-sig")).startswith("00000448.")


def test_a_code_page_keeps_its_bytes():
    """Bytes that are no UTF-8 come as one character each, and only in their own line."""
    records, problems = read(LINE.replace("one", "Größe").encode("cp850") + LINE.replace("one", "Größe").encode())
    assert problems == []
    assert (records[0].message or "").encode("latin-1").decode("cp850") == "Größe"
    assert records[1].message == "Größe"


def test_a_character_cut_by_the_end_of_the_file_costs_itself_only():
    """UTF-8 that ends inside a character stays UTF-8; UTF-16 that does says so."""
    raw = LINE.replace("one\r\n", "Größeé").encode()
    (record,), problems = read(raw[:-1])
    assert (record.message, problems) == ("Größe", [])
    wide = LINE.removesuffix("\r\n").encode("utf-16")[:-1]
    (record,), problems = read(wide)
    assert record.message == "on"
    assert [(p.kind, p.offset, p.length) for p in problems] == [(ProblemKind.TRUNCATED, len(wide) - 1, 1)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.datetimes(datetime(1601, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001
            st.sampled_from(["INFO", "WARN", "ERR"]),
            st.from_regex(r"[A-Za-z]{1,8}", fullmatch=True),
            st.lists(TOKEN.filter(lambda text: "::" not in text), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["utf-8", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(200, 2000),
)
def test_what_is_written_is_read(entries, encoding, end, stretch):
    """Any entries, written in any encoding and cut anywhere for reading, come back in their order and number."""
    text = "".join(
        f"{process:x}.{thread:08x}::{moment:%Y/%m/%d-%H:%M:%S}.{moment.microsecond // 1000:03d} {level} [{part}] "
        f"x{f'{end}y'.join(said)}{end}".replace(f"{moment:%Y}/", f"{moment.year:04d}/", 1)
        for process, thread, moment, level, part, said in entries
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "STRETCH", stretch)
        reader = ClusterLogReader(text.encode(encoding))
        records, problems = read_all(reader)
    assert problems == []
    assert [record.record_number for record in records] == list(range(1, len(entries) + 1))
    for record, (process, thread, moment, level, part, said) in zip(records, entries, strict=True):
        word = {"INFO": 4, "WARN": 3, "ERR": 2}[level]
        assert brief(record) == (process, thread, word, part, "x" + "\ny".join(said))
        told = datetime_from_filetime(record.generated or 0).replace(tzinfo=None)
        assert told == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_blocks_can_be_decoded_elsewhere():
    """A block survives pickling and gives the same records; the reader starts anew each time."""
    reader = ClusterLogReader(LINE.encode() * 20_000)
    blocks = list(reader.blocks())
    assert len(blocks) > 2
    assert sum(block.size for block in blocks) == len(LINE) * 20_000
    again = [pickle.loads(pickle.dumps(block)).decode() for block in blocks]  # noqa: S301
    assert again == [block.decode() for block in reader.blocks()]
    assert [record.record_number for decoded in again for record in decoded.records] == list(range(1, 20_001))


def test_the_undated_form_is_refused():
    """A log of Windows NT 4.0 is named as such; lines of neither form are no cluster log."""
    with pytest.raises(UndatedClusterLogError, match=r"Windows NT 4\.0, whose lines have no date"):
        ClusterLogReader(b"0a4::15-12:00:35.123 [CS] Cluster Service started\r\n" * 3)
    for other in (
        b"",
        b"text\r\n",
        b"448.460::2008/01/10 12:00:35.123 INFO",
        b"x448.460::2008/01/10-12:00:35.123 ",
        b"448.460::2008/01/10-12:00:35.1234 x",
    ):
        with pytest.raises(NotClusterLogError, match="no line here"):
            ClusterLogReader(other)
    mixed = read(b"0a4::15-12:00:35.123 [CS] old\r\n" + LINE.encode())
    assert [record.message for record in mixed.records][-1] == "one"


def test_a_shortened_log_begins_inside_an_entry():
    """The rest of the entry that was cut is kept without a time, and is no loss of what the file holds."""
    records, problems = read("INFO [FM] the rest\r\n of it\r\n" + LINE)
    assert [(record.generated is None, record.message) for record in records] == [
        (True, "INFO [FM] the rest\n of it"),
        (False, "one"),
    ]
    assert [(p.kind, p.offset, p.length) for p in problems] == [(ProblemKind.REMAINS, 0, 28)]


@pytest.mark.parametrize(
    "time", ["2008/13/10-12:00:35.123", "2008/02/30-12:00:35.123", "2008/01/10-24:00:00.000", "0000/00/00-00:00:00.000",
             "2008/01/10-12:00:60.000", "1600/12/31-23:59:59.999"]
)  # fmt: skip
def test_a_time_that_is_none_is_kept_as_text(time: str):
    """An entry whose time no calendar has is kept whole, without a time, and told."""
    records, problems = read(f"1.2::{time} ERR  [FM] text\r\n{LINE}")
    assert (records[0].generated, records[0].level, records[0].source) == (None, 2, "FM")
    assert records[0].message == f"1.2::{time} ERR  [FM] text"
    assert [(p.kind, p.offset) for p in problems] == [(ProblemKind.BAD_VALUE, 0)]
    assert records[1].message == "one"


def test_zero_bytes_are_a_loss_and_end_a_line():
    """Where a write did not reach the disk, the text on both sides is read, and the range in between is told."""
    start = LINE.removesuffix("e\r\n").encode()
    raw = start + bytes(5000) + LINE.encode()
    records, problems = read(raw)
    assert [record.message for record in records] == ["on", "one"]
    assert records[1].offset == len(start) + 5000
    assert [(p.kind, p.offset, p.length) for p in problems] == [(ProblemKind.LOST_RANGE, len(start), 5000)]
    wide = (LINE + "\0" * 7 + LINE).encode("utf-16")
    records, problems = read(wide)
    assert [record.message for record in records] == ["one", "one"]
    assert [(p.offset, p.length, p.detail[:8]) for p in problems] == [(2 + 2 * len(LINE), 14, "14 zero ")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_of_any_length_is_cut(encoding: str):
    """An entry of 20 MB costs its end, which is told to the byte, and neither memory nor the entries behind it."""
    text = LINE + LINE.replace("one", "é" * 20_000_000) + LINE * 3
    raw = text.encode(encoding)
    reader = ClusterLogReader(io.BytesIO(raw))
    assert max(block.size for block in reader.blocks()) <= lines.MAX_ENTRY + 2 * lines.STRETCH
    records, problems = read_all(reader)
    assert [record.message for record in records[2:]] == ["one"] * 3
    assert [record.record_number for record in records] == [1, 2, 3, 4, 5]
    assert set(records[1].message or "") == {"é"}
    (problem,) = problems
    assert problem.kind is ProblemKind.LIMIT
    assert problem.offset + problem.length == records[2].offset
    assert raw[records[2].offset :].decode(encoding.replace("16", "16-le")) == LINE * 3


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        ("00000448.00000460::2008/01/1", True),
        ("00000448.000", True),
        ("00000448.000\r\n", False),
        ("00000448.00000460::2008/01/10-12:00:35.123", False),
        ("00000448.00000460::2008/01/10-12:00:35.123 INFO [FM] o", False),
        ("  a continuation", False),
    ],
)
def test_a_file_that_ends_in_a_beginning_is_cut(cut: str, told: bool):
    """The first part of one more entry at the end is told; a text that may be whole is not called cut."""
    records, problems = read(LINE + cut)
    assert kinds(Decoded(records, problems)) == [ProblemKind.TRUNCATED] * told
    if told:
        assert (problems[0].offset, problems[0].length) == (len(LINE), len(cut))


@given(st.binary(max_size=3000), st.integers(1, 400), st.booleans())
def test_any_bytes_behind_a_line_are_survived(raw, stretch, wide):
    """Whatever stands behind a line, the line is read, offsets rise, numbers count, and nothing raises."""
    head = ("\ufeff" + LINE).encode("utf-16-le") if wide else LINE.encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "STRETCH", max(stretch, len(head)))
        patched.setattr(lines, "MAX_ENTRY", 1000)
        decoded = read_all(ClusterLogReader(head + raw))
    offsets = [record.offset for record in decoded.records]
    assert (decoded.records[0].message or "").startswith("one")
    assert offsets == sorted(set(offsets))
    assert [record.record_number for record in decoded.records] == list(range(1, len(offsets) + 1))
    for problem in decoded.problems:
        assert 0 <= problem.offset <= problem.offset + problem.length <= len(head + raw)


def test_state_codes_are_those_of_the_article():
    """The codes that Microsoft lists have the names that it gives them."""
    assert [state.name for state in map(GroupState, range(4))] == ["ONLINE", "OFFLINE", "FAILED", "PARTIAL_ONLINE"]
    assert [state.name for state in map(NodeState, range(4))] == ["UP", "DOWN", "PAUSED", "JOINING"]
    names = [ResourceState(code).name for code in (2, 3, 4, 129, 130)]
    assert names == ["ONLINE", "OFFLINE", "FAILED", "ONLINE_PENDING", "OFFLINE_PENDING"]
