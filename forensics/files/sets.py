"""One backup set while it is put together, and what is said of it in the end: whole, of one moment, how sure, why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from forensics.files.model import BackupSet, Sighting, Trigger
from forensics.files.names import DAY
from forensics.roles.model import Confidence
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from forensics.files.knowledge import Match
    from forensics.files.scene import Scene
    from forensics.files.triggers import Tie

# Archives keep times to two seconds, and a stamp can be taken before the first file is copied.
ROUNDED: Final = 2 * TICKS_PER_SECOND
_TRIGGER_WORDS: Final = {
    Trigger.SERVICE_START: "a start of the service",
    Trigger.ACTIVE_TO_PASSIVE: "a move of the node from active to passive",
}


@dataclass(slots=True)
class Draft:
    """A backup set while it is put together. Times are on the common time line, but for `made`.

    Attributes:
        node, match: whose; what the path of its first file says.
        files: by name.
        copies: the same files of the same set, found a second time elsewhere in the evidence.
        made, basis: FILETIME by the node's own clock, and from what; None and "none".
        resolution: by how many ticks `made` may be too early.
        low, high: not made before, not after.
        tie: what it was made after.
        doubts: sentences on what speaks against it, or what had to be passed over.
    """

    node: str
    match: Match
    files: dict[str, Sighting] = field(default_factory=dict)
    copies: list[Sighting] = field(default_factory=list)
    made: int | None = None
    basis: str = "none"
    resolution: int = 0
    low: int | None = None
    high: int | None = None
    tie: Tie | None = None
    doubts: list[str] = field(default_factory=list)

    @property
    def newest(self) -> int | None:
        """The latest last-modified time in it, raw."""
        return max((m for one in self.files.values() if (m := one.version.modified) is not None), default=None)


def describe(
    draft: Draft,
    around: tuple[Draft | None, Mapping[str, Sighting]],
    scene: Scene,
    doubted: Container[str],
) -> BackupSet:
    """The set as the output has it, without its number.

    Args:
        draft: dated and tied.
        around: the set before it on its node, and what each file was next: in the set after it, else live.
        scene: what it is told by.
        doubted: folders that may be live ones.
    """
    names = scene.knowledge.names
    missing = tuple(name for name in names if name not in draft.files)
    torn = _torn(draft, around, scene)
    doubts = [*draft.doubts, *torn]
    if draft.match.folder in doubted and not draft.match.tag:
        doubts.append("its folder could be the live one")
    if unread := sorted(name for name, one in draft.files.items() if not one.readable):
        doubts.append(f"the content of {_listed(unread)} is not in the case")
    if empty := sorted(name for name, one in draft.files.items() if one.version.size == 0):
        doubts.append(f"{_listed(empty)} {'has' if len(empty) == 1 else 'have'} no content")
    return BackupSet(
        id="",
        node=draft.node,
        location=draft.match.location,
        made=draft.made,
        made_basis=draft.basis,
        low=None if draft.low is None else scene.shown(draft.low),
        high=None if draft.high is None else scene.shown(draft.high),
        trigger=draft.tie.occasion.trigger if draft.tie is not None else Trigger.UNKNOWN,
        files={name: draft.files[name] for name in names if name in draft.files},
        missing=missing,
        complete=not missing,
        consistent=not torn,
        confidence=_confidence(draft, missing, torn, doubts),
        evidence=_evidence(draft),
        why=_why(draft, missing, doubts),
    )


def _torn(draft: Draft, around: tuple[Draft | None, Mapping[str, Sighting]], scene: Scene) -> list[str]:
    """What shows that its files do not belong to one moment.

    Two rules. No file was saved after the set was made, whichever clock set its time. No file went back to what it was
    before an earlier set of the node and then forth again: what is older than in the set before, while the next that is
    known of the file is again as new as there, was not on that disk when the set was made.
    """
    found = []
    if draft.made is not None and draft.high is not None:
        late = [
            name
            for name, one in sorted(draft.files.items())
            if one.version.modified is not None
            and one.version.modified > draft.made + draft.resolution + ROUNDED
            and scene.earliest(draft.node, one.version.modified) > draft.high + ROUNDED
        ]
        if late:
            found.append(f"{_listed(late)} {'was' if len(late) == 1 else 'were'} saved after the set was made")
    before, following = around
    for name, one in sorted(draft.files.items()):
        was = before.files.get(name) if before is not None else None
        then = following.get(name)
        if was is None or then is None:
            continue
        times = was.version.modified, one.version.modified, then.version.modified
        if None not in times and times[1] < times[0] <= times[2]:  # type: ignore[operator]
            found.append(f"{name} is older than in the set before and than what came after")
    return found


def _confidence(draft: Draft, missing: Sequence[str], torn: Sequence[str], doubts: Sequence[str]) -> Confidence:
    """How sure it is that these files are a backup of that moment, made for that reason.

    `certain`: a time from the name or the folder and an event of the logs, after which a backup is documented to be
    made, say the same, every replicated file is there, nothing speaks against. `possible`: something does, or a single
    file without a time could be anybody's copy. Else `probable`.
    """
    if any(one.version.sha256 is None for one in draft.files.values()):
        return Confidence.POSSIBLE
    if torn or any("live one" in doubt for doubt in doubts) or (draft.made is None and len(draft.files) < 2):
        return Confidence.POSSIBLE
    two_kinds = draft.basis in {"stamp", "folder"} and draft.tie is not None and draft.tie.also is None
    if two_kinds and draft.tie is not None and draft.tie.occasion.sure and not missing and not doubts:
        return Confidence.CERTAIN
    return Confidence.PROBABLE


def _evidence(draft: Draft) -> tuple[str, ...]:
    files = [one.reference for _, one in sorted(draft.files.items())]
    copies = sorted((one.reference for one in draft.copies), key=lambda text: int(text.partition(":")[2]))
    return (*files, *copies, *((draft.tie.occasion.reference,) if draft.tie is not None else ()))


def _why(draft: Draft, missing: Sequence[str], doubts: Sequence[str]) -> str:
    if draft.match.mark is not None:
        what = f"A pattern of the profile ({draft.match.mark}) says that it is a backup"
    elif draft.match.tag:
        what = (
            f"{'These files have' if len(draft.files) > 1 else 'This file has'} {draft.match.tag!r} added to the name"
        )
    else:
        what = "These files have the replicated names in a folder that is not the live one"
    texts = [f"{what}; {_dated(draft)}; {_tied(draft)}."]
    if missing:
        texts.append(f"Missing: {_listed(missing)}.")
    if draft.copies:
        texts.append("The same set is in the evidence more than once.")
    texts += [f"{doubt[:1].upper()}{doubt[1:]}." for doubt in doubts]
    return " ".join(texts)


def _dated(draft: Draft) -> str:
    if draft.basis == "stamp" and draft.match.stamp is not None:
        whole = " (a day, no time)" if draft.match.stamp.resolution == DAY else ""
        return f"{draft.match.stamp.text!r} in the name says when{whole}"
    if draft.basis == "folder":
        return "the folder's own time says when"
    if draft.basis == "events" and draft.tie is not None:
        return f"of all events only {draft.tie.occasion.reference} fits the order and the contents of the sets"
    newest = iso_utc(draft.newest)
    return "nothing says when" + (f", but not before {newest}, the time of its newest file" if newest else "")


def _tied(draft: Draft) -> str:
    if draft.tie is None:
        return "no event tells why"
    one, also = draft.tie.occasion, draft.tie.also
    text = f"it was made at {_TRIGGER_WORDS[one.trigger]} ({one.reference})"
    return text + (f", or else at {_TRIGGER_WORDS[also.trigger]} ({also.reference})" if also is not None else "")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
