"""The records behind conclusions: which of them the page lists, and these with their text, node, time and hash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from forensics.case.search import events_of
from forensics.case.values import text_from_sql
from forensics.files.explain import places
from forensics.report.model import Cites, EventRecord, FileRecord
from forensics.roles.explain import signs_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.case.store import Case
    from forensics.files.model import FileEvidence
    from forensics.roles.analyse import Analysis

# Records that the page lists: more of them would make it slow to open, and nobody reads them.
EVENTS_MOST: Final = 1_000
FILES_MOST: Final = 400
_TEXT_MOST: Final = 1_000


class Citer:
    """Gives each conclusion its records, and remembers which they were; what is cited first is listed for sure."""

    def __init__(self) -> None:
        self._refs: dict[str, None] = {}
        self._left = {"event": EVENTS_MOST, "file": FILES_MOST}

    def cite(
        self, evidence: Sequence[str], most: int, words: tuple[str, ...] = (), against: Sequence[str] = ()
    ) -> Cites:
        """At most `most` of the records for a conclusion and as many of those against it."""
        told, told_against = self._some(evidence, most), self._some(against, most)
        left = len(dict.fromkeys(evidence)) + len(dict.fromkeys(against)) - len(told) - len(told_against)
        return Cites(told, told_against, left, words)

    def _some(self, refs: Sequence[str], most: int) -> tuple[str, ...]:
        told: list[str] = []
        for ref in dict.fromkeys(refs):
            kind = ref.partition(":")[0]
            if len(told) >= most:
                break
            if ref not in self._refs and kind in self._left:
                if self._left[kind] <= 0:
                    continue
                self._left[kind] -= 1
            self._refs[ref] = None
            told.append(ref)
        return tuple(told)

    def ids(self, kind: str) -> list[int]:
        """The numbers of the cited references of a kind, sorted."""
        numbers = (ref.partition(":")[2] for ref in self._refs if ref.startswith(f"{kind}:"))
        return sorted(int(number) for number in numbers if number.isascii() and number.isdigit())


def event_records(case: Case, analysis: Analysis | None, ids: Sequence[int]) -> tuple[EventRecord, ...]:
    """The events of these ids, by their time on the reference clock where that is known, else as recorded."""
    signs = {} if analysis is None else signs_behind(analysis, [f"event:{number}" for number in ids])
    found = []
    for event in events_of(case, ids):
        ref = f"event:{event.id}"
        sign = signs.get(ref)
        text = event.message or " | ".join(text for text in event.strings if text)
        # A message is told in one paragraph, and never longer than a page.
        text = " ".join(text.split())
        text = text if len(text) <= _TEXT_MOST else f"{text[: _TEXT_MOST - 1]}…"
        found.append(
            EventRecord(
                ref=ref,
                time=None if sign is None or analysis is None else analysis.clocks.shown(sign.time),
                recorded=event.time_generated,
                node=event.node or event.computer or "",
                log=event.log or "",
                number=event.record_number,
                source=event.source or "",
                event_id=event.event_id,
                says="" if sign is None else sign.claim.value.replace("_", " "),
                known="" if sign is None else str(sign.observation.mark),
                text=("[recovered] " if event.recovered else "") + text,
                path=event.path,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.recorded or "", one.node, one.log, one.number or 0, one.ref)))


def file_records(case: Case, evidence: FileEvidence | None, ids: Sequence[int]) -> tuple[FileRecord, ...]:
    """The versions of files of these ids, by node, name, place and path."""
    known = {} if evidence is None else places(evidence)
    sql = (
        "SELECT id, node, name, path, size, modified_filetime, sha256, role FROM file_versions"
        " WHERE id IN (SELECT value FROM json_each(?))"
    )
    found = []
    for row, node, name, path, size, modified, sha256, role in case.rows(sql, (json.dumps(list(ids)),)):
        ref = f"file:{row}"
        place = known[ref][1] if ref in known else str(role)
        told = text_from_sql(str(name))
        shown = known[ref][0].name if ref in known else told
        found.append(
            FileRecord(ref, text_from_sql(node or ""), shown, place, text_from_sql(path), size, modified, sha256)
        )
    return tuple(sorted(found, key=lambda one: (one.name, one.node, one.modified or 0, one.path, one.ref)))
