"""Which checkpoints there are, and which of them are stale: pure functions over records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.checkpoints.keys import product_keys, relative_key, same_key
from forensics.checkpoints.model import Checkpoint, CheckpointKind, Scanner, Sighting
from forensics.checkpoints.product import UNKNOWN, Presence
from forensics.checkpoints.scripts import removal_command
from forensics.roles.model import Confidence
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forensics.checkpoints.gather import CheckpointEvidence
    from forensics.profile import Profile

_EVIDENCE_MAX: Final = 50
STALE: Final = True
NEEDED: Final = False


class _Verdict(NamedTuple):
    stale: bool | None
    confidence: Confidence
    why: str
    evidence: tuple[str, ...] = ()
    ours: bool = True


def conclude_checkpoints(
    found: CheckpointEvidence, presence: Mapping[str, Presence], nodes: Sequence[str], profile: Profile
) -> tuple[Checkpoint, ...]:
    """One row for each checkpoint of each node whose evidence shows it, sorted by node, key, resource.

    Args:
        found: what the evidence shows, in any order.
        presence: by node what is known of the product there.
        nodes: those of the cluster, as far as they are known.
        profile: which keys the product configures, and which library is its scanner.
    """
    ours = product_keys(profile)
    scanning = {same_key(row.key) for row in profile.registry_keys if row.part == "scanner"}
    libraries = {row.name.casefold() for row in profile.program_files if row.part == "scanner"}
    concluded = []
    for number, (place, seen) in enumerate(sorted(_grouped(found.sightings).items()), start=1):
        node, key, _, kind = place
        seen.sort(key=lambda one: (one.raw or 0, one.reference))
        if kind is CheckpointKind.REGISTRY and key in ours:
            scanners = [one for one in found.scanners if one.node == node] if key in scanning else []
            verdict = _of_product(node, seen, presence, nodes, (scanners, libraries))
        else:
            verdict = _not_ours(kind)
        resource = seen[-1].resource
        online = found.online.get((resource or "").casefold())
        why = verdict.why
        if resource is None and (shown := next((one.shown for one in seen if one.shown), None)):
            why += f" Of the resource's name only the beginning is known: {shown}."
        evidence = (*(one.reference for one in seen), *verdict.evidence, *((online[1],) if online else ()))
        checkpoint = Checkpoint(
            id=f"checkpoint:{number}",
            node=node,
            resource=resource,
            key=relative_key(seen[-1].key) if kind is CheckpointKind.REGISTRY else seen[-1].key,
            kind=kind,
            configured_by_product=verdict.ours,
            stale=verdict.stale,
            online=online[0] if online else None,
            confidence=verdict.confidence,
            evidence=tuple(dict.fromkeys(evidence))[:_EVIDENCE_MAX],
            why=why,
            command=None,
        )
        concluded.append(replace(checkpoint, command=removal_command(checkpoint)))
    return tuple(concluded)


def folders_of(scanners: Iterable[Scanner]) -> frozenset[str]:
    """The folders of libraries, as listings write them: with slashes, in lower case, a drive being a folder."""
    paths = (one.library.strip('" ').replace("\\", "/").replace(":", "").casefold() for one in scanners)
    return frozenset(path.rpartition("/")[0] for path in paths)


def _grouped(sightings: Iterable[Sighting]) -> dict[tuple[str, str, str, CheckpointKind], list[Sighting]]:
    """Sightings of one checkpoint on one node; one without the resource's name joins the only one with it."""
    groups: dict[tuple[str, str, str, CheckpointKind], list[Sighting]] = defaultdict(list)
    nameless = []
    for one in sightings:
        if one.resource is None:
            nameless.append(one)
        else:
            groups[one.node, same_key(one.key), one.resource.casefold(), one.kind].append(one)
    for one in nameless:
        key = same_key(one.key)
        homes = [place for place in groups if (place[0], place[1], place[3]) == (one.node, key, one.kind) and place[2]]
        if len(homes) == 1 and _fits(one, homes[0][2]):
            groups[homes[0]].append(one._replace(resource=groups[homes[0]][0].resource))
        else:
            groups[one.node, key, "", one.kind].append(one)
    return groups


def _fits(one: Sighting, resource: str) -> bool:
    return one.shown is None or resource.startswith(one.shown.casefold())


def _not_ours(kind: CheckpointKind) -> _Verdict:
    if kind is CheckpointKind.CRYPTO:
        why = "A crypto checkpoint: it is listed, and never removed. Whether it is still needed is not known."
        return _Verdict(None, Confidence.POSSIBLE, why, ours=False)
    why = "The product does not configure it: it is another program's, and is left alone."
    return _Verdict(NEEDED, Confidence.PROBABLE, why, ours=False)


def _of_product(
    node: str,
    seen: Sequence[Sighting],
    presence: Mapping[str, Presence],
    nodes: Sequence[str],
    scanning: tuple[Sequence[Scanner], set[str]],
) -> _Verdict:
    """Whether a checkpoint that the product configures is stale; `scanning`: libraries of its key, names of ours."""
    scanners, libraries = scanning
    current = [one for one in scanners if not one.saved]
    foreign = [one for one in current if _file(one) not in libraries]
    if foreign and len(foreign) == len(current):
        why = f"On {node} the store scans with {_shown(foreign[0])}, of another product: that one needs the key."
        return _Verdict(NEEDED, Confidence.PROBABLE, why, tuple(one.reference for one in foreign), ours=False)
    verdict = _verdict(node, seen, presence, nodes)
    back = [one for one in current if _file(one) in libraries]
    if verdict.stale and back:
        why = f"{verdict.why} Library of the key still points to {_shown(back[0])}, or does so again."
        return verdict._replace(why=why, evidence=(*verdict.evidence, *(one.reference for one in back)))
    return verdict


def _shown(scanner: Scanner) -> str:
    return scanner.library.strip('" ').replace("/", "\\").rsplit("\\", 1)[-1]


def _file(scanner: Scanner) -> str:
    return _shown(scanner).casefold()


def _verdict(node: str, seen: Sequence[Sighting], presence: Mapping[str, Presence], nodes: Sequence[str]) -> _Verdict:
    here = presence.get(node, UNKNOWN)
    others = {name: presence.get(name, UNKNOWN) for name in nodes if name != node}
    having = [name for name, one in others.items() if one.present]
    if here.contested:
        why = f"Whether the product is on {node} is not known: there it {here.why}."
        return _Verdict(None, Confidence.POSSIBLE, why, here.evidence)
    if here.present:
        why = f"On {node} the product {here.why}: it needs the checkpoint."
        sure = Confidence.CERTAIN if len(here.kinds) > 1 else Confidence.PROBABLE
        return _Verdict(NEEDED, sure, why, here.evidence)
    if having:
        one = others[having[0]]
        gone = f", though on {node} it {here.why}" if here.present is False else ""
        why = f"On {having[0]} the product {one.why}{gone}: the checkpoint is needed until it is removed there too."
        return _Verdict(NEEDED, Confidence.PROBABLE, why, (*here.evidence, *one.evidence))
    if here.present is None:
        why = f"Whether the product is on {node} is not known: no installation, removal or list of its files says so."
        return _Verdict(None, Confidence.POSSIBLE, why)
    return _gone(node, seen, here, others)


def _gone(node: str, seen: Sequence[Sighting], here: Presence, others: Mapping[str, Presence]) -> _Verdict:
    """The product is gone from the node, and known to be on no other: was the checkpoint seen after that?"""
    later = [one for one in seen if one.raw is None or here.since is None or one.raw > here.since]
    lasting = [one for one in seen if one.lasting]
    if not later and not lasting:
        why = (
            f"On {node} the product {here.why}; the checkpoint was last seen at {iso_utc(seen[-1].raw)}, before that."
            " Whether the removal took it away is not known."
        )
        return _Verdict(None, Confidence.POSSIBLE, why, here.evidence)
    evidence = (*here.evidence, *(text for one in others.values() for text in one.evidence))
    why = f"On {node} the product {here.why}, and the checkpoint is still there: it would bring the old key back."
    sure = Confidence.PROBABLE
    dated = any(one.raw is not None and here.since is not None and one.raw > here.since for one in seen)
    if not later:
        why += " The file of the cluster that holds it was last written before that."
        sure = Confidence.POSSIBLE
    elif dated and len(here.kinds) > 1 and all(one.present is False for one in others.values()):
        sure = Confidence.CERTAIN
    unknown = [name for name, one in others.items() if one.present is None or one.contested]
    if unknown:
        names = " and ".join(unknown)
        why += f" Whether the product is still on {names} is not known: if it is, the checkpoint is needed."
        sure = Confidence.POSSIBLE
    return _Verdict(STALE, sure, why, evidence)
