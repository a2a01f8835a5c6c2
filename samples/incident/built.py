"""What a simulation leaves behind, as files and as records. What is not asked for is not made."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic

from samples.incident.engine import S
from samples.incident.evidence import Item, data_items, evidence
from samples.incident.logs import LogRecords, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from samples.incident.engine import Engine
    from samples.incident.logs import Log


class Built(Generic[S]):
    """Evidence and truth of a simulation that is over.

    Args:
        simulation: what happened.
        logs: the logs that are in the evidence.
        nodes: the nodes of which there is evidence.
        truth: gives what really happened, as plain JSON values.
        left: what is left of a file or folder in the evidence.
    """

    def __init__(
        self,
        simulation: Engine[S],
        logs: Sequence[Log],
        nodes: Sequence[str],
        truth: Callable[[], dict[str, Any]],
        left: Callable[[Item], Item | None] = lambda item: item,
    ) -> None:
        self._clocks = {name: node.clock for name, node in simulation.nodes.items()}
        self._simulation = simulation
        self._nodes = nodes
        self._logs = logs
        self._truth = truth
        self._left = left

    @cached_property
    def items(self) -> list[Item]:
        """The files and folders of the evidence, sorted by path."""
        return evidence(self._simulation, self._logs, self._nodes, self._left)

    @cached_property
    def files(self) -> list[Item]:
        """Of `items` what is no log, without a log being built."""
        return data_items(self._simulation, self._nodes, self._left)

    @cached_property
    def entries(self) -> list[LogRecords]:
        """What readers find in the log files of `items`, and the truth about each record, sorted by path."""
        return [records_of(log) for log in self._logs]

    @cached_property
    def truth(self) -> dict[str, Any]:
        """What really happened. `samples.incident.judging` reads it."""
        return self._truth()

    def truth_json(self) -> str:
        """The truth as text, the same for the same simulation."""
        return json.dumps(self.truth, indent=1, sort_keys=True) + "\n"

    def shown(self, node: str, true: int) -> int:
        """What a node's clock shows at a true time; both FILETIME."""
        return self._clocks[node].read(true)
