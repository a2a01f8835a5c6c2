"""The course of one file as its history: each save, installation, rebuilding and copy, where and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.files.model import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.files.model import Version
    from forensics.files.replay import Change
    from forensics.files.saves import Save

# By what a change is called in the course: what it is called in a history, and its sentence.
_TOLD: Final = {
    "edit": ("edit", "{name} was saved on {node}."),
    "passive_edit": ("edit", "{name} was saved on {node} while it was passive."),
    "put": ("unknown", "{name} was put on {node} together with others, by an installation or by somebody."),
    "install": ("install", "An installation put {name} down on {node}."),
    "rebuild": ("rebuild", "The product on {node} made {name} anew."),
    "copy": ("copy", "By its rule replication had copied {name} from {source} to {node} by then."),
    "forced": ("copy", "A forced sync, which ignores times, had copied {name} from {source} to {node}."),
}
_UNKNOWN: Final = ("unknown", "{name} on {node} is another than before, and nothing says how that came.")


def edits_of(name: str, changes: Sequence[Change], saves: Sequence[Save]) -> tuple[Edit, ...]:
    """What became of a file on every node, by time; what went without anything in its place is left out.

    A save stands at its recorded time, put on the reference's clock; of a copy it is known only that it had been made
    at `time`, and not before `low`.

    Args:
        name: the file.
        changes: of its course.
        saves: how its versions came into being.
    """
    saved = {(save.node, save.version): save.when.time for save in saves}
    found = [
        _edit(name, one, one.new, saved.get((one.node, one.new), one.high)) for one in changes if one.new is not None
    ]
    return tuple(sorted(found, key=_order))


def _edit(name: str, change: Change, version: Version, saved: int) -> Edit:
    how, sentence = _TOLD.get(change.how, _UNKNOWN)
    # A copy keeps the time of the save, so that what is the save's is not the copy's.
    time = saved if how in {"edit", "install", "rebuild"} else change.high
    why = sentence.format(name=name, node=change.node, source=change.source or "the other node")
    low, high = min(change.low, time), max(change.high, time)
    return Edit(version, change.node, time, change.old, how, why, low, high, change.evidence)


def _order(one: Edit) -> tuple[int, str, str, int]:
    return one.time or 0, one.node or "", one.version.sha256 or "", one.version.modified or 0
