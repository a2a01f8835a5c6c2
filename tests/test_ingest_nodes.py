"""Which node a piece of evidence belongs to, by folder layouts as they occur."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.ingest.nodes import NodeBasis, Piece, assign_nodes, most_frequent

ONE, TWO = "EXNODE1", "EXNODE2"
BESIDE, PATH, UNKNOWN = NodeBasis.BESIDE, NodeBasis.PATH, NodeBasis.UNKNOWN


def pieces(layout: dict[str, str | None]) -> list[Piece]:
    """Pieces by path; a value is the node that the piece's own events name."""
    return [
        Piece(number, path, path.split("/")[0], node, NodeBasis.EVENTS if node else UNKNOWN)
        for number, (path, node) in enumerate(layout.items())
    ]


def assigned(layout: dict[str, str | None], *known: str) -> dict[str, tuple[str, NodeBasis]]:
    paths = list(layout)
    return {paths[number]: tuple(found) for number, found in assign_nodes(pieces(layout), known).items()}


LAYOUTS = {
    "folders named after nodes": (
        {"e/EXNODE1/Logs/System.evtx": ONE, "e/EXNODE2/Logs/System.evtx": TWO,
         "e/EXNODE1/Data/a.fdb": None, "e/EXNODE2/Data/a.fdb": None},
        {"e/EXNODE1/Data/a.fdb": (ONE, BESIDE), "e/EXNODE2/Data/a.fdb": (TWO, BESIDE)},
    ),
    "folders with names of their own": (
        {"e/left/System.evtx": ONE, "e/right/System.evtx": TWO, "e/left/a.fdb": None, "e/right/deep/er/a.fdb": None},
        {"e/left/a.fdb": (ONE, BESIDE), "e/right/deep/er/a.fdb": (TWO, BESIDE)},
    ),
    "a folder is a node's although its name says another": (
        {"e/EXNODE2/System.evtx": ONE, "e/EXNODE2/a.fdb": None},
        {"e/EXNODE2/a.fdb": (ONE, BESIDE)},
    ),
    "logs of one node only, the other folder without": (
        {"e/EXNODE1/System.evtx": ONE, "e/EXNODE2/a.fdb": None},
        {"e/EXNODE2/a.fdb": ("UNKNOWN-1", UNKNOWN)},
    ),
    "the same, folders named otherwise but with files of one name": (
        {"e/left/System.evtx": ONE, "e/left/a.fdb": None, "e/right/A.FDB": None},
        {"e/left/a.fdb": (ONE, BESIDE), "e/right/A.FDB": ("UNKNOWN-1", UNKNOWN)},
    ),
    "logs and data of one node in two folders": (
        {"e/Logs/System.evtx": ONE, "e/Data/a.fdb": None, "e/readme.txt": None},
        {"e/Data/a.fdb": (ONE, BESIDE), "e/readme.txt": (ONE, BESIDE)},
    ),
    "a file above two node folders": (
        {"e/EXNODE1/System.evtx": ONE, "e/EXNODE2/System.evtx": TWO, "e/cluster.log": None},
        {"e/cluster.log": ("UNKNOWN-1", UNKNOWN)},
    ),
    "logs of both nodes in one folder": (
        {"e/System1.evtx": ONE, "e/System2.evtx": TWO, "e/a.fdb": None, "e/exnode2/a.fdb": None},
        {"e/a.fdb": ("UNKNOWN-1", UNKNOWN), "e/exnode2/a.fdb": (TWO, PATH)},
    ),
    "the nearest segment counts": (
        {"x/EXNODE1/System.evtx": ONE, "x/EXNODE2/System.evtx": TWO, "y/EXNODE1/from/EXNODE2/a.fdb": None},
        {"y/EXNODE1/from/EXNODE2/a.fdb": (TWO, PATH)},
    ),
    "a root says nothing of another root": (
        {"one/System.evtx": ONE, "two/a.fdb": None, "three/a.fdb": None, "two/b.fdb": None},
        {"two/a.fdb": ("UNKNOWN-2", UNKNOWN), "two/b.fdb": ("UNKNOWN-2", UNKNOWN),
         "three/a.fdb": ("UNKNOWN-1", UNKNOWN)},
    ),
    "a single file": ({"a.fdb": None}, {"a.fdb": ("UNKNOWN-1", UNKNOWN)}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str) -> None:
    """Each layout gives each piece without events the node that the contract says, and the reason."""
    layout, expected = LAYOUTS[name]
    assert assigned(layout) == expected


def test_a_node_that_events_only_mention_is_found_on_a_path() -> None:
    """A folder named after a node that some event names belongs to that node, though no log is its own."""
    layout = {"e/EXNODE1/System.evtx": ONE, "e/exnode2/a.fdb": None}
    assert assigned(layout, TWO) == {"e/exnode2/a.fdb": (TWO, PATH)}


def test_the_most_frequent_name_is_the_first_of_equals() -> None:
    """The node of most events; of equal ones the first by name; none of none."""
    assert most_frequent({"B": 2, "A": 2, "C": 1}) == "A"
    assert most_frequent({}) is None


folders = st.lists(st.sampled_from(["left", "right", "Data", "Logs", ONE, TWO]), max_size=3)
files = st.sampled_from(["a.fdb", "b.fdb", "System.evtx", "x.txt"])
paths = st.builds(
    lambda root, way, name: "/".join((root, *way, name)), st.sampled_from(["r1", "r2", "r3"]), folders, files
)
layouts = st.dictionaries(paths, st.sampled_from([None, None, ONE, TWO]), min_size=1, max_size=12)


@given(layouts, st.randoms(use_true_random=False))
def test_the_order_of_pieces_does_not_matter(layout: dict[str, str | None], random) -> None:
    """Any order of the pieces gives each the same node; pieces with a node keep it, all others get one."""
    shuffled = list(layout.items())
    random.shuffle(shuffled)
    found = assigned(layout)
    assert assigned(dict(shuffled)) == found
    assert set(found) == {path for path, node in layout.items() if node is None}


@given(layouts)
def test_a_node_comes_from_the_same_root_or_from_the_path(layout: dict[str, str | None]) -> None:
    """What lies beside is in the same root and no folder of another node; an UNKNOWN is never shared by two roots."""
    unknown: dict[str, str] = {}
    for path, (node, basis) in assigned(layout).items():
        root = path.split("/")[0]
        if basis is BESIDE:
            logs = {log: n for log, n in layout.items() if n and log.split("/")[0] == root}
            assert node in logs.values()
            top = path.split("/")[:2]
            if len(path.split("/")) > 2:
                own = {n for log, n in logs.items() if log.split("/")[:2] == top and len(log.split("/")) > 2}
                assert own <= {node} or any(log.rsplit("/", 1)[0] in path for log, n in logs.items() if n == node)
        elif basis is PATH:
            assert node in path.split("/")
        else:
            assert unknown.setdefault(node, root) == root
    assert sorted(unknown) == [f"UNKNOWN-{number}" for number in range(1, len(unknown) + 1)]


@given(layouts, st.sampled_from([ONE, TWO]))
def test_a_folder_of_another_node_gives_nothing(layout: dict[str, str | None], node: str) -> None:
    """Beside folders that are called after their nodes a folder of another name never gets their node by `beside`."""
    layout = {path: None for path in layout if not {ONE, TWO} & set(path.split("/"))}
    logs = {f"r1/{node}/Logs/System.evtx": node}
    found = assigned({**layout, **logs})
    assert all(basis is UNKNOWN for _, basis in found.values())


def test_many_pieces_and_deep_paths_take_no_time() -> None:
    """Thousands of logs beside thousands of files, and names with thousands of slashes, are told in seconds."""
    layout: dict[str, str | None] = {f"e/Logs/{number}/System.evtx": ONE for number in range(5_000)}
    layout |= {f"e/Data/{number}/a.fdb": None for number in range(5_000)}
    layout |= {f"e/{number}/" + "d/" * 2_000 + "x.fdb": None for number in range(500)}
    begin = time.monotonic()
    found = assigned(layout)
    assert time.monotonic() - begin < 10
    assert found["e/Data/7/a.fdb"] == (ONE, BESIDE)
