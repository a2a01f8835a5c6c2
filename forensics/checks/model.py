"""The shapes of what is said of guidelines. Field names are the contract's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from forensics.roles.confidence import LISTED, weaker
from forensics.roles.model import Confidence

GUIDELINES: Final = tuple(f"G{number:02}" for number in range(1, 19))
"""The guidelines that there is a check for, in their order."""


class Status(StrEnum):
    """What the evidence says of one guideline, in the contract's words."""

    PASS = "pass"  # noqa: S105  (no password)
    VIOLATION = "violation"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look at one occasion gives: one installation, one move, one node.

    Attributes:
        status: what it says.
        confidence: how sure that is; `possible` where nothing is claimed.
        evidence: references.
        why: one sentence.
        lacking: what in particular would decide it, beside what decides the guideline anyway.
    """

    status: Status
    confidence: Confidence
    evidence: tuple[str, ...]
    why: str
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One guideline as the contract writes it. `would_decide` is empty only where nothing is left to decide."""

    id: str
    title: str
    status: Status
    confidence: Confidence
    evidence: tuple[str, ...]
    why: str
    remedy: str
    would_decide: str


def kept(confidence: Confidence, evidence: tuple[str, ...], why: str) -> Verdict:
    """The guideline was followed."""
    return Verdict(Status.PASS, confidence, evidence, why)


def violated(confidence: Confidence, evidence: tuple[str, ...], why: str) -> Verdict:
    """It was not."""
    return Verdict(Status.VIOLATION, confidence, evidence, why)


def unknown(why: str, lacking: str = "", evidence: tuple[str, ...] = ()) -> Verdict:
    """The evidence does not tell. `evidence`: what is worth a look all the same."""
    return Verdict(Status.UNKNOWN, Confidence.POSSIBLE, evidence, why, lacking)


def not_applicable(why: str, evidence: tuple[str, ...] = ()) -> Verdict:
    """What the guideline speaks of did not happen: that rests on the silence of logs, so it is never certain."""
    return Verdict(Status.NOT_APPLICABLE, Confidence.PROBABLE, evidence, why)


def settle(looks: list[Verdict], otherwise: Verdict) -> Verdict:
    """One verdict from those on every occasion.

    One violation is a violation, the surest of them counts; one occasion that is not known leaves the guideline
    unknown; it was kept if it was kept every time, as sure as the least sure of them. Without any look: `otherwise`.
    """
    order = (Confidence.CERTAIN, Confidence.PROBABLE, Confidence.POSSIBLE)
    for status in (Status.VIOLATION, Status.UNKNOWN):
        found = sorted((one for one in looks if one.status is status), key=lambda one: order.index(one.confidence))
        if found:
            first, rest = found[0], [one.why for one in found[1:]]
            evidence = references(*(one.evidence for one in found))
            return Verdict(status, first.confidence, evidence, _together(first.why, rest), first.lacking)
    passed = [one for one in looks if one.status is Status.PASS]
    if not passed:
        return looks[0] if looks else otherwise
    word = passed[0].confidence
    for one in passed[1:]:
        word = weaker(word, one.confidence)
    evidence = references(*(one.evidence for one in passed))
    return Verdict(Status.PASS, word, evidence, _together(passed[0].why, [one.why for one in passed[1:]]))


def _together(first: str, rest: list[str]) -> str:
    """One or two sentences, however many there are."""
    others = [why for why in dict.fromkeys(rest) if why != first]
    if len(others) == 1:
        return f"{first} {others[0]}"
    return f"{first} The same is said of {len(others)} other occasions." if others else first


def references(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """References without repetition, no more than a reader can look at: each group has its share."""
    share = max(2, LISTED // max(1, len(groups)))
    first = list(dict.fromkeys(one for group in groups for one in group[:share]))
    rest = [one for group in groups for one in group[share:] if one not in first]
    return tuple(dict.fromkeys([*first, *rest]))[:LISTED]


def weakest(*words: Confidence) -> Confidence:
    """The least sure of some words."""
    word = Confidence.CERTAIN
    for one in words:
        word = weaker(word, one)
    return word
