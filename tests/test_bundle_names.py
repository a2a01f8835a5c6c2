"""Safe names: whatever a path is, what is stored is plain, fits everywhere, and is no other's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.bundle.bag import manifest_text, read_info, read_manifest
from forensics.bundle.names import safe_part, safe_paths

ODD = st.text(alphabet="aAbB. %\\:\n\r\tä/?*-=@", min_size=1, max_size=4)
PATHS = st.lists(st.lists(ODD, min_size=1, max_size=4).map(tuple), max_size=12)


@given(paths=PATHS)
@settings(max_examples=300, deadline=None)
def test_stored_paths_keep_apart(paths):
    """All stored paths differ without case, none is a folder of another, and each part is plain."""
    stored = safe_paths(paths)
    folded = [path.casefold() for path in stored]
    assert len(set(folded)) == len(paths)
    assert not any(other.startswith(path + "/") for path in folded for other in folded)
    for part in (part for path in stored for part in path.split("/")):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._ ()+,=@-]*", part)
        assert not part.endswith((".", " "))
    assert safe_paths(paths) == stored


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("System.evtx", "System.evtx"),
        ("A%4B.evtx", "A_4B.evtx"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("console.txt", "console.txt"),
        ("..", "__"),
        (".hidden", "_hidden"),
        ("=cmd.csv", "_cmd.csv"),
        ("x" * 200 + ".evtx", "x" * 75 + ".evtx"),
    ],
)
def test_a_name_stays_alike(name, stored):
    """Plain names stay as they are, others are recognised in what is stored."""
    assert safe_part(name) == stored


def test_deep_paths_are_short():
    """A path that Windows would refuse goes into a folder of its own."""
    assert all(len(path) <= 160 for path in safe_paths([("folder",) * 60 + (f"{n}.txt",) for n in range(3)]))


@given(st.dictionaries(st.text(alphabet="ab%\n\r /é", min_size=1).filter(lambda t: t.strip() == t), st.just("0" * 64)))
def test_a_manifest_reads_as_it_was_written(hashes):
    """Line breaks and percent signs in names survive a manifest, as the standard escapes them."""
    assert read_manifest(manifest_text(hashes)) == (hashes, [])


def test_metadata_may_be_folded_and_wrong():
    """Folded values are joined, lines that are none passed over, and of a label twice the first counts."""
    text = "A: 1\n  2\nnothing\nB:\r\nA: 3\n"
    assert read_info(text) == {"A": "1 2", "B": ""}
