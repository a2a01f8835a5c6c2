"""Which known container a file is, told from its first bytes and its size; `opaque` where it is none.

The .fdb files of the product have no public format: for them the honest answer is `opaque`, and nothing here decodes
them. What is recognised is what a file of that name could be instead.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from construct import ConstructError

from parsers.exports.encoding import encoding_of
from parsers.fdb import structs
from parsers.kinds import HEAD_SIZE, Kind, decode_text, tell_kind
from parsers.problems import Problem, ProblemKind
from parsers.times import TICKS_PER_SECOND, filetime_from_unix, iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from construct import Struct

    from parsers.exports.encoding import Encoding

__all__ = ["HEAD_SIZE", "Container", "ContainerKind", "identify"]


class ContainerKind(StrEnum):
    """What a file is. The value is what a user reads."""

    EMPTY = "empty"
    FIREBIRD = "firebird"
    INTERBASE = "interbase"
    OLE_COMPOUND = "ole_compound"
    JET = "jet"
    ESE = "ese"
    SQLITE = "sqlite"
    REGISTRY_HIVE = "registry_hive"
    ZIP = "zip"
    CAB = "cab"
    GZIP = "gzip"
    ARCHIVE = "archive"
    EVENT_LOG = "event_log"
    PROGRAM = "program"
    XML = "xml"
    TEXT = "text"
    OPAQUE = "opaque"


_NAMES = {
    ContainerKind.EMPTY: "empty file",
    ContainerKind.FIREBIRD: "Firebird database",
    ContainerKind.INTERBASE: "database of InterBase or of Firebird before 2.0",
    ContainerKind.OLE_COMPOUND: "OLE compound file",
    ContainerKind.JET: "Jet or ACE (Access) database",
    ContainerKind.ESE: "ESE (Extensible Storage Engine) database",
    ContainerKind.SQLITE: "SQLite database",
    ContainerKind.REGISTRY_HIVE: "registry hive",
    ContainerKind.ZIP: "zip archive",
    ContainerKind.CAB: "cabinet archive",
    ContainerKind.GZIP: "gzip archive",
    ContainerKind.ARCHIVE: "archive",
    ContainerKind.EVENT_LOG: "Windows event log",
    ContainerKind.PROGRAM: "Windows program or library",
    ContainerKind.XML: "XML",
    ContainerKind.TEXT: "plain text",
    ContainerKind.OPAQUE: "opaque: no container that this program knows",
}

_ASCII = bytes(range(0x80))


@dataclass(frozen=True, slots=True)
class Container:
    """What a file is.

    Attributes:
        kind: the container, `OPAQUE` where it is none that is known.
        facts: fields of its header by name, as text or whole numbers; times are ISO 8601 text.
        problems: where the header contradicts the file's size, or itself.
    """

    kind: ContainerKind
    facts: dict[str, str | int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """The kind in words."""
        return _NAMES[self.kind]

    @property
    def foreign(self) -> bool:
        """True for a Firebird or InterBase database: it shares the extension with the product's files and is none."""
        return self.kind in {ContainerKind.FIREBIRD, ContainerKind.INTERBASE}


def identify(head: bytes, size: int) -> Container:
    """Say which known container begins with `head`; never raises on any bytes.

    Of text the whole head is looked at, and not what is behind it.

    Args:
        head: the first `HEAD_SIZE` bytes, or all where there are fewer.
        size: bytes in the whole file, which lengths in headers are held against.
    """
    if not size:
        return Container(ContainerKind.EMPTY)
    for test in _TESTS:
        found = test(head, size)
        if found is not None:
            return found
    return _by_kind(head)


def _parsed(declared: Struct, head: bytes, offset: int = 0) -> Any:
    """The fields, or None where the bytes end before them or are not this structure."""
    try:
        return declared.parse(head[offset : offset + declared.sizeof()])
    except ConstructError:
        return None


def _short(at: int, wanted: int, size: int) -> tuple[Problem, ...]:
    if size >= wanted:
        return ()
    detail = f"the header says {wanted:,} bytes, {size:,} are there"
    return (Problem(ProblemKind.TRUNCATED, at, wanted - size, detail),)


def _uneven(page_size: int, size: int) -> tuple[Problem, ...]:
    rest = size % page_size
    if not rest:
        return ()
    detail = f"the last page has {rest:,} of {page_size:,} bytes"
    return (Problem(ProblemKind.TRUNCATED, size - rest, page_size - rest, detail),)


def _firebird(head: bytes, size: int) -> Container | None:
    page = _parsed(structs.HEADER_PAGE, head)
    if page is None or page.hdr_header.pag_type != structs.PAG_HEADER:
        return None
    flagged = bool(page.hdr_ods_version & structs.ODS_FIREBIRD_FLAG)
    major = page.hdr_ods_version & ~structs.ODS_FIREBIRD_FLAG
    # 65,536 does not fit into the field, and is stored as 0 by no version: a size of 0 is a fault.
    whole = _is_page_size(page.hdr_page_size)
    if flagged:
        # Two bytes of an opaque file are like that by chance; with one more field they are hardly ever.
        if not whole and not 10 <= major <= 14:
            return None
        kind = ContainerKind.FIREBIRD
    elif whole and 8 <= major <= 20 and page.hdr_header.pag_checksum == structs.PAG_CHECKSUM_UNUSED:
        kind = ContainerKind.INTERBASE
    else:
        return None
    facts: dict[str, str | int] = {"page_size": page.hdr_page_size, "ods_major": major}
    problems = _uneven(page.hdr_page_size, size) if whole else ()
    if not whole:
        detail = f"a page size of {page.hdr_page_size} bytes is none that a Firebird database can have"
        problems = (Problem(ProblemKind.BAD_HEADER, 16, 2, detail),)
    rest = _parsed(structs.HEADER_PAGE_10_TO_13, head, structs.HEADER_PAGE.sizeof()) if 10 <= major <= 13 else None
    if rest is not None and flagged:
        facts |= {
            "ods_minor": rest.hdr_ods_minor if major >= 12 else rest.hdr_implementation[1],
            "generation": page.hdr_header.pag_generation,
            "created_local": _firebird_time(*rest.hdr_creation_date),
            "oldest_transaction": rest.hdr_oldest_transaction,
            "oldest_active": rest.hdr_oldest_active,
            "next_transaction": rest.hdr_next_transaction,
            "next_attachment": rest.hdr_attachment_id,
            "sequence": rest.hdr_sequence,
        }
    return Container(kind, facts, problems)


def _is_page_size(value: int) -> bool:
    return structs.HDR_PAGE_SIZE_MIN <= value <= structs.HDR_PAGE_SIZE_MAX and not value & (value - 1)


def _firebird_time(days: int, ten_thousandths: int) -> str:
    """The time in ISO 8601 without a zone, which the file does not name; the raw numbers where no calendar holds it."""
    if 0 <= ten_thousandths < 86_400 * 10_000:
        # 1858-11-17 is 40,587 days before 1970-01-01.
        moment = filetime_from_unix((days - 40_587) * 86_400) + ten_thousandths * (TICKS_PER_SECOND // 10_000)
        text = iso_utc(moment)
        if text is not None:
            return text.removesuffix("Z")
    return f"{days}, {ten_thousandths}"


def _ole(head: bytes, size: int) -> Container | None:
    header = _parsed(structs.COMPOUND_FILE_HEADER, head)
    if header is None:
        return None
    facts = {"version": f"{header.MajorVersion}.{header.MinorVersion}"}
    if header.SectorShift not in {9, 12}:
        detail = f"a sector shift of {header.SectorShift} is neither 9 nor 12"
        return Container(ContainerKind.OLE_COMPOUND, dict(facts), (Problem(ProblemKind.BAD_HEADER, 30, 2, detail),))
    sector = 1 << header.SectorShift
    # The header takes the place of one sector; each sector of the FAT must at least be there itself.
    problems = _short(0, (1 + header.NumberOfFATSectors) * sector, size)
    return Container(ContainerKind.OLE_COMPOUND, {**facts, "sector_size": sector}, problems)


def _jet(head: bytes, size: int) -> Container | None:
    header = _parsed(structs.JET_HEADER, head)
    if header is None or header.format_id not in {b"Standard Jet DB\0", b"Standard ACE DB\0"}:
        return None
    page_size = 2048 if header.version == 0 else 4096
    version = structs.JET_VERSIONS.get(header.version, f"version {header.version}")
    facts: dict[str, str | int] = {
        "format": header.format_id.rstrip(b"\0").decode("ascii"),
        "version": version,
        "page_size": page_size,
    }
    return Container(ContainerKind.JET, facts, _uneven(page_size, size))


def _ese(head: bytes, size: int) -> Container | None:
    if head[4:8] != b"\xef\xcd\xab\x89":
        return None
    header = _parsed(structs.ESE_FILE_HEADER, head)
    if header is None:
        return Container(ContainerKind.ESE, {}, _short(0, structs.ESE_FILE_HEADER.sizeof(), size))
    facts: dict[str, str | int] = {
        "format": f"{header.format_version:#x}, revision {header.format_revision:#x}",
        "contents": {0: "database", 1: "streaming file"}.get(header.file_type, f"type {header.file_type}"),
        "state": structs.ESE_STATES.get(header.database_state, f"state {header.database_state}"),
    }
    # Before revision 9 the field is 0, and pages have 4,096 bytes.
    page_size = header.page_size or 4096
    if page_size not in {2048, 4096, 8192, 16384, 32768}:
        detail = f"a page size of {page_size:,} bytes is none that an ESE database can have"
        return Container(ContainerKind.ESE, facts, (Problem(ProblemKind.BAD_HEADER, 236, 4, detail),))
    return Container(ContainerKind.ESE, {**facts, "page_size": page_size}, _uneven(page_size, size))


def _sqlite(head: bytes, size: int) -> Container | None:
    header = _parsed(structs.SQLITE_HEADER, head)
    if header is None:
        return None
    page_size = 65536 if header.page_size == 1 else header.page_size
    facts = {"page_size": page_size, "pages": header.size_in_pages, "changes": header.file_change_counter}
    if not 512 <= page_size <= 65536 or page_size & (page_size - 1):
        detail = f"a page size of {page_size} bytes is none that a SQLite database can have"
        return Container(ContainerKind.SQLITE, dict(facts), (Problem(ProblemKind.BAD_HEADER, 16, 2, detail),))
    return Container(ContainerKind.SQLITE, dict(facts), _short(0, page_size * header.size_in_pages, size))


def _cab(head: bytes, size: int) -> Container | None:
    header = _parsed(structs.CFHEADER, head)
    if header is None or header.reserved1:
        return None
    facts = {"version": f"{header.versionMajor}.{header.versionMinor}", "files": header.cFiles}
    return Container(ContainerKind.CAB, dict(facts), _short(0, header.cbCabinet, size))


def _gzip(head: bytes, _size: int) -> Container | None:
    header = _parsed(structs.GZIP_HEADER, head)
    if header is None or header.CM != 8:
        return None
    facts: dict[str, str | int] = {}
    if header.MTIME:
        facts["modified_inside"] = iso_utc(filetime_from_unix(header.MTIME)) or str(header.MTIME)
    return Container(ContainerKind.GZIP, facts)


def _hive(head: bytes, size: int) -> Container | None:
    block = _parsed(structs.REGF_BASE_BLOCK, head)
    if block is None:
        return None
    facts: dict[str, str | int] = {"version": f"{block.major_version}.{block.minor_version}"}
    if written := iso_utc(block.last_written_timestamp or None):
        facts["last_written"] = written
    problems = _short(0, structs.REGF_BASE_BLOCK_SIZE + block.hive_bins_data_size, size)
    if block.primary_sequence_number != block.secondary_sequence_number:
        detail = "its two sequence numbers differ: it was being written when it was copied"
        problems = (Problem(ProblemKind.STALE_HEADER, 4, 8, detail), *problems)
    return Container(ContainerKind.REGISTRY_HIVE, facts, problems)


_TESTS: tuple[Callable[[bytes, int], Container | None], ...] = (
    _firebird, _ole, _jet, _ese, _sqlite, _cab, _gzip, _hive,
)  # fmt: skip
_KINDS = {
    Kind.EVT: ContainerKind.EVENT_LOG,
    Kind.EVTX: ContainerKind.EVENT_LOG,
    Kind.MESSAGE_FILE: ContainerKind.PROGRAM,
    Kind.ARCHIVE: ContainerKind.ARCHIVE,
    Kind.REGISTRY_HIVE: ContainerKind.REGISTRY_HIVE,
}


def _by_kind(head: bytes) -> Container:
    """What the program recognises elsewhere, and text."""
    guess = tell_kind(head, "")
    if guess.kind is Kind.ARCHIVE and guess.note == "zip":
        return Container(ContainerKind.ZIP)
    if guess.kind in _KINDS:
        return Container(_KINDS[guess.kind], {"format": guess.note or str(guess.kind)})
    encoding = encoding_of(head)
    text = _text(head, encoding)
    if text is None:
        return Container(ContainerKind.OPAQUE)
    name = _encoding_name(head, text) if encoding.width == 1 else "UTF-16BE" if encoding.big else "UTF-16LE"
    start = text.lstrip("\ufeff \t\r\n")
    kind = ContainerKind.XML if start.startswith("<?xml") else ContainerKind.TEXT
    return Container(kind, {"encoding": name})


def _text(head: bytes, encoding: Encoding) -> str | None:
    """The head as text; None where it is none, or where too much of it would be text only by chance."""
    if encoding.width == 1:
        text = decode_text(head)
        # Every byte above 0x7f passes as a letter of some code page: a text of one byte a character has others too.
        return None if text is None or 2 * len(head.translate(None, _ASCII)) > len(head) else text
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return decode_text(head)
    view = encoding.view(head)
    if decode_text(view) is None or 2 * view.count(0xFF) > len(view):
        return None
    return encoding.decode(head)[0]


def _encoding_name(head: bytes, text: str) -> str:
    if head.startswith(b"\xef\xbb\xbf"):
        return "UTF-8 with a byte-order mark"
    if text.isascii():
        return "ASCII"
    # `decode_text` falls back to one byte a character where the bytes are no UTF-8.
    if text.encode("latin-1", "replace") == head:
        return "one byte a character, code page unknown"
    return "UTF-8"
