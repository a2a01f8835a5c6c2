"""Message tables out of Windows programs: honest ones, and ones that lie."""

from __future__ import annotations

import io
import random
import struct

import pefile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.messages import reader, structs
from parsers.messages.reader import MessageFileReader, MessageText
from parsers.problems import ProblemKind
from samples.builders import pe

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete.\r\n"


def read(raw: bytes) -> tuple[list[MessageText], list[ProblemKind]]:
    found = MessageFileReader(io.BytesIO(raw))
    return list(found.texts()), [problem.kind for problem in found.problems]


def with_table(table: bytes, size: int | None = None) -> bytes:
    """A program whose one message table is `table`, said to have `size` bytes."""
    raw = bytearray(pe.resources({pe.ENGLISH: table}))
    if size is not None:
        struct.pack_into("<I", raw, 76, size)
    return pe.program(bytes(raw))


def oracle(raw: bytes) -> dict[tuple[int, int], str]:
    """The texts as pefile's own walk finds the tables, cut into entries as winnt.h declares them."""
    program = pefile.PE(data=raw, fast_load=True)
    program.parse_data_directories(directories=[pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_RESOURCE"]])
    found = {}
    for kind in program.DIRECTORY_ENTRY_RESOURCE.entries:
        if kind.id != pefile.RESOURCE_TYPE["RT_MESSAGETABLE"]:
            continue
        for name in kind.directory.entries:
            for leaf in name.directory.entries:
                place = leaf.data.struct
                table = program.get_data(place.OffsetToData, place.Size)
                found |= {(number, leaf.id): text for number, text in entries_of(table)}
    return found


def entries_of(table: bytes) -> list[tuple[int, str]]:
    found = []
    for index in range(structs.MESSAGE_RESOURCE_DATA.parse(table).NumberOfBlocks):
        block = structs.MESSAGE_RESOURCE_BLOCK.parse(table[4 + 12 * index :])
        at = block.OffsetToEntries
        for number in range(block.LowId, block.HighId + 1):
            head = structs.MESSAGE_RESOURCE_ENTRY.parse(table[at:])
            raw = table[at + 4 : at + head.Length]
            text = raw.decode("utf-16-le" if head.Flags else "cp1252").rstrip("\0")
            found.append((number, text))
            at += head.Length
    return found


texts_by_id = st.dictionaries(
    st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30),
    min_size=1,
    max_size=20,
)


@given(st.dictionaries(st.integers(0, 0xFFFF), texts_by_id, min_size=1, max_size=3))
def test_texts_come_back(tables):
    """What a table was built of is read back, in every language, as pefile's own walk finds it."""
    raw = pe.program(pe.resources({language: pe.message_table(texts) for language, texts in tables.items()}))
    found, problems = read(raw)
    wanted = {(number, language): text for language, texts in tables.items() for number, text in texts.items()}
    assert {(text.message_id, text.language): text.text for text in found} == wanted == oracle(raw)
    assert problems == []


@pytest.mark.parametrize(
    ("flags", "encoding", "code_page"),
    [
        (pe.ANSI, "cp1252", 0),
        (pe.ANSI, "cp1251", 1251),
        (pe.ANSI, "cp932", 932),
        (pe.ANSI, "cp1252", 99999),
        (structs.MESSAGE_RESOURCE_UTF8, "utf-8", 0),
    ],
)
def test_encodings(flags, encoding, code_page):
    """ANSI texts are read in the code page that the resource names, Western where it names none that exists."""
    text = {"cp1251": "Служба", "cp932": "サービス"}.get(encoding, "Gerät gelöscht")
    table = pe.message_table({7: text}, flags, encoding)
    assert read(pe.program(pe.resources({0x407: table}, code_page))) == ([MessageText(7, 0x407, text)], [])


def test_bytes_of_no_code_page():
    """Bytes that the code page does not have become replacement characters, and the file says so."""
    table = pe.table_of_blocks([(1, 2, struct.pack("<HH4s", 8, 0, b"a\x81c") + pe.entry("two", pe.ANSI))])
    found, problems = read(with_table(table))
    assert ([text.text for text in found], problems) == (["a\ufffdc", "two"], [ProblemKind.BAD_VALUE])


def test_formats_fit_the_declarations():
    """The formats that loops use have the sizes and the places of the declared structures."""
    numbers = list(range(1, 17))
    for fast, declared, fields in [
        (reader._DIRECTORY, structs.IMAGE_RESOURCE_DIRECTORY, ("NumberOfNamedEntries", "NumberOfIdEntries")),
        (reader._DIRECTORY_ENTRY, structs.IMAGE_RESOURCE_DIRECTORY_ENTRY, ("Name", "OffsetToData")),
        (reader._DATA_ENTRY, structs.IMAGE_RESOURCE_DATA_ENTRY, ("OffsetToData", "Size", "CodePage")),
        (reader._BLOCK, structs.MESSAGE_RESOURCE_BLOCK, ("LowId", "HighId", "OffsetToEntries")),
        (reader._ENTRY, structs.MESSAGE_RESOURCE_ENTRY, ("Length", "Flags")),
    ]:
        raw = bytes(numbers[: declared.sizeof()])
        parsed = declared.parse(raw)
        assert fast.unpack(raw) == tuple(parsed[field] for field in fields)


def test_program_without_messages():
    """A program without resources, or with others only, has no table, and nothing is wrong with it."""
    icons = pe.directory([(3, pe.DIRECTORY | 24)]) + pe.directory([])
    for raw in (pe.program(b"code", resource_rva=0), pe.program(icons)):
        found = MessageFileReader(io.BytesIO(raw))
        assert (found.tables, list(found.texts()), found.problems) == (0, [], [])


def test_the_first_of_two_texts_counts():
    """Of two texts with one id the first is given, and table 1 goes before others, as Windows looks them up."""
    table = pe.table_of_blocks([(1, 1, pe.entry("first")), (1, 2, pe.entry("second") + pe.entry("two"))])
    assert [text.text for text in read(with_table(table))[0]] == ["first", "two"]
    names = pe.directory([(11, pe.DIRECTORY | 24)])
    names += pe.directory([(2, pe.DIRECTORY | 56), (1, pe.DIRECTORY | 80)])
    names += pe.directory([(0x409, 104)]) + pe.directory([(0x409, 120)])
    tables = [pe.message_table({1: text}) for text in ("of table two", "of table one")]
    at = 136
    for one in tables:
        names += struct.pack("<IIII", pe.SECTION_RVA + at, len(one), 0, 0)
        at += len(one)
    found, problems = read(pe.program(names + b"".join(tables)))
    assert ([text.text for text in found], problems) == (["of table one"], [])


HONEST = pe.message_table({1: "one", 2: "two", 9: "nine"})
LIES = {
    "more blocks than bytes": (struct.pack("<I", 2**31) + HONEST[4:], ProblemKind.BAD_HEADER, True),
    "no bytes at all": (b"", ProblemKind.BAD_HEADER, False),
    "ids the wrong way round": (
        pe.table_of_blocks([(5, 2, b""), (9, 9, pe.entry("nine"))]),
        ProblemKind.BAD_RECORD,
        True,
    ),
    "all ids there are": (pe.table_of_blocks([(0, 2**32 - 1, pe.entry("nine"))]), ProblemKind.BAD_RECORD, True),
    "a length of nothing": (
        pe.table_of_blocks([(1, 2, pe.entry("one") + bytes(4)), (9, 9, pe.entry("nine"))]),
        ProblemKind.BAD_RECORD,
        True,
    ),
    "a length beyond the table": (
        pe.table_of_blocks([(9, 10, pe.entry("nine") + b"\xff\xff\x01\0")]),
        ProblemKind.BAD_RECORD,
        True,
    ),
    "entries beyond the table": (struct.pack("<IIII", 1, 1, 1, 0xFFFFFFF0), ProblemKind.BAD_RECORD, False),
    "flags of no encoding": (
        pe.table_of_blocks([(1, 2, struct.pack("<HH4s", 8, 0x77, b"what") + pe.entry("nine"))]),
        ProblemKind.BAD_VALUE,
        True,
    ),
}


@pytest.mark.parametrize(("table", "problem", "readable"), LIES.values(), ids=LIES)
def test_lies_of_a_table(table, problem, readable):
    """A table that lies is told of, and what can still be read of it is given."""
    found, problems = read(with_table(table))
    assert problem in problems
    assert ("nine" in [text.text for text in found]) is readable


def test_odd_lengths():
    """A Unicode text with an odd number of bytes is read without the odd one."""
    table = pe.table_of_blocks([(1, 2, struct.pack("<HH7s", 11, 1, b"o\0n\0e\0!") + pe.entry("two"))])
    assert [text.text for text in read(with_table(table))[0]] == ["one", "two"]


def test_texts_over_each_other():
    """Blocks that use the same entries again and again end where honest ones must have ended."""
    entries = b"".join(pe.entry(f"text {n}") for n in range(500))
    heads = 2000
    at = 4 + 12 * heads
    table = struct.pack("<I", heads)
    table += b"".join(struct.pack("<III", n * 500, n * 500 + 499, at) for n in range(heads)) + entries
    found, problems = read(with_table(table))
    assert problems == [ProblemKind.LIMIT]
    assert len(found) < 3000


def test_damage_is_bounded():
    """A table of nothing but damage gives as many problems as anybody reads, and a word that there were more."""
    table = struct.pack("<I", 100_000) + struct.pack("<III", 9, 1, 0) * 100_000
    found, problems = read(with_table(table))
    assert not found
    assert len(problems) == reader.MAX_PROBLEMS + 1
    assert problems[-1] is ProblemKind.LIMIT


def test_loops_of_directories():
    """Directories that lead into themselves, each many times over, end after three levels and so many entries."""
    count = 2000
    loop = pe.directory([(11, pe.DIRECTORY)] * count)
    found, problems = read(pe.program(loop))
    assert not found
    assert ProblemKind.LIMIT in problems
    assert len(problems) <= reader.MAX_PROBLEMS + 1


def test_directories_outside():
    """Directories, entries and tables that lie outside of the file are told of."""
    outside = pe.directory([(11, pe.DIRECTORY | 0x7FFFFFF0)])
    leaf_outside = pe.directory([(11, pe.DIRECTORY | 24)]) + pe.directory([(1, pe.DIRECTORY | 48)])
    leaf_outside += pe.directory([(0x409, 0x7FFFFFF0)])
    table_outside = leaf_outside[:-4] + struct.pack("<I", 72) + struct.pack("<IIII", 0x7FFF0000, 8, 0, 0)
    for section in (outside, leaf_outside, table_outside):
        found, problems = read(pe.program(section))
        assert (found, len(problems)) == ([], 1)


def test_a_program_cut_off():
    """A program that was cut off gives the texts that are left, and never passes for whole or for another thing."""
    whole = pe.message_file({number: f"text number {number}" for number in range(200)})
    everything, _ = read(whole)
    for size in range(70, len(whole) - pe.SECTION_AT, 997):
        found, problems = read(whole[:size])
        assert found == everything[: len(found)]
        assert problems


def test_a_large_program():
    """Of a program only what is needed is read: the tables behind gigabytes of code, and those not to their end."""
    place = 3 << 30
    section = pe.resources({pe.ENGLISH: pe.message_table({1: "one"})})
    raw = bytearray(pe.program(section))
    struct.pack_into("<I", raw, raw.index(b".rsrc") + 20, place)

    class Sparse(io.BytesIO):
        def seek(self, offset, whence=0):
            self.at = place + len(section) if whence == io.SEEK_END else offset
            return self.at

        def read(self, size=-1):
            assert 0 <= size < 1 << 20
            behind = section[max(0, self.at - place) :][:size] if self.at + size > place else b""
            return bytes(raw)[self.at :][:size] if self.at < len(raw) else behind

    found = MessageFileReader(Sparse())
    assert ([text.text for text in found.texts()], found.problems) == (["one"], [])


def test_a_table_too_large(monkeypatch):
    """Of a table beyond the limit the first part is read, and the rest is told of."""
    whole = pe.message_file({number: f"text number {number}" for number in range(1000)})
    monkeypatch.setattr(reader, "MAX_TABLE", 20_000)
    found, problems = read(whole)
    assert 100 < len(found) < 1000
    assert ProblemKind.LIMIT in problems


def test_any_byte_changed():
    """Whatever a byte is changed to, reading ends, and every text has an id and a language of their size."""
    whole = bytearray(pe.message_file({number: f"text {number}" for number in (1, 2, 3, 70_000)}))
    chance = random.Random(20080110)  # noqa: S311
    for _ in range(1000):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        for text in read(bytes(changed))[0]:
            assert 0 <= text.message_id < 2**32
            assert 0 <= text.language < 2**16
