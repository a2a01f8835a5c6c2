"""Texts of message files put to use: events get their messages, and ids are learned from known texts.

A record of a log holds insertion strings only; the text lies in a file of the machine. Which file serves which event
source is told by the profile (`message_files`), else by the file's name: `FSECCRService.exe` serves `FSECCRService`.
What is concluded here depends on what the case holds and never on the order in which it came; done again it changes
nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.case.messages import set_message_texts
from forensics.case.values import sql_text, strings_from_json, text_from_sql
from forensics.catalogue import normalised_text
from forensics.profile import profile_of
from parsers.kinds import Kind
from parsers.messages.formatting import Insert, parts, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.case.rows import EvidenceRow
    from forensics.case.store import Case
    from forensics.profile import Profile
    from forensics.profile_rows import EventRow

_ENGLISH: Final = 0x409
_NEUTRAL: Final = 0
# The texts of a manifest have this bit in their ids: those of events begin with 0xB, those of levels, tasks, keywords
# and maps with other digits (headers that Microsoft's message compiler writes, MSG_..._EventMessage = 0xB0000001L).
_OF_MANIFEST: Final = 0x10000000
_EVENT_OF_MANIFEST: Final = 0xB
_CURLY: Final = "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
_DOUBLE_CURLY: Final = "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_QUOTES: Final = str.maketrans(_CURLY + _DOUBLE_CURLY, "''\"\"")


class LearnedEvent(NamedTuple):
    """An event id that a message file of the evidence tied to a text that the catalogue knows.

    Attributes:
        source: whose id it is.
        event_id: low 16 bits.
        key: the catalogue row whose text it is.
        text: the text as the message file has it.
        evidence_id, path: the message file.
    """

    source: str
    event_id: int
    key: str
    text: str
    evidence_id: int
    path: str


def learned(case: Case) -> list[LearnedEvent]:
    """What the message files of a case taught, by source, id, row and path."""
    sql = """SELECT l.event_source, l.event_id, l.catalogue_key, l.text, l.evidence_id, e.path
        FROM learned_events AS l JOIN evidence AS e ON e.id = l.evidence_id
        ORDER BY l.event_source, l.event_id, l.catalogue_key, e.path, e.sha256, l.text"""
    return [
        LearnedEvent(text_from_sql(source), event_id, text_from_sql(key), text_from_sql(text), evidence_id, path)
        for source, event_id, key, text, evidence_id, path in case.rows(sql)
    ]


def use_message_files(case: Case) -> bool:
    """Give events their texts, learn ids, and note at each message file what came of it, as the case stands now.

    For the end of an ingest, when all nodes are known; inside the caller's transaction. A message that an event brought
    with it is never touched. Returns whether any message changed.
    """
    held = next(case.rows("SELECT EXISTS (SELECT 1 FROM message_texts), EXISTS (SELECT 1 FROM rendered_messages)"))
    if not any(held):
        return False
    profile = profile_of(case)
    files = _files(case, profile)
    changed = _render(case, files)
    _learn(case, files, profile.events)
    _note(case, files)
    return changed


# --- which file serves which source -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _File:
    """A message file and the event sources that it serves, folded."""

    row: EvidenceRow
    sources: frozenset[str]
    differing: set[tuple[int, int]] = field(default_factory=set)


def served_sources(path: str, profile: Profile) -> list[str]:
    """The event sources whose texts a file of this path holds, folded: by the profile, and by its own name.

    `FSECCRService.exe.mui`, where Windows keeps the texts of one language, is a `FSECCRService.exe`.
    """
    name = path.rsplit("/", 1)[-1].casefold().removesuffix(".mui")
    by_profile = (
        source for row in profile.message_files if row.file.casefold() == name for source in row.event_sources
    )
    return sorted({name.rpartition(".")[0] or name, *(source.casefold() for source in by_profile)})


def _files(case: Case, profile: Profile) -> list[_File]:
    known = {source.casefold() for source in _spellings(case)}
    known |= {source.casefold() for row in profile.events for source in row.event_sources}
    return [
        _File(row, frozenset(source for source in served_sources(row.path, profile) if source in known))
        for row in case.evidence()
        if row.kind == Kind.MESSAGE_FILE and row.status in {"read", "partial"}
    ]


def _spellings(case: Case) -> list[str]:
    """The sources of events, as the case spells them."""
    found = (row[0] for row in case.rows("SELECT DISTINCT source FROM events WHERE source IS NOT NULL"))
    return sorted(text_from_sql(source) for source in found)


# --- messages of events -----------------------------------------------------------------------------------------------


class _Text(NamedTuple):
    """A text that could be the message of an event; of several the least counts."""

    language: tuple[int, int]
    age: int
    sha256: str
    path: str
    id: int
    node: str | None


class _Texts:
    """The texts for one event source, of all files that serve it."""

    def __init__(self, case: Case, files: list[_File]) -> None:
        self._by_id: dict[int, list[_Text]] = {}
        self._by_code: dict[int, set[int]] = {}
        first: dict[tuple[int, int], int] = {}
        for file in sorted(files, key=lambda file: (file.row.path, file.row.sha256 or "")):
            row = file.row
            sql = "SELECT id, message_id, language, text FROM message_texts WHERE evidence_id = ? ORDER BY id"
            for text_id, message_id, language, text in case.rows(sql, (row.id,)):
                found = _Text(
                    _rank(language), -(row.modified_filetime or 0), row.sha256 or "", row.path, text_id, row.node
                )
                self._by_id.setdefault(message_id, []).append(found)
                if not message_id & _OF_MANIFEST or message_id >> 28 == _EVENT_OF_MANIFEST:
                    self._by_code.setdefault(message_id & 0xFFFF, set()).add(message_id)
                # Texts are only held against each other here: their hashes will do, and are small.
                if first.setdefault((message_id, language), hash(text)) != hash(text):
                    for other in files:
                        other.differing.add((message_id, language))

    def best(self, event_id: int, qualifiers: int | None, node: str | None) -> int | None:
        """The row of `message_texts` for events of that identifier on that node; None where none is certain.

        English goes before neutral before others; then the file of the event's own node, the newest, the first by hash
        and path.
        """
        if qualifiers is None:
            codes = self._by_code.get(event_id, set())
            candidates = self._by_id[next(iter(codes))] if len(codes) == 1 else []
        else:
            candidates = self._by_id.get(qualifiers << 16 | event_id, [])
        best = min(candidates, key=lambda text: (text.language, text.node != node, text), default=None)
        return None if best is None else best.id


def _rank(language: int) -> tuple[int, int]:
    return {_ENGLISH: 0, _NEUTRAL: 1}.get(language, 2), language


# The events of one identifier and node that have no message, or one that was rendered from another text.
_WANT: Final = """INSERT INTO temp.wanted(event_id, text_id)
    SELECT e.id, :text FROM events AS e LEFT JOIN rendered_messages AS r ON r.event_id = e.id
    WHERE e.source = :source AND e.event_id IS :event_id AND e.qualifiers IS :qualifiers AND e.node IS :node
      AND (e.message IS NULL AND :text IS NOT NULL OR r.event_id IS NOT NULL AND r.message_text_id IS NOT :text)"""


def _render(case: Case, files: list[_File]) -> bool:
    connection = case.connection
    connection.execute("DROP TABLE IF EXISTS temp.wanted")
    connection.execute("CREATE TEMPORARY TABLE wanted(event_id INTEGER PRIMARY KEY, text_id INTEGER)")
    served = {source for file in files for source in file.sources}
    rendered = "SELECT DISTINCT source FROM events WHERE id IN (SELECT event_id FROM rendered_messages)"
    before = {text_from_sql(row[0]) for row in case.rows(rendered)}
    for source in _spellings(case):
        folded = source.casefold()
        if folded in served or source in before:
            texts = _Texts(case, [file for file in files if folded in file.sources])
            groups = "SELECT DISTINCT event_id, qualifiers, node FROM events WHERE source = ?"
            for event_id, qualifiers, node in list(case.rows(groups, (sql_text(source),))):
                best = None if event_id is None else texts.best(event_id, qualifiers, node)
                values = {"source": sql_text(source), "event_id": event_id, "qualifiers": qualifiers, "node": node}
                connection.execute(_WANT, {**values, "text": best})
    changed = set_message_texts(connection, _messages(case))
    connection.execute("INSERT OR REPLACE INTO rendered_messages SELECT * FROM temp.wanted WHERE text_id IS NOT NULL")
    connection.execute(
        "DELETE FROM rendered_messages WHERE event_id IN (SELECT event_id FROM temp.wanted WHERE text_id IS NULL)"
    )
    connection.execute("DROP TABLE temp.wanted")
    return changed > 0


def _messages(case: Case) -> Iterator[tuple[int, str | None]]:
    sql = """SELECT w.event_id, e.strings, t.text FROM temp.wanted AS w JOIN events AS e ON e.id = w.event_id
        LEFT JOIN message_texts AS t ON t.id = w.text_id"""
    for event_id, strings, text in case.rows(sql):
        yield event_id, None if text is None else render(text_from_sql(text), strings_from_json(strings))


# --- learned ids ------------------------------------------------------------------------------------------------------


def _learn(case: Case, files: list[_File], rows: Iterable[EventRow]) -> None:
    """Learn the ids of catalogue rows of which only the text is known; what was learned before is learned anew."""
    case.connection.execute("DELETE FROM learned_events")
    unnumbered = [row for row in rows if row.id is None and row.text]
    found = []
    for file in files:
        wanted = [(row, source) for row in unnumbered for source in _sources_of_row(row, file.sources)]
        if not wanted:
            continue
        sql = "SELECT message_id, text FROM message_texts WHERE evidence_id = ? ORDER BY id"
        for message_id, stored in case.rows(sql, (file.row.id,)):
            text = text_from_sql(stored)
            if message_id & _OF_MANIFEST and message_id >> 28 != _EVENT_OF_MANIFEST:
                continue
            found += [
                (file.row.id, sql_text(source), message_id & 0xFFFF, sql_text(row.key), stored)
                for row, source in wanted
                if says(text, row.text or "")
            ]
    case.connection.executemany(
        "INSERT INTO learned_events(evidence_id, event_source, event_id, catalogue_key, text) VALUES (?, ?, ?, ?, ?)",
        sorted(set(found)),
    )


def _sources_of_row(row: EventRow, served: frozenset[str]) -> list[str]:
    """Those of a row's sources that are served; spelled as the row does, where it names one and no beginning of one."""
    found = {}
    for name in row.event_sources:
        folded = name.casefold()
        for source in served:
            if source == folded:
                found[source] = name
            elif folded.endswith("*") and source.startswith(folded[:-1]):
                found.setdefault(source, source)
    return sorted(found.values())


def says(text: str, known: str) -> bool:
    """Whether a text of a message table is, or holds, a text that is known.

    Compared as the catalogue compares messages, whichever quotation marks are used. An insertion string stands for
    any words, as long as the text itself says at least half of what is known.
    """
    wanted = _comparable(known)
    # What stands for an insertion string is a character that no text can hold: texts end at it.
    spoken = _comparable("".join("\0" if isinstance(part, Insert) else part for part in parts(text)))
    if re.sub(r"%[1-9][0-9]?", "\0", wanted) in spoken:
        return True
    pieces = spoken.split("\0")
    return len(pieces) > 1 and 2 * sum(map(len, pieces)) >= len(wanted) and _in_order(pieces, wanted)


def _in_order(pieces: list[str], text: str) -> bool:
    """Whether `text` is these pieces in their order, with anything between them and nothing around them."""
    first, *middle, last = pieces
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _comparable(text: str) -> str:
    return normalised_text(text.translate(_QUOTES))


# --- what came of it --------------------------------------------------------------------------------------------------


def _note(case: Case, files: list[_File]) -> None:
    """State at each file which sources it serves and how many events were rendered from it."""
    sql = """SELECT t.evidence_id, count(*) FROM rendered_messages AS r JOIN message_texts AS t
        ON t.id = r.message_text_id GROUP BY t.evidence_id"""
    rendered = Counter(dict(case.rows(sql)))
    taught = Counter(dict(case.rows("SELECT evidence_id, count(*) FROM learned_events GROUP BY evidence_id")))
    for file in files:
        facts = {
            **file.row.facts,
            "event_sources": ",".join(sorted(file.sources)),
            "rendered": rendered[file.row.id],
            "learned": taught[file.row.id],
            "differing": len(file.differing),
        }
        if facts != file.row.facts:
            case.update_evidence(file.row.id, facts=facts)
