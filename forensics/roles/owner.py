"""Who owned the group between any two signs: the cheapest explanation of all signs together.

The hidden state is the owner: one of the nodes, or nobody. A sign that does not fit the state around it costs its
weight; a change of owner costs little where a sign explains it, more where nothing does. The cheapest path is found by
dynamic programming (Viterbi, min-sum), and how much dearer the best other answer is (min-marginals) says how clear the
answer is. One owner at a time is not a cost but the shape of the state: the rule of the cluster cannot be broken, only
signs can be disbelieved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from forensics.claims import PASSIVE_CLAIMS, Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from forensics.roles.signs import Sign

NOBODY: Final = 0
_Step = list[list[float]]
_UNEXPLAINED: Final = 7.0  # a change that no sign speaks of, where the log would have told
_UNSEEN: Final = 2.0  # the same where the log has a hole, or the sign of the other half is there
_IMPLIED: Final = 0.5
_TAKEN_OVER: Final = 4.0  # somebody else begins, and the end of the one before is missing from a log that is whole


@dataclass(frozen=True, slots=True)
class Ownership:
    """The cheapest explanation of n signs: n + 1 stretches, before the first sign, between any two, behind the last.

    Attributes:
        owners: owner of each stretch: 0 for nobody, else 1 + index of the node.
        excess: for each stretch, by owner (0: nobody), how much more the best explanation with that owner there costs.
        misfits: for each sign what it costs as it stands: 0 for one that fits.
    """

    owners: list[int]
    excess: list[list[float]]
    misfits: list[float]

    def margin(self, stretch: int, owner: int, *, held: bool) -> float:
        """How much dearer it is that `owner` was not the owner in a stretch (`held`), or that it was."""
        excess = self.excess[stretch]
        return min(cost for state, cost in enumerate(excess) if state != owner) if held else excess[owner]


def find_owners(signs: Sequence[Sign], nodes: Sequence[str], told: Callable[[str, int, int], bool]) -> Ownership:
    """The cheapest explanation of `signs`.

    Args:
        signs: in their order.
        nodes: sorted names.
        told: whether the logs of a node would tell of every change between two moments of the common time line.

    Time and memory grow with signs times nodes squared.
    """
    index = {name: number for number, name in enumerate(nodes, start=1)}
    states = range(len(nodes) + 1)
    forward = [[0.0] * len(states)]
    came_from: list[list[int]] = []
    steps: list[_Step] = []
    known: dict[tuple[Claim, float, int, tuple[bool, ...]], _Step] = {}
    for at, sign in enumerate(signs):
        until = signs[at + 1].time if at + 1 < len(signs) else sign.time
        key = sign.claim, sign.weight, index[sign.node], tuple(told(node, sign.time, until) for node in nodes)
        step = known.get(key)
        if step is None:
            step = known[key] = _step(*key)
        costs, origins = [], []
        last = forward[-1]
        for after in states:
            origin = after  # of equal ways the one without a change
            for before in states:
                if last[before] + step[before][after] < last[origin] + step[origin][after]:
                    origin = before
            costs.append(last[origin] + step[origin][after])
            origins.append(origin)
        forward.append(costs)
        came_from.append(origins)
        steps.append(step)
    backward = [[0.0] * len(states) for _ in forward]
    for at in range(len(signs) - 1, -1, -1):
        later, step = backward[at + 1], steps[at]
        backward[at] = [min(step[before][after] + later[after] for after in states) for before in states]
    owners = _path(forward[-1], came_from)
    best = min(forward[-1])
    excess = [[a + b - best for a, b in zip(f, b, strict=True)] for f, b in zip(forward, backward, strict=True)]
    misfits = [
        _misfit(sign.claim, sign.weight, index[sign.node], owners[at], owners[at + 1]) for at, sign in enumerate(signs)
    ]
    return Ownership(owners, excess, misfits)


def _path(last: list[float], came_from: list[list[int]]) -> list[int]:
    owner = min(range(len(last)), key=lambda state: last[state])
    owners = [owner]
    for origins in reversed(came_from):
        owner = origins[owner]
        owners.append(owner)
    return owners[::-1]


def _step(claim: Claim, weight: float, node: int, told: tuple[bool, ...]) -> _Step:
    """Cost of every (owner before, owner after) at a sign; `told` is by node."""
    states = range(len(told) + 1)
    return [
        [_misfit(claim, weight, node, before, after) + _change(claim, node, before, after, told) for after in states]
        for before in states
    ]


def _misfit(claim: Claim, weight: float, node: int, before: int, after: int) -> float:
    """What it costs that a sign of `node` stands between these two owners."""
    share_before, share_after = _SHARES.get(claim, _NO_SHARES)
    return weight * (share_before[_relation(before, node)] + share_after[_relation(after, node)])


def _relation(owner: int, node: int) -> int:
    """How an owner stands to the node of a sign: 0 the node itself, 1 another node, 2 nobody."""
    return 0 if owner == node else 2 if owner == NOBODY else 1


# Shares of a sign's weight, for the owner before it and behind it: (the node itself, another node, nobody).
_Shares = tuple[tuple[float, float, float], tuple[float, float, float]]
_NO_SHARES: Final[_Shares] = ((0, 0, 0), (0, 0, 0))
_PASSIVE: Final[_Shares] = ((0.5, 0, 0), (0.5, 0, 0))
_SHARES: Final[dict[Claim, _Shares]] = {
    # A group that comes online here was online neither here nor elsewhere just before.
    Claim.GROUP_COMING_ONLINE: ((0.25, 0.25, 0), (0.02, 0.75, 0)),
    Claim.GROUP_ONLINE: ((0.1, 0.25, 0), (0, 1, 1)),
    # It is still active while it goes offline.
    Claim.GROUP_GOING_OFFLINE: ((0, 0.75, 0.5), (0, 0.5, 0.02)),
    Claim.GROUP_OFFLINE: ((0, 0.75, 0.05), (1, 0.5, 0)),
    Claim.GROUP_FAILED: ((0, 0.25, 0), (0.25, 0.25, 0)),
    # A database is started while its group comes online, so nobody may be the owner yet.
    Claim.ACTIVE: ((0, 0.25, 0), (0, 0.75, 0.15)),
    Claim.ACTIVE_ENDED: ((0, 0.75, 0.15), (0.25, 0.25, 0)),
    **dict.fromkeys(PASSIVE_CLAIMS, _PASSIVE),
    # What is down holds no group; what starts held none.
    Claim.SHUTDOWN: ((0, 0, 0), (2, 0, 0)),
    Claim.DOWN: ((0, 0, 0), (2, 0, 0)),
    Claim.NODE_REMOVED: ((0, 0, 0), (1.5, 0, 0)),
    Claim.BOOT: ((0, 0, 0), (1, 0, 0)),
    Claim.FORMED: ((0.25, 0, 0), (0.5, 0, 0)),
    Claim.JOINED: ((0.25, 0, 0), (0.5, 0, 0)),
}

# What the end of an ownership costs at a sign of the owner: where its logs would tell of every change, and elsewhere.
_ENDS: Final[dict[Claim, tuple[float, float]]] = {
    Claim.GROUP_OFFLINE: (0.0, 0.0),
    Claim.SHUTDOWN: (0.0, 0.0),
    Claim.DOWN: (0.0, 0.0),
    Claim.NODE_REMOVED: (0.0, 0.0),
    Claim.GROUP_GOING_OFFLINE: (_IMPLIED, _IMPLIED),
    Claim.BOOT: (_IMPLIED, _IMPLIED),  # it stopped without a word
    Claim.GROUP_FAILED: (_UNSEEN, _UNSEEN),
    Claim.ACTIVE_ENDED: (3.0, _IMPLIED),
    Claim.GROUP_COMING_ONLINE: (_UNSEEN, _UNSEEN),
    Claim.JOINED: (_UNSEEN, _UNSEEN),
    Claim.FORMED: (_UNSEEN, _UNSEEN),
}
_BEGINS: Final[dict[Claim, tuple[float, float]]] = {Claim.GROUP_ONLINE: (0.0, 0.0), Claim.ACTIVE: (1.0, _IMPLIED)}
_TAKES_OVER: Final = frozenset({Claim.GROUP_COMING_ONLINE, Claim.GROUP_ONLINE, Claim.ACTIVE})


def _change(claim: Claim, node: int, before: int, after: int, told: tuple[bool, ...]) -> float:
    """What a change of owner costs at a sign of `node`, or unseen in the stretch behind it."""
    if before == after:
        return 0.0
    cost = 0.0
    if before != NOBODY:
        hidden = not told[before - 1]
        unseen = _UNSEEN if hidden else _UNEXPLAINED
        if before == node:
            cost += min(_ENDS[claim][hidden] if claim in _ENDS else unseen, unseen)
        else:
            cost += min(unseen, _TAKEN_OVER if claim in _TAKES_OVER else _UNEXPLAINED)
    if after != NOBODY:
        hidden = not told[after - 1]
        unseen = _UNSEEN if hidden else _UNEXPLAINED
        cost += min(_BEGINS[claim][hidden], unseen) if after == node and claim in _BEGINS else unseen
    return cost
