"""What is said of losses: true to the findings, in plain sentences, and short whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.files.analyse import FileAnalysis
from forensics.files.model import BackupSet, Cause, FileEvidence, Finding, Kind, Sighting, Trigger, Version
from forensics.files.telling import TOLD, alike, losses_story, what_to_restore
from forensics.roles.model import ClockOffset, Confidence, Role, RoleHistory, RoleInterval
from parsers.times import TICKS_PER_SECOND, filetime_from_unix

START = filetime_from_unix(1_199_966_400)  # 2008-01-10T12:00:00Z
HOUR = 3600 * TICKS_PER_SECOND
NAMES = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
A, B = "EXNODE1", "EXNODE2"


def version(text, hours=0):
    return Version(text * 32, 1024, START + hours * HOUR)


def finding(number=1, name="ScanJobs.fdb", node=B, kind="lost_update", cause="failover_in_window", **other):
    fields = {
        "earliest": START + HOUR,
        "latest": START + 2 * HOUR,
        "recoverable_from": ("backup:1",),
        "live_on": (),
        "confidence": Confidence.CERTAIN,
        "mended": False,
    } | other
    return Finding(
        id=f"overwrite:{number}", file=name, node=node, kind=Kind(kind), cause=Cause(cause), lost=version("ab", 1),
        current=version("cd"), evidence=("file:1",), contradicted_by=(), why=f"{name} was lost.", **fields,
    )  # fmt: skip


def backup(number=1, **other):
    fields = {
        "node": A, "location": "EXNODE1/Data/Backup", "made": START + HOUR, "made_basis": "stamp", "low": None,
        "high": None, "trigger": Trigger.UNKNOWN, "files": {}, "missing": (), "complete": True, "consistent": True,
        "confidence": Confidence.PROBABLE, "evidence": (), "why": "",
    } | other  # fmt: skip
    return BackupSet(id=f"backup:{number}", **fields)


def live(node, names=NAMES, sha256="ab"):
    return {
        name: Sighting(1, node, name, f"{node}/Data/{name}", Version(sha256 and sha256 * 32, 1024, START), True)
        for name in names
    }


def files(nodes=(A, B), sets=(), **other):
    return FileEvidence(
        NAMES,
        {node: live(node, **other) for node in nodes},
        tuple(sets),
        (),
        dict.fromkeys(nodes, START + 9 * HOUR),
    )


def history(role=Role.PASSIVE, *, clocks=True, nodes=(A, B)):
    intervals = [
        RoleInterval(f"role:{n}", node, r, START, START + 9 * HOUR, Confidence.CERTAIN, (), (), "")
        for n, (node, r) in enumerate(zip(nodes, (Role.ACTIVE, role), strict=False), 1)
    ]
    offsets = (ClockOffset(B, A, 1.0, 0.5, 3, (), ""),) if clocks else ()
    return RoleHistory("CMS1", nodes, offsets, tuple(intervals), (), (), "")


def analysis(*findings, sets=(), recommended=None):
    return FileAnalysis(tuple(findings), (), tuple(sets), recommended)


def told(losses, evidence=None, roles=None):
    sentences = losses_story(
        losses, evidence or files(sets=[backup()]), roles or history(), lambda time: str(time)[11:16]
    )
    assert sentences
    return sentences


def restore(*findings, sets=(), recommended=None):
    return what_to_restore(analysis(*findings, sets=sets, recommended=recommended), lambda time: str(time)[11:16])


def test_a_loss_is_told():
    """A loss is its own sentence, then what it is called, where, between which times, and how sure."""
    assert told(analysis(finding())) == [
        "ScanJobs.fdb was lost. Lost update on EXNODE2 between 13:00 and 14:00 (certain; overwrite:1)."
    ]


def test_one_event_in_several_files_is_told_once():
    """Files that one event struck on a node stand together; another node, cause or word is told by itself."""
    every = [finding(n, name) for n, name in enumerate(NAMES, 1)]
    lines = told(analysis(*every))
    assert len(lines) == 2
    assert all(f"overwrite:{n}" in " ".join(lines) for n in range(1, 6))
    others = [finding(1), finding(2, node=A), finding(3, cause="unknown"), finding(4, confidence=Confidence.POSSIBLE)]
    assert len(alike(others)) == len(told(analysis(*others))) == 4


def test_what_was_mended_is_counted_only():
    """A loss that was mended since is no loss any more: its number is told, and that nothing is lost now."""
    lines = told(analysis(finding(mended=True)))
    assert lines[0] == "1 earlier loss was mended since: `ccrf overwrites --all`."
    assert lines[1].startswith("No loss of a replicated file shows")


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_story_is_short(count, mended):
    """Whatever the number of losses, what is told is bounded, and none is left out without a word."""
    nodes = [f"EXNODE{number}" for number in range(1, 60)]
    every = [
        finding(n + 1, node=nodes[n % len(nodes)], recoverable_from=(), mended=n >= count)
        for n in range(count + mended)
    ]
    lines = told(analysis(*every))
    assert len(lines) <= 3 * TOLD + 5
    assert len(restore(*every)) <= 2 * TOLD + 3
    kinds = min(count, len(nodes))
    assert any("more loss" in line for line in lines) == (kinds > TOLD)


def test_nothing_lost_is_sure_where_nothing_is_missing():
    """With the files of both nodes, backups, roles and clocks the program says plainly that nothing was lost."""
    (line,) = told(analysis())
    assert line == (
        "No loss of a replicated file shows in 10 live files and 1 backup set; the evidence of all nodes is there to"
        " show one."
    )


@pytest.mark.parametrize(
    ("evidence", "roles", "words"),
    [
        (files(nodes=(A,), sets=[backup()]), history(), "The live files of EXNODE2 are not in the evidence."),
        (files(nodes=(A,), sets=[backup()]), history(nodes=(A,)), "Only EXNODE1 is in the evidence"),
        (files(), history(), "No backup set is in the evidence"),
        (files(sets=[backup(undo=True)]), history(), "No backup set is in the evidence"),
        (
            files(sets=[backup()], names=NAMES[1:]),
            history(),
            "FileScanners.fdb is not among the live files of EXNODE1.",
        ),
        (files(sets=[backup()], sha256=None), history(), "a listing only"),
        (files(sets=[backup()]), history(Role.UNKNOWN), "it is not known what EXNODE2 was"),
        (files(sets=[backup()]), history(clocks=False), "How far the clock of EXNODE2 was off is not known."),
        (files(sets=[backup()]), RoleHistory("CMS1", (A, B), (), (), (), (), ""), "Which node was active is not"),
    ],
)
def test_what_is_missing_is_named(evidence, roles, words):
    """Where evidence is missing, that nothing shows is not called sure, and each thing that is missing is named."""
    lines = told(analysis(), evidence, roles)
    assert "That is not sure" in lines[0]
    assert any(words in line for line in lines)
    assert any(words in line for line in told(analysis(finding()), evidence, roles))


def test_without_files_nothing_can_be_told():
    """Without a replicated file in the evidence it is not said that nothing was lost."""
    lines = told(analysis(), FileEvidence(NAMES, {}, (), (), {}))
    assert lines[0] == "What was lost cannot be told."
    assert "Data folder" in lines[1]


def test_the_set_to_restore_is_named():
    """The recommended set is told with its place, its time, and the files that it brings back."""
    (line,) = restore(finding(), finding(2, "Template.fdb"), sets=[backup()], recommended="backup:1")
    assert line == (
        "Restore ScanJobs.fdb and Template.fdb from backup:1 (EXNODE1/Data/Backup, made 13:00 by the clock of EXNODE1)."
    )


def test_a_set_without_the_lost_content_is_not_praised():
    """Where the recommended set lacks what was lost, that is said, and which set or node has it."""
    lines = restore(
        finding(recoverable_from=("backup:2",)),
        finding(2, "Template.fdb", recoverable_from=(), live_on=(A,)),
        finding(3, "Filterlists.fdb", recoverable_from=()),
        sets=[backup(made=None), backup(2)],
        recommended="backup:1",
    )
    assert "without what was lost" in lines[0]
    assert "made" not in lines[0]
    assert lines[1] == "What ScanJobs.fdb lost (overwrite:1): backup:2 has it."
    assert "the live file of EXNODE1 still has it" in lines[2]
    assert "no file of the evidence has it any more" in lines[3]


def test_a_divergence_is_no_restore():
    """Two contents that differ are for people to decide: no set is named."""
    (line,) = restore(finding(kind="divergence", cause="passive_edit"))
    assert "differs between the nodes (overwrite:1)" in line
    assert "when EXNODE2 becomes active" in line
