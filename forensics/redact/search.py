"""The proof: the finished bundle searched for every word that was to be replaced."""

from __future__ import annotations

import sqlite3
import unicodedata
import zipfile
from typing import IO, TYPE_CHECKING, Final

from forensics.case.connect import case_uri
from forensics.redact.tokens import Tokens, written_forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_BLOCK: Final = 1 << 20
_LEAST_IN_BYTES: Final = 4
_SQLITE: Final = b"SQLite format 3\0"


def leaks(bundle: Path, words: Iterable[str], scratch: Path) -> list[tuple[str, str]]:
    """Every word that a bundle still holds, with the member that holds it; [] where it holds none.

    Looked at are the names of all members and their content, unpacked, as UTF-8 and as UTF-16 of both byte orders at
    any place; of databases also every value, the schema, and the words of full-text search, one by one.

    Args:
        bundle: the finished zip.
        words: found as tokens, without case, also as HTML, JSON and URLs write them.
        scratch: a folder for a copy of a database.
    """
    tokens = Tokens({form: word for word in words for form in written_forms(word)})
    found = set()
    with zipfile.ZipFile(bundle) as archive:
        for info in archive.infolist():
            found |= {(word, info.filename) for word in tokens.found(info.filename)}
            with archive.open(info) as stream:
                head = stream.read(len(_SQLITE))
            if head != _SQLITE:
                with archive.open(info) as stream:
                    found |= {(word, info.filename) for word in _in_stream(stream, tokens)}
                continue
            copy = scratch / "searched.db"
            with archive.open(info) as stream, copy.open("wb") as file:
                while piece := stream.read(_BLOCK):
                    file.write(piece)
            found |= {(word, info.filename) for word in _in_database(copy, tokens)}
            copy.unlink()
        found |= {(word, "the zip's comment") for word in tokens.found(archive.comment.decode("latin-1"))}
    return sorted(found)


def _in_stream(stream: IO[bytes], tokens: Tokens) -> Iterator[str]:
    # Enough for a word in two-byte characters, and what stands before and behind it.
    overlap = 4 * (tokens.longest + 16)
    rest = b""
    while piece := stream.read(_BLOCK):
        block = rest + piece
        yield from _in_bytes(block, tokens)
        rest = block[-overlap:]


def _in_bytes(block: bytes, tokens: Tokens) -> Iterator[str]:
    yield from tokens.found(block.decode("utf-8", "replace"))
    # Plain letters in UTF-16 have zeros between them.
    if tokens.ascii and b"\0" not in block:
        return
    for encoding in ("utf-16-le", "utf-16-be"):
        for start in (0, 1):
            yield from tokens.found(block[start:].decode(encoding, "replace"))


def _in_database(path: Path, tokens: Tokens) -> Iterator[str]:
    """In a copy of a database, which is changed: its values, and then its bytes without those of full-text search.

    Full-text search keeps of a word only the letters in which it differs from the one before it, and these can be any
    name. Its words are looked at as they are.
    """
    connection = sqlite3.connect(case_uri(path, "rw"), uri=True, isolation_level=None)
    try:
        yield from _in_values(connection, tokens)
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("DROP TABLE IF EXISTS events_fts")
    finally:
        connection.close()
    # A few letters can stand in any numbers by chance.
    longer = Tokens({word: word for word in tokens if len(word) >= _LEAST_IN_BYTES})
    with path.open("rb") as file:
        yield from _in_stream(file, longer)


def _in_values(connection: sqlite3.Connection, tokens: Tokens) -> Iterator[str]:
    for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"):
        yield from tokens.found(sql)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in names:
        quoted = table.replace('"', '""')
        for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - quoted
            for value in row:
                if isinstance(value, str):
                    yield from tokens.found(value)
                elif isinstance(value, bytes) and not table.startswith("events_fts"):
                    yield from _in_bytes(value, tokens)
    if "events_fts" in names:
        connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'events_fts', 'row')")
        for (term,) in connection.execute("SELECT term FROM temp.terms"):
            # Full-text search has taken the accents off.
            if not any(unicodedata.combining(char) for char in unicodedata.normalize("NFD", term)):
                yield from tokens.found(term)
        connection.execute("DROP TABLE temp.terms")
