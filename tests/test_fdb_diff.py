"""Two versions compared: exact to the byte whatever they are, and what was inserted leaves the rest unchanged."""

from __future__ import annotations

import io
from difflib import SequenceMatcher
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers.fdb import diff as diff_module
from parsers.fdb import wording
from parsers.fdb.chunks import Cutter, chunks
from parsers.fdb.diff import RangeKind, compare, rebuilt
from parsers.fdb.matching import Copy, in_order
from parsers.fdb.strings import strings_in
from parsers.fdb.wording import compare_strings

CHANGED, MOVED, UNCHANGED = RangeKind.CHANGED, RangeKind.MOVED, RangeKind.UNCHANGED


def compared(a: bytes, b: bytes):
    """The difference, after holding it to everything that it promises."""
    older, newer = io.BytesIO(a), io.BytesIO(b)
    found = compare(older, newer)
    assert b"".join(rebuilt(older, newer, found.ranges)) == b
    at = 0
    for one in found.ranges:
        assert one.b_offset == at
        at += one.b_length
        assert one.a_length + one.b_length
        assert 0 <= one.a_offset <= one.a_offset + one.a_length <= len(a)
        if one.kind is not CHANGED:
            assert a[one.a_offset : one.a_offset + one.a_length] == b[one.b_offset : at]
            assert (one.kind is UNCHANGED) is (one.a_offset == one.b_offset)
    assert at == len(b)
    # Nothing of the older version is forgotten: each byte was copied, or is part of a change, and never both.
    copied = bytearray(len(a))
    gone = bytearray(len(a))
    for one in found.ranges:
        mark, span = (gone if one.kind is CHANGED else copied), slice(one.a_offset, one.a_offset + one.a_length)
        assert one.kind is not CHANGED or not any(gone[span])
        mark[span] = b"\1" * one.a_length
    assert all(c ^ g for c, g in zip(copied, gone, strict=True))
    assert found.identical is (a == b)
    return found


def noise(size, seed=1):
    return Random(seed).randbytes(size)  # noqa: S311 - the same each time


SMALL = st.binary(max_size=40) | st.text("ab\0", max_size=300).map(str.encode) | st.just(noise(700))
EDITS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1000), st.integers(0, 1000), SMALL), max_size=5)


def edited(content: bytes, edits) -> bytes:
    for kind, one, two, new in edits:
        i, j = sorted((one * len(content) // 1000, two * len(content) // 1000))
        middle = {0: new + content[i:j], 1: b"", 2: content[i:j][::-1], 3: new}[kind]
        content = content[:i] + middle + content[j:]
    return content


@settings(deadline=None, max_examples=200)
@given(SMALL, SMALL)
@example(b"", b"")
@example(b"", b"x")
@example(b"x", b"")
@example(bytes(70_000), bytes(69_000))
def test_any_two_contents(a, b):
    """The ranges rebuild the newer content from the older one, whatever the two are."""
    compared(a, b)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([noise(3000), b"abc " * 500, bytes(2000), b"".join(b"row %d\n" % i for i in range(300))]), EDITS)
def test_any_edits(a, edits):
    """The same after insertions, removals and rearrangements of noise, text and zeros."""
    compared(a, edited(a, edits))


@pytest.mark.parametrize("size", [2_000, 300_000])
def test_an_insertion_leaves_the_rest(size):
    """Behind inserted bytes everything is moved, not changed: one change of exactly those bytes."""
    a = noise(size)
    found = compared(a, a[:1000] + b"inserted" + a[1000:])
    assert [one.kind for one in found.ranges] == [UNCHANGED, CHANGED, MOVED]
    assert found.of(CHANGED) == [(CHANGED, 1000, 0, 1000, 8, False)]
    assert not found.of(MOVED)[0].reordered


def test_a_removal_leaves_the_rest():
    """What was removed is one change of those bytes and no new ones."""
    a = noise(5000)
    found = compared(a, a[:1000] + a[1300:])
    assert found.of(CHANGED) == [(CHANGED, 1000, 300, 1000, 0, False)]


def test_edits_in_place():
    """Bytes overwritten in place are changes of exactly those bytes, and all else is unchanged."""
    a = noise(200_000)
    b = bytearray(a)
    places = [7, 1000, 1020, 65_536, 131_071, 199_999]
    for place in places:
        b[place] ^= 0xFF
    found = compared(a, bytes(b))
    assert [(one.b_offset, one.b_length) for one in found.of(CHANGED)] == [(place, 1) for place in places]
    assert found.of(MOVED) == []


def test_two_parts_that_changed_places():
    """Of two parts that changed places one keeps the order and the other is reordered; nothing is changed."""
    a = noise(20_000)
    found = compared(a, a[:4000] + a[9000:16_000] + a[4000:9000] + a[16_000:])
    assert found.of(CHANGED) == []
    assert [(one.a_offset, one.a_length, one.reordered) for one in found.of(MOVED)] == [
        (9000, 7000, False),
        (4000, 5000, True),
    ]


def test_a_large_insertion_and_many_small_ones():
    """Two hundred insertions into half a megabyte are two hundred changes of just the inserted bytes."""
    a = noise(500_000)
    places = sorted(Random(2).sample(range(0, 500_000, 500), 200))  # noqa: S311 - the same each time
    parts, last = [], 0
    for place in places:
        parts += [a[last:place], b"<<%06d>>" % place]
        last = place
    found = compared(a, b"".join([*parts, a[last:]]))
    assert len(found.of(CHANGED)) == 200
    assert 1900 < found.size_of(CHANGED) <= 2000
    assert not any(one.reordered for one in found.ranges)


def test_what_stands_twice_is_not_reordered():
    """Of a stretch that was doubled at most the second one is new, and none was taken past other content."""
    a = noise(20_000)
    found = compared(a, a[:6000] + a[5000:])
    assert found.size_of(CHANGED) <= 1000
    assert not any(one.reordered for one in found.ranges)


def test_not_worse_than_twice_difflib():
    """On small texts at most twice as many bytes are called changed as the slow and thorough difflib leaves over."""
    rng = Random(5)  # noqa: S311 - the same each time
    for seed in range(30):
        a = b"".join(b"%d: scan job %d\r\n" % (i, rng.randrange(99)) for i in range(60))
        cuts = sorted(rng.sample(range(len(a)), 4))
        b = a[: cuts[0]] + noise(20, seed) + a[cuts[1] : cuts[2]] + a[cuts[2] + 9 : cuts[3]] + b"!!" + a[cuts[3] :]
        matcher = SequenceMatcher(None, a, b, autojunk=False)
        theirs = len(b) - sum(block.size for block in matcher.get_matching_blocks())
        assert compared(a, b).size_of(CHANGED) <= 2 * theirs + 40


def test_unrelated_contents():
    """Two contents without anything in common are one change, or few."""
    found = compared(noise(100_000, 1), noise(90_000, 2))
    assert found.size_of(CHANGED) > 89_900


def test_limits_make_the_answer_coarse_and_keep_it_exact(monkeypatch):
    """With hardly any ranges and no search for small pieces the answer says that it is coarse, and still holds."""
    monkeypatch.setattr(diff_module, "MOST_RANGES", 3)
    a = noise(50_000)
    b = bytearray(a)
    b[::40] = bytes(len(b[::40]))
    assert compared(a, bytes(b)).coarse
    monkeypatch.setattr(diff_module, "_REFINED", 0)
    # Matched by no large chunk, and of unequal length: only small pieces would tell.
    c = b"".join(a[i : i + 30] + b"-" for i in range(0, 3000, 30))
    assert compared(a[:3000], c).coarse


@pytest.mark.parametrize("average", [16, 64, 1024, 16384])
def test_chunks_tile_and_follow_the_content(average):
    """Chunks tile the range, and an insertion changes only those around it."""
    cutter = Cutter.for_average(average)
    content = noise(2_500_000)

    def cut(data):
        return list(chunks(lambda at, n: data[at : at + n], 0, len(data), cutter))

    first, second = cut(content), cut(content[:1000] + b"hello" + content[1000:])
    at = 0
    for one in first:
        assert one.offset == at
        assert one.length <= cutter.most
        at += one.length
    assert at == len(content)
    assert average / 2 < len(content) / len(first) < 4 * average
    assert len({one.digest for one in first} - {one.digest for one in second}) <= 8


@pytest.mark.parametrize("bits", [4, 6, 8, 11])
def test_a_window_alone_says_where_a_chunk_ends(bits):
    """Whether a place ends a chunk depends on the bytes of its window and on nothing else."""
    cutter = Cutter(bits, 1, 1 << 20)
    content = noise(30_000)
    wanted = [end for end in range(cutter.window, len(content) + 1) if cutter.ends(content[end - cutter.window : end])]
    assert cutter.ends(content) == wanted
    assert wanted


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=9))
def test_the_selection_in_order_is_the_heaviest(pairs):
    """Of all selections of copies whose starts rise in the older content, the one with most bytes is chosen."""
    copies = [Copy(a, 10 * i, length) for i, (a, length) in enumerate(pairs)]
    kept = in_order(copies)

    def heaviest(index, start):
        if index == len(copies):
            return 0
        copy = copies[index]
        without = heaviest(index + 1, start)
        return max(without, copy.length + heaviest(index + 1, copy.a)) if copy.a > start else without

    chosen = [copy for copy, keep in zip(copies, kept, strict=True) if keep]
    assert all(one.a < two.a for one, two in pairwise(chosen))
    assert sum(copy.length for copy in chosen) == heaviest(0, -1)


# -- strings that appeared and went ------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from([b"alpha", b"beta", b"\0", b"\xff", b"a\0b\0c\0d\0", b"gamma ray"]), max_size=40)


@settings(deadline=None, max_examples=200)
@given(WORDS, WORDS, WORDS, WORDS)
def test_strings_are_those_of_one_version_only(before, old, new, behind):
    """Exactly the strings that the other version has nowhere are gone and new."""
    a, b = (b"".join([*before, *middle, *behind]) for middle in (old, new))
    older, newer = io.BytesIO(a), io.BytesIO(b)
    found = compare_strings(older, newer, compare(older, newer))
    in_a, in_b = ({(one.encoding, one.text) for one in strings_in([content])} for content in (a, b))
    assert {(one.encoding, one.text) for one in found.gone} == in_a - in_b
    assert {(one.encoding, one.text) for one in found.new} == in_b - in_a
    assert found.whole


def test_too_many_strings_are_said_to_be(monkeypatch):
    """Where not all strings were compared, the answer says so."""
    monkeypatch.setattr(wording, "MOST_STRINGS", 5)
    older, newer = io.BytesIO(b""), io.BytesIO(b"".join(b"name%04d\0" % i for i in range(20)))
    found = compare_strings(older, newer, compare(older, newer))
    assert (len(found.new), found.whole) == (5, False)


@pytest.mark.long
def test_a_gigabyte_and_its_edits(tmp_path):
    """Two files of 1 GB that differ in two places are compared in bounded memory."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, place in zip(paths, (5, 700_000_003), strict=True):
        with path.open("wb") as file:
            file.truncate(1 << 30)
            file.seek(place)
            file.write(b"hello")
    with paths[0].open("rb") as older, paths[1].open("rb") as newer:
        found = compare(older, newer)
    assert [(one.b_offset, one.b_length) for one in found.of(CHANGED)] == [(5, 5), (700_000_003, 5)]
