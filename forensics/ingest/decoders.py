"""Decode the blocks of a log in several processes, in order, with few blocks in flight.

Memory is bounded by `IN_FLIGHT` groups for each process, whatever the size of the log: the framing of the next group
waits until the oldest one has been taken.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from forensics.errors import FailedError
from forensics.ingest.rows import Batch, decode_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from parsers.records import Block

GROUP = 512 << 10  # bytes of blocks that travel together
IN_FLIGHT = 2
# Starting a process costs as much as decoding this many bytes.
WORTH_PROCESSES = 8 << 20


def usable_cores() -> int:
    """Processors this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        return os.cpu_count() or 1


def grouped(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    """Runs of consecutive blocks of about `GROUP` bytes."""
    group: list[Block] = []
    size = 0
    for block in blocks:
        group.append(block)
        size += block.size
        if size >= GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


@contextmanager
def without_collector() -> Iterator[None]:
    """Leave reference cycles alone for a while: rows and records have none, and walking millions of them takes long."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _start() -> None:
    gc.disable()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A killed parent cannot stop its workers, and they would wait for it for ever: each holds the pipe open to itself.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Decoders:
    """Decodes logs; the processes are started for the first log that is worth it and kept until the end."""

    def __init__(self, jobs: int | None = None) -> None:
        """Prepare for `jobs` processes (None: one for each core; 1: none beside this one)."""
        self._jobs = jobs or usable_cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the processes; work not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def batches(self, blocks: Iterator[Block], size: int, evidence_id: int, log: str | None) -> Iterator[Batch]:
        """The batches of a log of `size` bytes, in the order of its blocks.

        Raises:
            FailedError: a decoding process was killed (out of memory, by hand).
        """
        if self._jobs < 2 or size < WORTH_PROCESSES:
            for group in grouped(blocks):
                yield decode_blocks(group, evidence_id, log)
            return
        pool = self._started()
        waiting: deque[Future[Batch]] = deque()
        try:
            for group in grouped(blocks):
                waiting.append(pool.submit(decode_blocks, group, evidence_id, log))
                if len(waiting) > self._jobs * IN_FLIGHT:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise FailedError("a decoding process was killed; try again with --jobs 1") from error

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Forking is quick and shares the modules' memory; where there is no fork, the processes import them anew.
            method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
            context = multiprocessing.get_context(method)
            self._pool = ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_start)
        return self._pool
