"""Beginnings of known file formats, each after the specification linked above it.

None of them is the format of the product's .fdb files, which nobody has published. They are declared so that a file
that only shares the name is told apart: Firebird databases have the same extension.
"""

from __future__ import annotations

from construct import Array, Bytes, Const, Int8ul, Int16ub, Int16ul, Int32sl, Int32ub, Int32ul, Int64ul, Struct

# Firebird: https://github.com/FirebirdSQL/firebird/blob/v3.0-release/src/jrd/ods.h, and "Firebird Internals",
# https://firebirdsql.org/file/documentation/html/en/firebirddocs/firebirdinternals/firebird-internals.html
PAG_HEADER = 1
ODS_FIREBIRD_FLAG = 0x8000
# What stands in the place of a checksum in InterBase since on-disk structure 9, and in Firebird before 3.0.
PAG_CHECKSUM_UNUSED = 12345
HDR_PAGE_SIZE_MIN, HDR_PAGE_SIZE_MAX = 1024, 65536
PAG = Struct(
    "pag_type" / Int8ul,
    "pag_flags" / Int8ul,
    "pag_checksum" / Int16ul,
    "pag_generation" / Int32ul,
    "pag_scn" / Int32ul,
    "reserved" / Int32ul,
)
HEADER_PAGE = Struct(
    "hdr_header" / PAG,
    "hdr_page_size" / Int16ul,
    "hdr_ods_version" / Int16ul,
)
# Behind it, in on-disk structures 10 to 13; before and after those the fields lie otherwise.
HEADER_PAGE_10_TO_13 = Struct(
    "hdr_PAGES" / Int32ul,
    "hdr_next_page" / Int32ul,
    "hdr_oldest_transaction" / Int32ul,
    "hdr_oldest_active" / Int32ul,
    "hdr_next_transaction" / Int32ul,
    "hdr_sequence" / Int16ul,
    "hdr_flags" / Int16ul,
    "hdr_creation_date" / Array(2, Int32sl),  # days since 1858-11-17, then ten-thousandths of a second; local time
    "hdr_attachment_id" / Int32ul,
    "hdr_shadow_count" / Int32ul,
    "hdr_implementation" / Array(2, Int16ul),  # up to 11 the second one is hdr_ods_minor
    "hdr_ods_minor" / Int16ul,  # up to 11 hdr_ods_minor_original
)

# OLE compound file: https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb/05060311-bfce-4b12-874d-71fd4ce63aea
COMPOUND_FILE_HEADER = Struct(
    "HeaderSignature" / Const(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    "HeaderCLSID" / Bytes(16),
    "MinorVersion" / Int16ul,
    "MajorVersion" / Int16ul,
    "ByteOrder" / Int16ul,
    "SectorShift" / Int16ul,
    "MiniSectorShift" / Int16ul,
    "Reserved" / Bytes(6),
    "NumberOfDirectorySectors" / Int32ul,
    "NumberOfFATSectors" / Int32ul,
)

# Jet and ACE (Access): https://github.com/mdbtools/mdbtools/blob/dev/HACKING.md
JET_HEADER = Struct(
    "magic" / Const(b"\0\1\0\0"),
    "format_id" / Bytes(16),  # "Standard Jet DB" or "Standard ACE DB", with its NUL
    "version" / Int8ul,
)
JET_VERSIONS = {0: "Access 97", 1: "Access 2000 to 2003", 2: "Access 2007", 3: "Access 2010", 5: "Access 2016"}

# ESE: https://github.com/libyal/libesedb/blob/main/documentation/Extensible%20Storage%20Engine%20(ESE)%20Database%20File%20(EDB)%20format.asciidoc
ESE_FILE_HEADER = Struct(
    "checksum" / Int32ul,
    "signature" / Const(b"\xef\xcd\xab\x89"),
    "format_version" / Int32ul,
    "file_type" / Int32ul,  # 0 a database, 1 a streaming file
    "database_time" / Int64ul,
    "database_signature" / Bytes(28),
    "database_state" / Int32ul,
    "unknown" / Bytes(176),
    "format_revision" / Int32ul,
    "page_size" / Int32ul,
)
ESE_STATES = {1: "just created", 2: "dirty shutdown", 3: "clean shutdown", 4: "being converted", 5: "force detach"}

# SQLite: https://www.sqlite.org/fileformat2.html#the_database_header
SQLITE_HEADER = Struct(
    "header_string" / Const(b"SQLite format 3\0"),
    "page_size" / Int16ub,  # 1 stands for 65536
    "write_version" / Int8ul,
    "read_version" / Int8ul,
    "reserved_space" / Int8ul,
    "fractions" / Bytes(3),
    "file_change_counter" / Int32ub,
    "size_in_pages" / Int32ub,
)

# Cabinet, CFHEADER: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-mci/27f34eb2-dd4c-4b19-8f86-ad4f0ba0fcb0
CFHEADER = Struct(
    "signature" / Const(b"MSCF"),
    "reserved1" / Int32ul,
    "cbCabinet" / Int32ul,
    "reserved2" / Int32ul,
    "coffFiles" / Int32ul,
    "reserved3" / Int32ul,
    "versionMinor" / Int8ul,
    "versionMajor" / Int8ul,
    "cFolders" / Int16ul,
    "cFiles" / Int16ul,
)

# gzip member header: https://www.rfc-editor.org/rfc/rfc1952#section-2.3
GZIP_HEADER = Struct(
    "ID" / Const(b"\x1f\x8b"),
    "CM" / Int8ul,
    "FLG" / Int8ul,
    "MTIME" / Int32ul,
    "XFL" / Int8ul,
    "OS" / Int8ul,
)

# Registry hive: https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md#base-block
REGF_BASE_BLOCK = Struct(
    "signature" / Const(b"regf"),
    "primary_sequence_number" / Int32ul,
    "secondary_sequence_number" / Int32ul,
    "last_written_timestamp" / Int64ul,
    "major_version" / Int32ul,
    "minor_version" / Int32ul,
    "file_type" / Int32ul,
    "file_format" / Int32ul,
    "root_cell_offset" / Int32ul,
    "hive_bins_data_size" / Int32ul,
)
REGF_BASE_BLOCK_SIZE = 4096
