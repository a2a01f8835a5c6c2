"""Questions ready to be asked of a case, as SQL that only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import Claim

if TYPE_CHECKING:
    from forensics.profile import Profile


class Question(NamedTuple):
    """One canned query: its name in the address, what it is called, what it tells, and its SQL."""

    name: str
    title: str
    description: str
    sql: str


# A reference is `event:12`, `file:3`, `backup:1`: its number by its kind, so that the join goes by the primary key.
_NUMBER: Final = "CASE WHEN r.value LIKE '{kind}:%' THEN CAST(substr(r.value, {start}) AS INTEGER) END"
_EVENT: Final = _NUMBER.format(kind="event", start=7)
_FILE: Final = _NUMBER.format(kind="file", start=6)
_BACKUP: Final = _NUMBER.format(kind="backup", start=8)


def _records_of(table: str, columns: str, order: str) -> str:
    return f"""SELECT {columns}, r.value AS reference,
    coalesce(e.time_generated, f.modified, b.made) AS recorded_time, coalesce(e.node, f.node, b.node) AS node,
    CASE WHEN e.id IS NOT NULL THEN e.source || ' ' || e.event_id WHEN f.id IS NOT NULL THEN f.role || ' ' || f.name
        WHEN b.id IS NOT NULL THEN 'backup set' END AS record,
    coalesce(e.message, e.strings, f.path, b.location) AS text
FROM {table} t CROSS JOIN json_each(t.evidence) r
LEFT JOIN events e ON e.id = {_EVENT}
LEFT JOIN file_versions f ON f.id = {_FILE}
LEFT JOIN backup_sets b ON b.id = {_BACKUP}
ORDER BY {order}, r.key"""  # noqa: S608 - our own names


_QUESTIONS: Final = (
    Question(
        "role_history", "Who was active when", "Role intervals of every node, with how sure each is and why.",
        """SELECT cluster_group, node, role, start, "end", confidence, why FROM role_intervals
ORDER BY cluster_group, start, node, id""",
    ),
    Question(
        "moves", "Moves of the groups", "Each transition, with the times between which it lies.",
        """SELECT cluster_group, from_node, to_node, earliest, time, latest, confidence, why FROM role_transitions
ORDER BY cluster_group, time, id""",
    ),
    Question(
        "moves_with_records", "Moves, with their records", "What each transition rests on, record by record.",
        _records_of("role_transitions", "t.id AS transition, t.cluster_group, t.time", "t.cluster_group, t.time, t.id"),
    ),
    Question(
        "findings", "What was lost", "Losses that are still in place, with the backup sets that have the content.",
        """SELECT id, file, node, kind, cause, earliest, latest, confidence, recoverable_from, why FROM overwrites
ORDER BY id""",
    ),
    Question(
        "findings_with_records", "What was lost, with its records", "What each loss rests on, record by record.",
        _records_of("overwrites", "t.id AS overwrite, t.file, t.kind", "t.id"),
    ),
    Question(
        "file_history", "Versions of a file", "Versions of files whose name holds the text: live, in backups, listed.",
        """SELECT modified, node, role, name, size, sha256, backup_set_id, path FROM file_versions
WHERE name LIKE '%' || :name || '%' ORDER BY modified_filetime, node, path""",
    ),
    Question(
        "backup_sets", "Backup sets", "When and after what they were made, and what they lack.",
        """SELECT id, node, made, "trigger", complete, consistent, recommended, missing, confidence, location, why
FROM backup_sets ORDER BY node, made, id""",
    ),
    Question(
        "guidelines", "Guidelines", "What was kept, what was not, and what would decide the rest.",
        "SELECT id, title, status, confidence, why, remedy, would_decide FROM checks ORDER BY id",
    ),
    Question(
        "checkpoints", "Registry checkpoints", "Which the evidence shows, and whether each is stale.",
        """SELECT node, resource, "key", kind, configured_by_product, stale, why, command FROM checkpoints
ORDER BY node, resource, "key", id""",
    ),
    Question(
        "clocks", "How far apart the clocks were", "What must be added to a node's times to get the reference's.",
        """SELECT node, reference, seconds, uncertainty, pairs, since, until, why FROM clock_offsets
ORDER BY node, since, id""",
    ),
    Question(
        "search_events", "Search the events", "Full-text search over strings and messages: words, \"phrases\", begin*.",
        """SELECT e.id, e.time_generated, e.node, e.log, e.source, e.event_id, coalesce(e.message, e.strings) AS text
FROM events_fts JOIN events e ON e.id = events_fts.rowid
WHERE events_fts MATCH :words AND e.duplicate_of IS NULL ORDER BY e.generated_filetime, e.id""",
    ),
    Question(
        "events_between", "Events between two times", "As recorded: 2008-01-10T12:00 to 2008-01-10T12:05.",
        """SELECT id, time_generated, node, log, source, event_id, coalesce(message, strings) AS text FROM events
WHERE time_generated >= :since AND time_generated < :until AND duplicate_of IS NULL ORDER BY generated_filetime, id""",
    ),
    Question(
        "events_per_source", "Events by source", "How many of each source and id, the most first.",
        """SELECT node, source, event_id, count(*) AS events, min(time_generated) AS first, max(time_generated) AS last
FROM events WHERE duplicate_of IS NULL GROUP BY node, source, event_id ORDER BY events DESC, node, source, event_id""",
    ),
    Question(
        "what_was_read", "What was read", "Every file of the evidence, with its hash.",
        """SELECT id, path, kind, status, node, live, recovered, first_time, last_time, size, sha256 FROM evidence
ORDER BY path, sha256""",
    ),
    Question(
        "what_failed", "What could not be read", "Files that are not whole, and where.",
        """SELECT e.path, e.status, p.kind, p.offset, p.length, coalesce(p.detail, e.problem) AS detail FROM evidence e
LEFT JOIN problems p ON p.evidence_id = e.id WHERE e.status IN ('partial', 'failed') ORDER BY e.path, p.offset, p.id""",
    ),
    Question(
        "audit", "What was done to the case", "The audit chain; 'ccrf verify' checks it.",
        "SELECT id, time, action, detail, hash FROM audit ORDER BY id",
    ),
)  # fmt: skip


def questions(profile: Profile) -> tuple[Question, ...]:
    """All questions; those that ask for events of the product by what the profile says of them."""
    return (*_QUESTIONS, _skipped_copies(profile))


def _skipped_copies(profile: Profile) -> Question:
    rows = [row for row in profile.events if row.claim is Claim.COPY_SKIPPED and row.id is not None]
    known = [
        f"(source LIKE {_like(source)} ESCAPE '!' AND event_id = {row.id})"
        for row in rows
        for source in row.event_sources
    ]
    condition = " OR ".join(known) or "0"
    return Question(
        "skipped_copies_per_hour",
        "Skipped copies per hour",
        "How often the service did not copy a file because its own was as new: that node was passive.",
        f"""SELECT substr(time_generated, 1, 13) || ':00Z' AS hour, node, count(*) AS skipped
FROM events WHERE ({condition}) AND duplicate_of IS NULL
GROUP BY hour, node ORDER BY hour, node""",  # noqa: S608 - quoted above
    )


def _like(source: str) -> str:
    """A source of the profile, where a star at the end stands for anything, as a pattern of LIKE, quoted."""
    text = source.removesuffix("*").replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("'", "''")
    return f"'{text}{'%' if source.endswith('*') else ''}'"
