"""When a machine was down for the cluster, and when it fell silent without a word."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.claims import GROUP_CLAIMS, Claim
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.roles.signs import Sign

_STOPS: Final = frozenset({Claim.SHUTDOWN, Claim.DOWN, Claim.NODE_REMOVED})
_MEMBER: Final = frozenset({Claim.JOINED, Claim.FORMED})
STARTS: Final = _MEMBER | {Claim.BOOT}
"""Claims with which a node begins to be there."""

# A member's service starts within minutes of the boot; a later one is another start.
_STARTING: Final = 10 * 60 * TICKS_PER_SECOND
# One boot has several records; no machine starts twice within this.
_ONE_BOOT: Final = 60 * TICKS_PER_SECOND


class Absence(NamedTuple):
    """A node was not there: from `start` to `end` on the common time line.

    `signs` are those that say so. `known` is True where one says when it went down, False where it only turns out at
    the next boot that it had stopped at some moment.
    """

    start: int
    end: int
    signs: tuple[Sign, ...]
    known: bool = True


def absences(node: str, signs: Sequence[Sign], life: Sequence[int], end: int) -> list[Absence]:
    """The absences of a node, in order.

    Args:
        node: its name.
        signs: of all nodes, in their order.
        life: moments at which the node logged something, sorted.
        end: end of the node's evidence.
    """
    told = _STOPS | STARTS | GROUP_CLAIMS | {Claim.RESTART_REQUEST}
    own = [sign for sign in signs if sign.node == node and sign.claim in told]
    has_membership = any(sign.claim in _MEMBER for sign in own)
    found: list[Absence] = []
    stopped: list[Sign] = []
    booted: int | None = None
    asked: Sign | None = None
    for at, sign in enumerate(own):
        if sign.claim is Claim.RESTART_REQUEST:
            asked = sign
        elif sign.claim in _STOPS:
            stopped += _with_request(sign, asked)
            asked = None
        elif sign.claim is Claim.BOOT:
            if booted is not None and sign.time - booted <= _ONE_BOOT and not stopped:
                continue
            booted = sign.time
            back = _membership(own, at, has_membership=has_membership)
            found += [_until(stopped, back, life, sign)] if stopped else _before_boot(sign, back, life)
            stopped = []
        elif stopped:
            found.append(_until(stopped, sign, life))
            stopped = []
    if stopped:
        found.append(_until(stopped, None, life, end=end))
    return found


def _with_request(stop: Sign, asked: Sign | None) -> list[Sign]:
    """A stop, and the request for it behind: what the stop's time is counts."""
    is_answer = asked is not None and stop.claim is Claim.SHUTDOWN and stop.time - asked.time <= _STARTING
    return [stop, asked] if asked is not None and is_answer else [stop]


def _until(stopped: list[Sign], back: Sign | None, life: Sequence[int], *starts: Sign, end: int = 0) -> Absence:
    """From the first of some stops to the sign with which the node is back, or to the end of its evidence.

    A node that was only removed by the others may run on: once it logs something nothing is known of its absence.
    """
    start = stopped[0].time
    until = max(start, end if back is None else back.time)
    signs = (*stopped, *starts) if back is None or back in starts else (*stopped, *starts, back)
    if all(sign.claim is Claim.NODE_REMOVED for sign in stopped):
        at = bisect_left(life, start + _ONE_BOOT)
        # What it logs behind a boot says only that it started.
        if at < len(life) and life[at] < min((sign.time for sign in starts), default=until):
            return Absence(start, life[at], tuple(stopped))
    return Absence(start, until, signs)


def _before_boot(boot: Sign, back: Sign, life: Sequence[int]) -> list[Absence]:
    """A boot without a stop before it: the node stopped at some moment since its last sign of life."""
    alive = last_before(life, boot.time)
    if alive is not None:
        return [Absence(alive, back.time, (boot,), known=False)]
    return [Absence(boot.time, back.time, (boot, back))] if back is not boot else []


def _membership(own: Sequence[Sign], at: int, *, has_membership: bool) -> Sign:
    """The sign with which a node is back in the cluster after the boot at a place among its own signs."""
    boot = own[at]
    if has_membership:
        for following in range(at + 1, len(own)):
            sign = own[following]
            if sign.time - boot.time > _STARTING or sign.claim in _STOPS:
                break
            if sign.claim in _MEMBER or sign.claim in GROUP_CLAIMS:
                return sign
    return boot


def last_before(life: Sequence[int], moment: int) -> int | None:
    """The last of sorted moments before another one; None where there is none."""
    at = bisect_left(life, moment) - 1
    return life[at] if at >= 0 else None
