"""Which cluster groups the evidence knows, and which of them is the clustered mailbox server's."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import GROUP_CLAIMS, Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.observations import Observation

# `Exchange Information Store Instance (CMS1)`: the resource of the store carries the mailbox server's name.
_RESOURCE: Final = re.compile(r"\((?P<name>[^()]{1,64})\)\s*$")


class Choice(NamedTuple):
    """The mailbox server's group: its name, whether the evidence tells it from the others, and the reason."""

    group: str | None
    why: str
    sure: bool = True


def group_names(observations: Iterable[Observation]) -> list[str]:
    """Every group that events name, sorted; of names that differ only in case the most frequent spelling."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for one in observations:
        if one.claim in GROUP_CLAIMS and one.object:
            spellings[one.object.casefold()][one.object] += 1
    return sorted(min(found, key=lambda name: (-found[name], name)) for found in spellings.values())


def mailbox_group(observations: Sequence[Observation], well_known: Iterable[str]) -> Choice:
    """The group of the clustered mailbox server, told by where databases start, by resource names, else by elimination.

    The well-known groups move on their own and are never it.
    """
    apart = {name.casefold() for name in well_known}
    candidates = [name for name in group_names(observations) if name.casefold() not in apart]
    if not candidates:
        return Choice(None, "No event names a group that could be the mailbox server's.", sure=False)
    scores = _scores(observations, candidates)
    best = min(candidates, key=lambda name: (-scores[name], name))
    tied = [name for name in candidates if scores[name] == scores[best]]
    if len(candidates) == 1:
        return Choice(best, f"{best} is the only group beside the well-known ones.")
    if scores[best] > 0 and len(tied) == 1:
        return Choice(best, f"{best} is the group with which databases start, or that the store's resource names.")
    others = ", ".join(name for name in tied if name != best)
    return Choice(best, f"Nothing tells {best} from {others}: name the group that you mean.", sure=False)


def _scores(observations: Sequence[Observation], candidates: Sequence[str]) -> dict[str, int]:
    """For each candidate how many databases started while it came online, and how often a store's resource names it."""
    scores = dict.fromkeys(candidates, 0)
    folded = {name.casefold(): name for name in candidates}
    coming: dict[str, dict[str, int]] = defaultdict(dict)
    for one in sorted(observations, key=lambda one: (one.node, one.raw, one.claim != Claim.GROUP_COMING_ONLINE)):
        name = folded.get((one.object or "").casefold())
        if one.claim in {Claim.GROUP_COMING_ONLINE, Claim.GROUP_ONLINE} and name:
            coming[one.node][name] = one.raw
        elif one.claim is Claim.ACTIVE and one.strong:
            for group, raw in coming[one.node].items():
                scores[group] += one.raw - raw <= 300 * 10_000_000
        elif one.claim in {Claim.RESOURCE_FAILED, Claim.CHECKPOINT_FAILURE} and one.object:
            found = _RESOURCE.search(one.object[-200:])
            group_named = folded.get(found["name"].casefold()) if found else None
            if group_named and "exchange" in one.object.casefold():
                scores[group_named] += 10
    return scores
