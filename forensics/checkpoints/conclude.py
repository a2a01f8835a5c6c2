"""Which checkpoints there are, and which of them are stale: pure functions over records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.checkpoints.keys import product_keys, relative_key, same_key
from forensics.checkpoints.model import Checkpoint, CheckpointKind, Sighting
from forensics.checkpoints.product import UNKNOWN, Presence
from forensics.checkpoints.scripts import removal_command
from forensics.roles.model import Confidence
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.profile import Profile

_EVIDENCE_MAX: Final = 50
STALE: Final = True
NEEDED: Final = False


class _Verdict(NamedTuple):
    stale: bool | None
    confidence: Confidence
    why: str
    evidence: tuple[str, ...] = ()


def conclude_checkpoints(
    sightings: Iterable[Sighting], presence: Mapping[str, Presence], nodes: Sequence[str], profile: Profile
) -> tuple[Checkpoint, ...]:
    """One row for each checkpoint of each node whose evidence shows it, sorted by node, key, resource.

    Args:
        sightings: in any order.
        presence: by node what is known of the product there.
        nodes: those of the cluster, as far as they are known.
        profile: which keys the product configures.
    """
    ours = product_keys(profile)
    groups: dict[tuple[str, str, str, CheckpointKind], list[Sighting]] = defaultdict(list)
    for one in sightings:
        groups[one.node, same_key(one.key), (one.resource or "").casefold(), one.kind].append(one)
    found = []
    for number, (place, seen) in enumerate(sorted(groups.items()), start=1):
        node, key, _, kind = place
        seen.sort(key=lambda one: (one.raw or 0, one.reference))
        product = kind is CheckpointKind.REGISTRY and key in ours
        verdict = _verdict(node, seen, presence, nodes) if product else _not_ours(kind)
        checkpoint = Checkpoint(
            id=f"checkpoint:{number}",
            node=node,
            resource=seen[-1].resource,
            key=relative_key(seen[-1].key) if kind is CheckpointKind.REGISTRY else seen[-1].key,
            kind=kind,
            configured_by_product=product,
            stale=verdict.stale,
            online=None,
            confidence=verdict.confidence,
            evidence=tuple(dict.fromkeys((*(one.reference for one in seen), *verdict.evidence)))[:_EVIDENCE_MAX],
            why=verdict.why,
            command=None,
        )
        found.append(replace(checkpoint, command=removal_command(checkpoint)))
    return tuple(found)


def _not_ours(kind: CheckpointKind) -> _Verdict:
    if kind is CheckpointKind.CRYPTO:
        why = "A crypto checkpoint: it is listed, and never removed. Whether it is still needed is not known."
        return _Verdict(None, Confidence.POSSIBLE, why)
    return _Verdict(
        NEEDED, Confidence.PROBABLE, "The product does not configure it: another program does, and needs it."
    )


def _verdict(node: str, seen: Sequence[Sighting], presence: Mapping[str, Presence], nodes: Sequence[str]) -> _Verdict:
    """Whether a checkpoint of the product, seen on a node, is stale."""
    here = presence.get(node, UNKNOWN)
    others = {name: presence.get(name, UNKNOWN) for name in nodes if name != node}
    having = [name for name, one in others.items() if one.present]
    if here.present:
        why = f"The product {here.why} on {node}: it needs the checkpoint."
        return _Verdict(NEEDED, Confidence.PROBABLE, why, here.evidence)
    if having:
        one = others[having[0]]
        gone = f", though it {here.why} on {node}" if here.present is False else ""
        why = f"The product {one.why} on {having[0]}{gone}: the checkpoint is needed until it is removed there too."
        return _Verdict(NEEDED, Confidence.PROBABLE, why, (*here.evidence, *one.evidence))
    if here.present is None:
        why = f"Whether the product is still on {node} is not known: no event says that it was installed or removed."
        return _Verdict(None, Confidence.POSSIBLE, why)
    later = [one for one in seen if one.raw is None or here.raw is None or one.raw > here.raw]
    if not later:
        why = (
            f"The product {here.why} on {node}; the checkpoint was last seen at {iso_utc(seen[-1].raw)}, before that."
            " Whether the removal took it away is not known."
        )
        return _Verdict(None, Confidence.POSSIBLE, why, here.evidence)
    unknown = [name for name, one in others.items() if one.present is None]
    evidence = (*here.evidence, *(text for one in others.values() for text in one.evidence))
    why = f"The product {here.why} on {node}, and the checkpoint is still there: it would bring the old key back."
    if unknown:
        names = " and ".join(unknown)
        why += f" Whether the product is still on {names} is not known: if it is, the checkpoint is needed."
    return _Verdict(STALE, Confidence.POSSIBLE if unknown else Confidence.PROBABLE, why, evidence)
