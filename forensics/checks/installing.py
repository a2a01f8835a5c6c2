"""The guidelines on installing: G01, G02, G04, G05, G06, G16. Each looks at every installation there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.checkpoints.keys import product_keys
from forensics.checks.model import Verdict, kept, not_applicable, references, settle, unknown, violated, weakest
from forensics.checks.presence import There, earlier_on, presence
from forensics.checks.scene import at, between, named
from forensics.claims import Claim
from forensics.files.model import Cause
from forensics.profile import Mark
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.checks.deeds import Deed
    from forensics.checks.material import Captured, RegistryValue
    from forensics.checks.scene import Scene

_NO_INSTALL: Final = "No installation of the product is in the evidence: it was made before, or its log is missing."
_APPLICATION: Final = "the Application logs of both nodes from before the installation on"
# Whoever installs has logged on within this time.
_SESSION: Final = 24 * 3600 * TICKS_PER_SECOND
# A capture of the cluster's status tells of an installation that follows within this time.
_CAPTURE: Final = 3600 * TICKS_PER_SECOND
# The first replication takes minutes; without a message for so long there was none.
_SEEDING: Final = 3600 * TICKS_PER_SECOND
# The machine's own account: https://learn.microsoft.com/windows/win32/secauthz/well-known-sids
_LOCAL_SYSTEM: Final = "S-1-5-18"
_INSTALLED_PATH: Final = "installedpath"
_FEW: Final = 3


def opening_of(scene: Scene) -> tuple[Deed | None, Deed | None, str]:
    """The first installation of the cluster, the second one, and why there is none where there is none."""
    if len(scene.nodes) < 2:
        return None, None, "Only one node is in the evidence." if scene.nodes else _NO_INSTALL
    doubt = ""
    for one in scene.installs:
        others = [presence(scene, node, one.start, one.node) for node in scene.nodes if node != one.node]
        if all(other.there is There.ABSENT for other in others):
            second = next((deed for deed in scene.installs if deed.start > one.start and deed.node != one.node), None)
            return one, second, ""
        if any(other.there is There.UNKNOWN for other in others):
            doubt = f"Whether the other node had the product when it was installed on {one.node} is not known."
    return None, None, doubt or _NO_INSTALL


def first_installation(scene: Scene) -> Verdict:
    """G01: the node that is active first, then the passive one."""
    first, second, why = opening_of(scene)
    if first is None:
        return unknown(why, _APPLICATION)
    if second is not None and not scene.in_order(first, second):
        text = f"Both nodes were installed {at(first.when)}, and the clocks do not tell which of them was first."
        return unknown(text, evidence=references(first.references, second.references))
    state = scene.state_at(first.node, first.when)
    evidence = references(first.references, state.evidence, second.references if second else ())
    word = _opening_word(scene, first, state.confidence)
    if state.role is Role.PASSIVE:
        why = f"The product was installed first on {first.node}, {at(first.when)}, while that node was passive."
        return violated(word, evidence, why)
    if state.role is not Role.ACTIVE:
        why = f"Whether {first.node} was active when it was installed {at(first.when)} is not known."
        return unknown(
            why, "the System logs of that time (of Server 2008 also the cluster's Operational log)", evidence
        )
    if second is None:
        why = (
            f"The active node {first.node} was installed first, {at(first.when)}; the other one is not in the evidence."
        )
        return unknown(why, "the Application log of the other node", evidence)
    behind = scene.state_at(second.node, second.when)
    evidence = references(evidence, behind.evidence)
    both = weakest(word, second.confidence, behind.confidence)
    if behind.role is Role.ACTIVE:
        why = f"{second.node} was installed second, {at(second.when)}, but it was active by then."
        return violated(both, evidence, why)
    if behind.role is not Role.PASSIVE:
        why = f"{first.node} was installed first, while active; what {second.node} was {at(second.when)} is not known."
        return unknown(why, "the System logs of that time", evidence)
    why = f"{first.node} was installed {at(first.when)} while it was active, then {second.node} while it was passive."
    return kept(both, evidence, why)


def _opening_word(scene: Scene, first: Deed, role: Confidence) -> Confidence:
    others = [presence(scene, node, first.start, first.node).confidence for node in scene.nodes if node != first.node]
    return weakest(first.confidence, role, *others)


def installed_anew(scene: Scene) -> Verdict:
    """G02: a node that failed is installed anew while it is passive."""
    looks = [*_resets(scene), *_anew(scene)]
    if scene.quiet(Claim.INSTALL):
        otherwise = not_applicable("No node was installed anew in the time that the logs of both nodes cover.")
    else:
        otherwise = unknown("Whether a node was installed anew is not known.", _APPLICATION)
    return settle(looks, otherwise)


def _resets(scene: Scene) -> Iterator[Verdict]:
    losses = scene.material.losses
    for one in losses.findings if losses is not None else ():
        if one.cause is Cause.REINSTALL_ON_ACTIVE:
            why = f"On {one.node} defaults of an installation on the active node replaced the configured {one.file}."
            yield violated(one.confidence, one.evidence, why)


def _anew(scene: Scene) -> Iterator[Verdict]:
    first, second, _ = opening_of(scene)
    for one in scene.installs:
        if one in (first, second):
            continue
        before = earlier_on(scene, one)
        others = [presence(scene, node, one.start, one.node) for node in scene.nodes if node != one.node]
        if others and all(other.there is There.ABSENT for other in others):
            continue  # the cluster as a whole is installed again: the first guideline's business
        beside = [other for other in others if other.there is There.INSTALLED]
        if not before and not beside:
            continue
        state = scene.state_at(one.node, one.when)
        evidence = references(one.references, before, state.evidence, *(other.evidence for other in beside))
        word = weakest(one.confidence, state.confidence)
        if state.role is Role.PASSIVE and before:
            yield kept(word, evidence, f"{one.node} was installed anew {at(one.when)} while it was passive.")
        elif state.role is Role.PASSIVE:
            why = f"{one.node} was installed {at(one.when)} while it was passive, whether anew or for the first time."
            yield kept(weakest(word, Confidence.PROBABLE), evidence, why)
        elif state.role is Role.ACTIVE and before:
            if not beside:
                word = weakest(word, Confidence.PROBABLE)
            why = (
                f"{one.node}, where the product had been before, was installed anew {at(one.when)} while it was active."
            )
            yield violated(word, evidence, why)
        elif state.role is Role.ACTIVE:
            why = (
                f"{one.node} was installed {at(one.when)} while it was active and the other node had the product; "
                "that it had been there before is not shown."
            )
            yield violated(Confidence.POSSIBLE, evidence, why)
        else:
            why = f"What {one.node} was when it was installed {at(one.when)} is not known."
            yield unknown(why, "the System logs of that time", evidence)


def local_session(scene: Scene) -> Verdict:
    """G04: installed in a session on the machine, at its console or through a terminal server."""
    return settle([_session_of(scene, one) for one in scene.installs], unknown(_NO_INSTALL, _APPLICATION))


def _session_of(scene: Scene, one: Deed) -> Verdict:
    starts = [boot.start for boot in scene.starts if boot.node == one.node and boot.start < one.start]
    start = max([one.start - _SESSION, *starts])
    logons = [logon for line, logon in scene.logons if logon.node == one.node and start <= line <= one.end]
    users = scene.material.users
    remote = between(scene.seen(Claim.SESSION, node=one.node), start, one.end)
    sessions = [(s.reference, users.get(s.reference)) for s in remote]
    sessions += [(logon.reference, logon.sid) for logon in logons if logon.console]
    installers = {users.get(reference) for reference in one.references} - {None, ""}
    theirs = [pair for pair in sessions if pair[1] in installers]
    evidence = references(one.references, tuple(reference for reference, _ in (theirs or sessions)[-_FEW:]))
    if _LOCAL_SYSTEM in installers:
        why = f"{one.node} was installed {at(one.when)} by the machine's own account: by a service, not in a session."
        return violated(Confidence.POSSIBLE if sessions else Confidence.PROBABLE, evidence, why)
    if sessions:
        word, who = Confidence.PROBABLE, "a session on the machine"
        if installers and not theirs and any(sid for _, sid in sessions):
            word, who = Confidence.POSSIBLE, "a session on the machine, but of another account,"
        return kept(word, evidence, f"When {one.node} was installed {at(one.when)} there was {who} before.")
    if logons and start > one.start - _SESSION and scene.told(one.node, Claim.SESSION, start, one.end):
        evidence = references(one.references, tuple(logon.reference for logon in logons[-_FEW:]))
        why = f"{one.node} was installed {at(one.when)}, and between its start and then nobody had a session there."
        return violated(Confidence.PROBABLE, evidence, why)
    why = f"How whoever installed {one.node} {at(one.when)} had logged on is not in the evidence."
    return unknown(why, f"the Security log of {one.node} of that day", one.references)


def resources_online(scene: Scene) -> Verdict:
    """G05: the Exchange resources are online on the active node before an installation."""
    return settle([_online_for(scene, one) for one in scene.installs], unknown(_NO_INSTALL, _APPLICATION))


def _online_for(scene: Scene, one: Deed) -> Verdict:
    failed = scene.group_seen(Claim.GROUP_FAILED, Claim.GROUP_ONLINE, Claim.GROUP_OFFLINE)
    last = next((s for s in reversed(failed) if s.line <= one.start), None)
    if last is not None and last.observation.claim is Claim.GROUP_FAILED:
        evidence = references(one.references, (last.reference,))
        why = f"Before {one.node} was installed {at(one.when)} the group had not come fully online."
        return violated(Confidence.PROBABLE, evidence, why)
    online = scene.online_at(one.when)
    if online is not None:
        word = weakest(one.confidence, online.confidence)
        why = f"The group was online when {one.node} was installed {at(one.when)}."
        return kept(word, references(one.references, online.evidence), why)
    nobody = scene.nobody_active(one.when)
    if nobody is not None:
        word = weakest(one.confidence, nobody.confidence)
        why = f"The group was online on no node when {one.node} was installed {at(one.when)}."
        return violated(word, references(one.references, nobody.evidence), why)
    captured = _captured_before(scene, one)
    if captured is not None:
        says = f"The cluster's status, as captured before {one.node} was installed {at(one.when)},"
        evidence = references(one.references, (captured.reference,))
        if captured.value == "online":
            return kept(Confidence.PROBABLE, evidence, f"{says} shows the group online.")
        return violated(Confidence.PROBABLE, evidence, f"{says} shows the group {captured.value.replace('_', ' ')}.")
    why = f"Whether the group was online when {one.node} was installed {at(one.when)} is not known."
    return unknown(
        why, "the System logs of that time, or what `cluster group` and `cluster res` showed", one.references
    )


def _captured_before(scene: Scene, one: Deed) -> Captured | None:
    """The last capture of the mailbox server's group shortly before an installation; None where there is none."""
    found = []
    for row in scene.material.captures:
        if row.form != "cluster_group" or row.raw is None or row.owner is None or not row.value:
            continue
        group = scene.history.group
        wrong = row.name.casefold() != group.casefold() if group else scene.profile.is_well_known_group(row.name)
        when = scene.read(row.owner, row.raw)
        if not wrong and one.when.low - _CAPTURE <= when.time <= one.when.low:
            found.append((when.time, row))
    return max(found, key=lambda pair: (pair[0], pair[1].name))[1] if found else None


def same_path(scene: Scene) -> Verdict:
    """G06: the installation path is the same on both nodes."""
    found: dict[str, RegistryValue] = {}
    keys = product_keys(scene.profile)
    for row in scene.material.registry:
        if row.node is None or row.key not in keys or row.name.casefold() != _INSTALLED_PATH:
            continue
        # On a 64-bit system the product's settings stand in the 32-bit view.
        if row.node not in found or (row.wow and not found[row.node].wow):
            found[row.node] = row
    asked = scene.nodes or tuple(sorted(found))
    paths = {node: found[node] for node in asked if node in found}
    evidence = tuple(row.reference for row in paths.values())
    missing = [node for node in asked if node not in paths]
    if len(paths) < 2:
        what = f"The registry of {named(missing)}" if missing else "The registry of both nodes"
        text = f"{what} is not in the evidence, as far as the product's own key goes."
        return unknown(text, "an export of the product's registry key from both nodes", evidence)
    folded = {_folded(row.value) for row in paths.values()}
    if len(folded) > 1:
        says = ", ".join(f"{row.value} on {node}" for node, row in paths.items())
        return violated(Confidence.CERTAIN, evidence, f"The product is installed in different places: {says}.")
    where = next(iter(paths.values())).value
    return kept(Confidence.CERTAIN, evidence, f"The product is installed in {where} on {named(paths)}.")


def _folded(path: str) -> str:
    return path.strip().replace("/", "\\").rstrip("\\").casefold()


def seeding_seen(scene: Scene) -> Verdict:
    """G16: after the installation of the passive node the seeding-complete message appears."""
    looks = []
    for one in scene.installs:
        state = scene.state_at(one.node, one.when)
        if state.role is Role.ACTIVE:
            continue
        looks.append(_seeding_of(scene, one, state.role, state.confidence))
    why = _NO_INSTALL if not scene.installs else "No installation on a passive node is in the evidence."
    return settle(looks, unknown(why, _APPLICATION))


def _seeding_of(scene: Scene, one: Deed, role: Role, sure: Confidence) -> Verdict:
    end = _until(scene, one)
    messages = between(scene.seen(Claim.SEEDING_COMPLETE, node=one.node), one.start, end)
    if messages:
        evidence = references(one.references, tuple(s.reference for s in messages[:1]))
        word = weakest(one.confidence, _best_mark(scene, Claim.SEEDING_COMPLETE))
        word = word if role is Role.PASSIVE and sure is Confidence.CERTAIN else weakest(word, Confidence.PROBABLE)
        when = at(messages[0].when)
        return kept(word, evidence, f"The first replication to {one.node} was complete {when}, after its installation.")
    if role is not Role.PASSIVE:
        return unknown(
            f"What {one.node} was when it was installed {at(one.when)} is not known.", evidence=one.references
        )
    whole = scene.told(one.node, Claim.INSTALL, one.start, one.start + _SEEDING) and end >= one.start + _SEEDING
    if whole and _would_show(scene):
        why = (
            f"In the hour after {one.node} was installed {at(one.when)} no message says that the seeding was complete."
        )
        return violated(weakest(Confidence.PROBABLE, sure, one.confidence), one.references, why)
    why = f"No message on the seeding of {one.node} is in the evidence; by its id alone the event cannot be told."
    lacking = "the Application log of that node exported with its texts, or FSECCRService.exe beside the log"
    return unknown(why, lacking, one.references)


def _until(scene: Scene, one: Deed) -> int:
    """When an installation's time is over: the next deed on the node, its next turn as the active one, the end."""
    later = [deed.start for deed in scene.deeds if deed.node == one.node and deed.start > one.end]
    active = [move.time for move in scene.history.transitions if move.to_node == one.node and move.time > one.when.high]
    return min([scene.end_of(one.node), *later, *active])


def _would_show(scene: Scene) -> bool:
    """Whether the message would be known by its id: a profile names it, or a message file taught it."""
    if any(row.claim is Claim.SEEDING_COMPLETE and row.id is not None for row in scene.profile.events):
        return True
    return scene.material.analysis.catalogue.has_learned(Claim.SEEDING_COMPLETE)


def _best_mark(scene: Scene, claim: Claim) -> Confidence:
    marks = {row.mark for row in scene.profile.events if row.claim is claim}
    if Mark.DOCUMENTED in marks:
        return Confidence.CERTAIN
    return Confidence.POSSIBLE if marks <= {Mark.UNVERIFIED} else Confidence.PROBABLE
