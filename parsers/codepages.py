"""Text of one byte a character whose code page nothing tells: the likelier of those that Windows writes in the West."""

from __future__ import annotations

import re
from typing import Final

OEM: Final = "cp850"
ANSI: Final = "cp1252"
# The quotation marks of Windows-1252 are letters in the console's code page; between words and in pairs they are marks.
_QUOTED: Final = re.compile(
    rb"(?:^|[\s:=(,])[\x91\x93\x84\x82][^\x82\x84\x91-\x94]{1,1000}[\x92\x94\x93](?=$|[\s/),;])"
)


def likely_text(raw: bytes) -> str:
    """The bytes as text: what a console printed (code page 850), or a file of Windows-1252 where that reads better.

    No more than a guess: names that other evidence knows are held against the bytes before they are believed.
    """
    if _QUOTED.search(raw):
        return raw.decode(ANSI, "replace")
    console, window = raw.decode(OEM), raw.decode(ANSI, "replace")
    return window if _oddities(window) < _oddities(console) else console


def _oddities(text: str) -> int:
    """Characters above 0x7f that no word has there: no letters, and capitals behind small letters."""
    odd = 0
    for before, letter in zip(" " + text, text, strict=False):
        if letter > "\x7f":
            odd += not letter.isalpha() or (letter.isupper() and before.islower())
    return odd
