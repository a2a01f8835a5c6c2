"""Names of one case replaced: recognised, given pseudonyms, replaced in a copy, listed for review, searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.case.audit import last_hash
from forensics.errors import RefusedError, UsageError
from forensics.redact.apply import apply_to
from forensics.redact.key import give_pseudonyms, key_path, key_text, read_key
from forensics.redact.model import PEOPLE, Name, NameKind
from forensics.redact.recognise import recognise
from forensics.redact.review import Review, review_path
from forensics.redact.search import leaks
from forensics.redact.tokens import Tokens, written_forms
from forensics.redact.words import own_words
from forensics.writing import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from forensics.case.store import Case

_SHOWN: Final = 5
_WORD_MOST: Final = 100


class Redaction:
    """The names of one case, and what becomes of them.

    Attributes:
        names: all that were recognised.
        original_hash: the last hash of the audit whose texts are replaced.
    """

    def __init__(self, case: Case, also: Iterable[str]) -> None:
        words = [_word(text) for text in also]
        self._known = read_key(key_path(case.path))
        found = recognise(case, words)
        self.names = found.names
        self.original_hash = ""
        self._review = Review()
        give_pseudonyms(self.names, self._known, found.like_pseudonyms)
        self._by_text = {name.text: name for name in self.names}
        self._tokens = Tokens({form: name for word, name in self._words().items() for form in written_forms(word)})
        self._whole = {
            name.text.casefold(): name
            for name in self.names
            if name.pseudonym and not name.bare and name.kind in PEOPLE
        }

    @property
    def words(self) -> list[str]:
        """Every text that must not be left: names, and ordinary words with what makes them names."""
        return sorted(self._words())

    @property
    def unreplaced(self) -> list[Name]:
        """Names that are not replaced, or not everywhere, because they are ordinary words."""
        return [name for name in self.names if not name.bare]

    def _words(self) -> dict[str, str]:
        """What to look for, each with the text of its name."""
        words = {}
        for name in self.names:
            if name.bare:
                words[name.text] = name.text
            elif name.pseudonym:
                words.update({before + name.text: name.text for before in sorted(name.before)})
        return words

    def apply(self, copy: Case) -> None:
        """Replace the names in a copy of the case, within its transaction."""
        self.original_hash = last_hash(copy)
        apply_to(copy, self.replace)

    def replace(self, text: str, whole: bool = False) -> str:  # noqa: FBT001, FBT002 - of a pair
        """A text with pseudonyms in it. `whole`: a value of an event, which may be an ordinary word and a user."""
        if whole and (name := self._whole.get(text.casefold())) is not None:
            name.count += 1
            return name.pseudonym
        new = self._tokens.replaced(text, self._pseudonym)
        self._review.look(new)
        return new

    def _pseudonym(self, meaning: str, found: str) -> str:
        name = self._by_text[meaning]
        name.count += 1
        if name.bare:
            return name.pseudonym
        ends = (len(form) for form in written_forms(name.text) if found.casefold().endswith(form.casefold()))
        before = found[: -max(ends, default=len(name.text))]
        return self._tokens.replaced(before, self._pseudonym) + name.pseudonym

    def forbid(self, text: str, what: str) -> None:
        """Refuse a text of the analyst's own that holds a name.

        Raises:
            RefusedError: it does.
        """
        for word in self._tokens.found(text):
            raise RefusedError(f"{what} holds {word}, which is to be replaced: the bundle would give it away")

    def search(self, bundle: Path, scratch: Path) -> None:
        """Search the finished bundle for every word.

        Raises:
            RefusedError: one is left; the bundle must not be given to anybody.
        """
        left = leaks(bundle, self.words, scratch)
        if left:
            shown = "; ".join(f"{word} in {member}" for word, member in left[:_SHOWN])
            more = f"; and {len(left) - _SHOWN} more" if left[_SHOWN:] else ""
            own = next((word for word, _ in left if word.casefold() in own_words()), None)
            hint = f". {own} is a word that ccrf writes itself, so --also cannot replace it" if own else ""
            raise RefusedError(
                f"no bundle was made: words that were to be replaced are left in it: {shown}{more}{hint}"
            )

    def keep(self, case: Path) -> None:
        """Write the key and the review list beside the case.

        Raises:
            RefusedError, FailedError: they cannot be written.
        """
        atomic_write(key_path(case), key_text(self.names, self._known), mode=0o600)
        atomic_write(review_path(case), self._review.text(self.names), mode=0o600)


def redact_case(case: Case, also: Iterable[str] = ()) -> Redaction:
    """Recognise the names of a case and give them pseudonyms; nothing is written.

    Raises:
        UsageError: a word of `also` is none, or the key beside the case is none.
        FailedError: the case cannot be read.
    """
    return Redaction(case, also)


def _word(text: str) -> str:
    word = text.strip()
    if not any(char.isalnum() for char in word) or len(word) > _WORD_MOST or not word.isprintable():
        raise UsageError(f"--also {text!r}: one word, or a few in their order, of at most {_WORD_MOST} characters")
    if word.isdecimal() or word.upper() in NameKind.__members__:
        raise UsageError(f"--also {word}: pseudonyms are made of such words, so it cannot be replaced")
    return word
