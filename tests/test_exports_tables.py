"""Event Viewer's tables: both generations, commas and tabs, quotes, damage, and words that are not English."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.exports import rows
from parsers.exports.table import NotATableError, TableReader
from parsers.problems import HARMLESS, ProblemKind
from parsers.records import Decoded, read_all
from parsers.times import iso_utc

HEADER = "Level,Date and Time,Source,Event ID,Task Category\r\n"
TEXT = 'Skipped "ScanJobs.fdb".\r\n\r\nInformation,1/1/2001 1:00:00 AM,Fake,1,None,no row\r\n, ü'
SAVED_2008 = [
    ["Information", "1/10/2008 12:00:35 PM", "FSECCRService", "9413", "None", TEXT],
    ["Warning", "1/13/2008 9:05:00 AM", "MSExchangeIS", "9523", "(6)", "plain"],
    ["Fehler", "1/13/2008 12:00:01 AM", "A, b", "3221229571", "Allgemein", ""],
]
SAVED_2003 = [
    ["13/01/2008", "00:00:01", "ClusSvc", "Information", "Failover Mgr ", "1201", "N/A", "EXNODE1", "Online."],
    ["10/01/2008", "12:00:35", "Security", "Success Audit", "(5)", "520", "NT AUTHORITY\\SYSTEM", "EXNODE2", "a, b"],
]


def written(rows_: list[list[str]], delimiter: str = ",") -> str:
    """Rows as the standard library writes them: cells quoted where they must be."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerows(rows_)
    return buffer.getvalue()


def reader(data: bytes | str, **options: object) -> TableReader:
    raw = data if isinstance(data, bytes) else data.encode()
    return TableReader(io.BytesIO(raw), **({"zone": UTC, "default": UTC} | options))  # type: ignore[arg-type]


def read(data: bytes | str, **options: object) -> Decoded:
    return read_all(reader(data, **options))


def losses(decoded: Decoded) -> list[ProblemKind]:
    return [problem.kind for problem in decoded.problems if problem.kind not in HARMLESS]


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_tables_of_2008_are_read(code: str, delimiter: str) -> None:
    """Header or not in English, quoted line breaks, doubled quotes: each row is an event, and a line in quotes none."""
    for header in (HEADER, "Ebene,Datum und Uhrzeit,Quelle,Ereignis-ID,Aufgabenkategorie\r\n", "Keywords" + HEADER[5:]):
        data = (header.replace(",", delimiter) + written(SAVED_2008, delimiter)).encode(code)
        source = reader(data)
        decoded = read_all(source)
        assert losses(decoded) == []
        found = [
            (iso_utc(r.generated), r.source, r.event_id, r.qualifiers, r.level, r.category, r.message, r.computer)
            for r in decoded.records
        ]
        assert found == [
            ("2008-01-10T12:00:35.000000Z", "FSECCRService", 9413, None, 4, 0, TEXT, None),
            ("2008-01-13T09:05:00.000000Z", "MSExchangeIS", 9523, None, 3, 6, "plain", None),
            ("2008-01-13T00:00:01.000000Z", "A, b", 0x1003, 0xC000, None, None, "", None),
        ]
        assert source.facts == {"form": "saved_2008", "date_order": "month first", "unknown_levels": "Fehler: 1"}
        assert all(r.record_number is r.event_record_id is None and not r.strings for r in decoded.records)


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("type_first", [False, True])
def test_tables_of_2003_are_read(delimiter: str, type_first: bool) -> None:
    """Without a header as saved, with one and the type in front as listed: the same events, with their computers."""
    table = [[row[3], *row[:3], *row[4:]] for row in SAVED_2003] if type_first else SAVED_2003
    text = written(table, delimiter)
    listed = "Type,Date,Time,Source,Category,Event,User,Computer\r\n".replace(",", delimiter)
    for data in (text, listed + text) if type_first else (text,):
        decoded = read(data)
        assert decoded.problems == []
        found = [
            (iso_utc(r.generated), r.source, r.event_id, r.level, r.raw_type, r.category, r.user_sid, r.computer)
            for r in decoded.records
        ]
        assert found == [
            ("2008-01-13T00:00:01.000000Z", "ClusSvc", 1201, 4, 4, None, None, "EXNODE1"),
            ("2008-01-10T12:00:35.000000Z", "Security", 520, 0, 8, 5, "S-1-5-18", "EXNODE2"),
        ]
        assert [r.message for r in decoded.records] == ["Online.", "a, b"]
        assert [data[r.offset :].split(delimiter)[0] for r in decoded.records] == [row[0] for row in table]


def test_a_listed_table_has_no_descriptions() -> None:
    """A list exported from the screen has no description: the message is none, and not an empty one."""
    decoded = read(written([row[:-1] for row in SAVED_2003]))
    assert [record.message for record in decoded.records] == [None, None]


def test_lines_that_continue_a_description_without_quotes_belong_to_it() -> None:
    """Where descriptions were saved unquoted, the lines up to the next row are theirs."""
    text = "\t".join(SAVED_2003[0]) + "\r\nsecond line\r\n\r\nthird\r\n" + "\t".join(SAVED_2003[1]) + "\r\n"
    decoded = read(text)
    assert decoded.problems == []
    assert [r.message for r in decoded.records] == ["Online.\r\nsecond line\r\n\r\nthird", "a, b"]


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        (ZoneInfo("Europe/Berlin"), "2008-01-10T11:00:35.000000Z"),
        (ZoneInfo("America/New_York"), "2008-01-10T17:00:35.000000Z"),
        (timezone(timedelta(hours=-5, minutes=-30)), "2008-01-10T17:30:35.000000Z"),
    ],
)
def test_the_zone_is_that_of_the_analyst(zone: object, moment: str) -> None:
    """Times are of the zone that is given; UTC is assumed, and said in the facts, only where none is."""
    source = reader(HEADER + written(SAVED_2008), zone=zone)
    assert iso_utc(read_all(source).records[0].generated) == moment
    assert "assumed_tz" not in source.facts
    source = reader(HEADER + written(SAVED_2008), zone=None)
    assert iso_utc(read_all(source).records[0].generated) == "2008-01-10T12:00:35.000000Z"
    assert source.facts["assumed_tz"] == "UTC"


def test_an_hour_that_comes_twice_is_said() -> None:
    """A time that a zone's clock showed twice is taken for the first of both, and this is stated once."""
    text = "".join(f"28.10.2007,02:{minute}:00,ClusSvc,Error,None,1,N/A,EXNODE1,x\r\n" for minute in (10, 30))
    decoded = read(text, zone=ZoneInfo("Europe/Berlin"))
    assert iso_utc(decoded.records[0].generated) == "2007-10-28T00:10:00.000000Z"
    assert [(p.kind, p.offset) for p in decoded.problems] == [(ProblemKind.ASSUMED, 0)]


def test_a_missing_quote_costs_no_other_row() -> None:
    """A description whose quote is not closed ends where the next row begins, and is told."""
    rows_ = HEADER + written(SAVED_2008[1:2]) + SAVED_2008[0][0] + ',1/10/2008 12:00:35 PM,Cut,7,None,"lost its end\r\n'
    decoded = read(rows_ + written(SAVED_2008))
    assert [record.source for record in decoded.records] == ["MSExchangeIS", "Cut", *[row[2] for row in SAVED_2008]]
    assert [record.message for record in decoded.records][1] == "lost its end"
    assert losses(decoded) == [ProblemKind.BAD_VALUE]
    decoded = read(
        HEADER + 'Error,1/13/2008 12:00:35 PM,Quoting,7,None,"the "x" service"\r\n' + written(SAVED_2008[1:])
    )
    assert decoded.records[0].message == 'the "x" service'
    assert losses(decoded) == []


def test_what_is_no_row_is_told() -> None:
    """Foreign lines behind a quoted description are a range without events, and the rows around it are read."""
    text = HEADER + written(SAVED_2008[:1]) + "foreign\x01 bytes\r\nand more\r\n" + written(SAVED_2008[1:])
    decoded = read(text)
    assert len(decoded.records) == 3
    (problem,) = decoded.problems
    assert problem.kind is ProblemKind.LOST_RANGE
    lost = text.encode()[problem.offset : problem.offset + problem.length]
    assert lost == b"foreign\x01 bytes\r\nand more\r\n"


def test_impossible_times_are_kept_without_one() -> None:
    """A row whose date is on no calendar, or whose time is on no clock, is an event without a time, and told."""
    rows_ = [list(SAVED_2008[1]) for _ in range(3)]
    rows_[0][1], rows_[1][1] = "2/30/2008 1:00:00 AM", "1/13/2008 13:00:00 PM"
    decoded = read(HEADER + written(rows_))
    assert [record.generated is None for record in decoded.records] == [True, True, False]
    assert losses(decoded) == [ProblemKind.BAD_VALUE] * 2


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_buffer_does_not_matter(data: st.DataObject) -> None:
    """Rows and damage in any order are read the same with small and with large buffers."""
    pieces = st.sampled_from(
        [*[written([row]) for row in SAVED_2008], "x\r\n", '"', "\r\n", 'Error,1/13/2008 1:00,a,1,b,"']
    )
    text = HEADER + written(SAVED_2008[:1]) + "".join(data.draw(st.lists(pieces, max_size=8)))
    whole = read(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "READ_SIZE", 61)
        patched.setattr(rows, "_AHEAD", 300)
        small = read(text)
    assert small.records == whole.records


@given(st.integers(0, 400))
def test_a_cut_table_keeps_the_rows_before_the_cut(cut: int) -> None:
    """A table cut anywhere behind its first row gives every row that is whole."""
    whole = written(SAVED_2008[:2])
    text = HEADER + whole + written(SAVED_2008[:1])
    decoded = read(text[: len(HEADER + whole) + cut])
    assert [record.source for record in decoded.records][:2] == ["FSECCRService", "MSExchangeIS"]


@given(st.one_of(st.binary(max_size=200), st.text(',;\t"\r\n1/.: aAM', max_size=200).map(str.encode)))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """Anything behind a row is read or told, and anything at all is a table or refused as none."""
    read((HEADER + written(SAVED_2008)).encode() + data)
    with contextlib.suppress(NotATableError):
        read(data)


@pytest.mark.parametrize(
    "piece", ['Error,1/13/2008 1:00,a,1,b,"x', '"', 'Error,1/13/2008 1:00,a,1,b,""x\r\n', "a,", "1/1/1 1", "\n"]
)
def test_megabytes_of_one_piece_take_seconds(piece: str) -> None:
    """Quotes that are never closed and lines without end are read in time that grows with the file."""
    started = time.process_time()
    decoded = read(HEADER + written(SAVED_2008[:2]) + piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 15
    assert decoded.records
