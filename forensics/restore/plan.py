"""What a restore would do, file by file, and whether it may. Pure: the same case and folder give the same plan."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from forensics.errors import RefusedError, UsageError
from forensics.restore.guards import guards_of
from forensics.restore.model import (
    Action,
    Coming,
    PlannedFile,
    Present,
    RestorePlan,
    SourceSet,
    Target,
    Times,
    Wish,
    filetime_of,
    ns_of,
)
from forensics.restore.services import services_of
from forensics.restore.target import whose
from forensics.roles.model import Confidence
from parsers.times import TICKS_PER_SECOND, UNIX_EPOCH_AS_FILETIME

if TYPE_CHECKING:
    from forensics.files.model import Finding
    from forensics.restore.ground import Ground

# FAT keeps two seconds, and archives round to them: a time that is later by less is not later everywhere.
_STEP: Final = 2 * TICKS_PER_SECOND
# Nanoseconds since 1970 in 64 bits: the years 1677 to 2262.
_NS_END: Final = 1 << 63
_ORDER: Final = (Confidence.POSSIBLE, Confidence.PROBABLE, Confidence.CERTAIN)


def plan_restore(ground: Ground, source: SourceSet, target: Target, wish: Wish) -> RestorePlan:
    """The plan of a restore; it may be blocked (`RestorePlan.blocked`).

    Raises:
        RefusedError: a time that would have to be set is beyond what files can have.
        UsageError: `--only` names a file that is not replicated, or that the set does not have.
    """
    node, node_why = whose(target, ground.files.live, ground.history.nodes, wish.node)
    wanted = _wanted(ground, source, wish)
    findings = [one for one in ground.losses.in_place if node is None or one.node == node]
    planned = []
    for name in ground.files.names or tuple(source.files):
        repairs = [one for one in findings if one.file == name]
        planned.append(_Step(ground, source, target, wish).plan(name, wanted, repairs, node))
    repaired = [one for file in planned if file.changes for one in findings if one.id in file.repairs]
    plan = RestorePlan(
        source=source.name,
        set_id=source.set_id,
        target=target.path,
        node=node,
        node_why=node_why,
        times=wish.times,
        files=tuple(planned),
        guards=(),
        services=services_of(ground.analysis, node),
        cycle_seconds=ground.cycle_seconds,
        reason=wish.reason,
        confidence=min((one.confidence for one in repaired), key=_ORDER.index, default=None),
    )
    return replace(plan, guards=guards_of(plan, ground, source, target, wish))


def _wanted(ground: Ground, source: SourceSet, wish: Wish) -> frozenset[str] | None:
    """The files that were asked for by name, as the profile writes them; None: none was."""
    if not wish.only:
        return None
    by_folded = {name.casefold(): name for name in ground.files.names}
    found = set()
    for text in wish.only:
        name = by_folded.get(text.strip().casefold())
        if name is None:
            raise UsageError(f"--only {text}: no such file is replicated; there are: {', '.join(ground.files.names)}")
        if name not in source.files:
            raise UsageError(f"--only {text}: {source.name} does not have it")
        found.add(name)
    return frozenset(found)


class _Step:
    """One file after the other, against the same case and folder."""

    def __init__(self, ground: Ground, source: SourceSet, target: Target, wish: Wish) -> None:
        self._ground = ground
        self._source = source
        self._target = target
        self._wish = wish

    def plan(self, name: str, wanted: frozenset[str] | None, findings: list[Finding], node: str | None) -> PlannedFile:
        present = self._target.files.get(name)
        coming = self._source.files.get(name)
        file_name = present.file_name if present is not None else name
        mends = [one for one in findings if coming is not None and coming.sha256 == one.lost.sha256 is not None]
        if coming is not None and coming.content is not None and coming.problem is not None and self._wish.reason:
            # What comes then is what these bytes are, whatever they should be.
            coming = replace(coming, sha256=hashlib.sha256(coming.content).hexdigest(), size=len(coming.content))
        action, why = self._action(name, wanted, findings, mends, present, coming)
        modified_ns, lose_until = None, None
        if action in {Action.REPLACE, Action.CREATE} and coming is not None:
            modified_ns, lose_until = self._time(name, present, coming, node)
            if not all(-_NS_END <= one < _NS_END for one in (modified_ns, present.modified_ns if present else 0)):
                raise RefusedError(
                    f"{file_name}: its last-modified time, or that of a copy of it, is one that no file can be given;"
                    " name the other files with --only"
                )
        repairs = tuple(one.id for one in mends) if action is not Action.LEAVE else ()
        return PlannedFile(name, file_name, action, present, coming, modified_ns, lose_until, repairs, why)

    def _action(
        self,
        name: str,
        wanted: frozenset[str] | None,
        findings: list[Finding],
        mends: list[Finding],
        present: Present | None,
        coming: Coming | None,
    ) -> tuple[Action, str]:
        if coming is None:
            lost = ", though a loss of it is open" if findings else ""
            return Action.LEAVE, f"The set does not have it{lost}."
        asked = name in wanted if wanted is not None else self._wish.everything or bool(mends)
        if not asked:
            if findings:
                return Action.LEAVE, f"The set does not have what it lost ({findings[0].id})."
            if present is not None and present.sha256 == coming.sha256:
                return Action.LEAVE, "It has the set's content."
            return Action.LEAVE, "Nothing of it is lost that the set repairs."
        if present is not None and present.sha256 == coming.sha256:
            return Action.KEEP, "It has this content already."
        reason = f"It repairs {' and '.join(one.id for one in mends)}." if mends else "It was asked for."
        return (Action.REPLACE if present is not None else Action.CREATE), reason

    def _time(self, name: str, present: Present | None, coming: Coming, node: str | None) -> tuple[int, int | None]:
        """The last-modified time to set, in nanoseconds, and until when ordinary edits would lose against it."""
        if self._wish.times is Times.PRESERVE and coming.modified is not None:
            return ns_of(coming.modified), None
        known = [self._ground.newest.get(name, 0), coming.modified or 0, UNIX_EPOCH_AS_FILETIME]
        if present is not None:
            known.append(filetime_of(present.modified_ns))
        newest = -(-max(known) // _STEP) * _STEP + _STEP
        # The product compares raw times, so it is the clock of the node itself that decides.
        span = self._ground.analysis.evidence.nodes.get(node or "")
        return ns_of(newest), newest if span is not None and newest > span[1] else None
