"""The role history of a group: claims and clocks in, intervals, transitions and conflicts out. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from forensics.roles.confidence import weaker
from forensics.roles.conflicts import claimed_by, clashes, contested_spans
from forensics.roles.coverage import Telling
from forensics.roles.ground import Ground
from forensics.roles.groups import group_names, mailbox_group
from forensics.roles.intervals import at_most_probable, intervals_of, no_surer
from forensics.roles.knowledge import tenures
from forensics.roles.model import ClockOffset, Confidence, RoleConflict, RoleHistory, RoleInterval, RoleTransition
from forensics.roles.owner import find_owners
from forensics.roles.presence import absences, last_before
from forensics.roles.scene import Scene
from forensics.roles.signs import Times, signs_of
from forensics.roles.transitions import moves_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forensics.observations import Evidence
    from forensics.roles.signs import Sign


class Clocks(Times, Protocol):
    """The clocks, and what is said of them."""

    def offsets(self) -> tuple[ClockOffset, ...]:
        """The rows of the output."""
        ...


def all_histories(evidence: Evidence, clocks: Clocks, well_known: Iterable[str]) -> list[RoleHistory]:
    """The history of every group that the evidence names, by name; where it names none, of the mailbox server's."""
    choice = mailbox_group(evidence.observations, well_known)
    names = group_names(evidence.observations)
    if not names:
        return [mailbox_history(evidence, clocks, well_known)]
    ground = Ground(evidence, clocks)
    return [reconstruct(ground, clocks, name, mailbox=name == choice.group and choice.sure, why="") for name in names]


def mailbox_history(evidence: Evidence, clocks: Clocks, well_known: Iterable[str]) -> RoleHistory:
    """The history of the clustered mailbox server's group."""
    choice = mailbox_group(evidence.observations, well_known)
    cap = Confidence.CERTAIN if choice.sure or choice.group is None else Confidence.POSSIBLE
    mailbox = choice.sure or choice.group is None
    return reconstruct(Ground(evidence, clocks), clocks, choice.group, mailbox=mailbox, why=choice.why, cap=cap)


def group_history(evidence: Evidence, clocks: Clocks, well_known: Iterable[str], group: str) -> RoleHistory | None:
    """The history of the group of that name, compared without case; None where no event names it."""
    named = next((n for n in group_names(evidence.observations) if n.casefold() == group.casefold()), None)
    if named is None:
        return None
    choice = mailbox_group(evidence.observations, well_known)
    # Who names a group that nothing tells apart says which one is the mailbox server's.
    apart = {name.casefold() for name in well_known}
    mailbox = named == choice.group if choice.sure else named.casefold() not in apart
    why = "The group was named by the analyst."
    return reconstruct(Ground(evidence, clocks), clocks, named, mailbox=mailbox, why=why)


def reconstruct(
    ground: Ground,
    clocks: Clocks,
    group: str | None,
    *,
    mailbox: bool,
    why: str,
    cap: Confidence = Confidence.CERTAIN,
) -> RoleHistory:
    """The best explanation of all claims on a group, with how sure it is.

    Args:
        ground: what the logs claim and cover.
        clocks: the nodes' clocks.
        group: name of the group; None where the mailbox server's is not named.
        mailbox: whether it is the mailbox server's.
        why: why this group.
        cap: the word that nothing exceeds.
    """
    nodes, cover, spans = ground.nodes, ground.cover, ground.spans
    signs = signs_of(ground.observations(group), nodes, group, clocks, mailbox=mailbox)
    telling = Telling(cover, signs, nodes)
    absent = {node: absences(node, signs, ground.life[node], spans[node][1]) for node in nodes}
    ownership = find_owners(signs, nodes, telling.told)

    def run_end(sign: Sign) -> int:
        ends = [run[1] for log in telling.of[sign.node] if (run := cover.run_at(log, sign.time)) is not None]
        return max(ends, default=sign.time)

    def last_word(sign: Sign) -> int:
        return last_before(ground.life[sign.node], sign.time) or sign.time

    found = clashes([claim for node in nodes for claim in claimed_by(node, signs, run_end, last_word)])
    scene = Scene(
        signs=signs,
        misfits=ownership.misfits,
        tenures=tenures(signs, nodes, ownership, (cover, telling), absent),
        absent=absent,
        contested=contested_spans(found),
        stops_told=telling.stops_told,
        sharp=ground.sharp,
        shown_sharply=ground.shown_sharply,
        cap=weaker(cap, Confidence.CERTAIN),
    )
    moves = moves_of(scene, telling.told)
    pieces = no_surer([piece for node in nodes for piece in intervals_of(node, *spans[node], scene)], moves)
    if len(nodes) > 1:
        # Where one of two clocks may have been set unseen, no time of the one is certain on the other.
        unseen = {node for node in nodes if not telling.watched(node)}
        unsure = unseen | (set(nodes[1:]) if nodes[0] in unseen else set())
        pieces = [at_most_probable(piece) if piece.node in unsure - {nodes[0]} else piece for piece in pieces]
    shown = clocks.shown
    return RoleHistory(
        group=group,
        nodes=nodes,
        clock_offsets=clocks.offsets(),
        intervals=tuple(
            RoleInterval(f"role:{n}", p.node, p.role, shown(p.start), shown(p.end), *p[4:])
            for n, p in enumerate(sorted(pieces, key=lambda p: (p.start, p.node)), start=1)
        ),
        transitions=tuple(
            RoleTransition(
                f"transition:{n}", m.from_node, m.to_node, shown(m.earliest), shown(m.time), shown(m.latest), *m[5:]
            )
            for n, m in enumerate(moves, start=1)
        ),
        conflicts=tuple(
            RoleConflict(f"conflict:{n}", shown(c.start), shown(c.end), *c[2:]) for n, c in enumerate(found, start=1)
        ),
        why=why,
    )
