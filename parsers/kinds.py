"""What a file is, told from its first bytes; its name is a promise that can be held against it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from parsers.checkpoints.reader import looks_like_listing
from parsers.containers.tarformat import BLOCK, parse_header
from parsers.exports.encoding import encoding_of
from parsers.exports.layouts import layout_of
from parsers.listings.reader import form_of

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_SIZE = 256 * 1024


class Kind(StrEnum):
    """What a piece of evidence is. The value is what a case stores."""

    EVT = "evt"
    EVTX = "evtx"
    EVENT_EXPORT = "event_export"
    MESSAGE_FILE = "message_file"
    FDB = "fdb"
    CHECKPOINT_LISTING = "checkpoint_listing"
    REGISTRY_HIVE = "registry_hive"
    REGISTRY_EXPORT = "registry_export"
    CLUSTER_LOG = "cluster_log"
    PROGRAM_LOG = "program_log"
    FILE_LISTING = "file_listing"
    TEXT = "text"
    ARCHIVE = "archive"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KindGuess:
    """What the content is, and what the name promised.

    Attributes:
        kind: by content; only `Kind.FDB`, an opaque format, comes from the name.
        claimed: the kind that the name promises; None for a name that promises nothing.
        note: the form within the kind: "zip", "gzip", "bzip2", "xz", "tar", "7z", "rar", "cab" of an archive,
            "firebird" of a .fdb that is a Firebird database, "empty" for no content at all; else None.
    """

    kind: Kind
    claimed: Kind | None = None
    note: str | None = None

    @property
    def misnamed(self) -> bool:
        """True when the name promises another format than the content has; an empty file breaks no promise."""
        return self.claimed is not None and self.claimed is not self.kind and self.note != "empty"


@dataclass(frozen=True, slots=True)
class _Signature:
    offset: int
    magic: bytes
    kind: Kind
    note: str | None = None


# A file that begins like this is this, whatever else it holds: an archive of event logs holds their signatures too.
_SIGNATURES = (
    _Signature(0, b"ElfFile\0", Kind.EVTX),
    _Signature(0, b"\x30\0\0\0LfLe", Kind.EVT),
    _Signature(0, b"regf", Kind.REGISTRY_HIVE),
    _Signature(0, b"PK\x03\x04", Kind.ARCHIVE, "zip"),
    _Signature(0, b"PK\x05\x06", Kind.ARCHIVE, "zip"),  # a zip without members
    _Signature(0, b"\x1f\x8b\x08", Kind.ARCHIVE, "gzip"),
    _Signature(0, b"\xfd7zXZ\0", Kind.ARCHIVE, "xz"),
    _Signature(0, b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE, "7z"),
    _Signature(0, b"Rar!\x1a\x07", Kind.ARCHIVE, "rar"),
    _Signature(0, b"MSCF\0\0\0\0", Kind.ARCHIVE, "cab"),
    _Signature(257, b"ustar", Kind.ARCHIVE, "tar"),
)

# Names in lower case. Names that promise only "some text" (.txt, .log, .csv) are left out: text has many kinds.
_PROMISES_BY_NAME = {
    "cluster.log": Kind.CLUSTER_LOG,
    "clusdb": Kind.REGISTRY_HIVE,
    "programlog.txt": Kind.PROGRAM_LOG,
}
_PROMISES_BY_SUFFIX = {
    **dict.fromkeys(
        (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar", ".cab"), Kind.ARCHIVE
    ),
    ".evt": Kind.EVT,
    ".evtx": Kind.EVTX,
    ".reg": Kind.REGISTRY_EXPORT,
    ".dll": Kind.MESSAGE_FILE,
    ".exe": Kind.MESSAGE_FILE,
    ".cpt": Kind.REGISTRY_HIVE,
}

_EVENTS_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
# Events themselves, or one element of any name around them (`wevtutil qe /e:Root`).
_EVENTS_ROOT = re.compile(
    r"\ufeff?(?:<\?[^>]{0,1000}\?>|<!--.{0,4000}?-->|\s)*"
    r"(?:<(?:\w{1,32}:)?Events?[\s>]|<[\w.:-]{1,64}(?:\s[^<>]{0,1000})?>\s*<(?:\w{1,32}:)?Event[\s>])",
    re.DOTALL,
)
# pid.tid::yyyy/mm/dd-hh:mm:ss.sss, process and thread in hexadecimal; Windows NT 4.0 has the day of the month only.
_CLUSTER_LINE = re.compile(
    r"[0-9a-fA-F]{1,8}(?:\.[0-9a-fA-F]{1,8}::\d{4}/\d\d/\d\d|(?:\.[0-9a-fA-F]{1,8})?::\d{1,2})"
    r"-\d\d:\d\d:\d\d\.\d{1,3}(?!\S)"
)
# <date and time>(PID-TID),"LEVEL: text"; how the date is written is not documented, so anything short may stand there
_PROGRAM_LINE = re.compile(r'[^("\t]{0,60}\(\s{0,10}\d{1,10}-\s{0,10}\d{1,10}\),\s?"[A-Z ]{3,20}:')
_LINES_LOOKED_AT = 50
# Text may hold these below 0x20: BEL, BS, TAB, LF, VT, FF, CR, the end mark of DOS (0x1a) and ESC.
_NOT_IN_TEXT = re.compile("[\x00-\x06\x0e-\x19\x1c-\x1f\x7f]")

_EVT_RECORD_MIN = 56
_EVT_RECORD_MAX = 1 << 20


def tell_kind(head: bytes, name: str) -> KindGuess:
    """Say what a file is from its first bytes, and what its name promised.

    Content decides. Three things are weaker than they look: a Windows program is `MESSAGE_FILE` whether or not it
    has a message table (its reader finds out); event logs without a header are recognised by a whole chunk signature
    or record inside `head`; and a .fdb has no public format, so its name makes it one unless it begins with the
    signature of something else.

    Args:
        head: the first `HEAD_SIZE` bytes of the content, or all of it where it is shorter.
        name: the file's own name or its path; only the last part counts.
    """
    base = re.split(r"[/\\]", name)[-1].lower()
    claimed = _promise(base)
    if not head:
        return KindGuess(Kind.OTHER, claimed, "empty")
    kind, note = _by_signature(head)
    if kind is None and ".fdb" in base:
        kind, note = Kind.FDB, "firebird" if _is_firebird(head) else None
    if kind is None:
        kind = next((k for k, test in _SEARCHED if test(head)), None) or _kind_of_text(head) or Kind.OTHER
    return KindGuess(kind, claimed, note)


def _promise(base: str) -> Kind | None:
    if base in _PROMISES_BY_NAME:
        return _PROMISES_BY_NAME[base]
    _, dot, suffix = base.rpartition(".")
    by_suffix = _PROMISES_BY_SUFFIX.get(dot + suffix)
    if by_suffix is not Kind.ARCHIVE and ".fdb" in base:
        return Kind.FDB
    return by_suffix


def _by_signature(head: bytes) -> tuple[Kind | None, str | None]:
    for signature in _SIGNATURES:
        if head.startswith(signature.magic, signature.offset):
            return signature.kind, signature.note
    for kind, note, test in _TESTED:
        if test(head):
            return kind, note
    return None, None


def _is_bzip2(head: bytes) -> bool:
    # "BZh" alone begins English text too; behind the level stands a block or the end of the stream.
    return (
        head.startswith(b"BZh") and head[3:4] in b"123456789" and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
    )


def _is_old_tar(head: bytes) -> bool:
    return len(head) >= BLOCK and head[0] != 0 and parse_header(head[:BLOCK]) is not None


def _is_pe(head: bytes) -> bool:
    at = int.from_bytes(head[60:64], "little")
    return head.startswith(b"MZ") and len(head) >= 64 and head[at : at + 4] == b"PE\0\0"


def _is_firebird(head: bytes) -> bool:
    # Header page: page type 1, on-disk structure version at 0x12 with the flag of Firebird (InterBase has it clear).
    return head[0] == 1 and len(head) > 0x13 and bool(head[0x13] & 0x80)


def _holds_evt_record(head: bytes) -> bool:
    at = head.find(b"LfLe", 4)
    while at >= 0:
        size = int.from_bytes(head[at - 4 : at], "little")
        if _EVT_RECORD_MIN <= size <= _EVT_RECORD_MAX and size % 4 == 0:
            closing = at - 4 + size - 4
            # A record longer than the head cannot be held against its closing size.
            if closing + 4 > len(head) or head[closing : closing + 4] == head[at - 4 : at]:
                return True
        at = head.find(b"LfLe", at + 4)
    return False


_TESTED: tuple[tuple[Kind, str | None, Callable[[bytes], bool]], ...] = (
    (Kind.ARCHIVE, "bzip2", _is_bzip2),
    (Kind.ARCHIVE, "tar", _is_old_tar),
    (Kind.MESSAGE_FILE, None, _is_pe),
)
_SEARCHED: tuple[tuple[Kind, Callable[[bytes], bool]], ...] = (
    (Kind.EVTX, lambda head: b"ElfChnk\0" in head),
    (Kind.EVT, _holds_evt_record),
)


def decode_text(head: bytes) -> str | None:
    """The head as text: UTF-16 or UTF-8 with a byte-order mark, UTF-8, or one byte a character; None for binary data.

    Characters of a one-byte code page above 0x7f are not interpreted (they come as Latin-1). A character that is cut
    at the end, by the head or by damage, is left out. Control characters that no text file has make it binary.
    """
    text: str | None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = _decoded(head, "utf-16")
    else:
        text = _decoded(head, "utf-8-sig")
        if text is None:
            # C1 controls are letters in the OEM code pages, so all of 0x80 to 0xff passes.
            text = head.decode("latin-1")
    return None if text is None or _NOT_IN_TEXT.search(text) else text


def _decoded(head: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _is_event_xml(head: bytes) -> bool:
    # With control characters, and without a byte-order mark: events hold them, and Windows writes them as they are.
    text = encoding_of(head).decode(head)[0]
    return bool(_EVENTS_ROOT.match(text)) and _EVENTS_NAMESPACE in text


def _is_event_table(head: bytes) -> bool:
    return layout_of(encoding_of(head).view(head)) is not None


def _kind_of_text(head: bytes) -> Kind | None:
    if _is_event_xml(head):
        return Kind.EVENT_EXPORT
    text = decode_text(head)
    if text is None:
        wide = _unmarked_utf16(head)
        if wide is not None and (kind := _kind_of_commands(wide)) is not None:
            return kind
        # Where a write did not reach the disk, a log that is appended to has zero bytes.
        text = decode_text(re.sub(b"\0+", b"\n", head))
        return None if text is None else _kind_of_lines(text)
    kind = _kind_of_commands(text)
    if kind is Kind.REGISTRY_EXPORT:
        return kind
    if form_of(text) is not None:
        return Kind.FILE_LISTING
    return _kind_of_lines(text) or kind or (Kind.EVENT_EXPORT if _is_event_table(head) else Kind.TEXT)


def _kind_of_commands(text: str) -> Kind | None:
    """What the system's own tools write, told by its form."""
    if text.startswith("Windows Registry Editor Version 5.00") or re.match(r"REGEDIT4\s", text):
        return Kind.REGISTRY_EXPORT
    if ("---" in text or "Resource" in text or "check" in text.lower()) and looks_like_listing(text):
        return Kind.CHECKPOINT_LISTING
    return None


def _unmarked_utf16(head: bytes) -> str | None:
    """The text of UTF-16 without a byte-order mark, as some consoles write it; None for anything else."""
    encoding = encoding_of(head)
    if encoding.width == 1 or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    text, _ = encoding.decode(head)
    return None if _NOT_IN_TEXT.search(text) else text


def _kind_of_lines(text: str) -> Kind | None:
    lines = [line for line in text[: _LINES_LOOKED_AT * 1000].splitlines() if line.strip()][:_LINES_LOOKED_AT]
    for kind, pattern in ((Kind.CLUSTER_LOG, _CLUSTER_LINE), (Kind.PROGRAM_LOG, _PROGRAM_LINE)):
        # Half of the lines: such logs have continuation lines, and a note that quotes one line is none.
        if lines and 2 * sum(bool(pattern.match(line)) for line in lines) >= len(lines):
            return kind
    return None
