"""An ingest that is killed at any moment leaves a case that verifies, and the next one completes it."""

from __future__ import annotations

import io
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from forensics.case.store import Case
from forensics.case.verify import verify_case
from forensics.ingest.run import ingest
from samples.builders.evtx import Classic, EvtxEvent, EvtxWriter
from samples.incident import Setting, build
from samples.incident.evidence import write_folder, zip_bytes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")

# The real command; transactions are made small so that many of them can be torn, and `kill` is the moment.
PROGRAM = """
import os, signal, sys
import forensics.ingest.run as run
from forensics.case.store import Case
from cli.main import run as command

run._ENOUGH_SOURCES = 7
left = [int(sys.argv.pop(1))]

def kill_before(owner, name):
    original = getattr(owner, name)
    def counted(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    setattr(owner, name, counted)

kill_before(Case, "add_problems")
kill_before(Case, "add_evidence")
kill_before(Case, "add_prepared_events")
kill_before(Case, "finish_load")
kill_before(Case, "set_setting")
command()
"""
# Decoding that does not end by itself, under the name by which the workers are told of it.
SLOW = """
import time
import cli.main
import forensics.ingest.decoders as decoders

def decode_blocks(*args):
    time.sleep(60)

decode_blocks.__module__ = decoders.__name__
decoders.decode_blocks = decode_blocks
cli.main.run()
"""
TABLES = {
    "evidence": "path, container, root, sha256, size, modified, kind, status, node, node_basis, problem, log, live,"
    " recovered, first_time, last_time, first_record, last_record, facts",
    "events": "(SELECT path FROM evidence WHERE id = evidence_id), log, record_number, time_generated, source,"
    " event_id, strings, node, recovered, offset",
    "contents": "sha256, size, bytes",
    "file_versions": "path, node, name, sha256, modified",  # the role is a conclusion, drawn after the ingest
    "folders": "path, modified_filetime, modified_basis",
    "problems": "(SELECT path FROM evidence WHERE id = evidence_id), kind, offset, length, detail",
    "events_fts": "strings",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an incident as files, and another one as an archive."""
    folder = tmp_path_factory.mktemp("evidence") / "e"
    write_folder(build(Setting("crash", "2008", 1)).items, folder / "loose")
    (folder / "packed.zip").write_bytes(zip_bytes(build(Setting("crash", "2003", 2)).items))
    with zipfile.ZipFile(folder / "packed.zip", "a") as archive:
        archive.writestr("EXNODE1/text.evtx", "no log")
    return folder


@pytest.fixture(scope="module")
def undisturbed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[tuple[object, ...]]]:
    case = tmp_path_factory.mktemp("undisturbed") / "case.db"
    with Case.create(case) as made:
        ingest(made, [place])
    return dump(case)


def dump(case: Path) -> dict[str, Counter[tuple[object, ...]]]:
    """All tables but the audit, without ids."""
    with sqlite3.connect(case) as connection:
        found = {
            table: Counter(connection.execute(f"SELECT {columns} FROM {table}"))  # noqa: S608
            for table, columns in TABLES.items()
        }
    connection.close()
    return found


def hold(case: Path, place: Path, undisturbed: dict[str, Counter[tuple[object, ...]]]) -> set[str]:
    """The torn case verifies, has only whole pieces, and is completed by the next ingest; return what it held."""
    held: set[str] = set()
    if case.exists():
        with Case.open(case) as torn:
            assert verify_case(torn) == []
            pieces = torn.evidence()
        held = {row.path for row in pieces}
        whole = {row[:1] + row[3:4]: row for row in undisturbed["evidence"]}
        for row in pieces:
            final = whole[row.path, row.sha256]
            if row.facts.get("unfinished"):
                assert (row.kind, row.status) == ("archive", "partial")
            else:
                assert (row.status, row.live, row.recovered) == (final[7], final[12], final[13])
    with Case.open_or_create(case) as again:
        ingest(again, [place])
        assert verify_case(again) == []
    assert dump(case) == undisturbed
    return held


def test_killed_between_any_two_steps(
    place: Path, undisturbed: dict[str, Counter[tuple[object, ...]]], tmp_path: Path
) -> None:
    """SIGKILL at the n-th write for many n, also inside an archive: whole pieces only, and completed afterwards."""
    sizes = set()
    unfinished = 0
    steps = [1, 2, 3, 5, 9, 16, 30, 60, 95, 110, 125, 140, 155, 170, 190, 230]
    for step in steps:
        case = tmp_path / f"{step}.db"
        command = [sys.executable, "-c", PROGRAM, str(step), "ingest", "--quiet", "--jobs", "1", str(case), str(place)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        if done.returncode != -signal.SIGKILL:
            break
        with Case.open(case) as torn:
            unfinished += any(row.facts.get("unfinished") for row in torn.evidence())
        sizes.add(len(hold(case, place, undisturbed)))
    assert len(sizes) > 4
    assert unfinished >= 1


def test_killed_at_any_time(place: Path, undisturbed: dict[str, Counter[tuple[object, ...]]], tmp_path: Path) -> None:
    """SIGKILL after any delay, so in the midst of what SQLite does too."""
    command = [sys.executable, "-c", PROGRAM, "0", "ingest", "--quiet", "--jobs", "1"]
    begin = time.monotonic()
    subprocess.run([*command, str(tmp_path / "timed.db"), str(place)], capture_output=True, check=False)
    whole = time.monotonic() - begin
    killed = 0
    for part in range(1, 8):
        case = tmp_path / f"{part}.db"
        with subprocess.Popen([*command, str(case), str(place)], stderr=subprocess.DEVNULL) as process:
            time.sleep(whole * (0.25 + part / 10))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        hold(case, place, undisturbed)
    assert killed


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are looked for in /proc")
def test_workers_end_when_their_ingest_is_killed(tmp_path: Path) -> None:
    """After SIGKILL of an ingest with decoding processes none of these is left behind."""
    stream = io.BytesIO()
    with EvtxWriter(stream) as writer:
        for number in range(20_000):
            writer.add(EvtxEvent(number, "Source", 1, "Application", "N", Classic(("x" * 500,))))
    (tmp_path / "big.evtx").write_bytes(stream.getvalue())
    arguments = ["ingest", "--quiet", "--jobs", "2", str(tmp_path / "case.db"), str(tmp_path / "big.evtx")]
    with subprocess.Popen([sys.executable, "-c", SLOW, *arguments]) as process:
        workers = wait_for(lambda: found if len(found := children(process.pid)) >= 2 else None)
        process.kill()
    assert workers
    assert wait_for(lambda: not any(alive(worker) for worker in workers))


def wait_for(condition):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.05)
    return None


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def alive(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def children(pid: int) -> list[int]:
    every = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [one for one in every if _stat(one)[1:2] == [str(pid)]]
