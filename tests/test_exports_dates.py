"""Dates of a machine whose format is not known: told from the whole file, or assumed and said, or left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.exports.dates import Decision, Order, Survey, parse_moment, place_moment
from parsers.times import filetime_from_datetime, iso_utc

DAY, MONTH, YEAR = Order.DAY_FIRST, Order.MONTH_FIRST, Order.YEAR_FIRST


def decide(*texts: str, modified: datetime | None = None) -> Decision:
    survey = Survey()
    for text in texts:
        moment = parse_moment(text)
        assert moment is not None
        survey.add(moment)
    return survey.decide(filetime_from_datetime(modified) if modified else None)


@pytest.mark.parametrize(
    ("texts", "order", "assumed"),
    [
        (["2008-01-02 10:00:00"], YEAR, False),
        (["2008/01/02 10:00"], YEAR, False),
        (["1/2/2008 10:00", "1/13/2008 10:00"], MONTH, False),
        (["1/2/2008 10:00", "13/1/2008 10:00"], DAY, False),
        (["2/2/2008 10:00", "3/3/2008 10:00"], DAY, False),  # both readings are one
        (["1.2.2008 10:00"], DAY, True),
        # In order, newest first, with the day in front only.
        (["03/02/2008 10:00", "09/01/2008 10:00", "08/01/2008 10:00"], DAY, True),
        (["2/3/2008 10:00", "1/9/2008 10:00", "1/8/2008 10:00"], MONTH, True),
        # In order both ways: three days in a row, or the first of three months.
        (["1/10/2008 10:00", "1/11/2008 10:00", "1/12/2008 10:00"], MONTH, True),
        (["10/1/2008 10:00", "11/1/2008 10:00", "12/1/2008 10:00"], DAY, True),
        (["1/10/2008 10:00:00 AM"], MONTH, True),
        (["1/10/2008 10:00:00"], None, False),
        (["01-10-2008 10:00:00", "01-10-2008 10:00:01"], None, False),
    ],
)
def test_the_order_is_told_by_the_file(texts: list[str], order: Order | None, assumed: bool) -> None:
    """What is certain is not called assumed, what is assumed says why, and one day of two meanings stays open."""
    decision = decide(*texts)
    assert decision.order == order
    assert (decision.why is not None) == assumed


def test_no_event_is_later_than_its_file() -> None:
    """A reading in which events lie behind the file's last change is not taken, whatever else speaks for it."""
    saved = datetime(2008, 1, 11, tzinfo=UTC)
    assert decide("10/1/2008 10:00", modified=saved).order is DAY
    assert decide("1/10/2008 10:00", modified=saved).order is MONTH
    assert decide("1/10/2008 10:00", modified=datetime(2009, 1, 1, tzinfo=UTC)).order is None
    assert decide("1/10/2008 10:00", modified=datetime(1980, 1, 1, tzinfo=UTC)).order is None


def test_a_damaged_date_does_not_turn_the_others() -> None:
    """Of dates that are impossible in one reading or the other the larger part decides, and it is said."""
    decision = decide("1/13/2008 1:00", "1/14/2008 1:00", "31/1/2008 1:00")
    assert decision.order is MONTH
    assert decision.why


@given(
    st.lists(st.datetimes(datetime(2003, 1, 1), datetime(2011, 1, 1)), min_size=30, max_size=60),  # noqa: DTZ001
    st.sampled_from(
        [
            ("{0.day:02d}/{0.month:02d}/{0.year} {0:%H:%M:%S}", DAY),
            ("{0.month}/{0.day}/{0.year} {0:%I:%M:%S %p}", MONTH),
        ]
    ),
)
def test_a_log_of_some_length_is_read_as_it_was_written(times: list[datetime], form: tuple[str, Order]) -> None:
    """Sorted events over the years are read back to the second in either format, whichever way they are sorted."""
    template, order = form
    for reverse in (False, True):
        ordered = sorted((moment.replace(microsecond=0) for moment in times), reverse=reverse)
        texts = [template.format(moment) for moment in ordered]
        decision = decide(*texts)
        if len({(moment.day, moment.month) for moment in times}) < 5:
            continue
        assert decision.order is order
        for text, moment in zip(texts, ordered, strict=True):
            parsed = parse_moment(text)
            assert parsed is not None
            found = place_moment(parsed, decision.order, UTC).filetime
            assert found == filetime_from_datetime(moment.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1/10/2008 12:00:35 PM", "12:00:35.000000"),
        ("1/10/2008 12:00:35 AM", "00:00:35.000000"),
        ("1/10/2008 1:00:35 p.m.", "13:00:35.000000"),
        ("1/10/2008 1:00:35\u202fPM", "13:00:35.000000"),
        ("\u200e1/\u200e10/\u200e2008 13:00", "13:00:00.000000"),
        ("1/10/08 13.00.35", "13:00:35.000000"),
        ("1/10/2008, 13:00:35.250", "13:00:35.250000"),
        ("1/ 10/ 2008 13:00:35", "13:00:35.000000"),
    ],
)
def test_times_of_day_are_read(text: str, moment: str) -> None:
    """Clocks of 12 and 24 hours, with any separator, marks of direction and parts of seconds."""
    parsed = parse_moment(text)
    assert parsed is not None
    assert iso_utc(place_moment(parsed, MONTH, UTC).filetime) == f"2008-01-10T{moment}Z"


@pytest.mark.parametrize(
    "text",
    ["", "1/10/2008", "12:00:35", "1/10/2008 24:00:00", "1/10/2008 12:60", "1/10/2008 0:00 AM", "1/10/2008 13:00 PM",
     "2008/10/2008 1:00", "1/10-2008 1:00", "1/10/2008 10:00 上午", "1/10/20081 1:00",
     "1/1/0 1:00", "1/1/200 1:00", "x1/10/2008 1:00"],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    """Text that is no date and time of a known shape gives none, never a plausible time."""
    assert parse_moment(text) is None


def test_years_of_two_digits_and_days_that_are_none() -> None:
    """Two digits are a year around 2000; a day that no calendar has is no time."""
    for text, year in (("1/10/08 1:00", 2008), ("1/10/69 1:00", 2069), ("1/10/99 1:00", 1999)):
        parsed = parse_moment(text)
        assert parsed is not None
        assert parsed.naive(DAY) == datetime(year, 10, 1)  # noqa: DTZ001
    for text, order in (("2/30/2008 1:00", MONTH), ("13/13/2008 1:00", DAY), ("0/1/2008 1:00", DAY)):
        parsed = parse_moment(text)
        assert parsed is not None
        assert place_moment(parsed, order, UTC).filetime is None


def test_the_ends_of_the_calendar_do_not_break() -> None:
    """A time that its zone moves off the calendar is none."""
    for text in ("1/1/0001 00:30", "1/1/0000 00:30", "31/12/9999 23:30"):
        parsed = parse_moment(text)
        assert parsed is not None
        for zone in (UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")):
            place_moment(parsed, DAY, zone)


def test_an_open_order_gives_no_time_but_where_both_agree() -> None:
    """Without an order only dates whose numbers are equal have a time; the hour that comes twice is told."""
    same, open_ = parse_moment("1/1/2008 1:00"), parse_moment("1/2/2008 1:00")
    assert same is not None
    assert open_ is not None
    assert iso_utc(place_moment(same, None, UTC).filetime) == "2008-01-01T01:00:00.000000Z"
    assert place_moment(open_, None, UTC).filetime is None
    berlin = ZoneInfo("Europe/Berlin")
    twice = parse_moment("28.10.2007 02:30:00")
    gap = parse_moment("25.03.2007 02:30:00")
    assert twice is not None
    assert gap is not None
    assert place_moment(twice, DAY, berlin).twice
    assert not place_moment(gap, DAY, berlin).twice
    placed = place_moment(gap, DAY, berlin).filetime
    assert placed == filetime_from_datetime(datetime(2007, 3, 25, 2, 30, tzinfo=UTC) - timedelta(hours=1))
