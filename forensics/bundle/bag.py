"""BagIt as text: declaration, metadata and manifests, written and read.

https://www.rfc-editor.org/rfc/rfc8493 (section numbers below are its own). Names in manifests: line feed, carriage
return and percent sign are percent-encoded (2.1.3); the names that this program stores have none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BAGIT: Final = "bagit.txt"
INFO: Final = "bag-info.txt"
MANIFEST: Final = "manifest-sha256.txt"
TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
SIGNATURE: Final = f"{TAG_MANIFEST}.sig"
PAYLOAD: Final = "data/"

DECLARATION: Final = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

# Labels of bag-info.txt; the first three are the standard's (2.2.2).
TICKET: Final = "External-Identifier"
SOFTWARE: Final = "Bag-Software-Agent"
OXUM: Final = "Payload-Oxum"
AUDIT_HASH: Final = "CCRF-Audit-Hash"
CASE_HASH: Final = "CCRF-Case-Audit-Hash"
REDACTED: Final = "CCRF-Redacted"
AS_OF: Final = "CCRF-Case-As-Of"

_LINE: Final = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)", re.DOTALL)
_ESCAPES: Final = {"%0A": "\n", "%0D": "\r", "%25": "%"}


def manifest_text(hashes: Mapping[str, str]) -> str:
    """A manifest of SHA-256 by path, sorted by path."""
    return "".join(f"{hashes[path]}  {_escaped(path)}\n" for path in sorted(hashes))


def info_text(fields: Iterable[tuple[str, str]]) -> str:
    """`bag-info.txt` of labels and values; values are one line each."""
    return "".join(f"{label}: {value}\n" for label, value in fields)


def _escaped(path: str) -> str:
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def read_manifest(text: str) -> tuple[dict[str, str], list[str]]:
    """SHA-256 by path, and what is wrong with the text, in sentences."""
    hashes: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            wrong.append(f"line {number} names no file with its SHA-256")
            continue
        path = re.sub(r"%(?:0A|0D|25)", lambda code: _ESCAPES[code[0].upper()], found[2], flags=re.IGNORECASE)
        path = path.removeprefix("./")
        if path in hashes:
            wrong.append(f"line {number} names a file a second time")
        hashes[path] = found[1].lower()
    return hashes, wrong


def read_info(text: str) -> dict[str, str]:
    """The fields of `bag-info.txt` by label; of a label that is there twice the first, lines that are none left out."""
    fields: dict[str, str] = {}
    label = ""
    for line in re.split(r"\r\n|\r|\n", text):
        if line[:1] in {" ", "\t"}:
            if label:
                fields[label] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        label = name.strip() if colon else ""
        if label in fields:
            label = ""
        if label:
            fields[label] = value.strip()
    return fields
