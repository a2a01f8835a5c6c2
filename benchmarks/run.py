"""Measure `ccrf` against plain scripts on the fastest readers, and its memory and searches by themselves.

Two commands are compared by running them in turns, A B A B, because a machine is never the same for long: the ratio of
each pair is of two runs side by side. Linux only; needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import subprocess
import sys
import sysconfig
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import measure
from make_logs import DATA, DEFAULT_MB, place
from plain_table import COLUMNS, MORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from measure import Usage

HERE = Path(__file__).resolve().parent
CCRF = Path(sysconfig.get_path("scripts")) / "ccrf"
PLAIN = {"evtx": HERE / "plain_evtx.py", "evt": HERE / "plain_evt.py"}
PEERS = {"evtx": "evtx (Rust) + orjson + sqlite3", "evt": "libevt + orjson + sqlite3"}
SECTIONS = ("evtx", "evtx-all", "evt", "python-evtx", "search", "memory")
_MIB = 1 << 20

SEARCHES: dict[str, tuple[str, ...]] = {
    "start alone (`ccrf --version`)": (),
    "one source and id": ("--source", "Contoso Agent 07", "--id", "1007"),
    "ids that do not occur": ("--id", "9410", "--id", "9413"),
    "one hour": ("--since", "2008-01-11T00:00:00Z", "--until", "2008-01-11T01:00:00Z"),
    "one node, first 100": ("--node", "BENCH-A1B2C3D4", "--limit", "100"),
    "rare literal": ("--grep", "1525b8bd"),
    "common literal, first 100": ("--grep", "mailbox", "--limit", "100"),
    "common literal, all": ("--grep", "mailbox"),
}


class Bench:
    """One call of this script: where its files are, and how it measures."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.mb: float = arguments.mb
        self.runs: int = arguments.runs
        self.data: Path = arguments.data
        self.records: int = arguments.records
        self.jobs: list[str] = ["--jobs", str(arguments.jobs)] if arguments.jobs else []
        self.work = self.data / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.case = self.work / "case.db"
        self.plain = self.work / "plain.db"

    def log(self, kind: str, times: int = 1) -> Path:
        """The log of that kind, `times` as large as asked for; built where it is not there."""
        path = place(self.data, self.mb * times, kind)
        if not path.exists():
            command: list[str | Path] = [sys.executable, HERE / "make_logs.py", "--kinds", kind, "--data", self.data]
            subprocess.run([*command, "--mb", f"{self.mb * times:g}"], check=True, stdout=subprocess.DEVNULL)
        return path

    def ingest(self, log: Path, *, proportional: bool = False) -> Usage:
        """`ccrf ingest` into a fresh case, in a fresh process."""
        _fresh(self.case)
        return measure.run([CCRF, "ingest", self.case, log, "-q", *self.jobs], proportional=proportional)

    def script(self, kind: str, log: Path, options: Sequence[str] = ()) -> Usage:
        """The plain script into a fresh database, in a fresh process."""
        _fresh(self.plain)
        return measure.run([sys.executable, PLAIN[kind], log, self.plain, *options])

    def compare(self, kind: str, *options: str) -> None:
        """Ours and the plain script with its `options` in turns; the rows must be equal."""
        log = self.log(kind)
        self.ingest(log)  # the first of each warms the page cache and writes the bytecode
        self.script(kind, log, options)
        columns = (*COLUMNS, *MORE) if options else COLUMNS
        count = equal_rows(self.case, self.plain, columns)
        pairs = [(self.ingest(log), self.script(kind, log, options)) for _ in range(self.runs)]
        ours, theirs = zip(*pairs, strict=True)
        size = log.stat().st_size
        print(f"\n### big.{kind}: {size / 1e6:,.0f} MB, {count:,} records; rows equal in {len(columns)} columns\n")
        print("| | wall s: median | min | max | CPU s: median | records/s | MB/s | peak: largest process | all |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, usages in (
            (f"ccrf ingest {' '.join(self.jobs)}".strip(), ours),
            (" ".join([PEERS[kind], *options]), theirs),
        ):
            print(f"| {name} | {_row(usages, count, size)} |")
        ratio = median(u.wall for u in ours) / median(u.wall for u in theirs)
        paired = [a.wall / b.wall for a, b in pairs]
        processor = [a.cpu / b.cpu for a, b in pairs]
        print(
            f"\nwall, ours / plain: {ratio:.2f} of the medians; pair by pair {median(paired):.2f}"
            f" ({min(paired):.2f} to {max(paired):.2f}); CPU pair by pair {median(processor):.2f}"
        )

    def python_evtx(self) -> None:
        """python-evtx in the same table, on a part of the log."""
        log = self.log("evtx")
        usages = [self.ingest(log) for _ in range(min(self.runs, 3))]
        count = _count(self.case)
        rate = count / median(usage.wall for usage in usages)
        command: list[str | Path] = [sys.executable, HERE / "python_evtx.py", log, "--records", str(self.records)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        other = float(said.rsplit(":", 1)[1].split()[0].replace(",", ""))
        print("\n### python-evtx\n")
        print(f"python-evtx {other:,.0f} records/s (first {self.records:,} records), ", end="")
        print(f"ccrf ingest {rate:,.0f} records/s: {rate / other:,.0f} times")

    def search(self) -> None:
        """`ccrf events` on the case of the big .evtx."""
        self.ingest(self.log("evtx"))
        output = self.work / "rows.jsonl"
        print(f"\n### ccrf events --format jsonl on {_count(self.case):,} events\n")
        print("| search | rows | wall s: median | min | max | peak |")
        print("|---|---|---|---|---|---|")
        for name, options in SEARCHES.items():
            command: list[str | Path] = [CCRF, "events", self.case, "--format", "jsonl", *options]
            if not options:
                command = [CCRF, "--version"]
            usages = [measure.run(command, output=output) for _ in range(self.runs)]
            walls = [usage.wall for usage in usages]
            rows = output.read_bytes().count(b"\n") if options else 0
            peak = max(usage.largest for usage in usages) / _MIB
            print(
                f"| {name} | {rows:,} | {median(walls):.2f} | {min(walls):.2f} | {max(walls):.2f} | {peak:,.0f} MiB |"
            )

    def memory(self) -> None:
        """Peak memory at one and at four times the size: it must not grow with the log."""
        print("\n### Peak memory of ccrf ingest\n")
        print("| log | size | largest process | all: sum of resident | all: proportional | case file |")
        print("|---|---|---|---|---|---|")
        for kind in ("evtx", "evt"):
            for times in (1, 4):
                log = self.log(kind, times)
                usage = self.ingest(log, proportional=True)
                peaks = " | ".join(f"{n / _MIB:,.0f} MiB" for n in (usage.largest, usage.tree, usage.proportional))
                sizes = [f"{path.stat().st_size / 1e6:,.0f} MB" for path in (log, self.case)]
                print(f"| big.{kind} | {sizes[0]} | {peaks} | {sizes[1]} |")


def equal_rows(case: Path, plain: Path, columns: Sequence[str]) -> int:
    """Compare the two databases row by row in `columns` and return the number of rows.

    Raises:
        SystemExit: they differ; the message holds the first row that does.
    """
    sql = f"SELECT {', '.join(columns)} FROM events ORDER BY record_number"  # noqa: S608 - our own names
    connections = [sqlite3.connect(path) for path in (case, plain)]
    count = 0
    for count, (ours, theirs) in enumerate(zip_longest(*(c.execute(sql) for c in connections)), 1):  # noqa: B007
        if ours != theirs:
            sys.exit(f"rows differ:\n  {case}: {ours}\n  {plain}: {theirs}")
    for connection in connections:
        connection.close()
    return count


def _count(case: Path) -> int:
    connection = sqlite3.connect(case)
    (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    return int(count)


def _fresh(path: Path) -> None:
    """Remove a database, and let the disk come to rest: a run is not to pay for what the one before wrote."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    os.sync()


def _row(usages: Sequence[Usage], count: int, size: int) -> str:
    walls = [usage.wall for usage in usages]
    middle = median(walls)
    cells = [f"{middle:.2f}", f"{min(walls):.2f}", f"{max(walls):.2f}", f"{median(u.cpu for u in usages):.2f}"]
    cells += [f"{count / middle:,.0f}", f"{size / 1e6 / middle:.1f}"]
    cells += [f"{max(u.largest for u in usages) / _MIB:,.0f} MiB", f"{max(u.tree for u in usages) / _MIB:,.0f} MiB"]
    return " | ".join(cells)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, default=DEFAULT_MB, help="size of each log in millions of bytes")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, after a warm-up")
    parser.add_argument("--jobs", type=int, help="decoding processes of ccrf ingest; its own default where not given")
    parser.add_argument("--records", type=int, default=2000, help="records that python-evtx reads")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of logs and databases")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="parts to measure")
    return parser


def main() -> None:
    """Measure what was asked for and print it as Markdown."""
    arguments = _parser().parse_args()
    bench = Bench(arguments)
    sections: dict[str, Callable[[], None]] = {
        "evtx": lambda: bench.compare("evtx"),
        "evtx-all": lambda: bench.compare("evtx", "--all-columns"),
        "evt": lambda: bench.compare("evt"),
        "python-evtx": bench.python_evtx,
        "search": bench.search,
        "memory": bench.memory,
    }
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {cores} cores, load at start {load:.1f}"
    )
    sys.stdout.flush()
    for name in SECTIONS:
        if name in arguments.only:
            sections[name]()
            sys.stdout.flush()


if __name__ == "__main__":
    main()
