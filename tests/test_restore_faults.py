"""A restore whose n-th system call fails, or is its last: nothing half-written, and all new or all old in the end.

Every mutating call that concerns the folder or the case is a point: the process is killed there, or the call gives
ENOSPC, EIO or EACCES. A call that is killed has not happened, so each point is the state between two calls.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from restore_stage import MUTATING, READING, Ended, Lying, Point, Server, Stage, command, concerning, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace is a tool of Linux"),
    pytest.mark.skipif((_why := why_not()) is not None, reason=str(_why)),
]
KILL = "signal=SIGKILL"
ERRORS = ("error=ENOSPC", "error=EIO", "error=EACCES")
WAYS = ("--resume", "--rollback")
# What the case has of a restore that did not end.
OPEN = {"begun", "undoing"}
# What `--resume` and `--rollback` end in, by what the case has: exit code, and which files lie there.
ENDS = {
    (None, "--resume"): (4, "old"),
    (None, "--rollback"): (4, "old"),
    ("begun", "--resume"): (0, "new"),
    ("begun", "--rollback"): (0, "old"),
    ("undoing", "--resume"): (0, "new"),
    ("undoing", "--rollback"): (0, "old"),
    ("done", "--resume"): (4, "new"),
    ("done", "--rollback"): (0, "old"),
    ("undone", "--resume"): (4, "old"),
    ("undone", "--rollback"): (4, "old"),
}


class Play(NamedTuple):
    """A command that is disturbed: where it begins, its words, and the points at which it is."""

    start: str
    words: list[str]
    points: list[Point]
    said: list[str]


class Theatre:
    """The stage, what lay there before and what lies there after a restore, and the plays."""

    def __init__(self, root: Path, server: Server) -> None:
        self.stage = Stage(root)
        self.server = server
        stage = self.stage
        stage.lay_out()
        self.canary = stage.beside()
        self.files = {"old": stage.there()}
        self.kept: dict[str, dict[str, Lying]] = {}
        stage.keep("fresh")
        self.plays = {"restore": self._play("fresh", stage.restore_words())}
        self.files["new"] = stage.there()
        assert set(self.files["new"]) > set(self.files["old"])
        assert all(self.files["new"][name][:2] != lying[:2] for name, lying in self.files["old"].items())
        stage.keep("done")
        self.plays["undo"] = self._play("done", stage.on_words("--rollback"))
        assert stage.there() == self.files["old"]
        # Killed in the midst of the names: some files are new, some are old.
        points = self.plays["restore"].points
        last = [point for point in points if point.call.startswith("rename")][-2]
        stage.back_to("fresh")
        assert self.server.fail(stage.restore_words(), last, KILL).code == -9
        there = stage.there()
        assert {self.side(name, there) for name in self.files["new"]} == {"old", "new"}
        stage.keep("cut")
        for way in WAYS:
            self.plays[way.strip("-")] = self._play("cut", stage.on_words(way))

    def _play(self, start: str, words: list[str]) -> Play:
        self.stage.back_to(start)
        self.kept[start] = self.stage.there()
        ended, points, said = self.server.points(words, self.stage.work)
        assert ended.code == 0, ended
        return Play(start, words, points, said)

    def reads(self, play: Play) -> list[Point]:
        """The calls of a play that only read."""
        self.stage.back_to(play.start)
        return self.server.points(play.words, self.stage.work, READING)[1]

    def side(self, name: str, there: dict[str, Lying]) -> str:
        """Whether a file is the old one or the new one, in its bytes, its time and its mode."""
        sides = [side for side, files in self.files.items() if files.get(name) == there.get(name)]
        assert sides, f"{name} is neither the old nor the new file: {there.get(name)}"
        return sides[0]

    def sides(self) -> set[str]:
        """Which files lie there; none is half-written, and nothing beside them was touched."""
        there = self.stage.there()
        found = {self.side(name, there) for name in self.files["new"]}
        assert self.stage.beside() == self.canary
        return found

    def go_on(self, way: str) -> tuple[str | None, Ended]:
        """`--resume` or `--rollback`, which must end as the case's journal says that it does."""
        state = self.stage.state()
        done = command(self.stage.on_words(way))
        code, side = ENDS[state, way]
        assert (done.code, self.sides()) == (code, {side}), (state, way, done)
        # Of a transaction that was cut off early SQLite leaves a journal that is none yet, until the next one.
        journal = set() if code == 0 else {f"{self.stage.case.name}-journal"}
        assert set(self.stage.left()) <= journal
        return state, done

    def works(self) -> None:
        """The case fits, and a new restore puts everything back."""
        assert command(["verify", str(self.stage.case)]).code == 0
        done = command(self.stage.restore_words())
        assert (done.code, self.sides(), self.stage.left()) == (0, {"new"}, []), done


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    """Laid out in memory where that can be: thousands of calls are synced."""
    fast = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    place = fast if os.access(fast, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(dir=place, prefix="ccrf-faults-") as folder,
        closing(Server(Path(folder))) as server,
    ):
        yield Theatre(Path(folder), server)


def chosen(points: Sequence[Point], hows: Sequence[str], step: int) -> list[tuple[Point, str]]:
    """Every `step`-th of all points with all kinds of faults."""
    return [(point, how) for point in points for how in hows][::step]


def judge(theatre: Theatre, play: Play, ended: Ended, how: str, *, reading: bool) -> str | None:
    """What must hold at once after a fault; returns how far the case says that it has come.

    A command that could not read what it needs, and left everything as it found it, may say that alone.
    """
    stage = theatre.stage
    sides, state = theatre.sides(), stage.state()
    if how == KILL:
        assert ended.code == -9
        return state
    # What cannot be read at all is no case.
    assert ended.code in ({0, 1, 2, 4} if reading else {0, 1, 4}), ended
    assert "a bug in ccrf" not in ended.errors
    if state not in OPEN:
        assert sides == {"new" if state == "done" else "old"}, (state, ended)
    if ended.code == 0:
        assert (state, sides, stage.left()) == (
            ("undone", {"old"}, []) if "--rollback" in play.words else ("done", {"new"}, [])
        )
    elif ended.code in {2, 4}:
        assert stage.there() == theatre.kept[play.start]
    elif state in OPEN and not (reading and stage.there() == theatre.kept[play.start]):
        assert "--resume" in ended.errors, ended
        assert "--rollback" in ended.errors, ended
    if "as it was before" in ended.errors:
        assert sides == {"old"}
    return state


def disturbed(
    theatre: Theatre, name: str, faults: Sequence[tuple[Point, str]], *, reading: bool = False
) -> Counter[str]:
    """Run a play with each of the faults; afterwards `--resume` must end in all new, and `--rollback` in all old."""
    play, stage = theatre.plays[name], theatre.stage
    counts: Counter[str] = Counter()
    wrong = []
    for number, (point, how) in enumerate(faults):
        where = f"{name}, {how} at {point.call} {point.number}: {point.what}"
        stage.back_to(play.start)
        try:
            ended = theatre.server.fail(play.words, point, how)
            state = judge(theatre, play, ended, how, reading=reading)
            counts[how.partition("=")[2]] += 1
            counts[f"then {state}"] += 1
            both = how == KILL
            if both:
                stage.keep("after")
            for way in WAYS if both else WAYS[number % 2 :][:1]:
                if both:
                    stage.back_to("after")
                theatre.go_on(way)
            if number % 3 == 0:
                theatre.works()
                counts["and again"] += 1
        except AssertionError as error:
            wrong.append(f"{where}: {error}")
    assert not wrong, "\n\n".join([f"{len(wrong)} of {len(faults)} ended badly", *wrong])
    return counts


def tell(capsys: pytest.CaptureFixture[str], what: str, of: int, counts: Counter[str]) -> None:
    """Print the counts, whatever pytest captures."""
    with capsys.disabled():
        print(f"\n  {what}: {of} points; {', '.join(f'{n} {word}' for word, n in sorted(counts.items()))}", flush=True)  # noqa: T201


# No step has a divisor in common with the number of kinds of faults: each kind has its turn.
STEPS = [pytest.param(5, id="every-fifth"), pytest.param(1, id="every", marks=pytest.mark.long)]


@pytest.mark.parametrize("step", STEPS)
def test_a_restore_disturbed_at_any_call(theatre, capsys, step):
    """Killed or failing at any mutating call, no file is torn; --resume ends in all new, --rollback in all old."""
    points = theatre.plays["restore"].points
    counts = disturbed(theatre, "restore", chosen(points, (KILL, *ERRORS), step))
    tell(capsys, "restore", len(points), counts)
    assert len(points) > 100
    assert {f"then {state}" for state in (None, "begun", "done", "undone")} <= set(counts)
    assert min(counts[how.partition("=")[2]] for how in (KILL, *ERRORS)) >= len(points) // (step + 1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ["resume", "rollback", "undo"])
def test_a_second_fault(theatre, capsys, name, step):
    """--resume and --rollback of a mixture, and --rollback of a finished restore, can be disturbed and repeated."""
    points = theatre.plays[name].points
    faults = chosen(points, (KILL, *ERRORS), 2 * step - 1)
    counts = disturbed(theatre, name, faults)
    tell(capsys, name, len(points), counts)
    assert len(points) > 30
    assert len(set(counts) & {"then begun", "then undoing", "then done", "then undone"}) > 1
    assert sum(counts[how.partition("=")[2]] for how in (KILL, *ERRORS)) == len(faults)


@pytest.mark.long
@pytest.mark.parametrize("name", ["restore", "resume", "rollback", "undo"])
def test_a_read_that_fails(theatre, capsys, name):
    """An error of any call that only reads leaves no mixture unnoticed either."""
    points = theatre.reads(theatre.plays[name])
    counts = disturbed(theatre, name, chosen(points, ("error=EIO",), 1), reading=True)
    tell(capsys, f"{name}, reading", len(points), counts)
    assert len(points) > 20


def test_the_order_of_what_is_written(theatre):
    """The journal is on the disk before a file is staged, a file before it is renamed, the names before the end."""
    said = [line for line in theatre.plays["restore"].said if "O_RDONLY" not in line]
    told = [_told(line) for line in said]
    renames = [n for n, (call, path) in enumerate(told) if call == "rename" and not path.endswith("-two.tmp")]
    assert len(renames) == len(theatre.files["new"])
    commits = [n for n, (call, path) in enumerate(told) if call == "unlink" and path.endswith("case.db-journal")]
    begun, done = commits
    # SQLite syncs the folder of the case after the journal's name went: then the transaction stands.
    assert told[begun + 1] == told[done + 1] == ("sync", "work")
    staged = [n for n, (call, path) in enumerate(told) if call == "open" and re.fullmatch(r".*-\d\.tmp", path)]
    assert begun + 1 < min(staged) < max(staged) < min(renames)
    for number in renames:
        source = re.search(r'"(\.ccrf-[^"]*)"', said[number])[1]
        writes = [n for n, (call, path) in enumerate(told) if call in {"write", "time", "mode"} and path == source]
        syncs = [n for n, one in enumerate(told) if one == ("sync", source)]
        assert max(writes) < max(syncs) < min(renames)
    # The names of what is staged, and of what was replaced, before the case says more.
    folder = [n for n, one in enumerate(told) if one == ("sync", "Data")]
    assert any(max(staged) < n < min(renames) for n in folder)
    assert any(max(renames) < n < done for n in folder)
    unlocked = [n for n, one in enumerate(told) if one == ("unlink", ".ccrf-restore.lock")]
    assert len(unlocked) == 1
    assert done < unlocked[0]
    # The lock says that files may be touched, on the disk, before the first of them is.
    notes = [n for n, one in enumerate(told) if one == ("sync", ".ccrf-restore.lock")]
    assert any(begun < n < min(staged) for n in notes)


_KINDS = {
    "openat": "open",
    "write": "write",
    "pwrite64": "write",
    "utimensat": "time",
    "fchmod": "mode",
    "fsync": "sync",
    "fdatasync": "sync",
    "renameat": "rename",
    "renameat2": "rename",
    "unlinkat": "unlink",
    "unlink": "unlink",
}


def _told(line: str) -> tuple[str, str]:
    """A call as strace shows it: what it does, and the last name in it that it does it to."""
    call, _, rest = line.partition("(")
    names = re.findall(r'"([^"]+)"', rest.rpartition(") = ")[0]) or re.findall(r"<([^>]+)>", rest)[:1]
    return _KINDS.get(call, call), names[-1].rsplit("/", 1)[-1]


def test_the_command_makes_the_same_calls(theatre):
    """What is disturbed here is what the command does when it is started: the same calls, in the same order."""
    stage = theatre.stage
    stage.back_to("fresh")
    trace = stage.root / "command.txt"
    line = ["strace", "-f", "-y", "-s", "0", "-o", str(trace), "-e", f"trace={MUTATING}", sys.executable]
    done = subprocess.run(
        [*line, "-m", "cli.main", *stage.restore_words()], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = [_told(one) for one in concerning(trace, stage.work)]
    here = [_told(one) for one in theatre.plays["restore"].said]
    assert [_without_token(one) for one in found] == [_without_token(one) for one in here]
    assert len(found) > 100


def _without_token(told: tuple[str, str]) -> tuple[str, str]:
    return told[0], re.sub(r"[0-9a-f]{16}", "TOKEN", told[1])
