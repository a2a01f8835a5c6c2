"""What became of files in the timeline: each change, backup set and loss that has a time, with what it rests on."""

from __future__ import annotations

import pytest

from forensics.clocks.model import ClockSpan
from forensics.clocks.timeline import Clocks
from forensics.files.analyse import FileAnalysis
from forensics.files.model import (
    BackupSet,
    Cause,
    Edit,
    FileEvidence,
    FileHistory,
    Finding,
    Kind,
    Sighting,
    Trigger,
    Version,
)
from forensics.roles.model import Confidence
from forensics.timeline import TimelineKind, TimelineRow
from forensics.timeline_files import file_rows
from parsers.times import TICKS_PER_SECOND, filetime_from_unix

T0 = filetime_from_unix(1_200_000_000)
NAME = "ScanJobs.fdb"
OLD, NEW = Version("ab" * 32, 1024, T0 - 77), Version("cd" * 32, 1088, T0 + 77)


def at(seconds: int) -> int:
    return T0 + seconds * TICKS_PER_SECOND


def span(node: str, offset: int) -> ClockSpan:
    low = (offset - 1) * TICKS_PER_SECOND
    high = (offset + 1) * TICKS_PER_SECOND
    return ClockSpan(node, at(-900), at(9000), {}, offset * TICKS_PER_SECOND, low, high, 1, ("event:5",), "So it is.")


CLOCKS = Clocks.of([span("A", 0), span("B", 10)])


def backup(made: int | None, low: int | None = None, high: int | None = None) -> BackupSet:
    file = Sighting(7, "B", NAME, "B/Data/Backup/ScanJobs.fdb", OLD, readable=True)
    return BackupSet(
        "backup:3", "B", "B/Data/Backup", made, "stamp", low, high, Trigger.UNKNOWN, {NAME: file}, (), True, True,
        Confidence.PROBABLE, ("file:7", "event:9"), "A stamp says so.",
    )  # fmt: skip


def loss(*, mended: bool = False) -> Finding:
    return Finding(
        "overwrite:1", NAME, "B", Kind.LOST_UPDATE, Cause.UNKNOWN, at(50), at(60), NEW, OLD, (), (),
        Confidence.POSSIBLE, ("file:8",), (), "It was lost.", mended,
    )  # fmt: skip


def rows(*edits: Edit, sets: tuple[BackupSet, ...] = (), findings: tuple[Finding, ...] = ()) -> list[TimelineRow]:
    live = Sighting(8, "A", NAME, "A/Data/ScanJobs.fdb", NEW, readable=True)
    evidence = FileEvidence((NAME,), {"A": {NAME: live}}, sets, (), {})
    analysis = FileAnalysis(findings, (FileHistory(NAME, edits, findings),), sets, None)
    return list(file_rows(analysis, evidence, CLOCKS))


@pytest.mark.parametrize(
    ("how", "word"), [("edit", "saved"), ("install", "installed"), ("rebuild", "rebuilt"), ("restore", "restored")]
)
def test_a_change_of_a_file_is_told(how: str, word: str) -> None:
    """A save is at its time on the reference clock, with the time that was recorded and the files that hold it."""
    (row,) = rows(Edit(NEW, "A", at(5), OLD, how, "It was seen."))
    assert (row.time, row.raw, row.node, row.kind, row.what) == (at(5), NEW.modified, "A", TimelineKind.FILE, word)
    assert (row.object, row.detail, row.confidence, row.references) == (NAME, "It was seen.", None, ("file:8",))


def test_a_change_without_a_time_is_left_out() -> None:
    """What no time is known of has no place in the order."""
    assert rows(Edit(NEW, None, None, None, "unknown", ""), sets=(backup(None),)) == []


def test_a_backup_set_is_on_the_common_clock() -> None:
    """A set is where its node's clock, put right, has it; the recorded time and the bounds stand beside."""
    (row,) = rows(sets=(backup(at(20), at(29), at(33)),))
    assert (row.time, row.low, row.high, row.raw) == (at(30), at(29), at(33), at(20))
    assert (row.kind, row.what, row.confidence) == (TimelineKind.BACKUP, "backup", "probable")
    assert row.references == ("backup:3", "file:7", "event:9")
    (row,) = rows(sets=(backup(at(20)),))
    assert row.low <= row.time <= row.high


def test_a_loss_is_told_when_it_has_happened() -> None:
    """A loss stands at the last moment that it can have happened at, and says whether it was mended since."""
    (row,) = rows(findings=(loss(),))
    assert (row.time, row.low, row.high, row.kind, row.what) == (at(60), at(50), at(60), "overwrite", "lost_update")
    assert (row.references, row.detail) == (("overwrite:1", "file:8"), "It was lost.")
    (row,) = rows(findings=(loss(mended=True),))
    assert "ended since" in row.detail
