"""Which computer names are nodes, and which only look like it.

Names of the clustered mailbox server and of the cluster stand in Computer fields, and so does the name that a machine
had during its setup. A node is what has a log of its own, or what logs as the cluster service of a machine. A name that
is only seen with entries of the store is a node where no other can be it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from forensics.claims import GROUP_CLAIMS, ROLE_CLAIMS, Claim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from forensics.gather_logs import Appearance
    from forensics.observations import Observation

# What only the cluster service logs, under the machine's name.
_CLUSTER: Final = GROUP_CLAIMS | {
    Claim.FORMED,
    Claim.JOINED,
    Claim.DOWN,
    Claim.NODE_REMOVED,
    Claim.TIME_DIFFERENCE,
    Claim.COPIES_DROPPED,
}
# What only a machine logs: a network name of the cluster never boots.
_MACHINE: Final = frozenset({Claim.BOOT, Claim.SHUTDOWN, Claim.FORMED, Claim.JOINED})

_STORE: Final = frozenset({Claim.ACTIVE, Claim.ACTIVE_ENDED})

# A mailbox server of this kind has two nodes: where both are known, a further name that only its store uses is its own.
_NODES: Final = 2

Appearances = dict[str, "Appearance"]


def names(
    observations: Sequence[Observation],
    logs: Iterable[Appearances],
    owners: Mapping[str, Sequence[str]],
    unnamed: Collection[str],
) -> tuple[dict[str, tuple[int, int]], tuple[str, ...]]:
    """The nodes with the raw FILETIMEs of their first and last event, and the aliases; both sorted.

    Args:
        observations: of all computers.
        logs: for each log of each file the records of every computer, copies left out.
        owners: names that logs belong to because the analyst or their events say so, with the paths of these files.
        unnamed: names that were made for evidence of which nothing is known: neither, unless they claim a role.
    """
    logs = list(logs)
    spans: dict[str, list[int]] = {}
    for found in logs:
        for name, seen in found.items():
            _widen(spans, name, seen.low, seen.high)
    claims: dict[str, set[Claim]] = defaultdict(set)
    groups = set()
    for one in observations:
        claims[one.node].add(one.claim)
        # A record found outside of its log counts, too: it was the node's.
        _widen(spans, one.node, one.raw, one.raw)
        if one.claim in GROUP_CLAIMS and one.object:
            groups.add(one.object.upper())
    stores = _stores(claims)
    sure = set(owners) - _setup_names(logs, spans) - _before_others(owners, spans) - stores
    nodes = {name for name in spans if _is_node(name, claims[name], set(owners) - stores, sure, groups)}
    doubtful = {name for name in spans if name not in groups and not claims[name].isdisjoint(ROLE_CLAIMS)} - nodes
    if len(nodes) < _NODES:
        nodes |= doubtful - _among_others(observations, doubtful)
    known = {name: (low, high) for name, (low, high) in sorted(spans.items()) if name in nodes}
    return known, tuple(sorted(set(spans) - nodes - set(unnamed)))


def _is_node(
    name: str, claims: Collection[Claim], owners: Collection[str], sure: Collection[str], groups: Collection[str]
) -> bool:
    """Whether a name is a node's, by itself; `sure` are the owners but for names of a setup."""
    if name in groups:
        return name in owners and not _MACHINE.isdisjoint(claims)
    if not _CLUSTER.isdisjoint(claims) or name in sure:
        return True
    return name in owners and not ROLE_CLAIMS.isdisjoint(claims)


def _stores(claims: Mapping[str, Collection[Claim]]) -> set[str]:
    """Names that only the store uses, where two machines are known that log as nodes of the cluster.

    A quiet node's Application log can hold more entries under the mailbox server's name than under its own.
    """
    machines = sum(not _CLUSTER.isdisjoint(found) for found in claims.values())
    return {name for name, found in claims.items() if found and set(found) <= _STORE} if machines >= _NODES else set()


def _among_others(observations: Sequence[Observation], doubtful: Collection[str]) -> set[str]:
    """The names of which most entries of the store stand alone among those of another computer in one log.

    A store runs on one node for hours, and then on the other one; under the name of the mailbox server an entry comes
    now and then.
    """
    if not doubtful:
        return set()
    logs: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for one in observations:
        if one.claim is Claim.ACTIVE:
            logs[one.log].append((one.raw if one.number is None else one.number, one.node))
    alone: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for entries in logs.values():
        in_order = [name for _, name in sorted(entries)]
        for at, name in enumerate(in_order):
            if name in doubtful:
                count[name] += 1
                beside = in_order[max(0, at - 1) : at] + in_order[at + 1 : at + 2]
                alone[name] += bool(beside) and name not in beside
    return {name for name in count if 2 * alone[name] > count[name]}


def _widen(spans: dict[str, list[int]], name: str, low: int, high: int) -> None:
    known = spans.get(name)
    if known is None:
        spans[name] = [low, high]
        return
    known[0] = min(known[0], low)
    known[1] = max(known[1], high)


def _before_others(owners: Mapping[str, Sequence[str]], spans: Mapping[str, Sequence[int]]) -> set[str]:
    """Names of which every log lies in a folder called after another owner, and ends before that one's first event.

    A log that was saved and cleared right after the setup has no other name in it.
    """
    found = set()
    for name, paths in owners.items():
        homes = [set(path.upper().split("/")[:-1]) & set(owners) - {name} for path in paths]
        after = set.intersection(*homes) if homes else set()
        if name in spans and any(other in spans and spans[name][1] <= spans[other][0] for other in after):
            found.add(name)
    return found


def _setup_names(logs: Iterable[Appearances], spans: dict[str, list[int]]) -> set[str]:
    """Names that a machine had before it got its own: a log goes on from them under another name.

    Such a name never stands among the records of another one, and has no record after the next name's first.
    """
    before: dict[str, set[str]] = defaultdict(set)
    mixed = set()
    for found in logs:
        numbered = sorted(
            (seen.first, seen.last, name)
            for name, seen in found.items()
            if seen.first is not None and seen.last is not None
        )
        reached = -1
        for at, (first, last, name) in enumerate(numbered):
            following = numbered[at + 1] if at + 1 < len(numbered) else None
            if first <= reached or (following is not None and following[0] <= last):
                mixed.add(name)
            elif following is not None:
                before[name].add(following[2])
            reached = max(reached, last)
    return {
        name
        for name, followers in before.items()
        if name not in mixed and all(spans[name][1] <= spans[other][0] for other in followers)
    }
