"""What evidence suffers: logs that are missing, cut, cleared, saved twice or wrong. Evidence that has none is complete.

Each kind is a function that changes the logs of a finished simulation and says what it did; the truth lists it under
`degraded`. They are applied in the order of `DEGRADATIONS`, whatever the order in which they are asked for, and each
takes its chances from a source of its own, so that one does not change what another does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from samples.incident.catalogue import APPLICATION, CATALOGUE, OPERATIONAL, SYSTEM, Row
from samples.incident.clock import TICKS, iso
from samples.incident.logs import Line, Log
from samples.incident.truth import role_spans
from samples.incident.world import Entry, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from samples.incident.simulation import Simulation

SETUP_NAME = "MACHINENAME"
_LEAST = 40  # a log of fewer lines is not cut
_CLEAR = 300 * TICKS  # a stray event lies at least so far from any change of roles
_DAY = 86_400 * TICKS


class Degrading:
    """The logs as they are at this point, and the nodes whose evidence there is."""

    def __init__(self, simulation: Simulation, logs: list[Log]) -> None:
        self.simulation = simulation
        self.logs = logs
        self.nodes = list(simulation.nodes)
        self._invented = 0

    def invent(self, node: Node, key: str, true: int, strings: Sequence[str], *, computer: str = "") -> Entry:
        """An entry that the simulation did not log."""
        self._invented -= 1
        raw = node.clock.read(true)
        name = computer or self.simulation.computer(node)
        stray = not computer
        return Entry(node.name, CATALOGUE[key], name, tuple(strings), raw, raw, true, self._invented, stray=stray)

    def some(self, rng: Random, most: int = 2) -> list[int]:
        """Indexes of one or more logs that are long enough to lose something."""
        fit = [at for at, log in enumerate(self.logs) if len(log.lines) >= _LEAST]
        return sorted(rng.sample(fit, min(len(fit), rng.randint(1, most))))


def degrade(simulation: Simulation, logs: list[Log]) -> tuple[list[Log], list[str], list[dict[str, Any]]]:
    """The logs that are left, the nodes whose evidence there is, and what was done.

    KeyError for a kind that there is not.
    """
    setting = simulation.setting
    unknown = set(setting.degraded) - set(DEGRADATIONS)
    if unknown:
        raise KeyError(*sorted(unknown))
    state = Degrading(simulation, list(logs))
    done: list[dict[str, Any]] = []
    for kind, apply in DEGRADATIONS.items():
        if kind in setting.degraded:
            rng = Random(f"{kind}/{setting.scenario}/{setting.system}/{setting.seed}")
            done += [{"kind": kind, **told} for told in apply(state, rng)]
    return sorted((log for log in state.logs if log.lines), key=lambda log: log.path), state.nodes, done


def strays(logs: list[Log]) -> list[dict[str, Any]]:
    """The events in these logs that nobody ever logged, as the truth lists them."""
    return [
        {
            "log": log.path,
            "record_number": line.number,
            "time": iso(line.entry.true),
            "computer": line.entry.computer,
            "event_id": line.entry.row.event_id,
            "strings": list(line.entry.strings),
        }
        for log in logs
        for line in log.lines
        if line.entry.stray
    ]


def _numbered(log: Log, entries: Sequence[Entry], first: int) -> Log:
    """The log with these entries, numbered without a gap."""
    return replace(log, lines=tuple(Line(number, entry) for number, entry in enumerate(entries, first)))


def _without_oldest(log: Log, count: int) -> Log:
    closed = None if log.closed_after is None else max(0, log.closed_after - count)
    return replace(log, lines=log.lines[count:], closed_after=closed)


def _stray(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """One or two events of a role in the log of a node that did not have it."""
    simulation = state.simulation
    told = []
    for _ in range(rng.randint(1, 2)):
        key, role, strings = rng.choice(
            (
                ("group_online", "passive", (simulation.setting.cms,)),
                ("database_started", "passive", ("First Storage Group\\Mailbox Database",)),
                ("copy_skipped", "active", ("ScanJobs.fdb",)),
                ("forced_sync", "active", ()),
            )
        )
        spans = [span for span in role_spans(simulation) if span.role == role and span.end - span.start > 3 * _CLEAR]
        if not spans:
            continue
        span = rng.choice(spans)
        true = rng.randint(span.start + _CLEAR, span.end - _CLEAR)
        entry = state.invent(simulation.nodes[span.node], key, true, strings)
        name = _log_of(entry.row, simulation.setting.system)
        for at, log in enumerate(state.logs):
            if (log.owner, log.name) == (span.node, name):
                entries = [line.entry for line in log.lines]
                place = next((i for i, other in enumerate(entries) if other.true > true), len(entries))
                entries.insert(place, entry)
                state.logs[at] = _numbered(log, entries, log.lines[0].number)
                told.append({"log": log.path, "event_id": entry.row.event_id, "time": iso(true), "role": role})
    return told


def _log_of(row: Row, system: str) -> str:
    return (system == "2008" and row.log_2008) or row.log


def _alias(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """Entries under names that are no node's: the mailbox server's, the cluster's, the machine's before its setup."""
    setting = state.simulation.setting
    sources = ["FSC", "GetEngine", "Statistics", *(["MSExchange"] if rng.random() < 0.5 else [])]
    names = {APPLICATION: setting.cms.upper(), SYSTEM: setting.cluster.upper()}
    share = rng.uniform(0.05, 0.3)
    chosen: dict[int, str] = {}
    for log in state.logs:
        for _, entry in log.lines:
            is_fit = log.name == SYSTEM and entry.row.event_id == 7036
            is_fit |= log.name == APPLICATION and entry.row.source.startswith(tuple(sources))
            if is_fit and entry.occurrence not in chosen:
                chosen[entry.occurrence] = names[log.name] if rng.random() < share else ""
    suffix = "" if setting.system == "2003" else f".{setting.domain}"
    counts: Counter[str] = Counter()
    for at, log in enumerate(state.logs):
        lines = []
        for line in log.lines:
            name = chosen.get(line.entry.occurrence)
            if name:
                counts[name] += 1
                line = line._replace(entry=line.entry._replace(computer=name + suffix))  # noqa: PLW2901 -- renamed
            lines.append(line)
        state.logs[at] = replace(log, lines=tuple(lines))
    counts[SETUP_NAME] = _before_setup(state, rng)
    return [{"names": {name: counts[name] for name in sorted(counts)}}]


def _before_setup(state: Degrading, rng: Random) -> int:
    """Entries of a machine that had no name yet, at the beginning of its System log; how many."""
    simulation = state.simulation
    node = rng.choice(list(simulation.nodes.values()))
    at = next((at for at, log in enumerate(state.logs) if (log.owner, log.name) == (node.name, SYSTEM)), None)
    if at is None:
        return 0
    log = state.logs[at]
    time = simulation.setting.start - 20 * _DAY
    added = []
    for index in range(rng.randint(5, 30)):
        key, strings = ("log_started", ()) if index == 0 else ("service_state", ("Windows Installer", "running"))
        added.append(state.invent(node, key, time, strings, computer=SETUP_NAME))
        time += rng.randint(1, 600) * TICKS
    first = max(1, log.lines[0].number - len(added))
    closed = None if log.closed_after is None else log.closed_after + len(added)
    state.logs[at] = replace(_numbered(log, [*added, *(line.entry for line in log.lines)], first), closed_after=closed)
    return len(added)


def _copies_dropped(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """Entries that were never copied to the other node: they took no number there."""
    share = rng.uniform(0.1, 0.6)
    dropped = 0
    for at, log in enumerate(state.logs):
        kept = [e for _, e in log.lines if e.node == log.owner or rng.random() >= share]
        dropped += len(log.lines) - len(kept)
        closed = None if log.closed_after is None else min(log.closed_after, len(kept))
        state.logs[at] = replace(_numbered(log, kept, log.lines[0].number), closed_after=closed)
    return [{"share": round(share, 3), "entries": dropped}]


def _wrapped(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """The oldest part of a log was overwritten long ago."""
    told = []
    for at in state.some(rng, 3):
        log = state.logs[at]
        count = int(len(log.lines) * rng.uniform(0.2, 0.7))
        state.logs[at] = _without_oldest(log, count)
        told.append({"log": log.path, "entries": count})
    return told


def _cleared(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """A log was cleared: nothing from before, and on Server 2003 numbers begin anew (on 2008 in one of two cases)."""
    told = []
    for at in state.some(rng):
        log = state.logs[at]
        count = int(len(log.lines) * rng.uniform(0.2, 0.7))
        left = _without_oldest(log, count)
        if log.system == "2003" or rng.random() < 0.5:
            left = _numbered(left, [line.entry for line in left.lines], 1)
        state.logs[at] = left
        told.append({"log": log.path, "entries": count})
    return told


def _gap(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """A part in the middle of a log is lost."""
    told = []
    for at in state.some(rng):
        log = state.logs[at]
        count = int(len(log.lines) * rng.uniform(0.1, 0.5))
        start = rng.randint(5, len(log.lines) - count - 5)
        closed = log.closed_after
        if closed is not None:
            closed = start + max(0, closed - start - count) if closed > start else closed
        kept = (*log.lines[:start], *log.lines[start + count :])
        state.logs[at] = replace(log, lines=kept, closed_after=closed)
        numbers = [log.lines[start].number, log.lines[start + count - 1].number]
        told.append({"log": log.path, "entries": count, "numbers": numbers})
    return told


def _torn(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """A file was cut: its newest part is missing, and it ends within a record."""
    told = []
    for at in state.some(rng):
        log = state.logs[at]
        kept = int(len(log.lines) * rng.uniform(0.4, 0.9))
        state.logs[at] = replace(log, lines=log.lines[:kept], torn=log.lines[kept])
        told.append({"log": log.path, "entries": len(log.lines) - kept})
    return told


def _saved_twice(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """A log is there twice: as saved at some time, and as it was at the end, from some number on."""
    told = []
    for at in state.some(rng):
        log = state.logs[at]
        until = int(len(log.lines) * rng.uniform(0.4, 0.8))
        since = rng.choice((0, int(until * rng.uniform(0.1, 0.9))))
        folder, _, name = log.path.rpartition("/")
        saved = replace(log, path=f"{folder}/Saved/{name}", lines=log.lines[:until], closed_after=None, torn=None)
        state.logs.append(saved)
        state.logs[at] = _without_oldest(log, since)
        told.append({"log": log.path, "saved": saved.path, "both": until - since})
    return told


def _saved_and_cleared(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """A log was saved and cleared: nothing is lost, but numbers may begin anew in the second file (as in `cleared`)."""
    told = []
    for at in state.some(rng):
        log = state.logs[at]
        count = int(len(log.lines) * rng.uniform(0.2, 0.8))
        folder, _, name = log.path.rpartition("/")
        saved = replace(log, path=f"{folder}/Cleared/{name}", lines=log.lines[:count], closed_after=None, torn=None)
        left = _without_oldest(log, count)
        if log.system == "2003" or rng.random() < 0.5:
            left = _numbered(left, [line.entry for line in left.lines], 1)
        state.logs[at] = left
        state.logs.append(saved)
        told.append({"log": log.path, "saved": saved.path, "entries": count})
    return told


def _no_system_log(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """One node's System log is missing, or both; on Server 2008 the cluster's own log may be missing with it."""
    nodes = rng.choice([[name] for name in state.nodes] + [state.nodes])
    names = {SYSTEM, OPERATIONAL} if rng.random() < 0.5 else {SYSTEM}
    gone = [log for log in state.logs if log.owner in nodes and log.name in names]
    state.logs = [log for log in state.logs if log not in gone]
    return [{"log": log.path, "entries": len(log.lines)} for log in gone]


def _no_log(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """One log is missing, whichever."""
    gone = state.logs.pop(rng.randrange(len(state.logs))) if len(state.logs) > 1 else None
    return [{"log": gone.path, "entries": len(gone.lines)}] if gone else []


def _one_node(state: Degrading, rng: Random) -> list[dict[str, Any]]:
    """Nobody collected anything from the other node."""
    node = rng.choice(state.nodes)
    state.nodes = [node]
    state.logs = [log for log in state.logs if log.owner == node]
    return [{"node": node}]


DEGRADATIONS: dict[str, Callable[[Degrading, Random], list[dict[str, Any]]]] = {
    "stray": _stray,
    "alias": _alias,
    "copies-dropped": _copies_dropped,
    "wrapped": _wrapped,
    "cleared": _cleared,
    "gap": _gap,
    "torn": _torn,
    "saved-and-cleared": _saved_and_cleared,
    "saved-twice": _saved_twice,
    "no-system-log": _no_system_log,
    "no-log": _no_log,
    "one-node": _one_node,
}
