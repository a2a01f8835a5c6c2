"""Words that are nobody's name: those of this program, of its product knowledge, and of Windows.

A user may be called like one of them ("mark", "backup"). Replaced everywhere, it would take the program's own texts and
the product's names apart, so it is replaced only where it stands as a user.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

AUDIT_ACTION: Final = "redact"
"""The audit's word for names that were replaced."""

# Also `h1` and `x1`, which a page is made of: a node of that name could not be told from them.
_WORD: Final = re.compile(r"[^\W\d_]{2,}|(?<![^\W_])(?=\d*[^\W\d_])[^\W_]{2,16}(?![^\W_])")
_COMMENT: Final = re.compile(r"(?m)(?:^|[ \t])#[^\n]*$")
_PACKAGES: Final = ("forensics", "parsers")
_TEXTS: Final = (".toml", ".html", ".css", ".js", ".j2", ".jinja", ".svg")
# Words of SQL in a case's schema, and of SQLite's own tables.
_SQL: Final = frozenset(
    {
        "autoindex", "automerge", "blob", "columnsize", "config", "content", "create", "data", "docsize", "float",
        "fts", "hashsize", "idx", "index", "integer", "key", "not", "null", "on", "primary", "rank", "real",
        "references", "sqlite", "stat", "table", "tbl", "text", "unique", "using", "version", "virtual",
    }
)  # fmt: skip


@cache
def own_words() -> frozenset[str]:
    """Every word of this program's texts, names and product knowledge, casefolded, two letters or more.

    Taken from the program itself: what it can write into a bundle is in it. Words of its documentation are not.
    """
    return _SQL | {word.casefold() for text in _texts() for word in _WORD.findall(text)}


def own_phrase(text: str) -> bool:
    """Whether these words in their order stand in the program's texts: names of services, groups, products."""
    phrase = re.compile(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])", re.IGNORECASE)
    return any(phrase.search(one) for one in _texts())


@cache
def _texts() -> tuple[str, ...]:
    files = [file for package in _PACKAGES for file in _files(resources.files(package))]
    texts = [(file.name, file.read_text(encoding="utf-8")) for file in files]
    return tuple(_code(text) if name.endswith(".py") else text for name, text in texts)


def _files(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.endswith((".py", *_TEXTS)):
            yield entry


def _code(source: str) -> str:
    """A module without its documentation and comments."""
    kept = []
    before = ""
    for at, piece in enumerate(source.split('"""')):
        # Every second piece is quoted; one that begins its line is documentation.
        if at % 2 == 0 or before.rpartition("\n")[2].strip(" rR"):
            kept.append(piece)
        before = piece
    return _COMMENT.sub("", " ".join(kept))
