"""A content that never came to the node that became active: why it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.files.model import Cause, Finding, Kind
from forensics.files.stated import finding, how_sure
from forensics.roles.confidence import weaker
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from forensics.files.saves import Save
    from forensics.files.story import Story
    from forensics.files.world import World
    from forensics.roles.model import RoleTransition

# The contract's window: a cycle, and the seconds by which recorded times may be off.
_SLACK: Final = 2 * TICKS_PER_SECOND


def never_came(node: str, save: Save, move: RoleTransition, there: Save | None, story: Story, world: World) -> Finding:
    """The finding: a content that never came to the node that became active, and why it did not.

    Args:
        node: it.
        save: of the content.
        move: by which the node became active.
        there: how what the node had then came into being; None where that is not known.
        story: the file.
        world: roles and clocks.
    """
    inverted = (
        there is not None
        and (there.version.modified or 0) >= (save.version.modified or 0)
        and there.when.time < save.when.time
    )
    word = how_sure(story, world, save, move.confidence)
    offline = _went_offline(save, move, world)
    waited = offline[1] - save.when.time
    if inverted:
        cause = Cause.CLOCK_SKEW
        why = (
            f"{story.name} was saved on {save.node}, but the older content on {node} has the later recorded time, so "
            f"the change was not copied; then {node} became active."
        )
    elif waited <= world.cycle + _SLACK and world.role(node, save.when.time) is not Role.DOWN:
        cause = Cause.FAILOVER_IN_WINDOW
        before = f"{max(0, waited) // TICKS_PER_SECOND} s" if save.when.bounded else "shortly"
        why = (
            f"{story.name} was saved on {save.node} {before} before the group went offline there, less than a cycle, "
            f"and the change had not been copied when {node} became active."
        )
    elif _may_be_in_window(node, save, offline, world):
        cause, word = Cause.FAILOVER_IN_WINDOW, weaker(word, Confidence.PROBABLE)
        why = (
            f"{story.name} was saved on {save.node} shortly before the group went offline there, as far as the clocks "
            f"tell; {node} would have copied the change within a cycle, and had not when it became active."
        )
    else:
        cause = Cause.UNKNOWN
        why = f"{story.name} was saved on {save.node}, and the change never came to {node}, which became active."
    evidence = (*story.references.get(save.version, ())[:3], *move.evidence[:4])
    # It was there before it was lost.
    span = (min(max(move.earliest, save.when.time + 1), move.latest), move.latest)
    return finding(story, node, (Kind.LOST_UPDATE, cause), span, save, word, evidence, why)


def _may_be_in_window(node: str, save: Save, offline: tuple[int, int], world: World) -> bool:
    """Whether a save may have been within a cycle, as far as clocks tell, while a node was there to copy it."""
    end = save.when.time + world.cycle
    return (
        offline[0] - save.when.high <= world.cycle + _SLACK
        and world.role(node, save.when.time) is Role.PASSIVE
        and world.role(node, min(end, offline[1])) is not Role.DOWN
    )


def _went_offline(save: Save, move: RoleTransition, world: World) -> tuple[int, int]:
    """When the group began to go offline on the node of a save that lost it: not before, and most likely."""
    term = world.term(save.node, move.time)
    going = world.going_offline(save.node, move.time)
    if going is not None and (term is None or going >= term.start):
        return going, going
    if term is not None and save.when.time <= term.end <= move.time:
        return min(term.end, max(move.earliest, save.when.time)), term.end
    # It stopped unseen: after the save, and before the other node took over.
    return save.when.time, max(move.time, save.when.time)
