"""The guidelines on removing the product: G07 to G11, and G17. Each looks at every removal from the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from forensics.checkpoints.keys import product_keys
from forensics.checks.model import Verdict, kept, not_applicable, references, settle, unknown, violated, weakest
from forensics.checks.presence import There, presence
from forensics.checks.scene import at, between, named
from forensics.claims import Claim
from forensics.roles.confidence import weaker
from forensics.roles.model import Confidence, Role
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from forensics.checks.deeds import Deed, Seen
    from forensics.checks.scene import Scene
    from forensics.roles.model import RoleTransition

_HOUR: Final = 3600 * TICKS_PER_SECOND
_SYMPTOMS_FOR: Final = 24 * _HOUR
_SYMPTOMS: Final = (Claim.STORE_START_FAILED, Claim.VIRUS_SCAN_ERROR, Claim.RESOURCE_FAILED)
_APPLICATION: Final = "the Application logs of both nodes from the removal on"
_SYSTEM: Final = "the System logs of both nodes from the removal on"
_LISTING: Final = "what `cluster res /check` lists on a node after the removal, or the cluster's hive (CLUSDB)"
_FEW: Final = 3


class Campaign(NamedTuple):
    """Removals one after the other, without an installation in between.

    Attributes:
        removals: by time.
        whole: whether the product is on no node any more after them; None where that is not known.
        repair: the next thing that was done was an installation on one of these nodes: not meant for the cluster.
        sure: how sure it is that it is whole.
    """

    removals: tuple[Deed, ...]
    whole: bool | None
    repair: bool
    sure: Confidence

    @property
    def first(self) -> Deed:
        """The first removal."""
        return self.removals[0]

    @property
    def last(self) -> Deed:
        """The last one."""
        return self.removals[-1]

    @property
    def references(self) -> tuple[str, ...]:
        """The events behind it."""
        return references(*(one.references for one in self.removals))


def campaigns(scene: Scene) -> list[Campaign]:
    """The removals of the product, those together that belong to one removal from the cluster."""
    groups: list[tuple[list[Deed], Deed | None]] = []
    current: list[Deed] = []
    for one in scene.deeds:
        if one.claim is Claim.REMOVAL:
            current.append(one)
        elif current:
            groups.append((current, one))
            current = []
    if current:
        groups.append((current, None))
    return [_campaign(scene, removals, following) for removals, following in groups]


def _campaign(scene: Scene, removals: Sequence[Deed], following: Deed | None) -> Campaign:
    gone = {one.node for one in removals}
    rest = [presence(scene, node, removals[-1].end, removals[-1].node) for node in scene.nodes if node not in gone]
    word = weakest(*(one.confidence for one in removals), *(one.confidence for one in rest))
    whole: bool | None = None
    if any(one.there is There.INSTALLED for one in rest):
        whole = False
    elif len(scene.nodes) > 1 and all(one.there is There.ABSENT for one in rest):
        whole = True
    repair = following is not None and following.node in gone and whole is not True
    return Campaign(tuple(removals), whole, repair, word)


def _none_removed(scene: Scene) -> Verdict:
    if scene.quiet(Claim.REMOVAL):
        return not_applicable("The product was not removed in the time that the logs of both nodes cover.")
    return unknown("Whether the product was removed is not known.", _APPLICATION)


def _of_cluster(scene: Scene) -> list[Campaign]:
    return [one for one in campaigns(scene) if not one.repair]


def _otherwise(scene: Scene) -> Verdict:
    """What to say without a removal from the cluster."""
    if scene.removals and not _of_cluster(scene):
        evidence = references(*(one.references for one in scene.removals))
        why = "The product was removed from one node only, and installed there again: no removal from the cluster."
        return not_applicable(why, evidence)
    return _none_removed(scene)


# -- in which order, and in which state --------------------------------------------------------------------------------


def active_first(scene: Scene) -> Verdict:
    """G07: the product is removed from the active node first."""
    return settle([_order(scene, one) for one in _of_cluster(scene)], _otherwise(scene))


def _order(scene: Scene, campaign: Campaign) -> Verdict:
    first = campaign.first
    second = next((one for one in campaign.removals if one.node != first.node), None)
    state = scene.state_at(first.node, first.when)
    evidence = references(first.references, state.evidence, second.references if second else ())
    when = at(first.when)
    if second is not None and not scene.in_order(first, second):
        return unknown("The clocks do not tell from which node the product was removed first.", evidence=evidence)
    if len(scene.nodes) < 2:
        return unknown("Only one node is in the evidence.", "the logs of the other node", evidence)
    others = [presence(scene, node, first.start, first.node) for node in scene.nodes if node != first.node]
    if any(one.there is not There.INSTALLED for one in others):
        why = f"Whether the other node still had the product when it was removed from {first.node} {when} is not known."
        return unknown(why, "the Application log of the other node", evidence)
    word = weakest(first.confidence, state.confidence, *(one.confidence for one in others))
    if second is None:
        word = weaker(word, Confidence.PROBABLE)
    if state.role is Role.ACTIVE:
        return kept(word, evidence, f"The product was removed first from {first.node}, {when}, the active node.")
    if state.role is Role.PASSIVE:
        why = f"The product was removed first from {first.node}, {when}, while that node was passive."
        return violated(word, evidence, why)
    return unknown(f"What {first.node} was when the product was removed {when} is not known.", _SYSTEM, evidence)


def same_state(scene: Scene) -> Verdict:
    """G08: each node loses the product in the state, active or passive, in which it got it."""
    return settle([_state(scene, one) for one in scene.removals], _none_removed(scene))


def _state(scene: Scene, removal: Deed) -> Verdict:
    when = at(removal.when)
    symptoms = tuple(one.reference for one in _symptoms(scene, removal, removal.node)[:_FEW])
    ill = " Exchange did not come up on it afterwards." if symptoms else ""
    before = [one for one in scene.installs if one.node == removal.node and one.end < removal.start]
    if not before:
        why = f"How {removal.node} was installed before the removal {when} is not in the evidence.{ill}"
        return unknown(
            why,
            f"the Application log of {removal.node} from its installation on",
            references(removal.references, symptoms),
        )
    install = before[-1]
    then, now = scene.state_at(install.node, install.when), scene.state_at(removal.node, removal.when)
    evidence = references(install.references, removal.references, symptoms, then.evidence, now.evidence)
    if then.role not in {Role.ACTIVE, Role.PASSIVE} or now.role not in {Role.ACTIVE, Role.PASSIVE}:
        which = "installed" if then.role not in {Role.ACTIVE, Role.PASSIVE} else f"removed {when}"
        why = f"What {removal.node} was when the product was {which} is not known.{ill}"
        return unknown(why, "the System logs of that time", evidence)
    word = weakest(install.confidence, removal.confidence, then.confidence, now.confidence)
    if then.role is now.role:
        why = f"{removal.node} was {now.role} when the product was removed {when}, as when it was installed."
        return kept(word, evidence, why)
    why = f"{removal.node} was {now.role} when the product was removed {when}, and {then.role} when installed.{ill}"
    return violated(word, evidence, why)


# -- what came of it ---------------------------------------------------------------------------------------------------


def _symptoms(scene: Scene, removal: Deed, node: str | None = None) -> list[Seen]:
    """Events by which Exchange did not start, within a day of a removal."""
    found = between(scene.seen(*_SYMPTOMS), removal.start, removal.end + _SYMPTOMS_FOR)
    return [
        one
        for one in found
        if (node is None or one.node == node)
        and (
            one.observation.claim is not Claim.RESOURCE_FAILED
            or scene.profile.is_store_resource(one.observation.object or "")
        )
    ]


def checkpoints_removed(scene: Scene) -> Verdict:
    """G09: where Exchange does not start after a removal, the product's checkpoints are removed."""
    looks = [_after_symptoms(scene, one) for one in campaigns(scene) if _symptoms(scene, one.first)]
    if not scene.removals:
        return _none_removed(scene)
    if scene.quiet(Claim.STORE_START_FAILED) and scene.quiet(Claim.RESOURCE_FAILED):
        otherwise = not_applicable("After the removal no event says that Exchange did not start.")
    else:
        otherwise = unknown(
            "Whether Exchange started after the removal is not known.", "the Application and System logs"
        )
    return settle(looks, otherwise)


def _after_symptoms(scene: Scene, campaign: Campaign) -> Verdict:
    symptoms = _symptoms(scene, campaign.first)
    seen = tuple(one.reference for one in symptoms[:_FEW])
    left = _left(scene, symptoms[0].when.high)
    what = f"After the removal Exchange did not start on {named(sorted({one.node for one in symptoms}))}"
    evidence = references(campaign.references, seen, left.evidence)
    if left.there is There.INSTALLED:
        return violated(left.confidence, evidence, f"{what}, and checkpoints of the product were still there later.")
    if left.there is There.ABSENT:
        return kept(left.confidence, evidence, f"{what}; later none of the product's checkpoints was left.")
    return unknown(f"{what}; which checkpoints were there later is not in the evidence.", _LISTING, evidence)


class _Left(NamedTuple):
    there: There
    confidence: Confidence
    evidence: tuple[str, ...]


def _left(scene: Scene, after: int) -> _Left:
    """Whether checkpoints of the product were there after a moment of the reference's clock."""
    stale = [one for one in scene.material.checkpoints or () if one.configured_by_product and one.stale]
    keys = product_keys(scene.profile)
    shown: list[str] = []
    empty: list[str] = []
    for source in scene.material.sources:
        node = source.node or (scene.nodes[0] if scene.nodes else "")
        if source.raw is None or scene.read(node, source.raw).low < after:
            continue
        (shown if source.keys & keys else empty).append(source.reference)
    if stale:
        word = Confidence.POSSIBLE
        for one in stale:
            word = one.confidence if weaker(word, one.confidence) is word else word
        evidence = tuple(dict.fromkeys([*(one.id for one in stale), *shown]))
        return _Left(There.INSTALLED, word, evidence)
    if shown:
        return _Left(There.INSTALLED, Confidence.PROBABLE, tuple(shown))
    if empty:
        return _Left(There.ABSENT, Confidence.PROBABLE, tuple(empty))
    return _Left(There.UNKNOWN, Confidence.POSSIBLE, ())


def none_left(scene: Scene) -> Verdict:
    """G17: after the removal from all nodes neither registry checkpoint is left."""
    looks = []
    for one in _of_cluster(scene):
        evidence = one.references
        left = _left(scene, one.last.when.high)
        both = references(evidence, left.evidence)
        if one.whole is False:
            looks.append(not_applicable("The product was not removed from all nodes.", evidence))
        elif left.there is There.INSTALLED:
            word = weakest(left.confidence, Confidence.PROBABLE if one.whole is None else one.sure)
            why = f"After the last removal, {at(one.last.when)}, checkpoints of the product were still there."
            looks.append(violated(word, both, why))
        elif one.whole is None:
            looks.append(
                unknown("Whether the product was removed from all nodes is not known.", _APPLICATION, evidence)
            )
        elif left.there is There.ABSENT:
            why = f"What was looked at after the last removal, {at(one.last.when)}, shows no checkpoint of the product."
            looks.append(kept(weakest(left.confidence, one.sure), both, why))
        else:
            why = "Which checkpoints there were after the last removal is not in the evidence."
            looks.append(unknown(why, _LISTING, evidence))
    if not looks:
        stale = _left(scene, 1 << 62)
        if stale.there is There.INSTALLED:
            why = "The product is gone, and a checkpoint of it is still there."
            return violated(stale.confidence, stale.evidence, why)
    return settle(looks, _otherwise(scene))


def restarted_by_hand(scene: Scene) -> Verdict:
    """G10: after the removal the mailbox server is restarted."""
    return settle([_restart(scene, one) for one in _of_cluster(scene)], _otherwise(scene))


def _restart(scene: Scene, campaign: Campaign) -> Verdict:
    last = campaign.last
    group = [one for one in scene.group_seen(Claim.GROUP_ONLINE, Claim.GROUP_OFFLINE) if one.line > last.end]
    online = [one for one in group if one.observation.claim is Claim.GROUP_ONLINE]
    was_offline = scene.nobody_active(last.when) is not None
    if online and (was_offline or group[0].observation.claim is Claim.GROUP_OFFLINE):
        back = online[0]
        evidence = references(campaign.references, (group[0].reference, back.reference))
        why = f"After the removal the group came online again on {back.node} {at(back.when)}; by whom is not shown."
        return kept(Confidence.PROBABLE, evidence, why)
    if campaign.whole is not True:
        why = "That the product was removed from all nodes is not shown, and the mailbox server was not restarted yet."
        return unknown(why, _APPLICATION, campaign.references)
    ends = [scene.end_of(node) for node in scene.nodes]
    until = min(ends, default=0)
    told = all(scene.told(node, Claim.GROUP_ONLINE, last.end, until) for node in scene.nodes)
    if told and until - last.end >= _HOUR:
        what = "was not taken offline and online again" if not was_offline else "did not come online again"
        why = f"In the logs after the removal {at(last.when)} the group {what}."
        return violated(weakest(campaign.sure, Confidence.PROBABLE), campaign.references, why)
    return unknown(
        "Whether the mailbox server was restarted after the removal is not known.", _SYSTEM, campaign.references
    )


def nothing_restarted(scene: Scene) -> Verdict:
    """G11: no restart of a node and no move of the mailbox server before the product is off all nodes."""
    return settle([_meanwhile(scene, one) for one in _of_cluster(scene)], _otherwise(scene))


def _meanwhile(scene: Scene, campaign: Campaign) -> Verdict:
    """Between the first and the last removal; where one node still has the product, up to the end of the evidence."""
    first, last = campaign.first, campaign.last
    ends = [scene.end_of(node) for node in scene.nodes]
    end = last.start if campaign.whole is not False else max(ends, default=last.end)
    looks = [*_restarts(scene, campaign, end), *_moves(scene, campaign, end)]
    if looks:
        return settle(looks, looks[0])
    if len({one.node for one in campaign.removals}) < 2 and campaign.whole is not False:
        why = "Whether and when the product was removed from the other node is not known."
        return unknown(why, "the Application log of the other node", campaign.references)
    whole = all(scene.told(node, Claim.BOOT, first.end, min(end, scene.end_of(node))) for node in scene.nodes)
    if not whole or not scene.known_throughout(first.when.high, last.when.low):
        why = "Whether a node was restarted, or the mailbox server moved, between the removals is not known."
        return unknown(why, _SYSTEM, campaign.references)
    what = "between the removals" if campaign.whole else "since the removal"
    why = f"No node was restarted and the mailbox server was not moved {what}."
    return kept(weakest(campaign.sure, Confidence.PROBABLE), campaign.references, why)


def _restarts(scene: Scene, campaign: Campaign, end: int) -> Iterator[Verdict]:
    first, last = campaign.first, campaign.last
    for one in scene.starts:
        if not first.end < one.start < end:
            continue
        # By two clocks: it was surely behind the first removal and before the last.
        clear = scene.in_order(first, one) and (campaign.whole is False or scene.in_order(one, last))
        order = [scene.order_word(one.node, deed.node) for deed in (first, last)]
        word = weakest(one.confidence, first.confidence, campaign.sure, *order)
        if not clear:
            word = Confidence.POSSIBLE
        elif one.sudden:
            word = weaker(word, Confidence.PROBABLE)
        how = "started again after it had stopped without a shutdown" if one.sudden else "was restarted"
        why = f"{one.node} {how} {at(one.when)}, before the product was removed from all nodes."
        yield violated(word, references(campaign.references, one.references), why)


def _moves(scene: Scene, campaign: Campaign, end: int) -> Iterator[Verdict]:
    first = campaign.first
    for move in scene.history.transitions:
        before = end if campaign.whole is False else campaign.last.when.low
        if move.earliest <= first.when.high or move.latest >= before or not _is_manual(scene, move):
            continue
        word = weakest(move.confidence, first.confidence, campaign.sure)
        to = move.to_node or "another node"
        why = f"The mailbox server was moved to {to} at {iso_utc(move.time)}, before the product was off all nodes."
        yield violated(word, references(campaign.references, move.evidence[:_FEW]), why)


def _is_manual(scene: Scene, move: RoleTransition) -> bool:
    """Whether a node gave the group up while it was well: nobody's failure moved it."""
    if move.from_node is None:
        return False
    going = [
        one
        for one in scene.group_seen(Claim.GROUP_GOING_OFFLINE)
        if one.node == move.from_node and one.when.low <= move.time and one.when.high >= move.earliest - _HOUR
    ]
    failed = (
        between(scene.seen(Claim.RESOURCE_FAILED, node=move.from_node), going[-1].line - _HOUR // 6, going[-1].line)
        if going
        else []
    )
    return bool(going) and not failed
