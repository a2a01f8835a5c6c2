"""Lines of ProgramLog.txt, after https://support.microsoft.com/kb/947187.

`<date and time>(PID-TID),"LEVEL: text"`, process and thread in decimal, padded with spaces. That page leaves out how
date and time are written, and in which zone: what may stand there is declared in `dates`.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.lines import LINE_START

HEAD: Final = re.compile(
    LINE_START
    + r'([^("\t\n\x00]{0,60})\( {0,10}([0-9]{1,10}) {0,10}- {0,10}([0-9]{1,10}) {0,10}\), ?"([A-Z][A-Z ]{2,19}):'
)
"""The beginning of an entry: date and time, process, thread, level."""

LEVELS: Final = {"INFORMATION": 4, "WARNING": 3, "ERROR": 2}
"""On the scale of .evtx. The page shows the first and the last; the other one is what the word says."""
