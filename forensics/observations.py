"""What the evidence claims: the events of a case that the catalogue knows, each with its claim, and what logs cover.

The analyses (clocks, roles, timeline, guidelines) are pure functions over these; this module is the one that asks the
case for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from forensics.claims import Claim
    from forensics.profile import Mark


class Observation(NamedTuple):
    """One occurrence that the catalogue knows; copies of an event (`duplicate_of`) give none.

    Attributes:
        event: id of the event in the case; `reference` is `event:<id>`.
        node: the event's own Computer field, upper case, without domain.
        raw: FILETIME at which it occurred, by the node's own clock.
        number: record number in its log; None where an export has none.
        log: (owner, log name): the node whose log it was read from, and which log; owner differs from `node` for an
            entry that was copied from another node and whose original is lost.
        resolution: ticks by which `raw` may be too early: 10,000,000 where only whole seconds are kept.
        claim: what it says.
        object: the group, node, product, service ... that it speaks of; None where it names none.
        strong: whether the catalogue calls the claim strong.
        mark: how well it is known that the event says this.
        source, event_id: what the event is, as the analyst looks it up.
        strings: its insertion strings.
        learned: reference of the message file that taught what its id means (`evidence:7`); None where the catalogue
            knew it.
    """

    event: int
    node: str
    raw: int
    number: int | None
    log: tuple[str, str]
    resolution: int
    claim: Claim
    object: str | None
    strong: bool
    mark: Mark
    source: str
    event_id: int
    strings: tuple[str | None, ...]
    learned: str | None = None

    @property
    def reference(self) -> str:
        """How conclusions name it."""
        return f"event:{self.event}"


class Run(NamedTuple):
    """A stretch of a log without a hole in its record numbers: what would have been logged there is there.

    Attributes:
        log: (owner, log name), as in `Observation`.
        first, last: record numbers, both included; parts of one log in several files are joined.
        start, end: FILETIME of the first and the last of the owner's own records in it, raw, in the order of the
            numbers: `end` is below `start` where the clock was set back between them.
    """

    log: tuple[str, str]
    first: int
    last: int
    start: int
    end: int


class Fall(NamedTuple):
    """Two neighbouring records of the owner's own in one log, between which the time falls: a clock set back.

    Attributes:
        log: as in `Run`.
        before, after: record numbers.
        from_raw, to_raw: FILETIME of the two, raw.
    """

    log: tuple[str, str]
    before: int
    after: int
    from_raw: int
    to_raw: int


class Sequel(NamedTuple):
    """A copy of another node's event, and the receiver's own record that was written next: cause before effect.

    Whatever clock set the copy's times, its place among the receiver's own records says when it was there.

    Attributes:
        origin, origin_raw, origin_event, origin_number, origin_log: the original, in its own node's log.
        receiver, receiver_raw, receiver_event, receiver_number, receiver_log: the receiver's own next record.
    """

    origin: str
    origin_raw: int
    origin_event: int
    origin_number: int
    origin_log: tuple[str, str]
    receiver: str
    receiver_raw: int
    receiver_event: int
    receiver_number: int
    receiver_log: tuple[str, str]


class Evidence(NamedTuple):
    """Everything that the clocks and the roles are told from.

    Attributes:
        observations: sorted by (node, log, number, raw, source, event_id, strings): never by id.
        runs: what each log covers, sorted.
        falls: where clocks were set back, sorted.
        sequels: the tightest for each pair of nodes and day, sorted: not all, a log may hold a million copies.
        nodes: name -> FILETIME of the node's first and last own event, raw, in any log, aliases left out, sorted.
        aliases: names that look like computers and are none, sorted.
        cut: logs whose end is damaged or missing, as far as the files show it: what they do not hold may have been.
    """

    observations: list[Observation]
    runs: list[Run]
    falls: list[Fall]
    sequels: list[Sequel]
    nodes: dict[str, tuple[int, int]]
    aliases: tuple[str, ...]
    cut: frozenset[tuple[str, str]] = frozenset()
