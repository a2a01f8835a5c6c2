"""What was lost of one file: the course of its contents read by descent, never by times alone.

A content is lost where it was saved on purpose, and what is in place now was not made from it. Which of the contract's
kinds that is follows from how it went: it never reached the node that became active (`lost_update`), older content
came over it (`stale_overwrite`), defaults or a rebuilt file took its place (`reset`), or it stands on the active node
and the passive one holds something that replication will not replace (`divergence`).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from forensics.files.descent import EDITS, FRESH, Descent
from forensics.files.model import Cause, Finding, Kind, Version
from forensics.files.stated import finding, how_sure
from forensics.files.unreached import never_came
from forensics.roles.confidence import weaker
from forensics.roles.model import Confidence, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from forensics.files.replay import Change
    from forensics.files.saves import Save
    from forensics.files.story import Story
    from forensics.files.world import World


class _Known(NamedTuple):
    """One file's story, read.

    Attributes:
        descent: which content was made from which.
        saves: how each version came into being.
        last: the node that was active last.
        newer: by version how many saves were made from it.
        first: by node and version the place of the change by which the node had it first.
        line: by node from when on it held what.
        breaks: by node the changes that took a content away: what came was not made from what was there.
    """

    descent: Descent
    saves: Mapping[Version, Save]
    last: str
    newer: Mapping[Version, int]
    first: Mapping[str, Mapping[Version, int]]
    breaks: Mapping[str, Sequence[Change]]
    line: Mapping[str, tuple[Sequence[int], Sequence[Version | None]]]


def losses_of(story: Story, world: World) -> list[Finding]:
    """The findings on one file, without ids, sets and live places; in the order of the losses."""
    known = _read(story, world)
    if known is None:
        return []
    found: list[Finding] = []
    for save in story.saves:
        if save.how in EDITS:
            found += _lost(save, story, world, known)
    found = [one if one.node in story.live else _unseen(one) for one in _one_for_each(found, known.descent)]
    found += _divergences(story, world, (known.saves, known.last), found)
    return sorted(found, key=lambda one: (one.earliest, one.latest, one.node, one.kind))


def _read(story: Story, world: World) -> _Known | None:
    changes, held = story.course.changes, story.course.held
    last = world.last_active()
    if last is None or held.get(last) is None:
        last = next((node for node in sorted(held) if held[node] is not None), None)
    if last is None:
        return None
    descent = Descent(changes, [save.version for save in story.saves])
    return _Known(
        descent,
        {save.version: save for save in story.saves},
        last,
        descent.counts([save.version for save in story.saves if save.how in EDITS]),
        {node: descent.first(changes, node) for node in held},
        {
            node: [c for c in changes if c.node == node and c.old is not None and not descent.holds(c.new, c.old)]
            for node in held
        },
        {node: _line(changes, node) for node in held},
    )


def _line(changes: Sequence[Change], node: str) -> tuple[list[int], list[Version | None]]:
    times: list[int] = []
    versions: list[Version | None] = []
    for change in changes:
        if change.node == node:
            times.append(max(change.low, times[-1]) if times else change.low)
            versions.append(change.new)
    return times, versions


def _lost(save: Save, story: Story, world: World, known: _Known) -> Iterator[Finding]:
    """What became of one saved content, on every node."""
    descent, held = known.descent, story.course.held
    superseded = known.newer.get(save.version, 0) > 0
    in_place = descent.holds(held.get(known.last), save.version)
    if save.how == "passive_edit" and not in_place and not superseded:
        loss = _passive_edit_lost(save, story, world, known)
        if loss is not None:
            yield loss
        return
    for node in sorted(held):
        loss = _loss_on(node, save, story, world, known)
        if loss is None or (superseded and not _was_last(save, loss, story, descent)):
            continue
        again = descent.holds(held[node], save.version)
        mended = again or (in_place and node != known.last and loss.kind is Kind.LOST_UPDATE)
        if mended and (loss.kind, loss.cause) == (Kind.STALE_OVERWRITE, Cause.UNKNOWN):
            continue  # it was here, then there, and here again, and nothing says why: that may be read otherwise
        yield replace(loss, current=held[node], mended=mended)


def _unseen(loss: Finding) -> Finding:
    """A loss on a node whose live file is not in the evidence: what it has now nobody can tell."""
    why = f"{loss.why} What {loss.node} has now is not in the evidence."
    return replace(loss, confidence=weaker(loss.confidence, Confidence.PROBABLE), why=why)


def _passive_edit_lost(save: Save, story: Story, world: World, known: _Known) -> Finding | None:
    """A content saved on the passive node that is nowhere in force: the active node never had it, the other lost it."""
    descent, last = known.descent, known.last
    held = story.course.held
    if any(descent.holds(held[node], save.version) for node in held):
        return None
    gone = next(
        (
            change
            for change in known.breaks.get(save.node, ())
            if descent.holds(change.old, save.version) and not descent.holds(change.new, save.version)
        ),
        None,
    )
    if gone is None:
        return None
    why = (
        f"{story.name} was saved on {save.node} while it was passive, so the change never came to the active node, "
        f"whose next one was copied over it."
    )
    evidence = (*story.references.get(save.version, ())[:3], *gone.evidence[:2])
    word = how_sure(story, world, save, Confidence.CERTAIN)
    kind = (Kind.LOST_UPDATE, Cause.PASSIVE_EDIT)
    # It began with the save that was copied over it.
    other = known.saves.get(gone.new) if gone.new is not None else None
    low = min(gone.low, other.when.low) if other is not None else gone.low
    return replace(finding(story, last, kind, (low, gone.high), save, word, evidence, why), current=held[last])


def _was_last(save: Save, loss: Finding, story: Story, descent: Descent) -> bool:
    """Whether the content, though something was made from it later, was the last of its line when it was lost."""
    for change in story.course.changes:
        if (
            change.node == loss.node
            and change.old is not None
            and change.low <= loss.latest
            and change.high >= loss.earliest
        ):
            return change.old == save.version and not descent.holds(change.new, save.version)
    return False


def _loss_on(node: str, save: Save, story: Story, world: World, known: _Known) -> Finding | None:
    """How a node lost a content, or did not get it in time; None where nothing of the kind happened."""
    descent, changes = known.descent, story.course.changes
    taken = [
        change
        for change in known.breaks[node]
        if descent.holds(change.old, save.version) and not descent.holds(change.new, save.version)
    ]
    if taken:
        return _taken(node, save, taken[-1], story, world, known)
    if save.node == node:
        return None
    arrival = known.first[node].get(save.version)
    came = changes[arrival].low if arrival is not None else None
    if came is None:
        made = _made_after(story.course.held.get(node), save, known)
        if made is not None:
            return _made_anew(node, save, made, story, world)
    if not save.sure:
        return None  # where it was saved is not known, so neither is what it had to reach
    move = world.move_to(node, save.when.low)
    if move is None or _held_at(node, move.time, known) is None or (came is not None and came <= move.time):
        return None
    if not any(
        one.node == node
        and one.time > save.when.time
        and (came is None or one.time < came)
        and not descent.holds(one.version, save.version)
        for one in story.seen
    ):
        return None  # nothing shows that the node lacked it
    held = _held_at(node, move.time, known)
    return never_came(node, save, move, known.saves.get(held) if held is not None else None, story, world)


def _made_after(version: Version | None, save: Save, known: _Known) -> Save | None:
    """The file, made anew by the product after a save, that a content goes back to; else None."""
    root = known.saves.get(known.descent.root(version)) if version is not None else None
    return root if root is not None and root.how in FRESH and root.when.time > save.when.time else None


def _made_anew(node: str, save: Save, made: Save, story: Story, world: World) -> Finding:
    """A content that never was on a node's present disk, and whose place there a fresh file of the product has."""
    came = next((c for c in story.course.changes if c.node == node and c.new == made.version), None)
    span = (came.low, came.high) if came is not None else (made.when.low, made.when.high)
    source = came.source if came is not None and came.how not in FRESH else None
    word = weaker(how_sure(story, world, save, Confidence.CERTAIN), world.sure(made.node, made.when.time))
    evidence = (
        *story.references.get(save.version, ())[:2],
        *made.evidence,
        *story.references.get(made.version, ())[:2],
    )
    return _reset(node, save, (made, source, span), story, world, word, evidence)


def _reset(
    node: str,
    save: Save,
    how: tuple[Save, str | None, tuple[int, int]],
    story: Story,
    world: World,
    word: Confidence,
    evidence: tuple[str, ...],
) -> Finding:
    """The finding: a fresh file of the product, made on a node and maybe copied from another, is in the place."""
    made, source, span = how
    if made.how == "rebuild":
        cause, what = Cause.SELF_REBUILD, "a rebuilt file"
    elif world.active(made.when.time) == made.node:
        cause, what = Cause.REINSTALL_ON_ACTIVE, "the defaults of an installation on the active node"
    else:
        cause, what = Cause.UNKNOWN, f"the defaults of an installation on {made.node}"
    came = f", copied from {source}," if source else ""
    why = f"On {node} {what}{came} took the place of the configured {story.name}."
    return finding(story, node, (Kind.RESET, cause), span, save, word, evidence, why)


def _held_at(node: str, time: int, known: _Known) -> Version | None:
    times, versions = known.line[node]
    at = bisect_right(times, time) - 1
    return versions[at] if at >= 0 else None


def _taken(
    node: str,
    save: Save,
    change: Change,
    story: Story,
    world: World,
    known: _Known,
) -> Finding | None:
    """What took the place of a content that a node had; None where that is no loss of its own."""
    new = known.saves.get(change.new) if change.new is not None else None
    span = (change.low, change.high)
    evidence = (*story.references.get(save.version, ())[:2], *change.evidence[:2])
    if change.new is not None:
        evidence = (*evidence, *story.references.get(change.new, ())[:2])
    word = how_sure(story, world, save, Confidence.CERTAIN)
    older = new is not None and new.when.time < save.when.time
    made = _made_after(change.new, save, known) if change.how in FRESH | {"copy"} else None
    if change.how == "install" and world.role(node, change.high) is Role.PASSIVE:
        return None  # the defaults of an installation on a passive node are nobody's configuration
    if made is not None:
        source = change.source if change.how == "copy" else None
        return _reset(node, save, (made, source, span), story, world, word, evidence)
    if change.how == "forced":
        why = f"A forced sync on {node}, which ignores times, put older content from {change.source} over {story.name}."
        return finding(story, node, (Kind.STALE_OVERWRITE, Cause.FORCED_SYNC), span, save, word, evidence, why)
    if change.how == "copy" and older:
        why = (
            f"Replication put older content from {change.source} over {story.name} on {node}: the recorded times order "
            "the two otherwise than they were saved."
        )
        return finding(story, node, (Kind.STALE_OVERWRITE, Cause.CLOCK_SKEW), span, save, word, evidence, why)
    if change.how == "unexplained" and older:
        word = weaker(word, Confidence.PROBABLE)
        if world.role(node, change.high) is Role.ACTIVE:
            # On a passive node the next cycle would have brought the newer content back.
            now = world.interval(node, change.high)
            arrived = max((c.low for c in story.course.changes if c.node == node and c.new == change.old), default=0)
            span = (max(change.low, arrived, now.start if now is not None else 0), change.high)
            why = (
                f"Older content with its old time came back over {story.name} on {node} while it was active: a restore."
            )
            return finding(story, node, (Kind.STALE_OVERWRITE, Cause.RESTORE), span, save, word, evidence, why)
        why = f"Older content came over {story.name} on {node}, and no event says how."
        return finding(story, node, (Kind.STALE_OVERWRITE, Cause.UNKNOWN), span, save, word, evidence, why)
    return None


def _divergences(
    story: Story, world: World, known: tuple[Mapping[Version, Save], str], found: Sequence[Finding]
) -> Iterator[Finding]:
    saves, last = known
    theirs = story.course.held.get(last)
    if theirs is None:
        return
    pairs = {frozenset((one.lost, one.current)) for one in found if not one.mended}
    if last not in story.live:
        return
    for node, ours in sorted(story.course.held.items()):
        if node not in story.live or node == last or ours is None or ours.sha256 == theirs.sha256:
            continue
        if (theirs.modified or 0) > (ours.modified or 0) or frozenset((theirs, ours)) in pairs:
            continue
        mine, other = saves.get(ours), saves.get(theirs)
        if mine is None or other is None:
            continue
        if mine.when.time < other.when.time and (ours.modified or 0) > (theirs.modified or 0):
            cause = Cause.CLOCK_SKEW
            why = f"the older content of {story.name} on {node} has the later recorded time"
        elif mine.how == "passive_edit":
            cause, why = Cause.PASSIVE_EDIT, f"{story.name} was saved on {node} while it was passive"
        else:
            cause, why = Cause.UNKNOWN, f"{story.name} differs on {node}"
        why = f"{why[0].upper()}{why[1:]}, so replication from {last} skips it and the two nodes stay different."
        word = how_sure(story, world, mine, Confidence.CERTAIN)
        evidence = (*story.references.get(theirs, ())[:2], *story.references.get(ours, ())[:2])
        start = max(mine.when.time, other.when.time)
        loss = finding(
            story, node, (Kind.DIVERGENCE, cause), (start, max(start, mine.when.high, other.when.high)), other, word,
            evidence, why,
        )  # fmt: skip
        yield replace(loss, current=ours)


def _one_for_each(found: Sequence[Finding], descent: Descent) -> list[Finding]:
    """One finding for each file, node and loss: of contents of one line lost together the last stands for all."""
    kept: list[Finding] = []
    for one in found:
        covered = any(
            other is not one
            and other.node == one.node
            and other.lost != one.lost
            and descent.holds(other.lost, one.lost)
            and (other.mended == one.mended or not other.mended)
            for other in found
        )
        if not covered and not any(o.node == one.node and o.lost == one.lost and o.mended == one.mended for o in kept):
            kept.append(one)
    return kept
