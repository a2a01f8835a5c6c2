"""Which computer names are nodes, and which only look like it.

Names of the clustered mailbox server and of the cluster stand in Computer fields, and so does the name that a machine
had during its setup. A node is what claims roles or is a member of the cluster, or what has a log of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from forensics.claims import GROUP_CLAIMS, ROLE_CLAIMS, Claim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from forensics.gather_logs import Appearance
    from forensics.observations import Observation

_MEMBERSHIP: Final = frozenset(
    {Claim.FORMED, Claim.JOINED, Claim.DOWN, Claim.NODE_REMOVED, Claim.TIME_DIFFERENCE, Claim.COPIES_DROPPED}
)
# What only a machine logs: a network name of the cluster never boots.
_MACHINE: Final = frozenset({Claim.BOOT, Claim.SHUTDOWN, Claim.FORMED, Claim.JOINED})

Appearances = dict[str, "Appearance"]


def names(
    observations: Sequence[Observation],
    logs: Iterable[Appearances],
    owners: Collection[str],
    unnamed: Collection[str],
) -> tuple[dict[str, tuple[int, int]], tuple[str, ...]]:
    """The nodes with the raw FILETIMEs of their first and last event, and the aliases; both sorted.

    Args:
        observations: of all computers.
        logs: for each log of each file the records of every computer, copies left out.
        owners: names that logs belong to because the analyst or most of their events say so.
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
    setup = _setup_names(logs, spans)
    nodes, aliases = {}, []
    for name, (low, high) in sorted(spans.items()):
        claimed = not claims[name].isdisjoint(ROLE_CLAIMS | _MEMBERSHIP)
        if name in groups:
            is_node = name in owners and not claims[name].isdisjoint(_MACHINE)
        elif name in owners:
            is_node = claimed or name not in setup
        else:
            is_node = claimed
        if is_node:
            nodes[name] = (low, high)
        elif name not in unnamed:
            aliases.append(name)
    return nodes, tuple(aliases)


def _widen(spans: dict[str, list[int]], name: str, low: int, high: int) -> None:
    known = spans.get(name)
    if known is None:
        spans[name] = [low, high]
        return
    known[0] = min(known[0], low)
    known[1] = max(known[1], high)


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
