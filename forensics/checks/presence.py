"""Whether the product was on a node at a moment: from installations, removals and what only the product logs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.checks.model import references, weakest
from forensics.checks.scene import between
from forensics.claims import Claim
from forensics.roles.model import Confidence
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from forensics.checks.deeds import Deed
    from forensics.checks.scene import Scene

# Services report their end for a while after the product was removed.
_AFTER_REMOVAL: Final = 10 * 60 * TICKS_PER_SECOND
_A_DAY: Final = 24 * 3600 * TICKS_PER_SECOND
_FEW: Final = 3


class There(StrEnum):
    """Whether the product is there."""

    INSTALLED = "installed"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Presence(NamedTuple):
    """Whether the product was there, how sure that is, and what it rests on."""

    there: There
    confidence: Confidence
    evidence: tuple[str, ...]


_UNKNOWN: Final = Presence(There.UNKNOWN, Confidence.POSSIBLE, ())


def presence(scene: Scene, node: str, line: int, by: str | None = None) -> Presence:
    """Whether the product was on a node at a moment of the common line.

    An installation that succeeded says that it was not there before, a removal that it was. In between what the
    product itself logs says that it was. What neither of them reaches is unknown.

    Args:
        scene: the case.
        node: where.
        line: when, on the common line.
        by: whose clock told the moment; where nothing bounds how far that of `node` is off it, nothing is known.
    """
    if by is not None:
        if not scene.comparable(node, by):
            return _UNKNOWN
        found = presence(scene, node, line)
        return found._replace(confidence=weakest(found.confidence, scene.order_word(node, by)))
    deeds = [one for one in scene.deeds if one.node == node]
    before = [one for one in deeds if one.start <= line]
    after = next((one for one in deeds if one.start > line), None)
    last = before[-1] if before else None
    if after is not None and after.claim is Claim.INSTALL:
        return _before_install(scene, node, line, (last, after))
    if last is not None and last.claim is Claim.REMOVAL:
        late = [one for one in scene.alive.get(node, ()) if last.end + _AFTER_REMOVAL < one.line <= line]
        return _UNKNOWN if late else _absent(scene, last, line)
    if last is not None:
        return _installed(scene, last, line)
    if after is not None:
        word = after.confidence if scene.told(node, Claim.INSTALL, line, after.start) else Confidence.PROBABLE
        return Presence(There.INSTALLED, weakest(word, after.confidence), after.references)
    signs = scene.alive.get(node, [])
    if signs:
        # Nothing was installed in all that the logs cover, and it is there.
        sides = [*[one for one in signs if one.line <= line][-1:], *[one for one in signs if one.line > line][:1]]
        whole = scene.told(node, Claim.INSTALL, min(line, sides[0].line), max(line, sides[-1].line))
        word = Confidence.CERTAIN if whole else Confidence.PROBABLE
        return Presence(There.INSTALLED, word, tuple(one.reference for one in sides))
    return _UNKNOWN


def _installed(scene: Scene, last: Deed, line: int) -> Presence:
    whole = scene.told(last.node, Claim.REMOVAL, last.end, line)
    signs = [one for one in scene.alive.get(last.node, ()) if one.line >= line][:1]
    word = Confidence.CERTAIN if whole or signs else Confidence.PROBABLE
    evidence = references(last.references, tuple(one.reference for one in signs))
    return Presence(There.INSTALLED, weakest(word, last.confidence), evidence)


def _absent(scene: Scene, last: Deed, line: int) -> Presence:
    whole = scene.told(last.node, Claim.INSTALL, last.end, line)
    word = Confidence.CERTAIN if whole else Confidence.PROBABLE
    return Presence(There.ABSENT, weakest(word, last.confidence), last.references)


def _before_install(scene: Scene, node: str, line: int, deeds: tuple[Deed | None, Deed]) -> Presence:
    """Before an installation: absent, unless something says otherwise or nothing reaches back so far."""
    last, after = deeds
    signs = between(scene.alive.get(node, []), line, after.start - 1)
    if signs:
        return _UNKNOWN if last is None else _installed(scene, last, line)
    if last is not None and last.claim is Claim.REMOVAL:
        return _absent(scene, last, line)
    if scene.told(node, Claim.REMOVAL, line, after.start):
        return Presence(There.ABSENT, after.confidence, after.references)
    # No log that would tell of a removal reaches back so far: but it did not go within a day and without a start.
    started = any(one.node == node and line < one.start <= after.start for one in scene.starts)
    reaches = scene.begin_of(node) <= line
    if reaches and (last is None or (not started and after.start - line <= _A_DAY)):
        return Presence(There.ABSENT, weakest(after.confidence, Confidence.PROBABLE), after.references)
    return _UNKNOWN


def earlier_on(scene: Scene, deed: Deed) -> tuple[str, ...]:
    """What shows that the product had been on a node before an installation there; empty where nothing does."""
    deeds = [one for one in scene.deeds if one.node == deed.node and one.end < deed.start]
    signs = [one for one in scene.alive.get(deed.node, ()) if one.line < deed.start - _AFTER_REMOVAL]
    found = [reference for one in deeds[-2:] for reference in one.references]
    found += [one.reference for one in signs[-_FEW:]]
    files = scene.material.files
    for one in files.sets if files is not None else ():
        if one.node == deed.node and one.high is not None and one.high < deed.when.low - _AFTER_REMOVAL:
            found += one.evidence[:1]
    return tuple(dict.fromkeys(found))[: 2 * _FEW]
