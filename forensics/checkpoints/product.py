"""Whether the product is on a node at the end of the evidence, from what its events say. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forensics.observations import Observation
    from forensics.profile import Profile

_INSTALLED: Final = frozenset({Claim.INSTALL, Claim.RECONFIGURED, Claim.UPDATED})
# What only the product itself logs, so that it was there.
_ALIVE: Final = frozenset({Claim.FORCED_SYNC, Claim.COPY_SKIPPED, Claim.SEEDING_COMPLETE})
_REFERENCES: Final = 4


class Presence(NamedTuple):
    """What is known of the product on one node.

    Attributes:
        present: None where the evidence does not tell.
        raw: FILETIME of what tells it, by the node's own clock.
        evidence: references.
        why: a clause that completes "the product ... on NODE", such as "was removed at ...".
    """

    present: bool | None
    raw: int | None = None
    evidence: tuple[str, ...] = ()
    why: str = "is not known to be there or not"


UNKNOWN: Final = Presence(None)


def presence_by_events(observations: Iterable[Observation], profile: Profile) -> Mapping[str, Presence]:
    """By node whether the last word of its events is an installation or a removal; other nodes are left out.

    A removal that failed removes nothing, an installation that failed installs nothing. What the product's own service
    logs after a removal says that it is there again.
    """
    last: dict[str, list[Observation]] = defaultdict(list)
    for one in observations:
        if one.claim in _ALIVE or (
            one.claim in _INSTALLED | {Claim.REMOVAL} and one.object and profile.is_product(one.object)
        ):
            last[one.node].append(one)
    found = {}
    for node, ones in last.items():
        ones.sort(key=lambda one: (one.raw, one.claim in _ALIVE, one.number or 0))
        final = ones[-1]
        removed = final.claim is Claim.REMOVAL
        alike = [one for one in reversed(ones) if (one.claim is Claim.REMOVAL) == removed]
        if removed:
            # One removal is logged by more than one event; an earlier one, before another installation, is none of it.
            installed = max((one.raw for one in ones if one.claim is not Claim.REMOVAL), default=0)
            alike = [one for one in alike if one.raw >= installed]
            why = f"was removed at {iso_utc(final.raw)}"
        elif final.claim in _ALIVE:
            why = f"was at work at {iso_utc(final.raw)}"
        else:
            why = f"was installed at {iso_utc(final.raw)}"
        references = tuple(one.reference for one in alike[:_REFERENCES])
        found[node] = Presence(not removed, final.raw, references, why)
    return found
