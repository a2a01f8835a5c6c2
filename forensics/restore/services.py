"""Which services would write over what is restored, and what the case's last record shows of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.claims import Claim
from forensics.restore.model import ServiceToStop

if TYPE_CHECKING:
    from forensics.observations import Observation
    from forensics.roles.analyse import Analysis

# What a service writes into the log while it runs.
_RUNNING: Final = frozenset(
    {Claim.SERVICE_START, Claim.FORCED_SYNC, Claim.COPY_SKIPPED, Claim.SEEDING_COMPLETE, Claim.BACKUP_MADE}
)
_MACHINE_STOPPED: Final = frozenset({Claim.SHUTDOWN, Claim.UNEXPECTED_SHUTDOWN})
_RUNNING_STATE, _STOPPED_STATE = "running", "stopped"


def services_of(analysis: Analysis, node: str | None) -> tuple[ServiceToStop, ...]:
    """The services to stop before a restore, in order, each with what the case's last record of the product shows.

    `running` is None where no record tells: a machine that started since starts services that nobody may have stopped.

    Args:
        analysis: of the case.
        node: whose folder is restored to; None where that is not known.
    """
    running, evidence, why = _last_state(analysis, node)
    return tuple(
        ServiceToStop(row.order, row.name, row.where, running, why, evidence)
        for row in sorted(analysis.catalogue.profile.restore_stops, key=lambda row: (row.order, row.name))
    )


def _last_state(analysis: Analysis, node: str | None) -> tuple[bool | None, tuple[str, ...], str]:
    if node is None:
        return None, (), "Whose folder it is cannot be told, so no record tells of its services."
    last: tuple[tuple[int, int], Observation, bool | None] | None = None
    for one in analysis.evidence.observations:
        if one.node != node:
            continue
        shows = _shows(analysis, one)
        if shows is _NOTHING:
            continue
        moment = analysis.clocks.moment(one.node, one.raw, one.log, one.number)
        key = (moment.time, one.number or 0)
        if last is None or key >= last[0]:
            last = (key, one, shows if isinstance(shows, bool) else None)
    if last is None:
        return None, (), f"No record of {node} tells whether the product's services run."
    _, one, running = last
    which = f"{one.source} {one.event_id} on {node}"
    if running is None:
        return None, (one.reference,), f"The last record ({which}) is a start of the machine, which may start them."
    state = "running" if running else "stopped"
    return running, (one.reference,), f"The case's last record of them ({which}) shows them {state}."


_NOTHING: Final = object()


def _shows(analysis: Analysis, one: Observation) -> object:
    """True: the product runs; False: it does not; None: the machine started; `_NOTHING`: says nothing of it."""
    if one.claim is Claim.SERVICE_STATE:
        service = analysis.catalogue.profile.service(one.object or "")
        if service is None or service.kind != "product":
            return _NOTHING
        words = {(text or "").strip().casefold() for text in one.strings}
        return True if _RUNNING_STATE in words else False if _STOPPED_STATE in words else _NOTHING
    if one.claim in _RUNNING:
        return True
    if one.claim is Claim.SERVICE_STOP or one.claim in _MACHINE_STOPPED:
        return False
    return None if one.claim is Claim.BOOT else _NOTHING
