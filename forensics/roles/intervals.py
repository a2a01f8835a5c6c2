"""Role intervals of each node: what is known, put together under the rules of the cluster."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.roles.confidence import CLEAR, judge, references, weaker
from forensics.roles.model import Confidence, Role
from forensics.roles.scene import between
from forensics.roles.spans import Span, overlaps, part, span_at, union
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from forensics.roles.knowledge import Tenure
    from forensics.roles.scene import Line, Scene
    from forensics.roles.signs import Sign
    from forensics.roles.transitions import Move

# One log may fall silent so long before the others of its node without a doubt that it is whole.
_SILENT: Final = 30 * 60 * TICKS_PER_SECOND

_COMING: Final = frozenset({Claim.GROUP_COMING_ONLINE, Claim.GROUP_ONLINE})
# A resource that failed is restarted where it was within minutes, and its group comes online without having gone.
_RESTART: Final = 10 * 60 * TICKS_PER_SECOND


class Piece(NamedTuple):
    """One role interval before it gets its id. Times are on the common time line."""

    node: str
    role: Role
    start: int
    end: int
    confidence: Confidence
    evidence: tuple[str, ...]
    contradicted_by: tuple[str, ...]
    why: str


def intervals_of(node: str, first: int, last: int, scene: Scene) -> list[Piece]:
    """The roles of a node from its first to its last record: without gap or overlap, neighbours differ."""
    own = scene.tenures[node]
    active = [(t, span) for t in own if t.active for span in t.known]
    idle = union(span for t in own if not t.active for span in t.known)
    others = union(
        span for name, all_of in scene.tenures.items() if name != node for t in all_of if t.active for span in t.known
    )
    gone = [(a, (a.start, a.end)) for a in scene.absent[node]]
    cuts = {first, last}
    for start, end in (*(s for _, s in active), *idle, *others, *(s for _, s in gone)):
        cuts |= {min(max(start, first), last), min(max(end, first), last)}
    runs: list[tuple[Role, int, int]] = []
    away = union([*idle, *others])
    held = union(span for _, span in active)
    down = union(span for a, span in gone if a.known)
    silent = union(span for a, span in gone if not a.known)
    for start, end in pairwise(sorted(cuts)):
        role = _role((start + end) // 2, (down, silent, held, away))
        if runs and runs[-1][0] is role:
            runs[-1] = role, runs[-1][1], end
        else:
            runs.append((role, start, end))
    if not runs:
        runs = [(Role.UNKNOWN, first, last)]
    return [_piece(node, role, (start, end), scene) for role, start, end in runs]


def at_most_probable(piece: Piece) -> Piece:
    """The interval, no surer than probable."""
    return piece._replace(confidence=weaker(piece.confidence, Confidence.PROBABLE))


def no_surer(pieces: Sequence[Piece], moves: Iterable[Move]) -> list[Piece]:
    """Intervals that begin or end with a move made no surer than the move."""
    edges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at, piece in enumerate(pieces):
        if piece.role in {Role.ACTIVE, Role.PASSIVE}:
            edges[piece.node] += [(piece.start, at), (piece.end, at)]
    for own in edges.values():
        own.sort()
    found = list(pieces)
    for move in moves:
        if move.confidence is Confidence.CERTAIN:
            continue
        for node in (move.from_node, move.to_node):
            own = edges.get(node or "", [])
            first = bisect_left(own, (move.earliest, 0))
            for _, at in own[first : bisect_right(own, (move.latest, len(found)))]:
                word = weaker(found[at].confidence, move.confidence)
                found[at] = found[at]._replace(confidence=word)
    return found


def _role(moment: int, known: tuple[list[Span], list[Span], list[Span], list[Span]]) -> Role:
    for spans, role in zip(known, (Role.DOWN, Role.UNKNOWN, Role.ACTIVE, Role.PASSIVE), strict=True):
        if span_at(spans, moment):
            return role
    return Role.UNKNOWN


def _piece(node: str, role: Role, span: Span, scene: Scene) -> Piece:
    start, end = span
    if role is Role.UNKNOWN:
        why = _why_unknown(node, span, scene)
        return Piece(node, role, start, end, Confidence.POSSIBLE, (), (), why)
    if role is Role.DOWN:
        return _down(node, span, scene)
    against = [
        sign
        for sign in scene.misfitting(start, end)
        if start < sign.time < end and (sign.node == node or role is Role.ACTIVE)
    ]
    supporting, margin, bridged = _support(node, role, span, scene)
    seen = scene.stops_told(node, start, end)
    whole = not bridged and seen and all(sign.sharp for sign in supporting) and all(map(scene.sharp, span))
    word = judge(supporting, against, margin, whole=whole, at_most=scene.cap)
    alone = all(sign.claim in _COMING and sign.node == node for sign in supporting)
    if role is Role.PASSIVE and alone and end - start > _RESTART:
        # That it came online here does not tell where it was hours before.
        word = weaker(word, Confidence.POSSIBLE)
    contested = overlaps(scene.contested, start, end)
    if contested:
        word = weaker(word, Confidence.PROBABLE if margin >= CLEAR else Confidence.POSSIBLE)
    why = _why(node, role, supporting, bridged=bridged)
    if not seen:
        why += (
            " Whether it was down for a while in that time is not told: the log of its starts and stops is not whole."
        )
    if against:
        why += f" {len(against)} event{'s' if len(against) > 1 else ''} in between would not fit."
    if contested:
        why += " Another node claims to be active in this time, too."
    return Piece(node, role, start, end, word, references(supporting), references(against), why)


def _support(node: str, role: Role, span: Span, scene: Scene) -> tuple[list[Sign], float, bool]:
    """The signs behind an active or passive stretch, the margin, and whether part of it is only bridged."""
    start, end = span
    found: list[Sign] = []
    margin = float("inf")
    bridged = 0
    for name in scene.tenures:
        if name != node and role is Role.ACTIVE:
            # When the group went down elsewhere, or came up elsewhere: witnesses of another machine.
            found += _at_edges(scene.terms[name], span)
            continue
        for tenure in (scene.lines if name == node else scene.terms)[name].touching(start, end):
            if tenure.active != (role is Role.ACTIVE) and name == node:
                continue
            touched = between(tenure.proofs, start, end)
            found += touched
            if start == end or (tenure.end > start and tenure.start < end):
                # What proves a role proves it as far as logs are whole, though no sign of it lies in this stretch.
                found += () if touched else _around(tenure, span)
                margin = min(margin, tenure.margin_between(start, end))
            if name == node:
                bridged += sum(high - low for low, high in part(tenure.bridged, start, end))
    return found, margin if margin != float("inf") else 0.0, bridged > _SILENT


def _around(tenure: Tenure, span: Span) -> Iterator[Sign]:
    """The nearest signs before and behind a stretch of a tenure between which it is known to have lasted."""
    when = attrgetter("time")
    for start, end in part(tenure.known, *span):
        known = span_at(tenure.known, start)
        if known is not None:
            before = bisect_left(tenure.proofs, start, key=when) - 1
            behind = bisect_right(tenure.proofs, end, key=when)
            if before >= 0 and tenure.proofs[before].time >= known[0]:
                yield tenure.proofs[before]
            if behind < len(tenure.proofs) and tenure.proofs[behind].time <= known[1]:
                yield tenure.proofs[behind]


def _at_edges(terms: Line[Tenure], span: Span) -> Iterator[Sign]:
    """The last signs of another node's tenure that ended before this one began, and the first of one after it."""
    before, behind = terms.before(span[0]), terms.behind(span[1])
    if before is not None and before.anchors:
        yield before.anchors[-1]
    if behind is not None and behind.anchors:
        yield behind.anchors[0]


def _down(node: str, span: Span, scene: Scene) -> Piece:
    start, end = span
    signs = [
        sign
        for absence in scene.absences[node].touching(start, end)
        if absence.start < end and start < absence.end
        for sign in absence.signs
    ]
    # Where its log is not whole it may have started, and stopped again, in between.
    whole = scene.stops_told(node, start, end) and all(sign.sharp for sign in signs) and all(map(scene.sharp, span))
    word = judge(signs, (), CLEAR, whole=whole, at_most=scene.cap)
    first, last = signs[0], signs[-1]
    back = "" if last is first else f", and back with {_named(last)}"
    return Piece(
        node, Role.DOWN, start, end, word, references(signs), (), f"{node} was down from {_named(first)} on{back}."
    )


def _why(node: str, role: Role, supporting: Sequence[Sign], *, bridged: bool) -> str:
    own = [sign for sign in supporting if sign.node == node]
    signs = own or supporting
    if not signs:
        return f"{node} is {role}: no other reading of its neighbours' events fits."
    shown = ", ".join(dict.fromkeys(_named(sign) for sign in (signs[0], signs[-1])))
    text = f"{node} was {role}: {shown}"
    if not own:
        text += f", and at most one node is active (this is of {signs[0].node})"
    kinds = len({sign.observation.source.casefold() for sign in supporting})
    text += f"; {len(supporting)} events of {kinds} source{'s' if kinds > 1 else ''} say so."
    if bridged:
        text += " A part of its own log is missing; the logs of the others tell of no change in that time."
    return text


def _why_unknown(node: str, span: Span, scene: Scene) -> str:
    for absence in scene.absences[node].touching(*span):
        if not absence.known and absence.start < span[1] and span[0] < absence.end:
            return f"{node} stopped without a word at some moment of this time, and was started at its end."
    return f"No log that would tell of {node}'s role is whole in this time."


def _named(sign: Sign) -> str:
    one = sign.observation
    return f"{one.claim.replace('_', ' ')} ({one.source} {one.event_id})"
