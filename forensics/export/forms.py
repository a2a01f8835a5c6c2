"""What a case can be exported as."""

from __future__ import annotations

from enum import StrEnum


class ExportForm(StrEnum):
    """The forms, by the tool or the format that has it."""

    TIMESKETCH = "timesketch"
    L2TCSV = "l2tcsv"
    BODYFILE = "bodyfile"
