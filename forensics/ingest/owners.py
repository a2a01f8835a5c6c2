"""Whose log a file is: the one rule, and the one answer, kept in the case.

A Server 2003 cluster copies the entries of each node to the logs of all others (KB283078), so most entries of a log may
well be another node's: it is enough that its own node was down for an hour. `evidence.node` stays what most entries
say; whose log it is, where that differs, stands in `facts` as `owner`. It is told in this order:

1. what the analyst said;
2. the starts of the machine, which are logged before the cluster service could copy anything (inferred);
3. two files of one log and one time that are not one log are not one node's;
4. a copy is never in a log before its original is in another;
5. the folder, or the file, is called after a node, which has a fair share of the entries that are no copies;
6. copies get lost, originals do not: entries that the other file has not are the owner's;
7. the computer of most entries.

Files in one folder are one node's unless one of these says otherwise, so what one log says counts for those beside it.
An .evtx holds no copies: where its machine was renamed, it is that of the last name.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, pairwise, product
from math import log, prod
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.values import text_from_sql
from forensics.catalogue import catalogue_of
from forensics.claims import Claim
from forensics.ingest.nodes import NodeBasis, computers_of, entries_of
from forensics.ingest.rivals import Comparison, Rivals, compare
from parsers.kinds import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case

# A start that was copied all the same, or a stray one, must not decide.
_CLEARLY: Final = 3
# A name has a fair share of a log with one of so many entries that are no copies.
_FAIR: Final = 3
# A log in which a name has less than one of so many is not that node's, whatever the logs beside it are.
_LEAST_PART: Final = 20
_NAMES: Final = 4  # that a log may be of, the likeliest ones
_CHOICES: Final = 4096  # of names for files that cannot be of one node: beyond, each takes what is left
_DEPTH: Final = 32  # folders that are looked at
_WORDS_READ: Final = 8  # of a file's name
_WORDS = re.compile(r"[^\W_]+")


class Start(NamedTuple):
    """What a machine logs when it starts: event id, and the sources as the case has them."""

    event_id: int
    sources: tuple[str, ...]


def starts_of(case: Case) -> list[Start]:
    """How starts of machines look in this case, by its profile.

    Raises:
        ProfileError: the case's profile is bad.
    """
    catalogue = catalogue_of(case)
    ids = sorted({row.id for row in catalogue.profile.events if row.claim is Claim.BOOT and row.id is not None})
    # Each source once, by jumps through the index.
    sources = case.rows(
        "WITH RECURSIVE found(source) AS (SELECT min(source) FROM events UNION ALL"
        " SELECT (SELECT min(source) FROM events WHERE source > found.source) FROM found WHERE source IS NOT NULL)"
        " SELECT source FROM found WHERE source IS NOT NULL"
    )
    names = [source for (source,) in sources if isinstance(source, str)]
    return [
        Start(
            event_id,
            tuple(
                name
                for name in names
                if any(row.claim is Claim.BOOT for row in catalogue.precedence(text_from_sql(name), event_id)[:1])
            ),
        )
        for event_id in ids
    ]


def holds_copies(rows: Iterable[EvidenceRow]) -> bool:
    """Whether some of the evidence may hold entries that were copied from node to node."""
    return any(row.kind in _MIXED and row.node_basis in _SURE for row in rows)


@dataclass(slots=True)
class _File:
    """A log as far as its owner is concerned.

    Attributes:
        entries: live entries by computer.
        alone: those that no rival has, of the times that it can be compared for; all where it has none.
        starts: of machines.
        folders: on its path, the nearest last; `name` is its own, `names` what both say, the nearest first. Upper case.
        log: its name, as far as it has one.
    """

    id: int
    given: str | None
    entries: Counter[str]
    alone: Counter[str]
    starts: Counter[str]
    folders: list[str]
    names: list[str]
    name: str
    log: str | None


@dataclass(slots=True)
class _Home:
    """Files that are one node's."""

    files: list[_File]
    rivals: set[int] = field(default_factory=set)
    scores: dict[str, _Score] = field(default_factory=dict)


class _Score(NamedTuple):
    """How much speaks for a home being a node's, in the order of the rules."""

    given: int = 0
    starts: int = 0
    apart: int = 0
    delay: int = 0
    named: int = 0
    alone: int = 0
    most: int = 0

    def plus(self, other: _Score) -> _Score:
        return _Score(*(mine + its for mine, its in zip(self, other, strict=True)))


def settle_owners(case: Case, rows: Sequence[EvidenceRow], starts: Sequence[Start], *, lines: bool) -> dict[int, str]:
    """Evidence id -> whose log it is, for every log that names computers.

    Args:
        case: with the temporary tables of `ingest.copies` filled, but for what depends on owners.
        rows: all evidence.
        starts: as `starts_of` gives them.
        lines: whether there are entries that may be in the case twice.

    Raises:
        FailedError: the case cannot be read.
    """
    owners = {row.id: row.node for row in rows if row.node and row.node_basis in _SURE}
    mixed = {row.id: row for row in rows if row.id in owners and row.kind in _MIXED}
    for row in rows:
        if row.kind == Kind.EVTX and row.node_basis == NodeBasis.EVENTS and len(computers_of(row)) > 1:
            owners[row.id] = _last_name(case, row)
    named = case.rows("SELECT DISTINCT node FROM temp.parts WHERE node <> ''")
    known = {text_from_sql(name) for (name,) in named} | {name for row in rows for name in computers_of(row)}
    known |= set(owners.values())
    if len(known) < 2 or not mixed:
        return owners
    compared = compare(case.connection, mixed) if lines and len(mixed) > 1 else Comparison([], [])
    files = _files(case.connection, mixed, starts, compared.rivals)
    return owners | _decide(files, compared, known)


_SURE: Final = frozenset({NodeBasis.GIVEN, NodeBasis.EVENTS})
_MIXED: Final = frozenset({Kind.EVT, Kind.EVENT_EXPORT})


def _files(
    connection: sqlite3.Connection, rows: Mapping[int, EvidenceRow], starts: Sequence[Start], rivals: Iterable[Rivals]
) -> dict[int, _File]:
    files = {row.id: _file(row) for row in rows.values()}
    for file, node, count in connection.execute("SELECT file, node, sum(numbered) FROM temp.parts GROUP BY file, node"):
        if file in files and node and count and not entries_of(rows[file]):
            files[file].entries[text_from_sql(node)] = count
    for file, node, count in _started(connection, starts):
        if file in files:
            files[file].starts[node] += count
    compared = set()
    for rival in rivals:
        for file, alone in zip((rival.one, rival.other), rival.alone, strict=True):
            files[file].alone |= alone
            compared.add(file)
    for found in files.values():
        if found.id not in compared:
            found.alone = found.entries
    return files


def _file(row: EvidenceRow) -> _File:
    *folders, name = row.path.upper().split("/")
    given = row.node if row.node_basis == NodeBasis.GIVEN else None
    names = [*_stretches(name), *reversed(folders[-_DEPTH:])]
    return _File(row.id, given, Counter(entries_of(row)), Counter(), Counter(), folders[:_DEPTH], names, name, row.log)


def _started(connection: sqlite3.Connection, starts: Iterable[Start]) -> Iterator[tuple[int, str, int]]:
    """(file, computer, how many starts of it), of each way in which starts are told."""
    for start in starts:
        for file, node, count in connection.execute(
            "SELECT evidence_id, node, count(*) FROM events WHERE source IN (SELECT value FROM json_each(?))"
            " AND event_id = ? AND recovered = 0 AND node IS NOT NULL GROUP BY evidence_id, node",
            (json.dumps(start.sources), start.event_id),
        ):
            yield file, text_from_sql(node), count


def _stretches(name: str) -> list[str]:
    """The words of a file's name, and those that stand together: names of computers may have a hyphen."""
    words = [match.span() for match in _WORDS.finditer(name)][:_WORDS_READ]
    return [name[first[0] : last[1]] for first, last in combinations_with_replacement(words, 2)]


def _decide(files: dict[int, _File], compared: Comparison, known: set[str]) -> dict[int, str]:
    homes = _homes(files, compared, known)
    place = {file.id: at for at, home in enumerate(homes) for file in home.files}
    for rival in compared.rivals:
        one, other = place[rival.one], place[rival.other]
        homes[one].rivals.add(other)
        homes[other].rivals.add(one)
    scores = _scores(homes, place, compared.rivals, known)
    for home, found in zip(homes, scores, strict=True):
        likely = sorted(found, key=lambda name: ([-points for points in found[name]], name))[:_NAMES]
        home.scores = {name: found[name] for name in likely}
    owners: dict[int, str] = {}
    for group in _together(homes):
        for at, owner in _choose(homes, group).items():
            owners |= {file.id: _but_for(file, owner) for file in homes[at].files}
    return {file: owner for file, owner in owners.items() if owner}


def _but_for(file: _File, owner: str) -> str:
    """The owner of a home, unless one file in it is hardly his."""
    if file.given:
        return file.given
    others = Counter({name: count for name, count in file.alone.items() if name != owner})
    most = min(others, key=lambda name: (-others[name], name), default=None)
    return most if most and (file.entries[owner] + 1) * _LEAST_PART < others[most] else owner


class _Groups:
    """Files joined as one node's, never two that are rivals or that were given to two nodes."""

    def __init__(self, files: Mapping[int, _File], rivals: Iterable[Rivals]) -> None:
        self._leader = {file: file for file in files}
        self.members = {file: [found] for file, found in files.items()}
        self._rivals: dict[int, set[int]] = defaultdict(set)
        for rival in rivals:
            self._rivals[rival.one].add(rival.other)
            self._rivals[rival.other].add(rival.one)

    def join(self, files: Iterable[_File]) -> bool:
        """Join them, and what each is joined with already; False where that cannot be."""
        leaders = sorted({self._leader[file.id] for file in files})
        together = [file for leader in leaders for file in self.members[leader]]
        ids = {file.id for file in together}
        if len({file.given for file in together} - {None}) > 1 or any(
            not self._rivals[file].isdisjoint(ids) for file in ids & self._rivals.keys()
        ):
            return False
        for leader in leaders[1:]:
            self.members[leaders[0]] += self.members.pop(leader)
        for file in ids:
            self._leader[file] = leaders[0]
        return True


def _homes(files: Mapping[int, _File], compared: Comparison, known: set[str]) -> list[_Home]:
    """Files of one log, and files in one folder and below it, as long as no two of them are rivals."""
    groups = _Groups(files, compared.rivals)
    for one, other in compared.same:
        groups.join([files[one], files[other]])
    below: dict[str, list[_File]] = defaultdict(list)
    direct: dict[str, list[_File]] = defaultdict(list)
    for file in files.values():
        direct["/".join(file.folders)].append(file)
        for depth in range(1, len(file.folders) + 1):
            below["/".join(file.folders[:depth])].append(file)
    for folder, logs in sorted(direct.items(), key=lambda item: (len(item[1][0].folders), item[0])):
        depth = len(logs[0].folders)
        apart = any(not known.isdisjoint(file.folders[depth:]) for file in below[folder])
        if (apart or not groups.join(below[folder])) and not groups.join(logs):
            _join_by_name(logs, groups)
    return [_Home(group) for group in groups.members.values()]


def _join_by_name(files: Sequence[_File], groups: _Groups) -> None:
    """Join logs of several nodes in one folder by what their names have in common: EX1-System and EX1-Security."""
    for part in (slice(None, -1), slice(1, None)):
        alike: dict[tuple[str, ...], list[_File]] = defaultdict(list)
        for file in files:
            alike[tuple(_WORDS.findall(file.name.rpartition(".")[0] or file.name)[part])].append(file)
        found = [some for words, some in alike.items() if words and len(some) > 1]
        # Parts of names that stand for logs and not for nodes join files of one log.
        if found and all(len({file.log for file in some}) == len(some) for some in found):
            for some in found:
                groups.join(some)
            return


def _scores(
    homes: Sequence[_Home], place: Mapping[int, int], rivals: Sequence[Rivals], known: set[str]
) -> list[dict[str, _Score]]:
    """What speaks for each name that a home may be of."""
    found: list[dict[str, _Score]] = []
    for home in homes:
        entries = sum((file.entries for file in home.files), Counter[str]())
        given = next((file.given for file in home.files if file.given), None)
        names = {given} if given else set(entries)
        starts = _clearly_started(home)
        named = _named(home, known)
        if not given:
            names |= {name for other in home.rivals for file in homes[other].files for name in file.entries}
            names |= {named} if named else set()
        found.append(
            {
                name: _Score(name == given, name == starts, 0, 0, name == named, 0, _points(entries[name]))
                for name in names
            }
        )
    for rival in rivals:
        for side, file in enumerate((rival.one, rival.other)):
            scores = found[place[file]]
            for name in scores:
                more = _points(rival.alone[side][name]) - _points(rival.alone[1 - side][name])
                delay = rival.owners is not None and rival.owners[side] == name
                scores[name] = scores[name].plus(_Score(delay=delay, alone=more))
    return found


def _points(count: int) -> int:
    """Counts as what they weigh against each other: twice as many are as much more for few as for many."""
    return round(1000 * log(count + 1))


def _clearly_started(home: _Home) -> str | None:
    """The machine whose starts the logs of a home hold, if it is no other's, and has a fair share of these logs."""
    logs = [file for file in home.files if file.starts]
    ranked = sum((file.starts for file in logs), Counter[str]()).most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] < _CLEARLY * ranked[1][1]):
        return None
    return ranked[0][0] if _fair(logs, ranked[0][0]) else None


def _named(home: _Home, known: set[str]) -> str | None:
    """The nearest name on the path that is a node's, and has a fair share of its logs."""
    for file in home.files:
        for name in file.names:
            if name in known and _fair(home.files, name):
                return name
    return None


def _fair(files: Iterable[_File], name: str) -> bool:
    """Whether enough entries are of that name, against those of the others that are not known to be copies."""
    files = list(files)
    own = sum(file.entries[name] for file in files)
    alone = sum((file.alone for file in files), Counter[str]())
    return _FAIR * own >= max((count for other, count in alone.items() if other != name), default=0)


def _together(homes: Sequence[_Home]) -> list[list[int]]:
    """Homes that rivals bind together, each set once."""
    seen: set[int] = set()
    found = []
    for start in range(len(homes)):
        if start not in seen:
            group, waiting = [], [start]
            seen.add(start)
            while waiting:
                at = waiting.pop()
                group.append(at)
                waiting += homes[at].rivals - seen
                seen |= homes[at].rivals
            found.append(sorted(group))
    return found


def _choose(homes: Sequence[_Home], group: Sequence[int]) -> dict[int, str]:
    """The owner of each home of a set, so that all of it together has most that speaks for it."""
    names = [sorted(homes[at].scores) for at in group]
    group = [at for at, some in zip(group, names, strict=True) if some]
    names = [some for some in names if some]
    if prod(map(len, names)) <= _CHOICES:
        return max(
            (dict(zip(group, choice, strict=True)) for choice in product(*names)),
            key=lambda chosen: _worth(homes, chosen),
        )
    chosen: dict[int, str] = {}
    for at in sorted(group, key=lambda at: max(homes[at].scores.values()), reverse=True):
        chosen[at] = max(
            sorted(homes[at].scores), key=lambda name: _worth(homes, {**_near(homes, chosen, at), at: name})
        )
    return chosen


def _near(homes: Sequence[_Home], chosen: Mapping[int, str], at: int) -> dict[int, str]:
    return {other: chosen[other] for other in homes[at].rivals if other in chosen}


def _worth(homes: Sequence[_Home], chosen: Mapping[int, str]) -> _Score:
    total = _Score()
    for at, name in chosen.items():
        twice = sum(chosen.get(other) == name for other in homes[at].rivals)
        total = total.plus(homes[at].scores[name]).plus(_Score(apart=-twice))
    return total


def _last_name(case: Case, row: EvidenceRow) -> str:
    """The name under which a log ends that began under others, each of them gone before the next; else its node."""
    live = "FROM events WHERE evidence_id = ? AND recovered = 0 AND node IS NOT NULL AND record_number IS NOT NULL"
    last = next(case.rows(f"SELECT node {live} ORDER BY record_number DESC LIMIT 1", (row.id,)), None)
    if last is None or text_from_sql(last[0]) == row.node:
        return row.node or ""
    ranges = list(
        case.rows(
            f"SELECT node, min(record_number), max(record_number) {live} GROUP BY node ORDER BY min(record_number)",
            (row.id,),
        )
    )
    if any(before[2] >= after[1] for before, after in pairwise(ranges)):
        return row.node or ""
    return text_from_sql(ranges[-1][0])
