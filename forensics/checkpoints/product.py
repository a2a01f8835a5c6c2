"""Whether the product is on a node at the end of the evidence: events, files, registry. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forensics.checkpoints.model import Program
    from forensics.observations import Observation
    from forensics.profile import Profile

_INSTALLED: Final = frozenset({Claim.INSTALL, Claim.RECONFIGURED, Claim.UPDATED})
# What only the product itself logs, so that it was there.
_ALIVE: Final = frozenset({Claim.FORCED_SYNC, Claim.COPY_SKIPPED, Claim.SEEDING_COMPLETE})
_REFERENCES: Final = 4
_FILES: Final = frozenset({"files"})


class Presence(NamedTuple):
    """What is known of the product on one node.

    Attributes:
        present: None where the evidence does not tell.
        raw: FILETIME of what tells it, by the node's own clock; None where that is not known.
        evidence: references.
        why: a clause that completes "on NODE the product ...", such as "was removed at ...".
        kinds: what says so, of `events`, `files`, `registry`; two are independent of each other.
        contested: something else says the contrary.
        since: FILETIME from which on it is so, by the node's own clock; None where that is not known.
    """

    present: bool | None
    raw: int | None = None
    evidence: tuple[str, ...] = ()
    why: str = "is not known to be there or not"
    kinds: frozenset[str] = frozenset()
    contested: bool = False
    since: int | None = None


UNKNOWN: Final = Presence(None)


def presence_of(
    node: str, events: Presence, programs: Iterable[Program], absent: str | None, scanners: frozenset[str]
) -> Presence:
    """What all kinds of evidence say of the product on one node.

    Files that are there after a removal, and files that are missing after an installation, go before the event: nothing
    is logged where a folder is copied or deleted.

    Args:
        node: the node.
        events: the last word of its events.
        programs: what the evidence shows of the product's files, of any node.
        absent: reference of its SOFTWARE hive where that has none of the product's keys.
        scanners: folders in which the registry has the store load the product's scanner from, in lower case.
    """
    found = events
    for sign in (_by_files(node, programs, scanners), _by_registry(absent)):
        if sign.present is None:
            continue
        if found.present is None:
            found = sign
        elif found.present == sign.present:
            found = found._replace(
                evidence=(*found.evidence, *sign.evidence), kinds=found.kinds | sign.kinds, why=_both(found, sign)
            )
        elif found.raw is not None and sign.raw is not None and sign.raw > found.raw and "files" in sign.kinds:
            why = f"{found.why}, but later {sign.why}"
            found = Presence(sign.present, sign.raw, (*sign.evidence, *found.evidence), why, sign.kinds)
        elif found.raw is None or sign.raw is None:
            found = found._replace(contested=True, evidence=(*found.evidence, *sign.evidence), why=_both(found, sign))
    return found


def _both(one: Presence, two: Presence) -> str:
    return f"{one.why} and {two.why}" if one.present == two.present else f"{one.why}, although it {two.why}"


def _by_files(node: str, programs: Iterable[Program], scanners: frozenset[str]) -> Presence:
    ours = [one for one in programs if one.node == node]
    there = [one for one in ours if one.name is not None]
    if there:
        raw = max((one.raw for one in there if one.raw is not None), default=None)
        references = tuple(dict.fromkeys(one.reference for one in there))[:_REFERENCES]
        return Presence(True, raw, references, f"has its file {there[0].name}", _FILES)  # noqa: FBT003
    # A folder of which all files are shown, and none of the product's is among them.
    shown = [one for one in ours if one.name is None]
    if not shown:
        return UNKNOWN
    raw = min((one.raw for one in shown if one.raw is not None), default=None)
    references = tuple(dict.fromkeys(one.reference for one in shown))[:_REFERENCES]
    loaded = any(one.folder in scanners for one in shown)
    why = "lacks the library that the store is to load" if loaded else "lacks its program files"
    return Presence(False, raw, references, why, _FILES)  # noqa: FBT003


def _by_registry(absent: str | None) -> Presence:
    if absent is None:
        return UNKNOWN
    return Presence(False, None, (absent,), "has none of its keys in the registry", frozenset({"registry"}))  # noqa: FBT003


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
        found[node] = Presence(not removed, final.raw, references, why, frozenset({"events"}), since=final.raw)
    return found
