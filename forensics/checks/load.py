"""From a case to what the checks are made of, and the checks into the case's table."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from forensics.case.values import json_text, sql_text, strings_from_json, text_from_sql
from forensics.checkpoints.analyse import find_checkpoints
from forensics.checkpoints.keys import product_keys, relative_key, same_key
from forensics.checks.analyse import check_guidelines
from forensics.checks.material import Captured, CheckpointSource, Logon, Material, RegistryValue
from forensics.claims import Claim
from forensics.files.analyse import analyse_evidence
from forensics.files.load import file_evidence
from forensics.ingest.nodes import owner_of
from parsers.kinds import Kind
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from forensics.case.store import Case
    from forensics.checkpoints.model import Checkpoint
    from forensics.checks.model import Check
    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence
    from forensics.profile import Profile
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

CHECK_TABLES: Final = ("checks",)
"""The tables of the case that `store_checks` fills."""

_WITH_USERS: Final = frozenset({Claim.INSTALL, Claim.SESSION})
_VALUES_MAX: Final = 10_000
_CAPTURES_MAX: Final = 100_000
_LOGONS_BEFORE: Final = 25 * 3600 * TICKS_PER_SECOND
_LOGONS_BEHIND: Final = 600 * TICKS_PER_SECOND
_LOGONS_MAX: Final = 2000
_WOW: Final = "wow6432node"
_CLUSTER: Final = "Cluster"
_SAVED: Final = "saved"


def checks_of(case: Case, analysis: Analysis) -> tuple[Check, ...]:
    """The checks of a case, worked out from its evidence. Nothing is written.

    Raises:
        FailedError: the case cannot be read.
    """
    history = analysis.roles()
    files = file_evidence(case, analysis, history)
    losses = analyse_evidence(files, analysis, history)
    checkpoints = find_checkpoints(case, analysis, history.nodes)
    return check_guidelines(material_of(case, analysis, history, files, losses, checkpoints))


def material_of(
    case: Case,
    analysis: Analysis,
    history: RoleHistory,
    files: FileEvidence | None,
    losses: FileAnalysis | None,
    checkpoints: tuple[Checkpoint, ...] | None,
) -> Material:
    """All that the checks ask of a case. Nothing is written.

    Takes a case that is ingested and finished, and what was concluded of it; None for what could not be.

    Raises:
        FailedError: the case cannot be read.
    """
    profile = analysis.catalogue.profile
    return Material(
        analysis=analysis,
        history=history,
        files=files,
        losses=losses,
        checkpoints=checkpoints,
        sources=tuple(_sources(case, profile)),
        registry=tuple(_registry(case, profile)),
        captures=tuple(_captures(case)),
        logons=tuple(_logons(case, analysis)),
        users=_users(case, analysis),
    )


def _registry(case: Case, profile: Profile) -> Iterator[RegistryValue]:
    keys = product_keys(profile)
    sql = (
        "SELECT r.evidence_id, e.node, r.key, r.name, r.value FROM registry_values r"
        " JOIN evidence e ON e.id = r.evidence_id WHERE r.name IS NOT NULL AND r.value IS NOT NULL"
        " ORDER BY e.path, e.sha256, r.id LIMIT ?"
    )
    for evidence, node, key, name, value in case.rows(sql, (_VALUES_MAX,)):
        same = same_key(text_from_sql(key or ""))
        if same in keys:
            where = relative_key(text_from_sql(key)).casefold().split("\\")
            yield RegistryValue(
                f"evidence:{evidence}",
                text_from_sql(node) if node else None,
                same,
                _WOW in where,
                text_from_sql(name),
                text_from_sql(str(value)),
            )


def _captures(case: Case) -> Iterator[Captured]:
    sql = (
        "SELECT c.evidence_id, c.form, e.node, c.node, c.name, c.cluster_group, c.value, e.modified_filetime"
        " FROM captures c JOIN evidence e ON e.id = c.evidence_id ORDER BY e.path, e.sha256, c.id LIMIT ?"
    )
    for evidence, form, owner, node, name, group, value, raw in case.rows(sql, (_CAPTURES_MAX,)):
        texts = [text_from_sql(text or "") for text in (owner, node, name, group, value)]
        yield Captured(
            f"evidence:{evidence}", form, texts[0] or None, texts[1] or None, texts[2], texts[3] or None, texts[4], raw
        )


def _sources(case: Case, profile: Profile) -> Iterator[CheckpointSource]:
    """What lists the cluster's checkpoints: its hive, listings; one that shows none is a source as well."""
    ours = product_keys(profile)
    found: dict[int, set[str]] = defaultdict(set)
    # A saved checkpoint's file says what would come back, not whether the cluster still has it in its list.
    for evidence, key in case.rows("SELECT evidence_id, key FROM checkpoint_sightings WHERE form <> ?", (_SAVED,)):
        found[evidence] |= {same_key(text_from_sql(key or ""))} & ours
    for row in case.evidence():
        lists = row.kind == Kind.CHECKPOINT_LISTING or row.facts.get("root") == _CLUSTER
        if row.status in {"read", "partial"} and (row.id in found or lists):
            keys = frozenset(found.get(row.id, ()))
            yield CheckpointSource(f"evidence:{row.id}", row.node, row.modified_filetime, keys)


def _users(case: Case, analysis: Analysis) -> Mapping[str, str]:
    """Whose each installation and session was: told by the event, of some logons by one of its strings."""
    wanted = [one for one in analysis.evidence.observations if one.claim in _WITH_USERS]
    rows = case.rows(
        "SELECT id, user_sid FROM events WHERE user_sid IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        (json.dumps([one.event for one in wanted]),),
    )
    found = {f"event:{number}": text_from_sql(sid) for number, sid in rows}
    named = {
        (source.casefold(), row.id): row.sid
        for row in analysis.catalogue.profile.logon_events
        for source in row.event_sources
        if row.sid is not None
    }
    for one in wanted:
        position = named.get((one.source.casefold(), one.event_id))
        if position is not None and position <= len(one.strings):
            found[one.reference] = one.strings[position - 1] or ""
    return found


def _logons(case: Case, analysis: Analysis) -> Iterator[Logon]:
    """Logons of the day before each installation of the product."""
    profile = analysis.catalogue.profile
    installs = [
        one
        for one in analysis.evidence.observations
        if one.claim is Claim.INSTALL and one.object and profile.is_product(one.object)
    ]
    owners = {row.id: (owner_of(row) or "", row.log or row.path) for row in case.evidence()}
    sql = (
        "SELECT id, evidence_id, log, record_number, generated_filetime, strings, user_sid FROM events"
        " WHERE source = ? AND event_id = ? AND node = ? AND generated_filetime BETWEEN ? AND ?"
        " AND duplicate_of IS NULL ORDER BY generated_filetime, id LIMIT ?"
    )
    seen: set[int] = set()
    for row in profile.logon_events:
        for source, one in ((source, one) for source in row.event_sources for one in installs):
            span = one.raw - _LOGONS_BEFORE, one.raw + _LOGONS_BEHIND
            for event, evidence, log, number, raw, text, user in case.rows(
                sql, (sql_text(source), row.id, sql_text(one.node), *span, _LOGONS_MAX)
            ):
                strings = strings_from_json(text)
                if event in seen or len(strings) < row.type:
                    continue
                seen.add(event)
                owner, name = owners[evidence]
                place = owner, name if log is None else text_from_sql(log)
                sid = strings[row.sid - 1] if row.sid is not None and row.sid <= len(strings) else user
                console = (strings[row.type - 1] or "").strip() in row.console
                yield Logon(f"event:{event}", one.node, raw, place, number, console, sid)


def store_checks(case: Case, checks: Sequence[Check]) -> None:
    """Put the checks into the case's table, in place of what is there: in the caller's transaction, else its own."""
    if not case.connection.in_transaction:
        with case.transaction():
            store_checks(case, checks)
        return
    forget_checks(case)
    case.connection.executemany(
        "INSERT INTO checks(id, title, status, confidence, evidence, why, remedy, would_decide)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                sql_text(one.id),
                sql_text(one.title),
                one.status.value,
                one.confidence.value,
                json_text(list(one.evidence)),
                sql_text(one.why),
                sql_text(one.remedy),
                sql_text(one.would_decide),
            )
            for one in checks
        ],
    )


def forget_checks(case: Case) -> None:
    """Empty what `store_checks` fills, within the caller's transaction."""
    case.connection.execute("DELETE FROM checks")
