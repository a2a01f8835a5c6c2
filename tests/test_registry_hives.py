"""The reader of registry hives, against other readers and on hostile hives; and what of hives a case keeps."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regipy.registry import RegistryHive

from parsers.problems import ProblemKind
from parsers.registry.hive import CELLS_MAX, NotAHiveError, open_hive
from samples.builders.hives import HiveKey, hive, keys, number, text

needs_hivex = pytest.mark.skipif(
    not all(map(shutil.which, ("hivexml", "hivexsh"))), reason="hivexml and hivexsh (libhivex-bin) are not installed"
)
CLUSTER = {
    "": {"": text("the default"), "ClusterName": text("CLU")},
    r"Resources\{0A}": {"Name": text("Store (CMS1)"), "PersistentState": number(1)},
    r"Resources\{0A}\RegSync": {"00000001": text(r"SOFTWARE\A"), "00000002": text(r"SYSTEM\B")},
    r"Resources\{0B}": {"Größe": text("ü"), "big": (3, bytes(range(256)) * 200), "list": text("a\0b\0", 7)},
    r"Groups\日本": {"x": (3, b"abc"), "empty": (1, b"")},
    r"Nodes\1": {"NodeName": text("EXNODE1")},
}


def everything(data):
    """Every key of a hive: path -> values."""
    opened = open_hive(io.BytesIO(data))
    found, stack = {}, [opened.root]
    while stack:
        key = stack.pop()
        found[key.path] = {value.name: (value.type, value.data) for value in opened.values(key)}
        stack += opened.subkeys(key)
    return found, opened


def expected(paths):
    """What `everything` gives for a built hive: keys on the way too."""
    found = {"": {}}
    for path, values in paths.items():
        parts = path.split("\\") if path else []
        for end in range(1, len(parts) + 1):
            found.setdefault("\\".join(parts[:end]), {})
        found[path] |= values
    return found


@pytest.mark.parametrize("leaf", [b"lf", b"lh", b"li", b"ri"])
def test_every_key_and_value_is_read(leaf):
    """Names of both kinds, data in the cell, beside it and in segments, all four forms of lists."""
    found, opened = everything(hive(keys(CLUSTER), name=r"\Cluster\CLUSDB", leaf=leaf))
    assert found == expected(CLUSTER)
    assert (opened.problems, opened.file_name, opened.dirty) == ([], r"\Cluster\CLUSDB", False)
    name = opened.find(r"resources\{0a}")
    assert name is not None
    assert {value.name: value.value for value in opened.values(name)} == {
        "Name": "Store (CMS1)",
        "PersistentState": "1",
    }
    assert opened.find(r"Resources\nothing\below") is None


def test_regipy_reads_the_same(tmp_path):
    """Regipy's own reader finds the same keys and number of values in what the builder builds."""
    path = tmp_path / "CLUSDB"
    path.write_bytes(hive(keys(CLUSTER)))
    theirs = {key.path.strip("\\"): len(key.values) for key in RegistryHive(str(path)).recurse_subkeys()}
    ours = {path: len(values) for path, values in everything(path.read_bytes())[0].items()}
    assert theirs == ours


@needs_hivex
def test_a_hive_that_hivex_wrote_is_read_as_hivex_reads_it(tmp_path):
    """Hivexsh adds keys and values to a hive; hivexml and this reader find the same in the result."""
    path = tmp_path / "CLUSDB"
    path.write_bytes(hive(keys({"Resources": {}})))
    lines = ["cd \\Resources"]
    for one in range(60):
        lines += [f"add key{one}", f"cd key{one}", "setval 3", "Name", f"string:Resource {one}", "n", f"dword:{one}"]
        lines += ["b", "hex:3:" + ",".join(["ab"] * (1 + one * 10)), "cd .."]
    lines += ["cd \\Resources\\key7", "del", "commit"]
    done = subprocess.run(["hivexsh", "-w", path], input="\n".join(lines), capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    found, opened = everything(path.read_bytes())
    root = ET.fromstring(subprocess.run(["hivexml", path], capture_output=True, check=True).stdout)  # noqa: S314
    theirs = {}

    def walk(node, above):
        theirs[above] = {value.get("key"): value.get("value") for value in node.findall("value")}
        for one in node.findall("node"):
            walk(one, f"{above}\\{one.get('name')}".strip("\\"))

    walk(root.find("node"), "")
    assert opened.problems == []
    assert set(found) == set(theirs) >= {"Resources\\key59"}
    assert "Resources\\key7" not in found
    for path_, values in theirs.items():
        assert set(values) == set(found[path_])
        for name, value in values.items():
            kind, data = found[path_][name]
            if kind == 1:
                assert data.decode("utf-16-le").rstrip("\0") == value
            elif kind == 4:
                assert int.from_bytes(data, "little") == int(value)
    assert len(found["Resources\\key59"]["b"][1]) == 1 + 59 * 10


def cells(data, mark):
    """Offsets in the file of the cells that begin with `mark`."""
    at, found = data.find(mark, 4096), []
    while at >= 0:
        if at % 8 == 4 and struct.unpack_from("<i", data, at - 4)[0] < 0:
            found.append(at)
        at = data.find(mark, at + 1)
    return found


def test_lists_that_point_back_end():
    """A key that is its own subkey a million times over, and a list that holds itself, end soon and are named."""
    data = bytearray(hive(keys({"A": {}, "B": {}})))
    (leaf,) = cells(data, b"lf")
    root = struct.unpack_from("<I", data, 36)[0]
    struct.pack_into("<I", data, leaf + 4, root)
    opened = open_hive(io.BytesIO(bytes(data)))
    started = time.monotonic()
    count, stack = 0, [opened.root]
    while stack:
        count += 1
        stack += opened.subkeys(stack.pop())
    assert count < CELLS_MAX
    assert time.monotonic() - started < 30
    data = bytearray(hive(keys({"A": {}, "B": {}}), leaf=b"ri"))
    (top,) = cells(data, b"ri")
    struct.pack_into("<I", data, top + 4, top - 4 - 4096)
    opened = open_hive(io.BytesIO(bytes(data)))
    assert [key.name for key in opened.subkeys(opened.root)] == ["B"]
    assert [problem.kind for problem in opened.problems] == [ProblemKind.BAD_RECORD]


def test_the_budget_ends_a_hive_without_end():
    """Where more cells are asked for than any honest hive needs, reading stops and says so."""
    data = hive(keys({f"K{one}": {} for one in range(200)}))
    opened = open_hive(io.BytesIO(data))
    opened._budget.cells = 50
    assert len(list(opened.subkeys(opened.root))) < 50
    assert [problem.kind for problem in opened.problems] == [ProblemKind.LIMIT]


def test_damage_is_named_and_the_rest_is_read():
    """A broken value, a wrong checksum, a hive in use and a cut one: what is whole is read, what is not is named."""
    data = bytearray(hive(keys(CLUSTER), dirty=True))
    broken = cells(data, b"vk")[2]
    data[broken : broken + 2] = b"xx"
    data[508] ^= 1
    found, opened = everything(bytes(data))
    kinds = [problem.kind for problem in opened.problems]
    assert kinds == [ProblemKind.STALE_HEADER, ProblemKind.BAD_CHECKSUM, ProblemKind.BAD_RECORD]
    assert sum(map(len, found.values())) == sum(map(len, CLUSTER.values())) - 1
    whole = hive(keys(CLUSTER))
    found, opened = everything(whole[: len(whole) - 4096])
    assert ProblemKind.TRUNCATED in {problem.kind for problem in opened.problems}


def test_claims_of_size_are_held_against_the_file():
    """Counts and sizes of four thousand million take no memory and no time."""
    data = bytearray(hive(keys(CLUSTER)))
    for at in cells(data, b"nk"):
        struct.pack_into("<I", data, at + 20, 0xFFFFFFF0)
        struct.pack_into("<I", data, at + 36, 0xFFFFFFF0)
    for at in cells(data, b"vk"):
        struct.pack_into("<I", data, at + 4, 0x7FFFFFFF)
    found, opened = everything(bytes(data))
    assert not any(found.values())
    assert opened.problems


def test_other_files_are_refused():
    """A file without a header, and one without a root key, are no hives."""
    for content in (b"", b"regf", b"regf" + bytes(5000), bytes(8192)):
        with pytest.raises(NotAHiveError):
            open_hive(io.BytesIO(content))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_any_bytes_end_without_an_error(seed, count):
    """Whatever bytes of a hive are changed, reading ends with records and problems only."""
    data = bytearray(hive(keys(CLUSTER)))
    chance = random.Random(seed)  # noqa: S311
    for _ in range(count):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
    try:
        opened = open_hive(io.BytesIO(bytes(data)))
    except NotAHiveError:
        return
    opened._budget.cells = 5000
    stack = [opened.root]
    while stack:
        key = stack.pop()
        list(opened.values(key))
        stack += opened.subkeys(key)


def test_a_large_hive_is_not_walked():
    """Of a hive with very many keys only those on the way to what is asked for are read."""

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            Counting.taken += len(data)
            return data

    root = keys({f"Classes\\K{one}": {"x": text("y" * 200)} for one in range(3000)})
    root.subkeys["Microsoft"] = HiveKey({"Forefront": HiveKey(values={"a": number(1)})})
    data = hive(root)
    opened = open_hive(Counting(data))
    assert opened.find(r"Microsoft\Forefront") is not None
    assert Counting.taken < 8192 < len(data) / 100
