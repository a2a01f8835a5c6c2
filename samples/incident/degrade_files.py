"""What files and backup sets suffer in the evidence: sets that are missing or cut short, folders that nobody collected.

As in `degrade`: each kind says what it did, is applied in the order of `FILE_DEGRADATIONS`, and has chances of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from samples.incident.evidence import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from samples.incident.backups import BackupSet
    from samples.incident.logs import Log
    from samples.incident.simulation import Simulation


@dataclass
class FilesLeft:
    """What is left of files: paths that are gone, paths that are there without content, logs that there are."""

    simulation: Simulation
    nodes: Sequence[str]
    logs: list[Log]
    gone: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)

    def left(self, item: Item) -> Item | None:
        """What is left of a file or folder; None: nothing."""
        if item.path in self.gone:
            return None
        return Item(item.path, item.modified, b"") if item.path in self.emptied else item

    def sets(self) -> list[BackupSet]:
        """The backup sets that still have all their files."""
        found = [backup for name in self.nodes for backup in self.simulation.nodes[name].backups]
        return [backup for backup in found if not (self.gone | self.emptied) & set(self.paths(backup))]

    def paths(self, backup: BackupSet) -> list[str]:
        """Paths of a set's files."""
        return [f"{backup.node}/Data/{backup.path(name)}" for name in sorted(backup.files)]

    def chosen(self, rng: Random) -> list[BackupSet]:
        """One or more of the sets, now and then all."""
        sets = self.sets()
        count = len(sets) if rng.random() < 0.15 else rng.randint(1, max(1, len(sets) // 2))
        return rng.sample(sets, min(len(sets), count))


def degrade_files(
    simulation: Simulation, nodes: Sequence[str], logs: list[Log]
) -> tuple[FilesLeft, list[dict[str, Any]]]:
    """What is left, and what was done. KeyError for a kind that there is not."""
    setting = simulation.setting
    unknown = set(setting.degraded_files) - set(FILE_DEGRADATIONS)
    if unknown:
        raise KeyError(*sorted(unknown))
    state = FilesLeft(simulation, nodes, logs)
    done: list[dict[str, Any]] = []
    for kind, apply in FILE_DEGRADATIONS.items():
        if kind in setting.degraded_files:
            rng = Random(f"{kind}/{setting.scenario}/{setting.system}/{setting.seed}")
            done += [{"kind": kind, **told} for told in apply(state, rng)]
    return state, done


def _sets_missing(state: FilesLeft, rng: Random) -> list[dict[str, Any]]:
    """Sets were removed, folder and all."""
    told = []
    for backup in state.chosen(rng):
        state.gone |= set(state.paths(backup))
        if backup.folder:
            state.gone.add(f"{backup.node}/Data/{backup.folder}")
        told.append({"location": backup.location})
    return told


def _sets_cut(state: FilesLeft, rng: Random) -> list[dict[str, Any]]:
    """Files are missing in sets."""
    told = []
    for backup in state.chosen(rng):
        paths = state.paths(backup)
        lost = sorted(rng.sample(paths, rng.randint(1, max(1, len(paths) - 1))))
        state.gone |= set(lost)
        told.append({"location": backup.location, "paths": lost})
    return told


def _sets_emptied(state: FilesLeft, rng: Random) -> list[dict[str, Any]]:
    """Files of sets have no content, as after a disk was full."""
    told = []
    for backup in state.chosen(rng):
        paths = state.paths(backup)
        emptied = sorted(rng.sample(paths, rng.randint(1, len(paths))))
        state.emptied |= set(emptied)
        told.append({"location": backup.location, "paths": emptied})
    return told


def _no_live(state: FilesLeft, rng: Random) -> list[dict[str, Any]]:
    """Nobody collected one node's live files."""
    node = rng.choice(list(state.nodes))
    state.gone |= {f"{node}/Data/{name}" for name in state.simulation.nodes[node].files}
    return [{"node": node}]


def _no_logs(state: FilesLeft, rng: Random) -> list[dict[str, Any]]:
    """There is no log at all, of one node or of any."""
    owners = sorted({log.owner for log in state.logs})
    gone = owners if rng.random() < 0.6 or not owners else [rng.choice(owners)]
    state.logs = [log for log in state.logs if log.owner not in gone]
    return [{"nodes": gone}]


FILE_DEGRADATIONS: dict[str, Callable[[FilesLeft, Random], list[dict[str, Any]]]] = {
    "sets-missing": _sets_missing,
    "sets-cut": _sets_cut,
    "sets-emptied": _sets_emptied,
    "no-live": _no_live,
    "no-logs": _no_logs,
}
