"""How long the findings on files take, and how much memory: thousands of versions, and large ones.

    python benchmarks/files.py [--sets 500 2000] [--names 20 5] [--bytes 4096 4194304]

First makes cases of two nodes between which the group moves every eight hours, each move with a save before it and a
backup set after it, and measures how long it takes to tell sets and losses: 500 sets of 20 files (a profile names
fifteen more) and 2,000 sets of five, 10,000 versions each. Then writes evidence of ten sets whose files have the given
size, and runs `ccrf ingest` on it. What tells sets and losses reads the first bytes of each content alone; an ingest
holds one content at a time to keep it, and nothing of those above the limit (64 MiB). Each in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import measure
from roles import GROUP, NODES

from forensics.case.rows import NewFileVersion
from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.files.analyse import analyse_evidence
from forensics.files.load import file_evidence
from forensics.ingest.nodes import NodeBasis
from forensics.profile import profile_text
from forensics.roles.analyse import analyse
from parsers.kinds import Kind
from parsers.times import TICKS_PER_SECOND, filetime_from_unix, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SETS: Final = (500, 2_000)
NAMES: Final = (20, 5)
BYTES: Final = (4_096, 4 << 20)
CCRF: Final = Path(sysconfig.get_path("scripts")) / "ccrf"
_START: Final = filetime_from_unix(1_199_700_000)
_MOVE: Final = 8 * 3600 * TICKS_PER_SECOND
_OWN: Final = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
_LARGE_SETS: Final = 10


def make_case(path: Path, sets: int, names: int) -> None:
    """Make a case of so many backup sets of so many files at `path`, and the live files of both nodes."""
    files = [*_OWN[:names], *(f"Extra{number:02}.fdb" for number in range(names - len(_OWN)))]
    with Case.create(path) as case:
        if names > len(_OWN):
            extension = path.with_suffix(".toml")
            row = '[[replicated_files]]\nname = "{}"\nmark = "unverified"\nsource = "a benchmark"\n'
            extension.write_text("".join(map(row.format, files)), encoding="utf-8")
            case.set_setting("profile", profile_text(extension).text)
        logs = {
            node: case.add_evidence(
                NewEvidence(
                    path=f"{node}/Logs/System.evt", kind=Kind.EVT, status="read", node=node, log="System",
                    node_basis=NodeBasis.EVENTS, root=node,
                )
            )
            for node in NODES
        }  # fmt: skip
        with case.transaction():
            case.add_events(_moves(sets, [logs[node] for node in NODES]))
            held = {name: (f"{name} first", _START) for name in files}
            for number in range(sets):
                at = _START + (number + 1) * _MOVE
                name = files[number % len(files)]
                held[name] = f"{name} {number}", at - 3600 * TICKS_PER_SECOND
                _add_set(case, NODES[number % 2], f"Data/Backup/{_stamp(at + 8 * TICKS_PER_SECOND)}", held)
            for node in NODES:
                _add_set(case, node, "Data", held)
        case.finish_load()


def _moves(count: int, logs: Sequence[int]) -> Iterator[tuple[object, ...]]:
    """The cluster's entries on every move, each in its own node's log."""
    numbers = [0, 0]
    steps = ((0, 0, 1203), (8, 0, 1204), (10, 1, 1200), (25, 1, 1201))
    for move in range(count):
        for seconds, other, event_id in steps:
            node = (move + other) % 2
            numbers[node] += 1
            raw = _START + (move + 1) * _MOVE + seconds * TICKS_PER_SECOND
            yield tuple(
                (
                    dict.fromkeys(EVENT_COLUMNS)
                    | {
                        "log": "System", "source": "ClusSvc", "event_id": event_id, "level": 4, "category": 0,
                        "computer": NODES[node], "node": NODES[node], "strings": json.dumps([GROUP]), "recovered": 0,
                        "generated_filetime": raw, "written_filetime": raw, "time_generated": iso_utc(raw),
                        "time_written": iso_utc(raw), "qualifiers": 0x4000, "raw_type": 4,
                        "evidence_id": logs[node], "record_number": numbers[node], "offset": 256 * numbers[node],
                    }
                ).values()
            )  # fmt: skip


def _stamp(ticks: int) -> str:
    text = iso_utc(ticks) or ""
    return "".join(part for part in text[:19] if part.isdigit())


def _add_set(case: Case, node: str, folder: str, held: dict[str, tuple[str, int]]) -> None:
    for name, (text, modified) in held.items():
        content = text.encode()
        sha256, path = hashlib.sha256(content).hexdigest(), f"{node}/{folder}/{name}"
        evidence = case.add_evidence(
            NewEvidence(path=path, kind=Kind.FDB, status="read", root=node, sha256=sha256, node=node)
        )
        case.add_content(sha256, len(content), content)
        case.add_file_version(
            NewFileVersion(
                evidence_id=evidence, node=node, name=name, role="other", path=path, sha256=sha256,
                size=len(content), modified=iso_utc(modified), modified_filetime=modified,
            )
        )  # fmt: skip


def measure_case(path: Path) -> dict[str, float]:
    """Processor seconds and counts of one case, in this process."""
    with Case.open(path) as case:
        (versions,) = next(case.rows("SELECT count(*) FROM file_versions"))
        analysis = analyse(case)
        history = analysis.roles()
        start = time.process_time()
        evidence = file_evidence(case, analysis, history)
        found: dict[str, float] = {"versions": versions, "sets": len(evidence.sets)}
        found["recognised in s"] = time.process_time() - start
        start = time.process_time()
        answer = analyse_evidence(evidence, analysis, history)
        found["losses told in s"] = time.process_time() - start
        found["findings"] = len(answer.findings)
    return found


def make_evidence(folder: Path, size: int) -> None:
    """Ten sets of five files of so many bytes, each other bytes, and the live files of one node."""
    places = [f"Backup/{_stamp(_START + number * _MOVE)}" for number in range(_LARGE_SETS)]
    for number, place in enumerate(["", *places]):
        where = folder / NODES[0] / "Data" / place
        where.mkdir(parents=True, exist_ok=True)
        for at, name in enumerate(_OWN):
            block = hashlib.sha256(f"{number} {at}".encode()).digest()
            (where / name).write_bytes(block * (size // len(block)))


def told(found: dict[str, float]) -> str:
    """Figures as text."""
    return ", ".join(
        f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value:,}" for name, value in found.items()
    )


def main() -> None:
    """Make, measure and print, one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, nargs="*", default=SETS)
    parser.add_argument("--names", type=int, nargs="*", default=NAMES, help="files in a set, by the numbers of --sets")
    parser.add_argument("--bytes", type=int, nargs="*", default=BYTES, help="sizes of files")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_case(options.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for sets, names in zip(options.sets, options.names, strict=True):
            make_case(folder / f"{sets}.db", sets, names)
            answer = folder / "answer.json"
            usage = measure.run([sys.executable, __file__, "--measure", folder / f"{sets}.db"], output=answer)
            print(f"{told(json.loads(answer.read_text('utf-8')))}, peak {usage.largest / 1e6:,.0f} MB", flush=True)
        answer = folder / "answer.json"
        for size in options.bytes:
            make_evidence(folder / f"e{size}", size)
            command = [CCRF, "ingest", folder / f"c{size}.db", folder / f"e{size}", "--jobs", "1"]
            usage = measure.run(command)
            files = len(_OWN) * (_LARGE_SETS + 1)
            print(
                f"ccrf ingest of {files} files of {size:,} bytes: {usage.cpu:.1f} s, peak {usage.largest / 1e6:,.0f} MB"
            )
            usage = measure.run([sys.executable, __file__, "--measure", command[2]], output=answer)
            print(f"the same: {told(json.loads(answer.read_text('utf-8')))}, peak {usage.largest / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
