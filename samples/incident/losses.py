"""What was lost, told by descent: which content was made from which, and what each node's file held when.

Times decide nothing here but the order of two saves that have nothing to do with each other, and that by true time. So
an analysis, which has recorded times and bytes alone, cannot be wrong in the same way.

The rules, beside those of the findings' kinds:

- A content is there where it, or one that was made from it, is there. Old bytes that somebody saves anew on the active
  node are made from both: from what they replaced, which their operator knew, and from what they are.
- Of several saves that were lost together the last one stands for all: it contains the others.
- Defaults and files that the product made anew are nobody's configuration: that they are replaced is no loss.
- A disk that is lost takes no configuration with it that the other node has, and what is put on the new one while the
  node is passive replaces nothing. The defaults of an installation on the active node do: they are in force there, in
  place of what the node had. A file that was deleted and made anew was replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from samples.incident.cluster import CYCLE
from samples.incident.content import REPLICATED
from samples.incident.operations import NOBODYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samples.incident.simulation import Simulation
    from samples.incident.world import Change, FileState, Revision, Transition

STALE, LOST, DIVERGENCE, RESET = "stale_overwrite", "lost_update", "divergence", "reset"


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss, as a finding states it.

    Attributes:
        file, node, kind, cause: the contract's words.
        lost: what is no longer in place.
        current: what the node's file holds at the end; None: it has none.
        began: from when on the damage was on its way: the copy, installation or move that led to it.
        began_also: another moment of which the same may be said.
        time: when the node's file was replaced, or when the node became active without the content.
        in_place: at the end the node still lacks the content.
        node_also: other nodes of which the same may be said as well.
        arguable: a reading of the rules has this row, another has not.
    """

    file: str
    node: str
    kind: str
    cause: str
    lost: FileState
    current: FileState | None
    began: int
    time: int
    in_place: bool
    node_also: tuple[str, ...] = ()
    began_also: int | None = None
    arguable: bool = False

    @property
    def fact(self) -> tuple[str, str, int]:
        """What there is one finding of: file, node and content."""
        return self.file, self.node, self.lost.revision.number


class Losses:
    """What a finished simulation lost."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._truth = simulation.truth
        self._moves = [move for move in self._truth.transitions if move.group == simulation.setting.cms]
        self._ancestors: dict[int, frozenset[int]] = {}

    # -- descent -----------------------------------------------------------------------------------------------------

    def ancestors(self, revision: Revision) -> frozenset[int]:
        """Numbers of the revision and of everything that it was made from."""
        known = self._ancestors.get(revision.number)
        if known is None:
            known = frozenset({revision.number})
            for number in (revision.parent, revision.again):
                if number is not None:
                    known |= self.ancestors(self._truth.revisions[number])
            self._ancestors[revision.number] = known
        return known

    def holds(self, state: FileState | None, revision: Revision) -> bool:
        """Whether a file's state contains a revision, by descent or as bytes."""
        if state is None:
            return False
        return revision.number in self.ancestors(state.revision) or state.revision.content == revision.content

    def lineage(self, revision: Revision) -> list[Revision]:
        """The revision and what it was saved over, one after the other, back to the first."""
        found = [revision]
        while (number := found[-1].parent) is not None:
            found.append(self._truth.revisions[number])
        return found

    # -- the world ---------------------------------------------------------------------------------------------------

    def _final(self, node: str, file: str) -> FileState | None:
        return self._simulation.nodes[node].files.get(file)

    def _active_at(self, time: int) -> str | None:
        """The node that was active at a moment, or was last before it."""
        roles = [(at, node) for at, group, node, role in self._truth.roles if role == "active" and at <= time]
        return max(roles)[1] if roles else None

    @cached_property
    def active(self) -> str | None:
        """The node that is active at the end, or was last."""
        return self._simulation.active or self._active_at(self._simulation.now)

    def _changes(self, node: str, file: str) -> list[Change]:
        return [change for change in self._truth.changes if (change.node, change.file) == (node, file)]

    def _held(self, node: str, file: str, since: int, until: int) -> Iterator[FileState | None]:
        """Every state that a node's file had in some time."""
        before = None
        for change in self._changes(node, file):
            if change.time > since:
                break
            before = change.after
        yield before
        for change in self._changes(node, file):
            if since < change.time <= until:
                yield change.after

    # -- what was lost -----------------------------------------------------------------------------------------------

    def all(self) -> list[Loss]:
        """Every loss, in place, mended or arguable, by the time at which it happened."""
        found: list[Loss] = []
        for file in REPLICATED:
            rows = [row for node in self._simulation.nodes for row in self._replaced(node, file)]
            rows += self._left_behind(file)
            rows = self._last_of_each(rows)
            found += rows
            found += self._divergence(file, rows)
        return sorted(found, key=lambda row: (row.time, row.file, row.node, row.kind))

    def _row(self, loss: Loss) -> Loss:
        current = self._final(loss.node, loss.file)
        return replace(loss, current=current, in_place=not self.holds(current, loss.lost.revision))

    def _replaced(self, node: str, file: str) -> Iterator[Loss]:
        """Contents that were on a node's disk, and were replaced by older ones or by nobody's."""
        held: FileState | None = None
        on_old_disk: FileState | None = None
        for change in self._changes(node, file):
            if change.how == "disk":
                held, on_old_disk = None, change.before
            if change.after is None:
                continue
            before, held = held, change.after
            if before is None:
                reset = on_old_disk and self._reset(change, on_old_disk)
                if reset and reset.cause == "reinstall_on_active":
                    yield reset
                continue
            if before.revision.made_by in NOBODYS or self.holds(change.after, before.revision):
                continue
            if reset := self._reset(change, before):
                yield reset
            elif change.after.revision.time < before.revision.time:
                cause = {"forced": "forced_sync", "preserved": "restore", "copy": "clock_skew"}.get(
                    change.how, "unknown"
                )
                yield self._row(Loss(file, node, STALE, cause, before, None, change.time, change.time, in_place=True))

    def _reset(self, change: Change, before: FileState) -> Loss | None:
        """The loss, where the content that came was made, after the lost one, by the product itself."""
        if change.after is None or before.revision.made_by in NOBODYS or self.holds(change.after, before.revision):
            return None
        numbers = sorted(self.ancestors(change.after.revision))
        revisions = (self._truth.revisions[number] for number in numbers)
        made = next((r for r in revisions if r.made_by in NOBODYS and r.time > before.revision.time), None)
        if made is None:
            return None
        cause = (
            "self_rebuild"
            if made.made_by == "rebuild"
            else "reinstall_on_active"
            if made.role == "active"
            else "unknown"
        )
        row = Loss(change.file, change.node, RESET, cause, before, None, made.time, change.time, in_place=True)
        return self._row(row)

    def _left_behind(self, file: str) -> Iterator[Loss]:
        """Saves that never reached a node that became active, and saves on a passive node that were copied over."""
        for revision in self._truth.revisions:
            if revision.file != file or revision.made_by in NOBODYS:
                continue
            state = self._saved(revision)
            move = next((m for m in self._moves if m.online > revision.time and m.target != revision.node), None)
            copied_over = self._copied_over(revision)
            if copied_over is not None:
                active = self._active_at(copied_over.time) or copied_over.node
                also = tuple(node for node in self._simulation.nodes if node != active)
                row = Loss(
                    file, active, LOST, "passive_edit", state, None, copied_over.time, copied_over.time, in_place=True
                )
                saved = copied_over.after and copied_over.after.revision.time
                yield self._row(replace(row, node_also=also, began_also=saved))
            elif move is not None and self._never_reached(revision, move):
                cause = self._cause(state, move)
                yield self._row(
                    Loss(file, move.target, LOST, cause, state, None, move.asked, move.online, in_place=True)
                )

    def _saved(self, revision: Revision) -> FileState:
        changes = self._changes(revision.node, revision.file)
        return next(c.after for c in changes if c.after is not None and c.after.revision.number == revision.number)

    def _copied_over(self, revision: Revision) -> Change | None:
        """A copy that replaced, on the node that was passive then, what had been saved there and was nowhere else."""
        if revision.role != "passive":
            return None
        for change in self._truth.changes:
            if (change.file, change.time >= revision.time) != (revision.file, True):
                continue
            if change.node != revision.node and self.holds(change.after, revision):
                return None
            if change.node == revision.node and change.before is not None and change.after is not None:
                was, now = change.before.revision, change.after.revision
                if self.holds(change.before, revision) and not self.holds(change.after, revision):
                    return (
                        change if change.how == "copy" and now.time > was.time and now.made_by not in NOBODYS else None
                    )
        return None

    def _never_reached(self, revision: Revision, move: Transition) -> bool:
        held = list(self._held(move.target, revision.file, revision.time, move.online))
        return held[-1] is not None and not any(self.holds(state, revision) for state in held)

    def _cause(self, saved: FileState, move: Transition) -> str:
        revision = saved.revision
        if revision.role == "passive":
            return "passive_edit"
        if revision.node == move.source and 0 <= move.offline - revision.time <= CYCLE:
            return "failover_in_window"
        theirs = list(self._held(move.target, revision.file, move.asked, move.asked))[-1]
        if theirs is not None and theirs.revision.time < revision.time and theirs.modified >= saved.modified:
            return "clock_skew"
        return "unknown"

    def _last_of_each(self, rows: list[Loss]) -> list[Loss]:
        """One row for each file, node and content; of contents that contain each other the last."""
        found: list[Loss] = []
        for row in sorted(rows, key=lambda row: (row.arguable, row.time)):
            if any(row.fact == other.fact for other in found):
                continue
            found.append(row)
        return [
            row
            for row in found
            if not any(
                (row.file, row.node, row.in_place) == (other.file, other.node, other.in_place)
                and row.lost.revision.number in self.ancestors(other.lost.revision) - {other.lost.revision.number}
                for other in found
            )
        ]

    def _divergence(self, file: str, rows: list[Loss]) -> Iterator[Loss]:
        """The two files differ at the end, and the passive node skips the active one's."""
        if self.active is None:
            return
        theirs = self._final(self.active, file)
        for node in self._simulation.nodes:
            ours = self._final(node, file)
            if node == self.active or theirs is None or ours is None:
                continue
            if theirs.revision.content == ours.revision.content or theirs.modified > ours.modified:
                continue
            pair = {theirs.revision.content, ours.revision.content}
            is_told = any(
                row.in_place
                and row.current is not None
                and {row.lost.revision.content, row.current.revision.content} == pair
                and (row.kind == LOST or row.node == node)
                for row in rows
            )
            if is_told:
                continue
            time = max(change.time for at in (node, self.active) for change in self._changes(at, file))
            cause, arguable = self._why_apart(file, theirs, ours, node)
            yield Loss(file, node, DIVERGENCE, cause, theirs, ours, time, time, in_place=True, arguable=arguable)

    def _why_apart(self, file: str, theirs: FileState, ours: FileState, node: str) -> tuple[str, bool]:
        """The cause; and whether one may say as well that what happened on the active node is told already."""
        last = self._changes(self.active or "", file)[-1]
        if last.how == "preserved":
            return "restore", True
        made = ours.revision
        if made.node == node and made.role == "passive" and made.made_by not in NOBODYS:
            return "passive_edit", False
        if theirs.revision.time > made.time:
            return "clock_skew", False
        return "unknown", False
