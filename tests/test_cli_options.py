"""What users type as times and zones is read as they mean it, or refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from cli.ingest import node_name
from cli.options import Clock, parse_time, parse_zone
from parsers.times import FILETIME_MAX, filetime_from_datetime, iso_utc

ZONES = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda delta: timezone(timedelta(minutes=delta // timedelta(minutes=1)))
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2008-01-10", "2008-01-10T00:00:00.000000Z"),
        ("2008-01-10T12:00", "2008-01-10T12:00:00.000000Z"),
        ("2008-01-10 12:00:35", "2008-01-10T12:00:35.000000Z"),
        ("2008-01-10T12:00:35.123456Z", "2008-01-10T12:00:35.123456Z"),
        ("2008-01-10T12:00:35+01:00", "2008-01-10T11:00:35.000000Z"),
        ("2008-01-10T12:00:35,5-00:30", "2008-01-10T12:30:35.500000Z"),
        (" 2008-01-10T12:00:35Z ", "2008-01-10T12:00:35.000000Z"),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text, meant):
    """A date, or a date and time, with or without a zone, is one moment of UTC."""
    assert iso_utc(parse_time(text, "--since")) == meant


def test_times_keep_100_nanoseconds():
    """The seventh digit of a time counts, and what is below is cut."""
    assert parse_time("2008-01-10T12:00:35.00000019Z", "--since") % 10 == 1


FIRST, LAST = datetime(1602, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001  (hypothesis wants its bounds naive)


@given(st.datetimes(FIRST, LAST, timezones=st.just(UTC) | ZONES))
def test_every_iso_time_is_read_exactly(moment):
    """What Python writes as ISO 8601, of any zone, is read as the same moment."""
    assert parse_time(moment.isoformat(), "--since") == filetime_from_datetime(moment)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "10.01.2008", "2008-13-01", "12:00", "2008-01-10T12:00.5", "1500-01-01", "2008-01-10T25:00"],
)
def test_no_time_is_refused(text):
    """What is no time of ISO 8601, or no FILETIME can hold, is wrong usage and never a guess."""
    with pytest.raises(typer.BadParameter):
        parse_time(text, "--since")


@given(st.text())
def test_no_text_crashes_the_reading_of_times(text):
    """Whatever is typed is a time or wrong usage."""
    try:
        filetime = parse_time(text, "--since")
    except typer.BadParameter:
        return
    assert 0 <= filetime <= FILETIME_MAX


@pytest.mark.parametrize("name", [None, "UTC", "utc", "Z"])
def test_utc_is_the_default_zone(name):
    """No zone is UTC."""
    assert parse_zone(name, "--tz") is UTC


@pytest.mark.parametrize(("name", "hours"), [("+01:00", 1), ("-0530", -5.5), ("Europe/Berlin", 1)])
def test_zones_have_names_or_offsets(name, hours):
    """A zone is a name of the zone database or an offset."""
    winter = datetime(2008, 1, 10, tzinfo=parse_zone(name, "--tz"))
    assert winter.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name", ["", "Mars/Phobos", "../../etc/passwd", "Europe", "/etc/passwd", "+25:00", "a\x00b", "CET1"]
)
def test_unknown_zones_are_refused(name):
    """A name that is no zone is wrong usage, whatever it would be as a path."""
    with pytest.raises(typer.BadParameter, match="time zone"):
        parse_zone(name, "--tz")


def test_the_clock_shows_the_zone():
    """Times on the screen are UTC with Z, or those of the zone with its offset in winter and in summer."""
    berlin = Clock(parse_zone("Europe/Berlin", "--tz"))
    assert Clock(UTC).show("2008-01-10T12:00:35.000000Z") == "2008-01-10T12:00:35.000000Z"
    assert berlin.show("2008-01-10T12:00:35.000000Z") == "2008-01-10T13:00:35.000000+01:00"
    assert berlin.show("2008-07-10T12:00:35.000001Z") == "2008-07-10T14:00:35.000001+02:00"


def test_the_clock_survives_what_is_no_time():
    """No time is an empty cell; the ends of the calendar and altered cases stay as they are stored."""
    clock = Clock(parse_zone("+12:00", "--tz"))
    assert clock.show(None) == ""
    assert clock.show("9999-12-31T23:59:59.999999Z") == "9999-12-31T23:59:59.999999Z"
    assert clock.show("soon") == "soon"


@pytest.mark.parametrize("text", ["exnode1", "EXNODE1", " ExNode1.corp.example "])
def test_nodes_are_named_as_in_the_case(text):
    """A node may be typed in any case and with its domain."""
    assert node_name(text) == "EXNODE1"


@pytest.mark.parametrize("text", ["", " ", ".corp.example"])
def test_a_node_has_a_name(text):
    """A name without a name is wrong usage."""
    with pytest.raises(typer.BadParameter):
        node_name(text)
