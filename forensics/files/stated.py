"""What every finding states alike: how sure it is, and its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.files.model import Finding
from forensics.roles.confidence import weaker
from forensics.roles.model import Confidence

if TYPE_CHECKING:
    from forensics.files.model import Cause, Kind
    from forensics.files.saves import Save
    from forensics.files.story import Story
    from forensics.files.world import World

_CLEAR_MARGIN: Final = 1.0
_OPEN_MARGIN: Final = 0.05


def how_sure(story: Story, world: World, save: Save, other: Confidence) -> Confidence:
    """How sure a finding is: its contents are hashed; what can be wrong is who was active, and what was copied."""
    word = weaker(other, world.sure(save.node, save.when.time))
    if not save.sure or not save.when.bounded:
        word = weaker(word, Confidence.PROBABLE)
    if any(node not in world.nodes for node in story.course.held):
        word = Confidence.POSSIBLE  # the logs of a node are not there at all
    if story.margin < _CLEAR_MARGIN:
        word = weaker(word, Confidence.POSSIBLE if story.margin < _OPEN_MARGIN else Confidence.PROBABLE)
    return word


def finding(
    story: Story,
    node: str,
    kind: tuple[Kind, Cause],
    span: tuple[int, int],
    save: Save,
    word: Confidence,
    evidence: tuple[str, ...],
    why: str,
) -> Finding:
    """One finding on the content of a save, without what only all files together tell: id, sets, live places.

    Args:
        story: the file.
        node: whose file lacks the content.
        kind: what happened, and why.
        span: when, on the reference's clock.
        save: of the content.
        word: how sure.
        evidence: references, those of the save left out.
        why: one sentence.
    """
    return Finding(
        id="",
        file=story.name,
        node=node,
        kind=kind[0],
        cause=kind[1],
        earliest=min(span),
        latest=max(span),
        lost=save.version,
        current=None,
        recoverable_from=(),
        live_on=(),
        confidence=word,
        evidence=tuple(dict.fromkeys((*evidence, *save.evidence))),
        contradicted_by=(),
        why=why,
    )
