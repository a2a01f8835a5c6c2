"""Which backup set is recommended: the complete one that was current on the active node last before the first loss."""

from __future__ import annotations

from dataclasses import replace

from loss_stage import A, B, Stage, version

from forensics.claims import Claim

NAMES = ("FileScanners", "Filterlists", "Notifications", "ScanJobs", "Template")
MOVE = (10_000, 10_020)


def every(text, seconds, **other):
    """All five files, some of them otherwise."""
    return {name: version(f"{text} {name}", seconds) for name in NAMES} | other


def lost(stage):
    """The story of a save in the window of a move and a forced sync, told on a stage that has backups."""
    new = every("old", 1000, ScanJobs=version("new", 9990))
    stage.backup(A, 10_005, **new).event(A, 15_000, Claim.FORCED_SYNC)
    return stage.now(A, **every("old", 1000)).now(B, **every("old", 1000))


def test_the_set_with_the_lost_content_is_recommended():
    """Made when the node turned passive, it holds what was current before the loss."""
    assert lost(Stage([MOVE]).backup(A, 2000, **every("old", 1000))).run().recommended == "backup:2"


def test_of_equal_sets_the_earliest_is_recommended():
    """Two sets with the same contents: the one that was made first."""
    stage = lost(Stage([MOVE]).backup(A, 2000, **every("old", 1000)))
    stage.backup(A, 10_050, **every("old", 1000, ScanJobs=version("new", 9990)))
    assert stage.run().recommended == "backup:2"


def test_a_set_that_lacks_a_file_is_not_recommended():
    """Only a complete set counts; the one before it is current up to the save."""
    stage = Stage([MOVE]).backup(A, 2000, **every("old", 1000))
    stage.backup(A, 10_005, ScanJobs=version("new", 9990)).event(A, 15_000, Claim.FORCED_SYNC)
    stage.now(A, **every("old", 1000)).now(B, **every("old", 1000))
    assert stage.run().recommended == "backup:1"


def test_without_a_loss_no_set_is_recommended():
    """Nothing is to be restored where nothing is gone."""
    stage = Stage([MOVE]).backup(A, 2000, **every("old", 1000))
    assert stage.now(A, **every("old", 1000)).now(B, **every("old", 1000)).run().recommended is None


def test_a_set_made_after_a_crash_with_the_lost_content_is_recommended():
    """Though the crash is known to minutes only: what it holds was current up to the loss, whenever that was."""
    new = every("old", 1000, ScanJobs=version("new", 9990))
    stage = Vague([MOVE]).backup(A, 950, **every("older", 900)).backup(A, 12_000, **new)
    assert stage.now(A, **new).now(B, **every("old", 1000)).run().recommended == "backup:2"


class Vague(Stage):
    """A stage whose moves may have begun long before."""

    def history(self):
        told = super().history()
        moves = tuple(replace(one, earliest=one.earliest - 900 * 10_000_000) for one in told.transitions)
        return replace(told, transitions=moves)
