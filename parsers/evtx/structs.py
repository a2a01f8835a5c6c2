"""Declarations of the .evtx format; see libevtx "Windows XML Event Log (EVTX) format" and [MS-EVEN6] 2.2.12.

Nothing but declarations. Names are the specification's. The hot paths read the same fields through the `struct`
formats below; a test holds that both agree.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct as Packed

from construct import Bytes, Const, Int16ul, Int32ul, Int64ul, Padding, Struct

FILE_SIGNATURE = b"ElfFile\x00"
CHUNK_SIGNATURE = b"ElfChnk\x00"
RECORD_SIGNATURE = b"\x2a\x2a\x00\x00"

FILE_HEADER_SIZE = 4096
CHUNK_SIZE = 65536
CHUNK_HEADER_SIZE = 512
RECORD_HEADER_SIZE = 24
RECORD_MIN_SIZE = 28  # header and the copy of the size behind the data
TEMPLATE_HEADER_SIZE = 24

FileHeader = Struct(
    "signature" / Const(FILE_SIGNATURE),
    "first_chunk_number" / Int64ul,
    "last_chunk_number" / Int64ul,
    "next_record_identifier" / Int64ul,
    "header_size" / Int32ul,
    "minor_version" / Int16ul,
    "major_version" / Int16ul,
    "header_block_size" / Int16ul,
    "number_of_chunks" / Int16ul,
    "unknown" / Bytes(76),
    "file_flags" / Int32ul,
    "checksum" / Int32ul,  # CRC32 of the first 120 bytes
)

ChunkHeader = Struct(
    "signature" / Const(CHUNK_SIGNATURE),
    "first_event_record_number" / Int64ul,
    "last_event_record_number" / Int64ul,
    "first_event_record_identifier" / Int64ul,
    "last_event_record_identifier" / Int64ul,
    "header_size" / Int32ul,  # 128
    "last_event_record_data_offset" / Int32ul,
    "free_space_offset" / Int32ul,
    "event_records_checksum" / Int32ul,  # CRC32 of the records, from 512 to the free space
    "unknown" / Padding(64),
    "flags" / Int32ul,
    "checksum" / Int32ul,  # CRC32 of bytes 0 to 119 and 128 to 511
)

EventRecordHeader = Struct(
    "signature" / Const(RECORD_SIGNATURE),
    "size" / Int32ul,
    "event_record_identifier" / Int64ul,
    "written" / Int64ul,  # FILETIME
)

TemplateDefinitionHeader = Struct(
    "next_template_offset" / Int32ul,
    "identifier" / Bytes(16),  # GUID
    "data_size" / Int32ul,
)

# A name lies in the chunk, at the place of its first use.
NameHeader = Struct("next_string_offset" / Int32ul, "hash" / Int16ul, "number_of_characters" / Int16ul)

FILE_HEADER = Packed("<8sQQQIHHHH76sII")
CHUNK_HEADER = Packed("<8sQQQQIIII64xII")
RECORD_HEADER = Packed("<IIQQ")  # the signature as a number
TEMPLATE_HEADER = Packed("<I16sI")
NAME_HEADER = Packed("<IHH")
RECORD_SIGNATURE_VALUE = 0x00002A2A


class FileFlag(IntFlag):
    """`file_flags` of the file header."""

    DIRTY = 1
    FULL = 2
    NO_CRC32 = 4


class Token(IntEnum):
    """BinXml tokens without their "more data" bit 0x40, [MS-EVEN6] 2.2.12."""

    END_OF_STREAM = 0x00
    OPEN_START_ELEMENT = 0x01
    CLOSE_START_ELEMENT = 0x02
    CLOSE_EMPTY_ELEMENT = 0x03
    END_ELEMENT = 0x04
    VALUE = 0x05
    ATTRIBUTE = 0x06
    CDATA_SECTION = 0x07
    CHARACTER_REFERENCE = 0x08
    ENTITY_REFERENCE = 0x09
    PI_TARGET = 0x0A
    PI_DATA = 0x0B
    TEMPLATE_INSTANCE = 0x0C
    NORMAL_SUBSTITUTION = 0x0D
    OPTIONAL_SUBSTITUTION = 0x0E
    FRAGMENT_HEADER = 0x0F


MORE_DATA = 0x40


class ValueType(IntEnum):
    """BinXml value types, [MS-EVEN6] 2.2.12 (`BinXmlValueType`); an array has bit 0x80 set."""

    NULL = 0x00
    STRING = 0x01
    ANSI_STRING = 0x02
    INT8 = 0x03
    UINT8 = 0x04
    INT16 = 0x05
    UINT16 = 0x06
    INT32 = 0x07
    UINT32 = 0x08
    INT64 = 0x09
    UINT64 = 0x0A
    REAL32 = 0x0B
    REAL64 = 0x0C
    BOOL = 0x0D
    BINARY = 0x0E
    GUID = 0x0F
    SIZE_T = 0x10
    FILETIME = 0x11
    SYSTEMTIME = 0x12
    SID = 0x13
    HEX_INT32 = 0x14
    HEX_INT64 = 0x15
    EVT_HANDLE = 0x20
    BIN_XML = 0x21
    EVT_XML = 0x23


ARRAY = 0x80

# The `struct` code and size of each value type of fixed size; SIZE_T is 4 or 8 bytes wide and stands apart.
FIXED_CODES: dict[int, tuple[str, int]] = {
    ValueType.INT8: ("b", 1),
    ValueType.UINT8: ("B", 1),
    ValueType.INT16: ("h", 2),
    ValueType.UINT16: ("H", 2),
    ValueType.INT32: ("i", 4),
    ValueType.UINT32: ("I", 4),
    ValueType.INT64: ("q", 8),
    ValueType.UINT64: ("Q", 8),
    ValueType.REAL32: ("f", 4),
    ValueType.REAL64: ("d", 8),
    ValueType.BOOL: ("I", 4),
    ValueType.GUID: ("16s", 16),
    ValueType.FILETIME: ("Q", 8),
    ValueType.SYSTEMTIME: ("16s", 16),
    ValueType.HEX_INT32: ("I", 4),
    ValueType.HEX_INT64: ("Q", 8),
}
