"""The parts of pseudonyms: words found as tokens, names told by their form, the key, and the last search."""

from __future__ import annotations

import re
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import UsageError
from forensics.redact.key import give_pseudonyms, key_text, read_key
from forensics.redact.model import NameKind, Names
from forensics.redact.patterns import is_address, signs
from forensics.redact.search import leaks
from forensics.redact.tokens import Tokens
from forensics.redact.words import own_words

WORDS = st.text(alphabet="abAB1-._ é", min_size=1, max_size=6).filter(lambda word: any(map(str.isalnum, word)))


def shown(text, **options):
    return {(sign.kind.value, sign.text) for sign in signs(text, **options)}


def plain_search(word, text):
    """A word as a token, by a pattern of its own for each word."""
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text, re.IGNORECASE)


@given(words=st.lists(WORDS, min_size=1, max_size=8), text=st.text(alphabet="abAB1-._ é", max_size=40))
@settings(max_examples=300, deadline=None)
def test_words_are_found_as_by_a_search_for_each(words, text):
    """The tree of all words finds something exactly where a search for one of them does, and leaves none."""
    tokens = Tokens({word: word for word in words})
    assert bool(list(tokens.found(text))) == any(plain_search(word, text) for word in words)
    left = tokens.replaced(text, lambda _meaning, _found: "\u2588")
    assert not any(plain_search(word, left) for word in words)


def test_the_longest_word_goes_first():
    """Of words that begin alike the longest that fits is taken, and a shorter one where that does not."""
    tokens = Tokens({"anna": "1", "anna.bell": "2", "anna.bell@x.org": "3"})
    assert list(tokens.found("anna.bell@x.org anna.bell@x.organ ANNA.Bell, anna-b")) == ["3", "2", "2", "1"]


def test_words_behind_escapes_are_tokens():
    r"""A letter of an escape (`\n`, `\u0041`, `%20`) is none of the word's, and a letter that is none is."""
    tokens = Tokens({"EXNODE1": "x"})
    for text in (r"a\nEXNODE1", r"\u0041exnode1", "%20EXNODE1", "EXNODE1_old", "exnode1$", '"EXNODE1"'):
        assert list(tokens.found(text)) == ["x"], text
    for text in ("EXNODE12", "aEXNODE1", "éEXNODE1"):
        assert not list(tokens.found(text)), text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("Weiß", "x Weiß x"), ("Weiß", "x WEISS x"), ("Weiss", "x weiß x"), ("WEIẞ", "x weiß x"),
        ("Großweiß", "x Grossweiß x"), ("Steffi", "x STE\ufb03 x"), ("İlker", "x İLKER x"), ("Σίσυφος", "x ΣΊΣΥΦΟΣ x"),
    ],
)  # fmt: skip
def test_letters_that_are_several_without_case(word, text):
    """`ß` is `ss` without case: a name with one is found however it is written, and all of it is replaced."""
    assert Tokens({word: "x"}).replaced(f"ẖ {text}", lambda _meaning, _found: "NAME") == "ẖ x NAME x"
    assert not list(Tokens({word: "x"}).found(f"ẖ {text[2:-2]}s"))


def test_thousands_of_words_and_deep_ones():
    """Five thousand names, and names that are each other's beginnings, make a pattern that works."""
    tokens = Tokens({f"user{number}": str(number) for number in range(5000)})
    assert list(tokens.found("user4999 user5000 USER17")) == ["4999", "17"]
    nested = Tokens({"a" * length: str(length) for length in range(2, 300)})
    assert list(nested.found("a" * 299 + " " + "a" * 50)) == ["299", "50"]


def test_names_are_told_by_their_form():
    """Each form gives its names, and what looks like one and is none gives nothing."""
    assert shown("to jd@mail.example.org now") == {
        ("MAILBOX", "jd@mail.example.org"), ("MAILBOX", "jd"), ("DOMAIN", "mail.example.org")
    }  # fmt: skip
    assert shown(r"\\srv01\plans$\x") == {("HOST", "srv01"), ("SHARE", "plans$")}
    assert shown(r"\\srv01\c$\x") == {("HOST", "srv01")}
    assert shown(r"from \\srv02, not C:\\Windows\\x") == {("HOST", "srv02")}
    assert shown(r"\\.\pipe\x \\?\C:\x") == set()
    assert shown(r"C:\Users\jdoe\x") == {("USER", "jdoe")}
    assert shown("CN=Ann Li,OU=Sales,DC=corp,DC=example") == {
        ("NAME", "Ann Li"), ("ORG", "Sales"), ("DOMAIN", "corp.example")
    }  # fmt: skip
    assert shown("S-1-5-21-1-2-3-500 S-1-5-18 S-1-5-32-544") == {("SID", "S-1-5-21-1-2-3-500")}
    assert shown("10.1.2.3:443, [192.0.2.1]") == {("ADDRESS", "10.1.2.3"), ("ADDRESS", "192.0.2.1")}
    assert shown("Version: 8.1.240.6; version 10.1.2.3") == set()
    assert shown("10.1.2.3", versions=True) == set()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("10.0.0.1", True), ("127.0.0.1", False), ("0.0.0.0", False),  # noqa: S104
        ("255.255.255.0", False), ("1.2.3.400", False),
        ("2001:db8::1", True), ("fe80::1", True), ("fd00::17", True), ("::1", False), ("::", False),
        ("a1c::2008", False), ("12:00:35", False), ("::ffff:192.0.2.1", True),
    ],
)  # fmt: skip
def test_addresses_of_machines(text, is_one):
    """What is the address of a machine somewhere; not loopback, masks, times, or a process beside a date."""
    assert is_address(text) == is_one


def named(*pairs):
    names = Names()
    for kind, text in pairs:
        names.add(kind, text, "test")
    return names


def test_pseudonyms_sort_as_the_names_do():
    """Numbers follow the names' order and have as many digits as the highest needs."""
    names = named(*((NameKind.NODE, f"N{number:02}") for number in range(12)))
    give_pseudonyms(names, [], ())
    given_ = [name.pseudonym for name in names]
    assert given_ == sorted(given_)
    assert given_[0] == "NODE-01"
    assert len(set(given_)) == 12


def test_a_key_keeps_what_it_has(tmp_path):
    """Names of the key keep their pseudonyms, new ones get numbers behind them, and old names stay in the key."""
    first = named((NameKind.USER, "bob"), (NameKind.USER, "zoe"))
    give_pseudonyms(first, [], {"user-1"})
    assert {name.text: name.pseudonym for name in first} == {"bob": "USER-2", "zoe": "USER-3"}
    (tmp_path / "key").write_bytes(key_text(first, []))
    known = read_key(tmp_path / "key")
    second = named((NameKind.USER, "ann"), (NameKind.USER, "ZOE"))
    give_pseudonyms(second, known, ())
    assert {name.text: name.pseudonym for name in second} == {"ann": "USER-4", "ZOE": "USER-3"}
    (tmp_path / "key").write_bytes(key_text(second, known))
    assert {entry.pseudonym for entry in read_key(tmp_path / "key")} == {"USER-2", "USER-3", "USER-4"}


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": 2, "names": []}', b'{"schema": 1, "names": [{}]}'])
def test_what_is_no_key(tmp_path, content):
    """A file that is no key of this version is wrong usage."""
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UsageError):
        read_key(tmp_path / "key")


def test_own_words_are_what_the_program_writes():
    """Field names and sentences are its own words; names in its documentation are not."""
    words = own_words()
    assert {"confidence", "overwrite", "saved", "checkpoint", "forefront"} <= words
    assert not words & {"exnode", "contoso", "fabrikam"}


@pytest.mark.parametrize(
    "content",
    [
        b"x jdoe x",
        "x Björn x".encode(),
        b"z" * (1 << 20) + b" jdoe",
        b" " * ((1 << 20) - 2) + b"jdoe ",
        "xx jdoe".encode("utf-16-le"),
        b"x" + "xx jdoe".encode("utf-16-be"),
        "ж БОРИС ж".encode("utf-16-le"),
        b'{"a": "O&#39;Hara"}',
        b"O&#x27;HARA",
        b'"Bj\\u00f6rn"',
        b"user: CONTOSO\\\\mark",
    ],
)
def test_the_last_search_finds_a_word_however_it_is_written(tmp_path, content):
    """As bytes, over the border of two blocks, in UTF-16 of either order at any place, as HTML and as JSON."""
    words = ["jdoe", "Björn", "борис", "O'Hara", "CONTOSO\\mark"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/a", content)
        archive.writestr("data/b", b"jdoes O-Hara b\xc3\xb6rn mark CONTOSO")
    found = leaks(tmp_path / "a.zip", words, tmp_path)
    assert [member for _, member in found] == ["data/a"]


def test_the_last_search_looks_at_names_too(tmp_path):
    """A word in the name of a member is found."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/JDOE.txt", b"")
    assert leaks(tmp_path / "a.zip", ["jdoe"], tmp_path) == [("jdoe", "data/JDOE.txt")]
