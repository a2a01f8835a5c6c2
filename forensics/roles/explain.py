"""What a conclusion on roles rests on, record by record, and why its word is the one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from forensics.roles.confidence import kind_of
from forensics.roles.model import Confidence
from forensics.roles.signs import Sign, weight
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from forensics.roles.analyse import Analysis

_MEANING: Final = {
    Confidence.CERTAIN: "at least two independent kinds of evidence say it, nothing speaks against it, every other"
    " explanation is clearly worse, and neither a clock nor a hole in a log leaves room for one",
    Confidence.PROBABLE: "it explains the records clearly better than any other reading does",
    Confidence.POSSIBLE: "another explanation is nearly as good, or it rests on weak or unverified knowledge",
}
_PROGRAMS: Final = {
    "cluster": "the cluster service",
    "store": "the information store",
    "exchange replication": "Exchange's replication",
    "forefront replication": "Forefront's replication",
}


def signs_behind(analysis: Analysis, references: Iterable[str]) -> dict[str, Sign]:
    """The records of the given references (`event:7`) that the catalogue knows, on the common time line."""
    wanted = set(references)
    found: dict[str, Sign] = {}
    for one in analysis.evidence.observations:
        if one.reference in wanted:
            when = analysis.clocks.moment(one.node, one.raw, one.log, one.number)
            high = when.high + max(0, one.resolution - 1)
            found[one.reference] = Sign(one.node, one.claim, when.time, when.low, high, when.bounded, weight(one), one)
    return found


def grounds(confidence: str | None, supporting: Sequence[Sign], against: Sequence[Sign]) -> list[str]:
    """Why a conclusion has its word, in sentences: the kinds of evidence, what is against it, what the word means.

    Args:
        confidence: the conclusion's word; None for a conflict, which has none.
        supporting: the records that say it, as `signs_behind` gives them.
        against: the records that speak against it.
    """
    kinds = sorted({kind_of(sign) for sign in supporting})
    told = []
    if kinds:
        number = "One kind" if len(kinds) == 1 else f"{len(kinds)} independent kinds"
        told.append(f"{number} of evidence: {', '.join(map(_kind, kinds))}.")
    else:
        told.append("No record says it directly: it is what the records around it leave.")
    if confidence is None:
        return told
    word = Confidence(confidence)
    if against:
        told.append(
            "Of all readings the one was chosen that leaves least unexplained; the records against it stay unexplained."
        )
    elif word is not Confidence.CERTAIN and len(kinds) > 1:
        told.append(_lacking(supporting))
    told.append(f"{word.capitalize()} means: {_MEANING[word]}.")
    return told


def _lacking(supporting: Sequence[Sign]) -> str:
    open_clocks = sorted({sign.observation.node for sign in supporting if not sign.bounded})
    if open_clocks:
        return f"It is not certain because nothing bounds the clock of {', '.join(open_clocks)} on both sides."
    return (
        "It is not certain because a log that would tell of another change is not whole here, a clock is known only"
        " roughly, or another reading is not clearly worse."
    )


def _kind(kind: tuple[str, str]) -> str:
    program, machine = kind
    return f"{_PROGRAMS.get(program, program)} on {machine}"


def explained(sign: Sign, shown: int) -> dict[str, Any]:
    """One record as fields: when it was, what it claims, and how well that is known.

    Args:
        sign: as `signs_behind` gives it.
        shown: its time as the reference clock showed it.

    Returns:
        `time` (ISO 8601, reference clock), `uncertainty` (seconds either way, null where nothing bounds it), `says`,
        `object`, `known` (the catalogue's mark), `strong`.
    """
    return {
        "time": iso_utc(shown),
        "uncertainty": (sign.high - sign.low) / (2 * TICKS_PER_SECOND) if sign.bounded else None,
        "says": sign.claim.value,
        "object": sign.observation.object,
        "known": str(sign.observation.mark),
        "strong": sign.observation.strong,
    }


EXPLAINED: Final = ("time", "uncertainty", "says", "object", "known", "strong")
"""The fields of `explained`, in their order."""
