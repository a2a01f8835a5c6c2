"""The table of checks, and all of them over one case. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.checks import installing, removing, running
from forensics.checks.model import GUIDELINES, Check, Status, Verdict
from forensics.checks.scene import Scene
from forensics.profile import shipped_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forensics.checks.material import Material
    from forensics.profile import Profile
    from forensics.profile_rules import Guideline

CHECKS: Final[Mapping[str, Callable[[Scene], Verdict]]] = {
    "G01": installing.first_installation,
    "G02": installing.installed_anew,
    "G03": running.has_product,
    "G04": installing.local_session,
    "G05": installing.resources_online,
    "G06": installing.same_path,
    "G07": removing.active_first,
    "G08": removing.same_state,
    "G09": removing.checkpoints_removed,
    "G10": removing.restarted_by_hand,
    "G11": removing.nothing_restarted,
    "G12": running.redistribution,
    "G13": running.no_passive_edit,
    "G14": running.waited_a_cycle,
    "G15": running.still_a_member,
    "G16": installing.seeding_seen,
    "G17": removing.none_left,
    "G18": running.fit_system,
}
"""What looks at each guideline. Its words (title, remedy, what decides it) are the profile's."""


def check_guidelines(material: Material) -> tuple[Check, ...]:
    """Every guideline held against the evidence, in their order, always all of them."""
    scene = Scene(material)
    texts = guideline_texts(scene.profile)
    return tuple(_check(texts[name], CHECKS[name](scene)) for name in GUIDELINES)


def guideline_texts(profile: Profile) -> dict[str, Guideline]:
    """The words of each guideline: those of the profile in force, where it has none those that are shipped."""
    own = {row.id.upper(): row for row in profile.guidelines}
    if not set(GUIDELINES) <= set(own):
        own = {row.id.upper(): row for row in shipped_profile("fse-ccr").guidelines} | own
    return own


def _check(text: Guideline, verdict: Verdict) -> Check:
    sure = verdict.status is not Status.UNKNOWN
    would = (
        "" if sure else f"{verdict.lacking[0].upper()}{verdict.lacking[1:]}." if verdict.lacking else text.decided_by
    )
    return Check(
        id=text.id,
        title=text.title,
        status=verdict.status,
        confidence=verdict.confidence,
        evidence=verdict.evidence,
        why=verdict.why,
        remedy=text.remedy,
        would_decide=would,
    )
