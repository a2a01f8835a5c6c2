r"""Words found as tokens, without case, all at once.

A token has no letter or digit before or behind it: `EXNODE1` is one in `EXNODE1_old`, `exnode1$` and `"EXNODE1"`, none
in `EXNODE12`. An escape is no letter: in `\nEXNODE1`, as JSON and logs write a line break, it is one.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_LEFT: Final = (
    r"(?:(?<![^\W_])|(?<=\\[abfnrtv0])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=%[0-9a-f]{2})|(?<=&lt;)|(?<=&gt;))"
)
_RIGHT: Final = r"(?![^\W_])"
_DEEPEST: Final = 60

_Tree = dict[str, Any]  # by letter what may follow; "" where a word ends


def written_forms(word: str) -> set[str]:
    """A word as it is, and as HTML, XML, JSON and URLs write it."""
    return {
        word,
        html.escape(word),
        html.escape(word, quote=False),
        html.escape(word).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(word).replace("&#x27;", "&apos;"),
        json.dumps(word)[1:-1],
        json.dumps(word, ensure_ascii=False)[1:-1],
        quote(word, safe=""),
    }


class Tokens:
    """A set of words, each with what it stands for."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words: dict[str, str] = {}
        for word, meaning in words.items():
            for form in {word, unicodedata.normalize("NFC", word), unicodedata.normalize("NFD", word)}:
                self._words.setdefault(form.casefold(), meaning)
        self.longest = max(map(len, self._words), default=0)
        self.ascii = all(word.isascii() for word in self._words)
        # A look at the first letter comes first: it is cheaper than the one at what stands before.
        first = f"(?=[{''.join(map(re.escape, sorted({word[0] for word in self._words})))}])"
        pattern = first + _LEFT + _alternatives(self._words) + _RIGHT
        self._pattern = re.compile(pattern, re.IGNORECASE) if words else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def replaced(self, text: str, replace: Callable[[str, str], str]) -> str:
        """The text with `replace(meaning, found)` in place of each word found."""
        parts = []
        end = 0
        for meaning, start, stop in self._spans(text):
            parts += [text[end:start], replace(meaning, text[start:stop])]
            end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def found(self, text: str) -> Iterator[str]:
        """The meaning of each word found, in their order."""
        for meaning, _, _ in self._spans(text):
            yield meaning

    def _spans(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Meaning, start and end of each word found."""
        if self._pattern is None:
            return
        if text.isascii() or _several().search(text) is None:
            for found in self._pattern.finditer(text):
                yield self._meaning(found[0]), *found.span()
            return
        # One letter is several without case (`ß`, `ss`): looked for in the folded text, and where that is in this one.
        places = None
        for found in self._pattern.finditer(text.casefold()):
            if places is None:
                places = [at for at, char in enumerate(text) for _ in char.casefold()]
            yield self._meaning(found[0]), places[found.start()], places[found.end() - 1] + 1

    def _meaning(self, found: str) -> str:
        meaning = self._words.get(found.casefold())
        if meaning is None:
            # Letters that are equal without case and not when folded (the Turkish i).
            equal = (word for word in self._words if re.fullmatch(re.escape(word), found, re.IGNORECASE))
            meaning = self._words[next(equal)]
        return meaning


@cache
def _several() -> re.Pattern[str]:
    """A letter that is several letters without case."""
    letters = (char for char in map(chr, range(0x80, 0x10000)) if len(char.casefold()) > 1)
    return re.compile(f"[{''.join(letters)}]")


def _alternatives(words: Iterable[str]) -> str:
    """A pattern for all words, the longest first; as a tree of letters, so that thousands cost no more than a few."""
    tree: _Tree = {}
    for word in words:
        at = tree
        for char in word:
            at = at.setdefault(char, {})
        at[""] = {}
    if _depth(tree) > _DEEPEST:
        return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))) + ")"
    return _branch(tree)


def _depth(tree: _Tree) -> int:
    """How deep groups would be nested."""
    deepest = 0
    waiting = [(tree, 0)]
    while waiting:
        at, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(below, depth + (len(at) > 1)) for below in at.values()]
    return deepest


def _branch(tree: _Tree) -> str:
    ways = []
    for char in sorted(tree):
        if not char:
            continue
        text, below = re.escape(char), tree[char]
        while len(below) == 1 and "" not in below:
            ((only, below),) = below.items()
            text += re.escape(only)
        ways.append(text if set(below) == {""} else text + _branch(below))
    inner = ways[0] if len(ways) == 1 and "" not in tree else f"(?:{'|'.join(ways)})"
    return f"{inner}?" if "" in tree and ways else inner
