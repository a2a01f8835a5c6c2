"""The reader of checkpoint listings: every form they are known to come in, and texts that are none."""

from __future__ import annotations

import io
import random

import pytest
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.checkpoints.commands import command_in, has_curly_quotes
from parsers.checkpoints.reader import Listing, ListingAccount, looks_like_listing, read_listing
from parsers.kinds import Kind, tell_kind
from samples.builders.checkpoint_listings import ENGLISH, GERMAN, check, cmdlet, transcript

OTHER = "Exchange Information Store Instance (CMS2)"
ROWS = [(STORE, PRODUCT_KEY), (STORE, SCAN_KEY)]
CRYPTO_KEY = r"1\Microsoft Base Cryptographic Provider v1.0\Key"


def read(content):
    data = content if isinstance(content, bytes) else content.encode()
    account = ListingAccount()
    return list(read_listing(io.BytesIO(data), account)), account


def rows_of(content):
    return [(row.resource, row.key) for row in read(content)[0]]


@pytest.mark.parametrize("words", [ENGLISH, GERMAN], ids=["english", "german"])
@pytest.mark.parametrize("form", ["cut", "wrapped", "stacked", "bare"])
def test_the_name_of_a_heading_makes_a_cut_name_whole(words, form):
    """Whatever the column does to a long name, the line above the table has all of it, in any language."""
    text = check(ROWS, name=STORE, words=words, form=form)
    rows, account = read(text)
    assert [(row.resource, row.key, row.cut) for row in rows] == [(*row, False) for row in ROWS]
    assert account.listings == [Listing(STORE, crypto=False)]
    assert looks_like_listing(text)


@pytest.mark.parametrize("form", ["cut", "bare"])
def test_a_cut_name_without_a_heading_is_said_to_be_cut(form):
    """Where nothing tells the rest, the name is what is shown, and is marked; a short name is whole."""
    rows, account = read(check([*ROWS, ("Cluster Name", r"SOFTWARE\Other")], form=form))
    shown = [(row.resource, row.cut) for row in rows]
    assert shown == [("Exchange Information", True)] * 2 + [("Cluster Name", False)]
    assert account.listings == [Listing(None, crypto=False)]


@pytest.mark.parametrize("form", ["wrapped", "stacked"])
def test_wrapped_names_are_joined(form):
    """A name over several lines is put together, whether its key stands on the first line or the last."""
    rows = [*ROWS, (OTHER, SCAN_KEY), ("Cluster Name", r"SOFTWARE\Other")]
    assert rows_of(check(rows, form=form)) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp850", "cp1252"])
def test_the_encoding_is_told(encoding):
    """Consoles and shells write in many encodings: names with umlauts come out right, and the kind is told."""
    name = "Exchange-Speicher f\u00fcr M\u00fcnchen"
    text = transcript((f'cluster res "{name}" /check', check([(name, SCAN_KEY)], name=name)))
    data = text.encode(encoding)
    assert rows_of(data) == [(name, SCAN_KEY)]
    assert tell_kind(data, "after.txt").kind is Kind.CHECKPOINT_LISTING


def test_a_transcript_with_several_listings():
    """Each command's resource holds for what follows it; what a removal prints is no listing."""
    text = transcript(
        (f'cluster res "{STORE}" /check', check([ROWS[0]], heading=False)),
        (f'cluster.exe resource "{OTHER}" /checkpoints', check([(OTHER, SCAN_KEY)], heading=False)),
        (f'cluster res "{STORE}" /removecheck:"{SCAN_KEY}"', check([(STORE, SCAN_KEY)])),
        (f'cluster /cluster:CLU1 res "{STORE}" /cryptocheck', check([(STORE, CRYPTO_KEY)], crypto=True, heading=False)),
    )
    rows, account = read(text)
    assert [(row.resource, row.key, row.crypto) for row in rows] == [
        (STORE, PRODUCT_KEY, False), (OTHER, SCAN_KEY, False), (STORE, CRYPTO_KEY, True),
    ]  # fmt: skip
    assert account.listings == [Listing(STORE, crypto=False), Listing(OTHER, crypto=False), Listing(STORE, crypto=True)]


def test_a_command_that_failed_lists_nothing():
    """Without a table nothing was listed: an error is no sign that there are no checkpoints."""
    text = transcript((f'cluster res "{STORE}" /check', "System error 5007 has occurred (0x0000138f)."))
    assert looks_like_listing(text)
    rows, account = read(text)
    assert (rows, account.listings) == ([], [])


@pytest.mark.parametrize("width", [0, 60, 90])
def test_the_table_of_the_cmdlet(width):
    """PowerShell cuts names and keys to the window with dots: both are marked, and crypto checkpoints are told."""
    whole = [*ROWS, (STORE, CRYPTO_KEY)]
    rows, account = read(cmdlet(whole, width=width))
    names = min(len(STORE), width // 2) if width else len(STORE)
    assert [(row.cut, row.key_cut) for row in rows] == [
        (len(name) > names, bool(width) and len(key) > width - names - 1) for name, key in whole
    ]
    for row, (name, key) in zip(rows, whole, strict=True):
        assert name.startswith(row.resource)
        assert key.startswith(row.key)
        assert row.crypto is (key == CRYPTO_KEY)
        assert (row.resource, row.key) == (name, key) or row.cut or row.key_cut
    assert account.listings == [Listing(None, None)]


def test_the_list_of_the_cmdlet():
    """A list has a field a line, and a long value goes on below."""
    rows = [*ROWS, (STORE, CRYPTO_KEY)]
    assert rows_of(cmdlet(rows, form="list")) == rows
    broken = cmdlet([(STORE, SCAN_KEY)], form="list").replace(r"Services\M", "Services\\\r\n           M")
    assert rows_of(broken) == [(STORE, SCAN_KEY)]


@pytest.mark.parametrize(
    "text",
    [
        f'@echo off\r\ncluster res "{STORE}" /check\r\ncluster res "{STORE}" /removecheck:"{SCAN_KEY}"\r\n',
        "Resource    Group       Node        Status\r\n----------- ----------- ----------- ------\r\nX G N Online\r\n",
        "A note on checkpoints: the key 'SYSTEM\\CurrentControlSet\\Services\\MSExchangeIS\\VirusScan' is back.\r\n",
        "Name                 Value\r\n-------------------- -----\r\na b\r\n",
        "",
    ],
    ids=["script", "status", "note", "table", "empty"],
)
def test_other_texts_are_no_listings(text):
    """A script that asks for a listing, other tables and notes are told apart."""
    assert not looks_like_listing(text)
    assert tell_kind(text.encode(), "x.txt").kind is not Kind.CHECKPOINT_LISTING


def test_an_empty_table_is_a_listing():
    """After a cleanup a listing may be empty, and says so by being one."""
    text = check([])
    assert looks_like_listing(text)
    assert read(text)[1].listings == [Listing(None, crypto=False)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('C:\\>cluster res "A B" /check', ("list", "A B", False, True)),
        ("C:\\Temp> cluster.exe RESOURCE /CHECKPOINTS > x.txt", ("list", None, False, True)),
        ("cluster res Disk /cryptocheck", ("list", "Disk", True, False)),
        ("cluster res \u201cA B\u201d /removecheck:\u201cX\u201d", ("remove", "A B", False, False)),
        ('cluster . res "A B" /addcheckpoints:"X,Y"', ("add", "A B", False, False)),
        ('PS C:\\> Get-ClusterResource "A" | Get-ClusterCheckpoint', ("list", None, None, True)),
        ('Remove-ClusterCheckpoint -ResourceName "A B" -RegistryCheckpoint', ("remove", "A B", False, False)),
        ('cluster res "A B" /offline', None),
        ("the cluster resource has no checkpoints", None),
    ],
)
def test_commands_are_told(line, expected):
    """Commands on checkpoints, with or without a prompt, with either kind of quotes."""
    command = command_in(line)
    assert (None if command is None else tuple(command)) == expected


def test_typographic_quotes_are_found_in_commands_only():
    """A line about the cluster with curly quotes is found; straight quotes and other sentences are not."""
    assert has_curly_quotes("cluster res \u201cA\u201d /check")
    assert has_curly_quotes("/removecheck:\u201cSOFTWARE\\X\u201d")
    assert not has_curly_quotes('cluster res "A" /check')
    assert not has_curly_quotes("she said \u201chello\u201d")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_listings_end_and_invent_no_key(seed):
    """Lines lost, doubled, cut and mixed: every row that is read has a key that stood in the text."""
    chance = random.Random(seed)  # noqa: S311
    text = transcript(
        (
            "cluster res /check",
            check([*ROWS, (OTHER, SCAN_KEY)], form=chance.choice(["cut", "wrapped", "stacked", "bare"])),
        ),
        ("powershell Get-ClusterCheckpoint", cmdlet(ROWS, width=chance.choice([0, 70]))),
    )
    lines = text.split("\r\n")
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(lines))
        lines[at : at + 1] = chance.choice(
            [[], [lines[at]] * 2, [lines[at][: chance.randrange(40)]], [lines[at], "x y z"]]
        )
    damaged = "\n".join(lines)
    for key in (row.key for row in read(damaged)[0]):
        assert key in damaged


def test_endless_rows_are_limited():
    """A text with more rows than any cluster has is read up to a limit, which is told."""
    rows, account = read(check([("A", rf"SOFTWARE\K{one}") for one in range(11_000)]))
    assert len(rows) == 10_000
    assert len(account.problems) == 1
