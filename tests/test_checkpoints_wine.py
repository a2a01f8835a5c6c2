"""`cleanup.cmd` and `undo.cmd` run under another `cmd`, wine's, against stand-ins for `cluster` and `wmic`.

wine starts in seconds, so these run where they are asked for: `CCRF_WINE=1`.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE
from cluster_standin import TOOLS, asked, build_windows, held, set_state

from forensics.checkpoints.batch import cleanup_script, undo_script
from forensics.checkpoints.scripts import Plan, Removal

_MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.skipif("CCRF_WINE" not in os.environ, reason="runs wine; asked for with CCRF_WINE=1"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]

OTHER = "Notes & (friends) d'un autre"
STALE = [(STORE, PRODUCT_KEY), (STORE, SCAN_KEY), (OTHER, SCAN_KEY)]
KEPT = [(STORE, r"SOFTWARE\Another\Product"), ("Disk Q", SCAN_KEY)]
PLAN = Plan(tuple(Removal(name, key, ("checkpoint:1",), ("EXNODE1",)) for name, key in STALE), ())


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A folder as on a node, with spaces and an ampersand in its name, that holds the stand-ins."""
    folder = tmp_path_factory.mktemp("wine") / "a node & more (1)"
    folder.mkdir()
    build_windows(folder)
    folder.joinpath("cleanup.cmd").write_bytes(cleanup_script(PLAN, "case.db"))
    folder.joinpath("undo.cmd").write_bytes(undo_script(PLAN, "case.db"))
    environment = os.environ | {
        "WINEPREFIX": str(folder.parent / "prefix"),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "STANDIN": "Z:" + str(folder / "standin.js").replace("/", "\\"),
    }
    yield folder, environment
    subprocess.run(["wineserver", "-k"], env=environment, check=False, capture_output=True)


def started(node, script, *arguments):
    """The exit code of a script, and what it said."""
    folder, environment = node
    command = ["wine", "cmd", "/c", script, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=300, check=False)
    assert b"Can't recognize" not in done.stderr, done.stderr
    return done.returncode, done.stdout.decode("cp437")


def test_the_stale_ones_go_and_come_back(node):
    """Offline: exactly the stale checkpoints are removed, all is in the log, and the undo brings them back."""
    folder, _ = node
    set_state(folder, STALE + KEPT)
    code, said = started(node, "cleanup.cmd")
    assert code == 0, said
    assert held(folder) == set(KEPT)
    assert not list(folder.glob("*.out")), "what was kept in between is removed"
    log = (folder / "cleanup.log").read_text()
    lines = asked(folder)
    assert all(line in log for line in lines if line.startswith("cluster"))
    assert [line for line in lines if "removecheckpoints" in line] == [
        f'cluster res "{name}" /removecheckpoints:"{key}"' for name, key in STALE
    ]
    assert started(node, "undo.cmd")[0] == 0
    assert held(folder) == set(STALE + KEPT)
    assert started(node, "undo.cmd")[0] == 0, "twice does no harm"
    assert held(folder) == set(STALE + KEPT)


@pytest.mark.parametrize(
    ("status", "state", "arguments", "code"),
    [
        ("Online", "2", ("offline-confirmed",), 4),
        ("Online", "", ("offline-confirmed",), 4),
        ("Offline Pending", "130", ("offline-confirmed",), 4),
        ("En ligne", "2", (), 4),
        ("Failed", "4", (), 4),
        ("En ligne", "", (), 4),
        ("En ligne", "", ("OFFLINE-confirmed",), 0),
        ("Offline  ", "", (), 0),
        ("Offline", "3", ("something",), 2),
    ],
)
def test_it_stops_where_the_resource_may_be_online(node, status, state, arguments, code):
    """Online is never overridden, doubt only by the operator, and nothing was changed where it stops."""
    folder, _ = node
    set_state(folder, STALE + KEPT, status=status, state=state)
    got, said = started(node, "cleanup.cmd", *arguments)
    assert got == code, said
    assert held(folder) == (set(STALE + KEPT) if code else set(KEPT))
    assert ("STOPPED, nothing was changed" in said) == (code == 4)


def test_a_failure_stops_it(node):
    """The first command that fails ends it, and says so; what was before is done, what comes after is not."""
    folder, _ = node
    set_state(folder, STALE + KEPT)
    (folder / "failing.txt").write_text(SCAN_KEY + "\r\n")
    code, said = started(node, "cleanup.cmd")
    assert code == 1, said
    assert "STOPPED: the last command failed" in said
    assert held(folder) == set(STALE[1:] + KEPT)
    assert "removecheckpoints" in asked(folder)[-1]


def test_what_is_still_there_or_never_was_is_told(node):
    """A removal without effect, and a listing with none of them, end with code 3; one that is gone is no failure."""
    folder, _ = node
    set_state(folder, STALE[1:] + KEPT)
    (folder / "failing.txt").write_text(SCAN_KEY + "\r\nsilently\r\n")
    code, said = started(node, "cleanup.cmd")
    assert code == 3, said
    assert f"STILL THERE: '{SCAN_KEY}'" in said
    assert f"Not listed, so not removed: '{PRODUCT_KEY}'" in said
    set_state(folder, KEPT)
    code, said = started(node, "cleanup.cmd")
    assert code == 3, said
    assert "none of these checkpoints is listed" in said
    assert all(line.endswith("/checkpoints") for line in asked(folder))
