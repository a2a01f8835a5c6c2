"""Who held what, by its own log: a thing that one node at a time can hold orders the nodes' events.

A node that gets a group logs that it brings it online. So between two neighbouring entries of one node on one group, in
a log without a hole between them, the node held the group unless the second says that it got it. What two nodes held
cannot overlap in time. This holds on any clock, and needs no pairing of one node's going offline with another's coming
online.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.clocks.bounds import Place, Strength, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from forensics.observations import Evidence, Observation, Run

STORE: Final = "\x00store"
"""Prefix of the keys of databases: no group's name can be the same."""

_DIED: Final = frozenset({Claim.BOOT, Claim.UNEXPECTED_SHUTDOWN})
_INTERRUPTED: Final = _DIED | {Claim.JOINED, Claim.FORMED, Claim.DOWN, Claim.SHUTDOWN}


class Words(NamedTuple):
    """Which claims say that a thing was got, had and given up."""

    gained: frozenset[Claim]
    had: frozenset[Claim]
    lost: frozenset[Claim]


_GROUP: Final = Words(
    frozenset({Claim.GROUP_COMING_ONLINE}),
    frozenset({Claim.GROUP_ONLINE, Claim.GROUP_FAILED, Claim.GROUP_GOING_OFFLINE}),
    frozenset({Claim.GROUP_OFFLINE}),
)
_DATABASE: Final = Words(frozenset({Claim.ACTIVE}), frozenset(), frozenset({Claim.ACTIVE_ENDED}))


class Holding(NamedTuple):
    """One node held one thing, at least from `begin` to `end`, both events of its own.

    Attributes:
        key: what: a group's name without case, or a database.
        name: the same, as people write it.
        node: who.
        begin, end: first and last proof.
        since: the node held it from here on, unless an entry between was no true one: `begin`, or the log's beginning.
        until: likewise, up to the node's last word before anything that could have taken the thing away silently.
        gained: whether `begin` is the moment at which the node got it.
        lost: whether `end` is the moment at which it had given it up.
        died: whether the node's next known deed is to start anew.
        strength: what it is worth that nobody else held it.
    """

    key: str
    name: str
    node: str
    begin: Place
    end: Place
    since: Place
    until: Place
    gained: bool
    lost: bool
    died: bool
    strength: Strength


class Logs:
    """Which entries of a node stand in one unbroken stretch of a log."""

    def __init__(self, evidence: Evidence) -> None:
        self._runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in sorted(set(evidence.runs)):
            self._runs[run.log].append(run)

    def run_of(self, log: tuple[str, str], number: int | None) -> Run | None:
        """The stretch in which a record stands; the narrowest where numbers that began anew give several."""
        if number is None:
            return None
        found = [run for run in self._runs.get(log, ()) if run.first <= number <= run.last]
        return found[0] if len(found) == 1 else None

    def unbroken(self, one: Observation, other: Observation) -> bool:
        """Whether nothing can be missing between two entries of one log."""
        if one.log != other.log:
            return False
        if one.number is None and other.number is None:
            return True  # an export without numbers is taken as whole: nothing in it could show a hole
        run = self.run_of(one.log, one.number)
        return run is not None and run == self.run_of(other.log, other.number)


class _Deeds:
    """A node's entries in all its logs, by time: what it last said before it was interrupted."""

    def __init__(self, seen: Iterable[Observation]) -> None:
        self._all: dict[str, list[Observation]] = defaultdict(list)
        for one in seen:
            self._all[one.node].append(one)
        self._times: dict[str, list[int]] = {}
        self._breaks: dict[str, list[tuple[int, bool]]] = {}
        for node, entries in self._all.items():
            entries.sort(key=lambda one: one.raw)
            self._times[node] = [one.raw for one in entries]
            self._breaks[node] = [(one.raw, one.claim in _DIED) for one in entries if one.claim in _INTERRUPTED]

    def last_word(self, last: Observation, end: int) -> tuple[Place, bool]:
        """The node's last entry up to a time and before an interruption; whether that was the machine's end."""
        breaks = self._breaks[last.node]
        found = bisect_right(breaks, (last.raw, True))
        died = found < len(breaks) and breaks[found][1] and breaks[found][0] <= end
        stop = min(end + 1, breaks[found][0]) if found < len(breaks) else end + 1
        index = bisect_left(self._times[last.node], stop) - 1
        word = self._all[last.node][index] if index >= 0 else last
        return place_of(word if word.raw > last.raw else last), died


def group_holdings(seen: Sequence[Observation], groups: Iterable[str], logs: Logs) -> list[Holding]:
    """Holdings of cluster groups; `groups` are those that count, without case."""
    wanted = {name.casefold() for name in groups}
    told = [
        (one.object.casefold(), one.object, one)
        for one in seen
        if one.object is not None and one.object.casefold() in wanted
    ]
    return _holdings(told, _GROUP, Strength.STRONG, logs, _Deeds(seen))


def store_holdings(seen: Sequence[Observation], logs: Logs) -> list[Holding]:
    """Holdings of databases, by the store's word that it mounted them: worth less than the cluster's."""
    told = []
    for one in seen:
        if one.claim is Claim.ACTIVE_ENDED or (one.claim is Claim.ACTIVE and one.strong):
            name = one.object or (one.strings[0] if one.strings else None) or ""
            told.append((STORE + name.casefold(), name or "the mailbox store", one))
    return _holdings(told, _DATABASE, Strength.WEAK, logs, _Deeds(seen))


def _holdings(
    told: Iterable[tuple[str, str, Observation]], words: Words, strength: Strength, logs: Logs, deeds: _Deeds
) -> list[Holding]:
    entries: dict[tuple[str, str, tuple[str, str]], list[tuple[str, Observation]]] = defaultdict(list)
    for key, name, one in told:
        if one.claim in words.gained or one.claim in words.had or one.claim in words.lost:
            entries[one.node, key, one.log].append((name, one))
    found = []
    for (_, key, _), named in sorted(entries.items(), key=lambda item: item[0]):
        named.sort(key=lambda item: (-1 if item[1].number is None else item[1].number, item[1].raw))
        pieces = list(_pieces([one for _, one in named], words, logs))
        for index, piece in enumerate(pieces):
            is_known = index > 0 and logs.unbroken(pieces[index - 1][-1], piece[0])
            found.append(_holding(key, named[0][0], piece, words, logs, deeds, strength, is_known=is_known))
    return found


def _pieces(entries: Sequence[Observation], words: Words, logs: Logs) -> Iterator[list[Observation]]:
    piece: list[Observation] = []
    for one in entries:
        if piece and (one.claim in words.gained or piece[-1].claim in words.lost or not logs.unbroken(piece[-1], one)):
            yield piece
            piece = []
        piece.append(one)
    if piece:
        yield piece


def _holding(
    key: str,
    name: str,
    piece: Sequence[Observation],
    words: Words,
    logs: Logs,
    deeds: _Deeds,
    strength: Strength,
    *,
    is_known: bool,
) -> Holding:
    """`is_known`: the log says what came before: the piece begins where it begins."""
    first, last = piece[0], piece[-1]
    begin, end = place_of(first), place_of(last)
    gained, lost = first.claim in words.gained, last.claim in words.lost
    run = logs.run_of(first.log, first.number)
    since, until, died = begin, end, False
    if not gained and not is_known and run is not None and run.start < first.raw:
        since = Place(first.node, run.start, run.log, run.first, None)
    if not lost and run is not None:
        until, died = deeds.last_word(last, max(run.end, last.raw))
    return Holding(key, name, first.node, begin, end, since, until, gained, lost, died, strength)
