"""A failover cluster without Exchange: three or four nodes, several groups that move, nodes that restart and crash.

    build_cluster(ClusterSetting("cluster", "2008", seed=1))

Evidence is the logs alone, below `<node>/Logs/`. The truth has `schema`, `system`, `seed`, `start`, `end`, `cluster`,
`nodes`, `clock_steps`, `copy_times`, `transitions`, `group_restarts` and `outages` as the truth of an incident has
them, `groups`: their names, and `online`: `group`, `node`, `start`, `end` of every time from the moment at which a
group was online until it was offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from samples.incident import noise
from samples.incident.built import Built
from samples.incident.clock import TICKS, iso
from samples.incident.cluster import Cluster
from samples.incident.logs import logs_of
from samples.incident.setting import SYSTEMS, ClockStep, Rules
from samples.incident.truth import happened
from samples.incident.world import WELL_KNOWN_GROUPS, Group, Node

SCHEMA = 1
HOUR = 3600


@dataclass(frozen=True, slots=True)
class ClusterSetting(Rules):
    """Everything that such a cluster is made from.

    Attributes:
        groups: groups beside the well-known ones.
        hours: how long it runs.
        moves: moves of groups, each of one by chance.
        restarts: clean restarts of nodes by chance.
        crashes: nodes by chance that stop dead.
    """

    node_names: tuple[str, ...] = ("NODE1", "NODE2", "NODE3")
    groups: tuple[str, ...] = ("SQL Server (PROD)", "FileServer1", "Print")
    hours: float = 24
    moves: int = 12
    restarts: int = 2
    crashes: int = 1


class GroupCluster(Cluster[ClusterSetting]):
    """The cluster, which notes when each group is online where."""

    def __init__(self, setting: ClusterSetting) -> None:
        super().__init__(setting, (*WELL_KNOWN_GROUPS, *setting.groups))
        self.online: list[tuple[str, str, int, int | None]] = []
        self.add_machines()

    def on_online(self, group: Group, node: Node) -> None:
        """A time begins."""
        self.online.append((group.name, node.name, self.now, None))

    def on_left(self, group: Group, source: Node) -> None:
        """A time ends."""
        self._end(source, group.name)

    def on_down(self, node: Node) -> None:
        """The times of all its groups end."""
        self._end(node)

    def _end(self, node: Node, group: str | None = None) -> None:
        for at, (name, place, start, end) in enumerate(self.online):
            if end is None and place == node.name and group in {None, name}:
                self.online[at] = (name, place, start, self.now)


def build_cluster(setting: ClusterSetting) -> Built[ClusterSetting]:
    """Play a cluster."""
    cluster = GroupCluster(setting)
    rng = cluster.rng
    nodes = list(cluster.nodes.values())
    for index, node in enumerate(nodes):
        cluster.after(index * 120, cluster.boot, node)
    end = (setting.hours - 0.5) * HOUR
    for _ in range(setting.moves):
        cluster.between(HOUR, end, cluster.move, rng.choice(sorted(cluster.groups)), rng.choice(nodes).name)
    for _ in range(setting.restarts):
        cluster.between(HOUR, end, cluster.restart, rng.choice(nodes))
    for _ in range(setting.crashes):
        cluster.between(HOUR, end, cluster.crash, rng.choice(nodes))
    noise.start_system(cluster)
    cluster.run(setting.start + int(setting.hours * HOUR * TICKS))
    return Built(cluster, logs_of(cluster), setting.node_names, lambda: _truth(cluster))


def _truth(cluster: GroupCluster) -> dict[str, Any]:
    setting = cluster.setting
    return {
        "schema": SCHEMA,
        "system": setting.system,
        "seed": setting.seed,
        "cluster": setting.cluster,
        "groups": sorted(cluster.groups),
        **happened(cluster),
        "online": [
            {"group": group, "node": node, "start": iso(start), "end": iso(cluster.now if end is None else end)}
            for group, node, start, end in cluster.online
        ],
    }


def random_cluster(seed: int) -> Built[ClusterSetting]:
    """The cluster of a seed: three or four nodes, two to five groups, clocks off and set."""
    rng = Random(f"cluster/{seed}")
    count = rng.choice((3, 4))
    names = rng.choice((("NODE1", "NODE2", "NODE3", "NODE4"), ("HV-D", "HV-B", "HV-A", "HV-C")))[:count]
    groups = ("SQL Server (PROD)", "FileServer1", "Print", "DTC", "Virtual Machine web01")[: rng.randint(2, 5)]
    steps = [
        ClockStep(round(rng.uniform(1, 23), 3), rng.randrange(count), round(rng.uniform(-400, 400), 2))
        for _ in range(rng.choice((0, 0, 1, 2)))
    ]
    return build_cluster(
        ClusterSetting(
            "cluster",
            rng.choice(SYSTEMS),
            seed,
            node_names=names,
            groups=groups,
            skew_seconds=rng.choice((0, 20, 300)),
            noise_seconds=rng.choice((1500, 5000)),
            clock_steps=tuple(sorted(steps)),
            moves=rng.randint(3, 30),
            restarts=rng.randint(0, 4),
            crashes=rng.randint(0, 3),
        )
    )
