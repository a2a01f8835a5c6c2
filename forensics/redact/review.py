"""What a person is to look at before a bundle with pseudonyms goes out: what was replaced, and what might have been."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from forensics.forms import csv_lines
from forensics.redact.model import NameKind
from forensics.redact.words import own_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forensics.forms import Row
    from forensics.redact.model import Names

REVIEW_FIELDS: Final = ("what", "word", "pseudonym", "kind", "how", "times")
_CAPITALISED: Final = re.compile(r"(?<![^\W_])[^\W\d_a-z](?:[^\W_]|(?<=[^\W_])[.'-](?=[^\W\d_])){1,63}(?![^\W_])")
_MOST: Final = 200_000
_KINDS: Final = frozenset(NameKind)


def review_path(case: Path) -> Path:
    """Where the list lies, beside the key."""
    return case.with_name(case.name + ".redaction-review.csv")


class Review:
    """The capitalised words of a case that are left when names were replaced, counted."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.cut = False

    def look(self, text: str) -> None:
        """Count the capitalised words of a text with pseudonyms in it."""
        for word in _CAPITALISED.findall(text):
            if word[0].isupper():
                if word not in self.words and len(self.words) >= _MOST:
                    self.cut = True
                    continue
                self.words[word] += 1

    def text(self, names: Names) -> bytes:
        """The list as CSV: what was replaced; names that were not; capitalised words, those that nobody knows first."""
        return "".join(csv_lines(self._rows(names), REVIEW_FIELDS)).encode("utf-8", "backslashreplace")

    def _rows(self, names: Names) -> Iterator[Row]:
        pseudonyms = {name.pseudonym.casefold() for name in names if name.pseudonym}
        empty = dict.fromkeys(REVIEW_FIELDS)
        for name in names:
            row = {"word": name.text, "kind": name.kind.value.lower(), "how": name.how, "times": name.count}
            if name.pseudonym and name.bare:
                yield empty | {"what": "replaced", "pseudonym": name.pseudonym} | row
            elif name.pseudonym:
                what = "replaced only where it stands as a user: an ordinary word or a number"
                yield empty | {"what": what, "pseudonym": name.pseudonym} | row
            else:
                yield empty | {"what": "not replaced: an ordinary word"} | row
        own = own_words()
        order = sorted(self.words.items(), key=lambda pair: (pair[0].casefold() in own, -pair[1], pair[0]))
        for word, count in order:
            if word.casefold() not in pseudonyms and word.partition("-")[0] not in _KINDS:
                what = "not replaced: a word of ccrf's own" if word.casefold() in own else "not replaced"
                yield empty | {"what": what, "word": word, "times": count}
        if self.cut:
            yield empty | {"what": f"more capitalised words than {_MOST:,}: the others are not in this list"}
