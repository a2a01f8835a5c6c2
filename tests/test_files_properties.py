"""What no finding may hang on: the order of the evidence, evidence that is there twice, files beside."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from loss_stage import A, B, Stage, version

from forensics.claims import Claim
from forensics.files import replay
from forensics.files.analyse import analyse_evidence
from forensics.files.model import Trigger

# What is done, one thing a time: a save on a node, a backup of a node, a forced sync, a move.
_DEEDS = st.lists(st.tuples(st.sampled_from("sssbbfm"), st.sampled_from((A, B))), min_size=1, max_size=14)
_PACES = st.sampled_from((7, 25, 40, 700))


def played(deeds, pace, *, other=False):
    """A stage on which the deeds were done so many seconds apart, replication following its rule."""
    stage = Stage(end=1_000_000)
    held = {A: version("first", 100), B: version("first", 100)}
    active, now, since = A, 1000.0, 1000.0
    for number, (deed, node) in enumerate(deeds):
        now += pace
        passive = B if active == A else A
        if now - since >= 30 and held[active].modified > held[passive].modified:
            held[passive] = held[active]
        if deed == "s":
            held[node] = version(f"content {number}", now)
            since = now
        elif deed == "b":
            extra = {"Template": version("other", 50)} if other else {}
            stage.backup(node, now + 0.5, Trigger.UNKNOWN, ScanJobs=held[node], **extra)
        elif deed == "f":
            held[passive] = held[active]
            stage.event(passive, now, Claim.FORCED_SYNC)
        else:
            stage.moves.append((now, now + 15))
            active, now = passive, now + 15
    passive = B if active == A else A
    if held[active].modified > held[passive].modified:
        held[passive] = held[active]
    extra = {"Template": version("other", 50)} if other else {}
    for node in (A, B):
        stage.now(node, ScanJobs=held[node], **extra)
    return stage


def essence(analysis):
    """What is concluded, without ids of rows."""
    rows = [
        (f.file, f.node, f.kind, f.cause, f.earliest, f.latest, f.lost, f.current, f.confidence, f.why, f.mended)
        for f in analysis.findings
        if f.file == "ScanJobs.fdb"
    ]
    return sorted(rows, key=repr)


@settings(max_examples=60, deadline=None)
@given(_DEEDS, _PACES, st.randoms(use_true_random=False))
def test_the_order_of_the_evidence_does_not_matter(deeds, pace, rng):
    """Sets, events and live files in any order give the same findings."""
    stage = played(deeds, pace)
    before = stage.run()
    rng.shuffle(stage.sets)
    rng.shuffle(stage.events)
    stage.live = dict(reversed(stage.live.items()))
    assert essence(stage.run()) == essence(before)


@settings(max_examples=60, deadline=None)
@given(_DEEDS, _PACES)
def test_evidence_that_is_there_twice_does_not_matter(deeds, pace):
    """Each set a second time, elsewhere: the findings are the same."""
    stage = played(deeds, pace)
    before = stage.run()
    stage.sets += [replace(one, id=f"{one.id}0", location=f"{one.location}-copy") for one in stage.sets]
    assert essence(stage.run()) == essence(before)


@settings(max_examples=40, deadline=None)
@given(_DEEDS, _PACES)
def test_another_file_does_not_matter(deeds, pace):
    """A file beside, that nobody changed, takes nothing away from what is told of this one."""
    assert essence(played(deeds, pace, other=True).run()) == essence(played(deeds, pace).run())


@settings(max_examples=60, deadline=None)
@given(_DEEDS, _PACES)
def test_a_finding_names_what_was_and_is(deeds, pace):
    """A loss in place is of a content that was saved, is not the node's present one, and lies in its span."""
    stage = played(deeds, pace)
    for one in stage.run().findings:
        assert one.earliest <= one.latest
        live = stage.live[one.node]["ScanJobs.fdb"].version
        if not one.mended:
            assert one.current == live
            assert one.current.sha256 != one.lost.sha256
        for place in one.recoverable_from:
            found = next(s for s in stage.sets if s.id == place)
            assert found.files["ScanJobs.fdb"].version.sha256 == one.lost.sha256


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("sbm"), min_size=1, max_size=14))
def test_saves_on_the_active_node_that_have_their_cycle_are_never_a_loss(deeds):
    """Edits, backups and moves, each with time enough for replication: not one finding."""
    active, script = A, []
    for deed in deeds:
        script.append((deed, active))
        if deed == "m":
            active = B if active == A else A
    assert played(script, 700).run().findings == ()


def worked(count, monkeypatch):
    """How many states were weighed for so many backup sets of five files, each with contents of its own."""
    stage = Stage([(k * 10_000, k * 10_000 + 15) for k in range(1, 4)], end=count * 200 + 1000)
    names = ("FileScanners", "Filterlists", "Notifications", "ScanJobs", "Template")
    files = {}
    for number in range(count):
        seconds = 200 + number * 195
        files = {name: version(f"{name} {number}", seconds) for name in names}
        stage.backup((A, B)[number % 2], seconds + 90, Trigger.UNKNOWN, **files)
    for node in (A, B):
        stage.now(node, **files)
    weighed = [0]
    offer = replay._offer

    def counted(*arguments):
        weighed[0] += 1
        offer(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(replay, "_offer", counted)
        found = analyse_evidence(stage.files(), stage.analysis(), stage.history())
    assert len(found.histories) == len(names)
    return weighed[0]


def test_the_work_grows_with_the_evidence(monkeypatch):
    """Twice the sets and versions: about twice the states that are weighed, not four times."""
    few, many = worked(200, monkeypatch), worked(400, monkeypatch)
    assert many < 3 * few
