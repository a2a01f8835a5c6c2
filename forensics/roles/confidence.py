"""How sure a conclusion on roles is: the contract's words, by stated rules.

- `certain`: at least two independent kinds of evidence say it, nothing speaks against it, every other explanation is
  clearly dearer, the clocks concerned are bounded, and no log has a hole where a change could hide.
- `probable`: it is the best explanation by a clear margin.
- `possible`: another explanation is nearly as good, or it rests on weak or unverified knowledge alone.

Kinds are independent when another program says it, or the same program on another machine: the cluster service, the
store, Exchange's replication, Forefront's replication and the machine itself are five kinds on each node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.claims import GROUP_CLAIMS, Claim
from forensics.roles.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.roles.signs import Sign

CLEAR: Final = 3.0
"""Margin from which every other explanation is clearly dearer."""

BARELY: Final = 1.0
"""Margin below which another explanation is nearly as good."""

LISTED: Final = 12
"""How many references a conclusion names at most: the first ones, the last ones, one of each kind."""

MISFIT: Final = 2.0
"""Cost from which a sign speaks against the conclusion around it."""

_STORE: Final = frozenset({Claim.ACTIVE, Claim.ACTIVE_ENDED})
_FOREFRONT: Final = frozenset({Claim.FORCED_SYNC, Claim.COPY_SKIPPED, Claim.SEEDING_COMPLETE})
_EXCHANGE: Final = frozenset({Claim.HANDOFF, Claim.PASSIVE})


def kind_of(sign: Sign) -> tuple[str, str]:
    """The kind of evidence that a sign is: (which program, on which machine)."""
    claim = sign.claim
    if claim in GROUP_CLAIMS or claim in {Claim.NODE_REMOVED, Claim.JOINED, Claim.FORMED, Claim.DOWN}:
        program = "cluster"
    elif claim in _STORE:
        program = "store"
    elif claim in _EXCHANGE:
        program = "exchange replication"
    elif claim in _FOREFRONT:
        program = "forefront replication"
    else:
        program = sign.observation.source.casefold()
    return program, sign.observation.node


def judge(
    supporting: Iterable[Sign],
    against: Sequence[Sign],
    margin: float,
    *,
    whole: bool,
    at_most: Confidence | None = None,
) -> Confidence:
    """The word for a conclusion.

    Args:
        supporting: signs that say it.
        against: signs that speak against it.
        margin: how much dearer the best other explanation is.
        whole: whether clocks are bounded and logs have no hole where it matters.
        at_most: a cap from elsewhere.
    """
    solid = [sign for sign in supporting if sign.observation.strong and sign.observation.mark != "unverified"]
    kinds = {kind_of(sign) for sign in supporting if sign.observation.mark != "unverified"}
    if (not solid and len(kinds) < 2) or margin < BARELY:
        word = Confidence.POSSIBLE
    elif len(kinds) >= 2 and solid and not against and margin >= CLEAR and whole:
        word = Confidence.CERTAIN
    else:
        word = Confidence.PROBABLE
    return weaker(word, at_most) if at_most is not None else word


def weaker(one: Confidence, other: Confidence) -> Confidence:
    """The less sure of two words."""
    order = (Confidence.CERTAIN, Confidence.PROBABLE, Confidence.POSSIBLE)
    return max(one, other, key=order.index)


def references(signs: Iterable[Sign]) -> tuple[str, ...]:
    """References of the signs that a reader should look at, in order of time, without repetition."""
    ordered = sorted(set(signs), key=lambda sign: (sign.time, sign.observation.event))
    if len(ordered) > LISTED:
        chosen = {*ordered[:4], *ordered[-4:]}
        seen = {kind_of(sign) for sign in chosen}
        for sign in ordered:
            if kind_of(sign) not in seen and len(chosen) < LISTED:
                seen.add(kind_of(sign))
                chosen.add(sign)
        ordered = [sign for sign in ordered if sign in chosen]
    named = [(sign.reference, sign.observation.learned) for sign in ordered]
    return tuple(dict.fromkeys(name for pair in named for name in pair if name is not None))
