"""Strings, entropy and candidates for times: bounded, streamed, and the same whatever the blocks."""

from __future__ import annotations

import hashlib
import io
import math
import re
import shutil
import struct
import subprocess
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers.fdb import survey as survey_module
from parsers.fdb.entropy import COUNTED, MOST_BLOCKS, EntropyMeter, Level, block_size_for
from parsers.fdb.strings import LONGEST, Encoding, strings_in
from parsers.fdb.survey import survey
from parsers.fdb.times import KEPT, LOOKED_AT, Form, TimeSearch
from parsers.times import filetime_from_datetime, iso_utc

MOMENT = datetime(2008, 1, 10, 12, 0, 35, tzinfo=UTC)
FILETIME = filetime_from_datetime(MOMENT)


def cut(content: bytes, size: int):
    return [content[i : i + size] for i in range(0, len(content), size)]


# -- strings -----------------------------------------------------------------------------------------------------------

PIECES = st.lists(
    st.sampled_from([b"\0", b"\0\0", b"A", b"ab\tc", b"name", b"\xff", b"\x01", b"L\0o\0n\0g\0", b"\xfc\0", b"x\0"]),
    max_size=60,
).map(b"".join)


@settings(deadline=None)
@given(PIECES, st.integers(1, 9), st.integers(2, 6))
@example(b"A\0B\0C\0" * 3000, 7, 4)
@example(b"z" * (3 * LONGEST + 2), 100, 4)
@example(b"\0" * 100 + b"tail", 50, 4)
def test_strings_do_not_depend_on_the_blocks(content, size, least):
    """The same runs are found whole and in blocks of any size, in the order of their offsets, each where it says."""
    whole = list(strings_in([content], least=least))
    assert list(strings_in(cut(content, size), least=least)) == whole
    assert [one.offset for one in whole] == sorted(one.offset for one in whole)
    for one in whole:
        assert content[one.offset : one.offset + one.size] == one.text.encode(one.encoding)
        assert least <= len(one.text) <= LONGEST


@given(PIECES)
def test_ascii_strings_are_all_maximal_runs(content):
    """In ASCII exactly the maximal runs of printable characters and tabs are found."""
    wanted = [(m.start(), m[0].decode()) for m in re.finditer(rb"[\t -~]{4,}", content)]
    found = [(s.offset, s.text) for s in strings_in([content]) if s.encoding is Encoding.ASCII]
    assert found == wanted


@pytest.mark.skipif(shutil.which("strings") is None, reason="the binutils are not here")
@pytest.mark.parametrize(("letter", "encoding"), [("s", Encoding.ASCII), ("l", Encoding.UTF16LE)])
def test_binutils_find_the_same_strings(tmp_path, letter, encoding):
    """`strings` of the GNU binutils finds the same texts at the same offsets."""
    rng = Random(8)  # noqa: S311 - the same each time
    parts = []
    for _ in range(3000):
        text = "".join(rng.choices("abcXYZ 019._\t", k=rng.randrange(1, 12)))
        parts.append(
            rng.choice([text.encode("ascii"), text.encode("utf-16-le"), bytes(rng.choices(range(0x80, 256), k=3))])
        )
        # Something between two texts, or where one ends would be a matter of taste.
        parts.append(b"\xff\xfe\0\x80")
    content = b"".join(parts)
    (tmp_path / "a.bin").write_bytes(content)
    out = subprocess.run(
        ["strings", "-a", "-n", "4", "-t", "d", "-e", letter, tmp_path / "a.bin"], capture_output=True, check=True
    ).stdout.decode("ascii")
    theirs = [(int(m[1]), m[2]) for m in re.finditer(r"^ *(\d+) (.*)$", out, re.MULTILINE)]
    ours = [(one.offset, one.text) for one in strings_in(cut(content, 1000)) if one.encoding is encoding]
    assert len(ours) > 500
    assert ours == theirs


def test_western_letters_in_utf16():
    """Names with umlauts are one string in UTF-16LE."""
    assert [one.text for one in strings_in(["Überprüfung".encode("utf-16-le")])] == ["Überprüfung"]


# -- entropy -----------------------------------------------------------------------------------------------------------


def meter(content: bytes, size: int):
    measured = EntropyMeter(len(content))
    for block in cut(content, size):
        measured.feed(block)
    return measured.result()


def by_definition(content: bytes) -> float:
    return -sum(n / len(content) * math.log2(n / len(content)) for n in Counter(content).values()) if content else 0


@given(st.binary(min_size=1, max_size=5000), st.integers(1, 3000))
def test_entropy_is_shannons(content, size):
    """Block by block and over all, the figure is the one of the definition, however the content comes."""
    found = meter(content, size)
    assert found == meter(content, len(content))
    assert found.whole == pytest.approx(by_definition(content), abs=0.006)
    wanted = [by_definition(block) for block in cut(content, found.block_size)]
    assert list(found.blocks) == pytest.approx(wanted, abs=0.006)
    assert sum(area.length for area in found.areas) == len(content)


@given(st.integers(0, 1 << 40))
def test_blocks_are_few(size):
    """No file has more blocks than are kept."""
    assert size <= MOST_BLOCKS * block_size_for(size)


def test_areas_are_told_apart():
    """Zeros, text and random bytes are three areas of three levels."""
    content = bytes(4096) + (b"some text, again and again. " * 147)[:4096] + Random(1).randbytes(4096)  # noqa: S311 - the same each time
    areas = meter(content, 999).areas
    assert [(area.offset, area.level) for area in areas] == [
        (0, Level.CONSTANT),
        (4096, Level.MIDDLE),
        (8192, Level.HIGH),
    ]


def test_large_blocks_are_sampled():
    """Where blocks are larger than what is counted, that is said."""
    assert not meter(bytes(MOST_BLOCKS * COUNTED), 1 << 20).sampled
    assert meter(bytes(MOST_BLOCKS * COUNTED + 1), 1 << 20).sampled


# -- candidates for times ----------------------------------------------------------------------------------------------


def candidates(content: bytes, size: int = 1 << 20):
    search = TimeSearch()
    for block in cut(content, size):
        search.feed(block)
    return search.result()


SYSTEMTIME = struct.pack("<8H", 2008, 1, 4, 10, 12, 0, 35, 0)
UNIX = int(MOMENT.timestamp())
OLE = struct.pack("<d", 39457 + (12 * 3600 + 35) / 86400)  # 2008-01-10 is day 39457, as every spreadsheet has it
FORMS = {
    Form.FILETIME: struct.pack("<Q", FILETIME),
    Form.SYSTEMTIME: SYSTEMTIME,
    Form.UNIX_64: struct.pack("<Q", UNIX),
    Form.UNIX_32: struct.pack("<I", UNIX) + b"\xff" * 4,
    Form.OLE_DATE: OLE,
}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("size", [1, 5, 16, 4096])
def test_each_form_is_found(form, size):
    """A moment written in each form, aligned, is a candidate at its offset with that moment, across any blocks."""
    content = bytes(40) + FORMS[form] + b"\xff" * 24
    found = [one for one in candidates(content, size).items if one.form is form]
    assert [(one.offset, iso_utc(one.filetime), one.whole) for one in found] == [
        (40, "2008-01-10T12:00:35.000000Z", True)
    ]


@pytest.mark.parametrize("form", Form)
def test_what_is_not_aligned_does_not_count(form):
    """The same bytes two further on are no candidate."""
    found = candidates(b"\xff" * 42 + FORMS[form] + b"\xff" * 26)
    assert not found.found[form]


def test_the_span_of_years():
    """Years before 1995 and from 2015 on do not count, and a search may be given others."""
    for year, wanted in ((1994, 0), (1995, 1), (2014, 1), (2015, 0)):
        value = filetime_from_datetime(datetime(year, 6, 1, tzinfo=UTC))
        assert candidates(bytes(8) + struct.pack("<Q", value)).found[Form.FILETIME] == wanted
        search = TimeSearch(1994, 2016)
        search.feed(struct.pack("<Q", value))
        assert search.result().found[Form.FILETIME] == 1


def test_text_has_no_times():
    """Letters are numbers in the range of Unix times; they are not taken for times."""
    assert not any(candidates(b"The quick brown fox jumps over the lazy dog.\r\n" * 99).found.values())


def test_a_weekday_that_does_not_fit():
    """A SYSTEMTIME whose weekday is not that of its date is none."""
    wrong = struct.pack("<8H", 2008, 1, 5, 10, 12, 0, 35, 0)
    assert not candidates(wrong).found[Form.SYSTEMTIME]


def test_random_bytes_have_what_chance_gives():
    """In random bytes each form is found about as often as chance is said to find it, and the list stays bounded."""
    found = candidates(Random(3).randbytes(4 << 20))  # noqa: S311 - the same each time
    for form in (Form.FILETIME, Form.OLE_DATE, Form.UNIX_32):
        assert found.found[form] == pytest.approx(found.by_chance[form], rel=0.3)
    assert sum(one.form is Form.UNIX_32 for one in found.items) == KEPT
    assert [one.form for one in found.items] == sorted((one.form for one in found.items), key=list(Form).index)


def test_the_search_ends():
    """What lies behind the part that is looked at is passed over, and how much that is is said."""
    search = TimeSearch()
    for _ in range(LOOKED_AT >> 20):
        search.feed(bytes(1 << 20))
    search.feed(FORMS[Form.FILETIME])
    found = search.result()
    assert (found.looked_at, found.found[Form.FILETIME]) == (LOOKED_AT, 0)


# -- all of it ---------------------------------------------------------------------------------------------------------


def test_a_survey_is_one_pass_over_a_file(monkeypatch):
    """Size and hash are those of the content, and strings are counted beyond those that are kept."""
    monkeypatch.setattr(survey_module, "MOST_STRINGS", 10)
    content = b"name\xff" * 50
    found = survey(io.BytesIO(content))
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (len(found.strings), found.strings_found) == (10, 50)


def test_an_empty_file_has_a_survey():
    """Zero bytes are measured too: no entropy, no strings."""
    found = survey(io.BytesIO(b""))
    assert (found.size, found.entropy.whole, found.strings, found.problems) == (0, None, (), ())


def test_a_file_that_grows_is_said_to(tmp_path):
    """Where more or fewer bytes come than the file had, the survey says so instead of hiding it."""

    class Growing(io.BytesIO):
        def seek(self, offset, whence=0):
            return super().seek(offset, whence) - (3 if whence == 2 else 0)

    (problem,) = survey(Growing(b"x" * 100)).problems
    assert (problem.offset, problem.length) == (97, 3)


@pytest.mark.parametrize("size", [1 << 27, pytest.param(1 << 30, marks=pytest.mark.long)])
def test_a_sparse_file_takes_seconds(tmp_path, size):
    """A sparse file is surveyed whole, with the string near its end, without taking its size in memory."""
    path = tmp_path / "sparse.fdb"
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size - 100)
        file.write(b"the end")
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            found = survey(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.size == size
    assert [(one.offset, one.text) for one in found.strings] == [(size - 100, "the end")]
    assert peak < 32 << 20
