"""Structures of an .evt file, after https://learn.microsoft.com/windows/win32/eventlog/event-log-file-format.

All numbers are little-endian. Names of fields are Microsoft's; what the pages leave open is taken from libevt's study
of the format, https://github.com/libyal/libevt/tree/main/documentation. Readers of many records use `struct` with
formats that a test holds against these declarations.
"""

from __future__ import annotations

from construct import Bytes, Const, Int16ul, Int32ul, Struct

SIGNATURE = b"LfLe"
HEADER_SIZE = 48
FIXED_RECORD_SIZE = 56  # EVENTLOGRECORD up to its first variable member
EOF_RECORD_SIZE = 40
EOF_RECORD_MAGIC = bytes.fromhex("28000000 11111111 22222222 33333333 44444444")
# Fills the end of the ring where the fixed part of a record does not fit: one less than the size of an ELF_EOF_RECORD,
# so that it can be the size of nothing.
PADDING = b"\x27\x00\x00\x00"

# ELF_LOGFILE_HEADER.Flags
FLAG_DIRTY = 1  # ELF_LOGFILE_HEADER_DIRTY: records were written and the header was not
FLAG_WRAP = 2  # ELF_LOGFILE_HEADER_WRAP
FLAG_LOGFULL_WRITTEN = 4  # ELF_LOGFILE_LOGFULL_WRITTEN: the last write failed for want of space
FLAG_ARCHIVE_SET = 8  # ELF_LOGFILE_ARCHIVE_SET

# EVENTLOGRECORD.EventType
EVENTLOG_SUCCESS = 0
EVENTLOG_ERROR_TYPE = 1
EVENTLOG_WARNING_TYPE = 2
EVENTLOG_INFORMATION_TYPE = 4
EVENTLOG_AUDIT_SUCCESS = 8
EVENTLOG_AUDIT_FAILURE = 16

# https://learn.microsoft.com/previous-versions/windows/desktop/legacy/bb309024(v=vs.85)
ELF_LOGFILE_HEADER = Struct(
    "HeaderSize" / Const(HEADER_SIZE, Int32ul),
    "Signature" / Const(SIGNATURE, Bytes(4)),
    "MajorVersion" / Int32ul,
    "MinorVersion" / Int32ul,
    "StartOffset" / Int32ul,  # of the oldest record
    "EndOffset" / Int32ul,  # of the ELF_EOF_RECORD
    "CurrentRecordNumber" / Int32ul,  # of the next record to be written
    "OldestRecordNumber" / Int32ul,  # 0 in an empty log
    "MaxSize" / Int32ul,
    "Flags" / Int32ul,
    "Retention" / Int32ul,
    "EndHeaderSize" / Const(HEADER_SIZE, Int32ul),
)

# https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-eventlogrecord
# Behind it: SourceName and Computername (UTF-16LE, each with its NUL), UserSid, Strings (each with its NUL), Data,
# padding to a multiple of 4, and Length once more. Offsets count from the start of the record.
EVENTLOGRECORD = Struct(
    "Length" / Int32ul,
    "Reserved" / Const(SIGNATURE, Bytes(4)),
    "RecordNumber" / Int32ul,
    "TimeGenerated" / Int32ul,  # seconds since 1970, UTC
    "TimeWritten" / Int32ul,
    "EventID" / Int32ul,
    "EventType" / Int16ul,
    "NumStrings" / Int16ul,
    "EventCategory" / Int16ul,
    "ReservedFlags" / Int16ul,
    "ClosingRecordNumber" / Int32ul,
    "StringOffset" / Int32ul,
    "UserSidLength" / Int32ul,
    "UserSidOffset" / Int32ul,
    "DataLength" / Int32ul,
    "DataOffset" / Int32ul,
)

# https://learn.microsoft.com/previous-versions/windows/desktop/legacy/bb309022(v=vs.85)
ELF_EOF_RECORD = Struct(
    "RecordSizeBeginning" / Const(EOF_RECORD_SIZE, Int32ul),
    "One" / Const(0x11111111, Int32ul),
    "Two" / Const(0x22222222, Int32ul),
    "Three" / Const(0x33333333, Int32ul),
    "Four" / Const(0x44444444, Int32ul),
    "BeginRecord" / Int32ul,  # offset of the oldest record; in an empty log, of this structure
    "EndRecord" / Int32ul,  # offset of this structure
    "CurrentRecordNumber" / Int32ul,
    "OldestRecordNumber" / Int32ul,
    "RecordSizeEnd" / Const(EOF_RECORD_SIZE, Int32ul),
)
