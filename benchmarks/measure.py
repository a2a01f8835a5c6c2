"""Run a command to its end and tell what it took: time, processor time, and memory of it and all its children.

Linux only: memory is sampled from /proc (https://docs.kernel.org/filesystems/proc.html).
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERVAL = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """What a command took.

    Attributes:
        wall: seconds from start to end.
        cpu: seconds of processor time, user and system, of all its processes.
        largest: peak resident bytes of its largest process, as the kernel counts them.
        tree: peak of the sum over its processes, sampled; pages that forked processes share count in each.
        proportional: the same with shared pages divided among those that share them; 0 where it was not asked for.
    """

    wall: float
    cpu: float
    largest: int
    tree: int
    proportional: int


class CommandError(Exception):
    """A measured command ended with another code than 0."""


def run(command: Sequence[str | Path], *, output: Path | None = None, proportional: bool = False) -> Usage:
    """Run `command`, its standard output into `output` (or nowhere).

    Sampling proportional memory makes the kernel walk page tables: not for runs whose time counts.

    Raises:
        CommandError: it failed; the message ends with what it wrote to standard error.
    """
    with (output or Path(os.devnull)).open("wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
        sampler = _Sampler(process.pid, proportional=proportional)
        sampler.start()
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    sampler.stop()
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandError(f"{' '.join(map(str, command))} ended with {process.returncode}: {errors.decode()[-2000:]}")
    # ru_maxrss is in KiB on Linux: getrusage(2).
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, sampler.tree, sampler.proportional)


class _Sampler(threading.Thread):
    def __init__(self, pid: int, *, proportional: bool) -> None:
        super().__init__(daemon=True)
        self.tree = 0
        self.proportional = 0
        self._pid = pid
        self._wants_proportional = proportional
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_INTERVAL):
            pids = _tree(self._pid)
            self.tree = max(self.tree, sum(map(_resident, pids)))
            if self._wants_proportional:
                self.proportional = max(self.proportional, sum(map(_proportional, pids)))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _tree(pid: int) -> list[int]:
    """The process and all below it; those that end meanwhile are left out."""
    found = [pid]
    for parent in found:  # grows while it is walked
        with suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 - names are enough, twenty times a second
                with suppress(OSError):
                    found += map(int, Path(f"/proc/{parent}/task/{task}/children").read_text("ascii").split())
    return found


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
