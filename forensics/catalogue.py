"""The event catalogue in force: which row of the profile an event is, found for a million events in a row.

What a row claims is the profile's; this module only finds it. Of several rows that fit, the most particular counts: an
id goes before a text and a text before `any_id`, an exact source before a prefix and a longer prefix before a shorter
one, a row with requirements before one without, and of two that are equal the later one, which is the analyst's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim
from forensics.profile import Mark, profile_of
from forensics.profile_rows import PATTERN_TEXT_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.case.store import Case
    from forensics.profile import Profile
    from forensics.profile_rows import EventRow

# Sources of hostile evidence can be without number.
_CACHE_MAX: Final = 50_000
# A message is at most 64 KiB in a log; an export may hold anything.
_MESSAGE_MAX: Final = 65_536

_BY_ID, _BY_TEXT, _BY_SOURCE = 2, 1, 0
_PRODUCT_CLAIMS: Final = frozenset(
    {
        Claim.INSTALL,
        Claim.INSTALL_FAILED,
        Claim.REMOVAL,
        Claim.REMOVAL_FAILED,
        Claim.RECONFIGURED,
        Claim.UPDATED,
    }
)


class Learned(NamedTuple):
    """An event id that a message file of the evidence tied to the known text of a catalogue row.

    Attributes:
        source: whose id it is.
        event_id: low 16 bits.
        key: the catalogue row whose text it is.
        evidence_id: the message file.
    """

    source: str
    event_id: int
    key: str
    evidence_id: int


class Found(NamedTuple):
    """What an event is.

    Attributes:
        row: the catalogue row.
        object: what it speaks of, blanks at the ends left out; None where the row or the event names nothing.
        matters: whether it belongs into a timeline: as the row says, of products and services by their names too.
        learned: reference of the message file that the id was learned from (`evidence:7`); None: the row knew it.
    """

    row: EventRow
    object: str | None
    matters: bool
    learned: str | None

    @property
    def mark(self) -> Mark:
        """How well it is known what the event says of the roles: `role_mark` where the row has one."""
        return self.row.role_mark or self.row.mark


class _Candidate(NamedTuple):
    rank: tuple[int, int, int, int]
    row: EventRow
    pattern: re.Pattern[str] | None
    text: str | None
    log: str | None
    learned: str | None


class Catalogue:
    """The rows of a profile's table `events`, and what message files taught."""

    def __init__(self, profile: Profile, learned: Iterable[Learned] = ()) -> None:
        self.profile: Final = profile
        self._cache: dict[tuple[str, int], tuple[_Candidate, ...]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        by_key = {row.key.casefold(): row for row in profile.events}
        self._learned: dict[tuple[str, int], list[tuple[EventRow, str]]] = {}
        for item in learned:
            row = by_key.get(item.key.casefold())
            if row is not None:
                place = self._learned.setdefault((item.source.casefold(), item.event_id), [])
                if all(row is not known for known, _ in place):
                    place.append((row, f"evidence:{item.evidence_id}"))

    def match(
        self,
        source: str | None,
        event_id: int,
        strings: Sequence[str | None],
        message: str | None = None,
        log: str | None = None,
    ) -> Found | None:
        """The row that an event is, and its object; None for an event that the catalogue does not know.

        Args:
            source: the provider's name, or the source.
            event_id: low 16 bits of the identifier.
            strings: insertion strings in their order.
            message: the rendered text, where the evidence holds one.
            log: name of the log; a row that names a log fits where this is None, too.
        """
        if source is None:
            return None
        candidates = self._cache.get((source, event_id))
        if candidates is None:
            candidates = self._candidates(source, event_id)
        normalised: str | None = None
        for candidate in candidates:
            row = candidate.row
            if candidate.log is not None and log is not None and log.casefold() != candidate.log:
                continue
            if candidate.text is not None:
                if not message:
                    continue
                if normalised is None:
                    normalised = normalised_text(message[:_MESSAGE_MAX])
                if candidate.text not in normalised:
                    continue
            if row.requires and not all(requirement.holds(strings) for requirement in row.requires):
                continue
            named = _object(row, candidate.pattern, strings)
            return Found(row, named, self._matters(row, named), candidate.learned)
        return None

    def has_learned(self, claim: Claim) -> bool:
        """Whether message files of the evidence taught the id of an event that claims this."""
        return any(row.claim is claim for rows in self._learned.values() for row, _ in rows)

    def wants(self, source: str | None, event_id: int) -> bool:
        """Whether an event of that source and id can be one of the catalogue's, whatever its strings."""
        return source is not None and bool(self._candidates(source, event_id))

    def sources_wanted(self) -> tuple[str, ...]:
        """The sources of all rows, as the profile writes them (without case, `*` for any ending), sorted, once each."""
        wanted = {source.casefold(): source for row in self.profile.events for source in row.event_sources}
        wanted |= {source: source for source, _ in self._learned if source not in wanted}
        return tuple(sorted(wanted.values(), key=str.casefold))

    def precedence(self, source: str, event_id: int) -> tuple[EventRow, ...]:
        """The rows that an event of that source and id can be, in the order in which they are tried."""
        return tuple(candidate.row for candidate in self._candidates(source, event_id))

    def _candidates(self, source: str, event_id: int) -> tuple[_Candidate, ...]:
        known = self._cache.get((source, event_id))
        if known is not None:
            return known
        folded = source.casefold()
        found = []
        for place, row in enumerate(self.profile.events):
            nearness = _nearness(row, folded)
            if nearness is None:
                continue
            if row.id == event_id:
                found.append(self._candidate(row, (_BY_ID, nearness, bool(row.requires), place)))
            elif row.any_id:
                found.append(self._candidate(row, (_BY_SOURCE, nearness, bool(row.requires), place)))
            if row.text is not None and row.id != event_id:
                text = normalised_text(row.text)
                found.append(self._candidate(row, (_BY_TEXT, nearness, bool(row.requires), place), text=text))
        for row, reference in self._learned.get((folded, event_id), ()):
            # What the profile says of an id goes before what was learned of it.
            found.append(self._candidate(row, (_BY_ID, -1, bool(row.requires), 0), learned=reference))
        found.sort(key=lambda candidate: candidate.rank, reverse=True)
        if len(self._cache) >= _CACHE_MAX:
            self._cache.clear()
        candidates = self._cache[source, event_id] = tuple(found)
        return candidates

    def _candidate(
        self, row: EventRow, rank: tuple[int, int, int, int], *, text: str | None = None, learned: str | None = None
    ) -> _Candidate:
        pattern = None
        if row.object_pattern is not None:
            pattern = self._patterns.get(row.object_pattern)
            if pattern is None:
                pattern = self._patterns[row.object_pattern] = re.compile(row.object_pattern, re.IGNORECASE)
        log = row.log.casefold() if row.log is not None else None
        return _Candidate(rank, row, pattern, text, log, learned)

    def _matters(self, row: EventRow, named: str | None) -> bool:
        if row.claim in _PRODUCT_CLAIMS:
            return row.matters and named is not None and self.profile.is_product(named)
        if row.claim is Claim.SERVICE_STATE:
            return row.matters or (named is not None and self.profile.service(named) is not None)
        return row.matters


def catalogue_of(case: Case) -> Catalogue:
    """The catalogue of the case's profile, with what its message files taught.

    Raises:
        ProfileError: the case's profile is bad.
    """
    # By path and hash, not by id: the answer must not depend on the order of ingest.
    rows = case.rows(
        "SELECT l.event_source, l.event_id, l.catalogue_key, l.evidence_id FROM learned_events AS l"
        " LEFT JOIN evidence AS e ON e.id = l.evidence_id ORDER BY e.path, e.sha256, l.event_source, l.event_id, l.id"
    )
    return Catalogue(profile_of(case), [Learned(str(s), int(i), str(k), int(e)) for s, i, k, e in rows])


def normalised_text(text: str) -> str:
    """A message as it is compared: without case, every run of blanks and line breaks one space."""
    return " ".join(text.casefold().split())


def _nearness(row: EventRow, source: str) -> int | None:
    """How exactly the row names a source that is folded already; None where it does not."""
    best = None
    for pattern in row.event_sources:
        folded = pattern.casefold()
        if folded == source:
            # More than any prefix can be long.
            return 1 << 20
        if folded.endswith("*") and source.startswith(folded[:-1]):
            best = max(best or 0, len(folded))
    return best


def _object(row: EventRow, pattern: re.Pattern[str] | None, strings: Sequence[str | None]) -> str | None:
    if row.object is None or row.object > len(strings):
        return None
    value = strings[row.object - 1]
    if value is None:
        return None
    if pattern is not None:
        # The time that a pattern may take is bounded by the length of what it is applied to.
        match = pattern.search(value) if len(value) <= PATTERN_TEXT_MAX else None
        value = match[1] if match is not None else None
    return (value.strip() or None) if value is not None else None
