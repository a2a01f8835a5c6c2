"""What Datasette shows beside a case: titles, what tables and columns hold, facets, questions.

Form: https://docs.datasette.io/en/stable/metadata.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from forensics import __version__
from forensics.browse.queries import questions
from forensics.case.schema import TABLES

if TYPE_CHECKING:
    from forensics.profile import Profile

DATABASE: Final = "case"
"""What the case is called in addresses, whatever its file is."""

SETTINGS: Final[dict[str, Any]] = {
    "sql_time_limit_ms": 10_000,
    "facet_time_limit_ms": 2_000,
    "max_returned_rows": 5_000,
    "suggest_facets": False,
    "allow_download": False,
    "truncate_cells_html": 400,
}

_TABLES: Final = {
    "evidence": "Every file that was read, with its hash, and whose it is.",
    "problems": "What is damaged in it, and where.",
    "events": "Entries of event logs, of cluster.log and of the product's own log, as recorded.",
    "folders": "When folders were changed last.",
    "contents": "Contents of replicated files and backups.",
    "backup_sets": "Backup sets of the replicated files, found by structure.",
    "file_versions": "Versions of replicated files: live ones, in backups, and named in listings.",
    "role_intervals": "Which node was active, passive or down when.",
    "role_transitions": "Moves of cluster groups.",
    "role_conflicts": "Times for which the evidence contradicts itself.",
    "clock_offsets": "How far the nodes' clocks were apart.",
    "message_texts": "Texts of message files.",
    "rendered_messages": "Which of them an event's message was made from.",
    "learned_events": "Events whose id was learned from their text.",
    "overwrites": "What was lost and is still in place.",
    "checks": "The vendor's guidelines, and whether they were kept.",
    "checkpoints": "Registry checkpoints of cluster resources.",
    "registry_values": "Values of the registry keys that matter.",
    "checkpoint_sightings": "Where the evidence names checkpoints.",
    "program_files": "Files of the product that listings show.",
    "captures": "Values from output of commands, such as the state of groups.",
    "curly_quotes": "Lines with typographic quotes, which commands do not understand.",
    "restores": "Restores that were done with this case.",
    "restore_files": "Their files.",
    "audit": "What was done to the case, as a hash chain.",
    "settings": "What stays with the case.",
}
_COLUMNS: Final = {
    "node": "upper case, without domain",
    "confidence": "certain, probable or possible",
    "why": "one or two sentences",
    "evidence": "what it rests on: event:12, file:3, backup:1, ...",
    "evidence_id": "the file of evidence it is from",
    "path": "from the given PATH's own name on",
    "time_generated": "UTC, by the clock of the node that wrote it",
    "time_written": "UTC, when the log service wrote it",
    "duplicate_of": "the event of which this is a copy",
    "recovered": "1: found outside of the log's live records",
    "event_id": "the low 16 bits of the identifier",
    "level": "1 critical, 2 error, 3 warning, 4 information, 0 audits",
    "strings": "JSON list of the insertion strings",
    "modified": "last-modified time, UTC, by the clock that set it",
    "made": "UTC, by the node's own clock",
    "recoverable_from": "backup sets that have the lost content",
}
_FACETS: Final = {
    "evidence": ["kind", "node", "status"],
    "problems": ["kind"],
    "events": ["node", "log", "source", "level"],
    "file_versions": ["name", "node", "role"],
    "backup_sets": ["node", "trigger", "confidence"],
    "role_intervals": ["cluster_group", "node", "role", "confidence"],
    "role_transitions": ["cluster_group", "confidence"],
    "overwrites": ["file", "node", "kind", "cause", "confidence"],
    "checks": ["status", "confidence"],
    "checkpoints": ["node", "kind", "stale"],
    "audit": ["action"],
}
_SORT: Final = {"events": "generated_filetime", "file_versions": "modified_filetime", "role_intervals": "start"}


def metadata(profile: Profile, name: str) -> dict[str, Any]:
    """The metadata of a case; `name` is that of its file."""
    tables: dict[str, dict[str, Any]] = {}
    for table, columns in TABLES.items():
        described = {
            column: _COLUMNS.get(column) or "FILETIME, 100 ns since 1601: the exact time"
            for column in columns
            if column in _COLUMNS or column.endswith("_filetime")
        }
        tables[table] = {"description": _TABLES.get(table, ""), "columns": described, "facets": _FACETS.get(table, [])}
        if table in _SORT:
            tables[table]["sort"] = _SORT[table]
    tables["evidence"]["label_column"] = "path"
    return {
        "title": f"ccrf: {name}",
        "description": "Everything the case holds, for reading. Times are UTC. Conclusions are in the queries, and in"
        " the tables role_intervals, role_transitions, overwrites, backup_sets, checks and checkpoints.",
        "source": f"ccrf {__version__}",
        "databases": {
            DATABASE: {
                "description": f"{name}, opened for reading only: nothing that is done here changes it.",
                "tables": tables,
                "queries": {
                    one.name: {"title": one.title, "description": one.description, "sql": one.sql}
                    for one in questions(profile)
                },
            }
        },
    }
