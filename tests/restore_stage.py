"""A small case with a folder to restore to, and a place in which any system call of the command can be made to fail.

Run as a script it is a server: it has the program loaded, and forks for each command, so that a run takes a tenth of
what the start of an interpreter takes. strace attaches to the fork before the command begins.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from typer.main import get_command

import cli.app
from cli.app import app
from cli.main import run
from forensics import profile_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMES = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
NODE = "EXNODE1"
MUTATING = (
    "openat,open,creat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,utimensat,"
    "fchmod,chmod,fchmodat,flock,mkdir,mkdirat,link,linkat,symlink,symlinkat,truncate,fallocate,fchown,setxattr"
)
READING = "read,pread64,newfstatat,fstat,getdents64,lseek,statfs"
LEFT = ".ccrf-"
_SECOND = 10**9
_WRITES = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|O_TRUNC")
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")


class Lying(NamedTuple):
    """A file as it lies there. `content` None: a folder, a link or a device."""

    content: bytes | None
    modified_ns: int
    mode: int


Tree = dict[str, Lying]


class Point(NamedTuple):
    """A system call of a run: the `number`-th of that name; `what` is how strace shows it."""

    call: str
    number: int
    what: str


class Ended(NamedTuple):
    """How a command ended. `code`: the exit code; -9: killed."""

    code: int
    output: str
    errors: str


def snapshot(folder: Path) -> Tree:
    """Everything below a folder; folders without their times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        plain = path.is_file() and not path.is_symlink()
        # The times of folders change with the names in them, and of a file beside the lock nobody asks.
        found[path.relative_to(folder).as_posix()] = Lying(
            path.read_bytes() if plain else os.fsencode(path.readlink()) if path.is_symlink() else None,
            0 if path.is_dir() else status.st_mtime_ns,
            status.st_mode,
        )
    return found


def make_evidence(folder: Path, *, absent: str | None = "Filterlists.fdb") -> None:
    """A Data folder with a backup set beside: one file is absent now, one read-only, one called in upper case."""
    data = folder / NODE / "Data"
    data.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        moment = number * _SECOND + 123_456_700
        then = data / f"{name}.20080110120035"
        then.write_bytes(f"then {name} ".encode() * 200)
        os.utime(then, ns=(moment + 1_199_000_000 * _SECOND,) * 2)
        if name == absent:
            continue
        now = data / (name.upper() if name == "ScanJobs.fdb" else name)
        now.write_bytes(f"now {name} ".encode() * 150)
        os.utime(now, ns=(moment + 1_199_990_000 * _SECOND,) * 2)
        now.chmod(0o444 if name == "Notifications.fdb" else 0o640)


class Stage:
    """A case, the folder to restore to, and a canary beside it, at a place that is laid out anew for each run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.case = self.work / "case.db"
        self.data = self.work / "nodes" / NODE / "Data"

    def lay_out(self) -> None:
        """Make the canary, the folder and the case."""
        make_evidence(self.work / "nodes")
        beside = self.data.parent / "Beside"
        beside.mkdir()
        (beside / "canary.fdb").write_bytes(b"sings")
        (beside / "link").symlink_to("../Data")
        (self.data.parent / ".ccrf-0000-0.tmp").write_bytes(b"not ours")
        made = command(["ingest", str(self.case), str(self.data), "--node", NODE, "-q"])
        assert made.code == 0, made

    def keep(self, name: str) -> None:
        """Keep everything as it is now, under a name."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.copytree(self.work, self.root / name, symlinks=True)

    def back_to(self, name: str) -> None:
        """Bring back what was kept."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.root / name, self.work, symlinks=True)

    def there(self) -> dict[str, Lying]:
        """The replicated files as they lie in the folder, by the names that the profile gives them."""
        known = {name.casefold(): name for name in NAMES}
        return {
            known[path.name.casefold()]: Lying(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
            for path in sorted(self.data.iterdir())
            if path.name.casefold() in known
        }

    def beside(self) -> Tree:
        """Everything that no restore may touch."""
        own = {name.casefold() for name in NAMES}
        return {
            path: lying
            for path, lying in snapshot(self.work / "nodes").items()
            if not path.startswith(f"{NODE}/Data/{LEFT}") and path.rsplit("/", 1)[-1].casefold() not in own
        }

    def left(self) -> list[str]:
        """What a restore left of its own, in the folder and beside the case."""
        journals = [path.name for path in self.work.iterdir() if path.name not in {"case.db", "nodes"}]
        return sorted(path.name for path in self.data.iterdir() if path.name.startswith(LEFT)) + journals

    def state(self) -> str | None:
        """How far the last restore has come, as the case has it; None: there was none."""
        connection = sqlite3.connect(self.case)
        try:
            row = connection.execute("SELECT state FROM restores ORDER BY id DESC LIMIT 1").fetchone()
            return None if row is None else row[0]
        finally:
            connection.close()

    def restore_words(self) -> list[str]:
        """The command that restores everything."""
        more = ["--all", "--node", NODE, "--yes", "--assume-stopped", "--force", "a test"]
        return ["restore", str(self.case), "--from", "backup:1", "--to", str(self.data), *more]

    def on_words(self, way: str) -> list[str]:
        """The command that goes on: `--resume` or `--rollback`."""
        return ["restore", str(self.case), "--to", str(self.data), way, "--yes"]


class Server:
    """Runs commands, each in a fork of one process that has the program loaded."""

    def __init__(self, root: Path) -> None:
        self._out, self._err, self._trace = (root / name for name in ("stdout.txt", "stderr.txt", "trace.txt"))
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def _say(self, words: object) -> None:
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def run(self, words: list[str], strace: list[str] | None = None) -> Ended:
        """Run a command to its end, under strace with these arguments where there are any."""
        self._say([words, str(self._out), str(self._err)])
        pid = int(self._process.stdout.readline())
        tracer = None
        if strace is not None:
            line = ["strace", "-qq", "-f", "-o", str(self._trace), *strace, "-p", str(pid)]
            tracer = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            _wait_for_tracer(pid, tracer)
        self._say("go")
        status = int(self._process.stdout.readline())
        if tracer is not None:
            tracer.wait(timeout=30)
            tracer.stderr.close()
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, self._out.read_text(errors="replace"), self._err.read_text(errors="replace"))

    def points(self, words: list[str], below: Path, calls: str = MUTATING) -> tuple[Ended, list[Point], list[str]]:
        """Run a command whole, and tell which of its system calls concern what lies below a folder, in their order."""
        ended = self.run(words, ["-y", "-s", "0", "-e", f"trace={calls}"])
        counts: dict[str, int] = {}
        found, said = [], []
        for call, rest in _calls(self._trace):
            counts[call] = counts.get(call, 0) + 1
            if _concerns(rest, below):
                said.append(f"{call}({rest}")
                if call not in {"openat", "open"} or _WRITES.search(rest):
                    found.append(Point(call, counts[call], rest))
        return ended, found, said

    def fail(self, words: list[str], point: Point, how: str) -> Ended:
        """Run a command whose system call at that point fails: `signal=SIGKILL`, `error=EIO`."""
        inject = f"inject={point.call}:{how}:when={point.number}"
        return self.run(words, ["-e", f"trace={point.call}", "-e", inject])


def _calls(trace: Path) -> Iterator[tuple[str, str]]:
    for line in trace.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is not None:
            yield match[1], match[2]


def _concerns(rest: str, below: Path) -> bool:
    return f"{below}/" in rest or f"{below}>" in rest


def concerning(trace: Path, below: Path) -> list[str]:
    """The calls of a trace that concern what lies below a folder."""
    return [f"{call}({rest}" for call, rest in _calls(trace) if _concerns(rest, below)]


def _wait_for_tracer(pid: int, tracer: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = Path(f"/proc/{pid}/status").read_text()
        if "TracerPid:\t0\n" not in text:
            return
        if tracer.poll() is not None:
            break
        time.sleep(0.002)
    raise OSError(f"strace cannot attach: {tracer.stderr.read().strip() or 'it does not'}")


def why_not() -> str | None:
    """Why no fault can be injected here; None: it can be."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    line = ["strace", "-f", "-o", os.devnull, "-e", "trace=getpid", "-e", "inject=getpid:error=EIO", "true"]
    tried = subprocess.run(line, capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[:200]}"


def command(words: Sequence[str]) -> Ended:
    """Run `ccrf` undisturbed, in this process; the commands are put together once, which takes half of a small one."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            _commands()(list(words), prog_name="ccrf")
        except SystemExit as ended:
            code = ended.code
    return Ended(code or 0, out.getvalue(), err.getvalue())


@cache
def _commands() -> object:
    read = cache(profile_faults.tomllib.loads)
    # The same profile is read again and again: half of what a small restore takes.
    profile_faults.tomllib = SimpleNamespace(
        loads=lambda text: copy.deepcopy(read(text)), TOMLDecodeError=profile_faults.tomllib.TOMLDecodeError
    )
    return get_command(app)


def serve() -> None:
    """Read commands, and run each in a fork, until there are no more."""
    _load_everything()
    cli.app.app = _commands()
    gc.freeze()
    while line := sys.stdin.readline():
        words, out, err = json.loads(line)
        gate, opener = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opener)
            # Where only parents may trace, anybody may trace this one.
            ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))
            for number, path in ((1, out), (2, err)):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.read(gate, 1)
            os.close(gate)
            sys.argv = ["ccrf", *words]
            try:
                run()
            except SystemExit as ended:
                # Without the clearing up of an interpreter, which takes longer than the command.
                sys.stdout.flush()
                os._exit(int(ended.code or 0))
        os.close(gate)
        print(pid, flush=True)  # noqa: T201
        sys.stdin.readline()
        os.write(opener, b"x")
        os.close(opener)
        print(os.waitpid(pid, 0)[1], flush=True)  # noqa: T201


def _load_everything() -> None:
    """Run a restore of another place, so that no module is loaded while calls are counted."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.lay_out()
        for words in (stage.restore_words(), stage.on_words("--rollback"), stage.on_words("--resume")):
            command(words)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    serve()
