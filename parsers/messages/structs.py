"""Message tables, after https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-message_resource_data.

And the resource directory in which a program keeps them, after "The .rsrc Section" of
https://learn.microsoft.com/windows/win32/debug/pe-format. All numbers are little-endian. Readers of many entries use
`struct` with formats that a test holds against these declarations.
"""

from __future__ import annotations

from construct import Int16ul, Int32ul, Struct

RT_MESSAGETABLE = 11  # https://learn.microsoft.com/windows/win32/menurc/resource-types
IMAGE_DIRECTORY_ENTRY_RESOURCE = 2
# The high bit of IMAGE_RESOURCE_DIRECTORY_ENTRY: of Name, a string and no number; of OffsetToData, a directory below.
IMAGE_RESOURCE_NAME_IS_STRING = 0x80000000
IMAGE_RESOURCE_DATA_IS_DIRECTORY = 0x80000000

# Offsets in a directory count from the start of the resources; only OffsetToData of a data entry is an RVA.
IMAGE_RESOURCE_DIRECTORY = Struct(
    "Characteristics" / Int32ul,
    "TimeDateStamp" / Int32ul,
    "MajorVersion" / Int16ul,
    "MinorVersion" / Int16ul,
    "NumberOfNamedEntries" / Int16ul,
    "NumberOfIdEntries" / Int16ul,
)
IMAGE_RESOURCE_DIRECTORY_ENTRY = Struct(
    "Name" / Int32ul,  # on the first level the type of resource, on the second its name, on the third the language
    "OffsetToData" / Int32ul,
)
IMAGE_RESOURCE_DATA_ENTRY = Struct(
    "OffsetToData" / Int32ul,
    "Size" / Int32ul,
    "CodePage" / Int32ul,
    "Reserved" / Int32ul,
)

# Behind it: NumberOfBlocks of MESSAGE_RESOURCE_BLOCK.
MESSAGE_RESOURCE_DATA = Struct(
    "NumberOfBlocks" / Int32ul,
)
# https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-message_resource_block
MESSAGE_RESOURCE_BLOCK = Struct(
    "LowId" / Int32ul,  # of the first entry; the next ones follow without a hole up to HighId
    "HighId" / Int32ul,
    "OffsetToEntries" / Int32ul,  # from the start of MESSAGE_RESOURCE_DATA
)
# https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-message_resource_entry
# Behind it: Text, which ends at a NUL.
MESSAGE_RESOURCE_ENTRY = Struct(
    "Length" / Int16ul,  # of the whole entry
    "Flags" / Int16ul,
)
# MESSAGE_RESOURCE_ENTRY.Flags, as winnt.h names them; 0 is a text in an ANSI code page
MESSAGE_RESOURCE_UNICODE = 1
MESSAGE_RESOURCE_UTF8 = 2
