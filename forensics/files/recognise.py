"""Files of the evidence told apart as live files and backup sets, each set dated as far as anything dates it.

Rules, in their order. A file is set apart where its content is another program's (a Firebird database). The live
folder of a node is told by `homes`. Every other file under a replicated file's name, or with something added to it,
is of a backup: plain names of one folder are one set, names with the same addition in one folder are one set;
additions that differ in a stamp by seconds are one set, because files are copied one after the other. A set is dated
by the stamp in its name, else by its folder, else by the one event that fits (`triggers`), else not at all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from forensics.files.dating import date
from forensics.files.homes import Seen, home_of
from forensics.files.model import BackupSet, FileEvidence, Sighting
from forensics.files.sets import Draft, describe
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from forensics.files.scene import Scene

_ONE_BACKUP: Final = 10 * TICKS_PER_SECOND


def recognise(sightings: Iterable[Sighting], scene: Scene) -> FileEvidence:
    """Live files, backup sets and what is neither, of all nodes. Does not depend on the order of `sightings`."""
    by_node: dict[str, list[Seen]] = defaultdict(list)
    other: list[Sighting] = []
    notes: set[str] = set()
    for sighting in sightings:
        match = scene.knowledge.match(sighting.path, sighting.node)
        if sighting.set_apart is not None:
            notes.add(f"{sighting.node}: {sighting.path} is no version of {sighting.name}: {sighting.set_apart}.")
        if match is None or sighting.set_apart is not None:
            other.append(sighting)
        else:
            by_node[sighting.node].append(Seen(sighting, match))
    live: dict[str, dict[str, Sighting]] = {}
    sets: list[BackupSet] = []
    collected: dict[str, int] = {}
    for node, rows in sorted(by_node.items()):
        seen = _with_content(rows, other)
        seen.sort(key=lambda one: (one.sighting.path, *_newest_first(one.sighting)))
        home = home_of(node, seen, scene.beside, scene.knowledge)
        if home.rival is not None:
            notes.add(
                f"{node}: {home.folder} is taken for the live folder, because its newest file is newer;"
                f" {home.rival} could be it as well."
            )
        live[node] = _first_of_each([one for one in seen if _is_live(one, home.folder)], other)
        drafts = _grouped(node, [one for one in seen if not _is_live(one, home.folder)], other)
        drafts = _without_live(drafts, live[node], home.folder, other)
        newest = max((one.sighting.version.modified or 0 for one in seen), default=0)
        collected[node] = max(scene.ends.get(node, 0), newest)
        date(drafts, scene, node)
        doubted = {home.rival} if home.rival is not None else set()
        sets += [describe(draft, around, scene, doubted) for draft, around in _in_sequence(drafts, live[node])]
    order = sorted(sets, key=lambda one: (one.node, one.made is None, one.made or 0, one.location))
    return FileEvidence(
        names=scene.knowledge.names,
        live=live,
        sets=tuple(replace(one, id=f"backup:{number}") for number, one in enumerate(order, start=1)),
        other=tuple(sorted(other, key=lambda one: (one.node, one.path, *_newest_first(one)))),
        collected=collected,
        notes=tuple(sorted(notes)),
    )


def _with_content(seen: list[Seen], other: list[Sighting]) -> list[Seen]:
    """What is to be told apart: what a listing names counts only where nothing of the node itself was collected."""
    contents = [one for one in seen if one.sighting.version.sha256 is not None]
    if not contents:
        return seen
    other += [one.sighting for one in seen if one.sighting.version.sha256 is None]
    return contents


def _newest_first(one: Sighting) -> tuple[int, str]:
    return -(one.version.modified or 0), one.version.sha256 or ""


def _is_live(one: Seen, folder: str | None) -> bool:
    return folder is not None and one.match.folder == folder and not one.match.tag and one.match.mark is None


def _grouped(node: str, seen: Sequence[Seen], other: list[Sighting]) -> list[Draft]:
    """Files put together as sets; of two files of one name in a set the older one goes to `other`."""
    plain: dict[str, list[Seen]] = defaultdict(list)
    stamped: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        is_stamped = one.match.stamp is not None and bool(one.match.tag)
        (stamped[one.match.series] if is_stamped else plain[one.match.location]).append(one)
    groups = list(plain.values())
    for rows in stamped.values():
        groups += _by_moment(rows)
    drafts = []
    for group in groups:
        # Of two files of one name at one place, collected at two times, the newer one says what was there last.
        group.sort(key=lambda one: _newest_first(one.sighting))
        drafts.append(
            Draft(
                node, min((one.match for one in group), key=lambda match: match.location), _first_of_each(group, other)
            )
        )
    return _merged(sorted(drafts, key=lambda draft: draft.match.location))


def _first_of_each(seen: Iterable[Seen], other: list[Sighting]) -> dict[str, Sighting]:
    """The first file of each name; the others go to `other`."""
    found: dict[str, Sighting] = {}
    other.extend(one.sighting for one in seen if found.setdefault(one.sighting.name, one.sighting) is not one.sighting)
    return found


def _without_live(
    drafts: Iterable[Draft], live: dict[str, Sighting], folder: str | None, other: list[Sighting]
) -> list[Draft]:
    """Sets without the live folder that is in the evidence a second time: it is no backup of itself."""
    kept = []
    for draft in drafts:
        again = (
            folder is not None
            and not draft.match.tag
            and draft.match.folder.rpartition("/")[2] == folder.rpartition("/")[2]
            and all(name in live and live[name].version == one.version for name, one in draft.files.items())
        )
        if again:
            other.extend([*draft.files.values(), *draft.copies])
        else:
            kept.append(draft)
    return kept


def _by_moment(rows: Sequence[Seen]) -> Iterator[list[Seen]]:
    """Files of one scheme whose stamps are seconds apart: copied one after the other, each name once."""
    group: list[Seen] = []
    names: set[str] = set()
    last = 0
    for one in sorted(rows, key=lambda row: (row.match.stamp or (0,))[0]):
        time = one.match.stamp.time if one.match.stamp is not None else 0
        again = one.sighting.name in names and one.match.location != group[-1].match.location
        if group and (again or time - last > _ONE_BACKUP):
            yield group
            group, names = [], set()
        group.append(one)
        names.add(one.sighting.name)
        last = time
    if group:
        yield group


def _merged(drafts: Sequence[Draft]) -> list[Draft]:
    """Sets without those that are in the evidence a second time: equal files under an equal folder or pattern."""
    kept: dict[tuple[object, ...], Draft] = {}
    for draft in drafts:
        own = draft.match.location.rpartition("/")[2].casefold()
        files = frozenset((name, one.version) for name, one in draft.files.items())
        stamp = draft.match.stamp.time if draft.match.stamp is not None else None
        first = kept.setdefault((own, stamp, draft.match.tag == "", files), draft)
        if first is not draft:
            first.copies += [one for _, one in sorted(draft.files.items())]
    return list(kept.values())


def _in_sequence(
    drafts: Sequence[Draft], live: dict[str, Sighting]
) -> Iterator[tuple[Draft, tuple[Draft | None, dict[str, Sighting]]]]:
    """Each set with the one before it, and with what each file is next: in the first later set that has it, or live."""
    dated = sorted((draft for draft in drafts if draft.made is not None), key=lambda draft: draft.made or 0)
    following = dict(live)
    found = []
    for at in range(len(dated) - 1, -1, -1):
        found.append((dated[at], (dated[at - 1] if at else None, dict(following))))
        following |= dated[at].files
    yield from reversed(found)
    for draft in drafts:
        if draft.made is None:
            yield draft, (None, {})
