"""Restores on simulated incidents: what one replication cycle afterwards leaves on both nodes."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from file_stories import case_of

from forensics.case.verify import FaultKind, verify_case
from forensics.errors import RefusedError
from forensics.restore.carry_out import carry_out, roll_back
from forensics.restore.ground import ground_of
from forensics.restore.model import Action, RestorePlan, Times, Wish
from forensics.restore.plan import plan_restore
from forensics.restore.sources import set_of_case
from forensics.restore.target import look
from samples.incident import Incident, random_loss_incident
from samples.incident.content import REPLICATED
from samples.incident.evidence import write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from forensics.case.store import Case

LONG = pytest.mark.long
CYCLE_FILES = sorted(REPLICATED)


def cycle(active: Path, passive: Path) -> None:
    """One cycle as it is documented: the passive node takes what is newer by its last-modified time, times and all."""
    for name in CYCLE_FILES:
        there, here = active / name, passive / name
        if not there.exists():
            continue
        modified = there.stat().st_mtime_ns
        if here.exists() and here.stat().st_mtime_ns >= modified:
            continue
        here.write_bytes(there.read_bytes())
        os.utime(here, ns=(modified, modified))


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and times of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def restored(incident: Incident, folder: Path, times: Times) -> tuple[RestorePlan, Case, Path, Path] | None:
    """The recommended set put back on the active node of an incident; None where none is recommended."""
    root = folder / "nodes"
    write_folder([item for item in incident.items if "/Data/" in item.path], root)
    case = case_of(incident, folder / "case.db")
    ground = ground_of(case)
    if ground.losses.recommended is None:
        case.close()
        return None
    source = set_of_case(case, ground.losses, "backup")
    assert source is not None
    node = max((one for one in ground.history.intervals if one.role == "active"), key=lambda one: one.end).node
    target = look(root / node / "Data", ground.files.names)
    # That its services are stopped, and that a later edit goes, are for the analyst to say.
    wish = Wish(times=times, assume_stopped=True, reason="a test")
    plan = plan_restore(ground, source, target, wish)
    other = next(path for path in sorted(root.iterdir()) if path.name != node)
    if plan.changing:
        carry_out(case, ground, plan, target)
    return plan, case, root / node / "Data", other / "Data"


def judged(seed: int, folder: Path, times: Times) -> tuple[Counter[str], list[str]]:
    """What becomes of one incident: counts, and sentences on what is wrong."""
    incident = random_loss_incident(seed, complete=True)
    done = restored(incident, folder, times)
    if done is None:
        return Counter(), []
    plan, case, active, passive = done
    counts, wrong = Counter(incidents=1), []
    cycle(active, passive)
    for one in plan.changing:
        assert one.coming is not None
        counts["files"] += 1
        both = [place / one.name for place in (active, passive)]
        good = [path.exists() and path.read_bytes() == one.coming.content for path in both]
        counts["spread"] += all(good)
        if not good[0]:
            wrong.append(f"{seed}: {one.name} is not back on the active node")
    # What was not to be touched has its bytes and its time.
    there = {item.path: item for item in incident.items}
    for one in plan.files:
        item = there.get(f"{active.parent.name}/Data/{one.name}")
        if one.action in {Action.LEAVE, Action.KEEP} and item is not None:
            path = active / one.name
            if path.read_bytes() != item.content or (path.stat().st_mtime_ns // 100) != (
                item.modified - 116444736000000000
            ):
                wrong.append(f"{seed}: {one.name} was touched")
    # A case that was made without an ingest has no audit of one.
    wrong += [f"{seed}: {fault}" for fault in verify_case(case) if fault.kind is not FaultKind.RECORD]
    wrong += [f"{seed}: left {path.name}" for path in active.iterdir() if path.name.startswith(".ccrf")]
    case.close()
    return counts, wrong


@pytest.mark.parametrize("seeds", [range(24), pytest.param(range(24, 300), marks=LONG)], ids=["some", "many"])
def test_a_cycle_carries_the_restored_content_to_both_nodes(seeds: range, tmp_path: Path) -> None:
    """With the default times every restored file is on both nodes after one cycle, and nothing else was touched."""
    counts, wrong = Counter(), []
    for seed in seeds:
        (tmp_path / str(seed)).mkdir()
        one, faults = judged(seed, tmp_path / str(seed), Times.NEWEST)
        counts += one
        wrong += faults
    assert wrong == []
    assert counts["files"] >= counts["incidents"] > len(seeds) // 4
    assert counts["spread"] == counts["files"]


def test_with_the_times_of_the_set_replication_skips(tmp_path: Path) -> None:
    """With the set's own times a cycle leaves the good content on one node alone, in most incidents: hence `newest`."""
    counts = Counter()
    for seed in range(24):
        (tmp_path / str(seed)).mkdir()
        one, wrong = judged(seed, tmp_path / str(seed), Times.PRESERVE)
        assert wrong == []
        counts += one
    assert counts["files"] > 0
    assert counts["spread"] < counts["files"]


def test_a_finished_restore_is_undone(tmp_path: Path) -> None:
    """Undoing the last restore brings every byte and every time back, and a second undoing finds nothing to undo."""
    undone = 0
    for seed in range(8):
        incident = random_loss_incident(seed, complete=True)
        before = tmp_path / f"{seed}-before"
        write_folder([item for item in incident.items if "/Data/" in item.path], before)
        (tmp_path / str(seed)).mkdir()
        done = restored(incident, tmp_path / str(seed), Times.NEWEST)
        if done is None:
            continue
        plan, case, active, _ = done
        if plan.changing:
            assert snapshot(active) != snapshot(before / active.parent.name / "Data")
            roll_back(case, active)
            assert snapshot(active) == snapshot(before / active.parent.name / "Data")
            with pytest.raises(RefusedError, match="nothing to undo"):
                roll_back(case, active)
            undone += 1
        case.close()
    assert undone > 2
