"""The reader of registry exports, on texts as regedit writes them and on damaged ones."""

from __future__ import annotations

import io

import pytest

from parsers.problems import ProblemKind
from parsers.registry.export import ExportAccount, NotARegistryExportError, read_export

HEAD = "Windows Registry Editor Version 5.00\r\n\r\n"
KEY = "HKEY_LOCAL_MACHINE\\SOFTWARE\\A"
WHOLE = (
    f"[{KEY}]\r\n"
    '@="the default"\r\n'
    '"a\\\\b"="C:\\\\x \\"quoted\\""\r\n'
    '"two lines"="one\r\ntwo"\r\n'
    '"number"=dword:0000000a\r\n'
    '"expanded"=hex(2):25,00,41,00,25,00,\\\r\n  00,00\r\n'
    '"list"=hex(7):41,00,00,00,42,00,00,00,00,00\r\n'
    '"long"=hex(b):01,00,00,00,00,01,00,00\r\n'
    '"none"=hex:\r\n'
    '"gone"=-\r\n\r\n'
    "[-HKEY_LOCAL_MACHINE\\SOFTWARE\\B]\r\n"
)
VALUES = [
    (KEY, None, None, None),
    (KEY, "", 1, "the default"),
    (KEY, "a\\b", 1, 'C:\\x "quoted"'),
    (KEY, "two lines", 1, "one\ntwo"),
    (KEY, "number", 4, "10"),
    (KEY, "expanded", 2, "%A%"),
    (KEY, "list", 7, "A\nB"),
    (KEY, "long", 11, "1099511627777"),
    (KEY, "none", 3, None),
]


def read(content, wanted=lambda key: True):
    account = ExportAccount()
    values = list(read_export(io.BytesIO(content), wanted, account))
    return [tuple(value[:4]) for value in values], account


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_every_form_of_value_is_read(encoding):
    """Strings with escapes and line feeds, numbers, lists, continued bytes: the same in every encoding."""
    values, account = read((HEAD + WHOLE).encode(encoding))
    assert values == VALUES
    assert (account.version, account.keys, account.values, account.deletions) == (5, 2, 8, 2)
    assert account.problems == []


def test_the_strings_of_regedit4_have_one_byte_a_character():
    """In the old form the bytes of lists and expanded strings are no UTF-16."""
    text = f'REGEDIT4\r\n\r\n[{KEY}]\r\n"list"=hex(7):41,00,42,43,00,00\r\n"name"="M\xfcller"\r\n'
    values, account = read(text.encode("latin-1"))
    assert values == [(KEY, None, None, None), (KEY, "list", 7, "A\nBC"), (KEY, "name", 1, "M\xfcller")]
    assert account.version == 4


def test_only_wanted_keys_are_read_and_text_of_a_value_is_no_key():
    """Values of other keys give nothing, and a line within a string that looks like a key's is none."""
    text = f'{HEAD}[HKEY_CURRENT_USER\\X]\r\n"s"="first\r\n[{KEY}]\r\nlast"\r\n"t"="u"\r\n[{KEY}]\r\n"v"="w"\r\n'
    values, account = read(text.encode("utf-16"), lambda key: key == KEY)
    assert values == [(KEY, None, None, None), (KEY, "v", 1, "w")]
    assert (account.keys, account.problems) == (2, [])


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('"x"=hex:zz\r\n', ProblemKind.BAD_RECORD),
        ('"x"=hex:123,00\r\n', ProblemKind.BAD_RECORD),
        ('"x"=dword:123456789\r\n', ProblemKind.BAD_RECORD),
        ("no value\r\n", ProblemKind.BAD_RECORD),
        ('"x"="open\r\n', ProblemKind.BAD_RECORD),
        ('"x"=hex:00,\\\r\n', ProblemKind.TRUNCATED),
        ('"x"="' + "y" * 100_000 + '"\r\n', ProblemKind.TRUNCATED),
    ],
)
def test_what_cannot_be_read_is_named_and_the_next_key_is_read(line, kind):
    """A bad value is one problem with its place; what follows in the next key is whole, and is that key's."""
    text = f'{HEAD}[{KEY}]\r\n{line}[{KEY}\\B]\r\n"ok"="yes"\r\n'
    values, account = read(text.encode())
    assert [problem.kind for problem in account.problems] == [kind]
    assert account.problems[0].offset == len(f"{HEAD}[{KEY}]\r\n")
    assert (KEY, "x") not in [value[:2] for value in values]
    told = [value for value in values if value[1] == "ok"]
    # Where a string did not end, whose the lines behind it are is not known.
    assert told == ([] if "open" in line else [(f"{KEY}\\B", "ok", 1, "yes")])


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_file_that_ends_anywhere_gives_what_is_whole(cut):
    """Of a cut file every value is one of the whole file's; nothing is made up."""
    content = (HEAD + WHOLE).encode("utf-16")[: 80 + cut]
    values, _ = read(content)
    assert set(values) - {(KEY, "none", 3, None)} <= set(VALUES) | {(KEY[: len(key)], *rest) for key, *rest in VALUES}


def test_very_much_damage_is_a_number():
    """A million bad lines do not make a million problems."""
    _, account = read((f"{HEAD}[{KEY}]\r\n" + "bad\r\n" * 1000).encode())
    assert len(account.problems) == 21
    assert "980 more" in account.problems[-1].detail


def test_other_texts_are_refused():
    """A text without the header is no export."""
    with pytest.raises(NotARegistryExportError):
        read(b"[HKEY_LOCAL_MACHINE]\r\n")
