"""The benchmarks at a tiny size: that they run, compare like with like, and print what they promise."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from parsers.evt.reader import EvtReader
from parsers.evtx.reader import EvtxReader
from parsers.records import read_all

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
CCRF = Path(sysconfig.get_path("scripts")) / "ccrf"
KINDS = ("evtx", "evt")
MB = 0.4

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is sampled from /proc, which is Linux's"),
    pytest.mark.skipif(
        importlib.util.find_spec("orjson") is None, reason="the plain scripts need orjson, of the extra 'bench'"
    ),
]


def call(*command: object) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def script(name: str, *arguments: object) -> str:
    return call(sys.executable, BENCHMARKS / name, *arguments)


def select(path: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both logs."""
    folder = tmp_path_factory.mktemp("data")
    script("make_logs.py", "--mb", MB, "--data", folder)
    return folder


@pytest.fixture(scope="module")
def databases(data: Path) -> dict[str, tuple[Path, Path]]:
    """For each kind of log our case and the plain script's database."""
    found = {}
    for kind in KINDS:
        case, plain = data / f"{kind}-case.db", data / f"{kind}-plain.db"
        call(CCRF, "ingest", case, log(data, kind), "-q")
        script(f"plain_{kind}.py", log(data, kind), plain)
        found[kind] = case, plain
    return found


def log(data: Path, kind: str) -> Path:
    return data / f"{MB:g}mb" / f"big.{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_logs_have_the_size_that_was_asked_for(data, kind):
    """A log is as large as asked for, by at most what such a log grows at once, and is whole and undamaged."""
    path = log(data, kind)
    assert MB * 1e6 <= path.stat().st_size <= MB * 1e6 + 2 * 65536
    with path.open("rb") as stream:
        decoded = read_all(EvtxReader(stream) if kind == "evtx" else EvtReader(stream))
    assert decoded.problems == []
    assert not any(record.recovered for record in decoded.records)
    assert [record.record_number for record in decoded.records] == list(range(1, len(decoded.records) + 1))


def test_the_logs_are_like_real_ones(data):
    """Records are as large as real ones, from many sources, and some have a user, binary data and named values."""
    for kind, smallest, largest in (("evtx", 280, 900), ("evt", 200, 400)):
        path = log(data, kind)
        with path.open("rb") as stream:
            records = read_all(EvtxReader(stream) if kind == "evtx" else EvtReader(stream)).records
        assert smallest <= path.stat().st_size / len(records) <= largest
        assert len({record.source for record in records}) >= 10
        assert len({record.event_id for record in records}) >= 15
        assert 0.1 < sum(record.user_sid is not None for record in records) / len(records) < 0.6
        assert 0.05 < sum(record.data != b"" for record in records) / len(records) < 0.5
        assert any(not text.isascii() for record in records for text in record.strings)
        if kind == "evtx":
            assert {record.names is None for record in records} == {True, False}


def test_the_same_size_is_the_same_bytes(data, tmp_path):
    """Building a log again gives the same bytes, so that figures of different days are of the same log."""
    script("make_logs.py", "--mb", MB, "--data", tmp_path)
    for kind in KINDS:
        assert log(tmp_path, kind).read_bytes() == log(data, kind).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_script_writes_the_rows_that_we_write(databases, kind):
    """The comparison is fair: every column of the contract has the same value in every row of both."""
    case, plain = databases[kind]
    columns = [row[1] for row in select(plain, "PRAGMA table_info(events)")]
    assert len(columns) == 17
    sql = f"SELECT {', '.join(columns)} FROM events ORDER BY id"  # noqa: S608 -- names of our own table
    rows = select(case, sql)
    assert rows == select(plain, sql)
    assert len(rows) > 500


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_script_makes_both_indexes(databases, kind):
    """The plain script's database has an index by source and id, and one by time."""
    _, plain = databases[kind]
    indexes = {name for (name,) in select(plain, "SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert indexes == {"events_by_source", "events_by_time"}


def test_python_evtx_reads_the_same_records(data, databases, tmp_path):
    """The script on python-evtx gives our rows, but for the microseconds that floats lose and its form of arrays."""
    plain = tmp_path / "plain.db"
    said = script("python_evtx.py", log(data, "evtx"), plain, "--records", 30)
    assert re.fullmatch(r"30 records in [\d.]+ s: [\d,]+ records/s\n", said)
    columns = "record_number, event_record_id, log, source, event_id, level, category, computer, node, user_sid"
    sql = f"SELECT {columns}, substr(time_written, 1, 19) FROM events ORDER BY id LIMIT 30"  # noqa: S608
    assert select(plain, sql) == select(databases["evtx"][0], sql)


def test_rows_that_differ_stop_the_benchmark(data, databases, tmp_path):
    """A comparison of unequal work is refused: one changed value, or one row too few, ends it with the row."""
    case, plain = databases["evtx"]
    for change in ("UPDATE events SET category = 99 WHERE id = 7", "DELETE FROM events WHERE id = 7"):
        altered = tmp_path / "altered.db"
        altered.write_bytes(plain.read_bytes())
        connection = sqlite3.connect(altered, isolation_level=None)
        connection.execute(change)
        connection.close()
        code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import pathlib, run; "
        code += f"print(run.equal_rows(pathlib.Path({str(case)!r}), pathlib.Path(sys.argv[1]), run.COLUMNS))"
        refused = subprocess.run([sys.executable, "-c", code, altered], capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert "rows differ" in refused.stderr
        assert int(call(sys.executable, "-c", code, plain)) == select(plain, "SELECT count(*) FROM events")[0][0]


def test_the_memory_of_children_counts(tmp_path):
    """The sum over the process tree holds what a child holds, and the processor time and longest process too."""
    child = "x = bytearray(60 << 20); import time; t = time.process_time()\nwhile time.process_time() < t + 0.4: pass"
    parent = f"import subprocess, sys; x = bytearray(40 << 20); subprocess.run([sys.executable, '-c', {child!r}])"
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import measure; "
    code += f"print(*measure.run([sys.executable, '-c', {parent!r}], proportional=True))"
    wall, cpu, largest, tree, proportional = map(float, call(sys.executable, "-c", code).split())
    mib = 1 << 20
    assert cpu >= 0.4
    assert wall >= 0.4
    assert 60 * mib <= largest < 100 * mib
    assert 100 * mib <= proportional <= tree


def test_a_command_that_fails_is_no_measurement():
    """A measured command that ends with an error raises, with what it said."""
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import measure; "
    code += "measure.run([sys.executable, '-c', 'raise SystemExit(\"no such thing\")'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CommandError" in done.stderr
    assert "no such thing" in done.stderr


def test_the_benchmark_prints_its_tables(data):
    """One call runs all parts and prints a row of figures for each thing measured, and both ratios."""
    said = script("run.py", "--mb", MB / 4, "--runs", 1, "--records", 20, "--data", data)
    headings = re.findall(r"^### (.*)$", said, re.MULTILINE)
    assert [heading.split()[0] for heading in headings] == [
        "big.evtx:",
        "big.evtx:",
        "big.evt:",
        "python-evtx",
        "ccrf",
        "Peak",
    ]
    assert re.findall(r"rows equal in (\d+) columns", said) == ["16", "27", "16"]
    assert len(re.findall(r"^\| ccrf ingest +(?:\| [\d.,]+ ){6}\| \d+ MiB \| \d+ MiB \|$", said, re.MULTILINE)) == 3
    theirs = re.findall(r"sqlite3(?: --all-columns)? \|(?: [\d.,]+ \|){6} \d+ MiB \| \d+ MiB \|$", said, re.MULTILINE)
    assert len(theirs) == 3
    assert len(re.findall(r"^wall, ours / plain: [\d.]+ of the medians; pair by pair [\d.]+", said, re.MULTILINE)) == 3
    assert re.search(r"^python-evtx [\d,]+ records/s .*: [\d,]+ times$", said, re.MULTILINE)
    searches = said.split("### ccrf events", 1)[1].split("###", 1)[0]
    cells = re.findall(r"^\| ([^|]+) \| ([\d,]+) \| \d", searches, re.MULTILINE)
    rows = {name: int(count.replace(",", "")) for name, count in cells}
    assert len(rows) == 8
    assert rows["common literal, all"] > rows["ids that do not occur"] == 0
    assert len(re.findall(r"^\| big\.evtx? \| \d+ MB(?: \| \d+ MiB){3} \| \d+ MB \|$", said, re.MULTILINE)) == 4
