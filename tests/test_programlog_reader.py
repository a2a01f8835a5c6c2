"""ProgramLog.txt: the documented part of a line is read, and a date only where it can mean one thing."""

from __future__ import annotations

import io
import pickle
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import lines
from parsers.problems import ProblemKind
from parsers.programlog.dates import DateForm
from parsers.programlog.reader import NotProgramLogError, ProgramLogReader
from parsers.records import Decoded, read_all
from parsers.times import datetime_from_filetime

# The lines of Microsoft's own description; where it says <date and time>, one that leaves no doubt.
DOCUMENTED = (
    '2008-01-10 12:00:35(11340-15956),"INFORMATION: Forefront Server Security IS scanning subsystem has been taken '
    'offline."\r\n'
    '2008-01-10 12:00:36(10872-15488),"ERROR: (0x800706be) The remote procedure call failed. hr = 0x800706BE."\r\n'
    '2008-01-10 12:00:37( 6288-12416),"INFORMATION: Initializing virus scanning"\r\n'
)
SAID = '( 6288-12416),"INFORMATION: Initializing virus scanning"\r\n'
MOMENT = datetime(2008, 1, 10, 12, 0, 35, tzinfo=UTC)
FORMATS = {
    DateForm.YEAR_FIRST: "%Y-%m-%d %H:%M:%S",
    DateForm.MONTH_NAMED: "%a %b %d %H:%M:%S %Y",
    DateForm.DAY_FIRST: "%d.%m.%Y %H:%M:%S",
    DateForm.MONTH_FIRST: "%m/%d/%Y %I:%M:%S %p",
}


def read(text: str, zone: object = UTC) -> tuple[ProgramLogReader, Decoded]:
    reader = ProgramLogReader(text.encode(), zone)  # type: ignore[arg-type]
    return reader, read_all(reader)


def times(decoded: Decoded) -> list[datetime | None]:
    return [None if r.generated is None else datetime_from_filetime(r.generated) for r in decoded.records]


def log_of(*dates: str) -> str:
    return "".join(date + SAID for date in dates)


def test_documented_lines_are_read():
    """Process and thread are decimal and may be padded; the level's word becomes a level, the rest is the message."""
    _, (records, problems) = read(DOCUMENTED)
    assert problems == []
    assert [(r.process_id, r.thread_id, r.level, r.message) for r in records] == [
        (11340, 15956, 4, "Forefront Server Security IS scanning subsystem has been taken offline."),
        (10872, 15488, 2, "(0x800706be) The remote procedure call failed. hr = 0x800706BE."),
        (6288, 12416, 4, "Initializing virus scanning"),
    ]
    assert {(r.log, r.source, r.event_id, r.computer) for r in records} == {("ProgramLog", "ProgramLog", None, None)}
    assert [r.record_number for r in records] == [1, 2, 3]
    assert [DOCUMENTED[r.offset : r.offset + 19] for r in records] == [f"2008-01-10 12:00:3{n}" for n in (5, 6, 7)]


@pytest.mark.parametrize(
    "date",
    ["2008-01-10 12:00:35", "2008-01-10T12:00:35.000", "2008/1/10 12:00:35 PM", "2008.01.10. 12:00:35",
     "Thu Jan 10 12:00:35 2008", "10-Jan-2008 12:00:35", "Thu, 10 Jan 2008 12:00:35 "],
)  # fmt: skip
def test_dates_that_mean_one_thing_are_read(date: str):
    """The year first, or the month in letters: nothing has to be told from other lines."""
    reader, decoded = read(log_of(date))
    assert (times(decoded), decoded.problems) == ([MOMENT], [])
    assert reader.facts["date_form"] in {DateForm.YEAR_FIRST, DateForm.MONTH_NAMED}


@pytest.mark.parametrize(
    ("dates", "form", "first"),
    [
        (("1/10/2008 12:00:35 PM", "1/13/2008 1:00:00 AM"), DateForm.MONTH_FIRST, MOMENT),
        (("10/1/2008 12:00:35", "13/1/2008 01:00:00"), DateForm.DAY_FIRST, MOMENT),
        (("1/1/2008 12:00:35 AM",), DateForm.DAY_FIRST, datetime(2008, 1, 1, 0, 0, 35, tzinfo=UTC)),
    ],
)
def test_a_day_above_12_tells_the_month(dates: tuple[str, ...], form: DateForm, first: datetime):
    """One number above 12 anywhere in the log settles which one is the day; two equal ones need no settling."""
    reader, decoded = read(log_of(*dates))
    assert (reader.facts["date_form"], times(decoded)[0], decoded.problems) == (form, first, [])


@pytest.mark.parametrize(
    ("dates", "form"),
    [
        (("2/11/2008 10:00:00", "3/1/2008 10:00:00"), DateForm.MONTH_FIRST),
        (("11/2/2008 10:00:00", "1/3/2008 10:00:00"), DateForm.DAY_FIRST),
    ],
)
def test_the_order_of_entries_tells_the_month(dates: tuple[str, ...], form: DateForm):
    """Where one reading only lets time rise, it is taken, and said to be an assumption."""
    reader, decoded = read(log_of(*dates))
    assert reader.facts["date_form"] == form
    assert [problem.kind for problem in decoded.problems] == [ProblemKind.ASSUMED]
    assert None not in times(decoded)


@pytest.mark.parametrize(
    "dates",
    [
        ("1/10/2008 12:00:35 PM",),
        ("1/10/2008 12:00:35", "1/11/2008 12:00:35"),
        ("1/10/2008 12:00:35", "1/9/2008 12:00:35", "1/10/2007 12:00:35"),
        ("13/1/2008 12:00:35", "1/13/2008 12:00:35"),
        ("13/1/2008 12:00:35", "14/1/2008 12:00:35", "1/15/2008 12:00:35"),
        ("10/01/08 12:00:35",),
        ("12:00:35",),
        ("",),
    ],
)
def test_a_date_that_may_mean_two_things_is_no_time(dates: tuple[str, ...]):
    """Without certain dates entries keep their whole text and get no time; one problem says so, no zone is assumed."""
    reader, (records, problems) = read(log_of(*dates), zone=None)
    assert [record.generated for record in records] == [None] * len(dates)
    assert [record.message for record in records] == [(date + SAID).strip() for date in dates]
    assert [problem.kind for problem in problems] == [ProblemKind.UNSUPPORTED]
    assert reader.facts == {"encoding": "8-bit", "date_form": "unknown"}


@pytest.mark.parametrize(
    "date", ["2008-02-30 10:00:00", "2008-01-10 25:00:00", "2008-01-10 13:00:00 PM", "10/1/2008 1:00:00", "?"]
)
def test_one_bad_date_costs_one_time(date: str):
    """A date that is none among good ones is kept as text, told, and hurts no other entry."""
    _, decoded = read(log_of("2008-01-10 12:00:35", date, "2008-01-10 12:00:35"))
    assert times(decoded) == [MOMENT, None, MOMENT]
    assert (decoded.records[1].message or "").startswith(date)
    assert [(p.kind, p.offset) for p in decoded.problems] == [
        (ProblemKind.BAD_VALUE, len("2008-01-10 12:00:35" + SAID))
    ]


def test_one_damaged_day_does_not_outweigh_the_others():
    """A single day above 12 in the other place, among many, is a bad date and no second form."""
    _, decoded = read(log_of(*["1/13/2008 10:00:00"] * 30, "13/1/2008 10:00:00"))
    assert [problem.kind for problem in decoded.problems] == [ProblemKind.BAD_VALUE]
    assert times(decoded) == [datetime(2008, 1, 13, 10, tzinfo=UTC)] * 30 + [None]


def test_fractions_and_the_first_moment():
    """A fraction is one of a second however many digits it has; what lies before 1601 in UTC is no time."""
    _, decoded = read(log_of("2008-01-10 12:00:35.5", "2008-01-10 12:00:35,0000007", "1601-01-01 00:30:00"))
    assert times(decoded)[0] == MOMENT + timedelta(milliseconds=500)
    assert [(record.generated or 0) % 10_000_000 for record in decoded.records] == [5_000_000, 7, 0]
    _, decoded = read(log_of("1601-01-01 00:30:00"), timezone(timedelta(hours=1)))
    assert times(decoded) == [None]


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        (timezone(timedelta(hours=-5)), MOMENT + timedelta(hours=5)),
        (ZoneInfo("Europe/Berlin"), MOMENT - timedelta(hours=1)),
        (None, MOMENT),
    ],
)
def test_times_are_of_the_zone_that_is_named(zone: object, moment: datetime):
    """A time is read in the zone given; without one in UTC, and the facts say that it was assumed."""
    reader, decoded = read(log_of("2008-01-10 12:00:35"), zone)
    assert times(decoded) == [moment]
    assert reader.facts.get("assumed_tz") == ("UTC" if zone is None else None)


@given(
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.datetimes(datetime(1601, 1, 2), datetime(9999, 12, 30)), min_size=1, max_size=30),  # noqa: DTZ001
    st.integers(300, 3000),
)
def test_what_is_written_in_a_form_is_read_or_not_dated(form, moments, stretch):
    """Dates in any declared form, in order, come back as written or as none: never as another time."""
    moments = sorted(moment.replace(microsecond=0) for moment in moments)
    text = log_of(*(moment.strftime(FORMATS[form]).replace(f"{moment:%Y}", f"{moment.year:04d}") for moment in moments))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "STRETCH", stretch)
        reader, decoded = read(text)
    told = [None if moment is None else moment.replace(tzinfo=None) for moment in times(decoded)]
    assert told in (moments, [None] * len(moments))
    if form in {DateForm.YEAR_FIRST, DateForm.MONTH_NAMED} or any(moment.day > 12 for moment in moments):
        assert told == moments
    assert [record.record_number for record in decoded.records] == list(range(1, len(moments) + 1))
    if told == moments and any(moment.day != moment.month for moment in moments):
        assert reader.facts["date_form"] == form


def test_a_message_may_have_lines_and_quotation_marks():
    """Only the last quotation mark ends an entry; lines without a beginning belong to the entry before."""
    text = DOCUMENTED.replace("Initializing virus scanning", 'say "a",\r\n\r\n  (1-2) "b"')
    _, (records, problems) = read(text)
    assert (records[2].message, problems) == ('say "a",\n\n  (1-2) "b"', [])


def test_a_word_that_is_no_level_stays_in_the_text():
    """A level that is not known gives none, and its word is not lost."""
    _, (records, problems) = read(DOCUMENTED.replace("ERROR", "CRITICAL ERROR").replace('"INFORMATION', '"WARNING'))
    assert [record.level for record in records] == [3, None, 3]
    assert (records[1].message or "").startswith("CRITICAL ERROR: (0x800706be)")
    assert problems == []


def test_entries_without_an_end_are_told():
    """A missing quotation mark inside the log is a bad value, at its end a cut."""
    text = DOCUMENTED.replace('0x800706BE."', "0x800706BE.").removesuffix('scanning"\r\n')
    _, (records, problems) = read(text)
    assert [p.kind for p in problems] == [ProblemKind.BAD_VALUE, ProblemKind.TRUNCATED]
    assert [p.offset for p in problems] == [records[1].offset, records[2].offset]
    assert records[2].message == "Initializing virus"


def test_text_before_the_first_entry_is_kept():
    """A heading is a record without a time; nothing of the log is called lost."""
    _, (records, problems) = read("a heading\r\n" + DOCUMENTED)
    assert [(r.message, r.generated, r.level) for r in records[:1]] == [("a heading", None, None)]
    assert [p.kind for p in problems] == [ProblemKind.REMAINS]


def test_zero_bytes_and_utf_16():
    """Zero bytes between entries are told by their range; UTF-16 gives the same records."""
    _, plain = read(DOCUMENTED)
    raw = DOCUMENTED.replace("\r\n", "\r\n\0\0\0", 1)
    _, (records, problems) = read(raw)
    assert [record.message for record in records] == [record.message for record in plain.records]
    assert [(p.kind, p.offset, p.length) for p in problems] == [(ProblemKind.LOST_RANGE, raw.index("\0"), 3)]
    wide = read_all(ProgramLogReader(DOCUMENTED.encode("utf-16"), UTC))
    assert [(r.generated, r.message) for r in wide.records] == [(r.generated, r.message) for r in plain.records]


def test_a_line_of_any_length_is_cut():
    """An entry of 20 MB costs its end, which is told, and nothing behind it."""
    raw = (DOCUMENTED.replace("Initializing", "x" * 20_000_000) + DOCUMENTED).encode()
    reader = ProgramLogReader(io.BytesIO(raw), UTC)
    assert max(block.size for block in reader.blocks()) <= lines.MAX_ENTRY + 2 * lines.STRETCH
    records, problems = read_all(reader)
    assert [r.record_number for r in records] == [1, 2, 3, 4, 5, 6]
    assert [(p.kind, p.offset + p.length) for p in problems] == [(ProblemKind.LIMIT, records[3].offset)]


def test_blocks_can_be_decoded_elsewhere():
    """A block survives pickling with its zone and form, and gives the same records."""
    reader = ProgramLogReader(DOCUMENTED.encode() * 3000, ZoneInfo("Europe/Berlin"))
    blocks = list(reader.blocks())
    assert len(blocks) > 2
    assert [pickle.loads(pickle.dumps(block)).decode() for block in blocks] == [b.decode() for b in reader.blocks()]  # noqa: S301


def test_other_text_is_no_program_log():
    """Text without one entry is refused."""
    for other in (b"", b"text\r\n", b'2008-01-10 (1-2) "ERROR: x"', b'2008-01-10 (1-2),"error: x"'):
        with pytest.raises(NotProgramLogError):
            ProgramLogReader(other, UTC)


@given(st.binary(max_size=2000) | st.text('0123456789/(),-": AMPINFORT\n\0').map(str.encode), st.integers(60, 400))
def test_any_bytes_behind_a_line_are_survived(raw, stretch):
    """Whatever stands behind a line, the line is read, offsets rise, numbers count, and nothing raises."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "STRETCH", stretch)
        patched.setattr(lines, "MAX_ENTRY", 1000)
        decoded = read_all(ProgramLogReader(DOCUMENTED.encode() + raw, UTC))
    offsets = [record.offset for record in decoded.records]
    assert [r.process_id for r in decoded.records[:3]] == [11340, 10872, 6288]
    assert offsets == sorted(set(offsets))
    assert [record.record_number for record in decoded.records] == list(range(1, len(offsets) + 1))
