"""What is exported of a case for tools that show time lines: its events, versions of files and conclusions, by time.

The names of attributes and data types are plaso's, whose rows the analyzers of Timesketch and saved searches look for:
https://github.com/log2timeline/plaso/blob/main/plaso/parsers/winevt.py, winevtx.py and data/timeliner.yaml.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forensics.case.search import EventFilter, count_events, search_events
from forensics.case.values import text_from_sql
from forensics.export.eventxml import event_xml
from parsers.kinds import Kind
from parsers.times import FILETIME_MAX, filetime_from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forensics.case.search import EventRow
    from forensics.case.store import Case
    from forensics.forms import Json


class Sort(NamedTuple):
    """What a tool calls a sort of rows.

    Attributes:
        data_type: plaso's name of it; `ccrf:...` for what plaso has none for.
        parser: plaso's name of the reader.
        source: a short word, as log2timeline has it (EVT, FILE, LOG).
        source_long: more of the same.
    """

    data_type: str
    parser: str
    source: str
    source_long: str


class ExportRow(NamedTuple):
    """One row of a time line.

    Attributes:
        time: FILETIME; None where the row has none, or one that no calendar holds.
        what: which time it is, in plaso's words where it has some.
        macb: the same in the four letters of mactime.
        sort: what kind of row it is.
        node: whose.
        user: security identifier; None for none.
        message: a sentence for people.
        filename: path in the evidence; None for conclusions.
        tags: short words to filter by.
        fields: more, by name; texts are as the evidence holds them.
    """

    time: int | None
    what: str
    macb: str
    sort: Sort
    node: str | None
    user: str | None
    message: str
    filename: str | None
    tags: tuple[str, ...]
    fields: dict[str, Json]


NOT_A_TIME: Final = "Not a time"
"""What plaso calls the time of a row that has none."""

EVT: Final = Sort("windows:evt:record", "winevt", "EVT", "WinEVT")
EVTX: Final = Sort("windows:evtx:record", "winevtx", "EVT", "WinEVTX")
_SORTS: Final[dict[str | None, Sort]] = {
    Kind.EVT: EVT,
    Kind.EVTX: EVTX,
    Kind.EVENT_EXPORT: EVTX,
    Kind.CLUSTER_LOG: Sort("ccrf:cluster_log:entry", "ccrf", "LOG", "Cluster log"),
    Kind.PROGRAM_LOG: Sort("ccrf:program_log:entry", "ccrf", "LOG", "Program log"),
}
_OTHER: Final = Sort("ccrf:event", "ccrf", "LOG", "Event")
_FILE: Final = Sort("fs:stat", "filestat", "FILE", "File stat")
# Each conclusion with a time: the table, what it is called, and the columns that are its time, node and sentence.
_CONCLUSIONS: Final = (
    ("role_intervals", "role", "Role begins", "start", "node", "cluster_group || ': ' || node || ' ' || role"),
    ("role_transitions", "transition", "Group moved", "time", "to_node",
     "cluster_group || ' moved from ' || coalesce(from_node, '?') || ' to ' || coalesce(to_node, '?')"),
    ("role_conflicts", "conflict", "Conflict begins", "start", "nodes", "cluster_group || ': contradiction'"),
    ("backup_sets", "backup", "Backup made", "made", "node", "'backup set ' || location"),
    ("overwrites", "overwrite", "Loss at the latest", "latest", "node", "file || ': ' || kind || ', ' || cause"),
)  # fmt: skip
_NOT_TOLD: Final = frozenset({"id", "why"})
_JSON_COLUMNS: Final = frozenset({"evidence", "contradicted_by", "nodes", "files", "missing", "recoverable_from"})


def counts(case: Case, *, duplicates: bool = True) -> dict[str, int]:
    """How many rows of each kind `rows` gives, as the case counts them itself."""
    found = {
        "event": count_events(case, EventFilter(duplicates=duplicates)),
        "file version": _count(case, "file_versions"),
    }
    return found | {"conclusion": sum(_count(case, table) for table, *_ in _CONCLUSIONS)}


def rows(case: Case, *, duplicates: bool = True, xml: bool = True) -> Iterator[ExportRow]:
    """Events, versions of files and conclusions, by time, those without a time first; the same case, the same order.

    A row whose time no calendar holds stands wherever that puts it.

    Streams; conclusions are held in memory.

    Args:
        case: where they are.
        duplicates: also events that are another one once more; they say which in `duplicate_of`.
        xml: whether events have an `xml_string`.

    Raises:
        FailedError: the case cannot be read.
    """
    conclusions = sorted(_conclusions(case), key=lambda row: (_place(row), row.sort, row.node or "", row.message))
    return heapq.merge(_events(case, duplicates=duplicates, xml=xml), _files(case), conclusions, key=_place)


def _place(row: ExportRow) -> int:
    return -1 if row.time is None else row.time


def _count(case: Case, table: str) -> int:
    count: int = next(case.rows(f"SELECT count(*) FROM {table}"))[0]  # noqa: S608 - our own names
    return count


def told_time(filetime: int | None) -> int | None:
    """The time, where a calendar holds it."""
    return filetime if filetime is not None and 0 <= filetime <= FILETIME_MAX else None


# --- events -----------------------------------------------------------------------------------------------------------


def _events(case: Case, *, duplicates: bool, xml: bool) -> Iterator[ExportRow]:
    kinds = dict(case.rows("SELECT id, kind FROM evidence"))
    for event in search_events(case, EventFilter(duplicates=duplicates)):
        yield _event(event, _SORTS.get(kinds.get(event.evidence_id), _OTHER), xml=xml)


def _event(event: EventRow, sort: Sort, *, xml: bool) -> ExportRow:
    time = told_time(event.generated_filetime)
    text = event.message or " | ".join(string or "" for string in event.strings)
    fields: dict[str, Json] = {
        "event_identifier": event.event_id,
        "message_identifier": _message_identifier(event),
        "record_number": event.record_number,
        "source_name": event.source,
        "computer_name": event.computer,
        "channel": event.log,
        "event_category": event.category,
        "event_level": event.level,
        "offset": event.offset,
        "recovered": event.recovered,
        "written_time": event.time_written,
        "strings": list(event.strings),
    }
    if sort is EVT:
        qualifiers = event.qualifiers or 0
        fields |= {"event_type": event.raw_type, "severity": qualifiers >> 14, "facility": qualifiers & 0x0FFF}
    elif sort is EVTX:
        fields |= {"event_version": event.version, "xml_string": event_xml(event) if xml else None}
    fields |= {"ccrf_id": f"event:{event.id}"}
    if event.duplicate_of is not None:
        fields["duplicate_of"] = f"event:{event.duplicate_of}"
    tags = ("copy",) * (event.duplicate_of is not None) + ("recovered",) * event.recovered
    head = f"{event.source or '?'} {'' if event.event_id is None else event.event_id}".rstrip()
    message = f"{head}: {text}" if text else head
    what, macb = ("Creation Time", "...B") if time is not None else (NOT_A_TIME, "....")
    return ExportRow(time, what, macb, sort, event.node, event.user_sid, message, event.path, tags, fields)


def _message_identifier(event: EventRow) -> int | None:
    return None if event.event_id is None else (event.qualifiers or 0) << 16 | event.event_id


# --- versions of files ------------------------------------------------------------------------------------------------


def _files(case: Case) -> Iterator[ExportRow]:
    sql = (
        "SELECT id, node, name, role, path, sha256, size, modified_filetime, backup_set_id FROM file_versions"
        " ORDER BY CASE WHEN modified_filetime BETWEEN 0 AND ? THEN modified_filetime ELSE -1 END, path, sha256, id"
    )
    for number, node, name, role, path, sha256, size, modified, backup in case.rows(sql, (FILETIME_MAX,)):
        time, place = told_time(modified), text_from_sql(path)
        fields: dict[str, Json] = {
            "file_size": size,
            "file_entry_type": "file",
            "sha256_hash": sha256,
            "name": text_from_sql(name),
            "role": role,
            "backup_set": None if backup is None else f"backup:{backup}",
            "ccrf_id": f"file:{number}",
        }
        what, macb = ("Content Modification Time", "M...") if time is not None else (NOT_A_TIME, "....")
        owner = None if node is None else text_from_sql(node)
        yield ExportRow(time, what, macb, _FILE, owner, None, f"{place} ({role})", place, (), fields)


# --- conclusions ------------------------------------------------------------------------------------------------------


def _conclusions(case: Case) -> Iterator[ExportRow]:
    """What was concluded, at its time on the clock of the reference; a backup set at the time of its own node."""
    for table, name, what, when, whose, says in _CONCLUSIONS:
        columns = [row[1] for row in case.rows(f"PRAGMA table_info({table})")]
        numbers: Counter[str | None] = Counter()
        for values in case.rows(f"SELECT *, {says} FROM {table} ORDER BY id"):  # noqa: S608 - our own names
            row = dict(zip(columns, values, strict=False))
            # The commands count the conclusions on roles within each group.
            group = row.get("cluster_group")
            numbers[group] += 1
            reference = f"{name}:{row['id'] if group is None else numbers[group]}"
            time = filetime_of(row[when])
            fields: dict[str, Json] = {
                f"ccrf_{column}": _plain(column, value)
                for column, value in row.items()
                if column not in _NOT_TOLD and value is not None
            }
            yield ExportRow(
                time,
                what if time is not None else NOT_A_TIME,
                "....",
                Sort(f"ccrf:{name}", "ccrf", "CCRF", "Conclusion of ccrf"),
                text_from_sql(row[whose]) if row[whose] else None,
                None,
                _sentence(values[-1], row),
                None,
                ("conclusion",),
                fields | {"ccrf_id": reference},
            )


def _sentence(says: str, row: Mapping[str, Any]) -> str:
    sure = f" ({row['confidence']})" if row.get("confidence") else ""
    return f"{text_from_sql(says)}{sure}. {text_from_sql(row['why'] or '')}".rstrip()


def _plain(column: str, value: Any) -> Json:
    if column in _JSON_COLUMNS:
        try:
            decoded: Json = json.loads(value)
        except (TypeError, ValueError):
            return str(value)
        # A mapping would be a field of its own for each file name in the index of the tool.
        return decoded if isinstance(decoded, list) else str(value)
    return text_from_sql(value) if isinstance(value, str) else value


def filetime_of(text: str | None) -> int | None:
    """FILETIME of a time as the case writes it; None for none, and for what is no time (a case altered by hand)."""
    try:
        moment = datetime.fromisoformat(text or "")
        return told_time(filetime_from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
    except (ValueError, OverflowError):
        return None
