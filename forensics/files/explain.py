"""What a finding on files rests on, and why its word is the one it is; what evidence was missing to tell more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.roles.explain import grounds, signs_behind
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from forensics.files.model import FileEvidence, Finding, Sighting
    from forensics.roles.analyse import Analysis
    from forensics.roles.model import RoleHistory

_MEANING: Final = {
    Confidence.CERTAIN: "it follows from the files' contents, from roles that are certain and from the documented rules"
    " of replication, and nothing speaks against it",
    Confidence.PROBABLE: "it explains the files and the records clearly better than any other reading does",
    Confidence.POSSIBLE: "another explanation is nearly as good, or the evidence leaves open what was copied",
}
_NO_FILES: Final = "No replicated file is in the evidence: copy each node's Data folder, with its backups and times."
_HASH_SHOWN: Final = 12
# What a machine needs to start is no gap in what is known.
_SHORT: Final = 5 * 60 * TICKS_PER_SECOND


class Witness(NamedTuple):
    """One file of the evidence, and where it lay.

    Attributes:
        file: the file.
        place: "live", the id of its backup set, or "other".
        holds: "lost", "current" or "": which of a finding's two contents it has.
    """

    file: Sighting
    place: str
    holds: str


def places(evidence: FileEvidence) -> dict[str, tuple[Sighting, str]]:
    """Every file that is a version of a replicated one, by reference (`file:7`): itself, and where it lay."""
    found = {one.reference: (one, "other") for one in evidence.other}
    for one in evidence.backups:
        found |= {file.reference: (file, one.id) for file in one.files.values()}
    for files in evidence.live.values():
        found |= {file.reference: (file, "live") for file in files.values()}
    return found


def witnesses(evidence: FileEvidence, finding: Finding) -> list[Witness]:
    """The files that the finding names as evidence, and all others that hold one of its two contents.

    The lost content first, then what is in place, then the rest; live files before backup sets.
    """
    named = set(finding.evidence) | set(finding.contradicted_by)
    found = []
    for reference, (file, place) in places(evidence).items():
        holds = _holds(file, finding) if file.name == finding.file else ""
        if holds or reference in named:
            found.append(Witness(file, place, holds))
    return sorted(found, key=_order)


def why_that_word(analysis: Analysis, history: RoleHistory, finding: Finding, seen: Sequence[Witness]) -> list[str]:
    """Why a finding has its word, in sentences: the contents, the records, what is not certain, what the word means.

    Args:
        analysis: of the case.
        history: the roles that the finding was drawn from.
        finding: one of the case's.
        seen: its `witnesses`.
    """
    told = [_contents(finding, seen)]
    signs = signs_behind(analysis, (*finding.evidence, *finding.contradicted_by))
    if signs:
        supporting = [signs[one] for one in finding.evidence if one in signs]
        against = [signs[one] for one in finding.contradicted_by if one in signs]
        told += grounds(None, supporting, against)
    if finding.contradicted_by:
        number = len(finding.contradicted_by)
        told.append(
            "One record or file speaks against it." if number == 1 else f"{number} records or files speak against it."
        )
    if finding.confidence is not Confidence.CERTAIN:
        open_points = list(_not_certain(history, finding))
        told += open_points or ["It is not certain because the evidence leaves open what was copied, or when."]
    told.append(f"{finding.confidence.capitalize()} means: {_MEANING[finding.confidence]}.")
    return told


def missing_to_tell(evidence: FileEvidence, history: RoleHistory) -> list[str]:
    """What the evidence lacks to tell all that was lost, in sentences; none where it lacks nothing."""
    nodes = sorted({*history.nodes, *evidence.live, *(one.node for one in evidence.backups)})
    if not evidence.live and not evidence.backups and not evidence.other:
        return [_NO_FILES]
    told = [*_files_missing(evidence, nodes)]
    known_by_name = sorted(
        {
            file.name
            for file in [*(f for one in evidence.live.values() for f in one.values()), *evidence.other]
            if file.version.sha256 is None
        }
    )
    if known_by_name:
        told.append(f"Of {_listed(known_by_name)} there is a listing only, which tells no contents apart.")
    if not any(one.role is Role.ACTIVE for one in history.intervals):
        told.append("Which node was active is not in the evidence, so nothing tells which way files were copied.")
    else:
        told += _roles_missing(history)
    clocks = {one.node for one in history.clock_offsets}
    open_clocks = [node for node in history.nodes[1:] if node not in clocks]
    if open_clocks:
        told.append(f"How far the clock of {_listed(open_clocks)} was off is not known.")
    return told


def _files_missing(evidence: FileEvidence, nodes: Sequence[str]) -> Iterator[str]:
    for node in nodes:
        live = evidence.live.get(node, {})
        lacking = [name for name in evidence.names if name not in live]
        if not live:
            yield f"The live files of {node} are not in the evidence."
        elif lacking:
            yield f"{_listed(lacking)} {'is' if len(lacking) == 1 else 'are'} not among the live files of {node}."
    if len(nodes) == 1:
        yield f"Only {nodes[0]} is in the evidence: what the other node held is not known."
    if not evidence.backups:
        yield "No backup set is in the evidence: only what the files hold now is known, not what they held before."


def _roles_missing(history: RoleHistory) -> Iterator[str]:
    for node in history.nodes:
        gaps = [one for one in history.intervals if one.node == node and one.role is Role.UNKNOWN]
        if any(one.end - one.start > _SHORT for one in gaps):
            yield f"Part of the time it is not known what {node} was (`ccrf roles`)."


def _contents(finding: Finding, seen: Sequence[Witness]) -> str:
    lost = [one for one in seen if one.holds == "lost"]
    if finding.lost.sha256 is None:
        return "A listing gives no content: the two versions are told apart by size and last-modified time only."
    where = [f"live on {one.file.node}" if one.place == "live" else f"in {one.place}" for one in lost]
    seen_in = f"was seen in {len(lost)} {'file' if len(lost) == 1 else 'files'} ({', '.join(where)})"
    current = finding.current
    if current is None:
        now = "the node has no such file any more"
    elif current.sha256 is None:
        now = "of what is in place only a listing tells"
    elif current.sha256 == finding.lost.sha256:
        now = "what is in place has the same bytes again"
    else:
        now = "what is in place has other bytes"
    return f"Contents are told apart by their hashes: {finding.lost.sha256[:_HASH_SHOWN]}... {seen_in}; {now}."


def _not_certain(history: RoleHistory, finding: Finding) -> Iterator[str]:
    """What of the roles around a finding is not certain, or not known."""
    for move in history.transitions:
        overlaps = move.earliest <= finding.latest and move.latest >= finding.earliest
        if overlaps and move.confidence is not Confidence.CERTAIN:
            yield f"The move in that time is {move.confidence} ({move.id})."
    for one in history.intervals:
        if one.start > finding.latest or one.end < finding.earliest:
            continue
        if one.role is Role.UNKNOWN:
            yield f"What {one.node} was there is not known ({one.id})."
        elif one.confidence is not Confidence.CERTAIN:
            yield f"That {one.node} was {one.role} there is {one.confidence} ({one.id})."
    clocks = {one.node for one in history.clock_offsets}
    for node in history.nodes[1:]:
        if node not in clocks:
            yield f"Nothing bounds on both sides how far the clock of {node} was off."


def _holds(file: Sighting, finding: Finding) -> str:
    for name, version in (("lost", finding.lost), ("current", finding.current)):
        if version is None:
            continue
        same_bytes = version.sha256 is not None and file.version.sha256 == version.sha256
        if same_bytes or file.version == version:
            return name
    return ""


def _order(one: Witness) -> tuple[int, bool, str, str, str]:
    rank = {"lost": 0, "current": 1}.get(one.holds, 2)
    # Set 10 comes after set 9.
    return rank, one.place != "live", one.file.node, f"{len(one.place):04}{one.place}", one.file.path


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
