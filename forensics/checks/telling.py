"""What the guidelines' checks say, in a few plain sentences, for the terminal and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.checks.model import Status
from forensics.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.checks.model import Check

STATUS_WORDS: Final = {
    "pass": "kept",
    "violation": "violation",
    "unknown": "unknown",
    "not_applicable": "not applicable",
}
"""What a status is called where people read it."""
TOLD: Final = 6


def guidelines_story(checks: Sequence[Check]) -> list[str]:
    """The violations, the surest first, and how many of the others were kept, do not apply, or are not known."""
    order = ("certain", "probable", "possible")
    found = [one for one in checks if one.status is Status.VIOLATION]
    found.sort(key=lambda one: (order.index(one.confidence), one.id))
    told = [f"{one.id} was not followed ({one.confidence}): {one.title}. {one.why}" for one in found[:TOLD]]
    if len(found) > TOLD:
        told.append(f"{counted(len(found) - TOLD, 'more violation')}: see `ccrf check`.")
    if not found:
        told.append("No violation of a guideline shows.")
    return [*told, _rest(checks)]


def _rest(checks: Sequence[Check]) -> str:
    number = {status: sum(one.status is status for one in checks) for status in Status}
    parts = [
        f"{_were(number[Status.VIOLATION])} not followed",
        f"{_were(number[Status.PASS])} kept as far as the evidence shows",
        f"{number[Status.NOT_APPLICABLE]} did not apply",
    ]
    unknown = number[Status.UNKNOWN]
    return (
        f"Of the {len(checks)} guidelines {', '.join(parts)}, and {unknown} {'is' if unknown == 1 else 'are'} unknown."
    )


def _were(number: int) -> str:
    return f"{number} {'was' if number == 1 else 'were'}"
