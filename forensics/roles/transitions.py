"""Moves of the group from node to node, and times in which several nodes claim to be active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import PASSIVE_CLAIMS, Claim
from forensics.roles.confidence import judge, references, weaker
from forensics.roles.knowledge import ALWAYS
from forensics.roles.model import Confidence
from forensics.roles.spans import overlaps
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from forensics.roles.knowledge import Tenure
    from forensics.roles.scene import Scene
    from forensics.roles.signs import Sign

_AFTERWARDS: Final = 10 * 60 * TICKS_PER_SECOND  # a handoff, databases and copying follow a move within minutes
_TAKEOVER: Final = 3 * 60 * TICKS_PER_SECOND  # the survivors begin to bring a fallen node's groups online
_SHORT: Final = 2 * 60 * TICKS_PER_SECOND  # no other move fits into this, whatever logs lack
# How long a group may still take to be online when its databases are: where only they are seen.
_SETTLING: Final = 60 * TICKS_PER_SECOND


class Move(NamedTuple):
    """One transition before it gets its id. Times are on the common time line."""

    from_node: str | None
    to_node: str | None
    earliest: int
    time: int
    latest: int
    confidence: Confidence
    evidence: tuple[str, ...]
    contradicted_by: tuple[str, ...]
    why: str


class _End(NamedTuple):
    low: int
    signs: tuple[Sign, ...]
    words: str
    exact: bool = True


class _Begin(NamedTuple):
    time: int
    latest: int
    signs: tuple[Sign, ...]
    words: str
    exact: bool = True


def moves_of(scene: Scene, told: Callable[[str, int, int], bool]) -> list[Move]:
    """The moves, in order: one for each pair of owners that follow each other and differ."""
    terms = sorted(
        (t for all_of in scene.tenures.values() for t in all_of if t.active), key=lambda t: (t.start, t.first)
    )
    found: list[Move] = []
    for at, term in enumerate(terms):
        before = terms[at - 1] if at else None
        if before is None:
            found += _from_nowhere(term, scene, told)
        elif before.node != term.node:
            found.append(_move(before, term, scene, told))
        else:
            found += _there_and_back(before, term, scene, told)
    if terms:
        found += _to_nowhere(terms[-1], scene, told)
    return found


def _move(before: Tenure, term: Tenure, scene: Scene, told: Callable[[str, int, int], bool]) -> Move:
    end, begin = _end_of(before, term, scene), _begin_of(term, scene)
    earliest = min(end.low, begin.time)
    latest = max(begin.latest, begin.time)
    witnesses = _witnesses(before.node, term.node, before.end, begin.time, scene)
    supporting = [*end.signs, *begin.signs, *witnesses]
    against = scene.misfitting(before.end - TICKS_PER_SECOND, begin.time + _AFTERWARDS)
    whole = (
        end.exact
        and begin.exact
        and all(sign.bounded for sign in (*end.signs, *begin.signs))
        and scene.shown_sharply(before.end)
        and scene.shown_sharply(begin.time)
        and all(
            begin.time - before.end <= _SHORT or told(node, before.end, begin.time) for node in (before.node, term.node)
        )
    )
    word = judge(supporting, against, min(before.closing, term.opening), whole=whole, at_most=scene.cap)
    word = _contested(word, scene, earliest, latest)
    why = f"{end.words} {begin.words}"
    if witnesses:
        why += f" {len(witnesses)} more event{'s' if len(witnesses) > 1 else ''} around it say so."
    return Move(
        before.node, term.node, earliest, begin.time, latest, word, references(supporting), references(against), why
    )


def _ends(sign: Sign) -> bool:
    return sign.claim in {Claim.GROUP_OFFLINE, Claim.SHUTDOWN, Claim.DOWN, Claim.NODE_REMOVED}


def _end_of(term: Tenure, following: Tenure | None, scene: Scene) -> _End:
    """When the owner of before can last have been active."""
    last = term.anchors[-1] if term.anchors else None
    ender = scene.signs[term.last] if term.last < len(scene.signs) else None
    if last is not None and last.claim is Claim.GROUP_OFFLINE:
        return _End(last.low, (last,), f"The group went offline on {term.node}.")
    if ender is not None and ender.node == term.node and _ends(ender):
        said = "was removed from the cluster" if ender.claim is Claim.NODE_REMOVED else "went down"
        return _End(ender.low, (ender,), f"{term.node}, where it was online, {said}.")
    coming = _coming(following, scene) if following is not None else None
    low = max([last.low if last else -ALWAYS, coming.low if coming else -ALWAYS])
    if low == -ALWAYS:
        low = max(term.start, following.start if following is not None and following.start < ALWAYS else -ALWAYS)
    signs = tuple(sign for sign in (last, coming) if sign is not None)
    words = f"How its time on {term.node} ended is not in the evidence."
    return _End(low, signs, words, exact=coming is not None)


def _coming(term: Tenure, scene: Scene) -> Sign | None:
    """The sign with which the group began to come online for a term."""
    for at in range(term.first - 1, max(-1, term.first - 64), -1):
        sign = scene.signs[at]
        if sign.node == term.node and sign.claim is Claim.GROUP_COMING_ONLINE:
            return sign
        if sign.claim is Claim.GROUP_OFFLINE:
            return None
    return None


def _begin_of(term: Tenure, scene: Scene) -> _Begin:
    """When the new owner came online, and the first proof that it is."""
    first = scene.signs[term.first] if term.first >= 0 else None
    if first is not None and first.node == term.node and first.claim is Claim.GROUP_ONLINE:
        return _Begin(first.time, first.high, (first,), f"It came online on {term.node}.")
    if term.anchors and term.anchors[0].claim is Claim.ACTIVE:
        return _by_store(term)
    known = min((a for a, _ in term.known), default=term.start)
    signs = term.anchors[:1]
    latest = max(known, signs[0].high) if signs else known
    return _Begin(known, latest, signs, f"That it was online on {term.node} shows only later.", exact=False)


def _by_store(term: Tenure) -> _Begin:
    """Databases were started: the group is online soon after, and how soon is not in the evidence."""
    start = term.anchors[0]
    burst = [s for s in term.anchors if s.claim is Claim.ACTIVE and s.time - start.time <= 2 * _SETTLING]
    latest = burst[-1].high + _SETTLING
    words = f"Its databases were started on {term.node}; when the whole group was online is not in the evidence."
    return _Begin(burst[-1].time, latest, tuple(burst), words, exact=start.observation.strong)


def _witnesses(source: str | None, target: str | None, end: int, begin: int, scene: Scene) -> list[Sign]:
    """Signs around a move that only a move explains: the handoff, databases that stop here and start there, copying."""

    def says_so(sign: Sign) -> bool:
        if sign.claim is Claim.HANDOFF:
            return sign.time >= begin
        if sign.claim is Claim.ACTIVE:
            return sign.node == target and sign.time >= end and sign.observation.strong
        if sign.claim is Claim.ACTIVE_ENDED:
            return sign.node == source and sign.time <= begin
        return sign.claim in PASSIVE_CLAIMS and sign.node == source and sign.time >= begin

    return [sign for sign in scene.between(min(end, begin) - _AFTERWARDS, begin + _AFTERWARDS) if says_so(sign)]


def _contested(word: Confidence, scene: Scene, earliest: int, latest: int) -> Confidence:
    if overlaps(scene.contested, earliest, latest):
        return weaker(word, Confidence.PROBABLE)
    return word


# -- moves of which one side is not in the evidence --------------------------------------------------------------------


def _from_nowhere(term: Tenure, scene: Scene, told: Callable[[str, int, int], bool]) -> list[Move]:
    """The first owner: a move only where a handoff, or the other's fall right before, says that it took over."""
    begin = _begin_of(term, scene)
    fallen = _fallen(term, scene, begin)
    if fallen is not None:
        return [_after_fall(fallen, term, begin, scene)]
    handoffs = [
        s
        for s in scene.between(begin.time, begin.time + _AFTERWARDS)
        if s.claim is Claim.HANDOFF and s.node == term.node
    ]
    if not handoffs or not begin.signs or begin.signs[0].claim not in {Claim.GROUP_ONLINE, Claim.ACTIVE}:
        return []
    source = _only_other(term.node, scene, told, begin.time)
    coming = _coming(term, scene)
    earliest = coming.low if coming else begin.signs[0].low
    signs = [*begin.signs, *handoffs]
    word = judge(signs, (), term.opening, whole=False, at_most=weaker(scene.cap, Confidence.PROBABLE))
    said = f"{source} is the only other node" if source else "which node had it before is not in the evidence"
    why = f"{begin.words} A handoff was logged; {said}."
    return [Move(source, term.node, earliest, begin.time, begin.latest, word, references(signs), (), why)]


def _fallen(term: Tenure, scene: Scene, begin: _Begin) -> Sign | None:
    """The removal of the only other node, minutes before the group began to come online here for the first time."""
    coming = _coming(term, scene)
    others = [name for name in scene.tenures if name != term.node]
    if len(others) != 1 or coming is None or not begin.exact:
        return None
    known = [span for tenure in scene.tenures[others[0]] if not tenure.active for span in tenure.known]
    for sign in reversed(scene.between(coming.time - _TAKEOVER, coming.time)):
        if sign.claim is Claim.NODE_REMOVED and sign.node == others[0]:
            return None if any(start < sign.time - _SHORT < end for start, end in known) else sign
    return None


def _after_fall(fallen: Sign, term: Tenure, begin: _Begin, scene: Scene) -> Move:
    signs = [fallen, *begin.signs, *_witnesses(fallen.node, term.node, fallen.time, begin.time, scene)]
    passive = [s for s in scene.passive.get(term.node, []) if s.time < fallen.time][-1:]
    most = Confidence.PROBABLE if passive else Confidence.POSSIBLE
    word = judge([*passive, *signs], (), term.opening, whole=False, at_most=weaker(scene.cap, most))
    why = f"{fallen.node} was removed from the cluster, and right behind that the group came online on {term.node}."
    if passive:
        why += f" {term.node} had said that it was passive."
    low = min(fallen.low, begin.time)
    return Move(fallen.node, term.node, low, begin.time, begin.latest, word, references([*passive, *signs]), (), why)


def _to_nowhere(term: Tenure, scene: Scene, told: Callable[[str, int, int], bool]) -> list[Move]:
    """The last owner: a move only where its node says later that it copies from an active node."""
    end = _end_of(term, None, scene)
    proof = scene.first_passive(term.node, term.end, ALWAYS)
    if proof is None or not end.signs:
        return []
    return [_away(term, end, proof, scene, told)]


def _away(term: Tenure, end: _End, proof: Sign, scene: Scene, told: Callable[[str, int, int], bool]) -> Move:
    target = _only_other(term.node, scene, told, end.low)
    signs = [*end.signs, proof]
    word = judge(signs, (), term.closing, whole=False, at_most=weaker(scene.cap, Confidence.PROBABLE))
    said = f"{target} is the only other node" if target else "which node took over is not in the evidence"
    why = f"{end.words} {term.node} says later that it is passive, so another node is active; {said}."
    return Move(term.node, target, min(end.low, proof.time), proof.time, proof.high, word, references(signs), (), why)


def _there_and_back(before: Tenure, term: Tenure, scene: Scene, told: Callable[[str, int, int], bool]) -> list[Move]:
    """The same owner again: two moves only where its node says in between that another one is active."""
    proof = scene.first_passive(before.node, before.end, term.start)
    if proof is None:
        return []
    away = _away(before, _end_of(before, None, scene), proof, scene, told)
    begin = _begin_of(term, scene)
    source = _only_other(term.node, scene, told, begin.time)
    coming = _coming(term, scene)
    earliest = max(proof.low, coming.low if coming else -ALWAYS)
    word = judge([*begin.signs, proof], (), term.opening, whole=False, at_most=weaker(scene.cap, Confidence.PROBABLE))
    why = f"{begin.words} Before, {term.node} said that it was passive."
    back = Move(
        source,
        term.node,
        min(earliest, begin.time),
        begin.time,
        begin.latest,
        word,
        references([proof, *begin.signs]),
        (),
        why,
    )
    return [away, back]


def _only_other(node: str, scene: Scene, told: Callable[[str, int, int], bool], moment: int) -> str | None:
    """The only other node there is, unless its own log says that it was not active then."""
    others = [name for name in scene.tenures if name != node]
    if len(others) != 1 or told(others[0], moment, moment):
        return None
    return others[0]
