"""How the work on files grows: with their number in a line, and not with their size."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def _script():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("files_measured", BENCHMARKS / "files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


files = _script()
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="what measures memory needs /proc, which is Linux's"
)


def measured(folder, sets, names):
    files.make_case(folder / f"{sets}-{names}.db", sets, names)
    return files.measure_case(folder / f"{sets}-{names}.db")


def test_four_times_the_sets_take_about_four_times_as_long(tmp_path):
    """Every version and set is there, an ordinary history has no finding, and the work grows in a line."""
    small, large = measured(tmp_path, 40, 20), measured(tmp_path, 160, 20)
    assert (small["sets"], small["versions"], large["sets"], large["versions"]) == (40, 840, 160, 3240)
    assert small["findings"] == large["findings"] == 0
    took = [one["recognised in s"] + one["losses told in s"] for one in (small, large)]
    assert took[1] < 12 * took[0] + 1
    assert took[1] < 15


@pytest.mark.long
def test_ten_thousand_versions_in_five_hundred_sets_take_seconds(tmp_path):
    """The size that the issue names, within half a minute of processor time."""
    found = measured(tmp_path, 500, 20)
    assert (found["sets"], found["versions"], found["findings"]) == (500, 10_040, 0)
    assert found["recognised in s"] + found["losses told in s"] < 30


def test_of_contents_the_first_bytes_alone_are_read(tmp_path):
    """A hundred megabytes of contents take no more memory, and no more time, than a few bytes of each."""
    peaks, took = [], []
    for size in (100, 8 << 20):
        path = tmp_path / f"{size}.db"
        files.make_case(path, 10, 5)
        with sqlite3.connect(path) as case:
            case.execute("UPDATE contents SET bytes = zeroblob(?)", (size,))
            (held,) = case.execute("SELECT sum(length(bytes)) FROM contents").fetchone()
        case.close()
        command = [sys.executable, str(BENCHMARKS / "files.py"), "--measure", str(path)]
        usage = files.measure.run(command, output=tmp_path / "answer.json")
        found = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
        assert found["sets"] == 10
        peaks.append(usage.largest)
        took.append(found["recognised in s"])
    assert held > 100_000_000
    assert peaks[1] - peaks[0] < 6_000_000
    assert took[1] < took[0] + 1
