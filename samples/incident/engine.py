"""The queue of what is to happen, and the logs that the nodes of a cluster write as it happens."""

from __future__ import annotations

import heapq
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Generic, TypeVar

from samples.incident.catalogue import CATALOGUE
from samples.incident.clock import TICKS, exact
from samples.incident.setting import COPIES_KEEP, Rules
from samples.incident.world import Chronicle, ClockChange, Entry, Node

if TYPE_CHECKING:
    from collections.abc import Callable

S = TypeVar("S", bound=Rules)


class Engine(Generic[S]):
    """Discrete events on true time, and entries in the logs of nodes. Equal settings give equal worlds."""

    def __init__(self, setting: S) -> None:
        self.setting = setting
        self.rng = Random(f"{setting.scenario}/{setting.system}/{setting.seed}")
        self.now = setting.start
        self.truth = Chronicle()
        self.nodes: dict[str, Node] = {}
        self._queue: list[tuple[int, int, partial[None]]] = []
        self._count = 0
        self._occurrences = 0

    # -- the queue ---------------------------------------------------------------------------------------------------

    def at(self, time: int, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen at a true time; what is asked for first happens first."""
        heapq.heappush(self._queue, (time, self._count, partial(action, *arguments)))
        self._count += 1

    def after(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen so many seconds from now."""
        self.at(self.now + int(seconds * TICKS), action, *arguments)

    def between(self, low: float, high: float, action: Callable[..., None], *arguments: object) -> None:
        """Let something happen at some moment between so many seconds from now."""
        self.after(self.rng.uniform(low, high), action, *arguments)

    def run(self, until: int) -> None:
        """Play everything up to a true time."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = until

    # -- logs --------------------------------------------------------------------------------------------------------

    def computer(self, node: Node) -> str:
        """How the entries of a node name it."""
        name = node.name if self.setting.system == "2003" else f"{node.name}.{self.setting.domain}"
        return name.lower() if self.setting.lower_case else name

    def log(self, node: Node, key: str, *strings: str) -> None:
        """Write an entry to the log of a node, if it is up and its system logs such an event."""
        row = CATALOGUE[key]
        if not node.up or row.only not in {None, self.setting.system}:
            return
        raw = node.clock.read(self.now)
        entry = Entry(node.name, row, self.computer(node), strings, raw, raw, self.now, self._occurrences)
        self._occurrences += 1
        self._append(node, entry)
        if self.setting.system == "2003" and node.joined:
            self._copy_entry(node, entry)

    def _append(self, node: Node, entry: Entry) -> None:
        name = (self.setting.system == "2008" and entry.row.log_2008) or entry.row.log
        node.logs.setdefault(name, []).append(entry)

    def others(self, node: Node) -> list[Node]:
        """Every node but this one."""
        return [candidate for candidate in self.nodes.values() if candidate is not node]

    def _copy_entry(self, origin: Node, entry: Entry) -> None:
        """Copy an entry to the other nodes. Whose time a copy carries is not documented: the setting says it."""

        def arrive(other: Node) -> None:
            if other.up and other.joined:
                now = other.clock.read(self.now)
                keeps = self.setting.copy_times == COPIES_KEEP
                self._append(other, entry._replace(written=now, generated=entry.generated if keeps else now))

        for other in self.others(origin):
            if self.rng.random() >= self.setting.dropped_copies:
                self.between(0.5, 4, arrive, other)
            elif self.rng.random() < 0.3:
                self.after(5, self.log, other, "copies_dropped")

    # -- clocks ------------------------------------------------------------------------------------------------------

    def step_clock(self, node: Node, seconds: float) -> None:
        """Set a node's clock forwards, or back, by so many seconds. A machine that is down logs nothing of it."""
        old = node.clock.read(self.now)
        change = int(seconds * TICKS)
        node.clock.shift(self.now, change)
        self.log(node, "clock_stepped", exact(old + change), exact(old))
        if self.setting.security_log:
            self.log(node, f"time_changed_{self.setting.system}")
        is_logged = node.up and (self.setting.system == "2008" or self.setting.security_log)
        self.truth.clock_changes.append(ClockChange(node.name, self.now, change, is_logged))
